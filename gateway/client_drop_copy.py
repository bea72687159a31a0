"""The sans-IO client of a drop-copy session: it hears what the portfolio's sessions are told, and sends no orders."""

from __future__ import annotations

from collections import defaultdict
from typing import Unpack

from codec.values import Message
from gateway.client_core import SessionArguments
from gateway.client_events import DropCopy, Event, RequestRejected
from gateway.client_receipts import Cancels
from gateway.client_session import SessionCore
from gateway.client_values import Fields, read_frame


class DropCopyCore(SessionCore):
    """A drop-copy session: each DropCopyEvent unwrapped, and each receipt in one held against the cancels before it."""

    def __init__(self, **session: Unpack[SessionArguments]) -> None:
        super().__init__(**session)
        self._cancels: defaultdict[str, Cancels] = defaultdict(Cancels)  # by the clientId of their session

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
        origin = read_frame(fields["frame"], None)
        copy = DropCopy(
            received_time_ns=now,
            message=message,
            origin_client_id=fields["origin_client_id"],
            portfolio_id=fields["portfolio_id"],
            session_epoch=fields["session_epoch"],
            origin_sequence_number=fields["origin_sequence_number"],
            origin=origin,
        )
        cancels = self._cancels[copy.origin_client_id]
        if origin.name == "OrdersCanceled":
            cancels.told(origin)
        elif origin.name == "CancelOnDisconnectReceipt":
            return [copy, cancels.receipt(origin, now)]
        return [copy]

    def _on_messages_lost(self, sent_before: int | None) -> None:  # noqa: ARG002
        self._cancels.clear()
