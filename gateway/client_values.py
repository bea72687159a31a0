"""What a client's messages are made of: frames of a gateway, fields by name, exact amounts.

Prices and quantities are `decimal.Decimal` at the API and int64 counts of 1e-9 inside, as on the wire; a float is
refused, because it is not the number that was written.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Any

from codec.errors import CodecError
from codec.values import SERVER, Decimal72, Message
from codec.wire import check, decode, to_fixed
from gateway.client_errors import UnreadableFrameError
from gateway.limits import MANTISSA_MAX

SCALE_DIGITS = 9

_EXACT = Context(prec=40)

Amount = Decimal | str | int

Fields = dict[str, Any]
"""The fields of a message: the schema knows the type of each, the type checker does not."""


def to_mantissa(amount: Amount) -> int:
    """The amount as a count of 1e-9. TypeError for a float, ValueError when it is not exact at 1e-9 or does not fit."""
    if isinstance(amount, float | bool) or not isinstance(amount, Decimal | str | int):
        raise TypeError(f"an amount is a Decimal, str or int, not {type(amount).__name__}: {amount!r}")
    try:
        value = Decimal(amount)
    except ArithmeticError:
        raise ValueError(f"not a number: {amount!r}") from None
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"an amount is a finite number, not {amount!r}")
    if value and value.adjusted() > SCALE_DIGITS:
        raise ValueError(f"{amount!r} is above the largest amount, {from_mantissa(MANTISSA_MAX)}")
    whole, rest = _scaled(int("".join(map(str, digits))), exponent + SCALE_DIGITS)
    if rest:
        raise ValueError(f"{amount!r} is not a whole number of 1e-9")
    if whole > MANTISSA_MAX:
        raise ValueError(f"{amount!r} is above the largest amount, {from_mantissa(MANTISSA_MAX)}")
    return -whole if sign else whole


def _scaled(digits: int, power: int) -> tuple[int, int]:
    """digits x 10^power as a whole number and what is left over."""
    if not digits:
        return 0, 0
    if power >= 0:
        return digits * int(10**power), 0
    return divmod(digits, int(10**-power))


def from_mantissa(mantissa: int) -> Decimal:
    """The exact value of a count of 1e-9."""
    return Decimal(mantissa).scaleb(-SCALE_DIGITS, _EXACT)


def mantissa_of(value: Decimal72 | None) -> int:
    """A Decimal72 as a count of 1e-9; null is 0. UnreadableFrameError when it is none, which no gateway sends."""
    if value is None:
        return 0
    try:
        return to_fixed(value) or 0
    except ValueError as error:
        raise UnreadableFrameError(f"{value}: {error}") from None


def read_frame(frame: bytes, version: int | None) -> Message:
    """Decode one frame of a gateway in a session of this version; None: of a session whose version is not known.

    Raises UnreadableFrameError also where only a value is out of its enum or range.
    """
    try:
        message = decode(frame, version=version)
        # The stamp names the newest layout that the message has had up to its session's version.
        problem = check(frame, version=version or max(1, message.header.version), direction=SERVER)
    except CodecError as error:
        raise UnreadableFrameError(str(error)) from None
    if problem is not None:
        raise UnreadableFrameError(problem.detail)
    return message
