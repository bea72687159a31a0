"""Runs scenarios of `breakwire cod-check` one after the other on a crew, and leaves nothing behind.

Before the first, what the gateway offers is found out by asking: a feature whose request it refuses, or for which we
were given no key or instrument, makes the scenarios that need it not provable here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from codec.layout import CancelOnDisconnectScope, RejectReason
from gateway.cod_check_crew import Crew, Market, Settings
from gateway.cod_check_expect import Expectations
from gateway.cod_check_judge import enum_name, judge_always
from gateway.cod_check_line import wall
from gateway.cod_check_play import Play
from gateway.cod_check_scenario import Scenario
from gateway.cod_check_stage import MS, Stage
from gateway.cod_check_steps import DO, SameFrames, Step, StopReading
from gateway.cod_check_verdict import (
    NotProvableError,
    PromiseBrokenError,
    Result,
    StageFailedError,
    Verdict,
    broken_unless,
)
from gateway.errors import BreakwireError

_CLEAN_UP_MS: Final = 15_000
_LIMIT_BASE_MS: Final = 15_000
_DO_KINDS: Final = tuple(DO.values())

_PROBES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "receipts": ("SessionOptionsRequest", {"options": 0}),
    "account_wide": (
        "CancelOnDisconnectRequest",
        {"scope": int(CancelOnDisconnectScope.PORTFOLIO), "enabled": 0},
    ),
    "dead_man": (
        "CancelAllAfterRequest",
        {"timeout_ms": 0, "arm_sequence": None, "scope": int(CancelOnDisconnectScope.PORTFOLIO)},
    ),
    "open_orders": ("OpenOrdersRequest", {"scope": int(CancelOnDisconnectScope.SESSION), "covered_only": 0}),
}
_ANSWERS: Final = (
    "SessionOptionsResponse",
    "CancelOnDisconnectResponse",
    "CancelAllAfterResponse",
    "OpenOrdersResponse",
)


class Runner:
    """One crew at one gateway. `missing` says of each need that cannot be met why."""

    def __init__(self, address: tuple[str, int], crew: Crew, settings: Settings, market: Market) -> None:
        self.missing: dict[str, str] = {}
        self.heartbeat_interval_ms = 0
        self._address = address
        self._crew = crew
        self._settings = settings
        self._market = market

    def prepare(self) -> None:
        """Find out what the gateway offers, and clear what may be left of the crew's orders.

        Raises:
            NotReachableError, StageFailedError: nobody listens there, or a key cannot log on.
        """
        stage = self._stage(_CLEAN_UP_MS)
        try:
            for part in ("maker", "taker", "second", "drop_copy"):
                if self._crew.key(part) is not None:
                    stage.log_on(part)
            self.heartbeat_interval_ms = stage.heartbeat_interval_ms
            self.missing = self._unmet() | dict(_not_offered(stage))
            if why := stage.resend_all("maker"):
                self.missing["resend"] = why
            self._clean_up(stage)
        finally:
            stage.let_go()

    def run(self, scenario: Scenario) -> Result:
        """Play one scenario. Whatever goes wrong is in the result."""
        result = Result(scenario=scenario)
        begun = time.monotonic_ns()
        unmet = [self.missing[need] for need in scenario.needs if need in self.missing]
        if unmet:
            result.verdict, result.why = Verdict.NOT_PROVABLE, unmet[0]
            return result
        stage = self._stage(self._limit_ms())
        try:
            self._judge(result, lambda: self._play(stage, result))
            stage.time_limit_ns = time.monotonic_ns() + _CLEAN_UP_MS * MS
            self._judge(result, lambda: self._clean_up(stage))
        finally:
            stage.let_go()
        result.took_ns = time.monotonic_ns() - begun
        return result

    # -- State ---------------------------------------------------------------------------------------------------------

    def _stage(self, limit_ms: int) -> Stage:
        stage = Stage(self._address, self._crew, self._settings, self._market)
        stage.missing = self.missing
        stage.heartbeat_interval_ms = self.heartbeat_interval_ms
        stage.time_limit_ns = time.monotonic_ns() + limit_ms * MS
        return stage

    def _limit_ms(self) -> int:
        settings = self._settings
        silence_ms = int(2 * settings.silence_factor * self.heartbeat_interval_ms)
        return _LIMIT_BASE_MS + silence_ms + settings.slow_consumer_ms + 2 * settings.grace_ms + 4 * settings.within_ms

    def _judge(self, result: Result, act: Callable[[], None]) -> None:
        """Do something, and let its end decide the verdict, unless it is decided."""
        try:
            act()
        except PromiseBrokenError as broken:
            _decide(result, Verdict.BROKEN, str(broken))
            result.findings = result.findings or broken.findings
        except NotProvableError as reason:
            _decide(result, Verdict.NOT_PROVABLE, str(reason))
        except BreakwireError as error:
            _decide(result, Verdict.ERROR, str(error))

    def _play(self, stage: Stage, result: Result) -> None:
        scenario = result.scenario
        quiet = {step.by for step in scenario.steps if isinstance(step, StopReading)}
        for part in self._parts(scenario):
            stage.log_on(part, small=part in quiet)
        play = Play(stage)
        expectations = Expectations(play, result)
        for step in scenario.steps:
            if isinstance(step, _DO_KINDS):
                play.do(step)
            else:
                expectations.expect(step)
        if stage.watches:
            stage.sync("drop_copy")
        broken_unless(judge_always(stage.record))

    def _parts(self, scenario: Scenario) -> list[str]:
        named = {getattr(step, key, "") for step in scenario.steps for key in ("by", "of")}
        watched = "drop_copy" in scenario.observe or any(_is_about_drop_copy(step) for step in scenario.steps)
        parts = ["maker", "taker", *(["second"] if "second" in named else [])]
        if watched and self._crew.drop_copy is not None:
            parts.append("drop_copy")
        return parts

    def _unmet(self) -> dict[str, str]:
        """Needs that our own keys, instruments and settings do not meet."""
        crew, settings = self._crew, self._settings
        has: dict[str, tuple[bool, str]] = {
            "drop_copy": (crew.drop_copy is not None, "no drop_copy key was given"),
            "second": (crew.second is not None, "no second key was given"),
            "quotes": (crew.mmp_group is not None, "no MMP group was named (--mmp-group)"),
            "speed_bump": (
                crew.bumped_instrument is not None,
                "no instrument with a speed bump was named (--bumped-instrument)",
            ),
            "grace": (settings.grace_ms > 0, "the gateway has no grace (--set grace_ms=N)"),
            "no_grace": (settings.grace_ms == 0, "the gateway has a grace for lost lines (--set grace_ms=N)"),
            "not_always": (settings.mode != "always", "every order is covered (--set mode=session or order)"),
            "session_mode": (settings.mode == "session", "Logon alone decides nothing (--set mode=session)"),
            "displace": (
                settings.duplicate_logon == "displace",
                "a second logon is refused (--set duplicate_logon=refuse)",
            ),
            "strict_numbers": (
                settings.sequence_check == "strict",
                "sequence numbers are not checked (--set sequence_check=off)",
            ),
        }
        return {need: why for need, (is_met, why) in has.items() if not is_met}

    def _clean_up(self, stage: Stage) -> None:
        """Cancel whatever the crew may have left, turn off its switches and say goodbye."""
        for part in ("maker", "taker"):
            line = stage.lines.get(part)
            if line is None or not (line.is_open and line.reads and line.talks and line.core.is_logged_on):
                if line is not None:
                    line.close()
                line = stage.log_on(part)
            for instrument_id in (self._crew.instrument, self._crew.bumped_instrument):
                if instrument_id is not None:
                    fields = {"currency_pair_id": None, "instrument_id": instrument_id}
                    answer = stage.ask(part, "MassCancelRequest", fields)
                    if answer.name != "MassCancelResponse":
                        raise StageFailedError(f"orders may be left: MassCancelRequest was answered by {answer.name}")
            if part == "maker" and "dead_man" not in self.missing:
                stage.ask(part, *_PROBES["dead_man"])
        for line in stage.lines.values():
            if line.is_open and line.talks and line.core.is_logged_on:
                line.core.logout(wall(time.monotonic_ns()))
                line.flush()
        deadline = time.monotonic_ns() + 1_000 * MS
        with suppress(PromiseBrokenError):  # the scenario is over: what a line says at its end is no part of it
            stage.pump(lambda: not any(line.is_open and line.talks for line in stage.lines.values()), deadline)


def _is_about_drop_copy(step: Step) -> bool:
    return isinstance(step, SameFrames) or getattr(step, "where", "") == "drop_copy"


def _not_offered(stage: Stage) -> Iterator[tuple[str, str]]:
    """Features whose request the gateway refuses or does not answer, with why."""
    for need, (name, fields) in _PROBES.items():
        try:
            answer = stage.ask("maker", name, fields)
        except StageFailedError as failed:
            yield need, str(failed)
            continue
        if answer.name == "Reject":
            reason = enum_name(RejectReason, answer.fields["reason"])
            yield need, f"the gateway answers {name} with Reject, reason {reason}"
        elif answer.name not in _ANSWERS:
            yield need, f"the gateway answers {name} with {answer.name}"
        elif answer.fields.get("status", 0) != 0:
            yield need, f"the maker's key is not entitled to it ({answer.name}.status {answer.fields['status']})"


def _decide(result: Result, verdict: Verdict, why: str) -> None:
    if result.verdict is Verdict.HOLDS:
        result.verdict, result.why = verdict, why
    elif why != result.why:
        result.remarks.append(why)
