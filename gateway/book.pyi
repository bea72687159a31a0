from typing import Self, final

from gateway.registry import Registry

@final
class Books:
    @property
    def registry(self) -> Registry: ...
    @property
    def instrument_count(self) -> int: ...
    def __new__(cls, registry: Registry, instrument_count: int) -> Self: ...
