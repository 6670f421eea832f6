"""Answers of final models, tiny ones trained on the embedded table."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from llm4waam.card import labels
from llm4waam.core.files import read_table
from llm4waam.core.tables import read_rows
from llm4waam.inference.model import FinalModel
from llm4waam.inference.predictor import BEADS, Predictor, disagree, indispensable
from llm4waam.inference.user_table import chunks
from llm4waam.sentences.prompts import make_prompts

RAW = "data/raw/waam_beads.csv"
TASKS = ["defects", "quality", "heat_input", "energy"]


def test_a_user_s_bead_has_the_scores_of_the_stored_predictions(predictor: Predictor) -> None:
    """The hold-out's stored predictions are the final model's: it must say the same again."""
    beads = pd.concat(
        beads for beads, _ in chunks(read_rows(Path(RAW)), predictor.card, "pre_weld")
    ).drop_duplicates("bead")
    for task in TASKS:
        rows = pd.read_csv(f"data/predictions/bert/{task}.csv", dtype={"bead": str})
        rows = rows[(rows["role"] == "hold_out") & rows["bead"].isin(beads["bead"])]
        outputs = list(predictor.tasks[task].outputs)
        stored = rows.pivot(index="bead", columns="label", values="score")[outputs]
        assert len(stored) > 20
        same = beads.set_index("bead").loc[stored.index].reset_index()
        assert np.allclose(predictor.raw_scores(same, [task])[task], stored, rtol=1e-5)
        moved = same.assign(travel_speed_mm_s=same["travel_speed_mm_s"] * 1.5)
        assert not np.allclose(predictor.raw_scores(moved, [task])[task], stored, rtol=1e-5)


def test_tasks_share_the_prompts_only_where_they_read_alike(predictor: Predictor, monkeypatch):
    """With the others' prompts, the scores of a model that scales numbers otherwise are wrong."""
    beads, read = read_table(BEADS).iloc[:6], []
    own = FinalModel.prompts
    monkeypatch.setattr(
        FinalModel, "prompts", lambda model, rows: read.append(model) or own(model, rows)
    )
    alone = {task: predictor.raw_scores(beads, [task])[task] for task in TASKS}
    read.clear()
    together = predictor.raw_scores(beads, TASKS)
    assert len(read) == 1
    assert all(np.allclose(together[task], alone[task], rtol=1e-5) for task in TASKS)

    energy = predictor.models["energy"]
    scales = {n: s.model_copy(update={"mean": s.mean + 1}) for n, s in energy.fitted.scales.items()}
    other = replace(energy, fitted=energy.fitted.model_copy(update={"scales": scales}))

    def scores(model: FinalModel) -> np.ndarray:
        mixed = replace(predictor, models={**predictor.models, "energy": model})
        return mixed.raw_scores(beads, TASKS)["energy"]

    card, style, left_out = predictor.card, predictor.style, predictor.left_out
    right = other.score(list(make_prompts(beads, card, style, ["energy"], left_out)))
    assert np.allclose(scores(replace(other, reads="otherwise")), right, rtol=1e-5)
    assert not np.allclose(scores(other), right, rtol=1e-5)


def test_tables_are_answered_one_after_the_other(predictor: Predictor) -> None:
    """The next table is begun before the one before is answered; none takes another's answers."""
    beads = read_table(BEADS)
    tables = [beads.iloc[:3], beads.iloc[9:10], beads.iloc[4:9]]
    begun = []
    found = predictor.answers_of_each(begun.append(n) or t for n, t in enumerate(tables))
    assert next(found)["bead"].tolist() == tables[0]["bead"].tolist()
    assert begun == [0, 1]
    for answers, table in zip(found, tables[1:], strict=True):
        pd.testing.assert_frame_equal(answers, predictor.answers(table))
    assert list(predictor.answers_of_each([])) == []


def test_answers_hold_every_task_with_its_doubt(predictor: Predictor) -> None:
    beads = read_table(BEADS).iloc[:20]
    answers = predictor.answers(beads)
    chances = [name for name in answers if "_p_" in name]
    assert len(chances) == 7
    assert answers[chances].apply(lambda p: p.between(0, 1)).all(axis=None)
    for target in ("heat_input_j_mm", "energy_j"):
        assert (answers[f"{target}_low"] < answers[target]).all()
        assert (answers[target] < answers[f"{target}_high"]).all()
    for task in ("defects", "heat_input"):
        alone = predictor.answers_to(beads, task)
        pd.testing.assert_frame_equal(alone, answers[alone.columns])
    assert set(answers["quality"]) <= {"normal", "defect"}
    assert not answers["outside"].any()
    assert predictor.answers(beads.assign(travel_speed_mm_s=29.0))["outside"].all()
    assert predictor.answers(beads.assign(material=None))["outside"].all()
    assert (answers["trained_on"] == "simulated beads").all()
    known = predictor.card.with_formulas(beads)["handbook_energy_j"]
    assert np.allclose(answers["energy_j_formula"], known, equal_nan=True)


def test_what_a_bead_lacks_is_said_and_widens_its_intervals(predictor: Predictor) -> None:
    beads = read_table(BEADS).dropna(subset=["ctwd_mm", "gas_flow_l_min"]).iloc[:10]
    optional = [n for n in predictor.domain.names if not predictor.card.columns[n].required]
    bare = beads.assign(**dict.fromkeys([*optional, "note"], None))
    widths = {"half_width": 0.1, "alone": {"ctwd_mm": 0.2}, "all_left_out": 0.3}
    models = {
        name: replace(model, calibration=replace(model.calibration, **widths))
        for name, model in predictor.models.items()
    }
    predictor = replace(predictor, models=models)
    whole, answers = predictor.answers(beads), predictor.answers(bare)
    assert (answers["missing"] == ", ".join(optional)).all()
    assert not whole["missing"].str.contains("ctwd_mm").any()
    for target in ("heat_input_j_mm", "energy_j"):
        for found, width in ((whole, 0.1), (answers, 0.2)):
            ratio = np.log(found[f"{target}_high"] / found[f"{target}_low"])
            assert ratio.to_numpy() == pytest.approx(2 * width)


def test_without_a_length_there_is_no_energy_and_without_a_speed_no_heat_input(predictor) -> None:
    beads = read_table(BEADS).iloc[:3]
    answers = predictor.answers(beads.assign(bead_length_mm=np.nan))
    names = ["energy_j", "energy_j_low", "energy_j_high", "energy_j_formula"]
    assert answers[names].isna().all(axis=None)
    assert answers["heat_input_j_mm"].notna().all()
    assert answers["outside"].all()
    assert (answers["missing"].str.contains("bead_length_mm")).all()
    answers = predictor.answers(beads.assign(travel_speed_mm_s=np.nan))
    assert answers[["energy_j", "heat_input_j_mm"]].isna().all(axis=None)
    assert answers["quality"].notna().all()
    # The nominal value stands in the formula for one that is not required.
    assert predictor.answers(beads.assign(ctwd_mm=np.nan))["energy_j"].notna().all()
    assert indispensable(predictor.card, "heat_input") == [
        *("material", "transfer_mode", "wire_feed_speed_m_min", "travel_speed_mm_s")
    ]


def with_thresholds(predictor: Predictor, task: str, *thresholds: float) -> Predictor:
    """The same predictor with other thresholds of one task."""
    model = predictor.models[task]
    decision = replace(model.decision, thresholds=thresholds)
    models = {**predictor.models, task: replace(model, decision=decision)}
    return replace(predictor, models=models)


def test_models_disagree_by_what_they_decided_at_their_thresholds(predictor: Predictor) -> None:
    """Not by 0.5: where the threshold is 0.42, a bead of 0.45 was decided to be normal."""
    beads = read_table(BEADS)
    chances = predictor.raw_scores(beads, ["quality"])["quality"][:, 0]
    one, other = np.quantile(chances, (0.3, 0.7))  # tiny models: 0.5 is far from all chances
    for threshold in (one, other):
        normal = with_thresholds(predictor, "defects", *[1.1] * 5, 0.0)
        answers = with_thresholds(normal, "quality", threshold).answers(beads)
        assert set(answers["defects"]) == {"Normal"}
        assert answers["models_disagree"].tolist() == (chances < threshold).tolist()
        assert answers["models_disagree"].tolist() == (answers["quality"] == "defect").tolist()
        assert answers["models_disagree"].nunique() == 2
    mixed = with_thresholds(predictor, "quality", one)
    answers = with_thresholds(mixed, "defects", *[0.0] * 5, 1.1).answers(beads)
    assert answers["defects"].map(labels.split).map(len).min() > 1
    assert answers["models_disagree"].tolist() == (answers["quality"] == "normal").tolist()


@pytest.mark.parametrize(
    ("thinks_normal", "named", "expected"),
    [
        (True, ["Normal"], False), (True, ["Humping"], True), (True, [], False),
        (False, ["Normal"], True), (False, ["Humping"], False), (False, [], True),
    ],
)  # fmt: skip
def test_a_disagreement(thinks_normal: bool, named: list[str], expected: bool) -> None:
    assert disagree(thinks_normal, named, "Normal") is expected


def test_a_bead_has_its_answer_in_any_chunk_and_beside_its_own_name(predictor: Predictor) -> None:
    beads = read_table(BEADS).iloc[[0, 5, 0, 9, 5, 7, 8]]
    beads = beads.assign(travel_speed_mm_s=[4.0, 5.0, 12.0, 6.0, 7.0, 8.0, 9.0])
    answers = predictor.answers(beads)
    numbers = answers.select_dtypes("number").columns
    assert answers["bead"].tolist() == beads["bead"].tolist()
    assert answers["quality_p_normal"].nunique() == len(beads)
    for size in (1, 3):
        parts = [predictor.answers(beads.iloc[n : n + size]) for n in range(0, len(beads), size)]
        assert np.allclose(answers[numbers], pd.concat(parts)[numbers], rtol=1e-5)


def test_many_beads_are_asked_in_parts_and_every_part_is_answered(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    beads = read_table(BEADS).iloc[:10]
    whole = predictor.raw_scores(beads, ["quality", "energy"])
    monkeypatch.setattr("llm4waam.inference.predictor.PART", 3)
    for name, found in predictor.raw_scores(beads, ["quality", "energy"]).items():
        assert np.allclose(found, whole[name], rtol=1e-5)
    assert predictor.raw_scores(beads.iloc[:0], ["quality"])["quality"].shape == (0, 1)
