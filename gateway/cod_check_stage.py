"""The stage of one scenario of `breakwire cod-check`: its sessions' connections, and all that they see.

One thread owns a stage. `pump` moves bytes until something is true or a time has come; nothing else waits.
"""

import select
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any, Final

from gateway.client_events import (
    DropCopy,
    Event,
    HeartbeatReceived,
    LoggedOn,
    LoggedOut,
    MessageReceived,
    MessageReplayed,
)
from gateway.client_session import SequenceNumbers
from gateway.cod_check_crew import Crew, Market, Settings
from gateway.cod_check_line import Line, session_core, wall
from gateway.cod_check_record import DROP_COPY, LINE, Record, Sighting
from gateway.cod_check_verdict import Finding, NotProvableError, PromiseBrokenError, StageFailedError

MS: Final = 1_000_000
_POLL_MAX_MS: Final = 20
_RETRY_MS: Final = 20

_CORRELATIONS: Final = count(1_000_000)


class Stage:
    """The connections of one crew in one scenario, and the record of what they saw."""

    def __init__(self, address: tuple[str, int], crew: Crew, settings: Settings, market: Market) -> None:
        self.crew = crew
        self.settings = settings
        self.market = market
        self.record = Record()
        self.lines: dict[str, Line] = {}  # the newest of each part
        self.heard: list[tuple[Line, int, Event]] = []  # session messages too, with their times
        self.missing: Mapping[str, str] = {}  # what the gateway does not offer, and why we think so
        self.heartbeat_interval_ms = 0
        self.time_limit_ns = 0
        self._address = address
        self._all_lines: list[Line] = []
        self._numbers: dict[str, SequenceNumbers] = {}
        self._client_order_ids: Iterator[int] = count(wall(time.monotonic_ns()))

    # -- Queries -------------------------------------------------------------------------------------------------------

    def line(self, part: str) -> Line:
        line = self.lines.get(part)
        if line is None:
            raise StageFailedError(f"{part} is not logged on")
        return line

    @property
    def watches(self) -> bool:
        """Whether drop copy is listening."""
        return "drop_copy" in self.lines

    def answer_deadline_ns(self) -> int:
        """Until when a request that is made now must be answered."""
        return time.monotonic_ns() + self.settings.answer_ms * MS

    def next_client_order_id(self) -> int:
        return next(self._client_order_ids)

    def events_of(self, line: Line) -> list[Event]:
        return [event for one, _, event in self.heard if one is line]

    # -- Commands ------------------------------------------------------------------------------------------------------

    def connect(self, part: str, *, small: bool = False, reset: bool = True, covered: bool = True) -> Line:
        """A new connection of the part, with its Logon sent."""
        key = self.crew.key(part)
        if key is None:
            raise NotProvableError(f"no {part} key was given")
        former = self._numbers.get(part)
        numbers = SequenceNumbers() if reset or former is None else replace(former)
        core = session_core(
            key,
            is_drop_copy=part == "drop_copy",
            version=self.settings.schema_version,
            covered=covered,
            numbers=numbers,
        )
        connection = 1 + sum(one.part == part for one in self._all_lines)
        line = Line(self._address, core, part, connection, small=small)
        core.logon(wall(time.monotonic_ns()), reset=reset)
        self._numbers[part] = core.numbers
        self._all_lines.append(line)
        line.flush()
        return line

    def log_on(
        self, part: str, *, small: bool = False, reset: bool = True, covered: bool = True, within_ms: int | None = None
    ) -> Line:
        """A new session of the part, confirmed, with all that it missed told; tried again while it is refused."""
        within_ms = self.settings.answer_ms if within_ms is None else within_ms
        deadline = time.monotonic_ns() + within_ms * MS
        while True:
            line = self.connect(part, small=small, reset=reset, covered=covered)
            self.pump(partial(_has_answer, line), deadline)
            if line.core.is_logged_on:
                self.lines[part] = line
                if "resend" not in self.missing:
                    self.pump(partial(_has_caught_up, line), deadline)
                if not self.sync(part, deadline):
                    raise StageFailedError(f"{part}: no answer to a TestRequest within {within_ms} ms of its Logon")
                return line
            texts = [event.reason for event in self.events_of(line) if isinstance(event, LoggedOut)]
            line.close()
            if time.monotonic_ns() + _RETRY_MS * MS >= deadline:
                why = f"LoggedOut: {texts[-1]}" if texts else line.fault or "no LogonConf"
                raise StageFailedError(f"{part} could not log on within {within_ms} ms: {why}")
            self.pump(lambda: False, time.monotonic_ns() + _RETRY_MS * MS)

    def put(self, part: str, name: str, fields: dict[str, Any]) -> tuple[int, int]:
        """Hand a request to the session without sending it yet; its correlationId and number."""
        correlation_id = next(_CORRELATIONS)
        line = self.line(part)
        if not line.core.is_logged_on:
            raise StageFailedError(f"{part} is not logged on any more: {self._last_word(line)}")
        number = line.core.send(wall(time.monotonic_ns()), name, {**fields, "correlation_id": correlation_id})
        return correlation_id, number

    def ask(self, part: str, name: str, fields: dict[str, Any]) -> Sighting:
        """Send a request and wait for its answer: what echoes its correlationId, or a Reject that names it."""
        correlation_id, number = self.put(part, name, fields)
        line = self.line(part)
        line.flush()
        begun = len(self.record.sightings)
        found: list[Sighting] = []

        def answered() -> bool:
            seen = (one for one in self.record.sightings[begun:] if one.part == part and one.where == LINE)
            found.extend(one for one in seen if _answers(one, line, correlation_id, number))
            return bool(found) or not line.is_open

        within_ms = self.settings.answer_ms
        self.pump(answered, time.monotonic_ns() + within_ms * MS)
        if not found:
            raise StageFailedError(f"{name} of {part} was not answered within {within_ms} ms: {self._last_word(line)}")
        return found[0]

    def resend_all(self, part: str) -> str:
        """Ask for the whole stream again; why that cannot be had, or ""."""
        line = self.line(part)
        number = line.core.numbers.next_outbound
        line.core.resend_request(wall(time.monotonic_ns()), 1)
        line.flush()

        def refusals() -> list[Sighting]:
            rejects = self.record.named(part, "Reject", LINE)
            return [one for one in rejects if one.fields["ref_sequence_number"] == number]

        def is_replayed() -> bool:
            return any(isinstance(event, MessageReplayed) for event in self.events_of(line))

        self.pump(
            lambda: is_replayed() or bool(refusals()) or not line.is_open,
            self.answer_deadline_ns(),
        )
        if refusals():
            return f"the gateway answers ResendRequest with Reject, reason {refusals()[0].fields['reason']}"
        return "" if is_replayed() else "the gateway does not answer ResendRequest"

    def sync(self, part: str, deadline_ns: int | None = None) -> bool:
        """Whether the session answers a TestRequest in time: then it has been told all that was before."""
        line = self.line(part)
        if not line.core.is_logged_on:
            return False
        correlation_id = next(_CORRELATIONS)
        line.core.test_request(wall(time.monotonic_ns()), correlation_id)
        line.flush()
        begun = len(self.heard)

        def answered() -> bool:
            return not line.is_open or any(
                isinstance(event, HeartbeatReceived) and event.correlation_id == correlation_id
                for one, _, event in self.heard[begun:]
                if one is line
            )

        return self.pump(answered, deadline_ns or self.answer_deadline_ns()) and line.is_open

    def pump(self, until: Callable[[], bool], deadline_ns: int) -> bool:
        """Move bytes and keep sessions alive until it is true, or the deadline has passed; whether it is true."""
        if self.time_limit_ns and time.monotonic_ns() > self.time_limit_ns:
            raise StageFailedError("the scenario's time limit has passed")
        while not until():
            now = time.monotonic_ns()
            if now >= deadline_ns:
                return False
            poll = select.poll()
            lines = {line.fileno(): line for line in self._all_lines if line.is_open}
            for descriptor, line in lines.items():
                poll.register(descriptor, line.interest)
            for descriptor, mask in poll.poll(max(0, min(_POLL_MAX_MS, (deadline_ns - now) // MS))):
                lines[descriptor].polled(mask, self._take)
            for line in lines.values():
                line.tick()
                if line.fault:
                    raise PromiseBrokenError([Finding(f"{line.part}'s line", "frames of the protocol", line.fault)])
        return True

    def let_go(self) -> None:
        """Close every connection."""
        for line in self._all_lines:
            line.close()
        self.lines.clear()

    # -- Events --------------------------------------------------------------------------------------------------------

    def _take(self, line: Line, event: Event, now: int) -> None:
        self.heard.append((line, now, event))
        if isinstance(event, LoggedOn):
            self.heartbeat_interval_ms = event.heartbeat_interval_s * 1000
        elif isinstance(event, DropCopy):
            part = self._part_of(event.origin_client_id)
            if part is not None:
                self.record.add(Sighting(time_ns=now, part=part, where=DROP_COPY, message=event.origin))
        elif isinstance(event, MessageReceived | MessageReplayed):
            self.record.add(
                Sighting(time_ns=now, part=line.part, where=LINE, message=event.message, connection=line.connection)
            )

    # -- State ---------------------------------------------------------------------------------------------------------

    def _part_of(self, client_id: str) -> str | None:
        for part in ("maker", "second"):
            key = self.crew.key(part)
            if key is not None and key.client_id == client_id:
                return part
        return None

    def _last_word(self, line: Line) -> str:
        texts = [event.reason for event in self.events_of(line) if isinstance(event, LoggedOut)]
        if texts:
            return f"LoggedOut: {texts[-1]}"
        return "the line is open" if line.is_open else "the line was closed"


def _has_answer(line: Line) -> bool:
    """To its Logon."""
    return line.core.is_logged_on or line.core.must_close or not line.is_open


def _has_caught_up(line: Line) -> bool:
    return not line.core.has_gap or not line.is_open


def _answers(sighting: Sighting, line: Line, correlation_id: int, number: int) -> bool:
    if sighting.connection != line.connection:
        return False
    fields = sighting.message.fields
    if sighting.name == "Reject":
        return fields["ref_sequence_number"] == number
    return fields.get("correlation_id") == correlation_id and sighting.name != "OrderPlaced"
