"""Tables of other people: read strictly, as strings, and every fault of a file is one line."""

import datetime
import json
import logging
import os
import threading
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest

from llm4waam.core.errors import StudyError
from llm4waam.core.pipes import as_file
from llm4waam.core.tables import (
    TableFormat,
    find_format,
    missing_column,
    nearest,
    read_cells,
    read_rows,
    read_strings,
)

WELDS = [["gas", "speed", "width"], ["Ar", "10,5", "5,1"], ["아르곤", "12", "6"]]


def lines(separator: str) -> str:
    return "".join(separator.join(row) + "\r\n" for row in WELDS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; expected a header and rows"),
        (b"a,b\n\n , \n", "there is a header and no row"),
        (b"a,b\n" + b"1,2\n" * 5000 + b"1,\xb0\n", "line 5002 is not UTF-8: .* cp1252"),
        ("a,b\n1,2".encode("utf-16-le"), "line 1 holds a NUL: .*UTF-16 .*{encoding: utf-16-le}"),
        ("gas,w\n아르곤,5\n".encode("cp949"), "line 2 is not UTF-8: .*CP949.*{encoding: cp949}"),
        ("gas,w\nアルゴン,5\n".encode("shift_jis"), "line 2 .*{encoding: shift_jis}"),
        ("gas,w\n焊接质量参数和焊缝宽度,5\n".encode("gb18030"), "line 2 .*{encoding: gb18030}"),
        ("t (25°C),l (µm)\n1,2\n".encode("cp1252"), "line 1 .*{encoding: cp1252}"),
        (b"a,b, a\n1,2,3", "column a: a column stands twice; .*number 1 and 3"),
        (b'a,b\n1,"2', "not a CSV table"),
        (b"a,b\n1,2,3\n", "no row has as many cells as the header, 2"),
        (b"WAAM trials 2024,,,\ngas,speed,w,d\nAr,1,2,P\n", r"line 1 .*{header_row: 2}"),
        (b"WAAM trials 2024\n\ngas;speed;w\nAr;1,5;2\n", r"looks like a title.*{header_row: 3}"),
        (b"\n\na,b\n1,2\n", r"it is empty.*{header_row: 3}"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1old", r"an old Excel workbook \(.xls\)"),
        (b"PK\x03\x04 and nothing", "not an Excel workbook"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "beads.csv"
    file.write_bytes(content)
    with pytest.raises(StudyError, match=f"beads.csv.*{message}") as caught:
        read_strings(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"beads\.csv: there is no such file; expected a CSV"):
        read_strings(tmp_path / "beads.csv")


def test_cells_stay_as_they_are_and_rows_of_another_length_are_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    file.write_bytes(b'\xef\xbb\xbfa, b \r\nn/a, 1,234\r\n\r\n NaN,"4\n5"\r\n6')
    table, broken = read_strings(file)
    assert table.to_dict("index") == {3: {"a": " NaN", "b": "4\n5"}}
    assert broken == {1: 3, 4: 1}


def test_a_table_is_read_when_its_rows_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    file.write_bytes(b"a\n" + b"15\n" * 20_000 + b'"')
    rows = read_cells(file)
    assert [next(rows) for _ in range(3)] == [(0, ["a"]), (1, ["15"]), (2, ["15"])]
    with pytest.raises(StudyError, match="not a CSV table"):
        list(rows)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separator_and_encoding_are_found(tmp_path, caplog, encoding: str, separator: str) -> None:
    caplog.set_level(logging.INFO)
    file = tmp_path / "beads.csv"
    text = lines(separator) if separator != "," else lines(",").replace("10,5", "10.5")
    file.write_bytes(text.replace("5,1", "5.1").encode(encoding))
    known = TableFormat(encoding="cp949") if encoding == "cp949" else None
    table, broken = read_strings(file, known)
    assert (table.shape, broken) == ((2, 3), {})
    assert table["gas"].tolist() == ["Ar", "아르곤"]
    assert table.at[1, "speed"] == ("10.5" if separator == "," else "10,5")
    plain = encoding in ("utf-8", "utf-8-sig") and separator == ","
    assert len(caplog.messages) == (0 if plain else 1)
    form = find_format(file, TableFormat())
    assert form.encoding == ("cp949" if encoding == "cp949" else "utf-8")
    assert form.separator == (None if separator == "," else separator)


def test_what_is_utf8_is_read_as_such_whatever_the_card_says(tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    file.write_text(lines(";"), encoding="utf-8")
    assert read_strings(file, TableFormat(encoding="cp949"))[0].at[2, "gas"] == "아르곤"
    with pytest.raises(ValueError, match="no encoding is called so"):
        TableFormat(encoding="korean windows")


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Speed, mm/s;Width, mm\n10,5;5,1\n12,0;6,3\n", ["Speed, mm/s", "Width, mm"]),
        ("a,defects (x;y)\n1,x\n2,x\n", ["a", "defects (x;y)"]),
        ('gas,result\nAr,"Humping; Balling"\nAr,Normal\n', ["gas", "result"]),
        ("one\n10,5\n11,5\n", ["one"]),
        (",a\xa0 b,\u200bc\n1,2,3\n", ["column_1", "a b", "c"]),
        ("a,b,,\n1,2,,\n", ["a", "b"]),
        ("a,b,,\n1,2,3,\n", ["a", "b", "column_3"]),
    ],
)
def test_headers(tmp_path: Path, text: str, header: list[str]) -> None:
    file = tmp_path / "beads.csv"
    file.write_text(text, encoding="utf-8")
    assert next(read_cells(file)) == (0, header)
    if len(header) > 1:
        assert read_strings(file)[1] == {}


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """Two sheets: a table under a title, with numbers, dates, errors; and a note."""
    book = openpyxl.Workbook()
    notes = book.active
    notes.title = "Notes"
    notes.append(["see the other sheet"])
    sheet = book.create_sheet("용접")
    sheet.append(["Trials of May"])
    sheet.append([])
    sheet.append(["gas", "WFS\n[m/min]", "share", "day", "ok", "double"])
    sheet.append(["Ar", 10.0, 0.05, datetime.datetime(2024, 5, 2), True, "=B4*2"])
    sheet.append([None, 0.1 + 0.2, 0.5, datetime.datetime(2024, 5, 2, 13, 5), False, "#N/A"])
    sheet.append(["He", 7, None, None, None, None, "a remark"])
    sheet.cell(4, 3).number_format = sheet.cell(5, 3).number_format = "0%"
    sheet.merge_cells("A4:A5")
    file = tmp_path / "beads.xlsx"
    book.save(file)
    return file


def test_a_workbook_is_read_as_a_person_sees_it(workbook: Path, caplog) -> None:
    caplog.set_level(logging.INFO)
    form = TableFormat(sheet="용접", header_row=3)
    table, broken = read_strings(workbook, form)
    assert broken == {}
    assert table.to_dict("list") == {
        "gas": ["Ar", "", "He"],
        "WFS [m/min]": ["10", "0.3", "7"],
        "share": ["5%", "50%", ""],
        "day": ["2024-05-02", "2024-05-02 13:05:00", ""],
        "ok": ["TRUE", "FALSE", ""],
        "double": ["", "#N/A", ""],
    }
    said = " ".join(caplog.messages)
    for part in ("1 merged ranges", "A4:A5", "1 formulas", "F4", "1 cells stand right", "Notes"):
        assert part in said
    assert find_format(workbook, TableFormat(sheet="용접")) == form


def test_a_sheet_that_is_not_there_and_a_title_are_told(workbook: Path) -> None:
    with pytest.raises(StudyError, match=r"'Sheet9': there is no such sheet; .*'Notes', '용접'"):
        read_strings(workbook, TableFormat(sheet="Sheet9"))
    with pytest.raises(StudyError, match=r"'Trials of May' looks like a title.*header_row: 3"):
        read_strings(workbook, TableFormat(sheet="용접"))


def test_a_wrong_size_in_the_file_loses_no_row(workbook: Path) -> None:
    book = openpyxl.load_workbook(workbook)
    book.save(workbook)
    beside = workbook.with_name("wrong.xlsx")
    with zipfile.ZipFile(workbook) as old, zipfile.ZipFile(beside, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'ref="A1:G6"', b'ref="A1"'))
    assert len(read_strings(beside, TableFormat(sheet="용접", header_row=3))[0]) == 3


def test_json_is_a_list_or_lines_and_both_are_read_alike(tmp_path: Path) -> None:
    rows = [{"gas": "Ar", "speed": 10.5, "ok": True}, {"gas": None, "defects": ["a", "b"]}]
    one, other = tmp_path / "beads.json", tmp_path / "beads.jsonl"
    one.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    other.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (table, _), (same, _) = read_strings(one), read_strings(other)
    assert table.equals(same)
    assert table.loc[2].to_dict() == {"gas": "", "speed": "", "ok": "", "defects": "a, b"}
    assert dict(read_rows(one))[1] == {"gas": "Ar", "speed": "10.5", "ok": "True"}
    other.write_text('{"gas": "Ar"}\n[\n', encoding="utf-8")
    assert dict(read_rows(other))[2].startswith("no JSON")
    with pytest.raises(StudyError, match=r"row 2: no JSON"):
        read_strings(other)


def test_json_without_a_number_says_so_as_a_cell_does(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    file.write_text('{"a": NaN, "b": -Infinity, "c": ["x", null, 1.10]}\n', encoding="utf-8")
    assert read_strings(file)[0].to_dict("list") == {
        "a": ["NaN"],
        "b": ["-Infinity"],
        "c": ["x, , 1.10"],
    }


@pytest.mark.parametrize(
    ("value", "number_format", "seen"),
    [
        (7, "000", "007"),
        ("7", "000", "7"),
        (1.1, "0.00", "1.10"),
        (1.123, "0.00", "1.123"),
        (1234, "0", "1234"),
        (-7, "000", "-7"),
        (7, "#,##0.00", "7"),
    ],
)
def test_a_code_of_a_workbook_keeps_the_zeros_that_its_format_shows(
    tmp_path: Path, value: object, number_format: str, seen: str
) -> None:
    book = openpyxl.Workbook()
    book.active.append(["code", "b"])
    book.active.append([value, "x"])
    book.active.cell(2, 1).number_format = number_format
    book.save(tmp_path / "t.xlsx")
    assert read_strings(tmp_path / "t.xlsx")[0]["code"].tolist() == [seen]


def test_a_missing_column_is_told_with_what_there_is() -> None:
    headers = ["Gas", "Travel  Speed_", "width (mm)"]
    assert nearest("travel_speed", headers) == "Travel  Speed_"
    assert nearest("width", headers) == "width (mm)"
    assert nearest("widht", headers) == "width (mm)"
    assert nearest("current", headers) is None
    text = str(missing_column("t.csv", "travel speed", headers, "speed of the torch"))
    assert "the table has 'Gas', " in text
    assert "only case, spaces or signs differ" in text
    assert "nearest is 'width (mm)'" in str(missing_column("t.csv", "widht", headers, "width"))
    assert str(missing_column("t.csv", "current", headers, "arc current")).endswith(
        "'width (mm)'; expected arc current"
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.json", "[" * 10_000, "nested too deep"),
        ("t.json", '[{"a": ' + "9" * 10_000 + "}]", "too long a number"),
        ("t.json", '[{"a": ' + "[" * 10_000, "nested too deep"),
        ("t.jsonl", '{"a": ' + "[" * 10_000, "row 1: .*nested too deep"),
        ("t.jsonl", '{"a": ' + "9" * 10_000 + "}", "row 1: .*too long a number"),
        ("t.jsonl", '{"a": 1, "a": 2}', "row 1: column a stands twice, with other values"),
        ("t.jsonl", '{"a": "\\ud800"}', "row 1: column a: half of a character"),
        ("t.jsonl", '{"a": "\\u0000"}', "row 1: column a: .* a NUL"),
        ("t.jsonl", '{"a": {"b": 1}}', "row 1: column a: nested"),
        ("t.jsonl", '{"a": [1, [2]]}', "row 1: column a: nested"),
    ],
)
def test_json_that_holds_no_bead_is_one_line(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=said) as caught:
        read_strings(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_hundred_thousand_columns_and_a_cell_of_200_kilobytes_are_read(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    header = ",".join(f"c{number}" for number in range(100_000))
    file.write_text(f"{header}\n{'x' * 200_000}{',1' * 99_999}\n", encoding="utf-8")
    start = time.perf_counter()
    [(_, row)] = read_rows(file)
    assert (len(row["c0"]), row["c99999"]) == (200_000, "1")
    assert time.perf_counter() - start < 20  # it took two minutes


def test_a_pipe_is_read_as_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for text, ending in (("a,b\n1,2\n", ".csv"), ('{"a": 1}\n', ".jsonl"), ('[{"a": 1}]', ".json")):
        writer = threading.Thread(target=pipe.write_text, args=(text,))
        writer.start()
        file = as_file(pipe)
        writer.join()
        assert file.suffix == ending
        assert file.read_text(encoding="utf-8") == text
    assert as_file(tmp_path / "t.csv") == tmp_path / "t.csv"
