"""Links and sessions.

A `Link` is a connection as the core sees it: whether it may speak, and the bytes that it has sent but that nobody has
processed. A `Session` belongs to an API key: sequence numbers both ways, the outbound stream, the version agreed. A session
outlives its links; it has at most one live one, and at most one that waits for the former session's end.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MIN, int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from codec.layout cimport (
    DropCopyEvent,
    FrameHeader,
    HEADER_SIZE,
    Heartbeat,
    LogonConf,
    OrdersCanceled,
    REJECT_REASON_INVALID_FIELD_VALUE,
    Reject,
    TEMPLATE_DROP_COPY_EVENT,
    TEMPLATE_HEARTBEAT,
    TEMPLATE_LOGGED_OUT,
    TEMPLATE_LOGON_CONF,
    TEMPLATE_ORDERS_CANCELED,
    TEMPLATE_REJECT,
    TEMPLATE_TEST_REQUEST,
)
from codec.wire cimport begin_frame, finish_frame, version_stamp

from gateway.versions cimport session_reject_reason

from typing import NamedTuple

cdef enum:
    TEXT_MAX = 255
    SESSION_STATES = 4
    LOGON_CONF_SCHEMA_VERSION_SINCE = 12
    # `messages A..B no longer stored`, with numbers of 19 digits.
    LOST_TEXT_MAX = 66


cdef class Link:
    """One connection, without its transport: its state, and the bytes received but not yet processed."""

    def __cinit__(self):
        self.state = LINK_LOGON
        self.closing = CLOSING_NOT
        self.farewell = b""

    def __dealloc__(self):
        free(self.pending)

    @property
    def pending_bytes(self) -> bytes:
        """A copy of what was received and is not processed yet."""
        return PyBytes_FromStringAndSize(<const char*>self.pending, self.pending_used)

    @property
    def dropped_requests(self) -> int:
        """Requests that came in on it and were never looked at, because its session was over."""
        return self.dropped.requests

    cdef bint keep(self, const uint8_t* data, size_t size, size_t pending_max) except -1:
        """Replaces what is pending by `size` bytes; False when they are more than pending_max. `data` may not be `pending`."""
        self.pending_used = 0
        return self.append(data, size, pending_max)

    cdef bint append(self, const uint8_t* data, size_t size, size_t pending_max) except -1:
        cdef size_t wanted = self.pending_used + size
        cdef uint8_t* grown
        if size == 0:
            return True
        if wanted > pending_max:
            return False
        if wanted > self.pending_capacity:
            grown = <uint8_t*>realloc(self.pending, wanted)
            if grown == NULL:
                raise MemoryError("no memory for a partial frame")
            self.pending = grown
            self.pending_capacity = wanted
        memcpy(self.pending + self.pending_used, data, size)
        self.pending_used = wanted
        return True

    cdef void forget_pending(self) noexcept:
        free(self.pending)
        self.pending = NULL
        self.pending_used = 0
        self.pending_capacity = 0


def logged_out(bytes text not None, int64_t now) -> bytes:
    """A LoggedOut (5) that has no session: it carries number 0 and belongs to no stream. At most 255 bytes of text."""
    cdef uint8_t frame[HEADER_SIZE + 1 + TEXT_MAX + 8]
    begin_frame(frame, TEMPLATE_LOGGED_OUT, 0, 0, 0, now)
    return PyBytes_FromStringAndSize(<const char*>frame, finish_frame(frame, write_text(frame, HEADER_SIZE, text)))


class Census(NamedTuple):
    """How many clients' sessions are in which state, and what of their streams the sockets have not been handed."""

    vacant: int
    live: int
    ending: int
    lost: int
    unsent_bytes: int


def census(list sessions not None):
    """The Census of these sessions, the canary's left out."""
    cdef Py_ssize_t counts[SESSION_STATES]
    cdef uint64_t unsent_bytes = 0
    cdef Session session
    memset(counts, 0, sizeof(counts))
    for session in sessions:
        if not session.is_canary:
            counts[session.state] += 1
            unsent_bytes += session.stream.unsent_bytes
    return Census(
        counts[<int>SESSION_VACANT],
        counts[<int>SESSION_LIVE],
        counts[<int>SESSION_ENDING],
        counts[<int>SESSION_LOST],
        unsent_bytes,
    )


cdef uint32_t write_text(uint8_t* frame, uint32_t raw_length, bytes text) noexcept:
    """Text with its length byte behind raw_length bytes of a frame, at most 255 of it; returns the raw length with it."""
    cdef uint32_t size = <uint32_t>min(PyBytes_GET_SIZE(text), TEXT_MAX)
    frame[raw_length] = <uint8_t>size
    memcpy(frame + raw_length + 1, PyBytes_AS_STRING(text), size)
    return raw_length + 1 + size


cdef bint tells_of(bytes frame, int64_t exec_id):
    """Whether a frame out is an OrdersCanceled of the event with this execId."""
    cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(frame)
    return ((<const FrameHeader*>at).message_type_id == TEMPLATE_ORDERS_CANCELED
            and (<const OrdersCanceled*>(at + HEADER_SIZE)).exec_id == exec_id)


cdef class Session:
    """One API key on this gateway.

    `slot` is its index among the keys, `dirty` the list of sessions with new output that the shell empties.
    """

    def __cinit__(
        self, uint32_t slot, str client_id, int64_t portfolio_id, bint drop_copy, Stream stream not None, list dirty_sessions not None
    ):
        self.slot = slot
        self.client_id = client_id
        self.client_id_wire = client_id.encode("ascii").ljust(16, b"\0")
        self.portfolio_id = portfolio_id
        self.drop_copy = drop_copy
        self.stream = stream
        self.dirty_sessions = dirty_sessions
        self.watchers = []
        self.fires = []
        self.state = SESSION_VACANT
        self.expected_number = 1

    # encoding: a frame is begun and finished in place, in the stream

    cdef uint8_t* begin(self, uint16_t template_id, uint16_t stamp, uint32_t raw_length, int64_t now) except NULL:
        """Room for a frame of at most raw_length bytes with its header written; fill the body, then `finish` or `publish`."""
        cdef uint8_t* at = self.stream.reserve((raw_length + 7) & ~7)
        begin_frame(at, template_id, stamp, self.stream.next_number, self.last_processed, now)
        return at

    cdef uint32_t finish(self, uint8_t* at, uint32_t raw_length, bint transient) noexcept:
        """The frame begun at `at` is raw_length bytes long, before padding; returns the length that it has now."""
        cdef uint32_t length = <uint32_t>finish_frame(at, raw_length)
        self.stream.commit(length, transient)
        self.stream.pool.frames_out[(<FrameHeader*>at).message_type_id & (MESSAGE_TYPES - 1)] += 1
        if self.link is not None:
            self.spoke_ns = (<FrameHeader*>at).send_time_ns
            self.mark_dirty()
        return length

    cdef int publish(self, uint8_t* at, uint32_t raw_length, int64_t now) except -1:
        """`finish` for order-related frames: each drop-copy session of the portfolio gets the frame as it stands here."""
        cdef int64_t number = self.stream.next_number
        cdef uint32_t length = self.finish(at, raw_length, False)
        cdef Session watcher
        for watcher in self.watchers:
            watcher.copy(self, at, length, number, now)
        return 0

    cdef int copy(self, Session origin, const uint8_t* frame, uint32_t length, int64_t number, int64_t now) except -1:
        """A DropCopyEvent (4050) that holds the frame numbered `number` of the stream of `origin`."""
        cdef uint32_t raw_length = HEADER_SIZE + sizeof(DropCopyEvent) + 2 + length
        cdef uint8_t* at = self.begin(TEMPLATE_DROP_COPY_EVENT, 0, raw_length, now)
        cdef DropCopyEvent* event = <DropCopyEvent*>(at + HEADER_SIZE)
        cdef uint8_t* tail = at + HEADER_SIZE + sizeof(DropCopyEvent)
        memcpy(event.origin_client_id, PyBytes_AS_STRING(origin.client_id_wire), 16)
        event.portfolio_id = origin.portfolio_id
        event.session_epoch = origin.epoch
        event.origin_sequence_number = number
        (<uint16_t*>tail)[0] = <uint16_t>length
        memcpy(tail + 2, frame, length)
        self.finish(at, raw_length, False)
        return 0

    cdef void heard(self, int64_t now, int64_t stalled_ns) noexcept:
        """A whole frame of the client has come in; `stalled_ns` is how long the gateway has stood still in all."""
        self.heard_ns = now
        self.heard_judged_ns = now - stalled_ns
        self.probed_judged_ns = 0

    cdef void mark_dirty(self) noexcept:
        if not self.dirty:
            self.dirty = True
            self.dirty_sessions.append(self)

    # session messages

    cpdef int send_logon_conf(self, int32_t heartbeat_interval_s, int64_t last_processed, int64_t now) except -1:
        """LogonConf (2); `last_processed` is the last client message processed before this logon, 0 if there is none."""
        cdef uint32_t root_length = sizeof(LogonConf) if self.version >= LOGON_CONF_SCHEMA_VERSION_SINCE else 4
        cdef uint8_t* at = self.begin(
            TEMPLATE_LOGON_CONF, version_stamp(TEMPLATE_LOGON_CONF, self.version), HEADER_SIZE + sizeof(LogonConf), now
        )
        cdef LogonConf* conf = <LogonConf*>(at + HEADER_SIZE)
        (<FrameHeader*>at).last_processed_seq_no = last_processed
        conf.heartbeat_interval_seconds = heartbeat_interval_s
        conf.schema_version = <uint16_t>self.version
        self.finish(at, HEADER_SIZE + root_length, True)
        return 0

    cpdef int send_logged_out(self, bytes text, int64_t now) except -1:
        """LoggedOut (5) with at most 255 bytes of ASCII text."""
        cdef uint8_t* at = self.begin(TEMPLATE_LOGGED_OUT, 0, HEADER_SIZE + 1 + TEXT_MAX, now)
        self.finish(at, write_text(at, HEADER_SIZE, text), True)
        return 0

    cpdef int send_heartbeat(self, int64_t correlation_id, int64_t now) except -1:
        """Heartbeat (10): correlation_id 0 when spontaneous, else the TestRequest's."""
        return self._send_correlated(TEMPLATE_HEARTBEAT, correlation_id, now)

    cpdef int send_test_request(self, int64_t correlation_id, int64_t now) except -1:
        """TestRequest (11), to be answered by a Heartbeat with the same correlation_id."""
        return self._send_correlated(TEMPLATE_TEST_REQUEST, correlation_id, now)

    cdef int _send_correlated(self, uint16_t template_id, int64_t correlation_id, int64_t now) except -1:
        cdef uint8_t* at = self.begin(template_id, 0, HEADER_SIZE + sizeof(Heartbeat), now)
        (<Heartbeat*>(at + HEADER_SIZE)).correlation_id = correlation_id
        self.finish(at, HEADER_SIZE + sizeof(Heartbeat), True)
        return 0

    cpdef int send_reject(self, int64_t ref_number, int8_t reason, bytes details, int64_t now) except -1:
        """Reject (30) of the client's frame ref_number, with at most 255 bytes of ASCII details."""
        cdef uint8_t* at = self.begin(TEMPLATE_REJECT, 0, HEADER_SIZE + sizeof(Reject) + 1 + TEXT_MAX, now)
        cdef Reject* reject = <Reject*>(at + HEADER_SIZE)
        reject.ref_sequence_number = ref_number
        reject.reason = session_reject_reason(reason, self.version)
        self.finish(at, write_text(at, HEADER_SIZE + sizeof(Reject), details), False)
        return 0

    # resend

    cpdef int reissue(self, bytes frame, int64_t now) except -1:
        """Puts a frame of the former generation into this one, under a new number and not into drop copy (protocol 8.3)."""
        cdef uint32_t length = <uint32_t>PyBytes_GET_SIZE(frame)
        cdef uint8_t* at = self.stream.reserve(length)
        cdef FrameHeader* header = <FrameHeader*>at
        memcpy(at, PyBytes_AS_STRING(frame), length)
        header.sequence_number = self.stream.next_number
        header.last_processed_seq_no = self.last_processed
        header.send_time_ns = now
        self.finish(at, length, False)
        self.reissued_bytes += length
        return 0

    def cancels(self, int64_t first_number, int64_t last_number, int64_t exec_id) -> list:
        """The stored OrdersCanceled frames of an event among those numbered first_number to last_number, oldest first."""
        return [frame for frame in self.stream.frames(first_number, last_number) if tells_of(frame, exec_id)]

    cpdef bint tell_lost(self, int64_t now) except -1:
        """Says, by a live Reject, which of the frames that the replay still owes are stored no longer; False if none."""
        cdef int64_t last_number
        if self.stream.replay_lost_number <= self.replay_told_number:
            return False
        # The Reject itself may push out the oldest frames: they go before it says which are gone, or it would not be
        # true, and have to be said again, and so on.
        self.stream.make_room((HEADER_SIZE + sizeof(Reject) + 1 + LOST_TEXT_MAX + 7) & ~7)
        last_number = self.stream.replay_lost_number
        self.replay_told_number = last_number
        self.send_reject(
            self.replay_ref_number,
            REJECT_REASON_INVALID_FIELD_VALUE,
            b"messages %d..%d no longer stored" % (self.stream.replay_number, last_number),
            now,
        )
        return True
