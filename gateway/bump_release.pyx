"""Releases from speed bumps: what has waited goes through matching as it then is, and is not held up again.

A queued order trades with what it then finds, and by self-match prevention it is the makers that give way. What is left
of it rests, if it is of the kind that rests, else it is closed; so is the whole of an order whose book is halted or
deactivated by then. An amend is made on the order as it then is; one that can no longer be made, because it is post-only
and would cross, or because the book is halted, leaves the order as it is.
"""

from libc.stdint cimport INT64_MIN, int64_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    CANCEL_REASON_BOOK_DEACTIVATED, CANCEL_REASON_MARKET_STATE_TRANSITION, ORDER_STATUS_ACTIVE, ORDER_STATUS_CANCELED,
    SELF_TRADING_MODE_CANCEL_MAKER, TIME_IN_FORCE_FOK, TIME_IN_FORCE_GTC,
)
from gateway.amend cimport make_amend, tell
from gateway.bump_queue cimport Bumped, bumped_at
from gateway.dead_ahead cimport clear_for_release
from gateway.engine cimport (
    INSTRUMENT_IS_DEACTIVATED, INSTRUMENT_IS_OPEN, OUTCOME_ACCEPTED, Command, Engine, Outcome, Taker,
)
from gateway.fill_or_kill cimport can_fill
from gateway.mmp cimport mmp_group_of
from gateway.quote_slots cimport hide_quote, show_quote
from gateway.registry cimport ORDER_IS_QUEUED, ORDER_IS_QUOTE, Order, order_at, order_is_dead
from gateway.slab cimport NONE


cdef int release_next(Engine engine, int64_t now, Bumped* request, Outcome* outcome) noexcept nogil:
    cdef uint32_t due = engine.bumps.first_due(now)
    cdef Order* order
    cdef bint is_quote
    memset(outcome, 0, sizeof(Outcome))
    if due == NONE:
        return RELEASED_NOTHING
    request[0] = bumped_at(&engine.bumps.requests, due)[0]
    if engine.registry.dead != 0 and not clear_for_release(engine, request, now):
        return RELEASED_TOO_LITTLE
    engine.bumps.remove(due)
    order = order_at(&engine.registry.orders, request.order)
    if order_is_dead(order, engine.registry.owners, engine.registry.portfolios):
        # The drain will tell of it.
        return RELEASED_DEAD
    outcome.order_id = order.order_id
    outcome.client_order_id = order.client_order_id
    outcome.instrument_id = engine.instruments[order.instrument].id
    outcome.owner = order.owner
    outcome.side = order.side
    outcome.price = order.price
    outcome.quantity = order.quantity
    is_quote = order.flags & ORDER_IS_QUOTE != 0
    if request.is_amend:
        release_amend(engine, request, now, outcome)
    elif engine.instruments[order.instrument].state != INSTRUMENT_IS_OPEN:
        close_order(engine, request.order, outcome)
    else:
        release_order(engine, request, now, outcome)
    return RELEASED_QUOTE if is_quote else RELEASED_ORDER


cdef void close_order(Engine engine, uint32_t handle, Outcome* outcome) noexcept nogil:
    """Its book is halted, or is no more."""
    cdef Order* order = order_at(&engine.registry.orders, handle)
    cdef bint is_halted = engine.instruments[order.instrument].state != INSTRUMENT_IS_DEACTIVATED
    tell(outcome, order, ORDER_STATUS_CANCELED)
    outcome.cancel_reason = CANCEL_REASON_MARKET_STATE_TRANSITION if is_halted else CANCEL_REASON_BOOK_DEACTIVATED
    engine.forget(handle)


cdef void start_released(Engine engine, const Bumped* request, int64_t now, Command* command, Taker* taker) noexcept nogil:
    cdef const Order* order = order_at(&engine.registry.orders, request.order)
    memset(command, 0, sizeof(Command))
    command.time = now
    command.price = order.price
    command.quantity = order.quantity - order.filled
    command.smp_token = order.smp_token
    command.owner = order.owner
    command.side = order.side
    command.self_trading_mode = SELF_TRADING_MODE_CANCEL_MAKER
    command.is_quote = order.flags & ORDER_IS_QUOTE != 0
    command.quote_slot = order.quote_slot
    engine.start_taker(command, order.instrument, taker)
    taker.order_id = order.order_id
    taker.handle = request.order
    taker.mmp_group = mmp_group_of(engine, order)


cdef void start_amending(const Bumped* request, const Order* order, int64_t now, Command* command) noexcept nogil:
    memset(command, 0, sizeof(Command))
    command.time = now
    command.price = request.price
    command.quantity = request.quantity
    command.show_quantity = request.show_quantity
    command.flags = request.flags
    command.owner = order.owner


cdef void release_order(Engine engine, const Bumped* request, int64_t now, Outcome* outcome) noexcept nogil:
    cdef Order* order = order_at(&engine.registry.orders, request.order)
    # A level is wanting only when memory is out: then the order takes what it finds, and does not rest.
    cdef bint may_rest = request.time_in_force >= TIME_IN_FORCE_GTC and engine.books.reserve()
    cdef Command command
    cdef Taker taker
    start_released(engine, request, now, &command, &taker)
    order.flags &= <unsigned short>~ORDER_IS_QUEUED
    if request.time_in_force != TIME_IN_FORCE_FOK or can_fill(engine, &command, &taker, outcome):
        trade(engine, order, &command, &taker, outcome)
    if order.price == INT64_MIN:
        # What is left of a market order rests at its last price, as if it had not waited.
        may_rest = may_rest and taker.fills > 0
        if may_rest and taker.remaining > 0:
            outcome.price = taker.last_price
    engine.conclude_in_place(request.order, &taker, may_rest, outcome)


cdef void trade(Engine engine, Order* order, const Command* command, Taker* taker, Outcome* outcome) noexcept nogil:
    """Match. Its own fills may take away all quotes of its group, but what becomes of itself is said by its release."""
    if order.flags & ORDER_IS_QUOTE:
        hide_quote(&engine.registry.quotes, order.quote_slot, order.side)
    engine.match(command, taker, outcome)
    if order.flags & ORDER_IS_QUOTE:
        show_quote(&engine.registry.quotes, order.quote_slot, order.side, taker.handle)


cdef void release_amend(Engine engine, const Bumped* request, int64_t now, Outcome* outcome) noexcept nogil:
    cdef Order* order = order_at(&engine.registry.orders, request.order)
    cdef Command command
    if engine.instruments[order.instrument].state == INSTRUMENT_IS_OPEN:
        start_amending(request, order, now, &command)
        outcome.price = request.price
        outcome.quantity = request.quantity
        make_amend(engine, request.order, &command, True, outcome)
    if outcome.status != OUTCOME_ACCEPTED:
        outcome.price = order.price
        outcome.quantity = order.quantity
        outcome.reject_reason = 0
        outcome.details = NULL
        tell(outcome, order, ORDER_STATUS_ACTIVE)
