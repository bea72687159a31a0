"""The demo's processes: a gateway and its clients, started together and in every case ended together.

Each child is a session of its own, so that Ctrl-C in the terminal reaches only the demo, which then ends them; and the
kernel ends them (PR_SET_PDEATHSIG) should the demo itself be killed.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from gateway.errors import InternalError

STDERR_LINES_KEPT: Final = 20
LINE_MAX_BYTES: Final = 4_194_304  # an OrdersCanceled of 1,868 orders as one JSON line is about a tenth of that
PATIENCE_S: Final = 10.0
GATEWAY_STOP_S: Final = 5.0

_PR_SET_PDEATHSIG: Final = 1
_libc = ctypes.CDLL(None)

Record = dict[str, Any]


class DemoError(InternalError):
    """The demo could not be carried through: a process failed, or what had to come did not."""


def _import_path() -> str:
    """PYTHONPATH of the children: first where this package lies.

    They are to run the very code that runs here. With -P and this, a folder `gateway` in the working directory, such as
    the source tree that was just installed from, is not taken for the package.
    """
    return os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Child:
    """One process: the JSON lines it has written, and its last words on stderr."""

    def __init__(self, name: str, process: Process, crew: "Crew") -> None:
        self.name = name
        self.process = process
        self.events: list[Record] = []
        self.may_end = False
        self._crew = crew
        self._last_words: deque[str] = deque(maxlen=STDERR_LINES_KEPT)

    def tell(self, command: Record) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")

    def seen(self, event: str, **fields: Any) -> list[Record]:
        """All lines so far of this kind, with these fields."""
        return [e for e in self.events if e["event"] == event and all(e[key] == value for key, value in fields.items())]

    def signal(self, number: signal.Signals) -> int:
        """Send a signal; CLOCK_MONOTONIC just before, in ns."""
        self.may_end = self.may_end or number is signal.SIGKILL
        before_ns = time.monotonic_ns()
        os.kill(self.process.pid, number)
        return before_ns

    def failure(self) -> str | None:
        """What to say when it has ended and should not have."""
        if self.may_end or self.process.returncode is None:
            return None
        return f"the {self.name} ended with {self.process.returncode}:\n" + "\n".join(self._last_words)

    async def read_events(self, stream: asyncio.StreamReader, listener: Callable[[Record], None] | None) -> None:
        async for line in stream:
            try:
                record = json.loads(line)
            except ValueError:  # not for us, but for whoever asks why it ended
                self._last_words.append(line.decode(errors="replace").rstrip())
                continue
            self.events.append(record)
            if listener is not None:
                listener(record)
            self._crew.pulse()
        await self.process.wait()
        self._crew.pulse()

    async def keep_last_words(self, stream: asyncio.StreamReader) -> None:
        async for line in stream:
            self._last_words.append(line.decode(errors="replace").rstrip())


class Crew:
    """All processes of one demo. Leaving it ends them: clients at once, gateways by SIGTERM first."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in self.children:
            if child.process.returncode is None:
                child.signal(signal.SIGKILL)
        for child in self.children:
            await child.process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def pulse(self) -> None:
        """Something has changed that someone may be waiting for."""
        self._changed.set()

    async def start_gateway(self, configuration: Path) -> Child:
        """`serve` with this configuration, up and listening; its log lines are its events."""
        child = await self._start(
            "gateway", ["-m", "gateway", "serve", "--config", str(configuration)], events="stderr"
        )
        await self.until(lambda: bool(child.seen("listening")), "the gateway to listen")
        return child

    async def start_client(self, role: str, session: Record, listener: Callable[[Record], None] | None) -> Child:
        """A client process; every line it writes goes to `listener` too."""
        words = ["-m", "gateway.demo_roles", role]
        child = await self._start(session["client_id"], words, events="stdout", listener=listener)
        child.tell(session)
        return child

    async def until(self, predicate: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait for what the children's lines make true. DemoError when it does not come, or a child ends meanwhile."""
        try:
            async with asyncio.timeout(timeout_s):
                while not predicate():
                    for failure in filter(None, (child.failure() for child in self.children)):
                        raise DemoError(f"waiting for {what}: {failure}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise DemoError(f"waited {timeout_s:g} s in vain for {what}") from None

    async def stop_gateway(self, gateway: Child) -> int:
        """SIGTERM; its exit code."""
        gateway.may_end = True
        gateway.signal(signal.SIGTERM)
        async with asyncio.timeout(GATEWAY_STOP_S):
            return await gateway.process.wait()

    async def _start(
        self, name: str, words: list[str], *, events: str, listener: Callable[[Record], None] | None = None
    ) -> Child:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            *words,
            env=os.environ | {"PYTHONPATH": _import_path()},
            stdin=PIPE if events == "stdout" else DEVNULL,
            stdout=PIPE if events == "stdout" else DEVNULL,
            stderr=PIPE,
            start_new_session=True,
            preexec_fn=_die_with_parent,
            limit=LINE_MAX_BYTES,
        )
        child = Child(name, process, self)
        self.children.append(child)
        assert process.stderr is not None
        if events == "stdout":
            assert process.stdout is not None
            self._spawn(child.read_events(process.stdout, listener))
            self._spawn(child.keep_last_words(process.stderr))
        else:
            self._spawn(child.read_events(process.stderr, listener))
        return child

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
