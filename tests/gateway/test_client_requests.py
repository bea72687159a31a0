"""Requests and their answers: which answer is whose, and what becomes of requests that the line swallowed."""

from support.peer import Peer
from support.quoting import ENTRY, GROUP, answer, both, quote
from support.session import START, amend_response, cancel_entry, enter, log_on, nine, plain, ready, response

from codec.layout import CancelReason, Side
from gateway.client_core import ClientCore
from gateway.client_state import Order, OrderState, Request, RequestState

# -- Answers -----------------------------------------------------------------------------------------------------------


def canceled(request: Request, order: Order) -> dict[str, object]:
    fields = {"client_order_id": order.client_order_id, "order_id": order.order_id, "instrument_id": 1}
    return fields | {"correlation_id": request.correlation_id, "quantity": nine("2"), "total_filled": nine("0")}


def test_answers_find_their_requests_in_any_order_by_what_they_echo() -> None:
    core, peer = ready()
    first, second = enter(core, peer), enter(core, peer)
    requests = [core.cancel(START, first), core.cancel(START, second)]
    core.received(START, peer.says("CancelOrderResponse", **canceled(requests[1], second)))
    assert [request.state for request in requests] == [RequestState.PENDING, RequestState.ACCEPTED]
    core.received(START, peer.says("CancelOrderResponse", **canceled(requests[0], first)))
    assert [request.is_pending for request in requests] == [False, False]


def test_of_requests_with_one_correlation_id_the_oldest_is_answered_first() -> None:
    core, peer = ready()
    order = enter(core, peer)
    first = core.amend(START, order, price="99", quantity="3", correlation_id=5)
    second = core.amend(START, order, price="98", quantity="3", correlation_id=5)
    core.received(START, peer.says("AmendOrderResponse", **amend_response(order, correlation_id=5)))
    assert (first.state, second.state) == (RequestState.ACCEPTED, RequestState.PENDING)
    reject = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "correlation_id": 5, "reason": 6}
    core.received(START, peer.says("AmendOrderReject", **reject))
    assert second.state is RequestState.REJECTED


def test_an_answer_of_one_kind_is_not_taken_for_one_of_another() -> None:
    core, peer = ready()
    order = enter(core, peer)
    amend = core.amend(START, order, price="99", quantity="3", correlation_id=5)
    cancel = core.cancel(START, order, correlation_id=5)
    core.received(START, peer.says("CancelOrderResponse", **canceled(cancel, order)))
    assert (amend.state, cancel.state) == (RequestState.PENDING, RequestState.ACCEPTED)


def test_a_reject_of_the_session_layer_names_the_request() -> None:
    core, peer = ready()
    bid, ask, _ = quote(core, peer, 10)
    request = core.mass_quote(START, GROUP, [ENTRY])
    frame = peer.says("Reject", ref_sequence_number=request.sequence_number, reason=5, details="not here")
    (event,) = core.received(START, frame)
    assert plain([event]) == [
        ("RequestRejected", {"ref_sequence_number": 3, "reason": 5, "details": "not here", "request": 3})
    ]
    assert (request.state, request.answer) == (RequestState.REJECTED, event)
    assert core.quotes.live == {10: bid, 11: ask}


def test_what_answers_no_request_of_ours_settles_none() -> None:
    core, peer = ready()
    order = enter(core, peer)
    request = core.amend(START, order, price="99", quantity="3")
    core.received(START, peer.says("AmendOrderResponse", **amend_response(order, correlation_id=None)))
    assert (request.state, request.answer) == (RequestState.PENDING, None)


# -- Lost lines --------------------------------------------------------------------------------------------------------


def requests_of(core: ClientCore, order: Order) -> list[Request]:
    return [
        core.amend(START, order, price="99", quantity="3"),
        core.mass_quote(START, GROUP, [ENTRY]),
        core.mass_cancel(START, instrument_id=1),
    ]


def test_requests_that_the_line_swallowed_are_known_at_the_next_logon() -> None:
    core, peer = ready()
    order = enter(core, peer)
    bid, _, _ = quote(core, peer, 10)
    requests = requests_of(core, order)
    fresh = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="98")
    core.disconnected(START, "reset")
    amend, mass_quote, mass_cancel = requests
    peer.says("AmendOrderResponse", **amend_response(order, correlation_id=amend.correlation_id))
    ends = [cancel_entry(order), {**cancel_entry(order), "order_id": 10, "flags": 1}]
    peer.says("OrdersCanceled", orders=ends)
    events = log_on(core, peer, reset=False, last=amend.sequence_number)
    assert plain(events)[1:4] == [
        ("RequestNotReceived", {"request": mass_quote.sequence_number}),
        ("RequestNotReceived", {"request": mass_cancel.sequence_number}),
        ("OrderNotReceived", {"order": fresh.client_order_id}),
    ]
    assert [request.state for request in requests] == [
        RequestState.PENDING,
        RequestState.NOT_RECEIVED,
        RequestState.NOT_RECEIVED,
    ]
    events = core.received(START, peer.again(4, 5))
    assert [name for name, _ in plain(events)] == ["OrderAmended", "OrderCanceled", "QuoteCanceled", "GapClosed"]
    assert (amend.state, fresh.state, order.state) == (
        RequestState.ACCEPTED,
        OrderState.NOT_RECEIVED,
        OrderState.CANCELED,
    )
    assert (core.orders.live, [quote.order_id for quote in core.quotes.live.values()]) == ({}, [11])
    assert (bid.state, bid.cancel_reason) == (OrderState.CANCELED, CancelReason.CLIENT_DISCONNECT)


def test_requests_are_not_taken_for_received_because_a_later_logon_was() -> None:
    core, peer = ready()
    order = enter(core, peer)
    amend = core.amend(START, order, price="99", quantity="3")
    fresh = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="98")
    core.disconnected(START, "reset")
    core.connected(START)
    core.logon(START, reset=False)
    unanswered_logon = core.numbers.next_outbound - 1
    peer.says("LogonConf", last=2)
    core.disconnected(START, "reset")
    peer.says("OrdersCanceled", orders=[cancel_entry(order)])
    assert [name for name, _ in plain(log_on(core, peer, reset=False, last=unanswered_logon))] == [
        "LoggedOn",
        "GapDetected",
    ]
    assert (amend.state, fresh.state) == (RequestState.PENDING, OrderState.PENDING)
    assert [name for name, _ in plain(core.received(START, peer.again(3, 4)))] == [
        "OrderCanceled",
        "RequestNotReceived",
        "OrderNotReceived",
        "GapClosed",
    ]
    assert (amend.state, fresh.state) == (RequestState.NOT_RECEIVED, OrderState.NOT_RECEIVED)


def test_after_a_logon_with_reset_nobody_knows_what_became_of_the_requests_before_it() -> None:
    core, peer = ready()
    order = enter(core, peer)
    bid, ask, _ = quote(core, peer, 10)
    requests = requests_of(core, order)
    entering = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="98")
    core.disconnected(START, "reset")
    fresh = Peer()
    log_on(core, fresh, reset=True)
    assert [request.state for request in requests] == [RequestState.UNKNOWN] * 3
    assert [held.in_doubt for held in (order, entering, bid, ask)] == [True] * 4
    assert core.received(START, fresh.says("Reject", ref_sequence_number=requests[1].sequence_number, reason=4)) != []
    assert requests[1].state is RequestState.UNKNOWN


def test_what_is_asked_after_a_logon_is_not_in_doubt_for_what_was_lost_before_it() -> None:
    core, peer = ready()
    order = enter(core, peer)
    older = core.amend(START, order, price="99", quantity="3")
    core.disconnected(START, "reset")
    peer.says("AmendOrderResponse", **amend_response(order, correlation_id=older.correlation_id))
    log_on(core, peer, reset=False, last=older.sequence_number)
    (_, resend, _), *_ = ((0, message, 0) for message in peer.heard(core.take_output()))
    newer = core.mass_quote(START, GROUP, [ENTRY])
    entering = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="98")
    lost = peer.says("Reject", ref_sequence_number=resend.header.sequence_number, reason=4, details="no longer stored")
    stands_in = peer.says("GapFill", 3, resent=1, new_sequence_number=4)
    events = core.received(START, lost + stands_in)
    assert "MessagesLost" in [name for name, _ in plain(events)]
    assert (older.state, newer.state) == (RequestState.UNKNOWN, RequestState.PENDING)
    assert (order.in_doubt, entering.in_doubt) == (True, False)
    core.received(START, peer.says("MassQuoteResponse", **answer(newer, both(10))))
    core.received(START, peer.says("NewOrderResponse", **response(entering)))
    assert (newer.state, entering.state) == (RequestState.ACCEPTED, OrderState.OPEN)
