"""The flap guard: how many losses lock a key out, for how long, and what becomes of its orders."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.core_driver import KEYS, SECOND, START, CoreDriver, Line, configuration

from gateway.flap_guard import FlapGuard
from gateway.limits import FLAP_LOSSES_MOST
from gateway.session import Session, SessionState

WINDOW_S = 30
LOCKOUT_MS = 5_000
LOCKOUT = LOCKOUT_MS * 1_000_000
MAKER: Session = CoreDriver().session("maker-1")


def guarded(flap_losses: int, cancel_grace_ms: int = 0) -> CoreDriver:
    return CoreDriver(
        configuration(
            KEYS,
            flap_losses=flap_losses,
            flap_window_s=WINDOW_S,
            flap_lockout_ms=LOCKOUT_MS,
            cancel_grace_ms=cancel_grace_ms,
        )
    )


def lose_lines(driver: CoreDriver, count: int, client_id: str = "maker-1", orders: int = 0) -> Line:
    """That many connections of the key, each lost with so many new orders on it."""
    for _ in range(count):
        session = driver.session(client_id)
        line = driver.logged_on(client_id, reset=False, number=session.expected_number)
        for _ in range(orders):
            line.order(line.number + 1)
        line.take()
        line.lose()
        driver.settle()
    return line


def refusal(driver: CoreDriver, client_id: str = "maker-1", **logon: object) -> str | None:
    """What a logon of the key is told, None if it was let in."""
    line = driver.connect()
    line.logon(client_id, **logon)
    driver.settle()
    ((number, name, fields),) = line.read()
    if name == "LogonConf":
        return None
    assert (number, name) == (0, "LoggedOut")
    return str(fields["reason"])


def test_a_key_that_is_lost_once_too_often_waits_and_then_is_let_in() -> None:
    driver = guarded(3)
    lose_lines(driver, 2)
    assert driver.session("maker-1").state == SessionState.SESSION_VACANT
    lose_lines(driver, 1)
    for reset in (True, False):
        assert refusal(driver, reset=reset, number=100) == "retry after 5000 ms"
    driver.now += 1
    assert refusal(driver) == "retry after 5000 ms"
    driver.now += LOCKOUT - 2
    assert refusal(driver) == "retry after 1 ms"
    driver.now += 1
    assert refusal(driver) is None
    assert [event for event in driver.log.events() if event["event"] == "locked out"] == [
        {"level": "warning", "event": "locked out", "client_id": "maker-1", "lockout_ms": LOCKOUT_MS}
    ]


def test_who_waits_is_told_so_whatever_else_is_wrong_but_not_who_has_the_wrong_secret() -> None:
    driver = guarded(1)
    lose_lines(driver, 1)
    assert refusal(driver, reset=False, number=1) == "retry after 5000 ms"
    assert refusal(driver, secret="wrong") == "unknown clientId or wrong secret"


def test_one_key_that_flaps_locks_out_no_other() -> None:
    driver = guarded(2)
    lose_lines(driver, 2)
    lose_lines(driver, 1, "maker-2")
    assert [refusal(driver, client_id) for client_id in ("maker-1", "maker-2", "watch-1")] == [
        "retry after 5000 ms",
        None,
        None,
    ]


def test_a_drop_copy_key_may_flap_as_little() -> None:
    driver = guarded(2)
    lose_lines(driver, 2, "watch-1")
    assert refusal(driver, "watch-1") == "retry after 5000 ms"


def test_losses_longer_ago_than_the_window_do_not_count() -> None:
    driver = guarded(3)
    lose_lines(driver, 2)
    driver.now += WINDOW_S * SECOND
    lose_lines(driver, 2)
    assert refusal(driver) is None


def test_after_a_lockout_the_count_begins_anew() -> None:
    driver = guarded(2)
    lose_lines(driver, 2)
    driver.now += LOCKOUT
    lose_lines(driver, 1)
    assert refusal(driver, reset=False, number=9) is None


NO_LOSSES: dict[str, Callable[[CoreDriver, Line], None]] = {
    "logout": lambda _, line: line.send("Logout", reason=""),
    "violation": lambda _, line: line.raw(bytes(8)),
    "slow": lambda driver, line: driver.core.slow(line.link, driver.now),
    "displaced": lambda driver, _: driver.connect().logon("maker-1"),
}


@pytest.mark.parametrize("way", NO_LOSSES)
def test_only_lost_lines_count(way: str) -> None:
    driver = guarded(1)
    NO_LOSSES[way](driver, driver.logged_on("maker-1"))
    driver.settle()
    assert refusal(driver) is None


def test_the_loss_that_locks_out_costs_all_orders_at_once_grace_or_not() -> None:
    driver = guarded(3, cancel_grace_ms=10_000)
    lose_lines(driver, 2, orders=2)
    assert driver.session("maker-1").state == SessionState.SESSION_LOST
    assert driver.ends() == []
    lose_lines(driver, 1, orders=1)
    assert driver.session("maker-1").state == SessionState.SESSION_VACANT
    assert driver.ends() == [("maker-1", "TCP_RESET", 5)]
    assert refusal(driver) == "retry after 5000 ms"


def test_a_takeover_before_the_loss_was_noticed_is_no_loss() -> None:
    driver = guarded(1, cancel_grace_ms=10_000)
    driver.logged_on("maker-1")
    assert refusal(driver, reset=False, number=2) is None


def test_a_lost_session_whose_time_is_over_was_lost_once() -> None:
    driver = guarded(2, cancel_grace_ms=1_000)
    lose_lines(driver, 1)
    driver.tick(SECOND)
    driver.settle()
    assert (driver.ends(), refusal(driver)) == ([("maker-1", "TCP_RESET", 0)], None)


@given(
    losses=st.integers(1, 5),
    window=st.integers(1, 50),
    lockout=st.integers(1, 50),
    steps=st.lists(st.integers(0, 25), max_size=40),
)
def test_as_many_losses_within_the_window_as_it_takes_lock_out(
    losses: int, window: int, lockout: int, steps: list[int]
) -> None:
    guard, now, times = FlapGuard(losses, window, lockout), START, list[int]()
    for step in steps:
        now += step
        times.append(now)
        locks = sum(time > now - window for time in times) >= losses
        assert guard.would_lock(MAKER, now) == locks
        assert guard.lost(MAKER, now) == locks
        assert guard.wait_ms(MAKER, now) == (1 if locks else 0)
        if locks:
            times.clear()
            now += lockout
            assert guard.wait_ms(MAKER, now - 1) == 1
            assert guard.wait_ms(MAKER, now) == 0


def test_of_a_key_that_flaps_for_ever_only_its_last_losses_are_remembered() -> None:
    guard = FlapGuard(FLAP_LOSSES_MOST, 1, LOCKOUT)
    for number in range(3 * FLAP_LOSSES_MOST):
        assert not guard.lost(MAKER, START + number)
    assert guard.remembered == FLAP_LOSSES_MOST - 1


def test_a_guard_that_is_off_remembers_nothing() -> None:
    guard = FlapGuard(0, 10, LOCKOUT)
    for number in range(10):
        assert not guard.lost(MAKER, START + number)
    assert (guard.remembered, guard.would_lock(MAKER, START), guard.wait_ms(MAKER, START)) == (0, False, 0)
