"""The rules of Logon: credentials, schema version, sequence numbers (protocol 8.2).

Nothing here changes a session: a Logon is judged first, and only one that is right in every point touches anything.
"""

import struct
from dataclasses import dataclass
from typing import Final

from codec.layout import HEADER_SIZE, MESSAGES, SCHEMA_VERSION
from gateway.credentials import KeyRing
from gateway.lifecycle import TEXT_BAD_CREDENTIALS, TEXT_BAD_LOGON, TEXT_NOT_LOGON
from gateway.session import Session

_LOGON_ID: Final = next(message.template_id for message in MESSAGES if message.name == "Logon")
_HEADER: Final = struct.Struct("<BBHHHqqq")
_BODY_V1: Final = struct.Struct("<16s48sb")
_BODY_V12: Final = struct.Struct("<H")
_BODY_V1_LENGTH: Final = 65
_BODY_V12_LENGTH: Final = 67
_BODY_LENGTH: Final = 68
_TRAILING_MAX: Final = 7
_NUMBER_MAX: Final = 2**63 - 1

LEGACY_VERSION_MAX: Final = 11
"""What a client that names no schemaVersion gets at most: 12 is the version that brought the field."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a Logon is not accepted, as LoggedOut will say it."""

    text: str


@dataclass(frozen=True, slots=True)
class LogonRequest:
    """A Logon that is right in form and credentials."""

    slot: int
    number: int
    reset: bool
    version: int
    covered: bool
    """cancelOnDisconnect, where it counts."""


def judge_frame(frame: bytes, key_ring: KeyRing) -> LogonRequest | Refusal:
    """Reads the first frame of a link: form, credentials and version, in this order."""
    header = _HEADER.unpack_from(frame)
    header_version, template_id, number = header[4], header[3], header[5]
    if template_id != _LOGON_ID:
        return Refusal(f"{TEXT_NOT_LOGON}, was message type {template_id}")
    body = frame[HEADER_SIZE:]
    if not _BODY_V1_LENGTH <= len(body) <= _BODY_LENGTH + _TRAILING_MAX:
        return Refusal(
            f"{TEXT_BAD_LOGON}: messageLength at offset 2: wanted {HEADER_SIZE + _BODY_V1_LENGTH} to "
            f"{HEADER_SIZE + _BODY_LENGTH + _TRAILING_MAX}, was {len(frame)}"
        )
    client_id, secret, reset = _BODY_V1.unpack_from(body)
    if reset not in (0, 1):
        return Refusal(f"{TEXT_BAD_LOGON}: resetSeqNum at offset {HEADER_SIZE + 64}: wanted 0 or 1, was {reset}")
    # A longer body may be a shorter one with its padding; either way what is missing reads as zero.
    schema_version = _BODY_V12.unpack_from(body, _BODY_V1_LENGTH)[0] if len(body) >= _BODY_V12_LENGTH else 0
    cover = body[_BODY_LENGTH - 1] if len(body) >= _BODY_LENGTH and schema_version >= 13 else 0
    if cover not in (0, 1):
        return Refusal(f"{TEXT_BAD_LOGON}: cancelOnDisconnect at offset {HEADER_SIZE + 67}: wanted 0 or 1, was {cover}")
    slot = key_ring.verify(client_id.rstrip(b"\0"), secret.rstrip(b"\0"))
    if slot < 0:
        return Refusal(TEXT_BAD_CREDENTIALS)
    if schema_version > SCHEMA_VERSION:
        return Refusal(f"schemaVersion: wanted 1 to {SCHEMA_VERSION}, was {schema_version}")
    return LogonRequest(slot, number, bool(reset), schema_version or legacy_version(header_version), bool(cover))


def legacy_version(header_version: int) -> int:
    """The session version of a client that names none: that of its frame header, at most 11, and 11 if that is 0."""
    return min(LEGACY_VERSION_MAX, header_version) or LEGACY_VERSION_MAX


def judge_number(request: LogonRequest, session: Session) -> Refusal | None:
    """Whether the Logon's own sequence number may start or continue the session's inbound numbers."""
    if request.number == _NUMBER_MAX:
        return Refusal(f"sequence number {request.number} leaves no next one")
    if request.reset:
        return None
    if session.epoch == 0 and request.number > 1:
        return Refusal(
            f"sequence number {request.number}: nothing is kept of this key's streams here, log on with resetSeqNum 1"
        )
    if request.number < session.expected_number:
        return Refusal(f"sequence number {request.number}, wanted at least {session.expected_number}")
    return None
