"""The words of the report in one language, from report_words.yaml."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from llm4waam.plotting import language
from llm4waam.plotting.style import title

FILE = Path(__file__).with_name("report_words.yaml")
LANGUAGES = ("en", "ko")


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
        return text[self.language].format(**values) if text else ""

    def name(self, key: str) -> str:
        """A model, task, label or metric by its name; `style.title` where there is no other."""
        known = self.texts["names"].get(key)
        return known[self.language] if known else language.name(key, self.language) or title(key)

    def listed(self, keys: Iterable[str]) -> str:
        """Names in a sentence: "BERT, RoBERTa and DistilBERT"."""
        *others, last = map(self.name, keys)
        return (", ".join(others) + self.say("page", "and") if others else "") + last

    def variation(self, key: str, title: str) -> str:
        """A variation of an ablation: "beads_20" fills 20 into the text of "beads".

        Its own `title` where there is no text.
        """
        known = self.texts["variants"]
        if key in known:
            return known[key][self.language]
        kind, _, value = key.rpartition("_")
        if key.startswith("without_"):  # the name of a column, which may have more underscores
            kind, value = "without", key.removeprefix("without_").replace("_", " ")
        if kind not in known:
            return title
        share = f"{float(value):.0%}" if kind == "noise" else ""
        return known[kind][self.language].format(n=value, percent=share)
