"""The fine-tunings of a sweep, one encoder at a time."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from llm4waam.ablations.climbing import Fit
from llm4waam.ablations.ground import Ground
from llm4waam.ablations.plans import row_name
from llm4waam.ablations.trials import PUBLISHED, Trial
from llm4waam.encoders.settings import Source
from llm4waam.splits.tasks import Task
from llm4waam.training.data import Material, make_material
from llm4waam.training.recipe import Recipe
from llm4waam.training.resume import Progress


def fits_of(
    ground: Ground, trial: Trial, task: Task, recipe: Recipe, source: Source, folder: Path
) -> Iterator[Fit]:
    """Every fit of a trial for one task; a fit that is done already is kept under `folder`."""
    recipe = recipe.model_copy(update={"engine": ground.settings.engine} | trial.train)
    if recipe.selection == "published":
        recipe = recipe.model_copy(update={"select_by": PUBLISHED[task.kind]})
    material, _ = make_material(
        source, task, recipe, ground.card, ground.beads, ground.prompts(trial)
    )
    jobs = ground.jobs(trial, material.targets, material.prompts)
    if trial.plan == "rows":
        material = as_rows(material)
    place = folder / f"{trial.key}_{ground.settings.seed}" / task.name
    progress = Progress(place, material, ground.folds)
    for job in jobs:
        spoiled = replace(material, targets=ground.targets(trial, material.targets, job))
        yield Fit(trial.key, spoiled, progress, *job, "folds")


def as_rows(material: Material) -> Material:
    """Every prompt as if it were a bead of its own, the way the published protocol takes it."""
    owners = {
        row_name(bead, n): (bead, prompt)
        for bead, prompts in material.prompts.items()
        for n, prompt in enumerate(prompts)
    }
    return replace(
        material,
        prompts={row: [prompt] for row, (_, prompt) in owners.items()},
        targets={
            row: material.targets[bead]
            for row, (bead, _) in owners.items()
            if bead in material.targets
        },
        cells={row: row for row in owners},
    )
