"""Receipts: who is told of which fire, what the receipt says, and when it comes."""

from collections.abc import Callable

import pytest
from support.core_driver import SECOND, START, CoreDriver, Line, configuration, logged_out, orders_canceled, quantity
from support.receipts import asking, copied, entries, receipt, receipts_in, with_orders

from codec.layout import CancelOnDisconnectScope, Cause, Side
from gateway.limits import ORDERS_CANCELED_ENTRIES_MAX
from gateway.venue_controls import KillClient, KillPortfolio, Lock, Revoke

PORTFOLIO = CancelOnDisconnectScope.PORTFOLIO


def fall_silent(driver: CoreDriver, line: Line) -> None:
    """This one alone."""
    driver.tick(12 * SECOND)
    for other in driver.lines.values():
        if other is not line:
            other.send("Heartbeat", correlation_id=0)
    driver.tick(3 * SECOND)


def read_no_more(driver: CoreDriver, line: Line) -> None:
    line.blocked = True
    driver.core.slow(line.link, driver.now)


WAYS: dict[Cause, Callable[[CoreDriver, Line], object]] = {
    Cause.TCP_CLOSED: lambda _, line: line.half_close(),
    Cause.TCP_RESET: lambda _, line: line.lose(),
    Cause.HEARTBEAT_MISSED: fall_silent,
    Cause.LOGOUT: lambda _, line: line.send("Logout", reason="done"),
    Cause.DISPLACED: lambda driver, _: driver.connect().logon("maker-1", reset=False, number=100),
    Cause.PROTOCOL_VIOLATION: lambda _, line: line.raw(bytes(8)),
    Cause.SLOW_CONSUMER: read_no_more,
    Cause.GATEWAY_SHUTDOWN: lambda driver, _: driver.core.shut_down(driver.now),
    Cause.ADMIN: lambda driver, _: driver.core.control(KillClient("maker-1"), driver.now),
}
UNREAD = (Cause.TCP_RESET, Cause.SLOW_CONSUMER)
"""Where nothing goes out on the line any more: then the stream says what there would have been."""
BY_CAUSE = pytest.mark.parametrize("cause", list(WAYS), ids=lambda cause: cause.name)


def reason_of(cause: Cause) -> int:
    return 3 if cause is Cause.ADMIN else 7


# Its own session


@BY_CAUSE
def test_a_session_that_asked_is_told_after_its_last_cancel_and_before_the_end(cause: Cause) -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    watcher = driver.logged_on("watch-1")
    maker = with_orders(asking(driver, "maker-1"), 1, 2, 3)
    heard = driver.now
    WAYS[cause](driver, maker)
    fenced = driver.now
    maker.take()
    watcher.take()
    first = driver.session("maker-1").stream.next_number
    driver.now += 5
    driver.settle()
    gone = entries(1, 2, 3, reason=reason_of(cause))
    said = receipt(
        "maker-1", cause, gone, (first, first + 1), fenced, last_heard_time=heard, completed_time=fenced + 5,
        timestamp=fenced + 5,
    )  # fmt: skip
    cancels = [orders_canceled(4, gone[:2], fenced, is_last=False), orders_canceled(4, gone[2:], fenced)]
    told = [("OrdersCanceled", cancels[0]), ("OrdersCanceled", cancels[1]), ("CancelOnDisconnectReceipt", said)]
    frames = copied(watcher)
    assert [(frame.name, frame.fields) for _, _, frame in frames] == told
    assert [number for _, number, _ in frames] == [first, first + 1, first + 2]
    assert [frame.header.sequence_number for _, _, frame in frames] == [first, first + 1, first + 2]
    if cause in UNREAD:
        assert maker.read() == []
    else:
        read = [(name, fields) for _, name, fields in maker.read()]
        assert read[:3] == told
        goodbyes = [name for name, _ in read[3:]]
        assert goodbyes == ([] if cause is Cause.TCP_CLOSED else ["LoggedOut"])


@BY_CAUSE
def test_a_session_that_has_not_asked_is_told_nothing_but_drop_copy_is(cause: Cause) -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver.logged_on("maker-1"), 1, 2)
    heard = driver.now
    WAYS[cause](driver, maker)
    fenced = driver.now
    first = driver.session("maker-1").stream.next_number
    driver.settle()
    assert "CancelOnDisconnectReceipt" not in maker.names()
    ((client_id, number, frame),) = [copy for copy in copied(watcher) if copy[2].name == "CancelOnDisconnectReceipt"]
    gone = entries(1, 2, reason=reason_of(cause))
    said = receipt("maker-1", cause, gone, (first, first), fenced, last_heard_time=heard)
    assert (client_id, number, frame.header.sequence_number, frame.fields) == ("maker-1", None, 0, said)


@BY_CAUSE
def test_who_had_no_order_is_told_so(cause: Cause) -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    maker = asking(driver, "maker-1")
    WAYS[cause](driver, maker)
    driver.settle()
    (said,) = receipts_in(watcher)
    expected = receipt("maker-1", cause, [], None, driver.now, last_heard_time=START)
    assert said == expected
    assert said["digest"] == 0xEF46DB3751D8E999, "XXH64 of nothing"


def test_what_had_filled_goes_into_the_digest() -> None:
    driver = CoreDriver()
    taker = driver.logged_on("stranger-1")
    maker = with_orders(asking(driver, "maker-1"), 1, 2)
    taker.order(3, side=Side.SELL, quantity=quantity(0.25))
    maker.take()
    maker.half_close()
    driver.settle()
    gone = [*entries(1, filled=0.25), *entries(2)]
    assert maker.read()[1][2] == receipt("maker-1", Cause.TCP_CLOSED, gone, (6, 6))


@pytest.mark.parametrize("count", [31, 32, 33, 64, ORDERS_CANCELED_ENTRIES_MAX + 33])
def test_the_digest_runs_over_all_frames_of_the_fire(count: int) -> None:
    driver = CoreDriver(configuration(drain_step_orders=65_536))
    maker = with_orders(asking(driver, "maker-1"), *range(1, count + 1))
    maker.half_close()
    driver.settle()
    *cancels, (number, name, fields) = maker.read()
    assert name == "CancelOnDisconnectReceipt"
    gone = [entry for _, _, cancel in cancels for entry in cancel["orders"]]
    assert len(gone) == count
    assert fields == receipt("maker-1", Cause.TCP_CLOSED, gone, (cancels[0][0], number - 1))


def test_orders_that_are_not_covered_are_exempt() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order"))
    maker = with_orders(asking(driver, "maker-1"), 1, 2, 3)
    with_orders(maker, 4, 5, flags=1)
    maker.half_close()
    driver.settle()
    (_, _, cancel), (_, _, said) = maker.read()
    gone = entries(4, 5)
    assert cancel == orders_canceled(6, gone)
    assert said == receipt("maker-1", Cause.TCP_CLOSED, gone, (8, 8), exempt=3)


@pytest.mark.parametrize("control", [KillClient("maker-1"), KillPortfolio(1), Revoke("maker-1")], ids=repr)
def test_what_the_venue_ends_leaves_nothing_exempt(control: KillClient | KillPortfolio | Revoke) -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order"))
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver.logged_on("maker-1"), 1)
    with_orders(maker, 2, flags=1)
    driver.core.control(control, driver.now)
    driver.settle()
    gone = [*entries(2, reason=3), *entries(1, reason=3)]
    assert receipts_in(watcher) == [receipt("maker-1", Cause.ADMIN, gone, (4, 4))]


def test_a_killed_portfolio_tells_of_those_who_are_not_connected_too() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order"))
    watcher = driver.logged_on("watch-1")
    with_orders(driver.logged_on("maker-1"), 1).lose()
    driver.settle()
    receipts_in(watcher)
    driver.core.control(KillPortfolio(1), driver.now)
    driver.settle()
    gone = entries(1, reason=3)
    assert receipts_in(watcher) == [receipt("maker-1", Cause.ADMIN, gone, (3, 3), scope=PORTFOLIO)]


def test_the_loss_of_a_drop_copy_session_makes_none() -> None:
    driver = CoreDriver(configuration({"watch-1": (1, "drop_copy"), "watch-3": (1, "drop_copy")}))
    watcher, other = driver.logged_on("watch-1"), driver.logged_on("watch-3")
    other.lose()
    driver.settle()
    assert watcher.read() == []
    assert driver.ends() == [("watch-3", "TCP_RESET", 0)]


def test_a_lock_of_the_venue_makes_none() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    maker = with_orders(asking(driver, "maker-1"), 1)
    driver.core.control(Lock(1), driver.now)
    driver.settle()
    assert maker.names() == ["OrdersCanceled"]
    assert [frame.name for _, _, frame in copied(watcher)] == ["NewOrderResponse", "OrdersCanceled"]


def test_orders_that_a_lock_had_killed_before_are_in_no_receipt() -> None:
    driver = CoreDriver()
    maker = with_orders(asking(driver, "maker-1"), 1, 2)
    driver.core.control(Lock(1), driver.now)
    maker.half_close()
    driver.settle()
    locked, said = maker.read()
    assert locked[1:] == ("OrdersCanceled", orders_canceled(3, entries(1, 2, reason=15)))
    assert said[1:] == ("CancelOnDisconnectReceipt", receipt("maker-1", Cause.TCP_CLOSED, [], None))


# What goes before, and what has to wait


def test_each_fire_of_a_session_has_its_own_receipt_with_its_own_counts() -> None:
    """The dead man's switch strikes; then the line is lost, with an order that was entered meanwhile."""
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = with_orders(asking(driver, "maker-1"), 1, 2)
    maker.send("CancelAllAfterRequest", correlation_id=1, timeout_ms=1000, arm_sequence=None, scope=1)
    heard = driver.now
    maker.take()
    driver.core.tick(driver.now + SECOND, driver.now + SECOND)
    driver.now += SECOND
    maker.order(3)
    maker.half_close()
    driver.settle()
    frames = [(name, fields) for _, name, fields in maker.read() if name != "NewOrderResponse"]
    first, second = entries(1, 2), entries(3)
    assert frames == [
        ("OrdersCanceled", orders_canceled(3, first[:1], driver.now, is_last=False)),
        ("OrdersCanceled", orders_canceled(3, first[1:], driver.now)),
        (
            "CancelOnDisconnectReceipt",
            receipt(
                "maker-1", Cause.DEAD_MAN_EXPIRED, first, (7, 8), driver.now, scope=PORTFOLIO, last_heard_time=heard
            ),
        ),
        ("OrdersCanceled", orders_canceled(5, second, driver.now)),
        ("CancelOnDisconnectReceipt", receipt("maker-1", Cause.TCP_CLOSED, second, (10, 10), driver.now)),
    ]


def test_a_logon_waits_for_a_fire_that_strikes_a_session_nobody_is_connected_to() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order", drain_step_orders=1))
    with_orders(asking(driver, "maker-1"), 1, 2).lose()
    driver.settle()
    driver.core.control(KillPortfolio(1), driver.now)
    driver.step()
    newcomer = driver.connect()
    newcomer.raw(newcomer.logon_frame("maker-1", reset=False, number=9) + newcomer.frame("TestRequest", {}))
    driver.flush()
    assert newcomer.read() == []
    driver.settle()
    # 4, 5, 6 and 7 of its stream were the receipt of the loss, two cancels, and the receipt of the kill.
    assert [(number, name) for number, name, _ in newcomer.read()] == [(9, "LogonConf"), (10, "Heartbeat")]


def test_goodbye_is_said_after_the_receipts_of_all_that_struck_meanwhile() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order", drain_step_orders=1))
    maker = with_orders(asking(driver, "maker-1"), 1, flags=1)
    with_orders(maker, 2)
    maker.send("Logout", reason="done")
    driver.core.control(KillPortfolio(1), driver.now)
    driver.settle()
    told = [(name, fields) for _, name, fields in maker.read()]
    assert told == [
        ("OrdersCanceled", orders_canceled(3, entries(1))),
        ("CancelOnDisconnectReceipt", receipt("maker-1", Cause.LOGOUT, entries(1), (5, 5), exempt=1)),
        ("OrdersCanceled", orders_canceled(4, entries(2, reason=3))),
        (
            "CancelOnDisconnectReceipt",
            receipt("maker-1", Cause.ADMIN, entries(2, reason=3), (7, 7), scope=PORTFOLIO),
        ),
        ("LoggedOut", logged_out(Cause.LOGOUT)),
    ]
