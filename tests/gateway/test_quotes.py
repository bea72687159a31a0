"""The rules of mass quotes, one by one: what becomes of each side, of the standing quotes, and of makers."""

from collections.abc import Sequence

import pytest

from codec.layout import (
    CancelFlags,
    CancelOrderRejectReason,
    CancelReason,
    FillFlags,
    MassQuoteRejectReason,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    ProductType,
    QuoteStatus,
    Side,
)
from gateway.engine import Engine
from gateway.engine_types import (
    CanceledOrder,
    EventRecord,
    InstrumentSpec,
    MassQuoteRecord,
    MmpGroupSpec,
    OwnerSpec,
    PortfolioSpec,
    QuoteRecord,
    QuoteSideRecord,
    RestingOrder,
)
from gateway.invariants import check
from gateway.limits import FILLS_PER_ORDER_MAX, QUOTES_PER_MASS_QUOTE_MAX
from gateway.probe import EngineProbe

ONE = 1_000_000_000
TICK = ONE // 2
LOT = ONE // 1000
# Owners 0 and 1 share a portfolio; owner 2 has one of its own.
MAKER, MATE, STRANGER = 0, 1, 2
BUY, SELL = Side.BUY, Side.SELL
PERPETUAL, FUTURE, COMBO = 7, 8, 9
GROUP, OTHER_GROUP, UNLIMITED = 1, 2, 3
LIMIT = 10
NO_REASON = -128
NOTHING = (None, 0, 0)
TOKEN = 77

Terms = tuple[int | None, int | None, int]
Entry = tuple[int, Terms, Terms]


def make(*, max_open_orders: int = 5000, orders_max: int = 10_000) -> EngineProbe:
    kinds = {PERPETUAL: ProductType.FUTURES, FUTURE: ProductType.FUTURES, COMBO: ProductType.COMBO_FUTURES}
    others = range(100, 100 + QUOTES_PER_MASS_QUOTE_MAX)
    return EngineProbe(
        Engine(
            [
                InstrumentSpec(id=number, tick_size=TICK, lot_size=LOT, product_type=kind)
                for number, kind in {**kinds, **dict.fromkeys(others, ProductType.OPTIONS)}.items()
            ],
            [PortfolioSpec(id=1, max_open_orders=max_open_orders), PortfolioSpec(id=2, max_open_orders=5000)],
            [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)],
            orders_max,
            mmp_groups=[
                MmpGroupSpec(portfolio=0, id=GROUP, quantity_limit=LIMIT * ONE),
                MmpGroupSpec(portfolio=0, id=OTHER_GROUP, quantity_limit=LIMIT * ONE),
                MmpGroupSpec(portfolio=1, id=GROUP, quantity_limit=LIMIT * ONE),
                MmpGroupSpec(portfolio=1, id=UNLIMITED, quantity_limit=None),
            ],
        )
    )


@pytest.fixture
def probe() -> EngineProbe:
    return make()


def at(price: float | None, quantity: float, flags: int = 0) -> Terms:
    return None if price is None else round(price * ONE), round(quantity * ONE), flags


def quote(
    probe: EngineProbe,
    bid: Terms = NOTHING,
    ask: Terms = NOTHING,
    *,
    owner: int = MAKER,
    group: int = GROUP,
    instrument: int = PERPETUAL,
    quote_id: int = 501,
    smp_token: int | None = None,
    epoch: int = 1,
) -> MassQuoteRecord:
    """A mass quote of one entry; invariants hold afterwards."""
    return mass_quote(
        probe, [(instrument, bid, ask)], owner=owner, group=group, quote_id=quote_id, smp_token=smp_token, epoch=epoch
    )


def mass_quote(
    probe: EngineProbe,
    entries: Sequence[Entry],
    *,
    owner: int = MAKER,
    group: int | None = GROUP,
    quote_id: int | None = 501,
    smp_token: int | None = None,
    epoch: int = 1,
) -> MassQuoteRecord:
    told = probe.mass_quote(owner, quote_id, group, entries, smp_token=smp_token, epoch=epoch)
    check(probe.engine)
    return told


def order(
    probe: EngineProbe,
    owner: int,
    client_order_id: int,
    side: int,
    price: float,
    quantity: float,
    *,
    instrument: int = PERPETUAL,
    flags: int = 0,
    smp_token: int | None = None,
) -> tuple[EventRecord, ...]:
    """Enter an order that is accepted; what it did to others."""
    outcome = probe.enter(
        owner, client_order_id, instrument, side, round(price * ONE), round(quantity * ONE), flags=flags,
        smp_token=smp_token,
    )  # fmt: skip
    assert outcome.status == "accepted"
    check(probe.engine)
    return outcome.events


def side_of(
    status: QuoteStatus,
    order_id: int | None = None,
    price: float | None = None,
    remaining: float = 0,
    filled: float = 0,
    reason: int = NO_REASON,
) -> QuoteSideRecord:
    return QuoteSideRecord(
        order_id,
        None if price is None else round(price * ONE),
        round(remaining * ONE),
        round(filled * ONE),
        status,
        reason,
    )


INACTIVE = side_of(QuoteStatus.INACTIVE)


def sides(told: MassQuoteRecord) -> tuple[QuoteSideRecord, QuoteSideRecord]:
    """Bid and ask of the only entry of a mass quote that did nothing to makers."""
    assert (told.status, told.details, told.events) == ("accepted", "", ())
    (entry,) = told.quotes
    return entry.bid, entry.ask


def fill(
    owner: int,
    client_order_id: int,
    order_id: int,
    side: int,
    match_id: int,
    price: float,
    quantity: float,
    total: float,
    flags: int = 0,
) -> EventRecord:
    return EventRecord(
        "fill", owner, PERPETUAL, client_order_id, order_id, side, match_id, round(price * ONE), round(quantity * ONE),
        round(total * ONE), flags, 0,
    )  # fmt: skip


def left(owner: int, quote_id: int, order_id: int, filled: float = 0) -> tuple[int, list[CanceledOrder]]:
    """What an owner hears of one quote that somebody else took out."""
    return owner, [
        CanceledOrder(
            quote_id, order_id, PERPETUAL, (round(filled * ONE), -9), CancelReason.BY_REQUEST, CancelFlags.IS_QUOTE
        )
    ]


def refusal(told: MassQuoteRecord) -> tuple[int, str]:
    assert (told.status, told.quotes, told.events) == ("rejected", (), ())
    return told.reject_reason, told.details


def ids(probe: EngineProbe, side: int, instrument: int = PERPETUAL) -> list[int]:
    return [resting.order_id for resting in probe.resting(instrument, side)]


# First quotes, the same again, less, and something else.


def test_a_first_quote_rests_on_both_sides_with_status_updated(probe: EngineProbe) -> None:
    told = quote(probe, at(99, 2), at(101, 3))

    assert told == MassQuoteRecord(
        status="accepted",
        reject_reason=0,
        dead_met=0,
        details="",
        quotes=(
            QuoteRecord(
                PERPETUAL,
                side_of(QuoteStatus.UPDATED, 1, 99, remaining=2),
                side_of(QuoteStatus.UPDATED, 2, 101, remaining=3),
            ),
        ),
        events=(),
    )
    assert probe.resting(PERPETUAL, BUY) == [RestingOrder(1, MAKER, 99 * ONE, 2 * ONE, 0, 2 * ONE)]
    assert probe.resting(PERPETUAL, SELL) == [RestingOrder(2, MAKER, 101 * ONE, 3 * ONE, 0, 3 * ONE)]
    assert (probe.owner_counts(MAKER), probe.portfolio_open(0)) == ((2, 2, 0), 2)


def test_a_side_of_quantity_zero_that_has_no_quote_is_inactive_whatever_its_price_and_flags(probe: EngineProbe) -> None:
    told = quote(probe, at(99, 2), (TICK + 1, 0, OrderFlags.MARKET_LIMIT))

    assert sides(told) == (side_of(QuoteStatus.UPDATED, 1, 99, remaining=2), INACTIVE)


def test_the_same_quote_again_is_unmodified_and_keeps_its_place(probe: EngineProbe) -> None:
    quote(probe, at(99, 2), at(101, 3))
    order(probe, MATE, 201, BUY, 99, 1)

    told = quote(probe, at(99, 2), at(101, 3), quote_id=502)

    assert sides(told) == (
        side_of(QuoteStatus.UNMODIFIED, 1, 99, remaining=2),
        side_of(QuoteStatus.UNMODIFIED, 2, 101, remaining=3),
    )
    assert ids(probe, BUY) == [1, 3]


def test_less_at_the_same_price_is_a_reduction_and_keeps_its_place_and_its_quote_id(probe: EngineProbe) -> None:
    quote(probe, at(99, 2), at(101, 3))
    order(probe, MATE, 201, BUY, 99, 1)

    told = quote(probe, at(99, 0.5), at(101, 3), quote_id=502)

    assert sides(told)[0] == side_of(QuoteStatus.QTY_REDUCED, 1, 99, remaining=0.5)
    assert order(probe, STRANGER, 301, SELL, 99, 1) == (
        fill(MAKER, 501, 1, BUY, 1, 99, 0.5, 0.5, FillFlags.IS_QUOTE | FillFlags.IS_FULLY_FILLED),
        fill(MATE, 201, 3, BUY, 2, 99, 0.5, 0.5),
    )


@pytest.mark.parametrize(("price", "quantity"), [(99, 2.001), (98.5, 2), (99.5, 1)])
def test_more_or_another_price_is_a_new_order_behind_the_others(
    probe: EngineProbe, price: float, quantity: float
) -> None:
    quote(probe, at(99, 2), at(101, 3))
    order(probe, MATE, 201, BUY, 99, 1)
    order(probe, MATE, 202, BUY, price, 1)

    told = quote(probe, at(price, quantity), at(101, 3), quote_id=502)

    assert sides(told)[0] == side_of(QuoteStatus.UPDATED, 5, price, remaining=quantity)
    assert 1 not in ids(probe, BUY)
    assert ids(probe, BUY).index(5) > ids(probe, BUY).index(4)
    assert probe.take_leaving(10) == []


def test_a_quote_s_quantity_is_what_is_left_of_it(probe: EngineProbe) -> None:
    quote(probe, at(99, 5))
    order(probe, STRANGER, 301, SELL, 99, 2)

    assert sides(quote(probe, at(99, 3), quote_id=502))[0] == side_of(QuoteStatus.UNMODIFIED, 1, 99, 3, filled=2)
    assert sides(quote(probe, at(99, 1), quote_id=503))[0] == side_of(QuoteStatus.QTY_REDUCED, 1, 99, 1, filled=2)
    assert probe.resting(PERPETUAL, BUY) == [RestingOrder(1, MAKER, 99 * ONE, 3 * ONE, 2 * ONE, ONE)]
    assert sides(quote(probe, at(99, 3), quote_id=504))[0] == side_of(QuoteStatus.UPDATED, 3, 99, remaining=3)


def test_quantity_zero_cancels_a_side(probe: EngineProbe) -> None:
    quote(probe, at(99, 5), at(101, 3))
    order(probe, STRANGER, 301, SELL, 99, 2)

    told = quote(probe, at(None, 0), at(101, 3), quote_id=502)

    assert sides(told) == (
        side_of(QuoteStatus.CANCELED_BY_REQUEST, 1, 99, filled=2),
        side_of(QuoteStatus.UNMODIFIED, 2, 101, remaining=3),
    )
    assert (ids(probe, BUY), probe.portfolio_open(0), probe.take_leaving(10)) == ([], 1, [])


def test_a_quote_that_moves_does_not_meet_itself_as_it_was(probe: EngineProbe) -> None:
    quote(probe, at(99, 1), at(101, 1), smp_token=TOKEN)

    up = quote(probe, at(101, 1), at(103, 1), smp_token=TOKEN)
    down = quote(probe, at(97, 1), at(99, 1), smp_token=TOKEN)

    assert [(side.status, side.price) for side in (*sides(up), *sides(down))] == [
        (QuoteStatus.UPDATED, price * ONE) for price in (101, 103, 97, 99)
    ]


def test_there_is_one_quote_for_each_group_instrument_and_side(probe: EngineProbe) -> None:
    quote(probe, at(99, 1), quote_id=501)
    quote(probe, at(99, 2), group=OTHER_GROUP, quote_id=502)
    quote(probe, at(99, 3), instrument=FUTURE, quote_id=503)
    quote(probe, at(99, 4), owner=STRANGER, quote_id=504)

    assert [resting.quantity for resting in probe.resting(PERPETUAL, BUY)] == [1 * ONE, 2 * ONE, 4 * ONE]
    assert ids(probe, BUY, FUTURE) == [3]
    told = quote(probe, at(99, 1), group=OTHER_GROUP, quote_id=505)
    assert sides(told)[0] == side_of(QuoteStatus.QTY_REDUCED, 2, 99, remaining=1)


def test_quotes_are_not_found_by_any_id_and_their_ids_clash_with_none(probe: EngineProbe) -> None:
    quote(probe, at(99, 1), at(101, 1), quote_id=201)

    for outcome in (probe.cancel(MAKER, 201, PERPETUAL), probe.cancel_by_id(MAKER, 1, PERPETUAL)):
        assert (outcome.status, outcome.reject_reason) == ("rejected", CancelOrderRejectReason.UNKNOWN_ORDER)
    order(probe, MAKER, 201, BUY, 98, 1)
    assert probe.cancel(MAKER, 201, PERPETUAL).order_id == 3
    assert ids(probe, BUY) == [1]


# Several sessions of one portfolio.


def test_what_is_kept_stays_with_the_session_that_quoted_it(probe: EngineProbe) -> None:
    quote(probe, at(99, 2), at(101, 2))

    told = quote(probe, at(99, 2), at(101, 1), owner=MATE, quote_id=502)

    assert [side.status for side in sides(told)] == [QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED]
    assert [(resting.order_id, resting.owner) for resting in probe.resting(PERPETUAL, SELL)] == [(2, MAKER)]
    assert probe.take_leaving(10) == []
    assert probe.fence(MAKER, 1) == 2


def test_a_session_whose_quote_another_one_replaces_or_cancels_is_told(probe: EngineProbe) -> None:
    quote(probe, at(99, 2), at(101, 2))
    order(probe, STRANGER, 301, SELL, 99, 0.5)

    told = quote(probe, at(98, 2), at(101, 0), owner=MATE, quote_id=502)

    assert sides(told) == (
        side_of(QuoteStatus.UPDATED, 4, 98, remaining=2),
        side_of(QuoteStatus.CANCELED_BY_REQUEST, 2, 101),
    )
    (owner, (bid,)), (same_owner, (ask,)) = left(MAKER, 501, 1, filled=0.5), left(MAKER, 501, 2)
    assert owner == same_owner
    assert probe.take_leaving(10) == [(owner, [bid, ask])]
    assert [resting.owner for resting in probe.resting(PERPETUAL, BUY)] == [MATE]
    assert probe.fence(MAKER, 1) == 0


# Dead quotes.


def test_a_dead_quote_is_absent_and_a_new_one_takes_its_place(probe: EngineProbe) -> None:
    quote(probe, at(99, 2), at(101, 2))
    assert probe.fence(MAKER, 1) == 2
    check(probe.engine)

    told = quote(probe, at(99, 2), at(101, 0), epoch=2, quote_id=502)

    assert sides(told) == (side_of(QuoteStatus.UPDATED, 3, 99, remaining=2), INACTIVE)
    assert probe.drain(MAKER, 10) == [
        CanceledOrder(501, order_id, PERPETUAL, (0, -9), CancelReason.CLIENT_DISCONNECT, CancelFlags.IS_QUOTE)
        for order_id in (1, 2)
    ]
    check(probe.engine)
    assert sides(quote(probe, at(99, 2), epoch=2, quote_id=503))[0].status == QuoteStatus.UNMODIFIED


def test_a_place_that_a_dead_quote_left_may_be_another_s_when_it_is_drained(probe: EngineProbe) -> None:
    quote(probe, at(99, 2))
    probe.fence(MAKER, 1)
    quote(probe, at(98, 2), owner=MATE, quote_id=502)
    quote(probe, at(98, 0), owner=MATE, quote_id=503)
    quote(probe, at(97, 2), owner=MATE, group=OTHER_GROUP, quote_id=504)

    assert len(probe.drain(MAKER, 10)) == 1
    check(probe.engine)
    told = quote(probe, at(97, 2), owner=MATE, group=OTHER_GROUP, quote_id=505)
    assert sides(told)[0] == side_of(QuoteStatus.UNMODIFIED, 3, 97, remaining=2)


def test_a_session_that_is_over_cannot_quote(probe: EngineProbe) -> None:
    probe.fence(MAKER, 1)

    told = quote(probe, at(99, 2))

    assert refusal(told) == (MassQuoteRejectReason.SYSTEM_ERROR, "epoch 1 of the session is over")


# Taking liquidity.


def test_a_side_that_crosses_takes_what_it_can_and_rests_with_what_is_left(probe: EngineProbe) -> None:
    order(probe, STRANGER, 301, SELL, 100, 1)

    told = quote(probe, at(101, 3), at(102, 1))

    assert told.quotes == (
        QuoteRecord(
            PERPETUAL,
            side_of(QuoteStatus.UPDATED, 2, 101, remaining=2, filled=1),
            side_of(QuoteStatus.UPDATED, 3, 102, remaining=1),
        ),
    )
    assert told.events == (fill(STRANGER, 301, 1, SELL, 1, 100, 1, 1, FillFlags.IS_FULLY_FILLED),)
    assert probe.resting(PERPETUAL, BUY) == [RestingOrder(2, MAKER, 101 * ONE, 3 * ONE, ONE, 2 * ONE)]


def test_a_side_that_fills_at_once_is_filled_and_leaves_no_quote(probe: EngineProbe) -> None:
    order(probe, STRANGER, 301, BUY, 100, 5)

    told = quote(probe, NOTHING, at(99, 3))

    assert told.quotes[0].ask == side_of(QuoteStatus.FILLED, 2, 99, filled=3)
    assert told.events == (fill(STRANGER, 301, 1, BUY, 1, 100, 3, 3),)
    assert quote(probe, NOTHING, at(102, 0)).quotes[0].ask == INACTIVE


def test_a_quote_that_takes_a_quote_tells_of_the_maker_by_its_quote_id(probe: EngineProbe) -> None:
    quote(probe, owner=STRANGER, ask=at(100, 1), quote_id=601)

    told = quote(probe, at(100, 1))

    assert told.events == (fill(STRANGER, 601, 1, SELL, 1, 100, 1, 1, FillFlags.IS_QUOTE | FillFlags.IS_FULLY_FILLED),)


def test_a_quote_gives_way_to_what_rests_with_its_token(probe: EngineProbe) -> None:
    order(probe, STRANGER, 301, SELL, 99, 1)
    order(probe, MATE, 201, SELL, 100, 1, smp_token=TOKEN)

    told = quote(probe, at(100, 3), at(101, 1), smp_token=TOKEN)

    assert told.quotes[0] == QuoteRecord(
        PERPETUAL,
        side_of(QuoteStatus.CANCELED_BY_SELF_MATCH, 3, 100, filled=1),
        side_of(QuoteStatus.UPDATED, 4, 101, remaining=1),
    )
    assert [event.client_order_id for event in told.events] == [301]
    assert ids(probe, BUY) == []


def test_an_ask_below_its_own_bid_meets_it_unless_the_token_forbids(probe: EngineProbe) -> None:
    crossed = quote(probe, at(101, 2), at(100, 1), smp_token=TOKEN)
    assert [side.status for side in sides(crossed)] == [QuoteStatus.UPDATED, QuoteStatus.CANCELED_BY_SELF_MATCH]

    traded = quote(probe, at(101, 2), at(100, 1), smp_token=None, quote_id=502)

    assert [side.status for side in (traded.quotes[0].bid, traded.quotes[0].ask)] == [
        QuoteStatus.UNMODIFIED, QuoteStatus.FILLED,
    ]  # fmt: skip
    assert traded.events == (fill(MAKER, 501, 1, BUY, 1, 101, 1, 1, FillFlags.IS_QUOTE),)


def test_a_quote_that_is_kept_takes_on_the_token_of_the_message(probe: EngineProbe) -> None:
    quote(probe, at(99, 1))
    quote(probe, at(99, 1), smp_token=TOKEN)

    outcome = probe.enter(MATE, 201, PERPETUAL, SELL, 99 * ONE, ONE, smp_token=TOKEN)

    assert (outcome.order_status, outcome.cancel_reason) == (
        OrderStatus.CANCELED,
        CancelReason.SELF_MATCH_PREVENTION,
    )


def test_a_mass_quote_takes_at_most_as_many_fills_as_one_order(probe: EngineProbe) -> None:
    for number in range(FILLS_PER_ORDER_MAX - 1):
        assert probe.enter(STRANGER, number + 1, PERPETUAL, SELL, 100 * ONE, LOT).status == "accepted"
    for number in range(3):
        order(probe, STRANGER, 10_000 + number, SELL, 100, 1, instrument=FUTURE)

    told = mass_quote(
        probe, [(PERPETUAL, at(100, 9), NOTHING), (FUTURE, at(100, 9), NOTHING), (COMBO, at(100, 9), NOTHING)]
    )

    first, second, third = (entry.bid for entry in told.quotes)
    entered = FILLS_PER_ORDER_MAX + 3
    assert len(told.events) == FILLS_PER_ORDER_MAX
    assert first == side_of(QuoteStatus.UPDATED, entered, 100, remaining=9 - 1.999, filled=1.999)
    assert second == side_of(QuoteStatus.INACTIVE, entered + 1, 100, filled=1)
    assert third == side_of(QuoteStatus.UPDATED, entered + 2, 100, remaining=9)
    assert len(ids(probe, SELL, FUTURE)) == 2


# Flags, prices and limits of one side.


def test_post_only_moves_the_price_behind_the_best_opposite_one(probe: EngineProbe) -> None:
    order(probe, STRANGER, 301, SELL, 100, 1)

    told = quote(probe, at(101, 1, OrderFlags.POST_ONLY), at(102, 1, OrderFlags.POST_ONLY))

    assert sides(told) == (
        side_of(QuoteStatus.UPDATED, 2, 99.5, remaining=1),
        side_of(QuoteStatus.UPDATED, 3, 102, remaining=1),
    )


@pytest.mark.parametrize("flags", [OrderFlags.POST_ONLY_REJECT, OrderFlags.POST_ONLY_REJECT | OrderFlags.POST_ONLY])
def test_post_only_reject_refuses_the_side_that_would_cross(probe: EngineProbe, flags: int) -> None:
    order(probe, STRANGER, 301, SELL, 100, 1)

    told = quote(probe, at(100, 1, flags), at(102, 1, flags))

    assert sides(told) == (
        side_of(QuoteStatus.INACTIVE, reason=OrderRejectReason.POST_ONLY),
        side_of(QuoteStatus.UPDATED, 2, 102, remaining=1),
    )


SIDES_THAT_ARE_REJECTED = [
    (at(99.5, 1, OrderFlags.MARKET_LIMIT), OrderRejectReason.INVALID_FIELD),
    (at(None, 1, OrderFlags.MARKET_LIMIT), OrderRejectReason.INVALID_FIELD),
    (at(99.5, 1, OrderFlags.MMP), OrderRejectReason.INVALID_FIELD),
    (at(99.5, 1, OrderFlags.RESET_MMP), OrderRejectReason.INVALID_FIELD),
    (at(99.5, LIMIT + 0.001), OrderRejectReason.MMP_MAX_QUOTE_QTY_EXCEEDED),
    (at(None, 1), OrderRejectReason.INVALID_PRICE),
    (at(0, 1), OrderRejectReason.INVALID_PRICE),
    (at(-1, 1), OrderRejectReason.INVALID_PRICE),
    (at(99.25, 1), OrderRejectReason.INVALID_PRICE),
    (at(100, 1, OrderFlags.POST_ONLY_REJECT), OrderRejectReason.POST_ONLY),
]


@pytest.mark.parametrize(("terms", "reason"), SIDES_THAT_ARE_REJECTED)
def test_a_side_that_is_wrong_is_rejected_alone(probe: EngineProbe, terms: Terms, reason: int) -> None:
    order(probe, STRANGER, 301, SELL, 100, 1)

    told = quote(probe, terms, at(101, 1))

    assert sides(told) == (
        side_of(QuoteStatus.INACTIVE, reason=reason),
        side_of(QuoteStatus.UPDATED, 2, 101, remaining=1),
    )


@pytest.mark.parametrize(("terms", "reason"), SIDES_THAT_ARE_REJECTED)
def test_a_side_that_is_rejected_takes_the_standing_quote_with_it(
    probe: EngineProbe, terms: Terms, reason: int
) -> None:
    quote(probe, at(99, 1), at(101, 1))
    order(probe, STRANGER, 301, SELL, 100, 1)

    told = quote(probe, terms, at(101, 1), owner=MATE, quote_id=502)

    assert sides(told) == (
        side_of(QuoteStatus.CANCELED_BY_REQUEST, 1, 99, reason=reason),
        side_of(QuoteStatus.UNMODIFIED, 2, 101, remaining=1),
    )
    assert probe.take_leaving(10) == [left(MAKER, 501, 1)]


def test_a_quote_of_exactly_the_group_s_limit_is_good_and_some_groups_have_none(probe: EngineProbe) -> None:
    assert sides(quote(probe, at(99, LIMIT)))[0].status == QuoteStatus.UPDATED
    told = quote(probe, at(99, LIMIT * 1000), owner=STRANGER, group=UNLIMITED)
    assert sides(told)[0].status == QuoteStatus.UPDATED


def test_a_combo_may_be_quoted_at_zero_and_below(probe: EngineProbe) -> None:
    told = quote(probe, at(-1, 1), at(0, 1), instrument=COMBO)

    assert [side.status for side in sides(told)] == [QuoteStatus.UPDATED, QuoteStatus.UPDATED]


def test_quotes_count_among_the_open_orders_of_a_portfolio() -> None:
    probe = make(max_open_orders=2)
    quote(probe, at(99, 1))

    told = quote(probe, at(98, 1), at(101, 1))
    full = quote(probe, at(98, 2), at(101, 1), group=OTHER_GROUP, quote_id=502)

    assert [side.status for side in sides(told)] == [QuoteStatus.UPDATED, QuoteStatus.UPDATED]
    too_many = side_of(QuoteStatus.INACTIVE, reason=OrderRejectReason.TOO_MANY_OPEN_ORDERS)
    assert sides(full) == (too_many, too_many)
    assert probe.enter(MAKER, 1, PERPETUAL, BUY, ONE, ONE).reject_reason == OrderRejectReason.TOO_MANY_OPEN_ORDERS


def test_a_gateway_that_is_full_of_orders_rejects_the_side() -> None:
    probe = make(orders_max=1)

    told = quote(probe, at(99, 1), at(101, 1))

    assert sides(told) == (
        side_of(QuoteStatus.UPDATED, 1, 99, remaining=1),
        side_of(QuoteStatus.INACTIVE, reason=OrderRejectReason.SYSTEM_ERROR),
    )


# What is wrong with the whole of a mass quote.


def test_a_mass_quote_may_have_no_entry_and_has_at_most_fifteen(probe: EngineProbe) -> None:
    assert mass_quote(probe, []).quotes == ()
    entries = [(100 + number, at(99, 1), at(101, 1)) for number in range(QUOTES_PER_MASS_QUOTE_MAX)]

    told = mass_quote(probe, entries)
    assert [entry.ask.order_id for entry in told.quotes] == list(range(2, 32, 2))

    told = mass_quote(probe, [*entries, (PERPETUAL, at(99, 1), at(101, 1))])
    assert refusal(told) == (MassQuoteRejectReason.TOO_MANY_QUOTES, "16 entries: wanted at most 15")


@pytest.mark.parametrize("group", [0, 4, UNLIMITED, None])
def test_a_group_that_the_portfolio_does_not_have_is_refused(probe: EngineProbe, group: int | None) -> None:
    reason, details = refusal(mass_quote(probe, [(PERPETUAL, at(99, 1), NOTHING)], group=group))

    assert reason == MassQuoteRejectReason.INVALID_MMP_GROUP
    assert details == f"mmp group {-(2**63) if group is None else group} is not one of the portfolio"


@pytest.mark.parametrize(
    ("entries", "reason", "details"),
    [
        (
            [(PERPETUAL, at(98, 1), NOTHING), (6, at(99, 1), NOTHING)],
            MassQuoteRejectReason.INVALID_INSTRUMENT,
            "entry 2: instrument 6 is not known",
        ),
        (
            [(PERPETUAL, at(98, 1), NOTHING), (FUTURE, at(99, 1), NOTHING), (PERPETUAL, NOTHING, at(99, 1))],
            MassQuoteRejectReason.DUPLICATE_INSTRUMENT,
            "entry 3: instrument 7 is quoted twice",
        ),
        (
            [(FUTURE, at(98, 1), NOTHING), (PERPETUAL, NOTHING, at(99, 0.0005))],
            MassQuoteRejectReason.SYSTEM_ERROR,
            "entry 2, ask quantity 0.0005: wanted 0 or a multiple of the lot size 0.001",
        ),
        (
            [(FUTURE, at(98, -1), NOTHING)],
            MassQuoteRejectReason.SYSTEM_ERROR,
            "entry 1, bid quantity -1: wanted 0 or a multiple of the lot size 0.001",
        ),
        (
            [(FUTURE, (98 * ONE, None, 0), NOTHING)],
            MassQuoteRejectReason.SYSTEM_ERROR,
            "entry 1, bid quantity null: wanted 0 or a multiple of the lot size 0.001",
        ),
    ],
)
def test_what_is_wrong_with_an_entry_refuses_all_of_them(
    probe: EngineProbe, entries: list[Entry], reason: int, details: str
) -> None:
    quote(probe, at(99, 1), at(101, 1))

    assert refusal(mass_quote(probe, entries)) == (reason, details)
    assert (ids(probe, BUY), ids(probe, SELL), ids(probe, BUY, FUTURE)) == ([1], [2], [])


def test_a_quote_needs_an_id(probe: EngineProbe) -> None:
    told = mass_quote(probe, [(PERPETUAL, at(99, 1), NOTHING)], quote_id=None)

    assert refusal(told) == (MassQuoteRejectReason.SYSTEM_ERROR, "quote id is null")


@pytest.mark.parametrize(
    ("groups", "wanted"),
    [
        ([(1, GROUP)], "mmp group 1: portfolio wanted below 1, was 1"),
        ([(0, GROUP), (0, GROUP)], "mmp group 1: given twice for one portfolio"),
    ],
)
def test_groups_that_contradict_the_portfolios_are_refused(groups: list[tuple[int, int]], wanted: str) -> None:
    specs = [MmpGroupSpec(portfolio, number, None) for portfolio, number in groups]

    with pytest.raises(ValueError, match=wanted):
        Engine([], [PortfolioSpec(id=1, max_open_orders=1)], [], 1, mmp_groups=specs)
