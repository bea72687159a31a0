"""`breakwire decode`: the frames of a captured stream of bytes, or of a pcap or pcapng file, by name.

A stream of bytes may be of one direction or of both. A capture may hold any traffic: only connections in which at least
one sound frame is found are told of, the others are counted. All goes piece by piece: a capture may be larger than the
memory.
"""

import argparse
import io
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final, TextIO

import msgspec

from codec.values import Message
from gateway.capture import MAGICS, segments
from gateway.errors import CaptureError
from gateway.limits import CAPTURE_CONNECTIONS_MAX, CAPTURE_READ_BYTES, CAPTURE_UNTOLD_MAX
from gateway.readable import LAYOUTS, Readable, lines_of, readable, sender_of, time_text, value_problem
from gateway.scanner import Bad, Finding, Found, Scanner
from gateway.segments import Held, Hole, Piece, Segment, Stream

STANDARD_INPUT: Final = "-"
BAD_FOUND: Final = 1
"""Exit code when something in the capture was not a sound frame."""

_ORDER_FIELDS: Final = frozenset({"order_id", "client_order_id", "quote_id", "bid_order_id", "ask_order_id"})

Entry = dict[str, Any]
"""A frame, or a run of bad bytes, as it is written: JSON's types only."""


# Filters


class Filter:
    """Which frames are written. Empty filters let everything through; bad bytes always pass."""

    def __init__(self, messages: list[str], orders: list[int]) -> None:
        """`messages` by name or id, `orders` by the exchange's id or the client's. Raises CaptureError."""
        self._messages = frozenset(map(message_name, messages))
        self._orders = frozenset(orders)

    def lets_through(self, message: Message, entry: Entry) -> bool:
        """Whether a frame, or the frame that it encloses, is of a wanted message and names a wanted order."""
        if self._messages and not self._messages & {message.name, _enclosed_name(entry)}:
            return False
        return not self._orders or _names_order(entry["fields"], self._orders)


def message_name(name_or_id: str) -> str:
    """The message that an argument of the command line means. Raises CaptureError when there is none."""
    by_word = {name.lower(): name for name in LAYOUTS}
    by_word |= {str(layout.template_id): name for name, layout in LAYOUTS.items()}
    name = by_word.get(name_or_id.lower())
    if name is None:
        close = get_close_matches(name_or_id, LAYOUTS, 1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise CaptureError(f"there is no message {name_or_id}{hint}")
    return name


def _enclosed_name(entry: Entry) -> str:
    enclosed = entry["fields"].get("frame")
    return str(enclosed.get("message", "")) if isinstance(enclosed, dict) else ""


def _names_order(value: Readable, orders: frozenset[int]) -> bool:
    """Whether an id of an order, at any depth, is a wanted one."""
    if isinstance(value, list):
        return any(isinstance(one, dict) and _names_order(one, orders) for one in value)
    if not isinstance(value, dict):
        return False
    return any(one in orders if name in _ORDER_FIELDS else _names_order(one, orders) for name, one in value.items())


# What is written


class Writer:
    """Writes entries as text or JSON lines, and remembers whether anything was bad."""

    def __init__(self, out: TextIO, wanted: Filter, *, as_json: bool) -> None:
        self.found_bad = False
        self._out = out
        self._filter = wanted
        self._lines = _json_lines if as_json else _text_lines

    def write(self, findings: list[Finding], place: Entry) -> None:
        """Findings of one stream. `place` says of which, and when; it stands in front of what is found."""
        for finding in findings:
            entry = _bad_entry(finding, place) if isinstance(finding, Bad) else _frame_entry(finding, place)
            self.found_bad |= _is_bad(entry)
            if isinstance(finding, Bad) or self._filter.lets_through(finding.message, entry):
                self._out.write("".join(f"{line}\n" for line in self._lines(entry)))


def _frame_entry(found: Found, place: Entry) -> Entry:
    entry = place | {"offset": found.offset, "sender": sender_of(found.message.name)} | readable(found.message)
    problem = value_problem(found.frame, found.message)
    return entry | {"problem": problem} if problem else entry


def _bad_entry(bad: Bad, place: Entry) -> Entry:
    return place | {"offset": bad.offset, "length": bad.length, "bad": bad.detail}


def _is_bad(entry: Entry) -> bool:
    enclosed = entry.get("fields", {}).get("frame", {})
    return "bad" in entry or "problem" in entry or "problem" in enclosed


def _json_lines(entry: Entry) -> Iterator[str]:
    yield msgspec.json.encode(entry).decode()


def _text_lines(entry: Entry) -> Iterator[str]:
    words = [entry["time"]] if entry.get("time") else []
    words += [f"{entry['source']} > {entry['destination']}"] if "source" in entry else []
    words.append(f"@{entry['offset']}")
    if "bad" in entry:
        yield f"{' '.join(words)} BAD {entry['length']} bytes: {entry['bad']}"
        return
    words.append(entry["sender"] or "either")
    first, *rest = lines_of(entry)
    yield f"{' '.join(words)} {first}"
    yield from rest


# Streams of bytes


def _decode_bytes(file: io.BufferedReader, writer: Writer) -> None:
    scanner = Scanner()
    while data := file.read1(CAPTURE_READ_BYTES):
        writer.write(scanner.feed(data), {})
    writer.write(scanner.finish(), {})


# Captures


class _Direction:
    """One direction of a connection: its order and its frames."""

    def __init__(self, segment: Segment, held: Held) -> None:
        self.place: Entry = {"time": None, "source": segment.source, "destination": segment.destination}
        self.stream = Stream(segment.sequence, held)
        self.scanner = Scanner()

    def take(self, pieces: list[Piece]) -> list[Finding]:
        findings: list[Finding] = []
        for piece in pieces:
            findings += self.scanner.skip(piece.length) if isinstance(piece, Hole) else self.scanner.feed(piece)
        return findings

    def finish(self) -> list[Finding]:
        return self.take(self.stream.finish()) + self.scanner.finish()


class _Connection:
    """Both directions of a connection. Nothing of it is written before a frame is found in one of them."""

    def __init__(self) -> None:
        self.directions: dict[str, _Direction] = {}
        self.speaks = False
        self.is_other = False
        self.untold: list[tuple[list[Finding], Entry]] = []

    def tell(self, findings: list[Finding], place: Entry, writer: Writer) -> None:
        if not findings or self.is_other:
            return
        self.untold.append((findings, place))
        self.speaks = self.speaks or any(isinstance(one, Found) for one in findings)
        if self.speaks:
            for held_back, where in self.untold:
                writer.write(held_back, where)
            self.untold.clear()
        elif len(self.untold) > CAPTURE_UNTOLD_MAX:
            self.is_other = True
            self.untold.clear()


class _Connections:
    """All connections of a capture, the one that was silent longest first."""

    def __init__(self, writer: Writer) -> None:
        self.passed_over = 0
        self._writer = writer
        self._held = Held()
        self._connections: dict[tuple[str, str], _Connection] = {}

    def take(self, segment: Segment) -> None:
        if not segment.payload and not segment.is_first:
            return
        ends = (segment.source, segment.destination)
        key = ends if segment.source < segment.destination else ends[::-1]
        connection = self._connections.pop(key, None) or _Connection()
        self._connections[key] = connection
        if len(self._connections) > CAPTURE_CONNECTIONS_MAX:
            self._finish(self._connections.pop(next(iter(self._connections))))
        direction = connection.directions.get(segment.source)
        if direction is not None and segment.is_first and direction.stream.first_sequence != segment.sequence:
            connection.tell(direction.finish(), direction.place, self._writer)
            direction = None
        if direction is None:
            direction = connection.directions[segment.source] = _Direction(segment, self._held)
        time_ns = segment.time_ns
        direction.place = direction.place | {"time": None if time_ns is None else time_text(time_ns)}
        pieces = direction.stream.push(segment.sequence, segment.payload)
        connection.tell(direction.take(pieces), direction.place, self._writer)

    def finish(self) -> None:
        for connection in self._connections.values():
            self._finish(connection)
        self._connections.clear()

    def _finish(self, connection: _Connection) -> None:
        for direction in connection.directions.values():
            connection.tell(direction.finish(), direction.place, self._writer)
        self.passed_over += connection.is_other or bool(connection.untold)


def _decode_capture(file: io.BufferedReader, writer: Writer) -> None:
    connections = _Connections(writer)
    for segment in segments(file):
        connections.take(segment)
    connections.finish()
    if connections.passed_over:
        print(f"breakwire: connections without a frame: {connections.passed_over}", file=sys.stderr)


# The command


def _open(name: str) -> io.BufferedReader:
    if name == STANDARD_INPUT:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    try:
        return open(name, "rb")
    except OSError as error:
        raise CaptureError(f"cannot read {name}: {error.strerror}") from None


def run(options: argparse.Namespace) -> int:
    """Prints the frames of a capture; 0 when all of it was sound, BAD_FOUND when something was not.

    Raises:
        CaptureError: when the file cannot be read, or there is no such message.
    """
    wanted = Filter(options.message, options.order)
    writer = Writer(sys.stdout, wanted, as_json=options.json)
    with _open(options.file) as file:
        if not file.seekable() and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(line_buffering=True)  # a capture that is still going on: nothing waits for the next
        decode = _decode_capture if file.peek(4)[:4] in MAGICS else _decode_bytes
        decode(file, writer)
    return BAD_FOUND if writer.found_bad else 0
