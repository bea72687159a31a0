"""Checks of what callers hand to encode(): a complaint is an EncodeError that names the field, says wanted and was."""

import operator
from collections.abc import Mapping, Sequence

from codec.errors import EncodeError

INTEGER_RANGES: Mapping[str, tuple[int, int]] = {
    "int8": (-0x80, 0x7F),
    "uint8": (0, 0xFF),
    "uint16": (0, 0xFFFF),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint32": (0, (1 << 32) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "price9": (-(1 << 63), (1 << 63) - 1),
    "uint64": (0, (1 << 64) - 1),
}
"""Smallest and largest value by kind of field."""

GROUP_ENTRIES_MAX = 0xFFFF
FRAME_SIZE_MAX = 0xFFFF


def integer(path: str, value: object, kind: str) -> int:
    """The value as an integer that the kind of field can hold."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise EncodeError(path, f"wanted an integer, was {value!r}") from None
    low, high = INTEGER_RANGES[kind]
    if not low <= number <= high:
        raise EncodeError(path, f"wanted {low} to {high}, was {number}")
    return number


def number(path: str, value: object) -> float:
    """The value as a float."""
    if not isinstance(value, int | float):
        raise EncodeError(path, f"wanted a number, was {value!r}")
    return float(value)


def decimal(path: str, value: object) -> tuple[int, int]:
    """The value as mantissa and exponent of a Decimal72."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise EncodeError(path, f"wanted a mantissa and an exponent, was {value!r}")
    return integer(f"{path}.mantissa", value[0], "int64"), integer(f"{path}.exponent", value[1], "int8")


def text(path: str, value: object, size_max: int) -> bytes:
    """ASCII text as bytes; surrogates stand for other bytes, as decode() gives them."""
    if not isinstance(value, str):
        raise EncodeError(path, f"wanted text, was {value!r}")
    try:
        encoded = value.encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        raise EncodeError(path, f"wanted ASCII text, was {value!r}") from None
    return sized(path, encoded, size_max)


def content(path: str, value: object, size_max: int) -> bytes:
    """Bytes as they are."""
    if not isinstance(value, bytes | bytearray | memoryview):
        raise EncodeError(path, f"wanted bytes, was {value!r}")
    return sized(path, bytes(value), size_max)


def sized(path: str, encoded: bytes, size_max: int) -> bytes:
    if len(encoded) > size_max:
        raise EncodeError(path, f"wanted at most {size_max} bytes, was {len(encoded)}")
    return encoded


def entries(path: str, value: object) -> Sequence[object]:
    """The entries of a group."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise EncodeError(path, f"wanted a sequence of entries, was {value!r}")
    if len(value) > GROUP_ENTRIES_MAX:
        raise EncodeError(path, f"wanted at most {GROUP_ENTRIES_MAX} entries, was {len(value)}")
    return value


def block(path: str, value: object, known: frozenset[str]) -> Mapping[str, object]:
    """The fields of a root block or of an entry, all of them known."""
    if not isinstance(value, Mapping):
        raise EncodeError(path, f"wanted a mapping, was {value!r}")
    for name in value:
        if name not in known:
            raise EncodeError(f"{path}.{name}", "there is no such field")
    return value


def frame_size(path: str, size: int) -> int:
    """The length of a whole frame, in bytes."""
    if size > FRAME_SIZE_MAX:
        raise EncodeError(path, f"wanted at most {FRAME_SIZE_MAX} bytes, was {size}")
    return size
