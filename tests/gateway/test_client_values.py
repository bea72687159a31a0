"""Amounts: exact, or refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.session import S

from codec.values import Decimal72
from gateway.client_values import from_mantissa, mantissa_of, to_mantissa


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_mantissa_is_an_amount_and_comes_back(mantissa: int) -> None:
    amount = from_mantissa(mantissa)
    assert (to_mantissa(amount), to_mantissa(str(amount)), amount * 10**9) == (mantissa, mantissa, mantissa)


@pytest.mark.parametrize("amount", [0.1, 1.0, True, None, b"1"])
def test_what_is_not_exact_by_its_type_is_no_amount(amount: Any) -> None:
    with pytest.raises(TypeError, match="an amount is a Decimal, str or int"):
        to_mantissa(amount)


@pytest.mark.parametrize(
    ("amount", "complaint"),
    [
        ("0.0000000001", "'0.0000000001' is not a whole number of 1e-9"),
        ("1e-400", "'1e-400' is not a whole number of 1e-9"),
        ("9223372036.854775808", "above the largest amount"),
        ("1e999999", "above the largest amount"),
        ("nan", "a finite number"),
        ("Infinity", "a finite number"),
        ("ten", "not a number"),
    ],
)
def test_what_has_no_place_on_the_wire_is_refused(amount: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        to_mantissa(amount)


@pytest.mark.parametrize(
    ("value", "mantissa"),
    [(Decimal72(15, -1), 1_500_000_000), (Decimal72(3, 0), 3 * S), (Decimal72(5_000, -12), 5), (None, 0)],
)
def test_a_decimal_on_the_wire_may_have_any_exponent(value: Decimal72 | None, mantissa: int) -> None:
    assert mantissa_of(value) == mantissa
