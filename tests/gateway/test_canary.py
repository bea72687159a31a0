"""The canary on a real loop with real sockets: what it proves, what turns it red, and that nobody else sees it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from support.core_driver import KEYS, configuration
from support.shell_bench import ShellBench

from codec.layout import Cause
from gateway import status
from gateway.canary import CLIENT_ID, Canary
from gateway.engine import InstrumentState
from gateway.health import REASON_LATE, REASON_SILENT, REASON_STILL_THERE, Health, Round, Verdict
from gateway.limits import CANARY_LATE_MOST_MS, RESERVED_ID
from gateway.log import rfc_3339
from gateway.session import Link

N = 500_000_000
"""The interval of these canaries, the shortest there is."""

MakeBench = Callable[..., ShellBench]


@pytest.fixture
def make_bench() -> Iterator[MakeBench]:
    benches: list[ShellBench] = []

    def make(**settings: Any) -> ShellBench:
        benches.append(ShellBench(**({"canary_interval_s": 0.5} | settings)))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def canary_of(bench: ShellBench) -> Canary:
    canary = bench.server._core.canary
    assert canary is not None
    return canary


def health_of(bench: ShellBench) -> Health:
    return canary_of(bench).health


def report(bench: ShellBench) -> Verdict:
    return health_of(bench).report(bench.server._shell.now())


def until_green(bench: ShellBench) -> Verdict:
    bench.until(lambda: report(bench).is_green, "green")
    return report(bench)


def until_red(bench: ShellBench) -> Verdict:
    bench.until(lambda: not report(bench).is_green, "red")
    return report(bench)


def rounds(bench: ShellBench) -> int:
    return sum(health_of(bench).rounds.values())


def until_rounds(bench: ShellBench, more: int) -> None:
    wanted = rounds(bench) + more
    bench.until(lambda: rounds(bench) >= wanted, f"{more} rounds")


# What it proves


def test_it_is_green_as_soon_as_the_first_order_is_gone(make_bench: MakeBench) -> None:
    verdict = until_green(make_bench())
    assert verdict.lateness_ns is not None
    assert 0 < verdict.lateness_ns <= CANARY_LATE_MOST_MS * 1_000_000
    assert (verdict.reason, verdict.is_still_there) == ("", False)


def test_the_line_is_broken_by_fin_and_by_reset_in_turn(make_bench: MakeBench) -> None:
    bench = make_bench()
    causes = []
    for _ in range(4):
        until_rounds(bench, 1)
        bench.until(lambda: canary_of(bench).session.state == 0, "the end of the session")
        ending = canary_of(bench).session.ending
        causes.append((ending.cause, ending.bound_count))
    assert causes == [(Cause.TCP_CLOSED, 1), (Cause.TCP_RESET, 1)] * 2


def test_rounds_are_an_interval_apart_and_numbered_without_a_gap(make_bench: MakeBench) -> None:
    bench = make_bench()
    first = until_green(bench).broke_at
    until_rounds(bench, 2)
    third = report(bench).broke_at
    assert first is not None
    assert third is not None
    assert 2 * N <= third - first < 10 * N
    session = canary_of(bench).session
    assert (session.epoch, session.last_processed) == (3, 6)  # a Logon and an order in each round


@pytest.mark.parametrize("cancel_on_disconnect", ["always", "session", "order"])
def test_its_order_is_covered_in_every_mode(make_bench: MakeBench, cancel_on_disconnect: str) -> None:
    bench = make_bench(cancel_on_disconnect=cancel_on_disconnect)
    until_green(bench)
    until_rounds(bench, 1)
    until_green(bench)
    assert health_of(bench).rounds[Round.FAILED] == 0


def test_grace_is_waited_for_and_is_not_lateness(make_bench: MakeBench) -> None:
    bench = make_bench(cancel_grace_ms=700)
    verdict = until_green(bench)
    assert verdict.lateness_ns is not None
    assert verdict.lateness_ns <= CANARY_LATE_MOST_MS * 1_000_000
    assert verdict.broke_at is not None
    assert verdict.since - verdict.broke_at >= 700_000_000  # it has been green since its order was gone


def test_neither_rate_limits_nor_the_flap_guard_are_for_the_canary(make_bench: MakeBench) -> None:
    slow = "[gateway.rate_limit]\norders_per_s = 1\norders_burst = 1\n"
    settings = configuration(port=0, canary_interval_s=0.5, flap_losses=2, flap_window_s=60.0, extra=slow)
    bench = make_bench(settings=settings)
    until_rounds(bench, 4)
    until_green(bench)
    assert health_of(bench).rounds[Round.FAILED] == 0


def test_it_goes_on_after_a_reload_and_beside_new_keys(make_bench: MakeBench) -> None:
    settings = {"port": 0, "canary_interval_s": 0.5}
    before = configuration(**settings)
    bench = make_bench(settings=before)
    until_green(bench)
    limits = "[gateway.rate_limit]\norders_per_s = 1\norders_burst = 1\n"
    after = configuration({**KEYS, "maker-9": (1, "trader")}, extra=limits, **settings)
    kept = {key.client_id: key for key in before.api_keys}
    after = structs.replace(after, api_keys=tuple(kept.get(key.client_id, key) for key in after.api_keys))
    bench.server._core.reload(after, bench.server._shell.now())
    newcomer = bench.logged_on("maker-9")
    newcomer.raw(newcomer.order_frame(1) + newcomer.order_frame(2))
    assert [message.name for message in bench.read(newcomer, 2)] == ["NewOrderResponse", "NewOrderReject"]
    until_rounds(bench, 3)
    until_green(bench)
    assert health_of(bench).rounds[Round.FAILED] == 0
    shown = [row.client_id for row in status.page(bench.server._core, "sessions", 0, 0).rows]  # type: ignore[attr-defined]
    assert shown == [*KEYS, "maker-9"]


# What turns it red


def test_a_loop_that_stands_still_is_red_by_its_file_while_it_does(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(data_dir=str(tmp_path), admin_socket=str(tmp_path / "admin.sock"))
    path = tmp_path / "health"

    def read() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return found

    bench.until(lambda: path.exists() and read()["state"] == "green", "the file to be green")
    seen: list[dict[str, Any]] = []
    looked_at: list[float] = []

    def look() -> None:
        seen.append(read())
        looked_at.append(time.monotonic())

    bench.stall(2.5 * N / 1e9, look)
    states = [found["state"] for found in seen]
    assert states == sorted(states)  # green, then red
    assert (states[0], states[-1], seen[-1]["reason"]) == ("green", "red", REASON_SILENT)
    # No later than 2 n after whatever cancel the loop has kept from coming, and the time that a thread takes to wake.
    assert looked_at[states.index("red")] - looked_at[0] <= 2 * N / 1e9 + 0.2
    assert until_green(bench).since > 0
    bench.until(lambda: read()["state"] == "green", "the file to be green again")
    assert [event["state"] for event in bench.events("canary")][:3] == ["green", "red", "green"]


def test_a_stall_right_behind_the_break_makes_the_cancel_late(make_bench: MakeBench) -> None:
    bench = make_bench()
    until_green(bench)
    core = bench.server._core
    half_closed, lost = core.half_closed, core.lost

    def late(hear: Callable[[Link, int], None]) -> Callable[[Link, int], None]:
        def hear_late(link: Link, now: int) -> None:
            core.half_closed, core.lost = half_closed, lost
            time.sleep(2 * CANARY_LATE_MOST_MS / 1000)
            hear(link, now)

        return hear_late

    core.half_closed, core.lost = late(half_closed), late(lost)
    verdict = until_red(bench)
    assert verdict.reason == REASON_LATE
    assert verdict.lateness_ns is not None
    assert verdict.lateness_ns >= 2 * CANARY_LATE_MOST_MS * 1_000_000
    assert until_green(bench).since > verdict.since


def test_a_cancel_that_never_comes_is_red_in_time_and_stays_so(make_bench: MakeBench) -> None:
    bench = make_bench()
    until_green(bench)
    core = bench.server._core
    gone = core.gone
    core.gone = lambda *_arguments, **_options: None
    verdict = until_red(bench)
    assert verdict.broke_at is not None
    assert verdict.since - verdict.broke_at <= 2 * N
    assert verdict.reason == REASON_STILL_THERE
    bench.run_for(3 * N / 1e9)
    later = report(bench)
    assert (later.reason, later.since, later.is_still_there) == (REASON_STILL_THERE, verdict.since, True)
    assert later.lateness_ns is not None
    assert later.lateness_ns > 3 * N
    core.gone = gone
    core.gone(canary_of(bench).session, Cause.TCP_RESET, bench.server._shell.now())
    bench.server._shell.wake()
    assert until_green(bench).since > verdict.since


def test_a_canary_that_may_not_trade_proves_nothing(make_bench: MakeBench) -> None:
    bench = make_bench()
    until_green(bench)
    venue = bench.server._core.controls.venue
    index = venue.find_instrument(RESERVED_ID)
    assert index is not None
    venue.set_instrument_state(index, InstrumentState.INSTRUMENT_IS_HALTED)
    verdict = until_red(bench)
    assert verdict.reason.startswith("the canary was answered NewOrderReject: ")
    assert "instrument 0 is halted" in verdict.reason
    venue.set_instrument_state(index, InstrumentState.INSTRUMENT_IS_OPEN)
    until_green(bench)
    (red,) = [event for event in bench.events("canary") if event["state"] == "red"]
    assert (red["level"], red["reason"]) == ("error", verdict.reason)


def test_a_gateway_that_lets_nobody_in_is_red(make_bench: MakeBench) -> None:
    bench = make_bench()
    until_green(bench)
    bench.server._core.key_ring.remove(CLIENT_ID)
    assert until_red(bench).reason == (
        "the canary was answered LoggedOut: {'reason': 'unknown clientId or wrong secret'}"
    )


def test_the_end_is_clean_and_not_green(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench(data_dir=str(tmp_path))
    until_green(bench)
    bench.close()
    assert json.loads((tmp_path / "health").read_bytes())["state"] == "red"
    assert [event["event"] for event in bench.log.events() if event["level"] == "error"] == []


def test_without_an_interval_there_is_no_canary() -> None:
    bench = ShellBench()
    assert bench.server._core.canary is None
    assert bench.server._core.controls.venue.find_instrument(RESERVED_ID) is None
    bench.close()


def test_the_status_shows_what_is_known(make_bench: MakeBench) -> None:
    bench = make_bench()
    verdict = until_green(bench)
    ((row,), following) = status.page(bench.server._core, "health", 0, bench.server._shell.now())
    assert verdict.broke_at is not None
    assert verdict.lateness_ns is not None
    assert following is None
    assert row == status.HealthRow(
        state="green",
        since=rfc_3339(verdict.since),
        valid_until=rfc_3339(verdict.valid_until),
        canary=rfc_3339(verdict.broke_at),
        lateness_ms=verdict.lateness_ns / 1_000_000,
        reason="",
    )
    ((row,), _) = status.page(bench.server._core, "health", 0, verdict.valid_until + 1)
    assert (row.state, row.reason) == ("red", REASON_SILENT)  # type: ignore[attr-defined]
