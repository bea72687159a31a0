"""The switches of a connection and the drill in the client library, by a peer made of the reference codec."""

from decimal import Decimal
from typing import Any

import pytest
from support.peer import Peer
from support.session import START, S, log_on, nine, plain, ready

from codec import messages
from codec.layout import CancelOnDisconnectScope, CancelOnDisconnectStatus, OpenOrderFlags, Side
from gateway.client_cover import OpenOrder, OpenOrdersListed
from gateway.client_state import RequestState
from gateway.client_values import to_mantissa

PORTFOLIO = CancelOnDisconnectScope.PORTFOLIO


def entry(order_id: int, flags: int = 0, **changed: Any) -> dict[str, Any]:
    fields = {
        "client_order_id": order_id + 100,
        "order_id": order_id,
        "instrument_id": 1,
        "price": to_mantissa("100.5"),
        "quantity": nine("2"),
        "total_filled": nine("0.25"),
        "side": Side.BUY,
        "flags": flags,
    }
    return fields | changed


def listed(order_id: int, **changed: Any) -> OpenOrder:
    fields: dict[str, Any] = {
        "client_order_id": order_id + 100,
        "order_id": order_id,
        "instrument_id": 1,
        "side": Side.BUY,
        "price": Decimal("100.5"),
        "quantity": Decimal(2),
        "total_filled": Decimal("0.25"),
        "is_quote": False,
        "is_covered": False,
    }
    return OpenOrder(**fields | changed)


def list_frame(peer: Peer, correlation_id: int, *orders: dict[str, Any], is_last: bool) -> bytes:
    """The next frame of the peer's stream, which is not kept: nobody is told of it again."""
    number = peer.next_number
    peer.next_number += 1
    fields = {"correlation_id": correlation_id, "timestamp": START, "flags": int(is_last), "orders": list(orders)}
    return messages.encode("OpenOrdersResponse", fields, sequence_number=number)


def test_a_switch_is_asked_for_and_answered() -> None:
    core, peer = ready()
    session, portfolio = core.cover(START, True), core.cover(START, False, scope=PORTFOLIO, correlation_id=9)
    assert peer.brief(core.take_output()) == [
        (2, "CancelOnDisconnectRequest", {"correlation_id": 2, "scope": 0, "enabled": 1}),
        (3, "CancelOnDisconnectRequest", {"correlation_id": 9, "scope": 1, "enabled": 0}),
    ]
    told = {"correlation_id": 2, "scope": 0, "enabled": 1, "active": 1, "status": 0, "covered_orders": 7}
    refused = {"correlation_id": 9, "scope": 1, "enabled": 0, "active": 0, "status": 3, "covered_orders": 0}
    events = core.received(START, peer.says("CancelOnDisconnectResponse", **told))
    events += core.received(START, peer.says("CancelOnDisconnectResponse", **refused))
    wanted = [
        {
            "scope": fields["scope"],
            "enabled": bool(fields["enabled"]),
            "active": bool(fields["active"]),
            "status": CancelOnDisconnectStatus(fields["status"]),
            "covered_orders": fields["covered_orders"],
            "request": number,
        }
        for number, fields in ((2, told), (3, refused))
    ]
    assert plain(events) == [("CoverAnswered", fields) for fields in wanted]
    assert (session.state, session.answer) == (RequestState.ACCEPTED, events[0])
    assert (portfolio.state, portfolio.answer) == (RequestState.REJECTED, events[1])


def test_a_list_is_told_when_its_last_frame_has_come() -> None:
    core, peer = ready()
    request = core.open_orders(START, scope=PORTFOLIO, covered_only=True)
    assert peer.brief(core.take_output()) == [
        (2, "OpenOrdersRequest", {"correlation_id": 2, "scope": 1, "covered_only": 1})
    ]
    first = list_frame(peer, 2, entry(1), entry(2), is_last=False)
    assert core.received(START, first) == []
    assert request.is_pending
    entries = [
        entry(3, OpenOrderFlags.IS_QUOTE | OpenOrderFlags.IS_COVERED, side=Side.SELL),
        entry(4, price=None),
    ]
    last = list_frame(peer, 2, *entries, is_last=True)
    (event,) = core.received(START + S, last)
    assert isinstance(event, OpenOrdersListed)
    assert event.orders == (
        listed(1),
        listed(2),
        listed(3, side=Side.SELL, is_quote=True, is_covered=True),
        listed(4, price=None),
    )
    assert (event.timestamp_ns, event.received_time_ns, event.request) == (START, START + S, request)
    assert (request.state, request.answer) == (RequestState.ACCEPTED, event)


def test_a_list_may_be_empty_and_the_next_one_begins_anew() -> None:
    core, peer = ready()
    for orders, wanted in (([entry(1)], (listed(1),)), ([], ())):
        request = core.open_orders(START)
        frame = list_frame(peer, request.correlation_id, *orders, is_last=True)
        (event,) = core.received(START, frame)
        assert isinstance(event, OpenOrdersListed)
        assert event.orders == wanted


def test_a_second_list_at_once_is_refused() -> None:
    core, peer = ready()
    core.open_orders(START)
    second = core.open_orders(START)
    core.received(START, peer.says("Reject", ref_sequence_number=3, reason=4, details="one at a time"))
    assert second.state is RequestState.REJECTED


@pytest.mark.parametrize("reset", [False, True])
def test_a_list_that_a_loss_has_cut_short_is_given_up(reset: bool) -> None:
    core, peer = ready()
    request = core.open_orders(START)
    core.received(START, list_frame(peer, 2, entry(1), is_last=False))
    core.disconnected(START, "cut")
    if reset:
        peer.next_number = 1
    log_on(core, peer, reset=reset, last=2)
    assert request.state is RequestState.UNKNOWN
    again = core.open_orders(START)
    frame = list_frame(peer, again.correlation_id, entry(2), is_last=True)
    (event,) = [event for event in core.received(START, frame) if isinstance(event, OpenOrdersListed)]
    assert event.orders == (listed(2),)


def test_a_list_that_was_never_asked_for_because_the_request_was_lost_is_told_so() -> None:
    core, peer = ready()
    request = core.open_orders(START)
    core.disconnected(START, "cut")
    events = log_on(core, peer, reset=False, last=1)
    assert [name for name, _ in plain(events)] == ["LoggedOn", "RequestNotReceived"]
    assert request.state is RequestState.NOT_RECEIVED
