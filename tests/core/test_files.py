"""Tables of other people: read strictly, line by line, and every fault of a file is one line."""

from pathlib import Path

import pytest

from llm4waam.core.errors import StudyError
from llm4waam.core.files import read_csv, read_strings


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; expected a header and rows"),
        (b"a,b\n\n , \n", "there is a header and no row"),
        (b"a,b\n" + b"1,2\n" * 5000 + b"1,\xb0\n", "line 5002 is not UTF-8"),
        ("a,b\n1,2".encode("utf-16-le"), "line 1 holds a NUL"),
        (b"a,b, a\n1,2,3", "column a: a column stands twice"),
        (b"a;b\n1,5;2\n", "parted by semicolons; expected commas"),
        (b'a,b\n1,"2', "not a CSV table"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "beads.csv"
    file.write_bytes(content)
    with pytest.raises(StudyError, match=f"beads.csv.*{message}") as caught:
        read_strings(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        StudyError, match=r"beads\.csv: there is no such file; expected a CSV table"
    ):
        read_strings(tmp_path / "beads.csv")


def test_cells_stay_as_they_are_and_rows_of_another_length_are_set_aside(tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    file.write_bytes(b'\xef\xbb\xbfa, b \r\nn/a, 1,234\r\n\r\n NaN,"4\n5"\r\n6')
    table, broken = read_strings(file)
    assert table.to_dict("index") == {3: {"a": " NaN", "b": "4\n5"}}
    assert broken == {1: 3, 4: 1}


def test_a_table_is_read_when_its_rows_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "beads.csv"
    file.write_bytes(b"a\n" + b"15\n" * 20_000 + b"\xb0\n")
    rows = read_csv(file)
    assert [next(rows) for _ in range(3)] == [(0, ["a"]), (1, ["15"]), (2, ["15"])]
    with pytest.raises(StudyError, match="line 20002 is not UTF-8"):
        list(rows)
