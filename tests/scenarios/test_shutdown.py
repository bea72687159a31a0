"""SIGTERM: every session is told, drop copy last, and the process ends in good time."""

import socket
import time
from collections.abc import Callable
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
    told, receipt, goodbye = plain(observer.to_the_end())[1:]
    assert (told, receipt[0], goodbye) == (fire, "CancelOnDisconnectReceipt", LOGGED_OUT)


def test_a_gateway_with_nobody_but_drop_copy_ends_at_once(scene: Scene) -> None:
    observer = scene.watch()
    began = time.monotonic()
    assert scene.gateway.terminate() == 0
    assert plain(observer.to_the_end()) == [LOGGED_OUT]
    # Well below shutdown_timeout_s, after which it would give up.
    assert time.monotonic() - began < 5


def test_a_line_that_nobody_closes_is_let_go_at_the_shutdown_timeout(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(close_linger_ms=60_000, shutdown_timeout_s=1)
    # Refused at once, and left open by its client for as long as it likes.
    with socket.create_connection((scene.gateway.host, scene.gateway.port)) as line:
        line.sendall(bytes(8))
        assert line.recv(4096)[4:6] == bytes((5, 0))
        # Everybody was told in time, so this is no error: the scene looks for one in the log.
        assert scene.gateway.terminate() == 0
