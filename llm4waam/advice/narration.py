"""What the evidence on one bead means, in two to five sentences of English or Korean.

The last sentence of a narration: what rules and models see otherwise, what was not known.

Words, slots and claims of a narration while it is written.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml

from llm4waam.advice.draft import Claim, Draft, Language
from llm4waam.advice.findings import Evidence
from llm4waam.advice.korean import with_particle
from llm4waam.advice.rules import Finding
from llm4waam.card.card import Card
from llm4waam.card.quantities import format_number
from llm4waam.inference.predictor import LIKELY
from llm4waam.sentences.fields import field_of

DIGITS = 3  # what a reader takes in, and more than any model here is sure of
WORDS = Path(__file__).with_name("words.yaml")


@lru_cache(maxsize=1)
def words() -> dict:
    """What words.yaml holds."""
    return yaml.safe_load(WORDS.read_text(encoding="utf-8"))


@dataclass
class Writer:
    """Writes one draft: sentences so far, and the numbers that stand in slots."""

    card: Card
    language: Language
    slots: dict[str, str] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)

    def slot(self, text: str) -> str:
        """The marker of a number; each number gets one of its own."""
        marker = f"[[{len(self.slots) + 1}]]"
        self.slots[marker] = text
        return marker

    def value(self, name: str, value: float | str) -> str:
        """The marker of a field's or target's value with its unit."""
        if isinstance(value, str):
            return self.slot(value)
        one = field_of(self.card, name)
        unit = words()["units"].get(one.unit, one.unit)
        unit = "" if not unit or unit == "dimensionless" else unit if unit == "°" else f" {unit}"
        return self.slot(format_number(float(value), DIGITS) + unit)

    def share(self, p: float) -> str:
        """The marker of a probability."""
        return self.slot(f"{min(max(p, 0.01), 0.99):.0%}".replace("%", " %"))

    def name(self, kind: str, key: str) -> str:
        """A field, label, rule or target; a field without a word of its own by its phrase."""
        known = words()[kind].get(key)
        if known:
            return known[self.language]
        return (field_of(self.card, key).phrase or key) if kind == "fields" else key

    def say(self, key: str, *, then: bool = False, **values: str) -> str:
        """A sentence or a part of one; Korean words come with their particles.

        `then` is the form of a part that another follows.
        """
        texts, korean, forms = words()["sentences"][key], self.language == "ko", {}
        for name in ("field", "fields", "target", "label", "parts"):
            if name in values and korean:
                word = values[name]
                forms |= {
                    f"{name}_topic": with_particle(word, "은"),
                    f"{name}_object": with_particle(word, "을"),
                    f"{name}_subject": with_particle(word, "이"),
                    f"{name}_as": with_particle(word, "으로"),
                }
        text = texts["then"] if then and korean else texts[self.language]
        return text.format(**values, **forms)

    def labels(self, names: list[str]) -> str:
        """Labels as a list."""
        return self.join([self.name("labels", name) for name in names])

    def join(self, parts: list[str]) -> str:
        """Parts of a list: "a", "a and b", "a, b and c"."""
        last = words()["joined"][self.language]
        return last.join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


RULES = 2  # the first of the rules that speak
Told = list[tuple[str, str, str]]  # the sentence's key, what it lists, the labels it names


def doubts(writer: Writer, evidence: Evidence) -> str:
    """The sentence on the rules of thumb, on what a change leaves in doubt, and on fields without a
    value, or ""."""
    told = _rules(writer, evidence)
    if evidence.findings_after:
        told.append(("after", _found(writer, evidence.findings_after[:RULES]), ""))
        writer.claims.append(_of_change(writer))
    if evidence.defects_after:
        told.append(("torn_after", "", _labels(writer, evidence.defects_after)))
        writer.claims.append(_of_change(writer))
    if evidence.missing:
        names = [writer.name("fields", name) for name in evidence.missing]
        writer.claims += [Claim("unknown", name, negated=True) for name in names]
        told.append(("unknown", writer.join(names), ""))
    parts = [
        writer.say(key, then=number < len(told), parts=of, fields=of, label=label)
        for number, (key, of, label) in enumerate(told, start=1)
    ]
    between = words()["doubts"][writer.language]
    return writer.say("doubts", parts=between.join(parts)) if parts else ""


def _rules(writer: Writer, evidence: Evidence) -> Told:
    """What the rules point to: they agree only on a defect that the model names."""
    findings, named = evidence.findings[:RULES], evidence.defects
    shared = [one for one in evidence.findings if one.leads_to in named][:RULES]
    if shared:
        rest = [one for one in findings if one not in shared][: RULES - len(shared)]
        told = [_pointing(writer, "agree", shared)]
        return told + ([_pointing(writer, "also", rest)] if rest else [])
    if findings:
        torn = evidence.torn and not named  # the models themselves name no defect and no normal
        return [_pointing(writer, "point" if torn else "disagree", findings)]
    if evidence.chance >= LIKELY:
        return []
    _opinion(writer, "silent")
    return [("silent", "", "")]


def _pointing(writer: Writer, key: str, findings: list[Finding]) -> tuple[str, str, str]:
    defects = list(dict.fromkeys(one.leads_to for one in findings))
    label = _labels(writer, defects)
    if key != "also":
        _opinion(writer, key)
    return key, _found(writer, findings), label


def _opinion(writer: Writer, key: str) -> None:
    denied = key in ("disagree", "silent")
    writer.claims.append(Claim("rule", writer.name("said", "rules"), negated=denied))


def _of_change(writer: Writer) -> Claim:
    return Claim("rule", writer.name("said", "change"))


def _labels(writer: Writer, names: list[str]) -> str:
    writer.claims += [Claim("rule", writer.name("labels", name)) for name in names]
    return writer.labels(names)


def _found(writer: Writer, findings: list[Finding]) -> str:
    """What each of the rules says, and by which quantity and limit."""
    parts = []
    for one in findings:
        v, limit = writer.value(one.field, one.value), writer.value(one.field, one.limit)
        rule, spoken = writer.name("rules", one.rule), writer.name("fields", one.field)
        writer.claims += [Claim("rule", name, slots=(v, limit)) for name in (spoken, rule)]
        parts.append(writer.say(f"rule_{one.side}", rule=rule, field=spoken, v=v, limit=limit))
    return writer.join(parts)


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
