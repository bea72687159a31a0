"""One connection of the independent client, seen from a test."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from support.configuration import secret_of
from support.frames import Frame, nine
from support.processes import DEADLINE_S, Connections, Gateway

# Clocks of the two processes are the same machine's, but the gateway's is a wall clock read once plus a steady one.
CLOCK_TOLERANCE_NS = 1_000_000_000

ENDS = ("eof", "lost", "closed", "process_ended", "failed")


def _word(name: str, value: Any) -> str:
    if value is None:
        return f"{name}=null"
    if name in ("price", "bidPrice", "askPrice") and isinstance(value, str):
        return f"{name}={nine(value)}"
    if name in ("quantity", "showQty", "bidQty", "askQty"):
        mantissa, exponent = (nine(value), -9) if isinstance(value, str) else value
        return f"{name}={'null' if mantissa is None else mantissa}:{exponent}"
    if isinstance(value, bytes):
        return f"{name}=hex:{value.hex()}"
    return f"{name}={value}"


def message(name: str, fields: Mapping[str, Any], framing: Mapping[str, int] | None = None) -> str:
    """A message as a line of the client's command language. A value that is a list of fields is a group."""
    words = [_word(field, value) for field, value in fields.items() if not isinstance(value, list)]
    for group, entries in fields.items():
        if isinstance(entries, list):
            for entry in entries:
                words += [f"+{group}", *(_word(field, value) for field, value in entry.items())]
    words += [f"@{override}={value}" for override, value in (framing or {}).items()]
    return " ".join([name, *words])


class Connection:
    """Sends at once, keeps all that comes back, hands it out in order.

    Every frame is checked as it arrives: numbers without gaps, stamps, padding and lengths as published, times that
    are now and never go back. What is wrong is kept in `faults`, which the fixtures look at when the test is over.
    """

    def __init__(self, process: Connections, number: int, gateway: Gateway, receive_buffer: int | None = None) -> None:
        self.process = process
        self.number = number
        self.events: list[dict[str, Any]] = []
        self.frames: list[Frame] = []
        self.faults: list[str] = []
        self.last_sent = 0
        self.client_id = ""
        self.shows_heartbeats = False
        """Whether Heartbeats that answer nothing are handed out: they come when they like."""
        self.numbers_may_fall = False
        """Our own numbers: set where they are not checked, so that lastProcessedSeqNo may go back."""
        self._next = 0
        self._last_send_time_ns = self._last_processed = 0
        self._changed = threading.Condition()
        process.handlers[number] = self._event
        buffer = f" receive_buffer={receive_buffer}" if receive_buffer else ""
        process.command(f"connect {number} {gateway.host} {gateway.port}{buffer}")
        event = self.event()
        assert event["event"] == "connected", event

    # What happens, from the reading thread.

    def _event(self, event: dict[str, Any]) -> None:
        with self._changed:
            if event["event"] == "sent":
                self.last_sent = event["sequenceNumber"]
                return
            if event["event"] in ("misuse", "garbage", "gap"):
                before = self.events[-1] if self.events else None
                self.faults.append(f"{event} after {before}")
                if event["event"] == "gap":
                    return
            if event["event"] == "frame":
                event["frame"] = Frame.from_event(event)
                self.frames.append(event["frame"])
                self._check(event["frame"])
                self.on_frame(event["frame"])
            self.events.append(event)
            self._changed.notify_all()

    def on_frame(self, frame: Frame) -> None:
        """For observers that add up what they see."""

    def _check(self, frame: Frame) -> None:
        if frame.problems:
            self.faults.append(f"{frame.name}: {frame.problems}")
            return
        times = [frame.header["sendTimeNs"]] + [
            frame.fields[name] for name in ("timestamp", "receiveTime") if name in frame.fields
        ]
        if not frame.resent:
            if frame.header["sendTimeNs"] < self._last_send_time_ns:
                self.faults.append(f"{frame.name}: sendTimeNs went back: {frame.header}")
            if frame.number and frame.header["lastProcessedSeqNo"] < self._last_processed and not self.numbers_may_fall:
                self.faults.append(f"{frame.name}: lastProcessedSeqNo went back: {frame.header}")
            self._last_send_time_ns = frame.header["sendTimeNs"]
            self._last_processed = frame.header["lastProcessedSeqNo"]
        if max(times) > time.time_ns() + CLOCK_TOLERANCE_NS or min(times) < time.time_ns() - 600 * 10**9:
            self.faults.append(f"{frame.name}: times {times} are not of this test")

    # Commands.

    def command(self, verb: str, rest: str = "") -> str:
        """The line of a command for this connection, to be joined with others."""
        return f"{verb} {self.number} {rest}".rstrip()

    def do(self, verb: str, rest: str = "") -> None:
        self.process.command(self.command(verb, rest))

    def send(self, name: str, framing: Mapping[str, int] | None = None, **fields: Any) -> None:
        self.do("send", message(name, fields, framing))

    def order(self, request: Mapping[str, Any], framing: Mapping[str, int] | None = None) -> None:
        self.send("NewOrderRequest", framing, **request)

    def repeat(self, times: int, name: str, framing: Mapping[str, int] | None = None, **fields: Any) -> None:
        """Send one message many times; clientOrderId, orderId and correlationId grow by one each time."""
        self.process.command(f"repeat {times} send {self.number} {message(name, fields, framing)}")

    def repeat_quietly(self, times: int, name: str, **fields: Any) -> None:
        """The same, and wait for as many answers, which are not handed out."""
        self.process.command(
            self.command("quiet", "1"),
            f"repeat {times} send {self.number} {message(name, fields)}",
            self.command("reached", str(times)),
        )
        assert self.event()["event"] == "reached"
        self.do("quiet", "0")

    def send_logon(
        self,
        client_id: str,
        *,
        secret: str | None = None,
        reset: bool = True,
        schema_version: int = 17,
        body_length: int = 68,
        cancel_on_disconnect: bool = False,
        framing: Mapping[str, int] | None = None,
    ) -> None:
        self.client_id = client_id
        cut = {"cut": body_length} if body_length != 68 else {}
        cover = {"cancelOnDisconnect": 1} if cancel_on_disconnect else {}
        self.send(
            "Logon",
            cut | dict(framing or {}),
            clientId=client_id,
            secret=secret_of(client_id) if secret is None else secret,
            resetSeqNum=int(reset),
            schemaVersion=schema_version,
            **cover,
        )

    def logon(self, client_id: str, **options: Any) -> Frame:
        """Log on and return the LogonConf."""
        self.send_logon(client_id, **options)
        return self.frame("LogonConf")

    # Reading, in the order of arrival.

    def event(self, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """The next event that was not handed out yet."""
        with self._changed:
            if not self._changed.wait_for(self._has_next, timeout_s):
                raise AssertionError(f"{self}: nothing within {timeout_s} s; so far {self.summary()}")
            self._next += 1
            return self.events[self._next - 1]

    def _has_next(self) -> bool:
        """Whether there is an event to hand out, once spontaneous Heartbeats are skipped."""
        while self._next < len(self.events) and not self.shows_heartbeats:
            frame = self.events[self._next].get("frame")
            if frame is None or frame.plain != ("Heartbeat", {"correlationId": 0}):
                break
            self._next += 1
        return self._next < len(self.events)

    def frame(self, name: str | None = None) -> Frame:
        """The next event, which must be a frame (of that name)."""
        event = self.event()
        assert event["event"] == "frame", f"{self}: wanted {name or 'a frame'}, was {event}; before: {self.summary()}"
        frame: Frame = event["frame"]
        assert name in (None, frame.name), f"{self}: wanted {name}, was {frame}; before: {self.summary()}"
        return frame

    def take(self, count: int) -> list[Frame]:
        return [self.frame() for _ in range(count)]

    def until(self, wanted: Callable[[Frame], bool]) -> list[Frame]:
        """All frames up to and with the first wanted one."""
        frames = [self.frame()]
        while not wanted(frames[-1]):
            frames.append(self.frame())
        return frames

    def ask(self, name: str, framing: Mapping[str, int] | None = None, **fields: Any) -> Frame:
        """Send and return the next frame."""
        self.send(name, framing, **fields)
        return self.frame()

    def place(self, request: Mapping[str, Any]) -> int:
        """Enter an order that is accepted; its orderId."""
        self.order(request)
        return int(self.frame("NewOrderResponse").fields["orderId"])

    def resend(self, first: int, last: int = 0) -> None:
        self.send("ResendRequest", fromSequenceNumber=first, toSequenceNumber=last)

    def to_the_end(self) -> list[Frame]:
        """Every frame until the connection is over, however it ends."""
        frames = []
        while True:
            event = self.event()
            if event["event"] == "frame":
                frames.append(event["frame"])
            elif event["event"] in ENDS:
                return frames

    def nothing_more(self) -> None:
        """A round trip with nothing else in it: whatever was put to this session before has arrived, and is read."""
        self.send("TestRequest", correlationId=987654321)
        assert self.frame().plain == ("Heartbeat", {"correlationId": 987654321})

    def summary(self) -> list[str]:
        return [event["frame"].name if event["event"] == "frame" else event["event"] for event in self.events]

    def __repr__(self) -> str:
        return f"<connection {self.number} of {self.client_id or 'nobody'}>"


def reject_of(frame: Frame) -> tuple[int, int, str]:
    """(refSequenceNumber, reason, details) of a session Reject."""
    assert frame.name == "Reject", frame
    return frame.fields["refSequenceNumber"], frame.fields["reason"], frame.fields["details"]
