from typing import Self

from gateway.orders import Orders

class MassQuotes:
    def __new__(cls, orders: Orders) -> Self: ...
