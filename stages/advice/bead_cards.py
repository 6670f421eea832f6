"""A card of the page for each of some beads: evidence, narration in both languages, drawings."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.advice.evidence import Examiner
from stages.advice.figures import contribution_figure, regime_figure
from stages.advice.narration import write_draft
from stages.advice.narrator import Narrated, narrate
from stages.advice.regime import regime_map
from stages.advice.rewriters import Rewriter
from stages.evidence.style import save

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
