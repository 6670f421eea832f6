"""What a column of an unknown table seems to be, from the words of its header and from its cells.

Every guess that may be wrong comes with a question for the person who knows the table.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pandas as pd
import yaml

from llm4waam.card import labels, vocabulary
from llm4waam.card.quantities import convert, is_missing, meanings, readings, split_unit, unit
from llm4waam.core.tables import plain_header

FILE = Path(__file__).with_name("draft_words.yaml")
NUMBERS = 0.8  # share of the cells that are numbers in a column of numbers
LEVELS = 30  # of a category at most, and half of the rows
LONG = 40  # characters of a cell on average: free text
WORDS = 3  # spaces of a sentence at least
MANY = 20  # rows from which on it can be told what is set and what is measured
FAR = 8  # times the spread of the middle half: a value that may be a slip
_NUMBERISH = re.compile(r"[~<>≈±≤≥]?\s*[+-]?\d[\d.,]*\s*([^\w\s]|[^\d\s]{0,2}\s*\d|$).*")
_UNIT_BEHIND = (r"(.*?)\s*[\[(（]([^\])）]+)[\])）]\s*", r"(.*?\w)\s*[,/]\s*([^,]+)")
_DATE = re.compile(r"\d{4}[-./]\d{1,2}[-./]\d{1,2}.*|\d{1,2}[-./]\d{1,2}[-./]\d{4}.*|\d\d:\d\d.*")


@dataclass
class Guess:
    """One column: what the card shall say of it, in the card's keys, and what is in doubt.

    `words` are those of its header in English small letters. `left_out` says why the column is not
    in the card, where it is not.
    """

    header: str
    words: list[str]
    cells: pd.Series  # texts, without the missing ones
    kind: str = "text"
    keys: dict = field(default_factory=dict)
    role: str | None = None
    doubts: list[str] = field(default_factory=list)
    left_out: str | None = None
    numbers: pd.Series | None = None  # of a column of numbers, in its unit
    missing: list[str] = field(default_factory=list)
    twofold: bool = False  # some numbers may be read in two ways

    def has(self, kind: str) -> bool:
        """Whether the header has one of the words that are listed under `kind`."""
        listed = words()["roles"].get(kind) or words()[kind]
        return not set(listed).isdisjoint(self.words)


@cache
def words() -> dict:
    """The lists of draft_words.yaml."""
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))


def guess_column(header: str, column: pd.Series, sub_unit: str | None = None) -> Guess:
    """What one column is, all but its role; `sub_unit` is a unit that stands under the header."""
    base, written = unit_of_header(header)
    texts = column.str.strip()
    usual = [w.casefold() for w in words()["missing"]]
    empty = texts.map(is_missing) | texts.str.casefold().isin(usual)
    guess = Guess(header, words_of(base), texts[~empty])
    guess.missing = [one for one in dict.fromkeys(texts[empty]) if not is_missing(one)]
    if written is None and sub_unit:
        written = unit_called(sub_unit)
    flags = _flag_words(texts)
    if guess.cells.empty:
        guess.left_out = "it is empty"
    elif flags is not None:
        guess.kind, guess.keys = "flag", flags
    elif not _as_numbers(guess, written):
        _as_words(guess, texts)
    if guess.cells.nunique() == 1:
        guess.doubts.append(f"every value is {guess.cells.iloc[0][:40]!r}")
    return guess


# --------------------------------------------------------------------------------------- headers


def words_of(header: str) -> list[str]:
    """The words of a header in English small letters; of other languages what is known of them."""
    for korean, english in sorted(words()["korean"].items(), key=lambda pair: -len(pair[0])):
        header = header.replace(korean, f" {english} ")
    header = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", header)
    plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().casefold()
    found = re.findall(r"[a-z0-9]+", plain)
    return [part for word in found for part in words()["short"].get(word, word).split()]


def unit_of_header(header: str) -> tuple[str, str | None]:
    """A header without its unit, and the unit as pint knows it: "WFS [ipm]", "Speed_mm_s"."""
    for pattern in _UNIT_BEHIND:
        match = re.fullmatch(pattern, header)
        if match and match[1].strip() and (found := unit_called(match[2])):
            return match[1].strip(), found
    parts = header.split("_")
    for count in (3, 2, 1):
        if len(parts) <= count:
            continue
        end = [part.casefold() for part in parts[-count:]]
        if end == ["min"] or not set(end) <= set(words()["unit_parts"]):
            continue
        if found := unit_called("/".join(parts[-count:])):
            return "_".join(parts[:-count]), found
    return header, None


@cache
def unit_called(text: str) -> str | None:
    """The unit that a text names, as the card shall write it; None where it names none.

    A C or F is a temperature, as nobody welds with coulombs or farads.
    """
    text = plain_header(text).replace(" ", "")
    spelled = _spelled(text.casefold())
    if spelled is None:
        spelled = "/".join(map(_part_of_unit, text.split("/")))
    if not re.match(r"[^\W\d]|%", spelled) or len(spelled) > 20:
        return None
    try:
        known = unit(spelled)
    except ValueError:
        return None
    counted = ("%", "deg", "degree", "degrees", "rad", "ppm", "cycle", "cycles")
    return None if known.dimensionless and spelled not in counted else spelled


def _spelled(small: str) -> str | None:
    """The unit that a spelling in small letters means in a header, None where the words lack it."""
    known = meanings(small)
    return words()["units"].get(small) or (known[0] if len(known) == 1 else None)


def _part_of_unit(own: str) -> str:
    """A part of a unit as pint knows it: v, a, w and k are capital ones, mm and s small ones."""
    small = own.casefold()
    if spelled := _spelled(small):
        return spelled
    capital = {
        "v": "V",
        "mv": "mV",
        "kv": "kV",
        "a": "A",
        "ma": "mA",
        "ka": "kA",
        "w": "W",
        "kw": "kW",
        "j": "J",
    }
    capital |= {"kj": "kJ", "k": "K", "hz": "Hz", "khz": "kHz", "n": "N", "kn": "kN", "l": "L"}
    return capital.get(small, small if small in words()["unit_parts"] else own)


# ----------------------------------------------------------------------------------------- cells


def _flag_words(texts: pd.Series) -> dict | None:
    """The keys of a column of flags beyond its kind; None where it is none."""
    usual, found = vocabulary.words(), {text.casefold() for text in texts} - {""}
    ticks, yes, no = {"x", "×"}, {*usual.present, "1.0", "v"}, {*usual.absent, "0.0"} - {"×"}
    blank = (texts == "").any()
    if not found or not found <= ticks | yes | no:
        return None
    if found <= ticks | {"v", "✓", "✔"}:  # ticked boxes beside empty ones
        return {"present": sorted(found - yes), "absent": [""]} if blank else None
    return {} if sum(bool(found & kind) for kind in (ticks, yes, no)) > 1 else None


def _as_numbers(guess: Guess, written: str | None) -> bool:
    """Make the guess one of numbers with a unit, where most of its cells are; whether it was."""
    counts = Counter(guess.cells)
    good = {text: one for text in counts if (one := _number(text)) is not None}
    if twofold := [text for text, (found, _) in good.items() if len(found) > 1]:
        values = " or ".join(f"{value:g}" for value in good[twofold[0]][0])
        guess.doubts.append(f"{twofold[0]} may be {values}: the range decides")
        guess.twofold = True
    _settle(good, counts)
    share = sum(counts[text] for text in good) / len(guess.cells)
    numberish = sum(counts[t] for t in counts if t not in good and _NUMBERISH.fullmatch(t))
    dates = sum(counts[t] for t in counts if _DATE.fullmatch(t))
    if dates > 0.5 * len(guess.cells):
        return False
    if share < NUMBERS and (share < 1 / 3 or share + numberish / len(guess.cells) < NUMBERS):
        return False
    units = Counter()
    for text, (_, own) in good.items():
        units[own] += counts[text]
    own = [one for one, _ in units.most_common() if one]
    whole = all(re.fullmatch(r"\d+", text) for text in counts)
    if guess.has("named") and not written and (own or (whole and len(counts) <= LEVELS)):
        return False  # 316L and 4043 are names, whatever they look like
    target = written or (own[0] if own else None)
    numbers, odd = {}, [text for text in counts if text not in good]
    for text, (value, its) in good.items():
        try:
            numbers[text] = convert(value, its, target) if its and target else value
        except ValueError:
            odd.append(text)
    if sum(counts[text] for text in numbers) < sum(counts.values()) / 3:
        return False  # in units that are no units of this: 316L in millimetres
    others = [one for one in own if one != target and _alike(one, target)]
    guess.kind, guess.numbers = "number", guess.cells.map(numbers).dropna()
    guess.keys = {"unit": target} if target else {}
    if others:
        guess.keys["accepted_units"] = [target, *others]
    if own and units[""] and not written:
        guess.doubts.append(f"{units['']} cells have no unit: are they in {target}?")
    if odd:
        guess.doubts.append(f"{len(odd)} cells are no numbers, such as {odd[0][:30]!r}: left empty")
    return True


def _number(text: str) -> list | None:
    """[what the number may be, its unit or ""]; None where the cell is no number with a unit."""
    try:
        digits, written = split_unit(text)
        found = readings(digits)
    except ValueError:
        return None
    own = unit_called(written) if written else ""
    return None if own is None else [found, own]


def _settle(good: dict[str, list], counts: Counter) -> None:
    """Of "1,234" the reading that is nearer to the numbers of which there is one reading."""
    sure = {text: one[0][0] for text, one in good.items() if len(one[0]) == 1}
    clear = [value for text, value in sure.items() for _ in range(counts[text])]
    middle = abs(pd.Series(clear, dtype=float).median())
    for one in good.values():
        found = one[0]
        if len(found) > 1 and middle > 0:
            found = sorted(found, key=lambda value: abs(math.log(abs(value or 1e-9) / middle)))
        one[0] = found[0]


def _alike(one: str, other: str) -> bool:
    try:
        convert(1.0, one, other)
    except ValueError:
        return False
    return True


def _as_words(guess: Guess, texts: pd.Series) -> None:
    """Make the guess one of a category, of labels, or of free text."""
    cells, distinct = guess.cells, guess.cells.nunique()
    if cells.str.fullmatch(_DATE.pattern).mean() > 0.5:
        guess.kind = "date"
        return
    if guess.has("verdicts") and "" not in texts.tolist():
        # "None" beside the names of defects says that there is none.
        none = texts.str.casefold().isin(["none", "없음"])
        if none.any():
            cells = guess.cells = texts[texts.index.isin(cells.index) | none]
            guess.doubts.append("is None a bead without a defect, or not looked at?")
            distinct = cells.nunique()
    joined = _joined(cells) if guess.has("verdicts") else None
    if joined:
        guess.kind, guess.keys = "labels", {"labels": joined}
        guess.doubts += _perhaps_one(joined)
        good = [one for one in joined if labels.key(one) in words()["good"]]
        if good:
            guess.keys["exclusive"] = good[0]
        return
    sentence = guess.has("sentences") and cells.str.count(" ").mean() >= WORDS
    if (
        sentence
        or cells.str.len().mean() > LONG
        or (distinct > LEVELS and distinct > len(cells) / 2)
    ):
        guess.kind = "text"
        return
    guess.kind = "category"
    levels = _spellings(cells, lambda text: re.sub(r"[\s\-‐–_]+", "", text.casefold()))
    if len(levels) <= LEVELS:
        guess.keys = {"levels": {n: {"aliases": a} if a else {} for n, a in levels.items()}}
        guess.doubts += _perhaps_one(levels)


def _joined(cells: pd.Series) -> dict[str, list[str]] | None:
    """Label -> its other spellings, of cells that join labels; None where they do not."""
    sets = [labels.parts(text) for text in cells]
    alone = {labels.key(one[0]) for one in sets if len(one) == 1}
    several = [one for one in sets if len(one) > 1]
    known = [labels.key(part) in alone for one in several for part in one]
    if not several or sum(known) < 0.5 * len(known):
        return None
    found = _spellings([part for one in sets for part in one], labels.key)
    return found if len(found) <= LEVELS else None


def _spellings(texts: Iterable[str], key) -> dict[str, list[str]]:
    """The most frequent spelling -> those that differ in more than case, as `key` groups them."""
    counts = Counter(texts)
    groups: dict[str, list[str]] = {}
    for text, _ in counts.most_common():
        same = key(text) if re.search(r"[^\W\d]", text) else text
        groups.setdefault(same or text, []).append(text)
    order = {group[0]: group for group in groups.values()}
    return {
        first: [one for one in group[1:] if one.casefold() != first.casefold()]
        for first, group in sorted(order.items(), key=lambda pair: labels.key(pair[0]))
    }


def _perhaps_one(names: Iterable[str]) -> list[str]:
    """A question about names of which one begins, or abbreviates, another: LOF, Lack of fusion."""
    keys = {labels.key(name): name for name in names}
    pairs = []
    for one, other in ((one, other) for one in keys for other in keys if one != other):
        initials = "".join(word[0] for word in other.split())
        if (len(one) >= 4 and other.startswith(one)) or (len(one) >= 2 and one == initials):
            pairs.append(f"{keys[one]} and {keys[other]}")
    return [f"the same in other words (then aliases): {', '.join(pairs)}?"] if pairs else []
