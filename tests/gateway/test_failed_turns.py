"""A bug of ours in the middle of a turn costs as little as can be: what it hit, and a line in the log."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.shell_bench import ShellBench


@pytest.fixture
def bench() -> Iterator[ShellBench]:
    bench = ShellBench()
    yield bench
    bench.close()


def fails_first(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method, but that its first call fails."""
    calls: list[Any] = []

    def call(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("a bug of ours")
        return method(*arguments)

    return call


def errors(bench: ShellBench) -> list[str]:
    return [event["message"] for event in bench.events("internal error")]


def test_a_step_that_fails_is_done_in_the_next_turn(bench: ShellBench, monkeypatch: pytest.MonkeyPatch) -> None:
    client = bench.logged_on("maker-1")
    client.raw(client.order_frame(1))
    core = bench.server._core
    monkeypatch.setattr(core, "step", fails_first(core.step))
    client.half_close()
    names = [frame.name for frame in bench.to_the_end(client)]
    assert names == ["NewOrderResponse", "OrdersCanceled"]
    assert len(errors(bench)) == 1


def test_a_line_whose_end_fails_takes_nobody_with_it(bench: ShellBench, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [bench.logged_on(client_id) for client_id in ("maker-1", "maker-2", "stranger-1")]
    core = bench.server._core
    monkeypatch.setattr(core, "delivered", fails_first(core.delivered))
    for client in clients:
        client.send("Logout", reason="")
    heard = [[frame.name for frame in bench.to_the_end(client)] for client in clients]
    assert heard == [["LoggedOut"]] * 3
    assert errors(bench) == ["a connection's output failed"]
    assert sorted(bench.causes()) == [("maker-1", "LOGOUT"), ("maker-2", "LOGOUT"), ("stranger-1", "LOGOUT")]
