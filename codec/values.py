"""What the two codecs, `codec.wire` and `codec.messages`, take and give in Python.

Values of fields: integers as they stand on the wire (enums, sets and booleans too), a price in units of 1e-9,
Decimal72, text for char arrays (trailing NULs stripped) and variable-length text (ASCII, other bytes as surrogates),
bytes for an enclosed frame, a list of dicts for a group. A field that holds its null value is None where the schema
calls it optional; so is one that the frame is too old to have, if its type has a null value; else that one is 0.
"""

from typing import NamedTuple, TypeAlias

from codec.errors import Reason

CLIENT = 1
"""Direction: frames that a client sends."""

SERVER = 2
"""Direction: frames that the server sends."""

INT64_NULL = -(1 << 63)
"""Null value of int64 fields, prices and the mantissa of a Decimal72."""

ENUM_NULL = -128
"""Null value of an optional enum."""


class Decimal72(NamedTuple):
    """The number mantissa x 10^exponent."""

    mantissa: int
    exponent: int


BytesLike: TypeAlias = bytes | bytearray | memoryview
Scalar: TypeAlias = int | float | str | bytes | Decimal72 | None
Value: TypeAlias = Scalar | list[dict[str, Scalar]]


class Header(NamedTuple):
    """The 32 bytes in front of every message. Times in ns since the Unix epoch."""

    protocol_id: int
    flags: int
    message_length: int
    message_type_id: int
    version: int
    sequence_number: int
    last_processed_seq_no: int
    send_time_ns: int


class Message(NamedTuple):
    """One decoded frame; `name` as in the schema, keys of `fields` in snake_case."""

    header: Header
    name: str
    fields: dict[str, Value]


class Problem(NamedTuple):
    """What a session Reject has to say about a frame: its reason (2 to 4), and where. `field` as in the schema."""

    reject_reason: int
    offset: int
    field: str
    detail: str


class Complete(NamedTuple):
    """A frame of `length` bytes begins at `start` of the buffer."""

    start: int
    length: int


class Partial(NamedTuple):
    """At least `needed` more bytes are wanted."""

    needed: int


class Invalid(NamedTuple):
    """The stream cannot be read on."""

    reason: Reason
