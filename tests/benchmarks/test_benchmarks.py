"""The benchmarks at their smallest size: that every server is driven right, and that wrong answers are noticed.

No time is judged here.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from benchmark_modules import BENCHMARKS, benchmark_module

from gateway import config

BOOK = 64
REQUESTS = 512
SHORT = ["--book", str(BOOK), "--requests", str(REQUESTS), "--warm-up", "0"]


run = benchmark_module("run")


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    run.build()


def counts(figures: dict[str, Any]) -> dict[str, Any]:
    """The figures of a throughput run that no clock is in."""
    return {name: figures[name] for name in ("window", "book", "requests", "accepted", "canceled", "rejected")}


# The servers are driven right ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 64])
@pytest.mark.parametrize("server", run.SERVERS)
def test_each_request_is_answered_and_the_book_stays_as_large_as_it_was(server: str, window: int) -> None:
    figures = run.sample(server, ["throughput", "--window", str(window), *SHORT])

    assert counts(figures) == {
        "window": window,
        "book": BOOK,
        "requests": REQUESTS,
        "accepted": BOOK + REQUESTS // 2,
        "canceled": REQUESTS // 2,
        "rejected": 0,
    }


@pytest.mark.parametrize(("orders", "frames"), [(1, 1), (1868, 1), (1869, 2)])
@pytest.mark.parametrize("loss", ["fin", "rst"])
@pytest.mark.parametrize("server", ["floor", "ours", "naive"])
def test_each_order_of_a_lost_session_is_cancelled_once(server: str, loss: str, orders: int, frames: int) -> None:
    figures = run.sample(server, ["disconnect", "--loss", loss, "--orders", str(orders), "--repeats", "2"])

    times = {name: figures.pop(name) for name in ("first_ns", "last_ns")}
    assert figures.pop("server_preemptions") >= 0
    assert figures == {"mode": "disconnect", "loss": loss, "orders": orders, "repeats": 2, "frames": frames}
    assert 0 < times["first_ns"]["min"] <= times["last_ns"]["min"] <= times["last_ns"]["max"]


def test_the_gateways_configuration_is_accepted() -> None:
    parsed = config.parse(run.gateway_config(orders_max=1000))

    assert parsed.gateway == config.Gateway(name="bench", port=0, data_dir="")
    assert [(key.client_id, key.role) for key in parsed.api_keys] == [
        (run.TRADER, "trader"),
        (run.LOST_TRADER, "trader"),
        (run.DROP_COPY, "drop_copy"),
    ]
    assert parsed.portfolios == (config.Portfolio(id=1, max_open_orders=1000),)


# A wrong answer gives no figure -------------------------------------------------------------------------------------

VARIANT = """
import asyncio, sys
sys.path.insert(0, {directory!r})
import naive_gateway
from naive_gateway import *
{change}
asyncio.run(main())
"""

FORGET_AN_ORDER = """
cancel_all = Gateway.cancel_all
def forgetful(self, session):
    if session.orders:
        self.remove(next(iter(session.orders.values())))
    cancel_all(self, session)
Gateway.cancel_all = forgetful
"""

LIST_AN_ORDER_TWICE = """
send = Session.send
def repetitive(self, template_id, body, version=0):
    if template_id == 310:
        body = body[:-35] + body[21 : 21 + 35]
    return send(self, template_id, body, version)
Session.send = repetitive
"""

SAY_IT_ALL_AGAIN = """
send = Session.send
def insistent(self, template_id, body, version=0):
    if template_id == 4050:
        send(self, template_id, body, version)
    return send(self, template_id, body, version)
Session.send = insistent
"""

SKIP_A_NUMBER = """
logon = Gateway.logon
def absent_minded(self, session, body):
    logon(self, session, body)
    session.sent += 1
Gateway.logon = absent_minded
"""


def figures_of_variant(directory: Path, change: str, arguments: list[str]) -> dict[str, Any]:
    """The generator's figures for a naive gateway with a change."""
    script = directory / "variant.py"
    script.write_text(VARIANT.format(directory=str(BENCHMARKS), change=change))
    with run.running([sys.executable, str(script)]) as (_, port, _):
        figures: dict[str, Any] = run.generate(port, arguments)
    return figures


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (FORGET_AN_ORDER, "4 of 5 orders were cancelled"),
        (LIST_AN_ORDER_TWICE, "an order was cancelled twice"),
        (SAY_IT_ALL_AGAIN, "drop copy was sent 310 after the last OrdersCanceled"),
        ("naive_gateway.CLIENT_DISCONNECT = 12", "a cancel with reason 12 and 0 filled"),
    ],
    ids=["forgotten", "twice", "again", "reason"],
)
def test_a_loss_that_is_not_told_right_gives_no_figure(tmp_path: Path, change: str, complaint: str) -> None:
    with pytest.raises(run.BenchmarkError, match=complaint):
        figures_of_variant(tmp_path, change, ["disconnect", "--orders", "5"])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("naive_gateway.ACTIVE = 2", "an acceptance says something else than the order: status 2"),
        ("Gateway.cancel_order = Gateway.test_request", "a cancel was answered with 10"),
        ("Order.quantity = property(lambda self: 1, lambda self, value: None)", "an acceptance says something else"),
        (SKIP_A_NUMBER, "frame 200 has number 3, not 2"),
    ],
    ids=["status", "template", "quantity", "number"],
)
def test_a_wrong_answer_gives_no_figure(tmp_path: Path, change: str, complaint: str) -> None:
    with pytest.raises(run.BenchmarkError, match=complaint):
        figures_of_variant(tmp_path, change, ["throughput", *SHORT])


def test_a_reject_gives_no_figure() -> None:
    with pytest.raises(run.BenchmarkError, match="a new order was rejected, reason 0"):
        run.sample("floor", ["throughput", "--book", str(run.ORDERS_MAX + 1)])


PROBE = """
class Probing(Gateway):
    def __init__(self):
        super().__init__()
        self.requests[10] = self.heartbeat
        self.alive = False
    def logon(self, session, body):
        super().logon(session, body)
        session.send(11, CORRELATION.pack(77))
    def heartbeat(self, session, body):
        self.alive = CORRELATION.unpack_from(body) == (77,)
    def new_order(self, session, body):
        if self.last_order_id > 64 and not self.alive:
            session.writer.close()
        super().new_order(session, body)
naive_gateway.Gateway = Probing
"""


def test_the_generator_answers_a_test_request(tmp_path: Path) -> None:
    figures = figures_of_variant(tmp_path, PROBE, ["throughput", *SHORT])

    assert counts(figures)["requests"] == REQUESTS


# What is made of the figures ----------------------------------------------------------------------------------------


def test_a_ratio_compares_with_the_floor_before_and_after() -> None:
    figure = run.Figure("µs", ("round_trip_ns", "p50"), 1e3)
    case = run.Case("window 1", (), (figure, run.INSTRUCTIONS))
    floors = [{"round_trip_ns": {"p50": nanoseconds}} for nanoseconds in (10_000, 30_000, 20_000)]
    ours = [{"round_trip_ns": {"p50": nanoseconds}} for nanoseconds in (40_000, 50_000)]

    found = run.summary(
        case,
        [
            run.Sample("floor", floors[0]),
            run.Sample("ours", ours[0], (floors[0], floors[1])),
            run.Sample("floor", floors[1]),
            run.Sample("ours", ours[1], (floors[1], floors[2])),
            run.Sample("floor", floors[2]),
        ],
    )

    assert found == {
        "floor": {"µs": {"median": 20.0}},
        "ours": {"µs": {"median": 45.0, "ratio": 2.0, "ratio_min": 2.0, "ratio_max": 2.0}},
    }


def test_runs_interleave_with_the_floor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    options = ["--quick", "--runs", "2", "--only", "fin with 1 open", "--servers", "naive", "--json", str(report)]

    assert run.main(options) == 0

    found = json.loads(report.read_text())
    assert list(found["cases"]) == ["fin with 1 open"]
    samples = found["cases"]["fin with 1 open"]["samples"]
    assert [taken["server"] for taken in samples] == ["floor", "naive", "floor", "floor", "naive", "floor"]
    assert samples[1]["floors"] == [samples[0]["figures"], samples[2]["figures"]]
    printed = capsys.readouterr().out
    assert printed.startswith("* Servers: `floor`")
    assert found["machine"]["processor"] in printed
