"""What an inspector found, as data: a small vocabulary of pictures that any page can draw.

An inspector says what a value means (`role`), never which colour it has; the interface owns the colours, so the same
thing looks the same everywhere. Every panel says how to read it, and one sentence on what it shows here.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["forget", "neighbour", "unrelated", "reference", "difference", "amount"]
When = Literal["before", "after", ""]
Sign = Literal["yes", "partly", "no", "unknown"]
WORDING = 2  # raised where a sentence of a look was wrong, so that no page shows the old one again
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
    """Counts between `edges` (one more than each series has values), or what `y_title` says; `threshold` draws a line."""

    kind: Literal["histogram"] = "histogram"
    edges: list[float]
    series: list[Series]
    x_title: str = ""
    y_title: str = "count"
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


class Piece(BaseModel):
    """A piece of text and how strongly it counts, from 0 to 1, for differences from -1 to 1; None where nothing is said."""

    text: str
    value: Number = None


class Words(Panel):
    """Rows of texts under shared column heads, in pieces: rows[row][column][piece]. Values colour the pieces.

    `roles` says what each row means; `numbers` writes the value beside its piece, in percent.
    """

    kind: Literal["words"] = "words"
    columns: list[str]
    rows: list[list[list[Piece]]]
    roles: list[Role] = Field(default_factory=list)
    scale: Literal["amount", "difference"] = "amount"
    numbers: bool = False


class Routed(BaseModel):
    """One text, word by word, and to which experts each word goes: before[layer][word][k], after[layer][word][k], from 0."""

    role: Role
    words: list[str]
    before: list[list[list[int]]]
    after: list[list[list[int]]]


class Routes(Panel):
    """Texts whose words are coloured by their experts, before and after, with a layer and an expert to choose.

    `shares` holds, by layer and expert, the percentage of all words (not only of those shown) that go to it before and after;
    `layer` and `expert` are chosen at first, from 0.
    """

    kind: Literal["routes"] = "routes"
    layers: list[str]
    experts: int
    texts: list[Routed]
    shares: list[list[tuple[float, float]]]
    layer: int = 0
    expert: int = 0


class Flow(Panel):
    """What goes from each of `labels` on the left to each on the right: z[from][to]; the diagonal stayed where it was."""

    kind: Literal["flow"] = "flow"
    labels: list[str]
    z: list[list[Number]]
    unit: str = ""


BlockKind = Literal[
    "embedding", "convolution", "attention", "cross-attention", "feed-forward", "expert", "router", "head", "other"
]


class BlockCell(BaseModel):
    """One head or expert of a block, with its relative change in percent."""

    title: str
    change: Number


class Block(BaseModel):
    """One part of a stage: its kind, its number of weights, its relative change in percent, and its tensors with theirs."""

    title: str
    kind: BlockKind
    weights: int
    change: Number
    cells: list[BlockCell] = Field(default_factory=list)
    tensors: list[tuple[str, Number]] = Field(default_factory=list)


class Stage(BaseModel):
    """One layer or block of a network; `level` says how deep it lies in a U-Net."""

    title: str
    level: int = 0
    blocks: list[Block]


class ModelMap(Panel):
    """A network from its entrance to its exit, coloured by how far each part moved; `skips` join two stages by their places."""

    kind: Literal["model_map"] = "model_map"
    stages: list[Stage]
    skips: list[tuple[int, int]] = Field(default_factory=list)


class Verdict(Panel):
    """One sentence as the answer: a sign and words, never a colour alone. Where the title is a question, the sign answers it.

    `finding` is a clause that the verdict of the whole run takes up (`backends.api.verdict`); `covers`, the metric that would say the
    same, and where that was measured the clause is left out.
    """

    kind: Literal["verdict"] = "verdict"
    sign: Sign
    finding: str = ""
    covers: str = ""


AnyPanel = Annotated[
    Bars | Histogram | Lines | Heatmap | Points | Pictures | Words | Routes | Flow | ModelMap | Verdict,
    Field(discriminator="kind"),
]


class Found(BaseModel):
    """What `inspect/<name>/found.json` and `attack/<name>/found.json` hold."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    what: str = Field(description="Id of the inspector or attack.")
    wording: int = Field(
        default=1, description="Of its sentences; what was found in an earlier one is looked for again."
    )
    params: dict[str, object] = Field(default_factory=dict)
    seconds: float = 0.0
    panels: list[AnyPanel]
