"""Amends, one rule at a time: what becomes of the order, of its place, of its binding, and of others."""

from typing import Any

import pytest
from support.engine_room import (
    BUY,
    COMBO,
    FUTURE,
    LOT,
    MAKER,
    MATE,
    ONE,
    SELL,
    STRANGER,
    accepted,
    fill,
    ids,
    make,
    place,
    rejection,
)

from codec.layout import (
    CancelReason,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    ProductType,
    ReplaceOrderFlags,
    SelfTradingMode,
    TimeInForce,
)
from gateway.engine import Engine
from gateway.engine_types import CanceledOrder, InstrumentSpec, OutcomeRecord, OwnerSpec, PortfolioSpec, RestingOrder
from gateway.invariants import check
from gateway.probe import EngineProbe


@pytest.fixture
def probe() -> EngineProbe:
    return make()


def amend(
    probe: EngineProbe, owner: int, client_order_id: int, price: int, quantity: int, **fields: Any
) -> OutcomeRecord:
    """Amend an order of the future to whole units of price and quantity; invariants hold afterwards."""
    outcome = probe.amend(owner, client_order_id, FUTURE, price * ONE, quantity * ONE, **fields)
    check(probe.engine)
    return outcome


def buys(probe: EngineProbe) -> list[tuple[int, int, int, int]]:
    """The future's bids as (order id, price, quantity, filled) in whole units."""
    return [
        (order.order_id, order.price // ONE, order.quantity // ONE, order.filled // ONE)
        for order in probe.resting(FUTURE, BUY)
    ]


# Priority.


def test_a_reduction_at_the_same_price_keeps_its_place(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, MATE, 102, BUY, 100, 5)
    assert amend(probe, MAKER, 101, 100, 3) == accepted(
        order_id=1, client_order_id=101, side=BUY, price=100 * ONE, quantity=3 * ONE, visible_quantity=3 * ONE,
        owner=MAKER,
    )  # fmt: skip
    assert buys(probe) == [(1, 100, 3, 0), (2, 100, 5, 0)]


@pytest.mark.parametrize("quantity", [5, 6], ids=["unchanged", "increased"])
def test_any_other_quantity_at_the_same_price_goes_behind_the_others(probe: EngineProbe, quantity: int) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, MATE, 102, BUY, 100, 5)
    assert amend(probe, MAKER, 101, 100, quantity).order_status == OrderStatus.ACTIVE
    assert buys(probe) == [(2, 100, 5, 0), (1, 100, quantity, 0)]


@pytest.mark.parametrize("price", [99, 101])
def test_another_price_goes_behind_the_others_there_whatever_the_quantity(probe: EngineProbe, price: int) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, MATE, 102, BUY, price, 5)
    assert amend(probe, MAKER, 101, price, 4).price == price * ONE
    assert buys(probe) == [(2, price, 5, 0), (1, price, 4, 0)]


def test_what_has_filled_stays_filled(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, STRANGER, 102, SELL, 100, 2)
    reduced = amend(probe, MAKER, 101, 100, 4)
    assert (reduced.total_filled, reduced.visible_quantity) == (2 * ONE, 2 * ONE)
    moved = amend(probe, MAKER, 101, 99, 6)
    assert (moved.total_filled, moved.visible_quantity) == (2 * ONE, 4 * ONE)
    assert buys(probe) == [(1, 99, 6, 2)]


# Closing.


@pytest.mark.parametrize("quantity", [1, 2])
@pytest.mark.parametrize("price", [100, 99])
def test_a_total_at_or_below_what_has_filled_closes_the_order(probe: EngineProbe, quantity: int, price: int) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, STRANGER, 102, SELL, 100, 2)
    assert amend(probe, MAKER, 101, price, quantity) == accepted(
        order_status=OrderStatus.CANCELED, cancel_reason=CancelReason.BY_REQUEST, order_id=1, client_order_id=101,
        side=BUY, price=price * ONE, quantity=quantity * ONE, total_filled=2 * ONE, owner=MAKER,
    )  # fmt: skip
    assert (buys(probe), probe.owner_counts(MAKER)) == ([], (0, 0, 0))
    assert place(probe, MAKER, 101, BUY, 100, 1).status == "accepted"


# Into the market.


def test_an_amend_into_the_market_fills_and_rests_with_what_is_left(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 99, 5)
    place(probe, STRANGER, 102, SELL, 100, 1)
    place(probe, STRANGER, 103, SELL, 101, 2)
    place(probe, STRANGER, 104, SELL, 102, 9)
    assert amend(probe, MAKER, 101, 101, 6) == accepted(
        order_id=1, client_order_id=101, side=BUY, price=101 * ONE, quantity=6 * ONE, total_filled=3 * ONE,
        visible_quantity=3 * ONE, owner=MAKER,
        events=(
            fill(STRANGER, 2, SELL, 1, 100, 1, 1, full=True),
            fill(STRANGER, 3, SELL, 2, 101, 2, 2, full=True),
        ),
    )  # fmt: skip
    assert (buys(probe), ids(probe.resting(FUTURE, SELL))) == ([(1, 101, 6, 3)], [4])


def test_an_amend_that_fills_the_rest_is_filled_and_gone(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 99, 5)
    place(probe, STRANGER, 102, SELL, 99, 2)
    place(probe, STRANGER, 103, SELL, 100, 9)
    assert amend(probe, MAKER, 101, 100, 5) == accepted(
        order_status=OrderStatus.FILLED, order_id=1, client_order_id=101, side=BUY, price=100 * ONE, quantity=5 * ONE,
        total_filled=5 * ONE, owner=MAKER, events=(fill(STRANGER, 3, SELL, 2, 100, 3, 3, full=False),),
    )  # fmt: skip
    assert (buys(probe), probe.owner_counts(MAKER)) == ([], (0, 0, 0))


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_post_only_amend_steps_back_one_tick(probe: EngineProbe, side: int) -> None:
    place(probe, MAKER, 101, side, 100 - 10 * side, 5)
    place(probe, STRANGER, 102, -side, 100, 1)
    outcome = amend(probe, MAKER, 101, 100 + side, 5, flags=ReplaceOrderFlags.POST_ONLY)
    behind = 100 * ONE - side * ONE // 2
    assert (outcome.order_status, outcome.price, outcome.events) == (OrderStatus.ACTIVE, behind, ())
    assert [order.price for order in probe.resting(FUTURE, side)] == [behind]


@pytest.mark.parametrize("flags", [ReplaceOrderFlags.POST_ONLY_REJECT, ReplaceOrderFlags(6)])
def test_a_post_only_reject_amend_that_would_cross_changes_nothing(probe: EngineProbe, flags: int) -> None:
    place(probe, MAKER, 101, BUY, 90, 5)
    place(probe, MATE, 102, BUY, 90, 5)
    place(probe, STRANGER, 103, SELL, 100, 1)
    outcome = amend(probe, MAKER, 101, 100, 9, flags=flags)
    assert (outcome.status, outcome.order_id, outcome.reject_reason, outcome.details) == (
        "rejected", 1, OrderRejectReason.POST_ONLY, "price 100 would cross the best opposite price 100"
    )  # fmt: skip
    assert buys(probe) == [(1, 90, 5, 0), (2, 90, 5, 0)]


def test_post_only_at_entry_does_not_outlive_an_amend_without_it(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 90, 5, flags=OrderFlags.POST_ONLY_REJECT)
    place(probe, STRANGER, 102, SELL, 100, 9)
    assert amend(probe, MAKER, 101, 100, 5).order_status == OrderStatus.FILLED


# Self-match prevention: the order's own token and mode.


def test_the_order_s_own_mode_closes_it_where_it_meets_its_token(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 90, 5, smp_token=7)
    place(probe, MATE, 102, SELL, 101, 1, smp_token=7)
    place(probe, STRANGER, 103, SELL, 100, 1)
    outcome = amend(probe, MATE, 101, 101, 5)
    assert (outcome.order_status, outcome.cancel_reason, outcome.total_filled, outcome.events) == (
        OrderStatus.CANCELED, CancelReason.SELF_MATCH_PREVENTION, ONE,
        (fill(STRANGER, 3, SELL, 1, 100, 1, 1, full=True),),
    )  # fmt: skip
    assert (buys(probe), ids(probe.resting(FUTURE, SELL))) == ([], [2])


def test_the_order_s_own_mode_cancels_makers_of_its_token(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 90, 5, smp_token=7, self_trading_mode=SelfTradingMode.CANCEL_MAKER)
    place(probe, MATE, 102, SELL, 100, 1, smp_token=7)
    outcome = amend(probe, MAKER, 101, 100, 5)
    assert (outcome.order_status, [(event.kind, event.order_id, event.cancel_reason) for event in outcome.events]) == (
        OrderStatus.ACTIVE,
        [("canceled", 2, CancelReason.SELF_MATCH_PREVENTION)],
    )
    assert (buys(probe), probe.resting(FUTURE, SELL)) == ([(1, 100, 5, 0)], [])


# Binding.


def test_an_amend_from_another_owner_leaves_the_order_bound_to_the_one_that_entered_it(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5)
    place(probe, MATE, 102, BUY, 98, 5)
    outcome = amend(probe, MATE, 101, 99, 6, epoch=1)
    assert (outcome.status, outcome.owner, outcome.order_id) == ("accepted", MAKER, 1)
    assert (probe.owner_counts(MAKER), probe.owner_counts(MATE)) == ((1, 1, 0), (1, 1, 0))
    assert probe.fence(MATE, 1) == 1
    assert buys(probe) == [(1, 99, 6, 0)]
    assert probe.fence(MAKER, 1) == 1
    assert buys(probe) == []
    assert probe.drain(MAKER, 9) == [CanceledOrder(101, 1, FUTURE, (0, -9), CancelReason.CLIENT_DISCONNECT, 0)]


def test_an_amended_order_keeps_the_epoch_of_its_entry(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5, epoch=1)
    place(probe, MAKER, 102, BUY, 100, 5, epoch=2)
    assert amend(probe, MAKER, 101, 99, 6, epoch=2).status == "accepted"
    assert probe.fence(MAKER, 1) == 1
    assert ids(probe.resting(FUTURE, BUY)) == [2]


def test_an_uncovered_order_stays_uncovered(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5, covered=False)
    amend(probe, MAKER, 101, 99, 6)
    assert probe.fence(MAKER, 1) == 0
    assert ids(probe.resting(FUTURE, BUY)) == [1]


# Rejects.

UNKNOWN = "client order id 101 is not open in instrument 7"
REJECTS: dict[str, tuple[dict[str, Any], bool, int, str]] = {
    "an unknown instrument": (
        {"instrument_id": 8}, False, OrderRejectReason.INVALID_INSTRUMENT, "instrument 8 is not known",
    ),
    "another instrument": (
        {"instrument_id": COMBO}, False, OrderRejectReason.ORDER_NOT_FOUND,
        "client order id 101 is not open in instrument 9",
    ),
    "another portfolio": ({"owner": STRANGER}, False, OrderRejectReason.ORDER_NOT_FOUND, UNKNOWN),
    "an unknown order": (
        {"client_order_id": 100}, False, OrderRejectReason.ORDER_NOT_FOUND,
        "client order id 100 is not open in instrument 7",
    ),
    "a null quantity": (
        {"quantity": None}, True, OrderRejectReason.INVALID_QUANTITY,
        "quantity null: wanted a multiple of the lot size 0.001 above 0",
    ),
    "no quantity": (
        {"quantity": 0}, True, OrderRejectReason.INVALID_QUANTITY,
        "quantity 0: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a negative quantity": (
        {"quantity": -ONE}, True, OrderRejectReason.INVALID_QUANTITY,
        "quantity -1: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a quantity off the lot": (
        {"quantity": LOT + 1}, True, OrderRejectReason.INVALID_QUANTITY,
        "quantity 0.001000001 is not a multiple of the lot size 0.001",
    ),
    "a null price": (
        {"price": None}, True, OrderRejectReason.INVALID_PRICE,
        "price null: wanted a multiple of the tick size 0.5 above 0",
    ),
    "a price off the tick": (
        {"price": ONE + 1}, True, OrderRejectReason.INVALID_PRICE,
        "price 1.000000001 is not a multiple of the tick size 0.5",
    ),
    "a shown quantity of nothing": (
        {"show_quantity": 0}, True, OrderRejectReason.INVALID_QUANTITY,
        "showQty 0: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a shown quantity above the total": (
        {"show_quantity": 4 * ONE}, True, OrderRejectReason.INVALID_QUANTITY,
        "showQty 4: wanted at most the quantity 3",
    ),
    "an epoch that is over": (
        {"epoch": 0}, False, OrderRejectReason.SYSTEM_ERROR, "epoch 0 of the session is over",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "found", "reason", "details"), REJECTS.values(), ids=REJECTS)
def test_an_amend_that_breaks_a_rule_is_rejected_and_changes_nothing(
    probe: EngineProbe, fields: dict[str, Any], found: bool, reason: int, details: str
) -> None:
    place(probe, MAKER, 101, BUY, 100, 2)
    right = {"owner": MAKER, "client_order_id": 101, "instrument_id": FUTURE, "price": 99 * ONE, "quantity": 3 * ONE}
    outcome = probe.amend(**{**right, **fields})
    assert rejection(outcome) == ("rejected", 1 if found else None, reason, details, ())
    check(probe.engine)
    assert probe.resting(FUTURE, BUY) == [RestingOrder(1, MAKER, 100 * ONE, 2 * ONE, 0, 2 * ONE)]


def test_a_combo_s_order_cannot_become_an_iceberg(probe: EngineProbe) -> None:
    probe.enter(MAKER, 101, COMBO, BUY, -ONE, ONE)
    outcome = probe.amend(MAKER, 101, COMBO, -ONE, ONE, show_quantity=LOT)
    assert rejection(outcome) == (
        "rejected", 1, OrderRejectReason.ICEBERG_NOT_ALLOWED,
        "showQty is set, and the instrument allows no icebergs", (),
    )  # fmt: skip


def test_the_limits_of_the_instrument_hold_for_amends() -> None:
    instrument = InstrumentSpec(FUTURE, ONE, ONE, ProductType.FUTURES, 90 * ONE, 110 * ONE, 10 * ONE)
    probe = EngineProbe(Engine([instrument], [PortfolioSpec(1, 9)], [OwnerSpec(0)], 9))
    place(probe, 0, 101, BUY, 100, 5)
    assert [
        amend(probe, 0, 101, price, quantity).reject_reason for price, quantity in ((89, 5), (111, 5), (100, 11))
    ] == [
        OrderRejectReason.PRICE_TOO_LOW,
        OrderRejectReason.PRICE_TOO_HIGH,
        OrderRejectReason.ORDER_SIZE_LIMIT_EXCEEDED,
    ]
    assert amend(probe, 0, 101, 110, 10).order_status == OrderStatus.ACTIVE


def test_a_fenced_order_cannot_be_amended_and_is_drained_as_it_was(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 2)
    probe.fence(MAKER, 1)
    assert rejection(amend(probe, MATE, 101, 99, 3)) == (
        "rejected", None, OrderRejectReason.ORDER_NOT_FOUND, UNKNOWN, (),
    )  # fmt: skip
    assert probe.drain(MAKER, 9) == [CanceledOrder(101, 1, FUTURE, (0, -9), CancelReason.CLIENT_DISCONNECT, 0)]


def test_no_amend_of_an_epoch_is_accepted_after_its_fence(probe: EngineProbe) -> None:
    place(probe, MATE, 101, BUY, 100, 2)
    probe.fence(MAKER, 1)
    assert amend(probe, MAKER, 101, 99, 3, epoch=1).reject_reason == OrderRejectReason.SYSTEM_ERROR
    assert amend(probe, MAKER, 101, 99, 3, epoch=2).status == "accepted"


def test_an_amend_works_where_the_gateway_is_full_of_orders() -> None:
    probe = make(orders_max=2)
    place(probe, MAKER, 101, BUY, 100, 2)
    place(probe, MAKER, 102, BUY, 99, 2)
    assert amend(probe, MAKER, 101, 98, 2).status == "accepted"
    assert amend(probe, MAKER, 102, 98, 2).status == "accepted"
    assert amend(probe, MAKER, 101, 97, 2).status == "accepted"
    assert buys(probe) == [(2, 98, 2, 0), (1, 97, 2, 0)]


def test_an_amend_meets_dead_orders_as_if_they_were_not_there(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 90, 2)
    place(probe, STRANGER, 102, SELL, 100, 2)
    probe.fence(STRANGER, 1)
    outcome = amend(probe, MAKER, 101, 100, 2, flags=ReplaceOrderFlags.POST_ONLY_REJECT)
    assert (outcome.order_status, outcome.dead_met, outcome.events) == (OrderStatus.ACTIVE, 1, ())


def test_an_ioc_order_finds_the_amended_price(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 90, 2)
    amend(probe, MAKER, 101, 95, 2)
    outcome = place(probe, STRANGER, 102, SELL, 92, 3, time_in_force=TimeInForce.IOC)
    assert outcome.events == (fill(MAKER, 1, BUY, 1, 95, 2, 2, full=True),)
