"""A new configuration for a gateway that runs: what may change, what may not, and that it is all or nothing."""

from typing import Any

import pytest
from msgspec import structs
from support.core_driver import (
    SECOND,
    CoreDriver,
    canceled,
    configuration,
    nine,
    orders_canceled,
)

from codec.layout import CancelReason, OrderRejectReason
from gateway import limits
from gateway.config import ApiKey, Config, Instrument, MmpGroup, Portfolio, RateLimit, Tls
from gateway.credentials import hash_secret
from gateway.errors import ConfigError, Problem
from gateway.invariants import check
from gateway.lifecycle import TEXT_BAD_CREDENTIALS, TEXT_KEY_REVOKED
from gateway.reload import compare
from gateway.tables import mantissa
from gateway.venue_controls import Revoke

FIXED = "may not change while the gateway runs"


def known(config: Config) -> dict[str, ApiKey]:
    return {key.client_id: key for key in config.api_keys}


def key(client_id: str, portfolio: int = 1, secret: str | None = None, **fields: Any) -> ApiKey:
    return ApiKey(
        client_id=client_id,
        portfolio=portfolio,
        secret_hash=hash_secret(f"{client_id}:secret" if secret is None else secret),
        **fields,
    )


def instrument(number: int, **fields: Any) -> Instrument:
    return Instrument(
        **{
            "id": number,
            "symbol": f"I-{number}",
            "currency_pair_id": number,
            "product_type": "futures",
            "tick_size": mantissa("0.5"),
            "lot_size": mantissa("0.001"),
            **fields,
        }
    )


def changed(config: Config, **tables: Any) -> Config:
    return structs.replace(config, **tables)


def problems(old: Config, new: Config) -> list[Problem]:
    with pytest.raises(ConfigError) as raised:
        compare(old, new, known(old))
    return list(raised.value.problems)


def reload(driver: CoreDriver, config: Config) -> str:
    text = driver.core.reload(config, driver.now)
    check(driver.core.engine)
    return text


# What may not change


def test_settings_of_the_gateway_may_not_change() -> None:
    old = configuration()
    new = changed(old, gateway=structs.replace(old.gateway, port=4211, cancel_grace_ms=5, name="other"))
    assert problems(old, new) == [
        Problem("gateway.name", f'{FIXED}: wanted "gw-a"', '"other"'),
        Problem("gateway.port", f"{FIXED}: wanted 4210", "4211"),
        Problem("gateway.cancel_grace_ms", f"{FIXED}: wanted 0", "5"),
    ]


def test_tables_that_are_fixed_may_neither_come_nor_go() -> None:
    old = configuration()
    group = MmpGroup(portfolio=1, id=1, quantity_limit=mantissa("1"), interval_ms=1, frozen_ms=1000)
    new = changed(old, tls=Tls(certificate="a", private_key="b"), mmp_groups=(group,))
    assert problems(old, new) == [Problem("gateway.tls", FIXED), Problem("mmp_group", FIXED)]


def test_instruments_and_portfolios_may_not_go() -> None:
    old = configuration()
    new = changed(old, instruments=old.instruments[1:], portfolios=old.portfolios[:1], api_keys=old.api_keys[:2])
    assert problems(old, new) == [
        Problem(
            "instrument",
            "instrument 1 may not be removed while the gateway runs: take it out of trading with `admin deactivate`",
        ),
        Problem("portfolio", "portfolio 2 may not be removed while the gateway runs: keep it; it needs no keys"),
    ]


def test_what_an_instrument_or_a_key_is_may_not_change_wherever_it_stands_in_the_file() -> None:
    old = configuration()
    first, second = old.instruments
    maker, *others = old.api_keys
    new = changed(
        old,
        instruments=(second, structs.replace(first, tick_size=mantissa("0.25"), symbol="I-X", iceberg_allowed=True)),
        api_keys=(*others, structs.replace(maker, portfolio=2, role="drop_copy")),
    )
    assert problems(old, new) == [
        Problem("instrument[1].symbol", f'{FIXED}: wanted "I-1"', '"I-X"'),
        Problem("instrument[1].tick_size", f'{FIXED}: wanted "0.5"', '"0.25"'),
        Problem("instrument[1].iceberg_allowed", f"{FIXED}: wanted false", "true"),
        Problem("api_key[4].portfolio", f"{FIXED}: wanted 1", "2"),
        Problem("api_key[4].role", f'{FIXED}: wanted "trader"', '"drop_copy"'),
    ]


def test_a_key_that_was_removed_may_not_come_back_as_something_else() -> None:
    before = configuration()
    old = changed(before, api_keys=before.api_keys[1:])
    new = changed(before, api_keys=(structs.replace(before.api_keys[0], portfolio=2), *before.api_keys[1:]))
    with pytest.raises(ConfigError) as raised:
        compare(old, new, known(before))
    assert raised.value.problems == (Problem("api_key[0].portfolio", f"{FIXED}: wanted 1", "2"),)


def test_keys_that_were_removed_count_as_long_as_the_gateway_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reload.API_KEYS_MAX", 6)
    before = configuration()
    new = changed(before, api_keys=(key("maker-3"), key("maker-4")))
    with pytest.raises(ConfigError) as raised:
        compare(before, new, known(before))
    assert raised.value.problems == (Problem("api_key", "wanted at most 6, with those removed since the start", "7"),)
    assert limits.API_KEYS_MAX > 6


def test_a_reload_that_may_not_be_changes_nothing_at_all() -> None:
    driver = CoreDriver()
    old = configuration()
    new = changed(
        old,
        gateway=structs.replace(old.gateway, port=1),
        instruments=(*old.instruments, instrument(3)),
        portfolios=(structs.replace(old.portfolios[0], max_open_orders=1), *old.portfolios[1:]),
        api_keys=(key("maker-9"), *old.api_keys[1:]),
        rate_limit=RateLimit(orders_burst=1),
    )
    maker = driver.logged_on("maker-1")
    with pytest.raises(ConfigError):
        reload(driver, new)
    maker.order(1)
    maker.order(2)
    maker.order(3, instrument_id=3)
    assert [message.fields.get("reason") for message in maker.take()] == [
        None,
        None,
        OrderRejectReason.INVALID_INSTRUMENT,
    ]
    stranger = driver.connect()
    stranger.logon("maker-9")
    assert [fields for _, _, fields in stranger.read()] == [{"reason": TEXT_BAD_CREDENTIALS}]
    assert [event["event"] for event in driver.log.events()] == ["logon", "logon refused"]


# What may change


def test_the_same_configuration_changes_nothing_and_says_so() -> None:
    driver = CoreDriver()
    maker = driver.logged_on("maker-1")
    assert reload(driver, configuration()) == "the configuration is in force"
    maker.order(1)
    assert maker.names() == ["NewOrderResponse"]
    assert driver.log.events()[-1] == {
        "level": "warning",
        "event": "configuration reloaded",
        "result": "the configuration is in force",
    }


def test_what_changes_is_told_by_name() -> None:
    driver = CoreDriver()
    old = configuration()
    new = changed(
        old,
        portfolios=(structs.replace(old.portfolios[0], max_open_orders=5), *old.portfolios[1:], Portfolio(id=3)),
        instruments=(structs.replace(old.instruments[0], max_price=mantissa("9")), *old.instruments[1:], instrument(3)),
        api_keys=(*old.api_keys[1:], key("maker-3", 3)),
    )
    assert reload(driver, new) == (
        "the configuration is in force; portfolios added: 3; limits of portfolios changed: 1; instruments added: 3; "
        "limits of instruments changed: 1; keys added: maker-3; keys removed: maker-1"
    )


def test_a_new_key_of_a_new_portfolio_trades_in_a_new_instrument_and_its_drop_copy_sees_it() -> None:
    driver = CoreDriver()
    old = configuration()
    new = changed(
        old,
        portfolios=(Portfolio(id=3), *old.portfolios),
        instruments=(instrument(3), *old.instruments),
        api_keys=(key("watch-3", 3, role="drop_copy"), key("maker-3", 3), *old.api_keys),
    )
    reload(driver, new)
    watcher, maker, taker = (driver.logged_on(name) for name in ("watch-3", "maker-3", "maker-1"))
    maker.order(1, instrument_id=3)
    taker.order(1, instrument_id=3, side=-1)
    assert maker.names() == ["NewOrderResponse", "OrderFilled"]
    assert taker.names() == ["NewOrderResponse"]
    events = [message.fields for message in watcher.take()]
    assert [(event["origin_client_id"], event["portfolio_id"]) for event in events] == [("maker-3", 3)] * 2
    maker.order(2, instrument_id=3)
    maker.half_close()
    driver.settle()
    assert driver.ends() == [("maker-3", "TCP_CLOSED", 1)]


def test_changed_limits_hold_from_the_next_order_on() -> None:
    driver = CoreDriver()
    old = configuration()
    maker = driver.logged_on("maker-1")
    maker.order(1)
    new = changed(
        old,
        portfolios=(structs.replace(old.portfolios[0], max_open_orders=1), *old.portfolios[1:]),
        instruments=(structs.replace(old.instruments[0], min_price=mantissa("101")), *old.instruments[1:]),
    )
    reload(driver, new)
    maker.order(2)
    maker.order(3, instrument_id=2)
    assert [message.fields.get("reason") for message in maker.take()] == [
        None,
        OrderRejectReason.PRICE_TOO_LOW,
        OrderRejectReason.TOO_MANY_OPEN_ORDERS,
    ]
    reload(driver, old)
    maker.order(4)
    assert maker.names() == ["NewOrderResponse"]


def test_a_key_that_is_taken_out_ends_like_one_that_is_revoked() -> None:
    driver = CoreDriver()
    old = configuration()
    maker = driver.logged_on("maker-1")
    maker.order(1)
    maker.take()
    reload(driver, changed(old, api_keys=old.api_keys[1:]))
    driver.settle()
    assert [(name, fields) for _, name, fields in maker.read()] == [
        ("OrdersCanceled", orders_canceled(2, [canceled(1, 1, reason=CancelReason.ADMIN)])),
        ("LoggedOut", {"reason": TEXT_KEY_REVOKED}),
    ]
    again = driver.connect()
    again.logon("maker-1")
    assert [fields for _, _, fields in again.read()] == [{"reason": TEXT_BAD_CREDENTIALS}]


def test_a_key_that_comes_back_goes_on_with_its_numbers_and_its_epoch() -> None:
    driver = CoreDriver()
    old = configuration()
    maker, watcher = driver.logged_on("maker-1"), driver.logged_on("watch-1")
    maker.order(1)
    without = changed(old, api_keys=tuple(key for key in old.api_keys if key.client_id not in ("maker-1", "watch-1")))
    reload(driver, without)
    driver.settle()
    watcher.take()
    assert reload(driver, old) == "the configuration is in force; keys added: maker-1, watch-1"
    again = driver.logged_on("maker-1", reset=False, number=3)
    assert (again.session.epoch, again.session.stream.next_number) == (2, 6)
    watcher = driver.logged_on("watch-1", reset=False, number=2)
    again.order(2)
    assert watcher.names() == ["DropCopyEvent"]


def test_a_new_secret_counts_for_the_next_logon_and_leaves_the_session_alone() -> None:
    driver = CoreDriver()
    old = configuration()
    maker = driver.logged_on("maker-1")
    reload(driver, changed(old, api_keys=(key("maker-1", secret="another"), *old.api_keys[1:])))
    maker.order(1)
    assert maker.names() == ["NewOrderResponse"]
    late = driver.connect()
    late.logon("maker-1")
    assert [fields for _, _, fields in late.read()] == [{"reason": TEXT_BAD_CREDENTIALS}]
    again = driver.connect()
    again.logon("maker-1", secret="another")
    driver.settle()
    assert again.names()[0] == "LogonConf"


def test_a_revoked_key_stays_revoked_until_a_configuration_has_been_without_it() -> None:
    driver = CoreDriver()
    old = configuration()
    driver.core.control(Revoke("maker-1"), driver.now)
    assert reload(driver, old) == "the configuration is in force; still revoked: maker-1"
    late = driver.connect()
    late.logon("maker-1")
    assert [fields for _, _, fields in late.read()] == [{"reason": TEXT_BAD_CREDENTIALS}]
    reload(driver, changed(old, api_keys=old.api_keys[1:]))
    assert reload(driver, old) == "the configuration is in force; keys added: maker-1"
    assert driver.logged_on("maker-1").session is not None


def test_a_revoked_drop_copy_key_that_comes_back_sees_every_event_once() -> None:
    driver = CoreDriver()
    old = configuration()
    without = changed(old, api_keys=tuple(key for key in old.api_keys if key.client_id != "watch-1"))
    driver.core.control(Revoke("watch-1"), driver.now)
    reload(driver, without)
    reload(driver, old)
    watcher = driver.logged_on("watch-1")
    driver.logged_on("maker-1").order(1)
    assert watcher.names() == ["DropCopyEvent"]


@pytest.mark.parametrize("scope", ["portfolio", "api_key"])
def test_rate_limits_come_and_go_and_their_buckets_stay_as_full_as_they_were(scope: str) -> None:
    driver = CoreDriver()
    old = configuration()
    limited = changed(old, rate_limit=RateLimit(scope=scope, orders_per_s=1, orders_burst=2))
    maker = driver.logged_on("maker-1")

    def place(first: int, count: int) -> list[int | None]:
        for number in range(first, first + count):
            maker.order(number)
        return [message.fields.get("reason") for message in maker.take()]

    reload(driver, limited)
    assert place(1, 3) == [None, None, OrderRejectReason.RATE_LIMIT]
    more = changed(old, rate_limit=RateLimit(scope=scope, orders_per_s=1, orders_burst=3))
    reload(driver, more)
    assert place(4, 2) == [None, OrderRejectReason.RATE_LIMIT], "one more than it held before"
    other = "api_key" if scope == "portfolio" else "portfolio"
    reload(driver, changed(old, rate_limit=RateLimit(scope=other, orders_per_s=1, orders_burst=1)))
    assert place(6, 2) == [None, OrderRejectReason.RATE_LIMIT], "other buckets, which are empty"
    reload(driver, old)
    assert place(8, 3) == [None, None, None]


def test_rate_limits_hold_for_keys_that_were_added() -> None:
    driver = CoreDriver(changed(configuration(), rate_limit=RateLimit(scope="api_key", orders_per_s=1, orders_burst=1)))
    old = changed(configuration(), rate_limit=RateLimit(scope="api_key", orders_per_s=1, orders_burst=1))
    reload(driver, changed(old, api_keys=(*old.api_keys, key("maker-3"))))
    maker = driver.logged_on("maker-3")
    maker.order(1)
    maker.order(2, price=nine(99))
    assert [message.fields.get("reason") for message in maker.take()] == [None, OrderRejectReason.RATE_LIMIT]
    driver.now += SECOND
    maker.order(3)
    assert maker.names() == ["NewOrderResponse"]
