"""Who takes part in `breakwire cod-check`, and what it is told of the gateway: keys, instruments, settings.

A crew is the keys of one portfolio under test, a counterparty in another, and the instruments that only they trade.
Crews share nothing, so scenarios run side by side on several.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, structs

from gateway.config import ClientId, Id, Milliseconds, MillisecondsOrOff, Secret
from gateway.errors import MisuseError, Problem
from gateway.tables import array_of_tables, read_table, shown, unknown_keys

PARTS: Final = ("maker", "second", "taker", "drop_copy")
_NEEDED: Final = ("maker", "taker")
_BOOKS: Final = ("instrument", "bumped_instrument")
_KEY_LINE: Final = re.compile(r"key client_id=(\S+) secret=(\S+)")


class CheckArgumentError(MisuseError):
    """An argument, a setting or a keys file of cod-check that cannot be used."""


class Key(Struct, frozen=True, kw_only=True):
    """An API key."""

    client_id: ClientId
    secret: Secret


class Crew(Struct, frozen=True, kw_only=True):
    """The keys and instruments of one run of scenarios, one after the other. None: there is none.

    Attributes:
        maker: whose line is cut.
        second: another key of the maker's portfolio.
        taker: a key of another portfolio.
        drop_copy: a drop-copy key of the maker's portfolio.
        bumped_instrument: one with a speed bump.
        mmp_group: the maker's portfolio's, for quotes.
    """

    maker: Key
    taker: Key
    second: Key | None
    drop_copy: Key | None
    instrument: int
    bumped_instrument: int | None
    mmp_group: int | None

    def key(self, part: str) -> Key | None:
        key: Key | None = getattr(self, part)
        return key


class _CrewTable(Struct, frozen=True, kw_only=True):
    """What a crew says beside its keys; 0 is none."""

    instrument: Id | None = None
    bumped_instrument: Annotated[int, Meta(ge=0)] | None = None
    mmp_group: Annotated[int, Meta(ge=0)] | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """What cod-check is told of the gateway under test, and what it asks of it: `--set NAME=VALUE`."""

    answer_ms: Milliseconds = 5_000  # that any request may take
    within_ms: Milliseconds = 1_000  # from the moment that the gateway can know of the loss to the last cancel
    grace_ms: MillisecondsOrOff = 0  # its grace for lost lines
    mode: Literal["always", "session", "order"] = "always"  # its cancel on disconnect
    duplicate_logon: Literal["displace", "refuse"] = "displace"
    sequence_check: Literal["strict", "off"] = "strict"
    silence_factor: Annotated[float, Meta(ge=1, le=100)] = 2.0  # heartbeat intervals after which silence must be over
    slow_consumer_ms: Milliseconds = 10_000  # after which a client that does not read must be gone
    speed_bump_ms: Milliseconds = 10  # of the bumped instrument
    unsent_bytes: Annotated[int, Meta(ge=1_000, le=100_000_000)] = 131_072  # asked for by a client that does not read
    schema_version: Annotated[int, Meta(ge=1, le=17)] = 17
    maker: str = "trader-1"  # which line of a keys file in the form that `breakwire serve` prints
    second: str = "trader-2"
    taker: str = "trader-3"
    drop_copy: str = "drop-copy-1"


class Market(Struct, frozen=True, kw_only=True):
    """Where orders are put: prices around `price` in steps of `tick`, quantities in `lot`. Counts of 1e-9."""

    price: int
    tick: int
    lot: int


def read_settings(words: Sequence[str]) -> Settings:
    """Settings from NAME=VALUE words. CheckArgumentError naming all that are wrong."""
    problems: list[Problem] = []
    known = {field.name: field.type for field in structs.fields(Settings)}
    raw: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            problems.append(Problem("--set", "wanted NAME=VALUE", shown(word)))
        elif name in known:
            raw[name] = _scalar(value)
        else:
            problems.extend(unknown_keys({name: value}, known, "--set"))
    values = read_table(Settings, raw, "--set", problems)
    _refuse(problems)
    return Settings(**values)


def read_crews(
    path: str, settings: Settings, instrument: int, bumped_instrument: int | None, mmp_group: int | None
) -> list[Crew]:
    """The crews of a keys file; what a crew's table does not say of instruments comes from the arguments.

    The file is TOML: tables [maker], [taker], [second], [drop_copy] with client_id and secret, or several [[crew]] that
    hold these; or the `key client_id=… secret=…` lines that `breakwire serve` prints.
    """
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise CheckArgumentError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CheckArgumentError(f"{path}: wanted UTF-8, but byte {error.start} is not") from None
    lines = dict(_KEY_LINE.findall(text))
    problems: list[Problem] = []
    if lines:
        tables: list[tuple[str, Any]] = [("", _from_lines(lines, settings))]
    else:
        tables = _tables(path, text, problems)
    common = {"instrument": instrument, "bumped_instrument": bumped_instrument, "mmp_group": mmp_group}
    crews = [_crew(raw, place, common, problems) for place, raw in tables]
    keys = [key.client_id for crew in crews for part in PARTS if (key := crew.get(part))]
    problems += _shared("client_id", "a key of its own for each part", keys)
    books = [book for crew in crews for name in _BOOKS if (book := crew.get(name))]
    problems += _shared("instrument", "an instrument of its own for each crew and book", books)
    _refuse(problems, path)
    return [Crew(**crew) for crew in crews]


def _shared(place: str, wanted: str, values: Sequence[object]) -> list[Problem]:
    """What is used twice, and may not."""
    return [Problem(place, f"wanted {wanted}", shown(value)) for value, count in Counter(values).items() if count > 1]


def _scalar(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _from_lines(lines: dict[str, str], settings: Settings) -> dict[str, Any]:
    names = {part: getattr(settings, part) for part in PARTS}
    return {part: {"client_id": name, "secret": lines[name]} for part, name in names.items() if name in lines}


def _tables(path: str, text: str, problems: list[Problem]) -> list[tuple[str, Any]]:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CheckArgumentError(f"{path}: not TOML: {error}") from None
    if "crew" not in raw:
        return [("", raw)]
    problems.extend(unknown_keys(raw, ("crew",)))
    crews = array_of_tables(raw["crew"], "crew", problems)
    return [(f"crew[{position}]", table) for position, table in enumerate(crews)]


def _crew(raw: Any, place: str, common: dict[str, int | None], problems: list[Problem]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        problems.append(Problem(place, "wanted a table", shown(raw)))
        return {}
    rest = {name: value for name, value in raw.items() if name not in PARTS}
    values: dict[str, Any] = read_table(_CrewTable, rest, place or "keys", problems)
    crew = {name: common[name] if value is None else value or None for name, value in values.items()}
    for part in PARTS:
        where = f"{place}.{part}" if place else part
        if part not in raw:
            crew[part] = None
            if part in _NEEDED:
                problems.append(Problem(where, "wanted a key with client_id and secret, but there is none"))
            continue
        known = len(problems)
        fields = read_table(Key, raw[part], where, problems)
        if len(problems) == known:
            crew[part] = Key(**fields)
    return crew


def to_count(name: str, text: str) -> int:
    """A positive decimal argument as a count of 1e-9."""
    try:
        value = Decimal(text).scaleb(9)
        if value > 0 and value == int(value):
            return int(value)
    except (ArithmeticError, ValueError):
        pass
    raise CheckArgumentError(f"{name}: wanted a decimal above 0 with at most 9 places, was {text}")


def _refuse(problems: Sequence[Problem], source: str = "") -> None:
    if problems:
        told = "; ".join(str(problem) for problem in problems)
        raise CheckArgumentError(f"{source}: {told}" if source else told)
