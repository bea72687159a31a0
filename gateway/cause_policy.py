"""What each cause of an end means: the table.

A session can end in these ways and in no other; the numbers are those of the receipt (4030). Read a row from left to
right:

    cause    how it happened
    fires    whether cancel on disconnect runs: the session's covered orders are cancelled
    grace    whether `cancel_grace_ms` applies: the orders live on until a logon with resetSeqNum 0 takes them over, or
             the time is over. Only a line that was lost may come back; who ended it, or broke the rules, does not
    takes    which orders are cancelled: OWN are the session's covered ones; SWITCHED are all of the portfolio instead
             if the connection had switched that on (4010); ALL are those of the portfolio in any case
    rest     whether the session's orders that are not covered go as well, in the same event
    reason   what OrdersCanceled (310) gives as cancelReason
    closing  how the line is let go when everything is told: POLITE writes what is left, then waits for the client to
             close; ABORT does neither; STAYS leaves it as it is, or there is none
    reads    whether the client is alive, so that what its socket took counts as delivered. If not, a logon with reset
             is told the cancels again
    level    of the line `session gone` in the log, which names cause, orders and times
    told     what LoggedOut says; None where nobody can read it
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from codec.layout import CancelReason, Cause
from gateway.session import LinkClosing


class Takes(Enum):
    """Which orders a cause cancels."""

    OWN = auto()
    SWITCHED = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Policy:
    """A row of the table; the module says what its columns are."""

    fires: bool
    grace: bool
    takes: Takes
    takes_uncovered: bool
    cancel_reason: CancelReason
    closing: LinkClosing
    peer_reads: bool
    level: str
    text: str | None


# The table's words.
YES, NO = True, False
OWN, SWITCHED, ALL = Takes
DISCONNECT, ADMIN = CancelReason.CLIENT_DISCONNECT, CancelReason.ADMIN
POLITE, ABORT, STAYS = LinkClosing.CLOSING_POLITELY, LinkClosing.CLOSING_ABORT, LinkClosing.CLOSING_NOT
INFO, WARNS = "info", "warning"
TEXT_DISPLACED: Final = "displaced by a newer logon of this key"

CAUSE_POLICY: Final[dict[Cause, Policy]] = {
    # cause                          fires grace takes     rest reason      closing reads level  told
    # The client closed its end, or its process died: end of file.
    Cause.TCP_CLOSED:         Policy(YES,  YES,  SWITCHED, NO,  DISCONNECT, POLITE, NO,   WARNS, None),
    # The line was reset, a write failed, or the kernel gave the peer up.
    Cause.TCP_RESET:          Policy(YES,  YES,  SWITCHED, NO,  DISCONNECT, ABORT,  NO,   WARNS, None),
    # Nothing was heard for 1.5 heartbeat intervals, TestRequest notwithstanding.
    Cause.HEARTBEAT_MISSED:   Policy(YES,  YES,  SWITCHED, NO,  DISCONNECT, POLITE, NO,   WARNS, "heartbeat missed"),
    # The client said goodbye. The rest of its portfolio stays, even if it had switched that on.
    Cause.LOGOUT:             Policy(YES,  NO,   OWN,      NO,  DISCONNECT, POLITE, YES,  INFO,  "logout"),
    # The key logged on again. Where there is a grace, resetSeqNum 0 makes it a takeover instead: nothing fires.
    Cause.DISPLACED:          Policy(YES,  NO,   SWITCHED, NO,  DISCONNECT, POLITE, NO,   WARNS, TEXT_DISPLACED),
    # Broken framing, a gap in the client's numbers, a second Logon. What it was follows the text.
    Cause.PROTOCOL_VIOLATION: Policy(YES,  NO,   SWITCHED, NO,  DISCONNECT, POLITE, YES,  WARNS, "protocol violation"),
    # The client does not read: too many unsent bytes, or too old ones.
    Cause.SLOW_CONSUMER:      Policy(YES,  NO,   SWITCHED, NO,  DISCONNECT, ABORT,  NO,   WARNS, "slow consumer"),
    # The dead man's switch of the portfolio (4020) was not refreshed. It cancels, but ends no session.
    Cause.DEAD_MAN_EXPIRED:   Policy(YES,  NO,   ALL,      NO,  DISCONNECT, STAYS,  YES,  WARNS, None),
    # The gateway was told to stop. Where nothing is kept (no data_dir) the orders that are not covered go first, by an
    # event of their own with reason ADMIN.
    Cause.GATEWAY_SHUTDOWN:   Policy(YES,  NO,   SWITCHED, NO,  DISCONNECT, POLITE, NO,   INFO,  "gateway shutdown"),
    # Cannot happen yet, it needs the journal: the gateway died and came back. Whoever was connected before is gone; the
    # orders are cancelled before anybody is let in, and the cancels stand in the streams.
    Cause.GATEWAY_RESTARTED:  Policy(YES,  NO,   SWITCHED, NO,  DISCONNECT, STAYS,  NO,   WARNS, None),
    # Cannot happen yet, it needs an engine apart from the gateway: the engine heard nothing of this gateway for as long
    # as its lease was, and fenced all that came through it. The gateway says so when it is back.
    Cause.GATEWAY_LOST:       Policy(YES,  NO,   SWITCHED, NO,  DISCONNECT, STAYS,  NO,   WARNS, None),
    # The venue's operator ended it, or revoked its key.
    Cause.ADMIN:              Policy(YES,  NO,   SWITCHED, YES, ADMIN,      POLITE, YES,  WARNS, "ended by the venue"),
}  # fmt: skip

CAUSES_TO_COME: Final = frozenset({Cause.GATEWAY_RESTARTED, Cause.GATEWAY_LOST})
"""What cannot happen before there is a journal, and an engine apart from the gateway."""
