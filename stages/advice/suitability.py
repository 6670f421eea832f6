"""Whether a table can be advised on: what a card must have for it."""

from pathlib import Path

from stages.advice.predictor import Predictor
from stages.beads.errors import StudyError

NEEDED = ("material", "labels", "travel_speed_mm_s", "wire_feed_speed_m_min")


def check_suited(predictor: Predictor, card_file: Path) -> None:
    """Raise StudyError unless the card describes WAAM beads whose quality a model has learned.

    Advice needs set-points with a `step`, the columns of NEEDED, and a binary and a multi-label
    task among those of params.yaml.
    """
    card = predictor.card
    missing = [name for name in NEEDED if name not in card.clean_columns]
    if missing:
        raise StudyError(card_file, "advice needs the column", column=missing[0])
    for kind in ("binary", "multi_label"):
        if predictor.task_of(kind) is None:
            found = ", ".join(predictor.models)
            raise StudyError("params.yaml", f"advice needs a {kind} task", value=found)
    if not any(column.step for column in card.columns.values()):
        raise StudyError(card_file, "no column can be turned", expected="step on a set-point")
