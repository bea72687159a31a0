"""Child processes that speak JSON lines, read by threads, so that a test waits for events and never for time."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

# Generous: a scenario that is in order never waits this long; one that is not fails here and not by the suite's limit.
DEADLINE_S = 30.0

SOURCES = ("client.c", "frames.c", "messages.c")
"""Of the independent client."""


class Reader(threading.Thread):
    """Reads a child's lines to their end, decodes each as JSON and hands it on."""

    def __init__(self, stream: IO[bytes], handle: Callable[[Any], None], at_end: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._hand_on = handle
        self._at_end = at_end
        self.unreadable: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self._stream:
            if not line.endswith(b"\n"):
                break  # The process was killed in the middle of a line.
            try:
                self._hand_on(json.loads(line))
            except Exception as error:
                # Not to be lost in a thread: whoever closes the process looks at this list.
                self.unreadable.append(f"{error!r}: {line!r}")
        self._at_end()


class Gateway:
    """`python -m gateway serve` as a process of its own, with its log."""

    def __init__(self, configuration: Path) -> None:
        self.configuration = configuration
        self.log: list[dict[str, Any]] = []
        self.ended_cleanly = False
        self._changed = threading.Condition()
        self._closed = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--config", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stderr is not None
        self._reader = Reader(self.process.stderr, self._logged, self._ended)
        try:
            listening = self.wait_for_log("listening")
        except BaseException:
            self.kill()
            raise
        self.host: str = listening["host"]
        self.port: int = listening["port"]

    def _logged(self, line: dict[str, Any]) -> None:
        with self._changed:
            self.log.append(line)
            self._changed.notify_all()

    def _ended(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_for_log(self, event: str, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """The first log line of that event, waiting for it."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: self._closed or any(line["event"] == event for line in self.log), timeout_s
            )
            for line in self.log:
                if line["event"] == event:
                    return line
        why = "no such line yet" if not found else "the gateway ended"
        raise AssertionError(f"waited for the log event {event!r}: {why}; {self.log=} {self._reader.unreadable=}")

    def resident_bytes(self) -> int:
        """Memory that the process has in RAM now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def terminate(self, told_by: signal.Signals = signal.SIGTERM, timeout_s: float = DEADLINE_S) -> int:
        """Tell the gateway to stop, and return its exit status."""
        self.process.send_signal(told_by)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        status = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return status

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def close(self) -> None:
        """End the gateway and check what every scenario may take for granted: a clean end, an honest log."""
        try:
            status = self.process.poll()
            if status is None:
                status = self.terminate()
        finally:
            self.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()
        assert status == 0, f"the gateway ended with {status}; {self._reader.unreadable=}; last lines {self.log[-5:]}"
        assert self._reader.unreadable == []
        for line in self.log:
            assert {"time", "level", "event"} <= line.keys(), line
            assert line["level"].lower() not in ("error", "critical"), line


class Connections:
    """One process of the independent client; its connections are numbered by the caller.

    `handlers[number]` is called, from the reading thread, with each event of that connection.
    """

    def __init__(self, program: Path) -> None:
        self.handlers: dict[int, Callable[[dict[str, Any]], None]] = {}
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self._reader = Reader(self.process.stdout, self._event, self._ended)
        self._stopped = False

    def _event(self, event: dict[str, Any]) -> None:
        handler = self.handlers.get(event["connection"])
        assert handler, event
        handler(event)

    def _ended(self) -> None:
        for number, handler in list(self.handlers.items()):
            handler({"connection": number, "event": "process_ended"})

    def command(self, *lines: str) -> None:
        """Hand over command lines in one write: the client carries them out without reading a socket in between."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def stop(self) -> None:
        """SIGSTOP, and wait until the process has really stopped."""
        self.process.send_signal(signal.SIGSTOP)
        self._stopped = True
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)
        self._stopped = False

    def kill(self) -> None:
        """SIGKILL, and wait until the process, and so each of its sockets, is gone."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        self.kill()
        self._reader.join(DEADLINE_S)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                continue
        assert self._reader.unreadable == []


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = DEADLINE_S) -> None:
    """Poll a condition that no event announces (a file, a process table)."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited for {what}")
        time.sleep(0.01)


def compile_client(directory: Path, compiler: Sequence[str] = ("cc",)) -> Path:
    """Compile tests/independent into `directory`. A machine without a C compiler cannot run these tests: they fail."""
    source = Path(__file__).parent.parent / "independent"
    program = directory / "independent-client"
    command = [*compiler, "-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-o", str(program)]
    subprocess.run([*command, *(str(source / name) for name in SOURCES)], check=True)
    return program


def free_port() -> int:
    """A port that nobody listens on, for what cannot be told to take any."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
