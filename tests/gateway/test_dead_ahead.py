"""Requests that meet dead orders: held up while there are too many, then answered as if there had been none."""

from typing import Any

import pytest
from support.core_driver import (
    INTERVAL,
    START,
    TICK,
    CoreDriver,
    Line,
    configuration,
    logged_out,
    nine,
    order,
    quantity,
)  # fmt: skip
from support.core_walk import walk_among_the_dead

from codec import messages
from codec.layout import Cause, OrderFlags, ReplaceOrderFlags, Side, TimeInForce
from gateway.session import LinkState

STEP = 100
DEAD = 1_000
HELD_UP_STEPS = DEAD // STEP - 1
"""As many dead orders as a step's are taken out when the request comes in, and as many in each step from then on."""
EXTRA = """
[[instrument]]
id = 4
symbol = "I-4"
currency_pair_id = 4
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"
speed_bump_ms = 20
[[mmp_group]]
id = 7
portfolio = 1
quantity_limit = "1000"
interval_ms = 1000
frozen_ms = 1000
"""
SELL = {"side": Side.SELL}
IOC = {"time_in_force": TimeInForce.IOC}
FOK = {"time_in_force": TimeInForce.FOK}
Request = tuple[str, dict[str, Any]]


def fields_of(line: Line) -> list[tuple[str, dict[str, Any]]]:
    """What a client was told, but for what counts commands and orders."""
    unlike = ("exec_id", "order_id", "bid_order_id", "ask_order_id")
    told = []
    for message in line.take():
        fields = {name: value for name, value in message.fields.items() if name not in unlike}
        for group in ("fills", "quotes", "bid_fills", "ask_fills"):
            entries: Any = fields.get(group, [])
            fields |= {group: [{k: v for k, v in one.items() if k not in unlike} for one in entries]}
        told.append((message.name, fields))
    return told


class Play:
    """A maker with many orders that is lost, live orders of another one among them, and a taker."""

    def __init__(self, *, lost: bool = True, step: int = STEP, instrument_id: int = 1, **settings: Any) -> None:
        self.driver = CoreDriver(configuration(drain_step_orders=step, extra=EXTRA, **settings))
        self.instrument = {"instrument_id": instrument_id}
        self.bystander = self.driver.logged_on("maker-2")
        self.taker = self.driver.logged_on("stranger-1")
        if lost:
            self.maker = self.driver.logged_on("maker-1")
        self.lost = lost

    def rest(self, first: int, count: int, **terms: Any) -> None:
        """Orders that will be dead; in a play without loss they are never there."""
        for number in range(first, first + count) if self.lost else ():
            self.maker.order(number, **(self.instrument | terms))

    def live(self, number: int, **terms: Any) -> None:
        self.bystander.order(number, **(self.instrument | terms))

    def lose(self) -> None:
        if self.lost:
            self.maker.lose()
        self.bystander.take()

    def steps_until_told(self, line: Line) -> tuple[int, list[tuple[str, dict[str, Any]]]]:
        steps = 0
        while not (told := fields_of(line)):
            assert line.link.is_held_up
            self.driver.step()
            steps += 1
        assert not line.link.is_held_up
        return steps, told


def new_order(**terms: Any) -> Request:
    return "NewOrderRequest", order(1, **({"quantity": quantity(3)} | SELL | terms))


def mass_quote(**terms: Any) -> Request:
    ask = {"ask_price": nine(98), "ask_qty": quantity(3), "bid_price": None, "bid_qty": quantity(0)} | terms
    return "MassQuoteRequest", {"quote_id": 1, "mmp_group_id": 7, "quotes": [{"instrument_id": 1} | ask]}


REQUESTS = {
    "limit": new_order(price=nine(98)),
    "IOC": new_order(price=nine(98), **IOC),
    "FOK that fills": new_order(price=nine(97), quantity=quantity(2), **FOK),
    "FOK that does not fill": new_order(price=nine(97), quantity=quantity(4), **FOK),
    "market": new_order(price=None, flags=OrderFlags.MARKET_LIMIT),
    "post-only": new_order(flags=OrderFlags.POST_ONLY, price=nine(97)),
    "post-only or rejected": new_order(flags=OrderFlags.POST_ONLY_REJECT, price=nine(97)),
}


def among_the_dead(request: Request, sender: str, *, lost: bool) -> tuple[int, Any]:
    """Dead orders above, between and below two live ones; how many steps the request takes, and what is told of it."""
    play = Play(lost=lost)
    play.rest(1, 400, price=nine(100))
    play.live(5_001, price=nine(99))
    play.rest(401, 300, price=nine(99))
    play.live(5_002, price=nine(98))
    play.rest(701, 300, price=nine(98) - TICK)
    play.lose()
    line = play.taker if sender == "taker" else play.bystander
    line.send(request[0], **request[1])
    steps, told = play.steps_until_told(line)
    play.driver.settle()
    return steps, (told, fields_of(play.bystander), fields_of(play.taker))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_new_order_is_answered_as_if_the_dead_had_never_been(name: str) -> None:
    steps, told = among_the_dead(REQUESTS[name], "taker", lost=True)
    assert (0, told) == among_the_dead(REQUESTS[name], "taker", lost=False)
    # What is post-only looks no further than at the first live order.
    post_only, whole = (400, 1_000) if name != "limit" and name != "IOC" else (0, 700)
    passed = post_only if name.startswith("post-only") else 700 if name == "FOK that fills" else whole
    assert steps == passed // STEP - 1


def test_a_mass_quote_is_held_up_before_its_first_entry_has_an_effect() -> None:
    request = mass_quote()
    request[1]["quotes"].insert(
        0, {"instrument_id": 2, "ask_price": None, "ask_qty": quantity(0), "bid_price": nine(5), "bid_qty": quantity(1)}
    )
    plays = []
    for lost in (True, False):
        play = Play(lost=lost)
        play.rest(1, DEAD)
        play.lose()
        play.bystander.send(request[0], **request[1])
        assert play.bystander.link.is_held_up == lost
        plays.append(play.steps_until_told(play.bystander))
    assert plays == [(HELD_UP_STEPS, plays[1][1]), (0, plays[1][1])]


@pytest.mark.parametrize("flags", [0, ReplaceOrderFlags.POST_ONLY], ids=["trading", "post-only"])
def test_an_amend_is_held_up_and_one_that_keeps_its_place_is_not(flags: int) -> None:
    told = []
    for lost in (True, False):
        play = Play(lost=lost)
        play.taker.order(9_000, side=Side.SELL, price=nine(200), quantity=quantity(5))
        play.taker.take()
        play.rest(1, DEAD)
        play.lose()
        amend = {"client_order_id": 9_000, "correlation_id": 1, "instrument_id": 1, "flags": flags}
        play.taker.send("AmendOrderRequest", **amend, price=nine(200), quantity=quantity(4))
        kept = fields_of(play.taker)
        play.taker.send("AmendOrderRequest", **amend, price=nine(99), quantity=quantity(4))
        steps, replaced = play.steps_until_told(play.taker)
        assert steps == (HELD_UP_STEPS if lost else 0)
        told.append(kept + replaced)
    assert told[0] == told[1]
    assert [name for name, _ in told[0]] == ["AmendOrderResponse"] * 2


def test_a_release_from_a_speed_bump_stays_due_and_keeps_its_turn() -> None:
    told = []
    for lost in (True, False):
        play = Play(lost=lost, instrument_id=4)
        play.live(5_000, price=nine(101), quantity=quantity(1))
        play.rest(1, DEAD)
        for number in (1, 2):
            play.taker.order(number, instrument_id=4, side=Side.SELL, price=nine(99 + number), quantity=quantity(2))
        play.lose()
        assert [fields["status"] for _, fields in fields_of(play.taker)] == [4, 4]
        play.driver.tick(20_000_000)
        releases = play.driver.core.dispatcher.releases
        steps = 0
        while releases.is_held_up:
            assert fields_of(play.taker) == []
            # An incoming message does not release it either; it is answered all the same.
            play.bystander.send("TestRequest", correlation_id=steps)
            assert [name for name, _ in fields_of(play.bystander)] == ["Heartbeat"]
            play.driver.step()
            steps += 1
        assert steps == (HELD_UP_STEPS if lost else 0)
        told.append((fields_of(play.taker), fields_of(play.bystander)))
        play.driver.settle()
    assert told[0] == told[1]
    placed = [(name, fields["client_order_id"]) for name, fields in told[0][0]]
    assert placed == [("OrderPlaced", 1), ("OrderPlaced", 2)]


def test_while_one_is_held_up_the_others_are_served_and_what_it_sends_waits() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    play.taker.order(1, **SELL)
    play.taker.send("TestRequest", correlation_id=7)
    play.driver.step()
    session = play.driver.session("stranger-1")
    assert (session.expected_number, session.last_processed, fields_of(play.taker)) == (2, 1, [])
    play.bystander.order(2, price=nine(90))
    play.bystander.order(3, side=Side.SELL, price=nine(101))
    assert [name for name, _ in fields_of(play.bystander)] == ["NewOrderResponse"] * 2
    _, told = play.steps_until_told(play.taker)
    assert [name for name, _ in told] == ["NewOrderResponse", "Heartbeat"]
    assert (session.expected_number, session.last_processed) == (4, 3)


def test_two_that_are_held_up_go_on_in_the_order_in_which_they_came() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.live(5_000, price=nine(99))
    play.lose()
    play.taker.order(1, **SELL | IOC, price=nine(99))
    play.bystander.order(2, **SELL | IOC, price=nine(99), instrument_id=1)
    assert [link.is_held_up for link in (play.taker.link, play.bystander.link)] == [True, True]
    _, told = play.steps_until_told(play.taker)
    play.driver.settle()
    assert told[0][1]["total_filled"] == quantity(1)
    names = [(name, fields.get("total_filled")) for name, fields in fields_of(play.bystander)]
    assert names == [("OrderFilled", None), ("NewOrderResponse", quantity(0))]


def test_no_more_dead_orders_are_passed_between_two_steps_than_a_step_takes_out_whoever_asks() -> None:
    play = Play()
    play.rest(1, 60, price=nine(100))
    play.rest(61, 60, price=nine(100), instrument_id=2)
    play.lose()
    play.taker.order(1, **SELL | IOC)
    play.bystander.order(2, **SELL | IOC, instrument_id=2)
    assert [name for name, _ in fields_of(play.taker)] == ["NewOrderResponse"]
    assert play.bystander.link.is_held_up
    play.driver.step()
    assert [name for name, _ in fields_of(play.bystander)] == ["NewOrderResponse"]


def test_two_fires_at_once_hide_their_orders_from_a_taker_and_each_tells_of_its_own() -> None:
    play = Play()
    play.rest(1, 250, price=nine(100))
    for number in range(1_001, 1_251):
        play.live(number, price=nine(100))
    play.rest(251, 250, price=nine(99))
    play.driver.flush()
    play.maker.half_close()
    play.bystander.half_close()
    play.taker.order(1, **SELL, price=nine(99), quantity=quantity(700))
    steps, told = play.steps_until_told(play.taker)
    assert (steps, told[0][1]["total_filled"]) == (750 // STEP, quantity(0))
    play.driver.settle()
    for line, numbers in ((play.maker, range(1, 501)), (play.bystander, range(1_001, 1_251))):
        frames = [message.fields for message in line.take() if message.name == "OrdersCanceled"]
        entries = [entry for fields in frames for entry in fields["orders"]]
        assert [entry["client_order_id"] for entry in entries] == list(numbers)
        assert len({fields["exec_id"] for fields in frames}) == 1
    assert sorted(play.driver.ends()) == [("maker-1", "TCP_CLOSED", 500), ("maker-2", "TCP_CLOSED", 250)]


def test_what_has_to_be_refused_and_what_does_not_trade_is_not_held_up() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    line = play.taker
    line.order(1, side=5)
    line.order(1, instrument_id=99, **SELL)
    line.order(1, side=0)
    line.order(1, **SELL, quantity=quantity(0))
    line.order(1, **SELL, price=nine(101))
    line.order(2)
    names = [name for name, _ in fields_of(line)]
    assert names == ["Reject", *["NewOrderReject"] * 3, *["NewOrderResponse"] * 2]


def test_every_whole_frame_of_a_session_that_is_held_up_is_a_sign_of_life() -> None:
    play = Play(step=1)
    play.rest(1, 50)
    play.lose()
    play.taker.order(1, **SELL)
    session = play.driver.session("stranger-1")
    assert session.heard_ns == START
    frame = play.taker.frame("Heartbeat", {"correlation_id": 0})
    play.driver.now += INTERVAL
    play.taker.raw(frame[:20])
    assert session.heard_ns == START
    play.taker.raw(frame[20:])
    assert session.heard_ns == START + INTERVAL
    play.driver.tick(INTERVAL)
    assert play.driver.ends() == []
    assert play.taker.link.is_held_up


def test_a_frame_that_is_tried_again_is_no_further_sign_of_life() -> None:
    play = Play(step=1)
    play.rest(1, 50)
    play.lose()
    play.taker.order(1, **SELL)
    session = play.driver.session("stranger-1")
    for _ in range(3):
        play.driver.now += 1
        play.driver.step()
    assert play.taker.link.is_held_up
    while play.taker.link.is_held_up:
        play.driver.step()
    assert session.heard_ns == START


def test_a_session_that_is_gone_while_it_is_held_up_enters_nothing() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    play.taker.order(1, **SELL)
    play.taker.order(2, **SELL, price=nine(150))
    play.taker.lose()
    assert play.taker.link.state == LinkState.LINK_CLOSED
    play.driver.settle()
    assert play.driver.ends() == [("stranger-1", "TCP_RESET", 0), ("maker-1", "TCP_RESET", DEAD)]
    assert play.taker.link.pending_bytes == b""
    dropped = [event["dropped_requests"] for event in play.driver.log.events() if event["event"] == "session gone"]
    assert dropped == [2, 0]
    assert not play.driver.core.dispatcher.held_up


@pytest.mark.parametrize(("end", "told"), [("half_close", True), ("lose", False)])
def test_a_goodbye_that_came_before_the_end_of_the_line_is_one_though_it_was_not_read(end: str, told: bool) -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    play.taker.order(1, **SELL)
    play.taker.send("Logout", reason="done")
    getattr(play.taker, end)()
    play.driver.settle()
    assert ("stranger-1", "LOGOUT", 0) in play.driver.ends()
    if told:
        assert [message.fields for message in play.taker.take()] == [logged_out(Cause.LOGOUT)]


def test_a_shutdown_does_not_wait_for_what_is_held_up() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    play.taker.order(1, **SELL)
    play.driver.core.shut_down(play.driver.now)
    play.driver.settle()
    assert play.driver.core.is_shut_down
    assert [message.fields for message in play.taker.take()] == [logged_out(Cause.GATEWAY_SHUTDOWN)]


def test_a_request_that_was_held_up_costs_its_tokens_once() -> None:
    limit = "[gateway.rate_limit]\norders_per_s = 1\norders_burst = 3\nmass_quotes_per_s = 1\nmass_quotes_burst = 1\n"
    driver = CoreDriver(configuration(drain_step_orders=1, extra=limit))
    maker = driver.logged_on("maker-1")
    for number in range(1, 4):
        maker.order(number)
    taker = driver.logged_on("stranger-1")
    maker.lose()
    for number in (1, 2, 3, 4):
        taker.order(number, **SELL)
    assert taker.link.is_held_up
    driver.settle()
    assert taker.names() == ["NewOrderResponse"] * 3 + ["NewOrderReject"]


def test_more_than_a_held_up_session_may_send_is_a_violation_and_no_memory_is_kept_for_it() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    play.taker.order(1, **SELL)
    frames = b"".join(play.taker.frame("Heartbeat", {"correlation_id": 0}) for _ in range(131_072 // 40 - 1))
    play.taker.raw(frames)
    assert play.driver.ends() == []
    play.taker.raw(frames)
    assert play.taker.link.state == LinkState.LINK_CLOSING
    assert play.taker.link.pending_bytes == b""


def test_a_newcomer_whose_first_frames_meet_dead_orders_is_held_up_in_its_turn() -> None:
    play = Play(step=10)
    play.rest(1, 100)
    play.taker.order(1, price=nine(50))
    again = play.driver.connect()
    again.logon("stranger-1", number=5)
    again.order(2, **SELL)
    play.lose()
    assert again.link.state == LinkState.LINK_WAITING
    steps = play.driver.settle()
    assert steps == 2 * 100 // 10 + 1
    assert again.names() == ["LogonConf", "OrdersCanceled", "NewOrderResponse"]


def test_frames_behind_a_held_up_one_are_processed_as_they_came_in() -> None:
    play = Play()
    play.rest(1, DEAD)
    play.lose()
    line = play.taker
    sent = [line.frame("NewOrderRequest", order(number, **SELL, price=nine(99 + number))) for number in range(1, 40)]
    stream = b"".join(sent)
    for at in range(0, len(stream), 777):
        line.raw(stream[at : at + 777])
    assert line.link.pending_bytes == stream
    assert messages.decode(line.link.pending_bytes[: len(sent[0])]).name == "NewOrderRequest"
    play.driver.settle()
    assert [fields["client_order_id"] for _, fields in fields_of(line)] == list(range(1, 40))


@pytest.mark.parametrize(("behind", "in_one_step"), [(10, True), (700, False)])
def test_those_that_go_on_do_so_in_one_step_unless_they_have_sent_too_much_for_that(
    behind: int, in_one_step: bool
) -> None:
    play = Play()
    play.rest(1, DEAD - STEP // 2)  # the last step has room for more
    play.lose()
    for line in (play.taker, play.bystander):
        line.order(9_000 + line.number, **SELL)
        for number in range(1, behind + 1):
            line.order(number + 10_000 * (line is play.taker), price=nine(40))
    while play.taker.link.is_held_up:
        play.driver.step()
    assert len(play.taker.take()) == 1 + behind
    assert play.bystander.link.is_held_up == (not in_one_step)
    play.driver.step()
    assert len(play.bystander.take()) == 1 + behind


def test_walks_among_the_dead_find_no_difference() -> None:
    held_up = [walk_among_the_dead(seed, 300).times_held_up for seed in range(24)]
    assert sum(times["lines"] for times in held_up) >= 20
    assert sum(times["releases"] for times in held_up) >= 2
