"""The dead man's switch in the client library: what is sent, what an answer means, and a switch that is kept armed."""

import asyncio
from typing import Any

import pytest
from support.clients import Arguments, Run, of_kind, until
from support.session import START, S, core_of, log_on, plain, ready

from codec.layout import CancelAllAfterStatus, CancelReason, Side
from gateway.client import Client, KeptArmed
from gateway.client_errors import SessionStateError, SwitchRefusedError
from gateway.client_events import DeadManSwitchStatus, Event, OrderCanceled
from gateway.client_state import OrderState, RequestState

ACCEPTED, STALE = CancelAllAfterStatus.ACCEPTED, CancelAllAfterStatus.STALE_ARM_SEQUENCE


def response(correlation_id: int, **changed: Any) -> dict[str, Any]:
    fields = {
        "correlation_id": correlation_id,
        "status": 0,
        "armed": True,
        "current_time": START,
        "trigger_time": START + S,
        "arm_sequence": START,
    }
    return fields | changed


# Against a peer made of the reference codec


def test_a_request_takes_its_arm_sequence_from_the_time_and_never_goes_back() -> None:
    core, peer = ready()
    for now in (START, START, START - S, START + S):
        core.cancel_all_after(now, 1_000)
    sent = [fields for _, _, fields in peer.brief(core.take_output())]
    assert [fields["arm_sequence"] for fields in sent] == [START, START + 1, START + 2, START + S]
    assert sent[0] == {"correlation_id": 2, "timeout_ms": 1_000, "arm_sequence": START, "scope": 1}


def test_an_arm_sequence_and_a_correlation_id_can_be_chosen() -> None:
    core, peer = ready()
    core.cancel_all_after(START, 0, arm_sequence=-5, correlation_id=9)
    assert peer.brief(core.take_output()) == [
        (2, "CancelAllAfterRequest", {"correlation_id": 9, "timeout_ms": 0, "arm_sequence": -5, "scope": 1})
    ]


@pytest.mark.parametrize("timeout_ms", [-1, 2**32])
def test_a_timeout_that_has_no_place_on_the_wire_is_not_sent(timeout_ms: int) -> None:
    core, _ = ready()
    with pytest.raises(ValueError, match="timeout_ms: wanted 0 to 4294967295"):
        core.cancel_all_after(START, timeout_ms)
    assert core.take_output() == b""


def test_nothing_can_be_set_before_the_logon() -> None:
    with pytest.raises(SessionStateError):
        core_of().cancel_all_after(START, 1_000)


@pytest.mark.parametrize("version", [1, 11, 17])
def test_an_answer_settles_the_request_and_tells_how_the_switch_stands(version: int) -> None:
    core, peer = ready(version)
    request = core.cancel_all_after(START, 1_000)
    (event,) = core.received(START, peer.says("CancelAllAfterResponse", **response(request.correlation_id)))
    assert plain([event]) == [
        (
            "DeadManSwitchStatus",
            {
                "status": ACCEPTED,
                "armed": True,
                "current_time_ns": START,
                "trigger_time_ns": START + S,
                "arm_sequence": START,
                "request": 2,
            },
        )
    ]
    assert (request.state, request.answer, core.dead_man_switch.status) == (RequestState.ACCEPTED, event, event)


def test_a_refusal_is_told_by_its_status() -> None:
    core, peer = ready()
    request = core.cancel_all_after(START, 1_000)
    off = response(request.correlation_id, status=3, armed=False, trigger_time=None, arm_sequence=None)
    (event,) = core.received(START, peer.says("CancelAllAfterResponse", **off))
    assert isinstance(event, DeadManSwitchStatus)
    assert (event.status, event.armed, event.trigger_time_ns, event.arm_sequence) == (STALE, False, None, None)
    assert request.state is RequestState.REJECTED


def test_what_was_told_is_forgotten_with_lost_messages() -> None:
    core, peer = ready()
    core.received(START, peer.says("CancelAllAfterResponse", **response(0)))
    assert core.dead_man_switch.status is not None
    core.disconnected(START, "cut")
    log_on(core, type(peer)(), reset=True)
    assert core.dead_man_switch.status is None


def test_a_timeout_that_cannot_be_refreshed_is_no_timeout() -> None:
    with pytest.raises(ValueError, match="timeout_ms: wanted at least 3, was 2"):
        KeptArmed(Client("127.0.0.1", 1, client_id="a", secret="b"), 2)


# On a real gateway


def test_a_kept_switch_is_refreshed_and_turned_off_at_the_end(run: Run, session: Arguments) -> None:
    async def play() -> None:
        client = Client(**session())
        heard: list[Event] = []
        client.subscribe(heard.append)
        await client.logon(reset=True)
        order = client.new_order(1, Side.BUY, quantity="1", price="100")
        async with client.kept_armed(timeout_ms=600) as kept:
            # Twice its timeout: without refreshes it would have fired.
            await asyncio.sleep(1.2)
            assert kept.last is not None
            assert kept.last.armed
        assert (order.state, client.dead_man_switch is not None) == (OrderState.OPEN, True)
        statuses = of_kind(heard, DeadManSwitchStatus)
        assert [status.status for status in statuses] == [ACCEPTED] * len(statuses)
        assert [status.armed for status in statuses] == [True] * (len(statuses) - 1) + [False]
        assert len(statuses) >= 4
        await client.logout()

    run(play())


def test_an_exception_leaves_the_switch_to_fire(run: Run, session: Arguments) -> None:
    async def play() -> None:
        client = Client(**session())
        heard: list[Event] = []
        client.subscribe(heard.append)
        await client.logon(reset=True)
        order = client.new_order(1, Side.BUY, quantity="1", price="100")

        async def fail() -> None:
            async with client.kept_armed(timeout_ms=300):
                await until(client, lambda: order.state is OrderState.OPEN)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        await until(client, lambda: not order.is_live)
        assert [event.reason for event in of_kind(heard, OrderCanceled)] == [CancelReason.CLIENT_DISCONNECT]
        assert client.is_logged_on
        await client.logout()

    run(play())


def test_a_logon_sets_a_kept_switch_again(run: Run, session: Arguments) -> None:
    async def play() -> None:
        client = Client(**session())
        await client.logon(reset=True)
        async with client.kept_armed(timeout_ms=60_000) as kept:
            before = kept.last
            await client.close_line()
            await client.logon(reset=False)
            await until(client, lambda: kept.last is not before)
            assert kept.last is not None
            assert before is not None
            assert kept.last.status is ACCEPTED
            assert (kept.last.arm_sequence or 0) > (before.arm_sequence or 0)
        await client.logout()

    run(play())


def test_a_switch_that_is_refused_is_not_kept(run: Run, session: Arguments) -> None:
    async def play() -> None:
        client = Client(**session())
        await client.logon(reset=True)
        with pytest.raises(SwitchRefusedError, match="TIMEOUT_OUT_OF_RANGE"):
            await client.kept_armed(timeout_ms=86_400_000).__aenter__()
        assert client.dead_man_switch is not None
        assert not client.dead_man_switch.armed
        await client.logout()

    run(play())
