"""The page of advice in one language: what it is worth, and a card for each bead.

A card of the page for each of some beads: evidence, narration in both languages, drawings.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from llm4waam.advice.counterfactual import regime_map
from llm4waam.advice.figures import contribution_figure, regime_figure
from llm4waam.advice.findings import Examiner
from llm4waam.advice.narration import words, write_draft
from llm4waam.advice.narrator import Narrated, narrate
from llm4waam.advice.rewriters import Rewriter
from llm4waam.card.card import Card
from llm4waam.plotting.drawing import drawing
from llm4waam.plotting.style import save

LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class BeadCard:
    """One bead: its name, what the inspection found, the narration by language, its drawings."""

    bead: str
    labels: str
    texts: dict[str, Narrated]
    reasons: Path
    regime: Path | None


def make_cards(
    examiner: Examiner, beads: Iterable[pd.Series], folder: Path, rewriter: Rewriter | None
) -> Iterator[BeadCard]:
    """The cards of `beads`, whose drawings are written into `folder`."""
    card, training = examiner.predictor.card, examiner.predictor.novelty.training
    for number, bead in enumerate(beads, start=1):
        evidence = examiner.examine(bead)
        reasons, drawn = folder / f"bead_{number}_reasons.svg", None
        figure = contribution_figure(evidence.attribution, bead, card)
        save(reasons, figure, simulated=card.simulated)
        regime = regime_map(examiner.adviser, bead)
        if regime is not None:
            drawn = folder / f"bead_{number}_regime.svg"
            figure = regime_figure(regime, evidence, training, card)
            save(drawn, figure, simulated=card.simulated)
        texts = {name: narrate(write_draft(evidence, card, name), rewriter) for name in LANGUAGES}
        yield BeadCard(str(bead["bead"]), str(bead["labels"]), texts, reasons, drawn)


def spread_over(examiner: Examiner, beads: pd.DataFrame, count: int) -> pd.DataFrame:
    """`count` of the beads, evenly from the least to the greatest probability of a normal one."""
    order = np.argsort(examiner.adviser.chance(beads), kind="stable")
    places = np.linspace(0, len(beads) - 1, min(count, len(beads))).round().astype(int)
    return beads.iloc[order[np.unique(places)]]


def fallbacks(cards: list[BeadCard], rewriter: Rewriter | None) -> dict:
    """Texts a model was asked to rewrite, and the share that it got wrong; null without a model."""
    texts = [text for card in cards for text in card.texts.values()] if rewriter else []
    back = sum(text.origin == "template" for text in texts)
    return {"asked": len(texts), "fallback_rate": back / len(texts) if texts else None}


TEMPLATE = "advice.html.j2"
FILES = {"en": "advice.html", "ko": "advice.ko.html"}
REPORTS = {"en": "report.html", "ko": "report.ko.html"}
SUCCESS = (
    "bad_beads", "thought_normal", "outside", "no_change_found", "advised_beads", "expected",
    "as_run", "random", "advised", "difference", "difference_low", "difference_high",
)  # fmt: skip
CERTAIN = (
    "log_loss_base_rate", "log_loss_before", "log_loss_after", "coverage", "coverage_low",
    "coverage_high", "median_relative_width",
)  # fmt: skip
FAITHFUL = (
    "completeness_gap", "gradients_completeness_gap", "deletion", "deletion_random", "insertion",
    "insertion_random", "agreement_seeds", "agreement_templates", "agreement_gradients",
    "agreement_gradient_boosting", "agreement_random_weights",
)  # fmt: skip


def render(
    cards: list[BeadCard], metrics: dict, language: str, card: Card, plots: Path, **told: str
) -> str:
    """The page, self-contained and the same bytes from the same sources.

    `metrics` is metrics/advice.json; `plots` holds importance.svg and success.svg; `told` fills
    the introduction in.
    """
    texts = words()["page"]
    rows = texts["rows"]

    def say(key: str, **values: object) -> str:
        return texts[key][language].format(**values)

    success = metrics["advice"]
    tables = {
        "worth": (
            [texts["groups"][g][language] for g in ("measure", *success)],
            [[rows[k][language], *(shown(success[g][k]) for g in success)] for k in SUCCESS],
        ),
        "certainty": (
            [texts["groups"][g][language] for g in ("measure", *metrics["certainty"])],
            [
                [rows[k][language], *(shown(one.get(k)) for one in metrics["certainty"].values())]
                for k in CERTAIN
            ],
        ),
        "faithful": (
            [texts["groups"][g][language] for g in ("measure", "value")],
            [
                [rows[k][language], shown(metrics["faithfulness"][k])]
                for k in FAITHFUL
                if k in metrics["faithfulness"]
            ],
        ),
    }
    here, shared = Path(__file__).parent, Path(__file__).parents[1] / "plotting"
    environment = Environment(
        loader=FileSystemLoader([here, shared]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    other = next(name for name in FILES if name != language)
    return environment.get_template(TEMPLATE).render(
        language=language,
        other={"language": other, "file": FILES[other]},
        report=REPORTS[language],
        say=say,
        banner=say("simulated") if card.simulated else say("measured", title=card.title),
        told=told | {"beads": metrics["faithfulness"]["beads"]},
        tables=tables,
        cards=cards,
        drawn=drawn,
        plots=plots,
    )


def empty(reason: str, language: str) -> str:
    """The page of a table that no advice can be given for."""
    heading = words()["page"]["title"][language]
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        f"<title>{heading}</title></head>\n<body><h1>{heading}</h1><p>{escape(reason)}</p></body>\n"
        "</html>\n"
    )


def drawn(file: Path) -> Markup:
    """A figure's file as a part of the page."""
    return drawing(file.read_text(encoding="utf-8"))


def shown(value: float | int | None) -> str:
    """A count as it is, a share with three decimals, an undefined one as a dash."""
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
