from typing import Self

from typing_extensions import disjoint_base

from gateway.engine import Engine
from gateway.session import Session

@disjoint_base
class Cover:
    def __new__(cls, engine: Engine, mode: str) -> Self: ...
    def begin(self, session: Session, asked_by_logon: bool) -> None: ...
