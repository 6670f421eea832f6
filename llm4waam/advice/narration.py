"""What is known of one bead, in short sentences of English or Korean.

`tell` writes them by what they are about: what is expected, the numbers, the reasons, doubts, and
what to change. `narrate` puts them together as paragraphs, in which no sentence takes back what one
before it advised. The words stand in words.yaml; a `Writer` fills them in.
"""

import math
from dataclasses import dataclass, field
from itertools import pairwise

from llm4waam.advice.findings import Findings
from llm4waam.advice.rules import BrokenRule
from llm4waam.advice.settings import Language
from llm4waam.advice.shapley import Attribution
from llm4waam.advice.wording import words
from llm4waam.advice.writer import Writer
from llm4waam.card.card import Card
from llm4waam.card.quantities import format_number
from llm4waam.inference.predictor import indispensable

REASONS = 3  # the fields that do most; more would not be read
LEAST = 0.1  # a contribution to the logit that is worth a word: 10 % of the odds
EXTREME = 100  # an odds ratio beyond which its digits say nothing
RULES = 2  # the first of the broken rules


@dataclass(frozen=True)
class Narration:
    """What is said of one bead in one language, part by part, each a finished sentence.

    `expectation` is what is expected of the bead, `numbers` are the regressions, `reasons` at most
    REASONS fields, and `doubts` what rules say, what is not known and what cannot be ranked.
    `do_this` is the advised change, or why nothing is advised; `doubts_after` are about the changed
    bead, `promise` is what the change should bring and brought elsewhere, `numbers_after` the
    regressions then, `others` are other changes. A part is empty where there is nothing to say.
    `reliable` is False outside the applicability domain: `do_this` says so.
    """

    expectation: str = ""
    numbers: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    do_this: str = ""
    doubts_after: list[str] = field(default_factory=list)
    promise: list[str] = field(default_factory=list)
    numbers_after: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    reliable: bool = True

    def text(self) -> str:
        """All of it, a paragraph a line; a doubt about a change or a number stands before it."""
        known = [[self.expectation, *self.numbers], self.reasons, self.doubts]
        change = [*self.doubts_after, self.do_this, *self.promise, *self.numbers_after]
        parts = [*known, change] if self.reliable else [change, *known]
        paragraphs = [" ".join(filter(None, part)) for part in (*parts, self.others)]
        return "\n".join(filter(None, paragraphs))


def tell(findings: Findings, card: Card, language: Language) -> Narration:
    """What is said of one bead; reasons and advice where the findings have them."""
    writer = Writer(card, language)
    aimless = not findings.normal  # nothing is called good: the models say no more
    parts = {
        "expectation": _labels(writer, findings) if aimless else _expectation(writer, findings),
        "numbers": _numbers(writer, findings),
        "reasons": [] if aimless else _reasons(writer, findings),
        "doubts": _missing(writer, findings) if aimless else _doubts(writer, findings),
        "do_this": do_this(writer, findings),
        "doubts_after": _doubts_after(writer, findings),
        "promise": _promise(writer, findings),
        "numbers_after": _numbers_after(writer, findings),
        "others": _others(writer, findings),
    }
    finished = {
        name: _finished(part) if isinstance(part, str) else [_finished(one) for one in part]
        for name, part in parts.items()
    }
    return Narration(**finished, reliable=not findings.outside)


def narrate(findings: Findings, card: Card, language: Language) -> str:
    """All that `tell` says as one text of a few paragraphs, each a line."""
    return tell(findings, card, language).text()


def _finished(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _expectation(writer: Writer, findings: Findings) -> str:
    p, good = writer.share(findings.chance), writer.good(findings)
    defects, known = findings.defects, findings.normal in words()["good"]
    own = writer.name("labels", findings.normal) if known else f'"{findings.normal}"'
    label = writer.labels(defects) if defects else own
    if findings.models_disagree:
        key = "models_disagree" if defects else "models_disagree_normal"
    elif defects:
        key = "defect"
    else:
        key = "normal" if findings.thinks_normal else "not_normal"
    return writer.say(key, p=p, good=good, label=label)


def _labels(writer: Writer, findings: Findings) -> str:
    """What is expected where nothing is called good."""
    return writer.say("labelled", label=writer.labels(findings.named)) if findings.named else ""


def _missing(writer: Writer, findings: Findings) -> list[str]:
    names = [writer.name("fields", name) for name in findings.missing]
    return [writer.say("unknown", fields=writer.join(names))] if names else []


def _numbers(writer: Writer, findings: Findings) -> list[str]:
    """The values of the regressions, and which are not given for want of a field."""
    said, not_given = [], []
    ranged = [name.removesuffix("_low") for name in findings.answer.index if name.endswith("_low")]
    for target in ranged:
        values = [findings.answer[f"{target}{end}"] for end in ("", "_low", "_high")]
        if math.isnan(values[0]):
            not_given.append(_not_given(writer, findings, target))
        if any(math.isnan(one) for one in values):
            continue
        facts = {
            "target": writer.name("targets", target),
            "v": writer.value(target, values[0]),
            "ends": writer.value(target, *values[1:]),
            "coverage": "90 %",
        }
        by_formula = findings.answer.get(f"{target}_formula", math.nan)
        if not math.isnan(by_formula):
            facts["f"] = writer.value(target, by_formula)
        said.append(writer.say("number_formula" if "f" in facts else "number", **facts))
    return [*said, *not_given]


def _not_given(writer: Writer, findings: Findings, target: str) -> str:
    card = writer.card
    [task] = [name for name, one in card.tasks.items() if one.columns == [target]]
    lacks = [name for name in indispensable(card, task) if name in findings.missing]
    fields = writer.join([writer.name("fields", name) for name in lacks])
    return writer.say("not_given", target=writer.name("targets", target), fields=fields)


def main_reasons(findings: Findings) -> list[str]:
    """The fields that do most, the greatest first; none where nobody should trust them."""
    if findings.attribution is None or findings.outside:
        return []
    sizes = findings.attribution.values.abs()
    return list(sizes[sizes >= LEAST].sort_values(ascending=False).index[:REASONS])


def _reasons(writer: Writer, findings: Findings) -> list[str]:
    good, said = writer.good(findings), []
    for name in main_reasons(findings):
        value = findings.attribution.values[name]
        told = writer.name("fields", name)
        if findings.bead.isna()[name]:
            told = writer.say("unknown_field", field=told)
        elif name not in writer.card.named("note"):
            told = writer.say("known", field=told, v=writer.value(name, findings.bead[name]))
        key = "reason_up" if value > 0 else "reason_down"
        said.append(writer.say(key, field=told, x=_ratio(writer, value), good=good))
    return [writer.say("compared", reason=said[0]), *said[1:]] if said else []


def _ratio(writer: Writer, value: float) -> str:
    """The odds ratio of a contribution to the logit; beyond EXTREME only which way."""
    ratio = math.exp(value)
    if ratio > EXTREME:
        return writer.say("ratio_above", x=f"{EXTREME}")
    if ratio < 1 / EXTREME:
        return writer.say("ratio_below", x=f"{1 / EXTREME:g}")
    return format_number(ratio, 2)


def tied_reasons(attribution: Attribution, names: list[str]) -> list[str]:
    """Of fields in the order of what they do, those that cannot be told from their neighbour.

    Two differ where what they do differs by more than two standard errors of the difference.
    """
    sizes, errors = attribution.values.abs(), attribution.errors
    tied = set()
    for one, other in pairwise(names):
        if sizes[one] - sizes[other] < 2 * math.hypot(errors[one], errors[other]):
            tied |= {one, other}
    return [name for name in names if name in tied]


def _doubts(writer: Writer, findings: Findings) -> list[str]:
    """Models that doubt a good bead, tied reasons, what rules say, and fields without a value."""
    said, chance = [], findings.advice.chance
    if findings.reason == "normal" and chance is not None and chance < findings.bar:
        said.append(writer.say("together", p=writer.share(chance)))
    if main := main_reasons(findings):
        tied = [writer.name("fields", name) for name in tied_reasons(findings.attribution, main)]
        said += [writer.say("tied", fields=writer.join(tied))] if tied else []
    return said + _rules(writer, findings) + _missing(writer, findings)


def _rules(writer: Writer, findings: Findings) -> list[str]:
    """What the rules point to: they agree only on a defect that the model names."""
    first, named = findings.rules[:RULES], findings.defects
    shared = [one for one in findings.rules if one.leads_to in named][:RULES]
    if shared:
        rest = [one for one in first if one not in shared][: RULES - len(shared)]
        parts = [_pointing(writer, "agree", shared)]
        return parts + ([_pointing(writer, "also", rest)] if rest else [])
    if first:
        # Where the models say neither defect nor normal, there is nothing to disagree with.
        neither = findings.models_disagree and not named
        return [_pointing(writer, "point" if neither else "disagree", first)]
    return [] if findings.thinks_normal else [writer.say("silent")]


def _pointing(writer: Writer, key: str, rules: list[BrokenRule]) -> str:
    defects = list(dict.fromkeys(one.leads_to for one in rules))
    return writer.say(key, parts=_list_rules(writer, rules), label=writer.labels(defects))


def _list_rules(writer: Writer, rules: list[BrokenRule]) -> str:
    """What each of the rules says, and by which quantity and limit."""
    parts = []
    for one in rules:
        v, limit = writer.value(one.field, one.value), writer.value(one.field, one.limit)
        rule, name = writer.name("rules", one.rule), writer.name("fields", one.field)
        parts.append(writer.say(f"rule_{one.side}", rule=rule, field=name, v=v, limit=limit))
    return writer.join(parts)


def do_this(writer: Writer, findings: Findings) -> str:
    """The advised change, or why there is none, in one sentence; "" where none was looked for."""
    reason = findings.reason
    if reason == "outside":
        return _outside(writer, findings)
    if reason in ("normal", "doubtful", "none"):
        key = "met" if reason == "normal" else reason
        bar, label = writer.share(findings.bar), writer.labels(findings.defects)
        return writer.say(key, bar=bar, label=label, good=writer.good(findings))
    if reason == "aimless":
        return writer.say("aimless")
    if reason == "best":
        p = writer.share(findings.advice.chance)
        return writer.say("best", p=p, good=writer.good(findings))
    if reason:
        return writer.say("no_control")
    if not findings.advice.moves:
        return ""
    careful = findings.rules_after or findings.defects_after
    moves = writer.moves(findings.advice.moves)
    return writer.say("change_careful" if careful else "change", parts=moves)


def _doubts_after(writer: Writer, findings: Findings) -> list[str]:
    """What the rules of thumb and the encoder say against the changed bead."""
    said = []
    if findings.reason or not findings.advice.moves:
        return said
    if findings.rules_after:
        said.append(writer.say("after", parts=_list_rules(writer, findings.rules_after[:RULES])))
    if findings.defects_after:
        label = writer.labels(findings.defects_after)
        said.append(writer.say("models_disagree_after", label=label))
    return said


def _promise(writer: Writer, findings: Findings) -> list[str]:
    """What the change should bring, and what came of such changes."""
    if not findings.advice.changes or findings.reason:
        return []
    before, after = findings.advice.chance, findings.advice.changes[0].chance
    shares = {"before": writer.share(before), "after": writer.share(after)}
    said = [writer.say("chance", good=writer.good(findings), **shares)]
    if findings.record:
        beads, share = findings.record
        said.append(writer.say("record", beads=f"{beads}", in_100=f"{100 * share:.0f}"))
    return said


def _numbers_after(writer: Writer, findings: Findings) -> list[str]:
    """The heat input after the change."""
    heat = findings.after.get("heat_input_j_mm")
    if heat is None or findings.reason:
        return []
    value, target = writer.value("heat_input_j_mm", heat), writer.name("targets", "heat_input_j_mm")
    return [writer.say("heat_after", target=target, v=value)]


def _others(writer: Writer, findings: Findings) -> list[str]:
    """The other changes that are offered."""
    if findings.reason:
        return []
    return [writer.other(change) for change in findings.advice.changes[1:]]


def _outside(writer: Writer, findings: Findings) -> str:
    """Why nothing is advised: fields beyond the training data, or the distance from it."""
    parts = []
    for number, (name, value, known) in enumerate(findings.outside, start=1):
        named = writer.name("fields", name) if name else words()["distance"][writer.language]
        then = number < len(findings.outside)
        if not known:
            parts.append(writer.say("outside_unknown", then=then, field=named))
            continue
        v = writer.value(name, value) if name else str(value)
        if isinstance(known, tuple):
            key, ends = "outside_range", {"ends": writer.value(name, *known)}
        else:
            key, ends = "outside_word" if name else "outside_far", {"known": known}
        told = writer.say("known", field=named, v=v)
        parts.append(writer.say(key, then=then, field=told, v=v, **ends))
    return writer.say("outside", parts=writer.join(parts))
