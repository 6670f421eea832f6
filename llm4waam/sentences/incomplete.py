"""Beads as a user may have them: without fields that the card does not require.

Each bead is also told without one optional field, without all of them, and without some that are
drawn. A model learns from these sentences to do without a field, and how far it is then from the
truth is measured on beads that it did not learn from (`llm4waam.decisions.confidence`).
"""

import zlib
from collections.abc import Container, Iterator

import numpy as np
import pandas as pd

from llm4waam.card.card import Card
from llm4waam.sentences.prompts import TextStyle, make_prompts, records

BETWEEN = " "  # the names of fields in one cell of a table
ENOUGH = 4000  # times that beads are told with fields left out; a large table needs one a bead


def optional_fields(card: Card, style: TextStyle) -> list[str]:
    """Columns that a sentence may hold and that the card does not require, in its order.

    Empty where the sentences came with the table.
    """
    if card.named("prompt"):
        return []
    known = card.fields(style.information, 0)
    optional = [name for name in known if not card.columns[name].required]
    return optional + (card.named("note") if style.note else [])


def without_fields(beads: pd.DataFrame, card: Card, style: TextStyle) -> pd.DataFrame:
    """`beads` told with fields left out, a row each; the column `without` names the fields.

    Of every bead: each optional field alone that it has, all of them, and `style.incomplete`
    draws of some, of which a number between two and all but one is drawn first. Of a table for
    which that is more than ENOUGH, each bead keeps a draw of these. The draws depend on the name of
    the bead and on `style.seed`. Without a row where `style.incomplete` is 0.
    """
    optional, places, left_out = optional_fields(card, style), [], []
    for place, row in enumerate(records(beads) if style.incomplete else ()):
        has = [name for name in optional if not pd.isna(row[name])]
        found = _left_out(row["bead"], has, style, -(-ENOUGH // len(beads)))
        places += [place] * len(found)
        left_out += found
    told = beads.iloc[places].reset_index(drop=True)
    for name in optional:
        told.loc[[name in names for names in left_out], name] = None
    return told.assign(without=[BETWEEN.join(names) for names in left_out])


def study_prompts(
    beads: pd.DataFrame,
    card: Card,
    style: TextStyle,
    tasks: list[str],
    constant: Container[str] = (),
) -> Iterator[dict]:
    """The prompts of the study: of beads as they are, then with fields left out.

    To the rows of `make_prompts` comes `without`, the names of the fields left out with a space
    between; it is empty for a bead as it is.
    """
    told = without_fields(beads, card, style)
    for without, some in [("", beads), *told.groupby("without", sort=False)]:
        for row in make_prompts(some, card, style, tasks, constant):
            yield row | {"without": without}


def _left_out(bead: str, has: list[str], style: TextStyle, most: int) -> list[list[str]]:
    """Which fields are left out: each alone, all, and some; none twice, at most so many."""
    found = [[name] for name in has] + ([has] if len(has) > 1 else [])
    rng = np.random.default_rng([style.seed, zlib.crc32(bead.encode())])
    for _ in range(style.incomplete if len(has) > 3 else 0):
        count = int(rng.integers(2, len(has)))
        drawn = sorted(rng.choice(len(has), count, replace=False).tolist())
        names = [has[place] for place in drawn]
        found += [names] if names not in found else []
    if len(found) <= most:
        return found
    return [found[place] for place in sorted(rng.choice(len(found), most, replace=False).tolist())]
