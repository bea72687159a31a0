"""Checks of whole frames: structure, then values. See checks.pxd; there is nothing here for Python."""

from libc.stdio cimport snprintf
from libc.string cimport memcpy

from codec.layout cimport (
    HEADER_SIZE,
    REJECT_REASON_INVALID_BLOCK_LENGTH,
    REJECT_REASON_INVALID_FIELD_VALUE,
    REJECT_REASON_INVALID_TEMPLATE_ID,
    SENDER_CLIENT,
    FrameHeader,
    GroupDimension,
)
from codec.tables cimport (
    KIND_INT8,
    KIND_UINT8,
    RULE_ENUM,
    RULE_NONE,
    RULE_SET,
    BlockRow,
    DataRow,
    FieldRow,
    MessageRow,
    message_row,
)

cdef enum:
    PROBLEM_TEXT_MAX = 255
    OFFSET_OF_LENGTH = 2                # messageLength in the header
    OFFSET_OF_ID = 4                    # messageTypeId in the header


cdef int refuse(Problem* problem, int reject_reason, int kind, size_t offset, const char* field, int64_t value,
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


cdef size_t root_present(const MessageRow* row, size_t length, int version) noexcept nogil:
    """Bytes of the root block that are there, in a frame that has all that must be."""
    cdef size_t known = row.step_length[row.steps - 1]
    if not row.senders & SENDER_CLIENT:
        return _root_wanted(row, version)
    return min(known, length - HEADER_SIZE)


cdef int _check_root(const MessageRow* row, size_t length, int version, Problem* problem) noexcept nogil:
    cdef size_t wanted = _root_wanted(row, version)
    cdef const FieldRow* field = row.root.fields
    if HEADER_SIZE + wanted <= length:
        return 0
    while <size_t> HEADER_SIZE + field.offset + field.size <= length:
        field += 1
    return refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, HEADER_SIZE + field.offset,
                   field.field, length, HEADER_SIZE + wanted)


cdef int _check_group(const BlockRow* group, const uint8_t* frame, size_t length, size_t* cursor,
                      Problem* problem) noexcept nogil:
    """Moves the cursor behind the group."""
    cdef size_t at = cursor[0]
    cdef size_t end = at + sizeof(GroupDimension)
    cdef const GroupDimension* dimension = <const GroupDimension*> (frame + at)
    if end > length:
        return refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, at, group.dimension, length,
                      end)
    if dimension.block_length < group.block_length:
        return refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_BLOCK_LENGTH, at, group.block_length_field,
                       dimension.block_length, group.block_length)
    end += <size_t> dimension.block_length * dimension.num_in_group
    if end > length:
        return refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, at + sizeof(uint16_t),
                       group.num_in_group_field, length, end)
    cursor[0] = end
    return 0


cdef size_t data_length(const DataRow* data, const uint8_t* at) noexcept nogil:
    return at[0] if data.length_size == 1 else at[0] | <size_t> at[1] << 8


cdef int _check_data(const DataRow* data, const uint8_t* frame, size_t length, size_t* cursor,
                     Problem* problem) noexcept nogil:
    cdef size_t at = cursor[0]
    cdef size_t end = at + data.length_size
    if end <= length:
        end += data_length(data, frame + at)
    if end > length:
        return refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_DOES_NOT_FIT, at, data.field, length, end)
    cursor[0] = end
    return 0


cdef int check_structure(const MessageRow* row, const uint8_t* frame, size_t length, int version,
                          Problem* problem) noexcept nogil:
    """Whether root, groups and data fit the frame, and little enough follows them."""
    cdef int refused = _check_root(row, length, version, problem)
    cdef size_t cursor, position
    if refused:
        return refused
    cursor = HEADER_SIZE + root_present(row, length, version)
    for position in range(row.group_count):
        refused = _check_group(&row.groups[position], frame, length, &cursor, problem)
        if refused:
            return refused
    for position in range(row.data_count):
        refused = _check_data(&row.data[position], frame, length, &cursor, problem)
        if refused:
            return refused
    if length - cursor > SLACK_MAX:
        return refuse(problem, REJECT_REASON_INVALID_BLOCK_LENGTH, PROBLEM_TRAILING_BYTES, OFFSET_OF_LENGTH,
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
        refuse(problem, REJECT_REASON_INVALID_FIELD_VALUE, kind, offset, field.field, value, field.low)
        problem.domain = field.domain
        return REJECT_REASON_INVALID_FIELD_VALUE
    return 0


cdef int _check_block(const BlockRow* block, const uint8_t* frame, size_t offset, size_t present,
                      Problem* problem) noexcept nogil:
    """The values of one block, as far as it is present."""
    cdef const FieldRow* field = block.fields
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
    cdef size_t present = root_present(row, length, version)
    cdef size_t cursor = HEADER_SIZE + present
    cdef size_t position, entry, block_length
    cdef const BlockRow* group
    cdef int refused = _check_block(row.root, frame, HEADER_SIZE, present, problem)
    if refused:
        return refused
    for position in range(row.group_count):
        group = &row.groups[position]
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
    cdef const MessageRow* row = message_row(template_id)
    cdef int refused
    if row == NULL:
        return refuse(problem, REJECT_REASON_INVALID_TEMPLATE_ID, PROBLEM_UNKNOWN_MESSAGE, OFFSET_OF_ID,
                       "messageTypeId", template_id, 0)
    if not row.senders & sender:
        return refuse(problem, REJECT_REASON_INVALID_TEMPLATE_ID, PROBLEM_WRONG_SENDER, OFFSET_OF_ID,
                       "messageTypeId", template_id, sender)
    if row.since_version > version:
        return refuse(problem, REJECT_REASON_INVALID_TEMPLATE_ID, PROBLEM_NEWER_THAN_SESSION, OFFSET_OF_ID,
                       "messageTypeId", template_id, row.since_version)
    refused = check_structure(row, frame, length, version, problem)
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
