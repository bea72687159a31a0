"""What is covered, the switches of a connection and the drill, said again in plain Python."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codec.layout import OpenOrderFlags, OrderFlags
from support.naive_engine import NaiveEngine, NaiveOrder
from support.naive_reports import nano

if TYPE_CHECKING:
    from support.naive_session import NaiveSession

Fields = dict[str, Any]


@dataclass
class NaiveListing:
    """An answer to an OpenOrdersRequest under way; `told` is the place of the last order that was listed."""

    correlation_id: int
    time: int
    last_order_id: int
    is_of_portfolio: bool
    covered_only: bool
    all_covered: bool
    told: tuple[int, bool, int] = (-1, False, 0)


class NaiveCover:
    """Made from the setting `cancel_on_disconnect`."""

    def __init__(self, engine: NaiveEngine, mode: str) -> None:
        self.engine = engine
        self.mode = mode

    def begin(self, session: "NaiveSession", logon: Mapping[str, Any]) -> None:
        asked = bool(logon.get("cancel_on_disconnect")) and logon["schema_version"] >= 13
        session.cover_is_fixed = self.mode == "always" or (self.mode == "session" and asked)
        session.covers_all = session.cover_is_fixed
        session.armed = False

    def switched(self, session: "NaiveSession", fields: Fields) -> Fields:
        """The CancelOnDisconnectResponse to a request that does what it may."""
        scope, enabled = fields["scope"], bool(fields["enabled"])
        status, active = 0, False
        if scope == 0:
            if enabled or not session.cover_is_fixed:
                session.covers_all = enabled
            else:
                status = 1
            active = session.covers_all
        elif scope == 1:
            session.armed = active = enabled
        else:
            status = 2
        portfolio = self.engine.owners[session.slot].portfolio
        lost = [
            order
            for order in self.engine.live()
            if (order.portfolio == portfolio if session.armed else order.owner == session.slot and order.covered)
        ]
        told = {name: fields[name] for name in ("correlation_id", "scope", "enabled")}
        return told | {"active": int(active), "status": status, "covered_orders": len(lost)}

    def listing(self, session: "NaiveSession", fields: Fields, now: int) -> NaiveListing:
        return NaiveListing(
            fields["correlation_id"],
            now,
            self.engine.last_order_id,
            bool(fields["scope"]),
            bool(fields["covered_only"]),
            session.armed,
        )

    def to_list(self, session: "NaiveSession", listing: NaiveListing) -> list[NaiveOrder]:
        """What is still to be listed, in its order."""
        portfolio = self.engine.owners[session.slot].portfolio
        found = [
            order
            for order in self.engine.live()
            if (order.portfolio == portfolio if listing.is_of_portfolio else order.owner == session.slot)
            and order.order_id <= listing.last_order_id
            and (order.covered or listing.all_covered or not listing.covered_only)
            and place(order) > listing.told
        ]
        return sorted(found, key=place)

    def listed(self, session: "NaiveSession", count: int, is_last: bool) -> Fields:
        """The next frame, of so many orders."""
        listing = session.listing
        assert listing is not None
        left = self.to_list(session, listing)
        assert len(left) >= count
        assert not is_last or len(left) == count
        if count:
            listing.told = place(left[count - 1])
        if is_last:
            session.listing = None
        return {
            "correlation_id": listing.correlation_id,
            "timestamp": listing.time,
            "flags": int(is_last),
            "orders": [entry_of(order, order.covered or listing.all_covered) for order in left[:count]],
        }


def place(order: NaiveOrder) -> tuple[int, bool, int]:
    """Owner by owner, covered ones first, oldest first."""
    return order.owner, not order.covered, order.order_id


def entry_of(order: NaiveOrder, is_covered: bool) -> Fields:
    return {
        "client_order_id": order.client_order_id,
        "order_id": order.order_id,
        "instrument_id": order.instrument_id,
        "price": order.price if order.has_price else None,
        "quantity": nano(order.quantity),
        "total_filled": nano(order.filled),
        "side": order.side,
        "flags": OpenOrderFlags.IS_QUOTE * order.is_quote | OpenOrderFlags.IS_COVERED * is_covered,
    }


def is_covered(session: "NaiveSession", flags: int) -> bool:
    """Whether an order with these flags, as far as the session's version knows them, is covered."""
    return session.covers_all or bool(flags & OrderFlags.CANCEL_ON_DISCONNECT)
