"""A core with connections around it, as the shell would drive it, without sockets, by a clock that the test sets.

Frames are written and read by the reference codec. What a client was sent is all there, bytes and order; when it is
sent is the test's choice: `flush` is the end of a turn, `settle` a whole shutdown of whatever is under way.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from codec import messages
from codec.layout import Cause, Side
from codec.values import Complete, Decimal72, Message
from gateway import config
from gateway.cause_policy import CAUSE_POLICY
from gateway.checked_core import CheckedCore
from gateway.config import Config
from gateway.core import Core
from gateway.log import Log
from gateway.session import Link, LinkClosing, LinkState, Session

START = 1_800_000_000_000_000_000
SECOND = 1_000_000_000
INTERVAL = 10 * SECOND
"""The heartbeat interval of these configurations, unless a test sets another."""

READ_MAX = 65_536
WRITE_MAX = 262_144
FRAME_SIZE_MAX = 65_535

KEYS: Mapping[str, tuple[int, str]] = {
    "maker-1": (1, "trader"),
    "maker-2": (1, "trader"),
    "stranger-1": (2, "trader"),
    "watch-1": (1, "drop_copy"),
    "watch-2": (2, "drop_copy"),
}
"""Keys by name: portfolio and role."""

TICK = 500_000_000
LOT = 1_000_000


def secret_of(client_id: str) -> str:
    return f"{client_id}:secret"


def configuration(
    keys: Mapping[str, tuple[int, str]] = KEYS, *, max_open_orders: int = 200_000, extra: str = "", **settings: Any
) -> Config:
    """Two instruments (1 and 2, tick 0.5, lot 0.001), the portfolios that the keys name, and the keys.

    `extra` is text of further tables, `settings` are those of [gateway].
    """
    values = {"data_dir": "", "heartbeat_interval_s": INTERVAL // SECOND} | settings
    tables = ["[gateway]", *(f"{name} = {json.dumps(value)}" for name, value in values.items())]
    for number in (1, 2):
        tables += ["[[instrument]]", f'id = {number}\nsymbol = "I-{number}"\ncurrency_pair_id = {number}']
        tables += ['product_type = "futures"\ntick_size = "0.5"\nlot_size = "0.001"']
    for portfolio in sorted({portfolio for portfolio, _ in keys.values()}):
        tables += ["[[portfolio]]", f"id = {portfolio}\nmax_open_orders = {max_open_orders}"]
    for client_id, (portfolio, role) in keys.items():
        tables += ["[[api_key]]", f'client_id = "{client_id}"\nportfolio = {portfolio}\nrole = "{role}"']
        tables.append(f'secret = "{secret_of(client_id)}"')
    return config.parse("\n".join([*tables, extra]))


def nine(units: float) -> int:
    """A price or quantity in units of 1e-9."""
    return round(units * 1_000_000_000)


def quantity(units: float) -> Decimal72:
    """A quantity as the gateway sends it."""
    return Decimal72(nine(units), -9)


def order(client_order_id: int, **changed: Any) -> dict[str, Any]:
    """The fields of a NewOrderRequest: buy 1 at 100, good till cancelled, on instrument 1, unless changed."""
    fields = {
        "client_order_id": client_order_id,
        "correlation_id": client_order_id + 1_000_000,
        "instrument_id": 1,
        "price": nine(100),
        "quantity": quantity(1),
        "side": Side.BUY,
    }
    return fields | changed


def brief(message: Message) -> tuple[int, str, dict[str, Any]]:
    """Number, name and fields: what a test compares."""
    return message.header.sequence_number, message.name, message.fields


def split(data: bytes) -> Iterator[bytes]:
    """The frames that the data consists of. Anything else between or behind them fails the test."""
    while data:
        frame = messages.scan(data, 0, FRAME_SIZE_MAX)
        assert isinstance(frame, Complete), frame
        assert frame.start == 0
        yield data[: frame.length]
        data = data[frame.length :]


def decoded(data: bytes, version: int | None = None) -> list[Message]:
    return [messages.decode(frame, version=version) for frame in split(data)]


class RecordedLog(Log):
    """The log, written to memory."""

    def __init__(self) -> None:
        self._file = os.memfd_create("log")
        super().__init__(self._file)

    def events(self) -> list[dict[str, Any]]:
        """What was logged so far, without the wall-clock time."""
        lines = os.pread(self._file, os.fstat(self._file).st_size, 0).splitlines()
        return [{name: value for name, value in json.loads(line).items() if name != "time"} for line in lines]

    def __del__(self) -> None:
        os.close(self._file)


class Line:
    """One connection: the client's end of it, and the shell's part for it.

    Attributes:
        link: what the core has of it.
        output: every byte that the client was sent.
        number: of the last frame that the client sent.
        blocked: the socket takes nothing at the moment.
        closed: how the gateway let the line go; None while it has not.
    """

    def __init__(self, driver: "CoreDriver") -> None:
        self.link = Link()
        self.output = bytearray()
        self.number = 0
        self.version = 17
        self.blocked = False
        self.closed: LinkClosing | None = None
        self._driver = driver
        self._read_to = 0

    # what the client does

    def raw(self, data: bytes) -> None:
        """Bytes come in, in reads as large as the shell's."""
        for at in range(0, len(data), READ_MAX):
            self._driver.core.received(self.link, data[at : at + READ_MAX], self._driver.now)

    def frame(self, name: str, fields: Mapping[str, Any], number: int | None = None, **header: Any) -> bytes:
        """The client's next frame, or one under a number of the test's choice."""
        if number is None:
            self.number += 1
            number = self.number
        return messages.encode(name, fields, sequence_number=number, **({"version": self.version} | header))

    def send(self, name: str, number: int | None = None, **fields: Any) -> None:
        self.raw(self.frame(name, fields, number))

    def order(self, client_order_id: int, **changed: Any) -> None:
        self.send("NewOrderRequest", **order(client_order_id, **changed))

    def logon_frame(
        self,
        client_id: str,
        *,
        reset: bool = True,
        number: int = 1,
        schema_version: int = 17,
        secret: str | None = None,
        cancel_on_disconnect: bool = False,
        **header: Any,
    ) -> bytes:
        self.number = number
        fields = {
            "client_id": client_id,
            "secret": secret_of(client_id) if secret is None else secret,
            "reset_seq_num": reset,
            "schema_version": schema_version,
            "cancel_on_disconnect": cancel_on_disconnect,
        }
        return self.frame("Logon", fields, number, **header)

    def logon(self, client_id: str, **options: Any) -> None:
        self.raw(self.logon_frame(client_id, **options))
        if self.session is not None:
            self.version = self.session.version

    def half_close(self) -> None:
        self._driver.core.half_closed(self.link, self._driver.now)

    def lose(self) -> None:
        """The connection is reset."""
        self._driver.core.undelivered(self.link)
        self._driver.core.lost(self.link, self._driver.now)

    # what the shell does

    @property
    def session(self) -> Session | None:
        return self.link.session

    def flush(self) -> None:
        """The socket takes what the stream has for it: live frames first, then resent ones."""
        session = self.link.session
        if session is None or session.link is not self.link or self.link.state == LinkState.LINK_CLOSED:
            return
        while not self.blocked:
            data = session.stream.take(WRITE_MAX)
            if not data and session.stream.replaying:
                if session.tell_lost(self._driver.now):
                    continue
                data = session.stream.replay(WRITE_MAX, session.last_processed, self._driver.now)
            elif not data:
                self._driver.core.drained(session)
                return
            self.output += data

    def close(self) -> None:
        """As the core told: the last bytes, then the line."""
        self.closed = LinkClosing(self.link.closing)
        if self.closed == LinkClosing.CLOSING_POLITELY and not self.blocked:
            self.output += self.link.farewell
            self._driver.core.delivered(self.link)

    # what the client reads

    def take_bytes(self) -> bytes:
        """What came since the last time; a turn ends first."""
        self._driver.flush()
        data = bytes(self.output[self._read_to :])
        self._read_to = len(self.output)
        return data

    def take(self) -> list[Message]:
        """The same, as frames."""
        return decoded(self.take_bytes(), self.version)

    def read(self) -> list[tuple[int, str, dict[str, Any]]]:
        """The same, as number, name and fields."""
        return [brief(message) for message in self.take()]

    def names(self) -> list[str]:
        return [message.name for message in self.take()]


class CoreDriver:
    """A gateway without sockets, and the time."""

    core_type: type[Core] = CheckedCore

    def __init__(self, settings: Config | None = None, now: int = START, **limits: int) -> None:
        self.log = RecordedLog()
        self.core = self.core_type(configuration() if settings is None else settings, self.log, **limits)
        self.now = now
        self.lines: dict[Link, Line] = {}

    def session(self, client_id: str) -> Session:
        return next(session for session in self.core.sessions if session.client_id == client_id)

    def connect(self) -> Line:
        line = Line(self)
        self.lines[line.link] = line
        self.core.connected(line.link, self.now)
        return line

    def logged_on(self, client_id: str, **options: Any) -> Line:
        """A new connection whose Logon was accepted; LogonConf has been read."""
        line = self.connect()
        line.logon(client_id, **options)
        names = line.names()
        assert names[:1] == ["LogonConf"], names
        return line

    # the end of a turn, and the passing of time

    def flush(self) -> None:
        """Everybody is sent what there is, and lines that are to be closed are."""
        sessions = self.core.dirty_sessions[:]
        self.core.dirty_sessions.clear()
        for session in sessions:
            session.dirty = False
            if session.link in self.lines:
                self.lines[session.link].flush()
        while self.core.closing_links:
            link = self.core.closing_links.pop()
            if link.state != LinkState.LINK_CLOSED:
                self.lines[link].close()

    def step(self) -> None:
        """A turn with a step of the work that is under way."""
        self.core.step(self.now)
        self.flush()

    def settle(self) -> int:
        """Turns until no work is under way; returns how many it took."""
        steps = 0
        while self.core.is_busy:
            self.step()
            steps += 1
        self.flush()
        return steps

    def tick(self, after_ns: int = 0, stall_ns: int = 0) -> None:
        """Time passes, and is judged."""
        self.now += after_ns
        if stall_ns:
            self.core.stalled(stall_ns)
        self.core.tick(self.now, self.now)
        self.flush()

    def ends(self) -> list[tuple[str, str, int]]:
        """The sessions that have ended, as the log has it: client id, cause, orders."""
        return [
            (event["client_id"], event["cause"], event["orders"])
            for event in self.log.events()
            if event["event"] == "session gone"
        ]


# What the gateway is expected to say


def logon_conf(version: int = 17) -> dict[str, Any]:
    return {"heartbeat_interval_seconds": INTERVAL // SECOND, "schema_version": version if version >= 12 else 0}


def accepted(client_order_id: int, order_id: int, exec_id: int, now: int = START, **changed: Any) -> dict[str, Any]:
    """The fields of the NewOrderResponse to `order(client_order_id)` that rests untouched, unless changed."""
    fields = {
        "timestamp": now,
        "exec_id": exec_id,
        "client_order_id": client_order_id,
        "correlation_id": client_order_id + 1_000_000,
        "order_id": order_id,
        "instrument_id": 1,
        "price": nine(100),
        "quantity": quantity(1),
        "total_filled": quantity(0),
        "visible_qty": quantity(1),
        "receive_time": now,
        "side": Side.BUY,
        "status": 1,
        "cancel_reason": 0,
        "fills": [],
        "legs": [],
    }
    return fields | changed


def canceled(client_order_id: int, order_id: int, filled: float = 0, reason: int = 7, **changed: Any) -> dict[str, Any]:
    """An entry of OrdersCanceled."""
    fields = {
        "client_order_id": client_order_id,
        "order_id": order_id,
        "instrument_id": 1,
        "total_filled": quantity(filled),
        "cancel_reason": reason,
        "flags": 0,
    }
    return fields | changed


def orders_canceled(
    exec_id: int, orders: list[dict[str, Any]], now: int = START, is_last: bool = True
) -> dict[str, Any]:
    return {"timestamp": now, "exec_id": exec_id, "flags": int(is_last), "orders": orders}


def logged_out(cause: Cause, detail: str = "") -> dict[str, Any]:
    return {"reason": f"{CAUSE_POLICY[cause].text}{detail}"}
