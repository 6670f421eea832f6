import numpy as np
import pandas as pd
import pytest

from llm4waam.baselines.features import Features
from llm4waam.baselines.models import BASELINES, Fold
from llm4waam.core.files import read_table
from llm4waam.splits.tasks import Task
from stages import baselines, clean, serialize_to_text, split


def task(kind: str, outputs: tuple[str, ...]) -> Task:
    return Task("t", kind, outputs, None, ("no", "yes"), "log", "J/mm", "?")


def features(speed: np.ndarray, **formulas: np.ndarray) -> Features:
    beads = [f"b{n}" for n in range(len(speed))]
    table = pd.DataFrame({"speed": speed, "wire": ["a", "b"] * (len(speed) // 2)}, index=beads)
    texts = pd.Series([f"speed {s:.0f}" for s in speed], index=beads)
    return Features(table, texts, pd.DataFrame(formulas, index=beads))


def test_a_formula_falls_back_on_what_needs_less_and_then_on_the_mean() -> None:
    y = np.array([[10.0], [30.0]])
    train = features(np.array([1.0, 2.0]))
    test = features(
        np.array([1.0, 2.0, 3.0, 4.0]),
        post_weld=np.array([5.0, np.nan, np.nan, np.nan]),
        pre_weld=np.array([6.0, 7.0, np.nan, 8.0]),
    )
    fold = Fold(task("regression", ("x",)), train, y, test, 5, 0)
    assert BASELINES["formula_post_weld"][1](fold).ravel().tolist() == [5, 7, 20, 8]
    assert BASELINES["formula_pre_weld"][1](fold).ravel().tolist() == [6, 7, 20, 8]
    nothing = Fold(task("regression", ("x",)), train, y, train, 5, 0)
    assert BASELINES["formula_pre_weld"][1](nothing) is None


def test_ridge_on_logs_finds_a_power_law() -> None:
    speed = np.linspace(1, 20, 60)
    everything = features(speed)
    y = (900 / speed**2)[:, None]
    fold = Fold(task("regression", ("x",)), everything, y, everything, 5, 0)
    predicted = BASELINES["ridge_logs"][1](fold)
    assert np.abs(np.log(predicted / y)).max() < 0.2
    assert np.abs(np.log(BASELINES["extra_trees"][1](fold) / y)).max() < 0.2


@pytest.mark.parametrize("name", [name for name, (labels, _) in BASELINES.items() if labels])
def test_classifiers_give_probabilities_and_stand_a_label_that_a_fold_lacks(name: str) -> None:
    speed = np.arange(1.0, 41)
    everything = features(speed)
    y = np.column_stack([speed > 20, np.zeros(40), np.ones(40)]).astype(float)
    fold = Fold(task("multi_label", ("fast", "never", "always")), everything, y, everything, 20, 0)
    scores = BASELINES[name][0](fold)
    assert scores.shape == (40, 3)
    assert (scores[:, 1] == 0).all()
    assert scores[:, 2] == pytest.approx(1)
    assert ((scores >= 0) & (scores <= 1)).all()
    if name != "majority":
        assert ((scores[:, 0] > 0.5) == y[:, 0]).mean() > 0.9


def test_the_stage_predicts_every_training_bead_once_and_the_hold_out_once(workspace) -> None:
    folder = workspace()
    clean.main()
    split.main()
    serialize_to_text.main()
    for name in ("defects", "heat_input"):
        baselines.main(name)
    folds = read_table(folder / "data/split/folds.csv").set_index("bead")
    for name, outputs in (("defects", 4), ("heat_input", 1)):
        rows = read_table(folder / f"data/predictions/baselines/{name}.csv")
        for _, model in rows.groupby("model"):
            assert len(model) == len(folds) * outputs
            assert not model.duplicated(["bead", "label"]).any()
            role = folds.loc[model["bead"], "role"].map({"train": "oof", "test": "hold_out"})
            assert (model["role"].to_numpy() == role.to_numpy()).all()
            assert np.isfinite(model[["score", "loss"]]).all(axis=None)
    formula = rows[rows["model"] == "formula_post_weld"]
    assert formula["score"].to_numpy() == pytest.approx(formula["target"].to_numpy(), rel=1e-4)


@pytest.mark.parametrize("hold_out", [0.2, 0])
def test_predictions_do_not_depend_on_the_number_of_processes(
    workspace, params, hold_out: float
) -> None:
    params["split"]["hold_out"] = hold_out
    written = set()
    for workers in (1, 3):
        params["baselines"]["workers"] = workers
        folder = workspace(params=params)
        for stage in (clean, split, serialize_to_text):
            stage.main()
        baselines.main("heat_input")
        written.add((folder / "data/predictions/baselines/heat_input.csv").read_bytes())
    assert len(written) == 1
