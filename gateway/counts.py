"""What a core has, counted for those who look at it from outside: clients' alone, the canary's left out."""

from typing import TYPE_CHECKING

from gateway.cancel_on_disconnect import Fire
from gateway.session import Session

if TYPE_CHECKING:
    from gateway.core import Core


def client_sessions(core: "Core") -> list[Session]:
    """The sessions of the keys of the configuration, and of those that were in it, by slot."""
    if core.canary is None:
        return core.sessions
    slot = core.canary.session.slot
    return core.sessions[:slot] + core.sessions[slot + 1 :]


def client_fires(core: "Core") -> list[Fire]:
    """What is under way of clients' sessions."""
    return [fire for fire in core.cancels.fires() if not fire.session.is_canary]


def client_sessions_firing(core: "Core") -> int:
    """Clients' sessions with orders that are dead and not told of yet."""
    is_canary_firing = core.canary is not None and core.cancels.is_firing(core.canary.session)
    return core.cancels.under_way - is_canary_firing


def client_frames_in(core: "Core") -> int:
    """Frames that clients have sent. The canary's are numbered without a gap, so its last number is their count."""
    own = 0 if core.canary is None else core.canary.session.last_processed
    return core.dispatcher.frames_in - own
