"""What to change at the machine: the smallest change that makes a normal bead likely, and a map.

A change moves at most two set-points. Only what an operator turns at the machine is moved, in its
steps and inside what training has seen; everything that follows (current, heat input, energy) is
computed from the new set-points. The process map is P(Normal) over wire feed speed and travel
speed, at a bead's other settings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from pydantic import Field

from llm4waam.card.card import Card
from llm4waam.core.settings import Positive, Section, Seed
from llm4waam.encoders.settings import FamilyName
from llm4waam.inference.applicability import ApplicabilityDomain

PLACES = 9  # values of each field in a pair; a single field takes every step of its machine
BATCH = 48  # candidates that go through the model at a time, the smallest changes first
MOST = 480  # candidates in all: seconds on two cores
AXES = ("travel_speed_mm_s", "wire_feed_speed_m_min")  # of the process map, x and y
POINTS = 20  # of the process map along each axis

# P(Normal) (beads,) of beads, rows of the clean table.
Chance = Callable[[pd.DataFrame], np.ndarray]


class Advice(Section):
    """Explanations and advice from the final models of one encoder, the stage `explain`.

    `background` training beads stand in for absent fields, `bar` is the probability of a normal
    bead that a change must reach, `margin` what it must have beyond. `shown` is the number of
    hold-out beads on the page; each advised bead is run `simulated_runs` times in the simulator.
    """

    encoder: FamilyName
    seed: int = Seed
    background: int = Positive
    bar: float = Field(gt=0, lt=1)
    margin: float = Field(ge=0, lt=1)
    shown: int = Positive
    simulated_runs: int = Positive


@dataclass(frozen=True)
class Move:
    """One set-point of a change, in the card's unit."""

    field: str
    before: float
    after: float

    @property
    def direction(self) -> str:
        """ "up" or "down"."""
        return "up" if self.after > self.before else "down"


@dataclass(frozen=True)
class Counterfactual:
    """What to change and what it should bring, or why there is none.

    `chance` is P(Normal) as run, `expected` that after the moves. `reason` is "" where moves are
    advised, else "normal" (the bar is met as it is), "outside" (of the training data), "unknown"
    (no set-point that could be turned is known) or "none" (no change within reach suffices).
    `size` is the sum of the moves as shares of the training ranges.
    """

    chance: float
    moves: tuple[Move, ...] = ()
    expected: float | None = None
    size: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Adviser:
    """Searches for changes; P(Normal) by `chance` must reach `bar` plus `margin` after one."""

    card: Card
    domain: ApplicabilityDomain
    chance: Chance
    bar: float
    margin: float

    def controls(self, bead: pd.Series) -> list[str]:
        """The set-points that can be turned and are known of this bead."""
        columns, ranges = self.card.columns, self.domain.ranges()
        return [n for n in ranges if columns[n].step and not pd.isna(bead[n])]

    def advise(self, bead: pd.Series, chance: float | None = None) -> Counterfactual:
        """The smallest change for a row of the clean table; `chance` is its own, where known."""
        as_run = bead.to_frame().T.infer_objects()
        if chance is None:
            chance = float(self.chance(as_run)[0])
        if not self.domain.inside(as_run)[0]:
            return Counterfactual(chance, reason="outside")
        if chance >= self.bar:
            return Counterfactual(chance, reason="normal")
        if not self.controls(bead):
            return Counterfactual(chance, reason="unknown")
        moves, sizes = self.candidates(bead)
        for start in range(0, min(len(moves), MOST), BATCH):
            part = moves[start : start + BATCH]
            tried = carried_out(bead, part, self.card)
            fit = self.domain.inside(tried)
            chances = np.full(len(part), -1.0)
            if fit.any():
                chances[fit] = self.chance(tried[fit])
            good = np.flatnonzero(chances >= self.bar + self.margin)
            if len(good):
                found, size = part[good[0]], float(sizes[start + good[0]])
                return Counterfactual(chance, found, float(chances[good[0]]), size)
        return Counterfactual(chance, reason="none")

    def candidates(self, bead: pd.Series) -> tuple[list[tuple[Move, ...]], np.ndarray]:
        """All changes of one or two set-points and their sizes, the smallest first."""
        ranges = self.domain.ranges()
        widths = {n: max(ranges[n][1] - ranges[n][0], 1e-9) for n in self.controls(bead)}
        steps = {n: self._values(n, float(bead[n]), None) for n in widths}
        few = {n: self._values(n, float(bead[n]), PLACES) for n in widths}
        moves = [(Move(n, float(bead[n]), v),) for n, values in steps.items() for v in values]
        for one, other in combinations(widths, 2):
            moves += [
                (Move(one, float(bead[one]), a), Move(other, float(bead[other]), b))
                for a, b in product(few[one], few[other])
            ]
        sizes = np.array([sum(abs(m.after - m.before) / widths[m.field] for m in c) for c in moves])
        order = np.argsort(sizes, kind="stable")
        thinned = _thinned(order, len(moves))
        return [moves[n] for n in thinned], sizes[thinned]

    def _values(self, name: str, own: float, places: int | None) -> list[float]:
        """Values of a field on the machine's steps from the bead's own, inside the range."""
        step, (low, high) = self.card.columns[name].step, self.domain.ranges()[name]
        below, above = int((own - low) / step + 1e-9), int((high - own) / step + 1e-9)
        offsets = [n for n in range(-below, above + 1) if n]
        if places and len(offsets) > places:
            picked = np.linspace(0, len(offsets) - 1, places).round().astype(int)
            offsets = [offsets[n] for n in sorted(set(picked.tolist()))]
        return [round(own + n * step, 6) for n in offsets]


def _thinned(order: np.ndarray, count: int) -> np.ndarray:
    """At most MOST of the candidates, evenly over all sizes: small ones first, large ones too."""
    if count <= MOST:
        return order
    return order[np.unique(np.linspace(0, count - 1, MOST).round().astype(int))]


def carried_out(bead: pd.Series, changes: list[tuple[Move, ...]], card: Card) -> pd.DataFrame:
    """The bead after each of the changes, one row a change; what was measured is not known then."""
    rows = pd.DataFrame([bead] * len(changes)).reset_index(drop=True).infer_objects()
    rows["bead"] = [f"{bead.get('bead', '')} {n}" for n in range(len(changes))]
    for n, moves in enumerate(changes):
        for move in moves:
            rows.loc[n, move.field] = move.after
    rows[measured(card, rows)] = np.nan
    return rows


def measured(card: Card, rows: pd.DataFrame) -> list[str]:
    """The columns that are known only after a weld."""
    return [name for name in card.named("measurement") if name in rows]


@dataclass(frozen=True)
class ProcessMap:
    """P(Normal) over the two AXES: `x` and `y` (points,), `chance` and `inside` (y, x).

    `inside` is where the point lies in the applicability domain.
    """

    x: np.ndarray
    y: np.ndarray
    chance: np.ndarray
    inside: np.ndarray


def process_map(adviser: Adviser, bead: pd.Series) -> ProcessMap | None:
    """The map of one bead over the training ranges; None where an axis or its value is unknown.

    Physics fields follow from each point's set-points; what was measured is not known there.
    """
    ranges = adviser.domain.ranges()
    if any(name not in ranges or pd.isna(bead[name]) for name in AXES):
        return None
    x, y = (np.linspace(*ranges[name], POINTS) for name in AXES)
    grid = [{AXES[0]: a, AXES[1]: b} for b in y for a in x]
    rows = pd.DataFrame([bead] * len(grid)).reset_index(drop=True).infer_objects()
    rows[list(AXES)] = pd.DataFrame(grid)[list(AXES)]
    rows["bead"] = [str(n) for n in range(len(rows))]
    rows[measured(adviser.card, rows)] = np.nan
    shape = (POINTS, POINTS)
    return ProcessMap(
        x, y, adviser.chance(rows).reshape(shape), adviser.domain.inside(rows).reshape(shape)
    )
