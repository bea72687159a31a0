"""Day orders: in the engine by settlements, in the core by its time, with the frames that tell of their end."""

from typing import Any

import pytest
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    canceled,
    configuration,
    orders_canceled,
)
from support.engine_room import BUY, FUTURE, MAKER, MATE, ONE, SELL, STRANGER, ids, make, place

from codec import messages
from codec.layout import CancelReason, OrderFlags, OrderRejectReason, OrderStatus, Side
from gateway.engine_types import CanceledOrder
from gateway.invariants import check
from gateway.limits import DAYS_PER_ORDER_MAX
from gateway.probe import EngineProbe

DAY = 86_400 * SECOND
OVER = CancelReason.TIME_IN_FORCE


@pytest.fixture
def probe() -> EngineProbe:
    return make()


def end(order_id: int, filled: int = 0) -> CanceledOrder:
    return CanceledOrder(order_id + 100, order_id, FUTURE, (filled * ONE, -9), OVER, 0)


def expired(probe: EngineProbe, limit: int = 1000) -> list[tuple[int, list[CanceledOrder]]]:
    """What a step takes out of what is due."""
    probe.leave_due(limit)
    check(probe.engine)
    return probe.take_leaving(limit)


# In the engine.


@pytest.mark.parametrize("days", [1, 2, DAYS_PER_ORDER_MAX])
def test_an_order_ends_with_the_last_of_its_settlements(probe: EngineProbe, days: int) -> None:
    probe.settle()
    place(probe, MAKER, 101, BUY, 100, 5, time_in_force=days)
    place(probe, STRANGER, 102, SELL, 100, 2)
    for _ in range(days - 1):
        probe.settle()
        assert expired(probe) == []
    probe.settle()
    assert expired(probe) == [(MAKER, [end(1, filled=2)])]
    assert (probe.resting(FUTURE, BUY), probe.owner_counts(MAKER), probe.portfolio_open(0)) == ([], (0, 0, 0), 0)
    assert place(probe, MAKER, 101, BUY, 100, 5).order_status == OrderStatus.ACTIVE


def test_a_settlement_ends_orders_in_order_of_entry_and_leaves_the_others(probe: EngineProbe) -> None:
    for client_order_id, (owner, days) in enumerate([(MAKER, 1), (MAKER, 0), (MATE, 1), (MAKER, 2), (MAKER, 1)], 101):
        place(probe, owner, client_order_id, BUY, 100, 1, time_in_force=days)
    probe.settle()
    assert expired(probe) == [(MAKER, [end(1), end(5)]), (MATE, [end(3)])]
    assert ids(probe.resting(FUTURE, BUY)) == [2, 4]


def test_what_is_due_goes_in_steps_and_trades_until_it_has_gone(probe: EngineProbe) -> None:
    for client_order_id in range(101, 106):
        place(probe, MAKER, client_order_id, BUY, 100, 1, time_in_force=1)
    probe.settle()
    assert expired(probe, 2) == [(MAKER, [end(1), end(2)])]
    sold = place(probe, STRANGER, 201, SELL, 100, 1)
    assert [event.order_id for event in sold.events] == [3]
    assert expired(probe, 2) == [(MAKER, [end(4), end(5)])]
    assert expired(probe, 2) == []


def test_settlements_in_a_row_end_the_earlier_days_first(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 1, time_in_force=2)
    place(probe, MAKER, 102, BUY, 100, 1, time_in_force=1)
    for _ in range(3):
        probe.settle()
    place(probe, MAKER, 103, BUY, 100, 1, time_in_force=DAYS_PER_ORDER_MAX)
    assert expired(probe, 1) == [(MAKER, [end(2)])]
    for _ in range(DAYS_PER_ORDER_MAX):
        probe.settle()
    assert expired(probe) == [(MAKER, [end(1), end(3)])]


def test_whoever_ends_otherwise_is_not_heard_of_at_the_settlement(probe: EngineProbe) -> None:
    for client_order_id in range(101, 106):
        place(probe, MAKER, client_order_id, BUY, 100, 1, time_in_force=1)
    probe.cancel(MAKER, 101, FUTURE)
    place(probe, STRANGER, 201, SELL, 100, 1)
    probe.amend(MAKER, 103, FUTURE, 99 * ONE, 7 * ONE)
    probe.leave(4)
    assert probe.take_leaving(9)[0][1][0].order_id == 4
    probe.settle()
    assert expired(probe) == [(MAKER, [end(3), end(5)])]


def test_an_amend_leaves_an_order_its_days(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 1, time_in_force=2)
    probe.settle()
    probe.amend(MATE, 101, FUTURE, 99 * ONE, 7 * ONE)
    probe.settle()
    assert expired(probe) == [(MAKER, [end(1)])]


def test_a_fenced_day_order_is_the_drain_s_to_tell_of(probe: EngineProbe) -> None:
    for client_order_id in (101, 102, 103):
        place(probe, MAKER, client_order_id, BUY, 100, 1, time_in_force=1)
    probe.settle()
    probe.fence(MAKER, 1)
    assert [order.order_id for order in probe.drain(MAKER, 1)] == [1]
    assert probe.leave_due(1) == 1
    check(probe.engine)
    assert probe.take_leaving(9) == []
    assert [order.order_id for order in probe.drain(MAKER, 9)] == [2, 3]
    assert probe.leave_due(9) == 0
    check(probe.engine)


def test_a_market_order_may_have_days(probe: EngineProbe) -> None:
    place(probe, STRANGER, 101, SELL, 100, 1)
    place(probe, MAKER, 102, BUY, None, 3, flags=OrderFlags.MARKET_LIMIT, time_in_force=1)
    probe.settle()
    assert expired(probe) == [(MAKER, [end(2, filled=1)])]


def test_a_day_order_counts_as_open_and_may_be_post_only() -> None:
    probe = make(max_open_orders=1)
    place(probe, MAKER, 101, BUY, 100, 1, time_in_force=1, flags=OrderFlags.POST_ONLY)
    assert place(probe, MAKER, 102, BUY, 99, 1, time_in_force=1).reject_reason == OrderRejectReason.TOO_MANY_OPEN_ORDERS


# In the core, by its time. It starts at 08:00:00 UTC.


def driver(**settings: Any) -> CoreDriver:
    return CoreDriver(configuration(**{"settlement_time": "08:00:00Z", **settings}))


def test_day_orders_end_at_settlement_time_and_are_told_with_reason_two() -> None:
    gateway = driver()
    maker, watch = gateway.logged_on("maker-1"), gateway.logged_on("watch-1")
    maker.order(1, time_in_force=1)
    maker.order(2, time_in_force=2)
    maker.order(3)
    maker.take()
    assert gateway.core.next_deadline is not None
    gateway.now = START + DAY
    gateway.core.run_timers(gateway.now)
    told = orders_canceled(4, [canceled(1, 1, reason=OVER)], now=START + DAY)
    assert maker.read() == [(5, "OrdersCanceled", told)]
    assert [name for _, name, _ in watch.read()] == ["DropCopyEvent"] * 4
    gateway.now += DAY
    gateway.core.run_timers(gateway.now)
    told = orders_canceled(5, [canceled(2, 2, reason=OVER)], now=START + 2 * DAY)
    assert maker.read() == [(6, "OrdersCanceled", told)]


def test_the_next_settlement_is_a_deadline() -> None:
    gateway = driver()
    assert gateway.core.next_deadline is None
    maker = gateway.logged_on("maker-1")
    maker.send("Logout")
    gateway.settle()
    assert gateway.core.next_deadline == START + DAY
    gateway.core.tick(START + DAY, START + DAY)
    assert gateway.core.next_deadline == START + 2 * DAY


def test_a_settlement_comes_before_what_is_received_at_its_time() -> None:
    gateway = driver()
    maker, taker = gateway.logged_on("maker-1"), gateway.logged_on("maker-2")
    maker.order(1, time_in_force=1)
    maker.take()
    taker.order(2, instrument_id=2)
    gateway.now = START + DAY
    taker.order(3, side=Side.SELL, time_in_force=-2)
    assert maker.names() == ["OrdersCanceled"]
    assert [(fields["order_id"], fields["fills"]) for _, _, fields in taker.read()] == [(2, []), (3, [])]


def test_a_settlement_by_command_counts_as_one() -> None:
    gateway = driver()
    maker = gateway.logged_on("maker-1")
    maker.order(1, time_in_force=1)
    maker.order(2, time_in_force=2)
    maker.take()
    gateway.now += SECOND
    gateway.core.settle(gateway.now)
    told = orders_canceled(3, [canceled(1, 1, reason=OVER)], now=START + SECOND)
    assert maker.read() == [(4, "OrdersCanceled", told)]
    gateway.now = START + DAY
    gateway.core.run_timers(gateway.now)
    told = orders_canceled(4, [canceled(2, 2, reason=OVER)], now=START + DAY)
    assert maker.read() == [(5, "OrdersCanceled", told)]
    assert [event for event in gateway.log.events() if event["event"] == "settlement"] == [
        {"level": "info", "event": "settlement", "day_orders": 2},
        {"level": "info", "event": "settlement", "day_orders": 1},
    ]


def test_many_day_orders_go_in_steps_each_an_event_of_its_own() -> None:
    gateway = driver(drain_step_orders=2)
    maker = gateway.logged_on("maker-1")
    for client_order_id in range(1, 6):
        maker.order(client_order_id, time_in_force=1)
    maker.take()
    gateway.core.settle(gateway.now)
    assert gateway.core.is_busy
    steps = gateway.settle()
    told = maker.read()
    assert (steps, gateway.core.is_busy) == (2, False)
    assert [fields for _, _, fields in told] == [
        orders_canceled(6, [canceled(1, 1, reason=OVER), canceled(2, 2, reason=OVER)]),
        orders_canceled(7, [canceled(3, 3, reason=OVER), canceled(4, 4, reason=OVER)]),
        orders_canceled(8, [canceled(5, 5, reason=OVER)]),
    ]


def test_an_order_may_come_while_others_are_due_and_has_its_own_days() -> None:
    gateway = driver(drain_step_orders=1)
    maker = gateway.logged_on("maker-1")
    for client_order_id in (1, 2):
        maker.order(client_order_id, time_in_force=1)
    gateway.core.settle(gateway.now)
    maker.order(3, time_in_force=1)
    gateway.settle()
    maker.take()
    gateway.core.settle(gateway.now)
    assert [fields["orders"] for _, _, fields in maker.read()] == [[canceled(3, 3, reason=OVER)]]


def test_a_day_order_that_a_disconnect_takes_dies_once() -> None:
    gateway = driver(drain_step_orders=1)
    maker, watch = gateway.logged_on("maker-1"), gateway.logged_on("watch-1")
    for client_order_id in (1, 2, 3):
        maker.order(client_order_id, time_in_force=1, price=(90 + client_order_id) * ONE)
    gateway.core.settle(gateway.now)
    maker.lose()
    gateway.settle()
    told = [messages.decode(bytes(message.fields["frame"])) for message in watch.take()]  # type: ignore[arg-type]
    entries: list[Any] = [entry for message in told for entry in message.fields.get("orders", [])]  # type: ignore[union-attr]
    assert [(entry["order_id"], entry["cancel_reason"]) for entry in entries] == [
        (1, OVER),
        (2, CancelReason.CLIENT_DISCONNECT),
        (3, CancelReason.CLIENT_DISCONNECT),
    ]
