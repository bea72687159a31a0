"""The sans-IO client: a session and what it is for, trading or listening in.

See `client_session` for how bytes and times go in and out; the faces with sockets are in `client`.
"""

from __future__ import annotations

from typing import Required, TypedDict, Unpack

from codec.layout import OrderFlags, SelfTradingMode, Side, TimeInForce
from codec.values import Decimal72, Message
from gateway.client_events import (
    SCALE_DIGITS,
    Amount,
    DropCopy,
    Event,
    Fields,
    Order,
    RequestRejected,
    to_mantissa,
)
from gateway.client_orders import OwnOrders
from gateway.client_session import SequenceNumbers, SessionCore, read_frame


class SessionArguments(TypedDict, total=False):
    """What a session is made from, beside its address: the arguments of `SessionCore`."""

    client_id: Required[str]
    secret: Required[str]
    schema_version: int
    cancel_on_disconnect: bool
    logon_timeout_s: float
    numbers: SequenceNumbers | None


class OrderArguments(TypedDict, total=False):
    """What a new order may be given beyond instrument, side, quantity and price.

    Without `client_order_id` the next of the session's own series is taken.
    """

    time_in_force: TimeInForce
    client_order_id: int
    correlation_id: int
    post_only: bool
    post_only_reject: bool
    cancel_on_disconnect: bool
    self_match_prevention_id: int
    self_trading_mode: SelfTradingMode


class ClientCore(SessionCore):
    """A trading session: the session layer and its own orders."""

    def __init__(self, *, first_client_order_id: int | None = None, **session: Unpack[SessionArguments]) -> None:
        super().__init__(**session)
        self.orders = OwnOrders()
        self._next_client_order_id = first_client_order_id

    # -- Commands ------------------------------------------------------------------------------------------------------

    def new_order(
        self,
        now: int,
        *,
        instrument_id: int,
        side: Side,
        quantity: Amount,
        price: Amount | None,
        **arguments: Unpack[OrderArguments],
    ) -> Order:
        """Send a NewOrderRequest; the order as it will be kept true from here on. `price` None = a market order.

        Without `client_order_id` the next of a series is taken, which starts at `first_client_order_id`, or at the
        time of the first order in ns: two sessions of one portfolio must not share a series. ValueError when the id is
        that of a live order of ours, or an amount has no place on the wire.
        """
        self._need_session("new_order")
        client_order_id = arguments.get("client_order_id")
        if client_order_id is None:
            client_order_id = now if self._next_client_order_id is None else self._next_client_order_id
            self._next_client_order_id = client_order_id + 1
        if client_order_id in self.orders.live:
            raise ValueError(f"client_order_id {client_order_id} is that of a live order")
        price_mantissa = None if price is None else to_mantissa(price)
        quantity_mantissa = to_mantissa(quantity)
        flags = (
            OrderFlags.CANCEL_ON_DISCONNECT * arguments.get("cancel_on_disconnect", False)
            | OrderFlags.POST_ONLY * arguments.get("post_only", False)
            | OrderFlags.POST_ONLY_REJECT * arguments.get("post_only_reject", False)
            | OrderFlags.MARKET_LIMIT * (price is None)
        )
        fields = {
            "client_order_id": client_order_id,
            "correlation_id": arguments.get("correlation_id", 0),
            "instrument_id": instrument_id,
            "price": price_mantissa,
            "quantity": Decimal72(quantity_mantissa, -SCALE_DIGITS),
            "show_qty": None,
            "self_match_prevention_id": arguments.get("self_match_prevention_id"),
            "side": int(side),
            "time_in_force": int(arguments.get("time_in_force", TimeInForce.GTC)),
            "flags": flags,
            "self_trading_mode": int(arguments.get("self_trading_mode", SelfTradingMode.CANCEL_TAKER)),
        }
        number = self._put(now, "NewOrderRequest", fields)
        order = Order(client_order_id, instrument_id, side, price_mantissa, quantity_mantissa)
        self.orders.sent(order, number)
        return order

    def cancel(self, now: int, order: Order, *, correlation_id: int = 0) -> None:
        """Send a CancelOrderRequest for an order of ours. It is gone when OrderCanceled says so, not before."""
        fields = {
            "client_order_id": order.client_order_id,
            "correlation_id": correlation_id,
            "instrument_id": order.instrument_id,
        }
        self.send(now, "CancelOrderRequest", fields)

    def cancel_by_id(self, now: int, order_id: int, instrument_id: int, *, correlation_id: int = 0) -> None:
        """Send a CancelOrderByIdRequest: any order of the portfolio by the gateway's own id."""
        fields = {"order_id": order_id, "correlation_id": correlation_id, "instrument_id": instrument_id}
        self.send(now, "CancelOrderByIdRequest", fields)

    # -- Events --------------------------------------------------------------------------------------------------------

    def _on_application(self, now: int, message: Message) -> list[Event]:
        return self.orders.apply(message, now)

    def _on_logged_on(self, now: int, message: Message, *, reset: bool) -> list[Event]:
        if reset:
            return []
        return self.orders.resumed(message.header.last_processed_seq_no, now)

    def _on_messages_lost(self) -> None:
        self.orders.doubt()


class DropCopyCore(SessionCore):
    """A drop-copy session: it hears what the portfolio's sessions are told, and sends no orders."""

    def _on_application(self, now: int, message: Message) -> list[Event]:
        fields: Fields = message.fields
        if message.name == "Reject":
            return [
                RequestRejected(
                    received_time_ns=now,
                    message=message,
                    ref_sequence_number=fields["ref_sequence_number"],
                    reason=fields["reason"],
                    details=fields["details"],
                )
            ]
        if message.name != "DropCopyEvent":
            return super()._on_application(now, message)
        return [
            DropCopy(
                received_time_ns=now,
                message=message,
                origin_client_id=fields["origin_client_id"],
                portfolio_id=fields["portfolio_id"],
                session_epoch=fields["session_epoch"],
                origin_sequence_number=fields["origin_sequence_number"],
                origin=read_frame(fields["frame"], None),
            )
        ]
