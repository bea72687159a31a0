"""How what waits behind a speed bump comes onto the wire."""

from typing import Any
from unittest.mock import ANY

from support.frames import (
    ACTIVE,
    BUY,
    INACTIVE,
    QUEUED,
    SELL,
    SPEED_BUMPED,
    fill,
    mass_quote_response,
    nine,
    order_filled,
    quantity,
    quote,
    quoted,
    quotes,
    response,
    side,
)
from support.play import Plain, Play


def placed(play: Play, told: Plain) -> Plain:
    """The OrderPlaced that tells of an order as a NewOrderResponse would: without times and side, by its version."""
    fields: dict[str, Any] = {name: value for name, value in told[1].items() if name != "side"}
    if play.version < 8:
        del fields["correlationId"]
    else:
        fields["padding3"] = 0
    return "OrderPlaced", fields


def order_placed(play: Play) -> None:
    on = {"instrumentId": play.stage.bumped_id}
    taker = play.stage.trader("taker")
    resting = play.order(1, side=SELL, quantity="0.5", price="99.5", **on)
    resting_id = taker.place(resting)
    request = play.order(2, quantity="2", showQty="1", **on)
    play.send("NewOrderRequest", request)
    play.told(response(request, resting_id + 1, status=QUEUED))
    fills = [fill(ANY, "99.5", "0.5")]
    told = response(request, resting_id + 1, status=ACTIVE, filled="0.5", visible="1", fills=fills)
    match_id = play.told(placed(play, told)).fields["fills"][0]["matchId"]
    play.told(order_filled(resting, resting_id, match_id, filled="0.5", total_filled="0.5"), taker)


def quote_placed(play: Play) -> None:
    bumped_id = play.stage.bumped_id
    taker = play.stage.trader("taker")
    resting = play.order(1, side=SELL, quantity="0.5", price="99.5", instrumentId=bumped_id)
    resting_id = taker.place(resting)
    request = quotes(501, quote("100", None, instrumentId=bumped_id))
    play.send("MassQuoteRequest", request)
    bid = side(SPEED_BUMPED, resting_id + 1, "100", remaining="1")
    play.told(mass_quote_response(request, quoted(bid, side(INACTIVE), bumped_id)))
    entry = {
        "clientOrderId": 501,
        "orderId": resting_id + 1,
        "instrumentId": bumped_id,
        "price": nine("100"),
        "quantity": quantity("1"),
        "totalFilled": quantity("0.5"),
        "visibleQty": quantity("0.5"),
        "side": BUY,
        "status": ACTIVE,
        "cancelReason": 0,
    }
    fills = [{"orderId": resting_id + 1} | fill(ANY, "99.5", "0.5")]
    told = play.told(("MassQuoteOrdersPlaced", {"mmpGroupId": 7, "orders": [entry], "fills": fills, "legs": []}))
    match_id = told.fields["fills"][0]["matchId"]
    play.told(order_filled(resting, resting_id, match_id, filled="0.5", total_filled="0.5"), taker)


PLAYS = {"OrderPlaced": order_placed, "MassQuoteOrdersPlaced": quote_placed}
