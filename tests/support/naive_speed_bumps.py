"""Speed bumps said again in plain Python, over the orders of a NaiveEngine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codec.layout import (
    CancelOrderRejectReason,
    CancelReason,
    OrderRejectReason,
    OrderStatus,
    SelfTradingMode,
    TimeInForce,
)
from gateway.engine_types import EventRecord, OutcomeRecord, ReleaseRecord
from gateway.limits import PENDING_AMENDS_PER_ORDER_MAX, WAITING_PER_PORTFOLIO_MAX
from support.naive_engine import POST_ONLY_FLAGS, NaiveEngine, NaiveOrder, NewOrder, crosses, outcome_of


@dataclass
class Request:
    """What waits: an order, with its price (None: any) and time in force, or an amend of one."""

    due: int
    order: NaiveOrder
    correlation_id: int
    requester: int
    price: int | None
    time_in_force: int = TimeInForce.GTC
    amend: NewOrder | None = None


class NaiveSpeedBumps(NaiveEngine):
    """All that waits is one list, in order of arrival. What waits of orders that are no more is left in it, unseen."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.requests: list[Request] = []

    def waiting(self, order: NaiveOrder | None = None) -> list[Request]:
        """What waits of one order, or of all, in order of arrival."""
        live = {id(one) for one in self.live()}
        there = [request for request in self.requests if id(request.order) in live]
        return [request for request in there if order is None or request.order is order]

    # Who has to wait.

    def must_wait(self, order: NewOrder) -> bool:
        opposite = self.side_of(order.instrument_id, -order.side)
        if not opposite or not self.instruments[order.instrument_id].speed_bump_ns:
            return False
        return order.price is None or crosses(order.side, order.price, opposite[0].price)

    def bump_room_problem(self, portfolio: int) -> OrderRejectReason | None:
        waiting = {request.order.order_id for request in self.waiting() if request.order.portfolio == portfolio}
        return OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED if len(waiting) >= WAITING_PER_PORTFOLIO_MAX else None

    def due(self, asked: NewOrder) -> int:
        return asked.time + self.instruments[asked.instrument_id].speed_bump_ns

    def hold_order(self, order: NewOrder) -> OutcomeRecord | None:
        if order.flags & POST_ONLY_FLAGS or not self.must_wait(order):
            return None
        portfolio = self.owners[order.owner].portfolio
        reason = self.room_problem(portfolio)
        if reason is None:
            reason = self.bump_room_problem(portfolio)
        if reason is not None:
            return self.rejected(order, reason)
        self.last_order_id += 1
        held = self.rest(order, order.price or 0)
        held.is_bumped = True
        held.has_price = order.price is not None
        due = self.due(order)
        self.requests.append(Request(due, held, order.correlation_id, order.owner, order.price, order.time_in_force))
        told = outcome_of(order, status="accepted", order_id=self.last_order_id)
        return told._replace(order_status=OrderStatus.QUEUED)

    def hold_amend(self, asked: NewOrder, target: NaiveOrder, requester: int) -> OutcomeRecord | None:
        waiting = self.waiting(target)
        if not waiting:
            return None
        reason = None
        if sum(request.amend is not None for request in waiting) >= PENDING_AMENDS_PER_ORDER_MAX:
            reason = OrderRejectReason.TOO_MANY_PENDING_REPLACES
        if target.is_bumped and waiting[0].time_in_force < TimeInForce.GTC:
            reason = OrderRejectReason.INVALID_FIELD
        if reason is not None:
            return self.rejected(asked, reason)._replace(order_id=target.order_id)
        self.requests.append(Request(self.due(asked), target, asked.correlation_id, requester, None, amend=asked))
        visible = 0 if target.is_bumped else target.visible
        return self.amended(asked, target, OrderStatus.QUEUED)._replace(visible_quantity=visible)

    def hold_amended(self, asked: NewOrder, target: NaiveOrder, requester: int) -> OutcomeRecord | None:
        if not self.must_wait(asked):
            return None
        reason = self.bump_room_problem(target.portfolio)
        if reason is not None:
            return self.rejected(asked, reason)._replace(order_id=target.order_id)
        assert asked.price is not None
        assert asked.quantity is not None
        target.is_bumped, target.price, target.quantity = True, asked.price, asked.quantity
        target.has_price = True
        target.show_quantity = target.show_quantity if asked.show_quantity is None else asked.show_quantity
        self.requests.append(Request(self.due(asked), target, asked.correlation_id, requester, asked.price))
        return self.amended(asked, target, OrderStatus.QUEUED)

    def hold_cancel(self, order: NaiveOrder) -> CancelOrderRejectReason | None:
        if not order.is_bumped:
            return None
        request = self.waiting(order)[0]
        if request.time_in_force < TimeInForce.GTC:
            return CancelOrderRejectReason.TIME_IN_FORCE
        request.time_in_force = TimeInForce.IOC
        return CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC

    # Releases.

    def release(self, now: int) -> list[ReleaseRecord]:
        return list(self.releases(now))

    def releases(self, now: int) -> Iterator[ReleaseRecord]:
        """What is due, each when it is asked for."""
        while due := [request for request in self.waiting() if request.due <= now]:
            request = min(due, key=lambda request: request.due)
            self.requests = [one for one in self.requests if one is not request]
            if request.amend is not None:
                outcome = self.release_amend(request, request.amend)
            else:
                outcome = self.release_order(request)
            group = request.order.slot[1] if request.order.slot is not None else None
            yield ReleaseRecord(request.correlation_id, request.requester, group, outcome)

    def release_order(self, request: Request) -> OutcomeRecord:
        order = request.order
        asked = NewOrder(
            order.owner, order.client_order_id, order.instrument_id, order.side, request.price, order.quantity,
            request.time_in_force, 0, order.smp_token, SelfTradingMode.CANCEL_MAKER, order.show_quantity, order.covered,
            order.epoch, filled=order.filled, mmp=order.mmp,
        )  # fmt: skip
        self.orders.remove(order)
        if order.instrument_id in self.closed:
            return self.amended(asked, order, OrderStatus.CANCELED, self.closed[order.instrument_id])
        events: list[EventRecord] = []
        stop = None
        if request.time_in_force != TimeInForce.FOK or self.can_fill(asked):
            stop = self.match(asked, events)
        order.filled = asked.filled
        fills = [event for event in events if event.kind == "fill"]
        if order.filled == order.quantity:
            return self.amended(asked, order, OrderStatus.FILLED, events=events)
        if stop is not None or request.time_in_force < TimeInForce.GTC or (asked.price is None and not fills):
            reason = CancelReason.TIME_IN_FORCE if stop is None else stop
            return self.amended(asked, order, OrderStatus.CANCELED, reason, events)
        order.price = asked.price = fills[-1].price if asked.price is None else asked.price
        order.has_price = True
        self.come_to_rest(order)
        return self.amended(asked, order, OrderStatus.ACTIVE, events=events)

    def release_amend(self, request: Request, asked: NewOrder) -> OutcomeRecord:
        order = request.order
        asked.filled = order.filled
        asked.self_trading_mode = SelfTradingMode.CANCEL_MAKER
        if order.instrument_id not in self.closed:
            outcome = self.make_amend(asked, order, None)
            if outcome.status == "accepted":
                return outcome
        asked.price, asked.quantity = order.price, order.quantity
        return self.amended(asked, order, OrderStatus.ACTIVE)
