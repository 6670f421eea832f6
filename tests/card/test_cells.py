import pandas as pd

from llm4waam.card.cells import find_cells


def test_repeats_share_a_cell_and_other_set_points_do_not() -> None:
    table = pd.DataFrame({"lab": ["a", "a", "a", "b"], "speed": [5.0, 5.0, 6.0, 5.0]})
    assert find_cells(table, ["lab", "speed"]).tolist() == [0, 0, 1, 2]


def test_a_missing_set_point_cannot_part_a_repeat_from_its_cell() -> None:
    table = pd.DataFrame({"lab": ["a"] * 3, "speed": [5.0, 5.0, 6.0], "tip": [12.0, None, 12.0]})
    assert find_cells(table, ["lab", "speed", "tip"]).tolist() == [0, 0, 1]


def test_doubt_about_a_repeat_joins_what_it_may_belong_to() -> None:
    table = pd.DataFrame({"lab": ["a"] * 3, "tip": [12.0, None, 15.0]})
    assert find_cells(table, ["lab", "tip"]).tolist() == [0, 0, 0]


def test_without_set_points_every_row_is_a_cell() -> None:
    assert find_cells(pd.DataFrame({"x": [1, 1]}), []).tolist() == [0, 1]
