"""The core and the naive gateway side by side: random inputs to both, every frame, number and count compared.

A few keys of two portfolios, connections that come, wait, are overtaken, fall silent, stop reading and go in every way,
frames that are right and wrong in every way, time that passes with stalls of the gateway's own, and steps in between.
Two drop-copy sessions that nothing happens to, one per portfolio, see it all.

Whoever plays decides by `choose`, which picks one of a sequence: hypothesis, or a seeded generator.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from codec import messages
from codec.layout import FLAG_RESEND, CancelReason, Side
from codec.values import Complete, Message
from gateway.invariants import check
from gateway.probe import EngineProbe
from gateway.session import LinkClosing, Session, SessionState
from support import random_requests
from support.audit import Audit
from support.core_driver import FRAME_SIZE_MAX, START, CoreDriver, Line, configuration, secret_of, split
from support.naive_controls import NaiveControls
from support.naive_gateway import SESSION_MESSAGES, NaiveGateway
from support.naive_session import Inbound, NaiveLine, NaiveSession, Said

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
MAX_OPEN_ORDERS = 12
STEP_ORDERS = 3
STATES = {
    "vacant": SessionState.SESSION_VACANT,
    "live": SessionState.SESSION_LIVE,
    "ending": SessionState.SESSION_ENDING,
    "lost": SessionState.SESSION_LOST,
}
SILENT = SESSION_MESSAGES
AGAIN = 200
"""So many frames of a stream that were compared already are looked at again each time."""


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

    def __init__(
        self,
        choose: Choose,
        *,
        refuse_duplicates: bool = False,
        strict: bool = True,
        max_open_orders: int = MAX_OPEN_ORDERS,
        rate_limit_scope: str | None = None,
        cancel_grace_ms: int = 0,
        flap_losses: int = 0,
        cancel_on_disconnect: str = "always",
        step_orders: int = STEP_ORDERS,
    ) -> None:
        self.choose = choose
        tables = random_requests.TABLES
        if rate_limit_scope is not None:
            tables += random_requests.RATE_LIMIT.format(scope=rate_limit_scope)
        config = configuration(
            KEYS,
            max_open_orders=max_open_orders,
            extra=tables,
            drain_step_orders=step_orders,
            settlement_time="08:01:00Z",  # a minute after the start
            duplicate_logon="refuse" if refuse_duplicates else "displace",
            sequence_check="strict" if strict else "off",
            cancel_grace_ms=cancel_grace_ms,
            flap_losses=flap_losses,
            flap_window_s=30,
            flap_lockout_ms=5_000,
            cancel_on_disconnect=cancel_on_disconnect,
        )
        self.max_open_orders = max_open_orders
        self.step_orders = step_orders
        self.instrument_ids = [instrument.id for instrument in config.instruments]
        self.driver = CoreDriver(config)
        self.fenced: list[str] = []
        self.note_fences()
        self.probe = EngineProbe(self.driver.core.engine)
        self.naive = NaiveGateway(config)
        self.controls = NaiveControls(self.naive)
        self.naive.now = START
        self.naive.unread = self.unread
        self.naive.orders.may_release = self.may_release
        self.held_up: list[Pair] = []
        self.times_held_up = Counter[str]()
        self.pairs: list[Pair] = []
        self.captured: dict[str, dict[int, bytes]] = {client_id: {} for client_id in KEYS}
        self.compared = dict.fromkeys(KEYS, 0)  # frames of each stream
        self.generations = dict.fromkeys(KEYS, 1)
        self.events_seen = 0
        self.idle_steps = 0
        self.audited = Audit()
        self.audits = [self.new_pair() for _ in AUDITS]
        for client_id, pair in zip(AUDITS, self.audits, strict=True):
            self.log_on(pair, client_id, True, 1, 17)
        self.compare()

    def note_fences(self) -> None:
        """Who was fenced, in which order: where sessions end together it is the core's to choose."""
        cancels = self.driver.core.cancels
        begin = cancels.begin

        def noted(session: Session, *arguments: Any) -> Any:
            self.fenced.append(session.client_id)
            return begin(session, *arguments)

        cancels.begin = noted  # type: ignore[method-assign]

    # inputs, to both

    def new_pair(self) -> Pair:
        pair = Pair(self.driver.connect(), self.naive.connected())
        self.pairs.append(pair)
        return pair

    def deliver(self, pair: Pair, frame: Inbound, cut: int | None = None) -> None:
        """A frame comes in; with `cut` only so many bytes of it for now."""
        self.complete(pair)
        self.naive.run_timers()
        if cut is not None and 0 < cut < len(frame.raw):
            pair.line.raw(frame.raw[:cut])
            pair.partial = (frame.raw[cut:], frame)
            return
        pair.line.raw(frame.raw)
        self.came_in(pair, frame)

    def came_in(self, pair: Pair, frame: Inbound | str) -> None:
        if pair.line.link.is_held_up and pair.naive.state == "live":
            self.naive.hold(pair.naive, frame)
            self.note_held_up()
        elif isinstance(frame, Inbound):
            self.naive.frame(pair.naive, frame)
        else:
            self.naive.broken(pair.naive, frame)

    def note_held_up(self) -> None:
        for pair in self.pairs:
            if pair.naive.held and pair not in self.held_up:
                self.times_held_up["lines"] += 1
                self.held_up.append(pair)

    def unread(self, naive: NaiveLine) -> int:
        link = next(pair.line.link for pair in self.pairs if pair.naive is naive)
        return len(whole_frames(link.pending_bytes)) if link.is_held_up else 0

    def may_release(self, released: int) -> bool:
        releases = self.driver.core.dispatcher.releases
        return not releases.is_held_up or released < releases.released

    def go_on(self, release: bool) -> None:
        """In a step the releases go on that were held up, then the lines, in the order in which they came to be."""
        if release:
            self.times_held_up["releases"] += 1
            self.naive.orders.release()
        held_up = self.held_up
        for pair in held_up:
            if pair.naive.state == "live":
                self.naive.go_on(pair.naive)
        self.held_up = [pair for pair in held_up if pair.naive.held]

    def complete(self, pair: Pair) -> None:
        if pair.partial is not None:
            rest, frame = pair.partial
            pair.partial = None
            self.naive.run_timers()
            pair.line.raw(rest)
            self.came_in(pair, frame)

    def log_on(
        self,
        pair: Pair,
        client_id: str,
        reset: bool,
        number: int,
        version: int,
        secret: str | None = None,
        cover: bool = False,
    ) -> None:
        fields = {
            "client_id": client_id,
            "secret": secret_of(client_id) if secret is None else secret,
            "reset_seq_num": int(reset),
            "schema_version": version,
            "cancel_on_disconnect": int(cover),
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
            return naive.session.expected + len(naive.held)
        if naive.state == "waiting" and naive.request is not None:
            return naive.request.number + 1 + len(naive.pending)
        return 1

    # steps of the work under way

    def step(self) -> None:
        if not self.driver.core.is_busy:
            return
        seen = {client_id: self.driver.session(client_id).stream.next_number for client_id in KEYS}
        releases_held_up = self.driver.core.dispatcher.releases.is_held_up
        endings_come_first = self.driver.core.cancels.under_way > 0
        self.comings_and_goings()
        self.driver.core.step(self.driver.now)
        self.go_on(releases_held_up)
        if not endings_come_first:
            self.naive.expire()
        taken_out = self.told_by_step({client_id: seen[client_id] for client_id in AUDITS})
        listed = self.listed_by_step(seen)
        comings = self.comings_and_goings()
        for event, client_id in comings:
            if event == "session gone":
                self.naive.ended(client_id)
            else:
                self.naive.let_in(client_id)
                self.note_held_up()
        assert taken_out <= self.step_orders
        # Dead orders that matching has met on its way are work done already: it may be enough for some steps.
        self.idle_steps = 0 if taken_out or listed or comings else self.idle_steps + 1
        assert self.idle_steps <= 2 * self.max_open_orders, "steps that do nothing"
        self.naive.emptying = self.driver.core.controls.is_busy
        self.naive.dismiss_drop_copy()

    def listed_by_step(self, seen: dict[str, int]) -> int:
        """Tells the naive gateway how far listings of open orders have come; returns by how many frames."""
        frames = 0
        for client_id, first in seen.items():
            stream = self.driver.session(client_id).stream
            for frame in stream.frames(first, stream.next_number):
                message = messages.decode(frame)
                if message.name == "OpenOrdersResponse":
                    orders: Any = message.fields["orders"]
                    assert len(orders) <= self.step_orders
                    self.naive.listed(client_id, len(orders), bool(message.fields["flags"]))
                    frames += 1
        return frames

    def comings_and_goings(self) -> list[tuple[str, str]]:
        """Who has logged on or is gone since this was asked last, as the log has it."""
        events = self.driver.log.events()
        new, self.events_seen = events[self.events_seen :], len(events)
        return [(event["event"], event["client_id"]) for event in new if event["event"] in ("logon", "session gone")]

    def told_by_step(self, seen: dict[str, int]) -> int:
        """Tells the naive gateway which orders a step took out, by what drop copy has heard; returns how many."""
        taken_out = 0
        emptied: Counter[int] = Counter()
        for client_id, first in seen.items():
            stream = self.driver.session(client_id).stream
            for frame in stream.frames(first, stream.next_number):
                event = messages.decode(frame)
                if event.name != "DropCopyEvent":
                    continue
                inner = messages.decode(event.fields["frame"])  # type: ignore[arg-type]
                if inner.name == "CancelOnDisconnectReceipt":
                    self.naive.receipted(str(event.fields["origin_client_id"]))
                    continue
                orders: Any = inner.fields.get("orders", [])
                fires = self.naive.session(str(event.fields["origin_client_id"])).fires
                if orders and fires and inner.fields["exec_id"] == fires[0].exec_id:
                    self.naive.drained(str(event.fields["origin_client_id"]), len(orders))
                    taken_out += len(orders)
                emptied.update(
                    order["instrument_id"]
                    for order in orders
                    if order["cancel_reason"] == CancelReason.BOOK_DEACTIVATED
                )
        for instrument_id, count in emptied.items():
            self.controls.emptied(instrument_id, count)
            taken_out += count
        return taken_out

    # comparing

    def compare(self, again: int = AGAIN) -> None:
        self.driver.flush()
        for session in (*self.naive.sessions[2:], *self.naive.sessions[:2]):
            self.compare_session(session, again)
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
        for instrument_id in self.instrument_ids:
            for side in (Side.BUY, Side.SELL):
                assert self.probe.resting(instrument_id, side) == engine.resting(instrument_id, side)

    def compare_session(self, naive: NaiveSession, again: int) -> None:
        session = self.driver.session(naive.client_id)
        assert (session.state, session.epoch) == (STATES[naive.state], naive.epoch), naive.client_id
        assert (session.expected_number, session.last_processed) == (naive.expected, naive.last_processed)
        stream = session.stream
        assert (stream.generation, stream.next_number) == (naive.generation, len(naive.stream) + 1), naive.client_id
        captured = self.captured[naive.client_id]
        if self.generations[naive.client_id] != naive.generation:
            self.generations[naive.client_id] = naive.generation
            captured.clear()
            self.compared[naive.client_id] = 0
        first = max(self.compared[naive.client_id] - again, 0) + 1
        self.compared[naive.client_id] = len(naive.stream)
        stored = {int.from_bytes(frame[8:16], "little"): frame for frame in stream.frames(first, stream.next_number)}
        for number, said in enumerate(naive.stream[first - 1 :], first):
            if number not in stored:
                assert said.name in SILENT, f"{naive.client_id}: number {number} is not stored"
            elif number in captured:
                assert captured[number] == stored[number], f"{naive.client_id}: number {number} has other content"
            else:
                captured[number] = stored[number]
                self.compare_frame(stored[number], number, said)
                if naive.client_id in AUDITS:
                    self.audited.see(stored[number])
        assert all(number <= len(naive.stream) for number in stored)

    def compare_frame(self, frame: bytes, number: int, said: Said) -> None:
        message = messages.decode(frame)
        header = message.header
        assert (header.sequence_number, header.last_processed_seq_no) == (number, said.last_processed)
        assert (header.send_time_ns, header.flags) == (said.time, 0)
        assert message.name == said.name, f"{message} where wanted was {said}"
        if message.name != "DropCopyEvent":
            assert message.fields == said.fields, difference(message, said)
            return
        inner, origin = message.fields["frame"], said.fields["frame"]
        assert message.fields == said.fields | {"frame": inner}
        assert isinstance(inner, bytes)
        client_id, number = said.fields["origin_client_id"], said.fields["origin_sequence_number"]
        self.compare_frame(inner, number or 0, origin)
        if number is None:
            return
        if origin in self.naive.session(client_id).stream[number - 1 : number]:  # and not of a generation before
            assert inner == self.captured[client_id][number], "drop copy differs from the stream"

    def compare_line(self, pair: Pair) -> None:
        line, naive = pair.line, pair.naive
        if naive.closing != LinkClosing.CLOSING_NOT and not pair.settled and naive.state != "closed":
            pair.settled = True
            assert line.closed == naive.closing
            if naive.closing == LinkClosing.CLOSING_POLITELY and not line.blocked:
                self.naive.told(naive)
        if naive.state in ("live", "closing") and not line.blocked:
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
        self.naive.emptying = self.driver.core.controls.is_busy
        self.driver.core.shut_down(self.driver.now)
        self.naive.shut_down()
        steps = 0
        while self.driver.core.is_busy:
            self.step()
            self.compare()
            steps += 1
            assert steps <= 100 + 2 * self.max_open_orders, "the end does not come"
        assert self.driver.core.is_shut_down
        self.compare(again=sum(self.compared.values()))
        assert [sum(self.probe.owner_counts(slot)) for slot in range(len(KEYS))] == [0] * len(KEYS)
        assert self.audited.open == {}


def whole_frames(data: bytes) -> list[bytes]:
    """The frames at the start of data, as far as they are whole and are frames."""
    frames = []
    while isinstance(frame := messages.scan(data, 0, FRAME_SIZE_MAX), Complete):
        frames.append(data[: frame.start + frame.length])
        data = data[frame.start + frame.length :]
    return frames


def difference(message: Message, said: Said) -> str:
    """The fields in which a frame is not what was wanted."""
    fields = [name for name in {**message.fields, **said.fields} if message.fields.get(name) != said.fields.get(name)]
    told = "; ".join(f"{name}: wanted {said.fields.get(name)}, was {message.fields.get(name)}" for name in fields)
    return f"{message.name} at number {message.header.sequence_number}: {told}"
