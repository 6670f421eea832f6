"""The tab of one bead: a log or a form on one side, the answer on the other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import gradio as gr
import pandas as pd

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import in_language
from llm4waam.card.quantities import accepted, split_unit
from llm4waam.core.errors import StudyError
from llm4waam.desk.answer_page import (
    PARTS,
    answer_page,
    answer_pages,
    problems_page,
    read_page,
)
from llm4waam.desk.answers import Desk
from llm4waam.desk.beads import FormField, form_fields, unit_shown, with_unit, written
from llm4waam.desk.labels import PRIVATE, QUICK, Labels
from llm4waam.desk.tools import reading_of
from llm4waam.desk.wording import said

GROWING = {"show_progress": "hidden", "concurrency_limit": None, **PRIVATE}


@dataclass(frozen=True)
class Input:
    """One field of the form on the page; `unit` is None where there is nothing to choose."""

    field: FormField
    box: gr.Textbox | gr.Dropdown
    unit: gr.Dropdown | None

    @property
    def parts(self) -> list[gr.Textbox | gr.Dropdown]:
        """The components, the box first."""
        return [self.box, self.unit] if self.unit else [self.box]

    @property
    def first_unit(self) -> str | None:
        """The unit of the card."""
        return self.field.units[0] if self.field.units else None


@dataclass(frozen=True)
class Form:
    """The fields of the form. What the page sends are all `parts` in order."""

    desk: Desk
    inputs: list[Input]

    @property
    def parts(self) -> list[gr.Textbox | gr.Dropdown]:
        """The components of all fields."""
        return [part for one in self.inputs for part in one.parts]

    @property
    def boxes(self) -> list[gr.Textbox | gr.Dropdown]:
        """The components that hold values and show hints."""
        return [one.box for one in self.inputs]

    def given(self, values: Sequence[str | None]) -> dict[str, tuple[str | None, str | None]]:
        """Column -> (what stands in the box, the unit)."""
        left = iter(values)
        found = {}
        for one in self.inputs:
            value = next(left)
            found[one.field.name] = value, next(left) if one.unit else one.first_unit
        return found

    def cells(self, values: Sequence[str | None]) -> dict[str, str]:
        """Column -> cell with its unit, as `Desk.understand` takes it."""
        return {name: with_unit(*pair) for name, pair in self.given(values).items()}

    def told(self, problems: Mapping[str, str], values: Sequence, language: Language) -> list[dict]:
        """Updates of the boxes: what is wrong at its field, else which values it takes."""
        updates = []
        for one, (_, unit) in zip(self.inputs, self.given(values).values(), strict=True):
            wrong = problems.get(one.field.name)
            update = _hinted(one.field, unit, language)
            if wrong:
                # What stands there as a link of Markdown is shown, and is no link.
                update = gr.update(
                    info=wrong.replace("](", "] ("), elem_classes=[*_classes(one.field), "wrong"]
                )
            updates.append(update)
        return updates

    def filled(self, cells: Mapping[str, str], language: Language) -> list[dict]:
        """Updates of all parts; a field without a cell is emptied."""
        updates = []
        for one in self.inputs:
            cell, unit = cells.get(one.field.name, ""), one.first_unit
            if cell and one.unit:
                digits, written = _split(cell)
                known = accepted(written, one.field.units) if written else unit
                cell, unit = (digits, known) if known in one.field.units else (cell, unit)
            updates.append(_hinted(one.field, unit, language) | {"value": cell})
            updates += [gr.update(value=unit)] if one.unit else []
        return updates

    def relabelled(self, values: Sequence, language: Language) -> list[dict]:
        """Updates of all parts to another language; what stands in them stays."""
        updates = []
        for one, (_, unit) in zip(self.inputs, self.given(values).values(), strict=True):
            update = _hinted(one.field, unit, language)
            update |= {"label": one.field.called(self.desk.card, language)}
            update |= {"choices": _choices(one.field, language)} if one.field.choices else {}
            updates += [update, *([gr.update(label=said("unit", language))] if one.unit else [])]
        return updates

    def named(self, problems: Mapping[str, str], language: Language) -> list[str]:
        """The problems as lines that begin with the name of their field."""
        names = {one.field.name: one.field.called(self.desk.card, language) for one in self.inputs}
        return [
            f"{names[name].removesuffix(' *')}: {line}" if name in names else line
            for name, line in problems.items()
        ]


def bead_tab(desk: Desk, chosen: gr.Radio, labels: Labels) -> None:
    """The components of the tab and what they do; `chosen` is the language."""
    asked = gr.State(None)  # the cells of the bead that the answer is about
    reading = gr.State(None)  # the log that was read
    with gr.Row(elem_classes="sides"):
        with gr.Column(scale=5, min_width=300):
            log = labels.of(
                gr.Textbox, label="log", placeholder="log_placeholder", lines=2, max_lines=8,
                elem_id="log",
            )  # fmt: skip
            read = labels.of(gr.Button, label="read_log", size="sm", elem_id="read-log")
            understood = gr.HTML(elem_id="understood")
            labels.of(gr.HTML, label="form", elem_classes="heading")
            with gr.Row(elem_classes="fields"):
                fields = form_fields(desk.card, desk.information)
                form = Form(desk, [_input(desk, one, labels.language) for one in fields])
            with gr.Row():
                ask = labels.of(gr.Button, label="ask", variant="primary", elem_id="ask")
                example = labels.of(gr.Button, label="example", elem_id="example")
                clear = labels.of(gr.Button, label="clear", elem_id="clear")
        with gr.Column(scale=7, min_width=300):
            answer = gr.HTML(elem_id="answer")
            with gr.Row(elem_classes="save", visible=False) as saving:
                for key in ("save_json", "save_png", "print"):
                    button = labels.of(gr.Button, label=key, size="sm", elem_id=key)
                    button.click(None, js=f"() => desk.{key}()", **PRIVATE)

    def first(language: Language, *values: str) -> list:
        try:
            cells = form.cells(values)
            given = desk.understand(cells, language)
            problems = given.problems
        except StudyError as error:
            problems = {"": in_language(str(error), desk.card, language)}
        told = form.told(problems, values, language)
        if problems:
            page = problems_page(form.named(problems, language), language)
            return [page, None, gr.update(visible=False), *told]
        page = answer_page(desk, given.row, language, PARTS[0])
        return [page, cells, gr.update(visible=True), *told]

    def rest(language: Language, cells: dict | None) -> Iterator:
        row = desk.understand(cells, language).row if cells else None
        if row is None:
            yield gr.skip()
            return
        yield from answer_pages(desk, row, language, PARTS[1:])

    def relabel(language: Language, cells: dict | None, text: str | None, *values: str) -> list:
        row = desk.understand(cells, language).row if cells else None
        page = "" if row is None else answer_page(desk, row, language, PARTS[0])
        return [page, _read_page(desk, text, language), *form.relabelled(values, language)]

    enter = [one.box.submit for one in form.inputs if isinstance(one.box, gr.Textbox)]
    gr.on(
        [ask.click, *enter], first, [chosen, *form.parts], [answer, asked, saving, *form.boxes],
        scroll_to_output=True, **QUICK,
    ).then(rest, [chosen, asked], answer, **GROWING)  # fmt: skip
    chosen.change(
        relabel, [chosen, asked, reading, *form.parts], [answer, understood, *form.parts], **QUICK
    ).then(rest, [chosen, asked], answer, **GROWING)  # fmt: skip
    read.click(
        lambda language, text: _from_log(form, text, language),
        [chosen, log], [reading, understood, *form.parts], **QUICK,
    )  # fmt: skip
    example.click(
        lambda language: form.filled(_example(form), language), chosen, form.parts, **QUICK
    )
    clear.click(
        lambda language: [
            None, None, "", "", "", gr.update(visible=False), *form.filled({}, language)
        ],
        chosen, [asked, reading, log, answer, understood, saving, *form.parts], **QUICK,
    )  # fmt: skip
    for one in form.inputs:
        if one.unit:
            one.unit.change(
                lambda language, unit, field=one.field: _hinted(field, unit, language),
                [chosen, one.unit], one.box, **QUICK,
            )  # fmt: skip


def _classes(field: FormField) -> list[str]:
    return ["field", f"column-{field.name}"]


def _hint(field: FormField, unit: str | None, language: Language) -> str:
    return said("note_hint", language) if field.column.role == "note" else field.span(unit)


def _hinted(field: FormField, unit: str | None, language: Language) -> dict:
    return gr.update(info=_hint(field, unit, language), elem_classes=_classes(field))


def _choices(field: FormField, language: Language) -> list[tuple[str, str]]:
    return [(said("not_known", language), ""), *((one, one) for one in field.choices)]


def _input(desk: Desk, field: FormField, language: Language) -> Input:
    look = {"label": field.called(desk.card, language), "elem_classes": _classes(field)}
    first = field.units[0] if field.units else None
    look["info"] = _hint(field, first, language)
    if field.choices:
        choices = _choices(field, language)
        return Input(field, gr.Dropdown(choices, value="", filterable=False, **look), None)
    with gr.Row(elem_classes=["one-field", *(["wide"] * (field.column.role == "note"))]):
        box = gr.Textbox(scale=3, min_width=90, max_lines=1, **look)
        unit = None
        if len(field.units) > 1:
            unit = gr.Dropdown(
                [(unit_shown(one), one) for one in field.units], value=first, scale=2,
                label=said("unit", language), min_width=80, filterable=False,
                elem_classes=["unit", f"unit-{field.name}"],
            )  # fmt: skip
    return Input(field, box, unit)


def _split(cell: str) -> tuple[str, str]:
    try:
        return split_unit(cell)
    except ValueError:
        return cell, ""


def _read_page(desk: Desk, text: str | None, language: Language) -> str:
    """What was understood of a log that was read."""
    return "" if text is None else read_page(reading_of(text, desk.card, language), language)


def _from_log(form: Form, text: str, language: Language) -> list:
    """The log where it could be read, what was understood of it, and the filled form."""
    desk = form.desk
    try:
        cells = dict(reading_of(text or "", desk.card, language)["bead"])
        known = desk.understand(cells, language).known()
    except StudyError as error:
        said = in_language(str(error), desk.card, language)
        return [None, problems_page([said], language), *(gr.skip() for _ in form.parts)]
    # Of words the card's own spelling, which the form offers.
    cells |= {one.field.name: written(one.field.column, known[one.field.name])
              for one in form.inputs
              if one.field.choices and one.field.name in known}  # fmt: skip
    return [text, _read_page(desk, text, language), *form.filled(cells, language)]


def _example(form: Form) -> dict[str, str]:
    """The cells of the first training bead."""
    bead = form.desk.predictor.domain.training.iloc[0]
    return {
        one.field.name: written(one.field.column, bead[one.field.name])
        for one in form.inputs
        if not pd.isna(bead[one.field.name])
    }
