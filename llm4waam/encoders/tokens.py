"""Prompts as tokens that know which field's value they are part of; nothing here needs torch.

Many prompts are a few arrays, so that a table of a million beads has room in memory; a single one
is a view of these.
"""

import math
import zlib
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from tokenizers import Encoding, Tokenizer

NO_FIELD = 0
TOGETHER = 2048  # texts that are tokenised at a time: what a tokenizer says of one takes 20 KB


@dataclass(frozen=True, eq=False)
class TokenisedPrompt:
    """A prompt as tokens; the three sequences have one entry a token.

    `ids` are the tokenizer's, `fields` the number of the field whose value the token is part of
    (1 for the first name, NO_FIELD for all else), `numbers` the value of that field in the card's
    unit (NaN for words and between the values). `cut` says that the prompt was longer than it may
    be: what stood at its end, such as a note, is not among the tokens.
    """

    ids: Sequence[int]
    fields: Sequence[int]
    numbers: Sequence[float]
    cut: bool = False

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Tokens:
    """Many prompts, one behind the other.

    Prompt n has the tokens `starts[n]` to `starts[n + 1]` of `ids` and `fields`, both (tokens,).
    `values[columns[f], n]` is its number of field f, NaN where it gives none: a prompt gives a
    field once. Row 0 of `values` is NaN, for NO_FIELD and for fields of which no prompt gives a
    number. `cut[n]` is that of the prompt.
    """

    ids: np.ndarray
    fields: np.ndarray
    values: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    cut: np.ndarray

    def numbers(self, row: int) -> np.ndarray:
        """The number of every field in a prompt, (1 + fields,)."""
        return self.values[self.columns, row]

    def __getstate__(self) -> dict:
        """The arrays in a tenth of their bytes: other processes and machines are sent them."""
        return {
            name: (part.dtype.str, part.shape, zlib.compress(np.ascontiguousarray(part), level=1))
            for name, part in vars(self).items()
        }

    def __setstate__(self, state: dict) -> None:
        for name, (kind, shape, packed) in state.items():
            self.__dict__[name] = np.frombuffer(zlib.decompress(packed), kind).reshape(shape)


@dataclass(frozen=True, eq=False)
class Prompts(Sequence[TokenisedPrompt]):
    """Some of many prompts: `rows` (prompts,) are their numbers among the many.

    `change` makes of the values of a prompt, (1 + fields,), others when it is asked for: each fold
    has z-scores of its own, and all share the tokens.
    """

    tokens: Tokens
    rows: np.ndarray
    change: Callable[[np.ndarray], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int | slice | np.ndarray) -> "TokenisedPrompt | Prompts":
        """The prompt at a place, or those of several places."""
        if isinstance(place, (slice, np.ndarray)):
            return Prompts(self.tokens, self.rows[place], self.change)
        row, many = self.rows[place], self.tokens
        own = slice(many.starts[row], many.starts[row + 1])
        values, fields = many.numbers(row), many.fields[own]
        values = self.change(values) if self.change else values
        return TokenisedPrompt(many.ids[own], fields, values[fields], bool(many.cut[row]))


@dataclass(frozen=True, eq=False)
class PromptLists(Sequence[Prompts]):
    """Lists of prompts one behind the other: list n are `starts[n]` to `starts[n + 1]`."""

    prompts: Prompts
    starts: np.ndarray

    @classmethod
    def singly(cls, prompts: Prompts) -> "PromptLists":
        """A list for every prompt."""
        return cls(prompts, np.arange(len(prompts) + 1))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, number: int) -> Prompts:
        number = range(len(self))[number]
        return self.prompts[self.starts[number] : self.starts[number + 1]]

    def counts(self) -> np.ndarray:
        """How many prompts each list has, (lists,)."""
        return np.diff(self.starts)

    def pick(self, numbers: Sequence[int], most: int | None = None) -> "PromptLists":
        """The lists of these numbers, of each the first `most` prompts (None: all)."""
        numbers = np.asarray(numbers, dtype=np.int64)
        counts = self.counts()[numbers]
        counts = counts if most is None else np.minimum(counts, most)
        starts = np.concatenate([[0], np.cumsum(counts)])
        moved = np.repeat(self.starts[numbers] - starts[:-1], counts)
        return PromptLists(self.prompts[moved + np.arange(starts[-1])], starts)


def tokenise(
    tokenizer: Tokenizer,
    rows: Iterable[dict],
    names: list[str],
    max_tokens: int,
    *,
    mask_id: int | None = None,
) -> Prompts:
    """Tokenise rows of `text` and `values` once, cut at `max_tokens`, without padding.

    A token belongs to a value if it shares a character with it; values of fields that are not in
    `names` are plain text. With a `mask_id` one token of it stands where the tokens of a number
    stood, of every field: what the number is, only its z-score can tell (as in xVal, Golkar et al.
    2023, A Continuous Number Encoding for Large Language Models). The rows are gone through once,
    some thousands at a time, and what is known of their texts is then forgotten.
    """
    place = {name: number for number, name in enumerate(names, start=1)}
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    # These grow in place: lists of parts that are joined at the end would take twice the memory.
    ids, fields = array("H"), array("B" if len(names) < 256 else "H")
    starts, cut, rows = array("q", [0]), array("b"), iter(rows)
    values = {NO_FIELD: array("d")}  # a column for every field that has a number
    while some := list(islice(rows, TOGETHER)):
        numbers = np.full((len(some), 1 + len(names)), math.nan)
        texts = [row["text"] for row in some]
        for row, read, own in zip(some, tokenizer.encode_batch(texts), numbers, strict=True):
            own_ids, own_fields = _read(row["values"], read, place, mask_id, own)
            if ids.typecode == "H" and max(own_ids, default=0) >= 2**16:
                ids = array("I", ids)
            ids.extend(own_ids)
            fields.extend(own_fields)
            starts.append(len(ids))
            cut.append(bool(read.overflowing))
        for field in np.flatnonzero(~np.isnan(numbers).all(axis=0)).tolist():
            values.setdefault(field, array("d", [math.nan]) * len(values[NO_FIELD]))
        for field, column in values.items():
            column.frombytes(numbers[:, field].tobytes())
    columns = np.zeros(1 + len(names), dtype=np.uint16)
    columns[list(values)] = np.arange(len(values))
    table = np.empty((len(values), len(cut)))
    for row in table:
        row[:] = values.pop(next(iter(values)))  # never the whole twice
    many = Tokens(
        np.asarray(ids),
        np.asarray(fields),
        table,
        columns,
        np.asarray(starts),
        np.asarray(cut).astype(bool),
    )
    return Prompts(many, np.arange(len(cut)))


def _read(
    values: list[list],
    read: Encoding,
    place: dict[str, int],
    mask_id: int | None,
    numbers: np.ndarray,
) -> tuple[list[int], list[int]]:
    """The tokens of one prompt and their fields; `numbers` (1 + fields,) is filled."""
    ids, offsets = read.ids, read.offsets
    fields = [NO_FIELD] * len(ids)
    left_out: set[int] = set()
    token = 0
    for name, start, end, number in sorted(values, key=lambda value: value[1]):
        while token < len(ids) and offsets[token][1] <= start:
            token += 1
        first = None
        while token < len(ids) and offsets[token][0] < end:
            if offsets[token][1] > start:
                if name in place:
                    fields[token] = place[name]
                    numbers[place[name]] = math.nan if number is None else number
                if mask_id is not None and number is not None:
                    left_out |= set() if first is None else {token}
                    ids[token] = mask_id
                first = token if first is None else first
            token += 1
    if left_out:
        kept = [n for n in range(len(ids)) if n not in left_out]
        ids, fields = ([part[n] for n in kept] for part in (ids, fields))
    return ids, fields


def pad(prompts: Sequence[TokenisedPrompt], pad_id: int, length: int = 0) -> dict[str, np.ndarray]:
    """The arguments of `BeadModel.forward`, each (prompts, longest prompt or `length`)."""
    prompts = list(prompts)
    room = max(length, *map(len, prompts))

    def lay(parts: Iterable[Sequence], fill: float, kind: type) -> np.ndarray:
        table = np.full((len(prompts), room), fill, kind)
        for row, part in zip(table, parts, strict=True):
            row[: len(part)] = part
        return table

    return {
        "input_ids": lay((prompt.ids for prompt in prompts), pad_id, np.int64),
        "attention_mask": lay(([1] * len(prompt) for prompt in prompts), 0, np.int64),
        "fields": lay((prompt.fields for prompt in prompts), NO_FIELD, np.int64),
        "numbers": lay((prompt.numbers for prompt in prompts), math.nan, np.float32),
    }
