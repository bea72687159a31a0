"""The engine room for Python: commands in, tuples out, every list and table open to view. For tests and tools only.

None stands for null. Owners, portfolios and handles are indexes, quantities and prices units of 1e-9, times
nanoseconds.
"""

cimport cython
from libc.stdint cimport INT64_MIN, UINT32_MAX, int8_t, int64_t, uint16_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from codec.layout cimport (
    CANCEL_REASON_BY_REQUEST, CANCEL_REASON_CLIENT_DISCONNECT, PRODUCT_TYPE_ALL, SELF_TRADING_MODE_CANCEL_TAKER,
    SIDE_BOTH, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_GTC, OrdersCanceledOrders,
)
from gateway.amend cimport amend_order
from gateway.book cimport Books, Level, level_at
from gateway.bump_queue cimport Bumped
from gateway.day_orders cimport leave_due, settle
from gateway.dead_ahead cimport clear_for_amend, clear_for_mass_quote, clear_for_order
from gateway.engine cimport EVENT_FILL, OUTCOME_ACCEPTED, Command, Engine, Event, Outcome
from gateway.lookup cimport Line, Lookup, lookup_bucket, lookup_overflow, secret_hash
from gateway.mass_cancel cimport CancelFilter, leave_matching
from gateway.mmp_groups cimport find_mmp_group
from gateway.quotes cimport (
    QUOTES_PER_MASS_QUOTE_MAX, MassQuote, MassQuoteOutcome, QuoteSideOutcome, QuoteTerms, Quotes,
    leave_group,
)
from gateway.registry cimport (
    ORDER_IS_COVERED, Order, OrderList, Registry, order_at, order_is_dead, order_visible,
)
from gateway.slab cimport NONE
from gateway.bump_release cimport RELEASED_DEAD, RELEASED_NOTHING, RELEASED_QUOTE, RELEASED_TOO_LITTLE, release_next

from gateway.engine_types import (
    CanceledOrder, EventRecord, MassQuoteRecord, OutcomeRecord, QuoteRecord, QuoteSideRecord, ReleaseRecord, RestingOrder,
)


cdef uint32_t fullest_bucket(const Lookup* lookup) noexcept:
    cdef uint32_t bucket
    cdef uint32_t entries
    cdef uint32_t most = 0
    cdef Line* line
    for bucket in range(lookup.mask + 1 + lookup.split):
        line = lookup_bucket(lookup, bucket)
        entries = line.count
        while line.next != NONE:
            line = lookup_overflow(lookup, line.next)
            entries += line.count
        most = max(most, entries)
    return most


cdef int64_t null_or(value) except? -1:
    return INT64_MIN if value is None else value


cdef object or_none(int64_t value):
    return None if value == INT64_MIN else value


cdef int require_below(uint32_t index, uint32_t count, str what) except -1:
    if index >= count:
        raise IndexError(f"{what}: wanted below {count}, was {index}")
    return 0


@cython.final
cdef class RegistryProbe:
    """A registry and its books without the rules of the engine: enters what it is told and finds it again."""

    cdef readonly Registry registry
    cdef readonly Books books

    def __init__(self, Registry registry not None, Books books not None):
        self.registry = registry
        self.books = books

    def enter(self, uint32_t owner, int64_t client_order_id, int64_t order_id, *, int64_t epoch=1, bint covered=True):
        """Bind an order that is in no book; its handle, or None when there is no room."""
        cdef uint32_t handle
        cdef Order* order
        require_below(owner, self.registry.owner_count, "owner")
        if not self.registry.reserve():
            return None
        handle = self.registry.take()
        order = order_at(&self.registry.orders, handle)
        memset(order, 0, sizeof(Order))
        order.order_id = order_id
        order.client_order_id = client_order_id
        order.quantity = 1
        order.epoch = epoch
        order.owner = owner
        order.portfolio = self.registry.owners[owner].portfolio
        order.flags = ORDER_IS_COVERED if covered else 0
        order.client_hash = secret_hash(&self.registry.secret, order.portfolio, client_order_id)
        self.registry.bind(handle)
        return handle

    def rest(self, uint32_t handle, uint32_t instrument, int8_t side, int64_t price):
        """Put an order that was entered into the book of an instrument, by its index."""
        cdef Order* order = order_at(&self.registry.orders, handle)
        require_below(instrument, self.books.instrument_count, "instrument")
        if not self.books.reserve():
            raise MemoryError("no memory for a level")
        order.instrument = instrument
        order.side = side
        order.price = price
        self.books.insert(handle)

    def mark(self, uint32_t handle, uint16_t flags):
        """Set flags of an order that was entered, and nothing of what they promise."""
        order_at(&self.registry.orders, handle).flags |= flags

    def take_out(self, uint32_t handle):
        """Take an order out of its book."""
        self.books.remove(handle)

    def purge(self, uint32_t instrument, int8_t side, int64_t limit_key, uint32_t most=UINT32_MAX):
        """How many dead orders, `most` of them, stood before the first live one, within the key: they are in no book now."""
        require_below(instrument, self.books.instrument_count, "instrument")
        return self.books.purge(self.books.side_of(instrument, side), limit_key, most)

    def forget(self, uint32_t handle):
        """Release an order that is in no book."""
        self.registry.release(handle)

    def raise_fence(self, uint32_t owner, int64_t epoch, *, bint covered=True):
        require_below(owner, self.registry.owner_count, "owner")
        return self.registry.fence(owner, epoch, covered)

    def mark_portfolio(self, uint32_t portfolio, int64_t order_id):
        """Set a portfolio's fenced_order_id alone: what the predicate says of its orders, counts left as they are."""
        require_below(portfolio, self.registry.portfolio_count, "portfolio")
        self.registry.portfolios[portfolio].fenced_order_id = order_id

    def find_client(self, uint32_t portfolio, int64_t client_order_id):
        return handle_or_none(self.registry.find_client(
            portfolio, client_order_id, secret_hash(&self.registry.secret, portfolio, client_order_id)))

    def find_order_id(self, int64_t order_id):
        return handle_or_none(self.registry.find_order_id(order_id))

    def orders_of(self, uint32_t owner, *, bint covered=True):
        """Order ids of one of the owner's lists in their order, dead ones included."""
        require_below(owner, self.registry.owner_count, "owner")
        cdef Order* order
        cdef OrderList mine = (self.registry.owners[owner].covered if covered
                               else self.registry.owners[owner].uncovered)
        cdef uint32_t handle = mine.head
        found = []
        while handle != NONE:
            order = order_at(&self.registry.orders, handle)
            found.append(order.order_id)
            handle = order.owner_next
        return found

    def depth(self, uint32_t instrument, int8_t side):
        """One side as [(price, [handles])], best price first, dead orders included."""
        require_below(instrument, self.books.instrument_count, "instrument")
        cdef uint32_t node = self.books.side_of(instrument, side).best
        cdef uint32_t handle
        cdef Level* level
        levels = []
        while node != NONE:
            level = level_at(&self.books.levels, node)
            handles = []
            handle = level.head
            while handle != NONE:
                handles.append(handle)
                handle = order_at(&self.registry.orders, handle).fifo_next
            levels.append((-side * level.key, handles))
            node = level.worse
        return levels

    def longest_chains(self):
        """Entries of the fullest bucket: of the lookup of client order ids, and of that of prices."""
        return fullest_bucket(&self.registry.by_client), fullest_bucket(&self.books.by_price)

    def splits(self):
        """Buckets that the two lookups have split so far: (by client_order_id, by order_id)."""
        return self.registry.by_client.splits, self.registry.by_order_id.splits


cdef object handle_or_none(uint32_t handle):
    return None if handle == NONE else handle


@cython.final
cdef class EngineProbe:
    """An engine driven by Python values. Events of a command are in its OutcomeRecord."""

    cdef readonly Engine engine
    cdef public uint32_t dead_at_a_time      # taken out of a command's way before it begins, until it is clear; 0: it begins at once
    cdef Quotes quotes

    def __init__(self, Engine engine not None):
        self.engine = engine
        self.quotes = Quotes(engine)

    # Commands.

    cdef bint must_clear(self) noexcept:
        """Let as many dead orders be taken out of a command's way as are at a time."""
        self.engine.dead_allowance = self.dead_at_a_time if self.dead_at_a_time else UINT32_MAX
        return self.dead_at_a_time != 0

    def enter(self, uint32_t owner, client_order_id, int64_t instrument_id, int8_t side, price, quantity, *,
              int8_t time_in_force=TIME_IN_FORCE_GTC, uint16_t flags=0, smp_token=None,
              int8_t self_trading_mode=SELF_TRADING_MODE_CANCEL_TAKER, show_quantity=None, bint covered=True,
              int64_t epoch=1, int64_t time=0, int64_t correlation_id=0):
        """A new order; an OutcomeRecord."""
        cdef Command command
        cdef Outcome outcome
        require_below(owner, self.engine.registry.owner_count, "owner")
        memset(&command, 0, sizeof(Command))
        command.time = time
        command.correlation_id = correlation_id
        command.client_order_id = null_or(client_order_id)
        command.instrument_id = instrument_id
        command.price = null_or(price)
        command.quantity = null_or(quantity)
        command.show_quantity = null_or(show_quantity)
        command.smp_token = null_or(smp_token)
        command.epoch = epoch
        command.owner = owner
        command.flags = flags
        command.side = side
        command.time_in_force = time_in_force
        command.self_trading_mode = self_trading_mode
        command.covered = covered
        while self.must_clear() and not clear_for_order(self.engine, &command):
            pass
        self.engine.new_order(&command, &outcome)
        return self.record(&outcome)

    def amend(self, uint32_t owner, client_order_id, int64_t instrument_id, price, quantity, *, show_quantity=None,
              uint16_t flags=0, int64_t epoch=1, int64_t time=0, int64_t correlation_id=0):
        """Amend an open order of the owner's portfolio by its client_order_id; an OutcomeRecord."""
        cdef Command command
        cdef Outcome outcome
        require_below(owner, self.engine.registry.owner_count, "owner")
        memset(&command, 0, sizeof(Command))
        command.time = time
        command.client_order_id = null_or(client_order_id)
        command.instrument_id = instrument_id
        command.price = null_or(price)
        command.quantity = null_or(quantity)
        command.show_quantity = null_or(show_quantity)
        command.flags = flags
        command.owner = owner
        command.epoch = epoch
        command.time = time
        command.correlation_id = correlation_id
        while self.must_clear() and not clear_for_amend(self.engine, &command):
            pass
        amend_order(self.engine, &command, &outcome)
        return self.record(&outcome)

    def cancel(self, uint32_t owner, client_order_id, int64_t instrument_id):
        """Cancel an open order of the owner's portfolio by its client_order_id; an OutcomeRecord."""
        cdef Command command
        cdef Outcome outcome
        require_below(owner, self.engine.registry.owner_count, "owner")
        memset(&command, 0, sizeof(Command))
        command.client_order_id = null_or(client_order_id)
        command.instrument_id = instrument_id
        command.owner = owner
        self.engine.cancel_order(&command, &outcome)
        return self.record(&outcome)

    def cancel_by_id(self, uint32_t owner, order_id, int64_t instrument_id):
        """Cancel an open order of the owner's portfolio by its order_id; an OutcomeRecord."""
        cdef Command command
        cdef Outcome outcome
        require_below(owner, self.engine.registry.owner_count, "owner")
        memset(&command, 0, sizeof(Command))
        command.client_order_id = INT64_MIN
        command.order_id = null_or(order_id)
        command.instrument_id = instrument_id
        command.owner = owner
        self.engine.cancel_order_by_id(&command, &outcome)
        return self.record(&outcome)

    def mass_quote(self, uint32_t owner, quote_id, mmp_group_id, entries, *, smp_token=None, int64_t epoch=1,
                   bint covered=True, bint reset_mmp=False, int64_t time=0):
        """Quote: each entry is (instrument_id, bid, ask), each side (price, quantity, flags); a MassQuoteRecord."""
        cdef MassQuote request
        cdef MassQuoteOutcome outcome
        cdef Outcome events
        cdef uint32_t i
        require_below(owner, self.engine.registry.owner_count, "owner")
        memset(&request, 0, sizeof(MassQuote))
        request.time = time
        request.quote_id = null_or(quote_id)
        request.mmp_group_id = null_or(mmp_group_id)
        request.smp_token = null_or(smp_token)
        request.epoch = epoch
        request.owner = owner
        request.reset_mmp = reset_mmp
        request.entry_count = len(entries)
        for i, (instrument_id, bid, ask) in enumerate(entries[:QUOTES_PER_MASS_QUOTE_MAX]):
            request.entries[i].instrument_id = instrument_id
            fill_terms(&request.entries[i].sides[0], bid, covered)
            fill_terms(&request.entries[i].sides[1], ask, covered)
        while self.must_clear() and not clear_for_mass_quote(self.engine, &request):
            pass
        self.quotes.mass_quote(&request, &outcome, &events)
        return MassQuoteRecord(
            status="accepted" if outcome.status == OUTCOME_ACCEPTED else "rejected",
            reject_reason=outcome.reject_reason,
            dead_met=events.dead_met,
            details=(<bytes>outcome.details).decode("ascii") if outcome.details != NULL else "",
            quotes=tuple([
                QuoteRecord(entries[i][0], quote_side_record(&outcome.sides[i][0]), quote_side_record(&outcome.sides[i][1]))
                for i in range(request.entry_count if outcome.status == OUTCOME_ACCEPTED else 0)
            ]),
            events=tuple([event_record(&self.engine.events[i]) for i in range(events.event_count)]),
        )

    def mass_cancel(self, uint32_t owner, *, currency_pair_id=None, instrument_id=None,
                    int8_t product_type=PRODUCT_TYPE_ALL, int8_t side=SIDE_BOTH):
        """How many orders and quotes of the owner's portfolio passed the filter; take_leaving tells which."""
        cdef CancelFilter filter
        require_below(owner, self.engine.registry.owner_count, "owner")
        filter.currency_pair_id = null_or(currency_pair_id)
        filter.instrument_id = null_or(instrument_id)
        filter.product_type = product_type
        filter.side = side
        return leave_matching(
            self.engine, self.engine.registry.owners[owner].portfolio, &filter, CANCEL_REASON_BY_REQUEST
        )

    def cancel_quotes(self, uint32_t owner, int64_t mmp_group_id, int8_t side=SIDE_BOTH):
        """How many quotes of the group there were, None if the portfolio has no such one; take_leaving tells which."""
        cdef uint32_t group
        require_below(owner, self.engine.registry.owner_count, "owner")
        group = find_mmp_group(
            &self.engine.registry.mmp, self.engine.registry.owners[owner].portfolio, False, mmp_group_id
        )
        return None if group == NONE else leave_group(self.engine, group, side, CANCEL_REASON_BY_REQUEST)

    def release(self, int64_t now):
        """Release all that waits behind a speed bump and is due; a ReleaseRecord for each that is to be told of."""
        cdef Bumped request
        cdef Outcome outcome
        cdef int found
        told = []
        while True:
            self.must_clear()
            found = release_next(self.engine, now, &request, &outcome)
            if found == RELEASED_NOTHING:
                return told
            if found != RELEASED_DEAD and found != RELEASED_TOO_LITTLE:
                group = request.mmp_group_id if found == RELEASED_QUOTE else None
                told.append(ReleaseRecord(request.correlation_id, request.requester, group, self.record(&outcome)))

    def fence(self, uint32_t owner, int64_t epoch, *, bint covered=True):
        """How many orders it killed."""
        require_below(owner, self.engine.registry.owner_count, "owner")
        return self.engine.fence(owner, epoch, covered)

    def fence_portfolio(self, uint32_t portfolio):
        """How many orders it killed."""
        require_below(portfolio, self.engine.registry.portfolio_count, "portfolio")
        return self.engine.fence_portfolio(portfolio)

    def drain(self, uint32_t owner, uint32_t limit, int8_t cancel_reason=CANCEL_REASON_CLIENT_DISCONNECT, *,
              bint covered=True):
        """A list of CanceledOrder of one of the owner's lists, at most `limit` of them."""
        cdef OrdersCanceledOrders* entries
        require_below(owner, self.engine.registry.owner_count, "owner")
        entries = allocate_entries(limit)
        try:
            count = self.engine.drain(owner, covered, limit, cancel_reason, entries)
            return [canceled_order(&entries[i]) for i in range(count)]
        finally:
            free(entries)

    def leave(self, order_id, int8_t cancel_reason=CANCEL_REASON_BY_REQUEST):
        """Take a live order out, to be told of by take_leaving; False when there is no such order."""
        cdef uint32_t handle = self.engine.registry.find_order_id(null_or(order_id))
        if handle != NONE:
            self.engine.leave(handle, cancel_reason)
        return handle != NONE

    def settle(self):
        """A settlement: day orders whose days are over are due."""
        settle(self.engine)

    def leave_due(self, uint32_t limit):
        """Take out due orders, to be told of by take_leaving; how many it looked at, at most `limit`."""
        return leave_due(self.engine, limit)

    def take_leaving(self, uint32_t limit):
        """What every touched owner is told, owner by owner: (owner, a list of CanceledOrder, at most `limit` of them).

        It may be called again until nothing is left; then the owners are touched no longer.
        """
        cdef Registry registry = self.engine.registry
        touched = [registry.touched[index] for index in range(registry.touched_count)]
        told = [(owner, self.entries_of(owner, limit)) for owner in touched]
        if all(registry.owners[<uint32_t>owner].leaving.live == 0 for owner in touched):
            registry.forget_touched()
        return [(owner, entries) for owner, entries in told if entries]

    cdef object entries_of(self, uint32_t owner, uint32_t limit):
        cdef OrdersCanceledOrders* entries = allocate_entries(limit)
        try:
            count = self.engine.take_leaving(owner, limit, entries)
            return [canceled_order(&entries[i]) for i in range(count)]
        finally:
            free(entries)

    def next_exec_id(self):
        return self.engine.next_exec_id()

    # Queries.

    def owner_counts(self, uint32_t owner):
        """(open orders, those of them that are covered, dead orders that wait for the drain)."""
        require_below(owner, self.engine.registry.owner_count, "owner")
        return self.engine.open_orders(owner), self.engine.covered_open(owner), self.engine.dead_orders(owner)

    def portfolio_open(self, uint32_t portfolio):
        """Open orders of a portfolio."""
        require_below(portfolio, self.engine.registry.portfolio_count, "portfolio")
        return self.engine.portfolio_open(portfolio)

    def resting(self, int64_t instrument_id, int8_t side):
        """Live orders of one side of a book as RestingOrder, best price first, oldest first."""
        cdef Registry registry = self.engine.registry
        cdef uint32_t instrument = self.engine.find_instrument(instrument_id)
        cdef uint32_t node
        cdef uint32_t handle
        cdef Order* order
        if instrument == NONE or (side != SIDE_BUY and side != SIDE_SELL):
            raise KeyError(f"instrument {instrument_id}, side {side}: not known")
        orders = []
        node = self.engine.books.side_of(instrument, side).best
        while node != NONE:
            handle = level_at(&self.engine.books.levels, node).head
            while handle != NONE:
                order = order_at(&registry.orders, handle)
                if not order_is_dead(order, registry.owners, registry.portfolios):
                    orders.append(RestingOrder(order.order_id, order.owner, order.price, order.quantity, order.filled,
                                               order_visible(order)))
                handle = order.fifo_next
            node = level_at(&self.engine.books.levels, node).worse
        return orders

    cdef object record(self, const Outcome* outcome):
        cdef uint32_t i
        return OutcomeRecord(
            status="accepted" if outcome.status == OUTCOME_ACCEPTED else "rejected",
            order_status=outcome.order_status,
            cancel_reason=outcome.cancel_reason,
            reject_reason=outcome.reject_reason,
            order_id=or_none(outcome.order_id),
            client_order_id=or_none(outcome.client_order_id),
            instrument_id=outcome.instrument_id,
            side=outcome.side,
            price=or_none(outcome.price),
            quantity=or_none(outcome.quantity),
            total_filled=outcome.total_filled,
            visible_quantity=outcome.visible_quantity,
            owner=outcome.owner,
            dead_met=outcome.dead_met,
            details=(<bytes>outcome.details).decode("ascii") if outcome.details != NULL else "",
            events=tuple([event_record(&self.engine.events[i]) for i in range(outcome.event_count)]),
        )


cdef int fill_terms(QuoteTerms* terms, side, bint covered) except -1:
    price, quantity, flags = side
    terms.price = null_or(price)
    terms.quantity = null_or(quantity)
    terms.flags = flags
    terms.covered = covered
    return 0


cdef object quote_side_record(const QuoteSideOutcome* side):
    return QuoteSideRecord(
        order_id=or_none(side.order_id),
        price=or_none(side.price),
        remaining=side.remaining,
        total_filled=side.total_filled,
        status=side.status,
        reject_reason=side.reject_reason,
    )


cdef object event_record(const Event* event):
    return EventRecord(
        kind="fill" if event.kind == EVENT_FILL else "canceled",
        owner=event.owner,
        instrument_id=event.instrument_id,
        client_order_id=event.client_order_id,
        order_id=event.order_id,
        side=event.side,
        match_id=event.match_id,
        price=event.price,
        quantity=event.quantity,
        total_filled=event.total_filled,
        flags=event.flags,
        cancel_reason=event.cancel_reason,
    )


cdef OrdersCanceledOrders* allocate_entries(uint32_t count) except NULL:
    cdef OrdersCanceledOrders* entries = <OrdersCanceledOrders*>calloc(max(count, 1), sizeof(OrdersCanceledOrders))
    if entries == NULL:
        raise MemoryError(f"no memory for {count} entries")
    return entries


cdef object canceled_order(const OrdersCanceledOrders* entry):
    return CanceledOrder(
        client_order_id=entry.client_order_id,
        order_id=entry.order_id,
        instrument_id=entry.instrument_id,
        total_filled=(entry.total_filled.mantissa, entry.total_filled.exponent),
        cancel_reason=entry.cancel_reason,
        flags=entry.flags,
    )
