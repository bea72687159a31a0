"""Requests that were on the way when the fence went up: received, but not looked at, and never accepted.

They are counted as the bytes come, those that had come before the fence and those that come until the line is closed. A
request counts once, as soon as enough of it is there to tell that it is one; session messages do not count. Behind
bytes that make no frame nothing is counted any more, for nobody can tell what it is.
"""

from libc.stdint cimport int64_t, uint8_t

from codec.layout cimport FrameHeader, TEMPLATE_NEW_ORDER_REQUEST
from codec.wire cimport FRAME_COMPLETE, FRAME_PARTIAL, Frame, frame_scan

cdef enum:
    # So much of a frame has to be there for its messageTypeId to be known.
    TYPE_KNOWN = 6
    # That, and as many zero bytes in front of it as there may be.
    HEAD_MAX = 13


cdef struct Dropped:
    int64_t requests
    size_t skip               # bytes of a frame that was counted, or is none of ours, that are still to come
    uint8_t head[HEAD_MAX]    # the start of a frame whose type is not known yet
    uint8_t head_size
    bint is_garbage           # what came last was no frame


cdef inline size_t drop_frame(Dropped* dropped, const uint8_t* data, size_t size, size_t frame_size_max) noexcept nogil:
    """Counts the frame at `data` if it is a request; returns how many of the bytes are its own, 0 if that is not known yet."""
    cdef Frame frame
    cdef int outcome = frame_scan(data, size, frame_size_max, &frame)
    cdef size_t length
    if outcome != FRAME_COMPLETE and outcome != FRAME_PARTIAL:
        dropped.is_garbage = True
        return size
    if size < frame.skipped + TYPE_KNOWN:
        return 0
    dropped.requests += (<const FrameHeader*>frame.data).message_type_id >= TEMPLATE_NEW_ORDER_REQUEST
    length = frame.skipped + frame.length
    if length > size:
        dropped.skip = length - size
        return size
    return length


cdef inline void drop_bytes(Dropped* dropped, const uint8_t* data, size_t size, size_t frame_size_max) noexcept nogil:
    """Bytes of a client that nobody will look at, behind those that were dropped before."""
    cdef size_t at = 0
    cdef size_t taken
    while at < size and not dropped.is_garbage:
        if dropped.skip != 0:
            taken = min(dropped.skip, size - at)
            dropped.skip -= taken
            at += taken
        elif dropped.head_size != 0 or size - at < HEAD_MAX:
            # HEAD_MAX bytes always tell what it is: there is room for one more.
            dropped.head[dropped.head_size] = data[at]
            dropped.head_size += 1
            at += 1
            if drop_frame(dropped, dropped.head, dropped.head_size, frame_size_max) != 0:
                dropped.head_size = 0
        else:
            at += drop_frame(dropped, data + at, size - at, frame_size_max)
