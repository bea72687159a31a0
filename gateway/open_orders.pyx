"""What is open, and what a disconnect would cancel: the drill (4040, 4041). It touches nothing.

A listing walks through the owners' lists, owner by owner, each owner's covered orders before the others, oldest first.
It is written a frame at a time: the next one when the socket has taken all that the session's stream had for it, and at
most so many orders in a turn, for all sessions together, as a step of the drain takes. So neither the loop nor the
client's limit for unsent bytes notices how many orders there are.

Meanwhile orders come and go. The registry knows the order at which each walk stands (see Registry.walk_to) and moves the
walk on when that order goes. Listed is what is open when its turn comes, of the orders that there were when the client
asked: an order that leaves before is not in the answer, nor is one that comes later, and every frame carries the time of
the request.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free

from codec.layout cimport (
    CANCEL_ON_DISCONNECT_SCOPE_PORTFOLIO,
    GroupDimension,
    HEADER_SIZE,
    MULTI_PART_EVENT_FLAGS_IS_LAST_MESSAGE,
    OPEN_ORDER_FLAGS_IS_COVERED,
    OPEN_ORDER_FLAGS_IS_QUOTE,
    OpenOrdersRequest,
    OpenOrdersResponse,
    OpenOrdersResponseOrders,
    TEMPLATE_OPEN_ORDERS_RESPONSE,
)
from codec.wire cimport fixed_to_decimal

from gateway.engine cimport Engine
from gateway.registry cimport (
    ORDER_IS_COVERED, ORDER_IS_QUOTE, OWNERS_MAX, Order, Owner, order_at, order_is_dead,
)
from gateway.session cimport LISTING_IS_READY, LISTING_NOT, LISTING_WAITS, Session
from gateway.slab cimport NONE

from gateway.limits import OPEN_ORDERS_ENTRIES_MAX

cdef uint32_t ENTRIES_MAX = OPEN_ORDERS_ENTRIES_MAX


cdef class OpenOrders:
    """The listings of one gateway's sessions, at most one for each."""

    def __cinit__(self, Engine engine not None):
        self.engine = engine
        self.registry = engine.registry
        self.ready = {}
        self.listings = <Listing*>calloc(OWNERS_MAX, sizeof(Listing))
        if self.listings == NULL:
            raise MemoryError("no memory for the listings of open orders")

    def __dealloc__(self):
        free(self.listings)

    @property
    def is_busy(self) -> bool:
        """Whether `step` has work to do."""
        return len(self.ready) != 0

    cdef bint request(self, Session session, const OpenOrdersRequest* request, int64_t now) except -1:
        """Begins a listing; False where the session's last one is not over."""
        cdef Listing* listing = &self.listings[session.slot]
        cdef uint32_t portfolio = self.registry.owners[session.slot].portfolio
        if session.listing != LISTING_NOT:
            return False
        listing.correlation_id = request.correlation_id
        listing.time = now
        listing.last_order_id = self.engine.last_order_id
        listing.is_of_portfolio = request.scope == CANCEL_ON_DISCONNECT_SCOPE_PORTFOLIO
        listing.is_of_covered = request.covered_only
        listing.all_covered = session.portfolio_armed
        self.enter_list(
            listing, self.registry.portfolios[portfolio].first_owner if listing.is_of_portfolio else session.slot, True
        )
        self.registry.begin_walk(session.slot, listing.next)
        session.listing = LISTING_IS_READY
        self.ready[session] = None
        return True

    cpdef int drained(self, Session session) except -1:
        """The socket has taken all that the session's stream had for it: its listing may go on."""
        if session.listing == LISTING_WAITS:
            session.listing = LISTING_IS_READY
            self.ready[session] = None
        return 0

    def forget(self, Session session not None) -> None:
        """The session's connection has ended, and its listing with it."""
        if session.listing != LISTING_NOT:
            session.listing = LISTING_NOT
            self.ready.pop(session, None)
            self.registry.end_walk(session.slot)

    def step(self, uint32_t limit, int64_t now) -> None:
        """Looks at `limit` orders at most, and writes what is found: a frame to each session that is ready, in turn."""
        cdef Session session
        while limit > 0 and self.ready:
            session = next(iter(self.ready))
            del self.ready[session]
            session.listing = LISTING_WAITS
            limit -= self.write(session, limit, now)

    cdef uint32_t write(self, Session session, uint32_t budget, int64_t now) except? 0:
        """The session's next frame, if within the budget there is something to write; returns what that has cost."""
        cdef Listing* listing = &self.listings[session.slot]
        cdef uint32_t left = budget
        cdef uint32_t count = 0
        cdef uint32_t handle
        cdef uint8_t* at
        cdef OpenOrdersResponse* root
        cdef GroupDimension* dimension
        cdef OpenOrdersResponseOrders* entries
        listing.next = self.registry.awaited[session.slot]
        handle = self.find(listing, &left)
        if handle == NONE and listing.owner != NONE:
            self.registry.walk_to(session.slot, listing.next)
            self.drained(session)
            return budget
        at = session.begin(
            TEMPLATE_OPEN_ORDERS_RESPONSE, 0,
            HEADER_SIZE + sizeof(OpenOrdersResponse) + sizeof(GroupDimension)
            + ENTRIES_MAX * sizeof(OpenOrdersResponseOrders),
            now,
        )
        root = <OpenOrdersResponse*>(at + HEADER_SIZE)
        dimension = <GroupDimension*>(root + 1)
        entries = <OpenOrdersResponseOrders*>(dimension + 1)
        while handle != NONE and count < ENTRIES_MAX:
            self.write_entry(listing, order_at(&self.registry.orders, handle), &entries[count])
            count += 1
            left -= 1
            listing.next = order_at(&self.registry.orders, handle).owner_next
            handle = self.find(listing, &left)
        root.correlation_id = listing.correlation_id
        root.timestamp = listing.time
        root.flags = MULTI_PART_EVENT_FLAGS_IS_LAST_MESSAGE if listing.owner == NONE else 0
        dimension.block_length = sizeof(OpenOrdersResponseOrders)
        dimension.num_in_group = <uint16_t>count
        session.finish(at, <uint32_t>(<uint8_t*>(entries + count) - at), True)
        if listing.owner == NONE:
            self.forget(session)
        else:
            self.registry.walk_to(session.slot, listing.next)
        return budget - left

    cdef uint32_t find(self, Listing* listing, uint32_t* budget) noexcept:
        """The next order that is to be listed, at which the walk then stands. NONE: it is over, or so is the budget."""
        cdef Order* order
        while budget[0] > 0 and listing.owner != NONE:
            if listing.next == NONE:
                self.next_list(listing)
            else:
                order = order_at(&self.registry.orders, listing.next)
                if order.order_id > listing.last_order_id:
                    self.next_list(listing)
                elif not order_is_dead(order, self.registry.owners, self.registry.portfolios) and (
                        not listing.is_of_covered or listing.all_covered or order.flags & ORDER_IS_COVERED):
                    return listing.next
                else:
                    listing.next = order.owner_next
            budget[0] -= 1
        return NONE

    cdef void next_list(self, Listing* listing) noexcept:
        if listing.covered:
            self.enter_list(listing, listing.owner, False)
        elif listing.is_of_portfolio:
            self.enter_list(listing, self.registry.owners[listing.owner].next_in_portfolio, True)
        else:
            listing.owner = NONE

    cdef void enter_list(self, Listing* listing, uint32_t owner, bint covered) noexcept:
        cdef Owner* entered
        listing.owner = owner
        listing.covered = covered
        listing.next = NONE
        if owner != NONE:
            entered = &self.registry.owners[owner]
            listing.next = entered.covered.head if covered else entered.uncovered.head

    cdef void write_entry(self, const Listing* listing, const Order* order, OpenOrdersResponseOrders* entry) noexcept:
        entry.client_order_id = order.client_order_id
        entry.order_id = order.order_id
        entry.instrument_id = self.engine.instruments[order.instrument].id
        entry.price = order.price
        fixed_to_decimal(order.quantity, &entry.quantity)
        fixed_to_decimal(order.filled, &entry.total_filled)
        entry.side = order.side
        entry.flags = OPEN_ORDER_FLAGS_IS_QUOTE if order.flags & ORDER_IS_QUOTE else 0
        if listing.all_covered or order.flags & ORDER_IS_COVERED:
            entry.flags |= OPEN_ORDER_FLAGS_IS_COVERED
