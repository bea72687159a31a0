"""Mass cancels: MassCancelRequest (140) and MassQuoteCancelRequest (145), answered by 240 with the count, or 242.

Both act on the whole portfolio, whichever of its sessions asks. Whatever they take out is gone at once; then each session
hears of its own, the one that asked included, in OrdersCanceled (310) with reason 12. 140 filters orders and quotes by
currency pair, instrument, product type and side, and needs a pair or an instrument; a filter that nothing passes is
answered with the count 0. 145 takes the quotes of one MMP group. Neither is ever refused for its rate.
"""

cimport cython
from libc.stdint cimport INT64_MIN, int8_t, int64_t, uint8_t, uint32_t
from libc.string cimport memcpy, strlen

from codec.layout cimport (
    CANCEL_REASON_BY_REQUEST,
    HEADER_SIZE,
    MASS_CANCEL_REJECT_REASON_ERROR,
    MASS_CANCEL_REJECT_REASON_INVALID_MMP_GROUP,
    MassCancelReject,
    MassCancelRequest,
    MassCancelResponse,
    MassQuoteCancelRequest,
    PRODUCT_TYPE_ALL,
    SIDE_BOTH,
    TEMPLATE_MASS_CANCEL_REJECT,
    TEMPLATE_MASS_CANCEL_RESPONSE,
)

from gateway.details cimport integer_details
from gateway.engine cimport Engine, Instrument
from gateway.orders cimport Orders
from gateway.mmp_groups cimport find_mmp_group
from gateway.quotes cimport leave_group
from gateway.rate_limit cimport BUCKET_MASS_QUOTES, COST_QUOTES_WITHDRAWN
from gateway.registry cimport Order, order_at, order_is_dead
from gateway.session cimport Session
from gateway.slab cimport NONE


cdef inline bint passes(const CancelFilter* filter, const Order* order, const Instrument* instrument) noexcept nogil:
    return ((filter.side == SIDE_BOTH or filter.side == order.side)
            and (filter.instrument_id == INT64_MIN or filter.instrument_id == instrument.id)
            and (filter.currency_pair_id == INT64_MIN or filter.currency_pair_id == instrument.currency_pair_id)
            and (filter.product_type == PRODUCT_TYPE_ALL or filter.product_type == instrument.product_type))


cdef enum:
    LEAVE_PREFETCH = 6     # so many orders ahead, what taking them out touches is fetched: the misses overlap


cdef uint32_t leave_list(Engine engine, uint32_t handle, const CancelFilter* filter, int8_t cancel_reason) noexcept nogil:
    cdef uint32_t left = 0
    cdef uint32_t following
    cdef uint32_t ahead = handle
    cdef Order* order
    for _ in range(LEAVE_PREFETCH):
        ahead = engine.registry.prefetch(ahead)
    while handle != NONE:
        ahead = engine.registry.prefetch(ahead)
        order = order_at(&engine.registry.orders, handle)
        following = order.owner_next
        if passes(filter, order, &engine.instruments[order.instrument]) and not order_is_dead(
                order, engine.registry.owners, engine.registry.portfolios):
            engine.leave(handle, cancel_reason)
            left += 1
        handle = following
    return left


cdef uint32_t leave_matching(Engine engine, uint32_t portfolio, const CancelFilter* filter,
                             int8_t cancel_reason) noexcept nogil:
    cdef uint32_t owner = engine.registry.portfolios[portfolio].first_owner
    cdef uint32_t left = 0
    while owner != NONE:
        left += leave_list(engine, engine.registry.owners[owner].covered.head, filter, cancel_reason)
        left += leave_list(engine, engine.registry.owners[owner].uncovered.head, filter, cancel_reason)
        owner = engine.registry.owners[owner].next_in_portfolio
    return left


@cython.final
cdef class MassCancels:
    """The mass cancels of all sessions of one gateway."""

    def __cinit__(self, Orders orders not None):
        self.orders = orders

    # requests; the frame was checked against its layout and its enums

    cdef int mass_cancel(self, Session session, const MassCancelRequest* request, int64_t now) except -1:
        cdef Engine engine = self.orders.engine
        cdef CancelFilter filter
        if request.currency_pair_id == INT64_MIN and request.instrument_id == INT64_MIN:
            return self._report_rejected(
                session, request.correlation_id, MASS_CANCEL_REJECT_REASON_ERROR,
                b"wanted a currency pair or an instrument, both are null", now
            )
        filter.currency_pair_id = request.currency_pair_id
        filter.instrument_id = request.instrument_id
        filter.product_type = request.product_type
        filter.side = request.side
        return self._report(
            session,
            request.correlation_id,
            leave_matching(engine, engine.registry.owners[session.slot].portfolio, &filter, CANCEL_REASON_BY_REQUEST),
            now,
        )

    cdef int mass_quote_cancel(self, Session session, const MassQuoteCancelRequest* request, int64_t now) except -1:
        cdef Engine engine = self.orders.engine
        cdef uint32_t group = find_mmp_group(
            &engine.registry.mmp, engine.registry.owners[session.slot].portfolio, False, request.mmp_group_id
        )
        self.orders._charge(session, BUCKET_MASS_QUOTES, COST_QUOTES_WITHDRAWN, now)  # and never refused
        if group == NONE:
            return self._report_rejected(
                session, request.correlation_id, MASS_CANCEL_REJECT_REASON_INVALID_MMP_GROUP,
                integer_details(engine.details, b"mmp group %lld is not one of the portfolio", request.mmp_group_id, 0),
                now
            )
        return self._report(
            session, request.correlation_id, leave_group(engine, group, request.side, CANCEL_REASON_BY_REQUEST), now
        )

    # reports

    cdef int _report(self, Session session, int64_t correlation_id, uint32_t count, int64_t now) except -1:
        cdef uint32_t raw_length = HEADER_SIZE + sizeof(MassCancelResponse)
        cdef uint8_t* at = session.begin(TEMPLATE_MASS_CANCEL_RESPONSE, 0, raw_length, now)
        cdef MassCancelResponse* response = <MassCancelResponse*>(at + HEADER_SIZE)
        response.timestamp = now
        response.exec_id = self.orders.engine.next_exec_id()
        response.correlation_id = correlation_id
        response.receive_time = now
        response.total_order_count = <int>count
        session.publish(at, raw_length, now)
        return self.orders.report_leaving(now)

    cdef int _report_rejected(
        self, Session session, int64_t correlation_id, int8_t reason, const char* details, int64_t now
    ) except -1:
        cdef uint32_t size = <uint32_t>strlen(details)
        cdef uint32_t raw_length = HEADER_SIZE + sizeof(MassCancelReject) + 1 + size
        cdef uint8_t* at = session.begin(TEMPLATE_MASS_CANCEL_REJECT, 0, raw_length, now)
        cdef MassCancelReject* reject = <MassCancelReject*>(at + HEADER_SIZE)
        cdef uint8_t* tail = at + HEADER_SIZE + sizeof(MassCancelReject)
        reject.timestamp = now
        reject.exec_id = self.orders.engine.next_exec_id()
        reject.correlation_id = correlation_id
        reject.reason = reason
        tail[0] = <uint8_t>size
        memcpy(tail + 1, details, size)
        return session.publish(at, raw_length, now)
