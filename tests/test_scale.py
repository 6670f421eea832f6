"""docs/scale.md: its queue, its counts, and that no figure on it is typed by hand."""

import json
import math
from pathlib import Path

import pytest
from conftest import ROOT

from benchmarks import counts, scale
from benchmarks.counts import JobKind, Stage, count_jobs, count_study
from benchmarks.queueing import Costs, bottleneck, simulate
from benchmarks.scale_page import Durations, compute, write_page
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from llm4waam.core.settings import read_params
from llm4waam.training.loop import Run
from stages import ablate

FIT = {"fixed_s": 1.0, "gpu_mib": 0, "steps": 1, "task": "quality"}
MEASURED = {
    **{f"fits fp32 1 {size}": {"step_s": 0.1 * size, **FIT} for size in (4, 8)},
    **{f"fits fp32 6 {size}": {"step_s": 0.2 * size, **FIT} for size in (4, 8)},
    "study fp32": {"epoch_s": 0.5, "fit_s": 2.0},
    "final": {"seconds": 3.0, "bytes": 100},
}


def known() -> dict:
    return json.loads((ROOT / "benchmarks/scale.json").read_text(encoding="utf-8"))


def test_a_queue_by_hand() -> None:
    costs = Costs(driver_s=1, hand_out_s=0.5, worker_s=1)
    # The first stage: work from 2.5 to 5.5, from 3 to 6, from 5.5 to 7.5. The second: 10 to 11.
    found = simulate([[3, 3, 2], [1]], 2, costs)
    assert (found.seconds, found.busy_s) == (11, 9)
    assert found.idle == pytest.approx(1 - 9 / 22)
    assert bottleneck([3, 3, 2, 1], costs) == 4.5


def test_no_number_of_gpus_is_faster_than_the_driver_or_the_longest_job() -> None:
    costs, jobs = Costs(0, 0.1, 0), [1.0] * 50
    assert simulate([jobs], 1, costs).seconds == pytest.approx(50.1)
    assert simulate([jobs], 1000, costs).seconds == pytest.approx(50 * 0.1 + 1)
    assert simulate([[9.0, *jobs]], 1000, Costs(0, 0, 0)).seconds == 9


def test_seconds_of_a_job_lie_on_a_line_between_what_was_measured() -> None:
    found = Durations(MEASURED, "fp32")
    assert found.of(JobKind(1, 1, 10, 8)) == pytest.approx(1 + 10 * 0.8)
    assert found.of(JobKind(1, 3, 10, 6)) == pytest.approx(3 * (1 + 10 * 0.6))  # 3 seeds
    assert found.of(JobKind(6, 6, 10, 4)) == pytest.approx(6 + 10 * 0.8)
    assert found.step(5, 4) == pytest.approx(0.4 + 0.4 * 4 / 5)
    final = JobKind(1, 1, 10, 4, epochs=2, final=True)
    assert found.of(final) == pytest.approx(1 + 10 * 0.4 + 2 * 0.5 + 2 + 3)


def test_the_study_has_a_job_a_fold_and_one_for_the_final_model(ready, params) -> None:
    params["split"]["repeats"] = 1
    ready(epochs=2, batch_size=4)
    stages = list(count_study(2))
    names = [f"{encoder} {task}" for encoder in ("bert", "roberta") for task in params["tasks"]]
    assert [stage.name for stage in stages] == names
    folds = read_table(Path("data/split/folds.csv"))
    train = folds.loc[folds["role"] == "train", "bead"].nunique()
    for stage in stages:
        assert sum(n for n, _ in stage.jobs) == 2 * params["split"]["folds"] + 1
        [(count, final)] = [(n, kind) for n, kind in stage.jobs if kind.final]
        assert (count, final.steps, final.epochs) == (1, 2 * math.ceil(train / 4), 2)
        # Every bead is learned from in all folds of a repeat but one, in each epoch once.
        assert stage.prompts == 2 * train * (2 * (params["split"]["folds"] - 1) + 1)
        assert Stage.from_json(json.loads(json.dumps(stage.to_json()))) == stage


def test_what_is_counted_of_an_ablation_is_what_is_done(ready, params, monkeypatch) -> None:
    params["ablations"] |= {"engine": "loop", "noise_tasks": ["quality"], "noise": [0.1, 0.2]}
    params["ablations"] |= {"seeds": 2}
    ready(epochs=2, batch_size=4)
    given = read_params(ablate.Params)
    _, jobs = ablate.fits_of("noise", "bert", given)
    stage = count_jobs("noise bert", jobs, 0.0)
    fits = 2 * 2 * params["split"]["folds"]  # two shares, two seeds
    assert sum(n * kind.fits for n, kind in stage.jobs) == fits
    assert stage.checkpoints == ["data/encoders/bert-mini"]
    steps, step = [], Run.step
    monkeypatch.setattr(Run, "step", lambda run: (steps.append(1), step(run)))
    assert len(list(ablate.run_fits("noise", jobs, given))) == len(jobs)
    assert sum(n * kind.fits * kind.steps for n, kind in stage.jobs) == len(steps)


def test_folds_that_are_stacked_are_one_job(ready, params) -> None:
    params["ablations"] |= {"engine": "stacked", "tasks": ["quality"]}
    ready(epochs=1, batch_size=4)
    _, jobs = ablate.fits_of("nested", "bert", read_params(ablate.Params))
    [(count, kind)] = count_jobs("nested bert", jobs, 0.0).jobs
    assert (count, kind.together, kind.fits) == (1, 3, 3)  # pairs of three folds


def test_counts_are_kept_as_they_come(ready, params, tmp_path, monkeypatch) -> None:
    params["ablations"] |= {"noise_tasks": ["quality"], "noise": [0.2], "seeds": 1}
    ready(epochs=1, batch_size=4)
    monkeypatch.setattr("benchmarks.counts.KINDS", ("noise", "parity"))
    count, seen = counts.count_ablation, []

    def stop(kind: str, encoder: str) -> Stage | None:
        seen.append((kind, encoder))
        if len(seen) == 2:
            raise KeyboardInterrupt
        return count(kind, encoder)

    monkeypatch.setattr(counts, "count_ablation", stop)
    with pytest.raises(KeyboardInterrupt):
        scale.main("count", "--out", str(tmp_path))
    found = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))["counted"]
    assert [stage["name"] for stage in found["ablations"]] == ["noise bert"]
    assert found["lacking"] == ["noise roberta", "parity bert", "parity roberta"]
    monkeypatch.setattr(counts, "count_ablation", count)
    scale.main("count", "--out", str(tmp_path))
    found = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))["counted"]
    names = [stage["name"] for stage in found["ablations"]]
    assert (names, found["lacking"]) == (["noise bert", "noise roberta", "parity bert"], [])


def test_a_fit_is_measured_part_by_part(ready, tmp_path, monkeypatch) -> None:
    ready(epochs=1)
    monkeypatch.setattr("benchmarks.base_size.TOKENIZER", "data/encoders/bert-mini")
    monkeypatch.setattr("benchmarks.base_size.PRECISIONS", ("fp32",))
    monkeypatch.setattr("benchmarks.base_size.START", "")  # the imports alone take seconds
    scale.main("measure", "--device", "cpu", "--shape", "1", "16", "2", "--out", str(tmp_path))
    found = json.loads((tmp_path / "scale.json").read_text(encoding="utf-8"))["measured"]
    assert Durations(found, "fp32").of(JobKind(6, 6, 2, 16, epochs=1, final=True)) > 0
    with pytest.raises(StudyError, match="not measured"):
        scale.main(
            *("measure", "--device", "cpu", "--shape", "1", "16", "2", "--out", str(tmp_path)),
            *("--limit", "0"),
        )


def test_the_page_holds_what_follows_from_the_figures_in_git(tmp_path: Path) -> None:
    figures = known()
    # What is in the remote follows from dvc.lock as it was.
    assert figures["computed"] | {"remote": None} == compute(figures, ROOT) | {"remote": None}
    page = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    (tmp_path / "scale.md").write_text(page, encoding="utf-8")
    write_page(tmp_path / "scale.md", figures)
    assert (tmp_path / "scale.md").read_text(encoding="utf-8") == page


def test_figures_stand_between_the_marks_alone() -> None:
    before, rest = (ROOT / "docs/scale.md").read_text(encoding="utf-8").split("<!-- tables")
    after = rest.split("<!-- end of tables -->")[1]
    for unit in (" s ", " ms", " hours", " GB", " MB", " %"):
        assert unit not in before + after
