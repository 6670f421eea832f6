"""Model cards and the data card, in Markdown."""

import math
from collections.abc import Mapping

import pandas as pd

from llm4waam.card.card import Card
from llm4waam.card.columns import Column
from llm4waam.core.escapes import in_markdown
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.evaluation.significance import BETTER, WORSE
from llm4waam.plotting.pages import (
    between,
    kind_of_data,
    markdown_table,
    number,
    paired,
)
from llm4waam.plotting.pages import model_card as card_with_facts
from llm4waam.plotting.style import title
from llm4waam.sentences.fields import field_of, say
from llm4waam.splits.tasks import Task

RATES = ("precision", "recall", "f1")
SHOWN = (
    *("engine", "epochs", "batch_size", "learning_rate", "weight_decay", "warmup", "loss"),
    *("numbers", "gain", "pooling", "prompts", "average", "selection", "inner_folds", "seed"),
)


def model_card(
    task: Task,
    source: Mapping,
    recipe: Mapping,
    metrics: Mapping,
    against: Mapping | None,
    card: Card,
    tier: int,
) -> str:
    """The card of the final model of one encoder and task.

    `source` (encoder, checkpoint, revision) and `recipe` are what it was made from, `metrics` its
    metrics file, `against` its comparison with the best baseline in metrics/comparisons.json.
    """
    headline, kind = HEADLINES[task.kind], kind_of_data(simulated=card.simulated)
    encoder, found = source["encoder"], metrics["oof"]
    name, architecture = title(encoder), FAMILIES[encoder].architecture
    parts = [
        f"# {name} for {title(task.name)}",
        f"*{in_markdown(task.question)}* A {architecture} fine-tuned on sentences about single "
        f"beads ({in_markdown(card.title)}; {kind}). Headline, {title(headline)}: "
        f"{between(found[headline], found['interval']['low'], found['interval']['high'])} out of "
        f"fold (95 % interval), {number(metrics['hold_out'][headline])} on the hold-out."
        + _verdict(against),
        "## What it is",
        _table(
            ["", "value"],
            [
                ["checkpoint it starts from", f"`{source['checkpoint']}`"],
                ["revision", source["revision"] or "–"],
                ["knows beforehand", f"tier {tier}"],
                ["outputs", in_markdown(", ".join(task.outputs))],
                ["unit", task.unit or "probability"],
                ["files", f"`data/models/{encoder}/{task.name}`"],
                *([key, str(recipe[key])] for key in SHOWN),
            ],
        ),
        "Tier 0 is nothing of physics, 1 formulas of the arc and the bead, 2 indices of "
        "printability. The small encoders in `data/encoders` were pretrained on sentences about "
        "WAAM beads of a simulator, their tokenizers made from sentences of all tiers.",
        f"## What it is worth, on {kind}",
        _table(
            ["metric", "out of fold", "hold-out"],
            [
                [title(key), number(found[key]), number(metrics["hold_out"][key])]
                for key in sorted(found)
                if key != "interval"
            ],
        ),
    ]
    if metrics["per_label"]:
        rows = [
            [
                in_markdown(title(label)),
                *(number(one[k]) for k in ("precision", "recall", "f1")),
                one["support"],
            ]
            for label, one in metrics["per_label"].items()
        ]
        heads = ["label", "precision", "recall", "F1", "beads"]
        parts += ["## Label by label, out of fold", _table(heads, rows)]
    if metrics["optimistic"]:
        parts.append("**Optimistic**: the epoch was chosen on the beads it is scored on.")
    parts += [
        "## What it is for, and what it is not for",
        "For comparing ways to predict the outcome of beads, on tables like this one. Not for "
        "releasing a part, not for a material or machine that the table does not hold, and not for "
        "a rare outcome: a handful of beads teaches nothing. The out-of-fold scores are of "
        "models like this one, each trained without the beads it was asked for; this one was "
        "trained on all of them.",
    ]
    if card.simulated:
        parts.append("Its data are simulated: no score on this card is a finding about welding.")
    parts += ["## How to make it again", f"`dvc repro train-{encoder}@{task.name}`"]
    text = "\n\n".join(parts) + "\n"
    facts = {"tags": [task.name, encoder], "language": "en"}
    return card_with_facts(text, base_model=source["checkpoint"], **facts)


def data_card(card: Card, cleaning: Mapping, left_out: Mapping[str, object]) -> str:
    """The card of the table as a page: what it is, what cleaning found, what the columns mean.

    `left_out` are the fields that sentences do not say, with their one value in training.
    """
    counts = [[title(k), f"{v:,}"] for k, v in sorted(cleaning.items()) if isinstance(v, int)]
    missing = cleaning.get("missing", {})
    columns = [
        [
            f"`{name}`",
            in_markdown(column.meaning),
            column.role.replace("_", " "),
            column.unit or "–",
            _range(column),
            str(missing.get(name, "–")),
        ]
        for name, column in card.columns.items()
    ]
    tasks = [
        [title(name), t.kind.replace("_", " "), in_markdown(t.question)]
        for name, t in card.tasks.items()
    ]
    parts = [
        f"# {in_markdown(card.title)}",
        "\n".join(map(in_markdown, card.description.strip().splitlines())),
        f"Data: {kind_of_data(simulated=card.simulated)}. Source: {in_markdown(card.source)}. "
        f"Licence: {in_markdown(card.licence)}.",
        "## Tasks",
        _table(["task", "kind", "question"], tasks),
        "## What cleaning found",
        _table(["", "count"], counts),
        "## Columns",
        _table(["column", "meaning", "role", "unit", "range", "missing"], columns),
        "What was altered or rejected is listed cell by cell in `data/clean/rejected.csv`.",
    ]
    if left_out:
        phrases = {name: field_of(card, name).phrase or "" for name in left_out}
        told = [say(card, n, value, phrases[n], units=True).text for n, value in left_out.items()]
        said = in_markdown("; ".join(map(" ".join, zip(phrases.values(), told, strict=True))))
        parts += [
            "## What sentences leave out",
            f"The same for every training bead, so that it tells a model nothing: {said}. A bead "
            "with another value is answered as if it had this one, and called outside the training "
            "beads. `text.constant: true` says these fields as well.",
        ]
    return "\n\n".join(parts) + "\n"


def _range(column: Column) -> str:
    low, high = column.bounds
    if column.range is None:
        return "–"
    if math.isinf(low) or math.isinf(high):
        return f"up to {high:g}" if math.isinf(low) else f"from {low:g}"
    return f"{low:g} to {high:g}"


def _table(heads: list[str], rows: list[list]) -> str:
    return markdown_table(
        pd.DataFrame([[str(cell) for cell in row] for row in rows], columns=heads)
    )


def _verdict(against: Mapping | None) -> str:
    """Better or worse than the best baseline, in the words of the one verdict."""
    if against is None or against["verdict"] is None:
        return ""
    told = {BETTER: "Better than", WORSE: "Worse than"}
    said = told.get(against["verdict"], "Which is better cannot be told, this or")
    return f" {said} the best baseline ({title(against['other'])}): {paired(against)}."
