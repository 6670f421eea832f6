"""Pretraining of a small encoder on the sentences of other laboratories.

Two questions are asked of it. Which words and values are missing (masked language modelling, whole
values masked together)? And, from tier 1 on, what do the card's formulas give (regression from the
mean state)? Half of every batch is masked; the other half is read whole and answers the formulas.
Half of each half is read without the number embedding, so that the digits are learned as well.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from transformers import (
    AutoModelForMaskedLM,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    get_scheduler,
    set_seed,
)

from llm4waam.encoders.model import batch_of, encode, pool
from llm4waam.encoders.number_embedding import NumberEmbedding
from llm4waam.encoders.tokens import NO_FIELD
from llm4waam.pretraining.batches import Sentences

VALUES, WORDS = 0.25, 0.05  # shares of the values and of the other tokens that are masked
IGNORED = -100


class PretrainingModel(nn.Module):
    """An encoder with its number embedding, a head for masked words and one for formulas."""

    def __init__(self, config: PreTrainedConfig, fields: int, formulas: int) -> None:
        super().__init__()
        self.language = AutoModelForMaskedLM.from_config(config)
        width = config.hidden_size
        self.number_embedding = NumberEmbedding(fields, width, config.initializer_range)
        self.formulas = nn.Linear(width, formulas)

    @property
    def encoder(self) -> nn.Module:
        """The encoder without heads."""
        return self.language.base_model

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.formulas.weight.device

    def losses(
        self, batch: dict[str, torch.Tensor], labels: torch.Tensor, formulas: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean losses of masked tokens and of formulas.

        `labels` is (prompts, tokens), IGNORED where nothing is masked; `formulas` is (prompts,
        outputs), NaN where there is no answer.
        """
        states = encode(self.encoder, self.number_embedding, **batch)
        hidden, known = labels != IGNORED, ~torch.isnan(formulas)
        words = states.sum() * 0.0  # a batch in which chance hid nothing
        if hidden.any():
            found = self._words(states[hidden]).float()
            words = nn.functional.cross_entropy(found, labels[hidden])
        answers = self.formulas(pool(states, batch["attention_mask"], "mean")).float()
        wrong = (answers - torch.nan_to_num(formulas))[known]
        return words, wrong.square().mean() if known.any() else wrong.sum()

    def _words(self, states: torch.Tensor) -> torch.Tensor:
        """Logits (tokens, vocabulary) of masked tokens from their states (tokens, width)."""
        language = self.language
        for name in ("cls", "lm_head"):
            if hasattr(language, name):
                return getattr(language, name)(states)
        # DistilBERT has the parts of such a head, and no module that holds them.
        states = language.activation(language.vocab_transform(states))
        return language.vocab_projector(language.vocab_layer_norm(states))


def pretrain(
    model: PretrainingModel,
    sentences_of: Callable[[int], Sentences],
    unseen: Sentences,
    tokenizer: PreTrainedTokenizerBase,
    *,
    epochs: int,
    count: int,
    batch_size: int,
    learning_rate: float,
    formulas: int,
    bf16: bool,
    seed: int,
) -> Iterator[dict]:
    """Train in place; yields a row of losses after each epoch.

    `sentences_of(epoch)` gives the `count` sentences of an epoch, new ones each time; `unseen` is
    never learned from. `formulas` is how many formulas are regressed on (0: masked words only).
    """
    steps = epochs * math.ceil(count / batch_size)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, weight_decay=0.01, fused=True
    )
    schedule = get_scheduler("linear", optimizer, math.ceil(0.05 * steps), steps)
    set_seed(seed)
    for epoch in range(1, epochs + 1):
        model.train()
        sentences, sums = sentences_of(epoch), np.zeros(2)
        rng = np.random.default_rng([seed, epoch])
        batches = _batches(sentences, batch_size)
        for rows in batches:
            words, wrong = _losses(model, sentences, rows, tokenizer, formulas, bf16, rng)
            (words + wrong).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            sums += [words.item(), wrong.item()]
        known = dict(zip(("words", "formulas"), (sums / len(batches)).tolist(), strict=True))
        known |= examine(model, unseen, tokenizer, formulas, batch_size)
        yield {"epoch": epoch} | known


@torch.no_grad()
def examine(
    model: PretrainingModel,
    sentences: Sentences,
    tokenizer: PreTrainedTokenizerBase,
    formulas: int,
    batch_size: int,
) -> dict[str, float]:
    """Mean losses of sentences that were not learned from."""
    model.eval()
    rng, found = np.random.default_rng(0), []
    for rows in _batches(sentences, batch_size):
        losses = _losses(model, sentences, rows, tokenizer, formulas, False, rng)
        found.append([loss.item() for loss in losses])
    words, wrong = np.mean(found, axis=0)
    return {"new_words": float(words), "new_formulas": float(wrong)}


def _batches(sentences: Sentences, size: int) -> list[range]:
    count = len(sentences.prompts)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _losses(
    model: PretrainingModel,
    sentences: Sentences,
    rows: range,
    tokenizer: PreTrainedTokenizerBase,
    formulas: int,
    bf16: bool,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses of a batch: the first half of its rows masked, every other row without numbers."""
    batch = batch_of([sentences.prompts[row] for row in rows], tokenizer.pad_token_id)
    answers = torch.tensor(sentences.formulas[rows.start : rows.stop], dtype=torch.float32)
    answers[:, formulas:] = math.nan
    half = (len(rows) + 1) // 2
    answers[:half] = math.nan
    labels = torch.full_like(batch["input_ids"], IGNORED)
    for place in range(half):
        hidden = _hide(batch["fields"][place], batch["input_ids"][place], tokenizer, rng)
        labels[place, hidden] = batch["input_ids"][place, hidden]
        batch["input_ids"][place, hidden] = tokenizer.mask_token_id
        batch["numbers"][place, hidden] = math.nan
    batch["numbers"][::2] = math.nan
    device = model.device
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        on_device = {name: tensor.to(device) for name, tensor in batch.items()}
        return model.losses(on_device, labels.to(device), answers.to(device))


def _hide(
    fields: torch.Tensor,
    ids: torch.Tensor,
    tokenizer: PreTrainedTokenizerBase,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Which tokens of a prompt are masked, (tokens,): whole values, and a few other tokens."""
    chosen = np.flatnonzero(rng.random(int(fields.max()) + 1) < VALUES)
    known = fields.numpy()
    whole = np.isin(known, chosen) & (known != NO_FIELD)
    special = np.isin(ids.numpy(), tokenizer.all_special_ids)
    others = (known == NO_FIELD) & ~special & (rng.random(len(known)) < WORDS)
    return torch.from_numpy(whole | others)
