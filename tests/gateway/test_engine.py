"""The engine's rules, one by one: what becomes of a command, and everything that it does to others."""

from typing import Any

import pytest
from support.engine_room import (
    BUY,
    COMBO,
    FUTURE,
    INT64_MAX,
    LOT,
    MAKER,
    MATE,
    ONE,
    SELL,
    STRANGER,
    TICK,
    accepted,
    fill,
    ids,
    make,
    place,
    rejected,
    rejection,
)

from codec.layout import (
    CancelOrderRejectReason,
    CancelReason,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    ProductType,
    SelfTradingMode,
    TimeInForce,
)
from gateway.engine import Engine
from gateway.engine_types import (
    CanceledOrder,
    EventRecord,
    InstrumentSpec,
    OutcomeRecord,
    OwnerSpec,
    PortfolioSpec,
    RestingOrder,
)
from gateway.invariants import check
from gateway.limits import FILLS_PER_ORDER_MAX, SELF_MATCH_CANCELS_PER_ORDER_MAX
from gateway.probe import EngineProbe


@pytest.fixture
def probe() -> EngineProbe:
    return make()


# Resting and matching.


def test_an_order_that_crosses_nothing_rests_whole(probe: EngineProbe) -> None:
    assert place(probe, MAKER, 101, BUY, 100, 5) == accepted(
        order_id=1,
        client_order_id=101,
        side=BUY,
        price=100 * ONE,
        quantity=5 * ONE,
        visible_quantity=5 * ONE,
        owner=MAKER,
    )
    assert probe.resting(FUTURE, BUY) == [RestingOrder(1, MAKER, 100 * ONE, 5 * ONE, 0, 5 * ONE)]
    assert (probe.owner_counts(MAKER), probe.portfolio_open(0), probe.portfolio_open(1)) == ((1, 1, 0), 1, 0)


def test_a_taker_fills_the_best_price_first_and_the_oldest_first_and_rests_with_what_is_left(
    probe: EngineProbe,
) -> None:
    place(probe, MAKER, 101, SELL, 101, 1)
    place(probe, MAKER, 102, SELL, 100, 2)
    place(probe, MATE, 103, SELL, 100, 3)
    place(probe, MAKER, 104, SELL, 102, 9)
    assert place(probe, STRANGER, 105, BUY, 101, 8) == accepted(
        order_id=5, client_order_id=105, side=BUY, price=101 * ONE, quantity=8 * ONE, total_filled=6 * ONE,
        visible_quantity=2 * ONE, owner=STRANGER,
        events=(
            fill(MAKER, 2, SELL, 1, 100, 2, 2, full=True),
            fill(MATE, 3, SELL, 2, 100, 3, 3, full=True),
            fill(MAKER, 1, SELL, 3, 101, 1, 1, full=True),
        ),
    )  # fmt: skip
    assert (ids(probe.resting(FUTURE, BUY)), ids(probe.resting(FUTURE, SELL))) == ([5], [4])


def test_a_maker_that_is_filled_in_part_keeps_its_place_and_its_total(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, MATE, 102, BUY, 100, 5)
    first = place(probe, STRANGER, 103, SELL, 99, 2)
    second = place(probe, STRANGER, 104, SELL, 100, 4)
    assert first.events == (fill(MAKER, 1, BUY, 1, 100, 2, 2, full=False),)
    assert second.events == (
        fill(MAKER, 1, BUY, 2, 100, 3, 5, full=True),
        fill(MATE, 2, BUY, 3, 100, 1, 1, full=False),
    )
    assert (first.order_status, second.order_status) == (OrderStatus.FILLED, OrderStatus.FILLED)
    assert probe.resting(FUTURE, BUY) == [RestingOrder(2, MATE, 100 * ONE, 5 * ONE, ONE, 4 * ONE)]


def test_books_of_different_instruments_do_not_trade_with_each_other(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1)
    outcome = probe.enter(STRANGER, 102, COMBO, BUY, 100 * ONE, ONE)
    assert (outcome.order_status, outcome.events) == (OrderStatus.ACTIVE, ())


def test_the_same_commands_give_the_same_outcomes_again() -> None:
    def run() -> list[OutcomeRecord]:
        probe = make()
        return [
            place(probe, number % 3, number, SELL if number % 2 else BUY, 95 + number * 7 % 11, 1 + number % 4)
            for number in range(200)
        ]

    assert run() == run()


def test_counters_begin_where_they_are_told_to() -> None:
    engine = Engine(
        [InstrumentSpec(id=FUTURE, tick_size=TICK, lot_size=LOT, product_type=ProductType.FUTURES)],
        [PortfolioSpec(id=1, max_open_orders=10)], [OwnerSpec(portfolio=0)], 10,
        first_order_id=1000, first_match_id=2000, first_exec_id=3000,
    )  # fmt: skip
    probe = EngineProbe(engine)
    assert place(probe, 0, 1, BUY, 100, 1).order_id == 1000
    outcome = place(probe, 0, 2, SELL, 100, 1)
    assert (outcome.order_id, outcome.events[0].match_id) == (1001, 2000)
    assert [probe.next_exec_id(), probe.next_exec_id()] == [3000, 3001]


# Time in force and market orders.


def test_an_ioc_order_takes_what_is_there_and_the_rest_is_closed(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 2)
    assert place(probe, STRANGER, 102, BUY, 100, 5, time_in_force=TimeInForce.IOC) == accepted(
        order_id=2, client_order_id=102, side=BUY, price=100 * ONE, quantity=5 * ONE, total_filled=2 * ONE,
        order_status=OrderStatus.CANCELED, cancel_reason=CancelReason.TIME_IN_FORCE, owner=STRANGER,
        events=(fill(MAKER, 1, SELL, 1, 100, 2, 2, full=True),),
    )  # fmt: skip
    assert probe.resting(FUTURE, BUY) == []


def test_an_fok_order_that_can_fill_whole_does(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 2)
    place(probe, MAKER, 102, SELL, 101, 2)
    outcome = place(probe, STRANGER, 103, BUY, 101, 4, time_in_force=TimeInForce.FOK)
    assert (outcome.order_status, outcome.total_filled, len(outcome.events)) == (OrderStatus.FILLED, 4 * ONE, 2)


def test_an_fok_order_that_cannot_fill_whole_is_closed_and_touches_nothing(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 2)
    place(probe, MAKER, 102, SELL, 102, 2)
    assert place(probe, STRANGER, 103, BUY, 101, 4, time_in_force=TimeInForce.FOK) == accepted(
        order_id=3, client_order_id=103, side=BUY, price=101 * ONE, quantity=4 * ONE, owner=STRANGER,
        order_status=OrderStatus.CANCELED, cancel_reason=CancelReason.TIME_IN_FORCE,
    )  # fmt: skip
    assert [order.filled for order in probe.resting(FUTURE, SELL)] == [0, 0]


def test_a_market_order_takes_any_price_and_rests_at_its_last(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1)
    place(probe, MAKER, 102, SELL, 900, 1)
    assert place(probe, STRANGER, 103, BUY, None, 3, flags=OrderFlags.MARKET_LIMIT) == accepted(
        order_id=3, client_order_id=103, side=BUY, price=900 * ONE, quantity=3 * ONE, total_filled=2 * ONE,
        visible_quantity=ONE, owner=STRANGER,
        events=(fill(MAKER, 1, SELL, 1, 100, 1, 1, full=True), fill(MAKER, 2, SELL, 2, 900, 1, 1, full=True)),
    )  # fmt: skip
    assert probe.resting(FUTURE, BUY) == [RestingOrder(3, STRANGER, 900 * ONE, 3 * ONE, 2 * ONE, ONE)]


@pytest.mark.parametrize("time_in_force", [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK])
def test_a_market_order_that_meets_no_one_is_closed(probe: EngineProbe, time_in_force: int) -> None:
    outcome = place(probe, MAKER, 101, BUY, None, 3, flags=OrderFlags.MARKET_LIMIT, time_in_force=time_in_force)
    assert outcome == accepted(
        order_id=1, client_order_id=101, side=BUY, price=None, quantity=3 * ONE, owner=MAKER,
        order_status=OrderStatus.CANCELED, cancel_reason=CancelReason.TIME_IN_FORCE,
    )  # fmt: skip


def test_a_closed_order_leaves_its_client_order_id_free(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 1, time_in_force=TimeInForce.IOC)
    assert place(probe, MAKER, 101, BUY, 100, 1).order_status == OrderStatus.ACTIVE
    place(probe, STRANGER, 1, SELL, 100, 1)
    assert place(probe, MAKER, 101, BUY, 100, 1).order_status == OrderStatus.ACTIVE


# Post-only.


@pytest.mark.parametrize(("side", "moved_to"), [(BUY, 100 * ONE - TICK), (SELL, 100 * ONE + TICK)])
def test_a_post_only_order_that_would_cross_rests_one_tick_behind_the_opposite_best(
    probe: EngineProbe, side: int, moved_to: int
) -> None:
    place(probe, MAKER, 101, -side, 100, 1)
    outcome = place(probe, STRANGER, 102, side, 100 + 5 * side, 1, flags=OrderFlags.POST_ONLY)
    assert outcome == accepted(
        order_id=2, client_order_id=102, side=side, price=moved_to, quantity=ONE, visible_quantity=ONE, owner=STRANGER
    )
    assert probe.resting(FUTURE, side) == [RestingOrder(2, STRANGER, moved_to, ONE, 0, ONE)]


@pytest.mark.parametrize("flags", [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT])
def test_a_post_only_order_that_would_not_cross_rests_where_it_wants(probe: EngineProbe, flags: int) -> None:
    place(probe, MAKER, 101, SELL, 101, 1)
    assert place(probe, STRANGER, 102, BUY, 100, 1, flags=flags).price == 100 * ONE


@pytest.mark.parametrize("flags", [OrderFlags.POST_ONLY_REJECT, OrderFlags.POST_ONLY_REJECT | OrderFlags.POST_ONLY])
def test_a_post_only_reject_order_that_would_cross_is_rejected_and_the_reject_bit_wins(
    probe: EngineProbe, flags: int
) -> None:
    place(probe, MAKER, 101, SELL, 100, 1)
    assert rejection(place(probe, STRANGER, 102, BUY, 101, 1, flags=flags)) == rejected(
        OrderRejectReason.POST_ONLY, "price 101 would cross the best opposite price 100"
    )
    assert place(probe, STRANGER, 103, BUY, 99, 1).order_id == 2


def test_a_post_only_order_with_no_price_left_behind_the_best_is_rejected(probe: EngineProbe) -> None:
    probe.enter(MAKER, 101, FUTURE, SELL, TICK, ONE)
    assert rejection(place(probe, STRANGER, 102, BUY, 100, 1, flags=OrderFlags.POST_ONLY)) == rejected(
        OrderRejectReason.POST_ONLY, "price 100 would cross, and there is no price behind 0.5"
    )


def test_a_post_only_order_of_a_combo_may_move_below_zero(probe: EngineProbe) -> None:
    probe.enter(MAKER, 101, COMBO, SELL, 0, ONE)
    outcome = probe.enter(STRANGER, 102, COMBO, BUY, ONE, ONE, flags=OrderFlags.POST_ONLY)
    assert (outcome.order_status, outcome.price) == (OrderStatus.ACTIVE, -TICK)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_post_only_order_is_rejected_where_a_tick_further_would_overflow(probe: EngineProbe, side: int) -> None:
    last = side * (INT64_MAX - INT64_MAX % TICK)
    probe.enter(MAKER, 101, COMBO, -side, -last, ONE)
    outcome = probe.enter(STRANGER, 102, COMBO, side, -last, ONE, flags=OrderFlags.POST_ONLY)
    assert (outcome.status, outcome.reject_reason) == ("rejected", OrderRejectReason.POST_ONLY)
    assert probe.resting(COMBO, side) == []


def test_a_dead_order_is_no_reason_to_move_a_post_only_price(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1)
    place(probe, STRANGER, 102, SELL, 102, 1)
    probe.fence(MAKER, 1)
    outcome = place(probe, STRANGER, 103, BUY, 101, 1, flags=OrderFlags.POST_ONLY_REJECT)
    assert (outcome.order_status, outcome.price, outcome.dead_met) == (OrderStatus.ACTIVE, 101 * ONE, 1)


# Self-match prevention.


def test_the_taker_gives_way_where_it_meets_its_own_token(probe: EngineProbe) -> None:
    place(probe, MATE, 101, SELL, 100, 1)
    place(probe, MAKER, 102, SELL, 101, 1, smp_token=5)
    place(probe, MATE, 103, SELL, 102, 1)
    assert place(probe, MAKER, 104, BUY, 105, 3, smp_token=5) == accepted(
        order_id=4, client_order_id=104, side=BUY, price=105 * ONE, quantity=3 * ONE, total_filled=ONE, owner=MAKER,
        order_status=OrderStatus.CANCELED, cancel_reason=CancelReason.SELF_MATCH_PREVENTION,
        events=(fill(MATE, 1, SELL, 1, 100, 1, 1, full=True),),
    )  # fmt: skip
    assert ids(probe.resting(FUTURE, SELL)) == [2, 3]


def test_the_maker_is_cancelled_where_the_taker_says_so_and_matching_goes_on(probe: EngineProbe) -> None:
    place(probe, MATE, 101, SELL, 100, 2, smp_token=5)
    place(probe, STRANGER, 102, BUY, 100, 1)
    place(probe, STRANGER, 103, SELL, 101, 1, smp_token=5)
    outcome = place(probe, MAKER, 104, BUY, 101, 3, smp_token=5, self_trading_mode=SelfTradingMode.CANCEL_MAKER)
    assert outcome == accepted(
        order_id=4, client_order_id=104, side=BUY, price=101 * ONE, quantity=3 * ONE, total_filled=ONE,
        visible_quantity=2 * ONE, owner=MAKER,
        events=(
            EventRecord("canceled", MATE, FUTURE, 101, 1, SELL, 0, 0, 0, ONE, 0, CancelReason.SELF_MATCH_PREVENTION),
            fill(STRANGER, 3, SELL, 2, 101, 1, 1, full=True),
        ),
    )  # fmt: skip
    assert (probe.owner_counts(MATE), ids(probe.resting(FUTURE, SELL))) == ((0, 0, 0), [])


@pytest.mark.parametrize("token", [None, 0])
def test_no_token_prevents_no_match(probe: EngineProbe, token: int | None) -> None:
    place(probe, MAKER, 101, SELL, 100, 1, smp_token=token)
    assert place(probe, MAKER, 102, BUY, 100, 1, smp_token=token).order_status == OrderStatus.FILLED


@pytest.mark.parametrize(
    ("mode", "status"),
    [(SelfTradingMode.CANCEL_TAKER, OrderStatus.CANCELED), (SelfTradingMode.CANCEL_MAKER, OrderStatus.FILLED)],
)
def test_an_fok_order_counts_its_own_token_out(probe: EngineProbe, mode: int, status: int) -> None:
    place(probe, MAKER, 101, SELL, 100, 5, smp_token=5)
    place(probe, STRANGER, 102, SELL, 100, 1)
    fok = {"time_in_force": TimeInForce.FOK, "smp_token": 5, "self_trading_mode": mode}
    assert place(probe, MATE, 103, BUY, 100, 2, **fok).order_status == OrderStatus.CANCELED
    assert ids(probe.resting(FUTURE, SELL)) == [1, 2]
    assert place(probe, MATE, 104, BUY, 100, 1, **fok).order_status == status


# As much as one order may do.


def test_an_order_fills_against_as_many_makers_as_it_may_and_the_rest_is_closed(probe: EngineProbe) -> None:
    for number in range(FILLS_PER_ORDER_MAX + 1):
        probe.enter(MAKER, number, FUTURE, SELL, 100 * ONE, LOT)
    outcome = probe.enter(STRANGER, 1, FUTURE, BUY, 100 * ONE, (FILLS_PER_ORDER_MAX + 1) * LOT)
    assert (outcome.order_status, outcome.cancel_reason) == (OrderStatus.CANCELED, CancelReason.TIME_IN_FORCE)
    assert (outcome.total_filled, len(outcome.events)) == (FILLS_PER_ORDER_MAX * LOT, FILLS_PER_ORDER_MAX)
    assert (ids(probe.resting(FUTURE, SELL)), probe.resting(FUTURE, BUY)) == ([FILLS_PER_ORDER_MAX + 1], [])
    check(probe.engine)


def test_an_fok_order_that_needs_more_fills_than_it_may_have_is_closed(probe: EngineProbe) -> None:
    for number in range(FILLS_PER_ORDER_MAX + 1):
        probe.enter(MAKER, number, FUTURE, SELL, 100 * ONE, LOT)
    fok = TimeInForce.FOK
    too_much = probe.enter(STRANGER, 1, FUTURE, BUY, 100 * ONE, (FILLS_PER_ORDER_MAX + 1) * LOT, time_in_force=fok)
    just_right = probe.enter(STRANGER, 1, FUTURE, BUY, 100 * ONE, FILLS_PER_ORDER_MAX * LOT, time_in_force=fok)
    assert (too_much.order_status, len(too_much.events)) == (OrderStatus.CANCELED, 0)
    assert (just_right.order_status, len(just_right.events)) == (OrderStatus.FILLED, FILLS_PER_ORDER_MAX)


def test_an_order_cancels_as_many_of_its_own_makers_as_it_may(probe: EngineProbe) -> None:
    most = SELF_MATCH_CANCELS_PER_ORDER_MAX
    for number in range(most + 1):
        probe.enter(MAKER, number, FUTURE, SELL, 100 * ONE, LOT, smp_token=5)
    own: dict[str, Any] = {"smp_token": 5, "self_trading_mode": SelfTradingMode.CANCEL_MAKER}
    fok = probe.enter(MATE, 9999, FUTURE, BUY, 100 * ONE, LOT, time_in_force=TimeInForce.FOK, **own)
    assert (fok.order_status, fok.events) == (OrderStatus.CANCELED, ())
    outcome = probe.enter(MATE, 9999, FUTURE, BUY, 100 * ONE, LOT, **own)
    assert (outcome.order_status, outcome.cancel_reason) == (OrderStatus.CANCELED, CancelReason.TIME_IN_FORCE)
    assert (outcome.total_filled, len(outcome.events), len(probe.resting(FUTURE, SELL))) == (0, most, 1)
    check(probe.engine)


def test_the_largest_quantities_add_up_without_overflow(probe: EngineProbe) -> None:
    largest = INT64_MAX - INT64_MAX % LOT
    probe.enter(MAKER, 101, FUTURE, SELL, 100 * ONE, largest)
    probe.enter(MAKER, 102, FUTURE, SELL, 100 * ONE, largest)
    fok = probe.enter(STRANGER, 103, FUTURE, BUY, 100 * ONE, largest, time_in_force=TimeInForce.FOK)
    assert (fok.order_status, fok.total_filled) == (OrderStatus.FILLED, largest)
    rest = probe.enter(STRANGER, 104, FUTURE, BUY, 100 * ONE, largest)
    assert (rest.order_status, rest.total_filled) == (OrderStatus.FILLED, largest)


# Rejects.

REJECTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "an unknown instrument": (
        {"instrument_id": 8}, OrderRejectReason.INVALID_INSTRUMENT, "instrument 8 is not known",
    ),
    "a null client order id": (
        {"client_order_id": None}, OrderRejectReason.INVALID_FIELD, "client order id is null",
    ),
    "no side": (
        {"side": 0}, OrderRejectReason.INVALID_FIELD, "side 0 is neither buy (1) nor sell (-1)",
    ),
    "an unknown time in force": (
        {"time_in_force": -3}, OrderRejectReason.INVALID_FIELD,
        "time in force -3: wanted 0 (GTC), -1 (FOK), -2 (IOC) or a number of days",
    ),
    "an unknown self trading mode": (
        {"self_trading_mode": 2}, OrderRejectReason.INVALID_FIELD,
        "self trading mode 2 is neither cancel taker (0) nor cancel maker (1)",
    ),
    "a market order with a price": (
        {"flags": OrderFlags.MARKET_LIMIT}, OrderRejectReason.INVALID_FIELD,
        "price 100 with the marketLimit flag: wanted null",
    ),
    "a post-only market order": (
        {"flags": OrderFlags.MARKET_LIMIT | OrderFlags.POST_ONLY, "price": None}, OrderRejectReason.INVALID_FIELD,
        "a market order cannot be post-only",
    ),
    "a post-only IOC order": (
        {"flags": OrderFlags.POST_ONLY, "time_in_force": TimeInForce.IOC}, OrderRejectReason.INVALID_FIELD,
        "an IOC or FOK order cannot be post-only",
    ),
    "a post-only FOK order": (
        {"flags": OrderFlags.POST_ONLY_REJECT, "time_in_force": TimeInForce.FOK}, OrderRejectReason.INVALID_FIELD,
        "an IOC or FOK order cannot be post-only",
    ),
    "an order under market maker protection": (
        {"flags": OrderFlags.MMP}, OrderRejectReason.MMP_NOT_CONFIGURED,
        "the portfolio has no market-maker protection for orders in currency pair 0",
    ),
    "a reset of market maker protection": (
        {"flags": OrderFlags.RESET_MMP}, OrderRejectReason.MMP_NOT_CONFIGURED,
        "the portfolio has no market-maker protection for orders in currency pair 0",
    ),
    "an iceberg": (
        {"show_quantity": LOT, "instrument_id": COMBO}, OrderRejectReason.ICEBERG_NOT_ALLOWED,
        "showQty is set, and the instrument allows no icebergs",
    ),
    "a null quantity": (
        {"quantity": None}, OrderRejectReason.INVALID_QUANTITY,
        "quantity null: wanted a multiple of the lot size 0.001 above 0",
    ),
    "no quantity": (
        {"quantity": 0}, OrderRejectReason.INVALID_QUANTITY,
        "quantity 0: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a negative quantity": (
        {"quantity": -LOT}, OrderRejectReason.INVALID_QUANTITY,
        "quantity -0.001: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a quantity off the lot": (
        {"quantity": LOT + 1}, OrderRejectReason.INVALID_QUANTITY,
        "quantity 0.001000001 is not a multiple of the lot size 0.001",
    ),
    "a limit order without a price": (
        {"price": None}, OrderRejectReason.INVALID_PRICE, "price is null without the marketLimit flag",
    ),
    "a price of zero": (
        {"price": 0}, OrderRejectReason.INVALID_PRICE, "price 0: wanted a multiple of the tick size 0.5 above 0",
    ),
    "a negative price": (
        {"price": -INT64_MAX}, OrderRejectReason.INVALID_PRICE,
        "price -9223372036.854775807: wanted a multiple of the tick size 0.5 above 0",
    ),
    "a price off the tick": (
        {"price": 100 * ONE + 1}, OrderRejectReason.INVALID_PRICE,
        "price 100.000000001 is not a multiple of the tick size 0.5",
    ),
    "a negative price off the tick of a combo": (
        {"price": -ONE - 1, "instrument_id": COMBO}, OrderRejectReason.INVALID_PRICE,
        "price -1.000000001 is not a multiple of the tick size 0.5",
    ),
    "a client order id that is open": (
        {"client_order_id": 55}, OrderRejectReason.DUPLICATE_CLIENT_ORDER_ID,
        "client order id 55 belongs to an open order",
    ),
    "an epoch that its session never had": (
        {"epoch": 0}, OrderRejectReason.SYSTEM_ERROR, "epoch 0 of the session is over",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "reason", "details"), REJECTS.values(), ids=REJECTS.keys())
def test_what_breaks_a_rule_is_rejected_and_changes_nothing(
    probe: EngineProbe, fields: dict[str, Any], reason: int, details: str
) -> None:
    place(probe, MATE, 55, BUY, 90, 1)
    right: dict[str, Any] = {
        "client_order_id": 101, "instrument_id": FUTURE, "side": BUY, "price": 100 * ONE, "quantity": ONE
    }  # fmt: skip
    outcome = probe.enter(MAKER, **{**right, **fields})
    assert rejection(outcome) == rejected(reason, details)
    assert (outcome.client_order_id, outcome.price, outcome.quantity) == tuple(
        {**right, **fields}[name] for name in ("client_order_id", "price", "quantity")
    )
    check(probe.engine)
    assert (probe.portfolio_open(0), ids(probe.resting(FUTURE, BUY))) == (1, [1])
    assert probe.enter(MAKER, **right).order_id == 2


def test_the_first_broken_rule_in_the_order_of_the_checks_is_the_one_that_is_told(probe: EngineProbe) -> None:
    place(probe, MATE, 55, BUY, 90, 1)
    broken: list[dict[str, Any]] = [
        {"instrument_id": 8}, {"side": 0}, {"instrument_id": COMBO, "show_quantity": LOT}, {"quantity": 0},
        {"price": ONE + 1}, {"client_order_id": 55},
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "client_order_id": 101, "instrument_id": FUTURE, "side": BUY, "price": 100 * ONE, "quantity": ONE
    }  # fmt: skip
    reasons = []
    for fault in reversed(broken):
        fields = {**fields, **fault}
        reasons.append(probe.enter(MAKER, **fields).reject_reason)
    assert reasons == [
        OrderRejectReason.DUPLICATE_CLIENT_ORDER_ID, OrderRejectReason.INVALID_PRICE,
        OrderRejectReason.INVALID_QUANTITY, OrderRejectReason.ICEBERG_NOT_ALLOWED, OrderRejectReason.INVALID_FIELD,
        OrderRejectReason.INVALID_INSTRUMENT,
    ]  # fmt: skip


def test_the_limit_of_open_orders_holds_for_the_portfolio_and_for_what_may_rest() -> None:
    probe = make(max_open_orders=2)
    place(probe, MAKER, 101, BUY, 100, 1)
    place(probe, MATE, 102, BUY, 99, 1)
    assert rejection(place(probe, MAKER, 103, BUY, 98, 1)) == rejected(
        OrderRejectReason.TOO_MANY_OPEN_ORDERS, "the portfolio has 2 open orders of at most 2"
    )
    assert place(probe, MAKER, 104, BUY, 98, 1, time_in_force=TimeInForce.IOC).status == "accepted"
    assert place(probe, STRANGER, 105, BUY, 98, 1).status == "accepted"
    probe.cancel(MAKER, 102, FUTURE)
    assert place(probe, MAKER, 106, BUY, 98, 1).status == "accepted"


def test_dead_orders_do_not_count_towards_the_limit_of_open_orders() -> None:
    probe = make(max_open_orders=2)
    place(probe, MAKER, 101, BUY, 100, 1)
    place(probe, MAKER, 102, BUY, 99, 1)
    probe.fence(MAKER, 1)
    assert [place(probe, MATE, 103 + number, BUY, 98, 1).status for number in range(3)] == [
        "accepted", "accepted", "rejected",
    ]  # fmt: skip


def test_a_full_gateway_rejects_what_may_rest_and_still_trades_and_cancels() -> None:
    probe = make(orders_max=2)
    place(probe, MAKER, 101, SELL, 100, 1)
    place(probe, MAKER, 102, SELL, 101, 1)
    assert rejection(place(probe, STRANGER, 103, BUY, 90, 1)) == rejected(
        OrderRejectReason.SYSTEM_ERROR, "the gateway holds as many orders as it can: 2"
    )
    assert place(probe, STRANGER, 104, BUY, 100, 1, time_in_force=TimeInForce.IOC).order_status == OrderStatus.FILLED
    assert place(probe, STRANGER, 105, BUY, 90, 1).order_status == OrderStatus.ACTIVE


def test_instruments_that_make_no_sense_are_refused() -> None:
    def build(*instruments: InstrumentSpec) -> Engine:
        return Engine(instruments, [PortfolioSpec(1, 1)], [OwnerSpec(0)], 10)

    right = InstrumentSpec(id=1, tick_size=1, lot_size=1, product_type=ProductType.SPOT)
    with pytest.raises(ValueError, match="instrument 1: given twice"):
        build(right, right)
    with pytest.raises(ValueError, match="instrument 1: tick_size and lot_size wanted above 0, were 0 and 1"):
        build(right._replace(tick_size=0))
    with pytest.raises(ValueError, match="instrument 1: tick_size and lot_size wanted above 0, were 1 and -1"):
        build(right._replace(lot_size=-1))


# Cancels.


def cancellation(**fields: Any) -> OutcomeRecord:
    return accepted(
        **{"order_status": OrderStatus.CANCELED, "cancel_reason": CancelReason.BY_REQUEST, "price": 100 * ONE, **fields}
    )


def test_a_cancel_by_client_order_id_takes_the_order_out_and_tells_its_quantities(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, STRANGER, 102, SELL, 100, 2)
    assert probe.cancel(MAKER, 101, FUTURE) == cancellation(
        order_id=1, client_order_id=101, side=BUY, quantity=5 * ONE, total_filled=2 * ONE, owner=MAKER
    )
    check(probe.engine)
    assert (probe.resting(FUTURE, BUY), probe.owner_counts(MAKER), probe.portfolio_open(0)) == ([], (0, 0, 0), 0)


def test_another_owner_of_the_portfolio_may_cancel_and_is_told_whose_order_it_was(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, MAKER, 102, BUY, 100, 5)
    expected = {"side": BUY, "quantity": 5 * ONE, "owner": MAKER}
    assert probe.cancel(MATE, 101, FUTURE) == cancellation(order_id=1, client_order_id=101, **expected)
    assert probe.cancel_by_id(MATE, 2, FUTURE) == cancellation(order_id=2, client_order_id=102, **expected)
    check(probe.engine)


def test_what_is_not_the_portfolios_open_order_of_that_instrument_cannot_be_cancelled(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    unknown = CancelOrderRejectReason.UNKNOWN_ORDER
    assert [
        rejection(outcome)
        for outcome in (
            probe.cancel(MAKER, 102, FUTURE),
            probe.cancel(STRANGER, 101, FUTURE),
            probe.cancel(MAKER, 101, COMBO),
            probe.cancel(MAKER, None, FUTURE),
            probe.cancel_by_id(MAKER, 2, FUTURE),
            probe.cancel_by_id(STRANGER, 1, FUTURE),
            probe.cancel_by_id(MAKER, 1, COMBO),
        )
    ] == [
        rejected(unknown, "client order id 102 is not open in instrument 7"),
        rejected(unknown, "client order id 101 is not open in instrument 7"),
        rejected(unknown, "client order id 101 is not open in instrument 9"),
        rejected(unknown, "client order id -9223372036854775808 is not open in instrument 7"),
        rejected(unknown, "order id 2 is not open in instrument 7"),
        rejected(unknown, "order id 1 is not open in instrument 7"),
        rejected(unknown, "order id 1 is not open in instrument 9"),
    ]
    assert ids(probe.resting(FUTURE, BUY)) == [1]


def test_a_cancel_in_an_unknown_instrument_names_the_instrument(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    reason = CancelOrderRejectReason.INVALID_INSTRUMENT
    expected = rejected(reason, "instrument 8 is not known")
    assert [rejection(probe.cancel(MAKER, 101, 8)), rejection(probe.cancel_by_id(MAKER, 1, 8))] == [expected, expected]


# The fence and the drain.


def test_from_the_fence_on_a_covered_order_does_not_exist_for_any_request(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 5)
    assert probe.fence(MAKER, 1) == 1
    check(probe.engine)
    assert probe.resting(FUTURE, SELL) == []
    assert (probe.owner_counts(MAKER), probe.portfolio_open(0)) == ((0, 0, 1), 0)
    assert probe.cancel(MATE, 101, FUTURE).reject_reason == CancelOrderRejectReason.UNKNOWN_ORDER
    assert probe.cancel_by_id(MATE, 1, FUTURE).reject_reason == CancelOrderRejectReason.UNKNOWN_ORDER
    taker = place(probe, STRANGER, 102, BUY, 100, 5)
    assert (taker.order_status, taker.total_filled, taker.events, taker.dead_met) == (OrderStatus.ACTIVE, 0, (), 1)
    assert place(probe, MATE, 101, BUY, 90, 1).order_status == OrderStatus.ACTIVE


def test_an_fok_order_does_not_count_on_dead_orders_wherever_they_stand(probe: EngineProbe) -> None:
    place(probe, STRANGER, 101, SELL, 100, 1)
    place(probe, MAKER, 102, SELL, 100, 1)
    place(probe, MAKER, 103, SELL, 101, 1)
    place(probe, STRANGER, 104, SELL, 101, 1)
    probe.fence(MAKER, 1)
    too_much = place(probe, MATE, 105, BUY, 101, 3, time_in_force=TimeInForce.FOK)
    just_right = place(probe, MATE, 106, BUY, 101, 2, time_in_force=TimeInForce.FOK)
    assert (too_much.order_status, too_much.dead_met) == (OrderStatus.CANCELED, 2)
    assert (just_right.order_status, just_right.dead_met) == (OrderStatus.FILLED, 0)
    assert [order.order_id for order in probe.drain(MAKER, 10)] == [2, 3]


def test_an_order_that_crosses_nothing_meets_no_dead_order(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1)
    probe.fence(MAKER, 1)
    assert place(probe, STRANGER, 102, BUY, 99, 1).dead_met == 0


def test_the_drain_tells_of_dead_orders_in_order_of_entry_with_what_they_had_filled(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 102, 5)
    place(probe, MAKER, 102, SELL, 100, 5)
    probe.enter(MAKER, 103, COMBO, BUY, -ONE, ONE)
    place(probe, MATE, 104, SELL, 103, 5)
    place(probe, STRANGER, 105, BUY, 100, 2)
    assert probe.fence(MAKER, 1) == 3
    assert probe.drain(MAKER, 10) == [
        CanceledOrder(101, 1, FUTURE, (0, -9), CancelReason.CLIENT_DISCONNECT, 0),
        CanceledOrder(102, 2, FUTURE, (2 * ONE, -9), CancelReason.CLIENT_DISCONNECT, 0),
        CanceledOrder(103, 3, COMBO, (0, -9), CancelReason.CLIENT_DISCONNECT, 0),
    ]
    check(probe.engine)
    assert (probe.owner_counts(MAKER), ids(probe.resting(FUTURE, SELL))) == ((0, 0, 0), [4])


def test_a_drain_in_steps_tells_of_each_order_once_while_others_trade_on(probe: EngineProbe) -> None:
    for number in range(10):
        place(probe, MAKER, 101 + number, SELL, 100 + number % 2, 1)
    probe.fence(MAKER, 1)
    told = probe.drain(MAKER, 3)
    crossing = place(probe, STRANGER, 1, BUY, 200, 1)
    assert (crossing.events, crossing.dead_met) == ((), 7)
    told += probe.drain(MAKER, 3)
    check(probe.engine)
    place(probe, MAKER, 101, SELL, 300, 1, epoch=2)
    assert probe.owner_counts(MAKER) == (1, 1, 4)
    told += probe.drain(MAKER, 100)
    check(probe.engine)
    assert [order.order_id for order in told] == list(range(1, 11))
    assert (probe.drain(MAKER, 100), probe.owner_counts(MAKER)) == ([], (1, 1, 0))


def test_uncovered_orders_and_those_of_other_owners_outlive_the_fence(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1, covered=False)
    place(probe, MAKER, 102, SELL, 100, 1)
    place(probe, MATE, 103, SELL, 100, 1)
    assert probe.fence(MAKER, 1) == 1
    assert (probe.owner_counts(MAKER), probe.owner_counts(MATE)) == ((1, 0, 1), (1, 1, 0))
    assert [order.order_id for order in probe.drain(MAKER, 10)] == [2]
    assert ids(probe.resting(FUTURE, SELL)) == [1, 3]


def test_the_other_fence_takes_the_uncovered_orders_alone(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1, covered=False)
    place(probe, MAKER, 102, SELL, 100, 1)
    assert probe.fence(MAKER, 1, covered=False) == 1
    assert (probe.owner_counts(MAKER), probe.portfolio_open(0)) == ((1, 1, 1), 1)
    assert ids(probe.resting(FUTURE, SELL)) == [2]
    check(probe.engine)
    assert (probe.drain(MAKER, 10), [order.order_id for order in probe.drain(MAKER, 10, covered=False)]) == ([], [1])
    assert rejection(place(probe, MAKER, 103, SELL, 100, 1)) == rejected(
        OrderRejectReason.SYSTEM_ERROR, "epoch 1 of the session is over"
    )


def test_no_order_of_an_epoch_is_accepted_after_its_fence(probe: EngineProbe) -> None:
    probe.fence(MAKER, 3)
    assert rejection(place(probe, MAKER, 101, BUY, 100, 1, epoch=3)) == rejected(
        OrderRejectReason.SYSTEM_ERROR, "epoch 3 of the session is over"
    )
    assert place(probe, MAKER, 101, BUY, 100, 1, epoch=4).order_status == OrderStatus.ACTIVE
    assert rejection(place(probe, MAKER, 102, BUY, 100, 1, epoch=3)) == rejected(
        OrderRejectReason.SYSTEM_ERROR, "epoch 3 of the session is over"
    )


def test_a_takeover_leaves_orders_alive_until_the_fence_of_the_new_epoch(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1, epoch=1)
    place(probe, MAKER, 102, SELL, 100, 1, epoch=2)
    assert rejection(place(probe, MAKER, 103, SELL, 100, 1, epoch=1)) == rejected(
        OrderRejectReason.SYSTEM_ERROR, "epoch 1 of the session is over"
    )
    assert probe.owner_counts(MAKER) == (2, 2, 0)
    assert probe.fence(MAKER, 2) == 2
    assert [order.order_id for order in probe.drain(MAKER, 10)] == [1, 2]


def test_the_drain_names_the_reason_that_it_is_given(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, SELL, 100, 1)
    probe.fence(MAKER, 1)
    assert [order.cancel_reason for order in probe.drain(MAKER, 1, CancelReason.ADMIN)] == [CancelReason.ADMIN]


# Orders that leave together.


def test_orders_that_leave_together_are_told_owner_by_owner_in_order_of_leaving(probe: EngineProbe) -> None:
    for owner, client_order_id in ((MAKER, 101), (MATE, 102), (MAKER, 103), (MAKER, 104)):
        place(probe, owner, client_order_id, BUY, 100, 2)
    assert probe.leave(3, CancelReason.MM_PROTECTION)
    assert probe.leave(2, CancelReason.BY_REQUEST)
    assert probe.leave(1, CancelReason.BY_REQUEST)
    assert not probe.leave(1, CancelReason.BY_REQUEST)
    check(probe.engine)
    assert ids(probe.resting(FUTURE, BUY)) == [4]
    assert (probe.owner_counts(MAKER), probe.owner_counts(MATE)) == ((1, 1, 0), (0, 0, 0))
    assert probe.portfolio_open(0) == 1
    assert probe.take_leaving(1) == [
        (MAKER, [CanceledOrder(103, 3, FUTURE, (0, -9), CancelReason.MM_PROTECTION, 0)]),
        (MATE, [CanceledOrder(102, 2, FUTURE, (0, -9), CancelReason.BY_REQUEST, 0)]),
    ]
    assert probe.take_leaving(1) == [(MAKER, [CanceledOrder(101, 1, FUTURE, (0, -9), CancelReason.BY_REQUEST, 0)])]
    assert probe.take_leaving(1) == []
    check(probe.engine)


def test_a_leaving_order_keeps_its_record_and_nothing_else() -> None:
    probe = make(orders_max=1)
    place(probe, MAKER, 101, BUY, 100, 2)
    assert probe.leave(1)
    assert place(probe, MAKER, 101, BUY, 100, 1).reject_reason == OrderRejectReason.SYSTEM_ERROR
    assert probe.fence(MAKER, 1) == 0
    assert probe.take_leaving(5) == [(MAKER, [CanceledOrder(101, 1, FUTURE, (0, -9), CancelReason.BY_REQUEST, 0)])]
    assert place(probe, MAKER, 101, BUY, 100, 1, epoch=2).order_status == OrderStatus.ACTIVE
