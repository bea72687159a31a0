"""What a gateway says of quotes, for a session of the client library and a peer made of the reference codec."""

from typing import Any

from codec.layout import CancelFlags, CancelReason, FillFlags, QuoteStatus, Side
from gateway.client_core import ClientCore, QuoteEntry
from gateway.client_events import Event
from gateway.client_state import Quote, Request
from gateway.client_values import to_mantissa
from support.peer import Peer
from support.session import START, nine

GROUP = 7
ENTRY = QuoteEntry(instrument_id=1, bid_price="100", bid_quantity="2", ask_price="101", ask_quantity="3")


def side(
    status: QuoteStatus,
    order_id: int | None = None,
    price: str | None = None,
    remaining: str = "0",
    filled: str = "0",
    reject_reason: int | None = None,
) -> dict[str, Any]:
    """One side of an entry of a response, its fields not yet those of bid or ask."""
    return {
        "order_id": order_id,
        "price": None if price is None else to_mantissa(price),
        "qty": nine(remaining),
        "filled_qty": nine(filled),
        "status": status,
        "reject_reason": reject_reason,
    }


def entry(bid: dict[str, Any], ask: dict[str, Any], instrument_id: int = 1) -> dict[str, Any]:
    bids = {f"bid_{name}": value for name, value in bid.items()}
    return {"instrument_id": instrument_id} | bids | {f"ask_{name}": value for name, value in ask.items()}


def answer(request: Request | None, *entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The fields of a MassQuoteResponse; it answers a quote of quoteId 1 if there is no request."""
    return {
        "exec_id": 500,
        "quote_id": 1 if request is None else request.quote_id,
        "correlation_id": 0 if request is None else request.correlation_id,
        "mmp_group_id": GROUP,
        "quotes": list(entries),
    } | changes


def both(first_order_id: int) -> dict[str, Any]:
    """An entry whose sides both stand as ENTRY asks for, under new orderIds."""
    return entry(
        side(QuoteStatus.UPDATED, first_order_id, "100", "2"),
        side(QuoteStatus.UPDATED, first_order_id + 1, "101", "3"),
    )


def quote(core: ClientCore, peer: Peer, first_order_id: int) -> tuple[Quote, Quote, list[Event]]:
    """Quote both sides; the two quotes that stand, and what that brought."""
    request = core.mass_quote(START, GROUP, [ENTRY])
    exec_id = 10 * first_order_id
    events = core.received(
        START, peer.says("MassQuoteResponse", **answer(request, both(first_order_id), exec_id=exec_id))
    )
    return core.quotes.standing[GROUP, 1, Side.BUY], core.quotes.standing[GROUP, 1, Side.SELL], events


def fill_of(quote: Quote, quantity: str, total: str, match_id: int, flags: int = 0) -> dict[str, Any]:
    """An entry of an OrderFilled."""
    return {
        "client_order_id": quote.quote_id,
        "order_id": quote.order_id,
        "instrument_id": quote.instrument_id,
        "match_id": match_id,
        "price": quote.price_mantissa or 0,
        "fill_qty": nine(quantity),
        "total_filled": nine(total),
        "side": quote.side or Side.BUY,
        "flags": flags | FillFlags.IS_QUOTE,
    }


def cancel_of(quote: Quote, total: str = "0", reason: CancelReason = CancelReason.CLIENT_DISCONNECT) -> dict[str, Any]:
    """An entry of an OrdersCanceled."""
    return {
        "client_order_id": quote.quote_id,
        "order_id": quote.order_id,
        "instrument_id": quote.instrument_id,
        "total_filled": nine(total),
        "cancel_reason": reason,
        "flags": CancelFlags.IS_QUOTE,
    }


def quote_taken(match_id: int, price: str, quantity: str, instrument_id: int = 1) -> dict[str, Any]:
    """A fill in a response to a mass quote."""
    return {
        "match_id": match_id,
        "instrument_id": instrument_id,
        "fill_price": to_mantissa(price),
        "fill_qty": nine(quantity),
    }
