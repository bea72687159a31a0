"""Speed bumps: on instruments that have one, whoever would take liquidity waits a fixed time, so that makers may move.

1. A new order that would trade at once is queued instead (status 4). It is an open order like any other: bound to its
   session, counted, found by its ids, dead with the fence. But it is in no book, so nobody can trade with it. What would
   not trade at once, post-only orders among it, is not held up.
2. An order that rests, and would trade at once by the terms of an amend, leaves the book with its new terms and is
   queued: while it waits it is neither where it was nor where it wants to be.
3. An amend of an order that has something waiting waits too, behind it and as long: so amends are made in the order in
   which they came, and none is a way past the speed bump. An order that will not rest cannot be amended any more.
4. A client cannot take back an order that waits, or it could look at the market first: the first cancel makes it
   immediate or cancel, and is refused saying so; further ones, and the first one of an order that was never to rest, are
   refused because of its time in force.
5. A side of a quote waits like an order (status 8 in the response). What its owner says of it meanwhile is not held up:
   a quote can always be made smaller, moved or taken away.
6. The fence knows no speed bump: a queued order of a session that is gone is never released. Nor is one that leaves with
   others (`Engine.leave`).
"""

from libc.stdint cimport UINT32_MAX, int64_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    CANCEL_ORDER_REJECT_REASON_SPEED_BUMP_CONVERTED_TO_IOC, CANCEL_ORDER_REJECT_REASON_TIME_IN_FORCE,
    ORDER_REJECT_REASON_INVALID_FIELD, ORDER_REJECT_REASON_MEMBER_SPEED_BUMP_LIMIT_EXCEEDED,
    ORDER_REJECT_REASON_SYSTEM_ERROR, ORDER_REJECT_REASON_TOO_MANY_PENDING_REPLACES, ORDER_STATUS_QUEUED,
    TIME_IN_FORCE_GTC, TIME_IN_FORCE_IOC,
)
from gateway.book cimport level_at
from gateway.bump_queue cimport (
    PENDING_AMENDS_PER_ORDER_MAX, WAITING_PER_PORTFOLIO_MAX, Bumped, bumped_at,
)
from gateway.details cimport integer_details
from gateway.engine cimport OUTCOME_ACCEPTED, Command, Engine, Outcome, Taker, reject
from gateway.order_checks cimport check_room
from gateway.quote_slots cimport quote_slot_at
from gateway.registry cimport ORDER_IN_BOOK, ORDER_IS_QUEUED, Order, order_at, order_visible
from gateway.slab cimport NONE


cdef bint must_wait(Engine engine, Taker* taker, Outcome* outcome) noexcept nogil:
    if engine.instruments[taker.instrument].bump_lane == NONE:
        return False
    outcome.dead_met += engine.books.purge(taker.opposite, taker.limit_key, UINT32_MAX)
    return (taker.opposite.best != NONE
            and level_at(&engine.books.levels, taker.opposite.best).key <= taker.limit_key)


cdef bint check_bump_room(Engine engine, uint32_t portfolio, Outcome* outcome) noexcept nogil:
    """Whether something of one more order of the portfolio may wait; after that it can."""
    cdef uint32_t waiting = engine.registry.portfolios[portfolio].waiting
    if waiting >= WAITING_PER_PORTFOLIO_MAX:
        return reject(outcome, ORDER_REJECT_REASON_MEMBER_SPEED_BUMP_LIMIT_EXCEEDED,
                      integer_details(engine.details, b"the portfolio has %lld orders behind speed bumps, of at most "
                                      b"%lld", waiting, WAITING_PER_PORTFOLIO_MAX))
    return check_bump_memory(engine, outcome)


cdef bint check_bump_memory(Engine engine, Outcome* outcome) noexcept nogil:
    if engine.bumps.reserve():
        return True
    return reject(outcome, ORDER_REJECT_REASON_SYSTEM_ERROR, b"no memory for one more request behind a speed bump")


cdef inline Bumped* queued_as(Engine engine, uint32_t handle) noexcept nogil:
    """The request that a queued order is."""
    return bumped_at(&engine.bumps.requests, engine.bumps.first_of(handle))


cdef inline int64_t mmp_group_id_of(Engine engine, uint32_t quote_slot) noexcept nogil:
    return engine.registry.mmp.groups[quote_slot_at(&engine.registry.quotes, quote_slot).group].id


cdef void start_request(Bumped* request, uint32_t handle, const Command* command) noexcept nogil:
    memset(request, 0, sizeof(Bumped))
    request.order = handle
    request.correlation_id = command.correlation_id
    request.requester = command.owner
    request.time_in_force = TIME_IN_FORCE_GTC


cdef bint queue_order(Engine engine, const Command* command, Taker* taker, uint32_t hash,
                      Outcome* outcome) noexcept nogil:
    cdef uint32_t handle
    cdef Bumped request
    # An order that may rest has been given room already.
    if command.time_in_force < TIME_IN_FORCE_GTC and not check_room(engine, command, outcome):
        return False
    if not check_bump_room(engine, taker.portfolio, outcome):
        return False
    engine.last_order_id += 1
    taker.order_id = engine.last_order_id
    handle = engine.enter(command, taker, hash, outcome)
    start_request(&request, handle, command)
    request.time_in_force = command.time_in_force
    if command.is_quote:
        request.mmp_group_id = mmp_group_id_of(engine, command.quote_slot)
    order_at(&engine.registry.orders, handle).flags |= ORDER_IS_QUEUED
    engine.bumps.append(engine.instruments[taker.instrument].bump_lane, &request, command.time)
    outcome.status = OUTCOME_ACCEPTED
    outcome.order_id = taker.order_id
    outcome.order_status = ORDER_STATUS_QUEUED
    return True


cdef bint queue_amended(Engine engine, uint32_t handle, const Command* command, Outcome* outcome) noexcept nogil:
    cdef Order* order = order_at(&engine.registry.orders, handle)
    cdef Bumped request
    if not check_bump_room(engine, order.portfolio, outcome):
        return False
    start_request(&request, handle, command)
    engine.books.remove(handle)
    order.flags |= ORDER_IS_QUEUED
    engine.bumps.append(engine.instruments[order.instrument].bump_lane, &request, command.time)
    outcome.status = OUTCOME_ACCEPTED
    outcome.order_status = ORDER_STATUS_QUEUED
    outcome.total_filled = order.filled
    return True


cdef void queue_amend(Engine engine, uint32_t handle, const Command* command, Outcome* outcome) noexcept nogil:
    cdef Order* order = order_at(&engine.registry.orders, handle)
    cdef bint is_queued = order.flags & ORDER_IS_QUEUED != 0
    cdef Bumped request
    cdef uint32_t pending = engine.bumps.pending_amends(handle)
    if is_queued and queued_as(engine, handle).time_in_force < TIME_IN_FORCE_GTC:
        reject(outcome, ORDER_REJECT_REASON_INVALID_FIELD,
               b"the order waits behind a speed bump and will not rest after it")
        return
    if pending >= PENDING_AMENDS_PER_ORDER_MAX:
        reject(outcome, ORDER_REJECT_REASON_TOO_MANY_PENDING_REPLACES,
               integer_details(engine.details, b"the order has %lld amends behind a speed bump, of at most %lld",
                               pending, PENDING_AMENDS_PER_ORDER_MAX))
        return
    if not check_bump_memory(engine, outcome):
        return
    start_request(&request, handle, command)
    request.is_amend = True
    request.price = command.price
    request.quantity = command.quantity
    request.show_quantity = command.show_quantity
    request.flags = command.flags
    engine.bumps.append(engine.instruments[order.instrument].bump_lane, &request, command.time)
    outcome.status = OUTCOME_ACCEPTED
    outcome.order_status = ORDER_STATUS_QUEUED
    outcome.total_filled = order.filled
    outcome.visible_quantity = order_visible(order) if order.flags & ORDER_IN_BOOK else 0


cdef void refuse_cancel(Engine engine, uint32_t handle, Outcome* outcome) noexcept nogil:
    cdef Order* order = order_at(&engine.registry.orders, handle)
    cdef Bumped* request = queued_as(engine, handle)
    outcome.order_id = order.order_id
    outcome.client_order_id = order.client_order_id
    if request.time_in_force < TIME_IN_FORCE_GTC:
        reject(outcome, CANCEL_ORDER_REJECT_REASON_TIME_IN_FORCE,
               b"the order waits behind a speed bump and will not rest after it")
        return
    request.time_in_force = TIME_IN_FORCE_IOC
    reject(outcome, CANCEL_ORDER_REJECT_REASON_SPEED_BUMP_CONVERTED_TO_IOC,
           b"the order waits behind a speed bump: it will not rest after it")
