"""The answer is made of the numbers: each way they may come out has its sentence."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT

from llm4waam.card.card import read_card
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.reporting.ablation_findings import (
    group_left_out,
    leak,
    losses,
    more_beads,
    parity,
)
from llm4waam.reporting.report_answer import answer, how_found
from llm4waam.reporting.report_findings import advised, sure
from llm4waam.reporting.report_sources import Sources
from llm4waam.reporting.report_tables import found_table
from llm4waam.reporting.report_words import Words
from llm4waam.splits.tasks import make_task

EN, KO = Words.read("en"), Words.read("ko")
CARD = ROOT / "data/raw/waam_beads.yaml"
TASKS = {n: make_task(read_card(CARD), n, CARD) for n in ("defects", "quality", "heat_input")}


def one_label(recall: float, precision: float, beads: int) -> dict:
    return {"recall": recall, "precision": precision, "support": beads}


def pair(other: str, difference: float, verdict: str | None) -> dict:
    ends = {"difference_low": difference - 0.02, "difference_high": difference + 0.02}
    found = {"one": "bert", "other": other, "difference": difference, "p_holm": 0.5}
    return found | ends | {"verdict": verdict}


def made(verdict: str = UNTOLD, formula: str = WORSE, hold_out_loss: float = 1.0) -> Sources:
    """A study of 40 beads; the verdicts on quality and heat input, the log-loss on the hold-out."""
    metrics = {
        "quality": {
            "bert": {
                "oof": {"accuracy": 0.9, "interval": {"low": 0.81, "high": 0.96}},
                "hold_out": {"accuracy": 0.75, "log_loss": 9.0},
                "per_label": {"defect": one_label(0.9, 0.9, 18), "normal": one_label(0.9, 0.9, 22)},
            },
            "majority": {
                "oof": {"accuracy": 0.55},
                "hold_out": {"log_loss": 0.69},
                "per_label": {"defect": one_label(0, 0, 18), "normal": one_label(1, 0.55, 22)},
            },
        },
        "defects": {
            "bert": {
                "oof": {"micro_f1": 0.8},
                "per_label": {
                    "balling": one_label(0.5, 1.0, 4),
                    "bead_cut": one_label(0, 0, 2),
                    "discontinuity": one_label(0, 0, 0),
                    "humping": one_label(0.9, 0.9, 20),
                    "lack_of_fusion": one_label(0, 0, 3),
                    "normal": one_label(1, 1, 11),
                },
            }
        },
        "heat_input": {
            "bert": {"oof": {"r2": 0.99}},
            "formula_pre_weld": {"oof": {"r2": 0.999}},
        },
    }
    comparisons = {
        "defects": {},
        "quality": {"bert_vs_baseline": pair("catboost", 0.05, verdict)},
        "heat_input": {"bert_vs_formula": pair("formula_pre_weld", -0.009, formula)},
    }
    band = {"task": "quality", "model": "bert", "role": "oof", "least": 0.7, "most": 0.9}
    band |= {"statements": 10, "came_true": 8, "low": 0.49, "high": 0.94}
    judged = {"hold_out": {"complete": {"log_loss": hold_out_loss}}}
    return Sources(
        card=read_card(CARD),
        tasks=TASKS,
        metrics=metrics,
        tiers={},
        summary={name: {"best_encoder": "bert", "best_baseline": "catboost"} for name in TASKS},
        comparisons=comparisons,
        came_true=pd.DataFrame([band]),
        per_label=pd.DataFrame(),
        incomplete={"bert": {"quality": judged}},
        cleaning={},
        split={"groups": {}},
        ablations={},
        differs={},
        losses=dict.fromkeys(TASKS, "bce"),
        losses_epochs=3,
        advice=None,
        advised=None,
        plots=Path("plots"),
        group="material",
        example="",
    )


def test_the_sentences_hold_the_numbers_and_their_intervals() -> None:
    judged, found, against, formula, trust = answer(EN, made())
    assert "BERT judges 90 % of 40 beads right" in judged
    assert "(95 % interval 81 to 96 %; on the hold-out: 75 %)" in judged
    assert "always saying “normal” would be right for 55 %" in judged
    assert "most beads with Humping (18 of 20)" in found
    assert "some with Balling (2 of 4)" in found
    assert "none with Bead cut (0 of 2) and Lack of fusion (0 of 3)" in found
    assert "Discontinuity" not in found  # of which there is no bead
    assert "quality it is +0.050 against CatBoost (95 % interval 0.030 to 0.070)" in against
    assert "0.990 against 0.999; difference: -0.009, 95 % interval -0.029 to 0.011" in formula
    assert "Of the 10 beads that it gave a chance of 70 to 90 % to be normal, 8 were" in trust
    assert "(95 % interval 49 to 94 %)" in trust


def test_the_first_sentence_says_how_far_other_draws_and_other_encoders_are() -> None:
    row = {"task": "quality", "model": "bert", "role": "oof", "draws": 5}
    spread = pd.DataFrame([row | {"lowest": 0.82, "highest": 0.88}])
    metrics = {name: dict(found) for name, found in made().metrics.items()}
    metrics["defects"]["roberta"] = {}
    metrics["quality"]["roberta"] = {"oof": {"accuracy": 0.87}}
    first = {name: metrics[name] for name in ("defects", "quality", "heat_input")}
    judged, *_ = answer(EN, replace(made(), metrics=first, ablations={"spread": spread}))
    said = "; RoBERTa: 87 %; over 5 other draws of the folds: 82 to 88 %; on the hold-out: 75 %)"
    assert said in judged


def test_the_chance_that_came_true_is_told_of_the_hold_out_as_well() -> None:
    band = made().came_true.assign(role="hold_out", statements=4, came_true=2)
    came_true = pd.concat([made().came_true, band])
    *_, trust = answer(EN, replace(made(), came_true=came_true))
    assert "8 were (95 % interval 49 to 94 %), on the hold-out 2 of 4; over the whole" in trust
    empty = made(hold_out_loss=0.4).came_true.assign(statements=0, came_true=0)
    *_, trust = answer(EN, replace(made(hold_out_loss=0.4), came_true=empty))
    assert trust.startswith("Out of fold it gave no bead a chance of 70 to 90 % to be normal;")
    assert trust.endswith("so do not act upon a single number.")  # of which nothing is known


@pytest.mark.parametrize(
    ("verdict", "said", "korean"),
    [
        (BETTER, "Beyond chance the higher-scoring language model beats", "이긴 과제는 1개 중 1개"),
        (
            WORSE,
            "In none of 1 tasks does the higher-scoring language model beat",
            "뚜렷하게 나쁜 과제는 1개",
        ),
        (
            UNTOLD,
            "In none of 1 tasks does the higher-scoring language model beat",
            "뚜렷하게 나쁜 과제는 0개",
        ),
    ],
)
def test_it_is_called_better_only_beyond_chance(verdict: str, said: str, korean: str) -> None:
    assert said in answer(EN, made(verdict))[2]
    assert korean in answer(KO, made(verdict))[2]


@pytest.mark.parametrize(
    ("verdict", "said", "korean"),
    [
        (WORSE, "Heat input: it loses to a closed formula", "공식에 집니다"),
        (BETTER, "Heat input: it beats the closed formula", "공식을 이깁니다"),
        (UNTOLD, "Heat input: level with a closed formula", "뚜렷한 차이가 없습니다"),
    ],
)
def test_against_the_formula(verdict: str, said: str, korean: str) -> None:
    assert said in answer(EN, made(formula=verdict))[3]
    assert korean in answer(KO, made(formula=verdict))[3]


@pytest.mark.parametrize("other", ["gaussian_process", "formula_pre_weld"])
def test_without_a_formula_the_best_baseline_takes_its_place(other: str) -> None:
    source = made()
    metrics = dict(source.metrics) | {
        "heat_input": {"bert": {"oof": {"r2": 0.9}}, other: {"oof": {"r2": 0.95}}}
    }
    lost = {"bert_vs_baseline": pair(other, -0.05, WORSE)}
    pairs = dict(source.comparisons) | {"heat_input": lost}
    said = answer(EN, replace(source, metrics=metrics, comparisons=pairs))[3]
    assert ("loses to Gaussian process" in said) is (other == "gaussian_process")
    assert ("loses to a closed formula" in said) is (other != "gaussian_process")


def test_a_probability_is_trusted_by_the_hold_out() -> None:
    assert (
        "worth less than the bare share of normal beads (log-loss 1.000 against 0.690, lower"
        in (answer(EN, made(hold_out_loss=1.0))[4])
    )
    assert "do not act upon a single number" in answer(EN, made(hold_out_loss=1.0))[4]
    assert "may be trusted within that interval" in answer(EN, made(hold_out_loss=0.4))[4]
    assert "그 구간 안에서만" in answer(KO, made(hold_out_loss=0.4))[4]


def test_no_more_than_a_guess_is_said_to_be_no_more() -> None:
    source = made()
    source.metrics["quality"]["bert"]["oof"]["interval"]["low"] = 0.5
    assert "no more than always saying “normal” (55 %)" in answer(EN, source)[0]
    assert "낫다고 할 수 없습니다" in answer(KO, source)[0]


def test_what_there_is_nothing_to_say_of_is_left_out() -> None:
    source = made()
    tasks = {"heat_input": TASKS["heat_input"]}
    [sentence] = answer(EN, replace(source, tasks=tasks))
    assert "formula" in sentence
    summary = {name: {"best_encoder": None, "best_baseline": None} for name in TASKS}
    assert answer(EN, replace(source, summary=summary)) == []


def test_most_part_and_none_of_a_label() -> None:
    found = [how_found(count, 8) for count in (0, 1, 5, 6, 8)]
    assert found == ["none", "part", "part", "most", "most"]


@pytest.mark.parametrize(("last", "said"), [(0.0, "the same bit for bit"), (0.01, "0.01 apart")])
def test_what_brought_the_loop_to_trainer(last: float, said: str) -> None:
    steps = ["as_published", "same_order", "generator_kept", "gradients_clipped"]
    steps += ["stacked", "trainer_with_another_seed"]
    values = [1.4, 0.4, 0.39, last, 0.2, 1.6]
    table = pd.DataFrame({"task": "quality", "step": steps, "max_logit_difference": values})
    [sentence] = parity(EN, replace(made(), ablations={"parity": table}))
    assert "Quality: as published, the loop is 1.4 away from Trainer, no farther than" in sentence
    assert "Trainer with another seed is from itself (1.6)" in sentence
    assert "“same order” and “gradients clipped” brought them together most" in sentence
    assert said in sentence
    assert "trained together draw other random numbers and so are 0.2 away again" in sentence
    [korean] = parity(KO, replace(made(), ablations={"parity": table}))
    assert "“같은 순서”, “기울기 자르기”" in korean


def test_parity_is_told_of_every_task_and_no_step_that_did_little_is_named() -> None:
    steps = ["as_published", "same_order", "gradients_clipped", "trainer_with_another_seed"]
    parts = [("defects", [1.4, 0.5, 0.0, 1.0]), ("heat_input", [0.33, 0.329, 0.0, 0.37])]
    tables = [
        pd.DataFrame({"task": task, "step": steps, "max_logit_difference": values})
        for task, values in parts
    ]
    first, second = parity(EN, replace(made(), ablations={"parity": pd.concat(tables)}))
    assert "Defects: as published, the loop is 1.4 away from Trainer, farther than" in first
    assert "“same order” and “gradients clipped” brought" in first
    assert "Heat input: " in second
    assert "(0.37). “gradients clipped” brought" in second


@pytest.mark.parametrize(("probe", "said"), [(0.9, "Looking up gains more"), (0.6, "at least as")])
def test_who_gains_from_the_leak(probe: float, said: str) -> None:
    rows = [("grouped", "bert", 0.7), ("rows", "bert", 0.85)]
    rows += [("grouped", "nearest_neighbour", 0.55), ("rows", "nearest_neighbour", probe)]
    table = pd.DataFrame(rows, columns=["variation", "model", "score"])
    table = table.assign(task="quality", metric="accuracy")
    assert said in leak(EN, replace(made(), ablations={"protocols": table}))[1]


def test_the_study_s_own_loss_has_its_place() -> None:
    """A reader who finds it last in the table is told so, and whether that is beyond chance."""
    ends = [(0.9, 0.85, 0.95), (0.8, 0.75, 0.87), (0.5, 0.45, 0.55)]
    table = pd.DataFrame(ends, columns=["score", "low", "high"]).assign(
        task="quality", model="bert", metric="accuracy", title=["focal", "bce", "asymmetric"]
    )
    table["variation"] = table["title"]
    [said] = losses(EN, replace(made(), ablations={"losses": table}))
    assert "is number 2 of 3 here (0.800; the best, focal, 0.900). The intervals overlap" in said
    own = replace(made(), losses=dict.fromkeys(TASKS, "asymmetric"))
    [said] = losses(EN, replace(own, ablations={"losses": table}))
    assert "number 3 of 3" in said
    assert "clearly behind" in said


def test_advice_and_what_to_make_next() -> None:
    tried = {"bad_beads": 30, "advised_beads": 28, "as_run": 0.16, "random": 0.46, "advised": 0.871}
    source = replace(made(), advice={"advice": tried | {"expected": 0.82}})
    first, second = advised(EN, source)
    assert "Of 30 bad beads in the simulator, a change was advised for 28" in first
    assert "16 % came out good, with a random change of equal size 46 %" in first
    assert "with the advised change 87 %; promised were 82 %" in first
    assert "Balling (4), Bead cut (2) and Lack of fusion (3)" in second
    assert "not tried" in advised(EN, replace(made(), advice={"advice": None}))[0]


def test_how_far_another_draw_goes() -> None:
    row = {"task": "quality", "model": "bert", "role": "oof", "metric": "accuracy", "draws": 5}
    row |= {"study": 0.9, "mean": 0.85, "sd": 0.02, "lowest": 0.81, "highest": 0.88}
    [said] = sure(EN, replace(made(), ablations={"spread": pd.DataFrame([row])}))
    assert "Drawn anew 5 times, the folds give BERT accuracy 0.850 on average" in said
    assert "in the split of this study it scores 0.900" in said
    other = pd.DataFrame([row, row | {"model": "catboost", "mean": 0.86}])
    [said] = sure(EN, replace(made(), ablations={"spread": other}))
    assert "The best baseline, CatBoost, scores 0.860 on average" in said


def test_a_group_that_was_never_seen_is_told_with_the_best_baseline_there() -> None:
    rows = [("grouped", "bert", 0.85), ("without_campaign", "bert", 0.69)]
    rows += [("grouped", "svm_rbf", 0.9), ("without_campaign", "svm_rbf", 0.7)]
    rows += [("without_campaign", "catboost", 0.8), ("without_campaign", "formula_post_weld", 1.0)]
    table = pd.DataFrame(rows, columns=["variation", "model", "score"])
    table = table.assign(task="defects", metric="micro_f1", title="one campaign left out")
    [said] = group_left_out(EN, replace(made(), ablations={"protocols": table}))
    assert "(one campaign left out) BERT scores 0.690 instead of 0.850 (defects, micro F1)" in said
    assert said.endswith("the best baseline there, CatBoost, 0.800.")
    assert group_left_out(EN, made()) == []
    grouped = table[table["variation"] == "grouped"]
    assert group_left_out(EN, replace(made(), ablations={"protocols": grouped})) == []


def test_more_beads_are_told_of_the_best_baseline_of_each_number() -> None:
    rows = [("beads_80", "bert", 0.82), ("beads_112", "bert", 0.84), ("beads_80", "svm_rbf", 0.8)]
    rows += [("beads_80", "catboost", 0.83), ("beads_112", "svm_rbf", 0.87)]
    table = pd.DataFrame(rows, columns=["variation", "model", "score"])
    table = table.assign(task="quality", metric="accuracy")
    [said] = more_beads(EN, replace(made(), ablations={"samples": table}))
    assert said.startswith("From 80 to 112 training beads BERT goes from 0.820 to 0.840")
    assert said.endswith("The best baseline of each goes from 0.830 to 0.870.")


def test_false_alarms_are_counted_where_nothing_was_found() -> None:
    """A precision of 0 hides how often a label was given to beads without it."""
    names = TASKS["defects"].outputs
    wrong = pd.DataFrame({"task": "defects", "model": "bert", "label": names})
    wrong = wrong.assign(false_positives=[3.0, 1.0, 0.0, 2.0, 1.0, 7.0])
    split = {"groups": {}, "beads": {"train": 36}}
    source = replace(made(), per_label=wrong, split=split)
    source = replace(source, summary={"defects": {"best_encoder": "bert", "best_baseline": None}})
    caption = {"en": "{task}.", "ko": "{task}."}
    table = found_table(EN, source, TASKS["defects"], caption)
    alarms = table.head.index("false alarms of BERT")
    assert {row[0]: row[alarms] for row in table.rows}["Bead cut"] == "1"
    assert "40 outcomes of 36 beads: a bead may have several" in table.caption
