"""Quotes: what a mass quote does to the standing quotes of its group, and to the books.

A portfolio has at most one quote for each MMP group, instrument and side. A mass quote is taken or refused as a whole for
what is wrong with its group, its instruments or a quantity; whatever else is wrong concerns one side alone. A side that
says what already stands, or less of it at the same price, leaves the standing quote in its place: its orderId, quoteId,
priority and owner stay, it takes on the request's self-match token, and nothing is searched but its slot. Any other side
takes the standing quote out, also when it cannot be entered itself: a quote that its owner wanted changed must not trade.

Both sides of an entry are taken out before either is entered, so that a two-sided quote that moves never meets itself as
it was. Bids are entered before asks. An entered side is an order like any other, good till cancelled, and may take
liquidity; by self-match prevention it gives way to what rests.
"""

cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int8_t, int64_t, uint16_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    CANCEL_REASON_BY_REQUEST, MASS_QUOTE_REJECT_REASON_DUPLICATE_INSTRUMENT,
    MASS_QUOTE_REJECT_REASON_MMP_GROUP_FROZEN, MASS_QUOTE_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED,
    MASS_QUOTE_REJECT_REASON_INVALID_INSTRUMENT, MASS_QUOTE_REJECT_REASON_INVALID_MMP_GROUP,
    MASS_QUOTE_REJECT_REASON_PORTFOLIO_LOCKED, MASS_QUOTE_REJECT_REASON_SYSTEM_ERROR,
    MASS_QUOTE_REJECT_REASON_TOO_MANY_QUOTES, ORDER_FLAGS_MARKET_LIMIT, ORDER_FLAGS_MMP, ORDER_FLAGS_POST_ONLY, ORDER_FLAGS_POST_ONLY_REJECT, ORDER_FLAGS_RESET_MMP,
    ORDER_REJECT_REASON_INVALID_FIELD, ORDER_REJECT_REASON_MMP_GROUP_FROZEN,
    ORDER_REJECT_REASON_MMP_MAX_QUOTE_QTY_EXCEEDED, ORDER_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE, ORDER_REJECT_REASON_SYSTEM_ERROR, QUOTE_STATUS_CANCELED_BY_MMP,
    QUOTE_STATUS_CANCELED_BY_REQUEST, QUOTE_STATUS_CANCELED_BY_SELF_MATCH,
    QUOTE_STATUS_FILLED, QUOTE_STATUS_INACTIVE, QUOTE_STATUS_QTY_REDUCED, QUOTE_STATUS_UNMODIFIED,
    QUOTE_STATUS_SPEED_BUMPED, QUOTE_STATUS_UPDATED, SELF_TRADING_MODE_CANCEL_TAKER, SIDE_BOTH, SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_GTC,
)
from gateway.details cimport integer_details, quote_details
from gateway.engine cimport (
    INSTRUMENT_IS_OPEN, OUTCOME_ACCEPTED, OUTCOME_REJECTED, STOP_MMP, STOP_NONE, STOP_SELF_MATCH, Command, Engine, Instrument,
    Outcome, Taker,
)
from gateway.mmp cimport GROUP_IS_FROZEN, GROUP_IS_FROZEN_TOO_SHORT, left_group, use_group
from gateway.mmp_groups cimport find_mmp_group, mmp_is_frozen
from gateway.order_checks cimport check_room, check_terms
from gateway.quote_slots cimport (
    QuoteSlot, QuoteSlots, find_quote_slot, quote_index, quote_slot_at, take_quote_slot,
    tidy_quote_slot,
)
from gateway.registry cimport Order, Owner, epoch_is_over, order_at, order_is_dead
from gateway.slab cimport NONE
from gateway.speed_bump cimport must_wait, queue_order


cdef enum:
    POST_ONLY_FLAGS = ORDER_FLAGS_POST_ONLY | ORDER_FLAGS_POST_ONLY_REJECT
    # A quote has a price, and market-maker protection by its group.
    SENSELESS_FLAGS = ORDER_FLAGS_MARKET_LIMIT | ORDER_FLAGS_MMP | ORDER_FLAGS_RESET_MMP


cdef inline bint refuse(MassQuoteOutcome* outcome, int8_t reason, const char* details) noexcept nogil:
    """Always False, for the checks to return."""
    outcome.status = OUTCOME_REJECTED
    outcome.reject_reason = reason
    outcome.details = details
    return False


cdef uint32_t leave_group(Engine engine, uint32_t group, int8_t side, int8_t cancel_reason) noexcept nogil:
    cdef QuoteSlots* quotes = &engine.registry.quotes
    cdef uint32_t index = quotes.first_slots[group]
    cdef uint32_t following
    cdef uint32_t handle
    cdef uint32_t held
    cdef QuoteSlot* slot
    cdef Order* order
    cdef uint32_t left = 0
    cdef int i
    while index != NONE:
        slot = quote_slot_at(quotes, index)
        held = slot.held
        slot.held = True
        for i in range(2):
            handle = slot.handles[i]
            if handle != NONE:
                order = order_at(&engine.registry.orders, handle)
                if (side == SIDE_BOTH or side == order.side) and not order_is_dead(
                        order, engine.registry.owners, engine.registry.portfolios):
                    engine.leave(handle, cancel_reason)
                    order.quote_slot = group
                    left += 1
        slot.held = held
        following = slot.group_next
        tidy_quote_slot(quotes, index)
        index = following
    return left


@cython.final
cdef class Quotes:
    """The quotes of all portfolios, as orders of one engine."""

    def __cinit__(self, Engine engine not None):
        self.engine = engine
        memset(&self.command, 0, sizeof(Command))
        self.command.time_in_force = TIME_IN_FORCE_GTC
        self.command.self_trading_mode = SELF_TRADING_MODE_CANCEL_TAKER
        self.command.show_quantity = INT64_MIN
        self.command.is_quote = True

    # Commands.

    cdef void mass_quote(self, const MassQuote* request, MassQuoteOutcome* outcome, Outcome* events) noexcept nogil:
        cdef uint32_t portfolio = self.engine.registry.owners[request.owner].portfolio
        cdef uint32_t group = find_mmp_group(&self.engine.registry.mmp, portfolio, False, request.mmp_group_id)
        cdef uint32_t index
        memset(outcome, 0, sizeof(MassQuoteOutcome))
        memset(events, 0, sizeof(Outcome))
        if not self.check(request, group, outcome):
            return
        outcome.status = OUTCOME_ACCEPTED
        self.fills = 0
        for index in range(request.entry_count):
            self.quote(request, group, index, &outcome.sides[index][0], events)
        if mmp_is_frozen(&self.engine.registry.mmp.groups[group]):
            self.tell_protection(request, group, outcome)

    # Checks of the whole request: False when they have refused it.

    cdef bint check(self, const MassQuote* request, uint32_t group, MassQuoteOutcome* outcome) noexcept nogil:
        cdef Owner* owner = &self.engine.registry.owners[request.owner]
        cdef uint32_t index
        if epoch_is_over(owner, request.epoch):
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_SYSTEM_ERROR,
                          integer_details(self.engine.details, b"epoch %lld of the session is over", request.epoch, 0))
        if self.engine.registry.portfolios[owner.portfolio].is_locked:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_PORTFOLIO_LOCKED,
                          integer_details(self.engine.details, b"portfolio %lld is locked",
                                          self.engine.registry.portfolios[owner.portfolio].id, 0))
        if request.entry_count > QUOTES_PER_MASS_QUOTE_MAX:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_TOO_MANY_QUOTES,
                          integer_details(self.engine.details, b"%lld entries: wanted at most %lld",
                                          request.entry_count, QUOTES_PER_MASS_QUOTE_MAX))
        if request.quote_id == INT64_MIN:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_SYSTEM_ERROR, b"quote id is null")
        if group == NONE:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_INVALID_MMP_GROUP,
                          integer_details(self.engine.details, b"mmp group %lld is not one of the portfolio",
                                          request.mmp_group_id, 0))
        if not self.check_group(request, group, outcome):
            return False
        for index in range(request.entry_count):
            if not self.check_entry(request, index, outcome):
                return False
        return True

    cdef bint check_group(self, const MassQuote* request, uint32_t group, MassQuoteOutcome* outcome) noexcept nogil:
        """Whether the group's protection lets quotes in. A reset takes effect whatever else is wrong with the request."""
        cdef int use = use_group(self.engine.registry, group, request.reset_mmp, request.time)
        if use == GROUP_IS_FROZEN_TOO_SHORT:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED,
                          b"reset before the shortest freeze of 1 s was over")
        if use == GROUP_IS_FROZEN:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_MMP_GROUP_FROZEN,
                          integer_details(self.engine.details, b"mmp group %lld is frozen until %lld",
                                          request.mmp_group_id, self.engine.registry.mmp.groups[group].frozen_until))
        return True

    cdef bint check_entry(self, const MassQuote* request, uint32_t index, MassQuoteOutcome* outcome) noexcept nogil:
        """Instrument and quantities; entries are counted from 1 in what is said of them."""
        cdef const QuoteEntry* entry = &request.entries[index]
        cdef uint32_t instrument = self.engine.instrument_for(request.owner, entry.instrument_id)
        cdef int64_t lot_size
        cdef uint32_t i
        if instrument == NONE:
            return refuse(outcome, MASS_QUOTE_REJECT_REASON_INVALID_INSTRUMENT,
                          integer_details(self.engine.details, b"entry %lld: instrument %lld is not known",
                                          index + 1, entry.instrument_id))
        for i in range(index):
            if self.instruments[i] == instrument:
                return refuse(outcome, MASS_QUOTE_REJECT_REASON_DUPLICATE_INSTRUMENT,
                              integer_details(self.engine.details, b"entry %lld: instrument %lld is quoted twice",
                                              index + 1, entry.instrument_id))
        self.instruments[index] = instrument
        lot_size = self.engine.instruments[instrument].lot_size
        for i in range(2):
            if entry.sides[i].quantity < 0 or entry.sides[i].quantity % lot_size != 0:
                return refuse(outcome, MASS_QUOTE_REJECT_REASON_SYSTEM_ERROR,
                              quote_details(self.engine.details, index + 1, b"ask" if i else b"bid",
                                            entry.sides[i].quantity, lot_size))
        return True

    # One entry.

    cdef void quote(self, const MassQuote* request, uint32_t group, uint32_t index, QuoteSideOutcome* sides,
                    Outcome* events) noexcept nogil:
        cdef QuoteSlots* quotes = &self.engine.registry.quotes
        cdef uint32_t instrument = self.instruments[index]
        cdef uint32_t slot = find_quote_slot(quotes, group, instrument)
        cdef bint wanted[2]
        cdef uint32_t i
        if slot == NONE:
            slot = take_quote_slot(quotes, group, instrument)
        else:
            quote_slot_at(quotes, slot).held = True
        for i in range(2):
            self.begin_side(request, index, SIDE_SELL if i else SIDE_BUY, events)
            wanted[i] = self.revise(instrument, group, slot, &sides[i], events)
        for i in range(2):
            if wanted[i]:
                self.begin_side(request, index, SIDE_SELL if i else SIDE_BUY, events)
                self.command.quote_slot = slot
                self.place(instrument, group, &sides[i], events)
        if slot != NONE:
            quote_slot_at(quotes, slot).held = False
            tidy_quote_slot(quotes, slot)

    cdef void begin_side(self, const MassQuote* request, uint32_t index, int8_t side, Outcome* events) noexcept nogil:
        """Make the side the command that is being entered."""
        cdef const QuoteTerms* terms = &request.entries[index].sides[quote_index(side)]
        self.command.time = request.time
        self.command.client_order_id = request.quote_id
        self.command.instrument_id = request.entries[index].instrument_id
        self.command.price = terms.price
        self.command.quantity = terms.quantity
        self.command.smp_token = request.smp_token
        self.command.epoch = request.epoch
        self.command.owner = request.owner
        self.command.flags = terms.flags
        self.command.side = side
        self.command.covered = terms.covered
        events.price = terms.price
        events.reject_reason = NO_REJECT_REASON

    cdef uint32_t standing(self, uint32_t slot, int8_t side) noexcept nogil:
        """The slot's live quote of this side, or NONE; a dead one is let go of."""
        cdef uint32_t* handle
        cdef Order* order
        if slot == NONE:
            return NONE
        handle = &quote_slot_at(&self.engine.registry.quotes, slot).handles[quote_index(side)]
        if handle[0] != NONE:
            order = order_at(&self.engine.registry.orders, handle[0])
            if order_is_dead(order, self.engine.registry.owners, self.engine.registry.portfolios):
                order.quote_slot = NONE
                handle[0] = NONE
        return handle[0]

    cdef bint check_side(self, uint32_t instrument, int64_t quantity_limit, Outcome* events) noexcept nogil:
        if self.engine.instruments[instrument].state != INSTRUMENT_IS_OPEN:
            events.reject_reason = ORDER_REJECT_REASON_NOT_ALLOWED_BY_MARKET_STATE
        elif self.command.flags & SENSELESS_FLAGS:
            events.reject_reason = ORDER_REJECT_REASON_INVALID_FIELD
        elif self.command.quantity > quantity_limit:
            events.reject_reason = ORDER_REJECT_REASON_MMP_MAX_QUOTE_QTY_EXCEEDED
        else:
            return check_terms(self.engine, instrument, &self.command, events)
        return False

    cdef bint revise(self, uint32_t instrument, uint32_t group, uint32_t slot, QuoteSideOutcome* told,
                     Outcome* events) noexcept nogil:
        """Keep or take out what stands; returns whether the side is to be entered."""
        cdef int64_t quantity_limit = self.engine.registry.mmp.groups[group].quantity_limit
        cdef uint32_t handle = self.standing(slot, self.command.side)
        cdef bint wanted = self.command.quantity > 0 and self.check_side(instrument, quantity_limit, events)
        cdef Order* order
        told.order_id = told.price = INT64_MIN
        told.status = QUOTE_STATUS_INACTIVE
        told.reject_reason = events.reject_reason
        if handle != NONE:
            order = order_at(&self.engine.registry.orders, handle)
            if wanted and order.price == self.command.price and self.command.quantity <= order.quantity - order.filled:
                self.keep(handle, told)
                return False
            self.withdraw(handle, told)
        return wanted

    cdef void keep(self, uint32_t handle, QuoteSideOutcome* told) noexcept nogil:
        cdef Order* order = order_at(&self.engine.registry.orders, handle)
        cdef int64_t quantity = order.filled + self.command.quantity
        # Also of one that still waits behind a speed bump: status 8 is that of a quote which this request has entered.
        told.status = QUOTE_STATUS_UNMODIFIED if quantity == order.quantity else QUOTE_STATUS_QTY_REDUCED
        order.quantity = quantity
        order.smp_token = self.command.smp_token
        told.order_id = order.order_id
        told.price = order.price
        told.remaining = self.command.quantity
        told.total_filled = order.filled

    cdef void withdraw(self, uint32_t handle, QuoteSideOutcome* told) noexcept nogil:
        cdef Order* order = order_at(&self.engine.registry.orders, handle)
        told.status = QUOTE_STATUS_CANCELED_BY_REQUEST
        told.order_id = order.order_id
        told.price = order.price
        told.total_filled = order.filled
        if order.owner == self.command.owner:
            self.engine.forget(handle)
        else:
            self.engine.leave(handle, CANCEL_REASON_BY_REQUEST)

    cdef void queue(self, Taker* taker, QuoteSideOutcome* told, Outcome* events) noexcept nogil:
        """Let a side wait behind a speed bump."""
        if not queue_order(self.engine, &self.command, taker, 0, events):
            told.reject_reason = events.reject_reason
            return
        told.status = QUOTE_STATUS_SPEED_BUMPED
        told.order_id = taker.order_id
        told.price = events.price
        told.remaining = taker.remaining
        told.total_filled = 0

    cdef void place(self, uint32_t instrument, uint32_t group, QuoteSideOutcome* told, Outcome* events) noexcept nogil:
        """Enter a side as an order. What it told of a quote that it replaces stands when it is rejected."""
        cdef Taker taker
        if mmp_is_frozen(&self.engine.registry.mmp.groups[group]):
            told.reject_reason = ORDER_REJECT_REASON_MMP_GROUP_FROZEN
            return
        self.engine.start_taker(&self.command, instrument, &taker)
        taker.mmp_group = group
        if self.command.quote_slot == NONE:
            told.reject_reason = ORDER_REJECT_REASON_SYSTEM_ERROR
            return
        if not check_room(self.engine, &self.command, events) or (
                self.command.flags & POST_ONLY_FLAGS
                and not self.engine.place_post_only(&self.command, &taker, events)):
            told.reject_reason = events.reject_reason
            return
        if not self.command.flags & POST_ONLY_FLAGS and must_wait(self.engine, &taker, events):
            self.queue(&taker, told, events)
            return
        self.engine.last_order_id += 1
        taker.order_id = self.engine.last_order_id
        taker.fills = self.fills
        self.engine.match(&self.command, &taker, events)
        self.fills = taker.fills
        told.order_id = taker.order_id
        told.price = events.price
        told.total_filled = self.command.quantity - taker.remaining
        if taker.remaining == 0:
            told.status = QUOTE_STATUS_FILLED
        elif taker.stop == STOP_NONE:
            told.status = QUOTE_STATUS_UPDATED
            told.remaining = taker.remaining
            self.engine.rest(&self.command, &taker, 0, events)
        elif taker.stop == STOP_SELF_MATCH:
            told.status = QUOTE_STATUS_CANCELED_BY_SELF_MATCH
        elif taker.stop == STOP_MMP:
            told.status = QUOTE_STATUS_CANCELED_BY_MMP
        else:
            told.status = QUOTE_STATUS_INACTIVE

    # What the protection of the group did.

    cdef void tell_protection(self, const MassQuote* request, uint32_t group, MassQuoteOutcome* outcome) noexcept nogil:
        """Say of the entries' quotes that they were cancelled because a side of this request has frozen their group.

        The requester's own are told of by that, and no longer leaving.
        """
        cdef uint32_t i
        cdef uint32_t handle
        cdef uint32_t following
        cdef Order* order
        for i in range(self.engine.registry.touched_count):
            handle = self.engine.registry.first_leaving(self.engine.registry.touched[i])
            while handle != NONE:
                order = order_at(&self.engine.registry.orders, handle)
                following = order.owner_next
                if (left_group(self.engine, order) == group and self.tell_leaving(request, order, outcome)
                        and order.owner == request.owner):
                    self.engine.registry.release_leaving(handle)
                handle = following

    cdef bint tell_leaving(self, const MassQuote* request, const Order* order, MassQuoteOutcome* outcome) noexcept nogil:
        """Whether one of the entries could say what became of a quote.

        One that was filled after its own turn cannot: its fills come behind the response, and its end behind them.
        """
        cdef QuoteSideOutcome* told
        cdef uint32_t index
        for index in range(request.entry_count):
            if self.instruments[index] == order.instrument:
                told = &outcome.sides[index][quote_index(order.side)]
                if told.order_id == order.order_id and told.total_filled != order.filled:
                    return False
                told.order_id = order.order_id
                told.price = order.price
                told.remaining = 0
                told.total_filled = order.filled
                told.status = QUOTE_STATUS_CANCELED_BY_MMP
                return True
        return False
