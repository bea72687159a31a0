"""A gateway's day in simulated time: clients that live, fall silent, break and come back, and a gateway that stumbles.

Everything follows from a seed: what happens, when, and so every byte. The core is real; around it is a model of what a
shell and a network do. A gateway that stands still reads nothing and looks at no clock; when it goes on, it reads what
has arrived, told first by how much it came late, and then judges. What must always hold is asserted as it happens:

* who lapses has been silent for the lapse time, was asked, and had the time to answer (and nobody else lapses); the
  time in which the gateway stood still is not counted, but for what of each stall it cannot notice;
* who is silent is gone by then, but for the time in which the gateway itself stood still meanwhile;
* a session that was lost has its grace, not counting the time in which the gateway stood still, and no more than that;
* from the fence on no order of a session is filled; each is cancelled once, with what had filled;
* nobody else's orders are touched.
"""

import hashlib
import heapq
import itertools
import random
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from support.core_driver import LOT, SECOND, TICK, CoreDriver, Line, configuration, order

from codec import messages
from codec.layout import Side
from codec.values import Decimal72
from gateway.assembly import silence_of
from gateway.session import LinkState, Session, SessionState

MILLISECOND = SECOND // 1000
LATENCY = MILLISECOND
STEP_TIME = 200_000
STALL_LEAST = 20 * MILLISECOND
LOOK_INTERVAL = 100 * MILLISECOND
HEADER = struct.Struct("<BBHHHqqq")
TEST_REQUEST, ORDER_FILLED, ORDERS_CANCELED, NEW_ORDER_RESPONSE, CANCEL_ORDER_RESPONSE = 11, 300, 310, 200, 220
ACTIVE, FULLY_FILLED, CLIENT_DISCONNECT = 1, 2, 7


def heartbeat_frame(number: int, correlation_id: int) -> bytes:
    return HEADER.pack(0xDB, 0, 40, 10, 17, number, 0, 0) + correlation_id.to_bytes(8, "little", signed=True)


def headers_of(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Place, length and message type of each frame."""
    at = 0
    while at < len(data):
        _, _, length, message_type_id, *_ = HEADER.unpack_from(data, at)
        yield at, length, message_type_id
        at += length


class Client:
    """A key's owner. Alive it sends something at least every 0.9 intervals and answers a TestRequest."""

    def __init__(self, simulation: "Simulation", client_id: str) -> None:
        self.simulation = simulation
        self.client_id = client_id
        self.line: Line | None = None
        self.read_to = 0
        self.frozen = False
        self.last_sent = 0
        self.last_arrival = 0
        self.asked_at: int | None = None
        self.client_order_ids = itertools.count(1)

    def log_on(self, reset: bool) -> None:
        driver = self.simulation.driver
        self.line = driver.connect()
        self.read_to = 0
        self.frozen = False
        number = driver.session(self.client_id).expected_number
        self.send(self.line.logon_frame(self.client_id, reset=reset, number=1 if reset else number))

    def send(self, frame: bytes) -> None:
        """The frame is on its way."""
        self.last_sent = self.simulation.now
        line = self.line
        self.simulation.after(LATENCY, lambda: self.simulation.arrives(self, line, frame))

    def heartbeat(self, correlation_id: int = 0) -> None:
        if self.line is not None:
            self.line.number += 1
            self.send(heartbeat_frame(self.line.number, correlation_id))

    def read(self) -> None:
        """What has come is read; a TestRequest is answered, unless the client is frozen."""
        line = self.line
        if line is None:
            return
        data = bytes(line.output[self.read_to :])
        self.read_to = len(line.output)
        for at, _, message_type_id in headers_of(data):
            if message_type_id == TEST_REQUEST:
                self.asked_at = self.simulation.now
                if not self.frozen:
                    self.heartbeat(int.from_bytes(data[at + 32 : at + 40], "little"))
        if line.closed is not None:
            self.line = None
            if line.link.state != LinkState.LINK_CLOSED:
                line.lose()
            self.simulation.forget(line)


class Simulation:
    """The world of one seed.

    Args:
        clients: how many, the first ones in portfolio 1, every fourth in portfolio 2.
        interval_s: the heartbeat interval.
        active: whether clients trade, freeze, break and come back, and the gateway stumbles; else they only live.
    """

    def __init__(
        self,
        seed: int,
        clients: int,
        interval_s: int = 5,
        *,
        active: bool = True,
        driver_type: type[CoreDriver] = CoreDriver,
        **settings: Any,
    ) -> None:
        self.random = random.Random(seed)
        self.active = active
        keys = {f"c-{n}": (1 + (n % 4 == 3), "trader") for n in range(clients)}
        keys |= {f"audit-{portfolio}": (portfolio, "drop_copy") for portfolio in sorted({p for p, _ in keys.values()})}
        config = configuration(keys, heartbeat_interval_s=interval_s, **settings)
        self.silence = silence_of(config.gateway)
        self.grace_ns = config.gateway.cancel_grace_ms * MILLISECOND
        self.config = config
        self.driver = driver_type(config)
        self.clients = {client_id: Client(self, client_id) for client_id in keys}
        self.auditors = [client for client in self.clients.values() if client.client_id.startswith("audit")]
        self.traders = [client for client in self.clients.values() if client not in self.auditors]
        self.inputs = 0
        self.stalled_until = 0
        self._awake_at = 0
        self.stalls: list[tuple[int, int]] = []  # (began, ended)
        self.ended: list[tuple[str, str]] = []
        self.taken_over = 0
        self._lost_at: dict[Session, int] = {}
        self._back_at: dict[Session, int] = {}  # when somebody last waited to take a lost session over
        self.filled: dict[int, int] = {}  # what has filled of each open order
        self.owner: dict[int, str] = {}
        self.dead: set[int] = set()
        self.cancelled: dict[str, int] = defaultdict(int)
        self._watched: dict[Session, tuple[int, int]] = {}
        self._read_to = dict.fromkeys(self.auditors, 0)
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._counter = itertools.count()
        self._digest = hashlib.sha256()
        self._stepping = False
        for client in self.clients.values():
            client.log_on(reset=True)
            self.after(self.silence.interval_ns // 2, lambda client=client: self._live(client))
            if active and client not in self.auditors:
                self.after(self.random.randrange(SECOND), lambda client=client: self._act(client))
        if active:
            self.after(SECOND, self._stumble)

    @property
    def now(self) -> int:
        return self.driver.now

    def digest(self) -> str:
        """Of all that everybody was sent."""
        total = self._digest.copy()
        for line in self.driver.lines.values():
            total.update(line.output)
        return total.hexdigest()

    def forget(self, line: Line) -> None:
        """Nothing more comes on a line that is closed."""
        if self.driver.lines.pop(line.link, None) is not None:
            self._digest.update(line.output)

    # time

    def after(self, delay_ns: int, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay_ns, next(self._counter), happens))

    def run(self, seconds: float) -> None:
        """Goes on for so long, from event to event and from deadline to deadline."""
        end = self.now + round(seconds * SECOND)
        while True:
            due = self.driver.core.next_deadline
            upcoming = self._events[0][0] if self._events else end
            tick_at = end if due is None else max(due, self.stalled_until)
            if min(upcoming, tick_at) >= end:
                self.driver.now = end
                return
            if upcoming <= tick_at:
                self.driver.now = upcoming
                heapq.heappop(self._events)[2]()
            else:
                self.driver.now = max(self.now, tick_at)
                self._tick()

    def _tick(self) -> None:
        self._wake()
        self.driver.core.tick(self.now, self.now)
        self._look()

    # what the shell does

    def _wake(self) -> None:
        """Before every input: if the gateway should have looked at the clock long ago, it stood still."""
        due = self.driver.core.next_deadline
        if due is not None and self.stalled_until > self._awake_at:
            began, _ = self.stalls[-1]
            late = self.stalled_until - max(min(due, began + LOOK_INTERVAL), self._awake_at)
            if late >= STALL_LEAST:
                self.driver.core.stalled(late)
        self._awake_at = self.now

    def arrives(self, client: Client, line: Line | None, frame: bytes) -> None:
        """Bytes reach the gateway's socket; they are read at once, or when the gateway goes on."""
        if line is None or line.link.state == LinkState.LINK_CLOSED:
            return
        client.last_arrival = self.now
        self._when_it_goes_on(lambda: self._reads(client, line, frame))

    def _reads(self, client: Client, line: Line, frame: bytes) -> None:
        self._wake()
        line.raw(frame)
        if client.line is line:
            client.asked_at = None
        self._look()

    def _when_it_goes_on(self, happens: Callable[[], None]) -> None:
        if self.now < self.stalled_until:
            self.after(self.stalled_until - self.now, happens)
        else:
            happens()

    def _look(self) -> None:
        """After every input: what has changed is checked, everybody is sent and reads what there is."""
        self.inputs += 1
        dirty = [self.clients[session.client_id] for session in self.driver.core.dirty_sessions]
        closing = list(self.driver.core.closing_links)
        self.driver.flush()
        # Reports first: a newcomer's orders may have been entered, and its session have ended, in one step.
        self._check_reports()
        self._check_sessions()
        for client in dirty:
            client.read()
        for link in closing:
            for client in self.clients.values():
                if client.line is not None and client.line.link is link:
                    client.read()
        if self.driver.core.is_busy and not self._stepping:
            self._stepping = True
            self.after(STEP_TIME, lambda: self._when_it_goes_on(self._step))

    def _step(self) -> None:
        self._stepping = False
        if self.driver.core.is_busy:
            self._wake()
            self.driver.core.step(self.now)
            self._look()

    # what clients do

    def _live(self, client: Client) -> None:
        period = self.silence.interval_ns * 9 // 10
        if client.line is not None and not client.frozen and self.now - client.last_sent >= period:
            client.heartbeat()
        silent_for = self.now - client.last_sent
        self.after(
            max(period - silent_for, MILLISECOND) if silent_for < period else period // 3, lambda: self._live(client)
        )

    def _act(self, client: Client) -> None:
        chance = self.random.random()
        line = client.line
        if line is None:
            if chance < 0.5:
                client.log_on(reset=self.random.random() < 0.5)
        elif client.frozen:
            client.frozen = chance < 0.9
        elif chance < 0.85:
            self._trade(client, line)
        elif chance < 0.90:
            client.frozen = True
        elif chance < 0.93:
            client.send(line.frame("Logout", {"reason": "done"}))
        elif chance < 0.96:
            self._when_it_goes_on(lambda: self._breaks(client, line, line.half_close))
        elif chance < 0.98:
            self._when_it_goes_on(lambda: self._breaks(client, line, line.lose))
        else:
            client.log_on(reset=self.random.random() < 0.5)
        self.after(self.random.randrange(SECOND), lambda: self._act(client))

    def _trade(self, client: Client, line: Line) -> None:
        if self.random.random() < 0.2:
            fields = {"client_order_id": self._client_order_id(client), "correlation_id": 1, "instrument_id": 1}
            client.send(line.frame("CancelOrderRequest", fields))
            return
        for _ in range(self.random.choice([1, 1, 2, 10])):
            request = order(
                next(client.client_order_ids) * 1000 + list(self.clients).index(client.client_id),
                side=self.random.choice([Side.BUY, Side.SELL]),
                price=self.random.randint(195, 205) * TICK,
                quantity=Decimal72(self.random.randint(1, 5) * LOT, -9),
            )
            client.send(line.frame("NewOrderRequest", request))

    def _client_order_id(self, client: Client) -> int:
        newest = next(client.client_order_ids)
        return self.random.randint(max(newest - 20, 1), newest) * 1000 + list(self.clients).index(client.client_id)

    def _breaks(self, client: Client, line: Line, how: Callable[[], None]) -> None:
        if line.link.state != LinkState.LINK_CLOSED:
            self._wake()
            how()
            if client.line is line:
                client.line = None
            self._look()
            if line.link.state == LinkState.LINK_CLOSED:
                self.forget(line)

    def _stumble(self) -> None:
        """The gateway stands still for a while."""
        if self.now >= self.stalled_until:
            self.stalled_until = self.now + self.random.choice([MILLISECOND, 30 * MILLISECOND, SECOND, 3 * SECOND])
            self.stalls.append((self.now, self.stalled_until))
        self.after(self.random.randrange(20 * SECOND), self._stumble)

    # what must hold

    def _stood_still(self, since: int, noticed: bool = False) -> int:
        """For how long the gateway has stood still since then; `noticed`: at least as much as it must have noticed."""
        stalls = (min(ended, self.now) - max(began, since) for began, ended in self.stalls)
        return sum(max(stall - LOOK_INTERVAL * noticed, 0) for stall in stalls)

    def _check_sessions(self) -> None:
        for session in self.driver.core.sessions:
            before = self._watched.get(session)
            state = (session.state, session.epoch)
            if session.state == SessionState.SESSION_LOST and session.newcomer is not None:
                self._back_at[session] = self.now
            if state == before:
                continue
            self._watched[session] = state
            lost_at = self._lost_at.pop(session, None)
            if session.state == SessionState.SESSION_LIVE:
                # A newcomer that had to wait is heard from its LogonConf on.
                self.clients[session.client_id].last_arrival = self.now
                if lost_at is not None:
                    self.taken_over += 1
                    self._check_grace(session, lost_at)
            elif session.state == SessionState.SESSION_LOST:
                self._lost_at[session] = self.now
                self._check_silence(session, self.driver.core.grace.loss_of(session).cause.name)
            elif session.state == SessionState.SESSION_ENDING:
                cause = session.ending.cause.name
                self.ended.append((session.client_id, cause))
                if lost_at is None:
                    self._check_silence(session, cause)
                else:
                    self._check_grace(session, lost_at)
                self.dead |= {order_id for order_id, owner in self.owner.items() if owner == session.client_id}

    def _check_grace(self, session: Session, lost_at: int) -> None:
        """The session is lost no more: not before its time, unless somebody has logged on, and not after it."""
        lost_for = self.now - lost_at
        if session.state == SessionState.SESSION_ENDING and session.newcomer is None:
            left_ns = lost_for - self._stood_still(lost_at, noticed=True)
            assert left_ns >= self.grace_ns, f"{session.client_id} had only {left_ns} ns to come back"
        # Who was back in time may have had to wait for longer, and may have given up then.
        waited_ns = self._back_at.pop(session, lost_at) - lost_at
        patience = max(self.grace_ns, waited_ns + LOOK_INTERVAL) + self._stood_still(lost_at)
        assert lost_for <= patience, f"{session.client_id} was lost for {lost_for} ns, {patience=}"

    def _check_silence(self, session: Session, cause: str) -> None:
        client = self.clients[session.client_id]
        silent_for = self.now - client.last_arrival
        if cause == "HEARTBEAT_MISSED":
            assert client.asked_at is not None, f"{session.client_id} was not asked"
            for since, wanted in (
                (client.last_arrival, self.silence.lapse_ns),
                (client.asked_at, self.silence.lapse_ns - self.silence.probe_ns),
            ):
                left_ns = self.now - since - self._stood_still(since, noticed=True)
                assert left_ns >= wanted, f"{session.client_id} had only {left_ns} ns of {wanted}"
        patience = self.silence.lapse_ns + self._stood_still(client.last_arrival)
        assert silent_for <= patience, f"{session.client_id} was silent for {silent_for} ns, {patience=}"

    def _check_reports(self) -> None:
        for auditor in self.auditors:
            line = auditor.line
            if line is None:
                continue
            data = bytes(line.output[self._read_to[auditor] :])
            self._read_to[auditor] = len(line.output)
            for at, length, message_type_id in headers_of(data):
                if message_type_id == 4050:
                    event = messages.decode(data[at : at + length])
                    frame = event.fields["frame"]
                    assert isinstance(frame, bytes)
                    if HEADER.unpack_from(frame)[3] in REPORTS:
                        REPORTS[HEADER.unpack_from(frame)[3]](
                            self, str(event.fields["origin_client_id"]), messages.decode(frame).fields
                        )

    def _accepted(self, origin: str, fields: dict[str, Any]) -> None:
        if fields["status"] == ACTIVE:
            self.owner[fields["order_id"]] = origin
            self.filled[fields["order_id"]] = fields["total_filled"].mantissa

    def _filled(self, origin: str, fields: dict[str, Any]) -> None:
        for fill in fields["fills"]:
            order_id = fill["order_id"]
            assert order_id not in self.dead, f"order {order_id} of {origin} was filled behind its fence"
            self.filled[order_id] += fill["fill_qty"].mantissa
            assert fill["total_filled"].mantissa == self.filled[order_id]
            if fill["flags"] & FULLY_FILLED:
                self._forget(origin, order_id)

    def _cancelled(self, origin: str, fields: dict[str, Any]) -> None:
        for entry in fields["orders"]:
            if entry["cancel_reason"] == CLIENT_DISCONNECT:
                assert entry["order_id"] in self.dead, (
                    f"order {entry['order_id']} of {origin} was cancelled while alive"
                )
                assert entry["total_filled"].mantissa == self.filled[entry["order_id"]]
                self.cancelled[origin] += 1
                self._forget(origin, entry["order_id"])

    def _withdrawn(self, origin: str, fields: dict[str, Any]) -> None:
        assert fields["order_id"] not in self.dead
        self._forget(self.owner[fields["order_id"]], fields["order_id"])
        assert origin

    def _forget(self, origin: str, order_id: int) -> None:
        assert self.owner.pop(order_id) == origin
        del self.filled[order_id]
        self.dead.discard(order_id)


REPORTS: dict[int, Callable[[Simulation, str, dict[str, Any]], None]] = {
    NEW_ORDER_RESPONSE: Simulation._accepted,
    ORDER_FILLED: Simulation._filled,
    ORDERS_CANCELED: Simulation._cancelled,
    CANCEL_ORDER_RESPONSE: Simulation._withdrawn,
}
