"""One line in a while for each kind of refused logon, however many there are."""

from typing import Any

from support.core_driver import INTERVAL, SECOND, CoreDriver, RecordedLog

from gateway.refusal_log import RefusalLog

START = 10**18
BAD_CREDENTIALS = "unknown clientId or wrong secret"
MILLISECOND = 1_000_000


def line(reason: str, **fields: int) -> dict[str, Any]:
    return {"level": "warning", "event": "logon refused", "reason": reason} | fields


def test_the_first_of_a_kind_is_logged_and_the_next_one_after_a_second_says_how_many_were_not() -> None:
    log = RecordedLog()
    refusals = RefusalLog(log)
    for after_ms in (0, 0, 1, 999, 1_000, 1_001, 1_999, 2_500, 3_499, 3_500):
        refusals.refused(BAD_CREDENTIALS, START + after_ms * MILLISECOND)
    told = [line(BAD_CREDENTIALS, **fields) for fields in ({}, {"suppressed": 3}, {"suppressed": 2}, {"suppressed": 1})]
    assert log.events() == told


def test_each_kind_has_its_own_line_and_numbers_in_a_text_make_no_kind_of_their_own() -> None:
    log = RecordedLog()
    refusals = RefusalLog(log)
    for number in range(1, 50):
        refusals.refused(f"sequence number {number}, wanted at least 100", START)
        refusals.refused(BAD_CREDENTIALS, START)
    refusals.refused("sequence number 7, wanted at least 100", START + SECOND)
    assert log.events() == [
        line("sequence number 1, wanted at least 100"),
        line(BAD_CREDENTIALS),
        line("sequence number 7, wanted at least 100", suppressed=48),
    ]


def test_strangers_by_the_thousand_leave_a_line_of_each_kind() -> None:
    driver = CoreDriver()
    for _ in range(1_000):
        driver.connect().logon("nobody", secret="guess")
        driver.connect().raw(bytes([1]) + bytes(40))
        driver.flush()
    driver.tick(INTERVAL)
    driver.connect().logon("nobody", secret="guess")
    assert driver.log.events() == [
        line(BAD_CREDENTIALS),
        line("protocolId at offset 0: wanted 219, was 1"),
        line(BAD_CREDENTIALS, suppressed=999),
    ]
