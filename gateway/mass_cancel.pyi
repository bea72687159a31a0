from typing import Self, final

from gateway.orders import Orders

@final
class MassCancels:
    def __new__(cls, orders: Orders) -> Self: ...
