"""From received bytes to frames, and from each frame to the one who handles it."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from gateway.cover cimport Cover
from gateway.mass_cancel cimport MassCancels
from gateway.mass_quotes cimport MassQuotes
from gateway.mmp_reports cimport MmpReports
from gateway.open_orders cimport OpenOrders
from gateway.orders cimport Orders
from gateway.releases cimport Releases
from gateway.session cimport Link, Session
from gateway.stream cimport ChunkPool

cdef enum:
    CAUSES = 16  # more than there are


cdef class Dispatcher:
    cdef:
        readonly Orders orders
        readonly Cover cover
        MassQuotes mass_quotes
        MassCancels mass_cancels
        readonly Releases releases
        readonly object held_up         # links whose next request has dead orders in its way: a deque, the first one first
        readonly MmpReports mmp_reports
        readonly OpenOrders open_orders
        object policy
        ChunkPool pool
        uint64_t stored_bytes_max
        size_t frame_size_max
        bint strict
        public int64_t stalled_ns       # sum of the gateway's own measured stalls: silence is not judged by them
        public int64_t next_timer_ns    # core time from which policy.run_timers is to come before any further frame
        public int64_t next_trigger_ns  # core time at which the next dead man's switch fires; INT64_MAX when none is on
        readonly uint64_t frames_in
        readonly uint64_t frames_rejected
        Link reading                    # the link whose bytes are being processed
        int64_t dropped[CAUSES]         # requests that were on the way when their session was over, by its Cause

    cdef int64_t due_ns(self) noexcept
    cdef void drop(self, Link link, const uint8_t* data, size_t size) noexcept
    cdef size_t room(self, Link link) noexcept
    cdef int hear(self, Link link, int64_t now) except -1
    cdef bint may_begin(self, Session session, const uint8_t* frame, size_t length, int64_t now) except -1
    cdef bint hold(self, Link link, const uint8_t* data, size_t size, int64_t now) except -1
    cdef Py_ssize_t received(self, Link link, const uint8_t* data, size_t size, int64_t now) except -1
    cdef int _frame(self, Session session, const uint8_t* frame, size_t length, int64_t now) except -1
    cdef int _request(self, Session session, uint16_t template_id, const uint8_t* frame, size_t length, int64_t now) except -1
    cdef int _open_orders_request(self, Session session, const uint8_t* frame, int64_t now) except -1
    cdef int _resend_request(self, Session session, const uint8_t* frame, int64_t now) except -1
    cdef str _framing_text(self, int outcome, const uint8_t* data, size_t size)
    cdef int _refuse(self, Session session, const uint8_t* frame, int reason, bytes details, int64_t now) except -1
