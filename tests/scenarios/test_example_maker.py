"""`breakwire example-maker`: cut off in every way, it comes back and knows what it has left, as drop copy has it."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.configuration import secret_of, write_configuration
from support.connection import Connection
from support.drop_copy import DropCopy
from support.frames import BUY, IOC, SELL, order
from support.processes import DEADLINE_S, Gateway, Reader, wait_until
from support.proxy import Line, Proxy
from support.scene import Scene

from gateway.example_maker import Plan

MAKER = "maker-1"
QUANTITY = Decimal("0.5")
Cut = Callable[[Scene, Proxy], object]

CUTS: dict[str, Cut] = {
    "reset": lambda _, proxy: proxy.cut(Line.reset),
    "reset in the middle of a request": lambda _, proxy: proxy.cut(lambda line: line.reset_after(50)),
    "silence": lambda _, proxy: proxy.cut(Line.swallow),
    "killed by the venue": lambda scene, _: scene.admin("kill-client", MAKER),
}
LOSSES = [way for way in CUTS if way != "killed by the venue"]


class ExampleMaker:
    """The example as a process of its own, and what it prints."""

    def __init__(self, port: int, client_id: str = MAKER, secret: str = secret_of(MAKER)) -> None:
        self.told: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        arguments = ["--port", str(port), "--mmp-group", "7", "--price", "100", "--half-spread", "1"]
        arguments += ["--quantity", str(QUANTITY), "--skew", "1", client_id]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "example-maker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{secret}\n".encode())
        self.process.stdin.close()
        self._reader = Reader(self.process.stdout, self._line, self._ended)

    def wait_for(self, condition: Callable[["ExampleMaker"], bool], what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self), DEADLINE_S):
                raise AssertionError(f"waited for {what}; {self.told[-5:]=}")

    @property
    def last(self) -> dict[str, Any]:
        return self.told[-1] if self.told else {"event": "nothing yet", "quotes": []}

    def left(self) -> list[dict[str, Any]]:
        return [told for told in self.told if told["event"] == "left"]

    def end(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        status = self.process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        return status

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(DEADLINE_S)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        assert self._reader.unreadable == []

    def _line(self, line: dict[str, Any]) -> None:
        with self._changed:
            self.told.append(line)
            self._changed.notify_all()

    def _ended(self) -> None:
        self._line({"event": "process ended"})


@pytest.fixture
def scene(make_scene: Callable[..., Scene], tmp_path: Path) -> Scene:
    return make_scene(heartbeat_interval_s=1, admin_socket=str(tmp_path / "admin.sock"))


@pytest.fixture
def proxy(scene: Scene) -> Iterator[Proxy]:
    proxy = Proxy(scene.gateway.host, scene.gateway.port)
    yield proxy
    proxy.close()


@pytest.fixture
def maker(proxy: Proxy) -> Iterator[ExampleMaker]:
    maker = ExampleMaker(proxy.port)
    yield maker
    maker.close()


def standing(told: dict[str, Any]) -> dict[int, Decimal]:
    """What the maker believes to stand: what remains, by orderId."""
    return {order_id: Decimal(remaining) for order_id, _, _, remaining in told["quotes"]}


def positions_at_ends(watch: DropCopy) -> list[Decimal]:
    """What the maker had bought less what it had sold each time that its quotes were cancelled with its line."""
    position, found = 0, []
    for frame in watch.inner_frames(MAKER):
        if frame.name == "OrderFilled":
            position += sum(fill["side"] * fill["fillQty"][0] for fill in frame.fields["fills"])
        elif frame.name == "MassQuoteResponse":
            assert not frame.fields["bidFills"] + frame.fields["askFills"], "post-only quotes take nothing"
        elif frame.name == "OrdersCanceled":
            found.append(Decimal(position).scaleb(-9))
    return found


def wait_for_agreement(maker: ExampleMaker, watch: DropCopy) -> None:
    """Wait until the maker believes to have two quotes, and the gateway has just these."""

    def agree() -> bool:
        last = maker.last
        return last["event"] == "holds" and len(last["quotes"]) == 2 and standing(last) == watch.remaining(MAKER)

    wait_until(agree, "quotes that stand as the maker believes")


def take(taker: Connection, first_id: int) -> None:
    """Orders at the maker's prices: some fill, some come too late. They never take all that a side has."""
    for number in range(first_id, first_id + 6):
        side, price = (SELL, "98") if number % 3 else (BUY, "102")
        taker.send("NewOrderRequest", **order(number, side=side, price=price, quantity="0.05", timeInForce=IOC))


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_after_every_cut_it_knows_what_it_has_left(scene: Scene, proxy: Proxy, maker: ExampleMaker, cut: Cut) -> None:
    watch, taker = scene.watch(), scene.trader("stranger-1")
    for turn in range(1, 4):
        wait_for_agreement(maker, watch)
        take(taker, 100 * turn)
        cut(scene, proxy)
        take(taker, 100 * turn + 50)
        maker.wait_for(lambda maker, turn=turn: len(maker.left()) > turn, "the maker's return")
        watch.wait_for(lambda ledger, turn=turn: len(ledger.cancel_frames[MAKER]) == turn, "the cancels")
    left = maker.left()[1:]
    assert [(told["quotes"], told["uncertain"], told["reset"]) for told in left] == [([], "0", False)] * 3
    assert [Decimal(told["position"]) for told in left] == positions_at_ends(watch)
    wait_for_agreement(maker, watch)
    assert maker.end() == 0
    watch.wait_for_open(MAKER, 0)
    ended = maker.told[-2]
    assert (ended["event"], ended["quotes"], Decimal(ended["position"])) == ("ended", [], positions_at_ends(watch)[-1])


@pytest.mark.parametrize("way", LOSSES)
def test_where_the_gateway_has_grace_it_comes_back_to_quotes_that_stand(
    make_scene: Callable[..., Scene], tmp_path: Path, way: str
) -> None:
    scene = make_scene(heartbeat_interval_s=1, admin_socket=str(tmp_path / "admin.sock"), cancel_grace_ms=60_000)
    proxy = Proxy(scene.gateway.host, scene.gateway.port)
    maker = ExampleMaker(proxy.port)
    try:
        watch, taker = scene.watch(), scene.trader("stranger-1")
        wait_for_agreement(maker, watch)
        stood = set(watch.remaining(MAKER))
        CUTS[way](scene, proxy)
        take(taker, 100)
        maker.wait_for(lambda maker: len(maker.left()) > 1, "the maker's return")
        told = maker.left()[1]
        assert (set(standing(told)), told["uncertain"], told["reset"]) == (stood, "0", False)
        wait_for_agreement(maker, watch)
        assert maker.end() == 0
        watch.wait_for_open(MAKER, 0)
        assert Decimal(maker.told[-2]["position"]) == positions_at_ends(watch)[-1]
    finally:
        maker.close()
        proxy.close()


def test_a_gateway_that_has_forgotten_the_stream_leaves_open_what_nobody_can_tell(tmp_path: Path) -> None:
    configuration = write_configuration(tmp_path / "gateway.toml", heartbeat_interval_s=1)
    gateways = [Gateway(configuration)]
    proxy = Proxy(gateways[0].host, gateways[0].port)
    maker = ExampleMaker(proxy.port)
    try:
        maker.wait_for(lambda maker: len(maker.last["quotes"]) == 2, "two quotes")
        gateways[0].kill()
        gateways.append(Gateway(configuration))
        proxy.target = (gateways[1].host, gateways[1].port)
        maker.wait_for(lambda maker: len(maker.left()) == 2, "the maker's return")
        expected = {"event": "left", "quotes": [], "position": "0", "uncertain": "1", "reset": True}
        assert maker.left()[1] == expected
        maker.wait_for(lambda maker: len(maker.last["quotes"]) == 2, "two quotes")
        assert maker.end() == 0
    finally:
        maker.close()
        proxy.close()
        gateways[-1].close()
        gateways[0].kill()


def test_a_maker_that_is_refused_at_first_says_why_and_ends(scene: Scene) -> None:
    maker = ExampleMaker(scene.gateway.port, secret="wrong")
    try:
        assert maker.wait() == 1
        assert maker.process.stderr is not None
        assert maker.process.stderr.read() == b"breakwire: unknown clientId or wrong secret\n"
    finally:
        maker.close()


def test_with_a_position_the_price_gives_way() -> None:
    plan = Plan(
        instrument_id=1,
        mmp_group_id=7,
        price=Decimal(100),
        tick=Decimal("0.5"),
        half_spread=Decimal(1),
        quantity=QUANTITY,
        skew=Decimal(10),
    )
    prices = {
        position: (plan.entry(Decimal(position)).bid_price, plan.entry(Decimal(position)).ask_price)
        for position in ("0", "0.1", "-0.1", "0.01")
    }
    assert prices == {"0": (99, 101), "0.1": (98, 100), "-0.1": (100, 102), "0.01": (99, 101)}
