"""Random trading by sessions that end in random ways; the drop copy's ledger and the clients' frames must agree."""

import random
from collections.abc import Callable

import pytest
from support.connection import Connection, message
from support.drop_copy import DropCopy
from support.frames import CANCELED, FILLED, FOK, GTC, IOC, MARKET_LIMIT, POST_ONLY, POST_ONLY_REJECT, order
from support.scene import Scene

KEYS = ("maker-1", "maker-2", "taker-1")
STEPS = 250
ABOVE_ALL = 1_000_000


class Player:
    """One key: trades on its connection until that ends, then logs on again."""

    def __init__(self, scene: Scene, key: str, source: random.Random) -> None:
        self.scene = scene
        self.key = key
        self.source = source
        self.connections: list[Connection] = []
        self.next_id = 1000 * (1 + KEYS.index(key)) * 1000
        self.log_on(reset=True)

    @property
    def connection(self) -> Connection:
        return self.connections[-1]

    def log_on(self, reset: bool) -> None:
        connection = self.scene.connect(self.scene.process() if self.source.random() < 0.3 else None)
        connection.send_logon(self.key, reset=reset, framing={"sequenceNumber": ABOVE_ALL * len(self.connections) + 1})
        self.connections.append(connection)

    def trade(self) -> None:
        source = self.source
        lines = []
        for _ in range(source.randrange(1, 6)):
            self.next_id += 1
            market = source.random() < 0.1
            request = order(
                self.next_id,
                side=source.choice([1, -1]),
                price=None if market else str(source.choice([99, 99.5, 100, 100.5, 101])),
                quantity=str(source.choice([0.001, 0.5, 1, 2.25, 7])),
                timeInForce=source.choice([GTC, GTC, GTC, IOC, FOK]),
                selfMatchPreventionId=source.choice([None, 0, 5]),
                selfTradingMode=source.choice([0, 1]),
                flags=MARKET_LIMIT if market else 0,
            )
            if request["timeInForce"] == GTC and not market:
                request["flags"] = source.choice([0, 0, POST_ONLY, POST_ONLY_REJECT])
            lines.append(self.connection.command("send", message("NewOrderRequest", request)))
        self.connection.process.command(*lines)

    def cancel(self) -> None:
        """One of the last orders of whoever: of ours, of another session's, gone already, or not there yet."""
        fields = {"clientOrderId": self.next_id - self.source.randrange(-1, 8), "correlationId": 1, "instrumentId": 1}
        self.connection.send("CancelOrderRequest", **fields)

    def end(self) -> None:
        ending = self.source.choice(["close", "reset", "half_close", "logout", "violation", "displace", "kill"])
        if ending == "logout":
            self.connection.send("Logout", reason="enough")
        elif ending == "violation":
            self.connection.send("Heartbeat", {"protocolId": 7})
        elif ending == "kill" and self.connection.process is not self.scene.shared_process:
            self.connection.process.kill()
        elif ending not in ("displace", "kill"):
            self.connection.do(ending)
        self.log_on(reset=self.source.random() < 0.3)

    def leave(self) -> None:
        self.connection.do("half_close")
        self.connection.to_the_end()


def frames_agree(player: Player, watch: DropCopy) -> None:
    """What each connection was sent live is, byte for byte, what drop copy was shown of that epoch.

    A reset logon is told once more of cancels that drop copy has seen in the generation before: those are left out.
    """
    shown: dict[tuple[int, int], bytes] = {
        (event.fields["sessionEpoch"], event.fields["originSequenceNumber"]): event.inner.raw
        for event in watch.seen[player.key]
    }
    told_before = {raw[32:] for raw in shown.values()}
    by_raw = {raw: epoch for (epoch, _), raw in shown.items()}
    for connection in player.connections:
        sent = [frame for frame in connection.frames if 200 <= frame.header["messageTypeId"] <= 326]
        epochs = {by_raw[frame.raw] for frame in sent if frame.raw in by_raw}
        assert len(epochs) <= 1, f"{connection} was sent frames of several connections"
        for frame in sent:
            if frame.raw not in by_raw:
                assert frame.name == "OrdersCanceled", f"drop copy was not shown {frame}"
                assert frame.raw[32:] in told_before, f"drop copy was not shown {frame}"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_they_do_every_order_is_accounted_for(make_scene: Callable[..., Scene], seed: int) -> None:
    source = random.Random(seed)
    scene = make_scene(drain_step_orders=source.choice([1, 3, 2048]))
    watch = scene.watch("watch-1", scene.process())
    players = [Player(scene, key, source) for key in KEYS]
    for _ in range(STEPS):
        player = source.choice(players)
        action = source.choices([player.trade, player.cancel, player.end], [8, 4, 1])[0]
        action()
    for player in players:
        player.leave()
    watch.wait_for(lambda ledger: ledger.open == {}, "the last cancels")
    watch.sync()
    assert watch.ledger.taken == watch.ledger.made
    assert {entry["cancelReason"] for entries in watch.ledger.canceled.values() for entry in entries} >= {7}
    for player in players:
        frames_agree(player, watch)
    statuses = [
        frame.fields["status"] for key in KEYS for frame in watch.inner_frames(key) if frame.name == "NewOrderResponse"
    ]
    assert {1, FILLED, CANCELED} == set(statuses), "the turmoil did not get as far as it should"
