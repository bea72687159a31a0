from typing import Self, final

from gateway.engine import Engine
from gateway.rate_limit import RateLimits
from gateway.session import Session

@final
class Orders:
    @property
    def engine(self) -> Engine: ...
    rate_limits: RateLimits | None
    def __new__(cls, engine: Engine, sessions: list[Session], rate_limits: RateLimits | None = None) -> Self: ...
    def report_leaving(self, now: int) -> int: ...
    def allow_dead(self, count: int) -> None: ...
