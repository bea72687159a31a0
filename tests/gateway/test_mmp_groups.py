"""What a group has filled lately, how exactly that is known, and in which order groups are unfrozen."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.protection import BUY, FUTURE, GROUP, INSTRUMENTS, MAKER, ONE, PAIR, SECOND, SELL, STRANGER

from gateway.engine import Engine
from gateway.engine_types import MmpGroupSpec, MmpUnfrozenRecord, OwnerSpec, PortfolioSpec
from gateway.invariants import check
from gateway.limits import MMP_SPANS_PER_INTERVAL
from gateway.mmp_probe import MmpProbe
from gateway.probe import EngineProbe

LOT = ONE // 1000
START = 1_000 * SECOND


class Seller:
    """MAKER sells lots of its quotes in the groups; nothing is ever left of one."""

    def __init__(self, *groups: MmpGroupSpec) -> None:
        owners = [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)]
        portfolios = [PortfolioSpec(id=number, max_open_orders=5000) for number in (1, 2)]
        self.probe = EngineProbe(Engine(INSTRUMENTS, portfolios, owners, 5000, mmp_groups=groups))
        self.mmp = MmpProbe(self.probe.engine)

    def sell(self, now: int, lots: int = 1, group: int = GROUP, **fields: bool) -> str:
        """The status of the quote."""
        quantity = lots * LOT
        entry = (FUTURE, (None, 0, 0), (100 * ONE, quantity, 0))
        told = self.probe.mass_quote(MAKER, 1, group, [entry], time=now, **fields)
        if told.status == "accepted":
            self.probe.enter(STRANGER, 1, FUTURE, BUY, 100 * ONE, quantity, time=now)
        assert self.probe.resting(FUTURE, SELL) == []
        return told.status

    def lots(self) -> int:
        return sum(quantity for _, _, quantity in self.mmp.spans(0, False, GROUP)) // LOT


@settings(max_examples=50, deadline=None)
@given(
    interval=st.integers(1, 5_000),
    pauses=st.lists(st.one_of(st.integers(0, 20), st.integers(0, 3_000)), min_size=1, max_size=150),
)
def test_the_sum_is_that_of_the_interval_and_of_at_most_one_span_more(interval: int, pauses: list[int]) -> None:
    seller = Seller(MmpGroupSpec(0, GROUP, quantity_limit=10**6 * LOT, interval_ns=interval))
    span = -(-interval // MMP_SPANS_PER_INTERVAL)
    now, times = START, list[int]()
    for pause in pauses:
        now += pause
        times.append(now)
        seller.sell(now)
        counted = seller.lots()
        assert sum(now - time < interval for time in times) <= counted
        assert counted <= sum(now - time < interval + span for time in times)
        check(seller.probe.engine)


@pytest.mark.parametrize(("pause", "spans"), [(300, 835), (976, 513), (977, 1_024), (1_000, 1_000)])
def test_a_group_remembers_a_bounded_number_of_spans(pause: int, spans: int) -> None:
    interval = 1_000_000
    seller = Seller(MmpGroupSpec(0, GROUP, quantity_limit=10**6 * LOT, interval_ns=interval))
    most = 0
    for time in range(START, START + 2 * interval + 1, pause):
        seller.sell(time)
        most = max(most, len(seller.mmp.spans(0, False, GROUP)))
    check(seller.probe.engine)
    assert most == spans <= MMP_SPANS_PER_INTERVAL + 1


def test_fills_of_one_instant_are_one_span() -> None:
    seller = Seller(MmpGroupSpec(0, GROUP, quantity_limit=100 * LOT))
    for _ in range(5):
        seller.sell(START, 2)
    seller.sell(START + SECOND // 2, 3)
    assert seller.mmp.spans(0, False, GROUP) == [
        (START, START, 10 * LOT), (START + SECOND // 2, START + SECOND // 2, 3 * LOT),
    ]  # fmt: skip


def test_groups_are_unfrozen_in_the_order_of_their_times_whenever_they_were_frozen() -> None:
    dice = random.Random(7)
    freezes = [dice.choice([1, 2, 2, 3, 5, 8]) * SECOND + dice.choice([0, 0, 5]) for _ in range(60)]
    specs = [MmpGroupSpec(0, number, LOT, frozen_ns=freeze) for number, freeze in enumerate(freezes)]
    seller = Seller(*specs)
    now, frozen = START, dict[int, int]()
    for _ in range(600):
        now += dice.choice([0, 1, SECOND // 20, SECOND // 2])
        due = sorted((until, number) for number, until in frozen.items() if until <= now)
        assert seller.mmp.unfreeze(now) == [MmpUnfrozenRecord(0, False, number, (MAKER,)) for _, number in due]
        frozen = {number: until for number, until in frozen.items() if until > now}
        number = dice.randrange(len(specs))
        may_reset = number in frozen and now >= frozen[number] - freezes[number] + SECOND
        status = seller.sell(now, group=number, reset_mmp=True)
        assert status == ("rejected" if number in frozen and not may_reset else "accepted")
        if status == "accepted":
            assert (seller.mmp.take_unfrozen() is not None) == (number in frozen)
            frozen[number] = now + freezes[number]
        assert len(seller.mmp.take_triggered()) == (status == "accepted")
        check(seller.probe.engine)
    assert len(frozen) > 10


def test_groups_of_quotes_and_of_orders_and_of_each_portfolio_have_names_of_their_own() -> None:
    groups = [MmpGroupSpec(portfolio, PAIR, LOT, is_of_orders=kind) for portfolio in (0, 1) for kind in (False, True)]
    seller = Seller(*groups)
    seller.sell(START, group=PAIR)
    assert [
        seller.mmp.frozen_until(group.portfolio, group.is_of_orders, PAIR) is not None for group in groups
    ] == [True, False, False, False]  # fmt: skip


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        ([MmpGroupSpec(2, 7, LOT)], "mmp group 7: portfolio wanted below 2, was 2"),
        ([MmpGroupSpec(0, 7, LOT)] * 2, "mmp group 7: given twice for one portfolio"),
        ([MmpGroupSpec(1, 7, LOT, is_of_orders=True)] * 2, "mmp group 7: given twice for one portfolio"),
    ],
)
def test_a_group_that_cannot_be_is_named(groups: list[MmpGroupSpec], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Seller(*groups)


def test_a_group_that_is_asked_for_in_vain_is_named() -> None:
    seller = Seller(MmpGroupSpec(0, GROUP, LOT))
    for ask in (seller.mmp.frozen_until, seller.mmp.spans):
        with pytest.raises(KeyError, match="portfolio 0, orders 1: no such group"):
            ask(0, True, GROUP)
