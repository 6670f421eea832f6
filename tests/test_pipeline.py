"""dvc.yaml against the code: dependencies, arrows between rooms, what stands in git."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from imports import imports_of, places

from llm4waam.ablations.choice import of_the_study
from llm4waam.ablations.variations import variations_of
from llm4waam.card.card import read_card
from llm4waam.core.settings import read_params
from llm4waam.splits.tasks import make_task
from stages.check_params import AllParams

STAGES = {
    name: stage
    for file in ("dvc.yaml", "ablations/dvc.yaml", "ablations/other_tables/dvc.yaml")
    for name, stage in yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))["stages"].items()
}
# Which rooms a room may import. `core` may be imported by all.
ARROWS = {
    "core": "",
    "card": "",
    "simulator": "",
    "cleaning": "card",
    "sentences": "card",
    "splits": "card",
    "decisions": "splits",
    "baselines": "card sentences splits decisions",
    "encoders": "decisions",
    "training": "card splits decisions encoders",
    "stacked": "encoders training",
    "plotting": "encoders",
    "pretraining": "card simulator sentences decisions encoders plotting",
    "evaluation": "card splits decisions encoders",
    "reporting": "card sentences splits decisions encoders evaluation plotting",
    "ablations": "card simulator cleaning sentences splits decisions baselines encoders training "
    "stacked evaluation plotting reporting",
    "inference": "card cleaning sentences splits decisions encoders",
    "advice": "card simulator sentences splits decisions baselines encoders evaluation plotting "
    "inference",
    "logbook": "card cleaning",
    "desk": "card cleaning sentences baselines encoders plotting inference advice logbook",
    "commands": "card cleaning sentences baselines encoders evaluation plotting inference advice "
    "logbook desk",
}


def paths(entries: list) -> list[str]:
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_every_room_that_it_imports_and_on_no_other(name: str) -> None:
    script = re.match(r"python -m (stages\.\w+)", STAGES[name]["cmd"]).group(1)
    needed = places(Path(script.replace(".", "/") + ".py"))
    code = ("stages/", "llm4waam/")
    assert {dep for dep in paths(STAGES[name]["deps"]) if dep.startswith(code)} == needed


def test_rooms_import_downwards_and_nothing_imports_a_stage() -> None:
    for file in sorted((ROOT / "llm4waam").rglob("*.py")):
        relative = file.relative_to(ROOT)
        if len(relative.parts) == 2:
            continue
        room = relative.parts[1]
        allowed = {"core", room, *ARROWS[room].split()}
        for other in imports_of(relative):
            assert other.parts[0] == "llm4waam", f"{relative} imports {other}"
            assert other.parts[1] in allowed, f"{relative} imports {other}"
    names = list(ARROWS)
    for room, below in ARROWS.items():
        assert all(names.index(one) < names.index(room) for one in below.split()), room


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline's files, and outputs that are made up: only their state is asked about."""
    folder = tmp_path_factory.mktemp("pipeline")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("llm4waam", "stages", "data/raw", "data/encoders", "plots", "metrics"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", "ablations"):
        here = ROOT / name
        (shutil.copytree if here.is_dir() else shutil.copy)(here, folder / name)
    for name in ("params_checked.txt", "clean/beads.csv", "text/prompts.jsonl", "split/folds.csv"):
        (folder / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "data" / name).write_text("made up\n", encoding="utf-8")
    for source in ("bert", "roberta", "baselines"):
        for task in yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["tasks"]:
            made = ("predictions/{}/{}.csv", "models/{}/{}/model", "incomplete/{}/{}.csv")
            for place in (name.format(source, task) for name in made):
                (folder / "data" / place).parent.mkdir(parents=True, exist_ok=True)
                (folder / "data" / place).write_text("made up\n", encoding="utf-8")
    dvc(folder, "init", "--no-scm")
    dvc(folder, "commit", "--force", "dvc.yaml")
    return folder


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["dvc", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("file", "marked"),
    [
        ("evaluation/metrics.py", {"evaluate", "explain", "report"}),
        ("baselines/models.py", {"check-params", "baselines", "explain"}),
        ("plotting/style.py", {"evaluate", "explain", "explore", "report"}),
        ("stacked/layers.py", {"train-bert", "train-roberta"}),
    ],
)
def test_a_comment_marks_the_stages_that_import_its_room_and_no_other(
    copy: Path, file: str, marked: set[str]
) -> None:
    """Metrics, baselines and figures mark no training as changed."""
    module = copy / "llm4waam" / file
    before = module.read_bytes()
    module.write_bytes(before + b"# a comment\n")
    try:
        found = json.loads(dvc(copy, "status", "--json", "dvc.yaml"))
    finally:
        module.write_bytes(before)
    assert {name.partition("@")[0] for name in found} - {"pretrain"} == marked
    assert json.loads(dvc(copy, "status", "--json", "dvc.yaml")) == {}


def test_the_two_encoders_depend_on_nothing_of_each_other() -> None:
    assert "encoder.bert" in STAGES["train-bert"]["params"]
    assert not [p for p in STAGES["train-bert"]["params"] if p.startswith("encoder.roberta")]
    assert not [p for p in STAGES["train-roberta"]["params"] if p.startswith("encoder.bert")]


NO_TORCH = """core card simulator cleaning sentences splits decisions baselines
inference advice logbook desk"""


def test_what_the_machine_asks_imports_no_torch() -> None:
    for room in NO_TORCH.split():
        for file in (ROOT / "llm4waam" / room).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(import|from) (torch|transformers)", text, re.M), file


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("commands.predict", "torch transformers sklearn matplotlib catboost dvc onnx"),
        ("advice.findings", "torch transformers matplotlib catboost dvc onnx"),
        ("advice.narration", "torch transformers matplotlib catboost dvc onnx"),
    ],
)
def test_a_prediction_starts_in_a_second(module: str, unwanted: str) -> None:
    """It waits for no library of training, figures or the pipeline."""
    code = (
        f"import sys, llm4waam.{module}\nprint(sorted(set({unwanted.split()}) & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout == "[]\n"


def test_no_pickle_is_read_or_written_and_no_clock_and_no_path_of_a_machine_used() -> None:
    for file in [*(ROOT / "llm4waam").rglob("*.py"), *(ROOT / "stages").glob("*.py")]:
        text = file.read_text(encoding="utf-8")
        uses = (
            r"(import|from) (pickle|joblib|dill)|(pickle|joblib|dill)\.\w+\(|torch\.(save|load)\("
        )
        assert not re.search(uses, text), file
        assert not re.search(r"/(home|root|tmp|work)/|datetime\.now|time\.time\(", text), file


IN_GIT = ("metrics/", "plots/", "data/raw/", "data/encoders", "data/split", "data/predictions/")
# Of few machines: what the lock names and no cache has breaks `dvc checkout` on all others.
RARE = ("data/ablations/",)


def test_small_outputs_stand_in_git_and_large_ones_in_the_cache() -> None:
    for stage in STAGES.values():
        for kind in ("outs", "metrics", "plots"):
            for entry in stage.get(kind, []):
                path = paths([entry])[0]
                in_git = isinstance(entry, dict) and entry[path].get("cache") is False
                assert in_git == path.startswith(IN_GIT + RARE), path
                # DVC's run cache passes over a stage with a file of git among its `outs`.
                assert (kind == "outs") != in_git, path
                assert not (isinstance(entry, dict) and entry[path].get("persist")), path


@pytest.mark.parametrize("name", ["README.md", "README.ko.md", *(ROOT / "docs").glob("*.md")])
def test_every_file_that_a_page_names_is_there(name: str | Path) -> None:
    page = ROOT / name
    for path in re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / path).exists(), path


def test_the_page_of_choice_says_where_the_defaults_are_not_what_was_chosen() -> None:
    found = json.loads((ROOT / "metrics/ablations/choice.json").read_text("utf-8"))
    params = read_params(AllParams, ROOT / "params.yaml")
    file = ROOT / params.card_file
    tasks = {name: make_task(read_card(file), name, file) for name in params.tasks}
    candidates = {one.key: one for one in variations_of("choice", params.ablations, tasks)}
    own = of_the_study([*candidates.values()], params.recipe, params.split.folds)
    told = {name: one for name, one in found.items() if "chosen" in one}
    assert {one.group for one in candidates.values()} == {*told}
    assert {name: one["study"] for name, one in told.items()} == {
        candidates[key].group: key for key in own
    }
    page = (ROOT / "plots/ablations/choice/choice.md").read_text(encoding="utf-8")
    others = sum(one["study"] != one["chosen"] for one in told.values())
    assert page.count("The recipe of params.yaml is another one") == others
    assert page.count("This is the recipe of params.yaml") == len(told) - others
    for encoder in ("bert", "roberta"):
        assert params.tier(encoder, params.text.derived) < 2  # tier 2 is circular on this table


def test_a_stage_imports_no_library_that_it_has_no_use_for() -> None:
    """Torch takes a second to import, transformers two more."""
    light = "simulate clean split serialize_to_text explore baselines evaluate report"
    code = f"""
import importlib, sys
for name in {light.split()}:
    importlib.import_module(f"stages.{{name}}")
    print(name, sorted({{"torch", "transformers"}} & set(sys.modules)))
importlib.import_module("stages.check_params")
print("check_params", "transformers" in sys.modules)
"""
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert found == [*(f"{name} []" for name in light.split()), "check_params False"]


def test_everything_tracked_is_small() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    for name in filter(lambda one: one and (ROOT / one).is_file(), listed):
        assert (ROOT / name).stat().st_size < 2_500_000, name


def test_every_text_is_checked_out_with_lf_and_what_is_no_text_is_marked() -> None:
    """DVC hashes bytes: on Windows, CRLF would make every stage stale."""
    listed = subprocess.run(
        ["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for line in listed:
        inside, _, attributes = line.partition("\t")[0].split(maxsplit=2)
        known = {"i/lf": "attr/text=auto eol=lf", "i/none": "attr/text=auto eol=lf"}
        assert attributes.strip() == known.get(inside, "attr/-text"), line
