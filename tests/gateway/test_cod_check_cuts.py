"""What a peer sees of each way in which cod-check cuts a line."""

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from support.cod_check import MARKET, SETTINGS, crew

from codec.errors import Reason
from codec.values import Complete, Invalid, Message
from codec.wire import decode, encode, scan
from gateway.cod_check_cuts import CUTS
from gateway.cod_check_line import Line
from gateway.cod_check_stage import Stage

DEADLINE_S = 10.0


@dataclass
class Scene:
    """A line that is logged on, and the gateway's end of it."""

    stage: Stage
    line: Line
    peer: socket.socket

    def cut(self, how: str) -> None:
        CUTS[how](self.stage, self.line, time.monotonic_ns())

    def heard(self) -> bytes:
        """All bytes up to the end of what the line says."""
        data = b""
        while piece := self.peer.recv(65_536):
            data += piece
        return data


def confirmation() -> bytes:
    return encode("LogonConf", {"heartbeat_interval_seconds": 30, "schema_version": 17}, sequence_number=1)


@pytest.fixture
def scene() -> Iterator[Scene]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stage = Stage(listener.getsockname(), crew(), SETTINGS, MARKET)
        line = stage.connect("maker")
        peer, _ = listener.accept()
        peer.settimeout(DEADLINE_S)
        logon = peer.recv(65_536)
        assert decode(logon).fields["client_id"] == "maker-0"
        peer.sendall(confirmation())
        stage.pump(lambda: line.core.is_logged_on, time.monotonic_ns() + int(DEADLINE_S * 1e9))
        yield Scene(stage, line, peer)
        stage.let_go()
        peer.close()


def test_fin(scene: Scene) -> None:
    scene.cut("fin")
    assert (scene.heard(), scene.line.is_open) == (b"", False)


def test_fin_is_no_rst_even_where_bytes_are_unread(scene: Scene) -> None:
    scene.line.reads = False
    scene.peer.sendall(bytes(1_000))
    scene.cut("fin")
    assert (scene.heard(), scene.line.is_open) == (b"", True)


def test_rst(scene: Scene) -> None:
    scene.cut("rst")
    with pytest.raises(ConnectionResetError):
        scene.heard()


def test_half_close_goes_on_reading(scene: Scene) -> None:
    scene.cut("half_close")
    assert scene.heard() == b""
    scene.peer.sendall(encode("LoggedOut", {"reason": "gone"}, sequence_number=2))
    scene.peer.close()
    scene.stage.pump(lambda: not scene.line.is_open, time.monotonic_ns() + int(DEADLINE_S * 1e9))
    assert [type(event).__name__ for event in scene.stage.events_of(scene.line)] == ["LoggedOn", "LoggedOut"]


@pytest.mark.parametrize("how", ["silence", "frozen"])
def test_silence_answers_nothing(scene: Scene, how: str) -> None:
    scene.cut(how)
    scene.peer.sendall(encode("TestRequest", {"correlation_id": 5}, sequence_number=2))
    scene.stage.pump(lambda: False, time.monotonic_ns() + 50_000_000)
    scene.peer.settimeout(0.05)
    with pytest.raises(TimeoutError):
        scene.peer.recv(1)
    assert scene.line.is_open


def test_logout_is_a_message(scene: Scene) -> None:
    scene.cut("logout")
    message = decode(scene.peer.recv(65_536))
    assert (message.name, message.header.sequence_number) == ("Logout", 2)


def test_a_slow_consumer_asks_until_it_is_cut_off(scene: Scene) -> None:
    scene.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    scene.line.reads = True
    CUTS["slow_consumer"](scene.stage, scene.line, time.monotonic_ns() + 50_000_000)
    assert (scene.line.is_open, scene.line.reads) == (True, False)
    assert decode(scene.peer.recv(40)).name == "TestRequest"
    scene.peer.close()
    begun = time.monotonic()
    CUTS["slow_consumer"](scene.stage, scene.line, time.monotonic_ns() + int(DEADLINE_S * 1e9))
    assert (scene.line.is_open, time.monotonic() - begun < DEADLINE_S) == (False, True)


VIOLATIONS = {
    "bad_protocol_id": Invalid(Reason.PROTOCOL_ID),
    "short_length": Invalid(Reason.MESSAGE_LENGTH),
    "long_length": Invalid(Reason.MESSAGE_LENGTH),
    "padding": Invalid(Reason.PADDING),
}


@pytest.mark.parametrize(("how", "expected"), VIOLATIONS.items())
def test_violations_that_no_reader_can_read_on_from(scene: Scene, how: str, expected: Invalid) -> None:
    scene.cut(how)
    assert scan(scene.peer.recv(65_536)) == expected
    assert (scene.line.talks, scene.line.is_open) == (False, True)


def violating(scene: Scene, how: str) -> Message:
    scene.cut(how)
    data = scene.peer.recv(65_536)
    assert scan(data) == Complete(0, len(data))
    return decode(data)


def test_violations_of_numbers(scene: Scene) -> None:
    assert violating(scene, "sequence_gap").header.sequence_number == 102


def test_a_number_that_was_used(scene: Scene) -> None:
    assert violating(scene, "sequence_repeat").header.sequence_number == 1


def test_a_second_logon_has_the_right_secret(scene: Scene) -> None:
    message = violating(scene, "second_logon")
    key = scene.stage.crew.maker
    assert (message.name, message.fields["client_id"], message.fields["secret"]) == ("Logon", key.client_id, key.secret)
