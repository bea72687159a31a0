"""What a disconnect would cancel: the switches of a connection and the drill, as a session asks and is told of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from codec.layout import CancelOnDisconnectStatus, MultiPartEventFlags, OpenOrderFlags, Side
from codec.values import Message
from gateway.client_events import Event, MessageEvent
from gateway.client_requests import Requests
from gateway.client_state import Request, RequestState
from gateway.client_values import Fields, from_mantissa, mantissa_of

# -- Events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverAnswered(MessageEvent):
    """CancelOnDisconnectResponse: whether a switch was accepted, and what holds now.

    `scope` is what was asked for. `active`: what will really happen on a disconnect.
    `covered_orders`: open orders and quotes that the loss of this connection would cancel now.
    """

    scope: int
    enabled: bool
    active: bool
    status: CancelOnDisconnectStatus
    covered_orders: int
    request: Request | None


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """One order or quote that is open. Of a quote, `client_order_id` is the quoteId. `price` None: a market order."""

    client_order_id: int
    order_id: int
    instrument_id: int
    side: Side
    price: Decimal | None
    quantity: Decimal
    total_filled: Decimal
    is_quote: bool
    is_covered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrdersListed(MessageEvent):
    """The answer to an OpenOrdersRequest, put together from all its frames; `message` is the last of them.

    `timestamp_ns` is when the gateway was asked: what was entered later is not in it, nor what ended before its turn.
    """

    orders: tuple[OpenOrder, ...]
    timestamp_ns: int
    request: Request | None


# -- State -------------------------------------------------------------------------------------------------------------


class Covers:
    """The answers about cancel on disconnect, and the list of open orders that is arriving."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self._arriving: list[OpenOrder] = []
        self.handlers: dict[str, Callable[[Message, int], list[Event]]] = {
            "CancelOnDisconnectResponse": self._answered,
            "OpenOrdersResponse": self._listed,
        }

    def abandon(self) -> None:
        """A new connection: a list that the last one did not bring whole will never come, for it is not sent again."""
        self._arriving.clear()
        self._requests.abandon("OpenOrdersRequest")

    def _answered(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        request = self._requests.answered(
            "CancelOnDisconnectRequest",
            fields["correlation_id"],
            RequestState.REJECTED if fields["status"] else RequestState.ACCEPTED,
        )
        return [
            CoverAnswered(
                received_time_ns=now,
                message=message,
                scope=fields["scope"],
                enabled=bool(fields["enabled"]),
                active=bool(fields["active"]),
                status=CancelOnDisconnectStatus(fields["status"]),
                covered_orders=fields["covered_orders"],
                request=request,
            )
        ]

    def _listed(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        self._arriving += map(_open_order, fields["orders"])
        if not fields["flags"] & MultiPartEventFlags.IS_LAST_MESSAGE:
            return []
        orders = tuple(self._arriving)
        self._arriving.clear()
        return [
            OpenOrdersListed(
                received_time_ns=now,
                message=message,
                orders=orders,
                timestamp_ns=fields["timestamp"],
                request=self._requests.answered("OpenOrdersRequest", fields["correlation_id"], RequestState.ACCEPTED),
            )
        ]


def _open_order(entry: Fields) -> OpenOrder:
    return OpenOrder(
        client_order_id=entry["client_order_id"],
        order_id=entry["order_id"],
        instrument_id=entry["instrument_id"],
        side=Side(entry["side"]),
        price=None if entry["price"] is None else from_mantissa(entry["price"]),
        quantity=from_mantissa(mantissa_of(entry["quantity"])),
        total_filled=from_mantissa(mantissa_of(entry["total_filled"])),
        is_quote=bool(entry["flags"] & OpenOrderFlags.IS_QUOTE),
        is_covered=bool(entry["flags"] & OpenOrderFlags.IS_COVERED),
    )
