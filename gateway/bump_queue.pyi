from typing import Self, final

from gateway.registry import Registry

@final
class BumpQueue:
    @property
    def registry(self) -> Registry: ...
    @property
    def lane_count(self) -> int: ...
    def __new__(cls, registry: Registry) -> Self: ...
