"""What must always hold of market-maker protection. For tests and the debug build, as invariants.pyx."""

from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint32_t

from gateway.engine cimport Engine
from gateway.invariants cimport require
from gateway.mmp cimport mmp_group_of, told_at
from gateway.mmp_groups cimport (
    SPANS_PER_INTERVAL, Amount, MmpGroup, MmpGroups, MmpLevels, MmpSpan, mmp_is_frozen,
)
from gateway.registry cimport Order, order_at, order_is_dead
from gateway.slab cimport NONE, slab_at


def check_mmp(Engine engine not None):
    """Sums, spans, lists and heap agree, and nothing of a frozen group is alive. Raises AssertionError, O(all orders)."""
    cdef MmpGroups* mmp = &engine.registry.mmp
    cdef uint32_t index
    cdef uint32_t spans = 0
    cdef uint32_t told = 0
    frozen = set()
    for index in range(mmp.count):
        where = f"mmp group {mmp.groups[index].id}"
        spans += check_spans(mmp, &mmp.groups[index], where)
        told += check_told(mmp, &mmp.groups[index], where)
        if mmp_is_frozen(&mmp.groups[index]):
            frozen.add(index)
            require(mmp.groups[index].oldest == NONE and mmp.groups[index].newest.last_time == INT64_MIN,
                    f"{where}: frozen, and has fills")
    require(mmp.spans.used == spans, f"{mmp.spans.used} spans in use, {spans} in groups")
    require(mmp.unfrozen != NONE or mmp.told.used == told, f"{mmp.told.used} told in use, {told} in groups")
    check_heap(mmp, frozen)
    check_nothing_frozen_lives(engine)


cdef uint32_t check_spans(MmpGroups* mmp, MmpGroup* group, str where) except? NONE:
    """Returns how many of the group's spans are in the slab."""
    cdef MmpLevels levels
    cdef MmpSpan* span
    cdef uint32_t index = group.oldest
    cdef uint32_t youngest = NONE
    cdef uint32_t count = 0
    cdef int64_t time = INT64_MIN
    levels.quantity = levels.delta = levels.vega = 0
    while index != NONE:
        span = <MmpSpan*>slab_at(&mmp.spans, index)
        require(time < span.first_time <= span.last_time, f"{where}: spans out of order")
        add_to(&levels, &span.levels)
        count += 1
        time, youngest, index = span.last_time, index, span.next
    require(group.youngest == youngest, f"{where}: youngest")
    require(count <= SPANS_PER_INTERVAL, f"{where}: {count} spans")
    if group.newest.last_time == INT64_MIN:
        require(count == 0, f"{where}: spans without a newest one")
    else:
        require(time < group.newest.first_time <= group.newest.last_time, f"{where}: the newest is out of order")
        add_to(&levels, &group.newest.levels)
    require(levels.quantity == group.levels.quantity and levels.delta == group.levels.delta
            and levels.vega == group.levels.vega, f"{where}: sums")
    return count


cdef void add_to(MmpLevels* levels, const MmpLevels* more) noexcept:
    levels.quantity += more.quantity
    levels.delta += more.delta
    levels.vega += more.vega


cdef uint32_t check_told(MmpGroups* mmp, MmpGroup* group, str where) except? NONE:
    cdef uint32_t told = group.first_told
    cdef uint32_t last = NONE
    owners = set()
    while told != NONE:
        owners.add(told_at(&mmp.told, told).owner)
        last, told = told, told_at(&mmp.told, told).next
        require(last != told, f"{where}: told in a circle")
    require(group.last_told == last, f"{where}: last told")
    require(mmp_is_frozen(group) or not owners, f"{where}: told of a trigger, and not frozen")
    return <uint32_t>len(owners)


cdef int check_heap(MmpGroups* mmp, set frozen) except -1:
    cdef uint32_t position
    cdef uint32_t index
    cdef int64_t first = INT64_MAX
    in_heap = set()
    for position in range(mmp.frozen_count):
        index = mmp.frozen[position]
        require(mmp.groups[index].heap_index == position, f"mmp group {mmp.groups[index].id}: lost in the heap")
        require(position == 0 or mmp.groups[mmp.frozen[(position - 1) // 2]].frozen_until
                <= mmp.groups[index].frozen_until, "the heap is out of order")
        first = min(first, mmp.groups[index].frozen_until)
        in_heap.add(index)
    require(in_heap == frozen, "the heap and who is frozen")
    require(mmp.next_unfreeze == first, f"next unfreeze at {mmp.next_unfreeze}, first at {first}")
    return 0


cdef int check_nothing_frozen_lives(Engine engine) except -1:
    cdef uint32_t owner
    cdef uint32_t handle
    cdef uint32_t group
    cdef Order* order
    for owner in range(engine.registry.owner_count):
        for handle in [engine.registry.owners[owner].covered.head, engine.registry.owners[owner].uncovered.head]:
            while handle != NONE:
                order = order_at(&engine.registry.orders, handle)
                if not order_is_dead(order, engine.registry.owners, engine.registry.portfolios):
                    group = mmp_group_of(engine, order)
                    if group != NONE and mmp_is_frozen(&engine.registry.mmp.groups[group]):
                        raise AssertionError(f"order {order.order_id}: alive in a frozen group")
                handle = order.owner_next
    return 0
