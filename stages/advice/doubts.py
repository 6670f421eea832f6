"""The last sentence of a narration: what rules and models see otherwise, what was not known."""

from stages.advice.columns import LIKELY
from stages.advice.draft import Claim
from stages.advice.evidence import Evidence
from stages.advice.rules import Finding
from stages.advice.writer import Writer, words

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
