"""The engine room's benchmark at its smallest: every load does what it supposes, or it would not print its figure."""

import pytest
from benchmark_modules import benchmark_module


def test_every_case_of_the_engine_room_benchmark_runs_and_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("Cython", reason="the benchmark's loop is compiled, and Cython is not installed here")
    assert benchmark_module("engine_room").main(["--quick"]) == 0
    rows = [line.strip().split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        "ns, median of the rounds (least to greatest)",
        "128 open orders,",
        "yardstick",
        "new order",
        "cancel",
        "1000 open orders die, 10 prices",
        "fence, ns in all",
        "sweep by a taker, ns an order",
        "drain, ns an order",
        "drain after the sweep",
        "2 mass quotes on 15 instruments each, 10 orders beside each",
        "unmodified, ns a side",
        "reduced, ns a side",
        "moved, ns a side",
    ]
