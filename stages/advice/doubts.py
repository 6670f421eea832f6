"""The last sentence of a narration: where rules of thumb see it otherwise, what was not known."""

from stages.advice.draft import Claim
from stages.advice.evidence import Evidence
from stages.advice.rules import Finding
from stages.advice.writer import Writer, words

RULES = 2  # the first of the rules that speak


def doubts(writer: Writer, evidence: Evidence) -> str:
    """The sentence on what the rules of thumb find and on fields without a value, or ""."""
    told, well = [], evidence.chance >= 0.5
    if evidence.findings:
        told.append(("disagree" if well else "agree", _found(writer, evidence.findings)))
    elif not well:
        writer.claims.append(Claim("rule", writer.name("said", "rules"), negated=True))
        told.append(("silent", ""))
    if evidence.findings_after:
        told.append(("after", _found(writer, evidence.findings_after)))
    if evidence.missing:
        names = [writer.name("fields", name) for name in evidence.missing]
        writer.claims += [Claim("unknown", name, negated=True) for name in names]
        told.append(("unknown", writer.join(names)))
    parts = [
        writer.say(key, then=number < len(told), parts=of, fields=of)
        for number, (key, of) in enumerate(told, start=1)
    ]
    between = words()["doubts"][writer.language]
    return writer.say("doubts", parts=between.join(parts)) if parts else ""


def _found(writer: Writer, findings: list[Finding]) -> str:
    """The first rules that speak: what each says, and by which quantity and limit."""
    parts = []
    for one in findings[:RULES]:
        v, limit = writer.value(one.field, one.value), writer.value(one.field, one.limit)
        rule, spoken = writer.name("rules", one.rule), writer.name("fields", one.field)
        writer.claims += [Claim("rule", name, slots=(v, limit)) for name in (spoken, rule)]
        parts.append(writer.say(f"rule_{one.side}", rule=rule, field=spoken, v=v, limit=limit))
    return writer.join(parts)
