"""A session's own orders, kept true by what the gateway says of them: acknowledgements, fills, cancels and rejects.

Messages must come here in the order of their numbers, each once: the session core sees to that. Every amount that the
gateway sends is a running total, so an order's state is that of the last message about it, whatever was missed before.
"""

from __future__ import annotations

from collections.abc import Callable

from codec.layout import CancelReason, FillFlags, OrderStatus, Side
from codec.values import Message
from gateway.client_events import (
    CancelRejected,
    Event,
    Fields,
    MessageReceived,
    Order,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderNotReceived,
    OrderRejected,
    OrderState,
    RequestRejected,
    from_mantissa,
    mantissa_of,
)


class OwnOrders:
    """The live orders by clientOrderId, and those that wait for an answer with the number of their request."""

    def __init__(self) -> None:
        self.live: dict[int, Order] = {}
        self._unanswered: dict[int, Order] = {}
        self._request_of: dict[Order, int] = {}
        self._handlers: dict[str, Callable[[Message, int], list[Event]]] = {
            "NewOrderResponse": self._new_order_response,
            "NewOrderReject": self._new_order_reject,
            "CancelOrderResponse": self._cancel_order_response,
            "CancelOrderReject": self._cancel_order_reject,
            "OrderFilled": self._order_filled,
            "OrdersCanceled": self._orders_canceled,
            "Reject": self._reject,
        }

    # -- Commands ------------------------------------------------------------------------------------------------------

    def sent(self, order: Order, sequence_number: int) -> None:
        """A NewOrderRequest for `order` has gone out under this number."""
        self.live[order.client_order_id] = order
        self._unanswered[sequence_number] = order
        self._request_of[order] = sequence_number

    def resumed(self, last_processed_seq_no: int, received_time_ns: int) -> list[Event]:
        """After a logon without reset: requests above that number never reached the gateway."""
        events: list[Event] = []
        for number in [number for number in self._unanswered if number > last_processed_seq_no]:
            order = self._unanswered[number]
            self._close(order, OrderState.NOT_RECEIVED)
            events.append(OrderNotReceived(received_time_ns=received_time_ns, order=order))
        return events

    def doubt(self) -> None:
        """Messages are lost for good: no live order is certain until it is heard of again."""
        self._unanswered.clear()
        self._request_of.clear()
        for order in self.live.values():
            order.in_doubt = True

    def forget_doubtful(self) -> list[Order]:
        """Stop holding orders that are in doubt for live, and return them: for whoever has settled them elsewhere."""
        doubtful = [order for order in self.live.values() if order.in_doubt]
        for order in doubtful:
            del self.live[order.client_order_id]
        return doubtful

    # -- Events --------------------------------------------------------------------------------------------------------

    def apply(self, message: Message, received_time_ns: int) -> list[Event]:
        """Take one message in; what it means, as events. One that is not about own orders is a MessageReceived."""
        handler = self._handlers.get(message.name)
        if handler is None:
            return [MessageReceived(received_time_ns=received_time_ns, message=message)]
        return handler(message, received_time_ns)

    def _new_order_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        order = self._heard(fields)
        order.side = Side(fields["side"])
        order.price_mantissa = fields["price"]
        order.quantity_mantissa = mantissa_of(fields["quantity"])
        order.total_filled_mantissa = mantissa_of(fields["total_filled"])
        order.state = OrderState.OPEN
        self._answered(order)
        events: list[Event] = [OrderAccepted(received_time_ns=now, message=message, order=order)]
        sum_before = order.total_filled_mantissa - sum(mantissa_of(fill["fill_qty"]) for fill in fields["fills"])
        for fill in fields["fills"]:
            sum_before += mantissa_of(fill["fill_qty"])
            events.append(_fill(message, now, order, fill, fill["fill_price"], sum_before, is_maker=False))
        if fields["status"] == OrderStatus.FILLED:
            self._close(order, OrderState.FILLED)
        elif fields["status"] == OrderStatus.CANCELED:
            events.append(self._canceled(message, now, order, CancelReason(fields["cancel_reason"])))
        return events

    def _new_order_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        order = self.live.get(fields["client_order_id"])
        if order is None or order.state is not OrderState.PENDING:
            # The id is that of an order that lives: it was another request, sent before this client's memory began.
            order = Order(fields["client_order_id"], fields["instrument_id"])
            order.state = OrderState.REJECTED
        else:
            self._close(order, OrderState.REJECTED)
        reason, details = fields["reason"], fields["details"]
        return [OrderRejected(received_time_ns=now, message=message, order=order, reason=reason, details=details)]

    def _cancel_order_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        order = self._heard(fields)
        if fields.get("total_filled") is not None:
            order.total_filled_mantissa = mantissa_of(fields["total_filled"])
        return [self._canceled(message, now, order, CancelReason.BY_REQUEST)]

    def _cancel_order_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        return [
            CancelRejected(
                received_time_ns=now,
                message=message,
                client_order_id=fields["client_order_id"],
                order_id=fields["order_id"],
                reason=fields["reason"],
                details=fields["details"],
                order=self.live.get(fields["client_order_id"]),
            )
        ]

    def _order_filled(self, message: Message, now: int) -> list[Event]:
        events: list[Event] = []
        fields: Fields = message.fields
        for fill in fields["fills"]:
            order = self._heard(fill)
            order.side = Side(fill["side"])
            order.total_filled_mantissa = mantissa_of(fill["total_filled"])
            total = order.total_filled_mantissa
            events.append(_fill(message, now, order, fill, fill["price"], total, is_maker=True))
            if fill["flags"] & FillFlags.IS_FULLY_FILLED:
                self._close(order, OrderState.FILLED)
        return events

    def _orders_canceled(self, message: Message, now: int) -> list[Event]:
        events: list[Event] = []
        fields: Fields = message.fields
        for entry in fields["orders"]:
            order = self._heard(entry)
            order.total_filled_mantissa = mantissa_of(entry["total_filled"])
            events.append(self._canceled(message, now, order, CancelReason(entry["cancel_reason"])))
        return events

    def _reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        order = self._unanswered.get(fields["ref_sequence_number"])
        if order is not None:
            self._close(order, OrderState.REJECTED)
        return [
            RequestRejected(
                received_time_ns=now,
                message=message,
                ref_sequence_number=fields["ref_sequence_number"],
                reason=fields["reason"],
                details=fields["details"],
                order=order,
            )
        ]

    # -- State ---------------------------------------------------------------------------------------------------------

    def _heard(self, fields: Fields) -> Order:
        """The live order that a message or group entry speaks of; one we have no memory of is made from it."""
        order = self.live.get(fields["client_order_id"])
        if order is None or order.order_id not in (None, fields["order_id"]):
            known = order
            order = Order(fields["client_order_id"], fields["instrument_id"], state=OrderState.OPEN)
            # orderIds only grow and one clientOrderId has one live order: a higher one means that ours had ended.
            if known is None or (known.order_id is not None and known.order_id < fields["order_id"]):
                self.live[order.client_order_id] = order
        order.order_id = fields["order_id"]
        order.in_doubt = False
        return order

    def _canceled(self, message: Message, now: int, order: Order, reason: CancelReason) -> OrderCanceled:
        order.cancel_reason = reason
        self._close(order, OrderState.CANCELED)
        return OrderCanceled(received_time_ns=now, message=message, order=order, reason=reason)

    def _answered(self, order: Order) -> None:
        number = self._request_of.pop(order, None)
        if number is not None:
            del self._unanswered[number]

    def _close(self, order: Order, state: OrderState) -> None:
        order.state = state
        order.in_doubt = False
        self._answered(order)
        if self.live.get(order.client_order_id) is order:
            del self.live[order.client_order_id]


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
