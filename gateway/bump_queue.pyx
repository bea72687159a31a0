"""The queue behind speed bumps: requests come in at the end of a lane and are released from its head when they are due.

Orders that wait are open orders: bound, counted, found by their ids, and dead with their session's fence. Whoever takes
an order out of the registry takes its requests out first.
"""

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint32_t
from libc.stdlib cimport calloc, free

from gateway.lookup cimport (
    Cursor, lookup_add, lookup_close, lookup_init, lookup_next, lookup_reserve, lookup_start, lookup_take,
)
from gateway.registry cimport (
    ORDER_HAS_WAITING, ORDER_IS_COVERED, Order, OrderList, Owner, Portfolio, Registry, order_at, order_is_dead,
)
from gateway.slab cimport NONE, slab_close, slab_give, slab_init, slab_reserve, slab_take


@cython.final
cdef class BumpQueue:
    """The lanes of one engine, over the orders of one registry."""

    def __cinit__(self, Registry registry not None):
        cdef size_t wanted = <size_t>registry.orders.capacity * (1 + PENDING_AMENDS_PER_ORDER_MAX)
        cdef uint32_t capacity = <uint32_t>min(wanted, <size_t>(NONE - 1))
        self.registry = registry
        self.next_due = INT64_MAX
        self.lanes = <Lane*>calloc(LANES_MAX, sizeof(Lane))
        if (self.lanes == NULL or not slab_init(&self.requests, sizeof(Bumped), capacity)
                or not lookup_init(&self.by_order, capacity)):
            raise MemoryError("no memory for the speed bumps")

    def __dealloc__(self):
        slab_close(&self.requests)
        lookup_close(&self.by_order)
        free(self.lanes)

    cdef uint32_t add_lane(self, int64_t wait) except? 0:
        """The lane of this length of wait, in ns; NONE for no wait. ValueError says why there is none for it."""
        cdef uint32_t lane
        if wait == 0:
            return NONE
        for lane in range(self.lane_count):
            if self.lanes[lane].wait == wait:
                return lane
        if wait < 0:
            raise ValueError(f"speed_bump_ns: wanted 0 or more, was {wait}")
        if self.lane_count == LANES_MAX:
            raise ValueError(f"speed_bump_ns: wanted at most {LANES_MAX} different ones")
        lane = self.lane_count
        self.lane_count += 1
        self.lanes[lane].wait = wait
        self.lanes[lane].head = self.lanes[lane].tail = NONE
        return lane

    # Queries.

    cdef uint32_t first_due(self, int64_t now) noexcept nogil:
        """The request to be released next, NONE when none is due: by due time, then in the order in which they came."""
        cdef uint32_t first = NONE
        cdef uint32_t lane
        cdef Bumped* head
        if now < self.next_due:
            return NONE
        self.next_due = INT64_MAX
        for lane in range(self.lane_count):
            if self.lanes[lane].head == NONE:
                continue
            head = bumped_at(&self.requests, self.lanes[lane].head)
            if head.due < self.next_due or (head.due == self.next_due
                                            and head.arrival < bumped_at(&self.requests, first).arrival):
                self.next_due = head.due
                first = self.lanes[lane].head
        return first if now >= self.next_due else NONE

    cdef uint32_t first_of(self, uint32_t handle) noexcept nogil:
        """The request of an order that came first, NONE if nothing of it is waiting."""
        cdef Cursor cursor = lookup_start(&self.by_order, handle)
        cdef uint32_t index = lookup_next(&self.by_order, &cursor)
        cdef uint32_t first = index
        while index != NONE:
            if bumped_at(&self.requests, index).arrival < bumped_at(&self.requests, first).arrival:
                first = index
            index = lookup_next(&self.by_order, &cursor)
        return first

    cdef uint32_t pending_amends(self, uint32_t handle) noexcept nogil:
        """How many amends of an order are waiting."""
        cdef Cursor cursor = lookup_start(&self.by_order, handle)
        cdef uint32_t index = lookup_next(&self.by_order, &cursor)
        cdef uint32_t pending = 0
        while index != NONE:
            pending += bumped_at(&self.requests, index).is_amend
            index = lookup_next(&self.by_order, &cursor)
        return pending

    # Commands.

    cdef bint reserve(self) noexcept nogil:
        """Make sure that the next append succeeds; False when memory is out."""
        return slab_reserve(&self.requests) and lookup_reserve(&self.by_order)

    cdef void append(self, uint32_t lane, const Bumped* request, int64_t time) noexcept nogil:
        """Let a request wait, after a successful reserve: from `time` on, in ns since the epoch."""
        cdef uint32_t index = slab_take(&self.requests)
        cdef Bumped* added = bumped_at(&self.requests, index)
        cdef Order* order = order_at(&self.registry.orders, request.order)
        cdef Lane* mine = &self.lanes[lane]
        added[0] = request[0]
        self.last_arrival += 1
        added.arrival = self.last_arrival
        added.due = time + mine.wait
        added.lane = lane
        added.lane_prev = mine.tail
        added.lane_next = NONE
        if mine.tail == NONE:
            mine.head = index
        else:
            bumped_at(&self.requests, mine.tail).lane_next = index
        mine.tail = index
        self.next_due = min(self.next_due, added.due)
        lookup_add(&self.by_order, request.order, index)
        if not order.flags & ORDER_HAS_WAITING:
            self.mark(order, True)

    cdef void remove(self, uint32_t index) noexcept nogil:
        """Take out a request of an order, live or dead."""
        cdef Bumped* request = bumped_at(&self.requests, index)
        cdef Lane* lane = &self.lanes[request.lane]
        if request.lane_prev == NONE:
            lane.head = request.lane_next
        else:
            bumped_at(&self.requests, request.lane_prev).lane_next = request.lane_next
        if request.lane_next == NONE:
            lane.tail = request.lane_prev
        else:
            bumped_at(&self.requests, request.lane_next).lane_prev = request.lane_prev
        lookup_take(&self.by_order, request.order, index)
        if self.first_of(request.order) == NONE:
            self.mark(order_at(&self.registry.orders, request.order), False)
        slab_give(&self.requests, index)

    cdef void drop(self, uint32_t handle) noexcept nogil:
        """Take out whatever of an order, live or dead, is waiting."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        while order.flags & ORDER_HAS_WAITING:
            self.remove(self.first_of(handle))

    # Within.

    cdef void mark(self, Order* order, bint has_waiting) noexcept nogil:
        """Say that something of the order is waiting, or that nothing is any more. Of the dead nobody counts it."""
        cdef Owner* owner = &self.registry.owners[order.owner]
        cdef Portfolio* portfolio = &self.registry.portfolios[order.portfolio]
        cdef OrderList* mine = &owner.covered if order.flags & ORDER_IS_COVERED else &owner.uncovered
        cdef int change = 1 if has_waiting else -1
        order.flags ^= ORDER_HAS_WAITING
        if not order_is_dead(order, self.registry.owners, self.registry.portfolios):
            mine.waiting += change
            portfolio.waiting += change
