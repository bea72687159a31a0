"""Dead orders ahead of a request: taken out of its way before it begins, and not too many at a time.

A fence kills any number of orders without touching one, and leaves them in their books. Who comes to trade there must
not pay for all of them at once, for while it does everybody else waits. So as long as there are dead orders at all:

1. Before a request may begin, the book is walked as matching would walk it (the trial of fill_or_kill.pyx), and what is
   dead on the way is taken out. That changes nothing that anybody could see.
2. No more of them than `engine.dead_allowance` are taken out in all, by whatever requests, until the next step of the work
   under way renews it. The request that needs more does not begin: its frame stays unread, and what its session sent
   behind it, until a step has made room (dispatch.pyx). It is as if it had come in a little later.
3. What may begin then meets no dead order. The one exception is a mass quote of which one entry makes the protection of
   another group take live quotes out of a later entry's way: dead ones that stood behind those, it passes unbounded.

An order that has to wait behind a speed bump looks no further than at the first live order, and neither does a
post-only one. Counts decide, never time: the same inputs give the same bytes.
"""

from libc.stdint cimport INT64_MIN, int64_t, uint32_t
from libc.string cimport memset

from codec.layout cimport (
    ORDER_FLAGS_POST_ONLY, ORDER_FLAGS_POST_ONLY_REJECT, REPLACE_ORDER_FLAGS_MASK, SELF_TRADING_MODE_CANCEL_TAKER,
    SIDE_BUY, SIDE_SELL,
)
from gateway.amend cimport keeps_priority, start_replacing
from gateway.book cimport Level, level_at
from gateway.bump_release cimport start_amending, start_released
from gateway.engine cimport INSTRUMENT_IS_OPEN
from gateway.fill_or_kill cimport TOO_MANY_DEAD, try_order
from gateway.lookup cimport secret_hash
from gateway.mmp_groups cimport find_mmp_group
from gateway.quote_slots cimport find_quote_slot, quote_index, quote_slot_at
from gateway.quotes cimport QUOTES_PER_MASS_QUOTE_MAX
from gateway.registry cimport ORDER_HAS_WAITING, ORDER_IS_QUOTE, Order, order_at, order_is_dead
from gateway.slab cimport NONE


cdef enum:
    POST_ONLY_FLAGS = ORDER_FLAGS_POST_ONLY | ORDER_FLAGS_POST_ONLY_REJECT


cdef bint clear_for_order(Engine engine, const Command* command) noexcept nogil:
    cdef uint32_t instrument = engine.find_instrument(command.instrument_id)
    cdef Taker taker
    if instrument == NONE or command.quantity <= 0 or (command.side != SIDE_BUY and command.side != SIDE_SELL):
        return True
    engine.start_taker(command, instrument, &taker)
    return clear_for_taker(engine, command, &taker, command.flags & POST_ONLY_FLAGS, True, NONE)


cdef bint clear_for_amend(Engine engine, const Command* command) noexcept nogil:
    cdef uint32_t portfolio = engine.registry.owners[command.owner].portfolio
    cdef uint32_t handle = engine.registry.find_client(
        portfolio, command.client_order_id, secret_hash(&engine.registry.secret, portfolio, command.client_order_id))
    cdef const Order* order
    if handle == NONE:
        return True
    order = order_at(&engine.registry.orders, handle)
    if order.flags & (ORDER_HAS_WAITING | ORDER_IS_QUOTE):
        return True
    return clear_for_replacement(engine, handle, command, False)


cdef bint clear_for_release(Engine engine, const Bumped* request, int64_t now) noexcept nogil:
    cdef const Order* order = order_at(&engine.registry.orders, request.order)
    cdef Command command
    cdef Taker taker
    if (order_is_dead(order, engine.registry.owners, engine.registry.portfolios)
            or engine.instruments[order.instrument].state != INSTRUMENT_IS_OPEN):
        return True
    if request.is_amend:
        start_amending(request, order, now, &command)
        return clear_for_replacement(engine, request.order, &command, True)
    start_released(engine, request, now, &command, &taker)
    return clear_for_taker(engine, &command, &taker, False, False, NONE)


cdef bint clear_for_mass_quote(Engine engine, const MassQuote* request) noexcept nogil:
    cdef uint32_t group = find_mmp_group(
        &engine.registry.mmp, engine.registry.owners[request.owner].portfolio, False, request.mmp_group_id)
    cdef uint32_t instrument
    cdef uint32_t slot
    cdef uint32_t index
    cdef int i
    if group == NONE or request.entry_count > QUOTES_PER_MASS_QUOTE_MAX:
        return True
    for index in range(request.entry_count):
        instrument = engine.find_instrument(request.entries[index].instrument_id)
        if instrument == NONE:
            return True
        slot = find_quote_slot(&engine.registry.quotes, group, instrument)
        for i in range(2):
            if not clear_for_quote(engine, request, group, instrument, slot, &request.entries[index].sides[i],
                                   SIDE_SELL if i else SIDE_BUY):
                return False
    return True


cdef bint clear_for_quote(Engine engine, const MassQuote* request, uint32_t group, uint32_t instrument, uint32_t slot,
                          const QuoteTerms* terms, int side) noexcept nogil:
    cdef uint32_t other_side = NONE
    cdef Command command
    cdef Taker taker
    if terms.quantity <= 0 or terms.price == INT64_MIN:
        return True
    if slot != NONE:
        # It may be taken out before this side is entered.
        other_side = quote_slot_at(&engine.registry.quotes, slot).handles[quote_index(-side)]
    memset(&command, 0, sizeof(Command))
    command.time = request.time
    command.price = terms.price
    command.quantity = terms.quantity
    command.smp_token = request.smp_token
    command.owner = request.owner
    command.side = side
    command.self_trading_mode = SELF_TRADING_MODE_CANCEL_TAKER
    engine.start_taker(&command, instrument, &taker)
    taker.mmp_group = group
    return clear_for_taker(engine, &command, &taker, terms.flags & POST_ONLY_FLAGS, True, other_side)


cdef bint clear_for_replacement(Engine engine, uint32_t handle, const Command* command, bint has_waited) noexcept nogil:
    cdef const Order* order = order_at(&engine.registry.orders, handle)
    cdef Command terms
    cdef Taker taker
    if command.quantity <= order.filled or keeps_priority(order, command):
        return True
    start_replacing(engine, handle, command, has_waited, &terms, &taker)
    return clear_for_taker(
        engine, &terms, &taker, command.flags & REPLACE_ORDER_FLAGS_MASK, not has_waited, NONE)


cdef bint clear_for_taker(Engine engine, const Command* command, const Taker* taker, bint is_post_only, bint may_wait,
                          uint32_t passed_over) noexcept nogil:
    if not clear_touch(engine, taker):
        return False
    if passed_over == NONE and (is_post_only or (may_wait and engine.instruments[taker.instrument].bump_lane != NONE)):
        return True
    return try_order(engine, command, taker, passed_over, &engine.dead_allowance) != TOO_MANY_DEAD


cdef bint clear_touch(Engine engine, const Taker* taker) noexcept nogil:
    """Let a live order be the first within the taker's price, or none at all."""
    cdef const Level* level
    engine.dead_allowance -= engine.books.purge(taker.opposite, taker.limit_key, engine.dead_allowance)
    if taker.opposite.best == NONE:
        return True
    level = level_at(&engine.books.levels, taker.opposite.best)
    return level.key > taker.limit_key or not order_is_dead(
        order_at(&engine.registry.orders, level.head), engine.registry.owners, engine.registry.portfolios)
