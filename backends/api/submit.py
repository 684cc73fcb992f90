"""From what a person asked for to a queued run: everything that can be checked without the model's weights is checked here.

What needs the weights or the data (whether an own model really loads) is checked by the job, which then says so.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from pydantic import ValidationError

from . import (
    catalog,
    classes,
    elsewhere,
    families,
    learned,
    optional_models,
    own,
    params,
    quota,
    runs,
    slices,
    tuned_params,
)
from .catalog import Catalog, Method, Model
from .errors import BadInput, LetheError, without_tokens
from .families import Family
from .home import shared
from .languages import tr
from .runs import RunFolder
from .spec import JobSpec


def read(**fields: Any) -> JobSpec:
    """A spec from plain fields, as a form or a command line has them.

    Raises:
        BadInput: a field is missing, too long or of the wrong kind.
    """
    try:
        spec = JobSpec(**fields)
    except ValidationError as error:
        raise BadInput(_sentence(error)) from None
    try:
        spec.model_dump_json()
    except ValueError:
        raise BadInput(tr("A name or target holds characters that are no Unicode text; write it again.")) from None
    return spec


def _sentence(error: ValidationError) -> str:
    """What is wrong with a spec's fields, in words."""
    first = error.errors()[0]
    where = first["loc"] or ("a field",)  # empty where the name of a field is no Unicode text
    name, received, limits = str(where[0]), params.quoted_value(first["input"]), first.get("ctx", {})
    match name, first["type"]:
        case "forget", "too_short":
            return tr("Nothing to forget was named; name at least one class, random:10% or images:1,2.")
        case _, "too_long":
            return tr(
                "{name} has {limits} entries; at most {limits_2} are allowed.",
                name=name,
                limits=limits["actual_length"],
                limits_2=limits["max_length"],
            )
        case _, "string_too_long":
            return tr(
                "{name} was {received}, but at most {limits:,} characters are allowed.",
                name=name,
                received=received,
                limits=limits["max_length"],
            )
        case _, "string_too_short":
            return tr("{name} was empty; name at least one.", name=name)
        case _, "string_unicode":
            return tr("{name} was {received}, but only Unicode text is allowed.", name=name, received=received)
        case "seed", _:
            return tr(
                "seed was {received}, but a whole number from 0 to {what} is needed.", received=received, what=2**31 - 1
            )
        case _, "extra_forbidden":
            return tr(
                "There is no field {name!r}; a job has {model_fields}.",
                name=name[:60],
                model_fields=", ".join(JobSpec.model_fields),
            )
        case _:
            return tr(
                "{name} was {received}, but {first}{first_2}.",
                name=name,
                received=received,
                first=first["msg"][0].lower(),
                first_2=first["msg"][1:].rstrip("."),
            )


def check(spec: JobSpec, card: dict[str, Any] | None = None) -> JobSpec:
    """The spec, complete: @files read, class names as the model spells them, every parameter with its value.

    A parameter that is left out has the value tuned for the model and these targets, else the method's default.

    Args:
        spec: what was asked for.
        card: what is known of an own model (`classes`, `train_count`), as the live operation `describe` answers;
            embedded models bring theirs.

    Raises:
        BadInput: it cannot be done; one sentence names what was given and what is allowed. Nothing was written.
    """
    quota.check_size(spec)
    _check_no_token(spec)
    installed = catalog.load()
    model = next((entry for entry in installed.models if entry.id == spec.model), None)
    family = family_of(spec, model, installed)
    if model is None:  # the job works in another folder
        spec = spec.model_copy(update={"model": own.absolute(spec.model), "data": own.absolute(spec.data)})
    method: Method
    if spec.method == elsewhere.ID:
        method = elsewhere.ENTRY
        spec = spec.model_copy(update={"params": elsewhere.checked_params(spec, family.id)})
    else:
        method = _variant_for_family(installed.get("methods", spec.method), family.id, installed)
        _check_works_with(method.id, method.works_with, family)
    metrics = tuple(dict.fromkeys(spec.metrics))
    for metric in metrics:
        _check_works_with(metric, installed.get("metrics", metric).works_with, family)
    card = model.card if model else card or {}
    earlier = _earlier(spec, method)
    data = model.data if model else ""
    card = learned.card(card, spec)
    forget, keep = family.targets(spec, card, data)
    if earlier:  # what all of them forget is apart from what is kept, and leaves something
        family.targets(spec.model_copy(update={"forget": (*earlier, *map(str, forget))}), card, data)
    best = tuned_params.settings(method.id, method.params, model.tuned if model else (), forget)
    complete_params = params.checked(method.id, method.params, best | spec.params)
    return spec.model_copy(
        update={
            "family": family.id,
            "method": method.id,
            "params": complete_params,
            "metrics": metrics,
            "forget": tuple(dict.fromkeys(map(str, forget))),
            "keep": tuple(dict.fromkeys(map(str, keep))),
            "earlier": earlier,
        }
    )


def _earlier(spec: JobSpec, method: Method) -> tuple[str, ...]:
    """What the run that the job starts from, and those before it, have forgotten or are to forget.

    Raises:
        BadInput: there is no such run, its model is another one, or nothing can start from it.

    What a run that changed the data was told is no part of it: that is what a model learned, and the job begins with that model.
    """
    if not spec.after:
        return ()
    run = runs.find(spec.after)
    before, status = run.spec, run.state.status
    if (before.model, before.data) != (spec.model, spec.data):
        raise BadInput(
            tr(
                "Run {id} changed {model}, not {model_2}; name a run of the same model.",
                id=run.id,
                model=before.model[:80],
                model_2=spec.model[:80],
            )
        )
    if status in ("failed", "cancelled", "cancelling"):
        raise BadInput(
            tr("Run {id} was not finished ({status}), so no job can start from it.", id=run.id, status=status)
        )
    if method.finds:
        raise BadInput(
            tr("{id} looks for a forget set in the model itself; leave out the run to start from.", id=method.id)
        )
    if method.teaches:
        raise BadInput(tr("{id} trains the model itself; leave out the run to start from.", id=method.id))
    return () if learned.teaches(before.method) else before.forgotten


_one_at_a_time = Lock()  # between counting the jobs that wait and adding one


def submit(spec: JobSpec, owner: str = "", card: dict[str, Any] | None = None, *, on_slices: bool = False) -> RunFolder:
    """Queue a job; the engine finds it by itself.

    Args:
        spec: what was asked for.
        owner: `runs.owner_mark` of who asks, empty for the person at this machine.
        card: as for `check`.
        on_slices: on a GPU that the person lends it in slices, from the page of the run.

    Raises:
        BadInput: it cannot be done as asked, is more than a visitor of a shared studio may ask for, or not what a class may do.
        Busy: too many jobs wait in a shared studio.
        OutOfReach: the home cannot be written, or the disk is full. In all cases nothing is left behind.
    """
    complete = check(spec, card)
    classes.check(complete, owner)
    quota.check_size(complete)
    quota.check_time(complete, owner)
    if on_slices:
        slices.check(catalog.load().get("methods", complete.method))
    more = {slices.FILE: slices.Lent().model_dump()} if on_slices else {}
    with _one_at_a_time:
        quota.check_room(owner)
        return runs.create(complete, owner, more)


def several(specs: Sequence[JobSpec], owner: str = "", *, chain: bool = False) -> list[RunFolder]:
    """Queue all of these jobs or none.

    Args:
        specs: what was asked for, of models that need no card.
        owner: as for `submit`.
        chain: each starts from the model that the one before it left.

    Raises:
        LetheError: as `submit`; nothing was queued then.
    """
    complete = [check(spec) for spec in specs]
    for spec in complete:
        classes.check(spec, owner)
        quota.check_size(spec)
        quota.check_time(spec, owner)
    created: list[RunFolder] = []
    with _one_at_a_time:
        quota.check_room(owner, len(complete))
        try:
            for spec in complete:
                last = {"after": created[-1].id, "earlier": ()} if chain and created else {}
                created.append(runs.create(check(spec.model_copy(update=last)) if last else spec, owner))
        except LetheError:
            for run in reversed(created):
                with suppress(LetheError, OSError):
                    run.cancel()
                    run.delete()
            raise
    return created


def _check_no_token(spec: JobSpec) -> None:
    """Check that no token of the Hub was written into a job, whose spec everybody can read who sees the run."""
    if any(text != without_tokens(text) for text in (spec.model, spec.data, *spec.forget, *spec.keep)):
        raise BadInput(
            "The job holds a token of the Hugging Face Hub, which must not be written down; set HF_TOKEN where Lethe runs."
        )


def family_of(spec: JobSpec, model: Model | None, installed: Catalog) -> Family:
    """The family of the model, and that its data can be found.

    Of a Hub id whose files are not here yet it is the one that was named, else one that the method works with: the job looks itself,
    and its result names the family of what it opened.

    Raises:
        BadInput: there is no such model, another family was named than the model's, or its data are not there.
    """
    if model is not None:
        if spec.data:
            raise BadInput(tr("{id} brings its own data; leave the folder of images empty.", id=model.id))
        return _check_family(families.get(model.family), spec)
    optional_models.check(spec.model)
    folder = None if shared() else own.local_folder(spec.model)
    if folder is None and not own.is_hub_id(spec.model):
        ours = ", ".join(entry.id for entry in installed.models)
        local = "" if shared() else "a folder that holds config.json, "
        raise BadInput(
            tr(
                "There is no model {model}; choose one of {ours}, {local}or a Hub id like owner/name.",
                model=params.quoted_value(spec.model),
                ours=ours,
                local=local,
            )
        )
    if folder:
        family = _check_family(families.get(own.family_of(own.check_folder(folder, spec.model), spec.model)), spec)
    else:
        family = families.get(spec.family) if spec.family else _family_of_method(spec, installed)
    family.check_data(spec.data, spec.model)
    return family


def _check_family(family: Family, spec: JobSpec) -> Family:
    """The model's family, where no other was named.

    Raises:
        BadInput: another one was.
    """
    if spec.family and spec.family != family.id:
        raise BadInput(
            tr(
                "{model} is of the family {id}, not {family}; leave the family out.",
                model=spec.model[:80],
                id=family.id,
                family=params.quoted_value(spec.family),
            )
        )
    return family


def _family_of_method(spec: JobSpec, installed: Catalog) -> Family:
    """The family that a method works with: of several one that needs a folder of data, where one was given, and else one that
    needs none."""
    if spec.method == elsewhere.ID:  # the same model, after
        folder = own.local_folder(str(spec.params.get("folder", "")))
        if folder is not None:
            return families.get(own.family_of(own.check_folder(folder, folder.name), folder.name))
        return next(iter(families.every().values()))
    works = installed.get("methods", spec.method).works_with
    fits = [family for name, family in families.every().items() if works.get(name) is True] or [
        *families.every().values()
    ]
    return next((family for family in fits if bool(spec.data) == family.needs_data), fits[0])


def _variant_for_family(method: Method, family: str, installed: Catalog) -> Method:
    """The method itself, or the variant of it that was made for the family."""
    if method.works_with.get(family) is True:
        return method
    fit = (
        entry for entry in installed.methods if entry.variant_of == method.id and entry.works_with.get(family) is True
    )
    return next(fit, method)


def _check_works_with(entry_id: str, works_with: Mapping[str, bool | str], family: Family) -> None:
    works = works_with.get(family.id, tr("it was not made for models of the family {id}", id=family.id))
    if works is not True:
        reason = (
            works.strip().rstrip(".")
            if isinstance(works, str)
            else tr("it does not work with the family {id}", id=family.id)
        )
        raise BadInput(
            tr(
                "{entry_id} cannot be used with this model: {reason}{reason_2}.",
                entry_id=entry_id,
                reason=reason[:1].lower(),
                reason_2=reason[1:],
            )
        )
