"""The venue's operator at work with `breakwire admin`, while clients trade: what each of them is told."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.configuration import write_configuration
from support.connection import Connection
from support.frames import (
    ADMIN,
    BOOK_DEACTIVATED,
    CANCELED_BY_REQUEST,
    INACTIVE,
    IOC,
    IS_QUOTE,
    NOT_ALLOWED_BY_MARKET_STATE,
    PORTFOLIO_LOCKED,
    PORTFOLIO_LOCKED_REASON,
    SELL,
    TIME_IN_FORCE,
    UPDATED,
    VERSIONS,
    amend,
    amend_reject,
    cancel_response,
    canceled,
    mass_quote_reject,
    mass_quote_response,
    new_order_reject,
    order,
    orders_canceled,
    quote,
    quoted,
    quotes,
    response,
    side,
)
from support.processes import DEADLINE_S
from support.scene import Scene

ABOVE_ALL = 1_000_000
MASS_QUOTE_PORTFOLIO_LOCKED = 7
ENDED = "ended by the venue"
REVOKED = "ended by the venue: this key is revoked"
MANY_ORDERS = 4000


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "admin.sock"


@pytest.fixture
def make_venue(make_scene: Callable[..., Scene], socket_path: Path) -> Callable[..., Scene]:
    """Start a gateway that has an admin socket."""
    return lambda **settings: make_scene(admin_socket=str(socket_path), **settings)


@pytest.fixture
def venue(make_venue: Callable[..., Scene]) -> Scene:
    return make_venue()


def goodbye(session: Connection) -> tuple[str, dict[str, object]]:
    return session.frame("LoggedOut").plain


@pytest.mark.parametrize("version", VERSIONS)
def test_a_halted_instrument_says_so_to_every_request_in_every_version(venue: Scene, version: int) -> None:
    maker = venue.trader("maker-1", schema_version=version)
    order_id = maker.place(order(1))
    bid = quotes(501, quote("99"))
    bid_id = maker.ask("MassQuoteRequest", **bid).fields["quotes"][0]["bidOrderId"]
    assert venue.admin("halt", "1") == "instrument 1 is halted"

    new, details = order(2), "instrument 1 is halted"
    assert maker.ask("NewOrderRequest", **new).plain == new_order_reject(new, NOT_ALLOWED_BY_MARKET_STATE, details)
    more = amend(1, quantity="2")
    assert maker.ask("AmendOrderRequest", **more).plain == amend_reject(
        more, None, NOT_ALLOWED_BY_MARKET_STATE, details
    )
    both = quotes(502, quote("99", "101"))
    assert maker.ask("MassQuoteRequest", **both).plain == mass_quote_response(
        both,
        quoted(
            side(CANCELED_BY_REQUEST, bid_id, "99", reason=NOT_ALLOWED_BY_MARKET_STATE),
            side(INACTIVE, reason=NOT_ALLOWED_BY_MARKET_STATE),
        ),
    )
    elsewhere = order(3, instrumentId=2)
    assert maker.ask("NewOrderRequest", **elsewhere).plain == response(elsewhere, bid_id + 1)
    maker.send("CancelOrderRequest", clientOrderId=1, correlationId=5, instrumentId=1)
    name, fields = cancel_response(1, 5, order_id)
    if version < 16:
        fields = {key: value for key, value in fields.items() if key not in ("quantity", "totalFilled")}
    assert maker.frame().plain == (name, fields)

    assert venue.admin("resume", "1") == "instrument 1 is open"
    assert maker.ask("NewOrderRequest", **new).plain == response(new, bid_id + 2)
    maker.nothing_more()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_deactivated_book_cancels_orders_and_quotes_with_its_own_reason(venue: Scene, version: int) -> None:
    watch = venue.watch()
    maker = venue.trader("maker-1", schema_version=version)
    other = venue.trader("stranger-1", schema_version=version)
    order_id = maker.place(order(1))
    stays = maker.place(order(2, instrumentId=2))
    quote_id = maker.ask("MassQuoteRequest", **quotes(501, quote("99"))).fields["quotes"][0]["bidOrderId"]
    other_id = other.place(order(3, side=SELL, price="105"))
    assert venue.admin("deactivate", "1") == "instrument 1 is deactivated, its orders leave"
    ours = [
        canceled(1, order_id, reason=BOOK_DEACTIVATED),
        canceled(501, quote_id, reason=BOOK_DEACTIVATED) | {"flags": IS_QUOTE},
    ]
    told = maker.frame()
    assert (told.plain, told.header["version"]) == (orders_canceled(*ours), 0)
    assert other.frame().plain == orders_canceled(canceled(3, other_id, reason=BOOK_DEACTIVATED))
    new = order(4)
    assert maker.ask("NewOrderRequest", **new).plain == new_order_reject(
        new, NOT_ALLOWED_BY_MARKET_STATE, "instrument 1 is deactivated"
    )
    watch.sync()
    assert list(watch.ledger.open) == [stays]
    assert watch.ledger.canceled["maker-1"] == ours
    refused = venue.try_admin("resume", "1")
    assert (refused.returncode, refused.stderr) == (2, "breakwire: instrument 1 is deactivated, for good\n")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_locked_portfolio_loses_what_it_has_and_enters_nothing_in_every_version(venue: Scene, version: int) -> None:
    watch = venue.watch()
    maker, mate = (venue.trader(key, schema_version=version) for key in ("maker-1", "maker-2"))
    stranger = venue.trader("stranger-1", schema_version=version)
    order_id = maker.place(order(1))
    quote_id = maker.ask("MassQuoteRequest", **quotes(501, quote("99"))).fields["quotes"][0]["bidOrderId"]
    mate_id = mate.place(order(2, instrumentId=2))
    stranger_id = stranger.place(order(3, price="98"))
    assert venue.admin("lock", "1") == "portfolio 1 is locked, 3 orders leave"

    assert maker.frame().plain == orders_canceled(
        canceled(1, order_id, reason=PORTFOLIO_LOCKED),
        canceled(501, quote_id, reason=PORTFOLIO_LOCKED) | {"flags": IS_QUOTE},
    )
    assert mate.frame().plain == orders_canceled(canceled(2, mate_id, reason=PORTFOLIO_LOCKED, instrument_id=2))
    new, details = order(4), "portfolio 1 is locked"
    for session in (maker, mate):
        assert session.ask("NewOrderRequest", **new).plain == new_order_reject(new, PORTFOLIO_LOCKED_REASON, details)
    more = amend(1, quantity="2")
    assert maker.ask("AmendOrderRequest", **more).plain == amend_reject(more, None, PORTFOLIO_LOCKED_REASON, details)
    both = quotes(502, quote("99", "101"))
    assert mate.ask("MassQuoteRequest", **both).plain == mass_quote_reject(both, MASS_QUOTE_PORTFOLIO_LOCKED, details)
    sweep = order(5, side=SELL, price="1", quantity="2", timeInForce=IOC)
    assert [fill["fillQty"] for fill in stranger.ask("NewOrderRequest", **sweep).fields["fills"]] == [[10**9, -9]]
    assert stranger.frame("OrderFilled").fields["fills"][0]["orderId"] == stranger_id

    assert venue.admin("unlock", "1") == "portfolio 1 is not locked any more"
    assert maker.ask("NewOrderRequest", **new).name == "NewOrderResponse"
    assert mate.ask("MassQuoteRequest", **both).fields["quotes"][0]["bidStatus"] == UPDATED
    watch.sync()
    assert [resting.client_order_id for resting in watch.ledger.open.values()] == [4, 502, 502]


def test_a_lock_of_thousands_of_orders_is_one_event_that_others_trade_in_between(
    make_venue: Callable[..., Scene],
) -> None:
    venue = make_venue(drain_step_orders=16)
    watch = venue.watch()
    maker, stranger = venue.trader("maker-1"), venue.trader("stranger-1")
    maker.repeat_quietly(MANY_ORDERS, "NewOrderRequest", **order(1, side=SELL))
    watch.wait_for_open("maker-1", MANY_ORDERS)
    assert venue.admin("lock", "1") == f"portfolio 1 is locked, {MANY_ORDERS} orders leave"
    taker = order(1, price="200", timeInForce=IOC)
    assert stranger.ask("NewOrderRequest", **taker).fields["fills"] == []
    told = watch.wait_for_fire("maker-1")
    assert [entry["clientOrderId"] for entry in told] == list(range(1, MANY_ORDERS + 1))
    assert {entry["cancelReason"] for entry in told} == {PORTFOLIO_LOCKED}
    watch.sync()
    assert watch.ledger.open == {}


def test_a_killed_client_is_told_of_its_orders_and_of_its_end_and_may_come_back(venue: Scene) -> None:
    watch = venue.watch()
    maker, mate = venue.trader("maker-1"), venue.trader("maker-2")
    mine, theirs = maker.place(order(1)), mate.place(order(2))
    assert venue.admin("kill-client", "maker-1") == "maker-1 ended, 1 order leaves"
    assert maker.frame().plain == orders_canceled(canceled(1, mine, reason=ADMIN))
    assert goodbye(maker) == ("LoggedOut", {"reason": ENDED})
    assert maker.to_the_end() == []
    watch.sync()
    assert list(watch.ledger.open) == [theirs]
    gone = venue.gateway.wait_for_log("session gone")
    assert (gone["client_id"], gone["cause"], gone["orders"]) == ("maker-1", "ADMIN", 1)
    assert venue.admin("kill-client", "maker-1") == "maker-1 was not connected"
    again = venue.connect()
    assert again.logon("maker-1", reset=False, framing={"sequenceNumber": ABOVE_ALL}).number == 5
    mate.nothing_more()


def test_a_killed_portfolio_ends_every_session_of_it_drop_copy_last(venue: Scene) -> None:
    watch = venue.watch()
    maker, mate, stranger = (venue.trader(key) for key in ("maker-1", "maker-2", "stranger-1"))
    mine, theirs = maker.place(order(1)), mate.place(order(2))
    stranger.place(order(3))
    assert venue.admin("kill-portfolio", "1") == "portfolio 1: 3 sessions ended, 2 orders leave"
    assert maker.frame().plain == orders_canceled(canceled(1, mine, reason=ADMIN))
    assert mate.frame().plain == orders_canceled(canceled(2, theirs, reason=ADMIN))
    for session in (maker, mate):
        assert goodbye(session) == ("LoggedOut", {"reason": ENDED})
    assert watch.to_the_end()[-1].plain == ("LoggedOut", {"reason": ENDED})
    assert (watch.ledger.open, set(watch.ledger.canceled)) == ({}, {"maker-1", "maker-2"})
    stranger.nothing_more()


def test_a_key_that_is_revoked_while_it_is_connected_is_out_for_good(venue: Scene) -> None:
    maker = venue.trader("maker-1")
    order_id = maker.place(order(1))
    assert venue.admin("revoke", "maker-1") == "maker-1 is revoked, its session ended, 1 order leaves"
    assert maker.frame().plain == orders_canceled(canceled(1, order_id, reason=ADMIN))
    assert goodbye(maker) == ("LoggedOut", {"reason": REVOKED})
    late = venue.connect()
    late.send_logon("maker-1")
    assert [frame.plain for frame in late.to_the_end()] == [
        ("LoggedOut", {"reason": "unknown clientId or wrong secret"})
    ]


def test_a_reload_brings_keys_and_takes_them_away_and_changes_nothing_when_it_may_not(
    venue: Scene, socket_path: Path
) -> None:
    file = venue.gateway.configuration
    settings = {"admin_socket": str(socket_path)}
    maker, leaver = venue.trader("maker-1"), venue.trader("maker-2")
    order_id = leaver.place(order(1))

    write_configuration(file, traders=["maker-1", "newcomer-1"], heartbeat_interval_s=7, port=1, **settings)
    refused = venue.try_admin("reload")
    assert (refused.returncode, refused.stderr.splitlines()) == (
        2,
        [
            "breakwire: configuration: 3 problems",
            "  gateway.port: may not change while the gateway runs: wanted 0, was 1",
            "  gateway.heartbeat_interval_s: may not change while the gateway runs: wanted 30, was 7",
            "  gateway.logon_timeout_s: may not change while the gateway runs: wanted 60.0, was 14.0",
        ],
    )
    leaver.nothing_more()

    write_configuration(file, traders=["maker-1", "newcomer-1"], **settings)
    assert venue.admin("reload") == (
        "the configuration is in force; keys added: newcomer-1; keys removed: maker-2, taker-1, stranger-1"
    )
    assert leaver.frame().plain == orders_canceled(canceled(1, order_id, reason=ADMIN))
    assert goodbye(leaver) == ("LoggedOut", {"reason": REVOKED})
    newcomer = venue.trader("newcomer-1")
    newcomer.place(order(2))
    maker.nothing_more()


def test_a_settlement_by_command_cancels_the_orders_of_the_day(venue: Scene) -> None:
    maker = venue.trader("maker-1")
    today, tomorrow = maker.place(order(1, timeInForce=1)), maker.place(order(2, timeInForce=2))
    for client_order_id, order_id in ((1, today), (2, tomorrow)):
        assert venue.admin("settle") == "settled, day orders whose days are over leave"
        assert maker.frame().plain == orders_canceled(canceled(client_order_id, order_id, reason=TIME_IN_FORCE))
    maker.nothing_more()


def test_the_status_is_for_people_and_for_machines_and_has_no_secret_in_it(venue: Scene) -> None:
    maker = venue.trader("maker-1")
    maker.place(order(1))
    venue.admin("halt", "2")
    text = venue.admin("status")
    found = json.loads(venue.admin("status", "--json"))
    assert {name: len(rows) for name, rows in found.items()} == {
        "gateway": 1,
        "portfolios": 2,
        "instruments": 2,
        "sessions": 6,
        "endings": 0,
        "dead_man_switches": 0,
        "health": 0,
        "slowest": 0,
        "fires": 0,
    }
    assert (found["gateway"][0]["name"], found["gateway"][0]["open_orders"]) == ("gw-test", 1)
    assert [row["state"] for row in found["instruments"]] == ["open", "halted"]
    live = [row for row in found["sessions"] if row["state"] == "live"]
    assert [(row["client_id"], row["open_orders"], row["version"]) for row in live] == [("maker-1", 1, 17)]
    lines = [line.split() for line in text.splitlines()]
    assert ["name", "gw-test"] in lines
    assert ["2", "ETH-PERPETUAL", "halted"] in lines
    assert any(line[:4] == ["maker-1", "1", "trader", "live"] for line in lines)
    for said in (text, json.dumps(found)):
        assert "the-secret-of-these-tests" not in said
        assert "hmac" not in said


def test_a_second_gateway_with_the_same_socket_does_not_start_and_says_why(venue: Scene, socket_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "serve", "--config", str(venue.gateway.configuration)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (second.returncode, second.stderr) == (
        2,
        f"breakwire: admin socket {socket_path}: a gateway listens on it already\n",
    )
    assert venue.admin("resume", "1") == "instrument 1 was open already"


def test_the_socket_goes_with_the_gateway_and_no_command_waits_for_it(venue: Scene, socket_path: Path) -> None:
    assert venue.gateway.terminate() == 0
    assert not socket_path.exists()
    missed = venue.try_admin("status")
    assert (missed.returncode, missed.stderr) == (
        2,
        f"breakwire: {socket_path}: no gateway to speak to: No such file or directory\n",
    )
