"""The compiled half of the build: the list of extensions, the compiler directives, and three switches.

Switches are environment variables, so that `pip install` can carry them:

    BREAKWIRE_ANNOTATE=1   Cython's annotated HTML beside each .pyx
    BREAKWIRE_DEBUG=1      assertions and counters compiled in, -O1 -g
    BREAKWIRE_SANITIZE=1   address and undefined-behaviour sanitizers
"""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

MODULES = (
    "codec.checks",
    "codec.tables",
    "codec.wire",
    "gateway.alarm",
    "gateway.amend",
    "gateway.book",
    "gateway.bump_queue",
    "gateway.bump_release",
    "gateway.cancel_all_after",
    "gateway.connection",
    "gateway.cover",
    "gateway.day_orders",
    "gateway.dead_ahead",
    "gateway.dispatch",
    "gateway.engine",
    "gateway.fences",
    "gateway.fill_or_kill",
    "gateway.invariants",
    "gateway.mass_cancel",
    "gateway.mass_quotes",
    "gateway.mmp",
    "gateway.mmp_invariants",
    "gateway.mmp_probe",
    "gateway.mmp_reports",
    "gateway.open_orders",
    "gateway.order_checks",
    "gateway.orders",
    "gateway.probe",
    "gateway.quotes",
    "gateway.rate_limit",
    "gateway.receipt",
    "gateway.registry",
    "gateway.releases",
    "gateway.session",
    "gateway.session_options",
    "gateway.speed_bump",
    "gateway.stream",
    "gateway.venue",
)

ANNOTATE = os.environ.get("BREAKWIRE_ANNOTATE") == "1"
DEBUG = os.environ.get("BREAKWIRE_DEBUG") == "1"
SANITIZE = os.environ.get("BREAKWIRE_SANITIZE") == "1"

DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "nonecheck": False,  # its check needs the interpreter's lock, which the core runs without
    "embedsignature": True,
}

compile_args = ["-O1", "-g", "-DBREAKWIRE_DEBUG=1"] if DEBUG else ["-O3", "-DBREAKWIRE_DEBUG=0"]
compile_args += ["-Wno-unused-function", "-fno-strict-aliasing"]
link_args = []
if SANITIZE:
    compile_args += ["-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    link_args += ["-fsanitize=address,undefined"]

sources = [*Path("codec").glob("*.pyx"), *Path("gateway").glob("*.pyx")]
unlisted = {".".join(source.with_suffix("").parts) for source in sources} - {*MODULES}
if unlisted:
    raise SystemExit(f"setup.py: not in MODULES: {', '.join(sorted(unlisted))}")

EXTENSIONS = [
    Extension(
        module,
        [f"{module.replace('.', '/')}.pyx"],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
    )
    for module in MODULES
]

setup(
    ext_modules=cythonize(
        EXTENSIONS,
        compiler_directives=DIRECTIVES,
        annotate=ANNOTATE,
        # A change of switch must rebuild everything: the C files do not know which one made them.
        force=ANNOTATE or DEBUG or SANITIZE,
    )
)
