"""How the switches of a connection and the drill come onto the wire."""

from support.frames import BUY, nine, quantity
from support.play import Play

IS_COVERED = 2


def switches(play: Play) -> None:
    play.rest(1)
    asked = {"correlationId": 9, "scope": 1, "enabled": 1}
    play.send("CancelOnDisconnectRequest", asked)
    play.told(("CancelOnDisconnectResponse", asked | {"active": 1, "status": 0, "coveredOrders": 1}))


def drill(play: Play) -> None:
    _, order_id = play.rest(1)
    play.send("OpenOrdersRequest", {"correlationId": 9, "scope": 0, "coveredOnly": 1})
    entry = {
        "clientOrderId": 1,
        "orderId": order_id,
        "instrumentId": play.instrument_id,
        "price": nine("100"),
        "quantity": quantity("1"),
        "totalFilled": quantity("0"),
        "side": BUY,
        "flags": IS_COVERED,
    }
    play.told(("OpenOrdersResponse", {"correlationId": 9, "flags": 1, "orders": [entry]}))


PLAYS = {
    "CancelOnDisconnectRequest": switches,
    "CancelOnDisconnectResponse": switches,
    "OpenOrdersRequest": drill,
    "OpenOrdersResponse": drill,
}
