"""All tiers of one small encoder, one after the other.

What pretraining leaves: a stock checkpoint, and the number channel beside it.
"""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors.torch import save_file
from transformers import set_seed

from llm4waam.card.card import Card
from llm4waam.core.files import move_folder, write_json, write_text
from llm4waam.decisions.prior_knowledge import FACTS
from llm4waam.encoders.number_embedding import CHANNEL
from llm4waam.pretraining.batches import HIGHEST_TIER, School
from llm4waam.pretraining.corpus import make_corpus, other_laboratories
from llm4waam.pretraining.pretrain import Learner, pretrain
from llm4waam.pretraining.settings import Pretrain
from llm4waam.pretraining.tokenizer import small_config, train_tokenizer
from llm4waam.training.bookmark import Bookmark

TIERS = {
    0: "masked words and values",
    1: "masked words and values, then formulas of the arc and the bead",
    2: "masked words and values, formulas of the arc and the bead, then indices of printability",
}


def write_checkpoint(
    folder: Path, encoder: str, learner: Learner, school: School, tier: int, sentences: int
) -> None:
    """Write encoder (bf16), tokenizer, number channel, facts and model card into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    state = {
        n: t.detach().cpu().to(torch.bfloat16) for n, t in learner.encoder.state_dict().items()
    }
    learner.encoder.save_pretrained(folder, state_dict=state)
    school.tokenizer.save_pretrained(folder)
    save_file(
        {n: t.cpu().clone() for n, t in learner.channel.state_dict().items()}, folder / CHANNEL
    )
    facts = {
        "tier": tier,
        "sentences": sentences,
        "fields": school.names,
        "scales": {name: scale.model_dump() for name, scale in school.scales.items()},
    }
    write_json(folder / FACTS, facts)
    config = learner.encoder.config
    write_text(
        folder / "README.md",
        f"""# {encoder}-mini, tier {tier}

A {config.model_type} encoder of {config.num_hidden_layers} layers x {config.hidden_size}, in
bfloat16, with its own tokenizer (digits one by one). Trained from random weights on {sentences:,}
sentences of as many simulated beads (none of the study's own laboratories): {TIERS[tier]}. No
label of a defect and no measured outcome was shown.

`{CHANNEL}` holds the number channel that was trained with it, `{FACTS}` its fields and
scales. Without the study's code the folder loads as any encoder does: `AutoModel.from_pretrained`.
Licence: that of the study. It knows simulated sentences in English with Korean notes, and no more.
""",
    )


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
