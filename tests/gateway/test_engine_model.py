"""Random commands to the engine and to the naive one: every outcome, count and book must be the same."""

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.naive_quotes import Entry, NaiveQuotes
from support.naive_speed_bumps import NaiveSpeedBumps

from codec.layout import CancelReason, OrderFlags, ProductType, SelfTradingMode, Side, TimeInForce
from gateway.engine import Engine, InstrumentState
from gateway.engine_types import InstrumentSpec, MassQuoteRecord, MmpGroupSpec, OutcomeRecord, OwnerSpec, PortfolioSpec
from gateway.invariants import check
from gateway.mmp_probe import MmpProbe
from gateway.probe import EngineProbe
from gateway.venue import Venue

ONE = 1_000_000_000
TICK = 500_000_000
LOT = 1_000_000
INSTRUMENTS = [
    InstrumentSpec(
        id=7,
        tick_size=TICK,
        lot_size=LOT,
        product_type=ProductType.FUTURES,
        iceberg_allowed=True,
        delta=ONE // 2,
        vega=ONE // 3,
    ),
    InstrumentSpec(
        id=-3,
        tick_size=TICK,
        lot_size=LOT,
        product_type=ProductType.COMBO_FUTURES,
        currency_pair_id=1,
        delta=-ONE,
        vega=2 * ONE,
    ),
    InstrumentSpec(
        id=11,
        tick_size=TICK,
        lot_size=LOT,
        product_type=ProductType.SPOT,
        min_price=3 * TICK,
        max_price=6 * TICK,
        max_order_quantity=4 * LOT,
        iceberg_allowed=True,
        currency_pair_id=1,
        vega=-ONE,
    ),
    *(
        InstrumentSpec(
            id=number,
            tick_size=TICK,
            lot_size=LOT,
            product_type=ProductType.FUTURES,
            iceberg_allowed=True,
            speed_bump_ns=wait,
            currency_pair_id=1,
        )
        for number, wait in [(20, 5), (21, 9), (22, 5)]
    ),
]
PORTFOLIOS = [PortfolioSpec(id=1, max_open_orders=12), PortfolioSpec(id=2, max_open_orders=30)]
OWNERS = [OwnerSpec(portfolio=0), OwnerSpec(portfolio=0), OwnerSpec(portfolio=1)]
MMP_GROUPS = [
    MmpGroupSpec(0, 1, quantity_limit=4 * LOT, frozen_ns=2 * ONE),
    MmpGroupSpec(0, 2, delta_limit=3 * LOT, vega_limit=9 * LOT, interval_ns=2 * ONE, frozen_ns=3 * ONE),
    MmpGroupSpec(0, 1, quantity_limit=5 * LOT, delta_limit=4 * LOT, is_of_orders=True, frozen_ns=2 * ONE),
    MmpGroupSpec(1, 1, vega_limit=5 * LOT, interval_ns=ONE // 2),
    MmpGroupSpec(1, 1, quantity_limit=7 * LOT, is_of_orders=True),
]
TIMES = [400_000, 976_563, 40_000_000, 300_000_000, ONE // 2, ONE, 2 * ONE]
ORDERS_MAX = 32
WILD_FIELDS: list[dict[str, Any]] = [
    {"price": TICK + 1},
    {"price": 0},
    {"price": -TICK},
    {"price": None},
    {"price": None, "flags": OrderFlags.MARKET_LIMIT},
    {"flags": OrderFlags.MARKET_LIMIT},
    {"flags": OrderFlags.MMP},
    {"flags": OrderFlags.RESET_MMP},
    {"quantity": LOT - 1},
    {"quantity": 0},
    {"quantity": None},
    {"quantity": 2**63 - 1 - (2**63 - 1) % LOT},
    {"side": 0},
    {"time_in_force": -3},
    {"time_in_force": 127},
    {"self_trading_mode": 2},
    {"show_quantity": LOT},
    {"show_quantity": LOT + 1},
    {"show_quantity": 0},
    {"show_quantity": 6 * LOT},
    {"client_order_id": None},
    {"instrument_id": 8},
]


class Pair:
    """The engine and the naive one, given the same commands."""

    def __init__(self) -> None:
        self.probe = EngineProbe(Engine(INSTRUMENTS, PORTFOLIOS, OWNERS, ORDERS_MAX, mmp_groups=MMP_GROUPS))
        self.venue = Venue(self.probe.engine)
        self.mmp_probe = MmpProbe(self.probe.engine)
        self.naive = NaiveSpeedBumps(INSTRUMENTS, PORTFOLIOS, OWNERS, ORDERS_MAX, MMP_GROUPS)
        self.naive_quotes = NaiveQuotes(self.naive)
        self.epochs = [1] * len(OWNERS)
        self.now = 0
        self.requests = 0

    def stamped(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.requests += 1
        # Every other request has its way cleared of the dead before it begins, one at a time.
        self.probe.dead_at_a_time = self.requests % 2
        return {"epoch": self.epochs[fields["owner"]], "time": self.now, "correlation_id": self.requests, **fields}

    def pass_time(self, after: int) -> None:
        self.now += after
        assert self.mmp_probe.unfreeze(self.now) == self.naive.mmp.unfreeze(self.now)
        told = self.probe.release(self.now)
        assert told == self.naive.release(self.now)
        self.same_protection()

    def enter(self, **fields: Any) -> OutcomeRecord:
        fields = self.stamped(fields)
        told = self.same_outcome(self.probe.enter(**fields), self.naive.enter(**fields))
        assert told.dead_met == 0 or not self.probe.dead_at_a_time
        self.same_protection()
        return told

    def amend(self, **fields: Any) -> OutcomeRecord:
        fields = self.stamped(fields)
        told = self.same_outcome(self.probe.amend(**fields), self.naive.amend(**fields))
        assert told.dead_met == 0 or not self.probe.dead_at_a_time
        self.same_protection()
        return told

    def mass_quote(self, owner: int, mmp_group_id: int, entries: list[Entry], **fields: Any) -> MassQuoteRecord:
        fields = {"quote_id": 900 + owner, "epoch": self.epochs[owner], "time": self.now, **fields}
        told = self.probe.mass_quote(owner, mmp_group_id=mmp_group_id, entries=entries, **fields)
        assert (told.details != "") == (told.status == "rejected")
        naive = self.naive_quotes.mass_quote(owner, mmp_group_id=mmp_group_id, entries=entries, **fields)
        assert told._replace(details="", dead_met=0) == naive
        self.same_protection()
        return told

    def same_protection(self) -> None:
        """What a command triggered and unfroze, and what left by it."""
        assert self.mmp_probe.take_unfrozen() == self.naive.mmp.take_unfrozen()
        assert self.mmp_probe.take_triggered() == self.naive.mmp.take_triggered()
        self.take_leaving(1000)

    def mass_cancel(self, owner: int, **filters: Any) -> None:
        assert self.probe.mass_cancel(owner, **filters) == self.naive_quotes.mass_cancel(owner, **filters)
        self.take_leaving(1000)

    def cancel_quotes(self, owner: int, mmp_group_id: int, side: int) -> None:
        assert self.probe.cancel_quotes(owner, mmp_group_id, side) == self.naive_quotes.cancel_quotes(
            owner, mmp_group_id, side
        )
        self.take_leaving(1000)

    def cancel(self, owner: int, client_order_id: int, instrument_id: int) -> OutcomeRecord:
        return self.same_outcome(
            self.probe.cancel(owner, client_order_id, instrument_id),
            self.naive.cancel(owner, client_order_id, instrument_id),
        )

    def cancel_by_id(self, owner: int, order_id: int, instrument_id: int) -> OutcomeRecord:
        return self.same_outcome(
            self.probe.cancel_by_id(owner, order_id, instrument_id),
            self.naive.cancel_by_id(owner, order_id, instrument_id),
        )

    def fence(self, owner: int, epoch: int, covered: bool) -> None:
        assert self.probe.fence(owner, epoch, covered=covered) == self.naive.fence(owner, epoch, covered=covered)
        self.epochs[owner] = max(self.epochs[owner], epoch + 1)

    def fence_portfolio(self, portfolio: int) -> None:
        assert self.probe.fence_portfolio(portfolio) == self.naive.fence_portfolio(portfolio)

    def drain(self, owner: int, limit: int, covered: bool) -> None:
        assert self.probe.drain(owner, limit, covered=covered) == self.naive.drain(owner, limit, covered=covered)

    def set_locked(self, portfolio: int, is_locked: bool) -> None:
        self.venue.set_locked(portfolio, is_locked)
        (self.naive.locked.add if is_locked else self.naive.locked.discard)(portfolio)

    def set_state(self, instrument: int, state: InstrumentState) -> None:
        self.venue.set_instrument_state(instrument, state)
        instrument_id = INSTRUMENTS[instrument].id
        self.naive.closed.pop(instrument_id, None)
        if state == InstrumentState.INSTRUMENT_IS_HALTED:
            self.naive.closed[instrument_id] = CancelReason.MARKET_STATE_TRANSITION
        elif state == InstrumentState.INSTRUMENT_IS_DEACTIVATED:
            self.naive.closed[instrument_id] = CancelReason.BOOK_DEACTIVATED

    def empty_book(self, instrument: int, limit: int) -> None:
        """A whole book is taken out in pieces, each told of at once."""
        instrument_id = INSTRUMENTS[instrument].id
        live = sum(len(self.naive.side_of(instrument_id, side)) for side in (Side.BUY, Side.SELL))
        taken, left = limit, 0
        while taken == limit:
            taken = self.venue.leave_book(instrument, limit, CancelReason.BOOK_DEACTIVATED)
            told = self.probe.take_leaving(limit)
            count = sum(len(entries) for _, entries in told)
            assert count <= taken <= limit
            assert count == self.naive.leave_book(instrument_id, count, CancelReason.BOOK_DEACTIVATED)
            assert told == self.naive.take_leaving(limit)
            check(self.probe.engine)
            left += count
        assert left == live

    def leave(self, order_ids: list[int], limit: int) -> None:
        """Several orders at once, told of in pieces."""
        for order_id in order_ids:
            reason = [CancelReason.BY_REQUEST, CancelReason.MM_PROTECTION][order_id % 2]
            assert self.probe.leave(order_id, reason) == self.naive.leave(order_id, reason)
        self.take_leaving(limit)

    def take_leaving(self, limit: int) -> None:
        check(self.probe.engine)
        while self.naive.leaving:
            assert self.probe.take_leaving(limit) == self.naive.take_leaving(limit)
        assert self.probe.take_leaving(limit) == self.naive.take_leaving(limit) == []

    def settle(self) -> None:
        self.probe.settle()
        self.naive.settle()

    def leave_due(self, limit: int) -> None:
        assert self.probe.leave_due(limit) == self.naive.leave_due(limit)
        self.take_leaving(3)

    def same_outcome(self, engine: OutcomeRecord, naive: OutcomeRecord) -> OutcomeRecord:
        assert (engine.details != "") == (engine.status == "rejected")
        assert engine._replace(details="", dead_met=0) == naive
        return engine

    def compare(self) -> None:
        check(self.probe.engine)
        for owner in range(len(OWNERS)):
            assert self.probe.owner_counts(owner) == self.naive.owner_counts(owner)
        for portfolio in range(len(PORTFOLIOS)):
            assert self.probe.portfolio_open(portfolio) == self.naive.portfolio_open(portfolio)
        for instrument in INSTRUMENTS:
            for side in (Side.BUY, Side.SELL):
                assert self.probe.resting(instrument.id, side) == self.naive.resting(instrument.id, side)


owners = st.integers(0, len(OWNERS) - 1)
client_order_ids = st.integers(1, 20)
instrument_ids = st.sampled_from([instrument.id for instrument in INSTRUMENTS])
MMP = OrderFlags.MMP
RESET_MMP = OrderFlags.RESET_MMP
order_flags = st.builds(
    lambda placing, protected: placing | protected,
    st.sampled_from([0] * 4 + [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT, OrderFlags(6)]),
    st.sampled_from([0, 0, MMP, MMP, MMP | RESET_MMP, RESET_MMP]),
)
show_quantities = st.sampled_from([None] * 4 + [LOT, 2 * LOT])
orders = st.fixed_dictionaries(
    {
        "owner": owners,
        "client_order_id": client_order_ids,
        "instrument_id": instrument_ids,
        "side": st.sampled_from([Side.BUY, Side.SELL]),
        "price": st.integers(1, 8).map(lambda ticks: ticks * TICK),
        "quantity": st.integers(1, 5).map(lambda lots: lots * LOT),
        "time_in_force": st.sampled_from([TimeInForce.GTC] * 4 + [TimeInForce.IOC, TimeInForce.FOK, 1, 1, 2]),
        "flags": order_flags,
        "smp_token": st.sampled_from([None, 0, 5, 6]),
        "self_trading_mode": st.sampled_from(list(SelfTradingMode)),
        "show_quantity": show_quantities,
        "covered": st.sampled_from([True, True, True, False]),
    }
)


amends = st.fixed_dictionaries(
    {
        "owner": owners,
        "client_order_id": client_order_ids,
        "instrument_id": instrument_ids,
        "price": st.integers(1, 8).map(lambda ticks: ticks * TICK),
        "quantity": st.integers(1, 5).map(lambda lots: lots * LOT),
        "show_quantity": show_quantities,
        "flags": st.sampled_from([0] * 4 + [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT, OrderFlags(6)]),
    }
)
WILD_AMENDS: list[dict[str, Any]] = [
    {"price": None}, {"price": TICK + 1}, {"price": 0}, {"quantity": None}, {"quantity": 0}, {"quantity": LOT + 1},
    {"show_quantity": 0}, {"show_quantity": 6 * LOT}, {"client_order_id": None}, {"instrument_id": 8}, {"epoch": 0},
]  # fmt: skip


quote_terms = st.tuples(
    st.sampled_from([*(ticks * TICK for ticks in range(1, 9)), *([4 * TICK, 5 * TICK] * 4), None, TICK + 1]),
    st.sampled_from([0, 1, 1, 1, 2, 2, 3, 5]).map(lambda lots: lots * LOT),
    st.sampled_from([0] * 8 + [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT, OrderFlags.MMP]),
)
mass_quotes = st.fixed_dictionaries(
    {
        "owner": owners,
        "mmp_group_id": st.sampled_from([1, 1, 1, 2]),
        "entries": st.lists(
            st.tuples(instrument_ids, quote_terms, quote_terms), max_size=3, unique_by=lambda entry: entry[0]
        ),
        "smp_token": st.sampled_from([None, 0, 5, 6]),
        "covered": st.sampled_from([True, True, True, False]),
        "reset_mmp": st.sampled_from([False, False, True]),
    }
)
FINE = (4 * TICK, LOT, 0)
WILD_MASS_QUOTES: list[dict[str, Any]] = [
    {"quote_id": None}, {"mmp_group_id": 3}, {"mmp_group_id": None}, {"epoch": 0}, {"entries": [(8, FINE, FINE)]},
    {"entries": [(7, FINE, FINE), (7, FINE, FINE)]}, {"entries": [(7, FINE, (4 * TICK, LOT - 1, 0))]},
    {"entries": [(7, (4 * TICK, None, 0), FINE)]}, {"entries": [(7, (4 * TICK, -LOT, 0), FINE)]},
    {"entries": [(number, FINE, FINE) for number in range(16)]},
]  # fmt: skip
filters = st.fixed_dictionaries(
    {
        "currency_pair_id": st.sampled_from([None, None, 0, 1, 2]),
        "instrument_id": st.sampled_from([None, None, 7, 11, 8]),
        "product_type": st.sampled_from([ProductType.ALL, ProductType.ALL, ProductType.FUTURES, ProductType.SPOT]),
        "side": st.sampled_from([Side.BOTH, Side.BUY, Side.SELL]),
    }
)


class EngineMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()

    @rule(fields=orders)
    def enter(self, fields: dict[str, Any]) -> None:
        self.pair.enter(**fields)

    @rule(fields=orders, wild=st.sampled_from(WILD_FIELDS))
    def enter_something_odd(self, fields: dict[str, Any], wild: dict[str, Any]) -> None:
        self.pair.enter(**{**fields, **wild})

    @rule(fields=orders, back=st.integers(1, 3))
    def enter_in_an_old_epoch(self, fields: dict[str, Any], back: int) -> None:
        self.pair.enter(**fields, epoch=self.pair.epochs[fields["owner"]] - back)

    @rule(fields=amends)
    def amend(self, fields: dict[str, Any]) -> None:
        self.pair.amend(**fields)

    @rule(fields=amends, data=st.data())
    def amend_what_is_there(self, fields: dict[str, Any], data: st.DataObject) -> None:
        live = self.pair.naive.live()
        if live:
            target = data.draw(st.sampled_from(live))
            owner = data.draw(st.sampled_from([target.owner, fields["owner"]]))
            price = data.draw(st.sampled_from([target.price, fields["price"]]))
            named = {"client_order_id": target.client_order_id, "instrument_id": target.instrument_id}
            self.pair.amend(**{**fields, **named, "owner": owner, "price": price})

    @rule(fields=amends, wild=st.sampled_from(WILD_AMENDS))
    def amend_to_something_odd(self, fields: dict[str, Any], wild: dict[str, Any]) -> None:
        self.pair.amend(**{**fields, **wild})

    @rule(fields=mass_quotes)
    def mass_quote(self, fields: dict[str, Any]) -> None:
        self.pair.mass_quote(**fields)

    @rule(fields=mass_quotes, wild=st.sampled_from(WILD_MASS_QUOTES))
    def mass_quote_something_odd(self, fields: dict[str, Any], wild: dict[str, Any]) -> None:
        self.pair.mass_quote(**{**fields, **wild})

    @rule(owner=owners, chosen=filters)
    def mass_cancel(self, owner: int, chosen: dict[str, Any]) -> None:
        self.pair.mass_cancel(owner, **chosen)

    @rule(owner=owners, mmp_group_id=st.integers(1, 3), side=st.sampled_from([Side.BOTH, Side.BUY, Side.SELL]))
    def cancel_quotes(self, owner: int, mmp_group_id: int, side: int) -> None:
        self.pair.cancel_quotes(owner, mmp_group_id, side)

    @rule(owner=owners, client_order_id=client_order_ids, instrument_id=instrument_ids)
    def cancel(self, owner: int, client_order_id: int, instrument_id: int) -> None:
        self.pair.cancel(owner, client_order_id, instrument_id)

    @rule(owner=owners, back=st.integers(0, 12), instrument_id=st.sampled_from([7, -3, 8]))
    def cancel_by_id(self, owner: int, back: int, instrument_id: int) -> None:
        self.pair.cancel_by_id(owner, self.pair.naive.last_order_id - back, instrument_id)

    @rule(after=st.one_of(st.integers(0, 10), st.sampled_from(TIMES)))
    def pass_time(self, after: int) -> None:
        self.pair.pass_time(after)

    @rule(owner=owners, back=st.integers(0, 2), covered=st.booleans())
    def fence(self, owner: int, back: int, covered: bool) -> None:
        self.pair.fence(owner, self.pair.epochs[owner] - back, covered)

    @rule(owner=owners)
    def take_over(self, owner: int) -> None:
        self.pair.epochs[owner] += 1

    @precondition(lambda self: any(self.pair.naive.owner_counts(owner)[2] for owner in range(len(OWNERS))))
    @rule(owner=owners, limit=st.integers(0, 4), covered=st.booleans())
    def drain(self, owner: int, limit: int, covered: bool) -> None:
        self.pair.drain(owner, limit, covered)

    @rule(portfolio=st.integers(0, 1))
    def fence_portfolio(self, portfolio: int) -> None:
        self.pair.fence_portfolio(portfolio)

    @rule(portfolio=st.integers(0, 1), is_locked=st.booleans())
    def lock_or_unlock(self, portfolio: int, is_locked: bool) -> None:
        self.pair.set_locked(portfolio, is_locked)

    @rule(instrument=st.integers(0, len(INSTRUMENTS) - 1), state=st.sampled_from(list(InstrumentState)))
    def open_or_close(self, instrument: int, state: InstrumentState) -> None:
        self.pair.set_state(instrument, state)

    @rule(instrument=st.integers(0, len(INSTRUMENTS) - 1), limit=st.integers(1, 4))
    def empty_a_book(self, instrument: int, limit: int) -> None:
        self.pair.empty_book(instrument, limit)

    @rule(count=st.sampled_from([1, 1, 1, 2, 128]))
    def settle(self, count: int) -> None:
        for _ in range(count):
            self.pair.settle()

    @rule(limit=st.integers(0, 4))
    def expire(self, limit: int) -> None:
        self.pair.leave_due(limit)

    @rule(backs=st.lists(st.integers(0, 12), unique=True), limit=st.integers(1, 4))
    def leave(self, backs: list[int], limit: int) -> None:
        self.pair.leave([self.pair.naive.last_order_id - back for back in backs], limit)

    @invariant()
    def nothing_differs(self) -> None:
        self.pair.compare()


EngineMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
TestEngineMachine = EngineMachine.TestCase


def random_step(pair: Pair, dice: random.Random) -> None:
    if dice.random() < 0.1:
        pair.pass_time(dice.choice(TIMES))
    owner = dice.randrange(len(OWNERS))
    instrument_id = dice.choice(INSTRUMENTS).id
    choice = dice.random()
    if dice.random() < 0.15:
        pair.pass_time(dice.randint(0, 4))
    elif choice < 0.2:
        amend_at_random(pair, dice, owner)
    elif choice < 0.4:
        quote_at_random(pair, dice, owner)
    elif choice < 0.7:
        fields = {
            "owner": owner,
            "client_order_id": dice.randint(1, 60),
            "instrument_id": instrument_id,
            "side": dice.choice([Side.BUY, Side.SELL]),
            "price": dice.randint(1, 12) * TICK,
            "quantity": dice.randint(1, 5) * LOT,
            "time_in_force": dice.choice([0, 0, 0, 0, 0, TimeInForce.IOC, TimeInForce.FOK, 1, 2]),
            "flags": dice.choice([0, 0, 0, 0, OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT])
            | dice.choice([0, 0, 0, MMP, MMP, RESET_MMP, MMP | RESET_MMP]),
            "smp_token": dice.choice([None, None, 5]),
            "self_trading_mode": dice.choice(list(SelfTradingMode)),
            "show_quantity": dice.choice([None, None, None, LOT, 2 * LOT]),
            "covered": dice.random() < 0.8,
        }
        pair.enter(**{**fields, **(dice.choice(WILD_FIELDS) if dice.random() < 0.05 else {})})
    elif choice < 0.8:
        pair.cancel(owner, dice.randint(1, 60), instrument_id)
    elif choice < 0.9:
        pair.cancel_by_id(owner, pair.naive.last_order_id - dice.randint(0, 40), instrument_id)
    elif choice < 0.92:
        pair.fence(owner, pair.epochs[owner] - dice.randint(0, 1), dice.random() < 0.6)
    elif choice < 0.94:
        pair.epochs[owner] += 1
    elif choice < 0.945:
        pair.mass_cancel(owner, instrument_id=instrument_id, side=dice.choice([Side.BUY, Side.SELL]))
    elif choice < 0.95:
        pair.cancel_quotes(owner, dice.randint(1, 2), dice.choice([Side.BOTH, Side.BUY, Side.SELL]))
    elif choice < 0.955:
        control_at_random(pair, dice)
    elif choice < 0.965:
        pair.leave([pair.naive.last_order_id - back for back in dice.sample(range(12), 4)], dice.randint(1, 3))
    elif choice < 0.97:
        pair.settle()
    elif choice < 0.985:
        pair.leave_due(dice.randint(0, 4))
    else:
        pair.drain(owner, dice.randint(0, 5), dice.random() < 0.7)


def control_at_random(pair: Pair, dice: random.Random) -> None:
    choice = dice.random()
    if choice < 0.2:
        pair.fence_portfolio(dice.randrange(len(PORTFOLIOS)))
    elif choice < 0.5:
        pair.set_locked(dice.randrange(len(PORTFOLIOS)), dice.random() < 0.2)
    elif choice < 0.8:
        states = [InstrumentState.INSTRUMENT_IS_OPEN] * 5 + [*InstrumentState]
        pair.set_state(dice.randrange(len(INSTRUMENTS)), dice.choice(states))
    else:
        pair.empty_book(dice.randrange(len(INSTRUMENTS)), dice.randint(1, 5))


def amend_at_random(pair: Pair, dice: random.Random, owner: int) -> None:
    live = pair.naive.live()
    if not live:
        return
    target = dice.choice(live)
    fields = {
        "owner": dice.choice([target.owner, owner]),
        "client_order_id": target.client_order_id,
        "instrument_id": target.instrument_id,
        "price": dice.choice([target.price, dice.randint(1, 12) * TICK]),
        "quantity": dice.randint(1, 6) * LOT,
        "show_quantity": dice.choice([None, None, None, LOT, 2 * LOT]),
        "flags": dice.choice([0, 0, 0, 0, OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT]),
    }
    pair.amend(**{**fields, **(dice.choice(WILD_AMENDS) if dice.random() < 0.05 else {})})


def quote_at_random(pair: Pair, dice: random.Random, owner: int) -> None:
    def terms(least: int) -> tuple[int, int, int]:
        flags = dice.choice([0] * 6 + [OrderFlags.POST_ONLY, OrderFlags.POST_ONLY_REJECT])
        return dice.randint(least, least + 4) * TICK, dice.choice([0, 1, 1, 2, 3, 5]) * LOT, flags

    instruments = dice.sample([instrument.id for instrument in INSTRUMENTS], dice.randint(1, 3))
    fields: dict[str, Any] = {
        "owner": owner,
        "mmp_group_id": dice.choice([1, 1, 2]),
        "entries": [(instrument_id, terms(1), terms(4)) for instrument_id in instruments],
        "smp_token": dice.choice([None, None, 5]),
        "covered": dice.random() < 0.8,
        "reset_mmp": dice.random() < 0.2,
    }
    pair.mass_quote(**{**fields, **(dice.choice(WILD_MASS_QUOTES) if dice.random() < 0.05 else {})})


@pytest.mark.parametrize("seed", range(4))
def test_a_long_run_of_random_commands_leaves_engine_and_naive_engine_the_same(seed: int) -> None:
    pair = Pair()
    dice = random.Random(seed)
    for step in range(20_000):
        random_step(pair, dice)
        if step % 100 == 0:
            pair.compare()
    pair.compare()
