"""How quotes and mass cancels come onto the wire."""

from unittest.mock import ANY

from support.frames import (
    BUY,
    BY_REQUEST,
    IS_QUOTE,
    SELL,
    UPDATED,
    fill,
    mass_cancel_reject,
    mass_cancel_response,
    mass_quote_reject,
    mass_quote_response,
    order_filled,
    orders_canceled,
    quoted,
    side,
)
from support.play import Play

INVALID_MMP_GROUP = 1


def mass_quote(play: Play) -> None:
    taker = play.stage.trader("taker")
    resting = play.order(1, side=SELL, quantity="0.5")
    resting_id = taker.place(resting)
    request = play.quotes(501, "100", "101")
    play.send("MassQuoteRequest", request)
    bid = side(UPDATED, resting_id + 1, "100", remaining="0.5", filled="0.5")
    ask = side(UPDATED, resting_id + 2, "101", remaining="1")
    filled = {"instrumentId": play.instrument_id} | fill(ANY, "100", "0.5")
    told = play.told(mass_quote_response(request, quoted(bid, ask, play.instrument_id), bid_fills=[filled]))
    match_id = told.fields["bidFills"][0]["matchId"]
    play.told(order_filled(resting, resting_id, match_id, filled="0.5", total_filled="0.5"), taker)
    taker.order(play.order(2, quantity="1", price="101"))
    match_id = taker.frame("NewOrderResponse").fields["fills"][0]["matchId"]
    sold = play.order(501, side=SELL, price="101")
    name, fields = order_filled(sold, resting_id + 2, match_id, filled="1", total_filled="1")
    fields["fills"][0]["flags"] |= IS_QUOTE
    play.told((name, fields))


def reject_mass_quote(play: Play) -> None:
    request = play.quotes(501, "100", "101", mmpGroupId=9)
    play.send("MassQuoteRequest", request)
    play.told(mass_quote_reject(request, INVALID_MMP_GROUP, "mmp group 9 is not one of the portfolio"))


def mass_cancel(play: Play) -> None:
    _, order_id = play.rest(1)
    play.send(
        "MassCancelRequest",
        {"correlationId": 6, "currencyPairId": play.instrument_id, "instrumentId": None, "productType": 2, "side": BUY},
    )
    play.told(mass_cancel_response(6, 1))
    play.told(orders_canceled(play.gone(1, order_id, BY_REQUEST)))


def reject_mass_cancel(play: Play) -> None:
    play.send(
        "MassCancelRequest",
        {"correlationId": 6, "currencyPairId": None, "instrumentId": None, "productType": 0, "side": 0},
    )
    play.told(mass_cancel_reject(6, 0, "wanted a currency pair or an instrument, both are null"))


def mass_quote_cancel(play: Play) -> None:
    play.send("MassQuoteRequest", play.quotes(501, "100", None))
    bid_id = play.maker.frame("MassQuoteResponse").fields["quotes"][0]["bidOrderId"]
    play.send("MassQuoteCancelRequest", {"correlationId": 6, "mmpGroupId": 7, "side": 0})
    play.told(mass_cancel_response(6, 1))
    play.told(orders_canceled(play.gone(501, bid_id, BY_REQUEST) | {"flags": IS_QUOTE}))
    play.send("MassQuoteCancelRequest", {"correlationId": 6, "mmpGroupId": 9, "side": 0})
    play.told(mass_cancel_reject(6, INVALID_MMP_GROUP, "mmp group 9 is not one of the portfolio"))


PLAYS = {
    "MassQuoteRequest": mass_quote,
    "MassQuoteResponse": mass_quote,
    "MassQuoteReject": reject_mass_quote,
    "MassCancelRequest": mass_cancel,
    "MassCancelResponse": mass_cancel,
    "MassCancelReject": reject_mass_cancel,
    "MassQuoteCancelRequest": mass_quote_cancel,
}
