"""How long the loop and Trainer take for the same fine-tuning: `python -m benchmarks.engines`.

Two BERT of 2 layers x 128, the same sentences, two threads; the median of five runs each, taken
in turn so that a busy machine slows both.
"""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from stages.learning import loop, trainer
from stages.learning.batches import Examples
from stages.learning.encoders import load_encoder, load_tokenizer, tokenize
from stages.learning.initial import train_tokenizer, write_random_encoder
from stages.learning.losses import make_objective
from stages.learning.recipe import Recipe

RUNS, THREADS = 5, 2
TEXTS = [
    f"The material is ER70S-6. The wire feed speed is {n / 9:.3f} m/min. The travel speed is "
    f"{n / 7:.3f} mm/s. The contact tip to work distance is {10 + n % 9} mm. What is the result?"
    for n in range(180)
]
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


def main() -> None:
    """Time both engines in turn and print the medians and their ratio."""
    torch.set_num_threads(THREADS)
    engines = {"loop": loop.fine_tune, "trainer": trainer.fine_tune}
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shape = {"layers": 2, "width": 128, "heads": 4}
        write_random_encoder("bert", folder, train_tokenizer("bert", TEXTS, 1000), **shape, seed=0)
        tokens = tokenize(load_tokenizer(name), TEXTS, RECIPE.max_tokens)
        targets = torch.tensor([[float(n % 2)] for n in range(len(TEXTS))])
        objective = make_objective("binary", "bce", targets)
        for _ in range(RUNS):
            for engine, fine_tune in engines.items():
                model = load_encoder(name, None, 1, 0)
                start = time.perf_counter()
                fine_tune(model, Examples(tokens, targets), RECIPE, objective)
                seconds[engine].append(time.perf_counter() - start)
    medians = {engine: statistics.median(taken) for engine, taken in seconds.items()}
    for engine, median in medians.items():
        print(f"{engine:8} {median:6.2f} s, median of {RUNS}")
    print(f"loop / trainer: {medians['loop'] / medians['trainer']:.2f}")


if __name__ == "__main__":
    main()
