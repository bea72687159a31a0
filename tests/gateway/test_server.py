"""The server: what the process sets up around the loop, what it listens with, how it keeps time, how it ends."""

import gc
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from support.core_driver import RecordedLog, configuration
from support.shell_bench import ShellBench

from gateway.config import Gateway
from gateway.errors import ServeError
from gateway.limits import CLOCK_LOOK_INTERVAL_MS, DESCRIPTORS_RESERVED, PENDING_LOGONS_LEAST, PENDING_LOGONS_MAX
from gateway.server import Server, listen, pending_logons_max, pin, raise_descriptor_limit

MakeBench = Callable[..., ShellBench]

SHOW_DESCRIPTORS = """
import os
from gateway.server import occupy_standard_descriptors
occupy_standard_descriptors()
print(*(os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in range(3)), sep="\\n")
"""


@pytest.fixture
def make_bench() -> Iterator[MakeBench]:
    benches: list[ShellBench] = []

    def make(**settings: Any) -> ShellBench:
        benches.append(ShellBench(**settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def test_closed_standard_descriptors_do_not_become_sockets() -> None:
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- 2>&-', sys.executable, SHOW_DESCRIPTORS]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stdin, stdout, stderr = shown.splitlines()
    assert (stdin, stderr) == ("/dev/null", "/dev/null")
    assert stdout.startswith("pipe:")


@pytest.mark.parametrize(
    ("descriptors", "api_keys", "pending"),
    [
        (1_048_576, 16_384, PENDING_LOGONS_MAX),
        (1_024, 500, 1_024 - 500 - DESCRIPTORS_RESERVED),
        (1_024, 1_000, PENDING_LOGONS_LEAST),
        (64, 1, PENDING_LOGONS_LEAST),
    ],
)
def test_connections_without_a_logon_leave_every_key_a_descriptor(
    descriptors: int, api_keys: int, pending: int
) -> None:
    assert pending_logons_max(descriptors, api_keys) == pending


def test_a_flood_that_takes_every_descriptor_it_may_have_keeps_no_key_out() -> None:
    gc.collect()  # what other tests have left behind has descriptors too
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Only while the gateway reads it: this process holds both ends of every connection.
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        bench = ShellBench()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        flood = [bench.connect() for _ in range(300)]
        bench.until(lambda: len(bench.server._shell.connections) == pending_logons_max(200, 5), "the flood to be cut")
        assert [frame.name for frame in bench.logged_on("maker-1").read()] == []
        ended = []
        for client in flood:
            client.read()
            ended.append(bool(client.ended))
        # Those that have waited longest went first.
        assert ended == sorted(ended, reverse=True)
    finally:
        bench.close()


# Listening


def test_accepted_sockets_have_the_options_of_the_one_that_listens() -> None:
    settings = configuration(port=0, heartbeat_interval_s=4, heartbeat_lapse_factor=2.5).gateway
    assert options_of_accepted(settings) == {
        "TCP_NODELAY": 1,
        "SO_KEEPALIVE": 1,
        "TCP_KEEPIDLE": 4,
        "TCP_KEEPINTVL": 1,
        "TCP_KEEPCNT": 10,
        "TCP_USER_TIMEOUT": 10_000,
    }


def test_the_longest_times_that_may_be_set_are_cut_to_what_the_system_takes() -> None:
    settings = configuration(port=0, heartbeat_interval_s=86_400, heartbeat_lapse_factor=10).gateway
    options = options_of_accepted(settings)
    assert (options["TCP_KEEPIDLE"], options["TCP_KEEPCNT"], options["TCP_USER_TIMEOUT"]) == (32_767, 127, 864_000_000)


def options_of_accepted(settings: Gateway) -> dict[str, int]:
    names = ["TCP_NODELAY", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT"]
    with listen(settings) as listener:
        assert not listener.getblocking()
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            options = {name: accepted.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names}
            return options | {"SO_KEEPALIVE": accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)}


def test_an_address_that_cannot_be_listened_on_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError) as raised:
            listen(configuration(port=port).gateway)
    assert str(raised.value) == f"cannot listen on 127.0.0.1 port {port}: Address already in use"
    with pytest.raises(ServeError) as raised:
        listen(configuration(host="192.0.2.1", port=0).gateway)
    assert str(raised.value) == "cannot listen on 192.0.2.1 port 0: Cannot assign requested address"


def test_a_gateway_that_cannot_listen_does_not_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = configuration(port=taken.getsockname()[1])
        log = RecordedLog()
        with pytest.raises(ServeError):
            uvloop.run(Server(config, log).run())
    assert log.events() == []


# The process


def test_a_processor_that_is_not_there_is_named() -> None:
    with pytest.raises(ServeError) as raised:
        pin(1_023)
    assert str(raised.value) == "gateway.cpu: cannot pin to processor 1023: Invalid argument"


def test_a_process_is_pinned_to_one_processor_and_no_other() -> None:
    before = os.sched_getaffinity(0)
    try:
        for cpu in before:
            pin(cpu)
            assert os.sched_getaffinity(0) == {cpu}
    finally:
        os.sched_setaffinity(0, before)


def test_a_process_takes_all_the_descriptors_that_it_may_have() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before[1] // 2, before[1]))
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# Keeping time


def test_a_gateway_that_stood_still_notices_it_long_before_anything_is_due(make_bench: MakeBench) -> None:
    bench = make_bench(heartbeat_interval_s=60)
    bench.logged_on("maker-1")
    bench.run_for(2 * CLOCK_LOOK_INTERVAL_MS / 1000)
    core = bench.server._core
    before = core.dispatcher.stalled_ns
    bench.stall(0.5)
    bench.until(lambda: core.dispatcher.stalled_ns > before, "the gateway to notice")
    assert core.dispatcher.stalled_ns - before >= 500_000_000 - CLOCK_LOOK_INTERVAL_MS * 1_000_000


# The end


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_gateway_and_the_log_tells_its_whole_life(make_bench: MakeBench, number: int) -> None:
    bench = make_bench(name="gw-test")
    client = bench.logged_on("maker-1")
    client.raw(client.order_frame(1))
    bench.read(client, 1)
    bench.loop.call_soon(os.kill, os.getpid(), number)
    assert [frame.name for frame in bench.to_the_end(client)] == ["OrdersCanceled", "LoggedOut"]
    client.close()
    bench.until_it_ends()
    events = bench.log.events()
    assert (events[3].pop("time_to_safe_us"), events[3].pop("time_to_reported_us") >= 0) == (0, True)
    assert events == [
        {"level": "info", "event": "listening", "name": "gw-test", "host": "127.0.0.1", "port": bench.address[1]},
        {"level": "info", "event": "logon", "client_id": "maker-1", "epoch": 1, "version": 17},
        {"level": "info", "event": "stopping", "connections": 1},
        {
            "level": "info",
            "event": "session gone",
            "client_id": "maker-1",
            "epoch": 1,
            "cause": "GATEWAY_SHUTDOWN",
            "orders": 1,
            "dropped_requests": 0,
            "reason": None,
        },
        {"level": "info", "event": "stopped"},
    ]


def test_nobody_can_connect_while_the_gateway_ends(make_bench: MakeBench) -> None:
    bench = make_bench(close_linger_ms=60_000, shutdown_timeout_s=60)
    client = bench.logged_on("maker-1")
    bench.loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
    assert [frame.name for frame in bench.to_the_end(client)] == ["LoggedOut"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(bench.address)
    assert bench.events("stopped") == []
    client.close()
    bench.until_it_ends()
    assert len(bench.events("stopped")) == 1


def test_a_line_that_nobody_closes_holds_up_the_end_for_the_shutdown_timeout_at_most(make_bench: MakeBench) -> None:
    bench = make_bench(close_linger_ms=60_000, shutdown_timeout_s=1)
    client = bench.logged_on("maker-1")
    bench.loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
    bench.until_it_ends()
    assert [frame.name for frame in client.read()] == ["LoggedOut"]
    assert [event["event"] for event in bench.log.events()][-2:] == ["session gone", "stopped"]


def test_an_end_that_does_not_come_to_its_end_is_an_error(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(shutdown_timeout_s=1)
    bench.logged_on("maker-1")
    monkeypatch.setattr(bench.server._core, "step", lambda _now: None)
    bench.loop.call_soon(os.kill, os.getpid(), signal.SIGTERM)
    bench.until_it_ends()
    assert bench.log.events()[-2:] == [
        {"level": "error", "event": "shutdown timed out", "connections": 1},
        {"level": "info", "event": "stopped"},
    ]


# Bugs of ours


def test_an_exception_that_nobody_caught_is_a_line_in_the_log_and_the_gateway_goes_on(make_bench: MakeBench) -> None:
    bench = make_bench()
    client = bench.logged_on("maker-1")

    def fails() -> None:
        raise RuntimeError("a bug of ours")

    bench.loop.call_soon(fails)
    bench.turns(1)
    (event,) = bench.events("internal error")
    assert event["message"].startswith("Exception in callback")
    lines = event["traceback"].splitlines()
    assert (lines[0], lines[-1]) == ("Traceback (most recent call last):", "RuntimeError: a bug of ours")
    client.send("TestRequest", correlation_id=1)
    assert [frame.name for frame in bench.read(client, 1)] == ["Heartbeat"]


def test_what_the_loop_reports_without_an_exception_is_logged_too(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.loop.call_exception_handler({"message": "something is odd"})
    assert bench.events("internal error") == [
        {"level": "error", "event": "internal error", "message": "something is odd", "traceback": None}
    ]
