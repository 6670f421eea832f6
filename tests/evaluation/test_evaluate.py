"""The evaluate stage on a made-up study: what it writes, what it refuses, and its statistics."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_study import REGRESSORS, TASKS

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import fingerprint, read_table
from llm4waam.decisions.confidence import fit_calibration
from llm4waam.evaluation import bootstrap
from llm4waam.evaluation.assessment import Assessment, best
from llm4waam.evaluation.metrics import HEADLINES, task_metrics
from llm4waam.evaluation.read_predictions import read_predictions
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.reporting.calibrated import as_answered, trust
from llm4waam.reporting.results import (
    SIMULATOR,
    _against,
    known_ceilings,
)
from llm4waam.splits.tasks import Task, make_task, targets
from stages import evaluate


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the evaluated study, for tests that change it."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


def test_a_ceiling_is_that_of_the_raw_table(study: Path) -> None:
    card, raw = read_card(study / "data/raw/waam_beads.yaml"), study / "data/raw/waam_beads.csv"
    raw.write_text("record\n1\n", encoding="utf-8")
    simulated = {"table": fingerprint(raw), "ceiling": {"with_note": 0.8, "gain": 0.1}}
    for made, expected in (
        (simulated, {"quality_with_note": 0.8}),
        ({"table": fingerprint(raw)}, {}),  # a population: the simulator knows none
        ({"table": "of another file", "ceiling": {"with_note": 0.8}}, card.ceiling),
    ):
        SIMULATOR.write_text(json.dumps(made), encoding="utf-8")
        assert known_ceilings(card, raw) == expected
    SIMULATOR.unlink()
    assert known_ceilings(card, raw) == card.ceiling != {}


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what figures do not show: they take most of the stage's time."""
    monkeypatch.setattr(evaluate, "draw", lambda *_: {})


def outputs(folder: Path) -> dict[str, bytes]:
    files = [*folder.glob("metrics/**/*.json"), *folder.glob("plots/results/*")]
    return {str(f.relative_to(folder)): f.read_bytes() for f in files if f.is_file()}


def edit(file: Path, change) -> None:
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    change(table).to_csv(file, index=False)


def test_two_runs_write_all_outputs_in_the_same_bytes(study: Path) -> None:
    before = outputs(study)
    names = {f"metrics/{s}/{t}.json" for s in ("bert", "roberta", "baselines") for t in TASKS}
    plots = ("results", "predicted", "per_label_f1", "confusion", "reliability")
    names |= {f"plots/results/{name}.{kind}" for name in plots for kind in ("csv", "svg")}
    names |= {"metrics/comparisons.json", "metrics/incomplete.json", "metrics/summary.json"}
    names |= {"plots/results/results.md", "plots/results/came_true.csv"}
    names |= {f"plots/results/{name}.svg" for name in ("learning_curves", "answer", "answer.ko")}
    assert set(before) == names
    page = before["plots/results/results.md"].decode()
    assert page.startswith("# Results on simulated data, pre-weld information")
    (study / "plots/results/results.svg").unlink()
    evaluate.main()
    assert outputs(study) == before


def test_other_predictions_write_other_bytes(study: Path) -> None:
    before = outputs(study)
    file = study / "data/predictions/bert/quality.csv"
    edit(file, lambda t: t.assign(score=(1 - t["score"].astype(float)).astype(str)))
    evaluate.main()
    changed = {name for name, content in outputs(study).items() if before[name] != content}
    shown = "plots/results/results.svg"
    assert {"metrics/bert/quality.json", "metrics/summary.json", shown} <= changed
    assert "metrics/bert/defects.json" not in changed


def test_metrics_have_the_agreed_shape(made: Path) -> None:
    quality = json.loads((made / "metrics/bert/quality.json").read_text())
    assert set(quality) == {"oof", "hold_out", "per_label", "optimistic"}
    assert quality["optimistic"] == 0
    expected = {"accuracy", "recall_defect", "recall_normal", "val_loss", "samples_f1"}
    assert expected | {"average_precision", "brier", "log_loss", "ece"} < set(quality["oof"])
    assert quality["oof"]["accuracy"] == quality["oof"]["micro_f1"]
    low, high = quality["oof"]["interval"]["low"], quality["oof"]["interval"]["high"]
    assert low < quality["oof"]["accuracy"] < high
    assert set(quality["per_label"]) == {"defect", "normal"}
    heat = json.loads((made / "metrics/baselines/heat_input.json").read_text())
    assert set(heat) == set(REGRESSORS)
    known = {"val_loss", "mse", "rmse", "mae", "r2", "mape", "log_rmse"}
    assert set(heat["mean"]["hold_out"]) == known


def test_absent_label_is_null_and_out_of_the_macro_mean(made: Path) -> None:
    defects = json.loads((made / "metrics/baselines/defects.json").read_text())["majority"]
    assert defects["per_label"]["discontinuity"] == {
        "f1": None, "precision": None, "recall": None, "support": 0,
    }  # fmt: skip
    known = [v["f1"] for v in defects["per_label"].values() if v["f1"] is not None]
    assert defects["oof"]["macro_f1"] == pytest.approx(np.mean(known), rel=5e-4)


def test_summary_compares_the_best(made: Path) -> None:
    summary = json.loads((made / "metrics/summary.json").read_text())
    assert sum(len(task) for task in summary.values()) <= 40
    for task, found in summary.items():
        assert found["best_encoder"] == "bert"
        baselines = json.loads((made / f"metrics/baselines/{task}.json").read_text())
        assert found["best_baseline"] in baselines
        gap = found["encoder_score"] - found["baseline_score"]
        assert found["difference"] == pytest.approx(gap, abs=2e-3)  # three digits
        assert found["difference_low"] <= found["difference"] <= found["difference_high"]
    assert summary["heat_input"]["best_baseline"] != "formula_post_weld"


def one(model: str, score: float, gap: float) -> Assessment:
    task = Task("t", "binary", ("a",), None, ("no", "yes"), "none", None, "?")
    metrics = {"oof": {"accuracy": score}}
    return Assessment(task, model, None, None, metrics, score, np.full(9, gap))


@pytest.mark.parametrize(
    ("encoder", "baseline", "verdict", "words"),
    [
        (
            0.9,
            0.7,
            BETTER,
            "the encoder is better (difference +0.200, 95 % interval 0.190 to 0.210",
        ),
        (0.6, 0.9, WORSE, "the encoder is worse (difference -0.300"),
        (0.6, 0.9, UNTOLD, "which is better cannot be told (difference -0.300"),
        (0.5, 0.5, UNTOLD, "a tie"),
    ],
)
def test_the_sentence_quotes_the_verdict(
    encoder: float, baseline: float, verdict: str, words: str
) -> None:
    gap = encoder - baseline
    pair = {"one": "bert", "other": "mean", "difference": gap, "verdict": verdict, "p_holm": 0.01}
    pair |= {"difference_low": gap - 0.01, "difference_high": gap + 0.01}
    both = one("bert", encoder, encoder), one("mean", baseline, baseline)
    text = _against(*both, "the mean", {"bert_vs_baseline": pair})
    assert words in text
    assert text.startswith("The mean scores accuracy 0")


def test_first_of_equals_is_best() -> None:
    both = [one("bert", 0.5, 0), one("roberta", 0.5, 0), one("mean", 0.9, 0)]
    assert best(both, encoder=True).model == "bert"
    assert best(both, encoder=False).model == "mean"


QUALITY = Path("data/predictions/bert/quality.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: pd.concat([t, t.iloc[[3]]]), "stands twice"),
        (lambda t: t.drop(index=5), "has no row of this bead"),
        (lambda t: t.assign(score=t["score"].where(t.index != 7, "nan")), "row 8, column score"),
        (lambda t: t.assign(score=t["score"].where(t.index != 7, "")), "row 8, column score"),
        (lambda t: t.assign(loss=t["loss"].where(t.index != 2, "?")), "row 3, column loss: '?'"),
        (lambda t: t.assign(bead=t["bead"].replace("b020", "b999")), "no train bead"),
        (lambda t: t.assign(fold=t["fold"].replace("3", "4")), "not the fold"),
        (lambda t: t.assign(target=t["target"].replace("1.0", "0.0")), "not the target"),
        (lambda t: t.assign(label="Humping"), "unknown output"),
        (lambda t: t.assign(role="test"), "unknown role"),
        (lambda t: t.drop(columns="loss"), "the column is missing"),
        (lambda t: t.drop(columns="threshold"), "column threshold: the column is missing"),
        (lambda t: t.assign(threshold=""), "row 1, column threshold: '': not a threshold"),
        (lambda t: t.assign(threshold="1.5"), "'1.5': not a threshold from 0 to 1"),
        (
            lambda t: t.assign(threshold=t["threshold"].where(t.index != 7, "0.3")),
            "row 8, column threshold: '0.3': not the threshold of the rest of its fold",
        ),
        (lambda t: t.iloc[:0], "no row"),
    ],
)
def test_refuses_predictions_that_do_not_fit(study: Path, change, message: str) -> None:
    edit(study / QUALITY, change)
    card_file = study / "data/raw/waam_beads.yaml"
    card, beads = read_card(card_file), read_table(study / evaluate.BEADS)
    task = make_task(card, "quality", card_file)
    truth = pd.DataFrame(targets(card, task, beads), beads["bead"], list(task.outputs))
    with pytest.raises(StudyError) as error:
        read_predictions(QUALITY, task, read_table(study / evaluate.FOLDS), truth)
    assert message in str(error.value)
    assert str(QUALITY) in str(error.value)
    assert "\n" not in str(error.value)


def test_another_model_and_a_regression_with_a_threshold_are_refused(study: Path) -> None:
    energy = study / "data/predictions/bert/energy.csv"
    before = energy.read_text()
    edit(energy, lambda t: t.assign(threshold="0.5"))
    with pytest.raises(StudyError, match=r"energy.csv, row 1, column threshold: .*regression"):
        evaluate.main()
    energy.write_text(before)
    edit(study / QUALITY, lambda t: t.assign(model="bertha"))
    with pytest.raises(StudyError, match="other models"):
        evaluate.main()


@pytest.mark.usefixtures("no_figures")
def test_every_bead_is_decided_on_by_the_threshold_of_its_fold(study: Path) -> None:
    file = study / QUALITY
    text = {"0": "0.1", "1": "0.9", "2": "0.5", "3": "0.5", "4": "0.5", "-1": "0.2"}
    edit(file, lambda t: t.assign(threshold=t["fold"].map(text)))
    evaluate.main()
    rows = pd.read_csv(file)
    rows["right"] = (rows["score"] >= rows["threshold"]) == (rows["target"] > 0.5)
    found = json.loads((study / "metrics/bert/quality.json").read_text())
    for role in ("oof", "hold_out"):
        expected = rows[rows["role"] == role].groupby("repeat")["right"].mean().mean()
        assert found[role]["accuracy"] == pytest.approx(expected, rel=5e-4)
    first = rows[(rows["role"] == "oof") & (rows["repeat"] == 0)]
    drawn = pd.read_csv(study / "plots/results/confusion.csv").query("model == 'bert'")
    assert (drawn["actual"] == drawn["predicted"]).mean() == pytest.approx(first["right"].mean())
    interval = found["oof"]["interval"]
    assert interval["low"] < found["oof"]["accuracy"] < interval["high"]


@pytest.mark.usefixtures("no_figures")
def test_what_was_chosen_on_the_reported_fold_is_called_optimistic(made: Path, study: Path) -> None:
    params = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    params["train"]["selection"] = "published"
    (study / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    evaluate.main()
    for task in TASKS:
        assert json.loads((study / f"metrics/bert/{task}.json").read_text())["optimistic"] == 1
        baselines = json.loads((study / f"metrics/baselines/{task}.json").read_text())
        assert {found["optimistic"] for found in baselines.values()} == {0}
    page = (study / "plots/results/results.md").read_text(encoding="utf-8")
    assert page.count("**BERT** *optimistic* ") == len(TASKS)
    assert "chosen on the very beads that their scores are reported for" in page
    assert "optimistic" not in (made / "plots/results/results.md").read_text(encoding="utf-8")


def test_missing_file_is_one_line_and_nothing_is_written(study: Path) -> None:
    edit(study / QUALITY, lambda t: t.assign(loss="1.0"))
    before = outputs(study)
    for file in ("plots/history/bert/energy.csv", "data/predictions/baselines/energy.csv"):
        (study / file).unlink()
        with pytest.raises(StudyError, match=f"{file}: there is no such file"):
            evaluate.main()
    assert outputs(study) == before


@pytest.mark.usefixtures("no_figures")
def test_bead_without_outcome_takes_no_part(study: Path) -> None:
    gone = pd.read_csv(study / evaluate.BEADS)["bead"].iloc[40]
    beads = study / evaluate.BEADS
    edit(beads, lambda t: t.assign(energy_j=t["energy_j"].where(t["bead"] != gone, "")))
    with pytest.raises(StudyError, match=r"energy.csv.*no train bead"):
        evaluate.main()
    for source in ("bert", "roberta", "baselines"):
        file = study / f"data/predictions/{source}/energy.csv"
        edit(file, lambda t: t[t["bead"] != gone])
    evaluate.main()
    page = (study / "plots/results/results.md").read_text(encoding="utf-8")
    assert "67 beads in 34 cells out of fold, 16 in 8 hold-out" in page


@pytest.mark.usefixtures("no_figures")
def test_split_without_hold_out_has_null_scores(study: Path, caplog) -> None:
    caplog.set_level(logging.INFO)
    edit(study / evaluate.FOLDS, lambda t: t[t["role"] == "train"])
    for file in (study / "data/predictions").glob("*/*.csv"):
        edit(file, lambda t: t[t["role"] == "oof"])
    evaluate.main()
    heat = json.loads((study / "metrics/bert/heat_input.json").read_text())
    assert set(heat["hold_out"].values()) == {None}
    assert "4 tasks assessed" in caplog.text


def test_a_card_without_regressions_still_gets_every_file(study: Path) -> None:
    params = yaml.safe_load((study / "params.yaml").read_text(encoding="utf-8"))
    params["tasks"] = ["defects"]
    (study / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (study / "plots/results/predicted.svg").unlink()
    evaluate.main()
    assert pd.read_csv(study / "plots/results/predicted.csv").empty
    assert pd.read_csv(study / "plots/results/confusion.csv").empty
    assert (study / "plots/results/predicted.svg").is_file()


BINARY = Task("q", "binary", ("a",), None, ("no", "yes"), "none", None, "?")
MULTI = Task("d", "multi_label", ("a", "b", "c"), None, ("no", "yes"), "none", None, "?")
REGRESSION = Task("r", "regression", ("a",), None, ("no", "yes"), "none", "J", "?")


@pytest.mark.parametrize("task", [BINARY, MULTI, REGRESSION], ids=lambda task: task.kind)
def test_headline_of_all_cells_is_the_metric(task: Task) -> None:
    rng = np.random.default_rng(1)
    shape = (40, len(task.outputs))
    target, score = rng.integers(0, 2, shape).astype(float), rng.random(shape)
    if task.kind == "regression":
        target = 1e5 + rng.normal(size=shape)
        score = target + rng.normal(size=shape) / 3
    thresholds = np.full(shape[1], 0.5)
    terms = bootstrap.bead_terms(task, target, score, thresholds)
    sums = bootstrap.cell_sums(terms, np.arange(40) // 3)
    found, _ = task_metrics(task, target, score, score, thresholds)
    whole = bootstrap.headline(task, sums.sum(axis=0))
    assert float(whole) == pytest.approx(found[HEADLINES[task.kind]], abs=1e-9)


def width(target: np.ndarray, score: np.ndarray, cells: np.ndarray) -> float:
    terms = bootstrap.bead_terms(BINARY, target[:, None], score[:, None], np.array([0.5]))
    sums = bootstrap.cell_sums(terms, cells)[None]
    low, high = bootstrap.interval(bootstrap.bootstrap(BINARY, sums))
    return high - low


def test_bootstrap_is_by_cell() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 60).astype(float)
    score, cells = rng.random(60), np.arange(60)
    twice = [np.repeat(each, 2) for each in (target, score, cells)]
    assert width(*twice) == pytest.approx(width(target, score, cells))
    # The control: as many beads in cells of their own do shrink it.
    assert width(twice[0], twice[1], np.arange(120)) < 0.8 * width(target, score, cells)


def test_bootstrap_of_a_mean_is_as_wide_as_theory_says() -> None:
    target = np.tile([0.0, 1.0], 200)
    found = width(target, np.ones(400), np.arange(400))
    assert found == pytest.approx(2 * 1.96 * (0.25 / 400) ** 0.5, rel=0.1)
    # Undefined draws are left out.
    assert bootstrap.interval(np.array([np.nan, np.nan])) == (None, None)
    assert bootstrap.interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)


def rows_of_quality(seed: int = 0) -> pd.DataFrame:
    """Overconfident scores of 40 training beads in four folds and of 8 hold-out beads."""
    random = np.random.default_rng(seed)
    target = (np.arange(48) % 2).astype(float)
    logit = np.where(target > 0, 4.0, -4.0) * random.choice([1, 1, 1, -1], 48)
    fold = np.where(np.arange(48) < 40, np.arange(48) % 4, -1)
    return pd.DataFrame(
        {
            "repeat": 0,
            "fold": fold,
            "role": np.where(fold < 0, "hold_out", "oof"),
            "bead": [f"b{n}" for n in range(48)],
            "label": "a",
            "target": target,
            "score": 1 / (1 + np.exp(-logit)),
        }
    )


def test_chances_are_counted_as_answers_give_them() -> None:
    """The hold-out by the final temperature, a fold by that of the other folds alone."""
    rows = rows_of_quality()
    told = pd.DataFrame(columns=[*rows, "without"]).astype({"repeat": int})
    found = as_answered(BINARY, rows, told, tempered_already=False)
    oof = rows[rows["role"] == "oof"]
    final = fit_calibration(BINARY, oof, told, tempered_already=False)
    assert final.temperature > 1.5
    held = found[found["role"] == "hold_out"]["score"].to_numpy()
    scores = rows.loc[rows["role"] == "hold_out", ["score"]].to_numpy()
    assert held == pytest.approx(final.probabilities(scores)[:, 0])
    assert list(trust({"quality": {"bert": found}})["role"].unique()) == ["oof", "hold_out"]

    # No outcome of a fold enters the temperature that it is judged by.
    other = rows.assign(target=rows["target"].where(rows["fold"] != 2, 1 - rows["target"]))
    judged = as_answered(BINARY, other, told, tempered_already=False)
    own = (rows["fold"] == 2).to_numpy()
    assert judged.loc[own[judged.index], "score"].equals(found.loc[own[found.index], "score"])
    assert not judged["score"].equals(found["score"])


def test_false_positives_are_the_mean_over_repeats_of_beads_without_the_label(made: Path) -> None:
    table = pd.read_csv(made / "plots/results/per_label_f1.csv").set_index("task")
    rows = pd.read_csv(made / "data/predictions/bert/quality.csv")
    rows = rows[rows["role"] == "oof"]
    given = rows["score"] >= rows["threshold"]
    wrong = [(~given & (rows["target"] == 1)).sum(), (given & (rows["target"] == 0)).sum()]
    found = table[table["model"] == "bert"].loc["quality"].set_index("label")["false_positives"]
    assert found[["defect", "normal"]].tolist() == [n / rows["repeat"].nunique() for n in wrong]
    assert (table.loc[table["precision"] == 0, "false_positives"] > 0).any()
