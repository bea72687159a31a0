"""Measures the gateway against a floor.

    python benchmarks/run.py [--runs N] [--only PATTERN] [--servers NAMES] [--json FILE]      about ten minutes
    python benchmarks/run.py --quick             one short run of each case: shows that it works
    python benchmarks/run.py --instructions      user-space instructions per request under callgrind: a few minutes

Method.
* Servers: `floor`, hand-written C on epoll that does the least for an order (floor.c); `ours`, `python -m gateway
  serve` with default settings and a drop-copy key, into whose stream it copies every answer; `lone`, the same without
  that key; `echo`, uvloop that sends each read back (echo.py); `naive`, the obvious asyncio gateway
  (naive_gateway.py). Each sample has a fresh server process on the first processor; one generator (load*.c) spins on
  the second and checks every answer: one reject or wrong answer, and there is no figure.
* Orders: the book is filled to 10,000 open orders and held there, new orders and cancels of randomly chosen orders
  alternating; ids are shuffled, prices spread over 100 levels a side, nothing crosses. A request is a new order or
  a cancel, and figures are per request. Window 1 gives the round trip, windows 64 and 512 the throughput with so
  many requests in flight, at most 32 of them in one send. With 128 in one send the work per system call weighs less and
  the work per order more.
* Loss: a session with n open orders is lost by FIN or RST. Time runs from that call until a drop-copy connection has
  read the last OrdersCanceled; then every order is looked up: cancelled once, reason 7. The floor does this too.
* Runs interleave: floor, ours, floor, echo, floor, naive, floor ... A ratio is a sample over the mean of the floor's
  just before and just after it; the tables show medians of the runs, of ratios also the least and the greatest. Of
  throughput more is better, of all else less.
* Processor time is what the server's process used, in user space and kernel, over the requests answered meanwhile.
  Instructions come from the processor's counters, where there are any. Preemptions tell whether the machine was
  quiet: how often, in the median sample, the server lost its processor to somebody else.
"""

import argparse
import fnmatch
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"
PROGRAMS = {
    "floor": ["floor.c"],
    "load": [
        "load.c",
        "load_client.c",
        "load_throughput.c",
        "load_disconnect.c",
        "load_bystander.c",
        "load_idle.c",
        "load_storm.c",
    ],
}
COMPILE = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
SERVERS = ("floor", "ours", "lone", "echo", "naive")
TRADER, LOST_TRADER, DROP_COPY = "bench-1", "bench-2", "drop-1"
SECRET = "benchmark-secret-of-no-worth"
ORDERS_MAX = 131_072
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0

Figures = dict[str, Any]


class BenchmarkError(Exception):
    """A server or the generator failed; the text says which and why."""


class Figure(NamedTuple):
    """One column: where the generator's JSON has it, and what to divide it by for people."""

    name: str
    path: tuple[str, ...]
    scale: float = 1.0

    def of(self, figures: Figures) -> float | None:
        """The figure as the generator gave it; None if this machine or server has none."""
        found: Any = figures
        for key in self.path:
            found = found.get(key, {})
        return float(found) if found != {} else None


class Case(NamedTuple):
    """One thing to measure: the generator's arguments, the figures that count, and who is measured."""

    name: str
    arguments: tuple[str, ...]
    figures: tuple[Figure, ...]
    servers: tuple[str, ...] = SERVERS


class Sample(NamedTuple):
    """What one run gave for one server, and the floor's figures just before and after it (none for the floor's own)."""

    server: str
    figures: Figures
    floors: tuple[Figures, ...] = ()


# Cases --------------------------------------------------------------------------------------------------------------

CPU = Figure("cpu ns/request", ("server_cpu_ns_per_request",))
INSTRUCTIONS = Figure("instructions/request", ("server_instructions_per_request",))
ROUND_TRIP = (
    Figure("p50 µs", ("round_trip_ns", "p50"), 1e3),
    Figure("p99 µs", ("round_trip_ns", "p99"), 1e3),
    CPU,
    INSTRUCTIONS,
)
THROUGHPUT = (Figure("million requests/s", ("requests_per_s",), 1e6), CPU, INSTRUCTIONS)
LOSS = (
    Figure("first cancel p50 µs", ("first_ns", "p50"), 1e3),
    Figure("last cancel p50 µs", ("last_ns", "p50"), 1e3),
    Figure("last cancel max µs", ("last_ns", "max"), 1e3),
)


def cases(quick: bool) -> list[Case]:
    """Every case; the quick ones are shorter and leave the largest loss out."""
    lengths = ("--seconds", "0.2", "--warm-up", "0.05") if quick else ("--seconds", "1", "--warm-up", "0.2")
    repeats = {1: 20, 100: 20, 10_000: 5} if quick else {1: 200, 100: 200, 10_000: 20, 100_000: 5}
    found = [Case("window 1", ("throughput", "--window", "1", *lengths), ROUND_TRIP)]
    for window, burst in ((64, 32), (512, 32), (512, 128)):
        name = f"window {window}" if burst == 32 else f"window {window}, {burst} in one send"
        arguments: tuple[str, ...] = ("throughput", "--window", str(window), "--burst", str(burst), *lengths)
        found.append(Case(name, arguments, THROUGHPUT))
    for loss in ("fin", "rst"):
        for orders, count in repeats.items():
            arguments = ("disconnect", "--loss", loss, "--orders", str(orders), "--repeats", str(count))
            found.append(Case(f"{loss} with {orders} open", arguments, LOSS, ("floor", "ours", "naive")))
    return found


def gateway_config(*, drop_copy: bool = True, orders_max: int = ORDERS_MAX) -> str:
    """Our gateway's configuration: defaults, but for a free port, nothing kept on disk, and room for the orders."""
    keys = [(TRADER, "trader"), (LOST_TRADER, "trader")] + [(DROP_COPY, "drop_copy")] * drop_copy
    tables = [
        '[gateway]\nname = "bench"\nhost = "127.0.0.1"\nport = 0\ndata_dir = ""\n',
        '[[instrument]]\nid = 1\nsymbol = "BENCH-PERPETUAL"\ncurrency_pair_id = 1\nproduct_type = "futures"\n'
        'tick_size = "0.5"\nlot_size = "0.001"\n',
        f"[[portfolio]]\nid = 1\nmax_open_orders = {orders_max}\n",
    ]
    for client_id, role in keys:
        tables.append(f'[[api_key]]\nclient_id = "{client_id}"\nportfolio = 1\nrole = "{role}"\nsecret = "{SECRET}"\n')
    return "\n".join(tables)


# Programs and processes ---------------------------------------------------------------------------------------------


def build() -> None:
    """Compiles the floor and the generator into benchmarks/.build.

    Raises:
        BenchmarkError: with the compiler's own words.
    """
    BUILD.mkdir(exist_ok=True)
    for program, sources in PROGRAMS.items():
        command = [*COMPILE, "-o", str(BUILD / program), *(str(HERE / source) for source in sources)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchmarkError(f"{' '.join(command)}:\n{done.stderr}")


def processors() -> tuple[int, int]:
    """The processors of the server and of the generator: the same one if there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[min(1, len(allowed) - 1)]


def server_command(server: str, directory: Path) -> list[str]:
    """How to start a server; what it needs to read is put into `directory`."""
    if server == "floor":
        return [str(BUILD / "floor"), str(ORDERS_MAX)]
    if server in ("ours", "lone"):
        config = directory / "bench.toml"
        config.write_text(gateway_config(drop_copy=server == "ours"))
        return [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    return [sys.executable, str(HERE / {"echo": "echo.py", "naive": "naive_gateway.py"}[server])]


def listening_port(process: subprocess.Popen[str], lines: list[str]) -> int:
    """Reads the server's stderr until it says where it listens; keeps what it says in `lines`."""
    assert process.stderr is not None
    watchdog = threading.Timer(START_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        for line in process.stderr:
            lines.append(line)
            if line.startswith("{") and json.loads(line).get("event") == "listening":
                return int(json.loads(line)["port"])
    finally:
        watchdog.cancel()
    raise BenchmarkError(f"{process.args!r} did not start:\n{''.join(lines[-20:])}")


@contextmanager
def running(command: Sequence[str]) -> Iterator[tuple[int, int, list[str]]]:
    """A server process, pinned: its pid, its port, and the lines of its stderr, all there once it has ended."""
    server_processor, _ = processors()
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": "0"},  # the same start each time, for those who count instructions
        preexec_fn=lambda: os.sched_setaffinity(0, {server_processor}),
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()))
    try:
        port = listening_port(process, lines)
        reader.start()
        yield process.pid, port, lines
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if reader.ident is not None:
            reader.join()


def generate(port: int, arguments: Sequence[str]) -> Figures:
    """Runs the generator against the server on `port` and returns its figures.

    Raises:
        BenchmarkError: an answer was wrong, or none came.
    """
    _, generator_processor = processors()
    keys = ["--client-id", TRADER]
    if arguments[0] not in ("throughput", "idle"):
        keys = ["--client-id", LOST_TRADER, "--drop-copy-id", DROP_COPY, "--drop-copy-secret", SECRET]
    done = subprocess.run(
        [str(BUILD / "load"), *arguments, "--port", str(port), "--secret", SECRET, *keys],
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {generator_processor}),
    )
    if done.returncode != 0:
        raise BenchmarkError(done.stderr.strip())
    figures: Figures = json.loads(done.stdout)
    return figures


def peculiarities(server: str, arguments: Sequence[str]) -> list[str]:
    """What the generator must know of a server: an echo sends requests back, ours copies acceptances to drop copy."""
    if server == "echo":
        return ["--echo"]
    return ["--acknowledgements-copied"] if server == "ours" and arguments[0] == "disconnect" else []


def preemptions(pid: int) -> int:
    """How often a process has lost its processor so far without having asked for it."""
    found = re.search(r"nonvoluntary_ctxt_switches:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def sample(server: str, arguments: Sequence[str]) -> Figures:
    """The figures of one fresh server process."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running(server_command(server, Path(directory))) as (pid, port, lines),
    ):
        before = preemptions(pid)
        try:
            figures = generate(port, [*arguments, "--server-pid", str(pid), *peculiarities(server, arguments)])
        except BenchmarkError as error:
            raise BenchmarkError(f"{server}: {error}\nits last words:\n{''.join(lines[-5:])}") from None
        return figures | {"server_preemptions": preemptions(pid) - before}


# Measuring ----------------------------------------------------------------------------------------------------------


def measure(case: Case, servers: Sequence[str], runs: int) -> list[Sample]:
    """Every sample of a case: the servers interleaved with the floor, `runs` times over."""
    others = [server for server in case.servers if server in servers and server != "floor"]
    samples = []
    for _ in range(runs):
        before = sample("floor", case.arguments)
        samples.append(Sample("floor", before))
        for server in others:
            figures, after = sample(server, case.arguments), sample("floor", case.arguments)
            samples += [Sample(server, figures, (before, after)), Sample("floor", after)]
            before = after
    return samples


def medians(figure: Figure, samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    """The values of one figure in one server's samples, and their ratios to the floor. Either may be empty."""
    values, ratios = [], []
    for taken in samples:
        value = figure.of(taken.figures)
        floors = [floor for floor in map(figure.of, taken.floors) if floor is not None]
        if value is not None:
            values.append(value)
            ratios += [value / statistics.mean(floors)] if floors else []
    return values, ratios


def summary(case: Case, samples: Sequence[Sample]) -> dict[str, dict[str, dict[str, float]]]:
    """Server, figure → median, and where there is a floor beside it ratio, ratio_min, ratio_max."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for server in dict.fromkeys(taken.server for taken in samples):
        found[server] = {}
        for figure in case.figures:
            values, ratios = medians(figure, [taken for taken in samples if taken.server == server])
            if values:
                found[server][figure.name] = {"median": statistics.median(values) / figure.scale}
            if ratios:
                found[server][figure.name] |= {
                    "ratio": statistics.median(ratios),
                    "ratio_min": min(ratios),
                    "ratio_max": max(ratios),
                }
    return found


def count_instructions(servers: Sequence[str]) -> None:
    """Prints user-space instructions per request as callgrind counts them, from the difference of two runs."""
    short, long = 20_000, 120_000
    arguments = ["throughput", "--window", "512", "--warm-up", "0", "--requests"]
    print("\ninstructions per request in user space (callgrind; without the kernel; window 512)")
    for server in servers:
        counts = []
        for requests in (short, long):
            with tempfile.TemporaryDirectory() as directory:
                command = [*CALLGRIND, *server_command(server, Path(directory))]
                with running(command) as (_, port, lines):
                    generate(port, [*arguments, str(requests), *peculiarities(server, arguments)])
            found = [int(match[1]) for line in lines if (match := re.search(r"Collected : (\d+)", line))]
            if not found:
                raise BenchmarkError(f"callgrind gave no count:\n{''.join(lines[-5:])}")
            counts.append(found[-1])
        print(f"  {server:8}{(counts[1] - counts[0]) / (long - short):12.0f}", flush=True)


# Printing -----------------------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What the figures depend on."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True).stdout.partition("\n")[0]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True).stdout
    server, generator = processors()
    same = " (ONE PROCESSOR FOR BOTH: the figures mean nothing)" if server == generator else ""
    return {
        "processor": f"{model[1] if model else platform.machine()}, {os.cpu_count()} of them",
        "system": f"{platform.system()} {platform.release()}",
        "versions": ", ".join([*packages(), compiler]),
        "commit": commit.strip() or "unknown",
        "pinned": f"server on {server}, generator on {generator}{same}",
        "load before": f"{os.getloadavg()[0]:.2f} (others at work make the figures worse)",
    }


def packages() -> list[str]:
    """Name and version of the interpreter, and of those packages that matter and are installed."""
    installed = {found.metadata["Name"].lower(): found.version for found in metadata.distributions()}
    found = [f"{name} {installed[name]}" for name in ("breakwire", "cython", "uvloop") if name in installed]
    return [f"{platform.python_implementation()} {platform.python_version()}", *found]


def print_case(case: Case, found: dict[str, dict[str, dict[str, float]]], preempted: float) -> None:
    """A table: a row per server, for each figure its median and the ratio to the floor."""
    columns = [figure for figure in case.figures if any(figure.name in row for row in found.values())]
    print(f"\n{case.name}\n{'':9}" + "".join(f"{figure.name:>20}   {'ratio to the floor':22}" for figure in columns))
    for server, row in found.items():
        line = f"  {server:7}"
        for figure in columns:
            cell = row.get(figure.name, {})
            line += f"{cell['median']:20.2f}   " if cell else f"{'-':>20}   "
            line += f"{'{ratio:.2f} ({ratio_min:.2f} to {ratio_max:.2f})'.format(**cell) if 'ratio' in cell else '':22}"
        print(line.rstrip(), flush=True)
    print(f"  preemptions: {preempted:.0f}")
    if INSTRUCTIONS in case.figures and INSTRUCTIONS not in columns:
        print("  instructions/request: not available on this machine (no counters); see --instructions")


def arguments_of(command_line: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description="Measures the gateway against a floor.")
    parser.add_argument("--quick", action="store_true", help="one short run of each case: shows that it works")
    parser.add_argument("--runs", type=int, help="runs of each case (default 5; 1 with --quick)")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="only cases of a matching name: 'window 512*'")
    parser.add_argument("--servers", default=",".join(SERVERS), help="whom to measure (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine, medians and every sample there")
    parser.add_argument("--instructions", action="store_true", help="count instructions with callgrind instead")
    arguments = parser.parse_args(command_line)
    arguments.servers = arguments.servers.split(",")
    if unknown := set(arguments.servers) - set(SERVERS):
        parser.error(f"no such server: {', '.join(sorted(unknown))}")
    return arguments


def main(command_line: Sequence[str] | None = None) -> int:
    """Builds, measures, prints; 0 if every answer of every server was right."""
    options = arguments_of(command_line)
    print((__doc__ or "").partition("Method.\n")[2])
    report: dict[str, Any] = {"machine": machine(), "cases": {}}
    for name, text in report["machine"].items():
        print(f"{name:12} {text}")
    try:
        build()
        if options.instructions:
            count_instructions(options.servers)
            return 0
        for case in cases(options.quick):
            if fnmatch.fnmatch(case.name, options.only):
                samples = measure(case, options.servers, options.runs or (1 if options.quick else 5))
                found = summary(case, samples)
                print_case(case, found, statistics.median(taken.figures["server_preemptions"] for taken in samples))
                report["cases"][case.name] = {"summary": found, "samples": [taken._asdict() for taken in samples]}
    except BenchmarkError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    if options.json is not None:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
