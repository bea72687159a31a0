"""When settlements are: every day at one time of day, UTC (`settlement_time`). What they end is in day_orders."""

from typing import Final

_SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * _SECOND_NS


def time_of_day_ns(text: str) -> int:
    """ns since midnight of a time as "08:00:00Z"."""
    hours, minutes, seconds = (int(part) for part in text.removesuffix("Z").split(":"))
    return (hours * 3600 + minutes * 60 + seconds) * _SECOND_NS


class Settlements:
    """The settlements as core time passes them; it begins with the first time that it is told.

    Attributes:
        next_ns: core time of the next one; None before the first look.
    """

    def __init__(self, settlement_time: str) -> None:
        self._time_of_day_ns = time_of_day_ns(settlement_time)
        self.next_ns: int | None = None

    def passed(self, now: int) -> int:
        """How many settlements have come since the last look. One that comes exactly now has."""
        since_one = (now - self._time_of_day_ns) % DAY_NS
        following_ns = now - since_one + DAY_NS
        count = 0 if self.next_ns is None else (following_ns - self.next_ns) // DAY_NS
        self.next_ns = following_ns
        return count
