"""A very small Stable Diffusion with random weights, two objects, two styles and a judge of its own, for tests in seconds."""

from pathlib import Path

import torch

from backends.api.files import write_json
from backends.families.text_to_image.task import TextToImage

DOMAINS = {"object": ["cat", "dog", "car"], "style": ["flat", "noto"]}
CARD = {
    "title": "A tiny drawer",
    "summary": "Random weights.",
    "family": "text-to-image",
    "domains": DOMAINS,
    "templates": {"pair": "{a} {object} in {style} style", "object": "{a} {object}", "style": "{style} style"},
    "near": {"cat": ["dog", "car"], "dog": ["cat", "car"], "car": ["dog", "cat"], "flat": ["noto"], "noto": ["flat"]},
    "drawing": {"steps": 3, "watch_steps": 2, "guidance": 1.5},
    "default_forget": ["cat"],
}


def make(folder: Path, *, kind: str = "v_prediction", card: bool = True) -> Path:
    """Write a pipeline to an empty folder and return it.

    Args:
        folder: where.
        kind: what its U-Net predicts.
        card: with the concepts it is said to know; without, it is like a person's own.
    """
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from backends.zoo._emoji import tokenizer

    torch.manual_seed(0)
    words = tokenizer()
    blocks = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    unet = UNet2DConditionModel(
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        **blocks,
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        sample_size=16,
        **blocks,
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(words),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=16,
            bos_token_id=words.bos_token_id,
            eos_token_id=words.eos_token_id,
            pad_token_id=words.pad_token_id,
        )
    )
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear",
        prediction_type=kind,
        rescale_betas_zero_snr=kind == "v_prediction",
        timestep_spacing="trailing",
        steps_offset=1,
        clip_sample=False,
    )
    made = StableDiffusionPipeline(vae, text, words, unet, scheduler, None, None, requires_safety_checker=False)
    made.save_pretrained(folder)
    if card:
        write_json(folder / "card.json", CARD)
    return folder


def task(folder: Path, forget: tuple[str, ...] = ("cat",), keep: tuple[str, ...] = ()) -> TextToImage:
    """The pipeline at work on some targets."""
    made = TextToImage(str(folder))
    made.resolve(forget, keep)
    return made


def changed(run) -> list[str]:
    """Names of the tensors of a run's model that are no longer as they were."""
    before = run.original.state_dict()
    return [name for name, tensor in run.model.state_dict().items() if not torch.equal(tensor, before[name])]
