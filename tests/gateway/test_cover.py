"""Which orders are covered, in each of the modes, and the switches of a connection (4010, 4011)."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs
from support.core_driver import (
    SECOND,
    START,
    CoreDriver,
    Line,
    accepted,
    canceled,
    configuration,
    nine,
    orders_canceled,
    quantity,
)

from codec import messages
from codec.layout import (
    CancelOnDisconnectScope,
    CancelOnDisconnectStatus,
    Cause,
    OrderFlags,
    QuoteStatus,
    RejectReason,
    SessionOptions,
    Side,
)
from gateway.probe import EngineProbe
from gateway.venue_controls import KillClient

GROUP = '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "10"\ninterval_ms = 1000\nfrozen_ms = 1000\n'
MODES = ("always", "session", "order")
TAGGED = OrderFlags.CANCEL_ON_DISCONNECT
SESSION, PORTFOLIO = CancelOnDisconnectScope
ACCEPTED, ALWAYS_ON, INVALID_SCOPE, NOT_ENTITLED = CancelOnDisconnectStatus


def driver_in(mode: str, **settings: Any) -> CoreDriver:
    return CoreDriver(configuration(extra=GROUP, cancel_on_disconnect=mode, **settings))


def enter(line: Line, **flags_by_id: int) -> None:
    """Resting bids of 1 at 100, by the flags that they carry; names are `order_<clientOrderId>`."""
    for name, flags in flags_by_id.items():
        line.order(int(name.removeprefix("order_")), flags=flags)
    line.take()


def resting(driver: CoreDriver) -> list[int]:
    """Order ids of the live orders of instrument 1, bids first."""
    probe = EngineProbe(driver.core.engine)
    return [order.order_id for side in (Side.BUY, Side.SELL) for order in probe.resting(1, side)]


def left_after_loss(driver: CoreDriver, line: Line) -> list[int]:
    line.lose()
    driver.settle()
    return resting(driver)


def switch(line: Line, scope: int, enabled: bool) -> list[tuple[str, dict[str, Any]]]:
    line.take()
    line.send("CancelOnDisconnectRequest", correlation_id=5, scope=scope, enabled=enabled)
    return [(name, fields) for _, name, fields in line.read()]


def switched(
    scope: int, enabled: bool, active: bool, covered_orders: int, status: int = ACCEPTED
) -> list[tuple[str, dict[str, Any]]]:
    fields = {
        "correlation_id": 5,
        "scope": scope,
        "enabled": enabled,
        "active": active,
        "status": status,
        "covered_orders": covered_orders,
    }
    return [("CancelOnDisconnectResponse", fields)]


# What is settled when an order is entered


@pytest.mark.parametrize(
    ("mode", "logon", "left"),
    [
        ("always", False, []),
        ("always", True, []),
        ("session", False, [1]),
        ("session", True, []),
        ("order", False, [1]),
        ("order", True, [1]),
    ],
)
def test_the_mode_says_what_covers_an_order(mode: str, logon: bool, left: Sequence[int]) -> None:
    driver = driver_in(mode)
    line = driver.logged_on("maker-1", cancel_on_disconnect=logon)
    enter(line, order_1=0, order_2=TAGGED)
    assert left_after_loss(driver, line) == left


@pytest.mark.parametrize(("version", "left"), [(12, [1]), (13, [])])
def test_cancel_on_disconnect_of_a_logon_counts_from_version_13_on(version: int, left: Sequence[int]) -> None:
    driver = driver_in("session")
    line = driver.logged_on("maker-1", schema_version=version, cancel_on_disconnect=True)
    enter(line, order_1=0)
    assert left_after_loss(driver, line) == left


@pytest.mark.parametrize(("version", "left"), [(6, [1, 2]), (7, [1])])
@pytest.mark.parametrize("mode", ["session", "order"])
def test_the_flag_of_an_order_counts_from_version_7_on(mode: str, version: int, left: Sequence[int]) -> None:
    driver = driver_in(mode)
    line = driver.logged_on("maker-1", schema_version=version)
    enter(line, order_1=0, order_2=TAGGED)
    assert left_after_loss(driver, line) == left


@pytest.mark.parametrize("version", [1, 6, 7, 17])
def test_always_covers_orders_of_every_version(version: int) -> None:
    driver = driver_in("always")
    line = driver.logged_on("maker-1", schema_version=version)
    enter(line, order_1=0)
    assert left_after_loss(driver, line) == []


@pytest.mark.parametrize("mode", ["session", "order"])
def test_each_side_of_a_quote_is_covered_by_its_own_flag(mode: str) -> None:
    driver = driver_in(mode)
    line = driver.logged_on("maker-1")
    quote(line, bid_flags=TAGGED)
    assert resting(driver) == [1, 2]
    assert left_after_loss(driver, line) == [2]


def quote(line: Line, **changed: Any) -> list[int]:
    """1 at 99 and at 101; the statuses of bid and ask."""
    line.take()
    entry = {"instrument_id": 1, "bid_price": nine(99), "ask_price": nine(101)}
    entry |= {"bid_qty": quantity(1), "ask_qty": quantity(1)} | changed
    line.send("MassQuoteRequest", quote_id=1, correlation_id=1, mmp_group_id=7, quotes=[entry])
    ((_, name, fields),) = line.read()
    assert name == "MassQuoteResponse"
    return [fields["quotes"][0]["bid_status"], fields["quotes"][0]["ask_status"]]


def test_a_quote_keeps_its_coverage_until_it_has_a_new_order_id() -> None:
    driver = driver_in("order")
    line = driver.logged_on("maker-1")
    quote(line, bid_flags=TAGGED)
    kept = quote(line, ask_flags=TAGGED, ask_qty=quantity(0.5))
    assert kept == [QuoteStatus.UNMODIFIED, QuoteStatus.QTY_REDUCED]
    assert left_after_loss(driver, line) == [2]
    line = driver.logged_on("maker-1")
    assert quote(line, ask_price=nine(102), ask_flags=TAGGED) == [QuoteStatus.UPDATED] * 2
    assert resting(driver) == [3, 4]
    assert left_after_loss(driver, line) == [3]


def test_a_quote_that_another_session_leaves_unmodified_stays_with_the_session_that_entered_it() -> None:
    driver = driver_in("order")
    first, second = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    quote(first, bid_flags=TAGGED)
    assert quote(second, bid_flags=TAGGED, ask_flags=TAGGED) == [QuoteStatus.UNMODIFIED] * 2
    assert left_after_loss(driver, second) == [1, 2]
    assert left_after_loss(driver, first) == [2]


@pytest.mark.parametrize("mode", MODES)
def test_an_amend_changes_no_coverage(mode: str) -> None:
    driver = driver_in(mode)
    line, other = driver.logged_on("maker-1"), driver.logged_on("maker-2", cancel_on_disconnect=True)
    enter(line, order_1=0, order_2=TAGGED)
    for number in (1, 2):
        fields = {"client_order_id": number, "instrument_id": 1, "price": nine(99), "quantity": quantity(2)}
        other.send("AmendOrderRequest", **fields)
        assert other.names() == ["AmendOrderResponse"]
    other.lose()
    driver.settle()
    assert left_after_loss(driver, line) == ([] if mode == "always" else [1])


def test_a_covered_order_behind_a_speed_bump_dies_with_its_session_and_another_is_released() -> None:
    bumped = "".join(
        f'[[instrument]]\nid = {number}\nsymbol = "B-{number}"\ncurrency_pair_id = 1\nproduct_type = "futures"\n'
        'tick_size = "0.5"\nlot_size = "0.001"\nspeed_bump_ms = 1000\n'
        for number in (3,)
    )
    driver = CoreDriver(configuration(extra=bumped, cancel_on_disconnect="order"))
    maker, taker = driver.logged_on("maker-2"), driver.logged_on("stranger-1")
    maker.order(1, instrument_id=3, side=Side.SELL, quantity=quantity(5))
    taker.order(2, instrument_id=3, flags=TAGGED)
    taker.order(3, instrument_id=3)
    assert [fields["status"] for _, _, fields in taker.read()] == [4, 4]
    maker.take()
    taker.lose()
    driver.settle()
    driver.tick(SECOND)
    told = [(name, [fill["total_filled"] for fill in fields["fills"]]) for _, name, fields in maker.read()]
    assert told == [("OrderFilled", [quantity(1)])]
    again = driver.connect()
    again.logon("stranger-1", reset=False, number=9)
    again.send("ResendRequest", from_sequence_number=4, to_sequence_number=0)
    told_again = [(name, fields.get("orders", fields.get("client_order_id"))) for _, name, fields in again.read()]
    assert told_again[1:3] == [("OrdersCanceled", [canceled(2, 2, instrument_id=3)]), ("OrderPlaced", 3)]


# Orders that are not covered outlive their connection


def test_an_order_that_is_not_covered_trades_on_and_its_events_go_on_in_the_keys_stream() -> None:
    driver = driver_in("order")
    watcher, maker = driver.logged_on("watch-1"), driver.logged_on("maker-1")
    enter(maker, order_1=0, order_2=TAGGED)
    maker.lose()
    driver.settle()
    watcher.take()
    taker = driver.logged_on("stranger-1")
    taker.order(3, side=Side.SELL, quantity=quantity(0.25))
    filled = driver.session("maker-1").stream.frames(5, 5)
    ((_, name, fields),) = watcher.read()
    assert (name, fields["origin_client_id"], fields["session_epoch"]) == ("DropCopyEvent", "maker-1", 1)
    assert filled == [fields["frame"]]


def test_later_connections_amend_and_cancel_what_outlived_an_earlier_one() -> None:
    driver = driver_in("order")
    line = driver.logged_on("maker-1")
    enter(line, order_1=0, order_2=0, order_3=0)
    line.lose()
    driver.settle()
    line, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    line.send("AmendOrderRequest", client_order_id=1, instrument_id=1, price=nine(99), quantity=quantity(1))
    line.send("CancelOrderRequest", client_order_id=2, instrument_id=1)
    other.send("CancelOrderRequest", client_order_id=3, instrument_id=1)
    assert other.names() == ["CancelOrderResponse"]
    assert line.names() == ["AmendOrderResponse", "CancelOrderResponse", "OrdersCanceled"]
    # Still the order of the first connection, and still not covered.
    assert left_after_loss(driver, line) == [1]


def test_the_fence_of_a_later_connection_takes_only_what_is_covered() -> None:
    driver = driver_in("order")
    for count in range(1, 4):
        line = driver.logged_on("maker-1")
        enter(line, **{f"order_{count * 10}": 0, f"order_{count * 10 + 1}": TAGGED})
        assert left_after_loss(driver, line) == list(range(1, 2 * count, 2))
    probe = EngineProbe(driver.core.engine)
    assert (probe.owner_counts(0), probe.portfolio_open(0)) == ((3, 0, 0), 3)
    assert driver.ends() == [("maker-1", "TCP_RESET", 1)] * 3


def test_orders_that_outlive_a_connection_count_as_open() -> None:
    driver = CoreDriver(configuration(max_open_orders=2, cancel_on_disconnect="order"))
    line = driver.logged_on("maker-1")
    enter(line, order_1=0, order_2=TAGGED)
    line.lose()
    driver.settle()
    line = driver.logged_on("maker-1")
    for number in (1, 4, 5):
        line.order(number)
    answers = line.read()
    assert [name for _, name, _ in answers] == ["NewOrderReject", "NewOrderResponse", "NewOrderReject"]
    assert answers[1][2] == accepted(4, 3, answers[1][2]["exec_id"])


# At the ends of the gateway, or by the venue's hand, they go as well


def told_to(driver: CoreDriver, client_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Cancels and receipts that stand in the stream of a session, or were put to drop copy alone."""
    frames = driver.session(client_id).stream.frames(1, 1_000)
    told = [messages.decode(frame) for frame in frames]
    return [(each.name, each.fields) for each in told if each.name in ("OrdersCanceled", "CancelOnDisconnectReceipt")]


def test_at_shutdown_what_is_not_covered_goes_first_in_an_event_of_its_own_without_a_receipt() -> None:
    driver = driver_in("order")
    vacant = driver.logged_on("maker-2")
    enter(vacant, order_5=0)
    vacant.lose()
    driver.settle()
    line = driver.logged_on("maker-1")
    line.send("SessionOptionsRequest", correlation_id=1, options=SessionOptions.RECEIPTS)
    enter(line, order_1=0, order_2=TAGGED, order_3=0)
    driver.now += SECOND
    driver.core.shut_down(driver.now)
    assert resting(driver) == []
    driver.settle()
    assert driver.core.is_shut_down
    (other,) = told_to(driver, "maker-2")
    first, fire, receipt = told_to(driver, "maker-1")
    exec_ids = [fields["exec_id"] for _, fields in (first, other, fire)]
    assert len(set(exec_ids)) == 3
    assert exec_ids == sorted(exec_ids)
    assert other == ("OrdersCanceled", orders_canceled(exec_ids[1], [canceled(5, 1, reason=3)], driver.now))
    gone = [canceled(1, 2, reason=3), canceled(3, 4, reason=3)]
    assert first == ("OrdersCanceled", orders_canceled(exec_ids[0], gone, driver.now))
    assert fire == ("OrdersCanceled", orders_canceled(exec_ids[2], [canceled(2, 3)], driver.now))
    counts = {name: receipt[1][name] for name in ("cause", "bound_count", "cancelled_count", "exempt_count")}
    assert counts == {"cause": Cause.GATEWAY_SHUTDOWN, "bound_count": 1, "cancelled_count": 1, "exempt_count": 0}


def test_what_a_disconnect_leaves_is_counted_as_exempt_and_what_the_venue_ends_is_not() -> None:
    driver = driver_in("order")
    watcher, line = driver.logged_on("watch-1"), driver.logged_on("maker-1")
    enter(line, order_1=0, order_2=TAGGED)
    line.lose()
    driver.settle()
    line = driver.logged_on("maker-1")
    enter(line, order_3=0, order_4=TAGGED)
    driver.core.control(KillClient(client_id="maker-1"), driver.now)
    driver.settle()
    frames = [messages.decode(event.fields["frame"]) for event in watcher.take()]
    names = ("cause", "bound_count", "cancelled_count", "exempt_count")
    receipts = [
        tuple(frame.fields[name] for name in names) for frame in frames if frame.name == "CancelOnDisconnectReceipt"
    ]
    assert receipts == [(Cause.TCP_RESET, 2, 1, 1), (Cause.ADMIN, 3, 3, 0)]


def test_a_session_that_nobody_is_connected_for_loses_its_orders_to_the_venue_too() -> None:
    driver = driver_in("order")
    line = driver.logged_on("maker-1")
    enter(line, order_1=0, order_2=TAGGED)
    line.lose()
    driver.settle()
    assert driver.core.control(KillClient(client_id="maker-1"), driver.now) == (
        "maker-1 was not connected, 1 order leaves"
    )
    assert resting(driver) == []
    driver.settle()
    assert [fields["orders"] for name, fields in told_to(driver, "maker-1") if name == "OrdersCanceled"] == [
        [canceled(2, 2)],
        [canceled(1, 1, reason=3)],
    ]
    line = driver.logged_on("maker-1")
    line.order(1)
    assert line.names() == ["NewOrderResponse"]


def test_an_order_that_is_not_covered_goes_with_a_session_that_is_lost_and_then_killed() -> None:
    driver = driver_in("order", cancel_grace_ms=5_000)
    line = driver.logged_on("maker-1")
    enter(line, order_1=0, order_2=TAGGED)
    line.lose()
    assert driver.core.control(KillClient(client_id="maker-1"), driver.now) == "maker-1 ended, 2 orders leave"
    assert resting(driver) == []
    driver.settle()
    assert [fields["orders"] for name, fields in told_to(driver, "maker-1") if name == "OrdersCanceled"] == [
        [canceled(2, 2)],
        [canceled(1, 1, reason=3)],
    ]


# 4010 and 4011


def test_always_is_on_and_stays_on() -> None:
    driver = driver_in("always")
    line = driver.logged_on("maker-1")
    enter(line, order_1=0)
    assert switch(line, SESSION, True) == switched(SESSION, True, True, 1)
    assert switch(line, SESSION, False) == switched(SESSION, False, True, 1, ALWAYS_ON)
    enter(line, order_2=0)
    assert left_after_loss(driver, line) == []


def test_what_a_logon_has_set_cannot_be_lifted() -> None:
    driver = driver_in("session")
    line = driver.logged_on("maker-1", cancel_on_disconnect=True)
    assert switch(line, SESSION, False) == switched(SESSION, False, True, 0, ALWAYS_ON)
    enter(line, order_1=0)
    assert left_after_loss(driver, line) == []


@pytest.mark.parametrize(("mode", "logon"), [("session", False), ("order", False), ("order", True)])
def test_the_sessions_cover_holds_for_orders_entered_while_it_is_on(mode: str, logon: bool) -> None:
    driver = driver_in(mode)
    line = driver.logged_on("maker-1", cancel_on_disconnect=logon)
    enter(line, order_1=0, order_2=TAGGED)
    assert switch(line, SESSION, True) == switched(SESSION, True, True, 1)
    enter(line, order_3=0, order_4=TAGGED)
    assert switch(line, SESSION, False) == switched(SESSION, False, False, 3)
    enter(line, order_5=0, order_6=TAGGED)
    assert left_after_loss(driver, line) == [1, 5]


@pytest.mark.parametrize("mode", ["session", "order"])
def test_the_sessions_cover_holds_for_quotes_too(mode: str) -> None:
    driver = driver_in(mode)
    line = driver.logged_on("maker-1")
    switch(line, SESSION, True)
    quote(line)
    assert left_after_loss(driver, line) == []


def test_every_switch_is_off_again_at_the_next_logon() -> None:
    driver = driver_in("session")
    line = driver.logged_on("maker-1")
    switch(line, SESSION, True)
    switch(line, PORTFOLIO, True)
    line.lose()
    driver.settle()
    session = driver.session("maker-1")
    line = driver.logged_on("maker-1")
    assert (session.covers_all, session.cover_is_fixed, session.portfolio_armed) == (False, False, False)
    enter(line, order_1=0)
    assert left_after_loss(driver, line) == [1]


def test_the_whole_portfolio_can_be_armed_and_what_it_would_take_is_counted() -> None:
    driver = driver_in("order")
    first, second, stranger = (driver.logged_on(name) for name in ("maker-1", "maker-2", "stranger-1"))
    enter(first, order_1=0, order_2=TAGGED)
    enter(second, order_3=0)
    enter(stranger, order_4=0)
    assert switch(first, PORTFOLIO, True) == switched(PORTFOLIO, True, True, 3)
    assert switch(second, SESSION, True) == switched(SESSION, True, True, 0)
    enter(second, order_5=0)
    assert switch(first, SESSION, True) == switched(SESSION, True, True, 4)
    assert switch(first, PORTFOLIO, False) == switched(PORTFOLIO, False, False, 1)


def test_a_key_that_is_not_entitled_may_not_arm_the_portfolio() -> None:
    config = configuration(cancel_on_disconnect="session")
    keys = tuple(structs.replace(key, portfolio_cancel=key.client_id != "maker-1") for key in config.api_keys)
    driver = CoreDriver(structs.replace(config, api_keys=keys))
    line, mate = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    assert switch(mate, PORTFOLIO, True) == switched(PORTFOLIO, True, True, 0)
    enter(line, order_1=TAGGED)
    assert switch(line, PORTFOLIO, True) == switched(PORTFOLIO, True, False, 1, NOT_ENTITLED)
    assert switch(line, PORTFOLIO, False) == switched(PORTFOLIO, False, False, 1, NOT_ENTITLED)
    assert not driver.session("maker-1").portfolio_armed


@pytest.mark.parametrize("scope", [-128, -1, 2, 127])
def test_another_scope_is_refused_and_changes_nothing(scope: int) -> None:
    driver = driver_in("session")
    line = driver.logged_on("maker-1")
    enter(line, order_1=TAGGED)
    assert switch(line, scope, True) == switched(scope, True, False, 1, INVALID_SCOPE)
    session = driver.session("maker-1")
    assert (session.covers_all, session.portfolio_armed) == (False, False)


def test_enabled_must_be_a_bool() -> None:
    line = driver_in("session").logged_on("maker-1")
    assert switch(line, SESSION, 2) == [  # type: ignore[arg-type]
        (
            "Reject",
            {
                "ref_sequence_number": 2,
                "reason": RejectReason.INVALID_FIELD_VALUE,
                "details": "enabled at offset 41: wanted a value of Bool, was 2",
            },
        )
    ]


def test_a_drop_copy_session_switches_nothing() -> None:
    driver = driver_in("session")
    line = driver.logged_on("watch-1")
    ((name, fields),) = switch(line, PORTFOLIO, True)
    assert (name, fields["reason"]) == ("Reject", RejectReason.MESSAGE_DISABLED)


def test_the_answer_is_stored_and_sent_again_as_it_was_and_not_put_to_drop_copy() -> None:
    driver = driver_in("session")
    watcher, line = driver.logged_on("watch-1"), driver.logged_on("maker-1")
    line.send("CancelOnDisconnectRequest", correlation_id=5, scope=SESSION, enabled=True)
    (told,) = line.take()
    line.send("ResendRequest", from_sequence_number=1, to_sequence_number=0)
    gap_fill, again = line.take()
    assert (gap_fill.name, gap_fill.fields) == ("GapFill", {"new_sequence_number": 2})
    assert (again.name, again.fields, again.header[5:]) == (told.name, told.fields, told.header[5:])
    assert watcher.read() == []


def test_every_version_may_ask() -> None:
    driver = driver_in("session")
    for version in (1, 17):
        line = driver.logged_on("maker-1", schema_version=version)
        assert switch(line, SESSION, True) == switched(SESSION, True, True, 0)
        line.lose()
        driver.settle()


def test_an_armed_cover_is_told_by_the_cancels_of_its_fire() -> None:
    driver = driver_in("session")
    line = driver.logged_on("maker-1")
    switch(line, SESSION, True)
    enter(line, order_1=0)
    line.half_close()
    driver.settle()
    assert [(name, fields) for _, name, fields in line.read()] == [
        ("OrdersCanceled", orders_canceled(2, [canceled(1, 1)], START))
    ]
