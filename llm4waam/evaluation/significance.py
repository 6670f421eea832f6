"""Is the difference of two models real? Paired tests over the same beads, Holm over all.

`judge` is the one place that decides; results, report, reviews, ablations and cards quote it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from llm4waam.decisions.decisions import decisions_of
from llm4waam.encoders.families import FAMILIES, family_pairs
from llm4waam.evaluation import bootstrap
from llm4waam.evaluation.assessment import FORMULAS, Assessment, best, difference, named
from llm4waam.evaluation.read_predictions import Scores
from llm4waam.splits.tasks import Task

LEVEL = 0.05
BETTER, WORSE, UNTOLD = "better", "worse", "cannot be told"


def mcnemar(one: np.ndarray, other: np.ndarray) -> float | None:
    """Exact two-sided p of McNemar's test (Psychometrika 1947); None for no beads.

    `one` and `other` (beads,) say which beads each model got right. Beads that both got right, or
    both wrong, say nothing; where there are no others p is 1.
    """
    if not len(one):
        return None
    only = int((one & ~other).sum())
    discordant = only + int((~one & other).sum())
    return float(stats.binomtest(only, discordant).pvalue) if discordant else 1.0


def corrected_t(differences: np.ndarray, test_share: float) -> float | None:
    """Two-sided p of the corrected resampled t (Nadeau and Bengio, Machine Learning 2003).

    `differences` (J,) of J folds over all repeats, `test_share` n_test / n_train of a fold: as
    folds share their training beads, the variance is taken times 1 / J + n_test / n_train. None
    for fewer than two differences, or differences that are all the same.
    """
    count = len(differences)
    spread = np.var(differences, ddof=1) if count > 1 else 0.0
    if spread <= 0:
        return None
    t = np.mean(differences) / np.sqrt(spread * (1 / count + test_share))
    return float(2 * stats.t.sf(abs(t), count - 1))


def bootstrap_p(draws: np.ndarray) -> float | None:
    """Two-sided p that a difference is zero, from paired draws (draws,) of it; never 0."""
    known = draws[np.isfinite(draws)]
    if not len(known):
        return None
    tail = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(known) + 1)))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p of every value (Scandinavian Journal of Statistics 1979); None stays."""
    known = [value for value in values if value is not None]
    adjusted = iter(multipletests(known, method="holm")[1].tolist() if known else [])
    return [None if value is None else next(adjusted) for value in values]


def judge(
    differences: Sequence[float | None], ps: Sequence[float | None]
) -> list[tuple[float | None, str | None]]:
    """The adjusted p and the verdict of every difference that is told together with the others.

    `ps` are of `bootstrap_p`; Holm adjusts them over all. BETTER or WORSE where the adjusted p is
    below LEVEL, else UNTOLD; None where there is no p.
    """
    found = []
    for gap, p in zip(differences, holm(ps), strict=True):
        said = None if p is None or gap is None else UNTOLD
        if said and p < LEVEL and gap:
            said = BETTER if gap > 0 else WORSE
        found.append((p, said))
    return found


def compare(one: Assessment, other: Assessment, folds: pd.DataFrame) -> dict:
    """How much higher `one` scores, its interval, and p by three tests.

    `p_mcnemar` is of whole label sets, in the first repeat; a regression has none. `p_corrected_t`
    is of the headline in every fold of every repeat; `folds` is the table of the split.
    """
    classified = one.task.kind != "regression"
    right = [right_sets(each.task, each.oof) for each in (one, other)] if classified else []
    return {
        "one": one.model,
        "other": other.model,
        **difference(one, other),
        "p_bootstrap": bootstrap_p(one.draws - other.draws),
        "p_mcnemar": mcnemar(*right) if classified else None,
        "p_corrected_t": corrected_t(*_by_fold(one, other, folds)),
    }


def compare_all(study: Mapping[str, Sequence[Assessment]], folds: pd.DataFrame) -> dict:
    """`metrics/comparisons.json`: task -> pair -> how they differ, and the verdict.

    Encoder against encoder, and each against the best baseline and the closed formula that needs
    no measured value. `p_holm` and `verdict` are of `judge`, over all pairs of all tasks.
    """
    found: dict[str, dict] = {}
    for name, assessments in study.items():
        encoders = {encoder: named(assessments, encoder) for encoder in FAMILIES}
        pairs = {key: (encoders[a], encoders[b]) for key, (a, b) in family_pairs().items()}
        baseline = best(assessments, encoder=False)
        formula = named(assessments, FORMULAS["pre_weld"])
        for encoder, one in encoders.items():
            pairs[f"{encoder}_vs_baseline"] = (one, baseline)
            if formula is not baseline:
                pairs[f"{encoder}_vs_formula"] = (one, formula)
        known = {key: pair for key, pair in pairs.items() if all(pair)}
        found[name] = {key: compare(*pair, folds) for key, pair in known.items()}
    rows = [row for task in found.values() for row in task.values()]
    gaps, ps = ([row[key] for row in rows] for key in ("difference", "p_bootstrap"))
    for row, (p, said) in zip(rows, judge(gaps, ps), strict=True):
        row |= {"p_holm": p, "verdict": said}
    return found


def right_sets(task: Task, scores: Scores) -> np.ndarray:
    """The beads whose whole label set is right, (beads,), in the first repeat."""
    decided = decisions_of(task, scores.score[0], scores.thresholds[0])
    return (decided == (scores.target > 0.5)).all(axis=1)


def _by_fold(one: Assessment, other: Assessment, folds: pd.DataFrame) -> tuple[np.ndarray, float]:
    """The difference of the headline in every fold, and n_test / n_train of a fold."""
    train = folds[folds["role"] == "train"]
    found = []
    repeats = sorted(train["repeat"].unique())
    for place, repeat in enumerate(repeats):
        fold = train[train["repeat"] == repeat].set_index("bead")["fold"]
        here = fold.reindex(one.oof.beads).to_numpy()
        for number in np.unique(here):
            scores = [_headline(model, place, here == number) for model in (one, other)]
            found.append(scores[0] - scores[1])
    known = np.array(found)
    known = known[np.isfinite(known)]
    count = train["fold"].nunique()
    return known, 1 / (count - 1)


def _headline(one: Assessment, repeat: int, chosen: np.ndarray) -> float:
    oof = one.oof
    terms = bootstrap.bead_terms(
        one.task, oof.target[chosen], oof.score[repeat][chosen], oof.thresholds[repeat][chosen]
    )
    return float(bootstrap.headline(one.task, terms.sum(axis=0)))
