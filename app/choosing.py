"""From the widgets of the page Forget to a job, and to the sentences around it. No interface code.

`Values` are the widgets' values by name, as the page collects them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel

from app import forms, theme
from app.live import LIVE
from app.selection import Choice, joined, named
from backends.api import catalog, own, submit, targets, tuned
from backends.api.catalog import Family, Method
from backends.api.errors import BadInput
from backends.api.estimate import Past, estimate, estimates
from backends.api.spec import JobSpec
from backends.api.tuned import Tuned

Values = dict[str, Any]
OWN: Final = "own"  # value of the card "your own model"
TILES: Final = 40  # more classes than this are chosen from a list


class Facts(BaseModel):
    """What the page needs to know of the chosen model."""

    id: str
    title: str
    family: Family = "classifier"
    data: str = ""
    classes: list[str]
    confusion: list[list[float]] = []
    train_count: int = 0
    default_forget: list[str] = []
    default_method: str = ""
    tuned: list[Tuned] = []

    @property
    def many(self) -> bool:
        """Whether the classes are too many for tiles."""
        return len(self.classes) > TILES


def facts(values: Values) -> Facts:
    """Of the chosen model.

    Raises:
        BadInput: it is a person's own, and was not opened yet.
    """
    if values["model"] != OWN:
        return embedded(values["model"])
    if not values.get("own"):
        raise BadInput("Open your own model first: give its folder or Hub id and a folder of images, and press Open.")
    return Facts.model_validate(values["own"])


def embedded(model_id: str) -> Facts:
    """Of an embedded model, from the catalog.

    Raises:
        BadInput: there is none of that id.
    """
    entry = catalog.load().get("models", model_id)
    card = entry.card
    return Facts(
        id=entry.id,
        title=entry.title,
        family=entry.family,
        classes=card.get("classes", []),
        confusion=card.get("confusion", []),
        train_count=card.get("train_count", 0),
        default_forget=entry.default_forget,
        default_method=entry.default_method,
        tuned=entry.tuned,
    )


def open_own(model: str, data: str) -> Facts:
    """Of a person's own model, asked of the live process, which opens it.

    Raises:
        LetheError: it cannot be opened as given; the sentence says why.
    """
    model, data = model.strip(), data.strip()
    if not model:
        raise BadInput("Name your model: a folder on this machine, or a Hub id like owner/name.")
    own.check_data(data, model)
    said = LIVE.ask("describe", model=model, data=data)
    return Facts(
        id=model,
        title=model.rstrip("/").rsplit("/", 1)[-1],
        data=data,
        classes=said["classes"],
        confusion=said.get("confusion") or [],
        train_count=said["train_count"],
        default_forget=said["classes"][:1],
        default_method=methods("classifier")[0].id,
    )


def methods(family: Family, first: str = "") -> list[Method]:
    """The methods that work with a family, the recommended one first."""
    fit = [entry for entry in catalog.load().methods if entry.works_with.get(family) is True]
    return sorted(fit, key=lambda entry: (entry.id != first, entry.order, entry.id))


def choice(values: Values) -> Choice:
    """What to forget, of the widgets."""
    many = values.get("many") or []
    return Choice(
        kind=values["kind"],
        classes=(values.get("classes") or []) or many,
        share=values["share"] or 0,
        draw=int(values["draw"] or 0),
        images=values["picked"] or [],
        like=values["like"],
        like_count=int(values["like_count"] or 0),
        listed=values["listed"] or "",
        found=values["found"] or "",
        written=values["written"] or "",
    )


def keep_targets(values: Values) -> tuple[str, ...]:
    """The keep list; empty where everything else is kept.

    Raises:
        BadInput: a list is wanted but holds nothing.
    """
    if values["keep_mode"] == "all":
        return ()
    chosen = (
        tuple(values.get("keep") or []) + tuple(values.get("keep_many") or []) + tuple(values.get("keep_extra") or ())
    )
    if not chosen:
        raise BadInput("Choose at least one class to keep, or keep everything else.")
    return chosen


def params(values: Values) -> dict[str, Any]:
    """Checked parameters of the chosen method.

    Raises:
        BadInput: one is out of range.
    """
    method: Method = catalog.load().get("methods", values["method"] or "")
    given = [values[f"{method.id}.{name}"] for name in forms.properties(method.params)]
    return forms.from_widgets(method.title, method.params, given)


def spec(values: Values) -> JobSpec:
    """The job that the widgets describe, checked.

    Raises:
        BadInput: it cannot be done; one sentence.
    """
    known = facts(values)
    asked = submit.read(
        model=known.id,
        method=values["method"] or "",
        params=params(values),
        forget=choice(values).targets(),
        keep=keep_targets(values),
        seed=values["seed"] if values["seed"] is not None else 0,
        data=known.data,
    )
    return submit.check(asked, card=card(known))


def card(known: Facts) -> dict[str, Any] | None:
    """What the check needs to know of an own model; embedded ones bring theirs."""
    return {"classes": known.classes, "train_count": known.train_count} if known.data else None


@lru_cache(maxsize=256)
def counts(model: str, forget: tuple[str, ...], keep: tuple[str, ...], data: str) -> tuple[int, int]:
    """How many images are to be forgotten, and how many may be rehearsed.

    Raises:
        LetheError: the targets cannot be resolved.
    """
    said = LIVE.ask("resolve", model=model, forget=list(forget), keep=list(keep), data=data)
    return int(said["forget"]), int(said["keep"])


def counted(forget: int, keep: int) -> str:
    """ "2,000 images to forget, 18,000 to keep"."""
    return f"{forget:,} {'image' if forget == 1 else 'images'} to forget, {keep:,} to keep"


def kept_words(keep: Sequence[str]) -> str:
    """What is kept, in words."""
    return named(keep) if keep else "everything else"


def needs(model: str, method: str, given: dict[str, Any], known: dict[str, list[Past]] | None = None) -> str:
    """Time and memory as words: "about 24 s and 610 MB, as measured here"; says so where nothing was measured."""
    found = estimate(model, method, given, known or estimates(model))
    if found is None:
        return "time and memory not measured yet"
    memory = f" and {theme.megabytes(found.memory)}" if found.memory else ""
    where = "measured on this machine" if found.here else "measured on 2 processor cores"
    return f"about {theme.seconds(max(1, round(found.seconds)))}{memory}, {where}"


def recommended(known: Facts, method: Method, forget: Sequence[str]) -> dict[str, Any]:
    """The method's settings for this model and these targets."""
    return tuned.settings(method.id, method.params, known.tuned, [targets.parse(text) for text in forget])


def retuned(known: Facts, forget: Sequence[str], values: Values) -> Values:
    """Settings to show once the model or the kind of target has changed, by name: those that nobody changed by hand.

    A widget that holds what is recommended for some model counts as not changed.
    """
    shown: Values = {}
    for name, seen in _tuned_anywhere().items():
        method_id, _, setting = name.partition(".")
        if values.get(name, seen[0]) in seen:
            shown[name] = recommended(known, catalog.load().get("methods", method_id), forget).get(setting)
    return shown


def _tuned_anywhere() -> dict[str, list[Any]]:
    """Each setting that some model has its own value for, as method.name: the default, and every such value."""
    known = catalog.load()
    found: dict[str, list[Any]] = {}
    for model in known.models:
        for entry in model.tuned:
            defaults = forms.defaults(known.get("methods", entry.method).params)
            for name, value in entry.params.items():
                found.setdefault(f"{entry.method}.{name}", [defaults.get(name)]).append(value)
    return found


def tuned_names() -> list[str]:
    """The settings that `retuned` may give."""
    return list(_tuned_anywhere())


def changed_params(known: Facts, method: Method, forget: Sequence[str], given: dict[str, Any]) -> str:
    """The parameters that differ from what is recommended, as words; empty where none does."""
    best = recommended(known, method, forget)
    return joined([f"{forms.label(name)} {value}" for name, value in given.items() if value != best.get(name)])
