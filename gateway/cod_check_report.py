"""What `breakwire cod-check` prints: a line of text for each promise, or of JSON, and the sum."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from gateway.cod_check_scenario import Scenario
from gateway.cod_check_verdict import Result, Verdict

_NAME_WIDTH = 34
_US = 1_000
_FINDINGS_SHOWN = 5


def list_lines(scenarios: Sequence[Scenario], *, as_json: bool) -> list[str]:
    """The scenarios, each with its promise and what it needs."""
    if as_json:
        return [
            json.dumps(
                {
                    "scenario": one.name,
                    "cause": one.cause,
                    "state": one.state,
                    "promise": one.promise,
                    "needs": one.needs,
                    "observe": one.observe,
                    "file": one.source,
                }
            )
            for one in scenarios
        ]
    lines = []
    for one in scenarios:
        needs = f" [needs {', '.join(one.needs)}]" if one.needs else ""
        lines.append(f"{one.name:<{_NAME_WIDTH}} {one.promise}{needs}")
    return lines


def result_lines(result: Result, *, as_json: bool) -> list[str]:
    """One scenario's outcome."""
    if as_json:
        return [json.dumps(_fields(result))]
    times = [
        f"{name} {_ms(time_ns)}"
        for name, time_ns in (("cancel seen", result.cancel_seen_ns), ("taker missed", result.missed_ns))
        if time_ns is not None and result.verdict is Verdict.HOLDS
    ]
    seen_by = f"by {result.seen_by.replace('_', ' ')}" if result.seen_by else ""
    details = ", ".join([*([seen_by] if seen_by else []), *times])
    if result.verdict is Verdict.NOT_PROVABLE:
        details = result.why
    lines = [f"{result.verdict.value:<17} {result.scenario.name:<{_NAME_WIDTH}} {details}".rstrip()]
    if result.verdict in (Verdict.BROKEN, Verdict.ERROR):
        lines.append(f"    promise: {result.scenario.promise}")
        lines += [f"    {finding}" for finding in result.findings[:_FINDINGS_SHOWN]] or [f"    {result.why}"]
        if len(result.findings) > _FINDINGS_SHOWN:
            lines.append(f"    and {len(result.findings) - _FINDINGS_SHOWN} more like it")
    return lines + [f"    afterwards: {remark}" for remark in result.remarks]


def summary_line(results: Sequence[Result], took_s: float, *, as_json: bool) -> str:
    """How many of each verdict."""
    counts = Counter(result.verdict for result in results)
    if as_json:
        told: dict[str, Any] = {verdict.value.replace(" ", "_"): counts[verdict] for verdict in Verdict}
        return json.dumps({"summary": told, "took_s": round(took_s, 3)})
    return (
        f"{counts[Verdict.HOLDS]} hold, {counts[Verdict.BROKEN]} broken, "
        f"{counts[Verdict.NOT_PROVABLE]} not provable here, {counts[Verdict.ERROR]} errors in {took_s:.1f} s"
    )


def _fields(result: Result) -> dict[str, Any]:
    return {
        "scenario": result.scenario.name,
        "cause": result.scenario.cause,
        "state": result.scenario.state,
        "promise": result.scenario.promise,
        "verdict": result.verdict.value.replace(" ", "_"),
        "seen_by": result.seen_by or None,
        "cancel_seen_us": None if result.cancel_seen_ns is None else round(result.cancel_seen_ns / _US, 1),
        "taker_missed_us": None if result.missed_ns is None else round(result.missed_ns / _US, 1),
        "why": result.why or None,
        "findings": [{"where": one.where, "expected": one.expected, "got": one.got} for one in result.findings],
        "remarks": result.remarks,
        "took_us": round(result.took_ns / _US, 1),
    }


def _ms(time_ns: int) -> str:
    return f"{time_ns / 1e6:.2f} ms"
