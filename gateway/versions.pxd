"""Values newer than a session's schema version, and the older value that is sent instead (protocol 8.9)."""

from libc.stdint cimport int8_t, uint16_t

from codec.layout cimport (
    CANCEL_ORDER_REJECT_REASON_CANCEL_PENDING,
    CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT,
    CANCEL_ORDER_REJECT_REASON_SPEED_BUMP_CONVERTED_TO_IOC,
    CANCEL_ORDER_REJECT_REASON_TIME_IN_FORCE,
    CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER,
    MASS_QUOTE_REJECT_REASON_DUPLICATE_INSTRUMENT,
    MASS_QUOTE_REJECT_REASON_INVALID_INSTRUMENT,
    MASS_QUOTE_REJECT_REASON_MMP_GROUP_FROZEN,
    MASS_QUOTE_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED,
    ORDER_FLAGS_CANCEL_ON_DISCONNECT,
    ORDER_FLAGS_MASK,
    ORDER_FLAGS_RESET_MMP,
    ORDER_REJECT_REASON_MEMBER_SPEED_BUMP_LIMIT_EXCEEDED,
    ORDER_REJECT_REASON_MMP_GROUP_FROZEN,
    ORDER_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED,
    ORDER_REJECT_REASON_RATE_LIMIT,
    REJECT_REASON_INVALID_TEMPLATE_ID,
    REJECT_REASON_MESSAGE_DISABLED,
)


cdef inline uint16_t known_order_flags(int version) noexcept nogil:
    """The ORDER_FLAGS_* that mean something to a session of this version: a newer one is as if it were not set."""
    cdef uint16_t newer = 0
    if version < 7:
        newer |= ORDER_FLAGS_CANCEL_ON_DISCONNECT
    if version < 10:
        newer |= ORDER_FLAGS_RESET_MMP
    return ORDER_FLAGS_MASK & ~newer


cdef inline int8_t session_reject_reason(int8_t reason, int version) noexcept nogil:
    if reason == REJECT_REASON_MESSAGE_DISABLED and version < 11:
        return REJECT_REASON_INVALID_TEMPLATE_ID
    return reason


cdef inline int8_t cancel_order_reject_reason(int8_t reason, int version) noexcept nogil:
    if reason == CANCEL_ORDER_REJECT_REASON_INVALID_INSTRUMENT and version < 2:
        return CANCEL_ORDER_REJECT_REASON_UNKNOWN_ORDER
    if version < 9 and (reason == CANCEL_ORDER_REJECT_REASON_TIME_IN_FORCE
                        or reason == CANCEL_ORDER_REJECT_REASON_SPEED_BUMP_CONVERTED_TO_IOC):
        return CANCEL_ORDER_REJECT_REASON_CANCEL_PENDING
    return reason


cdef inline int8_t order_reject_reason(int8_t reason, int version) noexcept nogil:
    """Of a new order, an amend, or a side of a quote."""
    if reason == ORDER_REJECT_REASON_MEMBER_SPEED_BUMP_LIMIT_EXCEEDED and version < 6:
        return ORDER_REJECT_REASON_RATE_LIMIT
    if reason == ORDER_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED and version < 15:
        return ORDER_REJECT_REASON_MMP_GROUP_FROZEN
    return reason


cdef inline int8_t mass_quote_reject_reason(int8_t reason, int version) noexcept nogil:
    if reason == MASS_QUOTE_REJECT_REASON_DUPLICATE_INSTRUMENT and version < 4:
        return MASS_QUOTE_REJECT_REASON_INVALID_INSTRUMENT
    if reason == MASS_QUOTE_REJECT_REASON_MMP_MIN_FREEZE_TIME_NOT_ELAPSED and version < 15:
        return MASS_QUOTE_REJECT_REASON_MMP_GROUP_FROZEN
    return reason
