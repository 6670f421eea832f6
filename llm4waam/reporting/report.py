"""The report in one language: the answer, one figure, then a section for each question of a reader.

A section says what it shows, in sentences of `report_findings` and `ablation_findings`, then what
not to conclude. What only some readers want is folded, and open in print.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from markupsafe import Markup, escape

from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.pages import drawing, number, templates
from llm4waam.plotting.style import title
from llm4waam.reporting import ablation_findings as ablated
from llm4waam.reporting import report_findings as findings
from llm4waam.reporting import report_tables as tables
from llm4waam.reporting.report_answer import answer
from llm4waam.reporting.report_sources import Sources
from llm4waam.reporting.report_words import CODE, Words

# Tables whose kind has another name.
KINDS_OF_TABLES = {"calibration": "nested", "intervals": "nested", "spread": "splits"}
TEMPLATE = "report.html.j2"
FILES = {"en": "report.html", "ko": "report.ko.html"}
# By the stage `explain`, as seen from the folder of the report.
ADVICE = {"en": "../advice/advice.html", "ko": "../advice/advice.ko.html"}
FIRST = "results/answer"  # the figure below the answer


def render(sources: Sources, language: str) -> str:
    """The page, self-contained and the same bytes from the same sources."""
    words = Words.read(language, sources.facts)
    needs = {key: one.get("if") for key, one in words.texts["sections"].items()}
    known = {None, *words.facts}
    sections = [_section(sources, words, key) for key, fact in needs.items() if fact in known]
    environment = templates(Path(__file__).parent)
    environment.filters["marked"] = marked
    simulated, name = sources.card.simulated, words.title(sources.card.title)
    other = next(name for name in FILES if name != language)
    return environment.get_template(TEMPLATE).render(
        language=language,
        other={"language": other, "file": FILES[other]},
        advice=ADVICE[language] if sources.advice is not None else None,
        page=lambda key: words.say("page", key),
        banner=words.say("page", "simulated" if simulated else "measured", title=name),
        mark=words.say("page", "simulated_mark") if simulated else "",
        answer=answer(words, sources),
        first=_figures(sources, words, {FIRST: words.texts["answer"]["figure"]}),
        terms=_terms(sources, words),
        sections=sections,
    )


def marked(text: str) -> Markup:
    """A text of report_words.yaml in HTML: commands and paths are code, all else is itself."""
    return Markup(re.sub(f"{CODE}([^{CODE}]*){CODE}", r"<code>\1</code>", str(escape(text))))


def _terms(sources: Sources, words: Words) -> dict:
    texts = words.texts["terms"]["text"]
    known = {"title": words.title(sources.card.title)}
    known |= {"encoders": words.listed(map(words.name, sources.encoders))}
    known |= {"tasks": words.listed(map(words.name, sources.tasks)), "example": sources.example}
    columns = [words.title(title(column)) for column in sources.split["groups"]]
    known["groups"] = words.listed(columns) if columns else words.say("terms", "group")
    formulas = {name: sources.card.tasks[name].formulas.get("pre_weld") for name in sources.tasks}
    told = [f"{words.name(name)} = `{one}`" for name, one in formulas.items() if one]
    known["formulas"] = "; ".join(told).replace("`", CODE)
    said = [told for text in texts if (told := words.fill(text, **known))]
    return {"heading": words.say("terms", "heading"), "texts": said}


def _section(sources: Sources, words: Words, key: str) -> dict:
    """What a section shows: sentences, drawings, tables, what is folded, what not to conclude."""
    section, card = words.texts["sections"][key], sources.card
    kind = section.get("ablation")
    known = {"title": words.title(card.title), "source": words.title(card.source)}
    known |= {"licence": card.licence, "column": words.title(title(sources.group))}
    said, shown, folded = _contents(sources, words, key)
    texts = [told for t in section.get("text", []) if (told := words.fill(t, **known))]
    figures = _figures(sources, words, section.get("figures", {}))
    more = [told for t in section.get("more_text", []) if (told := words.fill(t, **known))]
    more_figures = _figures(sources, words, section.get("more_figures", {}))
    notes = [note for one in NOTES.get(key, ()) for note in _notes(sources, words, one)]
    notes = list(dict.fromkeys(notes))  # several kinds may differ in the same settings
    if kind is not None and kind not in sources.ablations:
        texts = texts if figures else []  # else there is nothing that they are about
        command = f"make ablations KIND={kind}"
        if key == "earns":  # of several kinds, and so none itself
            command = f"dvc repro ablations/dvc.yaml:{kind}"
        notes.append(words.say("page", "absent", command=command))
    foldable = folded or more_figures
    return {
        "key": key,
        "heading": words.fill(section["heading"]),
        "said": said,
        "texts": texts,
        "figures": figures,
        "tables": shown,
        "notes": notes,
        "careful": words.fill(section["careful"]) if "careful" in section else "",
        "more": {
            "heading": words.fill(section["more"]),
            "texts": more if folded else [],
            "figures": more_figures,
            "tables": folded,
        }
        if foldable
        else None,
    }


Contents = tuple[list[str], list[tables.Table], list[tables.Table]]


def _contents(sources: Sources, words: Words, key: str) -> Contents:
    """Sentences, tables, and tables that are folded, of a section."""
    makers: dict[str, Callable[[], Contents]] = {
        "judged": lambda: _judged(sources, words),
        "formula": lambda: (
            findings.of_kind(words, sources, regression=True),
            [],
            _task_tables(sources, words, regression=True),
        ),
        "earns": lambda: _earns(sources, words),
        "sure": lambda: _sure(sources, words),
        "leak": lambda: _if_run(sources, "protocols", ablated.leak, words),
        "parity": lambda: _if_run(sources, "parity", ablated.parity, words),
        "next": lambda: _next(sources, words),
        "data": lambda: _data(sources, words),
        "variations": lambda: _variations(sources, words),
    }
    return makers[key]() if key in makers else ([], [], [])


def _if_run(sources: Sources, kind: str, find: Callable, words: Words) -> Contents:
    return (find(words, sources) if kind in sources.ablations else [], [], [])


def _judged(sources: Sources, words: Words) -> Contents:
    caption = words.texts["sections"]["judged"]["table"]
    found = [
        tables.found_table(words, sources, task, caption)
        for task in sources.tasks.values()
        if task.kind != "regression"
    ]
    said = findings.of_kind(words, sources, regression=False)
    return said, found, _task_tables(sources, words, regression=False)


def _task_tables(sources: Sources, words: Words, *, regression: bool) -> list[tables.Table]:
    return [
        tables.task_table(words, task, sources.metrics[name], sources.tiers)
        for name, task in sources.tasks.items()
        if (task.kind == "regression") == regression
    ]


def _earns(sources: Sources, words: Words) -> Contents:
    table = sources.ablations.get("robustness")
    said = [] if table is None else [findings.earned(words, table)]
    caption = words.fill(words.texts["sections"]["earns"]["table"])
    first = dict(list(sources.tasks.items())[:1])  # of the others the table tells
    known = first, sources.summary, sources.comparisons, sources.metrics
    said += findings.verdicts(words, *known, encoders=True)
    said += ablated.group_left_out(words, sources)
    return said, [], [tables.comparison_table(words, sources.tasks, sources.comparisons, caption)]


def _sure(sources: Sources, words: Words) -> Contents:
    caption, known = words.texts["sections"]["sure"]["table"], set(sources.came_true["task"])
    shown = [
        tables.came_true_table(words, sources, task, caption)
        for name, task in sources.tasks.items()
        if name in known and sources.summary[name]["best_encoder"]
    ]
    makers = {
        "calibration": tables.calibration_table,
        "intervals": tables.interval_table,
        "spread": tables.spread_table,
    }
    folded = [
        make(words, sources, sources.ablations[kind])
        for kind, make in makers.items()
        if kind in sources.ablations and len(sources.ablations[kind])
    ]
    return findings.sure(words, sources), shown, folded


def _next(sources: Sources, words: Words) -> Contents:
    shown = []
    if sources.advised is not None:
        told = sources.advised[words.language]
        caption = words.fill(words.texts["sections"]["next"]["table"])
        shown = [tables.Table(caption, told["head"], told["rows"], wrapped=True)]
    said = findings.advised(words, sources) + ablated.more_beads(words, sources)
    return said, shown, []


def _data(sources: Sources, words: Words) -> Contents:
    said = []
    for column, found in sources.split["groups"].items():
        if found["in_several_folds"]:
            known = {"many": found["in_several_folds"], "count": found["groups"]}
            named = words.title(title(column))
            said.append(words.say("page", "crossing", column=named, **known))
    caption = words.fill(words.texts["sections"]["data"]["table"])
    return said, [], [tables.cleaning_table(words, caption, sources.cleaning)]


def _variations(sources: Sources, words: Words) -> Contents:
    folded = [tables.variations_table(words, sources)]
    if "losses" in sources.ablations:
        caption = words.texts["sections"]["variations"]["losses"]
        folded.append(tables.losses_table(words, sources, caption))
    said = ablated.ladder(words, sources) + ablated.losses(words, sources)
    return said, [], folded


# Section -> the kinds of ablations of which it shows numbers: notes say how they differ.
NOTES = {
    "earns": ("samples", "groups", "noise"),
    "sure": ("nested", "splits"),
    "leak": ("protocols",),
    "parity": ("parity",),
    "variations": ("ladder", "rates", "information", "losses"),
}
# Kind -> the variation that is the study itself, by another training.
OWN = {"protocols": "grouped", "groups": "grouped", "information": "pre_weld", "noise": "noise_0"}


def _notes(sources: Sources, words: Words, kind: str) -> list[str]:
    """Whether a kind was run with other settings, and why its scores are not the headline's."""
    if kind not in sources.differs:
        if kind in ("nested", "splits", "losses"):
            return [words.say("page", "absent", command=f"make ablations KIND={kind}")]
        return []
    said = []
    if sources.differs[kind]:
        told = differing(words, sources.differs[kind])
        said.append(words.say("page", "other_settings", differs=told))
    for task, model, score in _own_scores(sources, kind):
        headline = (
            sources.metrics[task]
            .get(model, {})
            .get("oof", {})
            .get(HEADLINES[sources.tasks[task].kind])
        )
        if number(score) != number(headline) and kind in words.texts["why"]:
            known = {"task": words.name(task), "model": words.name(model)}
            known |= {"here": number(score), "headline": number(headline)}
            why = words.say("why", kind, epochs=sources.losses_epochs)
            return [*said, words.say("page", "elsewhere", why=why, **known)]
    return said


def _own_scores(sources: Sources, kind: str) -> list[tuple[str, str, float]]:
    """(task, encoder, score) of the study itself in the table of a kind."""
    found = []
    if kind == "splits":
        spread = sources.ablations["spread"]
        rows = spread[(spread["role"] == "oof") & spread["model"].isin(FAMILIES)]
        return [(row.task, row.model, row.study) for row in rows.itertuples()]
    table = sources.ablations.get(kind)
    if table is None or "variation" not in table:
        return []
    for task in sources.tasks:
        rows = table[(table["task"] == task) & table["model"].isin(FAMILIES)]
        rows = rows[rows["metric"] == HEADLINES[sources.tasks[task].kind]]
        key = OWN.get(kind)
        if kind == "losses":
            key = sources.losses[task]
        elif kind == "samples" and len(rows):
            key = max(rows["variation"], key=lambda one: float(one.rpartition("_")[2]))
        rows = rows[rows["variation"] == key]
        found += [(task, row.model, row.score) for row in rows.itertuples() if pd.notna(row.score)]
    return found


def _figures(sources: Sources, words: Words, named: Mapping[str, Mapping]) -> list[dict]:
    """The drawings that are there; of an ablation, where it is of this table."""
    found = []
    for name, caption in named.items():
        folder, _, rest = name.partition("/")
        kind = rest.partition("/")[0] if folder == "ablations" else None
        file = sources.plots / f"{name}.svg"
        if file.is_file() and (kind is None or kind in sources.differs):
            drawn = drawing(file.read_text(encoding="utf-8"), words.language)
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
