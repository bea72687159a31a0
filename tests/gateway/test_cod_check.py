"""The command `breakwire cod-check`: its arguments, its keys files, and what it says of wrong ones in one line."""

import json
import socket
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.cod_check_crew import CheckArgumentError, Crew, Key, Settings, read_crews, read_settings, to_count
from gateway.cod_check_scenario import load

MAKER = 'maker = { client_id = "m", secret = "s-m" }\n'
TAKER = 'taker = { client_id = "t", secret = "s-t" }\n'


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.toml"
    path.write_text(MAKER + TAKER)
    return str(path)


def crews_of(tmp_path: Path, text: str, settings: Settings | None = None) -> list[Crew]:
    path = tmp_path / "keys"
    path.write_text(text)
    return read_crews(str(path), settings or Settings(), 1, None, 7)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(CheckArgumentError) as raised:
        crews_of(tmp_path, text)
    return str(raised.value).removeprefix(f"{tmp_path / 'keys'}: ")


# Keys


def test_one_crew_of_two_keys(tmp_path: Path) -> None:
    assert crews_of(tmp_path, MAKER + TAKER) == [
        Crew(
            maker=Key(client_id="m", secret="s-m"),
            taker=Key(client_id="t", secret="s-t"),
            second=None,
            drop_copy=None,
            instrument=1,
            bumped_instrument=None,
            mmp_group=7,
        )
    ]


def test_several_crews_with_instruments_of_their_own(tmp_path: Path) -> None:
    second = 'second = { client_id = "n", secret = "s-n" }\n'
    own = "instrument = 3\nbumped_instrument = 4\nmmp_group = 0\n"
    others = (MAKER + TAKER).replace('client_id = "', 'client_id = "other-')
    first, other = crews_of(tmp_path, f"[[crew]]\n{MAKER}{TAKER}{second}[[crew]]\n{own}{others}")
    assert (first.instrument, first.bumped_instrument, first.mmp_group) == (1, None, 7)
    assert first.second == Key(client_id="n", secret="s-n")
    assert (other.instrument, other.bumped_instrument, other.mmp_group, other.second) == (3, 4, None, None)


def test_the_lines_that_serve_prints(tmp_path: Path) -> None:
    names = ["trader-1", "trader-2", "drop-copy-1", "trader-3", "drop-copy-2"]
    text = "".join(f"key client_id={name} secret=s-{name}\n" for name in names)
    (crew,) = crews_of(tmp_path, text)
    got = {part: key.client_id for part in ("maker", "second", "taker", "drop_copy") if (key := crew.key(part))}
    assert got == {"maker": "trader-1", "second": "trader-2", "taker": "trader-3", "drop_copy": "drop-copy-1"}
    (crew,) = crews_of(tmp_path, text, Settings(maker="trader-2", second="none"))
    assert (crew.maker.client_id, crew.second) == ("trader-2", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("maker", "not TOML: Expected '=' after a key in a key/value pair (at end of document)"),
        (
            "",
            "maker: wanted a key with client_id and secret, but there is none; "
            "taker: wanted a key with client_id and secret, but there is none",
        ),
        (f"{MAKER}{TAKER}instrumnt = 2", "keys.instrumnt: there is no such setting (did you mean instrument?)"),
        (
            TAKER + 'maker = { client_id = "m" }',
            "maker.secret: wanted 1 to 48 ASCII characters without spaces (Logon's secret), but there is no such key",
        ),
        (
            TAKER + 'maker = { client_id = "m", secret = "two words" }',
            "maker.secret: wanted 1 to 48 ASCII characters without spaces (Logon's secret), "
            "was a string of 9 characters",
        ),
        (
            MAKER + TAKER + "bumped_instrument = 1",
            "instrument: wanted an instrument of its own for each crew and book, was 1",
        ),
        (MAKER + MAKER.replace("maker", "taker"), 'client_id: wanted a key of its own for each part, was "m"'),
        ("crew = 1", "crew: wanted an array of tables, [[crew]], was 1"),
        ("crew = [1]", "crew[0]: wanted a table, was 1"),
    ],
)
def test_keys_files_that_cannot_be_used(tmp_path: Path, text: str, expected: str) -> None:
    assert refusal(tmp_path, text) == expected


# Settings


def test_settings_by_name() -> None:
    read = read_settings(["grace_ms=250", "mode=order", "silence_factor=1.5", "drop_copy=watch-1"])
    assert read == Settings(grace_ms=250, mode="order", silence_factor=1.5, drop_copy="watch-1")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["grace_ms"], '--set: wanted NAME=VALUE, was "grace_ms"'),
        (["grace=1"], "--set.grace: there is no such setting (did you mean grace_ms?)"),
        (["mode=both"], '--set.mode: wanted "always" or "order" or "session", was "both"'),
        (
            ["within_ms=0", "grace_ms=x"],
            "--set.within_ms: wanted an integer from 1 to 86400000, was 0; "
            '--set.grace_ms: wanted an integer from 0 to 86400000, was "x"',
        ),
    ],
)
def test_settings_that_cannot_be_used(words: list[str], expected: str) -> None:
    with pytest.raises(CheckArgumentError) as raised:
        read_settings(words)
    assert str(raised.value) == expected


def test_amounts_are_exact() -> None:
    assert to_count("--tick", "0.000000001") == 1
    for text in ("0", "-1", "1e-10", "one", "inf"):
        with pytest.raises(CheckArgumentError, match="--tick: wanted a decimal above 0"):
            to_count("--tick", text)


# The command


def test_the_list_shows_each_scenario_with_its_promise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cod-check", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(load())
    promise = "An order behind the speed bump is cancelled with the others and never released."
    assert f"{'fin-queued':<34} {promise} [needs speed_bump, no_grace]" in lines


def test_the_list_as_json_chosen_by_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cod-check", "--list", "--json", "--only", "receipt-idle"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "scenario": "receipt-idle",
        "cause": "any",
        "state": "idle",
        "promise": "A session that had nothing open gets a receipt too, with nothing in it.",
        "needs": ["receipts"],
        "observe": ["drop_copy", "resend"],
        "file": "receipts.toml",
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "wanted HOST:PORT, but there is none"),
        (["127.0.0.1:1"], "wanted --keys FILE, but there is none"),
        (["nowhere", "KEYS"], "wanted HOST:PORT with a port from 1 to 65535, was nowhere"),
        (["127.0.0.1:70000", "KEYS"], "wanted HOST:PORT with a port from 1 to 65535, was 127.0.0.1:70000"),
        (["127.0.0.1:1", "--keys=none.toml"], "none.toml: cannot be read: No such file or directory"),
        (["--only=no-*"], "--only: wanted a name, cause or state of a scenario, was no-*"),
        (["--scenario=none.toml"], "none.toml: cannot be read: No such file or directory"),
        (["127.0.0.1:1", "KEYS", "--lot=0"], "--lot: wanted a decimal above 0 with at most 9 places, was 0"),
        (["127.0.0.1:1", "KEYS"], "cannot begin: 127.0.0.1:1: Connection refused"),
    ],
)
def test_bad_arguments_are_told_in_one_line_and_end_with_2(
    keys: str, words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["cod-check", *(f"--keys={keys}" if word == "KEYS" else word for word in words)])
    assert (status, capsys.readouterr()) == (2, ("", f"breakwire: {expected}\n"))


def test_a_gateway_that_never_answers_a_logon_ends_it_with_2(keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        assert main(["cod-check", address, "--keys", keys, "--set", "answer_ms=100"]) == 2
    assert capsys.readouterr().err == ("breakwire: cannot begin: maker could not log on within 100 ms: no LogonConf\n")
