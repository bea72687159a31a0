"""Reads one TOML table after the fields of a Struct, and goes on after an error, so that all of them are told together.

msgspec decides what fits a type; here is what it leaves out: it stops at the first error, and says neither what was
there nor, in words, what was wanted.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, NewType, get_args, get_origin

import msgspec
from msgspec import inspect

from gateway.errors import Problem
from gateway.limits import MANTISSA_MAX

Mantissa = NewType("Mantissa", int)
"""A decimal as an exact count of 1e-9. In the file it is text, such as "0.001", since TOML's floats are not exact."""

DECIMAL_PLACES: Final = 9

_DECIMAL = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{1,9}))?")
_SHOWN_MAX_CHARACTERS: Final = 60
_SECRET_KEYS: Final = frozenset({"secret", "secret_hash"})


def mantissa(text: str) -> Mantissa:
    """The count of 1e-9 that a decimal says, exactly: at most nine places, at most int64.

    Raises:
        ValueError: when it is not such a decimal.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(f"not a decimal with at most {DECIMAL_PLACES} places: {text!r}")
    sign, whole, fraction = match.groups(default="")
    value = int(whole + fraction.ljust(DECIMAL_PLACES, "0"))
    if value > MANTISSA_MAX:
        raise ValueError(f"does not fit in an int64 of 1e-{DECIMAL_PLACES}: {text!r}")
    return Mantissa(-value if sign else value)


def read_table(struct: type[msgspec.Struct], raw: object, place: str, problems: list[Problem]) -> dict[str, Any]:
    """The values of a table's fields, each converted and within its limits; defaults where the table says nothing.

    A field that is missing or wrong is absent from the answer and told in `problems`.

    Args:
        struct: whose fields, types, limits and defaults are those of the table.
        raw: what tomllib made of the table.
        place: of the table in the file, as `api_key[2]`.
        problems: gets what was wrong.
    """
    if not isinstance(raw, dict):
        problems.append(Problem(place, "wanted a table", shown(raw)))
        return {}
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    problems.extend(unknown_keys(raw, fields, place))
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in raw:
            try:
                values[key] = _converted(raw[key], field.type)
            except ValueError:  # msgspec.ValidationError is one
                was = _shown_secret(raw[key]) if key in _SECRET_KEYS else shown(raw[key])
                problems.append(Problem(f"{place}.{key}", f"wanted {wanted(field.type)}", was))
        elif field.required:
            problems.append(Problem(f"{place}.{key}", f"wanted {wanted(field.type)}, but there is no such key"))
        else:
            values[key] = field.default
    return values


def array_of_tables(raw: object, place: str, problems: list[Problem]) -> list[object]:
    """The tables of an array of tables, as [[instrument]]; none, and a problem, when it is something else."""
    if isinstance(raw, list):
        return raw
    problems.append(Problem(place, f"wanted an array of tables, [[{place}]]", shown(raw)))
    return []


def unknown_keys(raw: Mapping[str, object], known: Iterable[str], place: str = "") -> list[Problem]:
    """A problem for each key of a table that is none of the known ones, with the known one that it may stand for.

    Values of unknown keys are not shown: one of them may be a secret.
    """
    known = list(known)
    problems = []
    for key in raw:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            problems.append(Problem(f"{place}.{key}" if place else key, f"there is no such setting{hint}"))
    return problems


def wanted(field_type: object) -> str:
    """A field's type and limits in words, as `an integer from 0 to 65535`."""
    kind = inspect.type_info(field_type)
    if isinstance(kind, inspect.UnionType):  # always "or None": a value that may be left out
        kind = next(member for member in kind.types if not isinstance(member, inspect.NoneType))
    if isinstance(kind, inspect.Metadata):
        return str((kind.extra_json_schema or {})["description"])
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f'"{value}"' for value in kind.values)
    if isinstance(kind, inspect.BoolType):
        return "true or false"
    if isinstance(kind, inspect.IntType):
        return ("a decimal in quotes, with at most 9 places," if _is_mantissa(field_type) else "an integer") + _range(
            kind
        )
    if isinstance(kind, inspect.FloatType):
        return "a number" + _range(kind)
    if isinstance(kind, inspect.StrType):
        return "a string" + (f" of at most {kind.max_length} characters" if kind.max_length is not None else "")
    if isinstance(kind, inspect.VarTupleType):
        return f"an array, each {wanted(_item_type(field_type))}"
    raise TypeError(f"a setting's type that has no words yet: {field_type}")


def shown(value: object) -> str:
    """A value as it stands in the file, cut when it is long."""
    # JSON and TOML write alike all but floats that are not numbers.
    text = repr(value) if isinstance(value, float) else msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= _SHOWN_MAX_CHARACTERS else f"{text[: _SHOWN_MAX_CHARACTERS - 3]}..."


def shown_setting(value: Any, field_type: Any) -> str:
    """A value that was read, as it stands in the file."""
    if value is not None and _is_mantissa(field_type):
        value = format(Decimal(value).scaleb(-DECIMAL_PLACES).normalize(), "f")
    return shown(value)


def _converted(value: object, field_type: Any) -> object:
    if _is_mantissa(field_type):
        if not isinstance(value, str):
            raise ValueError("not text")
        value = mantissa(value)
    return msgspec.convert(value, field_type)


def _item_type(field_type: Any) -> Any:
    """Of tuple[T, ...], also where it may be left out."""
    arguments = get_args(field_type)
    return arguments[0] if get_origin(field_type) is tuple else _item_type(arguments[0])


def _is_mantissa(field_type: Any) -> bool:
    return field_type is Mantissa or any(_is_mantissa(argument) for argument in getattr(field_type, "__args__", ()))


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    least = f"from {kind.ge}" if kind.ge is not None else f"above {kind.gt}" if kind.gt is not None else ""
    most = f"to {kind.le}" if kind.le is not None else ""
    return "".join(f" {bound}" for bound in (least, most) if bound)


def _shown_secret(value: object) -> str:
    return f"a string of {len(value)} characters" if isinstance(value, str) else "not a string"
