"""The registry alone: bindings, lookups, the fence's counts, growth."""

import random

import pytest

from gateway.book import Books
from gateway.engine_types import OwnerSpec, PortfolioSpec
from gateway.invariants import check_registry
from gateway.probe import RegistryProbe
from gateway.registry import Registry

PORTFOLIOS = [PortfolioSpec(id=10, max_open_orders=100), PortfolioSpec(id=20, max_open_orders=100)]
OWNERS = [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)]
BUCKET_LOAD = 3


SHARED_BITS = 10  # of hashes: in a lookup of up to 2**SHARED_BITS buckets, they all meet in one


def make(orders_max: int = 1000, hash_secret: int = 0) -> RegistryProbe:
    registry = Registry(PORTFOLIOS, OWNERS, orders_max, hash_secret=hash_secret)
    return RegistryProbe(registry, Books(registry, 1))


def test_an_order_is_found_by_both_its_ids_until_it_is_forgotten() -> None:
    probe = make()
    handle = probe.enter(0, 77, 1)
    assert handle is not None
    assert (probe.find_client(0, 77), probe.find_order_id(1)) == (handle, handle)
    assert (probe.find_client(1, 77), probe.find_client(0, 78), probe.find_order_id(2)) == (None, None, None)
    probe.forget(handle)
    assert (probe.find_client(0, 77), probe.find_order_id(1)) == (None, None)
    check_registry(probe.registry)


def test_the_same_client_order_id_in_two_portfolios_is_two_orders() -> None:
    probe = make()
    first, second = probe.enter(0, 77, 1), probe.enter(2, 77, 2)
    assert (probe.find_client(0, 77), probe.find_client(1, 77)) == (first, second)


@pytest.mark.parametrize("client_order_id", [-(2**63) + 1, -1, 0, 1, 2**32, 2**63 - 1])
def test_any_client_order_id_can_be_found_again(client_order_id: int) -> None:
    probe = make()
    handle = probe.enter(0, client_order_id, 1)
    assert probe.find_client(0, client_order_id) == handle


def test_order_ids_that_share_their_low_bits_are_told_apart() -> None:
    probe = make()
    low, high = probe.enter(0, 1, 5), probe.enter(0, 2, 5 + 2**32)
    assert (probe.find_order_id(5), probe.find_order_id(5 + 2**32)) == (low, high)


@pytest.mark.parametrize("leaving", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 0, 4, 1, 3)])
def test_an_owners_list_keeps_the_order_of_entry_whoever_leaves(leaving: tuple[int, ...]) -> None:
    probe = make()
    handles = {order_id: probe.enter(0, order_id, order_id) for order_id in range(1, 6)}
    left = list(handles)
    for position in leaving:
        handle = handles[position + 1]
        assert handle is not None
        probe.forget(handle)
        left.remove(position + 1)
        assert probe.orders_of(0) == left
        check_registry(probe.registry)


def test_covered_and_uncovered_orders_stand_in_lists_of_their_own() -> None:
    probe = make()
    for order_id in range(1, 7):
        probe.enter(order_id % 2, order_id, order_id, covered=order_id < 4)
    lists = [(probe.orders_of(owner), probe.orders_of(owner, covered=False)) for owner in range(3)]
    assert lists == [([2], [4, 6]), ([1, 3], [5]), ([], [])]
    check_registry(probe.registry)


def test_the_fence_kills_exactly_the_covered_orders_of_its_owner() -> None:
    probe = make()
    probe.enter(0, 1, 1)
    probe.enter(0, 2, 2, covered=False)
    probe.enter(0, 3, 3)
    probe.enter(1, 4, 4)
    assert probe.raise_fence(0, 1) == 2
    assert [order_id for order_id in range(1, 5) if probe.find_order_id(order_id) is not None] == [2, 4]
    assert probe.orders_of(0) == [1, 3]
    check_registry(probe.registry)


def test_each_of_an_owners_two_fences_kills_its_own_kind_of_order() -> None:
    probe = make()
    for order_id, covered, epoch in [(1, True, 1), (2, False, 1), (3, False, 2), (4, True, 3), (5, False, 3)]:
        probe.enter(0, order_id, order_id, covered=covered, epoch=epoch)
    alive = []
    for epoch, covered, killed in [(2, False, 2), (1, True, 1), (3, False, 1), (3, False, 0), (3, True, 1)]:
        assert probe.raise_fence(0, epoch, covered=covered) == killed
        alive.append([order_id for order_id in range(1, 6) if probe.find_order_id(order_id) is not None])
        check_registry(probe.registry)
    assert alive == [[1, 4, 5], [4, 5], [4], [4], []]
    assert (probe.orders_of(0), probe.orders_of(0, covered=False)) == ([1, 4], [2, 3, 5])


def test_a_fence_raised_again_kills_nothing_more() -> None:
    probe = make()
    probe.enter(0, 1, 1)
    assert [probe.raise_fence(0, 1), probe.raise_fence(0, 1), probe.raise_fence(0, 0)] == [1, 0, 0]
    check_registry(probe.registry)


def test_orders_of_a_later_epoch_outlive_the_fence_of_an_earlier_one() -> None:
    probe = make()
    for order_id, epoch in [(1, 1), (2, 1), (3, 2), (4, 5)]:
        probe.enter(0, order_id, order_id, epoch=epoch)
    assert probe.raise_fence(0, 1) == 2
    check_registry(probe.registry)
    assert probe.raise_fence(0, 4) == 1
    check_registry(probe.registry)
    assert probe.raise_fence(0, 5) == 1
    check_registry(probe.registry)


def test_a_dead_orders_client_order_id_is_free_while_its_record_is_still_there() -> None:
    probe = make()
    dead = probe.enter(0, 77, 1)
    probe.raise_fence(0, 1)
    assert probe.find_client(0, 77) is None
    reborn = probe.enter(1, 77, 2)
    assert reborn != dead
    assert probe.find_client(0, 77) == reborn
    assert dead is not None
    probe.forget(dead)
    assert probe.find_client(0, 77) == reborn
    check_registry(probe.registry)


def test_a_client_order_id_may_die_hundreds_of_times_before_the_drain() -> None:
    probe = make()
    handles = []
    for epoch in range(1, 301):
        assert probe.find_client(0, 77) is None
        handles.append(probe.enter(0, 77, epoch, epoch=epoch))
        assert probe.find_client(0, 77) == handles[-1]
        assert probe.raise_fence(0, epoch) == 1
    check_registry(probe.registry)
    random.Random(0).shuffle(handles)
    for position, handle in enumerate(handles):
        assert handle is not None
        probe.forget(handle)
        if position % 20 == 0:
            check_registry(probe.registry)
    check_registry(probe.registry)
    assert probe.orders_of(0) == []


def test_orders_up_to_their_portfolios_fenced_order_id_are_dead_covered_or_not() -> None:
    probe = make()
    probe.enter(0, 1, 1)
    probe.enter(1, 2, 2, covered=False)
    probe.enter(0, 3, 3)
    probe.enter(2, 4, 4)
    probe.mark_portfolio(0, 2)
    assert [order_id for order_id in range(1, 5) if probe.find_order_id(order_id) is not None] == [3, 4]


def test_a_full_registry_takes_no_order_until_one_has_left() -> None:
    probe = make(orders_max=3)
    handles = [probe.enter(0, order_id, order_id) for order_id in range(1, 4)]
    assert None not in handles
    assert probe.enter(0, 4, 4) is None
    check_registry(probe.registry)
    assert handles[1] is not None
    probe.forget(handles[1])
    assert probe.enter(0, 4, 4) == handles[1]
    check_registry(probe.registry)


def test_no_order_splits_more_than_one_bucket_however_far_the_lookups_grow() -> None:
    """The claim that growth has no pause, as structure: the work of each insert is one bucket's at most."""
    probe = make(orders_max=30_000)
    before = probe.splits()
    for order_id in range(1, 30_001):
        probe.enter(order_id % 3, order_id * 64, order_id)
        after = probe.splits()
        assert after[0] - before[0] in (0, 1)
        assert after[1] - before[1] in (0, 1)
        before = after
    assert before == (30_000 // BUCKET_LOAD - 1, 30_000 // BUCKET_LOAD - 1)
    check_registry(probe.registry)


def test_churn_at_a_constant_size_splits_nothing_and_leaves_nothing_behind() -> None:
    probe = make(orders_max=3_000)
    dice = random.Random(1)
    handles = [probe.enter(0, order_id, order_id) for order_id in range(1, 3_001)]
    splits = probe.splits()
    for order_id in range(3_001, 20_001):
        position = dice.randrange(len(handles))
        leaving = handles[position]
        assert leaving is not None
        probe.forget(leaving)
        handles[position] = probe.enter(0, order_id, order_id)
    assert probe.splits() == splits
    check_registry(probe.registry)


@pytest.mark.parametrize("orders_max", [0, 2**31])
def test_a_registry_of_an_impossible_size_is_refused(orders_max: int) -> None:
    with pytest.raises(ValueError, match="orders_max: wanted 1 to 2147483646"):
        Registry(PORTFOLIOS, OWNERS, orders_max)


def test_an_owner_of_an_unknown_portfolio_is_refused() -> None:
    with pytest.raises(ValueError, match="owner 1: portfolio wanted below 2, was 2"):
        Registry(PORTFOLIOS, [OwnerSpec(portfolio=0), OwnerSpec(portfolio=2)], 10)


def colliding(hash_secret: int, scope: int, count: int) -> list[int]:
    """Keys that all lead to one bucket, for somebody who knows the secret."""
    mask = hash_secret % 2**64 ^ 0xA0761D6478BD642F
    multiplier = (hash_secret >> 64 ^ 0xE7037ED1A0B428DB) | 1
    found: list[int] = []
    key = 0
    while len(found) < count:
        key += 1
        product = (key ^ scope << 40 ^ mask) * multiplier
        if ((product ^ product >> 64) & (2**SHARED_BITS - 1)) == 0:
            found.append(key)
    return found


@pytest.mark.parametrize("hash_secret", [0, 2**128 - 1, 0x0123456789ABCDEF0F1E2D3C4B5A6978])
def test_ids_that_collide_for_who_knows_the_secret_are_as_good_as_any_for_another(hash_secret: int) -> None:
    ids = colliding(hash_secret, 0, 1000)
    chosen = make(hash_secret=hash_secret)
    others = [make(hash_secret=random.Random(seed).getrandbits(128)) for seed in range(5)]
    for order_id, client_order_id in enumerate(ids, 1):
        handles = {probe.enter(0, client_order_id, order_id) for probe in (chosen, *others)}
        assert handles == {order_id - 1}
    assert chosen.longest_chains()[0] == len(ids)
    assert max(probe.longest_chains()[0] for probe in others) <= 5 * BUCKET_LOAD
    for probe in (chosen, *others):
        assert [probe.find_client(0, client_order_id) for client_order_id in ids] == list(range(len(ids)))
        check_registry(probe.registry)


def test_prices_that_collide_for_who_knows_the_secret_are_as_good_as_any_for_another() -> None:
    prices = colliding(0, 1, 1000)  # the side of the first instrument's sells, whose keys are their prices
    known, unknown = make(), make(hash_secret=random.Random(1).getrandbits(128))
    for probe in (known, unknown):
        for number, price in enumerate(prices, 1):
            handle = probe.enter(0, number, number)
            assert handle is not None
            probe.rest(handle, 0, -1, price)
    assert known.longest_chains()[1] == len(prices)
    assert unknown.longest_chains()[1] <= 5 * BUCKET_LOAD
    assert known.depth(0, -1) == unknown.depth(0, -1)


@pytest.mark.parametrize("step", [1, 2, 1_000, 2**20, 2**32, 2**40, 2**48])
def test_ids_that_follow_a_pattern_are_spread_over_the_buckets(step: int) -> None:
    probe = make(hash_secret=random.Random(step).getrandbits(128))
    for number in range(1, 1001):
        probe.enter(0, number * step, number)
    assert probe.longest_chains()[0] <= 5 * BUCKET_LOAD
