"""Quotes that would trade at once behind a speed bump: they wait, and are told of in MassQuoteOrdersPlaced (314)."""

from typing import Any

import pytest
from support.core_driver import (
    LOT,
    SECOND,
    START,
    CoreDriver,
    Line,
    canceled,
    configuration,
    nine,
    orders_canceled,
    quantity,
)

from codec import messages
from codec.layout import (
    CancelFlags,
    CancelReason,
    FillFlags,
    OrderFlags,
    OrderRejectReason,
    OrderStatus,
    QuoteStatus,
    Side,
)
from codec.values import Decimal72
from gateway.limits import FILLS_PER_ORDER_MAX, MASS_QUOTE_ORDERS_PLACED_FILLS_MAX, WAITING_PER_PORTFOLIO_MAX
from gateway.venue_controls import Halt

WAIT_MS = 10
WAIT = WAIT_MS * SECOND // 1000
GROUP = 7
TABLES = f"""
[[instrument]]
id = 4
symbol = "I-4"
currency_pair_id = 1
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"
speed_bump_ms = {WAIT_MS}

[[mmp_group]]
portfolio = 1
id = {GROUP}
quantity_limit = "10000"
interval_ms = 1000
frozen_ms = 1000
"""


class World:
    """A gateway with a speed bump of 10 ms; maker-1 and maker-2 quote, and a stranger sells 5 at 100 (order 1)."""

    def __init__(self, mate_version: int = 17) -> None:
        self.driver = CoreDriver(configuration(extra=TABLES))
        self.maker, self.stranger = (self.driver.logged_on(name) for name in ("maker-1", "stranger-1"))
        self.mate = self.driver.logged_on("maker-2", schema_version=mate_version)
        self.rest(1, Side.SELL, 100, 5)

    def rest(self, client_order_id: int, side: Side, price: float, units: float, **changed: Any) -> None:
        """An order of the stranger's that does not have to wait."""
        self.stranger.order(
            client_order_id, instrument_id=4, side=side, price=nine(price), quantity=quantity(units), **changed
        )
        (told,) = self.stranger.take()
        assert told.fields["status"] == OrderStatus.ACTIVE

    def quote(
        self, line: Line, bid: tuple[float, float] | None = None, ask: tuple[float, float] | None = None, **changed: Any
    ) -> tuple[Any, ...]:
        """Quote prices and units; of each side its status, orderId, price, what remains and reject reason."""
        entry: dict[str, Any] = {"instrument_id": 4, "bid_qty": quantity(0), "ask_qty": quantity(0)}
        for name, terms in (("bid", bid), ("ask", ask)):
            if terms is not None:
                entry |= {f"{name}_price": nine(terms[0]), f"{name}_qty": quantity(terms[1])}
        fields = {"quote_id": 901, "correlation_id": 3, "mmp_group_id": GROUP, "quotes": [entry | changed]}
        line.send("MassQuoteRequest", **fields)
        told = next(message for message in line.take() if message.name == "MassQuoteResponse")
        (sides,) = told.fields["quotes"]
        names = ("status", "order_id", "price", "qty", "reject_reason")
        return tuple(tuple(sides[f"{side}_{name}"] for name in names) for side in ("bid", "ask"))

    def later(self) -> None:
        self.driver.tick(WAIT)


NOTHING = (QuoteStatus.INACTIVE, None, None, quantity(0), None)


def waiting(order_id: int, price: float, units: float) -> tuple[Any, ...]:
    return QuoteStatus.SPEED_BUMPED, order_id, nine(price), quantity(units), None


def placed(
    exec_id: int, order_id: int, side: Side, price: float, units: float, status: OrderStatus, **changed: Any
) -> tuple[str, dict[str, Any]]:
    """The MassQuoteOrdersPlaced of one side that took nothing, unless changed."""
    entry = {
        "client_order_id": 901,
        "order_id": order_id,
        "instrument_id": 4,
        "price": nine(price),
        "quantity": quantity(units),
        "total_filled": quantity(0),
        "visible_qty": quantity(0),
        "side": side,
        "status": status,
        "cancel_reason": 0,
    }
    fills = changed.pop("fills", [])
    root = {"timestamp": START + WAIT, "exec_id": exec_id, "mmp_group_id": GROUP}
    return "MassQuoteOrdersPlaced", root | {"orders": [entry | changed], "fills": fills, "legs": []}


def fill(match_id: int, order_id: int, price: float, units: float) -> dict[str, Any]:
    return {"match_id": match_id, "order_id": order_id, "fill_price": nine(price), "fill_qty": quantity(units)}


def plain(line: Line) -> list[tuple[str, dict[str, Any]]]:
    return [(message.name, message.fields) for message in line.take()]


def test_a_side_that_would_trade_waits_and_the_other_one_rests() -> None:
    world = World()
    resting = (QuoteStatus.UPDATED, 3, nine(102), quantity(1), None)
    assert world.quote(world.maker, (100, 2), (102, 1)) == (waiting(2, 100, 2), resting)
    assert world.maker.take() == []
    world.later()
    assert plain(world.maker) == [
        placed(
            3, 2, Side.BUY, 100, 2, OrderStatus.FILLED, total_filled=quantity(2), fills=[fill(1, 2, 100, 2)],
        )
    ]  # fmt: skip
    assert [name for name, _ in plain(world.stranger)] == ["OrderFilled"]


def test_each_side_that_waits_is_released_for_itself() -> None:
    world = World()
    world.rest(2, Side.BUY, 98, 1)
    assert world.quote(world.maker, (101, 7), (97, 2)) == (waiting(3, 101, 7), waiting(4, 97, 2))
    world.later()
    # The ask then meets what the bid has left, and has no token to be kept from it.
    assert plain(world.maker) == [
        placed(
            4, 3, Side.BUY, 101, 7, OrderStatus.ACTIVE, total_filled=quantity(5), visible_qty=quantity(2),
            fills=[fill(1, 3, 100, 5)],
        ),
        placed(
            6, 4, Side.SELL, 97, 2, OrderStatus.FILLED, total_filled=quantity(2), fills=[fill(2, 4, 101, 2)],
        ),
        ("OrderFilled", plain_fill(7)),
    ]  # fmt: skip


def plain_fill(exec_id: int) -> dict[str, Any]:
    """The maker's own bid of 7 at 101 is filled whole by its own ask."""
    entry = {
        "client_order_id": 901,
        "order_id": 3,
        "instrument_id": 4,
        "match_id": 2,
        "price": nine(101),
        "fill_qty": quantity(2),
        "total_filled": quantity(7),
        "side": Side.BUY,
        "flags": FillFlags.IS_QUOTE | FillFlags.IS_FULLY_FILLED,
    }
    return {"timestamp": START + WAIT, "exec_id": exec_id, "fills": [entry], "legs": []}


def test_makers_of_its_own_token_give_way() -> None:
    world = World()
    world.mate.order(50, instrument_id=4, side=Side.SELL, price=nine(99), self_match_prevention_id=6)
    world.mate.take()
    entry = {"instrument_id": 4, "bid_price": nine(100), "bid_qty": quantity(1), "ask_qty": quantity(0)}
    fields = {"quote_id": 901, "correlation_id": 3, "mmp_group_id": GROUP, "self_match_prevention_id": 6}
    world.maker.send("MassQuoteRequest", **fields, quotes=[entry])
    world.later()
    assert [name for name, _ in plain(world.maker)] == ["MassQuoteResponse", "MassQuoteOrdersPlaced"]
    ((name, told),) = plain(world.mate)
    assert (name, told["orders"]) == (
        "OrdersCanceled",
        [canceled(50, 2, reason=CancelReason.SELF_MATCH_PREVENTION, instrument_id=4)],
    )


def test_what_would_not_trade_and_what_is_post_only_is_not_held_up() -> None:
    world = World()
    (bid, _) = world.quote(world.maker, (100, 1), bid_flags=OrderFlags.POST_ONLY)
    assert bid == (QuoteStatus.UPDATED, 2, nine(99.5), quantity(1), None)
    (bid, _) = world.quote(world.maker, (100, 1), bid_flags=OrderFlags.POST_ONLY_REJECT)
    assert bid == (QuoteStatus.CANCELED_BY_REQUEST, 2, nine(99.5), quantity(0), OrderRejectReason.POST_ONLY)


@pytest.mark.parametrize("name", ["maker", "mate"])
@pytest.mark.parametrize(
    ("units", "status"),
    [(2, QuoteStatus.UNMODIFIED), (1, QuoteStatus.QTY_REDUCED)],
)
def test_what_is_said_again_of_a_side_that_waits_leaves_it_in_its_place(
    name: str, units: float, status: QuoteStatus
) -> None:
    world = World()
    world.quote(world.maker, (100, 2))
    world.driver.now += WAIT // 2
    assert world.quote(getattr(world, name), (100, units))[0] == (status, 2, nine(100), quantity(units), None)
    world.driver.tick(WAIT // 2)
    assert plain(world.maker)[0][1]["orders"][0]["total_filled"] == quantity(units)


def test_another_price_makes_it_wait_anew() -> None:
    world = World()
    world.quote(world.maker, (100, 2))
    world.driver.now += WAIT // 2
    assert world.quote(world.maker, (100.5, 2))[0] == waiting(3, 100.5, 2)
    world.driver.tick(WAIT // 2)
    assert world.maker.take() == []
    world.driver.tick(WAIT // 2)
    assert [name for name, _ in plain(world.maker)] == ["MassQuoteOrdersPlaced"]


def test_it_is_taken_away_at_once_and_never_released() -> None:
    world = World()
    world.quote(world.maker, (100, 2))
    bid, _ = world.quote(world.maker)
    assert bid == (QuoteStatus.CANCELED_BY_REQUEST, 2, nine(100), quantity(0), None)
    world.later()
    assert (world.maker.take(), world.stranger.take()) == ([], [])


def test_another_session_of_the_portfolio_takes_its_place() -> None:
    world = World()
    world.quote(world.maker, (100, 2))
    assert world.quote(world.mate, (100, 3))[0] == waiting(3, 100, 3)
    world.later()
    gone = canceled(901, 2, reason=CancelReason.BY_REQUEST, instrument_id=4, flags=CancelFlags.IS_QUOTE)
    assert plain(world.maker) == [("OrdersCanceled", orders_canceled(4, [gone]))]
    assert [name for name, _ in plain(world.mate)] == ["MassQuoteOrdersPlaced"]


@pytest.mark.parametrize("name", ["MassCancelRequest", "MassQuoteCancelRequest"])
def test_a_mass_cancel_takes_it_out(name: str) -> None:
    world = World()
    world.quote(world.maker, (100, 2))
    if name == "MassCancelRequest":
        world.maker.send(name, correlation_id=1, currency_pair_id=None, instrument_id=4, product_type=0, side=Side.BOTH)
    else:
        world.maker.send(name, correlation_id=1, mmp_group_id=GROUP, side=Side.BOTH)
    world.later()
    assert [name for name, _ in plain(world.maker)] == ["MassCancelResponse", "OrdersCanceled"]
    assert world.stranger.take() == []


def test_at_the_fence_it_is_dead_and_never_released() -> None:
    world = World()
    watch = world.driver.logged_on("watch-1")
    world.quote(world.maker, (100, 2))
    watch.take()
    world.maker.lose()
    world.driver.settle()
    world.later()
    told, receipt = [messages.decode(message.fields["frame"]) for message in watch.take()]
    gone = canceled(901, 2, instrument_id=4, flags=CancelFlags.IS_QUOTE)
    assert (told.name, told.fields["orders"]) == ("OrdersCanceled", [gone])
    assert receipt.name == "CancelOnDisconnectReceipt"
    assert world.stranger.take() == []
    assert world.quote(world.mate, (99, 1))[0] == (QuoteStatus.UPDATED, 3, nine(99), quantity(1), None)


def test_where_the_book_is_halted_by_then_it_is_closed() -> None:
    world = World()
    world.quote(world.maker, (100, 2))
    world.driver.core.control(Halt(instrument_id=4), world.driver.now)
    world.later()
    assert plain(world.maker) == [
        placed(3, 2, Side.BUY, 100, 2, OrderStatus.CANCELED, cancel_reason=CancelReason.MARKET_STATE_TRANSITION)
    ]


@pytest.mark.parametrize(
    ("version", "reason"),
    [(5, OrderRejectReason.RATE_LIMIT), (6, OrderRejectReason.MEMBER_SPEED_BUMP_LIMIT_EXCEEDED)],
)
def test_a_side_beyond_the_limit_of_what_may_wait_is_rejected(version: int, reason: OrderRejectReason) -> None:
    world = World(mate_version=version)
    for number in range(WAITING_PER_PORTFOLIO_MAX):
        world.maker.order(100 + number, instrument_id=4, quantity=Decimal72(LOT, -9))
    world.maker.take()
    (rejected, _) = world.quote(world.mate, (100, 1))
    assert rejected == (QuoteStatus.INACTIVE, None, None, quantity(0), reason)


def test_fills_that_one_frame_cannot_hold_go_on_in_a_second() -> None:
    world = World()
    for number in range(FILLS_PER_ORDER_MAX):
        world.stranger.order(10 + number, instrument_id=4, side=Side.SELL, price=nine(99), quantity=Decimal72(LOT, -9))
    world.stranger.take()
    world.quote(world.maker, (99, 9))
    world.later()
    first, second = (fields for _, fields in plain(world.maker))
    assert [len(frame["orders"]) for frame in (first, second)] == [1, 0]
    assert [len(frame["fills"]) for frame in (first, second)] == [
        MASS_QUOTE_ORDERS_PLACED_FILLS_MAX,
        FILLS_PER_ORDER_MAX - MASS_QUOTE_ORDERS_PLACED_FILLS_MAX,
    ]
    assert (first["exec_id"], first["timestamp"]) == (second["exec_id"], second["timestamp"])
    match_ids = [entry["match_id"] for frame in (first, second) for entry in frame["fills"]]
    assert match_ids == list(range(1, FILLS_PER_ORDER_MAX + 1))
    assert first["orders"][0]["total_filled"] == Decimal72(FILLS_PER_ORDER_MAX * LOT, -9)
