"""Mass quotes and mass cancels said again in plain Python, over the orders of a NaiveEngine."""

from collections.abc import Sequence

from codec.layout import (
    CancelReason,
    MassQuoteRejectReason,
    OrderFlags,
    OrderRejectReason,
    ProductType,
    QuoteStatus,
    SelfTradingMode,
    Side,
    TimeInForce,
)
from gateway.engine_types import (
    EventRecord,
    MassQuoteRecord,
    MmpGroupSpec,
    OutcomeRecord,
    QuoteRecord,
    QuoteSideRecord,
)
from gateway.limits import QUOTES_PER_MASS_QUOTE_MAX
from support.naive_engine import NaiveEngine, NaiveOrder, NewOrder
from support.naive_mmp import Key

Terms = tuple[int | None, int | None, int]
Entry = tuple[int, Terms, Terms]

TAGGED = OrderFlags.CANCEL_ON_DISCONNECT
NO_REASON = -128
SENSELESS = OrderFlags.MARKET_LIMIT | OrderFlags.MMP | OrderFlags.RESET_MMP
STOPPED = {
    CancelReason.SELF_MATCH_PREVENTION: QuoteStatus.CANCELED_BY_SELF_MATCH,
    CancelReason.MM_PROTECTION: QuoteStatus.CANCELED_BY_MMP,
    CancelReason.TIME_IN_FORCE: QuoteStatus.INACTIVE,
}
POST_ONLY = OrderFlags.POST_ONLY | OrderFlags.POST_ONLY_REJECT


class NaiveQuotes:
    """What the compiled engine keeps in slots is searched for among all orders."""

    def __init__(self, engine: NaiveEngine) -> None:
        self.engine = engine
        self.events: list[EventRecord] = []

    def mass_quote(
        self,
        owner: int,
        quote_id: int | None,
        mmp_group_id: int | None,
        entries: Sequence[Entry],
        *,
        smp_token: int | None = None,
        epoch: int = 1,
        covered: bool = True,
        reset_mmp: bool = False,
        time: int = 0,
    ) -> MassQuoteRecord:
        group = self.group_of(owner, mmp_group_id)
        reason = self.reason_to_refuse(owner, quote_id, group, entries, epoch, reset_mmp)
        if reason is not None:
            return MassQuoteRecord("rejected", reason, 0, "", (), ())
        assert group is not None
        self.events = []
        told = []
        for instrument_id, *sides in entries:
            asked = [
                NewOrder(
                    owner, quote_id, instrument_id, side, price, quantity, TimeInForce.GTC, flags, smp_token,
                    SelfTradingMode.CANCEL_TAKER, None, covered or bool(flags & TAGGED), epoch, time,
                )
                for side, (price, quantity, flags) in zip((Side.BUY, Side.SELL), sides, strict=True)
            ]  # fmt: skip
            self.open_slot(group, instrument_id)
            # Whatever stood and does not stay goes from both sides before either is entered.
            before = [self.revise(order, group) for order in asked]
            after = [self.place(order, group, said) for order, said in zip(asked, before, strict=True)]
            told.append(QuoteRecord(instrument_id, after[0], after[1]))
        if self.engine.mmp.is_frozen(key_of(group)):
            self.tell_protection(owner, group, told)
        return MassQuoteRecord("accepted", 0, 0, "", tuple(told), tuple(self.events))

    def reason_to_refuse(
        self,
        owner: int,
        quote_id: int | None,
        group: MmpGroupSpec | None,
        entries: Sequence[Entry],
        epoch: int,
        reset_mmp: bool,
    ) -> MassQuoteRejectReason | None:
        engine = self.engine
        if engine.is_over(owner, epoch):
            return MassQuoteRejectReason.SYSTEM_ERROR
        if engine.owners[owner].portfolio in engine.locked:
            return MassQuoteRejectReason.PORTFOLIO_LOCKED
        if len(entries) > QUOTES_PER_MASS_QUOTE_MAX:
            return MassQuoteRejectReason.TOO_MANY_QUOTES
        if quote_id is None:
            return MassQuoteRejectReason.SYSTEM_ERROR
        if group is None:
            return MassQuoteRejectReason.INVALID_MMP_GROUP
        if engine.mmp.is_frozen(key_of(group)):
            if not reset_mmp:
                return MassQuoteRejectReason.MMP_GROUP_FROZEN
            if not engine.mmp.may_reset(key_of(group)):
                return MassQuoteRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED
            engine.mmp.reset(key_of(group))
        for index, (instrument_id, *sides) in enumerate(entries):
            if instrument_id not in engine.instruments:
                return MassQuoteRejectReason.INVALID_INSTRUMENT
            if instrument_id in [entry[0] for entry in entries[:index]]:
                return MassQuoteRejectReason.DUPLICATE_INSTRUMENT
            lot_size = engine.instruments[instrument_id].lot_size
            if any(quantity is None or quantity < 0 or quantity % lot_size for _, quantity, _ in sides):
                return MassQuoteRejectReason.SYSTEM_ERROR
        return None

    def open_slot(self, group: MmpGroupSpec, instrument_id: int) -> None:
        slot = (group.portfolio, group.id, instrument_id)
        held = {order.slot for order in self.engine.orders}
        self.engine.slots = [other for other in self.engine.slots if other in held]
        if slot not in self.engine.slots:
            self.engine.slots.insert(0, slot)

    def revise(self, asked: NewOrder, group: MmpGroupSpec) -> QuoteSideRecord:
        """What is to be said of a side before it is entered, which is all when it is not to be entered."""
        reason = self.reason_to_reject(asked, group) if asked.quantity else None
        told = QuoteSideRecord(None, None, 0, 0, QuoteStatus.INACTIVE, NO_REASON if reason is None else reason)
        standing = self.standing(asked, group)
        if standing is None:
            return told
        left = standing.quantity - standing.filled
        told = told._replace(order_id=standing.order_id, price=standing.price, total_filled=standing.filled)
        if asked.quantity and reason is None and asked.price == standing.price and asked.quantity <= left:
            standing.quantity = standing.filled + asked.quantity
            standing.smp_token = asked.smp_token
            status = QuoteStatus.UNMODIFIED if asked.quantity == left else QuoteStatus.QTY_REDUCED
            return told._replace(remaining=asked.quantity, status=status)
        if standing.owner == asked.owner:
            self.engine.orders.remove(standing)
        else:
            self.engine.take_out(standing, CancelReason.BY_REQUEST)
        return told._replace(status=QuoteStatus.CANCELED_BY_REQUEST)

    def standing(self, asked: NewOrder, group: MmpGroupSpec) -> NaiveOrder | None:
        wanted = ((group.portfolio, group.id, asked.instrument_id), asked.side)
        found = [order for order in self.engine.orders if (order.slot, order.side) == wanted]
        assert len(found) < 2
        if found and self.engine.is_dead(found[0]):
            # It only waits for the drain: its place is free.
            found.pop().slot = None
        return found[0] if found else None

    def reason_to_reject(self, asked: NewOrder, group: MmpGroupSpec) -> OrderRejectReason | None:
        assert asked.quantity is not None
        if asked.instrument_id in self.engine.closed:
            return OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE
        if asked.flags & SENSELESS:
            return OrderRejectReason.INVALID_FIELD
        if group.quantity_limit is not None and asked.quantity > group.quantity_limit:
            return OrderRejectReason.MMP_MAX_QUOTE_QTY_EXCEEDED
        return self.engine.terms_problem(asked)

    def place(self, asked: NewOrder, group: MmpGroupSpec, told: QuoteSideRecord) -> QuoteSideRecord:
        engine = self.engine
        is_kept = told.status in (QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED)
        if not asked.quantity or is_kept or told.reject_reason != NO_REASON:
            return told
        if engine.mmp.is_frozen(key_of(group)):
            return told._replace(reject_reason=OrderRejectReason.MMP_GROUP_FROZEN)
        reason = engine.room_problem(group.portfolio)
        if reason is None and asked.flags & POST_ONLY:
            reason = engine.place_post_only(asked, engine.instruments[asked.instrument_id])
        if reason is not None:
            return told._replace(reject_reason=reason)
        asked.mmp = key_of(group)
        held = engine.hold_order(asked)
        if held is not None:
            return self.held(asked, group, told, held)
        engine.last_order_id += 1
        stop = engine.match(asked, self.events)
        told = QuoteSideRecord(engine.last_order_id, asked.price, 0, asked.filled, QuoteStatus.FILLED, NO_REASON)
        if asked.filled == asked.quantity:
            return told
        if stop is not None:
            return told._replace(status=STOPPED[stop])
        assert asked.price is not None
        engine.rest(asked, asked.price)
        self.take_place(asked, group)
        return told._replace(status=QuoteStatus.UPDATED, remaining=asked.quantity - asked.filled)

    def held(self, asked: NewOrder, group: MmpGroupSpec, told: QuoteSideRecord, held: OutcomeRecord) -> QuoteSideRecord:
        """A side that waits behind a speed bump, or would have to."""
        if held.status == "rejected":
            return told._replace(reject_reason=held.reject_reason)
        assert asked.quantity is not None
        self.take_place(asked, group)
        status = QuoteStatus.SPEED_BUMPED
        return QuoteSideRecord(held.order_id, asked.price, asked.quantity, 0, status, NO_REASON)

    def take_place(self, asked: NewOrder, group: MmpGroupSpec) -> None:
        """What was entered last is the quote of its side."""
        (entered,) = [order for order in self.engine.orders if order.order_id == self.engine.last_order_id]
        entered.is_quote = True
        entered.slot = (group.portfolio, group.id, asked.instrument_id)

    def tell_protection(self, owner: int, group: MmpGroupSpec, told: list[QuoteRecord]) -> None:
        """What has left because of this request is told of in its answer, and only there to the one who asked."""
        engine = self.engine
        for order, reason in list(engine.leaving):
            entries = [index for index, record in enumerate(told) if record.instrument_id == order.instrument_id]
            if reason != CancelReason.MM_PROTECTION or order.mmp != key_of(group) or not entries:
                continue
            (index,) = entries
            side = told[index].bid if order.side == Side.BUY else told[index].ask
            if side.order_id == order.order_id and side.total_filled != order.filled:
                continue
            side = QuoteSideRecord(
                order.order_id, order.price, 0, order.filled, QuoteStatus.CANCELED_BY_MMP, side.reject_reason
            )
            record = told[index]
            told[index] = record._replace(bid=side) if order.side == Side.BUY else record._replace(ask=side)
            if order.owner == owner:
                engine.leaving.remove((order, reason))

    def group_of(self, owner: int, mmp_group_id: int | None) -> MmpGroupSpec | None:
        if mmp_group_id is None:
            return None
        group = self.engine.mmp.groups.get((self.engine.owners[owner].portfolio, False, mmp_group_id))
        return None if group is None else group.spec

    # Mass cancels.

    def mass_cancel(
        self,
        owner: int,
        *,
        currency_pair_id: int | None = None,
        instrument_id: int | None = None,
        product_type: int = ProductType.ALL,
        side: int = Side.BOTH,
    ) -> int:
        engine = self.engine
        portfolio = engine.owners[owner].portfolio

        def passes(order: NaiveOrder) -> bool:
            instrument = engine.instruments[order.instrument_id]
            return (
                order.portfolio == portfolio
                and currency_pair_id in (None, instrument.currency_pair_id)
                and instrument_id in (None, instrument.id)
                and product_type in (ProductType.ALL, instrument.product_type)
                and side in (Side.BOTH, order.side)
            )

        found = [order for order in engine.live() if passes(order)]
        # Owner by owner, covered orders first, each in order of entry.
        for order in sorted(found, key=lambda order: (order.owner, not order.covered, order.order_id)):
            engine.take_out(order, CancelReason.BY_REQUEST)
        return len(found)

    def cancel_quotes(self, owner: int, mmp_group_id: int, side: int = Side.BOTH) -> int | None:
        group = self.group_of(owner, mmp_group_id)
        if group is None:
            return None
        mine = [order for order in self.engine.live() if order.mmp == key_of(group) and side in (Side.BOTH, order.side)]
        for order in sorted(mine, key=self.engine.place_in_group):
            self.engine.take_out(order, CancelReason.BY_REQUEST)
        return len(mine)


def key_of(group: MmpGroupSpec) -> Key:
    return group.portfolio, group.is_of_orders, group.id
