"""Ten thousand sessions: what a tick costs hangs on how many are due, and not on how many there are."""

import pytest
from support.core_driver import INTERVAL, CoreDriver, Line, configuration

from gateway.core import Core
from gateway.session import Link

SESSIONS = 10_000
TICKS_PER_INTERVAL = 100
TURNS_PER_INTERVAL = 2
"""How often everybody says something."""


class PlainDriver(CoreDriver):
    """Without the checks between inputs, whose cost does hang on how many sessions there are."""

    core_type = Core


@pytest.fixture(scope="module")
def crowd() -> tuple[CoreDriver, list[Line]]:
    keys = {f"c-{number}": (1, "trader") for number in range(SESSIONS)}
    driver = PlainDriver(configuration(keys))
    lines = []
    for key in keys:
        lines.append(driver.connect())
        lines[-1].logon(key)
        driver.now += INTERVAL // SESSIONS  # logged on one after the other, so that their times are spread
    driver.flush()
    return driver, lines


def test_a_session_is_looked_at_a_few_times_an_interval_however_often_time_is_judged(
    crowd: tuple[CoreDriver, list[Line]], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, lines = crowd
    looks: list[Link] = []
    judge = driver.core._judge

    def counted(link: Link, seen: int, now: int) -> None:
        looks.append(link)
        judge(link, seen, now)

    monkeypatch.setattr(driver.core, "_judge", counted)
    per_tick = []
    for tick in range(2 * TICKS_PER_INTERVAL):
        share = TICKS_PER_INTERVAL // TURNS_PER_INTERVAL
        for line in lines[tick % share :: share]:
            line.send("Heartbeat", correlation_id=0)
        driver.tick(INTERVAL // TICKS_PER_INTERVAL)
        per_tick.append(len(looks) - sum(per_tick))
        driver.tick()  # and once more, when nothing more is due
        assert len(looks) == sum(per_tick)
    assert driver.ends() == []
    # The gateway's own Heartbeat is due once an interval, and a look that comes to nothing sets the next one.
    assert SESSIONS <= len(looks) <= 2 * 2 * SESSIONS
    assert max(per_tick) <= 8 * SESSIONS // TICKS_PER_INTERVAL


def test_one_that_falls_silent_among_them_is_gone_at_its_time_and_nobody_else(
    crowd: tuple[CoreDriver, list[Line]],
) -> None:
    driver, lines = crowd
    silent, *others = lines
    silent.send("Heartbeat", correlation_id=0)
    for tick in range(TICKS_PER_INTERVAL * 3 // 2):
        assert driver.ends() == []
        share = TICKS_PER_INTERVAL // TURNS_PER_INTERVAL
        for line in others[tick % share :: share]:
            line.send("Heartbeat", correlation_id=0)
        driver.tick(INTERVAL // TICKS_PER_INTERVAL)
    driver.settle()
    assert driver.ends() == [("c-0", "HEARTBEAT_MISSED", 0)]
