"""Carries out what the steps of a scenario expect: looks, by the observer that there is, and judges what it saw."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from codec.layout import CancelOnDisconnectScope, CancelReason, Cause, OpenOrderFlags, OrderFlags, Side
from gateway import cod_check_steps as steps
from gateway.client_events import LoggedOn, LoggedOut, MessageReceived
from gateway.cod_check_judge import (
    amount_text,
    judge_barrier,
    judge_cancels,
    judge_last_flags,
    judge_race,
    judge_receipt,
    judge_same_frames,
)
from gateway.cod_check_line import Line
from gateway.cod_check_play import SCOPES, Mark, NamedOrder, Play
from gateway.cod_check_record import DROP_COPY, LINE, Ledger, OrderFacts, Sighting
from gateway.cod_check_stage import MS
from gateway.cod_check_verdict import (
    Finding,
    NotProvableError,
    PromiseBrokenError,
    Result,
    StageFailedError,
    broken_unless,
)

_PROBE_PAUSE_MS: Final = 2
_REPORTS: Final = range(200, 327)
_WITHOUT_MEANING: Final = ("Heartbeat", "TestRequest", "GapFill")
_NOTICE_MS: Final = 50
"""Left to a gateway to see a line's end before the key logs on again, so that it is not taken for a displacement."""


class Expectations:
    """The looking half of a scenario; what it finds goes into `result`."""

    def __init__(self, play: Play, result: Result) -> None:
        self.play = play
        self.stage = play.stage
        self.result = result
        self._last_mark: Mark | None = None  # of the last cancels that were looked for

    def expect(self, step: steps.Step) -> None:
        """Judge one step. Raises PromiseBrokenError, NotProvableError, StageFailedError."""
        _EXPECT[type(step)](self, step)
        self.result.seen_by = self.result.seen_by or _SEEN_BY.get(type(step), "")

    # -- Cancels -------------------------------------------------------------------------------------------------------

    def cancelled(self, step: steps.Cancelled) -> None:
        mark = self._last_mark = self._mark(step.after)
        known = mark.ledgers[step.of]
        expected = {order.order_id: self._name(order) for order in known.open() if self._must_go(step, order)}
        before = {order_id: len(order.cancels) for order_id, order in known.orders.items()}
        later = self._later(step, known)
        observer = self._observer(step.of)
        self.result.seen_by = observer
        if observer == "taker":
            self._clear(step.of, mark)
            return
        where = DROP_COPY if observer == "drop_copy" else LINE
        if observer == "resend" and not self._can_hear(step.of):
            self._look_again(step.of)
        if not expected and self.stage.line(step.of) is mark.line:
            self.stage.pump(lambda: False, mark.deadline_ns)  # nothing announces that nothing is told
        self.stage.pump(lambda: self._all_told(step.of, where, expected, {*before, *later}), mark.deadline_ns)
        self._settle("drop_copy" if where == DROP_COPY else step.of)
        ledger = self.stage.record.ledger(step.of, where)
        if self.play.raced is not None:
            expected = {one: name for one, name in expected.items() if not _is_filled(ledger.orders.get(one))}
        findings = judge_cancels(ledger, expected, CancelReason[step.reason], before=before, later=later)
        if self.play.raced is not None:
            findings += judge_race(known, ledger, self.play.raced)
        new = [order for order in ledger.orders.values() if len(order.cancels) > before.get(order.order_id, 0)]
        told = [order.cancels[-1] for order in new]
        if told and not findings:
            findings = judge_last_flags(self._one_line(step.of, where), told[0].exec_id)
            first_ns, last_ns = min(cancel.time_ns for cancel in told), max(cancel.time_ns for cancel in told)
            if first_ns < mark.earliest_ns:
                findings.append(self._early(mark, first_ns))
            self.result.cancel_seen_ns = last_ns - mark.time_ns
            logon_ms = _NOTICE_MS + self.stage.settings.within_ms if observer == "resend" else 0
            if last_ns > mark.deadline_ns + logon_ms * MS:
                findings.append(self._late("the last cancel", mark, last_ns))
        broken_unless(findings)

    def _observer(self, part: str) -> str:
        """The first observer of the scenario's list that there is."""
        for observer in self.result.scenario.observe:
            if observer == "drop_copy" and not self.stage.watches:
                continue
            if observer == "resend" and self._can_hear(part) and self.stage.line(part).connection == 1:
                return "own line"
            if observer == "resend" and "resend" in self.stage.missing:
                continue
            return observer
        why = self.stage.missing.get("resend", "no drop_copy key was given")
        raise NotProvableError(f"none of its observers is there ({', '.join(self.result.scenario.observe)}): {why}")

    def _can_hear(self, part: str) -> bool:
        line = self.stage.line(part)
        return line.is_open and line.reads and line.talks and line.core.is_logged_on

    def _look_again(self, part: str) -> None:
        """Logs the key on again, which asks for what was missed; not before a taker can see that its orders are gone.

        A logon would end a session that the gateway still takes for alive, and so prove nothing.
        """
        mark = self.play.cut
        order = None if mark is None else self._probed(part)
        if mark is not None and order is not None:
            self._wait_until_clear(order, mark)
        else:
            self.play.wait_for_the_end()
            pause_ms = _NOTICE_MS + self.stage.settings.grace_ms
            self.stage.pump(lambda: False, time.monotonic_ns() + pause_ms * MS)
        try:
            self.stage.log_on(part, reset=False)
        except StageFailedError as failed:
            raise self.play.fail("a logon of the key", "LogonConf", str(failed)) from None

    def _later(self, step: steps.Cancelled, known: Ledger) -> set[int]:
        """Orders that the scenario entered after the cut. A dead man's switch takes them too, up to its expiry."""
        named = self.play.orders.values() if step.after == "cut" else ()
        return {one.order_id for one in named if one.part == step.of and one.order_id not in known.orders}

    def _all_told(self, part: str, where: str, expected: dict[int, str], others: set[int]) -> bool:
        ledger = self.stage.record.ledger(part, where)
        for order_id in expected:
            order = ledger.orders.get(order_id)
            if order is None or not (order.cancels or (self.play.raced is not None and _is_filled(order))):
                return False
        return all(order.order_id in others - expected.keys() for order in ledger.open())

    def _one_line(self, part: str, where: str) -> list[Sighting]:
        """What one line told: on the session's own, the newest that told of cancels."""
        sightings = self.stage.record.of(part, where)
        newest = max((one.connection for one in sightings if one.name == "OrdersCanceled"), default=1)
        return [one for one in sightings if one.connection == newest]

    def _must_go(self, step: steps.Cancelled, order: OrderFacts) -> bool:
        if step.orders is not None:
            return any(self.play.orders[name].order_id == order.order_id for name in step.orders)
        named = self._named(order.order_id)
        return named is None or named.covered

    def _early(self, mark: Mark, seen_ns: int) -> Finding:
        least_ms = (mark.earliest_ns - mark.time_ns) / MS
        got_ms = (seen_ns - mark.time_ns) / MS
        return Finding("time of the first cancel", f"at least {least_ms:.1f} ms", f"{got_ms:.1f} ms")

    def _late(self, what: str, mark: Mark, seen_ns: int) -> Finding:
        allowed_ms = (mark.deadline_ns - mark.time_ns) // MS
        return Finding(f"time of {what}", f"at most {allowed_ms} ms", f"{(seen_ns - mark.time_ns) / MS:.1f} ms")

    # -- The book ------------------------------------------------------------------------------------------------------

    def untradable(self, step: steps.Untradable) -> None:
        mark = self._last_mark or self._mark("cut" if self.play.cut is not None else "dead_man")
        dead = self._stood(step.of)
        if not dead:
            raise NotProvableError("no order stood whose absence a taker could see")
        for instrument_id, side in sorted({(order.instrument_id, order.side) for order in dead}):
            self._cross(step.of, dead, instrument_id, side, mark)
        self.result.missed_ns = self.result.missed_ns or time.monotonic_ns() - mark.time_ns

    def _cross(self, part: str, dead: Sequence[NamedOrder], instrument_id: int, side: Side, mark: Mark) -> None:
        """A taker crosses all of one side that stood, deep enough for everything that may stand there."""
        prices = [one.price for one in dead if (one.instrument_id, one.side) == (instrument_id, side)]
        limit = max(prices) if side is Side.SELL else min(prices)
        alive = sum(order.left for order in self._alive(instrument_id, side, limit))
        taker = Side.BUY if side is Side.SELL else Side.SELL
        lots = 1 + (alive + sum(order.left for order in mark.ledgers[part].open())) // self.stage.market.lot
        filled = self.play.cross("taker", taker, limit, lots, instrument_id)
        if filled != alive:
            where = f"NewOrderResponse.totalFilled of a taker at {amount_text(limit)}"
            raise PromiseBrokenError([Finding(where, amount_text(alive), amount_text(filled))])

    def _alive(self, instrument_id: int, side: Side, limit: int) -> list[OrderFacts]:
        """Orders that must still stand on that side of the book, up to the limit; the taker may meet its own."""
        found = []
        for part in ("maker", "second", "taker"):
            for order in self.stage.record.ledger(part).open():
                named = self._named(order.order_id)
                inside = order.price <= limit if side is Side.SELL else order.price >= limit
                if not (named and named.side is side and order.instrument_id == instrument_id and inside):
                    continue
                if not self._died_with_its_line(part, named):
                    found.append(order)
        return found

    def _died_with_its_line(self, part: str, named: NamedOrder) -> bool:
        """It must be gone, though no line of ours may have said so."""
        mark = self.play.cut
        if mark is None or mark.line is None or mark.line.part != part:
            return False
        order = mark.ledgers[part].orders.get(named.order_id)
        return named.covered and order is not None and order.is_open

    def _clear(self, part: str, mark: Mark) -> None:
        """With nothing but a taker to see by: ask, without trading, until nothing stands there, then cross."""
        dead = self._stood(part)
        if not dead:
            raise NotProvableError("no order stood whose absence a taker could see")
        self._wait_until_clear(self._probed(part) or dead[0], mark)
        for instrument_id, side in sorted({(one.instrument_id, one.side) for one in dead}):
            self._cross(part, dead, instrument_id, side, mark)

    def _wait_until_clear(self, order: NamedOrder, mark: Mark) -> None:
        while not self._is_clear(order):
            now = time.monotonic_ns()
            if now > mark.deadline_ns:
                raise PromiseBrokenError([self._late(f"{order.name}'s leaving the book", mark, now)])
            self.stage.pump(lambda: False, now + _PROBE_PAUSE_MS * MS)
        self.result.missed_ns = time.monotonic_ns() - mark.time_ns

    def _probed(self, part: str) -> NamedOrder | None:
        """A dead order at whose price nothing may stand any more: what a taker can see the end by."""
        for order in self._stood(part):
            ledger = self.stage.record.ledger(part)
            queued = order.order_id in ledger.orders and ledger.orders[order.order_id].is_queued
            if not queued and not self._alive(order.instrument_id, order.side, order.price):
                return order
        return None

    def _is_clear(self, order: NamedOrder) -> bool:
        """Whether an order that must not trade can be entered against it."""
        side = Side.BUY if order.side is Side.SELL else Side.SELL
        fields = self.play.order_fields(
            side, order.price, self.play.quantity(1), order.instrument_id, OrderFlags.POST_ONLY_REJECT
        )
        answer = self.stage.ask("taker", "NewOrderRequest", fields)
        if answer.name != "NewOrderResponse":
            return False
        cancel = {"client_order_id": fields["client_order_id"], "instrument_id": order.instrument_id}
        self.stage.ask("taker", "CancelOrderRequest", cancel)
        return True

    def _stood(self, part: str) -> list[NamedOrder]:
        return [one for one in self.play.orders.values() if one.part == part and one.covered]

    def tradable(self, step: steps.Tradable) -> None:
        for name in step.orders:
            named = self.play.orders[name]
            order = self.stage.record.ledger(named.part).orders[named.order_id]
            left = order.left
            taker = Side.BUY if named.side is Side.SELL else Side.SELL
            lots = left // self.stage.market.lot
            filled = self.play.cross("taker", taker, named.price, lots, named.instrument_id) if lots > 0 else 0
            if lots <= 0 or filled != left or order.cancels:
                got = "cancelled" if order.cancels else amount_text(filled)
                raise PromiseBrokenError([Finding(f"what a taker gets of {name}", amount_text(left), got)])
            if self._can_be_heard_of(named.part) and not self._fills(named):
                got = "none: another order filled"
                raise PromiseBrokenError([Finding(f"OrderFilled of {name}", amount_text(left), got)])

    def untouched(self, step: steps.Untouched) -> None:
        mark = self._mark("cut")
        self.stage.pump(lambda: False, mark.time_ns + 2 * self.stage.settings.speed_bump_ms * MS)
        for name in step.orders:
            named = self.play.orders[name]
            if not self.stage.sync(named.part):
                raise StageFailedError(f"{named.part} does not answer a TestRequest")
            order = self.stage.record.ledger(named.part).orders[named.order_id]
            if order.total_filled or not order.is_open:
                got = f"{amount_text(order.total_filled)} filled" if order.total_filled else "closed"
                raise PromiseBrokenError([Finding(f"order {name} after the speed bump", "open and unfilled", got)])

    def _can_be_heard_of(self, part: str) -> bool:
        return self.stage.watches or self._can_hear(part)

    def _fills(self, named: NamedOrder) -> bool:
        def filled() -> bool:
            return self.stage.record.ledger(named.part).orders[named.order_id].left <= 0

        return self.stage.pump(filled, time.monotonic_ns() + self.stage.settings.within_ms * MS)

    # -- Receipts ------------------------------------------------------------------------------------------------------

    def receipt(self, step: steps.Receipt) -> None:
        where = self._place(step)
        name = "CancelOnDisconnectReceipt"
        wait_until = max(self._mark("cut" if self.play.cut else "dead_man").deadline_ns, time.monotonic_ns())
        self.stage.pump(lambda: bool(self.stage.record.named(step.of, name, where)), wait_until)
        found = self.stage.record.named(step.of, name, where)
        if len({one.event for one in found}) != 1:
            raise PromiseBrokenError([Finding(f"{name} of {step.of} in {step.where}", "one", f"{len(found)}")])
        receipt = found[-1]
        self.result.seen_by = self.result.seen_by or ("drop_copy" if where == DROP_COPY else "resend")
        key = self.stage.crew.key(step.of)
        frames = self._frames_of(receipt)
        broken_unless(
            judge_receipt(
                receipt.fields,
                frames,
                client_id=key.client_id if key else "",
                cause=Cause[step.cause],
                scope=CancelOnDisconnectScope(SCOPES[step.scope]),
                exempt_count=step.exempt,
            )
        )
        if receipt.number and any(one.number > receipt.number for one in frames):
            raise PromiseBrokenError([Finding(f"{name} of {step.of}", "after the last OrdersCanceled", "before it")])

    def _frames_of(self, receipt: Sighting) -> list[Sighting]:
        """The 310 frames of the receipt's fire, as the same line told them."""
        frames = [
            one
            for one in self.stage.record.named(receipt.part, "OrdersCanceled", receipt.where)
            if one.connection == receipt.connection
        ]
        first, last = receipt.fields["first_sequence_number"], receipt.fields["last_sequence_number"]
        if first is None or last is None:
            return [one for one in frames if one.fields["timestamp"] >= receipt.fields["fenced_time"]]
        unique = {one.number: one for one in frames if first <= one.number <= last}
        return [unique[number] for number in sorted(unique)]

    def no_receipt(self, step: steps.NoReceipt) -> None:
        where = self._place(step)
        self._settle("drop_copy" if where == DROP_COPY else step.of)
        found = self.stage.record.named(step.of, "CancelOnDisconnectReceipt", where)
        if found:
            raise PromiseBrokenError([Finding(f"CancelOnDisconnectReceipt in {step.where}", "none", f"{len(found)}")])

    def _place(self, step: steps.Receipt | steps.NoReceipt) -> str:
        if step.where == "stream":
            if self.play.cut is not None and not self._can_hear(step.of):
                self._look_again(step.of)
            return LINE
        if not self.stage.watches:
            raise NotProvableError("no drop_copy key was given")
        return DROP_COPY

    # -- Sessions ------------------------------------------------------------------------------------------------------

    def last_words(self, step: steps.LastWords) -> None:
        mark = self._mark("cut")
        line = mark.line
        if line is None:
            raise NotProvableError("no line was cut")
        self.stage.pump(lambda: not line.is_open, mark.deadline_ns)
        names: list[str] = []
        for one, time_ns, event in self.stage.heard:
            if one is line and time_ns >= mark.time_ns and isinstance(event, MessageReceived | LoggedOut):
                name = event.message.name
                if name not in _WITHOUT_MEANING and names[-1:] != [name]:
                    names.append(name)
        findings = []
        if tuple(names) != step.messages:
            findings.append(Finding("the last words on the line", ", ".join(step.messages), ", ".join(names) or "none"))
        if line.is_open:
            findings.append(Finding("the end of the line", "closed by the gateway", "open"))
        broken_unless(findings)

    def barrier(self, step: steps.Barrier) -> None:
        line = self.stage.line(step.of)
        numbers = [
            event.message.header.sequence_number for event in self.stage.events_of(line) if isinstance(event, LoggedOn)
        ]
        told = [one for one in self.stage.record.of(step.of, LINE) if one.connection == line.connection]
        broken_unless(judge_barrier(numbers[0], told))

    def same_frames(self, step: steps.SameFrames) -> None:
        if not self.stage.watches:
            raise NotProvableError("no drop_copy key was given")
        self._settle("drop_copy")
        live = [
            one
            for one in self.stage.record.of(step.of, DROP_COPY)
            if one.message.header.message_type_id in _REPORTS or one.name == "CancelOnDisconnectReceipt"
        ]
        broken_unless(judge_same_frames(live, self.stage.record.of(step.of, LINE)))

    def listed(self, step: steps.Listed) -> None:
        scope = int(SCOPES[step.scope])
        fields = {"scope": scope, "covered_only": int(step.covered_only)}
        entries = self._open_orders(step.by, fields)
        wanted = {self.play.orders[name].client_order_id: name for name in step.orders}
        told = {entry["client_order_id"] for entry in entries}
        findings = []
        if told != wanted.keys() or len(entries) != len(step.orders):
            got = ", ".join(wanted.get(one, str(one)) for one in sorted(told)) or "none"
            findings.append(Finding("OpenOrdersResponse.orders", ", ".join(step.orders) or "none", got))
        for entry in entries:
            named = self._named(entry["order_id"])
            covered = bool(entry["flags"] & OpenOrderFlags.IS_COVERED)
            if named is not None and covered != named.covered:
                where = f"OpenOrdersResponse.orders.flags.covered of {named.name}"
                findings.append(Finding(where, str(named.covered), str(covered)))
        broken_unless(findings)

    def _open_orders(self, part: str, fields: dict[str, int]) -> list[dict[str, Any]]:
        answer = self.play.extension(part, "OpenOrdersRequest", fields)
        correlation_id = answer.fields["correlation_id"]

        def frames() -> list[Sighting]:
            told = self.stage.record.named(part, "OpenOrdersResponse", LINE)
            return [one for one in told if one.fields["correlation_id"] == correlation_id]

        self.stage.pump(lambda: bool(frames()[-1].fields["flags"] & 1), self.stage.answer_deadline_ns())
        return [entry for one in frames() for entry in one.fields["orders"]]

    def alive(self, step: steps.Alive) -> None:
        if not self.stage.sync(step.of):
            raise PromiseBrokenError([Finding(f"the session of {step.of}", "an answer to a TestRequest", "none")])
        # A new stream may begin with what the key's session before this scenario was not told any more.
        orders = self.stage.record.ledger(step.of).orders.values()
        cancelled = [self._name(order) for order in orders if order.cancels and order.quantity]
        broken_unless([Finding("OrdersCanceled.orders", f"no entry of {name}", "one") for name in cancelled])

    # -- State ---------------------------------------------------------------------------------------------------------

    def _mark(self, after: str) -> Mark:
        mark = self.play.cut if after == "cut" else self.play.dead_man
        if mark is None:
            raise StageFailedError(f"no {after} step came before")
        return mark

    def _settle(self, part: str) -> None:
        """What was told before now has come."""
        line: Line | None = self.stage.lines.get(part)
        if line is not None and line.reads and line.talks and line.core.is_logged_on:
            self.stage.sync(part)

    def _named(self, order_id: int) -> NamedOrder | None:
        return self.play.by_order_id.get(order_id)

    def _name(self, order: OrderFacts) -> str:
        named = self._named(order.order_id)
        return named.name if named else f"order {order.order_id}"


def _is_filled(order: OrderFacts | None) -> bool:
    return order is not None and order.left <= 0 and not order.cancels


_EXPECT: Final[dict[type[steps.Step], Callable[[Expectations, Any], None]]] = {
    steps.Cancelled: Expectations.cancelled,
    steps.Untradable: Expectations.untradable,
    steps.Tradable: Expectations.tradable,
    steps.Untouched: Expectations.untouched,
    steps.Receipt: Expectations.receipt,
    steps.NoReceipt: Expectations.no_receipt,
    steps.LastWords: Expectations.last_words,
    steps.Barrier: Expectations.barrier,
    steps.SameFrames: Expectations.same_frames,
    steps.Listed: Expectations.listed,
    steps.Alive: Expectations.alive,
}

_SEEN_BY: Final[dict[type[steps.Step], str]] = {
    steps.Untradable: "taker",
    steps.Tradable: "taker",
    steps.Untouched: "own line",
    steps.LastWords: "own line",
    steps.Barrier: "own line",
    steps.SameFrames: "drop_copy and resend",
    steps.Listed: "own line",
    steps.Alive: "own line",
    steps.NoReceipt: "own line",
}
"""Who sees what a step expects, where the scenario leaves no choice. The first of a scenario's is told."""
