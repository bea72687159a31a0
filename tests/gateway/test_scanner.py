"""gateway/scanner.py: frames out of streams of bytes that nobody vouches for."""

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.captures import golden_frames

from codec import messages, wire
from gateway.scanner import Bad, Finding, Found, Scanner

FRAMES = golden_frames()
HEARTBEAT = wire.encode("Heartbeat", {"correlation_id": 1}, sequence_number=7)
REASON = wire.encode("LoggedOut", {"reason": "until tomorrow"}, sequence_number=8)


def scan(stream: bytes, size: int | None = None) -> list[Finding]:
    """All findings of a stream that is fed in pieces of `size` bytes."""
    scanner = Scanner()
    size = size or len(stream) or 1
    findings = [one for start in range(0, len(stream), size) for one in scanner.feed(stream[start : start + size])]
    return findings + scanner.finish()


def found(offset: int, frame: bytes) -> Found:
    return Found(offset, frame, messages.decode(frame))


def found_in_a_row(frames: list[bytes], offset: int = 0) -> list[Finding]:
    findings: list[Finding] = []
    for frame in frames:
        findings.append(found(offset, frame))
        offset += len(frame)
    return findings


def with_byte(frame: bytes, position: int, value: int) -> bytes:
    return frame[:position] + bytes([value]) + frame[position + 1 :]


NO_FRAME = "no frame begins here: wanted protocolId 0xDB"
UNKNOWN = with_byte(with_byte(HEARTBEAT, 4, 0xE7), 5, 3)
UNKNOWN_DETAIL = "messageTypeId at offset 4: wanted the id of a message, was 999"


@pytest.mark.parametrize("size", [1, 7, 1_000, None])
def test_all_frames_of_a_sound_stream_are_found_however_it_is_cut(size: int | None) -> None:
    assert scan(b"".join(FRAMES), size) == found_in_a_row(FRAMES)


def test_up_to_seven_zero_bytes_in_front_of_a_frame_are_no_fault() -> None:
    assert scan(bytes(7) + HEARTBEAT + bytes(3) + HEARTBEAT + bytes(7)) == [found(7, HEARTBEAT), found(50, HEARTBEAT)]


@pytest.mark.parametrize("size", [1, None])
@pytest.mark.parametrize(
    ("stream", "findings"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"junk", [Bad(0, 4, NO_FRAME)], id="only junk"),
        pytest.param(
            HEARTBEAT + b"junk" + REASON, [found(0, HEARTBEAT), Bad(40, 4, NO_FRAME), found(44, REASON)], id="junk"
        ),
        pytest.param(
            HEARTBEAT + bytes(8) + REASON,
            [found(0, HEARTBEAT), Bad(40, 8, "more than 7 zero bytes in front of a frame"), found(48, REASON)],
            id="eight zero bytes",
        ),
        pytest.param(
            with_byte(HEARTBEAT, 2, 31) + REASON,
            [Bad(0, 40, "wanted a messageLength of 32 or more, was 31"), found(40, REASON)],
            id="a messageLength below that of a header",
        ),
        pytest.param(
            with_byte(HEARTBEAT, 2, 44) + REASON + HEARTBEAT,
            [found(0, with_byte(HEARTBEAT, 2, 44) + REASON[:4]), Bad(44, 44, NO_FRAME), found(88, HEARTBEAT)],
            id="a messageLength that swallows what alignment would allow",
        ),
        pytest.param(
            with_byte(HEARTBEAT, 3, 0x7F) + REASON * 3,
            [
                Bad(0, 40, "the stream ends within a frame: 184 of 32552 bytes"),
                *found_in_a_row([REASON] * 3, 40),
            ],
            id="a messageLength beyond the end of the stream",
        ),
        pytest.param(
            with_byte(REASON, 32, 40) + HEARTBEAT,
            [Bad(0, 48, "reason at offset 32: wanted a messageLength of 73 or more, was 48"), found(48, HEARTBEAT)],
            id="a text that is longer than its frame",
        ),
        pytest.param(UNKNOWN + REASON, [Bad(0, 40, UNKNOWN_DETAIL), found(40, REASON)], id="an unknown message"),
        pytest.param(REASON + UNKNOWN, [found(0, REASON), Bad(48, 40, UNKNOWN_DETAIL)], id="an unknown last message"),
        pytest.param(
            UNKNOWN + UNKNOWN + REASON,
            [Bad(0, 40, UNKNOWN_DETAIL), Bad(40, 40, UNKNOWN_DETAIL), found(80, REASON)],
            id="two unknown messages",
        ),
        pytest.param(
            UNKNOWN + b"x" + REASON,
            [Bad(0, 40, UNKNOWN_DETAIL), Bad(40, 1, NO_FRAME), found(41, REASON)],
            id="an unknown message, and not another frame behind it",
        ),
        pytest.param(
            HEARTBEAT + REASON[:20],
            [found(0, HEARTBEAT), Bad(40, 20, "the stream ends within a frame: 20 of 48 bytes")],
            id="an end within a frame",
        ),
        pytest.param(
            HEARTBEAT[30:] + REASON, [Bad(2, 8, NO_FRAME), found(10, REASON)], id="a beginning within a frame"
        ),
    ],
)
def test_bad_bytes_are_named_with_their_offset_and_the_next_frame_is_found(
    stream: bytes, findings: list[Finding], size: int | None
) -> None:
    assert scan(stream, size) == findings


def test_a_wrong_length_in_the_middle_of_a_long_stream_costs_one_frame() -> None:
    before, after = [HEARTBEAT] * 50, [REASON] * 2_000
    broken = with_byte(HEARTBEAT, 3, 0xFF)

    findings = scan(b"".join(before) + broken + b"".join(after), 1_460)

    assert findings == [
        *found_in_a_row(before),
        Bad(2_000, 40, "messageLength at offset 2: wanted 47 or less, was 65320"),
        *found_in_a_row(after, 2_040),
    ]


def test_what_is_not_to_be_had_is_told_of_with_the_broken_frames_on_both_sides() -> None:
    scanner = Scanner()

    findings = scanner.feed(HEARTBEAT + REASON[:10])
    findings += scanner.skip(100)
    findings += scanner.feed(REASON[-10:] + HEARTBEAT)
    findings += scanner.skip(40)
    findings += scanner.feed(HEARTBEAT) + scanner.finish()

    assert findings == [
        found(0, HEARTBEAT),
        Bad(40, 10, "the stream ends within a frame: 10 of 48 bytes"),
        Bad(50, 100, "not in the capture"),
        Bad(150, 10, "the rest of a frame whose beginning is not in the capture"),
        found(160, HEARTBEAT),
        Bad(200, 40, "not in the capture"),
        found(240, HEARTBEAT),
    ]


@given(st.data())
def test_every_byte_is_in_a_frame_or_a_bad_run_or_one_of_seven_zeros(data: st.DataObject) -> None:
    pieces = st.sampled_from(FRAMES) | st.binary(max_size=60) | st.integers(0, 9).map(bytes)
    stream = bytearray(b"".join(data.draw(st.lists(pieces, max_size=8))))
    for position in data.draw(st.lists(st.integers(0, max(len(stream) - 1, 0)), max_size=5)) if stream else []:
        stream[position] = data.draw(st.integers(0, 255))

    findings = scan(bytes(stream), data.draw(st.integers(1, 400)))

    at = 0
    for one in findings:
        assert at <= one.offset <= at + 7
        assert not any(stream[at : one.offset])
        at = one.offset + (one.length if isinstance(one, Bad) else len(one.frame))
        if isinstance(one, Found):
            assert one == found(one.offset, bytes(stream[one.offset : at]))
    assert len(stream) - at <= 7
    assert not any(stream[at:])
    assert scan(bytes(stream)) == findings


def test_a_stream_takes_the_memory_of_one_frame_however_long_it_is() -> None:
    noise = random.Random(1).randbytes(65_536)
    scanner = Scanner()
    tracemalloc.start()

    findings = [one for _ in range(200) for one in scanner.feed(noise)] + scanner.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert findings == [Bad(0, 200 * 65_536, NO_FRAME)]
    assert peak < 1_000_000
