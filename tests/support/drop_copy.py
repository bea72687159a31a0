"""A drop-copy observer that keeps the books: what is open, by what the gateway itself reported."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from support.connection import Connection
from support.frames import (
    ACTIVE,
    IS_FULLY_FILLED,
    IS_LAST_MESSAGE,
    QTY_REDUCED,
    UNMODIFIED,
    UPDATED,
    Frame,
)
from support.processes import DEADLINE_S
from support.wire_receipts import faults_of


@dataclass
class Resting:
    """An open order as drop copy told of it; quantities at 1e-9."""

    origin: str
    client_order_id: int
    quantity: int
    filled: int


class Ledger:
    """Open orders of a portfolio, from DropCopyEvents. What contradicts them is a fault."""

    def __init__(self) -> None:
        self.open: dict[int, Resting] = {}
        self.quoted: dict[tuple[int, int, str], int] = {}
        """Order ids by MMP group, instrument and side."""
        self.canceled: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.cancel_frames: dict[str, list[Frame]] = defaultdict(list)
        self.taken: dict[int, tuple[int, int]] = {}
        self.made: dict[int, tuple[int, int]] = {}
        self.faults: list[str] = []
        self._last_order_id = 0
        self._last: dict[str, tuple[int, int, int]] = {}

    def of(self, origin: str) -> dict[int, Resting]:
        return {order_id: resting for order_id, resting in self.open.items() if resting.origin == origin}

    def see(self, event: Frame) -> None:
        origin = event.fields["originClientId"]
        frame = event.inner
        self._check_order(origin, event, frame)
        handler = getattr(self, f"_{frame.name}", None)
        if handler:
            handler(origin, frame)

    def _check_order(self, origin: str, event: Frame, frame: Frame) -> None:
        if frame.name == "CancelOnDisconnectReceipt" and event.fields["originSequenceNumber"] is None:
            if frame.number != 0:
                self.faults.append(f"{origin}: number {frame.number} in a receipt that is in no stream")
            return
        epoch, number, exec_id = self._last.get(origin, (0, 0, 0))
        # A receipt has no execId.
        key = (event.fields["sessionEpoch"], event.fields["originSequenceNumber"], frame.fields.get("execId", exec_id))
        if key[0] < epoch or (key[0] == epoch and key[1] <= number) or key[2] < exec_id:
            self.faults.append(f"{origin}: {frame.name} at {key} after {(epoch, number, exec_id)}")
        if frame.number != event.fields["originSequenceNumber"]:
            self.faults.append(f"{origin}: originSequenceNumber {event.fields} around {frame.header}")
        self._last[origin] = key

    def _NewOrderResponse(self, origin: str, frame: Frame) -> None:
        fields = frame.fields
        if fields["orderId"] <= self._last_order_id:
            self.faults.append(f"orderId {fields['orderId']} after {self._last_order_id}")
        self._last_order_id = fields["orderId"]
        for fill in fields["fills"]:
            self.taken[fill["matchId"]] = (fill["fillPrice"], fill["fillQty"][0])
        if fields["status"] == ACTIVE:
            self.open[fields["orderId"]] = Resting(
                origin, fields["clientOrderId"], fields["quantity"][0], fields["totalFilled"][0]
            )

    def _OrderFilled(self, origin: str, frame: Frame) -> None:
        for fill in frame.fields["fills"]:
            self.made[fill["matchId"]] = (fill["price"], fill["fillQty"][0])
            resting = self._standing(origin, fill["orderId"], fill["clientOrderId"], "filled")
            if resting is None:
                continue
            resting.filled += fill["fillQty"][0]
            complete = bool(fill["flags"] & IS_FULLY_FILLED)
            if resting.filled != fill["totalFilled"][0] or complete != (resting.filled == resting.quantity):
                self.faults.append(f"{origin}: fill {fill} of {resting}")
            if complete:
                del self.open[fill["orderId"]]

    def _OrdersCanceled(self, origin: str, frame: Frame) -> None:
        self.cancel_frames[origin].append(frame)
        if not frame.fields["orders"]:
            self.faults.append(f"{origin}: OrdersCanceled without orders")
        for entry in frame.fields["orders"]:
            self.canceled[origin].append(entry)
            resting = self._standing(origin, entry["orderId"], entry["clientOrderId"], "cancelled")
            if resting and resting.filled != entry["totalFilled"][0]:
                self.faults.append(f"{origin}: cancel {entry} of {resting}")
            self.open.pop(entry["orderId"], None)

    def _CancelOnDisconnectReceipt(self, origin: str, frame: Frame) -> None:
        """It must be true of the cancels before it, unless drop copy was not there when the first of them was told."""
        first = frame.fields["firstSequenceNumber"]
        cancels: list[Frame] = []
        if first is not None:
            exec_ids = [seen.fields["execId"] for seen in self.cancel_frames[origin] if seen.number == first]
            if not exec_ids:
                return
            cancels = [seen for seen in self.cancel_frames[origin] if seen.fields["execId"] == exec_ids[-1]]
        self.faults += [f"{origin}: {fault} of {frame.fields}" for fault in faults_of(frame.fields, cancels)]

    def _MassQuoteResponse(self, origin: str, frame: Frame) -> None:
        fields = frame.fields
        for fill in (*fields["bidFills"], *fields["askFills"]):
            self.taken[fill["matchId"]] = (fill["fillPrice"], fill["fillQty"][0])
        for entry in fields["quotes"]:
            for which in ("bid", "ask"):
                place = (fields["mmpGroupId"], entry["instrumentId"], which)
                told = {name.removeprefix(which): value for name, value in entry.items() if name.startswith(which)}
                self._quote_side(origin, fields["quoteId"], place, told)

    def _quote_side(self, origin: str, quote_id: int, place: tuple[int, int, str], told: dict[str, Any]) -> None:
        standing = self.quoted.get(place)
        resting = None if standing is None else self.open.get(standing)
        if told["Status"] in (UNMODIFIED, QTY_REDUCED):
            if resting is None or standing != told["OrderId"] or resting.filled != told["FilledQty"][0]:
                self.faults.append(f"{origin}: quote {told} kept of {standing}: {resting}")
            else:
                resting.quantity = resting.filled + told["Qty"][0]
            return
        if standing is not None and resting is not None and resting.origin == origin:
            del self.open[standing]  # another session's quote is told of in its own stream
        if told["Status"] == UPDATED:
            filled = told["FilledQty"][0]
            self.quoted[place] = told["OrderId"]
            self.open[told["OrderId"]] = Resting(origin, quote_id, filled + told["Qty"][0], filled)

    def _AmendOrderResponse(self, origin: str, frame: Frame) -> None:
        fields = frame.fields
        for fill in fields["fills"]:
            self.taken[fill["matchId"]] = (fill["fillPrice"], fill["fillQty"][0])
        resting = self.open.get(fields["orderId"])
        if resting is None or resting.origin != origin:
            return  # The amender's copy of an amend across sessions.
        filled = resting.filled + sum(fill["fillQty"][0] for fill in fields["fills"])
        if filled != fields["totalFilled"][0]:
            self.faults.append(f"{origin}: amend {fields} of {resting}")
        resting.quantity, resting.filled = fields["quantity"][0], filled
        if fields["status"] != ACTIVE:
            del self.open[fields["orderId"]]

    def _CancelOrderResponse(self, origin: str, frame: Frame) -> None:
        fields = frame.fields
        resting = self.open.get(fields["orderId"])
        if resting is None or resting.origin != origin:
            return  # The canceller's copy of a cancel across sessions: the owner's stream tells of it as well.
        told = fields.get("totalFilled", [resting.filled])[0]
        if resting.filled != told:
            self.faults.append(f"{origin}: cancel {fields} of {resting}")
        del self.open[fields["orderId"]]

    def _standing(self, origin: str, order_id: int, client_order_id: int, what: str) -> Resting | None:
        resting = self.open.get(order_id)
        if resting is None:
            self.faults.append(f"{origin}: order {order_id} was {what} but is not open")
        elif (resting.origin, resting.client_order_id) != (origin, client_order_id):
            self.faults.append(f"{origin}: {client_order_id} was {what} but {order_id} is {resting}")
        return resting


class DropCopy(Connection):
    """A connection that logs on with a drop-copy key and adds up what it is sent."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.ledger = Ledger()
        self.seen: dict[str, list[Frame]] = defaultdict(list)
        self._syncs = 0
        super().__init__(*arguments, **options)

    def on_frame(self, frame: Frame) -> None:
        if frame.name == "DropCopyEvent" and not frame.resent and not frame.problems:
            self.seen[frame.fields["originClientId"]].append(frame)
            self.ledger.see(frame)

    def wait_for(self, condition: Callable[[Ledger], bool], what: str, timeout_s: float = DEADLINE_S) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: condition(self.ledger), timeout_s):
                raise AssertionError(f"drop copy waited {timeout_s} s for {what}; {self.ledger.open=}")

    def remaining(self, origin: str) -> dict[int, Decimal]:
        """What remains now of each open order of `origin`."""
        with self._changed:
            return {
                order_id: Decimal(resting.quantity - resting.filled).scaleb(-9)
                for order_id, resting in self.ledger.of(origin).items()
            }

    def wait_for_open(self, origin: str, count: int) -> None:
        self.wait_for(lambda ledger: len(ledger.of(origin)) == count, f"{count} open orders of {origin}")

    def wait_for_fire(self, origin: str) -> list[dict[str, Any]]:
        """Wait for the last OrdersCanceled of the first event that cancels orders of `origin`; all its entries.

        Checks that it is one event: one execId and timestamp, the last-message flag on the last frame only.
        """
        self.wait_for(
            lambda ledger: any(f.fields["flags"] & IS_LAST_MESSAGE for f in ledger.cancel_frames[origin]),
            f"the last OrdersCanceled of {origin}",
        )
        frames = self.ledger.cancel_frames[origin]
        assert len({(frame.fields["execId"], frame.fields["timestamp"]) for frame in frames}) == 1
        assert [frame.fields["flags"] for frame in frames] == [0] * (len(frames) - 1) + [IS_LAST_MESSAGE]
        return self.ledger.canceled[origin]

    def sync(self) -> None:
        """Wait until everything that was put to this session before now has arrived."""
        self._syncs += 1
        echo = {"correlationId": -self._syncs}
        self.send("TestRequest", **echo)
        self.wait_for(
            lambda _: any(frame.name == "Heartbeat" and frame.fields == echo for frame in reversed(self.frames)),
            "the echo of a TestRequest",
        )

    def inner_frames(self, origin: str) -> list[Frame]:
        """Every frame of that session's stream that drop copy was shown."""
        return [event.inner for event in self.seen[origin]]
