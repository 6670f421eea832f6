"""Stage `explain`: hold-out beads explained, advised and narrated; what that is worth."""

import logging
from dataclasses import replace
from pathlib import Path

from llm4waam.advice.entries import make_entries, spread_over
from llm4waam.advice.faithfulness import FAITHFUL, certainty, each, faithfulness
from llm4waam.advice.figures import importance_figure, success_figure
from llm4waam.advice.findings import MADE_FROM, METRICS, make_examiner, unsuited
from llm4waam.advice.page import FILES, Worth, empty, in_short, render
from llm4waam.advice.settings import AdviceParams
from llm4waam.advice.trial import can_be_tried, try_advice
from llm4waam.card.card import Card, read_card
from llm4waam.core.files import clear_folder, write_json, write_metrics, write_text
from llm4waam.core.made_from import KEY, made_from
from llm4waam.core.settings import read_params
from llm4waam.core.stage import run_stage
from llm4waam.core.unfinished import Start
from llm4waam.inference.predictor import clean_beads, load_predictor
from llm4waam.plotting.style import save, title

PLOTS = Path("plots/advice")


def main() -> None:
    """Write plots/advice (the pages and their drawings) and metrics/advice.json."""
    params = read_params(AdviceParams)
    start = Start(params)
    settings, card = params.advice, read_card(params.card_file)
    reason = unsuited(card, params.tasks)
    if reason:
        _leave(reason, card)
        return
    predictor = load_predictor(settings.encoder, params.tasks, params.text, params.card_file)
    examiner = make_examiner(predictor, settings, params.card_file, params.baselines.trees)
    held_out = clean_beads(predictor.card, "test")
    faithful, shares = faithfulness(examiner, each(held_out.iloc[:FAITHFUL], "explanations"))
    tried = try_advice(examiner.adviser, settings.trial) if can_be_tried(card) else None
    sure = certainty(predictor, held_out)
    metrics = {"faithfulness": faithful, "advice": tried, "certainty": sure}
    examiner = replace(examiner, tried=tried)
    start.check()
    clear_folder(PLOTS)
    shown = spread_over(examiner, held_out, settings.shown)["bead"].tolist()
    entries = make_entries(examiner, each(held_out, "hold-out beads"), shown, PLOTS)
    names = shares.rename(columns=title)
    save(PLOTS / "importance.svg", importance_figure(names, card), simulated=card.simulated)
    if tried:
        save(PLOTS / "success.svg", success_figure(tried), simulated=card.simulated)
    write_metrics(METRICS, {**metrics, KEY: made_from(MADE_FROM)})
    training = predictor.domain.training
    constant = [name for name in shares.index if training[name].nunique() < 2]
    worth = Worth(metrics, shares, constant, examiner.adviser.ensemble.members)
    shown_beads = {language: in_short(entries, language, card, settings) for language in FILES}
    write_json(PLOTS / "beads.json", shown_beads)
    for language, name in FILES.items():
        page = render(entries, worth, language, card, PLOTS, settings)
        write_text(PLOTS / name, page)
    logging.info("see %s", PLOTS / FILES["en"])


def _leave(reason: str, card: Card) -> None:
    """The outputs of a table that no advice can be given for."""
    clear_folder(PLOTS)
    write_metrics(METRICS, {"advice": None, "reason": reason, KEY: made_from(MADE_FROM)})
    for language, name in FILES.items():
        write_text(PLOTS / name, empty(reason, language, card))
    write_text(PLOTS / "none.txt", f"{reason}\n")
    logging.info("no advice: %s", reason)


if __name__ == "__main__":
    run_stage(main)
