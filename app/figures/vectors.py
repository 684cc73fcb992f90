"""Cards of concept vectors: top words before and after, the path of the cosine, the tokens that fire each, and its switch."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from app import markup, theme
from app.figures._common import gaps
from app.templating import render
from backends.api.languages import tr
from backends.api.panels import FiringPiece, FiringText, Number, Shift, VectorCard, Vectors

SHOWN = 3  # cards before the fold
FAINT = 0.12  # of the strongest activation: a token below it is not coloured
FLOORS = (0.99, 0.9, 0.5, 0.0, -1.0)  # where an axis of cosines may begin
WIDTH, HEIGHT = 320.0, 44.0  # of the plot of a path, in its own units
INSET = 5.0  # room for a dot at its edges


@dataclass(frozen=True)
class Plot:
    """The path of a card, drawn: SVG paths of its lines, its dots, and what a pointer shows by step.

    Attributes:
        line, relearning, control: "M0 3L9 4"; a gap where nothing was measured.
        dots: (x, y) of the vector's measured points.
        bands: (x, width, words) of each step.
        divide: x where relearning begins; None without it.
    """

    line: str
    relearning: str
    control: str
    dots: list[tuple[float, float]]
    bands: list[tuple[float, float, str]]
    divide: float | None


def vectors(panel: Vectors) -> Markup:
    """The cards as HTML, the best three seen and the others folded away; vectors.js answers their switches."""
    if not panel.cards:
        return markup.nothing(tr("No vector spells it."))
    floor = _floor(panel)
    cards = [_card(panel, card, floor) for card in panel.cards]
    marks = any(not word.stays for card in panel.cards for word in (*card.before, *card.after))
    return render("vectors.cards", cards[:SHOWN], cards[SHOWN:], panel.first if marks else 0)


def headline(panel: Vectors) -> Markup:
    """What the answers did, and in bold what the vectors did."""
    return render("vectors.headline", panel.lead, panel.says)


def reading(panel: Vectors) -> Markup:
    """How to read the cards, folded away."""
    return render("vectors.reading", panel.how)


def table(panel: Vectors) -> Markup:
    """Every number of the cards as tables that fold out: how far each vector moved, and its path."""
    heads = [
        "vector",
        tr("overlap of words, %"),
        "cosine",
        "distance",
        tr("activation, original"),
        tr("activation, unlearned"),
    ]
    rows: list[list[markup.Cell]] = [[_name(panel, card), *_cells(card.shift)] for card in panel.cards]
    rows.append([tr("random columns, mean"), *_cells(panel.control)])
    moments = [*panel.steps, *panel.relearning_steps]
    paths: list[list[markup.Cell]] = [
        [_name(panel, card), *map(cosine, _padded([*card.path, *card.relearning], len(moments)))]
        for card in panel.cards
    ]
    paths.append([tr("random columns, mean"), *map(cosine, _padded(panel.control_path, len(moments)))])
    shifts = markup.table(heads, rows) + markup.table([tr("cosine to the original"), *moments], paths)
    return markup.fold(tr("Show the numbers as tables"), shifts)


def _padded(values: Sequence[Number], count: int) -> list[Number]:
    return [*values, *[None] * (count - len(values))][:count]


def _cells(shift: Shift) -> list[markup.Cell]:
    overlap = None if shift.overlap is None else 100 * shift.overlap
    return [overlap, cosine(shift.cosine), shift.distance, *shift.activation]


def _name(panel: Vectors, card: VectorCard) -> str:
    alone = len({one.of for one in panel.cards}) == 1
    return f"{card.layer}.{card.column}" + (f" ({card.of})" if card.of and not alone else "")


def _card(panel: Vectors, card: VectorCard, floor: float) -> Markup:
    of = card.of if len({one.of for one in panel.cards}) > 1 else ""
    peak = max((abs(value) for value in _activations(card.texts)), default=0.0)
    texts = [(text.role, theme.ROLE_WORDS[text.role], _pieces(text, peak)) for text in card.texts]
    shift = card.shift
    overlap = "" if shift.overlap is None else theme.percent(100 * shift.overlap)
    numbers = (overlap, cosine(shift.cosine), cosine(panel.control.cosine))
    strength = [f"{value:.3g}" if value is not None and theme.measured(value) else "" for value in shift.activation]
    return render("vectors.card", card, of, numbers, plot(panel, card, floor), _axis(panel, floor), texts, strength)


def cosine(value: Number) -> str:
    """A cosine as a card shows it: so many digits that less than 1 never reads as 1."""
    if value is None or not theme.measured(value):
        return theme.NOT_MEASURED
    if 0.9995 <= value < 1 - 5e-7:
        return next(text for digits in range(4, 8) if float(text := f"{value:.{digits}f}") < 1)
    return f"{value + 0.0:.3f}".removesuffix(".000")


# --- the path


def _floor(panel: Vectors) -> float:
    """Where the axis of every card begins, so that all share it."""
    every = [*panel.control_path, *(value for card in panel.cards for value in (*card.path, *card.relearning))]
    least = min((value for value in gaps(every) if value is not None), default=1.0)
    return next((floor for floor in FLOORS if floor <= least), -1.0)


def plot(panel: Vectors, card: VectorCard, floor: float) -> Plot:
    """The path of one card. Without samples of the job only its two ends are dots, with no line between them."""
    count = len(panel.steps) + len(panel.relearning_steps)
    wide = (WIDTH - 2 * INSET) / max(count - 1, 1)

    def at(step: int, value: float) -> tuple[float, float]:
        return INSET + wide * step, INSET + (HEIGHT - 2 * INSET) * (1 - value) / (1 - floor)

    def places(values: Iterable[Number], start: int = 0) -> list[tuple[float, float] | None]:
        return [None if value is None else at(start + step, value) for step, value in enumerate(gaps(list(values)))]

    own, last = places(card.path), len(panel.steps) - 1
    relearned = [own[-1], *places(card.relearning, last + 1)] if card.relearning and own else []
    recorded = len(panel.steps) > 2
    names = [*panel.steps, *panel.relearning_steps]
    values = _padded([*card.path, *card.relearning], count)
    bands = [
        (
            INSET + wide * (step - 0.5),
            wide,
            tr(
                "{names}: cosine {values}{panel}",
                names=names[step],
                values=cosine(values[step]),
                panel=_beside(panel, step),
            ),
        )
        for step in range(count)
    ]
    return Plot(
        line=_line(own) if recorded else "",
        relearning=_line(relearned),
        control=_line(places(panel.control_path)) if recorded else "",
        dots=[one for one in (*own, *relearned[1:]) if one is not None],
        bands=bands,
        divide=INSET + wide * last if panel.relearning_steps else None,
    )


def _beside(panel: Vectors, step: int) -> str:
    return (
        tr(", random columns {control_path}", control_path=cosine(panel.control_path[step]))
        if step < len(panel.control_path)
        else ""
    )


def _line(places: Sequence[tuple[float, float] | None]) -> str:
    """An SVG path through places that follow each other; nothing across a gap."""
    pieces = [
        f"M{one[0]:.1f} {one[1]:.1f}L{other[0]:.1f} {other[1]:.1f}"
        for one, other in pairwise(places)
        if one is not None and other is not None
    ]
    return "".join(pieces)


def _axis(panel: Vectors, floor: float) -> tuple[str, str, str]:
    """The lower end of the axis, and what stands below the path: at its left, and at its right."""
    right = tr("relearned") if panel.relearning_steps else tr("unlearned")
    return f"{floor:g}", "original", right if len(panel.steps) > 2 else tr("{right} (steps not recorded)", right=right)


# --- what it fires on


def _activations(texts: Sequence[FiringText]) -> list[float]:
    every = (value for text in texts for piece in text.pieces for value in (piece.before, piece.after))
    return [value for value in gaps(list(every)) if value is not None]


def _pieces(text: FiringText, peak: float) -> list[tuple[str, tuple[str, str, float, str]]]:
    """Of each token the space before it, and (its text, "more", "less" or "", share of the strongest in percent, what a pointer
    shows); the text begins without a space."""
    pieces = []
    for at, piece in enumerate(text.pieces):
        bare = piece.text.lstrip()
        pieces.append((piece.text[: len(piece.text) - len(bare)] if at else "", _piece(bare, piece, peak)))
    return pieces


def _piece(bare: str, piece: FiringPiece, peak: float) -> tuple[str, str, float, str]:
    value = piece.before
    if value is None or not theme.measured(value):
        return bare, "", 0.0, ""
    after = theme.NOT_MEASURED if piece.after is None else f"{piece.after:.2f}"
    words = tr("activation {value:.2f} in the original, {after} in the unlearned model", value=value, after=after)
    share = abs(value) / peak if peak else 0.0
    if share < FAINT:
        return bare, "", 0.0, words
    return bare, "more" if value > 0 else "less", 100 * share, words
