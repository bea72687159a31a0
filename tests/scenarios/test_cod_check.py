"""The whole acceptance kit against a gateway of ours, as `breakwire cod-check` runs it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cod_check import SETTINGS, SPEED_BUMP_MS, crew_keys, write_gateway, write_keys
from support.configuration import secret_of
from support.processes import Gateway

from gateway.__main__ import print_key
from gateway.cod_check_scenario import load

CREWS = 4
TIME_LIMIT_S = 100.0
SET = [
    f"--set=speed_bump_ms={SPEED_BUMP_MS}",
    f"--set=slow_consumer_ms={SETTINGS.slow_consumer_ms}",
    f"--set=within_ms={SETTINGS.within_ms}",
]
RESET = "reentry-reset-keeps-cancels"
"""Of a logon that resets the numbers only its own stream can tell."""
Outcome = dict[str, Any]


def cod_check(*words: str, timeout_s: float = TIME_LIMIT_S) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "cod-check", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways with settings of the test's choice."""
    gateways: list[Gateway] = []

    def start(crews: int = 1, **settings: Any) -> Gateway:
        gateways.append(Gateway(write_gateway(tmp_path / f"gateway-{len(gateways)}.toml", crews, **settings)))
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.close()


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., tuple[int, dict[str, Outcome]]]:
    """Runs cod-check on a gateway; its exit status and the outcome of each scenario."""

    def run(
        gateway: Gateway, *words: str, crews: int = 1, without: tuple[str, ...] = ()
    ) -> tuple[int, dict[str, Outcome]]:
        keys = write_keys(tmp_path / "keys.toml", crews, without)
        done = cod_check(f"{gateway.host}:{gateway.port}", "--keys", str(keys), "--json", *SET, *words)
        assert done.stderr == "", done.stderr
        *outcomes, summary = map(json.loads, done.stdout.splitlines())
        assert sum(summary["summary"].values()) == len(outcomes)
        return done.returncode, {outcome["scenario"]: outcome for outcome in outcomes}

    return run


Check = Callable[..., tuple[int, dict[str, Outcome]]]


def verdicts(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome["verdict"] for name, outcome in outcomes.items()}


def complaints(outcomes: dict[str, Outcome]) -> dict[str, list[Any]]:
    """What a failing test is to show."""
    return {
        name: [outcome["verdict"], outcome["why"], *outcome["findings"], *outcome["remarks"]]
        for name, outcome in outcomes.items()
        if outcome["verdict"] in ("broken", "error") or outcome["remarks"]
    }


def needing(*needs: str) -> set[str]:
    return {one.name for one in load() if set(needs) & set(one.needs)}


def test_our_gateway_keeps_every_promise_that_its_settings_make(serve: Callable[..., Gateway], check: Check) -> None:
    gateway = serve(CREWS)
    status, outcomes = check(gateway, crews=CREWS)
    assert complaints(outcomes) == {}
    elsewhere = needing("grace", "not_always", "session_mode")
    assert verdicts(outcomes) == {one.name: "not_provable_here" if one.name in elsewhere else "holds" for one in load()}
    assert status == 0
    seen_by = {name: outcome["seen_by"] for name, outcome in outcomes.items() if outcome["cancel_seen_us"]}
    assert seen_by == dict.fromkeys(seen_by, "drop_copy") | {RESET: "resend"}
    log = str(gateway.log)
    assert not [key for number in range(CREWS) for key in crew_keys(number).values() if secret_of(key) in log]


def test_without_drop_copy_the_next_observer_is_used_and_what_only_it_can_see_is_not_provable(
    serve: Callable[..., Gateway], check: Check
) -> None:
    chosen = ["--only=fin", "--only=logout", "--only=reentry-*", "--only=dead-man-mid-frame"]
    status, outcomes = check(serve(), *chosen, without=("drop_copy",))
    assert complaints(outcomes) == {}
    unseen = needing("drop_copy")
    assert {name for name, verdict in verdicts(outcomes).items() if verdict != "holds"} == outcomes.keys() & unseen
    assert {outcomes[name]["why"] for name in outcomes.keys() & unseen} == {"no drop_copy key was given"}
    assert {outcome["seen_by"] for outcome in outcomes.values() if outcome["cancel_seen_us"]} == {"resend"}
    assert status == 0


@pytest.mark.parametrize("mode", ["order", "session"])
def test_a_gateway_that_covers_only_what_asks_for_it(serve: Callable[..., Gateway], check: Check, mode: str) -> None:
    chosen = ["--only=modes-*", "--only=fin-*", "--only=logout-*", f"--set=mode={mode}"]
    status, outcomes = check(serve(cancel_on_disconnect=mode), *chosen)
    assert complaints(outcomes) == {}
    expected = {one.name for one in load() if one.name.startswith(("modes-", "fin-", "logout-"))}
    unseen = needing("session_mode") if mode == "order" else set()
    assert verdicts(outcomes) == {name: "not_provable_here" if name in unseen else "holds" for name in expected}
    assert status == 0


def test_a_gateway_that_gives_lost_lines_a_grace(serve: Callable[..., Gateway], check: Check) -> None:
    chosen = ["--only=grace-*", "--only=fin-*", "--only=violation-*", "--only=account_wide", "--set=grace_ms=300"]
    status, outcomes = check(serve(cancel_grace_ms=300), *chosen)
    assert complaints(outcomes) == {}
    without = needing("no_grace")
    assert {name for name, verdict in verdicts(outcomes).items() if verdict != "holds"} == outcomes.keys() & without
    assert status == 0
    assert outcomes["grace-expiry"]["cancel_seen_us"] >= 300_000
    assert outcomes["violation-resting"]["cancel_seen_us"] < 300_000


def test_a_gateway_that_refuses_a_second_logon_and_checks_no_numbers(
    serve: Callable[..., Gateway], check: Check
) -> None:
    chosen = ["--only=displaced", "--only=violation", "--only=fin"]
    settings = ["--set=duplicate_logon=refuse", "--set=sequence_check=off"]
    status, outcomes = check(serve(duplicate_logon="refuse", sequence_check="off"), *chosen, *settings)
    assert complaints(outcomes) == {}
    without = needing("displace", "strict_numbers")
    assert {name for name, verdict in verdicts(outcomes).items() if verdict != "holds"} == outcomes.keys() & without
    assert status == 0


def test_a_promise_that_is_not_kept_is_printed_and_ends_with_1(serve: Callable[..., Gateway], tmp_path: Path) -> None:
    """A gateway with a grace, of which cod-check is told nothing."""
    gateway = serve(cancel_grace_ms=5_000)
    keys = write_keys(tmp_path / "keys.toml")
    address = f"{gateway.host}:{gateway.port}"
    done = cod_check(address, "--keys", str(keys), "--only", "fin-resting", "--set", "within_ms=100")
    first, *others = done.stdout.splitlines()
    assert first.split() == ["broken", "fin-resting", "by", "drop", "copy"]
    assert others[0] == "    promise: Orders that rest are cancelled when their client closes its connection."
    names = [line.split("(")[0].strip() for line in others[1:-1]]
    assert names == [f"OrdersCanceled.orders: expected {name}" for name in ("ask", "ask-above", "bid")]
    assert others[-1].startswith("0 hold, 1 broken, 0 not provable here, 0 errors in ")
    assert (done.returncode, done.stderr) == (1, "")


def test_keys_in_the_form_that_serve_prints_are_enough(
    serve: Callable[..., Gateway], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = serve()
    for client_id in crew_keys(0).values():
        print_key(client_id, secret_of(client_id))
    keys = tmp_path / "keys.txt"
    keys.write_text(capsys.readouterr().out)
    parts = [f"--set={part}={client_id}" for part, client_id in crew_keys(0).items()]
    chosen = ["--mmp-group=7", "--only=logout-quoted", "--only=fin-queued"]
    done = cod_check(f"{gateway.host}:{gateway.port}", f"--keys={keys}", *parts, *chosen)
    lines = done.stdout.splitlines()
    why = "no instrument with a speed bump was named (--bumped-instrument)"
    assert lines[0] == f"not provable here {'fin-queued':<34} {why}"
    assert lines[1].startswith(f"holds             {'logout-quoted':<34} by drop copy, cancel seen ")
    assert lines[2].startswith("1 hold, 0 broken, 1 not provable here, 0 errors in ")
    assert (done.returncode, done.stderr, len(lines)) == (0, "", 3)


def test_the_scenario_of_the_readme_runs_as_it_stands(
    serve: Callable[..., Gateway], check: Check, tmp_path: Path
) -> None:
    readme = Path(__file__).parents[2] / "README.md"
    (block,) = [text for text in readme.read_text().split("```toml\n") if text.startswith("[[scenario]]")]
    own = tmp_path / "own.toml"
    own.write_text(block.split("```")[0])
    status, outcomes = check(serve(), "--scenario", str(own))
    assert (status, verdicts(outcomes)) == (0, {"my-promise": "holds"})
