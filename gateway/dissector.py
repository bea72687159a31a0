"""`breakwire dissector`: a Wireshark dissector in Lua: the tables of codec.layout, and the walk in dissector.lua.

The script stands alone: Wireshark needs neither the schema nor this program. A display filter calls a field
`breakwire.` and its name, as `breakwire.order_id`. Names that stand for several types (`flags`, `options`, `reason`,
`scope`, `status`) take that of the enum or set instead: `breakwire.order_status`, `breakwire.order_flags.post_only`.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Final, TypeAlias

from codec.layout import (
    ENUMS,
    FLAG_RESEND,
    HEADER_SIZE,
    MESSAGES,
    PROTOCOL_ID,
    SCHEMA_ID,
    SCHEMA_VERSION,
    SETS,
    DataLayout,
    FieldLayout,
    MessageLayout,
)
from gateway import __version__
from gateway.errors import CaptureError

STANDARD_OUTPUT: Final = "-"
PORTS: Final = "4210-4213"
"""The publisher's ports; ours by default is among them. Wireshark's preferences have them too."""

Lua: TypeAlias = "str | int | bool | Mapping[str | int, Lua] | Iterable[Lua]"

_FRAME_FLAGS: Final = "FrameFlags"
_MESSAGE_TYPES: Final = "MessageType"
_HEADER: Final = (
    FieldLayout("protocol_id", "protocolId", "uint8", 0, 1, 0, False),
    FieldLayout("flags", "flags", "uint8", 1, 1, 0, False, _FRAME_FLAGS),
    FieldLayout("message_length", "messageLength", "uint16", 2, 2, 0, False),
    FieldLayout("message_type_id", "messageTypeId", "uint16", 4, 2, 0, False, _MESSAGE_TYPES),
    FieldLayout("version", "version", "uint16", 6, 2, 0, False),
    FieldLayout("sequence_number", "sequenceNumber", "int64", 8, 8, 0, False),
    FieldLayout("last_processed_seq_no", "lastProcessedSeqNo", "int64", 16, 8, 0, False),
    FieldLayout("send_time", "sendTimeNs", "int64", 24, 8, 0, False, type_name="Timestamp"),
)
_KINDS: Final = {"Timestamp": "time", "Secret": "secret"}
"""What a type of the schema's own is to the walk."""


def snake(name: str) -> str:
    """`OrderFlags` to `order_flags`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).removeprefix("_")


# Lua


def lua(value: Lua, indent: str = "") -> str:
    """A value as Lua writes it. Tables with only plain values stand on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    deeper = indent + "  "
    items = list(_items(value, deeper))
    if not any("{" in item for item in items):
        return "{" + ", ".join(items) + "}"
    return "{\n" + "".join(f"{deeper}{item},\n" for item in items) + indent + "}"


def _items(table: Mapping[str | int, Lua] | Iterable[Lua], indent: str) -> Iterator[str]:
    if not isinstance(table, Mapping):
        yield from (lua(value, indent) for value in table)
        return
    for key, value in table.items():
        yield f"{key if isinstance(key, str) and key.isidentifier() else f'[{lua(key)}]'} = {lua(value, indent)}"


# The schema


AnyField: TypeAlias = FieldLayout | DataLayout


def _fields() -> Iterator[AnyField]:
    """Every field of the header, of every block, and all data."""
    yield from _HEADER
    for message in MESSAGES:
        yield from message.fields
        for group in message.groups:
            yield from group.fields
        yield from message.data


def _kind(field: AnyField) -> str:
    if isinstance(field, DataLayout):
        return "text" if field.is_text else "bytes"
    return _KINDS.get(field.type_name, field.kind)


def _domain(field: AnyField) -> str:
    return "" if isinstance(field, DataLayout) else field.domain


def _ambiguous_names() -> frozenset[str]:
    """Names of fields that stand for more than one type."""
    types: dict[str, set[tuple[str, str]]] = {}
    for field in _fields():
        types.setdefault(field.name, set()).add((_kind(field), _domain(field)))
    return frozenset(name for name, several in types.items() if len(several) > 1)


_AMBIGUOUS: Final = _ambiguous_names()


def filter_name(field: AnyField) -> str:
    """What stands behind `breakwire.` in a display filter."""
    domain = _domain(field)
    return snake(domain) if domain and field.name in _AMBIGUOUS else field.name


def _described(field: AnyField) -> dict[str | int, Lua]:
    """Name, filter, kind and domain of a field."""
    table: dict[str | int, Lua] = {"name": field.name, "filter": filter_name(field), "kind": _kind(field)}
    domain = _domain(field)
    if domain in SETS or domain == _FRAME_FLAGS:
        table["set"] = domain
    elif domain:
        table["enum"] = domain
    elif not isinstance(field, DataLayout) and field.type_name == "TimeInForceOrDays":
        table |= {"enum": "TimeInForce", "days": True}
    return table


def _placed(field: FieldLayout) -> dict[str | int, Lua]:
    table = _described(field) | {"offset": field.offset, "size": field.size}
    return table | {"optional": True} if field.optional else table


def _message(message: MessageLayout) -> dict[str | int, Lua]:
    return {
        "name": message.name,
        "from_client": message.from_client,
        "roots": message.root_lengths,
        "fields": [_placed(field) for field in message.fields],
        "groups": [
            {
                "name": group.name,
                "block_length": group.block_length,
                "fields": [_placed(field) for field in group.fields],
            }
            for group in message.groups
        ],
        "data": [_described(data) | {"length_size": data.length_size} for data in message.data],
    }


def _registered() -> list[Lua]:
    """One description for each filter name: fields of one filter are of one type."""
    by_filter: dict[str, dict[str | int, Lua]] = {}
    for field in _fields():
        if _kind(field) == "padding":
            continue
        described = _described(field)
        first = by_filter.setdefault(filter_name(field), described)
        if first != described:
            raise AssertionError(f"breakwire.{filter_name(field)}: {described} and {first}")
    return list(by_filter.values())


def _enums() -> dict[str | int, Lua]:
    enums: dict[str | int, Lua] = {
        domain: {int(one): one.name for one in values} for domain, values in ENUMS.items() if domain != "Bool"
    }
    enums["Bool"] = {0: "false", 1: "true"}
    enums[_MESSAGE_TYPES] = {message.template_id: message.name for message in MESSAGES}
    return enums


def _sets() -> dict[str | int, Lua]:
    sets: dict[str | int, Lua] = {
        domain: [{"name": (one.name or "").lower(), "label": one.name or "", "mask": int(one)} for one in values]
        for domain, values in SETS.items()
    }
    sets[_FRAME_FLAGS] = [{"name": "resend", "label": "RESEND", "mask": FLAG_RESEND}]
    return sets


def script() -> str:
    """The whole dissector."""
    schema = {
        "protocol_id": PROTOCOL_ID,
        "header_size": HEADER_SIZE,
        "ports": PORTS,
        "enums": _enums(),
        "sets": _sets(),
        "fields": _registered(),
        "header": [_placed(field) for field in _HEADER],
        "messages": {message.template_id: _message(message) for message in MESSAGES},
    }
    return "\n".join(
        [
            f"-- Wireshark dissector for order entry, schema {SCHEMA_ID} version {SCHEMA_VERSION}.",
            f"-- Written by breakwire {__version__}, `breakwire dissector`: write it again rather than change it.",
            "-- Use: wireshark -X lua_script:breakwire.lua, or put it into the folder of your personal Lua plugins.",
            '-- Late segments need the TCP preference "Reassemble out-of-order segments".',
            "",
            f"local SCHEMA = {lua(schema)}",
            "",
            resources.files("gateway").joinpath("dissector.lua").read_text(encoding="utf-8"),
        ]
    )


def run(options: argparse.Namespace) -> int:
    """Writes the dissector to a file or to standard output.

    Raises:
        CaptureError: when the file cannot be written.
    """
    if options.file == STANDARD_OUTPUT:
        sys.stdout.write(script())
        return 0
    try:
        Path(options.file).write_text(script(), encoding="utf-8")
    except OSError as error:
        raise CaptureError(f"cannot write {options.file}: {error.strerror}") from None
    return 0
