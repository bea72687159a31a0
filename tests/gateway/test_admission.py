"""The ways in: who is let in, who has to wait, who gives way, and who is refused."""

import pytest
from support.core_driver import (
    INTERVAL,
    SECOND,
    START,
    CoreDriver,
    accepted,
    canceled,
    configuration,
    logged_out,
    logon_conf,
    orders_canceled,
)
from support.core_log import admitted, gone, refusal

from codec.layout import Cause
from gateway.limits import PENDING_LOGONS_MAX
from gateway.session import LinkClosing, LinkState, SessionState

POLITELY, ABORT = LinkClosing.CLOSING_POLITELY, LinkClosing.CLOSING_ABORT
NEXT_SETTLEMENT = START + 24 * 3600 * SECOND


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


# Before a logon


def test_a_connection_that_does_not_log_on_in_time_is_refused(driver: CoreDriver) -> None:
    assert driver.core.next_deadline is None
    line = driver.connect()
    assert (driver.core.pending_logons, driver.core.next_deadline) == (1, START + 2 * INTERVAL)
    driver.tick(2 * INTERVAL)
    assert refusal(line) == ("no Logon in time", POLITELY)
    assert (driver.core.pending_logons, driver.core.next_deadline) == (0, NEXT_SETTLEMENT)
    assert driver.log.events() == []


def test_who_logs_on_is_not_waited_for_any_more(driver: CoreDriver) -> None:
    line = driver.connect()
    line.logon("maker-1")
    assert (driver.core.pending_logons, driver.core.next_deadline) == (0, START + INTERVAL)
    assert line.read() == [(1, "LogonConf", logon_conf())]
    assert driver.log.events() == [admitted("maker-1")]


@pytest.mark.parametrize("way", ["half_close", "lose"])
def test_who_leaves_before_a_logon_leaves_nothing(driver: CoreDriver, way: str) -> None:
    line = driver.connect()
    line.raw(line.logon_frame("maker-1")[:50])
    getattr(line, way)()
    driver.flush()
    assert (driver.core.pending_logons, driver.core.next_deadline, driver.core.is_busy) == (0, NEXT_SETTLEMENT, False)
    assert (bytes(line.output), driver.log.events()) == (b"", [])
    assert line.link.state == (LinkState.LINK_CLOSING if way == "half_close" else LinkState.LINK_CLOSED)


def test_of_more_connections_than_may_wait_for_their_logon_the_one_that_waited_longest_goes() -> None:
    driver = CoreDriver(pending_logons_max=3)
    maker = driver.logged_on("maker-1")
    lines = [driver.connect() for _ in range(3)]
    lines[0].raw(lines[0].logon_frame("maker-2"))  # no longer one of them
    lines.append(driver.connect())
    driver.flush()
    assert [line.closed for line in lines] == [None] * 4
    lines.append(driver.connect())
    driver.flush()
    assert [line.closed for line in lines] == [None, ABORT, None, None, None]
    lines.append(driver.connect())
    driver.flush()
    assert [line.closed for line in lines] == [None, ABORT, ABORT, None, None, None]
    assert driver.core.pending_logons == 3
    assert maker.closed is None
    lines[3].logon("stranger-1")
    assert lines[3].names() == ["LogonConf"]


def test_as_many_connections_as_may_wait_for_their_logon_do_without_being_told(driver: CoreDriver) -> None:
    lines = [driver.connect() for _ in range(PENDING_LOGONS_MAX)]
    driver.flush()
    assert {line.closed for line in lines} == {None}
    driver.connect()
    driver.flush()
    assert [line.closed for line in lines] == [ABORT] + [None] * (PENDING_LOGONS_MAX - 1)


def test_a_logon_that_is_refused_changes_nothing(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1", number=7)
    maker.order(1)
    before = maker.read()
    stranger = driver.connect()
    stranger.logon("maker-1", secret="wrong")
    assert refusal(stranger) == ("unknown clientId or wrong secret", POLITELY)
    assert driver.log.events() == [
        admitted("maker-1"),
        {"level": "warning", "event": "logon refused", "reason": "unknown clientId or wrong secret"},
    ]
    maker.order(2)
    assert (before, maker.read()) == (
        [(2, "NewOrderResponse", accepted(1, 1, 1))],
        [(3, "NewOrderResponse", accepted(2, 2, 2))],
    )


# A logon of a key that is logged on


def test_a_newcomer_is_let_in_after_the_last_word_to_the_one_it_displaced(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.order(1)
    maker.take()
    newcomer = driver.connect()
    newcomer.raw(newcomer.logon_frame("maker-1", reset=False, number=3) + newcomer.frame("TestRequest", {}))
    assert newcomer.link.state == LinkState.LINK_WAITING
    assert (newcomer.read(), maker.read(), driver.core.pending_logons) == ([], [], 0)
    driver.settle()
    assert maker.read() == [
        (3, "OrdersCanceled", orders_canceled(2, [canceled(1, 1)])),
        (4, "LoggedOut", logged_out(Cause.DISPLACED)),
    ]
    assert newcomer.read() == [(5, "LogonConf", logon_conf()), (6, "Heartbeat", {"correlation_id": 0})]
    assert driver.log.events() == [
        admitted("maker-1"),
        gone("maker-1", Cause.DISPLACED, orders=1),
        admitted("maker-1", epoch=2),
    ]


def test_a_still_newer_logon_takes_the_place_of_the_newcomer(driver: CoreDriver) -> None:
    driver.logged_on("maker-1")
    first, second = driver.connect(), driver.connect()
    first.logon("maker-1")
    second.logon("maker-1")
    assert refusal(first) == ("overtaken by a newer logon of this key", POLITELY)
    driver.settle()
    assert second.read() == [(1, "LogonConf", logon_conf())]
    assert driver.ends() == [("maker-1", "DISPLACED", 0)]


@pytest.mark.parametrize("way", ["half_close", "lose"])
def test_a_newcomer_that_leaves_is_forgotten(driver: CoreDriver, way: str) -> None:
    driver.logged_on("maker-1")
    newcomer = driver.connect()
    newcomer.logon("maker-1")
    getattr(newcomer, way)()
    driver.settle()
    assert bytes(newcomer.output) == b""
    session = driver.session("maker-1")
    assert (session.state, session.newcomer, session.epoch) == (SessionState.SESSION_VACANT, None, 1)
    assert driver.logged_on("maker-1").session is session


def test_a_newcomer_has_no_logon_timeout(driver: CoreDriver) -> None:
    driver.logged_on("maker-1")
    newcomer = driver.connect()
    newcomer.logon("maker-1")
    driver.tick(100 * SECOND)
    assert newcomer.link.state == LinkState.LINK_WAITING
    driver.settle()
    assert newcomer.names() == ["LogonConf"]


def test_where_the_operator_says_so_a_second_logon_is_refused() -> None:
    driver = CoreDriver(configuration(duplicate_logon="refuse"))
    maker = driver.logged_on("maker-1")
    newcomer = driver.connect()
    newcomer.logon("maker-1")
    assert refusal(newcomer) == ("this key is already logged on", POLITELY)
    maker.send("TestRequest", correlation_id=1)
    assert maker.names() == ["Heartbeat"]
    # One that has ended but is not told of in full is nobody to refuse for.
    maker.lose()
    patient = driver.connect()
    patient.logon("maker-1")
    assert patient.link.state == LinkState.LINK_WAITING
    driver.settle()
    assert patient.names() == ["LogonConf"]
