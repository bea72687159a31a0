"""What one scenario comes to: holds, broken, not provable here, or an error, with what was seen and when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from gateway.cod_check_scenario import Scenario
from gateway.errors import PeerError


class Verdict(Enum):
    HOLDS = "holds"
    BROKEN = "broken"
    NOT_PROVABLE = "not provable here"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as promised: which message and field, what it should say, what it says."""

    where: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


class PromiseBrokenError(PeerError):
    """The gateway did not do what the scenario promises."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(map(str, findings)))


class NotProvableError(PeerError):
    """The gateway, or what we were given, offers no way to see it."""


class StageFailedError(PeerError):
    """The scenario could not be brought to the point where its promise is put to the test."""


@dataclass(slots=True, kw_only=True)
class Result:
    """One scenario's outcome. Times in ns from the cut: to the last cancel seen, to a taker's missing its orders."""

    scenario: Scenario
    verdict: Verdict = Verdict.HOLDS
    seen_by: str = ""
    cancel_seen_ns: int | None = None
    missed_ns: int | None = None
    findings: tuple[Finding, ...] = ()
    why: str = ""
    took_ns: int = 0
    remarks: list[str] = field(default_factory=list)


def broken_unless(findings: Sequence[Finding]) -> None:
    """Raises PromiseBrokenError if there are findings."""
    if findings:
        raise PromiseBrokenError(findings)
