"""Whether cancel on disconnect works at this moment, by what became of the canary's last cancel.

Green is proved, and a proof is good for one round and one interval more: whoever has heard nothing newer by
`valid_until` knows nothing, and that is red, be the gateway dead, frozen or busy. Red is also a cancel that came too
late or not yet, at once, and a round that came to no cancel at all. With an interval of n seconds nothing stays green
longer than 2 n seconds after a cancel that should have come, or n and the grace if that is more. A cancel should come
when the grace is over.

Times are core time in ns. Rounds are told by the loop; any thread may ask for a report at any time, since a verdict is
replaced as a whole.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from gateway.limits import CANARY_LATE_MOST_MS

_MILLISECOND_NS: Final = 1_000_000
_LATE_NS: Final = CANARY_LATE_MOST_MS * _MILLISECOND_NS

REASON_NOT_YET: Final = "no canary has been cancelled yet"
REASON_SILENT: Final = "no canary was cancelled since"
REASON_LATE: Final = "the canary's order left the book too late"
REASON_STILL_THERE: Final = "the canary's order is still in the book"


class Colour(StrEnum):
    """What to make of it at a glance."""

    GREEN = "green"
    RED = "red"


class Round(StrEnum):
    """How a round ended: cancelled in time, cancelled too late, or without a cancel that could have been watched."""

    IN_TIME = "in_time"
    LATE = "late"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known.

    since: of this colour; reason: of red, else empty; broke_at: when the canary's line broke last; lateness_ns: what
    its order then took to leave the book, grace not counted, or has taken so far if it `is_still_there`.
    """

    colour: Colour
    since: int
    valid_until: int
    reason: str = ""
    broke_at: int | None = None
    lateness_ns: int | None = None
    is_still_there: bool = False

    @property
    def is_green(self) -> bool:
        return self.colour is Colour.GREEN


class Health:
    """The verdict on one gateway. `interval_ns` is the canary's, `grace_ns` what its orders outlive their line by."""

    def __init__(self, interval_ns: int, grace_ns: int, now: int) -> None:
        self._interval_ns = interval_ns
        self._grace_ns = grace_ns
        self.rounds = dict.fromkeys(Round, 0)
        self._verdict = Verdict(Colour.RED, now, self._next_by(now), REASON_NOT_YET)

    def lateness_ns(self, broke_at: int, now: int) -> int:
        """For how long the order of a line that broke then should have been gone."""
        return max(now - broke_at - self._grace_ns, 0)

    def is_late(self, broke_at: int, now: int) -> bool:
        """Whether that is too long."""
        return self.lateness_ns(broke_at, now) > _LATE_NS

    # what the canary tells

    def cancelled(self, broke_at: int, gone_at: int) -> None:
        """The canary's order was found gone, `gone_at`, after its line had broken."""
        lateness_ns = self.lateness_ns(broke_at, gone_at)
        if self.is_late(broke_at, gone_at):
            self.rounds[Round.LATE] += 1
            self._turn_red(REASON_LATE, gone_at, broke_at, lateness_ns)
            return
        self.rounds[Round.IN_TIME] += 1
        before = self.report(gone_at)
        self._verdict = Verdict(
            Colour.GREEN,
            before.since if before.is_green else gone_at,
            self._next_by(max(broke_at + self._interval_ns, gone_at)),
            broke_at=broke_at,
            lateness_ns=lateness_ns,
        )

    def overdue(self, broke_at: int, now: int) -> None:
        """The canary's order is still there, although that is too late already."""
        self._turn_red(REASON_STILL_THERE, now, broke_at, self.lateness_ns(broke_at, now), True)

    def failed(self, reason: str, now: int) -> None:
        """A round came to no cancel that could have been watched."""
        self.rounds[Round.FAILED] += 1
        self._turn_red(reason, now, self._verdict.broke_at, self._verdict.lateness_ns)

    # what anybody asks

    def report(self, now: int) -> Verdict:
        """What is known now."""
        verdict = self._verdict
        if verdict.is_green and now > verdict.valid_until:
            return replace(verdict, colour=Colour.RED, since=verdict.valid_until, reason=REASON_SILENT)
        if verdict.is_still_there and verdict.broke_at is not None:
            return replace(verdict, lateness_ns=self.lateness_ns(verdict.broke_at, now))
        return verdict

    def _turn_red(
        self, reason: str, now: int, broke_at: int | None, lateness_ns: int | None, is_still_there: bool = False
    ) -> None:
        before = self.report(now)
        since = now if before.is_green else before.since
        self._verdict = Verdict(
            Colour.RED,
            since,
            self._next_by(now + self._interval_ns),
            reason,
            broke_at,
            lateness_ns,
            is_still_there,
        )

    def _next_by(self, next_break: int) -> int:
        """When the cancel of a line that breaks then must have been seen."""
        return next_break + self._grace_ns + self._interval_ns
