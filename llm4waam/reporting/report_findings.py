"""What the report says of its numbers: sentences with a branch for each way it may come out.

Every sentence is made of what stages wrote, at the time of writing the page. A comparison that was
not made, or an ablation that was not run, has no sentence.
"""

from collections.abc import Mapping

import pandas as pd

from llm4waam.encoders.families import family_pairs
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES, file_key
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import number, probability, signed
from llm4waam.reporting.report_answer import (
    BAND,
    FEW,
    band_row,
    drawn_anew,
    first_of,
    found_labels,
)
from llm4waam.reporting.report_sources import Sources
from llm4waam.reporting.report_words import Words, share
from llm4waam.splits.tasks import Task


def verdicts(
    words: Words,
    tasks: Mapping[str, Task],
    summary: Mapping[str, dict],
    comparisons: Mapping[str, dict],
    metrics: Mapping[str, Mapping[str, dict]],
    *,
    encoders: bool,
) -> list[str]:
    """Sentences of every task: every two encoders, or the best encoder and the best baseline.

    A comparison without a p has no sentence.
    """
    keys = {
        name: family_pairs() if encoders else [f"{summary[name]['best_encoder']}_vs_baseline"]
        for name in tasks
    }
    pairs = [(name, comparisons[name].get(key)) for name in tasks for key in keys[name]]
    found = []
    for name, pair in pairs:
        if pair is None or pair["verdict"] is None:
            continue
        gap, low, high = (pair[k] for k in ("difference", "difference_low", "difference_high"))
        headline = HEADLINES[tasks[name].kind]
        scores = [metrics[name][pair[who]]["oof"][headline] for who in ("one", "other")]
        if encoders:
            said = "encoders_chance" if pair["verdict"] == UNTOLD else "encoders_real"
        else:
            said = {BETTER: "better", WORSE: "worse", UNTOLD: "chance"}[pair["verdict"]]
        if said == "worse":  # told as what is lost, so that the interval is one of positive numbers
            low, high = -high, -low
        found.append(
            words.say(
                "findings",
                said,
                task=words.task(name),
                metric=words.name(headline),
                one=words.name(pair["one"]),
                other=words.name(pair["other"]),
                score=number(scores[0]),
                other_score=number(scores[1]),
                gap=number(abs(gap)),
                signed=signed(gap),
                low=number(low),
                high=number(high),
                p=probability(pair["p_holm"]),
            )
        )
        formula = metrics[name].get(FORMULAS["pre_weld"])
        if not encoders and formula is not None and pair["other"] != FORMULAS["pre_weld"]:
            told = number(formula["oof"][headline])
            found[-1] += " " + words.say("findings", "formula", score=told)
    return found


def of_kind(words: Words, sources: Sources, *, regression: bool) -> list[str]:
    """The verdicts on the regressions, or on all other tasks."""
    tasks = {n: t for n, t in sources.tasks.items() if (t.kind == "regression") == regression}
    known = tasks, sources.summary, sources.comparisons, sources.metrics
    return verdicts(words, *known, encoders=False) if tasks else []


def sure(words: Words, sources: Sources) -> list[str]:
    """How often a stated chance came true, and how far another draw of the folds goes."""
    said, name = [], first_of(sources, "binary")
    best = sources.summary[name]["best_encoder"] if name else None
    bands = [
        band_row(sources, name, best, role, least) if best else None
        for role, least in (("oof", BAND[0]), ("oof", BAND[1]), ("hold_out", BAND[1]))
    ]
    if all(one is not None for one in bands):
        middle, top, hold_out = bands
        said.append(
            words.say(
                "findings",
                "trust",
                model=words.name(best),
                band=words.shares(*BAND),
                band_top=words.shares(BAND[1], 1),
                all=middle["statements"],
                count=middle["came_true"],
                all_top=top["statements"],
                count_top=top["came_true"],
                hold_all=hold_out["statements"],
                hold_count=hold_out["came_true"],
                **{"class": words.name(file_key(sources.tasks[name].classes[1]))},
            )
        )
    first = name or next(iter(sources.tasks))
    models = [sources.summary[first][f"best_{kind}"] for kind in ("encoder", "baseline")]
    draws = [drawn_anew(sources, first, model) if model else None for model in models]
    if draws[0] is not None:
        row, other = draws
        shown = {k: number(row[k]) for k in ("mean", "sd", "lowest", "highest", "study")}
        told = {"task": words.name(first), "metric": words.name(row["metric"])}
        told |= {"model": words.name(models[0]), "draws": int(row["draws"])}
        said.append(words.say("findings", "spread", **told, **shown))
        if other is not None:
            shown = {k: number(other[k]) for k in ("mean", "study")}
            said[-1] += " " + words.say(
                "findings", "spread_other", other=words.name(models[1]), **shown
            )
    return said


def advised(words: Words, sources: Sources) -> list[str]:
    """What became of advice in the simulator, what to make next, whether more beads would help."""
    said = []
    if sources.advice is not None:
        tried = sources.advice.get("advice")
        if tried and tried["advised_beads"]:
            shares = {key: share(tried[key]) for key in ("as_run", "random", "expected")}
            known = {"bad": tried["bad_beads"], "advised": tried["advised_beads"]}
            after = share(tried["advised"])
            said.append(words.say("findings", "advised", **known, **shares, after=after))
        else:
            said.append(words.say("findings", "not_advised"))
    name = first_of(sources, "multi_label", "multi_class", "binary")
    if name is not None:
        model = next(iter(sources.metrics[name]))
        found = found_labels(sources.tasks[name], sources.metrics[name], model)
        rare = [
            words.say("answer", "rare", label=words.name(label), all=beads)
            for label, (_, beads) in found.items()
            if beads < FEW
        ]
        key = "weld_next" if rare else "weld_enough"
        said.append(words.say("findings", key, few=FEW, labels=words.listed(rare) if rare else ""))
    return said


def earned(words: Words, table: pd.DataFrame) -> str:
    """The finding of the stage `robustness`, from the differences and verdicts of its table."""
    return words.say("findings", "earns", **counted(table))


def counted(table: pd.DataFrame) -> dict[str, int]:
    """How many comparisons there are, how often the encoder is ahead, and the verdicts."""
    count, said = len(table), table["verdict"]
    better, worse = int((said == BETTER).sum()), int((said == WORSE).sum())
    ahead, untold = int((table["difference"] > 0).sum()), count - better - worse
    return {"count": count, "ahead": ahead, "better": better, "worse": worse, "untold": untold}
