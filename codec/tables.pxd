# The tables that codec.wire walks: one row per message, block, field and piece of variable-length data.
#
# They are made from codec.layout when the module is imported, never change and never move.

from cpython.ref cimport PyObject
from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint64_t

cdef enum:
    STEPS_MAX = 4                       # root lengths of one message

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
    PyObject* name                      # str, snake_case
    PyObject* kind_name                 # str, as in codec.layout
    const char* field                   # name in the schema, in a group with the group's in front
    const char* domain                  # name of its enum or set, NULL if none
    uint64_t[4] allowed                 # RULE_ENUM: bit n of 256 for a value whose byte is n. RULE_SET: [0], the bits
    int64_t low                         # RULE_LOW
    uint16_t offset
    uint16_t size
    uint8_t kind
    uint8_t rule
    bint optional

cdef struct BlockRow:                   # a root block, or an entry of a group
    PyObject* name                      # str: the message, or the group in snake_case
    PyObject* known                     # frozenset of what its mapping may hold; in a root block groups and data too
    const char* dimension               # names for a Problem: the group, its two lengths
    const char* block_length_field
    const char* num_in_group_field
    FieldRow* fields
    size_t count
    size_t block_length
    bint has_rules

cdef struct DataRow:
    PyObject* name
    const char* field
    size_t length_size
    bint is_text

cdef struct MessageRow:
    int template_id
    int senders                         # SENDER_ bits
    int since_version
    int steps                           # root lengths by version, oldest first
    int[4] step_version
    size_t[4] step_length
    BlockRow* root
    BlockRow* groups
    size_t group_count
    DataRow* data
    size_t data_count

# NULL for an id that nobody sends.
cdef const MessageRow* message_row(int template_id) noexcept nogil

# NULL for a name that no message has.
cdef const MessageRow* message_row_by_name(object name)
