"""SessionOptionsRequest (4000) and its answer: what a connection wants that the published protocol does not have.

Options belong to the connection: they are off at every logon. A request replaces them all.
"""

from libc.stdint cimport int64_t, uint8_t

from codec.layout cimport (
    HEADER_SIZE,
    SESSION_OPTIONS_MASK,
    SessionOptionsRequest,
    SessionOptionsResponse,
    TEMPLATE_SESSION_OPTIONS_RESPONSE,
)

from gateway.session cimport Session


cdef int session_options(Session session, const SessionOptionsRequest* request, int64_t now) except -1:
    cdef uint8_t* at = session.begin(
        TEMPLATE_SESSION_OPTIONS_RESPONSE, 0, HEADER_SIZE + sizeof(SessionOptionsResponse), now
    )
    cdef SessionOptionsResponse* response = <SessionOptionsResponse*>(at + HEADER_SIZE)
    session.options = request.options & SESSION_OPTIONS_MASK
    response.correlation_id = request.correlation_id
    response.session_epoch = session.epoch
    response.options = session.options
    session.finish(at, HEADER_SIZE + sizeof(SessionOptionsResponse), True)
    return 0
