"""gateway/dissector.py: the Wireshark dissector, run in tshark on captures that the tests make."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.captures import CLIENT, GATEWAY, conversation, golden_frames, labels, packet_of, pcap

from codec import messages, wire
from codec.layout import ENUMS, MESSAGES, SETS
from codec.values import INT64_NULL, Decimal72
from gateway.__main__ import main
from gateway.dissector import lua, script, snake
from gateway.readable import readable

TSHARK = shutil.which("tshark")
in_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed: the dissector cannot be run")

FRAMES = golden_frames()
HEARTBEAT = wire.encode("Heartbeat", {"correlation_id": 5}, sequence_number=7)

# tshark


@pytest.fixture(scope="module")
def dissector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dissector") / "breakwire.lua"
    assert main(["dissector", str(path)]) == 0
    return path


def tshark(dissector: Path, packets: list[bytes], *arguments: str) -> str:
    """What tshark prints of packets; it must not complain."""
    assert TSHARK is not None
    capture = dissector.with_suffix(".pcap")
    capture.write_bytes(pcap(packets))
    command = [TSHARK, "-X", f"lua_script:{dissector}", "-r", str(capture), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if not line.startswith("Running as user")]
    assert (done.returncode, said) == (0, [])
    return done.stdout


Item = tuple[str, str, list[Any]]
"""An item of Wireshark's tree: its filter, its text, its own items."""

TEXT = "_ws.lua.text"
"""Filter of items that are only text: groups, nulls, padding."""


def trees(dissector: Path, packets: list[bytes]) -> list[Item]:
    """Our items of all packets, in order."""
    root = ElementTree.fromstring(tshark(dissector, packets, "-T", "pdml"))
    return [_item(node) for packet in root for node in packet if (node.get("name") or "").split(".")[0] == "breakwire"]


def _item(node: ElementTree.Element) -> Item:
    name = node.get("name") or ""
    text = node.get("showname") or node.get("show") or ""
    return name, text, [_item(one) for one in node]


def shown(item: Item) -> dict[str, Any]:
    """A frame of Wireshark's tree in the form of gateway.readable, its values as text."""
    _, title, (header, *body) = item
    read_header = dict(_named(text) for _, text, _ in header[2])
    assert read_header.pop("protocol_id") == "219"
    read_header["message_type_id"] = re.sub(r".*\((\d+)\)", r"\1", read_header["message_type_id"])
    fields: dict[str, Any] = {}
    for filter_name, text, items in body:
        name, value = _named(text)
        if filter_name == TEXT and items:
            fields[name] = [dict(_named(one) for _, one, _ in entry) for _, _, entry in items]
        elif filter_name == TEXT and value != "null":
            assert value == "0" or name == "padding", text
            fields[name] = "none"
        else:
            fields[name] = shown(items[0]) if name == "frame" else value
    fields.pop("padding", None)
    return {"message": title.removeprefix("Breakwire order entry: "), "header": read_header, "fields": fields}


def _named(text: str) -> tuple[str, str]:
    """`name: value`; times, which Wireshark writes in its own way, as RFC 3339."""
    name, _, value = text.partition(": ")
    if match := re.fullmatch(r"(\w+ +\d+, \d+ \d+:\d+:\d+)\.(\d{9}) UTC", value):
        value = f"{datetime.strptime(match[1], '%b %d, %Y %H:%M:%S').isoformat()}.{match[2]}Z"
    return name, value


def expected(frame: bytes) -> dict[str, Any]:
    one: dict[str, Any] = labels(readable(messages.decode(frame)))
    return one


# What Wireshark shows


@in_tshark
@pytest.mark.parametrize("size", [17, 1_000])
def test_every_message_is_shown_as_it_is_decoded_however_tcp_cuts_it(dissector: Path, size: int) -> None:
    items = trees(dissector, conversation(CLIENT, GATEWAY, b"".join(FRAMES), size=size))

    assert [shown(item) for item in items] == [expected(frame) for frame in FRAMES]


LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("NewOrderRequest", {"price": None, "quantity": Decimal72(1, -128), "show_qty": Decimal72(-9, 127)}),
    ("NewOrderRequest", {"price": INT64_NULL + 1, "quantity": Decimal72(2**63 - 1, -9), "time_in_force": 127}),
    (
        "AmendOrderRequest",
        {"price": INT64_NULL, "quantity": Decimal72(INT64_NULL, 0), "client_order_id": INT64_NULL},
    ),
    ("CancelAllAfterResponse", {"current_time": -1, "trigger_time": None, "arm_sequence": None}),
    ("CancelOnDisconnectReceipt", {"digest": 2**64 - 1, "client_id": "sixteen letters!", "fenced_time": 2**63 - 1}),
    ("MassQuoteResponse", {"quotes": [{"bid_reject_reason": None, "ask_reject_reason": 14}]}),
    ("LoggedOut", {"reason": ""}),
    ("LoggedOut", {"reason": "x" * 200}),
    ("Logon", {"client_id": "", "secret": "open sesame", "cancel_on_disconnect": 1}),
    ("OrdersMmpTriggered", {"quantity_level": -0.5}),
]


@in_tshark
def test_limits_of_values_are_shown_exactly(dissector: Path) -> None:
    frames = [wire.encode(name, fields) for name, fields in LIMITS]

    items = trees(dissector, conversation(CLIENT, GATEWAY, b"".join(frames)))

    assert [shown(item) for item in items] == [expected(frame) for frame in frames]


@in_tshark
def test_values_that_the_schema_does_not_have_are_shown_as_numbers_and_marked(dissector: Path) -> None:
    frame = wire.encode("NewOrderRequest", {"side": 9, "flags": 0x4002, "quantity": Decimal72(1, 0)})
    packets = conversation(CLIENT, GATEWAY, frame)

    text = tshark(dissector, packets, "-O", "breakwire")
    marked = tshark(dissector, packets, "-Y", "breakwire.undefined_value", "-T", "fields", "-e", "breakwire.side")

    assert re.findall(r"(?:side|flags): .*", text)[1:] == ["side: 9", "flags: POST_ONLY|16384"]
    assert marked == "9\n"


@in_tshark
def test_no_secret_is_shown(dissector: Path) -> None:
    packets = conversation(CLIENT, GATEWAY, wire.encode("Logon", {"client_id": "maker-1", "secret": "open sesame"}))

    text = tshark(dissector, packets, "-O", "breakwire")

    assert "secret: ***" in text
    assert "sesame" not in text


def values_of(one: Any, name: str) -> list[Any]:
    """The values that a field has anywhere in a readable frame."""
    if isinstance(one, list):
        return [value for part in one for value in values_of(part, name)]
    if not isinstance(one, dict):
        return []
    here = [one[name]] if name in one else []
    return here + [value for part in one.values() for value in values_of(part, name)]


@in_tshark
@pytest.mark.parametrize(
    ("display_filter", "field", "value"),
    [
        ("breakwire.order_id == 5000092", "order_id", 5_000_092),
        ("breakwire.price == -7.5", "price", "-7.5"),
        ("breakwire.quantity == 8.000000001", "quantity", "8.000000001"),
        ('breakwire.message_type_id == "OrdersCanceled"', "message_type_id", 310),
        ("breakwire.side == -1", "side", "SELL"),
        ('breakwire.order_status == "CANCELED"', "status", "CANCELED"),
        ('breakwire.reason == "reason 5"', "reason", "reason 5"),
        ("breakwire.cancel_flags.is_quote == 1", "flags", ["IS_QUOTE"]),
        ('breakwire.timestamp == "2026-09-21 14:13:20.000000001Z"', "timestamp", "2026-09-21T14:13:20.000000001Z"),
        ("breakwire.malformed", "message", ""),
        ("breakwire.bad", "message", ""),
        ("breakwire.undefined_value", "message", ""),
    ],
)
def test_frames_are_found_by_display_filters(dissector: Path, display_filter: str, field: str, value: Any) -> None:
    packets = [packet_of(CLIENT, ("10.0.0.2", 4_211), 1_000 * number, frame) for number, frame in enumerate(FRAMES)]
    wanted = [
        str(number)
        for number, frame in enumerate(FRAMES, start=1)
        if value in values_of(readable(messages.decode(frame)), field)
    ]

    found = tshark(dissector, packets, "-Y", display_filter, "-T", "fields", "-e", "frame.number").split()

    assert found == wanted
    assert bool(wanted) == (value != "")


@in_tshark
def test_the_list_of_packets_names_every_message(dissector: Path) -> None:
    packets = conversation(CLIENT, GATEWAY, HEARTBEAT * 3, size=60)

    columns = tshark(dissector, packets, "-T", "fields", "-e", "_ws.col.Protocol", "-e", "_ws.col.Info").splitlines()

    assert columns[1:] == ["BREAKWIRE\tHeartbeat #7", "BREAKWIRE\tHeartbeat #7, Heartbeat #7"]


# Bad bytes


@in_tshark
@pytest.mark.parametrize(
    ("stream", "shape"),
    [
        pytest.param(
            HEARTBEAT + b"junk" + HEARTBEAT, ["Heartbeat", "[4 bad bytes]", "Heartbeat"], id="junk between frames"
        ),
        pytest.param(bytes(7) + HEARTBEAT + bytes(3) + HEARTBEAT, ["Heartbeat", "Heartbeat"], id="zeros in front"),
        pytest.param(bytes(8) + HEARTBEAT, ["[1 bad bytes]", "Heartbeat"], id="too many zeros in front"),
        pytest.param(
            HEARTBEAT[:4] + b"\xe7\x03" + HEARTBEAT[6:] + HEARTBEAT,
            ["message 999 [malformed]", "Heartbeat"],
            id="an unknown message",
        ),
        pytest.param(
            HEARTBEAT[:2] + b"\x24\x00" + HEARTBEAT[4:] + HEARTBEAT,
            ["Heartbeat [malformed]", "Heartbeat"],
            id="a frame that is too short for its message",
        ),
        pytest.param(
            wire.encode("OrdersCanceled", {})[:49] + b"\x00\x00\x09\x00" + bytes(3) + HEARTBEAT,
            ["OrdersCanceled [malformed]", "Heartbeat"],
            id="a group that does not fit",
        ),
        pytest.param(
            wire.encode("LoggedOut", {"reason": ""})[:32] + b"\x09" + bytes(7) + HEARTBEAT,
            ["LoggedOut [malformed]", "Heartbeat"],
            id="a text that does not fit",
        ),
    ],
)
def test_bad_bytes_are_marked_and_the_next_frame_is_shown(dissector: Path, stream: bytes, shape: list[str]) -> None:
    packets = [packet_of(CLIENT, GATEWAY, 1_000, stream)]

    info = tshark(dissector, packets, "-T", "fields", "-e", "_ws.col.Info").strip()
    marked = tshark(dissector, packets, "-Y", "breakwire.malformed").splitlines()

    assert [label.removesuffix(" #7").replace(" #0", "").replace(" #7", "") for label in info.split(", ")] == shape
    assert len(marked) == any("bad" in label or "malformed" in label for label in shape)


@in_tshark
def test_random_bytes_in_frames_do_not_break_the_dissector(dissector: Path) -> None:
    packets = []
    for number, frame in enumerate(FRAMES * 4):
        at = 32 + number * 7 % (len(frame) - 32) if len(frame) > 32 else 0
        packets.append(packet_of(CLIENT, GATEWAY, 100_000 * number, frame[:at] + b"\xff\xff" + frame[at + 2 :]))

    text = tshark(dissector, packets, "-O", "breakwire")

    assert "Lua Error" not in text
    assert text.count("Breakwire order entry") >= len(packets)


@in_tshark
def test_a_connection_on_another_port_is_known_by_its_first_frame(dissector: Path) -> None:
    elsewhere = ("10.0.0.2", 9_999)
    ours = conversation(CLIENT, elsewhere, HEARTBEAT * 2, size=60)
    other = conversation(("10.0.0.7", 1), elsewhere, b"GET / HTTP/1.1\r\n\r\n")

    items = trees(dissector, [*ours, *other])

    assert [shown(item) for item in items] == [expected(HEARTBEAT)] * 2


@in_tshark
def test_late_segments_are_put_in_order_when_wireshark_is_told_to(dissector: Path) -> None:
    syn, *packets = conversation(CLIENT, GATEWAY, HEARTBEAT * 6, size=50)
    packets[1:3] = packets[2], packets[1]
    told = ("-o", "tcp.reassemble_out_of_order:TRUE", "-T", "fields", "-e", "breakwire.correlation_id")

    found = tshark(dissector, [syn, *packets], *told).replace("\n", ",").split(",")

    assert [one for one in found if one] == ["5"] * 6


# The script


def test_the_script_goes_to_standard_output_or_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dissector"]) == 0
    printed = capsys.readouterr().out
    assert main(["dissector", str(tmp_path / "breakwire.lua")]) == 0

    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "breakwire.lua").read_text(encoding="utf-8") == printed == script()


def test_a_file_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dissector", "no/such/folder/x.lua"]) == 2
    assert capsys.readouterr() == (
        "",
        "breakwire: cannot write no/such/folder/x.lua: No such file or directory\n",
    )


def test_the_script_holds_every_message_enum_and_set_of_the_schema() -> None:
    text = script()

    for message in MESSAGES:
        assert f'    [{message.template_id}] = {{\n      name = "{message.name}",' in text
    for domain, names in ENUMS.items():
        assert f"    {domain} = {{" in text
        assert all(f'[{int(one)}] = "{one.name}"' in text for one in names if domain != "Bool")
    for domain, choices in SETS.items():
        assert f"    {domain} = {{" in text
        assert all(f'label = "{one.name}", mask = {int(one)}}}' in text for one in choices)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (-5, "-5"),
        ('a "b" \\', '"a \\"b\\" \\\\"'),
        ([], "{}"),
        ([1, "x"], '{1, "x"}'),
        ({"name": 1, -1: 2, "two words": 3}, '{name = 1, [-1] = 2, ["two words"] = 3}'),
        ({"deep": [[1], [2]]}, "{\n  deep = {\n    {1},\n    {2},\n  },\n}"),
    ],
)
def test_values_are_written_as_lua(value: Any, text: str) -> None:
    assert lua(value) == text


def test_names_of_types_are_written_as_names_of_fields() -> None:
    assert [snake(name) for name in ("OrderFlags", "Side", "MultiPartEventFlags")] == [
        *("order_flags", "side", "multi_part_event_flags")
    ]
