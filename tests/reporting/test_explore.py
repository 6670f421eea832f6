"""The explore stage: its figures and tables, and what it leaves out for another card."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from tokenizers import Tokenizer, models, pre_tokenizers

from llm4waam.card.card import Card, read_card
from llm4waam.core.errors import StudyError
from llm4waam.reporting import exploration
from llm4waam.reporting.exploration import sentence_lengths, token_counter
from llm4waam.reporting.exploration_figures import axis_label
from stages import explore

NAMES = ("label_sets", "defect_map", "distributions", "correlations", "sentence_lengths")


def make_beads() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    card = read_card(ROOT / "data/raw/waam_beads.yaml")
    count = 40
    columns = {"bead": [f"{n:03d}" for n in range(count)], "cell": [f"c{n}" for n in range(count)]}
    for name in card.clean_columns:
        columns[name] = rng.choice([4.0, 6.0, 8.0], count)
    beads = pd.DataFrame(columns)
    beads["wire_diameter_mm"] = 1.2
    beads["gas_flow_l_min"] = np.where(beads.index < 5, beads["gas_flow_l_min"], np.nan)
    for name in card.named("group", "set_point", kind="category"):
        beads[name] = rng.choice(["A", "B"], count)
    beads["labels"] = rng.choice(["Normal", "Balling or Humping", "Humping"], count)
    beads["note"] = "a note"
    beads["heat_input_j_mm"] = rng.lognormal(6, 0.7, count)
    beads["energy_j"] = beads["heat_input_j_mm"] * 100
    return beads


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "data/raw/waam_beads.yaml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((ROOT / name).read_bytes())
    for file in (explore.BEADS, explore.PROMPTS):
        file.parent.mkdir(parents=True)
    make_beads().to_csv(explore.BEADS, index=False)
    prompts = [
        {"bead": f"{n:03d}", "task": None, "template": template, "text": "a b " * (n % 7 + 1)}
        for n in range(40)
        for template in ("statement", "question")
    ]
    explore.PROMPTS.write_text("\n".join(map(json.dumps, prompts)) + "\n", encoding="utf-8")
    for encoder in ("bert-mini-tier1", "roberta-mini-tier1"):
        save_tokenizer(tmp_path / "data/encoders" / encoder)
    return tmp_path


def save_tokenizer(folder: Path) -> None:
    """Two words; it cuts at 4 tokens, which a count of lengths must not."""
    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(4)
    tokenizer.save(str(folder / "tokenizer.json"))


def test_every_figure_and_its_numbers_twice_the_same(study: Path) -> None:
    explore.main()
    first = {f.name: f.read_bytes() for f in (study / explore.PLOTS).iterdir()}
    assert set(first) == {f"{name}.{kind}" for name in NAMES for kind in ("csv", "svg")}
    explore.main()
    assert {f.name: f.read_bytes() for f in (study / explore.PLOTS).iterdir()} == first


def test_tables() -> None:
    beads, card = make_beads(), read_card(ROOT / "data/raw/waam_beads.yaml")
    sets = exploration.label_sets(beads, card)
    assert sets["beads"].sum() == 40
    assert sets["beads"].is_monotonic_decreasing
    points = exploration.defect_map(beads, card)
    assert list(points.columns[2:4]) == ["travel_speed_mm_s", "wire_feed_speed_m_min"]
    assert set(points["label"]) == {"Normal", "Balling", "Humping"}
    values = exploration.distributions(beads, card)
    assert set(values["column"]) == {"heat_input_j_mm", "energy_j"}
    pairs = exploration.correlations(beads, card)
    assert "wire_diameter_mm" not in {*pairs["first"], *pairs["second"]}
    last = pairs[(pairs["first"] == "heat_input_j_mm") & (pairs["second"] == "energy_j")]
    assert last[["spearman", "beads"]].to_numpy().tolist() == [[pytest.approx(1.0), 40]]
    assert pairs.loc[pairs["second"] == "gas_flow_l_min", "beads"].max() == 5


def test_a_card_with_less_gives_fewer_tables() -> None:
    card = read_card(ROOT / "tests/cards/er70s6_beads_tidy.yaml")
    beads = pd.DataFrame({"bead": ["1", "2"], **dict.fromkeys(card.clean_columns, 1.0)})
    assert exploration.label_sets(beads, card) is None
    assert exploration.defect_map(beads, card) is None
    assert exploration.correlations(beads, card) is None
    assert len(exploration.distributions(beads, card)) == 2


def test_left_out_figure_is_logged(study: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    beads = pd.read_csv(explore.BEADS, dtype={"bead": str})
    beads.assign(labels=np.nan).to_csv(explore.BEADS, index=False)
    explore.main()
    assert "label_sets: left out" in caplog.text
    assert not (study / explore.PLOTS / "defect_map.svg").exists()
    assert (study / explore.PLOTS / "correlations.svg").exists()


def test_lengths_count_whole_prompts(study: Path) -> None:
    count = token_counter(str(study / "data/encoders/bert-mini-tier1"), None)
    prompts = [{"text": "a b a b a b", "template": "t"}] * 3
    lengths = sentence_lengths(prompts, {"bert": count})
    assert lengths.to_dict("records") == [
        {"encoder": "bert", "template": "t", "tokens": 6, "prompts": 3}
    ]


def test_no_tokenizer_is_one_line(study: Path) -> None:
    (study / "empty").mkdir()
    with pytest.raises(StudyError, match="no tokenizer") as error:
        token_counter(str(study / "empty"), None)
    assert "\n" not in str(error.value)


def test_axis_labels_name_the_unit_once() -> None:
    card: Card = read_card(ROOT / "data/raw/waam_beads.yaml")
    assert axis_label(card, "travel_speed_mm_s") == "Travel speed (mm/s)"
    assert axis_label(card, "heat_input_j_mm") == "Heat input (J/mm)"
    assert axis_label(card, "energy_j") == "Energy (J)"
