"""Rate limits: leaky buckets before the engine (protocol 7, 8.7), never in the way of cancel on disconnect."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.core_driver import SECOND, CoreDriver, Line, configuration

from codec import messages
from codec.layout import CancelReason, OrderRejectReason
from gateway.config import RateLimit

MILLISECOND = SECOND // 1000


def limited(**limits: Any) -> CoreDriver:
    return CoreDriver(msgspec.structs.replace(configuration(), rate_limit=RateLimit(**limits)))


def answers(line: Line) -> list[str]:
    """What each order request was answered: accepted, canceled, or the reason of its reject."""
    names = {"NewOrderResponse": "accepted", "CancelOrderResponse": "canceled"}
    return [
        names.get(message.name) or OrderRejectReason(message.fields["reason"]).name
        for message in line.take()
        if message.name != "OrdersCanceled"
    ]


def test_a_burst_is_let_through_and_what_exceeds_it_is_rejected() -> None:
    line = limited(orders_burst=3).logged_on("maker-1")
    for number in range(5):
        line.order(number)
    assert answers(line) == ["accepted"] * 3 + ["RATE_LIMIT"] * 2


def test_the_reject_names_the_order_that_never_lived() -> None:
    line = limited(orders_burst=1).logged_on("maker-1")
    line.order(1)
    line.order(2)
    _, reject = line.take()
    del reject.fields["timestamp"], reject.fields["exec_id"]
    assert (reject.name, reject.fields) == (
        "NewOrderReject",
        {
            "client_order_id": 2,
            "correlation_id": 1_000_002,
            "order_id": None,
            "instrument_id": 1,
            "reason": OrderRejectReason.RATE_LIMIT,
            "details": "too many requests: the rate limit's bucket is full",
        },
    )


def test_the_bucket_leaks_at_the_rate() -> None:
    driver = limited(orders_per_s=50, orders_burst=1)
    line = driver.logged_on("maker-1")
    line.order(1)
    driver.now += 20 * MILLISECOND - 1
    line.order(2)  # a nanosecond early, and poured in all the same
    driver.now += 20 * MILLISECOND
    line.order(3)
    assert answers(line) == ["accepted", "RATE_LIMIT", "accepted"]


def test_who_hammers_on_gets_nothing_through() -> None:
    driver = limited(orders_per_s=50, orders_burst=1)
    line = driver.logged_on("maker-1")
    for number in range(40):
        line.order(number)
        driver.now += 10 * MILLISECOND
    assert answers(line) == ["accepted"] + ["RATE_LIMIT"] * 39


def test_cancels_are_never_refused_and_cost_their_tokens() -> None:
    line = limited(orders_burst=2).logged_on("maker-1")
    line.order(1)
    line.order(2)
    line.send("CancelOrderRequest", client_order_id=1, correlation_id=1, instrument_id=1)
    line.send("CancelOrderByIdRequest", order_id=2, correlation_id=1, instrument_id=1)
    line.order(3)
    assert answers(line) == ["accepted", "accepted", "canceled", "canceled", "RATE_LIMIT"]


def test_rejected_requests_cost_their_tokens_too() -> None:
    line = limited(orders_burst=2).logged_on("maker-1")
    line.order(1, instrument_id=77)
    line.order(2, instrument_id=77)
    line.order(3)
    assert answers(line) == ["INVALID_INSTRUMENT", "INVALID_INSTRUMENT", "RATE_LIMIT"]


@pytest.mark.parametrize(("scope", "second"), [("portfolio", "RATE_LIMIT"), ("api_key", "accepted")])
def test_a_bucket_belongs_to_the_portfolio_or_to_the_key(scope: str, second: str) -> None:
    driver = limited(scope=scope, orders_burst=1)
    first, other, stranger = (driver.logged_on(name) for name in ("maker-1", "maker-2", "stranger-1"))
    first.order(1)
    other.order(2)
    stranger.order(3)
    assert [answers(line) for line in (first, other, stranger)] == [["accepted"], [second], ["accepted"]]


def test_a_full_bucket_is_not_in_the_way_of_cancel_on_disconnect() -> None:
    driver = limited(orders_burst=2)
    watch, line = driver.logged_on("watch-1"), driver.logged_on("maker-1")
    for number in range(4):
        line.order(number)
    watch.take()
    line.half_close()
    driver.settle()
    frame, _receipt = [message.fields["frame"] for message in watch.take()]
    assert driver.ends() == [("maker-1", "TCP_CLOSED", 2)]
    assert [entry["cancel_reason"] for entry in cancels(frame)] == [CancelReason.CLIENT_DISCONNECT] * 2


def cancels(frame: bytes) -> list[dict[str, Any]]:
    return list(messages.decode(frame).fields["orders"])


@settings(deadline=None)  # a busy machine
@given(
    burst=st.integers(1, 5),
    per_s=st.integers(1, 1000),
    gaps=st.lists(st.integers(0, 3 * SECOND), max_size=40),
)
def test_the_bucket_agrees_with_exact_arithmetic(burst: int, per_s: int, gaps: list[int]) -> None:
    driver = limited(orders_per_s=per_s, orders_burst=burst)
    line = driver.logged_on("maker-1")
    level, wanted = 0, []
    for number, gap in enumerate(gaps):
        driver.now += gap
        # In requests times ns times the rate: no division, so exact.
        level = max(0, level - gap * per_s) + SECOND
        wanted.append("accepted" if level <= burst * SECOND else "RATE_LIMIT")
        level = min(level, burst * SECOND)
        line.order(number)
    assert answers(line) == wanted
