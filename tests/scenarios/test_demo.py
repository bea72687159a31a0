"""`breakwire demo` as its users run it: it accounts for every order, and leaves no process behind however it ends."""

import os
import pty
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.processes import DEADLINE_S, wait_until

MARK = "BREAKWIRE_TEST_MARK"

ORDERS = 300
COUNTED = re.compile(r"counted +(\d+) placed = (\d+) filled \+ (\d+) cancelled")
CANCELED = re.compile(
    r"\+([\d,]+) µs +OrdersCanceled, no\. \d+ of the maker's stream, reaches the watcher: (\d+) orders"
)
PROMISES = 8
PROCESSES = 6  # the demo, its gateway, maker, taker, bystander, watcher


class Demo:
    """One demo, and all processes that come of it, found by a mark in their environment."""

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "demo"],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {MARK: self.mark},
            # As from a terminal, even where the tests themselves run in the background.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.processes.append(process)
        return process

    def alive(self) -> list[str]:
        """Command lines of all processes with the mark, but zombies, which have no environment any more."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                if f"{MARK}={self.mark}".encode() in (directory / "environ").read_bytes():
                    found.append((directory / "cmdline").read_bytes().decode())
            except OSError:
                continue
        return found


@pytest.fixture
def demo() -> Iterator[Demo]:
    demo = Demo()
    yield demo
    for process in demo.processes:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    wait_until(lambda: demo.alive() == [], "the demo's processes to be gone")


def check_story(text: str) -> None:
    """Three acts in which every order is filled or cancelled, and every promise kept."""
    counted = [tuple(int(number) for number in found) for found in COUNTED.findall(text)]
    assert [(placed, filled + canceled) for placed, filled, canceled in counted] == [(ORDERS, ORDERS)] * 3
    frames = [(int(after.replace(",", "")), int(count)) for after, count in CANCELED.findall(text)]
    assert sum(count for _, count in frames) == sum(canceled for _, _, canceled in counted)
    assert all(after > 0 for after, _ in frames)
    assert (text.count(" kept "), text.count("BROKEN"), text.count("fault ")) == (PROMISES, 0, 0)
    assert text.rstrip().endswith("Every order is accounted for.")


def test_the_demo_accounts_for_every_order(demo: Demo) -> None:
    process = demo.start()
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, stderr) == (0, ""), stdout
    check_story(stdout)
    assert demo.alive() == []


def test_the_demo_tells_the_same_story_in_a_terminal(demo: Demo) -> None:
    ours, theirs = pty.openpty()
    process = demo.start(theirs)
    os.close(theirs)
    pieces = []
    try:
        while piece := os.read(ours, 65_536):
            pieces.append(piece)
    except OSError:
        pass  # Linux says EIO when the last writer of a terminal has closed it
    finally:
        os.close(ours)
    assert process.wait(DEADLINE_S) == 0
    text = b"".join(pieces).decode()
    assert "\x1b[1m" in text
    assert "Every order is accounted for." in text


@pytest.mark.parametrize(
    ("act", "number", "code"),
    [(1, signal.SIGTERM, 143), (2, signal.SIGINT, 130), (2, signal.SIGKILL, -signal.SIGKILL)],
    ids=["SIGTERM in the first act", "Ctrl-C with a frozen maker", "SIGKILL with a frozen maker"],
)
def test_a_demo_that_is_stopped_leaves_no_process_behind(
    demo: Demo, act: int, number: signal.Signals, code: int
) -> None:
    process = demo.start()
    read_to(process, lambda line: line.startswith(f"{act} of 3"))
    read_to(process, lambda line: "goes on firing" in line)
    assert len(demo.alive()) == PROCESSES
    process.send_signal(number)
    assert process.wait(DEADLINE_S) == code
    if number is not signal.SIGKILL:
        assert demo.alive() == []
    wait_until(lambda: demo.alive() == [], "the kernel to end the demo's processes")


def read_to(process: subprocess.Popen[str], wanted: Callable[[str], bool]) -> None:
    """Read the demo's lines up to one that is wanted."""
    assert process.stdout is not None
    for line in process.stdout:
        if wanted(line):
            return
    raise AssertionError("the demo ended before")
