"""Venue controls at the core: what each does to orders, sessions and streams, what is told, and in which steps."""

from typing import Any

import pytest
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    Line,
    accepted,
    canceled,
    configuration,
    logged_out,
    nine,
    orders_canceled,
    secret_of,
)

from codec import messages
from codec.layout import CancelReason, Cause, OrderRejectReason, Side
from gateway.errors import ControlError
from gateway.invariants import check
from gateway.lifecycle import TEXT_BAD_CREDENTIALS, TEXT_KEY_REVOKED
from gateway.session import LinkClosing, SessionState
from gateway.venue_controls import (
    Control,
    Deactivate,
    Halt,
    KillClient,
    KillPortfolio,
    Lock,
    Resume,
    Revoke,
    Settle,
    Unlock,
)

MARKET_STATE = OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE
DEACTIVATED = CancelReason.BOOK_DEACTIVATED
LOCKED = CancelReason.PORTFOLIO_LOCKED
ADMIN = CancelReason.ADMIN


def rejected(client_order_id: int, exec_id: int, reason: int, details: str) -> dict[str, Any]:
    return {
        "timestamp": START,
        "exec_id": exec_id,
        "client_order_id": client_order_id,
        "correlation_id": client_order_id + 1_000_000,
        "order_id": None,
        "instrument_id": 1,
        "reason": reason,
        "details": details,
    }


def control(driver: CoreDriver, wanted: Control) -> str:
    text = driver.core.control(wanted, driver.now)
    check(driver.core.engine)
    return text


def told(line: Line) -> list[tuple[str, dict[str, Any]]]:
    return [(name, fields) for _, name, fields in line.read()]


def copied(watcher: Line) -> list[tuple[str, str]]:
    """What drop copy saw: whose frame, and its name."""
    events = [fields for name, fields in told(watcher) if name == "DropCopyEvent"]
    return [(event["origin_client_id"], messages.decode(event["frame"]).name) for event in events]


def with_orders(driver: CoreDriver, client_id: str, numbers: list[int], **changed: Any) -> Line:
    line = driver.logged_on(client_id)
    for number in numbers:
        line.order(number, **changed)
    line.take()
    return line


# Instruments


def test_a_halted_instrument_takes_no_order_and_lets_cancels_through() -> None:
    driver = CoreDriver()
    maker = with_orders(driver, "maker-1", [1])
    assert control(driver, Halt(1)) == "instrument 1 is halted"
    maker.order(2)
    maker.order(3, instrument_id=2)
    maker.send("CancelOrderRequest", client_order_id=1, correlation_id=5, instrument_id=1)
    assert [(name, fields.get("reason")) for name, fields in told(maker)] == [
        ("NewOrderReject", MARKET_STATE),
        ("NewOrderResponse", None),
        ("CancelOrderResponse", None),
    ]


def test_the_reject_of_a_halted_instrument_says_what_it_is() -> None:
    driver = CoreDriver()
    maker = driver.logged_on("maker-1")
    control(driver, Halt(1))
    maker.order(2)
    assert told(maker) == [("NewOrderReject", rejected(2, 1, MARKET_STATE, "instrument 1 is halted"))]


def test_a_resumed_instrument_trades_again() -> None:
    driver = CoreDriver()
    maker = with_orders(driver, "maker-1", [1])
    control(driver, Halt(1))
    assert control(driver, Resume(1)) == "instrument 1 is open"
    maker.order(2)
    assert told(maker) == [("NewOrderResponse", accepted(2, 2, 2))]


def test_a_control_that_finds_it_done_already_says_so() -> None:
    driver = CoreDriver()
    assert control(driver, Resume(1)) == "instrument 1 was open already"
    control(driver, Halt(1))
    assert control(driver, Halt(1)) == "instrument 1 was halted already"
    control(driver, Deactivate(1))
    assert control(driver, Deactivate(1)) == "instrument 1 was deactivated already"
    assert control(driver, Unlock(1)) == "portfolio 1 was not locked"
    control(driver, Lock(1))
    assert control(driver, Lock(1)) == "portfolio 1 was locked already"
    control(driver, Revoke("maker-1"))
    assert control(driver, Revoke("maker-1")) == "maker-1 was revoked already"
    assert control(driver, KillClient("maker-2")) == "maker-2 was not connected"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (Halt(9), "there is no instrument 9"),
        (Resume(9), "there is no instrument 9"),
        (Deactivate(9), "there is no instrument 9"),
        (Lock(9), "there is no portfolio 9"),
        (Unlock(9), "there is no portfolio 9"),
        (KillPortfolio(9), "there is no portfolio 9"),
        (KillClient("nobody"), "there is no key nobody"),
        (Revoke("nobody"), "there is no key nobody"),
    ],
)
def test_what_is_not_there_cannot_be_controlled(wanted: Control, problem: str) -> None:
    driver = CoreDriver()
    with pytest.raises(ControlError) as raised:
        control(driver, wanted)
    assert str(raised.value) == problem
    assert driver.log.events() == []


def test_a_deactivated_book_is_told_owner_by_owner_and_takes_nothing_more() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver, "maker-1", [1, 2])
    other = with_orders(driver, "maker-2", [3])
    stranger = with_orders(driver, "stranger-1", [4], side=Side.SELL, price=nine(101))
    maker.order(5, instrument_id=2)
    maker.take()
    watcher.take()
    assert control(driver, Deactivate(1)) == "instrument 1 is deactivated, its orders leave"
    maker.order(6)
    assert told(maker) == [("NewOrderReject", rejected(6, 6, MARKET_STATE, "instrument 1 is deactivated"))]
    assert driver.settle() == 1
    assert told(maker) == [
        ("OrdersCanceled", orders_canceled(7, [canceled(1, 1, reason=DEACTIVATED), canceled(2, 2, reason=DEACTIVATED)]))
    ]
    assert told(other) == [("OrdersCanceled", orders_canceled(8, [canceled(3, 3, reason=DEACTIVATED)]))]
    assert told(stranger) == [("OrdersCanceled", orders_canceled(9, [canceled(4, 4, reason=DEACTIVATED)]))]
    names = [event.fields["origin_client_id"] for event in watcher.take()]
    assert names == ["maker-1", "maker-1", "maker-2"]
    check(driver.core.engine)
    with pytest.raises(ControlError, match="instrument 1 is deactivated, for good"):
        control(driver, Resume(1))


def test_a_deactivated_book_is_emptied_in_steps_each_an_event_of_its_own() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    maker = with_orders(driver, "maker-1", [1, 2, 3, 4])
    control(driver, Deactivate(1))
    assert (driver.core.is_busy, told(maker)) == (True, [])
    steps = []
    while driver.core.is_busy:
        driver.step()
        check(driver.core.engine)
        steps.append([(f["exec_id"], f["flags"], [o["order_id"] for o in f["orders"]]) for _, f in told(maker)])
    assert steps == [[(5, 1, [1, 2])], [(6, 1, [3, 4])], []]


def test_an_order_that_waits_to_leave_a_deactivated_book_can_be_cancelled_and_is_told_of_once() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = with_orders(driver, "maker-1", [1, 2])
    control(driver, Deactivate(1))
    maker.send("CancelOrderRequest", client_order_id=2, correlation_id=5, instrument_id=1)
    driver.settle()
    assert [(name, [entry["order_id"] for entry in fields.get("orders", [])]) for name, fields in told(maker)] == [
        ("CancelOrderResponse", []),
        ("OrdersCanceled", [1]),
    ]


def test_sessions_that_are_gone_come_before_books_that_empty() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    gone = with_orders(driver, "maker-1", [1, 2, 3])
    stays = with_orders(driver, "maker-2", [4])
    control(driver, Deactivate(1))
    gone.half_close()
    driver.step()
    driver.step()
    assert told(stays) == []
    driver.settle()
    assert [fields["orders"] for _, fields in told(stays)] == [[canceled(4, 4, reason=DEACTIVATED)]]
    reasons = [order["cancel_reason"] for _, fields in told(gone) for order in fields["orders"]]
    assert reasons == [CancelReason.CLIENT_DISCONNECT] * 3


# Portfolios


def test_a_locked_portfolio_loses_its_orders_at_once_and_enters_none() -> None:
    driver = CoreDriver()
    maker = with_orders(driver, "maker-1", [1, 2], side=Side.SELL)
    other = with_orders(driver, "maker-2", [3], side=Side.SELL)
    stranger = with_orders(driver, "stranger-1", [4], side=Side.SELL)
    assert control(driver, Lock(1)) == "portfolio 1 is locked, 3 orders leave"
    stranger.order(5, side=Side.BUY)
    name, fields = told(stranger)[0]
    assert (name, [entry["match_id"] for entry in fields["fills"]], fields["total_filled"].mantissa) == (
        "NewOrderResponse",
        [1],
        nine(1),
    ), "the taker met its own portfolio's order alone"
    maker.order(6)
    maker.send("CancelOrderRequest", client_order_id=1, correlation_id=5, instrument_id=1)
    assert [(name, fields["reason"]) for name, fields in told(maker)] == [
        ("NewOrderReject", OrderRejectReason.PORTFOLIO_LOCKED),
        ("CancelOrderReject", 1),
    ]
    driver.now += SECOND
    driver.settle()
    fire = orders_canceled(5, [canceled(1, 1, reason=LOCKED), canceled(2, 2, reason=LOCKED)])
    assert told(maker) == [("OrdersCanceled", fire)], "with the time of the lock"
    assert told(other) == [("OrdersCanceled", orders_canceled(5, [canceled(3, 3, reason=LOCKED)]))]
    assert [driver.session(key).state for key in ("maker-1", "maker-2")] == [SessionState.SESSION_LIVE] * 2


def test_an_unlocked_portfolio_enters_orders_again_also_while_the_old_ones_are_told_of() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = with_orders(driver, "maker-1", [1, 2])
    control(driver, Lock(1))
    assert control(driver, Unlock(1)) == "portfolio 1 is not locked any more"
    driver.step()
    maker.order(1)
    driver.settle()
    answers = told(maker)
    assert [(name, [order["order_id"] for order in fields.get("orders", [])]) for name, fields in answers] == [
        ("OrdersCanceled", [1]),
        ("NewOrderResponse", []),
        ("OrdersCanceled", [2]),
    ]
    assert [fields["flags"] for name, fields in answers if name == "OrdersCanceled"] == [0, 1]
    assert driver.core.controls.venue.portfolio_open(0) == 1


def test_orders_of_a_session_that_is_lost_after_a_lock_keep_the_reason_of_the_lock() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    maker = with_orders(driver, "maker-1", [1, 2, 3])
    control(driver, Lock(1))
    control(driver, Unlock(1))
    maker.order(4)
    maker.half_close()
    driver.settle()
    cancels = [
        (said["exec_id"], said["flags"], [(entry["order_id"], entry["cancel_reason"]) for entry in said["orders"]])
        for name, said in told(maker)
        if name == "OrdersCanceled"
    ]
    assert cancels == [
        (4, 0, [(1, LOCKED), (2, LOCKED)]),
        (4, 1, [(3, LOCKED)]),
        (6, 1, [(4, CancelReason.CLIENT_DISCONNECT)]),
    ]
    assert driver.ends() == [("maker-1", "TCP_CLOSED", 1)]


def test_the_cancels_of_a_lock_reach_the_stream_of_a_session_that_nobody_is_connected_to() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = with_orders(driver, "maker-1", [1, 2])
    control(driver, Lock(1))
    maker.lose()
    again = driver.connect()
    again.logon("maker-1", reset=True)
    driver.settle()
    found = [fields["orders"][0]["order_id"] for name, fields in told(again) if name == "OrdersCanceled"]
    assert found == [1, 2], "a reset logon has those that the lost connection was not told of"


# Clients


def test_a_killed_client_loses_its_orders_with_reason_admin_and_is_told_who_did_it() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver, "maker-1", [1, 2])
    other = with_orders(driver, "maker-2", [3])
    watcher.take()
    assert control(driver, KillClient("maker-1")) == "maker-1 ended, 2 orders leave"
    driver.settle()
    fire = orders_canceled(4, [canceled(1, 1, reason=ADMIN), canceled(2, 2, reason=ADMIN)])
    assert told(maker) == [("OrdersCanceled", fire), ("LoggedOut", logged_out(Cause.ADMIN))]
    assert maker.closed == LinkClosing.CLOSING_POLITELY
    assert driver.ends() == [("maker-1", "ADMIN", 2)]
    assert copied(watcher) == [("maker-1", "OrdersCanceled"), ("maker-1", "CancelOnDisconnectReceipt")]
    assert told(other) == []
    assert driver.logged_on("maker-1", reset=False, number=4).session is not None


def test_who_waits_for_the_end_of_a_killed_client_is_turned_away() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = with_orders(driver, "maker-1", [1, 2])
    newcomer = driver.connect()
    newcomer.logon("maker-1")
    assert control(driver, KillClient("maker-1")) == "maker-1 was not connected"
    driver.settle()
    assert told(newcomer) == [("LoggedOut", logged_out(Cause.ADMIN))]
    assert driver.ends() == [("maker-1", "DISPLACED", 2)]
    assert maker.closed == LinkClosing.CLOSING_POLITELY


def test_a_killed_portfolio_loses_every_session_and_its_drop_copy_last() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    watcher = driver.logged_on("watch-1")
    first = with_orders(driver, "maker-1", [1, 2])
    second = with_orders(driver, "maker-2", [3])
    stranger = with_orders(driver, "stranger-1", [4])
    watcher.take()
    assert control(driver, KillPortfolio(1)) == "portfolio 1: 3 sessions ended, 3 orders leave"
    driver.settle()
    names = [name for name, _ in told(watcher)]
    assert names == ["DropCopyEvent"] * 5 + ["LoggedOut"], "three cancels, two receipts"
    for line, count in ((first, 2), (second, 1)):
        answers = told(line)
        assert [order["cancel_reason"] for _, fields in answers[:-1] for order in fields["orders"]] == [ADMIN] * count
        assert answers[-1] == ("LoggedOut", logged_out(Cause.ADMIN))
    assert told(stranger) == []
    assert driver.ends() == [("maker-2", "ADMIN", 1), ("maker-1", "ADMIN", 2), ("watch-1", "ADMIN", 0)]
    assert driver.core.controls.venue.portfolio_open(0) == 0


def test_a_portfolio_of_which_nobody_is_connected_can_be_killed_and_twice() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    assert control(driver, KillPortfolio(1)) == "portfolio 1: 1 session ended, 0 orders leave"
    driver.settle()
    assert told(watcher) == [("LoggedOut", logged_out(Cause.ADMIN))]
    assert control(driver, KillPortfolio(1)) == "portfolio 1: 0 sessions ended, 0 orders leave"
    driver.settle()
    assert (told(watcher), driver.ends()) == ([], [("watch-1", "ADMIN", 0)])


def test_a_portfolio_that_is_killed_again_while_it_ends_is_told_of_once() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver, "maker-1", [1, 2])
    control(driver, KillPortfolio(1))
    driver.step()
    control(driver, KillPortfolio(1))
    driver.settle()
    assert [name for name, _ in told(maker)] == ["OrdersCanceled", "OrdersCanceled", "LoggedOut"]
    assert [name for name, _ in told(watcher)][-2:] == ["DropCopyEvent", "LoggedOut"]


# Keys


def test_a_revoked_key_loses_its_session_and_logs_on_no_more() -> None:
    driver = CoreDriver()
    maker = with_orders(driver, "maker-1", [1])
    assert control(driver, Revoke("maker-1")) == "maker-1 is revoked, its session ended, 1 order leaves"
    driver.settle()
    assert told(maker) == [
        ("OrdersCanceled", orders_canceled(2, [canceled(1, 1, reason=ADMIN)])),
        ("LoggedOut", {"reason": TEXT_KEY_REVOKED}),
    ]
    assert driver.ends() == [("maker-1", "ADMIN", 1)]
    again = driver.connect()
    again.logon("maker-1")
    assert told(again) == [("LoggedOut", {"reason": TEXT_BAD_CREDENTIALS})]


def test_who_waits_to_log_on_with_a_key_that_is_revoked_is_turned_away() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    with_orders(driver, "maker-1", [1, 2])
    newcomer = driver.connect()
    newcomer.logon("maker-1")
    assert control(driver, Revoke("maker-1")) == "maker-1 is revoked, it was not connected"
    assert told(newcomer) == [("LoggedOut", {"reason": TEXT_KEY_REVOKED})]
    driver.settle()
    assert driver.session("maker-1").state == SessionState.SESSION_VACANT


def test_a_revoked_drop_copy_key_is_put_nothing_more() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    control(driver, Revoke("watch-1"))
    driver.settle()
    assert told(watcher) == [("LoggedOut", {"reason": TEXT_KEY_REVOKED})]
    number = driver.session("watch-1").stream.next_number
    with_orders(driver, "maker-1", [1])
    assert driver.session("watch-1").stream.next_number == number


# The day

DAY = 1


def test_a_settlement_by_command_ends_the_orders_whose_days_are_over() -> None:
    driver = CoreDriver()
    maker = driver.logged_on("maker-1")
    for number, days in ((1, DAY), (2, 2 * DAY), (3, 0)):
        maker.order(number, time_in_force=days)
    maker.take()
    text = "settled, day orders whose days are over leave"
    for exec_id, order_id in ((4, 1), (5, 2)):
        assert control(driver, Settle()) == text
        driver.settle()
        fire = orders_canceled(exec_id, [canceled(order_id, order_id, reason=CancelReason.TIME_IN_FORCE)])
        assert told(maker) == [("OrdersCanceled", fire)]
    control(driver, Settle())
    driver.settle()
    assert told(maker) == []


def test_day_orders_of_a_deactivated_book_leave_once() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = driver.logged_on("maker-1")
    for number in (1, 2, 3):
        maker.order(number, time_in_force=DAY)
    maker.take()
    control(driver, Deactivate(1))
    driver.step()
    control(driver, Settle())
    driver.settle()
    reasons = [(entry["order_id"], entry["cancel_reason"]) for _, said in told(maker) for entry in said["orders"]]
    assert reasons == [(1, DEACTIVATED), (2, CancelReason.TIME_IN_FORCE), (3, CancelReason.TIME_IN_FORCE)]


def test_what_is_due_happens_before_a_control() -> None:
    driver = CoreDriver(configuration(settlement_time="08:00:01Z"))
    maker = driver.logged_on("maker-1")
    maker.order(1, time_in_force=DAY)
    maker.take()
    driver.now += SECOND
    control(driver, Lock(1))
    driver.settle()
    reasons = [entry["cancel_reason"] for _, said in told(maker) for entry in said["orders"]]
    assert reasons == [CancelReason.TIME_IN_FORCE]


# All of them


def test_controls_are_logged_with_what_they_did_and_no_secret() -> None:
    driver = CoreDriver()
    control(driver, Halt(1))
    control(driver, Revoke("maker-1"))
    assert driver.log.events() == [
        {
            "level": "warning",
            "event": "venue control",
            "action": "halt",
            "instrument_id": 1,
            "result": "instrument 1 is halted",
        },
        {
            "level": "warning",
            "event": "venue control",
            "action": "revoke",
            "client_id": "maker-1",
            "result": "maker-1 is revoked, it was not connected",
        },
    ]
    assert secret_of("maker-1") not in str(driver.log.events())


def test_a_gateway_that_shuts_down_in_the_middle_of_controls_tells_of_every_order_once() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver, "maker-1", [1, 2, 3])
    maker.order(4, instrument_id=2)
    stranger = with_orders(driver, "stranger-1", [5, 6])
    control(driver, Deactivate(1))
    driver.step()
    control(driver, Lock(1))
    driver.step()
    driver.core.shut_down(driver.now)
    driver.settle()
    check(driver.core.engine)
    assert driver.core.is_shut_down
    for line, wanted in ((maker, {1, 2, 3, 4}), (stranger, {5, 6})):
        found = [o["client_order_id"] for name, f in told(line) if name == "OrdersCanceled" for o in f["orders"]]
        assert len(found) == len(wanted)
        assert set(found) == wanted
    assert [name for name, _ in told(watcher)][-1] == "LoggedOut"


def test_the_same_controls_at_the_same_times_give_the_same_bytes() -> None:
    def play() -> list[bytes]:
        driver = CoreDriver(configuration(drain_step_orders=2))
        lines = [with_orders(driver, "maker-1", [1, 2, 3]), with_orders(driver, "stranger-1", [4, 5])]
        for wanted in (Halt(2), Deactivate(1), Lock(2), KillClient("maker-1"), Unlock(2), KillPortfolio(2)):
            control(driver, wanted)
            driver.now += SECOND
            driver.step()
        driver.settle()
        return [bytes(line.output) for line in lines]

    assert play() == play()
