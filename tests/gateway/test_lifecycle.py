"""The tables of states: what follows from what, and that nothing else does."""

import pytest

from gateway.errors import LifecycleError
from gateway.lifecycle import (
    LINK_STATES,
    SESSION_STATES,
    LinkEvent,
    SessionEvent,
    may_end,
    next_link_state,
    next_session_state,
)
from gateway.session import LinkState, SessionState


@pytest.mark.parametrize("state", list(SessionState))
@pytest.mark.parametrize("event", list(SessionEvent))
def test_a_session_moves_as_the_table_says_and_in_no_other_way(state: SessionState, event: SessionEvent) -> None:
    if (state, event) in SESSION_STATES:
        assert next_session_state(state, event) == SESSION_STATES[state, event]
        return
    with pytest.raises(LifecycleError) as raised:
        next_session_state(state, event)
    assert str(raised.value) == f"session: no way from {state.name} by {event.name}"


@pytest.mark.parametrize("state", list(LinkState))
@pytest.mark.parametrize("event", list(LinkEvent))
def test_a_link_moves_as_the_table_says_and_in_no_other_way(state: LinkState, event: LinkEvent) -> None:
    if (state, event) in LINK_STATES:
        assert next_link_state(state, event) == LINK_STATES[state, event]
        return
    with pytest.raises(LifecycleError) as raised:
        next_link_state(state, event)
    assert str(raised.value) == f"link: no way from {state.name} by {event.name}"


def test_a_session_goes_round_from_vacant_to_vacant() -> None:
    state = SessionState.SESSION_VACANT
    states = [state := next_session_state(state, event) for event in SessionEvent]
    assert states == [
        SessionState.SESSION_LIVE,
        SessionState.SESSION_LOST,
        SessionState.SESSION_ENDING,
        SessionState.SESSION_VACANT,
    ]


def test_only_a_live_or_lost_session_has_an_end_before_it() -> None:
    assert [state for state in SessionState if may_end(state)] == [SessionState.SESSION_LIVE, SessionState.SESSION_LOST]


def test_a_link_never_comes_back_to_life() -> None:
    order = [LinkState.LINK_LOGON, LinkState.LINK_WAITING, LinkState.LINK_LIVE]
    order += [LinkState.LINK_CLOSING, LinkState.LINK_CLOSED]
    for (before, _), after in LINK_STATES.items():
        assert order.index(after) > order.index(before) or before == after == LinkState.LINK_CLOSED


def test_a_link_can_be_lost_from_every_state_that_has_no_session() -> None:
    without_session = set(LinkState) - {LinkState.LINK_LIVE}
    lost = {state for state, event in LINK_STATES if event == LinkEvent.LOST}
    assert lost == without_session, "a live link is first left by its session"
