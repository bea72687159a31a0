from typing import Self, final

from gateway.orders import Orders

@final
class MassQuotes:
    def __new__(cls, orders: Orders) -> Self: ...
