"""The session layer of a client without sockets and clocks: bytes and times in, events and bytes out.

One object stands for one session (API key on one gateway) and outlives its connections: the two sequence numbers and
the live orders go on from one connection to the next. Whoever owns a transport calls `connected`, `received`,
`disconnected` and `tick`, sends what `take_output` gives, and closes the line when `must_close` says so.

In order, once: messages about orders reach the order state and the user in the order of their numbers, each number
once. A frame from beyond a gap is held until the numbers before it have been told again (ResendRequest) or are known to
be lost. Only what keeps the session alive is acted on at arrival: LogonConf, LoggedOut, TestRequest, Heartbeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from codec.layout import FLAG_RESEND, SCHEMA_VERSION
from codec.values import Invalid, Message, Partial
from codec.wire import encode, scan
from gateway.client_errors import SessionStateError, UnreadableFrameError
from gateway.client_events import (
    Disconnected,
    Event,
    GapClosed,
    GapDetected,
    HeartbeatReceived,
    LoggedOn,
    LoggedOut,
    MessageReceived,
    MessageReplayed,
    MessagesLost,
)
from gateway.client_silence import Silence
from gateway.client_values import Fields, read_frame
from gateway.limits import CLIENT_HELD_FRAMES_MAX, CLIENT_ID_MAX_BYTES, MESSAGE_LENGTH_MAX_BYTES, SECRET_MAX_BYTES

NS_PER_S = 1_000_000_000

_FLAGS_OFFSET = 1  # in a frame
_SESSION_MESSAGES = frozenset({"LogonConf", "LoggedOut", "Heartbeat", "TestRequest"})


class SessionState(Enum):
    DISCONNECTED = "disconnected"
    CONNECTED = "connected"  # the line is up, no Logon sent
    LOGGING_ON = "logging on"
    LOGGED_ON = "logged on"
    LOGGING_OUT = "logging out"
    ENDED = "ended"  # LoggedOut has come, or the line is no longer usable; it only remains to close it


_TALKING = frozenset({SessionState.LOGGING_ON, SessionState.LOGGED_ON, SessionState.LOGGING_OUT})


@dataclass(slots=True)
class SequenceNumbers:
    """All that a session's stream needs to go on in another process: keep it, and log on without reset."""

    next_outbound: int = 1
    next_inbound: int = 1


@dataclass(slots=True)
class _Replay:
    from_number: int
    to_number: int
    request_number: int
    is_recovery: bool
    history_is_short: bool = False


class SessionCore:
    """The session layer: logon, heartbeats, numbers, gaps, logout. Times are ns since the Unix epoch, never going back.

    `schema_version` is the highest the client accepts (1 to 17). Below 12 the Logon has no room for it, so that the
    gateway takes it from the header. Raises ValueError for what the wire has no room for.
    """

    def __init__(
        self,
        client_id: str,
        secret: str,
        *,
        schema_version: int = SCHEMA_VERSION,
        cancel_on_disconnect: bool = False,
        logon_timeout_s: float = 10.0,
        numbers: SequenceNumbers | None = None,
    ) -> None:
        if not 1 <= schema_version <= SCHEMA_VERSION:
            raise ValueError(f"schema_version is 1 to {SCHEMA_VERSION}, not {schema_version}")
        if not 1 <= len(client_id) <= CLIENT_ID_MAX_BYTES or not client_id.isascii():
            raise ValueError(f"client_id is 1 to {CLIENT_ID_MAX_BYTES} ASCII characters, not {client_id!r}")
        if len(secret) > SECRET_MAX_BYTES or not secret.isascii():
            raise ValueError(f"secret is at most {SECRET_MAX_BYTES} ASCII characters")
        self.client_id = client_id
        self.numbers = numbers if numbers is not None else SequenceNumbers()
        self.state = SessionState.DISCONNECTED
        self.schema_version = schema_version  # what we ask for, until LogonConf says what it is
        self._secret = secret
        self._asked_version = schema_version
        self._cancel_on_disconnect = cancel_on_disconnect
        self._input = bytearray()
        self._output: list[bytes] = []
        self._held: dict[int, Message] = {}
        self._replay: _Replay | None = None
        self._resetting = False
        self._before_logon = self.numbers
        self._logon_number = 0
        self._must_reset = False
        self._silence = Silence(int(logon_timeout_s * NS_PER_S))
        self._end_detail = ""

    # -- Queries -------------------------------------------------------------------------------------------------------

    @property
    def is_logged_on(self) -> bool:
        """Whether LogonConf has come, and the line is up."""
        return self.state is SessionState.LOGGED_ON

    @property
    def must_close(self) -> bool:
        """Whether the line has done its work and is to be closed once the output is sent."""
        return self.state is SessionState.ENDED

    @property
    def has_gap(self) -> bool:
        """Whether messages are being held back until earlier ones have been told again."""
        return bool(self._held)

    @property
    def must_reset(self) -> bool:
        """Whether a logon has shown that the gateway has forgotten our streams: only one with reset can follow."""
        return self._must_reset

    def next_deadline_ns(self) -> int | None:
        """When `tick` next has something to do, ns since the Unix epoch; None = only bytes can change anything."""
        if self.state not in _TALKING:
            return None
        return self._silence.next_deadline_ns(is_logging_on=self.state is SessionState.LOGGING_ON)

    # -- Commands ------------------------------------------------------------------------------------------------------

    def connected(self, now: int) -> None:
        """A new line is up. SessionStateError when the last one is not down."""
        if self.state is not SessionState.DISCONNECTED:
            raise SessionStateError(f"connected() while {self.state.value}")
        self.state = SessionState.CONNECTED
        self._silence.heard(now)

    def logon(self, now: int, *, reset: bool) -> None:
        """Send Logon. `reset` starts both streams at 1 again; without it they go on, and the missed is asked for.

        A logon with reset that is not answered may have been carried out or not. One without reset after it goes on
        with the new streams if it was, from their beginning, and is refused if it was not.
        """
        if self.state is not SessionState.CONNECTED:
            raise SessionStateError(f"logon() while {self.state.value}")
        self.state = SessionState.LOGGING_ON
        self.schema_version = self._asked_version
        self._resetting = reset
        self._before_logon = replace(self.numbers)
        if reset:
            self._must_reset = False
            self.numbers.next_outbound = self.numbers.next_inbound = 1
        self._logon_number = self.numbers.next_outbound
        self._silence.heard(now)
        fields = {
            "client_id": self.client_id,
            "secret": self._secret,
            "reset_seq_num": int(reset),
            "schema_version": self._asked_version,
            "cancel_on_disconnect": int(self._cancel_on_disconnect),
        }
        self._put(now, "Logon", fields, root_version=self._asked_version)

    def logout(self, now: int, reason: str = "") -> None:
        """Send Logout. The gateway cancels what the session covers, says so, and answers with LoggedOut."""
        self._need_session("logout")
        self.state = SessionState.LOGGING_OUT
        self._put(now, "Logout", {"reason": reason})

    def test_request(self, now: int, correlation_id: int) -> None:
        """Ask for a Heartbeat with this correlationId."""
        self.send(now, "TestRequest", {"correlation_id": correlation_id})

    def resend_request(self, now: int, from_sequence_number: int, to_sequence_number: int = 0) -> None:
        """Ask for messages already taken in to be told again (MessageReplayed events); 0 = up to the last one.

        What was missed needs no call: it is asked for by itself. SessionStateError while another replay runs.
        """
        if self._replay is not None:
            raise SessionStateError(f"a replay up to {self._replay.to_number} is under way")
        last = self.numbers.next_inbound - 1
        to_number = last if to_sequence_number == 0 else to_sequence_number
        if not 1 <= from_sequence_number <= to_number <= last:
            raise ValueError(f"messages 1 to {last} can be told again, not {from_sequence_number} to {to_number}")
        self._need_session("resend_request")
        self._ask_again(now, from_sequence_number, to_number, is_recovery=False)

    def send(self, now: int, name: str, fields: Mapping[str, Any]) -> int:
        """Send any client message by its name and fields as the codec takes them; its sequence number."""
        self._need_session(name)
        return self._put(now, name, fields)

    def take_output(self) -> bytes:
        """What is to be sent, as one piece; b"" when nothing is. Each byte is given out once."""
        if not self._output:
            return b""
        output = b"".join(self._output)
        self._output.clear()
        return output

    # -- Events --------------------------------------------------------------------------------------------------------

    def received(self, now: int, data: bytes | bytearray | memoryview) -> list[Event]:
        """Take bytes from the line, in pieces of any size; what they mean, in order. After the end: discarded."""
        self._input += data
        events: list[Event] = []
        offset = 0
        while True:
            if self.state in (SessionState.DISCONNECTED, SessionState.ENDED):
                offset = len(self._input)
                break
            found = scan(self._input, offset, MESSAGE_LENGTH_MAX_BYTES)
            if isinstance(found, Partial):
                break
            if isinstance(found, Invalid):
                self._end(f"the gateway sent what is no frame: {found.reason}")
                break
            offset = found.start + found.length
            try:
                self._frame(now, self._read(bytes(self._input[found.start : offset])), events)
            except UnreadableFrameError as error:
                self._end(f"the gateway sent a frame that cannot be read: {error}")
        del self._input[:offset]
        return events

    def tick(self, now: int) -> list[Event]:
        """Do what is due: a heartbeat, a probe of a silent gateway, giving it up. Harmless at any time."""
        if self.state not in _TALKING:
            return []
        is_logging_on = self.state is SessionState.LOGGING_ON
        if self._silence.has_lapsed(now, is_logging_on=is_logging_on):
            if self._silence.looked(now):
                self._end("the gateway has fallen silent")
            return []
        if is_logging_on:
            return []
        if self._silence.must_probe(now):
            self._silence.probed()
            self._put(now, "TestRequest", {"correlation_id": now})
        if self._silence.must_speak(now):
            self._put(now, "Heartbeat", {"correlation_id": 0})
        return []

    def disconnected(self, now: int, detail: str) -> list[Event]:
        """The line is down, whoever closed it. Half a frame is forgotten, numbers and orders stay."""
        if self.state is SessionState.DISCONNECTED:
            return []
        self._give_up_logon()
        self.state = SessionState.DISCONNECTED
        self._input.clear()
        self._output.clear()
        # What is held will be told again: it lies behind the gap that the next logon finds.
        self._held.clear()
        self._replay = None
        detail, self._end_detail = self._end_detail or detail, ""
        return [Disconnected(received_time_ns=now, detail=detail)]

    # -- For the layers above ------------------------------------------------------------------------------------------

    def _on_application(self, now: int, message: Message) -> list[Event]:
        """One message that is not of the session layer, in the order of numbers."""
        return [MessageReceived(received_time_ns=now, message=message)]

    def _on_logged_on(self, now: int, message: Message, *, reset: bool) -> list[Event]:  # noqa: ARG002
        """LogonConf has come."""
        return []

    def _on_caught_up(self, now: int, sent_before: int) -> list[Event]:  # noqa: ARG002
        """Everything up to LogonConf has been told: what was sent under numbers below has its answer, or never will."""
        return []

    def _on_messages_lost(self, sent_before: int | None) -> None:
        """Messages of our stream will never be told: answers to what was sent under numbers below, or to anything."""

    # -- Inbound -------------------------------------------------------------------------------------------------------

    def _read(self, frame: bytes) -> Message:
        # A replay brings frames as they first were, in whatever version the session had then: their stamp tells.
        return read_frame(frame, None if frame[_FLAGS_OFFSET] & FLAG_RESEND else self.schema_version)

    def _frame(self, now: int, message: Message, events: list[Event]) -> None:
        self._silence.heard(now)
        if self.state is SessionState.CONNECTED and message.name != "LoggedOut":
            self._end(f"{message.name} came before we sent a Logon")
            return
        if self.state is SessionState.LOGGING_ON and not self._answer_to_logon(now, message, events):
            return
        number = message.header.sequence_number
        if number < self.numbers.next_inbound:
            self._below_expected(now, message, events)
            return
        self._at_arrival(now, message, events)
        if number > self.numbers.next_inbound:
            self._hold(now, message, events)
            return
        self._in_order(now, message, events)
        while self._held and (following := self._held.pop(self.numbers.next_inbound, None)) is not None:
            self._in_order(now, following, events)
        self._settle_replay(now, events)

    def _answer_to_logon(self, now: int, message: Message, events: list[Event]) -> bool:
        """Whether the frame is a LogonConf; anything else ends the attempt."""
        if message.name == "LogonConf":
            number = message.header.sequence_number
            if self._resetting:
                self.numbers.next_inbound = number
                self._on_messages_lost(None)
            elif number < self.numbers.next_inbound:
                self._must_reset = True
                self._end(
                    f"wanted number {self.numbers.next_inbound} or above in LogonConf, was {number}: the gateway"
                    " has forgotten this stream; log on with reset"
                )
                return False
            return True
        if message.name == "LoggedOut":
            # Refused: nothing has changed at the gateway.
            self._resetting = False
            self.numbers.next_outbound = self._before_logon.next_outbound
            self.numbers.next_inbound = self._before_logon.next_inbound
            self._logged_out(now, message, events, had_session=False)
        else:
            self._end(f"wanted LogonConf as the first message, was {message.name}")
        return False

    def _below_expected(self, now: int, message: Message, events: list[Event]) -> None:
        number = message.header.sequence_number
        if number == 0 and message.name == "LoggedOut":
            # It belongs to no stream (section 8.2).
            self._at_arrival(now, message, events)
        elif message.header.flags & FLAG_RESEND:
            events.append(MessageReplayed(received_time_ns=now, message=message))
            replay = self._replay
            if replay is not None and not replay.is_recovery and self._last_number_of(message) >= replay.to_number:
                self._replay = None
                self._look_for_gap(now, events)
        else:
            self._end(
                f"wanted number {self.numbers.next_inbound}, was {number} ({message.name}) without the resend flag"
            )

    def _at_arrival(self, now: int, message: Message, events: list[Event]) -> None:
        """What keeps the session alive cannot wait for a gap to close."""
        fields: Fields = message.fields
        if message.name == "LogonConf":
            self._logged_on(now, message, events)
        elif message.name == "TestRequest":
            if self.state is SessionState.LOGGED_ON or self.state is SessionState.LOGGING_OUT:
                self._put(now, "Heartbeat", {"correlation_id": fields["correlation_id"]})
        elif message.name == "Heartbeat":
            correlation_id = fields["correlation_id"]
            events.append(HeartbeatReceived(received_time_ns=now, message=message, correlation_id=correlation_id))
        elif message.name == "LoggedOut":
            self._logged_out(now, message, events, had_session=self.state is not SessionState.CONNECTED)
        elif message.name == "Reject":
            replay = self._replay
            if replay is not None and fields["ref_sequence_number"] == replay.request_number:
                replay.history_is_short = True

    def _logged_on(self, now: int, message: Message, events: list[Event]) -> None:
        if self.state is not SessionState.LOGGING_ON:
            self._end("a second LogonConf")
            return
        self.state = SessionState.LOGGED_ON
        fields: Fields = message.fields
        # A version 11 session and older ones hear no version: it is the one of the header we sent.
        self.schema_version = fields.get("schema_version") or self._asked_version
        self._silence.interval_ns = fields["heartbeat_interval_seconds"] * NS_PER_S
        events.append(
            LoggedOn(
                received_time_ns=now,
                message=message,
                heartbeat_interval_s=fields["heartbeat_interval_seconds"],
                schema_version=self.schema_version,
                last_processed_seq_no=message.header.last_processed_seq_no,
                reset=self._resetting,
            )
        )
        events.extend(self._on_logged_on(now, message, reset=self._resetting))

    def _logged_out(self, now: int, message: Message, events: list[Event], *, had_session: bool) -> None:
        fields: Fields = message.fields
        self._end(f"logged out: {fields['reason']}")
        events.append(
            LoggedOut(received_time_ns=now, message=message, reason=fields["reason"], had_session=had_session)
        )

    def _hold(self, now: int, message: Message, events: list[Event]) -> None:
        if len(self._held) >= CLIENT_HELD_FRAMES_MAX:
            gap = self.numbers.next_inbound
            self._end(f"more than {CLIENT_HELD_FRAMES_MAX} messages came before the gap at {gap} was closed")
            return
        self._held[message.header.sequence_number] = message
        self._look_for_gap(now, events)

    def _in_order(self, now: int, message: Message, events: list[Event]) -> None:
        """The message with the number that is next."""
        expected = self.numbers.next_inbound
        last = self._last_number_of(message)
        if self._held:
            # A GapFill never swallows what has already come.
            last = min(last, min(self._held) - 1)
        self.numbers.next_inbound = last + 1
        if message.name == "GapFill":
            if self._replay is not None and self._replay.history_is_short:
                self._replay.history_is_short = False
                self._lose(now, expected, self.numbers.next_inbound - 1, events)
        elif message.name == "LogonConf":
            events.extend(self._on_caught_up(now, self._logon_number))
        elif message.name not in _SESSION_MESSAGES:
            events.extend(self._on_application(now, message))

    @staticmethod
    def _last_number_of(message: Message) -> int:
        """The last number of the stream that a message stands for: its own, but for a GapFill."""
        if message.name == "GapFill":
            fields: Fields = message.fields
            return max(message.header.sequence_number, int(fields["new_sequence_number"]) - 1)
        return message.header.sequence_number

    def _lose(self, now: int, from_number: int, to_number: int, events: list[Event]) -> None:
        self._on_messages_lost(self._logon_number)
        events.append(
            MessagesLost(received_time_ns=now, from_sequence_number=from_number, to_sequence_number=to_number)
        )

    # -- Gaps ----------------------------------------------------------------------------------------------------------

    def _look_for_gap(self, now: int, events: list[Event]) -> None:
        if not self._held or self._replay is not None or self.state is not SessionState.LOGGED_ON:
            return
        from_number, to_number = self.numbers.next_inbound, min(self._held) - 1
        events.append(GapDetected(received_time_ns=now, from_sequence_number=from_number, to_sequence_number=to_number))
        self._ask_again(now, from_number, to_number, is_recovery=True)

    def _ask_again(self, now: int, from_number: int, to_number: int, *, is_recovery: bool) -> None:
        fields = {"from_sequence_number": from_number, "to_sequence_number": to_number}
        request_number = self._put(now, "ResendRequest", fields)
        self._replay = _Replay(from_number, to_number, request_number, is_recovery)

    def _settle_replay(self, now: int, events: list[Event]) -> None:
        replay = self._replay
        if replay is None or not replay.is_recovery or self.numbers.next_inbound <= replay.to_number:
            return
        self._replay = None
        events.append(
            GapClosed(
                received_time_ns=now, from_sequence_number=replay.from_number, to_sequence_number=replay.to_number
            )
        )
        self._look_for_gap(now, events)

    # -- Outbound ------------------------------------------------------------------------------------------------------

    def _put(self, now: int, name: str, fields: Mapping[str, Any], *, root_version: int = SCHEMA_VERSION) -> int:
        number = self.numbers.next_outbound
        frame = encode(
            name,
            fields,
            sequence_number=number,
            last_processed_seq_no=self.numbers.next_inbound - 1,
            send_time_ns=now,
            version=self.schema_version,
            root_version=root_version,
        )
        self.numbers.next_outbound = number + 1
        self._silence.sent(now)
        self._output.append(frame)
        return number

    # -- State ---------------------------------------------------------------------------------------------------------

    def _need_session(self, what: str) -> None:
        if self.state is not SessionState.LOGGED_ON:
            raise SessionStateError(f"{what} while {self.state.value}")

    def _give_up_logon(self) -> None:
        """No answer to a Logon will come. Where it asked for a reset, the streams before it are not to be relied on."""
        if self.state is SessionState.LOGGING_ON and self._resetting:
            self._on_messages_lost(None)

    def _end(self, detail: str) -> None:
        self._give_up_logon()
        self._end_detail = detail
        self.state = SessionState.ENDED
