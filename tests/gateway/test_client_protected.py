"""What a client of the library is told of market-maker protection, on a real gateway, in sessions of every age."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from support.clients import KEYS, Arguments, Run, answered, logged_on, names, of_kind, resting, two_sided, until
from support.configuration import MMP_GROUP, write_configuration
from support.processes import Gateway

from codec.layout import (
    CancelReason,
    MassQuoteRejectReason,
    MmpStatusRejectReason,
    MmpTriggerType,
    OrderRejectReason,
    QuoteStatus,
    Side,
)
from gateway.client import Client, TimeInForce
from gateway.client_errors import SchemaVersionError
from gateway.client_events import (
    MassQuoteMmpTriggered,
    MassQuoteMmpUnfrozen,
    MmpStatusRejected,
    OrderCanceled,
    OrderRejected,
    OrdersMmpTriggered,
    OrdersMmpUnfrozen,
    QuoteCanceled,
)
from gateway.client_state import OrderState

VERSIONS = [1, 17]
STATUS_SINCE = 10
GROUP, PAIR = 7, 1
FREEZE_LEAST_S = 1
NS_PER_S = 1_000_000_000

# Each takes a gateway of its own and a second: one loop must do.
pytestmark = pytest.mark.parametrize("run", [uvloop.new_event_loop], ids=["uvloop"], indirect=True)


@pytest.fixture
def frozen_s() -> int:
    """How long protection freezes, unless the test says otherwise: long enough to be refused something meanwhile."""
    return 2


@pytest.fixture
def gateway(tmp_path: Path, frozen_s: int) -> Iterator[Gateway]:
    """A gateway of the test's own, where a group is frozen when 1 has filled."""
    protection = {"quantity_limit": "1", "frozen_ms": 1000 * frozen_s}
    of_orders = {name: value for name, value in MMP_GROUP.items() if name != "id"} | {"currency_pair_id": PAIR}
    groups = [MMP_GROUP | protection, of_orders | protection]
    gateway = Gateway(write_configuration(tmp_path / "gateway.toml", traders=KEYS, mmp_groups=groups))
    yield gateway
    gateway.close()


@pytest.fixture
def unused_keys() -> Iterator[str]:
    return iter(KEYS)


async def take(taker: Client) -> None:
    """Sell as much to the best bid as makes the maker's protection act."""
    taking = taker.new_order(1, Side.SELL, quantity="1", price="100", time_in_force=TimeInForce.IOC)
    await until(taker, lambda: not taking.is_live)
    assert taking.total_filled == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_quotes_that_are_protected_are_gone_and_the_group_is_frozen_for_its_time(
    version: int, frozen_s: int, session: Arguments, run: Run
) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (maker, heard, taker, _):
            accepted = await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            bid, ask = (side.quote for side in accepted.sides)
            await take(taker)
            await until(maker, lambda: not ask.is_live)
            assert (bid.state, ask.state, ask.cancel_reason) == (
                OrderState.FILLED, OrderState.CANCELED, CancelReason.MM_PROTECTION,
            )  # fmt: skip
            (triggered,) = of_kind(heard, MassQuoteMmpTriggered)
            levels = triggered.quantity_level, triggered.delta_level, triggered.vega_level
            assert (triggered.mmp_group_id, triggered.trigger, levels) == (
                GROUP,
                MmpTriggerType.QUANTITY,
                (1.0, 0.0, 0.0),
            )
            assert triggered.frozen_until_ns == triggered.message.fields["timestamp"] + frozen_s * NS_PER_S
            assert maker.frozen_groups == {GROUP: triggered.frozen_until_ns}
            refused = await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            assert refused.reason == MassQuoteRejectReason.MMP_GROUP_FROZEN
            await until(maker, lambda: not maker.frozen_groups)
            (unfrozen,) = of_kind(heard, MassQuoteMmpUnfrozen)
            assert (unfrozen.mmp_group_id, unfrozen.correlation_id) == (GROUP, None)
            told = ["QuoteFilled", "MassQuoteMmpTriggered", "QuoteCanceled", "MassQuoteRejected"]
            assert names(heard) == ["LoggedOn", "MassQuoteAccepted", *told, "MassQuoteMmpUnfrozen"]
            assert of_kind(heard, QuoteCanceled)[0].quote is ask
            accepted = await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            assert [side.status for side in accepted.sides] == [QuoteStatus.UPDATED, QuoteStatus.UPDATED]

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_orders_that_are_protected_are_gone_and_the_pair_is_frozen_for_its_time(
    version: int, session: Arguments, run: Run
) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (maker, heard, taker, _):
            bid = await resting(maker, Side.BUY, "100", mmp=True)
            ask, plain = await resting(maker, Side.SELL, "101", mmp=True), await resting(maker, Side.SELL, "102")
            await take(taker)
            await until(maker, lambda: not ask.is_live)
            assert (bid.state, ask.cancel_reason, plain.is_live) == (
                OrderState.FILLED, CancelReason.MM_PROTECTION, True,
            )  # fmt: skip
            (triggered,) = of_kind(heard, OrdersMmpTriggered)
            assert (triggered.currency_pair_id, triggered.quantity_level) == (PAIR, 1.0)
            assert maker.frozen_currency_pairs == {PAIR: triggered.frozen_until_ns}
            refused = maker.new_order(1, Side.BUY, quantity="1", price="100", mmp=True)
            await until(maker, lambda: not refused.is_live)
            assert of_kind(heard, OrderRejected)[0].reason == OrderRejectReason.MMP_GROUP_FROZEN
            await until(maker, lambda: not maker.frozen_currency_pairs)
            (unfrozen,) = of_kind(heard, OrdersMmpUnfrozen)
            assert (unfrozen.currency_pair_id, unfrozen.correlation_id) == (PAIR, None)
            told = ["OrderFilled", "OrdersMmpTriggered", "OrderCanceled", "OrderRejected", "OrdersMmpUnfrozen"]
            assert names(heard) == ["LoggedOn", *["OrderAccepted"] * 3, *told]
            assert [event.order for event in of_kind(heard, OrderCanceled)] == [ask]
            await resting(maker, Side.BUY, "100", mmp=True)

    run(main())


@pytest.mark.parametrize("frozen_s", [60])
@pytest.mark.parametrize("version", VERSIONS)
def test_who_resets_is_told_before_the_answer_and_so_is_who_was_frozen(
    version: int, session: Arguments, run: Run
) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session(), session()) as (
            maker, heard, mate, mates, taker, _,
        ):  # fmt: skip
            await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            await take(taker)
            await resting(maker, Side.BUY, "100", mmp=True)
            await take(taker)
            await until(maker, lambda: bool(maker.frozen_groups and maker.frozen_currency_pairs))
            await asyncio.sleep(FREEZE_LEAST_S)
            quoting = maker.mass_quote(GROUP, [two_sided("100", "101")], reset_mmp=True)
            await answered(maker, quoting)
            order = await resting(mate, Side.BUY, "99", mmp=True, reset_mmp=True)
            await until(maker, lambda: not maker.frozen_currency_pairs)
            assert maker.frozen_groups == {}
            assert names(heard)[-3:] == ["MassQuoteMmpUnfrozen", "MassQuoteAccepted", "OrdersMmpUnfrozen"]
            assert names(mates) == ["LoggedOn", "OrdersMmpUnfrozen", "OrderAccepted"]
            assert of_kind(heard, MassQuoteMmpUnfrozen)[0].correlation_id == quoting.correlation_id
            correlation_id = of_kind(mates, OrdersMmpUnfrozen)[0].correlation_id
            assert of_kind(heard, OrdersMmpUnfrozen)[0].correlation_id == correlation_id
            assert correlation_id == mates[-1].message.fields["correlation_id"]
            assert order.is_live

    run(main())


@pytest.mark.parametrize("frozen_s", [60])
@pytest.mark.parametrize("version", [STATUS_SINCE - 1, STATUS_SINCE, 17])
def test_the_status_is_answered_to_whoever_asks(version: int, session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session(schema_version=version), session()) as (
            maker, heard, mate, _, taker, _,
        ):  # fmt: skip
            if version < STATUS_SINCE:
                for ask in (mate.mass_quote_mmp_status, mate.orders_mmp_status):
                    with pytest.raises(SchemaVersionError, match=f"needs schema version {STATUS_SINCE} or later"):
                        ask(GROUP)
                return
            told = await answered(mate, mate.mass_quote_mmp_status(GROUP))
            assert (told.mmp_group_id, told.frozen_until_ns) == (GROUP, None)
            await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            await take(taker)
            await resting(maker, Side.BUY, "100", mmp=True)
            await take(taker)
            await until(maker, lambda: bool(maker.frozen_groups and maker.frozen_currency_pairs))
            told = await answered(mate, mate.mass_quote_mmp_status(GROUP))
            assert told.frozen_until_ns == of_kind(heard, MassQuoteMmpTriggered)[0].frozen_until_ns
            told = await answered(mate, mate.orders_mmp_status(PAIR))
            assert (told.currency_pair_id, told.frozen_until_ns) == (PAIR, maker.frozen_currency_pairs[PAIR])
            assert (mate.frozen_groups, mate.frozen_currency_pairs) == (
                maker.frozen_groups, maker.frozen_currency_pairs,
            )  # fmt: skip
            for request in (mate.mass_quote_mmp_status(99), mate.orders_mmp_status(99)):
                refused = await answered(mate, request)
                assert isinstance(refused, MmpStatusRejected)
                assert refused.reason == MmpStatusRejectReason.INVALID_MMP_GROUP

    run(main())


def test_a_freeze_that_ended_while_the_line_was_down_is_told_afterwards(
    frozen_s: int, session: Arguments, run: Run
) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (maker, heard, taker, _):
            await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            await take(taker)
            await until(maker, lambda: bool(maker.frozen_groups))
            await maker.close_line()
            assert list(maker.frozen_groups) == [GROUP]
            await asyncio.sleep(frozen_s)
            await maker.logon(reset=False)
            await until(maker, lambda: not maker.core.has_gap)
            await until(maker, lambda: not maker.frozen_groups)
            assert of_kind(heard, MassQuoteMmpUnfrozen)[0].mmp_group_id == GROUP
            assert maker.frozen_groups == {}

    run(main())
