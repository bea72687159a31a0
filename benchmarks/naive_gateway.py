"""The gateway that anyone would write first: asyncio streams, struct, dicts, a sorted list of prices.

    python naive_gateway.py        listens on a free port of 127.0.0.1 and says which on stderr, as the gateway does

It is what ours is compared with to show what the compiled core is for, so it is written plainly, not slowly. It speaks
Logon (any credentials), NewOrderRequest with price-time matching (limit, GTC), CancelOrderRequest, TestRequest and
Logout. When a connection ends it cancels the session's orders and tells drop copy (client ids that begin with "drop").
It keeps no stream to resend from, checks no numbers, and misses no heartbeat.
"""

import asyncio
import contextlib
import json
import struct
import sys
import time
from bisect import bisect_left, insort
from typing import NamedTuple

PROTOCOL_ID = 0xDB
SCHEMA_VERSION = 17
BUY, SELL = 1, -1
NULL = -(2**63)
EXPONENT = -9
ACTIVE, FILLED = 1, 2
CLIENT_DISCONNECT = 7
DUPLICATE_CLIENT_ORDER_ID, UNKNOWN_ORDER = 4, 1
IS_LAST_MESSAGE = 1
ORDERS_PER_CANCEL_FRAME = 1868

HEADER = struct.Struct("<BBHHHqqq")
LOGON_CONF = struct.Struct("<iH")
CORRELATION = struct.Struct("<q")
NEW_ORDER_REQUEST = struct.Struct("<qqqqqbqbqbbHb")
NEW_ORDER_RESPONSE = struct.Struct("<qqqqqqqqbqbqbqbbb")
CANCEL_ORDER_REQUEST = struct.Struct("<qqq")
CANCEL_ORDER_RESPONSE = struct.Struct("<qqqqqqqqbqb")
REJECT = struct.Struct("<qqqqqqbB")
GROUP = struct.Struct("<HH")
FILL = struct.Struct("<qqqb")
ORDER_FILLED = struct.Struct("<qq")
MAKER_FILL = struct.Struct("<qqqqqqbqbbB")
ORDERS_CANCELED = struct.Struct("<qqB")
CANCELED_ORDER = struct.Struct("<qqqqbbB")
DROP_COPY_EVENT = struct.Struct("<16sqqqH")
NO_LEGS = GROUP.pack(34, 0)


class Order:
    """One open order. Prices and quantities are counts of 1e-9."""

    def __init__(self, session: "Session", request: tuple[int, ...], order_id: int) -> None:
        self.session = session
        self.order_id = order_id
        self.client_order_id, _, self.instrument_id, self.price, self.quantity = request[:5]
        self.side = request[9]
        self.filled = 0


class Match(NamedTuple):
    """One taker meeting one maker."""

    match_id: int
    maker: Order
    quantity: int


class Side:
    """One side of a book: price levels in order, each a dict of orders in order of arrival.

    A level's key is its price with the sign that makes the best price the least key.
    """

    def __init__(self, side: int) -> None:
        self.side = side
        self.levels: dict[int, dict[int, Order]] = {}
        self.keys: list[int] = []

    def add(self, order: Order) -> None:
        key = -self.side * order.price
        if key not in self.levels:
            self.levels[key] = {}
            insort(self.keys, key)
        self.levels[key][order.order_id] = order

    def remove(self, order: Order) -> None:
        key = -self.side * order.price
        del self.levels[key][order.order_id]
        if not self.levels[key]:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def best(self) -> Order | None:
        return next(iter(self.levels[self.keys[0]].values())) if self.keys else None


class Session:
    """One logged-on connection and its open orders by client order id."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.client_id = b""
        self.sent = 0
        self.received = 0
        self.orders: dict[int, Order] = {}

    def send(self, template_id: int, body: bytes, version: int = 0) -> bytes:
        body += bytes(-len(body) % 8)
        self.sent += 1
        numbers = (self.sent, self.received, time.time_ns())
        frame = HEADER.pack(PROTOCOL_ID, 0, HEADER.size + len(body), template_id, version, *numbers) + body
        if not self.writer.is_closing():
            self.writer.write(frame)
        return frame


class Gateway:
    """Every book and session. One portfolio: client order ids are unique among all sessions."""

    def __init__(self) -> None:
        self.sessions: set[Session] = set()
        self.orders: dict[int, Order] = {}
        self.books: dict[int, dict[int, Side]] = {}
        self.last_order_id = self.last_exec_id = self.last_match_id = 0
        self.requests = {
            1: self.logon,
            4: self.logout,
            11: self.test_request,
            100: self.new_order,
            120: self.cancel_order,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first byte to its end, whichever end that is."""
        session = Session(writer)
        self.sessions.add(session)
        try:
            while True:
                protocol_id, _, length, template_id, _, number, _, _ = HEADER.unpack(
                    await reader.readexactly(HEADER.size)
                )
                if protocol_id != PROTOCOL_ID or template_id not in self.requests:
                    break
                body = await reader.readexactly(length - HEADER.size)
                session.received = number
                self.requests[template_id](session, body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.sessions.discard(session)
            self.cancel_all(session)
            writer.close()

    # Session messages -------------------------------------------------------------------------------------------------

    def logon(self, session: Session, body: bytes) -> None:
        session.client_id = body[:16]
        session.send(2, LOGON_CONF.pack(5, SCHEMA_VERSION), version=12)

    def logout(self, session: Session, _body: bytes) -> None:
        self.cancel_all(session)
        session.send(5, b"\0")
        session.writer.close()

    def test_request(self, session: Session, body: bytes) -> None:
        session.send(10, CORRELATION.pack(*CORRELATION.unpack_from(body)))

    # Orders -----------------------------------------------------------------------------------------------------------

    def new_order(self, session: Session, body: bytes) -> None:
        now = time.time_ns()
        request = NEW_ORDER_REQUEST.unpack_from(body)
        self.last_exec_id += 1
        if request[0] in self.orders:
            ids = (now, self.last_exec_id, request[0], request[1], NULL, request[2])
            session.send(202, REJECT.pack(*ids, DUPLICATE_CLIENT_ORDER_ID, 0))
            return
        self.last_order_id += 1
        order = Order(session, request, self.last_order_id)
        matches = self.match(order)
        remaining = order.quantity - order.filled
        if remaining:
            self.book(order.instrument_id)[order.side].add(order)
            self.orders[order.client_order_id] = session.orders[order.client_order_id] = order
        root = NEW_ORDER_RESPONSE.pack(
            *(now, self.last_exec_id, order.client_order_id, request[1], order.order_id, order.instrument_id),
            *(order.price, order.quantity, EXPONENT, order.filled, EXPONENT, remaining, EXPONENT),
            *(now, order.side, ACTIVE if remaining else FILLED, 0),
        )
        fills = [FILL.pack(match.match_id, match.maker.price, match.quantity, EXPONENT) for match in matches]
        session.send(200, root + GROUP.pack(FILL.size, len(fills)) + b"".join(fills) + NO_LEGS)
        for match in matches:
            self.tell_maker(match, now)

    def match(self, taker: Order) -> list[Match]:
        opposite = self.book(taker.instrument_id)[-taker.side]
        matches = []
        while taker.filled < taker.quantity:
            maker = opposite.best()
            if maker is None or taker.side * (taker.price - maker.price) < 0:
                break
            quantity = min(taker.quantity - taker.filled, maker.quantity - maker.filled)
            taker.filled += quantity
            maker.filled += quantity
            self.last_match_id += 1
            matches.append(Match(self.last_match_id, maker, quantity))
            if maker.filled == maker.quantity:
                self.remove(maker)
        return matches

    def tell_maker(self, match: Match, now: int) -> None:
        maker = match.maker
        self.last_exec_id += 1
        fully_filled = 2 if maker.filled == maker.quantity else 0
        fill = MAKER_FILL.pack(
            *(maker.client_order_id, maker.order_id, maker.instrument_id, match.match_id, maker.price),
            *(match.quantity, EXPONENT, maker.filled, EXPONENT, maker.side, fully_filled),
        )
        body = ORDER_FILLED.pack(now, self.last_exec_id) + GROUP.pack(MAKER_FILL.size, 1) + fill + NO_LEGS
        maker.session.send(300, body)

    def cancel_order(self, session: Session, body: bytes) -> None:
        now = time.time_ns()
        client_order_id, correlation_id, instrument_id = CANCEL_ORDER_REQUEST.unpack_from(body)
        order = self.orders.get(client_order_id)
        self.last_exec_id += 1
        ids = (now, self.last_exec_id, client_order_id, correlation_id)
        if order is None:
            session.send(222, REJECT.pack(*ids, NULL, instrument_id, UNKNOWN_ORDER, 0))
            return
        self.remove(order)
        quantities = (order.quantity, EXPONENT, order.filled, EXPONENT)
        session.send(220, CANCEL_ORDER_RESPONSE.pack(*ids, order.order_id, instrument_id, now, *quantities), version=16)

    def book(self, instrument_id: int) -> dict[int, Side]:
        if instrument_id not in self.books:
            self.books[instrument_id] = {BUY: Side(BUY), SELL: Side(SELL)}
        return self.books[instrument_id]

    def remove(self, order: Order) -> None:
        self.book(order.instrument_id)[order.side].remove(order)
        del self.orders[order.client_order_id]
        del order.session.orders[order.client_order_id]

    # The end of a session ---------------------------------------------------------------------------------------------

    def cancel_all(self, session: Session) -> None:
        now = time.time_ns()
        orders = list(session.orders.values())
        self.last_exec_id += 1
        for order in orders:
            self.remove(order)
        for start in range(0, len(orders), ORDERS_PER_CANCEL_FRAME):
            some = orders[start : start + ORDERS_PER_CANCEL_FRAME]
            last = IS_LAST_MESSAGE if start + len(some) == len(orders) else 0
            entries = [
                CANCELED_ORDER.pack(
                    *(order.client_order_id, order.order_id, order.instrument_id, order.filled, EXPONENT),
                    *(CLIENT_DISCONNECT, 0),
                )
                for order in some
            ]
            root = ORDERS_CANCELED.pack(now, self.last_exec_id, last)
            frame = session.send(310, root + GROUP.pack(CANCELED_ORDER.size, len(some)) + b"".join(entries))
            for watcher in self.sessions:
                if watcher.client_id.startswith(b"drop"):
                    event = DROP_COPY_EVENT.pack(session.client_id, 1, 1, session.sent, len(frame))
                    watcher.send(4050, event + frame)


async def main() -> None:
    gateway = Gateway()
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    print(json.dumps({"event": "listening", "host": host, "port": port}), file=sys.stderr, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
