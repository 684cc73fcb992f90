"""Cross-attention maps (DAAM): how much each place of a picture attends to each word, before and after."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..api.errors import BadInput
from ..api.panels import AnyPanel, Bars, Number, Picture, Pictures, Role, Series
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.text_to_image.attention import captured
from ..families.text_to_image.pipeline import Pipeline
from ..families.text_to_image.prompts import EvalPrompt
from ..families.text_to_image.task import TextToImage
from ._common import GROUPS, enlarged, percent
from ._pictures import heat

When = Literal["before", "after"]
WHENS: tuple[When, ...] = ("before", "after")
FINE = 64  # pixels of a layer that says where it looks; coarser layers are left out where there are such
SIDE = 160


class CrossAttention(Params):
    """Which prompts."""

    prompts: int = Field(
        default=3,
        ge=1,
        le=6,
        description="How many prompts of the suite: in turn what was to be forgotten, neighbours, unrelated.",
    )
    prompt: str = Field(default="", max_length=200, description="A prompt of your own, drawn as well.")


@dataclass(frozen=True)
class Word:
    """A word of a prompt, and the places of its tokens."""

    text: str
    tokens: list[int]


@dataclass(frozen=True)
class AttendedPicture:
    """A picture [height, width, 3], how much each place attends to each token [h, w, tokens], all sums 1."""

    picture: NDArray[np.uint8]
    shares: NDArray[np.float32]


@inspector(
    id="cross_attention",
    title="Cross-attention maps (DAAM): where the words look",
    summary="Each word of a prompt as a heat map over the picture it helps to draw, before and after, and how much attention the forgotten word still gets.",
    source={
        "title": "Tang et al., What the DAAM: Interpreting Stable Diffusion Using Cross Attention, ACL 2023",
        "url": "https://arxiv.org/abs/2210.04885",
        "code": "https://github.com/castorini/daam",
    },
    needs=("pictures",),
    order=4,
    group="sees",
)
def cross_attention(look: InspectContext[TextToImage], params: CrossAttention) -> list[AnyPanel]:
    """Mean over heads, layers and steps of the probability that a place of the latents gives to each token of the prompt.

    Both models draw with the same seed and their own text encoder. Layers with fewer than 64 places are left out where
    there are finer ones; the others are brought to the latents' size. Of the passes with guidance only those with the
    prompt count. Tokens are merged to words by their sum; words without a letter or digit have no map, and neither have
    words beyond the model's longest prompt. Departure from DAAM: probabilities are averaged, not summed, so that they
    are shares.
    """
    shots = [*_own(params.prompt), *_chosen(look, params.prompts)]
    attention = {when: _draw(look, when, shots) for when in WHENS}
    words = [merged(look.task.pipe, shot.prompt) for shot in shots]
    panels: list[AnyPanel] = [_bars(look, shots, words, attention)]
    for number, shot in enumerate(shots):
        panels.append(_maps(look, f"{number}", shot, words[number], {when: attention[when][number] for when in WHENS}))
    return panels


def _own(prompt: str) -> list[EvalPrompt]:
    text = " ".join(prompt.split())
    if prompt and not any(sign.isalnum() for sign in text):
        raise BadInput(f"The prompt {prompt[:40]!r} holds no word; write what to draw, or leave it empty.")
    return [EvalPrompt("", text, 0)] if text else []


def _chosen(look: InspectContext[TextToImage], count: int) -> list[EvalPrompt]:
    """Pictures of the suite from each role in turn, the same ones each time."""
    rng = np.random.default_rng(0)
    rows = [list(rng.permutation(look.task.parts[role])) for role in GROUPS]
    mixed = [row[turn] for turn in range(count) for row in rows if turn < len(row)]
    return [look.task.asking.suite[at] for at in mixed[:count]]


def merged(pipe: Pipeline, prompt: str) -> list[Word]:
    """The words of a prompt with a letter or digit in them, as the model reads it: cut at its longest prompt."""
    tokenizer = pipe.tokenizers[0]
    ids = pipe.ids([prompt])[0].tolist()
    words: list[Word] = []
    text, places = "", list[int]()
    for place, (number, token) in enumerate(zip(ids, tokenizer.convert_ids_to_tokens(ids), strict=True)):
        if number in tokenizer.all_special_ids:
            continue
        text, places = text + token.removesuffix("</w>"), [*places, place]
        if token.endswith("</w>"):
            words, text, places = [*words, Word(text, places)], "", []
    return [word for word in words if any(sign.isalnum() for sign in word.text)]


def _draw(look: InspectContext[TextToImage], when: When, shots: list[EvalPrompt]) -> list[AttendedPicture]:
    """Every shot as this model draws it, with what was looked at on the way."""
    task, total, count = look.task, torch.zeros(0), 0
    model: nn.Module = getattr(look, when)

    def gathered(*_: object) -> None:
        nonlocal total, count
        step = _over_layers(captured_layers, task.pipe.cells, len(shots))
        total, count = step + total if count else step, count + 1
        captured_layers.clear()
        look.tell(f"drawing {when}", count, max(count, int(task.drawing["steps"])))

    with captured(model.get_submodule("unet")) as captured_layers:
        latents = task.draw_latents(
            model, [shot.prompt for shot in shots], [shot.seed for shot in shots], on_step=gathered
        )
    pictures = task.pipe.pixels(latents)
    shares = (total / count).permute(0, 2, 3, 1).cpu().numpy()
    return [AttendedPicture(picture, share) for picture, share in zip(pictures, shares, strict=True)]


def _over_layers(captured_layers: list[tuple[str, Tensor]], cells: tuple[int, int], rows: int) -> Tensor:
    """Mean over heads and layers of the first `rows` rows, at the size of the latents: [rows, tokens, h, w]."""
    fine = [shares for _, shares in captured_layers if shares.shape[2] >= FINE]
    maps = []
    for shares in fine or [shares for _, shares in captured_layers]:
        by_place = shares[:rows].mean(1).transpose(1, 2)
        maps.append(F.interpolate(by_place.unflatten(-1, _size(cells, by_place.shape[-1])), cells, mode="bilinear"))
    return torch.stack(maps).mean(0)


def _size(cells: tuple[int, int], places: int) -> tuple[int, int]:
    """Height and width of a layer with so many places: the latents', halved as often as it takes, rounded up."""
    height, width = cells
    while height * width > places:
        height, width = -(-height // 2), -(-width // 2)
    return height, width


def _share(drawing: AttendedPicture, word: list[int]) -> float:
    """Percent of all attention that goes to some tokens."""
    return 100 * float(drawing.shares[..., word].sum(-1).mean())


def target_words_of(look: InspectContext[TextToImage], shot: EvalPrompt, words: list[Word]) -> list[Word]:
    """The words of a prompt that name what is at stake: the forgotten concept, or what stands in its place."""
    task = look.task
    if shot.role in ("neighbour", "unrelated"):
        names = [shot.phrase or getattr(shot, task.domain)]
    else:
        names = [name for concept in task.asking.forget for name in (concept.object, concept.style, concept.phrase)]
    target_words = {word.text for name in names if name for word in merged(task.pipe, name)}
    return [word for word in words if word.text in target_words]


def _bars(
    look: InspectContext[TextToImage],
    shots: list[EvalPrompt],
    words: list[list[Word]],
    attention: dict[When, list[AttendedPicture]],
) -> Bars:
    """How much attention the words at stake get, by prompt."""
    labels: list[str] = []
    values: dict[When, list[Number]] = {when: [] for when in WHENS}
    marked = []
    for number, shot in enumerate(shots):
        own = target_words_of(look, shot, words[number])
        if not own:
            continue
        if shot.role in ("", "forget"):
            marked.append(len(labels))
        labels.append(f"{' '.join(word.text for word in own)}: {shot.prompt}")
        for when in WHENS:
            values[when].append(_share(attention[when][number], [at for word in own for at in word.tokens]))
    return Bars(
        title="How much attention the word gets",
        how="The share of all attention that goes to the word named first, over the whole picture and all steps. The rest goes to the other words and to the marks of begin and end, which carry the prompt as a whole.",
        says=_change_sentence(labels, values),
        labels=labels,
        series=[Series(name=when, values=values[when], when=when) for when in WHENS],
        unit="%",
        horizontal=True,
        marked=marked,
    )


def _change_sentence(labels: list[str], values: dict[When, list[Number]]) -> str:
    if not labels:
        return "None of these prompts names what was to be forgotten."
    before, after = (percent(math.nan if first is None else first) for first in (values[when][0] for when in WHENS))
    word, _, prompt = labels[0].partition(": ")
    return f"In “{prompt}”, {word} got {before} of the attention before and {after} after."


def _maps(
    look: InspectContext[TextToImage],
    name: str,
    shot: EvalPrompt,
    words: list[Word],
    drawings: dict[When, AttendedPicture],
) -> Pictures:
    """A row before and a row after: the picture, and the heat of each word over it."""
    role: Role = shot.role or "amount"
    maps = {when: [drawings[when].shares[..., word.tokens].sum(-1) for word in words] for when in WHENS}
    rows = []
    for when in WHENS:
        picture = drawings[when].picture
        row = [
            Picture(
                path=look.picture(f"{name}-{when}", enlarged(Image.fromarray(picture), SIDE)), caption=when, role=role
            )
        ]
        for at, own in enumerate(maps[when]):
            largest = max(float(np.nan_to_num(maps[other][at]).max()) for other in WHENS)
            path = look.picture(f"{name}-{when}-{at}", heat(own, largest, picture, SIDE))
            row.append(Picture(path=path, caption=percent(100 * float(own.mean()))))
        rows.append(row)
    changes = [float(maps["after"][at].mean() - maps["before"][at].mean()) for at in range(len(words))]
    return Pictures(
        title=f"“{shot.prompt}”",
        how="Yellow places attend to the word most, dark blue ones not at all; below it, its share of all attention. Each word has a scale of its own, the same before and after.",
        says=_changed(words, changes),
        columns=["picture", *(word.text for word in words)],
        rows=rows,
    )


def _changed(words: list[Word], changes: list[float]) -> str:
    if not words or not all(math.isfinite(change) for change in changes):
        return "Where the words look could not be measured before and after."
    most = max(range(len(words)), key=lambda at: abs(changes[at]))
    if abs(changes[most]) < 0.0005:
        return "No word gets more or less attention than before, by a tenth of a percent."
    way = "gained" if changes[most] > 0 else "lost"
    return f"The word {words[most].text} {way} most: {100 * abs(changes[most]):.1f} points of attention."
