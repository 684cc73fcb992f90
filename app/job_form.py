"""The job that a form describes, and the sentences around it. No interface code.

A `Draft` is a form's state as data: what it holds is checked only where a job is made of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from app import forms, theme
from app.inference import LIVE
from app.target_choice import targets_in_words
from backends.api import catalog, families, model_info, stage_words, submit
from backends.api import tuned_params as tuned
from backends.api.catalog import Method
from backends.api.choosing import Choice, Choosing, joined
from backends.api.errors import BadInput
from backends.api.estimate import Past, estimate, estimates
from backends.api.languages import tr
from backends.api.model_info import ModelInfo
from backends.api.spec import JobSpec
from backends.api.stages import Words

INSTEAD: Final = "say instead"  # role of a setting
OWN: Final = "own"  # value of the card "your own model"


@dataclass(frozen=True)
class Draft:
    """A form's state.

    Attributes:
        model: the chosen one; None where it is a person's own that was not opened yet.
        forget: the kind of target with the values of its fields.
        keep: the way to say what is kept, with the values of its fields.
        method: id of the chosen one; empty where none is.
        edited: settings that a person changed, as "method.setting" -> the widget's value.
        seed: as it was typed.
    """

    model: ModelInfo | None
    forget: Choice
    keep: Choice
    method: str
    edited: Mapping[str, Any] = field(default_factory=dict)
    seed: Any = 0

    @property
    def known_model(self) -> ModelInfo:
        """The chosen model.

        Raises:
            BadInput: it is a person's own, and was not opened yet.
        """
        if self.model is None:
            raise BadInput(tr("Open your own model first: give its folder or Hub id, and press Open."))
        return self.model

    @property
    def choosing(self) -> Choosing:
        """How the targets of its model are chosen; see `known_model` for errors."""
        return choosing(self.known_model)

    def forget_targets(self) -> tuple[str, ...]:
        """The forget set.

        Raises:
            BadInput: nothing is chosen yet, or what is written follows no form.
        """
        empty = {field.name: field.value for field in self.choosing.fields(self.model)}
        return self.choosing.kind(self.forget.kind, self.model).targets(empty | self.forget.values)

    def keep_targets(self) -> tuple[str, ...]:
        """The retain set; empty where everything else is kept.

        Raises:
            BadInput: a list is wanted but holds nothing.
        """
        empty = {field.name: field.value for field in self.choosing.keep_fields(self.model)}
        return self.choosing.keep_kind(self.keep.kind, self.model).targets(empty | self.keep.values)

    def forget_or_example(self) -> tuple[str, ...]:
        """The forget set; where nothing is chosen yet, or what is written is no target, an example of what its model forgets."""
        try:
            forget = self.forget_targets()
            for text in forget:
                self.choosing.read(text, self.known_model)
        except BadInput:
            return self.choosing.example(self.known_model)
        return forget

    def forget_or_nothing(self) -> tuple[str, ...]:
        """The forget set; nothing where nothing is chosen yet, or what is written follows no form."""
        try:
            return self.forget_targets()
        except BadInput:
            return ()

    def chosen_method(self) -> Method | None:
        """The catalog's entry of the chosen method."""
        return catalog.load().get("methods", self.method) if self.method else None


class Counted(NamedTuple):
    """Sizes of the forget set and the retain set; of some families also what is in the forget set.

    Attributes:
        prompts: each with its anchor.
        questions: each with its answer.
        passages: how many of them are running text.
    """

    forget: int
    keep: int
    prompts: tuple[tuple[str, str], ...] = ()
    questions: tuple[tuple[str, str], ...] = ()
    passages: int = 0


def choosing(model: ModelInfo) -> Choosing:
    """How the targets of a model are chosen."""
    return families.get(model.family).choosing


def at_defaults(model: ModelInfo, chosen: Choice | None = None) -> Draft:
    """The form of a model that has just been chosen; `chosen` is a kind of target that stays, where it is not that of its own start."""
    first = first_choice(model)
    forget = chosen if chosen is not None and chosen.kind != first.kind else first
    return Draft(model, forget, Choice(choosing(model).keep_kinds(model)[0].id), model.default_method)


def first_choice(model: ModelInfo) -> Choice:
    """The targets that a form begins with."""
    return choosing(model).restored(model.default_forget, model) if model.default_forget else usual(model)


def usual(model: ModelInfo) -> Choice:
    """The usual kind of target with nothing chosen."""
    chosen_by = choosing(model)
    kind = next((kind for kind in chosen_by.kinds(model) if kind.offered), chosen_by.kinds(model)[0])
    values = {field.name: field.value for field in chosen_by.fields(model) if field.name in kind.fields}
    return Choice(kind.id, values)


def open_own(model: str, data: str) -> ModelInfo:
    """A person's own model, as the live process opens it.

    Raises:
        LetheError: it cannot be opened as given; the sentence says why.
    """
    model, data = model_info.check_own(model, data)
    opened_model = model_info.described(model, data, LIVE.ask("describe", model=model, data=data))
    fit = methods(opened_model.family)
    return opened_model.model_copy(update={"default_method": fit[0].id if fit else ""})


def opened(model: ModelInfo) -> str:
    """The sentences about a person's own model once it is open."""
    return " ".join((choosing(model).opened(model), *model.notes))


def methods(family: str, first: str = "") -> list[Method]:
    """The methods that work with a family, the recommended one first."""
    fit = [entry for entry in catalog.load().methods if entry.works_with.get(family) is True]
    return sorted(fit, key=lambda entry: (entry.id != first, entry.order, entry.id))


def widget_values(draft: Draft, method: Method) -> dict[str, Any]:
    """Every setting of a method as its widget holds it: what a person changed, and else what is recommended."""
    settings = recommended(draft.known_model, method, draft.forget_or_example())
    names = forms.properties(method.params)
    values = dict(zip(names, forms.to_widgets(method.params, settings), strict=True))
    return values | {
        name: draft.edited[f"{method.id}.{name}"] for name in names if f"{method.id}.{name}" in draft.edited
    }


def params(draft: Draft) -> dict[str, Any]:
    """Checked parameters of the chosen method.

    Raises:
        BadInput: no method is chosen, or a setting is out of range.
    """
    method = draft.chosen_method()
    if method is None:
        raise BadInput(tr("Choose a method."))
    return forms.from_widgets(method.title, method.params, list(widget_values(draft, method).values()))


def problem(draft: Draft) -> str:
    """What is wrong with the settings of the chosen method; empty where all is well."""
    method = draft.chosen_method()
    if method is None or draft.model is None:
        return ""
    return forms.problem(method.title, method.params, list(widget_values(draft, method).values()))


def spec(draft: Draft) -> JobSpec:
    """The job that the form describes, checked.

    Raises:
        BadInput: it cannot be done; one sentence.
    """
    return submit.check(request(draft), card=card(draft.known_model))


def request(draft: Draft) -> JobSpec:
    """The job as it is asked for; `submit` checks it.

    Raises:
        BadInput: nothing is chosen yet, or a setting is out of range.
    """
    model = draft.known_model
    forget, keep = draft.forget_targets(), draft.keep_targets()
    return submit.read(
        model=model.id,
        method=draft.method,
        params=params(draft),
        forget=forget,
        keep=keep,
        seed=draft.seed if draft.seed is not None else 0,
        data=model.data,
        after=model.after,
    )


def card(model: ModelInfo) -> dict[str, Any] | None:
    """What is known of an own model, for the check; embedded ones bring theirs."""
    return model.card if model.own else None


def instead_setting(method: Method) -> str:
    """The setting of the answer that a method is to give instead; empty where it has none."""
    return next(iter(forms.of_role(method.params, INSTEAD)), "")


def instead(draft: Draft) -> str:
    """The answer that the chosen method is to give instead; empty where none is set."""
    method = draft.chosen_method()
    if method is None or draft.model is None or not instead_setting(method):
        return ""
    return " ".join(str(widget_values(draft, method).get(instead_setting(method)) or "").split())


@lru_cache(maxsize=256)
def counts(model: str, forget: tuple[str, ...], keep: tuple[str, ...], data: str, after: str = "") -> Counted:
    """Sizes of the forget set and the retain set.

    Raises:
        LetheError: the targets cannot be resolved.
    """
    resolved = LIVE.ask("resolve", model=model, forget=list(forget), keep=list(keep), data=data, after=after)
    prompts = tuple((str(prompt), str(anchor)) for prompt, anchor in resolved.get("prompts", []))
    questions = tuple((str(question), str(answer)) for question, answer in resolved.get("questions", []))
    return Counted(int(resolved["forget"]), int(resolved["keep"]), prompts, questions, int(resolved.get("passages", 0)))


def words(draft: Draft) -> Words:
    """How the job is said: as its method's stage, or as its target asks."""
    family = draft.model.family if draft.model else ""
    return stage_words.words(draft.chosen_method(), draft.forget_or_nothing(), family)


def counts_text(counts: Counted, family: str, words: Words) -> str:
    """ "2,000 images to forget, 18,000 to keep", "9 prompts to forget, 217 to keep"."""
    noun = "passages" if counts.questions and counts.passages == counts.forget else families.get(family).noun
    return tr(
        words.counted,
        forget=counts.forget,
        noun=tr(noun.removesuffix("s") if counts.forget == 1 else noun),
        keep=counts.keep,
    )


def kept_words(keep: Sequence[str], model: ModelInfo | None = None) -> str:
    """The retain set in words."""
    if keep:
        return targets_in_words(keep, model.family if model else "")
    return choosing(model).kept_words(model) if model else tr("everything else")


def needs(
    model: str,
    method: str,
    settings: dict[str, Any],
    past_jobs: dict[str, list[Past]] | None = None,
    question_count: int | None = None,
) -> str:
    """Time and memory as words: "about 24 s and 610 MB, measured on this machine"; says so where nothing was measured, or only the method.
    `question_count`: size of the forget set of a language model."""
    estimated = estimate(model, method, settings, past_jobs or estimates(model), question_count)
    if estimated is None:
        return tr("time and memory not measured yet")
    memory = tr(" and {memory}", memory=theme.megabytes(estimated.memory)) if estimated.memory else ""
    where = tr("measured on this machine") if estimated.here else tr("measured on {where}", where=estimated.where)
    alone = "" if estimated.whole else tr(" for the method alone")
    return tr(
        "about {seconds}{alone}{memory}, {where}",
        seconds=theme.seconds(max(1, round(estimated.seconds))),
        alone=alone,
        memory=memory,
        where=where,
    )


def recommended(model: ModelInfo, method: Method, forget: Sequence[str]) -> dict[str, Any]:
    """The method's settings for this model and these targets.

    Raises:
        BadInput: a target follows no form, or is nothing that the model knows.
    """
    read = [choosing(model).read(text, model) for text in forget]
    return tuned.settings(method.id, method.params, model.tuned, read)


def changed_params(model: ModelInfo, method: Method, forget: Sequence[str], settings: dict[str, Any]) -> str:
    """The parameters that differ from what is recommended, as words; empty where none does."""
    best = recommended(model, method, forget)
    return joined([f"{forms.label(name)} {value}" for name, value in settings.items() if value != best.get(name)])
