"""From a checkpoint to a model that can be fine-tuned, by the recipe's rules for few samples.

The model that is fine-tuned: an encoder of transformers, its number channel and a head.
"""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from llm4waam.core.errors import StudyError
from llm4waam.decisions.prior_knowledge import read_facts
from llm4waam.encoders.load import load_trunk
from llm4waam.encoders.number_embedding import NumberChannel, Scales, read_channel
from llm4waam.encoders.settings import Source
from llm4waam.training.recipe import Recipe


class Reader(nn.Module):
    """Sentences in, logits out.

    The encoder is a stock BertModel, RobertaModel or the like, whose embeddings the `channel` (if
    there is one) adds to. The head is that of RoBERTa for every family, so that all start alike:
    dropout, dense layer, tanh, dropout, linear layer over the pooled state, which is the mean over
    the tokens (`pooling` mean) or the first token (`first`). A `plain` head, for regressions, has
    no tanh and no dropout: the one flattens large values, the other blurs all of them.
    """

    def __init__(
        self,
        encoder: PreTrainedModel,
        channel: NumberChannel | None,
        pooling: str,
        outputs: int,
        *,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self.encoder, self.channel = encoder, channel
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
        states = read(self.encoder, self.channel, input_ids, attention_mask, fields, numbers)
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
        return SequenceClassifierOutput(logits=self.answer(pooled))

    def answer(self, pooled: torch.Tensor) -> torch.Tensor:
        """Logits (..., outputs) of pooled states (..., width)."""
        if self.plain:
            return self.output(self.dense(pooled))
        state = torch.tanh(self.dense(self.dropout(pooled)))
        return self.output(self.dropout(state))


def read(
    encoder: PreTrainedModel,
    channel: NumberChannel | None,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    fields: torch.Tensor,
    numbers: torch.Tensor,
    **extra: object,
) -> torch.Tensor:
    """Last hidden states (prompts, tokens, width), with the channel added to the embeddings.

    `extra` are further arguments of the encoder.
    """
    if channel is None:
        asked = {"input_ids": input_ids}
    else:
        told = channel(fields, numbers)
        asked = {"inputs_embeds": encoder.get_input_embeddings()(input_ids) + told}
    return encoder(**asked, attention_mask=attention_mask, **extra).last_hidden_state


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


def field_names(source: Source, recipe: Recipe, fields: list[str]) -> list[str]:
    """The fields of the number channel: those the checkpoint knows, then the others of `fields`."""
    facts = _facts(source, recipe)
    known = facts["fields"] if facts else []
    return [*known, *(name for name in fields if name not in known)]


def known_scales(source: Source, recipe: Recipe) -> Scales:
    """Scales of the fields that the checkpoint's channel was pretrained with, else none.

    They come from other laboratories; all other fields are scaled by the training fold.
    """
    facts = _facts(source, recipe)
    return read_channel(source.checkpoint, facts)[1] if facts else {}


def build_reader(
    source: Source, recipe: Recipe, fields: int, outputs: int, *, plain: bool = False
) -> Reader:
    """The encoder with its channel and a new head of `outputs` logits; all that is new by the seed.

    `fields` is how many fields the channel has, `plain` the head of a regression. Raises
    StudyError where the recipe asks for more layers than there are, or would freeze new weights,
    or where the checkpoint cannot be had.
    """
    _check(recipe)
    encoder = load_trunk(source.checkpoint, source.revision, recipe.random_weights, recipe.seed)
    layers = layers_of(encoder)
    for name in ("new_layers", "frozen_layers"):
        if getattr(recipe, name) > len(layers):
            reason, expected = f"train.{name}: the encoder has fewer", f"0 to {len(layers)}"
            value = getattr(recipe, name)
            raise StudyError("params.yaml", reason, value=value, expected=expected)
    torch.manual_seed(recipe.seed)
    for layer in layers[len(layers) - recipe.new_layers :]:
        for weight in layer.parameters():
            weight._is_hf_initialized = False  # else transformers leaves alone what it has loaded
        layer.apply(encoder._init_weights)
    if recipe.frozen_layers:
        encoder.embeddings.requires_grad_(False)
        layers[: recipe.frozen_layers].requires_grad_(False)
    if recipe.lora_rank:
        encoder = _with_additions(encoder, recipe.lora_rank)
    reader = Reader(encoder, None, recipe.pooling, outputs, plain=plain)
    if recipe.numbers:
        # After the head, whose first weights are then the same without a channel.
        reader.channel = _channel(source, recipe, fields, encoder)
    return reader


def without_additions(encoder: PreTrainedModel) -> PreTrainedModel:
    """The same encoder as a stock one, its low-rank additions added to the weights beside them."""
    for name, module in list(encoder.named_modules()):
        if hasattr(module, "base_layer"):
            module.merge()
            parent, _, child = name.rpartition(".")
            setattr(encoder.get_submodule(parent), child, module.base_layer)
    return encoder


def _check(recipe: Recipe) -> None:
    others = ("new_layers", "random_weights", "frozen_layers")
    for name in others if recipe.lora_rank else ():
        if getattr(recipe, name):
            reason, expected = f"train.lora_rank with train.{name}", "one of the two"
            raise StudyError("params.yaml", reason, value=recipe.lora_rank, expected=expected)


def _with_additions(encoder: PreTrainedModel, rank: int) -> PreTrainedModel:
    # Its import takes seconds, which only those who ask for it should wait.
    from peft import LoraConfig, inject_adapter_in_model

    encoder.requires_grad_(False)
    additions = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["query", "value"])
    if encoder.config.model_type == "distilbert":
        additions.target_modules = {"q_lin", "v_lin"}
    return inject_adapter_in_model(additions, encoder)


def _channel(
    source: Source, recipe: Recipe, fields: int, encoder: PreTrainedModel
) -> NumberChannel:
    config, facts = encoder.config, _facts(source, recipe)
    channel = NumberChannel(fields, config.hidden_size, config.initializer_range)
    if facts:
        learned = read_channel(source.checkpoint, facts)[0].state_dict()
        with torch.no_grad():
            for name, weight in channel.named_parameters():
                weight[: len(learned[name])] = learned[name]
    return channel


def _facts(source: Source, recipe: Recipe) -> dict | None:
    return None if recipe.random_weights else read_facts(source.checkpoint)
