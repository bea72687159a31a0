"""The order requests of live sessions said again in plain Python: naive engine in, frames out."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from codec import messages
from codec.layout import (
    MassCancelRejectReason,
    MassQuoteFlags,
    MassQuoteRejectReason,
    MmpStatusRejectReason,
    OrderFlags,
    OrderRejectReason,
)
from codec.values import INT64_NULL, Decimal72
from gateway.engine_types import OutcomeRecord
from support.naive_cover import is_covered
from support.naive_quotes import Entry, NaiveQuotes
from support.naive_rate_limit import NaiveRateLimits
from support.naive_reports import SOME_TEXT, Fields, NaiveReports, reason_told
from support.naive_speed_bumps import NaiveSpeedBumps

if TYPE_CHECKING:
    from support.naive_session import NaiveSession


class NaiveOrders:
    """`handle` says whether a message is a request of this kind at all."""

    def __init__(
        self, engine: NaiveSpeedBumps, quotes: NaiveQuotes, reports: NaiveReports, rates: NaiveRateLimits | None = None
    ) -> None:
        self.engine = engine
        self.quotes = quotes
        self.reports = reports
        self.rates = rates
        self.released = 0
        self.may_release: Callable[[int], bool] = lambda _: True
        """Whether one more is released now, after so many in all: dead orders may hold them up in the core."""
        self.requests = {
            "NewOrderRequest": self.new_order,
            "AmendOrderRequest": self.amend_order,
            "CancelOrderRequest": self.cancel_order,
            "CancelOrderByIdRequest": self.cancel_order_by_id,
            "MassQuoteRequest": self.mass_quote,
            "MassCancelRequest": self.mass_cancel,
            "MassQuoteCancelRequest": self.mass_quote_cancel,
            "GetMassQuoteMmpStatusRequest": self.mass_quote_mmp_status,
            "GetOrdersMmpStatusRequest": self.orders_mmp_status,
        }

    def handle(self, session: "NaiveSession", name: str, fields: Mapping[str, Any]) -> bool:
        request = self.requests.get(name)
        if request is not None:
            self.engine.mmp.now = self.reports.now()
            request(session, dict(fields))
        return request is not None

    def release(self) -> None:
        """What has waited behind speed bumps long enough."""
        releases = self.engine.releases(self.reports.now())
        while self.may_release(self.released) and (told := next(releases, None)) is not None:
            self.released += 1
            if told.mmp_group_id is not None:
                self.reports.quote_placed(told.mmp_group_id, told.outcome)
            else:
                self.reports.placed(self.reports.sessions[told.requester], told.correlation_id, told.outcome)
                if told.outcome.owner != told.requester:
                    self.reports.placed(self.reports.sessions[told.outcome.owner], INT64_NULL, told.outcome)
            self.reports.others(told.outcome.events)

    def charge(self, session: "NaiveSession", bucket: str, cost: int) -> bool:
        return self.rates is None or self.rates.charge(session.slot, bucket, cost, self.reports.now())

    # orders

    def new_order(self, session: "NaiveSession", fields: Fields) -> None:
        if not self.charge(session, "orders", 2000):
            self.reject(session, "NewOrderReject", fields, OrderRejectReason.RATE_LIMIT)
            return
        flags = known_flags(fields["flags"], session)
        outcome = self.engine.enter(
            session.slot,
            null(fields["client_order_id"]),
            fields["instrument_id"],
            fields["side"],
            fields["price"],
            fixed(fields["quantity"]),
            time_in_force=fields["time_in_force"],
            flags=flags,
            covered=is_covered(session, flags),
            smp_token=fields["self_match_prevention_id"],
            self_trading_mode=fields["self_trading_mode"],
            show_quantity=show_quantity(fields["show_qty"]),
            epoch=session.epoch,
            time=self.reports.now(),
            correlation_id=fields["correlation_id"],
        )
        self.reports.reset(session, fields["correlation_id"])
        if outcome.status == "rejected":
            self.reject(session, "NewOrderReject", fields, outcome.reject_reason)
            return
        self.reports.accepted(session, "NewOrderResponse", fields["correlation_id"], outcome)
        self.reports.others(outcome.events)

    def amend_order(self, session: "NaiveSession", fields: Fields) -> None:
        if not self.charge(session, "orders", 2000):
            self.reject(session, "AmendOrderReject", fields, OrderRejectReason.RATE_LIMIT)
            return
        outcome = self.engine.amend(
            session.slot,
            null(fields["client_order_id"]),
            fields["instrument_id"],
            fields["price"],
            fixed(fields["quantity"]),
            show_quantity=show_quantity(fields["show_qty"]),
            flags=fields["flags"],
            epoch=session.epoch,
            time=self.reports.now(),
            correlation_id=fields["correlation_id"],
        )
        if outcome.status == "rejected":
            self.reject(session, "AmendOrderReject", fields, outcome.reject_reason, outcome.order_id)
            return
        self.reports.accepted(session, "AmendOrderResponse", fields["correlation_id"], outcome)
        if outcome.owner != session.slot:
            self.reports.accepted(self.reports.sessions[outcome.owner], "AmendOrderResponse", None, outcome)
        self.reports.others(outcome.events)

    def cancel_order(self, session: "NaiveSession", fields: Fields) -> None:
        self.charge(session, "orders", 2000)
        named = null(fields["client_order_id"])
        self.report_cancel(session, fields, self.engine.cancel(session.slot, named, fields["instrument_id"]))

    def cancel_order_by_id(self, session: "NaiveSession", fields: Fields) -> None:
        self.charge(session, "orders", 2000)
        named = null(fields["order_id"])
        self.report_cancel(session, fields, self.engine.cancel_by_id(session.slot, named, fields["instrument_id"]))

    def report_cancel(self, session: "NaiveSession", fields: Fields, outcome: OutcomeRecord) -> None:
        if outcome.status == "rejected":
            named = fields | {"client_order_id": outcome.client_order_id}
            self.reject(session, "CancelOrderReject", named, outcome.reject_reason, outcome.order_id)
            return
        self.reports.canceled(session, fields["correlation_id"], outcome)
        if outcome.owner != session.slot:
            self.reports.canceled_elsewhere(outcome)

    def reject(
        self, session: "NaiveSession", name: str, fields: Fields, reason: int, order_id: int | None = None
    ) -> None:
        self.reports.rejected(
            session,
            name,
            fields["correlation_id"],
            reason,
            client_order_id=fields.get("client_order_id"),
            instrument_id=fields["instrument_id"],
            order_id=order_id,
        )

    # quotes and mass cancels

    def mass_quote(self, session: "NaiveSession", fields: Fields) -> None:
        entries = [entry_of(entry, session) for entry in fields["quotes"]]
        withdraws = all(bid[1] == ask[1] == 0 for _, bid, ask in entries)
        within_rate = self.charge(session, "mass_quotes", 100 if withdraws else 2000)
        if not within_rate and not withdraws:
            self.reject_mass_quote(session, fields, MassQuoteRejectReason.RATE_LIMIT)
            return
        outcome = self.quotes.mass_quote(
            session.slot,
            null(fields["quote_id"]),
            fields["mmp_group_id"],
            entries,
            smp_token=fields["self_match_prevention_id"],
            epoch=session.epoch,
            covered=session.covers_all,
            reset_mmp=bool(fields["flags"] & MassQuoteFlags.RESET_MMP),
            time=self.reports.now(),
        )
        self.reports.reset(session, fields["correlation_id"])
        if outcome.status == "rejected":
            self.reject_mass_quote(session, fields, outcome.reject_reason)
            return
        self.reports.mass_quoted(session, fields, outcome)
        self.reports.others(outcome.events)

    def reject_mass_quote(self, session: "NaiveSession", fields: Fields, reason: int) -> None:
        told = {name: fields[name] for name in ("quote_id", "correlation_id", "mmp_group_id")}
        told |= {"reason": reason_told("MassQuoteReject", reason, session.version), "details": SOME_TEXT}
        self.reports.publish(session, "MassQuoteReject", self.reports.head() | told)

    def mass_cancel(self, session: "NaiveSession", fields: Fields) -> None:
        if fields["currency_pair_id"] == fields["instrument_id"] is None:
            self.reject_mass_cancel(session, fields, MassCancelRejectReason.ERROR)
            return
        filters = {name: fields[name] for name in ("currency_pair_id", "instrument_id", "product_type", "side")}
        self.report_mass_cancel(session, fields, self.quotes.mass_cancel(session.slot, **filters))

    def mass_quote_cancel(self, session: "NaiveSession", fields: Fields) -> None:
        self.charge(session, "mass_quotes", 100)
        count = self.quotes.cancel_quotes(session.slot, fields["mmp_group_id"], fields["side"])
        if count is None:
            self.reject_mass_cancel(session, fields, MassCancelRejectReason.INVALID_MMP_GROUP)
        else:
            self.report_mass_cancel(session, fields, count)

    def report_mass_cancel(self, session: "NaiveSession", fields: Fields, count: int) -> None:
        told = {
            "correlation_id": fields["correlation_id"],
            "receive_time": self.reports.now(),
            "total_order_count": count,
        }
        self.reports.publish(session, "MassCancelResponse", self.reports.head() | told)
        self.reports.leaving()

    def reject_mass_cancel(self, session: "NaiveSession", fields: Fields, reason: int) -> None:
        told = {
            "correlation_id": fields["correlation_id"],
            "reason": reason_told("MassCancelReject", reason, session.version),
            "details": SOME_TEXT,
        }
        self.reports.publish(session, "MassCancelReject", self.reports.head() | told)

    # market-maker protection

    def mass_quote_mmp_status(self, session: "NaiveSession", fields: Fields) -> None:
        self.mmp_status(session, fields, "MassQuote", "mmp_group_id")

    def orders_mmp_status(self, session: "NaiveSession", fields: Fields) -> None:
        self.mmp_status(session, fields, "Orders", "currency_pair_id")

    def mmp_status(self, session: "NaiveSession", fields: Fields, kind: str, name: str) -> None:
        key = (self.engine.owners[session.slot].portfolio, kind == "Orders", fields[name])
        group = self.engine.mmp.groups.get(key)
        told = {"timestamp": self.reports.now(), "correlation_id": fields["correlation_id"]}
        if group is None:
            told["reason"] = MmpStatusRejectReason.INVALID_MMP_GROUP
            self.reports.publish(session, f"Get{kind}MmpStatusReject", told)
        else:
            told |= {name: fields[name], "frozen_until_time": group.frozen_until}
            self.reports.publish(session, f"Get{kind}MmpStatusResponse", told)


def known_flags(flags: int, session: "NaiveSession") -> int:
    """OrderFlags without those that the session's version does not know."""
    newer = OrderFlags.RESET_MMP * (session.version < 10) | OrderFlags.CANCEL_ON_DISCONNECT * (session.version < 7)
    return flags & ~newer


def entry_of(entry: Fields, session: "NaiveSession") -> Entry:
    """An entry of a mass quote as the naive engine wants it."""

    def terms(prefix: str) -> tuple[int | None, int | None, int]:
        flags = known_flags(entry[f"{prefix}_flags"], session)
        return entry[f"{prefix}_price"], fixed(entry[f"{prefix}_qty"]), flags

    return entry["instrument_id"], terms("bid"), terms("ask")


def null(value: int | None) -> int | None:
    return None if value == INT64_NULL else value


def fixed(decimal: Sequence[int]) -> int | None:
    """A Decimal72 in 1e-9; None for null and for what is not exact or does not fit."""
    try:
        return messages.to_fixed(Decimal72(*decimal))
    except ValueError:
        return None


def show_quantity(decimal: Sequence[int] | None) -> int | None:
    """None where there is none; what cannot be is as wrong as nothing at all."""
    if decimal is None or decimal[0] == INT64_NULL:
        return None
    return fixed(decimal) or 0
