"""The core and the naive gateway side by side: random inputs to both, every frame, number and count compared.

A few keys of two portfolios, connections that come, wait, are overtaken, fall silent, stop reading and go in every way,
frames that are right and wrong in every way, time that passes with stalls of the gateway's own, and steps in between.
Two drop-copy sessions that nothing happens to, one per portfolio, see it all.

Whoever plays decides by `choose`, which picks one of a sequence: hypothesis, or a seeded generator.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from codec import messages
from codec.layout import FLAG_RESEND, OrderFlags, ProductType, QuoteStatus, SelfTradingMode, Side, TimeInForce
from codec.values import INT64_NULL, Decimal72, Message
from gateway.core import silence_of
from gateway.engine_types import InstrumentSpec, MmpGroupSpec, OwnerSpec, PortfolioSpec
from gateway.invariants import check
from gateway.limits import ORDERS_MAX
from gateway.probe import EngineProbe
from gateway.session import LinkClosing, SessionState
from support.core_driver import (
    INTERVAL,
    LOT,
    SECOND,
    START,
    TICK,
    CoreDriver,
    Line,
    configuration,
    order,
    secret_of,
    split,
)
from support.naive_engine import NaiveEngine
from support.naive_gateway import Inbound, NaiveGateway, NaiveLine, NaiveSession, Said

T = TypeVar("T")
Choose = Callable[[Sequence[Any]], Any]

AUDITS = ("audit-1", "audit-2")
KEYS = {
    "audit-1": (1, "drop_copy"),
    "audit-2": (2, "drop_copy"),
    "maker-1": (1, "trader"),
    "maker-2": (1, "trader"),
    "taker-1": (1, "trader"),
    "stranger-1": (2, "trader"),
    "watch-1": (1, "drop_copy"),
}
PLAYERS = [key for key in KEYS if key not in AUDITS]
MAX_OPEN_ORDERS = 12
STEP_ORDERS = 3
LINES_MAX = 9
STATES = {
    "vacant": SessionState.SESSION_VACANT,
    "live": SessionState.SESSION_LIVE,
    "ending": SessionState.SESSION_ENDING,
}
SILENT = ("LogonConf", "LoggedOut", "Heartbeat", "TestRequest")

FIELDS: dict[str, Sequence[Any]] = {
    "client_order_id": range(1, 26),
    "instrument_id": [1, 1, 1, 2],
    "side": [Side.BUY, Side.SELL],
    "price": [ticks * TICK for ticks in range(198, 204)],
    "quantity": [Decimal72(lots * LOT, -9) for lots in range(1, 5)],
    "time_in_force": [TimeInForce.GTC] * 5 + [TimeInForce.IOC, TimeInForce.FOK],
    "flags": [0] * 4 + [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT],
    "self_match_prevention_id": [None, None, 5, 6],
    "self_trading_mode": list(SelfTradingMode),
}
MMP_GROUPS = [MmpGroupSpec(0, 7, 3 * LOT), MmpGroupSpec(0, 8, None), MmpGroupSpec(1, 7, None)]
GROUPS = "".join(
    f'[[mmp_group]]\nid = {number}\nportfolio = {portfolio + 1}\nquantity_limit = "{limit}"\n'
    "interval_ms = 1000\nfrozen_ms = 1000\n"
    for portfolio, number, limit in ((0, 7, "0.003"), (0, 8, "1000"), (1, 7, "1000"))
)
QUOTE_FIELDS: dict[str, Sequence[Any]] = {
    "price": [*(ticks * TICK for ticks in range(198, 204)), 200 * TICK, None],
    "qty": [Decimal72(lots * LOT, -9) for lots in (0, 1, 1, 1, 2, 3, 4)],
    "flags": [0] * 6 + [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT, OrderFlags.MMP],
}
WILD_QUOTES: list[dict[str, Any]] = [
    {"mmp_group_id": 9}, {"quote_id": INT64_NULL},
    {"quotes": [{"instrument_id": 9}]}, {"quotes": [{"instrument_id": 1}] * 2}, {"quotes": [{"instrument_id": 1}] * 16},
    {"quotes": [{"instrument_id": 1, "bid_qty": Decimal72(1, -10)}]},
    {"quotes": [{"instrument_id": 2, "ask_qty": Decimal72(-1, 0)}]},
]  # fmt: skip
FILTERS: dict[str, Sequence[Any]] = {
    "currency_pair_id": [None, None, 1, 2, 0],
    "instrument_id": [None, None, 1, 1, 2, 9],
    "product_type": [ProductType.ALL, ProductType.FUTURES, ProductType.SPOT],
    "side": [Side.BOTH, Side.BUY, Side.SELL],
}
WILD: list[dict[str, Any]] = [
    {"side": 0},
    {"instrument_id": 9},
    {"price": TICK + 1},
    {"price": None, "flags": OrderFlags.MARKET_LIMIT},
    {"price": None},
    {"quantity": Decimal72(1, 0)},
    {"quantity": Decimal72(1, -10)},
    {"quantity": Decimal72(10**18, 9)},
    {"quantity": Decimal72(INT64_NULL, 0)},
    {"show_qty": Decimal72(1, -10)},
    {"client_order_id": INT64_NULL},
    {"flags": OrderFlags.MMP},
]
TIMES = [0, 1, INTERVAL // 10, INTERVAL // 2, INTERVAL * 3 // 10, INTERVAL, INTERVAL * 6 // 5]
STALLS = [0, 0, 0, 1, INTERVAL // 10, INTERVAL]
PASSES = [0, 0, 0, 1, INTERVAL // 50]
VERSIONS = [17, 17, 17, 16, 15, 12, 11, 10, 2, 1, 0]
CUTS = [None] * 8 + [1, 3, 40, 95]

GARBAGE = {
    bytes([1]) + bytes(40): "protocolId at offset 0: wanted 219, was 1",
    bytes(8): "more than 7 zero bytes between frames",
    bytes([0xDB, 0, 31, 0]) + bytes(28): "messageLength at offset 2: wanted 32 to 16384, was 31",
    bytes([0, 0, 0xDB, 0, 1, 64]): "messageLength at offset 2: wanted 32 to 16384, was 16385",
}
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "unknown": lambda raw: raw[:4] + (999).to_bytes(2, "little") + raw[6:],
    "server": lambda raw: raw[:4] + (200).to_bytes(2, "little") + raw[6:],
    "short": lambda raw: raw[:2] + (80).to_bytes(2, "little") + raw[4:80],
    "long": lambda raw: raw[:2] + (104).to_bytes(2, "little") + raw[4:] + bytes(8),
}


class Pair:
    """A connection on both sides, and how far its output has been compared."""

    def __init__(self, line: Line, naive: NaiveLine) -> None:
        self.line = line
        self.naive = naive
        self.partial: tuple[bytes, Inbound] | None = None
        self.compared = 0  # bytes of the line's output
        self.told = 0  # frames of its stream
        self.replays: list[tuple[int, str, dict[str, Any]]] = []
        self.said_goodbye = False
        self.settled = False
        self.broken = False


class CorePair:
    """The two of them, under one configuration; `choose` decides what the actions leave open."""

    def __init__(self, choose: Choose, *, refuse_duplicates: bool = False, strict: bool = True) -> None:
        self.choose = choose
        duplicate_logon = "refuse" if refuse_duplicates else "displace"
        sequence_check = "strict" if strict else "off"
        config = configuration(
            KEYS,
            max_open_orders=MAX_OPEN_ORDERS,
            drain_step_orders=STEP_ORDERS,
            duplicate_logon=duplicate_logon,
            sequence_check=sequence_check,
            extra=GROUPS,
        )
        self.driver = CoreDriver(config)
        self.probe = EngineProbe(self.driver.core.engine)
        self.naive = NaiveGateway(
            NaiveEngine(
                [InstrumentSpec(number, TICK, LOT, ProductType.FUTURES, currency_pair_id=number) for number in (1, 2)],
                [PortfolioSpec(number, MAX_OPEN_ORDERS) for number in (1, 2)],
                [OwnerSpec(portfolio - 1) for portfolio, _ in KEYS.values()],
                ORDERS_MAX,
            ),
            [(client_id, portfolio, role) for client_id, (portfolio, role) in KEYS.items()],
            silence_of(config.gateway),
            mmp_groups=MMP_GROUPS,
            heartbeat_interval_s=INTERVAL // SECOND,
            strict=strict,
            refuse_duplicates=refuse_duplicates,
        )
        self.naive.now = START
        self.pairs: list[Pair] = []
        self.captured: dict[str, dict[int, bytes]] = {client_id: {} for client_id in KEYS}
        self.generations = dict.fromkeys(KEYS, 1)
        self.ends_seen = 0
        self.idle_steps = 0
        self.audited = Audit()
        self.audits = [self.new_pair() for _ in AUDITS]
        for client_id, pair in zip(AUDITS, self.audits, strict=True):
            self.log_on(pair, client_id, True, 1, 17)
        self.compare()

    # inputs, to both

    def new_pair(self) -> Pair:
        pair = Pair(self.driver.connect(), self.naive.connected())
        self.pairs.append(pair)
        return pair

    def deliver(self, pair: Pair, frame: Inbound, cut: int | None = None) -> None:
        """A frame comes in; with `cut` only so many bytes of it for now."""
        self.complete(pair)
        if cut is not None and 0 < cut < len(frame.raw):
            pair.line.raw(frame.raw[:cut])
            pair.partial = (frame.raw[cut:], frame)
            return
        pair.line.raw(frame.raw)
        self.naive.frame(pair.naive, frame)

    def complete(self, pair: Pair) -> None:
        if pair.partial is not None:
            rest, frame = pair.partial
            pair.partial = None
            pair.line.raw(rest)
            self.naive.frame(pair.naive, frame)

    def log_on(
        self, pair: Pair, client_id: str, reset: bool, number: int, version: int, secret: str | None = None
    ) -> None:
        fields = {
            "client_id": client_id,
            "secret": secret_of(client_id) if secret is None else secret,
            "reset_seq_num": int(reset),
            "schema_version": version,
        }
        self.send(pair, "Logon", fields, number=number)

    def send(
        self,
        pair: Pair,
        name: str,
        fields: dict[str, Any],
        *,
        number: int | None = None,
        change: Any = None,
        cut: int | None = None,
    ) -> None:
        if pair.broken:
            return
        self.complete(pair)
        number = self.next_number(pair.naive) if number is None else number
        raw = messages.encode(name, fields, sequence_number=number, version=0)
        if change is not None:
            raw = change(raw)
        self.deliver(pair, Inbound(name, fields, number, raw), cut)

    @staticmethod
    def next_number(naive: NaiveLine) -> int:
        if naive.state == "live" and naive.session is not None:
            return naive.session.expected
        if naive.state == "waiting" and naive.request is not None:
            return naive.request.number + 1 + len(naive.pending)
        return 1

    def one_of(self, *states: str) -> Pair | None:
        """A connection in one of the states, if there is any."""
        found = [pair for pair in self.pairs[len(AUDITS) :] if pair.naive.state in states]
        return self.choose(found) if found else None

    def some_order(self) -> dict[str, Any]:
        return order(**{name: self.choose(values) for name, values in FIELDS.items()})

    # actions

    def act(self) -> None:
        """Something happens; then both are compared."""
        self.choose(ACTIONS)(self)
        self.compare()

    def connect(self) -> None:
        if sum(pair.naive.state not in ("closing", "closed") for pair in self.pairs) < LINES_MAX:
            self.new_pair()

    def logon(self) -> None:
        """A Logon on a new connection, with frames behind it in the same read."""
        pair, client_id = self.new_pair(), self.choose(PLAYERS)
        number = max(self.naive.session(client_id).expected + self.choose([0, 0, 0, 7, -1]), 0)
        secret = self.choose([None] * 15 + ["wrong"])
        self.log_on(pair, client_id, self.choose([True, False]), number, self.choose(VERSIONS), secret)
        for _ in range(self.choose([0, 1, 2])):
            self.send(pair, "NewOrderRequest", self.some_order())

    def logon_of_a_connection(self) -> None:
        """A Logon where one is awaited, where one is waiting, or where there was one."""
        pair = self.one_of("logon", "logon", "waiting", "live")
        if pair is not None and (pair.naive.state == "logon" or self.choose([True, False, False])):
            self.log_on(pair, self.choose(PLAYERS), True, self.next_number(pair.naive), self.choose([18, 17, 17]))

    def new_orders(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            for _ in range(self.choose([1, 1, 3, 8])):
                self.send(pair, "NewOrderRequest", self.some_order(), cut=self.choose(CUTS))

    def order_out_of_place(self) -> None:
        pair = self.one_of("waiting", "logon", "closing")
        if pair is not None:
            self.send(pair, "NewOrderRequest", self.some_order(), cut=self.choose(CUTS))

    def wild_order(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            self.send(pair, "NewOrderRequest", self.some_order() | self.choose(WILD))

    def cancel(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            fields = {
                "client_order_id": self.choose(FIELDS["client_order_id"]),
                "correlation_id": 3,
                "instrument_id": self.choose([1, 1, 2, 9]),
            }
            self.send(pair, "CancelOrderRequest", fields)

    def cancel_by_id(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            fields = {
                "order_id": self.naive.engine.last_order_id - self.choose(range(8)),
                "correlation_id": 4,
                "instrument_id": self.choose([1, 1, 2, 9]),
            }
            self.send(pair, "CancelOrderByIdRequest", fields)

    def mass_quote(self) -> None:
        pair = self.one_of("live")
        if pair is None:
            return
        for _ in range(self.choose([1, 2, 3])):
            quotes = [self.some_quote(instrument_id) for instrument_id in self.choose([[1], [1, 2], [2, 1]])]
            fields = {
                "quote_id": self.choose(range(900, 910)),
                "correlation_id": 6,
                "mmp_group_id": self.choose([7, 7, 8]),
                "self_match_prevention_id": self.choose([None, 5, 6]),
                "quotes": quotes,
            }
            self.send(pair, "MassQuoteRequest", fields, cut=self.choose(CUTS))

    def some_quote(self, instrument_id: int) -> dict[str, Any]:
        chosen = {
            f"{which}_{name}": self.choose(values) for which in ("bid", "ask") for name, values in QUOTE_FIELDS.items()
        }
        return {"instrument_id": instrument_id} | chosen

    def wild_quote(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            fine = {"quote_id": 900, "correlation_id": 6, "mmp_group_id": 7, "quotes": [self.some_quote(1)]}
            self.send(pair, "MassQuoteRequest", fine | self.choose(WILD_QUOTES))

    def mass_cancel(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            filters = {name: self.choose(values) for name, values in FILTERS.items()}
            self.send(pair, "MassCancelRequest", {"correlation_id": 7} | filters)

    def mass_quote_cancel(self) -> None:
        pair = self.one_of("live")
        if pair is None or pair.naive.session is None:
            return
        self.complete(pair)
        group = self.choose([7, 7, 8, 9])
        self.naive.mass.quotes.group_order = self.probe.quotes_of(pair.naive.session.slot, group)
        fields = {"correlation_id": 8, "mmp_group_id": group, "side": self.choose(FILTERS["side"])}
        self.send(pair, "MassQuoteCancelRequest", fields)

    def session_message(self) -> None:
        pair = self.one_of("live", "waiting")
        if pair is not None:
            name = self.choose(["Heartbeat", "TestRequest"])
            self.send(pair, name, {"correlation_id": 5}, cut=self.choose(CUTS))

    def everybody_is_heard(self) -> None:
        for pair in self.pairs:
            if pair.naive.state == "live":
                self.send(pair, "Heartbeat", {"correlation_id": 0})

    def resend(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            newest = len(pair.naive.stream)
            first = self.choose([-1, 0, 1, max(newest - 5, 1), newest, newest + 1])
            last = self.choose([0, 0, max(first - 1, 1), first, first + 4, newest + 100])
            self.send(pair, "ResendRequest", {"from_sequence_number": first, "to_sequence_number": max(last, 0)})

    def logout(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            self.send(pair, "Logout", {"reason": "done"})

    def bad_frame(self) -> None:
        """What is answered by a Reject, and changes nothing."""
        pair = self.one_of("live", "waiting")
        kind = self.choose([*CHANGES, "enum", "disabled", "newer"])
        if pair is None:
            return
        if kind == "disabled":
            self.send(pair, "GetMassQuoteMmpStatusRequest", {"correlation_id": 1})
        elif kind == "newer":
            self.send(pair, "GetOrdersMmpStatusRequest", {"correlation_id": 1})
        elif kind == "enum":
            self.send(pair, "NewOrderRequest", order(1, side=5))
        else:
            self.send(pair, "NewOrderRequest", order(1), change=CHANGES[kind])

    def wrong_number(self) -> None:
        pair = self.one_of("live")
        if pair is not None and (number := self.next_number(pair.naive) + self.choose([-1, 1, 100])) >= 0:
            self.send(pair, "NewOrderRequest", order(1), number=number)

    def garbage(self) -> None:
        pair = self.one_of("live", "waiting", "logon")
        if pair is not None and not pair.broken:
            garbage = self.choose(list(GARBAGE))
            self.complete(pair)
            pair.broken = True
            pair.line.raw(garbage)
            self.naive.broken(pair.naive, GARBAGE[garbage])

    def half_close(self) -> None:
        pair = self.one_of("live", "waiting", "logon", "closing")
        if pair is not None:
            pair.line.half_close()
            self.naive.half_closed(pair.naive)

    def lose(self) -> None:
        pair = self.one_of("live", "waiting", "logon", "closing")
        if pair is not None:
            pair.line.lose()
            self.naive.lost(pair.naive)

    def read_or_not(self) -> None:
        """A client stops reading, or reads on."""
        pair = self.one_of("live")
        if pair is not None:
            pair.line.blocked = not pair.line.blocked
            pair.line.flush()

    def too_slow(self) -> None:
        pair = self.one_of("live")
        if pair is not None and pair.line.blocked:
            self.driver.core.slow(pair.line.link, self.driver.now)
            self.naive.slow(pair.naive)

    def pass_time(self) -> None:
        for pair in self.pairs[: len(AUDITS)]:
            self.send(pair, "Heartbeat", {"correlation_id": 0})
        after = self.choose(TIMES)
        stall = min(after, self.choose(STALLS))
        seen = self.driver.now + after
        self.driver.now = self.naive.now = seen + self.choose(PASSES)
        core = self.driver.core
        core.stalled(stall)
        self.naive.stall(stall)
        core.tick(self.driver.now, seen)
        endings = {session.client_id: session.ending for session in core.sessions}
        self.naive.tick(seen, lambda session: int(endings[session.client_id].exec_id))
        assert core.next_deadline is None or core.next_deadline > seen

    def step(self) -> None:
        if not self.driver.core.is_busy:
            return
        seen = {client_id: self.driver.session(client_id).stream.next_number for client_id in AUDITS}
        self.driver.core.step(self.driver.now)
        taken_out = 0
        for client_id, first in seen.items():
            stream = self.driver.session(client_id).stream
            for frame in stream.frames(first, stream.next_number):
                event = messages.decode(frame)
                if event.name == "DropCopyEvent":
                    taken_out += self.drained(event)
        ends = [client_id for client_id, _, _ in self.driver.ends()]
        for client_id in ends[self.ends_seen :]:
            self.naive.ended(client_id)
        assert taken_out <= STEP_ORDERS
        # Dead orders that matching has met on its way are work done already: it may be enough for some steps.
        self.idle_steps = 0 if taken_out or len(ends) > self.ends_seen else self.idle_steps + 1
        assert self.idle_steps <= MAX_OPEN_ORDERS, "steps that do nothing"
        self.ends_seen = len(ends)
        self.naive.dismiss_drop_copy()

    def drained(self, event: Message) -> int:
        """The orders of a fire that a drop-copy event tells of; none if it tells of something else."""
        inner = messages.decode(event.fields["frame"])  # type: ignore[arg-type]
        ending = self.naive.session(str(event.fields["origin_client_id"])).ending
        if inner.name != "OrdersCanceled" or ending is None or inner.fields["exec_id"] != ending.exec_id:
            return 0
        count = len(inner.fields["orders"])  # type: ignore[arg-type]
        self.naive.drained(str(event.fields["origin_client_id"]), count)
        return count

    # comparing

    def compare(self) -> None:
        self.driver.flush()
        for session in (*self.naive.sessions[2:], *self.naive.sessions[:2]):
            self.compare_session(session)
        for pair in self.pairs:
            self.compare_line(pair)

        self.compare_orders()

    def compare_orders(self) -> None:
        engine = self.naive.engine
        check(self.probe.engine)
        for session in self.naive.sessions:
            assert self.probe.owner_counts(session.slot) == engine.owner_counts(session.slot)
        for portfolio in (0, 1):
            assert self.probe.portfolio_open(portfolio) == engine.portfolio_open(portfolio)
        for instrument_id in (1, 2):
            for side in (Side.BUY, Side.SELL):
                assert self.probe.resting(instrument_id, side) == engine.resting(instrument_id, side)

    def compare_session(self, naive: NaiveSession) -> None:
        session = self.driver.session(naive.client_id)
        assert (session.state, session.epoch) == (STATES[naive.state], naive.epoch), naive.client_id
        assert (session.expected_number, session.last_processed) == (naive.expected, naive.last_processed)
        stream = session.stream
        assert (stream.generation, stream.next_number) == (naive.generation, len(naive.stream) + 1), naive.client_id
        captured = self.captured[naive.client_id]
        if self.generations[naive.client_id] != naive.generation:
            self.generations[naive.client_id] = naive.generation
            captured.clear()
        stored = {int.from_bytes(frame[8:16], "little"): frame for frame in stream.frames(1, stream.next_number)}
        for number, said in enumerate(naive.stream, 1):
            if number not in stored:
                assert said.name in SILENT, f"{naive.client_id}: number {number} is not stored"
            elif number in captured:
                assert captured[number] == stored[number], f"{naive.client_id}: number {number} has other content"
            else:
                captured[number] = stored[number]
                self.compare_frame(stored[number], number, said)
                if naive.client_id in AUDITS:
                    self.audited.see(stored[number])
        assert len(stored) <= len(naive.stream)

    def compare_frame(self, frame: bytes, number: int, said: Said) -> None:
        message = messages.decode(frame)
        header = message.header
        assert (header.sequence_number, header.last_processed_seq_no) == (number, said.last_processed)
        assert (header.send_time_ns, header.flags) == (said.time, 0)
        assert message.name == said.name
        if message.name != "DropCopyEvent":
            assert message.fields == said.fields
            return
        inner, origin = message.fields["frame"], said.fields["frame"]
        assert message.fields == said.fields | {"frame": inner}
        assert isinstance(inner, bytes)
        self.compare_frame(inner, said.fields["origin_sequence_number"], origin)
        captured = self.captured[said.fields["origin_client_id"]].get(said.fields["origin_sequence_number"])
        same_generation = origin in self.naive.session(said.fields["origin_client_id"]).stream
        assert not same_generation or inner == captured, "drop copy differs from the stream"

    def compare_line(self, pair: Pair) -> None:
        line, naive = pair.line, pair.naive
        if naive.closing != LinkClosing.CLOSING_NOT and not pair.settled and naive.state != "closed":
            pair.settled = True
            assert line.closed == naive.closing
            if naive.closing == LinkClosing.CLOSING_POLITELY and not line.blocked:
                self.naive.told(naive)
        if naive.state == "live" and not line.blocked:
            pair.replays += self.naive.replayed(naive)
        data = bytes(line.output[pair.compared :])
        pair.compared = len(line.output)
        for frame in split(data):
            self.compare_output(pair, frame)
        assert not pair.replays or naive.state == "closed"
        if naive.state == "closed" or line.blocked or (pair.settled and naive.closing == LinkClosing.CLOSING_ABORT):
            return
        if naive.farewell is not None:
            assert pair.said_goodbye
            return
        told_to = len(naive.stream) if naive.told_to is None else naive.told_to
        assert naive.told_from + pair.told == told_to

    def compare_output(self, pair: Pair, frame: bytes) -> None:
        naive = pair.naive
        message = messages.decode(frame)
        if naive.farewell is not None:
            assert message.header[5:7] == (0, 0)
            assert (message.name, message.fields) == ("LoggedOut", {"reason": naive.farewell})
            assert not pair.said_goodbye
            pair.said_goodbye = True
        elif message.header.flags & FLAG_RESEND:
            number, name, fields = pair.replays.pop(0)
            if name == "DropCopyEvent":
                fields = fields | {"frame": message.fields["frame"]}
            assert (message.header.sequence_number, message.name, message.fields) == (number, name, fields)
        else:
            index = naive.told_from + pair.told
            pair.told += 1
            self.compare_frame(frame, index + 1, naive.stream[index])

    def finish(self) -> None:
        """In the end the gateway is shut down: nothing may be left, and everything must have been told."""
        self.driver.core.shut_down(self.driver.now)
        self.naive.shut_down()
        steps = 0
        while self.driver.core.is_busy:
            self.step()
            self.compare()
            steps += 1
            assert steps <= 100, "the end does not come"
        assert self.driver.core.is_shut_down
        assert [sum(self.probe.owner_counts(slot)) for slot in range(len(KEYS))] == [0] * len(KEYS)
        assert self.audited.open == {}


class Audit:
    """What the portfolios' drop copy says of each order: it opens once and closes once, and is not heard of between."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.closed: set[int] = set()
        self.quoted: dict[tuple[Any, ...], tuple[int, str]] = {}

    def see(self, frame: bytes) -> None:
        event = messages.decode(frame)
        if event.name != "DropCopyEvent":
            return
        inner = messages.decode(event.fields["frame"])  # type: ignore[arg-type]
        fields: Any = inner.fields
        if inner.name == "NewOrderResponse":
            assert fields["order_id"] not in self.open.keys() | self.closed
            if fields["status"] == 1:
                self.open[fields["order_id"]] = fields["total_filled"].mantissa
        for fill in fields["fills"] if inner.name == "OrderFilled" else []:
            self.open[fill["order_id"]] += fill["fill_qty"].mantissa
            assert self.open[fill["order_id"]] == fill["total_filled"].mantissa
            if fill["flags"] & 2:
                self.close(fill["order_id"])
        for entry in fields["orders"] if inner.name == "OrdersCanceled" else []:
            # A single cancel is told to the canceller in 220 first, where another session asked for it.
            if entry["cancel_reason"] != 12 or entry["order_id"] in self.open:
                assert self.open[entry["order_id"]] == entry["total_filled"].mantissa
                self.close(entry["order_id"])
        for entry in fields["quotes"] if inner.name == "MassQuoteResponse" else []:
            for which in ("bid", "ask"):
                place = (event.fields["portfolio_id"], fields["mmp_group_id"], entry["instrument_id"], which)
                self.see_quote(str(event.fields["origin_client_id"]), place, entry)
        if inner.name == "CancelOrderResponse" and fields["correlation_id"] is not None:
            self.close(fields["order_id"])

    def see_quote(self, origin: str, place: tuple[Any, ...], entry: dict[str, Any]) -> None:
        which = place[-1]
        order_id, status = entry[f"{which}_order_id"], entry[f"{which}_status"]
        standing, owner = self.quoted.get(place, (0, ""))
        if status in (QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED):
            assert order_id == standing
            assert self.open[order_id] == entry[f"{which}_filled_qty"].mantissa
            return
        # Another session hears of the quote that it has lost in a frame of its own.
        if standing in self.open and owner == origin:
            self.close(standing)
        if status == QuoteStatus.UPDATED:
            assert order_id not in self.open.keys() | self.closed
            self.open[order_id] = entry[f"{which}_filled_qty"].mantissa
            self.quoted[place] = order_id, origin

    def close(self, order_id: int) -> None:
        del self.open[order_id]
        self.closed.add(order_id)


ACTIONS: list[Callable[[CorePair], None]] = [
    *[CorePair.new_orders] * 6,
    *[CorePair.step] * 5,
    *[CorePair.logon] * 4,
    *[CorePair.pass_time] * 3,
    *[CorePair.everybody_is_heard] * 3,
    *[CorePair.cancel] * 2,
    *[CorePair.mass_quote] * 3,
    CorePair.wild_quote,
    CorePair.mass_cancel,
    CorePair.mass_quote_cancel,
    CorePair.cancel_by_id,
    CorePair.connect,
    CorePair.logon_of_a_connection,
    CorePair.order_out_of_place,
    CorePair.wild_order,
    CorePair.session_message,
    CorePair.resend,
    CorePair.logout,
    CorePair.bad_frame,
    CorePair.wrong_number,
    CorePair.garbage,
    CorePair.half_close,
    CorePair.lose,
    CorePair.read_or_not,
    CorePair.too_slow,
]


def walk(seed: int, steps: int) -> CorePair:
    """So many random inputs, by a seed that says all of them, to the end."""
    pair = CorePair(random.Random(seed).choice, refuse_duplicates=seed % 4 == 1, strict=seed % 4 != 2)
    for _ in range(steps):
        pair.act()
    pair.finish()
    return pair
