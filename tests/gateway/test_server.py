"""What the process sets up around the loop."""

import resource
import subprocess
import sys

import pytest
from support.shell_bench import ShellBench

from gateway.limits import DESCRIPTORS_RESERVED, PENDING_LOGONS_LEAST, PENDING_LOGONS_MAX
from gateway.server import pending_logons_max

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


@pytest.mark.parametrize(
    ("descriptors", "api_keys", "pending"),
    [
        (1_048_576, 16_384, PENDING_LOGONS_MAX),
        (1_024, 500, 1_024 - 500 - DESCRIPTORS_RESERVED),
        (1_024, 1_000, PENDING_LOGONS_LEAST),
        (64, 1, PENDING_LOGONS_LEAST),
    ],
)
def test_connections_without_a_logon_leave_every_key_a_descriptor(
    descriptors: int, api_keys: int, pending: int
) -> None:
    assert pending_logons_max(descriptors, api_keys) == pending


def test_a_flood_that_takes_every_descriptor_it_may_have_keeps_no_key_out() -> None:
    most, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Only while the gateway reads it: this process holds both ends of every connection.
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    bench = ShellBench()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        flood = [bench.connect() for _ in range(300)]
        bench.until(lambda: len(bench.server._shell.connections) == pending_logons_max(200, 5), "the flood to be cut")
        assert [frame.name for frame in bench.logged_on("maker-1").read()] == []
        ended = []
        for client in flood:
            client.read()
            ended.append(bool(client.ended))
        # Those that have waited longest went first.
        assert ended == sorted(ended, reverse=True)
    finally:
        bench.close()
