"""Rows of a table as forget and keep targets, as people write them.

rows:3,10-40     rows by their number, from 0
age<40           rows by what stands in a column; also <=, > and >=
share:10%        a random share of the rows; share:10%:7 is another draw
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...api.errors import BadInput
from ...api.params import quoted_value
from ...api.spec import JobSpec

FORMS = "write rows:3,10-40, a column with a bound like age<40, or share:10%"
SIGNS = ("<", "<=", ">", ">=")


@dataclass(frozen=True)
class RowTarget:
    """One target, taken apart. `kind` says which of the fields hold."""

    kind: Literal["rows", "where", "share"]
    spans: tuple[tuple[int, int], ...] = ()
    column: str = ""
    sign: str = ""
    bound: float = 0.0
    share: float = 0.0
    draw: int = 0

    def __str__(self) -> str:
        match self.kind:
            case "rows":
                return "rows:" + ",".join(str(low) if low == high else f"{low}-{high}" for low, high in self.spans)
            case "where":
                return f"{self.column}{self.sign}{self.bound:g}"
            case _:
                return f"share:{self.share:g}%" + (f":{self.draw}" if self.draw else "")


def parse(text: str) -> RowTarget:
    """Take one target apart.

    Raises:
        BadInput: it follows none of the forms.
    """
    text = text.strip()
    if share := re.fullmatch(r"share:([0-9]{1,2}(?:\.[0-9]{1,3})?)\s*%(?::([0-9]{1,9}))?", text):
        if not 0 < float(share[1]) <= 90:
            raise BadInput(f"{quoted_value(text)} is no share of the rows; write more than 0 and at most 90 %.")
        return RowTarget("share", share=float(share[1]), draw=int(share[2] or 0))
    if re.fullmatch(r"rows:[0-9]{1,9}(-[0-9]{1,9})?(,[0-9]{1,9}(-[0-9]{1,9})?)*", text.replace(" ", "")):
        ends = [part.split("-") for part in text.replace(" ", "").removeprefix("rows:").split(",")]
        spans = tuple((int(part[0]), int(part[-1])) for part in ends)
        if any(low > high for low, high in spans):
            raise BadInput(
                f"{quoted_value(text)} holds a span that ends before it begins; write the smaller number first."
            )
        return RowTarget("rows", spans=spans)
    if where := re.fullmatch(r"(\w+)\s*(<=|>=|<|>)\s*(-?[0-9]+(?:\.[0-9]+)?)", text):
        return RowTarget("where", column=where[1], sign=where[2], bound=float(where[3]))
    raise BadInput(f"{quoted_value(text)} names no rows; {FORMS}.")


def read(spec: JobSpec, card: Mapping[str, Any]) -> tuple[list[RowTarget], list[RowTarget]]:
    """The forget targets and the keep targets.

    Raises:
        BadInput: one is no target, names what the table does not have, or is in both lists.
    """
    forget, keep = ([checked(parse(text), card) for text in part] for part in (spec.forget, spec.keep))
    both = next((target for target in forget if target in keep), None)
    if both is not None:
        raise BadInput(f"{both} is in the forget list and in the keep list; take it out of one.")
    return forget, keep


def checked(target: RowTarget, card: Mapping[str, Any]) -> RowTarget:
    """The target again, when it fits the table.

    Raises:
        BadInput: it names a column or a row that the table does not have.
    """
    columns, count = card.get("columns", {}), int(card.get("train_count", 0))
    if target.kind == "where" and columns and target.column not in columns:
        raise BadInput(f"There is no column {quoted_value(target.column)}; the table has {', '.join(columns)}.")
    outside = next((end for span in target.spans for end in span if count and end >= count), None)
    if outside is not None:
        raise BadInput(f"There is no row {outside}; the rows run from 0 to {count - 1}.")
    return target
