"""Mistakes in a card that were once accepted and changed results, or ended in a traceback."""

import time
from pathlib import Path

import pytest
from conftest import SMALL_CARD

from llm4waam.card.card import Card, read_card
from llm4waam.card.vocabulary import further_spellings
from llm4waam.core.errors import StudyError

FORMULA = "formula: travel_speed_mm_s * 2"
LEVELS = "ER316L: {properties: {efficiency: 0.8}}"
LABELS = "{Humping: [hump], Balling: [], Lack of fusion: [LOF], Normal: []}"
NOTE = "note: {meaning: note, role: note, kind: text, header: note}"


def read(folder: Path, text: str) -> Card:
    file = folder / "card.yaml"
    file.write_text(text, encoding="utf-8")
    return read_card(file)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # Formulas
        (FORMULA, "formula: travel_speed_mm_s / 0", "derived.speed_doubled: .* divides by zero"),
        (FORMULA, "formula: 9**9**9", "derived.speed_doubled: .* no finite number"),
        (FORMULA, "formula: 1e400 * travel_speed_mm_s", "derived.speed_doubled: .* no finite"),
        (FORMULA, "formula: travel_speed_mm_s << 2", "derived.speed_doubled: .* holds more than"),
        (FORMULA, "formula: travel_speed_mm_s @ 2", "derived.speed_doubled: .* holds more than"),
        (FORMULA, "formula: travel_speed_mm_s // 2", "derived.speed_doubled: .* holds more than"),
        (FORMULA, "formula: travel_speed_mm_s % 2", "derived.speed_doubled: .* holds more than"),
        (FORMULA, "formula: travel_speed_mm_s ^ 2", "derived.speed_doubled: .* holds more than"),
        (FORMULA, "formula: ~travel_speed_mm_s", "holds more than|not a formula|no string"),
        (FORMULA, f"formula: {'(' * 300}voltage_v{')' * 300}", "derived.speed_doubled: .* formula"),
        (FORMULA, f"formula: voltage_v{' + 1' * 300}", "derived.speed_doubled: .* too deep"),
        (FORMULA, f"formula: voltage_v{' + 1' * 900}", "derived.speed_doubled: .* too many"),
        (FORMULA, "formula: speed_doubled + 1", "derived.speed_doubled: .* itself"),
        (FORMULA, "formula: labels * 2", "'labels' is no column of numbers"),
        (FORMULA, "formula: note * 2", "'note' is no column of numbers"),
        (FORMULA, "formula: heat_input_j_mm * 2", "no sentence may say what an outcome tells"),
        ("derived:\n", "derived:\n  a: {meaning: a, formula: b, unit: m}\n"
         "  b: {meaning: b, formula: a, unit: m}\n", "derived.a: .* computed from it"),
        ("header: current,", "formula: current_a * 2,", "columns.current_a: .* itself"),
        ("header: current,", "formula: heat_input_j_mm * 2,", "is not computed from what is later"),
        ("pre_weld: 2000 / travel_speed_mm_s", "pre_weld: voltage_v", "not known then"),
        ("pre_weld: 2000 / travel_speed_mm_s", "pre_weld: heat_input_j_mm", "not known then"),
        # Names
        ("speed_doubled:", "voltage_v:", "derived.voltage_v: columns.voltage_v has the same name"),
        ("speed_doubled:", "bead:", "derived.bead: cleaning adds"),
        ("  current_a:", "  cell:", "columns.cell: cleaning adds"),
        (LEVELS, "ER316L: {properties: {travel_speed_mm_s: 0.8}}", "property 'travel_speed_mm_s'"),
        (LEVELS, "ER316L: {properties: {speed_doubled: 0.8}}", "property 'speed_doubled'"),
        (LEVELS, "ER316L: {properties: {efficency: 0.8}}", "'efficency' .*; expected 'efficiency'"),
        ("header: current,", "header: heat_input,", "'heat_input' is that of current_a, too"),
        ("header: note}", "header: result}", "header: 'result' is that of note, too"),
        ("title:", "ceiling: {qualty_x: 0.9}\ntitle:", "ceiling.qualty_x: begins with no task"),
        ("  quality: {", "  a/b: {", "tasks.a/b: this is no name"),
        ("  quality: {", "  outside: {", "tasks.outside: answers have a column"),
        (NOTE, NOTE.replace("role: note", "role: identifier"), "record is the identifier"),
        ("phrase: current", "phrase: Voltage", "current_a: phrase: 'Voltage' is that of voltage_v"),
        # Words
        (LABELS, "{Humping: [], HUMPING: [], Normal: []}", "labels: 'HUMPING' means 'Humping'"),
        (LABELS, "{Humping: [x], Balling: [x], Normal: []}", "labels: 'x' means 'Humping'"),
        (LABELS, "{Humping: [Normal], Normal: []}", "labels: 'Normal' means 'Humping'"),
        (LABELS, "{Humping or Balling: [], Normal: []}", "holds 'or', which joins"),
        (LEVELS, "ER316L: {aliases: [G3Si1]}", "levels: 'G3Si1' means 'ER70S-6' and 'ER316L'"),
        (LEVELS, "er70s-6: {}", "levels: 'er70s-6' means"),
        (LABELS, "{Humping: [Balling or Normal], Balling: [], Normal: []}",
         "'Balling or Normal' of 'Humping' also means 'Balling' and 'Normal'"),
        (LABELS, "{'LOF, hump': [], hump: [], LOF: [], Normal: []}", "also means 'LOF' and 'hump'"),
        ("exclusive: Normal", "exclusive: hump", "exclusive: 'hump' is no label"),
        ("classes: [defect, normal]", "classes: [ok, OK]", "classes: expected two names"),
        # Numbers and units
        ("range: [1, 30]", "range: [30, 1]", "columns.travel_speed_mm_s: range"),
        ("range: [1, 30]", "range: [.nan, 30]", "travel_speed_mm_s.range.0: .*finite"),
        ("range: [1, 30]", "range: [010, 30]", "columns.travel_speed_mm_s.range.0: '010'"),
        ("digits: 5", "digits: 0", "columns.voltage_v.digits: .*greater than or equal to 1"),
        ("digits: 5", "step: 1.0e-06", "columns.voltage_v: step: .* too fine"),
        ("digits: 5", "nominal: 99", "columns.voltage_v: nominal: 99 is outside"),
        ("unit: V\n", "unit: m**99999999\n", "no unit is called"),
        ("unit: V\n", "unit: 9**9**9\n", "no unit is called"),
        ("unit: V\n", "unit: V/0\n", "no unit is called"),
        ("header: voltage\n", "header: voltage [mV]\n", "says mV, and unit is V; .* raw_unit"),
        ("header: current,", "header: current (kA),", "says kA, and unit is A; .* raw_unit"),
        ("lost_unit_like: campaign", "lost_unit_like: wire", "'wire' is no other column"),
        ("lost_unit_like: campaign", "lost_unit_like: note", "'note' is no group"),
        ("tolerance: 0.02", "tolerance: 1.0e+30", "checks.0.tolerance"),
        ("column: heat_input_j_mm", "column: wire", "checks: 'wire' is no column of numbers"),
        ("columns: [heat_input_j_mm]", "columns: [wire]", "tasks.heat_input: 'wire' is no outcome"),
        # YAML
        ("unit: V\n", "unit: V\n    unit: mV\n", "columns.voltage_v.unit: the key stands twice"),
        ("source: tests", "source: !!int abc", "source: 'abc' is no int"),
        ("source: tests", "source: 2024-13-45", "source: '2024-13-45' is no timestamp"),
        ("source: tests", "source: &a [*a]", "source.0: an anchor holds itself"),
        ("source: tests", f"source: {'[' * 10_000}", "line 6: nested too deep"),
        ("source: tests", 'source: "\\ud800"', "source: .* unprintable"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_its_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in SMALL_CARD
    start = time.perf_counter()
    with pytest.raises(StudyError, match=said) as caught:
        read(tmp_path, SMALL_CARD.replace(old, new))
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - start < 5  # a second, on a machine that does something else too


def test_an_anchor_is_read_and_one_that_explodes_is_not(tmp_path: Path) -> None:
    same = SMALL_CARD.replace("unit: V", "unit: &volt V").replace("description: Eight", "#")
    assert read(tmp_path, same).columns["voltage_v"].unit == "V"
    bomb = "missing: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    with pytest.raises(StudyError, match="anchors expand to more than"):
        read(tmp_path, SMALL_CARD + bomb)


@pytest.mark.parametrize("new", ["current (kA), raw_unit: kA,", "current (A),", "current (new),"])
def test_a_header_may_say_the_unit(tmp_path: Path, new: str) -> None:
    text = SMALL_CARD.replace("header: current,", f"header: {new}")
    assert read(tmp_path, text).columns["current_a"].unit == "A"


def test_a_level_may_have_properties_of_its_own(tmp_path: Path) -> None:
    for own in ("{}", "{properties: {efficiency: 0.8, efficiency_note: 1}}"):
        text = SMALL_CARD.replace(LEVELS, f"ER316L: {own}")
        assert "ER316L" in read(tmp_path, text).columns["material"].levels


def test_what_everybody_writes_for_two_levels_is_none_of_them(tmp_path: Path) -> None:
    text = SMALL_CARD.replace(LEVELS, "ER-70S-6: {}")
    assert further_spellings(read(tmp_path, text).columns["material"]) == {}


def test_a_computed_column_may_use_a_derived_field_of_columns_above(tmp_path: Path) -> None:
    text = SMALL_CARD.replace(
        "  note: {",
        "  double: {role: set_point, kind: number, formula: speed_doubled * 2}\n  note: {",
    )
    assert read(tmp_path, text).cell_keys == ["campaign", "material", "travel_speed_mm_s"]
