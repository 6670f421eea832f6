"""Rules of thumb, a second opinion without a model: too hot, too cold, too fast, starved, overfed.

Each rule looks at a quantity that every welder computes. Its window is what the normal training
beads of the same wire span, so no threshold of the simulator is in it; a bead outside the window
breaks the rule. What each extreme leads to is textbook knowledge.
"""

from dataclasses import dataclass

import pandas as pd

from llm4waam.card.card import Card

# name -> (column or derived field of the card, the side on which it is broken, the label then)
RULES = {
    "too hot": ("handbook_line_energy_j_mm", "high", "Humping"),
    "too cold": ("handbook_line_energy_j_mm", "low", "Lack of fusion"),
    "too fast": ("travel_speed_mm_s", "high", "Humping"),
    "starved": ("bead_section_mm2", "low", "Discontinuity"),
    "overfed": ("bead_section_mm2", "high", "Balling"),
}
FEWEST = 5  # normal beads of a wire; with fewer, all wires together give the window
ENDS = {"low": 0.0, "high": 1.0}  # of a window, as quantiles


@dataclass(frozen=True)
class BrokenRule:
    """A rule that a bead breaks: `value` is beyond `limit` on its `side` ("low" or "high").

    Both are in the unit of `field`; `leads_to` is the label that is to be expected.
    """

    rule: str
    field: str
    side: str
    value: float
    limit: float
    leads_to: str


@dataclass(frozen=True)
class Rules:
    """The windows of the normal training beads: one row a wire ("": all), (field, side) columns.

    Empty for a card without these fields.
    """

    card: Card
    windows: pd.DataFrame

    @classmethod
    def fit(cls, card: Card, normal: pd.DataFrame) -> "Rules":
        """From the normal ones of the training beads, as rows of the clean table."""
        known = card.with_formulas(normal)
        fields = sorted({field for field, _, _ in RULES.values() if field in known})
        rows = {}
        wires = known.groupby("material") if "material" in known else ()
        for wire, beads in [(None, known), *wires]:
            if wire is None or len(beads) >= FEWEST:
                ends = beads[fields].quantile(list(ENDS.values()))
                rows[wire or ""] = {
                    (f, side): ends.loc[q, f] for f in fields for side, q in ENDS.items()
                }
        return cls(card, pd.DataFrame(rows).T)

    def broken_by(self, bead: pd.Series) -> list[BrokenRule]:
        """The rules that a bead breaks; a rule whose quantity is not known is not one of them."""
        known = self.card.with_formulas(bead.to_frame().T.infer_objects()).iloc[0]
        material = bead.get("material")
        wire = material if material in self.windows.index else ""
        found = []
        for rule, (field, side, leads_to) in RULES.items():
            if field not in known or pd.isna(known[field]):
                continue
            value, limit = float(known[field]), float(self.windows.loc[wire, (field, side)])
            if value > limit if side == "high" else value < limit:
                found.append(BrokenRule(rule, field, side, value, limit, leads_to))
        return found
