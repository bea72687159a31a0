"""Requests on the way when a session ends are never half done: they are dropped, and counted."""

from collections.abc import Callable
from urllib.request import urlopen

import pytest
from support.connection import message
from support.frames import order
from support.processes import DEADLINE_S, free_port, wait_until
from support.scene import Scene

REQUESTS_BEHIND = 5


def gone(scene: Scene) -> tuple[str, int]:
    line = scene.gateway.wait_for_log("session gone")
    return line["cause"], line["dropped_requests"]


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        (message("Logout", {"reason": "done"}), "LOGOUT"),
        (message("Heartbeat", {"correlationId": 0}, {"sequenceNumber": 77, "keep": 1}), "PROTOCOL_VIOLATION"),
    ],
)
def test_requests_behind_the_last_word_are_dropped_whole(scene: Scene, ending: str, cause: str) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    behind = [maker.command("send", message("NewOrderRequest", order(2 + place))) for place in range(REQUESTS_BEHIND)]
    maker.process.command(
        maker.command("hold"),
        maker.command("send", message("NewOrderRequest", order(1))),
        maker.command("send", ending),
        *behind,
        maker.command("release"),
    )
    assert [frame.name for frame in maker.to_the_end()] == ["NewOrderResponse", "OrdersCanceled", "LoggedOut"]
    assert gone(scene) == (cause, REQUESTS_BEHIND)
    watch.sync()
    names = [frame.name for frame in watch.inner_frames("maker-1")]
    assert names == ["NewOrderResponse", "OrdersCanceled", "CancelOnDisconnectReceipt"]


@pytest.mark.parametrize("way", ["half_close", "close", "reset"])
def test_a_request_that_came_in_part_is_dropped_and_counted(scene: Scene, way: str) -> None:
    watch = scene.watch()
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    maker.do("raw", "db0060006400110003" + "00" * 30)  # the start of a NewOrderRequest of 96 bytes
    maker.do(way)
    assert [entry["orderId"] for entry in watch.wait_for_fire("maker-1")] == [order_id]
    assert gone(scene)[1] == 1


def test_what_a_displaced_line_still_sends_is_counted_as_it_comes(make_scene: Callable[..., Scene]) -> None:
    port = free_port()
    scene = make_scene(cancel_grace_ms=60_000, metrics_port=port)
    old = scene.trader("maker-1", scene.process())
    old.process.stop()
    new = scene.connect()
    new.logon("maker-1", reset=False, framing={"sequenceNumber": 9})
    # What the stopped client finds in its pipe goes out before it reads that it was displaced.
    old.process.command(*(old.command("send", message("NewOrderRequest", order(1 + place))) for place in range(3)))
    old.process.resume()
    assert [frame.name for frame in old.to_the_end()] == ["LoggedOut"]
    wanted = 'breakwire_dropped_requests_total{cause="DISPLACED"} 3.0'

    def told() -> bool:
        with urlopen(f"http://{scene.gateway.host}:{port}/metrics", timeout=DEADLINE_S) as answer:
            return wanted in answer.read().decode().splitlines()

    wait_until(told, wanted)
    new.nothing_more()
