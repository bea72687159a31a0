"""What the naive gateway says of outcomes: frames by name and fields, for sessions of every schema version."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from codec.layout import CancelReason, MassQuoteRejectReason, OrderRejectReason, RejectReason
from codec.values import ENUM_NULL, INT64_NULL, Decimal72
from gateway.engine_types import (
    CanceledOrder,
    EventRecord,
    MassQuoteRecord,
    MmpTriggerRecord,
    MmpUnfrozenRecord,
    OutcomeRecord,
    QuoteSideRecord,
)
from support.naive_engine import NaiveEngine

if TYPE_CHECKING:
    from support.naive_session import NaiveSession

Fields = dict[str, Any]

# By message: a value, the schema version that brought it, and what older sessions are told instead (protocol 8.9).
ORDER_REASONS = {
    OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED: (6, OrderRejectReason.RATE_LIMIT),
    OrderRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED: (15, OrderRejectReason.MMP_GROUP_FROZEN),
}
NEWER_REASONS: dict[str, dict[Any, tuple[int, Any]]] = {
    "Reject": {
        RejectReason.MESSAGE_DISABLED: (11, RejectReason.INVALID_TEMPLATE_ID),
        RejectReason.GATEWAY_NOT_ACTIVE: (14, RejectReason.INVALID_TEMPLATE_ID),
    },
    "NewOrderReject": ORDER_REASONS,
    "AmendOrderReject": ORDER_REASONS,
    "CancelOrderReject": {5: (2, 0), 6: (2, 1), 7: (9, 4), 8: (9, 4)},
    "MassQuoteResponse": ORDER_REASONS,
    "MassQuoteReject": {
        MassQuoteRejectReason.DUPLICATE_INSTRUMENT: (4, MassQuoteRejectReason.INVALID_INSTRUMENT),
        MassQuoteRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED: (15, MassQuoteRejectReason.MMP_GROUP_FROZEN),
    },
    "MassCancelReject": {},
}


class SomeText:
    """Equal to every text but the empty one: what a human is told, which the protocol leaves open."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other != ""

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "some text"


SOME_TEXT = SomeText()


def reason_told(message: str, reason: int, version: int) -> int:
    since, older = NEWER_REASONS[message].get(reason, (0, reason))
    return reason if version >= since else int(older)


def nano(amount: int | None) -> Decimal72:
    """A quantity as the gateway sends it."""
    return Decimal72(INT64_NULL, 0) if amount is None else Decimal72(amount, -9)


class NaiveReports:
    """`publish` puts a frame into a session's stream, `now` tells the time, `sessions` are by slot."""

    def __init__(
        self,
        engine: NaiveEngine,
        sessions: "Sequence[NaiveSession]",
        publish: "Callable[[NaiveSession, str, Fields], Any]",
        now: Callable[[], int],
    ) -> None:
        self.engine = engine
        self.sessions = sessions
        self.publish = publish
        self.now = now

    def head(self) -> Fields:
        """What every frame about orders begins with; an execId of its own."""
        return {"timestamp": self.now(), "exec_id": self.engine.next_exec_id()}

    # to the one who asked

    def accepted(self, session: "NaiveSession", name: str, correlation_id: int | None, outcome: OutcomeRecord) -> None:
        """NewOrderResponse or AmendOrderResponse."""
        fields = self.head() | {
            "client_order_id": outcome.client_order_id,
            "correlation_id": correlation_id,
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "price": outcome.price,
            "quantity": nano(outcome.quantity),
            "total_filled": nano(outcome.total_filled),
            "visible_qty": nano(outcome.visible_quantity),
            "receive_time": self.now(),
            "status": outcome.order_status,
            "cancel_reason": outcome.cancel_reason,
            "fills": [
                {"match_id": event.match_id, "fill_price": event.price, "fill_qty": nano(event.quantity)}
                for event in outcome.events
                if event.kind == "fill"
            ],
            "legs": [],
        }
        if name == "NewOrderResponse":
            fields["side"] = outcome.side
        self.publish(session, name, fields)

    def placed(self, session: "NaiveSession", correlation_id: int, outcome: OutcomeRecord) -> None:
        """OrderPlaced: what became of an order or an amend that waited."""
        knows = session.version >= 8
        fields = {
            "client_order_id": outcome.client_order_id,
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "price": outcome.price,
            "quantity": nano(outcome.quantity),
            "total_filled": nano(outcome.total_filled),
            "visible_qty": nano(outcome.visible_quantity),
            "status": outcome.order_status,
            "cancel_reason": outcome.cancel_reason,
            "correlation_id": correlation_id if knows else None,
            "fills": [
                {"match_id": event.match_id, "fill_price": event.price, "fill_qty": nano(event.quantity)}
                for event in outcome.events
                if event.kind == "fill"
            ],
            "legs": [],
        }
        self.publish(session, "OrderPlaced", self.head() | fields)

    def quote_placed(self, mmp_group_id: int, outcome: OutcomeRecord) -> None:
        """MassQuoteOrdersPlaced: what became of a side of a quote that waited."""
        entry = {
            "client_order_id": outcome.client_order_id,
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "price": outcome.price,
            "quantity": nano(outcome.quantity),
            "total_filled": nano(outcome.total_filled),
            "visible_qty": nano(outcome.visible_quantity),
            "side": outcome.side,
            "status": outcome.order_status,
            "cancel_reason": outcome.cancel_reason,
        }
        fills = [
            {
                "match_id": event.match_id,
                "order_id": outcome.order_id,
                "fill_price": event.price,
                "fill_qty": nano(event.quantity),
            }
            for event in outcome.events
            if event.kind == "fill"
        ]
        fields = {"mmp_group_id": mmp_group_id, "orders": [entry], "fills": fills, "legs": []}
        self.publish(self.sessions[outcome.owner], "MassQuoteOrdersPlaced", self.head() | fields)

    def rejected(
        self,
        session: "NaiveSession",
        name: str,
        correlation_id: int,
        reason: int,
        *,
        client_order_id: int | None,
        instrument_id: int,
        order_id: int | None = None,
    ) -> None:
        """NewOrderReject, AmendOrderReject or CancelOrderReject."""
        fields = {
            "client_order_id": INT64_NULL if client_order_id is None else client_order_id,
            "correlation_id": correlation_id,
            "order_id": order_id,
            "instrument_id": instrument_id,
            "reason": reason_told(name, reason, session.version),
            "details": SOME_TEXT,
        }
        self.publish(session, name, self.head() | fields)

    def canceled(self, session: "NaiveSession", correlation_id: int | None, outcome: OutcomeRecord) -> None:
        """CancelOrderResponse."""
        knows = session.version >= 16
        fields = {
            "client_order_id": outcome.client_order_id,
            "correlation_id": correlation_id,
            "order_id": outcome.order_id,
            "instrument_id": outcome.instrument_id,
            "receive_time": self.now(),
            "quantity": nano(outcome.quantity) if knows else None,
            "total_filled": nano(outcome.total_filled) if knows else None,
        }
        self.publish(session, "CancelOrderResponse", self.head() | fields)

    def canceled_elsewhere(self, outcome: OutcomeRecord) -> None:
        """To the submitter, of a cancel that another session asked for."""
        submitter = self.sessions[outcome.owner]
        if submitter.version < 17:
            self.canceled(submitter, None, outcome)
            return
        assert outcome.client_order_id is not None
        assert outcome.order_id is not None
        filled = (outcome.total_filled, -9)
        entry = CanceledOrder(
            outcome.client_order_id, outcome.order_id, outcome.instrument_id, filled, CancelReason.BY_REQUEST, 0
        )
        self.orders_canceled(submitter, [entry])

    def mass_quoted(self, session: "NaiveSession", request: Fields, outcome: MassQuoteRecord) -> None:
        """MassQuoteResponse; what it fits in is never filled here."""

        def side_of(prefix: str, side: QuoteSideRecord) -> Fields:
            reason = reason_told("MassQuoteResponse", side.reject_reason, session.version)
            return {
                f"{prefix}_order_id": side.order_id,
                f"{prefix}_price": side.price,
                f"{prefix}_qty": nano(side.remaining),
                f"{prefix}_filled_qty": nano(side.total_filled),
                f"{prefix}_status": side.status,
                f"{prefix}_reject_reason": None if reason == ENUM_NULL else reason,
            }

        def fills_against(maker_side: int) -> list[Fields]:
            return [
                {
                    "match_id": event.match_id,
                    "instrument_id": event.instrument_id,
                    "fill_price": event.price,
                    "fill_qty": nano(event.quantity),
                }
                for event in outcome.events
                if event.kind == "fill" and event.side == maker_side
            ]

        fields = self.head() | {
            "quote_id": request["quote_id"],
            "correlation_id": request["correlation_id"],
            "mmp_group_id": request["mmp_group_id"],
            "receive_time": self.now(),
            "quotes": [
                {"instrument_id": quote.instrument_id} | side_of("bid", quote.bid) | side_of("ask", quote.ask)
                for quote in outcome.quotes
            ],
            "bid_fills": fills_against(-1),
            "ask_fills": fills_against(1),
            "legs": [],
        }
        self.publish(session, "MassQuoteResponse", fields)

    # to others

    def others(self, events: Iterable[EventRecord]) -> None:
        """What a command did to resting orders."""
        self.events(events)
        for trigger in self.engine.mmp.take_triggered():
            self.triggered(trigger)
        self.leaving()

    def triggered(self, trigger: MmpTriggerRecord) -> None:
        """MassQuoteMmpTriggered or OrdersMmpTriggered."""
        kind, name = named(trigger.is_of_orders)
        told = {
            name: trigger.id,
            "frozen_until": trigger.frozen_until,
            "quantity_level": trigger.quantity_level / 10**9,
            "vega_level": trigger.vega_level / 10**9,
            "delta_level": trigger.delta_level / 10**9,
            "trigger": trigger.trigger,
        }
        for owner in trigger.told:
            self.publish(self.sessions[owner], f"{kind}MmpTriggered", self.head() | told)

    def reset(self, session: "NaiveSession", correlation_id: int) -> None:
        """What a request has unfrozen."""
        group = self.engine.mmp.take_unfrozen()
        if group is not None:
            self.unfrozen(group, session, correlation_id)

    def unfrozen(self, group: MmpUnfrozenRecord, asker: "NaiveSession | None", correlation_id: int | None) -> None:
        """MassQuoteMmpUnfrozen or OrdersMmpUnfrozen, first to the one who asked."""
        kind, name = named(group.is_of_orders)
        first = [] if asker is None else [asker.slot]
        for owner in dict.fromkeys([*first, *group.told]):
            told = {name: group.id, "correlation_id": correlation_id}
            self.publish(self.sessions[owner], f"{kind}MmpUnfrozen", self.head() | told)

    def events(self, events: Iterable[EventRecord]) -> None:
        """Everybody's share of a command's events, owner by owner as they appear first."""
        events = list(events)
        for owner in dict.fromkeys(event.owner for event in events):
            self.share(self.sessions[owner], [event for event in events if event.owner == owner])

    def share(self, session: "NaiveSession", share: list[EventRecord]) -> None:
        while share:
            kind = share[0].kind
            run = share[: next((i for i, event in enumerate(share) if event.kind != kind), len(share))]
            share = share[len(run) :]
            if kind == "fill":
                entries = [
                    {
                        "client_order_id": event.client_order_id,
                        "order_id": event.order_id,
                        "instrument_id": event.instrument_id,
                        "match_id": event.match_id,
                        "price": event.price,
                        "fill_qty": nano(event.quantity),
                        "total_filled": nano(event.total_filled),
                        "side": event.side,
                        "flags": event.flags,
                    }
                    for event in run
                ]
                self.publish(session, "OrderFilled", self.head() | {"fills": entries, "legs": []})
            else:
                self.orders_canceled(
                    session,
                    [
                        CanceledOrder(
                            event.client_order_id,
                            event.order_id,
                            event.instrument_id,
                            (event.total_filled, -9),
                            event.cancel_reason,
                            event.flags,
                        )
                        for event in run
                    ],
                )

    def leaving(self) -> None:
        """Everybody who lost orders that the engine took out for a reason of its own."""
        for owner, entries in self.engine.take_leaving(len(self.engine.leaving)):
            self.orders_canceled(self.sessions[owner], entries)

    def orders_canceled(self, session: "NaiveSession", entries: Sequence[CanceledOrder]) -> None:
        self.publish(session, "OrdersCanceled", self.head() | {"flags": 1, "orders": [told_of(e) for e in entries]})


def named(is_of_orders: bool) -> tuple[str, str]:
    """How messages about groups of a kind begin, and what they call the group."""
    return ("Orders", "currency_pair_id") if is_of_orders else ("MassQuote", "mmp_group_id")


def told_of(entry: CanceledOrder) -> Fields:
    """An entry of OrdersCanceled."""
    return entry._asdict() | {"total_filled": Decimal72(*entry.total_filled)}
