"""The embedded text-to-image model: a small but complete Stable Diffusion for 64 x 64 emoji, trained from nothing."""

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F

from ..api.home import ASSETS
from ..core import pack
from ..models.whole import arranged
from . import _emoji
from ._emoji_card import describe
from ._emoji_decoder import sharpened

M = TypeVar("M", bound=nn.Module)
SCHEDULE = {
    "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000,
    "prediction_type": "v_prediction", "rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
    "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1,
}  # fmt: skip
EMA = 0.99
BATCH, PEAK, GENTLE = 64, 1.5e-3, 1e-3  # drawings in a step of the U-Net; its largest step size at first, and later
CUT = 0.85  # share of the autoencoder's steps that see a quarter of a picture: as much to learn from, in a third of the time
VIEWS = 8  # augmented latents kept of each drawing


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models" / "emoji-sd",
    work: Annotated[Path, typer.Option(help="Folder for what is half done; a second start goes on from there.")] = Path(
        "out/emoji-sd"
    ),
    vae_steps: Annotated[int, typer.Option(help="Steps of the autoencoder.")] = 1700,
    steps: Annotated[
        list[int],
        typer.Option(help="Steps of the U-Net and text encoder; once for each rise and fall of the learning rate."),
    ] = [1600, 520, 900],  # noqa: B006
    decoder_steps: Annotated[int, typer.Option(help="Steps of the decoder on what the U-Net draws.")] = 1600,
) -> None:
    """Train emoji-sd: autoencoder, text encoder and U-Net, then its decoder on what it draws (three hours on two cores)."""
    torch.manual_seed(0)
    work.mkdir(parents=True, exist_ok=True)
    vae = autoencoder(work / "vae.safetensors", vae_steps)
    latents = encoded(vae, work / "latents.safetensors")
    unet, text = denoiser(work, vae, latents, [(count, GENTLE if at else PEAK) for at, count in enumerate(steps)])
    sharpened(vae, pipeline(vae, unet, text), work / "decoder.safetensors", decoder_steps, say)
    save(to, vae, unet, text)
    recipe = {
        "autoencoder_steps": vae_steps,
        "unet_steps": sum(steps),
        "decoder_steps_on_its_own_drawings": decoder_steps,
        "batch_size": BATCH,
        "learning_rate": PEAK,
        "seed": 0,
    }
    typer.echo(f"emoji-sd: {describe(to, recipe)['accuracy']} written to {to}", err=True)


def say(text: str) -> None:
    """On standard error, with the time."""
    typer.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)


def autoencoder(path: Path, steps: int) -> nn.Module:
    """An AutoencoderKL that keeps edges: L1 + L2 + difference of image gradients + 1e-4 KL."""
    from diffusers import AutoencoderKL

    vae: Any = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(32, 64, 96), layers_per_block=1, latent_channels=4, sample_size=_emoji.PIXELS, norm_num_groups=16,
    )  # fmt: skip
    arranged(vae, torch.channels_last)
    if path.is_file():
        vae.load_state_dict(pack.load_state(path))
        trained: nn.Module = vae.eval()
        return trained
    images, generator = _emoji.drawings(), torch.Generator().manual_seed(1)
    optimizer = torch.optim.AdamW(vae.parameters(), 1e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    average: Any = averaged(vae)
    for step in range(steps):
        batch = _emoji.augmented(
            images[torch.randint(len(images), (32,), generator=generator)], generator, turn=10, shift=0.06
        )
        if step < CUT * steps:
            top, left = (int(torch.randint(_emoji.PIXELS // 2 + 1, (), generator=generator)) for _ in range(2))
            batch = batch[..., top : top + _emoji.PIXELS // 2, left : left + _emoji.PIXELS // 2]
        x = (2 * batch - 1).contiguous(memory_format=torch.channels_last)
        posterior = vae.encode(x).latent_dist
        y = vae.decode(posterior.sample()).sample
        off = y - x
        edges = off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
        loss = off.abs().mean() + off.square().mean() + edges + 1e-4 * posterior.kl().mean() / posterior.mean[0].numel()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        follow(average, vae, min(EMA, step / (step + 10)))
        if step % 50 == 0:
            say(f"vae {step}: loss {loss.item():.4f}, {-10 * np.log10(off.square().mean().item() / 4):.1f} dB")
    pack.save_state(path, average.state_dict())
    trained = average.eval()
    return trained


@torch.no_grad()
def encoded(vae: Any, path: Path) -> Tensor:
    """[VIEWS, drawings, 4, 16, 16]: what the autoencoder makes of every drawing, seen VIEWS times, at unit deviation."""
    if path.is_file():
        latents: Tensor = pack.load_state(path)
    else:
        images, generator = _emoji.drawings(), torch.Generator().manual_seed(2)
        latents = torch.stack(
            [
                torch.cat(
                    [vae.encode(2 * x - 1).latent_dist.mean for x in _emoji.augmented(images, generator).split(40)]
                )
                for _ in range(VIEWS)
            ]
        )
        pack.save_state(path, latents)
    vae.register_to_config(scaling_factor=round(1 / float(latents.std()), 5))
    return latents * float(vae.config.scaling_factor)


def networks(words: Any) -> nn.ModuleDict:
    """U-Net and text encoder with new weights."""
    from diffusers import UNet2DConditionModel
    from diffusers.models.attention_processor import AttnProcessor
    from transformers import CLIPTextConfig, CLIPTextModel

    unet: Any = UNet2DConditionModel(
        sample_size=_emoji.PIXELS // 4, block_out_channels=(48, 96, 192), layers_per_block=1, norm_num_groups=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=64, attention_head_dim=8,
    )  # fmt: skip
    arranged(unet, torch.channels_last)
    unet.set_attn_processor(AttnProcessor())  # the fused attention's backward is slow on a CPU
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=64, intermediate_size=256, projection_dim=64, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=_emoji.WORDS, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
    return nn.ModuleDict({"unet": unet, "text": CLIPTextModel(config)})


def denoiser(
    work: Path,
    vae: Any,
    latents: Tensor,
    cycles: Sequence[tuple[int, float]],
    *,
    seen: Tensor | None = None,
    seed: int = 0,
    precision: torch.dtype = torch.float32,
) -> tuple[nn.Module, nn.Module]:
    """U-Net and text encoder, trained together by v-prediction; weights averaged over the last steps.

    Args:
        work: folder that holds what is half done.
        vae: to draw pictures of the progress with.
        latents: of `encoded`.
        cycles: steps and largest step size of each rise and fall of the learning rate.
        seen: the drawings that it learns from, all where left out.
        seed: of the weights and of everything random in the steps.
        precision: in which layers compute; weights and steps stay in float32.
    """
    from diffusers import DDIMScheduler

    words = _emoji.tokenizer()
    if seed:
        torch.manual_seed(seed)
    both = networks(words)
    seen = torch.arange(latents.shape[1]) if seen is None else seen
    average, prompts, noise_of = averaged(both), _emoji.prompt_ids(words), DDIMScheduler(**SCHEDULE)
    optimizer = torch.optim.AdamW(both.parameters(), PEAK, weight_decay=1e-4)
    path = work / "denoiser.safetensors"
    checkpoint: dict[str, Any] = pack.load_state(path) if path.is_file() else {"step": 0}
    if checkpoint["step"]:
        both.load_state_dict(checkpoint["both"])
        average.load_state_dict(checkpoint["average"])
        optimizer.load_state_dict(checkpoint["optimizer"])
    begin = 0
    for count, peak in cycles:
        first, end = max(begin, checkpoint["step"]), begin + count
        if first < end:
            schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=count, pct_start=0.1)
            if first > begin:
                schedule.load_state_dict(checkpoint["schedule"])
        for step in range(first, end):
            with torch.autocast("cpu", precision, enabled=precision != torch.float32):
                loss = learn(both, noise_of, prompts, latents, optimizer, step, seen, seed)
            schedule.step()
            follow(average, both, min(EMA, step / (step + 10)))
            if step % 25 == 0:
                say(f"unet {step}: loss {loss:.4f}")
            if step % 250 == 249 or step == end - 1:
                state = {"step": step + 1, "both": both.state_dict(), "average": average.state_dict()}
                state |= {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
                pack.save_state(path, state)
                picture(work / f"{step + 1}.png", vae, average["unet"], average["text"])
        begin = end
    return average["unet"].eval(), average["text"].eval()


def learn(
    both: nn.ModuleDict,
    noise_of: Any,
    prompts: Tensor,
    latents: Tensor,
    optimizer: torch.optim.Optimizer,
    step: int,
    seen: Tensor,
    seed: int = 0,
) -> float:
    """One step: drawings with noise, of those `seen`, asked for in random forms. Everything random is drawn from the step's number and the seed."""
    rng = np.random.default_rng([3 + seed, step])
    torch.manual_seed(step + seed * 1_000_000)
    which = seen[torch.from_numpy(rng.integers(len(seen), size=BATCH))]
    x = latents[torch.from_numpy(rng.integers(VIEWS, size=BATCH)), which].contiguous(memory_format=torch.channels_last)
    noise, t = torch.randn_like(x), torch.randint(1000, (BATCH,))
    prompt_ids = prompts[_emoji.forms(BATCH, rng), which]
    prediction = both["unet"](noise_of.add_noise(x, noise, t), t, both["text"](prompt_ids).last_hidden_state).sample
    loss = F.mse_loss(prediction, noise_of.get_velocity(x, noise, t))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(both.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def averaged(model: M) -> M:
    """A copy to average weights in."""
    return copy.deepcopy(model).requires_grad_(False)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, share: float) -> None:
    """average <- share * average + (1 - share) * model."""
    for averaged_weight, now in zip(average.parameters(), model.parameters(), strict=True):
        averaged_weight.lerp_(now, 1 - share)


def pipeline(vae: Any, unet: Any, text: Any) -> Any:
    """The parts as one pipeline of diffusers."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    assembled: Any = StableDiffusionPipeline(
        vae, text, _emoji.tokenizer(), unet, DDIMScheduler(**SCHEDULE), None, None, requires_safety_checker=False
    )
    assembled.set_progress_bar_config(disable=True)
    return assembled


def picture(path: Path, vae: Any, unet: Any, text: Any) -> None:
    """What the model draws of every second style, as one picture."""
    from PIL import Image

    from ..data import emoji

    assembled = pipeline(vae, unet, text)
    rows = []
    for style in emoji.STYLES[::2]:
        prompts = [emoji.prompt(object_name, style) for object_name in emoji.OBJECTS]
        seeds = [torch.Generator().manual_seed(i) for i in range(len(prompts))]
        images = assembled(
            prompts, generator=seeds, num_inference_steps=10, guidance_scale=1.5, output_type="np"
        ).images
        rows.append(np.concatenate(images, 1))
    Image.fromarray((255 * np.concatenate(rows, 0)).round().astype(np.uint8)).save(path)


def save(to: Path, vae: Any, unet: Any, text: Any) -> None:
    """The folder of a StableDiffusionPipeline, in half precision, in files of at most 9 MB."""
    pipeline(vae.half(), unet.half(), text.half()).save_pretrained(to, max_shard_size="9MB")
    for path in to.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes files that only their owner reads
