"""Receipts as a test expects them, and the digest from the frames that they speak of."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xxhash

from codec import messages
from codec.layout import CancelOnDisconnectScope, Cause, SessionOptions
from codec.values import Message
from support.core_driver import START, CoreDriver, Line, canceled


def digest_of(entries: Iterable[Mapping[str, Any]]) -> int:
    """Of entries of OrdersCanceled, in their order."""
    return xxhash.xxh64_intdigest(
        b"".join(
            struct.pack("<qqb", entry["order_id"], entry["total_filled"][0], entry["cancel_reason"])
            for entry in entries
        )
    )


def receipt(
    client_id: str,
    cause: Cause,
    cancelled: Sequence[Mapping[str, Any]],
    numbers: tuple[int, int] | None,
    now: int = START,
    exempt: int = 0,
    **changed: Any,
) -> dict[str, Any]:
    """A receipt of a session's first connection, all at one time, for these entries in frames with these numbers."""
    first, last = numbers or (None, None)
    fields = {
        "client_id": client_id,
        "portfolio_id": 1,
        "session_epoch": 1,
        "cause": cause,
        "scope": CancelOnDisconnectScope.SESSION,
        "last_heard_time": now,
        "detected_time": now,
        "fenced_time": now,
        "completed_time": now,
        "bound_count": len(cancelled) + exempt,
        "cancelled_count": len(cancelled),
        "filled_count": 0,
        "exempt_count": exempt,
        "unconfirmed_count": 0,
        "first_sequence_number": first,
        "last_sequence_number": last,
        "digest": digest_of(cancelled),
        "timestamp": now,
    }
    return fields | changed


def entries(*numbers: int, reason: int = 7, filled: float = 0) -> list[dict[str, Any]]:
    """Entries of OrdersCanceled for orders whose clientOrderId is their orderId."""
    return [canceled(number, number, filled, reason) for number in numbers]


def asking(driver: CoreDriver, client_id: str, **options: Any) -> Line:
    """Logged on, and receipts asked for."""
    line = driver.logged_on(client_id, **options)
    line.send("SessionOptionsRequest", correlation_id=1, options=SessionOptions.RECEIPTS)
    assert line.names() == ["SessionOptionsResponse"]
    return line


def with_orders(line: Line, *numbers: int, **changed: Any) -> Line:
    for number in numbers:
        line.order(number, **changed)
    line.take()
    return line


def copied(watcher: Line) -> list[tuple[str, int | None, Message]]:
    """What drop copy was shown: whose frame, under which number of its stream, and the frame."""
    events = [message.fields for message in watcher.take() if message.name == "DropCopyEvent"]
    return [
        (event["origin_client_id"], event["origin_sequence_number"], messages.decode(event["frame"]))
        for event in events
    ]


def receipts_in(watcher: Line) -> list[dict[str, Any]]:
    return [frame.fields for _, _, frame in copied(watcher) if frame.name == "CancelOnDisconnectReceipt"]
