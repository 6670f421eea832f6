"""What an experienced eye says without a model: too hot, too cold, too fast, starved.

A second opinion from quantities that every welder computes. The window of each is what the normal
training beads of the same wire span, so no threshold of the simulator is in it; a rule speaks where
a bead lies outside. What each extreme leads to is textbook knowledge.
"""

from dataclasses import dataclass

import pandas as pd

from llm4waam.card import labels
from llm4waam.card.card import Card

# name -> (formula's derived field or column, which side, what it leads to)
RULES = {
    "too hot": ("handbook_line_energy_j_mm", "high", "Humping"),
    "too cold": ("handbook_line_energy_j_mm", "low", "Lack of fusion"),
    "too fast": ("travel_speed_mm_s", "high", "Humping"),
    "starved": ("bead_section_mm2", "low", "Discontinuity"),
    "overfed": ("bead_section_mm2", "high", "Balling"),
}
FEWEST = 5  # normal beads of a wire; with fewer, all wires together give the window


@dataclass(frozen=True)
class Finding:
    """One rule that speaks: `value` lies on the `side` of `limit`, in the unit of `field`."""

    rule: str
    field: str
    side: str
    value: float
    limit: float
    leads_to: str


@dataclass(frozen=True)
class Rules:
    """The windows of the normal training beads, by wire; empty for a card without these fields."""

    card: Card
    windows: pd.DataFrame

    @classmethod
    def fit(cls, card: Card, training: pd.DataFrame) -> "Rules":
        """From training beads, as rows of the clean table with their labels."""
        normal = training[training["labels"].map(_is_normal)] if "labels" in training else training
        known = card.with_formulas(normal)
        fields = sorted({field for field, _, _ in RULES.values() if field in known})
        rows = {}
        wires = known.groupby("material") if "material" in known else ()
        for wire, beads in [(None, known), *wires]:
            if wire is None or len(beads) >= FEWEST:
                ends = beads[fields].quantile([0.0, 1.0])
                rows[wire or ""] = {(f, e): ends.loc[q, f] for f in fields for e, q in _ENDS}
        return cls(card, pd.DataFrame(rows).T)

    def findings(self, bead: pd.Series) -> list[Finding]:
        """The rules that speak of one bead; a rule whose quantity is not known is silent."""
        known = self.card.with_formulas(bead.to_frame().T.infer_objects()).iloc[0]
        material = bead.get("material")
        wire = material if material in self.windows.index else ""
        found = []
        for rule, (field, side, leads_to) in RULES.items():
            if field not in known or pd.isna(known[field]):
                continue
            value, limit = float(known[field]), float(self.windows.loc[wire, (field, side)])
            if value > limit if side == "high" else value < limit:
                found.append(Finding(rule, field, side, value, limit, leads_to))
        return found


_ENDS = (("low", 0.0), ("high", 1.0))


def _is_normal(text: object) -> bool:
    return not pd.isna(text) and labels.split(str(text)) == ["Normal"]
