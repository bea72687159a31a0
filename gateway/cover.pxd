"""Which orders cancel on disconnect takes, and the requests that switch it (4010, 4011)."""

from libc.stdint cimport int8_t, int64_t, uint16_t, uint32_t

from codec.layout cimport CancelOnDisconnectRequest, ORDER_FLAGS_CANCEL_ON_DISCONNECT

from gateway.engine cimport Engine
from gateway.session cimport Session


cdef class Cover:
    cdef:
        Engine engine
        bint is_always
        bint heeds_logon

    cdef int request(self, Session session, const CancelOnDisconnectRequest* request, int64_t now) except -1
    cdef int8_t switch(self, Session session, const CancelOnDisconnectRequest* request) noexcept
    cdef uint32_t covered_orders(self, Session session) noexcept


cdef inline bint is_covered(Session session, uint16_t flags) noexcept:
    """Whether an order that the session enters now is covered; `flags` are those that its version knows."""
    return session.covers_all or flags & ORDER_FLAGS_CANCEL_ON_DISCONNECT != 0
