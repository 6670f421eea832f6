"""The sentences that the report opens with: what came out, with its numbers and intervals.

Each is made of what stages wrote, at the time of writing the page, with a branch for each way it
may come out; one that a table has nothing for is left out.
"""

from collections.abc import Mapping

import pandas as pd

from llm4waam.decisions.confidence import COMPLETE
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import class_names, file_key
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import number, signed
from llm4waam.reporting.report_sources import Sources
from llm4waam.reporting.report_words import Words, share
from llm4waam.splits.tasks import Task

MOST = 0.75  # of the beads with a label: above, a model finds most of them
FEW = 10  # beads of a label, of which little can be said
BAND = (0.7, 0.9)  # "it says 80 %"


def answer(words: Words, sources: Sources) -> list[str]:
    """The sentences that the page opens with."""
    found = [
        *_judged(words, sources),
        *_labels(words, sources),
        *_against(words, sources),
        *_formula(words, sources),
        *_trust(words, sources),
    ]
    return [one for one in found if one]


def _judged(words: Words, sources: Sources) -> list[str]:
    name = first_of(sources, "binary", "multi_class")
    if name is None:
        return []
    best, found = sources.summary[name]["best_encoder"], sources.metrics[name]
    guess, scores = found.get("majority"), found[best]["oof"] if best else {}
    if guess is None or scores.get("accuracy") is None:
        return []
    labels = guess["per_label"]
    commonest = max(labels, key=lambda label: labels[label]["recall"] or 0)
    ends = scores["interval"]
    others = [
        words.say("answer", "other_encoder", model=words.name(one), percent=share(accuracy))
        for one in sources.encoders
        if one != best and (accuracy := found[one]["oof"].get("accuracy")) is not None
    ]
    draws = drawn_anew(sources, name, best)
    if draws is not None:
        told = {"draws": int(draws["draws"])}
        told["range"] = words.shares(draws["lowest"], draws["highest"])
        others.append(words.say("answer", "judged_anew", **told))
    hold_out = found[best]["hold_out"].get("accuracy")
    if hold_out is not None:
        others.append(words.say("answer", "judged_hold_out", percent=share(hold_out)))
    return [
        words.say(
            "answer",
            "judged" if ends["low"] > guess["oof"]["accuracy"] else "judged_not",
            task=words.task(name),
            one=words.name(best),
            percent=share(scores["accuracy"]),
            beads=sum(one["support"] for one in labels.values()),
            range=words.shares(ends["low"], ends["high"]),
            others="".join(others),
            guess=words.name(commonest),
            guess_percent=share(guess["oof"]["accuracy"]),
        )
    ]


def drawn_anew(sources: Sources, task: str, model: str) -> pd.Series | None:
    """The row of the ablation `splits` of a model out of fold; None where it was not run."""
    table = sources.ablations.get("spread")
    if table is None:
        return None
    rows = table[(table["task"] == task) & (table["model"] == model) & (table["role"] == "oof")]
    return None if rows.empty else rows.iloc[0]


def found_labels(task: Task, metrics: Mapping, model: str) -> dict[str, tuple[int, int]]:
    """Label -> (beads of it that the model found, beads of it), out of fold."""
    labels = {
        file_key(name): metrics[model]["per_label"][file_key(name)] for name in class_names(task)
    }
    return {
        label: (round((one["recall"] or 0) * one["support"]), one["support"])
        for label, one in labels.items()
        if one["support"]
    }


def how_found(count: int, beads: int) -> str:
    """`most`, `part` or `none` of the beads of a label."""
    return "none" if count == 0 else "most" if count >= MOST * beads else "part"


def _labels(words: Words, sources: Sources) -> list[str]:
    name = first_of(sources, "multi_label", "multi_class")
    if name is None or not sources.summary[name]["best_encoder"]:
        return []
    task, best = sources.tasks[name], sources.summary[name]["best_encoder"]
    found = found_labels(task, sources.metrics[name], best)
    good = file_key(task.exclusive or "")
    parts: dict[str, list[str]] = {"most": [], "part": [], "none": []}
    for label, (count, beads) in found.items():
        if label != good:
            told = {"label": words.name(label), "count": count, "all": beads}
            parts[how_found(count, beads)].append(words.say("answer", "label", **told))
    said = [
        words.say("answer", f"labels_{key}", labels=words.listed(labels))
        for key, labels in parts.items()
        if labels
    ]
    joined = words.say("answer", "labels_joined").join(said)
    return [words.say("answer", "labels", parts=joined)] if said else []


def _against(words: Words, sources: Sources) -> list[str]:
    pairs = {}
    for name in sources.tasks:
        pair = sources.comparisons[name].get(f"{sources.summary[name]['best_encoder']}_vs_baseline")
        if pair is not None and pair["verdict"] is not None:
            pairs[name] = pair
    if not pairs:
        return []
    said = [pair["verdict"] for pair in pairs.values()]
    better = [name for name, pair in pairs.items() if pair["verdict"] == BETTER]
    shown = max(better or pairs, key=lambda name: _in_widths(pairs[name]))
    first = first_of(sources, "binary", "multi_class")
    shown = first if not better and first in pairs else shown
    pair = pairs[shown]
    return [
        words.say(
            "answer",
            "against_better" if better else "against_untold",
            better=len(better),
            worse=said.count(WORSE),
            count=len(pairs),
            task=words.name(shown),
            signed=signed(pair["difference"]),
            other=words.name(pair["other"]),
            range=words.range(pair["difference_low"], pair["difference_high"]),
        )
    ]


def _in_widths(pair: Mapping) -> float:
    """A difference in half widths of its interval: how clear it is, whatever its unit."""
    wide = pair["difference_high"] - pair["difference_low"]
    return pair["difference"] / wide if wide else 0.0


def _formula(words: Words, sources: Sources) -> list[str]:
    names = [name for name, task in sources.tasks.items() if task.kind == "regression"]
    pairs = {}
    for name in names:
        best, found = sources.summary[name]["best_encoder"], sources.comparisons[name]
        for key in (f"{best}_vs_formula", f"{best}_vs_baseline"):
            formula = found.get(key, {}).get("other") == FORMULAS["pre_weld"]
            if found.get(key) and found[key]["verdict"] and (formula or key.endswith("baseline")):
                pairs[name] = found[key]
                break
    said = []
    kinds = {WORSE: "worse", BETTER: "better", UNTOLD: "chance"}
    for verdict, told in kinds.items():
        for closed in (True, False):
            of = {n: p for n, p in pairs.items() if p["verdict"] == verdict}
            of = {n: p for n, p in of.items() if (p["other"] == FORMULAS["pre_weld"]) == closed}
            if not of:
                continue
            shown = min(of, key=lambda name: _in_widths(of[name]))
            pair = of[shown]
            scores, others = (
                ", ".join(number(sources.metrics[n][p[who]]["oof"]["r2"]) for n, p in of.items())
                for who in ("one", "other")
            )
            tasks = words.listed(map(words.name, of))
            said.append(
                words.say(
                    "answer",
                    f"{'' if closed else 'no_'}formula_{told}",
                    tasks=tasks[:1].upper() + tasks[1:],
                    task=words.name(shown) if len(of) > 1 else words.say("answer", "difference"),
                    other=words.name(pair["other"]),
                    scores=scores,
                    formulas=others,
                    signed=signed(pair["difference"]),
                    range=words.range(pair["difference_low"], pair["difference_high"]),
                )
            )
    return [" ".join(said)] if said else []


def _trust(words: Words, sources: Sources) -> list[str]:
    name = first_of(sources, "binary")
    if name is None or not sources.summary[name]["best_encoder"]:
        return []
    best = sources.summary[name]["best_encoder"]
    band = band_row(sources, name, best, "oof", BAND[0])
    losses = hold_out_losses(sources, name, best)
    if band is None or None in losses:
        return []
    held = band_row(sources, name, best, "hold_out", BAND[0])
    hold_out = ""
    if held is not None and held["statements"]:
        told = {"count": held["came_true"], "all": held["statements"]}
        hold_out = words.say("answer", "trust_hold_out", **told)
    less, kind = losses[0] >= losses[1], words.name(file_key(sources.tasks[name].classes[1]))
    told = {}
    if band["statements"]:
        told = {"all": band["statements"], "count": band["came_true"]}
        told["range"] = words.shares(band["low"], band["high"])
    return [
        words.say(
            "answer",
            "trust" if told else "trust_untested",
            **told,
            band=words.shares(*BAND),
            hold_out=hold_out,
            worth=words.say("answer", "worth_less" if less else "worth_more", **{"class": kind}),
            loss=number(losses[0]),
            base=number(losses[1]),
            advice=words.say("answer", "do_not_trust" if less or not told else "trust_roughly"),
            **{"class": kind},
        )
    ]


def hold_out_losses(sources: Sources, task: str, model: str) -> list[float | None]:
    """Log-losses on the hold-out: of a model's calibrated probabilities, and of class shares."""
    own = sources.incomplete.get(model, {}).get(task, {}).get("hold_out", {}).get(COMPLETE, {})
    guess = sources.metrics[task].get("majority", {}).get("hold_out", {})
    return [own.get("log_loss"), guess.get("log_loss")]


def band_row(sources: Sources, task: str, model: str, role: str, least: float) -> pd.Series | None:
    """The row of plots/results/came_true.csv of the band above `least`."""
    table = sources.came_true
    rows = table[(table["task"] == task) & (table["model"] == model) & (table["role"] == role)]
    rows = rows[rows["least"] == least]
    return None if rows.empty else rows.iloc[0]


def first_of(sources: Sources, *kinds: str) -> str | None:
    """The first task of the kinds, in the order of the kinds."""
    return next((n for k in kinds for n, t in sources.tasks.items() if t.kind == k), None)
