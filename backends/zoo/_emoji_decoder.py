"""The decoder of emoji-sd, trained further on what its own U-Net predicts: the same latents, crisper pictures."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core import pack
from . import _emoji

DDIM_STEPS = (6, 20)  # of the drawings that it learns from: those of the default job and of careful ones
GUIDANCE = (1.5, 2.0)
ROUNDS = 16  # drawings of every prompt, each from its own noise
LATEST = 0.7  # share of the steps that may be left out, beginning from the noised drawing instead of from noise alone
FIT_STEPS, FIT_RATE, MISFIT = (
    60,
    0.02,
    0.15,
)  # of finding which pose was drawn; pictures further from every pose are left out
BATCH, RATE = 16, 6e-4


def sharpened(vae: Any, pipe: Any, path: Path, steps: int, say: Callable[[str], None]) -> None:
    """Train decoder and post_quant_conv of `vae` further, in place; encoder and latents stay as they are.

    A drawing made by the U-Net has no true picture. The one it stands for is found by fitting the pose (turn, size, place, side) of
    the prompt's drawing to what the decoder makes of it now. The loss is the autoencoder's, L1 + difference of image gradients.

    Args:
        vae: an AutoencoderKL.
        pipe: the pipeline with it.
        path: file of what is done; an existing one is read instead of training.
        steps: of training.
        say: takes lines of progress.
    """
    if path.is_file():
        vae.load_state_dict(pack.load_state(path))
        return
    pairs = path.with_name("drawn.safetensors")
    latents, pictures = pack.load_state(pairs) if pairs.is_file() else drawn(pipe, say)
    if not pairs.is_file():
        pack.save_state(pairs, (latents, pictures))
    say(f"decoder: {len(latents)} pairs")
    average = {name: weight.clone() for name, weight in vae.state_dict().items()}
    parts = nn.ModuleList([vae.decoder, vae.post_quant_conv])
    optimizer = torch.optim.AdamW(parts.parameters(), RATE, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(4)
    for step in range(steps):
        which = torch.randint(len(latents), (BATCH,), generator=generator)
        x = 2 * pictures[which] - 1
        off = vae.decode(latents[which] / vae.config.scaling_factor).sample - x
        loss = off.abs().mean() + off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parts.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        for name, weight in vae.state_dict().items():
            average[name].lerp_(weight, 1 - min(0.99, step / (step + 10)))
        if step % 50 == 0:
            say(f"decoder {step}: loss {loss.item():.4f}, {-10 * math.log10(off.square().mean().item() / 4):.1f} dB")
            pack.save_state(path.with_suffix(".half.safetensors"), average)
    vae.load_state_dict(average)
    pack.save_state(path, average)


@torch.no_grad()
def drawn(pipe: Any, say: Callable[[str], None]) -> tuple[Tensor, Tensor]:
    """Latents [n, 4, 16, 16] that the U-Net ends at (and one encoding of every drawing), and pictures [n, 3, 64, 64] from 0 to 1."""
    images, generator = _emoji.drawings(), torch.Generator().manual_seed(5)
    words = _emoji.tokens(pipe.tokenizer, [*_prompts(), ""])
    texts = pipe.text_encoder(words).last_hidden_state
    texts, empty = texts[:-1], texts[-1:].expand(len(images), -1, -1)
    latents, pictures = [], []
    for at in range(ROUNDS):
        begun = _encoded(pipe.vae, _emoji.augmented(images, generator))
        count, guidance = DDIM_STEPS[at % 2], GUIDANCE[at // 2 % 2]
        skipped = int(count * LATEST * at / ROUNDS)
        ends = _denoised(pipe, begun, texts, empty, guidance, count, skipped, generator)
        pose, misfit = fitted(images, _decoded(pipe.vae, ends))
        kept = misfit < MISFIT
        say(f"drawn {at}: {count} steps without {skipped}, {int(kept.sum())} kept, median misfit {misfit.median():.3f}")
        latents.append(ends[kept])
        pictures.append(pose[kept])
    exact = _emoji.augmented(images, generator)
    return torch.cat([*latents, _encoded(pipe.vae, exact)]), torch.cat([*pictures, exact])


def _prompts() -> list[str]:
    """The prompt of every drawing."""
    from ..data import emoji

    return [emoji.prompt(object_name, style) for style in emoji.STYLES for object_name in emoji.OBJECTS]


def _encoded(vae: Any, pictures: Tensor) -> Tensor:
    """The mean latents of pictures from 0 to 1, at unit deviation."""
    return torch.cat([vae.encode(2 * x - 1).latent_dist.mean for x in pictures.split(40)]) * float(
        vae.config.scaling_factor
    )


def _decoded(vae: Any, latents: Tensor) -> Tensor:
    """The pictures from 0 to 1 of latents at unit deviation."""
    x = torch.cat([vae.decode(part / vae.config.scaling_factor).sample for part in latents.split(40)])
    return (x / 2 + 0.5).clamp(0, 1)


def _denoised(
    pipe: Any,
    begun: Tensor,
    texts: Tensor,
    empty: Tensor,
    guidance: float,
    count: int,
    skipped: int,
    generator: torch.Generator,
) -> Tensor:
    """Latents after DDIM with classifier-free guidance, from noise (0 skipped) or from `begun` noised to the first step taken."""
    scheduler = pipe.scheduler
    scheduler.set_timesteps(count)
    noise = torch.randn(begun.shape, generator=generator)
    x = scheduler.add_noise(begun, noise, scheduler.timesteps[skipped : skipped + 1]) if skipped else noise
    for t in scheduler.timesteps[skipped:]:
        bare, asked = (
            torch.cat(
                [pipe.unet(part, t, text).sample for part, text in zip(x.split(40), words.split(40), strict=True)]
            )
            for words in (empty, texts)
        )
        x = scheduler.step(bare + guidance * (asked - bare), t, x).prev_sample
    return x


def fitted(images: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """The pose of each drawing [n, 3, 2p, 2p] nearest to what is seen [n, 3, p, p], and its mean absolute difference [n]."""
    best, least = torch.zeros_like(seen), torch.full((len(seen),), torch.inf)
    for side in (1.0, -1.0):
        pose = torch.zeros(len(seen), 5)  # turn, width, height, right, down
        pose[:, 1:3] = 0.14  # log of 1 / 0.87, the size drawings are learned at
        with torch.enable_grad():
            pose.requires_grad_(True)
            optimizer = torch.optim.Adam([pose], FIT_RATE)
            for _ in range(FIT_STEPS):
                optimizer.zero_grad()
                (_posed(images, pose, side) - seen).abs().mean((1, 2, 3)).sum().backward()
                optimizer.step()
        posed = _posed(images, pose.detach(), side)
        off = (posed - seen).abs().mean((1, 2, 3))
        nearer = off < least
        best[nearer], least[nearer] = posed[nearer], off[nearer]
    return best, least


def _posed(images: Tensor, pose: Tensor, side: float) -> Tensor:
    """Drawings turned, scaled, moved and perhaps flipped, at half their pixels; white around."""
    angle, wide, high, x, y = pose.unbind(1)
    cos, sin, wide, high = angle.cos(), angle.sin(), wide.exp(), high.exp()
    theta = torch.stack(
        [torch.stack([side * cos * wide, -sin * high, x], 1), torch.stack([side * sin * wide, cos * high, y], 1)], 1
    )
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return 1 - F.avg_pool2d(F.grid_sample(1 - images, grid, align_corners=False), 2)
