"""The hot codec by itself and against the reference codec: they agree in every outcome, sound or not."""

import math
import struct
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from frame_strategies import fields_of, frames, outcome, tampered_frames, with_length
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import messages, wire
from codec.errors import CodecError, EncodeError, Reason
from codec.layout import MESSAGES, MessageLayout
from codec.values import CLIENT, INT64_NULL, SERVER, Complete, Decimal72, Invalid, Partial

FRAME_SIZE_MAX = 16384

both_codecs = pytest.mark.parametrize("codec", [wire, messages], ids=["hot", "reference"])
every_message = pytest.mark.parametrize("message", MESSAGES, ids=[message.name for message in MESSAGES])


def assert_agreement(frame: bytes, version: int = 17) -> None:
    """Both codecs say the same about a frame, whatever that is."""
    assert outcome(wire.decode, frame) == outcome(messages.decode, frame)
    assert outcome(wire.decode, frame, version=version) == outcome(messages.decode, frame, version=version)
    for direction in (CLIENT, SERVER):
        hot = outcome(wire.check, frame, version=version, direction=direction)
        assert hot == outcome(messages.check, frame, version=version, direction=direction)


def plain_frame(message: MessageLayout, entries: int = 1) -> bytes:
    """A frame of a message with so many empty entries in each group, some text, and no padding."""
    tail: dict[str, Any] = {group.name: [{}] * entries for group in message.groups}
    tail |= {data.name: "text" if data.is_text else b"bytes" for data in message.data}
    return wire.encode(message.name, tail, padded=False)


# Round trips


@every_message
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_was_encoded_is_decoded(message: MessageLayout, data: st.DataObject) -> None:
    fields = data.draw(fields_of(message))
    frame = wire.encode(message.name, fields, sequence_number=5, last_processed_seq_no=-6, send_time_ns=7)
    assert frame == messages.encode(message.name, fields, sequence_number=5, last_processed_seq_no=-6, send_time_ns=7)
    assert len(frame) % 8 == 0
    decoded = wire.decode(frame)
    assert decoded == messages.decode(frame)
    assert (decoded.name, decoded.fields) == (message.name, fields)
    header = (0xDB, 0, len(frame), message.template_id, 17, 5, -6, 7)
    assert decoded.header == header


@every_message
@pytest.mark.parametrize("version", range(18))
def test_an_older_session_gets_the_root_block_of_its_version(message: MessageLayout, version: int) -> None:
    frame = wire.encode(message.name, {}, version=version, root_version=version, padded=False)
    assert frame == messages.encode(message.name, {}, version=version, root_version=version, padded=False)
    root = [length for since, length in message.root_lengths if since <= version] or [message.root_lengths[0][1]]
    assert len(frame) == 32 + root[-1] + 4 * len(message.groups) + sum(data.length_size for data in message.data)
    assert_agreement(frame, version)


@both_codecs
def test_a_field_that_an_older_frame_does_not_have_reads_as_null_or_zero(codec: ModuleType) -> None:
    placed = codec.decode(codec.encode("OrderPlaced", {"correlation_id": 9}, version=7, root_version=7))
    assert placed.fields["correlation_id"] is None
    canceled = codec.decode(codec.encode("CancelOrderResponse", {}, version=0, root_version=15))
    assert (canceled.fields["quantity"], canceled.fields["total_filled"]) == (None, None)
    logon = codec.decode(codec.encode("Logon", {"client_id": "a", "schema_version": 17}, root_version=11))
    assert (logon.fields["schema_version"], logon.fields["cancel_on_disconnect"]) == (0, 0)


@both_codecs
@pytest.mark.parametrize("size", range(97, 108))
def test_a_logon_is_as_long_as_it_was_sent(codec: ModuleType, size: int) -> None:
    body = b"a".ljust(16, b"\0") + b"b".ljust(48, b"\0") + b"\1" + struct.pack("<HB", 0x0D0E, 1) + b"\xff" * 7
    frame = with_length(codec.encode("Logon", {}, padded=False)[:32] + body[: size - 32])
    assert codec.check(frame) is None
    fields = codec.decode(frame).fields
    assert fields == {
        "client_id": "a",
        "secret": "b",
        "reset_seq_num": 1,
        "schema_version": 0x0D0E if size >= 99 else 0,
        "cancel_on_disconnect": 1 if size >= 100 else 0,
    }


@both_codecs
def test_not_a_number_survives(codec: ModuleType) -> None:
    frame = codec.encode("OrdersMmpTriggered", {"vega_level": math.nan, "delta_level": -math.inf})
    fields = codec.decode(frame).fields
    assert math.isnan(fields["vega_level"])
    assert fields["delta_level"] == -math.inf


# Tampering


@settings(max_examples=400, deadline=None)
@given(frame=tampered_frames(), version=st.integers(0, 18))
def test_both_codecs_agree_on_tampered_frames(frame: bytes, version: int) -> None:
    assert_agreement(frame, version)


@every_message
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_known_values_pass_the_checks(message: MessageLayout, data: st.DataObject) -> None:
    frame = wire.encode(message.name, data.draw(fields_of(message, known=True)))
    direction = CLIENT if message.from_client else SERVER
    assert wire.check(frame, direction=direction) is None
    assert messages.check(frame, direction=direction) is None


@pytest.mark.parametrize("offset", [*range(90, 95)])
def test_every_byte_of_a_new_order_that_is_checked_by_hand_is_judged_alike(offset: int) -> None:
    frame = wire.encode("NewOrderRequest", {"side": 1})
    for value in range(256):
        assert_agreement(frame[:offset] + bytes([value]) + frame[offset + 1 :])


@settings(max_examples=500, deadline=None)
@given(body=st.binary(max_size=300), template_id=st.sampled_from([message.template_id for message in MESSAGES]))
def test_both_codecs_agree_on_random_bodies(body: bytes, template_id: int) -> None:
    assert_agreement(struct.pack("<BBHHHqqq", 0xDB, 0, 32 + len(body), template_id, 17, 1, 0, 0) + body)


@settings(max_examples=500, deadline=None)
@given(raw=st.binary(max_size=100))
def test_both_codecs_agree_on_random_bytes(raw: bytes) -> None:
    assert_agreement(raw)


@pytest.mark.parametrize("template_id", [0, 3, 99, 4095, 4096, 9999, 0xFFFF])
def test_an_id_that_nobody_sends_is_named(template_id: int) -> None:
    frame = struct.pack("<BBHHHqqq", 0xDB, 0, 32, template_id, 17, 1, 0, 0)
    assert_agreement(frame)
    with pytest.raises(CodecError, match=f"wanted the id of a message, was {template_id}") as caught:
        wire.decode(frame)
    assert (caught.value.reason, caught.value.offset) == (Reason.TEMPLATE_ID, 4)


@every_message
def test_a_frame_cut_at_any_byte_is_refused(message: MessageLayout) -> None:
    frame = plain_frame(message)
    shortest = 32 + (message.root_lengths[0][1] if message.from_client else message.root_lengths[-1][1])
    for size in range(len(frame)):
        assert_agreement(frame[:size])
        with pytest.raises(CodecError):
            wire.decode(frame[:size])
    for size in range(32, len(frame)):
        cut = with_length(frame[:size])
        assert_agreement(cut)
        if size < shortest or message.groups or message.data:
            with pytest.raises(CodecError) as caught:
                wire.decode(cut)
            assert caught.value.reason == Reason.BLOCK_LENGTH


@every_message
def test_seven_bytes_may_follow_the_content_and_eight_may_not(message: MessageLayout) -> None:
    frame = plain_frame(message)
    for size in range(1, 20):
        longer = with_length(frame + b"\xff" * size)
        assert_agreement(longer)
        if size <= 7:
            assert wire.decode(longer).fields == wire.decode(frame).fields
        else:
            with pytest.raises(CodecError, match="messageLength at offset 2"):
                wire.decode(longer)


@pytest.mark.parametrize("message", [one for one in MESSAGES if one.groups], ids=lambda one: one.name)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 255, 256, 0xFFFF])
@pytest.mark.parametrize("stretch", [-0x7FFF, -1, 0, 1, 8, 0x7FFF])
def test_groups_that_lie_about_themselves_are_judged_alike(message: MessageLayout, count: int, stretch: int) -> None:
    frame = plain_frame(message, entries=2)
    at = 32 + message.root_lengths[-1][1]
    for group in message.groups:
        lie = struct.pack("<HH", (group.block_length + stretch) & 0xFFFF, count)
        assert_agreement(frame[:at] + lie + frame[at + 4 :])
        at += 4 + 2 * group.block_length


@both_codecs
def test_longer_entries_of_a_later_schema_are_stepped_over(codec: ModuleType) -> None:
    frame = codec.encode("OrdersCanceled", {"orders": [{"order_id": 1}, {"order_id": 2}]}, padded=False)
    entries = [frame[53 + 35 * position :][:35] + b"new" for position in range(2)]
    longer = with_length(frame[:49] + struct.pack("<HH", 38, 2) + b"".join(entries))
    assert [entry["order_id"] for entry in codec.decode(longer).fields["orders"]] == [1, 2]
    assert codec.check(longer, direction=SERVER) is None


@pytest.mark.parametrize("message", [one for one in MESSAGES if one.data], ids=lambda one: one.name)
@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 11, 12, 0xFF])
def test_text_that_lies_about_its_length_is_judged_alike(message: MessageLayout, length: int) -> None:
    frame = plain_frame(message)
    at = 32 + message.root_lengths[-1][1]
    assert_agreement(frame[:at] + bytes([length]) + frame[at + 1 :])


# Framing


def frames_in(codec: ModuleType, buffer: bytes) -> tuple[list[bytes], Partial | Invalid]:
    """All the frames of a buffer, and what stands after them."""
    found: list[bytes] = []
    offset = 0
    while isinstance(one := codec.scan(buffer, offset, FRAME_SIZE_MAX), Complete):
        found.append(buffer[one.start : one.start + one.length])
        offset = one.start + one.length
    return found, one


def byte_by_byte(codec: ModuleType, stream: bytes) -> Iterator[bytes]:
    """The frames of a stream that comes one byte at a time; what was promised as needed is indeed needed."""
    buffer, needed = b"", 1
    for position in range(len(stream)):
        buffer += stream[position : position + 1]
        needed -= 1
        one = codec.scan(buffer, 0, FRAME_SIZE_MAX)
        if isinstance(one, Partial):
            assert one.needed >= max(needed, 1)
            needed = one.needed
            continue
        assert isinstance(one, Complete)
        assert needed <= 0
        yield buffer[one.start :]
        buffer, needed = b"", 1
    assert buffer.strip(b"\0") == b""


small_frames = frames().filter(lambda frame: len(frame) <= 1000)


@both_codecs
@settings(max_examples=40, deadline=None)
@given(parts=st.lists(st.tuples(st.integers(0, 7), small_frames), max_size=4), rest=st.integers(0, 7))
def test_glued_frames_come_apart_at_once_or_byte_by_byte(
    codec: ModuleType, parts: list[tuple[int, bytes]], rest: int
) -> None:
    stream = b"".join(bytes(zeros) + frame for zeros, frame in parts) + bytes(rest)
    expected = [frame for _, frame in parts]
    assert frames_in(codec, stream) == (expected, Partial(32))
    assert list(byte_by_byte(codec, stream)) == expected


@both_codecs
def test_eight_zero_bytes_between_frames_break_the_framing(codec: ModuleType) -> None:
    frame = codec.encode("Heartbeat", {})
    assert frames_in(codec, frame + bytes(7) + frame) == ([frame, frame], Partial(32))
    assert frames_in(codec, frame + bytes(8) + frame) == ([frame], Invalid(Reason.PADDING))
    assert frames_in(codec, frame + bytes(8)) == ([frame], Invalid(Reason.PADDING))


@both_codecs
def test_a_wrong_protocol_id_is_seen_with_its_byte(codec: ModuleType) -> None:
    assert codec.scan(b"\xda") == Invalid(Reason.PROTOCOL_ID)
    assert codec.scan(bytes(7) + b"\xda") == Invalid(Reason.PROTOCOL_ID)
    assert codec.scan(b"\xdb") == Partial(31)


@both_codecs
@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, FRAME_SIZE_MAX, FRAME_SIZE_MAX + 1, 0xFFFF])
def test_a_wrong_length_is_seen_with_its_last_byte(codec: ModuleType, length: int) -> None:
    start = b"\xdb\0" + length.to_bytes(2, "little")
    expected = Partial(length - 4) if 32 <= length <= FRAME_SIZE_MAX else Invalid(Reason.MESSAGE_LENGTH)
    assert codec.scan(start, 0, FRAME_SIZE_MAX) == expected
    assert codec.scan(start[:3], 0, FRAME_SIZE_MAX) == Partial(29)


@settings(max_examples=300, deadline=None)
@given(
    raw=st.one_of(st.binary(max_size=60), tampered_frames().map(lambda frame: frame[:200])),
    zeros=st.integers(0, 9),
    offset=st.integers(0, 70),
)
def test_both_codecs_frame_alike(raw: bytes, zeros: int, offset: int) -> None:
    buffer = bytes(zeros) + raw
    offset = min(offset, len(buffer))
    assert wire.scan(buffer, offset, 200) == messages.scan(buffer, offset, 200)


@both_codecs
@pytest.mark.parametrize("offset", [-1, 2])
def test_an_offset_outside_the_buffer_is_a_mistake(codec: ModuleType, offset: int) -> None:
    with pytest.raises(IndexError, match="offset: wanted 0 to 1"):
        codec.scan(b"\xdb", offset)


@both_codecs
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_will_do(codec: ModuleType, kind: type) -> None:
    frame = codec.encode("Heartbeat", {"correlation_id": 3})
    assert codec.decode(kind(frame)).fields == {"correlation_id": 3}
    assert codec.check(kind(frame)) is None
    assert codec.scan(kind(frame)) == Complete(0, 40)


# Misuse


MISUSE = [
    ("Nothing", {}, "Nothing: there is no such message"),
    ("Heartbeat", {"correlation": 1}, "Heartbeat.correlation: there is no such field"),
    ("OrderPlaced", {"padding3": 0}, "OrderPlaced.padding3: there is no such field"),
    ("Heartbeat", [], "Heartbeat: wanted a mapping, was []"),
    ("Heartbeat", {"correlation_id": "1"}, "Heartbeat.correlation_id: wanted an integer, was '1'"),
    (
        "Heartbeat",
        {"correlation_id": 1 << 63},
        "Heartbeat.correlation_id: wanted -9223372036854775808 to 9223372036854775807, was 9223372036854775808",
    ),
    ("NewOrderRequest", {"side": 128}, "NewOrderRequest.side: wanted -128 to 127, was 128"),
    ("NewOrderRequest", {"side": None}, "NewOrderRequest.side: wanted an integer, was None"),
    ("NewOrderRequest", {"flags": -1}, "NewOrderRequest.flags: wanted 0 to 65535, was -1"),
    ("NewOrderRequest", {"quantity": 5}, "NewOrderRequest.quantity: wanted a mantissa and an exponent, was 5"),
    (
        "NewOrderRequest",
        {"quantity": (5, 128)},
        "NewOrderRequest.quantity.exponent: wanted -128 to 127, was 128",
    ),
    ("Logon", {"client_id": "x" * 17}, "Logon.client_id: wanted at most 16 bytes, was 17"),
    ("Logon", {"client_id": b"x"}, "Logon.client_id: wanted text, was b'x'"),
    ("Logon", {"client_id": "\u00e9"}, "Logon.client_id: wanted ASCII text, was '\u00e9'"),
    ("Logout", {"reason": "x" * 256}, "Logout.reason: wanted at most 255 bytes, was 256"),
    ("DropCopyEvent", {"frame": "x"}, "DropCopyEvent.frame: wanted bytes, was 'x'"),
    ("DropCopyEvent", {"frame": bytes(65_500)}, "DropCopyEvent: wanted at most 65535 bytes, was 65576"),
    ("MassQuoteRequest", {"quotes": 5}, "MassQuoteRequest.quotes: wanted a sequence of entries, was 5"),
    ("MassQuoteRequest", {"quotes": [{}, 5]}, "MassQuoteRequest.quotes[1]: wanted a mapping, was 5"),
    (
        "MassQuoteRequest",
        {"quotes": [{}, {"bid": 1}]},
        "MassQuoteRequest.quotes[1].bid: there is no such field",
    ),
    (
        "MassQuoteRequest",
        {"quotes": [{"bid_price": 1.5}]},
        "MassQuoteRequest.quotes[0].bid_price: wanted an integer, was 1.5",
    ),
    (
        "MassQuoteRequest",
        {"quotes": [{}] * 65_536},
        "MassQuoteRequest.quotes: wanted at most 65535 entries, was 65536",
    ),
    ("OrdersMmpTriggered", {"vega_level": "x"}, "OrdersMmpTriggered.vega_level: wanted a number, was 'x'"),
]


@both_codecs
@pytest.mark.parametrize(("name", "fields", "complaint"), MISUSE, ids=[complaint[:60] for _, _, complaint in MISUSE])
def test_what_cannot_be_encoded_is_named(codec: ModuleType, name: str, fields: Any, complaint: str) -> None:
    with pytest.raises(EncodeError) as caught:
        codec.encode(name, fields)
    assert str(caught.value) == complaint


@both_codecs
@pytest.mark.parametrize("option", ["version", "flags", "sequence_number", "last_processed_seq_no", "send_time_ns"])
def test_a_header_value_out_of_range_is_named(codec: ModuleType, option: str) -> None:
    with pytest.raises(EncodeError, match=f"header.{option}: wanted .*, was {1 << 64}"):
        codec.encode("Heartbeat", {}, **{option: 1 << 64})


# Decimals


@both_codecs
@pytest.mark.parametrize(
    ("decimal", "fixed"),
    [
        ((5, 0), 5_000_000_000),
        ((-25, -1), -2_500_000_000),
        ((7, -9), 7),
        ((70, -10), 7),
        ((-7 * 10**18, -27), -7),
        ((0, 127), 0),
        ((0, -128), 0),
        ((9_223_372_036, 0), 9_223_372_036_000_000_000),
        ((1, 9), 10**18),
        ((INT64_NULL, -128), None),
        (((1 << 63) - 1, -9), (1 << 63) - 1),
    ],
)
def test_a_decimal_is_exact_in_units_of_1e_9(codec: ModuleType, decimal: tuple[int, int], fixed: int | None) -> None:
    assert codec.to_fixed(Decimal72(*decimal)) == fixed


@both_codecs
@pytest.mark.parametrize(
    ("decimal", "complaint"),
    [
        ((7, -10), "not a multiple of 1e-9"),
        ((1, -28), "not a multiple of 1e-9"),
        ((10**18, -28), "not a multiple of 1e-9"),
        ((9_223_372_037, 0), "too large"),
        ((-9_223_372_037, 0), "too large"),
        ((1, 10), "too large"),
        ((1, 127), "too large"),
    ],
)
def test_a_decimal_is_never_rounded_or_wrapped(codec: ModuleType, decimal: tuple[int, int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        codec.to_fixed(Decimal72(*decimal))


@settings(max_examples=1000)
@given(mantissa=st.integers(INT64_NULL, (1 << 63) - 1) | st.integers(-1000, 1000), exponent=st.integers(-128, 127))
def test_both_codecs_agree_on_decimals(mantissa: int, exponent: int) -> None:
    def answer(codec: ModuleType) -> int | str | None:
        try:
            return codec.to_fixed((mantissa, exponent))
        except ValueError as error:
            return str(error)

    assert answer(wire) == answer(messages)


@both_codecs
def test_the_server_sends_exponent_minus_9_and_null_with_0(codec: ModuleType) -> None:
    assert codec.from_fixed(5) == Decimal72(5, -9)
    assert codec.from_fixed(None) == Decimal72(INT64_NULL, 0)
