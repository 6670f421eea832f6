"""What the report says of the ablations: sentences with a branch for each way they may come out.

An ablation that was not run on the table has no sentence.
"""

import pandas as pd

from llm4waam.decisions.prior_knowledge import GUESSES
from llm4waam.encoders.families import FAMILIES
from llm4waam.evaluation.assessment import FORMULAS
from llm4waam.evaluation.metrics import HEADLINES
from llm4waam.plotting.pages import number
from llm4waam.plotting.style import title
from llm4waam.reporting.report_sources import Sources
from llm4waam.reporting.report_words import Words


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


SEED_NOISE, STACKED = "trainer_with_another_seed", "stacked"
STEPS = 2  # of parity that are named at most,
LEAST = 0.1  # and the share of the first difference that one must take away


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


def more_beads(words: Words, sources: Sources) -> list[str]:
    """What more training beads do to the best encoder and to the best baseline."""
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
