"""The schema's reader: what it makes of the real file, and that it reports all mistakes at once, each with its path."""

import re
from pathlib import Path

import pytest

from codec import schema
from codec.errors import SchemaError
from codec.schema import Composite, Enum, Set, Type

REAL = schema.schema_path().read_text(encoding="utf-8")

SMALL = """<sbe:messageSchema xmlns:sbe="http://fixprotocol.io/2016/sbe" package="p" id="7" version="3"
    semanticVersion="1.0" byteOrder="littleEndian" headerType="frameHeader" description="d">
  <types>
    <composite name="frameHeader" description="d">
      <type name="length" primitiveType="uint16" description="d"/>
    </composite>
    <composite name="size" description="d">
      <type name="blockLength" primitiveType="uint16" description="d"/>
      <type name="numInGroup" primitiveType="uint16" description="d"/>
    </composite>
    <composite name="Text" description="d">
      <type name="length" primitiveType="uint8" description="d"/>
      <type name="varData" primitiveType="char" length="0" description="d"/>
    </composite>
    <enum name="Side" encodingType="int8" description="d">
      <validValue name="SELL" description="d">-1</validValue>
      <validValue name="BUY" description="d" sinceVersion="2">1</validValue>
    </enum>
    <set name="Flags" encodingType="uint8" description="d"><choice name="a" description="d">0</choice></set>
  </types>
  <sbe:message name="M" id="1" semanticType="Both" description="d">
    <field name="x" id="8" type="int64" presence="optional" description="d"/>
    <field name="side" id="9" type="Side" sinceVersion="2" description="d"/>
    <group name="g" id="200" dimensionType="size" description="d">
      <field name="y" id="1" type="Flags" description="d"/>
    </group>
    <data name="t" id="201" type="Text" description="d"/>
  </sbe:message>
</sbe:messageSchema>"""

MESSAGE = '/messageSchema/message[@name="M"]'
TYPES = "/messageSchema/types[1]"


def problems_of(text: str) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        schema.parse(text)
    return list(caught.value.problems)


def test_a_schema_becomes_typed_and_placed() -> None:
    small = schema.parse(SMALL)
    assert (small.id, small.version, small.semantic_version) == (7, 3, "1.0")
    assert {name: type(one) for name, one in small.types.items()} == {
        "frameHeader": Composite,
        "size": Composite,
        "Text": Composite,
        "Side": Enum,
        "Flags": Set,
    }
    (message,) = small.messages
    placed = [(field.name, field.offset, field.end, field.optional, field.since_version) for field in message.fields]
    assert placed == [("x", 0, 8, True, 0), ("side", 8, 9, False, 2)]
    assert (message.from_client, message.from_server, message.block_length) == (True, True, 9)
    assert message.root_lengths() == ((0, 8), (2, 9))
    assert [(group.name, group.block_length) for group in message.groups] == [("g", 1)]
    assert [(data.name, data.type.name) for data in message.data] == [("t", "Text")]


def test_the_real_schema_is_what_was_published() -> None:
    real = schema.parse(REAL)
    assert (real.id, real.version, real.semantic_version) == (2101, 17, "1.5")
    ids = [message.id for message in real.messages]
    published = [*(1, 2, 4, 5, 10, 11, 20, 21, 30, 100, 110, 120, 125, 130, 140, 145, 155, 156), *(200, 202, 210, 212)]
    published += [220, 222, 230, 232, 240, 242, 280, 281, 282, 283, 300, 310, 312, 314, 320, 322, 324, 326]
    assert len(published) == 40
    assert ids == [*published, 9999, 4000, 4001, 4010, 4011, 4020, 4021, 4030, 4040, 4041, 4050]
    header = real.types["frameHeader"]
    assert isinstance(header, Composite)
    assert [(member.name, member.size) for member in header.members] == [
        ("protocolId", 1),
        ("flags", 1),
        ("messageLength", 2),
        ("messageTypeId", 2),
        ("version", 2),
        ("sequenceNumber", 8),
        ("lastProcessedSeqNo", 8),
        ("sendTimeNs", 8),
    ]
    versions = {message.id: message.since_version for message in real.messages if message.since_version}
    assert versions == {125: 3, 155: 10, 156: 10, 280: 10, 281: 10, 282: 10, 283: 10}


def test_a_constant_takes_no_bytes() -> None:
    price = schema.parse(REAL).types["Price9"]
    assert isinstance(price, Composite)
    assert (price.size, price.members[1]) == (8, Type("exponent", "Always -9", "int8", 1, "-9", None, None))


MISTAKES = [
    ('id="7" ', "", ["/messageSchema: attribute id is missing"]),
    ('id="7"', 'id="seven"', ["/messageSchema: attribute id: wanted an integer, was 'seven'"]),
    ('id="7"', 'id="70000"', ["/messageSchema: attribute id: wanted 0 to 65535, was 70000"]),
    ("littleEndian", "bigEndian", ["/messageSchema: attribute byteOrder: wanted littleEndian, was 'bigEndian'"]),
    ('headerType="frameHeader"', 'headerType="other"', ["/messageSchema: there is no composite other"]),
    ('version="3"', 'version="3" colour="red"', ["/messageSchema: attribute colour is not known here"]),
    ("</types>", "<ref/></types>", [f"{TYPES}/ref[6]: element ref is not known in types"]),
    (
        '<type name="length" primitiveType="uint16" description="d"/>',
        '<type name="length" primitiveType="uint16"/>',
        [f'{TYPES}/composite[@name="frameHeader"]/type[@name="length"]: attribute description is missing'],
    ),
    (
        'primitiveType="uint16" description="d"/>',
        'primitiveType="float" description="d"/>',
        [
            f'{TYPES}/composite[@name="frameHeader"]/type[@name="length"]: '
            "attribute primitiveType: 'float' is not a primitive type that can stand here"
        ],
    ),
    (
        'description="d">-1</validValue>',
        'description="d">-129</validValue>',
        [f'{TYPES}/enum[@name="Side"]/validValue[@name="SELL"]: value: wanted -128 to 127, was -129'],
    ),
    (
        'description="d">-1</validValue>',
        'description="d">1</validValue>',
        [f'{TYPES}/enum[@name="Side"]: value 1 stands more than once'],
    ),
    (
        'sinceVersion="2">1</validValue>',
        'sinceVersion="4">1</validValue>',
        [f'{TYPES}/enum[@name="Side"]/validValue[@name="BUY"]: attribute sinceVersion: wanted 0 to 3, was 4'],
    ),
    (
        'description="d">0</choice>',
        'description="d">8</choice>',
        [f'{TYPES}/set[@name="Flags"]/choice[@name="a"]: value: wanted 0 to 7, was 8'],
    ),
    (
        'name="Flags"',
        'name="Side"',
        [
            f'{TYPES}/set[@name="Side"]: there is a type Side already',
            f'{MESSAGE}/group[@name="g"]/field[@name="y"]: attribute type: there is no type Flags',
        ],
    ),
    (
        'semanticType="Both"',
        'semanticType="Nobody"',
        [f"{MESSAGE}: attribute semanticType: wanted one of ClientToServer, ServerToClient, Both, None, was 'Nobody'"],
    ),
    ('type="int64"', 'type="int65"', [f'{MESSAGE}/field[@name="x"]: attribute type: there is no type int65']),
    ('id="8" type', 'id="7" type', [f'{MESSAGE}/field[@name="x"]: id: wanted 8, the end of the field, was 7']),
    (
        'presence="optional"',
        'presence="maybe"',
        [f"{MESSAGE}/field[@name=\"x\"]: attribute presence: wanted required or optional, was 'maybe'"],
    ),
    (
        'presence="optional"',
        'presence="optional" sinceVersion="3"',
        [f'{MESSAGE}/field[@name="side"]: sinceVersion 2 follows a field of version 3'],
    ),
    ('<field name="side"', '<field name="x"', [f"{MESSAGE}: name x stands more than once"]),
    ('id="200"', 'id="199"', [f"{MESSAGE}: id of g: wanted 200, was 199"]),
    (
        'dimensionType="size"',
        'dimensionType="Side"',
        [f'{MESSAGE}/group[@name="g"]: attribute dimensionType: there is no composite Side'],
    ),
    (
        'type="Text"',
        'type="size"',
        [f'{MESSAGE}/data[@name="t"]: attribute type: size is not made of length and varData'],
    ),
    (
        "</sbe:message>",
        '<field name="z" id="10" type="int8" sinceVersion="2" description="d"/></sbe:message>',
        [f'{MESSAGE}/field[@name="z"]: a field must not follow a data'],
    ),
]


@pytest.mark.parametrize(
    ("right", "wrong", "expected"), MISTAKES, ids=[expected[0][:90] for _, _, expected in MISTAKES]
)
def test_a_mistake_is_reported_with_its_path(right: str, wrong: str, expected: list[str]) -> None:
    assert SMALL.count(right) >= 1
    assert problems_of(SMALL.replace(right, wrong, 1)) == expected


def test_all_mistakes_are_reported_together() -> None:
    text = REAL.replace('name="Logon" id="1"', 'name="Logon" id="2"')
    text = text.replace(
        '<field name="correlationId" id="8" type="int64" description="Number to send back',
        '<field name="correlationId" id="9" type="int46" description="Number to send back',
    )
    text = re.sub(r'(<validValue name="SELL") description="[^"]*"', r"\1", text)
    text = text.replace(
        '<choice name="mmp" description="Counts for the MMP group of its underlying">4<',
        '<choice name="mmp" description="x">16<',
    )
    assert problems_of(text) == [
        f'{TYPES}/enum[@name="Side"]/validValue[@name="SELL"]: attribute description is missing',
        f'{TYPES}/set[@name="OrderFlags"]/choice[@name="mmp"]: value: wanted 0 to 15, was 16',
        '/messageSchema/message[@name="TestRequest"]/field[@name="correlationId"]: '
        "attribute type: there is no type int46",
        "/messageSchema: message id 2 stands more than once",
    ]


@pytest.mark.parametrize("element", ["message", "field", "group", "data", "enum", "set", "validValue", "choice"])
def test_every_element_needs_a_description(element: str) -> None:
    pattern = rf'(<(?:sbe:)?{element} [^>]*?) ?description="d"'
    found = problems_of(re.sub(pattern, r"\1", SMALL))
    assert len(found) == len(re.findall(pattern, SMALL))
    assert all(one.endswith(": attribute description is missing") for one in found)


def test_broken_xml_is_one_problem() -> None:
    (problem,) = problems_of("<messageSchema>")
    assert problem.startswith("not well-formed XML: ")


def test_an_installed_schema_is_found_in_the_gateway_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = tmp_path / "gateway" / "schemas" / "order_entry.xml"
    monkeypatch.setattr(schema, "__file__", str(tmp_path / "codec" / "schema.py"))
    with pytest.raises(FileNotFoundError, match=r"order_entry\.xml"):
        schema.schema_path()
    installed.parent.mkdir(parents=True)
    installed.write_text(SMALL, encoding="utf-8")
    assert schema.schema_path() == installed
