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

Endings take turns, a frame each: one session with 100,000 orders does not hold up a thousand small ones.
"""

from collections import deque
from dataclasses import dataclass

from codec.layout import Cause
from gateway.limits import ENDINGS_PER_STEP_MAX, ORDERS_CANCELED_ENTRIES_MAX, orders_canceled_bytes
from gateway.orders import Orders
from gateway.session import Session


@dataclass(slots=True)
class Ending:
    """One session's way out; times in ns of core time."""

    session: Session
    cause: Cause
    text: str | None
    detected_time: int
    fenced_time: int
    exec_id: int
    bound_count: int
    cancelled_count: int = 0
    first_number: int | None = None  # of the 310 frames in the session's stream
    last_number: int | None = None
    delivered: bool = False  # its client is known to have been sent all of it

    @property
    def left_count(self) -> int:
        """Orders that are fenced, but not yet out and told of."""
        return self.bound_count - self.cancelled_count


class CancelOnDisconnect:
    """The endings under way, and the step that moves them on."""

    def __init__(self, orders: Orders, step_orders: int) -> None:
        self._orders = orders
        self._step_orders = step_orders
        self._frame_orders = min(step_orders, ORDERS_CANCELED_ENTRIES_MAX)
        self._endings: deque[Ending] = deque()

    @property
    def under_way(self) -> int:
        """How many sessions are fenced but not yet told of in full."""
        return len(self._endings)

    def begin(self, session: Session, cause: Cause, text: str | None, now: int) -> Ending:
        """Raises the fence of the session's epoch; the rest follows in steps."""
        bound_count, exec_id = self._orders.fence(session)
        ending = Ending(session, cause, text, now, now, exec_id, bound_count)
        self._endings.append(ending)
        return ending

    def step(self, now: int) -> list[Ending]:
        """Takes out and tells of at most `step_orders` orders; returns the endings that are complete with that.

        Dead orders that matching met and took out of the book on its way are work already done, and count.
        """
        complete: list[Ending] = []
        budget = self._step_orders - self._orders.take_dead_met(self._step_orders)
        for _ in range(min(len(self._endings), ENDINGS_PER_STEP_MAX)):
            ending = self._endings[0]
            wanted = min(ending.left_count, self._frame_orders)
            if wanted > budget:
                break
            if wanted:
                self._drain(ending, wanted, now)
                budget -= wanted
            self._endings.popleft()
            if ending.left_count:
                self._endings.append(ending)
            else:
                complete.append(ending)
        return complete

    def _drain(self, ending: Ending, wanted: int, now: int) -> None:
        number = ending.session.stream.next_number
        # A logon with reset must find every cancel of the connection before it, however small the depth.
        ending.session.stream.allow(orders_canceled_bytes(wanted))
        ending.cancelled_count += self._orders.drain(
            ending.session, wanted, ending.exec_id, ending.fenced_time, now
        )
        if ending.first_number is None:
            ending.first_number = number
        ending.last_number = number
