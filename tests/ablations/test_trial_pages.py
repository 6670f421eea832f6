"""The sweeps' tables, figures and pages, from made-up predictions."""

from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
import yaml
from made_study import CLASSIFIERS, REGRESSORS, TASKS, make_study

from llm4waam.ablations.plans import row_name
from llm4waam.ablations.trial_figures import shown_models
from llm4waam.ablations.trial_page import trial_page
from llm4waam.ablations.trial_scores import GAPS
from llm4waam.ablations.trials import tasks_of, trials_of
from llm4waam.core.files import read_table, write_table
from llm4waam.core.settings import read_params
from llm4waam.reporting.sweeps import AXES, HEADINGS, REFERENCES
from stages import nested_pages, trial_pages
from stages.check_params import AllParams

SOURCES = ("bert", "roberta", "baselines")


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up study whose sweeps, two values a curve, predict what the study itself does."""
    make_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    raw = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    raw["trials"] |= {"rates": [0.0003, 0.001], "sizes": [40, 112], "noise": [0.1, 0.3]}
    Path("params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    params = read_params(AllParams)
    for sweep in (*HEADINGS, "nested"):
        for source in SOURCES:
            own = {
                name: read_table(Path(f"data/predictions/{source}/{name}.csv")) for name in TASKS
            }
            parts = []
            for trial in trials_of(sweep, params.trials, 12):
                for name in tasks_of(sweep, params.trials):
                    rows = own[name]
                    rows = rows[(rows["role"] == "oof") & (rows["repeat"] == 0)]
                    parts.append(_as(trial.plan, rows).assign(task=name, variant=trial.key))
            write_table(Path(f"data/trials/{sweep}/{source}.csv"), pd.concat(parts))
    return tmp_path


def _as(plan: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as the plan makes them: each bead twice, or by every pair with its fold."""
    if plan == "rows":
        sides = [rows.assign(bead=[row_name(b, n) for b in rows["bead"]]) for n in (0, 1)]
        return pd.concat(sides)
    if plan == "pairs":
        pairs = [
            rows[rows["fold"].isin([j, k])].assign(fold=j * 5 + k)
            for j, k in combinations(range(5), 2)
        ]
        return pd.concat(pairs)
    return rows


@pytest.mark.usefixtures("made")
def test_every_sweep_has_a_table_a_page_and_a_figure() -> None:
    trial_pages.main()
    models = {"bert", "roberta", *CLASSIFIERS, *REGRESSORS}
    for sweep in HEADINGS:
        table = pd.read_csv(f"plots/trials/{sweep}.csv")
        assert set(table["task"]) == set(tasks_of(sweep, read_params(AllParams).trials))
        assert set(table["model"]) <= models
        assert (table["beads"] == 68).all()
        page = Path(f"plots/trials/{sweep}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {HEADINGS[sweep]}, on simulated data")
        assert "nan" not in page
        assert "simulated" not in Path(f"plots/trials/{sweep}.svg").read_text()[:100]
        if sweep in REFERENCES:
            assert table["variant"].iloc[0] == REFERENCES[sweep][0]
        assert (sweep in AXES) is table["variant"].iloc[-1].rpartition("_")[2][0].isdigit()
    page = Path("plots/trials/protocols.md").read_text(encoding="utf-8")
    # The same predictions, and so no leak: the study's second repeat is all that differs.
    table = pd.read_csv("plots/trials/protocols.csv").set_index(["task", "model", "variant"])
    own = pd.read_csv("plots/trials/rates.csv").set_index(["task", "model", "variant"])
    quality = ("quality", "bert")
    assert (
        table.loc[(*quality, "rows"), "score"] == own.loc[(*quality, "rate_0.001"), "score"]
    ).all()
    assert set(table.loc[("defects", "bert", "paid"), "metric"]) == {"micro_f1", "macro_f1"}


@pytest.mark.usefixtures("made")
def test_probabilities_and_intervals_have_their_pages() -> None:
    nested_pages.main()
    calibration = pd.read_csv("plots/trials/calibration.csv")
    assert set(calibration["task"]) == {"defects", "quality"}
    assert set(calibration["variant"]) == {"before", "after"}
    wide = calibration.pivot_table("log_loss", ["task", "model"], "variant")
    assert (wide["after"] < wide["before"] + 0.05).all()
    widths = pd.read_csv("plots/trials/intervals.csv")
    assert widths["coverage"].between(0.75, 1).all()
    for name in ("calibration", "intervals"):
        page = Path(f"plots/trials/{name}.md").read_text(encoding="utf-8")
        assert "on simulated data" in page
        assert "nan" not in page


def test_the_models_shown_are_the_encoders_and_the_best_that_knows_no_more() -> None:
    scores = {"bert": 0.8, "roberta": 0.7, "mean": 0.1, "ridge_logs": 0.9, "formula_post_weld": 1.0}
    table = pd.DataFrame({"model": list(scores), "score": list(scores.values())})
    table = table.assign(task="energy", variant="grouped", title="t", metric="r2", beads=9)
    assert shown_models(table, probe=True) == {"energy": ["bert", "roberta", "ridge_logs"]}
    probe = table.assign(model=table["model"].replace("mean", "nearest_neighbour"))
    assert shown_models(probe, probe=True)["energy"][-1] == "nearest_neighbour"
    assert shown_models(probe, probe=False)["energy"] == ["bert", "roberta", "ridge_logs"]


@pytest.mark.parametrize(
    ("gap", "low", "high", "said"),
    [
        (0.1, 0.05, 0.2, "R² 0.100 higher (95 % interval 0.050 to 0.200)."),
        (-0.1, -0.3, 0.2, "R² 0.100 lower (95 % interval -0.300 to 0.200, which holds zero)."),
        (0.0, None, None, "R² no different."),
    ],
)
def test_a_gap_is_told_in_words(gap, low, high, said: str) -> None:
    rows = pd.DataFrame({"task": ["energy"], "model": ["bert"], "variant": ["rows"]})
    rows = rows.assign(title="t", metric="r2", score=0.5, low=None, high=None, beads=9)
    gaps = pd.DataFrame([("energy", "bert", "r2", gap, low, high)], columns=GAPS)
    page = trial_page("protocols", rows, {"energy": ["bert"]}, gaps, simulated=False)
    assert f"BERT: {said}" in page
    assert "on measured data" in page
