"""Endings that meet each other, and what still comes in behind an ending."""

from collections.abc import Callable

import pytest
from support.connection import Connection, message
from support.frames import canceled, order, orders_canceled, response
from support.scene import Scene

ABOVE_ALL = 1_000_000
MANY_ORDERS = 5000

LOGOUT = message("Logout", {"reason": "done"})
HEARTBEAT = message("Heartbeat", {"correlationId": 0})
VIOLATION = message("Heartbeat", {"correlationId": 0}, {"protocolId": 1})

ENDINGS = {
    "a logout, then a reset": [("send", LOGOUT), ("reset", "")],
    "a logout, then a close": [("send", LOGOUT), ("close", "")],
    "a logout, then another": [("send", LOGOUT), ("send", LOGOUT)],
    "a logout, then a violation": [("send", LOGOUT), ("send", VIOLATION)],
    "a violation, then a logout": [("send", VIOLATION), ("send", LOGOUT)],
    "a violation, then a half-close": [("send", VIOLATION), ("half_close", "")],
    "a half frame, then a close": [("raw", "db005f00"), ("close", "")],
    "a half frame, then a reset": [("raw", "db005f00"), ("reset", "")],
}


@pytest.mark.parametrize("steps", ENDINGS.values(), ids=ENDINGS)
def test_two_endings_cancel_once(scene: Scene, steps: list[tuple[str, str]]) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    expected = [canceled(number, maker.place(order(number))) for number in (1, 2)]
    watch.wait_for_open("maker-1", 2)
    maker.process.command(*(maker.command(verb, rest) for verb, rest in steps))
    assert watch.wait_for_fire("maker-1") == expected
    maker.to_the_end()
    scene.trader("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL}).nothing_more()
    watch.sync()
    assert watch.ledger.canceled == {"maker-1": expected}
    assert watch.ledger.open == {}


def test_a_displaced_client_that_is_killed_meanwhile_loses_its_orders_once(scene: Scene) -> None:
    watch = scene.watch()
    process = scene.process()
    maker = scene.trader("maker-1", process)
    expected = [canceled(number, maker.place(order(number))) for number in (1, 2)]
    newcomer = scene.connect()
    newcomer.send_logon("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL})
    process.kill()
    newcomer.frame("LogonConf")
    assert watch.wait_for_fire("maker-1") == expected
    watch.sync()
    assert watch.ledger.canceled == {"maker-1": expected}


@pytest.mark.parametrize("ending", [LOGOUT, VIOLATION], ids=["a logout", "a violation"])
def test_what_stands_before_an_ending_counts_and_what_stands_behind_it_does_not(scene: Scene, ending: str) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    maker.process.command(
        maker.command("hold"),
        maker.command("send", message("NewOrderRequest", order(1))),
        maker.command("send", ending),
        maker.command("send", message("NewOrderRequest", order(2))),
        maker.command("send", HEARTBEAT),
        maker.command("release"),
    )
    accepted, cancels, goodbye = maker.to_the_end()
    order_id = accepted.fields["orderId"]
    assert accepted.plain == response(order(1), order_id)
    assert cancels.plain == orders_canceled(canceled(1, order_id))
    assert goodbye.name == "LoggedOut"
    assert goodbye.fields["reason"]
    watch.sync()
    *told, receipt = watch.inner_frames("maker-1")
    assert [frame.raw for frame in told] == [accepted.raw, cancels.raw]
    assert (receipt.name, receipt.fields["cancelledCount"]) == ("CancelOnDisconnectReceipt", 1)


def test_answers_come_in_the_order_of_the_requests(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    maker.process.command(
        maker.command("hold"),
        maker.command("send", message("NewOrderRequest", order(1))),
        maker.command("send", message("TestRequest", {"correlationId": 5})),
        maker.command("send", message("NewOrderRequest", order(2, price="0.25"))),
        maker.command("send", message("Heartbeat", {"correlationId": 0}, {"messageTypeId": 999})),
        maker.command("send", message("CancelOrderRequest", {"clientOrderId": 1, "instrumentId": 1})),
        maker.command("release"),
    )
    assert [frame.name for frame in maker.take(5)] == [
        "NewOrderResponse",
        "Heartbeat",
        "NewOrderReject",
        "Reject",
        "CancelOrderResponse",
    ]


def test_a_gateway_that_is_told_to_stop_tells_of_every_order_however_many(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(drain_step_orders=64)
    watch = scene.watch()
    maker = scene.trader("maker-1")
    maker.repeat(MANY_ORDERS, "NewOrderRequest", **order(1, price="1"))
    maker.take(MANY_ORDERS)
    assert scene.gateway.terminate() == 0
    told = maker.to_the_end()
    assert [frame.name for frame in told] == ["OrdersCanceled"] * (len(told) - 1) + ["LoggedOut"]
    assert [entry["clientOrderId"] for frame in told[:-1] for entry in frame.fields["orders"]] == list(
        range(1, MANY_ORDERS + 1)
    )
    assert watch.to_the_end()[-1].name == "LoggedOut"
    assert watch.ledger.open == {}
    assert len(watch.ledger.canceled["maker-1"]) == MANY_ORDERS


def test_a_gateway_that_is_told_to_stop_does_not_wait_for_clients_that_do_not_read(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(shutdown_timeout_s=3, slow_consumer_bytes=2**26)
    watch = scene.watch()
    stuck = scene.trader("maker-1", scene.process(), receive_buffer=4096)
    order_id = stuck.place(order(1))
    # Far more than the sockets hold is on its way to it when the end comes.
    stuck.process.command(
        stuck.command("reading", "0"),
        stuck.command("quiet", "1"),
        f"repeat 150000 send {stuck.number} TestRequest correlationId=1",
    )
    maker = scene.trader("maker-2")
    other_id = maker.place(order(2))
    assert scene.gateway.terminate() == 0
    assert watch.to_the_end()[-1].name == "LoggedOut"
    assert watch.ledger.canceled == {"maker-1": [canceled(1, order_id)], "maker-2": [canceled(2, other_id)]}


@pytest.mark.parametrize("number", [2**63 - 2, -(2**63), 0, -1])
def test_a_reset_logon_may_have_any_number(scene: Scene, number: int) -> None:
    connection = scene.connect()
    assert connection.logon("maker-1", framing={"sequenceNumber": number, "keep": 1}).number == 1
    connection.do("close")
    scene.trader("maker-1").nothing_more()


def test_a_logon_whose_number_leaves_no_next_one_is_refused(scene: Scene) -> None:
    connection = scene.connect()
    connection.send_logon("maker-1", framing={"sequenceNumber": 2**63 - 1, "keep": 1})
    assert [(frame.name, frame.number) for frame in connection.to_the_end()] == [("LoggedOut", 0)]
    scene.trader("maker-1").nothing_more()


def test_eight_zero_bytes_one_at_a_time_are_as_many_as_eight_at_once(scene: Scene) -> None:
    connection: Connection = scene.trader("maker-1")
    connection.do("trickle", "1")
    connection.do("raw", "00" * 7)
    connection.nothing_more()
    connection.do("raw", "00" * 8)
    assert [frame.name for frame in connection.to_the_end()] == ["LoggedOut"]
