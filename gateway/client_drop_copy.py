"""The sans-IO client of a drop-copy session: it hears what the portfolio's sessions are told, and sends no orders."""

from __future__ import annotations

from codec.values import Message
from gateway.client_events import DropCopy, Event, RequestRejected
from gateway.client_session import SessionCore
from gateway.client_values import Fields, read_frame


class DropCopyCore(SessionCore):
    """A drop-copy session: each DropCopyEvent unwrapped."""

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
