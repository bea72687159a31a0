"""ResendRequest and GapFill: what was sent can be had again, under its number, byte for byte."""

import re
from collections.abc import Callable, Sequence
from unittest.mock import ANY

import pytest
from support.connection import Connection, message, reject_of
from support.frames import IOC, RESEND, Frame, order
from support.scene import Scene

INVALID_FIELD_VALUE = 4


def replayed(frames: Sequence[Frame]) -> list[tuple[int, str]]:
    """(number, name) of each message that a replay stands for, a GapFill counted once per number it covers."""
    found = []
    for frame in frames:
        assert frame.header["flags"] == RESEND, frame
        numbers = range(frame.number, frame.fields["newSequenceNumber"]) if frame.name == "GapFill" else [frame.number]
        assert numbers, f"a GapFill that covers nothing: {frame}"
        found += [(number, frame.name) for number in numbers]
    return found


def replay(connection: Connection, first: int, last: int, until: int) -> list[Frame]:
    """Ask, and take frames until one covers the number `until`."""
    connection.resend(first, last)
    return connection.until(lambda frame: replayed([frame])[-1][0] == until)


def after_a_day_s_work(scene: Scene) -> tuple[Connection, list[Frame]]:
    """A logon that continues, and what the connection before it was sent: numbers 1 to 8.

    1 LogonConf, 2 and 3 NewOrderResponse, 4 Heartbeat, 5 Reject, 6 NewOrderReject, 7 Heartbeat, 8 OrdersCanceled;
    9 is the LogonConf of the logon that continues.
    """
    first = scene.trader("maker-1")
    first.place(order(1))
    first.place(order(2))
    first.nothing_more()
    first.ask("Heartbeat", {"messageTypeId": 999}, correlationId=0)
    first.ask("NewOrderRequest", **order(3, price="100.25"))
    first.nothing_more()
    first.do("half_close")
    first.to_the_end()
    second = scene.connect()
    assert second.logon("maker-1", reset=False, framing={"sequenceNumber": 100}).number == 9
    return second, list(first.frames)


EVERYTHING = [
    (1, "GapFill"),
    (2, "NewOrderResponse"),
    (3, "NewOrderResponse"),
    (4, "GapFill"),
    (5, "Reject"),
    (6, "NewOrderReject"),
    (7, "GapFill"),
    (8, "OrdersCanceled"),
    (9, "GapFill"),
]


def test_everything_is_sent_again_and_session_messages_leave_a_gap_fill(scene: Scene) -> None:
    connection, sent = after_a_day_s_work(scene)
    frames = replay(connection, 1, 0, 9)
    assert replayed(frames) == EVERYTHING
    originals = {frame.number: frame for frame in sent}
    for frame in frames:
        if frame.name == "GapFill":
            assert frame.header["version"] == 0
        else:
            original = originals[frame.number].raw
            assert frame.raw == original[:1] + bytes([RESEND]) + original[2:]
    connection.nothing_more()
    assert connection.frames[-1].number == 10


@pytest.mark.parametrize(
    ("first", "last"), [(1, 1), (1, 4), (2, 2), (2, 3), (3, 7), (4, 4), (8, 8), (8, 9), (9, 9), (5, 1000), (9, 2**62)]
)
def test_a_range_is_answered_exactly_and_cut_at_the_last_number(scene: Scene, first: int, last: int) -> None:
    connection, _ = after_a_day_s_work(scene)
    expected = [(number, name) for number, name in EVERYTHING if first <= number <= last]
    assert replayed(replay(connection, first, last, expected[-1][0])) == expected
    connection.nothing_more()


@pytest.mark.parametrize(("first", "last"), [(0, 0), (-1, 3), (-(2**63), 0), (3, 2), (10, 0), (10, 12), (2**63 - 1, 0)])
def test_a_range_that_cannot_be_is_rejected_and_the_session_goes_on(scene: Scene, first: int, last: int) -> None:
    connection, _ = after_a_day_s_work(scene)
    connection.resend(first, last)
    rejection = connection.frame()
    assert reject_of(rejection) == (101, INVALID_FIELD_VALUE, ANY)
    assert (rejection.number, rejection.header["flags"]) == (10, 0)
    assert replayed(replay(connection, 2, 2, 2)) == [(2, "NewOrderResponse")]


def test_a_replay_can_be_asked_for_again_and_again(scene: Scene) -> None:
    connection, _ = after_a_day_s_work(scene)
    first = replay(connection, 1, 9, 9)
    for _ in range(3):
        again = replay(connection, 1, 9, 9)
        assert [frame.plain for frame in again] == [frame.plain for frame in first]
        assert [frame.raw for frame in again if frame.name != "GapFill"] == [
            frame.raw for frame in first if frame.name != "GapFill"
        ]
    connection.nothing_more()


def test_a_replay_keeps_the_layout_of_the_version_it_was_sent_in(scene: Scene) -> None:
    first = scene.trader("maker-1", schema_version=15)
    first.place(order(1))
    old = first.ask("CancelOrderRequest", clientOrderId=1, correlationId=1, instrumentId=1)
    first.do("half_close")
    first.to_the_end()
    second = scene.connect()
    second.logon("maker-1", reset=False, schema_version=17, framing={"sequenceNumber": 100})
    second.resend(old.number, old.number)
    resent = second.frame()
    assert resent.raw == old.raw[:1] + bytes([RESEND]) + old.raw[2:]


def produce(connection: Connection, count: int) -> None:
    """Let the stream grow by so many NewOrderResponses of orders that leave nothing behind."""
    request = message("NewOrderRequest", order(1, timeInForce=IOC))
    connection.process.command(
        connection.command("quiet", "1"),
        f"repeat {count} send {connection.number} {request}",
        connection.command("reached", str(count)),
    )
    assert connection.event()["event"] == "reached"
    connection.do("quiet", "0")


def test_what_is_no_longer_stored_is_named_and_filled(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(resend_depth_bytes=65536)
    connection = scene.trader("maker-1")
    count = 3000
    produce(connection, count)
    last = 1 + count
    connection.resend(1, last)
    told = connection.frame()
    number, reason, details = reject_of(told)
    assert (number, reason) == (connection.last_sent, INVALID_FIELD_VALUE)
    missing = re.fullmatch(r"messages (\d+)\.\.(\d+) no longer stored", details)
    assert missing, details
    assert int(missing[1]) == 1
    oldest = int(missing[2]) + 1
    frames = connection.until(lambda frame: replayed([frame])[-1][0] == last)
    assert replayed(frames) == [(n, "GapFill") for n in range(1, oldest)] + [
        (n, "NewOrderResponse") for n in range(oldest, last + 1)
    ]
    stored = sum(len(frame.raw) for frame in frames if frame.name != "GapFill")
    assert 0 < stored <= 65536
    assert stored >= 65536 // 2, "the depth that the operator paid for is not used"


def test_a_second_request_during_a_replay_is_rejected(scene: Scene) -> None:
    connection = scene.trader("maker-1", receive_buffer=4096)
    count = 40_000
    produce(connection, count)
    everything = message("ResendRequest", {"fromSequenceNumber": 1, "toSequenceNumber": 0})
    connection.process.command(
        connection.command("quiet", "1"),
        connection.command("reading", "0"),
        connection.command("send", everything),
        connection.command("send", everything),
    )
    # More than the sockets hold is to be replayed: the first replay cannot be over before the client reads.
    connection.process.command(
        connection.command("reading", "1"), connection.command("reached", str(count + 1 + count + 1))
    )
    rejection = connection.frame()
    assert connection.event()["event"] == "reached"
    connection.do("quiet", "0")
    connection.nothing_more()
    assert reject_of(rejection) == (connection.last_sent - 1, INVALID_FIELD_VALUE, ANY)
    assert rejection.number == count + 2
