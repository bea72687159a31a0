"""Metrics for Prometheus: what the core has counted, read when somebody asks, and nothing before that.

No hot path knows of this. A scrape reads numbers that are there anyway, in a fixed number of series that no client can
add to: nothing is labelled by session, key or instrument. The README says what each metric means.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from codec.layout import MESSAGES, Cause
from gateway import __version__
from gateway.cause_policy import CAUSES_TO_COME
from gateway.counts import client_frames_in, client_sessions_firing
from gateway.session import census
from gateway.tally import Histogram

if TYPE_CHECKING:
    from gateway.connection import Shell
    from gateway.core import Core

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECOND_NS: Final = 1_000_000_000
_MESSAGES_OUT: Final = tuple((message.template_id, message.name) for message in MESSAGES if message.from_server)
_CAUSES: Final = tuple(cause for cause in Cause if cause not in CAUSES_TO_COME)


class Section(Collector):
    """Some metrics, made in one go."""

    def __init__(self, collect: Callable[[], Iterator[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterator[Metric]:
        return self._collect()

    def text(self) -> bytes:
        """In the text format of Prometheus."""
        return generate_latest(self)


class Metrics:
    """All metrics of one gateway, in sections small enough that none of them holds up an order."""

    def __init__(self, core: "Core", shell: "Shell") -> None:
        self._core = core
        self._shell = shell
        self.sections = tuple(
            map(
                Section,
                (self._sessions, self._logons, self._fires, self._times, self._traffic, self._loop, self._canary),
            )
        )

    def _sessions(self) -> Iterator[Metric]:
        core = self._core
        info = {"name": core.controls.config.gateway.name, "version": __version__}
        yield InfoMetricFamily("breakwire", "Which gateway this is", value=info)
        counts = census(core.sessions)
        by_state = {"vacant": counts.vacant, "live": counts.live, "ending": counts.ending, "lost": counts.lost}
        yield _by("sessions", "Sessions by state; each API key has one", "state", by_state)
        lines = self._shell.line_census()
        yield _gauge("connections", "TCP connections", lines.connections)
        yield _gauge("connections_without_logon", "Connections whose Logon is awaited", core.pending_logons)
        yield _gauge("open_orders", "Open orders and quotes of all portfolios", core.controls.venue.open_orders())
        yield _gauge(
            "stream_unsent_bytes", "Bytes of streams that sockets have not been handed yet", counts.unsent_bytes
        )
        yield _gauge("stream_stored_bytes", "Bytes that streams keep for resend", core.stored_bytes)
        waiting = {"in": lines.received_bytes, "out": lines.held_bytes}
        yield _by("buffer_bytes", "Bytes that wait in buffers, by direction", "direction", waiting)

    def _logons(self) -> Iterator[Metric]:
        tally = self._core.tally
        yield _counter("logons", "Logons that were confirmed", tally.logons)
        yield _counters("logons_refused", "Connections sent away, by reason", "reason", tally.refusals)

    def _fires(self) -> Iterator[Metric]:
        core, tally = self._core, self._core.tally
        yield _counters(
            "fires", "Cancel on disconnect, by cause", "cause", {cause.name: tally.fires[cause] for cause in _CAUSES}
        )
        orders = {cause.name: tally.fired_orders[cause] for cause in _CAUSES}
        yield _counters("fired_orders", "Orders that died by cancel on disconnect, by cause", "cause", orders)
        of_causes = core.dropped_requests
        dropped = {cause.name: of_causes[cause] for cause in _CAUSES}
        yield _counters("dropped_requests", "Requests dropped because their session was over", "cause", dropped)
        yield _gauge("fires_under_way", "Sessions that have dead orders not told of yet", client_sessions_firing(core))

    def _times(self) -> Iterator[Metric]:
        tally = self._core.tally
        yield _histogram(
            "detection_seconds",
            "From the last frame heard of a client to the gateway's knowing that it is gone",
            tally.detection,
        )
        yield _histogram("fence_seconds", "From knowing that a client is gone to its orders being dead", tally.fence)
        yield _histogram("completion_seconds", "From orders being dead to the last one told of", tally.completion)

    def _traffic(self) -> Iterator[Metric]:
        dispatcher, pool = self._core.dispatcher, self._core.pool
        yield _counter("frames_in", "Frames received", client_frames_in(self._core))
        yield _counter("frames_rejected", "Frames answered by Reject (30)", dispatcher.frames_rejected)
        frames_out = {name: pool.frames_out_of(template_id) for template_id, name in _MESSAGES_OUT}
        yield _counters("frames_out", "Frames put into streams, by message", "message", frames_out)

    def _loop(self) -> Iterator[Metric]:
        yield _histogram("loop_lag_seconds", "How late the loop's timers came", self._core.tally.loop_lag)
        yield _counter(
            "stalled_seconds", "Time for which the gateway stood still", self._core.dispatcher.stalled_ns / _SECOND_NS
        )

    def _canary(self) -> Iterator[Metric]:
        if self._core.canary is None:
            return
        health, now = self._core.canary.health, self._shell.now()
        verdict = health.report(now)
        yield _gauge("canary_green", "1 if the last canary was cancelled in time, else 0", float(verdict.is_green))
        valid_until_s = verdict.valid_until / _SECOND_NS
        yield _gauge("canary_valid_until_timestamp_seconds", "Until when that is so, Unix time", valid_until_s)
        if verdict.lateness_ns is not None:
            lateness_s = verdict.lateness_ns / _SECOND_NS
            yield _gauge("canary_lateness_seconds", "From the break of its line to its order being gone", lateness_s)
        rounds = {str(outcome): count for outcome, count in health.rounds.items()}
        yield _counters("canary_rounds", "Canaries, by what became of them", "outcome", rounds)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"breakwire_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"breakwire_{name}", text, value=value)


def _by(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(f"breakwire_{name}", text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _counters(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"breakwire_{name}", text, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    buckets = []
    count = 0
    for bound_ns, of_bucket in zip((*histogram.bounds_ns, None), histogram.counts, strict=True):
        count += of_bucket
        buckets.append(("+Inf" if bound_ns is None else str(bound_ns / _SECOND_NS), count))
    return HistogramMetricFamily(f"breakwire_{name}", text, buckets=buckets, sum_value=histogram.sum_ns / _SECOND_NS)
