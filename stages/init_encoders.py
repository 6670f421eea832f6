"""Stage `init-encoders`: small BERT and RoBERTa checkpoints with random weights.

Their vocabularies come from simulated beads of other laboratories, never from the study's table.
"""

import logging
from pathlib import Path

from stages.beads.card import read_card
from stages.beads.simulator import simulate_population
from stages.beads.stage import run_stage
from stages.beads.text import TextStyle, make_prompts
from stages.learning.initial import train_tokenizer, write_random_encoder
from stages.params import read_params

FOLDER = Path("data/encoders")
CARD = Path("data/raw/waam_beads.yaml")
# Everything a sentence may hold, so that one vocabulary serves every setting of `text`.
STYLE = TextStyle(
    information="post_weld",
    templates=["statement", "question"],
    names="phrases",
    units=True,
    derived=True,
    note=True,
    seed=0,
)


def main() -> None:
    """Train both tokenizers on one population and write both checkpoints."""
    init = read_params().init_encoders
    card = read_card(CARD)
    population = simulate_population(init.beads, init.seed)
    population = population.rename(columns={"record": "bead"})
    prompts = make_prompts(population, card, STYLE, list(card.tasks))
    sentences = [row["text"] for row in prompts]
    for encoder in ("bert", "roberta"):
        tokenizer = train_tokenizer(encoder, sentences, init.vocabulary)
        write_random_encoder(
            encoder,
            FOLDER / f"{encoder}-mini",
            tokenizer,
            layers=init.layers,
            width=init.width,
            heads=init.heads,
            seed=init.seed,
        )
        logging.info("%s-mini: %d tokens, random weights", encoder, len(tokenizer))


if __name__ == "__main__":
    run_stage(main)
