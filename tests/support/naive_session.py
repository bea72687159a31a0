"""What the naive gateway keeps: sessions, their streams and endings, and connections."""

from dataclasses import dataclass, field
from typing import Any

from codec.layout import CancelReason, Cause
from gateway.session import LinkClosing
from support.naive_engine import NaiveOrder


@dataclass
class Inbound:
    """A whole frame from a client."""

    name: str
    fields: dict[str, Any]
    number: int
    raw: bytes


@dataclass(eq=False)
class Said:
    """A frame in a stream."""

    name: str
    fields: dict[str, Any]
    last_processed: int
    time: int


@dataclass(eq=False)
class NaiveEnding:
    cause: Cause
    text: str | None
    cancels: list[Said] = field(default_factory=list)
    delivered: bool = False


@dataclass(eq=False)
class NaiveFire:
    """Orders of one session that one event has killed, until they are told of; of the session's end, if it is that."""

    cancel_reason: CancelReason
    exec_id: int
    fenced_time: int
    left: list[NaiveOrder]
    ending: NaiveEnding | None = None


@dataclass(eq=False)
class NaiveLoss:
    """How the line of a lost session was lost, and when on the clock that stalls do not advance."""

    cause: Cause
    judged: int


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
    ending: NaiveEnding | None = None
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
    ending: NaiveEnding | None = None
    loss: NaiveLoss | None = None  # of a lost session
    losses: list[int] = field(default_factory=list)  # since it was locked out last
    locked_until: int = 0
    fires: list[NaiveFire] = field(default_factory=list)
