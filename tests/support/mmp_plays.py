"""How what market-maker protection says comes onto the wire."""

from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import ANY

from support.frames import IS_QUOTE, MM_PROTECTION, SELL, Frame, order_filled, orders_canceled
from support.play import Play

GROUP_ID = 7
LIMIT = 10
FROZEN_NS = 1_000_000_000
INVALID_MMP_GROUP = 1
MMP = 16


def triggered(play: Play, name: str, group: dict[str, Any], frozen_ns: int) -> Frame:
    """A trigger of the group by quantity, and nothing else that counts."""
    levels = {"quantityLevel": float(LIMIT), "vegaLevel": 0.0, "deltaLevel": 0.0, "trigger": 0}
    told = play.told((name, group | {"frozenUntil": ANY} | levels))
    assert told.fields["frozenUntil"] == told.fields["timestamp"] + frozen_ns
    return told


def freeze_quotes(play: Play, frozen_ns: int = FROZEN_NS) -> Frame:
    """Two bids of the maker's; the taker sells the limit into the better one, and a little more."""
    taker = play.stage.trader("taker")
    request = play.quotes(501, "100", "110")
    request["quotes"][0] |= {"bidQty": str(LIMIT)}
    bid_and_ask = play.maker.ask("MassQuoteRequest", **request).fields["quotes"][0]
    taker.order(play.order(1, side=SELL, quantity=str(LIMIT), price="100"))
    match_id = taker.frame("NewOrderResponse").fields["fills"][0]["matchId"]
    bought = play.order(501, quantity=str(LIMIT), price="100")
    name, fields = order_filled(bought, bid_and_ask["bidOrderId"], match_id, filled=str(LIMIT), total_filled=str(LIMIT))
    fields["fills"][0]["flags"] |= IS_QUOTE
    play.told((name, fields))
    told = triggered(play, "MassQuoteMmpTriggered", {"mmpGroupId": GROUP_ID}, frozen_ns)
    gone = play.gone(501, bid_and_ask["askOrderId"], MM_PROTECTION) | {"flags": IS_QUOTE}
    play.told(orders_canceled(gone))
    return told


def freeze_orders(play: Play, frozen_ns: int = FROZEN_NS) -> Frame:
    taker = play.stage.trader("taker")
    request, order_id = play.rest(1, quantity=str(LIMIT), flags=MMP)
    _, other_id = play.rest(2, price="99", flags=MMP)
    taker.order(play.order(3, side=SELL, quantity=str(LIMIT), price="100"))
    match_id = taker.frame("NewOrderResponse").fields["fills"][0]["matchId"]
    play.told(order_filled(request, order_id, match_id, filled=str(LIMIT), total_filled=str(LIMIT)))
    told = triggered(play, "OrdersMmpTriggered", {"currencyPairId": play.stage.currency_pair_id}, frozen_ns)
    play.told(orders_canceled(play.gone(2, other_id, MM_PROTECTION)))
    return told


def quotes_unfrozen(play: Play) -> Iterator[None]:
    freeze_quotes(play)
    yield
    play.told(("MassQuoteMmpUnfrozen", {"mmpGroupId": GROUP_ID, "correlationId": None}))


def orders_unfrozen(play: Play) -> Iterator[None]:
    freeze_orders(play)
    yield
    play.told(("OrdersMmpUnfrozen", {"currencyPairId": play.stage.currency_pair_id, "correlationId": None}))


def quotes_status(play: Play) -> None:
    ask = {"correlationId": 8, "mmpGroupId": GROUP_ID}
    status(play, "GetMassQuoteMmpStatus", ask, ask | {"mmpGroupId": GROUP_ID + 1}, freeze_quotes)


def orders_status(play: Play) -> None:
    ask = {"correlationId": 8, "currencyPairId": play.stage.currency_pair_id}
    status(play, "GetOrdersMmpStatus", ask, ask | {"currencyPairId": ask["currencyPairId"] + 1}, freeze_orders)


def status(play: Play, name: str, ask: dict[str, Any], wrong: dict[str, Any], freeze: Callable[[Play], Frame]) -> None:
    """The answer before and after the group is frozen, and what is said of a group that is another portfolio's."""
    if play.withheld(f"{name}Request", ask):
        return
    play.send(f"{name}Request", ask)
    play.told((f"{name}Response", ask | {"frozenUntilTime": None}))
    frozen_until = freeze(play).fields["frozenUntil"]
    play.send(f"{name}Request", ask)
    play.told((f"{name}Response", ask | {"frozenUntilTime": frozen_until}))
    play.send(f"{name}Request", wrong)
    play.told((f"{name}Reject", {"correlationId": 8, "reason": INVALID_MMP_GROUP}))


PLAYS: dict[str, Callable[[Play], Any]] = {
    "MassQuoteMmpTriggered": freeze_quotes,
    "OrdersMmpTriggered": freeze_orders,
    "GetMassQuoteMmpStatusRequest": quotes_status,
    "GetMassQuoteMmpStatusResponse": quotes_status,
    "GetMassQuoteMmpStatusReject": quotes_status,
    "GetOrdersMmpStatusRequest": orders_status,
    "GetOrdersMmpStatusResponse": orders_status,
    "GetOrdersMmpStatusReject": orders_status,
}
SLOW_PLAYS = {"MassQuoteMmpUnfrozen": quotes_unfrozen, "OrdersMmpUnfrozen": orders_unfrozen}
