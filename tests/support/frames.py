"""Frames as the independent client prints them, and the frames that a test expects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

BUY, SELL = 1, -1
GTC, FOK, IOC = 0, -1, -2
POST_ONLY, POST_ONLY_REJECT, MARKET_LIMIT = 2, 4, 8
ACTIVE, FILLED, CANCELED, QUEUED = 1, 2, 3, 4
NOT_CANCELED, SELF_MATCH, TIME_IN_FORCE, ADMIN, MM_PROTECTION, CLIENT_DISCONNECT, BY_REQUEST = 0, 1, 2, 3, 4, 7, 12
BOOK_DEACTIVATED, PORTFOLIO_LOCKED = 11, 15
NOT_ALLOWED_BY_MARKET_STATE, PORTFOLIO_LOCKED_REASON = 7, 26
RESEND = 1
IS_QUOTE, IS_FULLY_FILLED = 1, 2
IS_LAST_MESSAGE = 1
INACTIVE, UNMODIFIED, QTY_REDUCED, UPDATED, QUOTE_FILLED, CANCELED_BY_REQUEST = range(6)
SPEED_BUMPED = 8
CANCELED_BY_SELF_MATCH = 7
NO_REJECT_REASON = -128
ENTRIES_PER_FRAME_MAX = 1868

# Values that a scenario cannot know beforehand; what must hold of them is checked on every frame by `Connection`.
RECEIPT_TIMES = ("lastHeardTime", "detectedTime", "fencedTime", "completedTime")
UNFORESEEABLE = ("timestamp", "execId", "receiveTime", *RECEIPT_TIMES)


@dataclass(frozen=True)
class Frame:
    """One frame from the gateway. Null integers are None, decimals are [mantissa, exponent]."""

    name: str
    header: Mapping[str, int]
    fields: Mapping[str, Any]
    raw: bytes
    problems: Sequence[str]
    time_ns: int = 0

    @staticmethod
    def from_event(event: Mapping[str, Any]) -> "Frame":
        return Frame(
            event["name"],
            event.get("header", {}),
            event.get("fields", {}),
            bytes.fromhex(event["raw"]),
            event["problems"],
            event.get("time", 0),
        )

    @property
    def number(self) -> int:
        return self.header["sequenceNumber"]

    @property
    def resent(self) -> bool:
        return bool(self.header["flags"] & RESEND)

    @property
    def plain(self) -> tuple[str, dict[str, Any]]:
        """Name and fields without what no test can know."""
        return self.name, {name: value for name, value in self.fields.items() if name not in UNFORESEEABLE}

    @property
    def inner(self) -> "Frame":
        """The frame inside a DropCopyEvent."""
        return Frame.from_event(self.fields["frame"])


def nine(value: str) -> int:
    """A decimal as an integer at 1e-9."""
    scaled = Decimal(value).scaleb(9)
    assert scaled == int(scaled), value
    return int(scaled)


def quantity(value: str | int) -> list[int]:
    """A Decimal72 as the gateway sends it."""
    return [nine(value) if isinstance(value, str) else value, -9]


VERSIONS = (1, 4, 9, 11, 13, 16, 17)
"""Schema versions that a scenario is played in where they may make a difference."""


def order(client_order_id: int, **changed: Any) -> dict[str, Any]:
    """The fields of a NewOrderRequest: buy 1 at 100, good till cancelled, on instrument 1, unless changed."""
    fields: dict[str, Any] = {
        "clientOrderId": client_order_id,
        "correlationId": client_order_id + 1_000_000,
        "instrumentId": 1,
        "price": "100",
        "quantity": "1",
        "showQty": None,
        "selfMatchPreventionId": None,
        "side": BUY,
        "timeInForce": GTC,
        "flags": 0,
        "selfTradingMode": 0,
    }
    assert changed.keys() <= fields.keys(), changed
    return fields | changed


def amend(client_order_id: int, **changed: Any) -> dict[str, Any]:
    """The fields of an AmendOrderRequest: to 1 at 100 on instrument 1, unless changed."""
    fields: dict[str, Any] = {
        "clientOrderId": client_order_id,
        "correlationId": client_order_id + 2_000_000,
        "instrumentId": 1,
        "price": "100",
        "quantity": "1",
        "showQty": None,
        "flags": 0,
    }
    assert changed.keys() <= fields.keys(), changed
    return fields | changed


def fill(match_id: Any, price: str, filled: str) -> dict[str, Any]:
    """An entry of the fills of a NewOrderResponse."""
    return {"matchId": match_id, "fillPrice": nine(price), "fillQty": quantity(filled)}


def response(
    request: Mapping[str, Any],
    order_id: Any,
    *,
    status: int = ACTIVE,
    cancel_reason: int = NOT_CANCELED,
    filled: str = "0",
    price: Any = ...,
    visible: str | None = None,
    fills: Sequence[Mapping[str, Any]] = (),
) -> tuple[str, dict[str, Any]]:
    """The NewOrderResponse that a request deserves, as `Frame.plain` shows it; `visible` unless all that rests is."""
    resting = nine(request["quantity"]) - nine(filled) if status == ACTIVE else 0
    return "NewOrderResponse", {
        "clientOrderId": request["clientOrderId"],
        "correlationId": request["correlationId"],
        "orderId": order_id,
        "instrumentId": request["instrumentId"],
        "price": nine(request["price"]) if price is ... else price,
        "quantity": quantity(request["quantity"]),
        "totalFilled": quantity(filled),
        "visibleQty": quantity(resting if visible is None else visible),
        "side": request["side"],
        "status": status,
        "cancelReason": cancel_reason,
        "fills": list(fills),
        "legs": [],
    }


def amend_response(
    request: Mapping[str, Any], order_id: int, *, correlation_id: Any = ..., **told: Any
) -> tuple[str, dict[str, Any]]:
    """The AmendOrderResponse that a request deserves; its fields are those of a NewOrderResponse without the side."""
    _, fields = response(request | {"side": None}, order_id, **told)
    del fields["side"]
    return "AmendOrderResponse", fields if correlation_id is ... else fields | {"correlationId": correlation_id}


def new_order_reject(request: Mapping[str, Any], reason: int, details: Any) -> tuple[str, dict[str, Any]]:
    """The NewOrderReject of an order that never lived."""
    return "NewOrderReject", {
        "clientOrderId": request["clientOrderId"],
        "correlationId": request["correlationId"],
        "orderId": None,
        "instrumentId": request["instrumentId"],
        "reason": reason,
        "details": details,
    }


def amend_reject(request: Mapping[str, Any], order_id: int | None, reason: int, details: Any) -> Any:
    """The AmendOrderReject of a request; without an orderId where there is no such order."""
    _, fields = new_order_reject(request, reason, details)
    return "AmendOrderReject", fields | {"orderId": order_id}


def cancel_response(
    client_order_id: int, correlation_id: int | None, order_id: int, *, total: str = "1", filled: str = "0"
) -> tuple[str, dict[str, Any]]:
    return "CancelOrderResponse", {
        "clientOrderId": client_order_id,
        "correlationId": correlation_id,
        "orderId": order_id,
        "instrumentId": 1,
        "quantity": quantity(total),
        "totalFilled": quantity(filled),
    }


def canceled(
    client_order_id: int, order_id: int, *, filled: str = "0", reason: int = CLIENT_DISCONNECT, instrument_id: int = 1
) -> dict[str, Any]:
    """An entry of OrdersCanceled."""
    return {
        "clientOrderId": client_order_id,
        "orderId": order_id,
        "instrumentId": instrument_id,
        "totalFilled": quantity(filled),
        "cancelReason": reason,
        "flags": 0,
    }


def orders_canceled(*entries: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """An OrdersCanceled that is the only, hence the last, of its event."""
    return "OrdersCanceled", {"flags": IS_LAST_MESSAGE, "orders": list(entries)}


def order_filled(
    request: Mapping[str, Any], order_id: int, match_id: Any, *, filled: str, total_filled: str, price: str = ""
) -> tuple[str, dict[str, Any]]:
    """The OrderFilled of one match for the maker of `request`."""
    complete = nine(total_filled) == nine(request["quantity"])
    entry = {
        "clientOrderId": request["clientOrderId"],
        "orderId": order_id,
        "instrumentId": request["instrumentId"],
        "matchId": match_id,
        "price": nine(price or request["price"]),
        "fillQty": quantity(filled),
        "totalFilled": quantity(total_filled),
        "side": request["side"],
        "flags": IS_FULLY_FILLED if complete else 0,
    }
    return "OrderFilled", {"fills": [entry], "legs": []}


def quotes(quote_id: int, *entries: Mapping[str, Any], **changed: Any) -> dict[str, Any]:
    """The fields of a MassQuoteRequest in MMP group 7, unless changed."""
    fields: dict[str, Any] = {
        "quoteId": quote_id,
        "correlationId": quote_id + 1_000_000,
        "mmpGroupId": 7,
        "selfMatchPreventionId": None,
        "flags": 0,
        "quotes": list(entries),
    }
    assert changed.keys() <= fields.keys(), changed
    return fields | changed


def quote(bid: str | None = None, ask: str | None = None, **changed: Any) -> dict[str, Any]:
    """An entry of a MassQuoteRequest: 1 on each side that has a price, on instrument 1, unless changed."""
    fields: dict[str, Any] = {
        "instrumentId": 1,
        "bidPrice": bid,
        "askPrice": ask,
        "bidQty": "0" if bid is None else "1",
        "askQty": "0" if ask is None else "1",
        "bidFlags": 0,
        "askFlags": 0,
    }
    assert changed.keys() <= fields.keys(), changed
    return fields | changed


def side(
    status: int,
    order_id: Any = None,
    price: str | None = None,
    *,
    remaining: str = "0",
    filled: str = "0",
    reason: int = NO_REJECT_REASON,
) -> dict[str, Any]:
    """One side of an entry of a MassQuoteResponse, without its prefix."""
    return {
        "OrderId": order_id,
        "Price": None if price is None else nine(price),
        "Qty": quantity(remaining),
        "FilledQty": quantity(filled),
        "Status": status,
        "RejectReason": reason,
    }


def quoted(bid: Mapping[str, Any], ask: Mapping[str, Any], instrument_id: int = 1) -> dict[str, Any]:
    """An entry of a MassQuoteResponse."""
    sides = {"bid": bid, "ask": ask}
    return {"instrumentId": instrument_id} | {
        f"{which}{name}": value for which, terms in sides.items() for name, value in terms.items()
    }


def mass_quote_response(
    request: Mapping[str, Any],
    *entries: Mapping[str, Any],
    bid_fills: Sequence[Mapping[str, Any]] = (),
    ask_fills: Sequence[Mapping[str, Any]] = (),
) -> tuple[str, dict[str, Any]]:
    """The MassQuoteResponse that a request deserves, as `Frame.plain` shows it."""
    return "MassQuoteResponse", {
        "quoteId": request["quoteId"],
        "correlationId": request["correlationId"],
        "mmpGroupId": request["mmpGroupId"],
        "quotes": list(entries),
        "bidFills": list(bid_fills),
        "askFills": list(ask_fills),
        "legs": [],
    }


def mass_quote_reject(request: Mapping[str, Any], reason: int, details: str) -> tuple[str, dict[str, Any]]:
    return "MassQuoteReject", {
        "quoteId": request["quoteId"],
        "correlationId": request["correlationId"],
        "mmpGroupId": request["mmpGroupId"],
        "reason": reason,
        "details": details,
    }


def mass_cancel_response(correlation_id: int, count: int) -> tuple[str, dict[str, Any]]:
    return "MassCancelResponse", {"correlationId": correlation_id, "totalOrderCount": count}


def mass_cancel_reject(correlation_id: int, reason: int, details: str) -> tuple[str, dict[str, Any]]:
    return "MassCancelReject", {"correlationId": correlation_id, "reason": reason, "details": details}
