import difflib
import re
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from dvc.utils.hydra import apply_overrides

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import read_params
from llm4waam.training.recipe import TrainingParams
from stages import check_params
from stages.check_params import AllParams


def test_the_study_s_parameters_are_read() -> None:
    params = read_params(AllParams, ROOT / "params.yaml")
    recipe = params.recipe("bert", "defects")
    assert recipe.learning_rate == params.encoder["bert"].learning_rate
    assert recipe.loss == params.target["defects"].loss


def test_a_rate_that_dvc_writes_as_1e_05_is_a_number(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert "learning_rate: 0.001  # 2e-5" in text
    text = text.replace("learning_rate: 0.001  # 2e-5", "learning_rate: 1e-05  # 2e-5")
    assert isinstance(yaml.safe_load(text)["encoder"]["bert"]["learning_rate"], str)
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    assert read_params(AllParams, tmp_path / "params.yaml").encoder["bert"].learning_rate == 1e-5


@pytest.mark.parametrize(
    ("asked", "gone", "new"),
    [
        ("train.epochs=5", 1, ["  epochs: 5 "]),
        ("split.by=campaign", 1, ["  by: campaign "]),
        ("encoder.bert.learning_rate=1e-5", 1, ["    learning_rate: 1e-05 "]),
        ("baselines.pretrained.tabpfn=FILE", 1, ["    tabpfn: FILE"]),
        ("train.max_grad_norm=null", 1, ["  max_grad_norm: "]),
        ("tasks=[quality]", 3, []),
        ("+target.height.loss=mse", 0, ["  height:", "    loss: mse"]),
    ],
)
def test_one_setting_by_dvc_changes_no_other_line(
    tmp_path: Path, asked: str, gone: int, new: list[str]
) -> None:
    """`dvc exp run -S` writes all of params.yaml anew, in a style of its own."""
    before = (ROOT / "params.yaml").read_text(encoding="utf-8")
    file = tmp_path / "params.yaml"
    file.write_text(before, encoding="utf-8")
    apply_overrides(file, [asked])
    after = file.read_text(encoding="utf-8")
    moves = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    assert len([line for line in moves if line.startswith("-")]) == gone
    added = [line[1:] for line in moves if line.startswith("+")]
    assert len(added) == len(new)
    assert all(line.startswith(start) for line, start in zip(added, new, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 42\n  epochs:", "seed: 42\n  epoch:", "train.epoch"),
        ("seed: 42\n  epochs:", "seed: 42\n  epochs: ten  #", "'ten': train.epochs"),
        ("seed: 42\n  epochs:", "seed: 42\n  epochs: 0  #", "train.epochs.*greater than 0"),
        ("learning_rate: 0.001  #", "learning_rate: .nan  #", "encoder.bert.learning_rate"),
        ("information: pre_weld", "information: preweld", "text.information.*'post_weld'"),
        ("engine: stacked", "engine: magic", "train.engine"),
        ("dataset: waam_beads", "dataset: ../elsewhere", "dataset"),
        ("  numbers: both", "  number: tokens", "train.number"),
        ("  numbers: both", "  numbers: perhaps", "'perhaps': train.numbers"),
        ("  numbers: both", "  numbers: true", "True: train.numbers: .*'none'"),
        ("  gain: 100.0", "  gain: 0", "train.gain.*greater than 0"),
        ("  gain: 100.0", "  gains: 30.0", "train.gains"),
        ("    gain: 30.0", "    gain: 0", "target.defects.gain.*greater than 0"),
        ("pooling: mean", "pooling: max", "train.pooling.*'first'"),
        ("prompts: random", "prompts: every", "train.prompts.*'all'"),
        ("average: true", "averages: true", "train.averages"),
        ("random_weights: false", "random_weight: true", "train.random_weight"),
        ("layer_decay: 1.0", "layer_decay: 0", "train.layer_decay.*greater than 0"),
        ("layer_decay: 1.0", "layer_decay: 1.1", "train.layer_decay.*less than or equal to 1"),
        ("frozen_layers: 0", "freeze_layers: 1", "train.freeze_layers"),
        ("lora_rank: 0", "lora_rank: 1.5", "train.lora_rank"),
        ("leave_out: material", "leave_outs: material", "ablations.leave_out"),
        ("    seeds: 3", "    seeds: 1", "ablations.parity.seeds"),
        ("background: 24", "backgrounds: 24", "advice.background"),
        ("baselines:\n", "baseline:\n", "baseline"),
        ("seeds: 1 ", "seeds: 0 ", "train.seeds.*greater than or equal to 1"),
        ("head: neural", "head: forest", "train.head.*'trees'"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=message) as caught:
        read_params(AllParams, tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_what_dvc_sets_is_read(tmp_path: Path) -> None:
    """As `dvc exp run -S train.layer_decay=7e-1 -S train.head=trees` leaves it."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    said = {"numbers": "none", "pooling": "first", "prompts": "all", "average": False}
    said |= {"random_weights": True, "frozen_layers": 1, "lora_rank": 8, "seeds": 3}
    raw["train"] |= said | {"head": "trees", "layer_decay": "7e-1"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    recipe = read_params(AllParams, tmp_path / "params.yaml").recipe("roberta", "quality")
    assert recipe.model_dump(include=set(said)) == said
    assert (recipe.head, recipe.layer_decay) == ("trees", 0.7)


def test_a_stage_reads_its_own_sections_and_passes_over_the_others(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("trees: 500", "trees: none"), "utf-8")
    assert read_params(TrainingParams, tmp_path / "params.yaml").train.epochs > 0
    with pytest.raises(StudyError, match=r"baselines\.trees"):
        read_params(AllParams, tmp_path / "params.yaml")


def test_a_task_without_parameters_says_how_to_give_them() -> None:
    with pytest.raises(StudyError, match=r"-S \+target\.power\.loss"):
        read_params(AllParams, ROOT / "params.yaml").recipe("bert", "power")


def checked(folder: Path, change: str, value: object) -> str:
    """What `check-params` says when one parameter of the study is changed."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    *sections, name = change.split(".")
    place = raw
    for section in sections:
        place = place[section]
    place[name] = value
    (folder / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(StudyError) as caught:
        check_params.main()
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "value", "expected"),
    [
        ("target.quality.loss", "hinge", "'hinge': no loss of a binary task; expected bce, "),
        ("target.energy.loss", "bce", "column target.energy.loss: 'bce': no loss of a regression"),
        ("target.energy.scale", "cube", "'cube': target.energy.scale: "),
        ("train.select_by", "f1", "column train.select_by: 'f1': no metric of the "),
        ("split.seed", -1, "-1: split.seed: "),
        ("tasks", ["quality", "height"], "'height'"),
    ],
)
def test_a_name_that_no_task_has_is_told_when_parameters_are_read(
    tmp_path: Path, monkeypatch, change: str, value: object, expected: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(ROOT / "data/raw")
    monkeypatch.chdir(tmp_path)
    assert expected in checked(tmp_path, change, value)
    assert not check_params.CHECKED.exists()


def test_what_is_checked_leaves_a_file_that_is_always_the_same(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(ROOT / "data/raw")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    found = set()
    for epochs in (12, 5):
        changed = text.replace("  epochs: 8", f"  epochs: {epochs}")
        (tmp_path / "params.yaml").write_text(changed, encoding="utf-8")
        check_params.main()
        found.add(check_params.CHECKED.read_bytes())
    assert len(found) == 1


def test_a_task_has_its_own_epochs_where_it_names_them_and_else_those_of_all() -> None:
    params = read_params(AllParams, ROOT / "params.yaml")
    own = params.target["quality"].model_copy(update={"epochs": 3, "batch_size": 2, "gain": 7.0})
    params = params.model_copy(update={"target": params.target | {"quality": own}})
    recipe = params.recipe("bert", "quality")
    assert (recipe.epochs, recipe.batch_size, recipe.gain) == (3, 2, 7.0)
    plain = params.target["defects"].model_copy(
        update=dict.fromkeys(("epochs", "batch_size", "gain"))
    )
    params = params.model_copy(update={"target": params.target | {"defects": plain}})
    recipe, train = params.recipe("bert", "defects"), params.train
    shared = (train.epochs, train.batch_size, train.gain)
    assert (recipe.epochs, recipe.batch_size, recipe.gain) == shared


@pytest.mark.parametrize(
    ("change", "value", "expected"),
    [
        ("train.seed", 1e30, "train.seed: .*"),
        ("train.seed", -1, "train.seed: .*greater than or equal to 0"),
        ("train.weight_decay", 1e30, "train.weight_decay: .*less than or equal to 100"),
        ("train.inner_folds", 1, "train.inner_folds: .*expected 0, or 2 and more"),
        ("train.batch_size", 1e30, "train.batch_size: "),
        ("train.workers", 1e30, "train.workers: "),
        ("train.threads", 100_000, "train.threads: .*less than or equal to 256"),
        ("train.epochs", True, "train.epochs: Input should be a number"),
        ("encoder.bert.learning_rate", 0, "encoder.bert.learning_rate: .*greater than 0"),
        ("encoder.bert.learning_rate", 1e30, "encoder.bert.learning_rate: .*less than"),
        ("split.folds", 1e30, "split.folds: "),
        ("split.repeats", 1e30, "split.repeats: "),
        ("text.orders", 1e30, "text.orders: "),
        ("text.templates", ["statement", "statement"], "text.templates: 'statement' stands twice"),
        ("text.templates", ["poem"], "text.templates.0: .*'question'"),
        ("tasks", ["quality", "quality"], "tasks: 'quality' stands twice"),
        ("encoders", ["bert", "bert"], "encoders: 'bert' stands twice"),
        ("baselines.trees", 1e30, "baselines.trees: "),
        ("simulate.beads", 1e30, "simulate.beads: "),
        ("pretrain.heads", 3, "pretrain: a width of 128 is not shared out among 3 heads"),
        ("advice.members", ["bert", "bert"], "advice.members: 'bert' stands twice"),
        ("ablations.noise", [1.5], "ablations.noise.0: .*less than 1"),
        ("ablations.tasks", ["quality", "quality"], "ablations.tasks: 'quality' stands twice"),
        ("other_tables.ai4i2020.apart.split.folds", 1, "other_tables.ai4i2020: 1: split.folds: "),
        ("dataset", "x" * 300, "dataset: .*at most 100"),
    ],
)
def test_every_number_and_list_has_bounds(
    tmp_path: Path, monkeypatch, change: str, value: object, expected: str
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(ROOT / "data/raw")
    monkeypatch.chdir(tmp_path)
    said = checked(tmp_path, change, value)
    assert re.search(expected, said), said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  seed: 42\n", "  seed: 42\n  seed: 43\n", "train.seed: the key stands twice"),
        ("  seed: 42\n", "  seed: 042\n", "train.seed: '042': YAML takes it for another"),
        ("  seed: 42\n", "  seed: !!int abc\n", "train.seed: 'abc' is no int"),
        ("  seed: 42\n", f"  seed: {'9' * 10_000}\n", "train.seed: .* is no int"),
        ("  seed: 42\n", f"  seed: {'[' * 10_000}\n", "line .*: nested too deep"),
    ],
)
def test_what_yaml_would_take_for_something_else(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=expected) as caught:
        read_params(AllParams, tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_a_task_that_ablations_pass_over_is_said(tmp_path: Path, monkeypatch, caplog) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(ROOT / "data/raw")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("  curve_tasks:  # of samples and rates\n", "  curve_tasks:\n  - qualty\n")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    check_params.main()
    assert [record.getMessage() for record in caplog.records] == [
        "warning: ablations.curve_tasks: 'qualty' is no task of the card, and is passed over"
    ]
