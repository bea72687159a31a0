"""The codec of the gateway: frames, checks, messages. Table-driven; the tables are made from codec.layout at import.

The C face is wire.pxd. Here are the tables, what walks them, and the Python face for tests, clients and tools. It gives
and takes what `codec.values` describes, and agrees with `codec.messages` in every outcome.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc
from libc.stdio cimport snprintf
from libc.stdint cimport int8_t, int16_t, int32_t, uint64_t
from libc.string cimport memcpy, memset

from codec.layout cimport (
    REJECT_REASON_INVALID_BLOCK_LENGTH,
    REJECT_REASON_INVALID_FIELD_VALUE,
    REJECT_REASON_INVALID_TEMPLATE_ID,
    SENDER_SERVER,
)
from codec.xxh64 cimport Xxh64, xxh64_begin, xxh64_digest, xxh64_update

from codec import layout
from codec.errors import CodecError, EncodeError, Reason
from codec.values import ENUM_NULL, Complete, Header, Invalid, Message, Partial
from codec.values import Decimal72 as PyDecimal72
from codec.values import Problem as PyProblem


# Tables

cdef enum:
    TEMPLATE_ID_MAX = 4095
    STEPS_MAX = 4
    PROBLEM_TEXT_MAX = 255
    MESSAGE_LENGTH_MAX = 0xFFFF
    FIRST_OFFSET_OF_ID = 4              # messageTypeId in the header
    FIRST_OFFSET_OF_LENGTH = 2          # messageLength in the header

cdef enum Kind:
    KIND_INT8
    KIND_UINT8
    KIND_UINT16
    KIND_INT32
    KIND_UINT32
    KIND_INT64
    KIND_UINT64
    KIND_DOUBLE
    KIND_PRICE9
    KIND_DECIMAL72
    KIND_CHAR
    KIND_PADDING

cdef enum Rule:
    RULE_NONE
    RULE_ENUM
    RULE_SET
    RULE_LOW

cdef struct FieldRow:
    const char* field                   # name for a Problem
    const char* domain
    uint64_t[4] allowed                 # RULE_ENUM: bit n of the 256 for a value whose byte is n. RULE_SET: [0], the bits
    int64_t low                         # RULE_LOW
    int since_version
    uint16_t offset
    uint16_t size
    uint8_t kind
    uint8_t rule
    bint optional

cdef struct BlockRow:                   # a root block, or an entry of a group
    const char* dimension               # names for a Problem: the group, its two lengths
    const char* block_length_field
    const char* num_in_group_field
    size_t first                        # fields[first : first + count]
    size_t count
    size_t block_length
    bint has_rules

cdef struct DataRow:
    const char* field
    size_t length_size
    bint is_text

cdef struct MessageRow:
    int template_id
    int senders
    int since_version
    int steps                           # root lengths by version, oldest first
    int[4] step_version
    size_t[4] step_length
    size_t root                         # blocks[root], then its groups
    size_t group_count
    size_t first_data
    size_t data_count

cdef FieldRow* fields = NULL
cdef BlockRow* blocks = NULL
cdef DataRow* datas = NULL
cdef MessageRow* messages = NULL
cdef int16_t[4096] row_of_template      # -1: nobody sends it

# The same rows' names for Python, by the same indices; and the bytes that the C names point into.
cdef list field_names = []
cdef list block_names = []
cdef list data_names = []
cdef list message_names = []
cdef dict rows_by_name = {}
cdef list kept = []

cdef dict KINDS = {
    "int8": KIND_INT8,
    "uint8": KIND_UINT8,
    "uint16": KIND_UINT16,
    "int32": KIND_INT32,
    "uint32": KIND_UINT32,
    "int64": KIND_INT64,
    "uint64": KIND_UINT64,
    "double": KIND_DOUBLE,
    "price9": KIND_PRICE9,
    "decimal72": KIND_DECIMAL72,
    "char": KIND_CHAR,
    "padding": KIND_PADDING,
}


cdef const char* _keep(str text) except NULL:
    """A C string that lives as long as the process."""
    cdef bytes encoded = text.encode("ascii")
    kept.append(encoded)
    return PyBytes_AS_STRING(encoded)


cdef void* _table(size_t count, size_t size) except NULL:
    cdef void* table = PyMem_Calloc(count, size)
    if table == NULL:
        raise MemoryError("tables of the codec")
    return table


cdef int _fill_rule(FieldRow* row, object field) except -1:
    row.rule = RULE_NONE
    if field.domain:
        row.domain = _keep(field.domain)
    if field.domain in layout.ENUMS:
        row.rule = RULE_ENUM
        values = [int(value) for value in layout.ENUMS[field.domain]] + ([ENUM_NULL] if field.optional else [])
        for value in values:
            row.allowed[(value & 0xFF) >> 6] |= <uint64_t> 1 << (value & 63)
    elif field.domain in layout.SETS:
        row.rule = RULE_SET
        for value in layout.SETS[field.domain]:
            row.allowed[0] |= <uint64_t> int(value)
    elif field.low is not None:
        row.rule = RULE_LOW
        row.low = field.low
    return 0


cdef int _fill_block(BlockRow* block, size_t first, str group, size_t block_length, object block_fields) except -1:
    cdef size_t position = first
    cdef str prefix = group + "." if group else ""
    block.first = first
    block.count = len(block_fields)
    block.block_length = block_length
    block.dimension = _keep(group)
    block.block_length_field = _keep(prefix + "blockLength")
    block.num_in_group_field = _keep(prefix + "numInGroup")
    for field in block_fields:
        fields[position].field = _keep(prefix + field.wire_name)
        fields[position].kind = KINDS[field.kind]
        fields[position].offset = field.offset
        fields[position].size = field.size
        fields[position].since_version = field.since_version
        fields[position].optional = field.optional
        _fill_rule(&fields[position], field)
        block.has_rules = block.has_rules or fields[position].rule != RULE_NONE
        field_names.append(field.name)
        position += 1
    return 0


cdef int _fill_message(MessageRow* row, object message, size_t block, size_t data) except -1:
    cdef size_t at = block
    if message.template_id > TEMPLATE_ID_MAX or len(message.root_lengths) > STEPS_MAX:
        raise AssertionError(f"{message.name} does not fit the tables")
    row.template_id = message.template_id
    row.senders = (SENDER_CLIENT if message.from_client else 0) | (SENDER_SERVER if message.from_server else 0)
    row.since_version = message.since_version
    row.steps = len(message.root_lengths)
    for step, (version, length) in enumerate(message.root_lengths):
        row.step_version[step] = version
        row.step_length[step] = length
    row.root, row.group_count = block, len(message.groups)
    row.first_data, row.data_count = data, len(message.data)
    _fill_block(&blocks[at], len(field_names), "", row.step_length[row.steps - 1], message.fields)
    block_names.append(message.name)
    for group in message.groups:
        at += 1
        _fill_block(&blocks[at], len(field_names), group.wire_name, group.block_length, group.fields)
        block_names.append(group.name)
    for one in message.data:
        datas[len(data_names)].field = _keep(one.wire_name)
        datas[len(data_names)].length_size = one.length_size
        datas[len(data_names)].is_text = one.is_text
        data_names.append(one.name)
    return 0


cdef int _fill_tables() except -1:
    global fields, blocks, datas, messages
    cdef size_t row = 0
    every_block = [block for message in layout.MESSAGES for block in (message, *message.groups)]
    fields = <FieldRow*> _table(sum(len(block.fields) for block in every_block), sizeof(FieldRow))
    blocks = <BlockRow*> _table(len(every_block), sizeof(BlockRow))
    datas = <DataRow*> _table(sum(len(message.data) for message in layout.MESSAGES), sizeof(DataRow))
    messages = <MessageRow*> _table(len(layout.MESSAGES), sizeof(MessageRow))
    memset(row_of_template, 0xFF, sizeof(row_of_template))
    for message in layout.MESSAGES:
        _fill_message(&messages[row], message, len(block_names), len(data_names))
        row_of_template[messages[row].template_id] = <int16_t> row
        message_names.append(message.name)
        rows_by_name[message.name] = row
        row += 1
    return 0


_fill_tables()


cdef inline const MessageRow* _row(int template_id) noexcept nogil:
    """The row of a message, NULL for an id that nobody sends."""
    if not 0 <= template_id <= TEMPLATE_ID_MAX or row_of_template[template_id] < 0:
        return NULL
    return &messages[row_of_template[template_id]]


# Checks


cdef int _refuse(Problem* problem, int reject_reason, int kind, size_t offset, const char* field, int64_t value,
                 int64_t limit) noexcept nogil:
    problem.reject_reason = reject_reason
    problem.kind = kind
    problem.offset = <uint32_t> offset
    problem.field = field
    problem.domain = NULL
    problem.value = value
    problem.limit = limit
    return reject_reason


cdef size_t _root_wanted(const MessageRow* row, int version) noexcept nogil:
    """Bytes of the root block that must be there. A client's message may always be as short as it ever was."""
    cdef size_t length = row.step_length[0]
    cdef int step
    if not row.senders & SENDER_CLIENT:
        for step in range(1, row.steps):
            if row.step_version[step] <= version:
                length = row.step_length[step]
    return length


cdef size_t _root_present(const MessageRow* row, size_t length, int version) noexcept nogil:
    """Bytes of the root block that are there, in a frame that has all that must be."""
    cdef size_t known = row.step_length[row.steps - 1]
    if not row.senders & SENDER_CLIENT:
        return _root_wanted(row, version)
    return min(known, length - HEADER_SIZE)


cdef int _check_root(const MessageRow* row, size_t length, int version, Problem* problem) noexcept nogil:
    cdef size_t wanted = _root_wanted(row, version)
    cdef const BlockRow* root = &blocks[row.root]
    cdef const FieldRow* field = &fields[root.first]
    if HEADER_SIZE + wanted <= length:
        return 0
    while <size_t> HEADER_SIZE + field.offset + field.size <= length:
        field += 1
    return _refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, HEADER_SIZE + field.offset,
                   field.field, length, HEADER_SIZE + wanted)


cdef int _check_group(const BlockRow* group, const uint8_t* frame, size_t length, size_t* cursor,
                      Problem* problem) noexcept nogil:
    """Moves the cursor behind the group."""
    cdef size_t at = cursor[0]
    cdef size_t end = at + sizeof(GroupDimension)
    cdef const GroupDimension* dimension = <const GroupDimension*> (frame + at)
    if end > length:
        return _refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, at, group.dimension, length, end)
    if dimension.block_length < group.block_length:
        return _refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_BLOCK_LENGTH, at, group.block_length_field,
                       dimension.block_length, group.block_length)
    end += <size_t> dimension.block_length * dimension.num_in_group
    if end > length:
        return _refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, at + sizeof(uint16_t),
                       group.num_in_group_field, length, end)
    cursor[0] = end
    return 0


cdef inline size_t _data_length(const DataRow* data, const uint8_t* at) noexcept nogil:
    return at[0] if data.length_size == 1 else at[0] | <size_t> at[1] << 8


cdef int _check_data(const DataRow* data, const uint8_t* frame, size_t length, size_t* cursor,
                     Problem* problem) noexcept nogil:
    cdef size_t at = cursor[0]
    cdef size_t end = at + data.length_size
    if end <= length:
        end += _data_length(data, frame + at)
    if end > length:
        return _refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, at, data.field, length, end)
    cursor[0] = end
    return 0


cdef int _check_structure(const MessageRow* row, const uint8_t* frame, size_t length, int version,
                          Problem* problem) noexcept nogil:
    """Whether root, groups and data fit the frame, and little enough follows them."""
    cdef int refused = _check_root(row, length, version, problem)
    cdef size_t cursor, position
    if refused:
        return refused
    cursor = HEADER_SIZE + _root_present(row, length, version)
    for position in range(row.group_count):
        refused = _check_group(&blocks[row.root + 1 + position], frame, length, &cursor, problem)
        if refused:
            return refused
    for position in range(row.data_count):
        refused = _check_data(&datas[row.first_data + position], frame, length, &cursor, problem)
        if refused:
            return refused
    if length - cursor > SLACK_MAX:
        return _refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_TRAILING_BYTES, FIRST_OFFSET_OF_LENGTH,
                       "messageLength", length, cursor + SLACK_MAX)
    return 0


cdef int _check_value(const FieldRow* field, const uint8_t* frame, size_t offset, Problem* problem) noexcept nogil:
    cdef int64_t value
    cdef int kind = 0
    if field.kind == KIND_INT8:
        value = <int8_t> frame[offset]
    elif field.kind == KIND_UINT8:
        value = frame[offset]
    else:
        value = frame[offset] | <int64_t> frame[offset + 1] << 8
    if field.rule == RULE_ENUM:
        if not field.allowed[(value & 0xFF) >> 6] >> (value & 63) & 1:
            kind = PROBLEM_NOT_IN_ENUM
    elif field.rule == RULE_SET:
        if <uint64_t> value & ~field.allowed[0]:
            kind = PROBLEM_UNDEFINED_BITS
    elif value < field.low:
        kind = PROBLEM_TOO_LOW
    if kind:
        _refuse(problem, REJECT_REASON_INVALID_FIELD_VALUE, kind, offset, field.field, value, field.low)
        problem.domain = field.domain
        return REJECT_REASON_INVALID_FIELD_VALUE
    return 0


cdef int _check_block(const BlockRow* block, const uint8_t* frame, size_t offset, size_t present,
                      Problem* problem) noexcept nogil:
    """The values of one block, as far as it is present."""
    cdef const FieldRow* field = &fields[block.first]
    cdef size_t position
    cdef int refused
    for position in range(block.count):
        if field.rule != RULE_NONE and <size_t> field.offset + field.size <= present:
            refused = _check_value(field, frame, offset + field.offset, problem)
            if refused:
                return refused
        field += 1
    return 0


cdef int _check_values(const MessageRow* row, const uint8_t* frame, size_t length, int version,
                       Problem* problem) noexcept nogil:
    """The values of a frame whose structure is sound."""
    cdef size_t present = _root_present(row, length, version)
    cdef size_t cursor = HEADER_SIZE + present
    cdef size_t position, entry, block_length
    cdef const BlockRow* group
    cdef int refused = _check_block(&blocks[row.root], frame, HEADER_SIZE, present, problem)
    if refused:
        return refused
    for position in range(row.group_count):
        group = &blocks[row.root + 1 + position]
        block_length = (<const GroupDimension*> (frame + cursor)).block_length
        entry = (<const GroupDimension*> (frame + cursor)).num_in_group
        cursor += sizeof(GroupDimension)
        while entry:
            if group.has_rules:
                refused = _check_block(group, frame, cursor, block_length, problem)
                if refused:
                    return refused
            cursor += block_length
            entry -= 1
    return 0


cdef int check_frame(const uint8_t* frame, size_t length, int sender, int version, Problem* problem) noexcept nogil:
    cdef int template_id = (<const FrameHeader*> frame).message_type_id
    cdef const MessageRow* row = _row(template_id)
    cdef int refused
    if row == NULL:
        return _refuse(problem, REJECT_REASON_INVALID_TEMPLATE_ID, PROBLEM_UNKNOWN_MESSAGE, FIRST_OFFSET_OF_ID,
                       "messageTypeId", template_id, 0)
    if not row.senders & sender:
        return _refuse(problem, REJECT_REASON_INVALID_TEMPLATE_ID, PROBLEM_WRONG_SENDER, FIRST_OFFSET_OF_ID,
                       "messageTypeId", template_id, sender)
    if row.since_version > version:
        return _refuse(problem, REJECT_REASON_INVALID_TEMPLATE_ID, PROBLEM_NEWER_THAN_SESSION, FIRST_OFFSET_OF_ID,
                       "messageTypeId", template_id, row.since_version)
    refused = _check_structure(row, frame, length, version, problem)
    if refused:
        return refused
    return _check_values(row, frame, length, version, problem)


cdef size_t problem_text(const Problem* problem, char* out) noexcept nogil:
    cdef char[256] text                 # snprintf wants room for its NUL, the caller does not
    cdef long long value = problem.value
    cdef long long limit = problem.limit
    cdef int size = snprintf(text, sizeof(text), b"%s at offset %u: ", problem.field, <unsigned int> problem.offset)
    cdef char* at = text + size
    cdef size_t room = sizeof(text) - size
    if problem.kind == PROBLEM_UNKNOWN_MESSAGE:
        size += snprintf(at, room, b"wanted the id of a message, was %lld", value)
    elif problem.kind == PROBLEM_WRONG_SENDER and limit == SENDER_CLIENT:
        size += snprintf(at, room, b"wanted a message of the client, was %lld", value)
    elif problem.kind == PROBLEM_WRONG_SENDER:
        size += snprintf(at, room, b"wanted a message of the server, was %lld", value)
    elif problem.kind == PROBLEM_NEWER_THAN_SESSION:
        size += snprintf(at, room, b"%lld needs schema version %lld or later", value, limit)
    elif problem.kind == PROBLEM_DOES_NOT_FIT:
        size += snprintf(at, room, b"wanted a messageLength of %lld or more, was %lld", limit, value)
    elif problem.kind == PROBLEM_TRAILING_BYTES:
        size += snprintf(at, room, b"wanted %lld or less, was %lld", limit, value)
    elif problem.kind == PROBLEM_NOT_IN_ENUM:
        size += snprintf(at, room, b"wanted a value of %s, was %lld", problem.domain, value)
    elif problem.kind == PROBLEM_UNDEFINED_BITS:
        size += snprintf(at, room, b"wanted bits of %s, was %lld", problem.domain, value)
    else:
        size += snprintf(at, room, b"wanted %lld or more, was %lld", limit, value)
    size = min(size, PROBLEM_TEXT_MAX)
    memcpy(out, text, size)
    return size
