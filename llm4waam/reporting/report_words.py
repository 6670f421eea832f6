"""The words of the report in one language, from report_words.yaml."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from llm4waam.plotting.style import title

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
        if kind not in known:
            return title
        share = f"{float(value):.0%}" if kind == "noise" else ""
        return known[kind][self.language].format(n=value, percent=share)
