"""Jumps of an answer between neighbouring values of a set-point."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.advice.smoothness import (
    LIMITS,
    jumps,
    measure_jumps,
    smoothness_page,
    summarise_jumps,
    sweep,
)
from llm4waam.card.card import read_card
from llm4waam.sentences.fields import say
from llm4waam.splits.tasks import make_task

FILE = ROOT / "data/raw/waam_beads.yaml"
CARD = read_card(FILE)
BEADS = pd.DataFrame(
    {"bead": ["a", "b"], "travel_speed_mm_s": [8.9, 0.15], "ctwd_mm": [15.0, 12.0]}
)
BEADS = BEADS.reindex(columns=["bead", *CARD.named("set_point")])


def test_a_slope_is_no_jump_and_a_step_is_one() -> None:
    slope = np.linspace(0.0, 0.9, 10)[:, None]
    assert jumps(slope).max() < 1e-12
    step = np.repeat([0.2, 0.6], 5)[:, None]
    assert jumps(step).ravel().tolist() == pytest.approx([0, 0, 0, 0, 0.4, 0, 0, 0, 0])
    assert jumps(np.hstack([slope, step])).shape == (9, 2)


def test_a_set_point_moves_by_two_steps_in_tenths_and_stays_above_zero() -> None:
    rows = sweep(BEADS.iloc[0], "travel_speed_mm_s", 0.1)
    assert rows["travel_speed_mm_s"].tolist() == [round(8.7 + n / 100, 2) for n in range(41)]
    assert rows["bead"].is_unique
    assert (rows["ctwd_mm"] == 15).all()
    assert sweep(BEADS.iloc[1], "travel_speed_mm_s", 0.1)["travel_speed_mm_s"].min() > 0


def predictor(spelled: bool) -> SimpleNamespace:
    """Answers that follow the travel speed, or the digits by which a sentence says it."""
    tasks = {name: make_task(CARD, name, FILE) for name in ("quality", "heat_input")}

    def raw_scores(beads: pd.DataFrame, names: list[str]) -> dict[str, np.ndarray]:
        speed = beads["travel_speed_mm_s"].to_numpy()
        if spelled:
            field = "travel_speed_mm_s"
            speed = np.array([float(say(CARD, field, v, "", False, "step").text) for v in speed])
        scores = {"quality": 1 / (1 + np.exp(2 * (speed - 9))), "heat_input": 2000 / speed}
        return {name: scores[name][:, None] for name in names}

    return SimpleNamespace(
        card=CARD, tasks=tasks, raw_scores=raw_scores, calibrated=lambda _, scores: scores
    )


@pytest.mark.parametrize("spelled", [False, True])
def test_an_answer_that_hangs_on_the_spelling_is_found(spelled: bool) -> None:
    beads = BEADS.iloc[:1].assign(travel_speed_mm_s=8.95)
    table = measure_jumps(predictor(spelled), beads).assign(model="bert")
    moved = table.set_index(["task", "field"])["jump"]
    assert moved["quality", "ctwd_mm"] == moved["heat_input", "ctwd_mm"] == 0
    found = summarise_jumps(table)["bert"]
    assert found["classification"]["sweeps"] == found["regression"]["sweeps"] == 2
    if spelled:  # 8.9 to 9.0 on the way from 8.95 to 8.96: 0.05 in P and 1.1 % in heat input
        assert found["classification"]["largest"] == pytest.approx(0.05, abs=0.003)
        assert found["regression"]["largest"] == pytest.approx(0.011, abs=0.001)
    else:
        assert found["classification"]["largest"] < 1e-4
        assert found["regression"]["largest"] < 1e-4
    assert "| contact tip to work distance | 0.5 mm " in smoothness_page(table, CARD)


def test_no_answer_of_the_study_hangs_on_the_spelling_of_a_number() -> None:
    file = Path("metrics/ablations/smoothness.json")
    found = json.loads((ROOT / file).read_text(encoding="utf-8"))
    for encoder in ("bert", "roberta"):
        for kind, limit in LIMITS.items():
            told = found[encoder][kind]
            assert told["beads"] == 10
            assert told["sweeps"] > 90
            assert told["over_limit"] == 0, (encoder, kind)
            assert told["largest"] <= limit
