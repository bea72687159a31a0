"""When settlements are, to the nanosecond."""

from datetime import UTC, datetime

import pytest

from gateway.settlement import DAY_NS, Settlements, time_of_day_ns

SECOND = 1_000_000_000


def at(text: str) -> int:
    """ns since the epoch of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:00Z", 0), ("08:00:00Z", 28_800), ("23:59:59Z", 86_399), ("12:34:56Z", 45_296)]
)
def test_a_time_of_day_is_that_long_after_midnight(text: str, seconds: int) -> None:
    assert time_of_day_ns(text) == seconds * SECOND


@pytest.mark.parametrize(
    ("begins", "following"),
    [
        ("2027-03-01T07:59:59", "2027-03-01T08:00:00"),
        ("2027-03-01T08:00:00", "2027-03-02T08:00:00"),
        ("2027-03-01T23:00:00", "2027-03-02T08:00:00"),
    ],
)
def test_the_first_look_finds_none_passed_and_the_next_to_come(begins: str, following: str) -> None:
    settlements = Settlements("08:00:00Z")

    assert settlements.passed(at(begins)) == 0
    assert settlements.next_ns == at(following)


def test_a_settlement_has_come_at_its_very_time_and_is_told_once() -> None:
    settlements = Settlements("08:00:00Z")
    settlements.passed(at("2027-03-01T07:00:00"))

    assert settlements.passed(at("2027-03-01T08:00:00") - 1) == 0
    assert settlements.passed(at("2027-03-01T08:00:00")) == 1
    assert settlements.passed(at("2027-03-01T08:00:00")) == 0
    assert settlements.next_ns == at("2027-03-02T08:00:00")


def test_settlements_that_nobody_looked_at_are_counted() -> None:
    settlements = Settlements("00:00:00Z")
    settlements.passed(at("2027-02-27T12:00:00"))

    assert settlements.passed(at("2027-03-02T00:00:00")) == 3
    assert settlements.next_ns == at("2027-03-02T00:00:00") + DAY_NS
