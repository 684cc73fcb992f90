"""The view of a family of models on a page: how its outputs are shown, its runs laid side by side, its models asked.

One file a family, whose `VIEW` is a `View`. Everything shared asks the view; what a family leaves out is shown without it.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from cachetools import LRUCache, cached
from markupsafe import Markup

from app import markup
from app.figures.watching import Watching
from app.inference import LIVE
from backends.api.catalog import Model
from backends.api.errors import BadInput, LetheError
from backends.api.families import every, get, has, of_model, of_run
from backends.api.languages import later, tr
from backends.api.model_info import ModelInfo
from backends.api.panels import Role
from backends.api.runs import RunFolder

if TYPE_CHECKING:
    from app.scenes import Scene

__all__ = ["Ask", "View", "every", "get", "has", "of_model", "of_run", "view", "view_of"]

PICTURES = 8  # that can be asked for at once
REMEMBERED: Final = 64  # answers about watched items


@dataclass(frozen=True)
class Ask:
    """A person's question or prompt, as the widgets hold it; `run` is a finished run or an embedded model, and only a family that takes
    numbers heeds them. Of a family that is asked by pictures the prompt is an item of the data or a picture as a data address."""

    run: str | None
    prompt: str | None
    count: float | None
    seed: float | None
    steps: float | None
    guidance: float | None
    size: float | None


class View:
    """The view of one family: how a page shows its models.

    Attributes:
        id: of the family.
        grids: whether `outputs` shows what the models make of the prompts that a run was judged by.
        promptable: whether its models can be asked anything a person writes.
        pictured: whether its models are asked by a picture that a person chooses, draws or uploads.
        taken_as: the parameter of an inspector that takes what was asked, which "why?" fills in.
        numbered: whether asking takes seeds, steps, guidance and size.
        does: what its models do with what they are given, where nothing a person writes can be asked of them.
        unlike: what is said in the place of its outputs beside a run of another family.
        watched: what a job is watched by: "images".
        watching: the words around these, where those of images, drawings or answers do not fit.
        returns: id of the metric that says how much is right again once it is asked for in another way; empty where there is none.
        measured_by: what the number beside an answer on the board is.
        on_home: what changed in a picture played on Home, in a line and spoken, with {prompt}, {what}, {was} and {now}.
        closer: the name of `outputs`, folded below the board.
    """

    id: ClassVar[str] = ""
    grids: ClassVar[bool] = False
    promptable: ClassVar[bool] = False
    pictured: ClassVar[bool] = False
    taken_as: ClassVar[str] = "prompt"
    numbered: ClassVar[bool] = False
    does: ClassVar[str] = later("takes no prompts")
    unlike: ClassVar[str] = later("The model of this run takes no prompts, so there is nothing here that it made.")
    watched: ClassVar[str] = "images"
    watching: ClassVar[Watching | None] = None
    returns: ClassVar[str] = ""
    measured_by: ClassVar[str] = ""
    on_home: ClassVar[tuple[str, str]] = (
        later("Asked for {prompt}. The judge sees {what} with {was} → {now}."),
        later(
            "Asked for {prompt}, the original model draws a picture that the judge takes for {what} with {was}; the "
            "unlearned model one with {now}."
        ),
    )
    closer: ClassVar[str] = later("Everything that its models were asked")

    @property
    def askable(self) -> bool:
        """Whether a person can ask its models something."""
        return self.promptable or self.pictured

    def asked_by(self, run_or_model: str) -> tuple[bool, bool]:
        """Whether the models of a run, or a model, are asked by what a person writes, and by a picture; a family may have models of both kinds."""
        return self.promptable, self.pictured

    def measures(self, entry: Model) -> str:
        """A few words on an embedded model, for its card: what it learned."""
        return ""

    def card_pictures(self, entry: Model) -> list[str]:
        """Pictures for the card of an embedded model, as data addresses: up to three side by side, or one 132 x 48 pixels wide."""
        return []

    def tile_pictures(self, model: ModelInfo) -> dict[str, list[list[str]]]:
        """Pictures for the tiles by which targets are chosen: group of pictures -> a few of each option, in the order of the options.

        Raises:
            LetheError: they cannot be had.
        """
        return {}

    def scene(self, run: RunFolder) -> "Scene | None":
        """What Home plays of a finished run; None where its samples are to be played."""
        return None

    def outputs(self, run: RunFolder) -> Iterator[tuple[Markup, bool]]:
        """The HTML of the outputs before and after, and whether it is complete: first a note while they are fetched, where that
        takes long."""
        yield Markup(), True

    def reference(self, run: RunFolder, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What the retrained reference makes of a run's watched items, in the form of samples; empty where there is none.

        Raises:
            LetheError: it cannot be asked.
        """
        return watched(run.id) if (run.result or {}).get("reference") else []

    def role_prompts(self, run_id: str) -> list[tuple[Role, str]]:
        """A prompt of each role, of those that a run was judged by.

        Raises:
            LetheError: the run cannot be opened.
        """
        return []

    def prompts(self, run_id: str) -> list[tuple[Role, str]]:
        """Prompts to try with a run.

        Raises:
            LetheError: the run cannot be opened.
        """
        return self.role_prompts(run_id)

    def learned(self, entry: Model) -> list[str]:
        """Prompts that an embedded model knows."""
        return []

    def forms(self, run_or_model: str, prompt: str) -> Markup:
        """The HTML of question forms with a slot to fill, at the form of a prompt; empty where there are none."""
        return Markup()

    def pad(self, run_or_model: str) -> Markup:
        """The HTML of pictures to choose from and a paper to draw on; empty where the models take none.

        Raises:
            LetheError: the pictures cannot be shown.
        """
        return Markup()

    def hint(self, run_or_model: str) -> Markup:
        """The HTML of a hint at what can be expected of an answer, before anybody asks."""
        return Markup()

    def answer(self, ask: Ask) -> Iterator[Markup]:
        """The models' responses to a question or prompt, as HTML, as they grow.

        Raises:
            LetheError: it cannot be asked.
        """
        raise BadInput(self.unlike)


@cached(LRUCache(REMEMBERED), lock=Lock())
def watched(run_id: str, dose: float | None = None) -> list[dict[str, Any]]:
    """What a finished run's model makes of the watched items at a dose of its change, or without one its retrained reference.

    Raises:
        LetheError: it cannot be asked.
    """
    items: list[dict[str, Any]] = LIVE.ask("watched", run=run_id, dose=dose)
    return items


@cache
def _views() -> Mapping[str, View]:
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    each = [importlib.import_module(f"app.families.{name}").VIEW for name in names]
    return MappingProxyType({one.id: one for one in each})


def view(family: str) -> View:
    """The view of a family; a plain one where it has none."""
    return _views().get(family) or View()


def view_of(run: RunFolder) -> View:
    """The view of the family that a run's model is of."""
    return view(of_run(run))


def missing(error: LetheError) -> Markup:
    """The HTML in the place of outputs that cannot be shown."""
    return markup.failed(
        str(error), tr("The numbers are kept and shown below."), tr("Open the page again to ask once more.")
    )


def forget_something(words: str, model: Any) -> Markup:
    """The sentence and link to what to do next where a model came as it is."""
    return markup.text(words) + markup.link(tr("Make it forget"), f"new?model={model}")
