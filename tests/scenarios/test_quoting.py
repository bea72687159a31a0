"""Mass quotes on a real socket: what the one who quotes is told, what others are told, what ends with the session."""

from collections.abc import Mapping
from typing import Any

import pytest
from support.connection import Connection
from support.frames import (
    BY_REQUEST,
    CANCELED_BY_REQUEST,
    CANCELED_BY_SELF_MATCH,
    CLIENT_DISCONNECT,
    INACTIVE,
    IOC,
    IS_FULLY_FILLED,
    IS_QUOTE,
    MARKET_LIMIT,
    POST_ONLY,
    POST_ONLY_REJECT,
    QTY_REDUCED,
    QUOTE_FILLED,
    SELL,
    UNMODIFIED,
    UPDATED,
    VERSIONS,
    amend,
    amend_reject,
    cancel_response,
    canceled,
    mass_cancel_reject,
    mass_cancel_response,
    mass_quote_reject,
    mass_quote_response,
    nine,
    order,
    orders_canceled,
    quantity,
    quote,
    quoted,
    quotes,
    side,
)
from support.scene import Scene

INVALID_FIELD, INVALID_PRICE, POST_ONLY_REASON, MMP_MAX_QUOTE_QTY_EXCEEDED = 2, 6, 8, 14
TOO_MANY_OPEN_ORDERS, PRICE_TOO_HIGH = 9, 22
SYSTEM_ERROR, INVALID_MMP_GROUP, TOO_MANY_QUOTES, INVALID_INSTRUMENT, DUPLICATE_INSTRUMENT = 0, 1, 4, 5, 8
UNKNOWN_ORDER, ORDER_NOT_FOUND = 1, 12
NOTHING = side(INACTIVE)


@pytest.fixture
def maker(scene: Scene) -> Connection:
    return scene.trader("maker-1")


@pytest.fixture
def taker(scene: Scene) -> Connection:
    return scene.trader("stranger-1")


def ask(session: Connection, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Send a mass quote and return the answer."""
    return session.ask("MassQuoteRequest", **request).plain


def fill(match_id: Any, price: str, filled: str, instrument_id: int = 1) -> dict[str, Any]:
    return {
        "matchId": match_id, "instrumentId": instrument_id, "fillPrice": nine(price), "fillQty": quantity(filled),
    }  # fmt: skip


def gone(quote_id: int, order_id: int, reason: int = BY_REQUEST, **changed: Any) -> dict[str, Any]:
    return canceled(quote_id, order_id, reason=reason, **changed) | {"flags": IS_QUOTE}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_mass_quote_is_answered_alike_in_every_version(scene: Scene, version: int) -> None:
    maker = scene.trader("maker-1", schema_version=version)
    taker = scene.trader("stranger-1", schema_version=version)
    request = quotes(501, quote("99", "101"), quote("40", "41", instrumentId=2, askQty="2.5"))

    assert ask(maker, request) == mass_quote_response(
        request,
        quoted(side(UPDATED, 1, "99", remaining="1"), side(UPDATED, 2, "101", remaining="1")),
        quoted(side(UPDATED, 3, "40", remaining="1"), side(UPDATED, 4, "41", remaining="2.5"), 2),
    )

    taker.place(order(1, side=SELL, price="99", quantity="0.25"))
    filled = maker.frame("OrderFilled").plain[1]["fills"][0]
    assert (filled["clientOrderId"], filled["orderId"], filled["flags"]) == (501, 1, IS_QUOTE)

    request = quotes(502, quote("99", "102", bidQty="0.75"), quote("0.2", None, instrumentId=2, askQty="2"))
    request["quotes"][1] |= {"bidQty": "0", "askPrice": "41"}
    assert ask(maker, request) == mass_quote_response(
        request,
        quoted(side(UNMODIFIED, 1, "99", remaining="0.75", filled="0.25"), side(UPDATED, 6, "102", remaining="1")),
        quoted(side(CANCELED_BY_REQUEST, 3, "40"), side(QTY_REDUCED, 4, "41", remaining="2"), 2),
    )

    request = quotes(503, quote("99", None), quote(None, "101"))
    reason = DUPLICATE_INSTRUMENT if version >= 4 else INVALID_INSTRUMENT
    assert ask(maker, request) == mass_quote_reject(request, reason, "entry 2: instrument 1 is quoted twice")

    maker.send("MassQuoteCancelRequest", correlationId=9, mmpGroupId=7, side=0)
    assert maker.frame().plain == mass_cancel_response(9, 3)
    name, fields = maker.frame().plain
    told = {entry["orderId"]: entry for entry in fields["orders"]}
    assert (name, told) == (
        "OrdersCanceled",
        {1: gone(501, 1, filled="0.25"), 6: gone(502, 6), 4: gone(501, 4, instrument_id=2)},
    )
    stamps = {frame.header["version"] for frame in maker.frames if 230 <= frame.header["messageTypeId"] <= 242}
    assert stamps == {0}
    maker.nothing_more()
    taker.nothing_more()


def test_what_a_mass_quote_takes_stands_in_the_response_and_the_makers_are_told(
    scene: Scene, maker: Connection, taker: Connection
) -> None:
    watch = scene.watch()
    taker.place(order(1, side=SELL, price="100"))
    taker.place(order(2, price="40", instrumentId=2, quantity="0.5"))
    request = quotes(501, quote("100.5", "102", bidQty="3"), quote(None, "39", instrumentId=2, askQty="0.5"))

    name, fields = ask(maker, request)

    first, second = fields["bidFills"][0]["matchId"], fields["askFills"][0]["matchId"]
    assert (name, fields) == mass_quote_response(
        request,
        quoted(side(UPDATED, 3, "100.5", remaining="2", filled="1"), side(UPDATED, 4, "102", remaining="1")),
        quoted(NOTHING, side(QUOTE_FILLED, 5, "39", filled="0.5"), 2),
        bid_fills=[fill(first, "100", "1")],
        ask_fills=[fill(second, "40", "0.5", 2)],
    )
    told = taker.frame("OrderFilled").plain[1]["fills"]
    assert [(entry["clientOrderId"], entry["matchId"], entry["flags"]) for entry in told] == [
        (1, first, IS_FULLY_FILLED),
        (2, second, IS_FULLY_FILLED),
    ]
    taker.order(order(3, side=SELL, price="100.5", quantity="2", timeInForce=IOC))
    filled = maker.frame("OrderFilled").plain[1]["fills"][0]
    assert (filled["clientOrderId"], filled["totalFilled"], filled["flags"]) == (
        501,
        quantity("3"),
        IS_QUOTE | IS_FULLY_FILLED,
    )
    watch.wait_for_open("maker-1", 1)
    assert ask(maker, quotes(502, quote("100.5", None)))[1]["quotes"][0]["bidStatus"] == UPDATED


def test_each_side_is_rejected_for_its_own_reason_and_takes_its_quote_with_it(
    make_scene: Any,
) -> None:
    scene = make_scene(max_open_orders=3, instrument={"max_price": "200"})
    maker, taker = scene.trader("maker-1"), scene.trader("stranger-1")
    taker.place(order(1, side=SELL, price="100"))
    standing = quotes(501, quote("99", "150"), quote("40", None, instrumentId=2))
    ask(maker, standing)

    wrong = quote("100", "201", bidFlags=POST_ONLY_REJECT)
    request = quotes(502, wrong, quote("39", "41", instrumentId=2, bidQty="10.001", askFlags=MARKET_LIMIT))
    assert ask(maker, request) == mass_quote_response(
        request,
        quoted(
            side(CANCELED_BY_REQUEST, 2, "99", reason=POST_ONLY_REASON),
            side(CANCELED_BY_REQUEST, 3, "150", reason=PRICE_TOO_HIGH),
        ),
        quoted(
            side(CANCELED_BY_REQUEST, 4, "40", reason=MMP_MAX_QUOTE_QTY_EXCEEDED),
            side(INACTIVE, reason=INVALID_FIELD),
            2,
        ),
    )
    request = quotes(503, quote("99.1", None, askQty="1"), quote("39", "41", instrumentId=2))
    assert ask(maker, request) == mass_quote_response(
        request,
        quoted(side(INACTIVE, reason=INVALID_PRICE), side(INACTIVE, reason=INVALID_PRICE)),
        quoted(side(UPDATED, 5, "39", remaining="1"), side(UPDATED, 6, "41", remaining="1"), 2),
    )
    request = quotes(504, quote("99", "102"), mmpGroupId=8)
    assert ask(maker, request) == mass_quote_response(
        request,
        quoted(side(UPDATED, 7, "99", remaining="1"), side(INACTIVE, reason=TOO_MANY_OPEN_ORDERS)),
    )


def test_post_only_moves_the_price_and_the_token_keeps_the_sides_apart(maker: Connection, taker: Connection) -> None:
    taker.place(order(1, side=SELL, price="100"))
    request = quotes(501, quote("105", "100", bidFlags=POST_ONLY, askQty="0.5"), selfMatchPreventionId=77)
    assert ask(maker, request) == mass_quote_response(
        request, quoted(side(UPDATED, 2, "99.5", remaining="1"), side(UPDATED, 3, "100", remaining="0.5"))
    )
    request = quotes(502, quote("99.5", "99.5"), selfMatchPreventionId=77)
    assert ask(maker, request) == mass_quote_response(
        request, quoted(side(UNMODIFIED, 2, "99.5", remaining="1"), side(CANCELED_BY_SELF_MATCH, 4, "99.5"))
    )
    maker.nothing_more()


@pytest.mark.parametrize(
    ("request_fields", "reason", "details"),
    [
        (quotes(1, *[quote("1", "2", instrumentId=n) for n in range(16)]), 4, "16 entries: wanted at most 15"),
        (quotes(1, quote("99", "101"), mmpGroupId=9), 1, "mmp group 9 is not one of the portfolio"),
        (quotes(1, quote("99", "101"), quote("99", "101", instrumentId=3)), 5, "entry 2: instrument 3 is not known"),
        (
            quotes(1, quote("99", "101"), quote("99", "101", instrumentId=2, askQty="0.0001")),
            0,
            "entry 2, ask quantity 0.0001: wanted 0 or a multiple of the lot size 0.001",
        ),
        (
            quotes(1, quote("99", "101", bidQty=(None, 0))),
            0,
            "entry 1, bid quantity null: wanted 0 or a multiple of the lot size 0.001",
        ),
    ],
)
def test_a_mass_quote_with_anything_wrong_in_it_does_nothing_at_all(
    maker: Connection, request_fields: dict[str, Any], reason: int, details: str
) -> None:
    assert ask(maker, request_fields) == mass_quote_reject(request_fields, reason, details)
    request = quotes(2, quote("99", "101"))
    assert ask(maker, request) == mass_quote_response(
        request, quoted(side(UPDATED, 1, "99", remaining="1"), side(UPDATED, 2, "101", remaining="1"))
    )


def test_a_session_whose_quote_another_one_replaces_hears_of_it(scene: Scene, maker: Connection) -> None:
    mate, watch = scene.trader("maker-2"), scene.watch()
    ask(maker, quotes(501, quote("99", "101")))
    request = quotes(601, quote("98", "101", askQty="0.5"))
    assert ask(mate, request) == mass_quote_response(
        request, quoted(side(UPDATED, 3, "98", remaining="1"), side(QTY_REDUCED, 2, "101", remaining="0.5"))
    )
    assert maker.frame().plain == orders_canceled(gone(501, 1))
    mate.nothing_more()
    # The bid is bound to the second session now, the ask still to the first.
    maker.do("close")
    watch.wait_for_open("maker-1", 0)
    assert watch.ledger.canceled["maker-1"] == [gone(501, 1), gone(501, 2, CLIENT_DISCONNECT)]
    assert list(watch.ledger.of("maker-2")) == [3]


def test_quotes_end_with_their_session_and_a_new_one_quotes_anew(scene: Scene, maker: Connection) -> None:
    watch = scene.watch()
    ask(maker, quotes(501, quote("99", "101")))
    order_id = maker.place(order(1, price="98"))
    maker.do("reset")
    assert watch.wait_for_fire("maker-1") == [
        gone(501, 1, CLIENT_DISCONNECT), gone(501, 2, CLIENT_DISCONNECT), canceled(1, order_id),
    ]  # fmt: skip
    again = scene.connect()
    again.logon("maker-1", reset=True)
    again.until(lambda frame: frame.name == "OrdersCanceled")
    request = quotes(502, quote("99", "101"))
    assert ask(again, request) == mass_quote_response(
        request, quoted(side(UPDATED, 4, "99", remaining="1"), side(UPDATED, 5, "101", remaining="1"))
    )


def test_cancels_and_amends_of_orders_do_not_reach_quotes(maker: Connection) -> None:
    ask(maker, quotes(501, quote("99", "101")))
    by_name = maker.ask("CancelOrderRequest", clientOrderId=501, correlationId=1, instrumentId=1)
    by_id = maker.ask("CancelOrderByIdRequest", orderId=1, correlationId=2, instrumentId=1)
    assert [(frame.name, frame.fields["reason"]) for frame in (by_name, by_id)] == [
        ("CancelOrderReject", UNKNOWN_ORDER)
    ] * 2
    request = amend(501, price="98", quantity="1")
    assert maker.ask("AmendOrderRequest", **request).plain == amend_reject(
        request, None, ORDER_NOT_FOUND, "client order id 501 is not open in instrument 1"
    )
    order_id = maker.place(order(501, price="90"))
    assert maker.ask("CancelOrderRequest", clientOrderId=501, correlationId=3, instrumentId=1).plain == (
        cancel_response(501, 3, order_id)
    )


def test_the_quotes_of_a_group_are_cancelled_by_side_for_the_whole_portfolio(scene: Scene, maker: Connection) -> None:
    mate, foreign = scene.trader("maker-2"), scene.trader("stranger-1")
    ask(maker, quotes(501, quote("99", "101")))
    ask(maker, quotes(502, quote("99", "101"), mmpGroupId=8))
    ask(foreign, quotes(701, quote("98", "102")))

    mate.send("MassQuoteCancelRequest", correlationId=5, mmpGroupId=7, side=SELL)
    assert mate.frame().plain == mass_cancel_response(5, 1)
    assert maker.frame().plain == orders_canceled(gone(501, 2))
    mate.send("MassQuoteCancelRequest", correlationId=6, mmpGroupId=9, side=0)
    assert mate.frame().plain == mass_cancel_reject(6, 1, "mmp group 9 is not one of the portfolio")
    foreign.send("MassQuoteCancelRequest", correlationId=7, mmpGroupId=8, side=0)
    assert foreign.frame().plain == mass_cancel_reject(7, 1, "mmp group 8 is not one of the portfolio")
    mate.nothing_more()
    assert ask(foreign, quotes(702, quote("98", "102")))[1]["quotes"][0]["askStatus"] == UNMODIFIED
