"""The main promise: an order dies with its session, whatever ends the session.

The same story is told for every cause. A maker has orders that rest, one that is partly filled, one that was filled
and one that it cancelled itself; a second session has orders of its own at the same prices. The maker's session ends.
At the drop copy each open order of it is cancelled, once, with reason 7 and with what had filled; a taker that then
sweeps the book meets the second session's orders only; and a later logon finds the cancels in the stream under their
own numbers.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from support.connection import Connection, message
from support.drop_copy import DropCopy
from support.frames import (
    CANCELED,
    IOC,
    SELL,
    TIME_IN_FORCE,
    Frame,
    canceled,
    fill,
    order,
    order_filled,
    orders_canceled,
    response,
)
from support.processes import Connections
from support.scene import Scene

SHORT_INTERVAL_S = 1
ABOVE_ALL = 1_000_000  # A number that no client of these stories has reached.


@dataclass
class Story:
    """The market just before the maker's session ends."""

    scene: Scene
    watch: DropCopy
    maker: Connection
    maker_process: Connections
    bystander: Connection
    taker: Connection
    open_orders: list[dict[str, object]] = field(default_factory=list)
    partly_filled_id: int = 0
    bystander_ask: int = 0

    @staticmethod
    def begin(scene: Scene) -> "Story":
        process = scene.process()
        story = Story(
            scene,
            scene.watch(),
            scene.trader("maker-1", process),
            process,
            scene.trader("maker-2"),
            scene.trader("taker-1"),
        )
        story._trade()
        return story

    def _trade(self) -> None:
        maker, taker, bystander = self.maker, self.taker, self.bystander
        filled = maker.place(order(1, side=SELL, price="100.5", quantity="1"))
        self.partly_filled_id = maker.place(order(2, side=SELL, price="101", quantity="5"))
        bid = maker.place(order(3, price="99", quantity="2"))
        by_hand = maker.place(order(4, price="98"))
        self.bystander_ask = bystander.place(order(11, side=SELL, price="101", quantity="1"))
        bystander.place(order(12, price="99", quantity="1"))
        elsewhere = maker.place(order(5, instrumentId=2, price="50", quantity="0.001"))
        taker.place(order(21, price="101", quantity="3", timeInForce=IOC))
        fills = [entry for frame in self._fills_of(maker, 2) for entry in frame.fields["fills"]]
        assert [(entry["orderId"], entry["totalFilled"]) for entry in fills] == [
            (filled, [10**9, -9]),
            (self.partly_filled_id, [2 * 10**9, -9]),
        ]
        maker.send("CancelOrderRequest", clientOrderId=4, correlationId=1, instrumentId=1)
        assert maker.frame("CancelOrderResponse").fields["orderId"] == by_hand
        self.open_orders = [
            canceled(2, self.partly_filled_id, filled="2"),
            canceled(3, bid),
            canceled(5, elsewhere, instrument_id=2),
        ]
        self.watch.wait_for_open("maker-1", 3)
        self.watch.wait_for_open("maker-2", 2)

    @staticmethod
    def _fills_of(connection: Connection, count: int) -> list[Frame]:
        frames: list[Frame] = []
        while sum(len(frame.fields["fills"]) for frame in frames) < count:
            frames.append(connection.frame("OrderFilled"))
        return frames

    def every_open_order_was_cancelled_once(self) -> None:
        assert self.watch.wait_for_fire("maker-1") == self.open_orders
        self.watch.sync()
        assert self.watch.ledger.canceled == {"maker-1": self.open_orders}
        assert self.watch.ledger.of("maker-1") == {}

    def only_the_bystander_can_still_be_met(self) -> None:
        sweep = order(22, price="200", quantity="10", timeInForce=IOC)
        self.taker.order(sweep)
        answer = self.taker.frame()
        match_id = answer.fields["fills"][0]["matchId"]
        assert answer.plain == response(
            sweep,
            answer.fields["orderId"],
            status=CANCELED,
            cancel_reason=TIME_IN_FORCE,
            filled="1",
            fills=[fill(match_id, "101", "1")],
        )
        ask = order(11, side=SELL, price="101", quantity="1")
        assert self.bystander.frame().plain == order_filled(
            ask, self.bystander_ask, match_id, filled="1", total_filled="1"
        )
        sweep = order(23, side=SELL, price="1", quantity="10", timeInForce=IOC)
        self.taker.order(sweep)
        assert self.taker.frame().fields["totalFilled"] == [10**9, -9]
        self.bystander.frame("OrderFilled")
        self.bystander.nothing_more()
        self.watch.sync()
        assert self.watch.ledger.open == {}
        assert self.watch.ledger.canceled == {"maker-1": self.open_orders}
        assert self.watch.ledger.taken == self.watch.ledger.made

    def a_later_logon_finds_the_cancels_under_their_numbers(self) -> None:
        told = [frame for frame in self.watch.inner_frames("maker-1") if frame.name == "OrdersCanceled"]
        again = self.scene.connect()
        again.logon("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL})
        again.resend(told[0].number, told[-1].number)
        for frame in told:
            resent = again.frame("OrdersCanceled")
            assert resent.resent
            assert resent.raw == frame.raw[:1] + b"\x01" + frame.raw[2:]
        again.nothing_more()

    def the_line_said(self, *expected: str) -> None:
        """The old socket carried these frames after the trading, in this order, and nothing else."""
        frames = self.maker.to_the_end()
        assert [frame.name for frame in frames] == list(expected)
        for frame in frames:
            if frame.name == "OrdersCanceled":
                assert frame.plain == orders_canceled(*self.open_orders)
                assert frame.raw == self.watch.ledger.cancel_frames["maker-1"][0].raw
            if frame.name == "LoggedOut":
                assert frame.fields["reason"]

    def it_ends_as_promised(self) -> None:
        self.every_open_order_was_cancelled_once()
        self.only_the_bystander_can_still_be_met()
        self.a_later_logon_finds_the_cancels_under_their_numbers()


@pytest.fixture
def story(scene: Scene) -> Story:
    return Story.begin(scene)


@pytest.fixture
def impatient_story(make_scene: Callable[..., Scene]) -> Story:
    """The same market on a gateway with heartbeats one second apart."""
    return Story.begin(make_scene(heartbeat_interval_s=SHORT_INTERVAL_S))


# The peer goes.


def test_a_client_that_closes_its_connection(story: Story) -> None:
    story.maker.do("close")
    story.the_line_said()
    story.it_ends_as_promised()


def test_a_client_that_closes_its_sending_side_still_hears_of_its_cancels(story: Story) -> None:
    story.maker.do("half_close")
    assert story.maker.event()["event"] == "half_closed"
    story.every_open_order_was_cancelled_once()
    story.the_line_said("OrdersCanceled")
    story.it_ends_as_promised()


def test_a_client_that_resets_its_connection(story: Story) -> None:
    story.maker.do("reset")
    story.the_line_said()
    story.it_ends_as_promised()


def test_a_client_that_is_killed(story: Story) -> None:
    story.maker_process.kill()
    story.the_line_said()
    story.it_ends_as_promised()


def test_a_client_that_is_killed_while_it_reads_nothing(story: Story) -> None:
    """Unread bytes in a closing socket make the kernel send RST in place of FIN."""
    story.maker.do("reading", "0")
    story.maker.send("TestRequest", correlationId=1)
    story.watch.sync()
    story.maker_process.kill()
    story.it_ends_as_promised()


# The peer falls silent.


def _judge_silence(story: Story) -> None:
    """What the client found on the line: asked at 1.2 intervals, gone at 1.5, and told so.

    The last answer was sent just after the client was last heard: measured from it, silence seems a little shorter.
    """
    story.the_line_said("TestRequest", "OrdersCanceled", "LoggedOut")
    frames = [frame for frame in story.maker.frames if frame.plain != ("Heartbeat", {"correlationId": 0})]
    answer, asked, told, left = frames[-4:]
    silence_s = [(frame.header["sendTimeNs"] - answer.header["sendTimeNs"]) / 1e9 for frame in (asked, told)]
    assert silence_s[0] >= 1.15 * SHORT_INTERVAL_S
    assert silence_s[1] >= 1.45 * SHORT_INTERVAL_S
    assert told.fields["timestamp"] <= told.header["sendTimeNs"] <= left.header["sendTimeNs"]


def test_a_client_that_falls_silent_is_asked_first_and_gone_then(impatient_story: Story) -> None:
    story = impatient_story
    story.maker.do("answer", "tests=0 heartbeats=0")
    story.every_open_order_was_cancelled_once()
    _judge_silence(story)
    story.it_ends_as_promised()


def test_a_client_that_is_frozen_is_asked_first_and_gone_then(impatient_story: Story) -> None:
    story = impatient_story
    story.maker.do("answer", "tests=0 heartbeats=0")
    story.maker.nothing_more()
    story.maker_process.stop()
    story.every_open_order_was_cancelled_once()
    story.only_the_bystander_can_still_be_met()
    story.maker_process.resume()
    _judge_silence(story)
    story.a_later_logon_finds_the_cancels_under_their_numbers()


def test_bytes_that_do_not_make_a_frame_are_not_a_sign_of_life(impatient_story: Story) -> None:
    story = impatient_story
    story.maker.do("answer", "tests=0 heartbeats=0")
    half = message("Heartbeat", {"correlationId": 0}, {"messageLength": 16384, "pad": 0})
    story.maker.do("send", half)
    while not story.watch.ledger.cancel_frames["maker-1"]:
        story.maker.do("raw", "00")
        story.watch.sync()
    story.every_open_order_was_cancelled_once()
    assert [frame.name for frame in story.maker.to_the_end()] == ["TestRequest", "OrdersCanceled", "LoggedOut"]
    story.it_ends_as_promised()


# The session ends by word.


def test_a_client_that_logs_out(story: Story) -> None:
    story.maker.send("Logout", reason="done")
    story.every_open_order_was_cancelled_once()
    story.the_line_said("OrdersCanceled", "LoggedOut")
    story.it_ends_as_promised()


def test_a_client_that_is_displaced_by_a_logon_of_its_key(story: Story) -> None:
    newcomer = story.scene.connect()
    confirmation = newcomer.logon("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL})
    story.every_open_order_was_cancelled_once()
    story.the_line_said("OrdersCanceled", "LoggedOut")
    cancels, goodbye = story.maker.frames[-2:]
    assert [cancels.number, goodbye.number, confirmation.number] == list(range(cancels.number, cancels.number + 3))
    newcomer.nothing_more()
    story.only_the_bystander_can_still_be_met()
    newcomer.resend(cancels.number, cancels.number)
    assert newcomer.frame().raw == cancels.raw[:1] + b"\x01" + cancels.raw[2:]


VIOLATIONS = {
    "another protocol id": message("Heartbeat", {"correlationId": 0}, {"protocolId": 0xDA}),
    "a message length below the header's": message("Heartbeat", {"correlationId": 0}, {"messageLength": 31}),
    "a message length of zero": message("Heartbeat", {"correlationId": 0}, {"messageLength": 0}),
    "a message length above the limit": message("Heartbeat", {"correlationId": 0}, {"messageLength": 16392}),
    "a number that leaves a gap": message("Heartbeat", {"correlationId": 0}, {"sequenceNumber": 100}),
    "a number that was used": message("Heartbeat", {"correlationId": 0}, {"sequenceNumber": 2}),
    "a second logon": message("Logon", {"clientId": "maker-1", "secret": "any", "schemaVersion": 17}),
}


@pytest.mark.parametrize("violation", VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_client_that_breaks_the_protocol(story: Story, violation: str) -> None:
    story.maker.do("send", violation)
    story.every_open_order_was_cancelled_once()
    story.the_line_said("OrdersCanceled", "LoggedOut")
    story.it_ends_as_promised()


def test_a_client_that_sends_more_than_seven_zero_bytes_between_frames(story: Story) -> None:
    story.maker.do("raw", "00" * 7)
    story.maker.nothing_more()
    story.maker.do("raw", "00" * 8)
    story.every_open_order_was_cancelled_once()
    story.the_line_said("OrdersCanceled", "LoggedOut")
    story.it_ends_as_promised()


# The gateway ends it.


def test_a_client_that_does_not_read_what_it_asks_for(make_scene: Callable[..., Scene]) -> None:
    # Where the client's full socket drops what the gateway acknowledges with, its own requests get stuck in it, and too
    # few are answered to fill the line: then it is the silence that ends it.
    story = Story.begin(make_scene(slow_consumer_bytes=65536, slow_consumer_ms=500, heartbeat_interval_s=5))
    story.maker.process.command(
        story.maker.command("quiet", "1"),
        story.maker.command("reading", "0"),
        f"repeat 200000 send {story.maker.number} TestRequest correlationId=1",
    )
    story.it_ends_as_promised()


@pytest.mark.parametrize("told_by", [signal.SIGTERM, signal.SIGINT])
def test_a_gateway_that_is_told_to_stop_cancels_everything_first(story: Story, told_by: signal.Signals) -> None:
    bystanders = list(story.watch.ledger.of("maker-2"))
    assert story.scene.gateway.terminate(told_by) == 0
    story.the_line_said("OrdersCanceled", "LoggedOut")
    assert [frame.name for frame in story.bystander.to_the_end()] == ["OrdersCanceled", "LoggedOut"]
    assert [frame.name for frame in story.taker.to_the_end()] == ["LoggedOut"]
    told = [frame.name for frame in story.watch.to_the_end()]
    assert set(told[:-1]) == {"DropCopyEvent"}
    assert told[-1] == "LoggedOut"
    ledger = story.watch.ledger
    assert ledger.canceled == {
        "maker-1": story.open_orders,
        "maker-2": [canceled(11, bystanders[0]), canceled(12, bystanders[1])],
    }
    assert ledger.open == {}


# Nothing is half done, and nothing is done twice.


@pytest.mark.parametrize("ending", ["close", "reset", "half_close"])
def test_orders_that_are_in_the_socket_when_the_line_goes_are_taken_and_cancelled_or_never_were(
    scene: Scene, ending: str
) -> None:
    watch = scene.watch()
    accepted_ever = 0
    for _ in range(20):
        maker = scene.trader("maker-1")
        burst = f"repeat 50 send {maker.number} {message('NewOrderRequest', order(1))}"
        scene.shared_process.command(burst, maker.command(ending))
        maker.to_the_end()
        # The logon is answered only after the last cancel of whatever it displaces.
        barrier = scene.trader("maker-1")
        watch.sync()
        frames = [frame for frame in watch.inner_frames("maker-1") if frame.name == "NewOrderResponse"]
        accepted = [frame.fields["clientOrderId"] for frame in frames[accepted_ever:]]
        accepted_ever = len(frames)
        assert accepted == list(range(1, len(accepted) + 1))
        assert watch.ledger.open == {}
        canceled_ids = [entry["orderId"] for entry in watch.ledger.canceled["maker-1"]]
        assert canceled_ids == [frame.fields["orderId"] for frame in frames]
        barrier.do("half_close")
        barrier.to_the_end()
    assert {entry["cancelReason"] for entry in watch.ledger.canceled["maker-1"]} <= {7}


def test_a_session_without_orders_ends_without_a_word_about_orders(scene: Scene) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    maker.send("CancelOrderByIdRequest", orderId=order_id, correlationId=1, instrumentId=1)
    maker.frame("CancelOrderResponse")
    maker.send("Logout", reason="done")
    assert [frame.name for frame in maker.to_the_end()] == ["LoggedOut"]
    watch.sync()
    assert [frame.name for frame in watch.inner_frames("maker-1") if frame.name == "OrdersCanceled"] == []


def test_a_client_order_id_is_free_again_the_moment_its_session_is_gone(story: Story) -> None:
    story.maker.do("half_close")
    story.maker.to_the_end()
    for client_order_id in (2, 3, 5):
        story.taker.place(order(client_order_id, price="1"))


def test_a_dead_order_can_neither_be_cancelled_nor_found(story: Story) -> None:
    story.maker.do("half_close")
    story.maker.to_the_end()
    story.bystander.send("CancelOrderRequest", clientOrderId=2, correlationId=1, instrumentId=1)
    assert story.bystander.frame("CancelOrderReject").fields["reason"] == 1
    story.bystander.send("CancelOrderByIdRequest", orderId=story.partly_filled_id, correlationId=1, instrumentId=1)
    assert story.bystander.frame("CancelOrderReject").fields["reason"] == 1


def test_a_lost_drop_copy_session_cancels_nobody_s_orders(story: Story) -> None:
    other = story.scene.watch("watch-2")
    other.do("reset")
    other.to_the_end()
    story.maker.nothing_more()
    story.watch.sync()
    assert story.watch.ledger.canceled == {}
    assert len(story.watch.ledger.of("maker-1")) == 3
