"""Mass cancels: of the orders that a filter finds, and of the quotes of a group."""

from libc.stdint cimport int8_t, int64_t, uint16_t, uint32_t

from codec.layout cimport MassCancelRequest, MassQuoteCancelRequest

from gateway.engine cimport Engine
from gateway.orders cimport Orders
from gateway.session cimport Session


cdef struct CancelFilter:
    int64_t currency_pair_id      # INT64_MIN: any
    int64_t instrument_id         # INT64_MIN: any
    int8_t product_type           # PRODUCT_TYPE_ALL: any
    int8_t side                   # SIDE_BOTH: any


# Takes out the portfolio's live orders and quotes that pass all of the filter, session by session in order of entry, to be
# told of by Engine.take_leaving; returns how many. O(orders of the portfolio).
cdef uint32_t leave_matching(Engine engine, uint32_t portfolio, const CancelFilter* filter,
                             int8_t cancel_reason) noexcept nogil


cdef class MassCancels:
    cdef:
        Orders orders

    # requests
    cdef int mass_cancel(self, Session session, const MassCancelRequest* request, int64_t now) except -1
    cdef int mass_quote_cancel(self, Session session, const MassQuoteCancelRequest* request, int64_t now) except -1

    # reports
    cdef int _report(self, Session session, int64_t correlation_id, uint32_t count, int64_t now) except -1
    cdef int _report_rejected(
        self, Session session, int64_t correlation_id, int8_t reason, const char* details, int64_t now
    ) except -1
