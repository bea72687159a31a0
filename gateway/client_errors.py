"""The client's errors: of the gateway's bytes, and of calls that cannot be carried out."""

from __future__ import annotations

import re
from typing import Final

from gateway.errors import MisuseError, PeerError

_RETRY_AFTER: Final = re.compile(r"retry after (\d+) ms")


class LogonRefusedError(PeerError):
    """The gateway answered a Logon with LoggedOut; the text is the gateway's reason."""

    @property
    def retry_after_ms(self) -> int | None:
        """How long the key has to wait, where the gateway says so (its flap guard); None for any other reason."""
        found = _RETRY_AFTER.fullmatch(str(self))
        return int(found[1]) if found else None


class ConnectionDownError(PeerError):
    """The line went down before what was waited for came."""


class SwitchRefusedError(PeerError):
    """The dead man's switch was to be set or turned off, and was not; the text says why."""


class UnreadableFrameError(PeerError):
    """A frame that is none, or says what cannot be. It ends the line."""


class SessionStateError(MisuseError):
    """A call that the session's state does not allow: an order before the logon, two replays at once."""


class EventsLostError(MisuseError):
    """A reader of events was too slow and its queue ran full. The orders are true; the reader's own record is not."""


class SchemaVersionError(MisuseError):
    """A request that is newer than the session's schema version."""
