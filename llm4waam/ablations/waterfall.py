"""From a loop as they are published to Trainer, one habit at a time.

The first recipe is a plain hand-written loop: it pads to a fixed length, takes the order of the
prompts from the global generator, does not seed again once the model is built, lets a look at the
validation set move that generator, clips no gradient, decays every weight, and runs the plain
kernel of AdamW. Each step changes one habit and keeps what came before; after the last, loop and
Trainer are equal. The engine that trains folds together carries out the same recipe with other
random numbers, and is compared with Trainer as well.
"""

from dataclasses import dataclass

import numpy as np

from llm4waam.training.batches import predict
from llm4waam.training.data import Material
from llm4waam.training.engine import settle
from llm4waam.training.fit import fine_tune

PUBLISHED = {
    "padding": "max_tokens",
    "order": "global",
    "reseed": False,
    "keep_rng": False,
    "max_grad_norm": None,
    "decay_all": True,
    "fused": False,
}
STEPS: dict[str, dict] = {
    "as_published": PUBLISHED,
    "padded_to_the_batch": {"padding": "batch"},
    "same_order": {"order": "by_epoch"},
    "seeded_after_building": {"reseed": True},
    "generator_kept": {"keep_rng": True},
    "gradients_clipped": {"max_grad_norm": 1.0},
    "biases_do_not_decay": {"decay_all": False},
    "fused_adamw": {"fused": True},
}
STACKED, TRAINER = "stacked", "trainer"


@dataclass(frozen=True)
class Outcome:
    """One run on the fold's test beads: logits (prompts, logits), scores (beads, outputs)."""

    task: str
    step: str
    seed: int
    logits: np.ndarray
    scores: np.ndarray


def waterfall(job: tuple[Material, list[str], list[str], int]) -> list[Outcome]:
    """Every step, then the other engines; `job` is (material, training, test beads, seed)."""
    material, train, test, seed = job
    settle(material.threads)
    recipe = material.recipe.model_copy(
        update={"engine": "loop", "selection": "none", "seed": material.recipe.seed + seed}
    )
    outcomes = []
    engines = {name: {"engine": name} for name in (STACKED, TRAINER)}
    for step, change in (STEPS | engines).items():
        recipe = recipe.model_copy(update=change)
        [member] = fine_tune(material, [(recipe, train, test, None)])
        # All are looked at in the same way: only the training differs.
        looked = recipe.model_copy(update={"padding": "batch"})
        logits = predict(member.reader, member.judge.asked(test), looked)
        scores = member.judge.judge(logits, test)[0]
        outcomes.append(Outcome(material.task.name, step, seed, logits.numpy(), scores))
    return outcomes
