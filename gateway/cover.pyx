"""Which orders cancel on disconnect takes, and the requests that switch it (4010, 4011).

Whether an order or a quote is covered is settled when it is entered; no amend, no switch and no later connection changes
it. `cancel_on_disconnect` says what settles it:

    always    every order is covered, whatever the client says or can say (version A of the protocol page)
    session   the session's cover is on from Logon.cancelOnDisconnect, or from a 4010; where it is off, bit 0 of the
              order's flags (version C)
    order     bit 0 of the order's flags, or a 4010; Logon's field means nothing (version B)

Beside that a connection may arm the whole portfolio (4010 with scope 1): whatever ends it, but for a Logout, then takes
every order that the portfolio has, covered or not, whoever entered it. All that is switched here belongs to the
connection. A configuration that takes the key's `portfolio_cancel` away leaves what is armed as it is.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint32_t

from codec.layout cimport (
    CANCEL_ON_DISCONNECT_SCOPE_PORTFOLIO,
    CANCEL_ON_DISCONNECT_SCOPE_SESSION,
    CANCEL_ON_DISCONNECT_STATUS_ACCEPTED,
    CANCEL_ON_DISCONNECT_STATUS_ALWAYS_ON,
    CANCEL_ON_DISCONNECT_STATUS_INVALID_SCOPE,
    CANCEL_ON_DISCONNECT_STATUS_NOT_ENTITLED,
    CancelOnDisconnectRequest,
    CancelOnDisconnectResponse,
    HEADER_SIZE,
    TEMPLATE_CANCEL_ON_DISCONNECT_RESPONSE,
)

from gateway.engine cimport Engine
from gateway.session cimport Session


cdef class Cover:
    """The cover of one gateway's sessions; `mode` is the setting `cancel_on_disconnect`."""

    def __cinit__(self, Engine engine not None, str mode not None):
        self.engine = engine
        self.is_always = mode == "always"
        self.heeds_logon = mode == "session"

    def begin(self, Session session not None, bint asked_by_logon) -> None:
        """What holds for a new connection of the session, from what its Logon asked for."""
        session.cover_is_fixed = self.is_always or (self.heeds_logon and asked_by_logon)
        session.covers_all = session.cover_is_fixed
        session.portfolio_armed = False

    cdef int request(self, Session session, const CancelOnDisconnectRequest* request, int64_t now) except -1:
        """Switches as asked, if that may be, and says what holds then."""
        cdef int8_t status = self.switch(session, request)
        cdef uint8_t* at = session.begin(
            TEMPLATE_CANCEL_ON_DISCONNECT_RESPONSE, 0, HEADER_SIZE + sizeof(CancelOnDisconnectResponse), now
        )
        cdef CancelOnDisconnectResponse* response = <CancelOnDisconnectResponse*>(at + HEADER_SIZE)
        response.correlation_id = request.correlation_id
        response.scope = request.scope
        response.enabled = request.enabled
        if request.scope == CANCEL_ON_DISCONNECT_SCOPE_SESSION:
            response.active = session.covers_all
        elif request.scope == CANCEL_ON_DISCONNECT_SCOPE_PORTFOLIO:
            response.active = session.portfolio_armed
        else:
            response.active = False
        response.status = status
        response.covered_orders = self.covered_orders(session)
        session.finish(at, HEADER_SIZE + sizeof(CancelOnDisconnectResponse), False)
        return 0

    cdef int8_t switch(self, Session session, const CancelOnDisconnectRequest* request) noexcept:
        """CANCEL_ON_DISCONNECT_STATUS_*; whatever is refused changes nothing."""
        if request.scope == CANCEL_ON_DISCONNECT_SCOPE_SESSION:
            if session.cover_is_fixed and not request.enabled:
                return CANCEL_ON_DISCONNECT_STATUS_ALWAYS_ON
            session.covers_all = request.enabled
        elif request.scope == CANCEL_ON_DISCONNECT_SCOPE_PORTFOLIO:
            if not session.portfolio_cancel:
                return CANCEL_ON_DISCONNECT_STATUS_NOT_ENTITLED
            session.portfolio_armed = request.enabled
        else:
            return CANCEL_ON_DISCONNECT_STATUS_INVALID_SCOPE
        return CANCEL_ON_DISCONNECT_STATUS_ACCEPTED

    cdef uint32_t covered_orders(self, Session session) noexcept:
        """Open orders and quotes that the loss of this connection would cancel now."""
        if session.portfolio_armed:
            return self.engine.portfolio_open(self.engine.registry.owners[session.slot].portfolio)
        return self.engine.covered_open(session.slot)
