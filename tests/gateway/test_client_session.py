"""The session layer of the client against a peer made of the reference codec: bytes in and out, times as parameters."""

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.peer import RESEND, Peer
from support.session import (
    INTERVAL,
    START,
    S,
    cancel_entry,
    canceled_event,
    core_of,
    enter,
    fill_event,
    log_on,
    maker_fill,
    nine,
    plain,
    ready,
    response,
)

from codec.layout import CancelReason, Side
from gateway.client_core import ClientCore
from gateway.client_errors import SessionStateError
from gateway.client_events import OrderCanceled
from gateway.client_session import SequenceNumbers, SessionState
from gateway.client_state import Order, OrderState
from gateway.client_values import to_mantissa

# -- Logon -------------------------------------------------------------------------------------------------------------


def test_a_logon_with_reset_is_number_1_and_names_the_session() -> None:
    core, peer = core_of(SequenceNumbers(7, 9), cancel_on_disconnect=True), Peer()
    core.connected(START)
    core.logon(START, reset=True)
    fields = {
        "client_id": "maker-1",
        "secret": "s3cret",
        "reset_seq_num": 1,
        "schema_version": 17,
        "cancel_on_disconnect": 1,
    }
    assert peer.brief(core.take_output()) == [(1, "Logon", fields)]
    assert core.take_output() == b""


@pytest.mark.parametrize(
    ("version", "tail"),
    [
        (1, "0000000000000000"),
        (11, "0000000000000000"),
        (12, "000c000000000000"),
        (13, "000d000100000000"),
        (17, "0011000100000000"),
    ],
)
def test_a_logon_has_no_more_fields_than_its_schema_version(version: int, tail: str) -> None:
    core = core_of(schema_version=version, cancel_on_disconnect=True)
    core.connected(START)
    core.logon(START, reset=False)
    sent = core.take_output()
    assert (len(sent), sent[6], sent[96:].hex()) == (104, version, tail)


@pytest.mark.parametrize("version", [9, 11, 12, 17])
def test_the_session_has_the_version_that_was_asked_for_or_answered(version: int) -> None:
    core, peer = core_of(schema_version=version), Peer(version)
    core.connected(START)
    core.logon(START, reset=True)
    conf = {"heartbeat_interval_seconds": 5} | ({"schema_version": version} if version >= 12 else {})
    assert plain(core.received(START, peer.says("LogonConf", **conf))) == [
        (
            "LoggedOn",
            {"heartbeat_interval_s": 5, "schema_version": version, "last_processed_seq_no": 0, "reset": True},
        )
    ]
    assert core.schema_version == version


def test_a_refused_logon_ends_the_line_and_costs_no_numbers_of_the_gateway() -> None:
    core, peer = core_of(SequenceNumbers(7, 9)), Peer()
    core.connected(START)
    core.logon(START, reset=True)
    events = core.received(START, peer.says("LoggedOut", number=0, reason="unknown clientId"))
    assert plain(events) == [("LoggedOut", {"reason": "unknown clientId", "had_session": False})]
    assert core.must_close
    assert plain(core.disconnected(START, "closed")) == [("Disconnected", {"detail": "logged out: unknown clientId"})]
    assert core.numbers == SequenceNumbers(7, 9)


@pytest.mark.parametrize("end", ["the line breaks", "silence", "another message"])
def test_after_a_reset_that_was_not_answered_the_new_streams_are_taken_from_their_beginning(end: str) -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.disconnected(START, "reset")
    core.connected(START)
    core.logon(START, reset=True)
    if end == "silence":
        while not core.must_close:
            core.tick(core.next_deadline_ns() or 0)
    elif end == "another message":
        core.received(START, peer.says("Heartbeat", correlation_id=0))
    core.disconnected(START, "reset")
    assert (core.numbers, order.in_doubt) == (SequenceNumbers(2, 1), True)
    fresh = Peer()
    fresh.says("LogonConf")
    fresh.says("OrdersCanceled", orders=[cancel_entry(order)])
    assert plain(log_on(core, fresh, reset=False, last=1))[1:] == [
        ("GapDetected", {"from_sequence_number": 1, "to_sequence_number": 2})
    ]
    assert plain(core.received(START, fresh.again(1, 2)))[0] == canceled_event(1, CancelReason.CLIENT_DISCONNECT)
    assert (core.numbers, order.in_doubt, core.orders.live) == (SequenceNumbers(4, 4), False, {})


def test_a_gateway_that_forgot_the_stream_is_found_out() -> None:
    core, peer = core_of(SequenceNumbers(7, 9)), Peer()
    assert log_on(core, peer, reset=False) == []
    assert (core.must_close, core.must_reset) == (True, True)
    assert plain(core.disconnected(START, "closed")) == [
        (
            "Disconnected",
            {
                "detail": "wanted number 9 or above in LogonConf, was 1: the gateway has forgotten this stream;"
                " log on with reset"
            },
        )
    ]


def test_any_other_first_message_ends_the_line() -> None:
    core, peer = core_of(), Peer()
    core.connected(START)
    core.logon(START, reset=True)
    assert core.received(START, peer.says("Heartbeat", correlation_id=0)) == []
    assert core.must_close
    assert plain(core.disconnected(START, "closed")) == [
        ("Disconnected", {"detail": "wanted LogonConf as the first message, was Heartbeat"})
    ]


def test_a_logon_that_is_not_answered_in_time_ends_the_line() -> None:
    core = core_of(logon_timeout_s=2)
    core.connected(START)
    core.logon(START, reset=True)
    assert core.next_deadline_ns() == START + 2 * S
    core.tick(START + 2 * S)
    core.tick(core.next_deadline_ns() or 0)
    assert plain(core.disconnected(START + 3 * S, "closed")) == [
        ("Disconnected", {"detail": "the gateway has fallen silent"})
    ]


@pytest.mark.parametrize(
    ("session", "complaint"),
    [
        ({"schema_version": 18}, "schema_version is 1 to 17, not 18"),
        ({"schema_version": 0}, "schema_version is 1 to 17, not 0"),
        ({"client_id": "a" * 17}, "client_id is 1 to 16 ASCII characters, not 'aaaaaaaaaaaaaaaaa'"),
        ({"client_id": ""}, "client_id is 1 to 16 ASCII characters, not ''"),
        ({"secret": "s" * 49}, "secret is at most 48 ASCII characters"),
    ],
)
def test_what_a_logon_has_no_room_for_is_refused_at_once(session: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        ClientCore(**{"client_id": "maker-1", "secret": "s", **session})


# -- Heartbeats --------------------------------------------------------------------------------------------------------


def test_silence_of_ours_is_broken_before_an_interval_is_over() -> None:
    core, peer = ready()
    due = START + INTERVAL * 3 // 4
    assert core.next_deadline_ns() == due
    core.tick(due - 1)
    assert core.take_output() == b""
    core.tick(due)
    assert peer.brief(core.take_output()) == [(2, "Heartbeat", {"correlation_id": 0})]


def test_any_message_of_ours_puts_the_heartbeat_off() -> None:
    core, peer = ready()
    core.test_request(START + S, 77)
    assert peer.brief(core.take_output()) == [(2, "TestRequest", {"correlation_id": 77})]
    assert core.next_deadline_ns() == START + S + INTERVAL * 3 // 4


def test_a_test_request_is_answered_at_once_with_its_correlation_id() -> None:
    core, peer = ready()
    assert core.received(START, peer.says("TestRequest", correlation_id=55)) == []
    assert peer.brief(core.take_output()) == [(2, "Heartbeat", {"correlation_id": 55})]


def test_a_heartbeat_is_told_with_what_it_answers() -> None:
    core, peer = ready()
    events = core.received(START, peer.says("Heartbeat", correlation_id=55))
    assert plain(events) == [("HeartbeatReceived", {"correlation_id": 55})]


def test_a_silent_gateway_is_probed_and_then_given_up() -> None:
    core, peer = ready()
    now, sent = START, []
    while not core.must_close:
        now = core.next_deadline_ns() or 0
        assert core.tick(now) == []
        sent += [((now - START) / INTERVAL, message.name) for message in peer.heard(core.take_output())]
    assert sent == [(0.75, "Heartbeat"), (1.2, "TestRequest"), (1.95, "Heartbeat")]
    assert now == START + 2 * INTERVAL + 50_000_000
    assert plain(core.disconnected(now, "closed")) == [("Disconnected", {"detail": "the gateway has fallen silent"})]


def test_a_client_that_was_stopped_reads_before_it_judges() -> None:
    core, peer = ready()
    late = START + 10 * INTERVAL
    core.tick(late)
    core.received(late, peer.says("Heartbeat", correlation_id=0))
    core.tick(late + S // 10)
    assert core.is_logged_on


# -- Gaps --------------------------------------------------------------------------------------------------------------


def lost_line(core: ClientCore, peer: Peer) -> Order:
    """An order rests, the line breaks, and the gateway goes on talking to nobody: a fill, a heartbeat, the cancel."""
    order = enter(core, peer)
    core.disconnected(START, "reset")
    peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "0.5", 5)])
    peer.says("Heartbeat", correlation_id=0)
    peer.says("OrdersCanceled", orders=[cancel_entry(order, "0.5")])
    return order


def test_what_was_missed_is_asked_for_and_told_in_order() -> None:
    core, peer = ready()
    order = lost_line(core, peer)
    later = START + 60 * S
    assert plain(log_on(core, peer, later, reset=False, last=2)) == [
        ("LoggedOn", {"heartbeat_interval_s": 5, "schema_version": 17, "last_processed_seq_no": 2, "reset": False}),
        ("GapDetected", {"from_sequence_number": 3, "to_sequence_number": 5}),
    ]
    asked = {"from_sequence_number": 3, "to_sequence_number": 5}
    assert peer.brief(core.take_output()) == [(4, "ResendRequest", asked)]
    assert core.has_gap
    events = core.received(later, peer.again(3, 5))
    assert plain(events) == [
        ("OrderFilled", fill_event(5, "100.5", "0.5", "0.5", is_maker=True)),
        canceled_event(1, CancelReason.CLIENT_DISCONNECT),
        ("GapClosed", asked),
    ]
    assert [event.resent for event in events[:2]] == [True, True]
    assert (order.state, core.orders.live, core.has_gap) == (OrderState.CANCELED, {}, False)
    assert core.numbers == SequenceNumbers(5, 7)


def test_a_replay_is_read_in_the_version_that_its_frames_were_written_in() -> None:
    newer, older = Peer(17), Peer(9)
    core = core_of(SequenceNumbers(5, 2), schema_version=9)
    older.next_number = 4
    log_on(core, older, reset=False, last=4)
    cancel = {"client_order_id": 1, "order_id": 1001, "instrument_id": 1, "correlation_id": 3}
    told = newer.says("CancelOrderResponse", 2, RESEND, **cancel, quantity=nine("2"), total_filled=nine("0.5"))
    told += newer.says("OrderPlaced", 3, RESEND, **cancel | {"order_id": 1002, "status": 1, "quantity": nine("3")})
    events = core.received(START, told)
    assert [name for name, _ in plain(events)] == ["OrderCanceled", "OrderPlaced", "GapClosed"]
    assert [event.order.total_filled for event in events if isinstance(event, OrderCanceled)] == [Decimal("0.5")]
    assert core.orders.live[1].quantity == 3


def test_live_messages_wait_until_the_gap_before_them_is_closed() -> None:
    core, peer = ready()
    lost_line(core, peer)
    log_on(core, peer, reset=False, last=2)
    fresh = core.new_order(START, instrument_id=1, side=Side.SELL, quantity="1", price="101", client_order_id=50)
    assert core.received(START, peer.says("NewOrderResponse", **response(fresh, side=-1))) == []
    assert fresh.state is OrderState.PENDING
    events = core.received(START, peer.again(3, 4)) + core.received(START, peer.again(5, 5))
    assert [name for name, _ in plain(events)] == ["OrderFilled", "OrderCanceled", "OrderAccepted", "GapClosed"]
    assert core.orders.live == {50: fresh}


def test_a_test_request_beyond_a_gap_is_answered_at_once() -> None:
    core, peer = ready()
    lost_line(core, peer)
    log_on(core, peer, reset=False, last=2)
    core.take_output()
    core.received(START, peer.says("TestRequest", correlation_id=9))
    assert peer.brief(core.take_output()) == [(5, "Heartbeat", {"correlation_id": 9})]


def test_messages_that_are_no_longer_stored_leave_live_orders_in_doubt() -> None:
    core, peer = ready()
    order = enter(core, peer)
    other = enter(core, peer)
    core.disconnected(START, "reset")
    for number in (4, 5):
        peer.says("OrderFilled", fills=[maker_fill(order, "0.5", str(number / 2 - 1.5), number)])
    peer.says("OrdersCanceled", orders=[cancel_entry(order, "1")])
    log_on(core, peer, reset=False, last=3)
    (request, _, _), *_ = peer.brief(core.take_output())
    reject = peer.says("Reject", ref_sequence_number=request, reason=4, details="messages 4..5 no longer stored")
    fill = peer.says("GapFill", 4, RESEND, new_sequence_number=6)
    events = core.received(START, reject + fill)
    assert plain(events) == [("MessagesLost", {"from_sequence_number": 4, "to_sequence_number": 5})]
    assert (order.in_doubt, other.in_doubt) == (True, True)
    assert plain(core.received(START, peer.again(6, 6))) == [
        canceled_event(1, CancelReason.CLIENT_DISCONNECT),
        (
            "RequestRejected",
            {
                "ref_sequence_number": request,
                "reason": 4,
                "details": "messages 4..5 no longer stored",
                "request": None,
            },
        ),
        ("GapClosed", {"from_sequence_number": 4, "to_sequence_number": 6}),
    ]
    assert (order.in_doubt, order.total_filled, other.in_doubt) == (False, 1, True)
    assert core.orders.forget_doubtful() == [other]
    assert core.orders.live == {}


def test_a_request_that_the_line_swallowed_is_known_at_the_next_logon() -> None:
    core, peer = ready()
    enter(core, peer)
    arrived = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="99")
    swallowed = core.new_order(START, instrument_id=1, side=Side.BUY, quantity="2", price="98")
    core.disconnected(START, "reset")
    peer.says("NewOrderResponse", **response(arrived))
    events = log_on(core, peer, reset=False, last=3)
    assert plain(events)[1:] == [
        ("OrderNotReceived", {"order": 3}),
        ("GapDetected", {"from_sequence_number": 3, "to_sequence_number": 3}),
    ]
    assert (swallowed.state, arrived.state) == (OrderState.NOT_RECEIVED, OrderState.PENDING)
    core.received(START, peer.again(3, 3))
    assert arrived.state is OrderState.OPEN
    assert sorted(core.orders.live) == [1, 2]


def test_after_a_logon_with_reset_an_order_is_in_doubt_until_it_is_heard_of() -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.disconnected(START, "reset")
    fresh = Peer()
    log_on(core, fresh, reset=True)
    assert (order.in_doubt, order.state) == (True, OrderState.OPEN)
    core.received(START, fresh.says("OrdersCanceled", orders=[cancel_entry(order, "0.5")]))
    assert (order.in_doubt, order.state, order.total_filled) == (False, OrderState.CANCELED, Decimal("0.5"))
    assert core.numbers == SequenceNumbers(2, 3)


def test_a_repeated_number_without_the_resend_flag_ends_the_line() -> None:
    core, peer = ready()
    enter(core, peer)
    assert core.received(START, peer.says("Heartbeat", 2, correlation_id=0)) == []
    assert plain(core.disconnected(START, "closed")) == [
        ("Disconnected", {"detail": "wanted number 3, was 2 (Heartbeat) without the resend flag"})
    ]


def test_what_is_told_again_on_request_changes_no_order() -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.received(START, peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "0.5", 5)]))
    core.received(START, peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "1", 6)]))
    core.take_output()
    core.resend_request(START, 1)
    asked = {"from_sequence_number": 1, "to_sequence_number": 4}
    assert peer.brief(core.take_output()) == [(3, "ResendRequest", asked)]
    with pytest.raises(SessionStateError, match="a replay up to 4 is under way"):
        core.resend_request(START, 1)
    events = core.received(START, peer.again(1, 4))
    replayed = [(type(event).__name__, event.message.name, event.message.header.sequence_number) for event in events]
    assert replayed == [
        ("MessageReplayed", "GapFill", 1),
        ("MessageReplayed", "NewOrderResponse", 2),
        ("MessageReplayed", "OrderFilled", 3),
        ("MessageReplayed", "OrderFilled", 4),
    ]
    assert order.total_filled == 1
    core.resend_request(START, 2, 3)


@pytest.mark.parametrize(("first", "last"), [(0, 0), (3, 2), (1, 3), (3, 3)])
def test_only_what_has_been_told_can_be_told_again(first: int, last: int) -> None:
    core, peer = ready()
    enter(core, peer)
    with pytest.raises(ValueError, match=rf"messages 1 to 2 can be told again, not {first} to {last or 2}"):
        core.resend_request(START, first, last)


# -- The end -----------------------------------------------------------------------------------------------------------


def test_a_logout_brings_the_cancels_and_then_the_end() -> None:
    core, peer = ready()
    order = enter(core, peer)
    core.take_output()
    core.logout(START, "bye")
    assert peer.brief(core.take_output()) == [(3, "Logout", {"reason": "bye"})]
    with pytest.raises(SessionStateError, match="while logging out"):
        core.new_order(START, instrument_id=1, side=Side.BUY, quantity=1, price=1)
    canceled = peer.says("OrdersCanceled", orders=[cancel_entry(order)])
    assert plain(core.received(START, canceled + peer.says("LoggedOut", reason="logout"))) == [
        canceled_event(1, CancelReason.CLIENT_DISCONNECT),
        ("LoggedOut", {"reason": "logout", "had_session": True}),
    ]
    assert core.must_close
    assert core.received(START, b"anything") == []
    assert core.state is SessionState.ENDED


def test_half_a_frame_does_not_outlive_its_line() -> None:
    core, peer = ready()
    core.received(START, peer.says("TestRequest", correlation_id=1)[:20])
    core.disconnected(START, "reset")
    assert [name for name, _ in plain(log_on(core, Peer(), reset=True))] == ["LoggedOn"]


# -- Bytes -------------------------------------------------------------------------------------------------------------


def stream_of_a_session() -> bytes:
    peer = Peer()
    order = Order(1, 1, price_mantissa=to_mantissa("100.5"), order_id=1001)
    frames = [
        peer.says("LogonConf", heartbeat_interval_seconds=5, schema_version=17),
        peer.says("NewOrderResponse", **response(order)),
        peer.says("Heartbeat", correlation_id=3),
        peer.says("OrderFilled", fills=[maker_fill(order, "0.5", "0.5", 5)]),
        bytes(7),
        peer.says("OrdersCanceled", orders=[cancel_entry(order, "0.5")]),
        peer.says("LoggedOut", reason="heartbeat missed"),
    ]
    return b"".join(frames)


@given(cuts=st.lists(st.integers(0, len(stream_of_a_session())), max_size=40))
def test_pieces_of_any_size_mean_the_same(cuts: list[int]) -> None:
    stream = stream_of_a_session()
    bounds = [0, *sorted(cuts), len(stream)]
    core = core_of()
    core.connected(START)
    core.logon(START, reset=True)
    events = [event for a, b in itertools.pairwise(bounds) for event in core.received(START, stream[a:b])]
    assert [name for name, _ in plain(events)] == [
        "LoggedOn",
        "OrderAccepted",
        "HeartbeatReceived",
        "OrderFilled",
        "OrderCanceled",
        "LoggedOut",
    ]


def test_one_byte_at_a_time_means_the_same() -> None:
    core = core_of()
    core.connected(START)
    core.logon(START, reset=True)
    whole = core_of()
    whole.connected(START)
    whole.logon(START, reset=True)
    single = [event for byte in stream_of_a_session() for event in core.received(START, bytes([byte]))]
    assert plain(single) == plain(whole.received(START, stream_of_a_session()))


@settings(max_examples=300)
@given(data=st.binary(max_size=200), intact=st.integers(0, len(stream_of_a_session())))
def test_random_bytes_end_the_line_at_worst(data: bytes, intact: int) -> None:
    core = core_of()
    core.connected(START)
    core.logon(START, reset=True)
    core.received(START, stream_of_a_session()[:intact] + data)
    assert core.state in (SessionState.LOGGING_ON, SessionState.LOGGED_ON, SessionState.ENDED)


def test_a_frame_that_cannot_be_read_ends_the_line_with_its_reason() -> None:
    core, peer = ready()
    frame = bytearray(peer.says("Heartbeat", correlation_id=0))
    frame[0] = 0x44
    assert core.received(START, bytes(frame)) == []
    assert plain(core.disconnected(START, "closed")) == [
        ("Disconnected", {"detail": "the gateway sent what is no frame: protocol_id"})
    ]
