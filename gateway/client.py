"""The client library: one session with a gateway, for asyncio (any loop) or blocking.

    client = Client("127.0.0.1", 4210, client_id="maker-1", secret=secret)
    await client.logon(reset=True)
    order = client.new_order(1, Side.BUY, quantity="0.5", price="64000.5")
    await client.until(lambda: not order.is_live, timeout_s=5)

An `Order` is kept true by whatever the gateway says of it. Every event goes to each listener (`subscribe`) and to each
reader (`async for event in client.events()`), in the order of the stream. After a loss `logon(reset=False)` on the same
object connects again, asks for what was missed, and so learns of each order that the gateway cancelled.

`BlockingClient` has the same requests without a loop: nothing happens between its calls, so a program that trades
nothing for longer than a heartbeat interval must call `poll` in between. `DropCopyClient` listens in on a portfolio.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Generic, Self, TypeVar, Unpack, cast

from codec.layout import SelfTradingMode, Side, TimeInForce
from gateway.client_core import ClientCore, DropCopyCore, OrderArguments, SessionArguments
from gateway.client_events import (
    Amount,
    ConnectionDownError,
    Disconnected,
    Event,
    EventsLostError,
    Listener,
    LoggedOn,
    LoggedOut,
    LogonRefusedError,
    MessageEvent,
    Order,
    SessionStateError,
)
from gateway.client_session import NS_PER_S, SequenceNumbers, SessionCore
from gateway.limits import CLIENT_EVENTS_MAX

__all__ = [
    "BlockingClient",
    "BlockingDropCopyClient",
    "Client",
    "DropCopyClient",
    "EventReader",
    "SelfTradingMode",
    "SequenceNumbers",
    "Side",
    "TimeInForce",
]

READ_SIZE_BYTES = 65_536

CoreT = TypeVar("CoreT", bound=SessionCore)
KindT = TypeVar("KindT", bound=Event)


class Clock:
    """Ns since the Unix epoch: the wall clock at start plus the monotonic time since, so it never goes back."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._offset_ns

    def monotonic_ns(self, now_ns: int) -> int:
        """The CLOCK_MONOTONIC reading behind a time of this clock, comparable between processes of one machine."""
        return now_ns - self._offset_ns


class _Face(Generic[CoreT]):
    """What both kinds of client share: requests in, events out to listeners."""

    def __init__(self, host: str, port: int, core: CoreT) -> None:
        self.host = host
        self.port = port
        self.core = core
        self.clock = Clock()
        self._listeners: list[Listener] = []

    # -- Queries -------------------------------------------------------------------------------------------------------

    @property
    def is_logged_on(self) -> bool:
        return self.core.is_logged_on

    @property
    def numbers(self) -> SequenceNumbers:
        """Both sequence numbers as they stand: all that another process needs to go on with this session's stream."""
        return self.core.numbers

    # -- Commands ------------------------------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; the function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def send(self, name: str, fields: Mapping[str, Any]) -> int:
        """Send any client message by its schema name, fields as the codec takes them; its sequence number."""
        number = self.core.send(self.clock.now_ns(), name, fields)
        self._flush()
        return number

    def test_request(self, correlation_id: int) -> None:
        """Ask for a Heartbeat; it comes as HeartbeatReceived with this correlationId."""
        self.core.test_request(self.clock.now_ns(), correlation_id)
        self._flush()

    def resend_request(self, from_sequence_number: int, to_sequence_number: int = 0) -> None:
        """Ask for messages already taken in again (MessageReplayed events). What was missed is asked for by itself."""
        self.core.resend_request(self.clock.now_ns(), from_sequence_number, to_sequence_number)
        self._flush()

    # -- For the faces -------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        raise NotImplementedError

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            for listener in tuple(self._listeners):
                self._heard_by(listener, event)

    def _heard_by(self, listener: Listener, event: Event) -> None:
        listener(event)


class _Orders(_Face[ClientCore]):
    """The requests of a trading session."""

    @property
    def orders(self) -> Mapping[int, Order]:
        """The live orders (pending and open) by clientOrderId."""
        return self.core.orders.live

    def new_order(
        self,
        instrument_id: int,
        side: Side,
        *,
        quantity: Amount,
        price: Amount | None,
        **arguments: Unpack[OrderArguments],
    ) -> Order:
        """Send a new order (`price` None = market); the order as it is kept true from here on. See `ClientCore`."""
        now = self.clock.now_ns()
        order = self.core.new_order(
            now, instrument_id=instrument_id, side=side, quantity=quantity, price=price, **arguments
        )
        self._flush()
        return order

    def cancel(self, order: Order, *, correlation_id: int = 0) -> None:
        """Ask for an order to be cancelled. It can trade until OrderCanceled says that it is gone."""
        self.core.cancel(self.clock.now_ns(), order, correlation_id=correlation_id)
        self._flush()

    def cancel_by_id(self, order_id: int, instrument_id: int, *, correlation_id: int = 0) -> None:
        """Ask for any order of the portfolio to be cancelled by the gateway's id."""
        self.core.cancel_by_id(self.clock.now_ns(), order_id, instrument_id, correlation_id=correlation_id)
        self._flush()


# -- asyncio -----------------------------------------------------------------------------------------------------------


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

    def __init__(self, owner: _AsyncFace[Any]) -> None:
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


class _AsyncFace(_Face[CoreT]):
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
            LogonRefusedError: the gateway's answer is LoggedOut.
            ConnectionDownError: the line broke before an answer.
            OSError, TimeoutError: no connection, no answer in time.
            SessionStateError: there is a connection already.
        """
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
        except BaseException:
            await self.close_line()
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
                future.set_exception(ConnectionDownError(_last_detail(events)))

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


class Client(_AsyncFace[ClientCore], _Orders):
    """A trading session on an event loop; see the module's first lines."""

    def __init__(
        self, host: str, port: int, *, first_client_order_id: int | None = None, **session: Unpack[SessionArguments]
    ) -> None:
        super().__init__(host, port, ClientCore(first_client_order_id=first_client_order_id, **session))


class DropCopyClient(_AsyncFace[DropCopyCore]):
    """A drop-copy session on an event loop: DropCopy events, one for each frame of the portfolio's sessions."""

    def __init__(self, host: str, port: int, **session: Unpack[SessionArguments]) -> None:
        super().__init__(host, port, DropCopyCore(**session))


# -- Blocking ----------------------------------------------------------------------------------------------------------


class _BlockingFace(_Face[CoreT]):
    """A session without a loop: the line is read, and kept alive, inside the calls only."""

    def __init__(self, host: str, port: int, core: CoreT) -> None:
        super().__init__(host, port, core)
        self._socket: socket.socket | None = None

    # -- Commands ------------------------------------------------------------------------------------------------------

    def logon(self, *, reset: bool, timeout_s: float = 10.0) -> LoggedOn:
        """Connect and log on; raises as `Client.logon` does."""
        if self._socket is not None:
            raise SessionStateError("logon while there is a connection")
        self._socket = socket.create_connection((self.host, self.port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.core.connected(self.clock.now_ns())
        self.core.logon(self.clock.now_ns(), reset=reset)
        answer: MessageEvent = self._first(LoggedOn, LoggedOut, timeout_s=timeout_s)
        if isinstance(answer, LoggedOn):
            return answer
        self.close_line()
        raise LogonRefusedError(cast(LoggedOut, answer).reason)

    def logout(self, reason: str = "", *, timeout_s: float = 10.0) -> LoggedOut:
        """Log out and wait for the gateway's LoggedOut, which comes after the cancels of what the session covers."""
        self.core.logout(self.clock.now_ns(), reason)
        answer = self._first(LoggedOut, timeout_s=timeout_s)
        self.close_line()
        return answer

    def until(self, predicate: Callable[[], bool], *, timeout_s: float | None = None) -> list[Event]:
        """Work the line until `predicate()` is true; the events seen meanwhile. Raises as `Client.until` does."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        seen: list[Event] = []
        while not predicate():
            if self._socket is None:
                raise ConnectionDownError("there is no connection" if not seen else _last_detail(seen))
            left_s = None if deadline_s is None else deadline_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise TimeoutError(f"not so within {timeout_s} s")
            seen += self._work(left_s)
        return seen

    def poll(self, timeout_s: float = 0.0) -> list[Event]:
        """Take what has come, or comes within `timeout_s`, and send what is due; the events."""
        return self._work(timeout_s)

    def close_line(self) -> None:
        """Drop the connection without a Logout: to the gateway this session is lost."""
        self._lost("closed here")

    # -- The line ------------------------------------------------------------------------------------------------------

    def _work(self, timeout_s: float | None) -> list[Event]:
        """One read of at most `timeout_s` (None = until the next deadline of the core), then what is due."""
        self._flush()
        if self._socket is None:
            return []
        deadline_ns = self.core.next_deadline_ns()
        wait_s = max(0.0, (deadline_ns - self.clock.now_ns()) / NS_PER_S) if deadline_ns is not None else timeout_s
        if timeout_s is not None and wait_s is not None:
            wait_s = min(wait_s, timeout_s)
        self._socket.settimeout(wait_s)
        try:
            data = self._socket.recv(READ_SIZE_BYTES)
        except (TimeoutError, BlockingIOError):
            events = []
        except OSError as error:
            return self._lost(str(error))
        else:
            if not data:
                return self._lost("the connection was closed")
            events = self.core.received(self.clock.now_ns(), data)
        events += self.core.tick(self.clock.now_ns())
        self._tell(events)
        self._flush()
        return events + (self._lost("closed here") if self.core.must_close else [])

    def _flush(self) -> None:
        output = self.core.take_output()
        if output and self._socket is not None:
            self._socket.settimeout(None)
            try:
                self._socket.sendall(output)
            except OSError:
                # The line is broken; what was still readable, and the loss itself, come with the next read.
                return

    def _lost(self, detail: str) -> list[Event]:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        events = self.core.disconnected(self.clock.now_ns(), detail)
        self._tell(events)
        return events

    def _first(self, *kinds: type[KindT], timeout_s: float) -> KindT:
        answers: list[KindT] = []

        def keep(event: Event) -> None:
            if isinstance(event, kinds):
                answers.append(event)

        unsubscribe = self.subscribe(keep)
        try:
            self.until(lambda: bool(answers), timeout_s=timeout_s)
        except BaseException:
            self.close_line()
            raise
        finally:
            unsubscribe()
        return answers[0]


def _last_detail(events: list[Event]) -> str:
    return next((event.detail for event in reversed(events) if isinstance(event, Disconnected)), "the line is down")


class BlockingClient(_BlockingFace[ClientCore], _Orders):
    """A trading session without a loop; see the module's first lines."""

    def __init__(
        self, host: str, port: int, *, first_client_order_id: int | None = None, **session: Unpack[SessionArguments]
    ) -> None:
        super().__init__(host, port, ClientCore(first_client_order_id=first_client_order_id, **session))


class BlockingDropCopyClient(_BlockingFace[DropCopyCore]):
    """A drop-copy session without a loop."""

    def __init__(self, host: str, port: int, **session: Unpack[SessionArguments]) -> None:
        super().__init__(host, port, DropCopyCore(**session))
