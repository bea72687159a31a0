"""gateway/log.py: one JSON object a line, no secret in it, and nobody waits for its reader."""

import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.config import parse
from gateway.limits import LOG_LINE_MAX_BYTES
from gateway.log import Log, log


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for descriptor in (reader, writer):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test closed it


def _lines(reader: int) -> list[dict[str, Any]]:
    data = os.read(reader, 1 << 20)
    assert data.endswith(b"\n")
    return [json.loads(line) for line in data.decode().splitlines()]


def _fields(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "time"}


def test_each_call_writes_one_json_object_with_its_level_event_and_fields(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = Log(writer)

    out.info("listening", host="127.0.0.1", port=4210)
    out.warning("slow_consumer", client_id="maker-1")
    out.error("journal", error=OSError(28, "No space left on device"))

    assert [_fields(line) for line in _lines(reader)] == [
        {"level": "info", "event": "listening", "host": "127.0.0.1", "port": 4210},
        {"level": "warning", "event": "slow_consumer", "client_id": "maker-1"},
        {"level": "error", "event": "journal", "error": "[Errno 28] No space left on device"},
    ]


def test_a_line_begins_with_its_time_in_utc_to_the_nanosecond(pipe: tuple[int, int]) -> None:
    reader, writer = pipe

    before = time.time_ns()
    Log(writer).info("started")
    after = time.time_ns()

    ((key, value), *_) = _lines(reader)[0].items()
    assert key == "time"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", value) is not None
    seconds = int(time.mktime(time.strptime(value[:19], "%Y-%m-%dT%H:%M:%S"))) - time.timezone
    assert before <= seconds * 1_000_000_000 + int(value[20:29]) <= after


def test_the_gateway_s_log_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    log.info("started")

    out, err = capfd.readouterr()
    assert (out, _fields(json.loads(err))) == ("", {"level": "info", "event": "started"})


def test_a_field_that_speaks_of_a_secret_is_masked_however_deep_it_lies(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    config = parse('[[portfolio]]\nid = 1\n[[api_key]]\nclient_id = "a"\nportfolio = 1\nsecret = "hush"\n')

    Log(writer).info("x", secret="hush", old_Password=["hush"], nested=[{"api_secret": {"a": "hush"}}], config=config)

    (line,) = _lines(reader)
    assert (line["secret"], line["old_Password"], line["nested"]) == ("***", "***", [{"api_secret": "***"}])
    assert line["config"]["api_keys"] == [
        {"client_id": "a", "portfolio": 1, "role": "trader", "portfolio_cancel": True, "secret_hash": "***"}
    ]


def test_a_field_cannot_pass_for_the_time_level_or_event(pipe: tuple[int, int]) -> None:
    reader, writer = pipe

    Log(writer).info("x", level="error", event="y", time="never")

    (line,) = _lines(reader)
    assert _fields(line) == {"level": "info", "event": "x"}
    assert line["time"] != "never"


@pytest.mark.parametrize(
    ("value", "logged"),
    [
        ("é", "é"),
        ("\udcff", r"\udcff"),
        ('a"\n', 'a"\n'),
        (2**70, 2**70),
        (float("nan"), None),
        ({1: (2, 3)}, {"1": [2, 3]}),
    ],
)
def test_any_value_can_be_logged(pipe: tuple[int, int], value: object, logged: object) -> None:
    reader, writer = pipe

    Log(writer).info("x", value=value)

    assert _lines(reader)[0]["value"] == logged


def test_a_line_that_would_be_too_long_to_be_written_whole_names_its_fields_instead(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = Log(writer)

    out.info("short", text="x" * (LOG_LINE_MAX_BYTES - 200))
    out.info("long", text="x" * LOG_LINE_MAX_BYTES, also=1)

    short, long = _lines(reader)
    assert short["text"] == "x" * (LOG_LINE_MAX_BYTES - 200)
    assert long.keys() == {"time", "level", "event", "too_long_bytes", "fields"}
    assert (long["event"], long["fields"]) == ("long", ["also", "text"])


def test_a_reader_that_does_not_read_loses_lines_and_learns_how_many(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = Log(writer)
    written = 0
    while not out.lines_dropped:
        out.info("x", text="y" * 1_000)
        written += 1
    for _ in range(4):
        out.info("x", text="y" * 1_000)

    before = _lines(reader)
    out.info("after")
    out.info("last")

    assert len(before) == written - 1
    assert [_fields(line) for line in _lines(reader)] == [
        {"level": "info", "event": "after", "lines_dropped": 5},
        {"level": "info", "event": "last"},
    ]


def test_a_reader_that_is_gone_harms_nobody(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    out = Log(writer)
    os.close(reader)

    out.info("x")
    out.info("x")

    assert out.lines_dropped == 2
