"""Silence, ours and theirs (protocol 8.4), judged without looking at every session at every tick.

Each connection has one entry in a heap (deadlines.py), at the earliest time at which anything could be due for it.
Receiving or sending moves nothing in the heap: an entry that comes up too early is judged by the session's own times
and put back. So a message costs a store, and a tick costs only the sessions that are due.

Two clocks. What the client owes us is judged on a clock that the gateway's own stalls do not advance (`judged`): a
gateway that did not look cannot say that it heard nothing. A stall sets that clock back before what arrived meanwhile
is heard, so it lengthens the silence of who was not heard since, and of nobody else. And nobody lapses without a
TestRequest and the time to answer it.
"""

from dataclasses import dataclass

from gateway.session import Session


@dataclass(frozen=True, slots=True)
class Silence:
    """The four times, in ns, that follow from the heartbeat interval and its two factors."""

    interval_ns: int
    probe_ns: int
    lapse_ns: int
    logon_ns: int


def has_lapsed(session: Session, silence: Silence, judged: int) -> bool:
    """Whether the client has been silent for too long, was asked, and had the time to answer."""
    if not session.probed_judged_ns:
        return False
    answer_by = session.probed_judged_ns + silence.lapse_ns - silence.probe_ns
    return judged >= max(session.heard_judged_ns + silence.lapse_ns, answer_by)


def must_probe(session: Session, silence: Silence, judged: int) -> bool:
    """Whether a TestRequest is due."""
    return not session.probed_judged_ns and judged >= session.heard_judged_ns + silence.probe_ns


def must_speak(session: Session, silence: Silence, now: int) -> bool:
    """Whether we have been silent for an interval."""
    return now >= session.spoke_ns + silence.interval_ns


def next_look(session: Session, silence: Silence, stalled_ns: int) -> int:
    """The earliest core time at which anything can be due for the session, if the gateway stands still no more."""
    if session.probed_judged_ns:
        answer_by = session.probed_judged_ns + silence.lapse_ns - silence.probe_ns
        theirs = max(session.heard_judged_ns + silence.lapse_ns, answer_by)
    else:
        theirs = session.heard_judged_ns + silence.probe_ns
    return min(theirs + stalled_ns, session.spoke_ns + silence.interval_ns)
