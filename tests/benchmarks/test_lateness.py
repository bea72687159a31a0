"""The benchmark of lateness: that it measures what it says, on a real gateway; how late that is, is not judged here."""

from random import Random

import pytest
from benchmark_modules import benchmark_module
from support.core_driver import START

lateness = benchmark_module("lateness")


def test_every_fire_is_measured_and_none_is_early() -> None:
    result = lateness.measure(sessions=4, idle=2, rounds=2)
    assert list(result) == ["dead man's switch", "heartbeat"]
    for figures in result.values():
        assert figures["fires"] == 8
        for moment in ("fenced", "told"):
            values = [figures[moment][label] for label in ("p50", "p90", "p99", "max")]
            assert values == sorted(values)
            assert values[0] >= 0
        assert all(figures["told"][label] >= figures["fenced"][label] for label in ("p50", "max"))


def test_percentiles_are_those_of_the_sorted_values_in_microseconds() -> None:
    fires = [(1_000 * n, 2_000 * n) for n in range(1, 101)]
    Random(1).shuffle(fires)
    assert lateness.figures_of(fires) == {
        "fenced": {"p50": 50, "p90": 90, "p99": 99, "max": 100},
        "told": {"p50": 100, "p90": 180, "p99": 198, "max": 200},
    }


def test_a_fire_too_early_ends_the_measurement() -> None:
    class Fired:
        client_id = "m-0"
        answer = type("Answer", (), {"fields": {"trigger_time": START}})
        fired = type(
            "Frame", (), {"fields": {"timestamp": START - 1}, "header": type("Header", (), {"send_time_ns": START})}
        )

    with pytest.raises(lateness.BenchmarkError, match="m-0: fenced 1 ns too early"):
        lateness.late(Fired, "trigger_time", 0)


def test_the_table_has_a_row_for_each_and_rounds_to_microseconds() -> None:
    figures = {"p50": 1.4, "p90": 2.0, "p99": 3.6, "max": 10.0}
    assert lateness.table_of({"heartbeat": {"fires": 5, "fenced": figures, "told": figures}}).splitlines() == [
        "µs late | fires | fenced p50 | fenced p90 | fenced p99 | fenced max"
        " | told p50 | told p90 | told p99 | told max",
        "heartbeat | 5 | 1 | 2 | 4 | 10 | 1 | 2 | 4 | 10",
    ]
