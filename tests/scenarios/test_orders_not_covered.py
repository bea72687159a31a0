"""Orders that are not covered outlive their connection, whatever ended it; covered ones do not.

The same story in each mode and for each cause: a maker has orders of both kinds, its connection ends, the covered ones
are cancelled and the others trade on. What happens to them meanwhile stands in the key's stream, and a later connection
of the key amends and cancels them.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.connection import Connection
from support.drop_copy import DropCopy
from support.frames import (
    ADMIN,
    CLIENT_DISCONNECT,
    IOC,
    SELL,
    amend,
    canceled,
    order,
    order_filled,
    orders_canceled,
    quote,
    quotes,
)
from support.processes import Connections
from support.scene import Scene

TAGGED = 1
ABOVE_ALL = 1_000_000  # a number that no client of these stories has reached
Make = Callable[..., Scene]


@dataclass
class Story:
    """A maker with a covered bid at 100 (order 1) and one that is not covered at 99 (order 2)."""

    scene: Scene
    watch: DropCopy
    maker: Connection
    maker_process: Connections
    covered: int
    uncovered: int

    @staticmethod
    def begin(scene: Scene) -> "Story":
        process = scene.process()
        watch, maker = scene.watch(), scene.trader("maker-1", process)
        covered = maker.place(order(1, flags=TAGGED))
        uncovered = maker.place(order(2, price="99", quantity="3"))
        watch.wait_for_open("maker-1", 2)
        return Story(scene, watch, maker, process, covered, uncovered)

    def it_ends_as_promised(self) -> None:
        watch = self.watch
        assert watch.wait_for_fire("maker-1") == [canceled(1, self.covered)]
        # It trades on, and its stream tells of it.
        taker = self.scene.trader("taker-1")
        sweep = order(21, side=SELL, price="90", quantity="1", timeInForce=IOC)
        taker.order(sweep)
        answer = taker.frame("NewOrderResponse")
        assert [(entry["fillPrice"], entry["fillQty"]) for entry in answer.fields["fills"]] == [
            (99 * 10**9, [10**9, -9])
        ]
        match_id = answer.fields["fills"][0]["matchId"]
        watch.sync()
        told = watch.inner_frames("maker-1")[-1]
        resting = order(2, price="99", quantity="3")
        filled = order_filled(resting, self.uncovered, match_id, filled="1", total_filled="1")
        assert told.plain == filled
        assert list(watch.ledger.open) == [self.uncovered]
        # A later connection finds that under its number, and has the order in hand.
        again = self.scene.connect()
        again.logon("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL})
        again.resend(told.number, told.number)
        assert again.frame("OrderFilled").plain == filled
        again.send("AmendOrderRequest", **amend(2, price="98", quantity="4"))
        assert again.frame("AmendOrderResponse").fields["totalFilled"] == [10**9, -9]
        again.send("CancelOrderByIdRequest", orderId=self.uncovered, correlationId=1, instrumentId=1)
        assert again.frame("CancelOrderResponse").fields["orderId"] == self.uncovered
        again.nothing_more()
        watch.sync()
        assert (watch.ledger.open, watch.ledger.taken) == ({}, watch.ledger.made)


def displace(story: Story) -> None:
    newcomer = story.scene.connect()
    newcomer.logon("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL - 1})


ENDS: dict[str, Callable[[Story], None]] = {
    "closed": lambda story: story.maker.do("close"),
    "half closed": lambda story: story.maker.do("half_close"),
    "reset": lambda story: story.maker.do("reset"),
    "killed": lambda story: story.maker_process.kill(),
    "logged out": lambda story: story.maker.send("Logout", reason="done"),
    "displaced": displace,
    "in violation": lambda story: story.maker.do("raw", "00" * 8),
}


@pytest.mark.parametrize("mode", ["session", "order"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_an_order_that_is_not_covered_outlives_its_connection(
    make_scene: Make, mode: str, end: Callable[[Story], None]
) -> None:
    story = Story.begin(make_scene(cancel_on_disconnect=mode))
    end(story)
    story.it_ends_as_promised()


def test_an_order_that_is_not_covered_outlives_a_client_that_falls_silent(make_scene: Make) -> None:
    story = Story.begin(make_scene(cancel_on_disconnect="order", heartbeat_interval_s=1))
    story.maker.do("answer", "tests=0 heartbeats=0")
    story.it_ends_as_promised()


def test_an_order_that_is_not_covered_outlives_a_client_that_does_not_read(make_scene: Make) -> None:
    settings = {"slow_consumer_bytes": 65536, "slow_consumer_ms": 500, "heartbeat_interval_s": 5}
    story = Story.begin(make_scene(cancel_on_disconnect="order", **settings))
    story.maker.process.command(
        story.maker.command("quiet", "1"),
        story.maker.command("reading", "0"),
        f"repeat 200000 send {story.maker.number} TestRequest correlationId=1",
    )
    story.it_ends_as_promised()


# The modes


@pytest.mark.parametrize(
    ("mode", "logon", "version", "cancelled"),
    [
        ("always", False, 1, [1, 2]),
        ("always", True, 17, [1, 2]),
        ("session", True, 17, [1, 2]),
        ("session", True, 13, [1, 2]),
        ("session", False, 17, [1]),
        ("session", True, 12, [1]),
        ("order", True, 17, [1]),
        ("order", False, 7, [1]),
        ("order", False, 6, []),
        ("session", False, 6, []),
    ],
)
def test_the_mode_and_the_logon_say_what_a_disconnect_cancels(
    make_scene: Make, mode: str, logon: bool, version: int, cancelled: list[int]
) -> None:
    scene = make_scene(cancel_on_disconnect=mode)
    watch = scene.watch()
    maker = scene.trader("maker-1", schema_version=version, cancel_on_disconnect=logon)
    ids = {1: maker.place(order(1, flags=TAGGED)), 2: maker.place(order(2))}
    maker.send("Logout", reason="done")
    expected = [orders_canceled(*(canceled(number, ids[number]) for number in cancelled))] if cancelled else []
    assert [frame.plain for frame in maker.to_the_end()] == [*expected, ("LoggedOut", {"reason": "logout"})]
    watch.sync()
    assert list(watch.ledger.open) == [order_id for number, order_id in ids.items() if number not in cancelled]
    # What is listed as covered is nothing more: a later connection sees what is left, and that it is not covered.
    again = scene.trader("maker-1")
    listed = again.ask("OpenOrdersRequest", correlationId=1, scope=0, coveredOnly=0)
    assert [(entry["orderId"], entry["flags"]) for entry in listed.fields["orders"]] == [
        (order_id, 0) for order_id in watch.ledger.open
    ]


def test_a_connection_may_switch_its_cover(make_scene: Make) -> None:
    scene = make_scene(cancel_on_disconnect="order")
    watch, maker = scene.watch(), scene.trader("maker-1")
    ids = []
    for number, enabled in ((1, 0), (2, 1), (3, 0)):
        asked = {"correlationId": number, "scope": 0, "enabled": enabled}
        told = {"active": enabled, "status": 0, "coveredOrders": int(number == 3)}
        assert maker.ask("CancelOnDisconnectRequest", **asked).plain == ("CancelOnDisconnectResponse", asked | told)
        ids.append(maker.place(order(number)))
    maker.do("reset")
    assert watch.wait_for_fire("maker-1") == [canceled(2, ids[1])]
    watch.sync()
    assert list(watch.ledger.open) == [ids[0], ids[2]]


def test_each_side_of_a_quote_goes_by_its_own_flag(make_scene: Make) -> None:
    scene = make_scene(cancel_on_disconnect="order")
    watch, maker = scene.watch(), scene.trader("maker-1")
    maker.send("MassQuoteRequest", **quotes(1, quote("99", "101", askFlags=TAGGED)))
    answer = maker.frame("MassQuoteResponse").fields["quotes"][0]
    maker.do("reset")
    (entry,) = watch.wait_for_fire("maker-1")
    assert (entry["orderId"], entry["cancelReason"]) == (answer["askOrderId"], CLIENT_DISCONNECT)
    watch.sync()
    assert list(watch.ledger.open) == [answer["bidOrderId"]]


# The gateway ends


@pytest.mark.parametrize("connected", [True, False])
def test_at_shutdown_orders_that_are_not_covered_are_cancelled_first_by_an_event_of_their_own(
    make_scene: Make, connected: bool
) -> None:
    scene = make_scene(cancel_on_disconnect="order")
    watch, maker = scene.watch(), scene.trader("maker-1")
    left = maker.place(order(1))
    if not connected:
        maker.do("reset")
        maker.to_the_end()
        watch.sync()
    tagged = maker.place(order(2, flags=TAGGED)) if connected else None
    assert scene.gateway.terminate(signal.SIGTERM) == 0
    first = orders_canceled(canceled(1, left, reason=ADMIN))
    events = [frame.inner for frame in watch.to_the_end() if frame.name == "DropCopyEvent"]
    cancels = [frame for frame in events if frame.name == "OrdersCanceled"]
    if tagged is None:
        assert [frame.plain for frame in cancels] == [first]
        return
    assert [frame.plain for frame in cancels] == [first, orders_canceled(canceled(2, tagged))]
    assert cancels[0].fields["execId"] != cancels[1].fields["execId"]
    assert [frame.plain for frame in maker.to_the_end()] == [
        *(frame.plain for frame in cancels),
        ("LoggedOut", {"reason": "gateway shutdown"}),
    ]


@pytest.mark.parametrize("words", [("kill-client", "maker-1"), ("revoke", "maker-1"), ("kill-portfolio", "1")])
@pytest.mark.parametrize("connected", [True, False])
def test_the_venue_ends_what_is_covered_and_what_is_not(
    make_scene: Make, tmp_path: Path, words: tuple[str, str], connected: bool
) -> None:
    scene = make_scene(cancel_on_disconnect="order", admin_socket=str(tmp_path / "admin.sock"))
    watch, maker = scene.watch(), scene.trader("maker-1")
    ids = {1: maker.place(order(1)), 2: maker.place(order(2, flags=TAGGED))}
    expected = [canceled(2, ids[2], reason=ADMIN), canceled(1, ids[1], reason=ADMIN)]
    if not connected:
        maker.do("reset")
        maker.to_the_end()
        expected[0] = canceled(2, ids[2])
    text = scene.admin(*words)
    assert ("2 orders leave" if connected else "1 order leaves") in text
    watch.wait_for(lambda ledger: not ledger.open, "the cancels")
    told = [frame.plain for frame in watch.inner_frames("maker-1") if frame.name == "OrdersCanceled"]
    if connected:
        assert told == [orders_canceled(*expected)]
    else:
        assert told == [orders_canceled(entry) for entry in expected]
