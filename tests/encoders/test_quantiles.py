"""Words behind numbers: where they stand, which word it is, and who decides that."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from conftest import outputs

from llm4waam.card.card import read_card
from llm4waam.core.files import read_jsonl, read_table
from llm4waam.core.settings import read_params
from llm4waam.encoders.load import load_tokenizer
from llm4waam.encoders.quantiles import WORDS, Quantiles
from llm4waam.encoders.tokens import NO_FIELD, Prompt
from llm4waam.splits.tasks import make_task
from llm4waam.training.data import Material, Reading, make_material
from stages import train
from stages.check_params import AllParams

NAN = math.nan
LOW, MEDIUM, HIGH = [100, 101], [102], [103]


def prompt(speed: float, volts: float) -> Prompt:
    """`speed <two digits> unit volts <one digit>`: field 1 and field 2."""
    return Prompt([5, 11, 12, 6, 7, 13], [0, 1, 1, 0, 0, 2], [NAN, speed, speed, NAN, NAN, volts])


def same(found: list[float], expected: list[float]) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


def test_the_edges_part_the_values_of_a_fold_evenly() -> None:
    fold = [prompt(n, 10 * n) for n in (1, 2, 3, 4, 5, 6, 7)]
    found = Quantiles.fit(fold, [LOW, MEDIUM, HIGH])
    assert set(found.edges) == {1, 2}
    assert found.edges[1] == pytest.approx([3, 5])
    assert found.edges[2] == pytest.approx([30, 50])
    halves = Quantiles.fit(fold[:4], [LOW, HIGH])
    assert halves.edges[1] == pytest.approx([2.5])


@pytest.mark.parametrize(
    ("speed", "word"),
    [(-7, LOW), (1, LOW), (2.9, LOW), (3.1, MEDIUM), (4.9, MEDIUM), (5.1, HIGH), (1e6, HIGH)],
)
def test_the_word_stands_directly_behind_the_digits(speed: float, word: list[int]) -> None:
    quantiles = Quantiles({1: np.array([3.0, 5.0])}, [LOW, MEDIUM, HIGH])
    told = quantiles.insert(prompt(speed, 9.0))
    assert told.ids == [5, 11, 12, *word, 6, 7, 13]
    assert told.fields == [0, 1, 1, *[NO_FIELD] * len(word), 0, 0, 2]
    assert same(told.numbers, [NAN, speed, speed, *[NAN] * len(word), NAN, NAN, 9.0])


def test_a_number_at_the_end_and_two_neighbours_have_their_words() -> None:
    quantiles = Quantiles({1: np.array([3.0]), 2: np.array([20.0])}, [LOW, HIGH])
    told = quantiles.insert(prompt(1.0, 30.0))
    assert told.ids == [5, 11, 12, *LOW, 6, 7, 13, *HIGH]
    close = quantiles.insert(Prompt([11, 12, 13], [1, 1, 2], [9.0, 9.0, 3.0]))
    assert close.ids == [11, 12, *HIGH, 13, *LOW]
    assert close.fields == [1, 1, 0, 2, 0, 0]
    assert same(close.numbers, [9, 9, NAN, 3, NAN, NAN])


def test_prompts_without_known_numbers_are_as_they_were() -> None:
    quantiles = Quantiles({1: np.array([3.0, 5.0])}, [LOW, MEDIUM, HIGH])
    for plain in (
        Prompt([5, 6, 7], [0, 0, 0], [NAN] * 3),
        Prompt([5, 6, 7], [0, 1, 1], [NAN] * 3),  # a word, or a value that was not read
        Prompt([5, 6, 7], [0, 2, 0], [NAN, 4.0, NAN]),  # no training bead has this field
    ):
        told = quantiles.insert(plain)
        assert (told.ids, told.fields) == (plain.ids, plain.fields)
        assert same(told.numbers, plain.numbers)


def test_a_field_that_no_training_bead_tells_has_no_edges() -> None:
    assert Quantiles.fit([prompt(NAN, 4.0), prompt(NAN, 5.0)], [LOW, HIGH]).edges.keys() == {2}
    assert Quantiles.fit([], [LOW, HIGH]).edges == {}


def material_of(folder: Path, encoder: str, quantiles: int) -> Material:
    params = read_params(AllParams, folder / "params.yaml")
    card = read_card(folder / params.card_file)
    recipe = params.recipe(encoder, "quality").model_copy(update={"quantiles": quantiles})
    return make_material(
        params.encoder.source(encoder),
        make_task(card, "quality", params.card_file),
        recipe,
        card,
        read_table(folder / "data/clean/beads.csv"),
        read_jsonl(folder / "data/text/prompts.jsonl"),
    )[0]


@pytest.mark.parametrize("encoder", ["bert", "roberta"])
@pytest.mark.parametrize("quantiles", list(WORDS))
def test_words_are_those_of_the_tokenizer_and_parts_are_even(
    ready, encoder: str, quantiles: int
) -> None:
    folder = ready()
    material = material_of(folder, encoder, quantiles)
    tokenizer = load_tokenizer(f"data/encoders/{encoder}-mini")
    said = [tokenizer.decode(ids).strip() for ids in material.words]
    assert [word.replace(" ", "") for word in said] == [
        word.replace(" ", "") for word in WORDS[quantiles]
    ]
    assert tokenizer.unk_token_id not in [token for ids in material.words for token in ids]
    beads = list(material.targets)
    reading = Reading.fit(material, material.recipe, beads)
    speed = material.names.index("travel_speed_mm_s") + 1
    counts = dict.fromkeys(map(tuple, material.words), 0)
    for bead in beads:
        for asked in material.prompts[bead]:
            told = reading.of(asked)
            assert len(told.ids) == len(told.fields) == len(told.numbers)
            kept = [n for n, field in enumerate(told.fields) if field == speed]
            assert kept == list(range(kept[0], kept[-1] + 1))
            behind = told.ids[kept[-1] + 1 :]
            [word] = [w for w in counts if tuple(behind[: len(w)]) == w]
            counts[word] += 1
    parts = np.array(list(counts.values())) / sum(counts.values())
    # Cells of two beads share their speed, so that parts cannot be quite even.
    assert np.allclose(parts, 1 / quantiles, atol=0.12)


def test_a_test_bead_does_not_move_an_edge(ready) -> None:
    """Law 2, planted: a value of a bead outside the training fold is a thousand times too large."""
    material = material_of(ready(), "bert", 3)
    beads = sorted(material.targets)
    inside, outside = beads[:-4], beads[-4:]
    before = Reading.fit(material, material.recipe, inside)
    for bead in outside:
        for asked in material.prompts[bead]:
            asked.numbers[:] = [1000 * number for number in asked.numbers]
    after = Reading.fit(material, material.recipe, inside)
    assert before.quantiles.edges.keys() == after.quantiles.edges.keys()
    for field, edges in before.quantiles.edges.items():
        assert edges.tolist() == after.quantiles.edges[field].tolist()
    everything = Reading.fit(material, material.recipe, beads)
    assert everything.scales != after.scales
    assert any(
        edges.tolist() != after.quantiles.edges[field].tolist()
        for field, edges in everything.quantiles.edges.items()
    )


def test_a_fit_with_words_stores_their_edges_and_predicts_something_else(ready) -> None:
    folder = ready(quantiles=3)
    train.main("bert", "quality")
    with_words = outputs(folder, "bert", "quality")
    name = "data/models/bert/quality/reading.json"
    stored = json.loads(with_words[name])
    assert stored["quantiles"].keys() == {"travel_speed_mm_s"}
    assert len(stored["quantiles"]["travel_speed_mm_s"]) == 2
    ready(quantiles=0)
    train.main("bert", "quality")
    without = outputs(folder, "bert", "quality")
    assert json.loads(without[name])["quantiles"] == {}
    place = "data/predictions/bert/quality.csv"
    assert with_words[place] != without[place]
