"""Tells the world of a gateway's health, also when its loop stands still: a thread that sleeps till there is news.

News are a round of the canary, of which the loop tells it, and the end of a verdict's time, which it waits for itself.
It says each change of colour in the log, and each verdict in the file `health` of data_dir, if there is one: one JSON
object, put in place by a rename, so that a reader sees a whole one:

    {"state": "green", "since": "2026-…Z", "valid_until": "2026-…Z", "canary": "2026-…Z", "lateness_ms": 0.31,
     "reason": ""}

After `valid_until`, by the reader's clock, the file says nothing any more: whoever wrote it is dead or frozen.
"""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.health import Colour, Health, Verdict
from gateway.log import Log, rfc_3339

FILE_NAME: Final = "health"
REASON_STOPPED: Final = "the gateway was stopped"

_SECOND_NS: Final = 1_000_000_000
_MILLISECOND_NS: Final = 1_000_000
_JOIN_MOST_S: Final = 1.0


class HealthWatch:
    """`now` is the core time, from any thread; `folder` is data_dir, None if there is none."""

    def __init__(self, health: Health, now: Callable[[], int], folder: Path | None, log: Log) -> None:
        self._health = health
        self._now = now
        self._folder = folder
        self._log = log
        self._news = threading.Event()
        self._is_stopping = False
        self._told: Colour | None = None
        self._can_write = True
        # Never waited for by the interpreter: a disk that hangs must not keep a gateway from ending.
        self._thread = threading.Thread(target=self._run, name="health", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def tell(self) -> None:
        """There is news. Never waits."""
        self._news.set()

    def stop(self) -> None:
        """The last thing to be said is that the gateway has stopped."""
        self._is_stopping = True
        self._news.set()
        self._thread.join(_JOIN_MOST_S)

    def _run(self) -> None:
        while not self._is_stopping:
            now = self._now()
            verdict = self._health.report(now)
            self._log_change(verdict)
            self._write(verdict, now)
            # One tick of the clock more: it is red after the end of its time, not at it.
            left_s = (verdict.valid_until - now) / _SECOND_NS + 0.001
            self._news.wait(left_s if verdict.is_green else None)
            self._news.clear()
        now = self._now()
        self._write(Verdict(Colour.RED, now, now, REASON_STOPPED), now)

    def _log_change(self, verdict: Verdict) -> None:
        if verdict.colour == self._told:
            return
        if verdict.is_green:
            self._log.info("canary", state=verdict.colour, lateness_ms=_milliseconds(verdict.lateness_ns))
        elif self._told is not None:  # red is how every gateway begins
            self._log.error(
                "canary", state=verdict.colour, reason=verdict.reason, lateness_ms=_milliseconds(verdict.lateness_ns)
            )
        self._told = verdict.colour

    def _write(self, verdict: Verdict, now: int) -> None:
        if self._folder is None:
            return
        path = self._folder / FILE_NAME
        temporary = self._folder / f".{FILE_NAME}.new"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.write_bytes(text_of(verdict, time.time_ns() - now))
            os.replace(temporary, path)
            self._can_write = True
        except OSError as error:
            if self._can_write:
                self._log.warning("health file not written", path=str(path), reason=error.strerror)
            self._can_write = False


def text_of(verdict: Verdict, wall_offset_ns: int) -> bytes:
    """What the file says of a verdict. Its times are by the wall clock, which is ahead of core time by so much."""

    def shown(at: int | None) -> str | None:
        return None if at is None else rfc_3339(at + wall_offset_ns)

    return (
        msgspec.json.encode(
            {
                "state": verdict.colour,
                "since": shown(verdict.since),
                "valid_until": shown(verdict.valid_until),
                "canary": shown(verdict.broke_at),
                "lateness_ms": _milliseconds(verdict.lateness_ns),
                "reason": verdict.reason,
            }
        )
        + b"\n"
    )


def _milliseconds(ns: int | None) -> float | None:
    return None if ns is None else ns / _MILLISECOND_NS
