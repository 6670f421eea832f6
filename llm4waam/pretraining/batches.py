"""What a small encoder is pretrained on: sentences with numbers, and what the formulas give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from transformers import PreTrainedTokenizerBase

from llm4waam.card.card import Card
from llm4waam.encoders.number_scales import NumberScales, Scales, fit_scales
from llm4waam.encoders.tokens import Prompts, TokenisedPrompt, tokenise
from llm4waam.pretraining.corpus import make_corpus, other_laboratories

MAX_TOKENS = 256
HIGHEST_TIER = 2
# By tier: a formula cannot be learned from sentences that do not tell its inputs.
LEFT_OUT = (0.15, 0.03, 0.03)


@dataclass(frozen=True)
class Sentences:
    """Prompts with z-scores, and `formulas` (sentences, formulas), NaN where undefined."""

    prompts: Sequence[TokenisedPrompt]
    formulas: np.ndarray


class SentenceSource:
    """Makes sentences of simulated laboratories, all with the same tokenizer and scales.

    The scales of the numbers and of the formulas come from `beads` beads of the laboratories of
    `seed`; set n of sentences is about new laboratories, drawn from seed + n.
    """

    def __init__(
        self, card: Card, tokenizer: PreTrainedTokenizerBase, beads: int, seed: int
    ) -> None:
        self.card, self.tokenizer, self.beads, self.seed = card, tokenizer, beads, seed
        self.names = card.fields("post_weld", HIGHEST_TIER)
        self.formulas = sorted(
            card.computable("pre_weld", HIGHEST_TIER), key=lambda name: card.derived[name].tier
        )
        first = other_laboratories(beads, seed)
        rows = make_corpus(first, card, HIGHEST_TIER, seed)
        self.scales: Scales = fit_scales(self._read(rows), self.names)
        answers = self._answers(first)
        self.mean, self.sd = np.nanmean(answers, axis=0), np.nanstd(answers, axis=0)

    def known_formulas(self, tier: int) -> int:
        """How many of the formulas, which are in the order of their tiers, belong to a tier."""
        return sum(self.card.derived[name].tier <= tier for name in self.formulas)

    def sentences(self, number: int, tier: int, count: int | None = None) -> Sentences:
        """Set `number` about `count` beads, with physics fields up to `tier`."""
        seed = self.seed + number
        beads = other_laboratories(count or self.beads, seed)
        rows = make_corpus(beads, self.card, tier, seed, LEFT_OUT[tier])
        prompts = NumberScales(self.names, self.scales).apply(self._read(rows))
        return Sentences(prompts, (self._answers(beads) - self.mean) / self.sd)

    def _read(self, rows: list[dict]) -> Prompts:
        return tokenise(self.tokenizer.backend_tokenizer, rows, self.names, MAX_TOKENS)

    def _answers(self, beads: pd.DataFrame) -> np.ndarray:
        # Every formula is a positive quantity that spreads over decades.
        return np.log(self.card.with_formulas(beads)[self.formulas].to_numpy(float))
