"""The ways in which `breakwire cod-check` cuts a line, each a function of the stage, the line and the time allowed."""

import struct
import time
from collections.abc import Callable
from typing import Final

from gateway.cod_check_line import Line, wall
from gateway.cod_check_stage import MS, Stage
from gateway.cod_check_verdict import Finding, PromiseBrokenError, StageFailedError

_FLOOD_REQUESTS: Final = 1_000
_FLOOD_STEP_MS: Final = 5

Way = Callable[[Stage, Line, int], None]


def fin(_stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.flush()
    if line.reads:
        line.close()
    else:
        line.half_close()  # a close with bytes unread would send RST


def rst(_stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.flush()
    line.reset()


def half_close(_stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.flush()
    line.half_close()


def silence(_stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.flush()
    line.talks = False


def freeze(_stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.flush()
    line.talks = line.reads = False


def log_out(_stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.core.logout(wall(time.monotonic_ns()), "cod-check")
    line.flush()


def displace(stage: Stage, line: Line, _deadline_ns: int) -> None:
    line.flush()
    try:
        stage.log_on(line.part, reset=False, within_ms=stage.settings.within_ms)
    except StageFailedError as failed:
        raise PromiseBrokenError([Finding("a second logon of the key", "LogonConf", str(failed))]) from None


def flood(stage: Stage, line: Line, deadline_ns: int) -> None:
    """Asks and asks without reading, until the line is closed."""
    line.reads = False
    while line.is_open and time.monotonic_ns() < deadline_ns:
        if not line.has_backlog:
            for _ in range(_FLOOD_REQUESTS):
                line.core.test_request(wall(time.monotonic_ns()), 1)
            line.flush()
        stage.pump(lambda: not line.is_open, time.monotonic_ns() + _FLOOD_STEP_MS * MS)


def violation(bad: Callable[[Stage, Line], bytes]) -> Way:
    """The line says something that ends it."""

    def cut(stage: Stage, line: Line, _deadline_ns: int) -> None:
        line.send_raw(bad(stage, line))
        line.talks = False
        line.core.numbers.next_outbound += 1  # the gateway may have counted what it refused

    return cut


def _heartbeat(line: Line, ahead: int = 0) -> bytes:
    return line.frame("Heartbeat", {"correlation_id": 0}, line.core.numbers.next_outbound + ahead)


def _with_length(frame: bytes, length: int) -> bytes:
    return frame[:2] + struct.pack("<H", length) + frame[4:]


def _logon(stage: Stage, line: Line) -> bytes:
    key = stage.crew.key(line.part)
    fields: dict[str, object] = {"schema_version": stage.settings.schema_version}
    if key is not None:
        fields |= {"client_id": key.client_id, "secret": key.secret}
    return line.frame("Logon", fields)


CUTS: Final[dict[str, Way]] = {
    "fin": fin,
    "rst": rst,
    "half_close": half_close,
    "silence": silence,
    "frozen": freeze,
    "logout": log_out,
    "displaced": displace,
    "bad_protocol_id": violation(lambda _, line: b"\xda" + _heartbeat(line)[1:]),
    "short_length": violation(lambda _, line: _with_length(_heartbeat(line), 31)),
    "long_length": violation(lambda _, line: _with_length(_heartbeat(line), 65_535)),
    "padding": violation(lambda _, line: bytes(8) + _heartbeat(line)),
    "sequence_gap": violation(lambda _, line: _heartbeat(line, ahead=100)),
    "sequence_repeat": violation(lambda _, line: _heartbeat(line, ahead=-1)),
    "second_logon": violation(_logon),
    "slow_consumer": flood,
}
"""By the names that scenario files use."""
