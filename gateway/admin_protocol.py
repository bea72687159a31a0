"""What the two ends of the admin socket have in common: where it is, and what the sections of the status are called.

One JSON object a line, one answer to each request:

    {"action": "halt", "instrument_id": 1}
    {"ok": true, "text": "instrument 1 is halted"}
    {"action": "status", "section": "portfolios", "first": 0}
    {"ok": true, "rows": [{"id": 1, "state": "open", "open_orders": 0, "max_open_orders": 2000}]}
    {"action": "lock", "portfolio_id": 9}
    {"ok": false, "error": "there is no portfolio 9"}

A status with more rows than fit in one answer says `following`, the row to ask for next.
"""

from pathlib import Path
from typing import Final, Literal, get_args

from gateway.config import Gateway

SOCKET_NAME: Final = "admin.sock"

StatusSection = Literal[
    "gateway",
    "health",
    "fires",
    "slowest",
    "portfolios",
    "instruments",
    "sessions",
    "endings",
    "dead_man_switches",
]
STATUS_SECTIONS: Final[tuple[StatusSection, ...]] = get_args(StatusSection)


def socket_path(settings: Gateway) -> Path | None:
    """Where the admin socket is, None when there is none. Relative paths start at the working directory."""
    if settings.admin_socket:
        return Path(settings.admin_socket)
    return Path(settings.data_dir) / SOCKET_NAME if settings.data_dir else None
