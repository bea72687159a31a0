"""What a client hears and holds: exact amounts, its own orders, the events of a session, and the client's errors.

Everything here is plain data. Prices and quantities are `decimal.Decimal` at the API and int64 counts of 1e-9 inside,
as on the wire; a float is refused, because it is not the number that was written.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from enum import Enum
from typing import Any

from codec.layout import FLAG_RESEND, CancelReason, Side
from codec.values import Decimal72, Message
from codec.wire import to_fixed
from gateway.errors import MisuseError, PeerError
from gateway.limits import MANTISSA_MAX

SCALE_DIGITS = 9

_EXACT = Context(prec=40)

Amount = Decimal | str | int

Fields = dict[str, Any]
"""The fields of a message: the schema knows the type of each, the type checker does not."""


def to_mantissa(amount: Amount) -> int:
    """The amount as a count of 1e-9. TypeError for a float, ValueError when it is not exact at 1e-9 or does not fit."""
    if isinstance(amount, float | bool) or not isinstance(amount, Decimal | str | int):
        raise TypeError(f"an amount is a Decimal, str or int, not {type(amount).__name__}: {amount!r}")
    try:
        value = Decimal(amount)
    except ArithmeticError:
        raise ValueError(f"not a number: {amount!r}") from None
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"an amount is a finite number, not {amount!r}")
    if value and value.adjusted() > SCALE_DIGITS:
        raise ValueError(f"{amount!r} is above the largest amount, {from_mantissa(MANTISSA_MAX)}")
    whole, rest = _scaled(int("".join(map(str, digits))), exponent + SCALE_DIGITS)
    if rest:
        raise ValueError(f"{amount!r} is not a whole number of 1e-9")
    if whole > MANTISSA_MAX:
        raise ValueError(f"{amount!r} is above the largest amount, {from_mantissa(MANTISSA_MAX)}")
    return -whole if sign else whole


def _scaled(digits: int, power: int) -> tuple[int, int]:
    """digits x 10^power as a whole number and what is left over."""
    if not digits:
        return 0, 0
    if power >= 0:
        return digits * int(10**power), 0
    return divmod(digits, int(10**-power))


def from_mantissa(mantissa: int) -> Decimal:
    """The exact value of a count of 1e-9."""
    return Decimal(mantissa).scaleb(-SCALE_DIGITS, _EXACT)


def mantissa_of(value: Decimal72 | None) -> int:
    """A Decimal72 as a count of 1e-9; null is 0. UnreadableFrameError when it is none, which no gateway sends."""
    if value is None:
        return 0
    try:
        return to_fixed(value) or 0
    except ValueError as error:
        raise UnreadableFrameError(f"{value}: {error}") from None


# -- Orders ------------------------------------------------------------------------------------------------------------


class OrderState(Enum):
    """Where an order of ours stands, as far as the messages that have arrived say."""

    PENDING = "pending"  # sent, not answered
    OPEN = "open"  # acknowledged and working
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    NOT_RECEIVED = "not received"  # the gateway said at logon that the request never reached it


@dataclass(slots=True, eq=False)
class Order:
    """One order of this session. It changes as messages arrive; only the client writes to it.

    `in_doubt` says that messages were lost for good which may have spoken of this order (a logon with reset, or history
    that the gateway no longer holds): its state is the last one known. Any later message about the order clears it.
    An order first heard of in a fill or a cancel has no side, price and quantity.
    """

    client_order_id: int
    instrument_id: int
    side: Side | None = None
    price_mantissa: int | None = None  # 1e-9; None = market, or not known
    quantity_mantissa: int | None = None
    total_filled_mantissa: int = 0
    order_id: int | None = None
    state: OrderState = OrderState.PENDING
    cancel_reason: CancelReason | None = None
    in_doubt: bool = False

    @property
    def price(self) -> Decimal | None:
        return None if self.price_mantissa is None else from_mantissa(self.price_mantissa)

    @property
    def quantity(self) -> Decimal | None:
        return None if self.quantity_mantissa is None else from_mantissa(self.quantity_mantissa)

    @property
    def total_filled(self) -> Decimal:
        return from_mantissa(self.total_filled_mantissa)

    @property
    def is_live(self) -> bool:
        """Whether it may still trade."""
        return self.state in (OrderState.PENDING, OrderState.OPEN)


# -- Events ------------------------------------------------------------------------------------------------------------


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
    """The line is down. What hung on it is cancelled by the gateway; the next logon brings the word of it."""

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
    """Reject(30): the gateway could not read a message of ours. `order` if that message was a new order."""

    ref_sequence_number: int
    reason: int
    details: str
    order: Order | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAccepted(MessageEvent):
    """NewOrderResponse. Its fills follow as events of their own, and its end if it did not rest."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRejected(MessageEvent):
    """NewOrderReject: the order never lived."""

    order: Order
    reason: int
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled(MessageEvent):
    """One fill. `total_filled` is the order's sum with this fill in it; both sides of a match share `match_id`."""

    order: Order
    match_id: int
    price: Decimal
    quantity: Decimal
    total_filled: Decimal
    is_maker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCanceled(MessageEvent):
    """An order of ours is out of the book: by our request (reason BY_REQUEST from a 220), by a 310, or at its entry.

    `reason` is a `CancelReason`. `order.total_filled` is what had filled.
    """

    order: Order
    reason: CancelReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRejected(MessageEvent):
    """CancelOrderReject. `order` if it is one of ours that we hold for live."""

    client_order_id: int
    order_id: int | None
    reason: int
    details: str
    order: Order | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotReceived(Event):
    """A new order that the line swallowed: LogonConf says that the gateway never processed its number."""

    order: Order


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


# -- Errors ------------------------------------------------------------------------------------------------------------


class LogonRefusedError(PeerError):
    """The gateway answered a Logon with LoggedOut; the text is the gateway's reason."""


class ConnectionDownError(PeerError):
    """The line went down before what was waited for came."""


class UnreadableFrameError(PeerError):
    """A frame that is none, or says what cannot be. It ends the line."""


class SessionStateError(MisuseError):
    """A call that the session's state does not allow: an order before the logon, two replays at once."""


class EventsLostError(MisuseError):
    """A reader of events was too slow and its queue ran full. The orders are true; the reader's own record is not."""
