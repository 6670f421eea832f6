"""Rungs read what their tier says, whatever params.yaml says."""

import pytest
from conftest import ROOT

from llm4waam.ablations.climbing import Climb
from llm4waam.ablations.rungs import RUNGS
from llm4waam.card.card import read_card
from llm4waam.core.settings import read_params
from llm4waam.pretraining.corpus import other_laboratories
from llm4waam.splits.tasks import make_task
from stages.check_params import AllParams

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)


@pytest.mark.parametrize("derived", [0, 1, 2])
@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.key)
def test_a_rung_tells_no_field_above_its_tier(rung, derived: int) -> None:
    style = read_params(AllParams, ROOT / "params.yaml").text.model_copy(
        update={"derived": derived}
    )
    tasks = [make_task(CARD, "quality", FILE)]
    climb = Climb(CARD, other_laboratories(4, 5), None, style, {}, tasks, {}, 1)
    asked = rung.text.get("derived", 0)
    assert asked <= rung.tier
    said = " ".join(row["text"] for row in climb.prompts(rung))
    if rung.text.get("names", "phrases") == "phrases":
        for field in CARD.derived.values():
            told = bool(field.phrase) and field.phrase in said
            assert not told or field.tier <= asked
        assert ("wire to travel ratio" in said) is (asked > 0)
