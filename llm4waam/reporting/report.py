"""The report in one language: sections of sentences, tables and figures, as one HTML file."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from llm4waam.card.card import Card
from llm4waam.encoders.families import FAMILIES, family_pairs
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import drawing, number, probability, signed
from llm4waam.reporting.report_tables import (
    Table,
    ablation_tables,
    calibration_tables,
    cleaning_table,
    comparison_table,
    interval_tables,
    label_table,
    shown_models,
    spread_tables,
    task_table,
)
from llm4waam.reporting.report_words import Words
from llm4waam.splits.tasks import Task


def verdicts(
    words: Words,
    tasks: Mapping[str, Task],
    summary: Mapping[str, dict],
    comparisons: Mapping[str, dict],
    metrics: Mapping[str, Mapping[str, dict]],
    *,
    encoders: bool,
) -> list[str]:
    """Sentences of every task: every two encoders, or the best encoder and the best baseline.

    A comparison without a p has no sentence.
    """
    keys = {
        name: family_pairs() if encoders else [f"{summary[name]['best_encoder']}_vs_baseline"]
        for name in tasks
    }
    pairs = [(name, comparisons[name].get(key)) for name in tasks for key in keys[name]]
    found = []
    for name, pair in pairs:
        if pair is None or pair["verdict"] is None:
            continue
        task = tasks[name]
        gap, low, high = (pair[k] for k in ("difference", "difference_low", "difference_high"))
        headline = HEADLINES[task.kind]
        scores = [metrics[name][pair[who]]["oof"][headline] for who in ("one", "other")]
        if encoders:
            said = "encoders_chance" if pair["verdict"] == UNTOLD else "encoders_real"
        else:
            said = {BETTER: "better", WORSE: "worse", UNTOLD: "chance"}[pair["verdict"]]
        if said == "worse":  # told as what is lost, so that the interval is one of positive numbers
            low, high = -high, -low
        formula = metrics[name].get(FORMULAS["pre_weld"])
        told = [] if encoders or formula is None else [formula["oof"][headline]]
        found.append(
            words.say(
                "verdicts",
                said,
                task=words.name(name),
                metric=words.name(headline),
                one=words.name(pair["one"]),
                other=words.name(pair["other"]),
                score=number(scores[0]),
                other_score=number(scores[1]),
                gap=number(abs(gap)),
                signed=signed(gap),
                low=number(low),
                high=number(high),
                p=probability(pair["p_holm"]),
            )
        )
        for score in told:
            found[-1] += " " + words.say("verdicts", "formula", score=number(score))
    return found


# The kinds of ablation that make the study harder; the stage `robustness` puts them together.
HARDER = ("groups", "samples", "noise")
# Tables whose kind has another name.
KINDS_OF_TABLES = {"calibration": "nested", "intervals": "nested", "spread": "splits"}
TEMPLATE = "report.html.j2"
FILES = {"en": "report.html", "ko": "report.ko.html"}
# By the stage `explain`, as seen from the folder of the report.
ADVICE = {"en": "../advice/advice.html", "ko": "../advice/advice.ko.html"}


@dataclass(frozen=True)
class Sources:
    """What the report is made of, all of it written by stages.

    `metrics` maps a task to its models and their metrics files, `ablations` a kind to its
    table; a kind that was not run is not in it. `of_another_study` are the kinds that were run with
    other folds or by another recipe than the study has by now. `plots` is the folder of the
    figures, `group` the column of which a value is left out.
    """

    card: Card
    tasks: Mapping[str, Task]
    metrics: Mapping[str, Mapping[str, dict]]
    tiers: Mapping[str, int]
    summary: Mapping[str, dict]
    comparisons: Mapping[str, dict]
    cleaning: Mapping
    ablations: Mapping[str, pd.DataFrame]
    of_another_study: Collection[str]
    plots: Path
    group: str


def render(sources: Sources, language: str) -> str:
    """The page, self-contained and the same bytes from the same sources."""
    words = Words.read(language)
    sections = [_section(sources, words, key) for key in words.texts["sections"]]
    folder = FileSystemLoader([Path(__file__).parent, Path(__file__).parents[1] / "plotting"])
    environment = Environment(
        loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    simulated, card = sources.card.simulated, sources.card
    other = next(name for name in FILES if name != language)
    return environment.get_template(TEMPLATE).render(
        language=language,
        other={"language": other, "file": FILES[other]},
        advice=ADVICE[language],
        page=lambda key: words.say("page", key),
        banner=words.say("page", "simulated" if simulated else "measured", title=card.title),
        mark=words.say("page", "simulated_mark") if simulated else "",
        sections=sections,
    )


def _section(sources: Sources, words: Words, key: str) -> dict:
    section = words.texts["sections"][key]
    card, kind = sources.card, section.get("ablation")
    known = {"title": card.title, "source": card.source, "licence": card.licence}
    known |= {"column": sources.group, "encoders": words.listed(FAMILIES)}
    texts = [words.fill(t, **known) for t in section.get("text", [])]
    absent = kind is not None and kind not in sources.ablations
    if absent:
        command = f"make ablations KIND={KINDS_OF_TABLES.get(kind, kind)}"
        if key == "earns":  # of several kinds, and so none itself
            command = f"dvc repro ablations/dvc.yaml:{kind}"
        texts.append(words.say("page", "absent", command=command))
    elif _made_by(kind or key) & set(sources.of_another_study):
        texts.append(words.say("page", "of_another_study"))
    tables = [] if absent else _tables(sources, words, key, section)
    figures = [
        {
            "drawing": drawing((sources.plots / f"{name}.svg").read_text(encoding="utf-8")),
            "caption": words.fill(caption),
        }
        for name, caption in section.get("figures", {}).items()
        if (sources.plots / f"{name}.svg").is_file()
    ]
    if key in ("asked", "compared"):
        known = sources.tasks, sources.summary, sources.comparisons, sources.metrics
        texts += verdicts(words, *known, encoders=key == "compared")
    if key == "earns" and not absent:
        texts.insert(0, earned(words, sources.ablations[kind]))
    heading = words.fill(section["heading"])
    return {"key": key, "heading": heading, "texts": texts, "tables": tables, "figures": figures}


def _made_by(kind: str) -> set[str]:
    """The kinds of ablation whose tables a section shows."""
    return set(HARDER) if kind == "robustness" else {KINDS_OF_TABLES.get(kind, kind)}


def earned(words: Words, table: pd.DataFrame) -> str:
    """The finding of the stage `robustness`, from the differences and verdicts of its table."""
    count, said = len(table), table["verdict"]
    better, worse = int((said == BETTER).sum()), int((said == WORSE).sum())
    ahead, untold = int((table["difference"] > 0).sum()), count - better - worse
    told = {"count": count, "ahead": ahead, "better": better, "worse": worse, "untold": untold}
    return words.say("verdicts", "earns", **told)


def _tables(sources: Sources, words: Words, key: str, section: dict) -> list[Table]:
    text, tasks = section.get("table"), sources.tasks
    if text is None:
        return []
    kinds: dict[str, Callable[[], list[Table]]] = {
        "data": lambda: [cleaning_table(words, words.fill(text), sources.cleaning)],
        "compared": lambda: [comparison_table(words, tasks, sources.comparisons, words.fill(text))],
        "results": lambda: [
            task_table(words, task, sources.metrics[name], sources.tiers, caption)
            for name, task in tasks.items()
            for caption in [words.fill(text, task=words.name(name))]
        ],
        "labels": lambda: [
            label_table(words, task, sources.metrics[name], _compared(sources, name), caption)
            for name, task in tasks.items()
            if task.kind != "regression"
            for caption in [words.fill(text, task=words.name(name))]
        ],
        "reliability": lambda: calibration_tables(words, sources.ablations["calibration"], text),
        "intervals": lambda: interval_tables(words, sources.ablations["intervals"], text),
        "splits": lambda: spread_tables(words, sources.ablations["spread"], text),
    }
    if key in kinds:
        return kinds[key]()
    table = sources.ablations[section["ablation"]]
    return ablation_tables(words, table, shown_models(table, probe=key == "leak"), text)


def _compared(sources: Sources, task: str) -> list[str]:
    """All encoders and the best baseline."""
    best = sources.summary[task]["best_baseline"]
    return [*FAMILIES, *([best] if best else [])]
