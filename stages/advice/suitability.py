"""Whether a table can be advised on: what a card must have for it."""

from stages.beads.card import Card

NEEDED = ("material", "labels", "travel_speed_mm_s", "wire_feed_speed_m_min")


def unsuited(card: Card, tasks: list[str]) -> str | None:
    """Why there is no advice for the beads of a card, None where there is.

    It needs set-points with a `step`, the columns of NEEDED, and a binary and a multi-label task
    among `tasks`: whether a bead is normal, and what else it is.
    """
    missing = [name for name in NEEDED if name not in card.clean_columns]
    if missing:
        return f"the card has no column {missing[0]}"
    for kind in ("binary", "multi_label"):
        if kind not in {card.tasks[name].kind for name in tasks}:
            return f"no task of params.yaml is {kind}"
    if not any(column.step for column in card.columns.values()):
        return "no set-point of the card has a step in which it could be turned"
    return None
