"""The report in one language: sections of sentences, tables and figures, as one HTML file."""

from collections.abc import Callable, Mapping
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
from llm4waam.reporting.results import is_circular
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

    `metrics` maps a task to its models and their metrics files, `split` is what the folds kept
    together. `ablations` maps a kind to its
    table, and `differs` a kind to what was different when it was run (see `core.made_from`); a kind
    that was not run on this table is in neither. `advised` says whether there is a page of advice
    of this table. `plots` is the folder of the figures, `group` the column of which a value is left
    out.
    """

    card: Card
    tasks: Mapping[str, Task]
    metrics: Mapping[str, Mapping[str, dict]]
    tiers: Mapping[str, int]
    summary: Mapping[str, dict]
    comparisons: Mapping[str, dict]
    cleaning: Mapping
    split: Mapping
    ablations: Mapping[str, pd.DataFrame]
    differs: Mapping[str, Mapping[str, tuple[str, str]]]
    advised: bool
    plots: Path
    group: str

    @property
    def encoders(self) -> list[str]:
        """The encoders that were fine-tuned."""
        first = next(iter(self.metrics.values()))
        return [name for name in FAMILIES if name in first]

    @property
    def facts(self) -> frozenset[str]:
        """What is true of the table, of all that a text of report_words.yaml can hang on."""
        card, tasks = self.card, self.tasks.values()
        kinds, measured = {task.kind for task in tasks}, card.named("measurement")
        known = {
            "simulated": card.simulated,
            "circular": is_circular(card),
            "simulated_notes": card.simulated and bool(card.named("note")),
            "measured_values": bool(measured),
            "measured_formula": any("post_weld" in card.tasks[n].formulas for n in self.tasks),
            "classified": bool(kinds - {"regression"}),
            "regression": "regression" in kinds,
        }
        return frozenset(name for name, true in known.items() if true)


def render(sources: Sources, language: str) -> str:
    """The page, self-contained and the same bytes from the same sources."""
    words = Words.read(language, sources.facts)
    needs = {key: one.get("if") for key, one in words.texts["sections"].items()}
    known = {None, *words.facts}
    sections = [_section(sources, words, key) for key, fact in needs.items() if fact in known]
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
        advice=ADVICE[language] if sources.advised else None,
        page=lambda key: words.say("page", key),
        banner=words.say("page", "simulated" if simulated else "measured", title=card.title),
        mark=words.say("page", "simulated_mark") if simulated else "",
        sections=sections,
    )


def _section(sources: Sources, words: Words, key: str) -> dict:
    section = words.texts["sections"][key]
    card, kind = sources.card, section.get("ablation")
    known = {"title": card.title, "source": card.source, "licence": card.licence}
    known |= {"column": sources.group, "encoders": words.listed(sources.encoders)}
    known |= {"tasks": ", ".join(map(words.name, sources.tasks))}
    texts = [said for t in section.get("text", []) if (said := words.fill(t, **known))]
    made_by = KINDS_OF_TABLES.get(kind, kind)
    absent = kind is not None and kind not in sources.ablations
    shown = _figures(sources, words, section)
    if absent:
        texts = texts if shown else []  # else there is nothing that they are about
        command = f"make ablations KIND={made_by}"
        if key == "earns":  # of several kinds, and so none itself
            command = f"dvc repro ablations/dvc.yaml:{kind}"
        texts.append(words.say("page", "absent", command=command))
    elif made_by and sources.differs[made_by]:
        told = differing(words, sources.differs[made_by])
        texts.append(words.say("page", "other_settings", differs=told))
    tables = [] if absent else _tables(sources, words, key, section)
    if key == "read":
        texts += crossing(words, sources.split)
    if key in ("asked", "compared"):
        known = sources.tasks, sources.summary, sources.comparisons, sources.metrics
        texts += verdicts(words, *known, encoders=key == "compared")
    if key == "earns" and not absent:
        texts.insert(0, earned(words, sources.ablations[kind]))
    heading = words.fill(section["heading"])
    return {"key": key, "heading": heading, "texts": texts, "tables": tables, "figures": shown}


def crossing(words: Words, split: Mapping) -> list[str]:
    """A sentence for each column of groups of which some stand in several folds."""
    return [
        words.say("page", "crossing", column=column, many=found["in_several_folds"],
                  count=found["groups"])
        for column, found in split["groups"].items()
        if found["in_several_folds"]
    ]  # fmt: skip


def _figures(sources: Sources, words: Words, section: dict) -> list[dict]:
    """The drawings of a section that are there; of an ablation, where it is of this table."""
    found = []
    for name, caption in section.get("figures", {}).items():
        folder, _, rest = name.partition("/")
        kind = rest.partition("/")[0] if folder == "ablations" else None
        file = sources.plots / f"{name}.svg"
        if file.is_file() and (kind is None or kind in sources.differs):
            drawn = drawing(file.read_text(encoding="utf-8"))
            found.append({"drawing": drawn, "caption": words.fill(caption)})
    return found


DIFFERENCES = 6  # that are named; more would not be read


def differing(words: Words, found: Mapping[str, tuple[str, str]]) -> str:
    """Which settings differ: "other folds; train.epochs: 12, now 6"."""
    named = {name: values for name, values in found.items() if name != "folds"}
    said = [words.say("page", "other_folds")] if "folds" in found else []
    for name, (then, now) in list(named.items())[:DIFFERENCES]:
        said.append(words.say("page", "other_setting", name=name, then=then, now=now))
    if len(named) > DIFFERENCES:
        said.append(words.say("page", "more_settings", count=len(named) - DIFFERENCES))
    return "; ".join(said)


def earned(words: Words, table: pd.DataFrame) -> str:
    """The finding of the stage `robustness`, from the differences and verdicts of its table."""
    return words.say("verdicts", "earns", **counted(table))


def counted(table: pd.DataFrame) -> dict[str, int]:
    """How many comparisons there are, how often the encoder is ahead, and the verdicts."""
    count, said = len(table), table["verdict"]
    better, worse = int((said == BETTER).sum()), int((said == WORSE).sum())
    ahead, untold = int((table["difference"] > 0).sum()), count - better - worse
    return {"count": count, "ahead": ahead, "better": better, "worse": worse, "untold": untold}


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
    return [*sources.encoders, *([best] if best else [])]
