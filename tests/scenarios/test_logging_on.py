"""Logon, on real sockets: who gets in, in which version, and what those hear who do not."""

import re
import time
from collections.abc import Callable
from unittest.mock import ANY

import pytest
from support.configuration import secret_of
from support.connection import Connection, message
from support.frames import Frame, order
from support.scene import Scene

HEARTBEAT_INTERVAL_S = 30


def logon_conf(schema_version: int) -> tuple[str, dict[str, int]]:
    fields = {"heartbeatIntervalSeconds": HEARTBEAT_INTERVAL_S}
    if schema_version >= 12:
        fields["schemaVersion"] = schema_version
    return "LogonConf", fields


def refusal_of(connection: Connection) -> str:
    """The reason in the LoggedOut of someone who has no session, after which the connection is over."""
    refusal = connection.frame("LoggedOut")
    assert (refusal.number, refusal.header["lastProcessedSeqNo"]) == (0, 0)
    assert connection.to_the_end() == []
    reason: str = refusal.fields["reason"]
    assert reason
    return reason


def highest_version(connection: Connection) -> str:
    """Whether the session knows CancelOrderByIdRequest, which schema version 3 added."""
    return connection.ask("CancelOrderByIdRequest", orderId=1, correlationId=1, instrumentId=1).name


@pytest.mark.parametrize("padded", [0, 1], ids=["unpadded", "padded"])
@pytest.mark.parametrize(("body_length", "session_version"), [(65, 11), (67, 17), (68, 17)])
def test_a_logon_body_of_every_published_length_is_understood(
    common_scene: Scene, fresh_key: str, body_length: int, session_version: int, padded: int
) -> None:
    connection = common_scene.connect()
    confirmation = connection.logon(fresh_key, body_length=body_length, framing={"pad": padded})
    assert confirmation.plain == logon_conf(session_version)
    assert confirmation.header == {
        "protocolId": 0xDB,
        "flags": 0,
        "messageLength": 40,
        "messageTypeId": 2,
        "version": 12 if session_version >= 12 else 0,
        "sequenceNumber": 1,
        "lastProcessedSeqNo": 0,
        "sendTimeNs": ANY,
    }


@pytest.mark.parametrize("schema_version", range(1, 18))
def test_every_published_schema_version_is_accepted_and_echoed(
    common_scene: Scene, fresh_key: str, schema_version: int
) -> None:
    connection = common_scene.connect()
    confirmation = connection.logon(fresh_key, schema_version=schema_version)
    assert confirmation.plain == logon_conf(schema_version)
    assert confirmation.header["version"] == (12 if schema_version >= 12 else 0)
    assert highest_version(connection) == ("CancelOrderReject" if schema_version >= 3 else "Reject")


@pytest.mark.parametrize(
    ("header_version", "session_version"), [(0, 11), (1, 1), (2, 2), (3, 3), (11, 11), (12, 11), (17, 11), (999, 11)]
)
@pytest.mark.parametrize("body_length", [65, 68])
def test_without_a_schema_version_the_header_says_it_up_to_eleven(
    common_scene: Scene, fresh_key: str, body_length: int, header_version: int, session_version: int
) -> None:
    connection = common_scene.connect()
    confirmation = connection.logon(
        fresh_key, schema_version=0, body_length=body_length, framing={"version": header_version}
    )
    assert confirmation.plain == logon_conf(session_version)
    assert highest_version(connection) == ("CancelOrderReject" if session_version >= 3 else "Reject")


@pytest.mark.parametrize("schema_version", [18, 255, 65535])
def test_a_newer_schema_version_is_refused_with_the_range_that_is_accepted(
    common_scene: Scene, fresh_key: str, schema_version: int
) -> None:
    connection = common_scene.connect()
    connection.send_logon(fresh_key, schema_version=schema_version)
    numbers = re.findall(r"\d+", refusal_of(connection))
    assert {"1", "17"} <= set(numbers)
    assert common_scene.connect().logon(fresh_key).number == 1


@pytest.mark.parametrize(
    "secret",
    ["", "wrong", "{right}x", "{shortened}", b"\xff" * 48],
    ids=["empty", "other", "longer", "shorter", "not ASCII"],
)
def test_a_wrong_secret_and_an_unknown_key_hear_the_same(
    common_scene: Scene, fresh_key: str, secret: str | bytes
) -> None:
    right = secret_of(fresh_key)
    if isinstance(secret, str):
        secret = secret.format(right=right, shortened=right[:-1])
    answers: list[Frame] = []
    for client_id in (fresh_key, "nobody-we-know"):
        connection = common_scene.connect()
        connection.send_logon(client_id, secret=secret)  # type: ignore[arg-type]
        answers.append(connection.frame("LoggedOut"))
        assert connection.to_the_end() == []
    known, unknown = answers
    assert known.header | {"sendTimeNs": 0} == unknown.header | {"sendTimeNs": 0}
    assert known.fields == unknown.fields
    assert (known.number, known.header["lastProcessedSeqNo"]) == (0, 0)


def test_a_refused_logon_does_not_touch_the_session_of_that_key(common_scene: Scene, fresh_key: str) -> None:
    session = common_scene.trader(fresh_key)
    intruder = common_scene.connect()
    intruder.send_logon(fresh_key, secret="wrong")
    refusal_of(intruder)
    session.nothing_more()
    assert [frame.number for frame in session.frames] == [1, 2]


def test_a_client_id_is_compared_over_its_whole_length(common_scene: Scene, fresh_key: str) -> None:
    for client_id in (fresh_key[:-1], f"{fresh_key}0000", fresh_key.upper(), ""):
        connection = common_scene.connect()
        connection.send_logon(client_id, secret=secret_of(fresh_key))
        refusal_of(connection)


FIRST_FRAMES = {
    "an order": message("NewOrderRequest", order(1)),
    "a heartbeat": message("Heartbeat", {"correlationId": 0}),
    "a logout": message("Logout", {"reason": "bye"}),
    "a resend request": message("ResendRequest", {"fromSequenceNumber": 1, "toSequenceNumber": 0}),
    "an unknown message": message("Heartbeat", {}, {"messageTypeId": 999}),
    "a frame of another protocol": message("Heartbeat", {}, {"protocolId": 0xDA}),
    "a frame shorter than a header": message("Heartbeat", {}, {"messageLength": 31}),
    "a frame that is too long": message("Heartbeat", {}, {"messageLength": 16385}),
}


@pytest.mark.parametrize("first", FIRST_FRAMES.values(), ids=FIRST_FRAMES)
def test_anything_but_a_logon_as_the_first_frame_ends_the_connection(common_scene: Scene, first: str) -> None:
    connection = common_scene.connect()
    connection.do("send", first)
    refusal_of(connection)


def test_a_logon_that_comes_byte_by_byte_is_a_logon(common_scene: Scene, fresh_key: str) -> None:
    connection = common_scene.connect()
    connection.do("trickle", "1")
    assert connection.logon(fresh_key).plain == logon_conf(17)


def test_a_logon_and_what_follows_it_may_come_in_one_piece(common_scene: Scene, fresh_key: str) -> None:
    connection = common_scene.connect()
    connection.do("hold")
    connection.send_logon(fresh_key)
    connection.send("TestRequest", correlationId=1)
    connection.send("TestRequest", correlationId=2)
    connection.do("release")
    assert [frame.plain for frame in connection.take(3)] == [
        logon_conf(17),
        ("Heartbeat", {"correlationId": 1}),
        ("Heartbeat", {"correlationId": 2}),
    ]


def _silent(connection: Connection) -> None:
    """Nothing is sent."""


def _half_a_logon(connection: Connection) -> None:
    connection.do("raw", "db00680001000000")


def _zero_bytes(connection: Connection) -> None:
    connection.do("raw", "00" * 7)


@pytest.mark.parametrize("start", [_silent, _half_a_logon, _zero_bytes])
def test_who_does_not_log_on_in_time_is_disconnected(
    make_scene: Callable[..., Scene], start: Callable[[Connection], None]
) -> None:
    scene = make_scene(logon_timeout_s=1)
    session = scene.trader("maker-1")
    began = time.monotonic()
    connection = scene.connect()
    start(connection)
    frames = connection.to_the_end()
    assert time.monotonic() - began >= 0.95
    assert [(frame.name, frame.number) for frame in frames] in ([], [("LoggedOut", 0)])
    session.nothing_more()


def test_the_logon_deadline_does_not_run_on_after_the_logon(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(logon_timeout_s=1)
    session = scene.trader("maker-1")
    late = scene.connect()
    late.to_the_end()
    session.nothing_more()
