"""The vocabulary of scenario files: what a step of `breakwire cod-check` can do and what it can expect.

Each struct is one step as it stands in a file, `{ do = "order", name = "ask", side = "sell", price = 2 }`: its fields
are the keys, with their types, limits and defaults. Prices are ticks above (below: negative) the base price, quantities
are lots. Sessions are called by the part that they play: `maker` (whose line is cut), `second` (another key of the same
portfolio), `taker` (a key of another portfolio).
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from codec.layout import (
    MESSAGES,
    CancelAllAfterStatus,
    CancelOrderRejectReason,
    CancelReason,
    OrderRejectReason,
)
from codec.layout import Cause as CauseOfEnd


def _one_of(what: str, names: Iterable[str]) -> Meta:
    """A string that is one of the names that the protocol has for something; a default may be empty."""
    known = list(names)
    return Meta(pattern=rf"\A({'|'.join(known)})\Z", description=f"{what} by its name, as {known[0]}")


def _names_of(*kinds: type[IntEnum]) -> list[str]:
    return list(dict.fromkeys(one.name for kind in kinds for one in kind))


Part = Literal["maker", "second", "taker"]
Side = Literal["buy", "sell"]
Book = Literal["plain", "bumped"]
"""The instrument, or the one with a speed bump."""
Scope = Literal["session", "portfolio"]
Name = Annotated[str, Meta(pattern=r"\A[a-z0-9.-]{1,40}\Z", description="a name of a-z, 0-9, . and -")]
Names = tuple[Name, ...]
Ticks = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]
Lots = Annotated[int, Meta(ge=1, le=1_000_000)]
Count = Annotated[int, Meta(ge=0, le=1_000_000)]
Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]
Rejection = Annotated[str, _one_of("a reject reason", _names_of(CancelOrderRejectReason, OrderRejectReason))]
Reason = Annotated[str, _one_of("a CancelReason", _names_of(CancelReason))]
Cause = Annotated[str, _one_of("a Cause", _names_of(CauseOfEnd))]
SwitchStatus = Annotated[str, _one_of("a CancelAllAfterStatus", _names_of(CancelAllAfterStatus))]
MessageName = Annotated[str, _one_of("a message", (message.name for message in MESSAGES))]

Way = Literal[
    "fin",
    "rst",
    "half_close",
    "silence",
    "frozen",
    "logout",
    "displaced",
    "bad_protocol_id",
    "short_length",
    "long_length",
    "padding",
    "sequence_gap",
    "sequence_repeat",
    "second_logon",
    "slow_consumer",
]
"""How a line is cut. `silence`: it reads and says nothing; `frozen`: nor does it read; `padding`: eight zero bytes."""


class Step(Struct, frozen=True, kw_only=True):
    """One step of a scenario."""


# What a step does ----------------------------------------------------------------------------------------------------


class EnterOrder(Step, frozen=True, kw_only=True):
    """Enter an order and wait for the answer; `rejected` is the reason where it must be refused.

    `covered` says whether a disconnect must take it; then it carries the flag for that, unless `flag` is false.
    """

    name: Name
    by: Part = "maker"
    side: Side
    price: Ticks
    lots: Lots = 1
    book: Book = "plain"
    covered: bool = True
    flag: bool = True
    client_order_id_of: Name = ""  # use the clientOrderId that this order had
    rejected: Rejection = ""


class EnterLadder(Step, frozen=True, kw_only=True):
    """Many orders of one lot, `levels` prices deep from `price` on; they are called NAME-1, NAME-2 and so on."""

    name: Name
    by: Part = "maker"
    count: Annotated[int, Meta(ge=1, le=10_000)]
    side: Side
    price: Ticks
    levels: Annotated[int, Meta(ge=1, le=1_000)] = 10


class Burst(Step, frozen=True, kw_only=True):
    """Orders that are on the way when the line is cut: sent in one piece with the cut, no answer awaited."""

    by: Part = "maker"
    count: Annotated[int, Meta(ge=1, le=1_000)]
    side: Side
    price: Ticks
    book: Book = "plain"


class EnterQuote(Step, frozen=True, kw_only=True):
    """A mass quote of one instrument; its sides are called NAME.bid and NAME.ask from here on."""

    name: Name
    by: Part = "maker"
    bid: Ticks
    ask: Ticks
    lots: Lots = 1
    book: Book = "plain"


class Amend(Step, frozen=True, kw_only=True):
    """Amend an order, whoever entered it."""

    order: Name
    by: Part = "maker"
    price: Ticks
    lots: Lots = 1
    rejected: Rejection = ""


class Cancel(Step, frozen=True, kw_only=True):
    """Cancel an order, whoever entered it."""

    order: Name
    by: Part = "maker"
    rejected: Rejection = ""


class Take(Step, frozen=True, kw_only=True):
    """An immediate-or-cancel order that fills `lots`."""

    by: Part = "taker"
    side: Side
    price: Ticks
    lots: Lots = 1


class Race(Step, frozen=True, kw_only=True):
    """A taker's immediate-or-cancel orders around the cut that follows, one half before it, one half after.

    What they fill is anyone's guess: an order may have filled in place of being cancelled. But it must add up.
    """

    count: Annotated[int, Meta(ge=1, le=1_000)]
    side: Side
    price: Ticks
    lots: Lots = 1


class Options(Step, frozen=True, kw_only=True):
    """SessionOptionsRequest (4000)."""

    by: Part = "maker"
    receipts: bool


class Cover(Step, frozen=True, kw_only=True):
    """CancelOnDisconnectRequest (4010); `active` and `covered_orders` are what 4011 must say."""

    by: Part = "maker"
    scope: Scope
    enabled: bool
    active: bool | None = None
    covered_orders: Count | None = None


class DeadMan(Step, frozen=True, kw_only=True):
    """CancelAllAfterRequest (4020); a timeout of 0 turns it off. From its expiry on cancels are expected.

    `arm_sequence` counts from the time of the scenario, since a portfolio's may never go back.
    """

    by: Part = "maker"
    timeout_ms: Annotated[int, Meta(ge=0, le=4_294_967_295)]
    arm_sequence: Count | None = None
    status: SwitchStatus = "ACCEPTED"


class LogOn(Step, frozen=True, kw_only=True):
    """Log on again. Without `reset` whatever was missed is asked for by ResendRequest."""

    by: Part = "maker"
    reset: bool = False
    cancel_on_disconnect: bool = True


class StopReading(Step, frozen=True, kw_only=True):
    """Read no more, and ask for so much that the gateway is left with bytes it cannot send."""

    by: Part = "maker"


class HalfFrame(Step, frozen=True, kw_only=True):
    """Send the first half of a NewOrderRequest."""

    by: Part = "maker"


class Cut(Step, frozen=True, kw_only=True):
    """End a session's line, one way or another. Times are counted from here."""

    how: Way
    of: Part = "maker"


class Wait(Step, frozen=True, kw_only=True):
    """Let time pass, with everybody's heartbeats going on; `intervals` are heartbeat intervals."""

    ms: Milliseconds = 0
    intervals: Annotated[int, Meta(ge=0, le=100)] = 0


# What a step expects -------------------------------------------------------------------------------------------------


class Cancelled(Step, frozen=True, kw_only=True):
    """OrdersCanceled (310) tells of each open order of `of` once, with what had filled, in time, and of no other.

    `orders` names those that it must be; without, all that are open. Seen by the scenario's observer.
    """

    of: Part = "maker"
    orders: Names | None = None
    reason: Reason = "CLIENT_DISCONNECT"
    after: Literal["cut", "dead_man"] = "cut"


class Untradable(Step, frozen=True, kw_only=True):
    """A taker that crosses every price at which orders of `of` had stood meets none of them."""

    of: Part = "maker"


class Tradable(Step, frozen=True, kw_only=True):
    """A taker that crosses these orders gets all that was left of them."""

    orders: Names


class Untouched(Step, frozen=True, kw_only=True):
    """When the speed bump is over, these orders are open and nothing of them has filled."""

    orders: Names


class Receipt(Step, frozen=True, kw_only=True):
    """CancelOnDisconnectReceipt (4030) of `of`: cause, scope, counts, order numbers, digest and times are right."""

    of: Part = "maker"
    cause: Cause
    scope: Scope = "session"
    where: Literal["drop_copy", "stream"]
    exempt: Count = 0


class NoReceipt(Step, frozen=True, kw_only=True):
    """No CancelOnDisconnectReceipt of `of` has come there."""

    of: Part = "maker"
    where: Literal["drop_copy", "stream"]


class LastWords(Step, frozen=True, kw_only=True):
    """What the cut line was told after the cut, in this order (repeated messages count as one), and then its end."""

    of: Part = "maker"
    messages: tuple[MessageName, ...]


class Barrier(Step, frozen=True, kw_only=True):
    """LogonConf of the new connection came after the last cancel of the old one."""

    of: Part = "maker"


class SameFrames(Step, frozen=True, kw_only=True):
    """What drop copy was told live, ResendRequest brings under the same numbers with the same content."""

    of: Part = "maker"


class Listed(Step, frozen=True, kw_only=True):
    """OpenOrdersResponse (4041) lists exactly these orders."""

    by: Part = "maker"
    scope: Scope = "session"
    covered_only: bool = False
    orders: Names


class Alive(Step, frozen=True, kw_only=True):
    """The session answers a TestRequest, and none of its orders was cancelled."""

    of: Part


DO: Final[dict[str, type[Step]]] = {
    "order": EnterOrder,
    "ladder": EnterLadder,
    "burst": Burst,
    "quote": EnterQuote,
    "amend": Amend,
    "cancel": Cancel,
    "take": Take,
    "race": Race,
    "options": Options,
    "cover": Cover,
    "dead_man": DeadMan,
    "log_on": LogOn,
    "stop_reading": StopReading,
    "half_frame": HalfFrame,
    "cut": Cut,
    "wait": Wait,
}
EXPECT: Final[dict[str, type[Step]]] = {
    "cancelled": Cancelled,
    "untradable": Untradable,
    "tradable": Tradable,
    "untouched": Untouched,
    "receipt": Receipt,
    "no_receipt": NoReceipt,
    "last_words": LastWords,
    "barrier": Barrier,
    "same_frames": SameFrames,
    "listed": Listed,
    "alive": Alive,
}
