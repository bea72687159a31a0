from collections.abc import Sequence
from typing import Self, final

@final
class RateLimits:
    def __new__(
        cls,
        holders: Sequence[int],
        *,
        orders_per_s: int,
        orders_burst: int,
        mass_quotes_per_s: int,
        mass_quotes_burst: int,
    ) -> Self: ...
    def take_levels(self, former: RateLimits) -> None: ...
