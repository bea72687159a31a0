"""The generated layout: committed files are fresh, a stale one is told of, and the tables say what the schema says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codec import generate, layout
from codec.schema import load, schema_path

CODEC = Path(generate.__file__).parent


def test_the_committed_layout_is_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "codec.generate", "--check"],
        cwd=CODEC.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_stale_layout_is_told_of_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("layout.pxd", "layout.py"):
        shutil.copy(CODEC / name, tmp_path)
    stale = tmp_path / "layout.pxd"
    stale.write_text(stale.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert generate.main(["--check", "--into", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{stale} is stale: run python -m codec.generate\n"
    assert generate.main(["--into", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"wrote {stale}\n"
    assert generate.main(["--check", "--into", str(tmp_path)]) == 0


def test_a_bad_schema_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text("<messageSchema/>", encoding="utf-8")
    assert generate.main(["--schema", str(bad), "--into", str(tmp_path)]) == 1
    assert "/messageSchema: attribute id is missing" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.xml"]


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("clientOrderId", "client_order_id"),
        ("sendTimeNs", "send_time_ns"),
        ("lastProcessedSeqNo", "last_processed_seq_no"),
        ("padding3", "padding3"),
        ("NewOrderRequest", "new_order_request"),
    ],
)
def test_names_keep_the_words_of_the_specification(camel: str, snake: str) -> None:
    assert generate.snake(camel) == snake
    assert generate.constant(camel) == snake.upper()


def test_the_tables_hold_every_field_of_every_message_that_is_sent() -> None:
    schema = load(schema_path())
    expected = [
        (message.id, message.name, [field.name for field in message.fields], [group.name for group in message.groups])
        for message in schema.messages
        if message.name != "DummyMessage"
    ]
    assert [
        (
            one.template_id,
            one.name,
            [field.wire_name for field in one.fields],
            [group.wire_name for group in one.groups],
        )
        for one in layout.MESSAGES
    ] == expected


def test_enums_and_sets_have_the_published_values() -> None:
    assert {one.name: one.value for one in layout.TimeInForce} == {"IOC": -2, "FOK": -1, "GTC": 0}
    assert {one.name: one.value for one in layout.Side} == {"SELL": -1, "BOTH": 0, "BUY": 1}
    assert {one.name: one.value for one in layout.OrderFlags} == {
        "CANCEL_ON_DISCONNECT": 1,
        "POST_ONLY": 2,
        "POST_ONLY_REJECT": 4,
        "MARKET_LIMIT": 8,
        "MMP": 16,
        "RESET_MMP": 32,
    }
    assert layout.CancelReason.CLIENT_DISCONNECT == 7
    assert [one.name for one in layout.Cause] == [
        *("TCP_CLOSED", "TCP_RESET", "HEARTBEAT_MISSED", "LOGOUT", "DISPLACED", "PROTOCOL_VIOLATION", "SLOW_CONSUMER"),
        *("DEAD_MAN_EXPIRED", "GATEWAY_SHUTDOWN", "GATEWAY_RESTARTED", "GATEWAY_LOST", "ADMIN"),
    ]


def test_a_field_of_a_plain_type_of_the_schema_carries_its_name() -> None:
    named: dict[str, set[str]] = {}
    for message in layout.MESSAGES:
        for field in (*message.fields, *(one for group in message.groups for one in group.fields)):
            named.setdefault(field.type_name, set()).add(field.name)
    assert {name: sorted(fields) for name, fields in named.items() if name} == {
        "ClientId": ["client_id", "origin_client_id"],
        "Padding3": ["padding3"],
        "Secret": ["secret"],
        "TimeInForceOrDays": ["time_in_force"],
        "Timestamp": sorted(
            (
                *("timestamp", "receive_time", "frozen_until", "frozen_until_time", "current_time", "trigger_time"),
                *("last_heard_time", "detected_time", "fenced_time", "completed_time"),
            )
        ),
    }
