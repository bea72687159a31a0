"""Market-maker protection on the wire: 320 and 322, 324 and 326, and the status requests 155 and 156.

Told of a trigger are the sessions that own something of the group at that moment and the one whose fill it was; told that
the group is unfrozen are the same, and whoever asked for it. It makes no difference whether they are connected: it is
in their streams. A reset is told with its own correlationId to all of them, the end of the time without one.
"""

cimport cython
from libc.stdint cimport INT64_MAX, INT64_MIN, int64_t, uint8_t, uint16_t, uint32_t

from codec.layout cimport (
    GetMassQuoteMmpStatusReject,
    GetMassQuoteMmpStatusRequest,
    GetMassQuoteMmpStatusResponse,
    GetOrdersMmpStatusRequest,
    HEADER_SIZE,
    MMP_STATUS_REJECT_REASON_INVALID_MMP_GROUP,
    MassQuoteMmpTriggered,
    MassQuoteMmpUnfrozen,
    TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT,
    TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE,
    TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT,
    TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE,
    TEMPLATE_MASS_QUOTE_MMP_TRIGGERED,
    TEMPLATE_MASS_QUOTE_MMP_UNFROZEN,
    TEMPLATE_ORDERS_MMP_TRIGGERED,
    TEMPLATE_ORDERS_MMP_UNFROZEN,
)
from codec.wire cimport version_stamp

from gateway.mmp cimport next_to_tell, told_at, unfreeze_due
from gateway.mmp_groups cimport MmpGroup, MmpGroups, find_mmp_group
from gateway.orders cimport Orders
from gateway.session cimport Session
from gateway.slab cimport NONE

# The messages about groups of quotes and of orders come in pairs of one layout: where the one has mmpGroupId, the other
# has currencyPairId.


cdef int report_triggered(Orders orders, int64_t now) except -1:
    cdef MmpGroups* mmp = &orders.engine.registry.mmp
    cdef const MmpGroup* group
    cdef uint32_t index
    cdef uint32_t told
    for index in range(mmp.triggered_count):
        group = &mmp.groups[mmp.triggered[index]]
        told = group.first_told
        while told != NONE:
            write_triggered(orders, orders._session(told_at(&mmp.told, told).owner), group, now)
            told = told_at(&mmp.told, told).next
    mmp.triggered_count = 0
    return 0


cdef int write_triggered(Orders orders, Session session, const MmpGroup* group, int64_t now) except -1:
    cdef uint16_t template_id = TEMPLATE_ORDERS_MMP_TRIGGERED if group.is_of_orders else TEMPLATE_MASS_QUOTE_MMP_TRIGGERED
    cdef uint32_t raw_length = HEADER_SIZE + sizeof(MassQuoteMmpTriggered)
    cdef uint8_t* at = session.begin(template_id, 0, raw_length, now)
    cdef MassQuoteMmpTriggered* triggered = <MassQuoteMmpTriggered*>(at + HEADER_SIZE)
    triggered.timestamp = now
    triggered.exec_id = orders.engine.next_exec_id()
    triggered.mmp_group_id = group.id
    triggered.frozen_until = group.frozen_until
    triggered.quantity_level = <double>group.trigger_levels.quantity / 1e9
    triggered.vega_level = <double>group.trigger_levels.vega / 1e9
    triggered.delta_level = <double>group.trigger_levels.delta / 1e9
    triggered.trigger = group.trigger
    return session.publish(at, raw_length, now)


cdef int report_unfrozen(Orders orders, Session asker, int64_t correlation_id, int64_t now) except -1:
    cdef MmpGroups* mmp = &orders.engine.registry.mmp
    cdef const MmpGroup* group = &mmp.groups[mmp.unfrozen]
    cdef uint32_t owner
    if asker is not None:
        write_unfrozen(orders, asker, group, correlation_id, now)
    owner = next_to_tell(mmp)
    while owner != NONE:
        if asker is None or owner != asker.slot:
            write_unfrozen(orders, orders._session(owner), group, correlation_id, now)
        owner = next_to_tell(mmp)
    return 0


cdef int write_unfrozen(
    Orders orders, Session session, const MmpGroup* group, int64_t correlation_id, int64_t now
) except -1:
    cdef uint16_t template_id = TEMPLATE_ORDERS_MMP_UNFROZEN if group.is_of_orders else TEMPLATE_MASS_QUOTE_MMP_UNFROZEN
    cdef uint32_t raw_length = HEADER_SIZE + sizeof(MassQuoteMmpUnfrozen)
    cdef uint8_t* at = session.begin(template_id, 0, raw_length, now)
    cdef MassQuoteMmpUnfrozen* unfrozen = <MassQuoteMmpUnfrozen*>(at + HEADER_SIZE)
    unfrozen.timestamp = now
    unfrozen.exec_id = orders.engine.next_exec_id()
    unfrozen.mmp_group_id = group.id
    unfrozen.correlation_id = correlation_id
    return session.publish(at, raw_length, now)


@cython.final
cdef class MmpReports:
    """The status requests of all sessions of one gateway, and the end of freezes by time."""

    def __cinit__(self, Orders orders not None):
        self.orders = orders

    # requests; the frame was checked against its layout and its enums

    cdef int quotes_status(self, Session session, const GetMassQuoteMmpStatusRequest* request, int64_t now) except -1:
        return self._status(session, False, request.correlation_id, request.mmp_group_id, now)

    cdef int orders_status(self, Session session, const GetOrdersMmpStatusRequest* request, int64_t now) except -1:
        return self._status(session, True, request.correlation_id, request.currency_pair_id, now)

    cdef int _status(
        self, Session session, bint is_of_orders, int64_t correlation_id, int64_t group_id, int64_t now
    ) except -1:
        cdef const MmpGroups* mmp = &self.orders.engine.registry.mmp
        cdef uint32_t portfolio = self.orders.engine.registry.owners[session.slot].portfolio
        cdef uint32_t index = find_mmp_group(mmp, portfolio, is_of_orders, group_id)
        cdef uint16_t template_id
        cdef uint32_t raw_length
        cdef uint8_t* at
        cdef GetMassQuoteMmpStatusResponse* response
        cdef GetMassQuoteMmpStatusReject* reject
        if index == NONE:
            template_id = (TEMPLATE_GET_ORDERS_MMP_STATUS_REJECT if is_of_orders
                           else TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REJECT)
            raw_length = HEADER_SIZE + sizeof(GetMassQuoteMmpStatusReject)
            at = session.begin(template_id, version_stamp(template_id, session.version), raw_length, now)
            reject = <GetMassQuoteMmpStatusReject*>(at + HEADER_SIZE)
            reject.timestamp = now
            reject.correlation_id = correlation_id
            reject.reason = MMP_STATUS_REJECT_REASON_INVALID_MMP_GROUP
        else:
            template_id = (TEMPLATE_GET_ORDERS_MMP_STATUS_RESPONSE if is_of_orders
                           else TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_RESPONSE)
            raw_length = HEADER_SIZE + sizeof(GetMassQuoteMmpStatusResponse)
            at = session.begin(template_id, version_stamp(template_id, session.version), raw_length, now)
            response = <GetMassQuoteMmpStatusResponse*>(at + HEADER_SIZE)
            response.timestamp = now
            response.correlation_id = correlation_id
            response.mmp_group_id = group_id
            response.frozen_until_time = mmp.groups[index].frozen_until
        return session.publish(at, raw_length, now)

    # time

    @property
    def next_unfreeze(self):
        """The core time, in ns, at which the first frozen group is unfrozen; None when none is frozen."""
        cdef int64_t next_unfreeze = self.orders.engine.registry.mmp.next_unfreeze
        return None if next_unfreeze == INT64_MAX else next_unfreeze

    cpdef int unfreeze(self, int64_t now) except -1:
        """Unfreezes every group whose time has come, and tells of it."""
        while unfreeze_due(self.orders.engine.registry, now):
            report_unfrozen(self.orders, None, INT64_MIN, now)
        return 0
