"""The dead man's switch (4020, 4021): a timer of a portfolio that cancels all that is open unless it is set again.

It belongs to the portfolio and not to a connection: it goes on when connections are lost, displaced or ended by the
venue, and any session of the portfolio whose key is entitled sets it again or turns it off, whoever set it. A request
is answered by the first of these that applies:

    NOT_ENTITLED (4)          the key has not `portfolio_cancel`
    INVALID_SCOPE (2)         scope is not PORTFOLIO
    TIMEOUT_OUT_OF_RANGE (1)  timeoutMs is above 86,399,999
    STALE_ARM_SEQUENCE (3)    armSequence is not above the last one that was accepted in this portfolio
    ACCEPTED (0)              the switch fires timeoutMs from now, or is off if that is 0

A refused request changes nothing; what it is told of the switch is how that stands. An accepted one without armSequence
leaves the last one as it is. That one is kept when the switch is turned off and when it fires: a request that was sent
before that cannot set the switch after it.

An entitlement that a new configuration takes away leaves the switch as it is: it fires in time unless another key of
the portfolio speaks to it. Neither does a lock of the portfolio stop it, nor a shutdown.

The switch fires when its time has passed and everything that had arrived by then has been processed, so that a request
that was there in time counts, however long the gateway stood still. Lines of the portfolio that had more to read than
their share of a pass, or that dead orders hold up, are waited for, at most DEAD_MAN_READ_MOST_MS. What a connection
sends that waits for its key's former session to end has not arrived in this sense: it is not logged on yet. Nobody can
tell when bytes arrived, only when they were read: a request that comes between the switch's time and its fire counts.

All orders and quotes of the portfolio that are open then are dead at once, by the mark of the portfolio
(cancel_on_disconnect.py); the sessions live on, and what they enter afterwards lives. Sessions that are ending tell of
what their end has killed under its own cause. The switch is off from then on.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from codec.layout import CancelAllAfterStatus, CancelOnDisconnectScope, Cause
from gateway.cancel_on_disconnect import CancelOnDisconnect
from gateway.deadlines import Deadlines
from gateway.dispatch import Dispatcher
from gateway.limits import CANCEL_ALL_AFTER_MOST_MS, DEAD_MAN_EXPIRIES_PER_TICK_MAX, DEAD_MAN_READ_MOST_MS
from gateway.log import Log, rfc_3339
from gateway.session import Link, LinkState, Session

_MILLISECOND_NS: Final = 1_000_000
_READ_MOST_NS: Final = DEAD_MAN_READ_MOST_MS * _MILLISECOND_NS
_NEVER_NS: Final = 2**63 - 1


@dataclass(slots=True, eq=False)
class DeadManSwitch:
    """One portfolio's. trigger_time: core time in ns, None when it is off; arm_sequence: the last one accepted."""

    portfolio_id: int
    trigger_time: int | None = None
    arm_sequence: int | None = None
    deadline: Any = None


class Answer(NamedTuple):
    """What a request is answered: its status, and the trigger time in ns of the switch as it is now, None when off."""

    status: CancelAllAfterStatus
    trigger_time: int | None


class DeadManSwitches:
    """The switches of one gateway's portfolios.

    `portfolio_index` has the index of each portfolio in the engine, by id. The dispatcher is told when the next switch
    fires, so that the shell looks at the clock in time.
    """

    def __init__(
        self, cancels: CancelOnDisconnect, dispatcher: Dispatcher, portfolio_index: Mapping[int, int], log: Log
    ) -> None:
        self._cancels = cancels
        self._dispatcher = dispatcher
        self._portfolio_index = portfolio_index
        self._log = log
        self._switches: dict[int, DeadManSwitch] = {}
        self._deadlines = Deadlines[DeadManSwitch]()

    # queries

    @property
    def next_trigger(self) -> int | None:
        """The core time in ns at which the next switch fires, None when all are off."""
        return self._deadlines.first

    def armed(self) -> list[DeadManSwitch]:
        """The switches that are on, in the order in which their portfolios first had one."""
        return [switch for switch in self._switches.values() if switch.trigger_time is not None]

    # inputs

    def request(self, session: Session, timeout_ms: int, arm_sequence: int | None, scope: int, now: int) -> Answer:
        """A CancelAllAfterRequest; called by the dispatcher."""
        switch = self._switches.get(session.portfolio_id) or DeadManSwitch(session.portfolio_id)
        status = _judge(switch, session, timeout_ms, arm_sequence, scope)
        if status is CancelAllAfterStatus.ACCEPTED:
            self._switches[session.portfolio_id] = switch
            if arm_sequence is not None:
                switch.arm_sequence = arm_sequence
            self._set(switch, now + timeout_ms * _MILLISECOND_NS if timeout_ms else None)
        return Answer(status, switch.trigger_time)

    def expire(self, now: int, seen: int, unread: Collection[Link]) -> None:
        """Fires the switches whose time has passed by `seen`, at most DEAD_MAN_EXPIRIES_PER_TICK_MAX at once.

        By then everything that had arrived has been processed, but for what lines in `unread` may have more.
        """
        if self.next_trigger is None or self.next_trigger > seen:
            return
        read_on = {link.session.portfolio_id for link in unread if link.session and link.state == LinkState.LINK_LIVE}
        put_off: list[DeadManSwitch] = []
        for _ in range(DEAD_MAN_EXPIRIES_PER_TICK_MAX):
            switch = self._deadlines.pop_due(seen)
            if switch is None:
                break
            assert switch.trigger_time is not None, "only a switch that is on has a deadline"
            if switch.portfolio_id in read_on and seen < switch.trigger_time + _READ_MOST_NS:
                put_off.append(switch)
            else:
                self._fire(switch, switch.trigger_time, now)
        for switch in put_off:
            self._set(switch, switch.trigger_time)
        self._tell_next()

    # inside

    def _set(self, switch: DeadManSwitch, trigger_time: int | None) -> None:
        switch.trigger_time = trigger_time
        if trigger_time is None:
            self._deadlines.clear(switch)
        else:
            self._deadlines.set(switch, trigger_time)
        self._tell_next()

    def _tell_next(self) -> None:
        self._dispatcher.next_trigger_ns = _NEVER_NS if self.next_trigger is None else self.next_trigger

    def _fire(self, switch: DeadManSwitch, trigger_time: int, now: int) -> None:
        count = self._cancels.begin_portfolio(self._portfolio_index[switch.portfolio_id], Cause.DEAD_MAN_EXPIRED, now)
        switch.trigger_time = None
        self._log.warning(
            "dead man's switch expired",
            portfolio=switch.portfolio_id,
            orders=count,
            trigger_time=rfc_3339(trigger_time),
            late_us=(now - trigger_time) // 1000,
        )


def _judge(
    switch: DeadManSwitch, session: Session, timeout_ms: int, arm_sequence: int | None, scope: int
) -> CancelAllAfterStatus:
    if not session.portfolio_cancel:
        return CancelAllAfterStatus.NOT_ENTITLED
    if scope != CancelOnDisconnectScope.PORTFOLIO:
        return CancelAllAfterStatus.INVALID_SCOPE
    if timeout_ms > CANCEL_ALL_AFTER_MOST_MS:
        return CancelAllAfterStatus.TIMEOUT_OUT_OF_RANGE
    if arm_sequence is not None and switch.arm_sequence is not None and arm_sequence <= switch.arm_sequence:
        return CancelAllAfterStatus.STALE_ARM_SEQUENCE
    return CancelAllAfterStatus.ACCEPTED
