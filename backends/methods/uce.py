"""Unified concept editing (UCE): edit keys and values of cross-attention in closed form."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ..core.registry import Params, method
from ..core.run import Run
from ..families.text_to_image.pipeline import Pipeline, Words
from ..families.text_to_image.task import TextToImage
from ._drawing import encode_prompts, end_positions, trainable_parameters

Tokens = Literal["last", "all", "all and padding"]


class Uce(Params):
    """Unified concept editing."""

    guide: Literal["anchor", "empty"] = Field(
        default="anchor",
        description="What the words are to mean instead. anchor: what was named after the arrow, else the nearest concept. "
        "empty: the empty prompt.",
    )
    tokens: Tokens = Field(
        default="all and padding",
        description="Which places of a prompt are edited. last: its last word, as the authors' current code. all: all of its "
        "words. all and padding: as well the end token and the padding, which repeat what was said before.",
    )
    erase_scale: float = Field(
        default=1.0, gt=0, le=1000, description="Weight of each place of a prompt that is to be forgotten."
    )
    preserve_scale: float = Field(
        default=1.0,
        ge=0,
        le=1000,
        description="Weight of each place of a prompt that is kept, all that the model draws but the concept; 0 preserves nothing, "
        "as the authors' script does unless told what.",
    )
    closeness: float = Field(
        default=0.5, gt=0, le=1e6, description="Weight of staying near to the old matrices (lambda)."
    )


@method(
    id="uce",
    title="Unified Concept Editing (UCE)",
    short="UCE",
    summary="Rewrites what the words mean in one solve, so that the concept reads like another.",
    school="Change the dictionary: under this word, write the meaning of another.",
    student=(
        "In each cross-attention layer two matrices, W_k and W_v, turn the prompt's token embeddings into keys and values. UCE "
        "asks for new matrices that send the embeddings of the concept where the old ones send those of a guide, that leave "
        "the embeddings of everything kept where they are, and that stay near to the old ones. This is a least-squares "
        "problem with a closed form, so all layers and all concepts are edited at once, in one solve with the old matrix on "
        "both sides."
    ),
    source={
        "title": "Gandikota et al., Unified Concept Editing in Diffusion Models, WACV 2024",
        "url": "https://arxiv.org/abs/2308.14761",
        "code": "https://github.com/rohitgandikota/unified-concept-editing",
    },
    label="same algorithm, smaller model",
    kind="edit",
    departures=(
        "Edits every way to ask for the concept, and by default every place of the prompt after its beginning: a text encoder "
        "that reads from left to right says the concept again in all later tokens. tokens=last is the authors' current code, "
        "whose guide for objects is the empty prompt (guide=empty). By default every other prompt that is known of the model "
        "and the empty one are preserved (198 and one for an object of emoji-sd), where the authors' script preserves nothing "
        "unless told what; that is much of why it keeps the rest so well, and preserve_scale=0 takes it away. Debiasing, the "
        "method's other use, is left out."
    ),
    needs=("pictures",),
    order=20,
)
def uce(run: Run[TextToImage], params: Uce) -> None:
    """W = W_o (sum a g c^T + sum b p p^T + l I) (sum a c c^T + sum b p p^T + l I)^-1; in the authors' code a, b 1, l 0.5."""
    asking = run.task.asking

    def change() -> float:
        guides = asking.anchor_prompts if params.guide == "anchor" else [""] * len(asking.forget_prompts)
        retain_embeddings = encode_prompts(run, run.original, [*asking.keep_prompts, ""])
        pipe = run.task.pipe
        forget_embeddings, guide_embeddings = (
            encode_prompts(run, run.original, prompts) for prompts in (asking.forget_prompts, guides)
        )
        erased = places(pipe, forget_embeddings, guide_embeddings, params.tokens)
        preserved, _ = places(pipe, retain_embeddings, retain_embeddings, params.tokens)
        edit = solve_edit(*erased, preserved, params.erase_scale, params.preserve_scale, params.closeness)
        return apply(run, edit)

    run.log(changed=run.cached("solve", change))


def aligned(end: int, guide_end: int, tokens: int, which: Tokens) -> list[tuple[int, int]]:
    """Places (of a prompt, of its guide) that belong together.

    The words of a prompt stand at 1 to end - 1, between the begin token at 0 and the end token; padding fills the rest.

    - "last": the last words. The empty prompt has none; there the begin token stands in.
    - "all": every word of the prompt with the word of the guide that is as far from the end; the guide's first word for
      those before it, and of the empty guide the begin token for all. The empty prompt itself has its begin token.
    - "all and padding": besides, the end tokens, and padding by its distance from the end token; the guide's last
      padding for what comes after it.

    The begin token reads the same in every prompt and is edited in none that has words.

    Args:
        end, guide_end: place of the first end token of each.
        tokens: of a prompt, with begin, end and padding.
        which: see above.
    """
    first = min(1, guide_end - 1)  # of the guide's words; 0, the begin token, where it has none
    words = [(place, max(first, place + guide_end - end)) for place in range(min(1, end - 1), end)]
    if which == "last":
        return words[-1:]
    after = [(place, min(tokens - 1, place + guide_end - end)) for place in range(end, tokens)]
    return words + after if which == "all and padding" else words


def places(pipe: Pipeline, prompts: Words, guides: Words, which: Tokens) -> tuple[Tensor, Tensor]:
    """Embeddings [m, d] at the places of all prompts that `which` names, and [m, d] at those of their guides, float64."""
    tokens = prompts.ids.shape[1]
    both = zip(end_positions(pipe, prompts.ids), end_positions(pipe, guides.ids), strict=True)
    indices = [(row, *pair) for row, two in enumerate(both) for pair in aligned(*two, tokens, which)]
    rows, here, there = torch.tensor(indices, device=prompts.hidden.device).T
    return prompts.hidden[rows, here].double().cpu(), guides.hidden[rows, there].double().cpu()


def solve_edit(
    targets: Tensor, guides: Tensor, preserved: Tensor, erase: float, preserve: float, closeness: float
) -> Tensor:
    """The matrix M [d, d] with which W = W_o M minimises, for every W_o [o, d] at once,

        erase |W c - W_o g|^2 + preserve |W p - W_o p|^2 + closeness |W - W_o|^2, summed over the rows.

    Args:
        targets: c, embeddings of what is to be forgotten, [m, d], float64.
        guides: g, of what they are to read like, [m, d].
        preserved: p, of what is kept, [n, d].
        erase, preserve, closeness: the weights; closeness above 0, so that there is one solution.
    """
    fixed = preserve * preserved.T @ preserved + closeness * torch.eye(targets.shape[1], dtype=targets.dtype)
    edit: Tensor = torch.linalg.solve(
        erase * targets.T @ targets + fixed, erase * guides.T @ targets + fixed, left=False
    )
    return edit


@torch.no_grad()
def apply(run: Run[TextToImage], edit: Tensor) -> float:
    """Multiply every key and value matrix by the edit, in place; returns |change| / |before| over all of them."""
    changed = before = 0.0
    for name, weight in trainable_parameters(run.model, "cross-attention keys and values").items():
        if name.endswith(".weight"):
            old = weight.double().cpu()
            new = old @ edit
            weight.copy_(new)
            changed += float((new - old).square().sum())
            before += float(old.square().sum())
    return float((changed / before) ** 0.5)
