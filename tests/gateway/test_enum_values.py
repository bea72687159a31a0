"""Each value of each enum that the gateway can say is said here; those that it never says are listed with the reason.

A value counts as said when a frame of a session, read by the reference codec, has it in a field of that enum.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum, IntFlag
from typing import Any

import pytest
from support import engine_room, random_requests
from support.core_driver import SECOND, CoreDriver, configuration, nine, order, quantity

from codec.layout import (
    ENUMS,
    MESSAGES,
    SETS,
    CancelFlags,
    CancelOrderRejectReason,
    CancelReason,
    FieldLayout,
    FillFlags,
    MassCancelRejectReason,
    MassQuoteFlags,
    MassQuoteRejectReason,
    MmpStatusRejectReason,
    MmpTriggerType,
    MultiPartEventFlags,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    QuoteStatus,
    RejectReason,
    Side,
    TimeInForce,
)
from codec.values import INT64_NULL, Message
from gateway.limits import PENDING_AMENDS_PER_ORDER_MAX, WAITING_PER_PORTFOLIO_MAX
from gateway.venue_controls import Deactivate, Halt, KillClient, Lock

Value = IntEnum | IntFlag
LAYOUTS = {message.name: message for message in MESSAGES}
EXTENSIONS = 4000
LITTLE = quantity(0.001)
BUMPED = 50
SPEED_BUMP_MS = 10
BUMPED_INSTRUMENT = f"""
[[instrument]]
id = {BUMPED}
symbol = "I-{BUMPED}"
currency_pair_id = 1
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"
speed_bump_ms = {SPEED_BUMP_MS}
"""
GROUP = 8
"""An MMP group without a limit of quantity, of random_requests.TABLES."""
PROTECTED = 7
"""One that may fill less than 0.003."""


def values_in(message: Message) -> Iterator[Value]:
    """Every value of an enum in a frame, and every bit of a set; a set without a bit is the value 0."""
    layout = LAYOUTS[message.name]
    yield from _values_of(layout.fields, message.fields)
    for group in layout.groups:
        for entry in message.fields[group.name]:  # type: ignore[union-attr]
            yield from _values_of(group.fields, entry)  # type: ignore[arg-type]


def _values_of(fields: tuple[FieldLayout, ...], values: dict[str, Any]) -> Iterator[Value]:
    for field in fields:
        value = values.get(field.name)  # paddings are not there
        if field.domain in ENUMS and value is not None:
            yield ENUMS[field.domain](value)
        elif field.domain in SETS:
            yield from [bit for bit in SETS[field.domain] if value & bit] or [SETS[field.domain](0)]


ENTRY = {"instrument_id": 1, "bid_qty": quantity(0), "ask_qty": quantity(0)}


class World:
    """A core with a maker of one portfolio and a taker of another, and all that was said to them."""

    def __init__(self, extra: str = "", version: int = 17, **settings: Any) -> None:
        tables = random_requests.TABLES + BUMPED_INSTRUMENT + extra
        self.driver = CoreDriver(configuration(extra=tables, **{"max_open_orders": 2_000} | settings))
        self.maker = self.driver.logged_on("maker-1", schema_version=version)
        self.taker = self.driver.logged_on("stranger-1")

    def said(self) -> list[Value]:
        return [value for line in (self.maker, self.taker) for message in line.take() for value in values_in(message)]

    def sold(self, **changed: Any) -> "World":
        """The taker sells 1 at 100, unless changed."""
        self.taker.order(**{"client_order_id": 100, "side": Side.SELL} | changed)
        return self

    def queued(self) -> "World":
        """An order of the maker's waits behind a speed bump."""
        return self.sold(instrument_id=BUMPED).new_order(instrument_id=BUMPED)

    def new_order(self, client_order_id: int = 1, **changed: Any) -> "World":
        self.maker.order(client_order_id, **changed)
        return self

    def amend(self, instrument_id: int = 1) -> "World":
        fields = {"instrument_id": instrument_id, "price": nine(100), "quantity": quantity(1)}
        self.maker.send("AmendOrderRequest", client_order_id=1, correlation_id=2, **fields)
        return self

    def cancel(self, instrument_id: int = 1) -> "World":
        fields = {"client_order_id": 1, "correlation_id": 3, "instrument_id": instrument_id}
        self.maker.send("CancelOrderRequest", **fields)
        return self

    def quote(self, bid: float = 100, units: float = 1, instrument_id: int = 1, **changed: Any) -> "World":
        """A mass quote of one bid in GROUP, unless changed."""
        entry = ENTRY | {"instrument_id": instrument_id, "bid_price": nine(bid), "bid_qty": quantity(units)}
        fields = {"quote_id": 901, "correlation_id": 4, "mmp_group_id": GROUP, "quotes": [entry]} | changed
        self.maker.send("MassQuoteRequest", **fields)
        return self

    def later(self, after_ms: int) -> "World":
        self.driver.tick(after_ms * SECOND // 1000)
        return self

    def settle(self) -> "World":
        self.driver.settle()
        return self

    def control(self, control: Any) -> "World":
        self.driver.core.control(control, self.driver.now)
        return self.settle()


def raw(change: Callable[[bytes], bytes]) -> World:
    """A new order whose bytes are changed on the way."""
    world = World()
    world.maker.raw(change(world.maker.frame("NewOrderRequest", order(1))))
    return world


def from_drop_copy() -> World:
    world = World()
    world.taker = world.driver.logged_on("watch-1")
    world.taker.order(1)
    return world


class FullEngine:
    """An engine that has room for one order, where the gateway's has for millions."""

    def said(self) -> list[Value]:
        probe = engine_room.make(orders_max=1)
        outcomes = [engine_room.place(probe, 0, number, Side.BUY, 100, 1) for number in (1, 2)]
        return [OrderRejectReason(outcomes[1].reject_reason)]


def ended() -> World:
    world = World(drain_step_orders=1).new_order(1).quote(99)
    world.maker.send("Logout", reason="")
    return world.settle()


def day_over() -> World:
    world = World().new_order(time_in_force=1)
    world.driver.core.settle(world.driver.now)
    return world.settle()


def too_fast(name: str) -> World:
    limits = ("orders_per_s", "orders_burst", "mass_quotes_per_s", "mass_quotes_burst")
    world = World("\n".join(["[gateway.rate_limit]", *(f"{limit} = 1" for limit in limits)]))
    return world.new_order(1).new_order(2) if name == "order" else world.quote().quote(99)


def mass_cancel(**filters: Any) -> World:
    world = World().new_order()
    fields = {"currency_pair_id": None, "instrument_id": 1, "product_type": 0, "side": 0} | filters
    world.maker.send("MassCancelRequest", correlation_id=5, **fields)
    return world


def halted_while_queued() -> World:
    return World().queued().control(Halt(instrument_id=BUMPED)).later(SPEED_BUMP_MS)


def too_many_amends() -> World:
    world = World().queued()
    for _ in range(PENDING_AMENDS_PER_ORDER_MAX + 1):
        world.amend(BUMPED)
    return world


def too_many_queued() -> World:
    world = World().sold(instrument_id=BUMPED)
    for number in range(WAITING_PER_PORTFOLIO_MAX + 1):
        world.new_order(1 + number, instrument_id=BUMPED)
    return world


def unknown_group_cancelled() -> World:
    world = World()
    world.maker.send("MassQuoteCancelRequest", correlation_id=5, mmp_group_id=99, side=0)
    return world


def same_token(mode: int) -> World:
    world = World().new_order(1, side=Side.SELL, self_match_prevention_id=5)
    return world.new_order(2, self_match_prevention_id=5, self_trading_mode=mode)


def quoted_too_much() -> World:
    """A mass quote takes 0.002 with each of two bids."""
    world = World().sold(quantity=quantity(0.002)).sold(client_order_id=101, instrument_id=2, quantity=quantity(0.002))
    bid = ENTRY | {"bid_price": nine(100), "bid_qty": quantity(0.003)}
    return world.quote(mmp_group_id=PROTECTED, quotes=[bid | {"instrument_id": number} for number in (1, 2)])


def quotes_taken(second: float) -> World:
    """Two quotes in succession in the instrument with a delta and a vega: 0.004 is taken of the first."""
    world = World().quote(instrument_id=3, units=0.004).sold(instrument_id=3, quantity=quantity(0.004))
    return world.quote(instrument_id=3, units=0.004).sold(instrument_id=3, quantity=quantity(second))


def frozen_orders(flags: int) -> World:
    """An order flagged mmp is filled too much, and there is another one with these flags."""
    return World().new_order(1, flags=OrderFlags.MMP).sold().new_order(2, flags=OrderFlags.MMP | flags)


def protection_status() -> World:
    world = World()
    world.maker.send("GetMassQuoteMmpStatusRequest", correlation_id=5, mmp_group_id=99)
    return world


SAID: list[tuple[Value, Callable[[], World | FullEngine]]] = [
    (Side.BUY, lambda: World().new_order(side=Side.BUY)),
    (Side.SELL, lambda: World().new_order(side=Side.SELL)),
    (OrderStatus.ACTIVE, lambda: World().new_order()),
    (OrderStatus.FILLED, lambda: World().sold().new_order()),
    (OrderStatus.CANCELED, lambda: World().new_order(time_in_force=TimeInForce.IOC)),
    (OrderStatus.QUEUED, lambda: World().queued()),
    (QuoteStatus.INACTIVE, lambda: World().quote()),
    (QuoteStatus.UNMODIFIED, lambda: World().quote().quote()),
    (QuoteStatus.QTY_REDUCED, lambda: World().quote(units=2).quote(units=1)),
    (QuoteStatus.UPDATED, lambda: World().quote()),
    (QuoteStatus.FILLED, lambda: World().sold().quote()),
    (QuoteStatus.CANCELED_BY_REQUEST, lambda: World().quote().quote(units=0)),
    (
        QuoteStatus.CANCELED_BY_SELF_MATCH,
        lambda: World().new_order(side=Side.SELL, self_match_prevention_id=5).quote(self_match_prevention_id=5),
    ),
    (QuoteStatus.CANCELED_BY_MMP, quoted_too_much),
    (
        QuoteStatus.SPEED_BUMPED,
        lambda: World().sold(instrument_id=BUMPED).quote(instrument_id=BUMPED),
    ),
    (CancelReason.UNKNOWN, lambda: World().new_order()),
    (CancelReason.MM_PROTECTION, lambda: World().new_order(flags=OrderFlags.MMP).sold(quantity=quantity(0.004))),
    (CancelReason.SELF_MATCH_PREVENTION, lambda: same_token(mode=1)),
    (CancelReason.TIME_IN_FORCE, day_over),
    (CancelReason.ADMIN, lambda: World().new_order().control(KillClient(client_id="maker-1"))),
    (CancelReason.MARKET_STATE_TRANSITION, halted_while_queued),
    (CancelReason.CLIENT_DISCONNECT, ended),
    (CancelReason.BOOK_DEACTIVATED, lambda: World().new_order().control(Deactivate(instrument_id=1))),
    (CancelReason.BY_REQUEST, mass_cancel),
    (CancelReason.PORTFOLIO_LOCKED, lambda: World().new_order().control(Lock(portfolio_id=1))),
    (OrderRejectReason.SYSTEM_ERROR, FullEngine),
    (OrderRejectReason.INVALID_INSTRUMENT, lambda: World().new_order(instrument_id=99)),
    (OrderRejectReason.INVALID_FIELD, lambda: World().new_order(client_order_id=INT64_NULL)),
    (OrderRejectReason.DUPLICATE_CLIENT_ORDER_ID, lambda: World().new_order().new_order()),
    (OrderRejectReason.INVALID_QUANTITY, lambda: World().new_order(quantity=quantity(0))),
    (OrderRejectReason.INVALID_PRICE, lambda: World().new_order(price=nine(100.1))),
    (OrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE, lambda: World().control(Halt(instrument_id=1)).new_order()),
    (OrderRejectReason.POST_ONLY, lambda: World().sold().new_order(flags=OrderFlags.POST_ONLY_REJECT)),
    (OrderRejectReason.TOO_MANY_OPEN_ORDERS, lambda: World(max_open_orders=1).new_order(1).new_order(2)),
    (OrderRejectReason.ORDER_NOT_FOUND, lambda: World().amend()),
    (OrderRejectReason.MMP_NOT_CONFIGURED, lambda: World().sold(instrument_id=2, flags=OrderFlags.MMP)),
    (OrderRejectReason.MMP_MAX_QUOTE_QTY_EXCEEDED, lambda: World().quote(mmp_group_id=PROTECTED)),
    (OrderRejectReason.MMP_GROUP_FROZEN, lambda: frozen_orders(0)),
    (OrderRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED, lambda: frozen_orders(OrderFlags.RESET_MMP)),
    (OrderRejectReason.TOO_MANY_PENDING_REPLACES, too_many_amends),
    (OrderRejectReason.ICEBERG_NOT_ALLOWED, lambda: World().new_order(show_qty=quantity(1))),
    (OrderRejectReason.PRICE_TOO_HIGH, lambda: World().new_order(instrument_id=3, price=nine(103), quantity=LITTLE)),
    (OrderRejectReason.PRICE_TOO_LOW, lambda: World().new_order(instrument_id=3, price=nine(97), quantity=LITTLE)),
    (OrderRejectReason.RATE_LIMIT, lambda: too_fast("order")),
    (OrderRejectReason.PORTFOLIO_LOCKED, lambda: World().control(Lock(portfolio_id=1)).new_order()),
    (OrderRejectReason.ORDER_SIZE_LIMIT_EXCEEDED, lambda: World().new_order(instrument_id=3)),
    (OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED, too_many_queued),
    (CancelOrderRejectReason.UNKNOWN_ORDER, lambda: World().cancel()),
    (CancelOrderRejectReason.INVALID_INSTRUMENT, lambda: World().cancel(instrument_id=99)),
    (CancelOrderRejectReason.CANCEL_PENDING, lambda: World(version=8).queued().cancel(BUMPED)),
    (CancelOrderRejectReason.TIME_IN_FORCE, lambda: World().queued().cancel(BUMPED).cancel(BUMPED)),
    (CancelOrderRejectReason.SPEED_BUMP_CONVERTED_TO_IOC, lambda: World().queued().cancel(BUMPED)),
    (MassQuoteRejectReason.SYSTEM_ERROR, lambda: World().quote(units=-1)),
    (MassQuoteRejectReason.INVALID_MMP_GROUP, lambda: World().quote(mmp_group_id=99)),
    (MassQuoteRejectReason.MMP_GROUP_FROZEN, lambda: quoted_too_much().quote(mmp_group_id=PROTECTED)),
    (
        MassQuoteRejectReason.MMP_MIN_FREEZE_TIME_NOT_ELAPSED,
        lambda: quoted_too_much().quote(mmp_group_id=PROTECTED, flags=MassQuoteFlags.RESET_MMP),
    ),
    (MmpStatusRejectReason.INVALID_MMP_GROUP, protection_status),
    (MmpTriggerType.QUANTITY, quoted_too_much),
    (MmpTriggerType.DELTA, lambda: quotes_taken(0.002)),
    (MmpTriggerType.VEGA, lambda: quotes_taken(0.001)),
    (MassQuoteRejectReason.TOO_MANY_QUOTES, lambda: World().quote(quotes=[ENTRY] * 16)),
    (MassQuoteRejectReason.INVALID_INSTRUMENT, lambda: World().quote(instrument_id=99)),
    (MassQuoteRejectReason.RATE_LIMIT, lambda: too_fast("quote")),
    (MassQuoteRejectReason.PORTFOLIO_LOCKED, lambda: World().control(Lock(portfolio_id=1)).quote()),
    (MassQuoteRejectReason.DUPLICATE_INSTRUMENT, lambda: World().quote(quotes=[ENTRY] * 2)),
    (MassCancelRejectReason.ERROR, lambda: mass_cancel(instrument_id=None)),
    (MassCancelRejectReason.INVALID_MMP_GROUP, unknown_group_cancelled),
    (RejectReason.INVALID_TEMPLATE_ID, lambda: raw(lambda frame: frame[:4] + bytes([99, 0]) + frame[6:])),
    (RejectReason.INVALID_BLOCK_LENGTH, lambda: raw(lambda frame: frame[:2] + bytes([80, 0]) + frame[4:80])),
    (RejectReason.INVALID_FIELD_VALUE, lambda: World().new_order(side=5)),
    (RejectReason.MESSAGE_DISABLED, from_drop_copy),
    (FillFlags(0), lambda: World().new_order(quantity=quantity(2)).sold()),
    (FillFlags.IS_QUOTE, lambda: World().quote().sold()),
    (FillFlags.IS_FULLY_FILLED, lambda: World().new_order().sold()),
    (CancelFlags(0), ended),
    (CancelFlags.IS_QUOTE, ended),
    (MultiPartEventFlags(0), ended),
    (MultiPartEventFlags.IS_LAST_MESSAGE, ended),
]

NO_RISK_ENGINE = "there is no risk engine here"
NEVER: list[tuple[Value, str]] = [
    (Side.BOTH, "a filter of mass cancels"),
    (CancelReason.LIQUIDATION, NO_RISK_ENGINE),
    (CancelReason.REDUCE_ONLY, NO_RISK_ENGINE),
    (CancelReason.DELIVERED, "instruments do not expire"),
    (CancelReason.SETTLEMENT, "instruments do not settle; a day order ends for its time in force"),
    (CancelReason.RISK_CHECK_TIMED_OUT, NO_RISK_ENGINE),
    (CancelReason.MMP_GROUP_DELETED, "MMP groups stay as long as the gateway runs"),
    (CancelReason.POST_ONLY, "a post-only order that would cross is rejected or moved when it is entered"),
    (CancelReason.QTY_TICK_SIZE_RESCALE, "tick and lot sizes stay as they are"),
    (OrderRejectReason.INSUFFICIENT_MARGIN, NO_RISK_ENGINE),
    (OrderRejectReason.PERMISSION_ERROR, "who may not trade hears it in Reject (30)"),
    (OrderRejectReason.PORTFOLIO_NOT_FOUND, "a key without a portfolio is no configuration"),
    (OrderRejectReason.INVALID_MARGIN_MODE, NO_RISK_ENGINE),
    (OrderRejectReason.IN_LIQUIDATION, NO_RISK_ENGINE),
    (OrderRejectReason.RISK_CHECK_TIMED_OUT, NO_RISK_ENGINE),
    (OrderRejectReason.INVALID_ALLOCATIONS, "there are no block trades here"),
    (OrderRejectReason.PRICE_BAND_UNAVAILABLE, "price bands stand in the configuration"),
    (OrderRejectReason.POSITION_LIMIT_EXCEEDED, NO_RISK_ENGINE),
    (CancelOrderRejectReason.ERROR, "nothing else can be wrong with a cancel"),
    (CancelOrderRejectReason.CLIENT_PERMISSION_ERROR, "orders of others are not found"),
    (CancelOrderRejectReason.NOT_ALLOWED_BY_MARKET_STATE, "cancels are always allowed"),
    (CancelOrderRejectReason.IN_LIQUIDATION, NO_RISK_ENGINE),
    (MassQuoteRejectReason.MMP_GROUP_DISABLED, "MMP groups cannot be disabled"),
    (MassCancelRejectReason.CLIENT_PERMISSION_ERROR, "a mass cancel is for the own portfolio"),
    (MassCancelRejectReason.NOT_ALLOWED_BY_MARKET_STATE, "cancels are always allowed"),
    (MmpStatusRejectReason.SYSTEM_ERROR, "nothing else can be wrong with the question"),
    (RejectReason.INVALID_SCHEMA_ID, "no schema id travels on the wire"),
    (RejectReason.GATEWAY_NOT_ACTIVE, "a gateway that is not active does not listen"),
]
"""What the gateway never says, and why."""


def name_of(value: Value) -> str:
    """Values of different enums are equal as numbers, but not by this."""
    return f"{type(value).__name__}.{value.name or 'nothing'}"


@pytest.mark.parametrize(("value", "world"), SAID, ids=lambda part: name_of(part) if isinstance(part, Value) else "")
def test_the_gateway_says_the_value(value: Value, world: Callable[[], World | FullEngine]) -> None:
    assert name_of(value) in {name_of(said) for said in world().said()}


def test_every_value_that_a_message_of_the_gateway_can_have_is_said_or_there_is_a_reason_why_not() -> None:
    domains = {
        field.domain
        for message in MESSAGES
        if message.from_server and message.template_id < EXTENSIONS
        for fields in (message.fields, *(group.fields for group in message.groups))
        for field in fields
        if field.domain
    }
    values = [name_of(value) for domain in domains & ENUMS.keys() for value in ENUMS[domain]]
    values += [name_of(value) for domain in domains & SETS.keys() for value in (*SETS[domain], SETS[domain](0))]
    told = [value for value, _ in SAID] + [value for value, _ in NEVER]
    assert sorted(name_of(value) for value in told) == sorted(values)
