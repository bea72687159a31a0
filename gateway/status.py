"""The state of a gateway as an operator sees it, in sections of rows; a page at a time, so that a look costs little.

A page is what is so when it is asked for; two pages are not one moment. Rows have the fields below and no others:
nothing secret is among them.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from codec.layout import CancelReason, Cause
from gateway import counts
from gateway.admin_protocol import StatusSection
from gateway.cancel_on_disconnect import Fire
from gateway.config import Instrument, Portfolio
from gateway.dead_man_switch import DeadManSwitch
from gateway.engine import InstrumentState
from gateway.health import Health
from gateway.limits import STATUS_ROWS_MAX
from gateway.log import rfc_3339
from gateway.session import Session, SessionState, census
from gateway.tally import Slowest

if TYPE_CHECKING:
    from gateway.core import Core
_MILLISECOND_NS: Final = 1_000_000


class GatewayRow(Struct, frozen=True):
    """The gateway as a whole; there is one."""

    name: str
    time: str  # core time, RFC 3339
    sessions_live: int
    connections_without_logon: int
    open_orders: int
    endings_under_way: int
    frames_in: int
    frames_rejected: int
    stored_bytes: int  # of all streams, for resend
    shutting_down: bool


class HealthRow(Struct, frozen=True):
    """What the canary says, if there is one. state: green or red; times are RFC 3339."""

    state: str
    since: str
    valid_until: str  # after that nothing is known, and it is red
    canary: str | None  # when its line broke last
    lateness_ms: float | None  # of the cancel that followed, grace not counted
    reason: str


class FireRow(Struct, frozen=True):
    """Cancel on disconnect so far, for each cause that there has been."""

    cause: str
    fires: int
    orders: int


class SlowestRow(Struct, frozen=True):
    """The fire whose last order was told of latest after its fence, if there has been one."""

    completion_ms: float
    client_id: str
    cause: str
    orders: int
    fenced_time: str  # RFC 3339


class PortfolioRow(Struct, frozen=True):
    """A portfolio. state: open or locked."""

    id: int
    state: str
    open_orders: int
    max_open_orders: int


class InstrumentRow(Struct, frozen=True):
    """An instrument. state: open, halted, deactivated, or deactivating while its orders leave."""

    id: int
    symbol: str
    state: str


class SessionRow(Struct, frozen=True):
    """An API key's session. state: live, lost, ending, or vacant when nobody is connected and no order is left."""

    client_id: str
    portfolio: int
    role: str
    state: str
    revoked: bool
    newcomer: bool  # a connection waits for the session's end
    epoch: int  # connections so far
    version: int  # schema version of the last connection, 0 before the first
    open_orders: int
    covered_orders: int
    next_number_in: int
    next_number_out: int
    stored_bytes: int
    unsent_bytes: int
    silent_ms: int | None  # since the client's last frame, when live
    grace_left_ms: int | None  # until its orders are cancelled if nobody takes them over, when lost


class EndingRow(Struct, frozen=True):
    """Orders of a session that are dead and not told of yet. cause: of its end, None when the session lives on."""

    client_id: str
    cause: str | None
    cancel_reason: str
    fenced_time: str  # RFC 3339
    orders_left: int


class DeadManSwitchRow(Struct, frozen=True):
    """A dead man's switch that is on. arm_sequence: the last one that the portfolio's requests had, None before any."""

    portfolio: int
    trigger_time: str  # RFC 3339
    left_ms: int
    arm_sequence: int | None


class Page(NamedTuple):
    """Some rows of a section; `following` is the first row of the next page, None when there is none."""

    rows: list[Struct]
    following: int | None


class _Section(NamedTuple):
    things: Callable[["Core"], Sequence[Any]]
    row: Callable[["Core", Any, int], Struct]


def page(core: "Core", section: StatusSection, first: int, now: int) -> Page:
    """At most STATUS_ROWS_MAX rows of a section, from row `first` on."""
    things, row = SECTIONS[section]
    all_things = things(core)
    following = first + STATUS_ROWS_MAX
    rows = [row(core, thing, now) for thing in all_things[first:following]]
    return Page(rows, following if following < len(all_things) else None)


def _gateway_row(core: "Core", _core: "Core", now: int) -> GatewayRow:
    return GatewayRow(
        name=core.controls.config.gateway.name,
        time=rfc_3339(now),
        sessions_live=census(core.sessions).live,
        connections_without_logon=core.pending_logons,
        open_orders=core.controls.venue.open_orders(),
        endings_under_way=counts.client_sessions_firing(core),
        frames_in=counts.client_frames_in(core),
        frames_rejected=core.dispatcher.frames_rejected,
        stored_bytes=core.stored_bytes,
        shutting_down=core.is_shutting_down,
    )


def _health_row(_core: "Core", health: Health, now: int) -> HealthRow:
    verdict = health.report(now)
    return HealthRow(
        state=verdict.colour,
        since=rfc_3339(verdict.since),
        valid_until=rfc_3339(verdict.valid_until),
        canary=None if verdict.broke_at is None else rfc_3339(verdict.broke_at),
        lateness_ms=None if verdict.lateness_ns is None else verdict.lateness_ns / _MILLISECOND_NS,
        reason=verdict.reason,
    )


def _fire_row(core: "Core", cause: Cause, _now: int) -> FireRow:
    return FireRow(cause=cause.name, fires=core.tally.fires[cause], orders=core.tally.fired_orders[cause])


def _slowest_row(_core: "Core", slowest: Slowest, _now: int) -> SlowestRow:
    return SlowestRow(
        completion_ms=slowest.completion_ns / _MILLISECOND_NS,
        client_id=slowest.client_id,
        cause=slowest.cause.name,
        orders=slowest.orders,
        fenced_time=rfc_3339(slowest.fenced_time),
    )


def _portfolio_row(core: "Core", portfolio: Portfolio, _now: int) -> PortfolioRow:
    venue, index = core.controls.venue, core.controls.portfolio_index[portfolio.id]
    return PortfolioRow(
        id=portfolio.id,
        state="locked" if venue.is_locked(index) else "open",
        open_orders=venue.portfolio_open(index),
        max_open_orders=portfolio.max_open_orders,
    )


def _instrument_row(core: "Core", instrument: Instrument, _now: int) -> InstrumentRow:
    controls = core.controls
    index = controls.venue.find_instrument(instrument.id)
    assert index is not None, "every instrument of the configuration is in the engine"
    state = InstrumentState(controls.venue.instrument_state(index))
    word = "deactivating" if controls.is_emptying(index) else state.name.removeprefix("INSTRUMENT_IS_").lower()
    return InstrumentRow(id=instrument.id, symbol=instrument.symbol, state=word)


def _session_row(core: "Core", session: Session, now: int) -> SessionRow:
    state = SessionState(session.state)
    open_orders, covered_orders = core.controls.venue.owner_open(session.slot)
    silent_ms = (now - session.heard_ns) // 1_000_000 if state == SessionState.SESSION_LIVE else None
    return SessionRow(
        client_id=session.client_id,
        portfolio=session.portfolio_id,
        role="drop_copy" if session.drop_copy else "trader",
        state=state.name.removeprefix("SESSION_").lower(),
        revoked=core.controls.is_shut_out(session.client_id),
        newcomer=session.newcomer is not None,
        epoch=session.epoch,
        version=session.version,
        open_orders=open_orders,
        covered_orders=covered_orders,
        next_number_in=session.expected_number,
        next_number_out=session.stream.next_number,
        stored_bytes=session.stream.stored_bytes,
        unsent_bytes=session.stream.unsent_bytes,
        silent_ms=silent_ms,
        grace_left_ms=_grace_left_ms(core, session, now),
    )


def _grace_left_ms(core: "Core", session: Session, now: int) -> int | None:
    if session.state != SessionState.SESSION_LOST:
        return None
    over_at = core.grace.loss_of(session).lost_judged + core.grace.grace_ns
    return max(over_at - core.judged(now), 0) // 1_000_000


def _ending_row(_core: "Core", fire: Fire, _now: int) -> EndingRow:
    return EndingRow(
        client_id=fire.session.client_id,
        cause=fire.cause.name if fire.cause is not None else None,
        cancel_reason=CancelReason(fire.cancel_reason).name,
        fenced_time=rfc_3339(fire.fenced_time),
        orders_left=fire.left_count,
    )


def _dead_man_switch_row(_core: "Core", switch: DeadManSwitch, now: int) -> DeadManSwitchRow:
    assert switch.trigger_time is not None, "only those that are on are shown"
    return DeadManSwitchRow(
        portfolio=switch.portfolio_id,
        trigger_time=rfc_3339(switch.trigger_time),
        left_ms=(switch.trigger_time - now) // 1_000_000,
        arm_sequence=switch.arm_sequence,
    )


SECTIONS: Final[dict[StatusSection, _Section]] = {
    "gateway": _Section(lambda core: [core], _gateway_row),
    "health": _Section(lambda core: [] if core.canary is None else [core.canary.health], _health_row),
    "fires": _Section(lambda core: [cause for cause, count in core.tally.fires.items() if count], _fire_row),
    "slowest": _Section(lambda core: [] if core.tally.slowest is None else [core.tally.slowest], _slowest_row),
    "portfolios": _Section(lambda core: core.controls.config.portfolios, _portfolio_row),
    "instruments": _Section(lambda core: core.controls.config.instruments, _instrument_row),
    "sessions": _Section(counts.client_sessions, _session_row),
    "endings": _Section(counts.client_fires, _ending_row),
    "dead_man_switches": _Section(lambda core: core.switches.armed(), _dead_man_switch_row),
}
