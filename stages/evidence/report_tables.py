"""The tables of the report, from metrics and plots that stages wrote; nothing is computed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stages.evidence.assessment import ENCODERS, FORMULAS
from stages.evidence.report_words import Words, between, probability, shown
from stages.learning.metrics import HEADLINES, class_names, file_key
from stages.learning.tasks import Task

# The columns of the original study, by kind of task.
COLUMNS = {
    "multi_label": (
        *("val_loss", "macro_f1", "micro_f1", "partial_score", "exact_match", "label_accuracy"),
    ),
    "binary": (
        *("val_loss", "accuracy", "macro_f1", "micro_f1", "partial_score", "exact_match"),
        "label_accuracy",
    ),
    "regression": ("val_loss", "mse", "rmse", "mae", "r2"),
}


@dataclass(frozen=True)
class Table:
    """A table of text; the first column is left-aligned, rows in `strong` are bold."""

    caption: str
    head: list[str]
    rows: list[list[str]]
    strong: tuple[int, ...] = ()


def cleaning_table(words: Words, caption: str, counts: Mapping) -> Table:
    """What cleaning counted, from metrics/clean.json."""
    rows = [
        [words.fill(text), f"{counts[key]:,}"]
        for key, text in words.texts["cleaning"].items()
        if key in counts
    ]
    return Table(caption, [words.name("quantity"), words.name("count")], rows)


def task_table(
    words: Words, task: Task, metrics: Mapping[str, dict], tiers: Mapping[str, int], caption: str
) -> Table:
    """Every model of a task, best first, in the columns of the original study."""
    headline = HEADLINES[task.kind]
    columns = list(COLUMNS[task.kind])
    if task.kind == "binary":
        columns += [f"recall_{file_key(name)}" for name in task.classes]
    squared = f"({task.unit})²" if "/" in (task.unit or "") else f"{task.unit}²"
    units = {"mse": squared, "rmse": task.unit, "mae": task.unit} if task.unit else {}
    names = [words.name(c) + (f", {units[c]}" if c in units else "") for c in columns]
    held = f"{words.name(headline)}, {words.name('hold_out')}"
    order = sorted(metrics, key=lambda m: _or_low(metrics[m]["oof"].get(headline)), reverse=True)
    rows = []
    for model in order:
        found, hold_out = metrics[model]["oof"], metrics[model]["hold_out"]
        name = words.name(model) + (" †" if model == FORMULAS["post_weld"] else "")
        name += " *" if metrics[model]["optimistic"] else ""
        cells = [
            between(found[c], *(found["interval"][end] for end in ("low", "high")))
            if c == headline
            else shown(found.get(c))
            for c in columns
        ]
        rows.append([name, str(tiers[model]), *cells, shown(hold_out.get(headline))])
    strong = tuple(place for place, model in enumerate(order) if model in ENCODERS)
    head = [words.name("model"), words.name("tier"), *names, held]
    return Table(caption, head, rows, strong)


def _or_low(value: float | None) -> float:
    return float("-inf") if value is None else value


def comparison_table(
    words: Words, tasks: Mapping[str, Task], comparisons: Mapping, caption: str
) -> Table:
    """Every row of metrics/comparisons.json, in the order of `tasks`."""
    heads = ("task", "comparison", "difference", "p_mcnemar", "p_corrected_t", "p_holm", "verdict")
    rows = []
    for task in tasks:
        for key in sorted(comparisons[task], key=lambda key: key.endswith("baseline")):
            pair = comparisons[task][key]
            said = {1: "real", 0: "chance", None: "undefined"}[pair["real"]]
            gap = between(*(pair[k] for k in ("difference", "difference_low", "difference_high")))
            tests = [probability(pair[k]) for k in ("p_mcnemar", "p_corrected_t", "p_holm")]
            who = f"{words.name(pair['one'])} − {words.name(pair['other'])}"
            rows.append([words.name(task), who, gap, *tests, words.name(said)])
    return Table(caption, [words.name(head) for head in heads], rows)


def label_table(
    words: Words, task: Task, metrics: Mapping[str, dict], models: Sequence[str], caption: str
) -> Table:
    """Precision, recall and F1 of each label and model."""
    head = [words.name("label"), words.name("support")]
    head += [
        f"{words.name(model)}, {words.name(measure)}"
        for model in models
        for measure in ("precision", "recall", "f1")
    ]
    rows = []
    for label in map(file_key, class_names(task)):
        found = [metrics[model]["per_label"][label] for model in models]
        values = [shown(one[measure]) for one in found for measure in ("precision", "recall", "f1")]
        rows.append([words.name(label), str(found[0]["support"]), *values])
    return Table(caption, head, rows)
