"""Configuration files for the gateways that scenarios start."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INSTRUMENT = {
    "id": 1,
    "symbol": "BTC-PERPETUAL",
    "currency_pair_id": 1,
    "product_type": "futures",
    "tick_size": "0.5",
    "lot_size": "0.001",
}
OTHER_INSTRUMENT = INSTRUMENT | {"id": 2, "symbol": "ETH-PERPETUAL", "currency_pair_id": 2, "tick_size": "0.05"}

MMP_GROUP = {"id": 7, "portfolio": 1, "quantity_limit": "10", "interval_ms": 1000, "frozen_ms": 1000}
OTHER_MMP_GROUP = MMP_GROUP | {"id": 8}
FOREIGN_MMP_GROUP = MMP_GROUP | {"portfolio": 2}

TRADERS = ("maker-1", "maker-2", "taker-1", "stranger-1")
DROP_COPIES = ("watch-1", "watch-2")


def secret_of(client_id: str) -> str:
    """The secret of a key in these configurations: long enough to be searched for in a log without false hits."""
    return f"{client_id}:the-secret-of-these-tests"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def toml_table(head: str, values: Mapping[str, Any]) -> str:
    """One table of a configuration file."""
    return "\n".join([head, *(f"{name} = {_value(value)}" for name, value in values.items())]) + "\n"


def write_configuration(
    path: Path,
    *,
    max_open_orders: int = 20000,
    traders: Sequence[str] = TRADERS,
    drop_copies: Sequence[str] = DROP_COPIES,
    instrument: Mapping[str, Any] | None = None,
    mmp_groups: Sequence[Mapping[str, Any]] = (MMP_GROUP, OTHER_MMP_GROUP, FOREIGN_MMP_GROUP),
    **settings: Any,
) -> Path:
    """Write a configuration with two instruments and two portfolios (the key `stranger-1` alone has the second).

    `instrument` are settings of instrument 1 that the scenario adds or changes.

    Heartbeats are 30 s apart unless `settings` says otherwise, so that none falls into a scenario that is not about
    them; nothing is kept on disk; the port is a free one.
    """
    gateway = {"name": "gw-test", "host": "127.0.0.1", "port": 0, "data_dir": "", "heartbeat_interval_s": 30} | settings
    tables = [toml_table("[gateway]", gateway)]
    tables += [toml_table("[[instrument]]", table) for table in (INSTRUMENT | dict(instrument or {}), OTHER_INSTRUMENT)]
    tables += [toml_table("[[portfolio]]", {"id": number, "max_open_orders": max_open_orders}) for number in (1, 2)]
    tables += [toml_table("[[mmp_group]]", group) for group in mmp_groups]
    for role, names in (("trader", traders), ("drop_copy", drop_copies)):
        for name in names:
            portfolio = 2 if name.startswith("stranger") else 1
            key = {"client_id": name, "portfolio": portfolio, "role": role, "secret": secret_of(name)}
            tables.append(toml_table("[[api_key]]", key))
    path.write_text("\n".join(tables))
    return path
