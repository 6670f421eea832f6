import pytest

from llm4waam.card.quantities import convert


def test_units_of_the_field_become_one() -> None:
    assert convert(30, "cm/min", "mm/s") == pytest.approx(5)
    assert convert(11.811, "in/min", "mm/s") == pytest.approx(5, abs=1e-4)
    assert convert(0.5, "kJ/mm", "J/mm") == pytest.approx(500)
    assert convert(298.15, "K", "degC") == pytest.approx(25)


def test_what_does_not_measure_the_same_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be turned into"):
        convert(1, "mm", "s")
    with pytest.raises(ValueError, match="furlong per"):
        convert(1, "furlong per what", "mm/s")
