"""Frames about orders as the gateway must send them, byte for byte, written by the reference codec."""

from collections.abc import Mapping, Sequence
from typing import Any

from codec import messages
from codec.layout import Side
from support.core_driver import START, Line, nine, quantity, split

FULLY_FILLED = 2
STAMPS = {"CancelOrderResponse": 16}
"""The version stamps of messages about orders that are not 0, at session versions that have them."""


def frame(
    name: str, number: int, fields: Mapping[str, Any], *, last: int, now: int = START, version: int = 17
) -> bytes:
    """As the reference codec has it: the gateway's frame under that number, when it had processed the frame `last`."""
    return messages.encode(
        name,
        fields,
        sequence_number=number,
        last_processed_seq_no=last,
        send_time_ns=now,
        version=STAMPS.get(name, 0) if version >= STAMPS.get(name, 0) else 0,
        root_version=version,
    )


def copy_of(shown: bytes, number: int, client_id: str, now: int = START) -> bytes:
    """The DropCopyEvent under that number that holds a frame of a client's first connection."""
    fields = {
        "origin_client_id": client_id,
        "portfolio_id": 1,
        "session_epoch": 1,
        "origin_sequence_number": int.from_bytes(shown[8:16], "little"),
        "frame": shown,
    }
    return frame("DropCopyEvent", number, fields, last=1, now=now)


def names(data: bytes) -> list[str]:
    return [messages.decode(part).name for part in split(data)]


def fill(match_id: int, price: float, filled: float) -> dict[str, Any]:
    """An entry of NewOrderResponse's fills."""
    return {"match_id": match_id, "fill_price": nine(price), "fill_qty": quantity(filled)}


def maker_fill(
    client_order_id: int, order_id: int, match_id: int, filled: float, total: float | None = None, **changed: Any
) -> dict[str, Any]:
    """An entry of OrderFilled: of a sell order at 100 that has filled as a whole, unless changed."""
    fields = {
        "client_order_id": client_order_id,
        "order_id": order_id,
        "instrument_id": 1,
        "match_id": match_id,
        "price": nine(100),
        "fill_qty": quantity(filled),
        "total_filled": quantity(filled if total is None else total),
        "side": Side.SELL,
        "flags": FULLY_FILLED,
    }
    return fields | changed


def order_filled(exec_id: int, fills: Sequence[Mapping[str, Any]], now: int = START) -> dict[str, Any]:
    return {"timestamp": now, "exec_id": exec_id, "fills": fills}


def cancel(line: Line, **changed: Any) -> None:
    """A cancel of the order that has the client's id 1 on instrument 1, unless changed; by orderId if one is given."""
    by_id = "order_id" in changed
    fields = {"correlation_id": 77, "instrument_id": 1} | ({} if by_id else {"client_order_id": 1}) | changed
    line.send("CancelOrderByIdRequest" if by_id else "CancelOrderRequest", **fields)


def cancel_response(exec_id: int, filled: float = 0, **changed: Any) -> dict[str, Any]:
    """To a cancel of `order(1)`, the first order there was."""
    fields = {
        "timestamp": START,
        "exec_id": exec_id,
        "client_order_id": 1,
        "correlation_id": 77,
        "order_id": 1,
        "instrument_id": 1,
        "receive_time": START,
        "quantity": quantity(1),
        "total_filled": quantity(filled),
    }
    return fields | changed
