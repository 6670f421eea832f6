"""A final model read from its folder says what training stored, its linear skip included."""

import numpy as np
import pytest
from safetensors.torch import load_file

from llm4waam.card.card import read_card
from llm4waam.core.files import read_jsonl, read_table
from llm4waam.inference.model import load_final
from llm4waam.splits.tasks import make_task
from stages import train


@pytest.mark.parametrize("numbers", ["skip", "both"])
def test_a_skip_is_saved_and_read_with_the_model(ready, numbers: str) -> None:
    folder = ready(numbers=numbers, epochs=2, batch_size=4)
    train.main("bert", "heat_input")
    place = folder / "data/models/bert/heat_input"
    weights = load_file(place / "seed-1/head.safetensors")
    assert ("number_embedding.linear.weight" in weights) is (numbers == "both")
    assert weights["number_skip.linear.weight"].abs().max() > 0
    card = folder / "data/raw/small.yaml"
    model = load_final(place, make_task(read_card(card), "heat_input", card))
    stored = read_table(folder / "data/predictions/bert/heat_input.csv")
    stored = stored[stored["role"] == "hold_out"].set_index("bead")["score"]
    rows = [row for row in read_jsonl(folder / "data/text/prompts.jsonl") if row["bead"] in stored]
    asked = [row["bead"] for row in rows if row["task"] in (None, "heat_input")]
    beads = list(dict.fromkeys(asked))
    assert np.allclose(model.score(rows)[:, 0], stored.loc[beads], rtol=1e-5)
