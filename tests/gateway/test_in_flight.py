"""Requests on the way when the fence goes up: none is accepted, and each is counted."""

from collections.abc import Callable

import pytest
from support.core_driver import KEYS, CoreDriver, Line, configuration, order

from codec.layout import Cause

REQUEST = 96
"""The length of a NewOrderRequest on the wire."""


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


def requests(line: Line, count: int) -> bytes:
    return b"".join(line.frame("NewOrderRequest", order(number)) for number in range(100, 100 + count))


def dropped(driver: CoreDriver) -> dict[str, int]:
    """The causes that requests were dropped by, with how many; what the log says of each end is the same."""
    by_cause = {cause.name: count for cause, count in driver.core.dropped_requests.items() if count}
    logged: dict[str, int] = {}
    for event in driver.log.events():
        if event.get("dropped_requests"):
            logged[event["cause"]] = logged.get(event["cause"], 0) + event["dropped_requests"]
    assert logged == by_cause
    return by_cause


@pytest.mark.parametrize("count", [0, 1, 7])
def test_requests_behind_a_logout_are_dropped_and_counted(driver: CoreDriver, count: int) -> None:
    maker = driver.logged_on("maker-1")
    maker.raw(maker.frame("Logout", {"reason": ""}) + requests(maker, count))
    driver.settle()
    assert dropped(driver) == ({"LOGOUT": count} if count else {})
    assert maker.names() == ["LoggedOut"]


def test_requests_behind_a_gap_in_the_numbers_are_dropped_and_counted(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.raw(maker.frame("NewOrderRequest", order(1), number=9) + requests(maker, 3))
    driver.settle()
    assert dropped(driver) == {"PROTOCOL_VIOLATION": 3}


def test_behind_bytes_that_are_no_frame_nothing_is_counted(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.raw(bytes(8) + requests(maker, 3))
    driver.settle()
    assert dropped(driver) == {}


def test_what_makes_no_frame_ends_the_count(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.raw(maker.frame("Logout", {"reason": ""}) + requests(maker, 2) + b"\x01" + requests(maker, 2))
    driver.settle()
    assert dropped(driver) == {"LOGOUT": 2}


def test_session_messages_are_no_requests(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    logout = maker.frame("Logout", {"reason": ""})
    session = maker.frame("Heartbeat", {"correlation_id": 0}) + maker.frame("TestRequest", {"correlation_id": 1})
    maker.raw(logout + session + requests(maker, 1) + session[:20])
    driver.settle()
    assert dropped(driver) == {"LOGOUT": 1}


LOSSES: dict[str, tuple[Callable[[CoreDriver, Line], None], Cause]] = {
    "half-close": (lambda _, line: line.half_close(), Cause.TCP_CLOSED),
    "reset": (lambda _, line: line.lose(), Cause.TCP_RESET),
    "slow": (lambda driver, line: driver.core.slow(line.link, driver.now), Cause.SLOW_CONSUMER),
    "displaced": (lambda driver, _: driver.connect().logon("maker-1"), Cause.DISPLACED),
    "shutdown": (lambda driver, _: driver.core.shut_down(driver.now), Cause.GATEWAY_SHUTDOWN),
}


@pytest.mark.parametrize("way", LOSSES)
@pytest.mark.parametrize(("size", "count"), [(0, 0), (1, 1), (5, 1), (6, 1), (32, 1), (REQUEST - 1, 1), (REQUEST, 0)])
def test_a_request_that_came_in_part_is_one(driver: CoreDriver, way: str, size: int, count: int) -> None:
    lose, cause = LOSSES[way]
    maker = driver.logged_on("maker-1")
    maker.order(1)
    maker.raw(requests(maker, 1)[:size])
    lose(driver, maker)
    driver.settle()
    assert dropped(driver) == ({cause.name: count} if count else {})


def test_bytes_of_padding_are_no_request(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.raw(bytes(5))
    maker.lose()
    driver.settle()
    assert dropped(driver) == {}


def test_of_a_lost_session_they_are_counted_when_it_is_lost_and_not_again() -> None:
    driver = CoreDriver(configuration(KEYS, cancel_grace_ms=1_000))
    maker = driver.logged_on("maker-1")
    maker.raw(requests(maker, 1)[:50])
    maker.lose()
    assert dropped(driver) == {"TCP_RESET": 1}
    driver.tick(10**9)
    driver.settle()
    assert (driver.ends(), dropped(driver)) == ([("maker-1", "TCP_RESET", 0)], {"TCP_RESET": 1})


def test_counts_of_many_ends_add_up(driver: CoreDriver) -> None:
    for client_id in ("maker-1", "maker-2", "stranger-1"):
        line = driver.logged_on(client_id)
        line.raw(line.frame("Logout", {"reason": ""}) + requests(line, 2))
    driver.settle()
    assert dropped(driver) == {"LOGOUT": 6}
