"""What the codec's tests draw: values for every message, and frames that were tampered with."""

import string
import struct
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from codec import wire
from codec.arguments import INTEGER_RANGES
from codec.errors import CodecError
from codec.layout import ENUMS, MESSAGES, SETS, FieldLayout, MessageLayout
from codec.values import ENUM_NULL, INT64_NULL, Decimal72, Message

INTERESTING = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, (1 << 63) - 1, INT64_NULL)
NUL = "\0"


def integers(kind: str) -> st.SearchStrategy[int]:
    low, high = INTEGER_RANGES[kind]
    return st.one_of(st.sampled_from([one for one in INTERESTING if low <= one <= high]), st.integers(low, high))


def ascii_text(size_max: int) -> st.SearchStrategy[str]:
    """Any bytes, as text that the codecs give; some of it is plain ASCII."""
    wild = st.binary(max_size=size_max).map(lambda raw: raw.decode("ascii", "surrogateescape"))
    return st.one_of(st.text(string.printable, max_size=size_max), wild)


def known_values_of(field: FieldLayout) -> st.SearchStrategy[Any]:
    """Values of a field that pass the checks."""
    if field.domain in ENUMS:
        null = [None] if field.optional else []
        return st.sampled_from([*map(int, ENUMS[field.domain]), *null])
    if field.domain in SETS:
        return st.lists(st.sampled_from([*map(int, SETS[field.domain])]), unique=True).map(sum)
    if field.low is not None:
        return st.integers(field.low, INTEGER_RANGES[field.kind][1])
    return values_of(field)


def values_of(field: FieldLayout) -> st.SearchStrategy[Any]:
    """Values of a field that survive encoding and decoding unchanged."""
    if field.kind == "char":
        return ascii_text(field.size).map(lambda text: text.rstrip(NUL))
    if field.kind == "double":
        return st.floats(allow_nan=False)
    if field.kind == "decimal72":
        values: st.SearchStrategy[Any] = st.builds(Decimal72, integers("int64"), integers("int8"))
        return st.none() | values.filter(lambda one: one.mantissa != INT64_NULL) if field.optional else values
    values = integers(field.kind)
    if not field.optional:
        return values
    null = ENUM_NULL if field.kind == "int8" else INT64_NULL
    return st.none() | values.filter(lambda one: one != null)


def blocks_of(fields: tuple[FieldLayout, ...], *, known: bool) -> st.SearchStrategy[dict[str, Any]]:
    draw_from = known_values_of if known else values_of
    return st.fixed_dictionaries({field.name: draw_from(field) for field in fields if field.kind != "padding"})


def fields_of(message: MessageLayout, *, known: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Everything that a message can carry; `known` values pass the checks."""
    tail: dict[str, st.SearchStrategy[Any]] = {
        group.name: st.lists(blocks_of(group.fields, known=known), max_size=3) for group in message.groups
    }
    tail |= {
        data.name: ascii_text(255) if data.is_text else st.one_of(st.binary(max_size=300), st.just(bytes(2_000)))
        for data in message.data
    }
    root = blocks_of(message.fields, known=known)
    return st.tuples(root, st.fixed_dictionaries(tail)).map(lambda parts: {**parts[0], **parts[1]})


@st.composite
def frames(draw: st.DrawFn, *, stamped: bool = False) -> bytes:
    """A frame of any message and schema version, padded or not; `stamped` ones have that version in the header."""
    message = draw(st.sampled_from(MESSAGES))
    version = draw(st.integers(0, 17))
    return wire.encode(
        message.name,
        draw(fields_of(message, known=draw(st.booleans()))),
        sequence_number=draw(integers("int64")),
        version=version if stamped else draw(st.sampled_from([version, 0, 17, 0xFFFF])),
        flags=draw(integers("uint8")),
        padded=draw(st.booleans()),
        root_version=version,
    )


def with_length(frame: bytes) -> bytes:
    """The same bytes with the messageLength that they really have."""
    return frame[:2] + len(frame).to_bytes(2, "little") + frame[4:]


@st.composite
def tampered_frames(draw: st.DrawFn) -> bytes:
    """A frame with bytes changed, cut off or added; mostly with a messageLength that agrees."""
    frame = bytearray(draw(frames())[:2000])
    for _ in range(draw(st.integers(0, 4))):
        position = draw(st.integers(4, len(frame) - 1))
        size = draw(st.sampled_from([1, 1, 2, 8]))
        patch = draw(st.sampled_from([b"\x00", b"\xff", b"\x80", b"\x01"])) * size
        frame[position : position + size] = patch[: len(frame) - position]
    if draw(st.booleans()):
        del frame[draw(st.integers(32, len(frame))) :]
    if draw(st.booleans()):
        frame += draw(st.binary(max_size=20))
    return with_length(bytes(frame)) if draw(st.integers(0, 9)) else bytes(frame)


def outcome(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a codec answers, errors included, in a form that can be compared."""
    try:
        answer = call(*arguments, **options)
    except CodecError as error:
        return type(error), error.reason, error.offset, error.detail
    return _with_float_bits(answer) if isinstance(answer, Message) else answer


def _with_float_bits(message: Message) -> Message:
    """The message with its floats as their bits, since no NaN equals another. Floats stand in no group."""
    bits = {name: struct.pack("<d", value) for name, value in message.fields.items() if isinstance(value, float)}
    return message._replace(fields={**message.fields, **bits})
