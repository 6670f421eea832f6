"""What a product was made from: a mark beside its numbers, compared by whoever shows it.

An ablation, or the trial of advice, stands in git and outlives the run that made it: the next run
may be of another table, of another split or by other parameters. The mark names the table (dataset,
card, clean beads), the folds and the parameters one by one. What is of another table is never
shown; what is of this table by other parameters is shown with their names.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from llm4waam.core.dotted import dotted
from llm4waam.core.errors import StudyError, require_file
from llm4waam.core.files import fingerprint, read_table
from llm4waam.core.settings import PARAMS_FILE, Params, read_params

KEY = "made_from"  # in every file of metrics that has a mark
BEADS, FOLDS = Path("data/clean/beads.csv"), Path("data/split/folds.csv")
TABLE = ("dataset", "card", "beads")
# The sections of params.yaml that decide what the final models say, and what all models say.
MODELS = ("tasks", "text", "split", "train", "encoder", "target")
STUDY = (*MODELS, "baselines")
SHARED_OUT = ("workers", "threads")  # how the work is shared out changes no result
DIGITS = "%.6g"  # a processor of another make may change the last digit of a formula's value
NOT_SET = "–"
_NOTHING = object()


def of_model(encoder: str, task: str) -> list[str]:
    """What of params.yaml decides one final model, as `made_from` takes it."""
    return ["text", "train", f"encoder.{encoder}", f"target.{task}"]


def made_from(sections: Iterable[str] = STUDY, ablations: Iterable[str] = ()) -> dict:
    """The mark of what is made now, in the current folder.

    `sections` are those of params.yaml that decide it, or dotted names in them (encoder.bert),
    `ablations` the names that do so in the section of that name. Every value is a text, so that it
    is compared as it is read. Raises StudyError for a file that is missing or cannot be read.
    """
    params, raw = read_params(Params), _raw_params()
    return {
        "dataset": params.dataset,
        "card": _card_mark(params.card_file),
        "beads": _table_mark(BEADS),
        "folds": fingerprint(_present(FOLDS)),
        "parameters": _nested(dict(_values(raw, sections))),
        "ablations": {name: _as_text(raw["ablations"][name]) for name in ablations},
    }


def made_now() -> dict:
    """The mark of everything in the current folder, to compare products with."""
    raw = _raw_params()
    return made_from(raw.keys() - {"ablations"}, raw.get("ablations", ()))


def differences(product: Mapping, now: Mapping) -> dict[str, tuple[str, str]] | None:
    """What differs between the mark of a product and `now`: name -> (then, now).

    None where the product is of another table, or does not say of which. Of `now` counts what the
    product's mark names; "folds" stands for all folds.
    """
    then = product.get(KEY)
    if then is None or any(then.get(name) != now[name] for name in TABLE):
        return None
    known = {
        "folds": now["folds"],
        "parameters": {name: now["parameters"].get(name) for name in then.get("parameters", ())},
        "ablations": {name: now["ablations"].get(name) for name in then.get("ablations", ())},
    }
    before, after = _flat({key: then.get(key) for key in known}), _flat(known)
    return {
        name.removeprefix("parameters."): (before.get(name, NOT_SET), after.get(name, NOT_SET))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def joined(products: Mapping[object, Mapping]) -> dict:
    """The mark of what is made from several products, by their names.

    Raises StudyError where two of them were made from different things.
    """
    found: dict = {}
    for name, product in products.items():
        for key, value in _flat(product.get(KEY, {})).items():
            if found.setdefault(key, value) != value:
                reason = "made from something else than what it is put together with"
                raise StudyError(name, reason, column=key, value=value, expected=found[key])
    return _nested(found)


def _raw_params() -> dict:
    return yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))


def _values(raw: Mapping, names: Iterable[str]) -> Iterator[tuple[str, object]]:
    """The dotted names under which something stands, and what does, as a text."""
    for name in names:
        value: object = raw
        for place in name.split("."):
            value = value.get(place, _NOTHING) if isinstance(value, Mapping) else _NOTHING
        if value is not _NOTHING:
            yield name, _as_text(value)


def _present(file: Path) -> Path:
    require_file(file, "what dvc repro makes")
    return file


def _card_mark(file: Path) -> str:
    """Twelve letters for what a card says; comments and layout do not count."""
    said = json.dumps(yaml.safe_load(_present(file).read_text(encoding="utf-8")), default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _table_mark(file: Path) -> str:
    """Twelve letters for the rows of a table.

    A column is one of numbers where all of its cells are written as a stage writes a float: codes
    such as 007 and 7, or 1.10 and 1.1, are not the same.
    """
    columns = read_table(_present(file)).columns
    table = read_table(file, types=dict.fromkeys(columns, str))
    for name, texts in table.items():
        if texts.dropna().map(_is_float).all():
            table[name] = texts.astype(float)
    said = table.to_csv(index=False, lineterminator="\n", float_format=DIGITS)
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def _is_float(text: str) -> bool:
    try:
        return repr(float(text)) == text
    except ValueError:
        return False


def _as_text(value: object) -> object:
    """A section with texts as leaves: 30 and 30.0 are one number, and DVC's 1e-05 is one too."""
    if isinstance(value, Mapping):
        return {k: _as_text(part) for k, part in value.items() if k not in SHARED_OUT}
    if isinstance(value, list) and not any(isinstance(part, (Mapping, list)) for part in value):
        return ", ".join(str(_as_text(part)) for part in value)
    if isinstance(value, (bool, list, type(None))):
        return json.dumps(value, ensure_ascii=False)
    try:
        number = float(value)
    except ValueError:
        return value
    return f"{number:.12g}" if math.isfinite(number) else str(value)


def _flat(sections: Mapping) -> dict[str, object]:
    """The leaves by their dotted names; what is not there has none."""
    return {name: one for name, one in dotted(sections).items() if one not in (None, {})}


def _nested(flat: Mapping[str, object]) -> dict:
    found: dict = {}
    for name, value in flat.items():
        *places, last = name.split(".")
        inside = found
        for place in places:
            inside = inside.setdefault(place, {})
        inside[last] = value
    return found
