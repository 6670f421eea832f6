"""The general welding words of welding_words.yaml, for cells, `--set` and free-text logs."""

import re
from functools import lru_cache
from pathlib import Path

from llm4waam.card.columns import Column
from llm4waam.core.settings import Section, read_yaml

Spellings = dict[str, list[str]]


class Words(Section):
    """All of welding_words.yaml."""

    missing: list[str]
    present: list[str]
    absent: list[str]
    units: Spellings
    lengths: Spellings
    times: Spellings
    material: Spellings
    transfer_mode: Spellings
    shielding_gas: Spellings
    weak: list[str]

    @property
    def categories(self) -> dict[str, Spellings]:
        """Kind of category -> value -> its other spellings."""
        return {
            "material": self.material,
            "transfer_mode": self.transfer_mode,
            "shielding_gas": self.shielding_gas,
        }


@lru_cache(maxsize=1)
def words() -> Words:
    """The words; raises StudyError where that file is wrong."""
    return read_yaml(Words, Path(__file__).with_name("welding_words.yaml"))


@lru_cache(maxsize=1)
def units() -> dict[str, tuple[str, ...]]:
    """Spelling in small letters -> the units, as pint knows them, that it may mean."""
    known, found = words(), {}
    for name, spellings in known.units.items():
        for one in (name, *spellings):
            found.setdefault(one.casefold(), []).append(name)
    for length, lengths in known.lengths.items():
        for time, times in known.times.items():
            for one in (f"{a}/{b}" for a in lengths for b in times):
                found.setdefault(one.casefold(), []).append(f"{length}/{time}")
    return {spelling: tuple(dict.fromkeys(names)) for spelling, names in found.items()}


def plain(spelling: str) -> str:
    """A value of a category without case and without what joins its parts: "ER 70S-6" is er70s6."""
    return re.sub(r"[\s\-_+/%:]+", "", spelling.casefold())


@lru_cache(maxsize=1)
def _groups() -> dict[str, tuple[str, str]]:
    """Plain spelling -> (kind of category, value)."""
    return {
        plain(one): (kind, value)
        for kind, values in words().categories.items()
        for value, others in values.items()
        for one in (value, *others)
    }


def kind_of(column: Column) -> str | None:
    """Of a category, by its levels: "material", "transfer_mode", "shielding_gas" or None."""
    own = (one for name, level in column.levels.items() for one in (name, *level.aliases))
    kinds = [_groups()[plain(one)][0] for one in own if plain(one) in _groups()]
    return max(sorted(set(kinds)), key=kinds.count, default=None)


def further_spellings(column: Column) -> Spellings:
    """Level -> what everybody else writes for it; a spelling of two levels is of neither.

    What the card itself spells is not among them.
    """
    kind, groups = kind_of(column), _groups()
    if kind is None:
        return {}
    own = [
        (plain(one), name)
        for name, level in column.levels.items()
        for one in (name, *level.aliases)
    ]
    spelled = {spelling for spelling, _ in own}
    levels: dict[str, set[str]] = {}
    for spelling, name in own:
        if spelling in groups and groups[spelling][0] == kind:
            levels.setdefault(groups[spelling][1], set()).add(name)
    return {
        name: [
            one for one in (value, *words().categories[kind][value]) if plain(one) not in spelled
        ]
        for value, names in levels.items()
        if len(names) == 1
        for name in names
    }


def not_on_card(column: Column) -> list[str]:
    """Spellings of values of the column's kind that are no level of it, such as another alloy."""
    kind = kind_of(column)
    if kind is None:
        return []
    own = {plain(one) for name, level in column.levels.items() for one in (name, *level.aliases)}
    return [
        one
        for value, others in words().categories[kind].items()
        if not own & {plain(one) for one in (value, *others)}
        for one in (value, *others)
    ]
