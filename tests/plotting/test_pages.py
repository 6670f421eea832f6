"""How pages show numbers."""

import numpy as np
import pytest

from llm4waam.plotting.pages import number, signed


@pytest.mark.parametrize("value", [0.9985, 0.0005, 12.25, 1234.5, -0.0004])
def test_a_number_of_numpy_is_shown_like_one_of_python(value: float) -> None:
    assert number(np.float64(value)) == number(value)


def test_numbers_and_differences() -> None:
    shown = [number(value) for value in (0.9985, -0.0001, 12.25, 1234.5, None, float("nan"))]
    assert shown == ["0.999", "0.000", "12.2", "1,234", "–", "–"]
    assert [signed(value) for value in (0.036, -0.0781, 0.0, None)] == [
        "+0.036",
        "-0.078",
        "0.000",
        "–",
    ]
