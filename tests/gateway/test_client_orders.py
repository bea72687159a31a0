"""A session's own orders against a peer made of the reference codec: true by whatever the gateway says of them."""

from decimal import Decimal
from typing import Any

import pytest
from support.session import (
    START,
    amend_response,
    cancel_entry,
    canceled_event,
    enter,
    fill_event,
    maker_fill,
    nine,
    plain,
    ready,
    response,
    state_of,
    taken,
)

from codec.layout import CancelOrderRejectReason, CancelReason, OrderStatus, Side
from codec.values import INT64_NULL, Decimal72
from gateway.client_state import Order, OrderState, RequestState
from gateway.client_values import to_mantissa


def test_an_acknowledged_order_is_open_with_what_the_gateway_made_of_it() -> None:
    core, peer = ready()
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="100.5", post_only=True)
    frame = peer.says("NewOrderResponse", **response(order, price=to_mantissa("100")))
    assert plain(core.received(START, frame)) == [("OrderAccepted", {"order": 1, "status": OrderStatus.ACTIVE})]
    assert (order.state, order.order_id, order.price, order.quantity) == (OrderState.OPEN, 1001, 100, 2)


def test_fills_of_a_taker_come_with_their_running_sum_and_its_end() -> None:
    core, peer = ready()
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="100.5")
    fills = [
        {"match_id": 5, "fill_price": to_mantissa("100"), "fill_qty": nine("0.5")},
        {"match_id": 6, "fill_price": to_mantissa("100.5"), "fill_qty": nine("1")},
    ]
    answer = response(order, total_filled=nine("1.5"), status=3, cancel_reason=2, fills=fills)
    assert plain(core.received(START, peer.says("NewOrderResponse", **answer))) == [
        ("OrderAccepted", {"order": 1, "status": OrderStatus.CANCELED}),
        ("OrderFilled", fill_event(5, "100", "0.5", "0.5", is_maker=False)),
        ("OrderFilled", fill_event(6, "100.5", "1", "1.5", is_maker=False)),
        canceled_event(1, CancelReason.TIME_IN_FORCE),
    ]
    assert (order.state, order.total_filled, core.orders.live) == (OrderState.CANCELED, Decimal("1.5"), {})


def test_fills_of_a_maker_end_the_order_with_the_last() -> None:
    core, peer = ready()
    order = enter(core, peer)
    first = core.received(START, peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "0.5", 5)]))
    assert (order.state, order.total_filled) == (OrderState.OPEN, Decimal("0.5"))
    last = core.received(START, peer.says("OrderFilled", fills=[maker_fill(order, "1.5", "2", 6, flags=2)]))
    assert plain(first + last) == [
        ("OrderFilled", fill_event(5, "100.5", "0.5", "0.5", is_maker=True)),
        ("OrderFilled", fill_event(6, "100.5", "1.5", "2", is_maker=True)),
    ]
    assert (order.state, order.total_filled, core.orders.live) == (OrderState.FILLED, 2, {})


def test_a_310_ends_each_of_its_orders_with_its_reason_and_fill() -> None:
    core, peer = ready()
    first, second, third = enter(core, peer), enter(core, peer), enter(core, peer)
    frame = peer.says("OrdersCanceled", orders=[cancel_entry(first, "0.5"), cancel_entry(third, "0", reason=3)])
    assert plain(core.received(START, frame)) == [
        canceled_event(1, CancelReason.CLIENT_DISCONNECT),
        canceled_event(3, CancelReason.ADMIN),
    ]
    assert [(order.state, order.total_filled) for order in (first, second, third)] == [
        (OrderState.CANCELED, Decimal("0.5")),
        (OrderState.OPEN, 0),
        (OrderState.CANCELED, 0),
    ]
    assert core.orders.live == {2: second}


def test_a_cancel_of_ours_ends_the_order_when_it_is_answered_and_not_before() -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.take_output()
    core.cancel(START, order, correlation_id=8)
    request = {"client_order_id": 1, "correlation_id": 8, "instrument_id": 1}
    assert peer.brief(core.take_output()) == [(3, "CancelOrderRequest", request)]
    assert order.state is OrderState.OPEN
    answer = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "correlation_id": 8}
    frame = peer.says("CancelOrderResponse", **answer, quantity=nine("2"), total_filled=nine("0.5"))
    assert plain(core.received(START, frame)) == [canceled_event(1, CancelReason.BY_REQUEST, request=3)]
    assert (order.state, order.total_filled) == (OrderState.CANCELED, Decimal("0.5"))


def test_a_refused_cancel_leaves_the_order_as_it_is() -> None:
    core, peer = ready()
    order = enter(core, peer)
    request = core.cancel(START, order)
    frame = peer.says(
        "CancelOrderReject",
        correlation_id=request.correlation_id,
        client_order_id=1,
        order_id=1001,
        instrument_id=1,
        reason=4,
        details="already",
    )
    assert plain(core.received(START, frame)) == [
        (
            "CancelRejected",
            {
                "client_order_id": 1,
                "order_id": 1001,
                "reason": 4,
                "details": "already",
                "order": 1,
                "request": 3,
            },
        )
    ]
    assert core.orders.live == {1: order}


def test_a_rejected_order_never_lived() -> None:
    core, peer = ready()
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="100.3")
    frame = peer.says(
        "NewOrderReject", client_order_id=1, order_id=INT64_NULL, instrument_id=1, reason=6, details="off the tick"
    )
    assert plain(core.received(START, frame)) == [
        ("OrderRejected", {"order": 1, "reason": 6, "details": "off the tick"})
    ]
    assert (order.state, core.orders.live) == (OrderState.REJECTED, {})


def test_an_order_that_the_gateway_cannot_read_never_lived() -> None:
    core, peer = ready()
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="100.5")
    (number, _, _), *_ = peer.brief(core.take_output())
    frame = peer.says("Reject", ref_sequence_number=number, reason=4, details="timeInForce")
    assert plain(core.received(START, frame)) == [
        ("RequestRejected", {"ref_sequence_number": 2, "reason": 4, "details": "timeInForce", "request": 2})
    ]
    assert (order.state, core.orders.live) == (OrderState.REJECTED, {})


def test_an_unknown_order_is_made_from_what_is_said_of_it() -> None:
    core, peer = ready()
    stranger = Order(77, 1, order_id=5)
    events = core.received(START, peer.says("OrderFilled", fills=[maker_fill(stranger, "0.5", "0.5", 9)]))
    (order,) = core.orders.live.values()
    assert [type(event).__name__ for event in events] == ["OrderFilled"]
    assert (order.client_order_id, order.order_id, order.side, order.quantity) == (77, 5, Side.BUY, None)
    assert (order.state, order.total_filled) == (OrderState.OPEN, Decimal("0.5"))


def test_a_used_client_order_id_belongs_to_the_newer_order() -> None:
    core, peer = ready()
    older = enter(core, peer)
    answer = response(older, order_id=2000)
    core.received(START, peer.says("NewOrderResponse", **answer))
    core.received(START, peer.says("OrdersCanceled", orders=[cancel_entry(older)]))
    assert [order.order_id for order in core.orders.live.values()] == [2000]


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ({"cancel_reason": 18}, "orders.cancelReason at offset 86: wanted a value of CancelReason, was 18"),
        ({"total_filled": Decimal72(1, -10)}, "Decimal72(mantissa=1, exponent=-10): not a multiple of 1e-9"),
    ],
)
def test_a_frame_that_says_what_cannot_be_ends_the_line(order: dict[str, Any], complaint: str) -> None:
    core, peer = ready()
    frame = peer.says("OrdersCanceled", orders=[{"client_order_id": 1, "order_id": 5, **order}])
    assert core.received(START, frame) == []
    assert plain(core.disconnected(START, "closed")) == [
        ("Disconnected", {"detail": f"the gateway sent a frame that cannot be read: {complaint}"})
    ]


# -- Amends ------------------------------------------------------------------------------------------------------------


def amended_event(order: int, status: OrderStatus, request: int | None) -> tuple[str, dict[str, Any]]:
    return "OrderAmended", {"order": order, "status": status, "request": request}


def test_an_amended_order_has_its_new_terms_when_the_amend_is_answered_and_not_before() -> None:
    core, peer = ready()
    order = enter(core, peer)
    request = core.amend(START, order, price="99", quantity="3")
    assert (order.price, order.quantity) == (Decimal("100.5"), 2)
    answer = amend_response(order, correlation_id=request.correlation_id, visible_qty=nine("0.5"))
    (event,) = core.received(START, peer.says("AmendOrderResponse", **answer))
    assert plain([event]) == [amended_event(1, OrderStatus.ACTIVE, 3)]
    assert (order.price, order.quantity, order.visible_mantissa) == (99, 3, to_mantissa("0.5"))
    assert (order.state, order.remaining, core.orders.live) == (OrderState.OPEN, 3, {1: order})
    assert (request.state, request.answer) == (RequestState.ACCEPTED, event)


def test_what_an_amend_takes_counts_on_from_what_had_filled() -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.received(START, peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "0.5", 5)]))
    request = core.amend(START, order, price="99", quantity="3")
    fills = [taken(6, "98", "1"), taken(7, "99", "1.5")]
    answer = amend_response(order, correlation_id=request.correlation_id, total_filled=nine("3"), status=2, fills=fills)
    assert plain(core.received(START, peer.says("AmendOrderResponse", **answer))) == [
        amended_event(1, OrderStatus.FILLED, 3),
        ("OrderFilled", fill_event(6, "98", "1", "1.5", is_maker=False)),
        ("OrderFilled", fill_event(7, "99", "1.5", "3", is_maker=False)),
    ]
    assert (order.state, order.remaining, core.orders.live) == (OrderState.FILLED, 0, {})


def test_an_amend_to_what_has_filled_closes_the_order() -> None:
    core, peer = ready()
    order = enter(core, peer)
    request = core.amend(START, order, price="99", quantity="1")
    answer = amend_response(
        order, correlation_id=request.correlation_id, total_filled=nine("1"), status=3, cancel_reason=12
    )
    assert plain(core.received(START, peer.says("AmendOrderResponse", **answer))) == [
        amended_event(1, OrderStatus.CANCELED, 3),
        canceled_event(1, CancelReason.BY_REQUEST),
    ]
    assert (order.state, order.total_filled, core.orders.live) == (OrderState.CANCELED, 1, {})


def test_a_refused_amend_leaves_the_order_as_it_is() -> None:
    core, peer = ready()
    order = enter(core, peer)
    before = state_of(order)
    request = core.amend(START, order, price="99", quantity="3")
    reject = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "reason": 19, "details": "four wait"}
    (event,) = core.received(START, peer.says("AmendOrderReject", correlation_id=request.correlation_id, **reject))
    fields = {"client_order_id": 1, "order_id": 1001, "reason": 19, "details": "four wait", "order": 1, "request": 3}
    assert plain([event]) == [("AmendRejected", fields)]
    assert (state_of(order), core.orders.live) == (before, {1: order})
    assert (request.state, request.answer) == (RequestState.REJECTED, event)


# -- Orders of several sessions ----------------------------------------------------------------------------------------


def test_an_amend_by_another_session_changes_our_order() -> None:
    core, peer = ready()
    order = enter(core, peer)
    answer = amend_response(order, correlation_id=None, fills=[taken(6, "98", "1")], total_filled=nine("1"))
    assert plain(core.received(START, peer.says("AmendOrderResponse", **answer))) == [
        amended_event(1, OrderStatus.ACTIVE, None),
        ("OrderFilled", fill_event(6, "98", "1", "1", is_maker=False)),
    ]
    assert (order.price, order.remaining) == (99, 2)


@pytest.mark.parametrize("version", [16, 15, 1])
def test_a_cancel_by_another_session_ends_our_order_in_sessions_below_version_17(version: int) -> None:
    core, peer = ready(version)
    order = enter(core, peer)
    core.received(START, peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "0.5", 5)]))
    answer = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "correlation_id": None}
    frame = peer.says("CancelOrderResponse", **answer, quantity=nine("2"), total_filled=nine("0.5"))
    assert plain(core.received(START, frame)) == [canceled_event(1, CancelReason.BY_REQUEST)]
    assert (order.state, order.quantity, order.total_filled) == (OrderState.CANCELED, 2, Decimal("0.5"))


def test_an_order_of_another_session_that_we_amend_is_not_one_of_ours() -> None:
    core, peer = ready()
    stranger = Order(50, 1)
    request = core.amend(START, stranger, price="99", quantity="3")
    answer = amend_response(stranger, order_id=7, correlation_id=request.correlation_id)
    assert plain(core.received(START, peer.says("AmendOrderResponse", **answer))) == [
        amended_event(50, OrderStatus.ACTIVE, 2)
    ]
    assert (stranger.order_id, stranger.price, stranger.is_own, core.orders.live) == (7, 99, False, {})


@pytest.mark.parametrize("version", [17, 7])
def test_an_amend_of_another_sessions_order_may_wait_behind_a_speed_bump(version: int) -> None:
    core, peer = ready(version)
    stranger = Order(50, 1)
    request = core.amend(START, stranger, price="99", quantity="3")
    answer = amend_response(stranger, order_id=7, correlation_id=request.correlation_id, status=4)
    core.received(START, peer.says("AmendOrderResponse", **answer))
    assert (stranger.state, core.orders.live) == (OrderState.QUEUED, {})
    placed = placed_order(stranger, order_id=7, correlation_id=request.correlation_id)
    assert plain(core.received(START, peer.says("OrderPlaced", **placed))) == [
        ("OrderPlaced", {"order": 50, "status": OrderStatus.ACTIVE})
    ]
    assert (stranger.state, stranger.is_own, core.orders.live) == (OrderState.OPEN, False, {})


@pytest.mark.parametrize("by_id", [False, True])
def test_an_order_of_another_session_that_we_cancel_is_not_one_of_ours(by_id: bool) -> None:
    core, peer = ready()
    request = core.cancel_by_id(START, 7, 1) if by_id else core.cancel(START, Order(50, 1))
    answer = {"client_order_id": 50, "order_id": 7, "instrument_id": 1, "correlation_id": request.correlation_id}
    frame = peer.says("CancelOrderResponse", **answer, quantity=nine("2"), total_filled=nine("0.5"))
    (event,) = core.received(START, frame)
    assert plain([event]) == [canceled_event(50, CancelReason.BY_REQUEST, request=2)]
    assert request.order is not None
    assert state_of(request.order) == state_of(Order(50, 1)) | {
        "order_id": 7,
        "quantity_mantissa": to_mantissa("2"),
        "total_filled_mantissa": to_mantissa("0.5"),
        "state": OrderState.CANCELED,
        "cancel_reason": CancelReason.BY_REQUEST,
    }
    assert core.orders.live == {}


def test_a_cancel_by_the_gateways_id_ends_an_order_of_ours() -> None:
    core, peer = ready()
    order = enter(core, peer)
    request = core.cancel_by_id(START, 1001, 1)
    assert request.order is order
    answer = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "correlation_id": request.correlation_id}
    core.received(START, peer.says("CancelOrderResponse", **answer, quantity=nine("2"), total_filled=nine("0")))
    assert (order.state, core.orders.live) == (OrderState.CANCELED, {})


def test_an_answer_to_an_amend_from_before_our_memory_leaves_its_order_in_doubt() -> None:
    core, peer = ready()
    answer = amend_response(Order(50, 1), order_id=7, correlation_id=12)
    core.received(START, peer.says("AmendOrderResponse", **answer))
    order = core.orders.live[50]
    assert (order.is_own, order.in_doubt) == (True, True)
    core.received(START, peer.says("OrdersCanceled", orders=[cancel_entry(order)]))
    assert (order.state, order.in_doubt, core.orders.live) == (OrderState.CANCELED, False, {})


def test_an_amend_by_another_session_of_an_order_from_before_our_memory_is_of_one_of_ours() -> None:
    core, peer = ready()
    answer = amend_response(Order(50, 1), order_id=7, correlation_id=None)
    core.received(START, peer.says("AmendOrderResponse", **answer))
    order = core.orders.live[50]
    assert (order.is_own, order.in_doubt, order.state) == (True, False, OrderState.OPEN)


# -- Speed bumps -------------------------------------------------------------------------------------------------------


def placed_order(order: Order, **changes: Any) -> dict[str, Any]:
    placed = response(order, **changes)
    del placed["side"]
    return placed


@pytest.mark.parametrize("version", [17, 8, 7, 1])
def test_a_queued_order_is_live_and_is_placed_when_it_is_released(version: int) -> None:
    core, peer = ready(version)
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="100.5")
    events = core.received(START, peer.says("NewOrderResponse", **response(order, status=4, visible_qty=nine("0"))))
    assert plain(events) == [("OrderAccepted", {"order": 1, "status": OrderStatus.QUEUED})]
    assert (order.state, order.is_live, order.remaining) == (OrderState.QUEUED, True, 2)
    fills = [taken(5, "100", "0.5"), taken(6, "100.5", "1")]
    placed = placed_order(order, total_filled=nine("1.5"), visible_qty=nine("0.5"), fills=fills, correlation_id=2)
    assert plain(core.received(START, peer.says("OrderPlaced", **placed))) == [
        ("OrderPlaced", {"order": 1, "status": OrderStatus.ACTIVE}),
        ("OrderFilled", fill_event(5, "100", "0.5", "0.5", is_maker=False)),
        ("OrderFilled", fill_event(6, "100.5", "1", "1.5", is_maker=False)),
    ]
    assert (order.state, order.remaining, core.orders.live) == (OrderState.OPEN, Decimal("0.5"), {1: order})


def test_a_cancel_of_a_queued_order_is_refused_and_the_order_does_not_rest() -> None:
    core, peer = ready()
    order = enter(core, peer, status=4)
    request = core.cancel(START, order)
    reject = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "reason": 8, "details": "will not rest"}
    frame = peer.says("CancelOrderReject", correlation_id=request.correlation_id, **reject)
    fields = {
        "client_order_id": 1,
        "order_id": 1001,
        "reason": CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC,
        "details": "will not rest",
        "order": 1,
        "request": 3,
    }
    assert plain(core.received(START, frame)) == [("CancelRejected", fields)]
    assert order.state is OrderState.QUEUED
    placed = placed_order(order, status=3, cancel_reason=2)
    assert plain(core.received(START, peer.says("OrderPlaced", **placed))) == [
        ("OrderPlaced", {"order": 1, "status": OrderStatus.CANCELED}),
        canceled_event(1, CancelReason.TIME_IN_FORCE),
    ]
    assert (order.state, core.orders.live) == (OrderState.CANCELED, {})


def test_an_order_with_an_amend_that_waits_is_queued_until_the_amend_is_made() -> None:
    core, peer = ready()
    order = enter(core, peer)
    request = core.amend(START, order, price="99", quantity="3")
    answer = amend_response(order, correlation_id=request.correlation_id, status=4)
    assert plain(core.received(START, peer.says("AmendOrderResponse", **answer))) == [
        amended_event(1, OrderStatus.QUEUED, 3)
    ]
    assert (order.state, order.is_live, request.state) == (OrderState.QUEUED, True, RequestState.ACCEPTED)
    placed = placed_order(order, price=to_mantissa("99"), quantity=nine("3"), correlation_id=3)
    core.received(START, peer.says("OrderPlaced", **placed))
    assert (order.state, order.price, order.remaining) == (OrderState.OPEN, 99, 3)


def test_a_queued_order_dies_at_the_fence_like_any_other() -> None:
    core, peer = ready()
    order = enter(core, peer, status=4)
    core.received(START, peer.says("OrdersCanceled", orders=[cancel_entry(order)]))
    assert (order.state, core.orders.live) == (OrderState.CANCELED, {})


def test_an_order_from_before_our_memory_that_is_placed_is_in_doubt() -> None:
    core, peer = ready()
    core.received(START, peer.says("OrderPlaced", **placed_order(Order(50, 1), order_id=7, correlation_id=4)))
    order = core.orders.live[50]
    assert (order.state, order.in_doubt) == (OrderState.OPEN, True)


# -- Mass cancels ------------------------------------------------------------------------------------------------------


def test_a_mass_cancel_tells_how_many_and_the_310s_tell_which() -> None:
    core, peer = ready()
    orders = [enter(core, peer), enter(core, peer)]
    request = core.mass_cancel(START, instrument_id=1)
    frame = peer.says("MassCancelResponse", correlation_id=request.correlation_id, total_order_count=5)
    (event,) = core.received(START, frame)
    assert plain([event]) == [("MassCancelAccepted", {"total_order_count": 5, "request": 4})]
    assert (request.answer, len(core.orders.live)) == (event, 2)
    frame = peer.says("OrdersCanceled", orders=[cancel_entry(order, reason=12) for order in orders])
    assert plain(core.received(START, frame)) == [
        canceled_event(1, CancelReason.BY_REQUEST),
        canceled_event(2, CancelReason.BY_REQUEST),
    ]
    assert core.orders.live == {}


@pytest.mark.parametrize("of_quotes", [False, True])
def test_a_mass_cancel_may_be_refused(of_quotes: bool) -> None:
    core, peer = ready()
    request = core.cancel_quotes(START, 7) if of_quotes else core.mass_cancel(START)
    frame = peer.says("MassCancelReject", correlation_id=request.correlation_id, reason=1, details="no such group")
    assert plain(core.received(START, frame)) == [
        ("MassCancelRejected", {"reason": 1, "details": "no such group", "request": 2})
    ]
    assert request.state is RequestState.REJECTED
