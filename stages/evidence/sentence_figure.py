"""The figure of `stages.evidence.sentence_lengths`."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.evidence.style import COLOURS, GREY, new_figure, title

BINS = 24


def sentence_lengths_figure(lengths: pd.DataFrame, max_tokens: int) -> Figure:
    """One panel an encoder: prompts by number of tokens, and where they would be cut."""
    encoders = list(lengths["encoder"].unique())
    figure, axes = new_figure(1, len(encoders), width=4.2, height=2.9, sharey=True)
    edges = np.histogram_bin_edges(lengths["tokens"], bins=BINS)
    for axis, encoder in zip(axes, encoders, strict=True):
        part = lengths[lengths["encoder"] == encoder]
        each = {name: group for name, group in part.groupby("template")}
        axis.hist(
            [group["tokens"] for group in each.values()],
            bins=edges,
            weights=[group["prompts"] for group in each.values()],
            label=list(each),
            color=[COLOURS[n % 7] for n in range(len(each))],
            stacked=True,
        )
        cut = part.loc[part["tokens"] > max_tokens, "prompts"].sum()
        if cut:
            axis.axvline(max_tokens, color=GREY, ls="--")
        axis.set_title(f"{title(encoder)}: {cut} of {part['prompts'].sum()} over {max_tokens}")
        axis.set_xlabel("tokens of a prompt")
        axis.set_ylabel("prompts")
        axis.tick_params(labelleft=True)
    axes[0].legend(title="template", fontsize=8)
    return figure
