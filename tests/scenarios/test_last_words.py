"""What a session is told at its end reaches a client that reads, however it closes its own side."""

from collections.abc import Callable

import pytest
from support.connection import Connection
from support.frames import Frame, canceled, order, orders_canceled
from support.scene import Scene

ORDERS = 1_000
DRAIN_STEP = 50

MakeScene = Callable[..., Scene]


def with_many_orders(scene: Scene) -> tuple[Connection, list[int]]:
    """A maker whose end takes many steps, and its order ids."""
    maker = scene.trader("maker-1")
    maker.repeat(ORDERS, "NewOrderRequest", **order(1))
    return maker, [frame.fields["orderId"] for frame in maker.take(ORDERS)]


def canceled_ids(frames: list[Frame]) -> list[int]:
    return [entry["orderId"] for frame in frames for entry in frame.fields["orders"]]


@pytest.mark.parametrize(
    ("goodbye", "reason"), [("logout", "logout"), ("violation", "protocol violation: messageLength at offset 2: ")]
)
def test_closing_our_side_behind_the_last_message_costs_nothing(
    make_scene: MakeScene, goodbye: str, reason: str
) -> None:
    scene = make_scene(drain_step_orders=DRAIN_STEP)
    maker, order_ids = with_many_orders(scene)
    maker.do("hold")
    if goodbye == "logout":
        maker.send("Logout")
    else:
        maker.send("Heartbeat", {"messageLength": 31})
    maker.do("half_close")
    maker.do("release")
    *cancels, farewell = maker.to_the_end()
    assert canceled_ids(cancels) == order_ids
    assert farewell.name == "LoggedOut"
    assert farewell.fields["reason"].startswith(reason)


def test_half_closed_the_client_still_hears_of_every_cancel(make_scene: MakeScene) -> None:
    scene = make_scene(drain_step_orders=DRAIN_STEP)
    maker, order_ids = with_many_orders(scene)
    maker.do("half_close")
    assert canceled_ids(maker.to_the_end()) == order_ids


def test_a_logout_whose_answer_was_thrown_away_is_told_again_after_a_reset_logon(scene: Scene) -> None:
    observer, maker = scene.watch(), scene.trader("maker-1")
    order_id = maker.place(order(1))
    maker.do("reading", "0")
    maker.send("Logout")
    observer.wait_for_fire("maker-1")
    scene.gateway.wait_for_log("session gone")
    maker.do("reset")
    again = scene.trader("maker-1", reset=True)
    fire = orders_canceled(canceled(1, order_id))
    frame = again.frame()
    assert (frame.number, frame.plain) == (2, fire)
    again.nothing_more()
    # Drop copy is not told twice.
    told, receipt = observer.inner_frames("maker-1")[1:]
    assert (told.plain, receipt.name) == (fire, "CancelOnDisconnectReceipt")


def test_a_logout_that_was_read_is_not_told_again_after_a_reset_logon(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    maker.send("Logout")
    assert [frame.plain for frame in maker.to_the_end()] == [
        orders_canceled(canceled(1, order_id)),
        ("LoggedOut", {"reason": "logout"}),
    ]
    scene.trader("maker-1", reset=True).nothing_more()
