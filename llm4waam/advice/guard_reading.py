"""A marked text as the guard reads it: sentences, their parts, and what stands in each part."""

import itertools
import re
from dataclasses import dataclass
from functools import partial

from llm4waam.advice.draft import SLOT
from llm4waam.advice.guard_names import Names
from llm4waam.advice.guard_words import Words

_NAME = re.compile(r"⟨(\d+)⟩")
_ANCHOR = re.compile(rf"{SLOT.pattern}|{_NAME.pattern}")
# A part without any other word than these says nothing of its own: "the gas flow" in "the gas flow
# and the torch angle are not known".
_SAYING = re.compile(
    r"\b(?!(?:the|a|an|and|both|neither|of|at|its|your|of|that)\b)[a-z]{2,}|[가-힣]{2,}|[가-힣](?<![은는이가과와의])",
    re.IGNORECASE,
)

# "Raise A from [[1]] to [[2]] and B from [[3]] to [[4]]": the verb of the one is that of the other.
_ELLIPSIS = re.compile(
    rf"and (?:the )?{_NAME.pattern} from {SLOT.pattern} to {SLOT.pattern}", re.IGNORECASE
)
# A bracket with slots and without a name, and the word that it stands behind.
_BRACKET = re.compile(rf"(\S*) ?\(([^()⟨]*{SLOT.pattern}[^()⟨]*)\)")


@dataclass
class Part:
    """A part of a sentence. `anchors` are slots and subjects in order, `way` its directions."""

    text: str
    anchors: list[str]
    way: tuple[str, ...]
    negations: int

    def joined(self, other: "Part", names: Names) -> "Part":
        """This part and the next as one."""
        return part(f"{self.text} {other.text}", names)


def part(text: str, names: Names) -> Part:
    """A part of a sentence in which the subjects are taken out."""
    return Part(text, anchors(text, names), way(text, names.words), negations(text, names.words))


def anchors(text: str, names: Names) -> list[str]:
    """Slots and subjects in a text, in order."""
    return [
        names.subjects[int(match.group(1))] if match.group(1) else match.group()
        for match in _ANCHOR.finditer(text)
    ]


def way(text: str, words: Words) -> tuple[str, ...]:
    """Directions in the order of the text, each once in a row."""
    places = [
        (match.start(), match.end(), side)
        for side in ("up", "down")
        for match in words.groups[side].finditer(text)
    ]
    ways: list[str] = []
    for _, _, side in sorted(places):
        if not ways or ways[-1] != side:
            ways.append(side)
    return tuple(ways)


def negations(text: str, words: Words) -> int:
    """How many words deny something."""
    return len(words.found("negation", text))


def sentences(marked: str) -> list[str]:
    """The sentences of a text, without their ends."""
    found = re.split(r"(?<=[.!?。])\s+", marked.strip())
    return [sentence.rstrip(" .!?。") for sentence in found if sentence.strip(" .!?。")]


def parts(sentence: str, names: Names, pairs: list[tuple[str, str]]) -> list[Part]:
    """The parts of a sentence; one that names nothing belongs to the one before it.

    A sentence is parted where the language's patterns say, and behind the second slot of a pair.
    """
    text = _BRACKET.sub(partial(_without, names.words), names.take(sentence))
    if names.words.language == "ko":
        text = _after_predicates(text, names.words)
    for pair in pairs:
        ends = [text.find(slot) + len(slot) for slot in pair if slot in text]
        if len(ends) == 2 and names.words.language == "en":
            text = f"{text[: max(ends)]}\n{text[max(ends) :]}"
    found: list[Part] = []
    for clause in re.split("[;—–]", text):
        pieces = [piece for line in clause.split("\n") for piece in _split(line, names.words)]
        start = len(found)
        for piece in (part(piece, names) for piece in pieces if piece.strip()):
            if len(found) > start + 1 and _listed(found[-2], found[-1], names):
                found[-2:] = [found[-2].joined(found[-1], names)]
            bare = len(found) > start and _bare(found[-1])
            # How sure something is said to be denies nothing of what stands before.
            apart = found and (_sure(piece, names) or _sure(found[-1], names))
            if found and not apart and (not piece.anchors or not found[-1].anchors or bare):
                found[-1] = found[-1].joined(piece, names)
            else:
                found.append(piece)
        if len(found) > max(start, 1) and _bare(found[-1]):
            found[-2:] = [found[-2].joined(found[-1], names)]
    for before, piece in itertools.pairwise(found):
        if _ELLIPSIS.fullmatch(piece.text):
            piece.way = before.way
    return found


def _without(words: Words, match: re.Match[str]) -> str:
    """A bracket's slots as a part of what it stands behind; before a word that says a way."""
    word, inside = match.groups()
    return f" {inside} {word} " if way(word, words) else f"{word} {inside} "


def _bare(piece: Part) -> bool:
    return not _SAYING.search(_ANCHOR.sub(" ", piece.text))


def _listed(one: Part, other: Part, names: Names) -> bool:
    """Whether the other part only goes on with a list of labels: "to show A", "and B"."""
    ended = re.search(rf"{_NAME.pattern}$", one.text)
    labels = other.anchors and all(map(names.is_label, other.anchors))
    return bool(ended and labels and names.is_label(one.anchors[-1]) and _bare(other))


def _sure(piece: Part, names: Names) -> bool:
    return not piece.anchors and bool(names.words.found("sure", piece.text))


def _split(line: str, words: Words) -> list[str]:
    """The pieces of a line, each with the conjunction that opens it: none may get lost."""
    starts = [0, *(match.start() for match in words.splits.finditer(line)), len(line)]
    return [line[a:b].strip(" ,;:()") for a, b in itertools.pairwise(starts)]


def _after_predicates(text: str, words: Words) -> str:
    """Korean ends a part with its predicate; what only describes the next noun ends none."""
    out = []
    for word in text.split():
        closed = "가" <= word[-1] <= "힣" and (ord(word[-1]) - 0xAC00) % 28 in (4, 8)
        describes = closed and not word.endswith("면")  # 낮춘, 낮출; but 낮추면 is a condition
        out.append(word + ("\n" if way(word, words) and not describes else " "))
    return "".join(out)
