"""What the README shows is run as it stands there."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from msgspec import structs
from support.configuration import secret_of, write_configuration
from support.processes import DEADLINE_S, Gateway

from gateway.config import Config

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_example_of_the_client_library_prints_what_the_readme_says(tmp_path: Path) -> None:
    section = README.split("\n## The client library\n")[1].split("\n## ")[0]
    code, printed = re.findall(r"```(?:python)?\n(.*?)```\n", section, re.DOTALL)[:2]
    example = tmp_path / "hello.py"
    example.write_text(code)
    gateway = Gateway(write_configuration(tmp_path / "gateway.toml", traders=["trader-1"]))
    try:
        done = subprocess.run(
            [sys.executable, str(example), str(gateway.port), secret_of("trader-1")],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    finally:
        gateway.close()
    assert (done.returncode, done.stderr, done.stdout) == (0, "", printed)


def test_the_table_of_settings_has_each_with_its_default() -> None:
    table = README.split("\n| `[gateway]` | Default | Meaning |\n")[1].split("\n\n")[0]
    told: dict[str, object] = {}
    for row in table.splitlines()[1:]:
        names, defaults = (re.findall(r"`([^`]+)`", cell) for cell in row.split("|")[1:3])
        told |= {name: tomllib.loads(f"it = {default}")["it"] for name, default in zip(names, defaults, strict=True)}
    assert told == structs.asdict(Config().gateway)
