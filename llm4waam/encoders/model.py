"""The model that is fine-tuned, and how it is built from a checkpoint.

`BeadModel` is an encoder of transformers with a number embedding, a head and a linear skip past
both: tokenised prompts in, logits out. `build_model` makes one from a checkpoint by the settings
of a recipe.
"""

from collections.abc import Sequence

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from llm4waam.core.errors import StudyError
from llm4waam.decisions.prior_knowledge import read_facts
from llm4waam.encoders.load import load_trunk
from llm4waam.encoders.number_embedding import NumberEmbedding, read_number_embedding
from llm4waam.encoders.number_scales import Scales
from llm4waam.encoders.number_skip import NumberSkip
from llm4waam.encoders.settings import ModelSettings, Source
from llm4waam.encoders.tokens import TokenisedPrompt, pad


class BeadModel(nn.Module):
    """Sentences in, logits out.

    The encoder is a stock BertModel, RobertaModel or the like; `number_embedding` (or None) adds to
    its embeddings, `number_skip` (or None) to the logits; without both, numbers are digits alone.
    Both are set once the model is built. The head is that of RoBERTa for every family, so that
    all start alike: dropout, dense layer, tanh, dropout, linear layer over the pooled state, which
    is the mean over the tokens (`pooling` mean) or the first token (`first`). A `plain` head, for
    regressions, has no tanh and no dropout: the one flattens large values, the other blurs all.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        number_embedding: NumberEmbedding | None,
        pooling: str,
        outputs: int,
        *,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.number_embedding = encoder, number_embedding
        self.number_skip: NumberSkip | None = None
        self.pooling, self.plain = pooling, plain
        config, width = encoder.config, encoder.config.hidden_size
        self.dropout = nn.Dropout(getattr(config, "hidden_dropout_prob", 0.1))
        self.dense, self.output = nn.Linear(width, width), nn.Linear(width, outputs)
        for layer in (self.dense, self.output):
            nn.init.normal_(layer.weight, std=config.initializer_range)
            nn.init.zeros_(layer.bias)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.output.weight.device

    def embed(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        fields: torch.Tensor,
        numbers: torch.Tensor,
    ) -> torch.Tensor:
        """The pooled state (prompts, width); all arguments have the shape (prompts, tokens)."""
        inputs = (input_ids, attention_mask, fields, numbers)
        states = encode(self.encoder, self.number_embedding, *inputs)
        return pool(states, attention_mask, self.pooling)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        fields: torch.Tensor,
        numbers: torch.Tensor,
    ) -> SequenceClassifierOutput:
        """Logits (prompts, outputs)."""
        pooled = self.embed(input_ids, attention_mask, fields, numbers)
        logits = self.answer(pooled)
        if self.number_skip is not None:
            logits = logits + self.number_skip(fields, numbers)
        return SequenceClassifierOutput(logits=logits)

    def answer(self, pooled: torch.Tensor) -> torch.Tensor:
        """Logits (..., outputs) of pooled states (..., width), without the skip."""
        if self.plain:
            return self.output(self.dense(pooled))
        state = torch.tanh(self.dense(self.dropout(pooled)))
        return self.output(self.dropout(state))


def batch_of(
    prompts: Sequence[TokenisedPrompt], pad_id: int, length: int = 0
) -> dict[str, torch.Tensor]:
    """The arguments of `BeadModel.forward`, see `tokens.pad`."""
    return {name: torch.from_numpy(part) for name, part in pad(prompts, pad_id, length).items()}


def encode(
    encoder: PreTrainedModel,
    number_embedding: NumberEmbedding | None,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    fields: torch.Tensor,
    numbers: torch.Tensor,
    **extra: object,
) -> torch.Tensor:
    """Last hidden states (prompts, tokens, width); numbers are added to the embeddings of tokens.

    `extra` are further arguments of the encoder.
    """
    if number_embedding is None:
        given = {"input_ids": input_ids}
    else:
        added = number_embedding(fields, numbers)
        given = {"inputs_embeds": encoder.get_input_embeddings()(input_ids) + added}
    return encoder(**given, attention_mask=attention_mask, **extra).last_hidden_state


def pool(states: torch.Tensor, attention_mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """One state a prompt, (prompts, width)."""
    if pooling == "first":
        return states[:, 0]
    mask = attention_mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(dim=1) / mask.sum(dim=1)


def layers_of(encoder: PreTrainedModel) -> nn.ModuleList:
    """The encoder's layers from the lowest up (DistilBERT calls the stack a transformer)."""
    stack = getattr(encoder, "encoder", None) or encoder.transformer
    return stack.layer


def field_names(source: Source, settings: ModelSettings, fields: list[str]) -> list[str]:
    """The fields of the number embedding: those of the checkpoint, then the others of `fields`."""
    facts = _facts(source, settings)
    known = facts["fields"] if facts else []
    return [*known, *(name for name in fields if name not in known)]


def known_scales(source: Source, settings: ModelSettings) -> Scales:
    """Scales of the fields that the checkpoint's number embedding was pretrained with, else none.

    They come from other laboratories; all other fields are scaled by the training fold.
    """
    facts = _facts(source, settings)
    return read_number_embedding(source.checkpoint, facts)[1] if facts else {}


def build_model(
    source: Source,
    settings: ModelSettings,
    fields: int,
    outputs: int,
    seed: int,
    *,
    plain: bool = False,
) -> BeadModel:
    """The encoder with its number embedding and skip, and a new head of `outputs` logits.

    All new weights are drawn by `seed`, but for the skip, which starts at zero. `fields` is how
    many fields embedding and skip have, `plain` the head of a regression. Raises StudyError where
    more layers are to be frozen than there are, where random or frozen weights are to have low-rank
    additions, and where the checkpoint cannot be had.
    """
    _check(settings)
    encoder = load_trunk(source.checkpoint, source.revision, settings.random_weights, seed)
    layers = layers_of(encoder)
    if settings.frozen_layers > len(layers):
        reason, expected = "train.frozen_layers: the encoder has fewer", f"0 to {len(layers)}"
        raise StudyError("params.yaml", reason, value=settings.frozen_layers, expected=expected)
    torch.manual_seed(seed)
    if settings.frozen_layers:
        encoder.embeddings.requires_grad_(False)
        layers[: settings.frozen_layers].requires_grad_(False)
    if settings.lora_rank:
        encoder = _with_additions(encoder, settings.lora_rank)
    model = BeadModel(encoder, None, settings.pooling, outputs, plain=plain)
    if settings.embeds_numbers:
        # After the head, whose first weights are then the same without it.
        model.number_embedding = _number_embedding(source, settings, fields, encoder)
    if settings.skips_numbers:
        model.number_skip = NumberSkip(fields, outputs, settings.gain)
    return model


def without_additions(encoder: PreTrainedModel) -> PreTrainedModel:
    """The same encoder as a stock one, its low-rank additions added to the weights beside them."""
    for name, module in list(encoder.named_modules()):
        if hasattr(module, "base_layer"):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(encoder.get_submodule(parent), child, module.base_layer)
    return encoder


def _check(settings: ModelSettings) -> None:
    others = ("random_weights", "frozen_layers")
    for name in others if settings.lora_rank else ():
        if getattr(settings, name):
            reason, expected = f"train.lora_rank with train.{name}", "one of the two"
            raise StudyError("params.yaml", reason, value=settings.lora_rank, expected=expected)


def _with_additions(encoder: PreTrainedModel, rank: int) -> PreTrainedModel:
    # Its import takes seconds, which only those who ask for it should wait.
    from peft import LoraConfig, inject_adapter_in_model

    encoder.requires_grad_(False)
    additions = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
    if encoder.config.model_type == "distilbert":
        additions.target_modules = {"q_lin", "v_lin"}
    return inject_adapter_in_model(additions, encoder)


def _number_embedding(
    source: Source, settings: ModelSettings, fields: int, encoder: PreTrainedModel
) -> NumberEmbedding:
    config, facts = encoder.config, _facts(source, settings)
    embedding = NumberEmbedding(fields, config.hidden_size, config.initializer_range)
    if facts:
        learned = read_number_embedding(source.checkpoint, facts)[0].state_dict()
        with torch.no_grad():
            for name, weight in embedding.named_parameters():
                weight[: len(learned[name])] = learned[name]
    return embedding


def _facts(source: Source, settings: ModelSettings) -> dict | None:
    return None if settings.random_weights else read_facts(source.checkpoint)
