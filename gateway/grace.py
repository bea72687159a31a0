"""Grace: a lost line does not cost its orders until `cancel_grace_ms` are over (protocol 8.8).

A session whose line was lost (the causes with grace in cause_policy.py) is not gone but *lost*: no fence is raised, its
orders live, can be filled, and are reported into its stream. Then one of two things happens:

    taken over  A logon of the key with resetSeqNum 0. The orders go on, covered as they were, beside those of the next
                epoch; none is touched, and a later end of the session cancels them all. What was reported meanwhile
                stands in the stream, to be asked for.
    gone        The time is over, a logon of the key has resetSeqNum 1, the gateway is told to stop, or the venue's
                operator ends the session. The fence goes up then, under the cause of the loss and with its time as
                detectedTime; what follows is what always follows.

Whoever logs on in time but has to wait first, because others' fires still have orders of the session to tell of, has
taken over: the time does not run out meanwhile, unless that connection gives up.

Every session has the same grace, so they run out in the order of the losses: nothing is sorted or searched. The time is
judged on the clock that stalls of the gateway do not advance: nobody could come back meanwhile, and nobody could trade.
"""

from collections import OrderedDict
from dataclasses import dataclass
from itertools import takewhile

from codec.layout import Cause
from gateway.session import Session


@dataclass(frozen=True, slots=True)
class Loss:
    """How and when a session's line was lost; times in ns. lost_judged: on the clock that stalls do not advance."""

    cause: Cause
    detected_time: int
    lost_judged: int


class Grace:
    """The lost sessions of one gateway, in the order of their losses. `grace_ns` 0: there are never any."""

    def __init__(self, grace_ns: int) -> None:
        self.grace_ns = grace_ns
        # A dict would search for its first entry behind all those that were taken out before it.
        self._lost: OrderedDict[Session, Loss] = OrderedDict()

    @property
    def first_end_judged(self) -> int | None:
        """When the first grace will be over, on the clock that stalls do not advance; None when nobody is lost."""
        for loss in self._lost.values():
            return loss.lost_judged + self.grace_ns
        return None

    def begin(self, session: Session, loss: Loss) -> None:
        """The session is lost from now on."""
        self._lost[session] = loss

    def loss_of(self, session: Session) -> Loss:
        """How a session that is lost was lost."""
        return self._lost[session]

    def end(self, session: Session) -> Loss:
        """The session is lost no more; returns how it had been."""
        return self._lost.pop(session)

    def over(self, judged: int) -> list[Session]:
        """The sessions whose grace is over by then, in the order of their losses, but for those that are back.

        Whoever logged on in time and only waits until something else is told has its orders, late as that may be.
        """
        over = takewhile(lambda lost: judged >= lost[1].lost_judged + self.grace_ns, self._lost.items())
        return [session for session, _ in over if session.newcomer is None]
