"""Where a fine-tuning stands after an epoch, so that a killed one goes on from there."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from llm4waam.core.files import write_json
from llm4waam.training.early_stopping import Stopper

State = dict[str, torch.Tensor]


class Bookmark:
    """All that the next epoch depends on, in a folder: tensors as safetensors, numbers as JSON.

    The two files of an epoch carry its number; `place.json` is written last and names them, so
    that a kill at any moment leaves the one epoch or the other.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of_member(self, number: int) -> "Bookmark":
        """The bookmark of one of the models whose scores are averaged."""
        return Bookmark(self.folder / f"member_{number}")

    def put(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: LRScheduler,
        scaler: torch.amp.GradScaler,
        stopper: Stopper,
        best: State | None,
        history: list[dict],
    ) -> None:
        """Remember the end of the epoch that `history` ends with."""
        self.folder.mkdir(parents=True, exist_ok=True)
        epoch = history[-1]["epoch"]
        tensors = {f"model/{name}": t for name, t in model.state_dict().items()}
        tensors |= {f"best/{name}": t for name, t in (best or {}).items()}
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"adam/{number}/{name}": t for name, t in state.items()}
        tensors["rng/cpu"] = torch.get_rng_state()
        if model.device.type == "cuda":
            tensors["rng/cuda"] = torch.cuda.get_rng_state()
        whole = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        save_file(whole, self.folder / f"{epoch}.safetensors")
        numbers = {
            "epoch": epoch,
            "history": history,
            "schedule": {k: v for k, v in schedule.state_dict().items() if k != "lr_lambdas"},
            "scaler": scaler.state_dict(),
            "stopper": vars(stopper),
        }
        write_json(self.folder / "place.json", numbers)
        for old in self.folder.glob("*.safetensors"):
            if old.name != f"{epoch}.safetensors":
                old.unlink()

    def take(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: LRScheduler,
        scaler: torch.amp.GradScaler,
        stopper: Stopper,
    ) -> tuple[State | None, list[dict]]:
        """Restore all of it in place; returns the best weights so far and the history."""
        place = self.folder / "place.json"
        if not place.is_file():
            return None, []
        numbers = json.loads(place.read_text(encoding="utf-8"))
        parts: dict[str, State] = {"model": {}, "best": {}, "adam": {}, "rng": {}}
        for name, tensor in load_file(self.folder / f"{numbers['epoch']}.safetensors").items():
            part, rest = name.split("/", 1)
            parts[part][rest] = tensor
        model.load_state_dict(parts["model"])
        moments: dict[int, State] = {}
        for name, tensor in parts["adam"].items():
            number, moment = name.split("/")
            moments.setdefault(int(number), {})[moment] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
        schedule.load_state_dict(schedule.state_dict() | numbers["schedule"])
        for group, rate in zip(
            optimizer.param_groups, numbers["schedule"]["_last_lr"], strict=True
        ):
            group["lr"] = rate
        if scaler.is_enabled():
            scaler.load_state_dict(numbers["scaler"])
        vars(stopper).update(numbers["stopper"])
        torch.set_rng_state(parts["rng"]["cpu"])
        if "cuda" in parts["rng"]:
            torch.cuda.set_rng_state(parts["rng"]["cuda"])
        return parts["best"] or None, numbers["history"]
