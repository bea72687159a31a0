"""Dead man's switches in plain Python: the rules once more, and a search where the gateway has a heap."""

from dataclasses import dataclass

MS = 1_000_000
READ_MOST_NS = 1_000 * MS


@dataclass
class NaiveSwitch:
    """One portfolio's. `turn` says when it was set last, among all that were."""

    trigger_time: int | None = None
    last_sequence: int | None = None
    turn: int = 0


class NaiveSwitches:
    """All switches of a gateway, by portfolio id."""

    def __init__(self) -> None:
        self.switches: dict[int, NaiveSwitch] = {}
        self.turns = 0

    def request(
        self, portfolio: int, entitled: bool, timeout_ms: int, sequence: int | None, scope: int, now: int
    ) -> tuple[int, int | None]:
        """The status and the trigger time that the answer has."""
        switch = self.switches.setdefault(portfolio, NaiveSwitch())
        status = 0
        if sequence is not None and switch.last_sequence is not None and sequence <= switch.last_sequence:
            status = 3
        if timeout_ms >= 86_400_000:
            status = 1
        if scope != 1:
            status = 2
        if not entitled:
            status = 4
        if status == 0:
            self.turns += 1
            switch.turn = self.turns
            switch.trigger_time = None if timeout_ms == 0 else now + timeout_ms * MS
            switch.last_sequence = switch.last_sequence if sequence is None else sequence
        return status, switch.trigger_time

    def fire(self, seen: int, read_on: frozenset[int] = frozenset()) -> list[int]:
        """The portfolios whose switches fire, in the order of their times; those in `read_on` may be waited for."""
        due = [
            (switch.trigger_time, switch.turn, portfolio)
            for portfolio, switch in self.switches.items()
            if switch.trigger_time is not None
            and switch.trigger_time <= seen
            and (portfolio not in read_on or seen >= switch.trigger_time + READ_MOST_NS)
        ]
        for _, _, portfolio in due:
            self.switches[portfolio].trigger_time = None
        return [portfolio for _, _, portfolio in sorted(due)]

    def armed(self) -> dict[int, tuple[int, int | None]]:
        """Trigger time and last armSequence of each that is on."""
        return {
            portfolio: (switch.trigger_time, switch.last_sequence)
            for portfolio, switch in self.switches.items()
            if switch.trigger_time is not None
        }
