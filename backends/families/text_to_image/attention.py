"""Cross-attention maps of a U-Net: the probability that each place of a picture gives to each token of the prompt."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

Looks = list[tuple[str, Tensor]]


class _RecordingProcessor:
    """The usual cross-attention, which also keeps its probabilities."""

    def __init__(self, name: str, captured_maps: Looks) -> None:
        self.name, self.captured_maps = name, captured_maps

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        **unused: Any,
    ) -> Tensor:
        """Names and order are those that diffusers calls a processor with; [rows, pixels, d] in and out."""
        mask = attn.prepare_attention_mask(attention_mask, encoder_hidden_states.shape[1], len(hidden_states))
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        shares = attn.get_attention_scores(query, key, mask)
        self.captured_maps.append((self.name, shares.float().unflatten(0, (-1, attn.heads))))
        out, dropout = attn.to_out
        mixed: Tensor = dropout(out(attn.batch_to_head_dim(shares @ value)))
        return mixed


def cross_layers(unet: nn.Module) -> dict[str, Any]:
    """The cross-attention layers (`Attention` of diffusers) of a Stable Diffusion U-Net, by name, from its entrance to its exit."""
    from diffusers.models.attention_processor import Attention

    return {
        name: layer
        for name, layer in unet.named_modules()
        if isinstance(layer, Attention) and name.rpartition(".")[2] == "attn2"
    }


@contextlib.contextmanager
def captured(unet: nn.Module) -> Iterator[Looks]:
    """Within it, each pass of the U-Net adds what all of its cross-attention layers look at to the list it gives.

    One entry a layer, in the order in which they are passed: its name, and the probabilities, float32
    [rows, heads, pixels, tokens]; pixels are row by row, and for each the tokens sum to 1. Gradients flow through them where
    they are on. Empty the list (`clear`) between passes that are to be told apart. The layers have their own processors
    back afterwards, also when something fails. Only for the plain cross-attention of Stable Diffusion 1.x, 2.x and XL:
    no norms of queries and keys, no adapters.
    """
    captured_maps: Looks = []
    layers = cross_layers(unet)
    own = {name: layer.processor for name, layer in layers.items()}
    for name, layer in layers.items():
        layer.set_processor(_RecordingProcessor(name, captured_maps))
    try:
        yield captured_maps
    finally:
        for name, layer in layers.items():
            layer.set_processor(own[name])
