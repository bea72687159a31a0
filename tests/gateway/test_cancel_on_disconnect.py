"""Cancel on disconnect: fence, steps, and what each cause means for a session's orders."""

from collections.abc import Callable
from typing import Any

import pytest
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    logged_out,
    nine,
    orders_canceled,
    quantity,
)

from codec.layout import Cause, Side
from gateway.limits import ORDERS_CANCELED_ENTRIES_MAX
from gateway.session import LinkClosing


def fall_silent(driver: CoreDriver, line: Line) -> None:
    """This one alone."""
    driver.tick(12 * SECOND)
    for other in driver.lines.values():
        if other is not line:
            other.send("Heartbeat", correlation_id=0)
    driver.tick(3 * SECOND)


WAYS: dict[Cause, Callable[[CoreDriver, Line], None]] = {
    Cause.TCP_CLOSED: lambda _, line: line.half_close(),
    Cause.TCP_RESET: lambda _, line: line.lose(),
    Cause.HEARTBEAT_MISSED: fall_silent,
    Cause.LOGOUT: lambda _, line: line.send("Logout", reason="done"),
    Cause.DISPLACED: lambda driver, _: driver.connect().logon("maker-1"),
    Cause.PROTOCOL_VIOLATION: lambda _, line: line.raw(bytes(8)),
    Cause.SLOW_CONSUMER: lambda driver, line: driver.core.slow(line.link, driver.now),
    Cause.GATEWAY_SHUTDOWN: lambda driver, _: driver.core.shut_down(driver.now),
}
DETAILS = {Cause.PROTOCOL_VIOLATION: ": more than 7 zero bytes between frames"}


def maker_with(driver: CoreDriver, count: int) -> Line:
    line = driver.logged_on("maker-1")
    for number in range(1, count + 1):
        line.order(number)
    line.take()
    return line


def cancels_in(line: Line) -> list[dict[str, Any]]:
    return [message.fields for message in line.take() if message.name == "OrdersCanceled"]


@pytest.mark.parametrize("cause", list(WAYS), ids=lambda cause: cause.name)
def test_every_cause_cancels_what_the_session_has_open(cause: Cause) -> None:
    driver = CoreDriver()
    taker = driver.logged_on("maker-2")
    maker = maker_with(driver, 2)
    taker.order(3, side=Side.SELL, quantity=quantity(0.25))
    maker.take()
    WAYS[cause](driver, maker)
    fenced = driver.now
    maker.take()
    driver.settle()
    if cause == Cause.TCP_RESET:
        assert (maker.read(), maker.closed) == ([], None)
    elif cause == Cause.SLOW_CONSUMER:
        assert (maker.read(), maker.closed) == ([], LinkClosing.CLOSING_ABORT)
    else:
        told = maker.read()
        assert maker.closed == LinkClosing.CLOSING_POLITELY
        cancel = ("OrdersCanceled", orders_canceled(4 + 1, [canceled(1, 1, 0.25), canceled(2, 2)], fenced))
        goodbye = [] if cause == Cause.TCP_CLOSED else [("LoggedOut", logged_out(cause, DETAILS.get(cause, "")))]
        assert [(name, fields) for _, name, fields in told] == [cancel, *goodbye]
    assert ("maker-1", cause.name, 2) in driver.ends()


@pytest.mark.parametrize("cause", list(WAYS), ids=lambda cause: cause.name)
def test_what_was_cancelled_is_in_the_stream_under_the_numbers_that_drop_copy_saw(cause: Cause) -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    watcher = driver.logged_on("watch-1")
    maker = maker_with(driver, 5)
    watcher.take()
    WAYS[cause](driver, maker)
    driver.settle()
    stream = driver.session("maker-1").stream
    if cause == Cause.DISPLACED:
        assert stream.generation == 3, "the newcomer's reset; its own test is about that"
        return
    frames = [frame for frame in stream.frames(7, stream.next_number) if int.from_bytes(frame[4:6], "little") == 310]
    events = [event.fields for event in watcher.take() if event.name == "DropCopyEvent"]
    receipt = events.pop()
    assert receipt["frame"][4:6] == (4030).to_bytes(2, "little")
    assert receipt["origin_sequence_number"] is None
    assert [(event["origin_client_id"], event["session_epoch"]) for event in events] == [("maker-1", 1)] * 3
    assert [event["frame"] for event in events] == frames
    assert [event["origin_sequence_number"] for event in events] == [
        int.from_bytes(frame[8:16], "little") for frame in frames
    ]


def test_the_first_cause_stands() -> None:
    driver = CoreDriver()
    maker = maker_with(driver, 1)
    maker.send("Logout", reason="done")
    maker.half_close()
    driver.core.slow(maker.link, driver.now)
    maker.lose()
    driver.settle()
    assert driver.ends() == [("maker-1", "LOGOUT", 1)]


def test_from_the_fence_on_an_order_does_not_exist_for_anybody() -> None:
    driver = CoreDriver()
    other = driver.logged_on("maker-2")
    maker = maker_with(driver, 1)
    maker.half_close()
    other.send("CancelOrderRequest", client_order_id=1, correlation_id=1, instrument_id=1)
    other.order(1, side=Side.SELL, price=nine(100))
    reject, response = other.take()
    assert (reject.name, reject.fields["reason"]) == ("CancelOrderReject", 1)
    assert (response.name, response.fields["fills"], response.fields["status"]) == ("NewOrderResponse", [], 1)
    driver.settle()
    assert cancels_in(maker) == [orders_canceled(2, [canceled(1, 1)])]


def test_nobody_elses_orders_are_touched() -> None:
    driver = CoreDriver()
    other = driver.logged_on("maker-2")
    other.order(11)
    maker = maker_with(driver, 3)
    maker.lose()
    driver.settle()
    assert other.names() == ["NewOrderResponse"]
    other.send("CancelOrderRequest", client_order_id=11, correlation_id=1, instrument_id=1)
    assert other.names() == ["CancelOrderResponse"]


def test_a_step_takes_out_no_more_than_it_may_and_only_the_last_frame_says_it_is_the_last() -> None:
    driver = CoreDriver(configuration(drain_step_orders=3))
    maker = maker_with(driver, 7)
    maker.half_close()
    told = []
    while driver.core.is_busy:
        driver.step()
        told.append(cancels_in(maker))
    entries = [canceled(number, number) for number in range(1, 8)]
    assert told == [
        [orders_canceled(8, entries[:3], is_last=False)],
        [orders_canceled(8, entries[3:6], is_last=False)],
        [orders_canceled(8, entries[6:])],
    ]


def test_every_frame_of_a_fire_has_the_time_of_the_fence() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = maker_with(driver, 2)
    maker.half_close()
    sent = []
    while driver.core.is_busy:
        driver.now += SECOND
        driver.step()
        sent += [(m.fields["timestamp"], m.header.send_time_ns) for m in maker.take() if m.name == "OrdersCanceled"]
    assert sent == [(START, START + SECOND), (START, START + 2 * SECOND)]


def test_a_fire_of_more_orders_than_a_frame_holds_takes_several() -> None:
    driver = CoreDriver(configuration(drain_step_orders=65_536))
    count = ORDERS_CANCELED_ENTRIES_MAX + 2
    maker = maker_with(driver, count)
    maker.half_close()
    driver.settle()
    cancels = cancels_in(maker)
    assert [(len(fields["orders"]), fields["flags"]) for fields in cancels] == [
        (ORDERS_CANCELED_ENTRIES_MAX, 0),
        (2, 1),
    ]
    assert [entry["order_id"] for fields in cancels for entry in fields["orders"]] == list(range(1, count + 1))


def test_endings_take_turns_so_that_a_large_one_does_not_hold_up_small_ones() -> None:
    driver = CoreDriver(configuration(drain_step_orders=10))
    small = driver.logged_on("maker-2")
    small.order(900)
    large = maker_with(driver, 100)
    large.half_close()
    small.half_close()
    driver.step()
    driver.step()
    assert driver.ends() == [("maker-2", "TCP_CLOSED", 1)]
    driver.settle()
    assert driver.ends() == [("maker-2", "TCP_CLOSED", 1), ("maker-1", "TCP_CLOSED", 100)]


def test_a_session_without_orders_tells_of_none() -> None:
    driver = CoreDriver()
    maker = maker_with(driver, 0)
    maker.send("Logout", reason="done")
    assert driver.settle() == 1
    assert maker.read() == [(2, "LoggedOut", logged_out(Cause.LOGOUT))]


@pytest.mark.parametrize("way", [Cause.TCP_RESET, Cause.DISPLACED], ids=lambda cause: cause.name)
def test_a_reset_logon_finds_every_cancel_however_small_the_resend_depth(way: Cause) -> None:
    driver = CoreDriver(configuration(resend_depth_bytes=65_536))
    old = maker_with(driver, 6_000)
    if way is Cause.TCP_RESET:
        old.lose()
        driver.settle()
    new = driver.connect()
    new.logon("maker-1")
    driver.settle()
    entries = [entry for cancel in cancels_in(new) for entry in cancel["orders"]]
    assert [entry["client_order_id"] for entry in entries] == list(range(1, 6_001))


def test_after_the_next_logon_no_more_than_the_depth_is_stored() -> None:
    driver = CoreDriver(configuration(resend_depth_bytes=65_536))
    maker_with(driver, 6_000).lose()
    driver.settle()
    stream = driver.session("maker-1").stream
    assert stream.stored_bytes > 65_536 + 6_000 * 35
    line = driver.connect()
    line.logon("maker-1", reset=False, number=6_002)
    line.take()
    assert stream.stored_bytes <= 65_536
