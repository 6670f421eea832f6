"""Shapley values against closed cases."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from llm4waam.advice.shapley import explain

FIELDS = ["a", "b", "c", "wire"]


def beads(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=FIELDS)


BACKGROUND = beads((0.0, 1.0, 2.0, "x"), (2.0, 3.0, 2.0, "y"), (4.0, 0.0, 5.0, "x"))
BEAD = beads((3.0, 5.0, 7.0, "z")).iloc[0]


def additive(table: pd.DataFrame) -> np.ndarray:
    return (2 * table["a"] - table["b"] + 10 * (table["wire"] == "z")).to_numpy(float)


def tangled(table: pd.DataFrame) -> np.ndarray:
    """Three fields at once: pairs of opposite orders are exact for two."""
    wire = (table["wire"] == "z").to_numpy(float)
    return (table["a"] * table["b"]).to_numpy(float) * (1 + wire * table["c"].to_numpy(float))


def by_all_orders(answer, bead: pd.Series, background: pd.DataFrame) -> dict[str, float]:
    """Shapley's own definition: the mean gain over every order of the fields."""
    totals = dict.fromkeys(FIELDS, 0.0)
    orders = list(permutations(FIELDS))
    for order in orders:
        for _, other in background.iterrows():
            row = other.copy()
            for name in order:
                before = answer(row.to_frame().T.infer_objects())[0]
                row[name] = bead[name]
                totals[name] += answer(row.to_frame().T.infer_objects())[0] - before
    return {name: total / len(orders) / len(background) for name, total in totals.items()}


@pytest.mark.parametrize("most", [10, 0], ids=["exact", "sampled"])
def test_of_a_sum_each_field_gets_its_own_part(most: int) -> None:
    found = explain(additive, BEAD, BACKGROUND, FIELDS, 0, most)
    wanted = {"a": 2 * (3 - 2), "b": -(5 - 4 / 3), "c": 0.0, "wire": 10.0}
    assert found.values.to_dict() == pytest.approx(wanted)
    assert found.base == pytest.approx(additive(BACKGROUND).mean())
    assert found.gap == pytest.approx(0, abs=1e-9)


def test_the_exact_values_are_those_of_all_orders() -> None:
    found = explain(tangled, BEAD, BACKGROUND, FIELDS, 0)
    assert found.values.to_dict() == pytest.approx(by_all_orders(tangled, BEAD, BACKGROUND))
    assert (found.errors == 0).all()
    assert found.gap == pytest.approx(0, abs=1e-9)


def test_sampled_values_come_near_the_exact_ones_and_know_how_near() -> None:
    drawn = pd.concat([BACKGROUND] * 60, ignore_index=True)
    exact = explain(tangled, BEAD, BACKGROUND, FIELDS, 0)
    found = explain(tangled, BEAD, drawn, FIELDS, 1, 0)
    assert ((found.values - exact.values).abs() <= 3 * found.errors + 1e-9).all()
    assert (found.errors[["a", "b"]] > 0).all()
    assert found.gap == pytest.approx(0, abs=1e-9)
    assert found.values.to_dict() != explain(tangled, BEAD, drawn, FIELDS, 2, 0).values.to_dict()


def test_a_field_that_nobody_varies_gets_nothing_and_costs_no_answers() -> None:
    alone = explain(additive, BEAD, BEAD.to_frame().T.infer_objects(), FIELDS, 0)
    assert (alone.values == 0).all()
    assert alone.base == alone.output == pytest.approx(additive(BEAD.to_frame().T)[0])
    same = BACKGROUND.assign(c=7.0)
    seen = []

    def answer(table: pd.DataFrame) -> np.ndarray:
        seen.append(table)
        return additive(table) + table["c"].to_numpy()

    found = explain(answer, BEAD, same, FIELDS, 0)
    assert found.values["c"] == 0.0
    assert sum(map(len, seen)) < 2**3 * len(same)  # equal beads are answered once


def test_an_unknown_value_takes_part_as_one() -> None:
    bead = BEAD.copy()
    bead["a"] = np.nan

    def answer(table: pd.DataFrame) -> np.ndarray:
        return table["a"].isna().to_numpy(float)

    assert explain(answer, bead, BACKGROUND, FIELDS, 0).values["a"] == pytest.approx(1.0)
    nothing = explain(answer, bead, BACKGROUND.assign(a=np.nan), FIELDS, 0)
    assert nothing.values["a"] == 0.0
