"""Pretraining of a small encoder on the sentences of other laboratories.

Two questions are asked of it. Which words and values are missing (masked language modelling, whole
values masked together)? And, from tier 1 on, what do the card's formulas give (regression from the
mean state)? Half of every batch is masked; the other half is read whole and answers the formulas.
Half of each half is read without the number channel, so that the digits are learned as well.
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

from llm4waam.encoders.model import pool, read
from llm4waam.encoders.number_embedding import NumberChannel
from llm4waam.encoders.tokens import NO_FIELD
from llm4waam.pretraining.batches import Lesson
from llm4waam.training.batches import pad
from llm4waam.training.bookmark import Bookmark
from llm4waam.training.early_stopping import Stopper

VALUES, WORDS = 0.25, 0.05  # shares of the values and of the other tokens that are masked
IGNORED = -100


class Learner(nn.Module):
    """An encoder with its channel, the head that fills masks and the one that answers formulas."""

    def __init__(self, config: PreTrainedConfig, fields: int, formulas: int) -> None:
        super().__init__()
        self.language = AutoModelForMaskedLM.from_config(config)
        width = config.hidden_size
        self.channel = NumberChannel(fields, width, config.initializer_range)
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
        states = read(self.encoder, self.channel, **batch)
        hidden, known = labels != IGNORED, ~torch.isnan(formulas)
        head = self.language.cls if hasattr(self.language, "cls") else self.language.lm_head
        words = states.sum() * 0.0  # a batch in which chance hid nothing
        if hidden.any():
            found = head(states[hidden]).float()
            words = nn.functional.cross_entropy(found, labels[hidden])
        answers = self.formulas(pool(states, batch["attention_mask"], "mean")).float()
        wrong = (answers - torch.nan_to_num(formulas))[known]
        return words, wrong.square().mean() if known.any() else wrong.sum()


def pretrain(
    learner: Learner,
    lessons: Callable[[int], Lesson],
    examination: Lesson,
    tokenizer: PreTrainedTokenizerBase,
    bookmark: Bookmark,
    *,
    epochs: int,
    sentences: int,
    batch_size: int,
    learning_rate: float,
    formulas: int,
    bf16: bool,
    seed: int,
) -> Iterator[dict]:
    """Train in place; yields a row of losses after each epoch, also those of a run that was killed.

    `lessons(epoch)` gives the `sentences` of an epoch, new ones each time; `examination` is never
    learned from. `formulas` is how many of the formulas are asked for (0: masked words only).
    """
    steps = epochs * math.ceil(sentences / batch_size)
    optimizer = torch.optim.AdamW(
        learner.parameters(), lr=learning_rate, weight_decay=0.01, fused=True
    )
    schedule = get_scheduler("linear", optimizer, math.ceil(0.05 * steps), steps)
    # The bookmark of fine-tuning is used as it is: no gradient scaling, nothing that stops early.
    scaler, stopper = torch.amp.GradScaler(enabled=False), Stopper("val_loss", epochs)
    set_seed(seed)
    _, history = bookmark.take(learner, optimizer, schedule, scaler, stopper)
    yield from history
    for epoch in range(len(history) + 1, epochs + 1):
        learner.train()
        lesson, sums = lessons(epoch), np.zeros(2)
        rng = np.random.default_rng([seed, epoch])
        batches = _batches(lesson, batch_size)
        for rows in batches:
            words, wrong = _look(learner, lesson, rows, tokenizer, formulas, bf16, rng)
            (words + wrong).backward()
            nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            sums += [words.item(), wrong.item()]
        known = dict(zip(("words", "formulas"), (sums / len(batches)).tolist(), strict=True))
        known |= examine(learner, examination, tokenizer, formulas, batch_size)
        history.append({"epoch": epoch} | known)
        bookmark.put(learner, optimizer, schedule, scaler, stopper, None, history)
        yield history[-1]


@torch.no_grad()
def examine(
    learner: Learner,
    lesson: Lesson,
    tokenizer: PreTrainedTokenizerBase,
    formulas: int,
    batch_size: int,
) -> dict[str, float]:
    """Mean losses of sentences that were not learned from."""
    learner.eval()
    rng, found = np.random.default_rng(0), []
    for rows in _batches(lesson, batch_size):
        losses = _look(learner, lesson, rows, tokenizer, formulas, False, rng)
        found.append([loss.item() for loss in losses])
    words, wrong = np.mean(found, axis=0)
    return {"new_words": float(words), "new_formulas": float(wrong)}


def _batches(lesson: Lesson, size: int) -> list[range]:
    count = len(lesson.prompts)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def _look(
    learner: Learner,
    lesson: Lesson,
    rows: range,
    tokenizer: PreTrainedTokenizerBase,
    formulas: int,
    bf16: bool,
    rng: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses of a batch: the first half of its rows masked, every other row without the channel."""
    batch = pad([lesson.prompts[row] for row in rows], tokenizer.pad_token_id)
    answers = torch.tensor(lesson.formulas[rows.start : rows.stop], dtype=torch.float32)
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
    device = learner.device
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        on_device = {name: tensor.to(device) for name, tensor in batch.items()}
        return learner.losses(on_device, labels.to(device), answers.to(device))


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
