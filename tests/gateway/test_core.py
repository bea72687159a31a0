"""The core's own decisions: how lines are let go, who gives way, and how everything ends."""

import random
from typing import Any

import pytest
from support.core_driver import (
    KEYS,
    CoreDriver,
    Line,
    accepted,
    canceled,
    configuration,
    logged_out,
    nine,
    orders_canceled,
)
from support.core_log import gone, refusal

from codec.layout import Cause, Side
from gateway.errors import LifecycleError
from gateway.lifecycle import link_of, session_of
from gateway.limits import BUFFER_LEAST_BYTES
from gateway.session import LinkClosing, LinkState

POLITELY, ABORT = LinkClosing.CLOSING_POLITELY, LinkClosing.CLOSING_ABORT
SHUTDOWN = "gateway shutdown"


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


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
        (6, "DropCopyEvent"),
        (7, "LoggedOut"),
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
