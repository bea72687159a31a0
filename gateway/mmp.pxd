"""Market-maker protection: what counts, when it is too much, and what happens then."""

from libc.stdint cimport int8_t, int64_t, uint32_t

from gateway.engine cimport Command, Engine, Instrument, Outcome, Taker
from gateway.mmp_groups cimport MmpGroup, MmpGroups, MmpLevels, Told, find_mmp_group
from gateway.quote_slots cimport quote_slot_at
from gateway.registry cimport ORDER_IS_MMP, ORDER_IS_QUOTE, Order, Registry
from gateway.slab cimport NONE, Slab, slab_at


cdef enum:
    GROUP_IS_OPEN = 0
    GROUP_IS_FROZEN = 1
    GROUP_IS_FROZEN_TOO_SHORT = 2     # it was to be reset, but its shortest freeze is not over

cdef enum:
    NOT_REACHED = -1                  # beside MMP_TRIGGER_TYPE_*


cdef inline uint32_t mmp_group_of(Engine engine, const Order* order) noexcept nogil:
    """The group of an order or quote that is alive, NONE of one without protection."""
    if order.flags & ORDER_IS_QUOTE:
        return quote_slot_at(&engine.registry.quotes, order.quote_slot).group
    if order.flags & ORDER_IS_MMP:
        return find_mmp_group(&engine.registry.mmp, order.portfolio, True,
                              engine.instruments[order.instrument].currency_pair_id)
    return NONE


cdef inline Told* told_at(const Slab* told, uint32_t index) noexcept nogil:
    return <Told*>slab_at(told, index)


# Before a quote or an order of the group is entered: GROUP_*. A reset that comes late enough unfreezes the group.
cdef int use_group(Registry registry, uint32_t group, bint reset, int64_t now) noexcept nogil

# Whether the protection lets a new order in: an order flagged mmp, or that resets it, needs a group. Writes the group of
# one that is flagged, else NONE.
cdef bint check_protection(Engine engine, uint32_t instrument, const Command* command, uint32_t* group,
                           Outcome* outcome) noexcept nogil

# A match, once it is complete: counts it for the groups of maker and taker, NONE without one. Where that reaches a limit the
# group is frozen and all that is alive of it leaves; a taker of the group is stopped.
cdef void protect(Engine engine, uint32_t maker_group, uint32_t maker_owner, int8_t maker_side, int64_t quantity,
                  Taker* taker) noexcept nogil

# What would happen if a taker went through: a trial counts for itself and changes nothing. trial_match returns whether it
# would stop the taker there.
cdef void begin_trial(Registry registry) noexcept nogil
cdef bint is_out_of_trial(Registry registry, uint32_t group) noexcept nogil
cdef bint trial_match(Engine engine, uint32_t maker_group, int8_t maker_side, int64_t quantity,
                      const Taker* taker) noexcept nogil

# Unfreezes a group whose time has come; False when there is no more. Its caller tells of each.
cdef bint unfreeze_due(Registry registry, int64_t now) noexcept nogil

# Who is still to be told that the group in `unfrozen` is: an owner, and NONE after the last, when the telling is done.
cdef uint32_t next_to_tell(MmpGroups* mmp) noexcept nogil

# Within.
cdef MmpLevels levels_of(const Instrument* instrument, int8_t side, int64_t quantity) noexcept nogil
cdef void add_fill(MmpGroups* mmp, MmpGroup* group, const MmpLevels* fill, int64_t now) noexcept nogil
cdef void expire_fills(MmpGroups* mmp, MmpGroup* group, int64_t now) noexcept nogil
cdef int8_t reached(const MmpGroup* group, const MmpLevels* levels) noexcept nogil
cdef void judge(Engine engine, uint32_t index, uint32_t owner, Taker* taker) noexcept nogil
cdef void freeze(MmpGroups* mmp, uint32_t index, int64_t until) noexcept nogil
cdef void unfreeze(MmpGroups* mmp, uint32_t index) noexcept nogil
cdef uint32_t left_group(Engine engine, const Order* order) noexcept nogil
cdef void tell(MmpGroups* mmp, uint32_t index, uint32_t owner) noexcept nogil
