"""Finds the frames in a stream of bytes that nobody vouches for, names what is not a frame, and goes on behind it.

Two states. *In step*: the next frame begins where the last one ended. *Searching*: bytes were bad; everything up to the
next place where a whole, known and sound frame stands is one bad run. The messageLength of a frame that is refused is
believed only if no sound frame begins inside it. So one wrong byte costs one frame, and a wrong length no more.

At most one frame (65,535 bytes) and what was fed last are held, however long the stream or a bad run is.
"""

import struct
from typing import Final, NamedTuple, TypeAlias

from codec import wire
from codec.errors import CodecError, Reason
from codec.layout import HEADER_SIZE, MESSAGES, PROTOCOL_ID
from codec.values import Complete, Message, Partial

_FRAME_MAX: Final = 0xFFFF
"""Whatever messageLength can say."""
_ZEROS_MAX: Final = 7
"""Zero bytes that may stand in front of a frame."""
_ID_KNOWN: Final = 6
"""So many bytes of a frame tell its length and its message."""
_LENGTH_AND_ID: Final = struct.Struct("<HH")
_IDS: Final = frozenset(message.template_id for message in MESSAGES)
_MARK: Final = bytes([PROTOCOL_ID])
_NO_FRAME: Final = f"no frame begins here: wanted protocolId 0x{PROTOCOL_ID:02X}"
"""What stands there instead is not said: it may be part of a secret."""


class _Run(NamedTuple):
    """Bad bytes from `offset` of the stream on, at the most up to `end` if that is known."""

    offset: int
    detail: str
    end: int | None


class Found(NamedTuple):
    """A sound frame that begins at `offset` of the stream."""

    offset: int
    frame: bytes
    message: Message


class Bad(NamedTuple):
    """`length` bytes from `offset` of the stream on that are not a sound frame, and why the first of them is not."""

    offset: int
    length: int
    detail: str


Finding: TypeAlias = Found | Bad


class Scanner:
    """Feed it the stream piece by piece; it gives back what it finds, in the order of the stream."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0  # offset of the buffer in the stream
        self._at = 0  # in the buffer: all before it is told of, or part of the bad run
        self._bad: _Run | None = None  # searching
        self._over = False
        self._findings: list[Finding] = []

    @property
    def offset(self) -> int:
        """Offset in the stream of what is fed next."""
        return self._start + len(self._buffer)

    def feed(self, data: bytes) -> list[Finding]:
        """The next bytes of the stream."""
        self._buffer += data
        while self._step():
            pass
        del self._buffer[: self._at]
        self._start += self._at
        self._at = 0
        findings, self._findings = self._findings, []
        return findings

    def finish(self) -> list[Finding]:
        """The stream has ended, or does not go on from here: all that is held is told of. Then a new one may begin."""
        self._over = True
        findings = self.feed(b"")
        self._over = False
        return findings

    def skip(self, length: int) -> list[Finding]:
        """The next `length` bytes of the stream are not to be had. What follows them may begin within a frame."""
        findings = [*self.finish(), Bad(self.offset, length, "not in the capture")]
        self._start += length
        self._bad = _Run(self._start, "the rest of a frame whose beginning is not in the capture", None)
        return findings

    # One step: whether there is more to do with the bytes at hand.

    def _step(self) -> bool:
        if self._bad is not None:
            return self._search(self._bad)
        found = wire.scan(self._buffer, self._at, _FRAME_MAX)
        if isinstance(found, Complete):
            return self._complete(found)
        begin = self._at + self._zeros(self._at)
        if not isinstance(found, Partial):
            return self._refuse(found.reason, begin)
        if self._over and begin < len(self._buffer):
            held = len(self._buffer) - begin
            return self._lose_step(begin, f"the stream ends within a frame: {held} of {held + found.needed} bytes")
        if self._over:
            self._at = begin
        return False

    def _complete(self, place: Complete) -> bool:
        end = place.start + place.length
        frame = bytes(self._buffer[place.start : end])
        try:
            message = wire.decode(frame)
        except CodecError as error:
            return self._lose_step(place.start, error.detail, end)
        self._findings.append(Found(self._start + place.start, frame, message))
        self._at = end
        return True

    def _refuse(self, reason: Reason, begin: int) -> bool:
        """No frame begins at `begin`, behind the zero bytes that may stand there."""
        if reason is Reason.PADDING:
            return self._lose_step(self._at, f"more than {_ZEROS_MAX} zero bytes in front of a frame")
        if reason is Reason.PROTOCOL_ID:
            return self._lose_step(begin, _NO_FRAME)
        length = int.from_bytes(self._buffer[begin + 2 : begin + 4], "little")
        return self._lose_step(begin, f"wanted a messageLength of {HEADER_SIZE} or more, was {length}")

    def _lose_step(self, at: int, detail: str, end: int | None = None) -> bool:
        """Bad bytes from `at` of the buffer on; `end` is where a frame that is refused should end."""
        self._bad = _Run(self._start + at, detail, None if end is None else self._start + end)
        self._at = at + 1
        return True

    # Searching

    def _search(self, bad: _Run) -> bool:
        """Goes to the next place where a frame may begin, and looks whether one does."""
        limit = len(self._buffer) if bad.end is None else bad.end - self._start
        candidate = self._buffer.find(_MARK, self._at, limit)
        self._at = limit if candidate < 0 else candidate
        if bad.end is not None and self._at == limit:
            return self._end_run(bad)
        message = self._message_at(self._at)
        if isinstance(message, Message):
            return self._end_run(bad)
        if message is None and self._at < limit:
            self._at += 1
            return True
        if self._over:
            self._end_run(bad)
        return False

    def _end_run(self, bad: _Run) -> bool:
        if self._start + self._at > bad.offset:
            self._findings.append(Bad(bad.offset, self._start + self._at - bad.offset, bad.detail))
        self._bad = None
        return True

    def _message_at(self, at: int) -> Message | Partial | None:
        """The sound frame that begins at `at`; Partial while that cannot be told; None when there is none."""
        held = len(self._buffer) - at
        if held < _ID_KNOWN:
            return None if self._over or not held else Partial(_ID_KNOWN - held)
        length, template_id = _LENGTH_AND_ID.unpack_from(self._buffer, at + 2)
        if template_id not in _IDS or length < HEADER_SIZE:
            return None
        if held < length:
            return None if self._over else Partial(length - held)
        try:
            return wire.decode(bytes(self._buffer[at : at + length]))
        except CodecError:
            return None

    def _zeros(self, at: int) -> int:
        """Zero bytes from `at` on, as far as they can matter."""
        window = self._buffer[at : at + _ZEROS_MAX + 1]
        return len(window) - len(window.lstrip(b"\0"))
