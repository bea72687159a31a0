"""The HTTP end of the metrics: GET /metrics, inside the loop, in as little of its time as may be.

The answer is made section by section, and between two of them the loop serves everybody else. Whoever asks more often
than METRICS_AGE_MOST_S gets the last answer again, so however many ask, the gateway makes it no oftener. One request a
connection; requests, connections and times have limits, and who breaks them is cut off, so a slow or hostile client
costs a few bytes and holds up nobody.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Final, Protocol

from gateway.errors import ServeError
from gateway.limits import (
    METRICS_AGE_MOST_S,
    METRICS_CONNECTIONS_MAX,
    METRICS_EXCHANGE_MOST_S,
    METRICS_REQUEST_MAX_BYTES,
)

_HEAD_END: Final = b"\r\n\r\n"


class TextSection(Protocol):
    """A part of the answer; metrics.Section is one."""

    def text(self) -> bytes: ...


class MetricsServer:
    """Answers scrapes with the texts of these sections, one after the other. `content_type` is what they are."""

    def __init__(self, sections: Sequence[TextSection], content_type: str) -> None:
        self._sections = sections
        self._content_type = content_type.encode()
        self._making = asyncio.Lock()
        self._made_at = -METRICS_AGE_MOST_S
        self._answer = b""
        self._connections: set[asyncio.Task[None] | None] = set()
        self._server: asyncio.AbstractServer | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listens; returns where.

        Raises:
            ServeError: it cannot.
        """
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind, protocol)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError as error:
            raise ServeError(f"cannot serve metrics on {host} port {port}: {error.strerror or error}") from error
        self._server = await asyncio.start_server(
            self._serve, sock=listener, limit=METRICS_REQUEST_MAX_BYTES, backlog=METRICS_CONNECTIONS_MAX
        )
        bound: tuple[str, int] = listener.getsockname()[:2]
        return bound

    def stop(self) -> None:
        """Ends every connection, and listens no more."""
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            if task is not None:
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= METRICS_CONNECTIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        self._connections.add(task)
        # What was written is known to be taken, or not, before the line is let go.
        writer.transport.set_write_buffer_limits(0)
        try:
            async with asyncio.timeout(METRICS_EXCHANGE_MOST_S):
                writer.write(await self._response_to(reader))
                await writer.drain()
                writer.write_eof()
                await reader.read(1)  # let the client go first: a line that is cut may take the answer with it
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
            pass  # It neither speaks nor reads, or is gone: nobody to tell.
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _response_to(self, reader: asyncio.StreamReader) -> bytes:
        """What to say to the next request, of which its first line is all that counts."""
        try:
            head = await reader.readuntil(_HEAD_END)
        except asyncio.LimitOverrunError:
            return _refusal(b"431 Request Header Fields Too Large")
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _refusal(b"400 Bad Request")
        method, target, _ = words
        if target.partition(b"?")[0] != b"/metrics":
            return _refusal(b"404 Not Found")
        if method != b"GET":
            return _refusal(b"405 Method Not Allowed", b"Allow: GET\r\n")
        async with self._making:
            if time.monotonic() - self._made_at >= METRICS_AGE_MOST_S:
                self._answer = _response(b"200 OK", self._content_type, await self._text())
                self._made_at = time.monotonic()
            return self._answer

    async def _text(self) -> bytes:
        parts = []
        for section in self._sections:
            parts.append(section.text())
            await asyncio.sleep(0)
        return b"".join(parts)


def _refusal(status: bytes, more: bytes = b"") -> bytes:
    return _response(status, b"text/plain; charset=utf-8", status + b"\n", more)


def _response(status: bytes, content_type: bytes, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%sConnection: close\r\n\r\n"
    return head % (status, content_type, len(body), more) + body
