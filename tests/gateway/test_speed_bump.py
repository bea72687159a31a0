"""Speed bumps, one rule at a time: who waits, what waiting means for him and for others, and what comes after it."""

from typing import Any

import pytest
from support.engine_room import (
    BUY,
    FUTURE,
    LOT,
    MAKER,
    MATE,
    ONE,
    SELL,
    STRANGER,
    accepted,
    ids,
    make,
    place,
    rejection,
)

from codec.layout import (
    CancelOrderRejectReason,
    CancelReason,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    ProductType,
    ReplaceOrderFlags,
    SelfTradingMode,
    TimeInForce,
)
from gateway.engine import Engine, InstrumentState
from gateway.engine_types import EventRecord, InstrumentSpec, OutcomeRecord, OwnerSpec, PortfolioSpec
from gateway.invariants import check
from gateway.limits import PENDING_AMENDS_PER_ORDER_MAX, WAITING_PER_PORTFOLIO_MAX
from gateway.probe import EngineProbe
from gateway.venue import Venue

WAIT = 10
WILL_NOT_REST = "the order waits behind a speed bump and will not rest after it"


@pytest.fixture
def probe() -> EngineProbe:
    """A future with a speed bump of 10 ns, where MAKER sells 5 at 100 (order 1)."""
    probe = make(speed_bump_ns=WAIT)
    place(probe, MAKER, 101, SELL, 100, 5)
    return probe


def amend(
    probe: EngineProbe, owner: int, client_order_id: int, price: int, quantity: int, **fields: Any
) -> OutcomeRecord:
    """Amend an order of the future to whole units of price and quantity; invariants hold afterwards."""
    outcome = probe.amend(owner, client_order_id, FUTURE, price * ONE, quantity * ONE, **fields)
    check(probe.engine)
    return outcome


def released(probe: EngineProbe, now: int = WAIT) -> list[OutcomeRecord]:
    """What became of everything that was due; invariants hold afterwards."""
    told = probe.release(now)
    check(probe.engine)
    return [one.outcome for one in told]


def became(probe: EngineProbe, now: int = WAIT) -> list[tuple[int | None, int, int, int]]:
    """The same as (order id, status, cancelReason, total filled in whole units)."""
    return [
        (one.order_id, one.order_status, one.cancel_reason, one.total_filled // ONE) for one in released(probe, now)
    ]


def book(probe: EngineProbe, side: int) -> list[tuple[int, int, int, int]]:
    """One side of the future's book as (order id, price, quantity, filled) in whole units."""
    return [
        (order.order_id, order.price // ONE, order.quantity // ONE, order.filled // ONE)
        for order in probe.resting(FUTURE, side)
    ]


# Who waits.


def test_an_order_that_would_trade_is_queued_and_nobody_is_touched(probe: EngineProbe) -> None:
    assert place(probe, STRANGER, 102, BUY, 100, 2) == accepted(
        order_status=OrderStatus.QUEUED, order_id=2, client_order_id=102, side=BUY, price=100 * ONE,
        quantity=2 * ONE, owner=STRANGER,
    )  # fmt: skip
    assert (book(probe, BUY), book(probe, SELL)) == ([], [(1, 100, 5, 0)])
    assert (probe.owner_counts(STRANGER), probe.portfolio_open(1)) == ((1, 1, 0), 1)


@pytest.mark.parametrize(
    ("price", "fields", "status"),
    [
        (99, {}, OrderStatus.ACTIVE),
        (100, {"flags": OrderFlags.POST_ONLY}, OrderStatus.ACTIVE),
        (99, {"time_in_force": TimeInForce.IOC}, OrderStatus.CANCELED),
        (99, {"time_in_force": TimeInForce.FOK}, OrderStatus.CANCELED),
    ],
    ids=["a better price", "post-only", "IOC", "FOK"],
)
def test_what_would_not_trade_is_not_held_up(
    probe: EngineProbe, price: int, fields: dict[str, Any], status: OrderStatus
) -> None:
    assert place(probe, STRANGER, 102, BUY, price, 2, **fields).order_status == status
    assert probe.release(2**62) == []


def test_a_post_only_order_that_would_cross_is_rejected_at_once(probe: EngineProbe) -> None:
    rejected = place(probe, STRANGER, 102, BUY, 100, 2, flags=OrderFlags.POST_ONLY_REJECT)
    assert rejected.reject_reason == OrderRejectReason.POST_ONLY


def test_a_market_order_that_meets_nobody_is_closed_at_once() -> None:
    probe = make(speed_bump_ns=WAIT)
    closed = place(probe, STRANGER, 102, BUY, None, 2, flags=OrderFlags.MARKET_LIMIT)
    assert (closed.order_status, closed.cancel_reason) == (OrderStatus.CANCELED, CancelReason.TIME_IN_FORCE)


def test_a_dead_order_holds_nobody_up(probe: EngineProbe) -> None:
    probe.fence(MAKER, 1)
    outcome = place(probe, STRANGER, 102, BUY, 100, 2)
    assert (outcome.order_status, outcome.dead_met) == (OrderStatus.ACTIVE, 1)


def test_an_instrument_without_a_speed_bump_knows_none() -> None:
    probe = make()
    place(probe, MAKER, 101, SELL, 100, 5)
    assert place(probe, STRANGER, 102, BUY, 100, 2).order_status == OrderStatus.FILLED


# Waiting.


def test_nobody_trades_with_an_order_that_waits(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 101, 2)
    assert place(probe, MAKER, 103, SELL, 101, 2).order_status == OrderStatus.ACTIVE


def test_its_client_order_id_is_taken(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2)
    second = place(probe, STRANGER, 102, BUY, 99, 2)
    assert second.reject_reason == OrderRejectReason.DUPLICATE_CLIENT_ORDER_ID


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
def test_whatever_waits_counts_as_open(time_in_force: int) -> None:
    probe = make(speed_bump_ns=WAIT, max_open_orders=1)
    place(probe, STRANGER, 101, SELL, 100, 5)
    place(probe, MAKER, 102, BUY, 100, 1, time_in_force=TimeInForce.IOC)
    rejected = place(probe, MAKER, 103, BUY, 100, 1, time_in_force=time_in_force)
    assert rejected.reject_reason == OrderRejectReason.TOO_MANY_OPEN_ORDERS
    released(probe)
    assert place(probe, MAKER, 103, BUY, 100, 1, time_in_force=time_in_force).status == "accepted"


# Releases.


def test_it_is_released_when_its_time_has_come_and_no_sooner(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2, time=1000, correlation_id=77)
    assert probe.release(1000 + WAIT - 1) == []
    (told,) = probe.release(1000 + WAIT)
    assert (told.correlation_id, told.requester) == (77, STRANGER)
    assert told.outcome == accepted(
        order_status=OrderStatus.FILLED, order_id=2, client_order_id=102, side=BUY, price=100 * ONE,
        quantity=2 * ONE, total_filled=2 * ONE, owner=STRANGER,
        events=(EventRecord("fill", MAKER, FUTURE, 101, 1, SELL, 1, 100 * ONE, 2 * ONE, 2 * ONE, 0, 0),),
    )  # fmt: skip
    assert book(probe, SELL) == [(1, 100, 5, 2)]


def test_what_is_left_of_it_rests(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 101, 7)
    (told,) = released(probe)
    assert (told.order_status, told.total_filled, told.visible_quantity) == (OrderStatus.ACTIVE, 5 * ONE, 2 * ONE)
    assert book(probe, BUY) == [(2, 101, 7, 5)]


def test_an_iceberg_rests_as_one(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 101, 9, show_quantity=3 * ONE)
    (told,) = released(probe)
    assert (told.order_status, told.total_filled, told.visible_quantity) == (OrderStatus.ACTIVE, 5 * ONE, 3 * ONE)


def test_it_takes_what_it_finds_then(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 101, 2)
    probe.cancel(MAKER, 101, FUTURE)
    place(probe, MAKER, 103, SELL, 101, 1)
    (told,) = released(probe)
    assert [event.price for event in told.events] == [101 * ONE]
    assert book(probe, BUY) == [(2, 101, 2, 1)]


def test_where_everybody_has_moved_away_it_rests(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2)
    probe.cancel(MAKER, 101, FUTURE)
    assert became(probe) == [(2, OrderStatus.ACTIVE, 0, 0)]


@pytest.mark.parametrize(
    ("quantity", "time_in_force", "status", "filled"),
    [
        (7, TimeInForce.IOC, OrderStatus.CANCELED, 5),
        (3, TimeInForce.IOC, OrderStatus.FILLED, 3),
        (7, TimeInForce.FOK, OrderStatus.CANCELED, 0),
        (5, TimeInForce.FOK, OrderStatus.FILLED, 5),
    ],
)
def test_an_order_that_is_not_to_rest_is_judged_at_its_release(
    probe: EngineProbe, quantity: int, time_in_force: int, status: int, filled: int
) -> None:
    place(probe, STRANGER, 102, BUY, 100, quantity, time_in_force=time_in_force)
    reason = CancelReason.TIME_IN_FORCE if status == OrderStatus.CANCELED else 0
    assert became(probe) == [(2, status, reason, filled)]
    assert book(probe, BUY) == []


@pytest.mark.parametrize(
    ("left", "status", "price"), [(5, OrderStatus.ACTIVE, 100 * ONE), (0, OrderStatus.CANCELED, None)]
)
def test_a_market_order_rests_at_its_last_price_if_it_has_one(
    probe: EngineProbe, left: int, status: OrderStatus, price: int | None
) -> None:
    place(probe, STRANGER, 102, BUY, None, 7, flags=OrderFlags.MARKET_LIMIT)
    if not left:
        probe.cancel(MAKER, 101, FUTURE)
    (told,) = released(probe)
    assert (told.order_status, told.price, told.total_filled) == (status, price, left * ONE)


def test_releases_come_in_the_order_of_the_queue(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 4, time=1)
    place(probe, STRANGER, 103, BUY, 101, 4, time=1)
    place(probe, STRANGER, 104, BUY, 102, 4, time=2)
    assert became(probe, 1 + WAIT) == [(2, OrderStatus.FILLED, 0, 4), (3, OrderStatus.ACTIVE, 0, 1)]
    assert became(probe, 2 + WAIT) == [(4, OrderStatus.ACTIVE, 0, 0)]


def test_between_instruments_the_one_that_is_due_first_comes_first_and_of_two_the_one_that_came_first() -> None:
    waits = {1: 30, 2: 10, 3: 30}
    instruments = [
        InstrumentSpec(number, ONE, ONE, ProductType.FUTURES, speed_bump_ns=wait) for number, wait in waits.items()
    ]
    probe = EngineProbe(Engine(instruments, [PortfolioSpec(1, 100)], [OwnerSpec(0)], 100))
    for number in waits:
        probe.enter(0, 100 + number, number, SELL, ONE, 9 * ONE)
    for client_order_id, (number, time) in enumerate([(1, 0), (3, 1), (2, 20), (2, 21), (1, 22)], start=1):
        assert probe.enter(0, client_order_id, number, BUY, ONE, ONE, time=time).order_status == OrderStatus.QUEUED
    check(probe.engine)
    # Due at 30, 31, 30, 31 and 52.
    assert [one.outcome.client_order_id for one in probe.release(60)] == [1, 3, 2, 4, 5]


@pytest.mark.parametrize("mode", SelfTradingMode)
def test_makers_give_way_in_a_self_match(probe: EngineProbe, mode: SelfTradingMode) -> None:
    place(probe, STRANGER, 102, SELL, 99, 1, smp_token=6)
    place(probe, STRANGER, 103, BUY, 100, 2, smp_token=6, self_trading_mode=mode)
    (told,) = released(probe)
    assert [(event.kind, event.order_id, event.cancel_reason) for event in told.events] == [
        ("canceled", 2, CancelReason.SELF_MATCH_PREVENTION),
        ("fill", 1, 0),
    ]
    assert (told.order_status, told.total_filled) == (OrderStatus.FILLED, 2 * ONE)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (InstrumentState.INSTRUMENT_IS_HALTED, CancelReason.MARKET_STATE_TRANSITION),
        (InstrumentState.INSTRUMENT_IS_DEACTIVATED, CancelReason.BOOK_DEACTIVATED),
    ],
)
def test_where_the_book_is_no_longer_open_it_is_closed(
    probe: EngineProbe, state: InstrumentState, reason: CancelReason
) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2)
    Venue(probe.engine).set_instrument_state(0, state)
    assert became(probe) == [(2, OrderStatus.CANCELED, reason, 0)]
    assert book(probe, SELL) == [(1, 100, 5, 0)]


# Cancels.


def test_the_first_cancel_makes_it_immediate_or_cancel_and_the_second_is_refused(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 7)
    first, second, third = (
        probe.cancel(STRANGER, 102, FUTURE),
        probe.cancel(STRANGER, 102, FUTURE),
        probe.cancel_by_id(STRANGER, 2, FUTURE),
    )
    assert (first.status, first.reject_reason, first.details) == (
        "rejected",
        CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC,
        "the order waits behind a speed bump: it will not rest after it",
    )
    for refused in (second, third):
        assert (refused.status, refused.reject_reason) == ("rejected", CancelOrderRejectReason.TIME_IN_FORCE)
        assert (refused.order_id, refused.client_order_id, refused.details) == (2, 102, WILL_NOT_REST)
    assert became(probe) == [(2, OrderStatus.CANCELED, CancelReason.TIME_IN_FORCE, 5)]


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_was_never_to_rest_has_nothing_to_be_made_of(probe: EngineProbe, time_in_force: int) -> None:
    place(probe, STRANGER, 102, BUY, 100, 5, time_in_force=time_in_force)
    assert probe.cancel(STRANGER, 102, FUTURE).reject_reason == CancelOrderRejectReason.TIME_IN_FORCE
    assert became(probe) == [(2, OrderStatus.FILLED, 0, 5)]


def test_another_session_of_the_portfolio_may_ask_for_it(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, SELL, 90, 1)
    place(probe, MAKER, 103, SELL, 90, 1)
    place(probe, MATE, 104, BUY, 90, 9)
    assert probe.cancel(STRANGER, 104, FUTURE).reject_reason == CancelOrderRejectReason.UNKNOWN_ORDER
    converted = probe.cancel(MAKER, 104, FUTURE)
    assert converted.reject_reason == CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC


# The fence, and leaving.


def test_at_the_fence_it_is_dead_and_never_released(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2)
    assert probe.fence(STRANGER, 1) == 1
    check(probe.engine)
    assert probe.release(WAIT) == []
    assert (book(probe, SELL), probe.owner_counts(STRANGER)) == ([(1, 100, 5, 0)], (0, 0, 1))
    (told,) = probe.drain(STRANGER, 10)
    assert (told.order_id, told.cancel_reason) == (2, CancelReason.CLIENT_DISCONNECT)
    check(probe.engine)


def test_a_drained_order_is_out_of_the_queue(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2)
    place(probe, MATE, 103, BUY, 100, 1, smp_token=1)
    probe.fence(STRANGER, 1)
    probe.drain(STRANGER, 10)
    check(probe.engine)
    assert became(probe) == [(3, OrderStatus.FILLED, 0, 1)]


def test_the_fence_of_a_portfolio_kills_what_waits(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2, covered=False)
    assert probe.fence_portfolio(1) == 1
    check(probe.engine)
    assert probe.release(WAIT) == []


def test_an_order_that_leaves_with_others_is_out_of_the_queue(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2)
    assert probe.leave(2, CancelReason.BY_REQUEST)
    check(probe.engine)
    assert [(owner, [one.order_id for one in entries]) for owner, entries in probe.take_leaving(9)] == [(STRANGER, [2])]
    assert probe.release(WAIT) == []


# Amends of orders that rest.


def test_an_order_that_an_amend_would_let_trade_leaves_the_book_and_is_queued(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 99, 5)
    assert amend(probe, STRANGER, 102, 100, 7, time=3, correlation_id=8) == accepted(
        order_status=OrderStatus.QUEUED, order_id=2, client_order_id=102, side=BUY, price=100 * ONE,
        quantity=7 * ONE, owner=STRANGER,
    )  # fmt: skip
    assert (book(probe, BUY), probe.owner_counts(STRANGER)) == ([], (1, 1, 0))
    assert released(probe, 3 + WAIT - 1) == []
    (told,) = probe.release(3 + WAIT)
    assert (told.correlation_id, told.requester) == (8, STRANGER)
    assert told.outcome == accepted(
        order_id=2, client_order_id=102, side=BUY, price=100 * ONE, quantity=7 * ONE, total_filled=5 * ONE,
        visible_quantity=2 * ONE, owner=STRANGER,
        events=(EventRecord("fill", MAKER, FUTURE, 101, 1, SELL, 1, 100 * ONE, 5 * ONE, 5 * ONE, 2, 0),),
    )  # fmt: skip
    assert book(probe, BUY) == [(2, 100, 7, 5)]


def test_who_amended_is_told_and_whose_order_it_is_stays(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, SELL, 90, 1)
    place(probe, MATE, 103, BUY, 80, 1)
    assert amend(probe, MAKER, 103, 90, 1).owner == MATE
    (told,) = probe.release(WAIT)
    assert (told.requester, told.outcome.owner, told.outcome.order_status) == (MAKER, MATE, OrderStatus.FILLED)


def test_it_can_be_made_immediate_or_cancel_too(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 99, 5)
    amend(probe, STRANGER, 102, 100, 7)
    converted = probe.cancel(STRANGER, 102, FUTURE)
    assert converted.reject_reason == CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC
    assert became(probe) == [(2, OrderStatus.CANCELED, CancelReason.TIME_IN_FORCE, 5)]


def test_an_iceberg_shows_what_the_amend_says(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 99, 5, show_quantity=2 * ONE)
    amend(probe, STRANGER, 102, 100, 9, show_quantity=ONE)
    (told,) = released(probe)
    assert (told.total_filled, told.visible_quantity) == (5 * ONE, ONE)


@pytest.mark.parametrize(
    ("price", "quantity", "flags"),
    [(99, 2, 0), (98, 5, 0), (100, 5, ReplaceOrderFlags.POST_ONLY)],
    ids=["a reduction", "a worse price", "post-only"],
)
def test_an_amend_that_would_not_let_it_trade_is_made_at_once(
    probe: EngineProbe, price: int, quantity: int, flags: int
) -> None:
    place(probe, STRANGER, 102, BUY, 99, 5)
    assert amend(probe, STRANGER, 102, price, quantity, flags=flags).order_status == OrderStatus.ACTIVE


# Amends of orders that have something waiting.


def test_an_amend_of_an_order_that_waits_waits_too_and_as_long(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2, time=1, correlation_id=7)
    queued = amend(probe, STRANGER, 102, 98, 9, time=4, correlation_id=8)
    assert queued == accepted(
        order_status=OrderStatus.QUEUED, order_id=2, client_order_id=102, side=BUY, price=98 * ONE,
        quantity=9 * ONE, owner=STRANGER,
    )  # fmt: skip
    probe.cancel(MAKER, 101, FUTURE)
    assert became(probe, 1 + WAIT) == [(2, OrderStatus.ACTIVE, 0, 0)]
    assert book(probe, BUY) == [(2, 100, 2, 0)]
    assert released(probe, 4 + WAIT - 1) == []
    (told,) = probe.release(4 + WAIT)
    assert (told.correlation_id, told.outcome.order_status, told.outcome.price) == (8, OrderStatus.ACTIVE, 98 * ONE)
    assert book(probe, BUY) == [(2, 98, 9, 0)]


def test_it_is_no_way_past_the_speed_bump_and_trades_in_its_own_time(probe: EngineProbe) -> None:
    place(probe, MAKER, 103, SELL, 101, 5, smp_token=6)
    place(probe, STRANGER, 102, BUY, 100, 5, time=0)
    amend(probe, STRANGER, 102, 101, 9, time=9)
    amend(probe, STRANGER, 102, 101, 10, time=9)
    probe.cancel(MAKER, 101, FUTURE)
    assert became(probe, WAIT) == [(3, OrderStatus.ACTIVE, 0, 0)]
    assert book(probe, SELL) == [(2, 101, 5, 0)]
    assert became(probe, 9 + WAIT) == [(3, OrderStatus.ACTIVE, 0, 5), (3, OrderStatus.ACTIVE, 0, 5)]
    assert book(probe, BUY) == [(3, 101, 10, 5)]


def test_while_an_amend_waits_a_later_one_waits_behind_it_though_the_order_rests(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 101, 6, time=0)
    amend(probe, STRANGER, 102, 99, 8, time=5)
    assert became(probe, WAIT) == [(2, OrderStatus.ACTIVE, 0, 5)]
    later = amend(probe, STRANGER, 102, 98, 9, time=WAIT)
    assert (later.order_status, later.total_filled, later.visible_quantity) == (OrderStatus.QUEUED, 5 * ONE, ONE)
    assert became(probe, 5 + WAIT) == [(2, OrderStatus.ACTIVE, 0, 5)]
    assert book(probe, BUY) == [(2, 99, 8, 5)]
    assert became(probe, 2 * WAIT) == [(2, OrderStatus.ACTIVE, 0, 5)]
    assert book(probe, BUY) == [(2, 98, 9, 5)]


def test_so_many_amends_of_one_order_may_wait_and_no_more(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 1)
    for quantity in range(2, 2 + PENDING_AMENDS_PER_ORDER_MAX):
        assert amend(probe, STRANGER, 102, 100, quantity).order_status == OrderStatus.QUEUED
    refused = amend(probe, STRANGER, 102, 100, 9)
    assert rejection(refused) == (
        "rejected",
        2,
        OrderRejectReason.TOO_MANY_PENDING_REPLACES,
        "the order has 4 amends behind a speed bump, of at most 4",
        (),
    )
    assert [one.quantity for one in released(probe)] == [ONE]
    assert amend(probe, STRANGER, 102, 100, 9).reject_reason == OrderRejectReason.ORDER_NOT_FOUND


def test_an_amend_below_what_has_filled_by_then_closes_the_order(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 7)
    amend(probe, STRANGER, 102, 100, 3)
    assert became(probe) == [
        (2, OrderStatus.ACTIVE, 0, 5),
        (2, OrderStatus.CANCELED, CancelReason.BY_REQUEST, 5),
    ]


def test_an_amend_that_is_smaller_by_then_keeps_the_order_s_place(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 9)
    amend(probe, STRANGER, 102, 100, 8, time=1)
    released(probe)
    place(probe, MATE, 103, BUY, 100, 1)
    assert became(probe, 1 + WAIT) == [(2, OrderStatus.ACTIVE, 0, 5)]
    assert ids(probe.resting(FUTURE, BUY)) == [2, 3]


def test_an_amend_that_can_no_longer_be_made_leaves_the_order_as_it_is(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 99, 4)
    place(probe, STRANGER, 103, BUY, 100, 6)
    amend(probe, STRANGER, 103, 102, 9, time=1, flags=ReplaceOrderFlags.POST_ONLY_REJECT)
    released(probe)
    place(probe, MAKER, 104, SELL, 102, 1)
    (told,) = released(probe, 1 + WAIT)
    assert told == accepted(
        order_id=3, client_order_id=103, side=BUY, price=100 * ONE, quantity=6 * ONE, total_filled=5 * ONE,
        visible_quantity=ONE, owner=STRANGER,
    )  # fmt: skip


def test_where_the_book_is_halted_by_then_it_is_left_as_it_is(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 6)
    amend(probe, STRANGER, 102, 98, 9, time=1)
    released(probe)
    Venue(probe.engine).set_instrument_state(0, InstrumentState.INSTRUMENT_IS_HALTED)
    (told,) = released(probe, 1 + WAIT)
    assert (told.order_status, told.price, told.quantity) == (OrderStatus.ACTIVE, 100 * ONE, 6 * ONE)


def test_amends_of_an_order_that_is_closed_are_gone_with_it(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 5)
    amend(probe, STRANGER, 102, 100, 9, time=1)
    assert became(probe) == [(2, OrderStatus.FILLED, 0, 5)]
    assert released(probe, 1 + WAIT) == []


def test_an_order_that_rests_is_cancelled_with_its_amends(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 6)
    amend(probe, STRANGER, 102, 98, 9, time=1)
    released(probe)
    assert probe.cancel(STRANGER, 102, FUTURE).status == "accepted"
    check(probe.engine)
    assert released(probe, 1 + WAIT) == []


def test_a_maker_that_is_filled_takes_its_amends_with_it(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 100, 6)
    amend(probe, STRANGER, 102, 100, 7, time=WAIT - 1)
    released(probe)
    place(probe, MAKER, 103, SELL, 100, 2, time=WAIT)
    amend(probe, STRANGER, 102, 98, 9, time=WAIT + 1)
    assert became(probe, 2 * WAIT - 1) == [(2, OrderStatus.ACTIVE, 0, 5)]
    assert became(probe, 2 * WAIT) == [(3, OrderStatus.FILLED, 0, 2)]
    assert (book(probe, BUY), released(probe, 2 * WAIT + 1)) == ([], [])


@pytest.mark.parametrize("convert", [True, False], ids=["made IOC", "IOC"])
def test_an_order_that_will_not_rest_cannot_be_amended(probe: EngineProbe, convert: bool) -> None:
    place(probe, STRANGER, 102, BUY, 100, 2, time_in_force=TimeInForce.GTC if convert else TimeInForce.IOC)
    if convert:
        probe.cancel(STRANGER, 102, FUTURE)
    refused = amend(probe, STRANGER, 102, 100, 9)
    assert rejection(refused) == ("rejected", 2, OrderRejectReason.INVALID_FIELD, WILL_NOT_REST, ())


# The limit of a portfolio.


def full(probe: EngineProbe) -> None:
    for number in range(WAITING_PER_PORTFOLIO_MAX):
        probe.enter(STRANGER, 1000 + number, FUTURE, BUY, 100 * ONE, LOT)


def test_so_many_orders_of_a_portfolio_may_wait_and_no_more(probe: EngineProbe) -> None:
    full(probe)
    refused = place(probe, STRANGER, 102, BUY, 100, 1)
    assert rejection(refused) == (
        "rejected",
        None,
        OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED,
        "the portfolio has 1000 orders behind speed bumps, of at most 1000",
        (),
    )
    assert place(probe, MATE, 102, BUY, 100, 1).order_status == OrderStatus.QUEUED
    released(probe)
    assert place(probe, STRANGER, 102, BUY, 100, 1).order_status == OrderStatus.QUEUED


def test_an_amend_that_would_be_one_more_is_rejected_and_the_order_stays(probe: EngineProbe) -> None:
    place(probe, STRANGER, 102, BUY, 99, 5)
    full(probe)
    refused = amend(probe, STRANGER, 102, 100, 7)
    assert (refused.order_id, refused.reject_reason) == (2, OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED)
    assert book(probe, BUY) == [(2, 99, 5, 0)]
    assert amend(probe, STRANGER, 1000, 100, 7).order_status == OrderStatus.QUEUED


@pytest.mark.parametrize("epochs_later", [0, 1])
def test_what_the_fence_killed_leaves_its_room_at_once(probe: EngineProbe, epochs_later: int) -> None:
    full(probe)
    if epochs_later:
        place(probe, STRANGER, 102, BUY, 99, 1, epoch=2)
    probe.fence(STRANGER, 1)
    check(probe.engine)
    assert place(probe, STRANGER, 103, BUY, 100, 1, epoch=2).order_status == OrderStatus.QUEUED
