"""Prompts as tokens that know which field's value they are part of; neither needs torch."""

import math
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

NO_FIELD = 0


@dataclass(frozen=True)
class TokenisedPrompt:
    """A prompt as tokens; the three lists have one entry a token.

    `ids` are the tokenizer's, `fields` the number of the field whose value the token is part of
    (1 for the first name, NO_FIELD for all else), `numbers` the value of that field in the card's
    unit (NaN for words and between the values). `cut` says that the prompt was longer than it may
    be: what stood at its end, such as a note, is not among the tokens.
    """

    ids: list[int]
    fields: list[int]
    numbers: list[float]
    cut: bool = False

    def __len__(self) -> int:
        return len(self.ids)


def tokenise(
    tokenizer: Tokenizer,
    rows: list[dict],
    names: list[str],
    max_tokens: int,
    *,
    mask_id: int | None = None,
) -> list[TokenisedPrompt]:
    """Tokenise rows of `text` and `values` once, cut at `max_tokens`, without padding.

    A token belongs to a value if it shares a character with it; values of fields that are not in
    `names` are plain text. With a `mask_id` one token of it stands where the tokens of a number
    stood, of every field: what the number is, only its z-score can tell (as in xVal, Golkar et al.
    2023, A Continuous Number Encoding for Large Language Models).
    """
    place = {name: number for number, name in enumerate(names, start=1)}
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    prompts = []
    for row, read in zip(rows, tokenizer.encode_batch([row["text"] for row in rows]), strict=True):
        ids, offsets = read.ids, read.offsets
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
                    if mask_id is not None and number is not None:
                        left_out |= set() if first is None else {token}
                        ids[token] = mask_id
                    first = token if first is None else first
                token += 1
        kept = [n for n in range(len(ids)) if n not in left_out]
        parts = ([row[n] for n in kept] for row in (ids, fields, numbers))
        prompts.append(TokenisedPrompt(*parts, cut=bool(read.overflowing)))
    return prompts


def pad(prompts: list[TokenisedPrompt], pad_id: int, length: int = 0) -> dict[str, np.ndarray]:
    """The arguments of `BeadModel.forward`, each (prompts, longest prompt or `length`)."""
    room = max(length, *map(len, prompts))

    def stack(rows: list[list], fill: float, kind: type) -> np.ndarray:
        return np.array([row + [fill] * (room - len(row)) for row in rows], kind)

    return {
        "input_ids": stack([prompt.ids for prompt in prompts], pad_id, np.int64),
        "attention_mask": stack([[1] * len(prompt) for prompt in prompts], 0, np.int64),
        "fields": stack([prompt.fields for prompt in prompts], NO_FIELD, np.int64),
        "numbers": stack([prompt.numbers for prompt in prompts], math.nan, np.float32),
    }
