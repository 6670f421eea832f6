"""A classical model on the frozen encoder's state and the numbers of the bead."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from llm4waam.decisions.decisions import one_by_one
from llm4waam.encoders.model import BeadModel, batch_of
from llm4waam.encoders.tokens import NO_FIELD
from llm4waam.training.data import Scorer

LEAF = 5  # scikit-learn's own 20 is a sixth of all training beads
CERTAIN = 1e-6  # a probability of 0 or 1 that is wrong would cost infinity


@dataclass(frozen=True)
class Classical:
    """The training beads as the model saw them: it is fitted again wherever it is needed.

    `states` is (beads, features), `values` (beads, outputs) on the learning scale. That takes
    milliseconds, and spares a stored estimator.
    """

    scorer: Scorer
    states: np.ndarray
    values: np.ndarray

    def score(self, model: BeadModel, beads: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Scores and losses (beads, outputs)."""
        scorer = self.scorer
        if not beads:
            return np.empty((2, 0, self.values.shape[1]))
        wanted = scorer.data.values(beads)
        kind, states = scorer.recipe.head, features_of(model, scorer, beads)
        # Trees would take all cores, which other folds need.
        with threadpool_limits(scorer.data.threads):
            return self._predict(kind, states, wanted)

    def _predict(
        self, kind: str, states: np.ndarray, wanted: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        scorer = self.scorer
        if scorer.target_scale:
            model = _regressor(kind, scorer.recipe.seed).fit(self.states, self.values[:, 0])
            found = model.predict(states)[:, None]
            return scorer.target_scale.restore(found), (
                found - scorer.target_scale.scale(wanted)
            ) ** 2
        model = _classifier(kind, scorer.recipe.seed)
        found = np.clip(one_by_one(model, self.states, self.values, states), CERTAIN, 1 - CERTAIN)
        return found, -(wanted * np.log(found) + (1 - wanted) * np.log(1 - found))


def fit_classical(model: BeadModel, scorer: Scorer, train: list[str]) -> Classical:
    """A classical model for the beads of `train`."""
    values = scorer.data.values(train)
    values = scorer.target_scale.scale(values) if scorer.target_scale else values
    return Classical(scorer, features_of(model, scorer, train), values)


@torch.no_grad()
def features_of(model: BeadModel, scorer: Scorer, beads: list[str]) -> np.ndarray:
    """(beads, width + 2 fields): mean state over a bead's prompts, z and z^2 - 1 of its numbers.

    A number that a bead does not have counts as both do on average: 0.
    """
    model.eval()
    rows = []
    for bead in beads:
        prompts = scorer.flat_prompts([bead])
        batch = batch_of(prompts, model.encoder.config.pad_token_id)
        state = model.embed(**{name: t.to(model.device) for name, t in batch.items()})
        z = np.full(len(scorer.numbers.fields), np.nan)
        for field, number in zip(prompts[0].fields, prompts[0].numbers, strict=True):
            if field != NO_FIELD:
                z[field - 1] = number
        told = np.nan_to_num([z, z**2 - 1]).ravel()
        rows.append(np.concatenate([state.mean(dim=0).cpu().numpy(), told]))
    return np.array(rows, dtype=float)


def _classifier(kind: str, seed: int) -> BaseEstimator:
    if kind == "trees":
        return HistGradientBoostingClassifier(min_samples_leaf=LEAF, random_state=seed)
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=2000))


def _regressor(kind: str, seed: int) -> BaseEstimator:
    if kind == "trees":
        return HistGradientBoostingRegressor(min_samples_leaf=LEAF, random_state=seed)
    return make_pipeline(StandardScaler(), Ridge(alpha=10.0))
