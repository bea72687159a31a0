"""A walk of the core and the naive gateway: whatever clients, lines and time may do to them, one thing after another.

Whoever plays decides by `choose`, which picks one of a sequence: hypothesis, or a seeded generator.
"""

import random
from collections.abc import Callable
from typing import Any

from codec.layout import OrderFlags, Side
from gateway.errors import ControlError
from gateway.venue_controls import Control, Deactivate, Halt, KillClient, Lock, Resume, Unlock
from support import random_requests
from support.core_driver import INTERVAL, order
from support.core_pair import AUDITS, KEYS, Choose, CorePair, Pair

PLAYERS = [key for key in KEYS if key not in AUDITS]
LINES_MAX = 9
WAIT = INTERVAL // 500
WAITS = [INTERVAL // 1_000, WAIT]
TIMES = [0, 1, *WAITS, INTERVAL // 10, INTERVAL // 2, INTERVAL * 3 // 10, INTERVAL, INTERVAL * 6 // 5]
MODES = ["always", "session", "order"]
STALLS = [0, 0, 0, 1, INTERVAL // 10, INTERVAL]
PASSES = [0, 0, 0, 1, INTERVAL // 50]
VERSIONS = [17] * 5 + [16, 15, 14, 13, 12, 11, 10, 9, 5, 4, 3, 2, 1, 0]
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
CONTROLS: list[Control] = [
    *(Lock(portfolio_id=portfolio_id) for portfolio_id in (1, 1, 1, 2)),
    *(Halt(instrument_id=instrument_id) for instrument_id in (1, 2, 3)),
    *(KillClient(client_id=client_id) for client_id in PLAYERS),
    Unlock(portfolio_id=1),
    Resume(instrument_id=2),
    Deactivate(instrument_id=2),
]


class CoreWalk(CorePair):
    """The actions, each with whatever it leaves open chosen."""

    actions: "list[Callable[[CoreWalk], None]]"

    def __init__(self, choose: Choose, **options: Any) -> None:
        super().__init__(choose, **options)
        self.actions = ACTIONS

    def one_of(self, *states: str) -> Pair | None:
        """A connection in one of the states, if there is any."""
        found = [pair for pair in self.pairs[len(AUDITS) :] if pair.naive.state in states]
        return self.choose(found) if found else None

    def act(self) -> None:
        """Something happens; then both are compared."""
        self.choose(self.actions)(self)
        self.compare()

    def connect(self) -> None:
        if sum(pair.naive.state not in ("closing", "closed") for pair in self.pairs) < LINES_MAX:
            self.new_pair()

    def logon(self) -> None:
        """A Logon on a new connection, with frames behind it in the same read."""
        pair, client_id = self.new_pair(), self.choose(PLAYERS)
        number = max(self.naive.session(client_id).expected + self.choose([0, 0, 0, 7, -1]), 0)
        secret = self.choose([None] * 15 + ["wrong"])
        reset, version, cover = self.choose([True, False]), self.choose(VERSIONS), self.choose([False, True])
        self.log_on(pair, client_id, reset, number, version, secret, cover)
        for _ in range(self.choose([0, 1, 2])):
            self.send(pair, "NewOrderRequest", random_requests.new_order(self.choose))

    def logon_of_a_connection(self) -> None:
        """A Logon where one is awaited, where one is waiting, or where there was one."""
        pair = self.one_of("logon", "logon", "waiting", "live")
        if pair is not None and (pair.naive.state == "logon" or self.choose([True, False, False])):
            self.log_on(pair, self.choose(PLAYERS), True, self.next_number(pair.naive), self.choose([18, 17, 17]))

    def new_orders(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            for _ in range(self.choose([1, 1, 3, 8])):
                self.send(pair, "NewOrderRequest", random_requests.new_order(self.choose), cut=self.choose(CUTS))

    def order_out_of_place(self) -> None:
        pair = self.one_of("waiting", "logon", "closing")
        if pair is not None:
            self.send(pair, "NewOrderRequest", random_requests.new_order(self.choose), cut=self.choose(CUTS))

    def request(self) -> None:
        """Any request about orders, or some of them."""
        pair = self.one_of("live")
        if pair is not None:
            for _ in range(self.choose([1, 1, 1, 4])):
                name, fields = random_requests.request(self.choose, self.naive.engine)
                self.send(pair, name, fields, cut=self.choose(CUTS))

    def session_message(self) -> None:
        pair = self.one_of("live", "waiting")
        if pair is not None:
            name = self.choose(["Heartbeat", "TestRequest"])
            self.send(pair, name, {"correlation_id": 5}, cut=self.choose(CUTS))

    def session_options(self) -> None:
        pair = self.one_of("live", "waiting")
        if pair is not None:
            self.send(pair, "SessionOptionsRequest", {"correlation_id": 6, "options": self.choose([0, 1, 1, 3])})

    def everybody_is_heard(self) -> None:
        for pair in self.pairs:
            if pair.naive.state == "live":
                self.send(pair, "Heartbeat", {"correlation_id": 0})

    def switch_cover(self) -> None:
        """What the loss of a connection cancels is to be something else."""
        pair = self.one_of("live", "live", "waiting")
        if pair is not None:
            fields = {"correlation_id": 7, "scope": self.choose([0, 0, 1, 1, 2]), "enabled": self.choose([0, 1, 1])}
            self.send(pair, "CancelOnDisconnectRequest", fields, cut=self.choose(CUTS))

    def drill(self) -> None:
        pair = self.one_of("live")
        if pair is not None:
            fields = {"correlation_id": 8, "scope": self.choose([0, 1, 1]), "covered_only": self.choose([0, 0, 1])}
            self.send(pair, "OpenOrdersRequest", fields)
            for _ in range(self.choose([0, 1, 2, 5])):
                self.compare()
                self.step()

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
            self.send(pair, "SessionOptionsRequest", {"correlation_id": 1})
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
            self.came_in(pair, GARBAGE[garbage])

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

    def trade_with_the_dead(self) -> None:
        """A session ends with orders at the touch, and others come to trade there before they have been drained.

        What waits behind a speed bump by then comes to them later.
        """
        maker, instrument_id = self.one_of("live"), self.choose(random_requests.INSTRUMENTS)
        side, prices = self.choose([(Side.BUY, random_requests.PRICES[:5]), (Side.SELL, random_requests.PRICES[5:])])
        if maker is None:
            return
        touch = {"instrument_id": instrument_id, "side": side, "price": self.choose(prices), "time_in_force": 0}
        for _ in range(self.choose([2, 5, 8])):
            request = random_requests.new_order(self.choose) | touch
            self.send(maker, "NewOrderRequest", request | {"flags": OrderFlags.POST_ONLY})
        crossing = {"instrument_id": instrument_id, "side": -side, "price": prices[-1 if side == Side.SELL else 0]}
        before, after = self.choose([(0, 1), (0, 2), (1, 1), (2, 0)])
        self.cross(before, crossing)
        maker.line.lose()
        self.naive.lost(maker.naive)
        self.cross(after, crossing)
        if before:
            self.pass_time(self.choose([WAIT, 4 * WAIT]))

    def cross(self, count: int, terms: dict[str, Any]) -> None:
        for _ in range(count):
            taker = self.one_of("live")
            if taker is not None:
                self.send(taker, "NewOrderRequest", random_requests.new_order(self.choose) | terms)

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

    def control(self) -> None:
        """The venue opens what it has closed, or closes something, or ends a session."""
        reopening: list[Control] = [Unlock(portfolio_id=index + 1) for index in sorted(self.naive.engine.locked)]
        closed = sorted(self.naive.engine.closed.keys() - self.controls.deactivated)
        reopening += [Resume(instrument_id=instrument_id) for instrument_id in closed]
        control = self.choose(reopening or CONTROLS)
        try:
            self.driver.core.control(control, self.driver.now)
        except ControlError:
            assert not self.controls.control(control)
        else:
            assert self.controls.control(control)

    def switch(self) -> None:
        """A request to the dead man's switch."""
        pair = self.one_of("live")
        if pair is not None:
            fields = {
                "correlation_id": 6,
                "timeout_ms": self.choose([0, 1, 20, 3_000, 3_000, 86_400_000]),
                "arm_sequence": self.choose([None, None, 1, 2, 3, 4, 5]),
                "scope": self.choose([1, 1, 1, 1, 1, 0]),
            }
            self.send(pair, "CancelAllAfterRequest", fields, cut=self.choose(CUTS))

    def settle(self) -> None:
        self.driver.core.settle(self.driver.now)
        self.naive.settle()

    def pass_time(self, after: int | None = None) -> None:
        for pair in self.pairs[: len(AUDITS)]:
            self.send(pair, "Heartbeat", {"correlation_id": 0})
        after = self.choose(TIMES) if after is None else after
        stall = min(after, self.choose(STALLS))
        seen = self.driver.now + after
        self.driver.now = self.naive.now = seen + self.choose(PASSES)
        core = self.driver.core
        core.stalled(stall)
        self.naive.stall(stall)
        core.tick(self.driver.now, seen)
        order = {client_id: place for place, client_id in enumerate(self.fenced)}
        self.naive.tick(seen, lambda session: order.get(session.client_id, -1))
        is_behind = core.dispatcher.releases.is_behind or core.dispatcher.held_up
        assert is_behind or core.next_deadline is None or core.next_deadline > seen


ACTIONS: list[Callable[[CoreWalk], None]] = [
    *[CoreWalk.new_orders] * 4,
    *[CoreWalk.request] * 6,
    *[CoreWalk.step] * 5,
    *[CoreWalk.logon] * 4,
    *[CoreWalk.pass_time] * 3,
    *[CoreWalk.everybody_is_heard] * 3,
    *[CoreWalk.control] * 2,
    *[CoreWalk.trade_with_the_dead] * 2,
    *[CoreWalk.switch] * 2,
    CoreWalk.settle,
    CoreWalk.connect,
    CoreWalk.logon_of_a_connection,
    CoreWalk.order_out_of_place,
    CoreWalk.session_message,
    CoreWalk.session_options,
    CoreWalk.resend,
    CoreWalk.switch_cover,
    *[CoreWalk.drill] * 2,
    CoreWalk.logout,
    CoreWalk.bad_frame,
    CoreWalk.wrong_number,
    CoreWalk.garbage,
    CoreWalk.half_close,
    CoreWalk.lose,
    CoreWalk.read_or_not,
    CoreWalk.too_slow,
]


AMONG_THE_DEAD: list[Callable[[CoreWalk], None]] = [
    *[CoreWalk.trade_with_the_dead] * 4,
    *[CoreWalk.logon] * 8,
    *[CoreWalk.new_orders] * 2,
    *[CoreWalk.request] * 2,
    *[CoreWalk.step] * 30,
    CoreWalk.switch,
    CoreWalk.everybody_is_heard,
    CoreWalk.pass_time,
    CoreWalk.logout,
    CoreWalk.half_close,
    CoreWalk.garbage,
    CoreWalk.wrong_number,
]
"""Actions of a walk on which sessions keep ending with orders that others come to trade with."""


def walk(seed: int, steps: int) -> None:
    """So many random inputs, by a seed that says all of them, to the end."""
    walker = CoreWalk(
        random.Random(seed).choice,
        refuse_duplicates=seed % 4 == 1,
        strict=seed % 4 != 2,
        rate_limit_scope={3: "portfolio", 4: "api_key"}.get(seed % 5),
        cancel_grace_ms=[0, 3_000, 12_000][seed % 3],
        flap_losses=[0, 3, 0, 2, 0][seed % 5],
        cancel_on_disconnect=MODES[seed // 2 % 3],
    )
    for _ in range(steps):
        walker.act()
    walker.finish()


def walk_among_the_dead(seed: int, steps: int) -> CoreWalk:
    """The same, by those actions alone; a step takes out one order."""
    walker = CoreWalk(
        random.Random(seed).choice, strict=seed % 4 != 2, step_orders=1, cancel_grace_ms=3_000 if seed % 4 == 1 else 0
    )
    walker.actions = AMONG_THE_DEAD
    for _ in range(steps):
        walker.act()
    walker.finish()
    return walker
