"""What each message of the gateway means to a trading session: to its orders, its quotes, and its requests.

Messages must come here in the order of their numbers, each once: the session core sees to that.
"""

from __future__ import annotations

from collections.abc import Callable

from codec.layout import CancelFlags, FillFlags
from codec.values import Message
from gateway.client_cover import Covers
from gateway.client_dead_man import DeadManSwitch
from gateway.client_events import (
    Event,
    MassCancelAccepted,
    MassCancelRejected,
    MessageReceived,
    OrderNotReceived,
    RequestNotReceived,
    RequestRejected,
)
from gateway.client_mmp import Freezes
from gateway.client_orders import OwnOrders
from gateway.client_quotes import OwnQuotes
from gateway.client_receipts import Receipts
from gateway.client_requests import Requests
from gateway.client_state import OrderState, Request, RequestState
from gateway.client_values import Fields


class Reports:
    """All that a trading session holds, and the one place where messages change it."""

    def __init__(self) -> None:
        self.requests = Requests()
        self.orders = OwnOrders(self.requests)
        self.quotes = OwnQuotes(self.requests)
        self.freezes = Freezes(self.requests)
        self.dead_man_switch = DeadManSwitch(self.requests)
        self.covers = Covers(self.requests)
        self.receipts = Receipts(self.requests)
        self._handlers: dict[str, Callable[[Message, int], list[Event]]] = {
            **self.orders.handlers,
            **self.quotes.handlers,
            **self.freezes.handlers,
            **self.dead_man_switch.handlers,
            **self.covers.handlers,
            **self.receipts.handlers,
            "OrderFilled": self._order_filled,
            "OrdersCanceled": self._orders_canceled,
            "MassCancelResponse": self._mass_cancel_response,
            "MassCancelReject": self._mass_cancel_reject,
            "Reject": self._reject,
        }

    def apply(self, message: Message, now: int) -> list[Event]:
        """Take one message in; what it means, as events. One that has no handler is a MessageReceived."""
        handler = self._handlers.get(message.name)
        if handler is None:
            return [MessageReceived(received_time_ns=now, message=message)]
        events = handler(message, now)
        if events:
            self.requests.keep_answer(events[0])
        return events

    def not_received(self, from_number: int, before_number: int, now: int) -> list[Event]:
        """Requests sent under these numbers that wait for an answer have never reached the gateway."""
        return [self._not_received(request, now) for request in self.requests.not_received(from_number, before_number)]

    def doubt(self, sent_before: int | None) -> None:
        """Messages are lost for good, answers to what was sent under numbers below (None: to anything) among them."""
        self.requests.doubt(sent_before)
        self.orders.doubt()
        self.quotes.doubt()
        self.freezes.doubt()
        self.dead_man_switch.doubt()
        self.receipts.cancels.forget()

    # -- Events --------------------------------------------------------------------------------------------------------

    def _order_filled(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        events: list[Event] = []
        for fill in fields["fills"]:
            held = self.quotes if fill["flags"] & FillFlags.IS_QUOTE else self.orders
            events += held.filled(message, now, fill)
        return events

    def _orders_canceled(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        self.receipts.cancels.told(message)
        events: list[Event] = []
        for entry in fields["orders"]:
            held = self.quotes if entry["flags"] & CancelFlags.IS_QUOTE else self.orders
            events += held.canceled(message, now, entry)
        return events

    def _mass_cancel_response(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self.requests.answered("MassCancelRequest", fields["correlation_id"], RequestState.ACCEPTED)
        count = fields["total_order_count"]
        accepted = MassCancelAccepted(received_time_ns=now, message=message, total_order_count=count, request=request)
        return [accepted]

    def _mass_cancel_reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self.requests.answered("MassCancelRequest", fields["correlation_id"], RequestState.REJECTED)
        reason, details = fields["reason"], fields["details"]
        rejected = MassCancelRejected(
            received_time_ns=now, message=message, reason=reason, details=details, request=request
        )
        return [rejected]

    def _reject(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self.requests.refused(fields["ref_sequence_number"])
        rejected = RequestRejected(
            received_time_ns=now,
            message=message,
            ref_sequence_number=fields["ref_sequence_number"],
            reason=fields["reason"],
            details=fields["details"],
            request=request,
        )
        if request is not None and request.name == "NewOrderRequest" and request.order is not None:
            self.orders.end(request.order, OrderState.REJECTED)
        return [rejected]

    def _not_received(self, request: Request, now: int) -> Event:
        if request.name == "NewOrderRequest" and request.order is not None:
            self.orders.end(request.order, OrderState.NOT_RECEIVED)
            return OrderNotReceived(received_time_ns=now, order=request.order)
        return RequestNotReceived(received_time_ns=now, request=request)
