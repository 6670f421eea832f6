"""Whether the labels of a draft still stand where it says them, and nowhere else."""

import itertools

from llm4waam.advice.guard_places import Text
from llm4waam.advice.guard_reading import Part


def labels_kept(before: Text, after: Text) -> list[str]:
    """Labels that are lost; and those named beside a subject that the draft does not put there."""
    found = []
    # What the draft has in one sentence a rewrite may bring closer, as a name for its "it".
    was = _beside([[_whole(sentence)] for sentence in before.sentences], before)
    now = _beside(after.sentences, after)
    for label in before.names.labels:
        if any(label in p.anchors for s in before.sentences for p in s) and not any(
            label in p.anchors for s in after.sentences for p in s
        ):
            found.append(f"label: {label!r} is lost")
    for subject, labels in now.items():
        if strange := labels - was.get(subject, set()):
            found.append(f"label: {min(strange)!r} stands beside {subject!r}")
    # One with a number has a place by it; of the others only the lists tell what is said of them.
    free = before.names.labels - set(before.owners.values())
    told = [label for named in _lists(after, free) for label in named]
    for named in _lists(before, free):
        here, told = told[: len(named)], told[len(named) :]
        if sorted(here) != sorted(named):
            found.append(f"label: {' and '.join(here) or 'none'} instead of {' and '.join(named)}")
            break
    return found + [f"label: {label!r} once more" for label in told]


def _lists(text: Text, labels: frozenset[str]) -> list[list[str]]:
    """The lists of labels, in order; those of one part are one list."""
    parts = itertools.chain.from_iterable(text.sentences)
    return [named for p in parts if (named := [a for a in p.anchors if a in labels])]


def _beside(sentences: list[list[Part]], text: Text) -> dict[str, set[str]]:
    """The labels in the parts that name a field."""
    found: dict[str, set[str]] = {}
    for p in itertools.chain.from_iterable(sentences):
        labels = {a for a in p.anchors if text.names.is_label(a)}
        for anchor in set(p.anchors) - labels - set(text.owners):
            found.setdefault(anchor, set()).update(labels)
    return found


def _whole(sentence: list[Part]) -> Part:
    return Part(
        " ".join(p.text for p in sentence),
        [anchor for p in sentence for anchor in p.anchors],
        (),
        sum(p.negations for p in sentence),
    )
