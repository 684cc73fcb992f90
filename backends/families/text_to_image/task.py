"""Text-to-image models at work on one job: targets as prompts, the pictures they are judged by, and how they are watched."""

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from math import isnan, nan
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax
from torch import Tensor, nn
from torch.nn import functional as F

from ...api import files, own
from ...api.home import ASSETS
from ...core.task import Index, Tell, silent
from ...models.source import model_folder
from .judges import Judge, open_judge
from .pipeline import Diffusion, Pipeline
from .prompts import COMMON, EvalPrompt, PromptSet

DRAWING = {"steps": 25, "watch_steps": 15, "guidance": 7.5}  # where a model's card does not say
FIRST = 60  # pictures of a first measurement, of a suite that has twice as many or more
WATCHED = 2  # pictures of each role to watch a job by
ROLES = ("forget", "neighbour", "unrelated")


class TextToImage:
    """A `Task` for text-to-image models. What depends on the targets is there after `resolve`.

    Attributes:
        pipe: the opened pipeline, with the mathematics of its noise.
        asking: the targets, as prompts and pictures; `parts` are index sets into `asking.suite`.
        judge: says what a picture shows; None where nobody can.
        drawing: how pictures are drawn: `steps`, `watch_steps` (while a job is watched), `guidance`.
        exact: whether the pictures that metrics look at are drawn in float32 whatever the job works in: those of an embedded model,
            whose numbers are then the same on every machine, and what it draws as it is is known.
    """

    family = "text-to-image"
    shots = 5  # how often a phase shows what the model draws
    keeps = True
    recipe: Mapping[str, Any] = {}
    asking: PromptSet

    def __init__(
        self, model_id: str, data: str = "", device: str | torch.device = "cpu", precision: torch.dtype = torch.float32
    ) -> None:
        """Open a model.

        Args:
            model_id: embedded id, Hub id or folder of a StableDiffusionPipeline.
            data: for a model that brings no judge, a CLIP model (Hub id or folder) to judge by; empty for none.
            device: where it works.
            precision: of the U-Net and the text encoder.

        Raises:
            BadInput: no such model, no safetensors, no U-Net, or no CLIP model.
        """
        self.id, self.data, self.device = model_id, data, torch.device(device)
        self.folder = model_folder(model_id)
        self.exact = self.folder.is_relative_to(ASSETS)
        self.pipe = Pipeline(self.folder, model_id, self.device, precision)
        self.card: dict[str, Any] = files.read_json(self.folder / "card.json", {})
        self.drawing = DRAWING | self.card.get("drawing", {})
        self.parts: dict[str, Index] = {}
        only = own.variant(self.folder / "unet")
        self.notes = [f"Only its {only} weights are there; they are read as 32-bit numbers."] if only else []

    @cached_property
    def judge(self) -> Judge | None:
        return open_judge(self.card.get("judge", ""), self.data, self.device)

    @property
    def judged(self) -> bool:
        """Whether there is a judge; opens none."""
        return bool(self.card.get("judge") or self.data)

    @property
    def precision(self) -> torch.dtype:
        return self.pipe.precision

    @precision.setter
    def precision(self, value: torch.dtype) -> None:
        self.pipe.precision = value

    def again(self) -> "TextToImage":
        """A copy of this task with nothing resolved; the opened pipeline and the judge are shared."""
        unresolved = copy.copy(self)
        unresolved.parts = {}
        for name in ("asking", "watched"):
            unresolved.__dict__.pop(name, None)
        return unresolved

    def resolve(self, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        """Take the targets apart and write the prompts and pictures that follow from them.

        Raises:
            BadInput: an unknown concept, one that is in both lists, or nothing left to keep.
        """
        self.asking = PromptSet(self.card, self.id, forget, keep)
        self._divide()

    def _divide(self) -> None:
        roles = np.array([shot.role for shot in self.asking.suite])
        self.parts = {role: np.flatnonzero(roles == role) for role in ROLES}

    def first_part(self) -> Index | None:
        """All pictures that ask for the target and a random sample of the others, the same for every run on these targets.

        None where there are few, or where a CLIP judge compares each with all others.
        """
        forget, count = self.parts["forget"], len(self.asking.suite)
        others = np.setdiff1d(np.arange(count), forget)
        wanted = FIRST - len(forget)
        if count < 2 * FIRST or wanted < FIRST // 2 or self.judge is None or self.data:
            return None
        chosen: Index = np.sort(
            np.concatenate([forget, np.random.default_rng(0).choice(others, wanted, replace=False)])
        )
        return chosen

    def only(self, index: Index) -> "TextToImage":
        """A copy of this task that is judged by some pictures of its suite alone."""
        part, asking = copy.copy(self), copy.copy(self.asking)
        part.__dict__.pop("watched", None)
        asking.suite = [self.asking.suite[at] for at in index]
        part.asking = asking
        part._divide()
        return part

    def keep_as(self, other: "TextToImage") -> None:
        """Ask only for what another task keeps."""
        self.asking.keep_prompts = other.asking.keep_prompts

    @property
    def neighbour_names(self) -> list[str]:
        """Concepts nearest to what is to be forgotten, nearest first."""
        return self.asking.neighbours

    def named_sets(self, start: int) -> dict[str, Any]:
        """How many prompts are to be forgotten and kept, and those to be forgotten, each with its anchor."""
        pairs = [list(pair) for pair in zip(self.asking.forget_prompts, self.asking.anchor_prompts, strict=True)]
        return {"forget": len(pairs), "keep": len(self.asking.keep_prompts), "prompts": pairs}

    @torch.no_grad()
    def examine(self) -> tuple[bool, str]:
        """Whether it draws, and how many of 8 pictures its judge finds right."""
        self.resolve(self.card["default_forget"])
        shots = self.asking.suite[:: max(1, len(self.asking.suite) // 8)][:8]
        outputs = self.draw_and_judge(self.load(), shots)
        right = sum(self.sure(outputs, row, shot) > 0.5 for row, shot in enumerate(shots))
        return bool(outputs["images"].any()), f"its judge finds {right} of {len(shots)} pictures right"

    @property
    def forget_key(self) -> str:
        """Names what is forgotten, whatever the order."""
        return self.asking.key

    # --- models

    def load(self, folder: Path | None = None) -> Diffusion:
        """A fresh copy of the model before, or of the weights that another folder holds, in eval mode."""
        return self.pipe.load(folder)

    def idle(self, before: nn.Module, now: nn.Module) -> list[nn.Module]:
        """What a training step rarely needs: the model before, text encoders that do not learn, the autoencoder."""
        frozen = [part for name, part in now.named_children() if not any(w.requires_grad for w in part.parameters())]
        return [before, *frozen, *([self.pipe.vae] if "vae" in vars(self.pipe) else [])]

    def fresh(self, seed: int) -> Diffusion:
        """A model of this architecture with new random weights."""
        return self.pipe.fresh(seed)

    @property
    def architecture(self) -> str:
        """What tells this U-Net from others where a precision was measured."""
        names = ("block_out_channels", "layers_per_block", "cross_attention_dim", "sample_size")
        return "unet " + " ".join(f"{name}={self.pipe.config.get(name)}" for name in names)

    def trial(self) -> Callable[[], None]:
        """One training step of the kind that methods make, on a copy of the model, to measure its speed."""
        model = self.load().train()
        count = max(1, self.pipe.rows // 4)  # gradients need room
        prompts = (list(COMMON) * count)[:count]
        x, t = self.pipe.start(range(count)), torch.arange(count, device=self.device) * (self.pipe.times // count)

        def step() -> None:
            F.mse_loss(self.pipe.predict(model, x, t, self.pipe.words(model, prompts)), x).backward()

        return step

    def write(self, model: nn.Module, folder: Path) -> None:
        """The whole pipeline with this model's weights, as `StableDiffusionPipeline.from_pretrained` loads it."""
        self.pipe.write(model, folder)

    # --- pictures

    def draw(
        self,
        model: nn.Module,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int = 0,
        guidance: float = nan,
        size: int = 0,
    ) -> NDArray[np.uint8]:
        """Pictures [n, height, width, 3], one prompt and one seed each; by the model's own settings where none are given.

        Raises:
            BadInput: the model cannot make pictures of that many pixels a side.
        """
        return self.pipe.pixels(self.draw_latents(model, prompts, seeds, steps=steps, guidance=guidance, size=size))

    @torch.no_grad()
    def draw_latents(
        self,
        model: nn.Module,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int = 0,
        guidance: float = nan,
        size: int = 0,
        on_step: Callable[[int, Tensor, Tensor, Tensor | None], None] | None = None,
    ) -> Tensor:
        """Clean latents [n, c, h, w] of the pictures of `draw`; `on_step` as in `Pipeline.draw`."""
        steps = steps or int(self.drawing["steps"])
        weight = float(self.drawing["guidance"]) if isnan(guidance) else guidance
        distinct = list(dict.fromkeys(prompts))
        words = self.pipe.words(model, distinct)[[distinct.index(prompt) for prompt in prompts]]
        return self.pipe.draw(model, words, self.pipe.start(seeds, size), steps, weight, on_step=on_step)

    def describe(self, model: nn.Module) -> dict[str, Any]:
        """What a form has to know: concepts it is known to have learned, its size, how it draws, and who judges."""
        height, width = (cells * self.pipe.scale_factor for cells in self.pipe.cells)
        return {
            "family": self.family,
            "domains": self.card.get("domains", {}),
            "size": [height, width, 3],
            "parameters": sum(p.numel() for p in model.parameters()),
            "drawing": self.drawing,
            "judge": self.judge.name if self.judge else "",
            "notes": self.notes,
        }

    def outputs(self, model: nn.Module, tell: Tell = silent) -> dict[str, NDArray[Any]]:
        """The pictures of the suite, [n, height, width, 3] as `images`, and what the judge says of them."""
        was = self.precision
        if self.exact:
            self.precision = torch.float32
        try:
            return self.draw_and_judge(model, self.asking.suite, tell)
        finally:
            self.precision = was

    def draw_and_judge(
        self, model: nn.Module, shots: Sequence[EvalPrompt], tell: Tell = silent
    ) -> dict[str, NDArray[Any]]:
        """Pictures of some prompts, and the judge's outputs for them (see `Judge.look`)."""
        was = model.training
        model.eval()
        try:
            latents = self.draw_latents(
                model,
                [shot.prompt for shot in shots],
                [shot.seed for shot in shots],
                on_step=lambda number, *_: tell(number, int(self.drawing["steps"])),
            )
            images = self.pipe.pixels(latents)
        finally:
            model.train(was)
        judged = self.judge.look(images, [shot.prompt for shot in shots]) if self.judge else {}
        return {"images": images} | judged

    def outputs_key(self) -> bytes:
        """What the outputs depend on, apart from the weights and the machine."""
        shots = [(shot.prompt, shot.seed) for shot in self.asking.suite]
        judge = self.judge.name if self.judge else ""
        key_text = repr((shots, self.drawing, judge, self.data, sorted(self.pipe.scheduler.config.items())))
        return hashlib.blake2b(key_text.encode() + self.pipe.vae_key).digest()

    def suite(self) -> list[dict[str, Any]]:
        """What the pictures of `outputs` were to show, in their order: `role`, `prompt`, `object`, `style`, `seed`."""
        return [
            {"role": shot.role, "prompt": shot.prompt, "object": shot.object, "style": shot.style, "seed": shot.seed}
            for shot in self.asking.suite
        ]

    @cached_property
    def watched(self) -> list[EvalPrompt]:
        """The pictures a job is watched by: some of each role, the same for every run on these targets."""
        rng = np.random.default_rng(0)
        chosen = [i for role in ROLES for i in rng.permutation(self.parts[role])[:WATCHED]]
        return [self.asking.suite[i] for i in chosen]

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        """What the model draws now of the watched prompts: for each its picture, and how sure the judge is of what was asked."""
        was = model.training
        model.eval()
        try:
            prompts, seeds = [shot.prompt for shot in self.watched], [shot.seed for shot in self.watched]
            images = self.draw(model, prompts, seeds, steps=int(self.drawing["watch_steps"]))
        finally:
            model.train(was)
        judged = self.judge.look(images, prompts) if self.judge else {}
        return [
            {
                "id": f"{shot.role}-{number}",
                "role": shot.role,
                "prompt": shot.prompt,
                "share": self.sure(judged, number, shot),
                "image": Image.fromarray(images[number]),
            }
            for number, shot in enumerate(self.watched)
        ]

    def sure(self, judged: Mapping[str, NDArray[Any]], row: int, shot: EvalPrompt) -> float:
        """Probability from 0 to 1 that a picture shows what was asked: the object, where a style is forgotten the style.

        NaN where no judge can say.
        """
        domain = self.domain
        if domain not in judged:
            return nan
        place = self.asking.domains[domain].index(getattr(shot, domain))
        return float(softmax(judged[domain][row].astype(np.float64))[place])

    @property
    def other_kind(self) -> str:
        """What the other retained accuracy is about, in words."""
        if not self.asking.domains:
            return "everyday prompts"
        return "objects" if self.domain == "style" else "styles"

    @property
    def domain(self) -> Literal["object", "style"]:
        """The domain that what is to be forgotten lies in: style, where only styles are forgotten, else object."""
        return "style" if all(concept.kind == "style" for concept in self.asking.forget) else "object"
