"""What must hold on the hot path: checked in the debug build, and not even evaluated in any other.

A module of its own is built both ways, for a gateway of one build cannot show what the other does.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """
from gateway.must_hold cimport must_hold

cdef int looks = 0

cdef bint is_small(int number) noexcept nogil:
    global looks
    looks += 1
    return number < 10

def count(int number):
    must_hold(b"a number is small", is_small(number))
    return looks
"""
BUILD = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup

debug = sys.argv.pop()
module = Extension("small", ["small.pyx"], define_macros=[("BREAKWIRE_DEBUG", debug)])
setup(ext_modules=cythonize([module], language_level=3, include_path=[{root!r}], quiet=True))
"""


def counted(directory: Path, number: int, *, debug: int) -> subprocess.CompletedProcess[str]:
    """What a module of that build says of how often it looked at that number."""
    pytest.importorskip("Cython", reason="Cython is needed to build a module both ways")
    (directory / "small.pyx").write_text(MODULE)
    (directory / "build.py").write_text(BUILD.format(root=str(ROOT)))
    build = [sys.executable, "build.py", "-q", "build_ext", "--inplace", "--force", str(debug)]
    subprocess.run(build, cwd=directory, check=True, capture_output=True)
    run = [
        sys.executable,
        "-c",
        f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));import small; print(small.count({number}))",
    ]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(run, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_the_debug_build_ends_with_the_sentence_that_does_not_hold(tmp_path: Path) -> None:
    assert counted(tmp_path, 9, debug=1).stdout == "1\n"
    broken = counted(tmp_path, 10, debug=1)
    assert broken.returncode == -signal.SIGABRT
    assert broken.stdout == ""
    assert broken.stderr.startswith("breakwire: does not hold: a number is small (small.c:")


def test_any_other_build_does_not_even_look(tmp_path: Path) -> None:
    assert counted(tmp_path, 10, debug=0).stdout == "0\n"
