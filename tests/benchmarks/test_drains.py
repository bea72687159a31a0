"""The benchmark of large losses: that it drives a real gateway right; how long anything takes is not judged here."""

from typing import Any

import pytest
from benchmark_modules import benchmark_module

run = benchmark_module("run")
drains = benchmark_module("drains")

TIMES = {"p50": 1_000, "p99": 20_000, "max": 300_000}


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    run.build()


@pytest.mark.parametrize("takers", [0, 3])
def test_a_bystander_is_served_during_every_drain_and_takers_get_nothing(takers: int) -> None:
    figures = drains.bystander(5_000, 2, takers)
    assert (figures["orders"], figures["drains"], figures["takers"]) == (5_000, 2, takers)
    assert 0 < figures["under_way_share"] < 1
    assert figures["drain_ns"]["count"] == 2
    names = ["during_ns", "quiet_ns", *["taker_during_ns"] * (takers > 0)]
    assert all(figures[name]["count"] > 0 for name in names)
    assert all(figures[name]["p50"] <= figures[name]["p99"] <= figures[name]["max"] for name in names)


def test_a_storm_is_over_when_every_session_has_its_receipt() -> None:
    figures = drains.storm(sessions=20, orders=5)
    assert (figures["sessions"], figures["orders"], figures["receipts"]) == (20, 5, 20)
    assert 0 < figures["last_cancel_ns"] <= figures["last_receipt_ns"]


def test_the_times_of_a_storm_are_told_in_milliseconds(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {"sessions": 20, "orders": 5, "receipts": 20}
    drains.print_storm(counts | {"losing_ns": 1_500_000, "last_cancel_ns": 2_000_000, "last_receipt_ns": 2_250_000})
    assert capsys.readouterr().out.splitlines()[1:] == [
        "20 sessions of 5 orders, all reset within 1.5 ms:",
        "  the last cancel after 2.0 ms, the last of 20 receipts after 2.2 ms",
    ]


def test_the_table_says_whether_the_limit_holds(capsys: pytest.CaptureFixture[str]) -> None:
    figures: dict[str, Any] = {
        "orders": 100_000,
        "drains": 5,
        "takers": 2,
        "under_way_share": 0.25,
        "preemptions": 3,
        "drain_ns": {"count": 5} | TIMES,
        "during_ns": {"count": 70} | TIMES,
        "quiet_ns": {"count": 800} | TIMES,
        "taker_during_ns": {"count": 9} | TIMES,
    }
    drains.print_bystander(figures)
    drains.print_bystander(figures | {"during_ns": {"count": 70} | TIMES | {"p99": 1_000_000}})
    told = capsys.readouterr().out.splitlines()
    assert told[1] == "5 drains of 100000 orders, 2 takers at the dead touch; under way 25% of the time"
    assert told[5].split() == ["bystander's", "round", "trip,", "drain", "70", "1.0", "20.0", "300.0"]
    verdicts = [line.strip() for line in told if "1 ms" in line]
    assert verdicts == [
        "the bystander's p99 during drains is below 1 ms; the gateway lost its processor 3 times to others",
        "the bystander's p99 during drains is NOT BELOW 1 ms; the gateway lost its processor 3 times to others",
    ]
