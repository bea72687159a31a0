"""A session's own quotes, kept true by what the gateway says of them.

The gateway holds one quote for each MMP group, instrument and side of a portfolio. A mass quote leaves it in its place,
lets it be replaced by another under a new orderId, or takes it out; the response says which, side by side. What happens
to it later is told like that of an order, with the quoteId as clientOrderId; many quotes may share a quoteId, so it is
the orderId that names one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from codec.layout import CancelReason, FillFlags, OrderStatus, QuoteStatus, Side
from codec.values import Message
from gateway.client_events import (
    Event,
    MassQuoteAccepted,
    MassQuoteRejected,
    QuoteCanceled,
    QuoteFilled,
    QuoteSide,
    QuotesPlaced,
)
from gateway.client_requests import Requests
from gateway.client_state import OrderState, Quote, Request, RequestState
from gateway.client_values import Fields, from_mantissa, mantissa_of

QuoteKey = tuple[int, int, Side]
"""MMP group, instrument, side: where a portfolio has at most one quote."""

_STAYED = frozenset({QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED})
_ENTERED = {
    QuoteStatus.UPDATED: OrderState.OPEN,
    QuoteStatus.FILLED: OrderState.FILLED,
    QuoteStatus.SPEED_BUMPED: OrderState.QUEUED,
}
_REASONS = {
    QuoteStatus.INACTIVE: CancelReason.UNKNOWN,
    QuoteStatus.CANCELED_BY_REQUEST: CancelReason.BY_REQUEST,
    QuoteStatus.CANCELED_BY_MMP: CancelReason.MM_PROTECTION,
    QuoteStatus.CANCELED_BY_SELF_MATCH: CancelReason.SELF_MATCH_PREVENTION,
}


@dataclass(slots=True)
class _Report:
    """A MassQuoteResponse or MassQuoteOrdersPlaced while it is taken in.

    One that is too long for one frame goes on in others of the same execId, with the rest of its fills. Quotes take
    fills only as they are entered, so that what they have filled counts from 0.
    """

    exec_id: int
    request: Request | None = None
    sides: list[QuoteSide] = field(default_factory=list)
    gone: list[tuple[Quote, CancelReason]] = field(default_factory=list)  # that stood before
    came_and_went: list[tuple[Quote, CancelReason]] = field(default_factory=list)
    quotes: dict[int, Quote] = field(default_factory=dict)  # by orderId
    filled: dict[int, int] = field(default_factory=dict)  # so far, in counts of 1e-9, by orderId

    def order_id_of(self, instrument_id: int, side: Side) -> int | None:
        """The quote that a side of an entry entered."""
        sides = (told.quote for told in self.sides if (told.instrument_id, told.side) == (instrument_id, side))
        quote = next(sides, None)
        return None if quote is None else quote.order_id

    def fill(self, message: Message, now: int, order_id: int | None, fill: Fields) -> list[Event]:
        """A fill of the quote with that orderId; none of one that an earlier frame, which is lost, has told of."""
        quote = None if order_id is None else self.quotes.get(order_id)
        if quote is None:
            return []
        total = self.filled.get(quote.order_id, 0) + mantissa_of(fill["fill_qty"])
        self.filled[quote.order_id] = total
        return [_filled(message, now, quote, fill, fill["fill_price"], total, is_maker=False)]


class OwnQuotes:
    """The live quotes (open and queued): `live` by orderId, `standing` by group, instrument and side.

    A quote first heard of in a fill has no group, and is in `standing` only when a mass quote has told it.
    """

    def __init__(self, requests: Requests) -> None:
        self.live: dict[int, Quote] = {}
        self.standing: dict[QuoteKey, Quote] = {}
        self._requests = requests
        self._report = _Report(-1)  # which is no execId
        self.handlers: dict[str, Callable[[Message, int], list[Event]]] = {
            "MassQuoteResponse": self._mass_quote_response,
            "MassQuoteReject": self._mass_quote_reject,
            "MassQuoteOrdersPlaced": self._orders_placed,
        }

    # -- Commands ------------------------------------------------------------------------------------------------------

    def doubt(self) -> None:
        """Messages are lost for good: no live quote is certain until it is heard of again."""
        for quote in self.live.values():
            quote.in_doubt = True

    def forget_doubtful(self) -> list[Quote]:
        """Stop holding quotes that are in doubt for live, and return them: for whoever has settled them elsewhere."""
        doubtful = [quote for quote in self.live.values() if quote.in_doubt]
        for quote in doubtful:
            self._drop(quote)
        return doubtful

    # -- Events: mass quotes -------------------------------------------------------------------------------------------

    def _mass_quote_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        report, is_further = self._report_of(fields, "quotes")
        if not is_further:
            report.request = self._requests.answered(
                "MassQuoteRequest", fields["correlation_id"], RequestState.ACCEPTED
            )
            for entry in fields["quotes"]:
                for side in (Side.BUY, Side.SELL):
                    self._take_side(fields, entry, side, report)
        accepted = MassQuoteAccepted(
            received_time_ns=now,
            message=message,
            quote_id=fields["quote_id"],
            mmp_group_id=fields["mmp_group_id"],
            sides=() if is_further else tuple(report.sides),
            request=report.request,
        )
        events: list[Event] = [accepted]
        if not is_further:
            events += [_canceled(message, now, quote, reason) for quote, reason in report.gone]
        for side, fills in ((Side.BUY, fields["bid_fills"]), (Side.SELL, fields["ask_fills"])):
            for fill in fills:
                events += report.fill(message, now, report.order_id_of(fill["instrument_id"], side), fill)
        if not is_further:
            events += [_canceled(message, now, quote, reason) for quote, reason in report.came_and_went]
        return events

    def _report_of(self, fields: Fields, group: str) -> tuple[_Report, bool]:
        """The report that a message begins, or goes on with (True): then `group` is empty."""
        if fields["exec_id"] == self._report.exec_id and not fields[group]:
            return self._report, True
        self._report = _Report(fields["exec_id"])
        return self._report, False

    def _take_side(self, fields: Fields, entry: Fields, side: Side, report: _Report) -> None:
        """What one side of an entry says of the quote that stood, and of the one that was to take its place."""
        prefix = "bid" if side is Side.BUY else "ask"
        status = QuoteStatus(entry[f"{prefix}_status"])
        order_id = entry[f"{prefix}_order_id"]
        stands = status in _STAYED or status in _ENTERED
        key = (fields["mmp_group_id"], entry["instrument_id"], side)
        stood = self.standing.get(key)
        quote = stood
        if stood is not None and not (stands and stood.order_id == order_id):
            is_replaced = order_id not in (None, stood.order_id)
            reason = CancelReason.BY_REQUEST if is_replaced else _REASONS[status]
            self._end(stood, reason)
            report.gone.append((stood, reason))
        if stands:
            quote = self._side_of(fields, entry, side)
            self._enter(quote, key, _ENTERED.get(status, quote.state))
        elif order_id is not None and (stood is None or stood.order_id != order_id):
            quote = None  # taken out was another session's, and that session hears of it
            if status is not QuoteStatus.CANCELED_BY_REQUEST:
                quote = self._side_of(fields, entry, side)
                self._end(quote, _REASONS[status])
                report.came_and_went.append((quote, _REASONS[status]))
        if quote is not None and quote.order_id == order_id:
            report.quotes[quote.order_id] = quote
        reject_reason = entry[f"{prefix}_reject_reason"]
        report.sides.append(QuoteSide(entry["instrument_id"], side, status, reject_reason, quote))

    def _side_of(self, fields: Fields, entry: Fields, side: Side) -> Quote:
        """The quote with the orderId of this side, as the response has it."""
        prefix = "bid" if side is Side.BUY else "ask"
        order_id = entry[f"{prefix}_order_id"]
        quote = self.live.get(order_id)
        if quote is None:
            quote = Quote(order_id, fields["quote_id"], entry["instrument_id"])
            # One that stood before, and that we do not know, may be another session's.
            quote.is_own = entry[f"{prefix}_status"] not in _STAYED
        quote.in_doubt = not quote.is_own
        quote.side = side
        quote.mmp_group_id = fields["mmp_group_id"]
        quote.price_mantissa = entry[f"{prefix}_price"]
        quote.total_filled_mantissa = mantissa_of(entry[f"{prefix}_filled_qty"])
        quote.quantity_mantissa = quote.total_filled_mantissa + mantissa_of(entry[f"{prefix}_qty"])
        return quote

    def _mass_quote_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("MassQuoteRequest", fields["correlation_id"], RequestState.REJECTED)
        rejected = MassQuoteRejected(
            received_time_ns=now,
            message=message,
            quote_id=fields["quote_id"],
            mmp_group_id=fields["mmp_group_id"],
            reason=fields["reason"],
            details=fields["details"],
            request=request,
        )
        return [rejected]

    def _orders_placed(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        report, _ = self._report_of(fields, "orders")
        ends: list[Event] = []
        for row in fields["orders"]:
            quote = self._heard(row, Side(row["side"]))
            report.quotes[quote.order_id] = quote
            quote.price_mantissa = row["price"]
            quote.quantity_mantissa = mantissa_of(row["quantity"])
            quote.total_filled_mantissa = mantissa_of(row["total_filled"])
            self._enter(quote, (fields["mmp_group_id"], quote.instrument_id, Side(row["side"])), OrderState.OPEN)
            if row["status"] == OrderStatus.FILLED:
                self._end(quote, None)
            elif row["status"] == OrderStatus.CANCELED:
                self._end(quote, CancelReason(row["cancel_reason"]))
                ends.append(_canceled(message, now, quote, CancelReason(row["cancel_reason"])))
        placed = QuotesPlaced(
            received_time_ns=now,
            message=message,
            mmp_group_id=fields["mmp_group_id"],
            quotes=tuple(report.quotes[row["order_id"]] for row in fields["orders"]),
        )
        fills = [event for fill in fields["fills"] for event in report.fill(message, now, fill["order_id"], fill)]
        return [placed, *fills, *ends]

    # -- Events: as of orders ------------------------------------------------------------------------------------------

    def filled(self, message: Message, now: int, fill: Fields) -> list[Event]:
        """An entry of an OrderFilled."""
        quote = self._heard(fill, Side(fill["side"]))
        quote.total_filled_mantissa = mantissa_of(fill["total_filled"])
        if fill["flags"] & FillFlags.IS_FULLY_FILLED:
            self._end(quote, None)
        return [_filled(message, now, quote, fill, fill["price"], quote.total_filled_mantissa, is_maker=True)]

    def canceled(self, message: Message, now: int, entry: Fields) -> list[Event]:
        """An entry of an OrdersCanceled."""
        quote = self._heard(entry, None)
        quote.total_filled_mantissa = mantissa_of(entry["total_filled"])
        reason = CancelReason(entry["cancel_reason"])
        self._end(quote, reason)
        return [_canceled(message, now, quote, reason)]

    # -- State ---------------------------------------------------------------------------------------------------------

    def _heard(self, fields: Fields, side: Side | None) -> Quote:
        """The quote that a group entry speaks of, ours for certain; one we have no memory of is made from it."""
        quote = self.live.get(fields["order_id"])
        if quote is None:
            quote = Quote(fields["order_id"], fields["client_order_id"], fields["instrument_id"], side)
            self.live[quote.order_id] = quote
        quote.is_own = True
        quote.in_doubt = False
        return quote

    def _enter(self, quote: Quote, key: QuoteKey, state: OrderState) -> None:
        """The quote stands where `key` says, or has filled on its way there."""
        quote.mmp_group_id, _, quote.side = key
        quote.state = state
        if quote.is_live:
            self.live[quote.order_id] = quote
            self.standing[key] = quote
        else:
            self._drop(quote)

    def _end(self, quote: Quote, reason: CancelReason | None) -> None:
        """The quote is over: cancelled for that reason, or filled if there is none."""
        quote.state = OrderState.FILLED if reason is None else OrderState.CANCELED
        quote.cancel_reason = reason
        quote.in_doubt = False
        self._drop(quote)

    def _drop(self, quote: Quote) -> None:
        self.live.pop(quote.order_id, None)
        if quote.mmp_group_id is None or quote.side is None:
            return
        key = (quote.mmp_group_id, quote.instrument_id, quote.side)
        if self.standing.get(key) is quote:
            del self.standing[key]


def _filled(
    message: Message, now: int, quote: Quote, fill: Fields, price: int, total_filled: int, *, is_maker: bool
) -> QuoteFilled:
    return QuoteFilled(
        received_time_ns=now,
        message=message,
        quote=quote,
        match_id=fill["match_id"],
        price=from_mantissa(price),
        quantity=from_mantissa(mantissa_of(fill["fill_qty"])),
        total_filled=from_mantissa(total_filled),
        is_maker=is_maker,
    )


def _canceled(message: Message, now: int, quote: Quote, reason: CancelReason) -> QuoteCanceled:
    return QuoteCanceled(received_time_ns=now, message=message, quote=quote, reason=reason)
