"""The HTTP end of the metrics: what it answers, and that nobody who asks can harm the gateway."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable, Iterator

import pytest
import uvloop
from support.core_driver import RecordedLog, configuration
from support.processes import free_port
from support.shell_bench import ShellBench

from gateway import metrics_server
from gateway.errors import ServeError
from gateway.limits import METRICS_CONNECTIONS_MAX, METRICS_REQUEST_MAX_BYTES
from gateway.metrics_server import MetricsServer
from gateway.server import Server

GET = b"GET /metrics HTTP/1.1\r\nHost: gateway\r\n\r\n"


class Counting:
    """A section that says how often it was made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made = 0

    def text(self) -> bytes:
        self.made += 1
        return f"{self.name} {self.made}\n".encode()


class Bench:
    """A server on a loop that runs only while a test lets it."""

    def __init__(self, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.loop = make_loop()
        self.sections = [Counting("first"), Counting("second")]
        self.server = MetricsServer(self.sections, "text/special")
        self.address = self.loop.run_until_complete(self.server.start("127.0.0.1", 0))
        self.sockets: list[socket.socket] = []

    def connect(self, request: bytes = b"") -> socket.socket:
        client = socket.create_connection(self.address)
        client.sendall(request)
        client.setblocking(False)
        self.sockets.append(client)
        return client

    def read(self, client: socket.socket) -> bytes:
        """Everything until the end of the line; a reset is an end too."""

        async def read() -> bytes:
            data = b""
            try:
                while piece := await self.loop.sock_recv(client, 65_536):
                    data += piece
            except ConnectionResetError:
                pass
            client.close()
            return data

        return self.loop.run_until_complete(asyncio.wait_for(read(), 20))

    def ask(self, request: bytes) -> bytes:
        return self.read(self.connect(request))

    def until_connected(self, count: int) -> None:
        """Lets the loop run until the server has that many connections."""

        async def wait() -> None:
            while len(self.server._connections) != count:
                await asyncio.sleep(0.001)

        self.loop.run_until_complete(asyncio.wait_for(wait(), 20))

    def close(self) -> None:
        for client in self.sockets:
            client.close()
        self.server.stop()
        self.until_connected(0)
        self.loop.close()


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    yield bench
    bench.close()


def said(status: str, body: str, more: str = "", content_type: str = "text/plain; charset=utf-8") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"{more}Connection: close\r\n\r\n{body}"
    ).encode()


@pytest.mark.parametrize("target", ["/metrics", "/metrics?name=breakwire"])
def test_a_scrape_is_answered_by_all_sections(bench: Bench, target: str) -> None:
    answer = bench.ask(f"GET {target} HTTP/1.0\r\n\r\n".encode())
    assert answer == said("200 OK", "first 1\nsecond 1\n", content_type="text/special")


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", said("404 Not Found", "404 Not Found\n")),
        (
            b"POST /metrics HTTP/1.1\r\n\r\n",
            said("405 Method Not Allowed", "405 Method Not Allowed\n", "Allow: GET\r\n"),
        ),
        (b"\xdb\x00\x40\x00\r\n\r\n", said("400 Bad Request", "400 Bad Request\n")),
        (b"GET /metrics\r\n\r\n", said("400 Bad Request", "400 Bad Request\n")),
        (b"GET /metrics SIP/2.0\r\n\r\n", said("400 Bad Request", "400 Bad Request\n")),
    ],
)
def test_anything_else_is_refused_and_nothing_made(bench: Bench, request_: bytes, answer: bytes) -> None:
    assert bench.ask(request_) == answer
    assert [section.made for section in bench.sections] == [0, 0]


def test_a_head_that_never_ends_is_cut_off(bench: Bench) -> None:
    client = bench.connect(b"GET /metrics HTTP/1.1\r\n")
    client.setblocking(True)
    client.sendall(b"X: " + b"y" * 3 * METRICS_REQUEST_MAX_BYTES)
    client.setblocking(False)
    # The line may be gone before the refusal is read: there were bytes on it that nobody read.
    assert bench.read(client) in (
        b"",
        said("431 Request Header Fields Too Large", "431 Request Header Fields Too Large\n"),
    )


def test_who_asks_too_often_gets_the_same_answer_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    clients = [bench.connect(GET) for _ in range(3)]
    assert len({bench.read(client) for client in clients}) == 1
    assert [section.made for section in bench.sections] == [1, 1]
    monkeypatch.setattr(metrics_server, "METRICS_AGE_MOST_S", 0.0)
    assert bench.ask(GET).endswith(b"first 2\nsecond 2\n")


def test_one_connection_too_many_is_closed_and_the_others_are_served(bench: Bench) -> None:
    clients = [bench.connect() for _ in range(METRICS_CONNECTIONS_MAX)]
    assert bench.ask(b"") == b""
    clients[0].send(GET)
    assert bench.read(clients[0]).endswith(b"second 1\n")
    assert bench.ask(GET).endswith(b"second 1\n")


@pytest.mark.parametrize("request_", [b"", b"GET /metrics HTTP/1.1\r\n"])
def test_who_says_nothing_more_is_cut_off(bench: Bench, request_: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "METRICS_EXCHANGE_MOST_S", 0.05)
    assert bench.ask(request_) == b""


def test_who_does_not_read_is_cut_off(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "METRICS_EXCHANGE_MOST_S", 0.2)
    bench.sections[0].name = "x" * 20_000_000  # more than the sockets' buffers take
    client = bench.connect(GET)
    bench.until_connected(1)
    bench.until_connected(0)
    assert len(bench.read(client)) < 20_000_000


def test_who_goes_away_is_forgotten(bench: Bench) -> None:
    for request in (b"", GET[:10], GET):
        bench.connect(request).close()
    assert bench.ask(GET).endswith(b"second 1\n")
    bench.until_connected(0)


def test_orders_are_served_between_the_sections(bench: Bench) -> None:
    seen: list[list[int]] = []

    def look() -> None:
        seen.append([section.made for section in bench.sections])
        bench.loop.call_soon(look)

    bench.loop.call_soon(look)
    bench.ask(GET)
    assert [made for made, _ in itertools.groupby(seen)] == [[0, 0], [1, 0], [1, 1]]


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = Server(configuration(port=0, metrics_port=port), RecordedLog())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(ServeError) as raised:
            runner.run(server.run())
    assert str(raised.value) == f"cannot serve metrics on 127.0.0.1 port {port}: Address already in use"


def test_without_a_port_there_are_none() -> None:
    bench = ShellBench()
    assert bench.events("metrics") == []
    bench.close()


def test_open_scrapes_do_not_hold_up_the_end() -> None:
    port = free_port()
    bench = ShellBench(metrics_port=port, shutdown_timeout_s=20)
    with socket.create_connection(("127.0.0.1", port)) as waiting:
        bench.run_for(0.01)
        bench.close()
        with contextlib.suppress(ConnectionResetError):
            assert waiting.recv(1) == b""
