"""gateway/decode.py: what `breakwire decode` prints of byte streams and captures, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.captures import (
    CLIENT,
    GATEWAY,
    SYN,
    TIME_TEXT,
    conversation,
    golden_frames,
    packet_of,
    pcap,
    pcapng,
)

from codec import messages, wire
from codec.values import Decimal72
from gateway import limits
from gateway.__main__ import main
from gateway.readable import readable, sender_of

Captured = pytest.CaptureFixture[str]

FRAMES = golden_frames()
ORDER = wire.encode(
    "NewOrderRequest",
    {
        "client_order_id": 1001,
        "correlation_id": 7,
        "instrument_id": 1,
        "price": 100_500_000_000,
        "quantity": Decimal72(250_000_000, -9),
        "side": 1,
        "flags": 2,
    },
    sequence_number=2,
    last_processed_seq_no=1,
    send_time_ns=1_800_000_000_000_000_000,
)
ORDER_LINES = [
    "client NewOrderRequest flags=none message_length=96 message_type_id=100 version=17 sequence_number=2"
    " last_processed_seq_no=1 send_time=2027-01-15T08:00:00.000000000Z",
    "    client_order_id=1001 correlation_id=7 instrument_id=1 price=100.5 quantity=0.25 show_qty=null"
    " self_match_prevention_id=null side=BUY time_in_force=GTC flags=POST_ONLY self_trading_mode=CANCEL_TAKER",
]
CANCELED = wire.encode(
    "OrdersCanceled",
    {"exec_id": 9, "flags": 1, "orders": [{"client_order_id": 1001, "order_id": 5, "cancel_reason": 7}]},
    sequence_number=3,
    version=0,
    send_time_ns=1_800_000_000_000_000_000,
)
CANCELED_LINES = [
    "server OrdersCanceled flags=none message_length=88 message_type_id=310 version=0 sequence_number=3"
    " last_processed_seq_no=0 send_time=2027-01-15T08:00:00.000000000Z",
    "    timestamp=1970-01-01T00:00:00.000000000Z exec_id=9 flags=IS_LAST_MESSAGE",
    "    orders[0] client_order_id=1001 order_id=5 instrument_id=0 total_filled=0"
    " cancel_reason=CLIENT_DISCONNECT flags=none",
]
CLIENT_SIDE = f"{TIME_TEXT} 10.0.0.1:50000 > 10.0.0.2:4210"
GATEWAY_SIDE = f"{TIME_TEXT} 10.0.0.2:4210 > 10.0.0.1:50000"


def lines(start: str, frame_lines: list[str]) -> list[str]:
    return [f"{start} {frame_lines[0]}", *frame_lines[1:]]


def decode(tmp_path: Path, content: bytes, capsys: Captured, *arguments: str) -> tuple[int, list[str], str]:
    """Exit code, lines on stdout, stderr."""
    file = tmp_path / "capture"
    file.write_bytes(content)
    code = main(["decode", *arguments, str(file)])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def objects(tmp_path: Path, content: bytes, capsys: Captured, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in decode(tmp_path, content, capsys, "--json", *arguments)[1]]


def test_the_frames_of_a_byte_stream_are_printed_with_their_offsets(tmp_path: Path, capsys: Captured) -> None:
    assert decode(tmp_path, ORDER + CANCELED, capsys) == (
        0,
        [*lines("@0", ORDER_LINES), *lines("@96", CANCELED_LINES)],
        "",
    )


def test_every_message_is_printed_as_one_json_object_a_line(tmp_path: Path, capsys: Captured) -> None:
    offset, expected = 0, []
    for frame in FRAMES:
        message = messages.decode(frame)
        expected.append({"offset": offset, "sender": sender_of(message.name)} | readable(message))
        offset += len(frame)

    assert objects(tmp_path, b"".join(FRAMES), capsys) == expected


def test_bad_bytes_are_printed_in_their_place_and_the_exit_code_tells(tmp_path: Path, capsys: Captured) -> None:
    stream = ORDER + b"junk" + CANCELED + ORDER[:50]
    bad = "no frame begins here: wanted protocolId 0xDB"
    cut = "the stream ends within a frame: 50 of 96 bytes"

    assert decode(tmp_path, stream, capsys) == (
        1,
        [
            *lines("@0", ORDER_LINES),
            f"@96 BAD 4 bytes: {bad}",
            *lines("@100", CANCELED_LINES),
            f"@188 BAD 50 bytes: {cut}",
        ],
        "",
    )
    assert objects(tmp_path, stream, capsys)[1::2] == [
        {"offset": 96, "length": 4, "bad": bad},
        {"offset": 188, "length": 50, "bad": cut},
    ]


def test_a_value_that_is_not_allowed_is_told_with_its_offset_in_the_frame(tmp_path: Path, capsys: Captured) -> None:
    frame = wire.encode("CancelOnDisconnectRequest", {"scope": 0, "enabled": 2}, version=17)
    event = wire.encode("DropCopyEvent", {"frame": CANCELED[:40]})
    detail = "wanted a value of Bool, was 2"

    code, printed, _ = decode(tmp_path, frame, capsys)
    inside = objects(tmp_path, event, capsys)

    assert (code, printed[1:]) == (
        1,
        [
            "    correlation_id=0 scope=0 enabled=2",
            f"    problem at offset 41 of this frame: enabled at offset 41: {detail}",
        ],
    )
    assert inside[0]["fields"]["frame"]["problem"]["detail"] == "messageLength at offset 2: wanted 40, was 88"
    assert decode(tmp_path, event, capsys)[0] == 1


def test_an_empty_file_has_no_frames(tmp_path: Path, capsys: Captured) -> None:
    assert decode(tmp_path, b"", capsys) == (0, [], "")


# Filters

RESPONSE = wire.encode("NewOrderResponse", {"client_order_id": 1002, "order_id": 6})
QUOTES = wire.encode("MassQuoteResponse", {"quote_id": 1003, "quotes": [{"bid_order_id": 8}, {"ask_order_id": 9}]})
COPY = wire.encode("DropCopyEvent", {"session_epoch": 6, "frame": CANCELED})
FEED = b"".join([ORDER, CANCELED, RESPONSE, QUOTES, COPY, wire.encode("Heartbeat", {"correlation_id": 1001})])


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--message", "NewOrderRequest"], ["NewOrderRequest"]),
        (["--message", "neworderrequest", "--message", "200"], ["NewOrderRequest", "NewOrderResponse"]),
        (["--message", "310"], ["OrdersCanceled", "DropCopyEvent"]),
        (["--message", "DropCopyEvent"], ["DropCopyEvent"]),
        (["--order", "1001"], ["NewOrderRequest", "OrdersCanceled", "DropCopyEvent"]),
        (["--order", "5"], ["OrdersCanceled", "DropCopyEvent"]),
        (["--order", "6"], ["NewOrderResponse"]),
        (["--order", "1003"], ["MassQuoteResponse"]),
        (["--order", "8", "--order", "1002"], ["NewOrderResponse", "MassQuoteResponse"]),
        (["--order", "9", "--message", "NewOrderRequest"], []),
        (["--order", "1001", "--message", "OrdersCanceled"], ["OrdersCanceled", "DropCopyEvent"]),
    ],
)
def test_frames_are_filtered_by_message_and_by_order(
    tmp_path: Path, capsys: Captured, arguments: list[str], names: list[str]
) -> None:
    assert [one["message"] for one in objects(tmp_path, FEED, capsys, *arguments)] == names


def test_bad_bytes_pass_every_filter(tmp_path: Path, capsys: Captured) -> None:
    code, printed, _ = decode(tmp_path, ORDER + b"junk", capsys, "--message", "Heartbeat")

    assert (code, printed) == (1, ["@96 BAD 4 bytes: no frame begins here: wanted protocolId 0xDB"])


# Captures


def test_both_directions_of_a_captured_connection_are_printed(tmp_path: Path, capsys: Captured) -> None:
    ours = conversation(CLIENT, GATEWAY, ORDER + ORDER, size=80)
    theirs = conversation(GATEWAY, CLIENT, CANCELED, size=50)
    expected = [
        *lines(f"{CLIENT_SIDE} @0", ORDER_LINES),
        *lines(f"{GATEWAY_SIDE} @0", CANCELED_LINES),
        *lines(f"{CLIENT_SIDE} @96", ORDER_LINES),
    ]
    packets = [ours[0], theirs[0], *ours[1:3], *theirs[1:], *ours[3:]]

    assert decode(tmp_path, pcap(packets), capsys) == (0, expected, "")
    assert decode(tmp_path, pcapng([*packets, ours[1]]), capsys) == (0, expected, "")


def test_what_is_found_in_a_capture_says_when_and_between_whom(tmp_path: Path, capsys: Captured) -> None:
    found = objects(tmp_path, pcap(conversation(CLIENT, GATEWAY, ORDER + b"junk")), capsys)

    place = {"time": TIME_TEXT, "source": "10.0.0.1:50000", "destination": "10.0.0.2:4210"}
    assert found == [
        place | {"offset": 0, "sender": "client"} | readable(messages.decode(ORDER)),
        place | {"offset": 96, "length": 4, "bad": "no frame begins here: wanted protocolId 0xDB"},
    ]


def test_segments_that_come_late_twice_or_not_at_all_cost_only_what_is_missing(
    tmp_path: Path, capsys: Captured
) -> None:
    syn, *packets = conversation(CLIENT, GATEWAY, ORDER * 6, size=48, sequence=2**32 - 100)
    packets[1:3] = packets[2], packets[1], packets[2]
    del packets[7]

    code, printed, err = decode(tmp_path, pcap([syn, *packets]), capsys)

    assert [line.removeprefix(CLIENT_SIDE) for line in printed if line.startswith(CLIENT_SIDE)] == [
        *(f" @{offset} {ORDER_LINES[0]}" for offset in (0, 96, 192)),
        " @288 BAD 48 bytes: not in the capture",
        " @336 BAD 48 bytes: the rest of a frame whose beginning is not in the capture",
        *(f" @{offset} {ORDER_LINES[0]}" for offset in (384, 480)),
    ]
    assert (code, err) == (1, "")


def test_a_capture_may_begin_within_a_connection_and_within_a_frame(tmp_path: Path, capsys: Captured) -> None:
    packets = conversation(CLIENT, GATEWAY, (ORDER + CANCELED)[10:])[1:]

    found = objects(tmp_path, pcap(packets), capsys)

    assert [(one["offset"], one.get("bad") or one["message"]) for one in found] == [
        (6, "no frame begins here: wanted protocolId 0xDB"),  # behind what could be filler
        (86, "OrdersCanceled"),
    ]


def test_a_new_connection_between_the_same_ends_begins_at_offset_0(tmp_path: Path, capsys: Captured) -> None:
    first = conversation(CLIENT, GATEWAY, ORDER + ORDER[:10])
    again = conversation(CLIENT, GATEWAY, CANCELED, sequence=500_000)

    found = objects(tmp_path, pcap([*first, first[0], *again]), capsys)

    assert [(one["offset"], one.get("bad") or one["message"]) for one in found] == [
        (0, "NewOrderRequest"),
        (96, "the stream ends within a frame: 10 of 96 bytes"),
        (0, "OrdersCanceled"),
    ]


def test_connections_that_do_not_speak_the_protocol_are_only_counted(tmp_path: Path, capsys: Captured) -> None:
    web = [
        packet for port in (80, 443) for packet in conversation(("10.9.9.9", 1), ("10.9.9.8", port), b"GET / \r\n" * 99)
    ]
    noisy = conversation(("10.9.9.9", 2), ("10.9.9.8", 22), (ORDER[:4] + b"\xff\xff" + ORDER[6:]) * 100)
    silent = [packet_of(("10.9.9.9", 3), ("10.9.9.8", 22), 5, b"", SYN)]

    code, printed, err = decode(tmp_path, pcap([*web, *noisy, *silent, *conversation(CLIENT, GATEWAY, ORDER)]), capsys)

    assert (code, printed) == (0, lines(f"{CLIENT_SIDE} @0", ORDER_LINES))
    assert err == "breakwire: connections without a frame: 3\n"


def test_bad_bytes_of_a_connection_are_printed_as_soon_as_either_end_sends_a_frame(
    tmp_path: Path, capsys: Captured
) -> None:
    packets = [*conversation(CLIENT, GATEWAY, bytes(1_000)), *conversation(GATEWAY, CLIENT, CANCELED)]

    code, printed, err = decode(tmp_path, pcap(packets), capsys)

    assert (code, err) == (1, "")
    assert printed == [
        *lines(f"{GATEWAY_SIDE} @0", CANCELED_LINES),
        f"{CLIENT_SIDE} @0 BAD 1000 bytes: more than 7 zero bytes in front of a frame",
    ]


def test_no_more_connections_than_the_limit_are_followed_at_once(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.decode.CAPTURE_CONNECTIONS_MAX", 2)
    starts = [packet_of(("10.0.0.1", port), GATEWAY, 0, ORDER[:50]) for port in (1, 2, 1, 3)]
    ends = [packet_of(("10.0.0.1", port), GATEWAY, 50, ORDER[50:]) for port in (1, 3)]

    _, printed, err = decode(tmp_path, pcap([*starts, *ends]), capsys)

    assert [line.split()[1] for line in printed[::2]] == ["10.0.0.1:1", "10.0.0.1:3"]
    assert err == "breakwire: connections without a frame: 1\n"


# The command


def run(arguments: list[str], stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gateway", "decode", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


@pytest.mark.parametrize("arguments", [[], ["-"]])
@pytest.mark.parametrize(
    ("content", "start"),
    [(ORDER, "@0"), (pcap(conversation(CLIENT, GATEWAY, ORDER)), f"{CLIENT_SIDE} @0")],
    ids=["a byte stream", "a pcap file"],
)
def test_a_capture_is_read_from_standard_input(arguments: list[str], content: bytes, start: str) -> None:
    done = run(arguments, content)

    assert (done.returncode, done.stdout.decode().splitlines(), done.stderr) == (0, lines(start, ORDER_LINES), b"")


def test_a_frame_is_printed_before_the_stream_goes_on() -> None:
    command = [sys.executable, "-m", "gateway", "decode"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(ORDER)
        process.stdin.flush()
        first = process.stdout.readline().decode()
        process.stdin.close()

    assert first == f"@0 {ORDER_LINES[0]}\n"


def test_a_reader_that_goes_away_ends_the_command_without_a_word(tmp_path: Path) -> None:
    file = tmp_path / "capture"
    file.write_bytes(ORDER * 5_000)
    command = [sys.executable, "-m", "gateway", "decode", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (141, b"")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--message", "NewOrderReqest", "x"], "there is no message NewOrderReqest (did you mean NewOrderRequest?)"),
        (["--message", "9999", "x"], "there is no message 9999"),
        (["no/such/file"], "cannot read no/such/file: No such file or directory"),
        (["."], "cannot read .: Is a directory"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_the_reason(arguments: list[str], said: str, capsys: Captured) -> None:
    assert main(["decode", *arguments]) == 2
    assert capsys.readouterr() == ("", f"breakwire: {said}\n")


def test_a_long_stream_is_decoded_within_the_memory_of_a_short_one(tmp_path: Path) -> None:
    script = (
        "import re, sys; from pathlib import Path; from gateway.__main__ import main; main(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1], file=sys.stderr)"
    )
    file = tmp_path / "capture"
    peaks = []
    for count in (1_000, 200_000):
        file.write_bytes(ORDER * count)
        command = [sys.executable, "-c", script, "decode", "--message", "Heartbeat", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks.append(int(done.stderr) * 1_024)

    assert peaks[1] - peaks[0] < 20 * limits.CAPTURE_READ_BYTES < 200_000 * len(ORDER) / 10
