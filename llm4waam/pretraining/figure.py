"""What pretraining of the small encoders has learned, from the curves of `stages.pretrain`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from llm4waam.plotting.style import GREY, PANEL, Panels, log_scale, model_colour, new_figure, title

ASKED = ("words and values", "and formulas", "and indices")
PANELS = {  # column of the curves: title, axis, first tier that asks for it
    "words": ("Masked words and values", "cross-entropy (nats)", 0),
    "formulas": ("Formulas", "mean squared error, standardised logs", 1),
}
HEADROOM = 0.16  # of the height, for the names of the tiers


def pretraining_figure(curves: dict[str, pd.DataFrame]) -> Panels:
    """Losses by epoch, one panel for masked words and one for formulas, the tiers as bands.

    `curves` holds, by encoder, a row an epoch in the order they were learned: tier, epoch, words
    and formulas (training), new_words and new_formulas (sentences that were not learned from).
    """
    figure, axes = new_figure(1, len(PANELS), width=PANEL, height=3.2)
    for axis, (column, (name, unit, first)) in zip(axes, PANELS.items(), strict=True):
        for encoder, curve in curves.items():
            shown = curve.reset_index(drop=True).query("tier >= @first")
            for part, line, width in ((column, "--", 1.0), (f"new_{column}", "-", 1.6)):
                colour = model_colour(encoder)
                # A new line for each tier: another question is asked, and the rate starts anew.
                for _, rows in shown.groupby("tier"):
                    dot = "." if len(rows) == 1 else ""
                    axis.plot(rows.index + 1, rows[part], line, color=colour, lw=width, marker=dot)
        if first:
            log_scale(axis.yaxis)
        _name_tiers(axis, max(curves.values(), key=len)["tier"].reset_index(drop=True), first)
        axis.set_title(f"{name} of simulated sentences")
        axis.set_ylabel(unit)
        axis.set_xlabel("epoch (new sentences in every one)")
        axis.xaxis.get_major_locator().set_params(integer=True)
    handles = [Line2D([], [], color=model_colour(name), label=title(name)) for name in curves]
    handles += [
        Line2D([], [], color="black", ls=line, label=name)
        for name, line in (("sentences not learned from", "-"), ("training", "--"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8)
    return figure


def _name_tiers(axis: Axes, tiers: pd.Series, first: int) -> None:
    """Bands behind the curves, each with its tier's name over it."""
    low, high = axis.get_ylim()
    if axis.get_yscale() == "log":
        high *= (high / low) ** HEADROOM
    else:
        high += (high - low) * HEADROOM
    axis.set_ylim(low, high)
    axis.set_xlim(0.5 + (tiers < first).sum(), len(tiers) + 0.5)
    for tier, rows in tiers[tiers >= first].groupby(tiers):
        begin, end = rows.index[0] + 0.5, rows.index[-1] + 1.5
        if tier % 2:
            axis.axvspan(begin, end, color="#F0F0F0", lw=0, zorder=0)
        axis.text(
            (begin + end) / 2,
            0.985,
            f"tier {tier}:\n{ASKED[tier]}",
            transform=axis.get_xaxis_transform(),
            ha="center",
            va="top",
            fontsize=8,
            color=GREY,
        )
