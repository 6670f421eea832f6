"""Logs as people write them: how many of the values said are read, and that no other is."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.logbook.fits import cleaned
from llm4waam.logbook.logbook import read_log

CARD = read_card(ROOT / "data/raw/waam_beads.yaml")
CLOSE = 0.01  # of a value: 3/64 inch is 1.19 mm


def score(text: str, said: dict[str, object]) -> Counter:
    """Of the values said: right, missed, doubted (missed, and a doubt quotes a piece); and wrong.

    Wrong is whatever is read beside what was said, or of another size.
    """
    log = read_log(text, CARD)
    read = {name: cleaned(value, CARD, name)[0] for name, value in log.values.items()}
    right = {name for name in read.keys() & said.keys() if close(read[name], said[name])}
    missed = said.keys() - read.keys()
    return Counter(
        said=len(said),
        right=len(right),
        wrong=len(read.keys() - right),
        missed=len(missed),
        doubted=len(missed) if log.doubts else 0,
    )


def close(read: object, said: object) -> bool:
    if isinstance(read, str) or isinstance(said, str):
        return read == said
    return abs(read - said) <= CLOSE * abs(said)


@pytest.mark.parametrize("file", ["shop_logs", "own_logs", "more_logs", "fresh_logs"])
def test_of_shop_logs_no_value_is_wrong_and_most_are_read(file: str) -> None:
    logs = yaml.safe_load(Path(__file__).with_name(f"{file}.yaml").read_text(encoding="utf-8"))
    scores = {log["text"]: score(log["text"], log["values"]) for log in logs}
    assert not [text for text, one in scores.items() if one["wrong"]]
    total = sum(scores.values(), Counter())
    assert total["right"] >= 0.95 * total["said"]
    assert total["right"] + total["missed"] == total["said"]
