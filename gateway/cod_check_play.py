"""Carries out what the steps of a scenario do, but for the ways to cut a line (`cod_check_cuts`).

Before the cut a step that fails means that the stage could not be set (StageFailedError); what a gateway answers after
it is part of the promise (PromiseBrokenError). A message of the extension range that the gateway refuses as unknown or
disabled means that it does not offer the feature (NotProvableError).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from codec.layout import (
    CancelAllAfterStatus,
    CancelOnDisconnectScope,
    CancelOnDisconnectStatus,
    CancelOrderRejectReason,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    RejectReason,
    Side,
    TimeInForce,
)
from codec.values import Decimal72
from gateway import cod_check_steps as steps
from gateway.cod_check_cuts import CUTS
from gateway.cod_check_judge import amount_text, enum_name
from gateway.cod_check_line import Line, wall
from gateway.cod_check_record import LINE, Ledger, Sighting, amount
from gateway.cod_check_stage import MS, Stage
from gateway.cod_check_verdict import Finding, NotProvableError, PromiseBrokenError, StageFailedError

SCOPES: Final = {"session": CancelOnDisconnectScope.SESSION, "portfolio": CancelOnDisconnectScope.PORTFOLIO}
SIDES: Final = {"buy": Side.BUY, "sell": Side.SELL}
_SCALE: Final = -9
_HEARTBEAT_BYTES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedOrder:
    """An order by the name that the scenario gave it."""

    name: str
    part: str
    order_id: int
    client_order_id: int
    instrument_id: int
    side: Side
    price: int
    covered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """From when on cancels are expected, and until when at the latest. Monotonic ns.

    Attributes:
        time_ns: what times are counted from.
        earliest_ns: before which no cancel may come: a client that is silent is not dead yet, and a grace is a grace.
        ledgers: of the maker and the second, as they stood then.
        line: the one that was cut.
        gone_by_itself: the gateway has yet to find out that the line is dead.
    """

    time_ns: int
    earliest_ns: int
    deadline_ns: int
    ledgers: dict[str, Ledger]
    line: Line | None
    gone_by_itself: bool


class Play:
    """One scenario being played on its stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.orders: dict[str, NamedOrder] = {}
        self.by_order_id: dict[int, NamedOrder] = {}
        self.cut: Mark | None = None
        self.dead_man: Mark | None = None
        self.raced: int | None = None  # how much of it a taker's race has filled, a count of 1e-9; None: there was none
        self._bursts: list[steps.Burst] = []
        self._races: list[steps.Race] = []
        self._arm_sequences = wall(time.monotonic_ns())

    def do(self, step: steps.Step) -> None:
        """Carry out one step."""
        _DO[type(step)](self, step)

    def fail(self, where: str, expected: str, got: str) -> Exception:
        """What is to be raised when the gateway did something else."""
        finding = Finding(where, expected, got)
        return StageFailedError(str(finding)) if self.cut is None else PromiseBrokenError([finding])

    # -- Values --------------------------------------------------------------------------------------------------------

    def price(self, ticks: int) -> int:
        return self.stage.market.price + ticks * self.stage.market.tick

    def quantity(self, lots: int) -> Decimal72:
        return Decimal72(lots * self.stage.market.lot, _SCALE)

    def instrument(self, book: steps.Book) -> int:
        if book == "plain":
            return self.stage.crew.instrument
        if self.stage.crew.bumped_instrument is None:
            raise NotProvableError("no instrument with a speed bump was named (--bumped-instrument)")
        return self.stage.crew.bumped_instrument

    def order_fields(
        self, side: Side, price: int, quantity: Decimal72, instrument_id: int, flags: OrderFlags, **changed: Any
    ) -> dict[str, Any]:
        fields = {
            "client_order_id": self.stage.next_client_order_id(),
            "instrument_id": instrument_id,
            "price": price,
            "quantity": quantity,
            "side": int(side),
            "time_in_force": int(TimeInForce.GTC),
            "flags": int(flags),
        }
        return fields | changed

    # -- Orders --------------------------------------------------------------------------------------------------------

    def enter(self, step: steps.EnterOrder) -> None:
        flags = OrderFlags.CANCEL_ON_DISCONNECT if step.covered and step.flag else OrderFlags(0)
        price, instrument_id = self.price(step.price), self.instrument(step.book)
        fields = self.order_fields(SIDES[step.side], price, self.quantity(step.lots), instrument_id, flags)
        if step.client_order_id_of:
            fields["client_order_id"] = self.orders[step.client_order_id_of].client_order_id
        answer = self.stage.ask(step.by, "NewOrderRequest", fields)
        if not self._accepted(answer, "NewOrderResponse", step.rejected, OrderRejectReason):
            return
        status = answer.fields["status"]
        if status not in (OrderStatus.ACTIVE, OrderStatus.QUEUED):
            raise self.fail("NewOrderResponse.status", "ACTIVE or QUEUED", enum_name(OrderStatus, status))
        self._keep(
            NamedOrder(
                name=step.name,
                part=step.by,
                order_id=answer.fields["order_id"],
                client_order_id=fields["client_order_id"],
                instrument_id=instrument_id,
                side=SIDES[step.side],
                price=price,
                covered=step.covered or self.stage.settings.mode == "always",
            )
        )

    def enter_ladder(self, step: steps.EnterLadder) -> None:
        outward = 1 if step.side == "sell" else -1
        instrument_id, part = self.instrument("plain"), step.by
        entered: dict[int, tuple[str, int]] = {}
        for position in range(step.count):
            price = self.price(step.price + outward * (position % step.levels))
            flags = OrderFlags.CANCEL_ON_DISCONNECT
            fields = self.order_fields(SIDES[step.side], price, self.quantity(1), instrument_id, flags)
            self.stage.put(part, "NewOrderRequest", fields)
            entered[fields["client_order_id"]] = f"{step.name}-{position + 1}", price
        self.stage.line(part).flush()
        if not self.stage.pump(lambda: self._answers(part) >= entered.keys(), self.stage.answer_deadline_ns()):
            raise self.fail(f"answers to {step.count} orders", "all", str(len(self._answers(part) & entered.keys())))
        for order in self.stage.record.ledger(part).open():
            if order.client_order_id in entered:
                name, price = entered[order.client_order_id]
                self._keep(
                    NamedOrder(
                        name=name,
                        part=part,
                        order_id=order.order_id,
                        client_order_id=order.client_order_id,
                        instrument_id=instrument_id,
                        side=SIDES[step.side],
                        price=price,
                        covered=True,
                    )
                )

    def _answers(self, part: str) -> set[int]:
        answers = ("NewOrderResponse", "NewOrderReject")
        return {one.fields["client_order_id"] for one in self.stage.record.of(part, LINE) if one.name in answers}

    def burst(self, step: steps.Burst) -> None:
        self._bursts.append(step)

    def quote(self, step: steps.EnterQuote) -> None:
        if self.stage.crew.mmp_group is None:
            raise NotProvableError("no MMP group was named (--mmp-group)")
        sides = (("bid", Side.BUY, self.price(step.bid)), ("ask", Side.SELL, self.price(step.ask)))
        instrument_id = self.instrument(step.book)
        entry: dict[str, Any] = {"instrument_id": instrument_id}
        for name, _, price in sides:
            entry[f"{name}_price"] = price
            entry[f"{name}_qty"] = self.quantity(step.lots)
            entry[f"{name}_flags"] = int(OrderFlags.CANCEL_ON_DISCONNECT)
        quote_id = self.stage.next_client_order_id()
        fields = {"quote_id": quote_id, "mmp_group_id": self.stage.crew.mmp_group, "flags": 0, "quotes": [entry]}
        answer = self.stage.ask(step.by, "MassQuoteRequest", fields)
        if answer.name != "MassQuoteResponse":
            raise self.fail("answer to MassQuoteRequest", "MassQuoteResponse", _shown(answer))
        told = answer.fields["quotes"][0]
        for name, side, price in sides:
            self._keep(
                NamedOrder(
                    name=f"{step.name}.{name}",
                    part=step.by,
                    order_id=told[f"{name}_order_id"],
                    client_order_id=quote_id,
                    instrument_id=instrument_id,
                    side=side,
                    price=price,
                    covered=True,
                )
            )

    def amend(self, step: steps.Amend) -> None:
        order = self.orders[step.order]
        fields = {
            "client_order_id": order.client_order_id,
            "instrument_id": order.instrument_id,
            "price": self.price(step.price),
            "quantity": self.quantity(step.lots),
        }
        answer = self.stage.ask(step.by, "AmendOrderRequest", fields)
        self._accepted(answer, "AmendOrderResponse", step.rejected, OrderRejectReason)

    def cancel(self, step: steps.Cancel) -> None:
        order = self.orders[step.order]
        fields = {"client_order_id": order.client_order_id, "instrument_id": order.instrument_id}
        answer = self.stage.ask(step.by, "CancelOrderRequest", fields)
        self._accepted(answer, "CancelOrderResponse", step.rejected, CancelOrderRejectReason)

    def take(self, step: steps.Take) -> None:
        filled = self.cross(step.by, SIDES[step.side], self.price(step.price), step.lots, self.instrument("plain"))
        wanted = step.lots * self.stage.market.lot
        if filled != wanted:
            raise self.fail("totalFilled of the crossing order", amount_text(wanted), amount_text(filled))

    def race(self, step: steps.Race) -> None:
        self._races.append(step)

    def _made_race(self, step: steps.Race) -> tuple[bytes, set[int]]:
        """The frames of a race, made but not sent, and their clientOrderIds."""
        ioc = {"time_in_force": int(TimeInForce.IOC)}
        price, instrument_id = self.price(step.price), self.instrument("plain")
        ids: set[int] = set()
        for _ in range(step.count):
            fields = self.order_fields(
                SIDES[step.side], price, self.quantity(step.lots), instrument_id, OrderFlags(0), **ioc
            )
            self.stage.put("taker", "NewOrderRequest", fields)
            ids.add(fields["client_order_id"])
        return self.stage.line("taker").core.take_output(), ids

    def _count_race(self, ids: set[int]) -> int:
        """How much of a race's orders filled, a count of 1e-9."""
        if not self.stage.pump(lambda: self._answers("taker") >= ids, self.stage.answer_deadline_ns()):
            raise self.fail(f"answers to {len(ids)} orders", "all", str(len(self._answers("taker") & ids)))
        answers = self.stage.record.named("taker", "NewOrderResponse", LINE)
        return sum(amount(one.fields["total_filled"]) for one in answers if one.fields["client_order_id"] in ids)

    def cross(self, part: str, side: Side, price: int, lots: int, instrument_id: int) -> int:
        """Send an immediate-or-cancel order; how much of it filled, a count of 1e-9."""
        ioc = {"time_in_force": int(TimeInForce.IOC)}
        fields = self.order_fields(side, price, self.quantity(lots), instrument_id, OrderFlags(0), **ioc)
        answer = self.stage.ask(part, "NewOrderRequest", fields)
        if answer.name != "NewOrderResponse":
            raise self.fail("answer to a crossing order", "NewOrderResponse", _shown(answer))
        if answer.fields["status"] != OrderStatus.QUEUED:
            return amount(answer.fields["total_filled"])
        order_id = answer.fields["order_id"]
        found: list[Sighting] = []

        def released() -> bool:
            placed = self.stage.record.named(part, "OrderPlaced")
            found.extend(one for one in placed if one.fields["order_id"] == order_id)
            return bool(found)

        if not self.stage.pump(released, self.stage.answer_deadline_ns()):
            raise self.fail(
                "a crossing order behind the speed bump",
                "OrderPlaced",
                f"nothing within {self.stage.settings.answer_ms} ms",
            )
        return amount(found[0].fields["total_filled"])

    # -- Switches ------------------------------------------------------------------------------------------------------

    def options(self, step: steps.Options) -> None:
        answer = self.extension(step.by, "SessionOptionsRequest", {"options": int(step.receipts)})
        if answer.name != "SessionOptionsResponse" or bool(answer.fields["options"] & 1) != step.receipts:
            raise PromiseBrokenError(
                [Finding("SessionOptionsResponse.options", str(int(step.receipts)), _shown(answer))]
            )

    def cover(self, step: steps.Cover) -> None:
        fields = {"scope": int(SCOPES[step.scope]), "enabled": int(step.enabled)}
        answer = self.extension(step.by, "CancelOnDisconnectRequest", fields)
        told = answer.fields
        if told["status"] == CancelOnDisconnectStatus.NOT_ENTITLED:
            raise NotProvableError(f"the key of {step.by} is not entitled to the account-wide switch")
        wanted = {"enabled": int(step.enabled)}
        if step.active is not None:
            wanted["active"] = int(step.active)
        if step.covered_orders is not None:
            wanted["covered_orders"] = step.covered_orders
        self._compare(answer, wanted)

    def arm(self, step: steps.DeadMan) -> None:
        fields = {
            "timeout_ms": step.timeout_ms,
            "arm_sequence": None if step.arm_sequence is None else self._arm_sequences + step.arm_sequence,
            "scope": int(CancelOnDisconnectScope.PORTFOLIO),
        }
        begun = time.monotonic_ns()
        answer = self.extension(step.by, "CancelAllAfterRequest", fields)
        status = answer.fields["status"]
        if status == CancelAllAfterStatus.NOT_ENTITLED:
            raise NotProvableError(f"the key of {step.by} is not entitled to the dead man's switch")
        told = enum_name(CancelAllAfterStatus, status)
        if told != step.status:
            raise PromiseBrokenError([Finding("CancelAllAfterResponse.status", step.status, told)])
        if status == CancelAllAfterStatus.ACCEPTED:
            self._compare(answer, {"armed": int(step.timeout_ms > 0)})
            expiry = time.monotonic_ns() + step.timeout_ms * MS
            latest = expiry + self.stage.settings.within_ms * MS
            self.dead_man = Mark(
                time_ns=expiry,
                earliest_ns=begun + step.timeout_ms * MS,
                deadline_ns=latest,
                ledgers=self._ledgers(),
                line=None,
                gone_by_itself=True,
            )

    # -- Lines ---------------------------------------------------------------------------------------------------------

    def log_on(self, step: steps.LogOn) -> None:
        if self.cut is not None and self.cut.line is not None and self.cut.line.part == step.by:
            self.wait_for_the_end()
            if step.reset:  # ends whatever respite there is
                self.cut = replace(self.cut, earliest_ns=self.cut.time_ns)
        try:
            self.stage.log_on(step.by, reset=step.reset, covered=step.cancel_on_disconnect)
        except StageFailedError as failed:
            raise self.fail("a logon of the key", "LogonConf", str(failed)) from None

    def wait_for_the_end(self) -> None:
        """Before the key logs on again: let the gateway find out by itself that the line is dead."""
        mark = self.cut
        if mark is not None and mark.line is not None and mark.gone_by_itself:
            line = mark.line
            self.stage.pump(lambda: not line.is_open, mark.deadline_ns)

    def stop_reading(self, step: steps.StopReading) -> None:
        line = self.stage.line(step.by)
        line.reads = False
        for _ in range(self.stage.settings.unsent_bytes // _HEARTBEAT_BYTES + 1):
            line.core.test_request(wall(time.monotonic_ns()), 1)
        line.flush()
        self.stage.pump(lambda: not line.has_backlog, time.monotonic_ns() + 2_000 * MS)

    def half_frame(self, step: steps.HalfFrame) -> None:
        line = self.stage.line(step.by)
        fields = self.order_fields(
            Side.BUY, self.price(-3), self.quantity(1), self.stage.crew.instrument, OrderFlags.CANCEL_ON_DISCONNECT
        )
        frame = line.frame("NewOrderRequest", {**fields, "correlation_id": 1})
        heard_ns = line.last_sent_ns
        line.send_raw(frame[: len(frame) // 2])
        line.last_sent_ns = heard_ns  # half a frame is no sign of life
        line.talks = False  # whatever it said now would be the rest of that frame

    def wait(self, step: steps.Wait) -> None:
        wait_ms = step.ms + step.intervals * self.stage.heartbeat_interval_ms
        self.stage.pump(lambda: False, time.monotonic_ns() + wait_ms * MS)

    def cut_line(self, step: steps.Cut) -> None:
        stage = self.stage
        line = stage.line(step.of)
        for part, other in stage.lines.items():
            if other.reads and other.talks and not stage.sync(part):
                raise StageFailedError(f"{part} does not answer a TestRequest")
        ledgers = self._ledgers()
        for burst in self._bursts:
            self._send_burst(burst)
        races = [self._made_race(race) for race in self._races]
        taker = stage.line("taker")
        for frames, _ in races:
            taker.send_raw(frames[: len(frames) // 2])
        start = time.monotonic_ns()
        if step.how in ("silence", "frozen"):
            start = line.last_sent_ns
        self.cut = Mark(
            time_ns=start,
            earliest_ns=start + self._respite_ms(step.how) * MS,
            deadline_ns=start + self._allowed_ms(step.how) * MS,
            ledgers=ledgers,
            line=line,
            gone_by_itself=step.how in ("silence", "frozen", "slow_consumer"),
        )
        CUTS[step.how](stage, line, self.cut.deadline_ns)
        for frames, ids in races:
            taker.send_raw(frames[len(frames) // 2 :])
            self.raced = (self.raced or 0) + self._count_race(ids)

    # -- State ---------------------------------------------------------------------------------------------------------

    def _ledgers(self) -> dict[str, Ledger]:
        return {part: self.stage.record.snapshot(part) for part in ("maker", "second")}

    def _respite_ms(self, how: steps.Way) -> int:
        """How long a gateway must leave the orders alone."""
        if how in ("silence", "frozen"):
            return self.stage.heartbeat_interval_ms + self.stage.settings.grace_ms
        return self.stage.settings.grace_ms if how in ("fin", "rst", "half_close") else 0

    def _allowed_ms(self, how: steps.Way) -> int:
        settings = self.stage.settings
        if how in ("silence", "frozen"):
            silence_ms = int(settings.silence_factor * self.stage.heartbeat_interval_ms)
            return silence_ms + settings.grace_ms + settings.within_ms
        if how in ("fin", "rst", "half_close"):
            return settings.grace_ms + settings.within_ms
        return settings.within_ms + (settings.slow_consumer_ms if how == "slow_consumer" else 0)

    def _send_burst(self, step: steps.Burst) -> None:
        for _ in range(step.count):
            fields = self.order_fields(
                SIDES[step.side],
                self.price(step.price),
                self.quantity(1),
                self.instrument(step.book),
                OrderFlags.CANCEL_ON_DISCONNECT,
            )
            self.stage.put(step.by, "NewOrderRequest", fields)

    def _keep(self, order: NamedOrder) -> None:
        self.orders[order.name] = self.by_order_id[order.order_id] = order

    def _accepted(
        self, answer: Sighting, name: str, rejected: str, reasons: type[OrderRejectReason | CancelOrderRejectReason]
    ) -> bool:
        """Whether a request was carried out, as it must be unless a reason is given for its refusal."""
        if not rejected:
            if answer.name != name:
                raise self.fail("answer to the request", name, _shown(answer, reasons))
            return True
        if answer.name == name or enum_name(reasons, answer.fields.get("reason", -1)) != rejected:
            raise self.fail("answer to the request", f"a reject with reason {rejected}", _shown(answer, reasons))
        return False

    def extension(self, part: str, name: str, fields: dict[str, Any]) -> Sighting:
        answer = self.stage.ask(part, name, fields)
        if answer.name == "Reject":
            reason = enum_name(RejectReason, answer.fields["reason"])
            raise NotProvableError(f"the gateway answers {name} with Reject, reason {reason}")
        return answer

    def _compare(self, answer: Sighting, wanted: dict[str, int]) -> None:
        findings = [
            Finding(f"{answer.name}.{field}", str(expected), str(answer.fields[field]))
            for field, expected in wanted.items()
            if answer.fields[field] != expected
        ]
        if findings:
            raise PromiseBrokenError(findings)


def _shown(answer: Sighting, reasons: type[OrderRejectReason | CancelOrderRejectReason] = OrderRejectReason) -> str:
    """An answer as findings show it."""
    if "reason" not in answer.fields:
        return answer.name
    kind = RejectReason if answer.name == "Reject" else reasons
    details = answer.fields.get("details", "")
    reason = enum_name(kind, answer.fields["reason"])
    return f"{answer.name} with reason {reason}" + (f" ({details})" if details else "")


_DO: Final[dict[type[steps.Step], Callable[[Play, Any], None]]] = {
    steps.EnterOrder: Play.enter,
    steps.EnterLadder: Play.enter_ladder,
    steps.Burst: Play.burst,
    steps.EnterQuote: Play.quote,
    steps.Amend: Play.amend,
    steps.Cancel: Play.cancel,
    steps.Take: Play.take,
    steps.Race: Play.race,
    steps.Options: Play.options,
    steps.Cover: Play.cover,
    steps.DeadMan: Play.arm,
    steps.LogOn: Play.log_on,
    steps.StopReading: Play.stop_reading,
    steps.HalfFrame: Play.half_frame,
    steps.Wait: Play.wait,
    steps.Cut: Play.cut_line,
}
