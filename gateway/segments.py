"""TCP segments, as they were captured, back into the streams of bytes that the two ends read.

Late, doubled and overlapping segments are put right, sequence numbers may wrap, and what the capture does not have is
told as a hole of known length as soon as more has come behind it than is worth waiting with. A capture may begin in the
middle of a connection: the first segment seen is then its beginning.
"""

import heapq
from typing import Final, NamedTuple, TypeAlias

from gateway.limits import CAPTURE_HELD_MAX_BYTES, CAPTURE_HELD_TOTAL_MAX_BYTES

_SEGMENT_COST_BYTES: Final = 128
"""What a held segment takes besides its payload."""
_SEQUENCE_MASK: Final = 0xFFFF_FFFF
_HALF: Final = 1 << 31


class Segment(NamedTuple):
    """One TCP segment of a capture. Addresses as `host:port`; `time_ns` is when it was captured, if that is known."""

    time_ns: int | None
    source: str
    destination: str
    sequence: int
    """Number of the first byte of `payload`."""
    is_first: bool
    """SYN: a connection begins here."""
    payload: bytes


class Hole(NamedTuple):
    """`length` bytes that the capture does not have."""

    length: int


Piece: TypeAlias = bytes | Hole


class Held:
    """What all streams of a capture hold together behind their holes."""

    def __init__(self) -> None:
        self.total_bytes = 0


class Stream:
    """One direction of a connection."""

    def __init__(self, sequence: int, held: Held) -> None:
        """`sequence` is the number of the first byte."""
        self.first_sequence = sequence
        self._offset = 0  # of the first byte that is not told yet
        self._waiting: list[tuple[int, bytes]] = []  # a heap of what lies behind a hole
        self._waiting_bytes = 0
        self._held = held

    def push(self, sequence: int, payload: bytes) -> list[Piece]:
        """A segment's bytes; gives back what can now be read on."""
        offset = self._offset + self._distance(sequence)
        if payload and offset + len(payload) > self._offset:
            heapq.heappush(self._waiting, (offset, payload))
            self._count(len(payload) + _SEGMENT_COST_BYTES)
        pieces = self._ready()
        # What is held only ever grows by this stream here: if it gives way, the sum stays within its limit.
        while self._waiting and (
            self._waiting_bytes > CAPTURE_HELD_MAX_BYTES or self._held.total_bytes > CAPTURE_HELD_TOTAL_MAX_BYTES
        ):
            pieces += self._give_up()
        return pieces

    def finish(self) -> list[Piece]:
        """There is no more: everything that is held, with its holes."""
        pieces: list[Piece] = []
        while self._waiting:
            pieces += self._give_up()
        return pieces

    def _count(self, grown_bytes: int) -> None:
        self._waiting_bytes += grown_bytes
        self._held.total_bytes += grown_bytes

    def _distance(self, sequence: int) -> int:
        """From the next byte that is wanted to `sequence`, in -2^31 to 2^31 - 1."""
        wanted = self.first_sequence + self._offset
        return ((sequence - wanted + _HALF) & _SEQUENCE_MASK) - _HALF

    def _ready(self) -> list[Piece]:
        pieces: list[Piece] = []
        while self._waiting and self._waiting[0][0] <= self._offset:
            offset, payload = heapq.heappop(self._waiting)
            self._count(-len(payload) - _SEGMENT_COST_BYTES)
            fresh = payload[self._offset - offset :]
            if fresh:
                pieces.append(fresh)
                self._offset += len(fresh)
        return pieces

    def _give_up(self) -> list[Piece]:
        """Waits no longer for the first hole."""
        length = self._waiting[0][0] - self._offset
        self._offset += length
        return [Hole(length), *self._ready()]
