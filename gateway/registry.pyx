"""The registry: binds every order to the owner that entered it and finds it again.

Owners and portfolios are named by dense indexes; more may be added, none goes. Nothing here allocates per order but a
page of records now and then; nothing rehashes, compacts or walks more than the request itself needs, save `fence`
with an epoch that the owner has already left behind.
"""

cimport cython
from libc.stdint cimport INT64_MAX, UINT64_MAX, int8_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free

from gateway.day_lists cimport days_add, days_init, days_take
from gateway.lookup cimport (
    Cursor, lookup_add, lookup_bucket, lookup_close, lookup_init, lookup_next, lookup_reserve, lookup_start, lookup_take,
    make_secret,
)
from gateway.must_hold cimport must_hold
from gateway.mmp_groups cimport (
    MmpGroup, find_mmp_group, mmp_group_init, mmp_groups_close, mmp_groups_init, mmp_hash,
)
from gateway.quote_slots cimport empty_quote_slot, quote_index, quote_slot_at, quote_slots_close, quote_slots_init
from gateway.slab cimport CACHE_LINE_SIZE, NONE, Slab, slab_close, slab_give, slab_init, slab_reserve, slab_take


cdef extern from *:
    void __builtin_prefetch(const void* address, int for_writing) nogil


cdef inline uint32_t order_id_hash(int64_t order_id) noexcept nogil:
    # Order ids are ours and consecutive: taken as they are, neighbours share lines and buckets fill evenly.
    return <uint32_t>order_id


cdef inline void append(const Slab* orders, OrderList* mine, uint32_t handle) noexcept nogil:
    """Make an order the last of an owner's list. Counts are the caller's."""
    cdef Order* order = order_at(orders, handle)
    order.owner_next = NONE
    order.owner_prev = mine.tail
    if mine.tail == NONE:
        mine.head = handle
    else:
        order_at(orders, mine.tail).owner_next = handle
    mine.tail = handle


cdef inline void unlink(const Slab* orders, OrderList* mine, uint32_t handle) noexcept nogil:
    """Take an order out of its owner's list. Counts are the caller's."""
    cdef Order* order = order_at(orders, handle)
    if order.owner_prev == NONE:
        mine.head = order.owner_next
    else:
        order_at(orders, order.owner_prev).owner_next = order.owner_next
    if order.owner_next == NONE:
        mine.tail = order.owner_prev
    else:
        order_at(orders, order.owner_next).owner_prev = order.owner_prev


@cython.final
cdef class Registry:
    """All orders of a gateway, at most `orders_max` at a time, dead ones that are not yet drained among them.

    portfolios: sequence of PortfolioSpec; owners: sequence of OwnerSpec; mmp_groups: sequence of MmpGroupSpec. MemoryError or ValueError on bad sizes.
    """

    def __cinit__(self, portfolios, owners, uint32_t orders_max, mmp_groups=(), hash_secret=0):
        cdef uint32_t i
        if not 0 < orders_max < NONE // 2:
            raise ValueError(f"orders_max: wanted 1 to {NONE // 2 - 1}, was {orders_max}")
        self.secret = make_secret(hash_secret >> 64 & UINT64_MAX, hash_secret & UINT64_MAX)
        # Room for all that there may ever be, so that they never move; what is not used costs no memory.
        self.owners = <Owner*>calloc(OWNERS_MAX, sizeof(Owner))
        self.portfolios = <Portfolio*>calloc(PORTFOLIOS_MAX, sizeof(Portfolio))
        self.touched = <uint32_t*>calloc(OWNERS_MAX, sizeof(uint32_t))
        self.awaited = <uint32_t*>calloc(OWNERS_MAX, sizeof(uint32_t))
        self.walkers = <uint32_t*>calloc(OWNERS_MAX, sizeof(uint32_t))
        if (self.owners == NULL or self.portfolios == NULL or self.touched == NULL
                or self.awaited == NULL or self.walkers == NULL
                or not slab_init(&self.orders, sizeof(Order), orders_max)
                or not lookup_init(&self.by_client, orders_max)
                or not lookup_init(&self.by_order_id, orders_max)
                or not quote_slots_init(&self.quotes, orders_max, len(mmp_groups))
                or not mmp_groups_init(&self.mmp, len(mmp_groups), OWNERS_MAX)):
            raise MemoryError("no memory for the order registry")
        days_init(&self.days)
        for portfolio in portfolios:
            self.add_portfolio(portfolio)
        for owner in owners:
            self.add_owner(owner)
        for i, group in enumerate(mmp_groups):
            self.add_mmp_group(i, group)

    def __dealloc__(self):
        slab_close(&self.orders)
        lookup_close(&self.by_client)
        lookup_close(&self.by_order_id)
        quote_slots_close(&self.quotes)
        mmp_groups_close(&self.mmp)
        free(self.owners)
        free(self.portfolios)
        free(self.touched)
        free(self.awaited)
        free(self.walkers)

    cdef int add_portfolio(self, spec) except -1:
        """One more, from a PortfolioSpec, under the next index."""
        cdef Portfolio* added
        if self.portfolio_count == PORTFOLIOS_MAX:
            raise ValueError(f"portfolios: wanted at most {PORTFOLIOS_MAX}")
        added = &self.portfolios[self.portfolio_count]
        added.id = spec.id
        added.max_open_orders = spec.max_open_orders
        added.first_owner = added.last_owner = NONE
        self.portfolio_count += 1
        return 0

    cdef int add_owner(self, spec) except -1:
        """One more, from an OwnerSpec, under the next index."""
        cdef Owner* added
        cdef Portfolio* portfolio
        if self.owner_count == OWNERS_MAX:
            raise ValueError(f"owners: wanted at most {OWNERS_MAX}")
        if not 0 <= spec.portfolio < self.portfolio_count:
            raise ValueError(f"owner {self.owner_count}: portfolio wanted below {self.portfolio_count}, "
                             f"was {spec.portfolio}")
        added = &self.owners[self.owner_count]
        added.portfolio = spec.portfolio
        added.covered.head = added.covered.tail = NONE
        added.uncovered.head = added.uncovered.tail = NONE
        added.leaving.head = added.leaving.tail = NONE
        added.next_in_portfolio = NONE
        portfolio = &self.portfolios[added.portfolio]
        if portfolio.last_owner == NONE:
            portfolio.first_owner = self.owner_count
        else:
            self.owners[portfolio.last_owner].next_in_portfolio = self.owner_count
        portfolio.last_owner = self.owner_count
        self.owner_count += 1
        return 0

    cdef int add_mmp_group(self, uint32_t index, spec) except -1:
        cdef MmpGroup* group = &self.mmp.groups[index]
        if not 0 <= spec.portfolio < self.portfolio_count:
            raise ValueError(f"mmp group {spec.id}: portfolio wanted below {self.portfolio_count}, "
                             f"was {spec.portfolio}")
        if find_mmp_group(&self.mmp, spec.portfolio, spec.is_of_orders, spec.id) != NONE:
            raise ValueError(f"mmp group {spec.id}: given twice for one portfolio")
        if not lookup_reserve(&self.mmp.by_id):
            raise MemoryError("no memory for the mmp groups")
        group.id = spec.id
        group.portfolio = spec.portfolio
        group.is_of_orders = spec.is_of_orders
        group.quantity_limit = INT64_MAX if spec.quantity_limit is None else spec.quantity_limit
        group.delta_limit = INT64_MAX if spec.delta_limit is None else spec.delta_limit
        group.vega_limit = INT64_MAX if spec.vega_limit is None else spec.vega_limit
        mmp_group_init(group, spec.interval_ns, spec.frozen_ns)
        lookup_add(&self.mmp.by_id, mmp_hash(group.portfolio, group.is_of_orders, group.id), index)
        return 0

    # Queries.

    cdef uint32_t find_client(self, uint32_t portfolio, int64_t client_order_id, uint32_t hash) noexcept nogil:
        """The live order, or NONE: a dead one's client_order_id is free again. hash: secret_hash of the same two."""
        cdef Cursor cursor = lookup_start(&self.by_client, hash)
        cdef uint32_t handle = lookup_next(&self.by_client, &cursor)
        cdef Order* order
        while handle != NONE:
            order = order_at(&self.orders, handle)
            if (order.client_order_id == client_order_id and order.portfolio == portfolio
                    and not order_is_dead(order, self.owners, self.portfolios)):
                return handle
            handle = lookup_next(&self.by_client, &cursor)
        return NONE

    cdef uint32_t find_order_id(self, int64_t order_id) noexcept nogil:
        """The live order, or NONE."""
        cdef Cursor cursor = lookup_start(&self.by_order_id, order_id_hash(order_id))
        cdef uint32_t handle = lookup_next(&self.by_order_id, &cursor)
        cdef Order* order
        while handle != NONE:
            order = order_at(&self.orders, handle)
            if order.order_id == order_id and not order_is_dead(order, self.owners, self.portfolios):
                return handle
            handle = lookup_next(&self.by_order_id, &cursor)
        return NONE

    # Commands.

    cdef bint reserve(self) noexcept nogil:
        """Make sure that the next take and bind succeed. False: as many orders as there may be, or no memory."""
        return (slab_reserve(&self.orders) and lookup_reserve(&self.by_client)
                and lookup_reserve(&self.by_order_id))

    cdef bint reserve_quote(self) noexcept nogil:
        """The same for a quote, whose slot is there already."""
        return slab_reserve(&self.orders)

    cdef uint32_t take(self) noexcept nogil:
        """A record for a new order or quote, after a successful reserve; the caller fills it in and binds it."""
        return slab_take(&self.orders)

    cdef void bind(self, uint32_t handle) noexcept nogil:
        """Count the order, and make it reachable: by its ids or in its quote slot, and last in its owner's list.

        Its ids, client_hash or quote_slot, last_settlement, owner, portfolio, epoch and flags must stand; the epoch may
        not be over.
        """
        cdef Order* order = order_at(&self.orders, handle)
        cdef Owner* owner = &self.owners[order.owner]
        cdef OrderList* mine = &owner.covered if order.flags & ORDER_IS_COVERED else &owner.uncovered
        must_hold(b"I3: no order of an epoch is accepted after its fence",
                  not order_is_dead(order, self.owners, self.portfolios) and order.epoch >= owner.newest_epoch)
        append(&self.orders, mine, handle)
        order.fifo_prev = order.fifo_next = NONE  # it may be drained without ever having been in a book
        mine.live += 1
        owner.newest_epoch = order.epoch
        self.portfolios[order.portfolio].open += 1
        if order.flags & ORDER_IS_QUOTE:
            quote_slot_at(&self.quotes, order.quote_slot).handles[quote_index(order.side)] = handle
        else:
            lookup_add(&self.by_client, order.client_hash, handle)
            lookup_add(&self.by_order_id, order_id_hash(order.order_id), handle)
        if order.flags & ORDER_IS_DAY:
            days_add(&self.days, &self.orders, handle)

    cdef uint32_t prefetch(self, uint32_t handle) noexcept nogil:
        """Fetch into the cache what taking this order out will touch; returns the next of its owner's list, or NONE."""
        cdef Order* order
        if handle == NONE:
            return NONE
        order = order_at(&self.orders, handle)
        __builtin_prefetch(lookup_bucket(&self.by_client, order.client_hash), 1)
        __builtin_prefetch(lookup_bucket(&self.by_order_id, order_id_hash(order.order_id)), 1)
        if order.fifo_prev != NONE:
            __builtin_prefetch(order_at(&self.orders, order.fifo_prev), 1)
        if order.fifo_next != NONE:
            __builtin_prefetch(<char*>order_at(&self.orders, order.fifo_next) + CACHE_LINE_SIZE, 1)
        return order.owner_next

    cdef void prefetch_line(self, uint32_t hash) noexcept nogil:
        """Fetch into the cache where a client order id of this hash is looked up."""
        __builtin_prefetch(lookup_bucket(&self.by_client, hash), 1)

    cdef void prefetch_order(self, uint32_t hash) noexcept nogil:
        """Fetch the record that this hash leads to, if it leads to one."""
        cdef Cursor cursor = lookup_start(&self.by_client, hash)
        cdef uint32_t handle = lookup_next(&self.by_client, &cursor)
        if handle != NONE:
            __builtin_prefetch(order_at(&self.orders, handle), 1)
            __builtin_prefetch(<char*>order_at(&self.orders, handle) + CACHE_LINE_SIZE, 1)

    cdef void release(self, uint32_t handle) noexcept nogil:
        """Forget an order, live or dead, that is in no book and has nothing behind a speed bump."""
        self.unbind(handle)
        slab_give(&self.orders, handle)

    cdef void leave(self, uint32_t handle, int8_t cancel_reason) noexcept nogil:
        """Take out a live order that is in no book and has nothing behind a speed bump.

        From here on it does not exist, except that its owner has to be told: it waits in its owner's list of leaving orders, and the owner among the touched ones, for first_leaving.
        """
        cdef Order* order = order_at(&self.orders, handle)
        cdef Owner* owner = &self.owners[order.owner]
        self.unbind(handle)
        order.cancel_reason = cancel_reason
        append(&self.orders, &owner.leaving, handle)
        owner.leaving.live += 1
        if not owner.is_touched:
            owner.is_touched = True
            self.touched[self.touched_count] = order.owner
            self.touched_count += 1

    cdef uint32_t first_leaving(self, uint32_t owner) noexcept nogil:
        """The owner's order that left first and was not told of yet, NONE after the last."""
        return self.owners[owner].leaving.head

    cdef void release_leaving(self, uint32_t handle) noexcept nogil:
        """Forget the first leaving order of its owner, which has been told."""
        cdef OrderList* leaving = &self.owners[order_at(&self.orders, handle).owner].leaving
        unlink(&self.orders, leaving, handle)
        leaving.live -= 1
        slab_give(&self.orders, handle)

    cdef void forget_touched(self) noexcept nogil:
        """Everybody has been told of all that left."""
        cdef uint32_t index
        for index in range(self.touched_count):
            self.owners[self.touched[index]].is_touched = False
        self.touched_count = 0

    # Walks: through owners' lists, in several steps between which orders come and go. One for each owner at most.

    cdef void begin_walk(self, uint32_t walker, uint32_t handle) noexcept nogil:
        """A walk stands at an order of some owner's list, or at a list's end: NONE."""
        self.walkers[self.walker_count] = walker
        self.walker_count += 1
        self.walk_to(walker, handle)

    cdef void walk_to(self, uint32_t walker, uint32_t handle) noexcept nogil:
        """The same for one that is under way. Should the order go, the walk will stand at the next of its list."""
        self.awaited[walker] = handle
        if handle != NONE:
            order_at(&self.orders, handle).flags |= ORDER_IS_AWAITED

    cdef void end_walk(self, uint32_t walker) noexcept nogil:
        cdef uint32_t index = 0
        while self.walkers[index] != walker:
            index += 1
        self.walker_count -= 1
        self.walkers[index] = self.walkers[self.walker_count]

    cdef void step_aside(self, uint32_t handle) noexcept nogil:
        """An order is about to go: the walks that stand at it go on."""
        cdef uint32_t index
        for index in range(self.walker_count):
            if self.awaited[self.walkers[index]] == handle:
                self.walk_to(self.walkers[index], order_at(&self.orders, handle).owner_next)

    cdef void unbind(self, uint32_t handle) noexcept nogil:
        """Count an order, live or dead, out, and out of reach."""
        cdef Order* order = order_at(&self.orders, handle)
        cdef Owner* owner = &self.owners[order.owner]
        cdef OrderList* mine = &owner.covered if order.flags & ORDER_IS_COVERED else &owner.uncovered
        if order_is_dead(order, self.owners, self.portfolios):
            must_hold(b"I12: as many dead orders as are counted", owner.dead > 0 and self.dead > 0)
            owner.dead -= 1
            self.dead -= 1
        else:
            must_hold(b"I12: as many open orders as are counted",
                      mine.live > 0 and self.portfolios[order.portfolio].open > 0)
            mine.live -= 1
            self.portfolios[order.portfolio].open -= 1
        if order.flags & ORDER_IS_AWAITED:
            self.step_aside(handle)
        unlink(&self.orders, mine, handle)
        if not order.flags & ORDER_IS_QUOTE:
            lookup_take(&self.by_client, order.client_hash, handle)
            lookup_take(&self.by_order_id, order_id_hash(order.order_id), handle)
        elif order.quote_slot != NONE:
            empty_quote_slot(&self.quotes, order.quote_slot, order.side)
        if order.flags & ORDER_IS_DAY:
            days_take(&self.days, &self.orders, handle)

    cdef uint32_t fence(self, uint32_t index, int64_t epoch, bint covered) noexcept nogil:
        """Kill the owner's covered orders, or those that are not, of all epochs up to this one; returns how many lived.

        Touches no order, whatever their number. Only an epoch below the newest that the owner has entered orders with
        (one that was taken over) makes it count them one by one.
        """
        cdef Owner* owner = &self.owners[index]
        cdef OrderList* mine = &owner.covered if covered else &owner.uncovered
        cdef uint32_t killed = 0
        cdef uint32_t waiting = 0
        cdef uint32_t handle
        cdef Order* order
        if epoch <= owner.fenced_epochs[covered]:
            return 0
        if epoch >= owner.newest_epoch:
            killed = mine.live
            waiting = mine.waiting
        else:
            handle = mine.head
            while handle != NONE:
                order = order_at(&self.orders, handle)
                if order.epoch > epoch:
                    break
                if not order_is_dead(order, self.owners, self.portfolios):
                    killed += 1
                    waiting += order.flags & ORDER_HAS_WAITING != 0
                handle = order.owner_next
        owner.fenced_epochs[covered] = epoch
        mine.live -= killed
        mine.waiting -= waiting
        owner.dead += killed
        self.dead += killed
        self.portfolios[owner.portfolio].open -= killed
        self.portfolios[owner.portfolio].waiting -= waiting
        return killed

    cdef uint32_t fence_portfolio(self, uint32_t index, int64_t order_id) noexcept nogil:
        """Kill all orders of the portfolio, covered or not; returns how many lived.

        order_id: the newest that there is. Touches no order, whatever their number; the counts are each owner's.
        """
        cdef Portfolio* portfolio = &self.portfolios[index]
        cdef uint32_t killed = portfolio.open
        cdef uint32_t i = portfolio.first_owner
        cdef Owner* owner
        portfolio.fenced_order_id = order_id
        portfolio.open = portfolio.waiting = 0
        self.dead += killed
        while i != NONE:
            owner = &self.owners[i]
            owner.dead += owner.covered.live + owner.uncovered.live
            owner.covered.live = owner.uncovered.live = 0
            owner.covered.waiting = owner.uncovered.waiting = 0
            i = owner.next_in_portfolio
        return killed
