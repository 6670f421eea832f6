"""A raw table of prompts that somebody templated already, as the original study's.

Nothing says which prompts are of one bead; they are recognised by their numbers.
"""

import json
import re

import pandas as pd

from llm4waam.card.card import Card
from llm4waam.cleaning.log import WHOLE_ROW, CleaningLog

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:[.,]\d+)*(?!\w)")


def numbers_in(text: str, without: list[str]) -> tuple[str, ...]:
    """The numbers of a sentence, sorted, leaving out those right after a phrase of `without`."""
    for phrase in without:
        gap = rf"\b{re.escape(phrase)}\b\s*(?:is|was|of|=|:)?\s*"
        text = re.sub(gap + _NUMBER.pattern, " ", text, flags=re.IGNORECASE)
    return tuple(sorted(_NUMBER.findall(text)))


def merge_prompts(table: pd.DataFrame, card: Card, log: CleaningLog) -> pd.DataFrame:
    """One row a bead: its prompts as a JSON list, its outcome, and the columns bead and cell.

    Prompts with the same numbers and the same words are one bead, the words of the templates aside
    (see `_words_of_templates`). Beads that differ only in measured numbers (after the phrase of a
    measurement column) or only in their words are one cell. A bead whose prompts disagree about
    the outcome is logged and left out.
    """
    [prompt] = card.named("prompt")
    measured = [c.phrase for c in card.columns.values() if c.role == "measurement" and c.phrase]
    outcomes = card.named("outcome")
    merged, cells = [], []
    numbers = table[prompt].map(lambda text: numbers_in(text, []))
    templates = _words_of_templates(table[prompt], numbers)
    words = table[prompt].map(lambda text: tuple(sorted(_words(text) - templates)))
    signature = pd.Series(list(zip(numbers, words, strict=True)), index=table.index)
    for _, rows in table.groupby(signature, sort=False):
        if (rows[outcomes].nunique(dropna=False) > 1).any():
            for row in rows.index:
                log.reject(
                    row, WHOLE_ROW, "", f"other prompts of the bead of row {rows.index[0]} disagree"
                )
            continue
        texts = list(dict.fromkeys(rows[prompt]))
        cells.append(numbers_in(texts[0], measured) or (texts[0],))
        bead = f"bead_{rows.index[0]:05d}"
        merged.append({**rows.iloc[0], prompt: json.dumps(texts, ensure_ascii=False), "bead": bead})
    result = pd.DataFrame(merged)
    result["cell"] = [f"cell_{n:04d}" for n in pd.factorize(pd.Series(cells, dtype=object))[0]]
    return result


def _words(text: str) -> set[str]:
    """The words of a sentence in small letters, without its numbers."""
    return set(re.findall(r"[^\s,;:.?!()]+", _NUMBER.sub(" ", text).casefold()))


def _words_of_templates(texts: pd.Series, numbers: pd.Series) -> set[str]:
    """Words that every bead's prompts have: they are of the templates and tell no bead apart.

    What has the same `numbers` may be several beads, of two materials say: a word that only some
    of such groups have is a word of the bead. Where a bead has not all of the templates, their
    words tell it apart as well: beads are parted too often rather than too seldom, and stay in one
    cell.
    """
    groups = [set.union(*map(_words, same)) for _, same in texts.groupby(numbers, sort=False)]
    if len(groups) == 1:  # nothing to compare with: what all of its prompts say
        groups = [_words(text) for text in texts]
    return set.intersection(*groups) if groups else set()
