"""A plain deep network without normalisation and without a way around any layer: fully connected, or of convolutions.

Nothing in it fits images, or lets a signal through many layers, but the scale of its first weights (He et al., 2015). Importing this makes the
architecture known to transformers.
"""

from typing import Any

from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForImageClassification, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

STRIDES = 3  # layers of convolutions that halve the picture, evenly spread from the first on


class PlainNetConfig(PreTrainedConfig):  # type: ignore[misc]
    """How deep and how wide; a kernel of 0 is fully connected, of 3 a convolution over 3 x 3."""

    model_type = "plain-net"

    def __init__(self, **fields: Any) -> None:
        standard: dict[str, Any] = {
            "image_size": 28, "num_channels": 1, "hidden_size": 128, "num_hidden_layers": 10, "kernel_size": 0,
        }  # fmt: skip
        for name, value in standard.items():
            setattr(self, name, fields.pop(name, value))
        super().__init__(**fields)


class PlainNetForImageClassification(PreTrainedModel):  # type: ignore[misc]
    """Layers one after the other, each followed by a ReLU, and a linear layer on the last; its hidden states are what each ReLU lets through."""

    config_class = PlainNetConfig
    base_model_prefix = "layers"
    main_input_name = "pixel_values"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        width, deep = config.hidden_size, config.num_hidden_layers
        first = config.num_channels if config.kernel_size else config.num_channels * config.image_size**2
        halved = {at * deep // STRIDES for at in range(STRIDES)}

        def layer(at: int) -> nn.Module:
            before = width if at else first
            if not config.kernel_size:
                return nn.Linear(before, width)
            stride = 2 if at in halved else 1
            return nn.Conv2d(before, width, config.kernel_size, stride, config.kernel_size // 2)

        self.layers = nn.ModuleList([layer(at) for at in range(deep)])
        self.classifier = nn.Linear(width, config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Conv2d):
            init.kaiming_normal_(module.weight, nonlinearity="relu")
            init.zeros_(module.bias)

    def forward(
        self, pixel_values: Tensor, output_hidden_states: bool = False, **_: Any
    ) -> ImageClassifierOutputWithNoAttention:
        x = pixel_values if self.config.kernel_size else pixel_values.flatten(1)
        states = []
        for layer in self.layers:
            x = layer(x).relu()
            states.append(x)
        logits = self.classifier(x.mean((2, 3)) if x.ndim == 4 else x)
        return ImageClassifierOutputWithNoAttention(
            logits=logits, hidden_states=tuple(states) if output_hidden_states else None
        )


AutoConfig.register(PlainNetConfig.model_type, PlainNetConfig, exist_ok=True)
AutoModelForImageClassification.register(PlainNetConfig, PlainNetForImageClassification, exist_ok=True)
