"""A gateway that breaks its promises: a proxy in front of a good one that understands frames and falsifies them.

Each `Fault` is one way of being bad. What it puts in or takes out shifts the numbers of the frames behind it, so that a
client finds a sound stream that tells what is not true.
"""

import asyncio
import contextlib
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from codec.layout import FLAG_RESEND, CancelReason, OrderStatus
from codec.values import Complete, Decimal72, Message
from codec.wire import decode, encode, scan

READ_MAX = 65_536
FRAME_SIZE_MAX = 65_535
_NUMBER = struct.Struct("<q")
_NUMBER_OFFSET = 8


@dataclass
class Connection:
    """One line through the faulty gateway, as the fault sees it."""

    client_id: str
    fields_of_open: dict[int, dict[str, Any]] = field(default_factory=dict)
    last_number: int = 0  # as the client knows it
    shift: int = 0

    def keep(self, message: Message) -> None:
        """Remember orders that rest."""
        if message.name == "NewOrderResponse" and message.fields["status"] == OrderStatus.ACTIVE:
            self.fields_of_open[int(str(message.fields["order_id"]))] = dict(message.fields)


class Fault:
    """A good gateway's frames, unchanged. Faults change what they want."""

    hangs_up_after_s: float | None = None
    """After how long a line of the maker is closed; None: not at all."""
    delay_of_end_s = 0.0
    """How long the good gateway does not learn that a client's line has ended."""

    def frame(self, connection: Connection, message: Message, frame: bytes) -> list[bytes]:  # noqa: ARG002
        """What the client gets in place of a frame."""
        return [frame]

    def ended(self, connection: Connection, others: list[Connection]) -> list[tuple[Connection, bytes]]:  # noqa: ARG002
        """What others get when a client's line has ended."""
        return []

    def hides_end(self, connection: Connection) -> bool:  # noqa: ARG002
        """Whether the good gateway never learns that this line has ended."""
        return False


def again(message: Message, fields: dict[str, Any], name: str | None = None) -> bytes:
    """A frame like that of the message, with other fields."""
    header = message.header
    return encode(
        name or message.name,
        fields,
        sequence_number=header.sequence_number,
        last_processed_seq_no=header.last_processed_seq_no,
        send_time_ns=header.send_time_ns,
        version=header.version,
        flags=header.flags,
    )


class Falsifies(Fault):
    """Changes the frames of one message, on the session's own line and inside drop copy alike."""

    def __init__(self, name: str) -> None:
        self.name = name

    def false(self, message: Message) -> dict[str, Any] | None:
        """The fields that are told; None: nothing at all is told."""
        raise NotImplementedError

    def frame(self, connection: Connection, message: Message, frame: bytes) -> list[bytes]:
        if message.name == self.name:
            fields = self.false(message)
            return [_gap(message) if fields is None else again(message, fields)]
        if message.name == "DropCopyEvent":
            inner = decode(bytes(message.fields["frame"]))  # type: ignore[arg-type]
            if inner.name == self.name:
                fields = self.false(inner)
                if fields is None:
                    return [_gap(message)]
                return [again(message, {**message.fields, "frame": again(inner, fields)})]
        return super().frame(connection, message, frame)


def _gap(message: Message) -> bytes:
    return again(message, {"new_sequence_number": message.header.sequence_number + 1}, "GapFill")


class Swallows(Falsifies):
    """Never tells of it."""

    def false(self, message: Message) -> dict[str, Any] | None:  # noqa: ARG002
        return None


class SwallowsOneEntry(Falsifies):
    """Leaves the first order out of each OrdersCanceled that has several."""

    def __init__(self) -> None:
        super().__init__("OrdersCanceled")

    def false(self, message: Message) -> dict[str, Any]:
        fields: dict[str, Any] = dict(message.fields)
        return {**fields, "orders": fields["orders"][1:]} if len(fields["orders"]) > 1 else fields


class ChangesEntries(Falsifies):
    """Changes one field of each cancelled order."""

    def __init__(self, **changed: Any) -> None:
        super().__init__("OrdersCanceled")
        self.changed = changed

    def false(self, message: Message) -> dict[str, Any]:
        fields: dict[str, Any] = dict(message.fields)
        return {**fields, "orders": [{**entry, **self.changed} for entry in fields["orders"]]}


class Changes(Falsifies):
    """Changes fields of one message."""

    def __init__(self, name: str, **changed: Any) -> None:
        super().__init__(name)
        self.changed = changed

    def false(self, message: Message) -> dict[str, Any]:
        return {**message.fields, **self.changed}


class ForgetsHistory(Fault):
    """Answers a ResendRequest with gaps where cancels had been told."""

    def frame(self, connection: Connection, message: Message, frame: bytes) -> list[bytes]:
        if message.header.flags & FLAG_RESEND and message.name == "OrdersCanceled":
            return [_gap(message)]
        return super().frame(connection, message, frame)


class HasNoHistory(Fault):
    """Never answers a ResendRequest."""

    def frame(self, connection: Connection, message: Message, frame: bytes) -> list[bytes]:
        if message.header.flags & FLAG_RESEND:
            return []
        return super().frame(connection, message, frame)


class ConfirmsEarly(Fault):
    """Tells a newcomer that goes on with the numbers of a cancel after its LogonConf."""

    def frame(self, connection: Connection, message: Message, frame: bytes) -> list[bytes]:
        number = message.header.sequence_number
        if message.name == "LogonConf" and number > 1:
            entry = {"client_order_id": 1, "order_id": 1, "instrument_id": 1, "cancel_reason": 7, "flags": 0}
            told = {"timestamp": 1, "exec_id": 1, "flags": 1, "orders": [{**entry, "total_filled": Decimal72(0, -9)}]}
            return [_renumbered(frame, number - 1), encode("OrdersCanceled", told, sequence_number=number)]
        return super().frame(connection, message, frame)


class HangsUp(Fault):
    """Closes each line of the maker some time after it came."""

    def __init__(self, after_s: float) -> None:
        self.hangs_up_after_s = after_s


class TellsTwice(Fault):
    """Tells drop copy of each cancel twice."""

    def frame(self, connection: Connection, message: Message, frame: bytes) -> list[bytes]:
        if message.name == "DropCopyEvent" and decode(bytes(message.fields["frame"])).name == "OrdersCanceled":  # type: ignore[arg-type]
            connection.shift += 1
            return [frame, _renumbered(frame, message.header.sequence_number + 1)]
        return super().frame(connection, message, frame)


class Delays(Fault):
    """Learns late that a line has ended."""

    def __init__(self, delay_s: float) -> None:
        self.delay_of_end_s = delay_s


class Lies(Fault):
    """Tells drop copy that a lost session's orders are cancelled, and leaves them in the book."""

    def hides_end(self, connection: Connection) -> bool:
        return connection.client_id.startswith("maker")

    def ended(self, connection: Connection, others: list[Connection]) -> list[tuple[Connection, bytes]]:
        if not connection.fields_of_open:
            return []
        entries = [cancel_of(fields) for fields in connection.fields_of_open.values()]
        told = {"timestamp": 1, "exec_id": 1, "flags": 1, "orders": entries}
        inner = encode("OrdersCanceled", told, sequence_number=connection.last_number + 1)
        made = []
        for watcher in others:
            if watcher.client_id.startswith("drop"):
                watcher.shift += 1
                event = {
                    "origin_client_id": connection.client_id,
                    "portfolio_id": 1,
                    "session_epoch": 1,
                    "origin_sequence_number": connection.last_number + 1,
                    "frame": inner,
                }
                made.append((watcher, encode("DropCopyEvent", event, sequence_number=watcher.last_number + 1)))
        return made


class TakesBystanders(Fault):
    """Tells the second session that its orders died with the maker's."""

    def ended(self, connection: Connection, others: list[Connection]) -> list[tuple[Connection, bytes]]:
        made = []
        for other in others:
            if connection.client_id.startswith("maker") and other.client_id.startswith("second"):
                entries = [cancel_of(fields) for fields in other.fields_of_open.values()]
                told = {"timestamp": 1, "exec_id": 1, "flags": 1, "orders": entries}
                other.shift += 1
                made.append((other, encode("OrdersCanceled", told, sequence_number=other.last_number + 1)))
        return made


def cancel_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The entry of OrdersCanceled for an order that was accepted with these fields."""
    return {
        "client_order_id": fields["client_order_id"],
        "order_id": fields["order_id"],
        "instrument_id": fields["instrument_id"],
        "total_filled": fields["total_filled"],
        "cancel_reason": int(CancelReason.CLIENT_DISCONNECT),
        "flags": 0,
    }


class FaultyGateway:
    """Listens on a free port in a thread of its own; what it passes on of a good gateway, the fault changes."""

    def __init__(self, host: str, port: int, fault: Fault) -> None:
        self._target = (host, port)
        self._fault = fault
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._connections: dict[int, Connection] = {}
        self._kept: list[asyncio.StreamWriter] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), daemon=True)
        self._thread.start()
        self._started.wait()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port: int = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for writer in [*self._writers.values(), *self._kept]:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(*self._target)
        number = id(writer)
        self._writers[number] = writer
        connection = self._connections[number] = Connection("")
        down = asyncio.create_task(self._down(upstream_reader, writer, connection))
        try:
            await self._up(reader, upstream, connection)
        finally:
            for other, frame in self._fault.ended(connection, list(self._connections.values())):
                other.last_number += 1
                self._writer_of(other).write(frame)
            if self._fault.hides_end(connection):
                self._kept.append(upstream)
            else:
                await asyncio.sleep(self._fault.delay_of_end_s)
                upstream.close()
            with contextlib.suppress(OSError):
                await down
            self._writers.pop(number, None)
            self._connections.pop(number, None)
            writer.transport.abort()

    def _writer_of(self, connection: Connection) -> asyncio.StreamWriter:
        return next(self._writers[number] for number, one in self._connections.items() if one is connection)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_MAX):
                if not connection.client_id:
                    connection.client_id = data[32:48].rstrip(b"\0").decode()
                    if self._fault.hangs_up_after_s is not None and connection.client_id.startswith("maker"):
                        self._loop.call_later(self._fault.hangs_up_after_s, writer.close)
                writer.write(data)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection) -> None:
        buffer = bytearray()
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_MAX):
                buffer += data
                for frame in _frames(buffer):
                    for told in self._told(connection, frame):
                        writer.write(told)
        if not self._fault.hides_end(connection):
            with contextlib.suppress(OSError):
                writer.close()

    def _told(self, connection: Connection, frame: bytes) -> list[bytes]:
        number = _NUMBER.unpack_from(frame, _NUMBER_OFFSET)[0] + connection.shift
        shifted = _renumbered(frame, number)
        message = decode(shifted)
        connection.keep(message)
        told = self._fault.frame(connection, message, shifted)
        connection.last_number = max(connection.last_number, number + len(told) - 1)
        return told


def _renumbered(frame: bytes, number: int) -> bytes:
    return frame[:_NUMBER_OFFSET] + _NUMBER.pack(number) + frame[_NUMBER_OFFSET + _NUMBER.size :]


def _frames(buffer: bytearray) -> Iterator[bytes]:
    """The whole frames at the head of the buffer, which is left with the rest."""
    while isinstance(found := scan(buffer, 0, FRAME_SIZE_MAX), Complete):
        end = found.start + found.length
        yield bytes(buffer[found.start : end])
        del buffer[:end]
