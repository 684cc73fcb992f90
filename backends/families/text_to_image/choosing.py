"""How the concepts that a text-to-image model is to forget are chosen: tiles of what it learned, and words for everything else."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...api import concepts
from ...api.choosing import (
    ALL,
    EVERYTHING,
    SOME,
    Choice,
    Choosing,
    Field,
    Neighbours,
    TargetKind,
    Values,
    in_one_text,
    listed,
    same,
)  # fmt: skip
from ...api.concepts import Concept
from ...api.errors import BadInput
from ...api.languages import later, tr

if TYPE_CHECKING:
    from ...api.model_info import ModelInfo


class ConceptChoosing(Choosing):
    """Objects, styles and phrases, each with what is drawn instead."""

    id = "concepts"
    dependent = ("anchor",)

    def fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        free = model is not None and not _domains(model)
        examples = tr("a grumpy cat") if free else tr("cat in twemoji style, car")
        return (
            *_tiles(model, "", "forget"),
            Field("phrases", "lines", tr("What it should forget, in words") if free else tr("Or in your own words"), value="",
                  placeholder=f"{examples}; cat -> dog draws dogs instead"),
            Field("anchor", "menu", tr("Drawn instead (anchor)"), value="", options=() if free else _anchors({}, {})),
        )  # fmt: skip

    def kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        free = model is not None and not _domains(model)
        fields = ("phrases",) if free else ("objects", "styles", "phrases", "anchor")
        return (
            TargetKind(
                "concepts",
                tr("Objects and styles"),
                fields,
                _concepts,
                tr("Choose or write at least one thing to forget."),
            ),
        )

    def keep_fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        return (
            *_tiles(model, "keep_", "keep"),
            Field("keep_phrases", "lines", tr("What it should keep, in words"), value="", role="keep",
                  info=tr("With commas between, or one a line. Left empty, everyday things are kept, such as a dog, a tree or a house.")),
            Field("keep_extra", "hidden", tr("More to keep"), value=[], role="keep"),
        )  # fmt: skip

    def keep_kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        if model is not None and not _domains(model):
            return (TargetKind(ALL, tr("In words"), ("keep_phrases",), lambda values: listed(values["keep_phrases"])),)
        some = TargetKind(
            SOME, tr("Only some objects and styles"), ("keep_objects", "keep_styles", "keep_extra"),
            lambda values: [*values["keep_objects"], *(f"{name} style" for name in values["keep_styles"]), *values["keep_extra"]],
            tr("Choose at least one object or style to keep, or keep everything else."),
        )  # fmt: skip
        return EVERYTHING, some

    def restored(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        read = [self.read(text, model) for text in texts]
        anchors = {kind: {concept.anchor for concept in read if concept.kind == kind} for kind in ("object", "style")}
        anchor_kind = next((kind for kind, names in anchors.items() if len(names) == 1 and "" not in names), "")
        anchor = next(iter(anchors[anchor_kind])) if anchor_kind else ""
        tiles = [c for c in read if c.kind in anchors and c.anchor == (anchor if c.kind == anchor_kind else "")]
        return Choice(
            "concepts",
            {
                "objects": [concept.object for concept in tiles if concept.kind == "object"],
                "styles": [concept.style for concept in tiles if concept.kind == "style"],
                "anchor": anchor,
                "phrases": in_one_text([str(concept) for concept in read if concept not in tiles]),
            },
        )

    def restored_keep(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        if not texts:
            return Choice(ALL)
        if not _domains(model):
            return Choice(ALL, {"keep_phrases": in_one_text(texts)})
        chosen = self.restored(texts, model).values
        extra = [*listed(chosen["phrases"])]
        return Choice(SOME, {"keep_objects": chosen["objects"], "keep_styles": chosen["styles"], "keep_extra": extra})

    def options(self, model: "ModelInfo", values: Values) -> Sequence[Field]:
        """The anchors: names of the kinds of what is chosen that are not chosen themselves."""
        offered = _anchors(_domains(model), values)
        return (
            [Field("anchor", "menu", tr("Drawn instead (anchor)"), options=offered, value="")]
            if _domains(model)
            else []
        )

    def neighbours(self, model: "ModelInfo", texts: Sequence[str]) -> Neighbours:
        near, forget = model.card.get("near") or {}, []
        for text in texts:
            with suppress(BadInput):  # a text that cannot be read is said by the check of the whole
                forget.append(self.read(text, model))
        names = concept_neighbours(forget, near)
        if not names:
            return Neighbours(tr("Neighbours are named where something to forget is chosen.") if near else "")
        domains = _domains(model)
        kept = {
            "keep_objects": [name for name in names if name in domains.get("object", [])],
            "keep_styles": [name for name in domains.get("style", []) if f"{name} style" in names],
        }
        return Neighbours(
            tr("Its neighbours, which get hurt first: {names}.", names=", ".join(names)), named=True, kept=kept
        )

    def read(self, text: str, model: "ModelInfo") -> Concept:
        return concepts.read(text, {"domains": _domains(model)}, model.id)

    def in_words(self, text: str) -> str:
        name, *instead = concepts.ARROW.split(text)
        return tr("{name} (drawn as {instead} instead)", name=name, instead=instead[0]) if len(instead) == 1 else ""

    def kept_words(self, model: "ModelInfo") -> str:
        return tr("everything else") if _domains(model) else tr("everyday things")

    def opened(self, model: "ModelInfo") -> str:
        domains, judge = _domains(model), model.card.get("judge")
        known = tr(" that knows {len} things by name", len=sum(map(len, domains.values()))) if domains else ""
        judged = (
            tr("{judge} looks at its pictures.", judge=judge)
            if judge
            else tr(
                "Nobody judges its pictures, so how sure one can be of them is not measured; name a CLIP model for that."
            )
        )
        return tr("Opened: a model that draws{known}. {judged}", known=known, judged=judged)

    def example(self, model: "ModelInfo") -> tuple[str, ...]:
        return super().example(model) or ("anything",)

    def first_targets(self, card: Mapping[str, Any]) -> list[str]:
        return []


def concept_neighbours(forget: Sequence[Concept], near: dict[str, list[str]], most: int = 2) -> list[str]:
    """The objects and styles nearest to those to be forgotten, as targets ("dog", "flat style").

    Args:
        forget: concepts; a pair counts as its object, phrases are left out.
        near: name -> other names of its kind, nearest first.
        most: how many at most of each.
    """
    names = [
        name + (" style" if concept.kind == "style" else "")
        for concept in forget
        for name in concepts.nearest(concept, forget, near)[:most]
    ]
    return list(dict.fromkeys(names))


def _domains(model: "ModelInfo | None") -> dict[str, list[str]]:
    return (model.card.get("domains") or {}) if model else {}


def _tiles(model: "ModelInfo | None", prefix: str, role: str) -> list[Field]:
    domains = _domains(model)
    return [
        Field(f"{prefix}{kind}s", "tiles", tr(later("{label} to forget") if role == "forget" else later("{label} to keep"), label=label), options=same(domains.get(kind, [])), value=[], pictures=f"drawn {kind}",
              heading=label, role=role)
        for kind, label in (("object", tr("Objects")), ("style", tr("Styles")))
    ]  # fmt: skip


def _anchors(domains: Mapping[str, Sequence[str]], values: Values) -> tuple[tuple[str, str], ...]:
    chosen = {"object": values.get("objects") or [], "style": values.get("styles") or []}
    left = [
        name if kind == "object" else f"{name} style"
        for kind, names in chosen.items()
        if names
        for name in domains.get(kind, [])
        if name not in names
    ]
    return ((tr("Chosen by Lethe: its nearest neighbour"), ""), *same(left))


def _concepts(values: Values) -> list[str]:
    """Tiles, those of the anchor's kind with the anchor, and then what was written."""
    anchor = values.get("anchor") or ""
    of_style = anchor.endswith(" style")
    arrow = f" -> {anchor}" if anchor else ""
    objects = [name + ("" if of_style else arrow) for name in values.get("objects") or []]
    styles = [f"{name} style" + (arrow if of_style else "") for name in values.get("styles") or []]
    return [*objects, *styles, *listed(values["phrases"])]
