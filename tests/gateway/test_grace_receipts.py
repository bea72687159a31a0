"""What receipts say of a lost session, and what its switches do: they belong to the connection, and so to its loss."""

from typing import Any

import pytest
from support.core_driver import (
    KEYS,
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    logged_out,
    logon_conf,
    orders_canceled,
)
from support.receipts import asking, copied, entries, receipt, receipts_in, with_orders

from codec.layout import CancelOnDisconnectScope, Cause
from gateway.session import SessionState

GRACE_MS = 3_000
GRACE = GRACE_MS * 1_000_000
PORTFOLIO = CancelOnDisconnectScope.PORTFOLIO
RECEIPT = "CancelOnDisconnectReceipt"


def lenient(**settings: Any) -> CoreDriver:
    return CoreDriver(configuration(KEYS, cancel_grace_ms=GRACE_MS, **settings))


def arm(line: Line) -> Line:
    line.send("CancelOnDisconnectRequest", correlation_id=5, scope=PORTFOLIO, enabled=True)
    line.take()
    return line


def open_orders(driver: CoreDriver, client_id: str) -> int:
    return driver.core.controls.venue.owner_open(driver.session(client_id).slot)[0]


def test_a_receipt_names_the_loss_and_its_time_and_the_fence_and_its_own() -> None:
    driver = lenient()
    watcher = driver.logged_on("watch-1")
    maker = with_orders(asking(driver, "maker-1"), 1, 2)
    watcher.take()
    driver.now += 7
    maker.half_close()
    driver.tick(GRACE)
    driver.now += 11
    driver.settle()
    cancels = orders_canceled(3, entries(1, 2), START + 7 + GRACE)
    said = receipt(
        "maker-1",
        Cause.TCP_CLOSED,
        entries(1, 2),
        (5, 5),
        last_heard_time=START,
        detected_time=START + 7,
        fenced_time=START + 7 + GRACE,
        completed_time=START + 18 + GRACE,
        timestamp=START + 18 + GRACE,
    )
    told = [("OrdersCanceled", 5, cancels), (RECEIPT, 6, said)]
    assert [(frame.name, number, frame.fields) for _, number, frame in copied(watcher)] == told
    again = driver.logged_on("maker-1", reset=False, number=9)
    again.send("ResendRequest", from_sequence_number=5, to_sequence_number=6)
    assert [(name, number, fields) for number, name, fields in again.read()] == told


def test_a_takeover_is_told_by_no_receipt_and_the_end_after_it_by_one_for_all_orders() -> None:
    driver = lenient()
    watcher = driver.logged_on("watch-1")
    with_orders(driver.logged_on("maker-1"), 1, 2).lose()
    again = with_orders(driver.logged_on("maker-1", reset=False, number=4), 3)
    driver.tick(GRACE)
    assert receipts_in(watcher) == []
    again.send("Logout", reason="")
    driver.settle()
    (said,) = receipts_in(watcher)
    gone = entries(1, 2, 3)
    first = 6
    now = START + GRACE
    assert said == receipt("maker-1", Cause.LOGOUT, gone, (first, first), now, session_epoch=2)


def test_a_reset_logon_that_ends_a_lost_session_is_told_the_receipt_that_was_asked_for() -> None:
    driver = lenient()
    with_orders(asking(driver, "maker-1"), 1, 2).lose()
    driver.now += 5
    again = driver.connect()
    again.logon("maker-1", reset=True, number=1)
    driver.settle()
    now = START + 5
    said = receipt("maker-1", Cause.TCP_RESET, entries(1, 2), (2, 2), now, last_heard_time=START, detected_time=START)
    assert again.read() == [
        (1, "LogonConf", logon_conf()),
        (2, "OrdersCanceled", orders_canceled(3, entries(1, 2), now)),
        (3, RECEIPT, said),
    ]


def test_who_takes_over_has_not_asked_for_receipts_until_it_does() -> None:
    driver = lenient()
    with_orders(asking(driver, "maker-1"), 1).lose()
    again = driver.logged_on("maker-1", reset=False, number=4)
    again.send("Logout", reason="")
    driver.settle()
    assert again.names() == ["OrdersCanceled", "LoggedOut"]


# The switch for the whole portfolio


def test_an_armed_portfolio_has_the_grace_of_the_connection_that_armed_it() -> None:
    driver = lenient()
    watcher = driver.logged_on("watch-1")
    maker = with_orders(arm(driver.logged_on("maker-1")), 1)
    mate = with_orders(driver.logged_on("maker-2"), 2)
    maker.lose()
    driver.tick(GRACE - 1)
    assert [open_orders(driver, client_id) for client_id in ("maker-1", "maker-2")] == [1, 1]
    mate.order(3)
    mate.take()
    watcher.take()
    driver.tick(1)
    assert [open_orders(driver, client_id) for client_id in ("maker-1", "maker-2")] == [0, 0]
    driver.settle()
    now = START + GRACE
    assert mate.read() == [(4, "OrdersCanceled", orders_canceled(4, entries(2, 3), now))]
    times = {"detected_time": START, "scope": PORTFOLIO}
    assert receipts_in(watcher) == [
        receipt("maker-1", Cause.TCP_RESET, entries(1), (4, 4), now, last_heard_time=START, **times),
        receipt("maker-2", Cause.TCP_RESET, entries(2, 3), (4, 4), now, last_heard_time=now - 1, **times),
    ]


def test_a_takeover_turns_the_switch_off_again() -> None:
    driver = lenient()
    maker = with_orders(arm(driver.logged_on("maker-1")), 1)
    with_orders(driver.logged_on("maker-2"), 2)
    maker.lose()
    again = driver.logged_on("maker-1", reset=False, number=4)
    again.lose()
    driver.tick(GRACE)
    driver.settle()
    assert [open_orders(driver, client_id) for client_id in ("maker-1", "maker-2")] == [0, 1]


def test_a_reset_logon_fires_what_the_lost_connection_had_armed() -> None:
    driver = lenient()
    maker = with_orders(arm(driver.logged_on("maker-1")), 1)
    mate = with_orders(driver.logged_on("maker-2"), 2)
    maker.lose()
    driver.connect().logon("maker-1", reset=True)
    driver.settle()
    assert [(number, name) for number, name, _ in mate.read()] == [(3, "OrdersCanceled")]
    assert [open_orders(driver, client_id) for client_id in ("maker-1", "maker-2")] == [0, 0]


@pytest.mark.parametrize("leaves", [False, True])
def test_a_lost_session_whose_orders_another_one_has_killed_is_taken_over_when_that_is_told(leaves: bool) -> None:
    driver = lenient(drain_step_orders=1)
    maker = with_orders(arm(driver.logged_on("maker-1")), 1)
    mate = with_orders(driver.logged_on("maker-2"), 2, 3)
    mate.lose()
    maker.send("Heartbeat", correlation_id=0)
    maker.raw(bytes(8))  # a violation: no grace, and the portfolio goes
    again = driver.connect()
    again.logon("maker-2", reset=False, number=4)
    assert driver.session("maker-2").state == SessionState.SESSION_LOST
    assert again.read() == []
    if leaves:
        again.lose()
    driver.settle()
    told = orders_canceled(4, [canceled(3, 3)])
    if not leaves:
        assert again.read() == [(6, "LogonConf", logon_conf())]
        again.send("ResendRequest", from_sequence_number=5, to_sequence_number=5)
        assert again.read() == [(5, "OrdersCanceled", told)]
        assert driver.session("maker-2").epoch == 2
        return
    driver.tick(GRACE)
    driver.settle()
    assert driver.ends() == [("maker-1", "PROTOCOL_VIOLATION", 1), ("maker-2", "TCP_RESET", 0)]
    said = logged_out(Cause.PROTOCOL_VIOLATION, ": more than 7 zero bytes between frames")
    assert maker.read()[-1][1:] == ("LoggedOut", said)


@pytest.mark.parametrize("leaves", [False, True])
def test_who_is_back_in_time_takes_over_though_other_cancels_keep_it_waiting_for_longer(leaves: bool) -> None:
    driver = lenient(drain_step_orders=1)
    maker = with_orders(driver.logged_on("maker-1"), 1, 2)
    mate = arm(driver.logged_on("maker-2"))
    mate.raw(bytes(8))  # a violation: the portfolio goes, but not what is entered after that
    with_orders(maker, 3)
    maker.lose()
    again = driver.connect()
    again.logon("maker-1", reset=False, number=5)
    driver.tick(GRACE)
    assert driver.session("maker-1").state == SessionState.SESSION_LOST
    if leaves:
        again.lose()
        driver.tick()
    driver.settle()
    assert again.names() == ([] if leaves else ["LogonConf"])
    assert driver.ends() == [("maker-2", "PROTOCOL_VIOLATION", 0)] + [("maker-1", "TCP_RESET", 1)] * leaves
    assert open_orders(driver, "maker-1") == (0 if leaves else 1)
