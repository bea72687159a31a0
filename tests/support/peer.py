"""The gateway's side of one session, made of nothing but the reference codec: for tests of the client library."""

from typing import Any

from codec import messages
from codec.values import Complete, Message

RESEND = 1
FRAME_SIZE_MAX = 65_535
SESSION_MESSAGES = ("LogonConf", "LoggedOut", "Heartbeat", "TestRequest", "GapFill")


class Peer:
    """Numbers what it says and can say it again. It judges nothing: the test compares what it heard."""

    def __init__(self, version: int = 17) -> None:
        self.version = version
        self.said: dict[int, tuple[str, dict[str, Any]]] = {}
        self.next_number = 1

    def says(self, name: str, number: int | None = None, resent: int = 0, last: int = 0, **fields: Any) -> bytes:
        """The next frame of the stream, or one under a number of the test's choice, which is not kept.

        `resent` and `last` are the header's flags and lastProcessedSeqNo.
        """
        if number is None:
            number = self.next_number
            self.next_number += 1
            self.said[number] = (name, fields)
        return messages.encode(
            name,
            fields,
            sequence_number=number,
            last_processed_seq_no=last,
            flags=resent,
            version=self.version,
            root_version=self.version,
        )

    def again(self, first: int, last: int) -> bytes:
        """A replay: what may be told again as it was, GapFill for the rest."""
        frames = []
        for number in range(first, last + 1):
            name, fields = self.said[number]
            if name in SESSION_MESSAGES:
                name, fields = "GapFill", {"new_sequence_number": number + 1}
            frames.append(self.says(name, number, RESEND, **fields))
        return b"".join(frames)

    def heard(self, data: bytes) -> list[Message]:
        """What the client sent, decoded. A test fails here if it is not whole frames."""
        found = []
        while data:
            frame = messages.scan(data, 0, FRAME_SIZE_MAX)
            assert isinstance(frame, Complete), frame
            assert frame.start == 0
            found.append(messages.decode(data[: frame.length], version=self.version))
            data = data[frame.length :]
        return found

    def brief(self, data: bytes) -> list[tuple[int, str, dict[str, Any]]]:
        """What the client sent, as number, name and fields."""
        return [(message.header.sequence_number, message.name, message.fields) for message in self.heard(data)]
