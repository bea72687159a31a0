"""The admin socket: the venue's operator speaks to a running gateway (the protocol is in admin_protocol.py).

Whoever may open the socket may do everything, so its mode is 0600. Requests are those of venue_controls.py, `reload`,
which reads the gateway's own configuration file again, and `status`, a page of status.py. An administrator who is slow,
silent or sends nonsense holds up nobody: requests, answers, connections and silence all have limits.
"""

import asyncio
import errno
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from gateway import status
from gateway.admin_protocol import StatusSection
from gateway.config import Config, load
from gateway.connection import Shell
from gateway.core import Core
from gateway.errors import BreakwireError, ControlError, ServeError
from gateway.keys import locked
from gateway.limits import (
    ADMIN_CONNECTIONS_MAX,
    ADMIN_IDLE_MOST_S,
    ADMIN_REQUEST_MAX_BYTES,
    ADMIN_SOCKET_MAX_BYTES,
    RELOAD_SWITCH_INTERVAL_S,
)
from gateway.log import Log
from gateway.venue_controls import Control, Request

_MODE: Final = 0o600


class Reload(Request, frozen=True, tag="reload"):
    """Reads the configuration file again, and makes it the one in force."""


class Status(Request, frozen=True, tag="status"):
    """A page of the status: rows of a section from row `first` on."""

    section: StatusSection
    first: Annotated[int, Meta(ge=0)] = 0


class Answer(Struct, frozen=True, omit_defaults=True):
    """What a request is answered: a text of what was done, rows, or what was wrong."""

    ok: bool
    text: str = ""
    error: str = ""
    rows: list[Struct] | None = None
    following: int | None = None


AdminRequest = Control | Reload | Status

_decoder: Final = msgspec.json.Decoder(AdminRequest)
_encoder: Final = msgspec.json.Encoder()


class AdminServer:
    """The socket and its connections. `config_path` is the file that `reload` reads, None when there is none."""

    def __init__(self, core: Core, shell: Shell, log: Log, config_path: Path | None) -> None:
        self._core = core
        self._shell = shell
        self._log = log
        self._config_path = config_path
        self._connections: set[asyncio.Task[None] | None] = set()
        self._reloading = asyncio.Lock()
        self._listener: socket.socket | None = None
        self._server: asyncio.AbstractServer | None = None

    async def start(self, path: Path) -> None:
        """Listens on a socket of this path.

        Raises:
            ServeError: it cannot.
        """
        self._path = path
        self._listener = listen(path)
        self._inode = path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._serve, sock=self._listener, limit=ADMIN_REQUEST_MAX_BYTES)

    def stop(self) -> None:
        """Ends every connection and takes the socket away, if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            if task is not None:
                task.cancel()
        try:
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        except OSError as error:
            self._log.warning("admin socket not removed", path=str(self._path), reason=error.strerror)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._connections.add(task)
        # Whatever is written is known to be taken, or not, before the next request is read.
        writer.transport.set_write_buffer_limits(0)
        try:
            if len(self._connections) > ADMIN_CONNECTIONS_MAX:
                await _say(writer, Answer(False, error=f"too many administrators at once: {ADMIN_CONNECTIONS_MAX}"))
                return
            while (line := await _line_of(reader, writer)) is not None:
                await _say(writer, await self._answer(line))
        except (TimeoutError, ConnectionError):
            pass  # An administrator who neither speaks nor reads, or is gone: nobody to tell.
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _answer(self, line: bytes) -> Answer:
        try:
            return await self._do(_decoder.decode(line))
        except msgspec.DecodeError as error:  # ValidationError is one
            return Answer(False, error=f"not a request: {error}")
        except BreakwireError as error:
            return Answer(False, error=str(error))

    async def _do(self, request: AdminRequest) -> Answer:
        if isinstance(request, Status):
            page = status.page(self._core, request.section, request.first, self._shell.now())
            return Answer(True, rows=page.rows, following=page.following)
        if isinstance(request, Reload):
            text = await self._reload()
        else:
            text = self._core.control(request, self._shell.now())
        self._shell.wake()
        return Answer(True, text=text)

    async def _reload(self) -> str:
        path = self._config_path
        if path is None:
            raise ControlError("this gateway was started without a configuration file")
        async with self._reloading:
            # Reading a large file takes long; meanwhile the loop serves everybody else, and waits little for its turns.
            interval_s = sys.getswitchinterval()
            sys.setswitchinterval(RELOAD_SWITCH_INTERVAL_S)
            try:
                config: Config = await asyncio.to_thread(load, path)
            finally:
                sys.setswitchinterval(interval_s)
            return self._core.reload(config, self._shell.now())


async def _line_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    """The next request; None at the end."""
    try:
        async with asyncio.timeout(ADMIN_IDLE_MOST_S):
            return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError:
        await _say(writer, Answer(False, error=f"a request: wanted at most {ADMIN_REQUEST_MAX_BYTES} bytes"))
        return None


async def _say(writer: asyncio.StreamWriter, answer: Answer) -> None:
    writer.write(_encoder.encode(answer) + b"\n")
    async with asyncio.timeout(ADMIN_IDLE_MOST_S):
        await writer.drain()


def listen(path: Path) -> socket.socket:
    """A listening socket of mode 0600. One that a dead gateway left behind is replaced.

    Raises:
        ServeError: the path cannot be used, or a gateway listens there already.
    """
    if len(os.fsencode(path)) > ADMIN_SOCKET_MAX_BYTES:
        raise ServeError(f"admin socket {path}: wanted a path of at most {ADMIN_SOCKET_MAX_BYTES} bytes")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Two gateways that start at once must not take each other for dead.
        with locked(path.parent):
            _remove_stale(path)
            former = os.umask(0o777 & ~_MODE)
            try:
                listener.bind(os.fspath(path))
            finally:
                os.umask(former)
            listener.listen(ADMIN_CONNECTIONS_MAX)
    except OSError as error:
        listener.close()
        raise ServeError(f"admin socket {path}: {error.strerror or error}") from error
    return listener


def _remove_stale(path: Path) -> None:
    """Removes a socket that nobody listens on; any other file is left alone, and told."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "the file exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        if probe.connect_ex(os.fspath(path)) != errno.ECONNREFUSED:
            raise OSError(errno.EADDRINUSE, "a gateway listens on it already")
    path.unlink()
