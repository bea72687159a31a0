"""The message index of the protocol (section 3.0) and of the extensions, typed in: what each frame is measured by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.frames import Frame

HEADER_SIZE = 32
GROUP_DIMENSION_SIZE = 4

FILLS_25 = ("fills", 25)
LEGS_34 = ("legs", 34)


@dataclass(frozen=True)
class Row:
    """A message. `roots` are (schema version, length of the root from that version on); `tail` has a length before it.

    `since` is the schema version that brought the message, `stamps` are those that brought fields of it.
    """

    template_id: int
    name: str
    roots: tuple[tuple[int, int], ...]
    groups: tuple[tuple[str, int], ...] = ()
    tail: str | None = None
    since: int = 0
    extension: bool = False

    def root(self, version: int) -> int:
        return next(length for since, length in reversed(self.roots) if since <= version)

    def stamp(self, version: int) -> int:
        """The header's version: the newest of the message or of its fields that the session knows (8.9)."""
        return 0 if self.extension else max(since for since, _ in self.roots if since <= version)

    def raw_length(self, version: int, fields: Mapping[str, Any] | None = None) -> int:
        """Header and content; of the shortest frame when no fields are given."""
        fields = fields or {}
        length = HEADER_SIZE + self.root(version)
        for group, block_length in self.groups:
            length += GROUP_DIMENSION_SIZE + block_length * len(fields.get(group, ()))
        if self.tail == "frame":
            return length + 2 + len(Frame.from_event(fields["frame"]).raw)
        return length + 1 + len(fields.get(self.tail, "")) if self.tail else length


def _row(template_id: int, name: str, root: int, *groups: tuple[str, int], **more: Any) -> Row:
    since = more.get("since", 0)
    return Row(template_id, name, more.pop("roots", ((since, root),)), groups, **more)


INDEX = {
    row.name: row
    for row in (
        _row(1, "Logon", 68, roots=((0, 65), (12, 67), (13, 68))),
        _row(2, "LogonConf", 6, roots=((0, 4), (12, 6))),
        _row(4, "Logout", 0, tail="reason"),
        _row(5, "LoggedOut", 0, tail="reason"),
        _row(10, "Heartbeat", 8),
        _row(11, "TestRequest", 8),
        _row(20, "ResendRequest", 16),
        _row(21, "GapFill", 8),
        _row(30, "Reject", 9, tail="details"),
        _row(100, "NewOrderRequest", 63),
        _row(110, "AmendOrderRequest", 52),
        _row(120, "CancelOrderRequest", 24),
        _row(125, "CancelOrderByIdRequest", 24, since=3),
        _row(130, "MassQuoteRequest", 33, ("quotes", 46)),
        _row(140, "MassCancelRequest", 26),
        _row(145, "MassQuoteCancelRequest", 17),
        _row(155, "GetMassQuoteMmpStatusRequest", 16, since=10),
        _row(156, "GetOrdersMmpStatusRequest", 16, since=10),
        _row(200, "NewOrderResponse", 94, FILLS_25, LEGS_34),
        _row(202, "NewOrderReject", 49, tail="details"),
        _row(210, "AmendOrderResponse", 93, FILLS_25, LEGS_34),
        _row(212, "AmendOrderReject", 49, tail="details"),
        _row(220, "CancelOrderResponse", 74, roots=((0, 56), (16, 74))),
        _row(222, "CancelOrderReject", 49, tail="details"),
        _row(230, "MassQuoteResponse", 48, ("quotes", 80), ("bidFills", 33), ("askFills", 33), LEGS_34),
        _row(232, "MassQuoteReject", 41, tail="details"),
        _row(240, "MassCancelResponse", 36),
        _row(242, "MassCancelReject", 25, tail="details"),
        _row(280, "GetMassQuoteMmpStatusResponse", 32, since=10),
        _row(281, "GetMassQuoteMmpStatusReject", 17, since=10),
        _row(282, "GetOrdersMmpStatusResponse", 32, since=10),
        _row(283, "GetOrdersMmpStatusReject", 17, since=10),
        _row(300, "OrderFilled", 16, ("fills", 60), LEGS_34),
        _row(310, "OrdersCanceled", 17, ("orders", 35)),
        _row(312, "OrderPlaced", 88, FILLS_25, LEGS_34, roots=((0, 77), (8, 88))),
        _row(314, "MassQuoteOrdersPlaced", 24, ("orders", 62), ("fills", 33), LEGS_34),
        _row(320, "MassQuoteMmpTriggered", 57),
        _row(322, "OrdersMmpTriggered", 57),
        _row(324, "MassQuoteMmpUnfrozen", 32),
        _row(326, "OrdersMmpUnfrozen", 32),
        _row(4000, "SessionOptionsRequest", 10, extension=True),
        _row(4001, "SessionOptionsResponse", 18, extension=True),
        _row(4010, "CancelOnDisconnectRequest", 10, extension=True),
        _row(4011, "CancelOnDisconnectResponse", 16, extension=True),
        _row(4020, "CancelAllAfterRequest", 21, extension=True),
        _row(4021, "CancelAllAfterResponse", 34, extension=True),
        _row(4030, "CancelOnDisconnectReceipt", 118, extension=True),
        _row(4040, "OpenOrdersRequest", 10, extension=True),
        _row(4041, "OpenOrdersResponse", 17, ("orders", 52), extension=True),
        _row(4050, "DropCopyEvent", 40, tail="frame", extension=True),
    )
}
"""By name. DummyMessage (9999) has no row: it is an aid to code generators and never sent."""


def check_frame(frame: Frame, fields: Mapping[str, Any], version: int, number: int, processed: int) -> None:
    """The whole frame: header, stamp, length to the byte, zeros at its end, and the fields but for times and execIds.

    `number` and `processed` are the sequenceNumber and lastProcessedSeqNo that it must have.
    """
    row = INDEX[frame.name]
    assert frame.plain == (row.name, fields)
    length = -(-row.raw_length(version, frame.fields) // 8) * 8
    assert frame.header == {
        "protocolId": 0xDB,
        "flags": 0,
        "messageLength": length,
        "messageTypeId": row.template_id,
        "version": row.stamp(version),
        "sequenceNumber": number,
        "lastProcessedSeqNo": processed,
        "sendTimeNs": frame.header["sendTimeNs"],
    }
    assert len(frame.raw) == length
    assert not any(frame.raw[row.raw_length(version, frame.fields) :])
    times = [frame.fields[name] for name in ("receiveTime", "timestamp") if name in frame.fields]
    assert times == sorted(times)
    assert all(0 < time <= frame.header["sendTimeNs"] for time in times)
    assert frame.fields.get("execId", 1) > 0
