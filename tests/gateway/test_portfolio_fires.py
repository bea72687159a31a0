"""The loss of a connection that has armed its portfolio (4010, scope 1): one fire, told session by session."""

from collections.abc import Callable
from typing import Any

import pytest
from support.core_driver import SECOND, CoreDriver, Line, configuration, logged_out, orders_canceled
from support.receipts import asking, copied, entries, receipt, receipts_in, with_orders

from codec.layout import CancelOnDisconnectScope, Cause, Side
from gateway.venue_controls import KillClient

PORTFOLIO = CancelOnDisconnectScope.PORTFOLIO
RECEIPT = "CancelOnDisconnectReceipt"
KEYS = {
    "maker-1": (1, "trader"),
    "maker-2": (1, "trader"),
    "maker-3": (1, "trader"),
    "stranger-1": (2, "trader"),
    "watch-1": (1, "drop_copy"),
}

FIRING: dict[Cause, Callable[[CoreDriver, Line], object]] = {
    Cause.TCP_CLOSED: lambda _, line: line.half_close(),
    Cause.TCP_RESET: lambda _, line: line.lose(),
    Cause.DISPLACED: lambda driver, _: driver.connect().logon("maker-1", reset=False, number=100),
    Cause.PROTOCOL_VIOLATION: lambda _, line: line.raw(bytes(8)),
    Cause.SLOW_CONSUMER: lambda driver, line: driver.core.slow(line.link, driver.now),
    Cause.ADMIN: lambda driver, _: driver.core.control(KillClient("maker-1"), driver.now),
}


def arm(line: Line) -> Line:
    line.send("CancelOnDisconnectRequest", correlation_id=5, scope=PORTFOLIO, enabled=True)
    line.take()
    return line


def three(driver: CoreDriver) -> tuple[Line, Line, Line]:
    """The first has armed the portfolio; each has asked for receipts but the third."""
    first = with_orders(arm(asking(driver, "maker-1")), 1, 2)
    second = with_orders(asking(driver, "maker-2"), 3)
    third = with_orders(driver.logged_on("maker-3"), 4, 5, 6)
    return first, second, third


@pytest.mark.parametrize("cause", list(FIRING), ids=lambda cause: cause.name)
def test_every_session_of_the_portfolio_is_told_of_its_own_orders(cause: Cause) -> None:
    driver = CoreDriver(configuration(KEYS, cancel_on_disconnect="order"))
    watcher, stranger = driver.logged_on("watch-1"), with_orders(driver.logged_on("stranger-1"), 9)
    first, second, third = three(driver)
    watcher.take()
    reason = 3 if cause is Cause.ADMIN else 7
    FIRING[cause](driver, first)
    numbers = {name: driver.session(name).stream.next_number for name in ("maker-1", "maker-2", "maker-3")}
    driver.settle()
    # The stranger's order is the engine's first, so orderId is not clientOrderId here.
    gone = {
        name: [order | {"order_id": order["order_id"] + 1} for order in entries(*ids, reason=reason)]
        for name, ids in (("maker-1", (1, 2)), ("maker-2", (3,)), ("maker-3", (4, 5, 6)))
    }
    told = {
        name: [
            ("OrdersCanceled", orders_canceled(8, gone[name])),
            ("CancelOnDisconnectReceipt", receipt(name, cause, gone[name], (at, at), scope=PORTFOLIO)),
        ]
        for name, at in numbers.items()
    }
    assert [(name, fields) for _, name, fields in second.read()] == told["maker-2"]
    assert [(name, fields) for _, name, fields in third.read()] == told["maker-3"][:1], "it never asked"
    frames = copied(watcher)
    for name in told:
        assert [(frame.name, frame.fields) for origin, _, frame in frames if origin == name] == told[name]
    assert [number for origin, number, _ in frames if origin == "maker-3"] == [numbers["maker-3"], None]
    assert driver.ends() == [("maker-1", cause.name, 2)]
    assert stranger.read() == []
    stranger.send("CancelOrderRequest", client_order_id=9, correlation_id=1, instrument_id=1)
    assert stranger.names() == ["CancelOrderResponse"]


def test_a_goodbye_takes_its_own_orders_only() -> None:
    driver = CoreDriver(configuration(KEYS))
    watcher = driver.logged_on("watch-1")
    first, second, _ = three(driver)
    first.send("Logout", reason="done")
    driver.settle()
    assert receipts_in(watcher) == [receipt("maker-1", Cause.LOGOUT, entries(1, 2), (6, 6))]
    assert second.read() == []


def test_the_one_that_fires_is_told_though_it_had_none_and_others_are_not() -> None:
    driver = CoreDriver(configuration(KEYS))
    watcher = driver.logged_on("watch-1")
    arm(driver.logged_on("maker-1")).lose()
    driver.logged_on("maker-2")
    driver.settle()
    assert receipts_in(watcher) == [receipt("maker-1", Cause.TCP_RESET, [], None, scope=PORTFOLIO)]


def test_one_exec_id_belongs_to_all_of_it() -> None:
    driver = CoreDriver(configuration(KEYS, drain_step_orders=1))
    watcher = driver.logged_on("watch-1")
    first, _, _ = three(driver)
    watcher.take()
    first.lose()
    driver.settle()
    cancels = [frame.fields for _, _, frame in copied(watcher) if frame.name == "OrdersCanceled"]
    assert {cancel["exec_id"] for cancel in cancels} == {7}
    assert len(cancels) == 6


def test_what_others_enter_afterwards_lives() -> None:
    driver = CoreDriver(configuration(KEYS))
    first, second, _ = three(driver)
    first.lose()
    second.order(7)
    second.order(3)
    assert [(name, fields["order_id"]) for _, name, fields in second.read()] == [
        ("NewOrderResponse", 7),
        ("NewOrderResponse", 8),
    ]
    driver.settle()
    assert second.names() == ["OrdersCanceled", "CancelOnDisconnectReceipt"]
    for client_order_id in (7, 3):
        second.send("CancelOrderRequest", client_order_id=client_order_id, correlation_id=1, instrument_id=1)
    assert second.names() == ["CancelOrderResponse"] * 2


def test_none_of_them_trades_from_the_fence_on() -> None:
    driver = CoreDriver(configuration(KEYS, drain_step_orders=4))
    stranger = driver.logged_on("stranger-1")
    first, _, _ = three(driver)
    first.lose()
    driver.step()
    stranger.order(9, side=Side.SELL)
    ((_, _, response),) = stranger.read()
    assert (response["fills"], response["status"]) == ([], 1)


def test_a_session_that_is_ending_tells_of_its_own_end_and_of_the_rest() -> None:
    """Its covered orders died with it; those that are not covered die with the portfolio."""
    driver = CoreDriver(configuration(KEYS, cancel_on_disconnect="order", drain_step_orders=1))
    watcher = driver.logged_on("watch-1")
    first = arm(driver.logged_on("maker-1"))
    second = with_orders(asking(driver, "maker-2"), 1, 2, flags=1)
    with_orders(second, 3)
    watcher.take()
    second.half_close()
    driver.step()
    first.lose()
    driver.settle()
    own = receipt("maker-2", Cause.TCP_CLOSED, entries(1, 2), (6, 7), exempt=1)
    rest = receipt("maker-2", Cause.TCP_RESET, entries(3), (9, 9), scope=PORTFOLIO)
    frames = [(name, fields) for _, name, fields in second.read()]
    assert frames == [
        ("OrdersCanceled", orders_canceled(4, entries(1), is_last=False)),
        ("OrdersCanceled", orders_canceled(4, entries(2))),
        ("CancelOnDisconnectReceipt", own),
        ("OrdersCanceled", orders_canceled(5, entries(3))),
        ("CancelOnDisconnectReceipt", rest),
    ]
    assert receipts_in(watcher) == [own, receipt("maker-1", Cause.TCP_RESET, [], None, scope=PORTFOLIO), rest]


def test_a_second_one_while_the_first_drains_takes_what_was_entered_between_them() -> None:
    driver = CoreDriver(configuration(KEYS, drain_step_orders=1))
    watcher = driver.logged_on("watch-1")
    first, second, third = three(driver)
    arm(second)
    watcher.take()
    first.lose()
    driver.step()
    with_orders(third, 7)
    second.lose()
    driver.settle()
    told: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for name, number, frame in copied(watcher):
        assert number is None or number == frame.header.sequence_number
        told.setdefault(name, []).append((frame.name, frame.fields))
    said = {name: [fields for title, fields in frames if title == RECEIPT] for name, frames in told.items()}
    assert said == {
        "maker-1": [receipt("maker-1", Cause.TCP_RESET, entries(1, 2), (6, 7), scope=PORTFOLIO)],
        "maker-2": [
            receipt("maker-2", Cause.TCP_RESET, entries(3), (5, 5), scope=PORTFOLIO),
            receipt("maker-2", Cause.TCP_RESET, [], None, scope=PORTFOLIO),
        ],
        "maker-3": [
            receipt("maker-3", Cause.TCP_RESET, entries(4, 5, 6), (6, 8), scope=PORTFOLIO),
            receipt("maker-3", Cause.TCP_RESET, entries(7), (9, 9), scope=PORTFOLIO),
        ],
    }
    assert [fields["exec_id"] for title, fields in told["maker-3"] if title == "OrdersCanceled"] == [7, 7, 7, 9]


def test_it_belongs_to_the_connection() -> None:
    driver = CoreDriver(configuration(KEYS))
    watcher = driver.logged_on("watch-1")
    first, second, _ = three(driver)
    first.half_close()
    driver.settle()
    receipts_in(watcher)
    second.take()
    again = with_orders(driver.logged_on("maker-1", reset=False, number=9), 8)
    with_orders(second, 9)
    again.lose()
    driver.settle()
    (said,) = receipts_in(watcher)
    assert (said["client_id"], said["scope"], said["session_epoch"], said["bound_count"]) == ("maker-1", 0, 2, 1)
    assert second.read() == []


def test_a_lost_line_that_is_not_taken_over_in_time_fires_it() -> None:
    driver = CoreDriver(configuration(KEYS, cancel_grace_ms=500))
    watcher = driver.logged_on("watch-1")
    first, second, third = three(driver)
    lost = driver.now
    first.lose()
    driver.tick(SECOND // 4)
    assert second.read() == []
    driver.tick(SECOND // 4)
    driver.settle()
    fenced = driver.now
    said = {fields["client_id"]: fields for fields in receipts_in(watcher)}
    times = {"last_heard_time": lost, "detected_time": lost, "scope": PORTFOLIO}
    assert said["maker-1"] == receipt("maker-1", Cause.TCP_RESET, entries(1, 2), (6, 6), fenced, **times)
    assert said["maker-2"] == receipt("maker-2", Cause.TCP_RESET, entries(3), (4, 4), fenced, **times)
    assert third.names() == ["OrdersCanceled"]


def test_a_shutdown_tells_everybody_of_all() -> None:
    driver = CoreDriver(configuration(KEYS))
    watcher = driver.logged_on("watch-1")
    first, second, third = three(driver)
    driver.core.shut_down(driver.now)
    driver.settle()
    goodbye = ("LoggedOut", logged_out(Cause.GATEWAY_SHUTDOWN))
    mine = receipt("maker-1", Cause.GATEWAY_SHUTDOWN, entries(1, 2), (6, 6), scope=PORTFOLIO)
    assert [(name, fields) for _, name, fields in first.read()] == [
        ("OrdersCanceled", orders_canceled(7, entries(1, 2))),
        ("CancelOnDisconnectReceipt", mine),
        goodbye,
    ]
    killed = receipt("maker-2", Cause.GATEWAY_SHUTDOWN, entries(3), (4, 4), scope=PORTFOLIO)
    assert [(name, fields) for _, name, fields in second.read()] == [
        ("OrdersCanceled", orders_canceled(7, entries(3))),
        ("CancelOnDisconnectReceipt", killed),
        ("CancelOnDisconnectReceipt", receipt("maker-2", Cause.GATEWAY_SHUTDOWN, [], None)),
        goodbye,
    ]
    assert third.names() == ["OrdersCanceled", "LoggedOut"]
    assert len(receipts_in(watcher)) == 5
