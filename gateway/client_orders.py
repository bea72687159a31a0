"""A session's own orders, kept true by what the gateway says of them: acknowledgements, fills, cancels and rejects.

Messages must come here in the order of their numbers, each once: the session core sees to that. Every amount that the
gateway sends is a running total, so an order's state is that of the last message about it, whatever was missed before.

What answers an amend or a cancel of ours may speak of an order of another session. Such an order is nobody's to keep
true here: its further fills and its end are told to the session that entered it.
"""

from __future__ import annotations

from collections.abc import Callable

from codec.layout import CancelReason, FillFlags, OrderStatus, Side
from codec.values import Message
from gateway.client_events import (
    AmendRejected,
    CancelRejected,
    Event,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderPlaced,
    OrderRejected,
)
from gateway.client_requests import Requests
from gateway.client_state import Order, OrderState, Request, RequestState
from gateway.client_values import Fields, from_mantissa, mantissa_of

Handler = Callable[[Message, int], list[Event]]


class OwnOrders:
    """The live orders (pending, queued and open) by clientOrderId."""

    def __init__(self, requests: Requests) -> None:
        self.live: dict[int, Order] = {}
        self._requests = requests
        # Orders of other sessions with an amend of ours behind a speed bump, by orderId.
        self._amended_elsewhere: dict[int, Order] = {}
        self.handlers: dict[str, Handler] = {
            "NewOrderResponse": self._new_order_response,
            "NewOrderReject": self._new_order_reject,
            "AmendOrderResponse": self._amend_order_response,
            "AmendOrderReject": self._amend_order_reject,
            "CancelOrderResponse": self._cancel_order_response,
            "CancelOrderReject": self._cancel_order_reject,
            "OrderPlaced": self._order_placed,
        }

    # -- Queries -------------------------------------------------------------------------------------------------------

    def find(self, order_id: int) -> Order | None:
        """The live order of ours with that orderId."""
        return next((order for order in self.live.values() if order.order_id == order_id), None)

    # -- Commands ------------------------------------------------------------------------------------------------------

    def sent(self, order: Order) -> None:
        """A NewOrderRequest for `order` has gone out."""
        self.live[order.client_order_id] = order

    def end(self, order: Order, state: OrderState) -> None:
        """The order is over."""
        order.state = state
        order.in_doubt = False
        if self.live.get(order.client_order_id) is order:
            del self.live[order.client_order_id]

    def doubt(self) -> None:
        """Messages are lost for good: no live order is certain until it is heard of, but those yet to be answered."""
        self._amended_elsewhere.clear()
        for order in self.live.values():
            order.in_doubt = not self._requests.awaits_entry(order.client_order_id)

    def forget_doubtful(self) -> list[Order]:
        """Stop holding orders that are in doubt for live, and return them: for whoever has settled them elsewhere."""
        doubtful = [order for order in self.live.values() if order.in_doubt]
        for order in doubtful:
            del self.live[order.client_order_id]
        return doubtful

    # -- Events: answers -----------------------------------------------------------------------------------------------

    def _new_order_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        self._requests.answered("NewOrderRequest", fields["client_order_id"], RequestState.ACCEPTED)
        order = self._heard(fields)
        order.side = Side(fields["side"])
        status = OrderStatus(fields["status"])
        accepted = OrderAccepted(received_time_ns=now, message=message, order=order, status=status)
        return [accepted, *self._take_terms(message, now, order)]

    def _new_order_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("NewOrderRequest", fields["client_order_id"], RequestState.REJECTED)
        if request is None or request.order is None:
            # It was asked for before this client's memory began; an order that has its id is another.
            order = Order(fields["client_order_id"], fields["instrument_id"], is_own=True)
        else:
            order = request.order
        self.end(order, OrderState.REJECTED)
        reason, details = fields["reason"], fields["details"]
        rejected = OrderRejected(received_time_ns=now, message=message, order=order, reason=reason, details=details)
        return [rejected]

    def _amend_order_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("AmendOrderRequest", fields["correlation_id"], RequestState.ACCEPTED)
        order = self._amended(fields, request)
        status = OrderStatus(fields["status"])
        if not order.is_own and status is OrderStatus.QUEUED:
            self._amended_elsewhere[fields["order_id"]] = order
        amended = OrderAmended(received_time_ns=now, message=message, order=order, status=status, request=request)
        return [amended, *self._take_terms(message, now, order)]

    def _amend_order_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("AmendOrderRequest", fields["correlation_id"], RequestState.REJECTED)
        rejected = AmendRejected(
            received_time_ns=now,
            message=message,
            client_order_id=fields["client_order_id"],
            order_id=fields["order_id"],
            reason=fields["reason"],
            details=fields["details"],
            order=self._meant(fields, request),
            request=request,
        )
        return [rejected]

    def _cancel_order_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("CancelOrderRequest", fields["correlation_id"], RequestState.ACCEPTED)
        order = self._heard(fields) if request is None else self._canceled_by(request, fields)
        order.in_doubt = False
        # Sessions below version 16 are not told what had filled: fills are told before, so it is known.
        if fields.get("quantity") is not None:
            order.quantity_mantissa = mantissa_of(fields["quantity"])
            order.total_filled_mantissa = mantissa_of(fields["total_filled"])
        canceled = self._canceled(message, now, order, CancelReason.BY_REQUEST, request)
        return [canceled]

    def _cancel_order_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered("CancelOrderRequest", fields["correlation_id"], RequestState.REJECTED)
        rejected = CancelRejected(
            received_time_ns=now,
            message=message,
            client_order_id=fields["client_order_id"],
            order_id=fields["order_id"],
            reason=fields["reason"],
            details=fields["details"],
            order=self._meant(fields, request),
            request=request,
        )
        return [rejected]

    # -- Events: unasked -----------------------------------------------------------------------------------------------

    def _order_placed(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        order = self._live(fields) or self._amended_elsewhere.pop(fields["order_id"], None)
        if order is None:
            order = self._made(fields)
            order.in_doubt = True
        status = OrderStatus(fields["status"])
        placed = OrderPlaced(received_time_ns=now, message=message, order=order, status=status)
        return [placed, *self._take_terms(message, now, order)]

    def filled(self, message: Message, now: int, fill: Fields) -> list[Event]:
        """An entry of an OrderFilled."""
        order = self._heard(fill)
        order.side = Side(fill["side"])
        order.total_filled_mantissa = mantissa_of(fill["total_filled"])
        if fill["flags"] & FillFlags.IS_FULLY_FILLED:
            self.end(order, OrderState.FILLED)
        return [_fill(message, now, order, fill, fill["price"], order.total_filled_mantissa, is_maker=True)]

    def canceled(self, message: Message, now: int, entry: Fields) -> list[Event]:
        """An entry of an OrdersCanceled."""
        order = self._heard(entry)
        order.total_filled_mantissa = mantissa_of(entry["total_filled"])
        return [self._canceled(message, now, order, CancelReason(entry["cancel_reason"]), None)]

    # -- Which order is spoken of --------------------------------------------------------------------------------------

    def _live(self, fields: Fields) -> Order | None:
        """Our live order that has these ids; it has them both from here on."""
        order = self.live.get(fields["client_order_id"])
        if order is None or order.order_id not in (None, fields["order_id"]):
            return None
        order.order_id = fields["order_id"]
        order.in_doubt = False
        return order

    def _made(self, fields: Fields) -> Order:
        """An order of ours that we have no memory of, from what is said of it."""
        order = Order(
            fields["client_order_id"],
            fields["instrument_id"],
            order_id=fields["order_id"],
            state=OrderState.OPEN,
            is_own=True,
        )
        known = self.live.get(order.client_order_id)
        # orderIds only grow and one clientOrderId has one live order: a higher one means that ours had ended.
        if known is None or (known.order_id is not None and known.order_id < fields["order_id"]):
            self.live[order.client_order_id] = order
        return order

    def _heard(self, fields: Fields) -> Order:
        """The order of ours that a message or a group entry speaks of, known or not."""
        return self._live(fields) or self._made(fields)

    def _meant(self, fields: Fields, request: Request | None) -> Order | None:
        """The order that a refused request was about, as far as it is known."""
        if request is not None and request.order is not None:
            return request.order
        return self.live.get(fields["client_order_id"])

    def _amended(self, fields: Fields, request: Request | None) -> Order:
        order = self._live(fields)
        if order is not None:
            return order
        if request is not None and request.order is not None and not request.order.is_own:
            request.order.order_id = fields["order_id"]
            return request.order
        order = self._made(fields)
        # The submitter's copy of another session's amend has no correlationId: then it is ours for certain.
        order.in_doubt = fields["correlation_id"] is not None
        return order

    def _canceled_by(self, request: Request, fields: Fields) -> Order:
        """The order that a cancel of ours took out."""
        order = self._live(fields)
        if order is not None:
            return order
        if request.order is None or request.order.is_own:
            request.order = Order(fields["client_order_id"], fields["instrument_id"])
        request.order.order_id = fields["order_id"]
        return request.order

    # -- State ---------------------------------------------------------------------------------------------------------

    def _take_terms(self, message: Message, now: int, order: Order) -> list[Event]:
        """What a response or an OrderPlaced says of an order; the fills in it, and its end, as events."""
        fields: Fields = message.fields
        order.price_mantissa = fields["price"]
        order.quantity_mantissa = mantissa_of(fields["quantity"])
        order.total_filled_mantissa = mantissa_of(fields["total_filled"])
        order.visible_mantissa = mantissa_of(fields["visible_qty"])
        order.state = OrderState.QUEUED if fields["status"] == OrderStatus.QUEUED else OrderState.OPEN
        events: list[Event] = []
        total = order.total_filled_mantissa - sum(mantissa_of(fill["fill_qty"]) for fill in fields["fills"])
        for fill in fields["fills"]:
            total += mantissa_of(fill["fill_qty"])
            events.append(_fill(message, now, order, fill, fill["fill_price"], total, is_maker=False))
        if fields["status"] == OrderStatus.FILLED:
            self.end(order, OrderState.FILLED)
        elif fields["status"] == OrderStatus.CANCELED:
            events.append(self._canceled(message, now, order, CancelReason(fields["cancel_reason"]), None))
        return events

    def _canceled(
        self, message: Message, now: int, order: Order, reason: CancelReason, request: Request | None
    ) -> OrderCanceled:
        order.cancel_reason = reason
        self.end(order, OrderState.CANCELED)
        return OrderCanceled(received_time_ns=now, message=message, order=order, reason=reason, request=request)


def _fill(
    message: Message, now: int, order: Order, fill: Fields, price: int, total_filled: int, *, is_maker: bool
) -> OrderFilled:
    return OrderFilled(
        received_time_ns=now,
        message=message,
        order=order,
        match_id=fill["match_id"],
        price=from_mantissa(price),
        quantity=from_mantissa(mantissa_of(fill["fill_qty"])),
        total_filled=from_mantissa(total_filled),
        is_maker=is_maker,
    )
