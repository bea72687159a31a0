"""Tables of the wire in C, made from `codec.layout` at import. See tables.pxd; there is nothing here for Python."""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc
from libc.string cimport memset

from codec.layout cimport SENDER_CLIENT, SENDER_SERVER

from codec import layout
from codec.values import ENUM_NULL

cdef enum:
    TEMPLATE_ID_MAX = 4095

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

cdef MessageRow* messages = NULL
cdef int16_t[4096] row_of_template      # -1: nobody sends it
cdef dict row_of_name = {}
cdef list kept = []                     # what the rows point to without owning it


cdef const char* _keep_text(str text) except NULL:
    """A C string that lives as long as the process."""
    cdef bytes encoded = text.encode("ascii")
    kept.append(encoded)
    return PyBytes_AS_STRING(encoded)


cdef PyObject* _keep(object one) except NULL:
    kept.append(one)
    return <PyObject*> one


cdef void* _rows(size_t count, size_t size) except NULL:
    cdef void* rows = PyMem_Calloc(count + 1, size)
    if rows == NULL:
        raise MemoryError("tables of the codec")
    return rows


cdef int _fill_rule(FieldRow* row, object field) except -1:
    row.rule = RULE_NONE
    if field.domain:
        row.domain = _keep_text(field.domain)
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
    if row.rule != RULE_NONE and row.kind not in (KIND_INT8, KIND_UINT8, KIND_UINT16):
        raise AssertionError(f"{field.wire_name}: values of kind {field.kind} cannot be checked")
    return 0


cdef int _fill_block(BlockRow* block, str name, str group, size_t block_length, object fields, object tail) except -1:
    cdef size_t position = 0
    cdef FieldRow* row
    cdef str prefix = group + "." if group else ""
    block.name = _keep(name)
    block.known = _keep(frozenset([*(field.name for field in fields if field.kind != "padding"), *tail]))
    block.dimension = _keep_text(group)
    block.block_length_field = _keep_text(prefix + "blockLength")
    block.num_in_group_field = _keep_text(prefix + "numInGroup")
    block.count = len(fields)
    block.block_length = block_length
    block.fields = <FieldRow*> _rows(block.count, sizeof(FieldRow))
    for field in fields:
        row = &block.fields[position]
        row.name = _keep(field.name)
        row.kind_name = _keep(field.kind)
        row.field = _keep_text(prefix + field.wire_name)
        row.kind = KINDS[field.kind]
        row.offset = field.offset
        row.size = field.size
        row.optional = field.optional
        _fill_rule(row, field)
        block.has_rules = block.has_rules or row.rule != RULE_NONE
        position += 1
    return 0


cdef int _fill_message(MessageRow* row, object message) except -1:
    cdef size_t position = 0
    if message.template_id > TEMPLATE_ID_MAX or len(message.root_lengths) > STEPS_MAX:
        raise AssertionError(f"{message.name} does not fit the tables")
    row.template_id = message.template_id
    row.senders = (SENDER_CLIENT if message.from_client else 0) | (SENDER_SERVER if message.from_server else 0)
    row.since_version = message.since_version
    for version, length in message.root_lengths:
        row.step_version[row.steps] = version
        row.step_length[row.steps] = length
        row.steps += 1
    row.root = <BlockRow*> _rows(1, sizeof(BlockRow))
    _fill_block(row.root, message.name, "", row.step_length[row.steps - 1], message.fields,
                [one.name for one in (*message.groups, *message.data)])
    row.group_count = len(message.groups)
    row.groups = <BlockRow*> _rows(row.group_count, sizeof(BlockRow))
    for group in message.groups:
        _fill_block(&row.groups[position], group.name, group.wire_name, group.block_length, group.fields, ())
        position += 1
    row.data_count = len(message.data)
    row.data = <DataRow*> _rows(row.data_count, sizeof(DataRow))
    position = 0
    for one in message.data:
        row.data[position].name = _keep(one.name)
        row.data[position].field = _keep_text(one.wire_name)
        row.data[position].length_size = one.length_size
        row.data[position].is_text = one.is_text
        position += 1
    return 0


cdef int _fill_tables() except -1:
    global messages
    cdef int16_t position = 0
    messages = <MessageRow*> _rows(len(layout.MESSAGES), sizeof(MessageRow))
    memset(row_of_template, 0xFF, sizeof(row_of_template))
    for message in layout.MESSAGES:
        _fill_message(&messages[position], message)
        row_of_template[messages[position].template_id] = position
        row_of_name[message.name] = position
        position += 1
    return 0


_fill_tables()


cdef const MessageRow* message_row(int template_id) noexcept nogil:
    if not 0 <= template_id <= TEMPLATE_ID_MAX or row_of_template[template_id] < 0:
        return NULL
    return &messages[row_of_template[template_id]]


cdef const MessageRow* message_row_by_name(object name):
    cdef object position = row_of_name.get(name)
    return NULL if position is None else &messages[<int> position]
