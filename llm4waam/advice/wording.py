"""What things are called in a language, and what the command line says in it.

Korean particles, which depend on the word before, are at the end.

The words stand in words.yaml and messages.yaml. Nothing slow is imported here: a prediction without
explanations needs it too.
"""

import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path

import yaml

from llm4waam.advice.settings import Language
from llm4waam.card.card import Card
from llm4waam.encoders.families import FAMILIES
from llm4waam.plotting.language import name as known_name
from llm4waam.plotting.language import names

WORDS, PAGE_WORDS = (Path(__file__).with_name(name) for name in ("words.yaml", "page_words.yaml"))
MESSAGES = Path(__file__).with_name("messages.yaml")
_HANGUL = re.compile("[가-힣]")
_UNIT_BEHIND = re.compile(r"\s*[\[(（][^\])）]*[\])）]\s*$")


@lru_cache(maxsize=1)
def words() -> dict:
    """What words.yaml holds, and the names of fields and labels, which figures have as well."""
    named = {kind: dict(names()[kind]) for kind in ("fields", "labels")}
    return named | yaml.safe_load(WORDS.read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def page_words() -> dict:
    """What page_words.yaml holds."""
    return yaml.safe_load(PAGE_WORDS.read_text(encoding="utf-8"))


def called(card: Card, kind: str, key: str, language: Language) -> str | None:
    """A field, label, rule, class or target in a language; None where no word is known.

    In Korean the card's own Korean header, phrase or meaning comes first.
    """
    if language == "ko" and key in card.columns:
        column = card.columns[key]
        for own in (column.header, column.phrase, column.meaning):
            if own and _HANGUL.search(own):
                return _UNIT_BEHIND.sub("", own)
    word = words()[kind].get(key)
    return word[language] if word else None


def titled(key: str, language: Language) -> str:
    """A model or a task as a reader sees it; one without a name with blanks for underscores."""
    if key in FAMILIES:
        return FAMILIES[key].title
    return known_name(key, language) or key.replace("_", " ")


def column_called(card: Card, name: str, language: Language) -> str:
    """A column of the card in a language; its own name where no word is known."""
    for kind in ("fields", "targets"):
        if found := called(card, kind, name, language):
            return found
    return name


def in_language(message: str, card: Card, language: Language) -> str:
    """A message of the command line in a language; as it is where messages.yaml lacks it."""
    if language == "en":
        return message
    for pattern, korean in _messages():
        if found := pattern.fullmatch(message):
            parts = {name: _part(name, text, card) for name, text in found.groupdict().items()}
            return korean.format(**parts)
    place, colon, rest = message.partition(": ")  # "bead: ...", "'8 kg': outside 1 to 30 mm/s"
    return f"{place}: {in_language(rest, card, language)}" if colon else message


@cache
def _messages() -> list[tuple[re.Pattern, str]]:
    """Patterns of the English messages with the Korean ones, in order."""
    listed = yaml.safe_load(MESSAGES.read_text(encoding="utf-8"))
    return [
        (re.compile(re.sub(r"\\\{(\w+)\\\}", _group, re.escape(english)), re.DOTALL), korean)
        for english, korean in listed.items()
    ]


def _group(found: re.Match) -> str:
    name = found[1]
    quoted = r"'[^\n]*?'|\"[^\n]*?\""
    pattern = {"said": rf"(?:{quoted})(?: and (?:{quoted}))*", "row": r"\d+", "column": r"\w+"}
    pattern |= {"columns": r"\w+(?: or \w+)*", "cue": quoted, "cell": quoted, "unit": r"\S+"}
    pattern |= {"message": ".+?", "other": r"\d+", "count": r"[\d,]+"}
    return f"(?P<{name}>{pattern.get(name, '(?:(?!; expected ).)+?')})"


def _part(name: str, text: str, card: Card) -> str:
    if name in ("message", "expected", "what"):
        return in_language(text, card, "ko")
    if name in ("column", "columns"):
        return ", ".join(column_called(card, one, "ko") for one in text.split(" or "))
    if name == "values":
        return re.sub(r"(^|, )(\w+)(?= = )", lambda m: m[1] + column_called(card, m[2], "ko"), text)
    if name == "options":
        return text.replace(" or ", " 또는 ")
    return text.replace("' and '", "', '") if name == "said" else text


@contextmanager
def messages_in(language: Language, card: Card) -> Iterator[None]:
    """What is logged inside, in a language, whatever part of the library says it."""

    def translate(record: logging.LogRecord) -> bool:
        record.msg, record.args = in_language(record.getMessage(), card, language), ()
        return True

    handlers = logging.getLogger().handlers if language != "en" else []
    for handler in handlers:
        handler.addFilter(translate)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(translate)


# Korean particles depend on the last sound of the word before: with a final consonant, without.
_PAIRS = {"은": ("은", "는"), "이": ("이", "가"), "을": ("을", "를"), "으로": ("으로", "로")}
FORMS = {"topic": "은", "subject": "이", "object": "을", "as": "으로"}  # as words.yaml names them
_LIEUL = 8  # the final consonant after which 으로 is 로
# Read as 퍼센트, 도, 밀리미터 and 센티미터, which end in a vowel.
_UNITS = ("%", "°", "mm", "cm")
# Digits and letters as they are read aloud: 1 is 일, L is 엘. The value: the final consonant.
_ENDS = {"0": 21, "1": 8, "3": 16, "6": 1, "7": 8, "8": 8} | {"l": 8, "m": 16, "n": 4, "r": 8}


def with_forms(values: Mapping[str, object]) -> dict[str, str]:
    """Each word with each of its particles: "field_topic", "field_object" and so on of "field"."""
    return {
        f"{name}_{form}": with_particle(str(word), particle)
        for name, word in values.items()
        for form, particle in FORMS.items()
    }


def with_particle(word: str, particle: str) -> str:
    """The word with the right form of a particle, named by its form after a consonant ("은")."""
    closed, bare = _PAIRS[particle]
    consonant = _final_consonant(word)
    open_ended = consonant == 0 or (particle == "으로" and consonant == _LIEUL)
    return word + (bare if open_ended else closed)


def _final_consonant(word: str) -> int:
    """The number of the last sound's final consonant, 0 where it has none.

    What stands in brackets at the end is passed over: the particle belongs to the word before it.
    Latin words and digits go by the name of their last character.
    """
    bare = word.rstrip()
    while bare.endswith(")") and "(" in bare:
        bare = bare[: _opening(bare)].rstrip()
    if bare.endswith(_UNITS):
        return 0
    letters = [c for c in unicodedata.normalize("NFC", bare) if c.isalnum()]
    if not letters:
        return 0
    last = letters[-1].lower()
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28
    return _ENDS.get(last, 0)


def _opening(text: str) -> int:
    """Where the bracket opens that the text's last letter closes; 0 where none does."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if depth == 0:
            return place
    return 0
