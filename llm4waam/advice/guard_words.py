"""The words of the guard in one language, from guard_words.yaml."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from llm4waam.advice.draft import Language

FILE = Path(__file__).with_name("guard_words.yaml")
_ENDINGS = re.compile(r"(ing|ed|es|s|d|ly|e)$")


@dataclass(frozen=True)
class Words:
    """Groups of words as patterns, and the stems of words that carry nothing of their own."""

    language: Language
    groups: dict[str, re.Pattern[str]]
    labels: tuple[str, ...]
    stems: frozenset[str]
    splits: re.Pattern[str]

    def found(self, group: str, text: str) -> list[str]:
        """The words of a group in a text, lower case, in order."""
        return [match.group().strip().lower() for match in self.groups[group].finditer(text)]

    def stem(self, word: str) -> str:
        """What tells a word from others: without an English ending, two syllables of a Korean."""
        if self.language == "ko":
            return word[:2]
        short = _ENDINGS.sub("", word)
        return short if len(short) > 2 else word


@cache
def words_of(language: Language) -> Words:
    """The words of a language."""
    texts = {
        group: languages[language]
        for group, languages in yaml.safe_load(FILE.read_text(encoding="utf-8")).items()
    }
    edge = r"(?<![\w⟨])(?:{})(?![\w⟩])" if language == "en" else "(?:{})"
    plain = ("preamble", "labels", "split", "vocabulary")
    groups = {
        group: _pattern(edge, patterns) for group, patterns in texts.items() if group not in plain
    }
    groups["preamble"] = _pattern("(?:{})", texts["preamble"])
    words = Words(
        language,
        groups,
        tuple(texts["labels"]),
        frozenset(),
        re.compile("|".join(texts["split"]), re.IGNORECASE),
    )
    stems = frozenset(words.stem(word) for word in texts["vocabulary"].split())
    return Words(language, groups, words.labels, stems, words.splits)


def _pattern(frame: str, patterns: list[str]) -> re.Pattern[str]:
    # The longest first, so that "more than" is not read as "more"; an empty group matches nothing.
    inner = "|".join(sorted(patterns, key=len, reverse=True)) or r"(?!)"
    return re.compile(frame.format(inner), re.IGNORECASE)
