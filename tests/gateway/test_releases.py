"""Releases from speed bumps as clients see them: OrderPlaced in every version, when it comes, and who else is told."""

from typing import Any

import msgspec
import pytest
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    Line,
    accepted,
    canceled,
    configuration,
    nine,
    orders_canceled,
    quantity,
)

from codec import messages
from codec.layout import CancelOrderRejectReason, CancelReason, OrderRejectReason, OrderStatus, Side
from codec.values import INT64_NULL
from gateway.limits import RELEASES_PER_STEP_MAX, WAITING_PER_PORTFOLIO_MAX

WAIT_MS = 10
WAIT = WAIT_MS * SECOND // 1000
VERSIONS = [1, 4, 9, 11, 13, 16, 17]


def bumped() -> CoreDriver:
    """A gateway whose instrument 1 has a speed bump of 10 ms."""
    config = configuration(max_open_orders=5000)
    instrument = msgspec.structs.replace(config.instruments[0], speed_bump_ms=WAIT_MS)
    return CoreDriver(msgspec.structs.replace(config, instruments=(instrument, *config.instruments[1:])))


def placed(
    client_order_id: int, order_id: int, exec_id: int, now: int = START + WAIT, version: int = 17, **changed: Any
) -> dict[str, Any]:
    """The fields of the OrderPlaced that tells of `order(client_order_id)`, resting untouched, unless changed."""
    fields = accepted(client_order_id, order_id, exec_id, now, **changed)
    del fields["receive_time"], fields["side"]
    if version < 8:
        fields["correlation_id"] = None
    return fields


def fill(match_id: int, price: float, filled: float) -> dict[str, Any]:
    return {"match_id": match_id, "fill_price": nine(price), "fill_qty": quantity(filled)}


def filled(client_order_id: int, order_id: int, match_id: int, amount: float, total: float) -> dict[str, Any]:
    """An entry of OrderFilled: a seller of instrument 1 at 100, that is not filled whole."""
    return {
        "client_order_id": client_order_id,
        "order_id": order_id,
        "instrument_id": 1,
        "match_id": match_id,
        "price": nine(100),
        "fill_qty": quantity(amount),
        "total_filled": quantity(total),
        "side": Side.SELL,
        "flags": 0,
    }


def plain(line: Line) -> list[tuple[str, dict[str, Any]]]:
    """Name and fields of what came."""
    return [(message.name, message.fields) for message in line.take()]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_that_waits_is_told_twice_and_the_maker_once(version: int) -> None:
    driver = bumped()
    maker = driver.logged_on("maker-1", schema_version=version)
    taker = driver.logged_on("stranger-1", schema_version=version)
    maker.order(1, side=Side.SELL, quantity=quantity(3))
    maker.take()
    taker.order(2, quantity=quantity(2))
    assert plain(taker) == [
        (
            "NewOrderResponse",
            accepted(2, 2, 2, status=OrderStatus.QUEUED, quantity=quantity(2), visible_qty=quantity(0)),
        )
    ]
    driver.tick(WAIT)
    (told,) = taker.take()
    assert told.header.version == (8 if version >= 8 else 0)
    assert told.header.message_length == (32 + (88 if version >= 8 else 77) + 4 + 25 + 4 + 7) // 8 * 8
    assert (told.name, told.fields) == (
        "OrderPlaced",
        placed(
            2, 2, 3, version=version, status=OrderStatus.FILLED, quantity=quantity(2), total_filled=quantity(2),
            visible_qty=quantity(0), fills=[fill(1, 100, 2)],
        ),
    )  # fmt: skip
    assert plain(maker) == [
        ("OrderFilled", {"timestamp": START + WAIT, "exec_id": 4, "fills": [filled(1, 1, 1, 2, 2)], "legs": []})
    ]


def test_what_rests_what_is_closed_and_what_a_self_match_took() -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    maker.order(1, side=Side.SELL)
    taker.order(2, side=Side.SELL, self_match_prevention_id=6)
    taker.order(3, quantity=quantity(3), self_match_prevention_id=6)
    taker.order(4, time_in_force=-2)
    maker.take()
    taker.take()
    driver.tick(WAIT)
    gone = canceled(2, 2, reason=CancelReason.SELF_MATCH_PREVENTION)
    assert plain(taker) == [
        (
            "OrderPlaced",
            placed(
                3, 3, 5, quantity=quantity(3), total_filled=quantity(1), visible_qty=quantity(2),
                fills=[fill(1, 100, 1)],
            ),
        ),
        ("OrdersCanceled", orders_canceled(7, [gone], START + WAIT)),
        ("OrderPlaced", placed(4, 4, 8, status=3, cancel_reason=CancelReason.TIME_IN_FORCE, visible_qty=quantity(0))),
    ]  # fmt: skip


# When.


def test_the_core_asks_to_be_woken_and_the_tick_releases() -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    maker.order(1, side=Side.SELL)
    before = driver.core.next_deadline
    taker.order(2)
    assert before is not None
    assert before > START + WAIT == driver.core.next_deadline
    driver.tick(WAIT - 1)
    assert taker.names() == ["NewOrderResponse"]
    driver.tick(1)
    assert taker.names() == ["OrderPlaced"]
    assert driver.core.next_deadline == before


@pytest.mark.parametrize("message", ["Heartbeat", "NewOrderRequest"])
def test_any_message_of_anybody_releases_before_it_is_looked_at(message: str) -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    maker.order(1, side=Side.SELL)
    taker.order(2)
    driver.now += WAIT
    if message == "Heartbeat":
        maker.send("Heartbeat", correlation_id=0)
    else:
        maker.send("CancelOrderRequest", client_order_id=1, correlation_id=1, instrument_id=1)
    assert maker.names() == [
        "NewOrderResponse",
        "OrderFilled",
        *(["CancelOrderReject"] if message != "Heartbeat" else []),
    ]
    assert taker.names() == ["NewOrderResponse", "OrderPlaced"]


def test_nothing_is_released_before_the_fence_of_a_logout_or_of_a_lost_line() -> None:
    driver = bumped()
    maker, taker, other = (driver.logged_on(name) for name in ("maker-1", "stranger-1", "maker-2"))
    maker.order(1, side=Side.SELL)
    taker.order(2)
    other.order(3)
    driver.now += WAIT
    taker.send("Logout")
    other.half_close()
    driver.settle()
    driver.tick()
    assert taker.names() == ["NewOrderResponse", "OrdersCanceled", "LoggedOut"]
    assert maker.names() == ["NewOrderResponse"]
    assert driver.ends() == [("stranger-1", "LOGOUT", 1), ("maker-2", "TCP_CLOSED", 1)]


def test_releases_are_made_so_many_at_a_time_and_the_rest_is_work_under_way() -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    maker.order(1, side=Side.SELL, quantity=quantity(5000))
    for number in range(WAITING_PER_PORTFOLIO_MAX):
        taker.order(2 + number)
    taker.take()
    driver.tick(WAIT)
    assert (len(taker.take()), driver.core.is_busy) == (RELEASES_PER_STEP_MAX, True)
    driver.step()
    assert len(taker.take()) == RELEASES_PER_STEP_MAX
    driver.settle()
    assert len(taker.take()) == WAITING_PER_PORTFOLIO_MAX - 2 * RELEASES_PER_STEP_MAX
    assert not driver.core.is_busy


# Cancels, and the fence.


@pytest.mark.parametrize(
    ("version", "reasons"),
    [
        (8, [CancelOrderRejectReason.CANCEL_PENDING] * 2),
        (
            9,
            [CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC, CancelOrderRejectReason.TIME_IN_FORCE],
        ),
    ],
)
def test_cancels_of_an_order_that_waits_are_refused_in_words_that_the_version_has(
    version: int, reasons: list[int]
) -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1", schema_version=version)
    maker.order(1, side=Side.SELL)
    taker.order(2, quantity=quantity(2))
    taker.send("CancelOrderRequest", client_order_id=2, correlation_id=8, instrument_id=1)
    taker.send("CancelOrderByIdRequest", order_id=2, correlation_id=9, instrument_id=1)
    driver.tick(WAIT)
    _, first, second, told = plain(taker)
    refused = {"timestamp": START, "client_order_id": 2, "order_id": 2, "instrument_id": 1}
    texts = ["it will not rest after it", "and will not rest after it"]
    for index, (answer, correlation_id) in enumerate([(first, 8), (second, 9)]):
        assert answer[1].pop("details").endswith(texts[index])
        changed = {"exec_id": 3 + index, "correlation_id": correlation_id, "reason": reasons[index]}
        assert answer == ("CancelOrderReject", refused | changed)
    assert told[0] == "OrderPlaced"
    assert (told[1]["status"], told[1]["cancel_reason"]) == (OrderStatus.CANCELED, CancelReason.TIME_IN_FORCE)


def test_an_order_that_waits_is_cancelled_at_the_fence_and_never_released() -> None:
    driver = bumped()
    maker, taker, watch = (driver.logged_on(name) for name in ("maker-1", "stranger-1", "watch-2"))
    maker.order(1, side=Side.SELL)
    taker.order(2)
    taker.lose()
    driver.settle()
    driver.tick(WAIT)
    frames = [messages.decode(message.fields["frame"]) for message in watch.take()]
    assert [frame.name for frame in frames] == ["NewOrderResponse", "OrdersCanceled", "CancelOnDisconnectReceipt"]
    assert frames[1].fields == orders_canceled(3, [canceled(2, 2)])
    assert maker.names() == ["NewOrderResponse"]


def test_drop_copy_has_the_release() -> None:
    driver = bumped()
    maker, taker, watch = (driver.logged_on(name) for name in ("maker-1", "stranger-1", "watch-2"))
    maker.order(1, side=Side.SELL)
    taker.order(2)
    driver.tick(WAIT)
    frames = [messages.decode(message.fields["frame"]).name for message in watch.take()]
    assert frames == ["NewOrderResponse", "OrderPlaced"]


# Amends.


@pytest.mark.parametrize("version", VERSIONS)
def test_an_amend_that_waits_is_told_to_who_asked_and_to_whose_order_it_is(version: int) -> None:
    driver = bumped()
    maker = driver.logged_on("stranger-1")
    owner, mate = (driver.logged_on(name, schema_version=version) for name in ("maker-1", "maker-2"))
    maker.order(1, side=Side.SELL)
    owner.order(2, price=nine(99))
    owner.take()
    mate.send(
        "AmendOrderRequest", client_order_id=2, correlation_id=50, instrument_id=1, price=nine(100),
        quantity=quantity(3),
    )  # fmt: skip
    queued = accepted(2, 2, 3, status=OrderStatus.QUEUED, quantity=quantity(3), visible_qty=quantity(0))
    del queued["side"]
    assert plain(mate) == [("AmendOrderResponse", queued | {"correlation_id": 50})]
    assert plain(owner) == [("AmendOrderResponse", queued | {"correlation_id": None, "exec_id": 4})]
    driver.tick(WAIT)
    told = placed(
        2, 2, 5, quantity=quantity(3), total_filled=quantity(1), visible_qty=quantity(2), fills=[fill(1, 100, 1)]
    )
    asked, not_asked = (50, INT64_NULL) if version >= 8 else (None, None)
    assert plain(mate) == [("OrderPlaced", told | {"correlation_id": asked})]
    assert plain(owner) == [("OrderPlaced", told | {"correlation_id": not_asked, "exec_id": 6})]


# Rejects.


@pytest.mark.parametrize(
    ("version", "reason"),
    [(5, OrderRejectReason.RATE_LIMIT), (6, OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED)],
)
def test_the_limit_of_what_may_wait_is_told_in_words_that_the_version_has(
    version: int, reason: OrderRejectReason
) -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1", schema_version=version)
    maker.order(1, side=Side.SELL)
    for number in range(WAITING_PER_PORTFOLIO_MAX):
        taker.order(2 + number)
    taker.take()
    taker.order(9000)
    ((name, fields),) = plain(taker)
    assert (name, fields["reason"], fields["order_id"]) == ("NewOrderReject", reason, None)
    assert fields["details"] == "the portfolio has 1000 orders behind speed bumps, of at most 1000"


def test_the_fifth_amend_of_an_order_that_waits_is_rejected() -> None:
    driver = bumped()
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    maker.order(1, side=Side.SELL)
    taker.order(2)
    for number in range(5):
        taker.send(
            "AmendOrderRequest", client_order_id=2, correlation_id=number, instrument_id=1, price=nine(100),
            quantity=quantity(2 + number),
        )  # fmt: skip
    *_, (name, fields) = plain(taker)
    assert name == "AmendOrderReject"
    assert fields == {
        "timestamp": START,
        "exec_id": 7,
        "client_order_id": 2,
        "correlation_id": 4,
        "order_id": 2,
        "instrument_id": 1,
        "reason": OrderRejectReason.TOO_MANY_PENDING_REPLACES,
        "details": "the order has 4 amends behind a speed bump, of at most 4",
    }
