"""Ablations run on a small table: what they write, and that they go on where they stopped."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT

from llm4waam.ablations import parity, plans, run
from llm4waam.ablations.note import ceiling_section, note_ceiling, population_beads
from llm4waam.ablations.parity import STACKED, STEPS
from llm4waam.ablations.variations import variations_of
from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.core.made_from import KEY, STUDY, made_from
from llm4waam.core.settings import read_params
from llm4waam.training.losses import names_for
from stages import ablate, ablate_all, ablation_pages
from stages.check_params import AllParams

ROWS = Path("data/ablations")


@pytest.fixture
def study(ready, params):
    """A function that fills a folder, with changes of the section `ablations`."""

    def fill(**changes: object) -> Path:
        params["text"]["incomplete"] = 2
        params["train"]["incomplete"] = 0.5  # beads are told once more, as in the study
        params["ablations"] |= {"engine": "loop", "tasks": ["quality"], "noise_tasks": ["quality"]}
        params["ablations"] |= {"noise": [0.2], "seeds": 1, **changes}
        params["ablations"]["losses"] |= {"epochs": 1}
        params["ablations"]["parity"] |= {"seeds": 2, "epochs": 2}
        return ready(epochs=2, batch_size=4)

    return fill


def training_beads() -> set[str]:
    folds = read_table(Path("data/split/folds.csv"))
    return set(folds.loc[folds["role"] == "train", "bead"])


def campaigns() -> pd.DataFrame:
    """Bead and campaign of the clean table."""
    return read_table(Path("data/clean/beads.csv"))[["bead", "campaign"]]


def test_a_kind_goes_on_where_it_stopped(study, monkeypatch) -> None:
    study()
    ablate.main("nested", "bert")
    file = ROWS / "nested/bert.csv"
    table, whole = read_table(file), file.read_bytes()
    assert len(table) == 2 * len(training_beads())  # each bead by two pairs of three folds
    assert set(table["bead"]) == training_beads()
    assert not Path("data/unfinished/ablations/nested/bert").exists()

    fitted, fit = [], run.fit_folds

    def stop(data, jobs, *rest, **options):
        if len(fitted) == 2:
            raise KeyboardInterrupt
        fitted.append(jobs)
        return fit(data, jobs, *rest, **options)

    monkeypatch.setattr(run, "fit_folds", stop)
    with pytest.raises(KeyboardInterrupt):
        ablate.main("nested", "bert")
    fitted.clear()
    ablate.main("nested", "bert")
    assert len(fitted) == 1
    assert file.read_bytes() == whole


def test_variations_that_share_tokens_have_those_of_their_own(study, monkeypatch) -> None:
    """Most are told as the study is, and are tokenised once for all."""
    study(tasks=["quality", "heat_input"])
    params, asked, told_apart = read_params(ablate.Params), [], set()
    real = run.make_task_data
    monkeypatch.setattr(run, "make_task_data", lambda *given: asked.append(given) or real(*given))
    for kind in ("losses", "rates", "samples", "information", "choice"):
        made, fits = ablate.fits_of(kind, "bert", params)
        told_apart |= {(kind, fit.variation, fit.data.task.name) for fit in fits}
        variations = variations_of(kind, params.ablations, made.tasks)
        told = {one.key: made.prompts(*made.telling(one)) for one in variations}
        for fit in fits:
            given = fit.data.source, fit.data.task, fit.data.recipe, made.card, made.beads
            own, _ = real(*given, told[fit.variation], fit.data.threads)
            same = [(one.fields, one.max_tokens, one.prompts.digest) for one in (own, fit.data)]
            assert same[0] == same[1], (kind, fit.variation)
    assert len(asked) < len(told_apart) / 2


DRY = """\
Running stage 'ablations/dvc.yaml:ablate@nested-bert':
Running stage 'ablations/dvc.yaml:ablate@nested-baselines':
Running stage 'ablations/dvc.yaml:ablate@parity-bert':
Running stage 'ablations/dvc.yaml:page@nested':
Stage 'ablations/dvc.yaml:ablate@losses-bert' is cached - skipping run, checking out outputs
Running stage 'ablations/dvc.yaml:ablate@losses-bert':
"""


def test_the_fits_of_several_stages_are_made_in_one_pool_and_found_by_each(
    study, monkeypatch
) -> None:
    study(tasks=["quality", "heat_input"])
    stages = [("nested", "bert"), ("nested", "baselines"), ("parity", "bert")]
    for kind, source in stages:
        ablate.main(kind, source)
    files = [ROWS / kind / f"{source}.csv" for kind, source in stages]
    expected = [file.read_bytes() for file in files]
    shutil.rmtree(ROWS)
    asked = []
    monkeypatch.setattr(ablate_all, "ask_dvc", lambda *given: asked.append(given) or DRY)
    ablate_all.main("nested")
    of_nested = [f"ablations/dvc.yaml:ablate@nested-{s}" for s in ("bert", "roberta", "baselines")]
    assert asked == [("repro", "--dry", *of_nested)]
    assert not ROWS.exists()
    kept = {file.parts[3] for file in Path("data/unfinished/ablations").rglob("*.json")}
    assert kept == {"nested", "parity"}  # not what the run cache has

    def again(*_: object, **__: object) -> None:
        raise AssertionError("a fit that was kept is made again")

    for module, name in ((run, "fit_folds"), (run, "predict_jobs"), (parity, "_run_steps")):
        monkeypatch.setattr(module, name, again)
    for kind, source in stages:
        ablate.main(kind, source)
    assert [file.read_bytes() for file in files] == expected


def test_the_published_protocol_and_noise_run_on_the_study_s_beads(study) -> None:
    study(tasks=["heat_input"])
    for source in ("bert", "baselines"):
        ablate.main("protocols", source)
    rows = read_table(ROWS / "protocols/bert.csv")
    for variation, part in rows.groupby("variation"):
        rows_of_a_bead = 1 if variation == "without_campaign" else 2
        assert len(part) == rows_of_a_bead * len(training_beads())
        assert set(part["bead"].map(plans.bead_of)) == training_beads()
    baselines = read_table(ROWS / "protocols/baselines.csv")
    # A baseline has no epochs to choose.
    assert set(baselines["variation"]) == {"without_campaign", "rows"}
    alone = rows[rows["variation"] == "without_campaign"].merge(campaigns(), on="bead")
    assert (alone.groupby("fold")["campaign"].nunique() == 1).all()
    ablate.main("noise", "bert")
    noisy = read_table(ROWS / "noise/bert.csv").set_index("bead")["target"]
    clean = read_table(Path("data/clean/beads.csv")).set_index("bead")["labels"]
    assert (noisy == (clean.loc[noisy.index] == "Normal")).all()  # scored by the true outcome


def test_parity_ends_in_trainer_bit_for_bit_and_starts_away_from_it(study) -> None:
    folder = study()
    for source in ("bert", "roberta", "baselines"):
        ablate.main("parity", source)
    ablation_pages.main("parity")
    found = json.loads((folder / "metrics/ablations/parity.json").read_text(encoding="utf-8"))
    assert found.pop(KEY) == made_from(STUDY, ["parity"])
    page = (folder / "plots/ablations/parity/parity.md").read_text(encoding="utf-8")
    assert page.endswith("\nTable: Small made-up table for tests (`data/raw/small.yaml`).\n")
    assert set(found) == {"defects", "heat_input"}
    for steps in found.values():
        assert set(steps) == {*STEPS, STACKED, "trainer_with_another_seed"}
        assert steps["fused_adamw"]["max_logit_difference"] == 0
        assert steps["as_published"]["max_logit_difference"] > 1e-4
        assert steps[STACKED]["max_logit_difference"] > 1e-4  # other random numbers
        assert steps["trainer_with_another_seed"]["max_logit_difference"] > 1e-4
    assert found["heat_input"]["as_published"]["flipped_beads"] is None
    assert found["defects"]["fused_adamw"]["flipped_beads"] == 0
    table = read_table(folder / "plots/ablations/parity/parity.csv")
    assert len(table) == 2 * ((len(STEPS) + 1) * 2 + 1)
    page = (folder / "plots/ablations/parity/parity.md").read_text(encoding="utf-8")
    assert "simulated data" in page
    assert "bit for bit the same" in page


def test_every_loss_of_every_task_has_its_row(study) -> None:
    folder = study()
    for source in ("bert", "roberta", "baselines"):
        ablate.main("losses", source)
    ablation_pages.main("losses")
    assert read_table(ROWS / "losses/roberta.csv").empty
    found = json.loads((folder / "metrics/ablations/losses.json").read_text(encoding="utf-8"))
    assert set(found["defects"]["bert"]) == set(names_for("multi_label"))
    assert set(found["quality"]["bert"]) == set(names_for("binary"))
    regressions = {
        f"{n}_{s}" for n in names_for("regression") for s in ("raw", "standardised", "log")
    }
    assert set(found["heat_input"]["bert"]) == regressions
    page = (folder / "plots/ablations/losses/losses.md").read_text(encoding="utf-8")
    assert "on simulated data" in page


def test_every_draw_has_folds_and_a_hold_out_of_its_own(study) -> None:
    study(split_seeds=[1, 2, 3])
    ablate.main("splits", "baselines")
    rows = read_table(ROWS / "splits/baselines.csv")
    beads = set(read_table(Path("data/clean/beads.csv"))["bead"])
    drawn = {}
    for variation, part in rows[rows["model"] == "majority"].groupby("variation"):
        assert sorted(part["bead"]) == sorted(beads)
        assert set(part["role"]) == {"oof", "hold_out"}
        drawn[variation] = tuple(part.sort_values("bead")["fold"])
    assert set(drawn) == {"seed_1", "seed_2", "seed_3"}
    assert len(set(drawn.values())) == 3


def test_more_seeds_are_more_repeats_and_leave_the_first_as_it_was(study, params) -> None:
    study(seeds=1)
    ablate.main("noise", "bert")
    once = read_table(ROWS / "noise/bert.csv")
    params["ablations"]["seeds"] = 2
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    ablate.main("noise", "bert")
    twice = read_table(ROWS / "noise/bert.csv")
    assert set(once["repeat"]) == {0}
    first = twice[twice["repeat"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, once)
    second = twice[twice["repeat"] == 1].reset_index(drop=True)
    assert second["bead"].tolist() == once["bead"].tolist()
    assert not second["score"].equals(once["score"])


def test_the_note_is_tried_on_a_population_of_its_own(study) -> None:
    study(note={"beads": 60, "seed": 1, "tasks": ["quality"]})
    with pytest.raises(StudyError, match="the kind note is about beads of this proj"):
        ablate.main("note", "baselines")
    card = read_card(ROOT / "data/raw/waam_beads.yaml")
    settings = read_params(AllParams).ablations.note
    beads = population_beads(settings, card)
    assert len(beads) == 60
    assert beads["note"].notna().any()
    assert population_beads(settings, card).equals(beads)
    limits = note_ceiling(settings)
    assert 0.5 < limits["without_note"] <= limits["with_note"] < 1
    assert f"{limits['with_note']:.3f}" in ceiling_section(limits)
