"""Measures how late the gateway's timers are: heartbeats that stay away, dead man's switches that are not refreshed.

    python -m benchmarks.lateness [--sessions N] [--idle N] [--rounds N] [--json FILE]      about twenty seconds

Method.
* One gateway (`python -m gateway serve`, heartbeat interval 1 s, nothing kept on disk) on the first processor, all
  clients in this process on the second. Each of the N sessions has a portfolio of its own and one resting order; the
  idle sessions beside them only keep themselves alive.
* Dead man's switch: in each round every session sets its switch once, for a time drawn from 50 to 1,050 ms. Heartbeats:
  in each round every session says one last thing, at a moment drawn from a second, and then nothing, not even an
  answer to the TestRequest.
* All times are the gateway's own, from its frames: the fence is the timestamp of the OrdersCanceled, the moment it was
  told its sendTimeNs; both less the switch's triggerTime, or less the currentTime of the answer to the last frame and
  1.5 intervals. So no clock of this process counts, and neither does how late it reads.
* Figures are percentiles of all fires, in microseconds. A negative one would be a fire too early, and ends the
  measurement with an error, as does a fire that does not come.
"""

import argparse
import json
import os
import random
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codec import messages
from codec.layout import CancelOnDisconnectScope, Side
from codec.values import Complete, Decimal72, Message

SECRET = "benchmark-secret-of-no-worth"
INTERVAL_NS = 1_000_000_000
LAPSE_NS = 1_500_000_000
SPREAD_S = 1.0
LEAST_MS, MOST_MS = 50, 1_050
FRAME_MAX = 65_535
READ_MAX = 65_536
DEADLINE_S = 30.0
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}

Figures = dict[str, float]


class BenchmarkError(Exception):
    """The gateway did not do what was to be measured; the text says what."""


class Session:
    """One client: what it sends, and the frames that it has been sent."""

    def __init__(self, address: tuple[str, int], client_id: str) -> None:
        self.client_id = client_id
        self.number = 0
        self.client_order_id = 0
        self.fired: Message | None = None
        self.answer: Message | None = None
        self.is_silent = False
        self._address = address
        self._data = b""
        self.connect()

    def connect(self) -> None:
        """A new connection, logged on, with one order."""
        self.socket = socket.create_connection(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.number, self.is_silent, self._data = 0, False, b""
        self.send("Logon", client_id=self.client_id, secret=SECRET, reset_seq_num=True, schema_version=17)

    def send(self, name: str, **fields: Any) -> None:
        self.number += 1
        self.socket.sendall(messages.encode(name, fields, sequence_number=self.number))

    def enter_order(self) -> None:
        self.fired = self.answer = None
        self.client_order_id += 1
        self.send(
            "NewOrderRequest",
            client_order_id=self.client_order_id,
            instrument_id=1,
            price=100_000_000_000,
            quantity=Decimal72(1_000_000_000, -9),
            side=Side.BUY,
        )

    def set_switch(self, timeout_ms: int) -> None:
        self.send("CancelAllAfterRequest", timeout_ms=timeout_ms, scope=CancelOnDisconnectScope.PORTFOLIO)

    def read(self) -> None:
        """Takes in what has come, and keeps the connection alive."""
        data = self.socket.recv(READ_MAX)
        self._data += data
        while self._data and isinstance(frame := messages.scan(self._data, 0, FRAME_MAX), Complete):
            self._take(messages.decode(self._data[: frame.length]))
            self._data = self._data[frame.length :]

    def _take(self, message: Message) -> None:
        if message.name == "OrdersCanceled":
            # A logon with reset is told the cancels of the connection before once more.
            if message.fields["orders"][0]["client_order_id"] == self.client_order_id:
                self.fired = message
        elif message.name == "CancelAllAfterResponse":
            self.answer = message
        elif message.name in ("TestRequest", "Heartbeat") and not self.is_silent:
            self.send("Heartbeat", correlation_id=message.fields["correlation_id"])


class Clients:
    """All sessions, read from in one loop."""

    def __init__(self, address: tuple[str, int], measured: int, idle: int) -> None:
        self._selector = selectors.DefaultSelector()
        self.measured = [Session(address, name) for name in client_ids(measured, 0)]
        self.idle = [Session(address, name) for name in client_ids(0, idle)]
        for session in [*self.measured, *self.idle]:
            self.watch(session)

    def watch(self, session: Session) -> None:
        self._selector.register(session.socket, selectors.EVENT_READ, session)

    def reconnect(self, session: Session) -> None:
        self._selector.unregister(session.socket)
        session.socket.close()
        session.connect()
        self.watch(session)

    def run(self, actions: Sequence[tuple[float, Session]], act: Any) -> None:
        """Calls `act(session)` at each of the times, then goes on until everybody's order was cancelled."""
        began = time.monotonic()
        waiting = sorted(actions, key=lambda action: action[0], reverse=True)
        while waiting or any(session.fired is None for session in self.measured):
            now = time.monotonic() - began
            while waiting and waiting[-1][0] <= now:
                act(waiting.pop()[1])
            if now > DEADLINE_S:
                raise BenchmarkError(f"not every fire came within {DEADLINE_S} s")
            for key, _ in self._selector.select(min(waiting[-1][0] - now, 0.5) if waiting else 0.5):
                key.data.read()


def client_ids(measured: int, idle: int) -> list[str]:
    return [f"m-{number}" for number in range(measured)] + [f"i-{number}" for number in range(idle)]


def switches(clients: Clients, draw: random.Random) -> list[tuple[int, int]]:
    """One round; fence and telling of each fire, in ns after its trigger time."""
    for session in clients.measured:
        session.enter_order()
    clients.run(
        [(draw.uniform(0, 0.1), session) for session in clients.measured],
        lambda session: session.set_switch(draw.randint(LEAST_MS, MOST_MS)),
    )
    return [late(session, "trigger_time", 0) for session in clients.measured]


def heartbeats(clients: Clients, draw: random.Random) -> list[tuple[int, int]]:
    """The same of sessions that fall silent, after the time at which they should have been heard."""
    for session in clients.measured:
        session.enter_order()

    def last_words(session: Session) -> None:
        session.set_switch(0)
        session.is_silent = True

    clients.run([(draw.uniform(0, SPREAD_S), session) for session in clients.measured], last_words)
    found = [late(session, "current_time", LAPSE_NS) for session in clients.measured]
    for session in clients.measured:
        clients.reconnect(session)
    return found


def late(session: Session, field: str, after_ns: int) -> tuple[int, int]:
    if session.fired is None or session.answer is None:
        raise BenchmarkError(f"{session.client_id} was cancelled before its request was answered")
    due = session.answer.fields[field] + after_ns
    fenced, told = session.fired.fields["timestamp"] - due, session.fired.header.send_time_ns - due
    if fenced < 0:
        raise BenchmarkError(f"{session.client_id}: fenced {-fenced} ns too early")
    return fenced, told


def figures_of(found: Sequence[tuple[int, int]]) -> dict[str, Figures]:
    """Percentiles in microseconds."""
    columns = {"fenced": sorted(fenced for fenced, _ in found), "told": sorted(told for _, told in found)}
    return {
        name: {label: values[max(round(part * len(values)) - 1, 0)] / 1e3 for label, part in PERCENTILES.items()}
        for name, values in columns.items()
    }


def measure(sessions: int, idle: int, rounds: int) -> dict[str, Any]:
    """The figures by name: what fired, then which moment."""
    cpus = sorted(os.sched_getaffinity(0))
    draw = random.Random(1)
    with gateway(sessions, idle, cpus[0]) as address:
        os.sched_setaffinity(0, {cpus[-1]})
        clients = Clients(address, sessions, idle)
        found = {
            "dead man's switch": [fire for _ in range(rounds) for fire in switches(clients, draw)],
            "heartbeat": [fire for _ in range(rounds) for fire in heartbeats(clients, draw)],
        }
    return {name: {"fires": len(fires), **figures_of(fires)} for name, fires in found.items()}


@contextmanager
def gateway(sessions: int, idle: int, cpu: int) -> Iterator[tuple[str, int]]:
    """A gateway process; its address."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "gateway.toml"
        path.write_text(configuration(sessions, idle, cpu))
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve", "--config", str(path)],
            stdout=subprocess.DEVNULL,
            stderr=(log := Path(directory) / "log").open("wb"),
        )
        try:
            yield address_in(log, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def address_in(log: Path, process: subprocess.Popen[bytes]) -> tuple[str, int]:
    """Where the gateway listens, once its log says so."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end and process.poll() is None:
        for line in log.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "listening":
                return event["host"], event["port"]
        time.sleep(0.05)
    raise BenchmarkError(f"the gateway does not listen: {log.read_text()}")


def configuration(sessions: int, idle: int, cpu: int) -> str:
    names = client_ids(sessions, idle)
    tables = [f'[gateway]\nport = 0\ndata_dir = ""\nheartbeat_interval_s = {INTERVAL_NS // 10**9}\ncpu = {cpu}\n']
    tables.append('[[instrument]]\nid = 1\nsymbol = "BENCH"\ncurrency_pair_id = 1\nproduct_type = "futures"\n')
    tables.append('tick_size = "0.5"\nlot_size = "0.001"\n')
    tables += [f"[[portfolio]]\nid = {number}\n" for number in range(1, len(names) + 1)]
    tables += [
        f'[[api_key]]\nclient_id = "{name}"\nportfolio = {number}\nsecret = "{SECRET}"\n'
        for number, name in enumerate(names, start=1)
    ]
    return "".join(tables)


def table_of(result: dict[str, Any]) -> str:
    head = ["µs late", "fires", *(f"{moment} {label}" for moment in ("fenced", "told") for label in PERCENTILES)]
    lines = [" | ".join(head)]
    for name, figures in result.items():
        cells = [f"{figures[moment][label]:.0f}" for moment in ("fenced", "told") for label in PERCENTILES]
        lines.append(" | ".join([name, str(figures["fires"]), *cells]))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=200, help="sessions whose timers are measured")
    parser.add_argument("--idle", type=int, default=200, help="sessions beside them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()
    try:
        result = measure(arguments.sessions, arguments.idle, arguments.rounds)
    except BenchmarkError as error:
        print(f"lateness: {error}", file=sys.stderr)
        return 1
    print(table_of(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
