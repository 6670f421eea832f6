"""A made-up study: all that the stage `evaluate` reads, from models of known skill."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.decisions.predictions import COLUMNS, INCOMPLETE
from llm4waam.splits.tasks import Task, make_task, targets
from stages import evaluate

TASKS = ("defects", "quality", "heat_input", "energy")
SETS = ["Normal"] * 5 + ["Humping"] * 3 + ["Balling", "Lack of fusion", "Bead cut or Humping"]
REGRESSORS = ("mean", "formula_pre_weld", "formula_post_weld", "ridge_logs")
CLASSIFIERS = ("majority", "logistic_regression", "extra_trees", "tfidf_logistic")
SKILL = {"bert": 1.0, "roberta": 0.6, "mean": 0.0, "majority": 0.0, "extra_trees": 1.5}


def make_beads(rng: np.random.Generator, count: int = 84) -> pd.DataFrame:
    """A clean table with repeats: two beads a cell."""
    cells = np.arange(count) // 2
    speed = rng.choice([3.0, 5.0, 8.0, 12.0], count // 2)[cells]
    feed = rng.choice([3.0, 5.0, 7.0, 9.0], count // 2)[cells]
    heat = 900 * feed / speed * np.exp(rng.normal(0, 0.1, count))
    return pd.DataFrame(
        {
            "bead": [f"b{n:03d}" for n in range(count)],
            "cell": [f"cell_{n:04d}" for n in cells],
            "material": rng.choice(["ER70S-6", "ER316L", "ER5356"], count // 2)[cells],
            "wire_diameter_mm": 1.2,
            "transfer_mode": "CMT",
            "wire_feed_speed_m_min": feed,
            "travel_speed_mm_s": speed,
            "ctwd_mm": rng.choice([12.0, 15.0, np.nan], count),
            "voltage_v": 14 + feed / 4 + rng.normal(0, 0.3, count),
            "current_a": 60 + 25 * feed + rng.normal(0, 5, count),
            "heat_input_j_mm": heat,
            "energy_j": heat * 120,
            "labels": np.array(SETS)[rng.integers(0, len(SETS), count // 2)][cells],
        }
    )


def make_predictions(
    task: Task, model: str, folds: pd.DataFrame, truth: pd.DataFrame, rng: np.random.Generator
) -> pd.DataFrame:
    """Rows of a model that is as good as its skill."""
    rows = folds.merge(truth.reset_index(), on="bead").melt(
        ["bead", "cell", "role", "repeat", "fold"], list(task.outputs), "label", "target"
    )
    skill, noise = SKILL.get(model, 1.2), rng.normal(size=len(rows))
    if task.kind == "regression":
        rows["score"] = rows["target"] * np.exp(noise * 0.4 * (1.6 - skill))
        if model == "mean":
            rows["score"] = truth.mean().iloc[0]
        rows["loss"] = np.log(rows["score"] / rows["target"]) ** 2
    else:
        rows["score"] = 1 / (1 + np.exp(-(2 * skill * (2 * rows["target"] - 1) + noise)))
        if model == "majority":
            rows["score"] = rows["label"].map(truth.mean())
        rows["loss"] = -np.log(np.where(rows["target"] > 0.5, rows["score"], 1 - rows["score"]))
    rows["role"] = rows["role"].map({"train": "oof", "test": "hold_out"})
    rows["model"] = model
    rows["threshold"] = np.nan if task.kind == "regression" else 0.5
    return rows[COLUMNS].sort_values(["repeat", "fold", "bead"], kind="stable")


def make_study(folder: Path) -> None:
    """Everything that the stage reads, under `folder`."""
    rng = np.random.default_rng(4)
    for name in ("params.yaml", "data/raw/waam_beads.yaml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    fill(folder, folder / "data/raw/waam_beads.yaml", make_beads(rng), TASKS, rng)


OTHER = ROOT / "tests/cards/spot_welds.yaml"  # a measured table that has nothing to do with WAAM


def make_other_study(folder: Path) -> None:
    """The same for the table of OTHER, beside whatever stands under `folder` already."""
    rng, count = np.random.default_rng(5), 60
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    raw |= {"dataset": "spot_welds", "tasks": ["sound", "nugget"]}
    raw["target"] = {"sound": {"loss": "bce"}, "nugget": {"loss": "mse", "scale": "log"}}
    (folder / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    card_file = folder / "data/raw/spot_welds.yaml"
    shutil.copy(OTHER, card_file)
    cells = np.arange(count) // 2
    beads = pd.DataFrame(
        {
            "bead": [f"s{n:03d}" for n in range(count)],
            "cell": [f"cell_{n:04d}" for n in cells],
            "sheet": rng.choice(["DC04", "DP600"], count // 2)[cells],
            "force_kn": rng.choice([2.0, 2.5, 3.0], count // 2)[cells],
            "time_ms": rng.choice([150.0, 200.0, 250.0], count // 2)[cells],
            "nugget_mm": rng.lognormal(1.6, 0.2, count),
            "result": rng.choice(["Sound", "Expulsion", "Stuck"], count // 2)[cells],
        }
    )
    fill(folder, card_file, beads, ("sound", "nugget"), rng)


def fill(
    folder: Path,
    card_file: Path,
    beads: pd.DataFrame,
    tasks: Sequence[str],
    rng: np.random.Generator,
) -> None:
    """Beads, folds, predictions and learning curves of a table."""
    card = read_card(card_file)
    cell = beads["cell"].str[5:].astype(int)
    test = beads[cell < 8].assign(role="test", repeat=0, fold=-1)
    train = [
        beads[cell >= 8].assign(role="train", repeat=repeat, fold=(cell * (repeat + 1)) % 5)
        for repeat in range(2)
    ]
    folds = pd.concat([test, *train])[["bead", "cell", "role", "repeat", "fold"]]
    beads = beads.reindex(columns=["bead", "cell", *card.clean_columns])
    write(folder / evaluate.BEADS, beads)
    write(folder / evaluate.FOLDS, folds)
    for name in tasks:
        task = make_task(card, name, card_file)
        truth = pd.DataFrame(targets(card, task, beads), beads["bead"], list(task.outputs))
        models = REGRESSORS if task.kind == "regression" else CLASSIFIERS
        closed = bool(card.tasks[name].formulas)
        models = [one for one in models if closed or not one.startswith("formula")]
        for source, members in (
            ("bert", ["bert"]),
            ("roberta", ["roberta"]),
            ("baselines", models),
        ):
            made = [make_predictions(task, model, folds, truth, rng) for model in members]
            write(folder / evaluate.PREDICTIONS / source / f"{name}.csv", pd.concat(made))
            if source != "baselines":
                told = made[0].assign(without="ctwd_mm")[INCOMPLETE]
                write(folder / evaluate.INCOMPLETE / source / f"{name}.csv", told)
        for encoder in ("bert", "roberta"):
            rows = [
                (0, fold, epoch, 1 / epoch, 1 / epoch + 0.05 * abs(fold))
                for fold in (*range(5), -1)
                for epoch in range(1, 8)
            ]
            columns = ["repeat", "fold", "epoch", "train_loss", "val_loss"]
            history = pd.DataFrame(rows, columns=columns)
            write(folder / "plots/history" / encoder / f"{name}.csv", history)


def write(file: Path, table: pd.DataFrame) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(file, index=False)
