"""What has happened so far, in numbers that only grow: a few additions where something happens, never per message.

The core counts here what it alone knows: who was let in or refused, which fires there were, how long each took. Times
are differences of core time. `metrics.py` and `status.py` read it.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from codec.layout import Cause
from gateway import lifecycle
from gateway.cause_policy import CAUSE_POLICY

if TYPE_CHECKING:
    from gateway.cancel_on_disconnect import Ending, Fire

_MILLISECOND_NS: Final = 1_000_000
_SECOND_NS: Final = 1_000_000_000

FENCE_BOUNDS_NS: Final = tuple(
    round(ms * _MILLISECOND_NS) for ms in (0.001, 0.01, 0.1, 1, 10, 100, 1_000, 5_000, 30_000)
)
COMPLETION_BOUNDS_NS: Final = tuple(
    round(ms * _MILLISECOND_NS) for ms in (0.1, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000)
)
DETECTION_BOUNDS_NS: Final = tuple(
    round(s * _SECOND_NS) for s in (0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 7.5, 10, 15, 30, 60)
)
LAG_BOUNDS_NS: Final = tuple(round(ms * _MILLISECOND_NS) for ms in (1, 2, 5, 10, 20, 50, 100, 250, 1_000, 5_000))

DETECTED_CAUSES: Final = (
    Cause.TCP_CLOSED,
    Cause.TCP_RESET,
    Cause.HEARTBEAT_MISSED,
    Cause.DISPLACED,
    Cause.SLOW_CONSUMER,
)
"""Ends that the gateway has to find out; of all others it is told, or decides them itself."""

OTHER_REFUSAL: Final = "other"
REFUSALS: Final = (
    (lifecycle.TEXT_NOT_LOGON, "not_logon"),
    (lifecycle.TEXT_BAD_LOGON, "malformed"),
    (lifecycle.TEXT_BAD_CREDENTIALS, "credentials"),
    ("schemaVersion", "version"),
    ("sequence number", "sequence_number"),
    (lifecycle.TEXT_ALREADY_LOGGED_ON, "already_logged_on"),
    (lifecycle.TEXT_RETRY_AFTER.partition("{")[0], "flapping"),
    (lifecycle.TEXT_LOGON_TIMEOUT, "timeout"),
    (lifecycle.TEXT_OVERTAKEN, "overtaken"),
    (lifecycle.TEXT_TOO_MANY_CONNECTIONS, "too_many_connections"),
    (lifecycle.TEXT_PENDING_FULL, "too_many_bytes"),
    (str(CAUSE_POLICY[Cause.GATEWAY_SHUTDOWN].text), "shutdown"),
    (str(CAUSE_POLICY[Cause.ADMIN].text), "ended_by_venue"),
    ("protocolId", "framing"),
    ("messageLength", "framing"),
    ("more than 7 zero bytes", "framing"),
)
"""How the text of a refusal begins, and the class that it is counted in."""


def refusal_kind(text: str) -> str:
    """The class that a refusal with this text is counted in."""
    return next((kind for start, kind in REFUSALS if text.startswith(start)), OTHER_REFUSAL)


class Histogram:
    """Observations in ns, counted in buckets with fixed upper bounds; the last bucket has none."""

    __slots__ = ("bounds_ns", "counts", "sum_ns")

    def __init__(self, bounds_ns: Sequence[int]) -> None:
        self.bounds_ns = bounds_ns
        self.counts = [0] * (len(bounds_ns) + 1)
        self.sum_ns = 0

    def observe(self, ns: int) -> None:
        self.counts[bisect_left(self.bounds_ns, ns)] += 1
        self.sum_ns += ns


@dataclass(frozen=True, slots=True)
class Slowest:
    """The fire that took longest from its fence to its last order told of."""

    client_id: str
    cause: Cause
    fenced_time: int  # ns since the epoch
    orders: int
    completion_ns: int


class Tally:
    """The counters of one core."""

    def __init__(self) -> None:
        self.logons = 0
        self.refusals = dict.fromkeys((*(kind for _, kind in REFUSALS), OTHER_REFUSAL), 0)
        self.fires = dict.fromkeys(Cause, 0)
        self.fired_orders = dict.fromkeys(Cause, 0)
        self.detection = Histogram(DETECTION_BOUNDS_NS)
        self.fence = Histogram(FENCE_BOUNDS_NS)
        self.completion = Histogram(COMPLETION_BOUNDS_NS)
        self.loop_lag = Histogram(LAG_BOUNDS_NS)
        self.slowest: Slowest | None = None

    def refused(self, text: str) -> None:
        """A connection was sent away with this text before it had a session."""
        self.refusals[refusal_kind(text)] += 1

    def detected(self, ending: "Ending") -> None:
        """A session's end has begun."""
        if ending.cause in DETECTED_CAUSES and not ending.session.is_canary:
            self.detection.observe(ending.detected_time - ending.last_heard_time)

    def fenced(self, fire: "Fire", cause: Cause) -> None:
        """A session's orders are dead by a cause, if it had any."""
        if fire.session.is_canary:
            return
        self.fires[cause] += 1
        self.fired_orders[cause] += fire.left_count
        self.fence.observe(fire.fenced_time - fire.detected_time)

    def completed(self, fire: "Fire", cause: Cause, now: int) -> None:
        """The last of these orders has been told of."""
        if fire.session.is_canary:
            return
        completion_ns = now - fire.fenced_time
        self.completion.observe(completion_ns)
        if self.slowest is None or completion_ns > self.slowest.completion_ns:
            self.slowest = Slowest(
                fire.session.client_id, cause, fire.fenced_time, fire.account.cancelled_count, completion_ns
            )
