"""Quantities: numbers as people and loggers write them, and their units.

A number is read right or refused, never guessed. A unit is what pint knows, and nothing else.
"""

import math
import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pint

MISSING = frozenset({"", "-", "--", "?", "n/a", "na", "nan", "none", "null", "missing"})

_SPLIT = re.compile(r"([+-]?[\d.,'\s]*\d)(?:e([+-]?\d+))?\s*(.*)", re.IGNORECASE)
_ENGLISH = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CONTINENTAL = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_PLAIN = re.compile(r"\d*\.?\d+|\d+\.")
_DECIMAL_COMMA = re.compile(r"\d*,\d+")


def is_missing(text: str) -> bool:
    """Whether a cell says in one of the usual ways that there is no value."""
    return text.strip().lower() in MISSING


def split_unit(text: str) -> tuple[str, str]:
    """Split "6.2 m/min" into ("6.2", "m/min"); a bare number has the unit "".

    Raises ValueError where no number stands at the start.
    """
    if re.fullmatch(r"[+-]?inf(inity)?", text.strip(), re.IGNORECASE):
        raise ValueError("not a finite number")
    # A sentence may end in a full stop: "656.112."
    match = _SPLIT.fullmatch(text.strip().replace("−", "-").rstrip("."))
    if not match:
        raise ValueError("not a number")
    digits, exponent, unit = match.groups()
    return digits + (f"e{exponent}" if exponent else ""), unit.strip()


def readings(text: str) -> list[float]:
    """All the values that `text` may mean, the likelier first: two for "1,234", else one.

    Raises ValueError for text, for infinity and for groups of digits that fit no convention.
    """
    digits, unit = split_unit(text)
    if unit:
        raise ValueError("not a number")
    mantissa, _, exponent = digits.lower().partition("e")
    sign = -1.0 if mantissa.startswith("-") else 1.0
    mantissa = re.sub(r"(?<=\d)['\s](?=\d{3})", "", mantissa.lstrip("+-").strip())
    found = []
    if _PLAIN.fullmatch(mantissa):
        found.append(mantissa)
    if _ENGLISH.fullmatch(mantissa):
        found.append(mantissa.replace(",", ""))
    if _CONTINENTAL.fullmatch(mantissa):
        found.append(mantissa.replace(".", "").replace(",", "."))
    if _DECIMAL_COMMA.fullmatch(mantissa):
        found.append(mantissa.replace(",", "."))
    values = [sign * float(f"{one}e{exponent or 0}") for one in found]
    if not values:
        raise ValueError("not a number")
    if not all(map(math.isfinite, values)):
        raise ValueError("not a finite number")
    return values


def parse_number(text: str, plausible: Callable[[float], bool] | None = None) -> float | None:
    """Read one number; None where the cell is missing.

    "1,234" may be 1234 or 1.234: `plausible` decides, and where it cannot, it is refused. Without
    `plausible` the English reading holds. Raises ValueError with the reason.
    """
    if is_missing(text):
        return None
    found = readings(text)
    if len(found) > 1 and plausible:
        fitting = [value for value in found if plausible(value)]
        if len(fitting) > 1:
            raise ValueError(f"may mean {found[0]:g} or {found[1]:g}")
        found = fitting or found
    return found[0]


def format_number(value: float, digits: int = 4) -> str:
    """Write a number with that many significant digits, without exponent or trailing zeros."""
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry:
    """The unit registry, built once (it takes a third of a second)."""
    return pint.UnitRegistry()


@lru_cache(maxsize=1024)
def unit(text: str) -> pint.Unit:
    """The unit that `text` names; raises ValueError where pint knows none."""
    try:
        return registry().Unit(text)
    except (pint.errors.PintError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"no unit is called {text!r}") from error


@lru_cache(maxsize=65536)
def convert(value: float, source: str, target: str) -> float:
    """`value` from one unit to another; raises ValueError where they do not measure the same."""
    if source == target:
        return value
    try:
        return float(registry().Quantity(value, unit(source)).to(unit(target)).magnitude)
    except pint.DimensionalityError as error:
        raise ValueError(f"{source} cannot be turned into {target}") from error
