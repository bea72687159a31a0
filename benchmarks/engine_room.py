"""What the engine room takes for an order, without sockets, sessions or frames.

    python -m benchmarks.engine_room [--rounds N] [--quick]      a quarter of a minute

Method. A book is filled and held at its size: batches of 64 cancels of random orders by client_order_id and of 64 new
orders, on random prices of both sides, nothing crosses. A round runs every case once and measures the yardstick just
before each: the time to follow one link between as many 128-byte records in random order, which is what this machine
takes, at that moment, for a record that is in no near cache. Figures are medians of the batches; the table shows the
median of the rounds with the least and the greatest. Then 100,000 orders die: the fence, a taker that sweeps the book
of dead orders, the drain. Last, full mass quotes of 15 entries, each on instruments of its own, beside resting orders:
moved by a tick, sent again, and reduced; the time of a mass quote, shared among its 30 sides.
"""

import argparse
import importlib.util
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gateway

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"


class Case(NamedTuple):
    """`live` open orders on `levels` prices of each side."""

    live: int
    levels: int


CASES = [Case(1_024, 10), Case(1_024, 50), Case(102_400, 50), Case(102_400, 1_000)]
DEAD = Case(100_000, 1_000)


class QuoteCase(NamedTuple):
    """`count` mass quotes, `live` orders in every book beside the quotes."""

    count: int
    live: int


QUOTES = [QuoteCase(10, 0), QuoteCase(10, 100), QuoteCase(100, 60)]
QUOTE_ROUNDS = 200
BATCHES = 4_000


def build() -> Any:
    """Compile engine_room_loop.pyx against the .pxd files of the gateway that Python finds, and import it."""
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    extension = Extension(
        "engine_room_loop", [str(HERE / "engine_room_loop.pyx")], extra_compile_args=["-O3", "-fno-strict-aliasing"]
    )
    modules = cythonize(
        [extension],
        build_dir=str(BUILD),
        include_path=[str(Path(gateway.__file__).parents[1])],
        compiler_directives={"language_level": 3, "boundscheck": False, "wraparound": False, "cdivision": True},
        quiet=True,
    )
    command = build_ext(Distribution({"ext_modules": modules}))
    command.build_lib = command.build_temp = str(BUILD)
    command.ensure_finalized()
    command.run()
    spec = importlib.util.spec_from_file_location(extension.name, command.get_ext_fullpath(extension.name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spread(samples: Sequence[float]) -> str:
    return f"{statistics.median(samples):7.1f} ({min(samples):.1f} to {max(samples):.1f})"


def measure_churn(loop: Any, cases: Sequence[Case], rounds: int, batches: int) -> None:
    yardsticks: dict[Case, list[float]] = {case: [] for case in cases}
    entering: dict[Case, list[float]] = {case: [] for case in cases}
    canceling: dict[Case, list[float]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            yardsticks[case].append(loop.chase(case.live))
            news, cancels = loop.churn(*case, batches)
            entering[case].append(statistics.median(news))
            canceling[case].append(statistics.median(cancels))
    print("ns, median of the rounds (least to greatest)")
    for case in cases:
        print(f"{case.live:>7} open orders, {case.levels:>5} prices a side")
        print(f"    yardstick  {spread(yardsticks[case])}")
        print(f"    new order  {spread(entering[case])}")
        print(f"    cancel     {spread(canceling[case])}")


def measure_death(loop: Any, case: Case, rounds: int) -> None:
    swept, plain = [], []
    for _ in range(rounds):
        swept.append(loop.die(*case, True))
        plain.append(loop.die(*case, False))
    print(f"{case.live:>7} open orders die, {case.levels} prices")
    print(f"    fence, ns in all                 {spread([fence for fence, _, _ in plain])}")
    print(f"    sweep by a taker, ns an order    {spread([sweep for _, sweep, _ in swept])}")
    print(f"    drain, ns an order               {spread([drain for _, _, drain in plain])}")
    print(f"    drain after the sweep            {spread([drain for _, _, drain in swept])}")


def measure_quotes(loop: Any, cases: Sequence[QuoteCase], rounds: int) -> None:
    for case in cases:
        unmodified, reduced, moved = loop.requote(*case, rounds)
        print(f"{case.count:>7} mass quotes on 15 instruments each, {case.live} orders beside each")
        print(f"    unmodified, ns a side            {spread(unmodified)}")
        print(f"    reduced, ns a side               {spread(reduced)}")
        print(f"    moved, ns a side                 {spread(moved)}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one short round of each case: shows that it works")
    options = parser.parse_args(arguments)
    loop = build()
    if options.quick:
        measure_churn(loop, [Case(128, 10)], rounds=1, batches=10)
        measure_death(loop, Case(1_000, 10), rounds=1)
        measure_quotes(loop, [QuoteCase(2, 10)], rounds=2)
        return 0
    measure_churn(loop, CASES, options.rounds, BATCHES)
    measure_death(loop, DEAD, options.rounds)
    measure_quotes(loop, QUOTES, QUOTE_ROUNDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
