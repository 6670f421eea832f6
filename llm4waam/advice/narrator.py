"""Text for a person: the template's, or a language model's that says the same."""

import logging
from dataclasses import dataclass
from typing import Literal

from llm4waam.advice.draft import Draft, fill
from llm4waam.advice.guard import objections
from llm4waam.advice.rewriters import Prompt, Rewriter

LOG = logging.getLogger(__name__)

RULES = {
    "en": (
        "Rewrite the text of the user so that it reads as fluent, plain English. Keep every fact. "
        "Keep each marker such as [[1]] exactly once and unchanged: it stands for a number and its "
        "unit. Keep the names of parameters and results, every direction (raise, lower), every "
        "not, no and uncertain, and the order from ... to. Add nothing: no number, no advice, no "
        "heading, no list, no comment. Answer with the rewritten text alone."
    ),
    "ko": (
        "사용자의 글을 자연스럽고 쉬운 한국어 존댓말로 다시 쓰십시오. 모든 사실을 그대로 두십시오. "
        "[[1]] 같은 표시는 수와 단위를 뜻하므로 저마다 꼭 한 번, 바꾸지 말고 쓰십시오. 변수와 "
        "결과의 이름, 방향(높이다, 낮추다), 부정과 불확실함, '에서'와 '로'의 순서를 지키십시오. "
        "수, 조언, 제목, 목록, 설명을 더하지 마십시오. 다시 쓴 글만 답하십시오."
    ),
}


@dataclass(frozen=True)
class Narrated:
    """A text, who wrote it, and why a model's text does not stand where one was asked for."""

    text: str
    origin: Literal["template", "model"]
    reasons: tuple[str, ...] = ()


def prompt(draft: Draft) -> Prompt:
    """The messages that ask for a rewrite of the draft with its markers."""
    return [
        {"role": "system", "content": RULES[draft.language]},
        {"role": "user", "content": draft.marked},
    ]


def narrate(draft: Draft, model: Rewriter | None) -> Narrated:
    """The draft in the model's words if they say the same, and else in the template's.

    Whatever goes wrong with the model is logged as one line and never raised.
    """
    if model is None or not draft.sentences:
        return Narrated(draft.text, "template")
    try:
        written = model.rewrite(prompt(draft)).strip()
        reasons = tuple(_line(reason) for reason in objections(draft, written))
        if not reasons and written == draft.marked:
            reasons = ("echo: the model changed nothing",)
        if not reasons:
            return Narrated(fill(written, draft.slots), "model")
    except Exception as error:  # a model of any kind may fail in any way
        reasons = (_line(f"failure: {error or type(error).__name__}"),)
    LOG.warning("the template's text stands: %s", "; ".join(reasons))
    return Narrated(draft.text, "template", reasons)


def _line(text: str) -> str:
    """One line of printable characters: a model's words come into it."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 200 else line[:199] + "…"
