"""Grace on real sockets: a lost line does not cost its orders until the time is over, or until they are taken over."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.connection import Connection
from support.drop_copy import DropCopy
from support.frames import IOC, SELL, canceled, fill, order, order_filled, orders_canceled, response
from support.scene import Scene

AGES_MS = 60_000
"""A grace that no scenario outlives."""
MOMENT_MS = 250
DISPLACED = ("LoggedOut", {"reason": "displaced by a newer logon of this key"})
LOSSES = {"close": "TCP_CLOSED", "half_close": "TCP_CLOSED", "reset": "TCP_RESET", "kill": "TCP_CLOSED"}


@pytest.fixture
def patient(make_scene: Callable[..., Scene]) -> Scene:
    return make_scene(cancel_grace_ms=AGES_MS)


class Story:
    """maker-1 with three orders to buy 1 at 100, in a process of its own; drop copy and a taker watch it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.watch: DropCopy = scene.watch()
        self.taker = scene.trader("taker-1")
        self.process = scene.process()
        self.maker = scene.trader("maker-1", self.process)
        self.requests = [order(number) for number in (1, 2, 3)]
        self.order_ids = [self.maker.place(request) for request in self.requests]
        self.cancels = [canceled(number, self.order_ids[number - 1]) for number in (1, 2, 3)]

    def lose(self, way: str) -> None:
        """The line goes; returns when the gateway knows."""
        if way == "kill":
            self.process.kill()
        else:
            self.maker.do(way)
        assert self.scene.gateway.wait_for_log("session lost")["cause"] == LOSSES[way]

    def take(self, quantity: str = "1") -> int:
        """The taker sells so much to maker-1's first order; the matchId."""
        request = order(900, side=SELL, quantity=quantity, timeInForce=IOC)
        self.taker.order(request)
        answer = self.taker.frame("NewOrderResponse")
        (filled,) = answer.fields["fills"]
        order_id, match_id = answer.fields["orderId"], filled["matchId"]
        fills = [fill(match_id, "100", quantity)]
        assert answer.plain == response(request, order_id, status=2, filled=quantity, fills=fills)
        return match_id

    def come_back(self, reset: bool = False, number: int = 5) -> Connection:
        """A logon of maker-1 on a new line; LogonConf is read."""
        again = self.scene.connect()
        again.logon("maker-1", reset=reset, framing={"sequenceNumber": number})
        return again

    def filled_in_part(self, match_id: int) -> tuple[str, dict[str, object]]:
        return order_filled(self.requests[0], self.order_ids[0], match_id, filled="0.25", total_filled="0.25")

    def log(self, *names: str) -> list[dict[str, object]]:
        """The lines of maker-1 in the log that have these events, without what no test can know."""
        unknown = ("time", "level", "lost_for_us", "time_to_safe_us", "time_to_reported_us")
        return [
            {name: value for name, value in line.items() if name not in unknown}
            for line in self.scene.gateway.log
            if line["event"] in names and line["client_id"] == "maker-1"
        ]


@pytest.mark.parametrize("way", LOSSES)
def test_who_comes_back_in_time_finds_its_orders_and_what_was_filled_meanwhile(patient: Scene, way: str) -> None:
    story = Story(patient)
    story.lose(way)
    match_id = story.take("0.25")
    again = story.come_back()
    assert again.frames[0].number == 6
    again.resend(5, 5)
    assert again.frame().plain == story.filled_in_part(match_id)
    fourth = again.place(order(4))
    match_id = story.take("0.75")
    whole = order_filled(story.requests[0], story.order_ids[0], match_id, filled="0.75", total_filled="1")
    assert again.frame().plain == whole
    # Its end takes the orders of both lines, and no other.
    again.send("Logout", reason="done")
    left = [*story.cancels[1:], canceled(4, fourth)]
    goodbye = ("LoggedOut", {"reason": "logout"})
    assert [frame.plain for frame in again.to_the_end()] == [orders_canceled(*left), goodbye]
    assert story.watch.wait_for_fire("maker-1") == left
    story.watch.sync()
    names = [(frame.name, frame.number) for frame in story.watch.inner_frames("maker-1")]
    assert names == [
        *[("NewOrderResponse", number) for number in (2, 3, 4)],
        ("OrderFilled", 5),
        ("NewOrderResponse", 7),
        ("OrderFilled", 8),
        ("OrdersCanceled", 9),
        ("CancelOnDisconnectReceipt", 0),
    ]
    assert story.watch.ledger.open == {}
    epochs = [event.fields["sessionEpoch"] for event in story.watch.seen["maker-1"]]
    assert epochs == [1, 1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("way", LOSSES)
def test_who_does_not_come_back_in_time_loses_all_orders_for_the_first_reason(
    make_scene: Callable[..., Scene], way: str
) -> None:
    scene = make_scene(cancel_grace_ms=MOMENT_MS)
    story = Story(scene)
    story.lose(way)
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    (told,) = story.watch.ledger.cancel_frames["maker-1"]
    assert told.number == 5
    story.watch.sync()
    receipt = story.watch.inner_frames("maker-1")[-1].fields
    assert (receipt["boundCount"], receipt["cancelledCount"]) == (3, 3)
    assert receipt["lastHeardTime"] <= receipt["detectedTime"]
    # Not a nanosecond less; how much more is the loop's, which shares its machine with the tests.
    assert receipt["fencedTime"] - receipt["detectedTime"] >= MOMENT_MS * 1_000_000
    assert told.fields["timestamp"] == receipt["fencedTime"]
    gone = scene.gateway.wait_for_log("session gone")
    assert (gone["cause"], gone["orders"], gone["epoch"]) == (LOSSES[way], 3, 1)
    again = story.come_back(number=100)
    again.resend(5, 5)
    assert again.frame().plain == orders_canceled(*story.cancels)
    again.nothing_more()


ARM = {"correlationId": 1, "scope": 1, "enabled": 1}


def test_an_armed_portfolio_goes_with_the_connection_that_armed_it_when_its_time_is_over(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(cancel_grace_ms=MOMENT_MS)
    story = Story(scene)
    mate = scene.trader("maker-2")
    order_id = mate.place(order(70, price="50"))
    assert story.maker.ask("CancelOnDisconnectRequest", **ARM).fields["active"] == 1
    story.lose("reset")
    assert mate.frame().plain == orders_canceled(canceled(70, order_id))
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    story.watch.sync()
    receipts = [story.watch.inner_frames(client_id)[-1].fields for client_id in ("maker-1", "maker-2")]
    assert [(receipt["cause"], receipt["scope"], receipt["cancelledCount"]) for receipt in receipts] == [
        (2, 1, 3),
        (2, 1, 1),
    ]
    mate.nothing_more()


def test_who_takes_over_has_to_arm_the_portfolio_again(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(cancel_grace_ms=MOMENT_MS * 12)
    story = Story(scene)
    mate = scene.trader("maker-2")
    mate.place(order(70, price="50"))
    assert story.maker.ask("CancelOnDisconnectRequest", **ARM).fields["active"] == 1
    story.lose("reset")
    again = story.come_back(number=6)
    again.do("reset")
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    mate.nothing_more()
    story.watch.sync()
    assert [resting.client_order_id for resting in story.watch.ledger.open.values()] == [70]


def test_who_is_killed_and_comes_back_is_logged_from_line_to_line(patient: Scene) -> None:
    story = Story(patient)
    story.lose("kill")
    story.come_back()
    logon = {"event": "logon", "client_id": "maker-1", "version": 17}
    assert story.log("logon", "session lost", "orders taken over", "session gone") == [
        logon | {"epoch": 1},
        {
            "event": "session lost",
            "client_id": "maker-1",
            "epoch": 1,
            "cause": "TCP_CLOSED",
            "orders": 3,
            "dropped_requests": 0,
        },
        logon | {"epoch": 2},
        {"event": "orders taken over", "client_id": "maker-1", "epoch": 2, "orders": 3},
    ]


def test_who_falls_silent_is_told_so_and_may_come_back(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(cancel_grace_ms=AGES_MS, heartbeat_interval_s=1)
    story = Story(scene)
    story.maker.do("answer", "tests=0 heartbeats=0")
    assert [frame.name for frame in story.maker.to_the_end()] == ["TestRequest", "LoggedOut"]
    assert scene.gateway.wait_for_log("session lost")["cause"] == "HEARTBEAT_MISSED"
    story.come_back()
    story.watch.sync()
    assert len(story.watch.ledger.of("maker-1")) == 3


def test_who_comes_back_before_anybody_noticed_takes_over_from_its_own_dead_line(patient: Scene) -> None:
    story = Story(patient)
    # The process hangs: its kernel keeps the line up, and the gateway cannot know.
    story.process.stop()
    again = story.come_back(number=9)
    assert again.frames[0].number == 6
    assert again.frames[0].header["lastProcessedSeqNo"] == 4
    match_id = story.take("0.25")
    assert again.frame().plain == story.filled_in_part(match_id)
    assert again.place(order(4)) > 0
    # When it wakes up it reads that it was displaced; what it still has to say is not heard.
    story.process.resume()
    assert [(frame.number, *frame.plain) for frame in story.maker.to_the_end()] == [(5, *DISPLACED)]
    again.nothing_more()
    story.watch.sync()
    assert len(story.watch.ledger.of("maker-1")) == 4
    assert story.watch.ledger.canceled == {}


def test_a_line_that_is_taken_over_hears_no_more_and_its_late_orders_are_not_entered(patient: Scene) -> None:
    story = Story(patient)
    story.process.stop()
    # In the stopped client's pipe, to be sent when it wakes up.
    story.maker.order(order(50))
    again = story.come_back(number=9)
    story.process.resume()
    assert [frame.plain for frame in story.maker.to_the_end()] == [DISPLACED]
    again.nothing_more()
    story.watch.sync()
    assert [resting.client_order_id for resting in story.watch.ledger.of("maker-1").values()] == [1, 2, 3]


def test_a_reset_logon_ends_the_lost_session_and_has_the_cancels_in_its_new_generation(patient: Scene) -> None:
    story = Story(patient)
    story.lose("reset")
    again = story.come_back(reset=True, number=1)
    told = again.frame()
    assert (again.frames[0].number, told.number) == (1, 2)
    assert told.plain == orders_canceled(*story.cancels)
    again.nothing_more()
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    (gone,) = story.log("session gone")
    assert (gone["cause"], gone["orders"]) == ("TCP_RESET", 3)


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"framing": {"sequenceNumber": 4}}, {"schema_version": 18}])
def test_a_refused_logon_changes_nothing_for_a_lost_session(patient: Scene, wrong: dict[str, object]) -> None:
    story = Story(patient)
    story.lose("reset")
    refused = patient.connect()
    refused.send_logon("maker-1", **({"reset": False, "framing": {"sequenceNumber": 5}} | wrong))  # type: ignore[arg-type]
    assert [(frame.name, frame.number) for frame in refused.to_the_end()] == [("LoggedOut", 0)]
    story.take("0.25")
    story.come_back().nothing_more()
    story.watch.sync()
    assert len(story.watch.ledger.of("maker-1")) == 3


def test_where_second_logons_are_refused_the_first_one_after_a_loss_takes_over(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(cancel_grace_ms=AGES_MS, duplicate_logon="refuse")
    story = Story(scene)
    second = scene.connect()
    second.send_logon("maker-1", reset=False, framing={"sequenceNumber": 5})
    (refusal,) = second.to_the_end()
    assert refusal.plain == ("LoggedOut", {"reason": "this key is already logged on"})
    story.lose("reset")
    story.come_back().nothing_more()
    story.watch.sync()
    assert len(story.watch.ledger.of("maker-1")) == 3


ENDS = {
    "logout": ("LOGOUT", lambda story: story.maker.send("Logout", reason="done")),
    "violation": ("PROTOCOL_VIOLATION", lambda story: story.maker.do("raw", "00" * 8)),
    "reset logon": ("DISPLACED", lambda story: story.come_back(reset=True, number=1)),
}


@pytest.mark.parametrize("way", ENDS)
def test_grace_is_for_lost_lines_and_for_nothing_else(patient: Scene, way: str) -> None:
    story = Story(patient)
    cause, end = ENDS[way]
    end(story)
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    assert patient.gateway.wait_for_log("session gone")["cause"] == cause
    assert story.log("session lost") == []


def test_a_gateway_that_is_told_to_stop_waits_for_nobody(patient: Scene) -> None:
    story = Story(patient)
    story.lose("reset")
    assert patient.gateway.terminate() == 0
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    assert [(line["client_id"], line["cause"]) for line in patient.gateway.log if line["event"] == "session gone"] == [
        ("maker-1", "TCP_RESET"),
        ("taker-1", "GATEWAY_SHUTDOWN"),
        ("watch-1", "GATEWAY_SHUTDOWN"),
    ]


@pytest.mark.parametrize("words", [("kill-client", "maker-1"), ("kill-portfolio", "1"), ("revoke", "maker-1")])
def test_the_operator_does_not_wait_for_the_grace(
    make_scene: Callable[..., Scene], tmp_path: Path, words: tuple[str, str]
) -> None:
    scene = make_scene(cancel_grace_ms=AGES_MS, admin_socket=str(tmp_path / "admin.sock"))
    story = Story(scene)
    story.lose("close")
    (row,) = [line for line in scene.admin("status").splitlines() if "maker-1" in line]
    assert "lost" in row.split()
    assert "3 orders leave" in scene.admin(*words)
    assert story.watch.wait_for_fire("maker-1") == story.cancels
    (gone,) = story.log("session gone")
    assert (gone["cause"], gone["orders"]) == ("TCP_CLOSED", 3)
