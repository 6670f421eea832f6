"""The benchmarks run, and their tables hold together; how long anything takes is no test."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from benchmarks import pipeline, study
from benchmarks.floor import PASSES, forward_operations, moved_bytes
from benchmarks.growth import as_long
from benchmarks.page import END, START, page
from benchmarks.pipeline import commands
from benchmarks.ways import WAYS, scaled
from llm4waam.encoders.tokens import TokenisedPrompt

README = ROOT / "benchmarks/README.md"
RESULTS = ROOT / "benchmarks/results.json"
ROWS = 60  # of the study's raw table


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, encoders: Path) -> tuple[dict, str]:
    """results.json and README.md of a quick run of all parts, on some of the study's rows."""
    out = tmp_path_factory.mktemp("benchmarks")
    (out / "README.md").write_bytes(README.read_bytes())
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["train"]["workers"] = 1
    (out / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (out / "data/raw").mkdir(parents=True)
    raw = Path("data/raw") / params["dataset"]
    shutil.copy(ROOT / raw.with_suffix(".yaml"), out / raw.with_suffix(".yaml"))
    lines = (ROOT / raw.with_suffix(".csv")).read_bytes().splitlines(keepends=True)
    (out / raw.with_suffix(".csv")).write_bytes(b"".join(lines[:ROWS]))
    asked = ["--quick", "--ways", "--growth", "--stages", "--out", out]
    checkpoint = ["--checkpoint", encoders / "bert-mini"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(out)
        patch.setattr(sys, "argv", ["study", *map(str, [*asked, *checkpoint])])
        patch.setattr(pipeline, "STARTED", ("stages.clean",))
        # What is measured is forked, and a fork of these tests can have no more than one thread.
        patch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
        for name, value in study.ENVIRONMENT.items():
            patch.setenv(name, value)
        study.main()
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return found["cpu, bert-mini"], (out / "README.md").read_text(encoding="utf-8")


def test_every_way_has_a_row_and_the_fastest_a_row_in_full(results) -> None:
    rows = results[0]["ways"]["rows"]
    assert [row["name"] for row in rows] == [*(way.name for way in WAYS), WAYS[-1].name]
    assert [row["measured"] for row in rows] == [False] * len(WAYS) + [True]


def test_ratios_and_rates_are_those_of_the_seconds(results) -> None:
    ways = results[0]["ways"]
    study, rows = ways["study"], ways["rows"]
    trainer = next(row for row in rows if row["name"] == "trainer")
    for row in rows:
        seconds = row["study_seconds"]
        assert row["ratio_to_trainer"] == pytest.approx(trainer["study_seconds"] / seconds, 1e-4)
        assert row["steps_per_second"] == pytest.approx(study["steps"] / seconds, 1e-4)
        floor = max(row["floor_operations_seconds"], row["floor_bytes_seconds"])
        assert row["times_the_floor"] == pytest.approx(seconds / floor, 1e-4)
    assert rows[-1]["fits"] == study["fits"]


def test_every_size_and_stage_has_a_row(results) -> None:
    growth, stages = results[0]["growth"], results[0]["stages"]
    assert [row["beads"] for row in growth["beads"]] == [40, 80]
    assert [row["folds"] for row in growth["folds"]] == [2, 3]
    assert [row["tokens"] for row in growth["tokens"]] == [16, 32]
    assert growth["tokens"][1]["operations"] > 2 * growth["tokens"][0]["operations"] * 0.9
    assert [row["stage"] for row in stages["stages"]] == ["clean", "split"]


def test_the_page_has_the_tables_between_its_marks_and_no_path_of_the_machine(results) -> None:
    found, readme = results
    assert readme.split(START)[0] == README.read_text(encoding="utf-8").split(START)[0]
    assert readme.split(START)[1].split(END)[0] == page({"cpu, bert-mini": found})
    assert str(ROOT) not in json.dumps(found)


def test_the_readme_has_the_tables_of_the_results_in_git() -> None:
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    tables = README.read_text(encoding="utf-8").split(START)[1].split(END)[0]
    assert tables == page(results)


def test_the_whole_is_scaled_by_epochs_and_by_steps() -> None:
    def run(seconds: float, steps: int) -> dict:
        return {"seconds": seconds, "cpu_seconds": 2 * seconds, "steps": steps, "fits": 2}

    runs = [{"short": run(s, 10), "long": run(s + 3.0, 20), "peak_bytes": 5} for s in (7, 4, 5)]
    found = scaled(runs, 4, {"steps": 80})
    # A fit takes 2 s once and 3 s an epoch; the study has as many as two slices of four epochs.
    assert found["study_seconds"] == pytest.approx(2 * (2 + 4 * 3))
    assert found["study_cpu_seconds"] == pytest.approx(4 * (2 + 4 * 3))
    assert (found["peak_bytes"], found["gpu_bytes"]) == (5, None)


def test_operations_are_those_of_the_matrix_products() -> None:
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import BertConfig, BertModel

    shape = {"num_hidden_layers": 3, "num_attention_heads": 2, "vocab_size": 50}
    config = BertConfig(hidden_size=32, intermediate_size=96, **shape)
    config._attn_implementation = "eager"  # whose products are counted
    model, tokens = BertModel(config, add_pooling_layer=False), 20
    with FlopCounterMode(display=False) as counter:
        model(model.dummy_inputs["input_ids"].new_ones(1, tokens))
    head = 2 * 32**2
    assert forward_operations(config, [tokens]) == counter.get_total_flops() + head
    assert moved_bytes(10, 3) == 4 * PASSES * 30


def test_a_sentence_is_repeated_or_cut_to_a_length() -> None:
    prompt = TokenisedPrompt([1, 2, 3], [0, 1, 0], [0.0, 2.0, 0.0])
    assert as_long(prompt, 7).ids == [1, 2, 3, 1, 2, 3, 1]
    assert as_long(prompt, 2).numbers == [0.0, 2.0]


def test_the_stages_of_the_study_are_found_with_the_tasks_of_a_matrix() -> None:
    found = dict(commands(ROOT))
    assert found["train-bert@quality"] == "python -m stages.train bert quality"
    assert "clean" in found
    assert "pretrain" not in found
