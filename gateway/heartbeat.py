"""Silence, ours and theirs (protocol 8.4), judged without looking at every session at every tick.

Each connection has one entry in a heap, at the earliest time at which anything could be due for it. Receiving or
sending moves nothing in the heap: an entry that comes up too early is judged by the session's own times and put back.
So a message costs a store, and a tick costs only the sessions that are due.

Two clocks. What the client owes us is judged on a clock that the gateway's own stalls do not advance (`judged`): a
gateway that did not look cannot say that it heard nothing. A stall sets that clock back before what arrived meanwhile
is heard, so it lengthens the silence of who was not heard since, and of nobody else. And nobody lapses without a
TestRequest and the time to answer it.
"""

import heapq
from dataclasses import dataclass

from gateway.session import Link, Session

_STALE_MAX = 1024
"""Entries that no longer count may be so many more than those that do, before they are swept out."""


@dataclass(frozen=True, slots=True)
class Silence:
    """The four times, in ns, that follow from the heartbeat interval and its two factors."""

    interval_ns: int
    probe_ns: int
    lapse_ns: int
    logon_ns: int


class Deadlines:
    """A heap of links by the core time at which each must be looked at; a link has at most one entry that counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Link]] = []
        self._count = 0
        self._waiting = 0

    @property
    def first(self) -> int | None:
        """The core time at which something may be due, None when no link is waiting for anything."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def set(self, link: Link, at: int) -> None:
        """The link is to be looked at when the time is `at`, and not before; replaces its former entry."""
        self._waiting += link.deadline is None
        self._count += 1
        link.deadline = self._count
        heapq.heappush(self._heap, (at, self._count, link))
        if len(self._heap) > 2 * self._waiting + _STALE_MAX:
            self._heap = [entry for entry in self._heap if _counts(entry)]
            heapq.heapify(self._heap)

    def clear(self, link: Link) -> None:
        """The link has nothing to wait for any more."""
        self._waiting -= link.deadline is not None
        link.deadline = None

    def pop_due(self, now: int) -> Link | None:
        """A link whose time has come, without its entry; None when there is no more."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        link = heapq.heappop(self._heap)[2]
        self.clear(link)
        return link

    def _drop_stale(self) -> None:
        while self._heap and not _counts(self._heap[0]):
            heapq.heappop(self._heap)


def _counts(entry: tuple[int, int, Link]) -> bool:
    return bool(entry[2].deadline == entry[1])


def has_lapsed(session: Session, silence: Silence, judged: int) -> bool:
    """Whether the client has been silent for too long, was asked, and had the time to answer."""
    if not session.probed_judged_ns:
        return False
    answer_by = session.probed_judged_ns + silence.lapse_ns - silence.probe_ns
    return judged >= max(session.heard_judged_ns + silence.lapse_ns, answer_by)


def must_probe(session: Session, silence: Silence, judged: int) -> bool:
    """Whether a TestRequest is due."""
    return not session.probed_judged_ns and judged >= session.heard_judged_ns + silence.probe_ns


def must_speak(session: Session, silence: Silence, now: int) -> bool:
    """Whether we have been silent for an interval."""
    return now >= session.spoke_ns + silence.interval_ns


def next_look(session: Session, silence: Silence, stalled_ns: int) -> int:
    """The earliest core time at which anything can be due for the session, if the gateway stands still no more."""
    if session.probed_judged_ns:
        answer_by = session.probed_judged_ns + silence.lapse_ns - silence.probe_ns
        theirs = max(session.heard_judged_ns + silence.lapse_ns, answer_by)
    else:
        theirs = session.heard_judged_ns + silence.probe_ns
    return min(theirs + stalled_ns, session.spoke_ns + silence.interval_ns)
