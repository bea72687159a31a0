"""The flap guard: a key whose line is lost again and again has to wait before it may log on once more.

Each loss of the line (the causes with grace in cause_policy.py) counts. The loss that is number `flap_losses` within
`flap_window_s` locks the key out for `flap_lockout_ms`: its orders are cancelled at once, grace or not, and each logon
until then is refused with LoggedOut `retry after N ms`. Then the count begins anew.

What is remembered of a key are the times of its last `flap_losses` losses, and no more.
"""

from collections import deque

from gateway.session import Session

_MILLISECOND_NS = 1_000_000


class FlapGuard:
    """The losses of one gateway's keys; times in ns of core time. `losses` 0: nobody is ever locked out."""

    def __init__(self, losses: int, window_ns: int, lockout_ns: int) -> None:
        self._losses = losses
        self._window_ns = window_ns
        self._lockout_ns = lockout_ns
        self._recent: dict[Session, deque[int]] = {}
        self._locked_until: dict[Session, int] = {}

    @property
    def remembered(self) -> int:
        """How many losses are remembered, of all keys together."""
        return sum(map(len, self._recent.values()))

    def would_lock(self, session: Session, now: int) -> bool:
        """Whether a loss at this moment is one too many."""
        if self._losses < 2:
            return self._losses == 1
        recent = self._recent.get(session, ())
        # With this one they would be as many as it takes; the oldest of them has to be young enough.
        return len(recent) >= self._losses - 1 and recent[1 - self._losses] > now - self._window_ns

    def lost(self, session: Session, now: int) -> bool:
        """The session's line was lost; returns whether that locks its key out."""
        if self.would_lock(session, now):
            self._recent.pop(session, None)
            self._locked_until[session] = now + self._lockout_ns
            return True
        if self._losses:
            self._recent.setdefault(session, deque(maxlen=self._losses - 1)).append(now)
        return False

    def wait_ms(self, session: Session, now: int) -> int:
        """How long its key still has to wait, in whole ms rounded up; 0 when it may log on."""
        until = self._locked_until.get(session, now)
        if until <= now:
            self._locked_until.pop(session, None)
            return 0
        return -((now - until) // _MILLISECOND_NS)
