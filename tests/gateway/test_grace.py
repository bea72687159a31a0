"""Grace at the core: what a lost session keeps, who may take its orders over, and how it ends when nobody does."""

from collections.abc import Callable
from typing import Any

import pytest
from support.core_driver import (
    INTERVAL,
    KEYS,
    START,
    CoreDriver,
    Line,
    brief,
    canceled,
    configuration,
    decoded,
    logged_out,
    logon_conf,
    nine,
    orders_canceled,
    quantity,
)
from support.order_frames import maker_fill, order_filled

from codec.layout import Cause, OrderStatus, QuoteStatus, Side
from gateway.grace import Grace, Loss
from gateway.invariants import check
from gateway.session import LinkClosing, LinkState, SessionState
from gateway.venue_controls import Control, KillClient, KillPortfolio, Revoke

GRACE_MS = 3_000
GRACE = GRACE_MS * 1_000_000
POLITELY, ABORT = LinkClosing.CLOSING_POLITELY, LinkClosing.CLOSING_ABORT
LIVE, LOST, VACANT = SessionState.SESSION_LIVE, SessionState.SESSION_LOST, SessionState.SESSION_VACANT


def lenient(**settings: Any) -> CoreDriver:
    return CoreDriver(configuration(KEYS, cancel_grace_ms=GRACE_MS, **settings))


@pytest.fixture
def driver() -> CoreDriver:
    return lenient()


def with_orders(driver: CoreDriver, count: int = 2, client_id: str = "maker-1", **changed: Any) -> Line:
    """A connection with so many orders, clientOrderId 1 and so on, under the numbers 2 and so on; all of it read."""
    line = driver.logged_on(client_id)
    for number in range(1, count + 1):
        line.order(number, **changed)
    line.take()
    return line


def state(driver: CoreDriver, client_id: str = "maker-1") -> SessionState:
    check(driver.core.engine)
    return SessionState(driver.session(client_id).state)


def open_orders(driver: CoreDriver, client_id: str = "maker-1") -> int:
    return driver.core.controls.venue.owner_open(driver.session(client_id).slot)[0]


def sell(driver: CoreDriver, client_order_id: int, units: float = 1, client_id: str = "stranger-1") -> None:
    """Somebody of another portfolio sells to whoever buys at 100; what nobody wants is closed."""
    line = driver.logged_on(client_id)
    line.order(client_order_id, side=Side.SELL, quantity=quantity(units), time_in_force=0)


def bought(exec_id: int, *fills: dict[str, Any]) -> dict[str, Any]:
    """The fields of the OrderFilled of the buyer."""
    return order_filled(exec_id, [fill | {"side": Side.BUY} for fill in fills]) | {"legs": []}


def read_again(line: Line, first: int, last: int = 0) -> list[tuple[int, str, dict[str, Any]]]:
    line.send("ResendRequest", from_sequence_number=first, to_sequence_number=last)
    return line.read()


def lapse(driver: CoreDriver, line: Line) -> None:
    for _ in range(2):
        driver.tick(INTERVAL * 12 // 10)
    assert line.closed is not None


# What keeps the orders, and what does not

LOSSES: dict[str, tuple[Callable[[CoreDriver, Line], None], Cause, LinkClosing | None, list[str]]] = {
    "half-close": (lambda _, line: line.half_close(), Cause.TCP_CLOSED, POLITELY, []),
    "reset": (lambda _, line: line.lose(), Cause.TCP_RESET, None, []),
    "silence": (lapse, Cause.HEARTBEAT_MISSED, POLITELY, ["Heartbeat", "TestRequest", "LoggedOut"]),
}


@pytest.mark.parametrize("way", LOSSES)
def test_a_lost_line_costs_no_order_and_is_let_go_as_always(driver: CoreDriver, way: str) -> None:
    lose, cause, closing, said = LOSSES[way]
    maker = with_orders(driver)
    lose(driver, maker)
    driver.flush()
    assert (state(driver), open_orders(driver), driver.core.is_busy) == (LOST, 2, False)
    assert maker.closed == closing
    assert [message.name for message in maker.take() if message.name != "Heartbeat"] == said[1:]
    assert driver.log.events()[1:] == [
        {
            "level": "warning",
            "event": "session lost",
            "client_id": "maker-1",
            "epoch": 1,
            "cause": cause.name,
            "orders": 2,
            "dropped_requests": 0,
        }
    ]


ENDS: dict[str, tuple[Callable[[CoreDriver, Line], None], Cause]] = {
    "logout": (lambda _, line: line.send("Logout", reason=""), Cause.LOGOUT),
    "violation": (lambda _, line: line.raw(bytes(8)), Cause.PROTOCOL_VIOLATION),
    "slow": (lambda driver, line: driver.core.slow(line.link, driver.now), Cause.SLOW_CONSUMER),
    "shutdown": (lambda driver, _: driver.core.shut_down(driver.now), Cause.GATEWAY_SHUTDOWN),
    "admin": (lambda driver, _: control(driver, KillClient(client_id="maker-1")), Cause.ADMIN),
    "reset logon": (lambda driver, _: driver.connect().logon("maker-1"), Cause.DISPLACED),
}


def control(driver: CoreDriver, wanted: Control) -> None:
    driver.core.control(wanted, driver.now)


@pytest.mark.parametrize("way", ENDS)
def test_whatever_is_no_lost_line_ends_the_session_at_once(driver: CoreDriver, way: str) -> None:
    end, cause = ENDS[way]
    end(driver, with_orders(driver))
    assert open_orders(driver) == 0
    driver.settle()
    assert driver.ends() == [("maker-1", cause.name, 2)]


def test_a_drop_copy_session_has_nothing_to_keep(driver: CoreDriver) -> None:
    watcher = driver.logged_on("watch-1")
    watcher.lose()
    driver.settle()
    assert (state(driver, "watch-1"), driver.ends()) == (VACANT, [("watch-1", "TCP_RESET", 0)])


def test_without_grace_nobody_is_ever_lost() -> None:
    driver = CoreDriver()
    with_orders(driver).lose()
    assert state(driver) == SessionState.SESSION_ENDING
    driver.settle()
    assert driver.ends() == [("maker-1", "TCP_RESET", 2)]


# While it is lost


def test_the_orders_of_a_lost_session_are_filled_and_that_stands_in_its_stream(driver: CoreDriver) -> None:
    watcher = driver.logged_on("watch-1")
    maker = with_orders(driver)
    watcher.take()
    maker.lose()
    sell(driver, 7, 1.5)
    filled = bought(4, maker_fill(1, 1, 1, 1), maker_fill(2, 2, 2, 0.5, flags=0))
    assert [(name, fields["origin_sequence_number"]) for _, name, fields in watcher.read()] == [("DropCopyEvent", 4)]
    again = driver.logged_on("maker-1", reset=False, number=4)
    assert read_again(again, 4, 4) == [(4, "OrderFilled", filled)]


def test_who_is_lost_counts_as_disconnected_and_its_orders_as_open(driver: CoreDriver) -> None:
    with_orders(driver, 3).lose()
    mate = driver.logged_on("maker-2")
    mate.order(1)  # the client's id is taken in the portfolio
    assert mate.names() == ["NewOrderReject"]
    assert open_orders(driver) == 3


def test_another_session_of_the_portfolio_cancels_an_order_of_a_lost_one(driver: CoreDriver) -> None:
    with_orders(driver).lose()
    mate = driver.logged_on("maker-2")
    mate.send("CancelOrderRequest", client_order_id=1, correlation_id=7, instrument_id=1)
    assert mate.names() == ["CancelOrderResponse"]
    again = driver.logged_on("maker-1", reset=False, number=4)
    found = read_again(again, 4, 4)
    assert [(number, name) for number, name, _ in found] == [(4, "OrdersCanceled")]
    assert found[0][2]["orders"] == [canceled(1, 1, reason=12)]


def test_what_waits_behind_a_speed_bump_is_released_while_its_session_is_lost() -> None:
    bumped = 'id = 3\nsymbol = "I-3"\ncurrency_pair_id = 1\nproduct_type = "futures"\nspeed_bump_ms = 20'
    extra = f'[[instrument]]\n{bumped}\ntick_size = "0.5"\nlot_size = "0.001"'
    driver = CoreDriver(configuration(KEYS, cancel_grace_ms=GRACE_MS, extra=extra))
    other = driver.logged_on("stranger-1")
    other.order(1, instrument_id=3, side=Side.SELL)
    maker = driver.logged_on("maker-1")
    maker.order(1, instrument_id=3)
    assert [fields["status"] for _, _, fields in maker.read()] == [OrderStatus.QUEUED]
    maker.lose()
    driver.tick(20_000_000)
    again = driver.logged_on("maker-1", reset=False, number=3)
    assert [(number, name) for number, name, _ in read_again(again, 3, 3)] == [(3, "OrderPlaced")]
    assert other.names()[-1] == "OrderFilled"


# Taken over


def test_a_logon_that_continues_takes_the_orders_over_without_touching_one(driver: CoreDriver) -> None:
    maker = with_orders(driver)
    maker.lose()
    driver.now += GRACE - 1
    again = driver.connect()
    again.logon("maker-1", reset=False, number=4)
    assert again.read() == [(4, "LogonConf", logon_conf())]
    assert (state(driver), driver.session("maker-1").epoch, open_orders(driver)) == (LIVE, 2, 2)
    driver.tick(INTERVAL // 2)
    assert (state(driver), driver.core.is_busy, driver.ends()) == (LIVE, False, [])
    assert driver.log.events()[2:] == [
        {"level": "info", "event": "logon", "client_id": "maker-1", "epoch": 2, "version": 17},
        {
            "level": "info",
            "event": "orders taken over",
            "client_id": "maker-1",
            "epoch": 2,
            "orders": 2,
            "lost_for_us": (GRACE - 1) // 1000,
        },
    ]


def test_the_orders_keep_their_places_and_can_be_amended_and_cancelled(driver: CoreDriver) -> None:
    maker = with_orders(driver, 1)
    rival = driver.logged_on("stranger-1")
    rival.order(5)
    maker.lose()
    again = driver.logged_on("maker-1", reset=False, number=3)
    again.send("CancelOrderRequest", client_order_id=9, correlation_id=7, instrument_id=1)
    sell(driver, 7, client_id="maker-2")
    assert again.names() == ["CancelOrderReject", "OrderFilled"]
    assert rival.names() == ["NewOrderResponse"]


def test_quotes_that_are_taken_over_keep_their_places_when_they_are_sent_again() -> None:
    group = 'id = 7\nportfolio = 1\nquantity_limit = "10"\ninterval_ms = 1000\nfrozen_ms = 1000'
    driver = lenient(extra=f"[[mmp_group]]\n{group}")
    entry = {"instrument_id": 1, "bid_price": nine(99), "bid_qty": quantity(1), "ask_qty": quantity(0)}
    mass_quote = {"quote_id": 1, "mmp_group_id": 7, "quotes": [entry]}
    maker = driver.logged_on("maker-1")
    maker.send("MassQuoteRequest", **mass_quote)
    maker.take()
    rival = driver.logged_on("stranger-1")
    rival.order(5, price=nine(99))
    maker.lose()
    again = driver.logged_on("maker-1", reset=False, number=3)
    again.send("MassQuoteRequest", **mass_quote)
    ((number, name, fields),) = again.read()
    (told,) = fields["quotes"]
    assert (number, name) == (4, "MassQuoteResponse")
    assert (told["bid_status"], told["bid_order_id"]) == (QuoteStatus.UNMODIFIED, 1)
    driver.logged_on("maker-2").order(6, side=Side.SELL, price=nine(99))
    assert again.names() == ["OrderFilled"]
    again.send("Logout", reason="")
    driver.settle()
    assert driver.ends() == [("maker-1", "LOGOUT", 0)]


def test_the_end_of_a_session_cancels_the_orders_of_all_its_epochs(driver: CoreDriver) -> None:
    with_orders(driver).lose()
    second = driver.logged_on("maker-1", reset=False, number=4)
    second.order(3)
    second.lose()
    third = driver.logged_on("maker-1", reset=False, number=6)
    third.order(4)
    third.take()
    third.send("Logout", reason="")
    assert open_orders(driver) == 0
    driver.settle()
    everything = [canceled(number, number) for number in (1, 2, 3, 4)]
    assert third.read() == [
        (8, "OrdersCanceled", orders_canceled(5, everything)),
        (9, "LoggedOut", logged_out(Cause.LOGOUT)),
    ]
    assert driver.ends() == [("maker-1", "LOGOUT", 4)]
    assert (state(driver), driver.session("maker-1").epoch) == (VACANT, 3)


def test_one_session_may_be_lost_and_taken_over_again_and_again_each_with_its_own_time(driver: CoreDriver) -> None:
    line = with_orders(driver, 1)
    for attempt in range(5):
        line.lose()
        driver.tick(GRACE - 1)
        assert state(driver) == LOST
        line = driver.logged_on("maker-1", reset=False, number=3 + attempt)
    driver.tick(GRACE)
    assert (state(driver), open_orders(driver)) == (LIVE, 1)


def test_who_takes_over_may_speak_another_version(driver: CoreDriver) -> None:
    with_orders(driver, 1).lose()
    again = driver.logged_on("maker-1", reset=False, number=3, schema_version=4)
    sell(driver, 7)
    assert again.names() == ["OrderFilled"]


# Taken over before anybody noticed that the line was dead


def test_a_client_that_comes_back_first_takes_over_and_the_old_line_is_told_that_it_was_displaced(
    driver: CoreDriver,
) -> None:
    maker = with_orders(driver)
    again = driver.connect()
    again.raw(again.logon_frame("maker-1", reset=False, number=9) + again.frame("TestRequest", {"correlation_id": 3}))
    assert maker.read() == [(4, "LoggedOut", logged_out(Cause.DISPLACED))]
    assert again.read() == [(5, "LogonConf", logon_conf()), (6, "Heartbeat", {"correlation_id": 3})]
    assert (maker.closed, maker.link.state) == (POLITELY, LinkState.LINK_CLOSING)
    assert (state(driver), open_orders(driver), driver.core.is_busy) == (LIVE, 2, False)
    maker.lose()
    maker.raw(b"more")
    driver.tick(GRACE)
    assert (state(driver), open_orders(driver), driver.ends()) == (LIVE, 2, [])
    assert [event["event"] for event in driver.log.events()] == ["logon", "session lost", "logon", "orders taken over"]


def test_the_old_line_is_told_as_far_as_it_takes_bytes_and_the_rest_can_be_asked_for(driver: CoreDriver) -> None:
    maker = with_orders(driver)
    maker.blocked = True
    sell(driver, 7, 2)
    again = driver.logged_on("maker-1", reset=False, number=4)
    assert (maker.read(), maker.closed) == ([], POLITELY)
    assert [brief(message)[:2] for message in decoded(maker.link.farewell)] == [(4, "OrderFilled"), (5, "LoggedOut")]
    filled = bought(4, maker_fill(1, 1, 1, 1), maker_fill(2, 2, 2, 1))
    assert read_again(again, 4) == [
        (4, "OrderFilled", filled),
        (5, "GapFill", {"new_sequence_number": 7}),
    ]


def test_who_has_said_goodbye_is_not_taken_over_though_dead_orders_kept_that_from_being_read() -> None:
    driver = lenient(drain_step_orders=100)
    maker = with_orders(driver, 1_000)
    taker = with_orders(driver, 1, "stranger-1", price=nine(50))
    maker.send("Logout", reason="")
    taker.order(2, side=Side.SELL)
    taker.send("Logout", reason="")
    assert taker.link.is_held_up
    again = driver.connect()
    again.logon("stranger-1", reset=False, number=5)
    assert again.link.state == LinkState.LINK_WAITING
    driver.settle()
    assert again.read() == [(5, "LogonConf", logon_conf())]
    assert sorted(driver.ends()) == [("maker-1", "LOGOUT", 1_000), ("stranger-1", "LOGOUT", 1)]
    assert driver.core.dropped_requests[Cause.LOGOUT] == 1


def test_where_second_logons_are_refused_a_live_line_stays_and_a_lost_one_may_be_taken_over() -> None:
    driver = lenient(duplicate_logon="refuse")
    maker = with_orders(driver)
    second = driver.connect()
    second.logon("maker-1", reset=False, number=4)
    assert second.read() == [(0, "LoggedOut", {"reason": "this key is already logged on"})]
    assert (state(driver), maker.closed) == (LIVE, None)
    maker.lose()
    again = driver.logged_on("maker-1", reset=False, number=4)
    assert (state(driver), again.link.state, open_orders(driver)) == (LIVE, LinkState.LINK_LIVE, 2)


# Not taken over


@pytest.mark.parametrize("wrong", [{"secret": "wrong"}, {"number": 3}, {"schema_version": 18}])
def test_a_logon_that_is_refused_leaves_a_lost_session_as_it_is(driver: CoreDriver, wrong: dict[str, Any]) -> None:
    with_orders(driver).lose()
    refused = driver.connect()
    refused.logon("maker-1", **({"reset": False, "number": 4} | wrong))
    assert [(number, name) for number, name, _ in refused.read()] == [(0, "LoggedOut")]
    assert (state(driver), open_orders(driver)) == (LOST, 2)
    driver.tick(GRACE)
    driver.settle()
    assert driver.ends() == [("maker-1", "TCP_RESET", 2)]


def test_when_the_time_is_over_the_session_is_gone_for_the_reason_it_was_lost(driver: CoreDriver) -> None:
    maker = with_orders(driver)
    driver.now += 5
    maker.half_close()
    assert driver.core.next_deadline == driver.now + GRACE
    driver.tick(GRACE - 1)
    assert (state(driver), open_orders(driver)) == (LOST, 2)
    driver.tick(1)
    assert (state(driver), open_orders(driver)) == (SessionState.SESSION_ENDING, 0)
    ending = driver.session("maker-1").ending
    times = ending.cause, ending.detected_time - START, ending.fenced_time - START
    assert times == (Cause.TCP_CLOSED, 5, 5 + GRACE)
    driver.settle()
    assert state(driver) == VACANT
    assert driver.ends() == [("maker-1", "TCP_CLOSED", 2)]
    again = driver.logged_on("maker-1", reset=False, number=4)
    everything = [canceled(1, 1), canceled(2, 2)]
    assert read_again(again, 4, 4) == [(4, "OrdersCanceled", orders_canceled(3, everything, START + 5 + GRACE))]


def test_a_stall_of_the_gateway_is_time_in_which_nobody_could_come_back(driver: CoreDriver) -> None:
    with_orders(driver).lose()
    driver.tick(GRACE + 1, stall_ns=2)
    assert (state(driver), driver.core.next_deadline) == (LOST, START + GRACE + 2)
    driver.tick(1)
    assert state(driver) == SessionState.SESSION_ENDING


def test_the_time_is_judged_as_of_what_has_been_received(driver: CoreDriver) -> None:
    with_orders(driver).lose()
    driver.core.tick(START + GRACE + 1, START + GRACE - 1)
    assert state(driver) == LOST
    driver.core.tick(START + GRACE + 1, START + GRACE)
    assert state(driver) == SessionState.SESSION_ENDING


def test_times_run_out_in_the_order_of_the_losses_and_each_is_the_next_deadline(driver: CoreDriver) -> None:
    lines = [with_orders(driver, 1, client_id) for client_id in ("maker-1", "stranger-1")]
    lines += [with_orders(driver, 0, "maker-2")]
    for line in lines[::-1]:
        line.lose()
        driver.now += 7
    for after in range(3):
        deadline = driver.core.next_deadline
        assert deadline == START + GRACE + 7 * after
        driver.core.tick(deadline, deadline)
    driver.settle()
    assert driver.ends() == [("maker-2", "TCP_RESET", 0), ("stranger-1", "TCP_RESET", 1), ("maker-1", "TCP_RESET", 1)]


def test_a_logon_with_reset_ends_the_lost_session_and_finds_the_cancels_in_its_new_generation(
    driver: CoreDriver,
) -> None:
    with_orders(driver).lose()
    driver.now += 10
    again = driver.connect()
    again.logon("maker-1", reset=True, number=50)
    assert (again.link.state, open_orders(driver)) == (LinkState.LINK_WAITING, 0)
    driver.settle()
    told = orders_canceled(3, [canceled(1, 1), canceled(2, 2)], START + 10)
    assert again.read() == [(1, "LogonConf", logon_conf()), (2, "OrdersCanceled", told)]
    assert driver.ends() == [("maker-1", "TCP_RESET", 2)]


END_OF_THE_LOST: dict[str, Callable[[CoreDriver], None]] = {
    "shutdown": lambda driver: driver.core.shut_down(driver.now),
    "kill-client": lambda driver: control(driver, KillClient(client_id="maker-1")),
    "kill-portfolio": lambda driver: control(driver, KillPortfolio(portfolio_id=1)),
    "revoke": lambda driver: control(driver, Revoke(client_id="maker-1")),
}


@pytest.mark.parametrize("way", END_OF_THE_LOST)
def test_the_gateway_and_its_operator_do_not_wait_for_a_lost_session(driver: CoreDriver, way: str) -> None:
    watcher = driver.logged_on("watch-1")
    with_orders(driver).lose()
    watcher.take()
    driver.now += 10
    END_OF_THE_LOST[way](driver)
    assert open_orders(driver) == 0
    driver.settle()
    assert driver.ends()[0] == ("maker-1", "TCP_RESET", 2)
    _, name, fields = watcher.read()[0]
    assert (name, fields["origin_sequence_number"]) == ("DropCopyEvent", 4)
    assert state(driver) == VACANT


def test_the_gateway_is_shut_down_only_when_the_lost_sessions_are_told_of() -> None:
    driver = lenient(drain_step_orders=1)
    with_orders(driver).lose()
    driver.core.shut_down(driver.now)
    assert (driver.core.is_busy, driver.core.is_shut_down) == (True, False)
    driver.settle()
    assert (driver.core.is_shut_down, driver.ends()) == (True, [("maker-1", "TCP_RESET", 2)])


@pytest.mark.parametrize("mode", ["session", "order"])
def test_only_covered_orders_go_when_the_time_is_over_whoever_took_them_over(mode: str) -> None:
    driver = lenient(cancel_on_disconnect=mode)
    maker = with_orders(driver, 1)
    maker.order(2, flags=1)
    maker.take()
    maker.lose()
    again = driver.logged_on("maker-1", reset=False, number=4)
    again.order(3, flags=1)
    again.take()
    again.lose()
    driver.tick(GRACE)
    driver.settle()
    assert (driver.ends(), open_orders(driver)) == ([("maker-1", "TCP_RESET", 2)], 1)
    last = driver.logged_on("maker-1", reset=False, number=6)
    ((number, name, fields),) = read_again(last, 6, 6)
    assert (number, name, fields["orders"]) == (6, "OrdersCanceled", [canceled(2, 2), canceled(3, 3)])


# The file itself


def test_the_first_to_be_lost_is_the_first_whose_time_is_over() -> None:
    grace = Grace(10)
    first, second = (CoreDriver().session(client_id) for client_id in ("maker-1", "maker-2"))
    assert (grace.first_end_judged, grace.over(10**30)) == (None, [])
    losses = [Loss(Cause.TCP_RESET, 100, 50), Loss(Cause.TCP_CLOSED, 105, 55)]
    grace.begin(first, losses[0])
    grace.begin(second, losses[1])
    assert (grace.first_end_judged, grace.loss_of(first), grace.loss_of(second)) == (60, *losses)
    assert (grace.over(59), grace.over(60), grace.over(65)) == ([], [first], [first, second])
    assert grace.end(first) == losses[0]
    assert (grace.first_end_judged, grace.over(64), grace.over(65)) == (65, [], [second])
