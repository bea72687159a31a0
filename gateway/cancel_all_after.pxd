"""CancelAllAfterRequest (4020) and its answer on the wire; what they mean is in dead_man_switch.py."""

from libc.stdint cimport int64_t

from codec.layout cimport CancelAllAfterRequest

from gateway.session cimport Session


# `switches` is the DeadManSwitches that judges the request. The frame was checked against its layout.
cdef int cancel_all_after(object switches, Session session, const CancelAllAfterRequest* request, int64_t now) except -1
