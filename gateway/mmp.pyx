"""Market-maker protection: a group of quotes or orders that has filled too much is cancelled, and frozen for a while.

1. Every fill of a quote or order of a group counts, whether it rested or came: its quantity, and that times delta and
   vega of its instrument where the configuration gives them; delta is positive for what was bought and negative for what was
   sold. `mmp_groups.pxd` says for how long.
2. When a sum reaches a limit of the group (delta and vega regardless of sign) the match that made it do so is complete. Before
   the next one everything that is alive of the group leaves its book, with reason MM_PROTECTION, and a taker of the group
   gets no further. What had been counted is forgotten.
3. The group is frozen: nothing of it is let in, until its time is over or somebody of the portfolio resets it. No reset is
   taken before the shortest freeze, one second. A reset of a group that is not frozen does nothing.
4. A disconnect changes none of this. What the fence has killed is not alive: it fills nothing, and does not leave here.

A quote that triggers nothing costs one comparison, a fill a bounded number of additions; the end of a freeze is
paid for by the trigger before it. A trigger costs what is alive of a group of quotes, and for orders what is open in the
portfolio.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int8_t, int64_t, uint32_t

from codec.layout cimport (
    CANCEL_REASON_MM_PROTECTION, MMP_TRIGGER_TYPE_DELTA, MMP_TRIGGER_TYPE_QUANTITY, MMP_TRIGGER_TYPE_VEGA,
    ORDER_FLAGS_MMP, ORDER_FLAGS_RESET_MMP, ORDER_REJECT_REASON_MMP_GROUP_FROZEN,
    ORDER_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED, ORDER_REJECT_REASON_MMP_NOT_CONFIGURED, SIDE_BOTH,
)
from gateway.details cimport integer_details
from gateway.engine cimport STOP_MMP, Command, Engine, Instrument, Outcome, Taker, reject
from gateway.mmp_groups cimport (
    FREEZE_LEAST, Amount, MmpGroup, MmpGroups, MmpLevels, MmpSpan, find_mmp_group, mmp_is_frozen,
)
from gateway.quotes cimport leave_group
from gateway.registry cimport ORDER_IS_MMP, ORDER_IS_QUOTE, Order, OrderList, Registry, order_at, order_is_dead
from gateway.slab cimport NONE, Slab, slab_at, slab_give, slab_take


cdef inline MmpSpan* span_at(const Slab* spans, uint32_t index) noexcept nogil:
    return <MmpSpan*>slab_at(spans, index)


cdef inline Amount scaled(int64_t quantity, int64_t factor) noexcept nogil:
    """A product in 1e-9, rounded towards zero."""
    return <Amount>quantity * factor // 1_000_000_000


cdef inline Amount size_of(Amount amount) noexcept nogil:
    return -amount if amount < 0 else amount


cdef inline void add(MmpLevels* levels, const MmpLevels* more, int sign) noexcept nogil:
    levels.quantity += sign * more.quantity
    levels.delta += sign * more.delta
    levels.vega += sign * more.vega


# Who may enter.


cdef int use_group(Registry registry, uint32_t index, bint reset, int64_t now) noexcept nogil:
    cdef MmpGroup* group = &registry.mmp.groups[index]
    if not mmp_is_frozen(group):
        return GROUP_IS_OPEN
    if not reset:
        return GROUP_IS_FROZEN
    if now < group.frozen_until - group.freeze + FREEZE_LEAST:
        return GROUP_IS_FROZEN_TOO_SHORT
    unfreeze(&registry.mmp, index)
    return GROUP_IS_OPEN


cdef bint check_protection(Engine engine, uint32_t instrument, const Command* command, uint32_t* group,
                           Outcome* outcome) noexcept nogil:
    cdef int64_t currency_pair_id = engine.instruments[instrument].currency_pair_id
    cdef uint32_t index
    cdef int use
    group[0] = NONE
    if not command.flags & (ORDER_FLAGS_MMP | ORDER_FLAGS_RESET_MMP):
        return True
    index = find_mmp_group(
        &engine.registry.mmp, engine.registry.owners[command.owner].portfolio, True, currency_pair_id)
    if index == NONE:
        return reject(outcome, ORDER_REJECT_REASON_MMP_NOT_CONFIGURED,
                      integer_details(engine.details, b"the portfolio has no market-maker protection for orders in "
                                      b"currency pair %lld", currency_pair_id, 0))
    use = use_group(engine.registry, index, command.flags & ORDER_FLAGS_RESET_MMP, command.time)
    if use == GROUP_IS_FROZEN_TOO_SHORT:
        return reject(outcome, ORDER_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED,
                      b"reset before the shortest freeze of 1 s was over")
    if use == GROUP_IS_FROZEN:
        return reject(outcome, ORDER_REJECT_REASON_MMP_GROUP_FROZEN,
                      integer_details(engine.details, b"the protection of currency pair %lld is frozen until %lld",
                                      currency_pair_id, engine.registry.mmp.groups[index].frozen_until))
    if command.flags & ORDER_FLAGS_MMP:
        group[0] = index
    return True


# What was filled lately.


cdef MmpLevels levels_of(const Instrument* instrument, int8_t side, int64_t quantity) noexcept nogil:
    cdef MmpLevels levels
    levels.quantity = quantity
    levels.delta = side * scaled(quantity, instrument.delta)
    levels.vega = scaled(quantity, instrument.vega)
    return levels


cdef void expire_fills(MmpGroups* mmp, MmpGroup* group, int64_t now) noexcept nogil:
    """Forget the spans that are as old as the interval."""
    cdef int64_t over = now - group.interval
    cdef uint32_t index
    while group.oldest != NONE and span_at(&mmp.spans, group.oldest).last_time <= over:
        index = group.oldest
        add(&group.levels, &span_at(&mmp.spans, index).levels, -1)
        group.oldest = span_at(&mmp.spans, index).next
        if group.oldest == NONE:
            group.youngest = NONE
        slab_give(&mmp.spans, index)
    if group.oldest == NONE and group.newest.last_time != INT64_MIN and group.newest.last_time <= over:
        add(&group.levels, &group.newest.levels, -1)
        group.newest.last_time = INT64_MIN


cdef void add_fill(MmpGroups* mmp, MmpGroup* group, const MmpLevels* fill, int64_t now) noexcept nogil:
    cdef uint32_t index = NONE
    expire_fills(mmp, group, now)
    add(&group.levels, fill, 1)
    if group.newest.last_time != INT64_MIN:
        if now - group.newest.first_time >= group.span:
            index = slab_take(&mmp.spans)
        if index == NONE:
            add(&group.newest.levels, fill, 1)
            group.newest.last_time = now
            return
        span_at(&mmp.spans, index)[0] = group.newest
        span_at(&mmp.spans, index).next = NONE
        if group.youngest == NONE:
            group.oldest = index
        else:
            span_at(&mmp.spans, group.youngest).next = index
        group.youngest = index
    group.newest.levels = fill[0]
    group.newest.first_time = group.newest.last_time = now


cdef int8_t reached(const MmpGroup* group, const MmpLevels* levels) noexcept nogil:
    """Which of the group's limits these levels reach: MMP_TRIGGER_TYPE_*, or NOT_REACHED."""
    if group.quantity_limit != INT64_MAX and levels.quantity >= group.quantity_limit:
        return MMP_TRIGGER_TYPE_QUANTITY
    if group.delta_limit != INT64_MAX and size_of(levels.delta) >= group.delta_limit:
        return MMP_TRIGGER_TYPE_DELTA
    if group.vega_limit != INT64_MAX and size_of(levels.vega) >= group.vega_limit:
        return MMP_TRIGGER_TYPE_VEGA
    return NOT_REACHED


# What happens when it is too much.


cdef void protect(Engine engine, uint32_t maker_group, uint32_t maker_owner, int8_t maker_side, int64_t quantity,
                  Taker* taker) noexcept nogil:
    cdef MmpGroups* mmp = &engine.registry.mmp
    cdef MmpLevels fill
    if maker_group != NONE:
        fill = levels_of(&engine.instruments[taker.instrument], maker_side, quantity)
        add_fill(mmp, &mmp.groups[maker_group], &fill, taker.time)
    if taker.mmp_group != NONE:
        fill = levels_of(&engine.instruments[taker.instrument], -maker_side, quantity)
        add_fill(mmp, &mmp.groups[taker.mmp_group], &fill, taker.time)
    # Both sides of a match count before either is judged: they may be of one group.
    if maker_group != NONE:
        judge(engine, maker_group, maker_owner, taker)
    if taker.mmp_group != NONE and taker.mmp_group != maker_group:
        judge(engine, taker.mmp_group, taker.owner, taker)


cdef void judge(Engine engine, uint32_t index, uint32_t owner, Taker* taker) noexcept nogil:
    """Freeze a group that has reached a limit by a fill of the owner, and let all of it leave."""
    cdef MmpGroups* mmp = &engine.registry.mmp
    cdef MmpGroup* group = &mmp.groups[index]
    cdef int8_t trigger = reached(group, &group.levels)
    if trigger == NOT_REACHED:
        return
    group.trigger = trigger
    group.trigger_levels = group.levels
    expire_fills(mmp, group, INT64_MAX)
    mmp.triggered[mmp.triggered_count] = index
    mmp.triggered_count += 1
    mmp.triggers += 1
    tell(mmp, index, owner)
    if taker.mmp_group == index:
        tell(mmp, index, taker.owner)
        taker.stop = STOP_MMP
    if group.is_of_orders:
        leave_orders(engine, index, taker.handle)
    else:
        leave_group(engine, index, SIDE_BOTH, CANCEL_REASON_MM_PROTECTION)
    tell_owners(engine, index)
    freeze(mmp, index, taker.time + group.freeze)


cdef void leave_orders(Engine engine, uint32_t index, uint32_t spared) noexcept nogil:
    """Take out the live orders of a group of orders, all but the taker, whose own request says what becomes of it."""
    cdef uint32_t owner = engine.registry.portfolios[engine.registry.mmp.groups[index].portfolio].first_owner
    while owner != NONE:
        leave_list(engine, &engine.registry.owners[owner].covered, index, spared)
        leave_list(engine, &engine.registry.owners[owner].uncovered, index, spared)
        owner = engine.registry.owners[owner].next_in_portfolio


cdef void leave_list(Engine engine, const OrderList* orders, uint32_t index, uint32_t spared) noexcept nogil:
    cdef int64_t currency_pair_id = engine.registry.mmp.groups[index].id
    cdef uint32_t handle = orders.head
    cdef uint32_t following
    cdef Order* order
    while handle != NONE:
        order = order_at(&engine.registry.orders, handle)
        following = order.owner_next
        if (order.flags & ORDER_IS_MMP and handle != spared
                and engine.instruments[order.instrument].currency_pair_id == currency_pair_id
                and not order_is_dead(order, engine.registry.owners, engine.registry.portfolios)):
            engine.leave(handle, CANCEL_REASON_MM_PROTECTION)
        handle = following


cdef void tell_owners(Engine engine, uint32_t index) noexcept nogil:
    """Those who have lost something of the group just now are to be told: it is the last that leaves them."""
    cdef uint32_t i
    cdef uint32_t owner
    cdef uint32_t handle
    for i in range(engine.registry.touched_count):
        owner = engine.registry.touched[i]
        handle = engine.registry.owners[owner].leaving.tail
        if handle != NONE and left_group(engine, order_at(&engine.registry.orders, handle)) == index:
            tell(&engine.registry.mmp, index, owner)


cdef uint32_t left_group(Engine engine, const Order* order) noexcept nogil:
    """The group of an order or quote that is leaving because of its group's protection, else NONE."""
    if order.cancel_reason != CANCEL_REASON_MM_PROTECTION:
        return NONE
    if order.flags & ORDER_IS_QUOTE:
        return order.quote_slot
    return find_mmp_group(&engine.registry.mmp, order.portfolio, True,
                          engine.instruments[order.instrument].currency_pair_id)


cdef void tell(MmpGroups* mmp, uint32_t index, uint32_t owner) noexcept nogil:
    """Put an owner, once, among those who hear of the group's present trigger. Without memory it does not hear of it."""
    cdef MmpGroup* group = &mmp.groups[index]
    cdef uint32_t told
    if mmp.told_by[owner] == mmp.triggers:
        return
    told = slab_take(&mmp.told)
    if told == NONE:
        return
    mmp.told_by[owner] = mmp.triggers
    told_at(&mmp.told, told).owner = owner
    told_at(&mmp.told, told).next = NONE
    if group.last_told == NONE:
        group.first_told = told
    else:
        told_at(&mmp.told, group.last_told).next = told
    group.last_told = told


# The trial of an order that must fill whole.


cdef void begin_trial(Registry registry) noexcept nogil:
    registry.mmp.trials += 1


cdef bint is_out_of_trial(Registry registry, uint32_t index) noexcept nogil:
    """Whether all of the group would have left by now."""
    cdef const MmpGroup* group = &registry.mmp.groups[index]
    return group.trial_number == registry.mmp.trials and group.is_out_of_trial


cdef bint trial_match(Engine engine, uint32_t maker_group, int8_t maker_side, int64_t quantity,
                      const Taker* taker) noexcept nogil:
    if maker_group != NONE:
        trial_fill(engine, maker_group, maker_side, quantity, taker)
    if taker.mmp_group != NONE:
        trial_fill(engine, taker.mmp_group, -maker_side, quantity, taker)
    if maker_group != NONE:
        trial_judge(&engine.registry.mmp.groups[maker_group])
    if taker.mmp_group == NONE:
        return False
    return trial_judge(&engine.registry.mmp.groups[taker.mmp_group])


cdef void trial_fill(Engine engine, uint32_t index, int8_t side, int64_t quantity, const Taker* taker) noexcept nogil:
    cdef MmpGroup* group = &engine.registry.mmp.groups[index]
    cdef MmpLevels fill = levels_of(&engine.instruments[taker.instrument], side, quantity)
    if group.trial_number != engine.registry.mmp.trials:
        expire_fills(&engine.registry.mmp, group, taker.time)
        group.trial_number = engine.registry.mmp.trials
        group.is_out_of_trial = False
        group.trial = group.levels
    add(&group.trial, &fill, 1)


cdef bint trial_judge(MmpGroup* group) noexcept nogil:
    group.is_out_of_trial = reached(group, &group.trial) != NOT_REACHED
    return group.is_out_of_trial


# The freeze. The heap has the group whose time comes first at its top.


cdef inline void place_in_heap(MmpGroups* mmp, uint32_t position, uint32_t index) noexcept nogil:
    mmp.frozen[position] = index
    mmp.groups[index].heap_index = position


cdef inline bint is_before(const MmpGroups* mmp, uint32_t index, uint32_t other) noexcept nogil:
    # Of those that are due at once the first of the configuration comes first.
    cdef int64_t sooner = mmp.groups[index].frozen_until - mmp.groups[other].frozen_until
    return sooner < 0 or (sooner == 0 and index < other)


cdef void rise(MmpGroups* mmp, uint32_t position, uint32_t index) noexcept nogil:
    """Put a group into an empty position, or as far above it as it belongs."""
    while position > 0 and is_before(mmp, index, mmp.frozen[(position - 1) // 2]):
        place_in_heap(mmp, position, mmp.frozen[(position - 1) // 2])
        position = (position - 1) // 2
    place_in_heap(mmp, position, index)


cdef void sink(MmpGroups* mmp, uint32_t position, uint32_t index) noexcept nogil:
    """Put a group into an empty position, or as far below it as it belongs."""
    cdef uint32_t child = 2 * position + 1
    while child < mmp.frozen_count:
        if child + 1 < mmp.frozen_count and is_before(mmp, mmp.frozen[child + 1], mmp.frozen[child]):
            child += 1
        if not is_before(mmp, mmp.frozen[child], index):
            break
        place_in_heap(mmp, position, mmp.frozen[child])
        position = child
        child = 2 * position + 1
    place_in_heap(mmp, position, index)


cdef inline void set_next_unfreeze(MmpGroups* mmp) noexcept nogil:
    mmp.next_unfreeze = mmp.groups[mmp.frozen[0]].frozen_until if mmp.frozen_count else INT64_MAX


cdef void freeze(MmpGroups* mmp, uint32_t index, int64_t until) noexcept nogil:
    mmp.groups[index].frozen_until = until
    mmp.frozen_count += 1
    rise(mmp, mmp.frozen_count - 1, index)
    set_next_unfreeze(mmp)


cdef void unfreeze(MmpGroups* mmp, uint32_t index) noexcept nogil:
    """The group may be used again; those who were told that it triggered are to be told so."""
    cdef MmpGroup* group = &mmp.groups[index]
    cdef uint32_t position = group.heap_index
    cdef uint32_t last
    mmp.frozen_count -= 1
    last = mmp.frozen[mmp.frozen_count]
    if last != index:
        sink(mmp, position, last)
        rise(mmp, mmp.groups[last].heap_index, last)
    group.frozen_until = INT64_MIN
    set_next_unfreeze(mmp)
    mmp.unfrozen = index
    mmp.unfrozen_told = group.first_told
    group.first_told = group.last_told = NONE


cdef bint unfreeze_due(Registry registry, int64_t now) noexcept nogil:
    if now < registry.mmp.next_unfreeze:
        return False
    unfreeze(&registry.mmp, registry.mmp.frozen[0])
    return True


cdef uint32_t next_to_tell(MmpGroups* mmp) noexcept nogil:
    cdef uint32_t told = mmp.unfrozen_told
    cdef uint32_t owner
    if told == NONE:
        mmp.unfrozen = NONE
        return NONE
    owner = told_at(&mmp.told, told).owner
    mmp.unfrozen_told = told_at(&mmp.told, told).next
    slab_give(&mmp.told, told)
    return owner
