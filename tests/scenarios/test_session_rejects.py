"""What is bad in a frame but does not break the stream is rejected by its number, and the session goes on."""

import re
from typing import Any
from unittest.mock import ANY

import pytest
from support.connection import Connection, message, reject_of
from support.frames import order
from support.scene import Scene

INVALID_TEMPLATE_ID, INVALID_BLOCK_LENGTH, INVALID_FIELD_VALUE, MESSAGE_DISABLED = 2, 3, 4, 5
HEADER_SIZE = 32


@pytest.fixture
def session(common_scene: Scene, fresh_key: str) -> Connection:
    return common_scene.trader(fresh_key)


def rejected(session: Connection, line: str) -> tuple[int, str]:
    """Send a frame that is number 2 of its session; (reason, details) of the Reject, after which all goes on."""
    session.do("send", line)
    frame = session.frame()
    number, reason, details = reject_of(frame)
    assert (number, frame.number, frame.header["lastProcessedSeqNo"]) == (2, 2, 2)
    assert details
    session.nothing_more()
    assert session.last_sent == 3
    return reason, details


def names(details: str, field: str, offset: int) -> bool:
    """Whether details name the field, in either spelling, and the offset from the start of the frame."""
    spelled = details.replace("_", "").lower()
    return field.lower() in spelled and str(offset) in re.findall(r"-?\d+", details)


@pytest.mark.parametrize("message_type_id", [0, 3, 9, 12, 99, 101, 500, 3999, 4099, 9999, 65535])
def test_an_unknown_message_is_rejected(session: Connection, message_type_id: int) -> None:
    reason, details = rejected(session, message("Heartbeat", {"correlationId": 0}, {"messageTypeId": message_type_id}))
    assert reason == INVALID_TEMPLATE_ID
    assert str(message_type_id) in details


@pytest.mark.parametrize("message_type_id", [2, 5, 21, 30, 200, 202, 220, 222, 300, 310, 312, 4001, 4030, 4050])
def test_a_message_of_the_server_is_rejected(session: Connection, message_type_id: int) -> None:
    reason, _ = rejected(session, message("NewOrderRequest", order(1), {"messageTypeId": message_type_id}))
    assert reason == INVALID_TEMPLATE_ID


def test_a_message_newer_than_the_session_is_rejected(common_scene: Scene, fresh_key: str) -> None:
    session = common_scene.trader(fresh_key, schema_version=2)
    fields = {"orderId": 1, "correlationId": 1, "instrumentId": 1}
    assert rejected(session, message("CancelOrderByIdRequest", fields))[0] == INVALID_TEMPLATE_ID


LENGTHS = {
    "an order cut to nothing": ("NewOrderRequest", {"cut": 0}),
    "an order one byte short": ("NewOrderRequest", {"cut": 62, "pad": 0}),
    "an order eight bytes long": ("NewOrderRequest", {"cut": 8}),
    "eight bytes behind an order": ("NewOrderRequest", {"cut": 71, "pad": 0}),
    "an order in a frame of the largest size": ("NewOrderRequest", {"cut": 16384 - 32}),
    "a cancel one byte short": ("CancelOrderRequest", {"cut": 23, "pad": 0}),
    "eight bytes behind a cancel": ("CancelOrderRequest", {"cut": 32}),
    "a heartbeat without a correlation id": ("Heartbeat", {"cut": 0}),
    "a test request one byte short": ("TestRequest", {"cut": 7, "pad": 0}),
    "a resend request of one number": ("ResendRequest", {"cut": 8}),
    "a logout without its length byte": ("Logout", {"cut": 0}),
}


@pytest.mark.parametrize(("name", "framing"), LENGTHS.values(), ids=LENGTHS)
def test_a_body_that_does_not_fit_its_frame_is_rejected(
    session: Connection, name: str, framing: dict[str, int]
) -> None:
    fields = order(1) if name == "NewOrderRequest" else {}
    reason, _ = rejected(session, message(name, fields, framing))
    assert reason == INVALID_BLOCK_LENGTH


def test_a_text_that_is_longer_than_its_frame_is_rejected(session: Connection) -> None:
    reason, _ = rejected(session, message("Logout", {"reason": "a" * 20}, {"cut": 12}))
    assert reason == INVALID_BLOCK_LENGTH


@pytest.mark.parametrize("cut", [63, 64, 70])
def test_up_to_seven_bytes_behind_the_content_do_not_matter(session: Connection, cut: int) -> None:
    answer = session.ask("NewOrderRequest", {"cut": cut, "pad": 0}, **order(cut, price="1"))
    assert answer.name == "NewOrderResponse"


VALUES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "side 2": ("side", 58, order(1, side=2)),
    "side -2": ("side", 58, order(1, side=-2)),
    "side 127": ("side", 58, order(1, side=127)),
    "side -128": ("side", 58, order(1, side=-128)),
    "timeInForce -3": ("timeInForce", 59, order(1, timeInForce=-3)),
    "timeInForce -128": ("timeInForce", 59, order(1, timeInForce=-128)),
    "selfTradingMode 2": ("selfTradingMode", 62, order(1, selfTradingMode=2)),
    "selfTradingMode -1": ("selfTradingMode", 62, order(1, selfTradingMode=-1)),
}


@pytest.mark.parametrize(("field", "offset", "fields"), VALUES.values(), ids=VALUES)
def test_a_value_out_of_its_range_is_rejected_with_its_field_and_offset(
    session: Connection, field: str, offset: int, fields: dict[str, Any]
) -> None:
    reason, details = rejected(session, message("NewOrderRequest", fields))
    assert reason == INVALID_FIELD_VALUE
    assert names(details, field, HEADER_SIZE + offset), details


def test_flags_version_times_and_the_last_number_of_a_client_frame_are_not_judged(session: Connection) -> None:
    framing = {"flags": 0xFF, "version": 0xFFFF, "sendTimeNs": -1, "lastProcessedSeqNo": -(2**63)}
    assert session.ask("TestRequest", framing, correlationId=5).plain == ("Heartbeat", {"correlationId": 5})


def test_frames_may_have_up_to_seven_zero_bytes_in_front(session: Connection) -> None:
    for zeros in range(8):
        session.do("raw", "00" * zeros) if zeros else None
        session.nothing_more()


@pytest.mark.parametrize(("schema_version", "reason"), [(11, MESSAGE_DISABLED), (10, INVALID_TEMPLATE_ID)])
def test_a_drop_copy_session_may_not_trade(scene: Scene, schema_version: int, reason: int) -> None:
    watch = scene.connect()
    watch.logon("watch-1", schema_version=schema_version)
    for name, fields in (
        ("NewOrderRequest", order(1)),
        ("CancelOrderRequest", {"clientOrderId": 1, "correlationId": 1, "instrumentId": 1}),
        ("CancelOrderByIdRequest", {"orderId": 1, "correlationId": 1, "instrumentId": 1}),
    ):
        assert reject_of(watch.ask(name, **fields)) == (watch.last_sent, reason, ANY)
    watch.nothing_more()


def test_a_drop_copy_session_may_log_out_and_ask_for_resends(scene: Scene) -> None:
    watch = scene.watch()
    scene.trader("maker-1").place(order(1))
    event = watch.frame("DropCopyEvent")
    watch.resend(event.number, event.number)
    assert watch.frame().raw == event.raw[:1] + b"\x01" + event.raw[2:]
    watch.send("Logout", reason="done")
    assert [frame.name for frame in watch.to_the_end()] == ["LoggedOut"]
