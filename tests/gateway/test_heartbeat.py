"""Silence: the rules on both clocks, at the last nanosecond."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.heartbeat import Silence, has_lapsed, must_probe, must_speak, next_look
from gateway.session import Session
from gateway.stream import ChunkPool, Stream

NOW = 1_800_000_000_000_000_000
SILENCE = Silence(interval_ns=1_000, probe_ns=1_200, lapse_ns=1_500, logon_ns=2_000)


@pytest.fixture
def session() -> Session:
    """A session that both sides have spoken in at NOW."""
    session = Session(0, "maker-1", 1, False, Stream(ChunkPool(), 65_536), [])
    session.heard_judged_ns = session.heard_ns = session.spoke_ns = NOW
    return session


def test_a_test_request_is_due_after_the_probe_time_and_only_once(session: Session) -> None:
    assert not must_probe(session, SILENCE, NOW + 1_199)
    assert must_probe(session, SILENCE, NOW + 1_200)
    session.probed_judged_ns = NOW + 1_200
    assert not must_probe(session, SILENCE, NOW + 1_300)


def test_nobody_lapses_without_a_test_request(session: Session) -> None:
    assert not has_lapsed(session, SILENCE, NOW + 1_000_000)


def test_a_client_lapses_at_the_lapse_time_if_it_was_asked_in_time(session: Session) -> None:
    session.probed_judged_ns = NOW + 1_200
    assert not has_lapsed(session, SILENCE, NOW + 1_499)
    assert has_lapsed(session, SILENCE, NOW + 1_500)


def test_a_client_that_was_asked_late_has_the_same_time_to_answer(session: Session) -> None:
    session.probed_judged_ns = NOW + 5_000
    assert not has_lapsed(session, SILENCE, NOW + 5_299)
    assert has_lapsed(session, SILENCE, NOW + 5_300)


def test_we_speak_after_an_interval_of_our_own_silence(session: Session) -> None:
    assert not must_speak(session, SILENCE, NOW + 999)
    assert must_speak(session, SILENCE, NOW + 1_000)


def test_the_next_look_is_at_whatever_is_due_first(session: Session) -> None:
    assert next_look(session, SILENCE, 0) == NOW + 1_000
    session.spoke_ns = NOW + 700
    assert next_look(session, SILENCE, 0) == NOW + 1_200
    session.probed_judged_ns = NOW + 1_250
    session.spoke_ns = NOW + 1_250
    assert next_look(session, SILENCE, 0) == NOW + 1_550


def test_our_own_silence_is_judged_by_the_true_clock(session: Session) -> None:
    stalled_ns = 400
    look = next_look(session, SILENCE, stalled_ns)
    assert look == NOW + 1_000
    assert must_speak(session, SILENCE, look)


@given(
    heard=st.integers(0, 3_000),
    probed=st.one_of(st.just(None), st.integers(0, 3_000)),
    spoke=st.integers(0, 3_000),
    stalled=st.integers(0, 3_000),
)
def test_nothing_is_due_before_the_next_look_and_something_is_at_it(
    heard: int, probed: int | None, spoke: int, stalled: int
) -> None:
    session = Session(0, "maker-1", 1, False, Stream(ChunkPool(), 65_536), [])
    session.heard_judged_ns = NOW + heard
    session.probed_judged_ns = 0 if probed is None else NOW + heard + probed
    session.spoke_ns = NOW + spoke

    def due(now: int) -> bool:
        judged = now - stalled
        return (
            has_lapsed(session, SILENCE, judged)
            or must_probe(session, SILENCE, judged)
            or must_speak(session, SILENCE, now)
        )

    look = next_look(session, SILENCE, stalled)
    assert due(look)
    assert not due(look - 1)
