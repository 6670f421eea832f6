"""What the report says of its numbers: sentences with a branch for each way it may come out.

Every sentence is made of what stages wrote, at the time of writing the page. A comparison that was
not made, or an ablation that was not run, has no sentence.
"""

from collections.abc import Mapping

import pandas as pd

from llm4waam.decisions.prior_knowledge import GUESSES
from llm4waam.encoders.families import FAMILIES, family_pairs
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES, file_key
from llm4waam.evaluation.significance import BETTER, UNTOLD, WORSE
from llm4waam.plotting.pages import number, probability, signed
from llm4waam.plotting.style import title
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


def leak(words: Words, sources: Sources) -> list[str]:
    """What the published protocol does to the encoder and to one that only looks beads up."""
    table, said, gains = sources.ablations["protocols"], [], []
    for name in sources.tasks:
        headline = HEADLINES[sources.tasks[name].kind]
        part = table[(table["task"] == name) & (table["metric"] == headline)]
        score = part.set_index(["variation", "model"])["score"].to_dict()
        best = sources.summary[name]["best_encoder"]
        last = next((v for v in ("paid", "selected", "rows") if (v, best) in score), None)
        probe = next((v for v in ("paid", "rows") if (v, PROBE) in score), None)
        needed = [("grouped", best), (last, best), ("grouped", PROBE), (probe, PROBE)]
        if any(key not in score or pd.isna(score[key]) for key in needed):
            continue
        before, after, probe_before, probe_after = (score[key] for key in needed)
        gains.append((probe_after - probe_before) - (after - before))
        if not said:  # of the first task alone: the figure shows all
            said.append(
                words.say(
                    "findings",
                    "leak",
                    task=words.name(name),
                    metric=words.name(headline),
                    model=words.name(best),
                    before=number(before),
                    after=number(after),
                    probe_before=number(probe_before),
                    probe_after=number(probe_after),
                )
            )
    if said:
        said.append(words.say("findings", "leak_less" if min(gains) > 0 else "leak_more"))
    return said


def best_baselines(table: pd.DataFrame) -> dict[tuple[str, str], tuple[str, float]]:
    """(variation, task) -> the baseline with the highest headline there, and its score.

    `table` is that of an ablation; a formula that is given measured values is none of them.
    """
    rows = table[table["metric"].isin(HEADLINES.values()) & table["score"].notna()]
    rows = rows[~rows["model"].isin([*FAMILIES, FORMULAS["post_weld"]])]
    rows = rows.sort_values("score", ascending=False, kind="stable")
    rows = rows.drop_duplicates(["variation", "task"])
    return {(one.variation, one.task): (one.model, one.score) for one in rows.itertuples()}


def group_left_out(words: Words, sources: Sources) -> list[str]:
    """What the best encoder is worth on beads of a group that it never saw, in the first task."""
    table = sources.ablations.get("protocols")
    if table is None:
        return []
    name = next(iter(sources.tasks))
    model, headline = sources.summary[name]["best_encoder"], HEADLINES[sources.tasks[name].kind]
    rows = table[(table["task"] == name) & (table["metric"] == headline)]
    score = rows.set_index(["variation", "model"])["score"].to_dict()
    new = next((key for key in rows["variation"] if key.startswith("without_")), None)
    own = [score.get((variation, model)) for variation in ("grouped", new)]
    other = best_baselines(rows).get((new, name))
    if other is None or any(one is None or pd.isna(one) for one in own):
        return []
    return [
        words.say(
            "findings",
            "left_out",
            left=words.title(rows.set_index("variation").loc[[new], "title"].iloc[0]),
            task=words.name(name),
            metric=words.name(headline),
            model=words.name(model),
            before=number(own[0]),
            after=number(own[1]),
            other=words.name(other[0]),
            other_score=number(other[1]),
        )
    ]


PROBE = "nearest_neighbour"  # it looks beads up, and so shows a leak
SEED_NOISE, STACKED = "trainer_with_another_seed", "stacked"
STEPS, LEAST = (
    2,
    0.1,
)  # how many steps of parity are named, and from which share of the first gap on


def parity(words: Words, sources: Sources) -> list[str]:
    """Of each task: how far the loop was from Trainer, what brought it near, and what is left."""
    table, said = sources.ablations["parity"], []
    for task, part in table.groupby("task", sort=False):
        means = part.groupby("step", sort=False)["max_logit_difference"].mean()
        steps = means.drop([SEED_NOISE, STACKED], errors="ignore")
        if SEED_NOISE not in means or len(steps) < 2:
            continue
        drops = -steps.diff()
        drops = drops[drops >= LEAST * steps.iloc[0]].nlargest(STEPS)
        most = [step for step in steps.index if step in drops.index]
        if not most:
            continue
        named = [words.title(f"+ {title(step)}").removeprefix("+ ") for step in most]
        last, beyond = steps.iloc[-1], steps.iloc[0] > means[SEED_NOISE]
        said.append(
            words.say(
                "findings",
                "parity",
                task=words.task(task),
                first=_short(steps.iloc[0]),
                noise=_short(means[SEED_NOISE]),
                more=words.say("findings", "parity_more" if beyond else "parity_less"),
                steps=words.listed(f"“{one}”" for one in named),
                last=words.say(
                    "findings", "same_bits" if last == 0 else "still_apart", last=_short(last)
                ),
            )
        )
        if STACKED in means:
            together = _short(means[STACKED])
            said[-1] += " " + words.say("findings", "parity_stacked", stacked=together)
    return said


def _short(value: float) -> str:
    """A difference of logits, which may be a millionth: two digits."""
    return f"{value:.2g}"


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
    return said + _more_beads(words, sources)


def _more_beads(words: Words, sources: Sources) -> list[str]:
    table = sources.ablations.get("samples")
    name = (
        None if table is None else next((n for n in sources.tasks if n in set(table["task"])), None)
    )
    if name is None or not sources.summary[name]["best_encoder"]:
        return []
    model, headline = sources.summary[name]["best_encoder"], HEADLINES[sources.tasks[name].kind]
    rows = table[(table["task"] == name) & (table["model"] == model)]
    rows = rows[(rows["metric"] == headline) & rows["score"].notna()]
    if len(rows) < 2:
        return []
    two = rows["variation"].iloc[-2:].tolist()
    sizes = [key.rpartition("_")[2] for key in two]
    before, after = rows["score"].iloc[-2:]
    best = best_baselines(table)
    others = [best.get((variation, name)) for variation in two]
    said = words.say(
        "findings",
        "more_beads",
        fewer=sizes[0],
        more=sizes[1],
        model=words.name(model),
        before=number(before),
        after=number(after),
        task=words.name(name),
        metric=words.name(headline),
    )
    if None not in others:
        scores = {"before": number(others[0][1]), "after": number(others[1][1])}
        said += " " + words.say("findings", "more_beads_baseline", **scores)
    return [said]


def ladder(words: Words, sources: Sources) -> list[str]:
    """Which rung of the ladder does most for the first task, beside the control and a guess."""
    table = sources.ablations.get("ladder")
    if table is None:
        return []
    name, model = next(iter(sources.tasks)), sources.encoders[0]
    rows = table[(table["task"] == name) & (table["model"] == model)]
    rows = rows[rows["metric"] == HEADLINES[sources.tasks[name].kind]]
    rungs, control = rows[rows["group"] == "ladder"], rows[rows["variation"] == "shuffled_labels"]
    guess = next((sources.metrics[name][g] for g in GUESSES if g in sources.metrics[name]), None)
    rise = rungs["score"].diff()
    if len(rungs) < 2 or control.empty or guess is None or rise.isna().all():
        return []
    best = rungs.loc[rise.idxmax()]
    return [
        words.say(
            "findings",
            "ladder",
            task=words.task(name),
            model=words.name(model),
            idea=words.title(best["title"]).removeprefix("+ "),
            before=number(best["score"] - rise.max()),
            after=number(best["score"]),
            control=number(control["score"].iloc[0]),
            guess=number(guess["oof"][HEADLINES[sources.tasks[name].kind]]),
        )
    ]


def losses(words: Words, sources: Sources) -> list[str]:
    """Where the study's own loss stands among all losses, task by task."""
    table, said = sources.ablations.get("losses"), []
    for name in sources.tasks if table is not None else ():
        rows = own_losses(table, sources, name)
        own = rows[rows["own"]]
        if own.empty or len(rows) < 2:
            continue
        place, best = int(own.index[0]), rows.iloc[0]
        told = words.say(
            "findings",
            "losses",
            task=words.task(name),
            loss=own["title"].iloc[0],
            rank=place + 1,
            count=len(rows),
            score=number(own["score"].iloc[0]),
            best=best["title"],
            best_score=number(best["score"]),
        )
        if place:
            behind = own["high"].iloc[0] < best["low"]
            told += " " + words.say("findings", "losses_behind" if behind else "losses_untold")
        said.append(told)
    return said


def own_losses(table: pd.DataFrame, sources: Sources, task: str) -> pd.DataFrame:
    """The losses of a task, the best first; `own` marks that of the study."""
    headline = HEADLINES[sources.tasks[task].kind]
    rows = table[(table["task"] == task) & (table["metric"] == headline)]
    rows = rows[rows["model"].isin(FAMILIES)].sort_values("score", ascending=False, kind="stable")
    return rows.assign(own=rows["variation"] == sources.losses[task]).reset_index(drop=True)


def earned(words: Words, table: pd.DataFrame) -> str:
    """The finding of the stage `robustness`, from the differences and verdicts of its table."""
    return words.say("findings", "earns", **counted(table))


def counted(table: pd.DataFrame) -> dict[str, int]:
    """How many comparisons there are, how often the encoder is ahead, and the verdicts."""
    count, said = len(table), table["verdict"]
    better, worse = int((said == BETTER).sum()), int((said == WORSE).sum())
    ahead, untold = int((table["difference"] > 0).sum()), count - better - worse
    return {"count": count, "ahead": ahead, "better": better, "worse": worse, "untold": untold}
