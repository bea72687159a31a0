"""What the naive gateway keeps: sessions, their streams and endings, and connections."""

from dataclasses import dataclass, field
from typing import Any

from codec.layout import CancelReason, Cause
from gateway.session import LinkClosing
from support.naive_cover import NaiveListing
from support.naive_engine import NaiveOrder


@dataclass
class Inbound:
    """A whole frame from a client."""

    name: str
    fields: dict[str, Any]
    number: int
    raw: bytes
    was_heard: bool = False  # it is a sign of life when it comes in, though it may be read later


@dataclass(eq=False)
class Said:
    """A frame in a stream."""

    name: str
    fields: dict[str, Any]
    last_processed: int
    time: int


@dataclass(eq=False)
class NaiveFire:
    """Orders of one session that one event has killed: what is left to tell, and what was told.

    The end of a session is one too; then it says what the end was, else `is_end` is False. No receipt tells of one
    that has no cause.
    """

    cause: Cause | None
    scope: int
    cancel_reason: CancelReason
    exec_id: int
    last_heard: int
    detected_time: int
    fenced_time: int
    left: list[NaiveOrder]
    exempt: int = 0
    is_end: bool = False
    text: str | None = None
    cancels: list[tuple[int, Said]] = field(default_factory=list)  # with their numbers
    receipt: Said | None = None  # if it was put into the session's stream
    delivered: bool = False


@dataclass(eq=False)
class NaiveLoss:
    """How the line of a lost session was lost, and when; `judged` on the clock that stalls do not advance."""

    cause: Cause
    judged: int
    time: int


@dataclass(eq=False)
class NaiveLine:
    """A connection. `told` is what it was sent of which stream: from where, to where (None: to the end, and on)."""

    connected_judged: int
    state: str = "logon"  # waiting, live, closing, closed
    session: "NaiveSession | None" = None
    request: Inbound | None = None
    pending: list[Inbound | str] = field(default_factory=list)  # frames, or what is wrong with bytes that are none
    held: list[Inbound | str] = field(default_factory=list)  # the same, while dead orders hold up the first of them
    stream: list[Said] = field(default_factory=list)
    told_from: int = 0
    told_to: int | None = 0
    farewell: str | None = None  # of a LoggedOut without a session
    closing: LinkClosing = LinkClosing.CLOSING_NOT
    told_fires: list[NaiveFire] = field(default_factory=list)  # once its session has ended
    replay: tuple[int, int] | None = None

    def close(self, closing: LinkClosing) -> None:
        self.closing = closing


@dataclass(eq=False)
class NaiveSession:
    slot: int
    client_id: str
    portfolio: int
    drop_copy: bool
    watchers: "list[NaiveSession]" = field(default_factory=list)
    state: str = "vacant"  # live, lost, ending
    line: NaiveLine | None = None
    newcomer: NaiveLine | None = None
    version: int = 0
    epoch: int = 0
    generation: int = 1
    expected: int = 1
    last_processed: int = 0
    stream: list[Said] = field(default_factory=list)
    heard_judged: int = 0
    probed_judged: int | None = None
    spoke: int = 0
    loss: NaiveLoss | None = None  # of a lost session
    losses: list[int] = field(default_factory=list)  # since it was locked out last
    locked_until: int = 0
    heard: int = 0
    options: int = 0
    armed: bool = False
    covers_all: bool = True
    cover_is_fixed: bool = True
    listing: NaiveListing | None = None
    fires: list[NaiveFire] = field(default_factory=list)  # under way
    told_fires: list[NaiveFire] = field(default_factory=list)  # all since its last logon
