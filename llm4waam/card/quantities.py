"""Quantities: numbers as people and loggers write them, and their units.

A number is read right or refused, never guessed. A unit is what pint knows, and nothing else.
"""

import math
import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache

import numpy as np
import pint

from llm4waam.card import vocabulary

# Units of which pint misreads the short forms in welding_words.yaml: to it "cfm" is a centifermi.
_SHORTENED = ("in/min", "ft/min", "m/min", "cm/min", "L/min", "ft**3/hour", "ft**3/min", "N*m", "%")
_LONGEST_UNIT = 40  # characters; pint takes minutes for what nobody writes
# A long number, a number to the power of another (pint computes 9**9**9), and other signs.
_NO_UNIT = re.compile(r"\d{3}|\d\s*(?:\*\*|\^)|//|[^\w\s/*%°.()^-]")

_SPLIT = re.compile(r"([+-]?[\d.,'\s]*\d)(?:e([+-]?\d+))?\s*(.*)", re.IGNORECASE)
_ENGLISH = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CONTINENTAL = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}")
_PLAIN = re.compile(r"\d*\.?\d+|\d+\.")
_DECIMAL_COMMA = re.compile(r"\d*,\d+")


def is_missing(text: str, words: Collection[str] = ()) -> bool:
    """Whether a cell says that there is no value: by one of `words`, or in one of the usual ways.

    Case and spaces around do not matter.
    """
    said = text.strip().casefold()
    return said in _missing() or said in {word.strip().casefold() for word in words}


@lru_cache(maxsize=1)
def _missing() -> frozenset[str]:
    return frozenset(word.casefold() for word in vocabulary.words().missing)


@lru_cache(maxsize=65536)
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
    """The unit that `text` names; raises ValueError where pint knows none.

    Signs such as ㎜, ℃ and mm², dots of abbreviations and the usual short forms (ipm, cfh, lpm,
    wt%) are understood.
    """
    spelled = re.sub(r"([²³])", lambda sign: f"**{'²³'.index(sign[0]) + 2}", text)
    spelled = unicodedata.normalize("NFKC", spelled).replace("∕", "/").replace("⋅", "*")
    spelled = re.sub(r"(?<=[a-zA-Z])\.", "", spelled).strip()
    spelled = re.sub(r"(?<=[a-zA-Z])([23])(?!\w)", r"**\1", spelled)
    known = meanings(spelled) if spelled != "nm" else ()  # a nanometre; not the newton metre
    short = len(known) == 1 and known[0] in _SHORTENED
    if len(spelled) > _LONGEST_UNIT or _NO_UNIT.search(spelled):
        raise ValueError(f"no unit is called {text[:_LONGEST_UNIT]!r}")
    # pint first: to it Mm/s is no mm/s. What it does not know may be a word: "meters/분".
    for one in (known[0],) if short else (spelled, *known[: len(known) == 1]):
        try:
            return registry().Unit(one)
        except Exception:  # what pint ends in: its own errors, 1/0, a bracket without end
            continue
    raise ValueError(f"no unit is called {text!r}")


def meanings(spelled: str) -> tuple[str, ...]:
    """The units, as pint knows them, that a spelling of welding_words.yaml may mean, or ()."""
    units = vocabulary.units()
    small = spelled.casefold()
    slashed = re.sub(r"\s*(?:/|\bper\b|·|(?<=[a-z])\s+an?\s|(?<=[a-z.])\s)\s*", "/", small)
    for one in (small, slashed, small.replace(" ", "")):
        if one in units:
            return units[one]
    return ()


def accepted(text: str, units: Collection[str]) -> str | None:
    """The unit that `text` spells where it measures what `units` measure, else None.

    One of `units` as it stands there; else one of welding_words.yaml: in a column of mm/s also
    "mm/sec" and "ipm", and C spells degC beside it. "MM/S" spells mm/s; Mm/s (megametres) does not.
    """
    if text in units:
        return text
    try:
        said = unit(text)
    except ValueError:
        said = None
    alike = [one for one in units if said is not None and unit(one) == said]
    if alike:
        return alike[0]
    small = [one for one in units if one.casefold() == text.casefold()]
    meant = [
        one
        for one in (*small, *meanings(text))
        if said is None or said == unit(one) or not _both(said, one)  # Mm/s is no mm/s
    ]
    same = [own for own in units for one in meant if unit(own) == unit(one)]
    measured = [one for one in meant if any(_both(unit(own), one) for own in units)]
    return next(iter(same or measured), None)


def _both(one: pint.Unit, other: str) -> bool:
    """Whether a unit and a spelled one measure the same, be it in other sizes.

    To pint degrees and percents are both numbers, and a turn in a second is 2 pi of a Hz; here
    such units are not the same.
    """
    if one.dimensionless or one.dimensionality == {"[time]": -1}:
        return one == unit(other)
    return bool(one.is_compatible_with(unit(other)))


@lru_cache(maxsize=65536)
def convert(value: float, source: str, target: str) -> float:
    """`value` from one unit to another; raises ValueError where they do not measure the same."""
    if source == target:
        return value
    try:
        return float(registry().Quantity(value, unit(source)).to(unit(target)).magnitude)
    except pint.DimensionalityError as error:
        raise ValueError(f"{source} cannot be turned into {target}") from error
