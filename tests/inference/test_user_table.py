"""Beads that a user brings: read as the raw table is, and nothing is predicted from a guess."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from conftest import ROOT, SMALL_CARD

from llm4waam.card.card import Card, read_card
from llm4waam.cleaning.clean import clean_table
from llm4waam.cleaning.log import WHOLE_ROW, CleaningLog
from llm4waam.core.errors import StudyError
from llm4waam.core.tables import TableFormat, read_rows, read_strings
from llm4waam.inference import user_table
from llm4waam.inference.user_table import chunks, form_of, known_columns, take

RAW = ROOT / "data/raw/waam_beads.csv"
CARD = read_card(RAW.with_suffix(".yaml"))
BARE_UNITS = read_card(ROOT / "tests/cards/er70s6_beads_tidy.yaml")
Taken = tuple[pd.DataFrame, CleaningLog]


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Taken]:
    """A function that writes a file and takes it in at once: bring("travel_speed\\n5 mm/s")."""

    def brought(text: str | bytes, suffix: str = ".csv", card: Card = CARD) -> Taken:
        file = tmp_path / f"beads{suffix}"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return take(list(read_rows(file)), card, "pre_weld")

    return brought


def rejected(log: CleaningLog) -> list[tuple[int, str, str, str]]:
    """(row, column, value, reason) of what was rejected."""
    return [(row, *rest, why) for row, *rest, action, why in log.entries if action == "rejected"]


def test_the_embedded_table_is_read_as_cleaning_reads_it() -> None:
    raw, broken = read_strings(RAW)
    clean, _ = clean_table(raw, CARD, broken, RAW)
    taken, log = take(list(read_rows(RAW)), CARD, "pre_weld")
    bad = {row for row, *_ in rejected(log)}
    assert set(taken.index).isdisjoint(bad)
    assert set(taken.index) | bad == set(raw.index)
    mine, theirs = taken.drop_duplicates("bead").set_index("bead"), clean.set_index("bead")
    assert set(theirs.index) - set(mine.index) <= {raw.at[row, "record"] for row in bad}
    both = mine.index.intersection(theirs.index)
    assert len(both) >= 130
    for name in CARD.named("set_point", "note"):
        pd.testing.assert_series_equal(
            mine.loc[both, name], theirs.loc[both, name], check_dtype=False, check_exact=True
        )
    for row, column, value, reason in rejected(log):
        assert column == "travel_speed_mm_s"
        assert value == raw.at[row, "travel_speed"].strip()
        assert raw.at[row, "travel_speed_unit"].strip() == ""
        assert reason.startswith(f'no unit: write it in the cell, such as "{value} mm/s"')


def test_after_the_weld_a_fault_of_the_logger_rejects_its_row() -> None:
    taken, log = take(list(read_rows(RAW)), CARD, "post_weld")
    faults = {row for row, _, _, reason in rejected(log) if "fault value" in reason}
    assert faults
    assert faults.isdisjoint(taken.index)
    assert taken["voltage_v"].notna().any()


@pytest.mark.parametrize("header", ["travel_speed", "travel_speed_mm_s"])
def test_an_accepted_unit_may_stand_in_the_cell(bring: Callable[..., Taken], header: str) -> None:
    taken, log = bring(f"{header}\n30 cm/min\n30cm/min\n0.3 M/MIN\n5 mm/s\n10 in/min\n10 IPM")
    assert taken["travel_speed_mm_s"].tolist() == pytest.approx([5] * 4 + [254 / 60] * 2)
    assert log.entries == []


def test_a_bare_number_has_the_card_s_unit_only_under_the_card_s_name(
    bring: Callable[..., Taken],
) -> None:
    taken, _ = bring("travel_speed_mm_s,wire_feed_speed_m_min\n5,7")
    assert taken[["travel_speed_mm_s", "wire_feed_speed_m_min"]].to_numpy().tolist() == [[5, 7]]
    taken, log = bring("travel_speed\n5")
    assert taken.empty
    [(row, column, value, reason)] = rejected(log)
    assert (row, column, value) == (1, "travel_speed_mm_s", "5")
    assert reason.startswith('no unit: write it in the cell, such as "5 mm/s" (mm/s, cm/min')
    # Another row lends its unit neither to this name nor to the raw table's.
    taken, _ = bring("travel_speed_mm_s,travel_speed_unit\n5,\n5,n/a\n30,cm/min")
    assert taken["travel_speed_mm_s"].tolist() == [5, 5, 5]
    taken, log = bring("campaign,travel_speed,travel_speed_unit\na,30,cm/min\na,31,\na,32,cm/min")
    assert taken.index.tolist() == [1, 3]
    assert [entry[:3] for entry in log.entries] == [(2, "travel_speed_mm_s", "31")]


@pytest.mark.parametrize("header", ["travel_speed", "travel_speed_mm_s"])
def test_a_unit_in_the_cell_that_is_not_that_beside_it_rejects_the_row(
    bring: Callable[..., Taken], header: str
) -> None:
    taken, log = bring(f"{header},travel_speed_unit\n30 cm/min,mm/s\n30 cm/min,cm/min\n30 cm/min,")
    assert taken["travel_speed_mm_s"].to_dict() == {2: 5, 3: 5}
    said = "the cell says cm/min, and travel_speed_unit mm/s"
    assert rejected(log) == [(1, "travel_speed_mm_s", "30 cm/min", said)]


def test_the_card_s_name_means_the_card_s_unit_where_the_raw_table_has_another(
    bring: Callable[..., Taken],
) -> None:
    for cells in ("travel_mm_min\n300", "travel_speed_mm_s\n5", "travel_speed_mm_s\n300 mm/min"):
        taken, _ = bring(cells, card=BARE_UNITS)
        assert taken["travel_speed_mm_s"].tolist() == [5], cells


@pytest.mark.parametrize("header", ["travel_speed", "travel_speed_mm_s"])
def test_a_unit_that_the_card_does_not_accept_rejects_its_row_only(
    bring: Callable[..., Taken], header: str
) -> None:
    taken, log = bring(f"{header}\n5 mm/s\n30 kg\n30 cm/min\n2 furlong/h\nfast")
    assert taken["travel_speed_mm_s"].to_dict() == {1: 5, 3: 5}
    assert [entry[:3] for entry in rejected(log)] == [
        (2, "travel_speed_mm_s", "30 kg"),
        (4, "travel_speed_mm_s", "2 furlong/h"),
        (5, "travel_speed_mm_s", "fast"),
    ]
    reason = rejected(log)[0][3]
    assert reason.startswith("'kg': the card does not accept this unit; expected mm/s, cm/min")


@pytest.mark.parametrize(
    ("header", "cell", "reason"),
    [
        ("travel_speed_mm_s", "99", "outside 1 to 30 mm/s"),
        ("ctwd_mm", "inf", "not a finite number"),
        ("material", "cheese", "not among ER70S-6"),
        ("gas_flow_l_min", "5,5,5", "not a number"),
    ],
)
def test_a_value_that_cannot_be_read_rejects_its_whole_row(
    bring: Callable[..., Taken], header: str, cell: str, reason: str
) -> None:
    taken, log = bring(f'{header},bead_length_mm\n"{cell}",90\n,90')
    assert taken.index.tolist() == [2]
    [(row, column, value, found)] = rejected(log)
    assert (row, column, value) == (1, header, cell)
    assert reason in found


def test_csv_and_json_lines_are_read_alike(tmp_path: Path) -> None:
    header, *rows = [
        line.split(",") for line in RAW.read_text(encoding="utf-8").splitlines() if '"' not in line
    ]
    files = [tmp_path / "beads.csv", tmp_path / "beads.jsonl"]
    files[0].write_text("\n".join(map(",".join, [header, *rows])), encoding="utf-8")
    objects = [json.dumps(dict(zip(header, row, strict=True))) for row in rows]
    files[1].write_text("\n".join(objects), encoding="utf-8")
    (table, log), (other, others) = (take(list(read_rows(f)), CARD, "post_weld") for f in files)
    assert len(table) > 20
    pd.testing.assert_frame_equal(table, other)
    assert log == others


def test_json_values_may_be_numbers_or_null_and_headers_may_be_mixed(
    bring: Callable[..., Taken],
) -> None:
    taken, log = bring(
        '{"travel_speed": "30 cm/min", "ctwd_mm": 15}\n'
        "\n"
        '{"travel_speed_mm_s": 6, "ctwd_mm": null, "material": "Ti64"}\n'
        '{"travel_speed_mm_s": "", "travel_speed": 36, "travel_speed_unit": "cm/min"}\n'
        '{" ctwd_mm ": 12.5, "travel_speed": "n/a", "travel_speed_mm_s": 7}\n',
        ".JSONL",
    )
    assert log.entries == []
    assert taken["travel_speed_mm_s"].to_dict() == {1: 5, 3: 6, 4: 6, 5: 7}
    assert taken["ctwd_mm"].dropna().to_dict() == {1: 15, 5: 12.5}
    assert taken["material"].dropna().to_dict() == {3: "Ti-6Al-4V"}


@pytest.mark.parametrize(
    ("suffix", "line", "reason"),
    [
        (".csv", "5,15,9", "3 cells: expected 2"),
        (".jsonl", '{"ctwd_mm": 15', "no JSON: Expecting"),
        (".jsonl", "{}", "no JSON object"),
        (".jsonl", "[" * 100_000, "too deep"),
        (".jsonl", '{"ctwd_mm": ' + "1" * 5000 + "}", "too long a number"),
    ],
)
def test_a_broken_row_is_named_and_the_others_stand(
    bring: Callable[..., Taken], suffix: str, line: str, reason: str
) -> None:
    good = {".csv": "travel_speed_mm_s,ctwd_mm\n5,15", ".jsonl": '{"ctwd_mm": 15}'}[suffix]
    last = {".csv": "6,15", ".jsonl": '{"ctwd_mm": 16}'}[suffix]
    taken, log = bring(f"{good}\n{line}\n{last}\n", suffix)
    assert taken.index.tolist() == [1, 3]
    [(row, column, value, found)] = rejected(log)
    assert (row, column, value) == (2, WHOLE_ROW, "")
    assert reason in found


def test_a_file_of_broken_rows_gives_an_empty_table_and_one_that_is_no_text_is_named(
    bring: Callable[..., Taken],
) -> None:
    taken, log = bring("{\n[", ".jsonl")
    assert taken.empty
    assert {"bead", "material", "note"} <= set(taken)
    assert len(log.entries) == 2
    with pytest.raises(StudyError, match=r"beads\.jsonl: line 3 is not UTF-8"):
        bring(b'{"ctwd_mm": 15}\n\n"\xb0"', ".jsonl")


def test_missing_cells_stay_missing_and_a_row_of_nothing_is_rejected(
    bring: Callable[..., Taken],
) -> None:
    taken, log = bring(
        "ctwd_mm,material,operator_note,voltage_v\n15,n/a,,20\n,,dirty plate,20\n?,Ti64,,\n"
    )
    assert taken.index.tolist() == [1, 3]
    assert taken["material"].isna().tolist() == [True, False]
    assert taken["ctwd_mm"].isna().tolist() == [False, True]
    assert taken["voltage_v"].isna().all()
    assert rejected(log) == [(2, WHOLE_ROW, "", "no set-point is given")]


@pytest.mark.parametrize("information", ["pre_weld", "post_weld"])
def test_outcomes_of_the_file_never_reach_the_table(information: str) -> None:
    cells = {"ctwd_mm": "15", "result": "Humping", "labels": "Humping", "heat_input": "4321 J/mm"}
    cells |= {"heat_input_j_mm": "4321", "energy_j": "54321", "voltage_v": "20"}
    taken, log = take([(1, cells)], CARD, information)
    assert log.entries == []
    assert set(taken) == {"bead", *CARD.named("set_point", "measurement", "note")}
    values = set(map(str, taken.iloc[0].dropna()))
    assert values == {"row 1", "15.0"} | ({"20.0"} if information == "post_weld" else set())
    assert {"result", "labels", "heat_input", "heat_input_unit"} <= known_columns(CARD)


@pytest.mark.parametrize("header", ["run", "record"])
def test_a_bead_is_named_by_its_identifier_or_its_row(
    bring: Callable[..., Taken], header: str
) -> None:
    columns = CARD.columns | {"record": CARD.columns["record"].model_copy(update={"header": "run"})}
    card = CARD.model_copy(update={"columns": columns})
    taken, _ = bring(f"{header},ctwd_mm\nA7,15\n,16\n", card=card)
    assert taken["bead"].tolist() == ["A7", "row 2"]


@pytest.fixture
def thousand() -> list[tuple[int, dict[str, str] | str]]:
    """A thousand rows, some of them bad; each has its own columns."""
    rng, rows = random.Random(3), []
    for number in range(1, 1001):
        speed = rng.choice(["30 cm/min", "5", "6 mm/s"])
        cells = {
            "travel_speed": "30 kg" if number in (40, 900) else speed,
            "travel_speed_mm_s": f"{rng.uniform(2, 12):.2f}",
            "material": rng.choice(["ER316L", "G3Si1", "cheese", ""]),
            "voltage": f"{rng.randint(10, 60)}",
        }
        kept = rng.sample(sorted(cells), rng.randint(1, 4))
        rows.append((number, {name: cells[name] for name in kept} if number % 50 else "broken"))
    return rows


def test_rows_are_read_a_chunk_at_a_time_and_its_size_changes_nothing(
    thousand: list, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "card.yaml").write_text(SMALL_CARD, encoding="utf-8")
    card, found = read_card(tmp_path / "card.yaml"), []
    for size in (7, 256):
        monkeypatch.setattr(user_table, "CHUNK", size)
        read: list[int] = []
        parts = []
        rows = (read.append(row[0]) or row for row in thousand)
        for part in chunks(rows, card, "post_weld"):
            parts.append(part)
            assert len(read) == min(size * len(parts), 1000)
        entries = sorted(entry for _, log in parts for entry in log.entries)
        found.append((pd.concat(table for table, _ in parts), entries))
    (table, entries), (other, others) = found
    pd.testing.assert_frame_equal(table, other)
    assert entries == others
    assert len(table) + len({entry[0] for entry in entries}) == 1000
    assert 200 < len(table) < 900


def test_a_file_is_read_as_the_raw_table_where_its_headers_stand_so(tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    card = CARD.model_copy(update={"table": TableFormat(encoding="cp949", header_row=3)})
    rows = "material;travel_speed;operator_note\n316L;30 cm/min;더러운 판\n"
    for text, encoding in (
        (f"Beads\n\n{rows}", "cp949"),
        (rows, "cp949"),
        (rows, "utf-8"),
        (rows, "utf-16"),
    ):
        file.write_bytes(text.encode(encoding))
        taken, log = take(list(read_rows(file, form_of(file, card))), card, "pre_weld")
        assert log.entries == []
        assert taken["note"].tolist() == ["더러운 판"]
        assert taken["travel_speed_mm_s"].tolist() == [5]
