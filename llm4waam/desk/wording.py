"""What the desk says in a language; the words stand in words.yaml."""

from functools import cache
from pathlib import Path

import yaml

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import with_forms

WORDS = Path(__file__).with_name("words.yaml")


def said(key: str, language: Language, **values: object) -> str:
    """A text of words.yaml with its values; Korean ones come with their particles."""
    texts = {name: str(value) for name, value in values.items()}
    forms = with_forms(texts) if language == "ko" else {}
    return _words()[key][language].format(**texts, **forms)


@cache
def _words() -> dict[str, dict[str, str]]:
    return yaml.safe_load(WORDS.read_text(encoding="utf-8"))
