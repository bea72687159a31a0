"""The ways in: from a connection that was accepted to a live session, or to a refusal.

A Logon is judged first (logon.py), and changes nothing unless it is right in every point. Then the key's former session
ends, if it is live, and the newcomer is confirmed only when the last dead order of that session is out and told of, and
its receipts are: until then it waits, what it sends stays unread, and a still newer logon of the key overtakes it. With
a grace, a Logon with resetSeqNum 0 takes the orders over instead, and is confirmed at once (grace.py).
"""

from typing import TYPE_CHECKING

from codec.layout import Cause
from gateway.cause_policy import CAUSE_POLICY
from gateway.config import Gateway
from gateway.credentials import KeyRing
from gateway.heartbeat import next_look
from gateway.lifecycle import (
    TEXT_ALREADY_LOGGED_ON,
    TEXT_LOGON_TIMEOUT,
    TEXT_OVERTAKEN,
    TEXT_RETRY_AFTER,
    TEXT_TOO_MANY_CONNECTIONS,
    LinkEvent,
    SessionEvent,
    next_link_state,
    next_session_state,
)
from gateway.log import Log
from gateway.logon import LogonRequest, Refusal, judge_frame, judge_number
from gateway.refusal_log import RefusalLog
from gateway.reissue import Untold, tell_again, untold
from gateway.session import Link, LinkClosing, LinkState, Session, SessionState, logged_out

if TYPE_CHECKING:
    from gateway.core import Core


class Admission:
    """The links of one core that have no session yet, and how they come to one.

    `pending_logons_max` connections at most wait for their Logon.
    """

    def __init__(self, core: "Core", key_ring: KeyRing, settings: Gateway, log: Log, pending_logons_max: int) -> None:
        self._core = core
        self._key_ring = key_ring
        self._refuse_duplicates = settings.duplicate_logon == "refuse"
        self._heartbeat_interval_s = settings.heartbeat_interval_s
        self._log = log
        self._refusals = RefusalLog(log)
        self._pending_logons_max = pending_logons_max
        # In order of connecting, so that the one that has waited longest is the first.
        self._pending_logons: dict[Link, None] = {}

    @property
    def pending_logons(self) -> int:
        """Connections whose Logon is awaited."""
        return len(self._pending_logons)

    # inputs

    def connected(self, link: Link, now: int) -> None:
        """A connection was accepted: its Logon is awaited until the logon timeout."""
        core = self._core
        link.connected_judged_ns = core.judged(now)
        if core.is_shutting_down:
            self.refuse(link, str(CAUSE_POLICY[Cause.GATEWAY_SHUTDOWN].text), now)
            return
        self._pending_logons[link] = None
        core.deadlines.set(link, now + core.silence.logon_ns)
        if len(self._pending_logons) > self._pending_logons_max:
            # Who means to log on does so at once: the one that has waited longest is the least likely to.
            longest = next(iter(self._pending_logons))
            self.refuse(longest, TEXT_TOO_MANY_CONNECTIONS, now)
            longest.closing = LinkClosing.CLOSING_ABORT

    def logon(self, link: Link, frame: bytes, now: int) -> None:
        """The first frame of a link: a Logon to be judged, or anything else, which is refused."""
        verdict = judge_frame(frame, self._key_ring)
        if isinstance(verdict, LogonRequest):
            session = self._core.sessions[verdict.slot]
            verdict = self._judge(verdict, session, now) or verdict
        if isinstance(verdict, Refusal):
            self.reject(link, verdict.text, now)
            return
        self._forget(link)
        self._core.departure.make_way(session, not verdict.reset, now)
        if session.state == SessionState.SESSION_ENDING or self._core.cancels.is_firing(session):
            self._wait(link, session, verdict, now)
        else:
            self._admit(link, session, verdict, now)

    def judge_stranger(self, link: Link, seen: int, now: int) -> None:
        """The link's deadline has come: no Logon in time, unless the gateway stood still meanwhile."""
        core = self._core
        refused_at = link.connected_judged_ns + core.silence.logon_ns + core.dispatcher.stalled_ns
        if refused_at > seen:
            core.deadlines.set(link, refused_at)
        else:
            self.refuse(link, TEXT_LOGON_TIMEOUT, now)

    def leave(self, link: Link, closing: LinkClosing) -> None:
        """The line of a link that awaits or waits for something is of no use any more."""
        if link.session is not None:
            link.session.newcomer = None
        self._forget(link)
        link.state = next_link_state(link.state, LinkEvent.LEFT)
        self._core.close(link, closing)

    def reject(self, link: Link, text: str, now: int) -> None:
        """`refuse`, for what the operator may want to know."""
        self._refusals.refused(text, now)
        self.refuse(link, text, now)

    def refuse(self, link: Link, text: str, now: int) -> None:
        """LoggedOut without a session: number 0, part of no stream."""
        if link.state == LinkState.LINK_WAITING and link.session is not None:
            link.session.newcomer = None
        self._forget(link)
        self._core.tally.refused(text)
        link.state = next_link_state(link.state, LinkEvent.REFUSED)
        link.farewell = logged_out(text.encode("ascii", "replace"), now)
        self._core.close(link, LinkClosing.CLOSING_POLITELY)

    def refuse_all(self, text: str, now: int) -> None:
        """Refuses everybody whose Logon is awaited."""
        for link in list(self._pending_logons):
            self.refuse(link, text, now)

    def turn_away(self, session: Session, text: str, now: int) -> None:
        """Refuses the newcomer that waits for the session's end, if there is one."""
        if session.newcomer is not None:
            self.refuse(session.newcomer, text, now)

    def let_in_newcomer(self, session: Session, now: int) -> None:
        """Nothing of the session is under way: whoever waited for that is confirmed, and what it sent since is read."""
        newcomer = session.newcomer
        if newcomer is not None:
            self._admit(newcomer, session, newcomer.logon, now)
            self._core.dispatcher.resume(newcomer, now)

    # inside

    def _judge(self, request: LogonRequest, session: Session, now: int) -> Refusal | None:
        wait_ms = self._core.flap_guard.wait_ms(session, now)
        if wait_ms:
            return Refusal(TEXT_RETRY_AFTER.format(wait_ms))
        refusal = judge_number(request, session)
        if refusal is None and session.state == SessionState.SESSION_LIVE and self._refuse_duplicates:
            return Refusal(TEXT_ALREADY_LOGGED_ON)
        return refusal

    def _wait(self, link: Link, session: Session, request: LogonRequest, now: int) -> None:
        self.turn_away(session, TEXT_OVERTAKEN, now)
        link.state = next_link_state(link.state, LinkEvent.MUST_WAIT)
        link.session = session
        link.logon = request
        session.newcomer = link

    def _admit(self, link: Link, session: Session, request: LogonRequest, now: int) -> None:
        core = self._core
        loss = core.grace.end(session) if session.state == SessionState.SESSION_LOST else None
        session.state = next_session_state(session.state, SessionEvent.ADMITTED)
        link.state = next_link_state(link.state, LinkEvent.ADMITTED)
        link.session = session
        link.logon = None
        session.link = link
        session.newcomer = None
        session.epoch += 1
        core.tally.logons += not session.is_canary
        session.version = request.version
        core.dispatcher.cover.begin(session, request.covered)
        core.disconnected.pop(session, None)
        last_processed = 0 if request.reset else session.last_processed
        fires = self._start_numbers(session, request)
        session.options = 0
        session.reissued_bytes = 0
        session.stream.attach()
        session.send_logon_conf(self._heartbeat_interval_s, last_processed, now)
        tell_again(session, fires, now)
        session.heard_ns = now
        session.heard_judged_ns = core.judged(now)
        session.probed_judged_ns = 0
        core.deadlines.set(link, next_look(session, core.silence, core.dispatcher.stalled_ns))
        core.log_of(session).info("logon", client_id=session.client_id, epoch=session.epoch, version=session.version)
        if loss is not None:
            core.log_of(session).info(
                "orders taken over",
                client_id=session.client_id,
                epoch=session.epoch,
                orders=core.controls.venue.owner_open(session.slot)[0],
                lost_for_us=(now - loss.detected_time) // 1000,
            )

    def _start_numbers(self, session: Session, request: LogonRequest) -> list[Untold]:
        """Continues or restarts both streams; returns the fires that a reset must not lose."""
        fires: list[Untold] = []
        if request.reset:
            fires = untold(session)
            session.stream.reset()
        session.stream.end_allowance()
        session.ending = None
        session.fires.clear()
        session.expected_number = request.number + 1
        session.last_processed = request.number
        return fires

    def _forget(self, link: Link) -> None:
        """The link is no longer one whose Logon is awaited."""
        self._pending_logons.pop(link, None)
        self._core.deadlines.clear(link)
