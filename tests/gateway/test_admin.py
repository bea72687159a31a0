"""The admin socket on a real loop: who may open it, what it answers, and that nobody else feels an administrator."""

import asyncio
import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop
from support.core_driver import RecordedLog, configuration
from support.shell_bench import ShellBench

from gateway import admin
from gateway.admin_protocol import SOCKET_NAME, socket_path
from gateway.config import Gateway
from gateway.errors import ServeError
from gateway.limits import ADMIN_CONNECTIONS_MAX, ADMIN_REQUEST_MAX_BYTES, ADMIN_SOCKET_MAX_BYTES
from gateway.server import Server

CONFIGURATION = """
[gateway]
port = 0
data_dir = ""
admin_socket = "{socket}"
heartbeat_interval_s = 10

[[instrument]]
id = 1
symbol = "I-1"
currency_pair_id = 1
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"

[[portfolio]]
id = 1
"""


class Administrator:
    """The other end of an admin connection, where nothing waits."""

    def __init__(self, bench: ShellBench, path: Path) -> None:
        self._bench = bench
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.setblocking(False)
        self._data = b""
        self.ended = False

    def send(self, data: bytes) -> None:
        assert self.socket.send(data) == len(data)

    def line(self) -> Any:
        """The next answer; None when the gateway ends the connection instead."""
        self._bench.until(lambda: self._read() or b"\n" in self._data, "an answer")
        line, newline, self._data = self._data.partition(b"\n")
        return json.loads(line) if newline else None

    def ask(self, **request: Any) -> Any:
        self.send(json.dumps(request).encode() + b"\n")
        return self.line()

    def _read(self) -> bool:
        try:
            while data := self.socket.recv(65_536):
                self._data += data
            self.ended = True
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.ended = True
        return self.ended


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@pytest.fixture
def bench(path: Path) -> Iterator[ShellBench]:
    bench = ShellBench(admin_socket=str(path))
    yield bench
    bench.close()


@pytest.fixture
def administrator(bench: ShellBench, path: Path) -> Iterator[Administrator]:
    administrator = Administrator(bench, path)
    yield administrator
    administrator.socket.close()


# Where it is, and whose


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Gateway(data_dir=""), None),
        (Gateway(data_dir="data"), Path("data") / SOCKET_NAME),
        (Gateway(data_dir="", admin_socket="/run/a.sock"), Path("/run/a.sock")),
        (Gateway(data_dir="data", admin_socket="a.sock"), Path("a.sock")),
    ],
)
def test_the_socket_is_where_the_settings_say(settings: Gateway, expected: Path | None) -> None:
    assert socket_path(settings) == expected


def test_the_socket_is_the_owners_alone_and_goes_with_the_gateway(tmp_path: Path) -> None:
    data_dir = tmp_path / "new" / "data"
    bench = ShellBench(configuration(port=0, data_dir=str(data_dir)))
    mode = (data_dir / SOCKET_NAME).stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode), stat.S_IMODE(data_dir.stat().st_mode)) == (True, 0o600, 0o700)
    bench.close()
    assert list(data_dir.iterdir()) == []


def test_a_socket_that_a_dead_gateway_left_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    bench = ShellBench(admin_socket=str(path))
    assert Administrator(bench, path).ask(action="halt", instrument_id=1)["ok"]
    bench.close()


def test_a_socket_that_somebody_else_put_in_its_place_is_left_alone(path: Path, bench: ShellBench) -> None:
    path.unlink()
    path.write_text("mine")
    bench.close()
    assert path.read_text() == "mine"


def test_a_socket_that_somebody_removed_is_no_hindrance_at_the_end(path: Path) -> None:
    bench = ShellBench(admin_socket=str(path))
    path.unlink()
    bench.close()
    (warning,) = bench.events("admin socket not removed")
    assert warning["reason"] == "No such file or directory"


def problem_with(path: Path) -> str:
    """Why a gateway that is told to have this socket does not start."""
    with pytest.raises(ServeError) as raised, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Server(configuration(port=0, admin_socket=str(path)), RecordedLog()).run())
    return str(raised.value)


def test_a_gateway_that_cannot_have_the_socket_that_was_asked_for_does_not_start(
    path: Path, bench: ShellBench, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert problem_with(path) == f"admin socket {path}: a gateway listens on it already"
    assert problem_with(file) == f"admin socket {file}: the file exists and is not a socket"
    below = file / "a.sock"
    assert problem_with(below) == f"admin socket {below}: File exists"
    assert Administrator(bench, path).ask(action="halt", instrument_id=1)["ok"], "the one that runs goes on"


def test_a_gateway_that_was_asked_for_no_socket_serves_without_one_it_cannot_have(tmp_path: Path) -> None:
    data_dir = tmp_path / ("x" * ADMIN_SOCKET_MAX_BYTES)
    bench = ShellBench(configuration(port=0, data_dir=str(data_dir)))
    (warning,) = bench.events("no admin socket")
    assert warning["reason"].endswith(f"wanted a path of at most {ADMIN_SOCKET_MAX_BYTES} bytes")
    bench.logged_on("maker-1")
    bench.close()


# Requests and answers


def test_one_request_has_one_answer_and_a_connection_may_ask_again(administrator: Administrator) -> None:
    assert administrator.ask(action="halt", instrument_id=1) == {"ok": True, "text": "instrument 1 is halted"}
    assert administrator.ask(action="lock", portfolio_id=1) == {
        "ok": True,
        "text": "portfolio 1 is locked, 0 orders leave",
    }
    assert administrator.ask(action="halt", instrument_id=7) == {"ok": False, "error": "there is no instrument 7"}
    answer = administrator.ask(action="status", section="portfolios")
    assert answer == {
        "ok": True,
        "rows": [
            {"id": 1, "state": "locked", "open_orders": 0, "max_open_orders": 200_000},
            {"id": 2, "state": "open", "open_orders": 0, "max_open_orders": 200_000},
        ],
    }


def test_requests_may_come_in_pieces_and_several_at_once(administrator: Administrator, bench: ShellBench) -> None:
    request = b'{"action": "halt", "instrument_id": 1}\n'
    for at in range(len(request)):
        administrator.send(request[at : at + 1])
        bench.turns(2)
    administrator.send(request + request)
    assert [administrator.line()["text"] for _ in range(3)] == [
        "instrument 1 is halted",
        "instrument 1 was halted already",
        "instrument 1 was halted already",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"", "Input data was truncated"),
        (b"halt 1", "JSON is malformed: invalid character (byte 0)"),
        (b"\xff\xfe", "JSON is malformed: invalid character (byte 0)"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `action`"),
        (b'{"action": "explode"}', "Invalid value 'explode' - at `$.action`"),
        (b'{"action": "halt"}', "Object missing required field `instrument_id`"),
        (b'{"action": "halt", "instrument_id": 0}', "Expected `int` >= 1 - at `$.instrument_id`"),
        (b'{"action": "halt", "instrument_id": "1"}', "Expected `int`, got `str` - at `$.instrument_id`"),
        (b'{"action": "halt", "instrument_id": 1, "now": 5}', "Object contains unknown field `now`"),
        (b'{"action": "status", "section": "secrets"}', "Invalid enum value 'secrets' - at `$.section`"),
        (b'{"action": "status", "section": "sessions", "first": -1}', "Expected `int` >= 0 - at `$.first`"),
    ],
)
def test_nonsense_is_answered_and_forgiven(administrator: Administrator, line: bytes, problem: str) -> None:
    administrator.send(line + b"\n")
    assert administrator.line() == {"ok": False, "error": f"not a request: {problem}"}
    assert administrator.ask(action="resume", instrument_id=1)["ok"]


def test_a_request_that_is_too_long_is_the_last(administrator: Administrator) -> None:
    administrator.send(b" " * (ADMIN_REQUEST_MAX_BYTES + 1))
    assert administrator.line() == {"ok": False, "error": f"a request: wanted at most {ADMIN_REQUEST_MAX_BYTES} bytes"}
    assert administrator.line() is None


def test_a_connection_that_ends_in_the_middle_of_a_request_did_not_ask(
    administrator: Administrator, bench: ShellBench, path: Path
) -> None:
    administrator.send(b'{"action": "halt", "instrument_id": 1}')
    administrator.socket.shutdown(socket.SHUT_WR)
    assert administrator.line() is None
    assert Administrator(bench, path).ask(action="resume", instrument_id=1)["text"] == "instrument 1 was open already"


def test_a_bug_is_logged_and_ends_that_connection_alone(
    administrator: Administrator, bench: ShellBench, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin.status, "page", lambda *_: 1 // 0)
    assert administrator.ask(action="status", section="gateway") is None
    (error,) = bench.events("internal error")
    assert "ZeroDivisionError" in error["traceback"]
    assert Administrator(bench, path).ask(action="halt", instrument_id=1)["ok"]


def test_what_a_control_does_reaches_clients_at_once(administrator: Administrator, bench: ShellBench) -> None:
    maker = bench.logged_on("maker-1")
    maker.raw(maker.order_frame(1))
    assert [message.name for message in bench.read(maker, 1)] == ["NewOrderResponse"]
    assert administrator.ask(action="kill_client", client_id="maker-1")["text"] == "maker-1 ended, 1 order leaves"
    assert [message.name for message in bench.to_the_end(maker)] == ["OrdersCanceled", "LoggedOut"]
    assert bench.causes() == [("maker-1", "ADMIN")]


# Reloading


def test_a_gateway_without_a_file_has_nothing_to_reload(administrator: Administrator) -> None:
    assert administrator.ask(action="reload") == {
        "ok": False,
        "error": "this gateway was started without a configuration file",
    }


def test_a_file_is_put_in_force_or_refused_with_all_that_is_wrong(tmp_path: Path, path: Path) -> None:
    file = tmp_path / "gateway.toml"
    text = CONFIGURATION.format(socket=path)
    file.write_text(text)
    bench = ShellBench(admin.load(file), file)
    administrator = Administrator(bench, path)
    assert administrator.ask(action="reload")["text"] == "the configuration is in force"
    file.write_text(text + "[[portfolio]]\nid = 2\n")
    assert administrator.ask(action="reload")["text"] == "the configuration is in force; portfolios added: 2"
    file.write_text(text.replace("port = 0", "port = -1") + "[[portfolio]]\nid = 1\n")
    assert administrator.ask(action="reload") == {
        "ok": False,
        "error": f"{file}: 2 problems\n  gateway.port: wanted an integer from 0 to 65535, was -1\n"
        "  portfolio[1].id: wanted one that no other has, but portfolio[0] has it, was 1",
    }
    file.write_text(text)
    assert administrator.ask(action="reload")["error"] == (
        "configuration: 1 problem\n  portfolio: portfolio 2 may not be removed while the gateway runs: "
        "keep it; it needs no keys"
    )
    file.unlink()
    assert (
        administrator.ask(action="reload")["error"] == f"{file}: 1 problem\n  cannot be read: No such file or directory"
    )
    bench.close()


# Limits


def test_so_many_administrators_and_no_more_until_one_goes(bench: ShellBench, path: Path) -> None:
    present = [Administrator(bench, path) for _ in range(ADMIN_CONNECTIONS_MAX)]
    for administrator in present:
        assert administrator.ask(action="resume", instrument_id=1)["ok"]
    late = Administrator(bench, path)
    assert late.line() == {"ok": False, "error": f"too many administrators at once: {ADMIN_CONNECTIONS_MAX}"}
    assert late.line() is None
    present[0].socket.close()
    bench.turns(5)
    assert Administrator(bench, path).ask(action="resume", instrument_id=1)["ok"]


def test_an_administrator_who_says_nothing_is_let_go(
    bench: ShellBench, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "ADMIN_IDLE_MOST_S", 0.05)
    silent = Administrator(bench, path)
    assert silent.line() is None
    assert bench.events("internal error") == []


def test_an_administrator_who_does_not_read_is_let_go_and_holds_up_nobody(
    bench: ShellBench, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "ADMIN_IDLE_MOST_S", 0.5)
    stuck = Administrator(bench, path)
    request = b'{"action": "status", "section": "sessions"}\n'
    for _ in range(2_000):
        try:
            stuck.socket.send(request * 20)
        except BlockingIOError:
            bench.turns(1)
        except (BrokenPipeError, ConnectionResetError):
            break
    maker = bench.logged_on("maker-1")
    maker.raw(maker.order_frame(1))
    assert [message.name for message in bench.read(maker, 1)] == ["NewOrderResponse"]
    bench.until(lambda: stuck._read(), "the end of the one who is stuck")
    assert bench.events("internal error") == []
    assert Administrator(bench, path).ask(action="halt", instrument_id=1)["ok"]


def test_administrators_who_are_there_do_not_hold_up_the_end(path: Path) -> None:
    bench = ShellBench(admin_socket=str(path))
    administrator = Administrator(bench, path)
    assert administrator.ask(action="halt", instrument_id=1)["ok"]
    bench.close()
    assert administrator._read()
    assert not path.exists()
