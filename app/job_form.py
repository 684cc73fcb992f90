"""The job that the widgets of the page Forget describe, and the sentences around it. No interface code.

`Values` are the widgets' values by name, as the page collects them.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, Field

from app import families, forms, theme
from app.inference import LIVE
from app.target_choice import Choice, author_choice, concept_choice, joined, listed, owned, targets_in_words
from backends.api import catalog, concepts, own, pairs, people, submit, targets
from backends.api import tuned_params as tuned
from backends.api.catalog import Method
from backends.api.concepts import Concept
from backends.api.errors import BadInput
from backends.api.estimate import Past, estimate, estimates
from backends.api.home import shared
from backends.api.pairs import Own
from backends.api.people import Book, Person
from backends.api.spec import JobSpec
from backends.api.tuned_params import Tuned

Values = dict[str, Any]
INSTEAD: Final = "say instead"  # role of a setting
SPOKEN: Final = ("authors", "author_set", "pairs", "passage", "topic")  # kinds of target of a language model
OWN: Final = "own"  # value of the card "your own model"
TILES: Final = 40  # more classes than this are chosen from a list


class Counted(NamedTuple):
    """Sizes of the forget set and the retain set: images; for a text-to-image model prompts, each with its anchor; for a
    language model questions, with their answers."""

    forget: int
    keep: int
    prompts: tuple[tuple[str, str], ...] = ()
    questions: tuple[tuple[str, str], ...] = ()
    passages: int = 0

    @property
    def unit(self) -> str:
        """The noun of one sample."""
        if self.questions:
            return "passage" if self.passages == self.forget else "question"
        return "prompt" if self.prompts else "image"


class Facts(BaseModel):
    """Facts of the chosen model that the page needs. `data` is what a job names beside a person's own (`own`) model."""

    id: str
    title: str
    family: str = Field(default_factory=lambda: next(iter(families.every())))
    own: bool = False
    data: str = ""
    classes: list[str] = []
    confusion: list[list[float]] = []
    train_count: int = 0
    default_forget: list[str] = []
    default_method: str = ""
    tuned: list[Tuned] = []
    domains: dict[str, list[str]] = {}
    near: dict[str, list[str]] = {}
    drawings: str = ""
    judge: str = ""
    book: Book = Book()
    parameters: int = 0
    notes: list[str] = []

    @property
    def classifies(self) -> bool:
        """Whether it is an image classifier."""
        return families.has(self.family, "classes")

    @property
    def speaks(self) -> bool:
        """Whether it is a language model."""
        return families.has(self.family, "answers")

    @property
    def draws(self) -> bool:
        """Whether it is a text-to-image model."""
        return families.has(self.family, "pictures")

    @property
    def free(self) -> bool:
        """Whether it is a text-to-image model without a list of concepts: any phrase may be a target."""
        return self.draws and not self.domains

    @property
    def noun(self) -> str:
        """The noun of its samples: "images", "prompts", "questions"."""
        return families.get(self.family).noun

    def read(self, text: str) -> targets.Target | Concept | Person | Own:
        """A target taken apart, by the grammar of the model's family; of a file, what it holds.

        Raises:
            BadInput: the text follows none of its forms, or names what the model never learned.
        """
        if self.speaks:
            return people.target(pairs.expand(text), self.book)
        if self.draws:
            return concepts.read(text, {"domains": self.domains}, self.id)
        return targets.parse(targets.expand(text))

    @property
    def many(self) -> bool:
        """Whether the classes are too many for tiles."""
        return len(self.classes) > TILES


def facts(values: Values) -> Facts:
    """The facts of the chosen model.

    Raises:
        BadInput: it is a person's own, and was not opened yet.
    """
    if values["model"] != OWN:
        return embedded(values["model"])
    if not values.get("own"):
        raise BadInput("Open your own model first: give its folder or Hub id, and press Open.")
    return Facts.model_validate(values["own"])


def embedded(model_id: str) -> Facts:
    """The facts of an embedded model, from the catalog.

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
        domains=card.get("domains", {}),
        near=card.get("near", {}),
        drawings=entry.data if families.has(entry.family, "pictures") else "",
        judge=card.get("judge", ""),
        book=people.load(entry.data) if families.has(entry.family, "answers") else Book(),
    )


def open_own(model: str, data: str) -> Facts:
    """The facts of a person's own model, asked of the live process, which opens it.

    Raises:
        LetheError: it cannot be opened as given; the sentence says why.
    """
    model, data = own.absolute(model.strip()), own.absolute(data.strip())
    if not model:
        raise BadInput("Name your model: a folder on this machine, or a Hub id like owner/name.")
    if shared():
        raise BadInput("This studio is shared, so it opens no models but its own; choose one of them.")
    folder = own.local_folder(model)
    if folder is not None:
        own_family = own.family_of(own.check_folder(folder, model), model)
        families.get(own_family).check_data(data, model)
    description = LIVE.ask("describe", model=model, data=data)
    family: str = description["family"]
    classes = description.get("classes", [])
    fit = methods(family)
    return Facts(
        id=model,
        title=model.rstrip("/").rsplit("/", 1)[-1],
        family=family,
        own=True,
        data=data,
        classes=classes,
        confusion=description.get("confusion") or [],
        train_count=description.get("train_count", 0),
        default_forget=classes[:1],
        default_method=fit[0].id if fit else "",
        domains=description.get("domains", {}),
        judge=description.get("judge", ""),
        parameters=description.get("parameters", 0),
        notes=description.get("notes", []),
    )


def opened(model_info: Facts) -> str:
    """The sentence about a person's own model once it is open."""
    if model_info.speaks:
        size = f" of {model_info.parameters / 10**6:,.0f} million weights" if model_info.parameters >= 10**6 else ""
        kind = families.get(model_info.family).subject.lower()
        return " ".join((f"Opened: {kind}{size}. Give it questions, a text or a topic to forget.", *model_info.notes))
    if not model_info.draws:
        return " ".join(
            (
                f"Opened: {len(model_info.classes)} classes, {model_info.train_count:,} training images.",
                *model_info.notes,
            )
        )
    domain_text = (
        f" that knows {sum(map(len, model_info.domains.values()))} things by name" if model_info.domains else ""
    )
    judge = (
        f"{model_info.judge} looks at its pictures."
        if model_info.judge
        else "Nobody judges its pictures, so how sure one can be of them is not measured; name a CLIP model for that."
    )
    return " ".join((f"Opened: a model that draws{domain_text}. {judge}", *model_info.notes))


def at_defaults(model_info: Facts, kind: str = "classes") -> Values:
    """The widgets' default targets of a model that has just been chosen; `kind` stays where it fits the model."""
    if model_info.draws:
        return {"kind": "concepts"} | of_concepts(
            concept_choice(model_info.default_forget, model_info.model_dump(), model_info.id)
        )
    if model_info.speaks:
        return of_authors(author_choice(model_info.default_forget, model_info.book))
    fits = kind not in ("concepts", *SPOKEN)
    return {"kind": kind if fits else "classes", "classes": model_info.default_forget}


def of_authors(chosen: Choice) -> Values:
    """The widgets of a choice of what a language model is to forget."""
    names = ("kind", "authors", "author_set", "lines", "title", "known", "passage", "topic", "written")
    return {name: getattr(chosen, name) for name in names}


def of_concepts(chosen: Choice) -> Values:
    """The widgets of a choice of concepts."""
    return {name: getattr(chosen, name) for name in ("objects", "styles", "phrases", "anchor")}


def anchors(model_info: Facts, values: Values) -> list[tuple[str, str]]:
    """The anchors for the chosen objects and styles: names of their kinds that are not chosen themselves."""
    names = {"object": values.get("objects") or [], "style": values.get("styles") or []}
    left = [
        name if kind == "object" else f"{name} style"
        for kind, chosen in names.items()
        if chosen
        for name in model_info.domains.get(kind, [])
        if name not in chosen
    ]
    return [("Chosen by Lethe: its nearest neighbour", ""), *((name, name) for name in left)]


def methods(family: str, first: str = "") -> list[Method]:
    """The methods that work with a family, the recommended one first."""
    fit = [entry for entry in catalog.load().methods if entry.works_with.get(family) is True]
    return sorted(fit, key=lambda entry: (entry.id != first, entry.order, entry.id))


def choice(values: Values) -> Choice:
    """The targets to forget, from the widgets."""
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
        objects=values.get("objects") or [],
        styles=values.get("styles") or [],
        phrases=values.get("phrases") or "",
        anchor=values.get("anchor") or "",
        authors=values.get("authors") or [],
        author_set=values.get("author_set") or "",
        lines=values.get("lines") or "",
        title=values.get("title") or "",
        known=values.get("known") or [],
        passage=values.get("passage") or "",
        topic=values.get("topic") or "",
    )


def keep_targets(values: Values) -> tuple[str, ...]:
    """The keep list; empty where everything else is kept.

    Raises:
        BadInput: a list is wanted but holds nothing.
    """
    if values["keep_mode"] == "own":
        own_targets = owned(
            values.get("keep_lines") or "", values.get("keep_known") or [], values.get("keep_title") or ""
        )
        if not own_targets:
            raise BadInput("Write at least one question to keep with its answer, or keep everything else.")
        return own_targets
    is_concepts, is_language = values["kind"] == "concepts", values["kind"] in SPOKEN
    if is_concepts and facts(values).free:
        return listed(values.get("keep_phrases") or "")
    if values["keep_mode"] == "all":
        return ()
    extra = tuple(values.get("keep_extra") or ())
    if is_concepts:
        styles = tuple(f"{name} style" for name in values.get("keep_styles") or [])
        chosen = (*(values.get("keep_objects") or []), *styles, *extra)
    elif is_language:
        chosen = (*(values.get("keep_authors") or ()), *extra)
    else:
        chosen = (*(values.get("keep") or []), *(values.get("keep_many") or []), *extra)
    if not chosen:
        what = "object or style" if is_concepts else "author or set" if is_language else "class"
        raise BadInput(f"Choose at least one {what} to keep, or keep everything else.")
    return chosen


def params(values: Values) -> dict[str, Any]:
    """Checked parameters of the chosen method.

    Raises:
        BadInput: one is out of range.
    """
    method: Method = catalog.load().get("methods", values["method"] or "")
    raw_values = [values[f"{method.id}.{name}"] for name in forms.properties(method.params)]
    return forms.from_widgets(method.title, method.params, raw_values)


def spec(values: Values) -> JobSpec:
    """The job that the widgets describe, checked.

    Raises:
        BadInput: it cannot be done; one sentence.
    """
    model_info = facts(values)
    job_spec = submit.read(
        model=model_info.id,
        method=values["method"] or "",
        params=params(values),
        forget=choice(values).targets(),
        keep=keep_targets(values),
        seed=values["seed"] if values["seed"] is not None else 0,
        data=model_info.data,
    )
    return submit.check(job_spec, card=card(model_info))


def instead_name(method: Method) -> str:
    """The widget of the answer that a method is to give instead; empty where it has no such setting."""
    return next((f"{method.id}.{name}" for name in forms.of_role(method.params, INSTEAD)), "")


def instead(values: Values) -> str:
    """The answer that the chosen method is to give instead; empty where none is set."""
    if not values.get("method"):
        return ""
    return " ".join(str(values.get(instead_name(catalog.load().get("methods", values["method"]))) or "").split())


def card(model_info: Facts) -> dict[str, Any] | None:
    """The model card of an own model, for the check; embedded ones bring theirs."""
    if not model_info.own:
        return None
    return (
        {"domains": model_info.domains}
        if model_info.draws
        else {"classes": model_info.classes, "train_count": model_info.train_count}
    )


@lru_cache(maxsize=256)
def counts(model: str, forget: tuple[str, ...], keep: tuple[str, ...], data: str) -> Counted:
    """Sizes of the forget set and the retain set.

    Raises:
        LetheError: the targets cannot be resolved.
    """
    resolved = LIVE.ask("resolve", model=model, forget=list(forget), keep=list(keep), data=data)
    prompts = tuple((str(prompt), str(anchor)) for prompt, anchor in resolved.get("prompts", []))
    questions = tuple((str(question), str(answer)) for question, answer in resolved.get("questions", []))
    return Counted(int(resolved["forget"]), int(resolved["keep"]), prompts, questions, int(resolved.get("passages", 0)))


def counts_text(counts: Counted) -> str:
    """ "2,000 images to forget, 18,000 to keep", "9 prompts to forget, 217 to keep"."""
    return f"{counts.forget:,} {counts.unit}{'' if counts.forget == 1 else 's'} to forget, {counts.keep:,} to keep"


def kept_words(keep: Sequence[str], model_info: Facts | None = None) -> str:
    """The retain set in words."""
    if keep:
        return targets_in_words(keep)
    if model_info and model_info.speaks and not (model_info.book.names or model_info.book.topics):
        return "real books and facts of the world"
    return "everyday things" if model_info and model_info.free else "everything else"


def needs(
    model: str,
    method: str,
    settings: dict[str, Any],
    past_jobs: dict[str, list[Past]] | None = None,
    question_count: int | None = None,
) -> str:
    """Time and memory as words: "about 24 s and 610 MB, as measured here"; says so where nothing was measured.
    `question_count`: size of the forget set of a language model."""
    estimated = estimate(model, method, settings, past_jobs or estimates(model), question_count)
    if estimated is None:
        return "time and memory not measured yet"
    memory = f" and {theme.megabytes(estimated.memory)}" if estimated.memory else ""
    where = "measured on this machine" if estimated.here else f"measured on {estimated.where}"
    return f"about {theme.seconds(max(1, round(estimated.seconds)))}{memory}, {where}"


def recommended(model_info: Facts, method: Method, forget: Sequence[str]) -> dict[str, Any]:
    """The method's settings for this model and these targets."""
    return tuned.settings(method.id, method.params, model_info.tuned, map(model_info.read, forget))


def retuned(model_info: Facts, forget: Sequence[str], values: Values) -> Values:
    """Settings to show once the model or the kind of target has changed, by name: those that nobody changed by hand.

    A widget that holds what is recommended for some model counts as not changed.
    """
    updates: Values = {}
    for name, tuned_values in _tuned_values().items():
        method_id, _, setting = name.partition(".")
        if values.get(name, tuned_values[0]) in tuned_values:
            updates[name] = recommended(model_info, catalog.load().get("methods", method_id), forget).get(setting)
    return updates


def _tuned_values() -> dict[str, list[Any]]:
    """Each setting that some model has its own value for, as method.name: the default, and every such value."""
    entries = catalog.load()
    values_by_setting: dict[str, list[Any]] = {}
    for model in entries.models:
        for entry in model.tuned:
            defaults = forms.defaults(entries.get("methods", entry.method).params)
            for name, value in entry.params.items():
                values_by_setting.setdefault(f"{entry.method}.{name}", [defaults.get(name)]).append(value)
    return values_by_setting


def tuned_names() -> list[str]:
    """The settings that `retuned` may give."""
    return list(_tuned_values())


def changed_params(model_info: Facts, method: Method, forget: Sequence[str], settings: dict[str, Any]) -> str:
    """The parameters that differ from what is recommended, as words; empty where none does."""
    best = recommended(model_info, method, forget)
    return joined([f"{forms.label(name)} {value}" for name, value in settings.items() if value != best.get(name)])
