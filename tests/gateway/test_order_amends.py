"""Amends by request: the answer to each session that it concerns, byte for byte, and the copies of it."""

from typing import Any

import pytest
from support.core_driver import SECOND, START, CoreDriver, Line, nine, quantity
from support.order_frames import copy_of, fill, frame, maker_fill, order_filled

from codec.layout import CancelReason, OrderRejectReason, OrderStatus, Side


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


@pytest.fixture
def maker(driver: CoreDriver) -> Line:
    """It has an order for 3 at 100 with orderId 1."""
    line = driver.logged_on("maker-1")
    line.order(1, quantity=quantity(3))
    line.take()
    return line


@pytest.fixture
def other(driver: CoreDriver) -> Line:
    return driver.logged_on("maker-2")


@pytest.fixture
def watcher(driver: CoreDriver) -> Line:
    return driver.logged_on("watch-1")


def amend(line: Line, **changed: Any) -> None:
    """Of the maker's order to 2 at 100, unless changed."""
    fields = {"client_order_id": 1, "correlation_id": 77, "instrument_id": 1, "price": nine(100)}
    line.send("AmendOrderRequest", **fields | {"quantity": quantity(2)} | changed)


def amended(exec_id: int, now: int = START, **changed: Any) -> dict[str, Any]:
    """The fields of the answer to `amend`."""
    fields = {
        "timestamp": now,
        "exec_id": exec_id,
        "client_order_id": 1,
        "correlation_id": 77,
        "order_id": 1,
        "instrument_id": 1,
        "price": nine(100),
        "quantity": quantity(2),
        "total_filled": quantity(0),
        "visible_qty": quantity(2),
        "receive_time": now,
        "status": OrderStatus.ACTIVE,
        "cancel_reason": CancelReason.UNKNOWN,
    }
    return fields | changed


def test_an_amend_is_told_as_it_came(driver: CoreDriver, maker: Line, other: Line, watcher: Line) -> None:
    driver.now += 3 * SECOND
    amend(maker)
    expected = frame("AmendOrderResponse", 3, amended(2, driver.now), last=3, now=driver.now)
    assert len(expected) == 136
    assert maker.take_bytes() == expected
    assert watcher.take_bytes() == copy_of(expected, 2, "maker-1", driver.now)
    assert other.take_bytes() == b""


def test_an_amend_from_another_session_of_the_portfolio_is_told_to_both(
    maker: Line, other: Line, watcher: Line
) -> None:
    amend(other)
    answer = frame("AmendOrderResponse", 2, amended(2), last=2)
    report = frame("AmendOrderResponse", 3, amended(3, correlation_id=None), last=2)
    assert other.take_bytes() == answer
    assert maker.take_bytes() == report
    assert watcher.take_bytes() == copy_of(answer, 2, "maker-2") + copy_of(report, 3, "maker-1")


def test_what_an_amend_fills_is_in_its_answers_and_told_to_the_makers_after_them(
    driver: CoreDriver, maker: Line, other: Line, watcher: Line
) -> None:
    stranger = driver.logged_on("stranger-1")
    stranger.order(9, side=Side.SELL, price=nine(101))
    stranger.take()
    amend(other, price=nine(101))
    changed = {"price": nine(101), "total_filled": quantity(1), "visible_qty": quantity(1), "fills": [fill(1, 101, 1)]}
    answer = frame("AmendOrderResponse", 2, amended(3, **changed), last=2)
    report = frame("AmendOrderResponse", 3, amended(4, correlation_id=None, **changed), last=2)
    assert other.take_bytes() == answer
    assert maker.take_bytes() == report
    fills = [maker_fill(9, 2, 1, 1, price=nine(101))]
    assert stranger.take_bytes() == frame("OrderFilled", 3, order_filled(5, fills), last=2)
    assert watcher.take_bytes() == copy_of(answer, 2, "maker-2") + copy_of(report, 3, "maker-1")


def test_a_total_that_has_filled_already_closes_the_order(maker: Line, other: Line) -> None:
    other.order(5, side=Side.SELL, quantity=quantity(2))
    maker.take()
    amend(maker)
    fields = amended(
        4,
        total_filled=quantity(2),
        visible_qty=quantity(0),
        status=OrderStatus.CANCELED,
        cancel_reason=CancelReason.BY_REQUEST,
    )
    assert maker.take_bytes() == frame("AmendOrderResponse", 4, fields, last=3)


@pytest.mark.parametrize(
    ("changed", "order_id", "reason", "details"),
    [
        (
            {"client_order_id": 2},
            None,
            OrderRejectReason.ORDER_NOT_FOUND,
            "client order id 2 is not open in instrument 1",
        ),
        ({"instrument_id": 9}, None, OrderRejectReason.INVALID_INSTRUMENT, "instrument 9 is not known"),
        (
            {"price": nine(100) + 1},
            1,
            OrderRejectReason.INVALID_PRICE,
            "price 100.000000001 is not a multiple of the tick size 0.5",
        ),
    ],
    ids=["unknown order", "unknown instrument", "price"],
)
def test_an_amend_that_cannot_be_is_rejected_to_the_one_who_asked(
    maker: Line,
    other: Line,
    watcher: Line,
    changed: dict[str, Any],
    order_id: int | None,
    reason: OrderRejectReason,
    details: str,
) -> None:
    amend(other, **changed)
    fields = {
        "timestamp": START,
        "exec_id": 2,
        "client_order_id": 1,
        "correlation_id": 77,
        "order_id": order_id,
        "instrument_id": 1,
        "reason": reason,
        "details": details,
    }
    fields |= {name: value for name, value in changed.items() if name in fields}
    expected = frame("AmendOrderReject", 2, fields, last=2)
    assert other.take_bytes() == expected
    assert maker.take_bytes() == b""
    assert watcher.take_bytes() == copy_of(expected, 2, "maker-2")
