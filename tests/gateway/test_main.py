"""gateway/__main__.py: what each command prints, where, and its exit code."""

import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from support.configuration import write_configuration
from support.processes import Gateway

from gateway import __version__
from gateway.__main__ import COMMANDS, GROUPS, main
from gateway.config import development, load
from gateway.credentials import KeyRing

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text("[[portfolio]]\nid = 1\n")
    return file


def _usage_error(arguments: list[str], capsys: Captured) -> str:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    out, err = capsys.readouterr()
    assert (raised.value.code, out) == (2, "")
    return err.splitlines()[-1]


def test_a_key_that_is_added_is_printed_once_with_its_secret_and_listed_without(file: Path, capsys: Captured) -> None:
    assert main(["keys", "add", "--config", str(file), "maker-1", "--portfolio", "1"]) == 0
    added = capsys.readouterr()
    assert main(["keys", "add", "--config", str(file), "watch-1", "--portfolio", "1", "--role", "drop_copy"]) == 0
    capsys.readouterr()
    assert main(["keys", "list", "--config", str(file)]) == 0
    listed = capsys.readouterr()

    match = re.fullmatch(r"key client_id=maker-1 secret=(\S+)\n", added.out)
    assert match is not None
    assert KeyRing(load(file).api_keys).verify(b"maker-1", match[1].encode()) == 0
    assert (
        listed.out
        == "key client_id=maker-1 portfolio=1 role=trader\nkey client_id=watch-1 portfolio=1 role=drop_copy\n"
    )
    assert (added.err, listed.err) == ("", "")


def test_a_key_that_is_refused_ends_with_2_and_the_reason_on_stderr(file: Path, capsys: Captured) -> None:
    assert main(["keys", "add", "--config", str(file), "maker-1", "--portfolio", "2"]) == 2

    assert capsys.readouterr() == ("", f"breakwire: portfolio: wanted one of those in {file}, [1], was 2\n")


@pytest.mark.parametrize("command", [["serve"], ["keys", "list"]])
def test_a_bad_configuration_ends_with_2_and_all_its_problems_on_stderr(
    file: Path, capsys: Captured, command: list[str]
) -> None:
    file.write_text("[gateway]\nport = -1\nprt = 2\n")

    assert main([*command, "--config", str(file)]) == 2

    assert capsys.readouterr() == (
        "",
        f"breakwire: {file}: 2 problems\n"
        "  gateway.prt: there is no such setting (did you mean port?)\n"
        "  gateway.port: wanted an integer from 0 to 65535, was -1\n",
    )


def test_a_gateway_without_a_configuration_prints_the_key_of_each_of_its_clients_before_it_serves() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # somebody else has the port: as good, it is to be taken
            taken.bind(("127.0.0.1", 4210))
            taken.listen()
        done = subprocess.run([sys.executable, "-m", "gateway", "serve"], capture_output=True, text=True, check=False)

    keys = [re.fullmatch(r"key client_id=(\S{1,16}) secret=([0-9a-f]{40})", line) for line in done.stdout.splitlines()]
    assert [key and key[1] for key in keys] == [key.client_id for key in development()[0].api_keys]
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "breakwire: cannot listen on 127.0.0.1 port 4210: Address already in use",
    )


def test_a_gateway_serves_its_configuration_until_it_is_told_to_stop(tmp_path: Path) -> None:
    gateway = Gateway(write_configuration(tmp_path / "gateway.toml", name="gw-of-this-test"))

    with socket.create_connection((gateway.host, gateway.port)):
        status = gateway.terminate()

    assert gateway.process.stdout is not None
    assert (status, gateway.process.stdout.read()) == (0, b"")
    assert (gateway.log[0]["event"], gateway.log[0]["name"]) == ("listening", "gw-of-this-test")
    gateway.close()


def test_a_command_line_that_cannot_be_read_ends_with_2_and_says_why(capsys: Captured) -> None:
    said = [
        _usage_error(arguments, capsys)
        for arguments in (
            [],
            ["sevre"],
            ["keys"],
            ["keys", "list"],
            ["serve", "--conf", "x"],
            ["keys", "add", "--config", "x", "maker-1", "--portfolio", "one"],
            ["keys", "add", "--config", "x", "maker-1", "--portfolio", "1", "--role", "admin"],
        )
    ]

    assert said[0] == "breakwire: error: the following arguments are required: COMMAND"
    assert said[1].startswith("breakwire: error: argument COMMAND: invalid choice: 'sevre'")
    assert said[2] == "breakwire keys: error: the following arguments are required: COMMAND"
    assert said[3] == "breakwire keys list: error: the following arguments are required: --config"
    assert said[4] == "breakwire: error: unrecognized arguments: --conf x"
    assert said[5] == "breakwire keys add: error: argument --portfolio: invalid int value: 'one'"
    assert said[6].startswith("breakwire keys add: error: argument --role: invalid choice: 'admin'")


def test_every_command_has_help_that_names_its_arguments(capsys: Captured) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as raised:
            main([*command.words.split(), "--help"])
        text = capsys.readouterr().out
        assert raised.value.code == 0
        assert text.startswith(f"usage: breakwire {command.words} ")
        assert all(argument.options.get("metavar", argument.names[0]) in text for argument in command.arguments)


def test_every_group_of_commands_has_a_line_of_help() -> None:
    assert {command.words.rpartition(" ")[0] for command in COMMANDS} - {""} == GROUPS.keys()


def test_the_module_runs_as_the_command_and_tells_its_version() -> None:
    done = subprocess.run([sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, f"breakwire {__version__}\n", "")


def test_a_command_whose_output_nobody_reads_ends_without_a_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "wb") as nobody:
        command = [sys.executable, "-m", "gateway", "cod-check", "--list"]
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_pattern_that_names_no_scenario_is_an_error_of_the_list_too(capsys: Captured) -> None:
    assert main(["cod-check", "--list", "--only", "nothing-like-it"]) == 2
    assert capsys.readouterr() == (
        "", "breakwire: --only: wanted a name, cause or state of a scenario, was nothing-like-it\n"
    )  # fmt: skip


def test_a_file_without_scenarios_is_an_error(tmp_path: Path, capsys: Captured) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()
    assert main(["cod-check", "--list", "--scenario", str(empty)]) == 2
    assert capsys.readouterr() == ("", f"breakwire: --scenario: wanted scenarios, but there are none in {empty}\n")
