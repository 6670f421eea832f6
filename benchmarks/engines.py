"""How long the loop and Trainer take for the same fine-tuning: `python -m benchmarks.engines`.

Two BERT of 2 layers x 128, the same sentences, two threads; the median of five runs each, taken
in turn so that a busy machine slows both.
"""

import re
import statistics
import tempfile
import time

import torch
from transformers import AutoModel, set_seed

from stages.learning import loop, trainer
from stages.learning.batches import Examples
from stages.learning.building import build_reader
from stages.learning.channel import fit_scales, standardise
from stages.learning.initial import small_config, train_tokenizer
from stages.learning.losses import make_objective
from stages.learning.prompts import read_prompts
from stages.learning.recipe import Recipe, Source

RUNS, THREADS = 5, 2
TEXTS = [
    f"The material is ER70S-6. The wire feed speed is {n / 9:.3f} m/min. The travel speed is "
    f"{n / 7:.3f} mm/s. The contact tip to work distance is {10 + n % 9} mm. What is the result?"
    for n in range(180)
]
FIELDS = ["wire feed speed", "travel speed", "distance"]
RECIPE = Recipe(
    engine="loop",
    seed=0,
    epochs=2,
    batch_size=16,
    max_tokens=256,
    weight_decay=0.01,
    warmup=0.1,
    max_grad_norm=1.0,
    learning_rate=3e-4,
    loss="bce",
)


def values_of(text: str) -> list[list]:
    """Where the numbers of a sentence stand, in the order of FIELDS."""
    found = re.finditer(r"(?<=is )[\d.]*\d", text)
    return [[n, m.start(), m.end(), float(m[0])] for n, m in zip(FIELDS, found, strict=True)]


def main() -> None:
    """Time both engines in turn and print the medians and their ratio."""
    torch.set_num_threads(THREADS)
    engines = {"loop": loop.fine_tune, "trainer": trainer.fine_tune}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    tokenizer = train_tokenizer("bert", TEXTS, 1000)
    rows = [{"text": text, "values": values_of(text)} for text in TEXTS]
    prompts = read_prompts(tokenizer, rows, FIELDS, RECIPE.max_tokens)
    scales = fit_scales(prompts, FIELDS)
    targets = torch.tensor([[float(n % 2)] for n in range(len(TEXTS))])
    examples = Examples([[standardise(prompt, scales, FIELDS)] for prompt in prompts], targets)
    objective = make_objective("binary", "bce", targets)
    with tempfile.TemporaryDirectory() as folder:
        set_seed(0)
        config = small_config("bert", tokenizer, layers=2, width=128, heads=4)
        AutoModel.from_config(config).save_pretrained(folder)
        source = Source(encoder="bert", checkpoint=folder, revision=None)
        for _ in range(RUNS):
            for engine, fine_tune in engines.items():
                model = build_reader(source, RECIPE, len(FIELDS), objective.logits)
                start = time.perf_counter()
                fine_tune(model, examples, RECIPE, objective)
                seconds[engine].append(time.perf_counter() - start)
    medians = {engine: statistics.median(taken) for engine, taken in seconds.items()}
    for engine, median in medians.items():
        print(f"{engine:8} {median:6.2f} s, median of {RUNS}")
    print(f"loop / trainer: {medians['loop'] / medians['trainer']:.2f}")


if __name__ == "__main__":
    main()
