"""Whose value is it? Numbers and levels that a log says of something else than this bead.

A text is cut into clauses. A clause that tells of another time, bead or person, of a paper or a
wish, gives no value; nor does a list of settings, the amount of a change or the rating of a
machine. Where one value took the place of another, the one that was used stays.
"""

import itertools
import re
from dataclasses import dataclass, field, replace

from llm4waam.card.quantities import accepted
from llm4waam.logbook.fits import Fits
from llm4waam.logbook.tokens import LogText, Token

_FLOW = re.compile(r"\d\s*(?:l\s*/|lpm|cfh|리터)", re.IGNORECASE)
_DID = re.compile(r"(?:ran|used|went|welded|got|left|kept|reads?)(?![a-z])", re.IGNORECASE)
FAR = 100  # characters around two levels in which a change of them is told
_JOINTS = (
    *(",", "and", "or", "&", "/", "및", "와", "과", "그리고", "then", "또는", "at"),
    *("one", "two", "three", "another", "others", "the", "rest", "next"),
)
VALUES = ("number", "level", "unlisted")


@dataclass
class Clause:
    """Tokens between two breaks.

    `own`: it begins with a word for this bead. `sentence` is its number, `bracket` whether it
    stands in brackets.
    """

    tokens: list[Token] = field(default_factory=list)
    own: bool = False
    sentence: int = 0
    bracket: bool = False
    text: str = ""
    said: dict[re.Pattern, bool] = field(default_factory=dict)

    def says(self, pattern: re.Pattern) -> bool:
        """Whether the pattern stands in the clause; each is looked for once."""
        if pattern not in self.said:
            self.said[pattern] = bool(pattern.search(self.text))
        return self.said[pattern]

    @property
    def values(self) -> list[Token]:
        """Numbers and levels of the clause that are not dropped."""
        return [t for t in self.tokens if t.kind in VALUES and not t.dropped]


def mark_scopes(log: LogText, fits: Fits) -> list[str]:
    """Drop what is said of something else, settle replacements; the doubts, one line each."""
    clauses = clauses_of(log)
    doubts: list[str] = []
    _moves(log, clauses, doubts)
    _replacements(log, clauses, doubts)
    _elsewhere(log, clauses, doubts)
    _parts(log, clauses, doubts)
    _machines(log, clauses, doubts)
    _mixed_flows(log, clauses, doubts)
    _plates(log, doubts)
    _lists(log, fits)
    return doubts


def clauses_of(log: LogText) -> list[Clause]:
    """The clauses of a text, in order."""
    scopes = log.lexicon.scopes
    own = {match.start() for match in scopes["own"].finditer(log.text)}
    ends = {match.end() for match in scopes["ends"].finditer(log.text)}
    found, clause, sentence, bracket = [], Clause(), 0, False
    for place, token in enumerate(log.tokens):
        before = log.tokens[place - 1] if place else None
        begins = any(n in own for n in range(token.start, token.end))
        begins &= not (_DID.match(log.text, token.start) and _by_another(log, before))
        ended = before is not None and any(n in ends for n in range(before.end, token.start + 1))
        if token.kind == "break" or begins or ended:
            found.append(clause)
            if token.kind == "break":
                said = log.said(token) or "\n"
                sentence += said in (".", ";", "!", "?", "\n", "。")
                bracket = said in "([" if said in "()[]" else bracket
            own_too = ended and bool(
                scopes["contrasts"].search(log.text[: token.start].rstrip()[-4:])
            )
            clause = Clause(own=begins or own_too, sentence=sentence, bracket=bracket)
        if token.kind != "break":
            clause.tokens.append(token)
    found = [one for one in (*found, clause) if one.tokens]
    for one in found:
        one.text = log.text[one.tokens[0].start : one.tokens[-1].end]
    return found


def _by_another(log: LogText, before: Token | None) -> bool:
    """Whether someone is named before "ran": "operator B ran 9 mm/s"."""
    return before is not None and before.kind == "word" and not log.is_small(before)


def _refuse(log: LogText, tokens: list[Token], reason: str, doubts: list[str]) -> None:
    for token in tokens:
        if not token.dropped and (token.kind != "number" or log.lexicon.knows(token.units)):
            token.dropped = True
            doubts.append(f"{log.said(token)!r}: {reason}")


def _elsewhere(log: LogText, clauses: list[Clause], doubts: list[str]) -> None:
    """Clauses of another time, bead or person, and what goes on from them until this bead's."""
    pattern = log.lexicon.scopes["elsewhere"]
    cues = [match[0] if (match := pattern.search(one.text)) else None for one in clauses]
    for place, (clause, cue) in enumerate(zip(clauses, cues, strict=True)):
        if cue is None:
            continue
        reason, aside = f"may be another's: {cue!r}", clause.bracket and not clause.values
        _refuse(log, clause.values, reason, doubts)
        after = clauses[place + 1 :]
        if after and after[0].bracket and not clause.bracket:  # "faster than last time (8 mm/s)"
            inside = itertools.takewhile(lambda one: one.bracket, after)
            _refuse(log, [t for one in inside for t in one.values], reason, doubts)
        elif aside and place:  # "8 mm/s (last time)"
            _refuse(log, clauses[place - 1].values[-1:], reason, doubts)
        goes_on = []
        for one in after if not clause.bracket else ():  # "data sheet: 200 A, 24 V"
            numbers = all(t.kind == "number" or log.is_small(t) for t in one.tokens)
            if one.own or one.bracket or one.sentence != clause.sentence or not numbers:
                break
            _refuse(log, one.values, reason, doubts)
        for one in after:
            if one.own or one.sentence != clause.sentence:
                if one.own and one.sentence == clause.sentence:  # "yesterday 6, 8 mm/s, today 7"
                    for part in goes_on:
                        _refuse(log, part.values, reason, doubts)
                break
            goes_on.append(one)


def _parts(log: LogText, clauses: list[Clause], doubts: list[str]) -> None:
    """Values of single parts, where the log names two or more: "first 20 V, rest 18 V"."""
    found = [*log.lexicon.scopes["parts"].finditer(log.text)]
    if len({match[0].casefold() for match in found}) < 2:
        return
    for match in found:
        before = [one for one in clauses if one.tokens[0].start <= match.start()]
        if before:  # "10 mm/s (C)"
            _refuse(log, before[-1].values, f"of one part alone: {match[0]!r}", doubts)


def _machines(log: LogText, clauses: list[Clause], doubts: list[str]) -> None:
    """Ratings of machines: "24V wire feeder", "350A급 용접기"."""
    for clause in clauses:
        if cue := log.lexicon.scopes["machines"].search(clause.text):
            rated = [
                t
                for t in clause.values
                if any(accepted(unit, ("V", "A", "W", "%")) for unit in t.units)
            ]
            _refuse(log, rated, f"may be a rating: {cue[0].strip()!r}", doubts)


def _moves(log: LogText, clauses: list[Clause], doubts: list[str]) -> None:
    """Of "raised from 8 to 10 mm/s" the last holds; of "raised by 2 mm/s" nothing."""
    changes, amounts = log.lexicon.scopes["changes"], log.lexicon.scopes["amounts"]
    for clause in clauses:
        numbers = [t for t in clause.values if t.kind == "number"]
        if not (changes.search(clause.text) or amounts.search(clause.text)):
            continue
        for place, token in enumerate(numbers):
            before = _between(log, numbers[place - 1] if place else None, token, clause)
            if token.last and changes.search(clause.text):
                token.value, token.many, token.to = token.last, False, True
                continue
            if before.rstrip().casefold().endswith("from"):  # "to 21 from 18"
                others = [t for t in numbers if t is not token and t.to]
                if others:
                    token.dropped = token.used = True
                    continue
            following = numbers[place + 1] if place + 1 < len(numbers) else None
            behind = _after(log, token, following, clause)
            cue = amounts.search(before)  # Korean has the verb behind the amount
            cue = cue if cue and cue[0].isascii() else amounts.match(behind.lstrip())
            if cue and not token.to and not token.many:
                _refuse(log, [token], f"may be the amount of a change: {cue[0]!r}", doubts)


def _between(log: LogText, one: Token | None, other: Token, clause: Clause) -> str:
    start = one.end if one else clause.tokens[0].start
    return log.text[start : other.start]


def _after(log: LogText, token: Token, following: Token | None, clause: Clause) -> str:
    end = following.start if following else clause.tokens[-1].end
    return log.text[token.end : end]


def _replacements(log: LogText, clauses: list[Clause], doubts: list[str]) -> None:
    """Two levels of one category of which one took the other's place: "SG2 replaced by ER316L"."""
    scopes = log.lexicon.scopes
    clause = {id(t): one for one in clauses for t in one.tokens}
    for name in log.lexicon.categories:
        levels = [t for t in log.tokens if t.kind in ("level", "unlisted") and t.columns == (name,)]
        for one, two in itertools.pairwise([t for t in levels if not t.dropped]):
            first, second = clause[id(one)], clause[id(two)]
            if one.value == two.value or one.dropped or first.sentence != second.sentence:
                continue
            start = max(first.tokens[0].start, one.start - FAR)
            end = min(second.tokens[-1].end, two.end + FAR)
            if scopes["halfway"].search(log.text[start:end]):
                _refuse(log, [one, two], "changed halfway", doubts)
                continue
            between = log.text[max(0, one.end - 2) : two.start]  # with the particle of "SG2에서"
            around = f"{log.text[start : one.start]} | {log.text[two.end : end]}"
            told = scopes["second_holds"].search(between)
            swapped = scopes["swapped"].search(around)
            if scopes["first_holds"].search(log.text[one.end : two.start]):
                two.dropped = two.used = True
                continue
            clear = told is not None and told[0] not in log.words.faint
            if clear or (swapped and (told or "for" in between.split())):  # "swapped A for B"
                one.dropped = one.used = True

    for one in clauses:
        if scopes["halfway"].search(one.text) and scopes["changes"].search(one.text):
            told = [t for t in one.values if t.kind == "level"]
            if len(told) == 1:  # what was there before may not have been understood
                _refuse(log, told, "changed halfway", doubts)


def _plates(log: LogText, doubts: list[str]) -> None:
    """Alloys beside a plate are those of the plate: "316L plate", "substrate: S355"."""
    plates = log.lexicon.scopes["plates"]
    for place, token in enumerate(log.tokens):
        if token.kind not in ("level", "unlisted") or token.dropped:
            continue
        before = place - 1
        while before >= 0 and log.is_link(log.tokens[before]):
            before -= 1
        beside = [*log.tokens[place + 1 : place + 2], *log.tokens[max(0, before) : before + 1]]
        said = [log.said(one) for one in beside if one.kind not in ("level", "unlisted")]
        if any(plates.fullmatch(one) or one.casefold() == "base" for one in said):
            _refuse(log, [token], "may be the plate's", doubts)


def _mixed_flows(log: LogText, clauses: list[Clause], doubts: list[str]) -> None:
    """Two flows of one mixture are no flow of the gas: "15 L/min argon + 5 L/min helium"."""
    for clause in clauses:
        mixed = [t for t in clause.tokens if t.kind == "unlisted" and _FLOW.search(log.said(t))]
        flows = [t for t in clause.values if any(accepted(u, ("L/min",)) for u in t.units)]
        if mixed:
            _refuse(log, flows, "of one gas of a mixture", doubts)


def _lists(log: LogText, fits: Fits) -> None:
    """Mark numbers of one column side by side: "travel 5, 8, 11 mm/s" is of three beads."""
    places = [n for n, t in enumerate(log.tokens) if t.kind == "number" and not t.dropped]
    followers = {
        two
        for one, two in itertools.pairwise(places)
        if all(log.said(t).casefold() in _JOINTS for t in log.tokens[one + 1 : two])
    }
    for one, two in reversed([*itertools.pairwise(places)]):
        first, second = log.tokens[one], log.tokens[two]
        gap = log.tokens[one + 1 : two]
        joined = gap and all(log.said(t).casefold() in _JOINTS for t in gap)
        if not joined or first.units or (first.many and second.many):
            continue
        name = log.name_before(one)
        probe = replace(second, many=False)
        if name is None:
            wire = first.value in log.words.metric_wires and (
                _beside_level(log, one) or one not in followers
            )
            if wire or not second.units:
                continue
            likely = [n for n in log.lexicon.numbers if fits.fit(probe, n)[0]]
            same = any(fits.fit(replace(first, units=second.units), n)[0] for n in likely)
        else:
            follows = log.tokens[two + 1 : two + 2]
            other = not second.units and (
                second.value in log.words.metric_wires
                or bool(follows and follows[0].kind in ("term", "level", "outcome"))
            )
            same = not other and fits.fit(probe, name)[0] is not None
            same |= not other and not second.units and second.many
        if same:
            first.many = second.many = True
            first.units = first.units or second.units


def _beside_level(log: LogText, place: int) -> bool:
    near = log.tokens[max(0, place - 2) : place]
    return any(token.kind in ("level", "unlisted") for token in near)
