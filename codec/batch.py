"""Many frames at once, as numpy structured arrays: for workloads and for the analysis of captures.

    frames = split(capture)
    canceled = decode(frames, "OrdersCanceled")
    canceled.messages["header"]["sequence_number"]      # one record per frame: header and root block
    canceled.groups["orders"].entries["total_filled"]   # the entries of all frames, one after another
    encode("OrdersCanceled", canceled.messages, canceled.groups)

Records hold what is on the wire: null values are not None but the wire's (INT64_MIN, -128), a Decimal72 is a record of
mantissa and exponent, text is bytes with trailing NULs left out by numpy.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from codec import wire
from codec.arguments import frame_size
from codec.errors import CodecError, EncodeError, Reason
from codec.layout import HEADER_SIZE, MESSAGES, PROTOCOL_ID, DataLayout, FieldLayout, GroupLayout, MessageLayout
from codec.values import ENUM_NULL, INT64_NULL, BytesLike, Header, Invalid, Partial

Array = npt.NDArray[Any]

DIMENSION_SIZE = 4
ALIGNMENT = 8
SLACK_MAX = 7
"""Bytes that may follow the content of a frame."""

DECIMAL72 = np.dtype([("mantissa", "<i8"), ("exponent", "i1")])
HEADER = np.dtype(list(zip(Header._fields, ("u1", "u1", "<u2", "<u2", "<u2", "<i8", "<i8", "<i8"), strict=True)))
KINDS: Mapping[str, npt.DTypeLike] = {
    "int8": "i1",
    "uint8": "u1",
    "uint16": "<u2",
    "int32": "<i4",
    "uint32": "<u4",
    "int64": "<i8",
    "uint64": "<u8",
    "double": "<f8",
    "price9": "<i8",
    "decimal72": DECIMAL72,
}
NULLABLE = ("int64", "price9", "decimal72")

BY_NAME = {message.name: message for message in MESSAGES}


class Frames(NamedTuple):
    """The frames of a buffer; `rest` tells what stands after the last of them."""

    buffer: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    template_ids: npt.NDArray[np.uint16]
    rest: Partial | Invalid


class Ragged(NamedTuple):
    """One group of many messages: `counts` entries of each message, all entries in one array."""

    counts: npt.NDArray[np.int64]
    entries: Array


class Batch(NamedTuple):
    """The messages of one template. `rows` are their places among the frames."""

    rows: npt.NDArray[np.int64]
    messages: Array
    groups: dict[str, Ragged]
    data: dict[str, list[bytes]]


def _block_dtype(
    fields: Sequence[FieldLayout], size: int, offset: int, head: Mapping[str, np.dtype[Any]]
) -> np.dtype[Any]:
    formats = [KINDS.get(field.kind, f"{'S' if field.kind == 'char' else 'V'}{field.size}") for field in fields]
    return np.dtype(
        {
            "names": [*head, *(field.name for field in fields)],
            "formats": [*head.values(), *formats],
            "offsets": [*(0 for _ in head), *(offset + field.offset for field in fields)],
            "itemsize": offset + size,
        }
    )


def _message(name: str) -> MessageLayout:
    if name not in BY_NAME:
        raise EncodeError(name, "there is no such message")
    return BY_NAME[name]


@cache
def message_dtype(name: str) -> np.dtype[Any]:
    """The record of a message: `header`, then the fields of the root block in its newest form."""
    message = _message(name)
    return _block_dtype(message.fields, message.root_lengths[-1][1], HEADER_SIZE, {"header": HEADER})


@cache
def entry_dtype(name: str, group: str) -> np.dtype[Any]:
    """The record of one entry of a group."""
    (layout,) = (one for one in _message(name).groups if one.name == group)
    return _block_dtype(layout.fields, layout.block_length, 0, {})


def split(buffer: BytesLike, frame_size_max: int = 65535) -> Frames:
    """Finds all frames of a buffer, which is not copied."""
    packed, rest = wire.split(buffer, frame_size_max)
    places = np.frombuffer(packed, dtype="<i8").reshape(-1, 2)
    view = np.frombuffer(buffer, dtype=np.uint8)
    starts = places[:, 0]
    template_ids = view[starts + 4] | view[starts + 5].astype(np.uint16) << np.uint16(8)
    return Frames(view, starts, places[:, 1], template_ids.astype(np.uint16), rest)


# Decoding


def decode(frames: Frames, name: str) -> Batch:
    """All messages of one template. Views the buffer where frames are of one length and follow each other evenly.

    Values are not judged. Raises CodecError for the first frame whose fields do not fit it; its offset counts from the
    start of the buffer."""
    message = _message(name)
    rows = np.flatnonzero(frames.template_ids == message.template_id)
    starts, lengths = frames.starts[rows], frames.lengths[rows]
    present = _root_present(frames, message, starts, lengths)
    messages = _roots(frames.buffer, message, starts, present)
    at, ends = starts + HEADER_SIZE + present, starts + lengths
    groups, data = {}, {}
    for group in message.groups:
        groups[group.name], at = _entries(frames.buffer, message.name, group, starts, at, ends)
    for one in message.data:
        data[one.name], at = _pieces(frames.buffer, one, starts, at, ends)
    _demand(ends - at <= SLACK_MAX, starts, f"{name}: more than {SLACK_MAX} bytes follow the content")
    return Batch(rows, messages, groups, data)


def _demand(fits: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64], complaint: str) -> None:
    if not fits.all():
        raise CodecError(Reason.BLOCK_LENGTH, int(starts[np.argmin(fits)]), complaint)


def _root_present(
    frames: Frames, message: MessageLayout, starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Bytes of each root block that are there: a client's as sent, the server's as the version stamp says."""
    steps = np.array([length for _, length in message.root_lengths])
    versions = frames.buffer[starts + 6] | frames.buffer[starts + 7].astype(np.int64) << 8
    since = np.array([version for version, _ in message.root_lengths])
    wanted = steps[np.maximum(np.searchsorted(since, versions, side="right") - 1, 0)]
    if message.from_client:
        wanted = np.minimum(np.maximum(lengths - HEADER_SIZE, steps[0]), steps[-1])
    _demand(wanted + HEADER_SIZE <= lengths, starts, f"{message.name}: the root block does not fit")
    return wanted


def _roots(
    buffer: npt.NDArray[np.uint8],
    message: MessageLayout,
    starts: npt.NDArray[np.int64],
    present: npt.NDArray[np.int64],
) -> Array:
    dtype = message_dtype(message.name)
    strides = np.diff(starts)
    if len(starts) and (present == present.max()).all() and HEADER_SIZE + present[0] == dtype.itemsize:
        if (strides == strides[:1]).all():
            stride = int(strides[0]) if len(strides) else dtype.itemsize
            return np.ndarray(len(starts), dtype, buffer.data, offset=int(starts[0]), strides=(stride,))
        return _gather(buffer, starts, dtype.itemsize).view(dtype).reshape(len(starts))
    records = np.zeros(len(starts), dtype)
    for length in np.unique(present):
        chosen = present == length
        record = _absent_record(message, dtype, int(length))
        size = HEADER_SIZE + max(
            (one.offset + one.size for one in message.fields if one.offset + one.size <= length), default=0
        )
        raw = np.tile(record.view(np.uint8), (int(chosen.sum()), 1))
        raw[:, :size] = _gather(buffer, starts[chosen], size)
        records[chosen] = raw.view(dtype).reshape(-1)
    return records


def _absent_record(message: MessageLayout, dtype: np.dtype[Any], present: int) -> Array:
    """A record that is null, or zero, in all fields beyond the first `present` bytes of the root block."""
    record = np.zeros(1, dtype)
    for field in message.fields:
        if field.offset + field.size > present:
            if field.kind == "decimal72":
                record[field.name]["mantissa"] = INT64_NULL
            elif field.kind in NULLABLE:
                record[field.name] = INT64_NULL
            elif field.optional:
                record[field.name] = ENUM_NULL
    return record


def _gather(buffer: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.uint8]:
    """`size` bytes from each start, one row each."""
    if not len(starts):
        return np.zeros((0, size), np.uint8)
    return np.ascontiguousarray(sliding_window_view(buffer, size)[starts])


def _entries(
    buffer: npt.NDArray[np.uint8],
    name: str,
    group: GroupLayout,
    starts: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> tuple[Ragged, npt.NDArray[np.int64]]:
    """The entries of a group that begins at `at` in each frame, and where it ends."""
    where = f"{name}.{group.name}"
    _demand(at + DIMENSION_SIZE <= ends, starts, f"{where}: the head of the group does not fit")
    heads = _gather(buffer, at, DIMENSION_SIZE).view("<u2").astype(np.int64)
    block_lengths, counts = heads[:, 0], heads[:, 1]
    _demand(
        block_lengths >= group.block_length, starts, f"{where}: wanted a blockLength of {group.block_length} or more"
    )
    after = at + DIMENSION_SIZE + block_lengths * counts
    _demand(after <= ends, starts, f"{where}: the entries do not fit")
    ordinals = _ordinals(counts)
    places = np.repeat(at + DIMENSION_SIZE, counts) + ordinals * np.repeat(block_lengths, counts)
    dtype = entry_dtype(name, group.name)
    entries = _gather(buffer, places, group.block_length).view(dtype).reshape(len(places))
    return Ragged(counts, entries), after


def _ordinals(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """0, 1, 2 ... for each message anew."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _pieces(
    buffer: npt.NDArray[np.uint8],
    data: DataLayout,
    starts: npt.NDArray[np.int64],
    at: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> tuple[list[bytes], npt.NDArray[np.int64]]:
    _demand(at + data.length_size <= ends, starts, f"{data.name}: the length does not fit")
    lengths = _gather(buffer, at, data.length_size).astype(np.int64) @ (256 ** np.arange(data.length_size))
    first = at + data.length_size
    _demand(first + lengths <= ends, starts, f"{data.name}: the content does not fit")
    pairs = zip(first.tolist(), lengths.tolist(), strict=True)
    return [buffer[start : start + length].tobytes() for start, length in pairs], first + lengths


# Encoding


def encode(
    name: str,
    messages: Array,
    groups: Mapping[str, Ragged] | None = None,
    data: Mapping[str, Sequence[bytes]] | None = None,
) -> bytes:
    """The messages as frames one after another, each filled up to a multiple of 8.

    `messages` has the dtype message_dtype(name); protocol id, length and message id of its headers need not be set.
    Groups and data that are not given are empty. Raises EncodeError."""
    message = _message(name)
    if messages.dtype != message_dtype(name):
        raise EncodeError(name, f"wanted the dtype message_dtype({name!r}), was {messages.dtype}")
    count = len(messages)
    ragged = {one.name: _ragged(name, one, groups or {}, count) for one in message.groups}
    pieces = {one.name: _texts(name, one, data or {}, count) for one in message.data}
    for given in (*(groups or ()), *(data or ())):
        if given not in ragged and given not in pieces:
            raise EncodeError(f"{name}.{given}", "there is no such field")
    lengths = np.full(count, messages.dtype.itemsize, np.int64)
    for group in message.groups:
        lengths += DIMENSION_SIZE + group.block_length * ragged[group.name].counts
    for one in message.data:
        lengths += np.array([one.length_size + len(piece) for piece in pieces[one.name]], np.int64)
    lengths = (lengths + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    frame_size(name, int(lengths.max(initial=0)))
    starts = np.cumsum(lengths) - lengths
    out = np.zeros(int(lengths.sum()), np.uint8)
    at = _put_roots(out, message, messages, starts, lengths)
    for group in message.groups:
        at = _put_entries(out, group, ragged[group.name], at)
    for one in message.data:
        at = _put_pieces(out, one, pieces[one.name], at)
    return out.tobytes()


def _ragged(name: str, group: GroupLayout, groups: Mapping[str, Ragged], count: int) -> Ragged:
    dtype = entry_dtype(name, group.name)
    ragged = groups.get(group.name, Ragged(np.zeros(count, np.int64), np.zeros(0, dtype)))
    counts = np.asarray(ragged.counts, np.int64)
    if len(counts) != count or counts.sum() != len(ragged.entries) or (counts < 0).any():
        wanted = f"wanted counts of {count} messages that add up to {len(ragged.entries)} entries"
        raise EncodeError(f"{name}.{group.name}", f"{wanted}, was {len(counts)} with {counts.sum()}")
    if ragged.entries.dtype != dtype:
        wanted = f"entry_dtype({name!r}, {group.name!r})"
        raise EncodeError(f"{name}.{group.name}", f"wanted the dtype {wanted}, was {ragged.entries.dtype}")
    return Ragged(counts, ragged.entries)


def _texts(name: str, data: DataLayout, given: Mapping[str, Sequence[bytes]], count: int) -> Sequence[bytes]:
    pieces = given.get(data.name, [b""] * count)
    if len(pieces) != count:
        raise EncodeError(f"{name}.{data.name}", f"wanted {count} pieces, was {len(pieces)}")
    size_max = (1 << 8 * data.length_size) - 1
    for piece in pieces:
        if len(piece) > size_max:
            raise EncodeError(f"{name}.{data.name}", f"wanted at most {size_max} bytes, was {len(piece)}")
    return pieces


def _put(out: npt.NDArray[np.uint8], places: npt.NDArray[np.int64], records: Array) -> None:
    size = records.dtype.itemsize
    raw = np.ascontiguousarray(records).view(np.uint8).reshape(len(records), size)
    if len(places):
        sliding_window_view(out, size, writeable=True)[places] = raw


def _put_roots(
    out: npt.NDArray[np.uint8],
    message: MessageLayout,
    messages: Array,
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    records = messages.copy()
    records["header"]["protocol_id"] = PROTOCOL_ID
    records["header"]["message_length"] = lengths
    records["header"]["message_type_id"] = message.template_id
    _put(out, starts, records)
    return starts + messages.dtype.itemsize


def _put_entries(
    out: npt.NDArray[np.uint8], group: GroupLayout, ragged: Ragged, at: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    heads = np.zeros((len(at), 2), "<u2")
    heads[:, 0], heads[:, 1] = group.block_length, ragged.counts
    _put(out, at, heads.view(f"V{DIMENSION_SIZE}").reshape(-1))
    first = at + DIMENSION_SIZE
    places = np.repeat(first, ragged.counts) + _ordinals(ragged.counts) * group.block_length
    _put(out, places, ragged.entries)
    return first + ragged.counts * group.block_length


def _put_pieces(
    out: npt.NDArray[np.uint8], data: DataLayout, pieces: Sequence[bytes], at: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    for place, piece in zip(at.tolist(), pieces, strict=True):
        content = len(piece).to_bytes(data.length_size, "little") + piece
        out[place : place + len(content)] = np.frombuffer(content, np.uint8)
    return at + np.array([data.length_size + len(piece) for piece in pieces], np.int64)
