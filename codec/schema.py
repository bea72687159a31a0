"""Reads schemas/order_entry.xml (FIX SBE XML) into frozen dataclasses; reports all that is wrong with it at once.

The subset of SBE that the protocol uses: little-endian, no gaps between fields, composites of plain types, groups one
level deep, variable-length data last. On top of SBE's own rules the file must follow ours: a description on every
element, a field's id is the offset of its end in its block, new fields come after old ones, `semanticType` of a message
names its sender.
"""

import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from codec.errors import SchemaError

NAMESPACE = "{http://fixprotocol.io/2016/sbe}"
FIRST_TAIL_ID = 200
"""Groups and data are numbered from here, above the end of any root block."""

PRIMITIVES: Mapping[str, str] = MappingProxyType(
    {
        "char": "c",
        "int8": "b",
        "uint8": "B",
        "int16": "h",
        "uint16": "H",
        "int32": "i",
        "uint32": "I",
        "int64": "q",
        "uint64": "Q",
        "double": "d",
    }
)
"""Primitive types of SBE and their codes in the struct module."""

SENDERS: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {
        "ClientToServer": (True, False),
        "ServerToClient": (False, True),
        "Both": (True, True),
        "None": (False, False),
    }
)
"""semanticType of a message: sent by clients, sent by the server."""


def primitive_size(primitive: str) -> int:
    """Bytes of one value of a primitive type."""
    return struct.calcsize("<" + PRIMITIVES[primitive])


def primitive_range(primitive: str) -> tuple[int, int]:
    """Smallest and largest value that an integer primitive can hold; (0, 255) for char."""
    bits = 8 * primitive_size(primitive)
    if primitive.startswith("int"):
        return -(1 << bits - 1), (1 << bits - 1) - 1
    return 0, (1 << bits) - 1


@dataclass(frozen=True, slots=True)
class Type:
    """A plain type: one primitive value, an array of `length` of them, or a constant that takes no bytes."""

    name: str
    description: str
    primitive: str
    length: int
    constant: str | None
    min_value: int | None
    max_value: int | None

    @property
    def size(self) -> int:
        return 0 if self.constant is not None else primitive_size(self.primitive) * self.length


@dataclass(frozen=True, slots=True)
class Composite:
    """Plain types one after another."""

    name: str
    description: str
    members: tuple[Type, ...]

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an enum, or one bit of a set."""

    name: str
    description: str
    value: int
    since_version: int


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    description: str
    primitive: str
    values: tuple[Value, ...]

    @property
    def size(self) -> int:
        return primitive_size(self.primitive)


@dataclass(frozen=True, slots=True)
class Set:
    name: str
    description: str
    primitive: str
    choices: tuple[Value, ...]

    @property
    def size(self) -> int:
        return primitive_size(self.primitive)


AnyType: TypeAlias = Type | Composite | Enum | Set


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a block; `offset` counts from the start of the root block or of the group entry."""

    name: str
    description: str
    id: int
    type: AnyType
    offset: int
    optional: bool
    since_version: int

    @property
    def end(self) -> int:
        return self.offset + self.type.size


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    description: str
    id: int
    dimension: Composite
    fields: tuple[Field, ...]

    @property
    def block_length(self) -> int:
        return self.fields[-1].end if self.fields else 0


@dataclass(frozen=True, slots=True)
class Data:
    """Variable-length data: `type` has the members length and varData."""

    name: str
    description: str
    id: int
    type: Composite


@dataclass(frozen=True, slots=True)
class Message:
    name: str
    description: str
    id: int
    from_client: bool
    from_server: bool
    since_version: int
    fields: tuple[Field, ...]
    groups: tuple[Group, ...]
    data: tuple[Data, ...]

    @property
    def block_length(self) -> int:
        return self.fields[-1].end if self.fields else 0

    def root_lengths(self) -> tuple[tuple[int, int], ...]:
        """(first version, length of the root block from then on), oldest first."""
        versions = sorted({self.since_version, *(field.since_version for field in self.fields)})
        return tuple(
            (version, max((field.end for field in self.fields if field.since_version <= version), default=0))
            for version in versions
        )


@dataclass(frozen=True, slots=True)
class Schema:
    id: int
    version: int
    semantic_version: str
    description: str
    types: Mapping[str, AnyType]
    messages: tuple[Message, ...]


def schema_path() -> Path:
    """Where order_entry.xml lies: beside the packages in a source tree, inside `gateway` where it is installed."""
    here = Path(__file__).resolve().parent
    candidates = (here.parent / "schemas" / "order_entry.xml", here.parent / "gateway" / "schemas" / "order_entry.xml")
    for path in candidates:
        if path.is_file():
            return path
    raise FileNotFoundError(f"order_entry.xml: looked in {' and '.join(str(path.parent) for path in candidates)}")


def load(path: Path) -> Schema:
    """Reads a schema file. Raises SchemaError with all problems found."""
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Schema:
    """Reads the text of a schema. Raises SchemaError with all problems found."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SchemaError([f"not well-formed XML: {error}"]) from error
    reader = _Reader()
    schema = reader.schema(root)
    if reader.problems:
        raise SchemaError(reader.problems)
    return schema


class _Element:
    """An element with its path; attributes are taken one by one, so that what is left over can be reported."""

    def __init__(self, node: ElementTree.Element, path: str, problems: list[str]) -> None:
        self.node = node
        self.path = path
        self.problems = problems
        self.untaken = dict(node.attrib)

    @property
    def tag(self) -> str:
        return self.node.tag.removeprefix(NAMESPACE)

    @property
    def value(self) -> str:
        return (self.node.text or "").strip()

    def problem(self, text: str) -> None:
        self.problems.append(f"{self.path}: {text}")

    def children(self) -> "Iterator[_Element]":
        for position, node in enumerate(self.node, start=1):
            tag = node.tag.removeprefix(NAMESPACE)
            key = f'@name="{node.get("name")}"' if node.get("name") else str(position)
            yield _Element(node, f"{self.path}/{tag}[{key}]", self.problems)

    def text(self, name: str) -> str:
        value = self.untaken.pop(name, "").strip()
        if not value:
            self.problem(f"attribute {name} is missing")
        return value

    def described(self) -> tuple[str, str]:
        """The two attributes that every element has."""
        return self.text("name"), self.text("description")

    def optional_text(self, name: str) -> str | None:
        return self.untaken.pop(name, None)

    def integer(self, name: str, low: int = 0, high: int = 0xFFFF) -> int:
        return self.number(f"attribute {name}", self.text(name), low, high) or 0

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        text = self.untaken.pop(name, None)
        return None if text is None else self.number(f"attribute {name}", text, low, high)

    def number(self, what: str, text: str, low: int, high: int) -> int | None:
        if not text:
            return None
        try:
            value = int(text)
        except ValueError:
            self.problem(f"{what}: wanted an integer, was {text!r}")
            return None
        if not low <= value <= high:
            self.problem(f"{what}: wanted {low} to {high}, was {value}")
        return value

    def done(self) -> None:
        for name in self.untaken:
            self.problem(f"attribute {name} is not known here")

    def unexpected(self, child: "_Element") -> None:
        child.problem(f"element {child.tag} is not known in {self.tag}")


class _Reader:
    """One pass over a schema; every complaint goes to `problems`, and reading goes on with a stand-in."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.types: dict[str, AnyType] = {}
        self.version = 0

    def schema(self, node: ElementTree.Element) -> Schema:
        root = _Element(node, "/messageSchema", self.problems)
        if root.tag != "messageSchema":
            root.problem(f"wanted the element messageSchema, was {root.tag}")
        identity = root.integer("id")
        self.version = root.integer("version")
        semantic_version, description = root.text("semanticVersion"), root.text("description")
        if (order := root.text("byteOrder")) and order != "littleEndian":
            root.problem(f"attribute byteOrder: wanted littleEndian, was {order!r}")
        header = root.text("headerType")
        root.text("package")
        root.done()
        children = list(root.children())
        for child in children:
            if child.tag == "types":
                self.type_section(child)
            elif child.tag != "message":
                root.unexpected(child)
        messages = [self.message(child) for child in children if child.tag == "message"]
        self.unique(root, "message name", [message.name for message in messages])
        self.unique(root, "message id", [message.id for message in messages])
        for name in (header, "frameHeader"):
            if name and not isinstance(self.types.get(name), Composite):
                root.problem(f"there is no composite {name}")
        return Schema(
            identity, self.version, semantic_version, description, MappingProxyType(self.types), tuple(messages)
        )

    def unique(self, element: _Element, what: str, values: Sequence[str | int]) -> None:
        for value in dict.fromkeys(value for value in values if values.count(value) > 1):
            element.problem(f"{what} {value} stands more than once")

    def since(self, element: _Element) -> int:
        return element.optional_integer("sinceVersion", 0, self.version) or 0

    # Types

    def type_section(self, section: _Element) -> None:
        readers: dict[str, Callable[[_Element], AnyType]] = {
            "type": self.plain_type,
            "composite": self.composite,
            "enum": self.enum,
            "set": self.set,
        }
        for child in section.children():
            read = readers.get(child.tag)
            if read is None:
                section.unexpected(child)
                continue
            one = read(child)
            if one.name in self.types or one.name in PRIMITIVES:
                child.problem(f"there is a type {one.name} already")
            self.types[one.name] = one

    def primitive(self, element: _Element, attribute: str, *, integers_only: bool = False) -> str:
        name = element.text(attribute)
        if name and (name not in PRIMITIVES or (integers_only and name in ("char", "double"))):
            element.problem(f"attribute {attribute}: {name!r} is not a primitive type that can stand here")
            name = ""
        return name or "uint8"

    def plain_type(self, element: _Element) -> Type:
        name, description = element.described()
        primitive = self.primitive(element, "primitiveType")
        low, high = primitive_range(primitive)
        length = element.optional_integer("length", 0, 0xFFFF)
        presence = element.optional_text("presence") or "required"
        if presence not in ("required", "constant"):
            element.problem(f"attribute presence: wanted required or constant, was {presence!r}")
        constant = element.value if presence == "constant" else None
        if presence == "constant":
            if not element.value:
                element.problem("a constant needs a value")
            element.number("value", element.value, low, high)
        elif element.value:
            element.problem("only a constant has a value")
        min_value = element.optional_integer("minValue", low, high)
        max_value = element.optional_integer("maxValue", low, high)
        if min_value is not None and max_value is not None and min_value > max_value:
            element.problem(f"minValue {min_value} is above maxValue {max_value}")
        element.optional_text("characterEncoding")
        element.optional_text("semanticType")
        element.done()
        return Type(name, description, primitive, 1 if length is None else length, constant, min_value, max_value)

    def composite(self, element: _Element) -> Composite:
        name, description = element.described()
        element.done()
        members = []
        for child in element.children():
            if child.tag == "type":
                members.append(self.plain_type(child))
            else:
                element.unexpected(child)
        self.unique(element, "member", [member.name for member in members])
        return Composite(name, description, tuple(members))

    def enum(self, element: _Element) -> Enum:
        name, description = element.described()
        primitive = self.primitive(element, "encodingType", integers_only=True)
        element.done()
        low, high = primitive_range(primitive)
        return Enum(name, description, primitive, self.values(element, "validValue", low, high))

    def set(self, element: _Element) -> Set:
        name, description = element.described()
        primitive = self.primitive(element, "encodingType", integers_only=True)
        if primitive.startswith("int"):
            element.problem(f"attribute encodingType: wanted an unsigned type, was {primitive}")
        element.done()
        return Set(name, description, primitive, self.values(element, "choice", 0, 8 * primitive_size(primitive) - 1))

    def values(self, element: _Element, tag: str, low: int, high: int) -> tuple[Value, ...]:
        values = []
        for child in element.children():
            if child.tag != tag:
                element.unexpected(child)
                continue
            name, description = child.described()
            if not child.value:
                child.problem("the value is missing")
            number = child.number("value", child.value, low, high)
            values.append(Value(name, description, number or 0, self.since(child)))
            child.done()
        if not values:
            element.problem(f"there is no {tag}")
        self.unique(element, "name", [value.name for value in values])
        self.unique(element, "value", [value.value for value in values])
        return tuple(values)

    # Messages

    def message(self, element: _Element) -> Message:
        name, description = element.described()
        identity = element.integer("id")
        since_version = self.since(element)
        sender = element.text("semanticType")
        if sender and sender not in SENDERS:
            element.problem(f"attribute semanticType: wanted one of {', '.join(SENDERS)}, was {sender!r}")
        from_client, from_server = SENDERS.get(sender, (False, False))
        element.done()
        children = list(element.children())
        fields = self.fields(children, since_version)
        groups = [self.group(child, since_version) for child in children if child.tag == "group"]
        data = [self.data(child) for child in children if child.tag == "data"]
        self.check_order(element, children)
        tail: list[Group | Data] = [*groups, *data]
        self.unique(element, "name", [one.name for one in (*fields, *tail)])
        for expected, one in enumerate(tail, start=FIRST_TAIL_ID):
            if one.id != expected:
                element.problem(f"id of {one.name}: wanted {expected}, was {one.id}")
        return Message(
            name, description, identity, from_client, from_server, since_version, fields, tuple(groups), tuple(data)
        )

    def check_order(self, element: _Element, children: list[_Element]) -> None:
        order = {"field": 0, "group": 1, "data": 2}
        reached = 0
        for child in children:
            if child.tag not in order:
                element.unexpected(child)
                continue
            if order[child.tag] < reached:
                child.problem(f"a {child.tag} must not follow a {'group' if reached == 1 else 'data'}")
            reached = max(reached, order[child.tag])

    def reference(self, element: _Element, attribute: str, *, composite: bool = False) -> AnyType:
        """The type that an attribute names; a primitive type stands for itself."""
        name = element.text(attribute)
        found = self.types.get(name)
        if found is None and name in PRIMITIVES:
            found = Type(name, name, name, 1, None, None, None)
        if found is None or (composite and not isinstance(found, Composite)):
            if name:
                element.problem(f"attribute {attribute}: there is no {'composite' if composite else 'type'} {name}")
            return Composite(name, "", ()) if composite else Type(name, "", "uint8", 1, None, None, None)
        return found

    def fields(self, children: list[_Element], since_version: int) -> tuple[Field, ...]:
        fields: list[Field] = []
        offset, newest = 0, since_version
        for child in children:
            if child.tag != "field":
                continue
            field = self.field(child, offset, since_version)
            if field.since_version < newest:
                child.problem(f"sinceVersion {field.since_version} follows a field of version {newest}")
            newest = max(newest, field.since_version)
            offset = field.end
            fields.append(field)
        return tuple(fields)

    def field(self, element: _Element, offset: int, since_version: int) -> Field:
        name, description = element.described()
        identity = element.integer("id")
        kind = self.reference(element, "type")
        if (
            not kind.description
        ):  # A stand-in, of the size that the id tells, so that the fields behind it stay in place.
            kind = Type(kind.name, "", "uint8", max(identity - offset, 0), None, None, None)
        presence = element.optional_text("presence") or "required"
        if presence not in ("required", "optional"):
            element.problem(f"attribute presence: wanted required or optional, was {presence!r}")
        since = element.optional_integer("sinceVersion", since_version, self.version)
        element.done()
        field = Field(
            name, description, identity, kind, offset, presence == "optional", since_version if since is None else since
        )
        if field.end != identity:
            element.problem(f"id: wanted {field.end}, the end of the field, was {identity}")
        return field

    def group(self, element: _Element, since_version: int) -> Group:
        name, description = element.described()
        identity = element.integer("id")
        dimension = self.reference(element, "dimensionType", composite=True)
        assert isinstance(dimension, Composite)
        element.done()
        children = list(element.children())
        for child in children:
            if child.tag != "field":
                element.unexpected(child)
        fields = self.fields(children, since_version)
        if not fields:
            element.problem("there is no field")
        self.unique(element, "name", [field.name for field in fields])
        return Group(name, description, identity, dimension, fields)

    def data(self, element: _Element) -> Data:
        name, description = element.described()
        identity = element.integer("id")
        kind = self.reference(element, "type", composite=True)
        assert isinstance(kind, Composite)
        element.done()
        if kind.members and [member.name for member in kind.members] != ["length", "varData"]:
            element.problem(f"attribute type: {kind.name} is not made of length and varData")
        return Data(name, description, identity, kind)
