"""Logs: one JSON object per line on stderr, with `time`, `level`, `event` and the event's own fields.

For the shell, never for the hot path: no order and no message is logged. Two promises go beyond that. No secret leaves:
any field whose name speaks of one is masked, however deep it lies. And nobody waits: a line that the reader of stderr
has no room for is dropped and counted, since a stuck log collector must not keep a dead session's orders alive.
"""

import os
import select
import time
from typing import Any, Final

import msgspec

from gateway.limits import LOG_LINE_MAX_BYTES

MASK: Final = "***"

_MASKED_WORDS: Final = ("secret", "password")
_STDERR: Final = 2


class Log:
    """Writes lines to a file descriptor.

    Args:
        descriptor: an open one; it is not closed here.

    Attributes:
        lines_dropped: lines that could not be written since the last one that could; that one carries the count.
    """

    def __init__(self, descriptor: int = _STDERR) -> None:
        self.lines_dropped = 0
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)

    def info(self, event: str, /, **fields: object) -> None:
        """What happens in the ordinary course."""
        self._write("info", event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """What the operator may want to look at."""
        self._write("warning", event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """What the operator has to look at."""
        self._write("error", event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        line = _line(
            level, event, fields if not self.lines_dropped else {**fields, "lines_dropped": self.lines_dropped}
        )
        try:
            # A pipe that reports room takes LOG_LINE_MAX_BYTES at once, so this write cannot block.
            if not self._poll.poll(0):
                raise BlockingIOError
            os.write(self._descriptor, line)
        except OSError:
            self.lines_dropped += 1
        else:
            self.lines_dropped = 0


class NoLog(Log):
    """Writes nothing: for what is not to be told."""

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        pass


def _line(level: str, event: str, fields: dict[str, object]) -> bytes:
    record: dict[str, object] = {"time": rfc_3339(time.time_ns()), "level": level, "event": event}
    values = _clean(msgspec.to_builtins(fields, enc_hook=str, str_keys=True))
    line = msgspec.json.encode(record | {key: value for key, value in values.items() if key not in record})
    if len(line) >= LOG_LINE_MAX_BYTES:
        line = msgspec.json.encode({**record, "too_long_bytes": len(line), "fields": sorted(fields)})
    return line + b"\n"


def _clean(value: Any) -> Any:
    """The value with its secrets masked and its strings fit for UTF-8."""
    if isinstance(value, dict):
        return {key: MASK if _speaks_of_a_secret(key) else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, str) and not value.isascii():
        return value.encode(errors="backslashreplace").decode()
    return value


def _speaks_of_a_secret(key: str) -> bool:
    return any(word in key.lower() for word in _MASKED_WORDS)


def rfc_3339(time_ns: int) -> str:
    """A time in ns since the epoch, in UTC with nanoseconds."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"


log: Final = Log()
"""The gateway's log, on stderr."""
