"""Cancel on disconnect: what happens to a session's orders when the session is gone.

The argument, step by step:

1. The fence. A mark of the session, or of its portfolio, is raised: from that instant no order that it concerns can
   trade, and none that the connection still has on the way is accepted. Two comparisons, no order touched, nothing
   that can fail.
2. The moment of the fence gives the event its execId and its timestamp; each OrdersCanceled of it repeats them.
3. The drain takes the dead orders out of the session's own list, oldest first, at most `drain_step_orders` a step for
   all sessions together, and tells of each in OrdersCanceled (310), a full frame at a time. Between steps the gateway
   serves everybody else; they cannot see the difference, because a fenced order does not exist for them.
4. When none is left, the receipt says what was cancelled (4030).
5. When nothing of the session is under way any more, its end is told (LoggedOut, where somebody may read it), and only
   then may the key log on again.

Sessions take turns, a frame each: one session with 100,000 orders does not hold up a thousand small ones.

One event may kill orders of many sessions: the loss of a connection that had switched that on for its portfolio, the
dead man's switch, a portfolio that the venue locks or ends. Each session hears of its own orders, and has a receipt of
its own; who is still connected lives on. Orders that one session lost by several events are told of event by event, in
the order of the fences.
"""

from collections import deque
from dataclasses import dataclass, field

from codec.layout import CancelOnDisconnectScope, CancelReason, Cause
from gateway.cause_policy import CAUSE_POLICY, Takes
from gateway.fences import Fences
from gateway.limits import (
    ENDINGS_PER_STEP_MAX,
    FIRES_REMEMBERED_MAX,
    ORDERS_CANCELED_ENTRIES_MAX,
    orders_canceled_bytes,
    receipt_bytes,
)
from gateway.receipt import Account, tell_receipt
from gateway.session import Session, SessionState
from gateway.tally import Tally


@dataclass(slots=True, kw_only=True, eq=False)
class Fire:
    """Orders of one session that one event has killed, and what is told of them; times in ns of core time.

    cause: None for an event of which no receipt tells.
    last_heard_time: when the last complete frame came from the session whose orders they are.
    bound_count: its open orders at the fence, of those that the event was about.
    exempt_count: those of them that live on, for they are not covered.
    """

    session: Session
    cause: Cause | None
    scope: CancelOnDisconnectScope
    cancel_reason: CancelReason
    exec_id: int
    last_heard_time: int
    detected_time: int
    fenced_time: int
    bound_count: int = field(init=False)
    exempt_count: int = 0
    covered_left: int  # fenced, but not yet out and told of
    uncovered_left: int = 0
    account: Account = field(default_factory=Account)
    receipt_number: int = 0  # in the session's stream; 0 while there is none in it
    delivered: bool = False  # the client is known to have been sent all of it

    def __post_init__(self) -> None:
        self.bound_count = self.left_count + self.exempt_count

    @property
    def left_count(self) -> int:
        """Orders that are fenced, but not yet out and told of."""
        return self.covered_left + self.uncovered_left

    @property
    def wants_receipt(self) -> bool:
        """Whether a receipt tells of it: cancel on disconnect and its kin, but not what drop copy does."""
        return self.cause is not None and not self.session.drop_copy


@dataclass(slots=True, kw_only=True, eq=False)
class Ending(Fire):
    """One session's way out: the fire of its orders, and what is known of it."""

    cause: Cause
    text: str | None
    told: list[Fire] = field(default_factory=list)  # all that the connection was told of, this one among them

    def mark_delivered(self, delivered: bool) -> None:
        """Whether the client is known to have been sent everything that it was told."""
        for fire in self.told:
            fire.delivered = delivered


class CancelOnDisconnect:
    """The fires under way, and the step that moves them on."""

    def __init__(self, fences: Fences, step_orders: int, tally: Tally) -> None:
        self._fences = fences
        self._tally = tally
        self._step_orders = step_orders
        self._frame_orders = min(step_orders, ORDERS_CANCELED_ENTRIES_MAX)
        self._turns: deque[Session] = deque()
        self._fires: dict[Session, deque[Fire]] = {}

    @property
    def under_way(self) -> int:
        """How many sessions have orders that are fenced but not yet told of, or have not ended for all that."""
        return len(self._turns)

    def fires(self) -> list[Fire]:
        """What is under way, session by session."""
        return [fire for session in self._turns for fire in self._fires[session]]

    def is_firing(self, session: Session) -> bool:
        """Whether something of the session is under way."""
        return session in self._fires

    def begin(
        self, session: Session, cause: Cause, text: str | None, now: int, detected_time: int | None = None
    ) -> Ending:
        """Raises the fence of the session's epoch, and that of its portfolio if it is armed; the rest follows in steps.

        detected_time: when it was known that the session is gone, if that was before now. Returns the session's own
        way out; orders of others that die with it are told of likewise, but end nobody.
        """
        policy = CAUSE_POLICY[cause]
        # Fence first: nothing before it may fail or wait.
        covered = self._fences.fence(session, True)
        uncovered = self._fences.fence(session, False) if policy.takes_uncovered else 0
        others: list[tuple[Session, int, int]] = []
        scope = CancelOnDisconnectScope.SESSION
        if session.portfolio_armed and policy.takes is Takes.SWITCHED:
            scope = CancelOnDisconnectScope.PORTFOLIO
            for killed in self._fences.fence_portfolio(self._fences.portfolio_of(session)):
                if killed[0] is session:
                    uncovered += killed[2]
                else:
                    others.append(killed)
        ending = Ending(
            session=session,
            cause=cause,
            scope=scope,
            cancel_reason=policy.cancel_reason,
            exec_id=self._fences.next_exec_id() if covered + uncovered or others else 0,
            last_heard_time=session.heard_ns,
            detected_time=now if detected_time is None else detected_time,
            fenced_time=now,
            exempt_count=self._fences.open_uncovered(session),
            covered_left=covered,
            uncovered_left=uncovered,
            text=text,
        )
        self._add(ending)
        self._tally.detected(ending)
        self._add_killed(others, cause, policy.cancel_reason, ending.exec_id, now, ending.detected_time)
        return ending

    def begin_uncovered(self, session: Session, cause: Cause | None, now: int) -> int:
        """Raises the fence of what a session has open and is not covered, connected or not.

        Cause None: at a shutdown, before the session's end, and in no receipt. Returns how many orders they were.
        """
        killed = self._fences.fence(session, False)
        if killed:
            self._add(
                Fire(
                    session=session,
                    cause=cause,
                    scope=CancelOnDisconnectScope.SESSION,
                    cancel_reason=CancelReason.ADMIN,
                    exec_id=self._fences.next_exec_id(),
                    last_heard_time=session.heard_ns,
                    detected_time=now,
                    fenced_time=now,
                    covered_left=0,
                    uncovered_left=killed,
                )
            )
        return killed

    def begin_portfolio(self, portfolio: int, cause: Cause, now: int, detected_time: int | None = None) -> int:
        """Raises the fence of all orders of a portfolio, given by its index, for a cause that ends no session.

        Returns how many orders they were.
        """
        reason = CAUSE_POLICY[cause].cancel_reason
        return self._begin_portfolio(portfolio, cause, reason, now, now if detected_time is None else detected_time)

    def begin_lock(self, portfolio: int, now: int) -> int:
        """The same where the venue locks the portfolio, which is none of the causes: no receipt tells of it."""
        return self._begin_portfolio(portfolio, None, CancelReason.PORTFOLIO_LOCKED, now, now)

    def step(self, now: int) -> list[Session]:
        """Takes out and tells of at most `step_orders` orders; returns the sessions that are done with by that."""
        done: list[Session] = []
        budget = self._budget()
        for _ in range(min(len(self._turns), ENDINGS_PER_STEP_MAX)):
            session = self._turns[0]
            fires = self._fires[session]
            fire = fires[0]
            wanted = min(fire.left_count, self._frame_orders)
            if wanted > budget:
                break
            if wanted:
                self._drain(fire, wanted, now)
                budget -= wanted
            self._turns.popleft()
            if not fire.left_count:
                fires.popleft()
                if fire.cause is not None:
                    self._tally.completed(fire, fire.cause, now)
                if fire.wants_receipt:
                    self._tell_receipt(fire, now)
            if fires:
                self._turns.append(session)
            else:
                del self._fires[session]
                done.append(session)
        return done

    def _budget(self) -> int:
        """Dead orders that matching met and took out of the book on its way are work already done, and count."""
        return self._step_orders - self._fences.take_dead_met(self._step_orders)

    def _begin_portfolio(
        self, portfolio: int, cause: Cause | None, cancel_reason: CancelReason, now: int, detected_time: int
    ) -> int:
        killed = self._fences.fence_portfolio(portfolio)
        exec_id = self._fences.next_exec_id() if killed else 0
        self._add_killed(killed, cause, cancel_reason, exec_id, now, detected_time)
        return sum(covered + uncovered for _, covered, uncovered in killed)

    def _add_killed(
        self,
        killed: list[tuple[Session, int, int]],
        cause: Cause | None,
        cancel_reason: CancelReason,
        exec_id: int,
        now: int,
        detected_time: int,
    ) -> None:
        """Sessions whose orders one event of their portfolio has killed: how many covered ones and others of each."""
        for session, covered, uncovered in killed:
            self._add(
                Fire(
                    session=session,
                    cause=cause,
                    scope=CancelOnDisconnectScope.PORTFOLIO,
                    cancel_reason=cancel_reason,
                    exec_id=exec_id,
                    last_heard_time=session.heard_ns,
                    detected_time=detected_time,
                    fenced_time=now,
                    covered_left=covered,
                    uncovered_left=uncovered,
                )
            )

    def _add(self, fire: Fire) -> None:
        session = fire.session
        if fire.cause is not None:
            self._tally.fenced(fire, fire.cause)
        session.fires.append(fire)
        while len(session.fires) > FIRES_REMEMBERED_MAX and not session.fires[0].left_count:
            del session.fires[0]
        if session in self._fires:
            self._fires[session].append(fire)
        else:
            self._fires[session] = deque([fire])
            self._turns.append(session)

    def _drain(self, fire: Fire, wanted: int, now: int) -> None:
        """Takes out and tells of that many orders of a session's first fire."""
        covered = min(wanted, fire.covered_left)
        uncovered = wanted - covered
        _keep(fire.session, orders_canceled_bytes(wanted))
        self._fences.drain(
            fire.session,
            covered,
            uncovered,
            fire.cancel_reason,
            wanted == fire.left_count,
            fire.exec_id,
            fire.fenced_time,
            fire.account,
            now,
        )
        fire.covered_left -= covered
        fire.uncovered_left -= uncovered

    def _tell_receipt(self, fire: Fire, now: int) -> None:
        _keep(fire.session, receipt_bytes())
        fire.receipt_number = tell_receipt(fire, now)


def _keep(session: Session, length: int) -> None:
    """A frame of so many bytes is about to be put into the session's stream, and nobody may be there to read it.

    A logon with reset must find it all the same, however small the depth.
    """
    if session.state != SessionState.SESSION_LIVE:
        session.stream.allow(length)
