"""Clients that do not read: they are let go, and nobody waits for them."""

from collections.abc import Callable

import pytest
from support.connection import Connection, message
from support.drop_copy import DropCopy
from support.frames import IOC, canceled, order
from support.scene import Scene

RECEIVE_BUFFER_BYTES = 4096
ORDERS_PER_ROUND = 1000


class Audience:
    """A maker that is watched by one drop copy that reads and one that does not."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.reader: DropCopy = scene.watch("watch-1", scene.process())
        self.slow: DropCopy = scene.watch("watch-2", scene.process(), RECEIVE_BUFFER_BYTES)
        self.slow.do("reading", "0")
        self.maker: Connection = scene.trader("maker-1")
        self.maker.do("quiet", "1")
        self.orders = 0

    def work(self) -> None:
        """Some thousand bytes more for each drop copy; the one that reads has read them in the end."""
        request = message("NewOrderRequest", order(10, timeInForce=IOC))
        self.orders += ORDERS_PER_ROUND
        self.maker.process.command(
            f"repeat {ORDERS_PER_ROUND} send {self.maker.number} {request}",
            self.maker.command("reached", str(self.orders)),
        )
        assert self.maker.event()["event"] == "reached"
        self.reader.sync()

    def work_until_the_slow_one_is_let_go(self) -> None:
        """It learns that it was when it sends."""
        while all(event["event"] != "send_failed" for event in self.slow.events):
            self.work()
            self.slow.send("Heartbeat", correlationId=0)
        self.slow.do("reading", "1")
        self.slow.to_the_end()

    def shown(self) -> list[str]:
        """Every frame of the maker, as the reading drop copy was shown it."""
        self.reader.sync()
        return [event.fields["frame"]["raw"] for event in self.reader.seen["maker-1"]]


@pytest.fixture(params=[{"slow_consumer_bytes": 65536}, {"slow_consumer_ms": 100}], ids=["by bytes", "by time"])
def audience(make_scene: Callable[..., Scene], request: pytest.FixtureRequest) -> Audience:
    return Audience(make_scene(resend_depth_bytes=2**26, **request.param))


def test_a_drop_copy_that_does_not_read_is_let_go_and_holds_up_nobody(audience: Audience) -> None:
    maker = audience.maker
    maker.do("quiet", "0")
    order_ids = [maker.place(order(number, price="1")) for number in (1, 2)]
    maker.do("quiet", "1")
    audience.work_until_the_slow_one_is_let_go()
    maker.do("quiet", "0")
    maker.nothing_more()
    maker.do("reset")
    expected = [canceled(1, order_ids[0]), canceled(2, order_ids[1])]
    assert audience.reader.wait_for_fire("maker-1") == expected
    assert len(audience.shown()) == audience.orders + 4


def test_a_drop_copy_that_was_let_go_asks_for_the_rest_later(audience: Audience) -> None:
    audience.work_until_the_slow_one_is_let_go()
    again = audience.scene.observer()
    newest = again.logon("watch-2", reset=False, framing={"sequenceNumber": 10_000}).number
    last_had = max(frame.number for frame in audience.slow.frames)
    assert newest > last_had + 1
    again.resend(last_had + 1, newest)
    again.until(lambda frame: frame.name == "GapFill" and frame.fields["newSequenceNumber"] == newest + 1)
    had = [frame for frame in (*audience.slow.frames, *again.frames) if frame.name == "DropCopyEvent"]
    assert [event.fields["frame"]["raw"] for event in had] == audience.shown()


ROUNDS_MOST = 100
ROUND_ORDERS = 2_000
GROWTH_MOST_BYTES = 4 * 1024 * 1024


@pytest.mark.parametrize(
    "limit", [{"slow_consumer_bytes": 65536}, {"slow_consumer_ms": 200}], ids=["by bytes", "by time"]
)
def test_a_trader_that_does_not_read_is_let_go_with_its_orders_at_a_bounded_price_and_others_do_not_notice(
    make_scene: Callable[..., Scene], limit: dict[str, int]
) -> None:
    scene = make_scene(resend_depth_bytes=65536, **limit)
    watch, bystander = scene.watch(process=scene.process()), scene.trader("maker-2")
    slow = scene.trader("maker-1", scene.process(), RECEIVE_BUFFER_BYTES)
    order_ids = [slow.place(order(number, price="1")) for number in (1, 2, 3)]
    before = scene.gateway.resident_bytes()
    slow.do("quiet", "1")
    slow.do("reading", "0")
    request = message("NewOrderRequest", order(10, timeInForce=IOC))
    for number in range(ROUNDS_MOST):
        slow.process.command(f"repeat {ROUND_ORDERS} send {slow.number} {request}")
        bystander.place(order(1_000_000 + number, price="2"))
        watch.sync()
        if watch.ledger.cancel_frames["maker-1"]:
            break
    assert watch.wait_for_fire("maker-1") == [canceled(place, order_id) for place, order_id in enumerate(order_ids, 1)]
    gone = scene.gateway.wait_for_log("session gone")
    assert (gone["client_id"], gone["cause"], gone["orders"]) == ("maker-1", "SLOW_CONSUMER", 3)
    # Unsent and stored: each has its limit, whatever the client asks for without reading the answers.
    assert scene.gateway.resident_bytes() - before <= GROWTH_MOST_BYTES
    assert len(watch.ledger.of("maker-2")) == number + 1
    slow.do("reading", "1")
    slow.to_the_end()
