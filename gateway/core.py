"""The gateway without its sockets: bytes and times go in, frames come out.

Inputs, each with the core time `now` (ns since the epoch, never going back):

    connected(link, now)         a connection was accepted
    received(link, data, now)    bytes came in
    half_closed(link, now)       end of file
    lost(link, now)              the connection is gone
    slow(link, now)              the client does not read
    delivered(link)              the socket took every byte of a closing link
    undelivered(link)            the client reset the line all the same
    drained(session)             the socket took all that a live session's stream had for it
    stalled(stall_ns)            the gateway itself stood still for so long; told before what came in meanwhile
    tick(now, seen, unread)      time has passed; everything that had come in by `seen` has been received, but for what
                                 may be left on the lines in `unread`
    settle(now)                  a settlement by command, besides those at settlement_time
    step(now)                    a bounded piece of the work that is under way, while `is_busy`
    shut_down(now)
    control(control, now)        the venue's operator wants something (venue_controls.py)
    reload(config, now)          the configuration is to be another one (reload.py)

Outputs: `dirty_sessions` have new output in their streams (`output`), `closing_links` are to be closed as they say,
after their `farewell`. The same inputs give the same bytes. The shell in server.py and the tests drive this same
core.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from codec.layout import Cause
from gateway.admission import Admission
from gateway.assembly import engine_of, flap_guard_of, portfolio_indexes, rate_limits_of, silence_of
from gateway.cancel_on_disconnect import CancelOnDisconnect
from gateway.cause_policy import CAUSE_POLICY
from gateway.config import ApiKey, Config
from gateway.cover import Cover
from gateway.credentials import KeyRing
from gateway.day_orders import DayOrders
from gateway.dead_man_switch import DeadManSwitches
from gateway.deadlines import Deadlines
from gateway.departure import Departure
from gateway.dispatch import Dispatcher
from gateway.fences import Fences
from gateway.grace import Grace
from gateway.heartbeat import has_lapsed, must_probe, must_speak, next_look
from gateway.lifecycle import LinkEvent, next_link_state, session_of
from gateway.limits import PENDING_LOGONS_MAX, SETTLEMENTS_AT_ONCE_MAX
from gateway.log import Log, NoLog
from gateway.orders import Orders
from gateway.session import Link, LinkClosing, LinkState, Session, SessionState
from gateway.settlement import Settlements
from gateway.stream import ChunkPool, Stream
from gateway.tally import Tally
from gateway.venue_controls import Control, VenueControls

if TYPE_CHECKING:
    from gateway.canary import Canary

_MILLISECOND_NS: Final = 1_000_000
_NO_LOG: Final = NoLog()


class Core:
    """One gateway's state: sessions, orders, books, streams. `log` gets the events that an operator wants to know.

    `pending_logons_max` connections at most wait for their Logon. `hash_secret` are 128 bits that no client knows: no
    output depends on it.
    """

    cancels_type: type[CancelOnDisconnect] = CancelOnDisconnect

    def __init__(
        self, config: Config, log: Log, pending_logons_max: int = PENDING_LOGONS_MAX, hash_secret: int = 0
    ) -> None:
        settings = config.gateway
        self._log = log
        self.key_ring = KeyRing(config.api_keys)
        self.silence = silence_of(config.gateway)
        self._resend_depth_bytes = settings.resend_depth_bytes
        self._resend_total_bytes = settings.resend_total_bytes
        self.tally = Tally()
        self.pool = ChunkPool()
        self.dirty_sessions: list[Session] = []
        self.closing_links: list[Link] = []
        self.sessions: list[Session] = []
        # Without a connection, in order of losing it: the first gives way first when streams grow too large.
        self.disconnected: dict[Session, None] = {}
        self._watchers: dict[int, list[Session]] = {}
        for key in config.api_keys:
            self.add_session(key)
        self.engine = engine_of(config, hash_secret)
        orders = Orders(self.engine, self.sessions, rate_limits_of(config.rate_limit, portfolio_indexes(config)))
        orders.allow_dead(settings.drain_step_orders)
        self.cancels = self.cancels_type(Fences(orders, self.sessions), settings.drain_step_orders, self.tally)
        self._settlements = Settlements(settings.settlement_time)
        self._day_orders = DayOrders(orders)
        self._step_orders = settings.drain_step_orders
        self.dispatcher = Dispatcher(
            orders,
            Cover(self.engine, settings.cancel_on_disconnect),
            self,
            self.pool,
            settings.resend_total_bytes,
            settings.frame_size_max_in,
            settings.sequence_check == "strict",
        )
        self.deadlines = Deadlines[Link]()
        self.grace = Grace(settings.cancel_grace_ms * _MILLISECOND_NS)
        self.flap_guard = flap_guard_of(settings)
        self.departure = Departure(self, self.grace, self.flap_guard)
        self._admission = Admission(self, self.key_ring, settings, log, pending_logons_max)
        self.is_shutting_down = False
        self.controls: VenueControls = VenueControls(self, config, log)
        self.switches = DeadManSwitches(self.cancels, self.dispatcher, self.controls.portfolio_index, log)
        # Given by the shell, which breaks it; what it does is never told among what clients do.
        self.canary: Canary | None = None

    # queries

    @property
    def is_busy(self) -> bool:
        """Whether `step` has work to do."""
        return (
            self.cancels.under_way > 0
            or self.dispatcher.releases.is_behind
            or bool(self.dispatcher.held_up)
            or self._day_orders.is_busy
            or self.controls.is_busy
            or self.dispatcher.open_orders.is_busy
        )

    @property
    def pending_logons(self) -> int:
        """Connections whose Logon is awaited."""
        return self._admission.pending_logons

    @property
    def is_shut_down(self) -> bool:
        """Whether, after `shut_down`, every session has ended and been told."""
        return self.is_shutting_down and not self.is_busy and not self._live_sessions()

    @property
    def stored_bytes(self) -> int:
        """What all streams together keep for resend."""
        return self.pool.stored_bytes

    @property
    def next_deadline(self) -> int | None:
        """The core time at which `tick` may have something to do, None when there is nothing to wait for."""
        timers = (
            self.deadlines.first,
            self.dispatcher.next_timer_ns,
            self.dispatcher.releases.next_release,
            self.dispatcher.mmp_reports.next_unfreeze,
            self.switches.next_trigger,
            self._grace_end,
        )
        return min((at for at in timers if at), default=None)

    @property
    def dropped_requests(self) -> dict[Cause, int]:
        """Requests that were on the way when their session was over, by its cause."""
        return {cause: self.dispatcher.dropped_requests(cause) for cause in Cause}

    @property
    def _grace_end(self) -> int | None:
        end = self.grace.first_end_judged
        return None if end is None else end + self.dispatcher.stalled_ns

    # inputs

    def connected(self, link: Link, now: int) -> None:
        """A connection was accepted: its Logon is awaited until the logon timeout."""
        self._admission.connected(link, now)

    def received(self, link: Link, data: bytes, now: int) -> None:
        """Bytes came in. What is not a whole frame yet, or may not be read yet, is kept by the link."""
        self.dispatcher.feed(link, data, now)

    def half_closed(self, link: Link, now: int) -> None:
        """The client closed its sending side; it may still read."""
        self._dispose(link, Cause.TCP_CLOSED, now)

    def lost(self, link: Link, now: int) -> None:
        """There is no connection any more: reset, failed write, timed out."""
        self._dispose(link, Cause.TCP_RESET, now)
        link.state = next_link_state(link.state, LinkEvent.LOST)
        session = link.session
        if session is not None and session.link is link:
            session.stream.detach()

    def slow(self, link: Link, now: int) -> None:
        """The client does not read what it is sent."""
        self._dispose(link, Cause.SLOW_CONSUMER, now)

    def delivered(self, link: Link) -> None:
        """The socket took everything that a closing link had to say."""
        ending = link.ending
        if ending is not None and CAUSE_POLICY[ending.cause].peer_reads:
            ending.mark_delivered(True)

    def undelivered(self, link: Link) -> None:
        """The client reset the line, so it need not have read what the socket took."""
        if link.ending is not None:
            link.ending.mark_delivered(False)

    def drained(self, session: Session) -> None:
        """The socket took all that the session's stream had for it: a list of open orders goes on."""
        self.dispatcher.open_orders.drained(session)

    def stalled(self, stall_ns: int) -> None:
        """The gateway stood still until now: for so long it could hear nobody, so nobody was silent.

        Tell it before what came in meanwhile is received: who is heard then has nothing to be forgiven.
        """
        self.dispatcher.stalled_ns += stall_ns

    def tick(self, now: int, seen: int, unread: Collection[Link] = ()) -> None:
        """Runs timers, judges silence and switches as of `seen`, and releases what has waited behind speed bumps.

        By `seen` everything that had arrived has been received, but for what lines in `unread` may have more. Later
        than that, who seems silent may only not have been read yet.
        """
        self.run_timers(now)
        while (link := self.deadlines.pop_due(seen)) is not None:
            if link.state == LinkState.LINK_LOGON:
                self._admission.judge_stranger(link, seen, now)
            elif link.state == LinkState.LINK_LIVE:
                self._judge(link, seen, now)
        self.departure.end_graces(self.judged(seen), now)
        self.switches.expire(now, seen, [*unread, *self.dispatcher.held_up])
        # Last: an order whose session has just been found gone is dead.
        self.dispatcher.releases.release(now)

    def settle(self, now: int) -> None:
        """A settlement by command: it counts for day orders as one at settlement_time does."""
        self.run_timers(now)
        self._settle(1, now)

    def step(self, now: int) -> None:
        """A bounded piece of what is under way, endings first; call it once a turn while `is_busy`.

        Before that, whom dead orders have held up goes on: they may take as many out of their ways as a step drains.
        """
        self.dispatcher.orders.allow_dead(self._step_orders)
        self.dispatcher.go_on(now)
        if self.cancels.under_way:
            for session in self.cancels.step(now):
                if session.state == SessionState.SESSION_ENDING:
                    self.departure.end(session.ending, now)
                self._admission.let_in_newcomer(session, now)
        elif self.dispatcher.releases.is_behind:
            self.dispatcher.releases.release(now)
        elif self._day_orders.is_busy:
            self._day_orders.expire(self._step_orders, now)
        elif self.controls.is_busy:
            self.controls.step(now)
        else:
            self.dispatcher.open_orders.step(self._step_orders, now)
        self._shut_down_drop_copy(now)

    def shut_down(self, now: int) -> None:
        """No new logons; every session ends with cause 9, drop copy last. Done when `is_shut_down`.

        What is not covered goes first, of every session, connected or not: without a journal nothing can be kept, and
        who has orders shall hear what became of them.
        """
        self.is_shutting_down = True
        text = str(CAUSE_POLICY[Cause.GATEWAY_SHUTDOWN].text)
        self._admission.refuse_all(text, now)
        for session in self.sessions:
            self.cancels.begin_uncovered(session, None, now)
        for session in self.sessions:
            self.turn_away(session, text, now)
            if not session.drop_copy:
                self.gone(session, Cause.GATEWAY_SHUTDOWN, now)
        self._shut_down_drop_copy(now)

    def control(self, control: Control, now: int) -> str:
        """Does what the venue's operator asks for, and says what was done.

        Raises:
            ControlError: it cannot be done, and nothing was.
        """
        self.run_timers(now)
        return self.controls.control(control, now)

    def reload(self, config: Config, now: int) -> str:
        """Makes a configuration the one in force, and says what that changed.

        Raises:
            ConfigError: naming everything in it that may not change while the gateway runs; nothing was changed.
        """
        self.run_timers(now)
        return self.controls.reload(config, now)

    # the one door out

    def gone(self, session: Session, cause: Cause, now: int, text: str | None = None) -> None:
        """The session has ended, for whatever cause: the fence goes up now, the rest follows in steps.

        Idempotent: the first cause stands. Where it has grace, and there is one, the session is only lost for now.
        """
        self.departure.gone(session, cause, text, now)

    # called by the ways in

    def judged(self, now: int) -> int:
        """The time on the clock that the gateway's own stalls do not advance."""
        return now - self.dispatcher.stalled_ns

    def log_of(self, session: Session) -> Log:
        """Where to tell what becomes of the session."""
        return _NO_LOG if session.is_canary else self._log

    def close(self, link: Link, closing: LinkClosing) -> None:
        """The line is to be let go like that."""
        link.closing = closing
        self.closing_links.append(link)

    # called by the venue's controls

    def add_session(self, key: ApiKey, stream: Stream | None = None) -> Session:
        """A session for a new key, under the next slot; its stream is one of the clients' unless it is given."""
        if stream is None:
            stream = Stream(self.pool, self._resend_depth_bytes)
        session = Session(
            len(self.sessions), key.client_id, key.portfolio, key.role == "drop_copy", stream, self.dirty_sessions
        )
        session.portfolio_cancel = key.portfolio_cancel
        watchers = self._watchers.setdefault(key.portfolio, [])
        if session.drop_copy:
            watchers.append(session)
        else:
            session.watchers = watchers
        self.sessions.append(session)
        self.disconnected[session] = None
        return session

    def watchers_of(self, session: Session) -> list[Session]:
        """The drop-copy sessions of the session's portfolio; what the list holds is what counts."""
        return self._watchers[session.portfolio_id]

    def turn_away(self, session: Session, text: str, now: int) -> None:
        """Refuses the newcomer that waits for the session's end, if there is one."""
        self._admission.turn_away(session, text, now)

    # called by the dispatcher

    def logon(self, link: Link, frame: bytes, now: int) -> None:
        """The first frame of a link: a Logon to be judged, or anything else, which is refused."""
        self._admission.logon(link, frame, now)

    def violated(self, link: Link, text: str, now: int) -> None:
        """The link broke the protocol beyond a Reject; `text` says what was wanted and what came."""
        if link.state == LinkState.LINK_LIVE:
            policy_text = CAUSE_POLICY[Cause.PROTOCOL_VIOLATION].text
            self.gone(session_of(link), Cause.PROTOCOL_VIOLATION, now, f"{policy_text}: {text}")
        else:
            self._admission.reject(link, text, now)

    def logout(self, session: Session, now: int) -> None:
        """The client said goodbye."""
        self.gone(session, Cause.LOGOUT, now)

    # inside: ways out

    def _shut_down_drop_copy(self, now: int) -> None:
        """Drop copy is closed last, after every cancel has been put to it."""
        if self.is_shutting_down and not self.is_busy:
            for session in self._live_sessions():
                self.gone(session, Cause.GATEWAY_SHUTDOWN, now)

    def _dispose(self, link: Link, cause: Cause, now: int) -> None:
        """The line of a link is of no use any more: its session is gone, or it never had one and may go."""
        if link.state == LinkState.LINK_LIVE:
            self.departure.line_is_over(link, cause, now)
        elif link.state in (LinkState.LINK_LOGON, LinkState.LINK_WAITING):
            self._admission.leave(link, CAUSE_POLICY[cause].closing)

    # inside: time, and what it costs to remember

    def _judge(self, link: Link, seen: int, now: int) -> None:
        session = session_of(link)
        judged = self.judged(seen)
        if has_lapsed(session, self.silence, judged):
            self.gone(session, Cause.HEARTBEAT_MISSED, now)
            return
        if must_probe(session, self.silence, judged):
            session.send_test_request(session.stream.next_number, now)
            session.probed_judged_ns = self.judged(now)
        elif must_speak(session, self.silence, seen):
            session.send_heartbeat(0, now)
        self.deadlines.set(link, next_look(session, self.silence, self.dispatcher.stalled_ns))

    def run_timers(self, now: int) -> None:
        """What its time has come for happens before anything else does."""
        self._settle(self._settlements.passed(now), now)
        self.dispatcher.next_timer_ns = self._settlements.next_ns or 0
        self.dispatcher.mmp_reports.unfreeze(now)

    def _settle(self, count: int, now: int) -> None:
        if count == 0:
            return
        self._log.info("settlement", day_orders=self._day_orders.open_count)
        for _ in range(min(count, SETTLEMENTS_AT_ONCE_MAX)):
            self._day_orders.settle()
        self._day_orders.expire(self._step_orders, now)

    def trim_streams(self) -> None:
        """Brings what all streams store below the total; the sessions disconnected longest give way first."""
        # A little more than needed, so that the next frame does not make it necessary again.
        wanted = self._resend_total_bytes - self._resend_total_bytes // 64
        for session in [*self.disconnected, *self._live_sessions()]:
            excess = self.pool.stored_bytes - wanted
            if excess <= 0:
                return
            session.stream.trim_to(max(session.stream.stored_bytes - excess, 0))

    def _live_sessions(self) -> list[Session]:
        return [session for session in self.sessions if session.state == SessionState.SESSION_LIVE]
