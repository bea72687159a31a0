"""What a client of the library is told of speed bumps, on a real gateway that has them, in sessions of every age."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from support.clients import KEYS, Arguments, Run, answered, logged_on, names, of_kind, resting, two_sided, until
from support.configuration import MMP_GROUP, write_configuration
from support.processes import Gateway

from codec.layout import CancelOrderRejectReason, CancelReason, OrderStatus, QuoteStatus, Side
from gateway.client import OrderFlags
from gateway.client_events import CancelRejected, OrderCanceled, OrderFilled, QuoteCanceled, QuoteFilled, QuotesPlaced
from gateway.client_state import OrderState

VERSIONS = [1, 4, 9, 11, 13, 16, 17]
GROUP = 7
BID = (GROUP, 1, Side.BUY)
HALF = Decimal("0.5")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that the module's tests share, where what would trade waits first; they leave nothing behind."""
    configuration = tmp_path_factory.mktemp("bumps") / "gateway.toml"
    groups = [MMP_GROUP | {"quantity_limit": "1000"}]
    gateway = Gateway(
        write_configuration(configuration, traders=KEYS, instrument={"speed_bump_ms": 100}, mmp_groups=groups)
    )
    yield gateway
    gateway.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_would_trade_is_queued_and_then_placed(version: int, session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (client, heard, other, _):
            await resting(other, Side.SELL, "101", "0.5")
            order = client.new_order(1, Side.BUY, quantity="2", price="101")
            await until(client, lambda: order.state is OrderState.QUEUED)
            assert (order.remaining, order.visible_mantissa, order.is_live) == (2, 0, True)
            await until(client, lambda: order.state is OrderState.OPEN)
            assert names(heard) == ["LoggedOn", "OrderAccepted", "OrderPlaced", "OrderFilled"]
            assert [(event.status, event.order) for event in heard[1:3]] == [
                (OrderStatus.QUEUED, order),
                (OrderStatus.ACTIVE, order),
            ]
            (fill,) = of_kind(heard, OrderFilled)
            assert (fill.price, fill.quantity, fill.total_filled, fill.is_maker) == (101, HALF, HALF, False)
            assert (order.remaining, order.visible_mantissa) == (Decimal("1.5"), 1_500_000_000)

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_queued_order_that_is_cancelled_trades_what_it_can(version: int, session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (client, heard, other, _):
            await resting(other, Side.SELL, "101", "0.5")
            with client.joined():
                order = client.new_order(1, Side.BUY, quantity="2", price="101")
                first, second = client.cancel(order), client.cancel(order)
            refused = [await answered(client, request) for request in (first, second)]
            if version >= 9:
                reasons = [
                    CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC,
                    CancelOrderRejectReason.TIME_IN_FORCE,
                ]
            else:
                reasons = [CancelOrderRejectReason.CANCEL_PENDING] * 2
            assert [(event.reason, event.order) for event in refused] == [(reason, order) for reason in reasons]
            assert of_kind(heard, CancelRejected) == refused
            await until(client, lambda: not order.is_live)
            assert (order.state, order.cancel_reason) == (OrderState.CANCELED, CancelReason.TIME_IN_FORCE)
            assert order.total_filled == HALF
            assert names(heard)[4:] == ["OrderPlaced", "OrderFilled", "OrderCanceled"]

    run(main())


def test_an_amend_into_the_market_waits_and_another_amend_behind_it(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (client, heard, other, _):
            await resting(other, Side.SELL, "101", "0.5")
            order = await resting(client, Side.BUY, "100", "2")
            with client.joined():
                amending = [
                    client.amend(order, price="101", quantity="2"),
                    client.amend(order, price="99", quantity="1.5"),
                ]
            for request in amending:
                amended = await answered(client, request)
                assert (amended.status, amended.order) == (OrderStatus.QUEUED, order)
            await until(client, lambda: order.price == 99 and order.state is OrderState.OPEN)
            assert (order.total_filled, order.remaining) == (HALF, 1)
            amends = ["OrderAmended", "OrderAmended", "OrderPlaced", "OrderFilled", "OrderPlaced"]
            assert names(heard) == ["LoggedOn", "OrderAccepted", *amends]

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_side_of_a_quote_that_would_trade_is_queued_and_then_placed(
    version: int, session: Arguments, run: Run
) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (client, heard, other, _):
            await resting(other, Side.SELL, "101", "0.5")
            entry = two_sided("101", "102", "2", flags=OrderFlags(0))
            with client.joined():
                entering, repeating = client.mass_quote(GROUP, [entry]), client.mass_quote(GROUP, [entry])
            entered, repeated = await answered(client, entering), await answered(client, repeating)
            assert [side.status for side in entered.sides] == [QuoteStatus.SPEED_BUMPED, QuoteStatus.UPDATED]
            assert [side.status for side in repeated.sides] == [QuoteStatus.UNMODIFIED, QuoteStatus.UNMODIFIED]
            bid = client.standing_quotes[BID]
            assert (bid.is_own, bid.state, bid.remaining) == (True, OrderState.QUEUED, 2)
            await until(client, lambda: bid.state is OrderState.OPEN)
            assert (bid.remaining, bid.total_filled) == (Decimal("1.5"), HALF)
            assert names(heard)[3:] == ["QuotesPlaced", "QuoteFilled"]
            (placed,), (fill,) = of_kind(heard, QuotesPlaced), of_kind(heard, QuoteFilled)
            assert (placed.mmp_group_id, placed.quotes) == (GROUP, (bid,))
            assert (fill.quote, fill.price, fill.quantity, fill.is_maker) == (bid, 101, HALF, False)

    run(main())


def test_what_waits_when_the_line_breaks_never_trades(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (client, heard, other, _):
            target = await resting(other, Side.SELL, "101", "0.5")
            with client.joined():
                order = client.new_order(1, Side.BUY, quantity="2", price="101")
                quoting = client.mass_quote(GROUP, [two_sided("101", "102", flags=OrderFlags(0))])
            quotes = [side.quote for side in (await answered(client, quoting)).sides]
            await client.close_line()
            await client.logon(reset=False)
            await until(client, lambda: not client.core.has_gap)
            gone = [(event.order, event.reason) for event in of_kind(heard, OrderCanceled)]
            gone += [(event.quote, event.reason) for event in of_kind(heard, QuoteCanceled)]
            assert gone == [(held, CancelReason.CLIENT_DISCONNECT) for held in (order, *quotes)]
            # All wait in one line, so this one, which comes last, finds what the others have left.
            last = client.new_order(1, Side.BUY, quantity="0.5", price="101")
            await until(client, lambda: not last.is_live)
            await until(other, lambda: not target.is_live)
            assert [held.total_filled for held in (order, *quotes, last, target)] == [0, 0, 0, HALF, HALF]

    run(main())
