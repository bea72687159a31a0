"""What can go wrong with bytes, in three families: their bytes, our caller's misuse, a bad schema."""

from collections.abc import Sequence
from enum import StrEnum


class Reason(StrEnum):
    """Why bytes are not a message. The first three break the framing, the rest concern one frame."""

    PROTOCOL_ID = "protocol_id"
    MESSAGE_LENGTH = "message_length"
    PADDING = "padding"
    TEMPLATE_ID = "template_id"
    BLOCK_LENGTH = "block_length"


class CodecError(Exception):
    """The bytes at hand are not a message: `reason` says why, `offset` where in the frame, `detail` in words."""

    def __init__(self, reason: Reason, offset: int, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.offset = offset
        self.detail = detail


class EncodeError(Exception):
    """The caller asked for a message that cannot be written: `path` names the field, `detail` says wanted and was."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.detail = detail


class SchemaError(Exception):
    """The schema file cannot be used. `problems` holds all that is wrong with it, each led by the element's path."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
