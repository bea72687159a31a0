"""Entering, trading and cancelling orders: what the client that did it is told, and what the other side is told."""

from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import ANY

import pytest
from support.connection import Connection
from support.frames import (
    BY_REQUEST,
    CANCELED,
    FILLED,
    FOK,
    GTC,
    IOC,
    MARKET_LIMIT,
    POST_ONLY,
    POST_ONLY_REJECT,
    SELF_MATCH,
    SELL,
    TIME_IN_FORCE,
    VERSIONS,
    cancel_response,
    canceled,
    fill,
    new_order_reject,
    nine,
    order,
    order_filled,
    orders_canceled,
    quantity,
    response,
)
from support.scene import Scene

INVALID_INSTRUMENT, INVALID_FIELD, DUPLICATE_CLIENT_ORDER_ID, INVALID_QUANTITY, INVALID_PRICE = 1, 2, 4, 5, 6
POST_ONLY_REASON, TOO_MANY_OPEN_ORDERS, ICEBERG_NOT_ALLOWED = 8, 9, 20
PRICE_TOO_HIGH, PRICE_TOO_LOW, ORDER_SIZE_LIMIT_EXCEEDED = 22, 23, 28
UNKNOWN_ORDER, CANCEL_INVALID_INSTRUMENT = 1, 6
CANCEL_MAKER = 1


@pytest.fixture
def maker(scene: Scene) -> Connection:
    return scene.trader("maker-1")


@pytest.fixture
def taker(scene: Scene) -> Connection:
    return scene.trader("taker-1")


def enter(connection: Connection, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Send an order and return the answer."""
    connection.order(request)
    return connection.frame().plain


def fills_told(connection: Connection, count: int) -> list[dict[str, Any]]:
    """So many fills from the next OrderFilled messages, however they share them out."""
    fills: list[dict[str, Any]] = []
    while len(fills) < count:
        frame = connection.frame("OrderFilled")
        assert frame.fields["legs"] == []
        fills += frame.fields["fills"]
    return fills


def test_a_limit_order_rests_and_is_told_with_all_its_fields(maker: Connection) -> None:
    request = order(1, price="100.5", quantity="2.125", side=SELL, selfMatchPreventionId=7)
    maker.order(request)
    answer = maker.frame("NewOrderResponse")
    order_id = answer.fields["orderId"]
    assert order_id > 0
    assert answer.plain == response(request, order_id)
    assert answer.header["version"] == 0
    assert 0 < answer.fields["receiveTime"] <= answer.fields["timestamp"] <= answer.header["sendTimeNs"]


def test_order_ids_and_exec_ids_only_grow(maker: Connection, taker: Connection) -> None:
    for client_order_id in range(1, 6):
        maker.place(order(client_order_id))
        taker.place(order(client_order_id + 100))
    answers = sorted(
        (frame for side in (maker, taker) for frame in side.frames if frame.name == "NewOrderResponse"),
        key=lambda frame: frame.fields["orderId"],
    )
    entered = [frame.fields["clientOrderId"] for frame in answers]
    assert entered == [1, 101, 2, 102, 3, 103, 4, 104, 5, 105]
    exec_ids = [frame.fields["execId"] for frame in answers]
    assert exec_ids == sorted(set(exec_ids))


@pytest.mark.parametrize("time_in_force", [GTC, IOC, FOK])
def test_an_order_that_crosses_takes_the_maker_s_price(
    maker: Connection, taker: Connection, time_in_force: int
) -> None:
    resting = order(1, side=SELL, price="100.5", quantity="3")
    resting_id = maker.place(resting)
    taking = order(2, price="101", quantity="2", timeInForce=time_in_force)
    name, fields = enter(taker, taking)
    match_id = fields["fills"][0]["matchId"]
    assert (name, fields) == response(taking, ANY, status=FILLED, filled="2", fills=[fill(match_id, "100.5", "2")])
    assert maker.frame().plain == order_filled(resting, resting_id, match_id, filled="2", total_filled="2")


def test_fills_go_by_price_then_time_and_each_pair_has_its_own_match_id(
    scene: Scene, maker: Connection, taker: Connection
) -> None:
    other = scene.trader("maker-2")
    dear, late, early, best = (
        order(1, side=SELL, price="102", quantity="1"),
        order(2, side=SELL, price="101", quantity="2"),
        order(3, side=SELL, price="101", quantity="0.5"),
        order(4, side=SELL, price="100", quantity="0.25"),
    )
    dear_id = maker.place(dear)
    early_id = other.place(early)
    late_id = maker.place(late)
    best_id = other.place(best)
    taking = order(9, price="102", quantity="3", timeInForce=IOC)
    name, fields = enter(taker, taking)
    matches = [entry["matchId"] for entry in fields["fills"]]
    assert (name, fields) == response(
        taking,
        ANY,
        status=FILLED,
        filled="3",
        fills=[
            fill(matches[0], "100", "0.25"),
            fill(matches[1], "101", "0.5"),
            fill(matches[2], "101", "2"),
            fill(matches[3], "102", "0.25"),
        ],
    )
    assert len(set(matches)) == 4

    def entry(request: Mapping[str, Any], order_id: int, match_id: int, filled: str) -> dict[str, Any]:
        _, fields = order_filled(request, order_id, match_id, filled=filled, total_filled=filled)
        return dict(fields["fills"][0])

    assert fills_told(other, 2) == [entry(best, best_id, matches[0], "0.25"), entry(early, early_id, matches[1], "0.5")]
    assert fills_told(maker, 2) == [entry(late, late_id, matches[2], "2"), entry(dear, dear_id, matches[3], "0.25")]
    maker.nothing_more()
    other.nothing_more()


def test_what_is_left_of_a_gtc_order_rests_at_its_own_price(maker: Connection, taker: Connection) -> None:
    maker.place(order(1, side=SELL, price="100", quantity="1"))
    taking = order(2, price="101", quantity="3")
    name, fields = enter(taker, taking)
    match_id = fields["fills"][0]["matchId"]
    assert (name, fields) == response(taking, ANY, filled="1", fills=[fill(match_id, "100", "1")])
    hit = order(3, side=SELL, price="100", quantity="2", timeInForce=IOC)
    maker.frame("OrderFilled")
    name, fields_of_hit = enter(maker, hit)
    second_match = fields_of_hit["fills"][0]["matchId"]
    assert (name, fields_of_hit) == response(
        hit, ANY, status=FILLED, filled="2", fills=[fill(second_match, "101", "2")]
    )
    assert taker.frame().plain == order_filled(taking, fields["orderId"], second_match, filled="2", total_filled="3")


def test_what_is_left_of_an_ioc_order_is_closed(maker: Connection, taker: Connection) -> None:
    maker.place(order(1, side=SELL, quantity="1"))
    taking = order(2, quantity="3", timeInForce=IOC)
    name, fields = enter(taker, taking)
    match_id = fields["fills"][0]["matchId"]
    assert (name, fields) == response(
        taking, ANY, status=CANCELED, cancel_reason=TIME_IN_FORCE, filled="1", fills=[fill(match_id, "100", "1")]
    )
    taker.nothing_more()
    again = order(2, quantity="1", timeInForce=IOC)
    assert enter(taker, again) == response(again, ANY, status=CANCELED, cancel_reason=TIME_IN_FORCE)


def test_a_fok_order_fills_in_full_or_not_at_all(maker: Connection, taker: Connection) -> None:
    maker.place(order(1, side=SELL, quantity="1"))
    maker.place(order(2, side=SELL, price="100.5", quantity="1"))
    taking = order(3, quantity="1.001", timeInForce=FOK)
    assert enter(taker, taking) == response(taking, ANY, status=CANCELED, cancel_reason=TIME_IN_FORCE)
    maker.nothing_more()
    taking = order(4, price="100.5", quantity="2", timeInForce=FOK)
    name, fields = enter(taker, taking)
    assert (name, fields["status"], fields["totalFilled"]) == ("NewOrderResponse", FILLED, quantity("2"))


def test_a_market_order_takes_any_price_and_its_rest_stays_at_the_last(maker: Connection, taker: Connection) -> None:
    maker.place(order(1, side=SELL, price="100", quantity="1"))
    maker.place(order(2, side=SELL, price="5000", quantity="1"))
    taking = order(3, price=None, flags=MARKET_LIMIT, quantity="3")
    name, fields = enter(taker, taking)
    matches = [entry["matchId"] for entry in fields["fills"]]
    assert (name, fields) == response(
        taking,
        ANY,
        price=nine("5000"),
        filled="2",
        fills=[fill(matches[0], "100", "1"), fill(matches[1], "5000", "1")],
    )
    hit = order(4, side=SELL, price="5000", quantity="1", timeInForce=IOC)
    fills_told(maker, 2)
    name, fields = enter(maker, hit)
    assert (fields["status"], fields["fills"]) == (FILLED, [fill(ANY, "5000", "1")])


@pytest.mark.parametrize("time_in_force", [GTC, IOC, FOK])
def test_a_market_order_that_finds_nothing_is_closed(taker: Connection, time_in_force: int) -> None:
    request = order(1, price=None, flags=MARKET_LIMIT, timeInForce=time_in_force)
    assert enter(taker, request) == response(request, ANY, status=CANCELED, cancel_reason=TIME_IN_FORCE, price=ANY)


def test_post_only_steps_back_one_tick_from_what_it_would_cross(maker: Connection, taker: Connection) -> None:
    maker.place(order(1, side=SELL, price="100"))
    maker.place(order(2, price="98"))
    buying = order(3, price="101", flags=POST_ONLY)
    assert enter(taker, buying) == response(buying, ANY, price=nine("99.5"))
    selling = order(4, side=SELL, price="97", flags=POST_ONLY)
    assert enter(taker, selling) == response(selling, ANY, price=nine("100"))
    behind = order(5, price="99", flags=POST_ONLY)
    assert enter(taker, behind) == response(behind, ANY)
    maker.nothing_more()


@pytest.mark.parametrize("flags", [POST_ONLY_REJECT, POST_ONLY_REJECT | POST_ONLY])
def test_post_only_reject_rejects_what_would_cross_and_wins_over_repricing(
    maker: Connection, taker: Connection, flags: int
) -> None:
    maker.place(order(1, side=SELL, price="100"))
    crossing = order(2, price="100", flags=flags)
    assert enter(taker, crossing) == new_order_reject(crossing, POST_ONLY_REASON, ANY)
    behind = order(2, price="99.5", flags=flags)
    assert enter(taker, behind) == response(behind, ANY)
    maker.nothing_more()


REJECTED = {
    "a price off the tick": (order(1, price="100.25"), INVALID_PRICE),
    "a price of zero": (order(1, price="0"), INVALID_PRICE),
    "a negative price": (order(1, price="-1"), INVALID_PRICE),
    "no price": (order(1, price=None), INVALID_PRICE),
    "a price in a market order": (order(1, flags=MARKET_LIMIT), INVALID_FIELD),
    "a quantity off the lot": (order(1, quantity="1.0005"), INVALID_QUANTITY),
    "a quantity of zero": (order(1, quantity="0"), INVALID_QUANTITY),
    "a negative quantity": (order(1, quantity="-1"), INVALID_QUANTITY),
    "no quantity": (order(1, quantity=(None, 0)), INVALID_QUANTITY),
    "a quantity finer than 1e-9": (order(1, quantity=(10**9 + 1, -10)), INVALID_QUANTITY),
    "a quantity of too many digits": (order(1, quantity=(1, 10)), INVALID_QUANTITY),
    "a quantity with an exponent of 127": (order(1, quantity=(1, 127)), INVALID_QUANTITY),
    "the largest mantissa": (order(1, quantity=(2**63 - 1, 0)), INVALID_QUANTITY),
    "an instrument that is not there": (order(1, instrumentId=999), INVALID_INSTRUMENT),
    "side BOTH": (order(1, side=0), INVALID_FIELD),
    "an iceberg quantity": (order(1, quantity="2", showQty=(10**9, -9)), ICEBERG_NOT_ALLOWED),
}


@pytest.mark.parametrize(("request_fields", "reason"), REJECTED.values(), ids=REJECTED)
def test_an_order_that_cannot_be_is_rejected_and_the_session_goes_on(
    common_scene: Scene, fresh_key: str, request_fields: dict[str, Any], reason: int
) -> None:
    session = common_scene.trader(fresh_key)
    assert enter(session, request_fields) == new_order_reject(request_fields, reason, ANY)
    assert session.frames[-1].fields["details"]
    session.nothing_more()


@pytest.mark.parametrize(
    "written", [(10**9, -9), (10, -1), (1, 0), (10**18, -18), (10000000, -7)], ids=lambda pair: f"{pair[0]}e{pair[1]}"
)
def test_a_quantity_is_the_same_in_every_exponent_that_is_exact(scene: Scene, written: tuple[int, int]) -> None:
    session = scene.trader("maker-1")
    request = order(1, quantity=written)
    assert enter(session, request) == response(request | {"quantity": "1"}, ANY)


def test_a_client_order_id_is_unique_in_the_portfolio_while_its_order_is_open(
    scene: Scene, maker: Connection, taker: Connection
) -> None:
    maker.place(order(1))
    for session in (maker, taker):
        assert enter(session, order(1)) == new_order_reject(order(1), DUPLICATE_CLIENT_ORDER_ID, ANY)
    stranger = scene.trader("stranger-1")
    assert enter(stranger, order(1, price="1")) == response(order(1, price="1"), ANY)
    maker.send("CancelOrderRequest", clientOrderId=1, correlationId=1, instrumentId=1)
    maker.frame("CancelOrderResponse")
    assert enter(taker, order(1)) == response(order(1), ANY)


def test_a_portfolio_has_no_more_open_orders_than_its_limit(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(max_open_orders=3)
    maker, taker, stranger = (scene.trader(key) for key in ("maker-1", "taker-1", "stranger-1"))
    maker.place(order(1))
    taker.place(order(2))
    maker.place(order(3, price="99"))
    assert enter(maker, order(4)) == new_order_reject(order(4), TOO_MANY_OPEN_ORDERS, ANY)
    assert enter(stranger, order(4, price="1")) == response(order(4, price="1"), ANY)
    maker.send("CancelOrderRequest", clientOrderId=1, correlationId=1, instrumentId=1)
    maker.frame("CancelOrderResponse")
    assert enter(taker, order(4)) == response(order(4), ANY)
    assert enter(taker, order(5)) == new_order_reject(order(5), TOO_MANY_OPEN_ORDERS, ANY)


@pytest.mark.parametrize(
    ("changed", "reason", "details"),
    [
        ({"price": "89.5"}, PRICE_TOO_LOW, "price 89.5: wanted at least 90"),
        ({"price": "110.5"}, PRICE_TOO_HIGH, "price 110.5: wanted at most 110"),
        ({"quantity": "10.001"}, ORDER_SIZE_LIMIT_EXCEEDED, "quantity 10.001: wanted at most 10"),
    ],
    ids=["too low", "too high", "too large"],
)
def test_an_instrument_s_limits_hold_for_its_orders(
    make_scene: Callable[..., Scene], changed: dict[str, Any], reason: int, details: str
) -> None:
    scene = make_scene(instrument={"min_price": "90", "max_price": "110", "max_order_quantity": "10"})
    session = scene.trader("maker-1")
    assert enter(session, order(1, **changed)) == new_order_reject(order(1, **changed), reason, details)
    for client_order_id, price in ((1, "90"), (2, "110")):
        within = order(client_order_id, price=price, quantity="10")
        assert enter(session, within) == response(within, ANY)


def test_an_order_is_cancelled_by_either_of_its_ids(maker: Connection) -> None:
    order_ids = [maker.place(order(client_order_id)) for client_order_id in (1, 2)]
    maker.send("CancelOrderRequest", clientOrderId=1, correlationId=71, instrumentId=1)
    maker.send("CancelOrderByIdRequest", orderId=order_ids[1], correlationId=72, instrumentId=1)
    answers = maker.take(2)
    assert [frame.plain for frame in answers] == [
        cancel_response(1, 71, order_ids[0]),
        cancel_response(2, 72, order_ids[1]),
    ]
    assert [frame.header["version"] for frame in answers] == [16, 16]
    maker.nothing_more()


def test_a_cancel_tells_what_had_been_filled(maker: Connection, taker: Connection) -> None:
    order_id = maker.place(order(1, quantity="5"))
    enter(taker, order(2, side=SELL, quantity="1.5", timeInForce=IOC))
    maker.frame("OrderFilled")
    maker.send("CancelOrderRequest", clientOrderId=1, correlationId=71, instrumentId=1)
    assert maker.frame().plain == cancel_response(1, 71, order_id, total="5", filled="1.5")


def cancel_reject(client_order_id: Any, correlation_id: int, order_id: Any, instrument_id: int, reason: int) -> Any:
    return "CancelOrderReject", {
        "clientOrderId": client_order_id,
        "correlationId": correlation_id,
        "orderId": order_id,
        "instrumentId": instrument_id,
        "reason": reason,
        "details": ANY,
    }


def test_a_cancel_of_what_is_not_open_is_rejected(scene: Scene, maker: Connection) -> None:
    order_id = maker.place(order(1))
    stranger = scene.trader("stranger-1")

    def by_client(session: Connection, client_order_id: int, instrument_id: int = 1) -> Any:
        return session.ask(
            "CancelOrderRequest", clientOrderId=client_order_id, correlationId=7, instrumentId=instrument_id
        ).plain

    def by_id(session: Connection, order_id: int, instrument_id: int = 1) -> Any:
        return session.ask(
            "CancelOrderByIdRequest", orderId=order_id, correlationId=8, instrumentId=instrument_id
        ).plain

    assert by_client(maker, 2) == cancel_reject(2, 7, None, 1, UNKNOWN_ORDER)
    assert by_client(maker, 1, 2) == cancel_reject(1, 7, ANY, 2, UNKNOWN_ORDER)
    assert by_client(maker, 1, 999) == cancel_reject(1, 7, ANY, 999, CANCEL_INVALID_INSTRUMENT)
    assert by_client(stranger, 1) == cancel_reject(1, 7, None, 1, UNKNOWN_ORDER)
    assert by_id(maker, order_id + 1) == cancel_reject(ANY, 8, ANY, 1, UNKNOWN_ORDER)
    assert by_id(maker, order_id, 999) == cancel_reject(ANY, 8, ANY, 999, CANCEL_INVALID_INSTRUMENT)
    assert by_id(stranger, order_id) == cancel_reject(ANY, 8, ANY, 1, UNKNOWN_ORDER)
    assert by_client(maker, 1) == cancel_response(1, 7, order_id)
    assert by_client(maker, 1) == cancel_reject(1, 7, None, 1, UNKNOWN_ORDER)
    assert by_id(maker, order_id) == cancel_reject(ANY, 8, ANY, 1, UNKNOWN_ORDER)


@pytest.mark.parametrize("canceller_version", [1, 15, 17])
@pytest.mark.parametrize("version", [*VERSIONS, 15])
def test_a_cancel_from_another_session_of_the_portfolio_is_told_to_both(
    common_scene: Scene, fresh_keys: Callable[[], str], version: int, canceller_version: int
) -> None:
    submitter = common_scene.trader(fresh_keys(), schema_version=version)
    canceller = common_scene.trader(fresh_keys(), schema_version=canceller_version)
    client_order_id = version * 100 + canceller_version
    order_id = submitter.place(order(client_order_id, price="1", quantity="2"))
    canceller.send("CancelOrderRequest", clientOrderId=client_order_id, correlationId=7, instrumentId=1)

    def told(correlation_id: int | None, version: int) -> tuple[str, dict[str, Any]]:
        name, fields = cancel_response(client_order_id, correlation_id, order_id, total="2")
        if version < 16:
            del fields["quantity"], fields["totalFilled"]
        return name, fields

    assert canceller.frame().plain == told(7, canceller_version)
    assert submitter.frame().plain == (
        orders_canceled(canceled(client_order_id, order_id, reason=BY_REQUEST))
        if version == 17
        else told(None, version)
    )
    assert submitter.frames[-1].fields["execId"] > canceller.frames[-1].fields["execId"]
    submitter.nothing_more()
    canceller.nothing_more()


@pytest.mark.parametrize("schema_version", [15, 16])
def test_a_cancel_response_has_its_quantities_from_version_sixteen(scene: Scene, schema_version: int) -> None:
    session = scene.trader("maker-1", schema_version=schema_version)
    order_id = session.place(order(1))
    answer = session.ask("CancelOrderRequest", clientOrderId=1, correlationId=7, instrumentId=1)
    name, fields = cancel_response(1, 7, order_id)
    if schema_version < 16:
        del fields["quantity"], fields["totalFilled"]
    assert answer.plain == (name, fields)
    assert (answer.header["version"], answer.header["messageLength"]) == (
        (16, 112) if schema_version == 16 else (0, 88)
    )


@pytest.mark.parametrize(("maker_token", "taker_token"), [(None, 5), (0, 0), (5, 6), (None, None)])
def test_orders_without_the_same_token_trade_within_a_portfolio(
    maker: Connection, maker_token: int | None, taker_token: int | None
) -> None:
    maker.place(order(1, side=SELL, selfMatchPreventionId=maker_token))
    maker.order(order(2, selfMatchPreventionId=taker_token, timeInForce=IOC))
    told = {frame.name: frame.fields for frame in maker.take(2)}
    assert told.keys() == {"NewOrderResponse", "OrderFilled"}
    assert told["NewOrderResponse"]["status"] == FILLED


def test_equal_tokens_close_the_taker_or_the_maker_as_the_taker_says(maker: Connection, taker: Connection) -> None:
    resting_id = maker.place(order(1, side=SELL, selfMatchPreventionId=5))
    behind = order(2, side=SELL, price="100.5")
    behind_id = maker.place(behind)
    taking = order(3, price="101", selfMatchPreventionId=5)
    assert enter(taker, taking) == response(taking, ANY, status=CANCELED, cancel_reason=SELF_MATCH)
    maker.nothing_more()
    taking = order(4, price="101", quantity="0.5", selfMatchPreventionId=5, selfTradingMode=CANCEL_MAKER)
    name, fields = enter(taker, taking)
    match_id = fields["fills"][0]["matchId"]
    assert (name, fields) == response(taking, ANY, status=FILLED, filled="0.5", fills=[fill(match_id, "100.5", "0.5")])
    told = sorted((frame.plain for frame in maker.take(2)), key=lambda plain: plain[0])
    assert told == [
        order_filled(behind, behind_id, match_id, filled="0.5", total_filled="0.5"),
        orders_canceled(canceled(1, resting_id, reason=SELF_MATCH)),
    ]


def test_books_of_different_instruments_do_not_meet(maker: Connection, taker: Connection) -> None:
    maker.place(order(1, side=SELL, instrumentId=1))
    request = order(2, price="200.05", instrumentId=2)
    assert enter(taker, request) == response(request, ANY)
    maker.nothing_more()


def test_drop_copy_sees_every_order_frame_as_it_stands_in_the_stream(
    scene: Scene, maker: Connection, taker: Connection
) -> None:
    watch = scene.watch()
    order_id = maker.place(order(1, side=SELL, quantity="2"))
    enter(taker, order(2, quantity="0.5", timeInForce=IOC))
    maker.frame("OrderFilled")
    enter(maker, order(3, price="100.25"))
    maker.nothing_more()
    maker.send("CancelOrderByIdRequest", orderId=order_id, correlationId=7, instrumentId=1)
    maker.frame("CancelOrderResponse")
    maker.send("CancelOrderByIdRequest", orderId=order_id, correlationId=7, instrumentId=1)
    maker.frame("CancelOrderReject")
    stranger = scene.trader("stranger-1")
    stranger.place(order(1, price="1"))
    watch.sync()
    for client_id, session in (("maker-1", maker), ("taker-1", taker)):
        told = [frame for frame in session.frames if 200 <= frame.header["messageTypeId"] <= 326]
        events = watch.seen[client_id]
        assert [event.inner.raw for event in events] == [frame.raw for frame in told]
        assert [event.plain[1] | {"frame": None} for event in events] == [
            {
                "originClientId": client_id,
                "portfolioId": 1,
                "sessionEpoch": 1,
                "originSequenceNumber": frame.number,
                "frame": None,
            }
            for frame in told
        ]
    assert watch.seen.keys() == {"maker-1", "taker-1"}
    assert watch.ledger.open == {}
    assert watch.ledger.taken == watch.ledger.made
