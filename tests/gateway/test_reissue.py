"""A logon with reset finds the cancels and the receipts of the connection before it, under new numbers."""

import pytest
from support.core_driver import SECOND, CoreDriver, configuration, logon_conf, orders_canceled
from support.receipts import asking, copied, entries, receipt, receipts_in, with_orders

from codec.layout import CancelOnDisconnectScope, Cause
from gateway.limits import FIRES_REMEMBERED_MAX
from gateway.venue_controls import KillPortfolio

PORTFOLIO = CancelOnDisconnectScope.PORTFOLIO


@pytest.mark.parametrize("way", ["caused it", "waited for it", "came later"])
def test_the_receipt_names_the_new_numbers_of_the_cancels(way: str) -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    watcher = driver.logged_on("watch-1")
    maker = with_orders(asking(driver, "maker-1"), 1, 2, 3)
    cause = Cause.DISPLACED if way == "caused it" else Cause.TCP_CLOSED
    if way != "caused it":
        maker.half_close()
    if way == "came later":
        driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    driver.settle()
    first, second = orders_canceled(4, entries(1, 2), is_last=False), orders_canceled(4, entries(3))
    said = receipt("maker-1", cause, entries(1, 2, 3), (2, 3))
    assert again.read() == [
        (1, "LogonConf", logon_conf()),
        (2, "OrdersCanceled", first),
        (3, "OrdersCanceled", second),
        (4, "CancelOnDisconnectReceipt", said),
    ]
    # Drop copy had it once, under the numbers of the generation in which it happened.
    assert receipts_in(watcher) == [said | {"first_sequence_number": 6, "last_sequence_number": 7}]
    again.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
    assert [(number, name) for number, name, _ in again.read()] == [
        (1, "GapFill"),
        (2, "OrdersCanceled"),
        (3, "OrdersCanceled"),
        (4, "CancelOnDisconnectReceipt"),
    ]


def test_a_receipt_of_nothing_is_told_again_without_numbers() -> None:
    driver = CoreDriver()
    asking(driver, "maker-1").half_close()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    assert again.read()[1:] == [(2, "CancelOnDisconnectReceipt", receipt("maker-1", Cause.TCP_CLOSED, [], None))]


def test_who_had_not_asked_is_told_the_cancels_alone() -> None:
    driver = CoreDriver()
    with_orders(driver.logged_on("maker-1"), 1).half_close()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    assert again.read()[1:] == [(2, "OrdersCanceled", orders_canceled(2, entries(1)))]


def test_what_was_delivered_is_not_told_again() -> None:
    driver = CoreDriver()
    maker = with_orders(asking(driver, "maker-1"), 1)
    maker.send("Logout", reason="done")
    driver.settle()
    assert maker.names() == ["OrdersCanceled", "CancelOnDisconnectReceipt", "LoggedOut"]
    again = driver.connect()
    again.logon("maker-1")
    assert again.names() == ["LogonConf"]


def test_what_strikes_after_a_goodbye_that_was_delivered_is_told_and_the_rest_is_not() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order"))
    maker = with_orders(asking(driver, "maker-1"), 1, flags=1)
    with_orders(maker, 2)
    maker.send("Logout", reason="done")
    driver.settle()
    assert maker.names() == ["OrdersCanceled", "CancelOnDisconnectReceipt", "LoggedOut"]
    driver.core.control(KillPortfolio(1), driver.now)
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    gone = entries(2, reason=3)
    assert again.read()[1:] == [
        (2, "OrdersCanceled", orders_canceled(4, gone)),
        (3, "CancelOnDisconnectReceipt", receipt("maker-1", Cause.ADMIN, gone, (2, 2), scope=PORTFOLIO)),
    ]


def test_what_struck_a_line_that_was_dead_already_is_told() -> None:
    """The dead man's switch struck before the gateway noticed that nobody was there any more."""
    driver = CoreDriver()
    maker = with_orders(asking(driver, "maker-1"), 1)
    maker.send("CancelAllAfterRequest", correlation_id=1, timeout_ms=1000, arm_sequence=None, scope=1)
    heard = driver.now
    maker.take()
    driver.tick(SECOND)
    driver.settle()
    struck = driver.now
    driver.now += SECOND
    maker.lose()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    by_switch = receipt(
        "maker-1", Cause.DEAD_MAN_EXPIRED, entries(1), (2, 2), struck, scope=PORTFOLIO, last_heard_time=heard
    )
    assert again.read()[1:] == [
        (2, "OrdersCanceled", orders_canceled(2, entries(1), struck)),
        (3, "CancelOnDisconnectReceipt", by_switch),
        (
            4,
            "CancelOnDisconnectReceipt",
            receipt("maker-1", Cause.TCP_RESET, [], None, driver.now, last_heard_time=heard),
        ),
    ]


def test_it_is_told_to_the_next_connection_and_to_no_later_one() -> None:
    driver = CoreDriver()
    with_orders(asking(driver, "maker-1"), 1).lose()
    driver.settle()
    driver.logged_on("maker-1", reset=False, number=9).lose()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    assert again.names() == ["LogonConf"]


def test_the_generation_before_is_forgotten_with_the_allowance_for_it() -> None:
    driver = CoreDriver(configuration(resend_depth_bytes=65_536))
    maker = with_orders(asking(driver, "maker-1"), *range(1, 6_001))
    maker.lose()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    *cancels, (number, name, said) = again.read()[1:]
    gone = [entry for _, _, cancel in cancels for entry in cancel["orders"]]
    assert (name, said) == (
        "CancelOnDisconnectReceipt",
        receipt("maker-1", Cause.TCP_RESET, gone, (2, number - 1)),
    )
    assert [entry["order_id"] for entry in gone] == list(range(1, 6_001))


def test_of_very_many_fires_of_one_connection_the_last_ones_are_remembered() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    maker = asking(driver, "maker-1")
    for number in range(1, FIRES_REMEMBERED_MAX + 4):
        with_orders(maker, number)
        maker.send("CancelAllAfterRequest", correlation_id=1, timeout_ms=1, arm_sequence=None, scope=1)
        driver.tick(1_000_000)
        driver.settle()
    assert len(receipts_in(watcher)) == FIRES_REMEMBERED_MAX + 3
    maker.lose()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1")
    gone = [fields["orders"][0]["order_id"] for _, name, fields in again.read() if name == "OrdersCanceled"]
    assert gone == list(range(5, FIRES_REMEMBERED_MAX + 4))
    assert copied(watcher)[-1][2].fields["bound_count"] == 0
