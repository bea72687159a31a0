"""The dead man's switch on real sockets: a timer of the portfolio that outlives connections, and fires once."""

import json
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from support.connection import Connection
from support.drop_copy import DropCopy
from support.frames import (
    IS_QUOTE,
    SELL,
    Frame,
    canceled,
    order,
    orders_canceled,
    quote,
    quotes,
    response,
)
from support.processes import wait_until
from support.scene import Scene

MS = 1_000_000
PORTFOLIO = 1
ACCEPTED, STALE = 0, 3
AN_HOUR_MS = 3_600_000


def ask(session: Connection, timeout_ms: int, arm_sequence: int | None = None) -> Frame:
    """A request to the switch, and its answer, compared but for its times."""
    answer = session.ask(
        "CancelAllAfterRequest", correlationId=77, timeoutMs=timeout_ms, armSequence=arm_sequence, scope=PORTFOLIO
    )
    assert answer.name == "CancelAllAfterResponse"
    assert (answer.fields["correlationId"], answer.fields["armSequence"]) == (77, arm_sequence)
    return answer


def arm(session: Connection, timeout_ms: int, arm_sequence: int | None = None) -> int:
    """Sets the switch; returns its trigger time, ns."""
    fields = ask(session, timeout_ms, arm_sequence).fields
    assert (fields["status"], fields["armed"]) == (ACCEPTED, 1)
    assert fields["triggerTime"] == fields["currentTime"] + timeout_ms * MS
    return int(fields["triggerTime"])


def expiries(scene: Scene, count: int) -> list[dict[str, Any]]:
    """What the log says of them, once it has so many."""

    def logged() -> list[dict[str, Any]]:
        return [line for line in scene.gateway.log if line["event"] == "dead man's switch expired"]

    wait_until(lambda: len(logged()) >= count, f"{count} expiries in the log")
    return logged()


def fenced_at(watch: DropCopy, origin: str) -> int:
    (frame,) = watch.ledger.cancel_frames[origin]
    return int(frame.fields["timestamp"])


def let_pass(scene: Scene, timeout_ms: int) -> None:
    """Waits until another portfolio's switch has fired that is set now: for so long nothing else has happened."""
    stranger = scene.trader("stranger-1")
    stranger.place(order(1))
    arm(stranger, timeout_ms)
    assert stranger.frame().name == "OrdersCanceled"


def test_orders_of_two_sessions_and_quotes_are_gone_at_its_time_and_the_sessions_live(scene: Scene) -> None:
    watch, one, two, stranger = scene.watch(), *map(scene.trader, ("maker-1", "maker-2", "stranger-1"))
    first, second, foreign = one.place(order(1)), two.place(order(2)), stranger.place(order(3, price="99"))
    entered = one.ask("MassQuoteRequest", **quotes(50, quote("98", "110"))).fields["quotes"][0]
    trigger_time = arm(two, 200)
    of_quote = {"flags": IS_QUOTE}
    assert one.frame().plain == orders_canceled(
        canceled(1, first),
        canceled(50, entered["bidOrderId"]) | of_quote,
        canceled(50, entered["askOrderId"]) | of_quote,
    )
    assert two.frame().plain == orders_canceled(canceled(2, second))
    # Whoever sells now meets only what is not of that portfolio.
    request = order(10, side=SELL, price="90", quantity="5")
    stranger_fills = two.ask("NewOrderRequest", **request).fields["fills"]
    assert [fill["fillPrice"] for fill in stranger_fills] == [99 * 10**9]
    assert stranger.frame().fields["fills"][0]["orderId"] == foreign
    for session in (one, two, stranger):
        session.nothing_more()
    watch.wait_for_fire("maker-1")
    watch.wait_for_fire("maker-2")
    fenced = {fenced_at(watch, "maker-1"), fenced_at(watch, "maker-2")}
    (expiry,) = expiries(scene, 1)
    assert fenced == {trigger_time + fired_late(expiry, fenced, trigger_time)}
    assert (expiry["portfolio"], expiry["orders"], expiry["level"]) == (1, 4, "warning")


def fired_late(expiry: dict[str, Any], fenced: set[int], trigger_time: int) -> int:
    """How late it fired, ns: never early, and as the log says."""
    late_ns = min(fenced) - trigger_time
    assert late_ns >= 0
    assert expiry["late_us"] == late_ns // 1000
    return late_ns


@pytest.mark.parametrize("way", ["reset", "logout", "killed"])
def test_it_outlives_the_connection_that_set_it(scene: Scene, way: str) -> None:
    other = scene.trader("maker-2")
    order_id = other.place(order(2))
    process = scene.process()
    setter = scene.trader("maker-1", process)
    arm(setter, 300, arm_sequence=1)
    if way == "killed":
        process.kill()
    elif way == "logout":
        setter.send("Logout", reason="done")
    else:
        setter.do("reset")
    assert other.frame().plain == orders_canceled(canceled(2, order_id))
    assert len(expiries(scene, 1)) == 1


def test_it_fires_once_and_orders_entered_afterwards_live(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    before = maker.place(order(1))
    arm(maker, 50)
    assert maker.frame().plain == orders_canceled(canceled(1, before))
    after = maker.place(order(1))
    let_pass(scene, 150)
    cancel = maker.ask("CancelOrderRequest", clientOrderId=1, correlationId=9, instrumentId=1)
    assert (cancel.name, cancel.fields["orderId"]) == ("CancelOrderResponse", after)
    assert [line["portfolio"] for line in expiries(scene, 2)] == [1, 2]


def test_refreshes_keep_it_from_firing(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    began = arm(maker, 1_500, arm_sequence=1) - 1_500 * MS
    sequence, now = 1, began
    while now < began + 2_500 * MS:
        sequence += 1
        now = arm(maker, 1_500, sequence) - 1_500 * MS
    # Had it fired before, that would have come between the answers.
    assert maker.frame().plain == orders_canceled(canceled(1, order_id))
    assert len(expiries(scene, 1)) == 1


def test_a_late_refresh_cannot_set_it_again_once_it_was_turned_off(scene: Scene) -> None:
    old, new = scene.trader("maker-1"), scene.trader("maker-2")
    arm(old, AN_HOUR_MS, arm_sequence=7)
    off = ask(new, 0, arm_sequence=9).fields
    assert (off["status"], off["armed"], off["triggerTime"]) == (ACCEPTED, 0, None)
    late = ask(old, 1, arm_sequence=8).fields
    assert (late["status"], late["armed"], late["triggerTime"]) == (STALE, 0, None)
    order_id = new.place(order(1))
    let_pass(scene, 100)
    assert new.ask("CancelOrderRequest", clientOrderId=1, correlationId=9, instrumentId=1).fields["orderId"] == order_id


def test_a_short_timeout_is_not_slept_through_where_a_long_one_was_set(scene: Scene) -> None:
    """The gateway's next look at the clock was planned by the former time."""
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    arm(maker, AN_HOUR_MS)
    began = arm(maker, 5) - 5 * MS
    gone = maker.frame()
    assert gone.plain == orders_canceled(canceled(1, order_id))
    assert gone.fields["timestamp"] >= began + 5 * MS
    # Less than the interval at which the clock is looked at anyway.
    assert gone.fields["timestamp"] < began + 90 * MS


def test_the_operator_sees_it_in_utc_to_the_nanosecond(make_scene: Callable[..., Scene], tmp_path: Path) -> None:
    scene = make_scene(admin_socket=str(tmp_path / "admin.sock"))
    maker = scene.trader("maker-1")
    trigger_time = arm(maker, AN_HOUR_MS, arm_sequence=5)
    (shown,) = json.loads(scene.admin("status", "--json"))["dead_man_switches"]
    assert (shown["portfolio"], shown["arm_sequence"]) == (1, 5)
    assert shown["trigger_time"] == rfc_3339(trigger_time)
    assert rfc_3339(trigger_time) in scene.admin("status")
    ask(maker, 0)
    assert json.loads(scene.admin("status", "--json"))["dead_man_switches"] == []


def rfc_3339(time_ns: int) -> str:
    """What the tools are to show, made by other means than theirs."""
    whole = datetime.fromtimestamp(time_ns // 10**9, tz=UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09}Z"


def test_a_gateway_that_stood_still_counts_the_refresh_that_came_meanwhile(scene: Scene) -> None:
    maker, other = scene.trader("maker-1"), scene.trader("maker-2")
    order_id = maker.place(order(1))
    untouched = other.place(order(2))
    arm(maker, 500, arm_sequence=1)
    gateway = scene.gateway.process
    gateway.send_signal(signal.SIGSTOP)
    maker.send("CancelAllAfterRequest", correlationId=77, timeoutMs=AN_HOUR_MS, armSequence=2, scope=PORTFOLIO)
    # The stall itself: four times as long as the switch would wait.
    time.sleep(2)
    gateway.send_signal(signal.SIGCONT)
    answer = maker.frame("CancelAllAfterResponse")
    assert (answer.fields["status"], answer.fields["armed"]) == (ACCEPTED, 1)
    let_pass(scene, 100)
    for session, request, expected in ((maker, order(1), order_id), (other, order(2), untouched)):
        taken = session.ask(
            "CancelOrderRequest", clientOrderId=request["clientOrderId"], correlationId=9, instrumentId=1
        )
        assert taken.fields["orderId"] == expected
    assert [line["portfolio"] for line in expiries(scene, 1)] == [2]


def test_a_gateway_that_stood_still_fires_when_no_refresh_came(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    trigger_time = arm(maker, 200)
    gateway = scene.gateway.process
    gateway.send_signal(signal.SIGSTOP)
    time.sleep(1)  # the stall itself
    gateway.send_signal(signal.SIGCONT)
    gone = maker.frame()
    assert gone.plain == orders_canceled(canceled(1, order_id))
    assert gone.fields["timestamp"] > trigger_time


def test_the_answer_and_the_cancels_are_there_after_a_reconnection(scene: Scene) -> None:
    maker = scene.trader("maker-1")
    maker.place(order(1))
    arm(maker, 50, arm_sequence=3)
    answer, gone = maker.frames[-1], maker.frame()
    again = scene.trader("maker-1", reset=False, framing={"sequenceNumber": 5})
    again.resend(answer.number, gone.number)
    for frame in (answer, gone):
        resent = again.frame(frame.name)
        assert resent.raw == frame.raw[:1] + b"\x01" + frame.raw[2:]


def test_a_portfolio_whose_other_session_took_its_place_still_has_it(scene: Scene) -> None:
    """Displaced, the setter's own orders go with its session; the switch takes what is entered after that."""
    setter = scene.trader("maker-1")
    own = setter.place(order(1))
    arm(setter, 300)
    newcomer = scene.trader("maker-1")
    assert newcomer.frame().plain == orders_canceled(canceled(1, own))
    request = order(2)
    newcomer.order(request)
    placed = newcomer.frame()
    assert placed.plain == response(request, ANY)
    assert newcomer.frame().plain == orders_canceled(canceled(2, placed.fields["orderId"]))
