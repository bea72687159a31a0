"""An engine to try the rules on one by one, and the outcomes that are expected of it."""

from typing import Any

from codec.layout import FillFlags, OrderStatus, ProductType, Side
from gateway.engine import Engine
from gateway.engine_types import EventRecord, InstrumentSpec, OutcomeRecord, OwnerSpec, PortfolioSpec, RestingOrder
from gateway.invariants import check
from gateway.probe import EngineProbe

ONE = 1_000_000_000
TICK = ONE // 2
LOT = ONE // 1000
INT64_MAX = 2**63 - 1
FUTURE, COMBO = 7, 9
# Owners 0 and 1 share a portfolio; owner 2 has one of its own.
MAKER, MATE, STRANGER = 0, 1, 2
BUY, SELL = Side.BUY, Side.SELL


def make(*, max_open_orders: int = 5000, orders_max: int = 10_000, speed_bump_ns: int = 0) -> EngineProbe:
    """A future with icebergs, a combo, two portfolios: MAKER and MATE share the first, STRANGER has the second.

    speed_bump_ns: the future's.
    """
    return EngineProbe(
        Engine(
            [
                InstrumentSpec(
                    id=FUTURE,
                    tick_size=TICK,
                    lot_size=LOT,
                    product_type=ProductType.FUTURES,
                    iceberg_allowed=True,
                    speed_bump_ns=speed_bump_ns,
                ),
                InstrumentSpec(id=COMBO, tick_size=TICK, lot_size=LOT, product_type=ProductType.COMBO_FUTURES),
            ],
            [PortfolioSpec(id=1, max_open_orders=max_open_orders), PortfolioSpec(id=2, max_open_orders=5000)],
            [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)],
            orders_max,
        )
    )


def place(
    probe: EngineProbe, owner: int, client_order_id: int, side: int, price: int | None, quantity: int, **fields: Any
) -> OutcomeRecord:
    """Enter an order for whole units of price and quantity into the future's book; invariants hold afterwards."""
    nanos = None if price is None else price * ONE
    outcome = probe.enter(owner, client_order_id, FUTURE, side, nanos, quantity * ONE, **fields)
    check(probe.engine)
    return outcome


def accepted(**fields: Any) -> OutcomeRecord:
    """A whole outcome of an accepted command; what is not named has the value that most tests expect."""
    return OutcomeRecord(
        **{
            "status": "accepted",
            "order_status": OrderStatus.ACTIVE,
            "cancel_reason": 0,
            "reject_reason": 0,
            "instrument_id": FUTURE,
            "total_filled": 0,
            "visible_quantity": 0,
            "dead_met": 0,
            "details": "",
            "events": (),
            **fields,
        }
    )


def rejection(outcome: OutcomeRecord) -> tuple[str, int | None, int, str, tuple[EventRecord, ...]]:
    return outcome.status, outcome.order_id, outcome.reject_reason, outcome.details, outcome.events


def rejected(reason: int, details: str) -> tuple[str, int | None, int, str, tuple[EventRecord, ...]]:
    return "rejected", None, reason, details, ()


def fill(
    owner: int, order_id: int, side: int, match_id: int, price: int, quantity: int, total: int, *, full: bool
) -> EventRecord:
    """A maker's fill in whole units; in these tests client_order_id is order_id + 100."""
    flags = FillFlags.IS_FULLY_FILLED if full else 0
    return EventRecord(
        "fill", owner, FUTURE, order_id + 100, order_id, side, match_id, price * ONE, quantity * ONE, total * ONE,
        flags, 0,
    )  # fmt: skip


def ids(orders: list[RestingOrder]) -> list[int]:
    return [order.order_id for order in orders]
