"""One system of units: what pint knows, and nothing else."""

from functools import lru_cache

import pint


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
