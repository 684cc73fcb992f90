"""What a classifier is to forget and to keep, from the names that a person wrote: checked against the model and complete."""

from collections.abc import Mapping
from typing import Any

from ...api import runs, targets
from ...api.errors import BadInput
from ...api.languages import tr
from ...api.params import quoted_value
from ...api.spec import JobSpec
from ...api.targets import Target


def read(spec: JobSpec, card: Mapping[str, Any]) -> tuple[list[Target], list[Target]]:
    """The forget targets and the keep targets.

    Raises:
        BadInput: one is not known to the model or its data, is in both lists, or nothing is left to keep.
    """
    forget, keep = ([_target(text, spec.model, card) for text in part] for part in (spec.forget, spec.keep))
    _check_apart(forget, keep)
    _check_left(forget, card)
    return forget, keep


def _target(text: str, model: str, card: Mapping[str, Any]) -> Target:
    """One target with its file read, its class spelled as the model spells it, and its ids within the data."""
    target = targets.parse(targets.expand(text.strip()))
    if target.kind == "run":
        _found_set(target.name, model)
    if target.kind == "poison" and card and not card.get("tampering"):
        raise BadInput(
            tr(
                "The training images of {model} were not manipulated, as far as is known; choose a class or images.",
                model=model[:80],
            )
        )
    if target.kind == "slice" and card:
        _check_slice(target, model, card.get("tiles") or {})
    names: list[str] = card.get("classes", [])
    if target.kind == "class" and len(target.name) > 200:
        raise BadInput(
            tr("There is no class {name}; a class name has at most 200 characters.", name=quoted_value(target.name))
        )
    if target.kind == "class" and names:
        spelled = {targets.alike(name): name for name in names}
        if targets.alike(target.name) not in spelled:
            raise BadInput(f"There is no class {quoted_value(target.name)}; {model} knows {', '.join(names[:20])}.")
        return target.model_copy(update={"name": spelled[targets.alike(target.name)]})
    count = int(card.get("train_count", 0))
    outside = [item for item in target.ids if count and item >= count]
    if outside:
        raise BadInput(
            tr(
                "There is no training image {outside}; the ids of {model} run from 0 to {count}.",
                outside=outside[0],
                model=model,
                count=count - 1,
            )
        )
    if target.kind == "like" and count and target.count >= count:
        raise BadInput(
            tr(
                "{count} images were asked for, but {model} has {count_2}; leave some to keep.",
                count=target.count,
                model=model,
                count_2=count,
            )
        )
    return target


def _check_slice(target: Target, model: str, tiles: Mapping[str, Any]) -> None:
    """Check that the model was trained in slices, and has this one."""
    if not tiles:
        raise BadInput(
            tr("{model} was trained as a whole and not in slices; choose a class or images.", model=model[:80])
        )
    if target.place[0] > tiles["shards"] or target.place[1] > tiles["slices"]:
        raise BadInput(
            tr(
                "There is no {target}; {model} has {shards} shards of {slices} slices, counted from 1.",
                target=str(target),
                model=model[:80],
                shards=tiles["shards"],
                slices=tiles["slices"],
            )
        )


def _found_set(run_id: str, model: str) -> None:
    """Check that a run found a forget set, in the data of this model."""
    run = runs.find(run_id)
    if not (run.path / "found.json").is_file():
        raise BadInput(tr("Run {id} found no forget set; name a finished run of a method that finds one.", id=run.id))
    if run.spec.model != model:
        raise BadInput(
            tr(
                "Run {id} looked into {model}, not {model_2}; name a run of the same model.",
                id=run.id,
                model=run.spec.model[:80],
                model_2=model[:80],
            )
        )


def _check_apart(forget: list[Target], keep: list[Target]) -> None:
    """Check that nothing is in both lists, as far as names alone tell.

    Raises:
        BadInput: something is.
    """
    forget_names, keep_names = (
        {one.name.casefold(): one.name for one in part if one.kind == "class"} for part in (forget, keep)
    )
    both = [name for key, name in forget_names.items() if key in keep_names]
    if not both:
        ids = [{item for target in part if target.kind == "images" for item in target.ids} for part in (forget, keep)]
        both = [tr("Image {item}", item=item) for item in sorted(ids[0] & ids[1])[:1]] or [
            str(target) for target in forget if target.kind not in ("class", "images") and target in keep
        ]
    if both:
        raise BadInput(tr("{both} is in the forget list and in the keep list; take it out of one.", both=both[0]))


def _check_left(forget: list[Target], card: Mapping[str, Any]) -> None:
    """Check that something remains, as far as names alone tell.

    Raises:
        BadInput: nothing does.
    """
    names: list[str] = card.get("classes", [])
    if names and len({target.name.casefold() for target in forget if target.kind == "class"}) == len(names):
        raise BadInput(
            tr(
                "All {names_count} classes were chosen to be forgotten; leave at least one to keep.",
                names_count=len(names),
            )
        )
    count = int(card.get("train_count", 0))
    singles = {item for target in forget if target.kind == "images" for item in target.ids}
    if count and len(singles) >= count:
        raise BadInput(tr("All {count} training images were chosen to be forgotten; leave some to keep.", count=count))
