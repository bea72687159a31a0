"""Batches against the codec for single frames: the same values, the same bytes, the same complaints."""

from typing import Any

import numpy as np
import pytest
from frame_strategies import fields_of, frames, outcome, tampered_frames
from hypothesis import given, settings
from hypothesis import strategies as st

from codec import batch, wire
from codec.batch import Ragged
from codec.errors import CodecError, EncodeError, Reason
from codec.layout import MESSAGES, FieldLayout, MessageLayout
from codec.values import ENUM_NULL, INT64_NULL, Decimal72, Header, Invalid, Message, Partial

every_message = pytest.mark.parametrize("message", MESSAGES, ids=[message.name for message in MESSAGES])
BY_NAME = {message.name: message for message in MESSAGES}


def value_of(field: FieldLayout, one: Any) -> Any:
    """A numpy value as the codec for single frames gives it, None for every null there can be."""
    if field.kind == "decimal72":
        decimal = Decimal72(int(one["mantissa"]), int(one["exponent"]))
        return None if decimal.mantissa == INT64_NULL else decimal
    if field.kind == "char":
        return bytes(one).decode("ascii", "surrogateescape")
    value = one.item()
    if field.kind in ("int64", "price9") and value == INT64_NULL:
        return None
    return None if field.kind == "int8" and field.optional and value == ENUM_NULL else value


def null_as_none(fields: tuple[FieldLayout, ...], block: dict[str, Any]) -> dict[str, Any]:
    """The fields of a block, with None also for the null value of a field that is not optional."""

    def one(field: FieldLayout) -> Any:
        value = block[field.name]
        if field.kind in ("int64", "price9") and value == INT64_NULL:
            return None
        return None if isinstance(value, Decimal72) and value.mantissa == INT64_NULL else value

    return {field.name: one(field) for field in fields if field.kind != "padding"}


def records_of(fields: tuple[FieldLayout, ...], records: Any) -> list[dict[str, Any]]:
    shown = [field for field in fields if field.kind != "padding"]
    return [{field.name: value_of(field, record[field.name]) for field in shown} for record in records]


def assert_same(stream: bytes, name: str) -> None:
    """A batch of one template holds what decode() says of each of its frames."""
    message = BY_NAME[name]
    found = batch.split(stream)
    got = batch.decode(found, name)
    expected = [
        wire.decode(stream[start : start + length])
        for start, length in zip(found.starts.tolist(), found.lengths.tolist(), strict=True)
    ]
    assert got.rows.tolist() == [row for row, one in enumerate(expected) if one.name == name]
    expected = [one for one in expected if one.name == name]
    assert [Header(*header) for header in got.messages["header"].tolist()] == [one.header for one in expected]
    roots = [null_as_none(message.fields, one.fields) for one in expected]
    assert records_of(message.fields, got.messages) == roots
    for group in message.groups:
        counts, entries = got.groups[group.name]
        assert counts.tolist() == [len(one.fields[group.name]) for one in expected]
        wanted = [null_as_none(group.fields, entry) for one in expected for entry in one.fields[group.name]]
        assert records_of(group.fields, entries) == wanted
    for data in message.data:
        pieces: list[Any] = [one.fields[data.name] for one in expected]
        texts = [piece.decode("ascii", "surrogateescape") if data.is_text else piece for piece in got.data[data.name]]
        assert texts == pieces


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(frames(stamped=True), min_size=1, max_size=6), zeros=st.integers(0, 7))
def test_a_batch_holds_what_single_frames_hold(parts: list[bytes], zeros: int) -> None:
    # NaN is not equal to itself, and no frame of the strategy holds one.
    stream = bytes(zeros).join(parts)
    for name in {wire.decode(part).name for part in parts}:
        assert_same(stream, name)


@every_message
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_was_decoded_is_encoded_byte_for_byte(message: MessageLayout, data: st.DataObject) -> None:
    several = data.draw(st.lists(fields_of(message), max_size=4))
    stream = b"".join(wire.encode(message.name, fields, sequence_number=5, version=17) for fields in several)
    got = batch.decode(batch.split(stream), message.name)
    assert batch.encode(message.name, got.messages, got.groups, got.data) == stream


def test_records_of_even_frames_are_views_of_the_buffer() -> None:
    stream = b"".join(wire.encode("NewOrderRequest", {"client_order_id": number}) for number in range(100))
    buffer = np.frombuffer(stream, np.uint8)
    found = batch.split(memoryview(buffer))
    got = batch.decode(found, "NewOrderRequest")
    assert np.shares_memory(got.messages, buffer)
    assert got.messages.strides == (96,)
    assert got.messages["client_order_id"].tolist() == [*range(100)]
    uneven = stream + wire.encode("Heartbeat", {}) + stream
    got = batch.decode(batch.split(uneven), "NewOrderRequest")
    assert got.messages["client_order_id"].tolist() == [*range(100), *range(100)]
    assert got.rows.tolist() == [*range(100), *range(101, 201)]


def test_frames_of_several_versions_stand_in_one_batch() -> None:
    placed = [{"order_id": 1, "correlation_id": 8, "fills": [{"match_id": 4}]}, {"order_id": 2, "correlation_id": 9}]
    stream = wire.encode("OrderPlaced", placed[0], version=0, root_version=7)
    stream += wire.encode("OrderPlaced", placed[1], version=8)
    got = batch.decode(batch.split(stream), "OrderPlaced")
    assert got.messages["order_id"].tolist() == [1, 2]
    assert got.messages["correlation_id"].tolist() == [INT64_NULL, 9]
    assert got.groups["fills"].counts.tolist() == [1, 0]
    assert got.groups["fills"].entries["match_id"].tolist() == [4]
    assert_same(stream, "OrderPlaced")


@pytest.mark.parametrize("size", range(97, 108))
def test_logons_of_all_lengths_are_read_as_they_were_sent(size: int) -> None:
    frame = bytearray(wire.encode("Logon", {"schema_version": 17, "cancel_on_disconnect": 1}, padded=False) + bytes(7))
    del frame[size:]
    frame[2] = size
    assert_same(bytes(frame), "Logon")


def test_what_stands_after_the_frames_is_told() -> None:
    frame = wire.encode("Heartbeat", {"correlation_id": 7})
    assert batch.split(b"").rest == Partial(32)
    assert batch.split(frame + frame[:33]).rest == Partial(7)
    broken = batch.split(bytes(3) + frame + b"\xff" + frame)
    assert (broken.starts.tolist(), broken.lengths.tolist()) == ([3], [40])
    assert broken.template_ids.tolist() == [10]
    assert broken.rest == Invalid(Reason.PROTOCOL_ID)


@settings(max_examples=300, deadline=None)
@given(frame=tampered_frames())
def test_a_batch_refuses_what_single_frames_refuse(frame: bytes) -> None:
    found = batch.split(frame)
    for message in MESSAGES:
        if found.template_ids.tolist() != [message.template_id]:
            continue
        whole = frame[found.starts[0] : found.starts[0] + found.lengths[0]]
        single, many = outcome(wire.decode, whole), outcome(batch.decode, found, message.name)
        if isinstance(single, Message):
            assert isinstance(many, batch.Batch)
        else:
            assert many[:3] == (CodecError, Reason.BLOCK_LENGTH, int(found.starts[0]))


def test_the_first_bad_frame_of_a_batch_is_named() -> None:
    good = wire.encode("OrdersCanceled", {"orders": [{}]})
    bad = good[:51] + b"\x02\x00" + good[53:]
    with pytest.raises(CodecError, match=r"OrdersCanceled\.orders: the entries do not fit") as caught:
        batch.decode(batch.split(good + good + bad + bad), "OrdersCanceled")
    assert (caught.value.reason, caught.value.offset) == (Reason.BLOCK_LENGTH, 2 * len(good))


def test_an_empty_batch_is_empty() -> None:
    got = batch.decode(batch.split(wire.encode("Heartbeat", {})), "OrdersCanceled")
    assert (len(got.rows), len(got.messages), len(got.groups["orders"].entries)) == (0, 0, 0)
    assert batch.encode("OrdersCanceled", got.messages, got.groups) == b""


def test_a_workload_is_made_from_columns() -> None:
    orders = np.zeros(3, batch.message_dtype("NewOrderRequest"))
    orders["header"]["sequence_number"] = [1, 2, 3]
    orders["client_order_id"] = [10, 20, 30]
    orders["side"] = [1, -1, 1]
    orders["quantity"]["mantissa"] = 5
    stream = batch.encode("NewOrderRequest", orders)
    fields = {"price": 0, "show_qty": Decimal72(0, 0), "self_match_prevention_id": 0, "quantity": Decimal72(5, 0)}
    expected = [
        wire.encode(
            "NewOrderRequest",
            {**fields, "client_order_id": 10 * number, "side": side},
            sequence_number=number,
            version=0,
        )
        for number, side in ((1, 1), (2, -1), (3, 1))
    ]
    assert stream == b"".join(expected)


def misuse() -> list[tuple[str, Any, Any, Any, str]]:
    orders = np.zeros(2, batch.message_dtype("OrdersCanceled"))
    entries = np.zeros(3, batch.entry_dtype("OrdersCanceled", "orders"))
    heartbeats = np.zeros(2, batch.message_dtype("Heartbeat"))
    logouts = np.zeros(2, batch.message_dtype("Logout"))
    counts = np.array
    return [
        ("Nothing", orders, {}, {}, "Nothing: there is no such message"),
        ("Heartbeat", orders, {}, {}, "Heartbeat: wanted the dtype message_dtype"),
        ("Heartbeat", heartbeats, {"orders": Ragged(counts([1]), entries)}, {}, "Heartbeat.orders: there is no such"),
        ("Heartbeat", heartbeats, {}, {"reason": [b""]}, "Heartbeat.reason: there is no such field"),
        (
            "OrdersCanceled",
            orders,
            {"orders": Ragged(counts([1, 1]), entries)},
            {},
            "OrdersCanceled.orders: wanted counts of 2 messages that add up to 3 entries, was 2 with 2",
        ),
        (
            "OrdersCanceled",
            orders,
            {"orders": Ragged(counts([4, -1]), entries)},
            {},
            "OrdersCanceled.orders: wanted counts of 2 messages",
        ),
        (
            "OrdersCanceled",
            orders,
            {"orders": Ragged(counts([3, 0]), np.zeros(3, "i8"))},
            {},
            "OrdersCanceled.orders: wanted the dtype entry_dtype",
        ),
        (
            "OrdersCanceled",
            orders,
            {"orders": Ragged(counts([2000, 0]), np.zeros(2000, entries.dtype))},
            {},
            "OrdersCanceled: wanted at most 65535 bytes, was 70056",
        ),
        ("Logout", logouts, {}, {"reason": [b""]}, "Logout.reason: wanted 2 pieces, was 1"),
        ("Logout", logouts, {}, {"reason": [b"", b"x" * 256]}, "Logout.reason: wanted at most 255 bytes, was 256"),
    ]


@pytest.mark.parametrize(("name", "messages", "groups", "data", "complaint"), misuse(), ids=lambda one: str(one)[:40])
def test_what_cannot_be_encoded_is_named(name: str, messages: Any, groups: Any, data: Any, complaint: str) -> None:
    with pytest.raises(EncodeError) as caught:
        batch.encode(name, messages, groups, data)
    assert str(caught.value).startswith(complaint)
