"""dvc.yaml against the code: dependencies, arrows between packages, what stands in git."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from imports import imports_of, places

from llm4waam.ablations.rungs import RUNGS
from llm4waam.core.settings import read_params
from llm4waam.reporting.readme import PAGES, embed
from llm4waam.training.recipe import Craft
from stages.check_params import AllParams

STAGES = {
    name: stage
    for file in ("dvc.yaml", "sweeps/dvc.yaml")
    for name, stage in yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["stages"].items()
}
LAYERS = ("beads", "learning", "evidence", "advice")


def paths(entries: list) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_every_room_that_it_imports_and_on_no_other(name: str) -> None:
    script = re.match(r"python -m (stages\.\w+)", STAGES[name]["cmd"]).group(1)
    needed = places(Path(script.replace(".", "/") + ".py"))
    code = ("stages/", "llm4waam/")
    assert {dep for dep in paths(STAGES[name]["deps"]) if dep.startswith(code)} == needed


def test_editing_a_figure_or_a_table_retrains_nothing() -> None:
    for name in ("train-bert", "train-roberta", "baselines", "split"):
        for dep in paths(STAGES[name]["deps"]):
            assert not dep.startswith(("llm4waam/reporting", "llm4waam/plotting"))


def test_the_two_encoders_depend_on_nothing_of_each_other() -> None:
    assert "encoder.bert" in STAGES["train-bert"]["params"]
    assert not [p for p in STAGES["train-bert"]["params"] if p.startswith("encoder.roberta")]
    assert not [p for p in STAGES["train-roberta"]["params"] if p.startswith("encoder.bert")]


def test_nothing_of_the_library_imports_a_stage() -> None:
    for file in (ROOT / "llm4waam").rglob("*.py"):
        relative = file.relative_to(ROOT)
        for other in imports_of(relative):
            assert other.parts[0] != "stages", f"{relative} imports {other}"


def test_no_pickle_is_read_or_written() -> None:
    for file in (ROOT / "llm4waam").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        uses = (
            r"(import|from) (pickle|joblib|dill)|(pickle|joblib|dill)\.\w+\(|torch\.(save|load)\("
        )
        assert not re.search(uses, text), file


def test_no_path_of_a_machine_and_no_clock_stands_in_the_code() -> None:
    for file in (ROOT / "llm4waam").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|tmp|work)/|datetime\.now|time\.time\(", text), file


def test_small_outputs_stand_in_git_and_large_ones_do_not() -> None:
    for stage in STAGES.values():
        for kind in ("outs", "metrics", "plots"):
            for entry in stage.get(kind, []):
                path = paths([entry])[0]
                in_git = isinstance(entry, dict) and entry[path].get("cache") is False
                small = path.startswith(("metrics/", "plots/", "data/raw/", "data/encoders/"))
                assert in_git == small, path


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_in_a_readme_are_those_that_the_stages_wrote(name: str) -> None:
    readme = (ROOT / name).read_text(encoding="utf-8")
    assert readme == embed(readme, name, ROOT), "run `make readme`"


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_readme_names_is_there(name: str) -> None:
    readme = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"\]\(([^)#:]+)", readme):
        assert ((ROOT / name).parent / path).exists(), path


def test_the_default_is_the_rung_that_the_ladder_chose() -> None:
    chosen = json.loads((ROOT / "metrics/ladder.json").read_text(encoding="utf-8"))["default"]
    [rung] = [rung for rung in RUNGS if rung.key == chosen]
    params = read_params(AllParams, ROOT / "params.yaml")
    assert rung.tier < 2
    for encoder in ("bert", "roberta"):
        assert params.encoder.source(encoder).checkpoint == rung.folder(encoder)
    plain = {name: field.default for name, field in Craft.model_fields.items()}
    train = params.train.model_dump()
    assert {name: train[name] for name in plain} == plain | rung.train
    assert params.text.derived == rung.text.get("derived", 0)


def test_everything_tracked_is_small() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(None, listed):
        assert (ROOT / name).stat().st_size < 2_000_000, name
