"""How the messages about orders come onto the wire."""

from unittest.mock import ANY

from support.frames import (
    BY_REQUEST,
    CLIENT_DISCONNECT,
    SELL,
    amend_reject,
    amend_response,
    fill,
    new_order_reject,
    order_filled,
    orders_canceled,
    response,
)
from support.message_index import check_frame
from support.play import Play

INVALID_QUANTITY, ORDER_NOT_FOUND = 5, 12
UNKNOWN_ORDER = 1


def new_order(play: Play) -> None:
    taker = play.stage.trader("taker")
    resting = play.order(1, side=SELL, quantity="0.5", price="99.5")
    resting_id = taker.place(resting)
    request = play.order(2, quantity="2", showQty="1", selfMatchPreventionId=7)
    play.send("NewOrderRequest", request)
    told = play.told(response(request, resting_id + 1, filled="0.5", visible="1", fills=[fill(ANY, "99.5", "0.5")]))
    match_id = told.fields["fills"][0]["matchId"]
    play.told(order_filled(resting, resting_id, match_id, filled="0.5", total_filled="0.5"), taker)


def reject_order(play: Play) -> None:
    request = play.order(1, quantity="0.0001")
    play.send("NewOrderRequest", request)
    play.told(new_order_reject(request, INVALID_QUANTITY, "quantity 0.0001 is not a multiple of the lot size 0.001"))


def amend_order(play: Play) -> None:
    _, order_id = play.rest(1, price="98", quantity="3")
    taker = play.stage.trader("taker")
    resting = play.order(2, side=SELL, quantity="0.5", price="99.5")
    resting_id = taker.place(resting)
    request = play.amend(1, quantity="2", showQty="1")
    play.send("AmendOrderRequest", request)
    told = play.told(amend_response(request, order_id, filled="0.5", visible="1", fills=[fill(ANY, "99.5", "0.5")]))
    match_id = told.fields["fills"][0]["matchId"]
    play.told(order_filled(resting, resting_id, match_id, filled="0.5", total_filled="0.5"), taker)


def amend_from_elsewhere(play: Play) -> None:
    mate = play.stage.trader("mate")
    order_id = mate.place(play.order(1))
    request = play.amend(1, price="99")
    play.send("AmendOrderRequest", request)
    play.told(amend_response(request, order_id))
    play.told(amend_response(request, order_id, correlation_id=None), mate)


def reject_amend(play: Play) -> None:
    request = play.amend(1)
    play.send("AmendOrderRequest", request)
    text = f"client order id 1 is not open in instrument {play.instrument_id}"
    play.told(amend_reject(request, None, ORDER_NOT_FOUND, text))


def cancel_order(play: Play) -> None:
    _, order_id = play.rest(1, quantity="2")
    play.send("CancelOrderRequest", play.cancel(1))
    play.told(play.canceled(1, order_id, total="2"))


def cancel_order_by_id(play: Play) -> None:
    _, order_id = play.rest(1, quantity="2")
    request = {"orderId": order_id, "correlationId": 8, "instrumentId": play.instrument_id}
    if not play.withheld("CancelOrderByIdRequest", request):
        play.send("CancelOrderByIdRequest", request)
        play.told(play.canceled(1, order_id, total="2"))


def cancel_from_elsewhere(play: Play) -> None:
    """The submitter hears of it in 310, and below version 17 in 220."""
    mate = play.stage.trader("mate")
    _, order_id = play.rest(1)
    mate.send("CancelOrderRequest", **play.cancel(1))
    play.told(play.canceled(1, order_id, version=17), mate)
    if play.version >= 17:
        play.told(orders_canceled(play.gone(1, order_id, BY_REQUEST)))
    else:
        play.told(play.canceled(1, order_id, correlationId=None))


def reject_cancel(play: Play) -> None:
    play.send("CancelOrderRequest", play.cancel(1))
    fields = play.cancel(1) | {"orderId": None, "reason": UNKNOWN_ORDER}
    text = f"client order id 1 is not open in instrument {play.instrument_id}"
    play.told(("CancelOrderReject", fields | {"details": text}))


def fill_order(play: Play) -> None:
    request, order_id = play.rest(1, quantity="2")
    taker = play.stage.trader("taker")
    for client_order_id, total in ((2, "0.5"), (3, "1")):
        taker.order(play.order(client_order_id, side=SELL, quantity="0.5"))
        match_id = taker.frame("NewOrderResponse").fields["fills"][0]["matchId"]
        play.told(order_filled(request, order_id, match_id, filled="0.5", total_filled=total))


def end_of_session(play: Play) -> None:
    """At the end of the session, to itself, before LoggedOut."""
    _, first = play.rest(1)
    _, second = play.rest(2, price="99")
    play.send("Logout", {"reason": ""})
    play.told(
        orders_canceled(play.gone(1, first, CLIENT_DISCONNECT), play.gone(2, second, CLIENT_DISCONNECT)),
    )
    play.told(("LoggedOut", {"reason": "logout"}))


def drop_copy(play: Play) -> None:
    watch = play.stage.watch()
    request, order_id = play.rest(1)
    told = play.maker.frames[-1]
    fields = {
        "originClientId": play.maker.client_id,
        "portfolioId": play.stage.portfolio_id,
        "sessionEpoch": 1,
        "originSequenceNumber": told.number,
    }
    event = watch.frame("DropCopyEvent")
    inner = event.fields["frame"]
    check_frame(event, fields | {"frame": inner}, 17, number=2, processed=1)
    assert event.inner.raw == told.raw
    assert event.inner.plain == response(request, order_id)
    play.seen.append("DropCopyEvent")


PLAYS = {
    "NewOrderRequest": new_order,
    "NewOrderResponse": new_order,
    "NewOrderReject": reject_order,
    "AmendOrderRequest": amend_from_elsewhere,
    "AmendOrderResponse": amend_order,
    "AmendOrderReject": reject_amend,
    "CancelOrderRequest": cancel_order,
    "CancelOrderByIdRequest": cancel_order_by_id,
    "CancelOrderResponse": cancel_from_elsewhere,
    "CancelOrderReject": reject_cancel,
    "OrderFilled": fill_order,
    "OrdersCanceled": end_of_session,
    "DropCopyEvent": drop_copy,
}
