"""What cod-check prints of each outcome, for people and for programs."""

import json
from typing import Any

from gateway.cod_check_report import result_lines, summary_line
from gateway.cod_check_scenario import load
from gateway.cod_check_verdict import Finding, Result, Verdict

SCENARIO = next(one for one in load() if one.name == "fin-resting")
HEAD = f"{'fin-resting':<34}"


def outcome(**values: Any) -> Result:
    return Result(scenario=SCENARIO, **values)


def test_a_promise_that_holds_says_who_saw_it_and_when() -> None:
    result = outcome(seen_by="drop_copy", cancel_seen_ns=412_345, missed_ns=2_000_000)
    assert result_lines(result, as_json=False) == [
        f"holds             {HEAD} by drop copy, cancel seen 0.41 ms, taker missed 2.00 ms"
    ]


def test_a_promise_that_is_broken_says_how() -> None:
    findings = tuple(Finding(f"field{number}", "1", "2") for number in range(7))
    result = outcome(verdict=Verdict.BROKEN, why="x", findings=findings, seen_by="resend", remarks=["left orders"])
    assert result_lines(result, as_json=False) == [
        f"broken            {HEAD} by resend",
        "    promise: Orders that rest are cancelled when their client closes its connection.",
        *(f"    field{number}: expected 1, got 2" for number in range(5)),
        "    and 2 more like it",
        "    afterwards: left orders",
    ]


def test_what_is_not_provable_and_what_went_wrong_say_why() -> None:
    unseen = outcome(verdict=Verdict.NOT_PROVABLE, why="no drop_copy key was given")
    failed = outcome(verdict=Verdict.ERROR, why="maker could not log on")
    assert result_lines(unseen, as_json=False) == [f"not provable here {HEAD} no drop_copy key was given"]
    assert result_lines(failed, as_json=False) == [
        f"error             {HEAD}".rstrip(),
        "    promise: Orders that rest are cancelled when their client closes its connection.",
        "    maker could not log on",
    ]


def test_programs_get_one_object() -> None:
    result = outcome(
        verdict=Verdict.BROKEN,
        why="field: expected 1, got 2",
        findings=(Finding("field", "1", "2"),),
        seen_by="taker",
        missed_ns=1_500,
        took_ns=2_000,
    )
    (line,) = result_lines(result, as_json=True)
    assert json.loads(line) == {
        "scenario": "fin-resting",
        "cause": "fin",
        "state": "resting",
        "promise": "Orders that rest are cancelled when their client closes its connection.",
        "verdict": "broken",
        "seen_by": "taker",
        "cancel_seen_us": None,
        "taker_missed_us": 1.5,
        "why": "field: expected 1, got 2",
        "findings": [{"where": "field", "expected": "1", "got": "2"}],
        "remarks": [],
        "took_us": 2.0,
    }


def test_the_sum() -> None:
    results = [outcome(), outcome(verdict=Verdict.NOT_PROVABLE), outcome()]
    assert summary_line(results, 1.25, as_json=False) == "2 hold, 0 broken, 1 not provable here, 0 errors in 1.2 s"
    assert json.loads(summary_line(results, 1.25, as_json=True)) == {
        "summary": {"holds": 2, "broken": 0, "not_provable_here": 1, "error": 0},
        "took_s": 1.25,
    }
