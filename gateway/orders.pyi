from typing import Self, final

from gateway.engine import Engine
from gateway.rate_limit import RateLimits
from gateway.session import Session

@final
class Orders:
    @property
    def engine(self) -> Engine: ...
    rate_limits: RateLimits | None
    def __new__(
        cls, engine: Engine, sessions: list[Session], rate_limits: RateLimits | None = None
    ) -> Self: ...
    def fence(self, session: Session) -> tuple[int, int]: ...
    def report_leaving(self, now: int) -> int: ...
    def allow_dead(self, count: int) -> None: ...
    def take_dead_met(self, limit: int) -> int: ...
    def fence_portfolio(self, portfolio: int) -> tuple[list[tuple[Session, int, int]], int]: ...
    def drain(
        self,
        session: Session,
        covered: int,
        uncovered: int,
        cancel_reason: int,
        is_last: bool,
        exec_id: int,
        fenced_time: int,
        now: int,
    ) -> None: ...
