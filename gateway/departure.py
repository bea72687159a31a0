"""The ways out: from a live session to one that is lost or gone, and to the last word on its line.

Every end of a session, for whatever cause, goes through `Core.gone`, the one door, and what the cause means is its row
of the table in cause_policy.py. The order never changes: fence first, then the cancels and receipts, then LoggedOut,
then the line is closed, then the key may log on again. A lost session (grace.py) lets its line go first and is fenced
later.
"""

from typing import TYPE_CHECKING

from codec.layout import Cause
from gateway.cancel_on_disconnect import Ending
from gateway.cause_policy import CAUSE_POLICY, Policy
from gateway.flap_guard import FlapGuard
from gateway.grace import Grace, Loss
from gateway.lifecycle import LinkEvent, SessionEvent, link_of, next_link_state, next_session_state, session_of
from gateway.session import Link, LinkClosing, Session, SessionState

if TYPE_CHECKING:
    from gateway.core import Core


class Departure:
    """The ends of one core's sessions. Who is lost is in `grace`, who was lost too often in `flap_guard`."""

    def __init__(self, core: "Core", grace: Grace, flap_guard: FlapGuard) -> None:
        self._core = core
        self._grace = grace
        self._flap_guard = flap_guard

    def gone(self, session: Session, cause: Cause, text: str | None, now: int) -> None:
        """The session has ended: the fence goes up now, the rest follows in steps.

        Idempotent: the first cause stands, also of a session that was lost before. Where the cause has grace, and there
        is one, the session is lost for now, and no fence goes up.
        """
        cancels = self._core.cancels
        if session.state == SessionState.SESSION_LOST:
            loss = self._grace.loss_of(session)
            session.ending = cancels.begin(session, loss.cause, None, now, loss.detected_time)
            self._grace.end(session)
        elif session.state != SessionState.SESSION_LIVE:
            return
        elif CAUSE_POLICY[cause].grace and self._has_grace(session) and not self._flap_guard.would_lock(session, now):
            self._lose(session, cause, now)
            return
        else:
            # Fence first: nothing before this line may fail or wait.
            session.ending = cancels.begin(session, cause, text, now)
            self._unlink(session, cause)
            self._count_loss(session, cause, now)
        session.state = next_session_state(session.state, SessionEvent.GONE)

    def line_is_over(self, link: Link, cause: Cause, now: int) -> None:
        """The line of a live session is of no use any more.

        A goodbye that came before that is one, though dead orders kept it from being read.
        """
        if not self._said_goodbye(link, now):
            self._core.gone(session_of(link), cause, now)

    def make_way(self, session: Session, may_take_over: bool, now: int) -> None:
        """The key logs on again: its session is lost, to be taken over, or gone.

        A client that may take over comes back perhaps before anybody noticed that its line was dead.
        """
        if session.state == SessionState.SESSION_LIVE and may_take_over and self._has_grace(session):
            if not self._said_goodbye(link_of(session), now):
                self._lose(session, Cause.DISPLACED, now)
        elif session.state != SessionState.SESSION_LOST or not may_take_over:
            self._core.gone(session, Cause.DISPLACED, now)

    def end_graces(self, judged: int, now: int) -> None:
        """Whoever was lost and has not come back by then, on the clock that stalls do not advance, is gone."""
        for session in self._grace.over(judged):
            self._core.gone(session, self._grace.loss_of(session).cause, now)

    def end(self, ending: Ending, now: int) -> None:
        """All that the session's end has killed is out and told of: say so, and let the line go."""
        session = ending.session
        policy = CAUSE_POLICY[ending.cause]
        dropped_requests = 0
        if session.link is not None:  # there is none any more if it was lost before
            link = self._let_go(session, policy, ending.text, now)
            link.ending = ending
            ending.told = session.fires[:]
            dropped_requests = link.dropped_requests
        session.state = next_session_state(session.state, SessionEvent.DRAINED)
        log = self._core.log_of(session)
        tell = log.info if policy.level == "info" else log.warning
        tell(
            "session gone",
            client_id=session.client_id,
            epoch=session.epoch,
            cause=ending.cause.name,
            orders=ending.account.cancelled_count,
            dropped_requests=dropped_requests,
            reason=ending.text,
            time_to_safe_us=(ending.fenced_time - ending.detected_time) // 1000,
            time_to_reported_us=(now - ending.detected_time) // 1000,
        )

    # inside

    def _has_grace(self, session: Session) -> bool:
        """Whether the session's orders outlive a lost line. A drop-copy session has none."""
        return self._grace.grace_ns > 0 and not session.drop_copy

    def _said_goodbye(self, link: Link, now: int) -> bool:
        """Whether the client has; then its session ends with that."""
        if not self._core.dispatcher.has_said_goodbye(link):
            return False
        self._core.gone(session_of(link), Cause.LOGOUT, now)
        return True

    def _lose(self, session: Session, cause: Cause, now: int) -> None:
        """The session's line is lost, and the line is let go as always; the orders stay, and may be taken over."""
        self._grace.begin(session, Loss(cause, now, self._core.judged(now)))
        session.state = next_session_state(session.state, SessionEvent.LOST)
        link = self._unlink(session, cause)
        self._count_loss(session, cause, now)
        self._let_go(session, CAUSE_POLICY[cause], None, now)
        self._core.log_of(session).warning(
            "session lost",
            client_id=session.client_id,
            epoch=session.epoch,
            cause=cause.name,
            orders=self._core.controls.venue.owner_open(session.slot)[0],
            dropped_requests=link.dropped_requests,
        )

    def _count_loss(self, session: Session, cause: Cause, now: int) -> None:
        if CAUSE_POLICY[cause].grace and not session.is_canary and self._flap_guard.lost(session, now):
            wait_ms = self._flap_guard.wait_ms(session, now)
            self._core.log_of(session).warning("locked out", client_id=session.client_id, lockout_ms=wait_ms)

    def _unlink(self, session: Session, cause: Cause) -> Link:
        """What comes in on the session's link is the session's no more; what the session says still goes out on it."""
        core = self._core
        link = link_of(session)
        link.state = next_link_state(link.state, LinkEvent.SESSION_GONE)
        link.end_cause = cause
        core.deadlines.clear(link)
        core.disconnected[session] = None
        core.dispatcher.open_orders.forget(session)
        core.dispatcher.drop_pending(link)
        return link

    def _let_go(self, session: Session, policy: Policy, text: str | None, now: int) -> Link:
        """All is said that the link was to hear, but for LoggedOut: say that, and close it."""
        link = link_of(session)
        if policy.text is not None:
            session.send_logged_out((text or policy.text).encode("ascii", "replace"), now)
        if policy.closing == LinkClosing.CLOSING_POLITELY:
            link.farewell = session.stream.take(session.stream.unsent_bytes)
        self._core.close(link, policy.closing)
        session.stream.detach()
        session.link = None
        return link
