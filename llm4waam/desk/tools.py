"""What programs and assistants ask the desk: typed functions, whose docstrings they are shown.

Gradio offers each as an endpoint of its HTTP API and as a tool of the Model Context Protocol. None
changes anything on the machine.
"""

from collections.abc import Callable

import pandas as pd

from llm4waam.advice.settings import Language
from llm4waam.advice.wording import in_language
from llm4waam.card.card import Card
from llm4waam.core.errors import StudyError
from llm4waam.desk.answers import (
    Desk,
    explanation_of,
    map_of,
    prediction_of,
    recommendation_of,
)
from llm4waam.desk.beads import check_length, form_fields
from llm4waam.desk.schema import (
    CardOf,
    ChanceMap,
    Explanation,
    Prediction,
    Reading,
    Recommendation,
)
from llm4waam.desk.wording import said
from llm4waam.logbook.logbook import read_log

Cells = dict[str, str | float]


def tools(desk: Desk) -> list[Callable]:
    """The six functions over one desk. A mistake of the asker is a StudyError, one line."""

    def read_log(text: str, language: Language = "en") -> Reading:
        """Read a free-text shop-floor log of one weld bead, English or Korean.

        A wrong value is worse than none: what may mean two things is a doubt and no value. Nothing
        of an outcome is read. Show the person what was understood before you predict from it.

        Args:
            text: the log of one bead, at most 5,000 letters.
            language: of the doubts, en or ko.

        Returns:
            the bead as predict_bead takes it, what was not understood, and doubts.
        """
        return reading_of(text, desk.card, language)

    def predict_bead(bead: Cells, language: Language = "en") -> Prediction:
        """Predict the quality, the defects, the heat input and the energy of one weld bead.

        A bead is a cell for each column of `card` that is known, such as {"travel_speed_mm_s": "50
        cm/min"}; a bare number has the card's unit. Probabilities (0 to 1) are calibrated. Heat
        input is in J/mm and energy in J; their intervals hold 90 % of true values. Rely on no
        answer where outside_training_data is true. Repeat the doubts to the person.

        Args:
            bead: column of `card` -> cell, with its unit where it is not the card's.
            language: of the sentences, en or ko.

        Returns:
            the values as they were read, outcomes, quantities, missing columns, sentences, doubts.
        """
        return prediction_of(desk, _row(desk, bead, language), language)

    def explain_bead(bead: Cells, language: Language = "en") -> Explanation:
        """Explain which fields speak for and against a good bead.

        Odds ratios of Shapley values against the training beads: above 1 the field raises the odds
        of a good bead, below 1 it lowers them. They describe the model, not a cause.

        Args:
            bead: cells by column, as for predict_bead.
            language: of the sentences, en or ko.

        Returns:
            the chance of a good bead (0 to 1), reasons as odds ratios, and sentences.
        """
        return explanation_of(desk, _row(desk, bead, language), language)

    def advise_bead(bead: Cells, language: Language = "en") -> Recommendation:
        """Advise which set-points to change for the next bead, by how much, and how sure that is.

        At most two set-points, in steps of the machine, inside the training data. Chances are
        cautious: the mean of several models less their disagreement. Without options, the
        sentences say why. Always tell the person `tried`, what came of such advice in simulation.

        Args:
            bead: cells by column, as for predict_bead.
            language: of the sentences, en or ko.

        Returns:
            chances (0 to 1), options with set-points and units, what was tried, and sentences.
        """
        return recommendation_of(desk, _row(desk, bead, language), language)

    def process_map(bead: Cells, language: Language = "en") -> ChanceMap:
        """Map the chance of a good bead over two set-points, at the other settings of a bead.

        Args:
            bead: cells by column, as for predict_bead; both axes must have a value.
            language: of the sentences, en or ko.

        Returns:
            axes with units, the chance (0 to 1) at each point, where beads are near, a sentence.
        """
        return map_of(desk, _row(desk, bead, language), language)

    def card(language: Language = "en") -> CardOf:
        """What a bead may hold, and what the models answer: columns, units, ranges, words, tasks.

        Args:
            language: of the names of columns and of the sentences, en or ko.

        Returns:
            the table that the models learned from (simulated or measured), its columns and tasks.
        """
        return card_of(desk, language)

    return [read_log, predict_bead, explain_bead, advise_bead, process_map, card]


def reading_of(text: str, card: Card, language: Language) -> Reading:
    """A log as cells by column, with what was not taken; raises StudyError where it is too long."""
    log = read_log(check_length(text, "log"), card)
    notes = dict.fromkeys(card.named("note"), log.note) if log.note else {}
    return {
        "bead": log.values | notes,
        "not_understood": log.not_understood,
        "doubts": [in_language(doubt, card, language) for doubt in log.doubts],
    }


def _row(desk: Desk, bead: Cells, language: Language) -> pd.Series:
    if not isinstance(bead, dict):
        raise StudyError("bead", "no cells by column", value=bead, expected='{"column": "cell"}')
    given = desk.understand(bead, language)
    if given.row is None:
        lines = [f"{name}: {line}" if name else line for name, line in given.problems.items()]
        raise StudyError("bead", "; ".join(lines))
    return given.row


def card_of(desk: Desk, language: Language) -> CardOf:
    """The card as programs read it."""
    card, predictor = desk.card, desk.predictor
    columns = []
    for one in form_fields(card, desk.information):
        low, high = one.column.range or (None, None)
        columns.append(
            {
                "column": one.name,
                "meaning": one.called(card, language).removesuffix(" *"),
                "required": one.required,
                "unit": one.units[0] if one.units else "",
                "units": list(one.units[1:]),
                "low": low,
                "high": high,
                "words": list(one.choices),
                "step": one.column.step,
            }
        )
    kind = "simulated" if card.simulated else "measured"
    return {
        "title": card.title,
        "simulated": card.simulated,
        "training_beads": len(predictor.domain.training),
        "encoder": predictor.encoder,
        "columns": columns,
        "tasks": [
            {
                "task": name,
                "kind": task.kind,
                "question": card.tasks[name].question,
                "answers": list(task.classes or task.outputs),
                "unit": task.unit or "",
            }
            for name, task in predictor.tasks.items()
        ],
        "sentences": [said(kind, language), *desk.warnings],
    }
