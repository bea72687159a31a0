"""Decoded messages as people and programs read them: exact decimals, names of enums and flags, RFC 3339 times.

What comes out is made of JSON's types only. A decimal is text, because a float is not the number on the wire; a value
that its enum or set does not know stays a number; a secret is masked.
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from codec import wire
from codec.errors import CodecError
from codec.layout import ENUMS, FLAG_RESEND, HEADER_SIZE, MESSAGES, SETS, FieldLayout, TimeInForce
from codec.values import CLIENT, INT64_NULL, SERVER, Decimal72, Header, Message
from gateway.log import MASK

Readable: TypeAlias = "bool | int | float | str | list[Readable] | dict[str, Readable] | None"
Reader: TypeAlias = Callable[[Any], Readable]

LAYOUTS: Final = {message.name: message for message in MESSAGES}

_FIXED_EXPONENT: Final = -9
_NS_PER_S: Final = 1_000_000_000
_INDENT: Final = "    "
_BARE: Final = re.compile(r"[A-Za-z0-9_.:|*+-]+")
"""Text that needs no quotes to be told from what stands around it."""


def decimal_text(mantissa: int, exponent: int) -> str:
    """mantissa x 10^exponent, exactly, without an exponent and without zeros at the end of its fraction."""
    if mantissa == 0:
        return "0"
    sign, digits = ("-", str(-mantissa)) if mantissa < 0 else ("", str(mantissa))
    if exponent >= 0:
        return sign + digits + "0" * exponent
    digits = digits.rjust(1 - exponent, "0")
    fraction = digits[exponent:].rstrip("0")
    return sign + digits[:exponent] + ("." + fraction if fraction else "")


def time_text(time_ns: int) -> str:
    """Nanoseconds since the Unix epoch as RFC 3339 in UTC. Any int64 has such a text."""
    seconds, nanoseconds = divmod(time_ns, _NS_PER_S)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"


def plain_text(text: str) -> str:
    """Text of the wire without what JSON cannot carry: bytes that are not ASCII become \\xNN."""
    return text if text.isascii() else text.encode("ascii", "surrogateescape").decode("ascii", "backslashreplace")


# Values


def _price(value: int | None) -> Readable:
    return None if value is None or value == INT64_NULL else decimal_text(value, _FIXED_EXPONENT)


def _decimal(value: Decimal72 | None) -> Readable:
    return None if value is None or value.mantissa == INT64_NULL else decimal_text(*value)


def _time(value: int | None) -> Readable:
    return None if value is None or value == INT64_NULL else time_text(value)


def _days(value: int) -> Readable:
    return f"{value}_DAYS" if value > 0 else _TIMES_IN_FORCE.get(value, value)


def _double(value: float) -> Readable:
    return value if math.isfinite(value) else str(value)


def _secret(_value: str) -> Readable:
    return MASK


def _same(value: Any) -> Readable:
    readable: Readable = value
    return readable


def _enum_reader(domain: str) -> Reader:
    names: dict[Any, Readable] = {int(one): one.name for one in ENUMS[domain]}
    if domain == "Bool":
        names = {0: False, 1: True}
    return lambda value: names.get(value, value)


def _set_reader(domain: str) -> Reader:
    names = [(int(one), one.name or "") for one in SETS[domain]]
    known = sum(bit for bit, _ in names)

    def read(value: int) -> Readable:
        unknown: list[Readable] = [value & ~known] if value & ~known else []
        return [name for bit, name in names if value & bit] + unknown

    return read


_TIMES_IN_FORCE: Final[dict[int, str]] = {int(one): one.name for one in TimeInForce}
_BY_TYPE: Final[dict[str, Reader]] = {"Timestamp": _time, "TimeInForceOrDays": _days, "Secret": _secret}
_BY_KIND: Final[dict[str, Reader]] = {
    "price9": _price,
    "decimal72": _decimal,
    "double": _double,
    "char": plain_text,
}


def _reader(field: FieldLayout) -> Reader:
    if field.domain in ENUMS:
        return _enum_reader(field.domain)
    if field.domain in SETS:
        return _set_reader(field.domain)
    return _BY_TYPE.get(field.type_name) or _BY_KIND.get(field.kind, _same)


def _block_readers(fields: tuple[FieldLayout, ...]) -> dict[str, Reader]:
    return {field.name: _reader(field) for field in fields if field.kind != "padding"}


def _group_reader(readers: Mapping[str, Reader]) -> Reader:
    return lambda entries: [{name: read(entry[name]) for name, read in readers.items()} for entry in entries]


def _message_readers() -> dict[str, dict[str, Reader]]:
    readers = {}
    for message in MESSAGES:
        one = _block_readers(message.fields)
        one |= {group.name: _group_reader(_block_readers(group.fields)) for group in message.groups}
        one |= {data.name: plain_text if data.is_text else _enclosed_frame for data in message.data}
        readers[message.name] = one
    return readers


# Frames


def readable(message: Message) -> dict[str, Readable]:
    """The message as `message`, `header` and `fields`. Fields that the frame is too short or too old for are left out.

    A DropCopyEvent has the frame that it encloses read in the same way, with a `problem` if there is one.
    """
    readers, absent = _READERS[message.name], _absent(message)
    return {
        "message": message.name,
        "header": _readable_header(message.header),
        "fields": {name: readers[name](value) for name, value in message.fields.items() if name not in absent},
    }


def _absent(message: Message) -> set[str]:
    """Fields of the root block that the frame does not have: a client's by its length, a server's by its version."""
    layout, header = LAYOUTS[message.name], message.header
    if layout.from_client:
        room = header.message_length - HEADER_SIZE
        return {field.name for field in layout.fields if field.offset + field.size > room}
    return {field.name for field in layout.fields if field.since_version > header.version}


def sender_of(name: str) -> str | None:
    """Which side sends a message, "client" or "server"; None when both do."""
    layout = LAYOUTS[name]
    if layout.from_client and layout.from_server:
        return None
    return "client" if layout.from_client else "server"


def value_problem(frame: bytes, message: Message) -> dict[str, Readable] | None:
    """What is wrong with the values of a sound frame, with its place: an enum, set or range that does not have them."""
    from_client = LAYOUTS[message.name].from_client
    # A server stamps each message with the version it has the layout of, a client with the one it was built with.
    problem = (
        wire.check(frame, direction=CLIENT)
        if from_client
        else wire.check(frame, direction=SERVER, version=message.header.version)
    )
    return problem and {"offset": problem.offset, "detail": problem.detail}


def _readable_header(header: Header) -> dict[str, Readable]:
    unknown = header.flags & ~FLAG_RESEND
    flags: list[Readable] = ["RESEND"] if header.flags & FLAG_RESEND else []
    return {
        "flags": [*flags, unknown] if unknown else flags,
        "message_length": header.message_length,
        "message_type_id": header.message_type_id,
        "version": header.version,
        "sequence_number": header.sequence_number,
        "last_processed_seq_no": header.last_processed_seq_no,
        "send_time": time_text(header.send_time_ns),
    }


def _enclosed_frame(frame: bytes) -> Readable:
    """The frame inside a DropCopyEvent. Nothing is enclosed twice: that would be read without a bound on its depth."""
    try:
        message = wire.decode(frame)
    except CodecError as error:
        return {"problem": {"offset": error.offset, "detail": error.detail}}
    if any(data.is_text is False for data in LAYOUTS[message.name].data):
        return {"problem": {"offset": 0, "detail": f"{message.name} cannot be enclosed"}}
    problem = value_problem(frame, message)
    return readable(message) | ({"problem": problem} if problem else {})


_READERS: Final = _message_readers()


# Text


def lines_of(frame: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A readable frame as lines of `name=value`: header, root block, then one for each entry of a group."""
    if "message" in frame:
        yield f"{indent}{frame['message']} {_words(frame['header'])}"
        yield from _field_lines(frame["fields"], indent + _INDENT)
    if "problem" in frame:
        problem = frame["problem"]
        yield f"{indent}{_INDENT}problem at offset {problem['offset']} of this frame: {problem['detail']}"


def _field_lines(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    groups = {name: value for name, value in fields.items() if _is_group(value)}
    frames = {name: value for name, value in fields.items() if isinstance(value, dict)}
    root = {name: value for name, value in fields.items() if name not in groups and name not in frames}
    if root:
        yield indent + _words(root)
    for name, entries in groups.items():
        for position, entry in enumerate(entries):
            yield f"{indent}{name}[{position}] {_words(entry)}"
    for name, frame in frames.items():
        yield f"{indent}{name}:"
        yield from lines_of(frame, indent + _INDENT)


def _is_group(value: Readable) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _words(values: Mapping[str, Readable]) -> str:
    return " ".join(f"{name}={_word(value)}" for name, value in values.items())


def _word(value: Readable) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "|".join(map(str, value)) or "none"
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)
