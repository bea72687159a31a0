"""What is open, and what a disconnect would cancel: the drill (4040, 4041)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from codec.layout cimport OpenOrdersRequest, OpenOrdersResponseOrders

from gateway.engine cimport Engine
from gateway.registry cimport Order, Registry
from gateway.session cimport Session


cdef struct Listing:
    int64_t correlation_id
    int64_t time              # when it was asked for
    int64_t last_order_id     # that there was then: newer ones are not listed
    uint32_t owner            # whose orders it is at, NONE when it is over
    bint covered              # which of the owner's two lists: covered ones come first
    uint32_t next             # the order that is looked at next, NONE at the list's end; between steps see Registry.awaited
    bint is_of_portfolio
    bint is_of_covered        # only those
    bint all_covered          # the loss of the connection would take the whole portfolio


cdef class OpenOrders:
    cdef:
        Engine engine
        Registry registry
        Listing* listings     # by slot of the session that asked
        dict ready            # sessions whose next frame may be written, in the order in which they became so

    cdef bint request(self, Session session, const OpenOrdersRequest* request, int64_t now) except -1
    cpdef int drained(self, Session session) except -1
    cdef uint32_t write(self, Session session, uint32_t budget, int64_t now) except? 0
    cdef uint32_t find(self, Listing* listing, uint32_t* budget) noexcept
    cdef void enter_list(self, Listing* listing, uint32_t owner, bint covered) noexcept
    cdef void next_list(self, Listing* listing) noexcept
    cdef void write_entry(self, const Listing* listing, const Order* order, OpenOrdersResponseOrders* entry) noexcept
