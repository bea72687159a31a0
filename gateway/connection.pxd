"""The shell's hot half: one protocol object per connection, and what all of them share."""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from gateway.dispatch cimport Dispatcher
from gateway.session cimport Link, Session
from gateway.stream cimport Stream


cdef class Shell:
    cdef:
        readonly object core
        readonly object loop
        readonly set connections
        Dispatcher dispatcher
        list dirty_sessions
        list closing_links
        list paused                     # connections that had their share of this turn
        readonly set filled             # those that had it since somebody emptied it
        object turn_ended               # called at the end of each turn with its time
        bint turn_scheduled
        int64_t look_expected_ns        # core time by which somebody should look at the clock again
        int64_t wall_clock_offset_ns    # core time minus monotonic time
        uint8_t* buffer                 # the one read buffer
        size_t buffer_size
        size_t offered_at               # where in it the next read goes
        int64_t close_linger_ns
        int64_t slow_consumer_ns
        uint64_t slow_consumer_bytes

    cpdef int64_t now(self) noexcept
    cpdef int64_t look(self) except? -1
    cdef int after_input(self, Connection connection) except -1
    cdef int schedule_turn(self) except -1
    cdef int flush_sessions(self, int64_t now) except -1
    cdef int close_links(self, int64_t now) except -1


cdef class Connection(Link):
    cdef:
        Shell shell
        object transport
        int descriptor                  # of the transport's socket
        size_t offered                  # pending bytes in front of the read buffer while a read is under way
        bint write_blocked              # the socket did not take all: only then does the transport hold bytes
        int64_t blocked_ns              # core time since when
        bint blocked_by_replay          # and those are resent frames
        bint half_closed
        object linger
        object slow_check
        int64_t slow_check_due_ns
        list backlog_marks              # (live bytes ever queued, time), oldest first, while the socket does not take all
        uint64_t live_bytes_written

    cdef int flush(self, int64_t now) except -1
    cdef int send_live(self, Stream stream) except -1
    cdef int write(self, bytes data, bint is_replay) except -1
    cdef int pause_reading(self) except -1
    cdef bint must_stay_unread(self) noexcept
    cdef int resume_reading(self) except -1
    cdef int told_all(self) except -1
    cdef int fail(self, error) except -1
    cdef uint64_t unsent_bytes(self) except? 0
    cdef int judge_backlog(self, int64_t now) except -1
    cdef int close_as_told(self, int64_t now) except -1
