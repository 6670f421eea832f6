"""What pretraining leaves: a stock checkpoint, and the number channel beside it."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from stages.beads.files import write_json, write_text
from stages.learning.channel import CHANNEL
from stages.learning.lessons import School
from stages.learning.pretraining import Learner
from stages.learning.tiers import FACTS

TIERS = {
    0: "masked words and values",
    1: "masked words and values, then formulas of the arc and the bead",
    2: "masked words and values, formulas of the arc and the bead, then indices of printability",
}


def write_checkpoint(
    folder: Path, encoder: str, learner: Learner, school: School, tier: int, sentences: int
) -> None:
    """Write encoder (bf16), tokenizer, number channel, facts and model card into `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    state = {
        n: t.detach().cpu().to(torch.bfloat16) for n, t in learner.encoder.state_dict().items()
    }
    learner.encoder.save_pretrained(folder, state_dict=state)
    school.tokenizer.save_pretrained(folder)
    save_file(
        {n: t.cpu().clone() for n, t in learner.channel.state_dict().items()}, folder / CHANNEL
    )
    facts = {
        "tier": tier,
        "sentences": sentences,
        "fields": school.names,
        "scales": {name: scale.model_dump() for name, scale in school.scales.items()},
    }
    write_json(folder / FACTS, facts)
    config = learner.encoder.config
    write_text(
        folder / "README.md",
        f"""# {encoder}-mini, tier {tier}

A {config.model_type} encoder of {config.num_hidden_layers} layers x {config.hidden_size}, in
bfloat16, with its own tokenizer (digits one by one). Trained from random weights on {sentences:,}
sentences of as many simulated beads (none of the study's own laboratories): {TIERS[tier]}. No
label of a defect and no measured outcome was shown.

`{CHANNEL}` holds the number channel that was trained with it, `{FACTS}` its fields and
scales. Without the study's code the folder loads as any encoder does: `AutoModel.from_pretrained`.
Licence: that of the study. It knows simulated sentences in English with Korean notes, and no more.
""",
    )
