"""gateway/tables.py: exact decimals, and a table read past its errors."""

from datetime import time
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from gateway.errors import Problem
from gateway.limits import MANTISSA_MAX
from gateway.tables import Mantissa, array_of_tables, mantissa, read_table, shown, wanted


class Table(Struct, frozen=True, kw_only=True):
    name: str
    port: Annotated[int, Meta(ge=0, le=9)] = 4
    tick_size: Annotated[Mantissa, Meta(gt=0)] | None = None
    factor: Annotated[float, Meta(gt=0)] = 1.0
    mode: Literal["on", "off"] = "on"
    quick: bool = False
    secret: Annotated[str, Meta(max_length=3)] = ""


def _read(raw: object) -> tuple[dict[str, object], list[Problem]]:
    problems: list[Problem] = []
    return read_table(Table, raw, "table", problems), problems


@given(st.integers(min_value=-MANTISSA_MAX, max_value=MANTISSA_MAX))
def test_a_decimal_becomes_its_exact_count_of_billionths(count: int) -> None:
    text = f"{Decimal(count).scaleb(-9):f}"

    assert mantissa(text) == count


@pytest.mark.parametrize(("text", "count"), [("0.5", 500_000_000), ("12", 12_000_000_000), ("-0.000000001", -1)])
def test_places_that_are_not_written_are_zero(text: str, count: int) -> None:
    assert mantissa(text) == count


@pytest.mark.parametrize(
    "text", ["", ".", ".5", "5.", "1e3", "+1", " 1", "1\n", "0x1", "1_000", "٣", "nan", "inf", "--1", "0.0000000001"]
)
def test_text_that_is_not_a_plain_decimal_of_nine_places_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a decimal with at most 9 places"):
        mantissa(text)


def test_a_decimal_above_int64_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit in an int64"):
        mantissa("9223372036.854775808")


def test_what_a_table_does_not_say_has_its_default() -> None:
    assert _read({"name": "a", "tick_size": "0.5", "factor": 2}) == (
        {
            "name": "a",
            "port": 4,
            "tick_size": 500_000_000,
            "factor": 2.0,
            "mode": "on",
            "quick": False,
            "secret": "",
        },
        [],
    )


def test_a_table_is_read_past_its_errors_and_all_are_told() -> None:
    raw = {"prot": 1, "port": 10, "tick_size": 0.5, "factor": 0, "mode": "up", "quick": 1, "secret": "abcd"}

    assert _read(raw) == (
        {},
        [
            Problem("table.prot", "there is no such setting (did you mean port?)"),
            Problem("table.name", "wanted a string, but there is no such key"),
            Problem("table.port", "wanted an integer from 0 to 9", "10"),
            Problem("table.tick_size", "wanted a decimal in quotes, with at most 9 places, above 0", "0.5"),
            Problem("table.factor", "wanted a number above 0", "0"),
            Problem("table.mode", 'wanted "off" or "on"', '"up"'),
            Problem("table.quick", "wanted true or false", "1"),
            Problem("table.secret", "wanted a string of at most 3 characters", "a string of 4 characters"),
        ],
    )


def test_a_secret_of_a_wrong_type_is_not_shown_either() -> None:
    assert _read({"name": "a", "secret": 271828})[1] == [
        Problem("table.secret", "wanted a string of at most 3 characters", "not a string")
    ]


@pytest.mark.parametrize(("raw", "was"), [(3, "3"), ([], "[]"), ("x", '"x"')])
def test_what_is_not_a_table_is_one_problem(raw: object, was: str) -> None:
    assert _read(raw) == ({}, [Problem("table", "wanted a table", was)])


def test_a_single_table_where_an_array_of_tables_belongs_is_one_problem() -> None:
    problems: list[Problem] = []

    assert array_of_tables({"id": 1}, "instrument", problems) == []
    assert problems == [Problem("instrument", "wanted an array of tables, [[instrument]]", '{"id":1}')]


def test_a_long_value_is_shown_cut() -> None:
    assert shown("x" * 100) == f'"{"x" * 56}...'


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "nan"), (1.0, "1.0"), (True, "true"), ([1, "a"], '[1,"a"]'), (time(8), '"08:00:00"')],
)
def test_a_value_is_shown_as_it_stands_in_the_file(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_type_without_words_is_our_bug() -> None:
    with pytest.raises(TypeError, match="no words yet"):
        wanted(bytes)
