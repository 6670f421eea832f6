"""The baselines' view of a bead: the same fields as the sentences, as a table."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from llm4waam.card.card import Card
from llm4waam.card.formulas import evaluate
from llm4waam.sentences.prompts import TextStyle


@dataclass(frozen=True)
class Features:
    """What baselines learn from; all three indexed by bead.

    `table` holds the fields of the sentences, `texts` the first prompt of each bead, `formulas`
    the card's closed formulas of the task, one column an information set, NaN where undefined.
    """

    table: pd.DataFrame
    texts: pd.Series
    formulas: pd.DataFrame

    def of(self, beads: list[str]) -> "Features":
        """The features of some beads, in their order."""
        return Features(self.table.loc[beads], self.texts.loc[beads], self.formulas.loc[beads])


def make_features(
    beads: pd.DataFrame, prompts: Iterable[dict], card: Card, task: str, style: TextStyle
) -> Features:
    """Features of all beads for one task."""
    known = card.with_formulas(beads).set_index("bead")
    texts: dict[str, str] = {}
    for row in prompts:
        if row["task"] in (None, task) and not row.get("without"):
            texts.setdefault(row["bead"], row["text"])
    formulas = {
        name: evaluate(formula, known) for name, formula in card.tasks[task].formulas.items()
    }
    return Features(
        known[card.fields(style.information, style.derived)],
        pd.Series(texts, dtype=object).reindex(known.index),
        pd.DataFrame(formulas, index=known.index),
    )


def encoder_of(table: pd.DataFrame, log: bool = False):
    """An unfitted transformer of the table: numbers imputed and standardised, words one-hot.

    With `log`, numbers that are positive throughout `table` are taken as logarithms.
    """
    numbers = table.select_dtypes("number").columns.tolist()
    words = [name for name in table.columns if name not in numbers]
    positive = [name for name in numbers if log and (table[name].dropna() > 0).all()]
    plain = [name for name in numbers if name not in positive]
    # A bead outside the fold may have a zero where no training bead had one.
    floor = table[positive].min().to_numpy()
    logarithm = FunctionTransformer(lambda values: np.log(np.maximum(values, floor)))
    return make_column_transformer(
        (make_pipeline(_fill(), logarithm, StandardScaler()), positive),
        (make_pipeline(_fill(), StandardScaler()), plain),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
    )


def _fill() -> SimpleImputer:
    return SimpleImputer(strategy="median", keep_empty_features=True)
