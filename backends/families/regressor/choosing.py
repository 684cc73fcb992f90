"""How a forget set of a regressor is chosen: a range of what is predicted or of a column, single items, or a random share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...api.choosing import ALL, EVERYTHING, SOME, Choice, Choosing, Field, Neighbours, TargetKind, Values, lines, same
from ...api.errors import BadInput
from ...api.languages import comma, plural, tr
from . import targets
from .targets import RegressorTarget, plain

if TYPE_CHECKING:
    from ...api.model_info import ModelInfo


class RangeChoosing(Choosing):
    """Ranges of a number, and single items."""

    id = "ranges"

    def fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        ranges, start = _ranges(model), _first(model)
        lowest = min((low for low, _ in ranges.values()), default=0.0)
        return (
            Field("of", "menu", tr("What it is a range of"), options=same(ranges), value=start.name or next(iter(ranges), None),
                  info=_runs(model)),
            Field("low", "number", tr("From"), value=start.low, low=min(0.0, lowest), step=0.1),
            Field("high", "number", tr("To"), value=start.high, low=min(0.0, lowest), step=0.1),
            Field("item_numbers", "line", tr("Numbers of training items"), info=tr("Numbers and spans, from 0."), placeholder="3, 10-40", value=""),
            Field("item_share", "slider", tr("Share of the training items, in percent"), value=10, low=1, high=50, step=1),
            Field("item_draw", "number", tr("Draw"), info=tr("Another number draws other items."), value=0),
            Field("range_targets", "lines", tr("Targets, one a line"), value=""),
        )  # fmt: skip

    def kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        return (
            TargetKind("range", tr("A range"), ("of", "low", "high"), _range, tr("Say what it is a range of.")),
            TargetKind("random", tr("A random share"), ("item_share", "item_draw"), _share),
            TargetKind("items", tr("Single items"), ("item_numbers",), _items, tr("Write at least one number of an item.")),
            TargetKind("written", tr("Several at once"), ("range_targets",), lambda values: lines(values["range_targets"]),
                       tr("Write at least one target, one a line."), offered=False),
        )  # fmt: skip

    def keep_fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        return (
            Field(
                "keep_ranges", "lines", tr("What to keep, one target a line"), placeholder=_example(model), role="keep"
            ),
        )

    def keep_kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        some = TargetKind(
            SOME, tr("Only a range"), ("keep_ranges",), lambda values: lines(values["keep_ranges"]), tr("Write what to keep, or keep everything else."),
        )  # fmt: skip
        return EVERYTHING, some

    def restored(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        parsed = [targets.checked(targets.parse(text), model.card) for text in texts]
        if len(parsed) == 1:
            one = parsed[0]
            match one.kind:
                case "range":
                    return Choice("range", {"of": one.name, "low": one.low, "high": one.high})
                case "items":
                    return Choice("items", {"item_numbers": str(one).removeprefix("items:")})
                case _:
                    return Choice("random", {"item_share": one.share, "item_draw": one.draw})
        return Choice("written", {"range_targets": "\n".join(map(str, parsed))})

    def restored_keep(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        return Choice(SOME, {"keep_ranges": "\n".join(texts)}) if texts else Choice(ALL)

    def neighbours(self, model: "ModelInfo", texts: Sequence[str]) -> Neighbours:
        """What lies just outside of a range."""
        ranges = _ranges(model)
        parsed = [_parsed(text) for text in texts]
        if len(parsed) != 1 or parsed[0] is None or parsed[0].kind != "range" or parsed[0].name not in ranges:
            return Neighbours(tr("Neighbours are suggested where one range is to be forgotten."))
        one, (low, high) = parsed[0], ranges[parsed[0].name]
        edges = [comma(plain(edge)) for edge in (one.low, one.high) if low < edge < high]
        if not edges:
            return Neighbours(tr("Nothing lies just outside of this range."))
        return Neighbours(
            tr(
                "What lies just beyond {edges} is nearest to it. Look there for what else gets hurt.",
                edges=tr(" and ").join(edges),
            )
        )

    def read(self, text: str, model: "ModelInfo") -> RegressorTarget:
        return targets.checked(targets.parse(text), model.card)

    def in_words(self, text: str) -> str:
        target = _parsed(text)
        if target is None:
            return ""
        match target.kind:
            case "range":
                return tr(
                    "{name} from {low} to {high}",
                    name=target.name,
                    low=comma(plain(target.low)),
                    high=comma(plain(target.high)),
                )
            case "items":
                count = sum(high - low + 1 for low, high in target.spans)
                return plural("{count:,} chosen item", "{count:,} chosen items", count)
            case _:
                return tr("a random {share:g} % of the items", share=target.share) + (
                    tr(" (draw {draw})", draw=target.draw) if target.draw else ""
                )

    def opened(self, model: "ModelInfo") -> str:
        return tr(
            "Opened: it predicts {label}, {count:,} training items.",
            label=model.card.get("label") or tr("a number"),
            count=model.card.get("train_count", 0),
        )

    def first_targets(self, card: Mapping[str, Any]) -> list[str]:
        """The lower third of what is predicted."""
        name, (low, high) = next(iter(dict(card.get("ranges") or {"": [0.0, 0.0]}).items()))
        return [f"{name}:{plain(low)}-{plain(round(low + (high - low) / 3, 2))}"] if name else []


def _parsed(text: str) -> RegressorTarget | None:
    try:
        return targets.parse(text)
    except BadInput:
        return None


def _ranges(model: "ModelInfo | None") -> dict[str, tuple[float, float]]:
    return {name: (low, high) for name, (low, high) in (model.card.get("ranges") or {}).items()} if model else {}


def _first(model: "ModelInfo | None") -> RegressorTarget:
    """The range that the form begins with."""
    parsed = [_parsed(text) for text in model.default_forget] if model else []
    return next((one for one in parsed if one is not None and one.kind == "range"), RegressorTarget("range"))


def _runs(model: "ModelInfo | None") -> str:
    """From where to where what is predicted runs."""
    name, ends = next(iter(_ranges(model).items()), ("", (0.0, 0.0)))
    low, high = (comma(plain(end)) for end in ends)
    return tr("{name} runs from {low} to {high}.", name=name, low=low, high=high) if name else ""


def _example(model: "ModelInfo | None") -> str:
    name, ends = next(iter(_ranges(model).items()), ("tilt", (0.0, 90.0)))
    return f"{name}:{plain(round(sum(ends) / 2, 2))}-{plain(ends[1])}"


def _range(values: Values) -> list[str]:
    if not values["of"]:
        return []
    return [str(targets.parse(f"{values['of']}:{plain(values['low'] or 0.0)}-{plain(values['high'] or 0.0)}"))]


def _items(values: Values) -> list[str]:
    text = str(values["item_numbers"] or "").strip()
    return [str(targets.parse(f"items:{text}"))] if text else []


def _share(values: Values) -> list[str]:
    return [str(RegressorTarget("random", share=values["item_share"] or 0, draw=int(values["item_draw"] or 0)))]
