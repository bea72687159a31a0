"""Nobody sees the canary: the same day with and without it, and everybody who tries to name what is its own."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.core_driver import configuration, order, quantity
from support.processes import free_port
from support.shell_bench import ShellBench

from codec import messages
from codec.layout import CancelOrderRejectReason, MassQuoteRejectReason, OrderRejectReason, Side
from codec.values import Message
from gateway import config, status
from gateway.admin_protocol import STATUS_SECTIONS, StatusSection
from gateway.canary import CLIENT_ID
from gateway.config import parse
from gateway.errors import ConfigError
from gateway.limits import RESERVED_ID

TIMES = ("last_heard_time", "detected_time", "fenced_time", "completed_time")
IDS = ("order_id", "exec_id", "match_id", "timestamp", "receive_time", "filled_time", "digest", *TIMES)
"""Fields of which the canary uses up some, or which say when."""

GROUP = '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "100"\ninterval_ms = 1000\nfrozen_ms = 1000\n'


def bench_with(canary_interval_s: float, **settings: Any) -> ShellBench:
    """Heartbeats are so far apart that none falls into a test."""
    gateway = {"port": 0, "heartbeat_interval_s": 60, "canary_interval_s": canary_interval_s} | settings
    return ShellBench(configuration(extra=GROUP, **gateway))


def until_rounds(bench: ShellBench, count: int) -> None:
    canary = bench.server._core.canary
    if canary is not None:
        wanted = sum(canary.health.rounds.values()) + count
        bench.until(lambda: sum(canary.health.rounds.values()) >= wanted, f"{count} rounds of the canary")


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_ids(item) for name, item in value.items() if name not in IDS}
    if isinstance(value, list):
        return [without_ids(item) for item in value]
    return value


def brief(message: Message) -> tuple[int, int, str, Any]:
    header = message.header
    fields = without_ids(message.fields)
    if message.name == "DropCopyEvent":
        fields["frame"] = brief(messages.decode(message.fields["frame"]))
    return header.sequence_number, header.last_processed_seq_no, message.name, fields


class Day:
    """One day of three clients and both watchers, with pauses in which a canary may break, if there is one."""

    def __init__(self, bench: ShellBench) -> None:
        self.heard: dict[str, list[Any]] = {}
        clients = {name: bench.logged_on(name) for name in ("watch-1", "watch-2", "maker-1", "maker-2", "stranger-1")}
        maker, other, stranger = clients["maker-1"], clients["maker-2"], clients["stranger-1"]
        until_rounds(bench, 2)
        maker.raw(maker.order_frame(1))
        maker.raw(maker.order_frame(2, side=Side.SELL, price=101_000_000_000))
        self.hear(bench, maker, "maker-1", 2)
        until_rounds(bench, 1)
        stranger.raw(stranger.order_frame(3, side=Side.SELL))
        self.hear(bench, stranger, "stranger-1", 1)
        other.raw(other.order_frame(4))
        self.hear(bench, other, "maker-2", 1)
        until_rounds(bench, 1)
        for name in ("maker-1", "maker-2", "stranger-1"):
            clients[name].reset()
        bench.until(lambda: len(bench.events("session gone")) == 3, "three endings")
        until_rounds(bench, 1)
        maker = bench.logged_on("maker-1", reset=False, number=maker.number + 1)
        maker.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
        self.hear(bench, maker, "maker-1 again", 6)
        for name, count in (("watch-1", 8), ("watch-2", 2)):
            self.hear(bench, clients[name], name, count)
        bench.run_for(0.05)
        assert [client.read() for client in bench.clients if not client.socket._closed] == [[], [], []]

    def hear(self, bench: ShellBench, client: Any, name: str, count: int) -> None:
        self.heard.setdefault(name, []).extend(brief(message) for message in bench.read(client, count))


def rows(bench: ShellBench, section: StatusSection) -> Any:
    found = status.page(bench.server._core, section, 0, bench.server._shell.now()).rows
    return json.loads(json.dumps([{name: getattr(row, name) for name in row.__struct_fields__} for row in found]))


def families(bench: ShellBench) -> dict[str, Any]:
    """What a scrape says, without the canary's own metrics and those that say how long things took."""
    (address,) = bench.events("metrics")
    url = f"http://{address['host']}:{address['port']}/metrics"

    def scrape() -> str:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return str(answer.read(), "ascii")

    text = bench.loop.run_until_complete(asyncio.to_thread(scrape))
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
        if "canary" not in family.name and family.type != "histogram" and "stalled" not in family.name
    }


def test_a_day_with_a_canary_is_to_everybody_a_day_without() -> None:
    days = []
    for interval_s in (0.0, 0.5):
        bench = bench_with(interval_s, metrics_port=free_port(), duplicate_logon="displace")
        day = Day(bench)
        shown = {section: without_times(rows(bench, section)) for section in STATUS_SECTIONS if section != "health"}
        counts = [
            sum(histogram.counts)
            for histogram in (bench.server._core.tally.detection, bench.server._core.tally.completion)
        ]
        metrics = families(bench)
        bench.close()
        log = [
            {name: value for name, value in event.items() if name not in ("host", "port", "time_to_reported_us")}
            for event in bench.log.events()
            if event["event"] != "canary"
        ]
        days.append((day.heard, shown, counts, metrics, log))
        health = bench.server._core.canary
        assert (health is None) == (interval_s == 0.0)
    without, beside = days
    for part_without, part_beside in zip(without, beside, strict=True):
        assert part_beside == part_without


def without_times(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    times = ("time", "silent_ms", "completion_ms", "fenced_time")
    return [{name: value for name, value in row.items() if name not in times} for row in found]


def test_what_the_canary_knows_is_its_own_secret(tmp_path: Path) -> None:
    first, second = (
        bench_with(0.5, data_dir=str(tmp_path / name), admin_socket=str(tmp_path / f"{name}.sock"))
        for name in ("a", "b")
    )
    for bench in (first, second):
        until_rounds(bench, 2)
    secrets = [bench.server._core.canary._perch.secret for bench in (first, second)]  # type: ignore[union-attr]
    assert len(set(secrets)) == 2
    for bench, name in ((first, "a"), (second, "b")):
        shown = str(bench.log.events()) + (tmp_path / name / "health").read_text()
        assert secrets[0] not in shown
        assert secrets[1] not in shown
        bench.close()


@pytest.fixture(scope="module")
def bench() -> Any:
    bench = bench_with(0.5)
    until_rounds(bench, 1)
    yield bench
    bench.close()


@pytest.mark.parametrize(
    ("name", "fields", "answer", "reason"),
    [
        (
            "NewOrderRequest",
            order(1, instrument_id=RESERVED_ID),
            "NewOrderReject",
            OrderRejectReason.INVALID_INSTRUMENT,
        ),
        (
            "AmendOrderRequest",
            {"client_order_id": 1, "instrument_id": RESERVED_ID, "price": 1, "quantity": quantity(1)},
            "AmendOrderReject",
            OrderRejectReason.INVALID_INSTRUMENT,
        ),
        (
            "CancelOrderRequest",
            {"client_order_id": 1, "instrument_id": RESERVED_ID},
            "CancelOrderReject",
            CancelOrderRejectReason.INVALID_INSTRUMENT,
        ),
        (
            "CancelOrderByIdRequest",
            {"order_id": 1, "instrument_id": RESERVED_ID},
            "CancelOrderReject",
            CancelOrderRejectReason.INVALID_INSTRUMENT,
        ),
        (
            "MassQuoteRequest",
            {
                "quote_id": 1,
                "mmp_group_id": 7,
                "quotes": [{"instrument_id": RESERVED_ID, "bid_price": 1, "bid_qty": quantity(1), "ask_price": 2}],
            },
            "MassQuoteReject",
            MassQuoteRejectReason.INVALID_INSTRUMENT,
        ),
    ],
)
def test_a_client_that_names_the_canary_s_instrument_is_told_that_there_is_none(
    bench: ShellBench, name: str, fields: dict[str, Any], answer: str, reason: int
) -> None:
    maker = bench.logged_on("maker-1")
    maker.send(name, **({"correlation_id": 5} | fields))
    (message,) = bench.read(maker, 1)
    assert (
        message.name,
        message.fields["reason"],
        message.fields["details"].endswith("instrument 0 is not known"),
    ) == (
        answer,
        reason,
        True,
    )
    maker.close()


def test_a_mass_cancel_of_the_canary_s_instrument_finds_nothing(bench: ShellBench) -> None:
    maker = bench.logged_on("maker-1")
    venue = bench.server._core.controls.venue
    slot = bench.server._core.canary.session.slot  # type: ignore[union-attr]
    bench.until(lambda: venue.owner_open(slot)[0] == 1, "the canary's order to rest")
    maker.send("MassCancelRequest", correlation_id=1, instrument_id=RESERVED_ID, side=Side.BOTH)
    (message,) = bench.read(maker, 1)
    assert (message.name, message.fields["total_order_count"]) == ("MassCancelResponse", 0)
    maker.close()


def test_nobody_logs_on_as_the_canary(bench: ShellBench) -> None:
    stranger = bench.connect()
    stranger.raw(stranger.logon_frame(CLIENT_ID))
    (message,) = bench.to_the_end(stranger)
    assert (message.name, message.fields["reason"]) == ("LoggedOut", "unknown clientId or wrong secret")


@pytest.mark.parametrize(
    "request_",
    [
        {"action": action, name: value}
        for name, value, actions in (
            ("instrument_id", RESERVED_ID, ("halt", "resume", "deactivate")),
            ("portfolio_id", RESERVED_ID, ("lock", "unlock", "kill_portfolio")),
            ("client_id", CLIENT_ID, ("kill_client", "revoke")),
        )
        for action in actions
    ],
    ids=lambda request_: str(request_["action"]),
)
def test_no_control_can_name_what_is_the_canary_s(tmp_path: Path, request_: dict[str, Any]) -> None:
    path = tmp_path / "admin.sock"
    bench = bench_with(0.5, admin_socket=str(path))

    async def ask() -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(json.dumps(request_).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        return answer

    answer = bench.loop.run_until_complete(ask())
    assert (answer["ok"], answer["error"][:16]) == (False, "not a request: E")
    until_rounds(bench, 1)
    bench.close()


@pytest.mark.parametrize(
    "table",
    [
        f"[[portfolio]]\nid = {RESERVED_ID}\n",
        f'[[instrument]]\nid = {RESERVED_ID}\nsymbol = "I"\ncurrency_pair_id = 1\nproduct_type = "futures"\n'
        'tick_size = "1"\nlot_size = "1"\n',
        f'[[portfolio]]\nid = 1\n[[api_key]]\nclient_id = "{CLIENT_ID}"\nportfolio = 1\nsecret = "s"\n',
    ],
    ids=["portfolio", "instrument", "api_key"],
)
def test_no_configuration_can_name_what_is_the_canary_s(table: str) -> None:
    with pytest.raises(ConfigError):
        parse(table)


def test_a_canary_takes_one_place_of_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f'[[api_key]]\nclient_id = "k{number}"\nportfolio = 1\nsecret = "s"\n' for number in range(2)]

    def text(interval: int) -> str:
        return f"[gateway]\ncanary_interval_s = {interval}\n[[portfolio]]\nid = 1\n" + "".join(keys)

    monkeypatch.setitem(config._COUNT_MAX, "api_key", 2)
    parse(text(0))
    with pytest.raises(ConfigError) as raised:
        parse(text(1))
    assert str(raised.value.problems[0]) == "api_key: wanted at most 1 tables, was 2"
