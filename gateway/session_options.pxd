"""SessionOptionsRequest (4000) and its answer: what a connection wants that the published protocol does not have."""

from libc.stdint cimport int64_t

from codec.layout cimport SessionOptionsRequest

from gateway.session cimport Session


# The frame was checked against its layout.
cdef int session_options(Session session, const SessionOptionsRequest* request, int64_t now) except -1
