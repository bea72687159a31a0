"""Links and sessions: a connection's bytes on the one hand, an API key's numbers, stream and orders on the other."""

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from gateway.in_flight cimport Dropped
from gateway.stream cimport MESSAGE_TYPES, Stream


cpdef enum LinkState:
    LINK_LOGON = 0          # connected, its Logon is awaited
    LINK_WAITING = 1        # logged on, waiting until the key's former session has ended; what it sends stays unread
    LINK_LIVE = 2           # its session's live connection
    LINK_CLOSING = 3        # nothing that it sends is read any more
    LINK_CLOSED = 4


cpdef enum LinkClosing:
    CLOSING_NOT = 0
    CLOSING_POLITELY = 1    # write what is left, shut our side down, discard until EOF or the linger time
    CLOSING_ABORT = 2


cpdef enum SessionState:
    SESSION_VACANT = 0      # nobody is connected
    SESSION_LIVE = 1
    SESSION_ENDING = 2      # fenced; its orders are being taken out and told of
    SESSION_LOST = 3        # its line is lost; its orders live until the grace is over


cpdef enum ListingState:
    LISTING_NOT = 0         # no listing of open orders is under way
    LISTING_IS_READY = 1    # its next frame may be written
    LISTING_WAITS = 2       # until the socket has taken all that the session's stream has for it


cdef class Link:
    cdef:
        public int state
        public int closing
        public Session session
        public bytes farewell           # the last bytes to write before closing
        public object logon             # the accepted Logon of a link that waits, else None
        public object ending            # the Ending of the session that it had, else None
        public int64_t connected_judged_ns  # when, on the clock that stalls of the gateway do not advance
        public object deadline          # its entry among the core's deadlines
        public int end_cause            # Cause of the end or loss of the session that it had, 0 while it has it or none
        Dropped dropped                 # what came in on it and was never looked at, because its session was over
        readonly bint is_held_up        # dead orders are in the way of its next request; what it sends stays unread until a step
        size_t heard_bytes              # of what is pending while it is held up: these whole frames have been heard
        uint8_t* pending                # bytes received but not processed yet, at most pending_max
        size_t pending_used
        size_t pending_capacity

    cdef bint keep(self, const uint8_t* data, size_t size, size_t pending_max) except -1
    cdef bint append(self, const uint8_t* data, size_t size, size_t pending_max) except -1
    cdef void forget_pending(self) noexcept


cdef class Session:
    cdef:
        readonly uint32_t slot          # index of the API key, the engine's name for this session
        readonly str client_id
        readonly bytes client_id_wire   # 16 bytes, NUL padded
        readonly int64_t portfolio_id
        readonly bint drop_copy
        public uint64_t reissued_bytes  # issued again behind its LogonConf; 0 once its socket has taken all that there was
        public bint is_canary           # the gateway's own (canary.py), which no client has and none can see
        public bint portfolio_cancel    # whether its key may cancel for the whole portfolio: 4010 with that scope, and 4020
        public bint covers_all          # whether every order that its connection enters is covered; how, cover.pyx says
        public bint cover_is_fixed      # and whether that cannot be turned off
        public bint portfolio_armed     # whether the loss of its connection takes all orders of the portfolio
        readonly Stream stream
        public list watchers            # the drop-copy sessions of the portfolio
        public int state
        public Link link
        public Link newcomer            # the link in LINK_WAITING, else None
        public object ending            # the Ending of its last connection, under way or complete; None since the next logon
        public list fires               # the last ones that its orders have died of, oldest first, since its last logon
        public uint16_t options         # SESSION_OPTIONS_* of its connection, or of the last one that it had
        public int version              # schema version agreed at logon
        public int64_t epoch            # connections of this key so far; the orders of a connection carry its epoch
        public int64_t expected_number  # of the next inbound frame
        public int64_t last_processed   # number of the last inbound frame processed
        public int64_t heard_ns         # core time of the last complete frame
        public int64_t heard_judged_ns  # the same on the clock that stalls of the gateway do not advance
        public int64_t probed_judged_ns # when TestRequest was sent since then, 0 = not
        public int64_t spoke_ns         # core time of our last frame
        public int64_t replay_ref_number    # the client's number of the ResendRequest that is being answered
        public int64_t replay_told_number   # messages up to here were told to be stored no longer
        list dirty_sessions             # shared by all: the sessions with new output, for the shell to flush
        public bint dirty               # in that list
        public int listing              # LISTING_*: how far the answer to an OpenOrdersRequest is
        bint has_events                 # scratch of the report of one command: this session's share of its events
        uint32_t first_event
        uint32_t last_event

    cdef uint8_t* begin(self, uint16_t template_id, uint16_t stamp, uint32_t raw_length, int64_t now) except NULL
    cdef uint32_t finish(self, uint8_t* at, uint32_t raw_length, bint transient) noexcept
    cdef int publish(self, uint8_t* at, uint32_t raw_length, int64_t now) except -1
    cdef int copy(self, Session origin, const uint8_t* frame, uint32_t length, int64_t number, int64_t now) except -1
    cdef void heard(self, int64_t now, int64_t stalled_ns) noexcept
    cdef void mark_dirty(self) noexcept
    cpdef int send_logon_conf(self, int32_t heartbeat_interval_s, int64_t last_processed, int64_t now) except -1
    cpdef int send_logged_out(self, bytes text, int64_t now) except -1
    cpdef int send_heartbeat(self, int64_t correlation_id, int64_t now) except -1
    cpdef int send_test_request(self, int64_t correlation_id, int64_t now) except -1
    cdef int _send_correlated(self, uint16_t template_id, int64_t correlation_id, int64_t now) except -1
    cpdef int send_reject(self, int64_t ref_number, int8_t reason, bytes details, int64_t now) except -1
    cpdef int reissue(self, bytes frame, int64_t now) except -1
    cpdef bint tell_lost(self, int64_t now) except -1
