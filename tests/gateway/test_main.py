"""gateway/__main__.py: what each command prints, where, and its exit code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import __version__
from gateway.__main__ import COMMANDS, GROUPS, main
from gateway.config import load
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
