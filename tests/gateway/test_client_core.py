"""Requests of the sans-IO client: what goes out, against a peer made of the reference codec."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from support.session import (
    START,
    core_of,
    enter,
    ready,
    state_of,
)

from codec.layout import OrderFlags, ProductType, SelfTradingMode, Side, TimeInForce
from codec.values import Decimal72
from gateway.client_core import ClientCore, QuoteEntry
from gateway.client_errors import SchemaVersionError, SessionStateError
from gateway.client_state import Order, OrderState, RequestState


def test_a_new_order_goes_out_as_it_was_asked_for() -> None:
    core, peer = ready()
    order = core.new_order(
        START,
        instrument_id=3,
        side=Side.SELL,
        quantity=Decimal("0.25"),
        price="64000.5",
        time_in_force=TimeInForce.IOC,
        client_order_id=42,
        correlation_id=7,
        post_only=True,
        post_only_reject=True,
        cancel_on_disconnect=True,
        self_match_prevention_id=9,
        self_trading_mode=SelfTradingMode.CANCEL_MAKER,
    )
    assert peer.brief(core.take_output()) == [
        (
            2,
            "NewOrderRequest",
            {
                "client_order_id": 42,
                "correlation_id": 7,
                "instrument_id": 3,
                "price": 64000_500_000_000,
                "quantity": Decimal72(250_000_000, -9),
                "show_qty": None,
                "self_match_prevention_id": 9,
                "side": -1,
                "time_in_force": -2,
                "flags": 7,
                "self_trading_mode": 1,
            },
        )
    ]
    assert state_of(order) == {
        "client_order_id": 42,
        "instrument_id": 3,
        "side": Side.SELL,
        "price_mantissa": 64000_500_000_000,
        "quantity_mantissa": 250_000_000,
        "total_filled_mantissa": 0,
        "visible_mantissa": None,
        "order_id": None,
        "state": OrderState.PENDING,
        "cancel_reason": None,
        "in_doubt": False,
        "is_own": True,
    }
    assert core.orders.live == {42: order}


def test_an_order_without_a_price_is_a_market_order() -> None:
    core, peer = ready()
    core.new_order(START, instrument_id=3, side=Side.BUY, quantity=1, price=None)
    (_, _, fields), *_ = peer.brief(core.take_output())
    assert (fields["price"], fields["flags"]) == (None, OrderFlags.MARKET_LIMIT)


def test_client_order_ids_are_a_series_of_their_own() -> None:
    core, _ = ready()
    ids = [core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1).client_order_id for _ in range(3)]
    assert ids == [1, 2, 3]


def test_a_request_of_ours_has_its_number_as_correlation_id_unless_it_is_given_one() -> None:
    core, peer = ready()
    core.new_order(START, instrument_id=3, side=Side.BUY, quantity=1, price=1)
    core.cancel_by_id(START, 1001, 1)
    core.cancel_by_id(START, 1001, 1, correlation_id=0)
    assert [fields["correlation_id"] for _, _, fields in peer.brief(core.take_output())] == [2, 3, 0]


def test_an_iceberg_for_days_under_market_maker_protection_goes_out_as_it_was_asked_for() -> None:
    core, peer = ready()
    core.new_order(
        START,
        instrument_id=3,
        side=Side.BUY,
        quantity=5,
        price=1,
        show_quantity="0.5",
        time_in_force=30,
        mmp=True,
        reset_mmp=True,
    )
    ((_, _, fields),) = peer.brief(core.take_output())
    assert (fields["show_qty"], fields["time_in_force"]) == (Decimal72(500_000_000, -9), 30)
    assert fields["flags"] == OrderFlags.MMP | OrderFlags.RESET_MMP


@pytest.mark.parametrize(
    ("arguments", "show_quantity", "flags"),
    [
        ({}, None, 0),
        ({"show_quantity": "0.5", "post_only": True, "post_only_reject": True}, Decimal72(500_000_000, -9), 6),
    ],
)
def test_an_amend_goes_out_as_it_was_asked_for(
    arguments: dict[str, Any], show_quantity: Decimal72 | None, flags: int
) -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.take_output()
    request = core.amend(START, order, price="99.5", quantity="3", **arguments)
    fields = {
        "client_order_id": 1,
        "correlation_id": 3,
        "instrument_id": 1,
        "price": 99_500_000_000,
        "quantity": Decimal72(3_000_000_000, -9),
        "show_qty": show_quantity,
        "flags": flags,
    }
    assert peer.brief(core.take_output()) == [(3, "AmendOrderRequest", fields)]
    assert (request.name, request.sequence_number, request.order) == ("AmendOrderRequest", 3, order)
    assert (request.state, request.is_pending, request.answer) == (RequestState.PENDING, True, None)


def test_a_mass_quote_goes_out_with_both_sides_of_every_entry() -> None:
    core, peer = ready()
    entries = [
        QuoteEntry(
            instrument_id=1,
            bid_price="99.5",
            bid_quantity="2",
            ask_price=101,
            ask_quantity=3,
            ask_flags=OrderFlags.POST_ONLY,
        ),
        QuoteEntry(instrument_id=2, bid_price=7, bid_quantity=1),
    ]
    request = core.mass_quote(
        START, 7, entries, quote_id=40, correlation_id=5, reset_mmp=True, self_match_prevention_id=9
    )
    nothing = Decimal72(0, -9)
    fields = {
        "quote_id": 40,
        "correlation_id": 5,
        "mmp_group_id": 7,
        "self_match_prevention_id": 9,
        "flags": 1,
        "quotes": [
            {
                "instrument_id": 1,
                "bid_price": 99_500_000_000,
                "ask_price": 101_000_000_000,
                "bid_qty": Decimal72(2_000_000_000, -9),
                "ask_qty": Decimal72(3_000_000_000, -9),
                "bid_flags": 0,
                "ask_flags": 2,
            },
            {
                "instrument_id": 2,
                "bid_price": 7_000_000_000,
                "ask_price": None,
                "bid_qty": Decimal72(1_000_000_000, -9),
                "ask_qty": nothing,
                "bid_flags": 0,
                "ask_flags": 0,
            },
        ],
    }
    assert peer.brief(core.take_output()) == [(2, "MassQuoteRequest", fields)]
    assert (request.name, request.quote_id, core.quotes.live) == ("MassQuoteRequest", 40, {})


def test_quote_ids_and_client_order_ids_are_one_series() -> None:
    core, _ = ready()
    order = core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1)
    assert (order.client_order_id, core.mass_quote(START, 7, []).quote_id) == (1, 2)


@pytest.mark.parametrize(
    ("filters", "fields"),
    [
        ({"instrument_id": 3}, {"currency_pair_id": None, "instrument_id": 3, "product_type": 0, "side": 0}),
        (
            {"currency_pair_id": 2, "product_type": ProductType.FUTURES, "side": Side.SELL},
            {"currency_pair_id": 2, "instrument_id": None, "product_type": 2, "side": -1},
        ),
    ],
)
def test_a_mass_cancel_goes_out_with_its_filters(filters: dict[str, Any], fields: dict[str, Any]) -> None:
    core, peer = ready()
    core.mass_cancel(START, **filters)
    assert peer.brief(core.take_output()) == [(2, "MassCancelRequest", {"correlation_id": 2} | fields)]


def test_requests_about_a_group_name_it() -> None:
    core, peer = ready()
    core.cancel_quotes(START, 7, side=Side.BUY)
    core.mass_quote_mmp_status(START, 7)
    core.orders_mmp_status(START, 8)
    assert peer.brief(core.take_output()) == [
        (2, "MassQuoteCancelRequest", {"correlation_id": 2, "mmp_group_id": 7, "side": 1}),
        (3, "GetMassQuoteMmpStatusRequest", {"correlation_id": 3, "mmp_group_id": 7}),
        (4, "GetOrdersMmpStatusRequest", {"correlation_id": 4, "currency_pair_id": 8}),
    ]


@pytest.mark.parametrize(
    ("version", "what", "request_of"),
    [
        (3, "CancelOrderByIdRequest", lambda core: core.cancel_by_id(START, 1, 1)),
        (10, "GetMassQuoteMmpStatusRequest", lambda core: core.mass_quote_mmp_status(START, 7)),
        (10, "GetOrdersMmpStatusRequest", lambda core: core.orders_mmp_status(START, 7)),
        (
            7,
            "the flag cancelOnDisconnect",
            lambda core: core.new_order(
                START, instrument_id=1, side=Side.BUY, quantity=1, price=1, cancel_on_disconnect=True
            ),
        ),
        (
            10,
            "the flag resetMmp",
            lambda core: core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1, reset_mmp=True),
        ),
        (
            7,
            "the flag cancelOnDisconnect",
            lambda core: core.mass_quote(
                START, 7, [QuoteEntry(instrument_id=1, bid_flags=OrderFlags.CANCEL_ON_DISCONNECT)]
            ),
        ),
    ],
)
def test_what_the_sessions_version_does_not_know_is_not_sent(
    version: int, what: str, request_of: Callable[[ClientCore], object]
) -> None:
    older, _ = ready(version - 1)
    with pytest.raises(
        SchemaVersionError,
        match=f"{what} needs schema version {version} or later, the session has {version - 1}",
    ):
        request_of(older)
    assert (older.take_output(), older.orders.live) == (b"", {})
    newer, peer = ready(version)
    request_of(newer)
    assert len(peer.heard(newer.take_output())) == 1


def test_a_cancel_by_the_gateways_id_names_that_id() -> None:
    core, peer = ready()
    core.cancel_by_id(START, 1001, 1, correlation_id=8)
    request = {"order_id": 1001, "correlation_id": 8, "instrument_id": 1}
    assert peer.brief(core.take_output()) == [(2, "CancelOrderByIdRequest", request)]


def test_a_live_client_order_id_is_not_used_twice() -> None:
    core, peer = ready()
    enter(core, peer)
    core.take_output()
    with pytest.raises(ValueError, match="client_order_id 1 is that of a live order"):
        core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1, client_order_id=1)
    assert core.take_output() == b""


def test_nothing_is_sent_without_a_session() -> None:
    core = core_of()
    for request in (
        lambda: core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1),
        lambda: core.cancel_by_id(START, 1, 1),
        lambda: core.amend(START, Order(1, 1), price=1, quantity=1),
        lambda: core.cancel(START, Order(1, 1)),
        lambda: core.mass_quote(START, 7, []),
        lambda: core.mass_cancel(START, instrument_id=1),
        lambda: core.logout(START),
        lambda: core.logon(START, reset=True),
    ):
        with pytest.raises(SessionStateError, match="while disconnected"):
            request()
    assert (core.take_output(), core.orders.live) == (b"", {})
