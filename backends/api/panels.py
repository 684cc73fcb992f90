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
    folded: bool = Field(default=False, description="Folds out of the panel before it.")


class Series(BaseModel):
    """One named row of numbers, as long as the panel's labels or x."""

    name: str
    values: list[Number]
    role: Role = "amount"
    when: When = ""
    dotted: bool = Field(default=False, description="Drawn as a dotted line, where it belongs to no model.")
    spread: list[Number] | None = Field(
        default=None, description="Standard deviation of each value, where there are several."
    )


class Band(BaseModel):
    """A range of x that is shaded; `role` says what it means, `name` stands in it."""

    low: float
    high: float
    role: Role = "forget"
    name: str = ""


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
    """Counts between `edges` (one more than each series has values), or what `y_title` says; `threshold` draws a line, `bands` shade x."""

    kind: Literal["histogram"] = "histogram"
    edges: list[float]
    series: list[Series]
    x_title: str = ""
    y_title: str = "count"
    threshold: float | None = None
    threshold_name: str = ""
    bands: list[Band] = Field(default_factory=list)


class SideDot(BaseModel):
    """An item under a threshold: its id, its score, and its picture, where it has one, relative to the run folder."""

    id: str
    value: Number
    picture: str = ""


class SideSet(BaseModel):
    """A set of items under a threshold.

    `called` says how many of its `size` items lie at or above each of the panel's thresholds; `dots` are some of them, in their order.
    `rate` is what their share is called: TPR of items the model was trained on, FPR of items it never saw, nothing of those in question.
    """

    name: str
    role: Role
    rate: Literal["TPR", "FPR", ""] = ""
    size: int
    called: list[int]
    dots: list[SideDot] = Field(default_factory=list)


class Sides(Panel):
    """Items of several sets on one scale, under a threshold to drag: those at or above it are called members.

    Attributes:
        thresholds: that can be chosen, in ascending order, on the scale of the scores.
        start: which of them is shown first, from 0.
        scale: "odds": scores are probabilities, drawn by log(p / (1 - p)), so that 99 % and 99.9 % lie apart.
        start_name: what the first threshold is.
    """

    kind: Literal["sides"] = "sides"
    sets: list[SideSet]
    thresholds: list[float]
    start: int = 0
    scale: Literal["linear", "odds"] = "linear"
    start_name: str = ""
    x_title: str = ""


class Lines(Panel):
    """Curves over a shared x."""

    kind: Literal["lines"] = "lines"
    x: list[float] | list[str]
    series: list[Series]
    x_title: str = ""
    y_title: str = ""
    compact: bool = Field(default=False, description="Lower than others, for a place beside another picture.")


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
    most: float | None = Field(default=None, description="End of the scale, where several matrices share it.")
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
    """A map of items, before and after linked point by point. `scaled`: places are numbers of one unit, so that the axes say them and a line
    stands where both are equal; `bands` shade x."""

    kind: Literal["points"] = "points"
    points: list[Point]
    x_title: str = ""
    y_title: str = ""
    scaled: bool = False
    bands: list[Band] = Field(default_factory=list)


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


class AnswerStage(BaseModel):
    """What a model answers at one stage of an attack, in pieces; a piece with a value is what was to be forgotten."""

    name: str
    text: list[Piece]
    back: bool = Field(default=False, description="It holds what was to be forgotten.")


class ComingBack(BaseModel):
    """One item that was asked at each stage: the question, the unlearned model's stages, and what the retrained reference ends with."""

    asked: str
    stages: list[AnswerStage]
    reference: AnswerStage | None = None


class Comeback(Panel):
    """A few items from stage to stage of an attack, those that came back first."""

    kind: Literal["comeback"] = "comeback"
    items: list[ComingBack]


class Routed(BaseModel):
    """One question with its true answer, token by token, the experts of each token, and what the models answer.

    Attributes:
        role: whose question it is.
        fact: what is asked, as the true answer words it; empty where that is not known.
        tokens: of the question and the true answer, as text.
        answer: the first token of the answer, from 0.
        marked: tokens that name the fact, or whom the question is about.
        before, after: to which experts each token goes, from 0, the one with the largest gate score first [layer][token][k].
        original, unlearned: the answers of the two models, each with its own routing.
        forced: the answer of the unlearned model with the routing of the original one.
    """

    role: Role
    question: str
    fact: str = ""
    tokens: list[str]
    answer: int = 0
    marked: list[int] = Field(default_factory=list)
    before: list[list[list[int]]]
    after: list[list[list[int]]]
    original: str = ""
    unlearned: str = ""
    forced: str = ""


class ExpertOff(BaseModel):
    """The unlearned model with one expert adding nothing; `layer` is a place in the panel's `layers`, `expert` from 0.

    Attributes:
        regained, lost: facts of the forget set that it answers only without this expert, and only with it.
        answers: to the panel's questions, in their order.
    """

    layer: int
    expert: int
    regained: int
    lost: int
    answers: list[str]


class RoutingShift(Panel):
    """Sentences whose tokens go to experts, layer by layer, in the original and in the unlearned model.

    Attributes:
        layers: names of the layers with a router.
        experts: how many a layer has.
        texts: the sentences.
        stayed: percent of all choices on the forget set that stayed, of `over` tokens.
        facts: forget-set questions that were asked for a fact; `answered`, how many the two models answer with it, and the unlearned
            one with the old routing; empty where that was not counted.
        points: points of probability of the forget set's true answers without each expert [layer][expert]; empty where it
            was not measured.
        off: what was asked with one expert switched off, the one that brings back most first.
    """

    kind: Literal["routing"] = "routing"
    layers: list[str]
    experts: int
    texts: list[Routed]
    stayed: Number = None
    over: int = 0
    facts: int = 0
    answered: dict[Literal["original", "unlearned", "forced"], int] = Field(default_factory=dict)
    points: list[list[Number]] = Field(default_factory=list)
    off: list[ExpertOff] = Field(default_factory=list)


class Tile(BaseModel):
    """One weight tensor, or the vectors of a layer together, drawn in `rows` x `columns` pixels; `label` is its own within its group."""

    name: str
    label: str
    shape: str
    weights: int
    rows: int
    columns: int


class TileGroup(BaseModel):
    """The tensors of one layer or stage, in the model's order."""

    name: str
    tiles: list[Tile]


class Tiles(Panel):
    """A network's weight tensors in pixels, by the gradient of the forget loss and by how far they moved, under a mask of the largest
    gradients whose size is chosen: the top `percent` of the weights that have a gradient, and as many of those that moved furthest.

    `arrays` is an .npz beside the findings, relative to the run folder. Its rows are the tiles in order, its columns the values of
    `percent`: `salient` (weights in the mask), `furthest` (weights among those that moved furthest), `both`; `weights` by tile; `pull`
    and `move` hold the pixels of all tiles one after the other: 0 for none, 1 not measured, 2 to 255 the mean amount on a log scale from
    `pull_range` or `move_range`, in powers of ten.
    """

    kind: Literal["tiles"] = "tiles"
    groups: list[TileGroup]
    arrays: str
    percent: list[int] = Field(description="Sizes of the mask, in percent of the weights that have a gradient.")
    start: int = Field(description="Which of `percent` is shown at first, from 0.")
    note: str = Field(default="", description="Where the start value comes from, where that is the run itself.")
    weights: int
    with_gradient: int
    not_measured: int = Field(default=0, description="Weights whose gradient is no number.")
    moved: int = Field(description="Weights that moved at all.")
    mask: list[int] = Field(description="Weights in the mask, at each size.")
    overlap: list[Number] = Field(description="Percent of the mask that is among the weights that moved furthest.")
    chance: list[Number] = Field(
        description="What a random mask among the weights with a gradient would share with them."
    )
    says_at: list[str] = Field(description="`says` at each size of the mask.")
    left_out: int = Field(default=0, description="Tensors too small to be drawn among so many; the mask counts them.")


class Switch(Panel):
    """Matrices of the same rows and columns in one place, with a switch between them; their titles name the positions."""

    kind: Literal["switch"] = "switch"
    options: list[Heatmap]
    start: int = Field(default=0, description="The position that is shown first.")


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


class TopWord(BaseModel):
    """A word that a vector spells; `stays`, whether it is among the vector's first words in the other model too."""

    word: str
    stays: bool = True


class FiringPiece(BaseModel):
    """A token of a text, and a vector's activation there: that of the original and of the unlearned model, with their signs."""

    text: str
    before: Number = None
    after: Number = None


class FiringText(BaseModel):
    """A text, or the part of it around the token where a vector fires most, token by token."""

    role: Role
    pieces: list[FiringPiece]


class Shift(BaseModel):
    """How far vectors are from the original: share of first words in common (Jaccard, 0 to 1), cosine, distance in their own
    length; and the mean strength of activation in the original and in the unlearned model."""

    overlap: Number
    cosine: Number
    distance: Number
    activation: tuple[Number, Number]


class VectorCard(BaseModel):
    """One vector, a column of a feed-forward layer, both counted from 0.

    `before` and `after` are its first words by the original and by the unlearned model, strongest first; `path` its cosine to the
    original at each of the panel's `steps`, `relearning` at those of its `relearning_steps`; `texts`, where it fires most.
    """

    layer: int
    column: int
    of: str = ""
    before: list[TopWord]
    after: list[TopWord]
    shift: Shift
    path: list[Number]
    relearning: list[Number] = Field(default_factory=list)
    texts: list[FiringText] = Field(default_factory=list)


class Vectors(Panel):
    """Cards of vectors, best first, under one sentence (`lead`, then `says`).

    `first` is how many first words are compared; `steps` names where cosines were measured, from the original to the unlearned
    model, and `control` and `control_path` are the means of as many random columns. Paths are as long as `steps`.
    """

    kind: Literal["vectors"] = "vectors"
    lead: str = ""
    cards: list[VectorCard]
    first: int
    steps: list[str]
    relearning_steps: list[str] = Field(default_factory=list)
    control: Shift
    control_path: list[Number]


StageState = Literal["served", "kept", "dark", "dark before"]


class SliceStage(BaseModel):
    """One stage of an order: the slice that it began with, from 1 (0: none was trained), and what became of its tile in this run."""

    slice: int
    state: StageState


class SliceGrid(Panel):
    """Shards x orders x stages of a model that was trained in slices; a press on a slice shows what else would go dark with it.

    Attributes:
        shards: of each shard its orders, of each order its stages, the first trained first.
        deleted: (shard, slice) that this run deleted, from 1.
    """

    kind: Literal["slice_grid"] = "slice_grid"
    shards: list[list[list[SliceStage]]]
    deleted: list[tuple[int, int]] = Field(default_factory=list)


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
    Bars
    | Histogram
    | Sides
    | Lines
    | Heatmap
    | Points
    | Pictures
    | Words
    | Comeback
    | RoutingShift
    | Switch
    | Tiles
    | ModelMap
    | Vectors
    | SliceGrid
    | Verdict,
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
