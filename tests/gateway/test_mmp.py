"""The rules of market-maker protection, one by one: what counts, what leaves, who is told, how a freeze ends."""

from typing import Any

import pytest
from support.protection import (
    BUMP,
    BUMPED,
    BUY,
    DELTA_GROUP,
    FREEZE,
    FUTURE,
    GROUP,
    INTERVAL,
    LIMIT,
    MAKER,
    MATE,
    MMP,
    ONE,
    OPTION,
    OTHER_FUTURE,
    OTHER_GROUP,
    OTHER_PAIR,
    PAIR,
    PUT,
    RESET_MMP,
    SECOND,
    SELL,
    STRANGER,
    VEGA_GROUP,
    Room,
    entry,
    side,
)

from codec.layout import (
    CancelFlags,
    CancelReason,
    MassQuoteRejectReason,
    MmpTriggerType,
    OrderRejectReason,
    OrderStatus,
    QuoteStatus,
    TimeInForce,
)
from gateway.engine_types import CanceledOrder, MmpTriggerRecord, MmpUnfrozenRecord

PROTECTED = CancelReason.MM_PROTECTION


@pytest.fixture
def room() -> Room:
    return Room()


def trigger(room: Room, told: tuple[int, ...], quantity: float, **changed: Any) -> MmpTriggerRecord:
    """What GROUP of portfolio 0 triggers now, unless changed."""
    fields: dict[str, Any] = {
        "portfolio": 0,
        "is_of_orders": False,
        "id": GROUP,
        "trigger": MmpTriggerType.QUANTITY,
        "frozen_until": room.now + round(FREEZE * SECOND),
        "quantity_level": round(quantity * ONE),
        "delta_level": 0,
        "vega_level": 0,
        "told": told,
    }
    return MmpTriggerRecord(**{**fields, **changed})


def canceled(order_id: int, instrument: int, filled: float = 0, flags: int = CancelFlags.IS_QUOTE) -> CanceledOrder:
    """An entry of OrdersCanceled, where every request so far has entered one order: their ids are the same then."""
    return CanceledOrder(order_id, order_id, instrument, (round(filled * ONE), -9), PROTECTED, flags)


# What happens when a limit is reached.


def test_all_of_the_group_leaves_before_the_next_match(room: Room) -> None:
    room.quote(MAKER, SELL, 100, 6)
    second = room.quote(MATE, SELL, 101, 5, OTHER_FUTURE)
    bid = room.quote(MAKER, BUY, 90, 1, PUT)
    hit = room.quote(MATE, SELL, 101, 5, OPTION)
    other = room.quote(MAKER, SELL, 101, 1, group=OTHER_GROUP)
    plain = room.rest(MAKER, SELL, 100.5, 1)

    assert room.order(STRANGER, BUY, 100, 6).total_filled == 6 * ONE
    assert (room.triggered(), room.left()) == ([], {})
    outcome = room.order(STRANGER, BUY, 101, 4, OPTION)

    assert [(event.order_id, event.total_filled) for event in outcome.events] == [(hit, 4 * ONE)]
    assert outcome.order_status == OrderStatus.FILLED
    assert room.triggered() == [trigger(room, (MATE, MAKER), 10, delta_level=-2 * ONE, vega_level=8 * ONE)]
    # The last slot first; of the quote that was hit what it had left.
    assert room.leaving() == {
        MATE: [canceled(hit, OPTION, 4), canceled(second, OTHER_FUTURE)],
        MAKER: [canceled(bid, PUT)],
    }
    assert room.open(MAKER) == 2
    assert [one.order_id for one in room.probe.resting(FUTURE, SELL)] == [plain, other]


def test_a_sweep_goes_on_behind_the_group(room: Room) -> None:
    hit = room.rest(MAKER, SELL, 100, 10, flags=MMP)
    gone = room.rest(MATE, SELL, 100.5, 5, flags=MMP)
    stays = room.rest(MATE, SELL, 101, 5)

    outcome = room.order(STRANGER, BUY, 101, 12)

    assert [event.order_id for event in outcome.events] == [hit, stays]
    assert room.left() == {MATE: [(gone, PROTECTED)]}
    assert room.triggered() == [trigger(room, (MAKER, MATE), 10, id=PAIR, is_of_orders=True)]


@pytest.mark.parametrize(("quantity", "is_reached"), [(9.999, False), (10, True), (12, True)])
def test_a_limit_is_reached_at_or_above_it(room: Room, quantity: float, is_reached: bool) -> None:
    room.quote(MAKER, SELL, 100, 6)
    room.quote(MAKER, SELL, 100, 6, OPTION)
    room.order(STRANGER, BUY, 100, 6)
    room.order(STRANGER, BUY, 100, quantity - 6, OPTION)

    assert [one.quantity_level for one in room.triggered()] == ([round(quantity * ONE)] if is_reached else [])
    assert room.open(MAKER) == (quantity < 12 and not is_reached)


def test_two_groups_may_trigger_by_one_order_and_each_tells_its_own(room: Room) -> None:
    room.quote(MAKER, SELL, 100, 10)
    room.quote(MATE, SELL, 100.5, 10, group=OTHER_GROUP)
    kept = room.quote(MAKER, SELL, 101, 1, group=OTHER_GROUP, instrument=OPTION)

    room.order(STRANGER, BUY, 100.5, 20)

    assert room.triggered() == [trigger(room, (MAKER,), 10), trigger(room, (MATE, MAKER), 10, id=OTHER_GROUP)]
    assert room.left() == {MAKER: [(kept, PROTECTED)]}


# What counts, and for how long.


@pytest.mark.parametrize(("later", "is_reached"), [(INTERVAL - 1e-9, True), (INTERVAL, False), (INTERVAL + 1, False)])
def test_a_fill_counts_until_it_is_as_old_as_the_interval(room: Room, later: float, is_reached: bool) -> None:
    room.quote(MAKER, SELL, 100, 10)
    room.order(STRANGER, BUY, 100, 5)
    room.after(later)
    room.order(STRANGER, BUY, 100, 5)

    assert bool(room.triggered()) == is_reached


def test_what_was_counted_is_forgotten_with_the_trigger(room: Room) -> None:
    room.quote(MAKER, SELL, 100, 10)
    room.order(STRANGER, BUY, 100, 10)
    assert len(room.triggered()) == 1
    room.after(FREEZE)

    room.quote(MAKER, SELL, 100, 10)
    room.order(STRANGER, BUY, 100, 9.999)
    assert room.triggered() == []
    room.order(STRANGER, BUY, 100, 0.001)
    assert room.triggered() == [trigger(room, (MAKER,), 10)]


def test_bought_and_sold_delta_cancel_each_other_and_vega_adds_up(room: Room) -> None:
    room.quotes(MAKER, (OPTION, (99, 20), (101, 20)), group=DELTA_GROUP)
    room.order(STRANGER, BUY, 101, 7, OPTION)
    room.order(STRANGER, SELL, 99, 7, OPTION)
    room.order(STRANGER, BUY, 101, 7, OPTION)
    assert room.triggered() == []
    room.order(STRANGER, BUY, 101, 1, OPTION)

    assert room.triggered() == [
        trigger(
            room, (MAKER,), 22, id=DELTA_GROUP, trigger=MmpTriggerType.DELTA, delta_level=-4 * ONE, vega_level=44 * ONE
        )
    ]


def test_a_negative_delta_turns_the_sign(room: Room) -> None:
    room.quotes(MAKER, (PUT, None, (101, 20)), (OPTION, None, (101, 20)), group=DELTA_GROUP)
    room.order(STRANGER, BUY, 101, 7, OPTION)
    room.order(STRANGER, BUY, 101, 15, PUT)

    assert [one.delta_level for one in room.triggered()] == [4 * ONE]


def test_the_first_limit_that_is_reached_is_named_quantity_before_delta_before_vega(room: Room) -> None:
    room.quotes(MAKER, (OPTION, None, (100, 100)), group=VEGA_GROUP)
    room.order(STRANGER, BUY, 100, 5, OPTION)
    assert [one.trigger for one in room.triggered()] == [MmpTriggerType.VEGA]
    room.after(FREEZE)
    room.quotes(MAKER, (OPTION, None, (100, 100)), group=VEGA_GROUP)
    room.order(STRANGER, BUY, 100, 8, OPTION)
    assert [one.trigger for one in room.triggered()] == [MmpTriggerType.DELTA]
    room.after(FREEZE)
    room.quotes(MAKER, (OPTION, None, (100, 100)), group=VEGA_GROUP)
    room.order(STRANGER, BUY, 100, 100, OPTION)
    assert [one.trigger for one in room.triggered()] == [MmpTriggerType.QUANTITY]


def test_products_are_rounded_towards_zero_at_1e_9(room: Room) -> None:
    room.quotes(MAKER, (OPTION, (99, 3), (101, 3)), group=VEGA_GROUP)
    room.order(STRANGER, BUY, 101, 0.001, OPTION)
    assert room.mmp.spans(0, False, VEGA_GROUP) == [(room.now, room.now, ONE // 1000)]


def test_fills_of_others_and_self_match_cancels_do_not_count(room: Room) -> None:
    room.rest(MAKER, SELL, 99, 50)
    room.quote(MAKER, SELL, 100, 10, smp_token=7)
    room.order(STRANGER, BUY, 99, 50)
    room.order(MATE, BUY, 100, 10, smp_token=7, self_trading_mode=1)

    assert (room.triggered(), room.mmp.spans(0, False, GROUP)) == ([], [])


# Quotes that take.


def test_a_quote_that_takes_too_much_is_cancelled_for_the_rest(room: Room) -> None:
    standing = room.quote(MATE, SELL, 120, 1, OTHER_FUTURE)
    room.rest(STRANGER, SELL, 100, 4)
    room.rest(STRANGER, SELL, 100, 4, OPTION)
    room.rest(STRANGER, SELL, 100.5, 4, OPTION)

    told = room.quotes(
        MAKER, (FUTURE, (100, 5), None), (OPTION, (101, 10), (105, 2)), (OTHER_FUTURE, (90, 1), (110, 3))
    )

    assert told.quotes == (
        entry(FUTURE, side(QuoteStatus.CANCELED_BY_MMP, 5, 100, filled=4), side(QuoteStatus.INACTIVE)),
        entry(
            OPTION,
            side(QuoteStatus.CANCELED_BY_MMP, 6, 101, filled=8),
            side(QuoteStatus.INACTIVE, reason=OrderRejectReason.MMP_GROUP_FROZEN),
        ),
        entry(
            OTHER_FUTURE,
            side(QuoteStatus.INACTIVE, reason=OrderRejectReason.MMP_GROUP_FROZEN),
            side(QuoteStatus.CANCELED_BY_MMP, standing, 120, reason=OrderRejectReason.MMP_GROUP_FROZEN),
        ),
    )
    assert room.triggered() == [trigger(room, (MAKER, MATE), 12, delta_level=4 * ONE, vega_level=16 * ONE)]
    # What the response has told the requester of is told to nobody else but the one who had entered it.
    assert room.left() == {MATE: [(standing, PROTECTED)]}
    assert (room.open(MAKER), room.open(MATE)) == (0, 0)


def test_quotes_that_the_request_left_standing_are_told_as_cancelled_and_others_leave(room: Room) -> None:
    kept, reduced = (room.quote(MAKER, BUY, 90, 2, number) for number in (FUTURE, OPTION))
    elsewhere = room.quote(MAKER, BUY, 90, 2, PUT)
    room.rest(STRANGER, SELL, 100, 10, OTHER_FUTURE)

    told = room.quotes(MAKER, (FUTURE, (90, 2), None), (OPTION, (90, 1), None), (OTHER_FUTURE, (100, 10), None))

    assert [record.bid for record in told.quotes] == [
        side(QuoteStatus.CANCELED_BY_MMP, kept, 90),
        side(QuoteStatus.CANCELED_BY_MMP, reduced, 90),
        side(QuoteStatus.FILLED, 5, 100, filled=10),
    ]
    assert room.left() == {MAKER: [(elsewhere, PROTECTED)]}


def test_a_quote_that_its_own_request_has_filled_since_is_told_of_in_its_turn(room: Room) -> None:
    told = room.quotes(MAKER, (FUTURE, (100, 6), (100, 5)))

    assert told.quotes == (
        entry(FUTURE, side(QuoteStatus.UPDATED, 1, 100, 6), side(QuoteStatus.FILLED, 2, 100, filled=5)),
    )
    assert [(event.order_id, event.total_filled) for event in told.events] == [(1, 5 * ONE)]
    # Both sides of a match count: each was a quote of the group.
    assert room.triggered() == [trigger(room, (MAKER,), 10)]
    assert room.left() == {MAKER: [(1, PROTECTED)]}


def test_a_quote_of_zero_is_only_withdrawn_whatever_triggered_before(room: Room) -> None:
    standing = room.quote(MAKER, SELL, 120, 1, OTHER_FUTURE)
    room.rest(STRANGER, SELL, 100, 10)

    told = room.quotes(MAKER, (FUTURE, (100, 10), None), (OTHER_FUTURE, None, None))

    assert told.quotes[1].ask == side(QuoteStatus.CANCELED_BY_MMP, standing, 120)
    assert room.left() == {}


# Orders flagged mmp.


def test_orders_flagged_mmp_are_a_group_of_their_currency_pair(room: Room) -> None:
    hit = room.rest(MAKER, SELL, 100, 12, flags=MMP)
    same = room.rest(MATE, BUY, 90, 1, OPTION, flags=MMP)
    room.rest(MAKER, BUY, 90, 1)
    room.quote(MAKER, BUY, 91, 1)
    foreign = room.rest(STRANGER, BUY, 92, 1, flags=MMP)

    outcome = room.order(STRANGER, BUY, 100, 11)

    assert [event.order_id for event in outcome.events] == [hit]
    assert (outcome.order_status, outcome.total_filled) == (OrderStatus.FILLED, 11 * ONE)
    assert room.triggered() == [trigger(room, (MAKER, MATE), 11, id=PAIR, is_of_orders=True)]
    assert room.leaving() == {
        MAKER: [canceled(hit, FUTURE, 11, flags=0)],
        MATE: [canceled(same, OPTION, flags=0)],
    }
    assert (room.open(MAKER), room.open(STRANGER)) == (2, 1)
    assert foreign in [one.order_id for one in room.probe.resting(FUTURE, BUY)]


def test_an_order_without_a_group_for_its_currency_pair_cannot_be_flagged(room: Room) -> None:
    for flags in (MMP, RESET_MMP, MMP | RESET_MMP):
        outcome = room.order(MAKER, BUY, 100, 1, OTHER_FUTURE, flags=flags)
        assert (outcome.reject_reason, outcome.details) == (
            OrderRejectReason.MMP_NOT_CONFIGURED,
            f"the portfolio has no market-maker protection for orders in currency pair {OTHER_PAIR}",
        )
    assert room.order(MAKER, BUY, 100, 1, OTHER_FUTURE).status == "accepted"


@pytest.mark.parametrize("price", [101, None])
def test_a_taker_of_the_group_is_closed_where_the_limit_is_reached(room: Room, price: float | None) -> None:
    mine = room.rest(MAKER, BUY, 90, 1, flags=MMP)
    room.rest(STRANGER, SELL, 100, 10)
    untouched = room.rest(STRANGER, SELL, 101, 10)

    outcome = room.order(MATE, BUY, price, 15, flags=MMP if price else MMP | 8)

    assert (outcome.order_status, outcome.cancel_reason, outcome.total_filled) == (
        OrderStatus.CANCELED, PROTECTED, 10 * ONE,
    )  # fmt: skip
    assert room.triggered() == [trigger(room, (MATE, MAKER), 10, id=PAIR, is_of_orders=True)]
    assert room.left() == {MAKER: [(mine, PROTECTED)]}
    assert [one.order_id for one in room.probe.resting(FUTURE, SELL)] == [untouched]


def test_an_amend_into_the_market_counts_for_the_order_s_owner_whoever_amends(room: Room) -> None:
    order_id = room.rest(MAKER, BUY, 90, 15, flags=MMP)
    other = room.rest(MATE, BUY, 89, 1, flags=MMP)
    room.rest(STRANGER, SELL, 100, 10)
    room.rest(STRANGER, SELL, 100.5, 10)

    outcome = room.amend(MATE, 1, 101, 15)

    assert (outcome.order_id, outcome.order_status, outcome.cancel_reason, outcome.total_filled) == (
        order_id, OrderStatus.CANCELED, PROTECTED, 10 * ONE,
    )  # fmt: skip
    assert room.triggered() == [trigger(room, (MAKER, MATE), 10, id=PAIR, is_of_orders=True)]
    assert room.left() == {MATE: [(other, PROTECTED)]}
    assert room.open(MAKER) == 0


def test_the_parts_of_an_iceberg_count_one_by_one(room: Room) -> None:
    room.rest(MAKER, SELL, 100, 20, flags=MMP, show_quantity=3 * ONE)

    outcome = room.order(STRANGER, BUY, 100, 20)

    assert [event.quantity for event in outcome.events] == [3 * ONE] * 4
    assert (outcome.order_status, outcome.total_filled) == (OrderStatus.ACTIVE, 12 * ONE)
    assert len(room.triggered()) == 1


def test_a_flagged_order_whose_owner_is_its_counterparty_too_counts_twice(room: Room) -> None:
    room.rest(MAKER, SELL, 100, 5, flags=MMP)
    outcome = room.order(MATE, BUY, 100, 5, flags=MMP)

    assert outcome.order_status == OrderStatus.FILLED
    assert room.triggered() == [trigger(room, (MAKER, MATE), 10, id=PAIR, is_of_orders=True)]


# Orders that must fill whole.


@pytest.mark.parametrize(("quantity", "fills"), [(10, [10]), (11, [10, 1]), (13, [10, 3]), (13.001, [])])
def test_a_fill_or_kill_order_sees_that_a_group_would_leave(room: Room, quantity: float, fills: list[float]) -> None:
    room.rest(MAKER, SELL, 100, 10, flags=MMP)
    room.rest(MATE, SELL, 100, 10, flags=MMP)
    room.rest(MATE, SELL, 100.5, 3)

    outcome = room.order(STRANGER, BUY, 101, quantity, time_in_force=TimeInForce.FOK)

    assert [event.quantity for event in outcome.events] == [round(fill * ONE) for fill in fills]
    assert outcome.order_status == (OrderStatus.FILLED if fills else OrderStatus.CANCELED)
    assert len(room.triggered()) == bool(fills)


@pytest.mark.parametrize(("quantity", "status"), [(10, OrderStatus.FILLED), (11, OrderStatus.CANCELED)])
def test_a_fill_or_kill_order_sees_that_it_would_be_stopped(room: Room, quantity: float, status: int) -> None:
    for price in (100, 100.5):
        room.rest(STRANGER, SELL, price, 10)

    outcome = room.order(MAKER, BUY, 101, quantity, flags=MMP, time_in_force=TimeInForce.FOK)

    assert (outcome.order_status, outcome.total_filled) == (status, 10 * ONE if status == OrderStatus.FILLED else 0)
    assert outcome.cancel_reason == (0 if status == OrderStatus.FILLED else CancelReason.TIME_IN_FORCE)


def test_the_trial_of_a_fill_or_kill_order_is_not_counted(room: Room) -> None:
    room.rest(MAKER, SELL, 100, 4, flags=MMP, show_quantity=ONE)
    room.order(STRANGER, BUY, 100, 5, time_in_force=TimeInForce.FOK)
    room.order(STRANGER, BUY, 100, 3, time_in_force=TimeInForce.FOK)

    assert [quantity for _, _, quantity in room.mmp.spans(0, True, PAIR)] == [3 * ONE]


def test_icebergs_of_a_group_that_would_have_left_show_nothing_more(room: Room) -> None:
    room.rest(MAKER, SELL, 100, 20, flags=MMP, show_quantity=4 * ONE)
    room.rest(MATE, SELL, 100, 20, flags=MMP, show_quantity=4 * ONE)

    assert room.order(STRANGER, BUY, 100, 13, time_in_force=TimeInForce.FOK).total_filled == 0
    assert room.order(STRANGER, BUY, 100, 12, time_in_force=TimeInForce.FOK).total_filled == 12 * ONE


# The freeze.


def freeze(room: Room) -> None:
    """GROUP and the orders in PAIR are frozen; MAKER and MATE were told."""
    room.quote(MAKER, SELL, 100, 10)
    room.rest(MATE, SELL, 100, 10, flags=MMP)
    room.order(STRANGER, BUY, 100, 20)
    assert [(one.is_of_orders, one.told) for one in room.triggered()] == [(False, (MAKER,)), (True, (MATE,))]


def test_a_frozen_group_takes_nothing_and_every_other_one_does(room: Room) -> None:
    freeze(room)
    until = room.now + round(FREEZE * SECOND)

    for bid in ((90, 1), None):
        told = room.quotes(MATE, (FUTURE, bid, None))
        assert (told.reject_reason, told.details) == (
            MassQuoteRejectReason.MMP_GROUP_FROZEN, f"mmp group {GROUP} is frozen until {until}",
        )  # fmt: skip
    outcome = room.order(MAKER, BUY, 90, 1, OPTION, flags=MMP)
    assert (outcome.reject_reason, outcome.details) == (
        OrderRejectReason.MMP_GROUP_FROZEN, f"the protection of currency pair {PAIR} is frozen until {until}",
    )  # fmt: skip
    assert (room.mmp.frozen_until(0, False, GROUP), room.mmp.frozen_until(0, True, PAIR)) == (until, until)

    assert room.order(MAKER, BUY, 90, 1).status == "accepted"
    assert room.order(STRANGER, BUY, 90, 1, flags=MMP).status == "accepted"
    assert room.quotes(MAKER, (FUTURE, (90, 1), None), group=OTHER_GROUP).status == "accepted"
    assert room.quotes(STRANGER, (FUTURE, (90, 1), None)).status == "accepted"
    assert room.probe.cancel_quotes(MAKER, GROUP) == 0


def test_a_freeze_ends_at_its_time_and_those_are_told_who_heard_of_it(room: Room) -> None:
    freeze(room)
    room.after(0.5)
    room.quote(MAKER, SELL, 100, 10, group=OTHER_GROUP)
    room.order(STRANGER, BUY, 100, 10)

    assert room.after(FREEZE - 0.5 - 1e-9) == []
    assert room.after(1e-9) == [
        MmpUnfrozenRecord(0, False, GROUP, (MAKER,)), MmpUnfrozenRecord(0, True, PAIR, (MATE,)),
    ]  # fmt: skip
    assert room.after(1) == [MmpUnfrozenRecord(0, False, OTHER_GROUP, (MAKER,))]
    assert room.quotes(MAKER, (FUTURE, (90, 1), None)).status == "accepted"
    assert room.order(MAKER, BUY, 90, 1, flags=MMP).status == "accepted"
    assert room.after(1000) == []


@pytest.mark.parametrize(("later", "is_late_enough"), [(0, False), (1 - 1e-9, False), (1, True), (2.5, True)])
def test_a_reset_is_taken_after_a_second(room: Room, later: float, is_late_enough: bool) -> None:
    freeze(room)
    room.after(later)

    told = room.quotes(MATE, (FUTURE, (90, 1), None), reset_mmp=True)
    unfrozen = room.mmp.take_unfrozen()
    if is_late_enough:
        assert (told.status, unfrozen) == ("accepted", MmpUnfrozenRecord(0, False, GROUP, (MAKER,)))
    else:
        assert (told.reject_reason, unfrozen) == (MassQuoteRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED, None)
        assert told.details == "reset before the shortest freeze of 1 s was over"

    outcome = room.order(MAKER, BUY, 90, 1, OPTION, flags=RESET_MMP)
    unfrozen = room.mmp.take_unfrozen()
    if is_late_enough:
        assert (outcome.status, unfrozen) == ("accepted", MmpUnfrozenRecord(0, True, PAIR, (MATE,)))
    else:
        assert (outcome.reject_reason, unfrozen) == (OrderRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED, None)
        assert outcome.details == "reset before the shortest freeze of 1 s was over"
    assert room.after(FREEZE - later) == ([] if is_late_enough else [
        MmpUnfrozenRecord(0, False, GROUP, (MAKER,)), MmpUnfrozenRecord(0, True, PAIR, (MATE,)),
    ])  # fmt: skip


def test_a_reset_takes_effect_although_the_rest_of_its_request_is_refused(room: Room) -> None:
    freeze(room)
    room.after(1)

    assert room.quotes(MAKER, (99, (90, 1), None), reset_mmp=True).status == "rejected"
    assert room.mmp.take_unfrozen() == MmpUnfrozenRecord(0, False, GROUP, (MAKER,))
    assert room.order(MAKER, BUY, 90.25, 1, flags=MMP | RESET_MMP).status == "rejected"
    assert room.mmp.take_unfrozen() == MmpUnfrozenRecord(0, True, PAIR, (MATE,))


def test_a_reset_of_what_is_not_frozen_does_nothing(room: Room) -> None:
    room.quote(MAKER, SELL, 100, 10)
    room.order(STRANGER, BUY, 100, 9)

    assert room.quotes(MATE, (OPTION, (90, 1), None), reset_mmp=True).status == "accepted"
    assert room.order(MATE, BUY, 90, 1, flags=RESET_MMP).status == "accepted"
    assert room.mmp.take_unfrozen() is None
    room.order(STRANGER, BUY, 100, 1)
    assert [one.quantity_level for one in room.triggered()] == [10 * ONE]


def test_an_order_that_resets_is_not_of_the_group_unless_it_is_flagged_as_well(room: Room) -> None:
    plain = room.rest(MAKER, BUY, 91, 1, flags=RESET_MMP)
    flagged = room.rest(MAKER, BUY, 90, 1, flags=MMP | RESET_MMP)
    room.rest(MAKER, SELL, 100, 10, flags=MMP)
    room.order(STRANGER, BUY, 100, 10)

    assert room.left() == {MAKER: [(flagged, PROTECTED)]}
    assert [one.order_id for one in room.probe.resting(FUTURE, BUY)] == [plain]


def test_a_reset_and_a_trigger_may_come_of_one_request(room: Room) -> None:
    freeze(room)
    room.after(1)
    room.rest(STRANGER, SELL, 100, 10)

    told = room.quotes(MATE, (FUTURE, (100, 10), None), reset_mmp=True)

    assert told.quotes[0].bid.status == QuoteStatus.FILLED
    assert room.mmp.take_unfrozen() == MmpUnfrozenRecord(0, False, GROUP, (MAKER,))
    assert room.triggered() == [trigger(room, (MATE,), 10)]
    assert room.after(FREEZE)[-1] == MmpUnfrozenRecord(0, False, GROUP, (MATE,))


# The fence, and what waits.


def test_what_the_fence_has_killed_neither_counts_nor_leaves_nor_is_told(room: Room) -> None:
    room.quote(MATE, SELL, 99, 9)
    room.quote(MAKER, SELL, 100, 10, OPTION)
    room.rest(MATE, BUY, 90, 1, flags=MMP)
    room.rest(MAKER, BUY, 90, 10, flags=MMP)
    assert room.probe.fence(MATE, 1) == 2

    room.order(STRANGER, BUY, 100, 10, OPTION)
    room.order(STRANGER, SELL, 90, 10)

    assert [one.told for one in room.triggered()] == [(MAKER,), (MAKER,)]
    assert room.left() == {}
    assert [entry.cancel_reason for entry in room.probe.drain(MATE, 10)] == [CancelReason.CLIENT_DISCONNECT] * 2


def test_a_group_stays_frozen_when_its_session_is_gone(room: Room) -> None:
    freeze(room)
    room.probe.fence(MAKER, 1)

    assert room.quotes(MAKER, (FUTURE, (90, 1), None), epoch=2).reject_reason == MassQuoteRejectReason.MMP_GROUP_FROZEN
    assert room.after(FREEZE)[0] == MmpUnfrozenRecord(0, False, GROUP, (MAKER,))


def test_what_was_filled_counts_when_its_session_is_gone(room: Room) -> None:
    room.quote(MAKER, SELL, 100, 9)
    room.order(STRANGER, BUY, 100, 9)
    room.probe.fence(MAKER, 1)
    room.quote(MATE, SELL, 100, 9)
    room.order(STRANGER, BUY, 100, 1)

    assert room.triggered() == [trigger(room, (MATE,), 10)]


def test_an_order_behind_a_speed_bump_leaves_with_its_group_and_is_not_released(room: Room) -> None:
    room.rest(STRANGER, SELL, 100, 1, BUMPED)
    waiting = room.order(MAKER, BUY, 100, 1, BUMPED, flags=MMP)
    assert waiting.order_status == OrderStatus.QUEUED
    room.rest(MATE, SELL, 100, 10, flags=MMP)
    room.order(STRANGER, BUY, 100, 10)

    assert room.left() == {MAKER: [(waiting.order_id, PROTECTED)]}
    assert room.release() == []


def test_an_order_that_is_released_counts_as_of_its_release(room: Room) -> None:
    other = room.rest(MATE, BUY, 90, 1, flags=MMP)
    room.rest(STRANGER, SELL, 100, 10, BUMPED)
    room.rest(STRANGER, SELL, 100.5, 10, BUMPED)
    room.order(MAKER, BUY, 101, 20, BUMPED, flags=MMP)

    (told,) = room.release()

    assert (told.outcome.order_status, told.outcome.cancel_reason, told.outcome.total_filled) == (
        OrderStatus.CANCELED, PROTECTED, 10 * ONE,
    )  # fmt: skip
    assert room.triggered() == [trigger(room, (MAKER, MATE), 10, id=PAIR, is_of_orders=True)]
    assert room.left() == {MATE: [(other, PROTECTED)]}
    assert BUMP < INTERVAL


def test_quotes_above_the_limit_are_no_business_of_flagged_orders(room: Room) -> None:
    assert room.rest(MAKER, BUY, 90, LIMIT + 5, flags=MMP) == 1
    told = room.quotes(MAKER, (FUTURE, (91, LIMIT + 5), None))
    assert told.quotes[0].bid.reject_reason == OrderRejectReason.MMP_MAX_QUOTE_QTY_EXCEEDED
