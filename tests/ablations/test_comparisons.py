"""The stages `parity` and `losses` on a small table: what they compare and what they write."""

import json
from pathlib import Path

import pytest

from llm4waam.ablations.waterfall import STACKED, STEPS
from llm4waam.core.files import read_table
from llm4waam.training.losses import names_for
from stages import losses, parity


@pytest.fixture
def study(ready, params) -> Path:
    params["parity"] |= {"seeds": 2, "epochs": 2}
    params["losses"] |= {"tasks": ["defects", "quality", "heat_input"], "epochs": 1}
    return ready()


def test_the_waterfall_ends_in_trainer_bit_for_bit_and_starts_away_from_it(study: Path) -> None:
    parity.main()
    found = json.loads((study / "metrics/parity.json").read_text(encoding="utf-8"))
    assert set(found) == {"defects", "heat_input"}
    for steps in found.values():
        assert set(steps) == {*STEPS, STACKED, "trainer_with_another_seed"}
        assert steps["fused_adamw"]["max_logit_difference"] == 0
        assert steps["as_published"]["max_logit_difference"] > 1e-4
        assert steps[STACKED]["max_logit_difference"] > 1e-4  # other random numbers
        assert steps["trainer_with_another_seed"]["max_logit_difference"] > 1e-4
    assert found["heat_input"]["as_published"]["flipped_beads"] is None
    assert found["defects"]["fused_adamw"]["flipped_beads"] == 0
    table = read_table(study / "plots/parity.csv")
    assert len(table) == 2 * ((len(STEPS) + 1) * 2 + 1)
    page = (study / "plots/parity.md").read_text(encoding="utf-8")
    assert "simulated data" in page
    assert "bit for bit the same" in page
    assert (study / "plots/parity.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_every_loss_of_every_task_has_its_row(study: Path) -> None:
    losses.main()
    found = json.loads((study / "metrics/losses.json").read_text(encoding="utf-8"))
    assert set(found["defects"]) == set(names_for("multi_label"))
    assert set(found["quality"]) == set(names_for("binary"))
    regressions = {
        f"{n}_{s}" for n in names_for("regression") for s in ("raw", "standardised", "log")
    }
    assert set(found["heat_input"]) == regressions
    page = (study / "plots/losses.md").read_text(encoding="utf-8")
    assert "on simulated data" in page
    assert page.count("| cross_entropy |") == 1
