"""Whose each prompt of a task is, and which fields were left out of it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from llm4waam.encoders.tokens import PromptLists, Prompts


@dataclass(frozen=True, eq=False)
class BeadPrompts(Mapping[str, Prompts]):
    """Bead -> its prompts, in the order of the file; views of the arrays that all beads share.

    `whole` and `incomplete` have a list for every bead, `places[bead]` is its number there. Prompt
    n of `incomplete` lacks the fields `left_out[without[n]]`, names with a space between; a bead's
    prompts that lack the same stand together.
    """

    places: dict[str, int]
    whole: PromptLists
    incomplete: PromptLists
    without: np.ndarray
    left_out: list[str]

    def __getitem__(self, bead: str) -> Prompts:
        return self.whole[self.places[bead]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def lists(self, beads: Sequence[str], most: int | None = None) -> PromptLists:
        """The prompts of each bead, or the first `most` of them."""
        return self.whole.pick([self.places[bead] for bead in beads], most)

    def incomplete_lists(self, beads: Sequence[str]) -> PromptLists:
        """The prompts of each bead with fields left out."""
        return self.incomplete.pick([self.places[bead] for bead in beads])

    def incomplete_of(self, bead: str) -> dict[str, Prompts]:
        """The prompts of a bead with fields left out, by these fields."""
        number = self.places[bead]
        prompts = self.incomplete[number]
        lacking = self.without[self.incomplete.starts[number] :][: len(prompts)]
        return {
            self.left_out[code]: prompts[lacking == code]
            for code in dict.fromkeys(lacking.tolist())
        }

    def changed(self, change: Callable[[Prompts], Prompts]) -> "BeadPrompts":
        """The same with the numbers that `change` gives all prompts."""
        return replace(
            self,
            whole=replace(self.whole, prompts=change(self.whole.prompts)),
            incomplete=replace(self.incomplete, prompts=change(self.incomplete.prompts)),
        )

    def singly(self, name: Callable[[str, int], str]) -> "BeadPrompts":
        """Every prompt of a bead as it is as a bead of its own, `name(bead, number)`."""
        counts = zip(self.places, self.whole.counts().tolist(), strict=True)
        names = [name(bead, number) for bead, count in counts for number in range(count)]
        places = {one: place for place, one in enumerate(names)}
        none = self.incomplete.prompts[:0], np.zeros(len(names) + 1, dtype=np.int64)
        whole = PromptLists.singly(self.whole.prompts)
        return BeadPrompts(places, whole, PromptLists(*none), self.without[:0], [])

    @cached_property
    def digest(self) -> str:
        """A hash of all tokens, numbers and names."""
        found = hashlib.sha256(repr([*self.places, self.left_out]).encode())
        arrays = [*vars(self.whole.prompts.tokens).values(), self.without]
        for lists in (self.whole, self.incomplete):
            arrays += [lists.prompts.rows, lists.starts]
        for one in arrays:
            found.update(f"{one.dtype} {one.shape}".encode())
            found.update(np.ascontiguousarray(one))
        return found.hexdigest()


def by_bead(
    prompts: Prompts,
    beads: Sequence[str],
    owners: np.ndarray,
    without: np.ndarray,
    names: list[str],
) -> BeadPrompts:
    """Prompt n is of the bead `owners[n]` and lacks the fields `names[without[n]]`, "": none."""
    order = np.lexsort((without, owners))
    lacks = without[order] != names.index("")

    def lists(rows: np.ndarray) -> PromptLists:
        counts = np.bincount(owners[rows], minlength=len(beads))
        return PromptLists(prompts[rows], np.concatenate([[0], np.cumsum(counts)]))

    places = {bead: place for place, bead in enumerate(beads)}
    whole, some = order[~lacks], order[lacks]
    return BeadPrompts(places, lists(whole), lists(some), without[some], names)
