"""A session's own quotes against a peer made of the reference codec: true by whatever the gateway says of them."""

from decimal import Decimal
from typing import Any

import pytest
from support.quoting import ENTRY, GROUP, answer, both, cancel_of, entry, fill_of, quote, quote_taken, side
from support.session import START, cancel_entry, canceled_event, enter, maker_fill, nine, plain, ready, state_of

from codec.layout import CancelReason, OrderRejectReason, QuoteStatus, Side
from gateway.client_core import ClientCore
from gateway.client_events import Event
from gateway.client_state import OrderState, Quote, RequestState
from gateway.client_values import to_mantissa

BID, ASK = (GROUP, 1, Side.BUY), (GROUP, 1, Side.SELL)
NONE = side(QuoteStatus.INACTIVE)


def accepted(*sides: tuple[Any, ...], request: int | None = 2, quote_id: int = 1) -> tuple[str, dict[str, Any]]:
    fields = {"quote_id": quote_id, "mmp_group_id": GROUP, "sides": sides, "request": request}
    return "MassQuoteAccepted", fields


def told(side: Side, status: QuoteStatus, quote: int | None, reason: int | None = None) -> tuple[Any, ...]:
    return 1, side, status, reason, quote


def filled(
    quote: int, match_id: int, price: str, quantity: str, total: str, is_maker: bool
) -> tuple[str, dict[str, Any]]:
    return "QuoteFilled", {
        "quote": quote,
        "match_id": match_id,
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "total_filled": Decimal(total),
        "is_maker": is_maker,
    }


def canceled(quote: int, reason: CancelReason) -> tuple[str, dict[str, Any]]:
    return "QuoteCanceled", {"quote": quote, "reason": reason}


def again(core: ClientCore, peer: Any, *entries: dict[str, Any], exec_id: int = 900, **changes: Any) -> list[Event]:
    """Quote once more, and hear that answer."""
    request = core.mass_quote(START, GROUP, [ENTRY])
    fields = answer(request, *entries, exec_id=exec_id, **changes)
    return core.received(START, peer.says("MassQuoteResponse", **fields))


# -- Mass quotes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [17, 1])
def test_quotes_stand_when_the_mass_quote_is_answered_and_not_before(version: int) -> None:
    core, peer = ready(version)
    request = core.mass_quote(START, GROUP, [ENTRY])
    assert (core.quotes.live, core.quotes.standing) == ({}, {})
    (event,) = core.received(START, peer.says("MassQuoteResponse", **answer(request, both(10))))
    bid, ask = core.quotes.standing[BID], core.quotes.standing[ASK]
    assert plain([event]) == [
        accepted(told(Side.BUY, QuoteStatus.UPDATED, 10), told(Side.SELL, QuoteStatus.UPDATED, 11))
    ]
    assert state_of(bid) == {
        "order_id": 10,
        "quote_id": 1,
        "instrument_id": 1,
        "side": Side.BUY,
        "mmp_group_id": GROUP,
        "price_mantissa": to_mantissa("100"),
        "quantity_mantissa": to_mantissa("2"),
        "total_filled_mantissa": 0,
        "state": OrderState.OPEN,
        "cancel_reason": None,
        "in_doubt": False,
        "is_own": True,
    }
    assert (ask.order_id, ask.price, ask.remaining) == (11, 101, 3)
    assert core.quotes.live == {10: bid, 11: ask}
    assert (request.state, request.answer) == (RequestState.ACCEPTED, event)


def test_a_refused_mass_quote_leaves_every_quote_as_it_is() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    request = core.mass_quote(START, GROUP, [ENTRY, ENTRY])
    reject = {"quote_id": request.quote_id, "correlation_id": request.correlation_id, "mmp_group_id": GROUP}
    frame = peer.says("MassQuoteReject", **reject, reason=8, details="instrument 1 is quoted twice")
    fields = {
        "quote_id": 2,
        "mmp_group_id": GROUP,
        "reason": 8,
        "details": "instrument 1 is quoted twice",
        "request": 3,
    }
    assert plain(core.received(START, frame)) == [("MassQuoteRejected", fields)]
    assert (request.state, core.quotes.standing) == (RequestState.REJECTED, {BID: bid, ASK: ask})


def test_a_quote_that_stays_is_the_same_quote() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    core.received(START, peer.says("OrderFilled", fills=[fill_of(bid, "0.5", "0.5", 5)]))
    stayed = entry(
        side(QuoteStatus.QTY_REDUCED, 10, "100", "1", filled="0.5"), side(QuoteStatus.UNMODIFIED, 11, "101", "3")
    )
    assert plain(again(core, peer, stayed)) == [
        accepted(
            told(Side.BUY, QuoteStatus.QTY_REDUCED, 10),
            told(Side.SELL, QuoteStatus.UNMODIFIED, 11),
            request=3,
            quote_id=2,
        )
    ]
    assert core.quotes.standing == {BID: bid, ASK: ask}
    assert (bid.quote_id, bid.quantity, bid.remaining, bid.is_own) == (1, Decimal("1.5"), 1, True)


def test_a_quote_that_is_replaced_is_over_and_another_stands_in_its_place() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    replaced = entry(side(QuoteStatus.UPDATED, 12, "99.5", "2"), side(QuoteStatus.UNMODIFIED, 11, "101", "3"))
    assert plain(again(core, peer, replaced)) == [
        accepted(
            told(Side.BUY, QuoteStatus.UPDATED, 12),
            told(Side.SELL, QuoteStatus.UNMODIFIED, 11),
            request=3,
            quote_id=2,
        ),
        canceled(10, CancelReason.BY_REQUEST),
    ]
    assert (bid.state, bid.cancel_reason, bid.remaining) == (OrderState.CANCELED, CancelReason.BY_REQUEST, 0)
    assert sorted(core.quotes.live) == [11, 12]
    assert (core.quotes.standing[BID].price, core.quotes.standing[BID].quote_id) == (Decimal("99.5"), 2)
    assert core.quotes.standing[ASK] is ask


def test_a_side_that_is_withdrawn_is_over() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    withdrawn = entry(side(QuoteStatus.CANCELED_BY_REQUEST, 10, "100"), side(QuoteStatus.UNMODIFIED, 11, "101", "3"))
    events = plain(again(core, peer, withdrawn))
    assert events[0][1]["sides"][0] == told(Side.BUY, QuoteStatus.CANCELED_BY_REQUEST, 10)
    assert events[1:] == [canceled(10, CancelReason.BY_REQUEST)]
    assert (bid.state, core.quotes.live) == (OrderState.CANCELED, {11: ask})


@pytest.mark.parametrize(
    ("status", "order_id", "reason"),
    [
        (QuoteStatus.INACTIVE, None, CancelReason.UNKNOWN),
        (QuoteStatus.CANCELED_BY_REQUEST, None, CancelReason.BY_REQUEST),
        (QuoteStatus.CANCELED_BY_MMP, 10, CancelReason.MM_PROTECTION),
    ],
)
def test_where_nothing_stands_any_more_what_stood_is_over(
    status: QuoteStatus, order_id: int | None, reason: CancelReason
) -> None:
    core, peer = ready()
    bid, _, _ = quote(core, peer, 10)
    gone = entry(side(status, order_id), side(QuoteStatus.UNMODIFIED, 11, "101", "3"))
    assert plain(again(core, peer, gone))[1:] == [canceled(10, reason)]
    assert (bid.state, bid.cancel_reason, list(core.quotes.standing)) == (OrderState.CANCELED, reason, [ASK])


def test_a_rejected_side_says_why_and_that_what_stood_is_out() -> None:
    core, peer = ready()
    quote(core, peer, 10)
    reason = OrderRejectReason.MMP_MAX_QUOTE_QTY_EXCEEDED
    rejected = entry(
        side(QuoteStatus.CANCELED_BY_REQUEST, 10, "100", reject_reason=reason),
        side(QuoteStatus.UNMODIFIED, 11, "101", "3"),
    )
    (_, fields), *_ = plain(again(core, peer, rejected))
    assert fields["sides"][0] == told(Side.BUY, QuoteStatus.CANCELED_BY_REQUEST, 10, reason)


def test_a_rejected_side_where_nothing_stood_has_no_quote() -> None:
    core, peer = ready()
    request = core.mass_quote(START, GROUP, [ENTRY])
    rejected = entry(side(QuoteStatus.INACTIVE, reject_reason=6), NONE)
    (event,) = core.received(START, peer.says("MassQuoteResponse", **answer(request, rejected)))
    assert plain([event]) == [
        accepted(told(Side.BUY, QuoteStatus.INACTIVE, None, 6), told(Side.SELL, QuoteStatus.INACTIVE, None))
    ]
    assert (core.quotes.live, core.quotes.standing) == ({}, {})


def test_fills_that_a_mass_quote_takes_belong_to_the_sides_that_took_them() -> None:
    core, peer = ready()
    request = core.mass_quote(START, GROUP, [ENTRY])
    took = entry(side(QuoteStatus.FILLED, 10, "99", filled="2"), side(QuoteStatus.UPDATED, 11, "101", "2", filled="1"))
    fields = answer(
        request,
        took,
        bid_fills=[quote_taken(1, "98", "0.5"), quote_taken(2, "99", "1.5")],
        ask_fills=[quote_taken(3, "102", "1")],
    )
    assert plain(core.received(START, peer.says("MassQuoteResponse", **fields)))[1:] == [
        filled(10, 1, "98", "0.5", "0.5", is_maker=False),
        filled(10, 2, "99", "1.5", "2", is_maker=False),
        filled(11, 3, "102", "1", "1", is_maker=False),
    ]
    assert list(core.quotes.live) == [11]
    assert (core.quotes.live[11].quantity, core.quotes.live[11].remaining) == (3, 2)


def test_a_side_that_came_and_went_tells_its_fills_and_its_end() -> None:
    core, peer = ready()
    bid, _, _ = quote(core, peer, 10)
    went = entry(
        side(QuoteStatus.CANCELED_BY_SELF_MATCH, 12, "100", filled="0.5"), side(QuoteStatus.UNMODIFIED, 11, "101", "3")
    )
    events = again(core, peer, went, bid_fills=[quote_taken(1, "100", "0.5")])
    assert plain(events)[1:] == [
        canceled(10, CancelReason.BY_REQUEST),
        filled(12, 1, "100", "0.5", "0.5", is_maker=False),
        canceled(12, CancelReason.SELF_MATCH_PREVENTION),
    ]
    assert (bid.state, list(core.quotes.live)) == (OrderState.CANCELED, [11])


def test_a_response_in_several_frames_is_one_response() -> None:
    core, peer = ready()
    request = core.mass_quote(START, GROUP, [ENTRY])
    took = entry(side(QuoteStatus.UPDATED, 10, "100", "0.5", filled="1.5"), NONE)
    first = answer(request, took, bid_fills=[quote_taken(1, "98", "0.5")])
    rest = answer(request, bid_fills=[quote_taken(2, "99", "1")])
    events = core.received(START, peer.says("MassQuoteResponse", **first) + peer.says("MassQuoteResponse", **rest))
    assert plain(events) == [
        accepted(told(Side.BUY, QuoteStatus.UPDATED, 10), told(Side.SELL, QuoteStatus.INACTIVE, None)),
        filled(10, 1, "98", "0.5", "0.5", is_maker=False),
        accepted(),
        filled(10, 2, "99", "1", "1.5", is_maker=False),
    ]
    assert request.answer is events[0]
    assert (core.quotes.live[10].remaining, core.quotes.live[10].total_filled) == (Decimal("0.5"), Decimal("1.5"))


def test_a_mass_quote_without_entries_is_answered_without_sides() -> None:
    core, peer = ready()
    request = core.mass_quote(START, GROUP, [])
    assert plain(core.received(START, peer.says("MassQuoteResponse", **answer(request)))) == [accepted()]


# -- As of orders ------------------------------------------------------------------------------------------------------


def test_fills_of_a_standing_quote_end_it_with_the_last() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    first = core.received(START, peer.says("OrderFilled", fills=[fill_of(bid, "0.5", "0.5", 5)]))
    assert (bid.state, bid.remaining) == (OrderState.OPEN, Decimal("1.5"))
    last = core.received(START, peer.says("OrderFilled", fills=[fill_of(bid, "1.5", "2", 6, flags=2)]))
    assert plain(first + last) == [
        filled(10, 5, "100", "0.5", "0.5", is_maker=True),
        filled(10, 6, "100", "1.5", "2", is_maker=True),
    ]
    assert (bid.state, core.quotes.live, core.quotes.standing) == (OrderState.FILLED, {11: ask}, {ASK: ask})


def test_a_310_and_a_300_speak_of_orders_and_of_quotes() -> None:
    core, peer = ready()
    order = enter(core, peer)
    bid, ask, _ = quote(core, peer, 10)
    fills = [maker_fill(order, "0.5", "0.5", 5), fill_of(bid, "1", "1", 6)]
    assert [name for name, _ in plain(core.received(START, peer.says("OrderFilled", fills=fills)))] == [
        "OrderFilled",
        "QuoteFilled",
    ]
    ends = [cancel_of(ask), cancel_entry(order, "0.5"), cancel_of(bid, "1", CancelReason.MM_PROTECTION)]
    assert plain(core.received(START, peer.says("OrdersCanceled", orders=ends))) == [
        canceled(11, CancelReason.CLIENT_DISCONNECT),
        canceled_event(1, CancelReason.CLIENT_DISCONNECT),
        canceled(10, CancelReason.MM_PROTECTION),
    ]
    assert (core.orders.live, core.quotes.live, core.quotes.standing) == ({}, {}, {})
    assert (bid.total_filled, bid.cancel_reason) == (1, CancelReason.MM_PROTECTION)


def test_quotes_that_share_a_quote_id_are_told_apart_by_their_order_ids() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    assert bid.quote_id == ask.quote_id
    core.received(START, peer.says("OrdersCanceled", orders=[cancel_of(bid)]))
    assert (bid.is_live, ask.is_live, core.quotes.live) == (False, True, {11: ask})


def test_a_quote_from_before_our_memory_is_made_from_what_is_said_of_it() -> None:
    core, peer = ready()
    stranger = Quote(10, 3, 1, Side.SELL, price_mantissa=to_mantissa("101"))
    core.received(START, peer.says("OrderFilled", fills=[fill_of(stranger, "0.5", "0.5", 5)]))
    (found,) = core.quotes.live.values()
    assert (found.quote_id, found.side, found.mmp_group_id, found.quantity, found.remaining) == (
        3,
        Side.SELL,
        None,
        None,
        None,
    )
    assert (found.total_filled, found.is_own, found.in_doubt, core.quotes.standing) == (Decimal("0.5"), True, False, {})
    stayed = entry(NONE, side(QuoteStatus.UNMODIFIED, 10, "101", "2", filled="0.5"))
    again(core, peer, stayed)
    assert core.quotes.standing == {ASK: found}
    assert (found.remaining, found.in_doubt, found.mmp_group_id) == (2, False, GROUP)


# -- Quotes of several sessions ----------------------------------------------------------------------------------------


def test_a_standing_quote_that_we_do_not_know_is_in_doubt() -> None:
    core, peer = ready()
    request = core.mass_quote(START, GROUP, [ENTRY])
    stayed = entry(side(QuoteStatus.UNMODIFIED, 10, "100", "2"), NONE)
    core.received(START, peer.says("MassQuoteResponse", **answer(request, stayed)))
    found = core.quotes.standing[BID]
    assert (found.is_own, found.in_doubt) == (False, True)
    again(core, peer, stayed)
    assert (found.is_own, found.in_doubt, core.quotes.live) == (False, True, {10: found})
    core.received(START, peer.says("OrderFilled", fills=[fill_of(found, "0.5", "0.5", 5)]))
    assert (found.is_own, found.in_doubt, found.remaining) == (True, False, Decimal("1.5"))


def test_a_quote_of_another_session_that_we_withdraw_is_not_one_of_ours() -> None:
    core, peer = ready()
    request = core.mass_quote(START, GROUP, [ENTRY])
    withdrawn = entry(side(QuoteStatus.CANCELED_BY_REQUEST, 10, "100"), NONE)
    events = core.received(START, peer.says("MassQuoteResponse", **answer(request, withdrawn)))
    assert plain(events) == [
        accepted(told(Side.BUY, QuoteStatus.CANCELED_BY_REQUEST, None), told(Side.SELL, QuoteStatus.INACTIVE, None))
    ]


def test_a_quote_of_ours_that_another_session_replaced_is_over() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    frame = peer.says("OrdersCanceled", orders=[cancel_of(bid, reason=CancelReason.BY_REQUEST)])
    assert plain(core.received(START, frame)) == [canceled(10, CancelReason.BY_REQUEST)]
    assert core.quotes.standing == {ASK: ask}


# -- Speed bumps -------------------------------------------------------------------------------------------------------


def placed(quote: Quote, status: int, filled: str = "0", reason: int = 0) -> dict[str, Any]:
    """An entry of a MassQuoteOrdersPlaced."""
    return {
        "client_order_id": quote.quote_id,
        "order_id": quote.order_id,
        "instrument_id": quote.instrument_id,
        "price": quote.price_mantissa,
        "quantity": nine("2"),
        "total_filled": nine(filled),
        "side": quote.side,
        "status": status,
        "cancel_reason": reason,
    }


def placed_fill(quote: Quote, match_id: int, quantity: str) -> dict[str, Any]:
    price = quote.price_mantissa
    return {"match_id": match_id, "order_id": quote.order_id, "fill_price": price, "fill_qty": nine(quantity)}


def queued(core: ClientCore, peer: Any) -> tuple[Quote, Quote]:
    """Both sides wait behind a speed bump."""
    sides = [side(QuoteStatus.SPEED_BUMPED, 10, "100", "2"), side(QuoteStatus.SPEED_BUMPED, 11, "101", "2")]
    request = core.mass_quote(START, GROUP, [ENTRY])
    core.received(START, peer.says("MassQuoteResponse", **answer(request, entry(*sides))))
    return core.quotes.standing[BID], core.quotes.standing[ASK]


def test_a_queued_quote_is_live_and_stands_when_it_is_released() -> None:
    core, peer = ready()
    bid, ask = queued(core, peer)
    assert [(quote.state, quote.is_live, quote.remaining) for quote in (bid, ask)] == [(OrderState.QUEUED, True, 2)] * 2
    frame = peer.says(
        "MassQuoteOrdersPlaced",
        mmp_group_id=GROUP,
        orders=[placed(bid, status=1, filled="1.5"), placed(ask, status=2, filled="2")],
        fills=[placed_fill(bid, 5, "0.5"), placed_fill(ask, 6, "2"), placed_fill(bid, 7, "1")],
    )
    assert plain(core.received(START, frame)) == [
        ("QuotesPlaced", {"mmp_group_id": GROUP, "quotes": (10, 11)}),
        filled(10, 5, "100", "0.5", "0.5", is_maker=False),
        filled(11, 6, "101", "2", "2", is_maker=False),
        filled(10, 7, "100", "1", "1.5", is_maker=False),
    ]
    assert (bid.state, bid.remaining, ask.state) == (OrderState.OPEN, Decimal("0.5"), OrderState.FILLED)
    assert core.quotes.standing == {BID: bid}


def test_a_release_in_several_frames_is_one_release() -> None:
    core, peer = ready()
    bid, _ = queued(core, peer)
    first = {"exec_id": 7, "orders": [placed(bid, status=1, filled="1.5")], "fills": [placed_fill(bid, 5, "0.5")]}
    rest = {"exec_id": 7, "orders": [], "fills": [placed_fill(bid, 6, "1")]}
    frames = [peer.says("MassQuoteOrdersPlaced", mmp_group_id=GROUP, **fields) for fields in (first, rest)]
    assert plain(core.received(START, b"".join(frames))) == [
        ("QuotesPlaced", {"mmp_group_id": GROUP, "quotes": (10,)}),
        filled(10, 5, "100", "0.5", "0.5", is_maker=False),
        ("QuotesPlaced", {"mmp_group_id": GROUP, "quotes": ()}),
        filled(10, 6, "100", "1", "1.5", is_maker=False),
    ]
    assert (bid.total_filled, bid.remaining) == (Decimal("1.5"), Decimal("0.5"))


def test_a_queued_quote_may_not_stand_when_it_is_released() -> None:
    core, peer = ready()
    bid, ask = queued(core, peer)
    orders = [placed(bid, status=3, filled="0.5", reason=1)]
    frame = peer.says("MassQuoteOrdersPlaced", mmp_group_id=GROUP, orders=orders, fills=[placed_fill(bid, 5, "0.5")])
    assert plain(core.received(START, frame))[1:] == [
        filled(10, 5, "100", "0.5", "0.5", is_maker=False),
        canceled(10, CancelReason.SELF_MATCH_PREVENTION),
    ]
    assert core.quotes.standing == {ASK: ask}


def test_a_queued_quote_that_is_quoted_the_same_again_stays_queued() -> None:
    core, peer = ready()
    bid, ask = queued(core, peer)
    stayed = entry(side(QuoteStatus.UNMODIFIED, 10, "100", "2"), side(QuoteStatus.QTY_REDUCED, 11, "101", "1"))
    again(core, peer, stayed)
    assert [(quote.state, quote.remaining) for quote in (bid, ask)] == [(OrderState.QUEUED, 2), (OrderState.QUEUED, 1)]


# -- Lost messages -----------------------------------------------------------------------------------------------------


def test_after_a_logon_with_reset_a_quote_is_in_doubt_until_it_is_heard_of() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    core.quotes.doubt()
    assert (bid.in_doubt, ask.in_doubt, bid.is_live) == (True, True, True)
    again(core, peer, entry(side(QuoteStatus.UNMODIFIED, 10, "100", "2"), side(QuoteStatus.UPDATED, 12, "102", "3")))
    assert (bid.in_doubt, bid.is_own, ask.state) == (False, True, OrderState.CANCELED)


def test_quotes_in_doubt_can_be_forgotten() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    core.quotes.doubt()
    core.received(START, peer.says("OrderFilled", fills=[fill_of(bid, "0.5", "0.5", 5)]))
    assert core.quotes.forget_doubtful() == [ask]
    assert (core.quotes.live, core.quotes.standing) == ({10: bid}, {BID: bid})


def test_fills_of_a_response_whose_beginning_is_lost_belong_to_no_quote() -> None:
    core, peer = ready()
    rest = answer(None, bid_fills=[quote_taken(2, "99", "1")])
    assert plain(core.received(START, peer.says("MassQuoteResponse", **rest))) == [accepted(request=None)]
    assert core.quotes.live == {}
