"""The limits of an instrument: what is told, and that they hold to the last tick and lot."""

import pytest

from codec.layout import OrderFlags, OrderRejectReason, OrderStatus, ProductType, Side, TimeInForce
from gateway.engine import Engine
from gateway.engine_types import InstrumentSpec, OwnerSpec, PortfolioSpec
from gateway.probe import EngineProbe

ONE = 1_000_000_000
BANDED, BANDED_COMBO = 1, 2


@pytest.fixture
def probe() -> EngineProbe:
    """A future from 90 to 110 and a combo from -5 to 5, at most 10 an order, in steps of 1."""
    instruments = [
        InstrumentSpec(BANDED, ONE, ONE, ProductType.FUTURES, 90 * ONE, 110 * ONE, 10 * ONE),
        InstrumentSpec(BANDED_COMBO, ONE, ONE, ProductType.COMBO_FUTURES, -5 * ONE, 5 * ONE, 10 * ONE),
    ]
    return EngineProbe(Engine(instruments, [PortfolioSpec(id=1, max_open_orders=10)], [OwnerSpec(portfolio=0)], 10))


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
@pytest.mark.parametrize(
    ("instrument_id", "price", "reason", "details"),
    [
        (BANDED, 89, OrderRejectReason.PRICE_TOO_LOW, "price 89: wanted at least 90"),
        (BANDED, 111, OrderRejectReason.PRICE_TOO_HIGH, "price 111: wanted at most 110"),
        (BANDED_COMBO, -6, OrderRejectReason.PRICE_TOO_LOW, "price -6: wanted at least -5"),
        (BANDED_COMBO, 6, OrderRejectReason.PRICE_TOO_HIGH, "price 6: wanted at most 5"),
    ],
)
def test_a_price_outside_the_band_is_rejected(
    probe: EngineProbe, side: int, instrument_id: int, price: int, reason: int, details: str
) -> None:
    outcome = probe.enter(0, 1, instrument_id, side, price * ONE, ONE)
    assert (outcome.order_id, outcome.reject_reason, outcome.details) == (None, reason, details)


@pytest.mark.parametrize(
    ("instrument_id", "price"), [(BANDED, 90), (BANDED, 110), (BANDED_COMBO, -5), (BANDED_COMBO, 0), (BANDED_COMBO, 5)]
)
def test_the_band_s_ends_are_within_it(probe: EngineProbe, instrument_id: int, price: int) -> None:
    assert probe.enter(0, 1, instrument_id, Side.BUY, price * ONE, ONE).order_status == OrderStatus.ACTIVE


def test_an_order_may_be_as_large_as_the_limit_and_no_larger(probe: EngineProbe) -> None:
    assert probe.enter(0, 1, BANDED, Side.BUY, 100 * ONE, 10 * ONE).order_status == OrderStatus.ACTIVE
    outcome = probe.enter(0, 2, BANDED, Side.BUY, 100 * ONE, 11 * ONE)
    assert (outcome.reject_reason, outcome.details) == (
        OrderRejectReason.ORDER_SIZE_LIMIT_EXCEEDED,
        "quantity 11: wanted at most 10",
    )


@pytest.mark.parametrize(("resting_side", "price"), [(Side.SELL, 90), (Side.BUY, 110)])
def test_post_only_does_not_step_out_of_the_band(probe: EngineProbe, resting_side: int, price: int) -> None:
    probe.enter(0, 1, BANDED, resting_side, price * ONE, ONE)
    outcome = probe.enter(0, 2, BANDED, -resting_side, price * ONE, ONE, flags=OrderFlags.POST_ONLY)
    assert (outcome.status, outcome.reject_reason) == ("rejected", OrderRejectReason.POST_ONLY)


def test_a_market_order_has_no_price_to_be_judged(probe: EngineProbe) -> None:
    probe.enter(0, 1, BANDED, Side.SELL, 110 * ONE, ONE)
    outcome = probe.enter(
        0, 2, BANDED, Side.BUY, None, ONE, flags=OrderFlags.MARKET_LIMIT, time_in_force=TimeInForce.IOC
    )
    assert outcome.order_status == OrderStatus.FILLED
