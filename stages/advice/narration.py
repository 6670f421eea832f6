"""What the evidence on one bead means, in two to five sentences of English or Korean."""

import math
from typing import Literal

from stages.advice.doubts import doubts
from stages.advice.draft import Claim, Draft, Language
from stages.advice.evidence import Evidence
from stages.advice.writer import Writer, words
from stages.beads.card import Card
from stages.beads.numbers import format_number

REASONS = 3  # the fields that do most; more would not be read
LEAST = 0.1  # a contribution to the logit that is worth a word: 10 % of the odds


def write_draft(evidence: Evidence, card: Card, language: Language) -> Draft:
    """The draft of one bead: expectation, numbers, reasons, change, and what is in doubt."""
    writer = Writer(card, language)
    sentences, claims = [], []
    for part in (_expectation, _numbers, _reasons, _change, doubts):
        writer.claims = []
        sentence = part(writer, evidence)
        if sentence:
            sentences.append(sentence[0].upper() + sentence[1:])
            claims.append(tuple(writer.claims))
    return Draft(language, tuple(sentences), writer.slots, tuple(claims))


def _expectation(writer: Writer, evidence: Evidence) -> str:
    p = writer.share(evidence.chance)
    defects = evidence.defects
    label = writer.labels(defects or [evidence.normal])
    sure, torn = ("defect", "torn") if defects else ("normal", "torn_normal")
    key = torn if evidence.torn else sure
    writer.claims += [Claim("expectation", writer.name("labels", n)) for n in defects]
    writer.claims.append(_normal(writer, evidence, p))
    return writer.say(key, p=p, label=label)


def _normal(writer: Writer, evidence: Evidence, p: str, way: Literal["up"] | None = None) -> Claim:
    """The claim of a probability of a normal bead."""
    return Claim("expectation", writer.name("labels", evidence.normal), way, (p,))


def _numbers(writer: Writer, evidence: Evidence) -> str:
    parts = []
    for target in words()["targets"]:
        if target not in evidence.answer:
            continue
        told = [evidence.answer[f"{target}{end}"] for end in ("", "_low", "_high")]
        if any(math.isnan(one) for one in told):
            continue
        v, low, high = (writer.value(target, float(f"{one:.3g}")) for one in told)
        coverage, name = writer.slot("90 %"), writer.name("targets", target)
        writer.claims.append(Claim("certainty", name, slots=(v, low, high, coverage)))
        parts.append(writer.say("number", target=name, v=v, low=low, high=high, coverage=coverage))
    return writer.say("numbers", parts=writer.join(parts)) if parts else ""


def _reasons(writer: Writer, evidence: Evidence) -> str:
    if evidence.attribution is None or evidence.outside:
        return ""
    values = evidence.attribution.values
    most = values[values.abs() >= LEAST].abs().sort_values(ascending=False).index[:REASONS]
    parts = []
    for number, name in enumerate(most, start=1):
        direction = "up" if values[name] > 0 else "down"
        told, slots = writer.name("fields", name), ()
        spoken = told
        if evidence.bead.isna()[name]:
            told = writer.say("untold", field=spoken)
        elif name not in writer.card.named("note"):
            slots = (writer.value(name, evidence.bead[name]),)
            told = writer.say("told", field=spoken, v=slots[0])
        x = writer.slot(_ratio(values[name]))
        writer.claims.append(Claim("reason", spoken, direction, (*slots, x)))
        then = number < len(most)
        parts.append(writer.say(f"reason_{direction}", then=then, field=told, x=x))
    return writer.say("reasons", parts=writer.join(parts)) if parts else ""


def _ratio(contribution: float) -> str:
    return format_number(math.exp(contribution), 2)


def _change(writer: Writer, evidence: Evidence) -> str:
    advice = evidence.advice
    if advice.reason == "outside":
        return _outside(writer, evidence)
    if not advice.moves:
        key = {"normal": "met", "unknown": "no_control"}.get(evidence.reason, evidence.reason)
        writer.claims.append(Claim("change", writer.name("said", "change"), negated=True))
        if key == "no_control":
            return writer.say(key)
        bar = writer.share(evidence.bar)
        writer.claims.append(Claim("expectation", writer.name("said", "bar"), slots=(bar,)))
        if key != "doubtful":
            return writer.say(key, bar=bar)
        defects = evidence.defects
        writer.claims += [Claim("warning", writer.name("labels", name)) for name in defects]
        return writer.say(key, bar=bar, label=writer.labels(defects))
    parts, p = [], writer.share(advice.expected)
    writer.claims.append(_normal(writer, evidence, p, "up"))
    for number, move in enumerate(advice.moves, start=1):
        a, b = writer.value(move.field, move.before), writer.value(move.field, move.after)
        spoken, then = writer.name("fields", move.field), number < len(advice.moves)
        writer.claims.append(Claim("change", spoken, move.direction, (a, b)))
        parts.append(writer.say(f"move_{move.direction}", then=then, field=spoken, a=a, b=b))
    heat = evidence.after.get("heat_input_j_mm")
    if heat is None:
        return writer.say("change_only", p=p, parts=writer.join(parts))
    hi = writer.value("heat_input_j_mm", float(f"{heat:.3g}"))
    target = writer.name("targets", "heat_input_j_mm")
    writer.claims.append(Claim("certainty", target, slots=(hi,)))
    return writer.say("change", p=p, parts=writer.join(parts), target=target, hi=hi)


def _outside(writer: Writer, evidence: Evidence) -> str:
    parts, distance = [], writer.name("said", "distance")
    for said in ("prediction", "change"):
        kind = "warning" if said == "prediction" else "change"
        writer.claims.append(Claim(kind, writer.name("said", said), negated=True))
    for number, (name, value, known) in enumerate(evidence.outside, start=1):
        spoken = writer.name("fields", name) if name else distance
        then = number < len(evidence.outside)
        if not known:
            writer.claims.append(Claim("warning", spoken, negated=True))
            parts.append(writer.say("outside_untold", then=then, field=spoken))
            continue
        v = writer.value(name, value) if name else writer.slot(str(value))
        if isinstance(known, tuple):
            key, span = "outside_range", tuple(writer.value(name, end) for end in known)
            ends = {"low": span[0], "high": span[1]}
        else:
            key, span = "outside_word" if name else "outside_far", (writer.slot(known),)
            ends = {"known": span[0]}
        told = writer.say("told", field=spoken, v=v)
        writer.claims.append(Claim("warning", spoken, slots=(v, *span), negated=True))
        parts.append(writer.say(key, then=then, field=told, v=v, **ends))
    return writer.say("outside", parts=writer.join(parts))
