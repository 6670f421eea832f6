"""Components of the page whose words follow the language that a person chose."""

from collections.abc import Callable

import gradio as gr
from gradio.blocks import Block

from llm4waam.advice.settings import Language
from llm4waam.desk.wording import said

PRIVATE = {"api_visibility": "private"}  # the API has the tools, not the clicks of the page
QUICK = {"queue": False, "show_progress": "hidden", **PRIVATE}


class Labels:
    """The components made so far, and what each is called in a language."""

    def __init__(self, language: Language) -> None:
        """`language` is that in which the page begins."""
        self.language = language
        self._words: list[tuple[Block, Callable[[Language], dict]]] = []

    def of(self, kind: type[Block], *, label: str = "", **options: object) -> Block:
        """A component whose label or text is `label` of words.yaml; see the library for others."""
        name = "value" if kind in (gr.Button, gr.HTML) else "label"
        keys = {name: label} | {k: options.pop(k) for k in ("placeholder",) if k in options}

        def words(language: Language) -> dict:
            return {name: said(key, language) for name, key in keys.items()}

        return self.follow(kind(**words(self.language), **options), words)

    def follow(self, component: Block, words: Callable[[Language], dict]) -> Block:
        """A component that is updated by what `words` gives for a language."""
        self._words.append((component, words))
        return component

    def switch_by(self, chosen: gr.Radio) -> None:
        """Let all components follow; called when all are made."""

        def switched(language: Language) -> list:
            return [gr.update(**words(language)) for _, words in self._words]

        chosen.change(switched, chosen, [component for component, _ in self._words], **QUICK)
