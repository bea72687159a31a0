from typing import Self

from typing_extensions import disjoint_base

from gateway.orders import Orders
from gateway.receipt import Account
from gateway.session import Session

@disjoint_base
class Fences:
    def __new__(cls, orders: Orders, sessions: list[Session]) -> Self: ...
    def next_exec_id(self) -> int: ...
    def portfolio_of(self, session: Session) -> int: ...
    def open_uncovered(self, session: Session) -> int: ...
    def fence(self, session: Session, covered: bool) -> int: ...
    def fence_portfolio(self, portfolio: int) -> list[tuple[Session, int, int]]: ...
    def take_dead_met(self, limit: int) -> int: ...
    def drain(
        self,
        session: Session,
        covered: int,
        uncovered: int,
        cancel_reason: int,
        is_last: bool,
        exec_id: int,
        fenced_time: int,
        account: Account,
        now: int,
    ) -> None: ...
