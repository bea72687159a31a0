"""Venue controls: what the operator of the venue may do to it while it runs.

Each control is an input of the core like any other: a request below, and the core time at which it came. What others
can see of it is done at once, by a mark that takes no time however many orders it concerns: a halted or deactivated
instrument takes no order, a locked portfolio has none and enters none, a session that is killed is fenced. The orders
themselves are told of afterwards, in steps, after those of sessions that are gone.

Who has lost orders hears of them in OrdersCanceled (310): reason 11 for a deactivated book, 15 for a locked portfolio,
3 for a session that was killed or a key that was revoked; these sessions end with cause 12.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, structs

from codec.layout import CancelReason, Cause
from gateway.assembly import instrument_spec, portfolio_spec, rate_limits_of
from gateway.cancel_on_disconnect import Ending
from gateway.cause_policy import CAUSE_POLICY
from gateway.config import ApiKey, ClientId, Config, Id, RateLimit
from gateway.engine import InstrumentState
from gateway.engine_types import OwnerSpec
from gateway.errors import ControlError
from gateway.lifecycle import TEXT_KEY_REVOKED, may_end
from gateway.log import Log
from gateway.reload import Changes, compare
from gateway.session import Session
from gateway.venue import Venue

if TYPE_CHECKING:
    from gateway.core import Core

OPEN, HALTED, DEACTIVATED = InstrumentState

# Requests -----------------------------------------------------------------------------------------------------------


class Request(Struct, frozen=True, forbid_unknown_fields=True, tag_field="action"):
    """What an operator may ask for. `action` says which of them it is."""


class OfInstrument(Request, frozen=True):
    instrument_id: Id


class OfPortfolio(Request, frozen=True):
    portfolio_id: Id


class OfKey(Request, frozen=True):
    client_id: ClientId


class Halt(OfInstrument, frozen=True, tag="halt"):
    """No order, amend or quote is accepted; what rests stays, and may be cancelled."""


class Resume(OfInstrument, frozen=True, tag="resume"):
    """Ends a halt."""


class Deactivate(OfInstrument, frozen=True, tag="deactivate"):
    """Closes the instrument for good; all its orders are cancelled."""


class Lock(OfPortfolio, frozen=True, tag="lock"):
    """Cancels all orders of the portfolio, and lets it enter none."""


class Unlock(OfPortfolio, frozen=True, tag="unlock"):
    """Ends a lock."""


class KillClient(OfKey, frozen=True, tag="kill_client"):
    """Ends the key's session; it may log on again."""


class KillPortfolio(OfPortfolio, frozen=True, tag="kill_portfolio"):
    """Ends every session of the portfolio, and cancels all its orders."""


class Revoke(OfKey, frozen=True, tag="revoke"):
    """Ends the key's session, and lets it log on no more."""


class Settle(Request, frozen=True, tag="settle"):
    """A settlement now, besides those at settlement_time: day orders whose days are over are cancelled."""


Control = Halt | Resume | Deactivate | Lock | Unlock | KillClient | KillPortfolio | Revoke | Settle

# What they do -------------------------------------------------------------------------------------------------------


class VenueControls:
    """The controls of one core, and what of them is under way."""

    def __init__(self, core: "Core", config: Config, log: Log) -> None:
        self._core = core
        self._log = log
        self._step_orders = config.gateway.drain_step_orders
        self.config = config
        self.venue = Venue(core.engine)
        self.portfolio_index = {portfolio.id: index for index, portfolio in enumerate(config.portfolios)}
        self.revoked: set[str] = set()
        self._keys = {key.client_id: key for key in config.api_keys}
        self._slots = {key.client_id: slot for slot, key in enumerate(config.api_keys)}
        # Indexes of deactivated instruments whose books are not empty yet.
        self._emptying: deque[int] = deque()
        # Killed portfolios, whose drop-copy sessions end when everything has been put to them.
        self._killed: set[int] = set()
        self._actions: dict[type[Any], Callable[[Any, int], str]] = {
            Halt: self._halt,
            Resume: self._resume,
            Deactivate: self._deactivate,
            Lock: self._lock,
            Unlock: self._unlock,
            KillClient: self._kill_client,
            KillPortfolio: self._kill_portfolio,
            Revoke: self._revoke,
            Settle: self._settle,
        }

    @property
    def is_busy(self) -> bool:
        """Whether `step` has work to do."""
        return bool(self._emptying or self._killed)

    def is_emptying(self, instrument: int) -> bool:
        """Whether orders of a deactivated instrument, given by its index, have not left yet."""
        return instrument in self._emptying

    def is_shut_out(self, client_id: str) -> bool:
        """Whether nobody may log on with the key: it was revoked, or is not in the configuration any more."""
        return not self._core.key_ring.has(client_id)

    # inputs

    def control(self, control: Control, now: int) -> str:
        """Does it, and says what was done. ControlError: it cannot be done, and nothing was."""
        text = self._actions[type(control)](control, now)
        self._log.warning("venue control", action=control.__struct_config__.tag, **structs.asdict(control), result=text)
        return text

    def step(self, now: int) -> None:
        """A bounded piece of what is under way, once nothing follows from the end of a session any more."""
        for session in self._core.sessions if self._killed else ():
            if session.drop_copy and session.portfolio_id in self._killed:
                self._end(session, None, now)
        self._killed.clear()
        if self._emptying:
            taken = self.venue.leave_book(self._emptying[0], self._step_orders, CancelReason.BOOK_DEACTIVATED)
            self._core.dispatcher.orders.report_leaving(now)
            if taken < self._step_orders:
                self._emptying.popleft()

    # instruments

    def _halt(self, control: Halt, _now: int) -> str:
        return self._move(control.instrument_id, HALTED, "halted")

    def _resume(self, control: Resume, _now: int) -> str:
        return self._move(control.instrument_id, OPEN, "open")

    def _deactivate(self, control: Deactivate, _now: int) -> str:
        index = self._instrument(control.instrument_id)
        if self.venue.instrument_state(index) == DEACTIVATED:
            return f"instrument {control.instrument_id} was deactivated already"
        self.venue.set_instrument_state(index, DEACTIVATED)
        self._emptying.append(index)
        return f"instrument {control.instrument_id} is deactivated, its orders leave"

    def _move(self, instrument_id: int, state: InstrumentState, word: str) -> str:
        index = self._instrument(instrument_id)
        before = self.venue.instrument_state(index)
        if before == DEACTIVATED:
            raise ControlError(f"instrument {instrument_id} is deactivated, for good")
        if before == state:
            return f"instrument {instrument_id} was {word} already"
        self.venue.set_instrument_state(index, state)
        return f"instrument {instrument_id} is {word}"

    # portfolios

    def _lock(self, control: Lock, now: int) -> str:
        index = self._portfolio(control.portfolio_id)
        if self.venue.is_locked(index):
            return f"portfolio {control.portfolio_id} was locked already"
        self.venue.set_locked(index, True)
        count = self._core.cancels.begin_lock(index, now)
        return f"portfolio {control.portfolio_id} is locked, {_orders_leave(count)}"

    def _unlock(self, control: Unlock, _now: int) -> str:
        index = self._portfolio(control.portfolio_id)
        if not self.venue.is_locked(index):
            return f"portfolio {control.portfolio_id} was not locked"
        self.venue.set_locked(index, False)
        return f"portfolio {control.portfolio_id} is not locked any more"

    def _kill_portfolio(self, control: KillPortfolio, now: int) -> str:
        index = self._portfolio(control.portfolio_id)
        sessions = [session for session in self._core.sessions if session.portfolio_id == control.portfolio_id]
        ended = [session for session in sessions if may_end(session.state)]
        count = 0
        for session in sessions:
            if not session.drop_copy:
                count += self._end(session, None, now)
        # What no connection answers for, and sessions that are ending already have said what becomes of theirs.
        count += self._core.cancels.begin_portfolio(index, Cause.ADMIN, now)
        self._killed.add(control.portfolio_id)
        return f"portfolio {control.portfolio_id}: {_counted(len(ended), 'session')} ended, {_orders_leave(count)}"

    # keys

    def _kill_client(self, control: KillClient, now: int) -> str:
        session = self._session(control.client_id)
        had_session = may_end(session.state)
        count = self._end_and_empty(session, None, now)
        if not had_session:
            return f"{control.client_id} was not connected{_orders_leave_too(count)}"
        return f"{control.client_id} ended, {_orders_leave(count)}"

    def _revoke(self, control: Revoke, now: int) -> str:
        session = self._session(control.client_id)
        if control.client_id in self.revoked:
            return f"{control.client_id} was revoked already"
        had_session = may_end(session.state)
        count = self._shut_out(session, now)
        self.revoked.add(control.client_id)
        if not had_session:
            return f"{control.client_id} is revoked, it was not connected{_orders_leave_too(count)}"
        return f"{control.client_id} is revoked, its session ended, {_orders_leave(count)}"

    def _shut_out(self, session: Session, now: int) -> int:
        """Nobody logs on as this session any more; returns how many orders leave with it."""
        self._core.key_ring.remove(session.client_id)
        count = self._end_and_empty(session, TEXT_KEY_REVOKED, now)
        watchers = self._core.watchers_of(session)
        if session in watchers:
            watchers.remove(session)
        return count

    def _end(self, session: Session, text: str | None, now: int) -> int:
        """Ends the session if it may, and refuses whoever waits for it; returns how many orders leave with it."""
        self._core.turn_away(session, text or str(CAUSE_POLICY[Cause.ADMIN].text), now)
        if not may_end(session.state):
            return 0
        self._core.gone(session, Cause.ADMIN, now, text)
        ending: Ending = session.ending
        return ending.left_count

    def _end_and_empty(self, session: Session, text: str | None, now: int) -> int:
        """The same, and takes what is not covered where no connection answers for it, or its end has left it."""
        return self._end(session, text, now) + self._core.cancels.begin_uncovered(session, Cause.ADMIN, now)

    def _settle(self, _control: Settle, now: int) -> str:
        self._core.settle(now)
        return "settled, day orders whose days are over leave"

    # what there is

    def reload(self, config: Config, now: int) -> str:
        """Makes a configuration the one in force, as a whole or, with ConfigError, not at all; says what it changed."""
        former = self.config
        changes = compare(former, config, self._keys)
        self.config = config
        self._apply_market(changes)
        self._apply_keys(config, changes, now)
        self._apply_rate_limits(former.rate_limit, config.rate_limit)
        texts = ["the configuration is in force", changes.text]
        if self.revoked:
            texts.append(f"still revoked: {', '.join(sorted(self.revoked))}")
        text = "; ".join(filter(None, texts))
        self._log.warning("configuration reloaded", result=text)
        return text

    def _apply_market(self, changes: Changes) -> None:
        for portfolio in changes.portfolios_added:
            self.portfolio_index[portfolio.id] = self.venue.add_portfolio(portfolio_spec(portfolio))
        for portfolio in changes.portfolios_changed:
            self.venue.set_max_open_orders(self.portfolio_index[portfolio.id], portfolio.max_open_orders)
        for instrument in changes.instruments_added:
            self.venue.add_instrument(instrument_spec(instrument))
        for instrument in changes.instruments_changed:
            self.venue.set_limits(self._instrument(instrument.id), instrument_spec(instrument))

    def _apply_keys(self, config: Config, changes: Changes, now: int) -> None:
        for key in changes.keys_removed:
            self._shut_out(self._session(key.client_id), now)
            self.revoked.discard(key.client_id)
        for key in changes.keys_added:
            self._let_in(key)
        for key in config.api_keys:
            is_news = self._keys.get(key.client_id) != key or self.is_shut_out(key.client_id)
            if is_news and key.client_id not in self.revoked:
                self._core.key_ring.put(key, self._slots[key.client_id])
            self._session(key.client_id).portfolio_cancel = key.portfolio_cancel
            self._keys[key.client_id] = key

    def _let_in(self, key: ApiKey) -> None:
        """A key that there was before goes on with its session's numbers and stream."""
        if key.client_id not in self._slots:
            self._slots[key.client_id] = self.venue.add_owner(OwnerSpec(self.portfolio_index[key.portfolio]))
            self._core.add_session(key)
        elif key.role == "drop_copy":
            session = self._session(key.client_id)
            self._core.watchers_of(session).append(session)

    def _apply_rate_limits(self, former: RateLimit | None, limit: RateLimit | None) -> None:
        orders = self._core.dispatcher.orders
        # The canary's portfolio is none of the configuration's; its requests do not count.
        portfolios = [self.portfolio_index.get(session.portfolio_id, 0) for session in self._core.sessions]
        before, after = orders.rate_limits, rate_limits_of(limit, portfolios)
        same_holders = former is not None and limit is not None and former.scope == limit.scope
        if before is not None and after is not None and same_holders:
            after.take_levels(before)
        orders.rate_limits = after

    # names

    def _instrument(self, instrument_id: int) -> int:
        index = self.venue.find_instrument(instrument_id)
        if index is None:
            raise ControlError(f"there is no instrument {instrument_id}")
        return index

    def _portfolio(self, portfolio_id: int) -> int:
        index = self.portfolio_index.get(portfolio_id)
        if index is None:
            raise ControlError(f"there is no portfolio {portfolio_id}")
        return index

    def _session(self, client_id: str) -> Session:
        slot = self._slots.get(client_id)
        if slot is None:
            raise ControlError(f"there is no key {client_id}")
        return self._core.sessions[slot]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _orders_leave_too(count: int) -> str:
    return f", {_orders_leave(count)}" if count else ""


def _orders_leave(count: int) -> str:
    return f"{_counted(count, 'order')} {'leaves' if count == 1 else 'leave'}"
