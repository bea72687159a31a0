"""Leaky buckets said again with fractions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

TOKENS_PER_REQUEST = 2000
SECOND = 1_000_000_000


@dataclass
class Bucket:
    level: Fraction = Fraction(0)
    time: int = 0


class NaiveRateLimits:
    """`holders` says whose buckets a session slot uses; rates and bursts are (per second, at once) by bucket."""

    def __init__(self, holders: Sequence[int], rates: Mapping[str, tuple[int, int]]) -> None:
        self.holders = holders
        self.rates = rates
        self.buckets = {(holder, bucket): Bucket() for holder in holders for bucket in rates}

    def charge(self, slot: int, bucket: str, cost: int, now: int) -> bool:
        """Whether the request stays within the limit; it costs its tokens in any case."""
        per_second, burst = self.rates[bucket]
        own = self.buckets[self.holders[slot], bucket]
        leaked = Fraction(per_second * TOKENS_PER_REQUEST * (now - own.time), SECOND)
        own.level = max(own.level - leaked, Fraction(0)) + cost
        own.time = now
        capacity = Fraction(burst * TOKENS_PER_REQUEST)
        fits = own.level <= capacity
        own.level = min(own.level, capacity)
        return fits
