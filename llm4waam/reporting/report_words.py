"""The words of the report in one language, from report_words.yaml."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from llm4waam.plotting.style import title
from llm4waam.reporting.results import number

FILE = Path(__file__).with_name("report_words.yaml")
LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class Words:
    """What the report says in one of LANGUAGES."""

    language: str
    texts: dict

    @classmethod
    def read(cls, language: str) -> "Words":
        """The words of a language."""
        return cls(language, yaml.safe_load(FILE.read_text(encoding="utf-8")))

    def say(self, *keys: str, **values: object) -> str:
        """The text under `keys`, its {names} filled in; raises KeyError for what is not there."""
        found = self.texts
        for key in keys:
            found = found[key]
        return self.fill(found, **values)

    def fill(self, text: dict, **values: object) -> str:
        """A text of both languages in this one."""
        return text[self.language].format(**values)

    def name(self, key: str) -> str:
        """A model, task, label or metric by its name; `style.title` where there is no other."""
        known = self.texts["names"].get(key)
        return known[self.language] if known else title(key)

    def variant(self, key: str) -> str:
        """A variant of a sweep: "beads_20" fills 20 into the text of "beads"."""
        known = self.texts["variants"]
        if key in known:
            return known[key][self.language]
        kind, _, value = key.rpartition("_")
        share = f"{float(value):.0%}" if kind == "noise" else ""
        return known[kind][self.language].format(n=value, percent=share)


def shown(value: float | None) -> str:
    """A score as every page shows it; – where it is undefined."""
    return number(None if value is None or pd.isna(value) else value)


def probability(p: float | None) -> str:
    """A p as the report shows it."""
    if p is None or pd.isna(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def between(score: float | None, low: float | None, high: float | None) -> str:
    """A score and its interval."""
    if low is None or pd.isna(low):
        return shown(score)
    return f"{shown(score)} ({shown(low)} ~ {shown(high)})"
