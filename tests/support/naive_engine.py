"""The engine room said again in plain Python, with lists and sorting: what the compiled one is compared with.

It has the face of gateway.probe.EngineProbe. Its outcomes leave out details and dead_met, which are the engine's own.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from codec.layout import (
    CancelFlags,
    CancelOrderRejectReason,
    CancelReason,
    FillFlags,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    ProductType,
    SelfTradingMode,
    Side,
    TimeInForce,
)
from gateway.engine_types import (
    CanceledOrder,
    EventRecord,
    InstrumentSpec,
    MmpGroupSpec,
    OutcomeRecord,
    OwnerSpec,
    PortfolioSpec,
    RestingOrder,
)
from gateway.limits import FILLS_PER_ORDER_MAX, SELF_MATCH_CANCELS_PER_ORDER_MAX
from support.naive_mmp import Key, NaiveMmp

Slot = tuple[int, int, int]

COMBOS = (ProductType.COMBO_FUTURES, ProductType.COMBO_OPTIONS)
POST_ONLY_FLAGS = OrderFlags.POST_ONLY | OrderFlags.POST_ONLY_REJECT


@dataclass
class NaiveOrder:
    order_id: int
    client_order_id: int
    instrument_id: int
    owner: int
    portfolio: int
    side: int
    price: int
    quantity: int
    filled: int
    smp_token: int | None
    self_trading_mode: int
    show_quantity: int | None
    covered: bool
    epoch: int
    queued: int
    """When it came to its place among the orders of its price."""
    shown: int | None = None
    is_bumped: bool = False
    """It waits behind a speed bump, in no book."""
    has_price: bool = True
    """Only a market order that waits has none, whatever `price` says."""
    is_quote: bool = False
    """Then client_order_id is its quote id, by which it is not found."""
    slot: Slot | None = None
    """Portfolio, group and instrument of a quote, as long as no other may take its place."""
    last_settlement: int | None = None
    """Of a day order: the number of the settlement that ends it."""
    mmp: Key | None = None
    """The group whose market-maker protection counts it."""

    @property
    def visible(self) -> int:
        return self.quantity - self.filled if self.shown is None else self.shown

    def show(self) -> None:
        if self.show_quantity is not None:
            self.shown = min(self.show_quantity, self.quantity - self.filled)


@dataclass
class NewOrder:
    """A command on its way through the rules; `price` moves with post-only and market orders."""

    owner: int
    client_order_id: int | None
    instrument_id: int
    side: int
    price: int | None
    quantity: int | None
    time_in_force: int
    flags: int
    smp_token: int | None
    self_trading_mode: int
    show_quantity: int | None
    covered: bool
    epoch: int
    time: int = 0
    correlation_id: int = 0
    filled: int = 0
    mmp: Key | None = None


class NaiveEngine:
    def __init__(
        self,
        instruments: Sequence[InstrumentSpec],
        portfolios: Sequence[PortfolioSpec],
        owners: Sequence[OwnerSpec],
        orders_max: int,
        groups: Sequence[MmpGroupSpec] = (),
    ) -> None:
        self.instruments = {instrument.id: instrument for instrument in instruments}
        self.portfolios = portfolios
        self.owners = owners
        self.orders_max = orders_max
        self.orders: list[NaiveOrder] = []
        self.leaving: list[tuple[NaiveOrder, int]] = []
        self.touched: list[int] = []
        self.mmp = NaiveMmp(groups, self.instruments)
        self.slots: list[Slot] = []
        """Of what is quoted, newest first: the order in which a group is told of."""
        self.fenced_epochs = {False: [0] * len(owners), True: [0] * len(owners)}
        """Of uncovered and of covered orders, by owner."""
        self.fenced_order_ids = [0] * len(portfolios)
        self.locked: set[int] = set()
        self.closed: dict[int, CancelReason] = {}
        """Halted and deactivated instruments: why orders that wait are closed there."""
        self.newest_epochs = [0] * len(owners)
        self.settlements = 0
        self.last_queued = 0
        self.last_order_id = 0
        self.last_match_id = 0
        self.last_exec_id = 0

    # Queries.

    def is_dead(self, order: NaiveOrder) -> bool:
        gone = order.epoch <= self.fenced_epochs[order.covered][order.owner]
        return gone or order.order_id <= self.fenced_order_ids[order.portfolio]

    def is_over(self, owner: int, epoch: int) -> bool:
        fenced = max(epochs[owner] for epochs in self.fenced_epochs.values())
        return epoch <= fenced or epoch < self.newest_epochs[owner]

    def live(self) -> list[NaiveOrder]:
        return [order for order in self.orders if not self.is_dead(order)]

    def found(self, **wanted: int | None) -> list[NaiveOrder]:
        """The live orders that are not quotes and have these values."""
        return [
            order
            for order in self.live()
            if not order.is_quote and all(getattr(order, name) == value for name, value in wanted.items())
        ]

    def owner_counts(self, owner: int) -> tuple[int, int, int]:
        mine = [order for order in self.orders if order.owner == owner]
        live = [order for order in mine if not self.is_dead(order)]
        return len(live), sum(order.covered for order in live), len(mine) - len(live)

    def portfolio_open(self, portfolio: int) -> int:
        return sum(order.portfolio == portfolio for order in self.live())

    def side_of(self, instrument_id: int, side: int) -> list[NaiveOrder]:
        found = [
            order
            for order in self.live()
            if order.instrument_id == instrument_id and order.side == side and not order.is_bumped
        ]
        return sorted(found, key=lambda order: (-side * order.price, order.queued))

    def resting(self, instrument_id: int, side: int) -> list[RestingOrder]:
        return [
            RestingOrder(order.order_id, order.owner, order.price, order.quantity, order.filled, order.visible)
            for order in self.side_of(instrument_id, side)
        ]

    # Commands.

    def enter(
        self,
        owner: int,
        client_order_id: int | None,
        instrument_id: int,
        side: int,
        price: int | None,
        quantity: int | None,
        *,
        time_in_force: int = TimeInForce.GTC,
        flags: int = 0,
        smp_token: int | None = None,
        self_trading_mode: int = SelfTradingMode.CANCEL_TAKER,
        show_quantity: int | None = None,
        covered: bool = True,
        epoch: int = 1,
        time: int = 0,
        correlation_id: int = 0,
    ) -> OutcomeRecord:
        order = NewOrder(
            owner, client_order_id, instrument_id, side, price, quantity, time_in_force, flags, smp_token,
            self_trading_mode, show_quantity, covered, epoch, time, correlation_id,
        )  # fmt: skip
        reason = self.reason_to_reject(order)
        if reason is not None:
            return self.rejected(order, reason)
        held = self.hold_order(order)
        if held is not None:
            return held
        self.last_order_id += 1
        events: list[EventRecord] = []
        stop = None
        if order.time_in_force != TimeInForce.FOK or self.can_fill(order):
            stop = self.match(order, events)
        return self.settled(order, events, stop)

    def amend(
        self,
        owner: int,
        client_order_id: int | None,
        instrument_id: int,
        price: int | None,
        quantity: int | None,
        *,
        show_quantity: int | None = None,
        flags: int = 0,
        epoch: int = 1,
        time: int = 0,
        correlation_id: int = 0,
    ) -> OutcomeRecord:
        asked = NewOrder(
            owner, client_order_id, instrument_id, 0, price, quantity, TimeInForce.GTC, flags, None,
            SelfTradingMode.CANCEL_TAKER, show_quantity, True, epoch, time, correlation_id,
        )  # fmt: skip
        if self.is_over(owner, epoch):
            return self.rejected(asked, OrderRejectReason.SYSTEM_ERROR)
        if instrument_id not in self.instruments:
            return self.rejected(asked, OrderRejectReason.INVALID_INSTRUMENT)
        if (reason := self.venue_problem(owner, instrument_id)) is not None:
            return self.rejected(asked, reason)
        portfolio = self.owners[owner].portfolio
        found = self.found(portfolio=portfolio, instrument_id=instrument_id, client_order_id=client_order_id)
        if not found:
            return self.rejected(asked, OrderRejectReason.ORDER_NOT_FOUND)
        (target,) = found
        asked.owner, asked.side, asked.smp_token = target.owner, target.side, target.smp_token
        asked.self_trading_mode, asked.filled, asked.mmp = target.self_trading_mode, target.filled, target.mmp
        reason = self.terms_problem(asked)
        if reason is not None:
            return self.rejected(asked, reason)._replace(order_id=target.order_id)
        return self.hold_amend(asked, target, owner) or self.make_amend(asked, target, owner)

    def make_amend(self, asked: NewOrder, target: NaiveOrder, requester: int | None) -> OutcomeRecord:
        """Make an amend whose terms are right; without a requester it comes from behind a speed bump."""
        price, quantity, show_quantity, flags = asked.price, asked.quantity, asked.show_quantity, asked.flags
        closes = quantity is not None and quantity <= target.filled
        keeps = price == target.price and (quantity or 0) < target.quantity
        keeps = keeps and show_quantity in (None, target.show_quantity)
        assert quantity is not None
        if not closes and not keeps and flags & POST_ONLY_FLAGS:
            reason = self.place_post_only(asked, self.instruments[asked.instrument_id])
            if reason is not None:
                return self.rejected(asked, reason)._replace(order_id=target.order_id)
        elif not closes and not keeps and requester is not None:
            held = self.hold_amended(asked, target, requester)
            if held is not None:
                return held
        if keeps and not closes:
            target.quantity = quantity
            if target.shown is not None:
                target.shown = min(target.shown, quantity - target.filled)
            return self.amended(asked, target, OrderStatus.ACTIVE)
        self.orders.remove(target)
        if closes:
            return self.amended(asked, target, OrderStatus.CANCELED, CancelReason.BY_REQUEST)
        events: list[EventRecord] = []
        stop = self.match(asked, events)
        target.filled = asked.filled
        if target.filled == quantity:
            return self.amended(asked, target, OrderStatus.FILLED, events=events)
        if stop is not None:
            return self.amended(asked, target, OrderStatus.CANCELED, stop, events)
        assert asked.price is not None
        target.price, target.quantity = asked.price, quantity
        target.show_quantity = target.show_quantity if show_quantity is None else show_quantity
        self.come_to_rest(target)
        return self.amended(asked, target, OrderStatus.ACTIVE, events=events)

    def come_to_rest(self, order: NaiveOrder) -> None:
        """Behind the others of its price; it had been taken out, and comes back into its owner's list by its age."""
        order.is_bumped = False
        order.show()
        self.last_queued += 1
        order.queued = self.last_queued
        self.orders.append(order)
        self.orders.sort(key=lambda order: order.order_id)

    def amended(
        self,
        asked: NewOrder,
        target: NaiveOrder,
        status: int,
        cancel_reason: int = 0,
        events: Sequence[EventRecord] = (),
    ) -> OutcomeRecord:
        told = outcome_of(asked, status="accepted", order_id=target.order_id, events=tuple(events))
        return told._replace(
            order_status=status,
            cancel_reason=cancel_reason,
            total_filled=target.filled,
            visible_quantity=target.visible if status == OrderStatus.ACTIVE else 0,
        )

    def cancel(self, owner: int, client_order_id: int | None, instrument_id: int) -> OutcomeRecord:
        found = self.found(client_order_id=client_order_id)
        return self.canceled(owner, client_order_id, instrument_id, found)

    def cancel_by_id(self, owner: int, order_id: int | None, instrument_id: int) -> OutcomeRecord:
        found = self.found(order_id=order_id)
        return self.canceled(owner, None, instrument_id, found)

    # Speed bumps: here there are none. A NaiveSpeedBumps says what is told of what has to wait.

    def hold_order(self, order: NewOrder) -> OutcomeRecord | None:
        """Of a new order that would trade at once."""

    def hold_amend(self, asked: NewOrder, target: NaiveOrder, requester: int) -> OutcomeRecord | None:
        """Of an order that has something waiting already."""

    def hold_amended(self, asked: NewOrder, target: NaiveOrder, requester: int) -> OutcomeRecord | None:
        """Of an order that rests, and would trade at once by these terms."""

    def hold_cancel(self, order: NaiveOrder) -> CancelOrderRejectReason | None:
        """Why an order that waits cannot be cancelled."""

    # The fence, and orders that leave together.

    def fence(self, owner: int, epoch: int, *, covered: bool = True) -> int:
        before = len(self.live())
        self.fenced_epochs[covered][owner] = max(self.fenced_epochs[covered][owner], epoch)
        return before - len(self.live())

    def fence_portfolio(self, portfolio: int) -> int:
        before = len(self.live())
        self.fenced_order_ids[portfolio] = self.last_order_id
        return before - len(self.live())

    def drain(
        self, owner: int, limit: int, cancel_reason: int = CancelReason.CLIENT_DISCONNECT, *, covered: bool = True
    ) -> list[CanceledOrder]:
        mine = [order for order in self.orders if (order.owner, order.covered) == (owner, covered)]
        dead = [order for order in mine if self.is_dead(order)][:limit]
        self.orders = [order for order in self.orders if order not in dead]
        return [canceled_order(order, cancel_reason) for order in dead]

    def killed_by(self, fence: Callable[[], int]) -> list[NaiveOrder]:
        """The orders that were live before a fence and are dead now, in the order in which they are drained."""
        before = self.live()
        count = fence()
        killed = [order for order in before if self.is_dead(order)]
        assert len(killed) == count
        return sorted(killed, key=lambda order: (not order.covered, order.order_id))

    def forget(self, orders: Sequence[NaiveOrder]) -> None:
        """They are out, whoever tells of them."""
        for order in orders:
            self.orders.remove(order)

    def leave(self, order_id: int | None, cancel_reason: int = CancelReason.BY_REQUEST) -> bool:
        found = self.found(order_id=order_id)
        for order in found:
            self.take_out(order, cancel_reason)
        return bool(found)

    def settle(self) -> None:
        self.settlements += 1

    def days_over(self) -> list[NaiveOrder]:
        """Day orders whose days are over, and that nobody has looked at since."""
        ends = {o.order_id: o.last_settlement for o in self.orders if o.last_settlement is not None}
        due = [o for o in self.orders if o.order_id in ends and ends[o.order_id] <= self.settlements]
        return sorted(due, key=lambda order: (ends[order.order_id], order.order_id))

    def leave_due(self, limit: int) -> int:
        """Dead orders count as looked at, and are left to the drain."""
        due = self.days_over()[:limit]
        for order in due:
            order.last_settlement = None
            if not self.is_dead(order):
                self.take_out(order, CancelReason.TIME_IN_FORCE)
        return len(due)

    def take_out(self, order: NaiveOrder, cancel_reason: int) -> None:
        """The order is gone, and its owner has to be told."""
        self.orders.remove(order)
        self.leaving.append((order, cancel_reason))
        if order.owner not in self.touched:
            self.touched.append(order.owner)

    def leave_book(self, instrument_id: int, limit: int, cancel_reason: int) -> int:
        """As Venue.leave_book, but for the dead ones, which are in no book of ours; only the live ones count."""
        found = [order for side in (Side.BUY, Side.SELL) for order in self.side_of(instrument_id, side)][:limit]
        for order in found:
            self.take_out(order, cancel_reason)
        return len(found)

    def take_leaving(self, limit: int) -> list[tuple[int, list[CanceledOrder]]]:
        told = []
        for owner in self.touched:
            mine = [entry for entry in self.leaving if entry[0].owner == owner][:limit]
            self.leaving = [entry for entry in self.leaving if entry not in mine]
            told.append((owner, [canceled_order(order, reason) for order, reason in mine]))
        if not self.leaving:
            self.touched = []
        return [(owner, entries) for owner, entries in told if entries]

    def next_exec_id(self) -> int:
        self.last_exec_id += 1
        return self.last_exec_id

    # Rules.

    def venue_problem(self, owner: int, instrument_id: int) -> OrderRejectReason | None:
        if self.owners[owner].portfolio in self.locked:
            return OrderRejectReason.PORTFOLIO_LOCKED
        return OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE if instrument_id in self.closed else None

    def reason_to_reject(self, order: NewOrder) -> OrderRejectReason | None:
        """The first rule that the order breaks; moves the price of a post-only order that would cross."""
        if self.is_over(order.owner, order.epoch):
            return OrderRejectReason.SYSTEM_ERROR
        if order.instrument_id not in self.instruments:
            return OrderRejectReason.INVALID_INSTRUMENT
        if (reason := self.venue_problem(order.owner, order.instrument_id)) is not None:
            return reason
        market = bool(order.flags & OrderFlags.MARKET_LIMIT)
        post_only = bool(order.flags & POST_ONLY_FLAGS)
        if (
            order.client_order_id is None
            or order.side not in (Side.BUY, Side.SELL)
            or order.time_in_force < TimeInForce.IOC
            or order.self_trading_mode not in (SelfTradingMode.CANCEL_TAKER, SelfTradingMode.CANCEL_MAKER)
            or (market and order.price is not None)
            or (post_only and (market or order.time_in_force < TimeInForce.GTC))
        ):
            return OrderRejectReason.INVALID_FIELD
        reason = self.protection_problem(order) or self.terms_problem(order)
        if reason is not None:
            return reason
        portfolio = self.owners[order.owner].portfolio
        if self.found(portfolio=portfolio, client_order_id=order.client_order_id):
            return OrderRejectReason.DUPLICATE_CLIENT_ORDER_ID
        if order.time_in_force >= TimeInForce.GTC:
            reason = self.room_problem(portfolio)
            if reason is not None:
                return reason
        return self.place_post_only(order, self.instruments[order.instrument_id]) if post_only else None

    def protection_problem(self, order: NewOrder) -> OrderRejectReason | None:
        """Finds the group of an order that is flagged, and unfreezes it where the order says so and may."""
        if not order.flags & (OrderFlags.MMP | OrderFlags.RESET_MMP):
            return None
        key = self.mmp.group_of_orders(self.owners[order.owner].portfolio, order.instrument_id)
        if key is None:
            return OrderRejectReason.MMP_NOT_CONFIGURED
        if self.mmp.is_frozen(key):
            if not order.flags & OrderFlags.RESET_MMP:
                return OrderRejectReason.MMP_GROUP_FROZEN
            if not self.mmp.may_reset(key):
                return OrderRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED
            self.mmp.reset(key)
        if order.flags & OrderFlags.MMP:
            order.mmp = key
        return None

    def room_problem(self, portfolio: int) -> OrderRejectReason | None:
        """Why no further order may rest."""
        if self.portfolio_open(portfolio) >= self.portfolios[portfolio].max_open_orders:
            return OrderRejectReason.TOO_MANY_OPEN_ORDERS
        if len(self.orders) + len(self.leaving) >= self.orders_max:
            return OrderRejectReason.SYSTEM_ERROR
        return None

    def terms_problem(self, order: NewOrder) -> OrderRejectReason | None:
        instrument = self.instruments[order.instrument_id]
        if order.show_quantity is not None and not instrument.iceberg_allowed:
            return OrderRejectReason.ICEBERG_NOT_ALLOWED
        if order.quantity is None or order.quantity <= 0 or order.quantity % instrument.lot_size:
            return OrderRejectReason.INVALID_QUANTITY
        if instrument.max_order_quantity is not None and order.quantity > instrument.max_order_quantity:
            return OrderRejectReason.ORDER_SIZE_LIMIT_EXCEEDED
        show = order.show_quantity
        if show is not None and (show <= 0 or show % instrument.lot_size or show > order.quantity):
            return OrderRejectReason.INVALID_QUANTITY
        if order.price is None:
            market = order.flags & OrderFlags.MARKET_LIMIT
            return None if market else OrderRejectReason.INVALID_PRICE
        return price_problem(instrument, order.price)

    def place_post_only(self, order: NewOrder, instrument: InstrumentSpec) -> OrderRejectReason | None:
        opposite = self.side_of(order.instrument_id, -order.side)
        assert order.price is not None
        if not opposite or not crosses(order.side, order.price, opposite[0].price):
            return None
        behind = opposite[0].price - order.side * instrument.tick_size
        if order.flags & OrderFlags.POST_ONLY_REJECT or price_problem(instrument, behind) or abs(behind) >= 2**63:
            return OrderRejectReason.POST_ONLY
        order.price = behind
        return None

    def can_fill(self, order: NewOrder) -> bool:
        """Whether it fills whole when it is tried on a copy."""
        trial = copy.copy(self)
        trial.orders = [replace(resting) for resting in self.orders]
        trial.leaving, trial.touched, trial.mmp = [], [], self.mmp.on_trial()
        tried = replace(order)
        trial.match(tried, [])
        return tried.filled == tried.quantity

    def self_matches(self, order: NewOrder, maker: NaiveOrder) -> bool:
        same_portfolio = maker.portfolio == self.owners[order.owner].portfolio
        return same_portfolio and order.smp_token not in (None, 0) and order.smp_token == maker.smp_token

    def match(self, order: NewOrder, events: list[EventRecord]) -> CancelReason | None:
        """Fill what can be filled; the reason why matching had to stop, if it had to."""
        fills = cancels = 0
        assert order.quantity is not None
        while order.filled < order.quantity:
            makers = self.side_of(order.instrument_id, -order.side)
            if not makers or (order.price is not None and not crosses(order.side, order.price, makers[0].price)):
                return None
            maker = makers[0]
            if self.self_matches(order, maker):
                if order.self_trading_mode == SelfTradingMode.CANCEL_TAKER:
                    return CancelReason.SELF_MATCH_PREVENTION
                if cancels == SELF_MATCH_CANCELS_PER_ORDER_MAX:
                    return CancelReason.TIME_IN_FORCE
                cancels += 1
                self.orders.remove(maker)
                events.append(event_of(maker, "canceled", cancel_reason=CancelReason.SELF_MATCH_PREVENTION))
                continue
            if fills == FILLS_PER_ORDER_MAX:
                return CancelReason.TIME_IN_FORCE
            fills += 1
            events.append(self.fill(order, maker))
            if self.protect(order, maker, events[-1].quantity) and order.filled < order.quantity:
                return CancelReason.MM_PROTECTION
        return None

    def fill(self, order: NewOrder, maker: NaiveOrder) -> EventRecord:
        assert order.quantity is not None
        quantity = min(order.quantity - order.filled, maker.visible)
        order.filled += quantity
        maker.filled += quantity
        self.last_match_id += 1
        full = maker.filled == maker.quantity
        if full:
            self.orders.remove(maker)
        elif maker.shown is not None:
            maker.shown -= quantity
            if maker.shown == 0:
                maker.show()
                self.last_queued += 1
                maker.queued = self.last_queued
        flags = FillFlags.IS_FULLY_FILLED if full else 0
        return event_of(maker, "fill", self.last_match_id, maker.price, quantity, flags)

    def protect(self, order: NewOrder, maker: NaiveOrder, quantity: int) -> bool:
        """Counts a match for the groups of both; whether the taker may go no further."""
        sides = [(maker.mmp, maker.side, maker.owner), (order.mmp, order.side, order.owner)]
        filled_by: dict[Key, list[int]] = {}
        for key, side, owner in sides:
            if key is not None:
                self.mmp.filled(key, order.instrument_id, side, quantity)
                filled_by.setdefault(key, []).append(owner)
        judged = {key: self.mmp.judge(key, who, self.leave_group) for key, who in filled_by.items()}
        return order.mmp is not None and judged[order.mmp]

    def leave_group(self, key: Key) -> list[int]:
        """Takes out what is alive of a group; whose it was."""
        mine = [order for order in self.live() if order.mmp == key]
        for order in sorted(mine, key=self.place_in_group):
            self.take_out(order, CancelReason.MM_PROTECTION)
        return [owner for owner in self.touched if any(order.owner == owner for order in mine)]

    def place_in_group(self, order: NaiveOrder) -> tuple[int, int, int]:
        """Quotes slot by slot, orders owner by owner, covered ones first, each in order of entry."""
        if order.slot is not None:
            return self.slots.index(order.slot), -order.side, 0
        return order.owner, not order.covered, order.order_id

    # Outcomes.

    def rejected(self, order: NewOrder, reason: OrderRejectReason) -> OutcomeRecord:
        return outcome_of(order, status="rejected", reject_reason=reason)

    def settled(self, order: NewOrder, events: list[EventRecord], stop: CancelReason | None) -> OutcomeRecord:
        assert order.quantity is not None
        assert order.client_order_id is not None
        fills = [event for event in events if event.kind == "fill"]
        told = outcome_of(
            order, status="accepted", order_id=self.last_order_id, total_filled=order.filled, events=tuple(events)
        )
        if order.filled == order.quantity:
            return told._replace(order_status=OrderStatus.FILLED)
        may_rest = stop is None and order.time_in_force >= TimeInForce.GTC
        if not may_rest or (order.price is None and not fills):
            return told._replace(
                order_status=OrderStatus.CANCELED,
                cancel_reason=stop if stop is not None else CancelReason.TIME_IN_FORCE,
            )
        rested = self.rest(order, fills[-1].price if order.price is None else order.price)
        return told._replace(order_status=OrderStatus.ACTIVE, price=rested.price, visible_quantity=rested.visible)

    def rest(self, order: NewOrder, price: int) -> NaiveOrder:
        """What is left of an order rests at a price, under the order id that was given last."""
        assert order.quantity is not None
        assert order.client_order_id is not None
        self.newest_epochs[order.owner] = order.epoch
        self.last_queued += 1
        rested = NaiveOrder(
            self.last_order_id, order.client_order_id, order.instrument_id, order.owner,
            self.owners[order.owner].portfolio, order.side, price, order.quantity, order.filled, order.smp_token,
            order.self_trading_mode, order.show_quantity, order.covered, order.epoch, self.last_queued,
        )  # fmt: skip
        rested.show()
        if order.time_in_force > TimeInForce.GTC:
            rested.last_settlement = self.settlements + order.time_in_force
        rested.mmp = order.mmp
        self.orders.append(rested)
        return rested

    def canceled(
        self, owner: int, client_order_id: int | None, instrument_id: int, found: list[NaiveOrder]
    ) -> OutcomeRecord:
        told = OutcomeRecord(
            status="rejected", order_status=0, cancel_reason=0,
            reject_reason=CancelOrderRejectReason.UNKNOWN_ORDER, order_id=None, client_order_id=client_order_id,
            instrument_id=instrument_id, side=0, price=0, quantity=0, total_filled=0, visible_quantity=0, owner=owner,
            dead_met=0, details="", events=(),
        )  # fmt: skip
        if instrument_id not in self.instruments:
            return told._replace(reject_reason=CancelOrderRejectReason.INVALID_INSTRUMENT)
        portfolio = self.owners[owner].portfolio
        found = [order for order in found if (order.portfolio, order.instrument_id) == (portfolio, instrument_id)]
        if not found:
            return told
        (order,) = found
        reason = self.hold_cancel(order)
        if reason is not None:
            return told._replace(reject_reason=reason, order_id=order.order_id, client_order_id=order.client_order_id)
        self.orders.remove(order)
        return told._replace(
            status="accepted", order_status=OrderStatus.CANCELED, cancel_reason=CancelReason.BY_REQUEST,
            reject_reason=0, order_id=order.order_id, client_order_id=order.client_order_id, side=order.side,
            price=order.price, quantity=order.quantity, total_filled=order.filled, owner=order.owner,
        )  # fmt: skip


def price_problem(instrument: InstrumentSpec, price: int) -> OrderRejectReason | None:
    if (price <= 0 and instrument.product_type not in COMBOS) or price % instrument.tick_size:
        return OrderRejectReason.INVALID_PRICE
    if instrument.min_price is not None and price < instrument.min_price:
        return OrderRejectReason.PRICE_TOO_LOW
    if instrument.max_price is not None and price > instrument.max_price:
        return OrderRejectReason.PRICE_TOO_HIGH
    return None


def crosses(side: int, price: int, opposite_price: int) -> bool:
    return side * price >= side * opposite_price


def canceled_order(order: NaiveOrder, cancel_reason: int) -> CanceledOrder:
    return CanceledOrder(
        order.client_order_id, order.order_id, order.instrument_id, (order.filled, -9), cancel_reason,
        CancelFlags.IS_QUOTE if order.is_quote else 0,
    )  # fmt: skip


def event_of(
    maker: NaiveOrder,
    kind: str,
    match_id: int = 0,
    price: int = 0,
    quantity: int = 0,
    flags: int = 0,
    cancel_reason: int = 0,
) -> EventRecord:
    if maker.is_quote:
        # The same bit in both sets of flags.
        flags |= FillFlags.IS_QUOTE
    return EventRecord(
        kind, maker.owner, maker.instrument_id, maker.client_order_id, maker.order_id, maker.side, match_id, price,
        quantity, maker.filled, flags, cancel_reason,
    )  # fmt: skip


def outcome_of(
    order: NewOrder,
    *,
    status: str,
    reject_reason: int = 0,
    order_id: int | None = None,
    total_filled: int = 0,
    events: tuple[EventRecord, ...] = (),
) -> OutcomeRecord:
    return OutcomeRecord(
        status=status, order_status=0, cancel_reason=0, reject_reason=reject_reason, order_id=order_id,
        client_order_id=order.client_order_id, instrument_id=order.instrument_id, side=order.side, price=order.price,
        quantity=order.quantity, total_filled=total_filled, visible_quantity=0, owner=order.owner, dead_met=0,
        details="", events=events,
    )  # fmt: skip
