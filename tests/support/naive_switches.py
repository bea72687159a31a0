"""Dead man's switches in plain Python: lists that are searched, and the rules once more."""

from dataclasses import dataclass, field

MS = 1_000_000


@dataclass
class NaivePortfolio:
    """What one portfolio has: (client id, client order id) of what is open, oldest first, and its switch."""

    open: list[tuple[str, int]] = field(default_factory=list)
    trigger_time: int | None = None
    last_sequence: int | None = None


class NaiveSwitches:
    """All portfolios of a gateway. `keys`: portfolio and entitlement of each key."""

    def __init__(self, keys: dict[str, tuple[int, bool]]) -> None:
        self.keys = keys
        self.portfolios = {portfolio: NaivePortfolio() for portfolio, _ in keys.values()}

    def of(self, client_id: str) -> NaivePortfolio:
        return self.portfolios[self.keys[client_id][0]]

    def request(
        self, client_id: str, timeout_ms: int, sequence: int | None, scope: int, now: int
    ) -> tuple[int, int | None]:
        """The status and the trigger time that the answer has."""
        portfolio = self.of(client_id)
        status = 0
        if sequence is not None and portfolio.last_sequence is not None and sequence <= portfolio.last_sequence:
            status = 3
        if timeout_ms >= 86_400_000:
            status = 1
        if scope != 1:
            status = 2
        if not self.keys[client_id][1]:
            status = 4
        if status == 0:
            portfolio.trigger_time = None if timeout_ms == 0 else now + timeout_ms * MS
            portfolio.last_sequence = portfolio.last_sequence if sequence is None else sequence
        return status, portfolio.trigger_time

    def lose(self, client_id: str) -> list[tuple[str, int]]:
        """The session's orders, which are gone with it."""
        portfolio = self.of(client_id)
        lost = [order for order in portfolio.open if order[0] == client_id]
        portfolio.open = [order for order in portfolio.open if order[0] != client_id]
        return lost

    def tick(self, seen: int) -> list[tuple[str, int]]:
        """The orders that are gone because a switch fired, portfolios in the order of their trigger times."""
        gone: list[tuple[str, int]] = []
        for portfolio in sorted(self.portfolios.values(), key=lambda portfolio: portfolio.trigger_time or 0):
            if portfolio.trigger_time is not None and portfolio.trigger_time <= seen:
                gone += portfolio.open
                portfolio.open = []
                portfolio.trigger_time = None
        return gone

    def armed(self) -> dict[int, tuple[int, int | None]]:
        return {
            number: (portfolio.trigger_time, portfolio.last_sequence)
            for number, portfolio in self.portfolios.items()
            if portfolio.trigger_time is not None
        }
