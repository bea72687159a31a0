"""CancelAllAfterRequest (4020) and its answer on the wire; what they mean is in dead_man_switch.py."""

from libc.stdint cimport INT64_MIN, int64_t, uint8_t, uint32_t

from codec.layout cimport CancelAllAfterRequest, CancelAllAfterResponse, HEADER_SIZE, TEMPLATE_CANCEL_ALL_AFTER_RESPONSE

from gateway.session cimport Session


cdef int cancel_all_after(object switches, Session session, const CancelAllAfterRequest* request, int64_t now) except -1:
    cdef object arm_sequence = None if request.arm_sequence == INT64_MIN else request.arm_sequence
    cdef object answer = switches.request(session, request.timeout_ms, arm_sequence, request.scope, now)
    cdef uint32_t raw_length = HEADER_SIZE + sizeof(CancelAllAfterResponse)
    cdef uint8_t* at = session.begin(TEMPLATE_CANCEL_ALL_AFTER_RESPONSE, 0, raw_length, now)
    cdef CancelAllAfterResponse* response = <CancelAllAfterResponse*>(at + HEADER_SIZE)
    response.correlation_id = request.correlation_id
    response.status = answer.status
    response.armed = answer.trigger_time is not None
    response.current_time = now
    response.trigger_time = INT64_MIN if answer.trigger_time is None else answer.trigger_time
    response.arm_sequence = request.arm_sequence
    session.finish(at, raw_length, False)
    return 0
