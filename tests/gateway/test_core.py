"""The core's own decisions: who gets in, who has to wait, who gives way, and how everything ends."""

import random
from typing import Any

import pytest
from support.core_driver import (
    INTERVAL,
    KEYS,
    SECOND,
    START,
    CoreDriver,
    Line,
    accepted,
    canceled,
    configuration,
    logged_out,
    logon_conf,
    nine,
    orders_canceled,
)

from codec.layout import Cause, Side
from gateway.core import link_of, session_of
from gateway.errors import LifecycleError
from gateway.limits import BUFFER_LEAST_BYTES, PENDING_LOGONS_MAX
from gateway.session import LinkClosing, LinkState, SessionState

POLITELY, ABORT = LinkClosing.CLOSING_POLITELY, LinkClosing.CLOSING_ABORT
SHUTDOWN = "gateway shutdown"
NEXT_SETTLEMENT = START + 24 * 3600 * SECOND


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


def refusal(line: Line) -> tuple[str, LinkClosing | None]:
    """The reason of the LoggedOut without a session that is all a line was told, and how it was closed."""
    ((number, name, fields),) = line.read()
    assert (number, name) == (0, "LoggedOut")
    return fields["reason"], line.closed


def gone(client_id: str, cause: Cause, epoch: int = 1, **changed: Any) -> dict[str, Any]:
    """The log line of a session's end."""
    level = "info" if cause in (Cause.LOGOUT, Cause.GATEWAY_SHUTDOWN) else "warning"
    line = {"level": level, "event": "session gone", "client_id": client_id, "epoch": epoch, "cause": cause.name}
    return line | {"orders": 0, "dropped_requests": 0, "reason": None, "fence_to_told_us": 0} | changed


def admitted(client_id: str, epoch: int = 1) -> dict[str, Any]:
    """The log line of a logon at version 17."""
    return {"level": "info", "event": "logon", "client_id": client_id, "epoch": epoch, "version": 17}


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


# How a line is let go


@pytest.mark.parametrize(
    ("way", "cause", "closing", "goodbye"),
    [
        (lambda _, line: line.half_close(), Cause.TCP_CLOSED, POLITELY, []),
        (lambda driver, line: driver.core.slow(line.link, driver.now), Cause.SLOW_CONSUMER, ABORT, []),
        (lambda _, line: line.send("Logout", reason=""), Cause.LOGOUT, POLITELY, ["LoggedOut"]),
        (lambda _, line: line.raw(bytes(8)), Cause.PROTOCOL_VIOLATION, POLITELY, ["LoggedOut"]),
    ],
    ids=["half-close", "slow", "logout", "violation"],
)
def test_a_line_is_let_go_as_its_cause_demands(
    driver: CoreDriver, way: Any, cause: Cause, closing: LinkClosing, goodbye: list[str]
) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    line.take()
    way(driver, line)
    assert line.closed is None
    driver.settle()
    assert line.closed == closing
    assert (closing == ABORT) == (line.link.farewell == b"")
    assert line.names() == ([] if closing == ABORT else ["OrdersCanceled", *goodbye])
    assert driver.ends() == [("maker-1", cause.name, 1)]
    assert [message.name for message in stored(driver, "maker-1")] == ["OrdersCanceled"]
    line.lose()
    driver.flush()
    assert driver.ends() == [("maker-1", cause.name, 1)]
    assert line.link.state == LinkState.LINK_CLOSED


def stored(driver: CoreDriver, client_id: str) -> list[Any]:
    """The cancels in the stream of a session, by a resend to its next connection."""
    line = driver.logged_on(client_id, reset=False, number=driver.session(client_id).expected_number)
    line.send("ResendRequest", from_sequence_number=3, to_sequence_number=3)
    found = line.take()
    line.lose()
    return found


def test_frames_to_a_line_that_is_gone_wait_in_the_stream(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    driver.core.lost(line.link, driver.now)  # before the end of the turn
    driver.settle()
    assert (line.read(), line.closed) == ([], None)
    again = driver.logged_on("maker-1", reset=False, number=3)
    again.send("ResendRequest", from_sequence_number=2, to_sequence_number=3)
    assert again.read() == [
        (2, "NewOrderResponse", accepted(1, 1, 1)),
        (3, "OrdersCanceled", orders_canceled(2, [canceled(1, 1)])),
    ]


# What streams may store together


def test_the_session_that_has_been_disconnected_longest_gives_way_first() -> None:
    total = 4 * BUFFER_LEAST_BYTES
    keys = {f"c-{number}": (1, "trader") for number in range(6)}
    driver = CoreDriver(configuration(keys, resend_total_bytes=total, resend_depth_bytes=BUFFER_LEAST_BYTES))
    lines = {client_id: driver.logged_on(client_id) for client_id in keys}
    for client_id in ("c-4", "c-1", "c-0", "c-3"):
        fill_stream(lines[client_id], BUFFER_LEAST_BYTES // 2)
        lines[client_id].lose()
        driver.settle()
    kept = {client_id: driver.session(client_id).stream.stored_bytes for client_id in keys}
    for size in range(4):
        # The two that are connected want more and more.
        for client_id in ("c-2", "c-5"):
            fill_stream(lines[client_id], BUFFER_LEAST_BYTES // 4)
        now_kept = {client_id: driver.session(client_id).stream.stored_bytes for client_id in keys}
        gave_way = [client_id for client_id in ("c-4", "c-1", "c-0", "c-3") if now_kept[client_id] < kept[client_id]]
        assert gave_way == ["c-4", "c-1", "c-0", "c-3"][: len(gave_way)]
        assert all(now_kept[client_id] == 0 for client_id in gave_way[:-1])
        written = (size + 1) * (BUFFER_LEAST_BYTES // 4 // 88) * 88
        assert all(now_kept[client_id] >= written for client_id in ("c-2", "c-5"))
        assert driver.core.stored_bytes <= total
        assert size < 2 or gave_way
    assert driver.core.stored_bytes > total - BUFFER_LEAST_BYTES // 4


def fill_stream(line: Line, size: int) -> None:
    """So many bytes at least, of rejects of 88 bytes and more."""
    for _ in range(size // 88):
        line.order(1, quantity=None)
    line.take()


# The end of the gateway


def test_at_shutdown_everybody_is_told_and_drop_copy_last() -> None:
    driver = CoreDriver(configuration(KEYS, drain_step_orders=1))
    watcher, maker, stranger = (driver.logged_on(client_id) for client_id in ("watch-1", "maker-1", "stranger-1"))
    for number in (1, 2):
        maker.order(number)
    for line in (maker, watcher):
        line.take()
    unknown, newcomer = driver.connect(), driver.connect()
    newcomer.logon("stranger-1")
    driver.core.shut_down(driver.now)
    late = driver.connect()
    assert [refusal(line) for line in (unknown, newcomer, late)] == [(SHUTDOWN, POLITELY)] * 3
    assert (driver.core.is_busy, driver.core.is_shut_down) == (True, False)
    while driver.core.is_busy:
        assert watcher.closed is None
        assert not driver.core.is_shut_down
        driver.step()
    assert driver.core.is_shut_down
    assert maker.read() == [
        (4, "OrdersCanceled", orders_canceled(3, [canceled(1, 1)], is_last=False)),
        (5, "OrdersCanceled", orders_canceled(3, [canceled(2, 2)])),
        (6, "LoggedOut", logged_out(Cause.GATEWAY_SHUTDOWN)),
    ]
    assert stranger.read() == [(2, "LoggedOut", logged_out(Cause.DISPLACED))]
    assert [(number, name) for number, name, _ in watcher.read()] == [
        (4, "DropCopyEvent"),
        (5, "DropCopyEvent"),
        (6, "LoggedOut"),
    ]
    assert [line.closed for line in (maker, stranger, watcher)] == [POLITELY] * 3
    assert driver.log.events()[3:] == [
        gone("stranger-1", Cause.DISPLACED),
        gone("maker-1", Cause.GATEWAY_SHUTDOWN, orders=2),
        gone("watch-1", Cause.GATEWAY_SHUTDOWN),
    ]


def test_a_gateway_without_sessions_is_shut_down_at_once(driver: CoreDriver) -> None:
    assert (driver.core.is_shutting_down, driver.core.is_shut_down) == (False, False)
    driver.core.shut_down(driver.now)
    assert (driver.core.is_shutting_down, driver.core.is_shut_down, driver.core.is_busy) == (True, True, False)


def test_a_session_that_was_ending_is_told_its_own_cause_at_shutdown(driver: CoreDriver) -> None:
    maker = driver.logged_on("maker-1")
    maker.send("Logout", reason="")
    driver.core.shut_down(driver.now)
    driver.settle()
    assert maker.read() == [(2, "LoggedOut", logged_out(Cause.LOGOUT))]
    assert driver.ends() == [("maker-1", "LOGOUT", 0)]
    assert driver.core.is_shut_down


def test_a_bug_of_ours_in_the_state_table_is_no_silent_wrong_state(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.lose()
    driver.settle()
    with pytest.raises(LifecycleError, match="no link in state SESSION_VACANT"):
        link_of(driver.session("maker-1"))
    with pytest.raises(LifecycleError, match="no session in state LINK_LOGON"):
        session_of(driver.connect().link)


def test_no_output_depends_on_the_secret_of_the_lookups() -> None:
    told = []
    for hash_secret in (0, 2**127 + 12345):
        driver = CoreDriver(hash_secret=hash_secret)
        chance = random.Random(5)
        lines = [driver.logged_on(client_id) for client_id in ("watch-1", "maker-1", "maker-2")]
        for number in range(1, 400):
            line = chance.choice(lines[1:])
            sides = {"side": chance.choice([Side.BUY, Side.SELL]), "price": nine(chance.randrange(95, 105))}
            line.order(chance.randrange(1, 300), **sides)
            if number % 50 == 0:
                cancel = {"client_order_id": chance.randrange(1, 300), "correlation_id": 1, "instrument_id": 1}
                line.send("CancelOrderRequest", **cancel)
        lines[1].lose()
        driver.settle()
        told.append([bytes(line.take_bytes()) for line in lines])
    assert told[0] == told[1]
    assert len(told[0][0]) > 100_000
