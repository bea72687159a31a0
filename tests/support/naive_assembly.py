"""The naive engine's parts, from a configuration."""

from codec.layout import ProductType
from gateway.config import Config
from gateway.engine_types import InstrumentSpec, MmpGroupSpec, OwnerSpec, PortfolioSpec
from gateway.limits import ORDERS_MAX
from support.naive_rate_limit import NaiveRateLimits
from support.naive_speed_bumps import NaiveSpeedBumps


def portfolio_indexes(config: Config) -> dict[int, int]:
    return {portfolio.id: index for index, portfolio in enumerate(config.portfolios)}


def naive_engine_of(config: Config) -> NaiveSpeedBumps:
    indexes = portfolio_indexes(config)
    return NaiveSpeedBumps(
        [
            InstrumentSpec(
                id=instrument.id,
                tick_size=instrument.tick_size,
                lot_size=instrument.lot_size,
                product_type=ProductType[instrument.product_type.upper()],
                min_price=instrument.min_price,
                max_price=instrument.max_price,
                max_order_quantity=instrument.max_order_quantity,
                iceberg_allowed=instrument.iceberg_allowed,
                currency_pair_id=instrument.currency_pair_id,
                delta=instrument.delta or 0,
                vega=instrument.vega or 0,
                speed_bump_ns=instrument.speed_bump_ms * 1_000_000,
            )
            for instrument in config.instruments
        ],
        [PortfolioSpec(portfolio.id, portfolio.max_open_orders) for portfolio in config.portfolios],
        [OwnerSpec(indexes[key.portfolio]) for key in config.api_keys],
        ORDERS_MAX,
        mmp_groups_of(config),
    )


def mmp_groups_of(config: Config) -> list[MmpGroupSpec]:
    indexes = portfolio_indexes(config)
    return [
        MmpGroupSpec(
            indexes[group.portfolio],
            group.id or group.currency_pair_id or 0,
            group.quantity_limit,
            group.delta_limit,
            group.vega_limit,
            group.interval_ms * 10**6,
            group.frozen_ms * 10**6,
            group.id is None,
        )
        for group in config.mmp_groups
    ]


def rate_limits_of(config: Config) -> NaiveRateLimits | None:
    limits = config.rate_limit
    if limits is None:
        return None
    by_portfolio = limits.scope == "portfolio"
    holders = [key.portfolio if by_portfolio else slot for slot, key in enumerate(config.api_keys)]
    rates = {
        "orders": (limits.orders_per_s, limits.orders_burst),
        "mass_quotes": (limits.mass_quotes_per_s, limits.mass_quotes_burst),
    }
    return NaiveRateLimits(holders, rates)
