"""Stage `explain`: hold-out beads explained, advised and narrated; what that is worth."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm

from stages.advice.bead_cards import fallbacks, make_cards, spread_over
from stages.advice.evidence import make_examiner
from stages.advice.figures import importance_figure, success_figure
from stages.advice.measuring import FAITHFUL, advice_success, certainty, faithfulness
from stages.advice.page import FILES, render
from stages.advice.predictor import BEADS, FOLDS, load_predictor
from stages.advice.rewriters import rewriter_from_environment
from stages.advice.suitability import check_suited
from stages.beads.files import read_table, write_json, write_text
from stages.beads.stage import run_stage
from stages.evidence.style import save, title
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
    card, beads, folds = predictor.card, read_table(BEADS), read_table(FOLDS)
    check_suited(predictor, params.card_file)
    shared = settings.model_dump(include={"background", "bar", "margin", "seed"})
    examiner, rewriter = make_examiner(predictor, **shared), rewriter_from_environment()
    held_out = beads[beads["bead"].isin(folds.loc[folds["role"] == "test", "bead"])]
    truths = {name: targets(card, task, held_out) for name, task in predictor.tasks.items()}
    told, shares = faithfulness(examiner, _each(held_out.iloc[:FAITHFUL], "explanations"))
    groups = {"hold_out": held_out, "training": predictor.novelty.training}
    success = {
        name: advice_success(examiner, _each(_bad(table), f"advice, {name}"), settings.trials)
        for name, table in groups.items()
    }
    chosen = _each(spread_over(examiner, held_out, settings.cards), "cards")
    cards = list(make_cards(examiner, chosen, DRAWINGS, rewriter))
    metrics = {
        "faithfulness": told,
        "advice": success,
        "certainty": certainty(predictor, held_out, truths),
        "narration": fallbacks(cards, rewriter),
    }
    names = shares.rename(columns=title)
    save(DRAWINGS / "importance.svg", importance_figure(names, card), simulated=card.simulated)
    save(DRAWINGS / "success.svg", success_figure(success), simulated=card.simulated)
    write_json(METRICS, metrics)
    facts = {"encoder": title(settings.encoder), "trials": str(settings.trials)}
    facts |= {name: f"{getattr(settings, name):.0%}" for name in ("bar", "margin")}
    for language, name in FILES.items():
        write_text(PLOTS / name, render(cards, metrics, language, card, DRAWINGS, **facts))
    logging.info("see %s", PLOTS / FILES["en"])


def _bad(beads: pd.DataFrame) -> pd.DataFrame:
    return beads[beads["labels"].notna() & (beads["labels"] != "Normal")]


def _each(beads: pd.DataFrame, told: str) -> Iterator[pd.Series]:
    yield from (beads.iloc[n] for n in tqdm(range(len(beads)), told, unit="bead"))


if __name__ == "__main__":
    run_stage(main)
