"""SIGTERM: every session is told, drop copy last, and the process ends in good time."""

import time
from typing import Any

from support.frames import canceled, order, orders_canceled
from support.scene import Scene

LOGGED_OUT = ("LoggedOut", {"reason": "gateway shutdown"})


def plain(frames: list[Any]) -> list[Any]:
    return [frame.inner.plain if frame.name == "DropCopyEvent" else frame.plain for frame in frames]


def test_drop_copy_hears_the_last_cancels_and_then_goodbye(scene: Scene) -> None:
    observer, maker = scene.watch(), scene.trader("maker-1")
    order_id = maker.place(order(1))
    assert scene.gateway.terminate() == 0
    fire = orders_canceled(canceled(1, order_id))
    assert plain(maker.to_the_end()) == [fire, LOGGED_OUT]
    assert plain(observer.to_the_end())[1:] == [fire, LOGGED_OUT]


def test_a_gateway_with_nobody_but_drop_copy_ends_at_once(scene: Scene) -> None:
    observer = scene.watch()
    began = time.monotonic()
    assert scene.gateway.terminate() == 0
    assert plain(observer.to_the_end()) == [LOGGED_OUT]
    # Well below shutdown_timeout_s, after which it would give up.
    assert time.monotonic() - began < 5
