"""What the client has on every kind of line: its requests, its listeners and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, Unpack

from codec.layout import Side
from gateway.client_core import ClientCore, OrderArguments
from gateway.client_events import (
    Amount,
    Disconnected,
    Event,
    Listener,
    Order,
)
from gateway.client_session import SequenceNumbers, SessionCore

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


class Face(Generic[CoreT]):
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


class OrderRequests(Face[ClientCore]):
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


def last_detail(events: list[Event]) -> str:
    """What the last loss among these events was."""
    return next((event.detail for event in reversed(events) if isinstance(event, Disconnected)), "the line is down")
