"""The session layer said again in plain Python: what the core is compared with.

It is told the same inputs as the core, frame by frame, and keeps the whole of every stream: each frame by name, fields
and the two header fields that depend on what happened. Of the core's own choices it takes over only what the protocol
leaves open: in which order sessions that lapse together do so, how many orders a step takes out, and of whom.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import ANY

from codec import messages
from codec.layout import CancelReason, Cause, RejectReason
from codec.values import INT64_NULL, Decimal72
from gateway.engine_types import EventRecord, MmpGroupSpec, OutcomeRecord
from gateway.heartbeat import Silence
from gateway.lifecycle import (
    CAUSE_POLICY,
    TEXT_ALREADY_LOGGED_ON,
    TEXT_BAD_CREDENTIALS,
    TEXT_LOGON_TIMEOUT,
    TEXT_NOT_LOGON,
    TEXT_OVERTAKEN,
    Policy,
)
from gateway.session import LinkClosing
from support.naive_engine import NaiveEngine
from support.naive_mass_requests import NaiveMassRequests
from support.naive_quotes import NaiveQuotes

SESSION_MESSAGES = ("LogonConf", "LoggedOut", "Heartbeat", "TestRequest")


@dataclass
class Inbound:
    """A whole frame from a client."""

    name: str
    fields: dict[str, Any]
    number: int
    raw: bytes


@dataclass(eq=False)
class Said:
    """A frame in a stream."""

    name: str
    fields: dict[str, Any]
    last_processed: int
    time: int


@dataclass
class NaiveEnding:
    cause: Cause
    text: str | None
    exec_id: int
    fenced_time: int
    left: int
    cancels: list[Said] = field(default_factory=list)
    delivered: bool = False


@dataclass(eq=False)
class NaiveLine:
    """A connection. `told` is what it was sent of which stream: from where, to where (None: to the end, and on)."""

    connected_judged: int
    state: str = "logon"  # waiting, live, closing, closed
    session: "NaiveSession | None" = None
    request: Inbound | None = None
    pending: list[Inbound | str] = field(default_factory=list)  # frames, or what is wrong with bytes that are none
    stream: list[Said] = field(default_factory=list)
    told_from: int = 0
    told_to: int | None = 0
    farewell: str | None = None  # of a LoggedOut without a session
    closing: LinkClosing = LinkClosing.CLOSING_NOT
    ending: NaiveEnding | None = None
    replay: tuple[int, int] | None = None

    def close(self, closing: LinkClosing) -> None:
        self.closing = closing


@dataclass(eq=False)
class NaiveSession:
    slot: int
    client_id: str
    portfolio: int
    drop_copy: bool
    watchers: "list[NaiveSession]" = field(default_factory=list)
    state: str = "vacant"  # live, ending
    line: NaiveLine | None = None
    newcomer: NaiveLine | None = None
    version: int = 0
    epoch: int = 0
    generation: int = 1
    expected: int = 1
    last_processed: int = 0
    stream: list[Said] = field(default_factory=list)
    heard_judged: int = 0
    probed_judged: int | None = None
    spoke: int = 0
    ending: NaiveEnding | None = None


class NaiveGateway:
    """`keys` are (client id, portfolio, role) by slot."""

    def __init__(
        self,
        engine: NaiveEngine,
        keys: Sequence[tuple[str, int, str]],
        silence: Silence,
        *,
        mmp_groups: Sequence[MmpGroupSpec] = (),
        heartbeat_interval_s: int,
        strict: bool = True,
        refuse_duplicates: bool = False,
    ) -> None:
        self.engine = engine
        self.mass = NaiveMassRequests(self, NaiveQuotes(engine, mmp_groups))
        self.silence = silence
        self.heartbeat_interval_s = heartbeat_interval_s
        self.strict = strict
        self.refuse_duplicates = refuse_duplicates
        self.now = 0
        self.stalled = 0
        self.shutting_down = False
        self.lines: list[NaiveLine] = []
        self.sessions = [
            NaiveSession(slot, client_id, portfolio, role == "drop_copy")
            for slot, (client_id, portfolio, role) in enumerate(keys)
        ]
        for session in self.sessions:
            if not session.drop_copy:
                session.watchers = [
                    other for other in self.sessions if other.drop_copy and other.portfolio == session.portfolio
                ]

    def session(self, client_id: str) -> NaiveSession:
        return next(session for session in self.sessions if session.client_id == client_id)

    @property
    def judged(self) -> int:
        return self.now - self.stalled

    def stall(self, stall: int) -> None:
        """The gateway stood still for so long."""
        self.stalled += stall

    # inputs

    def connected(self) -> NaiveLine:
        line = NaiveLine(self.judged)
        self.lines.append(line)
        return line

    def frame(self, line: NaiveLine, frame: Inbound) -> None:
        """A whole frame came in on the line."""
        if line.state == "logon":
            self.logon(line, frame)
        elif line.state == "waiting":
            line.pending.append(frame)
        elif line.state == "live":
            assert line.session is not None
            self.process(line.session, frame)

    def broken(self, line: NaiveLine, text: str) -> None:
        """What came in on the line cannot be a frame."""
        if line.state == "live":
            assert line.session is not None
            self.violated(line.session, text)
        elif line.state == "logon":
            self.refuse(line, text)
        elif line.state == "waiting":
            line.pending.append(text)

    def half_closed(self, line: NaiveLine) -> None:
        self.dispose(line, Cause.TCP_CLOSED)

    def lost(self, line: NaiveLine) -> None:
        if line.ending is not None:
            line.ending.delivered = False
        self.dispose(line, Cause.TCP_RESET)
        session = line.session
        if session is not None and session.line is line:
            line.told_to = len(line.stream)
        line.state = "closed"

    def slow(self, line: NaiveLine) -> None:
        self.dispose(line, Cause.SLOW_CONSUMER)

    def told(self, line: NaiveLine) -> None:
        """The socket took all that the closing line had to say."""
        if line.ending is not None and policy_of(line.ending.cause).peer_reads:
            line.ending.delivered = True

    def tick(self, seen: int, order: Callable[[NaiveSession], int]) -> None:
        """`order` sorts sessions that lapse together."""
        judged = seen - self.stalled
        for line in self.lines:
            if line.state == "logon" and judged >= line.connected_judged + self.silence.logon_ns:
                self.refuse(line, TEXT_LOGON_TIMEOUT)
        live = [session for session in self.sessions if session.state == "live"]
        lapsed = [session for session in live if self.has_lapsed(session, judged)]
        for session in sorted(lapsed, key=order):
            self.gone(session, Cause.HEARTBEAT_MISSED)
        for session in live:
            if session in lapsed:
                continue
            if session.probed_judged is None and judged >= session.heard_judged + self.silence.probe_ns:
                self.say(session, "TestRequest", {"correlation_id": len(session.stream) + 1})
                session.probed_judged = self.judged
            elif seen >= session.spoke + self.silence.interval_ns:
                self.say(session, "Heartbeat", {"correlation_id": 0})

    def has_lapsed(self, session: NaiveSession, judged: int) -> bool:
        if session.probed_judged is None:
            return False
        answer_by = session.probed_judged + self.silence.lapse_ns - self.silence.probe_ns
        return judged >= max(session.heard_judged + self.silence.lapse_ns, answer_by)

    def shut_down(self) -> None:
        self.shutting_down = True
        text = str(policy_of(Cause.GATEWAY_SHUTDOWN).text)
        for line in self.lines:
            if line.state in ("logon", "waiting"):
                self.refuse(line, text)
        for session in self.sessions:
            if not session.drop_copy:
                self.gone(session, Cause.GATEWAY_SHUTDOWN)
        self.dismiss_drop_copy()

    def dismiss_drop_copy(self) -> None:
        if self.shutting_down and all(session.state != "ending" for session in self.sessions):
            for session in self.sessions:
                self.gone(session, Cause.GATEWAY_SHUTDOWN)

    # the drain, as the core does it

    def drained(self, client_id: str, count: int) -> None:
        """A step took out so many orders of a session and told of them in one frame."""
        session = self.session(client_id)
        ending = session.ending
        assert session.state == "ending"
        assert ending is not None
        orders = self.engine.drain(session.slot, count)
        assert len(orders) == count > 0
        ending.left -= count
        entries = [
            {name: Decimal72(*value) if name == "total_filled" else value for name, value in order._asdict().items()}
            for order in orders
        ]
        fields = {
            "timestamp": ending.fenced_time,
            "exec_id": ending.exec_id,
            "flags": int(ending.left == 0),
            "orders": entries,
        }
        ending.cancels.append(self.publish(session, "OrdersCanceled", fields))

    def ended(self, client_id: str) -> None:
        """The core says that the session's end is complete."""
        session = self.session(client_id)
        ending, line = session.ending, session.line
        assert session.state == "ending"
        assert ending is not None
        assert line is not None
        assert ending.left == 0
        policy = policy_of(ending.cause)
        if policy.text is not None:
            self.say(session, "LoggedOut", {"reason": ending.text or policy.text})
        if line.told_to is None:
            line.told_to = len(line.stream)
        line.close(policy.closing)
        line.ending = ending
        line.replay = None
        session.line = None
        session.state = "vacant"
        newcomer = session.newcomer
        if newcomer is not None:
            assert newcomer.request is not None
            self.admit(newcomer, session, newcomer.request)
            unread, newcomer.pending = newcomer.pending, []
            for one in unread:
                if isinstance(one, str):
                    self.broken(newcomer, one)
                else:
                    self.frame(newcomer, one)

    # ways in and out

    def logon(self, line: NaiveLine, frame: Inbound) -> None:
        text = self.reason_to_refuse(frame)
        if text is not None:
            self.refuse(line, text)
            return
        session = self.session(frame.fields["client_id"])
        self.gone(session, Cause.DISPLACED)
        if session.state == "vacant":
            self.admit(line, session, frame)
            return
        if session.newcomer is not None:
            self.refuse(session.newcomer, TEXT_OVERTAKEN)
        line.state = "waiting"
        line.session = session
        line.request = frame
        session.newcomer = line

    def reason_to_refuse(self, frame: Inbound) -> str | None:
        if frame.name != "Logon":
            return f"{TEXT_NOT_LOGON}, was message type {int.from_bytes(frame.raw[4:6], 'little')}"
        known = [session for session in self.sessions if session.client_id == frame.fields["client_id"]]
        if not known or not frame.fields["secret"].endswith(":secret"):
            return TEXT_BAD_CREDENTIALS
        (session,) = known
        if frame.fields["schema_version"] > 17:
            return f"schemaVersion: wanted 1 to 17, was {frame.fields['schema_version']}"
        if not frame.fields["reset_seq_num"]:
            if session.epoch == 0 and frame.number > 1:
                nothing = "nothing is kept of this key's streams here, log on with resetSeqNum 1"
                return f"sequence number {frame.number}: {nothing}"
            if frame.number < session.expected:
                return f"sequence number {frame.number}, wanted at least {session.expected}"
        if self.refuse_duplicates and session.state == "live":
            return TEXT_ALREADY_LOGGED_ON
        return None

    def admit(self, line: NaiveLine, session: NaiveSession, frame: Inbound) -> None:
        session.state = "live"
        session.epoch += 1
        session.version = frame.fields["schema_version"] or 11
        session.line = line
        session.newcomer = None
        last_processed, cancels = session.last_processed, list[Said]()
        if frame.fields["reset_seq_num"]:
            last_processed = 0
            session.stream = []
            session.generation += 1
            if session.ending is not None and not session.ending.delivered:
                cancels = session.ending.cancels
        session.ending = None
        session.expected = frame.number + 1
        session.last_processed = frame.number
        line.state = "live"
        line.session = session
        line.request = None
        line.stream = session.stream
        line.told_from = len(session.stream)
        line.told_to = None
        version = session.version if session.version >= 12 else 0
        self.say(
            session,
            "LogonConf",
            {"heartbeat_interval_seconds": self.heartbeat_interval_s, "schema_version": version},
            last_processed,
        )
        for said in cancels:
            self.say(session, said.name, said.fields)
        session.heard_judged = self.judged
        session.probed_judged = None

    def refuse(self, line: NaiveLine, text: str) -> None:
        if line.state == "waiting":
            assert line.session is not None
            line.session.newcomer = None
        line.state = "closing"
        line.farewell = text
        line.close(LinkClosing.CLOSING_POLITELY)

    def gone(self, session: NaiveSession, cause: Cause, text: str | None = None) -> None:
        if session.state != "live":
            return
        assert session.line is not None
        bound = self.engine.fence(session.slot, session.epoch)
        exec_id = self.engine.next_exec_id() if bound else 0
        session.ending = NaiveEnding(cause, text, exec_id, self.now, bound)
        session.state = "ending"
        session.line.state = "closing"

    def dispose(self, line: NaiveLine, cause: Cause) -> None:
        if line.state == "live":
            assert line.session is not None
            self.gone(line.session, cause)
        elif line.state in ("logon", "waiting"):
            if line.session is not None:
                line.session.newcomer = None
            line.state = "closing"
            line.close(policy_of(cause).closing)

    def violated(self, session: NaiveSession, text: str) -> None:
        self.gone(session, Cause.PROTOCOL_VIOLATION, f"protocol violation: {text}")

    # frames of a live session

    def process(self, session: NaiveSession, frame: Inbound) -> None:
        session.heard_judged = self.judged
        session.probed_judged = None
        if self.strict and frame.number != session.expected:
            self.violated(session, f"sequence number {frame.number}, wanted {session.expected}")
            return
        session.expected = frame.number + 1
        session.last_processed = frame.number
        if frame.name == "Logon":
            self.violated(session, "a second Logon on a live connection")
            return
        problem = messages.check(frame.raw, version=session.version)
        if problem is not None:
            self.reject(session, frame, problem.reject_reason, problem.detail)
        elif frame.name == "TestRequest":
            self.say(session, "Heartbeat", {"correlation_id": frame.fields["correlation_id"]})
        elif frame.name == "ResendRequest":
            self.resend(session, frame)
        elif frame.name == "Logout":
            self.gone(session, Cause.LOGOUT)
        elif frame.name != "Heartbeat":
            self.request(session, frame)

    def request(self, session: NaiveSession, frame: Inbound) -> None:
        fields = messages.decode(frame.raw).fields
        if session.drop_copy:
            text = "a drop-copy session may not send this message"
            self.reject(session, frame, RejectReason.MESSAGE_DISABLED, text)
        elif frame.name == "NewOrderRequest":
            self.new_order(session, fields)
        elif frame.name == "CancelOrderRequest":
            outcome = self.engine.cancel(session.slot, fields["client_order_id"], fields["instrument_id"])  # type: ignore[arg-type]
            self.report_cancel(session, fields, outcome)
        elif frame.name == "CancelOrderByIdRequest":
            outcome = self.engine.cancel_by_id(session.slot, fields["order_id"], fields["instrument_id"])  # type: ignore[arg-type]
            self.report_cancel(session, fields, outcome)
        elif frame.name == "MassQuoteRequest":
            self.mass.mass_quote(session, fields)
        elif frame.name == "MassCancelRequest":
            self.mass.mass_cancel(session, fields)
        elif frame.name == "MassQuoteCancelRequest":
            self.mass.mass_quote_cancel(session, fields)
        else:
            text = "this message is not enabled on this gateway"
            self.reject(session, frame, RejectReason.MESSAGE_DISABLED, text)

    def resend(self, session: NaiveSession, frame: Inbound) -> None:
        assert session.line is not None
        first, last = frame.fields["from_sequence_number"], frame.fields["to_sequence_number"]
        newest = len(session.stream)
        if session.line.replay is not None:
            text = f"wanted no request while another is being answered, was {first}"
            self.reject(session, frame, 4, f"fromSequenceNumber at offset 32: {text}")
        elif not 1 <= first <= newest:
            self.reject(session, frame, 4, f"fromSequenceNumber at offset 32: wanted 1 to {newest}, was {first}")
        elif last != 0 and last < first:
            self.reject(session, frame, 4, f"toSequenceNumber at offset 40: wanted 0 or at least {first}, was {last}")
        else:
            session.line.replay = (first, newest if last == 0 else min(last, newest))

    def replayed(self, line: NaiveLine) -> list[tuple[int, str, dict[str, Any]]]:
        """What the line is sent again, once its socket takes it."""
        if line.replay is None:
            return []
        (at, last), line.replay = line.replay, None
        found: list[tuple[int, str, dict[str, Any]]] = []
        while at <= last:
            following = at
            while following <= last and line.stream[following - 1].name in SESSION_MESSAGES:
                following += 1
            if following > at:
                found.append((at, "GapFill", {"new_sequence_number": following}))
            else:
                said = line.stream[at - 1]
                found.append((at, said.name, said.fields))
                following += 1
            at = following
        return found

    def new_order(self, session: NaiveSession, fields: dict[str, Any]) -> None:
        outcome = self.engine.enter(
            session.slot,
            null(fields["client_order_id"]),
            fields["instrument_id"],
            fields["side"],
            fields["price"],
            fixed(fields["quantity"]),
            time_in_force=fields["time_in_force"],
            flags=fields["flags"],
            smp_token=fields["self_match_prevention_id"],
            self_trading_mode=fields["self_trading_mode"],
            show_quantity=None if fields["show_qty"] is None else fixed(fields["show_qty"]) or 0,
            epoch=session.epoch,
        )
        if outcome.status == "rejected":
            self.report_rejected(session, "NewOrderReject", fields, outcome)
            return
        assert outcome.quantity is not None
        told = {
            "timestamp": self.now,
            "exec_id": self.engine.next_exec_id(),
            "client_order_id": outcome.client_order_id,
            "correlation_id": fields["correlation_id"],
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "price": outcome.price,
            "quantity": Decimal72(outcome.quantity, -9),
            "total_filled": Decimal72(outcome.total_filled, -9),
            "visible_qty": Decimal72(outcome.visible_quantity, -9),
            "receive_time": self.now,
            "side": outcome.side,
            "status": outcome.order_status,
            "cancel_reason": outcome.cancel_reason,
            "fills": [
                {"match_id": event.match_id, "fill_price": event.price, "fill_qty": Decimal72(event.quantity, -9)}
                for event in outcome.events
                if event.kind == "fill"
            ],
            "legs": [],
        }
        self.publish(session, "NewOrderResponse", told)
        self.report_events(outcome.events)

    def report_events(self, events: Sequence[EventRecord]) -> None:
        for owner in dict.fromkeys(event.owner for event in events):
            self.report_share(self.sessions[owner], [event for event in events if event.owner == owner])

    def report_share(self, session: NaiveSession, share: list[EventRecord]) -> None:
        while share:
            kind = share[0].kind
            run = share[: next((i for i, event in enumerate(share) if event.kind != kind), len(share))]
            share = share[len(run) :]
            root = {"timestamp": self.now, "exec_id": self.engine.next_exec_id()}
            entries = [
                {
                    "client_order_id": event.client_order_id,
                    "order_id": event.order_id,
                    "instrument_id": event.instrument_id,
                    "total_filled": Decimal72(event.total_filled, -9),
                    "flags": event.flags,
                }
                for event in run
            ]
            if kind == "fill":
                for entry, event in zip(entries, run, strict=True):
                    entry |= {"match_id": event.match_id, "price": event.price, "side": event.side}
                    entry["fill_qty"] = Decimal72(event.quantity, -9)
                self.publish(session, "OrderFilled", {**root, "fills": entries, "legs": []})
            else:
                for entry, event in zip(entries, run, strict=True):
                    entry["cancel_reason"] = event.cancel_reason
                self.publish(session, "OrdersCanceled", {**root, "flags": 1, "orders": entries})

    def report_cancel(self, session: NaiveSession, fields: dict[str, Any], outcome: OutcomeRecord) -> None:
        if outcome.status == "rejected":
            self.report_rejected(session, "CancelOrderReject", fields, outcome)
            return
        self.report_canceled(session, fields["correlation_id"], outcome)
        submitter = self.sessions[outcome.owner]
        if submitter is session:
            return
        if submitter.version < 17:
            self.report_canceled(submitter, None, outcome)
            return
        entry = {
            "client_order_id": outcome.client_order_id,
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "total_filled": Decimal72(outcome.total_filled, -9),
            "cancel_reason": CancelReason.BY_REQUEST,
            "flags": 0,
        }
        root = {"timestamp": self.now, "exec_id": self.engine.next_exec_id(), "flags": 1}
        self.publish(submitter, "OrdersCanceled", {**root, "orders": [entry]})

    def report_canceled(self, session: NaiveSession, correlation_id: int | None, outcome: OutcomeRecord) -> None:
        told = {
            "timestamp": self.now,
            "exec_id": self.engine.next_exec_id(),
            "client_order_id": outcome.client_order_id,
            "correlation_id": correlation_id,
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "receive_time": self.now,
            "quantity": None,
            "total_filled": None,
        }
        if session.version >= 16:
            assert outcome.quantity is not None
            told |= {"quantity": Decimal72(outcome.quantity, -9), "total_filled": Decimal72(outcome.total_filled, -9)}
        self.publish(session, "CancelOrderResponse", told)

    def report_rejected(self, session: NaiveSession, name: str, fields: dict[str, Any], outcome: OutcomeRecord) -> None:
        reason = outcome.reject_reason
        if name == "CancelOrderReject" and session.version < 2 and reason == 6:
            reason = 1
        told = {
            "timestamp": self.now,
            "exec_id": self.engine.next_exec_id(),
            "client_order_id": INT64_NULL if outcome.client_order_id is None else outcome.client_order_id,
            "correlation_id": fields["correlation_id"],
            "order_id": None,
            "instrument_id": outcome.instrument_id,
            "reason": reason,
            "details": ANY,
        }
        self.publish(session, name, told)

    def reject(self, session: NaiveSession, frame: Inbound, reason: int, details: str) -> None:
        if reason == RejectReason.MESSAGE_DISABLED and session.version < 11:
            reason = RejectReason.INVALID_TEMPLATE_ID
        fields = {"ref_sequence_number": frame.number, "reason": reason, "details": details[:255]}
        self.say(session, "Reject", fields)

    # streams

    def say(self, session: NaiveSession, name: str, fields: dict[str, Any], last_processed: int | None = None) -> Said:
        last = session.last_processed if last_processed is None else last_processed
        said = Said(name, fields, last, self.now)
        session.stream.append(said)
        if session.line is not None:
            session.spoke = self.now
        return said

    def publish(self, session: NaiveSession, name: str, fields: dict[str, Any]) -> Said:
        said = self.say(session, name, fields)
        for watcher in session.watchers:
            event = {
                "origin_client_id": session.client_id,
                "portfolio_id": session.portfolio,
                "session_epoch": session.epoch,
                "origin_sequence_number": len(session.stream),
                "frame": said,
            }
            self.say(watcher, "DropCopyEvent", event)
        return said


def policy_of(cause: Cause) -> Policy:
    return CAUSE_POLICY[cause]


def null(value: int) -> int | None:
    return None if value == INT64_NULL else value


def fixed(decimal: Decimal72) -> int | None:
    """A Decimal72 in 1e-9; None for null and for what is not exact or does not fit."""
    try:
        return messages.to_fixed(decimal)
    except ValueError:
        return None
