"""A session of the client library on one side, a peer made of the reference codec on the other."""

from dataclasses import fields as fields_of
from decimal import Decimal
from typing import Any

from codec.layout import SCHEMA_VERSION, CancelReason, Side
from codec.values import Decimal72
from gateway.client_core import ClientCore
from gateway.client_events import Event, QuoteSide
from gateway.client_session import SequenceNumbers, SessionCore
from gateway.client_state import Order, Quote, Request
from gateway.client_values import to_mantissa
from support.peer import Peer

S = 1_000_000_000
START = 1_700_000_000 * S
INTERVAL = 5 * S


def nine(amount: str) -> Decimal72:
    return Decimal72(to_mantissa(amount), -9)


def plain(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    """Events by kind and content, without the message and the time of arrival.

    An order is its clientOrderId, a quote its orderId, a request the number that it was sent under.
    """
    return [
        (
            type(event).__name__,
            {
                field.name: _plain(getattr(event, field.name))
                for field in fields_of(event)
                if field.name not in ("message", "received_time_ns")
            },
        )
        for event in events
    ]


def _plain(value: Any) -> Any:
    match value:
        case Order():
            return value.client_order_id
        case Quote():
            return value.order_id
        case Request():
            return value.sequence_number
        case QuoteSide():
            return tuple(_plain(getattr(value, field.name)) for field in fields_of(value))
        case tuple():
            return tuple(_plain(item) for item in value)
    return value


def state_of(held: Order | Quote) -> dict[str, Any]:
    return {field.name: getattr(held, field.name) for field in fields_of(held)}


def core_of(numbers: SequenceNumbers | None = None, **session: Any) -> ClientCore:
    return ClientCore(client_id="maker-1", secret="s3cret", numbers=numbers, first_client_order_id=1, **session)


def log_on(core: SessionCore, peer: Peer, now: int = START, *, reset: bool = True, last: int = 0) -> list[Event]:
    """Connect, log on, hear LogonConf; what that brings. What was sent is taken away."""
    core.connected(now)
    core.logon(now, reset=reset)
    peer.heard(core.take_output())
    conf: dict[str, Any] = {"heartbeat_interval_seconds": INTERVAL // S}
    return core.received(now, peer.says("LogonConf", last=last, **conf, schema_version=peer.version))


def ready(version: int = SCHEMA_VERSION) -> tuple[ClientCore, Peer]:
    core, peer = core_of(schema_version=version), Peer(version)
    log_on(core, peer)
    return core, peer


def enter(core: ClientCore, peer: Peer, now: int = START, **changes: Any) -> Order:
    """An order for 2 at 100.5, and its acknowledgement."""
    order = core.new_order(now, instrument_id=1, side=Side.BUY, quantity="2", price="100.5")
    core.received(now, peer.says("NewOrderResponse", **response(order, **changes)))
    return order


def response(order: Order, **changes: Any) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "order_id": 1000 + order.client_order_id,
        "instrument_id": 1,
        "price": order.price_mantissa,
        "quantity": nine("2"),
        "total_filled": nine("0"),
        "visible_qty": nine("2"),
        "side": 1,
        "status": 1,
    } | changes


def amend_response(order: Order, **changes: Any) -> dict[str, Any]:
    """An answer to an amend to 3 at 99; its `correlation_id` is to be given."""
    answer = response(order, price=to_mantissa("99"), quantity=nine("3"), visible_qty=nine("3"))
    del answer["side"]
    return answer | changes


def taken(match_id: int, price: str, quantity: str) -> dict[str, Any]:
    """A fill in a response."""
    return {"match_id": match_id, "fill_price": to_mantissa(price), "fill_qty": nine(quantity)}


def maker_fill(order: Order, quantity: str, total: str, match_id: int, flags: int = 0) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "order_id": order.order_id,
        "instrument_id": 1,
        "match_id": match_id,
        "price": to_mantissa("100.5"),
        "fill_qty": nine(quantity),
        "total_filled": nine(total),
        "side": 1,
        "flags": flags,
    }


def cancel_entry(order: Order, total: str = "0", reason: int = 7) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "order_id": order.order_id or 1000 + order.client_order_id,
        "instrument_id": 1,
        "total_filled": nine(total),
        "cancel_reason": reason,
    }


def canceled_event(
    client_order_id: int, reason: CancelReason, request: int | None = None
) -> tuple[str, dict[str, Any]]:
    return "OrderCanceled", {"order": client_order_id, "reason": reason, "request": request}


def fill_event(match_id: int, price: str, quantity: str, total: str, *, is_maker: bool) -> dict[str, Any]:
    return {
        "order": 1,
        "match_id": match_id,
        "price": Decimal(price),
        "quantity": Decimal(quantity),
        "total_filled": Decimal(total),
        "is_maker": is_maker,
    }
