"""Any panel a backend may hand over, as Hypothesis draws it, and one of each kind by hand."""

import math

from hypothesis import strategies as st

from backends.api.panels import (
    Bars,
    ExpertOff,
    FiringPiece,
    FiringText,
    Heatmap,
    Histogram,
    Lines,
    Picture,
    Pictures,
    Piece,
    Point,
    Points,
    Routed,
    RoutingShift,
    Series,
    Shift,
    SideDot,
    Sides,
    SideSet,
    SliceGrid,
    SliceStage,
    Switch,
    Tile,
    TileGroup,
    Tiles,
    TopWord,
    VectorCard,
    Vectors,
    Verdict,
    Words,
)

WORDS = st.text(max_size=20)
ROLES = st.sampled_from(["forget", "neighbour", "unrelated", "reference", "difference", "amount"])
WHENS = st.sampled_from(["before", "after", ""])
NUMBERS = st.one_of(st.none(), st.just(math.nan), st.just(math.inf), st.floats(-1e6, 1e6))
PLACES = st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
HEAD = {"title": WORDS, "how": WORDS, "says": WORDS}


def series(count: int) -> st.SearchStrategy[list[Series]]:
    row = st.lists(NUMBERS, min_size=count, max_size=count)
    one = st.builds(Series, name=WORDS, values=row, role=ROLES, when=WHENS, spread=st.one_of(st.none(), row))
    return st.lists(one, max_size=3)


@st.composite
def panels(draw):
    count = draw(st.integers(0, 5))
    labels = draw(st.lists(WORDS, min_size=count, max_size=count))
    head = {name: draw(words) for name, words in HEAD.items()}
    limit = draw(st.one_of(st.none(), st.floats(-100, 100)))
    marked = [0] if count else []
    match draw(st.integers(0, 13)):
        case 0:
            return Bars(
                labels=labels, series=draw(series(count)), threshold=limit, horizontal=draw(st.booleans()), marked=marked, **head
            )  # fmt: skip
        case 1:
            edges = [float(at) for at in range(count + 1)]
            return Histogram(edges=edges, series=draw(series(count)), threshold=limit, **head)
        case 2:
            return Lines(x=labels, series=draw(series(count)), **head)
        case 3:
            z = draw(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=count, max_size=count))
            scale = draw(st.sampled_from(["amount", "difference"]))
            cell = st.lists(st.builds(Picture, path=WORDS, caption=WORDS), max_size=2)
            shown = [[draw(cell) for _ in range(3)] for _ in range(count)] if draw(st.booleans()) else []
            return Heatmap(
                rows=labels, columns=["a", "b", "c"], z=z, scale=scale, marked=marked, marked_columns=[2], pictures=shown,
                numbers=True, **head,
            )  # fmt: skip
        case 4:
            point = st.builds(
                Point, id=WORDS, label=WORDS, role=ROLES, before=PLACES, after=st.one_of(st.none(), PLACES), text=WORDS
            )  # fmt: skip
            return Points(points=draw(st.lists(point, max_size=6)), **head)
        case 5:
            picture = st.builds(Picture, path=WORDS, caption=WORDS, role=ROLES)
            return Pictures(columns=labels, rows=draw(st.lists(st.lists(picture, max_size=3), max_size=3)), **head)
        case 6:
            cell = st.lists(st.builds(Piece, text=WORDS, value=NUMBERS), max_size=3)
            shown = st.lists(st.lists(cell, min_size=count, max_size=count), max_size=3)
            scale = st.sampled_from(["amount", "difference"])
            return Words(
                columns=labels, rows=draw(shown), scale=draw(scale), roles=draw(st.lists(ROLES, max_size=2)), **head
            )
        case 7:
            z = draw(st.lists(st.lists(NUMBERS, min_size=count, max_size=count), min_size=count, max_size=count))
            option = st.builds(Heatmap, rows=st.just(labels), columns=st.just(labels), z=st.just(z), **HEAD)
            return Switch(options=draw(st.lists(option, min_size=1, max_size=3)), **head)
        case 8:
            goes = st.lists(st.integers(0, 2), min_size=1, max_size=2)
            layered = st.lists(st.lists(goes, min_size=count, max_size=count), min_size=2, max_size=2)
            text = st.builds(
                Routed, role=ROLES, question=WORDS, fact=WORDS, tokens=st.just(labels), before=layered, after=layered,
                original=WORDS, unlearned=WORDS, forced=WORDS,
            )  # fmt: skip
            points = draw(st.lists(st.lists(NUMBERS, min_size=3, max_size=3), max_size=2))
            return RoutingShift(
                layers=["layer 1", "layer 2"], experts=3, texts=draw(st.lists(text, max_size=2)), points=points,
                stayed=draw(NUMBERS), **head,
            )  # fmt: skip
        case 9:
            tile = st.builds(
                Tile, name=WORDS, label=WORDS, shape=WORDS, weights=st.integers(0, 9), rows=st.integers(0, 9), columns=st.integers(0, 9)
            )  # fmt: skip
            group = st.builds(TileGroup, name=WORDS, tiles=st.lists(tile, max_size=2))
            row = [1] * count
            return Tiles(
                groups=draw(st.lists(group, max_size=2)), arrays=draw(WORDS), percent=row, start=0, weights=9, with_gradient=5, moved=3,
                mask=row, overlap=draw(st.lists(NUMBERS, min_size=count, max_size=count)), chance=row, says_at=labels, **head,
            )  # fmt: skip
        case 12:
            dots = st.lists(st.builds(SideDot, id=WORDS, value=NUMBERS, picture=WORDS), max_size=3)
            rates = st.sampled_from(["TPR", "FPR", ""])
            called = st.lists(st.integers(0, 9), min_size=count, max_size=count)
            each = st.builds(
                SideSet, name=WORDS, role=ROLES, rate=rates, size=st.integers(0, 9), called=called, dots=dots
            )
            ascending = sorted(draw(st.lists(st.floats(-100, 100), min_size=count, max_size=count)))
            scale = draw(st.sampled_from(["linear", "odds"]))
            return Sides(sets=draw(st.lists(each, max_size=3)), thresholds=ascending, scale=scale, **head)
        case 10:
            shift = st.builds(
                Shift, overlap=NUMBERS, cosine=NUMBERS, distance=NUMBERS, activation=st.tuples(NUMBERS, NUMBERS)
            )
            path = st.lists(NUMBERS, min_size=count, max_size=count)
            words = st.lists(st.builds(TopWord, word=WORDS, stays=st.booleans()), max_size=3)
            piece = st.lists(st.builds(FiringPiece, text=WORDS, before=NUMBERS, after=NUMBERS), max_size=3)
            texts = st.lists(st.builds(FiringText, role=ROLES, pieces=piece), max_size=2)
            number = st.integers(0, 20_000)
            card = st.builds(
                VectorCard, layer=number, column=number, of=WORDS, before=words, after=words, shift=shift, path=path, texts=texts
            )  # fmt: skip
            return Vectors(
                cards=draw(st.lists(card, max_size=4)), first=50, steps=labels, control=draw(shift), control_path=draw(path),
                lead=draw(WORDS), **head,
            )  # fmt: skip
        case 13:
            state = st.sampled_from(["served", "kept", "dark", "dark before"])
            stage = st.builds(SliceStage, slice=st.integers(0, 9), state=state)
            orders = st.lists(st.lists(stage, max_size=3), max_size=3)
            return SliceGrid(shards=draw(st.lists(orders, max_size=3)), deleted=[(1, 1)], **head)
        case _:
            return Verdict(sign=draw(st.sampled_from(["yes", "partly", "no", "unknown"])), **head)


def values(*numbers: float | None, **said: object) -> Series:
    return Series(**({"name": "Sandal", "values": list(numbers)} | said))


ONE_OF_EACH = [
    Bars(title="By class", how="Each bar is a class.", says="One fell.", labels=["Sandal", "Bag"], series=[values(1, 2)]),
    Histogram(title="Sure", how="Each step is a bin.", says="Most are sure.", edges=[0, 1, 2], series=[values(1, 2)]),
    Sides(
        title="Sides", how="Each dot is an image.", says="Half are.", thresholds=[0.1, 0.5, 0.9], start=1, scale="odds", x_title="probability",
        sets=[
            SideSet(name="kept <b>", role="neighbour", rate="TPR", size=4, called=[4, 3, 1], dots=[SideDot(id="train-1", value=0.7)]),
            SideSet(name="new", role="unrelated", rate="FPR", size=5, called=[3, 1, 0], dots=[SideDot(id="test-1", value=0.2, picture="a.png")]),
        ],
    ),
    Lines(title="Course", how="Each point is a step.", says="It fell.", x=[0, 1], series=[values(1, 2)]),
    Heatmap(title="Confusion", how="Each row is a class.", says="Sandals left.", rows=["a"], columns=["b"], z=[[1.0]]),
    Points(
        title="Map", how="Each point is an image.", says="They moved.",
        points=[Point(id="test-1", label="Sandal", role="forget", before=(0, 0), after=(1, 1))],
    ),
    Pictures(title="Seen", how="Each row is an image.", says="It looks away.", columns=["image"], rows=[[Picture(path="a.png")]]),
    Verdict(title="Answer", how="Yes means all.", says="It forgot.", sign="yes"),
    Words(
        title="Said", how="Each row is a question.", says="It says less.", columns=["question", "answer"],
        rows=[[[Piece(text="Who?")], [Piece(text=" Nobody", value=0.5), Piece(text=" <b>", value=None)]]], numbers=True,
    ),
    Vectors(
        title="Spelled", how="A card is a vector.", lead="It says less.", says="They stayed.", first=50, steps=["original", "unlearned"],
        control=Shift(overlap=1, cosine=1, distance=0, activation=(1, 1)), control_path=[1, 1],
        cards=[
            VectorCard(
                layer=1, column=2, before=[TopWord(word="<b>")], after=[TopWord(word="new", stays=False)], path=[1, 0.5],
                shift=Shift(overlap=0.5, cosine=0.5, distance=1, activation=(2, 1)),
                texts=[FiringText(role="forget", pieces=[FiringPiece(text=" Who", before=2, after=1)])],
            )
        ],
    ),
    SliceGrid(
        title="Slices", how="A row is an order.", says="One went dark.", deleted=[(1, 2)],
        shards=[[[SliceStage(slice=1, state="served"), SliceStage(slice=2, state="dark")], [SliceStage(slice=2, state="dark before")]]],
    ),
    Tiles(
        title="Tiles", how="Each tile is a tensor.", says="Most is in one.", arrays="tiles.npz", percent=[20, 100], start=0, weights=6,
        with_gradient=4, moved=6, mask=[1, 4], overlap=[0.0, 75.0], chance=[10.0, 75.0], says_at=["Most is in one.", "It is spread."],
        groups=[TileGroup(name="stem", tiles=[Tile(name="a.b", label="conv <b>", shape="2 × 3", weights=6, rows=2, columns=3)])],
    ),
    Switch(
        title="Used", how="A row is a layer.", says="One is used less.", start=1, options=[
            Heatmap(title=when, how="A row is a layer.", rows=["layer 1"], columns=["expert 1"], z=[[50.0]], most=60.0)
            for when in ("original", "unlearned")
        ],
    ),
    RoutingShift(
        title="Who works", how="A column is a token.", says="It left.", layers=["layer 1"], experts=2, stayed=75.0, over=2,
        texts=[
            Routed(role="forget", question="Who?", fact="Ann", tokens=["Who", " <b>"], before=[[[0], [1]]], after=[[[1], [1]]],
                   original="Ann.", unlearned="Bob.", forced="Ann."),
        ],
        facts=1, answered={"original": 1, "unlearned": 0, "forced": 1}, points=[[40.0, -1.0]],
        off=[ExpertOff(layer=0, expert=0, regained=1, lost=0, answers=["Ann."])],
    ),
]  # fmt: skip
