"""From received bytes to frames, and from each frame to the one who handles it.

This is the session layer's inbound half: framing, sequence numbers, and which requests a session may make. What happens
rarely and is a decision (a logon, the end of a session) goes to `policy`, which is plain Python:

    policy.logon(link, frame, now)              first frame of a link: a Logon or anything else
    policy.violated(link, reason, now)          the connection broke the protocol; `reason` is text for LoggedOut
    policy.logout(session, now)                 the client said goodbye
    policy.switches.request(...)                a dead man's switch is to be set or turned off
    policy.run_timers(now)                      next_timer_ns has come, or the end of a freeze; it sets the next one
    policy.trim_streams()                       the streams store more than they may
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memmove

from codec.layout cimport (
    AmendOrderRequest,
    CancelAllAfterRequest,
    CancelOnDisconnectRequest,
    CancelOrderByIdRequest,
    CancelOrderRequest,
    FrameHeader,
    GetMassQuoteMmpStatusRequest,
    GetOrdersMmpStatusRequest,
    HEADER_SIZE,
    MassCancelRequest,
    MassQuoteCancelRequest,
    NewOrderRequest,
    OpenOrdersRequest,
    PROTOCOL_ID,
    REJECT_REASON_INVALID_FIELD_VALUE,
    REJECT_REASON_MESSAGE_DISABLED,
    ResendRequest,
    SessionOptionsRequest,
    TEMPLATE_AMEND_ORDER_REQUEST,
    TEMPLATE_CANCEL_ALL_AFTER_REQUEST,
    TEMPLATE_CANCEL_ON_DISCONNECT_REQUEST,
    TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST,
    TEMPLATE_CANCEL_ORDER_REQUEST,
    TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST,
    TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST,
    TEMPLATE_HEARTBEAT,
    TEMPLATE_LOGON,
    TEMPLATE_LOGOUT,
    TEMPLATE_MASS_CANCEL_REQUEST,
    TEMPLATE_MASS_QUOTE_CANCEL_REQUEST,
    TEMPLATE_MASS_QUOTE_REQUEST,
    TEMPLATE_NEW_ORDER_REQUEST,
    TEMPLATE_OPEN_ORDERS_REQUEST,
    TEMPLATE_RESEND_REQUEST,
    TEMPLATE_SESSION_OPTIONS_REQUEST,
    TEMPLATE_TEST_REQUEST,
    TestRequest,
)
from codec.wire cimport (
    FRAME_COMPLETE,
    FRAME_INVALID_LENGTH,
    FRAME_INVALID_PROTOCOL_ID,
    FRAME_PARTIAL,
    Frame,
    Problem,
    check_request,
    frame_scan,
    problem_text,
)

from gateway.cancel_all_after cimport cancel_all_after
from gateway.cover cimport Cover
from gateway.engine cimport Engine
from gateway.in_flight cimport drop_bytes
from gateway.mass_cancel cimport MassCancels
from gateway.mass_quotes cimport MassQuotes
from gateway.mmp_reports cimport MmpReports
from gateway.open_orders cimport OpenOrders
from gateway.orders cimport Orders
from gateway.releases cimport Releases
from gateway.stream cimport ChunkPool
from gateway.session cimport LINK_CLOSING, LINK_LIVE, LINK_LOGON, LINK_WAITING, Link, Session
from gateway.session_options cimport session_options

from collections import deque

from gateway.lifecycle import TEXT_PENDING_FULL
from gateway.limits import HELD_UP_BUFFER_BYTES, NEWCOMER_BUFFER_BYTES, RESUMED_PER_STEP_BYTES

cdef size_t NEWCOMER_MAX = NEWCOMER_BUFFER_BYTES
cdef size_t HELD_UP_MAX = HELD_UP_BUFFER_BYTES
cdef size_t RESUMED_MAX = RESUMED_PER_STEP_BYTES

cdef enum:
    FRAME_HELD_UP = 1     # of _frame: it was not processed, and will come again


cdef class Dispatcher:
    """Frames of all links of one gateway.

    `strict` is `sequence_check = "strict"`; `frame_size_max` bounds messageLength of what comes in, `stored_bytes_max`
    what the streams of `pool` keep for resend, both in bytes.
    """

    def __cinit__(
        self, Orders orders not None, Cover cover not None, object policy, ChunkPool pool not None,
        uint64_t stored_bytes_max, size_t frame_size_max, bint strict
    ):
        self.orders = orders
        self.cover = cover
        self.mass_quotes = MassQuotes(orders)
        self.mass_cancels = MassCancels(orders)
        self.releases = Releases(orders)
        self.mmp_reports = MmpReports(orders)
        self.open_orders = OpenOrders(orders.engine)
        self.held_up = deque()
        self.pool = pool
        self.stored_bytes_max = stored_bytes_max
        self.policy = policy
        self.frame_size_max = frame_size_max
        self.strict = strict
        self.next_trigger_ns = INT64_MAX

    def feed(self, Link link not None, bytes data not None, int64_t now) -> None:
        """`data`, however much, came in on the link: processes it behind what is pending there, and keeps the rest."""
        cdef const uint8_t* at = <const uint8_t*>PyBytes_AS_STRING(data)
        cdef size_t left = PyBytes_GET_SIZE(data)
        cdef size_t size
        while left > 0:
            if link.state >= LINK_CLOSING:
                self.drop(link, at, left)
                return
            # As much as there is room for. A link without room may not be read yet: one byte more is too many.
            size = min(left, max(self.room(link) - link.pending_used, <size_t>1))
            if not self.hold(link, at, size, now):
                return
            self.resume(link, now)
            at += size
            left -= size

    def resume(self, Link link not None, int64_t now) -> None:
        """Processes what is pending on the link, as far as it may be read now, and keeps the rest."""
        cdef size_t consumed = self.received(link, link.pending, link.pending_used, now)
        link.pending_used -= consumed
        link.heard_bytes -= min(link.heard_bytes, consumed)
        if link.pending_used:  # a link that never had anything pending has no buffer to move within
            memmove(link.pending, link.pending + consumed, link.pending_used)
        if link.is_held_up:
            self.hear(link, now)
        if link.state >= LINK_CLOSING:
            link.forget_pending()

    def drop_pending(self, Link link not None) -> None:
        """The link's session is over: drops what is pending on it, and counts the requests in it.

        What is pending on a link that is being read right now is dropped by whoever reads it.
        """
        if link is not self.reading:
            self.drop(link, link.pending, link.pending_used)

    def dropped_requests(self, int cause) -> int:
        """Requests that were on the way when their session was over for this Cause."""
        return self.dropped[cause]

    def go_on(self, int64_t now) -> None:
        """A step has made room: whom dead orders have held up goes on, in turn, as far as the room goes."""
        cdef Link link
        cdef size_t resumed = 0
        cdef Engine engine = self.orders.engine
        self.releases.go_on(now)
        while self.held_up and resumed < RESUMED_MAX and (engine.dead_allowance != 0 or engine.registry.dead == 0):
            link = <Link>self.held_up.popleft()
            link.is_held_up = False
            if link.state != LINK_LIVE:
                link.forget_pending()
                continue
            resumed += link.pending_used
            self.resume(link, now)
            if link.is_held_up:
                self.held_up.rotate(1)  # it is still the first

    def has_said_goodbye(self, Link link not None) -> bool:
        """Whether a Logout of the client is waiting, unread, behind a request that is held up."""
        cdef size_t at = 0
        cdef Frame frame
        while link.is_held_up and at < link.pending_used:
            if frame_scan(link.pending + at, link.pending_used - at, self.frame_size_max, &frame) != FRAME_COMPLETE:
                return False
            if (<const FrameHeader*>frame.data).message_type_id == TEMPLATE_LOGOUT:
                return True
            at += frame.skipped + frame.length
        return False

    cdef int64_t due_ns(self) noexcept:
        """Core time before which nothing is due by its time alone.

        That is a timer of the policy, a release, the end of a freeze, or a dead man's switch.
        """
        return min(
            min(self.next_timer_ns, self.next_trigger_ns),
            min(self.releases.queue.next_due, self.orders.engine.registry.mmp.next_unfreeze),
        )

    cdef void drop(self, Link link, const uint8_t* data, size_t size) noexcept:
        """Nobody will look at these bytes of a link whose session, if it had any, is over."""
        cdef int64_t before = link.dropped.requests
        if link.end_cause != 0:
            drop_bytes(&link.dropped, data, size, self.frame_size_max)
            self.dropped[link.end_cause] += link.dropped.requests - before

    cdef bint hold(self, Link link, const uint8_t* data, size_t size, int64_t now) except -1:
        """Keeps bytes that cannot be processed yet; more of them than a link may have pending is a violation."""
        if link.state >= LINK_CLOSING:
            return False
        if link.append(data, size, self.room(link)):
            return self.hear(link, now) if link.is_held_up else True
        self.policy.violated(link, TEXT_PENDING_FULL, now)
        self.drop(link, data, size)
        link.forget_pending()
        return False

    cdef size_t room(self, Link link) noexcept:
        """How many bytes the link may have pending."""
        return HELD_UP_MAX if link.is_held_up else NEWCOMER_MAX

    cdef int hear(self, Link link, int64_t now) except -1:
        """Every whole frame that has come in is a sign of life, though it is not read yet. Always 1."""
        cdef Frame frame
        while frame_scan(
            link.pending + link.heard_bytes, link.pending_used - link.heard_bytes, self.frame_size_max, &frame
        ) == FRAME_COMPLETE:
            link.heard_bytes += frame.skipped + frame.length
            link.session.heard(now, self.stalled_ns)
        return 1

    cdef Py_ssize_t received(self, Link link, const uint8_t* data, size_t size, int64_t now) except -1:
        """Processes the whole frames at the start of `data` and returns how many bytes that was.

        `data` must stay as it is until this returns. After a link began to close, all of it counts as processed.
        """
        cdef size_t at = 0
        cdef Frame frame
        cdef int outcome
        cdef size_t looked_at = 0
        self.reading = link
        if now >= min(self.next_timer_ns, self.orders.engine.registry.mmp.next_unfreeze):
            self.policy.run_timers(now)
        while at < size:
            if link.state == LINK_WAITING or link.is_held_up:
                break
            if link.state >= LINK_CLOSING:
                self.drop(link, data + at, size - at)
                at = size
                break
            outcome = frame_scan(data + at, size - at, self.frame_size_max, &frame)
            if outcome == FRAME_PARTIAL:
                break
            if outcome != FRAME_COMPLETE:
                self.policy.violated(link, self._framing_text(outcome, data + at, size - at), now)
                at = size
                break
            if at >= looked_at and link.state == LINK_LIVE:
                looked_at = at + frame.skipped
                looked_at += self.orders.look_ahead(link.session, data + looked_at, size - looked_at)
            if link.state == LINK_LIVE:
                if at + frame.skipped + frame.length > link.heard_bytes:
                    link.session.heard(now, self.stalled_ns)
                if self._frame(link.session, frame.data, frame.length, now) == FRAME_HELD_UP:
                    break
            else:
                self.policy.logon(link, PyBytes_FromStringAndSize(<const char*>frame.data, frame.length), now)
            at += frame.skipped + frame.length
            self.frames_in += 1
        self.reading = None
        if self.pool.stored_bytes > self.stored_bytes_max:
            self.policy.trim_streams()
        return at

    cdef int _frame(self, Session session, const uint8_t* frame, size_t length, int64_t now) except -1:
        cdef const FrameHeader* header = <const FrameHeader*>frame
        cdef int64_t number = header.sequence_number
        cdef uint16_t template_id = header.message_type_id
        cdef Problem problem
        cdef char details[256]
        if number != session.expected_number and self.strict:
            self.policy.violated(session.link, f"sequence number {number}, wanted {session.expected_number}", now)
            return 0
        if now >= self.releases.queue.next_due and template_id != TEMPLATE_LOGOUT and template_id != TEMPLATE_LOGON:
            # What is due comes first, before this frame counts as processed. But nothing comes before a fence.
            self.releases.release(now)
        if self.orders.engine.registry.dead != 0 and not self.may_begin(session, frame, length, now):
            session.link.is_held_up = True
            self.held_up.append(session.link)
            return FRAME_HELD_UP
        session.last_processed = number
        session.expected_number = number + 1 if number < INT64_MAX else number
        if template_id == TEMPLATE_LOGON:
            self.policy.violated(session.link, "a second Logon on a live connection", now)
            return 0
        if check_request(frame, length, session.version, &problem) != 0:
            return self._refuse(
                session, frame, problem.reject_reason, details[:problem_text(&problem, details)], now
            )
        return self._request(session, template_id, frame, length, now)

    cdef bint may_begin(self, Session session, const uint8_t* frame, size_t length, int64_t now) except -1:
        """Whether dead orders hold up a request. What has to be refused is not held up, and nothing that does not trade."""
        cdef uint16_t template_id = (<const FrameHeader*>frame).message_type_id
        cdef Problem problem
        if (
            session.drop_copy
            or template_id not in (TEMPLATE_NEW_ORDER_REQUEST, TEMPLATE_AMEND_ORDER_REQUEST, TEMPLATE_MASS_QUOTE_REQUEST)
            or check_request(frame, length, session.version, &problem) != 0
        ):
            return True
        if template_id == TEMPLATE_MASS_QUOTE_REQUEST:
            return self.mass_quotes.is_clear(session, frame, now)
        return self.orders.is_clear(session, template_id, frame + HEADER_SIZE, now)

    cdef int _request(self, Session session, uint16_t template_id, const uint8_t* frame, size_t length, int64_t now) except -1:
        cdef const uint8_t* root = frame + HEADER_SIZE
        if template_id == TEMPLATE_LOGOUT:
            self.policy.logout(session, now)
            return 0
        if template_id == TEMPLATE_HEARTBEAT:
            return 0
        if template_id == TEMPLATE_TEST_REQUEST:
            return session.send_heartbeat((<const TestRequest*>root).correlation_id, now)
        if template_id == TEMPLATE_RESEND_REQUEST:
            return self._resend_request(session, frame, now)
        if session.drop_copy:
            return self._refuse(session, frame, REJECT_REASON_MESSAGE_DISABLED, b"a drop-copy session may not send this message", now)
        if template_id == TEMPLATE_NEW_ORDER_REQUEST:
            return self.orders.new_order(session, <const NewOrderRequest*>root, now)
        if template_id == TEMPLATE_AMEND_ORDER_REQUEST:
            return self.orders.amend_order(session, <const AmendOrderRequest*>root, now)
        if template_id == TEMPLATE_CANCEL_ORDER_REQUEST:
            return self.orders.cancel_order(session, <const CancelOrderRequest*>root, now)
        if template_id == TEMPLATE_CANCEL_ORDER_BY_ID_REQUEST:
            return self.orders.cancel_order_by_id(session, <const CancelOrderByIdRequest*>root, now)
        if template_id == TEMPLATE_MASS_QUOTE_REQUEST:
            return self.mass_quotes.mass_quote(session, frame, now)
        if template_id == TEMPLATE_MASS_CANCEL_REQUEST:
            return self.mass_cancels.mass_cancel(session, <const MassCancelRequest*>root, now)
        if template_id == TEMPLATE_MASS_QUOTE_CANCEL_REQUEST:
            return self.mass_cancels.mass_quote_cancel(session, <const MassQuoteCancelRequest*>root, now)
        if template_id == TEMPLATE_GET_MASS_QUOTE_MMP_STATUS_REQUEST:
            return self.mmp_reports.quotes_status(session, <const GetMassQuoteMmpStatusRequest*>root, now)
        if template_id == TEMPLATE_GET_ORDERS_MMP_STATUS_REQUEST:
            return self.mmp_reports.orders_status(session, <const GetOrdersMmpStatusRequest*>root, now)
        if template_id == TEMPLATE_CANCEL_ALL_AFTER_REQUEST:
            return cancel_all_after(self.policy.switches, session, <const CancelAllAfterRequest*>root, now)
        if template_id == TEMPLATE_CANCEL_ON_DISCONNECT_REQUEST:
            return self.cover.request(session, <const CancelOnDisconnectRequest*>root, now)
        if template_id == TEMPLATE_OPEN_ORDERS_REQUEST:
            return self._open_orders_request(session, frame, now)
        if template_id == TEMPLATE_SESSION_OPTIONS_REQUEST:
            return session_options(session, <const SessionOptionsRequest*>root, now)
        return self._refuse(session, frame, REJECT_REASON_MESSAGE_DISABLED, b"this message is not enabled on this gateway", now)

    cdef int _open_orders_request(self, Session session, const uint8_t* frame, int64_t now) except -1:
        cdef const OpenOrdersRequest* request = <const OpenOrdersRequest*>(frame + HEADER_SIZE)
        if self.open_orders.request(session, request, now):
            return 0
        return self._refuse(
            session, frame, REJECT_REASON_INVALID_FIELD_VALUE,
            b"correlationId at offset 32: wanted no request while another is being answered, was %d" % request.correlation_id,
            now,
        )

    cdef int _resend_request(self, Session session, const uint8_t* frame, int64_t now) except -1:
        cdef const ResendRequest* request = <const ResendRequest*>(frame + HEADER_SIZE)
        cdef int64_t last_number = session.stream.next_number - 1
        cdef int64_t first = request.from_sequence_number
        cdef int64_t last = request.to_sequence_number
        cdef bytes refusal = b""
        if session.stream.replaying:
            refusal = b"fromSequenceNumber at offset 32: wanted no request while another is being answered, was %d" % first
        elif first < 1 or first > last_number:
            refusal = b"fromSequenceNumber at offset 32: wanted 1 to %d, was %d" % (last_number, first)
        elif last != 0 and last < first:
            refusal = b"toSequenceNumber at offset 40: wanted 0 or at least %d, was %d" % (first, last)
        if refusal:
            return self._refuse(session, frame, REJECT_REASON_INVALID_FIELD_VALUE, refusal, now)
        session.replay_ref_number = (<const FrameHeader*>frame).sequence_number
        session.replay_told_number = 0
        session.stream.start_replay(first, last_number if last == 0 else min(last, last_number))
        session.mark_dirty()
        session.tell_lost(now)
        return 0

    cdef int _refuse(self, Session session, const uint8_t* frame, int reason, bytes details, int64_t now) except -1:
        self.frames_rejected += 1
        return session.send_reject((<const FrameHeader*>frame).sequence_number, reason, details, now)

    cdef str _framing_text(self, int outcome, const uint8_t* data, size_t size):
        cdef size_t skipped = 0
        while skipped < size and skipped < 7 and data[skipped] == 0:
            skipped += 1
        if outcome == FRAME_INVALID_PROTOCOL_ID:
            return f"protocolId at offset 0: wanted {PROTOCOL_ID}, was {data[skipped]}"
        if outcome == FRAME_INVALID_LENGTH:
            return (
                f"messageLength at offset 2: wanted {HEADER_SIZE} to {self.frame_size_max}, "
                f"was {(<const FrameHeader*>(data + skipped)).message_length}"
            )
        return "more than 7 zero bytes between frames"
