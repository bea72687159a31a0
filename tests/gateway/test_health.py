"""What the canary's rounds say of a gateway's health, by a clock that the test sets."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.health import (
    REASON_LATE,
    REASON_NOT_YET,
    REASON_SILENT,
    REASON_STILL_THERE,
    Colour,
    Health,
    Round,
    Verdict,
)
from gateway.limits import CANARY_LATE_MOST_MS

MILLISECOND = 1_000_000
N = 1_000 * MILLISECOND
LATE = CANARY_LATE_MOST_MS * MILLISECOND
GRACE = 3 * N


@pytest.fixture
def health() -> Health:
    return Health(N, 0, now=0)


def rounds(health: Health) -> dict[str, int]:
    return {outcome.value: count for outcome, count in health.rounds.items() if count}


def test_nothing_is_proved_before_the_first_round(health: Health) -> None:
    assert health.report(0) == Verdict(Colour.RED, 0, N, REASON_NOT_YET)
    assert health.report(10 * N) == Verdict(Colour.RED, 0, N, REASON_NOT_YET)
    assert rounds(health) == {}


def test_a_cancel_in_time_is_green_for_a_round_and_an_interval(health: Health) -> None:
    health.cancelled(broke_at=N, gone_at=N + LATE)
    green = Verdict(Colour.GREEN, N + LATE, 3 * N, broke_at=N, lateness_ns=LATE)
    assert health.report(N + LATE) == health.report(3 * N) == green
    assert green.is_green
    assert health.report(3 * N + 1) == replace(green, colour=Colour.RED, since=3 * N, reason=REASON_SILENT)
    assert rounds(health) == {"in_time": 1}


def test_green_goes_on_from_its_first_round(health: Health) -> None:
    for broke_at in (N, 2 * N, 4 * N - 1):
        health.cancelled(broke_at, broke_at + 1)
    assert health.report(4 * N) == Verdict(Colour.GREEN, N + 1, 6 * N - 1, broke_at=4 * N - 1, lateness_ns=1)


def test_green_begins_anew_after_a_silence(health: Health) -> None:
    health.cancelled(N, N + 1)
    health.cancelled(4 * N, 4 * N + 1)
    assert health.report(4 * N + 1) == Verdict(Colour.GREEN, 4 * N + 1, 6 * N, broke_at=4 * N, lateness_ns=1)


def test_a_cancel_that_came_late_is_red_at_once(health: Health) -> None:
    health.cancelled(N, N + 1)
    health.cancelled(2 * N, 2 * N + LATE + 1)
    found = 2 * N + LATE + 1
    red = Verdict(Colour.RED, found, found + 2 * N, REASON_LATE, 2 * N, LATE + 1)
    assert health.report(found) == health.report(9 * N) == red
    assert rounds(health) == {"in_time": 1, "late": 1}


def test_an_order_that_is_still_there_is_red_and_gets_later(health: Health) -> None:
    health.cancelled(N, N + 1)
    assert (health.is_late(2 * N, 2 * N + LATE), health.is_late(2 * N, 2 * N + LATE + 1)) == (False, True)
    found = 2 * N + LATE + 1
    health.overdue(2 * N, found)
    red = Verdict(Colour.RED, found, found + 2 * N, REASON_STILL_THERE, 2 * N, LATE + 1, True)
    assert health.report(found) == red
    assert health.report(7 * N) == replace(red, lateness_ns=5 * N)
    health.cancelled(2 * N, 8 * N)
    assert health.report(8 * N) == Verdict(Colour.RED, found, 10 * N, REASON_LATE, 2 * N, 6 * N)
    assert rounds(health) == {"in_time": 1, "late": 1}


def test_a_round_that_proves_nothing_is_red_and_keeps_what_was_known(health: Health) -> None:
    health.cancelled(N, N + 5)
    health.failed("the moon is full", 2 * N)
    assert health.report(2 * N) == Verdict(Colour.RED, 2 * N, 4 * N, "the moon is full", N, 5)
    health.failed("it still is", 3 * N)
    assert health.report(3 * N) == Verdict(Colour.RED, 2 * N, 5 * N, "it still is", N, 5)
    health.cancelled(4 * N, 4 * N + 1)
    assert health.report(4 * N + 1).since == 4 * N + 1
    assert rounds(health) == {"in_time": 2, "failed": 2}


def test_grace_is_not_lateness() -> None:
    health = Health(N, GRACE, now=0)
    assert health.is_late(N, N + GRACE + LATE) is False
    health.cancelled(N, N + GRACE + 7)
    # The next line breaks at once, since the interval is over; its order has its grace, and then an interval.
    gone = N + GRACE + 7
    assert health.report(gone) == Verdict(Colour.GREEN, gone, gone + GRACE + N, broke_at=N, lateness_ns=7)
    health.cancelled(gone, gone + 5)  # a cause without grace: sooner than it need have been
    assert health.report(gone + 5).lateness_ns == 0


@given(
    st.lists(st.tuples(st.integers(1, 4 * N), st.sampled_from((0, 1, LATE, LATE + 1, N, 5 * N))), max_size=8),
    st.integers(0, 12 * N),
    st.sampled_from((0, GRACE)),
)
def test_green_means_that_a_line_broke_lately_and_its_order_was_gone_in_time(
    breaks: list[tuple[int, int]], later: int, grace_ns: int
) -> None:
    health = Health(N, grace_ns, now=0)
    now = 0
    proved: list[int] = []
    for pause, lateness in breaks:
        broke_at = now + pause
        now = broke_at + grace_ns + lateness
        if health.is_late(broke_at, broke_at + grace_ns + min(lateness, LATE + 1)):
            health.overdue(broke_at, broke_at + grace_ns + LATE + 1)
        health.cancelled(broke_at, now)
        proved = [*proved, broke_at] if lateness <= LATE else []
    now += later
    verdict = health.report(now)
    if verdict.is_green:
        assert now - proved[-1] <= 2 * (N + grace_ns) + LATE
        assert verdict.since <= now <= verdict.valid_until
    else:
        # Nothing was proved by the last round, or too long ago: the next proof is overdue.
        assert not proved or now > proved[-1] + grace_ns + 2 * N
    assert sum(health.rounds.values()) == len(breaks)
    assert health.rounds[Round.FAILED] == 0
