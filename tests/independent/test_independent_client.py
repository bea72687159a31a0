"""The independent client is itself a program: before anything is concluded from it, it must frame as the pages say.

The peer here is a plain listening socket of the test, and the bytes are written out by hand.
"""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.connection import Connection
from support.processes import DEADLINE_S, Connections

NULL = -(2**63)

# The sample of the protocol page: a NewOrderRequest of 95 bytes, every value as listed there.
SAMPLE = bytes.fromhex(
    "db00 5f00 6400 0100 fd75030000000000 b1f8020000000000 385a0a9fd413a518"
    "3cab3f6800000000 8af5020000000000 42a5080000000000 0023663000000000"
    "0088526a74000000 f7 0000000000000080 00 0000000000000080 01 00 0600 00"
)


class Peer:
    """A listening socket that one connection of the client has reached."""

    def __init__(self, program: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            host, port = listener.getsockname()
            self.process = Connections(program)
            self.connection = Connection(self.process, 0, SimpleNamespace(host=host, port=port))
            self.connection.shows_heartbeats = True
            self.socket, _ = listener.accept()
        self.socket.settimeout(DEADLINE_S)

    def read(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            piece = self.socket.recv(size - len(received))
            assert piece, f"the client closed after {received.hex()}"
            received += piece
        return received

    def close(self) -> None:
        self.socket.close()
        self.process.close()


@pytest.fixture
def peer(client_program: Path) -> Iterator[Peer]:
    peer = Peer(client_program)
    yield peer
    peer.close()


def header(
    message_type_id: int, length: int, number: int, *, version: int = 0, flags: int = 0, last: int = 0, time: int = 0
) -> bytes:
    return struct.pack("<BBHHHqqq", 0xDB, flags, length, message_type_id, version, number, last, time)


def test_the_sample_of_the_protocol_page_is_sent_byte_for_byte(peer: Peer) -> None:
    fields = {
        "clientOrderId": 1749003068,
        "correlationId": 193930,
        "instrumentId": 566594,
        "price": 812000000,
        "quantity": (500000000000, -9),
        "showQty": (None, 0),
        "selfMatchPreventionId": None,
        "side": 1,
        "timeInForce": 0,
        "flags": 6,
        "selfTradingMode": 0,
    }
    framing = {
        "pad": 0,
        "version": 1,
        "sequenceNumber": 226813,
        "lastProcessedSeqNo": 194737,
        "sendTimeNs": 1775847431989779000,
    }
    peer.connection.send("NewOrderRequest", framing, **fields)
    assert peer.read(95) == SAMPLE


def test_frames_are_padded_and_numbered_unless_told_otherwise(peer: Peer) -> None:
    peer.connection.send("Logout", reason="bye")
    peer.connection.send("Logout", {"pad": 0, "keep": 1}, reason="bye")
    peer.connection.send("Heartbeat", correlationId=-1)
    first, second, third = peer.read(40), peer.read(36), peer.read(40)
    assert first[:16] == header(4, 40, 1, version=17)[:16]
    assert first[32:] == b"\x03bye\0\0\0\0"
    assert second[:16] == header(4, 36, 2, version=17)[:16]
    assert second[32:] == b"\x03bye"
    assert third[:16] == header(10, 40, 2, version=17)[:16]
    assert third[32:] == b"\xff" * 8


def test_a_frame_comes_out_with_every_field_whether_glued_or_byte_by_byte(peer: Peer) -> None:
    root = struct.pack("<qqB", 1111, 22, 1) + struct.pack("<HH", 35, 2)
    entries = struct.pack("<qqqqbbB", 7, 8, 1, 5 * 10**8, -9, 7, 0) + struct.pack("<qqqqbbB", 9, 10, 1, NULL, 0, 7, 1)
    body = root + entries
    frame = header(310, 128, 4, flags=1, last=3, time=99) + body
    frame += bytes(128 - len(frame))
    peer.socket.sendall(frame + frame)
    for byte in frame:
        peer.socket.sendall(bytes([byte]))
    expected = {
        "timestamp": 1111,
        "execId": 22,
        "flags": 1,
        "orders": [
            {
                "clientOrderId": 7,
                "orderId": 8,
                "instrumentId": 1,
                "totalFilled": [500000000, -9],
                "cancelReason": 7,
                "flags": 0,
            },
            {
                "clientOrderId": 9,
                "orderId": 10,
                "instrumentId": 1,
                "totalFilled": [None, 0],
                "cancelReason": 7,
                "flags": 1,
            },
        ],
    }
    for received in peer.connection.take(3):
        assert (received.name, received.fields, received.raw) == ("OrdersCanceled", expected, frame)
        assert received.header == {
            "protocolId": 0xDB,
            "flags": 1,
            "messageLength": 128,
            "messageTypeId": 310,
            "version": 0,
            "sequenceNumber": 4,
            "lastProcessedSeqNo": 3,
            "sendTimeNs": 99,
        }
        assert received.problems == []


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        (header(2, 38, 1, version=12) + struct.pack("<iH", 5, 17), "messageLength wanted a multiple of 8, was 38"),
        (header(10, 48, 1) + bytes(16), "content ends at 40, frame at 48"),
        (header(5, 40, 1) + b"\x01a\0\0\0\0\0\x09", "padding at 39 is 9"),
        (header(5, 40, 1) + b"\x08aaaaaaa", "variable data at 32 beyond frame of 40 bytes"),
        (header(2, 40, 1, version=11) + bytes(8), "version stamp of 2 is 11"),
        (header(10, 40, 1, flags=2) + bytes(8), "flags wanted bits within 1, was 2"),
        (header(100, 96, 1) + bytes(64), "a server sent the client message 100"),
        (header(999, 40, 1) + bytes(8), "unknown message 999 of 40 bytes"),
        (header(310, 56, 1) + bytes(17) + struct.pack("<HHxxx", 34, 0), "group block length wanted 35, was 34"),
        (header(310, 56, 1) + bytes(17) + struct.pack("<HHxxx", 35, 9), "group of 9 entries beyond frame of 56 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_departs_from_the_published_rules_is_named(peer: Peer, frame: bytes, problem: str) -> None:
    peer.socket.sendall(frame)
    assert peer.connection.frame().problems == [problem]
    assert len(peer.connection.faults) == 1


def test_a_test_request_is_answered_and_silence_is_filled_with_heartbeats(peer: Peer) -> None:
    peer.socket.sendall(header(11, 40, 1) + struct.pack("<q", 77))
    assert peer.read(40)[32:] == struct.pack("<q", 77)
    peer.socket.sendall(header(2, 40, 2, version=12) + struct.pack("<iHxx", 1, 17))
    heartbeat = peer.read(40)
    assert heartbeat[:24] == header(10, 40, 2, version=17, last=2)[:24]
    assert heartbeat[32:] == bytes(8)


def test_repeat_counts_the_ids_up_and_release_sends_in_one_piece(peer: Peer) -> None:
    peer.process.command(
        "hold 0", "repeat 3 send 0 CancelOrderRequest clientOrderId=5 correlationId=9 instrumentId=1", "release 0"
    )
    received = peer.socket.recv(4096)
    frames = [received[at : at + 56] for at in range(0, len(received), 56)]
    assert [struct.unpack("<8xqqqqqq", frame)[0::3] for frame in frames] == [(1, 5), (2, 6), (3, 7)]
    assert [struct.unpack_from("<qqq", frame, 32) for frame in frames] == [(5, 9, 1), (6, 10, 1), (7, 11, 1)]


def test_each_way_to_end_a_connection_is_what_its_name_says(client_program: Path) -> None:
    endings = {}
    for how in ("half_close", "close", "reset", "kill"):
        peer = Peer(client_program)
        try:
            if how == "kill":
                peer.process.kill()
            else:
                peer.connection.do(how)
                assert peer.connection.event()["event"] == ("half_closed" if how == "half_close" else "closed")
            try:
                endings[how] = peer.socket.recv(1)
            except ConnectionResetError:
                endings[how] = b"reset"
            if how == "half_close":
                peer.socket.sendall(header(10, 40, 1) + bytes(8))
                assert peer.connection.frame().name == "Heartbeat"
        finally:
            peer.close()
    assert endings == {"half_close": b"", "close": b"", "reset": b"reset", "kill": b""}


def test_doubles_and_fields_of_later_versions_come_out_as_they_stand(peer: Peer) -> None:
    levels = (2.5, -0.125, 1e300)
    triggered = header(320, 96, 1) + struct.pack("<qqqqdddb", 1, 2, 7, 3, *levels, 1)
    peer.socket.sendall(triggered.ljust(96, b"\0"))
    assert peer.connection.frame().fields == {
        "timestamp": 1,
        "execId": 2,
        "mmpGroupId": 7,
        "frozenUntil": 3,
        "quantityLevel": 2.5,
        "vegaLevel": -0.125,
        "deltaLevel": 1e300,
        "trigger": 1,
    }
    placed = struct.pack("<qqqqqqqbqbqbbb", 1, 2, 3, 4, 5, 6, 7, -9, 8, -9, 9, -9, 1, 0)
    groups = struct.pack("<HHHH", 25, 0, 34, 0)
    for version, later in ((0, b""), (8, bytes(3) + struct.pack("<q", 77))):
        length = 32 + len(placed) + len(later) + len(groups)
        padded = -(-length // 8) * 8
        peer.socket.sendall((header(312, padded, 1, version=version) + placed + later + groups).ljust(padded, b"\0"))
        frame = peer.connection.frame()
        assert (frame.problems, len(frame.raw)) == ([], padded)
        assert frame.fields.get("correlationId") == (77 if version else None)
        assert (frame.fields["clientOrderId"], frame.fields["visibleQty"], frame.fields["status"]) == (3, [9, -9], 1)
