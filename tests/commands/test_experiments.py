"""`llm4waam experiments` on what DVC recorded in a small repository."""

import copy
import json
import sys
from pathlib import Path

import pytest

from llm4waam.commands import main
from llm4waam.commands.experiments import render

# What `dvc exp show --json` printed, shortened. DVC gives the run that failed the scores of the
# files that it was started from, here those of "eight".
RECORDED = json.loads("""
[{"rev": "workspace", "name": null,
  "data": {"params": {"params.yaml": {"data":
   {"tasks": ["defects", "heat_input"],
    "train": {"epochs": 12, "precision": "fp32"}, "encoder": {"bert": {"learning_rate": 0.001}}}}},
  "metrics": {"metrics/summary.json": {"data":
   {"defects": {"encoder_score": 0.82, "difference": -0.1},
   "heat_input": {"encoder_score": 0.822, "difference": -0.1}}}},
  "deps": {"run.py": {"hash": "e219c9cbd5b69917e4c751c8b299ca9a"}}},
  "error": null, "experiments": null},
{"rev": "c94cafb969885fab6f9934114d69caaf858935a8", "name": "main",
  "data": {"params": {"params.yaml": {"data":
   {"tasks": ["defects", "heat_input"],
    "train": {"epochs": 12, "precision": "fp32"}, "encoder": {"bert": {"learning_rate": 0.001}}}}},
  "metrics": {"metrics/summary.json": {"data":
   {"defects": {"encoder_score": 0.82, "difference": -0.1},
   "heat_input": {"encoder_score": 0.822, "difference": -0.1}}}},
  "deps": {"run.py": {"hash": "e219c9cbd5b69917e4c751c8b299ca9a"}}}, "error": null, "experiments": [
 {"revs": [{"rev": "c0f3d824e711f298613c9cd3e1585bfbd9379aa5", "name": "eight",
  "data": {"params": {"params.yaml": {"data":
   {"tasks": ["defects", "heat_input"],
    "train": {"epochs": 8, "precision": "fp32"}, "encoder": {"bert": {"learning_rate": 1e-05}},
    "text": {"new": ["a", "b"]}}}},
  "metrics": {"metrics/summary.json": {"data":
   {"defects": {"encoder_score": 0.78, "difference": -0.1},
   "heat_input": {"encoder_score": 0.782, "difference": -0.1}}}},
  "deps": {"run.py": {"hash": "e219c9cbd5b69917e4c751c8b299ca9a"}}}, "error": null}],
  "executor": null, "name": "eight"},
 {"revs": [{"rev": "b02139b65cfe70c4761b2a7a999ced4d702fbfb1", "name": "five",
  "data": {"params": {"params.yaml": {"data":
   {"tasks": ["defects", "heat_input"],
    "train": {"epochs": 5, "precision": "fp32"}, "encoder": {"bert": {"learning_rate": 0.001}}}}},
  "metrics": {"metrics/summary.json": {"data":
   {"defects": {"encoder_score": 0.75, "difference": -0.1},
   "heat_input": {"encoder_score": 0.752, "difference": -0.1}}}},
  "deps": {"run.py": {"hash": "e219c9cbd5b69917e4c751c8b299ca9a"}}}, "error": null}],
  "executor": null, "name": "five"},
 {"revs": [{"rev": "d29578f94670c049d80eb3c4aee31b285c7ac042", "name": "later",
  "data": {"params": {"params.yaml": {"data":
   {"tasks": ["defects", "heat_input"],
    "train": {"epochs": 2, "precision": "fp32"}, "encoder": {"bert": {"learning_rate": 0.001}}}}},
  "metrics": {},
  "deps": {"run.py": {"hash": "e219c9cbd5b69917e4c751c8b299ca9a"}}}, "error": null}],
  "executor": {"state": "queued"}, "name": "later"},
 {"revs": [{"rev": "94145ee9afb98a0f9c5b90fcd3ccd42babd8e617", "name": "failing",
  "data": {"params": {"params.yaml": {"data":
   {"tasks": ["defects", "heat_input"],
    "train": {"epochs": 0, "precision": "fp32"}, "encoder": {"bert": {"learning_rate": 1e-05}},
    "text": {"new": ["a", "b"]}}}},
  "metrics": {"metrics/summary.json": {"data":
   {"defects": {"encoder_score": 0.78, "difference": -0.1},
   "heat_input": {"encoder_score": 0.782, "difference": -0.1}}}},
  "deps": {"run.py": {"hash": "e219c9cbd5b69917e4c751c8b299ca9a"}}},
  "error": {"msg": "Experiment run failed", "type": ""}}],
  "executor": {"state": "failed"}, "name": "failing"}]}]
""")


def cells(text: str, name: str) -> list[str]:
    """The cells of the row that starts with this name, and its continuation lines."""
    lines = text.partition("\n\n")[0].splitlines()
    [start] = [number for number, line in enumerate(lines) if line.startswith(name)]
    row = lines[start].split()
    for line in lines[start + 1 :]:
        if not line.startswith(" "):
            break
        row += [line.strip()]
    return row


def altered(params: dict, name: str = "five") -> list[dict]:
    """The recorded experiments, of which one has other parameters and perhaps another name."""
    shown = copy.deepcopy(RECORDED)
    one = shown[1]["experiments"][1]
    one["name"] = name
    one["revs"][0]["data"]["params"]["params.yaml"]["data"] |= params
    return shown


def test_rows_have_names_scores_and_the_parameters_that_differ() -> None:
    text = render(RECORDED)
    assert cells(text, "five") == ["five", "0.750", "0.752", "-0.100", "train.epochs=5"]
    assert cells(text, "workspace") == ["workspace", "0.820", "0.822", "-0.100"]
    changed = ["encoder.bert.learning_rate=1e-05", 'text.new=["a", "b"]', "train.epochs=8"]
    assert cells(text, "eight") == ["eight", "0.780", "0.782", "-0.100", *changed]
    # The commit says what the changed ones were.
    assert cells(text, "main")[4:] == [
        "encoder.bert.learning_rate=0.001", "text.new is not set", "train.epochs=12",
    ]  # fmt: skip
    assert "precision" not in text


def test_no_hash_and_nothing_of_stages_is_shown() -> None:
    text = render(RECORDED)
    hashes = [commit["rev"] for commit in RECORDED[1:]]
    hashes += [run["rev"] for one in RECORDED[1]["experiments"] for run in one["revs"]]
    assert not [one for one in [*hashes, "e219c9c"] if one[:7] in text]
    assert "run.py" not in text


def test_what_has_not_ended_is_marked_and_has_no_scores_of_others() -> None:
    text = render(RECORDED)
    assert cells(text, "later") == ["later", "(queued)", "-", "-", "-", "train.epochs=2"]
    assert cells(text, "failing")[:5] == ["failing", "(failed)", "-", "-", "-"]
    assert "dvc queue start" in text
    assert "dvc queue logs NAME" in text
    done = copy.deepcopy(RECORDED)
    del done[1]["experiments"][2:]
    assert "queue" not in render(done)


def test_long_names_and_values_go_on_in_the_next_line_within_100_columns() -> None:
    long = [f"template_{number}" for number in range(40)]
    params = {"templates": long, "a" * 150: 1, "note": "in words that are long " * 8}
    name = "an-experiment-with-a-name-that-nobody-should-have-given"
    named = render(altered(params, name=name))
    text = render(altered(params))
    for one in (named, text):
        assert max(map(len, one.splitlines())) <= 100
    assert name in "".join(line[:20].strip() for line in named.splitlines())
    together = "".join(text.split())
    assert f"templates={json.dumps(long).replace(' ', '')}" in together
    assert f"{'a' * 150}=1" in together


@pytest.mark.parametrize("count", [1, 5, 7])
def test_any_number_of_tasks_fits_and_those_without_a_column_are_named(count: int) -> None:
    tasks = [f"task_with_a_name_{number}" for number in range(count)]
    shown = copy.deepcopy(RECORDED)
    entries = [*shown, *(run for one in shown[1]["experiments"] for run in one["revs"])]
    for entry in entries:
        entry["data"]["params"]["params.yaml"]["data"]["tasks"] = tasks
        scores = {task: {"encoder_score": -12.3456, "difference": -0.1} for task in tasks}
        entry["data"]["metrics"]["metrics/summary.json"] = {"data": scores}
    text = render(shown)
    assert max(map(len, text.splitlines())) <= 100
    assert cells(text, "five")[1:-1] == ["-12.346"] * min(count, 5) + ["-0.100"]
    assert [task for task in tasks if task in text] == tasks[5:]


def test_a_row_that_dvc_cannot_read_says_so_below() -> None:
    shown = copy.deepcopy(RECORDED)
    shown[0] |= {"data": None, "error": {"msg": "unable to read: 'params.yaml'", "type": ""}}
    text = render(shown)
    assert cells(text, "workspace") == ["workspace", "-", "-", "-"]
    assert "workspace: unable to read: 'params.yaml'" in text
    assert cells(text, "five")[-1] == "train.epochs=5"


def test_a_commit_without_a_branch_is_not_called_by_its_hash() -> None:
    shown = copy.deepcopy(RECORDED)
    shown[1]["name"] = None
    assert "\nthis commit " in render(shown)


def test_without_experiments_it_says_how_to_make_one() -> None:
    shown = copy.deepcopy(RECORDED)
    shown[1]["experiments"] = None
    for none in ([], shown):
        assert "dvc exp run -S" in render(none).splitlines()[0]


def run(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sys, "argv", ["llm4waam", "experiments"])
    with pytest.raises(SystemExit) as left:
        main.main()
    return left.value.code


def test_the_command_asks_dvc(monkeypatch, capsys, tmp_path: Path) -> None:
    """Without a terminal, and where there is no repository of DVC."""
    monkeypatch.chdir(tmp_path)
    assert "error: dvc.yaml: there is no such file" in run(monkeypatch)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    said = run(monkeypatch)
    assert said.startswith("error: dvc exp show --json: you are not inside of a DVC repository")
    assert "\n" not in said
    assert capsys.readouterr().out == ""
