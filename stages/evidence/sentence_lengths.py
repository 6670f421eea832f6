"""How long the prompts are to each encoder's own tokenizer."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from tokenizers import Tokenizer

from stages.beads.errors import StudyError

Count = Callable[[list[str]], list[int]]


def token_counter(checkpoint: str, revision: str | None) -> Count:
    """A function from texts to their numbers of tokens, the special ones included, nothing cut.

    A folder with a tokenizer.json is read without transformers; any other checkpoint is left to
    it. Raises StudyError where there is no tokenizer to be had.
    """
    file = Path(checkpoint) / "tokenizer.json"
    if file.is_file():
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return lambda texts: [len(each.ids) for each in tokenizer.encode_batch(texts)]
    from transformers import AutoTokenizer  # slow to import, and seldom needed

    try:
        slow = AutoTokenizer.from_pretrained(checkpoint, revision=revision)
    except (OSError, ValueError) as error:
        reason = f"has no tokenizer to load ({str(error).splitlines()[0]})"
        raise StudyError(checkpoint, reason, expected="a local folder or a hub name") from None
    return lambda texts: [len(ids) for ids in slow(texts, truncation=False)["input_ids"]]


def sentence_lengths(prompts: list[dict], counters: dict[str, Count]) -> pd.DataFrame:
    """encoder, template, tokens, prompts: how many prompts have how many tokens."""
    texts = [prompt["text"] for prompt in prompts]
    tables = [
        pd.DataFrame(
            {
                "encoder": encoder,
                "template": [prompt["template"] for prompt in prompts],
                "tokens": count(texts),
            }
        )
        for encoder, count in counters.items()
    ]
    keys = ["encoder", "template", "tokens"]
    lengths = pd.concat(tables, ignore_index=True)
    return lengths.groupby(keys, sort=True).size().reset_index(name="prompts")
