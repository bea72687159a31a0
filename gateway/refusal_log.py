"""The log of refused logons: who is not let in costs the operator a line now and then, and not one each time.

Anybody may connect and be refused as often as the network allows. So of each kind of refusal there is at most one
line in REFUSED_LOGON_LOG_INTERVAL_MS of core time; the next one says how many there were in between.
"""

from typing import Final

from gateway.limits import REFUSED_LOGON_LOG_INTERVAL_MS
from gateway.log import Log
from gateway.tally import refusal_kind

_INTERVAL_NS: Final = REFUSED_LOGON_LOG_INTERVAL_MS * 1_000_000


class RefusalLog:
    """Writes `logon refused` to `log`; there are as many kinds as `tally.REFUSALS` has."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._next_ns: dict[str, int] = {}
        self._suppressed: dict[str, int] = {}

    def refused(self, text: str, now: int) -> None:
        """A connection is sent away with this text, at core time `now` in ns."""
        kind = refusal_kind(text)
        if now < self._next_ns.get(kind, now):
            self._suppressed[kind] += 1
            return
        suppressed = self._suppressed.get(kind, 0)
        self._next_ns[kind] = now + _INTERVAL_NS
        self._suppressed[kind] = 0
        self._log.warning("logon refused", reason=text, **({"suppressed": suppressed} if suppressed else {}))
