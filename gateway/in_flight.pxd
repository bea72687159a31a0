"""Requests that were on the way when the fence went up: received, but not looked at, and never accepted."""

from libc.stdint cimport uint8_t, uint64_t

from codec.layout cimport FrameHeader, TEMPLATE_NEW_ORDER_REQUEST
from codec.wire cimport FRAME_COMPLETE, FRAME_PARTIAL, Frame, frame_scan

cdef enum:
    # So much of a frame has to be there for its messageTypeId to be known.
    TYPE_KNOWN = 6


cdef inline uint64_t requests_in(const uint8_t* data, size_t size, size_t frame_size_max) noexcept nogil:
    """How many requests these bytes of a client hold: whole ones, and a last one that came only in part.

    Session messages do not count. Behind bytes that make no frame nothing is counted, for nobody can tell what it is.
    """
    cdef Frame frame
    cdef uint64_t count = 0
    cdef size_t at = 0
    cdef int outcome
    while at < size:
        outcome = frame_scan(data + at, size - at, frame_size_max, &frame)
        if outcome != FRAME_COMPLETE and outcome != FRAME_PARTIAL:
            break
        if size - at < frame.skipped + TYPE_KNOWN:
            return count + (size - at > frame.skipped)
        count += (<const FrameHeader*>frame.data).message_type_id >= TEMPLATE_NEW_ORDER_REQUEST
        if outcome == FRAME_PARTIAL:
            break
        at += frame.skipped + frame.length
    return count
