"""Integrated gradients over the fields of a sentence, a cross-check of the Shapley values.

The path goes from the sentence with every value masked, and untold to the number channel, to the
sentence as it is (Sundararajan, Taly and Yan 2017, by captum). What falls to a physics field is
shared by the fields that it is computed from.
"""

import math

import numpy as np
import pandas as pd
import torch

from llm4waam.card.card import Card
from llm4waam.card.formulas import names_in
from llm4waam.encoders.tokens import NO_FIELD, Prompt, read_prompts
from llm4waam.inference.model import FinalModel
from llm4waam.inference.predictor import Predictor
from llm4waam.sentences.prompts import make_prompts
from llm4waam.training.batches import pad

STEPS = 32


def integrated_gradients(
    predictor: Predictor, task: str, bead: pd.Series
) -> tuple[pd.Series, float]:
    """Contributions by field to the task's first logit, and the share that completeness lacks.

    The mean over the bead's sentences and the model's seeds. The note is not masked: it has none.
    Raises ValueError for a model with quantile words, whose sentences are of another length.
    """
    model, card = predictor.models[task], predictor.card
    if model.recipe.quantiles:
        raise ValueError("train.quantiles: words are inserted that no field owns")
    asked = make_prompts(bead.to_frame().T.infer_objects(), card, predictor.style, [task])
    rows = [row for row in asked if row["task"] in (None, task)]
    names = list(dict.fromkeys(value[0] for row in rows for value in row["values"]))
    room = min(model.recipe.max_tokens, model.tokenizer.model_max_length)
    owners = read_prompts(model.tokenizer, rows, names, room)
    totals, gaps = pd.Series(0.0, index=names), []
    for prompt, owner in zip(model.prompts(rows), owners, strict=True):
        for number in range(len(model.readers)):
            by_token, gap = _by_token(model, number, prompt, owner)
            gaps.append(gap)
            for field, value in zip(owner.fields, by_token, strict=True):
                if field != NO_FIELD:
                    totals[names[field - 1]] += value
    return _shared(totals / len(gaps), card), float(np.mean(gaps))


def _by_token(
    model: FinalModel, number: int, prompt: Prompt, owner: Prompt
) -> tuple[list[float], float]:
    # Its import takes a second, which only those who ask for it should wait.
    from captum.attr import LayerIntegratedGradients

    reader = model.readers[number]
    mask = model.tokenizer.mask_token_id
    told = [field != NO_FIELD for field in owner.fields]
    empty = Prompt(
        [mask if one else token for token, one in zip(prompt.ids, told, strict=True)],
        prompt.fields,
        [math.nan] * len(prompt),
    )
    full, blank = (pad([one], reader.encoder.config.pad_token_id) for one in (prompt, empty))
    fixed = full["attention_mask"]

    def logit(ids: torch.Tensor, fields: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        attention = fixed.expand(len(ids), -1)
        return reader(ids, attention, fields, numbers).logits[:, 0]

    names = ("input_ids", "fields", "numbers")
    inputs, baselines = (tuple(one[name] for name in names) for one in (full, blank))
    gradients = LayerIntegratedGradients(logit, reader.encoder.embeddings)
    found = gradients.attribute(inputs, baselines, n_steps=STEPS, internal_batch_size=STEPS)
    with torch.no_grad():
        change = float(logit(*inputs) - logit(*baselines))
    by_token = found.sum(dim=-1)[0].tolist()
    return by_token, abs(sum(by_token) - change) / max(abs(change), 1e-6)


def _shared(totals: pd.Series, card: Card) -> pd.Series:
    """What falls to derived fields, in equal parts to the columns that they are computed from."""
    shared = totals[[name for name in totals.index if name in card.columns]].copy()
    for name in totals.index.difference(shared.index):
        inputs = [one for one in origins(card, name) if one in shared.index]
        for one in inputs:
            shared[one] += totals[name] / len(inputs)
    return shared


def origins(card: Card, name: str) -> list[str]:
    """The columns that a derived field is computed from, through others if need be."""
    found: list[str] = []
    for part in sorted(names_in(card.derived[name].formula)):
        if part in card.derived:
            found += origins(card, part)
        elif part in card.columns:
            found.append(part)
        else:  # a property of a category, such as the wire's melting rate
            found += [
                column
                for column, one in card.columns.items()
                if any(part in level.properties for level in one.levels.values())
            ]
    return sorted(set(found))
