"""How a message of the index comes onto the wire, in one schema version: the tools."""

from collections.abc import Mapping
from typing import Any

from support.connection import Connection
from support.frames import (
    Frame,
    amend,
    cancel_response,
    canceled,
    order,
    quote,
    quotes,
)
from support.message_index import INDEX, check_frame
from support.stages import Stage

Plain = tuple[str, dict[str, Any]]

INVALID_TEMPLATE_ID = 2


class Play:
    """One row's way onto the wire in one version. What is told on the way is compared frame by frame."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.version = stage.version
        self.maker = stage.maker
        self.instrument_id = stage.instrument_id
        self.seen: list[str] = []

    def told(self, plain: Plain, session: Connection | None = None, **changed: Any) -> Frame:
        """The session's next frame, the maker's unless another is named, must be this one."""
        session = session or self.maker
        frame = session.frame(plain[0])
        version = self.version if session is self.maker else 17
        expected = {"number": session.frames.index(frame) + 1, "processed": session.last_sent} | changed
        check_frame(frame, plain[1], version, **expected)
        self.seen.append(frame.name)
        return frame

    def send(self, name: str, fields: Mapping[str, Any]) -> None:
        """A message of the maker, as long as the index says and not a byte longer."""
        length = INDEX[name].raw_length(max(self.version, INDEX[name].since), fields)
        framing = {"version": self.version, "pad": 0, "messageLength": length}
        self.maker.send(name, framing, **fields)
        self.seen.append(name)

    def withheld(self, name: str, fields: Mapping[str, Any]) -> bool:
        """Whether the message is newer than the session, which is then told so."""
        if self.version >= INDEX[name].since:
            return False
        row = INDEX[name]
        text = f"messageTypeId at offset 4: {row.template_id} needs schema version {row.since} or later"
        rejected = self.rejected(text)
        self.send(name, fields)
        self.told(rejected)
        return True

    def rejected(self, details: str) -> Plain:
        """The Reject of the message that is sent next."""
        number = self.maker.last_sent + 1
        return "Reject", {"refSequenceNumber": number, "reason": INVALID_TEMPLATE_ID, "details": details}

    def order(self, client_order_id: int, **changed: Any) -> dict[str, Any]:
        return order(client_order_id, instrumentId=self.instrument_id) | changed

    def amend(self, client_order_id: int, **changed: Any) -> dict[str, Any]:
        return amend(client_order_id, instrumentId=self.instrument_id) | changed

    def cancel(self, client_order_id: int) -> dict[str, Any]:
        return {"clientOrderId": client_order_id, "correlationId": 8, "instrumentId": self.instrument_id}

    def canceled(
        self, client_order_id: int, order_id: int, *, total: str = "1", version: int | None = None, **changed: Any
    ) -> Plain:
        """The CancelOrderResponse to a session of the version, the maker's unless another is given."""
        name, fields = cancel_response(client_order_id, 8, order_id, total=total)
        if (version or self.version) < 16:
            del fields["quantity"], fields["totalFilled"]
        return name, fields | {"instrumentId": self.instrument_id} | changed

    def gone(self, client_order_id: int, order_id: int, reason: int) -> dict[str, Any]:
        return canceled(client_order_id, order_id, reason=reason, instrument_id=self.instrument_id)

    def rest(self, client_order_id: int, **changed: Any) -> tuple[dict[str, Any], int]:
        """An order of the maker's that rests; the request, and its orderId."""
        request = self.order(client_order_id, **changed)
        return request, self.maker.place(request)

    def quotes(self, quote_id: int, bid: str | None, ask: str | None, **changed: Any) -> dict[str, Any]:
        return quotes(quote_id, quote(bid, ask, instrumentId=self.instrument_id), **changed)
