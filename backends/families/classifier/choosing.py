"""How a forget set of images is chosen: whole classes, a share, single images, those alike to one, a list, or a set that was found."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...api import catalog, tampering, targets
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
    joined,
    lines,
    same,
)
from ...api.errors import BadInput
from ...api.languages import tr
from ...api.tampering import Tampering

if TYPE_CHECKING:
    from ...api.model_info import ModelInfo


class ImageChoosing(Choosing):
    """Classes, and single training images."""

    id = "images"

    def fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        classes = same(_classes(model))
        finders = joined(
            [entry.title for entry in catalog.load().methods if entry.finds and model and _fits(entry, model)]
        )
        how = _tampering(model)
        return (
            Field("classes", "tiles", tr("Classes to forget"), options=classes, value=[], pictures="class"),
            Field("share", "slider", tr("Share of the training images, in percent"), value=10, low=0.5, high=95, step=0.5),
            Field("draw", "number", tr("Draw"), info=tr("Another number draws other images."), value=0),
            Field("found_share", "slider", tr("Share of the manipulated images that was found, in percent"),
                  info=tr("The training images of this model bear {what}.", what=how.words) if how else "", value=100, low=5, high=100, step=5),
            Field("slices", "menu", tr("Slices to forget"), options=_slices(model), value=[],
                  info=tr("All that this model learned was dealt to shards, and each shard to slices.")),
            Field("picked", "gallery", tr("Images to forget"), options=classes, value=[], pictures="gallery"),
            Field("like", "alike", tr("One image"), options=classes, value={"image": None, "count": 50}, pictures="gallery"),
            Field("listed", "id_file", tr("A text file of image ids, one a line"), value=""),
            Field("found", "found_runs", tr("Finished runs that found one"), value="",
                  info=tr("A run of {finders} finds the set that is hardest to forget.", finders=finders or tr('a method that looks for it'))),
            Field("written", "lines", tr("Targets, one a line"), value=""),
        )  # fmt: skip

    def kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        return (
            TargetKind("classes", tr("Whole classes"), ("classes",), lambda values: values["classes"],
                       tr("Choose at least one class to forget.")),
            TargetKind("random", tr("A random share"), ("share", "draw"), _share),
            TargetKind("poison", tr("What was manipulated"), ("found_share",), _found_share, offered=_tampering(model) is not None),
            TargetKind("slice", tr("Slices of the training"), ("slices",), lambda values: values["slices"],
                       tr("Choose at least one slice to forget."), offered=bool(_slices(model))),
            TargetKind("images", tr("Single images"), ("picked",), _images, tr("Pick at least one image to forget.")),
            TargetKind("like", tr("Images alike"), ("like",), _alike, tr("Pick the image whose likes are to be forgotten.")),
            TargetKind("list", tr("A list of ids"), ("listed",), lambda values: [values["listed"]] if values["listed"] else [],
                       tr("Upload a text file of image ids, one a line.")),
            TargetKind("found", tr("The hardest set found"), ("found",), lambda values: [f"run:{values['found']}"] if values["found"] else [],
                       tr("Choose a finished run that found a hardest set.")),
            TargetKind("written", tr("Several at once"), ("written",), lambda values: lines(values["written"]),
                       tr("Write at least one target, one a line."), offered=False),
        )  # fmt: skip

    def keep_fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        classes = same(_classes(model))
        return (
            Field("keep", "tiles", tr("Classes to keep"), options=classes, value=[], pictures="class", role="keep"),
            Field("keep_extra", "hidden", tr("More to keep"), value=[], role="keep"),
        )

    def keep_kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        some = TargetKind(
            SOME, tr("Only some classes"), ("keep", "keep_extra"), lambda values: [*values["keep"], *values["keep_extra"]],
            tr("Choose at least one class to keep, or keep everything else."),
        )  # fmt: skip
        return EVERYTHING, some

    def restored(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        parsed = [targets.parse(text) for text in texts]  # an address reads no file
        classes = _classes(model)
        spelled = {name.casefold(): name for name in classes}
        if {target.kind for target in parsed} == {"class"}:
            names = [spelled.get(target.name.casefold(), target.name) for target in parsed]
            strange = [name for name in names if name not in classes]
            if strange:
                raise BadInput(f"There is no class {strange[0][:60]!r}; {model.title} knows {', '.join(classes[:20])}.")
            return Choice("classes", {"classes": names})
        if {target.kind for target in parsed} == {"slice"}:
            return Choice("slice", {"slices": [str(target) for target in parsed]})
        if len(parsed) == 1:
            target = parsed[0]
            match target.kind:
                case "random":
                    return Choice("random", {"share": target.share, "draw": target.draw})
                case "poison":
                    return Choice("poison", {"found_share": target.share})
                case "images":
                    return Choice("images", {"picked": list(target.ids)})
                case "like":
                    return Choice("like", {"like": {"image": target.ids[0], "count": target.count}})
                case "run":
                    return Choice("found", {"found": target.name})
        return Choice("written", {"written": "\n".join(map(str, parsed))})

    def restored_keep(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        classes = _classes(model)
        names = [name for name in texts if name in classes]
        extra = [name for name in texts if name not in classes]
        return Choice(SOME, {"keep": names, "keep_extra": extra}) if texts else Choice(ALL)

    def neighbours(self, model: "ModelInfo", texts: Sequence[str]) -> Neighbours:
        """Those that the model itself confuses most with the classes to be forgotten."""
        classes = _classes(model)
        chosen = [text for text in texts if text in classes]
        if not chosen or len(chosen) < len(texts):
            return Neighbours(tr("Neighbours are suggested where whole classes are to be forgotten."))
        nearest = neighbours(chosen, classes, model.card.get("confusion") or [])
        if not nearest:
            return Neighbours(tr("This model mixes them up with no other class."))
        words = joined(
            [
                tr("{name} ({share:.1f} % of the images)", name=name, share=100 * share).replace(".0 %", " %")
                for name, share in nearest
            ]
        )
        return Neighbours(
            tr(
                "This model confuses {chosen} most with {words}: its neighbours. Look there for what else gets hurt.",
                chosen=joined(chosen),
                words=words,
            ),
            named=True,
            kept={"keep": [name for name, _ in nearest]},
        )

    def read(self, text: str, model: "ModelInfo") -> targets.Target:
        return targets.parse(targets.expand(text))

    def in_words(self, text: str) -> str:
        try:
            target = targets.parse(text)
        except BadInput:
            return ""
        match target.kind:
            case "random":
                return tr("a random {share:g} % of the images", share=target.share) + (
                    tr(" (draw {draw})", draw=target.draw) if target.draw else ""
                )
            case "images":
                return (
                    tr("1 chosen image")
                    if len(target.ids) == 1
                    else tr("{ids_count:,} chosen images", ids_count=len(target.ids))
                )
            case "like":
                return tr("the {count:,} images most alike to image {ids}", count=target.count, ids=target.ids[0])
            case "run":
                return tr("the hardest set that a run found")
            case "slice":
                return tr("slice {slice} of shard {shard}", slice=target.place[1], shard=target.place[0])
            case "poison":
                share = (
                    tr("the manipulated images")
                    if target.share == 100
                    else tr("{share:g} % of the manipulated images", share=target.share)
                )
                return share + (tr(" (draw {draw})", draw=target.draw) if target.draw else "")
            case _:
                return ""

    def opened(self, model: "ModelInfo") -> str:
        return tr(
            "Opened: {model_count} classes, {card:,} training images.",
            model_count=len(_classes(model)),
            card=model.card.get("train_count", 0),
        )

    def first_targets(self, card: Mapping[str, Any]) -> list[str]:
        return list(card.get("classes", [])[:1])


def neighbours(
    forget: Sequence[str], classes: Sequence[str], confusion: Sequence[Sequence[float]], most: int = 2
) -> list[tuple[str, float]]:
    """The classes a model confuses most with those to be forgotten, nearest first, with the share of images confused.

    Args:
        forget: names of classes; others are left out.
        classes: all names, in the order of `confusion`.
        confusion: row i holds the shares in which images of class i are labelled as each class.
        most: how many at most.
    """
    at = [classes.index(name) for name in forget if name in classes]
    if not at or not confusion:
        return []
    near = {
        other: sum(confusion[i][other] + confusion[other][i] for i in at) / (2 * len(at))
        for other in range(len(classes))
        if other not in at
    }
    ranked = sorted(near, key=lambda other: -near[other])[:most]
    return [(classes[other], near[other]) for other in ranked if near[other] > 0]


def _classes(model: "ModelInfo | None") -> list[str]:
    return list(model.card.get("classes", [])) if model else []


def _tampering(model: "ModelInfo | None") -> Tampering | None:
    """What was done to the training images of a model, as its card says."""
    return tampering.read(model.card.get("tampering"), model.title) if model else None


def _slices(model: "ModelInfo | None") -> tuple[tuple[str, str], ...]:
    """The slices that a model was trained in, as its card says."""
    tiles = (model.card.get("tiles") or {}) if model else {}
    return tuple(
        (tr("shard {shard}, slice {slice}", shard=shard, slice=number), f"slice:{shard}.{number}")
        for shard in range(1, tiles.get("shards", 0) + 1)
        for number in range(1, tiles.get("slices", 0) + 1)
    )


def _fits(entry: Any, model: "ModelInfo") -> bool:
    return entry.works_with.get(model.family) is True


def _share(values: Values) -> list[str]:
    return [str(targets.Target(kind="random", share=values["share"] or 0, draw=int(values["draw"] or 0)))]


def _found_share(values: Values) -> list[str]:
    return [str(targets.Target(kind="poison", share=values["found_share"] or 100))]


def _images(values: Values) -> list[str]:
    return ["images:" + ",".join(map(str, values["picked"]))] if values["picked"] else []


def _alike(values: Values) -> list[str]:
    like = values["like"]
    return [f"like:{like['image']}:{like['count']}"] if like["image"] is not None else []
