"""What is known of one bead, in a few sentences of English or Korean.

`narrate` writes them: what is expected, the numbers, the reasons, what rules see otherwise and what
is not known, and last what to change, so that no sentence takes back what one before it advised.
The words stand in words.yaml; a `Writer` puts them together. Korean particles, which depend on the
word before, are at the end.
"""

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from llm4waam.advice.counterfactual import Change, Move
from llm4waam.advice.findings import Findings
from llm4waam.advice.rules import BrokenRule
from llm4waam.advice.settings import Language
from llm4waam.advice.shapley import Attribution
from llm4waam.advice.wording import called, words
from llm4waam.card.card import Card
from llm4waam.card.quantities import format_number
from llm4waam.inference.predictor import indispensable
from llm4waam.sentences.fields import field_of

Part = tuple[str, str, str]  # the key of a sentence, what it lists, the labels it names

DIGITS = 3  # what a reader takes in, and more than any model here is sure of
REASONS = 3  # the fields that do most; more would not be read
LEAST = 0.1  # a contribution to the logit that is worth a word: 10 % of the odds
RULES = 2  # the first of the broken rules


@dataclass(frozen=True)
class Writer:
    """The words of one card in one language."""

    card: Card
    language: Language

    def value(self, name: str, value: float | str) -> str:
        """A field's or target's value with its unit."""
        if isinstance(value, str):
            return value
        one = field_of(self.card, name)
        unit = words()["units"].get(one.unit, one.unit)
        unit = "" if not unit or unit == "dimensionless" else unit if unit == "°" else f" {unit}"
        return format_number(float(value), DIGITS) + unit

    def share(self, p: float) -> str:
        """A probability; none is said to be certain."""
        return f"{min(max(p, 0.01), 0.99):.0%}".replace("%", " %")

    def name(self, kind: str, key: str) -> str:
        """A field, label, rule or target; a field without a word of its own by its phrase."""
        if word := called(self.card, kind, key, self.language):
            return word
        if kind == "fields":
            return field_of(self.card, key).phrase or key
        return self.card.columns[key].meaning if kind == "targets" else key

    def say(self, key: str, *, then: bool = False, **values: str) -> str:
        """A sentence or a part of one; Korean words come with their particles.

        `then` is the form of a part that another follows.
        """
        texts = words()["sentences"][key]
        if self.language == "en":
            return texts["en"].format(**values)
        forms = {
            f"{name}_{form}": with_particle(word, particle)
            for name, word in values.items()
            for form, particle in FORMS.items()
        }
        return texts["then" if then else "ko"].format(**values, **forms)

    def moves(self, moves: Sequence[Move]) -> str:
        """Moves as a list of what to do."""
        parts = []
        for number, move in enumerate(moves, start=1):
            a, b = self.value(move.field, move.before), self.value(move.field, move.after)
            field, then = self.name("fields", move.field), number < len(moves)
            parts.append(self.say(f"move_{move.direction}", then=then, field=field, a=a, b=b))
        return self.join(parts)

    def other(self, change: Change) -> str:
        """Another change: its kind, its moves in short and its chance."""
        named = [(self.name("fields", m.field), self.value(m.field, m.after)) for m in change.moves]
        moves = [self.say("move_short", field=field, b=b) for field, b in named]
        kind = words()["kinds"][change.kind][self.language]
        return self.say("other", kind=kind, moves=self.join(moves), p=self.share(change.chance))

    def labels(self, names: list[str]) -> str:
        """Labels as a list."""
        return self.join([self.name("labels", name) for name in names])

    def join(self, parts: list[str]) -> str:
        """Parts of a list: "a", "a and b", "a, b and c"."""
        last = words()["joined"][self.language]
        return last.join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def narrate(findings: Findings, card: Card, language: Language) -> str:
    """The sentences on one bead: expectation, numbers, reasons, doubts, and what to change."""
    writer = Writer(card, language)
    parts = [_expectation, _numbers, _reasons, _doubts, _change]
    if findings.reason == "aimless" or not findings.normal:  # the models say no more
        parts = [_labels, _numbers, _missing, _change]
    if findings.outside:  # before the prediction that is not to be relied on
        parts = [_change, *parts[:-1]]
    sentences = filter(None, (part(writer, findings) for part in parts))
    return " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _expectation(writer: Writer, findings: Findings) -> str:
    p = writer.share(findings.chance)
    defects = findings.defects
    label = writer.labels(defects or [findings.normal])
    if findings.models_disagree:
        key = "models_disagree" if defects else "models_disagree_normal"
    else:
        key = "defect" if defects else "normal"
    return writer.say(key, p=p, label=label)


def _labels(writer: Writer, findings: Findings) -> str:
    """What is expected where nothing is called good."""
    return writer.say("labelled", label=writer.labels(findings.named)) if findings.named else ""


def _missing(writer: Writer, findings: Findings) -> str:
    names = [writer.name("fields", name) for name in findings.missing]
    if not names:
        return ""
    return writer.say("doubts", parts=writer.say("unknown", fields=writer.join(names)))


def _numbers(writer: Writer, findings: Findings) -> str:
    """The values of the regressions, and which are not given for want of a field."""
    parts, sentences = [], []
    ranged = [name.removesuffix("_low") for name in findings.answer.index if name.endswith("_low")]
    for target in ranged:
        values = [findings.answer[f"{target}{end}"] for end in ("", "_low", "_high")]
        if math.isnan(values[0]):
            sentences.append(_not_given(writer, findings, target))
        if any(math.isnan(one) for one in values):
            continue
        v, low, high = (writer.value(target, float(f"{one:.3g}")) for one in values)
        name = writer.name("targets", target)
        said = {"target": name, "v": v, "low": low, "high": high, "coverage": "90 %"}
        by_formula = findings.answer.get(f"{target}_formula", math.nan)
        if math.isnan(by_formula):
            parts.append(writer.say("number", **said))
        else:
            f = writer.value(target, float(f"{by_formula:.3g}"))
            parts.append(writer.say("number_formula", f=f, **said))
    said = [writer.say("numbers", parts=writer.join(parts))] if parts else []
    return " ".join([*said, *sentences])


def _not_given(writer: Writer, findings: Findings, target: str) -> str:
    card = writer.card
    [task] = [name for name, one in card.tasks.items() if one.columns == [target]]
    lacks = [name for name in indispensable(card, task) if name in findings.missing]
    fields = writer.join([writer.name("fields", name) for name in lacks])
    return writer.say("not_given", target=writer.name("targets", target), fields=fields)


def _reasons(writer: Writer, findings: Findings) -> str:
    if findings.attribution is None or findings.outside:
        return ""
    values = findings.attribution.values
    most = values[values.abs() >= LEAST].abs().sort_values(ascending=False).index[:REASONS]
    parts = []
    for number, name in enumerate(most, start=1):
        direction = "up" if values[name] > 0 else "down"
        field = writer.name("fields", name)
        if findings.bead.isna()[name]:
            field = writer.say("unknown_field", field=field)
        elif name not in writer.card.named("note"):
            field = writer.say("known", field=field, v=writer.value(name, findings.bead[name]))
        ratio = format_number(math.exp(values[name]), 2)
        then = number < len(most)
        parts.append(writer.say(f"reason_{direction}", then=then, field=field, x=ratio))
    if not parts:
        return ""
    tied = [writer.name("fields", name) for name in tied_reasons(findings.attribution, list(most))]
    if not tied:
        return writer.say("reasons", parts=writer.join(parts))
    return writer.say("reasons_tied", parts=writer.join(parts), fields=writer.join(tied))


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


def _change(writer: Writer, findings: Findings) -> str:
    """What to do, with its doubt before it, and what else could be done."""
    parts = [do_this(writer, findings), *_promise(writer, findings), _others(writer, findings)]
    return " ".join(part[0].upper() + part[1:] for part in filter(None, parts))


def do_this(writer: Writer, findings: Findings) -> str:
    """The advised change, or why there is none, in one sentence."""
    reason = findings.reason
    if reason == "outside":
        return _outside(writer, findings)
    if reason in ("normal", "doubtful"):
        bar, label = writer.share(findings.bar), writer.labels(findings.defects)
        return writer.say("met" if reason == "normal" else reason, bar=bar, label=label)
    if reason == "none":
        return writer.say("none", bar=writer.share(findings.bar))
    if reason == "aimless":
        return writer.say("aimless")
    if reason == "best":
        return writer.say("best", p=writer.share(findings.advice.chance))
    if reason:
        return writer.say("no_control")
    moves, doubts = writer.moves(findings.advice.moves), []
    if findings.rules_after:
        rules = _list_rules(writer, findings.rules_after[:RULES])
        doubts.append(("after", {"parts": rules}))
    if findings.defects_after:
        doubts.append(("models_disagree_after", {"label": writer.labels(findings.defects_after)}))
    if not doubts:
        return writer.say("change", parts=moves)
    said = [
        writer.say(key, then=number < len(doubts), **words)
        for number, (key, words) in enumerate(doubts, start=1)
    ]
    return writer.say("change_careful", parts=moves, doubts=writer.join(said))


def _promise(writer: Writer, findings: Findings) -> list[str]:
    """What the change should bring, what came of such changes, and the heat input then."""
    if not findings.advice.changes or findings.reason:
        return []
    before, after = findings.advice.chance, findings.advice.changes[0].chance
    said = [writer.say("chance", before=writer.share(before), after=writer.share(after))]
    if findings.record:
        beads, share = findings.record
        said.append(writer.say("record", beads=f"{beads}", in_100=f"{100 * share:.0f}"))
    heat = findings.after.get("heat_input_j_mm")
    if heat is not None:
        value = writer.value("heat_input_j_mm", float(f"{heat:.3g}"))
        target = writer.name("targets", "heat_input_j_mm")
        said.append(writer.say("heat_after", target=target, v=value))
    return said


def _others(writer: Writer, findings: Findings) -> str:
    """The other changes that are offered."""
    if findings.reason:
        return ""
    parts = [writer.other(change) for change in findings.advice.changes[1:]]
    return writer.say("others", parts=words()["doubts"][writer.language].join(parts)) * bool(parts)


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
            key, low, high = "outside_range", *(writer.value(name, end) for end in known)
            ends = {"low": low, "high": high}
        else:
            key, ends = "outside_word" if name else "outside_far", {"known": known}
        field = writer.say("known", field=named, v=v)
        parts.append(writer.say(key, then=then, field=field, v=v, **ends))
    return writer.say("outside", parts=writer.join(parts))


def _doubts(writer: Writer, findings: Findings) -> str:
    """What the rules of thumb say, and which fields have no value."""
    doubts = _rules(writer, findings)
    if findings.missing:
        names = [writer.name("fields", name) for name in findings.missing]
        doubts.append(("unknown", writer.join(names), ""))
    parts = [
        writer.say(key, then=number < len(doubts), parts=of, fields=of, label=label)
        for number, (key, of, label) in enumerate(doubts, start=1)
    ]
    between = words()["doubts"][writer.language]
    return writer.say("doubts", parts=between.join(parts)) if parts else ""


def _rules(writer: Writer, findings: Findings) -> list[Part]:
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
    return [] if findings.thinks_normal else [("silent", "", "")]


def _pointing(writer: Writer, key: str, rules: list[BrokenRule]) -> Part:
    defects = list(dict.fromkeys(one.leads_to for one in rules))
    return key, _list_rules(writer, rules), writer.labels(defects)


def _list_rules(writer: Writer, rules: list[BrokenRule]) -> str:
    """What each of the rules says, and by which quantity and limit."""
    parts = []
    for one in rules:
        v, limit = writer.value(one.field, one.value), writer.value(one.field, one.limit)
        rule, field = writer.name("rules", one.rule), writer.name("fields", one.field)
        parts.append(writer.say(f"rule_{one.side}", rule=rule, field=field, v=v, limit=limit))
    return writer.join(parts)


# Korean particles depend on the last sound of the word before: with a final consonant, without.
PAIRS = {"은": ("은", "는"), "이": ("이", "가"), "을": ("을", "를"), "으로": ("으로", "로")}
FORMS = {"topic": "은", "subject": "이", "object": "을", "as": "으로"}  # as words.yaml names them
LIEUL = 8  # the final consonant after which 으로 is 로
# Digits and letters as they are read aloud: 1 is 일, L is 엘. The value: the final consonant.
ENDS = {"0": 21, "1": 8, "3": 16, "6": 1, "7": 8, "8": 8} | {"l": 8, "m": 16, "n": 4, "r": 8}


def with_particle(word: str, particle: str) -> str:
    """The word with the right form of a particle, named by its form after a consonant ("은")."""
    closed, bare = PAIRS[particle]
    consonant = _final_consonant(word)
    open_ended = consonant == 0 or (particle == "으로" and consonant == LIEUL)
    return word + (bare if open_ended else closed)


def _final_consonant(word: str) -> int:
    """The number of the last sound's final consonant, 0 where it has none.

    What stands in brackets at the end is passed over: the particle belongs to the word before it.
    Latin words and digits go by the name of their last character.
    """
    bare = word.rstrip()
    while bare.endswith(")") and "(" in bare:
        bare = bare[: _opening(bare)].rstrip()
    letters = [c for c in unicodedata.normalize("NFC", bare) if c.isalnum()]
    if not letters:
        return 0
    last = letters[-1].lower()
    if "가" <= last <= "힣":
        return (ord(last) - ord("가")) % 28
    return ENDS.get(last, 0)


def _opening(text: str) -> int:
    """Where the bracket opens that the text's last letter closes; 0 where none does."""
    depth = 0
    for place in range(len(text) - 1, -1, -1):
        depth += (text[place] == ")") - (text[place] == "(")
        if depth == 0:
            return place
    return 0
