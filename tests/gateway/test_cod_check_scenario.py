"""Scenario files: what they may say, and what is told of one that cannot be used."""

from collections import Counter
from pathlib import Path

import pytest

from gateway import cod_check_steps as steps
from gateway.cod_check_scenario import Scenario, ScenarioFileError, chosen, load, parse

HEAD = '[[scenario]]\nname = "one"\npromise = "A promise."\ncause = "fin"\nstate = "resting"\n'
SET_UP = '[[set_up]]\nname = "resting"\nneeds = ["quotes"]\nsteps = [{ do = "quote", name = "q", bid = -1, ask = 1 }]\n'
CUT = 'steps = [{ do = "cut", how = "rst" }, { expect = "cancelled" }]\n'


def problems_of(text: str) -> list[str]:
    with pytest.raises(ScenarioFileError) as raised:
        parse([("set_ups.toml", SET_UP), ("mine.toml", text)])
    assert raised.value.exit_code == 2
    assert {source for source, _ in raised.value.problems} == {"mine.toml"}
    assert "\n" not in str(raised.value)
    return [str(problem) for _, problem in raised.value.problems]


# What a file says


def test_a_scenario_begins_with_the_steps_of_its_set_up() -> None:
    (scenario,) = parse([("set_ups.toml", SET_UP), ("mine.toml", f'{HEAD}needs = ["second"]\n{CUT}')])
    assert scenario == Scenario(
        name="one",
        promise="A promise.",
        cause="fin",
        state="resting",
        needs=("quotes", "second"),
        observe=("drop_copy", "resend", "taker"),
        steps=(
            steps.EnterQuote(name="q", bid=-1, ask=1),
            steps.Cut(how="rst"),
            steps.Cancelled(),
        ),
        source="mine.toml",
    )


def test_what_a_scenario_does_not_say_is_taken_from_the_defaults_of_its_file() -> None:
    defaults = f'[defaults]\ncause = "rst"\nstate = "resting"\nobserve = ["taker"]\n{CUT}'
    text = f'{defaults}[[scenario]]\npromise = "A promise."\n'
    (scenario,) = parse([("set_ups.toml", SET_UP), ("mine.toml", text)])
    assert (scenario.name, scenario.cause, scenario.observe) == ("rst-resting", "rst", ("taker",))
    assert scenario.steps[1:] == (steps.Cut(how="rst"), steps.Cancelled())


def test_the_scenarios_of_a_users_own_file_are_run_instead_and_use_the_shipped_set_ups(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(HEAD + CUT)
    (scenario,) = load([str(mine)])
    assert scenario.source == str(mine)
    assert [type(step) for step in scenario.steps[:3]] == [steps.EnterOrder] * 3


# What is wrong with a file


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("scenario = [", ["not TOML: Invalid value (at end of document)"]),
        ("scenarios = 1", ["scenarios: there is no such setting (did you mean scenario?)"]),
        ("scenario = 1", ["scenario: wanted an array of tables, [[scenario]], was 1"]),
        ("defaults = 1", ["defaults: wanted a table, was 1"]),
        ("[defaults]\nname = 'x'", ["defaults.name: there is no such setting"]),
        (
            HEAD.replace('"fin"', '"fni"') + CUT,
            [
                'scenario[0].cause: wanted "account_wide" or "any" or "dead_man" or "displaced" or "fin" or '
                '"half_close" or "logout" or "rst" or "silence" or "slow_consumer" or "violation", was "fni"'
            ],
        ),
        (
            HEAD.replace("A promise.", "no promise") + CUT,
            ['scenario[0].promise: wanted a sentence, from a capital letter to a full stop, was "no promise"'],
        ),
        (HEAD, ["scenario[0].steps: wanted one step or more, here or in [defaults]"]),
        (HEAD + "steps = 1", ["scenario[0].steps: wanted an array of steps, was 1"]),
        (
            HEAD + 'set_up = "restful"\n' + CUT,
            ['scenario[0].set_up: wanted the name of a set-up (resting), was "restful"'],
        ),
        (
            HEAD + 'steps = [{ do = "cut", how = "rst" }, { how = "rst" }]',
            ['scenario[0].steps[1]: wanted a table with either do or expect, was {"how":"rst"}'],
        ),
        (
            HEAD + 'steps = [{ do = "cutt" }]',
            [
                "scenario[0].steps[0].do: wanted one of order, ladder, burst, quote, amend, cancel, take, race, "
                'options, cover, dead_man, log_on, stop_reading, half_frame, cut, wait, was "cutt"',
            ],
        ),
        (
            HEAD
            + 'steps = [{ do = "order", name = "a", side = "sell", prize = 1, lots = 0 }, { expect = "cancelled" }]',
            [
                "scenario[0].steps[0].prize: there is no such setting (did you mean price?)",
                "scenario[0].steps[0].price: wanted an integer from -1000000 to 1000000, but there is no such key",
                "scenario[0].steps[0].lots: wanted an integer from 1 to 1000000, was 0",
            ],
        ),
        (
            HEAD + 'steps = [{ do = "cancel", order = "q.bid" }, { expect = "tradable", orders = ["q.bit"] }]',
            ["scenario[0].steps: wanted the name of an order entered before (q.ask, q.bid), was q.bit"],
        ),
        (
            HEAD + 'steps = [{ expect = "cancelled", orders = 3 }]',
            [
                "scenario[0].steps[0].orders: wanted an array, each a name of a-z, 0-9, . and -, was 3",
            ],
        ),
        (
            HEAD + 'steps = [{ expect = "receipt", cause = "FIN", where = "stream" }]',
            ['scenario[0].steps[0].cause: wanted a Cause by its name, as TCP_CLOSED, was "FIN"'],
        ),
        (
            HEAD + 'steps = [{ expect = "last_words", messages = ["Goodbye"] }]',
            ['scenario[0].steps[0].messages: wanted an array, each a message by its name, as Logon, was ["Goodbye"]'],
        ),
        (HEAD + CUT + HEAD + CUT, ["scenario[1].name: wanted a name that none in mine.toml has, was one"]),
        (SET_UP, ["set_up[0].name: wanted a name that no set-up has yet, was resting"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, expected: list[str]) -> None:
    assert problems_of(text) == expected


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ScenarioFileError, match=r"none\.toml: cannot be read: No such file or directory"):
        load([str(tmp_path / "none.toml")])


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ScenarioFileError, match=r"bytes\.toml: wanted UTF-8, but byte 0 is not"):
        load([str(tmp_path / "bytes.toml")])


# What is shipped

MATRIX = {
    "fin": {"idle", "mid_frame", "unsent_data", "resting", "partially_filled", "quoted", "queued", "in_flight"},
    "rst": {"idle", "mid_frame", "unsent_data", "resting", "partially_filled", "quoted", "queued", "in_flight"},
    "half_close": {"idle", "mid_frame", "unsent_data", "resting", "partially_filled", "quoted", "queued", "in_flight"},
    # An order does not wait behind a speed bump for as long as silence takes.
    "silence": {"idle", "mid_frame", "unsent_data", "resting", "partially_filled", "quoted"},
    # After half a frame nothing can be said, and what was said before is answered.
    "logout": {"idle", "unsent_data", "resting", "partially_filled", "quoted", "queued", "in_flight"},
    "violation": {"idle", "unsent_data", "resting", "partially_filled", "quoted", "queued", "in_flight"},
    "displaced": {"idle", "mid_frame", "unsent_data", "resting", "partially_filled", "quoted", "queued", "in_flight"},
    # It is unsent data by itself.
    "slow_consumer": {"idle", "resting", "partially_filled", "quoted"},
    "dead_man": {"idle", "mid_frame", "unsent_data", "resting", "partially_filled", "quoted"},
    "account_wide": {"idle", "resting", "partially_filled", "quoted", "queued"},
}


def test_every_cause_is_shipped_with_every_state_that_makes_sense() -> None:
    scenarios = load()
    assert len(scenarios) >= 60
    shipped = {cause: {one.state for one in scenarios if one.cause == cause} for cause in MATRIX}
    assert shipped == MATRIX


def test_no_promise_is_shipped_twice() -> None:
    counted = Counter(one.promise for one in load())
    assert [promise for promise, count in counted.items() if count > 1] == []


def test_every_shipped_scenario_names_what_it_needs() -> None:
    """What a step takes for granted stands among its needs, so that --list shows it."""
    for one in load():
        wanted = {
            need
            for step in one.steps
            for need, takes in (
                ("second", getattr(step, "by", "") == "second" or getattr(step, "of", "") == "second"),
                ("quotes", isinstance(step, steps.EnterQuote)),
                ("speed_bump", getattr(step, "book", "plain") == "bumped"),
                ("receipts", isinstance(step, steps.Options | steps.Receipt | steps.NoReceipt)),
                ("account_wide", isinstance(step, steps.Cover)),
                ("dead_man", isinstance(step, steps.DeadMan)),
                ("open_orders", isinstance(step, steps.Listed)),
                ("drop_copy", getattr(step, "where", "") == "drop_copy" or isinstance(step, steps.SameFrames)),
            )
            if takes
        }
        assert wanted <= set(one.needs), one.name


# What is chosen


def test_scenarios_are_chosen_by_name_cause_or_state() -> None:
    scenarios = load()
    assert [one.name for one in chosen(scenarios, ["fin-id*", "rst-queued"])] == ["fin-idle", "rst-queued"]
    assert {one.cause for one in chosen(scenarios, ["logout"])} == {"logout"}
    assert {one.state for one in chosen(scenarios, ["mid_frame"])} == {"mid_frame"}
    assert chosen(scenarios, []) == scenarios
    assert chosen(scenarios, ["nothing"]) == []
