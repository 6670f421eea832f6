"""What the evidence on one bead means, in two to five sentences of English or Korean."""

import math

from stages.advice.draft import Claim, Draft, Language
from stages.advice.evidence import Evidence
from stages.advice.rules import Finding
from stages.advice.writer import Writer, words
from stages.beads.card import Card
from stages.beads.numbers import format_number

REASONS = 3  # the fields that do most; more would not be read
RULES = 2  # the first of the rules that speak
LEAST = 0.1  # a contribution to the logit that is worth a word: 10 % of the odds


def write_draft(evidence: Evidence, card: Card, language: Language) -> Draft:
    """The draft of one bead: expectation, numbers, reasons, change, and what is in doubt."""
    writer = Writer(card, language)
    sentences, claims = [], []
    for part in (_expectation, _numbers, _reasons, _change, _doubts):
        writer.claims = []
        sentence = part(writer, evidence)
        if sentence:
            sentences.append(sentence[0].upper() + sentence[1:])
            claims.append(tuple(writer.claims))
    return Draft(language, tuple(sentences), writer.slots, tuple(claims))


def _expectation(writer: Writer, evidence: Evidence) -> str:
    p = writer.share(evidence.chance)
    defects = [name for name in evidence.named if name != evidence.normal]
    likely = evidence.chance >= 0.5
    names = defects or [evidence.normal]
    label = writer.join([writer.name("labels", name) for name in names])
    key = {(True, False): "normal", (False, True): "defect", (True, True): "torn"}.get(
        (likely, bool(defects)), "torn_normal"
    )
    writer.claims += [Claim("expectation", writer.name("labels", n)) for n in defects]
    normal = writer.name("labels", evidence.normal)
    writer.claims.append(Claim("expectation", normal, slots=(p,), negated=key != "normal"))
    return writer.say(key, p=p, label=label)


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
        spoken, x = writer.name("fields", name), writer.slot(_ratio(values[name]))
        told = spoken
        if evidence.bead.isna()[name]:
            told = writer.say("untold", field=spoken)
        elif name not in writer.card.named("note"):
            told = writer.say("told", field=spoken, v=writer.value(name, evidence.bead[name]))
        writer.claims.append(Claim("reason", spoken, direction, (x,)))
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
        key = {"normal": "met", "unknown": "no_control"}.get(advice.reason, "none")
        bar = "" if key == "no_control" else writer.share(evidence.bar)
        writer.claims.append(Claim("change", "", slots=(bar,) if bar else (), negated=True))
        return writer.say(key, bar=bar)
    parts, p = [], writer.share(advice.expected)
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
    writer.claims.append(Claim("expectation", target, slots=(hi,)))
    return writer.say("change", p=p, parts=writer.join(parts), hi=hi)


def _outside(writer: Writer, evidence: Evidence) -> str:
    parts = []
    for name, value, known in evidence.outside:
        spoken = writer.name("fields", name) if name else ""
        v = writer.value(name, value)
        if isinstance(known, tuple):
            low, high = (writer.value(name, end) for end in known)
            span = (low, high)
            part = writer.say("outside_range", field=spoken, v=v, low=low, high=high)
        else:
            span = (writer.slot(known),)
            part = writer.say(
                "outside_word" if name else "outside_far", field=spoken, v=v, known=span[0]
            )
        writer.claims.append(Claim("warning", spoken, slots=(v, *span), negated=True))
        parts.append(part)
    return writer.say("outside", parts=writer.join(parts))


def _doubts(writer: Writer, evidence: Evidence) -> str:
    """Where rules of thumb see it otherwise, and what was not known."""
    parts, well = [], evidence.chance >= 0.5
    if evidence.findings:
        told = _found(writer, evidence.findings)
        parts.append(writer.say("disagree" if well else "agree", parts=told))
    elif not well:
        parts.append(writer.say("silent"))
    still = {one.rule for one in evidence.findings_after}
    if still:
        parts.append(writer.say("after", parts=_found(writer, evidence.findings_after)))
    if evidence.missing:
        names = [writer.name("fields", name) for name in evidence.missing]
        writer.claims += [Claim("unknown", name, negated=True) for name in names]
        parts.append(writer.say("unknown", fields=", ".join(names)))
    return writer.say("doubts", parts="; ".join(parts)) if parts else ""


def _found(writer: Writer, findings: list[Finding]) -> str:
    parts = []
    for one in findings[:RULES]:
        v, limit = writer.value(one.field, one.value), writer.value(one.field, one.limit)
        rule, spoken = writer.name("rules", one.rule), writer.name("fields", one.field)
        writer.claims.append(Claim("rule", rule, slots=(v, limit)))
        parts.append(writer.say(f"rule_{one.side}", rule=rule, field=spoken, v=v, limit=limit))
    return writer.join(parts)
