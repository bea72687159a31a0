"""Cancels by request, and where reports about orders go: every frame byte for byte."""

import pytest
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    orders_canceled,
    quantity,
    split,
)
from support.order_frames import cancel, cancel_response, copy_of, frame

from codec import messages
from codec.layout import CancelOrderRejectReason, Side


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


@pytest.mark.parametrize("target", [{}, {"order_id": 1}], ids=["by client id", "by order id"])
@pytest.mark.parametrize(("version", "length"), [(3, 88), (11, 88), (15, 88), (16, 112), (17, 112)])
def test_a_cancel_is_answered_with_quantities_from_version_16_on(
    driver: CoreDriver, target: dict[str, int], version: int, length: int
) -> None:
    line = driver.logged_on("maker-1", schema_version=version if version >= 12 else 0, version=version)
    taker = driver.logged_on("maker-2")
    line.order(1)
    line.take()
    taker.order(2, side=Side.SELL, quantity=quantity(0.25))
    line.take()
    cancel(line, **target)
    fields = cancel_response(4, filled=0.25)
    if version < 16:
        del fields["quantity"], fields["total_filled"]
    expected = frame("CancelOrderResponse", 4, fields, last=3, version=version)
    assert (len(expected), int.from_bytes(expected[6:8], "little")) == (length, 16 if version >= 16 else 0)
    assert line.take_bytes() == expected


@pytest.mark.parametrize("version", [16, 17])
@pytest.mark.parametrize("target", [{}, {"order_id": 1}], ids=["by client id", "by order id"])
def test_a_cancel_from_another_session_of_the_portfolio_is_told_to_both(
    driver: CoreDriver, taker: Line, watcher: Line, target: dict[str, int], version: int
) -> None:
    submitter = driver.logged_on("maker-1", schema_version=version)
    submitter.order(1)
    submitter.take()
    watcher.take()
    driver.now += 3 * SECOND
    cancel(taker, **target)
    now = driver.now
    changed = {"timestamp": now, "receive_time": now}
    answer = frame("CancelOrderResponse", 2, cancel_response(2, **changed), last=2, now=now)
    if version == 17:
        report = frame("OrdersCanceled", 3, orders_canceled(3, [canceled(1, 1, reason=12)], now), last=2, now=now)
    else:
        fields = cancel_response(3, **changed, correlation_id=None)
        report = frame("CancelOrderResponse", 3, fields, last=2, now=now, version=version)
    assert taker.take_bytes() == answer
    assert submitter.take_bytes() == report
    copies = [copy_of(answer, 3, "maker-2", now), copy_of(report, 4, "maker-1", now)]
    assert watcher.take_bytes() == b"".join(copies)


def test_an_older_submitter_hears_of_the_cancel_in_its_own_version(driver: CoreDriver, taker: Line) -> None:
    submitter = driver.logged_on("maker-1", schema_version=0, version=1)
    submitter.order(1)
    submitter.take()
    cancel(taker)
    fields = cancel_response(3, correlation_id=None)
    del fields["quantity"], fields["total_filled"]
    assert submitter.take_bytes() == frame("CancelOrderResponse", 3, fields, last=2, version=1)


def test_nobody_cancels_an_order_of_another_portfolio(driver: CoreDriver, maker: Line) -> None:
    stranger = driver.logged_on("stranger-1")
    maker.order(1)
    maker.take()
    cancel(stranger)
    cancel(stranger, order_id=1)
    assert stranger.names() == ["CancelOrderReject"] * 2
    assert maker.take_bytes() == b""
    cancel(maker)
    assert maker.names() == ["CancelOrderResponse"]


@pytest.mark.parametrize("version", [1, 17])
@pytest.mark.parametrize(
    ("target", "reason", "details"),
    [
        (
            {"client_order_id": 2},
            CancelOrderRejectReason.UNKNOWN_ORDER,
            "client order id 2 is not open in instrument 1",
        ),
        (
            {"client_order_id": 1, "instrument_id": 2},
            CancelOrderRejectReason.UNKNOWN_ORDER,
            "client order id 1 is not open in instrument 2",
        ),
        (
            {"client_order_id": 1, "instrument_id": 9},
            CancelOrderRejectReason.INVALID_INSTRUMENT,
            "instrument 9 is not known",
        ),
        ({"order_id": 2}, CancelOrderRejectReason.UNKNOWN_ORDER, "order id 2 is not open in instrument 1"),
        (
            {"order_id": 1, "instrument_id": 9},
            CancelOrderRejectReason.INVALID_INSTRUMENT,
            "instrument 9 is not known",
        ),
    ],
    ids=str,
)
def test_a_cancel_of_what_is_not_open_is_rejected_with_a_reason_that_the_version_knows(
    driver: CoreDriver,
    watcher: Line,
    target: dict[str, int],
    reason: CancelOrderRejectReason,
    details: str,
    version: int,
) -> None:
    if version < 3 and "order_id" in target:
        version = 3
    line = driver.logged_on("maker-1", schema_version=version if version >= 12 else 0, version=version)
    line.order(1)
    line.take()
    watcher.take()
    cancel(line, **target)
    fields = {
        "timestamp": START,
        "exec_id": 2,
        "client_order_id": target.get("client_order_id"),
        "correlation_id": 77,
        "order_id": None,
        "instrument_id": target.get("instrument_id", 1),
        "reason": CancelOrderRejectReason.UNKNOWN_ORDER if version < 2 else reason,
        "details": details,
    }
    expected = frame("CancelOrderReject", 3, fields, last=3, version=version)
    assert line.take_bytes() == expected
    assert watcher.take_bytes() == copy_of(expected, 3, "maker-1")


def test_what_was_cancelled_or_filled_is_not_open_any_more(maker: Line, taker: Line) -> None:
    for number in (1, 2):
        maker.order(number)
    cancel(maker, client_order_id=1)
    taker.order(3, side=Side.SELL)
    maker.take()
    for target in ({"client_order_id": 1}, {"client_order_id": 2}, {"order_id": 1}, {"order_id": 2}):
        cancel(maker, **target)
    assert [fields["reason"] for _, _, fields in maker.read()] == [CancelOrderRejectReason.UNKNOWN_ORDER] * 4


# Where reports go


def test_drop_copy_goes_on_while_nobody_reads_it_and_is_sent_again_byte_for_byte(
    driver: CoreDriver, maker: Line, watcher: Line
) -> None:
    maker.order(1)
    seen = watcher.take_bytes()
    watcher.lose()
    driver.settle()
    maker.order(2)
    again = driver.logged_on("watch-1", reset=False, number=2)
    again.send("ResendRequest", from_sequence_number=2, to_sequence_number=3)
    first, second = split(again.take_bytes())
    resent = bytearray(seen)
    resent[1] = 1  # the resend flag is all that is different
    assert first == bytes(resent)
    answers = list(split(maker.take_bytes()))
    assert messages.decode(second).fields["frame"] == answers[1]


def test_every_drop_copy_of_a_portfolio_is_told_and_none_of_another() -> None:
    keys = {"m": (1, "trader"), "w": (1, "drop_copy"), "v": (1, "drop_copy"), "x": (2, "drop_copy")}
    driver = CoreDriver(configuration(keys))
    maker, *watchers = (driver.logged_on(client_id) for client_id in keys)
    maker.order(1)
    answer = maker.take_bytes()
    assert [line.take_bytes() for line in watchers] == [copy_of(answer, 2, "m")] * 2 + [b""]


def test_the_copy_names_the_connection_that_the_frame_belongs_to(driver: CoreDriver, watcher: Line) -> None:
    for epoch in (1, 2, 3):
        line = driver.logged_on("maker-1")
        line.order(epoch)
        number, name, _ = line.read()[-1]
        (event,) = watcher.take()
        assert name == "NewOrderResponse"
        assert (event.fields["session_epoch"], event.fields["origin_sequence_number"]) == (epoch, number)
        line.lose()
        driver.settle()
        watcher.take()


def test_a_frame_tells_the_last_message_that_was_processed_of_the_one_it_goes_to(maker: Line, taker: Line) -> None:
    maker.order(1, side=Side.SELL)
    for _ in range(3):
        maker.send("Heartbeat", correlation_id=0)
    taker.order(2)
    told = [(message.name, message.header.last_processed_seq_no) for message in maker.take()]
    assert told == [("NewOrderResponse", 2), ("OrderFilled", 5)]
