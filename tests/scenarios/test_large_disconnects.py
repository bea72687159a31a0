"""Disconnects of thousands of orders and of a thousand sessions at once."""

from collections.abc import Callable

import pytest
from support.connection import Connection, message
from support.frames import CLIENT_DISCONNECT, ENTRIES_PER_FRAME_MAX, IOC, SELL, canceled, order
from support.scene import Scene

MANY_ORDERS = 6000
SESSIONS = 1000
ORDERS_PER_SESSION = 3


def enter_many(connection: Connection, count: int, first: int = 1, **changed: object) -> None:
    """Send orders in one go and wait for the last answer."""
    connection.repeat_quietly(count, "NewOrderRequest", **order(first, **changed))


@pytest.mark.parametrize("count", [ENTRIES_PER_FRAME_MAX, ENTRIES_PER_FRAME_MAX + 1, MANY_ORDERS])
def test_cancels_that_do_not_fit_in_one_frame_come_in_several_and_the_last_says_so(scene: Scene, count: int) -> None:
    watch = scene.watch()
    maker, bystander = scene.trader("maker-1"), scene.trader("maker-2")
    order_ids = [bystander.place(order(count + 1, side=SELL, price="300"))]
    enter_many(maker, count, price="1")
    watch.wait_for_open("maker-1", count)
    resting = {order_id: entry.client_order_id for order_id, entry in watch.ledger.of("maker-1").items()}
    assert list(resting.values()) == list(range(1, count + 1))
    maker.do("half_close")
    assert watch.wait_for_fire("maker-1") == [canceled(client, order_id) for order_id, client in resting.items()]
    frames = watch.ledger.cancel_frames["maker-1"]
    assert len(frames) >= -(-count // ENTRIES_PER_FRAME_MAX)
    assert max(len(frame.fields["orders"]) for frame in frames) <= ENTRIES_PER_FRAME_MAX
    assert max(len(frame.raw) for frame in frames) <= 65448
    told = maker.to_the_end()
    assert [frame.raw for frame in told] == [frame.raw for frame in frames]
    assert list(watch.ledger.open) == order_ids

    again = scene.connect()
    confirmation = again.logon("maker-1", reset=False, framing={"sequenceNumber": count + 10})
    assert confirmation.number == frames[-1].number + 1
    again.resend(frames[0].number, frames[-1].number)
    assert [frame.raw[2:] for frame in again.take(len(frames))] == [frame.raw[2:] for frame in frames]


def test_a_bystander_trades_while_the_orders_of_a_large_session_are_taken_out(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(drain_step_orders=16)
    watch = scene.watch()
    maker, bystander, taker = scene.trader("maker-1"), scene.trader("maker-2"), scene.trader("taker-1")
    enter_many(maker, MANY_ORDERS, side=SELL, price="100")
    bystander.place(order(MANY_ORDERS + 1, side=SELL, price="101"))
    watch.wait_for_open("maker-1", MANY_ORDERS)
    sweep = order(MANY_ORDERS + 2, price="101", quantity="2", timeInForce=IOC)
    maker.send("Logout", reason="done")
    # The first cancel tells that the fence stands; thousands of orders are still to be taken out behind it.
    maker.frame("OrdersCanceled")
    taker.order(sweep)
    answer = taker.frame("NewOrderResponse")
    assert [(entry["fillPrice"], entry["fillQty"]) for entry in answer.fields["fills"]] == [(101 * 10**9, [10**9, -9])]
    bystander.frame("OrderFilled")
    assert len(watch.wait_for_fire("maker-1")) == MANY_ORDERS
    watch.sync()
    assert watch.ledger.open == {}


def test_dead_orders_neither_count_nor_keep_their_ids_while_they_are_taken_out(
    make_scene: Callable[..., Scene],
) -> None:
    scene = make_scene(drain_step_orders=16, max_open_orders=MANY_ORDERS)
    watch = scene.watch()
    maker, bystander = scene.trader("maker-1"), scene.trader("maker-2")
    enter_many(maker, MANY_ORDERS, price="1")
    assert bystander.ask("NewOrderRequest", **order(MANY_ORDERS + 1)).name == "NewOrderReject"
    watch.wait_for_open("maker-1", MANY_ORDERS)
    maker.send("Logout", reason="done")
    maker.frame("OrdersCanceled")
    enter_many(bystander, MANY_ORDERS, price="1")
    watch.wait_for_open("maker-2", MANY_ORDERS)
    assert len(watch.wait_for_fire("maker-1")) == MANY_ORDERS
    assert bystander.ask("NewOrderRequest", **order(MANY_ORDERS + 1)).name == "NewOrderReject"


@pytest.mark.parametrize("ending", ["kill", "reset"])
def test_a_thousand_sessions_that_drop_at_once_lose_nothing(make_scene: Callable[..., Scene], ending: str) -> None:
    keys = [f"crowd-{number}" for number in range(SESSIONS)]
    scene = make_scene(traders=[*keys, "maker-2"])
    watch = scene.watch()
    bystander = scene.trader("maker-2")
    bystander.place(order(10**9, side=SELL, price="300"))
    crowd = scene.process()
    sessions = [scene.connect(crowd) for _ in keys]
    for key, session in zip(keys, sessions, strict=True):
        session.send_logon(key)
    for place, session in enumerate(sessions):
        session.frame("LogonConf")
        request = message("NewOrderRequest", order(1 + place * ORDERS_PER_SESSION, price="1"))
        crowd.command(f"repeat {ORDERS_PER_SESSION} send {session.number} {request}")
    total = SESSIONS * ORDERS_PER_SESSION
    watch.wait_for(lambda ledger: len(ledger.open) == total + 1, f"{total} open orders")
    expected = {
        key: [canceled(entry.client_order_id, order_id) for order_id, entry in watch.ledger.of(key).items()]
        for key in keys
    }
    assert [entry["clientOrderId"] for key in keys for entry in expected[key]] == list(range(1, total + 1))
    if ending == "kill":
        crowd.kill()
    else:
        crowd.command(*(session.command("reset") for session in sessions))
    watch.wait_for(lambda ledger: len(ledger.open) == 1, "the cancels of the crowd")
    watch.sync()
    assert watch.ledger.canceled == expected
    assert {entry["cancelReason"] for key in keys for entry in watch.ledger.canceled[key]} == {CLIENT_DISCONNECT}
    bystander.nothing_more()
    assert [resting.client_order_id for resting in watch.ledger.of("maker-2").values()] == [10**9]
