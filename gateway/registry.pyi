from collections.abc import Sequence
from typing import Self, final

from gateway.engine_types import MmpGroupSpec, OwnerSpec, PortfolioSpec

@final
class Registry:
    @property
    def owner_count(self) -> int: ...
    @property
    def portfolio_count(self) -> int: ...
    def __new__(
        cls,
        portfolios: Sequence[PortfolioSpec],
        owners: Sequence[OwnerSpec],
        orders_max: int,
        mmp_groups: Sequence[MmpGroupSpec] = (),
        hash_secret: int = 0,
    ) -> Self: ...
