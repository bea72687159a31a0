"""How far an order would go through the book, and whether all of it would fill, found out without filling any of it.

The trial walks the opposite side as matching would, and counts: quantity, fills and makers cancelled by self-match
prevention. An iceberg's hidden quantity counts as quantity, and each part that it shows as a fill: at one price its
parts come in turns, after everything that was shown before them. Where a fill would make the market-maker protection
take orders out of the way, or stop the taker, that is counted too.
"""

from libc.stdint cimport UINT32_MAX, int64_t, uint32_t

from codec.layout cimport SELF_TRADING_MODE_CANCEL_TAKER
from gateway.book cimport level_at
from gateway.engine cimport (
    FILLS_PER_ORDER_MAX, SELF_MATCH_CANCELS_PER_ORDER_MAX, Command, Engine, Outcome, Taker, self_match,
)
from gateway.mmp cimport begin_trial, is_out_of_trial, mmp_group_of, trial_match
from gateway.registry cimport Order, order_at, order_is_dead, order_visible
from gateway.slab cimport NONE


cdef struct Hidden:
    const Order* iceberg
    int64_t quantity              # 1e-9, behind what it shows


cdef struct Count:
    int64_t wanted                # 1e-9, still
    uint32_t fills
    uint32_t cancels
    uint32_t icebergs             # of the present level, with something behind what they show
    Hidden hidden[FILLS_PER_ORDER_MAX]


cdef int count_fill(Engine engine, const Taker* taker, const Order* maker, int64_t available,
                    Count* count) noexcept nogil:
    cdef int64_t quantity = min(count.wanted, available)
    cdef uint32_t mmp_group = mmp_group_of(engine, maker)
    count.fills += 1
    count.wanted -= quantity
    if count.wanted == 0:
        return WOULD_FILL
    if (mmp_group != NONE or taker.mmp_group != NONE) and trial_match(engine, mmp_group, maker.side, quantity, taker):
        return WOULD_NOT_FILL
    return GOING_ON


cdef inline bint has_left(Engine engine, const Order* maker) noexcept nogil:
    """Whether a fill that was counted would have made its group leave."""
    cdef uint32_t mmp_group = mmp_group_of(engine, maker)
    return mmp_group != NONE and is_out_of_trial(engine.registry, mmp_group)


cdef int count_maker(Engine engine, const Command* command, const Taker* taker, const Order* maker,
                     Count* count) noexcept nogil:
    cdef int64_t hidden = maker.quantity - maker.filled - order_visible(maker)
    if has_left(engine, maker):
        return GOING_ON
    if self_match(command, taker.portfolio, maker):
        count.cancels += 1
        if (command.self_trading_mode == SELF_TRADING_MODE_CANCEL_TAKER
                or count.cancels > SELF_MATCH_CANCELS_PER_ORDER_MAX):
            return WOULD_NOT_FILL
        return GOING_ON
    if count.fills == FILLS_PER_ORDER_MAX:
        return WOULD_NOT_FILL
    if hidden > 0:
        # Each costs a fill, so there is room for as many as there may be fills.
        count.hidden[count.icebergs].iceberg = maker
        count.hidden[count.icebergs].quantity = hidden
        count.icebergs += 1
    return count_fill(engine, taker, maker, order_visible(maker), count)


cdef int count_hidden(Engine engine, const Taker* taker, Count* count) noexcept nogil:
    """What the level's icebergs show one after the other, turn by turn."""
    cdef uint32_t left
    cdef uint32_t i
    cdef int64_t part
    cdef int found
    while count.icebergs > 0:
        left = 0
        for i in range(count.icebergs):
            if has_left(engine, count.hidden[i].iceberg):
                continue
            if count.fills == FILLS_PER_ORDER_MAX:
                return WOULD_NOT_FILL
            part = min(count.hidden[i].iceberg.show_quantity, count.hidden[i].quantity)
            found = count_fill(engine, taker, count.hidden[i].iceberg, part, count)
            if found != GOING_ON:
                return found
            if count.hidden[i].quantity > part:
                count.hidden[left].iceberg = count.hidden[i].iceberg
                count.hidden[left].quantity = count.hidden[i].quantity - part
                left += 1
        count.icebergs = left
    return GOING_ON


cdef int try_order(Engine engine, const Command* command, const Taker* taker, uint32_t passed_over,
                   uint32_t* dead_left) noexcept nogil:
    cdef Count count
    cdef uint32_t node = taker.opposite.best
    cdef uint32_t handle
    cdef uint32_t following
    cdef uint32_t worse
    cdef Order* maker
    cdef int found = GOING_ON
    count.wanted = taker.remaining
    count.fills = count.cancels = count.icebergs = 0
    begin_trial(engine.registry)
    while node != NONE and level_at(&engine.books.levels, node).key <= taker.limit_key:
        handle = level_at(&engine.books.levels, node).head
        worse = level_at(&engine.books.levels, node).worse
        while handle != NONE and found == GOING_ON:
            maker = order_at(&engine.registry.orders, handle)
            following = maker.fifo_next
            if order_is_dead(maker, engine.registry.owners, engine.registry.portfolios):
                if dead_left[0] == 0:
                    return TOO_MANY_DEAD
                dead_left[0] -= 1
                engine.books.remove(handle)
            elif handle != passed_over:
                found = count_maker(engine, command, taker, maker, &count)
            handle = following
        if found == GOING_ON:
            found = count_hidden(engine, taker, &count)
        if found != GOING_ON:
            return found
        node = worse
    return WOULD_NOT_FILL


cdef bint can_fill(Engine engine, const Command* command, const Taker* taker, Outcome* outcome) noexcept nogil:
    """Changes nothing but that dead orders leave the book, counted in outcome.dead_met."""
    cdef uint32_t dead_left = UINT32_MAX
    cdef bint found = try_order(engine, command, taker, NONE, &dead_left) == WOULD_FILL
    outcome.dead_met += UINT32_MAX - dead_left
    return found
