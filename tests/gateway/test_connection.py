"""Connections on a real loop: when bytes move, whose turn it is, and how a line ends."""

import asyncio
import select
import struct
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import pytest
from support.core_driver import SECOND
from support.shell_bench import Client, ShellBench

from gateway.limits import READ_BUDGET_PER_TURN_BYTES
from gateway.log import rfc_3339
from gateway.session import Session, SessionState

TEST_REQUEST_BYTES = 40
FRAMES_PER_TURN = READ_BUDGET_PER_TURN_BYTES // TEST_REQUEST_BYTES


@pytest.fixture
def make_bench() -> Iterator[Callable[..., ShellBench]]:
    benches: list[ShellBench] = []

    def make(**settings: Any) -> ShellBench:
        benches.append(ShellBench(**settings))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()
        assert bench.events("internal error") == []


@pytest.fixture
def bench(make_bench: Callable[..., ShellBench]) -> ShellBench:
    return make_bench()


def names(frames: list[Any]) -> list[str]:
    return [frame.name for frame in frames]


def flood(client: Client, count: int = 12_000) -> int:
    """So many TestRequests stand in the socket at once, their ids counting from 0."""
    frame = struct.Struct("<BBHHHqqqq")
    first = client.number + 1
    client.number += count
    client.raw(b"".join(frame.pack(0xDB, 0, frame.size, 11, 17, first + n, 0, 0, n) for n in range(count)))
    return count


def session_of(bench: ShellBench, client_id: str) -> Session:
    return next(session for session in bench.server._core.sessions if session.client_id == client_id)


def is_writable(transport: asyncio.WriteTransport) -> bool:
    return bool(select.select([], [transport.get_extra_info("socket").fileno()], [], 0)[1])


def kept(bench: ShellBench) -> list[int]:
    """How many bytes each connection has pending."""
    return [len(connection.pending_bytes) for connection in bench.server._shell.connections]


def narrow(bench: ShellBench) -> Client:
    client, _ = bench.narrow()
    client.raw(client.logon_frame("maker-1"))
    bench.read(client, 1)
    return client


def never_read(bench: ShellBench, client: Client, at_least: int = 0) -> int:
    """The client asks until the gateway can send no more answers and so many bytes of them wait; how many they are."""
    session = session_of(bench, "maker-1")
    first = session.last_processed
    while session.stream.unsent_bytes <= at_least and session.state == SessionState.SESSION_LIVE:
        flood(client, 1000)
        bench.until(
            lambda: session.last_processed == client.number or bool(bench.causes()), "all of it to be processed"
        )
    return session.last_processed - first


# How a line ends


def test_a_client_that_says_goodbye_and_closes_its_side_at_once_hears_everything(bench: ShellBench) -> None:
    client = bench.logged_on("maker-1")
    client.raw(client.order_frame(1) + client.frame("Logout", {"reason": "done"}))
    client.half_close()
    assert names(bench.to_the_end(client)) == ["NewOrderResponse", "OrdersCanceled", "LoggedOut"]
    assert client.ended == "eof"
    assert bench.causes() == [("maker-1", "LOGOUT")]


def test_a_refused_logon_is_answered_though_the_client_has_closed_its_side(bench: ShellBench) -> None:
    client = bench.connect()
    client.raw(client.frame("Heartbeat", {"correlation_id": 0}))
    client.half_close()
    (goodbye,) = bench.to_the_end(client)
    assert goodbye.fields == {"reason": "the first message must be a Logon, was message type 10"}
    assert client.ended == "eof"


def test_a_violation_is_named_though_the_client_has_closed_its_side(bench: ShellBench) -> None:
    client = bench.logged_on("maker-1")
    client.raw(client.frame("Heartbeat", {"correlation_id": 0}, number=7))
    client.half_close()
    (goodbye,) = bench.to_the_end(client)
    assert goodbye.fields == {"reason": "protocol violation: sequence number 7, wanted 2"}
    assert bench.causes() == [("maker-1", "PROTOCOL_VIOLATION")]


def test_a_client_that_closes_its_side_while_it_is_being_told_hears_the_rest(
    make_bench: Callable[..., ShellBench],
) -> None:
    bench = make_bench(drain_step_orders=1)
    client = bench.logged_on("maker-1")
    client.raw(b"".join(client.order_frame(number) for number in range(1, 101)))
    client.send("Logout", reason="done")
    frames = client.read()
    while "OrdersCanceled" not in names(frames):
        bench.turns(1)
        frames += client.read()
    client.half_close()
    assert names(frames).count("OrdersCanceled") < 100
    frames += bench.to_the_end(client)
    assert names(frames) == ["NewOrderResponse"] * 100 + ["OrdersCanceled"] * 100 + ["LoggedOut"]
    assert bench.causes() == [("maker-1", "LOGOUT")]


# Whose turn it is


def test_a_flood_on_one_line_does_not_hide_the_end_of_another(bench: ShellBench) -> None:
    busy, other = bench.logged_on("maker-1"), bench.logged_on("maker-2")
    other.raw(other.order_frame(1))
    bench.read(other, 1)
    count = flood(busy)
    other.half_close()
    (canceled,) = bench.to_the_end(other)
    heartbeats = bench.read(busy, count)
    assert [frame.fields["correlation_id"] for frame in heartbeats] == list(range(count))
    assert canceled.name == "OrdersCanceled"
    read_before = [frame for frame in heartbeats if frame.header.send_time_ns <= canceled.fields["timestamp"]]
    assert len(read_before) <= FRAMES_PER_TURN


def test_floods_are_read_by_turns(bench: ShellBench) -> None:
    clients = [bench.logged_on("maker-1"), bench.logged_on("maker-2"), bench.logged_on("stranger-1")]
    count = min(flood(client) for client in clients)
    assert count > 7 * FRAMES_PER_TURN
    # What is read at once has one time.
    heard = [(frame.header.send_time_ns, client) for client in clients for frame in bench.read(client, count)]
    amounts = dict.fromkeys(clients, 0)
    for (_, client), share in groupby(sorted(heard, key=lambda answer: answer[0])):
        amount = len(list(share))
        assert amount <= FRAMES_PER_TURN + 1  # the half of one was there before
        amounts[client] += amount
        assert max(amounts.values()) - min(amounts.values()) <= 4 * FRAMES_PER_TURN


def test_each_connection_keeps_its_own_half_frame(bench: ShellBench) -> None:
    clients = [bench.logged_on("maker-1"), bench.logged_on("maker-2"), bench.logged_on("stranger-1")]
    frames = [client.frame("TestRequest", {"correlation_id": number}) for number, client in enumerate(clients)]
    processed = bench.server._core.dispatcher.frames_in
    for at in range(0, 40, 7):
        for client, frame in zip(clients, frames, strict=True):
            assert bench.server._core.dispatcher.frames_in == processed
            client.raw(frame[at : at + 7])
        bench.until(lambda at=at: kept(bench) in ([7 + at] * 3, [0] * 3), "all the pieces to be read")
    heard = [[frame.fields for frame in bench.read(client, 1)] for client in clients]
    assert heard == [[{"correlation_id": number}] for number in range(3)]


# Writing


def test_the_transport_holds_bytes_only_while_the_socket_is_full(bench: ShellBench) -> None:
    client, transport = bench.narrow()
    assert transport.get_write_buffer_limits() == (0, 0)
    client.raw(client.logon_frame("maker-1"))
    bench.read(client, 1)
    session = bench.server._core.sessions[0]
    sent = never_read(bench, client)
    held = transport.get_write_buffer_size()
    assert held > 0
    assert not is_writable(transport)
    waiting = session.stream.unsent_bytes
    more = flood(client, 1000)
    bench.until(lambda: session.last_processed == client.number, "all of it to be processed")
    assert transport.get_write_buffer_size() == held
    assert session.stream.unsent_bytes == waiting + more * TEST_REQUEST_BYTES
    heard = bench.read(client, sent + more)
    assert [frame.header.sequence_number for frame in heard] == list(range(2, 2 + sent + more))
    assert (transport.get_write_buffer_size(), session.stream.unsent_bytes) == (0, 0)


def test_a_resend_to_a_client_that_reads_slowly_is_whole(bench: ShellBench) -> None:
    client = narrow(bench)
    for first in range(0, 6_000, 1000):
        client.raw(b"".join(client.order_frame(number, price=None) for number in range(first, first + 1000)))
        assert names(bench.read(client, 1000)) == ["NewOrderReject"] * 1000
    client.send("ResendRequest", from_sequence_number=2, to_sequence_number=0)
    first_half = bench.read(client, 3_000)
    client.send("TestRequest", correlation_id=7)
    rest = bench.read(client, 3_001)
    assert client.read() == []
    resent = [frame for frame in first_half + rest if frame.header.flags]
    assert [frame.header.sequence_number for frame in resent] == list(range(2, 6_002))
    assert [frame.fields for frame in rest if not frame.header.flags] == [{"correlation_id": 7}]


# Clients that do not read


def test_a_client_that_leaves_too_many_bytes_unread_is_let_go(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(slow_consumer_bytes=65_536)
    client, other = narrow(bench), bench.logged_on("maker-2")
    unsent = never_read(bench, client, at_least=65_536 + 1000 * TEST_REQUEST_BYTES)
    assert bench.causes() == [("maker-1", "SLOW_CONSUMER")]
    heard = bench.to_the_end(client)
    assert client.ended == "reset"
    # As far as it was sent, it is whole and in order.
    assert [frame.fields["correlation_id"] for frame in heard] == [n % 1000 for n in range(len(heard))]
    assert len(heard) < unsent - 65_536 // TEST_REQUEST_BYTES
    other.send("TestRequest", correlation_id=1)
    assert names(bench.read(other, 1)) == ["Heartbeat"]


def test_cancels_that_are_issued_again_make_nobody_slow_at_once(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(slow_consumer_bytes=65_536)
    maker = bench.logged_on("maker-1")
    for first in range(0, 4_000, 500):
        maker.raw(b"".join(maker.order_frame(number) for number in range(first, first + 500)))
        assert names(bench.read(maker, 500)) == ["NewOrderResponse"] * 500
    maker.reset()
    bench.until(lambda: bench.causes() == [("maker-1", "TCP_RESET")], "the loss")
    session = session_of(bench, "maker-1")
    client, _ = bench.narrow()
    client.raw(client.logon_frame("maker-1"))
    bench.until(lambda: session.state == SessionState.SESSION_LIVE, "the logon")
    bench.turns(5)
    assert session.stream.unsent_bytes > 65_536
    cancels = bench.read(client, 4)[1:]
    assert sum(len(frame.fields["orders"]) for frame in cancels) == 4_000
    assert session.state == SessionState.SESSION_LIVE
    # That was all of it: from now on the limit is what it was.
    never_read(bench, client, at_least=65_536 + 1000 * TEST_REQUEST_BYTES)
    assert session.ending is not None
    assert bench.causes() == [("maker-1", "TCP_RESET"), ("maker-1", "SLOW_CONSUMER")]


def test_bytes_short_of_the_limit_may_stay_unread(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(slow_consumer_bytes=1 << 20)
    client = narrow(bench)
    count = never_read(bench, client, at_least=600_000)
    assert bench.causes() == []
    assert names(bench.read(client, count)) == ["Heartbeat"] * count


def test_a_client_that_leaves_bytes_unread_for_too_long_is_let_go(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(slow_consumer_ms=200)
    client = narrow(bench)
    session = session_of(bench, "maker-1")
    client.raw(client.order_frame(1))
    blocked_after = bench.read(client, 1)[0].header.send_time_ns
    never_read(bench, client)
    bench.until(lambda: bool(bench.causes()), "the end of its patience")
    assert bench.causes() == [("maker-1", "SLOW_CONSUMER")]
    assert session.ending.fenced_time - blocked_after >= 200_000_000
    bench.to_the_end(client)
    assert client.ended == "reset"
    again = bench.connect()
    again.raw(again.logon_frame("maker-1"))
    assert names(bench.read(again, 2)) == ["LogonConf", "OrdersCanceled"]


def test_a_client_that_takes_some_bytes_now_and_then_is_slow_only_by_the_oldest(
    make_bench: Callable[..., ShellBench],
) -> None:
    bench = make_bench(slow_consumer_ms=1000)
    client = narrow(bench)
    for _ in range(2):
        count = never_read(bench, client)
        bench.run_for(0.6)
        bench.read(client, count)
    assert bench.causes() == []


def test_a_gateway_that_stood_still_calls_nobody_slow(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(slow_consumer_ms=300)
    client = narrow(bench)
    count = never_read(bench, client)
    heard: list[Any] = []
    bench.stall(0.6, meanwhile=lambda: heard.extend(client.read()))
    assert heard != []
    heard += bench.read(client, count - len(heard))
    assert names(heard) == ["Heartbeat"] * count
    assert bench.causes() == []


# The line's last moments


def test_a_client_that_leaves_its_end_open_is_aborted_after_the_linger(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(close_linger_ms=100)
    client = bench.logged_on("maker-1")
    client.raw(client.frame("Logout", {"reason": ""}) + bytes(1000))
    (goodbye,) = bench.to_the_end(client)
    assert (goodbye.fields, client.ended) == ({"reason": "logout"}, "eof")
    flood(client, 1000)  # taken, and thrown away
    bench.until(lambda: not bench.server._shell.connections, "the line to be let go")
    with pytest.raises(BrokenPipeError):
        client.send("Heartbeat")
    # Timers count whole milliseconds.
    assert bench.server._shell.now() - goodbye.header.send_time_ns >= 99_000_000


def test_a_line_is_let_go_as_soon_as_the_client_has_closed_it_too(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(close_linger_ms=60_000)
    client = bench.logged_on("maker-1")
    client.send("Logout", reason="")
    bench.to_the_end(client)
    client.half_close()
    bench.until(lambda: not bench.server._shell.connections, "the line to be let go")


def test_a_client_that_takes_no_bytes_is_not_lingered_for(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(close_linger_ms=50)
    client = narrow(bench)
    never_read(bench, client)
    bench.run_for(0.1)
    client.half_close()
    bench.until(lambda: not bench.server._shell.connections, "the line to be let go")
    session = session_of(bench, "maker-1")
    ended_after_ns = bench.server._shell.now() - session.ending.fenced_time
    assert bench.causes() == [("maker-1", "TCP_CLOSED")]
    assert ended_after_ns < 50_000_000


def test_more_connections_than_the_limit_are_turned_away(bench: ShellBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.connection.CONNECTIONS_MAX", 2)
    clients = [bench.logged_on("maker-1"), bench.logged_on("maker-2")]
    assert bench.to_the_end(bench.connect()) == []
    for client in clients:
        client.send("TestRequest", correlation_id=1)
        assert names(bench.read(client, 1)) == ["Heartbeat"]
    clients[0].close()
    bench.until(lambda: len(bench.server._shell.connections) == 1, "the first to be gone")
    bench.logged_on("stranger-1")


# A gateway that stands still


def test_a_loop_that_stood_still_times_out_nobody(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench(heartbeat_interval_s=1, heartbeat_probe_factor=1, heartbeat_lapse_factor=2)
    prompt, late = bench.logged_on("maker-1"), bench.logged_on("maker-2")
    questions = [bench.read(client, 1)[0] for client in (prompt, late)]
    assert names(questions) == ["TestRequest"] * 2
    # The answer of the one is in the socket when the gateway goes on; the other has most of its second left.
    prompt.send("Heartbeat", **questions[0].fields)
    bench.stall(2)
    bench.run_for(0.3)
    late.send("Heartbeat", **questions[1].fields)
    bench.run_for(0.1)
    assert bench.causes() == []
    for client in (prompt, late):
        client.send("TestRequest", correlation_id=7)
        while bench.read(client, 1)[0].fields != {"correlation_id": 7}:
            pass  # heartbeats and questions of the gateway's own


def test_who_is_heard_after_the_gateway_stood_still_is_not_forgiven_for_it(
    make_bench: Callable[..., ShellBench],
) -> None:
    bench = make_bench(heartbeat_interval_s=1, heartbeat_probe_factor=1, heartbeat_lapse_factor=1.2)
    client = bench.logged_on("maker-1")
    bench.stall_while_reading(2)
    client.send("Heartbeat")
    bench.until(lambda: bench.causes() != [], "the end of its silence")
    assert bench.causes() == [("maker-1", "HEARTBEAT_MISSED")]
    session = session_of(bench, "maker-1")
    assert 1.2 * SECOND <= session.ending.fenced_time - session.heard_ns < 2.2 * SECOND


def test_a_refresh_behind_more_bytes_than_a_pass_reads_still_counts(make_bench: Callable[..., ShellBench]) -> None:
    bench = make_bench()
    client = bench.logged_on("maker-1")
    client.send("CancelAllAfterRequest", timeout_ms=100, scope=1)
    assert names(bench.read(client, 1)) == ["CancelAllAfterResponse"]
    count = flood(client)
    client.send("CancelAllAfterRequest", timeout_ms=300, scope=1)
    bench.stall(0.2)
    frames = bench.read(client, count + 1)
    assert names(frames[-1:]) == ["CancelAllAfterResponse"]
    assert bench.events("dead man's switch expired") == []
    # Reading took long enough for a tick to come in between, and nothing else keeps the switch from firing.
    trigger_time = frames[-1].fields["trigger_time"]
    bench.until(lambda: bool(bench.events("dead man's switch expired")), "the switch to fire")
    assert bench.events("dead man's switch expired")[0]["trigger_time"] == rfc_3339(trigger_time)
