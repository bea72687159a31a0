"""The rules of Logon, judged before anything is touched."""

import struct

import pytest
from support.core_driver import configuration, secret_of

from codec import messages
from gateway.credentials import KeyRing
from gateway.lifecycle import TEXT_BAD_CREDENTIALS
from gateway.limits import TEXT_MAX_BYTES
from gateway.logon import LogonRequest, Refusal, judge_frame, judge_number, legacy_version
from gateway.session import Session
from gateway.stream import ChunkPool, Stream

KEY_RING = KeyRing(configuration().api_keys)
FIELDS = {"client_id": "maker-2", "secret": secret_of("maker-2"), "reset_seq_num": 1, "schema_version": 17}


def logon(
    *, number: int = 1, version: int = 17, root_version: int = 17, padded: bool = True, **fields: object
) -> bytes:
    return messages.encode(
        "Logon",
        {**FIELDS, **fields},
        sequence_number=number,
        version=version,
        root_version=root_version,
        padded=padded,
    )


def body(content: bytes, version: int = 17) -> bytes:
    """A frame of type 1 with a body of the test's choice."""
    return struct.pack("<BBHHHqqq", 0xDB, 0, 32 + len(content), 1, version, 1, 0, 0) + content


CONTENT = b"maker-2".ljust(16, b"\0") + secret_of("maker-2").encode().ljust(48, b"\0") + b"\1"


def accepted(version: int, *, number: int = 1, reset: bool = True) -> LogonRequest:
    return LogonRequest(slot=1, number=number, reset=reset, version=version, covered=False)


# Form


def test_a_logon_that_is_right_names_its_key_number_and_version() -> None:
    assert judge_frame(logon(number=41), KEY_RING) == accepted(17, number=41)
    assert judge_frame(logon(reset_seq_num=0), KEY_RING) == accepted(17, reset=False)


@pytest.mark.parametrize("padded", [True, False])
@pytest.mark.parametrize(("root_version", "session_version"), [(11, 9), (12, 12), (17, 12)])
def test_every_length_of_the_body_is_accepted_with_and_without_padding(
    root_version: int, session_version: int, padded: bool
) -> None:
    fields = {"schema_version": 12} if root_version >= 12 else {}
    frame = logon(version=9, root_version=root_version, padded=padded, **fields)
    assert len(frame) == (104 if padded else {11: 97, 12: 99, 17: 100}[root_version])
    assert judge_frame(frame, KEY_RING) == accepted(session_version)


def test_up_to_seven_bytes_behind_the_longest_body_are_padding() -> None:
    whole = CONTENT + struct.pack("<HB", 17, 0)
    assert judge_frame(body(whole + bytes(7)), KEY_RING) == accepted(17)
    assert judge_frame(body(whole + bytes(8)), KEY_RING) == Refusal(
        "Logon is malformed: messageLength at offset 2: wanted 97 to 107, was 108"
    )


def test_a_body_that_is_too_short_is_malformed() -> None:
    assert judge_frame(body(CONTENT[:64]), KEY_RING) == Refusal(
        "Logon is malformed: messageLength at offset 2: wanted 97 to 107, was 96"
    )
    assert judge_frame(body(b""), KEY_RING) == Refusal(
        "Logon is malformed: messageLength at offset 2: wanted 97 to 107, was 32"
    )


def test_half_a_schema_version_is_padding() -> None:
    assert judge_frame(body(CONTENT + b"\x11", version=5), KEY_RING) == accepted(5)


def test_flags_other_than_no_and_yes_are_malformed() -> None:
    assert judge_frame(body(CONTENT[:64] + b"\2"), KEY_RING) == Refusal(
        "Logon is malformed: resetSeqNum at offset 96: wanted 0 or 1, was 2"
    )
    assert judge_frame(body(CONTENT + struct.pack("<HB", 13, 2)), KEY_RING) == Refusal(
        "Logon is malformed: cancelOnDisconnect at offset 99: wanted 0 or 1, was 2"
    )


def test_cancel_on_disconnect_counts_only_from_the_version_that_brought_it() -> None:
    assert judge_frame(body(CONTENT + struct.pack("<HB", 12, 2)), KEY_RING) == accepted(12)


def test_anything_but_a_logon_is_refused_by_its_type() -> None:
    heartbeat = messages.encode("Heartbeat", {}, sequence_number=1)
    assert judge_frame(heartbeat, KEY_RING) == Refusal("the first message must be a Logon, was message type 10")


def test_a_header_alone_can_be_judged() -> None:
    header = struct.pack("<BBHHHqqq", 0xDB, 0, 32, 10, 0, 1, 0, 0)
    assert judge_frame(header, KEY_RING) == Refusal("the first message must be a Logon, was message type 10")


# Credentials


def test_an_unknown_key_and_a_wrong_secret_are_answered_alike() -> None:
    answers = [
        judge_frame(logon(client_id="nobody"), KEY_RING),
        judge_frame(logon(secret="wrong"), KEY_RING),
        judge_frame(logon(secret=""), KEY_RING),
        judge_frame(logon(client_id=""), KEY_RING),
        judge_frame(logon(client_id="maker-1"), KEY_RING),
    ]
    assert answers == [Refusal(TEXT_BAD_CREDENTIALS)] * 5


def test_bytes_that_are_not_ascii_are_wrong_credentials() -> None:
    content = b"\xff" * 64 + b"\1"
    assert judge_frame(body(content), KEY_RING) == Refusal(TEXT_BAD_CREDENTIALS)


# Versions


@pytest.mark.parametrize("version", range(1, 18))
def test_every_published_schema_version_is_accepted(version: int) -> None:
    assert judge_frame(logon(schema_version=version), KEY_RING) == accepted(version)


@pytest.mark.parametrize("version", [18, 65_535])
def test_a_later_schema_version_is_refused_naming_the_range(version: int) -> None:
    assert judge_frame(logon(schema_version=version), KEY_RING) == Refusal(
        f"schemaVersion: wanted 1 to 17, was {version}"
    )


def test_a_wrong_version_is_told_only_to_those_who_have_the_secret() -> None:
    assert judge_frame(logon(schema_version=18, secret="wrong"), KEY_RING) == Refusal(TEXT_BAD_CREDENTIALS)


@pytest.mark.parametrize(("header_version", "version"), [(0, 11), (1, 1), (10, 10), (11, 11), (12, 11), (65_535, 11)])
def test_a_client_that_names_no_schema_version_has_that_of_its_header_but_at_most_11(
    header_version: int, version: int
) -> None:
    assert legacy_version(header_version) == version
    assert judge_frame(logon(version=header_version, schema_version=0), KEY_RING) == accepted(version)


# Numbers


def session(*, epoch: int, expected: int) -> Session:
    one = Session(1, "maker-2", 1, False, Stream(ChunkPool(), 65_536), [])
    one.epoch = epoch
    one.expected_number = expected
    return one


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 1, 2, 2**63 - 2])
def test_a_reset_takes_any_number_as_given(number: int) -> None:
    assert judge_number(accepted(17, number=number), session(epoch=3, expected=100)) is None


@pytest.mark.parametrize("reset", [True, False])
def test_the_last_number_there_is_leaves_no_next_one(reset: bool) -> None:
    refusal = judge_number(accepted(17, number=2**63 - 1, reset=reset), session(epoch=1, expected=1))
    assert refusal == Refusal(f"sequence number {2**63 - 1} leaves no next one")


@pytest.mark.parametrize("number", [100, 101, 10_000])
def test_without_a_reset_the_expected_number_and_any_above_it_go_on(number: int) -> None:
    assert judge_number(accepted(17, number=number, reset=False), session(epoch=1, expected=100)) is None


@pytest.mark.parametrize("number", [99, 1, 0, -5])
def test_without_a_reset_a_lower_number_is_refused_naming_the_expected_one(number: int) -> None:
    refusal = judge_number(accepted(17, number=number, reset=False), session(epoch=1, expected=100))
    assert refusal == Refusal(f"sequence number {number}, wanted at least 100")


def test_a_key_that_was_never_seen_may_start_at_one_without_a_reset() -> None:
    assert judge_number(accepted(17, number=1, reset=False), session(epoch=0, expected=1)) is None


def test_a_key_of_which_nothing_is_kept_is_told_so() -> None:
    refusal = judge_number(accepted(17, number=2, reset=False), session(epoch=0, expected=1))
    assert refusal == Refusal(
        "sequence number 2: nothing is kept of this key's streams here, log on with resetSeqNum 1"
    )


def test_every_refusal_fits_in_logged_out() -> None:
    longest = judge_number(accepted(17, number=-(2**63), reset=False), session(epoch=1, expected=2**63 - 1))
    assert longest is not None
    assert len(longest.text) <= TEXT_MAX_BYTES
