"""Small tables of the kinds that people bring: what was once silently false has its right value."""

import json
import logging

import pandas as pd
import pytest
import yaml

from llm4waam.card.card import read_card
from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_table
from stages import clean, serialize_to_text, split

HEAD = "title: t\nsimulated: false\ncolumns:\n"
GAS = "  gas: {role: set_point, kind: category}\n"
SPEED = "  speed: {role: set_point, kind: number, unit: mm/s, accepted_units: [m/min]}\n"
FEED = "  wfs: {role: set_point, kind: number, unit: m/min}\n"
WIDTH = "  width: {role: outcome, kind: number, unit: mm, range: [1, 30]}\n"
DONE = "  done: {role: outcome, kind: number}\n"
DEFECT = "  defect: {role: outcome, kind: labels, labels: {None: [], Porosity: []}}\n"
FLAGS = "  porosity: {role: outcome, kind: flag}\n  humping: {role: outcome, kind: flag}\n"
WIDE = "tasks: {width: {kind: regression, columns: [width]}}\n"
DEFECTS = "tasks: {defects: {kind: multi_label, columns: [defect]}}\n"
FLAGGED = "tasks: {defects: {kind: multi_label, columns: [porosity, humping]}}\n"


@pytest.fixture
def cleaned(workspace, params):
    """A function from a raw table and its card to (beads, the cleaning log)."""

    def run(raw: str, card: str, form: str = "csv") -> tuple[pd.DataFrame, pd.DataFrame]:
        params["dataset_format"] = form
        params["tasks"] = list(yaml.safe_load(card)["tasks"])
        folder = workspace(card=card, params=params, raw=raw.encode())
        clean.main()
        return tuple(read_table(folder / f"data/clean/{n}.csv") for n in ("beads", "rejected"))

    return run


def test_a_label_is_a_label_before_it_is_a_word_for_missing(cleaned) -> None:
    raw = "gas,speed,defect\nAr,10,None\nNone,12,Porosity\nAr,14,none\n"
    beads, log = cleaned(raw, HEAD + GAS + SPEED + DEFECT + DEFECTS)
    assert beads["defect"].tolist() == ["None", "Porosity", "None"]
    assert beads["gas"].isna().tolist() == [False, True, False]
    assert log.empty


def test_an_alias_may_be_a_dash(cleaned) -> None:
    polarity = '  gas: {role: set_point, kind: category, levels: {DCEP: {aliases: ["+"]}, '
    polarity += 'DCEN: {aliases: ["-"]}}}\n'
    raw = "gas,speed,width\n+,1,5\n-,2,6\n"
    beads, _ = cleaned(raw, HEAD + polarity + SPEED + WIDTH + WIDE)
    assert beads["gas"].tolist() == ["DCEP", "DCEN"]


GASES = "gas,speed,width\n#N/A,1,5\nN,2,6\n—,3,6\nn.d.,4,6\nAr,5,6\nAr,6,6\nar,7,6\n"


def test_words_for_missing_are_no_gases_and_what_stays_is_counted(cleaned, caplog) -> None:
    with caplog.at_level(logging.INFO):
        beads, log = cleaned(GASES, HEAD + GAS + SPEED + WIDTH + WIDE)
    assert beads["gas"].fillna("").tolist() == ["", "N", "", "", "Ar", "Ar", "Ar"]
    assert log[["row", "value", "action"]].to_numpy().tolist() == [[7, "ar", "altered"]]
    assert "gas: the card lists no levels; the table has Ar 3, N 1" in caplog.messages


def test_the_card_s_own_words_for_missing_come_first(cleaned) -> None:
    card = HEAD.replace("columns", 'missing: ["N", "-999"]\ncolumns')
    raw = GASES.replace("Ar,5,6", "Ar,-999,6")
    beads, _ = cleaned(raw, card + GAS + SPEED + WIDTH + WIDE)
    assert beads["gas"].isna().tolist() == [True] * 4 + [False] * 3
    assert beads["speed"].isna().tolist() == [False] * 4 + [True, False, False]


def test_true_repeats_stay_where_nothing_names_a_record(cleaned) -> None:
    raw = "speed,wfs,width\n1,5,5.0\n1,5,5.0\n1,5,5.1\n2,5,6\n"
    beads, log = cleaned(raw, HEAD + SPEED + FEED + WIDTH + WIDE)
    assert beads["width"].tolist() == [5.0, 5.0, 5.1, 6.0]
    assert beads["cell"].nunique() == 2
    assert log[["row", "action"]].to_numpy().tolist() == [[2, "noted"]]
    drop = HEAD.replace("columns", "duplicates: drop\ncolumns")
    beads, log = cleaned(raw, drop + SPEED + FEED + WIDTH + WIDE)
    assert beads["width"].tolist() == [5.0, 5.1, 6.0]
    assert log["reason"].tolist() == ["duplicate of row 1"]


def test_a_record_without_a_name_repeats_no_other(cleaned) -> None:
    record = "  record: {role: identifier, kind: text}\n"
    raw = "record,speed,width\n,1,5\n-,2,6\nA1,3,7\nA1,3,7\n,1,5\n"
    beads, log = cleaned(raw, HEAD + record + SPEED + WIDTH + WIDE)
    assert beads["bead"].tolist() == ["bead_00001", "bead_00002", "A1", "bead_00005"]
    assert log["reason"].tolist() == ["duplicate of row 3"]


PROMPTS = [
    ("Material Ti64, 200 W at 800 mm/s.", "keyhole"),
    ("Material SS316L, 200 W at 800 mm/s.", "LOF"),
    ("Material IN718, 150 W at 800 mm/s.", "LOF"),
    ("Material AlSi, 150 W at 800 mm/s.", "LOF"),
    ("Material Cu, 90 W at 700 mm/s.", "balling"),
]


def test_a_prompt_with_another_word_is_another_bead_of_the_same_cell(cleaned) -> None:
    card = HEAD + "  input: {role: prompt, kind: text}\n"
    card += "  output: {role: outcome, kind: labels, labels: {keyhole: [], LOF: [], balling: []}}\n"
    card += "tasks: {output: {kind: multi_label, columns: [output]}}\n"
    raw = json.dumps([{"input": text, "output": answer} for text, answer in PROMPTS])
    beads, log = cleaned(raw, card, "json")
    assert beads["output"].tolist() == [answer for _, answer in PROMPTS]
    assert beads["cell"].tolist() == [f"cell_{n:04d}" for n in (0, 0, 1, 1, 2)]
    assert log.empty


SPELLED = "1,x,\n2,,x\n3,,\n4,Y,N\n5,O,X\n6,1,0\n7,있음,없음\n8,1.0,0.0\n"


def test_flags_are_read_as_people_write_them(cleaned) -> None:
    beads, log = cleaned("speed,porosity,humping\n" + SPELLED, HEAD + SPEED + FLAGS + FLAGGED)
    assert beads["porosity"].tolist() == [1, 0, 0, 1, 1, 1, 1, 1]
    assert beads["humping"].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]
    assert set(log["action"]) == {"altered"}  # what an x and a blank mean was found, and is listed
    assert log["row"].value_counts().to_dict() == {1: 2, 2: 2, 3: 2, 5: 1}


def test_the_card_may_say_how_a_flag_is_written(cleaned) -> None:
    own = FLAGS.replace("flag}", 'flag, present: ["NG"], absent: ["OK", "x"]}')
    raw = "speed,porosity,humping\n1,NG,OK\n2,x,NG\n3,,x\n"
    beads, log = cleaned(raw, HEAD + SPEED + own + FLAGGED)
    assert beads["porosity"].fillna(-1).tolist() == [1, 0, -1]
    assert beads["humping"].tolist() == [0, 1, 0]
    assert log.empty


def test_flags_of_which_none_can_be_read_are_an_error(cleaned) -> None:
    raw = "speed,porosity,humping\n1,gut,0\n2,schlecht,1\n"
    with pytest.raises(StudyError, match="row 1, column porosity: 'gut': no value of the column"):
        cleaned(raw, HEAD + SPEED + FLAGS + FLAGGED)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("5.5*", "'*': the card does not accept this unit; expected mm"),
        ("~6", "not a number"),
        ("<6", "not a number"),
        ("14-16", "not one number"),
        ("6 ± 0.3", "not one number"),
        ("mm", "not a number"),
        ("99", "outside 1 to 30 mm"),
    ],
)
def test_a_cell_that_cannot_be_read_is_rejected_and_the_rest_goes_on(
    cleaned, caplog, cell: str, reason: str
) -> None:
    with caplog.at_level(logging.INFO):
        raw = f"speed,width,done\n1,5,1\n2,{cell},2\n3,7 mm,3\n"
        beads, log = cleaned(raw, HEAD + SPEED + WIDTH + DONE + WIDE)
    assert beads["width"].fillna(-1).tolist() == [5, -1, 7]
    assert log.astype(str).to_numpy().tolist() == [["2", "width", cell, "rejected", reason]]
    assert f"rejected: 1 x width: {reason} ({cell!r})" in caplog.messages
    assert caplog.messages[-1].startswith("warning: 1 of 3 rows lost values")


def test_a_cell_whose_unit_is_not_that_beside_it_is_rejected(cleaned) -> None:
    speed = SPEED.replace("accepted_units", "unit_header: unit, accepted_units")
    cells = ["6 m/min,mm/s", "6 m/min,M/MIN", "100,mm/s", "6 m/min,-", "6 mm/s,ipm?"]
    raw = "gas,speed,unit,width\n" + "".join(f"Ar,{cell},5\n" for cell in cells)
    beads, log = cleaned(raw, HEAD + GAS + speed + WIDTH + WIDE)
    log = log[log["action"] == "rejected"]
    assert beads["speed"].fillna(-1).tolist() == [-1, 100, 100, 100, -1]
    assert log[["row", "column", "value", "reason"]].to_numpy().tolist() == [
        [1, "speed", "6 m/min", "the cell says m/min, and unit mm/s"],
        [5, "speed", "6 mm/s", "the cell says mm/s, and unit ipm?"],
    ]


def test_what_was_rejected_is_no_formula_of_a_spreadsheet(cleaned) -> None:
    raw = "speed,width,done\n1,5,1\n=cmd|' /C calc'!A0,6,1\n-4,@7,1\n-5,-40,1\n"
    _, log = cleaned(raw, HEAD + SPEED + WIDTH + DONE + WIDE)
    assert log["value"].dropna().tolist() == ["'=cmd|' /C calc'!A0", "'@7", "-40"]


def test_a_level_without_a_property_that_others_have_is_told(cleaned, caplog) -> None:
    gas = (
        "  gas: {role: set_point, kind: category, levels: {Ar: {properties: {heat: 1}}, He: {}}}\n"
    )
    with caplog.at_level(logging.INFO):
        cleaned("gas,speed,width\nAr,1,5\nHe,2,6\nHe,3,7\n", HEAD + gas + SPEED + WIDTH + WIDE)
    said = "gas: the card has no heat of He: what follows from it is unknown of 2 beads"
    assert said in caplog.messages


def test_a_tenth_of_the_rows_is_no_warning(cleaned, caplog) -> None:
    rows = "".join(f"{n},{n},{n}\n" for n in range(1, 11)).replace("10,10,", "10,~10,")
    with caplog.at_level(logging.INFO):
        cleaned("speed,width,done\n" + rows, HEAD + SPEED + WIDTH + DONE + WIDE)
    assert not any(line.startswith("warning") for line in caplog.messages)


def test_a_row_without_set_points_glues_no_cells(cleaned) -> None:
    rows = [f"{gas},{n},{feed},7" for gas in ("Ar", "CO2") for n in range(1, 21) for feed in (5, 6)]
    raw = "\n".join(["gas,speed,wfs,width", *rows, ",,,7.7", ""])
    beads, log = cleaned(raw, HEAD + GAS + SPEED + FEED + WIDTH + WIDE)
    assert beads["cell"].nunique() == len(beads) == 80
    assert log[["row", "reason"]].to_numpy().tolist() == [
        [81, "there is neither a set-point nor a measurement"]
    ]


def test_a_gap_that_makes_one_cell_of_several_is_named(cleaned) -> None:
    raw = "gas,speed,width\nAr,1,5\nAr,2,5\nAr,,5\nCO2,1,5\n"
    beads, log = cleaned(raw, HEAD + GAS + SPEED + WIDTH + WIDE)
    assert beads["cell"].tolist() == ["cell_0000"] * 3 + ["cell_0001"]
    assert log[["row", "column", "action"]].to_numpy().tolist() == [[3, "cell", "noted"]]
    assert "without speed it may repeat beads of 2 settings" in log["reason"][0]


def test_a_target_without_a_logarithm_is_named(cleaned) -> None:
    wide = WIDE.replace("[width]", "[width], transform: log")
    card = HEAD + SPEED + WIDTH.replace(", range: [1, 30]", "") + wide
    with pytest.raises(StudyError, match=r"row 2, column width: -1\.9: the task width learns"):
        cleaned("speed,width\n1,5\n2,-1.9\n", card)


@pytest.mark.parametrize(
    ("unit", "cell", "value"),
    [
        ("mm/s", "10 mm/sec", 10),
        ("mm", "5 ㎜", 5),
        ("m/min", "100 ipm", 2.54),
        ("m/min", "100 in./min", 2.54),
        ("L/min", "15 lpm", 15),
        ("L/min", "35.3147 cfh", 16.6667),
        ("degC", "60 ℃", 60),
        ("degC", "60 C", 60),
        ("N*m", "42.8 Nm", 42.8),
        ("percent", "2 wt%", 2),
        ("mm**2", "12 mm²", 12),
    ],
)
def test_units_are_understood_as_the_field_writes_them(cleaned, unit, cell, value) -> None:
    speed = f"  speed: {{role: set_point, kind: number, unit: {unit}, "
    speed += "accepted_units: [ipm, cfh]}\n"
    if unit not in ("m/min", "L/min"):
        speed = speed.replace("accepted_units: [ipm, cfh]", "range: [0, null]")
    else:
        speed = speed.replace("ipm, cfh", "ipm" if unit == "m/min" else "cfh")
    beads, log = cleaned(f"speed,width\n{cell},5\n{cell},6\n", HEAD + speed + WIDTH + WIDE)
    assert beads["speed"].round(3).tolist() == [round(value, 3)] * 2
    assert not (log["action"] == "rejected").any()


def test_a_long_table_has_a_row_for_each_bead_and_label(cleaned) -> None:
    record = "  record: {role: identifier, kind: text}\n"
    defect = "  defect: {role: {label_of: record}, kind: labels, exclusive: Normal, "
    defect += "labels: {Humping: [], Porosity: [], Normal: []}}\n"
    raw = "record,speed,defect\na,1,Porosity\na,1,Humping\nb,2,Normal\nc,3,Normal\nc,3,Humping\n"
    raw += "d,4,Humping\nd,5,Porosity\n"
    beads, log = cleaned(raw, HEAD + record + SPEED + defect + DEFECTS)
    assert beads[["bead", "defect"]].to_numpy().tolist() == [
        ["a", "Humping or Porosity"],
        ["b", "Normal"],
    ]
    assert log.loc[log["action"] == "rejected", "row"].tolist() == [4, 5, 6, 7]
    assert log["reason"].str.contains("the rows of the bead differ in speed").sum() == 2


CARD = HEAD + SPEED + WIDTH + DEFECT + DEFECTS


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("unit: mm/s", "unit: mm/sek", "columns.speed: no unit is called 'mm/sek'"),
        ("None: []", "Yes: []", "quotes around it"),
        ("None: []", "None: [0]", r"columns\.defect\.labels\.None\.0: .*quotes"),
        ("kind: number, unit: mm/s", "unit: mm/s", r"columns\.speed\.kind: Field required"),
        ("role: set_point", "role: setpoint", "'setpoint'.*set_point"),
        ("range: [1, 30]", "range: [30, 1]", "range: 30 is not below 1"),
        ("unit: mm/s", "unit: m**99999999", "no unit is called"),
        (
            "multi_label",
            "multi_class",
            "multi_class of a labels column; expected kind:",
        ),
        ("multi_label, columns: [defect]", "binary, columns: [width]", "threshold is missing"),
        ("kind: labels", "label_of: run, kind: labels", "label_of: 'run' is no identifier"),
        ("title: t", "title: t\nsplit_by: paper", "split_by: 'paper' is neither cell nor"),
    ],
)
def test_what_does_not_fit_is_said_when_the_card_is_read(tmp_path, old, new, message) -> None:
    file = tmp_path / "card.yaml"
    assert old in CARD
    file.write_text(CARD.replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=message) as caught:
        read_card(file)
    assert "\n" not in str(caught.value)


def test_a_table_of_measurements_alone_has_nothing_to_say_before_the_weld(cleaned) -> None:
    card = HEAD + SPEED.replace("set_point", "measurement") + WIDTH + WIDE
    rows = "".join(f"{n},{n}\n" for n in range(2, 22))
    cleaned("speed,width\n" + rows, card)
    split.main()
    with pytest.raises(StudyError, match=r"text\.information: 'pre_weld'.*expected post_weld"):
        serialize_to_text.main()
