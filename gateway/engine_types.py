"""What the engine room is made from, and what its Python face returns: plain tuples for tests and tools.

Prices, quantities, tick and lot sizes are integers in units of 1e-9. The compiled code has a struct for each of these
(gateway/engine.pxd) and makes none of them on the way of an order.
"""

from typing import NamedTuple


class InstrumentSpec(NamedTuple):
    """An instrument. reserved_for: the index of the only portfolio for which there is such an instrument; None: all."""

    id: int
    tick_size: int
    lot_size: int
    product_type: int
    min_price: int | None = None
    max_price: int | None = None
    max_order_quantity: int | None = None
    iceberg_allowed: bool = False
    currency_pair_id: int = 0
    speed_bump_ns: int = 0
    delta: int = 0
    vega: int = 0
    reserved_for: int | None = None


class PortfolioSpec(NamedTuple):
    id: int
    max_open_orders: int


class OwnerSpec(NamedTuple):
    """An owner of orders, later a session. `portfolio` is an index into the portfolios, not a portfolio's id."""

    portfolio: int


class MmpGroupSpec(NamedTuple):
    """A group under market-maker protection. `portfolio` is an index into the portfolios; limits in 1e-9, None is none.

    `id` is the mmpGroupId of a group of quotes, the currencyPairId of a group of orders.
    """

    portfolio: int
    id: int
    quantity_limit: int | None = None
    delta_limit: int | None = None
    vega_limit: int | None = None
    interval_ns: int = 1_000_000_000
    frozen_ns: int = 1_000_000_000
    is_of_orders: bool = False


class EventRecord(NamedTuple):
    """What a command did to a resting order: kind "fill", or "canceled" (match_id, price and quantity are then 0)."""

    kind: str
    owner: int
    instrument_id: int
    client_order_id: int
    order_id: int
    side: int
    match_id: int
    price: int
    quantity: int
    total_filled: int
    flags: int
    cancel_reason: int


class OutcomeRecord(NamedTuple):
    """What became of a command, "accepted" or "rejected", with what it did to others. None stands for null."""

    status: str
    order_status: int
    cancel_reason: int
    reject_reason: int
    order_id: int | None
    client_order_id: int | None
    instrument_id: int
    side: int
    price: int | None
    quantity: int | None
    total_filled: int
    visible_quantity: int
    owner: int
    dead_met: int
    details: str
    events: tuple[EventRecord, ...]


class QuoteSideRecord(NamedTuple):
    """What became of one side of a quote; order_id and price are None where there is none."""

    order_id: int | None
    price: int | None
    remaining: int
    total_filled: int
    status: int
    reject_reason: int


class QuoteRecord(NamedTuple):
    """What became of one entry of a mass quote."""

    instrument_id: int
    bid: QuoteSideRecord
    ask: QuoteSideRecord


class MassQuoteRecord(NamedTuple):
    """What became of a mass quote, "accepted" or "rejected", with what it did to others."""

    status: str
    reject_reason: int
    dead_met: int
    details: str
    quotes: tuple[QuoteRecord, ...]
    events: tuple[EventRecord, ...]


class ReleaseRecord(NamedTuple):
    """What became of a request that waited behind a speed bump; requester is the index of the owner who made it.

    mmp_group_id is a quote's, None of an order; quotes keep no correlation id.
    """

    correlation_id: int
    requester: int
    mmp_group_id: int | None
    outcome: OutcomeRecord


class MmpTriggerRecord(NamedTuple):
    """A group that a command has triggered. `trigger` is an MmpTriggerType, levels are in 1e-9, `told` are owners."""

    portfolio: int
    is_of_orders: bool
    id: int
    trigger: int
    frozen_until: int
    quantity_level: int
    delta_level: int
    vega_level: int
    told: tuple[int, ...]


class MmpUnfrozenRecord(NamedTuple):
    """A group that is no longer frozen, and the owners that were told that it was."""

    portfolio: int
    is_of_orders: bool
    id: int
    told: tuple[int, ...]


class CanceledOrder(NamedTuple):
    """One entry of OrdersCanceled, as the drain writes it; total_filled is (mantissa, exponent)."""

    client_order_id: int
    order_id: int
    instrument_id: int
    total_filled: tuple[int, int]
    cancel_reason: int
    flags: int


class RestingOrder(NamedTuple):
    """A live order in a book, best price first, oldest first."""

    order_id: int
    owner: int
    price: int
    quantity: int
    filled: int
    visible_quantity: int
