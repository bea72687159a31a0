"""The codec of the gateway: frames, requests, messages. The C face is wire.pxd.

Here is the Python face, for tests, clients and tools. It gives and takes what `codec.values` describes, and agrees with
`codec.messages` in every outcome.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int8_t, int32_t
from libc.string cimport memcpy

from codec.checks cimport check_structure, data_length, root_present
from codec.layout cimport SENDER_SERVER
from codec.tables cimport (
    KIND_CHAR,
    KIND_DECIMAL72,
    KIND_DOUBLE,
    KIND_INT8,
    KIND_INT32,
    KIND_INT64,
    KIND_PADDING,
    KIND_PRICE9,
    BlockRow,
    DataRow,
    FieldRow,
    MessageRow,
    message_row,
    message_row_by_name,
)
from codec.xxh64 cimport Xxh64, xxh64_begin, xxh64_digest, xxh64_update

from codec import arguments
from codec.errors import CodecError, EncodeError, Reason
from codec.values import CLIENT, ENUM_NULL, Complete, Header, Invalid, Message, Partial
from codec.values import Decimal72 as PyDecimal72
from codec.values import Problem as PyProblem

cdef enum:
    OFFSET_OF_LENGTH = 2                # messageLength in the header


cdef str _text_of(const Problem* problem):
    cdef char[255] text
    return PyUnicode_DecodeASCII(text, problem_text(problem, text), NULL)


cdef str _ascii(const char* text, size_t size):
    return (<bytes> text[:size]).decode("ascii", "surrogateescape")


cdef object _value(const FieldRow* field, const uint8_t* at):
    """One field as Python gives it; its bytes are there."""
    cdef const Decimal72* decimal
    cdef int64_t long_value
    cdef uint64_t word = 0
    cdef double real
    cdef size_t size = field.size
    if field.kind == KIND_CHAR:
        while size and at[size - 1] == 0:
            size -= 1
        return _ascii(<const char*> at, size)
    if field.kind == KIND_DECIMAL72:
        decimal = <const Decimal72*> at
        if field.optional and decimal.mantissa == INT64_MIN:
            return None
        return PyDecimal72(decimal.mantissa, decimal.exponent)
    if field.kind == KIND_DOUBLE:
        memcpy(&real, at, sizeof(real))
        return real
    memcpy(&word, at, size)
    if field.kind == KIND_INT64 or field.kind == KIND_PRICE9:
        long_value = <int64_t> word
        return None if field.optional and long_value == INT64_MIN else long_value
    if field.kind == KIND_INT8:
        long_value = <int8_t> word
        return None if field.optional and long_value == ENUM_NULL else long_value
    if field.kind == KIND_INT32:
        return <int32_t> word
    return word


cdef bint _is_nullable(const FieldRow* field) noexcept:
    return field.optional or field.kind == KIND_INT64 or field.kind == KIND_PRICE9 or field.kind == KIND_DECIMAL72


cdef object _absent(const FieldRow* field):
    """What stands for a field that the frame is too short or too old to have."""
    if _is_nullable(field):
        return None
    return "" if field.kind == KIND_CHAR else 0


cdef int _read_block(const BlockRow* block, const uint8_t* at, size_t present, dict out) except -1:
    cdef const FieldRow* field = block.fields
    cdef size_t position
    for position in range(block.count):
        if field.kind != KIND_PADDING:
            if <size_t> field.offset + field.size <= present:
                out[<object> field.name] = _value(field, at + field.offset)
            else:
                out[<object> field.name] = _absent(field)
        field += 1
    return 0


cdef dict _read_message(const MessageRow* row, const uint8_t* frame, size_t length, int version):
    """Everything behind the header of a frame whose structure is sound."""
    cdef size_t present = root_present(row, length, version)
    cdef const uint8_t* at = frame + HEADER_SIZE
    cdef const GroupDimension* dimension
    cdef const DataRow* data
    cdef size_t position, size, entry
    cdef dict out = {}
    cdef dict one
    cdef list entries
    _read_block(row.root, at, present, out)
    at += present
    for position in range(row.group_count):
        dimension = <const GroupDimension*> at
        at += sizeof(GroupDimension)
        entries = []
        for entry in range(dimension.num_in_group):
            one = {}
            _read_block(&row.groups[position], at, dimension.block_length, one)
            entries.append(one)
            at += dimension.block_length
        out[<object> row.groups[position].name] = entries
    for position in range(row.data_count):
        data = &row.data[position]
        size = data_length(data, at)
        at += data.length_size
        out[<object> data.name] = _ascii(<const char*> at, size) if data.is_text else <bytes> (<const char*> at)[:size]
        at += size
    return out


cdef const uint8_t* _frame_of(Py_buffer* view) except NULL:
    """The bytes of a view that is exactly one frame, as far as header and length tell."""
    cdef const uint8_t* frame = <const uint8_t*> view.buf
    cdef Py_ssize_t length
    if view.len and frame[0] != PROTOCOL_ID:
        raise CodecError(Reason.PROTOCOL_ID, 0, f"protocolId at offset 0: wanted {int(PROTOCOL_ID)}, was {frame[0]}")
    if view.len < HEADER_SIZE:
        raise CodecError(Reason.MESSAGE_LENGTH, OFFSET_OF_LENGTH,
                         f"wanted a frame of {int(HEADER_SIZE)} bytes or more, was {view.len}")
    length = (<const FrameHeader*> frame).message_length
    if length != view.len:
        raise CodecError(Reason.MESSAGE_LENGTH, OFFSET_OF_LENGTH,
                         f"messageLength at offset {int(OFFSET_OF_LENGTH)}: wanted {view.len}, was {length}")
    return frame


cdef object _decode(const uint8_t* frame, size_t length, object version):
    cdef const FrameHeader* header = <const FrameHeader*> frame
    cdef const MessageRow* row = message_row(header.message_type_id)
    cdef int session_version = header.version if version is None else version
    cdef Problem problem
    if row == NULL:
        check_frame(frame, length, SENDER_CLIENT | SENDER_SERVER, session_version, &problem)
        raise CodecError(Reason.TEMPLATE_ID, problem.offset, _text_of(&problem))
    if check_structure(row, frame, length, session_version, &problem):
        raise CodecError(Reason.BLOCK_LENGTH, problem.offset, _text_of(&problem))
    return Message(
        Header(header.protocol_id, header.flags, header.message_length, header.message_type_id, header.version,
               header.sequence_number, header.last_processed_seq_no, header.send_time_ns),
        <object> row.root.name,
        _read_message(row, frame, length, session_version),
    )


def decode(frame, *, version=None):
    """One whole frame, not a byte more, to a Message. Values are not judged.

    `version` is the session's schema version; without it the header's version field tells which fields a message of the
    server has. Raises CodecError."""
    cdef Py_buffer view
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    try:
        return _decode(_frame_of(&view), view.len, version)
    finally:
        PyBuffer_Release(&view)


def check(frame, *, version=17, direction=CLIENT):
    """What a session Reject would say about a frame that `direction` sent in a session of `version`; None if nothing.

    Raises CodecError for bytes that are not exactly one frame."""
    cdef Py_buffer view
    cdef Problem problem
    cdef int sender = direction
    cdef int session_version = version
    cdef int refused
    cdef const uint8_t* at
    PyObject_GetBuffer(frame, &view, PyBUF_SIMPLE)
    try:
        at = _frame_of(&view)
        if sender == SENDER_CLIENT:
            refused = check_request(at, view.len, session_version, &problem)
        else:
            refused = check_frame(at, view.len, sender, session_version, &problem)
    finally:
        PyBuffer_Release(&view)
    if not refused:
        return None
    return PyProblem(refused, problem.offset, problem.field.decode("ascii"), _text_of(&problem))


def scan(buffer, offset=0, frame_size_max=16384):
    """Looks for one frame from `offset` on: Complete, Partial or Invalid."""
    cdef Py_buffer view
    cdef Frame frame
    cdef int found
    cdef Py_ssize_t start = offset
    cdef size_t size_max = frame_size_max
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= view.len:
            raise IndexError(f"offset: wanted 0 to {view.len}, was {start}")
        found = frame_scan(<const uint8_t*> view.buf + start, view.len - start, size_max, &frame)
    finally:
        PyBuffer_Release(&view)
    if found == FRAME_COMPLETE:
        return Complete(start + frame.skipped, frame.length)
    if found == FRAME_PARTIAL:
        return Partial(max(frame.length, <size_t> HEADER_SIZE) + frame.skipped + start - view.len)
    if found == FRAME_INVALID_PROTOCOL_ID:
        return Invalid(Reason.PROTOCOL_ID)
    return Invalid(Reason.MESSAGE_LENGTH if found == FRAME_INVALID_LENGTH else Reason.PADDING)


cdef int _put_null(const FieldRow* field, uint8_t* at) except -1:
    cdef int64_t null = INT64_MIN
    if field.kind == KIND_INT8:
        at[0] = <uint8_t> <int8_t> ENUM_NULL
    else:
        memcpy(at, &null, sizeof(null))
    return 0


cdef int _put_value(const FieldRow* field, str path, object value, uint8_t* at) except -1:
    cdef bytes text
    cdef double real
    cdef Decimal72* decimal
    cdef uint64_t word
    if value is None and _is_nullable(field):
        return _put_null(field, at)
    if field.kind == KIND_CHAR:
        text = arguments.text(path, value, field.size)
        memcpy(at, PyBytes_AS_STRING(text), len(text))
    elif field.kind == KIND_DECIMAL72:
        decimal = <Decimal72*> at
        decimal.mantissa, decimal.exponent = arguments.decimal(path, value)
    elif field.kind == KIND_DOUBLE:
        real = arguments.number(path, value)
        memcpy(at, &real, sizeof(real))
    else:
        word = arguments.integer(path, value, <object> field.kind_name) & 0xFFFFFFFFFFFFFFFF
        memcpy(at, &word, field.size)
    return 0


cdef int _put_block(const BlockRow* block, str path, object values, size_t present, uint8_t* at) except -1:
    """Writes the fields of a block, which is all zero before; fields beyond `present` are withheld."""
    cdef const FieldRow* field = block.fields
    cdef size_t position
    for position in range(block.count):
        if field.kind != KIND_PADDING and <size_t> field.offset + field.size <= present:
            name = <object> field.name
            if name in values:
                _put_value(field, f"{path}.{name}", values[name], at + field.offset)
            elif field.optional:
                _put_null(field, at + field.offset)
        field += 1
    return 0


cdef bytearray _group_bytes(const BlockRow* group, str path, object values):
    """The dimension of a group and its entries."""
    cdef object entries = arguments.entries(path, values)
    cdef size_t count = len(entries)
    cdef bytearray out = bytearray(sizeof(GroupDimension) + count * group.block_length)
    cdef uint8_t* at = put_dimension(<uint8_t*> <char*> out, <uint16_t> group.block_length, <uint16_t> count)
    for position, entry in enumerate(entries):
        where = f"{path}[{position}]"
        _put_block(group, where, arguments.block(where, entry, <object> group.known), group.block_length, at)
        at += group.block_length
    return out


cdef bytes _data_bytes(const DataRow* data, str path, object values):
    """The length of variable-length data and the data."""
    cdef size_t size_max = (1 << 8 * data.length_size) - 1
    cdef bytes out
    name = <object> data.name
    where = f"{path}.{name}"
    if data.is_text:
        out = arguments.text(where, values.get(name, ""), size_max)
    else:
        out = arguments.content(where, values.get(name, b""), size_max)
    return len(out).to_bytes(data.length_size, "little") + out


cdef size_t _root_at(const MessageRow* row, int version) noexcept:
    """Bytes of the root block at a schema version."""
    cdef size_t length = row.step_length[0]
    cdef int step
    for step in range(1, row.steps):
        if row.step_version[step] <= version:
            length = row.step_length[step]
    return length


def encode(name, fields, *, sequence_number=0, last_processed_seq_no=0, send_time_ns=0, version=17, flags=0,
           padded=True, root_version=17):
    """One frame. Missing optional fields are null, other missing fields zero or empty.

    `version` goes into the header; fields newer than `root_version` are withheld. `padded` fills up to a multiple of 8.
    Raises EncodeError."""
    cdef const MessageRow* row = message_row_by_name(name)
    cdef size_t root, raw, length
    cdef uint8_t* at
    cdef FrameHeader* header
    if row == NULL:
        raise EncodeError(str(name), "there is no such message")
    values = arguments.block(name, fields, <object> row.root.known)
    root = _root_at(row, root_version)
    frame = bytearray(HEADER_SIZE + root)
    _put_block(row.root, name, values, root, <uint8_t*> <char*> frame + HEADER_SIZE)
    for position in range(row.group_count):
        group = <object> row.groups[position].name
        frame += _group_bytes(&row.groups[position], f"{name}.{group}", values.get(group, ()))
    for position in range(row.data_count):
        frame += _data_bytes(&row.data[position], name, values)
    raw = len(frame)
    length = (raw + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT if padded else raw
    frame += bytes(arguments.frame_size(name, length) - raw)
    header = <FrameHeader*> <char*> frame
    header.protocol_id = PROTOCOL_ID
    header.flags = arguments.integer("header.flags", flags, "uint8")
    header.message_length = <uint16_t> length
    header.message_type_id = <uint16_t> row.template_id
    header.version = arguments.integer("header.version", version, "uint16")
    header.sequence_number = arguments.integer("header.sequence_number", sequence_number, "int64")
    header.last_processed_seq_no = arguments.integer("header.last_processed_seq_no", last_processed_seq_no, "int64")
    header.send_time_ns = arguments.integer("header.send_time_ns", send_time_ns, "int64")
    return bytes(frame)


def to_fixed(decimal):
    """A Decimal72 in units of 1e-9, None for null. Raises ValueError where that is not exact or does not fit."""
    cdef Decimal72 value
    cdef int64_t fixed = 0
    cdef int status
    value.mantissa, value.exponent = arguments.decimal("decimal", decimal)
    status = decimal_to_fixed(&value, &fixed)
    if status == DECIMAL_OK:
        return fixed
    if status == DECIMAL_NULL:
        return None
    raise ValueError("not a multiple of 1e-9" if status == DECIMAL_INEXACT else "too large")


def from_fixed(fixed):
    """Units of 1e-9, or None, as the Decimal72 that the server sends."""
    cdef Decimal72 value
    fixed_to_decimal(INT64_MIN if fixed is None else arguments.integer("fixed", fixed, "int64"), &value)
    return PyDecimal72(value.mantissa, value.exponent)


def xxh64(*pieces):
    """XXH64 with seed 0 over the pieces, one after another."""
    cdef Xxh64 state
    cdef Py_buffer view
    xxh64_begin(&state)
    for piece in pieces:
        PyObject_GetBuffer(piece, &view, PyBUF_SIMPLE)
        xxh64_update(&state, <const uint8_t*> view.buf, view.len)
        PyBuffer_Release(&view)
    return xxh64_digest(&state)


def split(buffer, frame_size_max=65535):
    """All frames of a buffer: a bytearray of int64 pairs (start, length); and what stands after them."""
    cdef Py_buffer view
    cdef Frame frame
    cdef int64_t place[2]
    cdef size_t offset = 0
    cdef size_t size_max = frame_size_max
    cdef size_t count = 0
    cdef int found = FRAME_COMPLETE
    cdef int64_t* places
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        out = bytearray(view.len // HEADER_SIZE * sizeof(place))
        places = <int64_t*> <char*> out
        with nogil:
            while True:
                found = frame_scan(<const uint8_t*> view.buf + offset, view.len - offset, size_max, &frame)
                if found != FRAME_COMPLETE:
                    break
                places[2 * count] = <int64_t> (offset + frame.skipped)
                places[2 * count + 1] = <int64_t> frame.length
                offset += frame.skipped + frame.length
                count += 1
    finally:
        PyBuffer_Release(&view)
    del out[count * sizeof(place):]
    return out, scan(buffer, offset, frame_size_max)
