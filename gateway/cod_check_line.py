"""One connection of `breakwire cod-check`: a socket that can be cut in every way, under the sans-IO session core.

The core numbers and answers as a good client does; cutting, falling silent and breaking the protocol go past it.
"""

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Final

from codec.wire import encode
from gateway.client_drop_copy import DropCopyCore
from gateway.client_events import Disconnected, Event, LoggedOut
from gateway.client_session import SequenceNumbers, SessionCore
from gateway.cod_check_crew import Key
from gateway.errors import PeerError

CONNECT_TIMEOUT_S: Final = 5.0
SMALL_BUFFER_BYTES: Final = 4_096
READ_MAX_BYTES: Final = 262_144
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_EPOCH_NS: Final = time.time_ns() - time.monotonic_ns()

Take = Callable[["Line", Event, int], None]


class NotReachableError(PeerError):
    """The gateway does not accept a connection."""


def session_core(key: Key, *, is_drop_copy: bool, version: int, covered: bool, numbers: SequenceNumbers) -> SessionCore:
    """The session of a key, going on with these numbers."""
    kind = DropCopyCore if is_drop_copy else SessionCore
    return kind(
        client_id=key.client_id,
        secret=key.secret,
        schema_version=version,
        cancel_on_disconnect=covered,
        numbers=numbers,
    )


class Line:
    """A connection of one part. Times are monotonic ns.

    Attributes:
        reads: whether it reads what comes; a line that does not still notices that it was torn down.
        talks: whether it sends what its session core wants to say.
        last_sent_ns: when it last sent something that counts as a sign of life.
        ended_ns: when the peer's end was seen, None before.
    """

    def __init__(self, address: tuple[str, int], core: SessionCore, part: str, connection: int, *, small: bool) -> None:
        self.core = core
        self.part = part
        self.connection = connection
        self.reads = True
        self.talks = True
        self.is_open = True
        self.ended_ns: int | None = None
        self.last_sent_ns = 0
        self.was_logged_out = False
        self.fault = ""  # what the peer sent that no client can read
        self._pending = bytearray()
        self._socket = _connect(address, small=small)
        core.connected(wall(time.monotonic_ns()))

    # -- Queries -------------------------------------------------------------------------------------------------------

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def interest(self) -> int:
        """What `poll` is to look for. Hang-ups and errors come unasked."""
        wanted: int = select.POLLRDHUP
        if self.reads:
            wanted |= select.POLLIN
        if self._pending:
            wanted |= select.POLLOUT
        return wanted

    @property
    def has_backlog(self) -> bool:
        """Whether the socket did not take all that was to be sent."""
        return bool(self._pending)

    # -- Commands ------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what the core has to say, as far as the socket takes it."""
        output = self.core.take_output()
        if self.talks and self.is_open:
            self._pending += output
        self._send()

    def send_raw(self, data: bytes) -> None:
        """Send bytes past the core, behind all that it has said."""
        self.flush()
        self._pending += data
        self._send()

    def frame(self, name: str, fields: dict[str, object], number: int | None = None) -> bytes:
        """A frame as the core would number it next, not counted as sent."""
        numbers = self.core.numbers
        return encode(
            name,
            fields,
            sequence_number=numbers.next_outbound if number is None else number,
            last_processed_seq_no=numbers.next_inbound - 1,
            send_time_ns=wall(time.monotonic_ns()),
            version=self.core.schema_version,
        )

    def close(self) -> None:
        """FIN, whatever is still unread."""
        self.half_close()
        self._let_go()

    def half_close(self) -> None:
        """FIN of our side; the other may still speak."""
        if self.is_open:
            self._quietly(lambda: self._socket.shutdown(socket.SHUT_WR))
            self.talks = False
            self._pending.clear()

    def reset(self) -> None:
        """RST."""
        if self.is_open:
            self._quietly(lambda: self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE))
        self._let_go()

    # -- Events --------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Let the core do what is due. One that hears nothing would give the gateway up."""
        if self.talks and self.reads and self.is_open:
            self.core.tick(wall(time.monotonic_ns()))
            self.flush()

    def polled(self, mask: int, take: Take) -> None:
        """React to what `poll` found."""
        if self.is_open and mask & select.POLLOUT:
            self._send()
        if self.is_open and self.reads and mask & (select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLRDHUP):
            self._read(take)
        elif self.is_open and mask & (select.POLLHUP | select.POLLERR | select.POLLRDHUP):
            self._ended()

    # -- State ---------------------------------------------------------------------------------------------------------

    def _read(self, take: Take) -> None:
        try:
            data = self._socket.recv(READ_MAX_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic_ns()
        if not data:
            self._ended()
            return
        events = self.core.received(wall(now), data)
        for event in events:
            take(self, event, now)
        if self.core.must_close and not any(isinstance(event, LoggedOut) for event in events):
            if not self.was_logged_out:
                self._ended()
            return
        self.was_logged_out = self.core.must_close
        self.flush()

    def _send(self) -> None:
        while self._pending and self.is_open:
            try:
                sent = self._socket.send(self._pending)
            except BlockingIOError:
                return
            except OSError:
                self._pending.clear()  # the peer is gone; reading tells when
                return
            del self._pending[:sent]
            self.last_sent_ns = time.monotonic_ns()

    def _ended(self) -> None:
        self.ended_ns = time.monotonic_ns()
        self._let_go()

    def _let_go(self) -> None:
        if self.is_open:
            self.is_open = False
            self._pending.clear()
            is_fault = self.core.must_close and not self.was_logged_out
            for event in self.core.disconnected(wall(time.monotonic_ns()), "closed"):
                if is_fault and isinstance(event, Disconnected):
                    self.fault = event.detail
            self._socket.close()

    @staticmethod
    def _quietly(act: Callable[[], None]) -> None:
        try:
            act()
        except OSError:
            return  # the peer was faster


def wall(monotonic_ns: int) -> int:
    """The wall-clock time, ns since the Unix epoch, of a monotonic time; it never goes back."""
    return monotonic_ns + _EPOCH_NS


def _connect(address: tuple[str, int], *, small: bool) -> socket.socket:
    host, port = address
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        line = socket.socket(found[0], found[1], found[2])
    except OSError as error:
        raise NotReachableError(f"{host}:{port}: {error.strerror or error}") from None
    if small:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    line.settimeout(CONNECT_TIMEOUT_S)
    try:
        line.connect(found[4])
    except OSError as error:
        line.close()
        raise NotReachableError(f"{host}:{port}: {error.strerror or error}") from None
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setblocking(False)
    return line
