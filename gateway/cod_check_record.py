"""What `breakwire cod-check` has seen of the sessions' streams, and what follows from it about each order.

A sighting is one message of one session's stream, seen somewhere: on the session's own line, or in drop copy. The same
message seen twice (live and resent, on the line and in drop copy) is one event; told twice in one place, it is not.
No socket and no clock here: verdicts are functions of the record.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from codec.layout import FLAG_RESEND, CancelFlags, OrderStatus, QuoteStatus
from codec.values import Decimal72, Message
from codec.wire import to_fixed

LINE: Final = "line"
DROP_COPY: Final = "drop_copy"

_STANDING: Final = (OrderStatus.ACTIVE, OrderStatus.QUEUED)
_ON_THE_BOOK: Final = (QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED, QuoteStatus.UPDATED, QuoteStatus.SPEED_BUMPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One message of the stream of `part`; `time_ns` is monotonic, a part's connections are counted from 1."""

    time_ns: int
    part: str
    where: str
    message: Message
    connection: int = 1

    @property
    def name(self) -> str:
        return self.message.name

    @property
    def number(self) -> int:
        return self.message.header.sequence_number

    @property
    def is_resent(self) -> bool:
        return bool(self.message.header.flags & FLAG_RESEND)

    @property
    def fields(self) -> dict[str, Any]:
        return dict(self.message.fields)

    @property
    def event(self) -> tuple[str, str]:
        """The same for each sighting of the same event, wherever and under whatever number it was told."""
        return self.name, repr(self.message.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTold:
    """An order's entry in OrdersCanceled, when it was first seen."""

    time_ns: int
    number: int
    exec_id: int
    timestamp: int
    client_order_id: int
    instrument_id: int
    total_filled: int
    cancel_reason: int
    is_quote: bool


@dataclass(slots=True, kw_only=True)
class OrderFacts:
    """What the messages of its session say of one order. Amounts are counts of 1e-9."""

    order_id: int
    client_order_id: int
    instrument_id: int
    price: int = 0
    quantity: int = 0
    total_filled: int = 0
    is_quote: bool = False
    is_queued: bool = False
    is_open: bool = True
    cancels: list[CancelTold] = field(default_factory=list)
    filled_after_cancel: int = 0

    @property
    def left(self) -> int:
        return self.quantity - self.total_filled


class Ledger:
    """The orders of one session as its messages tell of them, each event taken once, in the order first seen."""

    def __init__(self, sightings: Iterable[Sighting] = ()) -> None:
        self.orders: dict[int, OrderFacts] = {}
        self._seen: set[tuple[str, str]] = set()
        for sighting in sightings:
            self.take(sighting)

    def take(self, sighting: Sighting) -> None:
        """Take in one more."""
        take = _TAKERS.get(sighting.name)
        if take is not None and sighting.event not in self._seen:
            self._seen.add(sighting.event)
            take(self, sighting)

    def open(self) -> list[OrderFacts]:
        return [order for order in self.orders.values() if order.is_open]

    def _entered(self, sighting: Sighting) -> None:
        fields = sighting.fields
        status = fields["status"]
        self.orders[fields["order_id"]] = OrderFacts(
            order_id=fields["order_id"],
            client_order_id=fields["client_order_id"],
            instrument_id=fields["instrument_id"],
            price=fields["price"],
            quantity=amount(fields["quantity"]),
            total_filled=amount(fields["total_filled"]),
            is_queued=status == OrderStatus.QUEUED,
            is_open=status in _STANDING,
        )

    def _changed(self, sighting: Sighting) -> None:
        """Of 210 and 312; one that another session's request brought changes nothing that is not ours."""
        self._set(sighting.fields)

    def _set(self, fields: dict[str, Any]) -> None:
        order = self.orders.get(fields["order_id"])
        if order is None:
            return
        order.price = fields["price"]
        order.quantity = amount(fields["quantity"])
        order.total_filled = amount(fields["total_filled"])
        order.is_queued = fields["status"] == OrderStatus.QUEUED
        order.is_open = order.is_open and fields["status"] in _STANDING

    def _cancelled_by_request(self, sighting: Sighting) -> None:
        order = self.orders.get(sighting.fields["order_id"])
        if order is not None:
            order.is_open = False

    def _quoted(self, sighting: Sighting) -> None:
        fields = sighting.fields
        for entry in fields["quotes"]:
            for side in ("bid", "ask"):
                if entry[f"{side}_status"] not in _ON_THE_BOOK:
                    continue
                filled = amount(entry[f"{side}_filled_qty"])
                order_id = entry[f"{side}_order_id"]
                self.orders[order_id] = OrderFacts(
                    order_id=order_id,
                    client_order_id=fields["quote_id"],
                    instrument_id=entry["instrument_id"],
                    price=entry[f"{side}_price"],
                    quantity=amount(entry[f"{side}_qty"]) + filled,
                    total_filled=filled,
                    is_quote=True,
                    is_queued=entry[f"{side}_status"] == QuoteStatus.SPEED_BUMPED,
                )

    def _quotes_placed(self, sighting: Sighting) -> None:
        for entry in sighting.fields["orders"]:
            self._set(entry)

    def _filled(self, sighting: Sighting) -> None:
        for entry in sighting.fields["fills"]:
            order = self.orders.get(entry["order_id"])
            if order is None:
                continue
            order.total_filled = amount(entry["total_filled"])
            if order.cancels:
                order.filled_after_cancel += amount(entry["fill_qty"])
            if order.left <= 0:
                order.is_open = False

    def _cancelled(self, sighting: Sighting) -> None:
        fields = sighting.fields
        for entry in fields["orders"]:
            order = self.orders.setdefault(
                entry["order_id"],
                OrderFacts(
                    order_id=entry["order_id"],
                    client_order_id=entry["client_order_id"],
                    instrument_id=entry["instrument_id"],
                    is_open=False,
                ),
            )
            order.is_open = False
            order.cancels.append(
                CancelTold(
                    time_ns=sighting.time_ns,
                    number=sighting.number,
                    exec_id=fields["exec_id"],
                    timestamp=fields["timestamp"],
                    client_order_id=entry["client_order_id"],
                    instrument_id=entry["instrument_id"],
                    total_filled=amount(entry["total_filled"]),
                    cancel_reason=entry["cancel_reason"],
                    is_quote=bool(entry["flags"] & CancelFlags.IS_QUOTE),
                )
            )


_TAKERS: Final = {
    "NewOrderResponse": Ledger._entered,
    "AmendOrderResponse": Ledger._changed,
    "OrderPlaced": Ledger._changed,
    "CancelOrderResponse": Ledger._cancelled_by_request,
    "MassQuoteResponse": Ledger._quoted,
    "MassQuoteOrdersPlaced": Ledger._quotes_placed,
    "OrderFilled": Ledger._filled,
    "OrdersCanceled": Ledger._cancelled,
}


class Record:
    """Everything seen in one scenario, in the order in which it was seen."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self._ledgers: dict[tuple[str, str | None], Ledger] = {}

    def add(self, sighting: Sighting) -> None:
        """Something was seen."""
        self.sightings.append(sighting)
        for where in (None, sighting.where):
            self.ledger(sighting.part, where).take(sighting)

    def of(self, part: str, where: str | None = None) -> list[Sighting]:
        """The stream of one session, seen anywhere or in one place."""
        return [
            sighting
            for sighting in self.sightings
            if sighting.part == part and (where is None or sighting.where == where)
        ]

    def named(self, part: str, name: str, where: str | None = None) -> list[Sighting]:
        return [sighting for sighting in self.of(part, where) if sighting.name == name]

    def ledger(self, part: str, where: str | None = None) -> Ledger:
        """Of one session's orders, as seen anywhere or in one place. It goes on with what is seen from here on."""
        return self._ledgers.setdefault((part, where), Ledger())

    def snapshot(self, part: str) -> Ledger:
        """The same as it stands now, for good."""
        return Ledger(self.of(part))


def amount(value: Decimal72 | tuple[int, int] | None) -> int:
    """A quantity as a count of 1e-9; null is 0."""
    return 0 if value is None else to_fixed(value) or 0


def told_twice(sightings: Sequence[Sighting]) -> list[int]:
    """Orders whose cancel one line told twice; what is resent, or issued again in a new stream, is not meant."""
    found: list[int] = []
    told: set[tuple[str, int, int]] = set()
    for sighting in sightings:
        if sighting.name == "OrdersCanceled" and not sighting.is_resent:
            for entry in sighting.fields["orders"]:
                key = (sighting.where, sighting.connection, entry["order_id"])
                if key in told:
                    found.append(entry["order_id"])
                told.add(key)
    return found
