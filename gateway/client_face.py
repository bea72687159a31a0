"""What the client has on every kind of line: its requests, its listeners and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, Unpack

from codec.layout import CancelOnDisconnectScope, ProductType, Side
from gateway.client_core import AmendArguments, ClientCore, MassQuoteArguments, OrderArguments, QuoteEntry
from gateway.client_events import DeadManSwitchStatus, Disconnected, Event, Listener
from gateway.client_quotes import QuoteKey
from gateway.client_session import SequenceNumbers, SessionCore
from gateway.client_state import Order, Quote, Request
from gateway.client_values import Amount

CoreT = TypeVar("CoreT", bound=SessionCore)
KindT = TypeVar("KindT", bound=Event)


class Clock:
    """Ns since the Unix epoch: the wall clock at start plus the monotonic time since, so it never goes back."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Core time: ns since the epoch, never going back."""
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
        self._joins = 0

    # -- Queries -------------------------------------------------------------------------------------------------------

    @property
    def is_logged_on(self) -> bool:
        """Whether LogonConf has come, and the line is up."""
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

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Let the requests made inside go out together, in one write at its end, whatever ends it.

            with client.joined():
                client.cancel(bid)
                client.cancel(ask)

        Waiting inside sends what there is.
        """
        self._joins += 1
        try:
            yield
        finally:
            self._joins -= 1
            self._send()

    def send(self, name: str, fields: Mapping[str, Any]) -> int:
        """Send any client message by its schema name, fields as the codec takes them; its sequence number."""
        number = self.core.send(self.clock.now_ns(), name, fields)
        self._send()
        return number

    def test_request(self, correlation_id: int) -> None:
        """Ask for a Heartbeat; it comes as HeartbeatReceived with this correlationId."""
        self.core.test_request(self.clock.now_ns(), correlation_id)
        self._send()

    def resend_request(self, from_sequence_number: int, to_sequence_number: int = 0) -> None:
        """Ask for messages already taken in again (MessageReplayed events). What was missed is asked for by itself."""
        self.core.resend_request(self.clock.now_ns(), from_sequence_number, to_sequence_number)
        self._send()

    # -- For the faces -------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Let a request go out, unless it is joined with others."""
        if not self._joins:
            self._flush()

    def _flush(self) -> None:
        raise NotImplementedError

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            for listener in tuple(self._listeners):
                self._heard_by(listener, event)

    def _heard_by(self, listener: Listener, event: Event) -> None:
        listener(event)


class TradingRequests(Face[ClientCore]):
    """The requests of a trading session; `ClientCore` says more of each."""

    # -- Queries -------------------------------------------------------------------------------------------------------

    @property
    def orders(self) -> Mapping[int, Order]:
        """The live orders (pending, queued and open) by clientOrderId."""
        return self.core.orders.live

    @property
    def quotes(self) -> Mapping[int, Quote]:
        """The live quotes by orderId."""
        return self.core.quotes.live

    @property
    def standing_quotes(self) -> Mapping[QuoteKey, Quote]:
        """The live quotes by MMP group, instrument and side, as far as mass quotes have told of them."""
        return self.core.quotes.standing

    @property
    def frozen_groups(self) -> Mapping[int, int]:
        """MMP groups known to be frozen, and until when in ns since the Unix epoch."""
        return self.core.freezes.quotes

    @property
    def frozen_currency_pairs(self) -> Mapping[int, int]:
        """Currency pairs known to be frozen for orders flagged mmp, and until when in ns since the Unix epoch."""
        return self.core.freezes.orders

    @property
    def dead_man_switch(self) -> DeadManSwitchStatus | None:
        """What the gateway last told this session of the portfolio's switch, if it has."""
        return self.core.dead_man_switch.status

    # -- Commands: orders ----------------------------------------------------------------------------------------------

    def forget_doubtful(self) -> list[Order | Quote]:
        """Stop holding what is in doubt for live, and return it: for whoever has settled it elsewhere."""
        return [*self.core.orders.forget_doubtful(), *self.core.quotes.forget_doubtful()]

    def new_order(
        self,
        instrument_id: int,
        side: Side,
        *,
        quantity: Amount,
        price: Amount | None,
        **arguments: Unpack[OrderArguments],
    ) -> Order:
        """Send a new order (`price` None = market); the order as it is kept true from here on."""
        now = self.clock.now_ns()
        order = self.core.new_order(
            now, instrument_id=instrument_id, side=side, quantity=quantity, price=price, **arguments
        )
        self._send()
        return order

    def amend(self, order: Order, *, price: Amount, quantity: Amount, **arguments: Unpack[AmendArguments]) -> Request:
        """Ask for an order to have a new price and a new total quantity."""
        return self._sent(self.core.amend(self.clock.now_ns(), order, price=price, quantity=quantity, **arguments))

    def cancel(self, order: Order, *, correlation_id: int | None = None) -> Request:
        """Ask for an order to be cancelled. It can trade until OrderCanceled says that it is gone."""
        return self._sent(self.core.cancel(self.clock.now_ns(), order, correlation_id=correlation_id))

    def cancel_by_id(self, order_id: int, instrument_id: int, *, correlation_id: int | None = None) -> Request:
        """Ask for any order of the portfolio to be cancelled by the gateway's id (version 3 and later)."""
        now = self.clock.now_ns()
        return self._sent(self.core.cancel_by_id(now, order_id, instrument_id, correlation_id=correlation_id))

    def mass_cancel(
        self,
        *,
        currency_pair_id: int | None = None,
        instrument_id: int | None = None,
        product_type: ProductType = ProductType.ALL,
        side: Side = Side.BOTH,
        correlation_id: int | None = None,
    ) -> Request:
        """Ask for all orders and quotes of the portfolio that the filters let through to be cancelled."""
        return self._sent(
            self.core.mass_cancel(
                self.clock.now_ns(),
                currency_pair_id=currency_pair_id,
                instrument_id=instrument_id,
                product_type=product_type,
                side=side,
                correlation_id=correlation_id,
            )
        )

    # -- Commands: quotes ----------------------------------------------------------------------------------------------

    def mass_quote(
        self, mmp_group_id: int, entries: Sequence[QuoteEntry], **arguments: Unpack[MassQuoteArguments]
    ) -> Request:
        """Say what is to stand on both sides of each entry's instrument, for this MMP group."""
        return self._sent(self.core.mass_quote(self.clock.now_ns(), mmp_group_id, entries, **arguments))

    def cancel_quotes(self, mmp_group_id: int, *, side: Side = Side.BOTH, correlation_id: int | None = None) -> Request:
        """Ask for the portfolio's quotes of an MMP group to be cancelled."""
        now = self.clock.now_ns()
        return self._sent(self.core.cancel_quotes(now, mmp_group_id, side=side, correlation_id=correlation_id))

    def mass_quote_mmp_status(self, mmp_group_id: int, *, correlation_id: int | None = None) -> Request:
        """Ask whether an MMP group is frozen (version 10 and later)."""
        now = self.clock.now_ns()
        return self._sent(self.core.mass_quote_mmp_status(now, mmp_group_id, correlation_id=correlation_id))

    def orders_mmp_status(self, currency_pair_id: int, *, correlation_id: int | None = None) -> Request:
        """Ask whether a currency pair is frozen for orders flagged mmp (version 10 and later)."""
        now = self.clock.now_ns()
        return self._sent(self.core.orders_mmp_status(now, currency_pair_id, correlation_id=correlation_id))

    # -- Commands: the dead man's switch -------------------------------------------------------------------------------

    def cancel_all_after(
        self, timeout_ms: int, *, arm_sequence: int | None = None, correlation_id: int | None = None
    ) -> Request:
        """Have all that the portfolio has open cancelled in `timeout_ms` ms, unless this is said again; 0 = not."""
        now = self.clock.now_ns()
        return self._sent(
            self.core.cancel_all_after(now, timeout_ms, arm_sequence=arm_sequence, correlation_id=correlation_id)
        )

    # -- Commands: cancel on disconnect --------------------------------------------------------------------------------

    def cover(
        self,
        enabled: bool,
        *,
        scope: CancelOnDisconnectScope = CancelOnDisconnectScope.SESSION,
        correlation_id: int | None = None,
    ) -> Request:
        """Switch what a disconnect cancels: orders to come of this session, or all that the portfolio has."""
        now = self.clock.now_ns()
        return self._sent(self.core.cover(now, enabled, scope=scope, correlation_id=correlation_id))

    def receipts(self, enabled: bool, *, correlation_id: int | None = None) -> Request:
        """Ask for a Receipt of what each fire does to this session's orders, on this connection."""
        return self._sent(self.core.receipts(self.clock.now_ns(), enabled, correlation_id=correlation_id))

    def open_orders(
        self,
        *,
        scope: CancelOnDisconnectScope = CancelOnDisconnectScope.SESSION,
        covered_only: bool = False,
        correlation_id: int | None = None,
    ) -> Request:
        """Ask what is open, or what a disconnect would cancel now; `request.answer.orders` has it."""
        now = self.clock.now_ns()
        return self._sent(
            self.core.open_orders(now, scope=scope, covered_only=covered_only, correlation_id=correlation_id)
        )

    def _sent(self, request: Request) -> Request:
        self._send()
        return request


def last_detail(events: list[Event]) -> str:
    """What the last loss among these events was."""
    return next((event.detail for event in reversed(events) if isinstance(event, Disconnected)), "the line is down")
