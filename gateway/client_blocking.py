"""The client without a loop, for programs that do one thing at a time."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Unpack, cast

from gateway.client_core import ClientCore, SessionArguments
from gateway.client_drop_copy import DropCopyCore
from gateway.client_errors import ConnectionDownError, LogonRefusedError, SessionStateError
from gateway.client_events import Event, LoggedOn, LoggedOut, MessageEvent
from gateway.client_face import CoreT, Face, KindT, TradingRequests, last_detail
from gateway.client_session import NS_PER_S

READ_SIZE_BYTES = 65_536


class BlockingFace(Face[CoreT]):
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
        try:
            answer: MessageEvent = self._first(LoggedOn, LoggedOut, timeout_s=timeout_s)
        except ConnectionDownError as error:
            if self.core.must_reset:
                raise LogonRefusedError(str(error)) from None
            raise
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
                raise ConnectionDownError("there is no connection" if not seen else last_detail(seen))
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


class BlockingClient(BlockingFace[ClientCore], TradingRequests):
    """A trading session without a loop; see `gateway.client`."""

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


class BlockingDropCopyClient(BlockingFace[DropCopyCore]):
    """A drop-copy session without a loop."""

    def __init__(self, host: str, port: int, **session: Unpack[SessionArguments]) -> None:
        super().__init__(host, port, DropCopyCore(**session))
