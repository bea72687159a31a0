"""The thread that tells of a gateway's health: its file, its log, and that it needs no loop to turn red."""

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.core_driver import RecordedLog
from support.processes import wait_until

from gateway.health import REASON_NOT_YET, REASON_SILENT, Colour, Health, Verdict
from gateway.health_watch import FILE_NAME, REASON_STOPPED, HealthWatch, text_of

SECOND = 1_000_000_000


class Watched:
    """A health with its watch, by the real clock."""

    def __init__(self, folder: Path | None, interval_ns: int = 100 * SECOND) -> None:
        self.log = RecordedLog()
        self.health = Health(interval_ns, 0, time.monotonic_ns())
        self.watch = HealthWatch(self.health, time.monotonic_ns, folder, self.log)
        self.path = (folder or Path()) / FILE_NAME
        self.watch.start()

    def file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_bytes())
        return found

    def good_round(self) -> None:
        now = time.monotonic_ns()
        self.health.cancelled(now - 1_500_000, now)
        self.watch.tell()

    def until(self, state: str) -> None:
        wait_until(lambda: self.path.exists() and self.file()["state"] == state, state)

    def told(self) -> list[dict[str, Any]]:
        return [event for event in self.log.events() if event["event"] == "canary"]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched(tmp_path / "data")
    yield watched
    watched.watch.stop()


def test_the_file_says_what_is_known_by_the_clock_of_its_readers() -> None:
    verdict = Verdict(Colour.GREEN, 2 * SECOND, 9 * SECOND, broke_at=7 * SECOND, lateness_ns=310_000)
    assert text_of(verdict, 1_800_000_000 * SECOND) == (
        b'{"state":"green","since":"2027-01-15T08:00:02.000000000Z","valid_until":"2027-01-15T08:00:09.000000000Z",'
        b'"canary":"2027-01-15T08:00:07.000000000Z","lateness_ms":0.31,"reason":""}\n'
    )


def test_what_a_former_gateway_left_is_overwritten_before_anything_is_proved(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"state":"green"}')
    watched = Watched(tmp_path)
    watched.until("red")
    found = watched.file()
    assert (found["reason"], found["canary"], found["lateness_ms"]) == (REASON_NOT_YET, None, None)
    watched.watch.stop()


def test_each_round_and_the_end_are_told(watched: Watched) -> None:
    watched.good_round()
    watched.until("green")
    assert (watched.file()["lateness_ms"], watched.file()["reason"]) == (1.5, "")
    watched.health.failed("the moon is full", time.monotonic_ns())
    watched.watch.tell()
    watched.until("red")
    assert watched.file()["reason"] == "the moon is full"
    watched.good_round()
    watched.until("green")
    watched.watch.stop()
    assert (watched.file()["state"], watched.file()["reason"]) == ("red", REASON_STOPPED)
    assert os.listdir(watched.path.parent) == [FILE_NAME]
    assert watched.told() == [
        {"level": "info", "event": "canary", "state": "green", "lateness_ms": 1.5},
        {"level": "error", "event": "canary", "state": "red", "reason": "the moon is full", "lateness_ms": 1.5},
        {"level": "info", "event": "canary", "state": "green", "lateness_ms": 1.5},
    ]


def test_green_runs_out_although_nobody_says_anything(tmp_path: Path) -> None:
    watched = Watched(tmp_path, interval_ns=SECOND // 20)
    watched.good_round()
    watched.until("red")
    assert watched.file()["reason"] == REASON_SILENT
    watched.watch.stop()
    assert [(event["level"], event["state"]) for event in watched.told()] == [("info", "green"), ("error", "red")]


def test_the_end_of_a_verdict_s_time_is_told_by_the_wall_clock(watched: Watched) -> None:
    watched.good_round()
    watched.until("green")
    valid_until = time.strptime(watched.file()["valid_until"].split(".")[0], "%Y-%m-%dT%H:%M:%S")
    left_s = time.mktime(valid_until) - time.timezone - time.time()
    assert 150 < left_s <= 200


def test_a_reader_never_sees_half_a_file(watched: Watched) -> None:
    watched.good_round()
    watched.until("green")
    read: list[str] = []
    is_over = threading.Event()

    def read_on() -> None:
        while not is_over.is_set():
            read.append(watched.file()["state"])

    reader = threading.Thread(target=read_on)
    reader.start()
    for _ in range(200):
        before = watched.path.stat().st_ino
        watched.good_round()
        wait_until(lambda before=before: watched.path.stat().st_ino != before, "the next file")
    is_over.set()
    reader.join()
    assert set(read) == {"green"}


def test_a_folder_that_cannot_be_written_to_is_told_once_and_the_log_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.write_text("not a folder")
    watched = Watched(folder)
    watched.good_round()
    wait_until(lambda: len(watched.told()) == 1, "green in the log")
    watched.watch.stop()
    assert [event for event in watched.log.events() if event["event"] != "canary"] == [
        {
            "level": "warning",
            "event": "health file not written",
            "path": str(folder / FILE_NAME),
            "reason": "File exists",
        }
    ]


def test_without_a_folder_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    watched = Watched(None)
    watched.good_round()
    wait_until(lambda: len(watched.told()) == 1, "green in the log")
    watched.watch.stop()
    assert os.listdir(tmp_path) == []
