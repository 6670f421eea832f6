"""Words behind numbers: in which part of the training fold a value lies."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from llm4waam.encoders.tokens import NO_FIELD, Prompt

WORDS = {
    2: ("low", "high"),
    3: ("low", "medium", "high"),
    4: ("very low", "low", "high", "very high"),
    5: ("very low", "low", "medium", "high", "very high"),
}


@dataclass(frozen=True)
class Quantiles:
    """`edges[field]` are the inner bounds of the parts, `words` the token ids of each part."""

    edges: dict[int, np.ndarray]
    words: list[list[int]]

    @classmethod
    def fit(cls, prompts: Iterable[Prompt], words: list[list[int]]) -> "Quantiles":
        """Parts with equally many of the values of `prompts`, those of a training fold."""
        values: dict[int, list[float]] = {}
        for prompt in prompts:
            for field, number in dict(zip(prompt.fields, prompt.numbers, strict=True)).items():
                if field != NO_FIELD and not np.isnan(number):
                    values.setdefault(field, []).append(number)
        inner = np.linspace(0, 1, len(words) + 1)[1:-1]
        return cls({field: np.quantile(known, inner) for field, known in values.items()}, words)

    def insert(self, prompt: Prompt) -> Prompt:
        """The prompt with a word behind the digits of each number whose field is known."""
        ids, fields, numbers = [], [], []
        for place, (token, field, number) in enumerate(
            zip(prompt.ids, prompt.fields, prompt.numbers, strict=True)
        ):
            ids.append(token)
            fields.append(field)
            numbers.append(number)
            last = place + 1 == len(prompt) or prompt.fields[place + 1] != field
            if last and field in self.edges and not np.isnan(number):
                # Between both sides: a field that never varies is medium.
                edges = self.edges[field]
                part = sum(np.searchsorted(edges, number, side) for side in ("left", "right")) // 2
                word = self.words[part]
                ids += word
                fields += [NO_FIELD] * len(word)
                numbers += [float("nan")] * len(word)
        return Prompt(ids, fields, numbers)
