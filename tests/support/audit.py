"""What drop copy says of each order, added up: it opens once and closes once, and is not heard of between."""

from typing import Any

from codec import messages
from codec.layout import CancelReason, OrderStatus, QuoteStatus

KEPT = (QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED)
OPEN = (OrderStatus.ACTIVE, OrderStatus.QUEUED)
FULLY_FILLED = 2


class Audit:
    """`open` is what had filled of each open order."""

    def __init__(self) -> None:
        self.open: dict[int, int] = {}
        self.closed: set[int] = set()
        self.replaced: set[int] = set()
        """Quotes in whose place others stand: who lost one to another session, or at a fence, is still told."""
        self.standing: dict[tuple[int, ...], int] = {}

    def see(self, frame: bytes) -> None:
        event = messages.decode(frame)
        if event.name != "DropCopyEvent":
            return
        inner = messages.decode(event.fields["frame"])  # type: ignore[arg-type]
        handler = getattr(self, f"_{inner.name}", None)
        if handler is not None:
            handler(inner.fields, event.fields["portfolio_id"])

    def _opens(self, order_id: int, filled: int, is_open: bool) -> None:
        assert order_id not in self.open.keys() | self.closed | self.replaced
        if is_open:
            self.open[order_id] = filled
        else:
            self.closed.add(order_id)

    def _close(self, order_id: int) -> None:
        del self.open[order_id]
        self.closed.add(order_id)

    def _NewOrderResponse(self, fields: Any, _portfolio: int) -> None:
        self._opens(fields["order_id"], fields["total_filled"].mantissa, fields["status"] in OPEN)

    def _AmendOrderResponse(self, fields: Any, _portfolio: int) -> None:
        order_id, filled = fields["order_id"], fields["total_filled"].mantissa
        if fields["correlation_id"] is None:
            # The submitter's copy of what the amender was told: nothing new.
            assert self.open.get(order_id, filled) == filled
            return
        assert self.open[order_id] + sum(fill["fill_qty"].mantissa for fill in fields["fills"]) == filled
        self.open[order_id] = filled
        if fields["status"] not in OPEN:
            self._close(order_id)

    def _OrderPlaced(self, fields: Any, _portfolio: int) -> None:
        # The submitter hears of another's amend as well, and that is nothing new.
        if fields["order_id"] not in self.closed:
            self._placed(fields, fields["fills"], was_told=self.open[fields["order_id"]] > 0)

    def _MassQuoteOrdersPlaced(self, fields: Any, _portfolio: int) -> None:
        for entry in fields["orders"]:
            self._placed(entry, fields["fills"], was_told=False)

    def _placed(self, fields: Any, fills: Any, was_told: bool) -> None:
        """What waited is open still, or closed; with its fills, unless they were told."""
        order_id, filled = fields["order_id"], fields["total_filled"].mantissa
        with_fills = self.open[order_id] + sum(fill["fill_qty"].mantissa for fill in fills)
        assert filled == with_fills or (was_told and filled == self.open[order_id])
        self.open[order_id] = filled
        if fields["status"] not in OPEN:
            self._close(order_id)

    def _CancelOrderResponse(self, fields: Any, _portfolio: int) -> None:
        if fields["correlation_id"] is not None:
            self._close(fields["order_id"])

    def _MassQuoteResponse(self, fields: Any, portfolio: int) -> None:
        for quote in fields["quotes"]:
            for side in ("bid", "ask"):
                slot = (portfolio, fields["mmp_group_id"], quote["instrument_id"], side == "bid")
                filled = quote[f"{side}_filled_qty"].mantissa
                self._quoted(slot, quote[f"{side}_status"], quote[f"{side}_order_id"], filled)

    def _quoted(self, slot: tuple[int, ...], status: int, order_id: int | None, filled: int) -> None:
        if order_id is None:
            return
        if status in KEPT or (status == QuoteStatus.SPEED_BUMPED and self.standing.get(slot) == order_id):
            assert (self.standing[slot], self.open[order_id]) == (order_id, filled)
        elif status == QuoteStatus.CANCELED_BY_REQUEST or (
            status == QuoteStatus.CANCELED_BY_MMP and order_id in self.open
        ):
            assert self.open.pop(order_id) == filled
            self.replaced.add(order_id)
        else:
            previous = self.standing.get(slot)
            if previous in self.open:
                del self.open[previous]
                self.replaced.add(previous)
            self._opens(order_id, filled, status in (QuoteStatus.UPDATED, QuoteStatus.SPEED_BUMPED))
            self.standing[slot] = order_id

    def _OrderFilled(self, fields: Any, _portfolio: int) -> None:
        for fill in fields["fills"]:
            self.open[fill["order_id"]] += fill["fill_qty"].mantissa
            assert self.open[fill["order_id"]] == fill["total_filled"].mantissa
            if fill["flags"] & FULLY_FILLED:
                self._close(fill["order_id"])

    def _OrdersCanceled(self, fields: Any, _portfolio: int) -> None:
        for entry in fields["orders"]:
            order_id = entry["order_id"]
            if order_id in self.open:
                assert self.open[order_id] == entry["total_filled"].mantissa
                self._close(order_id)
            elif order_id in self.replaced:
                self.replaced.remove(order_id)
                self.closed.add(order_id)
            else:
                # The same cancel was told to the canceller in 220 first, where another session asked for it.
                assert entry["cancel_reason"] == CancelReason.BY_REQUEST
                assert order_id in self.closed
