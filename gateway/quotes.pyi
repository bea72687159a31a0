from typing import Self, final

from gateway.engine import Engine

@final
class Quotes:
    @property
    def engine(self) -> Engine: ...
    def __new__(cls, engine: Engine) -> Self: ...
