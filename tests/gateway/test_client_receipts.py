"""Receipts in the client library, held against the cancels that a peer made of the reference codec has told of."""

from typing import Any

import pytest
from support.peer import Peer
from support.receipts import digest_of, entries, receipt
from support.session import START, core_of, log_on, plain, ready

from codec.layout import CancelOnDisconnectScope, Cause
from gateway.client_core import ClientCore
from gateway.client_drop_copy import DropCopyCore
from gateway.client_events import Event, MessagesLost
from gateway.client_receipts import Receipt
from gateway.client_state import RequestState
from gateway.limits import CLIENT_CANCELS_KEPT_MAX

GONE = entries(1, 2, 3)


def cancels(peer: Peer, *orders: dict[str, Any], exec_id: int = 5, is_last: bool = True, **header: Any) -> bytes:
    fields = {"timestamp": START, "exec_id": exec_id, "flags": int(is_last), "orders": list(orders)}
    return peer.says("OrdersCanceled", **header, **fields)


def told(peer: Peer, numbers: tuple[int, int] | None, *orders: dict[str, Any], **changed: Any) -> bytes:
    return peer.says("CancelOnDisconnectReceipt", **receipt("maker-1", Cause.TCP_RESET, orders, numbers, **changed))


def the_receipt(events: list[Event]) -> Receipt:
    (event,) = [event for event in events if isinstance(event, Receipt)]
    return event


def faults(core: ClientCore, data: bytes) -> tuple[str, ...]:
    event = the_receipt(core.received(START, data))
    assert event.verified == (not event.faults)
    return event.faults


def test_receipts_are_asked_for_and_answered() -> None:
    core, peer = ready()
    request, other = core.receipts(START, True), core.receipts(START, False, correlation_id=9)
    assert peer.brief(core.take_output()) == [
        (2, "SessionOptionsRequest", {"correlation_id": 2, "options": 1}),
        (3, "SessionOptionsRequest", {"correlation_id": 9, "options": 0}),
    ]
    events = core.received(START, peer.says("SessionOptionsResponse", correlation_id=2, session_epoch=4, options=1))
    events += core.received(START, peer.says("SessionOptionsResponse", correlation_id=9, session_epoch=4, options=0))
    assert plain(events) == [
        ("OptionsAnswered", {"session_epoch": 4, "receipts": True, "request": 2}),
        ("OptionsAnswered", {"session_epoch": 4, "receipts": False, "request": 3}),
    ]
    assert [one.state for one in (request, other)] == [RequestState.ACCEPTED] * 2


def test_whoever_wants_receipts_asks_at_every_logon() -> None:
    core, peer = core_of(receipts=True), Peer()
    log_on(core, peer)
    asked = {"correlation_id": 2, "options": 1}
    assert peer.brief(core.take_output()) == [(2, "SessionOptionsRequest", asked)]
    core.disconnected(START, "cut")
    log_on(core, peer, reset=False, last=2)
    assert peer.brief(core.take_output()) == [(4, "SessionOptionsRequest", {"correlation_id": 4, "options": 1})]


def test_an_answer_that_the_line_swallowed_is_not_waited_for() -> None:
    core, peer = ready()
    request = core.receipts(START, True)
    core.take_output()
    core.disconnected(START, "cut")
    log_on(core, peer, reset=False, last=2)
    assert request.state is RequestState.UNKNOWN


def test_a_receipt_of_the_cancels_that_were_read_is_verified() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE[:2], is_last=False))
    core.received(START, cancels(peer, *GONE[2:]))
    times = {"detected_time": START + 5, "fenced_time": START + 7, "completed_time": START + 11}
    (event,) = core.received(START, told(peer, (2, 3), *GONE, now=START, exempt=4, **times))
    assert plain([event]) == [
        (
            "Receipt",
            {
                "client_id": "maker-1",
                "portfolio_id": 1,
                "session_epoch": 1,
                "cause": Cause.TCP_RESET,
                "scope": CancelOnDisconnectScope.SESSION,
                "last_heard_time_ns": START,
                "detected_time_ns": START + 5,
                "fenced_time_ns": START + 7,
                "completed_time_ns": START + 11,
                "bound_count": 7,
                "cancelled_count": 3,
                "filled_count": 0,
                "exempt_count": 4,
                "unconfirmed_count": 0,
                "first_sequence_number": 2,
                "last_sequence_number": 3,
                "digest": digest_of(GONE),
                "faults": (),
            },
        )
    ]
    assert isinstance(event, Receipt)
    assert (event.verified, event.time_to_safe_ns, event.time_to_reported_ns) == (True, 2, 6)


def test_a_receipt_of_nothing_is_verified() -> None:
    core, peer = ready()
    assert faults(core, told(peer, None)) == ()


def test_what_other_events_cancelled_is_not_in_the_way() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE[:2], is_last=False))
    core.received(START, cancels(peer, *entries(8, 9, reason=12), exec_id=6))
    core.received(START, cancels(peer, *GONE[2:]))
    assert faults(core, told(peer, (2, 4), *GONE)) == ()


WRONG: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the digest": (
        {"digest": 1},
        (f"digest: read {digest_of(GONE):#x}, told 0x1",),
    ),
    "what was cancelled": (
        {"cancelled_count": 4, "bound_count": 4},
        ("cancelledCount: read 3, told 4",),
    ),
    "what was bound": (
        {"bound_count": 4},
        ("boundCount: told 4, its parts 3",),
    ),
    "what is exempt": (
        {"exempt_count": 1},
        ("boundCount: told 3, its parts 4",),
    ),
    "the last number": (
        {"last_sequence_number": 9},
        ("lastSequenceNumber: read 2, told 9",),
    ),
    "the first number": (
        {"first_sequence_number": 1},
        ("the cancels from number 1 on were not read here",),
    ),
}


@pytest.mark.parametrize("changed", WRONG)
def test_a_receipt_that_is_wrong_is_not_verified(changed: str) -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE))
    fields, wanted = WRONG[changed]
    assert faults(core, told(peer, (2, 2), *GONE, **fields)) == wanted


def test_one_order_too_few_is_found_out() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE[:2], is_last=False))
    assert faults(core, told(peer, (2, 2), *GONE)) == (
        "the last of the cancels was not read here",
        "cancelledCount: read 2, told 3",
        f"digest: read {digest_of(GONE[:2]):#x}, told {digest_of(GONE):#x}",
    )


def test_a_cancel_more_filled_than_told_is_found_out() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *entries(1, filled=0.5)))
    (fault,) = faults(core, told(peer, (2, 2), *entries(1)))
    assert fault.startswith("digest: ")


def test_what_a_replay_brings_counts_once_and_in_order() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE[:2], is_last=False))
    core.disconnected(START, "cut")
    cancels(peer, *GONE[2:])
    told(peer, (2, 3), *GONE)
    log_on(core, peer, reset=False, last=1)
    ((_, _, asked),) = peer.brief(core.take_output())
    assert asked == {"from_sequence_number": 3, "to_sequence_number": 4}
    assert faults(core, peer.again(3, 4)) == ()


def test_after_a_reset_the_cancels_count_under_their_new_numbers() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE[:2], is_last=False))
    core.disconnected(START, "cut")
    again = Peer()
    log_on(core, again)
    core.received(START, cancels(again, *GONE[:2], is_last=False))
    core.received(START, cancels(again, *GONE[2:]))
    assert faults(core, told(again, (2, 3), *GONE)) == ()


def test_cancels_that_are_lost_for_good_leave_nothing_to_check_by() -> None:
    core, peer = ready()
    core.disconnected(START, "cut")
    cancels(peer, *GONE[:2], is_last=False)
    cancels(peer, *GONE[2:])
    told(peer, (2, 3), *GONE)
    log_on(core, peer, reset=False, last=1)
    core.take_output()
    lost = peer.says("Reject", ref_sequence_number=3, reason=4, details="messages 2..2 no longer stored")
    events = core.received(START, lost + peer.says("GapFill", 2, 1, new_sequence_number=3) + peer.again(3, 4))
    assert [type(event) for event in events if isinstance(event, MessagesLost)] == [MessagesLost]
    assert the_receipt(events).faults == ("the cancels from number 2 on were not read here",)


def test_cancels_of_other_kinds_are_kept_in_bounded_number_and_those_of_a_fire_are_not_given_up() -> None:
    core, peer = ready()
    core.received(START, cancels(peer, *GONE[:2], is_last=False))
    for exec_id in range(100, 101 + 2 * CLIENT_CANCELS_KEPT_MAX):
        core.received(START, cancels(peer, *entries(8, reason=12), exec_id=exec_id))
    core.received(START, cancels(peer, *GONE[2:]))
    assert faults(core, told(peer, (2, peer.next_number - 1), *GONE)) == ()


def test_drop_copy_verifies_the_receipts_of_each_session_by_its_cancels() -> None:
    core, peer, origin = DropCopyCore(client_id="watch-1", secret="s"), Peer(), Peer()
    log_on(core, peer)

    def copied(client_id: str, number: int | None, frame: bytes) -> list[Event]:
        fields = {"portfolio_id": 1, "session_epoch": 1, "origin_sequence_number": number, "frame": frame}
        return core.received(START, peer.says("DropCopyEvent", origin_client_id=client_id, **fields))

    copied("maker-1", 31, cancels(origin, *GONE, number=31))
    copied("maker-2", 31, cancels(origin, *entries(8), number=31))
    body = receipt("maker-2", Cause.TCP_RESET, entries(8), (31, 31))
    events = copied("maker-2", None, origin.says("CancelOnDisconnectReceipt", 0, **body))
    assert [type(event).__name__ for event in events] == ["DropCopy", "Receipt"]
    assert the_receipt(events).faults == ()
    body = receipt("maker-1", Cause.TCP_RESET, GONE[:2], (31, 31))
    events = copied("maker-1", 32, origin.says("CancelOnDisconnectReceipt", 32, **body))
    assert [fault.split(":")[0] for fault in the_receipt(events).faults] == ["cancelledCount", "digest"]
