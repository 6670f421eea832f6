"""The draft of a data card: what an unknown table seems to hold, and what a person must decide.

The draft passes `stages.clean` as it is. What it is unsure of stands behind `# ?` as a question.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from llm4waam.card import labels
from llm4waam.card.card import read_card
from llm4waam.card.columns import ADDED
from llm4waam.cleaning.card_text import card_text
from llm4waam.cleaning.clean import clean_table
from llm4waam.cleaning.guesses import (
    LEVELS,
    MANY,
    Guess,
    guess_column,
    unit_called,
    words,
    words_of,
)
from llm4waam.core.errors import StudyError
from llm4waam.core.tables import TableFormat

NAMES = 0.9  # share of the rows that an identifier tells apart at least
TOLD = 8  # kinds of rejection that are told of a draft
SHOWN = 3  # tasks that the command to run names; each costs minutes
LOSSES = {
    "regression": "mse",
    "binary": "bce",
    "multi_label": "bce",
    "multi_class": "cross_entropy",
}


@dataclass
class Draft:
    """The text of a card, its tasks (name -> kind) and what a person must decide."""

    text: str
    tasks: dict[str, str]
    decisions: list[str]


def draft_card(raw: pd.DataFrame, title: str, form: TableFormat) -> Draft:
    """The draft for a table of strings, one row a bead, that is written as `form` says."""
    units, body = _units_row(raw)
    guesses = _guesses(body, units)
    _give_roles(guesses, len(body))
    _find_long(guesses, body)
    names = _names(guesses)
    if not names:
        raise StudyError(title, "no column holds anything that a card could name")
    tasks = _tasks(names)
    return Draft(
        card_text(title, form, names, [g for g in guesses if g.left_out], tasks),
        {name: task["kind"] for name, (task, _) in tasks.items()},
        _decisions(names, tasks, units),
    )


def check_draft(
    card_file: Path, raw: pd.DataFrame, broken: dict[int, int], file: Path
) -> list[str]:
    """What cleaning makes of the table by its drafted card, in lines."""
    try:
        beads, log = clean_table(raw, read_card(card_file), broken, file)
    except StudyError as error:
        return [f"cleaning stops: {error}"]
    cells = f"{beads['cell'].nunique()} combinations of set-points"
    lines = [f"cleaning makes {len(beads)} beads of {len(raw) + len(broken)} rows, in {cells}"]
    rejected = [line for line in log.summary() if line.startswith("rejected")]
    return [*lines, *(f"  {line}" for line in rejected[:TOLD])]


# --------------------------------------------------------------------------------------- columns


def _units_row(raw: pd.DataFrame) -> tuple[dict[str, str], pd.DataFrame]:
    """Header -> unit where the first row holds units and no values; and the rows without it."""
    first = raw.iloc[0].str.strip()
    said = {header: text for header, text in first.items() if text.strip("-[]() ")}
    found = {header: text.strip("[]() ") for header, text in said.items()}
    if len(raw) > 1 and found and all(map(unit_called, found.values())):
        return found, raw.iloc[1:]
    return {}, raw


def _guesses(body: pd.DataFrame, units: dict[str, str]) -> list[Guess]:
    """A guess for every column; a column of units goes into the one that it belongs to."""
    guesses = {h: guess_column(h, body[h], units.get(h)) for h in body}
    by_words = {tuple(guess.words): guess for guess in guesses.values()}
    for guess in guesses.values():
        *base, last = guess.words or [""]
        owner = by_words.get(tuple(base))
        written = {one: unit_called(one) for one in guess.cells.unique()}
        if last not in ("unit", "units") or owner is None or owner.kind != "number":
            continue
        if not written or not all(written.values()):
            continue
        common = unit_called(guess.cells.value_counts().idxmax())
        owner.keys |= {"unit": common, "accepted_units": list(written), "unit_header": guess.header}
        guess.left_out = f"it holds the units of {owner.header}"
        if owner.numbers is not None:
            owner.numbers = None  # in several units: their range is not known
    return list(guesses.values())


def _give_roles(guesses: list[Guess], rows: int) -> None:
    kept = [guess for guess in guesses if not guess.left_out]
    series = _numbered([guess.header for guess in kept])
    for place, guess in enumerate(kept):
        guess.role = _role(guess, rows, place, after_outcome=any(g.role == "outcome" for g in kept))
        if guess.role is None and guess.header in series:
            guess.role = "measurement"
            if not any(other.header in series for other in kept[:place]):
                guess.doubts.append(f"{len(series)} numbered columns: measured, set, or outcomes?")
        if guess.role is None:
            many = guess.kind == "number" and rows >= MANY and guess.cells.nunique() > rows / 2
            guess.role = "measurement" if many else "set_point"
            guess.doubts.append("set before the weld, measured in it, or an outcome?")
    for guess in kept:
        if guess.role == "note" and (said := _outcome_words(guess, kept)):
            guess.left_out = f"its text tells outcomes ({said}), which no sentence may hold"
        elif guess.kind == "text" and guess.role not in ("identifier", "note", "prompt"):
            guess.role = "note"
            guess.doubts.append("free text: was it written before the outcome was known?")
        elif guess.kind == "date":
            guess.left_out = (
                "dates and times are no set-points; as role group they may be a session"
            )
    for role in ("identifier", "prompt"):
        first, *others = [g for g in kept if g.role == role and not g.left_out] or [None]
        for guess in others:
            guess.left_out = f"a card has one {role}, which is {first.header}"
    kept = [guess for guess in kept if not guess.left_out]
    if not any(g.role in ("set_point", "prompt") for g in kept):
        for guess in (g for g in kept if g.role == "measurement"):
            guess.role = "set_point"
    if not any(guess.role == "outcome" and _asks(guess) for guess in kept):
        _last_as_outcome(kept)


def _role(guess: Guess, rows: int, place: int, *, after_outcome: bool) -> str | None:
    """The role that the header, and what is unique in the table, tell; None where nothing does."""
    distinct = guess.cells.nunique()
    unique = rows > 1 and len(guess.cells) == rows and distinct >= NAMES * rows
    whole = guess.cells.str.fullmatch(r"\d+(\.0)?").all()
    if guess.kind == "text" and guess.has("sentences"):
        return "prompt"
    if guess.has("note") and guess.kind in ("text", "category"):
        guess.kind, guess.keys = "text", {}
        guess.doubts.append("was it written before the outcome was known?")
        return "note"
    if guess.has("outcome") and not guess.has("settings") and guess.kind != "text":
        return "outcome"
    if guess.kind == "flag":
        if after_outcome:
            guess.doubts.append("an outcome, as it stands behind one?")
            return "outcome"
        return None
    named = guess.has("identifier") and not guess.has("set_point")
    if named and unique and (guess.kind != "number" or whole):
        if distinct < rows:
            guess.doubts.append(
                f"{rows - distinct} rows repeat a name: copies, which are left out?"
            )
        guess.kind, guess.keys = "text", {}
        return "identifier"
    counted = (
        whole
        and place == 0
        and not guess.has("set_point")
        and rows > 4
        and distinct == rows
        and guess.kind == "number"
    )
    if counted and guess.numbers is not None and (guess.numbers.diff().dropna() == 1).all():
        guess.kind, guess.keys = "text", {}
        guess.doubts.append("the number of the row?")
        return "identifier"
    if guess.has("measurement"):
        return "measurement"
    if guess.has("group") and not guess.has("set_point") and guess.kind in ("category", "number"):
        guess.kind, guess.keys = "category", {}
        guess.doubts.append("shall the rows of one value stay together in a fold (split_by)?")
        return "group"
    if named and guess.kind != "number":
        guess.kind, guess.keys = "category", {}
        guess.doubts.append("its values repeat: of one bead (then label_of), or a group?")
        return "group"
    if (
        guess.kind == "text"
        and unique
        and distinct == rows
        and place == 0
        and guess.cells.str.len().mean() < LEVELS
    ):
        guess.doubts.append("the name of the row?")
        return "identifier"
    if guess.has("set_point"):
        if not {"voltage", "current", "temperature", "force"}.isdisjoint(guess.words):
            guess.doubts.append("set before the weld, or measured in it (set_point, measurement)?")
            if guess.kind == "number" and rows >= MANY and distinct > rows / 2:
                return "measurement"
        return "set_point"
    return "set_point" if guess.kind == "category" else None


def _numbered(headers: list[str]) -> set[str]:
    """Headers of which three or more differ in a number alone: sz1_mm, sz2_mm, sz3_mm."""
    stems = pd.Series(
        [re.sub(r"(?<=[^\W\d])[ _]?\d+(?=$|[ _(\[])", "#", h) for h in headers], headers
    )
    stems = stems[stems.str.contains("#")]
    return set(stems.index[stems.groupby(stems).transform("size") >= 3])


def _outcome_words(guess: Guess, kept: list[Guess]) -> str | None:
    """A label of an outcome that stands in a text, such as "humped"."""
    texts = " ".join(guess.cells).casefold()
    for other in (one for one in kept if one.role == "outcome"):
        for name in [*other.keys.get("labels", {}), *other.keys.get("levels", {})]:
            stem = name.casefold()[: max(4, len(name) - 3)]
            if len(stem) >= 4 and labels.key(name) not in words()["good"] and stem in texts:
                return name
    return None


def _asks(guess: Guess) -> bool:
    """Whether a task can be made of an outcome: its values differ."""
    return guess.kind != "text" and guess.cells.nunique() > 1


def _find_long(guesses: list[Guess], body: pd.DataFrame) -> None:
    """Make a name that repeats the identifier where its rows differ in one word of outcome alone.

    The table then has a row for each bead and label.
    """
    kept = [guess for guess in guesses if not guess.left_out]
    asked = [g for g in kept if g.role == "outcome" and g.keys.get("levels")]
    if len(asked) != 1:
        return
    [answer] = asked
    for named in (g for g in kept if g.role == "group" and g.has("identifier")):
        others = [g.header for g in kept if g is not named]
        differ = body.groupby(named.header)[others].nunique().max() > 1
        if differ.index[differ].tolist() != [answer.header] or len(named.cells) < len(body):
            continue
        named.role, named.kind, named.keys = "identifier", "text", {}
        named.doubts = ["a row for each bead and label, and the rows of one name are one bead?"]
        found = {name: level.get("aliases", []) for name, level in answer.keys["levels"].items()}
        good = [name for name in found if labels.key(name) in words()["good"]]
        answer.kind, answer.keys = "labels", {"labels": found, "label_of": named}
        answer.keys |= {"exclusive": good[0]} if good else {}
        return


def _last_as_outcome(kept: list[Guess]) -> None:
    """Where no outcome is likely: the last column of numbers, or else the last that differs."""
    for wanted in (("number",), ("number", "flag", "category")):
        for guess in reversed(kept):
            if guess.kind in wanted and guess.role != "identifier" and _asks(guess):
                if guess.kind == "category" and len(guess.keys.get("levels", {})) < 2:
                    continue
                guess.role, guess.doubts = "outcome", ["what is to be predicted? this is a guess"]
                return


def _names(guesses: list[Guess]) -> dict[str, Guess]:
    """Name in the card -> guess: small ASCII letters, digits and _; what cannot be is column_3."""
    found: dict[str, Guess] = {}
    for number, guess in enumerate(guesses, start=1):
        if guess.left_out:
            continue
        plain = guess.header.isascii()
        parts = words_of(guess.header) if plain and not guess.words else guess.words
        name = "_".join(parts)
        if plain and re.fullmatch(r"[a-z][a-z0-9_]*", guess.header.casefold()):
            name = guess.header.casefold()
        if not re.match(r"[a-z]", name):
            name = f"column_{number}"
        name += "_id" * (name in ADDED)
        while name in found:
            name = f"{name}_{number}"
        found[name] = guess
    return found


# ----------------------------------------------------------------------------------------- tasks


def _tasks(names: dict[str, Guess]) -> dict[str, tuple[dict, list[str]]]:
    """Name of a task -> (what the card says of it, doubts), for every outcome that differs."""
    found: dict[str, tuple[dict, list[str]]] = {}
    asked = {n: g for n, g in names.items() if g.role == "outcome" and _asks(g)}
    flags = [n for n, g in asked.items() if g.kind == "flag"]
    one_by_one = [n for n in flags if asked[n].has("verdicts") or len(flags) == 1]
    several = [n for n in flags if n not in one_by_one]
    for name, guess in asked.items():
        if guess.kind == "number":
            doubts = []
            if guess.cells.nunique() <= 6 and len(guess.cells) >= MANY:
                doubts.append("few values: a number, or a class (kind: category)?")
            found[name] = {"kind": "regression", "columns": [name]}, doubts
        elif guess.kind == "labels":
            found[name] = {"kind": "multi_label", "columns": [name]}, []
            if good := guess.keys.get("exclusive"):
                free = f"{name}_free" if "quality" in names else "quality"
                found[free] = _binary(name, good, "defect", good) | {"good": good}, []
        elif guess.kind == "category":
            levels = list(guess.keys.get("levels", {}))
            good = next((one for one in levels if labels.key(one) in words()["good"]), None)
            if len(levels) == 2:
                yes = good or levels[1]
                [no] = set(levels) - {yes}
                task = _binary(name, yes, no, yes) | ({"good": yes} if good else {})
                found[name] = task, [] if good else [f"is {yes} the good one? then good: {yes}"]
            elif len(levels) > 2:
                found[name] = {"kind": "multi_class", "columns": [name]}, []
        elif name in one_by_one or len(several) == 1:
            task = {"kind": "binary", "columns": [name], "label": name}
            yes = "yes" if not {"ok", "pass", "passed"}.isdisjoint(guess.words) else "no"
            found[name] = task, [f"is {yes} the good answer? then good: {yes}"]
    if len(several) > 1:
        name = "defects" if "defects" not in found else "flags"
        found[name] = {"kind": "multi_label", "columns": several}, ["do these belong together?"]
    return found


def _binary(column: str, label: str, no: str, yes: str) -> dict:
    no = no if no != yes else f"not {yes}"
    return {"kind": "binary", "columns": [column], "label": label, "classes": [no, yes]}


def _decisions(names: dict[str, Guess], tasks: dict, units: dict[str, str]) -> list[str]:
    of = {role: [n for n, g in names.items() if g.role == role] for role in
          ("outcome", "group", "identifier", "measurement", "set_point", "note")}  # fmt: skip

    def said(listed: list[str]) -> str:
        return ", ".join(listed) or "none"

    shown = [f"{name} ({task['kind']})" for name, (task, _) in tasks.items()]
    lines = [
        f"outcomes: {said(of['outcome'])}; tasks: {said(shown)}",
        f"groups, whose rows must stay together in a fold (split_by): {said(of['group'])}",
        f"repeats: rows with equal set-points ({said(of['set_point'])}) stay in one fold; "
        f"identifier: {said(of['identifier'])}"
        + ("" if of["identifier"] else ", so that equal rows are repeats, not copies"),
        f"measured in the weld, and no outcome: {said(of['measurement'])}",
        "simulated or measured; the licence and the source",
    ]
    if of["note"]:
        lines.append(f"written before the outcome was known: {said(of['note'])}")
    if units:
        lines.append("row 1 holds units, which the card has taken over; clean leaves the row out")
    return lines
