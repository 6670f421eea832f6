"""Fine-tuning by the Trainer of transformers, through its public interface alone."""

import logging
import tempfile
from collections.abc import Callable

import torch
from torch.utils.data import Dataset
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from llm4waam.encoders.model import BeadModel, batch_of
from llm4waam.training.data import Examples
from llm4waam.training.early_stopping import METRICS
from llm4waam.training.loop import FineTuning, MeanLoss, check_losses, parameter_groups
from llm4waam.training.recipe import Recipe


class StudyTrainer(Trainer):
    """A Trainer whose evaluation leaves the random numbers as they were.

    Each iterator over a DataLoader draws from the global generator: a look at the validation set
    would otherwise change the dropout of the next epoch.
    """

    def evaluate(self, *args: object, **kwargs: object) -> dict[str, float]:
        """Evaluate as Trainer does, with the generators restored afterwards."""
        with torch.random.fork_rng():
            return super().evaluate(*args, **kwargs)


class EpochLoss(TrainerCallback):
    """Keeps the training loss of each epoch, a mean over samples."""

    def __init__(self, train_loss: MeanLoss, job: FineTuning) -> None:
        self.train_loss, self.job, self.losses = train_loss, job, []

    def on_epoch_end(self, *_: object, **__: object) -> None:
        """Close the count of an epoch; raises StudyError where its loss is not finite."""
        self.losses.append(self.train_loss.mean())
        check_losses({"epoch": len(self.losses), "train_loss": self.losses[-1]}, self.job)


class Rows(Dataset):
    """Examples as a dataset: the prompt of a row is that of the epoch."""

    def __init__(self, examples: Examples) -> None:
        self.examples, self.epoch = examples, 0

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, row: int) -> dict[str, object]:
        [labels] = self.examples.targets_of([row], self.epoch)
        return {"prompt": self.examples.prompt(row, self.epoch), "labels": labels}


class NextEpoch(TrainerCallback):
    """Tells the dataset that an epoch begins."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def on_epoch_begin(self, *_: object, **__: object) -> None:
        """Count the epoch."""
        self.rows.epoch += 1


def fine_tune(job: FineTuning) -> list[dict]:
    """As `llm4waam.training.loop.fine_tune`, by Trainer."""
    model, recipe, validation = job.model, job.recipe, job.validation
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    train_loss = MeanLoss()
    epochs = EpochLoss(train_loss, job)
    rows = Rows(job.examples)
    callbacks: list[TrainerCallback] = [epochs, NextEpoch(rows)]
    if recipe.selection != "none":
        callbacks.append(EarlyStoppingCallback(recipe.patience))

    def loss(outputs: object, labels: torch.Tensor, num_items_in_batch: int | None = None):
        losses = job.objective.loss(outputs.logits, labels)
        if model.training:
            train_loss.add(losses)
        # All labels of all accumulated batches, so that a smaller last batch counts for less.
        return losses.sum() / (labels.numel() if num_items_in_batch is None else num_items_in_batch)

    def metrics(predicted: EvalPrediction) -> dict[str, float]:
        found = validation.metrics(torch.as_tensor(predicted.predictions).float())
        check_losses({"epoch": len(epochs.losses), **found}, job)
        return {f"eval_{name}": value for name, value in found.items()}

    with tempfile.TemporaryDirectory() as folder:
        trainer = StudyTrainer(
            model=model,
            args=_arguments(folder, recipe, validation is not None),
            train_dataset=rows,
            eval_dataset=None if validation is None else Rows(validation.examples),
            data_collator=_collator(model.encoder.config.pad_token_id),
            compute_loss_func=loss,
            compute_metrics=None if validation is None else metrics,
            callbacks=callbacks,
            optimizers=(_optimizer(model, recipe), None),
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    seen = [row for row in trainer.state.log_history if "eval_loss" in row]
    history = [{"epoch": n, "train_loss": value} for n, value in enumerate(epochs.losses, 1)]
    for row, values in zip(history, seen, strict=False):
        row |= {n[5:]: v for n, v in values.items() if n[5:] in METRICS}
    return history


def _arguments(folder: str, recipe: Recipe, evaluates: bool) -> TrainingArguments:
    selects = recipe.selection != "none"
    return TrainingArguments(
        output_dir=folder,
        seed=recipe.seed,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=recipe.batch_size,
        gradient_accumulation_steps=recipe.accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        optim="adamw_torch_fused",
        max_grad_norm=recipe.max_grad_norm or 0.0,
        bf16=recipe.precision == "bf16",
        fp16=recipe.precision == "fp16",
        use_cpu=recipe.device == "cpu",
        eval_strategy="epoch" if evaluates else "no",
        save_strategy="epoch" if selects else "no",
        save_only_model=True,
        save_total_limit=1,
        load_best_model_at_end=selects,
        metric_for_best_model=f"eval_{recipe.select_by}" if selects else None,
        greater_is_better=METRICS[recipe.select_by] == "up" if selects else None,
        logging_strategy="no",
        label_names=["labels"],
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
    )


def _optimizer(model: BeadModel, recipe: Recipe) -> torch.optim.Optimizer | None:
    """Rates by layer are nothing that Trainer knows; else it makes its optimizer itself."""
    if recipe.layer_decay == 1:
        return None
    groups = parameter_groups(model, recipe)
    return torch.optim.AdamW(groups, fused=True)


def _collator(pad_id: int) -> Callable[[list[dict]], dict[str, torch.Tensor]]:
    def collate(rows: list[dict]) -> dict[str, torch.Tensor]:
        batch = batch_of([row["prompt"] for row in rows], pad_id)
        return batch | {"labels": torch.stack([row["labels"] for row in rows])}

    return collate
