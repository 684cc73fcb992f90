"""How rows of a table are chosen: by their numbers, by what stands in a column, or as a random share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...api.choosing import ALL, EVERYTHING, SOME, Choice, Choosing, Field, TargetKind, Values, lines, same
from ...api.errors import BadInput
from . import targets
from .targets import SIGNS, RowTarget

if TYPE_CHECKING:
    from ...api.model_info import ModelInfo


class RowChoosing(Choosing):
    """Rows of a table."""

    id = "rows"

    def fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        columns = same(model.card.get("columns", {}) if model else ())
        return (
            Field("column", "menu", "Column", options=columns, value=columns[0][0] if columns else None),
            Field("sign", "pills", "Its value is", options=same(SIGNS), value="<"),
            Field("bound", "number", "Bound", value=0, low=-1e6),
            Field("row_numbers", "line", "Row numbers", info="Numbers and spans, from 0.", placeholder="3, 10-40", value=""),
            Field("row_share", "slider", "Share of the rows, in percent", value=10, low=1, high=50, step=1),
            Field("row_targets", "lines", "Targets, one a line", value=""),
        )  # fmt: skip

    def kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        return (
            TargetKind("where", "By a column", ("column", "sign", "bound"), _where, "Choose a column."),
            TargetKind("rows", "By number", ("row_numbers",), _numbers, "Write at least one row number."),
            TargetKind("share", "A random share", ("row_share",), lambda values: [f"share:{values['row_share']:g}%"]),
            TargetKind("written", "Several at once", ("row_targets",), lambda values: lines(values["row_targets"]),
                       "Write at least one target, one a line.", offered=False),
        )  # fmt: skip

    def keep_fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        return (Field("keep_rows", "lines", "Rows to keep, one target a line", placeholder="age>=40", role="keep"),)

    def keep_kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        some = TargetKind(
            SOME, "Only some rows", ("keep_rows",), lambda values: lines(values["keep_rows"]), "Write which rows to keep.",
        )  # fmt: skip
        return EVERYTHING, some

    def restored(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        parsed = [targets.checked(targets.parse(text), model.card) for text in texts]
        if len(parsed) == 1:
            one = parsed[0]
            match one.kind:
                case "where":
                    return Choice("where", {"column": one.column, "sign": one.sign, "bound": one.bound})
                case "rows":
                    return Choice("rows", {"row_numbers": str(one).removeprefix("rows:")})
                case "share" if not one.draw:
                    return Choice("share", {"row_share": one.share})
        return Choice("written", {"row_targets": "\n".join(map(str, parsed))})

    def restored_keep(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        return Choice(SOME, {"keep_rows": "\n".join(texts)}) if texts else Choice(ALL)

    def read(self, text: str, model: "ModelInfo") -> RowTarget:
        return targets.parse(text)

    def in_words(self, text: str) -> str:
        try:
            target = targets.parse(text)
        except BadInput:
            return ""
        match target.kind:
            case "where":
                return f"rows with {target.column} {target.sign} {target.bound:g}"
            case "rows":
                return "rows " + str(target).removeprefix("rows:").replace(",", ", ")
            case _:
                return f"a random {target.share:g} % of the rows"

    def kept_words(self, model: "ModelInfo") -> str:
        return "all other rows"

    def first_targets(self, card: Mapping[str, Any]) -> list[str]:
        return ["share:10%"]


def _where(values: Values) -> list[str]:
    if not values["column"]:
        return []
    return [str(RowTarget("where", column=values["column"], sign=values["sign"], bound=values["bound"] or 0.0))]


def _numbers(values: Values) -> list[str]:
    text = str(values["row_numbers"] or "").strip()
    return [str(targets.parse(f"rows:{text}"))] if text else []
