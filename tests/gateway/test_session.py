"""Sessions: what each session message looks like, version by version, and what a session keeps between connections."""

from typing import Any

import pytest
from support.core_driver import (
    SECOND,
    START,
    WRITE_MAX,
    CoreDriver,
    accepted,
    brief,
    configuration,
    decoded,
    orders_canceled,
)

from codec import messages
from codec.layout import FLAG_RESEND, RejectReason
from codec.values import Message
from gateway.limits import BUFFER_LEAST_BYTES
from gateway.session import Link, LinkClosing, LinkState, Session, SessionState, logged_out
from gateway.stream import ChunkPool, Stream

NOW = START + 7


def new_session(version: int = 17) -> Session:
    """A session that someone is connected to, so that what it says can be taken."""
    session = Session(0, "maker-1", 1, False, Stream(ChunkPool(), BUFFER_LEAST_BYTES), [])
    session.version = version
    session.last_processed = 12
    session.stream.attach()
    return session


def said(session: Session) -> list[Message]:
    return decoded(session.stream.take(WRITE_MAX), session.version)


def header(message_type_id: int, length: int, number: int = 1, **changed: int) -> dict[str, int]:
    return {
        "protocol_id": 0xDB,
        "flags": 0,
        "message_length": length,
        "message_type_id": message_type_id,
        "version": 0,
        "sequence_number": number,
        "last_processed_seq_no": 12,
        "send_time_ns": NOW,
    } | changed


def whole(message: Message) -> tuple[dict[str, int], str, dict[str, Any]]:
    return message.header._asdict(), message.name, message.fields


# Links


def test_a_new_link_waits_for_its_logon() -> None:
    link = Link()
    assert (link.state, link.closing, link.session) == (LinkState.LINK_LOGON, LinkClosing.CLOSING_NOT, None)
    assert (link.farewell, link.pending_bytes, link.deadline) == (b"", b"", None)


def test_a_logged_out_without_a_session_has_number_zero() -> None:
    (message,) = decoded(logged_out(b"go away", NOW))
    assert whole(message) == (
        header(5, 40, number=0, last_processed_seq_no=0),
        "LoggedOut",
        {"reason": "go away"},
    )


@pytest.mark.parametrize("size", [0, 1, 6, 7, 254, 255, 256, 1_000])
def test_the_reason_of_a_logged_out_is_cut_at_255_bytes(size: int) -> None:
    (message,) = decoded(logged_out(b"x" * size, NOW))
    assert message.fields == {"reason": "x" * min(size, 255)}
    assert message.header.message_length % 8 == 0


# Session messages


def test_a_new_session_is_vacant_and_expects_number_one() -> None:
    session = Session(3, "maker-1", 9, True, Stream(ChunkPool(), BUFFER_LEAST_BYTES), [])
    assert (session.slot, session.client_id, session.portfolio_id, session.drop_copy) == (3, "maker-1", 9, True)
    assert session.client_id_wire == b"maker-1" + bytes(9)
    assert (session.state, session.epoch, session.expected_number) == (SessionState.SESSION_VACANT, 0, 1)
    assert (session.link, session.newcomer, session.ending, session.watchers) == (None, None, None, [])


@pytest.mark.parametrize("version", [12, 13, 17])
def test_logon_conf_echoes_the_version_from_12_on(version: int) -> None:
    session = new_session(version)
    session.send_logon_conf(30, 5, NOW)
    (message,) = said(session)
    assert whole(message) == (
        header(2, 40, version=12, last_processed_seq_no=5),
        "LogonConf",
        {"heartbeat_interval_seconds": 30, "schema_version": version},
    )


@pytest.mark.parametrize("version", [1, 11])
def test_logon_conf_for_older_versions_has_no_version(version: int) -> None:
    session = new_session(version)
    session.send_logon_conf(30, 5, NOW)
    data = session.stream.take(WRITE_MAX)
    assert data[32:] == (30).to_bytes(4, "little") + bytes(4)
    assert messages.decode(data).header.version == 0


def test_heartbeat_and_test_request_carry_the_correlation_id() -> None:
    session = new_session()
    session.send_heartbeat(-4, NOW)
    session.send_test_request(77, NOW)
    assert [whole(message) for message in said(session)] == [
        (header(10, 40), "Heartbeat", {"correlation_id": -4}),
        (header(11, 40, number=2), "TestRequest", {"correlation_id": 77}),
    ]


def test_logged_out_of_a_session_has_a_number() -> None:
    session = new_session()
    session.send_logged_out(b"logout", NOW)
    (message,) = said(session)
    assert whole(message) == (header(5, 40), "LoggedOut", {"reason": "logout"})


@pytest.mark.parametrize(
    ("reason", "version", "told"),
    [
        (RejectReason.INVALID_FIELD_VALUE, 1, RejectReason.INVALID_FIELD_VALUE),
        (RejectReason.MESSAGE_DISABLED, 17, RejectReason.MESSAGE_DISABLED),
        (RejectReason.MESSAGE_DISABLED, 11, RejectReason.MESSAGE_DISABLED),
        (RejectReason.MESSAGE_DISABLED, 10, RejectReason.INVALID_TEMPLATE_ID),
        (RejectReason.MESSAGE_DISABLED, 1, RejectReason.INVALID_TEMPLATE_ID),
    ],
)
def test_a_reject_names_the_frame_and_a_reason_that_the_version_knows(reason: int, version: int, told: int) -> None:
    session = new_session(version)
    session.send_reject(44, reason, b"no", NOW)
    (message,) = said(session)
    assert whole(message) == (
        header(30, 48),
        "Reject",
        {"ref_sequence_number": 44, "reason": told, "details": "no"},
    )


def test_the_details_of_a_reject_are_cut_at_255_bytes() -> None:
    session = new_session()
    session.send_reject(1, 4, b"d" * 300, NOW)
    (message,) = said(session)
    assert message.fields["details"] == "d" * 255


def test_what_a_session_says_marks_it_dirty_once_while_it_is_connected() -> None:
    dirty: list[Session] = []
    session = Session(0, "maker-1", 1, False, Stream(ChunkPool(), BUFFER_LEAST_BYTES), dirty)
    session.send_heartbeat(0, NOW)
    assert (dirty, session.spoke_ns) == ([], 0)
    session.link = Link()
    session.send_heartbeat(0, NOW)
    session.send_heartbeat(0, NOW + 1)
    assert (dirty, session.dirty, session.spoke_ns) == ([session], True, NOW + 1)


# What is sent again


def test_a_reissued_frame_is_the_first_one_under_a_new_number() -> None:
    session = new_session()
    fields = orders_canceled(9, [], now=NOW - 1)
    frame = messages.encode(
        "OrdersCanceled", fields, sequence_number=55, last_processed_seq_no=3, send_time_ns=2, version=0
    )
    session.reissue(frame, NOW)
    (message,) = said(session)
    assert whole(message) == (header(310, 56), "OrdersCanceled", fields)


def test_cancels_are_the_orders_canceled_of_one_event_and_nothing_else() -> None:
    session = new_session()
    cancels = [messages.encode("OrdersCanceled", orders_canceled(exec_id, [])) for exec_id in (7, 7, 7, 8, 7)]
    session.reissue(cancels[0], NOW)
    session.reissue(cancels[1], NOW)
    session.send_reject(1, 4, b"", NOW)
    session.reissue(cancels[2], NOW)
    session.reissue(cancels[3], NOW)
    session.reissue(cancels[4], NOW)
    found = [messages.decode(frame) for frame in session.cancels(2, 5, 7)]
    assert [(message.header.sequence_number, message.fields["exec_id"]) for message in found] == [(2, 7), (4, 7)]


def full_stream(details: bytes, heartbeats_between: int) -> Session:
    """A session whose stream is at its depth, with frames already lost."""
    session = new_session()
    for _ in range(3 * BUFFER_LEAST_BYTES // (40 * heartbeats_between + 88)):
        for _ in range(heartbeats_between):
            session.send_heartbeat(0, NOW)
        session.send_reject(1, 4, details, NOW)
        session.stream.take(WRITE_MAX)
    assert session.stream.oldest_number > 1
    return session


@pytest.mark.parametrize("heartbeats_between", [0, 1, 20])
@pytest.mark.parametrize("details", [b"", b"x" * 38, b"x" * 255])
def test_what_is_lost_is_told_once_however_full_the_stream_is(details: bytes, heartbeats_between: int) -> None:
    session = full_stream(details, heartbeats_between)
    last = session.stream.next_number - 1
    session.replay_ref_number = 60
    session.stream.start_replay(1, last)
    assert session.tell_lost(NOW)
    assert not session.tell_lost(NOW)
    oldest = session.stream.oldest_number
    (message,) = said(session)
    assert message.fields == {
        "ref_sequence_number": 60,
        "reason": RejectReason.INVALID_FIELD_VALUE,
        "details": f"messages 1..{oldest - 1} no longer stored",
    }
    stored = BUFFER_LEAST_BYTES - session.stream.stored_bytes
    assert stored < 400, "told before it was necessary to forget so much"
    first = next(iter(decoded(session.stream.replay(WRITE_MAX, 0, NOW))))
    assert first.header.flags == FLAG_RESEND
    assert first.name == "GapFill"
    assert oldest <= first.fields["new_sequence_number"] <= oldest + heartbeats_between  # type: ignore[operator]


def test_nothing_lost_is_nothing_told() -> None:
    session = new_session()
    session.send_reject(1, 4, b"", NOW)
    assert not session.tell_lost(NOW)
    session.stream.start_replay(1, 1)
    assert not session.tell_lost(NOW)


# Drop copy


def test_drop_copy_has_every_frame_about_orders_as_it_stands_in_its_stream() -> None:
    driver = CoreDriver()
    watcher = driver.logged_on("watch-1")
    stranger = driver.logged_on("watch-2")
    maker = driver.logged_on("maker-1", number=5)
    driver.now += SECOND
    maker.order(1)
    maker.send("CancelOrderRequest", client_order_id=1, correlation_id=3, instrument_id=1)
    maker.send("CancelOrderRequest", client_order_id=1, correlation_id=4, instrument_id=1)
    maker.send("TestRequest", correlation_id=8)
    driver.flush()
    own = maker.output[40:]
    shares = [own[0:136], own[136:248], own[248:]]
    events = watcher.take()
    assert [brief(event) for event in events] == [
        (
            2 + index,
            "DropCopyEvent",
            {
                "origin_client_id": "maker-1",
                "portfolio_id": 1,
                "session_epoch": 1,
                "origin_sequence_number": 2 + index,
                "frame": bytes(share[: int.from_bytes(share[2:4], "little")]),
            },
        )
        for index, share in enumerate(shares)
    ]
    assert [message.name for message in maker.take()] == [
        "NewOrderResponse",
        "CancelOrderResponse",
        "CancelOrderReject",
        "Heartbeat",
    ]
    assert [event.header.last_processed_seq_no for event in events] == [1, 1, 1]
    assert stranger.read() == []


def test_every_drop_copy_of_the_portfolio_has_its_own_numbers_and_gets_what_it_missed_by_resend() -> None:
    driver = CoreDriver(configuration({"m": (1, "trader"), "w": (1, "drop_copy"), "v": (1, "drop_copy")}))
    early = driver.logged_on("w")
    maker = driver.logged_on("m")
    maker.order(1)
    late = driver.logged_on("v", reset=False)
    maker.order(2)
    (first, second), (live,) = early.take(), late.take()
    assert [brief(event)[0] for event in (first, second, live)] == [2, 3, 3]
    assert live.fields == second.fields
    late.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
    resent, gap, again = late.take()
    assert (resent.header.sequence_number, resent.header.flags, resent.fields) == (1, FLAG_RESEND, first.fields)
    assert brief(gap) == (2, "GapFill", {"new_sequence_number": 3})
    assert again.fields == second.fields


def test_a_session_goes_on_where_its_last_connection_ended() -> None:
    driver = CoreDriver()
    maker = driver.logged_on("maker-1")
    maker.order(1)
    driver.flush()
    maker.half_close()
    driver.settle()
    again = driver.connect()
    again.logon("maker-1", reset=False, number=9)
    assert [message.header._asdict() for message in again.take()] == [
        header(2, 40, number=4, version=12, last_processed_seq_no=2, send_time_ns=START)
    ]
    session = driver.session("maker-1")
    assert (session.epoch, session.expected_number, session.last_processed) == (2, 10, 9)
    again.order(1)
    assert again.read() == [(5, "NewOrderResponse", accepted(1, 2, exec_id=3))]
