"""Requests about orders by chance: mostly sensible ones, some that are wrong in one way.

`choose` picks one of a sequence: hypothesis, or a seeded generator. What is there to be amended and cancelled is looked
up in the naive engine.
"""

from collections.abc import Callable, Sequence
from typing import Any

from codec.layout import MassQuoteFlags, OrderFlags, ProductType, SelfTradingMode, Side, TimeInForce
from codec.values import INT64_NULL, Decimal72
from support.core_driver import LOT, TICK, order
from support.naive_engine import NaiveEngine, NaiveOrder

Choose = Callable[[Sequence[Any]], Any]
Fields = dict[str, Any]

TABLES = """
[[instrument]]
id = 3
symbol = "I-3"
currency_pair_id = 1
product_type = "spot"
tick_size = "0.5"
lot_size = "0.001"
iceberg_allowed = true
min_price = "98"
max_price = "102"
max_order_quantity = "0.004"
delta = "0.5"
vega = "2"

[[instrument]]
id = 4
symbol = "I-4"
currency_pair_id = 2
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"
iceberg_allowed = true
speed_bump_ms = 20

[[instrument]]
id = 5
symbol = "I-5"
currency_pair_id = 2
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"
speed_bump_ms = 60

[[mmp_group]]
portfolio = 1
id = 7
quantity_limit = "0.003"
interval_ms = 1000
frozen_ms = 1000

[[mmp_group]]
portfolio = 1
id = 8
delta_limit = "0.003"
vega_limit = "0.01"
interval_ms = 60000
frozen_ms = 7000

[[mmp_group]]
portfolio = 2
id = 7
quantity_limit = "1000"
interval_ms = 1000
frozen_ms = 1000

[[mmp_group]]
portfolio = 1
currency_pair_id = 1
quantity_limit = "0.004"
interval_ms = 3000
frozen_ms = 3000

[[mmp_group]]
portfolio = 1
currency_pair_id = 2
quantity_limit = "0.006"
interval_ms = 3000
frozen_ms = 1500

[[mmp_group]]
portfolio = 2
currency_pair_id = 1
quantity_limit = "0.02"
interval_ms = 500
frozen_ms = 1000
"""
"""What a configuration needs for these requests, beside instruments 1 and 2."""
RATE_LIMIT = """
[gateway.rate_limit]
scope = "{scope}"
orders_per_s = 250
orders_burst = 30
mass_quotes_per_s = 40
mass_quotes_burst = 8
"""

INSTRUMENTS = [1, 1, 1, 2, 3, 3, 4, 4, 4, 5]
ICEBERGS = (3, 4)
PRICES = [ticks * TICK for ticks in range(195, 205)]
BID_PRICES, ASK_PRICES = PRICES[:6], PRICES[4:]
QUANTITIES = [Decimal72(lots * LOT, -9) for lots in range(1, 5)]
NULL_QUANTITY = Decimal72(INT64_NULL, 0)
MMP, RESET_MMP, TAGGED = OrderFlags.MMP, OrderFlags.RESET_MMP, OrderFlags.CANCEL_ON_DISCONNECT
POST_ONLY_FLAGS = [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT]
CLIENT_ORDER_IDS = range(1, 61)
MMP_GROUPS = [7, 7, 8]

NEW_ORDER: dict[str, Sequence[Any]] = {
    "client_order_id": CLIENT_ORDER_IDS,
    "instrument_id": INSTRUMENTS,
    "side": [Side.BUY, Side.SELL],
    "quantity": QUANTITIES,
    "time_in_force": [TimeInForce.GTC] * 5 + [TimeInForce.IOC, TimeInForce.FOK, 1, 1, 2],
    "flags": [0] * 3 + [MMP, MMP, MMP | RESET_MMP] + POST_ONLY_FLAGS,
    "self_match_prevention_id": [None, None, 5, 6],
    "self_trading_mode": list(SelfTradingMode),
    "show_qty": [NULL_QUANTITY] * 6 + [Decimal72(LOT, -9)],
}
WILD_QUANTITIES: list[Fields] = [
    {"quantity": Decimal72(1, 0)},
    {"quantity": Decimal72(1, -10)},
    {"quantity": Decimal72(10**18, 9)},
    {"quantity": Decimal72(0, -9)},
    {"quantity": NULL_QUANTITY},
    {"show_qty": Decimal72(1, -10)},
    {"show_qty": Decimal72(9 * LOT, -9), "instrument_id": 3},
]
WILD_ORDERS: list[Fields] = [
    *WILD_QUANTITIES,
    {"side": 0},
    {"instrument_id": 9},
    {"price": TICK + 1},
    {"price": 300 * TICK, "instrument_id": 3},
    {"price": None, "flags": OrderFlags.MARKET_LIMIT},
    {"price": None},
    {"client_order_id": INT64_NULL},
    {"flags": RESET_MMP},
    {"flags": OrderFlags.POST_ONLY | OrderFlags.MARKET_LIMIT},
]
WILD_AMENDS: list[Fields] = [
    *WILD_QUANTITIES,
    {"client_order_id": 999},
    {"instrument_id": 9},
    {"instrument_id": 2},
    {"price": None},
    {"price": TICK + 1},
]
WILD_MASS_QUOTES: list[Fields] = [
    {"quote_id": INT64_NULL},
    {"mmp_group_id": 9},
    {"quotes": [{"instrument_id": 9, "bid_qty": Decimal72(0, 0), "ask_qty": Decimal72(0, 0)}]},
    {"quotes": [{"instrument_id": 1, "bid_qty": Decimal72(0, 0), "ask_qty": Decimal72(0, 0)}] * 2},
    {"quotes": [{"instrument_id": 1, "bid_qty": NULL_QUANTITY, "ask_qty": Decimal72(0, 0)}]},
    {"quotes": [{"instrument_id": number, "bid_qty": QUANTITIES[0], "ask_qty": QUANTITIES[0]} for number in range(16)]},
    {"quotes": []},
]
WILD = [False] * 15 + [True]


def one_of(choose: Choose, orders: Sequence[NaiveOrder]) -> NaiveOrder:
    """An order, and more often than by chance one that waits behind a speed bump."""
    waiting = [order for order in orders if order.is_bumped]
    target: NaiveOrder = choose(waiting) if waiting and choose([True, False]) else choose(orders)
    return target


def new_order(choose: Choose) -> Fields:
    """The fields of a NewOrderRequest with nothing wrong in itself."""
    fields = order(**{name: choose(values) for name, values in NEW_ORDER.items()})
    fields["price"] = choose(BID_PRICES if fields["side"] == Side.BUY else ASK_PRICES)
    if fields["time_in_force"] < TimeInForce.GTC:
        fields["flags"] &= MMP | RESET_MMP
    fields["flags"] |= choose([0, TAGGED])
    if fields["instrument_id"] not in ICEBERGS:
        fields["show_qty"] = NULL_QUANTITY
    return fields


def wild_order(choose: Choose) -> Fields:
    return new_order(choose) | choose(WILD_ORDERS)


def amend(choose: Choose, engine: NaiveEngine) -> Fields:
    fields = {
        "client_order_id": choose(CLIENT_ORDER_IDS),
        "correlation_id": 2,
        "instrument_id": choose(INSTRUMENTS),
        "price": choose(PRICES),
        "quantity": choose(QUANTITIES),
        "show_qty": NULL_QUANTITY,
        "flags": choose([0] * 4 + POST_ONLY_FLAGS),
    }
    found = engine.found()
    if found and choose([True, True, True, False]):
        target = one_of(choose, found)
        fields |= {"client_order_id": target.client_order_id, "instrument_id": target.instrument_id}
        fields["price"] = choose([target.price, fields["price"]])
    if fields["instrument_id"] in ICEBERGS:
        fields["show_qty"] = choose(NEW_ORDER["show_qty"])
    return fields | choose(WILD_AMENDS) if choose(WILD) else fields


def cancel(choose: Choose, engine: NaiveEngine) -> Fields:
    fields = {
        "client_order_id": choose(CLIENT_ORDER_IDS),
        "correlation_id": 3,
        "instrument_id": choose([1, 1, 2, 3, 4, 4, 5, 9]),
    }
    found = engine.found()
    if found and choose([True, False]):
        target = one_of(choose, found)
        fields |= {"client_order_id": target.client_order_id, "instrument_id": target.instrument_id}
    return fields


def cancel_by_id(choose: Choose, engine: NaiveEngine) -> Fields:
    fields = {
        "order_id": engine.last_order_id - choose(range(8)),
        "correlation_id": 4,
        "instrument_id": choose([1, 1, 2, 3, 4, 4, 5, 9]),
    }
    found = engine.live()
    if found and choose([True, False]):
        target = one_of(choose, found)
        fields |= {"order_id": target.order_id, "instrument_id": target.instrument_id}
    return fields


def quote_side(choose: Choose, prefix: str, prices: Sequence[int]) -> Fields:
    return {
        f"{prefix}_price": choose([*prices, *prices, *prices, None, TICK + 1]),
        f"{prefix}_qty": choose([Decimal72(0, 0), QUANTITIES[0], QUANTITIES[0], *QUANTITIES]),
        f"{prefix}_flags": choose([0] * 15 + [*POST_ONLY_FLAGS, *POST_ONLY_FLAGS, MMP, RESET_MMP])
        | choose([0, TAGGED]),
    }


def mass_quote(choose: Choose) -> Fields:
    instruments = choose([[1], [2], [3], [4], [4], [1, 2], [3, 1], [4, 5], [2, 3, 1, 4]])
    fields = {
        "quote_id": choose(range(901, 905)),
        "correlation_id": 5,
        "mmp_group_id": choose(MMP_GROUPS),
        "self_match_prevention_id": choose([None, None, 5]),
        "flags": choose([0, 0, 0, MassQuoteFlags.RESET_MMP]),
        "quotes": [
            {"instrument_id": instrument_id}
            | quote_side(choose, "bid", BID_PRICES)
            | quote_side(choose, "ask", ASK_PRICES)
            for instrument_id in instruments
        ],
    }
    return fields | choose(WILD_MASS_QUOTES) if choose(WILD) else fields


def mass_cancel(choose: Choose) -> Fields:
    return {
        "correlation_id": 6,
        "currency_pair_id": choose([None, None, 0, 1, 2]),
        "instrument_id": choose([None, 1, 2, 3, 4, 9]),
        "product_type": choose([ProductType.ALL] * 4 + [ProductType.FUTURES, ProductType.SPOT]),
        "side": choose([Side.BOTH, Side.BUY, Side.SELL]),
    }


def mass_quote_cancel(choose: Choose) -> Fields:
    return {
        "correlation_id": 7,
        "mmp_group_id": choose([*MMP_GROUPS, 9]),
        "side": choose([Side.BOTH, Side.BUY, Side.SELL]),
    }


def mass_quote_mmp_status(choose: Choose) -> Fields:
    return {"correlation_id": 8, "mmp_group_id": choose([*MMP_GROUPS, 9])}


def orders_mmp_status(choose: Choose) -> Fields:
    return {"correlation_id": 9, "currency_pair_id": choose([1, 2, 3])}


REQUESTS: dict[str, Callable[[Choose, NaiveEngine], Fields]] = {
    "NewOrderRequest": lambda choose, _: wild_order(choose) if choose(WILD) else new_order(choose),
    "AmendOrderRequest": amend,
    "CancelOrderRequest": cancel,
    "CancelOrderByIdRequest": cancel_by_id,
    "MassQuoteRequest": lambda choose, _: mass_quote(choose),
    "MassCancelRequest": lambda choose, _: mass_cancel(choose),
    "MassQuoteCancelRequest": lambda choose, _: mass_quote_cancel(choose),
    "GetMassQuoteMmpStatusRequest": lambda choose, _: mass_quote_mmp_status(choose),
    "GetOrdersMmpStatusRequest": lambda choose, _: orders_mmp_status(choose),
}
MIX = [
    *["NewOrderRequest"] * 60,
    *["AmendOrderRequest"] * 25,
    *["MassQuoteRequest"] * 25,
    *["CancelOrderRequest"] * 12,
    *["CancelOrderByIdRequest"] * 8,
    "MassCancelRequest",
    "MassQuoteCancelRequest",
    "GetMassQuoteMmpStatusRequest",
    "GetOrdersMmpStatusRequest",
]


def request(choose: Choose, engine: NaiveEngine) -> tuple[str, Fields]:
    """Any request about orders, by message name and fields."""
    name = choose(MIX)
    return name, REQUESTS[name](choose, engine)
