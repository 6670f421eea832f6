"""What to change at the machine so that the next bead is likely to be normal, and a map.

A change moves at most two set-points. Only what an operator turns at the machine is moved, in its
steps and inside what training has seen; everything that follows (current, heat input, energy) is
computed from the new set-points. Candidates are judged by an `ensemble.Ensemble`. The process map
is its chance over wire feed speed and travel speed, at a bead's other settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from llm4waam.advice.ensemble import Ensemble
from llm4waam.card.card import Card
from llm4waam.inference.applicability import ApplicabilityDomain

PLACES = 9  # values of each field in a pair; a single field takes every step of its machine
POINTS = 12  # of the process map along each axis
# The kinds of change that are offered. Each is the candidate with the greatest chance less its size
# times a price: 1 moves one set-point over its whole training range. The prices were chosen on bad
# beads of simulated laboratories of seeds 101 to 104. `single` moves one set-point only.
PRICES = {"recommended": 0.25, "smallest": 0.5, "safest": 0.0, "single": 0.25}
# So many candidates of each kind, the best by the classifiers, are judged by all members.
SHORT = {"recommended": 3, "smallest": 1, "safest": 1, "single": 1}
TOGETHER = 32  # beads whose candidates are judged at a time


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
class Change:
    """A change that is offered: its `kind` (of PRICES), moves, the `chance` of a normal bead.

    `size` is the sum of the moves as shares of the training ranges; `by_member` what each member
    of the ensemble says.
    """

    kind: str
    moves: tuple[Move, ...]
    chance: float
    size: float
    by_member: Mapping[str, float]


@dataclass(frozen=True)
class Counterfactual:
    """What to change, or why nothing is advised.

    `changes` are the recommended one and then others that differ, see PRICES; empty where there is
    a `reason`: "outside" (of the training data), "unknown" (no set-point that could be turned is
    known), "none" (no change within reach suffices) or "best" (none is better than the set-points
    as they are). `chance` is that of the set-points as they are, by the same ensemble.
    """

    chance: float | None = None
    changes: tuple[Change, ...] = ()
    reason: str = ""

    @property
    def moves(self) -> tuple[Move, ...]:
        """Those of the recommended change."""
        return self.changes[0].moves if self.changes else ()


@dataclass(frozen=True)
class Candidates:
    """Changes of one bead: `after` (candidates, set-points), their sizes, how many are moved."""

    names: list[str]
    own: np.ndarray
    after: np.ndarray
    sizes: np.ndarray

    @property
    def moved(self) -> np.ndarray:
        """How many set-points each candidate moves, (candidates,)."""
        return (self.after != self.own).sum(axis=1)

    def moves(self, number: int) -> tuple[Move, ...]:
        """The moves of one candidate."""
        pairs = zip(self.names, self.own, self.after[number], strict=True)
        return tuple(Move(n, float(a), float(b)) for n, a, b in pairs if a != b)

    def some(self, chosen: np.ndarray) -> "Candidates":
        """Some of them, in that order."""
        return Candidates(self.names, self.own, self.after[chosen], self.sizes[chosen])


@dataclass(frozen=True)
class Adviser:
    """Searches for changes; one whose chance stays below `bar` is not offered."""

    card: Card
    domain: ApplicabilityDomain
    ensemble: Ensemble
    bar: float

    def controls(self, bead: pd.Series) -> list[str]:
        """The set-points that can be turned and are known of this bead."""
        ranges = self.domain.ranges()
        return [n for n in self.card.turnable() if n in ranges and not pd.isna(bead[n])]

    def advise(self, bead: pd.Series) -> Counterfactual:
        """What to change of one bead, a row of the clean table."""
        return next(self.advise_each(bead.to_frame().T.infer_objects()))

    def advise_each(
        self, beads: pd.DataFrame, candidates: Sequence[Candidates] | None = None
    ) -> Iterator[Counterfactual]:
        """`advise` of every row, TOGETHER at a time; `candidates` of each, where they are known."""
        for start in range(0, len(beads), TOGETHER):
            part = slice(start, start + TOGETHER)
            yield from self._advise_together(beads.iloc[part], candidates and candidates[part])

    def chance(self, bead: pd.Series) -> float:
        """That of a bead's set-points as they are."""
        ensemble, rows = self.ensemble, bead.to_frame().T.infer_objects()
        return float(ensemble.chance(ensemble.around(rows))[0])

    def candidates(self, bead: pd.Series) -> Candidates:
        """All changes of one or two set-points that stay inside the training data."""
        names, ranges = self.controls(bead), self.domain.ranges()
        own = np.array([float(bead[n]) for n in names])
        widths = np.array([max(ranges[n][1] - ranges[n][0], 1e-9) for n in names])
        steps = [self._values(n, float(bead[n]), None) for n in names]
        few = [self._values(n, float(bead[n]), PLACES) for n in names]
        rows = [np.empty((0, len(names)))]
        for place, values in enumerate(steps):
            rows.append(np.tile(own, (len(values), 1)))
            rows[-1][:, place] = values
        for one, other in combinations(range(len(names)), 2):
            grid = np.array(np.meshgrid(few[one], few[other], indexing="ij")).reshape(2, -1)
            rows.append(np.tile(own, (grid.shape[1], 1)))
            rows[-1][:, [one, other]] = grid.T
        after = np.vstack(rows)
        found = Candidates(names, own, after, (np.abs(after - own) / widths).sum(axis=1))
        if not len(after):
            return found
        return found.some(np.flatnonzero(self.domain.inside(carried_out(bead, found, self.card))))

    def _advise_together(
        self, beads: pd.DataFrame, candidates: Sequence[Candidates] | None
    ) -> list[Counterfactual]:
        inside = self.domain.inside(beads)
        found: dict[int, Counterfactual] = {}
        searched: dict[int, Candidates] = {}
        for n in range(len(beads)):
            bead = beads.iloc[n]
            if not inside[n]:
                found[n] = Counterfactual(reason="outside")
            elif not self.controls(bead):
                found[n] = Counterfactual(reason="unknown")
            else:
                searched[n] = candidates[n] if candidates else self.candidates(bead)
        short = self._short_lists(beads, searched)
        # The set-points as they are, and then the short list of each bead.
        tables = [
            pd.concat(
                [beads.iloc[[n]], carried_out(beads.iloc[n], one, self.card)], ignore_index=True
            )
            for n, one in short.items()
        ]
        if tables:
            by_member = self.ensemble.around(pd.concat(tables, ignore_index=True))
            ends = np.cumsum([len(table) for table in tables])[:-1]
            for (n, one), judged in zip(short.items(), np.split(by_member, ends), strict=True):
                found[n] = self._chosen(one, judged)
        return [found[n] for n in range(len(beads))]

    def _short_lists(
        self, beads: pd.DataFrame, searched: Mapping[int, Candidates]
    ) -> dict[int, Candidates]:
        tables = [carried_out(beads.iloc[n], one, self.card) for n, one in searched.items()]
        if not tables or not sum(map(len, tables)):
            return dict(searched)
        chances = self.ensemble.quick(pd.concat(tables, ignore_index=True))
        ends = np.cumsum([len(table) for table in tables])[:-1]
        short = {}
        for (n, one), chance in zip(searched.items(), np.split(chances, ends), strict=True):
            chosen: list[int] = []
            for kind, count in SHORT.items():
                worth = _worth(kind, chance, one)
                best = np.argsort(-worth, kind="stable")[:count]
                chosen += [int(k) for k in best if np.isfinite(worth[k])]
            short[n] = one.some(np.array(list(dict.fromkeys(chosen)), int))
        return short

    def _chosen(self, short: Candidates, by_member: np.ndarray) -> Counterfactual:
        """Of a short list; the first row of `by_member` is that of the set-points as they are."""
        own, *chances = self.ensemble.chance(by_member)
        chances, changes, taken = np.array(chances), [], set()
        for kind in PRICES:
            worth = _worth(kind, chances, short)
            worth[(chances < self.bar) | (chances <= own)] = -np.inf
            if not len(worth) or not np.isfinite(worth.max()):
                continue
            best = int(worth.argmax())
            if best in taken:
                continue
            taken.add(best)
            said = dict(zip(self.ensemble.members, by_member[best + 1].tolist(), strict=True))
            moves, size = short.moves(best), float(short.sizes[best])
            changes.append(Change(kind, moves, float(chances[best]), size, said))
        reason = "" if changes else "best" if own >= self.bar else "none"
        return Counterfactual(float(own), tuple(changes), reason)

    def _values(self, name: str, own: float, places: int | None) -> list[float]:
        """Values of a field on the machine's steps from the bead's own, inside the range."""
        step, (low, high) = self.card.columns[name].step, self.domain.ranges()[name]
        below, above = int((own - low) / step + 1e-9), int((high - own) / step + 1e-9)
        offsets = [n for n in range(-below, above + 1) if n]
        if places and len(offsets) > places:
            picked = np.linspace(0, len(offsets) - 1, places).round().astype(int)
            offsets = [offsets[n] for n in sorted(set(picked.tolist()))]
        return [round(own + n * step, 6) for n in offsets]


def _worth(kind: str, chances: np.ndarray, candidates: Candidates) -> np.ndarray:
    """What a kind of change is chosen by, (candidates,); -inf for those that are not of it."""
    worth = chances - PRICES[kind] * candidates.sizes
    return np.where((kind != "single") | (candidates.moved == 1), worth, -np.inf)


def carried_out(
    bead: pd.Series, changes: Candidates | tuple[Move, ...], card: Card
) -> pd.DataFrame:
    """The bead after each of the changes, one row a change, a table like the clean one.

    What was measured is not known then, and no note was written yet.
    """
    if isinstance(changes, Candidates):
        names, after = changes.names, changes.after
    else:
        names, after = [m.field for m in changes], np.array([[m.after for m in changes]])
    rows = bead.to_frame().T.infer_objects().take([0] * len(after)).reset_index(drop=True)
    rows["bead"] = [f"{bead.get('bead', '')} {n}" for n in range(len(rows))]
    for place, name in enumerate(names):
        rows[name] = after[:, place]
    rows[measured(card, rows)] = np.nan
    notes = [name for name in card.named("note") if name in rows]
    rows[notes] = None
    return rows


def measured(card: Card, rows: pd.DataFrame) -> list[str]:
    """The columns that are known only after a weld."""
    return [name for name in card.named("measurement") if name in rows]


@dataclass(frozen=True)
class ProcessMap:
    """The chance of a normal bead over two set-points, the `axes`.

    `x` and `y` are (points,), `chance` is (y, x); `inside` (y, x) is where the point lies in the
    applicability domain.
    """

    axes: tuple[str, str]
    x: np.ndarray
    y: np.ndarray
    chance: np.ndarray
    inside: np.ndarray


def process_map(adviser: Adviser, bead: pd.Series, points: int = POINTS) -> ProcessMap | None:
    """The map of one bead over the training ranges; None where an axis or its value is unknown.

    By the ensemble that judges changes, at `points` values of each axis.
    """
    ranges = adviser.domain.ranges()
    axes = adviser.card.process_map or tuple(adviser.card.turnable()[:2])
    if len(axes) < 2 or any(name not in ranges or pd.isna(bead[name]) for name in axes):
        return None
    x, y = (np.linspace(*ranges[name], points) for name in axes)
    own = np.array([float(bead[name]) for name in axes])
    after = np.array([(a, b) for b in y for a in x])
    places = Candidates(list(axes), own, after, np.zeros(len(after)))
    rows, shape = carried_out(bead, places, adviser.card), (points, points)
    chance = adviser.ensemble.chance(adviser.ensemble.at(rows))
    return ProcessMap(axes, x, y, chance.reshape(shape), adviser.domain.inside(rows).reshape(shape))
