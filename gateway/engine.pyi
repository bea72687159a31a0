from collections.abc import Sequence
from enum import IntEnum
from typing import Self, final

from gateway.book import Books
from gateway.engine_types import InstrumentSpec, MmpGroupSpec, OwnerSpec, PortfolioSpec
from gateway.registry import Registry

class InstrumentState(IntEnum):
    INSTRUMENT_IS_OPEN = 0
    INSTRUMENT_IS_HALTED = 1
    INSTRUMENT_IS_DEACTIVATED = 2

@final
class Engine:
    @property
    def registry(self) -> Registry: ...
    @property
    def books(self) -> Books: ...
    def __new__(
        cls,
        instruments: Sequence[InstrumentSpec],
        portfolios: Sequence[PortfolioSpec],
        owners: Sequence[OwnerSpec],
        orders_max: int,
        *,
        mmp_groups: Sequence[MmpGroupSpec] = (),
        first_order_id: int = 1,
        first_match_id: int = 1,
        first_exec_id: int = 1,
        hash_secret: int = 0,
    ) -> Self: ...
