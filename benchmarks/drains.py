"""Measures what a large loss costs others: a bystander, takers that run into dead orders, a thousand sessions at once.

    python -m benchmarks.drains [--orders N] [--drains N] [--takers N] [--sessions N] [--undisturbed]    half a minute

Method.
* One gateway (`python -m gateway serve`, default settings, a drop-copy key) on the first processor, one generator in C
  (load_bystander.c, load_storm.c) on the second, which spins and checks every answer: one that is wrong, no figure.
* Bystander: a session with N open orders, all at the touch, is lost by RST, again and again. Meanwhile another session
  enters and cancels an order of its own, one request at a time: its round trips are told apart by whether a drain was
  under way. Once alone, and once while takers send IOC orders into the dead ones as fast as they are answered; none of
  them may get anything.
* Storm: N sessions with 100 open orders each are reset one right after the other. The time runs from the first reset
  until drop copy has been told of the last cancel, and of the last receipt; each receipt must count what was cancelled.
* Times are the generator's, in microseconds. Where the gateway or the generator loses its processor to others, they are
  those of a busy machine and not of the gateway: `--undisturbed` takes the processors for the half minute.
  `under way` is the share of the time in which a drain was.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import run

LIMIT_NS = 1_000_000
"""What a bystander's round trip may take in 99 of 100 cases while others' orders are taken out."""
STORM_ORDERS = 100

Figures = dict[str, Any]


@contextmanager
def gateway(keys: Iterable[str]) -> Iterator[tuple[int, int]]:
    """A gateway with the benchmarks' own configuration and these traders' keys; its pid and port."""
    tables = [
        f'[[api_key]]\nclient_id = "{key}"\nportfolio = 1\nrole = "trader"\nsecret = "{run.SECRET}"\n' for key in keys
    ]
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "gateway.toml"
        config.write_text("\n".join([run.gateway_config(), *tables]))
        command = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
        with run.running(command) as (pid, port, _lines):
            yield pid, port


def undisturbed() -> str:
    """Lets this process and its children have their processors before all others; says what came of it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return "no right to real-time scheduling: the figures hold what others on this machine did"
    return "real-time scheduling: others at work do not count, but for what the kernel keeps free for them"


def bystander(orders: int, drains: int, takers: int) -> Figures:
    """Round trips beside so many drains of so many orders each.

    Raises:
        run.BenchmarkError: an answer was wrong, or none came; as `storm`.
    """
    arguments = ["bystander", "--orders", str(orders), "--repeats", str(drains), "--takers", str(takers)]
    with gateway(f"other-{number}" for number in range(takers + 1)) as (pid, port):
        before = run.preemptions(pid)
        figures = run.generate(port, [*arguments, "--levels", "1"])
        return figures | {"preemptions": run.preemptions(pid) - before}


def storm(sessions: int, orders: int = STORM_ORDERS) -> Figures:
    """The times of one storm."""
    with gateway(f"storm-{number}" for number in range(sessions)) as (_, port):
        return run.generate(port, ["storm", "--sessions", str(sessions), "--orders", str(orders)])


def row(name: str, figures: Figures) -> str:
    cells = "".join(f"{figures[column] / 1e3:12.1f}" for column in ("p50", "p99", "max"))
    return f"  {name:34}{figures['count']:10}{cells}"


def print_bystander(figures: Figures) -> None:
    """A table of one measurement."""
    takers = f", {figures['takers']} takers at the dead touch" if figures["takers"] else ""
    under_way = f"under way {figures['under_way_share']:.0%} of the time"
    print(f"\n{figures['drains']} drains of {figures['orders']} orders{takers}; {under_way}")
    print(f"  {'':34}{'count':>10}{'p50 µs':>12}{'p99 µs':>12}{'max µs':>12}")
    print(row("a drain", figures["drain_ns"]))
    print(row("bystander's round trip, no drain", figures["quiet_ns"]))
    print(row("bystander's round trip, drain", figures["during_ns"]))
    if figures["takers"]:
        print(row("takers' round trip, drain", figures["taker_during_ns"]))
    judgement = "below" if figures["during_ns"]["p99"] < LIMIT_NS else "NOT BELOW"
    print(f"  the bystander's p99 during drains is {judgement} 1 ms; the gateway lost its processor ", end="")
    print(f"{figures['preemptions']} times to others")


def print_storm(figures: Figures) -> None:
    """The times of one storm."""
    losing, cancel, receipt = (figures[f"{name}_ns"] / 1e6 for name in ("losing", "last_cancel", "last_receipt"))
    print(f"\n{figures['sessions']} sessions of {figures['orders']} orders, all reset within {losing:.1f} ms:")
    print(f"  the last cancel after {cancel:.1f} ms, the last of {figures['receipts']} receipts after {receipt:.1f} ms")


def main(command_line: Sequence[str] | None = None) -> int:
    """Builds, measures, prints; 0 if every answer was right and the bystander's p99 is below its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drains", description="What a large loss costs others.")
    parser.add_argument("--orders", type=int, default=100_000, help="open orders of the session that is lost")
    parser.add_argument("--drains", type=int, default=10, help="how often it is lost")
    parser.add_argument("--takers", type=int, default=4, help="sessions that run into the dead orders")
    parser.add_argument("--sessions", type=int, default=1_000, help="sessions of the storm")
    parser.add_argument("--undisturbed", action="store_true", help="real-time scheduling, where there is a right to it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(command_line)
    for name, text in run.machine().items():
        print(f"{name:12} {text}")
    if options.undisturbed:
        print(f"{'scheduling':12} {undisturbed()}")
    try:
        run.build()
        found = [bystander(options.orders, options.drains, takers) for takers in (0, options.takers)]
        for figures in found:
            print_bystander(figures)
        found.append(storm(options.sessions))
        print_storm(found[-1])
    except run.BenchmarkError as error:
        print(f"benchmarks: {error}")
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return int(max(figures["during_ns"]["p99"] for figures in found[:2]) >= LIMIT_NS)


if __name__ == "__main__":
    raise SystemExit(main())
