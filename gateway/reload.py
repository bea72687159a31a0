"""What a new configuration changes in a gateway that runs, and what it may not change.

May change: keys (added, removed, with another secret or entitlement), portfolios and instruments (added; their limits
changed), rate limits. Everything else is fixed from the start to the end of a gateway, and an attempt to change it is
refused by name. The comparison touches nothing: a configuration is taken as a whole or not at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Struct, structs

from gateway.config import ApiKey, Config, Instrument, Portfolio
from gateway.errors import ConfigError, Problem
from gateway.limits import API_KEYS_MAX
from gateway.tables import shown_setting

INSTRUMENT_LIMITS: Final = frozenset({"min_price", "max_price", "max_order_quantity"})
PORTFOLIO_LIMITS: Final = frozenset({"max_open_orders"})
KEY_SETTINGS: Final = frozenset({"secret_hash", "portfolio_cancel"})

_FIXED: Final = "may not change while the gateway runs: wanted"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different in the new configuration, all of which may be."""

    portfolios_added: list[Portfolio] = field(default_factory=list)
    portfolios_changed: list[Portfolio] = field(default_factory=list)
    instruments_added: list[Instrument] = field(default_factory=list)
    instruments_changed: list[Instrument] = field(default_factory=list)
    keys_added: list[ApiKey] = field(default_factory=list)
    keys_removed: list[ApiKey] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What changes, in words."""
        named: list[tuple[str, list[int] | list[str]]] = [
            ("portfolios added", [portfolio.id for portfolio in self.portfolios_added]),
            ("limits of portfolios changed", [portfolio.id for portfolio in self.portfolios_changed]),
            ("instruments added", [instrument.id for instrument in self.instruments_added]),
            ("limits of instruments changed", [instrument.id for instrument in self.instruments_changed]),
            ("keys added", [key.client_id for key in self.keys_added]),
            ("keys removed", [key.client_id for key in self.keys_removed]),
        ]
        return "; ".join(f"{what}: {', '.join(map(str, names))}" for what, names in named if names)


def compare(old: Config, new: Config, known_keys: Mapping[str, ApiKey]) -> Changes:
    """The changes from one configuration to another.

    Args:
        old: the one in force.
        new: the one that is to be.
        known_keys: every key that the gateway has had since its start, by client id: each keeps its session's place.

    Raises:
        ConfigError: naming everything that may not change.
    """
    problems = [
        *_fixed_settings(old, new),
        *_removed(old.instruments, new.instruments, "instrument", "take it out of trading with `admin deactivate`"),
        *_removed(old.portfolios, new.portfolios, "portfolio", "keep it; it needs no keys"),
        *_fixed_fields(old.instruments, new.instruments, "instrument", "id", INSTRUMENT_LIMITS),
        *_fixed_fields(old.portfolios, new.portfolios, "portfolio", "id", PORTFOLIO_LIMITS),
        *_fixed_fields(tuple(known_keys.values()), new.api_keys, "api_key", "client_id", KEY_SETTINGS),
        *_too_many_keys(new, known_keys),
    ]
    if problems:
        raise ConfigError("configuration", problems)
    portfolios_added, portfolios_changed = _differences(old.portfolios, new.portfolios, "id")
    instruments_added, instruments_changed = _differences(old.instruments, new.instruments, "id")
    present = {key.client_id for key in new.api_keys}
    before = {key.client_id for key in old.api_keys}
    return Changes(
        portfolios_added=portfolios_added,
        portfolios_changed=portfolios_changed,
        instruments_added=instruments_added,
        instruments_changed=instruments_changed,
        keys_added=[key for key in new.api_keys if key.client_id not in before],
        keys_removed=[key for key in old.api_keys if key.client_id not in present],
    )


def _fixed_settings(old: Config, new: Config) -> Iterator[Problem]:
    for setting in structs.fields(old.gateway):
        before, after = getattr(old.gateway, setting.name), getattr(new.gateway, setting.name)
        if before != after:
            yield _fixed_problem("gateway", setting, before, after)
    if old.tls != new.tls:
        yield Problem("gateway.tls", "may not change while the gateway runs")
    if old.mmp_groups != new.mmp_groups:
        yield Problem("mmp_group", "may not change while the gateway runs")


def _removed(old: tuple[Any, ...], new: tuple[Any, ...], name: str, instead: str) -> Iterator[Problem]:
    present = {table.id for table in new}
    for table in old:
        if table.id not in present:
            yield Problem(name, f"{name} {table.id} may not be removed while the gateway runs: {instead}")


def _fixed_fields(
    old: tuple[Struct, ...], new: tuple[Struct, ...], name: str, key: str, may_change: frozenset[str]
) -> Iterator[Problem]:
    formers = {getattr(table, key): table for table in old}
    for index, table in enumerate(new):
        former = formers.get(getattr(table, key), table)
        for setting in structs.fields(table) if former != table else ():
            before, after = getattr(former, setting.name), getattr(table, setting.name)
            if before != after and setting.name not in may_change:
                yield _fixed_problem(f"{name}[{index}]", setting, before, after)


def _fixed_problem(place: str, setting: structs.FieldInfo, before: object, after: object) -> Problem:
    return Problem(
        f"{place}.{setting.name}",
        f"{_FIXED} {shown_setting(before, setting.type)}",
        shown_setting(after, setting.type),
    )


def _too_many_keys(new: Config, known_keys: Mapping[str, ApiKey]) -> Iterator[Problem]:
    count = len(known_keys) + sum(key.client_id not in known_keys for key in new.api_keys)
    most = API_KEYS_MAX - bool(new.gateway.canary_interval_s)  # the canary has one too
    if count > most:
        yield Problem("api_key", f"wanted at most {most}, with those removed since the start", str(count))


def _differences(old: tuple[Any, ...], new: tuple[Any, ...], key: str) -> tuple[list[Any], list[Any]]:
    """What was added, and what is there in both but not the same."""
    before = {getattr(table, key): table for table in old}
    added = [table for table in new if getattr(table, key) not in before]
    changed = [table for table in new if before.get(getattr(table, key), table) != table]
    return added, changed
