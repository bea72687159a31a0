"""The official SBE tool accepts the schema, and C++ code that it generates reads a golden frame.

Skipped where there is no java, no C++ compiler, or where `.ci/check_schema` has not fetched the tool yet: tests do not
go to the network.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CHECK_SCHEMA = ROOT / ".ci" / "check_schema"
TOOLS = [*(ROOT / ".sbe-tool").glob("sbe-all-*.jar")]

pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="there is no java to run the official SBE tool"),
    pytest.mark.skipif(not TOOLS, reason="the official SBE tool is not here: run .ci/check_schema once to fetch it"),
]


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("sbe")
    done = subprocess.run([CHECK_SCHEMA, into], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return into


@pytest.mark.parametrize("language", ["Java", "Cpp", "Golang", "Rust"])
def test_the_schema_is_accepted_without_warnings(generated: Path, language: str) -> None:
    names = {path.stem.lower().replace("_", "") for path in (generated / language).rglob("*")}
    assert any(name.startswith("cancelondisconnectreceipt") for name in names)


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
def test_a_generated_client_reads_a_golden_frame(generated: Path, tmp_path: Path) -> None:
    program = tmp_path / "sbe_client"
    source = Path(__file__).parent / "sbe_client.cpp"
    subprocess.run(["g++", "-std=c++17", f"-I{generated / 'Cpp'}", source, "-o", program], check=True)
    vectors = json.loads((ROOT / "tests" / "vectors" / "published.json").read_text(encoding="utf-8"))
    (vector,) = [vector for vector in vectors if vector["name"] == "OrdersCanceled"]
    header, fields = vector["header"], vector["fields"]
    frame = "".join(hexadecimal for _, hexadecimal in vector["bytes"])
    expected = [
        [header["message_type_id"], header["message_length"], header["sequence_number"]],
        [fields["timestamp"], fields["exec_id"], fields["flags"]],
    ]
    for order in fields["orders"]:
        ids = [order[name] for name in ("client_order_id", "order_id", "instrument_id")]
        expected.append([*ids, *order["total_filled"], order["cancel_reason"], order["flags"]])
    printed = subprocess.run([program, frame], capture_output=True, text=True, check=True).stdout
    assert [[int(word) for word in line.split()] for line in printed.splitlines()] == expected
