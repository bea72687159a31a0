"""The canary of a gateway process: its file, `breakwire admin status`, metrics; frozen, ended, and killed."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.configuration import write_configuration
from support.processes import Gateway, free_port, wait_until
from support.scene import Scene

N_S = 0.5
N = timedelta(seconds=N_S)

Start = Callable[..., Gateway]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway with a canary, which keeps its files in tmp_path/data."""
    gateways: list[Gateway] = []

    def start(**settings: Any) -> Gateway:
        configuration = write_configuration(
            tmp_path / "gateway.toml", data_dir=str(tmp_path / "data"), canary_interval_s=N_S, **settings
        )
        gateways.append(Gateway(configuration))
        return gateways[-1]

    yield start
    for gateway in gateways:
        gateway.kill()


class File:
    """The health file, as whoever watches the gateway reads it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "data" / "health"

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._path.read_bytes())
        return found

    @property
    def is_green(self) -> bool:
        """Green means: it says so, and still may."""
        if not self._path.exists():
            return False
        found = self.read()
        return found["state"] == "green" and datetime.now(UTC) <= _time(found["valid_until"])


def _time(text: str) -> datetime:
    seconds, nanoseconds = text.removesuffix("Z").split(".")
    return datetime.fromisoformat(f"{seconds}.{nanoseconds[:6]}+00:00")


def test_file_status_and_metrics_agree(tmp_path: Path, client_program: Path) -> None:
    port = free_port()
    settings = {"data_dir": str(tmp_path / "data"), "canary_interval_s": N_S, "metrics_port": port}
    scene = Scene(tmp_path, client_program, **settings)
    file = File(tmp_path)
    wait_until(lambda: file.is_green, "green")
    (row,) = json.loads(scene.admin("status", "--json"))["health"]
    assert (row["state"], row["reason"]) == ("green", "")
    assert row["since"][:19] == file.read()["since"][:19]
    assert "state  since" in scene.admin("status")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        families = {
            family.name: family.samples for family in text_string_to_metric_families(str(answer.read(), "ascii"))
        }
    assert [sample.value for sample in families["breakwire_canary_green"]] == [1]
    assert 0 < families["breakwire_canary_lateness_seconds"][0].value < N_S
    rounds = {sample.labels["outcome"]: sample.value for sample in families["breakwire_canary_rounds"]}
    assert rounds.pop("in_time") >= 1
    assert rounds.keys() == {"late", "failed"}
    scene.close()
    assert (file.read()["state"], file.read()["reason"]) == ("red", "the gateway was stopped")


def test_a_frozen_gateway_is_not_green_and_recovers(start: Start, tmp_path: Path) -> None:
    gateway, file = start(), File(tmp_path)
    wait_until(lambda: file.is_green, "green")
    before = file.read()
    gateway.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, gateway.process.pid, os.WSTOPPED | os.WNOWAIT)
    frozen_at = datetime.now(UTC)
    wait_until(lambda: not file.is_green, "red")
    assert file.read()["state"] == "green"  # nobody could write another
    assert _time(file.read()["valid_until"]) <= frozen_at + 2 * N
    gateway.process.send_signal(signal.SIGCONT)
    wait_until(lambda: file.is_green, "green again")
    assert file.read()["since"] > before["since"]
    assert gateway.terminate() == 0


def test_a_killed_gateway_is_not_green_for_long(start: Start, tmp_path: Path) -> None:
    gateway, file = start(), File(tmp_path)
    wait_until(lambda: file.is_green, "green")
    gateway.kill()
    killed_at = datetime.now(UTC)
    wait_until(lambda: not file.is_green, "red")
    assert _time(file.read()["valid_until"]) <= killed_at + 2 * N


def test_a_slow_reader_of_metrics_does_not_keep_a_gateway_from_its_end(start: Start) -> None:
    port = free_port()
    gateway = start(metrics_port=port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20):
        assert gateway.terminate() == 0


def test_a_metrics_port_that_is_taken_is_told_in_words(tmp_path: Path, start: Start) -> None:
    taken = start()
    configuration = write_configuration(tmp_path / "other.toml", metrics_port=taken.port)
    with pytest.raises(AssertionError, match="the gateway ended") as raised:
        Gateway(configuration)
    assert f"cannot serve metrics on 127.0.0.1 port {taken.port}: Address already in use" in str(raised.value)
    assert taken.terminate() == 0
