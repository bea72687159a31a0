"""Amends on a real socket: what the amender is told, what the submitter is told, and which place the order keeps."""

from collections.abc import Callable, Mapping
from typing import Any
from unittest.mock import ANY

import pytest
from support.connection import Connection
from support.frames import (
    BY_REQUEST,
    CANCELED,
    FILLED,
    IOC,
    POST_ONLY,
    POST_ONLY_REJECT,
    SELF_MATCH,
    SELL,
    VERSIONS,
    amend,
    amend_reject,
    amend_response,
    canceled,
    fill,
    nine,
    order,
    order_filled,
    orders_canceled,
    response,
)
from support.scene import Scene

INVALID_INSTRUMENT, INVALID_QUANTITY, INVALID_PRICE, POST_ONLY_REASON, ORDER_NOT_FOUND = 1, 5, 6, 8, 12
PRICE_TOO_HIGH, PRICE_TOO_LOW, ORDER_SIZE_LIMIT_EXCEEDED = 22, 23, 28
CANCEL_MAKER = 1


@pytest.fixture
def maker(scene: Scene) -> Connection:
    return scene.trader("maker-1")


@pytest.fixture
def taker(scene: Scene) -> Connection:
    return scene.trader("taker-1")


def change(session: Connection, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Send an amend and return the answer."""
    return session.ask("AmendOrderRequest", **request).plain


def hits(taker: Connection, client_order_id: int, **changed: Any) -> list[dict[str, Any]]:
    """Sell into the bids and return the fills."""
    taker.order(order(client_order_id, side=SELL, timeInForce=IOC, **changed))
    fills: list[dict[str, Any]] = taker.frame("NewOrderResponse").fields["fills"]
    return fills


@pytest.mark.parametrize("version", VERSIONS)
def test_an_amend_is_answered_alike_in_every_version(scene: Scene, version: int) -> None:
    maker = scene.trader("maker-1", schema_version=version)
    taker = scene.trader("taker-1", schema_version=version)
    resting = order(1, price="99", quantity="5")
    order_id = maker.place(resting)
    sold = order(2, side=SELL, price="100", quantity="2")
    sold_id = taker.place(sold)
    reduced = amend(1, price="99", quantity="4")
    assert change(maker, reduced) == amend_response(reduced, order_id)
    crossing = amend(1, price="100", quantity="3")
    name, fields = change(maker, crossing)
    match_id = fields["fills"][0]["matchId"]
    assert (name, fields) == amend_response(crossing, order_id, filled="2", fills=[fill(match_id, "100", "2")])
    assert taker.frame().plain == order_filled(sold, sold_id, match_id, filled="2", total_filled="2")
    closing = amend(1, price="100", quantity="2")
    assert change(maker, closing) == amend_response(
        closing, order_id, status=CANCELED, cancel_reason=BY_REQUEST, filled="2"
    )
    assert change(maker, closing) == amend_reject(
        closing, None, ORDER_NOT_FOUND, "client order id 1 is not open in instrument 1"
    )
    told = [frame for frame in maker.frames if frame.header["messageTypeId"] in (210, 212)]
    assert [(frame.header["version"], frame.header["messageLength"]) for frame in told] == [
        (0, 136), (0, 160), (0, 136), (0, 128),
    ]  # fmt: skip
    maker.nothing_more()
    taker.nothing_more()


def test_a_reduction_keeps_its_place_and_every_other_amend_loses_it(
    scene: Scene, maker: Connection, taker: Connection
) -> None:
    other = scene.trader("maker-2")
    for client_order_id in (1, 2, 3):
        maker.place(order(client_order_id, quantity="5"))
    other.place(order(4, quantity="5"))
    change(maker, amend(1, quantity="3"))
    change(maker, amend(2, quantity="6"))
    change(maker, amend(3, price="101", quantity="4"))
    change(maker, amend(3, price="100", quantity="4"))
    hits(taker, 9, quantity="18")
    filled = [entry["clientOrderId"] for entry in maker.frame("OrderFilled").fields["fills"]]
    assert filled == [1, 2, 3]
    assert [entry["clientOrderId"] for entry in other.frame("OrderFilled").fields["fills"]] == [4]
    by_match = {
        entry["matchId"]: entry["clientOrderId"]
        for session in (maker, other)
        for frame in session.frames
        if frame.name == "OrderFilled"
        for entry in frame.fields["fills"]
    }
    assert [by_match[match_id] for match_id in sorted(by_match)] == [1, 4, 2, 3]


def test_an_amend_into_the_market_fills_the_rest_of_the_order(maker: Connection, taker: Connection) -> None:
    order_id = maker.place(order(1, price="99", quantity="5"))
    hits(taker, 2, price="99", quantity="1")
    maker.frame("OrderFilled")
    taker.place(order(3, side=SELL, price="100", quantity="10"))
    request = amend(1, price="101", quantity="5")
    name, fields = change(maker, request)
    match_id = fields["fills"][0]["matchId"]
    assert (name, fields) == amend_response(
        request, order_id, status=FILLED, filled="5", fills=[fill(match_id, "100", "4")]
    )
    taker.frame("OrderFilled")
    maker.order(order(1, price="98"))
    assert maker.frame("NewOrderResponse").fields["status"] == 1


def test_post_only_amends_step_back_or_are_rejected(maker: Connection, taker: Connection) -> None:
    order_id = maker.place(order(1, price="90"))
    taker.place(order(2, side=SELL, price="100"))
    back = amend(1, price="105", flags=POST_ONLY)
    assert change(maker, back) == amend_response(back, order_id, price=nine("99.5"))
    for flags in (POST_ONLY_REJECT, POST_ONLY | POST_ONLY_REJECT):
        crossing = amend(1, price="100", flags=flags)
        assert change(maker, crossing) == amend_reject(
            crossing, order_id, POST_ONLY_REASON, "price 100 would cross the best opposite price 100"
        )
    taker.nothing_more()


def test_an_amended_order_keeps_its_token_and_mode(maker: Connection, taker: Connection) -> None:
    first = maker.place(order(1, price="90", selfMatchPreventionId=5))
    second = maker.place(order(2, price="89", selfMatchPreventionId=5, selfTradingMode=CANCEL_MAKER))
    sold = taker.place(order(3, side=SELL, price="100", selfMatchPreventionId=5))
    assert change(maker, amend(1)) == amend_response(amend(1), first, status=CANCELED, cancel_reason=SELF_MATCH)
    assert change(maker, amend(2)) == amend_response(amend(2), second)
    assert taker.frame().plain == orders_canceled(canceled(3, sold, reason=SELF_MATCH))


REJECTED = {
    "an instrument that is not there": ({"instrumentId": 999}, False, INVALID_INSTRUMENT),
    "another instrument": ({"instrumentId": 2}, False, ORDER_NOT_FOUND),
    "no quantity": ({"quantity": (None, 0)}, True, INVALID_QUANTITY),
    "a quantity of zero": ({"quantity": "0"}, True, INVALID_QUANTITY),
    "a negative quantity": ({"quantity": "-1"}, True, INVALID_QUANTITY),
    "a quantity off the lot": ({"quantity": "1.0005"}, True, INVALID_QUANTITY),
    "a quantity finer than 1e-9": ({"quantity": (10**9 + 1, -10)}, True, INVALID_QUANTITY),
    "no price": ({"price": None}, True, INVALID_PRICE),
    "a price off the tick": ({"price": "100.25"}, True, INVALID_PRICE),
    "a price of zero": ({"price": "0"}, True, INVALID_PRICE),
}


@pytest.mark.parametrize(("changed", "found", "reason"), REJECTED.values(), ids=REJECTED)
def test_an_amend_that_cannot_be_is_rejected_and_the_order_stays_as_it_was(
    common_scene: Scene, fresh_key: str, changed: dict[str, Any], found: bool, reason: int
) -> None:
    session = common_scene.trader(fresh_key)
    client_order_id = int(fresh_key.removeprefix("key-")) + 1
    order_id = session.place(order(client_order_id, price="1", quantity="2"))
    request = amend(client_order_id, price="1.5", quantity="3") | changed
    assert change(session, request) == amend_reject(request, order_id if found else None, reason, ANY)
    assert session.frames[-1].fields["details"]
    right = amend(client_order_id, price="1", quantity="1")
    assert change(session, right) == amend_response(right, order_id)


def test_the_limits_of_the_instrument_hold_for_amends(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(instrument={"min_price": "90", "max_price": "110", "max_order_quantity": "10"})
    maker = scene.trader("maker-1")
    order_id = maker.place(order(1))
    for changed, reason, details in (
        ({"price": "89.5"}, PRICE_TOO_LOW, "price 89.5: wanted at least 90"),
        ({"price": "110.5"}, PRICE_TOO_HIGH, "price 110.5: wanted at most 110"),
        ({"quantity": "10.001"}, ORDER_SIZE_LIMIT_EXCEEDED, "quantity 10.001: wanted at most 10"),
    ):
        request = amend(1, **changed)
        assert change(maker, request) == amend_reject(request, order_id, reason, details)


def test_what_belongs_to_another_portfolio_is_not_found(scene: Scene, maker: Connection) -> None:
    maker.place(order(1))
    stranger = scene.trader("stranger-1")
    assert change(stranger, amend(1, price="99")) == amend_reject(amend(1, price="99"), None, ORDER_NOT_FOUND, ANY)
    maker.nothing_more()


# Across sessions of one portfolio.


@pytest.mark.parametrize("version", VERSIONS)
def test_an_amend_from_another_session_is_told_to_both_and_later_events_to_the_submitter(
    scene: Scene, version: int
) -> None:
    submitter = scene.trader("maker-1", schema_version=version)
    amender = scene.trader("maker-2", schema_version=18 - version)
    taker = scene.trader("taker-1")
    submitted = order(1, price="99", quantity="5")
    order_id = submitter.place(submitted)
    taker.place(order(2, side=SELL, price="100", quantity="1"))
    request = amend(1, price="100", quantity="4")
    name, fields = change(amender, request)
    fills = [fill(fields["fills"][0]["matchId"], "100", "1")]
    assert (name, fields) == amend_response(request, order_id, filled="1", fills=fills)
    copy = submitter.frame()
    assert copy.plain == amend_response(request, order_id, filled="1", fills=fills, correlation_id=None)
    assert copy.fields["execId"] > amender.frames[-1].fields["execId"]
    assert copy.fields["timestamp"] == amender.frames[-1].fields["timestamp"]
    taker.frame("OrderFilled")
    match_id = hits(taker, 3, price="100", quantity="2")[0]["matchId"]
    assert submitter.frame().plain == order_filled(
        submitted | {"price": "100", "quantity": "4"}, order_id, match_id, filled="2", total_filled="3"
    )
    rejected = amend(1, price="100.25", quantity="4")
    assert change(amender, rejected) == amend_reject(rejected, order_id, INVALID_PRICE, ANY)
    amender.nothing_more()
    submitter.nothing_more()


def test_an_order_dies_with_the_session_that_entered_it_whoever_amended_it(scene: Scene) -> None:
    watch = scene.watch()
    submitter, amender = scene.trader("maker-1"), scene.trader("maker-2")
    order_id = submitter.place(order(1))
    own_id = amender.place(order(2, price="98"))
    change(amender, amend(1, price="99", quantity="3"))
    amender.send("Logout")
    assert [frame.plain for frame in amender.to_the_end()[:1]] == [orders_canceled(canceled(2, own_id))]
    submitter.frame("AmendOrderResponse")
    submitter.nothing_more()
    submitter.send("Logout")
    assert [frame.plain for frame in submitter.to_the_end()[:1]] == [orders_canceled(canceled(1, order_id))]
    watch.sync()
    assert watch.ledger.open == {}


def test_the_submitter_s_copy_of_an_amend_can_be_resent(scene: Scene) -> None:
    submitter, amender = scene.trader("maker-1"), scene.trader("maker-2")
    order_id = submitter.place(order(1))
    request = amend(1, price="99", quantity="3")
    change(amender, request)
    told = submitter.frame("AmendOrderResponse")
    submitter.resend(told.number, told.number)
    again = submitter.frame("AmendOrderResponse")
    assert (again.resent, again.plain) == (True, amend_response(request, order_id, correlation_id=None))


@pytest.mark.parametrize("version", VERSIONS)
def test_an_amend_meets_the_fence_as_it_meets_an_order_that_never_was(scene: Scene, version: int) -> None:
    submitter, amender = scene.trader("maker-1"), scene.trader("maker-2", schema_version=version)
    submitter.place(order(1))
    submitter.send("Logout")
    submitter.to_the_end()
    assert change(amender, amend(1)) == amend_reject(amend(1), None, ORDER_NOT_FOUND, ANY)
    again = order(1)
    amender.order(again)
    assert amender.frame().plain == response(again, ANY)
