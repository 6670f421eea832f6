"""Stage `explain`: hold-out beads explained, advised and narrated; what that is worth."""

import logging
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from stages.advice.evidence import Evidence, Examiner, make_examiner
from stages.advice.figures import (
    contribution_figure,
    importance_figure,
    regime_figure,
    success_figure,
)
from stages.advice.measuring import (
    advice_success,
    certainty,
    faithfulness,
    FAITHFUL,
    predictor_name,
)
from stages.advice.narration import narrate
from stages.advice.page import FILES, BeadCard, render
from stages.advice.predictor import BEADS, FOLDS, load_predictor
from stages.advice.regime import regime_map
from stages.beads.files import read_table, write_json, write_text
from stages.beads.stage import run_stage
from stages.evidence.style import save
from stages.learning.tasks import targets
from stages.params import read_params

METRICS, PLOTS = Path("metrics/advice.json"), Path("plots")
DRAWINGS = PLOTS / "advice"


def main() -> None:
    """Write plots/advice.html, its Korean twin, plots/advice and metrics/advice.json."""
    params = read_params()
    settings, threads = params.advice, params.train.workers * params.train.threads
    torch.set_num_threads(threads)  # the sums of another number of threads end in other digits
    predictor = load_predictor(params, settings.encoder)
    shared = settings.model_dump(include={"background", "bar", "margin", "seed"})
    examiner = make_examiner(predictor, **shared)
    card, beads, folds = predictor.card, read_table(BEADS), read_table(FOLDS)
    held_out = beads[beads["bead"].isin(folds.loc[folds["role"] == "test", "bead"])]
    groups = {"hold_out": held_out, "training": predictor.novelty.training}
    bad = {n: t[t["labels"] != predictor.tasks["quality"].outputs[0]] for n, t in groups.items()}
    truths = {name: targets(card, task, held_out) for name, task in predictor.tasks.items()}
    told, shares = faithfulness(examiner, _bar(held_out.iloc[:FAITHFUL], "explanations"))
    metrics = {
        "faithfulness": told,
        "advice": {
            name: advice_success(examiner, _bar(table, f"advice, {name}"), settings.trials)
            for name, table in bad.items()
        },
        "certainty": certainty(predictor, held_out, truths),
    }
    cards = [
        _card(examiner, bead) for bead in _bar(_chosen(examiner, held_out, settings.cards), "cards")
    ]
    save(DRAWINGS / "importance.svg", importance_figure(shares, card), simulated=card.simulated)
    save(DRAWINGS / "success.svg", success_figure(metrics["advice"]), simulated=card.simulated)
    write_json(METRICS, metrics)
    for language, name in FILES.items():
        page = render(
            cards, metrics, language, title=card.title, simulated=card.simulated, plots=DRAWINGS,
            encoder=predictor_name(predictor), bar=f"{settings.bar:.0%}",
            margin=f"{settings.margin:.0%}", trials=str(settings.trials),
        )  # fmt: skip
        write_text(PLOTS / name, page)
    logging.info("see %s", PLOTS / FILES["en"])
