"""What an inspector found, as data: a small vocabulary of pictures that any page can draw.

An inspector says what a value means (`role`), never which colour it has; the interface owns the colours, so the same
thing looks the same everywhere. Every panel says how to read it, and one sentence on what it shows here.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["forget", "neighbour", "unrelated", "reference", "difference", "amount"]
When = Literal["before", "after", ""]
Number = float | None  # None and NaN are "not measured"


class Panel(BaseModel):
    """What every panel has. `how` says how to read it, `says` what it shows here, computed from the data."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="strings")

    title: str
    how: str
    says: str = ""


class Series(BaseModel):
    """One named row of numbers, as long as the panel's labels or x."""

    name: str
    values: list[Number]
    role: Role = "amount"
    when: When = ""
    spread: list[Number] | None = Field(
        default=None, description="Standard deviation of each value, where there are several."
    )


class Bars(Panel):
    """Groups of bars, one group a label; `threshold` draws a line across."""

    kind: Literal["bars"] = "bars"
    labels: list[str]
    series: list[Series]
    unit: str = ""
    threshold: float | None = None
    threshold_name: str = ""
    horizontal: bool = False
    marked: list[int] = Field(default_factory=list, description="Labels that are to be forgotten.")


class Histogram(Panel):
    """Counts between `edges` (one more than each series has values); `threshold` draws a line."""

    kind: Literal["histogram"] = "histogram"
    edges: list[float]
    series: list[Series]
    x_title: str = ""
    threshold: float | None = None
    threshold_name: str = ""


class Lines(Panel):
    """Curves over a shared x."""

    kind: Literal["lines"] = "lines"
    x: list[float] | list[str]
    series: list[Series]
    x_title: str = ""
    y_title: str = ""


class Picture(BaseModel):
    """One picture, relative to the run folder, and what stands below it."""

    path: str
    caption: str = ""
    role: Role = "amount"


class Heatmap(Panel):
    """A matrix, rows first: z[row][column]. `scale` "difference" is centred on 0. Cells may carry their number.

    A cell may have pictures to show when it is chosen, as many rows and columns of them as z, or none at all.
    """

    kind: Literal["heatmap"] = "heatmap"
    rows: list[str]
    columns: list[str]
    z: list[list[Number]]
    unit: str = ""
    scale: Literal["amount", "difference"] = "amount"
    row_title: str = ""
    column_title: str = ""
    numbers: bool = False
    marked: list[int] = Field(default_factory=list, description="Rows that are to be forgotten.")
    marked_columns: list[int] = Field(default_factory=list, description="Columns that are to be forgotten.")
    pictures: list[list[list[Picture]]] = Field(
        default_factory=list, description="By row and column: what a cell shows."
    )


class Point(BaseModel):
    """One item on a map: where it was and where it is now, and what a pointer held over it shows."""

    id: str
    label: str
    role: Role
    before: tuple[float, float]
    after: tuple[float, float] | None = None
    image: str = Field(default="", description="Picture to show, relative to the run folder.")
    text: str = ""


class Points(Panel):
    """A map of items, before and after linked point by point."""

    kind: Literal["points"] = "points"
    points: list[Point]
    x_title: str = ""
    y_title: str = ""


class Pictures(Panel):
    """Rows of pictures under shared column heads, as in: image, before, after, difference."""

    kind: Literal["pictures"] = "pictures"
    columns: list[str]
    rows: list[list[Picture]]


class Verdict(Panel):
    """One sentence as the answer: a sign and words, never a colour alone."""

    kind: Literal["verdict"] = "verdict"
    sign: Literal["yes", "partly", "no", "unknown"]


AnyPanel = Annotated[Bars | Histogram | Lines | Heatmap | Points | Pictures | Verdict, Field(discriminator="kind")]


class Found(BaseModel):
    """What `inspect/<name>/found.json` and `attack/<name>/found.json` hold."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    what: str = Field(description="Id of the inspector or attack.")
    params: dict[str, object] = Field(default_factory=dict)
    seconds: float = 0.0
    panels: list[AnyPanel]
