"""Prompts as tokens that know which field's value they are part of."""

import math
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

NO_FIELD = 0


@dataclass(frozen=True)
class TokenisedPrompt:
    """A prompt as tokens; the three lists have one entry a token.

    `ids` are the tokenizer's, `fields` the number of the field whose value the token is part of
    (1 for the first name, NO_FIELD for all else), `numbers` the value of that field in the card's
    unit (NaN for words and between the values).
    """

    ids: list[int]
    fields: list[int]
    numbers: list[float]

    def __len__(self) -> int:
        return len(self.ids)


def tokenise(
    tokenizer: PreTrainedTokenizerBase,
    rows: list[dict],
    names: list[str],
    max_tokens: int,
    *,
    digits: bool = True,
) -> list[TokenisedPrompt]:
    """Tokenise rows of `text` and `values` once, cut at `max_tokens`, without padding.

    A token belongs to a value if it shares a character with it; values of fields that are not in
    `names` are plain text. Without `digits` one mask token stands where the tokens of a number
    stood, of every field: what the number is, only its z-score can tell (as in xVal, Golkar et al.
    2023, A Continuous Number Encoding for Large Language Models).
    """
    place = {name: number for number, name in enumerate(names, start=1)}
    batch = tokenizer(
        [row["text"] for row in rows],
        truncation=True,
        max_length=max_tokens,
        return_offsets_mapping=True,
    )
    prompts = []
    for row, ids, offsets in zip(rows, batch["input_ids"], batch["offset_mapping"], strict=True):
        fields, numbers = [NO_FIELD] * len(ids), [math.nan] * len(ids)
        left_out: set[int] = set()
        token = 0
        for name, start, end, number in sorted(row["values"], key=lambda value: value[1]):
            while token < len(ids) and offsets[token][1] <= start:
                token += 1
            first = None
            while token < len(ids) and offsets[token][0] < end:
                if offsets[token][1] > start:
                    if name in place:
                        fields[token] = place[name]
                        numbers[token] = math.nan if number is None else number
                    if not digits and number is not None:
                        left_out |= set() if first is None else {token}
                        ids[token] = tokenizer.mask_token_id
                    first = token if first is None else first
                token += 1
        kept = [n for n in range(len(ids)) if n not in left_out]
        prompts.append(TokenisedPrompt(*([row[n] for n in kept] for row in (ids, fields, numbers))))
    return prompts


def pad(prompts: list[TokenisedPrompt], pad_id: int, length: int = 0) -> dict[str, torch.Tensor]:
    """The arguments of `BeadModel.forward`, each (prompts, longest prompt or `length`)."""
    room = max(length, *map(len, prompts))

    def stack(rows: list[list], fill: float) -> torch.Tensor:
        return torch.tensor([row + [fill] * (room - len(row)) for row in rows])

    return {
        "input_ids": stack([prompt.ids for prompt in prompts], pad_id),
        "attention_mask": stack([[1] * len(prompt) for prompt in prompts], 0),
        "fields": stack([prompt.fields for prompt in prompts], NO_FIELD),
        "numbers": stack([prompt.numbers for prompt in prompts], math.nan),
    }
