"""What the README shows is run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from support.configuration import secret_of, write_configuration
from support.processes import DEADLINE_S, Gateway

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
