"""From the configuration to the parts of a core: what stands in the file, in the terms of the engine room."""

from collections.abc import Sequence
from typing import Final

from codec.layout import ProductType
from gateway.config import Config, Gateway, Instrument, MmpGroup, Portfolio, RateLimit
from gateway.engine import Engine
from gateway.engine_types import InstrumentSpec, MmpGroupSpec, OwnerSpec, PortfolioSpec
from gateway.flap_guard import FlapGuard
from gateway.heartbeat import Silence
from gateway.limits import ORDERS_MAX
from gateway.rate_limit import RateLimits

_MILLISECOND_NS: Final = 1_000_000
_SECOND_NS: Final = 1_000_000_000


def engine_of(config: Config, hash_secret: int = 0) -> Engine:
    """The engine. Instruments, portfolios and owners (one for each key) have the indexes of the file's order.

    `hash_secret` are 128 bits that no client knows, so that none can choose ids that are slow to find.
    """
    index_of = {portfolio.id: index for index, portfolio in enumerate(config.portfolios)}
    return Engine(
        [instrument_spec(instrument) for instrument in config.instruments],
        [portfolio_spec(portfolio) for portfolio in config.portfolios],
        [OwnerSpec(index) for index in portfolio_indexes(config)],
        ORDERS_MAX,
        mmp_groups=[mmp_group_spec(group, index_of[group.portfolio]) for group in config.mmp_groups],
        hash_secret=hash_secret,
    )


def portfolio_indexes(config: Config) -> list[int]:
    """The index of each key's portfolio."""
    index_of = {portfolio.id: index for index, portfolio in enumerate(config.portfolios)}
    return [index_of[key.portfolio] for key in config.api_keys]


def instrument_spec(instrument: Instrument) -> InstrumentSpec:
    """An [[instrument]] as the engine takes it."""
    return InstrumentSpec(
        id=instrument.id,
        tick_size=instrument.tick_size,
        lot_size=instrument.lot_size,
        product_type=ProductType[instrument.product_type.upper()],
        min_price=instrument.min_price,
        max_price=instrument.max_price,
        max_order_quantity=instrument.max_order_quantity,
        iceberg_allowed=instrument.iceberg_allowed,
        currency_pair_id=instrument.currency_pair_id,
        speed_bump_ns=instrument.speed_bump_ms * _MILLISECOND_NS,
        delta=instrument.delta or 0,
        vega=instrument.vega or 0,
    )


def mmp_group_spec(group: MmpGroup, portfolio: int) -> MmpGroupSpec:
    """An [[mmp_group]] of the portfolio with this index as the engine takes it."""
    return MmpGroupSpec(
        portfolio=portfolio,
        id=group.group_id,
        quantity_limit=group.quantity_limit,
        delta_limit=group.delta_limit,
        vega_limit=group.vega_limit,
        interval_ns=group.interval_ms * _MILLISECOND_NS,
        frozen_ns=group.frozen_ms * _MILLISECOND_NS,
        is_of_orders=group.currency_pair_id is not None,
    )


def portfolio_spec(portfolio: Portfolio) -> PortfolioSpec:
    """A [[portfolio]] as the engine takes it."""
    return PortfolioSpec(portfolio.id, portfolio.max_open_orders)


def rate_limits_of(limit: RateLimit | None, portfolio_of: Sequence[int]) -> RateLimits | None:
    """The buckets, None when there is no limit. `portfolio_of` has the index of each session's portfolio, by slot."""
    if limit is None:
        return None
    return RateLimits(
        range(len(portfolio_of)) if limit.scope == "api_key" else portfolio_of,
        orders_per_s=limit.orders_per_s,
        orders_burst=limit.orders_burst,
        mass_quotes_per_s=limit.mass_quotes_per_s,
        mass_quotes_burst=limit.mass_quotes_burst,
    )


def silence_of(settings: Gateway) -> Silence:
    """The times of protocol 8.4 that the settings make, in ns."""
    interval_ns = settings.heartbeat_interval_s * _SECOND_NS
    return Silence(
        interval_ns=interval_ns,
        probe_ns=round(interval_ns * settings.heartbeat_probe_factor),
        lapse_ns=round(interval_ns * settings.heartbeat_lapse_factor),
        logon_ns=round(settings.logon_timeout_s * _SECOND_NS),
    )


def flap_guard_of(settings: Gateway) -> FlapGuard:
    """The flap guard that the settings ask for."""
    window_ns = round(settings.flap_window_s * _SECOND_NS)
    return FlapGuard(settings.flap_losses, window_ns, settings.flap_lockout_ms * _MILLISECOND_NS)
