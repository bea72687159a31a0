"""Writes codec/layout.pxd and codec/layout.py from the schema.

python -m codec.generate            write both files
python -m codec.generate --check    write nothing, exit 1 if one of them is not what would be written
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from codec.errors import SchemaError
from codec.schema import PRIMITIVES, Composite, Data, Enum, Field, Message, Schema, Set, Type, load, schema_path

HEADLINE = "generated from schemas/order_entry.xml by codec.generate"
PROTOCOL_ID = 0xDB
FLAG_RESEND = 1

C_TYPES = {"char": "char", "double": "double"}


def snake(name: str) -> str:
    """`clientOrderId` and `ClientOrderId` to `client_order_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def constant(name: str) -> str:
    """`OrderFlags` to `ORDER_FLAGS`."""
    return snake(name).upper()


def is_price(composite: Composite) -> bool:
    """Whether a composite is one int64 on the wire, with a constant exponent of -9."""
    return [(member.name, member.constant) for member in composite.members] == [("mantissa", None), ("exponent", "-9")]


def kind(field: Field) -> str:
    """The word by which layout.py and the codecs call the encoding of a field."""
    match field.type:
        case Type(primitive="char"):
            return "char"
        case Type(primitive=primitive, length=length):
            return primitive if length == 1 else "padding"
        case Composite() as composite:
            return "price9" if is_price(composite) else snake(composite.name)
        case Enum(primitive=primitive) | Set(primitive=primitive):
            return primitive


def sent(schema: Schema) -> list[Message]:
    """The messages that one of the sides sends: all but the generators' aid."""
    return [message for message in schema.messages if message.from_client or message.from_server]


# layout.pxd


def c_type(primitive: str) -> str:
    return C_TYPES.get(primitive, f"{primitive}_t")


def c_field_type(field: Field) -> str:
    match field.type:
        case Type(primitive=primitive, length=length):
            return c_type(primitive) if length == 1 else f"{c_type(primitive)}[{length}]"
        case Composite() as composite:
            return "int64_t" if is_price(composite) else struct_name(composite)
        case Enum(primitive=primitive) | Set(primitive=primitive):
            return c_type(primitive)


def struct_name(composite: Composite) -> str:
    return composite.name[0].upper() + composite.name[1:]


def c_constants(names: list[tuple[str, int]]) -> Iterator[str]:
    yield "cdef enum:"
    for name, value in names:
        yield f"    {name} = {value}"
    yield ""


def c_struct(name: str, members: list[tuple[str, str]]) -> Iterator[str]:
    yield f"cdef packed struct {name}:"
    for member, member_type in members:
        yield f"    {member_type} {member}"
    yield ""


def c_message(message: Message) -> Iterator[str]:
    """The structs of a message's root block and group entries. An empty root block has none."""
    blocks = [(message.name, message.fields)]
    blocks += [(message.name + group.name[0].upper() + group.name[1:], group.fields) for group in message.groups]
    for name, fields in blocks:
        if fields:
            yield from c_struct(name, [(snake(field.name), c_field_type(field)) for field in fields])


def c_composite(composite: Composite, name: str = "") -> Iterator[str]:
    members = [member for member in composite.members if member.constant is None]
    yield from c_struct(
        name or struct_name(composite), [(snake(member.name), c_type(member.primitive)) for member in members]
    )


def c_function(signature: str, note: str, cases: list[tuple[str, str]], otherwise: str) -> Iterator[str]:
    yield f"cdef inline {signature} noexcept nogil:"
    yield f'    """{note}"""'
    for position, (condition, result) in enumerate(cases):
        yield f"    {'el' if position else ''}if {condition}:"
        yield f"        return {result}"
    yield f"    return {otherwise}"
    yield ""


def by_version(steps: tuple[tuple[int, int], ...]) -> str:
    """An expression that picks the last step whose version is not above `version`."""
    expression = str(steps[0][1])
    for version, result in steps[1:]:
        expression = f"{result} if version >= {version} else {expression}"
    return expression


def stamp_steps(message: Message) -> tuple[tuple[int, int], ...]:
    versions = sorted({0, message.since_version, *(field.since_version for field in message.fields)})
    return tuple((version, version) for version in versions)


def sender_bits(message: Message) -> str:
    return " | ".join(["SENDER_CLIENT"] * message.from_client + ["SENDER_SERVER"] * message.from_server)


def c_functions(schema: Schema) -> Iterator[str]:
    messages = sent(schema)
    one = [(f"template_id == TEMPLATE_{constant(message.name)}", message) for message in messages]
    yield from c_function(
        "int senders(int template_id)",
        "SENDER_CLIENT, SENDER_SERVER or both; 0 for an id that nobody sends.",
        [(name, sender_bits(message)) for name, message in one],
        "0",
    )
    yield from c_function(
        "int since_version(int template_id)",
        "Schema version that added a message, 0 for those of the beginning, the extensions and unknown ids.",
        [(name, str(message.since_version)) for name, message in one if message.since_version],
        "0",
    )
    yield from c_function(
        "uint16_t version_stamp(int template_id, int version)",
        "What the server writes into a frame's version field for a session of `version`.",
        [(name, by_version(steps)) for name, message in one if len(steps := stamp_steps(message)) > 1],
        "0",
    )
    yield from c_function(
        "int root_length(int template_id, int version)",
        "Bytes of a message's root block at a schema version; -1 for an id that nobody sends.",
        [(name, by_version(message.root_lengths())) for name, message in one],
        "-1",
    )


def layout_pxd(schema: Schema) -> str:
    composites = {name: one for name, one in schema.types.items() if isinstance(one, Composite)}
    enums = [one for one in schema.types.values() if isinstance(one, Enum)]
    sets = [one for one in schema.types.values() if isinstance(one, Set)]
    lines = [
        f"# {HEADLINE}",
        "#",
        "# Structs overlay the wire: packed, little-endian, root blocks without the frame header. Messages with an",
        "# empty root block have no struct. A root block of an older schema version is a prefix of the struct.",
        "",
        "from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t",
        "",
    ]
    header = composites["frameHeader"]
    lines += c_constants(
        [
            ("SCHEMA_ID", schema.id),
            ("SCHEMA_VERSION", schema.version),
            ("PROTOCOL_ID", PROTOCOL_ID),
            ("FLAG_RESEND", FLAG_RESEND),
            ("HEADER_SIZE", header.size),
            ("SENDER_CLIENT", 1),
            ("SENDER_SERVER", 2),
        ]
    )
    lines += c_constants([(f"TEMPLATE_{constant(message.name)}", message.id) for message in sent(schema)])
    for enum in enums:
        lines += c_constants([(f"{constant(enum.name)}_{value.name}", value.value) for value in enum.values])
    for one in sets:
        names = [(f"{constant(one.name)}_{constant(choice.name)}", 1 << choice.value) for choice in one.choices]
        lines += c_constants([*names, (f"{constant(one.name)}_MASK", sum(value for _, value in names))])
    lines += c_composite(header)
    lines += c_composite(composites["groupSizeEncoding"], "GroupDimension")
    lines += c_composite(composites["Decimal72"])
    for message in sent(schema):
        lines += c_message(message)
    lines += c_functions(schema)
    return "\n".join(lines).rstrip("\n") + "\n"


# layout.py

PYTHON_PREAMBLE = '''"""Tables of the wire for Python: enums, sets and the layout of every message.

{headline}
"""

# fmt: off

from enum import IntEnum, IntFlag
from typing import NamedTuple

SCHEMA_ID = {schema_id}
SCHEMA_VERSION = {schema_version}
PROTOCOL_ID = {protocol_id}
FLAG_RESEND = {flag_resend}
HEADER_SIZE = {header_size}


class FieldLayout(NamedTuple):
    """A field of a block. `offset` counts from the start of the root block or of the group entry."""

    name: str
    wire_name: str
    kind: str
    """Primitive type, or char (text of fixed width), padding, price9 (int64 in units of 1e-9), decimal72."""
    offset: int
    size: int
    since_version: int
    optional: bool
    domain: str = ""
    """Name of the enum or set in ENUMS or SETS that its values belong to, or empty."""
    low: int | None = None
    """Smallest value allowed, where that is above what the type can hold."""
    type_name: str = ""
    """Name of the schema's own plain type, such as Timestamp, or empty."""


class GroupLayout(NamedTuple):
    name: str
    wire_name: str
    block_length: int
    fields: tuple[FieldLayout, ...]


class DataLayout(NamedTuple):
    """Variable-length data behind a length of `length_size` bytes; text, or bytes as they are."""

    name: str
    wire_name: str
    length_size: int
    is_text: bool


class MessageLayout(NamedTuple):
    template_id: int
    name: str
    from_client: bool
    from_server: bool
    since_version: int
    root_lengths: tuple[tuple[int, int], ...]
    """(first version, bytes of the root block from then on), oldest first."""
    fields: tuple[FieldLayout, ...]
    groups: tuple[GroupLayout, ...]
    data: tuple[DataLayout, ...]

'''


def python_constants(one: Enum | Set) -> Iterator[str]:
    values = one.values if isinstance(one, Enum) else one.choices
    yield ""
    yield f"class {one.name}({'IntEnum' if isinstance(one, Enum) else 'IntFlag'}):"
    yield f'    """{one.description}."""'
    yield ""
    for value in values:
        name = value.name if isinstance(one, Enum) else constant(value.name)
        yield f"    {name} = {value.value if isinstance(one, Enum) else 1 << value.value}"
    yield ""


def python_field(field: Field) -> str:
    limits = ""
    if isinstance(field.type, Enum | Set):
        limits = f', "{field.type.name}"'
    elif isinstance(field.type, Type):
        if field.type.min_value is not None:
            limits = f", low={field.type.min_value}"
        if field.type.name not in PRIMITIVES:
            limits += f', type_name="{field.type.name}"'
    names = f'"{snake(field.name)}", "{field.name}", "{kind(field)}"'
    numbers = f"{field.offset}, {field.type.size}, {field.since_version}, {field.optional}"
    return f"FieldLayout({names}, {numbers}{limits}),"


def python_block(indent: str, fields: tuple[Field, ...]) -> Iterator[str]:
    if not fields:
        yield f"{indent}(),"
        return
    yield f"{indent}("
    for field in fields:
        yield f"{indent}    {python_field(field)}"
    yield f"{indent}),"


def python_data(data: Data) -> str:
    length, content = data.type.members
    return f'DataLayout("{snake(data.name)}", "{data.name}", {length.size}, {content.primitive == "char"}),'


def python_message(message: Message) -> Iterator[str]:
    yield "    MessageLayout("
    head = f'{message.id}, "{message.name}", {message.from_client}, {message.from_server}, {message.since_version}'
    yield f"        {head}, {message.root_lengths()},"
    yield from python_block(" " * 8, message.fields)
    if message.groups:
        yield "        ("
        for group in message.groups:
            yield "            GroupLayout("
            yield f'                "{snake(group.name)}", "{group.name}", {group.block_length},'
            yield from python_block(" " * 16, group.fields)
            yield "            ),"
        yield "        ),"
    else:
        yield "        (),"
    yield f"        ({''.join(map(python_data, message.data))}),"
    yield "    ),"


def layout_py(schema: Schema) -> str:
    header = schema.types["frameHeader"]
    text = PYTHON_PREAMBLE.format(
        headline=HEADLINE,
        schema_id=schema.id,
        schema_version=schema.version,
        protocol_id=f"0x{PROTOCOL_ID:X}",
        flag_resend=FLAG_RESEND,
        header_size=header.size,
    )
    enums = [one for one in schema.types.values() if isinstance(one, Enum)]
    sets = [one for one in schema.types.values() if isinstance(one, Set)]
    lines = [line for enum in enums for line in python_constants(enum)]
    lines += [line for one in sets for line in python_constants(one)]
    for table, base, names in (
        ("ENUMS", "IntEnum", [enum.name for enum in enums]),
        ("SETS", "IntFlag", [one.name for one in sets]),
    ):
        lines += ["", f"{table}: dict[str, type[{base}]] = {{", *(f'    "{name}": {name},' for name in names), "}"]
    lines += ["", "MESSAGES: tuple[MessageLayout, ...] = ("]
    for message in sent(schema):
        lines += python_message(message)
    lines += [")", '"""Every message that one of the sides sends, by template id."""']
    return text + "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns 0, or 1 if the schema is bad or, with --check, a file is stale."""
    parser = argparse.ArgumentParser(prog="python -m codec.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a file is stale")
    parser.add_argument("--schema", type=Path, default=None, help="another schema file")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parent, help="another target directory")
    options = parser.parse_args(arguments)
    try:
        schema = load(options.schema or schema_path())
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    stale = 0
    for name, text in (("layout.pxd", layout_pxd(schema)), ("layout.py", layout_py(schema))):
        path: Path = options.into / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if options.check:
            print(f"{path} is stale: run python -m codec.generate", file=sys.stderr)
            stale = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
