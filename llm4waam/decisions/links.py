"""Links: what the logits of a loss say, for whoever asks a model without torch.

`llm4waam.training.losses` names the link of every loss and computes the same with torch.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import expit, softmax


def sigmoid(logits: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    """A probability an output, each from its own logit."""
    return expit(logits)


def second_class(logits: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    """The probability of the second of two classes, (beads, 1)."""
    return softmax(logits, axis=1)[:, 1:]


def marginals(logits: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Of each label the sum of the probabilities of the `sets` (sets, labels) that hold it."""
    return np.minimum(softmax(logits, axis=1) @ sets, 1.0)


def identity(logits: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    """A value on the learning scale."""
    return logits


# Logits (beads, logits), and the label sets of a powerset, to scores (beads, outputs).
LINKS: dict[str, Callable[[np.ndarray, np.ndarray | None], np.ndarray]] = {
    "sigmoid": sigmoid,
    "second_class": second_class,
    "marginals": marginals,
    "identity": identity,
}
