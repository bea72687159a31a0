"""The groups of market-maker protection: where they are found, what each has filled lately, which are frozen and for how long.

A group is all quotes that a portfolio enters under one mmpGroupId, or all orders flagged mmp that it enters in the
instruments of one currency pair. There are as many as the configuration says, from the start.

What a group has filled lately is kept in spans: a fill joins the newest span where that began less than one
SPANS_PER_INTERVAL-th of the interval ago, and begins a new one otherwise; a span counts until its last fill is as old as the
interval. So every fill counts for the whole interval, and at most one span longer: the sums are never below the true
ones. A group holds at most SPANS_PER_INTERVAL + 1 spans, a fill adds at most one, and each is taken out once. A fill for
whose span there is no memory joins the newest.

Invariants: `levels` is the sum of the group's spans; a frozen group has none, stands in the heap of the frozen ones, and
none of its quotes and orders is alive; `next_unfreeze` is the first of their times.
"""

from libc.stdint cimport INT64_MAX, INT64_MIN, int8_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from gateway.lookup cimport Cursor, Lookup, lookup_close, lookup_init, lookup_next, lookup_start, scoped_hash
from gateway.slab cimport NONE, Slab, slab_close, slab_init

cdef extern from *:
    """
    typedef __int128 mmp_amount;
    """
    # Sums of what fits in 64 bits each: they cannot overflow.
    ctypedef long long Amount "mmp_amount"


cdef enum:
    SPANS_PER_INTERVAL = 1024
    FREEZE_LEAST = 1_000_000_000      # ns, before which no reset unfreezes a group


cdef struct MmpLevels:
    Amount quantity               # 1e-9
    Amount delta                  # 1e-9, what was bought less what was sold
    Amount vega                   # 1e-9


cdef struct MmpSpan:
    MmpLevels levels
    int64_t first_time            # ns since epoch, of its first and last fill
    int64_t last_time
    uint32_t next                 # the next younger one, NONE: the group's newest


cdef struct MmpGroup:
    MmpLevels levels              # of the fills that count, as of the last one
    MmpLevels trigger_levels      # what they were when a limit was reached last
    MmpLevels trial               # what they would be in the trial of this number
    MmpSpan newest                # its last_time is INT64_MIN when there is none
    int64_t id                    # mmpGroupId of quotes, currencyPairId of orders
    int64_t quantity_limit        # 1e-9, INT64_MAX: none, as the next two
    int64_t delta_limit
    int64_t vega_limit
    int64_t interval              # ns
    int64_t span                  # ns
    int64_t freeze                # ns
    int64_t frozen_until          # ns since epoch, INT64_MIN: not frozen
    uint64_t trial_number
    uint32_t portfolio            # dense index
    uint32_t oldest               # span, NONE: the newest is the only one
    uint32_t youngest             # the last of those in the slab
    uint32_t first_told           # who heard that it triggered, and will hear that it is unfrozen
    uint32_t last_told
    uint32_t heap_index           # while it is frozen
    int8_t trigger                # MMP_TRIGGER_TYPE_* of the last time
    bint is_of_orders
    bint is_out_of_trial


cdef struct Told:
    uint32_t owner
    uint32_t next


cdef struct MmpGroups:
    MmpGroup* groups
    Lookup by_id                  # by portfolio, kind and id
    Slab spans                    # but for the newest of each group
    Slab told
    uint32_t* frozen              # heap of groups, the one that is unfrozen first at its top
    uint32_t* triggered           # groups that the present command has triggered, in order; the reporter empties it
    uint64_t* told_by             # for each owner, the last trigger that it was told of
    int64_t next_unfreeze         # ns since epoch, INT64_MAX: nothing is frozen
    uint64_t trials
    uint64_t triggers
    uint32_t count
    uint32_t frozen_count
    uint32_t triggered_count
    uint32_t unfrozen             # the group that the present command or tick has unfrozen, or NONE; reported, NONE again
    uint32_t unfrozen_told        # who is to hear so


cdef inline uint32_t mmp_hash(uint32_t portfolio, bint is_of_orders, int64_t id) noexcept nogil:
    return scoped_hash(portfolio * 2 + is_of_orders, id)


cdef inline bint mmp_groups_init(MmpGroups* mmp, uint32_t count, uint32_t owners_max) noexcept nogil:
    """False when memory is out; mmp_groups_close is then still due."""
    cdef uint32_t room = count if count else 1
    memset(mmp, 0, sizeof(MmpGroups))
    mmp.groups = <MmpGroup*>calloc(room, sizeof(MmpGroup))
    mmp.frozen = <uint32_t*>calloc(room, sizeof(uint32_t))
    mmp.triggered = <uint32_t*>calloc(room, sizeof(uint32_t))
    mmp.told_by = <uint64_t*>calloc(owners_max, sizeof(uint64_t))
    mmp.next_unfreeze = INT64_MAX
    mmp.unfrozen = mmp.unfrozen_told = NONE
    mmp.count = count
    return (mmp.groups != NULL and mmp.frozen != NULL and mmp.triggered != NULL and mmp.told_by != NULL
            and lookup_init(&mmp.by_id, room)
            and slab_init(&mmp.spans, sizeof(MmpSpan), room * SPANS_PER_INTERVAL)
            and slab_init(&mmp.told, sizeof(Told), <uint32_t>min(<uint64_t>(room + 1) * owners_max, <uint64_t>NONE - 1)))


cdef inline void mmp_groups_close(MmpGroups* mmp) noexcept nogil:
    free(mmp.groups)
    free(mmp.frozen)
    free(mmp.triggered)
    free(mmp.told_by)
    lookup_close(&mmp.by_id)
    slab_close(&mmp.spans)
    slab_close(&mmp.told)
    mmp.groups = NULL


cdef inline void mmp_group_init(MmpGroup* group, int64_t interval, int64_t freeze) noexcept nogil:
    """A group that has filled nothing. Times in ns; its id, portfolio, kind and limits are the caller's to set."""
    group.interval = interval
    group.span = (interval + SPANS_PER_INTERVAL - 1) // SPANS_PER_INTERVAL
    group.freeze = freeze
    group.frozen_until = group.newest.last_time = INT64_MIN
    group.oldest = group.youngest = group.first_told = group.last_told = NONE


cdef inline uint32_t find_mmp_group(const MmpGroups* mmp, uint32_t portfolio, bint is_of_orders,
                                    int64_t id) noexcept nogil:
    """The index of a portfolio's group, NONE if it has no such one."""
    cdef Cursor cursor = lookup_start(&mmp.by_id, mmp_hash(portfolio, is_of_orders, id))
    cdef uint32_t index = lookup_next(&mmp.by_id, &cursor)
    while index != NONE and (mmp.groups[index].id != id or mmp.groups[index].portfolio != portfolio
                             or mmp.groups[index].is_of_orders != is_of_orders):
        index = lookup_next(&mmp.by_id, &cursor)
    return index


cdef inline bint mmp_is_frozen(const MmpGroup* group) noexcept nogil:
    return group.frozen_until != INT64_MIN
