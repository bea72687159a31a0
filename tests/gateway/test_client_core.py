"""Requests, own orders and drop copies of the sans-IO client, against a peer made of the reference codec."""

from decimal import Decimal
from typing import Any

import pytest
from support.peer import Peer
from support.session import (
    START,
    cancel_entry,
    core_of,
    enter,
    fill_event,
    log_on,
    maker_fill,
    nine,
    plain,
    ready,
    response,
    state_of,
)

from codec.layout import CancelReason, OrderFlags, SelfTradingMode, Side, TimeInForce
from codec.values import INT64_NULL, Decimal72
from gateway.client_core import DropCopyCore
from gateway.client_events import DropCopy, Order, OrderState, SessionStateError, to_mantissa

# -- Orders ------------------------------------------------------------------------------------------------------------


def test_a_new_order_goes_out_as_it_was_asked_for() -> None:
    core, peer = ready()
    order = core.new_order(
        START,
        instrument_id=3,
        side=Side.SELL,
        quantity=Decimal("0.25"),
        price="64000.5",
        time_in_force=TimeInForce.IOC,
        client_order_id=42,
        correlation_id=7,
        post_only=True,
        post_only_reject=True,
        cancel_on_disconnect=True,
        self_match_prevention_id=9,
        self_trading_mode=SelfTradingMode.CANCEL_MAKER,
    )
    assert peer.brief(core.take_output()) == [
        (
            2,
            "NewOrderRequest",
            {
                "client_order_id": 42,
                "correlation_id": 7,
                "instrument_id": 3,
                "price": 64000_500_000_000,
                "quantity": Decimal72(250_000_000, -9),
                "show_qty": None,
                "self_match_prevention_id": 9,
                "side": -1,
                "time_in_force": -2,
                "flags": 7,
                "self_trading_mode": 1,
            },
        )
    ]
    assert state_of(order) == {
        "client_order_id": 42,
        "instrument_id": 3,
        "side": Side.SELL,
        "price_mantissa": 64000_500_000_000,
        "quantity_mantissa": 250_000_000,
        "total_filled_mantissa": 0,
        "order_id": None,
        "state": OrderState.PENDING,
        "cancel_reason": None,
        "in_doubt": False,
    }
    assert core.orders.live == {42: order}


def test_an_order_without_a_price_is_a_market_order() -> None:
    core, peer = ready()
    core.new_order(START, instrument_id=3, side=Side.BUY, quantity=1, price=None)
    (_, _, fields), *_ = peer.brief(core.take_output())
    assert (fields["price"], fields["flags"]) == (None, OrderFlags.MARKET_LIMIT)


def test_client_order_ids_are_a_series_of_their_own() -> None:
    core, _ = ready()
    ids = [core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1).client_order_id for _ in range(3)]
    assert ids == [1, 2, 3]


def test_an_acknowledged_order_is_open_with_what_the_gateway_made_of_it() -> None:
    core, peer = ready()
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="100.5", post_only=True)
    frame = peer.says("NewOrderResponse", **response(order, price=to_mantissa("100")))
    assert plain(core.received(START, frame)) == [("OrderAccepted", {"order": 1})]
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
        ("OrderAccepted", {"order": 1}),
        ("OrderFilled", fill_event(5, "100", "0.5", "0.5", is_maker=False)),
        ("OrderFilled", fill_event(6, "100.5", "1", "1.5", is_maker=False)),
        ("OrderCanceled", {"order": 1, "reason": CancelReason.TIME_IN_FORCE}),
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
        ("OrderCanceled", {"order": 1, "reason": CancelReason.CLIENT_DISCONNECT}),
        ("OrderCanceled", {"order": 3, "reason": CancelReason.ADMIN}),
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
    assert plain(core.received(START, frame)) == [("OrderCanceled", {"order": 1, "reason": CancelReason.BY_REQUEST})]
    assert (order.state, order.total_filled) == (OrderState.CANCELED, Decimal("0.5"))


def test_a_cancel_by_the_gateways_id_names_that_id() -> None:
    core, peer = ready()
    core.cancel_by_id(START, 1001, 1, correlation_id=8)
    request = {"order_id": 1001, "correlation_id": 8, "instrument_id": 1}
    assert peer.brief(core.take_output()) == [(2, "CancelOrderByIdRequest", request)]


def test_a_refused_cancel_leaves_the_order_as_it_is() -> None:
    core, peer = ready()
    order = enter(core, peer)
    frame = peer.says(
        "CancelOrderReject", client_order_id=1, order_id=1001, instrument_id=1, reason=4, details="already"
    )
    assert plain(core.received(START, frame)) == [
        ("CancelRejected", {"client_order_id": 1, "order_id": 1001, "reason": 4, "details": "already", "order": 1})
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
        ("RequestRejected", {"ref_sequence_number": 2, "reason": 4, "details": "timeInForce", "order": 1})
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


def test_a_live_client_order_id_is_not_used_twice() -> None:
    core, peer = ready()
    enter(core, peer)
    core.take_output()
    with pytest.raises(ValueError, match="client_order_id 1 is that of a live order"):
        core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1, client_order_id=1)
    assert core.take_output() == b""


def test_nothing_is_sent_without_a_session() -> None:
    core = core_of()
    for request in (
        lambda: core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1),
        lambda: core.cancel_by_id(START, 1, 1),
        lambda: core.logout(START),
        lambda: core.logon(START, reset=True),
    ):
        with pytest.raises(SessionStateError, match="while disconnected"):
            request()
    assert (core.take_output(), core.orders.live) == (b"", {})


# -- Drop copy ---------------------------------------------------------------------------------------------------------


def test_a_drop_copy_is_unwrapped() -> None:
    core, peer, origin = DropCopyCore(client_id="watch-1", secret="s"), Peer(), Peer()
    log_on(core, peer)
    frame = origin.says("OrdersCanceled", number=31, orders=[cancel_entry(Order(1, 1))])
    wrapped = peer.says(
        "DropCopyEvent",
        origin_client_id="maker-1",
        portfolio_id=3,
        session_epoch=8,
        origin_sequence_number=31,
        frame=frame,
    )
    (event,) = core.received(START, wrapped)
    ((_, found),) = plain([event])
    assert found == {
        "origin_client_id": "maker-1",
        "portfolio_id": 3,
        "session_epoch": 8,
        "origin_sequence_number": 31,
        "origin": origin.heard(frame)[0],
    }


def test_a_drop_copy_of_an_older_session_is_read_by_what_it_holds() -> None:
    core, peer, origin = DropCopyCore(client_id="watch-1", secret="s"), Peer(), Peer(version=9)
    log_on(core, peer)
    frame = origin.says("CancelOrderResponse", number=31, client_order_id=4, order_id=5, instrument_id=1)
    (event,) = core.received(START, peer.says("DropCopyEvent", origin_client_id="maker-1", frame=frame))
    assert isinstance(event, DropCopy)
    assert event.origin == origin.heard(frame)[0]
    assert event.origin.fields["total_filled"] is None


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
