"""How likely a normal bead is at set-points that nobody has welded yet, by models that err apart.

A search for the set-points that one model likes best finds those at which it errs most: the
optimiser's curse (Smith and Winkler 2006). So several models judge: encoders, each by the mean of
what its binary and its multi-label task say, and classifiers that learned from the table of fields.
The chance is the mean of the members less their standard deviation, a lower confidence bound. It is
taken around the set-points and not at them alone, as no machine holds them exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from llm4waam.baselines.classifiers import CLASSIFIERS
from llm4waam.baselines.features import encoder_of
from llm4waam.card.card import Card
from llm4waam.decisions.decisions import fit_temperature, tempered
from llm4waam.inference.predictor import Predictor, out_of_fold
from llm4waam.splits.tasks import known_targets

PAIRS = 1  # of opposite offsets around a set-point


@dataclass(frozen=True)
class Ensemble:
    """`encoders` and fitted `classifiers` by name; the latter read the `fields` of the `card`.

    `fields` have the types of the training table: one that no bead has would else have none.

    `spread` is how far a machine may be from each set-point, in the card's units. `temperature`
    is that of the chance, fitted on out-of-fold predictions.
    """

    card: Card
    encoders: Mapping[str, Predictor]
    classifiers: Mapping[str, BaseEstimator]
    fields: Mapping[str, object]
    spread: Mapping[str, float]
    temperature: float = 1.0
    seed: int = 0

    @property
    def members(self) -> list[str]:
        """Their names, in the order of the columns of `around`."""
        return [*self.encoders, *self.classifiers]

    def quick(self, beads: pd.DataFrame) -> np.ndarray:
        """The chance (beads,) by the classifiers alone, at the set-points themselves.

        Of the encoders where there is no classifier.
        """
        if not self.classifiers:
            return self.chance(self._by_encoders(beads))
        return self.chance(self._by_classifiers(beads))

    def around(self, beads: pd.DataFrame) -> np.ndarray:
        """P(Normal) by member, (beads, members): the mean over what is near the set-points.

        The offsets are the same for all beads: none has another answer beside others.
        """
        rng, near = np.random.default_rng(self.seed), []
        for _ in range(PAIRS):
            offsets = {name: rng.choice((-1, 1)) * one for name, one in self.spread.items()}
            for side in (1, -1):
                moved = {name: beads[name] + side * one for name, one in offsets.items()}
                near.append(beads.assign(**moved))
        rows = pd.concat(near, ignore_index=True)
        return self.at(rows).reshape(len(near), len(beads), -1).mean(axis=0)

    def at(self, beads: pd.DataFrame) -> np.ndarray:
        """P(Normal) by member at the set-points, (beads, members).

        Notes are not told: they speak of a weld that was.
        """
        return np.hstack([self._by_encoders(beads), self._by_classifiers(beads)])

    def chance(self, by_member: np.ndarray) -> np.ndarray:
        """The chance (beads,) of what members say, (beads, members): mean less disagreement."""
        return tempered(lower_bound(by_member), self.temperature)

    def _by_encoders(self, beads: pd.DataFrame) -> np.ndarray:
        plain = beads.assign(bead=np.arange(len(beads)).astype(str))
        plain[[n for n in self.card.named("note") if n in plain]] = None
        columns = []
        for predictor in self.encoders.values():
            outputs = normal_outputs(predictor)
            scores = predictor.raw_scores(plain, [name for name, *_ in outputs])
            parts = [
                predictor.of_good(predictor.calibrated(name, scores[name])[:, place])
                for name, place, _ in outputs
            ]
            columns.append(np.mean(parts, axis=0))
        return np.array(columns).reshape(len(self.encoders), len(beads)).T

    def _by_classifiers(self, beads: pd.DataFrame) -> np.ndarray:
        if not self.classifiers:
            return np.empty((len(beads), 0))
        table = self.card.with_formulas(beads)[list(self.fields)].astype(dict(self.fields))
        with threadpool_limits(1):  # of so few beads threads do nothing but wait for each other
            found = [one.predict_proba(table)[:, 1] for one in self.classifiers.values()]
        return np.column_stack(found)


def lower_bound(by_member: np.ndarray) -> np.ndarray:
    """Mean less standard deviation over the members, (beads,), from (beads, members)."""
    return np.clip(by_member.mean(axis=1) - by_member.std(axis=1), 0.0, 1.0)


def normal_outputs(predictor: Predictor) -> list[tuple[str, int, str]]:
    """(task, place of the asked label among its outputs, the label): the aim, and the multi-label
    task where it has the label as well."""
    label = predictor.tasks[predictor.aim].outputs[0]
    names = [predictor.aim, predictor.task_of("multi_label")]
    outputs = {name: predictor.tasks[name].outputs for name in names if name}
    return [(name, all_.index(label), label) for name, all_ in outputs.items() if label in all_]


def make_ensemble(
    predictor: Predictor,
    encoders: Mapping[str, Predictor],
    classifiers: Sequence[str],
    trees: int,
    seed: int,
) -> Ensemble:
    """The encoders with `classifiers`, fitted on all training beads, calibrated out of fold.

    Card, sentences and training beads are those of `predictor`. Each classifier is that of the
    baselines of this name, of `trees` trees and by `seed`. Raises StudyError where the out-of-fold
    predictions of a member are not there.
    """
    card, style, training = predictor.card, predictor.style, predictor.domain.training
    binary = predictor.tasks[predictor.aim]
    known = known_targets(card, binary, training)
    learned = training[training["bead"].isin(known)]
    fields = card.fields(style.information, style.derived)
    table = card.with_formulas(learned)[fields]
    y = predictor.of_good(np.array([known[bead][0] for bead in learned["bead"]]))
    fitted = {
        name: make_pipeline(encoder_of(table), CLASSIFIERS[name](trees, seed)).fit(table, y)
        for name in classifiers
    }
    steps = {n: c.step for n, c in card.columns.items() if c.step and n in training}
    return Ensemble(
        card,
        encoders,
        fitted,
        table.dtypes.to_dict(),
        spread=steps,
        temperature=_temperature(predictor, encoders, classifiers),
        seed=seed,
    )


def _temperature(
    predictor: Predictor, encoders: Mapping[str, Predictor], classifiers: Sequence[str]
) -> float:
    """What makes the chance of the training beads agree with their outcomes, out of fold."""
    columns, truth = [], None
    for name, encoder in encoders.items():
        parts = []
        for task, _, label in normal_outputs(encoder):
            rows = out_of_fold(name, name, encoder.tasks[task], ())
            by_bead = rows[rows["label"] == label].groupby("bead")[["score", "target"]].mean()
            parts.append(encoder.of_good(encoder.calibrated(task, by_bead["score"])))
            truth = by_bead["target"] if truth is None else truth
        columns.append(pd.concat(parts, axis=1).mean(axis=1))
    for name in classifiers:
        aim = predictor.tasks[predictor.aim]
        known = known_targets(predictor.card, aim, predictor.domain.training)
        rows = out_of_fold(name, "baselines", aim, known)
        by_bead = rows.groupby("bead")[["score", "target"]].mean()
        columns.append(predictor.of_good(by_bead["score"]))
        truth = by_bead["target"] if truth is None else truth
    # Of beads that every member predicted.
    by_member = pd.concat(columns, axis=1).reindex(truth.index).dropna()
    truth = predictor.of_good(truth.loc[by_member.index])
    chance = lower_bound(by_member.to_numpy())
    return fit_temperature(chance[:, None], truth.to_numpy(float)[:, None])
