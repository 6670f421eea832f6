"""What a log takes back: "6, no 6.5", "not 6.5 but 7", "7, not 6.5"."""

import itertools
import re

from llm4waam.logbook.tokens import LogText, Token


def apply_corrections(log: LogText) -> list[str]:
    """Drop what the log takes back: "6, no 6.5", "not 6.5 but 7", "7, not 6.5".

    What replaces another takes over its unit and place. Returns a doubt for each value that is
    denied without another, and for each pair of which it is unclear which one holds.
    """
    doubts = []
    places = [n for n, t in enumerate(log.tokens) if t.kind in ("number", "level")]
    denied = {n: _denied(log, n) for n in places}
    for first, second in itertools.pairwise(places):
        one, two = log.tokens[first], log.tokens[second]
        gap = log.tokens[first + 1 : second]
        if one.dropped or two.dropped or one.kind != two.kind or not _alike(one, two):
            continue
        words = [t for t in gap if t.kind == "word" and not log.is_link(t)]
        spoken = log.plainly(words)
        named = any(t.kind == "term" for t in gap)
        swap = bool(spoken) and (
            spoken in log.words.corrected
            or all(word in log.words.corrected for word in spoken.split())
        )
        denials = {id(t) for n in (first, second) for t in denied[n]}
        plain = len(gap) < 8 and all(
            log.said(t) not in (".", ";", "\n")
            if t.kind == "break"
            else id(t) in denials or log.is_small(t) or log.is_word(t, log.words.corrected)
            for t in gap
        )
        if swap and (named or two.kind == "level"):
            one.dropped = two.dropped = True
            doubts.append(f"{log.said(one, two)!r}: unclear which of the two holds")
        elif plain and not named and (swap or bool(denied[first]) != bool(denied[second])):
            lost, kept = (one, two) if swap or denied[first] else (two, one)
            lost.dropped, kept.units = True, kept.units or lost.units
            for token in (lost, *gap, *denied[first], *denied[second]):
                token.used = True
            denied[first] = denied[second] = []
        elif not named and len(gap) < 6 and not two.units and two.kind == "number":
            # "6, no, hm, 6.5": taken back, but how is not clear.
            marks = (*log.words.corrected, *log.words.denied_after)
            if any(log.is_word(t, marks) for t in gap):
                one.dropped = two.dropped = True
                doubts.append(f"{log.said(one, two)!r}: unclear which of the two holds")
    for n, words in denied.items():
        if words and not log.tokens[n].dropped and log.lexicon.knows(log.tokens[n].units):
            log.tokens[n].dropped = True
            doubts.append(f"{log.said(log.tokens[n])!r}: denied or not sure")
    return doubts


def _alike(one: Token, two: Token) -> bool:
    if one.kind == "level":
        return one.columns == two.columns
    units = {*one.units} & {*two.units}
    return bool(units) or not (one.units and two.units)


def _denied(log: LogText, place: int) -> list[Token]:
    """The words that deny the value at a place, [] where none does."""
    before, strange = [], False
    for token in reversed(log.tokens[max(0, place - 6) : place]):
        if token.kind == "term" or log.is_link(token):
            continue
        if token.kind == "word" and log.is_word(token, log.words.fillers):
            continue
        before.insert(0, token)
        spoken = log.plainly(before)
        if spoken in (log.words.far if strange else log.words.denied):
            return before
        if any(phrase.endswith(" " + spoken) for phrase in log.words.denied):
            continue
        if strange or token.kind != "word" or re.search(log.words.conditions, log.said(token)):
            break
        before, strange = [], True  # "not the usual 316L"
    after = log.tokens[place + 1 : place + 3]
    if after and log.said(after[0]) == "?":
        return after[:1]
    for token in after:
        if log.is_word(token, log.words.denied_after):
            return [token]
        if not log.is_link(token):
            break
    return []
