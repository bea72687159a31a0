"""Order requests: from a checked frame to the engine, and from what the engine did to frames in the streams concerned."""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from codec.layout cimport (
    AmendOrderRequest,
    CancelOrderByIdRequest,
    CancelOrderRequest,
    NewOrderRequest,
    OrdersCanceledOrders,
)

from gateway.engine cimport Command, Engine, Outcome
from gateway.rate_limit cimport RateLimits
from gateway.session cimport Session


cdef class Orders:
    cdef:
        readonly Engine engine
        public RateLimits rate_limits   # None: off
        list sessions                   # by slot
        Command command
        Outcome outcome
        uint64_t dead_met               # dead orders taken out of the book by matching, which no step has answered for
        uint32_t* following             # for each event of the outcome: the next one of the same owner

    cdef size_t look_ahead(self, Session session, const uint8_t* data, size_t size) noexcept
    cdef bint is_clear(self, Session session, uint16_t template_id, const uint8_t* root, int64_t now) noexcept

    # requests
    cdef int new_order(self, Session session, const NewOrderRequest* request, int64_t now) except -1
    cdef int amend_order(self, Session session, const AmendOrderRequest* request, int64_t now) except -1
    cdef int cancel_order(self, Session session, const CancelOrderRequest* request, int64_t now) except -1
    cdef int cancel_order_by_id(self, Session session, const CancelOrderByIdRequest* request, int64_t now) except -1

    cdef void _read_new_order(self, Session session, const NewOrderRequest* request, int64_t now) noexcept
    cdef void _read_amend(self, Session session, const AmendOrderRequest* request, int64_t now) noexcept
    cdef void _begin_command(
        self, Session session, int64_t client_order_id, int64_t order_id, int64_t instrument_id, int64_t now
    ) noexcept
    cdef Session _session(self, uint32_t slot)
    cdef bint _charge(self, Session session, int bucket, int64_t cost, int64_t now) noexcept
    cdef void _reject_by_rate(self, int64_t client_order_id, int64_t instrument_id) noexcept

    # reports
    cdef uint8_t* _write_fills(self, uint8_t* out) noexcept
    cdef int _report_share(self, Session session, int64_t now) except -1
    cdef uint32_t _run_length(self, uint32_t event) noexcept
    cdef uint32_t _write_order_filled(
        self, Session session, uint32_t event_index, uint32_t count, int64_t exec_id, int64_t now
    ) except 0
    cdef int _report_accepted(self, Session session, uint16_t template_id, int64_t correlation_id, int64_t now) except -1
    cdef int _report_rejected(self, Session session, uint16_t template_id, int64_t correlation_id, int64_t now) except -1
    cdef int _report_cancel(self, Session session, int64_t correlation_id, int64_t now) except -1
    cdef int _report_canceled_to(self, Session session, int64_t correlation_id, int64_t exec_id, int64_t now) except -1
    cdef int _report_canceled_elsewhere(self, Session session, int64_t now) except -1
    cdef int _report_others(self, int64_t now) except -1
    cdef int _report_events(self, int64_t now) except -1
    cpdef int report_leaving(self, int64_t now) except -1
    cdef int _report_leaving_of(self, Session session, int64_t now) except -1
    cdef uint32_t _report_fills(self, Session session, uint32_t event, int64_t now) except 0
    cdef uint32_t _report_cancels(self, Session session, uint32_t event, int64_t now) except 0


# OrdersCanceled (310) with room for so many entries: begun, its entries filled in, finished and told. `time` is the event's.
cdef uint8_t* begin_orders_canceled(Session session, uint32_t count, int64_t exec_id, int64_t time, int64_t now) except NULL
cdef OrdersCanceledOrders* orders_canceled_entries(uint8_t* at) noexcept
cdef int finish_orders_canceled(Session session, uint8_t* at, uint32_t count, bint is_last, int64_t now) except -1
