"""Golden frames (tests/vectors): laid out by the protocol page's tables of offsets, not by our schema or encoders."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from codec import layout, messages, wire
from codec.values import CLIENT, SERVER, Decimal72, Header, Message

VECTORS = Path(__file__).parent.parent / "vectors"
FRAMES = [
    vector
    for name in ("published", "extensions")
    for vector in json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
]
CHECKS = json.loads((VECTORS / "checks.json").read_text(encoding="utf-8"))

both_codecs = pytest.mark.parametrize("codec", [wire, messages], ids=["hot", "reference"])
every_frame = pytest.mark.parametrize("vector", FRAMES, ids=[vector["meaning"] for vector in FRAMES])


def frame_of(vector: dict[str, Any]) -> bytes:
    return bytes.fromhex("".join(hexadecimal for _, hexadecimal in vector["bytes"]))


def fields_of(fields: dict[str, Any]) -> dict[str, Any]:
    """JSON to the codecs' values: [mantissa, exponent], lists of entries, and the frame of a DropCopyEvent in hex."""

    def value(name: str, one: Any) -> Any:
        if isinstance(one, list) and one and isinstance(one[0], dict):
            return [fields_of(entry) for entry in one]
        if isinstance(one, list):
            return Decimal72(*one)
        return bytes.fromhex(one) if name == "frame" else one

    return {name: value(name, one) for name, one in fields.items()}


def test_every_message_has_a_golden_frame() -> None:
    assert {vector["name"] for vector in FRAMES} == {message.name for message in layout.MESSAGES}


@both_codecs
@every_frame
def test_a_golden_frame_is_decoded(codec: ModuleType, vector: dict[str, Any]) -> None:
    expected = Message(Header(**vector["header"]), vector["name"], fields_of(vector["fields"]))
    assert codec.decode(frame_of(vector)) == expected
    assert codec.decode(frame_of(vector), version=vector["root_version"]) == expected


@both_codecs
@every_frame
def test_a_golden_frame_is_encoded(codec: ModuleType, vector: dict[str, Any]) -> None:
    header = vector["header"]
    frame = codec.encode(
        vector["name"],
        fields_of(vector["fields"]),
        sequence_number=header["sequence_number"],
        last_processed_seq_no=header["last_processed_seq_no"],
        send_time_ns=header["send_time_ns"],
        version=header["version"],
        flags=header["flags"],
        padded=header["message_length"] % 8 == 0,
        root_version=vector["root_version"],
    )
    assert frame.hex() == frame_of(vector).hex()


@both_codecs
@every_frame
def test_a_golden_frame_passes_the_checks_of_its_session(codec: ModuleType, vector: dict[str, Any]) -> None:
    message = next(message for message in layout.MESSAGES if message.name == vector["name"])
    direction = CLIENT if message.from_client else SERVER
    assert codec.check(frame_of(vector), version=vector["root_version"], direction=direction) is None


@both_codecs
@pytest.mark.parametrize("vector", CHECKS, ids=[vector["meaning"] for vector in CHECKS])
def test_a_frame_is_judged(codec: ModuleType, vector: dict[str, Any]) -> None:
    direction = CLIENT if vector["direction"] == "client" else SERVER
    problem = codec.check(frame_of(vector), version=vector["version"], direction=direction)
    found = problem and {"reject_reason": problem.reject_reason, "offset": problem.offset, "field": problem.field}
    assert found == vector["problem"]
