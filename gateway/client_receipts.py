"""Receipts of cancel on disconnect, held against the cancels that the same stream told of.

A receipt is the gateway's word that a fire is complete: so many orders were open, so many are cancelled, these frames
named them, and their digest is that. Whoever has read those frames need not take its word: the counts must add up, and
the digest of what was read must be the one of the receipt, order by order. That also holds for what a replay brings,
and for what is told again after a logon with reset.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codec.layout import CancelOnDisconnectScope, Cause, MultiPartEventFlags, SessionOptions
from codec.values import Message
from codec.wire import xxh64
from gateway.client_events import Event, MessageEvent
from gateway.client_requests import Requests
from gateway.client_state import Request, RequestState
from gateway.client_values import Fields
from gateway.limits import CLIENT_CANCELS_KEPT_MAX

_DIGESTED = struct.Struct("<qqb")  # orderId, mantissa of totalFilled, cancelReason

# -- Events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsAnswered(MessageEvent):
    """SessionOptionsResponse: what is on for this connection, which is the `session_epoch`th of the API key."""

    session_epoch: int
    receipts: bool
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(MessageEvent):
    """CancelOnDisconnectReceipt: what one fire did to the orders of one session.

    Times are the gateway's, ns since the Unix epoch. `faults` says in words what does not hold, or could not be
    checked; without any, the receipt is `verified`. In a drop-copy session `message` is the frame inside the event.
    """

    client_id: str
    portfolio_id: int
    session_epoch: int
    cause: Cause
    scope: CancelOnDisconnectScope
    last_heard_time_ns: int
    detected_time_ns: int
    fenced_time_ns: int
    completed_time_ns: int
    bound_count: int
    cancelled_count: int
    filled_count: int
    exempt_count: int
    unconfirmed_count: int
    first_sequence_number: int | None
    last_sequence_number: int | None
    digest: int
    faults: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """Whether the counts add up, and digest and numbers are those of the cancels that were read."""
        return not self.faults

    @property
    def time_to_safe_ns(self) -> int:
        """From the loss detected to the fence: from then on none of these orders could trade."""
        return self.fenced_time_ns - self.detected_time_ns

    @property
    def time_to_reported_ns(self) -> int:
        """From the loss detected to the last of these orders out of the book."""
        return self.completed_time_ns - self.detected_time_ns


# -- State -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Cancels:
    """What the OrdersCanceled of one event have told so far."""

    first_number: int
    last_number: int
    count: int = 0
    digested: list[bytes] = field(default_factory=list)  # of each frame
    is_complete: bool = False


class Cancels:
    """The cancels of one session's stream, event by event, for the receipts that are to come."""

    def __init__(self) -> None:
        self._by_exec_id: dict[int, _Cancels] = {}

    def told(self, message: Message) -> None:
        """An OrdersCanceled, in the order of numbers."""
        fields: Fields = message.fields
        number = message.header.sequence_number
        told = self._by_exec_id.setdefault(fields["exec_id"], _Cancels(number, number))
        told.last_number = number
        told.count += len(fields["orders"])
        told.digested.append(b"".join(map(_digested, fields["orders"])))
        told.is_complete = bool(fields["flags"] & MultiPartEventFlags.IS_LAST_MESSAGE)
        if len(self._by_exec_id) > CLIENT_CANCELS_KEPT_MAX:
            # A receipt follows the last cancel of its fire: what is complete for so long belongs to none.
            complete = (exec_id for exec_id, cancels in self._by_exec_id.items() if cancels.is_complete)
            del self._by_exec_id[next(complete, next(iter(self._by_exec_id)))]

    def receipt(self, message: Message, now: int) -> Receipt:
        """A CancelOnDisconnectReceipt, and whether it holds. What it speaks of is not needed any more after that."""
        fields: Fields = message.fields
        return Receipt(
            received_time_ns=now,
            message=message,
            client_id=fields["client_id"],
            portfolio_id=fields["portfolio_id"],
            session_epoch=fields["session_epoch"],
            cause=Cause(fields["cause"]),
            scope=CancelOnDisconnectScope(fields["scope"]),
            last_heard_time_ns=fields["last_heard_time"],
            detected_time_ns=fields["detected_time"],
            fenced_time_ns=fields["fenced_time"],
            completed_time_ns=fields["completed_time"],
            bound_count=fields["bound_count"],
            cancelled_count=fields["cancelled_count"],
            filled_count=fields["filled_count"],
            exempt_count=fields["exempt_count"],
            unconfirmed_count=fields["unconfirmed_count"],
            first_sequence_number=fields["first_sequence_number"],
            last_sequence_number=fields["last_sequence_number"],
            digest=fields["digest"],
            faults=(*_unbalanced(fields), *self._unlike(fields)),
        )

    def forget(self) -> None:
        """Messages are lost for good, or a new generation begins: what was told so far is of no use."""
        self._by_exec_id.clear()

    def _unlike(self, fields: Fields) -> list[str]:
        """What the receipt says otherwise than the cancels did."""
        first, last = fields["first_sequence_number"], fields["last_sequence_number"]
        told = _Cancels(0, 0, is_complete=True)
        if first is not None or last is not None:
            found = [exec_id for exec_id, seen in self._by_exec_id.items() if seen.first_number == first]
            if not found:
                return [f"the cancels from number {first} on were not read here"]
            told = self._by_exec_id.pop(found[0])
        faults = []
        if not told.is_complete:
            faults.append("the last of the cancels was not read here")
        if first is not None and told.last_number != last:
            faults.append(f"lastSequenceNumber: read {told.last_number}, told {last}")
        if told.count != fields["cancelled_count"]:
            faults.append(f"cancelledCount: read {told.count}, told {fields['cancelled_count']}")
        digest = xxh64(*told.digested)
        if digest != fields["digest"]:
            faults.append(f"digest: read {digest:#x}, told {fields['digest']:#x}")
        return faults


class Receipts:
    """What a trading session asks for and is told of its own fires."""

    def __init__(self, requests: Requests) -> None:
        self.cancels = Cancels()
        self._requests = requests
        self.handlers: dict[str, Callable[[Message, int], list[Event]]] = {
            "SessionOptionsResponse": self._answered,
            "CancelOnDisconnectReceipt": lambda message, now: [self.cancels.receipt(message, now)],
        }

    def abandon(self) -> None:
        """A new connection: an answer that the last one did not bring will never come, for it is not sent again."""
        self._requests.abandon("SessionOptionsRequest")

    def _answered(self, message: Message, now: int) -> list[Event]:
        fields: Fields = message.fields
        return [
            OptionsAnswered(
                received_time_ns=now,
                message=message,
                session_epoch=fields["session_epoch"],
                receipts=bool(fields["options"] & SessionOptions.RECEIPTS),
                request=self._requests.answered(
                    "SessionOptionsRequest", fields["correlation_id"], RequestState.ACCEPTED
                ),
            )
        ]


def _digested(entry: dict[str, Any]) -> bytes:
    return _DIGESTED.pack(entry["order_id"], entry["total_filled"][0], entry["cancel_reason"])


def _unbalanced(fields: Fields) -> list[str]:
    parts = ("cancelled_count", "filled_count", "exempt_count", "unconfirmed_count")
    total = sum(fields[part] for part in parts)
    return [] if fields["bound_count"] == total else [f"boundCount: told {fields['bound_count']}, its parts {total}"]
