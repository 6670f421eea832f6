"""The words of the report in one language, from report_words.yaml."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from llm4waam.plotting import language
from llm4waam.plotting.pages import between, number
from llm4waam.plotting.style import title

FILE = Path(__file__).with_name("report_words.yaml")
LANGUAGES = ("en", "ko")
CODE = "\x0e"  # before and behind a command or path: no text of a card can hold it by chance


@dataclass(frozen=True)
class Words:
    """What the report says in one of LANGUAGES."""

    language: str
    texts: dict
    facts: frozenset[str] = frozenset()

    @classmethod
    def read(cls, language: str, facts: frozenset[str] = frozenset()) -> "Words":
        """The words of a language for a table of which the `facts` are true."""
        return cls(language, yaml.safe_load(FILE.read_text(encoding="utf-8")), facts)

    def say(self, *keys: str, **values: object) -> str:
        """The text under `keys`, its {names} filled in; raises KeyError for what is not there."""
        found = self.texts
        for key in keys:
            found = found[key]
        return self.fill(found, **values)

    def fill(self, text: dict, **values: object) -> str:
        """A text of both languages in this one.

        One that hangs on a fact of the table (`if`, `then`, `else`) is "" where there is none.
        """
        while "if" in text:
            text = text.get("then" if text["if"] in self.facts else "else", {})
        return text[self.language].replace("`", CODE).format(**values) if text else ""

    def name(self, key: str) -> str:
        """A model, task, label, metric or head by its name; `style.title` where there is none."""
        known = self.texts["names"].get(key)
        return known[self.language] if known else language.name(key, self.language) or title(key)

    def task(self, key: str) -> str:
        """The name of a task at the beginning of a sentence."""
        name = self.name(key)
        return name[:1].upper() + name[1:]

    def listed(self, parts: Iterable[str]) -> str:
        """Parts of a sentence: "BERT, RoBERTa and DistilBERT"."""
        *others, last = parts
        return (", ".join(others) + self.say("page", "and") if others else "") + last

    def range(self, low: float | None, high: float | None) -> str:
        """The ends of an interval: "-0.044 to 0.102"."""
        return self.say("page", "range", low=number(low), high=number(high))

    def score(self, score: float | None, low: float | None, high: float | None) -> str:
        """A score and its interval: "0.774 (0.681 to 0.856)"."""
        joined = "~" if self.language == "ko" else "to"
        return between(score, low, high, joined_by=joined)

    def shares(self, low: float, high: float) -> str:
        """The ends of an interval of shares: "85 to 96 %"."""
        return self.say("page", "range", low=f"{100 * low:.0f}", high=share(high))

    def title(self, title: str) -> str:
        """The title of a variation of an ablation."""
        return language.in_korean(title) if self.language == "ko" else title


def share(value: float) -> str:
    """A share as people say it: "91 %"."""
    return f"{100 * value:.0f} %"
