"""The page of the desk: its parts, its words in two languages, and the tools of its API.

Every text of a user passes through `answer_page` or a component that shows texts as they are, so
that none is read as HTML. Nothing of one person is kept where another could see it: what a page
knows travels with its own requests.
"""

from collections.abc import Callable
from functools import wraps
from inspect import signature

import gradio as gr

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import in_language
from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import rounded
from llm4waam.desk.answers import Desk
from llm4waam.desk.bead_tab import bead_tab
from llm4waam.desk.labels import Labels
from llm4waam.desk.study import model_cards, study_page
from llm4waam.desk.table_tab import table_tab
from llm4waam.desk.tools import tools
from llm4waam.desk.wording import said

LANGUAGES = {"English": "en", "한국어": "ko"}
KEPT_S = 3600  # seconds that an uploaded table is kept


def build_page(desk: Desk, language: Language = "en") -> gr.Blocks:
    """The page over a desk, first in one language; each person may choose another."""
    labels = Labels(language)
    with gr.Blocks(
        title=said("title", language), analytics_enabled=False, delete_cache=(KEPT_S, KEPT_S)
    ) as page:
        with gr.Row(elem_classes="head"):
            gr.HTML(f"<h1>{said('title', language)}</h1>", padding=False)
            chosen = gr.Radio(
                list(LANGUAGES.items()), value=language, show_label=False, container=False,
                elem_id="language", min_width=200,
            )  # fmt: skip
        with labels.of(gr.Tab, label="tab_bead", id="bead"):
            bead_tab(desk, chosen, labels)
        with labels.of(gr.Tab, label="tab_table", id="table"):
            table_tab(desk, chosen, labels)
        with labels.of(gr.Tab, label="tab_study", id="study"):
            study = gr.HTML(study_page(desk, language))
            labels.follow(study, lambda chosen: {"value": study_page(desk, chosen)})
            for name, text in model_cards(desk, language):
                with gr.Accordion(name, open=False):
                    gr.Markdown(text)
        labels.switch_by(chosen)
        for tool in tools(desk):
            gr.api(_one_line(tool, desk.card), queue=False, concurrency_limit=None)
    return page


def _one_line(tool: Callable, card: Card) -> Callable:
    """The tool, with numbers of four digits, and with mistakes of the asker as one line."""

    @wraps(tool)
    def asked(*arguments: object, **named: object) -> object:
        language = signature(tool).bind(*arguments, **named).arguments.get("language", "en")
        try:
            if language not in LANGUAGES.values():
                expected = "one of " + ", ".join(LANGUAGES.values())
                raise StudyError("language", "there is no such", value=language, expected=expected)
            return rounded(tool(*arguments, **named))
        except StudyError as error:
            line = in_language(str(error), card, "ko" if language == "ko" else "en")
            raise gr.Error(line, print_exception=False) from None

    return asked
