"""The status: what each row says, in pages, and that nothing secret is in it."""

from typing import Any

import msgspec
import pytest
from support.core_driver import KEYS, SECOND, START, CoreDriver, configuration, secret_of

from gateway import status
from gateway.admin_protocol import STATUS_SECTIONS, StatusSection
from gateway.venue_controls import Deactivate, Halt, Lock, Revoke

TIME = "2027-01-15T08:00:00.000000000Z"


def rows(driver: CoreDriver, section: StatusSection) -> list[dict[str, Any]]:
    page = status.page(driver.core, section, 0, driver.now)
    assert page.following is None
    return [msgspec.to_builtins(row) for row in page.rows]


def test_every_section_has_its_rows() -> None:
    assert tuple(status.SECTIONS) == STATUS_SECTIONS
    driver = CoreDriver()
    assert [len(rows(driver, section)) for section in STATUS_SECTIONS] == [1, 0, 0, 0, 2, 2, len(KEYS), 0, 0]


def test_fires_are_added_up_by_cause_and_the_slowest_is_named() -> None:
    driver = CoreDriver()
    for client_id, orders, after in (("maker-1", 2, 7), ("maker-2", 1, 5)):
        line = driver.logged_on(client_id)
        for number in range(orders):
            line.order(driver.now + number)
        line.lose()
        driver.now += after * 1_000_000
        driver.settle()
    driver.logged_on("stranger-1").send("Logout")
    driver.settle()
    assert rows(driver, "fires") == [
        {"cause": "TCP_RESET", "fires": 2, "orders": 3},
        {"cause": "LOGOUT", "fires": 1, "orders": 0},
    ]
    assert rows(driver, "slowest") == [
        {"completion_ms": 7.0, "client_id": "maker-1", "cause": "TCP_RESET", "orders": 2, "fenced_time": TIME}
    ]


def test_the_gateway_adds_up_what_it_has() -> None:
    driver = CoreDriver()
    driver.connect()
    driver.logged_on("maker-1").order(1)
    driver.logged_on("stranger-1").order(1)
    assert rows(driver, "gateway") == [
        {
            "name": "gw-a",
            "time": TIME,
            "sessions_live": 2,
            "connections_without_logon": 1,
            "open_orders": 2,
            "endings_under_way": 0,
            "frames_in": 4,
            "frames_rejected": 0,
            "stored_bytes": driver.core.stored_bytes,
            "shutting_down": False,
        }
    ]
    driver.core.shut_down(driver.now)
    (row,) = rows(driver, "gateway")
    assert (row["shutting_down"], row["endings_under_way"], row["connections_without_logon"]) == (True, 2, 0)


def test_portfolios_and_instruments_show_what_the_venue_made_of_them() -> None:
    driver = CoreDriver(configuration(max_open_orders=7))
    for number in (1, 2):
        driver.logged_on("stranger-1" if number == 2 else "maker-1").order(number)
    driver.core.control(Lock(1), START)
    driver.core.control(Halt(2), START)
    driver.core.control(Deactivate(1), START)
    assert rows(driver, "portfolios") == [
        {"id": 1, "state": "locked", "open_orders": 0, "max_open_orders": 7},
        {"id": 2, "state": "open", "open_orders": 1, "max_open_orders": 7},
    ]
    assert rows(driver, "instruments") == [
        {"id": 1, "symbol": "I-1", "state": "deactivating"},
        {"id": 2, "symbol": "I-2", "state": "halted"},
    ]
    driver.settle()
    assert [row["state"] for row in rows(driver, "instruments")] == ["deactivated", "halted"]
    assert [row["open_orders"] for row in rows(driver, "portfolios")] == [0, 0]


def test_a_session_shows_who_is_there_and_what_it_has() -> None:
    driver = CoreDriver()
    driver.core.control(Revoke("watch-1"), driver.now)
    driver.logged_on("maker-1", schema_version=13).order(1)
    driver.now += 2 * SECOND
    stream = driver.session("maker-1").stream
    by_key = {row["client_id"]: row for row in rows(driver, "sessions")}
    assert list(by_key) == list(KEYS)
    assert by_key["maker-1"] == {
        "client_id": "maker-1",
        "portfolio": 1,
        "role": "trader",
        "state": "live",
        "revoked": False,
        "newcomer": False,
        "epoch": 1,
        "version": 13,
        "open_orders": 1,
        "covered_orders": 1,
        "next_number_in": 3,
        "next_number_out": 3,
        "stored_bytes": stream.stored_bytes,
        "unsent_bytes": stream.unsent_bytes,
        "silent_ms": 2000,
        "grace_left_ms": None,
    }
    assert by_key["watch-1"] == {
        "client_id": "watch-1",
        "portfolio": 1,
        "role": "drop_copy",
        "state": "vacant",
        "revoked": True,
        "newcomer": False,
        "epoch": 0,
        "version": 0,
        "open_orders": 0,
        "covered_orders": 0,
        "next_number_in": 1,
        "next_number_out": 1,
        "stored_bytes": 0,
        "unsent_bytes": 0,
        "silent_ms": None,
        "grace_left_ms": None,
    }


def test_a_lost_session_shows_how_long_it_has_to_come_back() -> None:
    driver = CoreDriver(configuration(cancel_grace_ms=3_000))
    maker = driver.logged_on("maker-1")
    maker.order(1)
    maker.lose()
    driver.now += 2 * SECOND
    driver.core.stalled(SECOND // 2)
    row = rows(driver, "sessions")[0]
    assert (row["state"], row["open_orders"], row["silent_ms"], row["grace_left_ms"]) == ("lost", 1, None, 1_500)
    driver.now += 2 * SECOND
    assert rows(driver, "sessions")[0]["grace_left_ms"] == 0, "the tick that ends it has not come yet"


def test_what_is_fenced_and_not_told_of_yet_is_under_way() -> None:
    driver = CoreDriver(configuration(drain_step_orders=1))
    maker, other = driver.logged_on("maker-1"), driver.logged_on("maker-2")
    for number in (1, 2):
        maker.order(number)
    other.order(3)
    maker.half_close()
    driver.connect().logon("maker-1")
    driver.now += SECOND
    driver.core.control(Lock(1), driver.now)
    driver.step()
    assert rows(driver, "endings") == [
        {
            "client_id": "maker-2",
            "cause": None,
            "cancel_reason": "PORTFOLIO_LOCKED",
            "fenced_time": "2027-01-15T08:00:01.000000000Z",
            "orders_left": 1,
        },
        {
            "client_id": "maker-1",
            "cause": "TCP_CLOSED",
            "cancel_reason": "CLIENT_DISCONNECT",
            "fenced_time": TIME,
            "orders_left": 1,
        },
    ]
    maker_row = rows(driver, "sessions")[0]
    assert (maker_row["state"], maker_row["newcomer"], maker_row["silent_ms"]) == ("ending", True, None)
    driver.settle()
    assert rows(driver, "endings") == []


def test_dead_man_switches_are_shown_while_they_are_on() -> None:
    driver = CoreDriver()
    line, stranger = driver.logged_on("maker-1"), driver.logged_on("stranger-1")
    ask = {"correlation_id": 0, "scope": 1}
    line.send("CancelAllAfterRequest", timeout_ms=2_500, arm_sequence=7, **ask)
    stranger.send("CancelAllAfterRequest", timeout_ms=9_000, **ask)
    stranger.send("CancelAllAfterRequest", timeout_ms=0, arm_sequence=1, **ask)
    driver.tick(SECOND)
    assert rows(driver, "dead_man_switches") == [
        {"portfolio": 1, "trigger_time": "2027-01-15T08:00:02.500000000Z", "left_ms": 1500, "arm_sequence": 7}
    ]
    driver.tick(2 * SECOND)
    assert rows(driver, "dead_man_switches") == []


def test_a_section_comes_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "STATUS_ROWS_MAX", 2)
    driver = CoreDriver()
    pages = []
    first: int | None = 0
    while first is not None:
        page = status.page(driver.core, "sessions", first, driver.now)
        pages.append([row["client_id"] for row in msgspec.to_builtins(page.rows)])
        first = page.following
    assert pages == [["maker-1", "maker-2"], ["stranger-1", "watch-1"], ["watch-2"]]
    assert status.page(driver.core, "sessions", 99, driver.now) == ([], None)


def test_nothing_secret_is_in_it() -> None:
    driver = CoreDriver()
    driver.logged_on("maker-1")
    everything = str([rows(driver, section) for section in STATUS_SECTIONS])
    for client_id in KEYS:
        assert secret_of(client_id) not in everything
    assert "hmac" not in everything
