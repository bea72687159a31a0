"""What a test expects of a core's log, and of a connection that is refused."""

from typing import Any

from codec.layout import Cause
from gateway.session import LinkClosing
from support.core_driver import Line


def refusal(line: Line) -> tuple[str, LinkClosing | None]:
    """The reason of the LoggedOut without a session that is all a line was told, and how it was closed."""
    ((number, name, fields),) = line.read()
    assert (number, name) == (0, "LoggedOut")
    return fields["reason"], line.closed


def gone(client_id: str, cause: Cause, epoch: int = 1, **changed: Any) -> dict[str, Any]:
    """The log line of a session's end."""
    level = "info" if cause in (Cause.LOGOUT, Cause.GATEWAY_SHUTDOWN) else "warning"
    line = {"level": level, "event": "session gone", "client_id": client_id, "epoch": epoch, "cause": cause.name}
    times = {"time_to_safe_us": 0, "time_to_reported_us": 0}
    return line | {"orders": 0, "dropped_requests": 0, "reason": None} | times | changed


def admitted(client_id: str, epoch: int = 1) -> dict[str, Any]:
    """The log line of a logon at version 17."""
    return {"level": "info", "event": "logon", "client_id": client_id, "epoch": epoch, "version": 17}
