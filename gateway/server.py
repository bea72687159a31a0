"""The shell: listens, keeps time, ends well.

Time is judged after a full read pass. A loop that stood still runs its timers before it reads what has arrived
meanwhile; whoever judged silence there would take its own hiccup for everybody's. So a timer that is due only asks
for a pass over everything that can be read, and what is judged then is the time at which that pass began: whatever
had arrived by then has been read. Whoever looks at the clock first after the gateway stood still, the timer or a
read, tells the core of it, which does not hold it against anybody. That it stood still shows by a timer that comes
late; so that there is always one soon, it also comes when nothing is due yet.
"""

import asyncio
import gc
import os
import resource
import secrets
import signal
import socket
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvloop

from gateway.admin import AdminServer
from gateway.admin_protocol import socket_path
from gateway.alarm import Alarm
from gateway.canary import Canary
from gateway.checked_core import core_type
from gateway.config import Config, Gateway
from gateway.connection import Shell
from gateway.core import Core
from gateway.errors import ServeError
from gateway.invariants import is_debug_build
from gateway.limits import (
    CLOCK_LOOK_INTERVAL_MS,
    DESCRIPTORS_RESERVED,
    PENDING_LOGONS_LEAST,
    PENDING_LOGONS_MAX,
    SOCKET_BACKLOG_CONNECTIONS,
    TCP_KEEPCNT_MOST_PROBES,
    TCP_KEEPIDLE_MOST_S,
)
from gateway.log import Log

if TYPE_CHECKING:
    from gateway.metrics_server import MetricsServer

_CLOCK_LOOK_NS: Final = CLOCK_LOOK_INTERVAL_MS * 1_000_000


class Ticker:
    """Calls the core's `tick` when something is due, after a read pass; looks at the clock every now and then."""

    def __init__(self, core: Core, shell: Shell, loop: asyncio.AbstractEventLoop) -> None:
        self._core = core
        self._shell = shell
        self._loop = loop
        self._alarm = Alarm()
        self._is_stopped = False
        loop.add_reader(self._alarm.descriptor, self._fire)
        self._due: int | None = None
        self._in_pass = False

    def arm(self, now: int) -> None:
        """Makes sure that the next deadline will not be slept through."""
        if self._in_pass or self._is_stopped:
            return
        deadline = self._core.next_deadline
        if deadline is None:
            return
        due = min(deadline, now + _CLOCK_LOOK_NS)
        if self._due is not None and self._due <= due:
            return
        self._due = due
        self._shell.expect_look(max(due, now))
        self._alarm.set(self._shell.monotonic_ns(due))

    def stop(self) -> None:
        """Calls nothing any more."""
        self._is_stopped = True
        self._loop.remove_reader(self._alarm.descriptor)
        self._alarm.close()

    def _fire(self) -> None:
        if not self._alarm.take():
            return  # set anew since the loop saw that it had gone off
        now = self._shell.look()
        if self._due is not None:
            self._core.tally.loop_lag.observe(max(now - self._due, 0))
        self._due = None
        self._shell.expect_look(None)
        deadline = self._core.next_deadline
        if deadline is None or deadline > now:
            self.arm(now)
            return
        self._in_pass = True
        self._shell.expect_look(now)
        # Who fills the buffer from here on may have more to read, and is behind when the pass is over.
        self._shell.filled.clear()
        self._shell.after_pass(self._end_pass, now)

    def _end_pass(self, began: int) -> None:
        now = self._shell.look()
        self._in_pass = False
        self._shell.expect_look(None)
        self._core.tick(now, began, self._shell.filled)
        self._shell.wake()
        self.arm(now)


class Server:
    """One gateway process: the listening socket, the signals, the ticker and the end."""

    def __init__(self, config: Config, log: Log, config_path: Path | None = None) -> None:
        self._config_path = config_path
        self._settings = config.gateway
        self._log = log
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        pending = pending_logons_max(descriptors, len(config.api_keys))
        self._core = core_type()(config, log, pending, hash_secret=secrets.randbits(128))
        self._finished = asyncio.Event()

    async def run(self) -> None:
        """Serves until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        self._shell = Shell(self._core, loop, self._settings, self._turn_ended)
        listener = listen(self._settings)
        self._ticker = Ticker(self._core, self._shell, loop)
        host, port = listener.getsockname()[:2]
        server = await loop.create_server(self._shell.new_connection, sock=listener, backlog=SOCKET_BACKLOG_CONNECTIONS)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        metrics = await self._start_metrics()
        admin = AdminServer(self._core, self._shell, self._log, self._config_path)
        await self._start_admin(admin)
        canary = self._make_canary()
        # What lives now lives as long as the gateway: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._log.info("listening", name=self._settings.name, host=host, port=port)
        if canary is not None:
            canary.start(listener.family, listener.getsockname())
        await stop.wait()
        if canary is not None:
            canary.end()
        await self._stop(server)
        if canary is not None:
            canary.stop()
        admin.stop()
        if metrics is not None:
            metrics.stop()
        self._ticker.stop()
        self._log.info("stopped")

    async def _start_admin(self, admin: AdminServer) -> None:
        path = socket_path(self._settings)
        if path is None:
            return
        try:
            await admin.start(path)
        except ServeError as error:
            if self._settings.admin_socket:
                raise
            # Nobody asked for it by name: the gateway serves without.
            self._log.warning("no admin socket", reason=str(error))

    def _make_canary(self) -> Canary | None:
        settings = self._settings
        if settings.canary_interval_s:
            folder = Path(settings.data_dir) if settings.data_dir else None
            self._core.canary = Canary(self._core, self._shell, self._log, folder)
        return self._core.canary

    async def _start_metrics(self) -> "MetricsServer | None":
        if not self._settings.metrics_port:
            return None
        # Not before they are wanted: the package for Prometheus takes longer to import than all of ours.
        from gateway.metrics import CONTENT_TYPE, Metrics
        from gateway.metrics_server import MetricsServer

        metrics = MetricsServer(Metrics(self._core, self._shell).sections, CONTENT_TYPE)
        host, port = await metrics.start(self._settings.host, self._settings.metrics_port)
        self._log.info("metrics", host=host, port=port)
        return metrics

    async def _stop(self, server: asyncio.AbstractServer) -> None:
        server.close()
        self._log.info("stopping", connections=len(self._shell.connections))
        self._core.shut_down(self._shell.now())
        self._shell.wake()
        try:
            async with asyncio.timeout(self._settings.shutdown_timeout_s * 0.9):
                await self._finished.wait()
        except TimeoutError:
            if not self._core.is_shut_down:
                self._log.error("shutdown timed out", connections=len(self._shell.connections))

    def _failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        trace = "".join(traceback.format_exception(error)) if error is not None else None
        self._log.error("internal error", message=context.get("message"), traceback=trace)
        if isinstance(error, AssertionError) and is_debug_build():
            os.abort()  # a promise does not hold: a debug build does not go on from there

    def _turn_ended(self, now: int) -> None:
        self._ticker.arm(now)
        if self._core.is_shut_down and not self._shell.connections:
            self._finished.set()


def listen(settings: Gateway) -> socket.socket:
    """The listening socket; accepted ones inherit its options.

    Keepalive is blind while data is unacknowledged and TCP_USER_TIMEOUT while the line is idle, so both are set, from
    the heartbeat interval: a line that lost its peer's kernel is found even if the peer owes no heartbeat.

    Raises:
        ServeError: the address cannot be listened on.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise ServeError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}") from error
    lapse_ms = round(settings.heartbeat_interval_s * settings.heartbeat_lapse_factor * 1000)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    idle_s = min(settings.heartbeat_interval_s, TCP_KEEPIDLE_MOST_S)
    probes = min(max(1, round(lapse_ms / 1000)), TCP_KEEPCNT_MOST_PROBES)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, idle_s)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, probes)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, lapse_ms)
    listener.setblocking(False)
    return listener


def serve(config: Config, config_path: Path | None = None) -> int:
    """Runs one gateway until it is told to stop; returns the exit code. Logs go to stderr.

    `config_path` is the file that the configuration came from, for `breakwire admin reload`.

    Raises:
        ServeError: it cannot start.
    """
    settings = config.gateway
    occupy_standard_descriptors()
    if settings.cpu >= 0:
        pin(settings.cpu)
    raise_descriptor_limit()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Server(config, Log(), config_path).run())
    return 0


def occupy_standard_descriptors() -> None:
    """Keeps 0, 1 and 2 from becoming a client's socket when they are closed: logs and keys are written there."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free: this one


def pin(cpu: int) -> None:
    """Keeps this process on one processor."""
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        raise ServeError(f"gateway.cpu: cannot pin to processor {cpu}: {error.strerror}") from error


def raise_descriptor_limit() -> None:
    """As many connections as the system lets this process have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pending_logons_max(descriptors: int, api_keys: int) -> int:
    """Connections that may wait for their Logon, so that a flood of them leaves every API key a descriptor."""
    return min(max(descriptors - DESCRIPTORS_RESERVED - api_keys, PENDING_LOGONS_LEAST), PENDING_LOGONS_MAX)
