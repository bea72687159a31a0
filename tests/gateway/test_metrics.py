"""The metrics: whole families after a scripted scenario on real sockets, as Prometheus reads them."""

import asyncio
import socket
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.processes import free_port
from support.shell_bench import ShellBench

from codec.layout import MESSAGES, Cause
from gateway import __version__, metrics_server
from gateway.cause_policy import CAUSES_TO_COME
from gateway.limits import API_KEYS_MAX
from gateway.metrics import Metrics
from gateway.session import Session, SessionState, census
from gateway.stream import ChunkPool, Stream
from gateway.tally import REFUSALS

HISTOGRAMS = ("detection_seconds", "fence_seconds", "completion_seconds", "loop_lag_seconds")

NAMES = {
    "info",
    "sessions",
    "connections",
    "connections_without_logon",
    "open_orders",
    "stream_stored_bytes",
    "stream_unsent_bytes",
    "buffer_bytes",
    "logons",
    "logons_refused",
    "fires",
    "fired_orders",
    "fires_under_way",
    "dropped_requests",
    "frames_in",
    "frames_rejected",
    "frames_out",
    "stalled_seconds",
    *HISTOGRAMS,
}

Samples = dict[tuple[str, ...], float]


@pytest.fixture
def make_bench() -> Iterator[Callable[..., ShellBench]]:
    benches: list[ShellBench] = []

    def make(**settings: Any) -> ShellBench:
        benches.append(ShellBench(metrics_port=free_port(), **settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(make_bench: Callable[..., ShellBench]) -> ShellBench:
    return make_bench()


def scraped(bench: ShellBench) -> dict[str, Any]:
    """The families of a scrape over HTTP."""
    (address,) = bench.events("metrics")
    url = f"http://{address['host']}:{address['port']}/metrics"

    def scrape() -> str:
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            return str(answer.read(), "ascii")

    return families_in(bench.loop.run_until_complete(asyncio.to_thread(scrape)))


def families_in(text: str) -> dict[str, Any]:
    """Every metric by its name without `breakwire_`: its samples by label values, a histogram's by suffix too."""
    families = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        name = family.name.removeprefix("breakwire_")
        samples: Samples = {}
        for sample in family.samples:
            suffix = (sample.name.removeprefix(family.name),) if family.type == "histogram" else ()
            assert suffix + tuple(sample.labels.values()) not in samples
            samples[suffix + tuple(sample.labels.values())] = sample.value
        families[name] = (family.type, samples)
    return families


def only(family: tuple[str, Samples]) -> Samples:
    """The samples that are not 0."""
    return {labels: value for labels, value in family[1].items() if value}


def test_whole_families_after_a_scenario(bench: ShellBench) -> None:
    maker, watch = bench.logged_on("maker-1"), bench.logged_on("watch-1")
    stranger = bench.logged_on("stranger-1")
    waiting = bench.connect()
    for number in (1, 2, 3):
        maker.raw(maker.order_frame(number))
    bench.read(maker, 3)
    maker.send("CancelOrderRequest", client_order_id=1, correlation_id=9, instrument_id=1)
    maker.send("CancelOrderRequest", client_order_id=77, correlation_id=9, instrument_id=1)
    bench.read(maker, 2)
    stranger.raw(stranger.order_frame(4))
    stranger.raw(stranger.frame("ResendRequest", {"from_sequence_number": 99, "to_sequence_number": 0}))
    bench.read(stranger, 2)
    stranger.raw(stranger.order_frame(5)[:40])
    refused = bench.connect()
    refused.raw(refused.order_frame(1))
    bench.to_the_end(refused)
    refused.close()
    leaver = bench.logged_on("maker-2")
    leaver.raw(leaver.frame("Logout", {}) + leaver.order_frame(6) + leaver.order_frame(7))
    bench.to_the_end(leaver)
    leaver.close()
    bench.run_for(0.02)
    maker.reset()
    bench.read(watch, 8)
    bench.until(lambda: len(bench.server._shell.connections) == 3, "the lines to be gone")
    found = scraped(bench)
    core = bench.server._core
    assert found["info"] == ("gauge", {("gw-a", __version__): 1})
    assert found["sessions"] == ("gauge", {("vacant",): 3, ("live",): 2, ("ending",): 0, ("lost",): 0})
    assert found["connections"] == ("gauge", {(): 3})
    assert found["connections_without_logon"] == ("gauge", {(): 1})
    assert found["open_orders"] == ("gauge", {(): 1})
    assert found["logons"] == ("counter", {(): 4})
    assert found["logons_refused"][1].keys() == {(kind,) for _, kind in REFUSALS} | {("other",)}
    assert only(found["logons_refused"]) == {("not_logon",): 1}
    assert found["fires"][1].keys() == {(cause.name,) for cause in set(Cause) - CAUSES_TO_COME}
    assert found["fired_orders"][1].keys() == found["fires"][1].keys()
    assert only(found["fires"]) == {("TCP_RESET",): 1, ("LOGOUT",): 1}
    assert only(found["fired_orders"]) == {("TCP_RESET",): 2}
    assert only(found["dropped_requests"]) == {("LOGOUT",): 2}
    assert found["dropped_requests"][1].keys() == found["fires"][1].keys()
    assert found["fires_under_way"] == ("gauge", {(): 0})
    assert found["frames_in"] == ("counter", {(): 13})
    assert found["frames_rejected"] == ("counter", {(): 1})
    assert found["frames_out"][1].keys() == {(message.name,) for message in MESSAGES if message.from_server}
    assert only(found["frames_out"]) == {
        ("LogonConf",): 4,
        ("LoggedOut",): 1,
        ("NewOrderResponse",): 4,
        ("CancelOrderResponse",): 1,
        ("CancelOrderReject",): 1,
        ("Reject",): 1,
        ("OrdersCanceled",): 1,
        ("DropCopyEvent",): 9,
    }
    assert found["stream_stored_bytes"] == ("gauge", {(): core.stored_bytes})
    assert found["stream_unsent_bytes"] == ("gauge", {(): 0})
    assert found["buffer_bytes"] == ("gauge", {("in",): 40, ("out",): 0})
    assert found["stalled_seconds"][0] == "counter"
    for name, fires in zip(HISTOGRAMS, (1, 2, 2, None), strict=True):
        kind, samples = found[name]
        counts = [count for (suffix, *_), count in samples.items() if suffix == "_bucket"]
        assert (kind, counts, counts[-1]) == ("histogram", sorted(counts), samples[("_count",)])
        assert fires in (None, counts[-1])
    assert 0.02 <= found["detection_seconds"][1][("_sum",)] < 20
    assert found.keys() == NAMES
    waiting.close()


def test_what_a_client_does_not_read_shows_as_unsent(bench: ShellBench) -> None:
    watch, transport = bench.narrow()
    watch.raw(watch.logon_frame("watch-1"))
    maker = bench.logged_on("maker-1")
    for first in (1, 301):
        for number in range(first, first + 300):
            maker.raw(maker.order_frame(number))
        bench.read(maker, 300)
    watch_session = next(session for session in bench.server._core.sessions if session.client_id == "watch-1")
    found = scraped(bench)
    unsent, held = found["stream_unsent_bytes"][1][()], found["buffer_bytes"][1][("out",)]
    assert unsent == watch_session.stream.unsent_bytes > 0
    assert held == transport.get_write_buffer_size() > 0


def test_what_is_under_way_shows_between_two_steps(bench: ShellBench) -> None:
    maker = bench.logged_on("maker-1")
    maker.raw(maker.order_frame(1))
    bench.read(maker, 1)
    core, shell = bench.server._core, bench.server._shell
    (session,) = (session for session in core.sessions if session.client_id == "maker-1")
    core.gone(session, Cause.TCP_RESET, shell.now())  # the loop does not run: no step has been made
    found = families_in(b"".join(section.text() for section in Metrics(core, shell).sections).decode())
    assert found["fires_under_way"] == ("gauge", {(): 1})
    assert found["sessions"] == ("gauge", {("vacant",): 4, ("live",): 0, ("ending",): 1, ("lost",): 0})
    assert found["open_orders"] == ("gauge", {(): 0})
    assert only(found["fires"]) == {("TCP_RESET",): 1}
    assert found["completion_seconds"][1][("_count",)] == 0
    shell.wake()


def test_sessions_within_their_grace_are_lost(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(cancel_grace_ms=60_000)
    maker = bench.logged_on("maker-1")
    maker.raw(maker.order_frame(1))
    bench.read(maker, 1)
    maker.reset()
    bench.until(lambda: bool(bench.events("session lost")), "the loss")
    found = scraped(bench)
    assert found["sessions"] == ("gauge", {("vacant",): 4, ("live",): 0, ("ending",): 0, ("lost",): 1})
    assert (found["open_orders"][1], only(found["fires"])) == ({(): 1}, {})


def test_whoever_hammers_on_the_metrics_holds_up_nobody(bench: ShellBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "METRICS_AGE_MOST_S", 3600.0)
    (address,) = bench.events("metrics")
    maker = bench.logged_on("maker-1")
    made = scraped(bench)["frames_in"]
    hostile = []
    for number in range(1, 101):
        line = socket.create_connection((address["host"], address["port"]))
        line.sendall((b"", b"GET /metrics HTTP/1.1\r\n\r\n", b"x" * 100_000)[number % 3])
        hostile.append(line)
        maker.raw(maker.order_frame(number))
        (answer,) = bench.read(maker, 1)
        assert answer.name == "NewOrderResponse"
    for line in hostile:
        line.close()
    bench.run_for(0.05)  # the gateway hears that they have gone
    assert scraped(bench)["frames_in"] == made == ("counter", {(): 1})  # nobody had it made again


def test_a_loop_that_stood_still_shows_as_lag(bench: ShellBench) -> None:
    bench.logged_on("maker-1")
    bench.run_for(0.2)
    bench.stall(0.4)
    bench.run_for(0.2)
    found = scraped(bench)
    samples = found["loop_lag_seconds"][1]
    assert samples[("_count",)] - samples[("_bucket", "0.25")] == 1
    assert 0.25 <= found["stalled_seconds"][1][()] < 5


def test_a_look_at_every_session_there_may_be_is_short() -> None:
    """It is one pass of compiled code; its time is no promise, but a pass of Python would be ten times as long."""
    pool = ChunkPool()
    sessions = [Session(slot, "k", 1, False, Stream(pool, 65_536), []) for slot in range(API_KEYS_MAX)]
    sessions[0].state = SessionState.SESSION_LIVE
    sessions[1].state = SessionState.SESSION_ENDING
    sessions[2].state = SessionState.SESSION_LOST
    sessions[3].state = SessionState.SESSION_LOST
    sessions[4].is_canary = True
    assert census(sessions) == (API_KEYS_MAX - 5, 1, 1, 2, 0)
    assert len(SessionState) == 4


def test_no_two_messages_are_counted_as_one() -> None:
    assert len({message.template_id % 1024 for message in MESSAGES}) == len(MESSAGES)
