"""Language models that rewrite a prompt: an OpenAI-compatible endpoint, or a local folder."""

import os
from functools import cached_property
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from llm4waam.advice.endpoint import EndpointRewriter
from llm4waam.advice.failures import RewriteError
from llm4waam.core.errors import StudyError

Prompt = list[dict[str, str]]


class Rewriter(Protocol):
    """Anything that answers a chat prompt."""

    def rewrite(self, prompt: Prompt) -> str:
        """The answer to messages of {role, content}; raises RewriteError where there is none."""


class LocalRewriter:
    """A causal language model in a folder: config.json, safetensors and a tokenizer.

    Weights are loaded with the first prompt. No code of the folder is run and nothing is
    downloaded; generation is greedy, of at most `tokens` tokens and about `seconds` seconds.
    """

    def __init__(self, folder: Path, tokens: int = 512, seconds: float = 60.0) -> None:
        """Raises StudyError unless the folder holds a configuration and safetensors."""
        if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
            reason = "the folder is no language model"
            raise StudyError(folder, reason, expected="config.json, *.safetensors, a tokenizer")
        self.folder, self.tokens, self.seconds = folder, tokens, seconds

    @cached_property
    def _loaded(self) -> tuple:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        safe = {"trust_remote_code": False, "local_files_only": True}
        tokenizer = AutoTokenizer.from_pretrained(self.folder, **safe)
        model = AutoModelForCausalLM.from_pretrained(self.folder, use_safetensors=True, **safe)
        return tokenizer, model.eval()

    def rewrite(self, prompt: Prompt) -> str:
        """The model's answer; raises RewriteError where it does not end by itself."""
        import torch

        tokenizer, model = self._loaded
        if tokenizer.chat_template:
            inputs = tokenizer.apply_chat_template(
                prompt, add_generation_prompt=True, return_dict=True, return_tensors="pt"
            )
        else:
            text = "\n\n".join(message["content"] for message in prompt)
            inputs = tokenizer(text + "\n\n", return_tensors="pt")
        read = inputs["input_ids"].shape[1]
        places = getattr(model.config, "max_position_embeddings", None)
        room = self.tokens if places is None else min(self.tokens, places - read)
        if room < 1:
            raise RewriteError(f"the prompt of {read} tokens is too long for the model")
        ends = model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends]) | {tokenizer.eos_token_id}
        pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        with torch.inference_mode():
            written = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                do_sample=False,
                num_beams=1,
                max_new_tokens=room,
                max_time=self.seconds,
                pad_token_id=pad,
            )[0, read:].tolist()
        if not written or written[-1] not in ends:
            raise RewriteError("the answer is truncated")
        return tokenizer.decode(written, skip_special_tokens=True)


def rewriter_from_environment() -> Rewriter | None:
    """The rewriter that the environment names; None where it names none.

    NARRATOR_URL is the address under which /chat/completions lies, NARRATOR_MODEL the model there
    and NARRATOR_KEY its key, if it asks for one. Without an address NARRATOR_MODEL is a folder.
    Raises StudyError for what cannot be used; no message holds the address or the key.
    """
    url, model, key = (
        os.environ.get(f"NARRATOR_{name}", "").strip() for name in ("URL", "MODEL", "KEY")
    )
    if url:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            reason = "NARRATOR_URL is no address"
            raise StudyError("the environment", reason, expected="https://HOST/v1, no user in it")
        if not model:
            reason = "NARRATOR_URL is set and NARRATOR_MODEL is not"
            raise StudyError("the environment", reason, expected="the model's name there")
        if not (key.isascii() and key.isprintable()):
            raise StudyError("the environment", "NARRATOR_KEY cannot be sent", expected="ASCII")
        return EndpointRewriter(url, model, key)
    if not model:
        return None
    if not Path(model).is_dir():
        reason = "NARRATOR_MODEL is no folder, and NARRATOR_URL is not set"
        raise StudyError("the environment", reason, value=model, expected="a folder, or an address")
    return LocalRewriter(Path(model))
