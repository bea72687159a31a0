"""Day orders against the gateway's own clock."""

import time
from collections.abc import Callable

import pytest
from support.connection import Connection
from support.frames import TIME_IN_FORCE, canceled, order, orders_canceled, response
from support.scene import Scene

SECOND = 1_000_000_000
UNKNOWN_ORDER = 1


def settling_soon(make_scene: Callable[..., Scene], after_s: int) -> tuple[Scene, int]:
    """A gateway whose settlement is so many whole seconds away, or one less; and when that is."""
    settlement_s = int(time.time()) + after_s
    return make_scene(settlement_time=time.strftime("%H:%M:%SZ", time.gmtime(settlement_s))), settlement_s * SECOND


def place_before(make_scene: Callable[..., Scene]) -> tuple[Connection, int, list[int]]:
    """Orders of one, two and no days, entered before the settlement: a machine that is slow gets another try."""
    for after_s in (3, 12, 60):
        scene, settlement_ns = settling_soon(make_scene, after_s)
        maker = scene.trader("maker-1")
        order_ids = [
            maker.place(order(client_order_id, quantity="2", timeInForce=days))
            for client_order_id, days in ((1, 1), (2, 2), (3, 0))
        ]
        if maker.frames[-1].fields["timestamp"] < settlement_ns:
            return maker, settlement_ns, order_ids
    pytest.fail("the gateway takes a minute to start")


def test_a_day_order_is_cancelled_at_settlement_time(make_scene: Callable[..., Scene]) -> None:
    maker, settlement_ns, order_ids = place_before(make_scene)
    told = maker.frame()
    assert told.plain == orders_canceled(canceled(1, order_ids[0], reason=TIME_IN_FORCE))
    assert settlement_ns <= told.fields["timestamp"] < settlement_ns + SECOND
    maker.send("CancelOrderRequest", clientOrderId=1, correlationId=1, instrumentId=1)
    assert maker.frame("CancelOrderReject").fields["reason"] == UNKNOWN_ORDER
    again = order(1, quantity="2", timeInForce=1)
    maker.order(again)
    answer = maker.frame()
    assert answer.plain == response(again, answer.fields["orderId"])
    maker.nothing_more()
