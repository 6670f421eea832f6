"""The number embedding: its scales, what it adds, and that the logits depend on it."""

import math

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch import nn
from training_cases import prompts_of
from transformers import AutoModel

from llm4waam.card.card import read_card
from llm4waam.encoders.model import BeadModel, batch_of, encode, pool
from llm4waam.encoders.number_embedding import GAIN, NumberEmbedding
from llm4waam.encoders.number_scales import FARTHEST, FieldScale, NumberScales, fit_scales
from llm4waam.encoders.tokens import NO_FIELD, TokenisedPrompt, tokenise
from llm4waam.pretraining.corpus import make_corpus, other_laboratories
from llm4waam.pretraining.tokenizer import small_config, train_tokenizer

NAN = math.nan
FIELDS = ["speed", "angle", "material", "diameter"]
# speed 2 (two tokens) and 8, angle -1 and 3 (two tokens), a word, and a diameter that never varies.
PROMPTS = [
    TokenisedPrompt([5, 6, 7, 8, 9], [0, 1, 1, 0, 2], [NAN, 2.0, 2.0, NAN, -1.0]),
    TokenisedPrompt([5, 6, 7, 8, 9, 3], [0, 1, 0, 2, 2, 4], [NAN, 8.0, NAN, 3.0, 3.0, 1.2]),
    TokenisedPrompt([5, 6, 7], [0, 3, 4], [NAN, NAN, 1.2]),
]
TOLD = prompts_of(PROMPTS, len(FIELDS))


def z_of(scale: FieldScale, value: float) -> float:
    """The z-score of one value."""
    return NumberScales(["field"], {"field": scale}).scores(np.array([NAN, value]))[1]


def equal(found: list[float], expected: list[float]) -> bool:
    return np.allclose(found, expected, rtol=1e-12, equal_nan=True)


def test_each_value_counts_once_a_prompt_and_logs_need_positive_numbers() -> None:
    scales = fit_scales(TOLD, FIELDS)
    assert list(scales) == ["speed", "angle", "diameter"]
    speed, angle, diameter = scales.values()
    assert (speed.log, angle.log, diameter.log) == (True, False, True)
    assert (speed.mean, speed.sd) == pytest.approx((math.log(4), math.log(2)), rel=1e-9)
    assert (speed.floor, angle.mean, angle.sd, diameter.sd) == (2, 1, 2, 1)
    assert math.isclose(diameter.mean, math.log(1.2))


def test_a_field_that_never_varies_says_nothing_however_often_it_is_said() -> None:
    """The standard deviation of 60 equal logarithms is 3e-17 and not 0."""
    scale = fit_scales(prompts_of([TokenisedPrompt([5], [4], [1.2])] * 60, 4), FIELDS)["diameter"]
    assert scale.sd == 1
    assert np.abs(z_of(scale, 1.2)) < 1e-9
    assert np.abs(z_of(scale, 1.3)) < 0.1


def test_z_scores_stand_where_the_numbers_stood_and_nowhere_else() -> None:
    scales = fit_scales(TOLD, FIELDS)
    first, second, third = NumberScales(FIELDS, scales).apply(TOLD)
    assert equal(first.numbers, [NAN, -1, -1, NAN, -1])
    assert equal(second.numbers, [NAN, 1, NAN, 1, 1, 0])
    assert equal(third.numbers, [NAN, NAN, 0])
    assert second.ids.tolist() == PROMPTS[1].ids
    assert second.fields.tolist() == PROMPTS[1].fields
    without = NumberScales(FIELDS, {"angle": scales["angle"]}).apply(TOLD)
    assert equal(without[1].numbers, [NAN, NAN, NAN, 1, 1, NAN])


def test_far_values_are_cut_and_those_below_the_least_known_are_taken_for_it() -> None:
    logs = FieldScale(log=True, mean=math.log(4), sd=math.log(2), floor=1.0)
    assert math.isclose(z_of(logs, 16), 2)
    assert z_of(logs, 4e9) == FARTHEST
    assert math.isclose(z_of(logs, 1), -2)
    assert z_of(logs, 0.001) == z_of(logs, 0) == z_of(logs, -5) == z_of(logs, 1)
    plain = FieldScale(log=False, mean=1, sd=2)
    assert [z_of(plain, value) for value in (-1e6, 1e6, 0)] == [-FARTHEST, FARTHEST, -0.5]


def test_a_test_bead_does_not_change_what_a_training_fold_knows() -> None:
    """Planted: one value of a bead outside the fold is a thousand times too large."""
    card = read_card(ROOT / "data/raw/waam_beads.yaml")
    names = card.fields("pre_weld", 1)
    beads = other_laboratories(40, 3)
    spoiled = beads.copy()
    spoiled.loc[35, "travel_speed_mm_s"] *= 1000
    tokenizer = train_tokenizer("bert", ["The travel speed is 4.5 mm/s."] * 3, 300)

    def scales(table, rows: slice):
        corpus = make_corpus(table, card, 1, 0)
        return fit_scales(tokenise(tokenizer.backend_tokenizer, corpus[rows], names, 512), names)

    train, everything = slice(0, 30), slice(0, 40)
    assert scales(spoiled, train) == scales(beads, train)
    known, planted = scales(beads, everything), scales(spoiled, everything)
    assert known["travel_speed_mm_s"] != planted["travel_speed_mm_s"]


def test_the_channel_adds_what_its_docstring_says() -> None:
    torch.manual_seed(0)
    channel = NumberEmbedding(3, 4, 0.02)
    fields = torch.tensor([[0, 1, 1, 3, 2]])
    scores = torch.tensor([[NAN, 2.0, NAN, -0.5, 0.0]])
    with torch.no_grad():
        added = channel(fields, scores)
    assert added.shape == (1, 5, 4)
    assert (added[0, [0, 2]] == 0).all()
    w, v = channel.linear.weight, channel.square.weight
    for place, field, z in ((1, 1, 2.0), (3, 3, -0.5), (4, 2, 0.0)):
        expected = GAIN * (z * w[field] + (z * z - 1) * v[field])
        assert torch.allclose(added[0, place], expected, rtol=1e-6, atol=0)


def reader(family: str, channel: bool, pooling: str = "mean") -> tuple[BeadModel, int]:
    """A tiny reader without dropout, and its id of padding."""
    torch.manual_seed(1)
    tokenizer = train_tokenizer(family, ["The travel speed is 4.5 mm/s."] * 3, 300)
    config = small_config(family, tokenizer, layers=2, width=16, heads=2)
    encoder = AutoModel.from_config(config)
    embedding = NumberEmbedding(len(FIELDS), 16, config.initializer_range) if channel else None
    return BeadModel(encoder, embedding, pooling, 3).eval(), tokenizer.pad_token_id


@torch.no_grad()
def logits(model: BeadModel, prompts: list, pad_id: int, length: int = 0) -> torch.Tensor:
    return model(**batch_of(prompts, pad_id, length)).logits


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_number_alone_changes_the_logits_and_a_silent_channel_is_no_channel(family: str) -> None:
    changed = [TokenisedPrompt(p.ids, p.fields, [n + 0.3 for n in p.numbers]) for p in PROMPTS[:2]]
    silent = [TokenisedPrompt(p.ids, p.fields, [NAN] * len(p)) for p in PROMPTS]
    (model, pad_id), (plain, _) = reader(family, channel=True), reader(family, channel=False)
    moved = logits(model, changed, pad_id) - logits(model, PROMPTS[:2], pad_id)
    assert (moved.abs().amax(dim=1) > 1e-4).all()
    assert torch.equal(logits(plain, changed, pad_id), logits(plain, PROMPTS[:2], pad_id))
    plain.load_state_dict(
        {k: v for k, v in model.state_dict().items() if "number_embedding" not in k}
    )
    without = logits(plain, PROMPTS, pad_id)
    assert (logits(model, silent, pad_id) - without).abs().max() < 1e-6
    assert (logits(model, PROMPTS, pad_id) - without).abs().max() > 1e-4


@pytest.mark.parametrize("pooling", ["mean", "first"])
@pytest.mark.parametrize(
    ("family", "channel"), [("bert", True), ("roberta", True), ("bert", False)]
)
def test_padding_does_not_change_the_logits(family: str, channel: bool, pooling: str) -> None:
    model, pad_id = reader(family, channel, pooling)
    short = logits(model, PROMPTS, pad_id)
    assert torch.allclose(logits(model, PROMPTS, pad_id, 40), short, rtol=0, atol=1e-6)
    alone = torch.cat([logits(model, [prompt], pad_id) for prompt in PROMPTS])
    assert torch.allclose(alone, short, rtol=0, atol=1e-6)


def test_pooling_is_the_mean_over_the_tokens_or_the_first() -> None:
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [99.0, 99.0]], [[1.0, 0], [2.0, 0], [6.0, 3]]])
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    assert pool(states, mask, "mean").tolist() == [[2, 4], [3, 1]]
    assert pool(states, mask, "first").tolist() == [[1, 2], [1, 0]]


def test_the_head_is_that_of_roberta() -> None:
    model, pad_id = reader("bert", channel=True)
    batch = batch_of(PROMPTS, pad_id)
    with torch.no_grad():
        states = encode(model.encoder, model.number_embedding, **batch)
        state = torch.tanh(model.dense(pool(states, batch["attention_mask"], "mean")))
        assert torch.equal(model.output(state), model(**batch).logits)
    assert isinstance(model.dropout, nn.Dropout)


def test_both_parts_of_the_channel_learn_and_only_from_fields_with_numbers() -> None:
    model, pad_id = reader("bert", channel=True)
    scaled = list(NumberScales(FIELDS, fit_scales(TOLD, FIELDS)).apply(TOLD))
    scaled[0].numbers[1:3] = [0.7, 0.7]  # at z = -1 the square says nothing
    model(**batch_of(scaled, pad_id)).logits.square().sum().backward()
    for part in (model.number_embedding.linear, model.number_embedding.square):
        moved = part.weight.grad.abs().amax(dim=1)
        assert moved[FIELDS.index("speed") + 1] > 0
        assert moved[NO_FIELD] == moved[FIELDS.index("material") + 1] == 0
