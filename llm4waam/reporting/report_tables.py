"""The tables of the report, from what stages wrote; nothing is computed here."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES, file_key
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import DASH, number, probability
from llm4waam.reporting.ablation_findings import best_baselines, own_losses
from llm4waam.reporting.report_answer import FEW, found_labels, how_found
from llm4waam.reporting.report_sources import Sources
from llm4waam.reporting.report_words import Words
from llm4waam.splits.tasks import Task

# The columns of the original study, by kind of task.
COLUMNS = {
    "multi_label": (
        *("val_loss", "micro_f1", "macro_f1", "partial_score", "exact_match", "label_accuracy"),
    ),
    "binary": (
        *("val_loss", "accuracy", "macro_f1", "micro_f1", "partial_score", "exact_match"),
        "label_accuracy",
    ),
    "multi_class": ("val_loss", "accuracy", "macro_f1"),
    "regression": ("val_loss", "mse", "rmse", "mae", "r2"),
}


@dataclass(frozen=True)
class Table:
    """A table of text: the first `left` columns are left-aligned, rows in `strong` are bold.

    Cells of a `wrapped` one hold sentences.
    """

    caption: str
    head: list[str]
    rows: list[list[str]]
    strong: tuple[int, ...] = ()
    wrapped: bool = False
    left: int = 1


def cleaning_table(words: Words, caption: str, counts: Mapping) -> Table:
    """What cleaning counted, from metrics/clean.json."""
    rows = [
        [words.fill(text), f"{counts[key]:,}"]
        for key, text in words.texts["cleaning"].items()
        if key in counts
    ]
    return Table(caption, [words.name("quantity"), words.name("count")], rows)


def found_table(words: Words, sources: Sources, task: Task, caption: Mapping) -> Table:
    """How many beads of each label every model finds, and how many it names wrongly."""
    metrics, models = sources.metrics[task.name], sources.compared(task.name)
    best = sources.summary[task.name]["best_encoder"]
    found = {model: found_labels(task, metrics, model) for model in models}
    head = [words.name("label"), words.name("support")]
    head += [words.say("names", "found_by", model=words.name(model)) for model in models]
    head += [words.say("names", "alarms", model=words.name(model)) for model in models]
    head += [words.say("names", "verdict_label", model=words.name(best))] if best else []
    rows, outcomes = [], 0
    table = sources.per_label[sources.per_label["task"] == task.name]
    wrong = table.assign(label=table["label"].map(file_key)).set_index(["label", "model"])
    for label, (_, beads) in next(iter(found.values())).items():
        outcomes += beads
        alarms = [str(round(wrong.at[(label, m), "false_positives"])) for m in models]
        row = [words.task(label), str(beads), *(str(found[m][label][0]) for m in models), *alarms]
        if best:
            said = words.name(how_found(*found[best][label]))
            row.append(words.say("names", "few", said=said) if beads < FEW else said)
        rows.append(row)
    told = words.fill(caption, task=words.task(task.name))
    if task.kind == "multi_label" and outcomes > (beads := sources.split["beads"]["train"]):
        told += " " + words.say("tables", "several", outcomes=outcomes, beads=beads)
    return Table(told, head, rows)


def task_table(
    words: Words, task: Task, metrics: Mapping[str, dict], tiers: Mapping[str, int]
) -> Table:
    """Every model of a task, best first, in the columns of the original study.

    A column that is the same as that of the headline, number by number, is left out and named.
    """
    headline = HEADLINES[task.kind]
    columns = list(COLUMNS[task.kind])
    same = [c for c in columns if c != headline and _equal(metrics, c, headline)]
    columns = [c for c in columns if c not in same]
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
            words.score(found[c], *(found["interval"][end] for end in ("low", "high")))
            if c == headline
            else number(found.get(c))
            for c in columns
        ]
        rows.append([name, str(tiers[model]), *cells, number(hold_out.get(headline))])
    caption = words.say("tables", "task", task=words.task(task.name))
    if same:
        equal = words.listed(map(words.name, same))
        told = words.say("tables", "equal", metrics=equal, headline=words.name(headline))
        caption += " " + told[:1].upper() + told[1:]
    if "val_loss" in columns and any(model in FAMILIES for model in metrics):
        caption += " " + words.say("tables", "own_losses")
    if FORMULAS["post_weld"] in metrics:
        caption += " " + words.say("tables", "measured")
    strong = tuple(place for place, model in enumerate(order) if model in FAMILIES)
    head = [words.name("model"), words.name("tier"), *names, held]
    return Table(caption.strip(), head, rows, strong)


def _equal(metrics: Mapping[str, dict], column: str, headline: str) -> bool:
    return all(one["oof"].get(column) == one["oof"].get(headline) for one in metrics.values())


def _or_low(value: float | None) -> float:
    return float("-inf") if value is None else value


def comparison_table(
    words: Words, tasks: Mapping[str, Task], comparisons: Mapping, caption: str
) -> Table:
    """Every row of metrics/comparisons.json, in the order of `tasks`."""
    heads = ("task", "comparison", "difference", "p_mcnemar", "p_corrected_t", "p_holm", "verdict")
    rows = []
    for task in tasks:
        for key in sorted(comparisons[task], key=lambda key: key.endswith(("baseline", "formula"))):
            pair = comparisons[task][key]
            said = {BETTER: "better", WORSE: "worse", UNTOLD: "chance"}.get(pair["verdict"])
            gap = (pair[k] for k in ("difference", "difference_low", "difference_high"))
            tests = [probability(pair[k]) for k in ("p_mcnemar", "p_corrected_t", "p_holm")]
            who = f"{words.name(pair['one'])} − {words.name(pair['other'])}"
            said = words.name(said or "undefined")
            rows.append([words.name(task), who, words.score(*gap), *tests, said])
    return Table(caption, [words.name(head) for head in heads], rows, left=2)


def came_true_table(words: Words, sources: Sources, task: Task, caption: Mapping) -> Table:
    """How often what the best encoder said came true, by the chance that it gave."""
    best, table = sources.summary[task.name]["best_encoder"], sources.came_true
    table = table[(table["task"] == task.name) & (table["model"] == best)]
    wide = {role: part.set_index("least") for role, part in table.groupby("role")}
    rows = []
    for row in wide["oof"].reset_index().itertuples():
        cells = [words.shares(row.least, row.most)]
        for role in ("oof", "hold_out"):
            one = wide[role].loc[row.least] if role in wide else None
            if one is None or not one["statements"]:
                cells.append(DASH)
                continue
            told = {"count": int(one["came_true"]), "all": int(one["statements"])}
            ends = words.shares(one["low"], one["high"])
            cells.append(f"{words.say('names', 'of', **told)} ({ends})")
        rows.append(cells)
    said = {"class": words.name(file_key(task.classes[1]))}
    heads = [words.say("names", "came_true", role=words.name(r)) for r in ("oof", "hold_out")]
    text = words.fill(caption, task=f"{words.task(task.name)}, {words.name(best)}", **said)
    return Table(text, [words.name("said"), *heads], rows)


PROBE = "nearest_neighbour"  # it looks beads up, and so shows a leak


def shown_models(table: pd.DataFrame, *, probe: bool) -> dict[str, list[str]]:
    """Task -> the encoders, the best baseline of its first variation and, if wanted, the probe.

    `table` is that of an ablation: task, model, variation, title, metric, score, low and high.
    """
    found = {}
    for task in table["task"].unique():
        part = table[(table["task"] == task) & table["metric"].isin(HEADLINES.values())]
        known = part[~part["model"].isin(FAMILIES) & (part["model"] != FORMULAS["post_weld"])]
        first = known.drop_duplicates("model")
        best = first.sort_values("score", ascending=False, kind="stable")["model"].head(1)
        names = dict.fromkeys([*FAMILIES, *best, *([PROBE] if probe else [])])
        found[task] = [name for name in names if name in set(part["model"])]
    return found


MEASURES, BOTH = ("log_loss", "ece"), ("before", "after")


def calibration_table(words: Words, sources: Sources, table: pd.DataFrame) -> Table:
    """Probabilities of the encoders and the best baseline before and after a temperature."""
    head = [words.name("task"), words.name("model")]
    head += [f"{words.name(m)}, {words.name(v)}" for m in MEASURES for v in BOTH]
    rows = []
    for task, part in table.groupby("task", sort=False):
        wide = part.set_index(["model", "variant"])
        rows += [
            [words.name(task), words.name(m)]
            + [number(wide.at[(m, v), k]) for k in MEASURES for v in BOTH]
            for m in sources.compared(task)
            if m in set(part["model"])
        ]
    return Table(words.say("tables", "calibration"), head, rows, left=2)


def interval_table(words: Words, sources: Sources, table: pd.DataFrame) -> Table:
    """Coverage and width of the 90 % intervals of the encoders, the best baseline and formula."""
    head = [words.name(key) for key in ("task", "model", "coverage", "relative_width")]
    rows = []
    for task, part in table.groupby("task", sort=False):
        models = [*sources.compared(task), FORMULAS["pre_weld"]]
        cells = part.set_index("model")
        for model in dict.fromkeys(m for m in models if m in cells.index):
            row = cells.loc[model]
            share = words.score(row["coverage"], row["coverage_low"], row["coverage_high"])
            width = number(row["median_relative_width"])
            rows.append([words.name(task), words.name(model), share, width])
    return Table(words.say("tables", "intervals"), head, rows, left=2)


def spread_table(words: Words, sources: Sources, table: pd.DataFrame) -> Table:
    """How far the draw of the split moves the encoders, the best baseline and the formula."""
    measures, rows = ("study", "mean", "sd"), []
    for task, part in table.groupby("task", sort=False):
        wide = part.set_index(["model", "role"])
        for model in dict.fromkeys([*sources.compared(task), FORMULAS["pre_weld"]]):
            if (model, "oof") not in wide.index:
                continue
            cells = [words.name(task), words.name(model)]
            for role in ("oof", "hold_out"):
                one = wide.loc[(model, role)] if (model, role) in wide.index else None
                cells += [DASH] * 3 if one is None else [number(one[m]) for m in measures]
            rows.append(cells)
    head = [words.name("task"), words.name("model")]
    head += [
        f"{words.name(f'draws_{m}')}, {words.name(role)}"
        for role in ("oof", "hold_out")
        for m in measures
    ]
    caption = words.say("tables", "spread", draws=int(table["draws"].max()))
    return Table(caption, head, rows, left=2)


# In the order of the table; of some only where the fact is true of the table.
KINDS = {
    **{"ladder": None, "rates": None, "information": "measured_values", "samples": None},
    **{"groups": None, "noise": "classified", "note": "simulated_notes", "protocols": None},
}


def variations_table(words: Words, sources: Sources) -> Table:
    """Every variation by the first encoder and its own best baseline, a column a task."""
    tasks = list(sources.tasks)
    rows, strong = [], []
    for kind, fact in KINDS.items():
        if fact is not None and fact not in sources.facts:
            continue
        strong.append(len(rows))
        heading = words.say("kinds", kind)
        if kind not in sources.ablations:
            command = words.say("page", "absent", command=f"make ablations KIND={kind}")
            rows.append([f"{heading}. {command}", *[""] * len(tasks)])
            continue
        rows.append([heading, *[""] * len(tasks)])
        table = sources.ablations[kind]
        table = table[table["metric"].isin(HEADLINES.values())]
        cells = table.drop_duplicates(["variation", "model", "task"])
        score = cells.set_index(["variation", "model", "task"])["score"].to_dict()
        best = best_baselines(cells)
        own = table[table["model"].isin(FAMILIES)].drop_duplicates("variation")
        for one in own.itertuples():
            pairs = [_pair(sources, score, best, (one.variation, task)) for task in tasks]
            rows.append([words.title(one.title), *pairs])
    model = words.listed(words.name(m) for m in sources.encoders[:1])
    caption = words.fill(words.texts["sections"]["variations"]["table"], model=model)
    metrics = [words.name(HEADLINES[sources.tasks[task].kind]) for task in tasks]
    head = [f"{words.name(t)}, {metric}" for t, metric in zip(tasks, metrics, strict=True)]
    head = [words.name("variation"), *head]
    return Table(caption, head, rows, tuple(strong))


def _pair(sources: Sources, score: Mapping, best: Mapping, place: tuple[str, str]) -> str:
    """The first encoder and the best baseline of one variation and task."""
    variation, task = place
    own, other = score.get((variation, sources.encoders[0], task)), best.get(place)
    shown = [number(own), DASH if other is None else number(other[1])]
    return DASH if shown == [DASH, DASH] else shown[0] if shown[1] == DASH else " / ".join(shown)


def losses_table(words: Words, sources: Sources, caption: Mapping) -> Table:
    """All losses, task by task, the best first; of equal rows the names stand together."""
    table, rows, strong = sources.ablations["losses"], [], []
    encoder = table.loc[table["model"].isin(FAMILIES), "model"].iloc[0]
    for task in sources.tasks:
        for one in own_losses(table, sources, task).itertuples():
            score = words.score(one.score, one.low, one.high)
            if rows and rows[-1][0] == words.name(task) and rows[-1][2] == score and not one.own:
                rows[-1][1] += "; " + words.title(one.title)
                continue
            strong += [len(rows)] if one.own else []
            rows.append([words.name(task), words.title(one.title), score])
    head = [words.name("task"), words.name("loss"), words.name("score")]
    caption = words.fill(caption, model=words.name(encoder))
    return Table(caption, head, rows, tuple(strong), left=2)
