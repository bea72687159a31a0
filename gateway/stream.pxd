"""The outbound stream of one session: numbered frames, kept for resend, handed out once to the socket."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from codec.layout cimport FrameHeader

cdef enum:
    NO_CHUNK = 0xFFFFFFFF
    MESSAGE_TYPES = 1024    # a power of two; no two message type ids are alike in these bits


cdef struct Chunk:
    uint8_t* data
    uint32_t used           # bytes written, whole frames only
    uint32_t next           # the next chunk of the same stream, or of the free list


cdef bint is_session_message(uint16_t template_id) noexcept nogil


cdef class ChunkPool:
    cdef:
        Chunk* chunks
        uint32_t count
        uint32_t capacity
        uint32_t spare_head     # free chunks that keep their memory, for the steady state
        uint32_t spare_count
        uint32_t bare_head      # free chunks without memory
        readonly uint64_t stored_bytes
        uint64_t frames_out[MESSAGE_TYPES]  # ever, by message type; resent ones do not count

    cdef uint32_t take(self) noexcept
    cdef void give_back(self, uint32_t index) noexcept
    cdef uint32_t _with_memory(self) noexcept
    cdef bint _grow(self) noexcept


cdef class Stream:
    cdef:
        ChunkPool pool
        uint64_t depth_bytes
        uint64_t allowance_bytes        # stored beyond the depth
        bint attached
        uint32_t head
        uint32_t head_offset
        uint32_t tail
        uint32_t sent_chunk
        uint32_t sent_offset
        uint32_t transient_offset
        readonly int64_t generation
        readonly int64_t next_number
        readonly int64_t oldest_number
        readonly uint64_t stored_bytes
        readonly uint64_t unsent_bytes
        readonly bint replaying
        readonly int64_t replay_number
        readonly int64_t replay_to_number
        uint32_t replay_chunk
        uint32_t replay_offset

    # commands
    cdef uint8_t* reserve(self, uint32_t length) except NULL
    cdef void commit(self, uint32_t length, bint transient) noexcept
    cdef uint64_t trim(self, uint64_t keep_bytes) noexcept
    cdef void make_room(self, uint64_t length) noexcept

    cdef bytes copy_out(self, Py_ssize_t size)
    cdef const uint8_t* unsent(self, Py_ssize_t* length) noexcept
    cdef void mark_sent(self, Py_ssize_t length) noexcept
    cpdef bytes take(self, Py_ssize_t bytes_max)
    cpdef bytes replay(self, Py_ssize_t bytes_max, int64_t last_processed, int64_t now)

    # inside
    cdef Py_ssize_t _gap_fill(self, uint8_t* at, const FrameHeader* header, int64_t last_processed, int64_t now) noexcept
    cdef const FrameHeader* _replay_header(self) noexcept
    cdef Py_ssize_t _whole_frames(self, Py_ssize_t bytes_max) noexcept
    cdef void _drop_empty_tail(self) noexcept
    cdef void _rewind(self) noexcept
    cdef void _mark_all_sent(self) noexcept
    cdef void _start(self) noexcept
    cdef void _drop_sent_transients(self) noexcept
    cdef void _drop_oldest(self) noexcept
    cdef void _drop_all(self) noexcept
    cdef void _find_replay_place(self) noexcept
