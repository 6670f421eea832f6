"""The original study's own format: prompts somebody templated already."""

import json

import pytest

from llm4waam.cleaning.prompt_file import numbers_in
from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, read_table
from stages import clean, serialize_to_text, split

CARD = """
title: Prompts in the original's format
description: made up for tests
simulated: true
licence: CC0-1.0
source: tests
columns:
  prompt: {meaning: sentence, role: prompt, kind: text, header: input, required: true}
  voltage_v: {meaning: measured voltage, role: measurement, kind: number, phrase: voltage, unit: V}
  answer: ANSWER
tasks:
  TASK
"""
LABELS = """
    meaning: result
    role: outcome
    kind: labels
    header: output
    exclusive: Normal
    labels: {Humping: [], Balling: [], Normal: []}"""
HEAT = """
    {meaning: heat, role: outcome, kind: number, header: output, unit: J/mm, range: [1, 5000]}"""
DEFECTS = '{kind: multi_label, columns: [answer], question: "Which?"}'
HEAT_TASK = '{kind: regression, columns: [answer], transform: log, question: "How hot?"}'


def sentence(bead: int, template: int, voltage: float) -> str:
    speed = 20 + bead // 2
    if template == 0:
        return f"The wire is ER70S-6, voltage is {voltage:.3f} travel speed is {speed}. Result?"
    return f"At travel speed is {speed} and voltage is {voltage:.3f} with ER70S-6, what comes?"


def rows(answer) -> list[dict]:
    return [
        {"input": sentence(bead, template, 14 + bead / 1000), "output": answer(bead)}
        for template in (0, 1)
        for bead in range(24)
    ]


@pytest.fixture
def study(workspace, params):
    def fill(answer, task: str, spec: str, column: str):
        params.update(dataset_format="json", tasks=[task])
        card = CARD.replace("ANSWER", column).replace("TASK", f"{task}: {spec}")
        listed = answer if isinstance(answer, list) else rows(answer)
        return workspace(card=card, params=params, raw=json.dumps(listed).encode())

    return fill


def test_prompts_with_the_same_numbers_are_one_bead_and_repeats_one_cell(study) -> None:
    folder = study(
        lambda b: ("Normal", "Humping or Balling")[b // 2 % 2], "defects", DEFECTS, LABELS
    )
    clean.main()
    split.main()
    serialize_to_text.main()
    beads = read_table(folder / "data/clean/beads.csv")
    assert len(beads) == 24
    assert beads["cell"].nunique() == 12
    assert beads["answer"].tolist()[:3] == ["Normal", "Normal", "Humping or Balling"]
    prompts = list(JsonLines(folder / "data/text/prompts.jsonl"))
    assert [row["template"] for row in prompts[:2]] == ["given_1", "given_2"]
    assert len(prompts) == 48


def test_answers_that_are_numbers_may_end_in_a_full_stop(study) -> None:
    folder = study(lambda b: f"{656.112 + b}.", "heat_input", HEAT_TASK, HEAT)
    clean.main()
    assert read_table(folder / "data/clean/beads.csv")["answer"].tolist()[:2] == [656.112, 657.112]


def test_a_bead_whose_prompts_disagree_is_left_out_and_listed(study) -> None:
    listed = rows(lambda _: "Normal")
    listed[0]["output"] = "Humping"
    folder = study(listed, "defects", DEFECTS, LABELS)
    clean.main()
    assert len(read_table(folder / "data/clean/beads.csv")) == 23
    rejected = read_table(folder / "data/clean/rejected.csv")
    assert rejected["reason"].tolist() == ["other prompts of the bead of row 1 disagree"] * 2


@pytest.mark.parametrize("raw", [b"[", b"{}", b"[]", b"[1]", b'[{"input": "x"}]'])
def test_what_is_no_list_of_prompts_is_named(study, raw: bytes) -> None:
    folder = study([], "defects", DEFECTS, LABELS)
    (folder / "data/raw/small.json").write_bytes(raw)
    with pytest.raises(StudyError, match=r"data/raw/small\.json"):
        clean.main()


def test_numbers_of_a_sentence_leave_out_what_was_measured() -> None:
    text = "voltage is 14.722 travel speed is 30, -7 and 1,234.5"
    assert numbers_in(text, []) == ("-7", "1,234.5", "14.722", "30")
    assert numbers_in(text, ["voltage"]) == ("-7", "1,234.5", "30")
