"""The model that is fine-tuned: an encoder of transformers, its number channel and a head."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from stages.learning.channel import NumberChannel


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
