"""Pictures that models draw, as the pages ask for them: a share of those that a run was judged by, and any prompt."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import numpy as np
from cachetools import LRUCache, cached
from numpy.typing import NDArray
from PIL import Image

from app.inference import LIVE
from backends.api import run_outputs, runs
from backends.api.languages import tr
from backends.api.panels import Role

ROLES: tuple[Role, ...] = ("forget", "neighbour", "unrelated")
WHENS: tuple[Literal["before", "after"], ...] = ("before", "after")
CACHED_RUNS = 24  # runs whose pictures are remembered

_pairs_cache: LRUCache[Any, "list[ImagePair]"] = LRUCache(CACHED_RUNS)


@dataclass(frozen=True)
class ImagePair:
    """The images that the model before and the model after draw of one prompt from one seed, as data addresses of PNGs."""

    number: int
    role: Role
    prompt: str
    seed: int
    before: str
    after: str

    @property
    def caption(self) -> str:
        """The words below the pair."""
        return tr("{prompt}, seed {seed}", prompt=self.prompt, seed=self.seed)


@cached(_pairs_cache, lock=Lock())
def pairs(run_id: str, each: int) -> list[ImagePair]:
    """Pictures of the suite that a finished run was judged by, at most `each` of a role; asked for once and remembered.

    Raises:
        LetheError: they cannot be drawn; the sentence says why.
    """
    suite = _suite(run_id)
    numbers = evenly_spaced(suite, each)
    image_uris = _uris_from_folder(run_id, numbers) or LIVE.ask("drawn", run=run_id, items=numbers)
    return [
        ImagePair(number, suite[number]["role"], suite[number]["prompt"], suite[number]["seed"], before, after)
        for number, before, after in zip(numbers, image_uris["before"], image_uris["after"], strict=True)
    ]


def _suite(run_id: str) -> list[dict[str, Any]]:
    """The prompts that a run was judged by, from its folder; of a run without them, from the process that opens models."""
    suite: list[dict[str, Any]] = run_outputs.suite(runs.find(run_id)) or LIVE.ask("suite", run=run_id)
    return suite


def _uris_from_folder(run_id: str, numbers: Sequence[int]) -> dict[str, list[str]] | None:
    run = runs.find(run_id)
    uris_by_when: dict[str, list[str]] = {}
    for when in WHENS:
        images = run_outputs.images(run, when, numbers)
        if images is None:
            return None
        uris_by_when[when] = [_png_uri(image) for image in images]
    return uris_by_when


def _png_uri(image: NDArray[np.uint8]) -> str:
    out = io.BytesIO()
    Image.fromarray(image).save(out, format="PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def evenly_spaced(suite: Sequence[dict[str, Any]], each: int) -> list[int]:
    """Positions of at most `each` prompts of each role, evenly spaced from the first to the last of it."""
    positions: list[int] = []
    for role in ROLES:
        role_positions = [at for at, shot in enumerate(suite) if shot["role"] == role]
        count = min(each, len(role_positions))
        positions += [role_positions[(2 * at + 1) * len(role_positions) // (2 * count)] for at in range(count)]
    return positions


def role_prompts(run_id: str) -> list[tuple[Role, str]]:
    """One prompt of each role, as a run was judged by them.

    Raises:
        LetheError: the run cannot be opened; the sentence says why.
    """
    suite = _suite(run_id)
    return [(suite[at]["role"], suite[at]["prompt"]) for at in evenly_spaced(suite, 1)]


def draw(what: str, prompt: str, seeds: Sequence[int], **wishes: Any) -> dict[str, Any]:
    """Pictures of a prompt; see the live operation `draw`. `wishes`: steps, guidance, dose, size.

    Raises:
        BadInput: the prompt, a number or the model will not do; the sentence says why.
        LetheError: it could not be drawn.
    """
    answer: dict[str, Any] = LIVE.ask("draw", run_or_model=what, prompt=prompt, seeds=list(seeds), **wishes)
    return answer


def pixel_changes(before: Sequence[str], after: Sequence[str]) -> list[float]:
    """Mean absolute difference of the pixels of each picture from its counterpart, in percent of their range."""
    changes = []
    for one, other in zip(before, after, strict=True):
        old, new = (np.asarray(_image_of_uri(uri), np.float64) for uri in (one, other))
        changes.append(100 * float(np.abs(new - old).mean()) / 255)
    return changes


def _image_of_uri(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
