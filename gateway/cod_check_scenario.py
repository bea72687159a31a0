"""Scenario files of `breakwire cod-check`: TOML becomes scenarios, or one error that tells all that is wrong.

    [defaults]                     # of every scenario in this file
    cause = "fin"
    steps = [{ do = "cut", how = "fin" }, { expect = "cancelled" }]

    [[set_up]]                     # steps that scenarios of all files may begin with
    name = "resting"
    steps = [{ do = "order", name = "ask", side = "sell", price = 2 }]

    [[scenario]]
    state = "resting"              # the set-up's name too, unless `set_up` says otherwise
    promise = "Orders that rest are cancelled when their client closes its connection."

`needs` are features of the gateway, or keys, without which the scenario can prove nothing. `observe` lists, in order
of preference, who may see the cancels: `drop_copy`, `resend` (the key logs on again and asks), `taker` (who crosses).
"""

import fnmatch
import tomllib
from collections.abc import Iterable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, structs

from gateway.cod_check_steps import DO, EXPECT, EnterLadder, EnterQuote, Step
from gateway.errors import MisuseError, Problem
from gateway.tables import array_of_tables, read_table, shown, unknown_keys

Observer = Literal["drop_copy", "resend", "taker"]
Need = Literal[
    "drop_copy",
    "second",
    "taker",
    "quotes",
    "speed_bump",
    "receipts",
    "account_wide",
    "dead_man",
    "open_orders",
    "grace",
    "no_grace",
    "not_always",
    "session_mode",
    "displace",
    "strict_numbers",
]
Cause = Literal[
    "fin",
    "rst",
    "half_close",
    "silence",
    "logout",
    "displaced",
    "violation",
    "slow_consumer",
    "dead_man",
    "account_wide",
    "any",
]
State = Literal[
    "idle",
    "mid_frame",
    "unsent_data",
    "resting",
    "partially_filled",
    "quoted",
    "queued",
    "in_flight",
]
ScenarioName = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,60}\Z", description="a name of a-z, 0-9 and -")]
SetUpName = Annotated[str, Meta(pattern=r"\A[a-z0-9_]{1,40}\Z", description="a name of a-z, 0-9 and _")]
Promise = Annotated[str, Meta(pattern=r"\A[A-Z].*\.\Z", description="a sentence, from a capital letter to a full stop")]


class ScenarioFileError(MisuseError):
    """Scenario files that cannot be used, with everything that is wrong with them.

    Attributes:
        problems: all that was found, each with its file.
    """

    def __init__(self, problems: Sequence[tuple[str, Problem]]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{source}: {problem}" for source, problem in problems))


class Scenario(Struct, frozen=True, kw_only=True):
    """One promise and how it is put to the test."""

    name: ScenarioName
    promise: Promise
    cause: Cause
    state: State
    needs: tuple[Need, ...]
    observe: tuple[Observer, ...]
    steps: tuple[Step, ...]
    source: str


class _Table(Struct, frozen=True, kw_only=True):
    """[[scenario]] as it stands in a file; `[defaults]` has the same keys but for name and promise."""

    name: ScenarioName = ""
    promise: Promise
    cause: Cause
    state: State
    set_up: SetUpName = ""
    needs: tuple[Need, ...] = ()
    observe: tuple[Observer, ...] = ("drop_copy", "resend", "taker")


class _SetUpTable(Struct, frozen=True, kw_only=True):
    """[[set_up]]."""

    name: SetUpName
    needs: tuple[Need, ...] = ()


class _SetUp(Struct, frozen=True, kw_only=True):
    needs: tuple[Need, ...]
    steps: tuple[Step, ...]


_TABLES: Final = ("defaults", "set_up", "scenario")
_NO_DEFAULT: Final = ("name", "promise")


# Loading --------------------------------------------------------------------------------------------------------------


def shipped() -> list[Traversable]:
    """The files that come with the distribution, by name."""
    folder = resources.files("gateway") / "cod_scenarios"
    return sorted((one for one in folder.iterdir() if one.name.endswith(".toml")), key=lambda one: one.name)


def load(own: Iterable[str] = ()) -> list[Scenario]:
    """All scenarios of the shipped files, or of the user's own, which may use the shipped set-ups.

    Raises:
        ScenarioFileError: naming everything that is wrong, each with its file and place.
    """
    files = [(one.name, one.read_text("utf-8")) for one in shipped()]
    own_files = [(path, _text(path)) for path in own]
    return parse([*files, *own_files], wanted={source for source, _ in own_files} or None)


def parse(files: Sequence[tuple[str, str]], wanted: set[str] | None = None) -> list[Scenario]:
    """The scenarios in texts, each with its file's name; only those of the `wanted` files, whose set-ups all share.

    Raises:
        ScenarioFileError: naming everything that is wrong, each with its file and place.
    """
    reader = _Reader()
    tables = [(source, reader.read(source, text)) for source, text in files]
    for source, raw in tables:
        reader.set_ups_of(source, raw)
    for source, raw in tables:
        reader.scenarios_of(source, raw)
    if reader.problems:
        raise ScenarioFileError(reader.problems)
    return [one for one in reader.scenarios if wanted is None or one.source in wanted]


def chosen(scenarios: Sequence[Scenario], patterns: Sequence[str]) -> list[Scenario]:
    """Those whose name, cause or state one of the patterns (as of file names) fits; all without a pattern."""
    if not patterns:
        return list(scenarios)
    return [
        one
        for one in scenarios
        if any(fnmatch.fnmatchcase(word, pattern) for pattern in patterns for word in (one.name, one.cause, one.state))
    ]


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError as error:
        raise ScenarioFileError([(path, Problem("", f"cannot be read: {error.strerror}"))]) from None
    except UnicodeDecodeError as error:
        raise ScenarioFileError([(path, Problem("", f"wanted UTF-8, but byte {error.start} is not"))]) from None


# Reading --------------------------------------------------------------------------------------------------------------


class _Reader:
    """Goes through the files and keeps what is wrong with them."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, Problem]] = []
        self.scenarios: list[Scenario] = []
        self._set_ups: dict[str, _SetUp] = {}
        self._names: dict[str, str] = {}

    def read(self, source: str, text: str) -> dict[str, Any]:
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            self._tell(source, [Problem("", f"not TOML: {error}")])
            return {}
        self._tell(source, unknown_keys(raw, _TABLES))
        return raw

    def set_ups_of(self, source: str, raw: dict[str, Any]) -> None:
        problems: list[Problem] = []
        for position, table in enumerate(array_of_tables(raw.get("set_up", []), "set_up", problems)):
            place = f"set_up[{position}]"
            rest, steps = _parted(table, place, (), problems)
            values = read_table(_SetUpTable, rest, place, problems)
            if "name" in values and values["name"] in self._set_ups:
                problems.append(Problem(f"{place}.name", "wanted a name that no set-up has yet", values["name"]))
            elif values.keys() == {"name", "needs"}:
                self._set_ups[values["name"]] = _SetUp(needs=values["needs"], steps=steps)
        self._tell(source, problems)

    def scenarios_of(self, source: str, raw: dict[str, Any]) -> None:
        problems: list[Problem] = []
        defaults, default_steps = self._defaults(raw.get("defaults", {}), problems)
        for position, table in enumerate(array_of_tables(raw.get("scenario", []), "scenario", problems)):
            place = f"scenario[{position}]"
            known = len(problems)
            rest, steps = _parted(table, place, default_steps, problems)
            values = read_table(_Table, {**defaults, **rest} if isinstance(rest, dict) else rest, place, problems)
            if len(problems) == known:
                self._scenario(source, place, _Table(**values), steps, problems)
        self._tell(source, problems)

    def _defaults(self, raw: object, problems: list[Problem]) -> tuple[dict[str, Any], tuple[Step, ...]]:
        rest, steps = _parted(raw, "defaults", (), problems)
        if not isinstance(rest, dict):
            problems.append(Problem("defaults", "wanted a table", shown(rest)))
            return {}, steps
        known = [field.name for field in structs.fields(_Table) if field.name not in _NO_DEFAULT]
        problems.extend(unknown_keys(rest, known, "defaults"))
        return {key: value for key, value in rest.items() if key in known}, steps

    def _scenario(
        self, source: str, place: str, table: _Table, steps: tuple[Step, ...], problems: list[Problem]
    ) -> None:
        name = table.name or f"{table.cause}-{table.state}".replace("_", "-")
        wanted = table.set_up or table.state
        set_up = self._set_ups.get(wanted)
        if set_up is None:
            known = ", ".join(sorted(self._set_ups))
            problems.append(Problem(f"{place}.set_up", f"wanted the name of a set-up ({known})", shown(wanted)))
        if name in self._names:
            problems.append(Problem(f"{place}.name", f"wanted a name that none in {self._names[name]} has", name))
        if not steps:
            problems.append(Problem(f"{place}.steps", "wanted one step or more, here or in [defaults]"))
        self._names[name] = source
        if set_up is None:
            return
        scenario = Scenario(
            name=name,
            promise=table.promise,
            cause=table.cause,
            state=table.state,
            needs=tuple(dict.fromkeys((*set_up.needs, *table.needs))),
            observe=table.observe,
            steps=(*set_up.steps, *steps),
            source=source,
        )
        problems.extend(_undefined_orders(place, scenario.steps))
        self.scenarios.append(scenario)

    def _tell(self, source: str, problems: Iterable[Problem]) -> None:
        self.problems.extend((source, problem) for problem in problems)


def _parted(
    table: object, place: str, default: tuple[Step, ...], problems: list[Problem]
) -> tuple[object, tuple[Step, ...]]:
    """A table without its steps, and its steps; the default where it has none."""
    if not isinstance(table, dict) or "steps" not in table:
        return table, default
    rest = {key: value for key, value in table.items() if key != "steps"}
    raw = table["steps"]
    if not isinstance(raw, list):
        problems.append(Problem(f"{place}.steps", "wanted an array of steps", shown(raw)))
        return rest, default
    steps = [_step(one, f"{place}.steps[{position}]", problems) for position, one in enumerate(raw)]
    return rest, tuple(step for step in steps if step is not None)


def _step(raw: object, place: str, problems: list[Problem]) -> Step | None:
    """One step; None, and a problem, when it is none."""
    if not isinstance(raw, dict) or len(raw.keys() & {"do", "expect"}) != 1:
        problems.append(Problem(place, "wanted a table with either do or expect", shown(raw)))
        return None
    kind, words = ("do", DO) if "do" in raw else ("expect", EXPECT)
    word = raw[kind]
    if not isinstance(word, str) or word not in words:
        problems.append(Problem(f"{place}.{kind}", f"wanted one of {', '.join(words)}", shown(word)))
        return None
    known = len(problems)
    values = read_table(words[word], {key: value for key, value in raw.items() if key != kind}, place, problems)
    return words[word](**values) if len(problems) == known else None


def _undefined_orders(place: str, steps: Sequence[Step]) -> list[Problem]:
    """Names of orders that no step before has given one."""
    problems = []
    given: set[str] = set()
    for step in steps:
        used = [getattr(step, "order", ""), getattr(step, "client_order_id_of", "")]
        missing = [name for name in (*used, *(getattr(step, "orders", ()) or ())) if name and name not in given]
        if missing:
            known = ", ".join(sorted(given)) or "none yet"
            wanted = f"wanted the name of an order entered before ({known})"
            problems.append(Problem(f"{place}.steps", wanted, missing[0]))
        given |= _names_given(step)
    return problems


def _names_given(step: Step) -> set[str]:
    """What later steps may call the orders that this one enters."""
    name = getattr(step, "name", "")
    if isinstance(step, EnterQuote):
        return {f"{name}.bid", f"{name}.ask"}
    if isinstance(step, EnterLadder):
        return {f"{name}-{number}" for number in range(1, step.count + 1)}
    return {name} - {""}
