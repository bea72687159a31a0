"""The benchmark of idle sessions: that it drives a real gateway right; no time is judged here."""

import pytest
from benchmark_modules import benchmark_module

run = benchmark_module("run")
idle = benchmark_module("idle")


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    run.build()


def test_sessions_are_kept_alive_until_they_fall_silent_and_are_told_so_in_time() -> None:
    figures = idle.idle(sessions=20, silent=3, seconds=3)
    assert (figures["sessions"], figures["silent"]) == (20, 3)
    assert figures["heartbeats_per_s"] > 0
    assert 0 <= figures["late_ns"]["p50"] <= figures["late_ns"]["max"]


def test_no_more_sessions_are_asked_for_than_the_system_permits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle.resource, "getrlimit", lambda _: (100, 1_000))
    monkeypatch.setattr(idle.resource, "setrlimit", lambda *_: None)
    assert [idle.permitted(wanted) for wanted in (10, 10_000)] == [10, 1_000 - 256]


def test_the_figures_are_told_in_words() -> None:
    figures = {
        "sessions": 10_000,
        "open_seconds": 1.04,
        "heartbeats_per_s": 4_000,
        "server_cpu_share": 0.02,
        "silent": 200,
        "late_ns": {"p50": 300_000, "p99": 800_000, "max": 900_000},
    }
    assert idle.table_of(figures).splitlines() == [
        "10000 sessions, logged on in 1.0 s: 4000 heartbeats a second take 2.0% of a processor, "
        "5.0 µs each with the gateway's own",
        "200 that fell silent were noticed p50 300 µs, p99 800 µs, max 900 µs late",
    ]
