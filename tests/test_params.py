from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from stages.beads.errors import StudyError
from stages.params import read_params


def test_the_study_s_parameters_are_read() -> None:
    params = read_params(ROOT / "params.yaml")
    recipe = params.recipe("bert", "defects")
    assert recipe.learning_rate == params.encoder.bert.learning_rate
    assert recipe.loss == params.task["defects"].loss


def test_a_rate_that_dvc_writes_as_1e_05_is_a_number(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8").replace("0.0003", "1e-05")
    assert isinstance(yaml.safe_load(text)["encoder"]["bert"]["learning_rate"], str)
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    assert read_params(tmp_path / "params.yaml").encoder.bert.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs: 8", "epoch: 8", "train.epoch"),
        ("epochs: 8", "epochs: ten", "'ten': train.epochs"),
        ("epochs: 8", "epochs: 0", "train.epochs.*greater than 0"),
        ("learning_rate: 0.0003", "learning_rate: .nan", "learning_rate"),
        ("information: pre_weld", "information: preweld", "text.information.*'post_weld'"),
        ("engine: loop", "engine: magic", "train.engine"),
        ("dataset: waam_beads", "dataset: ../elsewhere", "dataset"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=message) as caught:
        read_params(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_a_task_without_parameters_says_how_to_give_them() -> None:
    with pytest.raises(StudyError, match=r"-S \+task\.power\.loss"):
        read_params(ROOT / "params.yaml").recipe("bert", "power")
