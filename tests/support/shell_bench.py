"""The real shell on a real loop with real sockets, in this process and thread: the loop runs only while a test lets it.

So what stands in a socket when a turn begins is the test's choice, a client that does not read is one that the test
does not read from, and nothing has to be waited for by sleeping.
"""

import asyncio
import gc
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvloop

from codec import messages
from codec.layout import HEADER_SIZE
from codec.values import Message
from gateway.config import Config
from gateway.server import Server
from support.core_driver import RecordedLog, configuration, order, secret_of

DEADLINE_S = 20.0
POLL_S = 0.001


class Client:
    """A client's end of a connection, where nothing waits: bytes go in and come out as the kernel has them."""

    def __init__(self, address: tuple[str, int], receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)
        self.socket.setblocking(False)
        self.number = 0
        self._ended = ""
        self._data = b""

    def frame(self, name: str, fields: Mapping[str, Any], number: int | None = None) -> bytes:
        if number is None:
            self.number += 1
            number = self.number
        return messages.encode(name, fields, sequence_number=number)

    def logon_frame(self, client_id: str, *, reset: bool = True, number: int = 1) -> bytes:
        self.number = number
        fields = {"client_id": client_id, "secret": secret_of(client_id), "reset_seq_num": reset, "schema_version": 17}
        return self.frame("Logon", fields, number)

    def order_frame(self, client_order_id: int, **changed: Any) -> bytes:
        return self.frame("NewOrderRequest", order(client_order_id, **changed))

    def raw(self, data: bytes) -> None:
        """All of it goes into the kernel at once."""
        assert self.socket.send(data) == len(data), "more than the socket's buffers take"

    def send(self, name: str, **fields: Any) -> None:
        self.raw(self.frame(name, fields))

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def read(self, frames_max: int = 1 << 30) -> list[Message]:
        """The whole frames that are here now, at most so many."""
        while not self._ended:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                break
            except ConnectionResetError:
                self._ended = "reset"
                break
            if not data:
                self._ended = "eof"
            self._data += data
        found = []
        at = 0
        while len(found) < frames_max and (length := self._frame_length(at)):
            found.append(messages.decode(self._data[at : at + length]))
            at += length
        self._data = self._data[at:]
        return found

    def _frame_length(self, at: int) -> int:
        """Of the whole frame that was received there; 0 if it is not all there."""
        if len(self._data) - at < HEADER_SIZE:
            return 0
        length = int.from_bytes(self._data[at + 2 : at + 4], "little")
        return length if len(self._data) - at >= length else 0

    @property
    def ended(self) -> str:
        """How the gateway ended the line, once every whole frame before that was read: eof or reset; else empty."""
        return "" if self._frame_length(0) else self._ended

    def close(self) -> None:
        self.socket.close()


class Sleeper(asyncio.Protocol):
    """Stands still as soon as it has something to read."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def data_received(self, _data: bytes) -> None:
        time.sleep(self.seconds)


class ShellBench:
    """A gateway on a free port of this process."""

    def __init__(self, settings: Config | None = None, config_path: Path | None = None, **gateway: Any) -> None:
        self.log = RecordedLog()
        self.loop = uvloop.new_event_loop()
        self.clients: list[Client] = []
        self.server = Server(settings or configuration(port=0, **gateway), self.log, config_path)
        self._task = self.loop.create_task(self.server.run())
        self.until(lambda: bool(self.events("listening")), "the gateway to listen")
        (listening,) = self.events("listening")
        self.address = (listening["host"], listening["port"])

    def events(self, name: str) -> list[dict[str, Any]]:
        """What was logged under that name."""
        return [event for event in self.log.events() if event["event"] == name]

    def causes(self) -> list[tuple[str, str]]:
        return [(event["client_id"], event["cause"]) for event in self.events("session gone")]

    # the loop

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Lets the loop run until the condition holds."""

        async def wait() -> None:
            deadline = time.monotonic() + DEADLINE_S
            while not condition():
                assert time.monotonic() < deadline, f"waited for {what}"
                assert not self._task.done(), self._task
                await asyncio.sleep(POLL_S)

        self.loop.run_until_complete(wait())

    def run_for(self, seconds: float) -> None:
        """Lets the loop run for some time, for what must not happen in it."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def stall(self, seconds: float, meanwhile: Callable[[], object] = lambda: None) -> None:
        """The loop stands still in one of its callbacks; what comes due or arrives meanwhile has to wait."""

        def stand_still() -> None:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                meanwhile()
                time.sleep(POLL_S)

        self.loop.call_soon(stand_still)
        self.turns(1)

    def stall_while_reading(self, seconds: float) -> None:
        """The loop will stand still in the next read, that of a socket which nobody else uses."""
        ours, theirs = socket.socketpair()
        self.loop.run_until_complete(self.loop.connect_accepted_socket(lambda: Sleeper(seconds), ours))
        theirs.send(b"now")
        theirs.close()

    def until_it_ends(self) -> None:
        """Lets the loop run until the gateway has ended."""
        self.loop.run_until_complete(asyncio.wait_for(self._task, DEADLINE_S))

    def turns(self, count: int) -> None:
        """Lets the loop go round so many times."""

        async def pass_by() -> None:
            for _ in range(count):
                await asyncio.sleep(0)

        self.loop.run_until_complete(pass_by())

    # clients

    def narrow(self) -> tuple[Client, asyncio.WriteTransport]:
        """A client whose line takes but few bytes that it does not read, and the gateway's transport of it."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = Client(listener.getsockname(), receive_buffer=4096)
            accepted, _ = listener.accept()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.clients.append(client)
        shell = self.server._shell
        transport, _ = self.loop.run_until_complete(self.loop.connect_accepted_socket(shell.new_connection, accepted))
        return client, transport

    def connect(self, receive_buffer: int | None = None) -> Client:
        client = Client(self.address, receive_buffer)
        self.clients.append(client)
        return client

    def logged_on(self, client_id: str, receive_buffer: int | None = None, **options: Any) -> Client:
        client = self.connect(receive_buffer)
        client.raw(client.logon_frame(client_id, **options))
        assert [message.name for message in self.read(client, 1)] == ["LogonConf"]
        return client

    def read(self, client: Client, count: int) -> list[Message]:
        """The next `count` frames, or fewer if the line ends."""
        found: list[Message] = []

        def enough() -> bool:
            found.extend(client.read(frames_max=count - len(found)))
            return len(found) == count or bool(client.ended)

        self.until(enough, f"{count} frames")
        return found

    def to_the_end(self, client: Client) -> list[Message]:
        """Everything until the gateway ends the line."""
        found: list[Message] = []

        def over() -> bool:
            found.extend(client.read())
            return bool(client.ended)

        self.until(over, "the end of the line")
        return found

    def close(self) -> None:
        """SIGTERM, and an end that must be clean."""
        for client in self.clients:
            client.close()
        if not self._task.done():
            # From inside: a loop that does not run does not hear signals.
            self.loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
            self.until_it_ends()
        self.loop.close()
        # The gateway froze what there was when it began, which in this process is not all that there will be.
        gc.unfreeze()
