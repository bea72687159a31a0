from typing import Self, final

from gateway.orders import Orders

@final
class MmpReports:
    def __new__(cls, orders: Orders) -> Self: ...
    @property
    def next_unfreeze(self) -> int | None: ...
    def unfreeze(self, now: int) -> int: ...
