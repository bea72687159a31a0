"""The flap guard on real sockets: a key whose line is lost again and again has to wait."""

import re
import time
from collections.abc import Callable

import pytest
from support.frames import canceled, order
from support.processes import wait_until
from support.scene import Scene

LOSSES = 3
LOCKOUT_MS = 2_000


@pytest.fixture
def guarded(make_scene: Callable[..., Scene]) -> Callable[..., Scene]:
    return lambda **settings: make_scene(flap_losses=LOSSES, flap_lockout_ms=LOCKOUT_MS, **settings)


def flap(scene: Scene, way: str, client_id: str = "maker-1", times: int = LOSSES) -> list[int]:
    """So many lines of the key come, enter an order each, and are lost; the orderIds."""
    order_ids = []
    for number in range(1, times + 1):
        process = scene.process()
        # A reset logon would end what was lost before; this one takes it over if there is anything.
        line = scene.trader(client_id, process, reset=False, framing={"sequenceNumber": 10 * number - 9})
        order_ids.append(line.place(order(number)))
        line.do(way)
        wait_for_losses(scene, number)
    return order_ids


def wait_for_losses(scene: Scene, count: int) -> None:
    """Until sessions were lost or gone so often."""
    ends = ("session lost", "session gone")
    wait_until(lambda: sum(line["event"] in ends for line in scene.gateway.log) == count, f"loss {count}")


def waits_ms(scene: Scene, **logon: object) -> int:
    """How long a logon of maker-1 is told to wait."""
    refused = scene.connect()
    refused.send_logon("maker-1", **logon)  # type: ignore[arg-type]
    (frame,) = refused.to_the_end()
    assert (frame.name, frame.number) == ("LoggedOut", 0)
    found = re.fullmatch(r"retry after (\d+) ms", frame.fields["reason"])
    assert found, frame.fields["reason"]
    return int(found[1])


@pytest.mark.parametrize("way", ["close", "reset"])
def test_a_key_that_flaps_is_told_how_long_to_wait_and_let_in_when_it_did(
    guarded: Callable[..., Scene], way: str
) -> None:
    scene = guarded()
    flap(scene, way)
    first = waits_ms(scene)
    second = waits_ms(scene, reset=False, framing={"sequenceNumber": 1})
    assert LOCKOUT_MS >= first >= second >= 1
    scene.trader("maker-2").nothing_more()
    # As it was told: not a millisecond longer.
    time.sleep(second / 1000)
    again = scene.trader("maker-1", reset=False, framing={"sequenceNumber": 1000})
    again.nothing_more()
    (locked,) = [line for line in scene.gateway.log if line["event"] == "locked out"]
    assert (locked["client_id"], locked["lockout_ms"]) == ("maker-1", LOCKOUT_MS)


def test_a_key_that_flaps_loses_its_orders_without_grace(guarded: Callable[..., Scene]) -> None:
    scene = guarded(cancel_grace_ms=60_000)
    watch = scene.watch()
    order_ids = flap(scene, "reset")
    assert watch.wait_for_fire("maker-1") == [canceled(place, order_id) for place, order_id in enumerate(order_ids, 1)]
    events = [line["event"] for line in scene.gateway.log if line.get("client_id") == "maker-1"]
    taken_over = ["session lost", "logon", "orders taken over"]
    assert events == ["logon", *taken_over, *taken_over, "locked out", "session gone"]


def test_fewer_losses_than_that_lock_out_nobody(guarded: Callable[..., Scene]) -> None:
    scene = guarded()
    flap(scene, "reset", times=LOSSES - 1)
    scene.trader("maker-1").frame("OrdersCanceled")
