"""New orders and what becomes of them: every frame byte for byte, to whom it goes, and in which order."""

from typing import Any

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
    order,
    orders_canceled,
    quantity,
    split,
)
from support.order_frames import cancel, copy_of, fill, frame, maker_fill, names, order_filled

from codec import messages
from codec.layout import CancelReason, OrderFlags, OrderRejectReason, OrderStatus, SelfTradingMode, Side, TimeInForce
from gateway.limits import ORDER_FILLED_ENTRIES_MAX, ORDERS_CANCELED_ENTRIES_MAX


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


@pytest.fixture
def maker(driver: CoreDriver) -> Line:
    return driver.logged_on("maker-1")


@pytest.fixture
def taker(driver: CoreDriver) -> Line:
    return driver.logged_on("maker-2")


@pytest.fixture
def watcher(driver: CoreDriver) -> Line:
    return driver.logged_on("watch-1")


# What rests


def test_an_order_that_rests_is_told_as_it_came(driver: CoreDriver, maker: Line) -> None:
    driver.now += 3 * SECOND
    maker.order(7, correlation_id=-5, price=nine(99.5), quantity=quantity(2.001))
    fields = accepted(7, 1, 1, driver.now, correlation_id=-5, price=nine(99.5), quantity=quantity(2.001))
    fields["visible_qty"] = quantity(2.001)
    expected = frame("NewOrderResponse", 2, fields, last=2, now=driver.now)
    assert len(expected) == 136
    assert maker.take_bytes() == expected


def test_a_quantity_is_told_with_exponent_nine_whatever_it_came_with(maker: Line) -> None:
    for number, came in enumerate([(25, -1), (2_500_000_000, -9), (25 * 10**15, -16)], 1):
        maker.order(number, quantity=came)
        fields = accepted(number, number, number, quantity=quantity(2.5), visible_qty=quantity(2.5))
        assert maker.take_bytes() == frame("NewOrderResponse", number + 1, fields, last=number + 1)


@pytest.mark.parametrize("version", [1, 11, 12, 15, 16, 17])
def test_the_answer_to_a_new_order_is_the_same_at_every_version(driver: CoreDriver, version: int) -> None:
    line = driver.logged_on("maker-1", schema_version=version if version >= 12 else 0, version=version)
    assert line.version == version
    line.order(1)
    assert line.take_bytes() == frame("NewOrderResponse", 2, accepted(1, 1, 1), last=2, version=version)


def test_nobody_else_hears_of_an_order_that_rests(driver: CoreDriver, maker: Line, taker: Line) -> None:
    others = [taker, driver.logged_on("stranger-1"), driver.logged_on("watch-2")]
    maker.order(1)
    assert maker.names() == ["NewOrderResponse"]
    assert [line.take_bytes() for line in others] == [b""] * 3


# What fills


def test_the_taker_hears_of_its_fills_in_the_answer_and_each_maker_in_order_filled(
    driver: CoreDriver, maker: Line, taker: Line, watcher: Line
) -> None:
    maker.order(1, side=Side.SELL, quantity=quantity(3))
    maker.order(2, side=Side.SELL, price=nine(100.5))
    maker.take()
    watcher.take()
    driver.now += 3 * SECOND
    taker.order(1_000, price=nine(101), quantity=quantity(5))
    answer = frame(
        "NewOrderResponse",
        2,
        accepted(
            1_000,
            3,
            3,
            driver.now,
            price=nine(101),
            quantity=quantity(5),
            total_filled=quantity(4),
            visible_qty=quantity(1),
            fills=[fill(1, 100, 3), fill(2, 100.5, 1)],
        ),
        last=2,
        now=driver.now,
    )
    fills = [maker_fill(1, 1, 1, 3), maker_fill(2, 2, 2, 1, price=nine(100.5))]
    report = frame("OrderFilled", 4, order_filled(4, fills, driver.now), last=3, now=driver.now)
    assert (len(answer), len(report)) == (184, 176)
    assert taker.take_bytes() == answer
    assert maker.take_bytes() == report
    copies = [copy_of(answer, 4, "maker-2", driver.now), copy_of(report, 5, "maker-1", driver.now)]
    assert watcher.take_bytes() == b"".join(copies)


def test_a_partly_filled_maker_is_told_what_it_has_in_all(maker: Line, taker: Line) -> None:
    maker.order(1, side=Side.SELL, quantity=quantity(3))
    maker.take()
    for number, filled in ((1, 1), (2, 1.5)):
        taker.order(1_000 + number, quantity=quantity(filled))
        entry = maker_fill(1, 1, number, filled, sum([1, 1.5][:number]), flags=0)
        expected = frame("OrderFilled", 2 + number, order_filled(1 + 2 * number, [entry]), last=2)
        assert maker.take_bytes() == expected


def test_makers_are_told_in_the_order_in_which_they_were_met_and_all_of_one_at_once(
    driver: CoreDriver, maker: Line, taker: Line
) -> None:
    stranger, watcher = driver.logged_on("stranger-1"), driver.logged_on("watch-1")
    for number, line in enumerate([stranger, maker, stranger, maker, stranger], 1):
        line.order(number, side=Side.SELL, price=nine(100 + number / 2))
    for line in (maker, stranger, watcher):
        line.take()
    taker.order(1_000, price=nine(110), quantity=quantity(4))
    assert taker.names() == ["NewOrderResponse"]
    ((_, _, first),), ((_, _, second),) = stranger.read(), maker.read()
    assert (first["exec_id"], second["exec_id"]) == (7, 8)
    assert [entry["match_id"] for entry in first["fills"]] == [1, 3]
    assert [entry["match_id"] for entry in second["fills"]] == [2, 4]
    # Drop copy of this portfolio: the taker's answer goes first, and the stranger is none of its business.
    assert [messages.decode(event.fields["frame"]).name for event in watcher.take()] == [
        "NewOrderResponse",
        "OrderFilled",
    ]


def test_a_session_that_meets_its_own_order_hears_both_sides(maker: Line) -> None:
    maker.order(1, side=Side.SELL)
    maker.order(2)
    fields = accepted(
        2, 2, 2, total_filled=quantity(1), visible_qty=quantity(0), status=OrderStatus.FILLED, fills=[fill(1, 100, 1)]
    )
    expected = [
        frame("NewOrderResponse", 2, accepted(1, 1, 1, side=Side.SELL), last=2),
        frame("NewOrderResponse", 3, fields, last=3),
        frame("OrderFilled", 4, order_filled(3, [maker_fill(1, 1, 1, 1)]), last=3),
    ]
    assert maker.take_bytes() == b"".join(expected)


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_what_may_not_rest_is_closed_in_its_answer(maker: Line, time_in_force: TimeInForce) -> None:
    maker.order(1, time_in_force=time_in_force)
    fields = accepted(
        1, 1, 1, visible_qty=quantity(0), status=OrderStatus.CANCELED, cancel_reason=CancelReason.TIME_IN_FORCE
    )
    assert maker.take_bytes() == frame("NewOrderResponse", 2, fields, last=2)


def test_a_post_only_order_is_told_at_the_price_that_it_stepped_back_to(maker: Line, taker: Line) -> None:
    maker.order(1, side=Side.SELL)
    taker.order(2, flags=OrderFlags.POST_ONLY)
    fields = accepted(2, 2, 2, price=nine(99.5))
    assert taker.take_bytes() == frame("NewOrderResponse", 2, fields, last=2)


# What does not fit in one frame


def test_more_fills_of_a_maker_than_a_frame_holds_are_several_of_one_event(
    driver: CoreDriver, maker: Line, taker: Line, watcher: Line
) -> None:
    count = ORDER_FILLED_ENTRIES_MAX + 11
    for number in range(1, count + 1):
        maker.order(number, side=Side.SELL)
    maker.take()
    watcher.take()
    driver.now += 3 * SECOND
    taker.order(5_000, quantity=quantity(count))
    fills = [maker_fill(number, number, number, 1) for number in range(1, count + 1)]
    exec_id = count + 2
    last, number = count + 1, count + 2
    now = driver.now
    parts = [
        frame("OrderFilled", number, order_filled(exec_id, fills[:ORDER_FILLED_ENTRIES_MAX], now), last=last, now=now),
        frame("OrderFilled", number + 1, order_filled(exec_id, fills[-11:], now), last=last, now=now),
    ]
    assert maker.take_bytes() == b"".join(parts)
    (answer,) = split(taker.take_bytes())
    assert len(messages.decode(answer).fields["fills"]) == count
    copies = [
        copy_of(shown, count + 2 + index, origin, now)
        for index, (shown, origin) in enumerate([(answer, "maker-2"), *((part, "maker-1") for part in parts)])
    ]
    assert watcher.take_bytes() == b"".join(copies)


def test_as_many_fills_as_a_frame_holds_are_one(maker: Line, taker: Line) -> None:
    for number in range(1, ORDER_FILLED_ENTRIES_MAX + 1):
        maker.order(number, side=Side.SELL)
    maker.take()
    taker.order(5_000, quantity=quantity(ORDER_FILLED_ENTRIES_MAX))
    assert names(maker.take_bytes()) == ["OrderFilled"]


def test_more_cancels_of_a_session_than_a_frame_holds_are_several_of_which_the_last_says_so(
    maker: Line, taker: Line, watcher: Line
) -> None:
    count = ORDERS_CANCELED_ENTRIES_MAX + 5
    for number in range(1, count + 1):
        maker.order(number, side=Side.SELL, self_match_prevention_id=8)
    maker.take()
    watcher.take()
    taker.order(5_000, self_match_prevention_id=8, self_trading_mode=SelfTradingMode.CANCEL_MAKER)
    entries = [canceled(number, number, reason=CancelReason.SELF_MATCH_PREVENTION) for number in range(1, count + 1)]
    first, rest = entries[:ORDERS_CANCELED_ENTRIES_MAX], entries[ORDERS_CANCELED_ENTRIES_MAX:]
    exec_id = count + 2
    answer = frame("NewOrderResponse", 2, accepted(5_000, count + 1, count + 1), last=2)
    parts = [
        frame("OrdersCanceled", count + 2, orders_canceled(exec_id, first, is_last=False), last=count + 1),
        frame("OrdersCanceled", count + 3, orders_canceled(exec_id, rest), last=count + 1),
    ]
    assert taker.take_bytes() == answer
    assert maker.take_bytes() == b"".join(parts)
    shown = [(answer, "maker-2"), *((part, "maker-1") for part in parts)]
    copies = [copy_of(part, count + 2 + index, origin) for index, (part, origin) in enumerate(shown)]
    assert watcher.take_bytes() == b"".join(copies)


def test_fills_and_cancels_of_one_command_are_told_as_they_happened(maker: Line, taker: Line) -> None:
    maker.order(1, side=Side.SELL)
    maker.order(2, side=Side.SELL, self_match_prevention_id=8)
    maker.order(3, side=Side.SELL)
    maker.take()
    own = {"self_match_prevention_id": 8, "self_trading_mode": SelfTradingMode.CANCEL_MAKER}
    taker.order(1_000, quantity=quantity(2), **own)
    expected = [
        frame("OrderFilled", 5, order_filled(5, [maker_fill(1, 1, 1, 1)]), last=4),
        frame("OrdersCanceled", 6, orders_canceled(6, [canceled(2, 2, reason=1)]), last=4),
        frame("OrderFilled", 7, order_filled(7, [maker_fill(3, 3, 2, 1)]), last=4),
    ]
    assert maker.take_bytes() == b"".join(expected)


# What is refused


# What changes the order, the reason, the details.
REJECTED: dict[str, tuple[dict[str, Any], OrderRejectReason, str]] = {
    "an unknown instrument": (
        {"instrument_id": 9},
        OrderRejectReason.INVALID_INSTRUMENT,
        "instrument 9 is not known",
    ),
    "no side": (
        {"side": 0},
        OrderRejectReason.INVALID_FIELD,
        "side 0 is neither buy (1) nor sell (-1)",
    ),
    "a market order with a price": (
        {"flags": OrderFlags.MARKET_LIMIT},
        OrderRejectReason.INVALID_FIELD,
        "price 100 with the marketLimit flag: wanted null",
    ),
    "no price": (
        {"price": None},
        OrderRejectReason.INVALID_PRICE,
        "price is null without the marketLimit flag",
    ),
    "a price of nothing": (
        {"price": 0},
        OrderRejectReason.INVALID_PRICE,
        "price 0: wanted a multiple of the tick size 0.5 above 0",
    ),
    "a price off the tick": (
        {"price": nine(100) + 1},
        OrderRejectReason.INVALID_PRICE,
        "price 100.000000001 is not a multiple of the tick size 0.5",
    ),
    "a quantity of nothing": (
        {"quantity": quantity(0)},
        OrderRejectReason.INVALID_QUANTITY,
        "quantity 0: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a quantity below nothing": (
        {"quantity": quantity(-1)},
        OrderRejectReason.INVALID_QUANTITY,
        "quantity -1: wanted a multiple of the lot size 0.001 above 0",
    ),
    "a quantity off the lot": (
        {"quantity": (1, -9)},
        OrderRejectReason.INVALID_QUANTITY,
        "quantity 0.000000001 is not a multiple of the lot size 0.001",
    ),
    "a shown quantity": (
        {"show_qty": quantity(1)},
        OrderRejectReason.ICEBERG_NOT_ALLOWED,
        "showQty is set, and the instrument allows no icebergs",
    ),
}


@pytest.mark.parametrize(("changed", "reason", "details"), REJECTED.values(), ids=REJECTED)
def test_an_order_that_cannot_be_is_rejected_with_what_was_wrong(
    maker: Line, watcher: Line, changed: dict[str, Any], reason: OrderRejectReason, details: str
) -> None:
    maker.order(1, **changed)
    request = order(1, **changed)
    fields = {name: request[name] for name in ("client_order_id", "correlation_id", "instrument_id")}
    fields |= {"timestamp": START, "exec_id": 1, "order_id": None, "reason": reason, "details": details}
    expected = frame("NewOrderReject", 2, fields, last=2)
    assert maker.take_bytes() == expected
    assert watcher.take_bytes() == copy_of(expected, 2, "maker-1")


def test_a_client_order_id_that_is_open_in_the_portfolio_is_rejected_whoever_has_it(
    driver: CoreDriver, maker: Line, taker: Line
) -> None:
    maker.order(1)
    maker.take()
    for line in (maker, taker):
        line.order(1)
        ((_, name, fields),) = line.read()
        assert (name, fields["reason"], fields["details"], fields["order_id"]) == (
            "NewOrderReject",
            OrderRejectReason.DUPLICATE_CLIENT_ORDER_ID,
            "client order id 1 belongs to an open order",
            None,
        )
    stranger = driver.logged_on("stranger-1")
    stranger.order(1)
    assert stranger.names() == ["NewOrderResponse"]


def test_one_order_more_than_a_portfolio_may_have_is_rejected() -> None:
    driver = CoreDriver(configuration(max_open_orders=2))
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    maker.order(1)
    taker.order(2)
    taker.take()
    taker.order(3)
    ((_, name, fields),) = taker.read()
    assert (name, fields["reason"], fields["details"]) == (
        "NewOrderReject",
        OrderRejectReason.TOO_MANY_OPEN_ORDERS,
        "the portfolio has 2 open orders of at most 2",
    )
    cancel(maker)
    taker.order(3)
    assert taker.names() == ["NewOrderResponse"]
