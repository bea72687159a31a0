"""Heartbeats and TestRequests, both ways."""

import itertools
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.connection import Connection
from support.frames import order
from support.processes import wait_until
from support.scene import Scene

INTERVAL_S = 1


@pytest.fixture
def impatient_scene(make_scene: Callable[..., Scene]) -> Scene:
    return make_scene(heartbeat_interval_s=INTERVAL_S)


@pytest.mark.parametrize("correlation_id", [0, 1, -1, 2**63 - 1])
def test_a_test_request_is_echoed(common_scene: Scene, fresh_key: str, correlation_id: int) -> None:
    connection = common_scene.trader(fresh_key)
    connection.shows_heartbeats = True
    answer = connection.ask("TestRequest", correlationId=correlation_id)
    assert answer.plain == ("Heartbeat", {"correlationId": correlation_id})
    assert (answer.number, answer.header["lastProcessedSeqNo"], answer.header["version"]) == (2, 2, 0)


def test_a_heartbeat_is_not_answered(common_scene: Scene, fresh_key: str) -> None:
    connection = common_scene.trader(fresh_key)
    connection.send("Heartbeat", correlationId=0)
    connection.send("Heartbeat", correlationId=77)
    connection.nothing_more()


def test_the_gateway_fills_its_own_silence_with_heartbeats(impatient_scene: Scene) -> None:
    connection = impatient_scene.trader("maker-1")
    connection.shows_heartbeats = True
    frames = [connection.frames[0], *connection.take(3)]
    assert [frame.plain for frame in frames[1:]] == [("Heartbeat", {"correlationId": 0})] * 3
    pauses = [
        later.header["sendTimeNs"] - earlier.header["sendTimeNs"] for earlier, later in itertools.pairwise(frames)
    ]
    # The header's time is taken a moment before the frame leaves, and the interval counts from its leaving.
    assert min(pauses) >= 0.95e9 * INTERVAL_S


def test_the_first_heartbeat_is_not_late_where_nothing_else_happens(make_scene: Callable[..., Scene]) -> None:
    """The logon alone says that the gateway has to look earlier than at the logon timeout."""
    scene = make_scene(heartbeat_interval_s=2, logon_timeout_s=60)
    connection = scene.connect()
    connection.shows_heartbeats = True
    # Once another one has been refused, the turn in which this one was accepted is over for certain.
    refused = scene.connect()
    assert refused.ask("Heartbeat", correlationId=1).name == "LoggedOut"
    connection.logon("maker-1")
    first = connection.frame("Heartbeat")
    pause = first.header["sendTimeNs"] - connection.frames[0].header["sendTimeNs"]
    assert 0.95e9 * 2 <= pause < 30e9


def test_a_session_that_speaks_is_not_sent_heartbeats(impatient_scene: Scene) -> None:
    connection = impatient_scene.trader("maker-1")
    began = connection.frames[0].header["sendTimeNs"]
    while connection.frames[-1].header["sendTimeNs"] < began + 1.5e9 * INTERVAL_S:
        connection.nothing_more()
    assert {frame.fields["correlationId"] for frame in connection.frames[1:]} == {987654321}


def test_heartbeats_alone_keep_a_session_alive_and_unasked(impatient_scene: Scene) -> None:
    connection = impatient_scene.trader("maker-1")
    connection.shows_heartbeats = True
    connection.do("answer", "tests=0 heartbeats=1")
    assert {frame.name for frame in connection.take(3)} == {"Heartbeat"}


def test_answers_to_test_requests_alone_keep_a_session_alive(impatient_scene: Scene) -> None:
    connection = impatient_scene.trader("maker-1")
    connection.do("answer", "tests=1 heartbeats=0")
    assert {frame.name for frame in connection.take(3)} == {"TestRequest"}
    connection.nothing_more()


def test_each_session_s_silence_is_its_own(impatient_scene: Scene) -> None:
    quiet = impatient_scene.trader("maker-1")
    lively = impatient_scene.trader("maker-2")
    quiet.do("answer", "tests=0 heartbeats=0")
    assert [frame.name for frame in quiet.to_the_end()] == ["TestRequest", "LoggedOut"]
    lively.nothing_more()
    assert "TestRequest" not in [frame.name for frame in lively.frames]


def test_a_drop_copy_session_that_falls_silent_is_gone_as_well(impatient_scene: Scene) -> None:
    watch = impatient_scene.watch()
    watch.do("answer", "tests=0 heartbeats=0")
    assert [frame.name for frame in watch.to_the_end()] == ["TestRequest", "LoggedOut"]


def test_a_gateway_that_stood_still_times_out_nobody(impatient_scene: Scene) -> None:
    watch = impatient_scene.watch()
    lively, patient = impatient_scene.trader("maker-1"), impatient_scene.trader("maker-2")
    patient.do("answer", "heartbeats=0 tests=1")
    for number, session in enumerate((lively, patient), start=1):
        session.place(order(number))
    gateway = impatient_scene.gateway.process
    gateway.send_signal(signal.SIGSTOP)
    # The stall itself: well beyond the 1.5 intervals after which a silent client is gone.
    time.sleep(2.5 * INTERVAL_S)
    gateway.send_signal(signal.SIGCONT)
    lively.nothing_more()
    answered = patient.ask("TestRequest", correlationId=5)
    if answered.name == "TestRequest":
        answered = patient.frame()
    assert answered.plain == ("Heartbeat", {"correlationId": 5})
    watch.sync()
    assert watch.ledger.canceled == {}
    assert len(watch.ledger.open) == 2


def test_a_client_that_was_asked_before_a_stall_still_has_its_time_to_answer(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(heartbeat_interval_s=INTERVAL_S, heartbeat_probe_factor=1, heartbeat_lapse_factor=3)
    client = scene.trader("maker-1")
    client.do("answer", "heartbeats=0 tests=0")
    asked = client.frame("TestRequest")
    gateway = scene.gateway.process
    gateway.send_signal(signal.SIGSTOP)
    # The stall itself: the time to answer would be over, if the gateway counted what it slept through.
    time.sleep(2.5 * INTERVAL_S)
    gateway.send_signal(signal.SIGCONT)
    wait_until(lambda: gateway_state(gateway.pid) == "S", "the gateway to have judged and to sleep")
    client.send("Heartbeat", **asked.fields)
    client.nothing_more()


def gateway_state(process_id: int) -> str:
    """The state letter of a process: R running, S sleeping, T stopped."""
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_peer_that_leaves_its_end_open_is_aborted_after_the_linger(make_scene: Callable[..., Scene]) -> None:
    scene = make_scene(close_linger_ms=200)
    connection: Connection = scene.trader("maker-1")
    connection.do("answer", "close=0")
    connection.send("Logout", reason="done")
    assert connection.frame().name == "LoggedOut"
    assert connection.event()["event"] == "eof"
    # The gateway waits for our end, takes and throws away what comes meanwhile, and resets.
    connection.do("raw", "00" * 100)
    assert connection.event()["event"] == "lost"
    scene.trader("maker-1").nothing_more()
