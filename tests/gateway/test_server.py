"""What the process sets up around the loop."""

import subprocess
import sys

SHOW_DESCRIPTORS = """
import os
from gateway.server import occupy_standard_descriptors
occupy_standard_descriptors()
print(*(os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in range(3)), sep="\\n")
"""


def test_closed_standard_descriptors_do_not_become_sockets() -> None:
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- 2>&-', sys.executable, SHOW_DESCRIPTORS]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    stdin, stdout, stderr = shown.splitlines()
    assert (stdin, stderr) == ("/dev/null", "/dev/null")
    assert stdout.startswith("pipe:")
