"""How much is known beforehand: the tier that every table names.

0: sentences and numbers alone (random weights, general language, or sentences of other
laboratories); 1: formulas of the arc and the bead, in the sentences or in the pretraining;
2: indices of printability, which is also the law by which simulated labels are made.
"""

import json
from pathlib import Path

FACTS = "pretraining.json"
FORMULAS = 1  # what a closed formula knows
GUESSES = ("majority", "mean")  # baselines that say the same of every bead, and so know nothing


def read_facts(checkpoint: str) -> dict | None:
    """Tier, fields and scales of a checkpoint of the stage `pretrain`; None for any other."""
    file = Path(checkpoint) / FACTS
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


def encoder_tier(checkpoint: str, *, random_weights: bool, derived: int) -> int:
    """The tier of an encoder that reads physics fields up to `derived`."""
    facts = None if random_weights else read_facts(checkpoint)
    return max(derived, facts["tier"] if facts else 0)


def baseline_tier(model: str, derived: int) -> int:
    """The tier of a baseline that is given physics fields up to `derived`."""
    if model in GUESSES:
        return 0
    return max(derived, FORMULAS) if model.startswith("formula") else derived
