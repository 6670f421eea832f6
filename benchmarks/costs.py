"""What a way to run final models costs in the metrics of the study."""

from collections.abc import Iterable

import pandas as pd

from benchmarks.runtimes import WAYS
from llm4waam.evaluation.metrics import HEADLINES, task_metrics
from llm4waam.inference.predictor import beads_of, load_predictor
from llm4waam.splits.tasks import known_targets
from stages.check_params import AllParams


def costs(params: AllParams, ways: Iterable[str]) -> pd.DataFrame:
    """Headlines on the hold-out beads (encoders and tasks, ways)."""
    beads, rows = beads_of("test"), {}
    for encoder in ("bert", "roberta"):
        whole = load_predictor(encoder, params.tasks, params.text, params.card_file)
        for way in ways:
            predictor = WAYS[way](whole)
            for name, task in predictor.tasks.items():
                known = known_targets(predictor.card, task, beads)
                asked = beads[beads["bead"].isin(known)]
                score = predictor.raw_scores(asked, [name])[name]
                target = pd.DataFrame([known[bead] for bead in asked["bead"]]).to_numpy()
                decision = predictor.models[name].decision
                cuts = decision.thresholds if decision else []
                metrics, _ = task_metrics(task, target, score, target * 0, cuts)
                headline = HEADLINES[task.kind]
                rows.setdefault(f"{encoder} {name} {headline}", {})[way] = metrics[headline]
    return pd.DataFrame(rows).T.round(4)
