# Checks of whole frames. A frame is a pointer to its header and its messageLength, 32 or more; nothing beyond is read.

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from codec.tables cimport DataRow, MessageRow

cdef enum:
    SLACK_MAX = 7                       # zero bytes between frames, bytes after the content of a frame

cdef enum:
    PROBLEM_UNKNOWN_MESSAGE = 1
    PROBLEM_WRONG_SENDER
    PROBLEM_NEWER_THAN_SESSION
    PROBLEM_DOES_NOT_FIT
    PROBLEM_BLOCK_LENGTH
    PROBLEM_TRAILING_BYTES
    PROBLEM_NOT_IN_ENUM
    PROBLEM_UNDEFINED_BITS
    PROBLEM_TOO_LOW

cdef struct Problem:
    int reject_reason                   # REJECT_REASON_ of layout.pxd: 2, 3 or 4
    int kind                            # PROBLEM_
    uint32_t offset                     # from the start of the frame
    const char* field                   # name in the schema, in a group with the group's in front; static
    const char* domain                  # name of the enum or set that was meant, NULL if none; static
    int64_t value                       # what was there
    int64_t limit                       # what would have been enough

# Whether `sender` (SENDER_CLIENT or SENDER_SERVER) may send such a frame in a session of `version`: its id, its
# structure, its values. Returns 0 and leaves `problem` alone, or problem.reject_reason.
cdef int check_frame(const uint8_t* frame, size_t length, int sender, int version, Problem* problem) noexcept nogil

# The structure alone: root, groups and data fit, and little enough follows them. Same returns.
cdef int check_structure(const MessageRow* row, const uint8_t* frame, size_t length, int version,
                         Problem* problem) noexcept nogil

# Bytes of the root block that are there, in a frame that has all that must be.
cdef size_t root_present(const MessageRow* row, size_t length, int version) noexcept nogil

# Bytes of variable-length data whose length stands at `at`.
cdef size_t data_length(const DataRow* data, const uint8_t* at) noexcept nogil

# Writes what is wrong, in words, at most 255 characters without a final NUL. Returns their number.
cdef size_t problem_text(const Problem* problem, char* out) noexcept nogil
