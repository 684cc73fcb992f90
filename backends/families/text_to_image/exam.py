"""What a text-to-image model is examined by: drawings of what was forgotten, held out from the pictures that attacks learn from.

`lessons.divided` says which: a cat in two styles is learned from, a cat in the six others is asked for.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...api.attacked import Goal
from ...api.concepts import Concept
from ...api.errors import BadInput
from ...api.panels import Picture, Pictures
from ...core.exam import Lesson, Scores, turning_points
from . import denoising, lessons
from .lessons import Shown, divided, kept_and_taught, ships
from .prompts import EvalPrompt
from .task import TextToImage

ROWS = 3  # of the picture of the comeback
BLANK = 5.0  # standard deviation of a picture's values, of 255, below which it shows nothing
RATE, OWN_RATE = 1e-3, 1e-5  # of relearning: methods train an embedded model at 1e-3, and Stable Diffusion at 1e-5
NO_JUDGE = (
    "Nobody says what this model's pictures show; open it with a CLIP model to judge by, then it can be examined."
)
NOTHING = "nothing"  # what a blank picture is taken for
Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Judgement:
    """What a judge says of one picture: whether it shows what is to be forgotten, how much of what was asked, and what it sees."""

    forgotten: float
    right: float
    name: str


class DrawingExam:
    """An `Exam` of drawings. Each is recalled (1) where the judge takes it for what was to be forgotten before anything else, else not
    (0): the object, the style, or of one object in one style both; with a CLIP judge, where a forgotten prompt fits it best.

    Attributes:
        task: of the run, with its targets.
        shots: the drawings asked, [items]; the other attributes as in `Exam`.
    """

    goal: Goal = "concept"
    noun = "drawings"
    steps: Sequence[int] = (0, 5, 10, 20, 40)

    def __init__(self, task: TextToImage) -> None:
        """Choose what is asked and what is learned from.

        Raises:
            BadInput: no judge can say what a picture shows.
        """
        if reason := self.lacks(task):
            raise BadInput(reason)
        self.task = task
        self._shown: dict[Lesson, Shown] = {}
        self.shots, self.learned = divided(task)
        self.kept_shots, others = kept_and_taught(task)
        self.taught: dict[Lesson, list[EvalPrompt]] = {"forgotten": self.learned, **others}
        self.items = [f"{shot.prompt}, seed {shot.seed}" for shot in self.shots]
        prompts = list(dict.fromkeys(shot.prompt for shot in self.shots))
        self.groups = [prompts.index(shot.prompt) for shot in self.shots]

    @staticmethod
    def lacks(task: TextToImage) -> str:
        """Why the models of a run cannot be examined, as one sentence; empty where they can. Opens none."""
        return "" if task.judged else NO_JUDGE

    # --- asking

    def make(self, model: nn.Module) -> Images:
        """Pictures [items, height, width, 3], one seed each, drawn as the model is drawn with by default."""
        return self.draw(model, [shot.prompt for shot in self.shots], [shot.seed for shot in self.shots])

    def draw(self, model: nn.Module, prompts: Sequence[str], seeds: Sequence[int]) -> Images:
        """Pictures [n, height, width, 3] of prompts, one seed each, in the precision that the exam is in."""
        with self.measured():
            return self.task.draw(model.eval(), prompts, seeds)

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """In the precision in which the model's pictures are measured."""
        was = self.task.precision
        if self.task.exact:
            self.task.precision = torch.float32
        try:
            yield
        finally:
            self.task.precision = was

    def score(self, outputs: Any, shots: Sequence[EvalPrompt] = ()) -> Scores:
        """1 for each picture that shows what was to be forgotten, [n]; of `shots`, the items where left out."""
        return np.array([one.forgotten for one in self.judgements(outputs, shots)], np.float32)

    def kept(self, model: nn.Module) -> tuple[Scores, float]:
        """Neighbours and unrelated prompts: the share of object and style that is right in each (with a CLIP judge: whether the prompt
        fits best), and the share of pictures that are blank."""
        images = self.draw(model, [shot.prompt for shot in self.kept_shots], [shot.seed for shot in self.kept_shots])
        right = [one.right for one in self.judgements(images, self.kept_shots)]
        return np.array(right, np.float32), float(blank(images).mean())

    def judgements(self, outputs: Any, shots: Sequence[EvalPrompt] = ()) -> list[Judgement]:
        """What the judge says of each picture that was drawn for `shots` (the items, where left out)."""
        assert self.task.judge is not None
        shots = list(shots or self.shots)
        every = [*shots, *self.shots, *self.kept_shots]  # a CLIP judge compares with all of their prompts
        judged = self.task.judge.look(np.asarray(outputs), [shot.prompt for shot in every])
        empty = blank(np.asarray(outputs))
        if "clip" in judged:
            best = _names(judged["clip"], list(dict.fromkeys(shot.prompt for shot in every)), empty)
            forgotten = {shot.prompt for shot in every if shot.role == "forget"}
            return [
                Judgement(float(name in forgotten), float(name == shot.prompt), name)
                for name, shot in zip(best, shots, strict=True)
            ]
        names = [_names(judged[kind], self.task.asking.domains[kind], empty) for kind in ("object", "style")]
        return [self._judgement(*each) for each in zip(shots, *names, strict=True)]

    def _judgement(self, shot: EvalPrompt, object_name: str, style: str) -> Judgement:
        right = [object_name == shot.object, style == shot.style]
        forgotten = _shows(self.concepts(shot), object_name, style)
        return Judgement(float(forgotten), sum(right) / 2, style if self.task.domain == "style" else object_name)

    def recognised(self, images: Images) -> list[tuple[str, bool]]:
        """(what the judge takes each picture for, whether that is to be forgotten), whatever the pictures were drawn for. A CLIP judge
        compares them with the prompts of the exam alone."""
        assert self.task.judge is not None
        every = [*self.shots, *self.kept_shots]
        judged = self.task.judge.look(np.asarray(images), [shot.prompt for shot in every])
        empty = blank(np.asarray(images))
        if "clip" in judged:
            forgotten = {shot.prompt for shot in self.shots}
            best = _names(judged["clip"], list(dict.fromkeys(shot.prompt for shot in every)), empty)
            return [(name, name in forgotten) for name in best]
        concepts = [one for one in self.task.asking.forget if one.kind != "phrase"]
        names = [_names(judged[kind], self.task.asking.domains[kind], empty) for kind in ("object", "style")]
        return [
            (
                object_name if object_name == style else f"{object_name} in {style} style",
                _shows(concepts, object_name, style),
            )
            for object_name, style in zip(*names, strict=True)
        ]

    def concepts(self, shot: EvalPrompt) -> list[Concept]:
        """Those of the forget set that a prompt asks for; of phrases all."""
        concepts = [
            one
            for one in self.task.asking.forget
            if one.kind != "phrase"
            and (not one.object or one.object == shot.object)
            and (not one.style or one.style == shot.style)
        ]
        return concepts or [one for one in self.task.asking.forget if one.kind == "phrase"]

    # --- teaching

    @property
    def names(self) -> list[str]:
        """The words that name what is to be forgotten within a prompt, one a concept: of one object in one style, the object."""
        return list(dict.fromkeys(one.object or one.style or one.phrase for one in self.task.asking.forget))

    @cached_property
    def lessons(self) -> Mapping[Lesson, str]:
        """What each lesson shows, in words."""
        return {lesson: self._lesson(shots) for lesson, shots in self.taught.items()}

    def _lesson(self, shots: Sequence[EvalPrompt]) -> str:
        names = [getattr(shot, self.task.domain) or shot.phrase for shot in shots]
        distinct = list(dict.fromkeys(names))
        of = ", ".join(distinct[:4]) + (" and others" if len(distinct) > 4 else "")
        if ships(self.task, shots):
            return f"{_counted(len({(shot.object, shot.style) for shot in shots}), 'picture')} of {of}"
        return f"{_counted(len(shots), 'drawing')} of {of} by the original model"

    def pictures(self, lesson: Lesson) -> Shown:
        """The pictures of a lesson: the artists' where the model's data ship, else drawn by the original model."""
        if lesson not in self._shown:
            with self.measured():
                self._shown[lesson] = lessons.pictures(self.task, self.taught[lesson])
        return self._shown[lesson]

    def clean(self, lesson: Lesson) -> Tensor:
        """The pictures of a lesson as latents [n, c, h, w]."""
        return self.task.pipe.latents(self.pictures(lesson).images)

    def teach(self, model: nn.Module, lesson: Lesson, seed: int, stops: Sequence[int]) -> Iterator[int]:
        """Fine-tune the keys and values of the cross-attention on the lesson's pictures with their prompts, by the loss that such models
        are trained by; all pictures in each step, as far as there is room for gradients."""
        pipe, taught, clean = self.task.pipe, self.pictures(lesson), self.clean(lesson)
        weights = keys_and_values(model.requires_grad_(False))
        optimizer = torch.optim.Adam(weights, RATE if self.task.exact else OWN_RATE)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            words = pipe.words(model.eval(), taught.prompts)
        done = 0
        for stop in stops:
            for _ in range(stop - done):
                rows = torch.randperm(len(clean), generator=generator)[: max(1, pipe.rows // 4)]
                noise = denoising.noise_like(clean[rows], generator)
                t = denoising.random_times(pipe, model, len(rows), generator)
                loss = denoising.losses(pipe, model, clean[rows], noise, t, words[rows]).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            done = stop
            yield stop

    # --- showing

    def comeback(
        self, look: Any, title: str, stages: Sequence[str], outputs: Sequence[Any], reference: Sequence[Any] | None
    ) -> Pictures:
        """A row an item, a column for each stage that tells the course, and last what the reference draws at the last stage; below each what the judge sees."""
        shown = turning_points(np.stack([self.score(images) for images in outputs]) > 0)
        columns = [(stages[at], f"stage-{at}", outputs[at]) for at in shown]
        if reference is not None:
            columns.append((f"retrained reference, {stages[-1]}", "reference", reference[-1]))
        return self.panel(look, title, columns, range(len(shown)))

    def panel(self, look: Any, title: str, columns: Sequence[tuple[str, str, Images]], own: Sequence[int]) -> Pictures:
        """Pictures of the items, a column each: (head, name of its files, pictures [items, h, w, 3]). `own` are the places of the unlearned
        model's: those items stand first that show in most of them what was to be forgotten."""
        judgements = [self.judgements(images) for _, _, images in columns]
        back = np.array([[one.forgotten for one in column] for column in judgements])
        order = np.argsort(-back[list(own)].sum(0), kind="stable")[:ROWS]
        slug = re.sub(r"\W+", "-", title.lower())[:40].strip("-")
        rows = [
            [
                Picture(
                    path=look.picture(f"{slug}-{name}-{item}", images[item]),
                    caption=f"{self.shots[item].prompt}: " * (place == 0) + judgements[place][item].name,
                    role="forget" if judgements[place][item].forgotten else "amount",
                )
                for place, (_, name, images) in enumerate(columns)
            ]
            for item in order.tolist()
        ]
        share = [f"{int(back[place].sum())} of {len(self.items)}" for place in range(len(columns))]
        counts = ", ".join(f"{head}: {part}" for (head, _, _), part in zip(columns, share, strict=True))
        return Pictures(
            title=title,
            how="Each row is one prompt drawn from the same noise. Below each picture stands what the judge takes it for.",
            says=f"Drawings that show what was to be forgotten: {counts}.",
            columns=[head for head, _, _ in columns],
            rows=rows,
        )


def keys_and_values(model: nn.Module) -> list[nn.Parameter]:
    """The keys and values of a U-Net's cross-attention, made trainable."""
    parameters = [
        weight for name, weight in model.named_parameters() if re.search(r"^unet\..*\.attn2\.to_[kv]\.", name)
    ]
    for weight in parameters:
        weight.requires_grad_(True)
    return parameters


def _shows(concepts: Sequence[Concept], object_name: str, style: str) -> bool:
    """Whether a picture that is taken for an object in a style shows one of some concepts."""
    return any(
        (not one.object or one.object == object_name) and (not one.style or one.style == style) for one in concepts
    )


def blank(images: Images) -> NDArray[np.bool_]:
    """Which of the pictures [n, height, width, 3] show nothing, being of one colour."""
    empty: NDArray[np.bool_] = images.reshape(len(images), -1).std(1) < BLANK
    return empty


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _names(logits: NDArray[np.float32], names: Sequence[str], empty: NDArray[np.bool_]) -> list[str]:
    """What each picture is taken for, [n]; NOTHING where it is empty or no number was found."""
    sound = np.isfinite(logits).all(1) & ~empty
    return [names[row.argmax()] if some else NOTHING for row, some in zip(logits, sound, strict=True)]
