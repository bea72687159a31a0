"""A heap of deadlines: O(log n) to set one, O(1) to know the first, and a cost only for what is due."""

import heapq
from typing import Any, Final, Generic, Protocol, TypeVar

_STALE_MAX: Final = 1024
"""Entries that no longer count may be so many more than those that do, before they are swept out."""


class Waiting(Protocol):
    """What can have a deadline: it keeps the number of its entry, None when it waits for nothing."""

    deadline: Any


WaitingT = TypeVar("WaitingT", bound=Waiting)


class Deadlines(Generic[WaitingT]):
    """What waits, by the core time at which each must be looked at; each has at most one entry that counts."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, WaitingT]] = []
        self._count = 0
        self._waiting = 0

    @property
    def first(self) -> int | None:
        """The core time at which something may be due, None when nothing waits."""
        self._drop_stale()
        return self._heap[0][0] if self._heap else None

    def set(self, thing: WaitingT, at: int) -> None:
        """It is to be looked at when the time is `at`, and not before; replaces its former entry."""
        self._waiting += thing.deadline is None
        self._count += 1
        thing.deadline = self._count
        heapq.heappush(self._heap, (at, self._count, thing))
        if len(self._heap) > 2 * self._waiting + _STALE_MAX:
            self._heap = [entry for entry in self._heap if _counts(entry)]
            heapq.heapify(self._heap)

    def clear(self, thing: WaitingT) -> None:
        """It has nothing to wait for any more."""
        self._waiting -= thing.deadline is not None
        thing.deadline = None

    def pop_due(self, now: int) -> WaitingT | None:
        """Something whose time has come, without its entry; None when there is no more."""
        self._drop_stale()
        if not self._heap or self._heap[0][0] > now:
            return None
        thing = heapq.heappop(self._heap)[2]
        self.clear(thing)
        return thing

    def _drop_stale(self) -> None:
        while self._heap and not _counts(self._heap[0]):
            heapq.heappop(self._heap)


def _counts(entry: tuple[int, int, Waiting]) -> bool:
    return bool(entry[2].deadline == entry[1])
