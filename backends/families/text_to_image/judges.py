"""Judges of generated pictures: classifiers trained on real drawings, or a CLIP model that a person names."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from ...api import files
from ...api.errors import BadInput
from ...api.home import ASSETS
from ...models.source import model_folder
from ...models.whole import arranged

ROWS = 256  # pictures in one pass
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
ImageBatch = NDArray[np.uint8]
Judgements = dict[str, NDArray[np.float32]]


class Judge(Protocol):
    """Looks at pictures [n, height, width, 3]."""

    name: str

    def look(self, pictures: ImageBatch, prompts: Sequence[str]) -> Judgements:
        """Judge pictures, one row each; `prompts`, the prompts they were drawn for, in the same order.

        Returns:
            `features` [n, d], and either logits by domain (`object` [n, objects], `style` [n, styles]) or, of a CLIP
            model, `clip` [n, distinct prompts in their order]: 100 times the cosine with each of them.
        """
        ...


class Trained:
    """Two classifiers shipped with a data set: assets/judges/<name>/{object,style}, in the layout of transformers."""

    def __init__(self, name: str, device: torch.device) -> None:
        self.name, self.device, self.folder = f"judge of {name}", device, ASSETS / "judges" / name

    @cached_property
    def card(self) -> dict[str, Any]:
        """Its own accuracy on real drawings, and how it was trained."""
        card: dict[str, Any] = files.read_json(self.folder / "card.json")
        return card

    @cached_property
    def _models(self) -> dict[str, Any]:
        from transformers import AutoModelForImageClassification  # here, since it takes seconds to import

        models = {
            domain: AutoModelForImageClassification.from_pretrained(
                self.folder / domain, use_safetensors=True, dtype=torch.float32
            )
            for domain in ("object", "style")
        }
        return {domain: arranged(model, torch.channels_last, self.device).eval() for domain, model in models.items()}

    @cached_property
    def real(self) -> Judgements:
        """Features [n, d] of real drawings as the model was shown them, with the `object` and `style` [n] of each."""
        return {name: tensor.numpy() for name, tensor in load_file(self.folder / "real.safetensors").items()}

    @torch.no_grad()
    def look(self, pictures: ImageBatch, prompts: Sequence[str] = ()) -> Judgements:
        parts: dict[str, list[Tensor]] = {"object": [], "style": [], "features": []}
        for at in range(0, len(pictures), ROWS):
            x = torch.from_numpy(pictures[at : at + ROWS]).permute(0, 3, 1, 2).float().to(self.device) / 127.5 - 1
            pooled_features = []
            for domain, model in self._models.items():
                pooled = model.resnet(x.contiguous(memory_format=torch.channels_last)).pooler_output
                parts[domain].append(model.classifier(pooled))
                pooled_features.append(pooled.flatten(1))
            parts["features"].append(torch.cat(pooled_features, 1))
        return {name: torch.cat(rows).float().cpu().numpy() for name, rows in parts.items()}


class Clip:
    """A CLIP model asked which of the prompts a picture fits best."""

    def __init__(self, model_id: str, device: torch.device) -> None:
        """Open it.

        Raises:
            BadInput: it is no CLIP model in safetensors.
        """
        from transformers import AutoTokenizer, CLIPModel

        folder = model_folder(model_id)
        try:
            model: nn.Module = CLIPModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
            self.tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        except (ValueError, OSError, KeyError, TypeError, RuntimeError, AttributeError, SafetensorError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
            raise BadInput(f"{model_id} cannot be opened as a CLIP model ({reason}); give one, or none.") from None
        self.model: Any = model.to(device).eval()
        self.name, self.device = f"CLIP ({model_id})", device

    @torch.no_grad()
    def look(self, pictures: ImageBatch, prompts: Sequence[str] = ()) -> Judgements:
        names = list(dict.fromkeys(prompts))
        side = self.model.config.vision_config.image_size
        mean, std = (torch.tensor(values, device=self.device).view(3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
        rows = []
        for at in range(0, len(pictures), ROWS // 8):
            x = torch.from_numpy(pictures[at : at + ROWS // 8]).permute(0, 3, 1, 2).float().to(self.device) / 255
            x = F.interpolate(x, (side, side), mode="bicubic", antialias=True).clamp(0, 1)
            rows.append(_tensor(self.model.get_image_features(pixel_values=(x - mean) / std)))
        features = torch.cat(rows)
        tokens = self.tokenizer(names, padding=True, truncation=True, return_tensors="pt").to(self.device)
        words = F.normalize(_tensor(self.model.get_text_features(**tokens)), dim=-1)
        cosine = 100 * F.normalize(features, dim=-1) @ words.T
        return {"features": features.cpu().numpy(), "clip": cosine.cpu().numpy()}


def _tensor(output: Any) -> Tensor:
    """The features themselves, of transformers that wrap them and of those that do not."""
    return output if isinstance(output, Tensor) else output.pooler_output


def open_judge(shipped: str, clip_id: str, device: torch.device) -> Judge | None:
    """The judge that comes with a model, else the CLIP model a person named, else None.

    Raises:
        BadInput: what a person named is no CLIP model.
    """
    if shipped:
        return Trained(shipped, device)
    return Clip(clip_id, device) if clip_id else None
