"""What the desk shows of the study: how good the models are, and what they were made from."""

import re
from pathlib import Path

from markupsafe import Markup

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import titled
from llm4waam.core.ask_git import ask_git
from llm4waam.core.dotted import dotted
from llm4waam.core.errors import StudyError
from llm4waam.desk.answers import Desk
from llm4waam.desk.wording import said
from llm4waam.plotting.pages import drawing

PLOTS = Path("plots")
RESULTS = PLOTS / "results" / "results.svg"
CARDS = PLOTS / "report" / "cards"
PAGES = {  # key of words.yaml -> the page by language
    "report": {"en": "report/report.html", "ko": "report/report.ko.html"},
    "advice_page": {"en": "advice/advice.html", "ko": "advice/advice.ko.html"},
}


def study_page(desk: Desk, language: Language) -> str:
    """The figure of results, links to the pages, and what the models were made from, as HTML."""
    parts = [Markup("<h3>{}</h3>").format(said("results", language))]
    if RESULTS.is_file():
        parts.append(Markup("<figure>{}</figure>").format(
            drawing(RESULTS.read_text(encoding="utf-8"), language)))  # fmt: skip
    else:
        parts.append(_not_there(RESULTS, language))
    for key, pages in PAGES.items():
        page = pages[language]
        if (PLOTS / page).is_file():
            link = Markup('<p><a href="/plots/{}" target="_blank" rel="noopener">{}</a></p>')
            parts.append(link.format(page, said(key, language)))
        else:
            parts.append(_not_there(PLOTS / page, language))
    parts.append(Markup("<h3>{}</h3>").format(said("made_from", language)))
    rows = [
        Markup('<tr><th scope="row">{}</th><td>{}</td></tr>').format(name, value)
        for name, value in _made_from(desk, language)
    ]
    parts.append(Markup("<table>{}</table>").format(Markup("").join(rows)))
    if desk.warnings:
        lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in desk.warnings)
        parts.append(Markup("<h3>{}</h3><ul>{}</ul>").format(said("warnings", language), lines))
    return Markup('<article class="answer">{}</article>').format(Markup("").join(parts))


def model_cards(desk: Desk, language: Language) -> list[tuple[str, str]]:
    """(name, Markdown) of the model cards of the encoder that is asked, where they are there."""
    cards = []
    for task in desk.predictor.tasks:
        file = CARDS / f"{desk.predictor.encoder}_{task}.md"
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            name = f"{said('card', language)}: {titled(task, language)}"
            cards.append((name, re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)))
    return cards


def _not_there(file: Path, language: Language) -> Markup:
    return Markup("<p>{}</p>").format(said("not_there", language, file=file))


def _made_from(desk: Desk, language: Language) -> list[tuple[str, str]]:
    card, predictor = desk.card, desk.predictor
    [first, *_] = predictor.models.values()
    mark = first.manifest.made_from
    rows = [
        (said("commit", language), _commit(language)),
        (said("encoder", language), titled(predictor.encoder, language)),
        (said("table", language), f"{card.title} ({mark.get('dataset', '')})"),
        (said("trained_on", language), f"{len(predictor.domain.training)}"),
    ]
    by_task = {
        task: dotted(model.manifest.made_from.get("parameters", {}))
        for task, model in predictor.models.items()
    }
    shared = {
        name: value
        for name, value in next(iter(by_task.values())).items()
        if all(one.get(name) == value for one in by_task.values())
    }
    rows.append((said("parameters", language), _listed(shared)))
    for task, values in by_task.items():
        own = {name: value for name, value in values.items() if name not in shared}
        name = f"{said('parameters', language)}, {titled(task, language)}"
        rows += [(name, _listed(own))] if own else []
    return rows


def _listed(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()))


def _commit(language: Language) -> str:
    try:
        commit = ask_git("rev-parse", "--short=10", "HEAD").decode().strip()
        changed = ask_git("status", "--porcelain", "--untracked-files=no").strip()
    except (StudyError, OSError):  # no repository, or no git on this machine
        return said("no_git", language)
    return f"{commit} ({said('changed', language)})" if changed else commit
