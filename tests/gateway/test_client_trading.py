"""Orders, quotes and mass cancels of the client library on a real gateway, in sessions of every age."""

from decimal import Decimal

import pytest
from support.clients import Arguments, Run, answered, logged_on, names, of_kind, resting, two_sided, until
from support.processes import DEADLINE_S

from codec.layout import CancelReason, OrderRejectReason, OrderStatus, QuoteStatus, Side, TimeInForce
from gateway.client import BlockingClient, Client, Order, OrderFlags, QuoteEntry
from gateway.client_errors import SchemaVersionError
from gateway.client_events import (
    AmendRejected,
    CancelRejected,
    Event,
    MassCancelAccepted,
    MassCancelRejected,
    MassQuoteAccepted,
    MassQuoteRejected,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    QuoteCanceled,
    QuoteFilled,
)
from gateway.client_state import OrderState

VERSIONS = [1, 4, 9, 11, 13, 16, 17]
GROUP = 7
BID, ASK = (GROUP, 1, Side.BUY), (GROUP, 1, Side.SELL)


# -- Orders ------------------------------------------------------------------------------------------------------------


def test_an_order_is_amended_until_it_is_over(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (client, heard, maker, _):
            order = await resting(client, Side.BUY, "100", "3")
            amended = await answered(client, client.amend(order, price="100", quantity="2"))
            assert (amended.status, order.remaining, amended.order) == (OrderStatus.ACTIVE, 2, order)
            await resting(maker, Side.SELL, "101", "0.5")
            await answered(client, client.amend(order, price="101", quantity="2"))
            assert (order.price, order.total_filled, order.state) == (101, Decimal("0.5"), OrderState.OPEN)
            refused = await answered(client, client.amend(order, price="101.3", quantity="2"))
            assert isinstance(refused, AmendRejected)
            assert (refused.reason, order.price) == (OrderRejectReason.INVALID_PRICE, 101)
            await answered(client, client.amend(order, price="101", quantity="0.5"))
            assert (order.state, order.cancel_reason) == (OrderState.CANCELED, CancelReason.BY_REQUEST)
            assert names(heard)[2:] == [
                "OrderAmended",
                "OrderAmended",
                "OrderFilled",
                "AmendRejected",
                "OrderAmended",
                "OrderCanceled",
            ]

    run(main())


def test_an_iceberg_for_a_day_shows_what_it_was_told_to_show(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session()) as (client, _):
            order = await resting(client, Side.BUY, "100", "3", show_quantity="0.5", time_in_force=1)
            assert (order.visible_mantissa, order.remaining) == (500_000_000, 3)
            await answered(client, client.amend(order, price="99", quantity="3", show_quantity="1"))
            assert (order.visible_mantissa, order.remaining) == (1_000_000_000, 3)

    run(main())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_another_session_does_to_an_order_of_ours_is_heard(version: int, session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (client, heard, other, others):
            order = await resting(client, Side.BUY, "100", "3")
            stranger = Order(order.client_order_id, 1)
            await answered(other, other.amend(stranger, price="99", quantity="2"))
            assert (stranger.order_id, stranger.price, dict(other.orders)) == (order.order_id, 99, {})
            await until(client, lambda: order.price == 99)
            assert (order.remaining, of_kind(heard, OrderAmended)[0].request) == (2, None)
            canceled = await answered(other, other.cancel(stranger))
            assert (canceled.order, stranger.state) == (stranger, OrderState.CANCELED)
            await until(client, lambda: not order.is_live)
            assert (order.state, order.cancel_reason) == (OrderState.CANCELED, CancelReason.BY_REQUEST)
            (told,) = of_kind(heard, OrderCanceled)
            assert told.message.name == ("OrdersCanceled" if version >= 17 else "CancelOrderResponse")
            refused = await answered(other, other.cancel(stranger))
            assert isinstance(refused, CancelRejected)
            assert names(others) == ["LoggedOn", "OrderAmended", "OrderCanceled", "CancelRejected"]

    run(main())


# -- Quotes ------------------------------------------------------------------------------------------------------------


def test_quotes_stand_stay_are_replaced_fill_and_are_withdrawn(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (maker, heard, taker, _):
            accepted = await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "101")]))
            assert [told.status for told in accepted.sides] == [QuoteStatus.UPDATED, QuoteStatus.UPDATED]
            bid, ask = maker.standing_quotes[BID], maker.standing_quotes[ASK]
            assert [told.quote for told in accepted.sides] == [bid, ask]
            await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "100.5")]))
            assert (maker.standing_quotes[BID], ask.state) == (bid, OrderState.CANCELED)
            ask = maker.standing_quotes[ASK]
            taking = taker.new_order(1, Side.BUY, quantity="0.25", price="100.5", time_in_force=TimeInForce.IOC)
            await until(taker, lambda: not taking.is_live)
            await until(maker, lambda: ask.remaining == Decimal("0.75"))
            reduced = await answered(maker, maker.mass_quote(GROUP, [two_sided("100", "100.5", quantity="0.5")]))
            assert [told.status for told in reduced.sides] == [QuoteStatus.QTY_REDUCED, QuoteStatus.QTY_REDUCED]
            assert (bid.remaining, ask.remaining, ask.total_filled) == (Decimal("0.5"), Decimal("0.5"), Decimal("0.25"))
            taking = taker.new_order(1, Side.BUY, quantity="0.5", price="100.5", time_in_force=TimeInForce.IOC)
            await until(maker, lambda: not ask.is_live)
            assert (ask.state, dict(maker.standing_quotes)) == (OrderState.FILLED, {BID: bid})
            await answered(maker, maker.mass_quote(GROUP, [QuoteEntry(instrument_id=1)]))
            assert (bid.state, dict(maker.quotes)) == (OrderState.CANCELED, {})
            fills = [(fill.quote, fill.quantity, fill.is_maker) for fill in of_kind(heard, QuoteFilled)]
            assert fills == [(ask, Decimal("0.25"), True), (ask, Decimal("0.5"), True)]

    run(main())


def test_a_mass_quote_that_takes_liquidity_hears_of_its_fills_by_side(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (maker, heard, other, _):
            await resting(other, Side.SELL, "101", "0.5")
            await resting(other, Side.BUY, "100", "1")
            entry = two_sided("101", "100", flags=OrderFlags(0))
            accepted = await answered(maker, maker.mass_quote(GROUP, [entry]))
            bid, ask = (told.quote for told in accepted.sides)
            assert [told.status for told in accepted.sides] == [QuoteStatus.UPDATED, QuoteStatus.FILLED]
            await until(maker, lambda: not bid.is_live)
            half = Decimal("0.5")
            fills = [(fill.quote, fill.price, fill.total_filled, fill.is_maker) for fill in of_kind(heard, QuoteFilled)]
            assert fills == [
                (bid, 101, half, False),
                (ask, 101, half, False),
                (ask, 100, 1, False),
                (bid, 101, 1, True),
            ]
            assert (bid.state, ask.state, dict(maker.quotes)) == (OrderState.FILLED, OrderState.FILLED, {})

    run(main())


def test_quotes_of_two_sessions_share_their_places(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (first, heard, second, _):
            await answered(first, first.mass_quote(GROUP, [two_sided("100", "101")]))
            bid, ask = first.standing_quotes[BID], first.standing_quotes[ASK]
            await answered(second, second.mass_quote(GROUP, [two_sided("100", "102")]))
            found = second.standing_quotes[BID]
            assert (found.order_id, found.is_own, found.in_doubt) == (bid.order_id, False, True)
            assert second.standing_quotes[ASK].is_own
            await until(first, lambda: not ask.is_live)
            assert [(event.quote, event.reason) for event in of_kind(heard, QuoteCanceled)] == [
                (ask, CancelReason.BY_REQUEST)
            ]
            assert (dict(first.standing_quotes), bid.is_live) == ({BID: bid}, True)
            second.core.quotes.forget_doubtful()

    run(main())


# -- Mass cancels ------------------------------------------------------------------------------------------------------


def test_mass_cancels_are_counted_and_then_told_one_by_one(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(), session()) as (client, heard, other, _):
            order, strange = await resting(client, Side.BUY, "99"), await resting(other, Side.BUY, "98")
            await answered(client, client.mass_quote(GROUP, [two_sided("100", "101")]))
            bid, ask = client.standing_quotes[BID], client.standing_quotes[ASK]
            accepted = await answered(client, client.cancel_quotes(GROUP, side=Side.SELL))
            assert isinstance(accepted, MassCancelAccepted)
            assert accepted.total_order_count == 1
            await until(client, lambda: not ask.is_live)
            assert (bid.is_live, order.is_live) == (True, True)
            accepted = await answered(client, client.mass_cancel(instrument_id=1))
            assert accepted.total_order_count == 3
            await until(client, lambda: not client.orders and not client.quotes)
            await until(other, lambda: not strange.is_live)
            reasons = {held.cancel_reason for held in (order, strange, bid, ask)}
            assert reasons == {CancelReason.BY_REQUEST}
            for refusing in (client.mass_cancel(), client.cancel_quotes(99)):
                assert isinstance(await answered(client, refusing), MassCancelRejected)
            assert names(heard)[-4:] == ["OrderCanceled", "QuoteCanceled", "MassCancelRejected", "MassCancelRejected"]

    run(main())


# -- Sessions of every age ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_of_any_version_keeps_its_orders_and_quotes_true(version: int, session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session(schema_version=version), session()) as (client, heard, other, _):
            assert client.core.schema_version == version
            order = await resting(client, Side.BUY, "99", "2")
            await answered(client, client.mass_quote(GROUP, [two_sided("100", "101")]))
            bid, ask = client.standing_quotes[BID], client.standing_quotes[ASK]
            await answered(client, client.amend(order, price="100", quantity="2"))
            taking = other.new_order(1, Side.SELL, quantity="1.5", price="100", time_in_force=TimeInForce.IOC)
            await until(other, lambda: taking.total_filled == Decimal("1.5"))
            await until(client, lambda: order.total_filled == Decimal("0.5"))
            assert (bid.state, ask.state) == (OrderState.FILLED, OrderState.OPEN)
            refused = await answered(client, client.mass_quote(GROUP, [two_sided("100", "101")] * 2))
            assert isinstance(refused, MassQuoteRejected)
            assert refused.reason == (8 if version >= 4 else 5)
            await answered(client, client.cancel(order))
            assert (order.state, order.total_filled, order.quantity) == (OrderState.CANCELED, Decimal("0.5"), 2)
            if version >= 3:
                unknown = await answered(client, client.cancel_by_id(1, 1))
                assert isinstance(unknown, CancelRejected)
            else:
                with pytest.raises(SchemaVersionError, match="needs schema version 3 or later"):
                    client.cancel_by_id(1, 1)
            await client.close_line()
            assert ask.is_live
            await client.logon(reset=False)
            await until(client, lambda: not client.core.has_gap)
            assert (ask.state, ask.cancel_reason) == (OrderState.CANCELED, CancelReason.CLIENT_DISCONNECT)
            assert of_kind(heard, OrderFilled)[0].order is order

    run(main())


def test_a_session_may_come_back_in_another_version(session: Arguments, run: Run) -> None:
    async def main() -> None:
        arguments = session()
        older = Client(**arguments, schema_version=9)
        await older.logon(reset=True)
        order = await resting(older, Side.BUY, "100")
        await answered(older, older.cancel(order))
        numbers = older.numbers
        await older.close_line()
        numbers.next_inbound = 1
        newer = Client(**arguments, schema_version=17, numbers=numbers)
        heard: list[Event] = []
        newer.subscribe(heard.append)
        await newer.logon(reset=False)
        await until(newer, lambda: not newer.core.has_gap)
        assert names(heard) == ["LoggedOn", "GapDetected", "OrderAccepted", "OrderCanceled", "GapClosed"]
        await newer.logout()

    run(main())


# -- Lines -------------------------------------------------------------------------------------------------------------


def test_joined_requests_are_all_answered(session: Arguments, run: Run) -> None:
    async def main() -> None:
        async with logged_on(session()) as (client, heard):
            with client.joined():
                orders = [client.new_order(1, Side.BUY, quantity="1", price=90 + number) for number in range(5)]
                for order in orders[1:]:
                    client.cancel(order)
                quoting = client.mass_quote(GROUP, [two_sided("100", "101")])
            await answered(client, quoting)
            assert [order.state for order in orders] == [OrderState.OPEN] + [OrderState.CANCELED] * 4
            assert names(heard) == ["LoggedOn"] + ["OrderAccepted"] * 5 + ["OrderCanceled"] * 4 + ["MassQuoteAccepted"]
            assert of_kind(heard, MassQuoteAccepted)[0].request is quoting

    run(main())


def test_a_blocking_client_quotes_amends_and_cancels(session: Arguments) -> None:
    maker, taker = BlockingClient(**session()), BlockingClient(**session())
    maker.logon(reset=True)
    taker.logon(reset=True)
    with maker.joined():
        order = maker.new_order(1, Side.BUY, quantity="2", price="99")
        amending = maker.amend(order, price="99.5", quantity="1")
        quoting = maker.mass_quote(GROUP, [two_sided("100", "101")])
    seen = maker.until(lambda: not quoting.is_pending, timeout_s=DEADLINE_S)
    assert names(seen) == ["OrderAccepted", "OrderAmended", "MassQuoteAccepted"]
    assert (amending.is_pending, order.price, len(maker.standing_quotes)) == (False, Decimal("99.5"), 2)
    taking = taker.new_order(1, Side.SELL, quantity="1", price="100", time_in_force=TimeInForce.IOC)
    taker.until(lambda: not taking.is_live, timeout_s=DEADLINE_S)
    bid = maker.standing_quotes[BID]
    maker.until(lambda: not bid.is_live, timeout_s=DEADLINE_S)
    assert bid.state is OrderState.FILLED
    maker.close_line()
    maker.logon(reset=False)
    maker.until(lambda: not maker.core.has_gap, timeout_s=DEADLINE_S)
    assert (dict(maker.orders), dict(maker.quotes), order.cancel_reason) == ({}, {}, CancelReason.CLIENT_DISCONNECT)
    maker.logout()
    taker.logout()
