"""Files are whole or absent, though their rows are written one by one."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from llm4waam.core.errors import StudyError
from llm4waam.core.files import JsonLines, fingerprint, write_jsonl, write_table

ROWS = [{"text": f"Drähte {n}", "bead": str(n), "values": [1.5, None]} for n in range(3)]


def cut_short(rows: list[dict]) -> Iterator[dict]:
    yield from rows
    raise StudyError("the table", "cannot be said")


def test_rows_are_written_as_they_come_in_one_form(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "rows.jsonl"
    write_jsonl(file, (row for row in ROWS))
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) for row in ROWS]
    assert file.read_bytes() == ("\n".join(lines) + "\n").encode()
    found = JsonLines(file)
    assert [*found] == [*found] == ROWS  # read anew each time


@pytest.mark.parametrize("before", [None, "as it was\n"])
@pytest.mark.parametrize("last", [{"number": float("nan")}, None])
def test_rows_that_end_in_an_error_leave_the_old_file_and_nothing_beside_it(
    tmp_path: Path, before: str | None, last: dict | None
) -> None:
    file = tmp_path / "rows.jsonl"
    if before:
        file.write_text(before, encoding="utf-8")
    with pytest.raises((StudyError, ValueError)):
        write_jsonl(file, cut_short(ROWS) if last is None else [*ROWS, last])
    left = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert left == ({file.name: before} if before else {})


def test_a_cut_line_is_told_when_it_is_reached(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write_jsonl(file, ROWS)
    file.write_bytes(file.read_bytes()[:-9])
    rows = iter(JsonLines(file))
    assert [next(rows), next(rows)] == ROWS[:2]
    with pytest.raises(StudyError, match=r"rows.jsonl.*cannot be read.*expected what dvc repro"):
        next(rows)
    with pytest.raises(StudyError, match="there is no such file"):
        list(JsonLines(tmp_path / "none.jsonl"))


def test_a_large_file_is_neither_written_nor_read_in_one_piece(tmp_path: Path) -> None:
    file, text = tmp_path / "rows.jsonl", "x" * 1000
    tracemalloc.start()
    write_jsonl(file, ({"text": text} for _ in range(4000)))
    count = sum(1 for _ in JsonLines(file))
    fingerprint(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4000
    assert peak < file.stat().st_size / 4


def test_a_table_has_the_bytes_of_its_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"bead": ["a", "b,c", None], "speed": [0.1, 1 / 3, 2.0]})
    write_table(tmp_path / "table.csv", table)
    expected = table.to_csv(index=False, lineterminator="\n")
    assert (tmp_path / "table.csv").read_bytes() == expected.encode()
