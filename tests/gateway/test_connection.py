"""Connections on a real loop: when bytes move, whose turn it is, and how a line ends."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.shell_bench import ShellBench


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
