"""From bytes to frames, and from each frame to the one who handles it."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from support.core_driver import CoreDriver, Line, accepted, configuration, order

from codec import messages
from gateway.limits import NEWCOMER_BUFFER_BYTES
from gateway.session import LinkState

Change = Callable[[bytes], bytes]


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver()


@pytest.fixture
def maker(driver: CoreDriver) -> Line:
    return driver.logged_on("maker-1")


def with_length(length: int) -> Change:
    """The frame says so, and is cut or filled up to it."""
    return lambda frame: (frame[:2] + struct.pack("<H", length) + frame[4:]).ljust(length, b"\0")[:length]


def with_type(message_type_id: int) -> Change:
    return lambda frame: frame[:4] + struct.pack("<H", message_type_id) + frame[6:]


def refused(line: Line, frame: bytes) -> dict[str, Any]:
    """The fields of the Reject that is the only answer to a frame."""
    line.raw(frame)
    ((_, name, fields),) = line.read()
    assert name == "Reject"
    return fields


# Framing


def test_frames_are_understood_one_byte_at_a_time(driver: CoreDriver) -> None:
    line = driver.connect()
    for byte in line.logon_frame("maker-1") + line.frame("NewOrderRequest", order(1)):
        line.raw(bytes([byte]))
    assert line.names() == ["LogonConf", "NewOrderResponse"]
    assert line.link.pending_bytes == b""


def test_frames_are_understood_glued_together(driver: CoreDriver) -> None:
    line = driver.connect()
    frames = [line.logon_frame("maker-1"), *(line.frame("NewOrderRequest", order(number)) for number in (1, 2, 3))]
    line.raw(b"".join(frames))
    assert line.names() == ["LogonConf", *["NewOrderResponse"] * 3]


def test_a_live_link_may_be_fed_any_number_of_frames_at_once(driver: CoreDriver, maker: Line) -> None:
    data = b"".join(maker.frame("NewOrderRequest", order(number)) for number in range(1, 3001))
    assert len(data) > 4 * NEWCOMER_BUFFER_BYTES
    driver.core.received(maker.link, data[:50], driver.now)
    driver.core.received(maker.link, data[50:-1], driver.now)
    assert (maker.names(), len(maker.link.pending_bytes)) == (["NewOrderResponse"] * 2999, 95)
    driver.core.received(maker.link, data[-1:], driver.now)
    assert (maker.names(), maker.link.pending_bytes) == (["NewOrderResponse"], b"")


def test_nothing_behind_an_ending_is_read_of_any_number_of_frames(driver: CoreDriver, maker: Line) -> None:
    data = maker.frame("Logout", {"reason": ""})
    data += b"".join(maker.frame("NewOrderRequest", order(number)) for number in range(1, 2001))
    driver.core.received(maker.link, data, driver.now)
    assert maker.link.pending_bytes == b""
    driver.settle()
    assert maker.read() == [(2, "LoggedOut", {"reason": "logout"})]


@pytest.mark.parametrize("cut", [1, 3, 4, 31, 32, 95])
def test_half_a_frame_is_kept_by_the_link_until_the_rest_comes(maker: Line, cut: int) -> None:
    frame = maker.frame("NewOrderRequest", order(1))
    maker.raw(frame[:cut])
    assert (maker.read(), maker.link.pending_bytes) == ([], frame[:cut])
    maker.raw(frame[cut:])
    assert maker.read() == [(2, "NewOrderResponse", accepted(1, 1, exec_id=1))]


@pytest.mark.parametrize("zeros", range(8))
def test_up_to_seven_zero_bytes_in_front_of_a_frame_are_skipped(maker: Line, zeros: int) -> None:
    maker.raw(bytes(zeros) + maker.frame("TestRequest", {"correlation_id": 5}))
    assert maker.read() == [(2, "Heartbeat", {"correlation_id": 5})]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x17", "protocolId at offset 0: wanted 219, was 23"),
        (bytes(3) + b"\x17", "protocolId at offset 0: wanted 219, was 23"),
        (bytes(8), "more than 7 zero bytes between frames"),
        (b"\xdb\0\x1f\0", "messageLength at offset 2: wanted 32 to 16384, was 31"),
        (b"\xdb\0\x01\x40", "messageLength at offset 2: wanted 32 to 16384, was 16385"),
        (bytes(7) + b"\xdb\0\0\0", "messageLength at offset 2: wanted 32 to 16384, was 0"),
    ],
)
def test_bytes_that_cannot_begin_a_frame_are_a_violation_that_is_named(
    driver: CoreDriver, maker: Line, data: bytes, text: str
) -> None:
    maker.raw(data)
    driver.settle()
    assert maker.read() == [(2, "LoggedOut", {"reason": f"protocol violation: {text}"})]
    assert driver.ends() == [("maker-1", "PROTOCOL_VIOLATION", 0)]


def test_the_longest_frame_that_may_come_in_is_a_setting() -> None:
    driver = CoreDriver(configuration(frame_size_max_in=1024))
    maker = driver.logged_on("maker-1")
    frame = maker.frame("Heartbeat", {"correlation_id": 0})
    assert refused(maker, with_length(1024)(frame))["reason"] == 3
    maker.raw(with_length(1025)(maker.frame("Heartbeat", {"correlation_id": 0})))
    driver.settle()
    text = "protocol violation: messageLength at offset 2: wanted 32 to 1024, was 1025"
    assert maker.read() == [(3, "LoggedOut", {"reason": text})]


def test_nothing_behind_a_violation_or_a_logout_is_read(driver: CoreDriver) -> None:
    for client_id, ending in (("maker-1", bytes(8)), ("maker-2", None)):
        line = driver.logged_on(client_id)
        before = line.frame("NewOrderRequest", order(1))
        after = line.frame("NewOrderRequest", order(2), number=line.number + 1 + (ending is None))
        line.raw(before + (ending or line.frame("Logout", {"reason": ""})) + after)
        assert line.link.pending_bytes == b""
        driver.settle()
        assert line.names() == ["NewOrderResponse", "OrdersCanceled", "LoggedOut"]
        line.order(3)
        assert line.names() == []


# Numbers


@pytest.mark.parametrize("number", [1, 0, -1, 3, 2**63 - 1])
def test_a_number_that_is_not_the_next_one_is_a_violation(driver: CoreDriver, maker: Line, number: int) -> None:
    maker.send("NewOrderRequest", number=number, **order(1))
    driver.settle()
    text = f"protocol violation: sequence number {number}, wanted 2"
    assert maker.read() == [(2, "LoggedOut", {"reason": text})]
    assert driver.session("maker-1").last_processed == 1


def test_numbers_are_not_judged_where_the_operator_says_so() -> None:
    driver = CoreDriver(configuration(sequence_check="off"))
    maker = driver.logged_on("maker-1")
    for number in (9, 3, 2**63 - 1, 3):
        maker.send("TestRequest", number=number, correlation_id=number)
    assert [(m.header.last_processed_seq_no, m.fields["correlation_id"]) for m in maker.take()] == [
        (number, number) for number in (9, 3, 2**63 - 1, 3)
    ]


def test_a_rejected_frame_uses_up_its_number(maker: Line) -> None:
    maker.send("NewOrderRequest", **order(1, side=3))
    maker.send("TestRequest", correlation_id=4)
    reject, heartbeat = maker.take()
    assert (reject.fields["ref_sequence_number"], reject.header.last_processed_seq_no) == (2, 2)
    assert (heartbeat.fields["correlation_id"], heartbeat.header.last_processed_seq_no) == (4, 3)


# What a frame may be


def test_a_second_logon_on_a_live_connection_is_a_violation(driver: CoreDriver, maker: Line) -> None:
    maker.raw(maker.logon_frame("maker-1", number=2))
    driver.settle()
    text = "protocol violation: a second Logon on a live connection"
    assert maker.read() == [(2, "LoggedOut", {"reason": text})]


@pytest.mark.parametrize(
    ("change", "reason", "details"),
    [
        (with_type(999), 2, "messageTypeId at offset 4: wanted the id of a message, was 999"),
        (with_type(200), 2, "messageTypeId at offset 4: wanted a message of the client, was 200"),
        (with_length(94), 3, "selfTradingMode at offset 94: wanted a messageLength of 95 or more, was 94"),
        (with_length(103), 3, "messageLength at offset 2: wanted 102 or less, was 103"),
    ],
)
def test_a_frame_that_is_no_request_is_rejected_naming_field_and_offset(
    maker: Line, change: Change, reason: int, details: str
) -> None:
    frame = maker.frame("NewOrderRequest", order(1))
    assert refused(maker, change(frame)) == {"ref_sequence_number": 2, "reason": reason, "details": details}


def test_up_to_seven_bytes_behind_the_content_do_not_matter(maker: Line) -> None:
    for number, length in enumerate(range(95, 103), 1):
        maker.raw(with_length(length)(maker.frame("NewOrderRequest", order(number))))
    assert maker.names() == ["NewOrderResponse"] * 8


def test_a_value_out_of_its_enum_is_rejected_naming_field_and_offset(maker: Line) -> None:
    assert refused(maker, maker.frame("NewOrderRequest", order(1, side=3))) == {
        "ref_sequence_number": 2,
        "reason": 4,
        "details": "side at offset 90: wanted a value of Side, was 3",
    }


@pytest.mark.parametrize(
    ("name", "version"),
    [("CancelOrderByIdRequest", 2), ("GetOrdersMmpStatusRequest", 9), ("CancelOrderByIdRequest", 1)],
)
def test_a_request_newer_than_the_session_is_not_known(driver: CoreDriver, name: str, version: int) -> None:
    line = driver.logged_on("maker-1", schema_version=version)
    reject = refused(line, line.frame(name, {}))
    assert (reject["reason"], reject["details"].split()[0]) == (2, "messageTypeId")


def test_the_versions_flags_times_and_last_numbers_of_client_frames_are_not_judged(maker: Line) -> None:
    maker.raw(
        maker.frame(
            "TestRequest",
            {"correlation_id": 1},
            version=60_000,
            flags=255,
            send_time_ns=-1,
            last_processed_seq_no=10**12,
        )
    )
    assert maker.read() == [(2, "Heartbeat", {"correlation_id": 1})]


ORDER_MESSAGES = [
    name for name, message in messages.BY_NAME.items() if message.from_client and 100 <= message.template_id < 200
]


@pytest.mark.parametrize("name", ORDER_MESSAGES)
@pytest.mark.parametrize(("version", "reason"), [(17, 5), (11, 5), (10, 2)])
def test_a_drop_copy_session_may_send_nothing_about_orders(
    driver: CoreDriver, name: str, version: int, reason: int
) -> None:
    watcher = driver.logged_on("watch-1", schema_version=version)
    fields = order(1) if name == "NewOrderRequest" else {}
    assert refused(watcher, watcher.frame(name, fields)) == {
        "ref_sequence_number": 2,
        "reason": reason,
        "details": "a drop-copy session may not send this message",
    }


def test_a_drop_copy_session_may_heartbeat_ask_for_resends_and_log_out(driver: CoreDriver) -> None:
    watcher = driver.logged_on("watch-1")
    watcher.send("Heartbeat", correlation_id=0)
    watcher.send("TestRequest", correlation_id=1)
    watcher.send("ResendRequest", from_sequence_number=1, to_sequence_number=1)
    assert watcher.names() == ["Heartbeat", "GapFill"]
    watcher.send("Logout", reason="")
    driver.settle()
    assert watcher.names() == ["LoggedOut"]


# Resend requests


@pytest.mark.parametrize(
    ("first", "last", "details"),
    [
        (0, 0, "fromSequenceNumber at offset 32: wanted 1 to 3, was 0"),
        (-1, 2, "fromSequenceNumber at offset 32: wanted 1 to 3, was -1"),
        (4, 0, "fromSequenceNumber at offset 32: wanted 1 to 3, was 4"),
        (2**63 - 1, 0, f"fromSequenceNumber at offset 32: wanted 1 to 3, was {2**63 - 1}"),
        (3, 2, "toSequenceNumber at offset 40: wanted 0 or at least 3, was 2"),
        (1, -1, "toSequenceNumber at offset 40: wanted 0 or at least 1, was -1"),
    ],
)
def test_a_range_that_cannot_be_is_rejected(maker: Line, first: int, last: int, details: str) -> None:
    maker.order(1)
    maker.order(2)
    maker.take()
    frame = maker.frame("ResendRequest", {"from_sequence_number": first, "to_sequence_number": last})
    assert refused(maker, frame) == {"ref_sequence_number": 4, "reason": 4, "details": details}


@pytest.mark.parametrize(("first", "last", "numbers"), [(1, 0, [1, 2, 3]), (2, 2, [2]), (3, 100, [3]), (1, 2, [1, 2])])
def test_a_range_is_sent_again_up_to_the_last_number_there_is(
    maker: Line, first: int, last: int, numbers: list[int]
) -> None:
    maker.order(1)
    maker.order(2)
    maker.take()
    maker.send("ResendRequest", from_sequence_number=first, to_sequence_number=last)
    contents = {
        1: (1, "GapFill", {"new_sequence_number": 2}),
        2: (2, "NewOrderResponse", accepted(1, 1, exec_id=1)),
        3: (3, "NewOrderResponse", accepted(2, 2, exec_id=2)),
    }
    assert maker.read() == [contents[number] for number in numbers]


def test_a_second_request_during_a_replay_is_rejected(maker: Line) -> None:
    maker.order(1)
    maker.take()
    maker.blocked = True
    maker.send("ResendRequest", from_sequence_number=2, to_sequence_number=0)
    maker.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
    maker.blocked = False
    text = "fromSequenceNumber at offset 32: wanted no request while another is being answered, was 1"
    assert maker.read() == [
        (3, "Reject", {"ref_sequence_number": 4, "reason": 4, "details": text}),
        (2, "NewOrderResponse", accepted(1, 1, exec_id=1)),
    ]


# Links that may not be read yet


def test_what_a_newcomer_sends_stays_unread_until_the_former_session_has_ended(driver: CoreDriver, maker: Line) -> None:
    maker.order(1)
    newcomer = driver.connect()
    newcomer.raw(newcomer.logon_frame("maker-1") + newcomer.frame("NewOrderRequest", order(1)))
    newcomer.raw(newcomer.frame("NewOrderRequest", order(2))[:50])
    assert newcomer.link.state == LinkState.LINK_WAITING
    assert len(newcomer.link.pending_bytes) == 96 + 50
    assert newcomer.output == b""
    driver.settle()
    assert newcomer.names() == ["LogonConf", "OrdersCanceled", "NewOrderResponse"]
    assert len(newcomer.link.pending_bytes) == 50


def test_a_newcomers_buffer_that_is_full_is_a_violation_of_the_newcomer_alone(driver: CoreDriver, maker: Line) -> None:
    newcomer = driver.connect()
    newcomer.logon("maker-1")
    newcomer.raw(bytes(NEWCOMER_BUFFER_BYTES))
    assert newcomer.link.state == LinkState.LINK_WAITING
    newcomer.raw(b"\0")
    assert newcomer.link.state == LinkState.LINK_CLOSING
    assert newcomer.read() == [(0, "LoggedOut", {"reason": "too many bytes before LogonConf"})]
    assert newcomer.link.pending_bytes == b""
    driver.settle()
    assert driver.ends() == [("maker-1", "DISPLACED", 0)]
    assert maker.read() == [(2, "LoggedOut", {"reason": "displaced by a newer logon of this key"})]


@pytest.mark.parametrize(("size", "state"), [(0, LinkState.LINK_WAITING), (1, LinkState.LINK_CLOSING)])
def test_a_newcomers_buffer_has_a_limit_however_the_bytes_come(
    driver: CoreDriver, maker: Line, size: int, state: LinkState
) -> None:
    newcomer = driver.connect()
    data = newcomer.logon_frame("maker-1") + bytes(NEWCOMER_BUFFER_BYTES + size)
    driver.core.received(newcomer.link, data, driver.now)
    assert (newcomer.link.state, maker.link.state) == (state, LinkState.LINK_CLOSING)


def test_frames_are_counted(driver: CoreDriver, maker: Line) -> None:
    maker.order(1)
    maker.order(2, side=3)
    assert (driver.core.dispatcher.frames_in, driver.core.dispatcher.frames_rejected) == (3, 1)
