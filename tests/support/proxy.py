"""A line that can be cut: a TCP proxy in front of a gateway, in a thread of its own."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable

READ_MAX = 65_536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Line:
    """One connection through the proxy: what either side sends goes to the other, until it is cut."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self._is_hole = False
        self._bytes_left: int | None = None

    def reset(self) -> None:
        """Both sides are sent RST; what is under way is lost."""
        for writer in self._writers:
            end: socket.socket = writer.get_extra_info("socket")
            if not writer.transport.is_closing():
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()

    def reset_after(self, bytes_left: int) -> None:
        """The same as soon as the client has sent so many bytes more: the rest of what it then sends is lost."""
        self._bytes_left = bytes_left

    def swallow(self) -> None:
        """The line stays up, but nothing comes through any more."""
        self._is_hole = True

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_client: bool) -> None:
        try:
            while data := await reader.read(READ_MAX):
                passed = data[: self._bytes_left] if is_client else data
                if not self._is_hole:
                    writer.write(passed)
                if is_client and self._bytes_left is not None:
                    self._bytes_left -= len(passed)
                    if self._bytes_left == 0:
                        await writer.drain()
                        break
            else:
                # The end of one side is the end of both; what the other side was sent is delivered before it.
                for end in self._writers:
                    end.close()
                return
        except OSError:
            pass  # One side was reset: so is the other.
        self.reset()


class Proxy:
    """Listens on a free port of its own; `target` is where new connections go, and may be changed."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.lines: list[Line] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._run(),), daemon=True)
        self._thread.start()
        self._started.wait()

    def cut(self, how: Callable[[Line], object]) -> None:
        """Do it to the newest line, in the proxy's own thread; returns when it is done."""
        done = threading.Event()

        def carry_out() -> None:
            how(self.lines[-1])
            done.set()

        self._loop.call_soon_threadsafe(carry_out)
        assert done.wait(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for line in self.lines:
            line.reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            gateway_reader, gateway_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        line = Line(writer, gateway_writer)
        self.lines.append(line)
        await asyncio.gather(
            line.pump(reader, gateway_writer, is_client=True), line.pump(gateway_reader, writer, is_client=False)
        )
