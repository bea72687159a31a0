"""What a client holds: its orders, its standing quotes, and the requests that it has made.

Prices and quantities are kept as int64 counts of 1e-9 (`..._mantissa`) and read as `decimal.Decimal`. Only the client
writes to these objects; they change as messages arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from codec.layout import CancelReason, Side
from gateway.client_values import from_mantissa

if TYPE_CHECKING:
    from gateway.client_events import Event


class OrderState(Enum):
    """Where an order or a quote of ours stands, as far as the messages that have arrived say."""

    PENDING = "pending"  # sent, not answered
    QUEUED = "queued"  # held up by a speed bump: it, or new terms of it that the gateway has accepted
    OPEN = "open"  # acknowledged and working
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    NOT_RECEIVED = "not received"  # the request never reached the gateway, as a logon has shown


_LIVE = frozenset({OrderState.PENDING, OrderState.QUEUED, OrderState.OPEN})


class _Amounts:
    """The amounts of an order or a quote, as numbers."""

    __slots__ = ()

    price_mantissa: int | None
    quantity_mantissa: int | None
    total_filled_mantissa: int
    state: OrderState

    @property
    def price(self) -> Decimal | None:
        return None if self.price_mantissa is None else from_mantissa(self.price_mantissa)

    @property
    def quantity(self) -> Decimal | None:
        """In total: what has filled and what has not."""
        return None if self.quantity_mantissa is None else from_mantissa(self.quantity_mantissa)

    @property
    def total_filled(self) -> Decimal:
        return from_mantissa(self.total_filled_mantissa)

    @property
    def remaining(self) -> Decimal | None:
        """What may still trade; None when the quantity is not known."""
        if not self.is_live:
            return Decimal(0)
        return None if self.quantity_mantissa is None else from_mantissa(self.remaining_mantissa)

    @property
    def remaining_mantissa(self) -> int:
        """What may still trade, in counts of 1e-9; 0 when the quantity is not known."""
        if not self.is_live or self.quantity_mantissa is None:
            return 0
        return self.quantity_mantissa - self.total_filled_mantissa

    @property
    def is_live(self) -> bool:
        """Whether it may still trade."""
        return self.state in _LIVE


@dataclass(slots=True, eq=False)
class Order(_Amounts):
    """One order. Those of this session (`is_own`) are kept true; one of another session of the portfolio, made by the
    user from its clientOrderId and instrumentId to amend or cancel it, says what the last answer to that said.

    `in_doubt`: messages were lost for good which may have spoken of this order (a logon with reset, or history that the
    gateway no longer holds), so that its state is the last one known; or it was first heard of in the answer to an
    amend, which an order of another session has as well. Any later message about the order clears it.
    An order first heard of in a fill or a cancel has no side, price and quantity.
    While an amend waits behind a speed bump (QUEUED), price and quantity are those asked for, and the order may still
    trade on its old ones.
    """

    client_order_id: int
    instrument_id: int
    side: Side | None = None
    price_mantissa: int | None = None  # None = market, or not known
    quantity_mantissa: int | None = None
    total_filled_mantissa: int = 0
    visible_mantissa: int | None = None  # what the book shows, as of the last response; a fill changes it unsaid
    order_id: int | None = None
    state: OrderState = OrderState.PENDING
    cancel_reason: CancelReason | None = None
    in_doubt: bool = False
    is_own: bool = False


@dataclass(slots=True, eq=False)
class Quote(_Amounts):
    """One side of a quote of this session. A quote that replaces it, under a new orderId, is another object.

    `in_doubt`: as with an order. `is_own` is False, and `in_doubt` stays True, where a mass quote of ours found a quote
    standing that we do not know, and left it: it belongs to another session, or is ours from before this client's
    memory. What another session of the portfolio reduces a quote of ours to is told to that session alone: `remaining`
    is then more than there is, until the next message about the quote.
    `side`, price, quantity and group are None as far as no message has told them.
    """

    order_id: int
    quote_id: int
    instrument_id: int
    side: Side | None = None
    mmp_group_id: int | None = None
    price_mantissa: int | None = None
    quantity_mantissa: int | None = None
    total_filled_mantissa: int = 0
    state: OrderState = OrderState.OPEN
    cancel_reason: CancelReason | None = None
    in_doubt: bool = False
    is_own: bool = True


class RequestState(Enum):
    """What has become of a request."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NOT_RECEIVED = "not received"  # it never reached the gateway, as a logon has shown
    UNKNOWN = "unknown"  # its answer is lost for good


@dataclass(slots=True, eq=False)
class Request:
    """One request of ours and what has become of it. `answer` is the event that its answer brought."""

    name: str  # of the message, as in the schema
    sequence_number: int
    correlation_id: int
    order: Order | None = None  # that it is about, if we know the order
    quote_id: int | None = None  # of a mass quote
    state: RequestState = RequestState.PENDING
    answer: Event | None = None

    @property
    def is_pending(self) -> bool:
        """Whether no answer has come yet."""
        return self.state is RequestState.PENDING
