"""How the time grows with beads, folds and the length of the sentences, in the stacked engine."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.apart import apart, clock
from benchmarks.setting import Setting
from benchmarks.table import population_table, study_table
from benchmarks.ways import STACKED, STACKED_BF16
from benchmarks.work import Way, fit, jobs_of, material_of, size, warm_up
from llm4waam.decisions.predictions import Job
from llm4waam.encoders.tokens import Prompt
from llm4waam.splits.folds import HOLD_OUT_FOLD
from llm4waam.training.data import Material, Reading
from llm4waam.training.fit import fit_folds

TOKENS_FOLDS = 5  # that are stacked where sentences grow


def measure_growth(setting: Setting) -> dict[str, list[dict[str, Any]]]:
    """Rows for every number of beads, of folds, and of tokens, by what the setting asks for."""
    return {name: _rows(name, GROWN[name], setting) for name in setting.grown}


def _rows(name: str, measure: Callable[..., dict], setting: Setting) -> list[dict[str, Any]]:
    found = []
    for count in getattr(setting, name):
        found.append({name: count} | apart(measure, setting, count))
        logging.info("%d %s: %.1f s", count, name, found[-1]["seconds"])
    return found


def with_beads(setting: Setting, count: int) -> dict[str, Any]:
    """CPU seconds of every preparation of so many beads, then steps of one fold's model.

    As many steps are measured as `grown_steps`; `epoch_steps` are those of one epoch.
    """
    task = setting.tasks[0]
    table = population_table(setting.table.params, count, [task])
    with clock() as tokenising:
        material = material_of(table, setting.sources[0], _way(setting), task, 1, setting.device)
    place, train, _ = jobs_of(table, material)[0]
    with clock() as reading:
        read = Reading.fit(material, material.recipe, train)
        for bead in train:
            for prompt in material.prompts[bead]:
                read.of(prompt)
    batch = material.recipe.batch_size
    some = train[: batch * setting.grown_steps]
    epochs = -(-setting.grown_steps // -(-len(some) // batch))
    repeated = material.with_recipe(material.recipe.model_copy(update={"epochs": epochs}))
    prepared = {"tokenise": tokenising["cpu_seconds"], "numbers": reading["cpu_seconds"]}
    return _steps(repeated, [(place, some, [])]) | {
        "prepare": table.took | prepared,
        "epoch_steps": -(-len(train) // batch),
    }


def with_folds(setting: Setting, count: int) -> dict[str, Any]:
    """One epoch of every fold, and of the model for the hold-out, by the study's workers."""
    table = study_table(setting.table.params, count)
    asked = (setting.sources[0], _way(setting), setting.tasks[0], 1, None, setting.device)
    return fit(table, *asked)


def with_tokens(setting: Setting, count: int) -> dict[str, Any]:
    """Steps of five folds in one stack, every sentence of exactly so many tokens."""
    source, task = setting.sources[0], setting.tasks[0]
    material = material_of(setting.table, source, _way(setting), task, 1, setting.device)
    longer = {b: [as_long(p, count) for p in some] for b, some in material.prompts.items()}
    material = replace(material, prompts=longer)
    rows = material.recipe.batch_size * -(-setting.grown_steps // TOKENS_FOLDS)
    jobs = [
        (place, train[:rows], [])
        for place, train, _ in jobs_of(setting.table, material)
        if place[1] != HOLD_OUT_FOLD
    ]
    return _steps(material, jobs[:TOKENS_FOLDS])


def as_long(prompt: Prompt, tokens: int) -> Prompt:
    """The prompt repeated or cut to so many tokens."""
    times = -(-tokens // len(prompt))
    parts = (prompt.ids, prompt.fields, prompt.numbers)
    return Prompt(*((part * times)[:tokens] for part in parts))


def _steps(material: Material, jobs: list[Job]) -> dict[str, Any]:
    """Fit the jobs in this process, after one step that is not timed."""
    warm_up(material, jobs[0])
    with clock() as took:
        fit_folds(material, jobs)
    return took | size(material, jobs)


def _way(setting: Setting) -> Way:
    return STACKED_BF16 if setting.device == "cuda" else STACKED


GROWN = {"beads": with_beads, "folds": with_folds, "tokens": with_tokens}
