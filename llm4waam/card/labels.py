"""Label sets of a bead: spelled in many ways in a raw table, in one way in the clean one."""

import re

JOINER = " or "

_JOINERS = re.compile(r"\s+(?:or|and)\s+|[,;/|&+]", re.IGNORECASE)


def split(labels: str) -> list[str]:
    """The labels of a clean label set: "Humping or Balling" -> ["Humping", "Balling"]."""
    return labels.split(JOINER) if labels else []


def parts(text: str) -> list[str]:
    """The labels of a raw label set as they are spelled: "hump / LOF" -> ["hump", "LOF"]."""
    return [part for one in _JOINERS.split(text) if (part := one.strip(" ."))]


def normalise(text: str, spellings: dict[str, list[str]], exclusive: str | None) -> str:
    """A raw label set in the canonical spelling and order, joined by " or ".

    `spellings` maps each label to its other spellings; case, hyphens and spaces do not matter.
    Raises ValueError for a label that is not known, an empty set, or an exclusive label (Normal)
    beside another.
    """
    known = {key(s): label for label, others in spellings.items() for s in [label, *others]}
    if key(text) in known:
        return known[key(text)]
    found = set()
    for part in parts(text):
        if key(part) not in known:
            raise ValueError(f"{part[:60]!r} is no known label; expected {', '.join(spellings)}")
        found.add(known[key(part)])
    if not found:
        raise ValueError("there is no label")
    if exclusive in found and len(found) > 1:
        raise ValueError(f"{exclusive} cannot stand beside another label")
    return JOINER.join(label for label in spellings if label in found)


def key(spelling: str) -> str:
    """A spelling without case, hyphens and spaces: "Bead-cut" gives "bead cut"."""
    return re.sub(r"[\W_]+", " ", spelling.casefold()).strip()
