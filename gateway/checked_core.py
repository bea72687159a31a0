"""The core with what it promises asserted as it runs: the debug build's, and every test's that drives a core.

The numbers are those of the promises that the README lists. What one place of the hot path can see is said there
(must_hold.pxd); here is what only shows between two inputs:

    I1, I12  registry, books, queues and counts agree, seen from every side (invariants.py)
    I2  when nothing of a session is under way any more, none of its dead orders is left
    I5  a fire's account says as many orders as its fence has killed
    I6  a connection ends once, and a fire is over once
    I7  nobody is gone for silence who was heard within the time that they have
    I8  a fence changes what is open in its scope, and nowhere else
    I9  what a session was told by its last fires is stored while it has not been read
    I11 a step moves on by as much as it may, or by all that there is

I3 and I4 are said where orders are bound and filled; I10 needs two cores (tests/simulation).
"""

from collections.abc import Collection
from typing import Final

from codec.layout import CancelOnDisconnectScope, Cause
from gateway.cancel_on_disconnect import CancelOnDisconnect, Ending, Fire
from gateway.cause_policy import CAUSE_POLICY
from gateway.config import Config
from gateway.core import Core
from gateway.engine import Engine
from gateway.fences import Fences
from gateway.invariants import check, check_stream, dead_orders, is_debug_build, orders_held
from gateway.limits import ENDINGS_PER_STEP_MAX, FIRES_REMEMBERED_MAX, PENDING_LOGONS_MAX
from gateway.log import Log
from gateway.session import Link, Session, SessionState
from gateway.tally import Tally
from gateway.venue import Venue

_INPUTS_LEAST: Final = 64
"""Between two looks at everything there is lie so many inputs, and more as there is more to look at."""


class CheckedCancels(CancelOnDisconnect):
    """Cancel on disconnect whose every fence and step is checked."""

    engine: Engine
    sessions: list[Session]
    venue: Venue

    def __init__(self, fences: Fences, step_orders: int, tally: Tally) -> None:
        super().__init__(fences, step_orders, tally)
        self._ended_epochs: dict[Session, int] = {}
        self._most = 0  # orders that the present step may take out
        self._over = 0
        self._begun = 0

    def begin(
        self, session: Session, cause: Cause, text: str | None, now: int, detected_time: int | None = None
    ) -> Ending:
        before = self._open()
        ending = super().begin(session, cause, text, now, detected_time)
        whole = ending.scope == CancelOnDisconnectScope.PORTFOLIO
        self._holds_only(before, {session}, session.portfolio_id if whole else None)
        open_orders, covered = self.venue.owner_open(session.slot)
        left = open_orders if whole or CAUSE_POLICY[cause].takes_uncovered else covered
        _require(left == 0, f"I2: {session.client_id}: {left} orders live behind their fence")
        _require(
            self._ended_epochs.get(session, 0) < session.epoch, f"I6: {session.client_id}: {session.epoch} ended twice"
        )
        self._ended_epochs[session] = session.epoch
        return ending

    def begin_uncovered(self, session: Session, cause: Cause | None, now: int) -> int:
        before = self._open()
        killed = super().begin_uncovered(session, cause, now)
        self._holds_only(before, {session}, None)
        return killed

    def begin_portfolio(self, portfolio: int, cause: Cause, now: int, detected_time: int | None = None) -> int:
        before = self._open()
        killed = super().begin_portfolio(portfolio, cause, now, detected_time)
        self._holds_only(before, set(), self._id_of(portfolio))
        return killed

    def begin_lock(self, portfolio: int, now: int) -> int:
        before = self._open()
        killed = super().begin_lock(portfolio, now)
        self._holds_only(before, set(), self._id_of(portfolio))
        return killed

    def step(self, now: int) -> list[Session]:
        fires = self.fires()
        left = sum(fire.left_count for fire in fires)
        turns = [self._fires[session][0].left_count for session in self._turns][:ENDINGS_PER_STEP_MAX]
        done = super().step(now)
        still = set(self.fires())
        over = [fire for fire in fires if fire not in still]
        drained = left - sum(fire.left_count for fire in fires)
        _require(drained <= self._most, f"I11: {drained} orders in a step, {self._most} allowed")
        # It stops at a frame that does not fit any more, or after a turn of each: then as many frames are out.
        full = drained > self._most - self._frame_orders
        a_turn_each = sum(min(wanted, self._frame_orders) for wanted in turns)
        _require(full or drained == a_turn_each, f"I11: only {drained} of {left} orders in a step")
        for fire in over:
            self._check_account(fire)
        self._over += len(over)
        _require(self._begun == self._over + len(still), f"I6: {self._begun} fires, {self._over} over")
        for session in done:
            dead = dead_orders(self.engine, session.slot)
            _require(dead == 0, f"I2: {session.client_id}: {dead} dead orders left")
        return done

    def _budget(self) -> int:
        self._most = super()._budget()
        return self._most

    def _add(self, fire: Fire) -> None:
        self._begun += 1
        super()._add(fire)

    def _check_account(self, fire: Fire) -> None:
        told = fire.account.cancelled_count + fire.exempt_count
        _require(
            fire.left_count == 0 and fire.bound_count == told,
            f"I5: {fire.session.client_id}: {fire.bound_count} orders in scope, {told} accounted for",
        )

    def _open(self) -> list[tuple[int, int]]:
        return [self.venue.owner_open(session.slot) for session in self.sessions]

    def _id_of(self, portfolio: int) -> int:
        return next(one.portfolio_id for one in self.sessions if self._fences.portfolio_of(one) == portfolio)

    def _holds_only(self, before: list[tuple[int, int]], scope: set[Session], portfolio_id: int | None) -> None:
        for session, was, now_open in zip(self.sessions, before, self._open(), strict=True):
            touched = session in scope or session.portfolio_id == portfolio_id
            _require(touched or was == now_open, f"I8: {session.client_id}: had {was} open, now {now_open}")


class CheckedCore(Core):
    """A core like any other, with the same outputs, that raises AssertionError where a promise does not hold."""

    cancels_type = CheckedCancels
    cancels: CheckedCancels

    def __init__(
        self, config: Config, log: Log, pending_logons_max: int = PENDING_LOGONS_MAX, hash_secret: int = 0
    ) -> None:
        super().__init__(config, log, pending_logons_max, hash_secret)
        self.cancels.engine = self.engine
        self.cancels.sessions = self.sessions
        self.cancels.venue = self.controls.venue
        self._streams_trimmed = False
        self._inputs_until_look = 0

    def gone(self, session: Session, cause: Cause, now: int, text: str | None = None) -> None:
        if cause == Cause.HEARTBEAT_MISSED and session.state == SessionState.SESSION_LIVE:
            silent_ns = self.judged(now) - session.heard_judged_ns
            _require(
                silent_ns >= self.silence.lapse_ns,
                f"I7: {session.client_id} was silent for {silent_ns} ns, {self.silence.lapse_ns} allowed",
            )
        super().gone(session, cause, now, text)

    def tick(self, now: int, seen: int, unread: Collection[Link] = ()) -> None:
        super().tick(now, seen, unread)
        self._look()

    def received(self, link: Link, data: bytes, now: int) -> None:
        super().received(link, data, now)
        self._look()

    def step(self, now: int) -> None:
        super().step(now)
        self._look()

    def trim_streams(self) -> None:
        self._streams_trimmed = True
        super().trim_streams()

    def check(self) -> None:
        """Looks at everything there is: costs as much as there is."""
        check(self.engine)
        for session in self.sessions:
            check_stream(session.stream)
            self._check_told(session)
        stored = sum(session.stream.stored_bytes for session in self.sessions if not session.is_canary)
        _require(stored == self.stored_bytes, f"I12: streams hold {stored} bytes, {self.stored_bytes} counted")

    def _look(self) -> None:
        self._inputs_until_look -= 1
        if self._inputs_until_look < 0:
            self.check()
            self._inputs_until_look = max(_INPUTS_LEAST, orders_held(self.engine))

    def _check_told(self, session: Session) -> None:
        under_way = sum(fire.left_count > 0 for fire in session.fires)
        _require(
            len(session.fires) <= max(FIRES_REMEMBERED_MAX, under_way + 1),
            f"I12: {session.client_id}: {len(session.fires)} fires remembered",
        )
        if session.state == SessionState.SESSION_LIVE or self._streams_trimmed:
            return
        if session.ending is not None and not session.ending.delivered:
            first = session.ending.account.first_number
            _require(
                first == 0 or first >= session.stream.oldest_number,
                f"I9: {session.client_id}: number {first} of its end is stored no longer",
            )


def core_type() -> type[Core]:
    """The core that a gateway of this build runs on."""
    return CheckedCore if is_debug_build() else Core


def _require(holds: bool, promise: str) -> None:
    if not holds:
        raise AssertionError(promise)
