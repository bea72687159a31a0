"""The invariants' own test: a state that is wrong does not pass."""

import pytest

from codec.layout import ProductType, Side
from gateway.engine import Engine
from gateway.engine_types import InstrumentSpec, OwnerSpec, PortfolioSpec
from gateway.invariants import check, check_books, check_registry
from gateway.probe import RegistryProbe


@pytest.fixture
def engine() -> Engine:
    instrument = InstrumentSpec(id=1, tick_size=1, lot_size=1, product_type=ProductType.FUTURES)
    return Engine([instrument], [PortfolioSpec(id=1, max_open_orders=10)], [OwnerSpec(portfolio=0)] * 2, 10)


@pytest.fixture
def probe(engine: Engine) -> RegistryProbe:
    """Goes behind the engine's back."""
    return RegistryProbe(engine.registry, engine.books)


def rest(probe: RegistryProbe, order_id: int, side: int, price: int) -> int:
    handle = probe.enter(0, order_id, order_id)
    assert handle is not None
    probe.rest(handle, 0, side, price)
    return handle


def test_a_state_that_is_right_passes(engine: Engine, probe: RegistryProbe) -> None:
    rest(probe, 1, Side.BUY, 99)
    rest(probe, 2, Side.SELL, 100)
    check(engine)


def test_orders_that_died_without_being_counted_are_noticed(engine: Engine, probe: RegistryProbe) -> None:
    rest(probe, 1, Side.BUY, 99)
    probe.mark_portfolio(0, 1)
    with pytest.raises(AssertionError, match="owner 0: 0 live in a list, 1 counted"):
        check(engine)


def test_two_open_orders_of_one_client_order_id_are_noticed(engine: Engine, probe: RegistryProbe) -> None:
    probe.enter(0, 77, 1)
    probe.enter(1, 77, 2)
    with pytest.raises(AssertionError, match="owner 1, order 2: client_order_id 77 open twice"):
        check_registry(engine.registry)


def test_an_order_entered_out_of_turn_is_noticed(engine: Engine, probe: RegistryProbe) -> None:
    probe.enter(0, 1, 2)
    probe.enter(0, 2, 1)
    with pytest.raises(AssertionError, match="owner 0, order 1: out of its order of entry"):
        check_registry(engine.registry)


def test_an_order_that_was_forgotten_while_it_rested_is_noticed(engine: Engine, probe: RegistryProbe) -> None:
    probe.forget(rest(probe, 1, Side.BUY, 99))
    with pytest.raises(AssertionError):
        check_books(engine.books)


def test_a_live_order_in_no_book_is_noticed(engine: Engine, probe: RegistryProbe) -> None:
    probe.enter(0, 1, 1)
    with pytest.raises(AssertionError, match="order 1: live and in no book"):
        check(engine)


def test_a_crossed_book_is_noticed(engine: Engine, probe: RegistryProbe) -> None:
    rest(probe, 1, Side.BUY, 100)
    rest(probe, 2, Side.SELL, 100)
    with pytest.raises(AssertionError, match="instrument 0: bid 100, ask 100"):
        check(engine)


def test_an_iceberg_that_shows_nothing_is_noticed(engine: Engine, probe: RegistryProbe) -> None:
    probe.mark(rest(probe, 1, Side.BUY, 99), 16)
    with pytest.raises(AssertionError, match="owner 0, order 1: shows 0 of 1, 0 at a time"):
        check(engine)


def test_a_day_order_that_no_settlement_would_end_is_noticed(engine: Engine, probe: RegistryProbe) -> None:
    probe.mark(rest(probe, 1, Side.BUY, 99), 32)
    with pytest.raises(AssertionError, match="1 day orders, 0 in lists, 0 counted"):
        check(engine)
