"""Training on beads with fields left out: how often, of which beads, and how they are scored."""

import numpy as np
import pandas as pd
import pytest
import torch
from training_cases import fit_fold, fold_of, task_data

from llm4waam.core.files import read_jsonl, read_table
from llm4waam.decisions.predictions import INCOMPLETE
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import Examples
from llm4waam.training.fit import fine_tune
from stages import train


def examples(share: float) -> Examples:
    """Forty rows of two prompts and two with fields left out, of which the last row has none."""
    told = [[["incomplete", 0], ["incomplete", 1]] for _ in range(39)]
    whole = [[["whole", 0], ["whole", 1]] for _ in range(40)]
    return Examples(whole, torch.zeros(40, 1), 3, [*told, []], share)


def test_a_bead_is_told_incomplete_with_the_chance_asked_for() -> None:
    def drawn(share: float) -> np.ndarray:
        made = examples(share)
        return np.array([[made.prompt(row, epoch)[0] for row in range(40)] for epoch in range(50)])

    found = drawn(0.3)
    assert (found[:, :39] == "incomplete").mean() == pytest.approx(0.3, abs=0.03)
    assert (found[:, 39] == "whole").all()
    assert (drawn(0.0) == "whole").all()
    assert (drawn(1.0)[:, :39] == "incomplete").all()
    plain = Examples(examples(0.0).choices, torch.zeros(40, 1), 3)
    for epoch in range(5):  # a share changes no draw of a bead that is told as it is
        kept = [row for row in range(40) if examples(0.3).prompt(row, epoch)[0] == "whole"]
        assert [examples(0.3).prompt(r, epoch) for r in kept] == [
            plain.prompt(r, epoch) for r in kept
        ]


def test_every_prompt_in_turn_is_told_with_fields_left_out_in_its_own_template(ready) -> None:
    folder = ready(prompts="all", incomplete=1.0)
    data = task_data(folder, "quality", prompts="all", incomplete=1.0)
    train_beads, _ = fold_of(folder)
    rows = read_jsonl(folder / "data/text/prompts.jsonl")
    assert {row["without"] for row in rows} > {""}
    [model] = fine_tune(data, [(data.recipe, train_beads, [])], lambda jobs: [[] for _ in jobs])
    made = model.scorer.training_examples(train_beads, data.values(train_beads))
    assert len(made) == sum(len(data.prompts[bead]) for bead in train_beads)
    place = 0
    for bead in train_beads:
        for n in range(len(data.prompts[bead])):
            own = [some[n].ids for some in data.incomplete[bead].values()]
            assert [prompt.ids for prompt in made.incomplete[place]] == own
            place += 1


def test_what_a_fold_says_of_incomplete_beads_is_of_its_test_beads_alone(ready) -> None:
    folder = ready(incomplete=0.5, epochs=2)
    data = task_data(folder, "heat_input", incomplete=0.5, epochs=2)
    train_beads, test_beads = fold_of(folder)
    assert fit_fold(data, train_beads, test_beads).incomplete is None
    train.main("bert", "heat_input")
    rows = pd.read_csv("data/incomplete/bert/heat_input.csv", dtype={"bead": str})
    assert list(rows) == INCOMPLETE
    whole = read_table("data/predictions/bert/heat_input.csv")
    both = rows.merge(whole, on=["repeat", "bead", "label"], suffixes=("", "_whole"))
    assert len(both) == len(rows) >= len(whole)
    assert (both["fold"] == both["fold_whole"]).all()
    assert (both["target"] == both["target_whole"]).all()
    assert (both["score"] != both["score_whole"]).mean() > 0.9
    told = {bead: set(sets) for bead, sets in data.incomplete.items()}
    for bead, some in rows.groupby("bead"):
        assert set(some["without"]) == told[bead]


def test_a_planted_outcome_of_a_test_bead_reaches_no_training_on_incomplete_beads(ready) -> None:
    folder = ready(incomplete=1.0)
    data = task_data(folder, "quality", incomplete=1.0)
    train_beads, test_beads = fold_of(folder)
    engine = engine_of(data.recipe)
    [honest] = fine_tune(data, [(data.recipe, train_beads, [])], engine)
    for bead in test_beads:
        data.targets[bead] = 1 - data.targets[bead]
        data.incomplete[bead] = {}
    [planted] = fine_tune(data, [(data.recipe, train_beads, [])], engine)
    for one, other in zip(honest.model.parameters(), planted.model.parameters(), strict=True):
        assert torch.equal(one, other)
