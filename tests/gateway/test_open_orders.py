"""The drill (4040, 4041): what is open and what a disconnect would cancel, listed without touching it."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from support.core_driver import SECOND, START, CoreDriver, Line, configuration, nine, quantity

from codec import messages
from codec.layout import CancelOnDisconnectScope, OpenOrderFlags, OrderFlags, RejectReason, Side
from gateway.invariants import check
from gateway.limits import OPEN_ORDERS_ENTRIES_MAX
from gateway.session import ListingState

GROUP = '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "10"\ninterval_ms = 1000\nfrozen_ms = 1000\n'
TAGGED = OrderFlags.CANCEL_ON_DISCONNECT
SESSION, PORTFOLIO = CancelOnDisconnectScope
IS_QUOTE, IS_COVERED = OpenOrderFlags


@pytest.fixture
def driver() -> CoreDriver:
    return CoreDriver(configuration(extra=GROUP, cancel_on_disconnect="order"))


def ask(line: Line, scope: int = SESSION, *, covered_only: bool = False, correlation_id: int = 5) -> None:
    line.send("OpenOrdersRequest", correlation_id=correlation_id, scope=scope, covered_only=covered_only)


def listed(driver: CoreDriver, line: Line, scope: int = SESSION, *, covered_only: bool = False) -> list[dict[str, Any]]:
    """The frames of a whole listing, by their fields."""
    line.take()
    ask(line, scope, covered_only=covered_only)
    driver.settle()
    frames = line.read()
    assert {name for _, name, _ in frames} == {"OpenOrdersResponse"}
    return [fields for _, _, fields in frames]


def ids(frames: Sequence[dict[str, Any]]) -> list[int]:
    return [order["order_id"] for fields in frames for order in fields["orders"]]


def entry(client_order_id: int, order_id: int, flags: int, **changed: Any) -> dict[str, Any]:
    fields = {
        "client_order_id": client_order_id,
        "order_id": order_id,
        "instrument_id": 1,
        "price": nine(100),
        "quantity": quantity(1),
        "total_filled": quantity(0),
        "side": Side.BUY,
        "flags": flags,
    }
    return fields | changed


def frame(*orders: dict[str, Any], is_last: bool = True, time: int = START) -> dict[str, Any]:
    return {"correlation_id": 5, "timestamp": time, "flags": int(is_last), "orders": list(orders)}


# What is listed


def test_an_empty_list_is_one_frame(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    assert listed(driver, line) == listed(driver, line, PORTFOLIO) == [frame()]


def test_every_order_and_quote_is_listed_as_it_stands(driver: CoreDriver) -> None:
    line, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    line.order(11, flags=TAGGED, quantity=quantity(2))
    quote = {"instrument_id": 2, "bid_price": nine(99), "ask_price": nine(101)}
    quote |= {"bid_qty": quantity(1), "ask_qty": quantity(3), "ask_flags": TAGGED}
    line.send("MassQuoteRequest", quote_id=77, correlation_id=1, mmp_group_id=7, quotes=[quote])
    line.order(12, instrument_id=2, price=nine(90), time_in_force=1)
    stranger.order(13, side=Side.SELL, quantity=quantity(0.5))
    driver.now += SECOND
    expected = frame(
        entry(11, 1, IS_COVERED, quantity=quantity(2), total_filled=quantity(0.5)),
        entry(77, 3, IS_QUOTE | IS_COVERED, instrument_id=2, price=nine(101), quantity=quantity(3), side=Side.SELL),
        entry(77, 2, IS_QUOTE, instrument_id=2, price=nine(99)),
        entry(12, 4, 0, instrument_id=2, price=nine(90)),
        time=driver.now,
    )
    assert listed(driver, line) == [expected]


@pytest.mark.parametrize(
    ("scope", "covered_only", "listed_ids"),
    [(SESSION, False, [1, 2]), (SESSION, True, [1]), (PORTFOLIO, False, [1, 2, 3, 4]), (PORTFOLIO, True, [1, 3])],
)
def test_a_listing_is_of_the_session_or_the_portfolio_and_of_covered_orders_if_asked(
    driver: CoreDriver, scope: int, covered_only: bool, listed_ids: Sequence[int]
) -> None:
    first, second, stranger = (driver.logged_on(name) for name in ("maker-1", "maker-2", "stranger-1"))
    for line, number in ((first, 1), (second, 3), (stranger, 5)):
        line.order(number, flags=TAGGED)
        line.order(number + 1)
    assert ids(listed(driver, first, scope, covered_only=covered_only)) == listed_ids


def test_while_the_portfolio_is_armed_a_disconnect_would_cancel_all_of_it(driver: CoreDriver) -> None:
    first, second = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    first.order(1)
    second.order(2)
    first.send("CancelOnDisconnectRequest", correlation_id=1, scope=PORTFOLIO, enabled=True)
    expected = [frame(entry(1, 1, IS_COVERED), entry(2, 2, IS_COVERED))]
    assert listed(driver, first, PORTFOLIO, covered_only=True) == expected
    assert listed(driver, second, PORTFOLIO, covered_only=True) == [frame()]


def test_what_a_disconnect_would_cancel_is_what_it_cancels(driver: CoreDriver) -> None:
    line, watcher = driver.logged_on("maker-1"), driver.logged_on("watch-1")
    for number in range(1, 10):
        line.order(number, flags=TAGGED if number % 3 else 0)
    wanted = ids(listed(driver, line, covered_only=True))
    watcher.take()
    line.lose()
    driver.settle()
    event, receipt = watcher.take()
    assert messages.decode(receipt.fields["frame"]).name == "CancelOnDisconnectReceipt"
    told = driver.session("maker-1").stream.frames(event.fields["origin_sequence_number"], 100)
    assert told == [event.fields["frame"]]
    assert wanted == [1, 2, 4, 5, 7, 8]
    line = driver.logged_on("maker-1", reset=False, number=30)
    assert ids(listed(driver, line)) == [3, 6, 9]


def test_an_order_that_waits_behind_a_speed_bump_is_listed() -> None:
    bumped = '[[instrument]]\nid = 3\nsymbol = "B"\ncurrency_pair_id = 1\nproduct_type = "futures"\n'
    bumped += 'tick_size = "0.5"\nlot_size = "0.001"\nspeed_bump_ms = 1000\n'
    driver = CoreDriver(configuration(extra=bumped))
    maker, taker = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    maker.order(1, instrument_id=3, side=Side.SELL)
    taker.order(2, instrument_id=3, price=nine(101))
    assert listed(driver, taker) == [frame(entry(2, 2, IS_COVERED, instrument_id=3, price=nine(101)))]
    driver.tick(SECOND)
    assert listed(driver, taker) == [frame(time=driver.now)]


def test_a_dead_order_is_not_listed_while_it_is_drained() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    first, second = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in range(1, 6):
        first.order(number)
    second.order(6)
    first.lose()
    driver.step()
    assert driver.core.cancels.under_way
    assert ids(listed(driver, second, PORTFOLIO)) == [6]


# Refusals


def test_only_one_listing_at_a_time(driver: CoreDriver) -> None:
    line = driver.logged_on("maker-1")
    line.order(1)
    line.take()
    ask(line)
    ask(line, correlation_id=6)
    text = "correlationId at offset 32: wanted no request while another is being answered, was 6"
    reject = {"ref_sequence_number": 4, "reason": RejectReason.INVALID_FIELD_VALUE, "details": text}
    assert line.read() == [(3, "Reject", reject)]
    driver.settle()
    assert line.read() == [(4, "OpenOrdersResponse", frame(entry(1, 1, 0)))]
    assert listed(driver, line) == [frame(entry(1, 1, 0))]


@pytest.mark.parametrize(
    ("changed", "details"),
    [
        ({"scope": 2}, "scope at offset 40: wanted a value of CancelOnDisconnectScope, was 2"),
        ({"covered_only": 2}, "coveredOnly at offset 41: wanted a value of Bool, was 2"),
    ],
)
def test_a_value_out_of_its_enum_is_rejected(driver: CoreDriver, changed: dict[str, int], details: str) -> None:
    line = driver.logged_on("maker-1")
    line.send("OpenOrdersRequest", **{"correlation_id": 5, "scope": 0, "covered_only": 0} | changed)
    reject = {"ref_sequence_number": 2, "reason": RejectReason.INVALID_FIELD_VALUE, "details": details}
    assert line.read() == [(2, "Reject", reject)]
    assert driver.settle() == 0


def test_a_drop_copy_session_lists_nothing(driver: CoreDriver) -> None:
    line = driver.logged_on("watch-1")
    ask(line)
    ((_, name, fields),) = line.read()
    assert (name, fields["reason"]) == ("Reject", RejectReason.MESSAGE_DISABLED)


def test_the_answer_is_not_sent_again_and_not_put_to_drop_copy(driver: CoreDriver) -> None:
    watcher, line = driver.logged_on("watch-1"), driver.logged_on("maker-1")
    assert listed(driver, line) == [frame()]
    line.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
    assert line.read() == [(1, "GapFill", {"new_sequence_number": 3})]
    assert watcher.read() == []


# Steps


def maker_with(driver: CoreDriver, count: int) -> Line:
    line = driver.logged_on("maker-1")
    for number in range(1, count + 1):
        line.order(number, flags=0 if number % 2 else TAGGED)
    line.take()
    return line


def test_a_long_list_comes_in_full_frames_the_last_one_marked() -> None:
    driver = CoreDriver(configuration())
    count = 2 * OPEN_ORDERS_ENTRIES_MAX
    line = maker_with(driver, count + 1)
    frames = listed(driver, line)
    assert [(len(fields["orders"]), fields["flags"]) for fields in frames] == [
        (OPEN_ORDERS_ENTRIES_MAX, 0),
        (OPEN_ORDERS_ENTRIES_MAX, 0),
        (1, 1),
    ]
    assert ids(frames) == list(range(1, count + 2))


def test_a_list_that_fills_its_frames_has_no_empty_one() -> None:
    driver = CoreDriver(configuration())
    line = maker_with(driver, OPEN_ORDERS_ENTRIES_MAX)
    assert [len(fields["orders"]) for fields in listed(driver, line)] == [OPEN_ORDERS_ENTRIES_MAX]


@pytest.mark.parametrize("step_orders", [1, 2, 3, 10])
def test_no_step_looks_at_more_orders_than_it_may(step_orders: int) -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order", drain_step_orders=step_orders))
    line = maker_with(driver, 12)
    ask(line, covered_only=True)
    found: list[int] = []
    while driver.core.is_busy:
        driver.step()
        orders = ids([fields for _, _, fields in line.read()])
        assert len(orders) <= step_orders
        found += orders
        check(driver.core.engine)
    assert found == [2, 4, 6, 8, 10, 12]


def test_sessions_take_turns_a_frame_each() -> None:
    driver = CoreDriver(configuration(drain_step_orders=4))
    lines = [driver.logged_on(client_id) for client_id in ("maker-1", "maker-2")]
    for line in lines:
        for number in range(1, 7):
            line.order(number + 100 * lines.index(line))
        line.take()
    for line in lines:
        ask(line)
    told = []
    while driver.core.is_busy:
        driver.step()
        told.append([ids([fields for _, _, fields in line.read()]) for line in lines])
    assert told[:2] == [[[1, 2, 3, 4], []], [[], [7, 8, 9, 10]]]
    whole = [list(chain.from_iterable(parts)) for parts in zip(*told, strict=True)]
    assert whole == [list(range(1, 7)), list(range(7, 13))]


def test_the_next_frame_waits_until_the_socket_has_taken_everything() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    line = maker_with(driver, 6)
    line.blocked = True
    ask(line)
    driver.step()
    stream = driver.session("maker-1").stream
    unsent = stream.unsent_bytes
    assert unsent > 0
    assert (driver.session("maker-1").listing, driver.core.is_busy) == (ListingState.LISTING_WAITS, False)
    line.blocked = False
    line.flush()
    assert (stream.unsent_bytes, driver.core.is_busy) == (0, True)
    driver.settle()
    assert ids([fields for _, _, fields in line.read()]) == list(range(1, 7))


def test_what_is_listed_and_sent_takes_no_room_from_what_may_be_sent_again() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    line = maker_with(driver, 20)
    stored = driver.session("maker-1").stream.stored_bytes
    listed(driver, line)
    line.order(21)
    line.take()
    assert driver.session("maker-1").stream.stored_bytes == stored + 136


# Orders that come and go meanwhile


def test_orders_that_come_meanwhile_are_not_listed_and_those_that_go_are_passed_over() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    line = maker_with(driver, 8)
    ask(line)
    driver.step()
    assert ids([fields for _, _, fields in line.read()]) == [1, 2]
    for gone in (3, 4, 7):
        line.send("CancelOrderRequest", client_order_id=gone, instrument_id=1)
    line.order(9)
    check(driver.core.engine)
    line.take()
    driver.settle()
    frames = [fields for _, _, fields in line.read()]
    assert ids(frames) == [5, 6, 8]
    assert [fields["flags"] for fields in frames][-1:] == [1]


def test_every_order_may_go_while_several_walks_stand_at_it() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    lines = [driver.logged_on(client_id) for client_id in ("maker-1", "maker-2")]
    for number in range(1, 5):
        lines[0].order(number)
    for line in lines:
        line.take()
        ask(line, PORTFOLIO)
    for _ in lines:
        driver.step()
    told = [ids([fields for _, _, fields in line.read()]) for line in lines]
    assert told == [[1], [1]]
    check(driver.core.engine)
    lines[0].send("MassCancelRequest", correlation_id=1, currency_pair_id=1, instrument_id=None)
    check(driver.core.engine)
    driver.settle()
    assert [[f for _, name, f in line.read() if name == "OpenOrdersResponse"] for line in lines] == [[frame()]] * 2


def test_a_listing_ends_with_its_connection() -> None:
    driver = CoreDriver(configuration(cancel_on_disconnect="order", drain_step_orders=1))
    line = maker_with(driver, 5)
    ask(line)
    driver.step()
    line.lose()
    check(driver.core.engine)
    driver.settle()
    line = driver.logged_on("maker-1")
    assert (driver.settle(), line.read()) == (0, [])
    assert ids(listed(driver, line)) == [1, 3, 5]


def test_the_walk_goes_on_where_the_list_has_been_drained_behind_it() -> None:
    driver = CoreDriver(configuration(drain_step_orders=2))
    first, second = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in range(1, 7):
        first.order(number)
    second.order(7)
    second.take()
    ask(second, PORTFOLIO)
    driver.step()
    assert ids([fields for _, _, fields in second.read()]) == [1, 2]
    first.lose()
    driver.settle()
    check(driver.core.engine)
    assert ids([fields for _, name, fields in second.read() if name == "OpenOrdersResponse"]) == [7]
