"""A second logon with the key of a live session: displaced or refused, as the operator says."""

from collections.abc import Callable

import pytest
from support.connection import message
from support.frames import order, response
from support.scene import Scene


def test_the_newcomer_of_a_refusing_gateway_leaves_the_session_alone(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(duplicate_logon="refuse")
    watch = scene.watch()
    maker = scene.trader("maker-1")
    maker.place(order(1))
    for reset in (True, False):
        newcomer = scene.connect()
        newcomer.send_logon("maker-1", reset=reset, framing={"sequenceNumber": 100})
        frames = newcomer.to_the_end()
        assert [(frame.name, frame.number, frame.header["lastProcessedSeqNo"]) for frame in frames] == [
            ("LoggedOut", 0, 0)
        ]
        assert frames[0].fields["reason"]
    maker.nothing_more()
    watch.sync()
    assert list(watch.ledger.canceled) == []
    assert len(watch.ledger.of("maker-1")) == 1
    maker.send("Logout", reason="done")
    maker.to_the_end()
    assert scene.connect().logon("maker-1").number == 1


@pytest.mark.parametrize("duplicate_logon", ["displace", "refuse"])
def test_a_wrong_secret_displaces_nobody(make_scene: Callable[..., Scene], duplicate_logon: str) -> None:
    scene = make_scene(duplicate_logon=duplicate_logon)
    maker = scene.trader("maker-1")
    maker.place(order(1))
    newcomer = scene.connect()
    newcomer.send_logon("maker-1", secret="wrong")
    assert [frame.name for frame in newcomer.to_the_end()] == ["LoggedOut"]
    maker.nothing_more()


def test_a_low_number_displaces_nobody(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    maker.place(order(1))
    newcomer = scene.connect()
    newcomer.send_logon("maker-1", reset=False, framing={"sequenceNumber": 1})
    frames = newcomer.to_the_end()
    assert [(frame.name, frame.number) for frame in frames] == [("LoggedOut", 0)]
    maker.nothing_more()


def test_what_a_newcomer_sends_behind_its_logon_is_done_after_the_last_cancel(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(drain_step_orders=16)
    watch = scene.watch()
    maker = scene.trader("maker-1")
    maker.repeat(3000, "NewOrderRequest", **order(1, price="1"))
    watch.wait_for_open("maker-1", 3000)
    newcomer = scene.connect()
    request = order(1, price="2")
    logon = {"clientId": "maker-1", "secret": "maker-1:the-secret-of-these-tests", "resetSeqNum": 0}
    newcomer.process.command(
        newcomer.command("hold"),
        newcomer.command("send", message("Logon", logon | {"schemaVersion": 17}, {"sequenceNumber": 3002})),
        newcomer.command("send", message("NewOrderRequest", request)),
        newcomer.command("release"),
    )
    confirmation, answer = newcomer.take(2)
    assert answer.plain == response(request, answer.fields["orderId"])
    old = maker.until(lambda frame: frame.name == "LoggedOut")
    assert [old[-1].number + 1, confirmation.number + 1] == [confirmation.number, answer.number]
    assert confirmation.header["lastProcessedSeqNo"] == 3001
    watch.sync()
    names = [frame.name for frame in watch.inner_frames("maker-1")]
    assert names[-3:] == ["OrdersCanceled", "CancelOnDisconnectReceipt", "NewOrderResponse"]
    assert len(watch.ledger.canceled["maker-1"]) == 3000
    assert len(watch.ledger.of("maker-1")) == 1


def test_many_newcomers_in_a_row_leave_one_session_and_no_order_behind(scene: Scene) -> None:
    watch = scene.watch()
    connections = [scene.connect() for _ in range(30)]
    for number, connection in enumerate(connections):
        connection.send_logon("maker-1", reset=True)
        connection.order(order(number + 1))
    last = connections[-1]
    last.until(lambda frame: frame.name == "NewOrderResponse")
    for connection in connections[:-1]:
        frames = connection.to_the_end()
        assert not frames or frames[-1].name == "LoggedOut"
    watch.sync()
    assert [resting.client_order_id for resting in watch.ledger.open.values()] == [30]
    last.nothing_more()
