"""gateway/config.py: what a file may say, and that everything wrong with it is told at once, each with its place."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway import config
from gateway.config import NOT_BUILT, ApiKey, Config, Gateway, Instrument, MmpGroup, Portfolio, RateLimit, Tls, parse
from gateway.credentials import KeyRing, hash_secret
from gateway.errors import ConfigError, Problem
from gateway.tables import mantissa

HASH = hash_secret("a secret")

WHOLE = f"""
[gateway]
name = "gw-b"
host = "0.0.0.0"
port = 0
data_dir = ""
heartbeat_interval_s = 2
heartbeat_probe_factor = 1
heartbeat_lapse_factor = 2.5
logon_timeout_s = 0.5
duplicate_logon = "refuse"
sequence_check = "off"
frame_size_max_in = 1024
resend_depth_bytes = 65536
resend_total_bytes = 131072
slow_consumer_bytes = 65536
slow_consumer_ms = 1
close_linger_ms = 0
drain_step_orders = 1
journal_sync = "always"
journal_sync_interval_ms = 5
shutdown_timeout_s = 3

[[instrument]]
id = 7
symbol = "BTC-PERPETUAL"
currency_pair_id = 1
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"

[[instrument]]
id = 3
symbol = "BTC-CS-25DEC26"
currency_pair_id = 1
product_type = "combo_options"
tick_size = "0.0001"
lot_size = "0.1"

[[portfolio]]
id = 2
max_open_orders = 5

[[api_key]]
client_id = "maker-1"
portfolio = 2
role = "drop_copy"
portfolio_cancel = false
secret_hash = "{HASH}"
"""

INSTRUMENT = """
[[instrument]]
id = 1
symbol = "BTC-PERPETUAL"
currency_pair_id = 1
product_type = "futures"
tick_size = "0.5"
lot_size = "0.001"
"""

PORTFOLIO = """
[[portfolio]]
id = 1
"""


def _problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as raised:
        parse(text)
    return list(raised.value.problems)


def _places(text: str) -> list[str]:
    return [problem.place for problem in _problems(text)]


# What a file may say ------------------------------------------------------------------------------------------------


def test_a_file_that_says_everything_becomes_the_whole_tree() -> None:
    assert parse(WHOLE) == Config(
        gateway=Gateway(
            name="gw-b",
            host="0.0.0.0",
            port=0,
            data_dir="",
            heartbeat_interval_s=2,
            heartbeat_probe_factor=1.0,
            heartbeat_lapse_factor=2.5,
            logon_timeout_s=0.5,
            duplicate_logon="refuse",
            sequence_check="off",
            frame_size_max_in=1024,
            resend_depth_bytes=65536,
            resend_total_bytes=131072,
            slow_consumer_bytes=65536,
            slow_consumer_ms=1,
            close_linger_ms=0,
            drain_step_orders=1,
            journal_sync="always",
            journal_sync_interval_ms=5,
            shutdown_timeout_s=3.0,
        ),
        instruments=(
            Instrument(
                id=7,
                symbol="BTC-PERPETUAL",
                currency_pair_id=1,
                product_type="futures",
                tick_size=mantissa("0.5"),
                lot_size=mantissa("0.001"),
            ),
            Instrument(
                id=3,
                symbol="BTC-CS-25DEC26",
                currency_pair_id=1,
                product_type="combo_options",
                tick_size=mantissa("0.0001"),
                lot_size=mantissa("0.1"),
            ),
        ),
        portfolios=(Portfolio(id=2, max_open_orders=5),),
        api_keys=(
            ApiKey(client_id="maker-1", portfolio=2, role="drop_copy", portfolio_cancel=False, secret_hash=HASH),
        ),
    )


def test_an_empty_file_has_the_defaults_of_the_contract() -> None:
    assert structs.asdict(parse("").gateway) == {
        "name": "gw-a",
        "host": "127.0.0.1",
        "port": 4210,
        "data_dir": "data",
        "heartbeat_interval_s": 5,
        "heartbeat_probe_factor": 1.2,
        "heartbeat_lapse_factor": 1.5,
        "logon_timeout_s": 10.0,
        "cancel_on_disconnect": "always",
        "cancel_grace_ms": 0,
        "duplicate_logon": "displace",
        "sequence_check": "strict",
        "frame_size_max_in": 16384,
        "resend_depth_bytes": 8388608,
        "resend_total_bytes": 1073741824,
        "slow_consumer_bytes": 4194304,
        "slow_consumer_ms": 5000,
        "close_linger_ms": 1000,
        "drain_step_orders": 2048,
        "journal_sync": "interval",
        "journal_sync_interval_ms": 50,
        "shutdown_timeout_s": 10.0,
        "settlement_time": "08:00:00Z",
        "flap_losses": 0,
        "flap_window_s": 60.0,
        "flap_lockout_ms": 10000,
        "canary_interval_s": 0.0,
        "cpu": -1,
        "metrics_port": 0,
        "admin_socket": "",
    }


def test_defaults_written_out_are_accepted_also_those_of_features_not_built_yet() -> None:
    defaults = structs.asdict(Gateway())
    lines = [f"{key} = {value!r}" for key, value in defaults.items()]

    assert parse("\n".join(["[gateway]", *lines])) == Config()


def test_a_logon_may_take_two_heartbeat_intervals_unless_the_file_says_otherwise() -> None:
    assert parse("[gateway]\nheartbeat_interval_s = 86400").gateway.logon_timeout_s == 172800.0


def test_a_portfolio_has_the_publisher_s_open_order_limit_and_a_key_is_a_trader_by_default() -> None:
    loaded = parse(PORTFOLIO + f'[[api_key]]\nclient_id = "a"\nportfolio = 1\nsecret_hash = "{HASH}"')

    assert loaded.portfolios == (Portfolio(id=1, max_open_orders=2000),)
    assert loaded.api_keys == (
        ApiKey(client_id="a", portfolio=1, role="trader", portfolio_cancel=True, secret_hash=HASH),
    )


def test_a_plain_secret_of_a_development_file_is_kept_only_as_a_hash() -> None:
    loaded = parse(PORTFOLIO + '[[api_key]]\nclient_id = "a"\nportfolio = 1\nsecret = "correct-horse"')

    assert KeyRing(loaded.api_keys).verify(b"a", b"correct-horse") == 0
    assert "correct-horse" not in repr(loaded)


def test_the_tree_cannot_be_changed() -> None:
    loaded = parse("")

    with pytest.raises(AttributeError):
        loaded.gateway.port = 1  # type: ignore[misc]


def test_the_longest_client_id_and_secret_that_a_logon_can_carry_are_accepted() -> None:
    loaded = parse(PORTFOLIO + f'[[api_key]]\nclient_id = "{"c" * 16}"\nportfolio = 1\nsecret = "{"s" * 48}"')

    assert KeyRing(loaded.api_keys).verify(b"c" * 16, b"s" * 48) == 0


def test_a_file_is_loaded_from_its_path(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(WHOLE)

    assert config.load(file) == parse(WHOLE)


def test_the_development_set_up_has_new_secrets_that_fit_its_keys() -> None:
    development, secrets = config.development()
    _, other_secrets = config.development()

    ring = KeyRing(development.api_keys)
    assert [ring.verify(name.encode(), secret.encode()) for name, secret in secrets] == list(range(len(secrets)))
    assert not {secret for _, secret in secrets} & {secret for _, secret in other_secrets}
    assert (development.gateway.host, development.gateway.port, development.gateway.data_dir) == ("127.0.0.1", 4210, "")
    assert {key.role for key in development.api_keys if key.portfolio == 1} == {"trader", "drop_copy"}
    assert {key.portfolio for key in development.api_keys} <= {portfolio.id for portfolio in development.portfolios}
    assert "BTC-PERPETUAL" in [instrument.symbol for instrument in development.instruments]
    assert [(group.portfolio, group.id) for group in development.mmp_groups] == [(1, 1), (2, 1)]


# What it may not ----------------------------------------------------------------------------------------------------


def test_everything_wrong_is_told_together_each_with_its_place() -> None:
    text = f"""
    colour = "red"
    [gateway]
    prt = 4210
    heartbeat_interval_s = 2.5
    slow_consumer_bytes = 65535
    [gateway.tls]
    certificate = "c.pem"
    private_key = "k.pem"
    [[instrument]]
    id = 1
    symbol = "BTC"
    currency_pair_id = 1
    product_type = "future"
    tick_size = 0.5
    [[portfolio]]
    id = 1
    [[api_key]]
    client_id = "seventeen-letters"
    portfolio = 2
    secret = "plain text"
    secret_hash = "{HASH}"
    """

    with pytest.raises(ConfigError) as raised:
        parse(text, "gateway.toml")

    assert str(raised.value).splitlines() == [
        "gateway.toml: 11 problems",
        "  colour: there is no such setting",
        "  gateway.prt: there is no such setting (did you mean port?)",
        "  gateway.heartbeat_interval_s: wanted an integer from 1 to 86400, was 2.5",
        "  gateway.slow_consumer_bytes: wanted an integer from 65536 to 1099511627776, was 65535",
        '  instrument[0].product_type: wanted "combo_futures" or "combo_options" or "futures" or "options" or "spot"'
        ', was "future"',
        "  instrument[0].tick_size: wanted a decimal in quotes, with at most 9 places, above 0, was 0.5",
        "  instrument[0].lot_size: wanted a decimal in quotes, with at most 9 places, above 0"
        ", but there is no such key",
        "  api_key[0].client_id: wanted 1 to 16 ASCII characters without spaces (Logon's clientId)"
        ', was "seventeen-letters"',
        "  api_key[0].secret: wanted 1 to 48 ASCII characters without spaces (Logon's secret)"
        ", was a string of 10 characters",
        "  gateway.tls: this table's feature is not built yet: wanted no such table",
        "  api_key[0].portfolio: wanted the id of a [[portfolio]], was 2",
    ]
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("line", "was"),
    [
        ('name = ""', '""'),
        ('name = "gw a"', '"gw a"'),
        ('host = ""', '""'),
        ("port = -1", "-1"),
        ("port = 65536", "65536"),
        ('port = "4210"', '"4210"'),
        ("port = true", "true"),
        ("data_dir = 1", "1"),
        ("heartbeat_interval_s = 0", "0"),
        ("heartbeat_interval_s = 86401", "86401"),
        ("heartbeat_probe_factor = 0.99", "0.99"),
        ("heartbeat_probe_factor = nan", "nan"),
        ("heartbeat_lapse_factor = inf", "inf"),
        ("logon_timeout_s = 0", "0"),
        ("logon_timeout_s = -1.5", "-1.5"),
        ('cancel_on_disconnect = "never"', '"never"'),
        ("cancel_grace_ms = -1", "-1"),
        ('duplicate_logon = "Displace"', '"Displace"'),
        ("sequence_check = false", "false"),
        ("frame_size_max_in = 1023", "1023"),
        ("frame_size_max_in = 32769", "32769"),
        ("resend_depth_bytes = 65535", "65535"),
        ("resend_total_bytes = 65535", "65535"),
        ("slow_consumer_bytes = 65535", "65535"),
        ("slow_consumer_ms = 0", "0"),
        ("close_linger_ms = -1", "-1"),
        ("close_linger_ms = 1.5", "1.5"),
        ("drain_step_orders = 0", "0"),
        ('journal_sync = "sometimes"', '"sometimes"'),
        ("journal_sync_interval_ms = 0", "0"),
        ("shutdown_timeout_s = 0", "0"),
        ('settlement_time = "25:00:00Z"', '"25:00:00Z"'),
        ("settlement_time = 08:00:00", '"08:00:00"'),
        ("flap_losses = -1", "-1"),
        ("flap_window_s = 0", "0"),
        ("flap_lockout_ms = 0", "0"),
        ("canary_interval_s = -1", "-1"),
        ("canary_interval_s = 0.49", "0.49"),
        ("cpu = -2", "-2"),
        ("cpu = 1023", "1023"),
        ("metrics_port = 65536", "65536"),
        ("admin_socket = []", "[]"),
    ],
)
def test_a_value_out_of_its_type_or_range_is_refused_at_its_place(line: str, was: str) -> None:
    key = line.split(" ", 1)[0]

    (problem,) = _problems(f"[gateway]\n{line}")

    assert (problem.place, problem.was) == (f"gateway.{key}", was)


def test_every_setting_of_the_gateway_has_a_value_that_the_test_above_refuses() -> None:
    marks: list[pytest.Mark] = test_a_value_out_of_its_type_or_range_is_refused_at_its_place.pytestmark  # type: ignore[attr-defined]

    assert {line.split(" ", 1)[0] for line, _ in marks[0].args[1]} == set(structs.asdict(Gateway()))


@pytest.mark.parametrize(
    ("table", "line", "place"),
    [
        ("instrument", "id = 0", "instrument[1].id"),
        ("instrument", "id = 9223372036854775808", "instrument[1].id"),
        ("instrument", 'symbol = ""', "instrument[1].symbol"),
        ("instrument", "currency_pair_id = 0", "instrument[1].currency_pair_id"),
        ("instrument", 'product_type = "option"', "instrument[1].product_type"),
        ("instrument", 'tick_size = "0"', "instrument[1].tick_size"),
        ("instrument", 'tick_size = "-0.5"', "instrument[1].tick_size"),
        ("instrument", 'lot_size = "0.0000000001"', "instrument[1].lot_size"),
        ("instrument", 'lot_size = "1e-3"', "instrument[1].lot_size"),
        ("instrument", "lot_size = 1", "instrument[1].lot_size"),
        ("portfolio", "id = -1", "portfolio[1].id"),
        ("portfolio", "max_open_orders = 0", "portfolio[1].max_open_orders"),
        ("api_key", 'client_id = ""', "api_key[1].client_id"),
        ("api_key", 'client_id = "a b"', "api_key[1].client_id"),
        ("api_key", 'client_id = "é"', "api_key[1].client_id"),
        ("api_key", 'client_id = "a\\n"', "api_key[1].client_id"),
        ("api_key", 'client_id = "a\\u0000"', "api_key[1].client_id"),
        ("api_key", 'portfolio = "1"', "api_key[1].portfolio"),
        ("api_key", 'role = "drop-copy"', "api_key[1].role"),
        ("api_key", "portfolio_cancel = 1", "api_key[1].portfolio_cancel"),
        ("api_key", f'secret = "{"s" * 49}"', "api_key[1].secret"),
        ("api_key", 'secret = ""', "api_key[1].secret"),
    ],
)
def test_a_bad_value_in_the_second_of_two_tables_is_refused_at_its_place(table: str, line: str, place: str) -> None:
    good: dict[str, list[dict[str, str]]] = {
        "instrument": [
            {
                "id": str(number),
                "symbol": f'"S{number}"',
                "currency_pair_id": "1",
                "product_type": '"spot"',
                "tick_size": '"1"',
                "lot_size": '"1"',
            }
            for number in (1, 2)
        ],
        "portfolio": [{"id": "1"}, {"id": "2"}],
        "api_key": [{"client_id": f'"{name}"', "portfolio": "1", "secret": '"s"'} for name in ("a", "b")],
    }
    key, value = line.split(" = ", 1)
    good[table][1][key] = value
    text = "".join(
        f"[[{name}]]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
        for name, tables in good.items()
        for values in tables
    )

    assert _places(text) == [place]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (INSTRUMENT + INSTRUMENT.replace("BTC-", "ETH-"), ("instrument[1].id", "1")),
        (INSTRUMENT + INSTRUMENT.replace("id = 1\ns", "id = 2\ns"), ("instrument[1].symbol", '"BTC-PERPETUAL"')),
        (PORTFOLIO + PORTFOLIO, ("portfolio[1].id", "1")),
        (
            PORTFOLIO + 2 * '[[api_key]]\nclient_id = "a"\nportfolio = 1\nsecret = "s"\n',
            ("api_key[1].client_id", '"a"'),
        ),
    ],
)
def test_a_name_that_another_table_has_is_refused(text: str, problem: tuple[str, str]) -> None:
    place, was = problem

    assert _problems(text) == [
        Problem(place, f"wanted one that no other has, but {place.split('[')[0]}[0] has it", was)
    ]


def test_a_key_of_no_portfolio_is_refused() -> None:
    assert _problems(PORTFOLIO + '[[api_key]]\nclient_id = "a"\nportfolio = 2\nsecret = "s"\n') == [
        Problem("api_key[0].portfolio", "wanted the id of a [[portfolio]]", "2")
    ]


def test_an_error_in_a_portfolio_does_not_make_the_keys_that_name_it_wrong() -> None:
    text = '[[portfolio]]\nid = 1\nmax_open_orders = 0\n[[api_key]]\nclient_id = "a"\nportfolio = 1\nsecret = "s"\n'

    assert _places(text) == ["portfolio[0].max_open_orders"]
    assert _places(text.replace("id = 1", 'id = "1"')) == ["portfolio[0].id", "portfolio[0].max_open_orders"]


@pytest.mark.parametrize(("lines", "had"), [("", "neither"), (f'secret = "s"\nsecret_hash = "{HASH}"', "both")])
def test_a_key_needs_either_a_secret_or_a_hash(lines: str, had: str) -> None:
    assert _problems(PORTFOLIO + f'[[api_key]]\nclient_id = "a"\nportfolio = 1\n{lines}') == [
        Problem("api_key[0]", f"wanted one of secret and secret_hash, but it has {had}")
    ]


def test_no_error_shows_a_secret() -> None:
    text = PORTFOLIO + (
        '[[api_key]]\nclient_id = "a"\nportfolio = 1\nsecret = "hush hush"\nsecret_hash = "hush$hush"\nsecrt = "hush"\n'
    )

    with pytest.raises(ConfigError) as raised:
        parse(text)

    assert {problem.place for problem in raised.value.problems} == {
        "api_key[0].secrt",
        "api_key[0].secret_hash",
        "api_key[0].secret",
    }
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("product_type", ["options", "combo_futures", "combo_options"])
def test_an_instrument_of_other_products_than_futures_and_spot_allows_no_icebergs(product_type: str) -> None:
    text = INSTRUMENT.replace('"futures"', f'"{product_type}"') + "iceberg_allowed = true\n"

    assert _problems(text) == [
        Problem("instrument[0].iceberg_allowed", f"wanted false for product_type {product_type}", "true")
    ]


@pytest.mark.parametrize("product_type", ["futures", "spot"])
def test_futures_and_spot_may_allow_icebergs(product_type: str) -> None:
    text = INSTRUMENT.replace('"futures"', f'"{product_type}"') + "iceberg_allowed = true\n"

    assert parse(text).instruments[0].iceberg_allowed


@pytest.mark.parametrize("lapse", ["1.2", "1.1"])
def test_a_session_cannot_lapse_before_it_is_probed(lapse: str) -> None:
    assert _problems(f"[gateway]\nheartbeat_lapse_factor = {lapse}") == [
        Problem("gateway.heartbeat_lapse_factor", "wanted more than heartbeat_probe_factor, 1.2", lapse)
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("gateway = 3", "gateway"),
        ("[gateway]\nrate_limit = 3", "gateway.rate_limit"),
        ("[instrument]\nid = 1", "instrument"),
        ("instrument = [3]", "instrument[0]"),
        ('["gateway.tls"]', "gateway.tls"),
    ],
)
def test_what_is_not_the_table_it_should_be_is_told(text: str, place: str) -> None:
    assert place in _places(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[gateway]\nport = = 3", "(at line 2, column 8)"),
        ("[gateway]\nport = 1\nport = 2\nname = 'a'", "Cannot overwrite a value (at line 3, column 9)"),
        ("[gateway]\n[gateway", "(at line 2, the end)"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(text: str, message: str) -> None:
    (problem,) = _problems(text)

    assert problem.wanted.startswith("not TOML: ")
    assert message in problem.wanted


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    file = tmp_path / "nowhere.toml"

    with pytest.raises(ConfigError) as raised:
        config.load(file)

    assert str(raised.value) == f"{file}: 1 problem\n  cannot be read: No such file or directory"


def test_a_file_that_is_not_utf_8_is_told_with_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_bytes(b'name = "\xff"')

    with pytest.raises(ConfigError, match="wanted UTF-8, but byte 8 is not"):
        config.load(file)


def test_more_tables_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config._COUNT_MAX, "portfolio", 2)

    assert _problems("".join(f"[[portfolio]]\nid = {number}\n" for number in (1, 2, 3))) == [
        Problem("portfolio", "wanted at most 2 tables", "3")
    ]


# Features that are not built yet ------------------------------------------------------------------------------------

OTHER_THAN_DEFAULT = {
    "gateway.cancel_on_disconnect": '"order"',
    "gateway.cancel_grace_ms": "1",
    "gateway.settlement_time": '"09:00:00Z"',
    "gateway.flap_losses": "3",
    "gateway.flap_window_s": "61",
    "gateway.flap_lockout_ms": "1",
    "gateway.canary_interval_s": "0.5",
    "gateway.metrics_port": "9100",
    "instrument.min_price": '"0.5"',
    "instrument.max_price": '"1000000"',
    "instrument.max_order_quantity": '"10"',
    "instrument.speed_bump_ms": "5",
    "instrument.iceberg_allowed": "true",
    "instrument.delta": '"1"',
    "instrument.vega": '"-0.5"',
    "mmp_group.currency_pair_id": "3",
    "mmp_group.delta_limit": '"5"',
    "mmp_group.vega_limit": '"0.5"',
}
"""A value that each setting that is or was in NOT_BUILT accepts once it is built."""

TABLES = {
    "gateway.tls": '[gateway.tls]\ncertificate = "a.pem"\nprivate_key = "a.key"\n',
    "mmp_group": PORTFOLIO
    + '[[mmp_group]]\nid = 7\nportfolio = 1\nquantity_limit = "10"\ninterval_ms = 1\nfrozen_ms = 1000\n',
}
"""Each table that is or was in NOT_BUILT, as it is accepted once it is built."""


def _with(name: str, value: str) -> str:
    table, key = name.split(".")
    if table == "mmp_group":
        group = TABLES["mmp_group"] + f"{key} = {value}\n"
        if key == "currency_pair_id":
            return group.replace("id = 7\n", "")
        return f'{INSTRUMENT}{key.removesuffix("_limit")} = "-0.5"\n{group}'
    return (f"[gateway]\n{key} = {value}\n{INSTRUMENT}") if table == "gateway" else f"{INSTRUMENT}{key} = {value}\n"


@pytest.mark.parametrize("name", OTHER_THAN_DEFAULT)
def test_a_setting_of_a_feature_not_built_yet_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(config, "NOT_BUILT", (name,))

    (problem,) = _problems(_with(name, OTHER_THAN_DEFAULT[name]))

    assert problem.place == name.replace("instrument.", "instrument[0].").replace("mmp_group.", "mmp_group[0].")
    assert problem.wanted.startswith("this setting's feature is not built yet: wanted ")
    assert problem.was == OTHER_THAN_DEFAULT[name]


@pytest.mark.parametrize("name", [name for name in NOT_BUILT if name in TABLES])
def test_a_table_of_a_feature_not_built_yet_is_refused_with_the_reason(name: str) -> None:
    (problem,) = _problems(TABLES[name])

    assert problem.place in {name, f"{name}[0]"}
    assert problem.wanted == "this table's feature is not built yet: wanted no such table"


def test_every_setting_that_is_not_built_yet_is_tested_above() -> None:
    assert set(NOT_BUILT) <= OTHER_THAN_DEFAULT.keys() | TABLES.keys()


@pytest.mark.parametrize("name", OTHER_THAN_DEFAULT)
def test_a_setting_is_accepted_once_its_feature_is_built(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(config, "NOT_BUILT", ())

    parse(_with(name, OTHER_THAN_DEFAULT[name]))


@pytest.fixture
def all_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "NOT_BUILT", ())


def test_a_rate_limit_table_has_defaults_of_its_own() -> None:
    assert parse("").rate_limit is None
    assert parse("[gateway.rate_limit]\norders_per_s = 100\n").rate_limit == RateLimit(
        scope="portfolio", orders_per_s=100, orders_burst=50, mass_quotes_per_s=10, mass_quotes_burst=10
    )


@pytest.mark.usefixtures("all_built")
def test_the_tables_of_later_features_are_read_into_the_tree() -> None:
    loaded = parse("".join(TABLES.values()))

    assert (loaded.tls, loaded.mmp_groups) == (
        Tls(certificate="a.pem", private_key="a.key"),
        (MmpGroup(portfolio=1, id=7, quantity_limit=mantissa("10"), interval_ms=1, frozen_ms=1000),),
    )


MMP: dict[str, Any] = {"portfolio": 1, "id": 7, "quantity_limit": '"10"', "interval_ms": 1, "frozen_ms": 1000}


@pytest.mark.usefixtures("all_built")
@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        (
            [MMP | {"currency_pair_id": 1}],
            Problem("mmp_group[0]", "wanted one of id (for quotes) and currency_pair_id (for orders), but it has both"),
        ),
        (
            [{key: value for key, value in MMP.items() if key != "id"}],
            Problem(
                "mmp_group[0]", "wanted one of id (for quotes) and currency_pair_id (for orders), but it has neither"
            ),
        ),
        (
            [{key: value for key, value in MMP.items() if key != "quantity_limit"}],
            Problem("mmp_group[0]", "wanted at least one of quantity_limit, delta_limit, vega_limit"),
        ),
        (
            [MMP, MMP],
            Problem("mmp_group[1].id", "wanted one that no other has in its portfolio, but mmp_group[0] has it", "7"),
        ),
        (
            [MMP | {"portfolio": 3}],
            Problem("mmp_group[0].portfolio", "wanted the id of a [[portfolio]]", "3"),
        ),
        (
            [MMP | {"frozen_ms": 999}],
            Problem("mmp_group[0].frozen_ms", "wanted an integer from 1000 to 86400000", "999"),
        ),
        (
            [MMP | {"delta_limit": '"5"'}],
            Problem("mmp_group[0].delta_limit", "wanted none, since no instrument of the group has a delta"),
        ),
        (
            [MMP | {"vega_limit": '"5"'}],
            Problem("mmp_group[0].vega_limit", "wanted none, since no instrument of the group has a vega"),
        ),
    ],
)
def test_a_group_that_contradicts_itself_or_another_is_refused(groups: list[dict[str, Any]], problem: Problem) -> None:
    tables = ["[[mmp_group]]\n" + "".join(f"{key} = {value}\n" for key, value in group.items()) for group in groups]

    assert _problems(PORTFOLIO + "[[portfolio]]\nid = 2\n" + "".join(tables)) == [problem]


def _group_of_orders(currency_pair_id: int) -> str:
    group = MMP | {"currency_pair_id": currency_pair_id, "delta_limit": '"5"'}
    table = "[[mmp_group]]\n" + "".join(f"{key} = {value}\n" for key, value in group.items() if key != "id")
    return INSTRUMENT + 'delta = "0.5"\n' + PORTFOLIO + table


def test_a_limit_of_delta_counts_the_instruments_of_the_group_s_currency_pair() -> None:
    (group,) = parse(_group_of_orders(1)).mmp_groups

    assert (group.group_id, group.delta_limit) == (1, mantissa("5"))
    assert _problems(_group_of_orders(2)) == [
        Problem("mmp_group[0].delta_limit", "wanted none, since no instrument of the group has a delta")
    ]


@pytest.mark.usefixtures("all_built")
def test_the_same_group_id_in_another_portfolio_is_another_group() -> None:
    tables = [
        "[[mmp_group]]\n" + "".join(f"{key} = {value}\n" for key, value in (MMP | {"portfolio": portfolio}).items())
        for portfolio in (1, 2)
    ]

    loaded = parse(PORTFOLIO + "[[portfolio]]\nid = 2\n" + "".join(tables))

    assert [(group.portfolio, group.id) for group in loaded.mmp_groups] == [(1, 7), (2, 7)]


@pytest.mark.usefixtures("all_built")
def test_metrics_cannot_have_the_gateway_s_own_port() -> None:
    assert _problems("[gateway]\nport = 4211\nmetrics_port = 4211") == [
        Problem("gateway.metrics_port", "wanted another port than that of the gateway", "4211")
    ]


@pytest.mark.usefixtures("all_built")
def test_a_price_band_needs_room() -> None:
    assert _problems(INSTRUMENT + 'min_price = "2"\nmax_price = "2"\n') == [
        Problem("instrument[0].max_price", "wanted more than min_price", '"2"')
    ]
