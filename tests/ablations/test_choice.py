"""How the recipe is chosen: inner folds, one standard error, the page."""

from collections.abc import Callable

import pandas as pd
import pytest
from study_settings import SETTINGS, TASKS
from test_plans import folds_of
from training_cases import RECIPE

from llm4waam.ablations.choice import (
    choice_figure,
    choice_page,
    choose,
    inner_scores,
    of_the_study,
    study_recipe,
    summarise_choice,
)
from llm4waam.ablations.plans import pair_plan
from llm4waam.ablations.variations import LOSS, Variation, variations_of
from llm4waam.plotting.style import save
from llm4waam.training.recipe import Recipe

FOLDS, GROUP = 4, "quality"


def candidate(key: str, epochs: int, group: str = GROUP, **more: object) -> Variation:
    recipe = {"epochs": epochs, **more}
    return Variation(key, f"{key} titled", ("quality",), group, recipe=recipe, plan="pairs")


def rows_of(key: str, wrong: dict[int, int]) -> pd.DataFrame:
    """Predictions of all pairs of folds; for outer fold k, the first `wrong[k]` beads are wrong."""
    folds = folds_of(folds=FOLDS)
    fold, parts = folds.set_index("bead")["fold"], []
    left = dict(wrong)
    for place, _, test in pair_plan(folds):
        pair = place[1] // FOLDS + place[1] % FOLDS
        for bead in test:
            truth, outer = float(bead[-1] in "02468"), pair - fold[bead]
            miss = left.get(outer, 0) > 0
            left[outer] = left.get(outer, 0) - miss
            score = 0.9 if truth != miss else 0.1
            parts.append((0, place[1], bead, truth, score, fold[bead]))
    names = ["repeat", "fold", "bead", "target", "score", "own"]
    table = pd.DataFrame(parts, columns=names)
    told = {"model": "bert", "label": "Normal", "loss": 0.1, "threshold": 0.5}
    return table.assign(task="quality", variation=key, **told)


def test_an_outer_fold_is_scored_on_the_beads_of_the_others_alone() -> None:
    """By models that saw neither: its own beads are never among them."""
    rows = rows_of("a", {2: 9})
    scores = inner_scores(rows, [candidate("a", 8)], TASKS, FOLDS).set_index("fold")["score"]
    inner = (folds_of(folds=FOLDS).query("role == 'train' and fold != 2")).shape[0]
    assert scores[2] == pytest.approx(1 - 9 / inner)
    assert (scores.drop(2) == 1).all()
    spoiled = rows.copy()  # the beads of outer fold 2 play no part in its score
    spoiled.loc[spoiled["own"] == 2, "score"] = 0.5
    again = inner_scores(spoiled, [candidate("a", 8)], TASKS, FOLDS).set_index("fold")["score"]
    assert again[2] == scores[2]
    assert (again.drop(2) < 1).any()


def test_the_cheapest_within_one_standard_error_is_chosen() -> None:
    variations = [candidate("best", 12), candidate("near", 6), candidate("far", 4)]
    wrong = {"best": {1: 1}, "near": {0: 1, 1: 0, 2: 1}, "far": {k: 8 for k in range(FOLDS)}}
    rows = pd.concat([rows_of(key, found) for key, found in wrong.items()])
    table = choose(inner_scores(rows, variations, TASKS, FOLDS), variations)
    table = table.set_index("variation")
    assert table["mean"].idxmax() == "best"
    assert table.at["near", "behind"] <= table.at["near", "error"]
    assert table.at["far", "behind"] > table.at["far", "error"]
    assert table.index[table["chosen"]].tolist() == ["near"]
    # Three models of 6 epochs cost more than one of 12.
    variations[1] = candidate("near", 6, seeds=3)
    table = choose(inner_scores(rows, variations, TASKS, FOLDS), variations)
    assert table.set_index("variation")["chosen"].idxmax() == "best"
    # Of equal ones the first, though the other is a little better.
    variations[1:2], variations[0] = [candidate("near", 12)], candidate("best", 12)
    variations[:2] = variations[1::-1]
    table = choose(inner_scores(rows, variations, TASKS, FOLDS), variations)
    assert table.set_index("variation")["chosen"].idxmax() == "near"


def test_the_page_names_what_was_chosen_in_each_group(tmp_path) -> None:
    variations = [candidate("a", 8), candidate("b", 8), candidate("c", 8, LOSS)]
    rows = pd.concat(
        [rows_of("a", dict.fromkeys(range(FOLDS), 4)), rows_of("b", {}), rows_of("c", {})]
    )
    scores = inner_scores(rows, variations, TASKS, FOLDS)
    table = choose(scores, variations)
    page = choice_page(scores, table, simulated=True)
    assert "Chosen: **b titled**. The recipe of params.yaml is none of these" in page
    assert "Chosen: **c titled**." in page
    page = choice_page(scores, choose(scores, variations, ["a", "c"]), simulated=True)
    assert (
        "Chosen: **b titled**. The recipe of params.yaml is another one, a titled, behind" in page
    )
    assert "Chosen: **c titled**. This is the recipe of params.yaml." in page
    assert "on simulated data" in page
    assert "| **b titled** |" in page
    told = summarise_choice(choose(scores, variations, ["a"]))[GROUP]
    assert (told["chosen"], told["study"]) == ("b", "a")
    save(tmp_path / "a.svg", choice_figure(table), simulated=True)
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_the_study_takes_as_many_steps_as_the_chosen_candidate() -> None:
    one = candidate("a", 12, gain=30.0)
    assert study_recipe(one, folds=5) == {"epochs": 9, "gain": 30.0}
    assert study_recipe(one, folds=3) == {"epochs": 6, "gain": 30.0}


def test_candidates_say_all_that_they_are_compared_in() -> None:
    """Else another default of the study would change what their results mean."""
    found = variations_of("choice", SETTINGS, TASKS)
    assert {one.plan for one in found} == {"pairs"}
    for one in found:
        assert {"numbers", "epochs"} <= set(one.recipe)
        assert one.recipe["numbers"] == "tokens" or "gain" in one.recipe
    losses = [one for one in found if one.group == LOSS]
    assert [one.recipe["loss"] for one in losses] == SETTINGS.choice.losses
    assert {name for one in losses for name in one.tasks} == {"defects"}
    groups = {one.group: one.tasks for one in found if one.group != LOSS}
    assert [*groups.values()] == [("defects",), ("quality",), ("heat_input", "energy")]


def test_the_study_s_candidate_is_found_by_its_recipe_and_of_losses_by_the_loss() -> None:
    def recipe(epochs: int, loss: str) -> Callable[[str, str], Recipe]:
        return lambda *_: RECIPE.model_copy(update={"epochs": epochs, "loss": loss})

    variations = [candidate("a", 8), candidate("b", 12), candidate("c", 8, LOSS, loss="focal")]
    assert of_the_study(variations, recipe(9, "bce"), folds=5) == ["b"]
    assert of_the_study(variations, recipe(6, "focal"), folds=5) == ["a", "c"]
    assert of_the_study(variations, recipe(7, "focal"), folds=5) == ["c"]
