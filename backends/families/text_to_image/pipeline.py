"""The parts of a StableDiffusionPipeline (1.x, 2.x, XL) and the mathematics of its noise, for methods to work with.

Latents are at unit deviation, as the U-Net sees them. Time steps run from 0 (clean) to T - 1 (noise). A model may predict
the noise ("epsilon") or v = alpha * noise - sigma * x0 ("v_prediction"); `predict` gives what it predicts, `noise` and
`denoised` convert it, so a method need not know which of them it has.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...api import files, own
from ...api.errors import BadInput
from ...core import fitting
from ...models.whole import PROBLEMS, arranged, first_line, load_whole
from .one_step import ONE_STEP

AT_ONCE = 64 * 16 * 16  # places of latents in a pass without gradients: 64 pictures of the embedded model, 4 of SD 1.x
DECODING = 8  # times fewer in a pass of the autoencoder, whose layers at full size soon leave a processor's cache
SMALL = 32  # places along a side, up to which the plain attention is the fastest on a processor, and has room enough
TINY = 1e-8
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
QUICK: dict[str, Any] = {"low_cpu_mem_usage": False}


class Diffusion(nn.Module):
    """The weights that a method may change: the U-Net and the text encoder, of XL both text encoders."""

    def __init__(self, unet: nn.Module, text_encoder: nn.Module, text_encoder_2: nn.Module | None = None) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder
        if text_encoder_2 is not None:
            self.text_encoder_2 = text_encoder_2


@dataclass(frozen=True)
class Words:
    """Prompts as the U-Net reads them.

    Attributes:
        hidden: [n, tokens, d].
        ids: token ids [n, tokens] of the (first) tokenizer.
        pooled: [n, p] of XL's second text encoder, else None.
    """

    hidden: Tensor
    ids: Tensor
    pooled: Tensor | None = None

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, index: Any) -> "Words":
        """Some of the prompts, by slice, list or index tensor."""
        pooled = None if self.pooled is None else self.pooled[index]
        return Words(self.hidden[index], self.ids[index], pooled)

    def detach(self) -> "Words":
        """Without gradients."""
        return replace(self, hidden=self.hidden.detach(), pooled=None if self.pooled is None else self.pooled.detach())


def join(parts: Sequence[Words]) -> Words:
    """Several `Words` one after the other."""
    pooled = [part.pooled for part in parts if part.pooled is not None]
    return Words(
        torch.cat([part.hidden for part in parts]),
        torch.cat([part.ids for part in parts]),
        torch.cat(pooled) if pooled else None,
    )


class Pipeline:
    """One pipeline folder, opened. What never changes (autoencoder, tokenizer, schedule) is held once, for all models."""

    def __init__(
        self, folder: Path, model_id: str, device: torch.device, precision: torch.dtype = torch.float32
    ) -> None:
        """Open it.

        Raises:
            BadInput: it is no StableDiffusionPipeline with a U-Net, or a part of it cannot be read.
        """
        from diffusers import DDIMScheduler, UNet2DConditionModel  # here, since they take seconds to import
        from transformers import AutoTokenizer

        self.folder, self.id, self.device, self.precision = folder, model_id, device, precision
        index = files.read_json(folder / "model_index.json", {})
        _check(index, model_id, folder)
        self.large = "text_encoder_2" in index and index["text_encoder_2"][0] is not None
        self.zeros = self.large and bool(index.get("force_zeros_for_empty_prompt", True))
        self.tokenizers = [
            self._read(partial(AutoTokenizer.from_pretrained, folder, subfolder=name, trust_remote_code=False))
            for name in (("tokenizer", "tokenizer_2") if self.large else ("tokenizer",))
        ]
        self.scheduler = self._read(lambda: DDIMScheduler.from_pretrained(folder, subfolder="scheduler"))
        self.scheduler.register_to_config(clip_sample=False)
        self.config: dict[str, Any] = self._read(lambda: UNet2DConditionModel.load_config(folder / "unet"))
        self.channels, self.cells = int(self.config["in_channels"]), _pair(self.config["sample_size"])
        if self.channels != int(self.config["out_channels"]):
            raise BadInput(f"{model_id} draws over given pictures (inpainting); give one that draws from words alone.")
        self.kind = str(self.scheduler.config.prediction_type)
        if self.kind not in ("epsilon", "v_prediction"):
            raise BadInput(f"{model_id} predicts {self.kind!r}; Lethe takes epsilon and v_prediction.")
        bar = self.scheduler.alphas_cumprod.to(device)
        self._alpha, self._sigma = bar.sqrt(), (1 - bar).sqrt()
        self.times = len(bar)

    @property
    def rows(self) -> int:
        """Pictures of the model's own size in one pass without gradients, at least 1."""
        return _rows(*self.cells, AT_ONCE)

    @property
    def scale_factor(self) -> int:
        """Pixels along a side for one place of the latents."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def cells_of(self, size: int) -> tuple[int, int]:
        """Places of the latents of a square picture with `size` pixels a side; 0 for the model's own shape.

        Raises:
            BadInput: the model cannot make a picture of that size.
        """
        if not size:
            return self.cells
        grain = self.scale_factor
        least, most = 8 * grain, 2 * grain * max(self.cells)
        if size % grain or not least <= size <= most:
            raise BadInput(
                f"A size of {size} was asked for; {self.id} draws squares of {least} to {most} pixels a side, in steps of {grain}."
            )
        return size // grain, size // grain

    @property
    def tokens(self) -> int:
        """Tokens of a prompt, with its begin and end."""
        return int(self.tokenizers[0].model_max_length)

    @cached_property
    def vae(self) -> Any:
        """The autoencoder (`AutoencoderKL` of diffusers; what that inherits has no types), frozen."""
        from diffusers import AutoencoderKL

        vae = load_whole(AutoencoderKL, self.folder, self.id, part="vae", torch_dtype=torch.float32, **QUICK)
        return arranged(vae, torch.channels_last, self.device).eval().requires_grad_(False)

    @cached_property
    def vae_key(self) -> bytes:
        """A hash of the autoencoder's weights."""
        digest = hashlib.blake2b(digest_size=16)
        for tensor in self.vae.state_dict().values():
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.digest()

    def load(self, folder: Path | None = None) -> Diffusion:
        """A fresh copy of the weights, those of the U-Net and the text encoders of another folder where one is given, float32, in eval mode."""
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextModel, CLIPTextModelWithProjection

        where, name = folder or self.folder, str(folder or self.id)
        unet = load_whole(UNet2DConditionModel, where, name, part="unet", torch_dtype=torch.float32, **QUICK)
        texts = [
            load_whole(kind, where, name, part=part, dtype=torch.float32)
            for kind, part in (
                (CLIPTextModel, "text_encoder"),
                *(((CLIPTextModelWithProjection, "text_encoder_2"),) if self.large else ()),
            )
        ]
        return self._place(Diffusion(unet, *texts))

    def fresh(self, seed: int) -> Diffusion:
        """A model of this architecture with new random weights."""
        from diffusers import UNet2DConditionModel

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.load()
            unet: Any = UNet2DConditionModel.from_config(model.unet.config)
            texts = [type(text)(text.config) for name, text in model.named_children() if name != "unet"]
            return self._place(Diffusion(unet, *texts))

    def _place(self, model: Diffusion) -> Diffusion:
        from diffusers.models.attention_processor import AttnProcessor

        if self.device.type == "cpu" and max(self.cells) <= SMALL:
            unet: Any = model.unet
            unet.set_attn_processor(AttnProcessor())  # the fused attention's backward is slow on a processor
        return arranged(model, torch.channels_last, self.device).eval()

    def _read(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except PROBLEMS as error:
            raise BadInput(f"A part of {self.id} cannot be loaded ({first_line(error)}).") from None

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The precision of the job."""
        if self.precision == torch.float32:
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, self.precision)

    # --- words

    def ids(self, prompts: Sequence[str], which: int = 0) -> Tensor:
        """Token ids [n, tokens], padded; what is too long is cut, as every such pipeline does."""
        tokenizer = self.tokenizers[which]
        encoded = tokenizer(
            list(prompts), padding="max_length", max_length=self.tokens, truncation=True, return_tensors="pt"
        )
        ids: Tensor = encoded.input_ids
        return ids.to(self.device)

    def count(self, prompt: str) -> int:
        """Tokens of a prompt without begin and end, before anything is cut."""
        return len(self.tokenizers[0](prompt, add_special_tokens=False).input_ids)

    def words(self, model: nn.Module, prompts: Sequence[str]) -> Words:
        """Embeddings of prompts by the model's text encoder; gradients flow where they are on.

        Of an XL that is made so (`force_zeros_for_empty_prompt`) the empty prompt, which guidance leads away from, is all zeros.
        """
        ids = self.ids(prompts)
        with self.autocast():
            embedded = self.read_ids(model, ids, self.ids(prompts, 1) if self.large else None)
        if not self.zeros or embedded.pooled is None or "" not in prompts:
            return embedded
        there = torch.tensor([float(prompt != "") for prompt in prompts], device=ids.device)[:, None]
        return replace(embedded, hidden=embedded.hidden * there[..., None], pooled=embedded.pooled * there)

    def read_ids(self, model: Any, ids: Tensor, second: Tensor | None) -> Words:
        """Embeddings of token ids [n, tokens]; `second` are those of XL's second tokenizer."""
        if second is None:
            return Words(model.text_encoder(ids).last_hidden_state.float(), ids)
        one = model.text_encoder(ids, output_hidden_states=True)
        two = model.text_encoder_2(second, output_hidden_states=True)
        hidden = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], -1)
        return Words(hidden.float(), ids, two.text_embeds.float())

    # --- noise

    def scale(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(alpha, sigma) [n, 1, 1, 1] of time steps [n]: x_t = alpha * x0 + sigma * noise."""
        return self._alpha[t].view(-1, 1, 1, 1), self._sigma[t].view(-1, 1, 1, 1)

    def noised(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t of clean latents [n, c, h, w] and noise of the same shape, at time steps [n]."""
        alpha, sigma = self.scale(t)
        return alpha * x0 + sigma * noise

    def predict(self, model: Any, x: Tensor, t: Tensor, words: Words) -> Tensor:
        """The U-Net's prediction at x_t, in its own kind of prediction, float32 [n, c, h, w].

        With gradients in as many parts as the job's memory asks for (core/fitting.py).
        """
        return fitting.in_parts(model.unet, len(x), lambda rows: self._predicted(model, x[rows], t[rows], words[rows]))

    def _predicted(self, model: Any, x: Tensor, t: Tensor, words: Words) -> Tensor:
        more = {}
        if words.pooled is not None:
            side = [8 * x.shape[2], 8 * x.shape[3]]
            ids = torch.tensor([[*side, 0, 0, *side]], device=x.device).expand(len(x), -1)
            more = {"added_cond_kwargs": {"text_embeds": words.pooled, "time_ids": ids}}
        with self.autocast():
            prediction: Tensor = model.unet(x, t, words.hidden, **more).sample
            return prediction.float()

    def noise(self, model: nn.Module, x: Tensor, t: Tensor, words: Words) -> Tensor:
        """The noise that the U-Net sees in x_t, whatever kind it predicts."""
        return self.as_noise(self.predict(model, x, t, words), x, t)

    def as_noise(self, prediction: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """A prediction at x_t as noise. At zero signal (alpha 0) the noise is x_t itself, whatever was predicted."""
        if self.kind == "epsilon":
            return prediction
        alpha, sigma = self.scale(t)
        return alpha * prediction + sigma * x

    def as_clean(self, prediction: Tensor, x: Tensor, t: Tensor) -> Tensor:
        """A prediction at x_t as the clean latents x0 it amounts to."""
        alpha, sigma = self.scale(t)
        if self.kind == "epsilon":
            return (x - sigma * prediction) / alpha.clamp(min=TINY)
        return alpha * x - sigma * prediction

    def truth(self, x0: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """The target of the U-Net's training: what a perfect model would predict."""
        if self.kind == "epsilon":
            return noise
        alpha, sigma = self.scale(t)
        return alpha * noise - sigma * x0

    # --- drawing

    def start(self, seeds: Sequence[int], size: int = 0) -> Tensor:
        """Noise to start from [n, c, h, w], one seed a picture: the same on every device. `size` as in `cells_of`."""
        cells = self.cells_of(size)
        rows = [
            torch.randn(self.channels, *cells, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
        ]
        return torch.stack(rows).to(self.device)

    def timeline(self, steps: int) -> Tensor:
        """The time steps that DDIM visits, from noise to picture."""
        self.scheduler.set_timesteps(steps)
        times: Tensor = self.scheduler.timesteps
        return times.to(self.device)

    @torch.no_grad()
    def draw(
        self,
        model: nn.Module,
        words: Words,
        start: Tensor,
        steps: int,
        guidance: float,
        empty: Words | None = None,
        on_step: Callable[[int, Tensor, Tensor, Tensor | None], None] | None = None,
    ) -> Tensor:
        """Clean latents by DDIM without added noise, row by row from `start`; by `one_step` of a model made for that.

        Args:
            model: whose U-Net draws.
            words: one prompt a row.
            start: noise [n, c, h, w].
            steps: how many.
            guidance: weight of classifier-free guidance; 1 asks the U-Net once a step, without the empty prompt.
            empty: the empty prompt, [1, ...]; by default as the model reads it.
            on_step: called at each step with (number, x_t, prediction with words, prediction without or None).
        """
        if hasattr(model, ONE_STEP):
            return self.one_step(model, words, start, int(model.get_buffer(ONE_STEP)), on_step)
        x = start
        if guidance != 1 and empty is None:
            empty = self.words(model, [""])
        for number, t in enumerate(self.timeline(steps)):
            x, at = self.scheduler.scale_model_input(x, t), t.expand(len(x))
            prediction, free = self._both(model, x, at, words, empty if guidance != 1 else None)
            if on_step is not None:
                on_step(number, x, prediction, free)
            guided = prediction if free is None else free + guidance * (prediction - free)
            x = self.scheduler.step(guided, t, x).prev_sample
        return x

    def one_step(
        self,
        model: nn.Module,
        words: Words,
        start: Tensor,
        at: int,
        on_step: Callable[[int, Tensor, Tensor, Tensor | None], None] | None = None,
    ) -> Tensor:
        """Clean latents in one step: x0 as the U-Net sees it in sigma * start, taken for x_t of time step `at`.

        For models trained to draw so; steps and guidance mean nothing to them. Gradients flow where they are on.
        """
        t = torch.full((len(start),), at, device=start.device)
        x = self.scale(t)[1] * start
        prediction, _ = self._both(model, x, t, words, None)
        if on_step is not None:
            on_step(0, x, prediction, None)
        return self.as_clean(prediction, x, t)

    def _both(
        self, model: nn.Module, x: Tensor, t: Tensor, words: Words, empty: Words | None
    ) -> tuple[Tensor, Tensor | None]:
        """Predictions with the words and, where wanted, without, a few rows in a pass."""
        if empty is None:
            return torch.cat([self.predict(model, x[at], t[at], words[at]) for at in _slices(x, AT_ONCE)]), None
        both = join([words, empty[[0] * len(x)]])
        x, t = torch.cat([x, x]), torch.cat([t, t])
        conditional, free = torch.cat(
            [self.predict(model, x[at], t[at], both[at]) for at in _slices(x, AT_ONCE)]
        ).chunk(2)
        return conditional, free

    @torch.no_grad()
    def pixels(self, latents: Tensor) -> NDArray[np.uint8]:
        """Pictures [n, height, width, 3] of clean latents."""
        decoded = []
        for at in _slices(latents, AT_ONCE // DECODING):
            with self.autocast():
                image = self.vae.decode(latents[at] / self.vae.config.scaling_factor).sample.float()
            decoded.append((255 * (image / 2 + 0.5).clamp(0, 1)).round().byte().permute(0, 2, 3, 1).cpu())
        return torch.cat(decoded).numpy()

    @torch.no_grad()
    def latents(self, images: NDArray[np.uint8]) -> Tensor:
        """Clean latents of pictures [n, height, width, 3], by the mean of what the autoencoder sees."""
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float().to(self.device) / 127.5 - 1
        parts = [self.vae.encode(part).latent_dist.mean for part in x.split(self.rows)]
        return torch.cat(parts) * float(self.vae.config.scaling_factor)

    def write(self, model: Any, folder: Path) -> None:
        """The whole pipeline with this model's weights, as StableDiffusionPipeline.from_pretrained loads it.

        Raises:
            BadInput: it draws in one step, which such a folder cannot say.
        """
        if hasattr(model, ONE_STEP):
            raise BadInput(
                f"This model draws in one step, from noise at time step {int(model.get_buffer(ONE_STEP))}, and a pipeline "
                "folder cannot say so; draw with it here, or export a run of another method."
            )
        parts = dict(arranged(model, torch.contiguous_format, "cpu").named_children())
        for path in sorted(self.folder.iterdir()):
            if path.is_dir() and path.name not in parts:
                shutil.copytree(path, folder / path.name)
                _as_plain(folder / path.name)
        shutil.copyfile(self.folder / "model_index.json", folder / "model_index.json")
        for name, part in parts.items():
            part.save_pretrained(folder / name)


def _as_plain(part: Path) -> None:
    """Call the weights of a variant (model.fp16.safetensors) as if there were no other, since the folder has none."""
    only = own.variant(part)
    for path in part.glob(f"*.{only}.*") if only else ():
        path.rename(path.with_name(path.name.replace(f".{only}.", ".")))


def _rows(height: int, width: int, places: int) -> int:
    return max(1, places // (height * width))


def _slices(latents: Tensor, places: int) -> list[slice]:
    """The rows of latents [n, c, h, w] in groups for one pass each, of at most so many places unless a row has more."""
    rows = _rows(latents.shape[2], latents.shape[3], places)
    return [slice(at, at + rows) for at in range(0, len(latents), rows)]


def _pair(size: Any) -> tuple[int, int]:
    return (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _check(index: Any, model_id: str, folder: Path) -> None:
    """Check what model_index.json names, and that the folders of its parts are there."""
    kind = index.get("_class_name", "") if isinstance(index, dict) else ""
    part = index.get("unet") if isinstance(index, dict) else None
    if not part or part[0] is None:
        other = f" but a {index['transformer'][1]}" if kind and index.get("transformer") else ""
        raise BadInput(
            f"{model_id} is a {kind or 'nameless pipeline'} and has no U-Net{other}; give a StableDiffusionPipeline (1.x, 2.x or XL)."
        )
    if part[1] != "UNet2DConditionModel" or not str(kind).startswith("StableDiffusion"):
        raise BadInput(f"{model_id} is a {kind} with a {part[1]}; give a StableDiffusionPipeline (1.x, 2.x or XL).")
    listed = {name for name, what in index.items() if isinstance(what, list) and what and what[0] is not None}
    if "text_encoder_2" in listed and "text_encoder" not in listed:
        raise BadInput(
            f"{model_id} has one text encoder of the two of an XL: it is a refiner, which goes on with the pictures of another "
            "model; give the base model."
        )
    needed = PARTS + (("text_encoder_2", "tokenizer_2") if "text_encoder_2" in listed else ())
    lacking = next((name for name in needed if name not in listed or not any((folder / name).glob("*"))), None)
    if lacking:
        raise BadInput(f"{model_id} has no {lacking}; a pipeline needs {', '.join(needed)}, each with its folder.")
