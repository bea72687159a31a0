"""The tally: what is counted of ways in and out, and in which bucket a time falls."""

import pytest
from support.core_driver import SECOND, CoreDriver, configuration

from codec.layout import CancelOnDisconnectScope, Cause
from gateway import lifecycle
from gateway.cause_policy import CAUSE_POLICY
from gateway.tally import OTHER_REFUSAL, REFUSALS, Histogram, Slowest
from gateway.venue_controls import KillClient


def observed(histogram: Histogram) -> dict[int | None, int]:
    """The buckets that are not empty, by upper bound in ns."""
    bounds = (*histogram.bounds_ns, None)
    return {bound: count for bound, count in zip(bounds, histogram.counts, strict=True) if count}


def counted(counters: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counters.items() if count}


def test_a_time_falls_into_the_first_bucket_whose_bound_it_does_not_pass() -> None:
    histogram = Histogram((10, 20))
    for ns in (0, 10, 11, 20, 21):
        histogram.observe(ns)
    assert (observed(histogram), histogram.sum_ns) == ({10: 2, 20: 2, None: 1}, 62)


def test_a_fire_is_counted_with_its_orders_and_its_times() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker = driver.logged_on("maker-1")
    for number in (1, 2, 3):
        maker.order(number)
    driver.now += 3 * SECOND
    maker.half_close()
    fenced_time = driver.now
    for _ in range(3):
        driver.now += SECOND // 4
        driver.step()
    tally = driver.core.tally
    assert {cause: count for cause, count in tally.fires.items() if count} == {Cause.TCP_CLOSED: 1}
    assert {cause: count for cause, count in tally.fired_orders.items() if count} == {Cause.TCP_CLOSED: 3}
    assert (observed(tally.detection), tally.detection.sum_ns) == ({5 * SECOND: 1}, 3 * SECOND)
    assert (observed(tally.fence), tally.fence.sum_ns) == ({1000: 1}, 0)
    assert (observed(tally.completion), tally.completion.sum_ns) == ({SECOND: 1}, 3 * SECOND // 4)
    assert tally.slowest == Slowest("maker-1", Cause.TCP_CLOSED, fenced_time, 3, 3 * SECOND // 4)


def test_only_the_slowest_fire_is_remembered() -> None:
    driver = CoreDriver()
    for number, (client_id, after) in enumerate((("maker-1", 1), ("maker-2", 3), ("stranger-1", 2))):
        maker = driver.logged_on(client_id)
        maker.order(number)
        maker.lose()
        fenced_time = driver.now
        driver.now += after
        driver.settle()
        if client_id == "maker-2":
            slowest = Slowest("maker-2", Cause.TCP_RESET, fenced_time, 1, after)
    assert driver.core.tally.slowest == slowest


def test_an_end_that_the_gateway_was_told_of_is_not_one_that_it_detected() -> None:
    driver = CoreDriver()
    driver.logged_on("maker-1")
    driver.now += SECOND
    driver.core.control(KillClient("maker-1"), driver.now)
    driver.settle()
    tally = driver.core.tally
    assert (observed(tally.detection), tally.fires[Cause.ADMIN]) == ({}, 1)


def test_orders_that_die_with_their_portfolio_are_a_fire_of_each_session() -> None:
    driver = CoreDriver()
    maker, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    driver.logged_on("stranger-1").order(9)
    maker.order(1)
    other.order(2)
    other.order(3)
    maker.send("CancelAllAfterRequest", timeout_ms=1000, scope=CancelOnDisconnectScope.PORTFOLIO)
    driver.tick(2 * SECOND)
    driver.settle()
    tally = driver.core.tally
    assert {cause: count for cause, count in tally.fires.items() if count} == {Cause.DEAD_MAN_EXPIRED: 2}
    assert {cause: count for cause, count in tally.fired_orders.items() if count} == {Cause.DEAD_MAN_EXPIRED: 3}
    assert (observed(tally.detection), sum(tally.completion.counts)) == ({}, 2)


def test_every_logon_and_every_refusal_is_counted() -> None:
    driver = CoreDriver()
    driver.logged_on("maker-1")
    driver.logged_on("stranger-1")
    driver.connect().logon("maker-2", secret="wrong")
    driver.connect().raw(bytes(8) + b"\x01" * 40)
    driver.core.shut_down(driver.now)
    driver.connect()
    tally = driver.core.tally
    assert (tally.logons, counted(tally.refusals)) == (2, {"credentials": 1, "framing": 1, "shutdown": 1})


@pytest.mark.parametrize(
    "text",
    [text for name, text in vars(lifecycle).items() if name.startswith("TEXT_")]
    + [str(CAUSE_POLICY[cause].text) for cause in (Cause.GATEWAY_SHUTDOWN, Cause.ADMIN)],
)
def test_every_text_of_a_refusal_has_its_class(text: str) -> None:
    assert [kind for start, kind in REFUSALS if text.startswith(start)] != []


def test_a_text_that_nobody_has_classed_is_counted_all_the_same() -> None:
    tally = CoreDriver().core.tally
    tally.refused("the moon is full")
    assert counted(tally.refusals) == {OTHER_REFUSAL: 1}
