"""Whatever bytes arrive, the sessions of others are unharmed, and what the sender had open is accounted for."""

import random
import struct
from collections.abc import Iterator, Sequence

import pytest
from support.configuration import secret_of
from support.connection import Connection, message
from support.drop_copy import DropCopy
from support.frames import FILLED, IOC, SELL, order
from support.scene import Scene

NULL = -(2**63)


class Bystanders:
    """A session with orders, a taker and a drop copy, who want to notice nothing."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        process = scene.process()
        self.watch: DropCopy = scene.watch("watch-1", process)
        self.maker = scene.trader("maker-2", process)
        self.taker = scene.trader("taker-1", process)
        self.maker.place(order(10**9, side=SELL, price="500", quantity="10000"))
        self.trades = 0

    def trade(self) -> None:
        """The order is there, is met by a taker, and both sides are told."""
        self.trades += 1
        self.taker.order(order(2 * 10**9 + self.trades, price="500", quantity="1", timeInForce=IOC))
        assert self.taker.frame("NewOrderResponse").fields["status"] == FILLED
        assert self.maker.frame("OrderFilled").fields["fills"][0]["totalFilled"] == [self.trades * 10**9, -9]

    def close(self) -> None:
        """They noticed nothing, and the attackers, gone by now, have nothing left in the market."""
        self.trade()
        self.maker.nothing_more()
        self.taker.nothing_more()
        self.watch.wait_for(lambda ledger: len(ledger.open) == 1, "the end of the attackers' orders")
        self.watch.sync()
        assert "maker-2" not in self.watch.ledger.canceled
        assert {entry["cancelReason"] for entry in self.watch.ledger.canceled["maker-1"]} <= {7}
        self.scene.trader("maker-1").do("half_close")
        assert self.scene.gateway.process.poll() is None


@pytest.fixture
def bystanders(scene: Scene) -> Iterator[Bystanders]:
    bystanders = Bystanders(scene)
    yield bystanders
    bystanders.close()


def noise(seed: int) -> Iterator[bytes]:
    """Random bytes of the nastier kinds, always the same for a seed."""
    source = random.Random(seed)
    while True:
        size = source.choice([1, 3, 31, 32, 33, 95, 104, 1000, 5000])
        kind = source.randrange(4)
        if kind == 0:
            yield source.randbytes(size)
        elif kind == 1:
            yield b"\xdb" * size
        elif kind == 2:
            header = struct.pack("<BBHHH", 0xDB, 0, source.randrange(65536), source.choice([0, 1, 10, 100, 65535]), 17)
            yield header + source.randbytes(size)
        else:
            yield bytes(source.randrange(9)) + b"\xdb" + source.randbytes(size)


def order_frame(number: int, client_order_id: int) -> bytes:
    """A NewOrderRequest written out by hand: buy 1 at 100 on instrument 1."""
    body = struct.pack("<qqqqqbqbqbbHb", client_order_id, 1, 1, 100 * 10**9, 10**9, -9, NULL, 0, NULL, 1, 0, 0, 0)
    header = struct.pack("<BBHHHqqq", 0xDB, 0, 96, 100, 17, number, 0, 0)
    return header + body + b"\0"


def test_random_bytes_from_strangers(scene: Scene, bystanders: Bystanders) -> None:
    pieces = noise(1)
    for round_number in range(200):
        connection = scene.connect()
        connection.do("raw", next(pieces).hex())
        connection.do(("close", "reset", "half_close")[round_number % 3])
        frames = connection.to_the_end()
        assert [frame.name for frame in frames] in ([], ["LoggedOut"])
        if round_number % 20 == 0:
            bystanders.trade()


def test_random_bytes_from_a_session_with_orders(scene: Scene, bystanders: Bystanders) -> None:
    pieces = noise(2)
    for round_number in range(60):
        connection = scene.trader("maker-1")
        connection.repeat(3, "NewOrderRequest", **order(1, price="1"))
        connection.do("raw", next(pieces).hex())
        connection.do("half_close" if round_number % 2 else "reset")
        connection.to_the_end()
        if round_number % 10 == 0:
            bystanders.trade()


ANSWERS_TO_A_DAMAGED_ORDER = {
    "NewOrderResponse",
    "NewOrderReject",
    "CancelOrderResponse",
    "CancelOrderReject",
    "Reject",
    "Heartbeat",
    "GapFill",
    "OrdersCanceled",
    "LoggedOut",
    "OrderFilled",
}


def damage(frame: bytes, source: random.Random) -> bytes:
    """A frame with a few bytes changed, cut short, or with something put in."""
    damaged = bytearray(frame)
    for _ in range(source.choice([1, 1, 1, 2, 8])):
        place = source.randrange(len(damaged))
        kind = source.randrange(4)
        if kind == 0:
            damaged[place] ^= 1 << source.randrange(8)
        elif kind == 1:
            damaged[place] = source.choice([0, 1, 0x7F, 0x80, 0xFF])
        elif kind == 2 and len(damaged) > 40:
            del damaged[place : place + source.choice([1, 4, 8])]
        else:
            damaged[place:place] = source.randbytes(source.choice([1, 4, 8]))
    return bytes(damaged)


def test_damaged_orders_have_only_the_outcomes_that_are_named(scene: Scene, bystanders: Bystanders) -> None:
    source = random.Random(3)
    seen: set[str] = set()
    for _ in range(150):
        connection = scene.trader("maker-1")
        burst = b"".join(order_frame(number, number) for number in (2, 3))
        burst += damage(order_frame(4, 4), source) + order_frame(5, 5)
        connection.do("raw", burst.hex())
        connection.do("half_close")
        frames = connection.to_the_end()
        seen |= {frame.name for frame in frames}
    bystanders.trade()
    assert seen <= ANSWERS_TO_A_DAMAGED_ORDER
    assert {"NewOrderResponse", "Reject", "OrdersCanceled", "LoggedOut"} <= seen


def _hang(connections: Sequence[Connection], line: str) -> None:
    for connection in connections:
        connection.do("send", line)


@pytest.mark.parametrize(
    "framing",
    [{"cut": 10, "pad": 0, "messageLength": 95}, {"messageLength": 16384}, {"cut": 0, "pad": 0, "messageLength": 33}],
    ids=["half a frame", "a length beyond what is sent", "one byte missing"],
)
def test_sessions_that_hang_in_the_middle_of_a_frame(
    scene: Scene, bystanders: Bystanders, framing: dict[str, int]
) -> None:
    attackers = [scene.trader(key) for key in ("maker-1", "stranger-1", "watch-2")]
    attackers[0].place(order(1, price="1"))
    _hang(attackers, message("NewOrderRequest", order(2), framing))
    for _ in range(5):
        bystanders.trade()
    attackers[0].do("half_close")
    assert [frame.name for frame in attackers[0].to_the_end()] == ["OrdersCanceled"]


def test_a_frame_that_says_it_is_longer_swallows_what_follows_and_no_more(scene: Scene, bystanders: Bystanders) -> None:
    connection = scene.trader("maker-1")
    line = message("NewOrderRequest", order(1), {"messageLength": 96 + 40, "keep": 1})
    connection.do("send", line)
    connection.send("Heartbeat", correlationId=5)
    assert connection.frame("Reject").fields["reason"] == 3
    connection.nothing_more()
    bystanders.trade()


@pytest.mark.parametrize("count", [500, 3000])
def test_a_flood_of_connections_that_never_log_on(scene: Scene, bystanders: Bystanders, count: int) -> None:
    flood = scene.process()
    for _ in range(count):
        scene.connect(flood)
    for _ in range(10):
        bystanders.trade()
    flood.kill()
    for connection in scene.connections:
        if connection.process is flood:
            connection.to_the_end()


def test_a_flood_of_logons_with_wrong_secrets(scene: Scene, bystanders: Bystanders) -> None:
    connections = [scene.connect() for _ in range(300)]
    for number, connection in enumerate(connections):
        connection.send_logon("maker-2" if number % 2 else f"nobody-{number}", secret="wrong")
    bystanders.trade()
    for connection in connections:
        assert [frame.name for frame in connection.to_the_end()] == ["LoggedOut"]


def test_connections_that_come_and_go_at_once(scene: Scene, bystanders: Bystanders) -> None:
    for number in range(300):
        connection = scene.connect()
        if number % 2:
            connection.send_logon("maker-1", secret=secret_of("maker-1") if number % 4 == 1 else "wrong")
        connection.do("reset" if number % 3 else "close")
    bystanders.trade()


def test_a_flood_of_unknown_messages_is_answered_and_delays_nobody(scene: Scene, bystanders: Bystanders) -> None:
    connection = scene.trader("maker-1")
    connection.repeat(5000, "Heartbeat", {"messageTypeId": 999}, correlationId=0)
    for _ in range(10):
        bystanders.trade()
    frames = connection.take(5000)
    assert [(frame.name, frame.fields["refSequenceNumber"]) for frame in frames] == [
        ("Reject", number) for number in range(2, 5002)
    ]


def test_a_session_that_comes_byte_by_byte_trades_like_any_other(scene: Scene, bystanders: Bystanders) -> None:
    connection = scene.trader("maker-1")
    connection.do("trickle", "1")
    order_id = connection.place(order(1, price="1"))
    connection.send("CancelOrderByIdRequest", orderId=order_id, correlationId=1, instrumentId=1)
    connection.frame("CancelOrderResponse")
    connection.place(order(2, price="1"))
    connection.nothing_more()
    bystanders.trade()
    connection.do("close")
