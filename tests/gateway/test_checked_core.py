"""The checked core finds what does not hold: each promise is broken here from outside, and told by its number."""

from typing import Any

import pytest
from support.core_driver import SECOND, CoreDriver, configuration

from codec.layout import Cause
from gateway.cancel_on_disconnect import CancelOnDisconnect
from gateway.checked_core import CheckedCore, core_type
from gateway.core import Core
from gateway.invariants import is_debug_build


@pytest.fixture
def driver() -> CoreDriver:
    """Two makers of one portfolio with five orders each; a step takes out two."""
    driver = CoreDriver(configuration(drain_step_orders=2))
    for maker, first in (("maker-1", 1), ("maker-2", 11)):
        line = driver.logged_on(maker)
        for client_order_id in range(first, first + 5):
            line.order(client_order_id)
    driver.flush()
    return driver


def gone(driver: CoreDriver, client_id: str, cause: Cause = Cause.TCP_RESET) -> None:
    driver.core.gone(driver.session(client_id), cause, driver.now)


def test_a_debug_build_runs_on_the_checked_core_and_no_other_does() -> None:
    assert core_type() is (CheckedCore if is_debug_build() else Core)


def test_where_all_holds_nothing_is_said(driver: CoreDriver) -> None:
    gone(driver, "maker-1")
    assert driver.settle() == 3
    driver.core.check()


def test_orders_that_live_behind_their_fence_are_found(driver: CoreDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    fences = driver.core.cancels._fences
    monkeypatch.setattr(driver.core.cancels, "_fences", Bent(fences, fence=lambda *_: 0))
    with pytest.raises(AssertionError, match="I2: maker-1: 5 orders live behind their fence"):
        gone(driver, "maker-1")


def test_an_account_that_misses_an_order_is_found(driver: CoreDriver) -> None:
    # Of an event without a receipt: the debug build would not write a wrong one.
    driver.core.cancels.begin_lock(0, driver.now)
    fire = driver.core.cancels.fires()[0]
    fire.exempt_count += 1
    with pytest.raises(AssertionError, match="I5: maker-1: 5 orders in scope, 6 accounted for"):
        driver.settle()


def test_a_connection_that_ends_twice_is_found(driver: CoreDriver) -> None:
    session = driver.session("maker-1")
    gone(driver, "maker-1")
    with pytest.raises(AssertionError, match="I6: maker-1: 1 ended twice"):
        driver.core.cancels.begin(session, Cause.LOGOUT, None, driver.now)


def test_a_fire_that_is_lost_is_found(driver: CoreDriver) -> None:
    gone(driver, "maker-1")
    gone(driver, "maker-2")
    del driver.core.cancels._fires[driver.session("maker-2")]
    driver.core.cancels._turns.pop()
    with pytest.raises(AssertionError, match="I6: 2 fires, 0 over"):
        driver.step()


def test_silence_that_was_none_is_found(driver: CoreDriver) -> None:
    driver.now += SECOND
    with pytest.raises(AssertionError, match="I7: maker-1 was silent for 1000000000 ns, 15000000000 allowed"):
        gone(driver, "maker-1", Cause.HEARTBEAT_MISSED)


def test_a_fence_that_reaches_somebody_else_is_found(driver: CoreDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    fences = driver.core.cancels._fences
    other = driver.session("maker-2")

    def reach_too_far(session: Any, covered: bool) -> int:
        fences.fence(other, covered)
        return fences.fence(session, covered)

    monkeypatch.setattr(driver.core.cancels, "_fences", Bent(fences, fence=reach_too_far))
    with pytest.raises(AssertionError, match=r"I8: maker-2: had \(5, 5\) open, now \(0, 0\)"):
        gone(driver, "maker-1")


def test_cancels_that_are_no_longer_stored_are_found(driver: CoreDriver) -> None:
    gone(driver, "maker-1")
    driver.settle()
    driver.session("maker-1").stream.trim_to(0)
    with pytest.raises(AssertionError, match="I9: maker-1: number 7 of its end is stored no longer"):
        driver.core.check()


def test_a_step_that_does_nothing_is_found(driver: CoreDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    gone(driver, "maker-1")

    def idle(cancels: CancelOnDisconnect, *_: int) -> list[Any]:
        cancels._budget()
        return []

    monkeypatch.setattr(CancelOnDisconnect, "step", idle)
    with pytest.raises(AssertionError, match="I11: only 0 of 5 orders in a step"):
        driver.step()


def test_bytes_that_no_stream_holds_are_found(driver: CoreDriver) -> None:
    driver.core.sessions.remove(driver.session("maker-2"))
    with pytest.raises(AssertionError, match=r"I12: streams hold \d+ bytes, \d+ counted"):
        driver.core.check()


class Bent:
    """Something with one method replaced."""

    def __init__(self, straight: Any, **replaced: Any) -> None:
        self._straight = straight
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._straight, name)
