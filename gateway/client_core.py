"""The sans-IO client of a trading session: its requests, and what it holds.

See `client_session` for how bytes and times go in and out; the faces with sockets are in `client`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Required, TypedDict, Unpack

from codec.layout import (
    MESSAGES,
    CancelOnDisconnectScope,
    MassQuoteFlags,
    OrderFlags,
    ProductType,
    ReplaceOrderFlags,
    SelfTradingMode,
    SessionOptions,
    Side,
    TimeInForce,
)
from codec.values import Decimal72, Message
from gateway.client_dead_man import DeadManSwitch
from gateway.client_errors import SchemaVersionError
from gateway.client_events import Event
from gateway.client_mmp import Freezes
from gateway.client_orders import OwnOrders
from gateway.client_quotes import OwnQuotes
from gateway.client_reports import Reports
from gateway.client_session import SequenceNumbers, SessionCore
from gateway.client_state import Order, Request
from gateway.client_values import SCALE_DIGITS, Amount, to_mantissa

_NO_FLAGS = OrderFlags(0)
_SINCE_VERSION = {layout.name: layout.since_version for layout in MESSAGES}
# Flags that a session of an older version has no meaning for: the gateway would ignore them without a word.
CANCEL_ON_DISCONNECT_SINCE_VERSION = 7
RESET_MMP_SINCE_VERSION = 10
TIMEOUT_MS_MAX = 2**32 - 1


class SessionArguments(TypedDict, total=False):
    """What a session is made from, beside its address: the arguments of `SessionCore`."""

    client_id: Required[str]
    secret: Required[str]
    schema_version: int
    cancel_on_disconnect: bool
    logon_timeout_s: float
    numbers: SequenceNumbers | None


class OrderArguments(TypedDict, total=False):
    """What a new order may be given beyond instrument, side, quantity and price.

    Without `client_order_id` the next of the session's own series is taken; without `correlation_id` the number that
    the request is sent under. `time_in_force` may be a number of days. `show_quantity` makes an iceberg of it.
    """

    time_in_force: TimeInForce | int
    show_quantity: Amount
    client_order_id: int
    correlation_id: int
    post_only: bool
    post_only_reject: bool
    cancel_on_disconnect: bool
    mmp: bool
    reset_mmp: bool
    self_match_prevention_id: int
    self_trading_mode: SelfTradingMode


class AmendArguments(TypedDict, total=False):
    """What an amend may be given beyond the order and its new terms."""

    show_quantity: Amount
    correlation_id: int
    post_only: bool
    post_only_reject: bool


class MassQuoteArguments(TypedDict, total=False):
    """What a mass quote may be given beyond its group and entries."""

    quote_id: int
    correlation_id: int
    reset_mmp: bool
    self_match_prevention_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteEntry:
    """Both sides of one instrument in a mass quote. A side whose quantity is 0 is withdrawn."""

    instrument_id: int
    bid_price: Amount | None = None
    bid_quantity: Amount = 0
    bid_flags: OrderFlags = _NO_FLAGS
    ask_price: Amount | None = None
    ask_quantity: Amount = 0
    ask_flags: OrderFlags = _NO_FLAGS


class ClientCore(SessionCore):
    """A trading session: the session layer, its requests, and what it holds.

    `receipts`: every connection asks for receipts of cancel on disconnect, as the first thing that it asks for.
    """

    def __init__(
        self, *, first_client_order_id: int | None = None, receipts: bool = False, **session: Unpack[SessionArguments]
    ) -> None:
        super().__init__(**session)
        self._wants_receipts = receipts
        self._reports = Reports()
        self._next_client_order_id = first_client_order_id

    # -- Queries -------------------------------------------------------------------------------------------------------

    @property
    def orders(self) -> OwnOrders:
        """The session's orders, and what they became."""
        return self._reports.orders

    @property
    def quotes(self) -> OwnQuotes:
        """The session's quotes, and what they became."""
        return self._reports.quotes

    @property
    def freezes(self) -> Freezes:
        """Which market-maker groups are frozen, and until when."""
        return self._reports.freezes

    @property
    def dead_man_switch(self) -> DeadManSwitch:
        """What is known of the portfolio's switch."""
        return self._reports.dead_man_switch

    # -- Commands: orders ----------------------------------------------------------------------------------------------

    def new_order(
        self,
        now: int,
        *,
        instrument_id: int,
        side: Side,
        quantity: Amount,
        price: Amount | None,
        **arguments: Unpack[OrderArguments],
    ) -> Order:
        """Send a NewOrderRequest; the order as it will be kept true from here on. `price` None = a market order.

        Without `client_order_id` the next of a series is taken, which starts at `first_client_order_id`, or at the
        time of the first order in ns: two sessions of one portfolio must not share a series. ValueError when the id is
        that of a live order of ours, or an amount has no place on the wire.
        """
        flags = OrderFlags(
            OrderFlags.CANCEL_ON_DISCONNECT * arguments.get("cancel_on_disconnect", False)
            | OrderFlags.POST_ONLY * arguments.get("post_only", False)
            | OrderFlags.POST_ONLY_REJECT * arguments.get("post_only_reject", False)
            | OrderFlags.MARKET_LIMIT * (price is None)
            | OrderFlags.MMP * arguments.get("mmp", False)
            | OrderFlags.RESET_MMP * arguments.get("reset_mmp", False)
        )
        self._need_flags(flags)
        self._need_session("NewOrderRequest")
        client_order_id = arguments.get("client_order_id")
        if client_order_id is None:
            client_order_id = self._next_id(now)
        if client_order_id in self.orders.live:
            raise ValueError(f"client_order_id {client_order_id} is that of a live order")
        price_mantissa = None if price is None else to_mantissa(price)
        quantity_mantissa = to_mantissa(quantity)
        fields = {
            "client_order_id": client_order_id,
            "instrument_id": instrument_id,
            "price": price_mantissa,
            "quantity": _decimal(quantity_mantissa),
            "show_qty": _optional(arguments.get("show_quantity")),
            "self_match_prevention_id": arguments.get("self_match_prevention_id"),
            "side": int(side),
            "time_in_force": int(arguments.get("time_in_force", TimeInForce.GTC)),
            "flags": int(flags),
            "self_trading_mode": int(arguments.get("self_trading_mode", SelfTradingMode.CANCEL_TAKER)),
        }
        order = Order(client_order_id, instrument_id, side, price_mantissa, quantity_mantissa, is_own=True)
        self._request(now, "NewOrderRequest", fields, arguments.get("correlation_id"), order=order)
        self.orders.sent(order)
        return order

    def amend(
        self, now: int, order: Order, *, price: Amount, quantity: Amount, **arguments: Unpack[AmendArguments]
    ) -> Request:
        """Send an AmendOrderRequest: a new price, and a new quantity in total, of which a part may have filled.

        `order` may be one of another session of the portfolio, made from its ids. It is as it was until OrderAmended.
        """
        flags = ReplaceOrderFlags.POST_ONLY * arguments.get("post_only", False)
        flags |= ReplaceOrderFlags.POST_ONLY_REJECT * arguments.get("post_only_reject", False)
        fields = {
            "client_order_id": order.client_order_id,
            "instrument_id": order.instrument_id,
            "price": to_mantissa(price),
            "quantity": _decimal(to_mantissa(quantity)),
            "show_qty": _optional(arguments.get("show_quantity")),
            "flags": int(flags),
        }
        return self._request(now, "AmendOrderRequest", fields, arguments.get("correlation_id"), order=order)

    def cancel(self, now: int, order: Order, *, correlation_id: int | None = None) -> Request:
        """Send a CancelOrderRequest; `order` as in `amend`. It is gone when OrderCanceled says so, not before."""
        fields = {"client_order_id": order.client_order_id, "instrument_id": order.instrument_id}
        return self._request(now, "CancelOrderRequest", fields, correlation_id, order=order)

    def cancel_by_id(
        self, now: int, order_id: int, instrument_id: int, *, correlation_id: int | None = None
    ) -> Request:
        """Send a CancelOrderByIdRequest (version 3 and later): any order of the portfolio by the gateway's own id."""
        fields = {"order_id": order_id, "instrument_id": instrument_id}
        order = self.orders.find(order_id)
        return self._request(now, "CancelOrderByIdRequest", fields, correlation_id, order=order)

    def mass_cancel(
        self,
        now: int,
        *,
        currency_pair_id: int | None = None,
        instrument_id: int | None = None,
        product_type: ProductType = ProductType.ALL,
        side: Side = Side.BOTH,
        correlation_id: int | None = None,
    ) -> Request:
        """Send a MassCancelRequest: orders and quotes of the whole portfolio that all of the filters let through.

        The gateway wants a currency pair or an instrument.
        """
        fields = {
            "currency_pair_id": currency_pair_id,
            "instrument_id": instrument_id,
            "product_type": int(product_type),
            "side": int(side),
        }
        return self._request(now, "MassCancelRequest", fields, correlation_id)

    # -- Commands: quotes ----------------------------------------------------------------------------------------------

    def mass_quote(
        self, now: int, mmp_group_id: int, entries: Sequence[QuoteEntry], **arguments: Unpack[MassQuoteArguments]
    ) -> Request:
        """Send a MassQuoteRequest: what is to stand on both sides of each entry's instrument, for this MMP group.

        Without `quote_id` the next of the series of client order ids is taken. What stood, stands until the answer.
        """
        flags = MassQuoteFlags.RESET_MMP * arguments.get("reset_mmp", False)
        for entry in entries:
            self._need_flags(entry.bid_flags | entry.ask_flags)
        self._need_session("MassQuoteRequest")
        quote_id = arguments.get("quote_id")
        if quote_id is None:
            quote_id = self._next_id(now)
        fields = {
            "quote_id": quote_id,
            "mmp_group_id": mmp_group_id,
            "self_match_prevention_id": arguments.get("self_match_prevention_id"),
            "flags": int(flags),
            "quotes": [_entry_fields(entry) for entry in entries],
        }
        return self._request(now, "MassQuoteRequest", fields, arguments.get("correlation_id"), quote_id=quote_id)

    def cancel_quotes(
        self, now: int, mmp_group_id: int, *, side: Side = Side.BOTH, correlation_id: int | None = None
    ) -> Request:
        """Send a MassQuoteCancelRequest: the quotes of an MMP group, whichever session entered them."""
        fields = {"mmp_group_id": mmp_group_id, "side": int(side)}
        return self._request(now, "MassQuoteCancelRequest", fields, correlation_id)

    def mass_quote_mmp_status(self, now: int, mmp_group_id: int, *, correlation_id: int | None = None) -> Request:
        """Ask whether a group's market-maker protection is frozen (version 10 and later)."""
        return self._request(now, "GetMassQuoteMmpStatusRequest", {"mmp_group_id": mmp_group_id}, correlation_id)

    def orders_mmp_status(self, now: int, currency_pair_id: int, *, correlation_id: int | None = None) -> Request:
        """Ask whether the protection of a currency pair's orders is frozen (version 10 and later)."""
        return self._request(now, "GetOrdersMmpStatusRequest", {"currency_pair_id": currency_pair_id}, correlation_id)

    # -- Commands: the dead man's switch -------------------------------------------------------------------------------

    def cancel_all_after(
        self, now: int, timeout_ms: int, *, arm_sequence: int | None = None, correlation_id: int | None = None
    ) -> Request:
        """Send a CancelAllAfterRequest: all that the portfolio has open is cancelled in `timeout_ms` ms, unless it is
        sent again by then, by any session of the portfolio; 0 turns that off. It outlives this session.

        Without `arm_sequence` the next of a series is taken, which follows this machine's clock. ValueError when the
        timeout has no place on the wire.
        """
        if not 0 <= timeout_ms <= TIMEOUT_MS_MAX:
            raise ValueError(f"timeout_ms: wanted 0 to {TIMEOUT_MS_MAX}, was {timeout_ms}")
        self._need_session("CancelAllAfterRequest")
        fields = {
            "timeout_ms": timeout_ms,
            "arm_sequence": self.dead_man_switch.next_arm_sequence(now) if arm_sequence is None else arm_sequence,
            "scope": int(CancelOnDisconnectScope.PORTFOLIO),
        }
        return self._request(now, "CancelAllAfterRequest", fields, correlation_id)

    # -- Commands: cancel on disconnect --------------------------------------------------------------------------------

    def cover(
        self,
        now: int,
        enabled: bool,
        *,
        scope: CancelOnDisconnectScope = CancelOnDisconnectScope.SESSION,
        correlation_id: int | None = None,
    ) -> Request:
        """Send a CancelOnDisconnectRequest: switch the cover of orders to come, or of the portfolio.

        CoverAnswered says what holds then. It belongs to this connection, and is off again at the next logon.
        """
        fields = {"scope": int(scope), "enabled": int(enabled)}
        return self._request(now, "CancelOnDisconnectRequest", fields, correlation_id)

    def open_orders(
        self,
        now: int,
        *,
        scope: CancelOnDisconnectScope = CancelOnDisconnectScope.SESSION,
        covered_only: bool = False,
        correlation_id: int | None = None,
    ) -> Request:
        """Send an OpenOrdersRequest: what is open, or with `covered_only` what a disconnect would cancel now.

        It touches nothing; OpenOrdersListed has the whole list. One at a time, the gateway rejects a second.
        """
        fields = {"scope": int(scope), "covered_only": int(covered_only)}
        return self._request(now, "OpenOrdersRequest", fields, correlation_id)

    def receipts(self, now: int, enabled: bool, *, correlation_id: int | None = None) -> Request:
        """Send a SessionOptionsRequest: whether a Receipt is to follow the cancels of each fire of this session.

        It belongs to this connection, is off again at the next logon, and may be told after that.
        """
        fields = {"options": int(SessionOptions.RECEIPTS) if enabled else 0}
        return self._request(now, "SessionOptionsRequest", fields, correlation_id)

    # -- Events --------------------------------------------------------------------------------------------------------

    def _on_application(self, now: int, message: Message) -> list[Event]:
        return self._reports.apply(message, now)

    def _on_logged_on(self, now: int, message: Message, *, reset: bool) -> list[Event]:
        events = []
        if not reset:
            after = message.header.last_processed_seq_no
            events = self._reports.not_received(after + 1, self.numbers.next_outbound, now)
        self._reports.covers.abandon()
        self._reports.receipts.abandon()
        if self._wants_receipts:
            self.receipts(now, True)
        return events

    def _on_caught_up(self, now: int, sent_before: int) -> list[Event]:
        # The line may have swallowed requests, then a Logon been processed whose LogonConf it swallowed as well: that
        # Logon is the last message that LogonConf tells of now, and the requests before it are still unanswered.
        return self._reports.not_received(0, sent_before, now)

    def _on_messages_lost(self, sent_before: int | None) -> None:
        self._reports.doubt(sent_before)

    # -- State ---------------------------------------------------------------------------------------------------------

    def _next_id(self, now: int) -> int:
        taken = now if self._next_client_order_id is None else self._next_client_order_id
        self._next_client_order_id = taken + 1
        return taken

    def _need_flags(self, flags: OrderFlags) -> None:
        if flags & OrderFlags.CANCEL_ON_DISCONNECT:
            self._need_version("the flag cancelOnDisconnect", CANCEL_ON_DISCONNECT_SINCE_VERSION)
        if flags & OrderFlags.RESET_MMP:
            self._need_version("the flag resetMmp", RESET_MMP_SINCE_VERSION)

    def _need_version(self, what: str, since_version: int) -> None:
        if self.schema_version < since_version:
            raise SchemaVersionError(
                f"{what} needs schema version {since_version} or later, the session has {self.schema_version}"
            )

    def _request(
        self,
        now: int,
        name: str,
        fields: Mapping[str, Any],
        correlation_id: int | None,
        *,
        order: Order | None = None,
        quote_id: int | None = None,
    ) -> Request:
        self._need_session(name)
        self._need_version(name, _SINCE_VERSION[name])
        if correlation_id is None:
            correlation_id = self.numbers.next_outbound
        number = self._put(now, name, {**fields, "correlation_id": correlation_id})
        request = Request(name, number, correlation_id, order, quote_id)
        self._reports.requests.sent(request)
        return request


def _decimal(mantissa: int) -> Decimal72:
    return Decimal72(mantissa, -SCALE_DIGITS)


def _optional(amount: Amount | None) -> Decimal72 | None:
    return None if amount is None else _decimal(to_mantissa(amount))


def _entry_fields(entry: QuoteEntry) -> dict[str, Any]:
    return {
        "instrument_id": entry.instrument_id,
        "bid_price": None if entry.bid_price is None else to_mantissa(entry.bid_price),
        "ask_price": None if entry.ask_price is None else to_mantissa(entry.ask_price),
        "bid_qty": _decimal(to_mantissa(entry.bid_quantity)),
        "ask_qty": _decimal(to_mantissa(entry.ask_quantity)),
        "bid_flags": int(entry.bid_flags),
        "ask_flags": int(entry.ask_flags),
    }
