"""Mass quotes and mass cancels of the naive gateway: from a request's fields to the frames that everybody is sent."""

from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

from codec import messages
from codec.layout import MassCancelRejectReason, MassQuoteRejectReason
from codec.values import INT64_NULL, Decimal72
from gateway.engine_types import CanceledOrder, QuoteSideRecord
from support.naive_quotes import NO_REASON, NaiveQuotes, Terms

if TYPE_CHECKING:
    from support.naive_gateway import NaiveGateway, NaiveSession


class NaiveMassRequests:
    def __init__(self, gateway: "NaiveGateway", quotes: NaiveQuotes) -> None:
        self.gateway = gateway
        self.quotes = quotes

    def mass_quote(self, session: "NaiveSession", fields: dict[str, Any]) -> None:
        gateway = self.gateway
        entries = [
            (entry["instrument_id"], terms_of(entry, "bid"), terms_of(entry, "ask")) for entry in fields["quotes"]
        ]
        told = self.quotes.mass_quote(
            session.slot,
            None if fields["quote_id"] == INT64_NULL else fields["quote_id"],
            fields["mmp_group_id"],
            entries,
            smp_token=fields["self_match_prevention_id"],
            epoch=session.epoch,
        )
        root = {
            "timestamp": gateway.now,
            "exec_id": gateway.engine.next_exec_id(),
            **{name: fields[name] for name in ("quote_id", "correlation_id", "mmp_group_id")},
        }
        if told.status == "rejected":
            reason = told.reject_reason
            if reason == MassQuoteRejectReason.DUPLICATE_INSTRUMENT and session.version < 4:
                reason = MassQuoteRejectReason.INVALID_INSTRUMENT
            gateway.publish(session, "MassQuoteReject", {**root, "reason": reason, "details": ANY})
            return
        fills: dict[int, list[dict[str, Any]]] = {1: [], -1: []}
        for event in told.events:
            if event.kind == "fill":
                fills[-event.side].append(
                    {
                        "match_id": event.match_id,
                        "instrument_id": event.instrument_id,
                        "fill_price": event.price,
                        "fill_qty": Decimal72(event.quantity, -9),
                    }
                )
        said = {
            **root,
            "receive_time": gateway.now,
            "quotes": [
                {"instrument_id": entry.instrument_id, **side_fields("bid", entry.bid), **side_fields("ask", entry.ask)}
                for entry in told.quotes
            ],
            "bid_fills": fills[1],
            "ask_fills": fills[-1],
            "legs": [],
        }
        gateway.publish(session, "MassQuoteResponse", said)
        gateway.report_events(told.events)
        self.report_leaving()

    def mass_cancel(self, session: "NaiveSession", fields: dict[str, Any]) -> None:
        names = ("currency_pair_id", "instrument_id", "product_type", "side")
        count = None
        if fields["currency_pair_id"] is not None or fields["instrument_id"] is not None:
            count = self.quotes.mass_cancel(session.slot, **{name: fields[name] for name in names})
        self.answer(session, fields, count, MassCancelRejectReason.ERROR)

    def mass_quote_cancel(self, session: "NaiveSession", fields: dict[str, Any]) -> None:
        count = self.quotes.cancel_quotes(session.slot, fields["mmp_group_id"], fields["side"])
        self.answer(session, fields, count, MassCancelRejectReason.INVALID_MMP_GROUP)

    def answer(self, session: "NaiveSession", fields: dict[str, Any], count: int | None, reason: int) -> None:
        gateway = self.gateway
        root = {
            "timestamp": gateway.now,
            "exec_id": gateway.engine.next_exec_id(),
            "correlation_id": fields["correlation_id"],
        }
        if count is None:
            gateway.publish(session, "MassCancelReject", {**root, "reason": reason, "details": ANY})
            return
        gateway.publish(
            session, "MassCancelResponse", {**root, "receive_time": gateway.now, "total_order_count": count}
        )
        self.report_leaving()

    def report_leaving(self) -> None:
        gateway = self.gateway
        for owner, entries in gateway.engine.take_leaving(len(gateway.engine.leaving)):
            root = {"timestamp": gateway.now, "exec_id": gateway.engine.next_exec_id(), "flags": 1}
            gateway.publish(
                gateway.sessions[owner],
                "OrdersCanceled",
                {**root, "orders": [canceled_fields(entry) for entry in entries]},
            )


def terms_of(entry: dict[str, Any], which: str) -> Terms:
    try:
        quantity = messages.to_fixed(entry[f"{which}_qty"])
    except ValueError:
        quantity = None  # null, inexact or too large
    return entry[f"{which}_price"], quantity, entry[f"{which}_flags"]


def side_fields(which: str, side: QuoteSideRecord) -> dict[str, Any]:
    return {
        f"{which}_order_id": side.order_id,
        f"{which}_price": side.price,
        f"{which}_qty": Decimal72(side.remaining, -9),
        f"{which}_filled_qty": Decimal72(side.total_filled, -9),
        f"{which}_status": side.status,
        f"{which}_reject_reason": None if side.reject_reason == NO_REASON else side.reject_reason,
    }


def canceled_fields(entry: CanceledOrder) -> dict[str, Any]:
    return entry._asdict() | {"total_filled": Decimal72(*entry.total_filled)}
