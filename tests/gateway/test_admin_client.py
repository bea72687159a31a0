"""`breakwire admin`, this end of it: which socket is meant, what is asked, and what is made of the answers."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import admin_client
from gateway.__main__ import COMMANDS, main
from gateway.admin_client import AdminClient, text_of
from gateway.admin_protocol import STATUS_SECTIONS
from gateway.errors import ControlError

Captured = pytest.CaptureFixture[str]


class FakeGateway(threading.Thread):
    """Answers each request on one connection with the next of these lines, and keeps what it was asked."""

    def __init__(self, path: Path, answers: list[bytes]) -> None:
        super().__init__(daemon=True)
        self.asked: list[dict[str, object]] = []
        self._answers = answers
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self.start()

    def run(self) -> None:
        connection, _ = self._socket.accept()
        with self._socket, connection, connection.makefile("rb") as requests:
            for answer in self._answers:
                self.asked.append(json.loads(requests.readline()))
                connection.sendall(answer)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@pytest.fixture
def gateway(path: Path) -> Iterator[FakeGateway]:
    gateway = FakeGateway(path, [b'{"ok":true,"text":"done"}\n'])
    yield gateway
    gateway.join()


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        (["halt", "1"], {"action": "halt", "instrument_id": 1}),
        (["resume", "1"], {"action": "resume", "instrument_id": 1}),
        (["deactivate", "1"], {"action": "deactivate", "instrument_id": 1}),
        (["lock", "2"], {"action": "lock", "portfolio_id": 2}),
        (["unlock", "2"], {"action": "unlock", "portfolio_id": 2}),
        (["kill-portfolio", "2"], {"action": "kill_portfolio", "portfolio_id": 2}),
        (["kill-client", "maker-1"], {"action": "kill_client", "client_id": "maker-1"}),
        (["revoke", "maker-1"], {"action": "revoke", "client_id": "maker-1"}),
        (["settle"], {"action": "settle"}),
        (["reload"], {"action": "reload"}),
    ],
)
def test_each_command_is_one_request_and_prints_its_answer(
    words: list[str], request_: dict[str, object], path: Path, gateway: FakeGateway, capsys: Captured
) -> None:
    assert main(["admin", words[0], "--socket", str(path), *words[1:]]) == 0
    assert capsys.readouterr() == ("done\n", "")
    assert gateway.asked == [request_]


def test_every_action_has_its_command() -> None:
    from gateway.admin import Reload, Status
    from gateway.venue_controls import Control

    tags = {request.__struct_config__.tag for request in (*Control.__args__, Reload, Status)}
    commands = {command.words.removeprefix("admin ") for command in COMMANDS if command.words.startswith("admin ")}
    assert {str(tag).replace("_", "-") for tag in tags} == commands


def test_the_socket_is_found_by_the_configuration_of_the_gateway(
    path: Path, gateway: FakeGateway, tmp_path: Path, capsys: Captured
) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(f'[gateway]\ndata_dir = "{path.parent}"\n')
    assert main(["admin", "reload", "--config", str(file)]) == 0
    assert capsys.readouterr() == ("done\n", "")
    assert gateway.asked == [{"action": "reload"}]


def failure(capsys: Captured, *words: str) -> str:
    assert main(["admin", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err.removeprefix("breakwire: ").removesuffix("\n")


def test_one_socket_must_be_meant_and_be_there(tmp_path: Path, path: Path, capsys: Captured) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text('[gateway]\ndata_dir = ""\n')
    wanted = "wanted one of --config FILE and --socket PATH"
    assert failure(capsys, "reload") == wanted
    assert failure(capsys, "reload", "--config", str(file), "--socket", str(path)) == wanted
    assert failure(capsys, "reload", "--config", str(file)) == (
        f"{file}: no admin socket, since neither admin_socket nor data_dir is set"
    )
    missing = f"{path}: no gateway to speak to: No such file or directory"
    assert failure(capsys, "reload", "--socket", str(path)) == missing


def test_what_the_gateway_refuses_is_told_as_it_says_it(path: Path, capsys: Captured) -> None:
    FakeGateway(path, [b'{"ok":false,"error":"there is no portfolio 9"}\n'])
    assert failure(capsys, "lock", "--socket", str(path), "9") == "there is no portfolio 9"


@pytest.mark.parametrize("answer", [b"", b'{"ok":true'])
def test_a_gateway_that_ends_the_connection_is_told(path: Path, answer: bytes) -> None:
    FakeGateway(path, [answer])
    with AdminClient(path) as client, pytest.raises(ControlError) as raised:
        client.ask("reload")
    assert str(raised.value) == f"{path}: the gateway ended the connection without an answer"


def test_a_gateway_that_does_not_answer_is_not_waited_for_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_client, "ADMIN_ANSWER_MOST_S", 0.05)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with AdminClient(path) as client, pytest.raises(ControlError) as raised:
            client.ask("reload")
    assert str(raised.value) == f"{path}: no answer within 0.05 s"


def test_the_pages_of_the_status_are_put_together(path: Path) -> None:
    empty = b'{"ok":true,"rows":[]}\n'
    pages = [b'{"ok":true,"rows":[{"id":1},{"id":2}],"following":2}\n', b'{"ok":true,"rows":[{"id":3}]}\n']
    before = STATUS_SECTIONS.index("portfolios")
    gateway = FakeGateway(path, [*[empty] * before, *pages, *[empty] * (len(STATUS_SECTIONS) - before - 1)])
    with AdminClient(path) as client:
        found = client.status()
    assert found == {section: [] for section in STATUS_SECTIONS} | {"portfolios": [{"id": 1}, {"id": 2}, {"id": 3}]}
    assert [(request["section"], request["first"]) for request in gateway.asked][before : before + 2] == [
        ("portfolios", 0),
        ("portfolios", 2),
    ]


def test_the_status_for_people_is_lines_and_tables() -> None:
    status = {
        "gateway": [{"name": "gw-a", "shutting_down": False}],
        "portfolios": [{"id": 1, "state": "open"}, {"id": 22, "state": "locked"}],
        "sessions": [{"client_id": "maker-1", "newcomer": True, "silent_ms": None}],
        "endings": [],
    }
    assert text_of(status) == (
        "name           gw-a\n"
        "shutting_down  no\n"
        "\n"
        "portfolios\n"
        "id  state\n"
        "1   open\n"
        "22  locked\n"
        "\n"
        "sessions\n"
        "client_id  newcomer  silent_ms\n"
        "maker-1    yes       -"
    )
