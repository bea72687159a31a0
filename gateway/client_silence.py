"""How long either side of a session may be silent: when the client speaks, probes the gateway, and gives it up."""

from __future__ import annotations

# In heartbeat intervals. We speak well before the gateway may miss us; we probe it as it probes us, and are slower to
# give it up than it is to give us up, since nothing of ours depends on being first.
HEARTBEAT_FACTOR = 0.75
PROBE_FACTOR = 1.2
LAPSE_FACTOR = 2.0
# Silence is judged twice, so that what arrived while this process was stopped is read before it counts.
SECOND_LOOK_NS = 50_000_000


class Silence:
    """The two silences of one connection. Times are ns since the Unix epoch.

    Until the answer to a Logon has said what a heartbeat interval is, the gateway has `logon_timeout_ns`.
    """

    def __init__(self, logon_timeout_ns: int) -> None:
        self.interval_ns = 0
        self._logon_timeout_ns = logon_timeout_ns
        self._last_sent_ns = 0
        self._last_heard_ns = 0
        self._probed = False
        self._second_look_ns: int | None = None

    # -- Queries -------------------------------------------------------------------------------------------------------

    def next_deadline_ns(self, *, is_logging_on: bool) -> int:
        if self._second_look_ns is not None:
            return self._second_look_ns
        if is_logging_on:
            return self._lapse_ns(is_logging_on=True)
        theirs_ns = self._lapse_ns(is_logging_on=False) if self._probed else self._probe_ns()
        return min(self._speak_ns(), theirs_ns)

    def must_speak(self, now: int) -> bool:
        return now >= self._speak_ns()

    def must_probe(self, now: int) -> bool:
        return not self._probed and now >= self._probe_ns()

    def has_lapsed(self, now: int, *, is_logging_on: bool) -> bool:
        return now >= self._lapse_ns(is_logging_on=is_logging_on)

    # -- Events --------------------------------------------------------------------------------------------------------

    def sent(self, now: int) -> None:
        self._last_sent_ns = now

    def probed(self) -> None:
        self._probed = True

    def heard(self, now: int) -> None:
        self._last_heard_ns = now
        self._probed = False
        self._second_look_ns = None

    def looked(self, now: int) -> bool:
        """The silence is too long at `now`; whether it was so, too, when it was looked at before."""
        if self._second_look_ns is None:
            self._second_look_ns = now + SECOND_LOOK_NS
            return False
        return now >= self._second_look_ns

    # -- State ---------------------------------------------------------------------------------------------------------

    def _speak_ns(self) -> int:
        return self._last_sent_ns + int(self.interval_ns * HEARTBEAT_FACTOR)

    def _probe_ns(self) -> int:
        return self._last_heard_ns + int(self.interval_ns * PROBE_FACTOR)

    def _lapse_ns(self, *, is_logging_on: bool) -> int:
        patience_ns = self._logon_timeout_ns if is_logging_on else int(self.interval_ns * LAPSE_FACTOR)
        return self._last_heard_ns + patience_ns
