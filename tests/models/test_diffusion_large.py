"""Stable Diffusion XL: two text encoders, pooled words and sizes beside them."""

import shutil

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from backends.api import files
from backends.api.errors import BadInput
from backends.families.text_to_image.pipeline import Pipeline
from backends.zoo._emoji import tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    words = tokenizer()
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2,
        max_position_embeddings=16, projection_dim=12, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    blocks = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    unet = UNet2DConditionModel(
        sample_size=8, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=32, attention_head_dim=2,
        addition_embed_type="text_time", addition_time_embed_dim=4, projection_class_embeddings_input_dim=12 + 6 * 4, **blocks,
    )  # fmt: skip
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4,
        sample_size=16, **blocks,
    )  # fmt: skip
    made = StableDiffusionXLPipeline(
        vae, CLIPTextModel(config), CLIPTextModelWithProjection(config), words, words, unet,
        DDIMScheduler(beta_schedule="scaled_linear", steps_offset=1, clip_sample=False), force_zeros_for_empty_prompt=False,
    )  # fmt: skip
    place = tmp_path_factory.mktemp("large")
    made.save_pretrained(place)
    return place


@pytest.mark.parametrize("zeros", [False, True])
def test_drawing_is_what_the_pipeline_of_diffusers_draws(folder, tmp_path, zeros):
    """As SDXL base ships, what guidance leads away from is no prompt at all, not the empty one."""
    folder = shutil.copytree(folder, tmp_path / "large")
    index = files.read_json(folder / "model_index.json")
    files.write_json(folder / "model_index.json", index | {"force_zeros_for_empty_prompt": zeros})
    ours = Pipeline(folder, "large", torch.device("cpu"))
    theirs = StableDiffusionXLPipeline.from_pretrained(folder, low_cpu_mem_usage=False)
    theirs.set_progress_bar_config(disable=True)
    model, start = ours.load(), ours.start([3, 4])
    side = int(8 * theirs.vae_scale_factor)
    said = theirs(
        ["a cat", "a dog"], latents=start.clone(), num_inference_steps=3, guidance_scale=2.0, output_type="latent",
        height=side, width=side, original_size=(64, 64), target_size=(64, 64), crops_coords_top_left=(0, 0),
    ).images  # fmt: skip
    drawn = ours.draw(model, ours.words(model, ["a cat", "a dog"]), start, 3, 2.0)
    torch.testing.assert_close(drawn, said, atol=1e-4, rtol=1e-4)
    empty = ours.words(model, ["a cat", ""])
    assert (
        empty.hidden[0].any() and bool(empty.hidden[1].any()) is not zeros and bool(empty.pooled[1].any()) is not zeros
    )


def test_a_refiner_is_told_as_what_it_is(folder, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "refiner")
    index = files.read_json(folder / "model_index.json")
    files.write_json(folder / "model_index.json", index | {"text_encoder": [None, None], "tokenizer": [None, None]})
    with pytest.raises(BadInput, match="has one text encoder of the two of an XL: it is a refiner"):
        Pipeline(folder, "refiner", torch.device("cpu"))


def test_a_written_model_has_both_text_encoders(folder, tmp_path):
    ours = Pipeline(folder, "large", torch.device("cpu"))
    ours.write(ours.load(), tmp_path)
    again = Pipeline(tmp_path, "again", torch.device("cpu")).load().state_dict()
    for name, tensor in ours.load().state_dict().items():
        assert torch.equal(tensor, again[name]), name
