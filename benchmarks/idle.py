"""Measures many sessions that have nothing to say: what they cost, and how late it is noticed when one falls silent.

    python -m benchmarks.idle [--sessions N] [--silent N] [--seconds S] [--undisturbed]    half a minute

Method.
* One gateway (`python -m gateway serve`, default settings: heartbeats every 5 s) on the first processor, one generator
  in C (load_idle.c) on the second. Each session sends a Heartbeat when it has said nothing for half an interval; the
  gateway sends its own.
* Cost: the processor time of the gateway while so many sessions are kept alive, as a share of one processor.
* Lateness: some sessions send a TestRequest, and then nothing. Each is told LoggedOut; how late, is the difference of
  the gateway's own stamps: that of the LoggedOut, less that of the answer to the TestRequest, less 1.5 intervals.
"""

import argparse
import json
import resource
from collections.abc import Sequence
from pathlib import Path

from benchmarks import run
from benchmarks.drains import Figures, gateway, undisturbed

LIMIT_NS = 2_000_000
"""How late the loss of a heartbeat may be noticed when the loop is free."""
DESCRIPTORS_BESIDE = 256


def idle(sessions: int, silent: int, seconds: float) -> Figures:
    """The figures of one run.

    Raises:
        run.BenchmarkError: an answer was wrong, or none came.
    """
    with gateway(f"idle-{number}" for number in range(sessions)) as (pid, port):
        arguments = ["--sessions", str(sessions), "--repeats", str(silent), "--seconds", str(seconds)]
        return run.generate(port, ["idle", *arguments, "--server-pid", str(pid)])


def permitted(sessions: int) -> int:
    """As many sessions as this system lets one process have connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(sessions, hard - DESCRIPTORS_BESIDE)


def table_of(figures: Figures) -> str:
    """The figures for people."""
    late = figures["late_ns"]
    cost = figures["server_cpu_share"] / figures["heartbeats_per_s"] * 1e6 if figures["heartbeats_per_s"] else 0
    return (
        f"{figures['sessions']} sessions, logged on in {figures['open_seconds']:.1f} s: "
        f"{figures['heartbeats_per_s']:.0f} heartbeats a second take {figures['server_cpu_share']:.1%} of a processor, "
        f"{cost:.1f} µs each with the gateway's own\n"
        f"{figures['silent']} that fell silent were noticed p50 {late['p50'] / 1e3:.0f} µs, "
        f"p99 {late['p99'] / 1e3:.0f} µs, max {late['max'] / 1e3:.0f} µs late"
    )


def main(command_line: Sequence[str] | None = None) -> int:
    """Builds, measures, prints; 0 if every answer was right and no loss was noticed too late, by p99."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description="Sessions with nothing to say.")
    parser.add_argument("--sessions", type=int, default=10_000, help="sessions that are kept alive")
    parser.add_argument("--silent", type=int, default=200, help="how many of them fall silent then")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long their cost is taken")
    parser.add_argument("--undisturbed", action="store_true", help="real-time scheduling, where there is a right to it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(command_line)
    for name, text in run.machine().items():
        print(f"{name:12} {text}")
    if options.undisturbed:
        print(f"{'scheduling':12} {undisturbed()}")
    sessions = permitted(options.sessions)
    if sessions < options.sessions:
        print(f"this system permits {sessions} connections of a process, not {options.sessions}")
    try:
        run.build()
        figures = idle(sessions, options.silent, options.seconds)
    except run.BenchmarkError as error:
        print(f"benchmarks: {error}")
        return 1
    print(table_of(figures))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return int(figures["late_ns"]["p99"] >= LIMIT_NS)


if __name__ == "__main__":
    raise SystemExit(main())
