"""Values newer than a session's schema version, and the older value that is sent instead (protocol 8.9)."""

from libc.stdint cimport int8_t

from codec.layout cimport (
    CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT,
    CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER,
    REJECT_REASON_INVALID_TEMPLATE_ID,
    REJECT_REASON_MESSAGE_DISABLED,
)


cdef inline int8_t session_reject_reason(int8_t reason, int version) noexcept nogil:
    if reason == REJECT_REASON_MESSAGE_DISABLED and version < 11:
        return REJECT_REASON_INVALID_TEMPLATE_ID
    return reason


cdef inline int8_t cancel_order_reject_reason(int8_t reason, int version) noexcept nogil:
    if reason == CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT and version < 2:
        return CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER
    return reason
