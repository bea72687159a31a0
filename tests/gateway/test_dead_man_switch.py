"""The dead man's switch: what requests are answered, when it fires, and whose orders are gone then."""

import struct
from typing import Any

import pytest
import xxhash
from msgspec import structs
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    nine,
    orders_canceled,
)

from codec import messages
from codec.layout import CancelAllAfterStatus, CancelReason, Cause, Side
from gateway.config import Config
from gateway.limits import CANCEL_ALL_AFTER_MOST_MS, DEAD_MAN_EXPIRIES_PER_TICK_MAX, DEAD_MAN_READ_MOST_MS
from gateway.log import rfc_3339
from gateway.session import LinkState
from gateway.venue_controls import Lock, Revoke

MS = 1_000_000
ACCEPTED, OUT_OF_RANGE, INVALID_SCOPE, STALE, NOT_ENTITLED = CancelAllAfterStatus
SESSION, PORTFOLIO = 0, 1

QUOTES = '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "1000"\ninterval_ms = 1000\nfrozen_ms = 1000\n'


def ask(line: Line, timeout_ms: int, arm_sequence: int | None = None, scope: int = PORTFOLIO) -> None:
    line.send("CancelAllAfterRequest", correlation_id=77, timeout_ms=timeout_ms, arm_sequence=arm_sequence, scope=scope)


def answer(
    status: int, now: int, trigger_time: int | None, arm_sequence: int | None = None
) -> tuple[str, dict[str, Any]]:
    fields = {
        "correlation_id": 77,
        "status": status,
        "armed": trigger_time is not None,
        "current_time": now,
        "trigger_time": trigger_time,
        "arm_sequence": arm_sequence,
    }
    return "CancelAllAfterResponse", fields


def heard(line: Line) -> list[tuple[str, dict[str, Any]]]:
    """Everything since the last time but what keeps a line alive."""
    return [
        (message.name, message.fields) for message in line.take() if message.name not in ("Heartbeat", "TestRequest")
    ]


def answers(line: Line) -> list[tuple[int, int | None]]:
    """Status and trigger time of each answer."""
    return [
        (fields["status"], fields["trigger_time"]) for name, fields in heard(line) if name == "CancelAllAfterResponse"
    ]


def expiries(driver: CoreDriver) -> list[dict[str, Any]]:
    return [event for event in driver.log.events() if event["event"] == "dead man's switch expired"]


def expiry(trigger_time: int, orders: int, portfolio: int = 1, late_us: int = 0) -> dict[str, Any]:
    return {
        "level": "warning",
        "event": "dead man's switch expired",
        "portfolio": portfolio,
        "orders": orders,
        "trigger_time": rfc_3339(trigger_time),
        "late_us": late_us,
    }


def without_entitlement(config: Config, *client_ids: str) -> Config:
    keys = [structs.replace(key, portfolio_cancel=key.client_id not in client_ids) for key in config.api_keys]
    return structs.replace(config, api_keys=tuple(keys))


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


# What a request is answered


def test_a_switch_is_set_for_so_many_milliseconds_from_now(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    driver.now += 5
    ask(line, 1_500, arm_sequence=-3)
    assert line.read() == [(2, *answer(ACCEPTED, START + 5, START + 5 + 1_500 * MS, -3))]
    assert driver.core.next_deadline == START + 5 + 1_500 * MS
    assert driver.core.dispatcher.next_trigger_ns == START + 5 + 1_500 * MS


@pytest.mark.parametrize("timeout_ms", [1, CANCEL_ALL_AFTER_MOST_MS])
def test_the_shortest_and_the_longest_timeout_are_accepted(driver: CoreDriver, timeout_ms: int) -> None:
    line = driver.logged_on("maker-1")
    ask(line, timeout_ms)
    assert heard(line) == [answer(ACCEPTED, START, START + timeout_ms * MS)]


@pytest.mark.parametrize(
    ("status", "timeout_ms", "arm_sequence", "scope"),
    [
        (OUT_OF_RANGE, CANCEL_ALL_AFTER_MOST_MS + 1, 6, PORTFOLIO),
        (OUT_OF_RANGE, 2**32 - 1, 5, PORTFOLIO),
        (INVALID_SCOPE, 500, 6, SESSION),
        (INVALID_SCOPE, 2**32 - 1, 5, 2),
        (INVALID_SCOPE, 0, None, -128),
        (STALE, 500, 5, PORTFOLIO),
        (STALE, 0, 4, PORTFOLIO),
        (STALE, 500, -(2**63) + 1, PORTFOLIO),
    ],
)
def test_a_refused_request_is_told_how_the_switch_stands_and_changes_nothing(
    driver: CoreDriver, status: int, timeout_ms: int, arm_sequence: int | None, scope: int
) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000, arm_sequence=5)
    line.take()
    driver.now += 400 * MS
    ask(line, timeout_ms, arm_sequence, scope)
    assert heard(line) == [answer(status, driver.now, START + 1_000 * MS, arm_sequence)]
    driver.tick(600 * MS)
    assert expiries(driver) == [expiry(START + 1_000 * MS, 1)]
    ask(line, 1_000, arm_sequence=6)
    assert answers(line) == [(ACCEPTED, driver.now + 1_000 * MS)]


def test_a_key_that_is_not_entitled_is_told_so_before_anything_else() -> None:
    driver = CoreDriver(without_entitlement(configuration(), "maker-1"))
    line = driver.logged_on("maker-1")
    other = driver.logged_on("maker-2")
    ask(other, 1_000, arm_sequence=5)
    ask(line, 2**32 - 1, arm_sequence=1, scope=9)
    assert heard(line) == [answer(NOT_ENTITLED, START, START + 1_000 * MS, 1)]
    ask(line, 0, arm_sequence=6)
    assert heard(line) == [answer(NOT_ENTITLED, START, START + 1_000 * MS, 6)]
    ask(other, 1_000, arm_sequence=6)
    assert answers(other) == [(ACCEPTED, START + 1_000 * MS)] * 2


def test_a_drop_copy_session_may_not_set_it(driver: CoreDriver) -> None:
    line = driver.logged_on("watch-1")
    ask(line, 1_000)
    assert [name for name, _ in heard(line)] == ["Reject"]
    assert driver.core.switches.armed() == []


def test_a_request_that_is_too_short_is_a_reject(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    frame = bytearray(line.frame("CancelAllAfterRequest", {"timeout_ms": 5, "scope": 1}))
    frame = frame[:48]
    frame[2:4] = len(frame).to_bytes(2, "little")
    line.raw(bytes(frame))
    assert [(name, fields["reason"]) for name, fields in heard(line)] == [("Reject", 3)]
    assert driver.core.switches.armed() == []


def test_the_answer_is_resent_under_its_number(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000, arm_sequence=5)
    first = line.take_bytes()
    line.send("ResendRequest", from_sequence_number=2, to_sequence_number=2)
    resent = bytearray(line.take_bytes())
    assert resent[1] & 1
    resent[1] &= ~1
    assert bytes(resent) == first


def test_the_answer_is_nobody_elses_and_not_in_drop_copy(driver: CoreDriver) -> None:
    line, other, watcher = map(driver.logged_on, ("maker-1", "maker-2", "watch-1"))
    ask(line, 1_000)
    assert (heard(other), heard(watcher)) == ([], [])


@pytest.mark.parametrize("version", [1, 11, 17])
def test_sessions_of_every_version_have_it(driver: CoreDriver, version: int) -> None:
    line = driver.logged_on("maker-1", schema_version=version)
    ask(line, 1_000, arm_sequence=5)
    assert heard(line) == [answer(ACCEPTED, START, START + 1_000 * MS, 5)]


# armSequence


def test_a_timeout_of_zero_turns_it_off_and_its_arm_sequence_counts(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000, arm_sequence=5)
    ask(line, 0, arm_sequence=6)
    ask(line, 1_000, arm_sequence=6)
    ask(line, 1_000, arm_sequence=5)
    assert heard(line)[1:] == [
        answer(ACCEPTED, START, START + 1_000 * MS, 5),
        answer(ACCEPTED, START, None, 6),
        answer(STALE, START, None, 6),
        answer(STALE, START, None, 5),
    ]
    driver.tick(5 * SECOND)
    assert (expiries(driver), driver.core.controls.venue.portfolio_open(0)) == ([], 1)


def test_a_late_refresh_cannot_set_a_switch_that_has_fired(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000, arm_sequence=5)
    driver.tick(1_000 * MS)
    ask(line, 1_000, arm_sequence=5)
    ask(line, 1_000, arm_sequence=6)
    assert answers(line) == [(ACCEPTED, START + SECOND), (STALE, None), (ACCEPTED, driver.now + SECOND)]


def test_requests_without_arm_sequence_count_in_order_of_arrival_and_leave_the_last_one(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    for timeout_ms, arm_sequence in [(1_000, 5), (2_000, None), (3_000, 5), (0, None), (4_000, 6)]:
        ask(line, timeout_ms, arm_sequence)
    assert answers(line) == [
        (ACCEPTED, START + 1 * SECOND),
        (ACCEPTED, START + 2 * SECOND),
        (STALE, START + 2 * SECOND),
        (ACCEPTED, None),
        (ACCEPTED, START + 4 * SECOND),
    ]


def test_the_arm_sequence_is_the_portfolios_whatever_session_or_connection_it_came_from(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000, arm_sequence=5)
    line.lose()
    driver.settle()
    again, other, stranger = map(driver.logged_on, ("maker-1", "maker-2", "stranger-1"))
    for asker in (again, other, stranger):
        ask(asker, 2_000, arm_sequence=5)
    assert [answers(asker) for asker in (again, other, stranger)] == [
        [(STALE, START + SECOND)],
        [(STALE, START + SECOND)],
        [(ACCEPTED, START + 2 * SECOND)],
    ]


# When it fires


def test_it_fires_at_its_time_and_not_a_nanosecond_earlier(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000)
    driver.tick(1_000 * MS - 1)
    assert expiries(driver) == []
    driver.tick(1)
    assert expiries(driver) == [expiry(START + 1_000 * MS, 1)]


def test_a_request_moves_the_time_in_either_direction(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000)
    ask(line, 5_000)
    driver.tick(1_000 * MS)
    assert expiries(driver) == []
    assert driver.core.next_deadline == START + 5_000 * MS
    ask(line, 100)
    assert driver.core.dispatcher.next_trigger_ns == START + 1_100 * MS
    driver.tick(100 * MS)
    assert expiries(driver) == [expiry(START + 1_100 * MS, 0)]


def test_it_fires_once_and_is_off_until_the_next_request(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000)
    driver.tick(1_000 * MS)
    driver.settle()
    line.order(1)
    line.take()
    for _ in range(5):
        driver.tick(1_000 * MS)
    assert heard(line) == []
    assert len(expiries(driver)) == 1
    ask(line, 1_000)
    driver.tick(1_000 * MS)
    assert [event["orders"] for event in expiries(driver)] == [0, 1]


def test_it_is_judged_as_of_the_time_up_to_which_everything_was_read(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000)
    driver.now += 1_003 * MS
    driver.core.tick(driver.now, START + 1_000 * MS - 1)
    assert expiries(driver) == []
    driver.core.tick(driver.now, START + 1_000 * MS)
    assert expiries(driver) == [expiry(START + 1_000 * MS, 1, late_us=3_000)]


def test_each_is_judged_by_its_own_time(driver: CoreDriver) -> None:
    line, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    ask(line, 1_000)
    ask(stranger, 1_001)
    driver.now += 1_002 * MS
    driver.core.tick(driver.now, START + 1_000 * MS)
    assert [event["portfolio"] for event in expiries(driver)] == [1]


def test_a_request_that_was_there_when_the_gateway_stood_still_counts(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000)
    driver.now += 2_500 * MS
    driver.core.stalled(2_000 * MS)
    ask(line, 1_000)
    driver.core.tick(driver.now, driver.now)
    assert answers(line)[-1] == (ACCEPTED, driver.now + 1_000 * MS)
    assert expiries(driver) == []
    driver.tick(1_000 * MS)
    assert expiries(driver) == [expiry(driver.now, 1)]


def test_lines_of_the_portfolio_are_read_on_before_it_is_judged(driver: CoreDriver) -> None:
    line, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    ask(line, 1_000)
    ask(stranger, 1_000)
    driver.now += 1_000 * MS
    driver.core.tick(driver.now, driver.now, [line.link])
    assert expiries(driver) == [expiry(driver.now, 0, portfolio=2)]
    assert driver.core.next_deadline == driver.now
    ask(line, 1_000)
    driver.core.tick(driver.now, driver.now)
    assert len(expiries(driver)) == 1


def test_a_request_behind_one_that_dead_orders_hold_up_still_counts() -> None:
    driver = CoreDriver(configuration(drain_step_orders=10))
    maker, line = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    for number in range(1, 101):
        maker.order(number)
    line.order(1, price=nine(50))
    ask(line, 1_000)
    driver.now += 1_000 * MS
    maker.lose()
    line.order(2, side=Side.SELL)
    ask(line, 1_000)
    assert line.link.is_held_up
    driver.core.tick(driver.now, driver.now)
    assert expiries(driver) == []
    assert driver.settle() > 1
    assert answers(line)[-1] == (ACCEPTED, driver.now + 1_000 * MS)
    driver.tick(1_000 * MS)
    assert expiries(driver) == [expiry(driver.now, 2, portfolio=2)]


def test_a_line_that_is_never_read_to_the_end_puts_it_off_for_a_while_only(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000)
    driver.now += (1_000 + DEAD_MAN_READ_MOST_MS) * MS - 1
    driver.core.tick(driver.now, driver.now, [line.link])
    assert expiries(driver) == []
    driver.now += 1
    driver.core.tick(driver.now, driver.now, [line.link])
    assert expiries(driver) == [expiry(START + SECOND, 0, late_us=DEAD_MAN_READ_MOST_MS * 1_000)]


def test_a_line_whose_session_is_gone_puts_nothing_off(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000)
    line.half_close()
    driver.settle()
    stranger = driver.connect()
    driver.now += 1_000 * MS
    driver.core.tick(driver.now, driver.now, [line.link, stranger.link])
    assert len(expiries(driver)) == 1


def test_thousands_that_are_due_at_once_fire_so_many_a_tick() -> None:
    count = DEAD_MAN_EXPIRIES_PER_TICK_MAX + 10
    driver = CoreDriver(configuration({f"k{number}": (number, "trader") for number in range(1, count + 1)}))
    for number in range(1, count + 1):
        line = driver.connect()
        line.logon(f"k{number}")
        ask(line, 1_000)
    assert len(driver.core.switches.armed()) == count
    driver.tick(1_000 * MS)
    assert len(driver.core.switches.armed()) == 10
    assert driver.core.next_deadline == driver.now
    driver.tick()
    assert driver.core.switches.armed() == []
    assert [event["portfolio"] for event in expiries(driver)] == list(range(1, count + 1))


# Whose orders are gone then


def test_everything_of_the_portfolio_is_dead_at_once_and_told_session_by_session() -> None:
    driver = CoreDriver(configuration(extra=QUOTES))
    one, two, stranger, watcher = map(driver.logged_on, ("maker-1", "maker-2", "stranger-1", "watch-1"))
    one.order(1)
    two.order(2, price=nine(99))
    one.send(
        "MassQuoteRequest",
        quote_id=50,
        correlation_id=51,
        mmp_group_id=7,
        quotes=[{"instrument_id": 1, "bid_price": nine(98), "bid_qty": (nine(1), -9), "ask_qty": (0, 0)}],
    )
    ask(two, 1_000)
    for line in (one, two, stranger, watcher):
        line.take()
    driver.now += 1_002 * MS
    driver.core.tick(driver.now, driver.now)
    fired_at = driver.now
    stranger.order(1, side=Side.SELL, price=nine(90), quantity=(nine(9), -9))
    sold = heard(stranger)
    assert [(name, fields["total_filled"]) for name, fields in sold] == [("NewOrderResponse", (0, -9))]
    driver.now += 1
    driver.settle()
    exec_id = sold[0][1]["exec_id"] - 1
    told = [
        orders_canceled(exec_id, [canceled(1, 1), canceled(50, 3, flags=1)], now=fired_at),
        orders_canceled(exec_id, [canceled(2, 2)], now=fired_at),
    ]
    assert heard(one) == [("OrdersCanceled", told[0])]
    assert heard(two) == [("OrdersCanceled", told[1])]
    assert heard(stranger) == []
    copies = [fields for name, fields in heard(watcher) if name == "DropCopyEvent"]
    assert [(fields["origin_client_id"], messages.decode(fields["frame"]).name) for fields in copies] == [
        (client_id, name)
        for client_id in ("maker-1", "maker-2")
        for name in ("OrdersCanceled", "CancelOnDisconnectReceipt")
    ]
    assert [one.link.state, two.link.state] == [LinkState.LINK_LIVE] * 2
    assert expiries(driver) == [expiry(START + 1_000 * MS, 3, late_us=2_000)]


def test_each_session_that_had_orders_has_its_receipt() -> None:
    """In its own stream where it asked for receipts, and in drop copy in any case."""
    driver = CoreDriver(configuration(drain_step_orders=1))
    one, two, idle, watcher = map(driver.logged_on, ("maker-1", "maker-2", "stranger-1", "watch-1"))
    for line in (one, idle):
        line.send("SessionOptionsRequest", correlation_id=1, options=1)
    for number in (1, 2):
        one.order(number)
    two.order(3)
    heard_at = driver.now
    ask(two, 1_000)
    first_number = len(one.take()) + 2  # LogonConf was read before
    for line in (two, idle, watcher):
        line.take()
    driver.now += 1_000 * MS
    driver.core.tick(driver.now, driver.now)
    fenced_at = driver.now
    while driver.core.is_busy:
        driver.now += 7
        driver.step()

    def receipt(client_id: str, orders: list[int], first: int, completed: int) -> dict[str, Any]:
        cancelled = b"".join(struct.pack("<qqb", order_id, 0, CancelReason.CLIENT_DISCONNECT) for order_id in orders)
        return {
            "client_id": client_id,
            "portfolio_id": 1,
            "session_epoch": 1,
            "cause": Cause.DEAD_MAN_EXPIRED,
            "scope": PORTFOLIO,
            "last_heard_time": heard_at,
            "detected_time": fenced_at,
            "fenced_time": fenced_at,
            "completed_time": completed,
            "bound_count": len(orders),
            "cancelled_count": len(orders),
            "filled_count": 0,
            "exempt_count": 0,
            "unconfirmed_count": 0,
            "first_sequence_number": first,
            "last_sequence_number": first + len(orders) - 1,
            "digest": xxhash.xxh64_intdigest(cancelled),
            "timestamp": completed,
        }

    of_one = receipt("maker-1", [1, 2], first_number, fenced_at + 21)
    of_two = receipt("maker-2", [3], 4, fenced_at + 14)
    told = one.read()
    assert [(number, name) for number, name, _ in told] == [
        (first_number, "OrdersCanceled"),
        (first_number + 1, "OrdersCanceled"),
        (first_number + 2, "CancelOnDisconnectReceipt"),
    ]
    assert told[2][2] == of_one
    assert two.names() == ["OrdersCanceled"]
    assert idle.names() == []
    copies = [fields for name, fields in heard(watcher) if name == "DropCopyEvent"]
    frames = [(fields["origin_sequence_number"], messages.decode(fields["frame"])) for fields in copies]
    assert [
        (number, frame.header.sequence_number, frame.fields)
        for number, frame in frames
        if frame.name == "CancelOnDisconnectReceipt"
    ] == [(None, 0, of_two), (first_number + 2, first_number + 2, of_one)]


def test_orders_entered_afterwards_live(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000)
    driver.tick(1_000 * MS)
    line.order(1)
    line.take()
    driver.settle()
    assert [fields["orders"] for _, fields in heard(line)] == [[canceled(1, 1)]]
    line.send("CancelOrderRequest", client_order_id=1, correlation_id=9, instrument_id=1)
    assert [(name, fields["order_id"]) for name, fields in heard(line)] == [("CancelOrderResponse", 2)]


def test_it_goes_on_when_the_connection_is_lost(driver: CoreDriver) -> None:
    line, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    line.order(1)
    other.order(2)
    ask(line, 1_000)
    line.lose()
    driver.settle()
    other.take()
    driver.tick(1_000 * MS)
    driver.settle()
    assert [fields["orders"] for _, fields in heard(other)] == [[canceled(2, 2)]]
    assert driver.ends() == [("maker-1", "TCP_RESET", 1)]


def test_a_lost_session_in_its_grace_loses_them_too_and_is_told_after_the_takeover() -> None:
    driver = CoreDriver(configuration(cancel_grace_ms=5_000))
    line = driver.logged_on("maker-1")
    line.order(1)
    line.order(2)
    ask(line, 1_000)
    line.take()
    line.lose()
    driver.tick(1_000 * MS)
    driver.settle()
    assert expiries(driver) == [expiry(driver.now, 2)]
    again = driver.logged_on("maker-1", reset=False, number=5)
    again.order(1)
    assert [name for name, _ in heard(again)] == ["NewOrderResponse"]
    again.send("ResendRequest", from_sequence_number=5, to_sequence_number=5)
    (told,) = heard(again)
    assert (told[0], told[1]["orders"]) == ("OrdersCanceled", [canceled(1, 1), canceled(2, 2)])
    driver.tick(5_000 * MS)
    driver.settle()
    assert driver.ends() == []


def test_a_lost_session_whose_grace_runs_out_afterwards_has_no_orders_left() -> None:
    driver = CoreDriver(configuration(cancel_grace_ms=5_000))
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000)
    line.lose()
    driver.tick(1_000 * MS)
    driver.tick(4_000 * MS)
    driver.settle()
    assert driver.ends() == [("maker-1", "TCP_RESET", 0)]


def test_orders_that_outlived_their_connection_go_too() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order"))
    line, other, watcher = driver.logged_on("maker-1"), driver.logged_on("maker-2"), driver.logged_on("watch-1")
    line.order(1)
    line.order(2, flags=1)
    other.order(3)
    other.order(4, flags=1)
    ask(other, 1_000)
    line.lose()
    driver.settle()
    heard(watcher)
    heard(other)
    driver.tick(1_000 * MS)
    driver.settle()
    frames = [messages.decode(fields["frame"]) for name, fields in heard(watcher) if name == "DropCopyEvent"]
    cancels = [frame.fields["orders"] for frame in frames if frame.name == "OrdersCanceled"]
    assert cancels == [[canceled(1, 1)], [canceled(4, 4), canceled(3, 3)]]
    receipts = [frame.fields for frame in frames if frame.name == "CancelOnDisconnectReceipt"]
    assert [
        (receipt["client_id"], receipt["cause"], receipt["scope"], receipt["bound_count"]) for receipt in receipts
    ] == [
        ("maker-1", Cause.DEAD_MAN_EXPIRED, 1, 1),
        ("maker-2", Cause.DEAD_MAN_EXPIRED, 1, 2),
    ]
    assert [fields["orders"] for _, fields in heard(other)] == [[canceled(4, 4), canceled(3, 3)]]
    assert expiries(driver) == [expiry(driver.now, 3)]
    assert driver.ends() == [("maker-1", "TCP_RESET", 1)]


def test_a_session_that_is_ending_tells_of_its_orders_once_under_its_own_cause() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    line, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in (1, 2, 3):
        line.order(number)
    other.order(4)
    ask(line, 1_000)
    line.take()
    other.take()
    driver.now += 1_000 * MS - 1
    line.half_close()
    driver.step()
    driver.tick(1)
    driver.settle()
    assert [entry["order_id"] for _, fields in heard(line) for entry in fields["orders"]] == [1, 2, 3]
    assert [fields["orders"] for _, fields in heard(other)] == [[canceled(4, 4)]]
    assert expiries(driver) == [expiry(driver.now, 1)]
    assert driver.ends() == [("maker-1", "TCP_CLOSED", 3)]


def test_a_newcomer_that_waits_has_not_arrived_yet() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    old, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in (1, 2, 3):
        old.order(number)
    ask(old, 1_000)
    driver.now += 1_000 * MS
    new = driver.connect()
    new.logon("maker-1")
    ask(new, 1_000)
    driver.core.tick(driver.now, driver.now)
    assert len(expiries(driver)) == 1
    driver.settle()
    assert answers(new) == [(ACCEPTED, driver.now + 1_000 * MS)]
    other.take()


def test_a_session_found_silent_in_the_same_tick_ends_by_its_own_cause(driver: CoreDriver) -> None:
    line, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    line.order(1)
    other.order(2)
    ask(line, 15_000)
    driver.tick(12 * SECOND)
    other.send("Heartbeat", correlation_id=0)
    driver.tick(3 * SECOND)
    driver.settle()
    assert driver.ends() == [("maker-1", "HEARTBEAT_MISSED", 1)]
    assert expiries(driver) == [expiry(START + 15 * SECOND, 1)]
    assert [entry["order_id"] for name, fields in heard(other) for entry in fields.get("orders", ())] == [2]


def test_an_order_behind_a_speed_bump_dies_with_the_others(driver: CoreDriver) -> None:
    config = configuration()
    slow = tuple(structs.replace(instrument, speed_bump_ms=100) for instrument in config.instruments)
    driver = CoreDriver(structs.replace(config, instruments=slow))
    line, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    stranger.order(1)
    ask(line, 1_000)
    driver.now += 950 * MS
    line.order(2, side=Side.SELL)
    line.take()
    stranger.take()
    driver.tick(150 * MS)
    driver.settle()
    assert [fields["orders"] for _, fields in heard(line)] == [[canceled(2, 2)]]
    assert heard(stranger) == []


def test_a_locked_portfolio_has_nothing_left_for_it(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    ask(line, 1_000)
    driver.core.control(Lock(portfolio_id=1), driver.now)
    driver.settle()
    line.take()
    driver.tick(1_000 * MS)
    driver.settle()
    assert heard(line) == []
    assert expiries(driver) == [expiry(driver.now, 0)]
    ask(line, 1_000)
    assert answers(line) == [(ACCEPTED, driver.now + 1_000 * MS)]


def test_it_may_fire_while_the_gateway_shuts_down() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    line, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in (1, 2):
        line.order(number)
    other.order(3)
    ask(line, 1_000)
    line.take()
    other.take()
    driver.now += 1_000 * MS
    driver.core.shut_down(driver.now)
    driver.tick()
    driver.settle()
    assert driver.core.is_shut_down
    assert sorted(driver.ends()) == [("maker-1", "GATEWAY_SHUTDOWN", 2), ("maker-2", "GATEWAY_SHUTDOWN", 1)]
    entries = [entry["order_id"] for name, fields in heard(line) for entry in fields.get("orders", ())]
    assert entries == [1, 2]


def test_a_key_that_loses_its_entitlement_leaves_the_switch_as_it_is(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000)
    driver.core.reload(without_entitlement(driver.core.controls.config, "maker-1"), driver.now)
    ask(line, 0)
    assert answers(line) == [(ACCEPTED, START + 1_000 * MS), (NOT_ENTITLED, START + 1_000 * MS)]
    other = driver.logged_on("maker-2")
    ask(other, 2_000)
    assert answers(other) == [(ACCEPTED, START + 2_000 * MS)]
    driver.core.reload(without_entitlement(driver.core.controls.config), driver.now)
    ask(line, 0)
    assert answers(line) == [(ACCEPTED, None)]


def test_a_revoked_key_leaves_the_switch_as_it_is(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    ask(line, 1_000)
    driver.core.control(Revoke(client_id="maker-1"), driver.now)
    driver.settle()
    assert [switch.trigger_time for switch in driver.core.switches.armed()] == [START + 1_000 * MS]
