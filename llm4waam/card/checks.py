"""What must fit together in a card, told in one line when it is read.

Each of these mistakes would end in a traceback far from its cause, or would change results without
a word: a name that means two things, a spelling of two labels, a formula that tells the answer.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from llm4waam.card import labels
from llm4waam.card.columns import ADDED, ALL_ROLES, CELL, Column, Kind, Role, Task
from llm4waam.card.formulas import constant, names_in
from llm4waam.card.quantities import accepted, convert, unit
from llm4waam.core.tables import nearest

if TYPE_CHECKING:
    from llm4waam.card.card import Card

LONGEST_NAME = 60  # characters: names are parts of paths
MOST_STEPS = 10_000  # in the range of a set-point
# Columns that answers have beside the tasks' own.
ANSWERS = ("bead", "missing", "outside", "models_disagree", "trained_on")
KINDS: dict[Role, tuple[Kind, ...]] = {
    "identifier": ("text", "category", "number"),
    "note": ("text", "category"),
    "prompt": ("text",),
}
# Keys of a column that mean something for one kind alone.
OF_NUMBERS = ("range", "step", "nominal", "faults", "raw_unit", "accepted_units", "unit_header")
# When what a formula uses is known: before the weld, after it, or only with its outcome.
WHEN = {"group": 0, "set_point": 0, "measurement": 1}
OUTCOME = 2


def check_card(card: "Card") -> None:
    """Raise ValueError where names, units, formulas or labels of a card do not fit together."""
    for name, column in card.columns.items():
        try:
            _check_column(card, name, column)
        except ValueError as error:
            raise ValueError(f"columns.{name}: {error}") from None
    _check_names(card)
    _check_roles(card)
    known = _known_when(card)
    for check in card.checks:
        place = f"checks.{check.column}"
        if check.column not in card.named(*ALL_ROLES, kind="number"):
            raise ValueError(f"checks: {check.column!r} is no column of numbers")
        for text in check.expected + [repair.ratio for repair in check.repairs]:
            _when(place, text, known)
            if check.column in names_in(text):
                raise ValueError(f"{place}: {text!r} compares the column with itself")
        for repair in check.repairs:
            if (ratio := constant(repair.ratio)) is not None and ratio <= 0:
                raise ValueError(f"{place}: ratio: {ratio:g} is not above 0")
    for name, task in card.tasks.items():
        try:
            _check_task(card, name, task)
        except ValueError as error:
            raise ValueError(f"tasks.{name}: {error}") from None
        for information, text in task.formulas.items():
            place = f"tasks.{name}.formulas.{information}"
            if _when(place, text, known) > ("pre_weld", "post_weld").index(information):
                raise ValueError(f"{place}: {text!r} uses what is not known then")
    _check_properties(card)
    for name in card.ceiling:
        if not any(name.startswith(f"{task}_") for task in card.tasks):
            reason = "begins with no task; expected TASK_CONDITION, such as"
            raise ValueError(f"ceiling.{name}: {reason} {next(iter(card.tasks))}_without_note")
    if card.process_map and card.process_map[0] == card.process_map[1]:
        raise ValueError("process_map: expected two set-points")
    for name in card.process_map or ():
        if name not in card.turnable():
            raise ValueError(f"process_map: {name!r} is no set-point with a step")
    if card.split_by not in (CELL, *card.clean_columns):
        raise ValueError(f"split_by: {card.split_by!r} is neither {CELL} nor a column")


def _check_names(card: "Card") -> None:
    """Raise ValueError for a derived field or a property whose name means something else too."""
    taken = {name: f"columns.{name}" for name in card.columns}
    for name, derived in card.derived.items():
        place = f"derived.{name}"
        _check_name(place, name, taken)
        try:
            unit(derived.unit)
        except ValueError as error:
            raise ValueError(f"{place}: unit: {error}") from None
    taken |= {name: f"derived.{name}" for name in card.derived}
    for name, column in card.columns.items():
        found = {p for level in column.levels.values() for p in level.properties}
        for one in sorted(found):
            _check_name(f"columns.{name}: the property {one!r}", one, taken)
        taken |= {one: f"a property of columns.{name}" for one in found}


def _check_name(place: str, name: str, taken: Mapping[str, str]) -> None:
    if not re.fullmatch(r"[^\W\d]\w*", name) or len(name) > LONGEST_NAME:
        raise ValueError(f"{place}: this is no name; expected letters, digits, _")
    if name in ADDED:
        raise ValueError(f"{place}: cleaning adds a column of this name; expected another")
    if name in taken:
        raise ValueError(f"{place}: {taken[name]} has the same name")


def _check_roles(card: "Card") -> None:
    """Raise ValueError for two columns of what a table has once, or that say the same."""
    for role in ("identifier", "prompt"):
        names = card.named(role)
        if len(names) > 1:
            raise ValueError(f"columns.{names[1]}: {names[0]} is the {role}; expected one of them")
    read: dict[str, str] = {}
    for name, column in card.columns.items():
        if column.header and (other := read.setdefault(column.header, name)) != name:
            reason = f"header: {column.header!r} is that of {other}, too"
            raise ValueError(f"columns.{name}: {reason}; expected a column of its own")
    fields = {n: c for n, c in card.columns.items() if c.role in ("set_point", "measurement")}
    said: dict[str, str] = {}
    for name, field in {**fields, **card.derived}.items():
        if field.phrase and (other := said.setdefault(_plain(field.phrase), name)) != name:
            raise ValueError(f"{name}: phrase: {field.phrase!r} is that of {other}, too")


def _known_when(card: "Card") -> dict[str, int]:
    """Name that a formula may use -> when its value is known, see WHEN.

    Raises ValueError for a formula that uses what nobody knows, or what stands below it: itself,
    or a field that is computed from it. What a sentence says must be known before its answer.
    """
    read = [(n, c) for n, c in card.columns.items() if c.formula is None]
    known = {n: WHEN.get(c.role, OUTCOME) for n, c in read if c.kind in ("number", "flag")}
    for role in ("set_point", "measurement"):
        known |= dict.fromkeys(card.properties((role,)), WHEN[role])
    everything = {*known, *card.derived, *(n for n, c in card.columns.items() if c.formula)}

    def derive() -> None:
        for name, derived in card.derived.items():
            if names_in(derived.formula) <= {*known}:
                known[name] = _when(f"derived.{name}", derived.formula, known)

    for name, derived in card.derived.items():
        _check_known(f"derived.{name}", derived.formula, everything)
    for name, column in card.columns.items():
        if column.formula is None:
            continue
        _check_known(f"columns.{name}", column.formula, everything)
        derive()
        known[name] = WHEN.get(column.role, OUTCOME)
        if _when(f"columns.{name}", column.formula, known, but=name) > known[name]:
            raise ValueError(f"columns.{name}: a {column.role} is not computed from what is later")
    derive()
    for name, derived in card.derived.items():
        if _when(f"derived.{name}", derived.formula, known, but=name) == OUTCOME and derived.phrase:
            raise ValueError(f"derived.{name}: phrase: no sentence may say what an outcome tells")
    return known


def _check_properties(card: "Card") -> None:
    """Raise ValueError for a property that no formula uses, and that is nearly one that is used.

    What is computed of the level with the slip would silently be unknown.
    """
    formulas = [c.formula for c in card.columns.values() if c.formula]
    formulas += [derived.formula for derived in card.derived.values()]
    for check in card.checks:
        formulas += check.expected + [repair.ratio for repair in check.repairs]
    formulas += [text for task in card.tasks.values() for text in task.formulas.values()]
    used = {name for text in formulas for name in names_in(text)}
    for name, column in card.columns.items():
        given = {one for level in column.levels.values() for one in level.properties}
        for label, level in column.levels.items():
            lacks = (given & used) - {*level.properties}
            for one in sorted({*level.properties} - used):
                if lacks and (near := nearest(one, lacks)):
                    place = f"columns.{name}.levels.{label}: the property {one!r}"
                    raise ValueError(f"{place} is in no formula; expected {near!r}")


def _check_known(place: str, text: str, names: Iterable[str]) -> None:
    try:
        unknown = names_in(text) - {*names}
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    if unknown:
        reason = "is no column of numbers, no property and no derived field"
        raise ValueError(f"{place}: {min(unknown)!r} {reason}")


def _when(place: str, text: str, known: Mapping[str, int], but: str | None = None) -> int:
    """When a formula can be computed; raises ValueError for names that are not `known`, or `but`.

    `but` is the name of what is computed, which may not be used.
    """
    try:
        names = names_in(text)
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None
    late = {name for name in names if name not in known or name == but}
    if but is not None and late:
        reason = "which is itself, is computed from it, or stands below it"
        raise ValueError(f"{place}: {text!r} uses {min(late)!r}, {reason}")
    _check_known(place, text, known)
    return max((known[name] for name in names), default=0)


def _check_column(card: "Card", name: str, column: Column) -> None:
    if not re.fullmatch(r"[a-z]\w*", name) or len(name) > LONGEST_NAME:
        raise ValueError("this is no name; expected lower case, digits, _")
    if name in ADDED:
        raise ValueError("cleaning adds a column of this name; expected another, and its header")
    if column.kind not in KINDS.get(column.role, (column.kind,)):
        expected = " or ".join(KINDS[column.role])
        raise ValueError(f"kind: no {column.role} is {column.kind}; expected {expected}")
    _check_source(card, name, column)
    if column.kind != "number":
        for key in OF_NUMBERS:
            if getattr(column, key) not in (None, []):
                raise ValueError(f"{key}: expected only where kind is number")
    else:
        _check_number(column)
    if (column.present or column.absent) and column.kind != "flag":
        raise ValueError("present, absent: expected only where kind is flag")
    both = {_plain(one) for one in column.present} & {_plain(one) for one in column.absent}
    if both:
        raise ValueError(f"present, absent: {min(both)!r} stands in both")
    _check_words(column)


def _check_source(card: "Card", name: str, column: Column) -> None:
    """Raise ValueError where it is not clear from where the values of a column come."""
    if column.header is not None and column.formula is not None:
        raise ValueError("expected a header or a formula, and not both")
    if column.formula is not None and column.kind not in ("number", "flag"):
        raise ValueError("formula: expected kind: number")
    if column.formula is not None and column.role not in ("set_point", "measurement", "outcome"):
        raise ValueError("formula: expected role: set_point, measurement or outcome")
    if column.required and column.header is None:
        raise ValueError("required: expected only where there is a header")
    if column.unit_header is not None and column.unit_header == column.header:
        raise ValueError(f"unit_header: {column.header!r} is the column itself")
    if column.lost_unit_like is not None:
        like = card.columns.get(column.lost_unit_like)
        if like is None or like.header is None or column.lost_unit_like == name:
            raise ValueError(f"lost_unit_like: {column.lost_unit_like!r} is no other column")
        if like.role not in ("group", "set_point") or like.kind not in ("category", "text"):
            raise ValueError(f"lost_unit_like: {column.lost_unit_like!r} is no group")
        if column.unit_header is None:
            raise ValueError("lost_unit_like: expected only where there is a unit_header")
    if column.label_of is not None:
        if column.label_of not in card.named("identifier"):
            raise ValueError(f"label_of: {column.label_of!r} is no identifier")
        if column.kind != "labels":
            raise ValueError("label_of: expected kind: labels")


def _check_number(column: Column) -> None:
    for other in column.units:
        unit(other)
        convert(1.0, other, column.unit or "")
    behind = re.fullmatch(r".*[\[(（]([^\[\](（)）]+)[\])）]", column.header or "")
    if behind and column.unit and not column.raw_unit and not column.unit_header:
        said = accepted(behind[1].strip(), column.units)
        if said and unit(said) != unit(column.unit):
            reason = f"header: {column.header!r} says {said}, and unit is {column.unit}"
            raise ValueError(f"{reason}; expected raw_unit, in which the table has its numbers")
    low, high = column.bounds
    if low >= high:
        raise ValueError(f"range: {low:g} is not below {high:g}")
    if column.nominal is not None and not low <= column.nominal <= high:
        raise ValueError(f"nominal: {column.nominal:g} is outside the range")
    if column.step is not None and low > -float("inf") and high < float("inf"):
        if column.step > high - low:
            raise ValueError(f"step: {column.step:g} is wider than the range")
        if column.step * MOST_STEPS < high - low:
            reason = f"the range has more than {MOST_STEPS} of them"
            raise ValueError(f"step: {column.step:g} is too fine: {reason}")


def _check_words(column: Column) -> None:
    """Raise ValueError for labels and levels that could not be told apart, or not be read back."""
    if (column.kind == "labels") != bool(column.labels):
        raise ValueError("labels: expected where kind is labels, and only there")
    if column.levels and column.kind != "category":
        raise ValueError("levels: expected only where kind is category")
    levels = {name: level.aliases for name, level in column.levels.items()}
    for place, words, key in (("labels", column.labels, labels.key), ("levels", levels, _plain)):
        meanings: dict[str, str] = {}
        for name, others in words.items():
            if not key(name) or name != name.strip() or re.search(r"[\n\r\t]", name):
                raise ValueError(f"{place}: {name!r} is no word")
            for spelling in (name, *others):
                if (other := meanings.setdefault(key(spelling), name)) != name:
                    raise ValueError(f"{place}: {spelling!r} means {other!r} and {name!r}")
    own = {labels.key(s): name for name, others in column.labels.items() for s in (name, *others)}
    for name in column.labels:
        if labels.JOINER in name.casefold():
            reason = f"holds {labels.JOINER.strip()!r}, which joins two labels"
            raise ValueError(f"labels: {name!r} {reason}")
        for spelling in (name, *column.labels[name]):
            each = [own.get(labels.key(part)) for part in labels.parts(spelling)]
            if None not in each and {*each} - {name}:
                reason = f"of {name!r} also means {' and '.join(map(repr, each))}"
                raise ValueError(f"labels: {spelling!r} {reason}")
    if column.exclusive is not None and column.exclusive not in column.labels:
        raise ValueError(f"exclusive: {column.exclusive!r} is no label")


def _plain(spelling: str) -> str:
    """A word as cells are compared with it."""
    return spelling.strip().casefold()


# Kind of a task: the kinds of column that it may ask for.
ASKED: dict[str, tuple[Kind, ...]] = {
    "regression": ("number",),
    "multi_label": ("labels", "flag"),
    "multi_class": ("category",),
    "binary": ("labels", "category", "flag", "number"),
}


def _check_task(card: "Card", own: str, task: Task) -> None:
    if not re.fullmatch(r"[^\W\d]\w*", own) or len(own) > LONGEST_NAME:
        raise ValueError("this is no name; expected letters, digits, _")
    if own in ANSWERS:
        raise ValueError("answers have a column of this name; expected another")
    for name in task.columns:
        if name not in card.named("outcome"):
            raise ValueError(f"{name!r} is no outcome column")
        if task.columns.count(name) > 1:
            raise ValueError(f"columns: {name!r} stands twice")
        kind = card.columns[name].kind
        if kind not in ASKED[task.kind]:
            fit = [one for one, kinds in ASKED.items() if kind in kinds]
            raise ValueError(f"{task.kind} of a {kind} column; expected kind: {' or '.join(fit)}")
    first, column = task.columns[0], card.columns[task.columns[0]]
    flags = task.kind == "multi_label" and {card.columns[n].kind for n in task.columns} == {"flag"}
    if len(task.columns) > 1 and not flags:
        raise ValueError("columns: only a multi_label task of flags has more than one")
    if column.kind == "category" and len(column.levels) < 2:
        raise ValueError(f"columns.{first} needs its levels, two or more")
    if task.kind != "regression" and (task.formulas or task.transform != "none"):
        raise ValueError("transform and formulas are of regressions alone")
    if task.kind == "binary":
        _check_binary(task, first, column)
    elif task.threshold is not None or task.label is not None or task.good is not None:
        raise ValueError("label, threshold and good are of binary tasks alone")


def _check_binary(task: Task, first: str, column: Column) -> None:
    if column.kind == "number" and task.threshold is None:
        raise ValueError(f"threshold is missing: the answer is yes where {first} is at least that")
    if column.kind != "number" and task.threshold is not None:
        raise ValueError(f"threshold: {first} is no number")
    named = {"labels": [*column.labels], "category": [*column.levels], "flag": [first]}
    known = named.get(column.kind, [task.label])
    if task.label not in known and not (column.kind == "flag" and task.label is None):
        raise ValueError(f"{task.label!r} is no label of {first}; expected {', '.join(known)}")
    if len({_plain(one) for one in task.classes} - {""}) < 2:
        raise ValueError("classes: expected two names")
    if task.good is not None and task.good not in task.classes:
        raise ValueError(f"good: {task.good!r} is none of {', '.join(task.classes)}")
