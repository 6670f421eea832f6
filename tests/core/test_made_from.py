"""The mark of a product: what counts, what is compared, and what it says of differences."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from llm4waam.ablations.variations import KINDS, SETTINGS, Ablations
from llm4waam.core.errors import StudyError
from llm4waam.core.made_from import (
    BEADS,
    FOLDS,
    KEY,
    STUDY,
    differences,
    joined,
    made_from,
    made_now,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two beads, their folds, the parameters and the card of the study."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "data/raw/waam_beads.yaml"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, name)
    for file, text in (
        (BEADS, "bead,speed_mm_s\n1,4.5\n2,6.0\n"),
        (FOLDS, "bead,fold\n1,0\n2,1\n"),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def change(place: str, value: object) -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    inside = raw
    *places, last = place.split(".")
    for part in places:
        inside = inside[part]
    inside[last] = value
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")


def product(*ablations: str) -> dict:
    return {"quality": {"bert": 0.9}, KEY: made_from(STUDY, ablations)}


@pytest.mark.usefixtures("folder")
def test_what_differs_is_named_with_its_values() -> None:
    made = product("noise")
    assert differences(made, made_now()) == {}
    change("train.epochs", 12)
    change("ablations.noise", [0.1, 0.5])
    change("target.quality.epochs", 4)
    FOLDS.write_text("bead,fold\n1,1\n2,0\n", encoding="utf-8")
    found = differences(made, made_now())
    assert found.pop("folds")
    assert found == {
        "train.epochs": ("6", "12"),
        "ablations.noise": ("0.1, 0.2, 0.3", "0.1, 0.5"),
        "target.quality.epochs": ("–", "4"),
    }


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("train.workers", 7),
        ("train.threads", 3),
        ("baselines.workers", 5),
        ("ablations.rates", [0.5]),  # not read by the product
        ("advice.bar", 0.9),
        ("target.defects.gain", 30),
        ("train.weight_decay", "1e-02"),  # as DVC writes it
    ],
)
def test_what_changes_no_result_is_no_difference(place: str, value: object) -> None:
    made = product("noise")
    change(place, value)
    assert differences(made, made_now()) == {}


@pytest.mark.usefixtures("folder")
def test_another_dataset_card_or_table_is_another_table() -> None:
    made = product()
    shutil.copy("data/raw/waam_beads.yaml", "data/raw/other.yaml")
    change("dataset", "other")
    assert differences(made, made_now()) is None
    change("dataset", "waam_beads")
    assert differences(made, made_now()) == {}

    card = Path("data/raw/waam_beads.yaml")
    text = card.read_text(encoding="utf-8")
    card.write_text(f"# a comment\n{text}", encoding="utf-8")
    assert differences(made, made_now()) == {}
    card.write_text(text.replace("simulated: true", "simulated: false"), encoding="utf-8")
    assert differences(made, made_now()) is None
    card.write_text(text, encoding="utf-8")

    BEADS.write_text("bead,speed_mm_s\n1,4.5000000000001\n2,6.0\n", encoding="utf-8")
    assert differences(made, made_now()) == {}  # a processor of another make
    BEADS.write_text("bead,speed_mm_s\n1,4.6\n2,6.0\n", encoding="utf-8")
    assert differences(made, made_now()) is None
    assert differences({"quality": 1}, made_now()) is None  # it does not say


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("then", "now"), [("007", "7"), ("1.10", "1.1"), ("1e3", "1000")])
def test_codes_that_look_like_one_number_are_other_beads(then: str, now: str) -> None:
    BEADS.write_text(f"bead,wire\n1,{then}\n2,5356\n", encoding="utf-8")
    made = product()
    assert differences(made, made_now()) == {}
    BEADS.write_text(f"bead,wire\n1,{now}\n2,5356\n", encoding="utf-8")
    assert differences(made, made_now()) is None


@pytest.mark.usefixtures("folder")
def test_products_are_put_together_if_they_agree() -> None:
    noise, groups = product("noise", "seeds"), product("leave_out", "seeds")
    mark = joined({"noise": noise, "groups": groups})
    assert mark["ablations"] == {"noise": "0.1, 0.2, 0.3", "seeds": "3", "leave_out": "material"}
    assert differences({KEY: mark}, made_now()) == {}
    change("train.epochs", 12)
    with pytest.raises(StudyError, match=r"groups, column parameters.train.epochs: '12'.*6"):
        joined({"noise": noise, "groups": product("leave_out")})


@pytest.mark.usefixtures("folder")
def test_a_missing_table_is_one_line() -> None:
    BEADS.unlink()
    with pytest.raises(StudyError, match="no such file; expected what dvc repro makes"):
        made_now()


def test_every_kind_names_settings_that_there_are() -> None:
    assert set(SETTINGS) == set(KINDS)
    for names in SETTINGS.values():
        assert set(names) <= set(Ablations.model_fields)


def test_every_product_of_the_study_says_what_it_was_made_from() -> None:
    for file in sorted((ROOT / "metrics/ablations").glob("*.json")):
        if file.stem != "ladder":
            mark = json.loads(file.read_text(encoding="utf-8"))[KEY]
            assert mark["dataset"] == "waam_beads", file
