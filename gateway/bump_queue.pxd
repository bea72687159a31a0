"""What waits behind speed bumps: requests in lanes, first in, first out, one lane for each length of wait.

A request is an order or a quote that would have taken liquidity, or an amend of an order that has something waiting already. All of
one instrument wait equally long, so they stand in one lane in the order in which they came.

Invariants: a lane's requests are due in the order in which they came; of an order's requests the first is the order
itself if it is queued (ORDER_IS_QUEUED), all others are amends; next_due is not above any due.
"""

from libc.stdint cimport int8_t, int64_t, uint16_t, uint32_t

from gateway.lookup cimport Lookup
from gateway.registry cimport Order, Registry
from gateway.slab cimport PAGE_MASK, PAGE_SHIFT, Slab


cdef enum:
    WAITING_PER_PORTFOLIO_MAX = 1000      # orders that wait or have amends waiting
    PENDING_AMENDS_PER_ORDER_MAX = 4
    LANES_MAX = 1000                      # lengths of wait


cdef struct Bumped:
    int64_t due                   # ns since epoch: released by the first command or tick from then on
    int64_t arrival               # requests that came before it, and one
    int64_t correlation_id        # the request's
    int64_t mmp_group_id          # of a quote
    int64_t price                 # 1e-9; of an amend, as the next two
    int64_t quantity              # 1e-9, new total
    int64_t show_quantity         # 1e-9, INT64_MIN: as it is
    uint32_t order                # handle
    uint32_t requester            # owner index: who asked
    uint32_t lane
    uint32_t lane_prev
    uint32_t lane_next
    uint16_t flags                # REPLACE_ORDER_FLAGS_* of an amend
    int8_t time_in_force          # TIME_IN_FORCE_* of an order
    int8_t is_amend


cdef struct Lane:
    int64_t wait                  # ns
    uint32_t head
    uint32_t tail


cdef class BumpQueue:
    cdef:
        readonly Registry registry
        Slab requests
        Lookup by_order           # every request, by its order's handle
        Lane* lanes
        readonly uint32_t lane_count
        int64_t next_due          # ns since epoch: nothing is due before it; INT64_MAX when nothing waits
        int64_t last_arrival

        uint32_t add_lane(self, int64_t wait) except? 0

        # Queries.
        uint32_t first_due(self, int64_t now) noexcept nogil
        uint32_t first_of(self, uint32_t handle) noexcept nogil
        uint32_t pending_amends(self, uint32_t handle) noexcept nogil

        # Commands.
        bint reserve(self) noexcept nogil
        void append(self, uint32_t lane, const Bumped* request, int64_t time) noexcept nogil
        void remove(self, uint32_t index) noexcept nogil
        void drop(self, uint32_t handle) noexcept nogil

        # Within.
        void mark(self, Order* order, bint has_waiting) noexcept nogil


cdef inline Bumped* bumped_at(const Slab* requests, uint32_t index) noexcept nogil:
    return <Bumped*>(requests.pages[index >> PAGE_SHIFT] + (index & PAGE_MASK) * sizeof(Bumped))
