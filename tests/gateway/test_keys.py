"""gateway/keys.py: a key is added to the file as text, in one step, and only if the file still loads."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import ApiKey, load
from gateway.credentials import KeyRing
from gateway.errors import ConfigError, KeyFileError
from gateway.keys import add_key, list_keys

TEXT = """# ours
[gateway]
port = 0   # any

[[portfolio]]
id = 1

[[portfolio]]
id = 20

[[api_key]]  # by hand
client_id = "maker-1"
portfolio = 1
secret = "plain"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.toml"
    file.write_text(TEXT)
    return file


def test_a_new_key_is_appended_and_everything_before_it_stays_as_it_was(file: Path) -> None:
    secret = add_key(file, "watcher-1", 20, "drop_copy")

    added = load(file).api_keys[1]
    assert added == ApiKey(client_id="watcher-1", portfolio=20, role="drop_copy", secret_hash=added.secret_hash)
    assert file.read_text() == TEXT + (
        '\n[[api_key]]\nclient_id = "watcher-1"\nportfolio = 20\nrole = "drop_copy"\n'
        f'secret_hash = "{added.secret_hash}"\n'
    )
    assert KeyRing(load(file).api_keys).verify(b"watcher-1", secret.encode()) == 1


def test_the_secret_itself_is_not_in_the_file(file: Path) -> None:
    assert add_key(file, "taker-1", 1) not in file.read_text()


def test_a_file_without_a_line_end_at_its_end_gets_one(file: Path) -> None:
    file.write_text(TEXT.rstrip("\n"))

    add_key(file, "taker-1", 1)

    assert [key.client_id for key in list_keys(file)] == ["maker-1", "taker-1"]


def test_a_client_id_with_quotes_and_backslashes_stays_what_it_is(file: Path) -> None:
    add_key(file, 'a"b\\n', 1)

    assert list_keys(file)[1].client_id == 'a"b\\n'


def test_the_file_keeps_its_mode_and_no_other_file_is_left(file: Path) -> None:
    file.chmod(0o640)

    add_key(file, "taker-1", 1)

    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_the_file_is_replaced_in_one_step_so_that_who_has_it_open_reads_the_old_one_whole(file: Path) -> None:
    with file.open() as reader:
        first = reader.read(10)
        add_key(file, "taker-1", 1)
        assert first + reader.read() == TEXT


def test_a_symbolic_link_stays_one(file: Path) -> None:
    link = file.parent / "link.toml"
    link.symlink_to(file)

    add_key(link, "taker-1", 1)

    assert link.is_symlink()
    assert [key.client_id for key in list_keys(file)] == ["maker-1", "taker-1"]


@pytest.mark.parametrize(
    ("client_id", "portfolio", "message"),
    [
        ("maker-1", 1, r'client id: wanted a new one, but .*gateway\.toml has a key "maker-1"'),
        ("taker-1", 3, r"portfolio: wanted one of those in .*gateway\.toml, \[1, 20\], was 3"),
        ("", 1, 'client id: wanted 1 to 16 ASCII characters without spaces .*, was ""'),
        ("seventeen-letters", 1, "client id: wanted 1 to 16 ASCII characters"),
        ("two words", 1, "client id: wanted 1 to 16 ASCII characters"),
    ],
)
def test_a_key_that_cannot_be_is_refused_and_the_file_untouched(
    file: Path, client_id: str, portfolio: int, message: str
) -> None:
    with pytest.raises(KeyFileError, match=message):
        add_key(file, client_id, portfolio)

    assert (file.read_text(), list(file.parent.iterdir())) == (TEXT, [file])


@pytest.mark.parametrize(
    "text", ["[gateway]\nport = -1\n[[portfolio]]\nid = 1\n", "api_key = []\n[[portfolio]]\nid = 1\n"]
)
def test_a_file_that_would_not_load_with_the_key_is_untouched(file: Path, text: str) -> None:
    file.write_text(text)

    with pytest.raises(ConfigError):
        add_key(file, "taker-1", 1)

    assert (file.read_text(), list(file.parent.iterdir())) == (text, [file])


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: 1 problem\n  cannot be read: No such file"):
        add_key(tmp_path / "nowhere.toml", "taker-1", 1)
    with pytest.raises(KeyFileError, match=r"gateway\.toml: no key added: No such file"):
        add_key(tmp_path / "nowhere" / "gateway.toml", "taker-1", 1)


def test_several_writers_at_once_lose_no_key(file: Path) -> None:
    code = "import sys; from gateway.keys import add_key; add_key(sys.argv[1], sys.argv[2], 1)"
    writers = [subprocess.Popen([sys.executable, "-c", code, str(file), f"maker-{number}"]) for number in range(10, 16)]

    assert [writer.wait() for writer in writers] == [0] * 6
    assert {key.client_id for key in list_keys(file)} == {"maker-1", *(f"maker-{number}" for number in range(10, 16))}
