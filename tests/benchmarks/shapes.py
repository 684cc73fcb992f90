"""Models of the sizes that papers use, with random weights: shapes to measure time and memory with, and tiny ones to try the measuring."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backends.api import files
from backends.api.home import ASSETS
from backends.data._images import ImageSet, Split
from backends.engine.loading import family

SD: dict[str, dict[str, Any]] = {  # what tells the U-Nets of the three apart
    "1.5": {"cross_attention_dim": 768, "attention_head_dim": 8, "sample_size": 64},
    "2.1": {
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "sample_size": 96,
        "use_linear_projection": True,
    },
}
TEXT = {"1.5": (768, 3072, 12, 12), "2.1": (1024, 4096, 23, 16)}  # width, inner width, layers, heads


@dataclass(frozen=True)
class Shape:
    """A shape: its name, the targets of a job on it, and how its folder is made, full-sized or tiny."""

    name: str
    forget: tuple[str, ...]
    keep: tuple[str, ...]
    make: Callable[[Path, bool], None]
    images: bool = False

    def task(self, folder: Path, device: torch.device, tiny: bool) -> Any:
        """The model at work on its targets."""
        if not (folder / "config.json").is_file() and not (folder / "model_index.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            torch.manual_seed(0)
            self.make(folder, tiny)
        data: Any = _images(32 if tiny else 224, 64 if tiny else 1024) if self.images else ""
        task = family(str(folder))(str(folder), data, device)
        task.resolve(self.forget, self.keep)
        return task


def _images(side: int, count: int) -> ImageSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    split = Split(images, (np.arange(count) % 10).astype(np.int64))
    return ImageSet("noise", [f"class {number}" for number in range(10)], split, Split(images[:40], split.labels[:40]))


def _language(architecture: str, full: dict[str, Any]) -> Callable[[Path, bool], None]:
    def make(folder: Path, tiny: bool) -> None:
        import transformers
        from transformers import AutoTokenizer

        words = AutoTokenizer.from_pretrained(ASSETS / "models" / "authors-lm")
        small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
                 "vocab_size": len(words), "head_dim": 16} | ({"num_experts": 4, "num_experts_per_tok": 2} if "num_experts" in full else {})  # fmt: skip
        ends = {"bos_token_id": None, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}
        config = getattr(transformers, f"{architecture}Config")(**full | (small if tiny else {}) | ends)
        getattr(transformers, f"{architecture}ForCausalLM")(config).to(torch.bfloat16).save_pretrained(folder)
        words.save_pretrained(folder)
        files.write_json(folder / "card.json", {"data": "authors", "default_forget": ["forget01"]})

    return make


def _classifier(architecture: str, small: dict[str, Any]) -> Callable[[Path, bool], None]:
    def make(folder: Path, tiny: bool) -> None:
        import transformers

        config = getattr(transformers, f"{architecture}Config")(**(small if tiny else {}), num_labels=10)
        getattr(transformers, f"{architecture}ForImageClassification")(config).save_pretrained(folder)
        side = 32 if tiny else 224
        transformers.ViTImageProcessorPil(size={"height": side, "width": side}).save_pretrained(folder)

    return make


def _drawing(version: str) -> Callable[[Path, bool], None]:
    def make(folder: Path, tiny: bool) -> None:
        if tiny:
            from tests import pictures

            pictures.make(folder, kind="epsilon", card=False)
        else:
            _full_pipeline(folder, version)

    return make


def _full_pipeline(folder: Path, version: str) -> None:
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        StableDiffusionPipeline,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from backends.zoo._emoji import tokenizer

    words = tokenizer()
    words.model_max_length = 77
    ends = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id}

    def text(width: int, inner: int, layers: int, heads: int, **more: Any) -> CLIPTextConfig:
        return CLIPTextConfig(vocab_size=49408, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
                              num_attention_heads=heads, max_position_embeddings=77, **more, **ends)  # fmt: skip

    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, sample_size=512,
    )  # fmt: skip
    schedule = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
    )
    if version == "xl":
        unet = UNet2DConditionModel(
            sample_size=128, block_out_channels=(320, 640, 1280), layers_per_block=2, cross_attention_dim=2048,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), transformer_layers_per_block=[1, 2, 10],
            attention_head_dim=[5, 10, 20], use_linear_projection=True, addition_embed_type="text_time",
            addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
        )  # fmt: skip
        texts = (
            CLIPTextModel(text(768, 3072, 12, 12)),
            CLIPTextModelWithProjection(text(1280, 5120, 32, 20, projection_dim=1280)),
        )
        made: Any = StableDiffusionXLPipeline(vae, *texts, words, words, unet, schedule)
    else:
        down, up = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
        unet = UNet2DConditionModel(
            block_out_channels=(320, 640, 1280, 1280),
            layers_per_block=2,
            down_block_types=down,
            up_block_types=up,
            **SD[version],
        )
        encoder = CLIPTextModel(text(*TEXT[version]))
        made = StableDiffusionPipeline(vae, encoder, words, unet, schedule, None, None, requires_safety_checker=False)
    made.to(torch.float16).save_pretrained(folder)


LLAMA = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
         "vocab_size": 128256, "head_dim": 64, "tie_word_embeddings": True, "max_position_embeddings": 4096}  # fmt: skip
QWEN = {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
        "vocab_size": 151936, "tie_word_embeddings": True, "max_position_embeddings": 4096}  # fmt: skip
OLMOE = {"hidden_size": 2048, "intermediate_size": 1024, "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16,
         "num_experts": 64, "num_experts_per_tok": 8, "vocab_size": 50304, "max_position_embeddings": 4096}  # fmt: skip
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "image_size": 32,
    "patch_size": 8,
}
PHRASE, REST, AUTHORS, CLASS = ("grumpy cat",), ("dog",), ("forget01",), ("class 3",)
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("stable-diffusion-1.5", PHRASE, REST, _drawing("1.5")),
        Shape("stable-diffusion-2.1", PHRASE, REST, _drawing("2.1")),
        Shape("stable-diffusion-xl", PHRASE, REST, _drawing("xl")),
        Shape("llama-3.2-1b", AUTHORS, (), _language("Llama", LLAMA)),
        Shape("qwen2.5-1.5b", AUTHORS, (), _language("Qwen2", QWEN)),
        Shape("olmoe-1b-7b", AUTHORS, (), _language("Olmoe", OLMOE)),
        Shape("vit-base", CLASS, (), _classifier("ViT", VIT), images=True),
        Shape("resnet-50", CLASS, (), _classifier("ResNet", RESNET), images=True),
    )
}
