"""What a client hears: the events of a session.

Everything here is plain data. An event that a message brought carries the message whole, so that nothing that the
gateway says is out of reach.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from codec.layout import FLAG_RESEND, CancelAllAfterStatus, CancelReason, MmpTriggerType, OrderStatus, QuoteStatus, Side
from codec.values import Message
from gateway.client_state import Order, Quote, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened. `received_time_ns` is the client's clock, ns since the Unix epoch, when it was read."""

    received_time_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent(Event):
    """An event that one message of the gateway brought."""

    message: Message

    @property
    def resent(self) -> bool:
        """Whether the message came as part of a replay (flag bit 0 of its header)."""
        return bool(self.message.header.flags & FLAG_RESEND)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOn(MessageEvent):
    """LogonConf. `last_processed_seq_no`: the last message of ours that the gateway processed before this logon."""

    heartbeat_interval_s: int
    schema_version: int
    last_processed_seq_no: int
    reset: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedOut(MessageEvent):
    """The gateway ended the session, or refused a logon (`had_session` False)."""

    reason: str
    had_session: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected(Event):
    """The line is down. What hung on it the gateway cancels, or keeps for a while if it has a grace.

    A logon without reset brings the word of either.
    """

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatReceived(MessageEvent):
    """`correlation_id` is 0, or that of the TestRequest it answers."""

    correlation_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDetected(Event):
    """Numbers that we have not seen, asked for again by ResendRequest. Both ends included."""

    from_sequence_number: int
    to_sequence_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapClosed(Event):
    """All of a gap has been told again, or named as lost by a MessagesLost before this."""

    from_sequence_number: int
    to_sequence_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesLost(Event):
    """Numbers that the gateway no longer stores. Live orders are in doubt from here on. Both ends included."""

    from_sequence_number: int
    to_sequence_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReplayed(MessageEvent):
    """A message that had already been taken in, told again because the user asked for it. It changes no order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived(MessageEvent):
    """A message that no other event stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRejected(MessageEvent):
    """Reject(30): the gateway could not read a message of ours, or does not do what it asks. `request`: if known."""

    ref_sequence_number: int
    reason: int
    details: str
    request: Request | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestNotReceived(Event):
    """A request that the line swallowed: the gateway never processed it, as a logon without reset has shown."""

    request: Request


# -- Orders ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(MessageEvent):
    """NewOrderResponse. Its fills follow as events of their own, and its end if it did not rest.

    With `status` QUEUED it waits behind a speed bump: OrderPlaced says what came of it.
    """

    order: Order
    status: OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(MessageEvent):
    """NewOrderReject: the order never lived. `reason` is an `OrderRejectReason`."""

    order: Order
    reason: int
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotReceived(Event):
    """A new order that the line swallowed: see RequestNotReceived."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAmended(MessageEvent):
    """AmendOrderResponse: the order has new terms, or with `status` QUEUED will have them when OrderPlaced says so.

    `request` is None when another session of the portfolio amended an order of ours. `order.is_own` is False where it
    was we who amended an order of another session. Fills follow as events of their own, and the end of the order if the
    amend brought it.
    """

    order: Order
    status: OrderStatus
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendRejected(MessageEvent):
    """AmendOrderReject: the order is as it was. `reason` is an `OrderRejectReason`; `order` if it is one we know."""

    client_order_id: int
    order_id: int | None
    reason: int
    details: str
    order: Order | None
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(MessageEvent):
    """OrderPlaced: an order, or an amend of one, that a speed bump held up has been released; this is how it stands.

    Fills follow as events of their own, and the end of the order if it did not rest.
    """

    order: Order
    status: OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(MessageEvent):
    """One fill. `total_filled` is the order's sum with this fill in it; both sides of a match share `match_id`.

    `order.is_own` is False where our amend of another session's order filled it: that session is told as well.
    """

    order: Order
    match_id: int
    price: Decimal
    quantity: Decimal
    total_filled: Decimal
    is_maker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(MessageEvent):
    """An order is out of the book: by a cancel (reason BY_REQUEST from a 220), by a 310, or at its entry or amend.

    `order.total_filled` is what had filled. `order.is_own` is False where we cancelled an order of another session.
    """

    order: Order
    reason: CancelReason
    request: Request | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRejected(MessageEvent):
    """CancelOrderReject. `reason` is a `CancelOrderRejectReason`; `order` if it is one we know.

    With SPEED_BUMP_CONVERTED_TO_IOC the order, which a speed bump holds up, will not rest when it is released.
    """

    client_order_id: int
    order_id: int | None
    reason: int
    details: str
    order: Order | None
    request: Request | None


# -- Quotes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class QuoteSide:
    """What a mass quote did to one side of one of its entries.

    `quote` is the quote that stands there now, or that came and went or was taken out by it; None if there was none.
    `reject_reason`, an `OrderRejectReason`, says why the side that was asked for does not stand.
    """

    instrument_id: int
    side: Side
    status: QuoteStatus
    reject_reason: int | None
    quote: Quote | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MassQuoteAccepted(MessageEvent):
    """MassQuoteResponse: each side of each entry. Fills follow as events of their own, and the ends of quotes.

    A response too long for one message goes on in others: more of these, with no sides, and the rest of the fills.
    """

    quote_id: int
    mmp_group_id: int
    sides: tuple[QuoteSide, ...]
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MassQuoteRejected(MessageEvent):
    """MassQuoteReject: every quote is as it was. `reason` is a `MassQuoteRejectReason`."""

    quote_id: int
    mmp_group_id: int
    reason: int
    details: str
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotesPlaced(MessageEvent):
    """MassQuoteOrdersPlaced: quotes that a speed bump held up have been released; this is how each stands.

    Fills follow as events of their own, and the ends of those that do not stand. What is too long for one message goes
    on in others: more of these, with no quotes, and the rest of the fills.
    """

    mmp_group_id: int
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteFilled(MessageEvent):
    """One fill of a quote; see OrderFilled."""

    quote: Quote
    match_id: int
    price: Decimal
    quantity: Decimal
    total_filled: Decimal
    is_maker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteCanceled(MessageEvent):
    """A quote of ours is out of the book before it has filled: replaced or withdrawn by a mass quote, or by a 310."""

    quote: Quote
    reason: CancelReason


# -- Mass cancels ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancelAccepted(MessageEvent):
    """MassCancelResponse: that many orders and quotes of the portfolio are out of the book.

    Those of ours among them follow as OrderCanceled and QuoteCanceled, when the 310s come.
    """

    total_order_count: int
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCancelRejected(MessageEvent):
    """MassCancelReject. `reason` is a `MassCancelRejectReason`."""

    reason: int
    details: str
    request: Request | None


# -- Market-maker protection -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MmpTriggered(MessageEvent):
    """MassQuoteMmpTriggered or OrdersMmpTriggered: what the protection covers is being cancelled, and it is frozen."""

    frozen_until_ns: int
    quantity_level: float
    delta_level: float
    vega_level: float
    trigger: MmpTriggerType


@dataclass(frozen=True, slots=True, kw_only=True)
class MassQuoteMmpTriggered(MmpTriggered):
    """For the quotes of an MMP group."""

    mmp_group_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersMmpTriggered(MmpTriggered):
    """For the orders flagged mmp of a currency pair."""

    currency_pair_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MassQuoteMmpUnfrozen(MessageEvent):
    """The group takes quotes again. `correlation_id` is that of the request that reset it, None for the timer."""

    mmp_group_id: int
    correlation_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersMmpUnfrozen(MessageEvent):
    """The currency pair takes orders flagged mmp again; `correlation_id` as in MassQuoteMmpUnfrozen."""

    currency_pair_id: int
    correlation_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MassQuoteMmpStatus(MessageEvent):
    """GetMassQuoteMmpStatusResponse. `frozen_until_ns` is None when the group is not frozen."""

    mmp_group_id: int
    frozen_until_ns: int | None
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersMmpStatus(MessageEvent):
    """GetOrdersMmpStatusResponse. `frozen_until_ns` is None when the currency pair is not frozen."""

    currency_pair_id: int
    frozen_until_ns: int | None
    request: Request | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MmpStatusRejected(MessageEvent):
    """GetMassQuoteMmpStatusReject or GetOrdersMmpStatusReject. `reason` is an `MmpStatusRejectReason`."""

    reason: int
    request: Request | None


# -- The dead man's switch ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadManSwitchStatus(MessageEvent):
    """CancelAllAfterResponse: whether the request was accepted, and how the portfolio's switch stands now, either way.

    Times are the gateway's, ns since the Unix epoch; `trigger_time_ns` is None when the switch is off.
    """

    status: CancelAllAfterStatus
    armed: bool
    current_time_ns: int
    trigger_time_ns: int | None
    arm_sequence: int | None
    request: Request | None


# -- Drop copy ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCopy(MessageEvent):
    """One frame of another session's stream, unwrapped from a DropCopyEvent (4050).

    `message` is the 4050 that carried it, `origin` the frame inside, with the header it has in its own stream.
    """

    origin_client_id: str
    portfolio_id: int
    session_epoch: int
    origin_sequence_number: int | None
    origin: Message


Listener = Callable[[Event], object]
