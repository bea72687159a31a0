"""Icebergs: what shows, what follows it, and whose turn it is then."""

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
    fill,
    ids,
    make,
    place,
    rejection,
)

from codec.layout import OrderFlags, OrderRejectReason, OrderStatus, SelfTradingMode, TimeInForce
from gateway.engine_types import RestingOrder
from gateway.invariants import check
from gateway.limits import FILLS_PER_ORDER_MAX
from gateway.probe import EngineProbe


@pytest.fixture
def probe() -> EngineProbe:
    return make()


def visible(probe: EngineProbe, side: int) -> list[tuple[int, int, int]]:
    """One side as (order id, visible, left), in whole units."""
    return [
        (order.order_id, order.visible_quantity // ONE, (order.quantity - order.filled) // ONE)
        for order in probe.resting(FUTURE, side)
    ]


def test_an_iceberg_shows_a_part_and_rests_whole(probe: EngineProbe) -> None:
    assert place(probe, MAKER, 101, BUY, 100, 10, show_quantity=3 * ONE) == accepted(
        order_id=1, client_order_id=101, side=BUY, price=100 * ONE, quantity=10 * ONE, visible_quantity=3 * ONE,
        owner=MAKER,
    )  # fmt: skip
    assert probe.resting(FUTURE, BUY) == [RestingOrder(1, MAKER, 100 * ONE, 10 * ONE, 0, 3 * ONE)]


def test_what_shows_trades_first_and_the_next_part_goes_behind_the_others(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 10, show_quantity=3 * ONE)
    place(probe, MATE, 102, BUY, 100, 2)
    assert place(probe, STRANGER, 103, SELL, 100, 2).events == (fill(MAKER, 1, BUY, 1, 100, 2, 2, full=False),)
    assert visible(probe, BUY) == [(1, 1, 8), (2, 2, 2)]
    assert place(probe, STRANGER, 104, SELL, 100, 2).events == (
        fill(MAKER, 1, BUY, 2, 100, 1, 3, full=False),
        fill(MATE, 2, BUY, 3, 100, 1, 1, full=False),
    )
    assert visible(probe, BUY) == [(2, 1, 1), (1, 3, 7)]


def test_a_large_taker_takes_part_after_part_each_as_a_match_of_its_own(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 7, show_quantity=3 * ONE)
    place(probe, MATE, 102, BUY, 100, 2)
    place(probe, MATE, 103, BUY, 99, 2)
    outcome = place(probe, STRANGER, 104, SELL, 99, 10)
    assert (outcome.order_status, outcome.events) == (
        OrderStatus.FILLED,
        (
            fill(MAKER, 1, BUY, 1, 100, 3, 3, full=False),
            fill(MATE, 2, BUY, 2, 100, 2, 2, full=True),
            fill(MAKER, 1, BUY, 3, 100, 3, 6, full=False),
            fill(MAKER, 1, BUY, 4, 100, 1, 7, full=True),
            fill(MATE, 3, BUY, 5, 99, 1, 1, full=False),
        ),
    )


def test_what_is_left_of_an_iceberg_that_took_first_shows_a_part(probe: EngineProbe) -> None:
    place(probe, STRANGER, 101, SELL, 100, 4)
    outcome = place(probe, MAKER, 102, BUY, 100, 9, show_quantity=3 * ONE)
    assert (outcome.total_filled, outcome.visible_quantity) == (4 * ONE, 3 * ONE)
    nearly = place(probe, MAKER, 103, BUY, 99, 9, show_quantity=9 * ONE)
    assert nearly.visible_quantity == 9 * ONE


def test_a_market_iceberg_shows_a_part_of_what_rests(probe: EngineProbe) -> None:
    place(probe, STRANGER, 101, SELL, 100, 4)
    outcome = place(probe, MAKER, 102, BUY, None, 9, flags=OrderFlags.MARKET_LIMIT, show_quantity=2 * ONE)
    assert (outcome.price, outcome.visible_quantity) == (100 * ONE, 2 * ONE)


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_an_order_that_never_rests_shows_nothing(probe: EngineProbe, time_in_force: int) -> None:
    place(probe, STRANGER, 101, SELL, 100, 4)
    outcome = place(probe, MAKER, 102, BUY, 100, 3, time_in_force=time_in_force, show_quantity=ONE)
    assert (outcome.order_status, outcome.visible_quantity) == (OrderStatus.FILLED, 0)


@pytest.mark.parametrize(
    ("show_quantity", "details"),
    [
        (0, "showQty 0: wanted a multiple of the lot size 0.001 above 0"),
        (-LOT, "showQty -0.001: wanted a multiple of the lot size 0.001 above 0"),
        (LOT + 1, "showQty 0.001000001: wanted a multiple of the lot size 0.001 above 0"),
        (5 * ONE + LOT, "showQty 5.001: wanted at most the quantity 5"),
    ],
)
def test_a_shown_quantity_that_cannot_be_is_rejected(probe: EngineProbe, show_quantity: int, details: str) -> None:
    outcome = place(probe, MAKER, 101, BUY, 100, 5, show_quantity=show_quantity)
    assert rejection(outcome) == ("rejected", None, OrderRejectReason.INVALID_QUANTITY, details, ())


def test_post_only_sees_an_iceberg_as_any_order(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5, show_quantity=ONE)
    crossing = place(probe, STRANGER, 102, SELL, 100, 1, flags=OrderFlags.POST_ONLY_REJECT)
    assert crossing.reject_reason == OrderRejectReason.POST_ONLY


# FOK.


@pytest.mark.parametrize(("quantity", "status"), [(12, OrderStatus.FILLED), (13, OrderStatus.CANCELED)])
def test_an_fok_order_counts_hidden_quantity(probe: EngineProbe, quantity: int, status: int) -> None:
    place(probe, MAKER, 101, BUY, 100, 5, show_quantity=ONE)
    place(probe, MATE, 102, BUY, 100, 4, show_quantity=3 * ONE)
    place(probe, MATE, 103, BUY, 99, 3)
    outcome = place(probe, STRANGER, 104, SELL, 99, quantity, time_in_force=TimeInForce.FOK)
    assert outcome.order_status == status
    assert len(outcome.events) == (8 if status == OrderStatus.FILLED else 0)


@pytest.mark.parametrize("beside", [0, 1])
def test_an_fok_order_counts_each_part_as_a_fill(probe: EngineProbe, beside: int) -> None:
    """It needs exactly as many fills as it may have, and one more when there is another order beside the iceberg."""
    probe.enter(MAKER, 1, FUTURE, BUY, 100 * ONE, FILLS_PER_ORDER_MAX * LOT, show_quantity=LOT)
    if beside:
        probe.enter(MAKER, 2, FUTURE, BUY, 100 * ONE, LOT)
    quantity = (FILLS_PER_ORDER_MAX + beside) * LOT
    outcome = probe.enter(STRANGER, 3, FUTURE, SELL, 100 * ONE, quantity, time_in_force=TimeInForce.FOK)
    assert outcome.order_status == (OrderStatus.CANCELED if beside else OrderStatus.FILLED)
    check(probe.engine)


def test_an_fok_order_may_stop_in_the_middle_of_the_parts(probe: EngineProbe) -> None:
    """With what shows and a first turn of the parts behind it enough is there: no fill beyond the limit is needed."""
    for client_order_id in range(FILLS_PER_ORDER_MAX // 2):
        probe.enter(MAKER, client_order_id, FUTURE, BUY, 100 * ONE, 3 * LOT, show_quantity=LOT)
    outcome = probe.enter(
        STRANGER, 1, FUTURE, SELL, 100 * ONE, FILLS_PER_ORDER_MAX * LOT, time_in_force=TimeInForce.FOK
    )
    assert (outcome.order_status, len(outcome.events)) == (OrderStatus.FILLED, FILLS_PER_ORDER_MAX)
    assert {order.filled for order in probe.resting(FUTURE, BUY)} == {2 * LOT}


def test_an_iceberg_costs_an_order_as_many_fills_as_it_shows_parts_and_no_more(probe: EngineProbe) -> None:
    probe.enter(MAKER, 1, FUTURE, BUY, 100 * ONE, 10 * FILLS_PER_ORDER_MAX * LOT, show_quantity=LOT)
    outcome = probe.enter(STRANGER, 2, FUTURE, SELL, 100 * ONE, 10 * FILLS_PER_ORDER_MAX * LOT)
    assert (outcome.order_status, outcome.total_filled) == (OrderStatus.CANCELED, FILLS_PER_ORDER_MAX * LOT)


def test_self_match_prevention_cancels_an_iceberg_whole(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 5, show_quantity=ONE, smp_token=7)
    outcome = place(
        probe, MATE, 102, SELL, 100, 1, smp_token=7, self_trading_mode=SelfTradingMode.CANCEL_MAKER
    )  # fmt: skip
    assert [(event.kind, event.order_id) for event in outcome.events] == [("canceled", 1)]
    assert visible(probe, BUY) == []


# Amends.


def test_a_reduced_iceberg_keeps_its_place_and_what_it_shows(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 10, show_quantity=3 * ONE)
    place(probe, MATE, 102, BUY, 100, 2)
    place(probe, STRANGER, 103, SELL, 100, 1)
    for show_quantity in (None, 3 * ONE):
        probe.amend(MAKER, 101, FUTURE, 100 * ONE, 9 * ONE - (show_quantity or 0), show_quantity=show_quantity)
        check(probe.engine)
    assert visible(probe, BUY) == [(1, 2, 5), (2, 2, 2)]
    outcome = probe.amend(MAKER, 101, FUTURE, 100 * ONE, 2 * ONE)
    assert (outcome.total_filled, outcome.visible_quantity) == (ONE, ONE)
    assert visible(probe, BUY) == [(1, 1, 1), (2, 2, 2)]


@pytest.mark.parametrize(("quantity", "show_quantity"), [(10, 2), (9, 2), (9, 4), (10, 3)])
def test_an_iceberg_that_is_to_show_another_quantity_loses_its_place(
    probe: EngineProbe, quantity: int, show_quantity: int
) -> None:
    place(probe, MAKER, 101, BUY, 100, 10, show_quantity=3 * ONE)
    place(probe, MATE, 102, BUY, 100, 2)
    probe.amend(MAKER, 101, FUTURE, 100 * ONE, quantity * ONE, show_quantity=show_quantity * ONE)
    check(probe.engine)
    assert visible(probe, BUY) == [(2, 2, 2), (1, show_quantity, quantity)]


def test_an_amend_makes_an_iceberg_of_an_order_and_keeps_one_what_it_is(probe: EngineProbe) -> None:
    place(probe, MAKER, 101, BUY, 100, 10)
    outcome = probe.amend(MAKER, 101, FUTURE, 100 * ONE, 9 * ONE, show_quantity=2 * ONE)
    assert outcome.visible_quantity == 2 * ONE
    outcome = probe.amend(MAKER, 101, FUTURE, 99 * ONE, 12 * ONE)
    assert outcome.visible_quantity == 2 * ONE
    assert ids(probe.resting(FUTURE, BUY)) == [1]
