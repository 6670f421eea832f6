import pytest

from llm4waam.card.labels import normalise

SPELLINGS = {
    "Balling": [],
    "Bead cut": [],
    "Humping": ["hump"],
    "Lack of fusion": ["LOF"],
    "Normal": [],
}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Humping or Balling", "Balling or Humping"),
        ("Bead Cut", "Bead cut"),
        ("bead-cut / HUMP", "Bead cut or Humping"),
        ("LOF, Humping", "Humping or Lack of fusion"),
        ("Lack of fusion or Lack Of Fusion", "Lack of fusion"),
        ("Normal .", "Normal"),
    ],
)
def test_label_sets_get_one_spelling_and_order(text: str, clean: str) -> None:
    assert normalise(text, SPELLINGS, "Normal") == clean


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Porosity", "no known label"), (" or ", "no label"), ("Normal or Humping", "cannot stand")],
)
def test_what_is_no_label_set_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        normalise(text, SPELLINGS, "Normal")
