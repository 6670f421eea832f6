"""What a model that rewrites is counted by, and which beads are shown."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from llm4waam.advice.narrator import Narrated
from llm4waam.advice.page import BeadCard, fallbacks, spread_over


def card(*origins: str) -> BeadCard:
    texts = {name: Narrated("text", o) for name, o in zip(("en", "ko"), origins, strict=True)}
    return BeadCard("b", "Normal", texts, Path("x.svg"), None)


def test_the_share_that_fell_back_is_of_the_texts_that_were_asked_for() -> None:
    cards = [card("model", "template"), card("template", "template")]
    assert fallbacks(cards, object()) == {"asked": 4, "fallback_rate": 0.75}
    assert fallbacks([card("model", "model")], object())["fallback_rate"] == 0.0
    assert fallbacks(cards, None) == {"asked": 0, "fallback_rate": None}


def test_beads_are_shown_from_the_least_to_the_most_likely_normal() -> None:
    beads = pd.DataFrame({"bead": list("abcdefg"), "p": [0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.8]})
    examiner = SimpleNamespace(adviser=SimpleNamespace(chance=lambda b: b["p"].to_numpy()))
    shown = spread_over(examiner, beads, 3)
    assert shown["bead"].tolist() == ["b", "a", "c"]
    assert len(spread_over(examiner, beads, 50)) == 7
    assert np.all(np.diff(spread_over(examiner, beads, 5)["p"]) > 0)
