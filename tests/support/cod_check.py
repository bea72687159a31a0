"""What tests of cod-check run it against: a gateway with crews of keys, and the crews as cod-check is told of them."""

from pathlib import Path
from typing import Any

from gateway.cod_check_crew import Crew, Key, Market, Settings
from gateway.cod_check_run import Runner
from gateway.cod_check_scenario import Scenario, load, parse
from support.configuration import INSTRUMENT, MMP_GROUP, secret_of, toml_table

SPEED_BUMP_MS = 60
GATEWAY = {
    "name": "gw-cod",
    "host": "127.0.0.1",
    "port": 0,
    "data_dir": "",
    "heartbeat_interval_s": 1,
    "slow_consumer_bytes": 262_144,
    "slow_consumer_ms": 500,
    "close_linger_ms": 200,
}
SETTINGS = Settings(speed_bump_ms=SPEED_BUMP_MS, slow_consumer_ms=4_000, within_ms=2_000)
MARKET = Market(price=60_000 * 10**9, tick=500_000_000, lot=1_000_000)


def crew_keys(number: int) -> dict[str, str]:
    """The clientIds of a crew by part; crews are counted from 0."""
    return {part: f"{part.replace('_', '-')}-{number}" for part in ("maker", "second", "taker", "drop_copy")}


def write_gateway(path: Path, crews: int = 1, **settings: Any) -> Path:
    """A configuration in which each crew has two portfolios, two instruments (one is bumped) and an MMP group."""
    tables = [toml_table("[gateway]", GATEWAY | settings)]
    for number in range(crews):
        own, foreign = 2 * number + 1, 2 * number + 2
        plain = INSTRUMENT | {"id": own, "symbol": f"PLAIN-{number}"}
        bumped = INSTRUMENT | {"id": foreign, "symbol": f"BUMPED-{number}", "speed_bump_ms": SPEED_BUMP_MS}
        tables += [toml_table("[[instrument]]", table) for table in (plain, bumped)]
        tables += [toml_table("[[portfolio]]", {"id": portfolio}) for portfolio in (own, foreign)]
        tables.append(toml_table("[[mmp_group]]", MMP_GROUP | {"portfolio": own, "quantity_limit": "1000"}))
        for part, client_id in crew_keys(number).items():
            key = {
                "client_id": client_id,
                "portfolio": foreign if part == "taker" else own,
                "role": "drop_copy" if part == "drop_copy" else "trader",
                "secret": secret_of(client_id),
            }
            tables.append(toml_table("[[api_key]]", key))
    path.write_text("\n".join(tables))
    return path


def write_keys(path: Path, crews: int = 1, without: tuple[str, ...] = ()) -> Path:
    """The keys file of these crews."""
    lines: list[str] = []
    for number in range(crews):
        lines += [
            "[[crew]]",
            f"instrument = {2 * number + 1}",
            f"bumped_instrument = {2 * number + 2}",
            "mmp_group = 7",
        ]
        for part, client_id in crew_keys(number).items():
            if part not in without:
                lines.append(f'{part} = {{ client_id = "{client_id}", secret = "{secret_of(client_id)}" }}')
    path.write_text("\n".join(lines))
    return path


def crew(*, without: tuple[str, ...] = ()) -> Crew:
    """The first crew."""
    keys = {
        part: None if part in without else Key(client_id=client_id, secret=secret_of(client_id))
        for part, client_id in crew_keys(0).items()
    }
    return Crew(**keys, instrument=1, bumped_instrument=2, mmp_group=7)  # type: ignore[arg-type]


def runner(address: tuple[str, int], crew: Crew, settings: Settings = SETTINGS) -> Runner:
    """Ready to run scenarios there."""
    made = Runner(address, crew, settings, MARKET)
    made.prepare()
    return made


def shipped(name: str) -> Scenario:
    """One of the scenarios that come with cod-check."""
    (found,) = [one for one in load() if one.name == name]
    return found


SET_UP = """
[[set_up]]
name = "idle"
steps = []
[[set_up]]
name = "resting"
steps = [
  { do = "order", name = "ask", side = "sell", price = 4, lots = 2 },
  { do = "order", name = "bid", side = "buy", price = -4, lots = 2 },
]
"""


def scenario(text: str) -> Scenario:
    """A scenario of a test's own, on a session with an ask and a bid; `text` is what stands in its table."""
    head = '[[scenario]]\nname = "own"\npromise = "A promise."\ncause = "any"\nstate = "resting"\n'
    (made,) = parse([("own.toml", f"{SET_UP}{head}{text}")])
    return made
