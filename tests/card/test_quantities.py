import math

import pytest

from llm4waam.card.quantities import convert, format_number, parse_number, split_unit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-7", -7),
        ("1,234.5", 1234.5),
        ("1.234,5", 1234.5),
        ("3e5", 3e5),
        ("656.112.", 656.112),
        ("", None),
        ("n/a", None),
        (" - ", None),
        ("NaN", None),
        ("14,72", 14.72),
        ("1,234", 1234),
        ("61,808", 61808),
        ("1.234.567", 1234567),
        ("1 234,5", 1234.5),
        ("−3.5", -3.5),
        (".5", 0.5),
        ("1.5E-3", 0.0015),
    ],
)
def test_numbers_are_read_as_meant(text: str, value: float | None) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e999", "abc", "1,2,3", "12.5 V", "1.2.3,"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        parse_number(text)


def test_an_ambiguous_comma_is_decided_by_what_is_plausible_or_refused() -> None:
    assert parse_number("14,722", lambda v: 5 < v < 50) == 14.722
    assert parse_number("61,808", lambda v: 1000 < v < 1e6) == 61808
    with pytest.raises(ValueError, match="may mean"):
        parse_number("14,722", lambda v: 5 < v < 50_000)


def test_a_unit_is_split_off() -> None:
    assert split_unit("6.2 m/min") == ("6.2", "m/min")
    assert split_unit("6,2mm/s") == ("6,2", "mm/s")
    assert split_unit("656.112.") == ("656.112", "")


def test_numbers_are_written_with_significant_digits_and_without_exponent() -> None:
    assert [format_number(v) for v in (61808.4, 0.83333, 5.0, -10.0, 1e-4)] == [
        "61810",
        "0.8333",
        "5",
        "-10",
        "0.0001",
    ]
    assert math.isclose(float(format_number(14.7221, 5)), 14.722)


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
