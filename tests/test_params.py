from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from llm4waam.core.errors import StudyError
from llm4waam.core.settings import read_params
from llm4waam.training.recipe import Craft
from stages.check_params import AllParams


def test_the_study_s_parameters_are_read() -> None:
    params = read_params(AllParams, ROOT / "params.yaml")
    recipe = params.recipe("bert", "defects")
    assert recipe.learning_rate == params.encoder.bert.learning_rate
    assert recipe.loss == params.target["defects"].loss


def test_a_rate_that_dvc_writes_as_1e_05_is_a_number(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert "learning_rate: 0.001  # 2e-5" in text
    text = text.replace("learning_rate: 0.001  # 2e-5", "learning_rate: 1e-05  # 2e-5")
    assert isinstance(yaml.safe_load(text)["encoder"]["bert"]["learning_rate"], str)
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    assert read_params(AllParams, tmp_path / "params.yaml").encoder.bert.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 12\n  batch", "epoch: 12\n  batch", "train.epoch"),
        ("epochs: 12\n  batch", "epochs: ten\n  batch", "'ten': train.epochs"),
        ("epochs: 12\n  batch", "epochs: 0\n  batch", "train.epochs.*greater than 0"),
        ("learning_rate: 0.001  #", "learning_rate: .nan  #", "encoder.bert.learning_rate"),
        ("information: pre_weld", "information: preweld", "text.information.*'post_weld'"),
        ("engine: stacked", "engine: magic", "train.engine"),
        ("compiler: null", "compiler: gcc", "train.compiler.*'inductor'"),
        ("dataset: waam_beads", "dataset: ../elsewhere", "dataset"),
        ("  numbers: true", "  number: true", "train.number"),
        ("  numbers: true", "  numbers: perhaps", "'perhaps': train.numbers"),
        ("quantiles: 0", "quantiles: 6", "train.quantiles.*less than or equal to 5"),
        ("quantiles: 0", "quantile: 3", "train.quantile"),
        ("pooling: mean", "pooling: max", "train.pooling.*'first'"),
        ("prompts: random", "prompts: every", "train.prompts.*'all'"),
        ("average: true", "averages: true", "train.averages"),
        ("random_weights: false", "random_weight: true", "train.random_weight"),
        ("new_layers: 0", "new_layers: -1", "train.new_layers.*greater than or equal to 0"),
        ("layer_decay: 1.0", "layer_decay: 0", "train.layer_decay.*greater than 0"),
        ("layer_decay: 1.0", "layer_decay: 1.1", "train.layer_decay.*less than or equal to 1"),
        ("frozen_layers: 0", "freeze_layers: 1", "train.freeze_layers"),
        ("lora_rank: 0", "lora_rank: 1.5", "train.lora_rank"),
        ("joint: false", "join: true", "train.join"),
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


def test_the_crafts_that_dvc_sets_are_read(tmp_path: Path) -> None:
    """As `dvc exp run -S train.layer_decay=7e-1 -S train.head=trees` leaves them."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    said = {"numbers": False, "quantiles": 3, "pooling": "first", "prompts": "all"}
    said |= {"average": False, "random_weights": True, "new_layers": 1, "frozen_layers": 1}
    said |= {"lora_rank": 8, "joint": True, "seeds": 3, "head": "trees"}
    raw["train"] |= said | {"layer_decay": "7e-1"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    recipe = read_params(AllParams, tmp_path / "params.yaml").recipe("roberta", "quality")
    assert recipe.model_dump(include=set(said)) == said
    assert recipe.layer_decay == 0.7
    assert set(Craft.model_fields) == {*said, "layer_decay"}


def test_every_craft_stands_in_params_yaml() -> None:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert set(Craft.model_fields) <= set(raw["train"])


def test_a_task_without_parameters_says_how_to_give_them() -> None:
    with pytest.raises(StudyError, match=r"-S \+target\.power\.loss"):
        read_params(AllParams, ROOT / "params.yaml").recipe("bert", "power")


def test_only_stacked_folds_are_compiled(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    compiled = text.replace("compiler: null", "compiler: inductor")
    (tmp_path / "params.yaml").write_text(compiled, encoding="utf-8")
    assert read_params(AllParams, tmp_path / "params.yaml").train.compiler == "inductor"
    other = compiled.replace("  engine: stacked  # all", "  engine: loop  # all")
    (tmp_path / "params.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(StudyError, match=r"train.compiler: .*only the engine stacked compiles"):
        read_params(AllParams, tmp_path / "params.yaml")
