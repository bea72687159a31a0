"""Requests on the way when the fence goes up: none is accepted, and each is counted."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
    logged: dict[str, int] = {}
    for event in driver.log.events():
        if event.get("dropped_requests"):
            logged[event["cause"]] = logged.get(event["cause"], 0) + event["dropped_requests"]
    assert logged == counted(driver)
    return logged


def counted(driver: CoreDriver) -> dict[str, int]:
    """The same as the core counts them, which goes on when the end is in the log."""
    return {cause.name: count for cause, count in driver.core.dropped_requests.items() if count}


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
@pytest.mark.parametrize(("size", "count"), [(0, 0), (5, 0), (6, 1), (32, 1), (REQUEST - 1, 1), (REQUEST, 0)])
def test_a_request_that_came_in_part_is_one_once_it_is_known_for_one(
    driver: CoreDriver, way: str, size: int, count: int
) -> None:
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


def test_what_comes_in_until_the_line_is_closed_counts_as_well(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.raw(maker.frame("Logout", {"reason": ""}) + requests(maker, 1)[:40])
    maker.raw(requests(maker, 1)[40:] + requests(maker, 2))
    driver.settle()
    assert dropped(driver) == {"LOGOUT": 3}
    maker.raw(requests(maker, 4) + bytes(8) + requests(maker, 1))
    maker.raw(requests(maker, 1))
    assert counted(driver) == {"LOGOUT": 7}


def test_requests_to_a_line_that_was_displaced_are_the_old_session_s() -> None:
    driver = CoreDriver(configuration(KEYS, cancel_grace_ms=1_000))
    old = driver.logged_on("maker-1")
    new = driver.logged_on("maker-1", reset=False, number=5)
    old.order(1)
    new.order(2)
    assert new.names() == ["NewOrderResponse"]
    assert (counted(driver), driver.core.controls.venue.owner_open(0)[0]) == ({"DISPLACED": 1}, 1)


def test_what_strangers_and_newcomers_send_was_never_on_the_way_to_a_session(driver: CoreDriver) -> None:
    driver.logged_on("maker-1")
    newcomer, stranger = driver.connect(), driver.connect()
    newcomer.logon("maker-1")
    stranger.raw(requests(stranger, 3))
    newcomer.raw(requests(newcomer, 3))
    newcomer.lose()
    driver.settle()
    assert dropped(driver) == {}


@settings(max_examples=200)
@given(data=st.data())
def test_however_the_bytes_come_each_request_counts_once(data: st.DataObject) -> None:
    driver = CoreDriver()
    maker = driver.logged_on("maker-1")
    frames = {
        "request": requests(maker, 1),
        "cancel": maker.frame("CancelOrderRequest", {"client_order_id": 1, "instrument_id": 1}),
        "session": maker.frame("Heartbeat", {"correlation_id": 0}),
    }
    kinds = data.draw(st.lists(st.sampled_from(sorted(frames)), max_size=12))
    stream = b"".join(bytes(data.draw(st.sampled_from([0, 0, 1, 7]))) + frames[kind] for kind in kinds)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    maker.number = 1
    maker.send("Logout", reason="")
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        maker.raw(stream[start:end])
    assert counted(driver).get("LOGOUT", 0) == sum(kind in ("request", "cancel") for kind in kinds)


def test_counts_of_many_ends_add_up(driver: CoreDriver) -> None:
    for client_id in ("maker-1", "maker-2", "stranger-1"):
        line = driver.logged_on(client_id)
        line.raw(line.frame("Logout", {"reason": ""}) + requests(line, 2))
    driver.settle()
    assert dropped(driver) == {"LOGOUT": 6}
