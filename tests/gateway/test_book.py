"""The books alone: levels, their order and balance, queues, and what purging leaves."""

import random
from collections.abc import Iterable

import pytest

from codec.layout import Side
from gateway.book import Books
from gateway.engine_types import OwnerSpec, PortfolioSpec
from gateway.invariants import check_books
from gateway.probe import RegistryProbe
from gateway.registry import Registry

INT64_MAX = 2**63 - 1


class Floor:
    """Books of two instruments whose orders are named by what `rest` returns."""

    def __init__(self) -> None:
        registry = Registry([PortfolioSpec(id=1, max_open_orders=10)], [OwnerSpec(0), OwnerSpec(0)], 5_000)
        self.books = Books(registry, 2)
        self.probe = RegistryProbe(registry, self.books)
        self.entered = 0

    def rest(self, price: int, side: int = Side.SELL, *, owner: int = 0, instrument: int = 0) -> int:
        self.entered += 1
        handle = self.probe.enter(owner, self.entered, self.entered)
        assert handle is not None
        self.probe.rest(handle, instrument, side, price)
        return handle

    def leave(self, handle: int) -> None:
        self.probe.take_out(handle)
        self.probe.forget(handle)

    def prices(self, side: int = Side.SELL) -> list[int]:
        return [price for price, _ in self.probe.depth(0, side)]


def test_sells_stand_lowest_price_first_and_buys_highest_first() -> None:
    floor = Floor()
    for price in (30, 10, 20):
        floor.rest(price, Side.SELL)
        floor.rest(-price, Side.BUY)
    assert floor.prices(Side.SELL) == [10, 20, 30]
    assert floor.prices(Side.BUY) == [-10, -20, -30]
    check_books(floor.books)


def test_orders_of_one_price_stand_in_order_of_arrival() -> None:
    floor = Floor()
    first, other, second, third = floor.rest(10), floor.rest(20), floor.rest(10), floor.rest(10)
    assert floor.probe.depth(0, Side.SELL) == [(10, [first, second, third]), (20, [other])]
    floor.leave(second)
    assert floor.probe.depth(0, Side.SELL) == [(10, [first, third]), (20, [other])]
    floor.leave(first)
    assert floor.probe.depth(0, Side.SELL) == [(10, [third]), (20, [other])]
    check_books(floor.books)


def test_a_level_goes_with_its_last_order() -> None:
    floor = Floor()
    only = floor.rest(10)
    floor.leave(only)
    assert floor.probe.depth(0, Side.SELL) == []
    check_books(floor.books)


def test_books_of_different_instruments_do_not_meet() -> None:
    floor = Floor()
    here, there = floor.rest(10, instrument=0), floor.rest(10, instrument=1)
    assert floor.probe.depth(0, Side.SELL) == [(10, [here])]
    assert floor.probe.depth(1, Side.SELL) == [(10, [there])]
    check_books(floor.books)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_the_extremes_of_a_price_have_their_places(side: int) -> None:
    floor = Floor()
    prices = [0, INT64_MAX, -1, -INT64_MAX, 1]
    for price in prices:
        floor.rest(price, side)
    assert floor.prices(side) == sorted(prices, reverse=side == Side.BUY)
    check_books(floor.books)


ORDERS_OF_ENTRY = {
    "ascending": range(1, 128),
    "descending": range(127, 0, -1),
    "outside in": [price for pair in zip(range(1, 64), range(127, 64, -1), strict=True) for price in pair],
    "inside out": [64 + (offset + 1) // 2 * (-1 if offset % 2 else 1) for offset in range(127)],
    "shuffled": random.Random(2).sample(range(1, 128), 127),
}


@pytest.mark.parametrize("leaving", ORDERS_OF_ENTRY.values(), ids=ORDERS_OF_ENTRY.keys())
@pytest.mark.parametrize("entering", ORDERS_OF_ENTRY.values(), ids=ORDERS_OF_ENTRY.keys())
def test_levels_stay_sorted_and_balanced_whatever_comes_and_goes(
    entering: Iterable[int], leaving: Iterable[int]
) -> None:
    floor = Floor()
    handles: dict[int, int] = {}
    for price in entering:
        handles[price] = floor.rest(price)
        check_books(floor.books)
    for price in leaving:
        if price in handles:
            floor.leave(handles.pop(price))
            assert floor.prices() == sorted(handles)
            check_books(floor.books)
    assert floor.prices() == sorted(handles)


def test_random_churn_of_levels_keeps_them_sorted_and_balanced() -> None:
    floor = Floor()
    dice = random.Random(3)
    resting: list[tuple[int, int]] = []
    for step in range(4_000):
        if dice.random() < len(resting) / 200:
            floor.leave(resting.pop(dice.randrange(len(resting)))[1])
        else:
            price = dice.randrange(200)
            resting.append((price, floor.rest(price)))
        if step % 20 == 0:
            assert floor.prices() == sorted({price for price, _ in resting})
            check_books(floor.books)
    assert len(resting) > 50


def test_purging_takes_dead_orders_out_up_to_the_first_live_one() -> None:
    floor = Floor()
    floor.rest(10, owner=0)
    floor.rest(20, owner=0)
    living = floor.rest(20, owner=1)
    behind = floor.rest(20, owner=0)
    floor.probe.raise_fence(0, 1)
    assert floor.probe.purge(0, Side.SELL, 100) == 2
    assert floor.probe.depth(0, Side.SELL) == [(20, [living, behind])]
    check_books(floor.books)
    assert floor.probe.orders_of(0) == [1, 2, 4]


def test_purging_leaves_dead_orders_beyond_the_price_where_they_are() -> None:
    floor = Floor()
    floor.rest(10)
    beyond = floor.rest(20)
    floor.probe.raise_fence(0, 1)
    assert floor.probe.purge(0, Side.SELL, 19) == 1
    assert floor.probe.depth(0, Side.SELL) == [(20, [beyond])]
    check_books(floor.books)


def test_purging_a_side_of_dead_orders_leaves_it_empty() -> None:
    floor = Floor()
    for price in range(50):
        floor.rest(price)
        floor.rest(price)
    floor.probe.raise_fence(0, 1)
    assert floor.probe.purge(0, Side.SELL, INT64_MAX) == 100
    assert floor.probe.depth(0, Side.SELL) == []
    check_books(floor.books)
