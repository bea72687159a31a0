"""How sessions and links live and end: the states, and what leads from one to the other.

Everything that changes a session's or a link's state goes through the two tables below. What each cause of an end means
is the table in cause_policy.py. LoggedOut texts are in these two files and nowhere else.
"""

from enum import Enum, auto
from typing import Final

from gateway.errors import LifecycleError
from gateway.session import Link, LinkState, Session, SessionState

TEXT_KEY_REVOKED: Final = "ended by the venue: this key is revoked"

# LoggedOut texts of links that have no session yet.
TEXT_NOT_LOGON: Final = "the first message must be a Logon"
TEXT_BAD_LOGON: Final = "Logon is malformed"
TEXT_BAD_CREDENTIALS: Final = "unknown clientId or wrong secret"
TEXT_LOGON_TIMEOUT: Final = "no Logon in time"
TEXT_ALREADY_LOGGED_ON: Final = "this key is already logged on"
TEXT_RETRY_AFTER: Final = "retry after {} ms"
TEXT_OVERTAKEN: Final = "overtaken by a newer logon of this key"
TEXT_TOO_MANY_CONNECTIONS: Final = "too many connections"
TEXT_PENDING_FULL: Final = "too many bytes before LogonConf"


class SessionEvent(Enum):
    """What can happen to a session."""

    ADMITTED = auto()  # a logon was accepted and confirmed
    LOST = auto()  # its line is lost, and there is a grace: no fence yet
    GONE = auto()  # its end began: the fence is up
    DRAINED = auto()  # its last order is out and told of


class LinkEvent(Enum):
    """What can happen to a link."""

    ADMITTED = auto()
    MUST_WAIT = auto()  # the Logon was right, but the key's former session has not ended yet
    REFUSED = auto()  # a LoggedOut that belongs to no session
    LEFT = auto()  # it closed its side before it had a session
    SESSION_GONE = auto()  # or lost: it is not this link's any more
    LOST = auto()  # there is no transport any more


SESSION_STATES: Final[dict[tuple[SessionState, SessionEvent], SessionState]] = {
    (SessionState.SESSION_VACANT, SessionEvent.ADMITTED): SessionState.SESSION_LIVE,
    (SessionState.SESSION_LIVE, SessionEvent.GONE): SessionState.SESSION_ENDING,
    (SessionState.SESSION_LIVE, SessionEvent.LOST): SessionState.SESSION_LOST,
    (SessionState.SESSION_LOST, SessionEvent.ADMITTED): SessionState.SESSION_LIVE,
    (SessionState.SESSION_LOST, SessionEvent.GONE): SessionState.SESSION_ENDING,
    (SessionState.SESSION_ENDING, SessionEvent.DRAINED): SessionState.SESSION_VACANT,
}

LINK_STATES: Final[dict[tuple[LinkState, LinkEvent], LinkState]] = {
    (LinkState.LINK_LOGON, LinkEvent.ADMITTED): LinkState.LINK_LIVE,
    (LinkState.LINK_LOGON, LinkEvent.MUST_WAIT): LinkState.LINK_WAITING,
    (LinkState.LINK_LOGON, LinkEvent.REFUSED): LinkState.LINK_CLOSING,
    (LinkState.LINK_LOGON, LinkEvent.LOST): LinkState.LINK_CLOSED,
    (LinkState.LINK_WAITING, LinkEvent.ADMITTED): LinkState.LINK_LIVE,
    (LinkState.LINK_WAITING, LinkEvent.REFUSED): LinkState.LINK_CLOSING,
    (LinkState.LINK_WAITING, LinkEvent.LOST): LinkState.LINK_CLOSED,
    (LinkState.LINK_LOGON, LinkEvent.LEFT): LinkState.LINK_CLOSING,
    (LinkState.LINK_WAITING, LinkEvent.LEFT): LinkState.LINK_CLOSING,
    (LinkState.LINK_LIVE, LinkEvent.SESSION_GONE): LinkState.LINK_CLOSING,
    (LinkState.LINK_CLOSING, LinkEvent.LOST): LinkState.LINK_CLOSED,
    (LinkState.LINK_CLOSED, LinkEvent.LOST): LinkState.LINK_CLOSED,
}


def may_end(state: int) -> bool:
    """Whether a session in that state has an end before it: it is live, or lost."""
    return (SessionState(state), SessionEvent.GONE) in SESSION_STATES


def next_session_state(state: int, event: SessionEvent) -> SessionState:
    """The state that `event` leads to; a move that the table does not have is our bug."""
    following = SESSION_STATES.get((SessionState(state), event))
    if following is None:
        raise LifecycleError(f"session: no way from {SessionState(state).name} by {event.name}")
    return following


def next_link_state(state: int, event: LinkEvent) -> LinkState:
    """The state that `event` leads to; a move that the table does not have is our bug."""
    following = LINK_STATES.get((LinkState(state), event))
    if following is None:
        raise LifecycleError(f"link: no way from {LinkState(state).name} by {event.name}")
    return following


def session_of(link: Link) -> Session:
    """The session of a link that has one."""
    if link.session is None:
        raise LifecycleError(f"link: no session in state {LinkState(link.state).name}")
    return link.session


def link_of(session: Session) -> Link:
    """The link of a session that is live or ending."""
    if session.link is None:
        raise LifecycleError(f"session: no link in state {SessionState(session.state).name}")
    return session.link
