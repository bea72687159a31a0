"""The session layer said again in plain Python: what the core is compared with.

It is told the same inputs as the core, frame by frame, and keeps the whole of every stream: each frame by name, fields
and the two header fields that depend on what happened. Of the core's own choices it takes over only what the protocol
leaves open: in which order sessions that lapse together do so, how many orders a step takes out, and of whom; and whose
requests are held up because a step has to take out dead orders first: here there are none in anybody's way.
"""

import struct
from collections.abc import Callable
from datetime import time
from typing import Any

import xxhash

from codec import messages
from codec.layout import CancelReason, Cause, RejectReason, SessionOptions
from gateway.assembly import silence_of
from gateway.cause_policy import CAUSE_POLICY, Policy, Takes
from gateway.config import Config
from gateway.lifecycle import (
    TEXT_ALREADY_LOGGED_ON,
    TEXT_BAD_CREDENTIALS,
    TEXT_LOGON_TIMEOUT,
    TEXT_NOT_LOGON,
    TEXT_OVERTAKEN,
    TEXT_RETRY_AFTER,
)
from gateway.session import LinkClosing
from support.naive_assembly import naive_engine_of, rate_limits_of
from support.naive_cover import NaiveCover
from support.naive_engine import NaiveOrder, canceled_order
from support.naive_orders import NaiveOrders
from support.naive_quotes import NaiveQuotes
from support.naive_reports import NaiveReports, reason_told, told_of
from support.naive_session import Inbound, NaiveFire, NaiveLine, NaiveLoss, NaiveSession, Said
from support.naive_switches import NaiveSwitches

DAY_NS = 86_400 * 10**9
SESSION_MESSAGES = (
    "LogonConf",
    "LoggedOut",
    "Heartbeat",
    "TestRequest",
    "SessionOptionsResponse",
    "OpenOrdersResponse",
)


class NaiveGateway:
    """Made from a configuration, as the gateway is."""

    def __init__(self, config: Config) -> None:
        settings = config.gateway
        self.config = config
        self.engine = naive_engine_of(config)
        self.silence = silence_of(settings)
        self.heartbeat_interval_s = settings.heartbeat_interval_s
        self.strict = settings.sequence_check == "strict"
        self.refuse_duplicates = settings.duplicate_logon == "refuse"
        self.step_orders = settings.drain_step_orders
        self.grace_ns = settings.cancel_grace_ms * 10**6
        self.flap_losses = settings.flap_losses
        self.flap_window_ns = round(settings.flap_window_s * 10**9)
        self.flap_lockout_ns = settings.flap_lockout_ms * 10**6
        settlement = time.fromisoformat(settings.settlement_time)
        self.settlement_ns = ((settlement.hour * 60 + settlement.minute) * 60 + settlement.second) * 10**9
        self.day = 0
        self.now = 0
        self.stalled = 0
        self.shutting_down = False
        self.switches = NaiveSwitches()
        self.emptying = False
        """Whether a deactivated book is being emptied, which takes the core as many steps as it likes."""
        self.lines: list[NaiveLine] = []
        self.unread: Callable[[NaiveLine], int] = lambda _: 0
        """How many whole frames of a line the core has not read, because the first of them is held up."""
        self.sessions = [
            NaiveSession(slot, key.client_id, key.portfolio, key.role == "drop_copy")
            for slot, key in enumerate(config.api_keys)
        ]
        for session in self.sessions:
            if not session.drop_copy:
                session.watchers = [
                    other for other in self.sessions if other.drop_copy and other.portfolio == session.portfolio
                ]
        self.reports = NaiveReports(self.engine, self.sessions, self.publish, lambda: self.now)
        self.cover = NaiveCover(self.engine, settings.cancel_on_disconnect)
        self.orders = NaiveOrders(self.engine, NaiveQuotes(self.engine), self.reports, rate_limits_of(config))

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
        if not self.day:
            self.day = self.settlement_day()
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

    def hold(self, line: NaiveLine, frame: Inbound | str) -> None:
        """A frame, or what is none, came in on a line that is held up."""
        assert line.state == "live"
        assert line.session is not None
        if isinstance(frame, Inbound):
            self.hear(line.session, frame)
        if not line.held:
            self.orders.release()
        line.held.append(frame)

    def go_on(self, line: NaiveLine) -> None:
        """The core has read more of a line that was held up, perhaps."""
        held, line.held = line.held, []
        self.read(line, held)

    def read(self, line: NaiveLine, frames: list[Inbound | str]) -> None:
        """Some frames, of which perhaps not all are read."""
        unread = self.unread(line)
        for place, frame in enumerate(frames):
            if unread and sum(isinstance(later, Inbound) for later in frames[place:]) <= unread:
                self.hold(line, frame)
            elif isinstance(frame, Inbound):
                self.frame(line, frame)
            else:
                self.broken(line, frame)

    def half_closed(self, line: NaiveLine) -> None:
        self.dispose(line, Cause.TCP_CLOSED)

    def lost(self, line: NaiveLine) -> None:
        for fire in line.told_fires:
            fire.delivered = False
        self.dispose(line, Cause.TCP_RESET)
        session = line.session
        if session is not None and session.line is line:
            line.told_to = len(line.stream)
        line.state = "closed"

    def slow(self, line: NaiveLine) -> None:
        self.dispose(line, Cause.SLOW_CONSUMER)

    def told(self, line: NaiveLine) -> None:
        """The socket took all that the closing line had to say."""
        for fire in line.told_fires:
            fire.delivered = any(end.is_end and policy_of(end.cause).peer_reads for end in line.told_fires)

    def run_timers(self) -> None:
        """What was to happen by now has happened: the gateway sees to it before any input."""
        day = self.settlement_day()
        if self.day and day > self.day:
            self._settle(day - self.day)
        self.day = day
        for group in self.engine.mmp.unfreeze(self.now):
            self.reports.unfrozen(group, None, None)

    def settle(self) -> None:
        self.run_timers()
        self._settle(1)

    def _settle(self, count: int) -> None:
        for _ in range(count):
            self.engine.settle()
        self.expire()

    def expire(self) -> None:
        """A step of what settlements have begun."""
        self.engine.leave_due(self.step_orders)
        self.reports.leaving()

    def settlement_day(self) -> int:
        """Days since the epoch, each beginning with its settlement."""
        return (self.now - self.settlement_ns) // DAY_NS

    def tick(self, seen: int, order: Callable[[NaiveSession], int]) -> None:
        """`order` sorts sessions that are fenced together."""
        self.run_timers()
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
        lost = [one for one in self.sessions if one.loss is not None and one.newcomer is None]
        over = [one for one in lost if judged >= one.loss.judged + self.grace_ns]
        for session in sorted(over, key=order):
            self.gone(session, Cause.ADMIN)
        self.fire_switches(seen)
        self.orders.release()

    def fire_switches(self, seen: int) -> None:
        """Lines that are held up may have a request to their portfolio's switch behind what holds them up."""
        held_up = [line.session for line in self.lines if line.state == "live" and line.held]
        read_on = frozenset(session.portfolio for session in held_up if session is not None)
        portfolios = [portfolio.id for portfolio in self.config.portfolios]
        for portfolio in self.switches.fire(seen, read_on):
            self.kill_portfolio_orders(
                portfolios.index(portfolio), Cause.DEAD_MAN_EXPIRED, CancelReason.CLIENT_DISCONNECT
            )

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
            self.kill_uncovered(session, None)
        for session in self.sessions:
            if not session.drop_copy:
                self.gone(session, Cause.GATEWAY_SHUTDOWN)
        self.dismiss_drop_copy()

    def dismiss_drop_copy(self) -> None:
        """Drop copy goes last, when nothing is left that it would have to hear."""
        is_busy = self.emptying or self.engine.days_over() or any(session.fires for session in self.sessions)
        if self.shutting_down and not is_busy:
            for session in self.sessions:
                self.gone(session, Cause.GATEWAY_SHUTDOWN)

    # the drain, as the core does it

    def drained(self, client_id: str, count: int) -> None:
        """A step took out so many orders of a session and told of them in one frame."""
        session = self.session(client_id)
        fire = session.fires[0]
        orders, fire.left = fire.left[:count], fire.left[count:]
        assert len(orders) == count > 0
        self.engine.forget(orders)
        fields = {
            "timestamp": fire.fenced_time,
            "exec_id": fire.exec_id,
            "flags": int(not fire.left),
            "orders": [told_of(canceled_order(order, fire.cancel_reason)) for order in orders],
        }
        said = self.publish(session, "OrdersCanceled", fields)
        fire.cancels.append((len(session.stream), said))
        if not fire.left and fire.cause is None:
            session.fires.remove(fire)

    def receipted(self, client_id: str) -> None:
        """A step told a session's receipt: nothing of its oldest fire is left, and no receipt of it was told yet."""
        session = self.session(client_id)
        fire = session.fires.pop(0)
        assert (fire.left, session.drop_copy) == ([], False)
        fields = receipt_of(session, fire, self.now)
        if session.options & SessionOptions.RECEIPTS:
            fire.receipt = self.publish(session, "CancelOnDisconnectReceipt", fields)
        else:
            self.copy(session, Said("CancelOnDisconnectReceipt", fields, session.last_processed, self.now), None)

    def ended(self, client_id: str) -> None:
        """The core says that the session's end is complete."""
        session = self.session(client_id)
        assert session.state == "ending"
        (ending,) = (fire for fire in session.told_fires if fire.is_end)
        assert ending.cause is not None
        if session.drop_copy:
            session.fires.remove(ending)
        assert session.fires == []
        if session.line is not None:
            session.line.told_fires = session.told_fires[:]
            self.let_go(session, ending.cause, ending.text)
        session.state = "vacant"

    def let_in(self, client_id: str) -> None:
        """The core says that it confirmed who waited until nothing of the session is under way any more."""
        session = self.session(client_id)
        newcomer = session.newcomer
        assert session.state in ("vacant", "lost")
        assert session.fires == []
        assert newcomer is not None
        assert newcomer.request is not None
        self.admit(newcomer, session, newcomer.request)
        frames, newcomer.pending = newcomer.pending, []
        self.read(newcomer, frames)

    def let_go(self, session: NaiveSession, cause: Cause, text: str | None) -> None:
        line, policy = session.line, policy_of(cause)
        assert line is not None
        if policy.text is not None:
            self.say(session, "LoggedOut", {"reason": text or policy.text})
        if line.told_to is None:
            line.told_to = len(line.stream)
        line.close(policy.closing)
        line.replay = None
        session.line = None

    # ways in and out

    def logon(self, line: NaiveLine, frame: Inbound) -> None:
        text = self.reason_to_refuse(frame)
        if text is not None:
            self.refuse(line, text)
            return
        session = self.session(frame.fields["client_id"])
        if frame.fields["reset_seq_num"] or not self.has_grace(session):
            self.gone(session, Cause.DISPLACED)
        elif session.state == "live":
            self.lose(session, Cause.DISPLACED)
        if session.state in ("vacant", "lost") and not session.fires:
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
        if self.now < session.locked_until:
            return TEXT_RETRY_AFTER.format(-(-(session.locked_until - self.now) // 10**6))
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
        session.loss = None
        session.epoch += 1
        session.version = frame.fields["schema_version"] or 11
        session.line = line
        session.newcomer = None
        last_processed, fires = session.last_processed, list[NaiveFire]()
        if frame.fields["reset_seq_num"]:
            last_processed = 0
            session.stream = []
            session.generation += 1
            fires = [fire for fire in session.told_fires if not fire.delivered]
        session.told_fires = []
        session.options = 0
        self.cover.begin(session, frame.fields)
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
        for fire in fires:
            self.tell_again(session, fire)
        session.heard, session.heard_judged = self.now, self.judged
        session.probed_judged = None

    def tell_again(self, session: NaiveSession, fire: NaiveFire) -> None:
        first = len(session.stream) + 1 if fire.cancels else None
        for _, said in fire.cancels:
            self.say(session, said.name, said.fields)
        if fire.receipt is not None:
            last = len(session.stream) if fire.cancels else None
            numbers = {"first_sequence_number": first, "last_sequence_number": last}
            self.say(session, fire.receipt.name, fire.receipt.fields | numbers)

    def refuse(self, line: NaiveLine, text: str) -> None:
        if line.state == "waiting":
            assert line.session is not None
            line.session.newcomer = None
        line.state = "closing"
        line.farewell = text
        line.close(LinkClosing.CLOSING_POLITELY)

    def gone(self, session: NaiveSession, cause: Cause, text: str | None = None) -> None:
        detected_time = self.now
        if session.loss is not None:
            cause, text, detected_time = session.loss.cause, None, session.loss.time
            session.loss = None
        elif session.state != "live":
            return
        elif policy_of(cause).grace and self.has_grace(session) and not self.flaps(session):
            self.lose(session, cause)
            return
        else:
            self.count_loss(session, cause)
            assert session.line is not None
            session.line.state = "closing"
            session.line.held = []
            session.listing = None
        policy, portfolio = policy_of(cause), self.engine.owners[session.slot].portfolio
        takes_all = session.armed and policy.takes is Takes.SWITCHED
        killed = self.engine.killed_by(lambda: self.engine.fence(session.slot, session.epoch))
        if policy.takes_uncovered:
            killed += self.engine.killed_by(lambda: self.engine.fence(session.slot, session.epoch, covered=False))
        if takes_all:
            killed += self.engine.killed_by(lambda: self.engine.fence_portfolio(portfolio))
        self.fire(killed, cause, int(takes_all), policy.cancel_reason, detected_time, session, text)
        session.state = "ending"

    def has_grace(self, session: NaiveSession) -> bool:
        return self.grace_ns > 0 and not session.drop_copy

    def lose(self, session: NaiveSession, cause: Cause) -> None:
        self.count_loss(session, cause)
        assert session.line is not None
        session.line.state = "closing"
        session.line.held = []
        session.listing = None
        session.state = "lost"
        session.loss = NaiveLoss(cause, self.judged, self.now)
        self.let_go(session, cause, None)

    def flaps(self, session: NaiveSession) -> bool:
        """Whether a loss now would be one too many."""
        recent = [time for time in session.losses if time > self.now - self.flap_window_ns]
        return self.flap_losses > 0 and len(recent) + 1 >= self.flap_losses

    def count_loss(self, session: NaiveSession, cause: Cause) -> None:
        if cause not in (Cause.TCP_CLOSED, Cause.TCP_RESET, Cause.HEARTBEAT_MISSED):
            return
        if self.flaps(session):
            session.losses = []
            session.locked_until = self.now + self.flap_lockout_ns
        else:
            session.losses.append(self.now)

    def kill_uncovered(self, session: NaiveSession, cause: Cause | None) -> None:
        """What is not covered, whoever is connected; without a cause no receipt tells of it."""
        killed = self.engine.killed_by(lambda: self.engine.fence(session.slot, session.epoch, covered=False))
        self.fire(killed, cause, 0, CancelReason.ADMIN, self.now)

    def kill_portfolio_orders(self, portfolio: int, cause: Cause | None, reason: CancelReason) -> None:
        """One event for all of them; each session hears of its own, and lives on."""
        self.fire(self.engine.killed_by(lambda: self.engine.fence_portfolio(portfolio)), cause, 1, reason, self.now)

    def fire(
        self,
        killed: list[NaiveOrder],
        cause: Cause | None,
        scope: int,
        reason: CancelReason,
        detected_time: int,
        ending: NaiveSession | None = None,
        text: str | None = None,
    ) -> None:
        """What one event has killed, session by session; `ending` is the one that it ends."""
        exec_id = self.engine.next_exec_id() if killed else 0
        for session in self.sessions:
            mine = [order for order in killed if order.owner == session.slot]
            if not mine and session is not ending:
                continue
            fire = NaiveFire(cause, scope, reason, exec_id, session.heard, detected_time, self.now, mine)
            if session is ending:
                fire.is_end, fire.text = True, text
                fire.exempt = sum(order.owner == session.slot for order in self.engine.live())
            session.fires.append(fire)
            session.told_fires.append(fire)

    def dispose(self, line: NaiveLine, cause: Cause) -> None:
        if line.state == "live":
            assert line.session is not None
            said_goodbye = any(isinstance(frame, Inbound) and frame.name == "Logout" for frame in line.held)
            self.gone(line.session, Cause.LOGOUT if said_goodbye else cause)
        elif line.state in ("logon", "waiting"):
            if line.session is not None:
                line.session.newcomer = None
            line.state = "closing"
            line.close(policy_of(cause).closing)

    def violated(self, session: NaiveSession, text: str) -> None:
        self.gone(session, Cause.PROTOCOL_VIOLATION, f"protocol violation: {text}")

    # frames of a live session

    def hear(self, session: NaiveSession, frame: Inbound) -> None:
        if not frame.was_heard:
            frame.was_heard = True
            session.heard, session.heard_judged = self.now, self.judged
            session.probed_judged = None

    def process(self, session: NaiveSession, frame: Inbound) -> None:
        self.hear(session, frame)
        if self.strict and frame.number != session.expected:
            self.violated(session, f"sequence number {frame.number}, wanted {session.expected}")
            return
        if frame.name not in ("Logon", "Logout"):
            self.orders.release()
        session.expected = frame.number + 1
        session.last_processed = frame.number
        if frame.name == "Logon":
            self.violated(session, "a second Logon on a live connection")
            return
        problem = messages.check(frame.raw, version=session.version)
        if problem is not None:
            self.reject(session, frame, problem.reject_reason, problem.detail)
            return
        if frame.name == "Logout":
            self.gone(session, Cause.LOGOUT)
            return
        if frame.name == "TestRequest":
            self.say(session, "Heartbeat", {"correlation_id": frame.fields["correlation_id"]})
        elif frame.name == "ResendRequest":
            self.resend(session, frame)
        elif frame.name != "Heartbeat":
            self.request(session, frame)

    def request(self, session: NaiveSession, frame: Inbound) -> None:
        fields = messages.decode(frame.raw).fields
        if session.drop_copy:
            text = "a drop-copy session may not send this message"
            self.reject(session, frame, RejectReason.MESSAGE_DISABLED, text)
        elif frame.name == "CancelAllAfterRequest":
            self.say(session, "CancelAllAfterResponse", self.switch_answer(session, fields))
        elif frame.name == "SessionOptionsRequest":
            session.options = fields["options"] & SessionOptions.RECEIPTS
            answer = {"correlation_id": fields["correlation_id"], "session_epoch": session.epoch}
            self.say(session, "SessionOptionsResponse", answer | {"options": session.options})
        elif frame.name == "CancelOnDisconnectRequest":
            self.say(session, "CancelOnDisconnectResponse", self.cover.switched(session, fields))
        elif frame.name == "OpenOrdersRequest":
            self.begin_listing(session, frame, fields)
        elif not self.orders.handle(session, frame.name, fields):
            text = "this message is not enabled on this gateway"
            self.reject(session, frame, RejectReason.MESSAGE_DISABLED, text)

    def switch_answer(self, session: NaiveSession, fields: dict[str, Any]) -> dict[str, Any]:
        entitled = self.config.api_keys[session.slot].portfolio_cancel
        terms = (fields["timeout_ms"], fields["arm_sequence"], fields["scope"])
        status, trigger_time = self.switches.request(session.portfolio, entitled, *terms, self.now)
        return {
            "correlation_id": fields["correlation_id"],
            "status": status,
            "armed": trigger_time is not None,
            "current_time": self.now,
            "trigger_time": trigger_time,
            "arm_sequence": fields["arm_sequence"],
        }

    def begin_listing(self, session: NaiveSession, frame: Inbound, fields: dict[str, Any]) -> None:
        if session.listing is not None:
            text = f"wanted no request while another is being answered, was {fields['correlation_id']}"
            self.reject(session, frame, 4, f"correlationId at offset 32: {text}")
        else:
            session.listing = self.cover.listing(session, fields, self.now)

    def listed(self, client_id: str, count: int, is_last: bool) -> None:
        """A step told so many orders of a listing."""
        session = self.session(client_id)
        self.say(session, "OpenOrdersResponse", self.cover.listed(session, count, is_last))

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

    def reject(self, session: NaiveSession, frame: Inbound, reason: int, details: str) -> None:
        reason = reason_told("Reject", reason, session.version)
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
        self.copy(session, said, len(session.stream))
        return said

    def copy(self, session: NaiveSession, said: Said, number: int | None) -> None:
        """Into drop copy; no number for what is in no stream."""
        for watcher in session.watchers:
            event = {
                "origin_client_id": session.client_id,
                "portfolio_id": session.portfolio,
                "session_epoch": session.epoch,
                "origin_sequence_number": number,
                "frame": said,
            }
            self.say(watcher, "DropCopyEvent", event)


def policy_of(cause: Cause | None) -> Policy:
    assert cause is not None
    return CAUSE_POLICY[cause]


def receipt_of(session: NaiveSession, fire: NaiveFire, now: int) -> dict[str, Any]:
    """What the receipt of a fire says, added up from the frames that were told of it."""
    entries = [entry for _, said in fire.cancels for entry in said.fields["orders"]]
    digested = b"".join(
        struct.pack("<qqb", entry["order_id"], entry["total_filled"].mantissa, entry["cancel_reason"])
        for entry in entries
    )
    return {
        "client_id": session.client_id,
        "portfolio_id": session.portfolio,
        "session_epoch": session.epoch,
        "cause": fire.cause,
        "scope": fire.scope,
        "last_heard_time": fire.last_heard,
        "detected_time": fire.detected_time,
        "fenced_time": fire.fenced_time,
        "completed_time": now,
        "bound_count": len(entries) + fire.exempt,
        "cancelled_count": len(entries),
        "filled_count": 0,
        "exempt_count": fire.exempt,
        "unconfirmed_count": 0,
        "first_sequence_number": fire.cancels[0][0] if entries else None,
        "last_sequence_number": fire.cancels[-1][0] if entries else None,
        "digest": xxhash.xxh64_intdigest(digested),
        "timestamp": now,
    }
