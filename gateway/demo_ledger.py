"""The demo's book-keeping: what became of each order, as the drop copy tells it, held against what the others say.

The watcher's lines are the record. The taker's lines must name the same fills from the other side, a maker's own lines
the same ends. Every contradiction is a fault in words; a demo with one fault has failed. Amounts are counts of 1e-9.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from codec.layout import CancelReason, OrderStatus

Record = dict[str, Any]


class Fill(NamedTuple):
    match_id: int
    quantity: int
    total_filled: int
    ns: int


class Cancel(NamedTuple):
    """`number` is that of the frame in the stream of the order's session; reason BY_REQUEST for its own request."""

    reason: int
    total_filled: int
    number: int
    ns: int


@dataclass
class Fate:
    """One order of the portfolio, from its acknowledgement to its end."""

    origin: str
    act: int
    client_order_id: int
    order_id: int
    quantity: int
    fills: list[Fill] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)

    @property
    def filled(self) -> int:
        return sum(fill.quantity for fill in self.fills)

    @property
    def is_filled(self) -> bool:
        return self.filled == self.quantity

    @property
    def is_open(self) -> bool:
        return not self.cancels and not self.is_filled

    @property
    def is_partial(self) -> bool:
        return 0 < self.filled < self.quantity

    def faults(self, reason: CancelReason) -> Iterator[str]:
        """What keeps this from being an order that ended exactly once: filled, or cancelled for this reason."""
        if self.filled > self.quantity:
            yield f"{self}: {self.filled} filled of {self.quantity}"
        if self.fills and self.fills[-1].total_filled != self.filled:
            yield f"{self}: the last totalFilled was {self.fills[-1].total_filled}, the fills add up to {self.filled}"
        if self.is_filled and self.cancels:
            yield f"{self}: cancelled although it was filled"
        if len(self.cancels) > 1:
            yield f"{self}: cancelled {len(self.cancels)} times"
        if self.is_open:
            yield f"{self}: neither filled nor cancelled"
        for cancel in self.cancels:
            if cancel.reason != reason:
                yield f"{self}: wanted cancelReason {reason.value}, was {cancel.reason}"
            if cancel.total_filled != self.filled:
                yield f"{self}: cancelled with totalFilled {cancel.total_filled}, the fills add up to {self.filled}"

    def __str__(self) -> str:
        return f"order {self.order_id} of {self.origin}"


class Ledger:
    """Everything that the portfolio's drop copy told, and the taker's side of the fills."""

    def __init__(self) -> None:
        self.act = 0
        self.fates: dict[int, Fate] = {}
        self.taken: dict[int, int] = {}
        self.faults: list[str] = []

    # -- Queries -------------------------------------------------------------------------------------------------------

    def of(self, origin: str, act: int | None = None) -> list[Fate]:
        """The orders of a session, of one act or all, in the order of their entry."""
        return [fate for fate in self.fates.values() if fate.origin == origin and act in (None, fate.act)]

    def open_of(self, origin: str) -> list[Fate]:
        return [fate for fate in self.of(origin) if fate.is_open]

    def audit(self, makers: Iterable[str], bystander: str) -> list[str]:
        """Every fault there is: the makers' orders ended with their sessions, the bystander's by its own request."""
        found = list(self.faults)
        for origin in makers:
            for fate in self.of(origin):
                found += fate.faults(CancelReason.CLIENT_DISCONNECT)
        for fate in self.of(bystander):
            found += fate.faults(CancelReason.BY_REQUEST)
            if fate.fills:
                found.append(f"{fate}: traded, though nobody offered its price")
        return [*found, *self._unmatched()]

    def contradictions(self, origin: str, own: Iterable[Record]) -> list[str]:
        """Where a session's own record of its cancels (its `canceled` lines) differs from the drop copy's."""
        told = {record["order_id"]: (record["reason"], record["total_filled"], record["number"]) for record in own}
        copied = {
            fate.order_id: (cancel.reason, cancel.total_filled, cancel.number)
            for fate in self.of(origin)
            for cancel in fate.cancels
            if fate.order_id in told
        }
        return [
            f"order {order_id} of {origin}: told {told[order_id]} (reason, totalFilled, number),"
            f" copied {copied.get(order_id)}"
            for order_id in told
            if told[order_id] != copied.get(order_id)
        ]

    def _unmatched(self) -> Iterator[str]:
        """Fills that only one side was told of, or differently."""
        made = {fill.match_id: fill.quantity for fate in self.fates.values() for fill in fate.fills}
        for match_id in sorted(made.keys() | self.taken.keys()):
            if made.get(match_id) != self.taken.get(match_id):
                yield f"match {match_id}: maker told {made.get(match_id)}, taker told {self.taken.get(match_id)}"

    # -- Events --------------------------------------------------------------------------------------------------------

    def copied(self, record: Record) -> None:
        """A line of the watcher."""
        if record["event"] != "copy":
            return
        for entry in record["orders"]:
            match record["name"]:
                case "NewOrderResponse":
                    self._entered(record, entry)
                case "OrderFilled":
                    self._filled(record, entry)
                case "CancelOrderResponse":
                    self._canceled(record, entry, CancelReason.BY_REQUEST)
                case "OrdersCanceled":
                    self._canceled(record, entry, entry["cancel_reason"])

    def taker(self, record: Record) -> None:
        """A line of the taker."""
        if record["event"] == "filled":
            match_id = record["fill"]["match_id"]
            if match_id in self.taken:
                self.faults.append(f"match {match_id}: told to the taker twice")
            self.taken[match_id] = record["fill"]["quantity"]

    def _entered(self, record: Record, entry: Record) -> None:
        order_id = entry["order_id"]
        if order_id in self.fates:
            self.faults.append(f"{self.fates[order_id]}: acknowledged twice")
        elif entry["status"] != OrderStatus.ACTIVE:
            self.faults.append(f"order {order_id} of {record['origin']}: wanted to rest, status was {entry['status']}")
        else:
            fate = Fate(record["origin"], self.act, entry["client_order_id"], order_id, entry["quantity"])
            self.fates[order_id] = fate

    def _filled(self, record: Record, entry: Record) -> None:
        fate = self._known(record, entry)
        if fate is None:
            return
        if fate.cancels:
            self.faults.append(f"{fate}: filled after it was reported cancelled")
        fate.fills.append(Fill(entry["match_id"], entry["fill_qty"], entry["total_filled"], record["ns"]))

    def _canceled(self, record: Record, entry: Record, reason: int) -> None:
        fate = self._known(record, entry)
        if fate is not None:
            fate.cancels.append(Cancel(reason, entry["total_filled"], record["number"], record["ns"]))

    def _known(self, record: Record, entry: Record) -> Fate | None:
        fate = self.fates.get(entry["order_id"])
        if fate is None or fate.origin != record["origin"]:
            self.faults.append(f"{record['name']} for order {entry['order_id']} of {record['origin']}: no such order")
            return None
        return fate
