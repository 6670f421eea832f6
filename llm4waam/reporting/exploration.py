"""What the clean table looks like before anything learns from it, as tables.

Also how long the prompts are to each encoder's own tokenizer. Every function returns None where the
card has nothing for it to show.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations, islice
from pathlib import Path

import pandas as pd
from tokenizers import Tokenizer

from llm4waam.card import labels
from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.encoders.tokens import TOGETHER


def label_column(card: Card) -> str | None:
    """The column with the label sets, if the card has one."""
    return next(iter(card.named("outcome", kind="labels")), None)


def label_sets(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """label_set, beads: how often each set stands, the commonest first."""
    column = label_column(card)
    if column is None or beads[column].isna().all():
        return None
    counts = beads[column].value_counts().rename_axis("label_set").reset_index(name="beads")
    return counts.sort_values(["beads", "label_set"], ascending=[False, True], ignore_index=True)


def varying(beads: pd.DataFrame, card: Card, *roles: str) -> list[str]:
    """Numeric columns with one of the roles and with more than one value, in the card's order."""
    return [n for n in card.named(*roles, kind="number") if beads[n].nunique() > 1]


def defect_map(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """bead, group, x, y, label, label_set, one row a bead with all of them.

    y and x are the first two numeric set-points that vary (for WAAM: wire feed speed and travel
    speed), `group` is the first category among the set-points, `label` the first of the set.
    """
    axes, column = varying(beads, card, "set_point")[:2], label_column(card)
    if column is None or len(axes) < 2:
        return None
    groups = card.named("set_point", kind="category")
    table = pd.DataFrame(
        {
            "bead": beads["bead"],
            "group": beads[groups[0]] if groups else "all beads",
            axes[1]: beads[axes[1]],
            axes[0]: beads[axes[0]],
            "label": beads[column].map(lambda text: labels.split(text)[0], na_action="ignore"),
            "label_set": beads[column],
        }
    ).dropna(ignore_index=True)
    return None if table.empty else table


def distributions(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """column, bead, value: the target of every regression of the card."""
    columns = {c for t in card.tasks.values() if t.kind == "regression" for c in t.columns}
    ordered = [n for n in card.named("outcome") if n in columns and beads[n].notna().any()]
    if not ordered:
        return None
    table = beads[["bead", *ordered]].melt("bead", var_name="column", value_name="value")
    return table.dropna(ignore_index=True)[["column", "bead", "value"]]


def correlations(beads: pd.DataFrame, card: Card) -> pd.DataFrame | None:
    """first, second, spearman, beads: each pair of numeric columns that vary.

    A pair is compared on the beads that have both; without two unlike values there it is None.
    """
    names = varying(beads, card, "set_point", "measurement", "outcome")
    if len(names) < 2:
        return None
    matrix = beads[names].corr(method="spearman")
    known = beads[names].notna().astype(int)
    rows = [
        (one, other, matrix.at[one, other], int((known[one] & known[other]).sum()))
        for one, other in combinations(names, 2)
    ]
    return pd.DataFrame(rows, columns=["first", "second", "spearman", "beads"])


Count = Callable[[list[str]], list[int]]


def token_counter(checkpoint: str, revision: str | None) -> Count:
    """A function from texts to their numbers of tokens, the special ones included, nothing cut.

    A folder with a tokenizer.json is read without transformers; any other checkpoint is left to
    it. Raises StudyError where there is no tokenizer to be had.
    """
    file = Path(checkpoint) / "tokenizer.json"
    if file.is_file():
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return lambda texts: [len(each.ids) for each in tokenizer.encode_batch(texts)]
    from transformers import AutoTokenizer  # slow to import, and seldom needed

    try:
        slow = AutoTokenizer.from_pretrained(checkpoint, revision=revision)
    except (OSError, ValueError) as error:
        reason = f"has no tokenizer to load ({str(error).splitlines()[0]})"
        raise StudyError(checkpoint, reason, expected="a local folder or a hub name") from None
    return lambda texts: [len(ids) for ids in slow(texts, truncation=False)["input_ids"]]


def sentence_lengths(prompts: Iterable[dict], counters: dict[str, Count]) -> pd.DataFrame:
    """encoder, template, tokens, prompts: how many prompts have how many tokens.

    Of beads as they are: with fields left out they are shorter.
    """
    whole, found = (prompt for prompt in prompts if not prompt.get("without")), Counter()
    while some := list(islice(whole, TOGETHER)):
        for encoder, count in counters.items():
            lengths = count([prompt["text"] for prompt in some])
            for prompt, tokens in zip(some, lengths, strict=True):
                found[encoder, prompt["template"], tokens] += 1
    rows = [(*key, number) for key, number in sorted(found.items())]
    return pd.DataFrame(rows, columns=["encoder", "template", "tokens", "prompts"])
