"""Releases from speed bumps: when they are looked for, and what is told of each."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from gateway.bump_queue cimport BumpQueue, Bumped
from gateway.orders cimport Orders
from gateway.session cimport Session


cdef class Releases:
    cdef:
        Orders orders
        BumpQueue queue
        Bumped request              # the one that was released last
        readonly bint is_behind     # the last piece of work ended before everything that was due had been released

        readonly bint is_held_up    # because of dead orders, until the next step
        readonly uint64_t released  # so far, without those that were dead

    # commands
    cpdef int release(self, int64_t now) except -1
    cdef int go_on(self, int64_t now) except -1

    # reports
    cdef int _report(self, int64_t now) except -1
    cdef int _report_quote(self, Session session, int64_t now) except -1
    cdef uint32_t _report_quote_placed(
        self, Session session, bint has_order, uint32_t fills, uint32_t event_index, int64_t exec_id, int64_t now
    ) except? 0
    cdef int _report_placed(self, Session session, int64_t correlation_id, int64_t now) except -1
