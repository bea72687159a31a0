"""cod-check finds out a gateway that breaks its promises, and says which one and how."""

from collections.abc import Callable, Iterator

import pytest
from msgspec import structs
from support.cod_check import SETTINGS, crew, runner, scenario, shipped, write_gateway
from support.faulty_gateway import (
    Changes,
    ChangesEntries,
    ConfirmsEarly,
    Delays,
    Fault,
    FaultyGateway,
    ForgetsHistory,
    HangsUp,
    HasNoHistory,
    Lies,
    Swallows,
    SwallowsOneEntry,
    TakesBystanders,
    TellsTwice,
)
from support.processes import Gateway

from codec.layout import CancelReason, Cause
from codec.values import Decimal72
from gateway.cod_check_scenario import Scenario
from gateway.cod_check_verdict import Result, Verdict

Try = Callable[..., Result]
IMPATIENT = structs.replace(SETTINGS, within_ms=500, answer_ms=1_000)


@pytest.fixture(scope="module")
def good_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Heartbeats far apart: a line whose end is hidden from it must not be found out by silence."""
    path = write_gateway(tmp_path_factory.mktemp("faulty") / "gateway.toml", heartbeat_interval_s=60)
    gateway = Gateway(path)
    yield gateway
    gateway.close()


@pytest.fixture
def run_with(good_gateway: Gateway) -> Iterator[Try]:
    """Runs a scenario on the good gateway with a fault in front of it."""
    started: list[FaultyGateway] = []

    def attempt(fault: Fault, one: Scenario, *, without: tuple[str, ...] = ()) -> Result:
        faulty = FaultyGateway(good_gateway.host, good_gateway.port, fault)
        started.append(faulty)
        return runner(faulty.address, crew(without=without), IMPATIENT).run(one)

    yield attempt
    for faulty in started:
        faulty.close()


def found(result: Result) -> list[tuple[str, str, str]]:
    return [(one.where, one.expected, one.got) for one in result.findings]


CANCELLED = 'steps = [{ do = "cut", how = "fin" }, { expect = "cancelled" }]'
BY_RESEND = f'observe = ["resend"]\n{CANCELLED}'
UNTRADABLE = 'steps = [{ do = "cut", how = "fin" }, { expect = "cancelled" }, { expect = "untradable" }]'


def test_without_a_fault_the_promise_holds(run_with: Try) -> None:
    result = run_with(Fault(), scenario(UNTRADABLE))
    assert (result.verdict, result.why, result.seen_by, result.remarks) == (Verdict.HOLDS, "", "drop_copy", [])
    assert result.cancel_seen_ns is not None
    assert result.missed_ns is not None
    assert 0 < result.cancel_seen_ns < result.missed_ns


def test_a_cancel_that_comes_before_its_time(good_gateway: Gateway) -> None:
    """A gateway that is said to give lost lines a grace, and gives none."""
    address = good_gateway.host, good_gateway.port
    result = runner(address, crew(), structs.replace(IMPATIENT, grace_ms=300)).run(scenario(CANCELLED))
    assert result.verdict is Verdict.BROKEN
    ((where, expected, _),) = found(result)
    assert (where, expected) == ("time of the first cancel", "at least 300.0 ms")


@pytest.mark.parametrize("text", [CANCELLED, BY_RESEND], ids=["drop copy", "resend"])
def test_a_cancel_that_is_swallowed(run_with: Try, text: str) -> None:
    result = run_with(Swallows("OrdersCanceled"), scenario(text))
    assert result.verdict is Verdict.BROKEN
    wheres = [(where, expected.split(" ")[0], got) for where, expected, got in found(result)]
    assert wheres == [("OrdersCanceled.orders", name, "no such entry") for name in ("ask", "bid")]


def test_one_order_that_is_left_out(run_with: Try) -> None:
    result = run_with(SwallowsOneEntry(), scenario(CANCELLED))
    assert result.verdict is Verdict.BROKEN
    ((where, expected, got),) = found(result)
    assert (where, expected.split(" ")[0], got) == ("OrdersCanceled.orders", "ask", "no such entry")


def test_a_cancel_that_comes_late(run_with: Try) -> None:
    result = run_with(Delays(1.0), scenario(CANCELLED))
    assert (result.verdict, result.seen_by) == (Verdict.BROKEN, "drop_copy")
    assert [(where, got) for where, _, got in found(result)] == [("OrdersCanceled.orders", "no such entry")] * 2


@pytest.mark.parametrize("observer", ["resend", "taker"])
def test_an_order_that_leaves_the_book_late(run_with: Try, observer: str) -> None:
    result = run_with(Delays(1.0), scenario(f'observe = ["{observer}"]\n{CANCELLED}'))
    assert (result.verdict, result.seen_by) == (Verdict.BROKEN, observer)
    ((where, expected, _),) = found(result)
    assert (where, expected) == ("time of ask's leaving the book", "at most 500 ms")


def test_a_cancel_of_an_order_that_can_still_trade(run_with: Try) -> None:
    result = run_with(Lies(), scenario(UNTRADABLE))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [("NewOrderResponse.totalFilled of a taker at 60002", "0", "0.002")]


def test_a_wrong_reason(run_with: Try) -> None:
    result = run_with(ChangesEntries(cancel_reason=int(CancelReason.ADMIN)), scenario(CANCELLED))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [
        (f"OrdersCanceled.orders.cancelReason of {name}", "CLIENT_DISCONNECT", "ADMIN") for name in ("ask", "bid")
    ]


def test_a_wrong_filled_quantity(run_with: Try) -> None:
    text = 'steps = [{ do = "take", side = "buy", price = 4 }, { do = "cut", how = "fin" }, { expect = "cancelled" }]'
    result = run_with(ChangesEntries(total_filled=Decimal72(0, -9)), scenario(text))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [("OrdersCanceled.orders.totalFilled of ask", "0.001", "0")]


def test_a_last_frame_that_does_not_say_so(run_with: Try) -> None:
    result = run_with(Changes("OrdersCanceled", flags=0), scenario(CANCELLED))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [("OrdersCanceled.flags.isLastMessage of each frame", "[True]", "[False]")]


def test_a_cancel_that_is_told_twice(run_with: Try) -> None:
    result = run_with(TellsTwice(), scenario(CANCELLED))
    assert result.verdict is Verdict.BROKEN
    assert [(where, got) for where, _, got in found(result)] == [
        ("OrdersCanceled.flags.isLastMessage of each frame", "[True, True]")
    ]


def test_a_replay_that_leaves_out_what_was_told(run_with: Try) -> None:
    steps = '{ do = "cut", how = "fin" }, { expect = "cancelled" }, { do = "log_on" }, { expect = "same_frames" }'
    result = run_with(ForgetsHistory(), scenario(f"steps = [{steps}]"))
    assert result.verdict is Verdict.BROKEN
    assert [(expected, got) for _, expected, got in found(result)] == [("OrdersCanceled, as drop copy had it", "none")]


def test_a_frame_that_no_client_can_read(run_with: Try) -> None:
    result = run_with(ChangesEntries(cancel_reason=99), scenario(CANCELLED))
    assert result.verdict is Verdict.BROKEN
    ((where, expected, got),) = found(result)
    assert (where, expected) == ("drop_copy's line", "frames of the protocol")
    assert "wanted a value of CancelReason, was 99" in got


def test_a_gateway_without_history_is_looked_at_by_the_next_observer(run_with: Try) -> None:
    result = run_with(HasNoHistory(), scenario(f'observe = ["resend", "taker"]\n{CANCELLED}'))
    assert (result.verdict, result.seen_by, result.remarks) == (Verdict.HOLDS, "taker", [])


def test_what_no_observer_can_see_is_not_provable_and_never_holds(run_with: Try) -> None:
    result = run_with(HasNoHistory(), scenario(BY_RESEND))
    assert (result.verdict, result.why) == (
        Verdict.NOT_PROVABLE,
        "none of its observers is there (resend): the gateway does not answer ResendRequest",
    )
    idle = scenario(f'set_up = "idle"\nobserve = ["taker"]\n{CANCELLED}')
    result = run_with(Fault(), idle)
    assert (result.verdict, result.why) == (
        Verdict.NOT_PROVABLE,
        "no order stood whose absence a taker could see",
    )


def test_a_cancel_told_of_a_bystanders_order(run_with: Try) -> None:
    result = run_with(TakesBystanders(), shipped("binding-other-session-untouched"))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [("OrdersCanceled.orders", "no entry of other", "one")]


def test_a_gateway_that_closes_a_living_session(run_with: Try) -> None:
    steps = '{ do = "wait", ms = 400 }, { expect = "alive", of = "maker" }'
    result = run_with(HangsUp(0.3), scenario(f"steps = [{steps}]"))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [("the session of maker", "an answer to a TestRequest", "none")]


def test_a_logon_that_is_confirmed_too_early(run_with: Try) -> None:
    steps = '{ do = "cut", how = "displaced" }, { expect = "barrier" }'
    result = run_with(ConfirmsEarly(), scenario(f'observe = ["resend"]\nsteps = [{steps}]'))
    assert result.verdict is Verdict.BROKEN
    ((where, expected, _),) = found(result)
    assert (where, expected.split(", ")[1]) == ("LogonConf.sequenceNumber", "that of the last OrdersCanceled")


def test_a_gateway_that_does_not_answer_ends_a_scenario_as_an_error_in_time(run_with: Try) -> None:
    result = run_with(Swallows("NewOrderResponse"), scenario(CANCELLED))
    assert (result.verdict, result.why, result.remarks) == (
        Verdict.ERROR,
        "NewOrderRequest of maker was not answered within 1000 ms: the line is open",
        [],
    )
    assert result.took_ns < 10 * 10**9


def test_that_nothing_is_told_is_believed_only_when_the_time_for_it_is_over(run_with: Try) -> None:
    result = run_with(Fault(), scenario(f'set_up = "idle"\n{CANCELLED}'))
    assert (result.verdict, result.cancel_seen_ns) == (Verdict.HOLDS, None)
    assert result.took_ns > IMPATIENT.within_ms * 10**6


# Receipts

RECEIPT = "CancelOnDisconnectReceipt"
RECEIPT_IN_DROP_COPY = """steps = [
  { do = "cut", how = "fin" },
  { expect = "receipt", cause = "TCP_CLOSED", where = "drop_copy" },
]"""


@pytest.mark.parametrize("where", ["stream", "drop_copy"])
def test_a_receipt_that_is_lost(run_with: Try, where: str) -> None:
    steps = f'{{ do = "cut", how = "fin" }}, {{ expect = "receipt", cause = "TCP_CLOSED", where = "{where}" }}'
    result = run_with(Swallows(RECEIPT), scenario(f'steps = [{{ do = "options", receipts = true }}, {steps}]'))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [(f"{RECEIPT} of maker in {where}", "one", "0")]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"cause": int(Cause.LOGOUT)}, [("cause", "TCP_CLOSED", "LOGOUT")]),
        ({"cancelled_count": 1}, [("cancelledCount", "2", "1"), ("boundCount", "1", "2")]),
        ({"unconfirmed_count": 1}, [("unconfirmedCount", "0", "1"), ("boundCount", "3", "2")]),
    ],
    ids=["cause", "cancelled", "unconfirmed"],
)
def test_a_receipt_whose_counts_are_not_so(
    run_with: Try, changed: dict[str, int], expected: list[tuple[str, str, str]]
) -> None:
    result = run_with(Changes(RECEIPT, **changed), scenario(RECEIPT_IN_DROP_COPY))
    assert result.verdict is Verdict.BROKEN
    assert found(result) == [(f"{RECEIPT}.{field}", wanted, got) for field, wanted, got in expected]


def test_a_receipt_whose_digest_is_of_something_else(run_with: Try) -> None:
    result = run_with(Changes(RECEIPT, digest=1), scenario(RECEIPT_IN_DROP_COPY))
    assert result.verdict is Verdict.BROKEN
    ((where, _, got),) = found(result)
    assert (where, got) == (f"{RECEIPT}.digest", "0x0000000000000001")


def test_a_receipt_whose_times_run_backwards(run_with: Try) -> None:
    result = run_with(Changes(RECEIPT, completed_time=1), scenario(RECEIPT_IN_DROP_COPY))
    assert result.verdict is Verdict.BROKEN
    ((where, expected, _),) = found(result)
    assert (where, expected) == (RECEIPT, "lastHeardTime <= detectedTime <= fencedTime <= completedTime")
