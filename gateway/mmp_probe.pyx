"""Market-maker protection for Python, beside the EngineProbe: what the last command triggered or unfroze. For tests and tools only.

Groups are named by their portfolio's index, kind and id; levels and limits are units of 1e-9, times nanoseconds.
"""

cimport cython
from libc.stdint cimport INT64_MIN, int64_t, uint32_t

from gateway.engine cimport Engine
from gateway.mmp cimport next_to_tell, told_at, unfreeze_due
from gateway.mmp_groups cimport MmpGroup, MmpGroups, MmpSpan, find_mmp_group
from gateway.slab cimport NONE, slab_at

from gateway.engine_types import MmpTriggerRecord, MmpUnfrozenRecord


@cython.final
cdef class MmpProbe:
    """The protection of one engine, open to view. Whoever drives the engine takes what it triggers after each command."""

    cdef readonly Engine engine

    def __init__(self, Engine engine not None):
        self.engine = engine

    def take_triggered(self):
        """A list of MmpTriggerRecord: the groups that were triggered since the last time, in order."""
        cdef MmpGroups* mmp = &self.engine.registry.mmp
        cdef MmpGroup* group
        cdef uint32_t told
        records = []
        for index in range(mmp.triggered_count):
            group = &mmp.groups[mmp.triggered[<uint32_t>index]]
            told = group.first_told
            owners = []
            while told != NONE:
                owners.append(told_at(&mmp.told, told).owner)
                told = told_at(&mmp.told, told).next
            records.append(MmpTriggerRecord(
                portfolio=group.portfolio,
                is_of_orders=bool(group.is_of_orders),
                id=group.id,
                trigger=group.trigger,
                frozen_until=group.frozen_until,
                quantity_level=<int64_t>group.trigger_levels.quantity,
                delta_level=<int64_t>group.trigger_levels.delta,
                vega_level=<int64_t>group.trigger_levels.vega,
                told=tuple(owners),
            ))
        mmp.triggered_count = 0
        return records

    def take_unfrozen(self):
        """The MmpUnfrozenRecord of the group that the last command reset; None if it did not."""
        cdef MmpGroups* mmp = &self.engine.registry.mmp
        cdef MmpGroup* group
        cdef uint32_t owner
        if mmp.unfrozen == NONE:
            return None
        group = &mmp.groups[mmp.unfrozen]
        owner = next_to_tell(mmp)
        owners = []
        while owner != NONE:
            owners.append(owner)
            owner = next_to_tell(mmp)
        return MmpUnfrozenRecord(group.portfolio, bool(group.is_of_orders), group.id, tuple(owners))

    def unfreeze(self, int64_t now):
        """A list of MmpUnfrozenRecord: the groups whose time has come."""
        records = []
        while unfreeze_due(self.engine.registry, now):
            records.append(self.take_unfrozen())
        return records

    def frozen_until(self, uint32_t portfolio, bint is_of_orders, int64_t group_id):
        """The time at which the group is unfrozen, None while it is not frozen. KeyError: there is no such group."""
        cdef MmpGroup* group = self.group(portfolio, is_of_orders, group_id)
        return None if group.frozen_until == INT64_MIN else group.frozen_until

    def spans(self, uint32_t portfolio, bint is_of_orders, int64_t group_id):
        """What the group has filled, as (time of the first fill, of the last, quantity), oldest first.

        Some may be older than the interval: they go with the next fill. KeyError: there is no such group.
        """
        cdef MmpGroup* group = self.group(portfolio, is_of_orders, group_id)
        cdef uint32_t index = group.oldest
        cdef MmpSpan* span
        spans = []
        while index != NONE:
            span = <MmpSpan*>slab_at(&self.engine.registry.mmp.spans, index)
            spans.append((span.first_time, span.last_time, <int64_t>span.levels.quantity))
            index = span.next
        if group.newest.last_time != INT64_MIN:
            spans.append((group.newest.first_time, group.newest.last_time, <int64_t>group.newest.levels.quantity))
        return spans

    cdef MmpGroup* group(self, uint32_t portfolio, bint is_of_orders, int64_t group_id) except NULL:
        cdef uint32_t index = find_mmp_group(&self.engine.registry.mmp, portfolio, is_of_orders, group_id)
        if index == NONE:
            raise KeyError(f"portfolio {portfolio}, {'orders' if is_of_orders else 'quotes'} {group_id}: no such group")
        return &self.engine.registry.mmp.groups[index]
