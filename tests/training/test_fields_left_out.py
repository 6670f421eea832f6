"""Training on beads with fields left out: how often, of which beads, and how they are scored."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from training_cases import fit_fold, fold_of, task_data

from llm4waam.core.files import JsonLines, read_table
from llm4waam.decisions.predictions import INCOMPLETE
from llm4waam.stacked.engine import engine_of
from llm4waam.training.data import Examples
from llm4waam.training.fit import Wanted, fine_tune
from stages import train


@pytest.fixture
def told(ready, params: dict) -> Callable[..., Path]:
    """A folder with prompts with fields left out, and changes of `train`."""
    params["text"]["incomplete"] = 4
    return ready


def no_engine(jobs: Sequence) -> list[list]:
    """An engine that leaves every model as it is."""
    return [[] for _ in jobs]


def examples(again: float) -> Examples:
    """Forty beads of two prompts and two with fields left out, of which the last bead has none."""
    told = [[["incomplete", bead], ["incomplete", bead]] for bead in range(39)]
    whole = [[["whole", bead, 0], ["whole", bead, 1]] for bead in range(40)]
    return Examples(whole, torch.arange(40.0)[:, None], 3, [*told, []], again)


def test_an_epoch_tells_so_many_beads_once_more_with_fields_left_out() -> None:
    made, plain, counts = examples(0.25), examples(0.0), np.zeros(40)
    assert [len(made), len(plain)] == [50, 40]
    for epoch in range(1, 201):
        rows = range(len(made))
        told = [made.prompt(row, epoch) for row in rows]
        assert [one[1] for one in told] == made.targets_of([*rows], epoch)[:, 0].tolist()
        # Nothing changes of a bead as it is.
        assert told[:40] == [plain.prompt(row, epoch) for row in range(40)]
        again = [bead for _, bead, *_ in told[40:]]
        assert len(set(again)) == 10
        counts[again] += 1
        assert all(one[0] == ("whole" if one[1] == 39 else "incomplete") for one in told[40:])
    assert counts.min() > 25
    assert counts.max() < 75


def test_every_prompt_in_turn_is_told_with_fields_left_out_in_its_own_template(told) -> None:
    folder = told(prompts="all", incomplete=1.0)
    data = task_data(folder, "quality", prompts="all", incomplete=1.0)
    train_beads, _ = fold_of(folder)
    rows = list(JsonLines(folder / "data/text/prompts.jsonl"))
    assert {row["without"] for row in rows} > {""}
    [model] = fine_tune(
        data,
        [Wanted(data.recipe, train_beads, [], "the training")],
        lambda jobs: [[] for _ in jobs],
    )
    made = model.scorer.training_examples(train_beads, data.values(train_beads))
    assert len(made) == 2 * sum(len(data.prompts[bead]) for bead in train_beads)
    place = 0
    for bead in train_beads:
        for n in range(len(data.prompts[bead])):
            own = [some[n].ids for some in data.prompts.incomplete_of(bead).values()]
            assert np.array_equal([prompt.ids for prompt in made.incomplete[place]], own)
            place += 1


def test_what_a_fold_says_of_incomplete_beads_is_of_its_test_beads_alone(told) -> None:
    folder = told(incomplete=0.5, epochs=2)
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
    told = {bead: set(data.prompts.incomplete_of(bead)) for bead in data.prompts}
    for bead, some in rows.groupby("bead"):
        assert set(some["without"]) == told[bead]


def test_a_planted_outcome_of_a_test_bead_reaches_no_training_on_incomplete_beads(told) -> None:
    folder = told(incomplete=1.0)
    data = task_data(folder, "quality", incomplete=1.0)
    train_beads, test_beads = fold_of(folder)
    engine = engine_of(data.recipe)
    [honest] = fine_tune(data, [Wanted(data.recipe, train_beads, [], "the training")], engine)
    for bead in test_beads:
        data.targets[bead] = 1 - data.targets[bead]
        data.prompts.places.pop(bead)
    [planted] = fine_tune(data, [Wanted(data.recipe, train_beads, [], "the training")], engine)
    for one, other in zip(honest.model.parameters(), planted.model.parameters(), strict=True):
        assert torch.equal(one, other)
