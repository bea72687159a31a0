"""`breakwire cod-check`: which promises of cancel on disconnect a gateway keeps, its own or anybody's, and how fast.

It speaks the protocol and nothing else: no admin socket, no knowledge of what is inside. Scenarios are data
(`cod_check_scenario`), played (`cod_check_play`) on connections that can be cut in every way (`cod_check_line`), and
judged (`cod_check_expect`, `cod_check_judge`) by what was seen. A promise that nobody can see kept is not provable
here, never passed.
"""

import argparse
import queue
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from gateway.cod_check_crew import CheckArgumentError, Crew, Market, Settings, read_crews, read_settings, to_count
from gateway.cod_check_line import NotReachableError
from gateway.cod_check_report import list_lines, result_lines, summary_line
from gateway.cod_check_run import Runner
from gateway.cod_check_scenario import Scenario, chosen, load
from gateway.cod_check_verdict import Result, StageFailedError, Verdict

_FAILED: Final = (Verdict.BROKEN, Verdict.ERROR)


def run(options: argparse.Namespace) -> int:
    """Carry out the command; 0 if every promise that can be proved here holds, 1 if one does not.

    Raises:
        MisuseError: arguments, files or an address that cannot be used.
    """
    scenarios = chosen(load(options.scenario), options.only)
    if not scenarios and not options.only:
        raise CheckArgumentError(f"--scenario: wanted scenarios, but there are none in {', '.join(options.scenario)}")
    if not scenarios:
        raise CheckArgumentError(f"--only: wanted a name, cause or state of a scenario, was {' '.join(options.only)}")
    if options.list:
        print("\n".join(list_lines(scenarios, as_json=options.json)))
        return 0
    if options.gateway is None or options.keys is None:
        missing = "HOST:PORT" if options.gateway is None else "--keys FILE"
        raise CheckArgumentError(f"wanted {missing}, but there is none")
    settings = read_settings(options.set)
    market = Market(
        price=to_count("--price", options.price),
        tick=to_count("--tick", options.tick),
        lot=to_count("--lot", options.lot),
    )
    mmp_group = options.mmp_group or None
    crews = read_crews(options.keys, settings, options.instrument, options.bumped_instrument, mmp_group)
    begun = time.monotonic()
    results = check(_address(options.gateway), crews, settings, market, scenarios, as_json=options.json)
    print(summary_line(results, time.monotonic() - begun, as_json=options.json))
    return 1 if any(result.verdict in _FAILED for result in results) else 0


def check(
    address: tuple[str, int],
    crews: Sequence[Crew],
    settings: Settings,
    market: Market,
    scenarios: Sequence[Scenario],
    *,
    as_json: bool,
) -> list[Result]:
    """Run the scenarios, each crew one at a time, and print each outcome as it comes; they return in that order."""
    runners = [Runner(address, crew, settings, market) for crew in crews]
    try:
        for runner in runners:
            runner.prepare()
    except (NotReachableError, StageFailedError) as error:
        raise CheckArgumentError(f"cannot begin: {error}") from None
    waiting: queue.SimpleQueue[Scenario] = queue.SimpleQueue()
    for scenario in scenarios:
        waiting.put(scenario)
    done: queue.SimpleQueue[Result | BaseException] = queue.SimpleQueue()
    for runner in runners:
        threading.Thread(target=_work, args=(runner, waiting, done), daemon=True).start()
    results: list[Result] = []
    while len(results) < len(scenarios):
        outcome = done.get()
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
        print("\n".join(result_lines(outcome, as_json=as_json)))
        sys.stdout.flush()
    return results


def _work(
    runner: Runner, waiting: "queue.SimpleQueue[Scenario]", done: "queue.SimpleQueue[Result | BaseException]"
) -> None:
    """Plays what waits until nothing does. A bug of ours ends the command, not silently this thread."""
    try:
        while True:
            done.put(runner.run(waiting.get_nowait()))
    except queue.Empty:
        return
    except BaseException as error:
        done.put(error)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise CheckArgumentError(f"wanted HOST:PORT with a port from 1 to 65535, was {text}")
    return host.strip("[]"), int(port)
