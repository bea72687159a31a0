"""The client on an event loop, asyncio's own or uvloop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Self, Unpack, cast

from gateway.client_core import ClientCore, SessionArguments
from gateway.client_drop_copy import DropCopyCore
from gateway.client_errors import ConnectionDownError, EventsLostError, LogonRefusedError, SessionStateError
from gateway.client_events import Event, Listener, LoggedOn, LoggedOut
from gateway.client_face import CoreT, Face, KindT, TradingRequests, last_detail
from gateway.client_kept_armed import KeptArmed
from gateway.client_session import NS_PER_S
from gateway.limits import CLIENT_EVENTS_MAX


class EventReader:
    """The events of a client from the moment of its making, as an async iterator; it ends when the client is closed.

    Raises:
        EventsLostError: more than `CLIENT_EVENTS_MAX` events waited. Raised once; reading goes on after the hole.
    """

    def __init__(self, events_max: int, subscribe: Callable[[Listener], Callable[[], None]]) -> None:
        self._events: deque[Event] = deque()
        self._events_max = events_max
        self._arrival = asyncio.Event()
        self._lost = False
        self._closed = False
        self._unsubscribe = subscribe(self._put)

    def _put(self, event: Event) -> None:
        if len(self._events) >= self._events_max:
            self._lost = True
        else:
            self._events.append(event)
        self._arrival.set()

    def close(self) -> None:
        """Hear no more; what has been heard can still be read."""
        if not self._closed:
            self._closed = True
            self._unsubscribe()
            self._arrival.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._lost:
                self._lost = False
                raise EventsLostError(f"more than {self._events_max} events waited to be read")
            if self._closed:
                raise StopAsyncIteration
            self._arrival.clear()
            await self._arrival.wait()
        return self._events.popleft()


class _Line(asyncio.Protocol):
    """One connection: hands bytes and its end to the client that it belongs to."""

    def __init__(self, owner: AsyncFace[Any]) -> None:
        self._owner = owner
        self.transport: asyncio.Transport
        self.writable = asyncio.Event()
        self.writable.set()
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._owner._connected(self)

    def data_received(self, data: bytes) -> None:
        self._owner._received(data)

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.writable.set()
        self.closed.set_result(None)
        self._owner._lost("the connection was closed" if exc is None else str(exc))


class AsyncFace(Face[CoreT]):
    """A session on an event loop. Every method is to be called in the loop's thread."""

    def __init__(self, host: str, port: int, core: CoreT) -> None:
        super().__init__(host, port, core)
        self._line: _Line | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_deadline_ns = 0
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._readers: list[EventReader] = []

    # -- Commands ------------------------------------------------------------------------------------------------------

    async def logon(self, *, reset: bool, timeout_s: float = 10.0) -> LoggedOn:
        """Connect and log on; the same again after a loss.

        Without `reset` both streams go on, and the messages missed are asked for at once (wait with
        `until(lambda: not client.core.has_gap)`). With it they start at 1, and orders whose fate was not told are in
        doubt until they are heard of.

        Raises:
            LogonRefusedError: the gateway's answer is LoggedOut, or LogonConf of a stream that is not ours.
            ConnectionDownError: the line broke before an answer.
            OSError, TimeoutError: no connection, no answer in time.
            SessionStateError: there is a connection already.
        """
        if self.core.must_close:
            await self.close_line()
        if self._line is not None:
            raise SessionStateError("logon while there is a connection")
        answers: list[LoggedOn | LoggedOut] = []
        unsubscribe = self._keep(answers, (LoggedOn, LoggedOut))
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.get_running_loop().create_connection(lambda: _Line(self), self.host, self.port)
                if self._line is None:
                    raise ConnectionDownError("the connection was closed at once")
                self.core.logon(self.clock.now_ns(), reset=reset)
                self._flush()
                await self.until(lambda: bool(answers))
        except BaseException as error:
            await self.close_line()
            if self.core.must_reset and isinstance(error, ConnectionDownError):
                raise LogonRefusedError(str(error)) from None
            raise
        finally:
            unsubscribe()
        if isinstance(answers[0], LoggedOut):
            await self.close_line()
            raise LogonRefusedError(answers[0].reason)
        return answers[0]

    async def logout(self, reason: str = "", *, timeout_s: float = 10.0) -> LoggedOut:
        """Log out and wait for the gateway's LoggedOut, which comes after the cancels of what the session covers."""
        answers: list[LoggedOut] = []
        unsubscribe = self._keep(answers, (LoggedOut,))
        try:
            self.core.logout(self.clock.now_ns(), reason)
            self._flush()
            await self.until(lambda: bool(answers), timeout_s=timeout_s)
        finally:
            unsubscribe()
            await self.close_line()
        return answers[0]

    async def until(self, predicate: Callable[[], bool], *, timeout_s: float | None = None) -> None:
        """Wait until `predicate()` is true; it is asked now and after every batch of events.

        Raises:
            ConnectionDownError: the line went down and the predicate is not true, or there is no line.
            TimeoutError: not true within `timeout_s`.
        """
        if predicate():
            return
        if self._line is None:
            raise ConnectionDownError("there is no connection")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (predicate, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def events(self, events_max: int = CLIENT_EVENTS_MAX) -> EventReader:
        """All events from this call on, as an async iterator of its own, over reconnections, until `close`."""
        reader = EventReader(events_max, self.subscribe)
        self._readers.append(reader)
        return reader

    async def drain(self) -> None:
        """Wait until the socket takes bytes again: for who sends much faster than the gateway reads."""
        if self._line is not None:
            await self._line.writable.wait()

    async def close_line(self) -> None:
        """Drop the connection without a Logout: to the gateway this session is lost. Readers wait for the next one."""
        line = self._line
        if line is not None:
            line.transport.abort()
            await line.closed

    async def close(self) -> None:
        """Drop the connection and end all readers."""
        await self.close_line()
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    # -- Events --------------------------------------------------------------------------------------------------------

    def _connected(self, line: _Line) -> None:
        self._line = line
        self.core.connected(self.clock.now_ns())

    def _received(self, data: bytes) -> None:
        self._step(self.core.received(self.clock.now_ns(), data))

    def _due(self) -> None:
        self._timer = None
        self._step(self.core.tick(self.clock.now_ns()))

    def _lost(self, detail: str) -> None:
        self._line = None
        events = self.core.disconnected(self.clock.now_ns(), detail)
        self._step(events)
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                future.set_exception(ConnectionDownError(last_detail(events)))

    def _step(self, events: list[Event]) -> None:
        self._flush()
        self._tell(events)
        for predicate, future in tuple(self._waiting):
            self._answer(predicate, future)
        self._waiting = [entry for entry in self._waiting if not entry[1].done()]
        if self.core.must_close and self._line is not None:
            self._line.transport.abort()

    def _heard_by(self, listener: Listener, event: Event) -> None:
        # A listener's error must not take the line down, and with it every order.
        try:
            listener(event)
        except Exception as error:
            context = {"message": f"a listener failed on {type(event).__name__}", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    @staticmethod
    def _answer(predicate: Callable[[], bool], future: asyncio.Future[None]) -> None:
        if future.done():
            return
        try:
            if predicate():
                future.set_result(None)
        except Exception as error:
            future.set_exception(error)

    def _flush(self) -> None:
        output = self.core.take_output()
        if output and self._line is not None:
            self._line.transport.write(output)
        self._set_timer()

    def _set_timer(self) -> None:
        # A deadline that has moved away is found out when the timer fires: most traffic moves them, few come due.
        deadline_ns = self.core.next_deadline_ns()
        if self._timer is not None:
            if deadline_ns is not None and self._timer_deadline_ns <= deadline_ns:
                return
            self._timer.cancel()
            self._timer = None
        if deadline_ns is not None:
            delay_s = max(0.0, (deadline_ns - self.clock.now_ns()) / NS_PER_S)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)
            self._timer_deadline_ns = deadline_ns

    def _keep(self, kept: list[KindT], kinds: tuple[type[KindT], ...]) -> Callable[[], None]:
        def keep(event: Event) -> None:
            if isinstance(event, kinds):
                kept.append(event)

        return self.subscribe(keep)


class Client(AsyncFace[ClientCore], TradingRequests):
    """A trading session on an event loop; see `gateway.client`."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        first_client_order_id: int | None = None,
        receipts: bool = False,
        **session: Unpack[SessionArguments],
    ) -> None:
        core = ClientCore(first_client_order_id=first_client_order_id, receipts=receipts, **session)
        super().__init__(host, port, core)

    def kept_armed(self, timeout_ms: int) -> KeptArmed:
        """The portfolio's dead man's switch, set for the length of an `async with` and refreshed meanwhile."""
        return KeptArmed(self, timeout_ms)


class DropCopyClient(AsyncFace[DropCopyCore]):
    """A drop-copy session on an event loop: DropCopy events, one for each frame of the portfolio's sessions."""

    def __init__(self, host: str, port: int, **session: Unpack[SessionArguments]) -> None:
        super().__init__(host, port, DropCopyCore(**session))
