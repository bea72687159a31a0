"""A walk of clients around a core: whatever they ask for and whatever befalls their lines, what each of them believes
it has left is what the gateway has.

The clients are cores of the client library, the gateway is the core that the server runs, and between them are bytes,
in pieces and cut off anywhere. Whoever plays decides by `choose`, which picks one of a sequence.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from codec.layout import OrderFlags, ProductType, SelfTradingMode, Side, TimeInForce
from gateway.client_core import ClientCore, QuoteEntry
from gateway.client_errors import SchemaVersionError
from gateway.client_events import Event, MessageReceived, MessagesLost, OrderFilled, QuoteFilled
from gateway.client_receipts import Receipt
from gateway.client_state import Order, Quote, Request
from gateway.engine_types import RestingOrder
from gateway.probe import EngineProbe
from gateway.session import LinkState
from support.core_driver import INTERVAL, SECOND, CoreDriver, Line, configuration, secret_of
from support.random_requests import ICEBERGS, TABLES

KEYS = {"maker-1": (1, "trader"), "maker-2": (1, "trader"), "maker-3": (1, "trader"), "stranger-1": (2, "trader")}
VERSIONS = [17, 17, 17, 17, 16, 15, 13, 12, 11, 10, 9, 7, 4, 3, 1]
PRICES = ["98.5", "99", "99.5", "100", "100.5", "101"]
QUANTITIES = ["0.001", "0.002", "0.003", "0.004"]
GROUPS = [7, 7, 8]
INSTRUMENTS = [1, 1, 1, 2, 3, 4, 4, 5]
TIMES = [0, SECOND // 100, SECOND // 20, SECOND, INTERVAL // 2, INTERVAL * 3 // 4, INTERVAL * 8 // 5, INTERVAL * 3]
PIECES = [(), (), (1, 31, 40), (100,), (33, 33, 33, 33)]
CUTS = [None, None, 0, 1, 40, 96, 130, 200]

Choose = Callable[[Sequence[Any]], Any]


class Player:
    """One key: its client, and its line if it has one. It checks every fill that it is told of against those before."""

    def __init__(self, driver: CoreDriver, client_id: str, version: int, first_id: int, heard: set[str]) -> None:
        self.driver = driver
        self.heard = heard
        self.line: Line | None = None
        self.requests: list[Request] = []
        self.core = ClientCore(
            client_id=client_id,
            secret=secret_of(client_id),
            schema_version=version,
            first_client_order_id=first_id,
            receipts=True,
        )
        self._filled: dict[Order | Quote, Decimal] = {}

    # -- The line ------------------------------------------------------------------------------------------------------

    def connect(self, *, reset: bool) -> None:
        self.line = self.driver.connect()
        self.core.connected(self.driver.now)
        self.core.logon(self.driver.now, reset=reset)

    def send(self, cut: int | None = None) -> bool:
        """What the client has to say reaches the gateway, or only `cut` bytes of it; whether it had anything to say."""
        output = self.core.take_output()
        if self.line is not None and output:
            self.line.raw(output[:cut])
        return bool(output)

    def hear(self, pieces: Sequence[int] = ()) -> bool:
        """What the gateway has to say reaches the client, first in pieces of those sizes; whether it had anything."""
        line = self.line
        if line is None:
            return False
        data = line.take_bytes()
        heard = bool(data)
        for size in pieces:
            self._take_in(self.core.received(self.driver.now, data[:size]))
            data = data[size:]
        self._take_in(self.core.received(self.driver.now, data))
        if self.core.must_close or line.closed is not None or line.link.state == LinkState.LINK_CLOSED:
            self.lose()
        return heard

    def lose(self, *, unseen: bool = False) -> None:
        """The line is down, and what was on it is gone; `unseen`: the gateway does not know yet."""
        line, self.line = self.line, None
        if line is not None and not unseen:
            line.lose()
        self._take_in(self.core.disconnected(self.driver.now, "lost"))

    def tick(self) -> None:
        self._take_in(self.core.tick(self.driver.now))

    def _take_in(self, events: list[Event]) -> None:
        for event in events:
            self.heard.add(type(event).__name__)
            assert not isinstance(event, MessageReceived | MessagesLost), event
            if isinstance(event, Receipt):
                assert event.verified, event.faults
            if isinstance(event, OrderFilled | QuoteFilled):
                held = event.order if isinstance(event, OrderFilled) else event.quote
                if held.is_own:
                    assert event.total_filled == self._filled.get(held, 0) + event.quantity, event
                    self._filled[held] = event.total_filled

    # -- What it believes ----------------------------------------------------------------------------------------------

    @property
    def is_up_to_date(self) -> bool:
        return self.core.is_logged_on and not self.core.has_gap

    def own(self) -> list[Order | Quote]:
        """What it holds for live, but for quotes that may be another session's."""
        quotes = [quote for quote in self.core.quotes.live.values() if quote.is_own]
        return [*self.core.orders.live.values(), *quotes]

    def check(self, resting: Mapping[int, RestingOrder]) -> None:
        """What it believes it has left is what rests, and none of its requests is forgotten."""
        doubtful = [held for held in self.own() if held.in_doubt]
        if doubtful:
            # After a logon with reset: what ended untold. Cancel on disconnect has left nothing of it.
            assert not [held for held in doubtful if held.order_id in resting]
            self.core.orders.forget_doubtful()
            self.core.quotes.forget_doubtful()
        believed = {held.order_id: held for held in self.own()}
        assert believed.keys() == resting.keys()
        for order_id, held in believed.items():
            order = resting[order_id]
            assert (held.price_mantissa, held.total_filled_mantissa) == (order.price, order.filled), held
            if isinstance(held, Order):
                assert held.quantity_mantissa == order.quantity, held
            else:
                # Another session may have reduced it, which only that session is told.
                assert (held.quantity_mantissa or 0) >= order.quantity, held
        assert [request for request in self.requests if request.is_pending] == []
        self.requests.clear()


class ClientWalk:
    """Players on one gateway; an action of one of them, or of time, after another. `heard` are kinds of events."""

    def __init__(self, choose: Choose, cancel_grace_ms: int = 0) -> None:
        self.choose = choose
        self.driver = CoreDriver(configuration(KEYS, extra=TABLES, cancel_grace_ms=cancel_grace_ms))
        self.probe = EngineProbe(self.driver.core.engine)
        self.heard: set[str] = set()
        self._first_id = 0
        self.players = {client_id: self._new_player(client_id) for client_id in KEYS}

    def act(self) -> None:
        self.choose(ACTIONS)(self)

    def check(self) -> None:
        """Let everything be said and heard; then nobody who is up to date may believe anything else than what is so."""
        is_quiet = False
        while not is_quiet:
            is_quiet = True
            for player in self.players.values():
                is_quiet = not (player.send() | player.hear()) and is_quiet
            self.driver.settle()
            is_quiet = not self._release() and is_quiet
        resting = [
            order
            for instrument_id in set(INSTRUMENTS)
            for side in (Side.BUY, Side.SELL)
            for order in self.probe.resting(instrument_id, side)
        ]
        for client_id, player in self.players.items():
            if player.is_up_to_date:
                slot = self.driver.session(client_id).slot
                player.check({order.order_id: order for order in resting if order.owner == slot})

    def _release(self) -> bool:
        """What waits behind speed bumps is released; whether anything did."""
        due = self.driver.core.dispatcher.releases.next_release
        if due is None:
            return False
        self.driver.tick(max(0, due - self.driver.now))
        return True

    def _new_player(self, client_id: str) -> Player:
        self._first_id += 1_000_000
        return Player(self.driver, client_id, self.choose(VERSIONS), self._first_id, self.heard)

    # -- Lines ---------------------------------------------------------------------------------------------------------

    def deliver(self) -> None:
        player = self.choose(list(self.players.values()))
        player.send()
        self.driver.step()
        player.hear(self.choose(PIECES))

    def log_on(self) -> None:
        """A player without a line has one again: with its streams, with new ones, or as a new process."""
        lost = [client_id for client_id, player in self.players.items() if player.line is None]
        if not lost:
            return
        client_id = self.choose(lost)
        how = self.choose(["resume", "resume", "resume", "reset", "new process"])
        if how == "new process":
            self.players[client_id] = self._new_player(client_id)
        self.players[client_id].connect(reset=how != "resume")

    def lose(self) -> None:
        """A line breaks: behind what the client last said, or in the middle of it."""
        player = self.choose(list(self.players.values()))
        player.send(self.choose(CUTS))
        player.lose(unseen=self.choose([False, False, True]))

    def log_out(self) -> None:
        player = self.choose(list(self.players.values()))
        if player.core.is_logged_on:
            player.core.logout(self.driver.now, "done")

    def pass_time(self) -> None:
        self.driver.now += self.choose(TIMES)
        for player in self.players.values():
            player.tick()
            player.send()
        self.driver.tick()

    # -- Requests ------------------------------------------------------------------------------------------------------

    def request(self) -> None:
        """Some requests of one player, which go out together or are still to go."""
        up = [player for player in self.players.values() if player.core.is_logged_on]
        if not up:
            return
        player = self.choose(up)
        for _ in range(self.choose([1, 1, 1, 3])):
            try:
                asked = self.choose(REQUESTS)(self, player.core)
            except SchemaVersionError:
                continue  # as it should be said of a session that is too old
            if isinstance(asked, Request):
                player.requests.append(asked)
        if self.choose([True, False]):
            player.send()

    def new_order(self, core: ClientCore) -> Order:
        side = self.choose([Side.BUY, Side.SELL])
        instrument_id = self.choose(INSTRUMENTS)
        arguments: dict[str, Any] = {}
        if instrument_id in ICEBERGS and self.choose([True, False]):
            arguments["show_quantity"] = "0.001"
        if self.choose([False] * 7 + [True]):
            arguments["reset_mmp"] = True
        return core.new_order(
            self.driver.now,
            instrument_id=instrument_id,
            side=side,
            quantity=self.choose(QUANTITIES),
            price=self.choose([*PRICES, *PRICES, None]),
            time_in_force=self.choose([TimeInForce.GTC] * 5 + [TimeInForce.IOC, TimeInForce.FOK, 1]),
            post_only=self.choose([False, False, True]),
            mmp=self.choose([False, False, True]),
            self_match_prevention_id=self.choose([None, 5]),
            self_trading_mode=self.choose(list(SelfTradingMode)),
            **arguments,
        )

    def amend(self, core: ClientCore) -> Request:
        order = self._target(core)
        return core.amend(
            self.driver.now,
            order,
            price=self.choose(PRICES),
            quantity=self.choose(QUANTITIES),
            post_only_reject=self.choose([False, False, True]),
        )

    def cancel(self, core: ClientCore) -> Request:
        return core.cancel(self.driver.now, self._target(core))

    def cancel_by_id(self, core: ClientCore) -> Request:
        order = self._target(core)
        return core.cancel_by_id(self.driver.now, order.order_id or 1, order.instrument_id)

    def mass_quote(self, core: ClientCore) -> Request:
        entries = [
            self._entry(instrument_id)
            for instrument_id in self.choose([[1], [1], [2], [4], [4, 5], [1, 2], [1, 1], [3, 2, 1, 4]])
        ]
        return core.mass_quote(
            self.driver.now,
            self.choose([*GROUPS, 9]),
            entries,
            self_match_prevention_id=self.choose([None, 5]),
            reset_mmp=self.choose([False] * 7 + [True]),
        )

    def cancel_quotes(self, core: ClientCore) -> Request:
        side = self.choose([Side.BOTH, Side.BUY, Side.SELL])
        return core.cancel_quotes(self.driver.now, self.choose([*GROUPS, 9]), side=side)

    def mass_cancel(self, core: ClientCore) -> Request:
        return core.mass_cancel(
            self.driver.now,
            currency_pair_id=self.choose([None, 1, 2]),
            instrument_id=self.choose([None, 1, 2, 4]),
            product_type=self.choose([ProductType.ALL, ProductType.ALL, ProductType.SPOT]),
            side=self.choose([Side.BOTH, Side.BUY, Side.SELL]),
        )

    def quotes_status(self, core: ClientCore) -> Request:
        return core.mass_quote_mmp_status(self.driver.now, self.choose([*GROUPS, 9]))

    def orders_status(self, core: ClientCore) -> Request:
        return core.orders_mmp_status(self.driver.now, self.choose([1, 2, 9]))

    def _entry(self, instrument_id: int) -> QuoteEntry:
        return QuoteEntry(
            instrument_id=instrument_id,
            bid_price=self.choose(PRICES[:4]),
            bid_quantity=self.choose(["0", *QUANTITIES]),
            ask_price=self.choose(PRICES[2:]),
            ask_quantity=self.choose(["0", *QUANTITIES]),
            bid_flags=self.choose([OrderFlags(0), OrderFlags(0), OrderFlags.POST_ONLY]),
        )

    def _target(self, core: ClientCore) -> Order:
        """An order of any player, as this one knows it: its own one, or the ids of another's."""
        orders = [order for player in self.players.values() for order in player.core.orders.live.values()]
        if not orders:
            return Order(1, 1)
        order = self.choose(orders)
        if core.orders.live.get(order.client_order_id) is order:
            return order
        return Order(order.client_order_id, order.instrument_id, order_id=order.order_id)


REQUESTS: list[Callable[[ClientWalk, ClientCore], object]] = [
    *[ClientWalk.new_order] * 12,
    *[ClientWalk.amend] * 6,
    *[ClientWalk.mass_quote] * 8,
    *[ClientWalk.cancel] * 3,
    *[ClientWalk.cancel_by_id] * 2,
    ClientWalk.cancel_quotes,
    ClientWalk.mass_cancel,
    ClientWalk.quotes_status,
    ClientWalk.orders_status,
]
ACTIONS: list[Callable[[ClientWalk], None]] = [
    *[ClientWalk.request] * 16,
    *[ClientWalk.deliver] * 10,
    *[ClientWalk.log_on] * 4,
    *[ClientWalk.check] * 3,
    ClientWalk.lose,
    ClientWalk.log_out,
    ClientWalk.pass_time,
]


def walk(seed: int, steps: int, cancel_grace_ms: int = 0) -> ClientWalk:
    """So many random actions, by a seed that says all of them, and a last check."""
    walker = ClientWalk(random.Random(seed).choice, cancel_grace_ms)
    for _ in range(steps):
        walker.act()
    walker.check()
    return walker
