"""The sweeps of `make sweep`: which variations of the study each of them runs."""

from dataclasses import dataclass, field
from typing import Literal

from llm4waam.ablations.settings import Trials

Plan = Literal["folds", "pairs", "groups", "rows", "everyone"]


@dataclass(frozen=True)
class Trial:
    """One variation of the study.

    `plan` says who learns and who is predicted (see `plans`; everyone: folds over all beads, the
    hold-out among them), `text` and `train` are changes of those parameters, `beads` is the number
    of training beads of a fold (None: all), `noise` the share of them with a wrong outcome.
    """

    key: str
    title: str
    plan: Plan = "folds"
    text: dict = field(default_factory=dict)
    train: dict = field(default_factory=dict)
    beads: int | None = None
    noise: float = 0.0


# The original's choice of the epoch, by kind of task, and no end before the last.
PUBLISHED = {"binary": "val_loss", "multi_label": "partial_score", "regression": "val_mse"}


def trials_of(sweep: str, settings: Trials, epochs: int) -> list[Trial]:
    """The variations of a sweep; `epochs` are the study's.

    Where a variation has more or fewer rows, its epochs keep the number of steps about the same,
    so that it differs in what it is meant to differ in.
    """
    if sweep == "protocols":
        half = {"epochs": max(1, epochs // 2)}
        chosen = half | {"selection": "published", "patience": half["epochs"]}
        return [
            Trial("rows", "ungrouped rows of doubled templates", "rows", train=half),
            Trial("selected", "+ best epoch, chosen on the reported fold", "rows", train=chosen),
        ]
    if sweep == "nested":
        return [Trial("pairs", "without two folds", "pairs")]
    if sweep == "groups":
        return [Trial("left_out", f"one {settings.leave_out} left out", "groups")]
    if sweep == "information":
        text = {"information": "post_weld"}
        return [Trial("post_weld", "with measured voltage and current", text=text)]
    if sweep == "rates":
        return [
            Trial(f"rate_{rate:g}", f"learning rate {rate:g}", train={"learning_rate": rate})
            for rate in settings.rates
        ]
    if sweep == "samples":
        largest = max(settings.sizes)
        return [
            Trial(
                f"beads_{size}",
                f"{size} training beads",
                "everyone",
                train={"epochs": round(epochs * largest / size)},
                beads=size,
            )
            for size in settings.sizes
        ]
    return [
        Trial(f"noise_{share:g}", f"{share:.0%} of outcomes wrong", noise=share)
        for share in settings.noise
    ]


def tasks_of(sweep: str, settings: Trials) -> list[str]:
    """The names of the tasks that a sweep runs."""
    return {
        "rates": settings.curve_tasks,
        "samples": settings.curve_tasks,
        "noise": settings.noise_tasks,
    }.get(sweep, settings.tasks)
