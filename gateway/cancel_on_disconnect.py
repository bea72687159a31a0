"""Cancel on disconnect: what happens to a session's orders when the session is gone.

The argument, step by step:

1. The fence. `Engine.fence` raises the session's fenced epoch: from that instant no order that this connection
   entered can trade, and none that it still has on the way is accepted. Two comparisons, no order touched, nothing
   that can fail.
2. The moment of the fence gives the event its execId and its timestamp; each OrdersCanceled of it repeats them.
3. The drain takes the dead orders out of the session's own list, oldest first, at most `drain_step_orders` a step for
   all sessions together, and tells of each in OrdersCanceled (310), a full frame at a time. Between steps the gateway
   serves everybody else; they cannot see the difference, because a fenced order does not exist for them.
4. When none is left, the end is told (LoggedOut, where somebody may read it), and only then may the key log on again.

Sessions take turns, a frame each: one session with 100,000 orders does not hold up a thousand small ones.

The same way go the orders of a whole portfolio that the venue locks or ends: a mark of the portfolio is its fence, each
of its sessions that has orders hears of its own, and the session itself lives on. Orders that one session lost by
several events are told of event by event, in the order of the fences.
"""

from collections import deque
from dataclasses import dataclass

from codec.layout import CancelReason, Cause
from gateway.cause_policy import CAUSE_POLICY
from gateway.limits import ENDINGS_PER_STEP_MAX, ORDERS_CANCELED_ENTRIES_MAX, orders_canceled_bytes
from gateway.orders import Orders
from gateway.session import Session
from gateway.tally import Tally


@dataclass(slots=True, kw_only=True)
class Fire:
    """Orders of one session that one event has killed; times in ns of core time."""

    session: Session
    cancel_reason: CancelReason
    exec_id: int
    fenced_time: int
    covered_left: int  # fenced, but not yet out and told of
    uncovered_left: int = 0

    @property
    def left_count(self) -> int:
        """Orders that are fenced, but not yet out and told of."""
        return self.covered_left + self.uncovered_left


@dataclass(slots=True, kw_only=True)
class Ending(Fire):
    """One session's way out: the fire of its orders, and what is known of it."""

    cause: Cause
    text: str | None
    detected_time: int
    bound_count: int
    first_number: int | None = None  # of the 310 frames that went into the session's stream since the end began
    last_number: int | None = None
    delivered: bool = False  # its client is known to have been sent all of it


class CancelOnDisconnect:
    """The fires under way, and the step that moves them on."""

    def __init__(self, orders: Orders, step_orders: int, tally: Tally) -> None:
        self._orders = orders
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
        """Whether orders of the session are fenced but not yet told of."""
        return session in self._fires

    def begin(
        self, session: Session, cause: Cause, text: str | None, now: int, detected_time: int | None = None
    ) -> Ending:
        """Raises the fence of the session's epoch; the rest follows in steps. detected_time: now, unless given."""
        bound_count, exec_id = self._orders.fence(session)
        ending = Ending(
            session=session,
            cancel_reason=CAUSE_POLICY[cause].cancel_reason,
            exec_id=exec_id,
            fenced_time=now,
            covered_left=bound_count,
            cause=cause,
            text=text,
            detected_time=now if detected_time is None else detected_time,
            bound_count=bound_count,
        )
        self._add(ending)
        self._tally.fenced(ending)
        return ending

    def begin_portfolio(self, portfolio: int, cancel_reason: CancelReason, now: int) -> int:
        """Raises the fence of all orders of a portfolio, given by its index; returns how many they were."""
        killed, exec_id = self._orders.fence_portfolio(portfolio)
        for session, covered, uncovered in killed:
            self._add(
                Fire(
                    session=session,
                    cancel_reason=cancel_reason,
                    exec_id=exec_id,
                    fenced_time=now,
                    covered_left=covered,
                    uncovered_left=uncovered,
                )
            )
        return sum(covered + uncovered for _, covered, uncovered in killed)

    def step(self, now: int) -> list[Ending]:
        """Takes out and tells of at most `step_orders` orders; returns the endings that are complete with that.

        Dead orders that matching met and took out of the book on its way are work already done, and count.
        """
        complete: list[Ending] = []
        budget = self._step_orders - self._orders.take_dead_met(self._step_orders)
        for _ in range(min(len(self._turns), ENDINGS_PER_STEP_MAX)):
            session = self._turns[0]
            fires = self._fires[session]
            fire = fires[0]
            wanted = min(fire.left_count, self._frame_orders)
            if wanted > budget:
                break
            if wanted:
                self._drain(fires, wanted, now)
                budget -= wanted
            self._turns.popleft()
            if not fire.left_count:
                fires.popleft()
                if isinstance(fire, Ending):
                    self._tally.completed(fire, now)
                    complete.append(fire)
            if fires:
                self._turns.append(session)
            else:
                del self._fires[session]
        return complete

    def _add(self, fire: Fire) -> None:
        if fire.session in self._fires:
            self._fires[fire.session].append(fire)
        else:
            self._fires[fire.session] = deque([fire])
            self._turns.append(fire.session)

    def _drain(self, fires: deque[Fire], wanted: int, now: int) -> None:
        """Takes out and tells of that many orders of a session's first fire."""
        fire = fires[0]
        covered = min(wanted, fire.covered_left)
        uncovered = wanted - covered
        number = fire.session.stream.next_number
        ending = next((later for later in fires if isinstance(later, Ending)), None)
        if ending is not None:
            # A logon with reset must find every cancel of the connection before it, however small the depth.
            fire.session.stream.allow(orders_canceled_bytes(wanted))
        self._orders.drain(
            fire.session,
            covered,
            uncovered,
            fire.cancel_reason,
            wanted == fire.left_count,
            fire.exec_id,
            fire.fenced_time,
            now,
        )
        fire.covered_left -= covered
        fire.uncovered_left -= uncovered
        if ending is not None:
            if ending.first_number is None:
                ending.first_number = number
            ending.last_number = number
