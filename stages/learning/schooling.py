"""All tiers of one small encoder, one after the other."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from transformers import set_seed

from stages.beads.card import Card
from stages.beads.corpus import make_corpus, other_laboratories
from stages.beads.files import move_folder
from stages.learning.bookmark import Bookmark
from stages.learning.checkpoint import write_checkpoint
from stages.learning.initial import small_config, train_tokenizer
from stages.learning.lessons import HIGHEST_TIER, School
from stages.learning.pretraining import Learner, pretrain
from stages.learning.settings import Pretrain

CURVE = ["tier", "epoch", "words", "formulas", "new_words", "new_formulas"]
EXAMINED = 512  # sentences that no epoch learns from


@dataclass(frozen=True)
class Schooling:
    """Where the checkpoints of all tiers go, and where a run that is not done keeps its epochs."""

    card: Card
    settings: Pretrain
    folder: Path
    unfinished: Path

    def school(self, encoder: str) -> pd.DataFrame:
        """Write the checkpoint of each tier; returns the losses, one row a tier and epoch."""
        settings, cuda = self.settings, torch.cuda.is_available()
        torch.set_num_threads(settings.threads)
        first = other_laboratories(settings.beads, settings.seed)
        texts = [row["text"] for row in make_corpus(first, self.card, HIGHEST_TIER, settings.seed)]
        tokenizer = train_tokenizer(encoder, texts, settings.vocabulary)
        school = School(self.card, tokenizer, settings.beads, settings.seed)
        set_seed(settings.seed)
        shape = {"layers": settings.layers, "width": settings.width, "heads": settings.heads}
        config = small_config(encoder, tokenizer, **shape)
        learner = Learner(config, len(school.names), len(school.formulas))
        learner.to("cuda" if cuda else "cpu")
        curve: list[dict] = []
        for tier in range(HIGHEST_TIER + 1):
            for row in self._tier(learner, school, encoder, tier, cuda):
                curve.append({"tier": tier} | {name: round(x, 6) for name, x in row.items()})
                logging.info("%s %s", encoder, curve[-1])
            seen = len(curve) * settings.beads
            beside = self.folder / f".{encoder}-mini-tier{tier}.part"
            write_checkpoint(beside, encoder, learner, school, tier, seen)
            move_folder(beside, self.folder / f"{encoder}-mini-tier{tier}")
        return pd.DataFrame(curve, columns=CURVE)

    def _tier(
        self, learner: Learner, school: School, encoder: str, tier: int, cuda: bool
    ) -> Iterator[dict]:
        settings = self.settings
        # Lesson 1 is the examination; the lessons of a tier follow those of the tier before.
        before = 1 + sum(settings.epochs[:tier])
        return pretrain(
            learner,
            lambda epoch: school.lesson(before + epoch, tier),
            school.lesson(1, tier, EXAMINED),
            school.tokenizer,
            Bookmark(self.unfinished / encoder / str(tier)),
            epochs=settings.epochs[tier],
            sentences=settings.beads,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            formulas=school.known_formulas(tier),
            bf16=cuda,
            seed=settings.seed + tier,
        )
