"""Any card, table, parameter or bead ends in an answer or in one line: no traceback, no hang.

The same inputs in every run; what was once found stays as an example.
"""

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml
from conftest import HEADER, ROOT, SMALL_CARD, small_rows
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llm4waam.card.card import read_card
from llm4waam.cleaning.clean import clean_table
from llm4waam.commands.predict import Request, rows_of
from llm4waam.core.errors import StudyError
from llm4waam.core.settings import read_params
from llm4waam.core.tables import read_rows, read_strings
from llm4waam.inference.user_table import chunks, form_of
from stages.check_params import AllParams

CARD = yaml.safe_load(SMALL_CARD)
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
SIGNS = st.text(st.characters(codec="utf-8"), max_size=12)
WORDS = st.one_of(
    st.sampled_from(["travel_speed_mm_s", "voltage_v", "labels", "note", "bead", "cell"]),
    st.sampled_from(["efficiency", "speed_doubled", "Normal", "hump", "a or b", "mm/s", "kg"]),
    st.sampled_from(["set_point", "outcome", "identifier", "prompt", "number", "flag", "text"]),
    st.sampled_from(["m**99999999", "9**9**9", "(((m", "1/0", "~a", "a @ b", "-" * 1500 + "a"]),
    st.sampled_from(["../x", "x" * 300, "1e400", "한국", "\0", "a\rb"]),
)
NUMBERS = st.one_of(st.integers(-2, 40), st.floats(), st.sampled_from([1e30, -1e30, 10**400]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, SIGNS)
VALUES = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(WORDS, part, max_size=2)
)
CELLS = st.one_of(
    SIGNS,
    WORDS,
    st.sampled_from(["", "-", "5 mm/s", "1,234", "9" * 5000, "±5", "5 m/s/0", "007", "1.10"]),
    st.sampled_from(["Normal", "hump/LOF", "Normal or Humping", "bead_00002", "r00", "=1+1"]),
)

quick = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def says_one_line(run: Callable[[], object]) -> object:
    """What `run` gives; None where it ends in one line, as a mistake of the user does."""
    try:
        return run()
    except StudyError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 4000
    return None


def places(node: object, at: tuple = ()) -> list[tuple]:
    """The way to every value below the top."""
    parts = node.items() if isinstance(node, dict) else []
    parts = enumerate(node) if isinstance(node, list) else parts
    found = [((*at, key), part) for key, part in parts]
    return [place for place, _ in found] + [
        below for place, part in found for below in places(part, place)
    ]


def changed(node: dict, place: tuple, value: object) -> dict:
    """A copy of `node` with another value at a place."""
    found = copy.deepcopy(node)
    *way, last = place
    inside = found
    for key in way:
        inside = inside[key]
    inside[last] = value
    return found


@cache
def small_table() -> str:
    return "\n".join([HEADER, *small_rows()]) + "\n"


def cleaned(folder: Path, name: str) -> None:
    """The table of a folder by its card, cleaned, and read as that of a user."""
    card, file = read_card(folder / "small.yaml"), folder / name
    raw, broken = read_strings(file, card.table)
    beads, _ = clean_table(raw, card, broken, file)
    assert beads["bead"].is_unique
    for _ in chunks(read_rows(file, form_of(file, card)), card, "post_weld"):
        pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_text(SMALL_CARD, encoding="utf-8")
    (tmp_path / "small.csv").write_text(small_table(), encoding="utf-8")
    return tmp_path


@quick
@given(place=st.sampled_from(places(CARD)), value=VALUES)
@example(place=("columns", "travel_speed_mm_s", "unit"), value="9**99**9")
@example(place=("columns", "travel_speed_mm_s", "unit"), value="m/0")
@example(place=("columns", "travel_speed_mm_s", "unit"), value="(((m")
@example(place=("columns", "note", "role"), value="prompt")
@example(place=("derived", "speed_doubled", "formula"), value="9**9**9")
@example(place=("derived", "speed_doubled", "formula"), value="speed_doubled + 1")
@example(place=("checks", 0, "expected"), value=[])
@example(place=("tasks",), value={})
def test_a_changed_card(folder: Path, place: tuple, value: object) -> None:
    text = yaml.safe_dump(changed(CARD, place, value), allow_unicode=True)
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    says_one_line(lambda: cleaned(folder, "small.csv"))


@quick
@given(text=st.one_of(SIGNS, st.text("[]{}:,&*!'\"-?|>#% \n\tab01", max_size=40)))
@example(text="[" * 10_000)
@example(text="{a: " * 10_000)
@example(text="a: &a [*a]")
@example(text="a: !!int abc")
@example(text="a: 2024-13-45")
@example(text="a: 1\na: 2")
@example(text="".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9 * bool(n)}x]\n" for n in range(12)))
def test_any_text_as_a_card(folder: Path, text: str) -> None:
    (folder / "small.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert says_one_line(lambda: read_card(folder / "small.yaml")) is None


@quick
@given(place=st.sampled_from(places(PARAMS)), value=VALUES)
@example(place=("train", "weight_decay"), value=1e30)
@example(place=("train", "inner_folds"), value=1)
@example(place=("tasks",), value=["quality", "quality"])
@example(place=("text", "templates"), value=["statement", "statement"])
@example(place=("other_tables", "ai4i2020", "apart", "split", "folds"), value=1e30)
def test_a_changed_parameter(folder: Path, place: tuple, value: object) -> None:
    file = folder / "params.yaml"
    file.write_text(yaml.safe_dump(changed(PARAMS, place, value)), encoding="utf-8")
    says_one_line(lambda: read_params(AllParams, file))


@quick
@given(cells=st.lists(st.tuples(st.integers(0, 23), st.integers(0, 9), CELLS), max_size=4))
@example(cells=[(n, 9, "n/a") for n in range(24)])
@example(cells=[(3, 0, "-"), (5, 0, "bead_00004")])
@example(cells=[(3, 8, "a\rb")])
@example(cells=[(3, 3, "9" * 10_000), (4, 4, "9" * 10_000)])
def test_a_changed_table(folder: Path, cells: list[tuple[int, int, str]]) -> None:
    rows = [line.split(",") for line in small_rows()]
    for row, column, cell in cells:
        rows[row][column] = cell
    header = HEADER.split(",")
    lines = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
    (folder / "small.jsonl").write_text("\n".join(lines), encoding="utf-8")
    says_one_line(lambda: cleaned(folder, "small.jsonl"))


@quick
@given(data=st.binary(max_size=80), ending=st.sampled_from(["csv", "json", "jsonl", "xlsx"]))
@example(data=b"[" * 10_000, ending="json")
@example(data=b'[{"a": ' + b"9" * 10_000 + b"}]", ending="json")
@example(data=b'{"record": "\\ud800"}', ending="jsonl")
@example(data=b'{"record": "\\u0000"}', ending="jsonl")
@example(data=b"PK\x03\x04" + b"x" * 50, ending="xlsx")
def test_any_bytes_as_a_table(folder: Path, data: bytes, ending: str) -> None:
    (folder / f"small.{ending}").write_bytes(data)
    says_one_line(lambda: cleaned(folder, f"small.{ending}"))


@quick
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["travel_speed", "material", "note", "nothing", ""]), CELLS),
        min_size=1,
        max_size=4,
    )
)
def test_any_words_after_set(folder: Path, pairs: list[tuple[str, str]]) -> None:
    card = read_card(folder / "small.yaml")
    request = Request(pairs=[f"{name}={value}" for name, value in pairs])
    says_one_line(lambda: list(chunks(rows_of(request, card), card, "pre_weld")))
