"""A core whose every input is written down, and one that is given the same inputs once more.

What is written down is what a journal would hold: with it alone, a core that crashed is put together again.
"""

from collections.abc import Callable
from typing import Any

from gateway.checked_core import CheckedCore
from gateway.config import Config
from gateway.probe import EngineProbe
from gateway.session import Link, Session
from support.core_driver import CoreDriver, Line

INPUTS = (
    "connected",
    "received",
    "half_closed",
    "lost",
    "slow",
    "delivered",
    "undelivered",
    "drained",
    "stalled",
    "tick",
    "settle",
    "step",
    "shut_down",
)
Input = tuple[str, tuple[Any, ...]]


class RecordingDriver(CoreDriver):
    """A core and its connections; `inputs` are all that it was given so far, links and sessions by their numbers."""

    def __init__(self, settings: Config | None = None, **options: Any) -> None:
        super().__init__(settings, **options)
        self.inputs: list[Input] = []
        self.all_lines: list[Line] = []
        self._inside = False
        for name in INPUTS:
            setattr(self.core, name, self._recorded(name, getattr(self.core, name)))

    def connect(self) -> Line:
        line = super().connect()
        self.all_lines.append(line)
        return line

    def flush(self) -> None:
        # What the sockets take is an input too, with all that it leads to.
        self._record("flush", ())
        outside, self._inside = self._inside, True
        super().flush()
        self._inside = outside

    def _recorded(self, name: str, method: Callable[..., None]) -> Callable[..., None]:
        def recorded(*args: Any) -> None:
            self._record(name, args)
            outside, self._inside = self._inside, True
            method(*args)
            self._inside = outside

        return recorded

    def _record(self, name: str, args: tuple[Any, ...]) -> None:
        if not self._inside:
            self.inputs.append((name, tuple(self._named(argument) for argument in args)))

    def _named(self, argument: Any) -> Any:
        if isinstance(argument, Link):
            numbers = [number for number, line in enumerate(self.all_lines) if line.link is argument]
            return "link", *(numbers or [len(self.all_lines)])
        assert not isinstance(argument, Session)
        return argument


class Replay:
    """A new core, and the connections that it is told of."""

    def __init__(self, settings: Config) -> None:
        self.driver = CoreDriver(settings)
        self.lines: list[Line] = []

    def play(self, inputs: list[Input]) -> None:
        """Gives the core these inputs."""
        for name, args in inputs:
            if name == "flush":
                self.driver.flush()
            else:
                getattr(self.driver.core, name)(*(self._argument(argument) for argument in args))

    def _argument(self, argument: Any) -> Any:
        if not (isinstance(argument, tuple) and argument[:1] == ("link",)):
            return argument
        if argument[1] == len(self.lines):
            line = Line(self.driver)
            self.lines.append(line)
            self.driver.lines[line.link] = line
        return self.lines[argument[1]].link


def state_of(core: CheckedCore) -> dict[str, Any]:
    """All of a core's state that can show in what it does from now on."""
    probe = EngineProbe(core.engine)
    return {
        "sessions": [_session(session) for session in core.sessions],
        "books": [probe.resting(instrument_id, side) for instrument_id in (1, 2) for side in (1, -1)],
        "under way": [(fire.session.slot, fire.exec_id, fire.left_count) for fire in core.cancels.fires()],
        "deadline": core.next_deadline,
        "stored": core.stored_bytes,
        "busy": core.is_busy,
    }


def _session(session: Session) -> tuple[Any, ...]:
    stream = session.stream
    return (
        session.client_id,
        session.state,
        session.epoch,
        session.version,
        session.expected_number,
        session.last_processed,
        session.heard_ns,
        session.heard_judged_ns,
        session.probed_judged_ns,
        session.spoke_ns,
        (stream.generation, stream.oldest_number, stream.next_number, stream.stored_bytes, stream.unsent_bytes),
    )
