"""An engine with groups under market-maker protection, driven in whole units and seconds; invariants always hold."""

from typing import Any

from codec.layout import OrderFlags, OrderStatus, ProductType, Side
from gateway.engine import Engine
from gateway.engine_types import (
    CanceledOrder,
    InstrumentSpec,
    MassQuoteRecord,
    MmpGroupSpec,
    MmpTriggerRecord,
    MmpUnfrozenRecord,
    OutcomeRecord,
    OwnerSpec,
    PortfolioSpec,
    QuoteRecord,
    QuoteSideRecord,
    ReleaseRecord,
)
from gateway.invariants import check
from gateway.mmp_probe import MmpProbe
from gateway.probe import EngineProbe

ONE = 1_000_000_000
SECOND = ONE
# Owners 0 and 1 share a portfolio; owner 2 has one of its own.
MAKER, MATE, STRANGER = 0, 1, 2
BUY, SELL = Side.BUY, Side.SELL
# The option has a delta of 0.5 and a vega of 2, the put of -0.5 and 2, the others none. BUMPED makes takers wait.
FUTURE, OPTION, PUT, OTHER_FUTURE, BUMPED = 1, 2, 3, 4, 5
PAIR, OTHER_PAIR = 10, 20
GROUP, DELTA_GROUP, VEGA_GROUP, OTHER_GROUP = 1, 2, 3, 4
LIMIT = 10
"""Of quantity, in GROUP, OTHER_GROUP and in the groups of orders in PAIR."""
INTERVAL, FREEZE = 1.0, 3.0
BUMP = 0.01
MMP, RESET_MMP = OrderFlags.MMP, OrderFlags.RESET_MMP
NO_REASON = -128

INSTRUMENTS = [
    InstrumentSpec(
        id=number,
        tick_size=ONE // 2,
        lot_size=ONE // 1000,
        product_type=ProductType.FUTURES,
        iceberg_allowed=True,
        currency_pair_id=OTHER_PAIR if number == OTHER_FUTURE else PAIR,
        delta=delta,
        vega=vega,
        speed_bump_ns=round(BUMP * SECOND) if number == BUMPED else 0,
    )
    for number, delta, vega in (
        (FUTURE, 0, 0),
        (OPTION, ONE // 2, 2 * ONE),
        (PUT, -ONE // 2, 2 * ONE),
        (OTHER_FUTURE, 0, 0),
        (BUMPED, 0, 0),
    )
]
TIMES = {"interval_ns": round(INTERVAL * SECOND), "frozen_ns": round(FREEZE * SECOND)}
GROUPS = [
    MmpGroupSpec(0, GROUP, LIMIT * ONE, **TIMES),
    MmpGroupSpec(0, DELTA_GROUP, delta_limit=4 * ONE, **TIMES),
    MmpGroupSpec(0, VEGA_GROUP, vega_limit=10 * ONE, delta_limit=4 * ONE, quantity_limit=100 * ONE, **TIMES),
    MmpGroupSpec(0, OTHER_GROUP, LIMIT * ONE, **TIMES),
    MmpGroupSpec(0, PAIR, LIMIT * ONE, is_of_orders=True, **TIMES),
    MmpGroupSpec(1, GROUP, LIMIT * ONE, **TIMES),
    MmpGroupSpec(1, PAIR, LIMIT * ONE, is_of_orders=True, **TIMES),
]


class Room:
    """Portfolio 0 of MAKER and MATE, portfolio 1 of STRANGER. `now` is in ns; quote and client order ids count up."""

    def __init__(self) -> None:
        self.probe = EngineProbe(
            Engine(
                INSTRUMENTS,
                [PortfolioSpec(id=1, max_open_orders=5000), PortfolioSpec(id=2, max_open_orders=5000)],
                [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)],
                20_000,
                mmp_groups=GROUPS,
            )
        )
        self.mmp = MmpProbe(self.probe.engine)
        self.now = 1_000 * SECOND
        self.requests = 0

    def request(self) -> int:
        self.requests += 1
        return self.requests

    # commands

    def after(self, seconds: float) -> list[MmpUnfrozenRecord]:
        """Time passes; who is unfrozen by it."""
        self.now += round(seconds * SECOND)
        unfrozen = self.mmp.unfreeze(self.now)
        check(self.probe.engine)
        return unfrozen

    def order(
        self, owner: int, side: int, price: float | None, quantity: float, instrument: int = FUTURE, **fields: Any
    ) -> OutcomeRecord:
        terms = None if price is None else round(price * ONE), round(quantity * ONE)
        outcome = self.probe.enter(owner, self.request(), instrument, side, *terms, time=self.now, **fields)
        check(self.probe.engine)
        return outcome

    def rest(
        self, owner: int, side: int, price: float, quantity: float, instrument: int = FUTURE, **fields: Any
    ) -> int:
        """An order that rests untouched; its order id."""
        outcome = self.order(owner, side, price, quantity, instrument, **fields)
        assert (outcome.status, outcome.order_status, outcome.total_filled) == ("accepted", OrderStatus.ACTIVE, 0)
        assert outcome.order_id is not None
        return outcome.order_id

    def amend(
        self, owner: int, client_order_id: int, price: float, quantity: float, instrument: int = FUTURE
    ) -> OutcomeRecord:
        outcome = self.probe.amend(
            owner, client_order_id, instrument, round(price * ONE), round(quantity * ONE), time=self.now
        )
        check(self.probe.engine)
        return outcome

    def quotes(self, owner: int, *entries: tuple[Any, ...], group: int = GROUP, **fields: Any) -> MassQuoteRecord:
        """A mass quote; each entry is (instrument, bid, ask), each side (price, quantity) or None."""
        told = self.probe.mass_quote(
            owner, self.request(), group, [(number, _terms(bid), _terms(ask)) for number, bid, ask in entries],
            time=self.now, **fields,
        )  # fmt: skip
        check(self.probe.engine)
        return told

    def quote(
        self, owner: int, side: int, price: float, quantity: float, instrument: int = FUTURE, **fields: Any
    ) -> int:
        """One side that rests untouched; its order id."""
        sides = [(price, quantity), None] if side == BUY else [None, (price, quantity)]
        told = self.quotes(owner, (instrument, *sides), **fields)
        order_id = (told.quotes[0].bid if side == BUY else told.quotes[0].ask).order_id
        assert order_id is not None
        return order_id

    def release(self) -> list[ReleaseRecord]:
        """The wait behind the speed bump is over."""
        self.after(BUMP)
        told = self.probe.release(self.now)
        check(self.probe.engine)
        return told

    # what came of them

    def triggered(self) -> list[MmpTriggerRecord]:
        return self.mmp.take_triggered()

    def left(self) -> dict[int, list[tuple[int, int]]]:
        """Order id and reason of all that left, by owner."""
        told = self.probe.take_leaving(10_000)
        return {owner: [(entry.order_id, entry.cancel_reason) for entry in entries] for owner, entries in told}

    def leaving(self) -> dict[int, list[CanceledOrder]]:
        return dict(self.probe.take_leaving(10_000))

    def open(self, owner: int) -> int:
        return self.probe.owner_counts(owner)[0]


def _terms(side: tuple[float, float] | None) -> tuple[int | None, int, int]:
    return (None, 0, 0) if side is None else (round(side[0] * ONE), round(side[1] * ONE), 0)


def side(
    status: int,
    order_id: int | None = None,
    price: float | None = None,
    remaining: float = 0,
    filled: float = 0,
    reason: int = NO_REASON,
) -> QuoteSideRecord:
    return QuoteSideRecord(
        order_id, None if price is None else round(price * ONE), round(remaining * ONE), round(filled * ONE), status,
        reason,
    )  # fmt: skip


def entry(instrument: int, bid: QuoteSideRecord, ask: QuoteSideRecord) -> QuoteRecord:
    return QuoteRecord(instrument, bid, ask)
