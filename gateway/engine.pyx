"""The engine: price-time matching over the registry and the books, a function of commands and their timestamps alone.

A new order is checked whole before anything changes: what may rest has its record, its lookup entries and its level
set aside first, so that nothing can fail once matching has begun. Whatever is dead (see `order_is_dead`) is taken out
of the book where matching meets it, and only as far as the price limit reaches: an order that does not cross pays for
no one.
"""

cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, UINT32_MAX, int8_t, int64_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from codec.layout cimport (
    CANCEL_FLAGS_IS_QUOTE, CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT,
    CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER, CANCEL_REASON_BY_REQUEST, CANCEL_REASON_SELF_MATCH_PREVENTION,
    CANCEL_REASON_UNKNOWN, FILL_FLAGS_IS_FULLY_FILLED, FILL_FLAGS_IS_QUOTE, ORDER_FLAGS_POST_ONLY,
    ORDER_FLAGS_POST_ONLY_REJECT, ORDER_REJECT_REASON_INVALID_INSTRUMENT, ORDER_REJECT_REASON_POST_ONLY,
    ORDER_REJECT_REASON_SYSTEM_ERROR, ORDER_STATUS_ACTIVE, ORDER_STATUS_CANCELED, ORDER_STATUS_FILLED,
    SELF_TRADING_MODE_CANCEL_MAKER, SELF_TRADING_MODE_CANCEL_TAKER, TIME_IN_FORCE_FOK, TIME_IN_FORCE_GTC,
    OrdersCanceledOrders,
)
from gateway.book cimport INSTRUMENTS_MAX, BookSide, Level, level_at
from gateway.bump_queue cimport BumpQueue
from gateway.details cimport decimal_details, integer_details
from gateway.fill_or_kill cimport can_fill
from gateway.lookup cimport (
    Cursor, lookup_add, lookup_close, lookup_init, lookup_next, lookup_reserve, lookup_start, scoped_hash, secret_hash,
)
from gateway.mmp cimport check_protection, mmp_group_of, protect
from gateway.must_hold cimport must_hold
from gateway.order_checks cimport (
    PRICE_IS_RIGHT, check_admission, check_fields, check_terms, check_venue, price_problem,
)
from gateway.registry cimport (
    ORDER_CANCELS_MAKER, ORDER_HAS_WAITING, ORDER_IN_BOOK, ORDER_IS_COVERED, ORDER_IS_DAY, ORDER_IS_ICEBERG, ORDER_IS_MMP,
    ORDER_IS_QUEUED, ORDER_IS_QUOTE, Order, OrderList, epoch_is_over, order_at, order_is_dead, order_visible,
)
from gateway.slab cimport NONE
from gateway.speed_bump cimport must_wait, queue_order, refuse_cancel


cdef enum:
    DRAIN_PREFETCH = 6     # so many orders ahead, the drain fetches what it will touch: the misses overlap


@cython.final
cdef class Engine:
    """All books of a gateway, behind the seam that `engine.pxd` describes.

    instruments, portfolios, owners, mmp_groups: sequences of InstrumentSpec, PortfolioSpec, OwnerSpec and MmpGroupSpec;
    owners are named by their index. orders_max: most orders at a time, fenced ones that are not yet drained among them.
    first_*_id: where the counters begin. hash_secret: up to 128 bits that no client knows; nothing but time depends on it. ValueError names what is wrong with the arguments, MemoryError is what it says.
    """

    def __cinit__(self, instruments, portfolios, owners, uint32_t orders_max, *, mmp_groups=(),
                  int64_t first_order_id=1, int64_t first_match_id=1, int64_t first_exec_id=1, hash_secret=0):
        if min(first_order_id, first_match_id, first_exec_id) < 1:
            raise ValueError("first ids: wanted 1 or more")
        self.registry = Registry(portfolios, owners, orders_max, mmp_groups, hash_secret)
        self.books = Books(self.registry, 0)
        self.bumps = BumpQueue(self.registry)
        self.last_order_id = first_order_id - 1
        self.last_match_id = first_match_id - 1
        self.last_exec_id = first_exec_id - 1
        self.dead_allowance = UINT32_MAX
        self.instruments = <Instrument*>calloc(INSTRUMENTS_MAX, sizeof(Instrument))
        self.events = <Event*>calloc(EVENTS_PER_ORDER_MAX, sizeof(Event))
        if (self.instruments == NULL or self.events == NULL
                or not lookup_init(&self.by_instrument_id, INSTRUMENTS_MAX)):
            raise MemoryError("no memory for the engine")
        for instrument in instruments:
            self.add_instrument(instrument)

    def __dealloc__(self):
        free(self.instruments)
        free(self.events)
        lookup_close(&self.by_instrument_id)

    cdef int add_instrument(self, spec) except -1:
        """One more, from an InstrumentSpec, under the next index."""
        cdef uint32_t index = self.books.instrument_count
        cdef uint32_t bump_lane
        cdef Instrument* added
        if spec.tick_size <= 0 or spec.lot_size <= 0:
            raise ValueError(f"instrument {spec.id}: tick_size and lot_size wanted above 0, "
                             f"were {spec.tick_size} and {spec.lot_size}")
        if self.find_instrument(spec.id) != NONE:
            raise ValueError(f"instrument {spec.id}: given twice")
        if not lookup_reserve(&self.by_instrument_id):
            raise MemoryError("no memory for the instruments")
        bump_lane = self.bumps.add_lane(spec.speed_bump_ns)
        self.books.add_instrument()
        added = &self.instruments[index]
        added.id = spec.id
        added.tick_size = spec.tick_size
        added.lot_size = spec.lot_size
        added.currency_pair_id = spec.currency_pair_id
        added.delta = spec.delta
        added.vega = spec.vega
        added.product_type = spec.product_type
        added.state = INSTRUMENT_IS_OPEN
        added.iceberg_allowed = spec.iceberg_allowed
        added.bump_lane = bump_lane
        added.reserved_for = NONE if spec.reserved_for is None else spec.reserved_for
        self.set_limits(index, spec)
        lookup_add(&self.by_instrument_id, scoped_hash(0, added.id), index)
        return 0

    cdef int set_limits(self, uint32_t index, spec) except -1:
        """What an instrument allows from now on; orders that rest are not looked at again."""
        cdef Instrument* instrument = &self.instruments[index]
        instrument.min_price = -INT64_MAX if spec.min_price is None else spec.min_price
        instrument.max_price = INT64_MAX if spec.max_price is None else spec.max_price
        instrument.max_order_quantity = INT64_MAX if spec.max_order_quantity is None else spec.max_order_quantity
        return 0

    # Queries.

    cdef uint32_t open_orders(self, uint32_t owner) noexcept nogil:
        return self.registry.owners[owner].covered.live + self.registry.owners[owner].uncovered.live

    cdef uint32_t covered_open(self, uint32_t owner) noexcept nogil:
        return self.registry.owners[owner].covered.live

    cdef uint32_t portfolio_open(self, uint32_t portfolio) noexcept nogil:
        return self.registry.portfolios[portfolio].open

    cdef uint32_t dead_orders(self, uint32_t owner) noexcept nogil:
        return self.registry.owners[owner].dead

    cdef uint32_t find_instrument(self, int64_t instrument_id) noexcept nogil:
        cdef Cursor cursor = lookup_start(&self.by_instrument_id, scoped_hash(0, instrument_id))
        cdef uint32_t index = lookup_next(&self.by_instrument_id, &cursor)
        while index != NONE and self.instruments[index].id != instrument_id:
            index = lookup_next(&self.by_instrument_id, &cursor)
        return index

    cdef uint32_t instrument_for(self, uint32_t owner, int64_t instrument_id) noexcept nogil:
        """The index of the instrument that a client has named, NONE when there is no such one for it."""
        cdef uint32_t index = self.find_instrument(instrument_id)
        if index == NONE or self.instruments[index].reserved_for == NONE:
            return index
        return index if self.instruments[index].reserved_for == self.registry.owners[owner].portfolio else NONE

    # Matching.

    cdef bint check_epoch(self, const Command* command, Outcome* outcome) noexcept nogil:
        """No request of an epoch after its fence, nor of one that the owner has left behind."""
        if epoch_is_over(&self.registry.owners[command.owner], command.epoch):
            return reject(outcome, ORDER_REJECT_REASON_SYSTEM_ERROR,
                          integer_details(self.details, b"epoch %lld of the session is over", command.epoch, 0))
        return True

    cdef void start_taker(self, const Command* command, uint32_t instrument, Taker* taker) noexcept nogil:
        """An order before its first match; its order_id is the caller's to give, as is its MMP group if it has one."""
        taker.instrument = instrument
        taker.portfolio = self.registry.owners[command.owner].portfolio
        taker.remaining = command.quantity
        taker.limit_key = INT64_MAX if command.price == INT64_MIN else command.side * command.price
        taker.last_price = INT64_MIN
        taker.time = command.time
        taker.owner = command.owner
        taker.handle = taker.mmp_group = NONE
        taker.fills = taker.cancels = 0
        taker.opposite = self.books.side_of(instrument, -command.side)
        taker.stop = STOP_NONE

    cdef bint place_post_only(self, const Command* command, Taker* taker, Outcome* outcome) noexcept nogil:
        """Keep a post-only order from crossing: reject it, or move its price one tick behind the best live order."""
        cdef Instrument* instrument = &self.instruments[taker.instrument]
        cdef int64_t best
        outcome.dead_met += self.books.purge(taker.opposite, taker.limit_key, UINT32_MAX)
        if taker.opposite.best == NONE:
            return True
        best = level_at(&self.books.levels, taker.opposite.best).key
        if best > taker.limit_key:
            return True
        if command.flags & ORDER_FLAGS_POST_ONLY_REJECT:
            return reject(outcome, ORDER_REJECT_REASON_POST_ONLY,
                          decimal_details(self.details, b"price %s would cross the best opposite price %s",
                                          command.price, best * command.side))
        if (best < -INT64_MAX + instrument.tick_size
                or price_problem(instrument, (best - instrument.tick_size) * command.side) != PRICE_IS_RIGHT):
            return reject(outcome, ORDER_REJECT_REASON_POST_ONLY,
                          decimal_details(self.details, b"price %s would cross, and there is no price behind %s",
                                          command.price, best * command.side))
        taker.limit_key = best - instrument.tick_size
        outcome.price = taker.limit_key * command.side
        return True

    cdef void match(self, const Command* command, Taker* taker, Outcome* outcome) noexcept nogil:
        """Fill the taker from the opposite side, best price first, oldest first, until something stops it."""
        cdef Level* level
        cdef Order* maker
        while taker.remaining > 0 and taker.stop == STOP_NONE:
            outcome.dead_met += self.books.purge(taker.opposite, taker.limit_key, UINT32_MAX)
            if taker.opposite.best == NONE:
                return
            level = level_at(&self.books.levels, taker.opposite.best)
            if level.key > taker.limit_key:
                return
            maker = order_at(&self.registry.orders, level.head)
            if self_match(command, taker.portfolio, maker):
                if command.self_trading_mode == SELF_TRADING_MODE_CANCEL_TAKER:
                    taker.stop = STOP_SELF_MATCH
                    return
                if taker.cancels == SELF_MATCH_CANCELS_PER_ORDER_MAX:
                    taker.stop = STOP_LIMIT
                    return
                self.cancel_maker(level.head, outcome)
                taker.cancels += 1
            elif taker.fills == FILLS_PER_ORDER_MAX:
                taker.stop = STOP_LIMIT
                return
            else:
                self.fill_maker(level.head, taker, outcome)

    cdef void fill_maker(self, uint32_t handle, Taker* taker, Outcome* outcome) noexcept nogil:
        cdef Order* maker = order_at(&self.registry.orders, handle)
        cdef Event* event = &self.events[outcome.event_count]
        cdef int64_t quantity = min(taker.remaining, order_visible(maker))
        cdef uint32_t mmp_group = mmp_group_of(self, maker)
        must_hold(b"I4: an order that is fenced never trades",
                  maker.flags & ORDER_IN_BOOK
                  and not order_is_dead(maker, self.registry.owners, self.registry.portfolios))
        self.last_match_id += 1
        maker.filled += quantity
        taker.remaining -= quantity
        taker.fills += 1
        taker.last_price = maker.price
        event.kind = EVENT_FILL
        event.match_id = self.last_match_id
        event.price = maker.price
        event.quantity = quantity
        event.client_order_id = maker.client_order_id
        event.order_id = maker.order_id
        event.total_filled = maker.filled
        event.instrument_id = self.instruments[maker.instrument].id
        event.owner = maker.owner
        event.side = maker.side
        event.flags = FILL_FLAGS_IS_QUOTE if maker.flags & ORDER_IS_QUOTE else 0
        event.cancel_reason = CANCEL_REASON_UNKNOWN
        outcome.event_count += 1
        if maker.filled == maker.quantity:
            event.flags |= FILL_FLAGS_IS_FULLY_FILLED
            self.forget(handle)
        elif maker.flags & ORDER_IS_ICEBERG:
            maker.shown -= quantity
            if maker.shown == 0:
                self.refresh(handle)
        if mmp_group != NONE or taker.mmp_group != NONE:
            protect(self, mmp_group, event.owner, event.side, quantity, taker)

    cdef void refresh(self, uint32_t handle) noexcept nogil:
        """Let an iceberg show its next part, behind all others of its price."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        order.shown = min(order.show_quantity, order.quantity - order.filled)
        self.books.requeue(handle)

    cdef void cancel_maker(self, uint32_t handle, Outcome* outcome) noexcept nogil:
        cdef Order* maker = order_at(&self.registry.orders, handle)
        cdef Event* event = &self.events[outcome.event_count]
        memset(event, 0, sizeof(Event))
        event.kind = EVENT_CANCELED
        event.client_order_id = maker.client_order_id
        event.order_id = maker.order_id
        event.total_filled = maker.filled
        event.instrument_id = self.instruments[maker.instrument].id
        event.owner = maker.owner
        event.side = maker.side
        event.flags = CANCEL_FLAGS_IS_QUOTE if maker.flags & ORDER_IS_QUOTE else 0
        event.cancel_reason = CANCEL_REASON_SELF_MATCH_PREVENTION
        outcome.event_count += 1
        self.forget(handle)

    cdef void forget(self, uint32_t handle) noexcept nogil:
        self.take_out(handle)
        self.registry.release(handle)

    cdef void take_out(self, uint32_t handle) noexcept nogil:
        """Let an order be in no book and in no queue."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        if order.flags & ORDER_IN_BOOK:
            self.books.remove(handle)
        if order.flags & ORDER_HAS_WAITING:
            self.bumps.drop(handle)

    cdef uint32_t enter(self, const Command* command, const Taker* taker, uint32_t hash,
                        const Outcome* outcome) noexcept nogil:
        """Bind an order to its owner, at outcome.price, without putting it into the book."""
        cdef uint32_t handle = self.registry.take()
        cdef Order* order = order_at(&self.registry.orders, handle)
        order.order_id = taker.order_id
        order.client_order_id = command.client_order_id
        order.quantity = command.quantity
        order.filled = command.quantity - taker.remaining
        order.epoch = command.epoch
        order.smp_token = command.smp_token
        order.owner = command.owner
        order.portfolio = taker.portfolio
        order.flags = ORDER_IS_COVERED if command.covered else 0
        if command.is_quote:
            order.flags |= ORDER_IS_QUOTE
            order.quote_slot = command.quote_slot
        elif taker.mmp_group != NONE:
            order.flags |= ORDER_IS_MMP
        if command.self_trading_mode == SELF_TRADING_MODE_CANCEL_MAKER:
            order.flags |= ORDER_CANCELS_MAKER
        if command.show_quantity != INT64_MIN:
            order.flags |= ORDER_IS_ICEBERG
        if command.time_in_force > TIME_IN_FORCE_GTC:
            order.flags |= ORDER_IS_DAY
            order.last_settlement = self.registry.days.settlements + command.time_in_force
        order.show_quantity = command.show_quantity
        order.shown = min(command.show_quantity, taker.remaining)
        order.side = command.side
        order.price = outcome.price
        order.instrument = taker.instrument
        order.client_hash = hash
        self.registry.bind(handle)
        return handle

    cdef void rest(self, const Command* command, const Taker* taker, uint32_t hash, Outcome* outcome) noexcept nogil:
        """Bind what is left to its owner and put it into the book, at outcome.price."""
        cdef uint32_t handle = self.enter(command, taker, hash, outcome)
        self.books.insert(handle)
        outcome.order_status = ORDER_STATUS_ACTIVE
        outcome.visible_quantity = order_visible(order_at(&self.registry.orders, handle))

    cdef void conclude(self, const Command* command, const Taker* taker, uint32_t hash, Outcome* outcome) noexcept nogil:
        """Decide what becomes of the order after matching."""
        outcome.status = OUTCOME_ACCEPTED
        outcome.order_id = taker.order_id
        outcome.total_filled = command.quantity - taker.remaining
        if taker.remaining == 0:
            outcome.order_status = ORDER_STATUS_FILLED
        elif taker.stop == STOP_NONE and command.time_in_force >= TIME_IN_FORCE_GTC and (
                command.price != INT64_MIN or taker.fills):
            if command.price == INT64_MIN:
                outcome.price = taker.last_price
            self.rest(command, taker, hash, outcome)
        else:
            outcome.order_status = ORDER_STATUS_CANCELED
            outcome.cancel_reason = closing_reason(taker)

    cdef void conclude_in_place(self, uint32_t handle, const Taker* taker, bint may_rest,
                                Outcome* outcome) noexcept nogil:
        """The same for an order that has its record, is in no book, and rests, if it does, at outcome.price."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        order.filled = order.quantity - taker.remaining
        order.price = outcome.price
        order.shown = min(order.show_quantity, taker.remaining)
        outcome.status = OUTCOME_ACCEPTED
        outcome.total_filled = order.filled
        if taker.remaining == 0:
            outcome.order_status = ORDER_STATUS_FILLED
            self.forget(handle)
        elif may_rest and taker.stop == STOP_NONE:
            outcome.order_status = ORDER_STATUS_ACTIVE
            outcome.visible_quantity = order_visible(order)
            self.books.insert(handle)
        else:
            outcome.order_status = ORDER_STATUS_CANCELED
            outcome.cancel_reason = closing_reason(taker)
            self.forget(handle)

    # Commands.

    cdef void new_order(self, const Command* command, Outcome* outcome) noexcept nogil:
        cdef uint32_t hash = secret_hash(
            &self.registry.secret, self.registry.owners[command.owner].portfolio, command.client_order_id)
        cdef uint32_t instrument = self.instrument_for(command.owner, command.instrument_id)
        cdef uint32_t mmp_group
        cdef Taker taker
        start_outcome(command, outcome)
        if not self.check_epoch(command, outcome):
            return
        if instrument == NONE:
            reject(outcome, ORDER_REJECT_REASON_INVALID_INSTRUMENT,
                   integer_details(self.details, b"instrument %lld is not known", command.instrument_id, 0))
            return
        if not (check_venue(self, self.registry.owners[command.owner].portfolio, instrument, outcome)
                and check_fields(self, command, outcome)
                and check_protection(self, instrument, command, &mmp_group, outcome)
                and check_terms(self, instrument, command, outcome)
                and check_admission(self, command, hash, outcome)):
            return
        self.start_taker(command, instrument, &taker)
        taker.mmp_group = mmp_group
        if command.flags & (ORDER_FLAGS_POST_ONLY | ORDER_FLAGS_POST_ONLY_REJECT):
            if not self.place_post_only(command, &taker, outcome):
                return
        elif must_wait(self, &taker, outcome):
            queue_order(self, command, &taker, hash, outcome)
            return
        self.last_order_id += 1
        taker.order_id = self.last_order_id
        if command.time_in_force != TIME_IN_FORCE_FOK or can_fill(self, command, &taker, outcome):
            self.match(command, &taker, outcome)
        self.conclude(command, &taker, hash, outcome)

    cdef void cancel_order(self, const Command* command, Outcome* outcome) noexcept nogil:
        cdef uint32_t portfolio = self.registry.owners[command.owner].portfolio
        start_outcome(command, outcome)
        self.cancel(command, self.registry.find_client(
            portfolio, command.client_order_id,
            secret_hash(&self.registry.secret, portfolio, command.client_order_id)),
            b"client order id %lld is not open in instrument %lld", command.client_order_id, outcome)

    cdef void cancel_order_by_id(self, const Command* command, Outcome* outcome) noexcept nogil:
        start_outcome(command, outcome)
        self.cancel(command, self.registry.find_order_id(command.order_id),
                    b"order id %lld is not open in instrument %lld", command.order_id, outcome)

    cdef void cancel(self, const Command* command, uint32_t handle, const char* unknown, int64_t named,
                     Outcome* outcome) noexcept nogil:
        """Cancel what was found by `named`. unknown: what to say of an order that is not the requester's to cancel."""
        cdef uint32_t instrument = self.instrument_for(command.owner, command.instrument_id)
        cdef Order* order
        if instrument == NONE:
            reject(outcome, CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT,
                   integer_details(self.details, b"instrument %lld is not known", command.instrument_id, 0))
            return
        if handle != NONE:
            order = order_at(&self.registry.orders, handle)
            if (order.instrument == instrument
                    and order.portfolio == self.registry.owners[command.owner].portfolio):
                if order.flags & ORDER_IS_QUEUED:
                    refuse_cancel(self, handle, outcome)
                    return
                outcome.status = OUTCOME_ACCEPTED
                outcome.order_id = order.order_id
                outcome.client_order_id = order.client_order_id
                outcome.price = order.price
                outcome.quantity = order.quantity
                outcome.total_filled = order.filled
                outcome.owner = order.owner
                outcome.side = order.side
                outcome.order_status = ORDER_STATUS_CANCELED
                outcome.cancel_reason = CANCEL_REASON_BY_REQUEST
                self.forget(handle)
                return
        reject(outcome, CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER,
               integer_details(self.details, unknown, named, command.instrument_id))

    cdef uint32_t fence(self, uint32_t owner, int64_t epoch, bint covered) noexcept nogil:
        """From here on the owner's orders up to this epoch that are covered, or that are not, do not exist.

        Returns how many that kills.
        """
        return self.registry.fence(owner, epoch, covered)

    cdef uint32_t fence_portfolio(self, uint32_t portfolio) noexcept nogil:
        """From here on no order that the portfolio has now exists. Returns how many that kills."""
        return self.registry.fence_portfolio(portfolio, self.last_order_id)

    cdef uint32_t drain(self, uint32_t owner, bint covered, uint32_t limit, int8_t cancel_reason,
                        OrdersCanceledOrders* out) noexcept nogil:
        """Forget up to `limit` dead orders of one of the owner's lists, in order of entry, an entry for each into `out`.

        Returns how many. The owner is done with when dead_orders says 0.
        """
        cdef OrderList* mine = (&self.registry.owners[owner].covered if covered
                                else &self.registry.owners[owner].uncovered)
        cdef uint32_t drained = 0
        cdef uint32_t handle = mine.head
        cdef uint32_t ahead = handle
        cdef Order* order
        for _ in range(DRAIN_PREFETCH):
            ahead = self.registry.prefetch(ahead)
        while drained < limit and handle != NONE:
            ahead = self.registry.prefetch(ahead)
            order = order_at(&self.registry.orders, handle)
            if not order_is_dead(order, self.registry.owners, self.registry.portfolios):
                break
            self.write_canceled(order, cancel_reason, &out[drained])
            self.forget(handle)
            drained += 1
            handle = mine.head
        return drained

    cdef void leave(self, uint32_t handle, int8_t cancel_reason) noexcept nogil:
        """Take a live order out of its book and out of reach, to be told of by take_leaving."""
        self.take_out(handle)
        self.registry.leave(handle, cancel_reason)

    cdef uint32_t take_leaving(self, uint32_t owner, uint32_t limit, OrdersCanceledOrders* out) noexcept nogil:
        """Forget up to `limit` of the owner's leaving orders, in order of leaving, and write an entry for each into `out`.

        Returns how many.
        """
        cdef uint32_t taken = 0
        cdef uint32_t handle = self.registry.first_leaving(owner)
        cdef Order* order
        while taken < limit and handle != NONE:
            order = order_at(&self.registry.orders, handle)
            self.write_canceled(order, order.cancel_reason, &out[taken])
            self.registry.release_leaving(handle)
            taken += 1
            handle = self.registry.first_leaving(owner)
        return taken

    cdef void write_canceled(self, const Order* order, int8_t cancel_reason,
                             OrdersCanceledOrders* entry) noexcept nogil:
        entry.client_order_id = order.client_order_id
        entry.order_id = order.order_id
        entry.instrument_id = self.instruments[order.instrument].id
        entry.total_filled.mantissa = order.filled
        entry.total_filled.exponent = -9
        entry.cancel_reason = cancel_reason
        entry.flags = CANCEL_FLAGS_IS_QUOTE if order.flags & ORDER_IS_QUOTE else 0

    cdef int64_t next_exec_id(self) noexcept nogil:
        self.last_exec_id += 1
        return self.last_exec_id
