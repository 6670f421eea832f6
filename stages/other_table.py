"""Stage `other-table`: the study on a table of other people, with cells and with groups apart.

`python -m stages.other_table NAME`, for a name of the section `other_tables` of params.yaml. The
stages from `clean` to `evaluate` run in a folder of their own, so that nothing of this study is
touched. `llm4waam fetch NAME` brings the raw table, which git does not hold.
"""

import contextlib
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict

from llm4waam.card.card import CELL, read_card
from llm4waam.core.errors import StudyError, require_file
from llm4waam.core.files import fingerprint, read_table, write_metrics, write_text
from llm4waam.core.settings import PARAMS_FILE, OtherTable, Params, read_params
from llm4waam.core.stage import run_stage
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import between, probability
from llm4waam.plotting.style import title
from llm4waam.reporting.other_table import other_table_page
from stages import baselines, clean, evaluate, serialize_to_text, split, train

METRICS, PLOTS = Path("metrics/other_tables"), Path("plots/other_tables")
RAW, ENCODERS = Path("data/raw"), Path("data/encoders")
VERDICTS = {
    BETTER: "the encoder is better",
    WORSE: "the encoder is worse",
    UNTOLD: "it cannot be told which is better",
}


class OtherTables(BaseModel):
    """The section of params.yaml that this stage reads."""

    model_config = ConfigDict(extra="ignore")

    other_tables: dict[str, OtherTable]


def main(name: str) -> None:
    """Run the table by cells and by groups; write the scores of every model side by side."""
    tables = read_params(OtherTables).other_tables
    if name not in tables:
        expected = ", ".join(tables)
        raise StudyError(PARAMS_FILE, "no such other table", value=name, expected=expected)
    table, raw = tables[name], yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))
    runs = table.runs(name, raw)
    file = RAW / f"{name}.{runs[CELL]['dataset_format']}"
    require_file(file, f"the outcome of llm4waam fetch {name}")
    found = {by: _run(name, file, one) for by, one in runs.items()}
    card = read_card(RAW / f"{name}.yaml")
    metrics = {by: metrics for by, (_, metrics) in found.items()}
    write_metrics(METRICS / f"{name}.json", {"raw_table": fingerprint(file), "by": metrics})
    rows = pd.concat([results.assign(by=by) for by, (results, _) in found.items()])
    page = other_table_page(card.title, rows, metrics, simulated=card.simulated)
    said = [line for by, run in metrics.items() for line in _verdicts(by, run["comparisons"])]
    write_text(PLOTS / f"{name}.md", page + "\n" + "".join(f"- {line}\n" for line in said))
    logging.info("see %s", PLOTS / f"{name}.md")


def _verdicts(by: str, comparisons: Mapping[str, dict]) -> Iterator[str]:
    """Each encoder against the best baseline of the same run."""
    for task, pairs in comparisons.items():
        for key, pair in pairs.items():
            if key.endswith("_vs_baseline") and pair["p_holm"] is not None:
                names = f"{title(pair['one'])} minus {title(pair['other'])}"
                gap = [pair[f"difference{end}"] for end in ("", "_low", "_high")]
                yield (
                    f"{title(task).capitalize()}, by {by.replace('_', ' ')}: {names}: "
                    f"{between(*gap)}, p {pair['p_holm']:.3f} after Holm's correction: "
                    f"{VERDICTS[pair['verdict']]}. By folds (corrected t) p is "
                    f"{probability(pair['p_corrected_t'])}."
                )


def _run(name: str, file: Path, settings: dict) -> tuple[pd.DataFrame, dict]:
    """The table of results of one run, and what its file of metrics says."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / RAW).mkdir(parents=True)
        for one in (file, RAW / f"{name}.yaml"):
            shutil.copy(one, place / one)
        shutil.copytree(ENCODERS, place / ENCODERS)
        (place / PARAMS_FILE).write_text(yaml.safe_dump(settings), encoding="utf-8")
        with contextlib.chdir(place):
            params = read_params(Params)
            clean.main()
            split.main()
            serialize_to_text.main()
            for task in params.tasks:
                for encoder in ("bert", "roberta"):
                    train.main(encoder, task)
                baselines.main(task)
            evaluate.main()
            results = read_table(Path("plots/results/results.csv"))
            told = json.loads(Path("metrics/split.json").read_text(encoding="utf-8"))
            cleaned = json.loads(Path("metrics/clean.json").read_text(encoding="utf-8"))
            pairs = json.loads(Path("metrics/comparisons.json").read_text(encoding="utf-8"))
    scores: dict = {}
    for row in results.to_dict("records"):
        kept = ("metric", "score", "low", "high", "hold_out")
        values = {key: None if pd.isna(row[key]) else row[key] for key in kept}
        scores.setdefault(row["task"], {})[row["model"]] = values
    counts = {key: cleaned[key] for key in ("rows", "beads", "cells")}
    counts |= {"kept_together": told["kept_together"]}
    return results, {**counts, "scores": scores, "comparisons": pairs}


if __name__ == "__main__":
    run_stage(main, *sys.argv[1:])
