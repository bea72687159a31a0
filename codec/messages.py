"""The reference codec: the same outcomes as `codec.wire`, in plain Python, written to be read.

It knows the messages from the tables in `codec.layout` and shares no other code with the hot codec than the values that
both give and the checks of what callers hand in. Tests hold the two against each other.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from codec import arguments
from codec.errors import CodecError, EncodeError, Reason
from codec.layout import (
    ENUMS,
    HEADER_SIZE,
    MESSAGES,
    PROTOCOL_ID,
    SCHEMA_VERSION,
    SETS,
    DataLayout,
    FieldLayout,
    GroupLayout,
    MessageLayout,
    RejectReason,
)
from codec.values import (
    CLIENT,
    ENUM_NULL,
    INT64_NULL,
    BytesLike,
    Complete,
    Decimal72,
    Header,
    Invalid,
    Message,
    Partial,
    Problem,
    Scalar,
    Value,
)

BY_ID = {message.template_id: message for message in MESSAGES}
BY_NAME = {message.name: message for message in MESSAGES}

HEADER = struct.Struct("<BBHHHqqq")
DIMENSION = struct.Struct("<HH")
SLACK_MAX = 7
"""Zero bytes that may stand in front of a frame, and bytes that may follow the content of one."""

FORMATS = {
    "int8": "<b",
    "uint8": "<B",
    "uint16": "<H",
    "int32": "<i",
    "uint32": "<I",
    "int64": "<q",
    "uint64": "<Q",
    "double": "<d",
    "price9": "<q",
    "decimal72": "<qb",
}
NULLABLE = ("int64", "price9", "decimal72")
"""Kinds whose type has a null value, whether or not the field is optional."""


class _Part(NamedTuple):
    """A block or a piece of variable-length data at its place in a frame."""

    name: str
    """In snake_case; empty for the root block."""
    prefix: str
    """What stands in front of the field's name in a Problem."""
    start: int
    present: int
    fields: tuple[FieldLayout, ...]


class _Structure(NamedTuple):
    """Where everything in a sound frame lies. `entries` and `data` have one item per group and per piece of data."""

    root: _Part
    entries: tuple[tuple[_Part, ...], ...]
    data: tuple[tuple[int, int], ...]


class _Refused(Exception):
    """Carries a Problem out of the walk over a frame."""

    def __init__(self, reject_reason: RejectReason, offset: int, field: str, text: str) -> None:
        super().__init__()
        detail = f"{field} at offset {offset}: {text}"
        self.problem = Problem(int(reject_reason), offset, field, detail)


# Framing


def scan(buffer: BytesLike, offset: int = 0, frame_size_max: int = 16384) -> Complete | Partial | Invalid:
    """Looks for one frame from `offset` on: Complete, Partial or Invalid."""
    if not 0 <= offset <= len(buffer):
        raise IndexError(f"offset: wanted 0 to {len(buffer)}, was {offset}")
    rest = bytes(buffer[offset:])
    frame = rest.lstrip(b"\0")
    skipped = len(rest) - len(frame)
    if skipped > SLACK_MAX:
        return Invalid(Reason.PADDING)
    if frame and frame[0] != PROTOCOL_ID:
        return Invalid(Reason.PROTOCOL_ID)
    if len(frame) < 4:
        return Partial(HEADER_SIZE - len(frame))
    length = int.from_bytes(frame[2:4], "little")
    if not HEADER_SIZE <= length <= frame_size_max:
        return Invalid(Reason.MESSAGE_LENGTH)
    if len(frame) < length:
        return Partial(length - len(frame))
    return Complete(offset + skipped, length)


def _header(frame: bytes) -> Header:
    """The header of exactly one frame."""
    if frame and frame[0] != PROTOCOL_ID:
        detail = f"protocolId at offset 0: wanted {PROTOCOL_ID}, was {frame[0]}"
        raise CodecError(Reason.PROTOCOL_ID, 0, detail)
    if len(frame) < HEADER_SIZE:
        detail = f"wanted a frame of {HEADER_SIZE} bytes or more, was {len(frame)}"
        raise CodecError(Reason.MESSAGE_LENGTH, 2, detail)
    header = Header(*HEADER.unpack_from(frame))
    if header.message_length != len(frame):
        detail = f"messageLength at offset 2: wanted {len(frame)}, was {header.message_length}"
        raise CodecError(Reason.MESSAGE_LENGTH, 2, detail)
    return header


# Structure


def root_length(message: MessageLayout, version: int) -> int:
    """Bytes of the root block at a schema version."""
    lengths = [length for since, length in message.root_lengths if since <= version]
    return lengths[-1] if lengths else message.root_lengths[0][1]


def _does_not_fit(offset: int, field: str, wanted: int, length: int) -> _Refused:
    text = f"wanted a messageLength of {wanted} or more, was {length}"
    return _Refused(RejectReason.INVALID_BLOCK_LENGTH, offset, field, text)


def _root(message: MessageLayout, length: int, version: int) -> _Part:
    """The root block. A client may send any length that the message ever had: what is missing was not sent."""
    if message.from_client:
        wanted = message.root_lengths[0][1]
        present = min(message.root_lengths[-1][1], length - HEADER_SIZE)
    else:
        wanted = present = root_length(message, version)
    if HEADER_SIZE + wanted > length:
        cut = next(field for field in message.fields if HEADER_SIZE + field.offset + field.size > length)
        raise _does_not_fit(HEADER_SIZE + cut.offset, cut.wire_name, HEADER_SIZE + wanted, length)
    return _Part("", "", HEADER_SIZE, present, message.fields)


def _entries(frame: bytes, at: int, group: GroupLayout) -> tuple[tuple[_Part, ...], int]:
    """The entries of the group at `at`, and where it ends."""
    start = at + DIMENSION.size
    if start > len(frame):
        raise _does_not_fit(at, group.wire_name, start, len(frame))
    block_length, count = DIMENSION.unpack_from(frame, at)
    if block_length < group.block_length:
        text = f"wanted {group.block_length} or more, was {block_length}"
        raise _Refused(RejectReason.INVALID_BLOCK_LENGTH, at, f"{group.wire_name}.blockLength", text)
    end = start + block_length * count
    if end > len(frame):
        raise _does_not_fit(at + 2, f"{group.wire_name}.numInGroup", end, len(frame))
    starts = range(start, end, block_length)
    return tuple(_Part(group.name, f"{group.wire_name}.", one, block_length, group.fields) for one in starts), end


def _data(frame: bytes, at: int, data: DataLayout) -> tuple[int, int]:
    """Start and end of the data whose length stands at `at`."""
    start = at + data.length_size
    end = start + int.from_bytes(frame[at:start], "little") if start <= len(frame) else start
    if end > len(frame):
        raise _does_not_fit(at, data.wire_name, end, len(frame))
    return start, end


def _structure(message: MessageLayout, frame: bytes, version: int) -> _Structure:
    root = _root(message, len(frame), version)
    end = root.start + root.present
    groups, pieces = [], []
    for group in message.groups:
        entries, end = _entries(frame, end, group)
        groups.append(entries)
    for data in message.data:
        start, end = _data(frame, end, data)
        pieces.append((start, end))
    if len(frame) > end + SLACK_MAX:
        text = f"wanted {end + SLACK_MAX} or less, was {len(frame)}"
        raise _Refused(RejectReason.INVALID_BLOCK_LENGTH, 2, "messageLength", text)
    return _Structure(root, tuple(groups), tuple(pieces))


# Decoding


def _is_nullable(field: FieldLayout) -> bool:
    return field.optional or field.kind in NULLABLE


def _null(field: FieldLayout) -> bytes:
    if field.kind == "int8":
        return struct.pack("<b", ENUM_NULL)
    return struct.pack("<q", INT64_NULL).ljust(field.size, b"\0")


def _read(frame: bytes, part: _Part, field: FieldLayout) -> Scalar:
    if field.offset + field.size > part.present:
        if _is_nullable(field):
            return None
        return "" if field.kind == "char" else 0
    content = frame[part.start + field.offset :][: field.size]
    if field.kind == "char":
        return content.rstrip(b"\0").decode("ascii", "surrogateescape")
    first, *rest = struct.unpack(FORMATS[field.kind], content)
    if field.optional and first == (ENUM_NULL if field.kind == "int8" else INT64_NULL):
        return None
    return Decimal72(first, *rest) if field.kind == "decimal72" else first


def _read_block(frame: bytes, part: _Part) -> dict[str, Scalar]:
    return {field.name: _read(frame, part, field) for field in part.fields if field.kind != "padding"}


def decode(frame: BytesLike, *, version: int | None = None) -> Message:
    """One whole frame, not a byte more, to a Message. Values are not judged.

    `version` is the session's schema version; without it the header's version field tells which fields a message of the
    server has. Raises CodecError."""
    content = bytes(frame)
    header = _header(content)
    message = BY_ID.get(header.message_type_id)
    try:
        if message is None:
            text = f"wanted the id of a message, was {header.message_type_id}"
            raise _Refused(RejectReason.INVALID_TEMPLATE_ID, 4, "messageTypeId", text)
        structure = _structure(message, content, header.version if version is None else version)
    except _Refused as refused:
        reason = Reason.TEMPLATE_ID if message is None else Reason.BLOCK_LENGTH
        raise CodecError(reason, refused.problem.offset, refused.problem.detail) from None
    fields: dict[str, Value] = {**_read_block(content, structure.root)}
    for group, entries in zip(message.groups, structure.entries, strict=True):
        fields[group.name] = [_read_block(content, entry) for entry in entries]
    for data, (start, end) in zip(message.data, structure.data, strict=True):
        piece = content[start:end]
        fields[data.name] = piece.decode("ascii", "surrogateescape") if data.is_text else piece
    return Message(header, message.name, fields)


# Checks


def _check_value(frame: bytes, part: _Part, field: FieldLayout) -> None:
    if field.offset + field.size > part.present or not (field.domain or field.low is not None):
        return
    offset = part.start + field.offset
    (value,) = struct.unpack_from(FORMATS[field.kind], frame, offset)
    text = None
    if field.domain in ENUMS:
        known = {int(one) for one in ENUMS[field.domain]} | ({ENUM_NULL} if field.optional else set())
        if value not in known:
            text = f"wanted a value of {field.domain}, was {value}"
    elif field.domain in SETS:
        if value & ~sum(int(one) for one in SETS[field.domain]):
            text = f"wanted bits of {field.domain}, was {value}"
    elif field.low is not None and value < field.low:
        text = f"wanted {field.low} or more, was {value}"
    if text:
        raise _Refused(RejectReason.INVALID_FIELD_VALUE, offset, f"{part.prefix}{field.wire_name}", text)


def _check(frame: bytes, template_id: int, version: int, direction: int) -> None:
    """Raises _Refused."""
    message = BY_ID.get(template_id)
    text = None
    if message is None:
        text = f"wanted the id of a message, was {template_id}"
    elif not (message.from_client if direction == CLIENT else message.from_server):
        text = f"wanted a message of the {'client' if direction == CLIENT else 'server'}, was {template_id}"
    elif message.since_version > version:
        text = f"{template_id} needs schema version {message.since_version} or later"
    if message is None or text:
        raise _Refused(RejectReason.INVALID_TEMPLATE_ID, 4, "messageTypeId", str(text))
    structure = _structure(message, frame, version)
    for part in (structure.root, *(entry for entries in structure.entries for entry in entries)):
        for field in part.fields:
            _check_value(frame, part, field)


def check(frame: BytesLike, *, version: int = SCHEMA_VERSION, direction: int = CLIENT) -> Problem | None:
    """What a session Reject would say about a frame that `direction` sent in a session of `version`; None if nothing.

    Raises CodecError for bytes that are not exactly one frame."""
    content = bytes(frame)
    header = _header(content)
    try:
        _check(content, header.message_type_id, version, direction)
    except _Refused as refused:
        return refused.problem
    return None


# Encoding


def _pack(path: str, field: FieldLayout, values: Mapping[str, object]) -> bytes:
    if field.kind == "padding" or field.name not in values:
        return _null(field) if field.optional else bytes(field.size)
    value = values[field.name]
    where = f"{path}.{field.name}"
    if value is None and _is_nullable(field):
        return _null(field)
    if field.kind == "char":
        return arguments.text(where, value, field.size).ljust(field.size, b"\0")
    if field.kind == "decimal72":
        return struct.pack("<qb", *arguments.decimal(where, value))
    if field.kind == "double":
        return struct.pack("<d", arguments.number(where, value))
    return struct.pack(FORMATS[field.kind], arguments.integer(where, value, field.kind))


def _pack_block(path: str, fields: tuple[FieldLayout, ...], values: Mapping[str, object], present: int) -> bytes:
    return b"".join(_pack(path, field, values) for field in fields if field.offset + field.size <= present)


def _known(fields: tuple[FieldLayout, ...]) -> frozenset[str]:
    return frozenset(field.name for field in fields if field.kind != "padding")


def _pack_group(path: str, group: GroupLayout, values: object) -> bytes:
    entries = arguments.entries(path, values)
    known = _known(group.fields)
    out = [DIMENSION.pack(group.block_length, len(entries))]
    for position, entry in enumerate(entries):
        where = f"{path}[{position}]"
        out.append(_pack_block(where, group.fields, arguments.block(where, entry, known), group.block_length))
    return b"".join(out)


def _pack_data(path: str, data: DataLayout, values: Mapping[str, object]) -> bytes:
    size_max = (1 << 8 * data.length_size) - 1
    where = f"{path}.{data.name}"
    if data.is_text:
        content = arguments.text(where, values.get(data.name, ""), size_max)
    else:
        content = arguments.content(where, values.get(data.name, b""), size_max)
    return len(content).to_bytes(data.length_size, "little") + content


def encode(
    name: str,
    fields: Mapping[str, object],
    *,
    sequence_number: int = 0,
    last_processed_seq_no: int = 0,
    send_time_ns: int = 0,
    version: int = SCHEMA_VERSION,
    flags: int = 0,
    padded: bool = True,
    root_version: int = SCHEMA_VERSION,
) -> bytes:
    """One frame. Missing optional fields are null, other missing fields zero or empty.

    `version` goes into the header; fields newer than `root_version` are withheld. `padded` fills up to a multiple of 8.
    Raises EncodeError."""
    message = BY_NAME.get(name)
    if message is None:
        raise EncodeError(name, "there is no such message")
    tail = [group.name for group in message.groups] + [data.name for data in message.data]
    values = arguments.block(name, fields, _known(message.fields).union(tail))
    body = _pack_block(name, message.fields, values, root_length(message, root_version))
    for group in message.groups:
        body += _pack_group(f"{name}.{group.name}", group, values.get(group.name, ()))
    for data in message.data:
        body += _pack_data(name, data, values)
    if padded:
        body += bytes(-(HEADER_SIZE + len(body)) % 8)
    length = arguments.frame_size(name, HEADER_SIZE + len(body))
    header = HEADER.pack(
        PROTOCOL_ID,
        arguments.integer("header.flags", flags, "uint8"),
        length,
        message.template_id,
        arguments.integer("header.version", version, "uint16"),
        arguments.integer("header.sequence_number", sequence_number, "int64"),
        arguments.integer("header.last_processed_seq_no", last_processed_seq_no, "int64"),
        arguments.integer("header.send_time_ns", send_time_ns, "int64"),
    )
    return header + body


# Decimals


def to_fixed(decimal: tuple[int, int]) -> int | None:
    """A Decimal72 in units of 1e-9, None for null. Raises ValueError where that is not exact or does not fit."""
    mantissa, exponent = arguments.decimal("decimal", decimal)
    if mantissa == INT64_NULL:
        return None
    shift: int = 10 ** abs(exponent + 9)
    fixed, rest = divmod(mantissa, shift) if exponent < -9 else (mantissa * shift, 0)
    if rest:
        raise ValueError("not a multiple of 1e-9")
    if not -(1 << 63) < fixed < 1 << 63:
        raise ValueError("too large")
    return fixed


def from_fixed(fixed: int | None) -> Decimal72:
    """Units of 1e-9, or None, as the Decimal72 that the server sends."""
    number = INT64_NULL if fixed is None else arguments.integer("fixed", fixed, "int64")
    return Decimal72(number, 0 if number == INT64_NULL else -9)
