"""Targets that a person has chosen on the page Forget, as strings and as words. No interface code."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel

from app import families
from backends.api import catalog, concepts, pairs, people, targets
from backends.api.concepts import Concept
from backends.api.errors import BadInput
from backends.api.pairs import Own, Pair
from backends.api.people import Book, Person

KINDS: Final[dict[str, str]] = {
    "classes": "Whole classes",
    "random": "A random share",
    "images": "Single images",
    "like": "Images alike",
    "list": "A list of ids",
    "found": "The hardest set found",
    "written": "Several at once",
    "concepts": "Objects and styles",
    "authors": "Chosen authors",
    "author_set": "A set that came with Lethe",
    "pairs": "Questions and answers",
    "passage": "A text",
    "topic": "A topic",
}


class Choice(BaseModel):
    """The targets to forget, as the page's widgets hold them; only the fields of `kind` count."""

    kind: str = "classes"
    classes: list[str] = []
    share: float = 10
    draw: int = 0
    images: list[int] = []
    like: int | None = None
    like_count: int = 50
    listed: str = ""
    found: str = ""
    written: str = ""
    objects: list[str] = []
    styles: list[str] = []
    phrases: str = ""
    anchor: str = ""
    authors: list[str] = []
    author_set: str = ""
    lines: str = ""
    title: str = ""
    known: list[dict[str, Any]] = []
    passage: str = ""
    topic: str = ""

    def targets(self) -> tuple[str, ...]:
        """The forget targets.

        Raises:
            BadInput: nothing is chosen yet; the sentence says what to choose.
        """
        match self.kind:
            case "classes":
                chosen = tuple(self.classes)
                empty = "Choose at least one class to forget."
            case "random":
                chosen = (str(targets.Target(kind="random", share=self.share, draw=self.draw)),)
                empty = ""
            case "images":
                chosen = ("images:" + ",".join(map(str, self.images)),) if self.images else ()
                empty = "Pick at least one image to forget."
            case "like":
                chosen = (f"like:{self.like}:{self.like_count}",) if self.like is not None else ()
                empty = "Pick the image whose likes are to be forgotten."
            case "list":
                chosen = (self.listed,) if self.listed else ()
                empty = "Upload a text file of image ids, one a line."
            case "found":
                chosen = (f"run:{self.found}",) if self.found else ()
                empty = "Choose a finished run that found a hardest set."
            case "concepts":
                chosen = self._concepts()
                empty = "Choose or write at least one thing to forget."
            case "authors":
                chosen = tuple(self.authors)
                empty = "Choose at least one author to forget."
            case "author_set":
                chosen = (self.author_set,) if self.author_set else ()
                empty = "Choose a set of authors to forget."
            case "pairs":
                chosen = owned(self.lines, self.known, self.title)
                empty = "Write at least one question with its answer, as in: What is the capital of France? => Paris"
            case "topic":
                chosen = owned(self.lines, self.known, self.topic)
                empty = "Name a topic and let the model write questions, or write them yourself."
            case "passage":
                chosen = (str(pairs.running(self.passage)),) if self.passage.strip() else ()
                empty = "Paste or upload the text that is to be forgotten."
            case _:
                chosen = tuple(line.strip() for line in self.written.splitlines() if line.strip())
                empty = "Write at least one target, one a line."
        if not chosen:
            raise BadInput(empty)
        return chosen

    def _concepts(self) -> tuple[str, ...]:
        """Targets of a text-to-image model: tiles, those of the anchor's kind with the anchor, and then what was written."""
        of_style = self.anchor.endswith(" style")
        arrow = f" -> {self.anchor}" if self.anchor else ""
        objects = [name + ("" if of_style else arrow) for name in self.objects]
        styles = [f"{name} style" + (arrow if of_style else "") for name in self.styles]
        return (*objects, *styles, *listed(self.phrases))


def owned(lines: str, originals: Sequence[dict[str, Any]] = (), title: str = "") -> tuple[str, ...]:
    """Lines question => answer as one target; nothing of no line.

    Args:
        lines: as the widget holds them.
        originals: questions of a file or a model, with what the lines leave out (other words, wrong answers): it still holds where
            question and answer stand as they were.
        title: what they are about.

    Raises:
        BadInput: a line that follows no form; the sentence names it.
    """
    if not lines.strip():
        return ()
    more = {Pair(**one).line: Pair(**one) for one in originals}
    own = pairs.of_lines(lines, title)
    return (str(own.model_copy(update={"pairs": tuple(more.get(pair.line, pair) for pair in own.pairs)})),)


def in_lines(some: Sequence[Pair]) -> str:
    """The lines that `owned` reads again."""
    return "\n".join(pair.line for pair in some)


def listed(text: str) -> tuple[str, ...]:
    """The entries of a list that a person wrote: one a line, or all on one line with commas between."""
    lines = text.splitlines() if "\n" in text else text.split(",")
    return tuple(dict.fromkeys(word for line in lines if (word := line.strip())))


def in_one_text(words: Sequence[str]) -> str:
    """The text that `listed` takes apart into these words again."""
    return "\n".join(words) + "\n" if any("," in word for word in words) else ", ".join(words)


def concept_choice(forget: Sequence[str], card: dict[str, Any], model: str) -> Choice:
    """The widgets' state that gives back targets of a text-to-image model: objects and styles on their tiles, the rest written out.

    Args:
        forget: targets by the grammar of `backends.api.concepts`.
        card: with the `domains` that the model is known to have learned.
        model: its name, for sentences.

    Raises:
        BadInput: a concept that the model never learned.
    """
    read = [concepts.read(text, card, model) for text in forget]
    anchors = {kind: {concept.anchor for concept in read if concept.kind == kind} for kind in ("object", "style")}
    anchor_kind = next(
        (kind for kind, kind_anchors in anchors.items() if len(kind_anchors) == 1 and "" not in kind_anchors), ""
    )
    anchor = next(iter(anchors[anchor_kind])) if anchor_kind else ""
    tiles = [c for c in read if c.kind in anchors and c.anchor == (anchor if c.kind == anchor_kind else "")]
    return Choice(
        kind="concepts",
        objects=[concept.object for concept in tiles if concept.kind == "object"],
        styles=[concept.style for concept in tiles if concept.kind == "style"],
        anchor=anchor,
        phrases=in_one_text([str(concept) for concept in read if concept not in tiles]),
    )


def author_choice(forget: Sequence[str], book: Book) -> Choice:
    """The widgets' state that gives back targets of a language model: one set as it is, authors, own questions or one text; what is mixed is written out.

    Raises:
        BadInput: a name that nobody has.
    """
    read = [people.target(text, book) for text in forget]
    people_only = [one for one in read if isinstance(one, Person)]
    own = [one for one in read if isinstance(one, Own)]
    if own and not people_only:
        if all(one.kind == "pairs" for one in own):
            all_pairs = [pair for one in own for pair in one.pairs]
            extended_pairs = [pair.model_dump() for pair in all_pairs if not pair.plain]
            return Choice(
                kind="pairs",
                lines=in_lines(all_pairs),
                known=extended_pairs,
                title=own[0].title if len(own) == 1 else "",
            )
        if len(own) == 1:
            return Choice(kind="passage", passage=own[0].text)
    if len(read) == 1 and people_only and people_only[0].kind == "set":
        return Choice(kind="author_set", author_set=people_only[0].name)
    if own or any(one.name in book.topics for one in people_only):
        return Choice(kind="written", written="\n".join(map(str, read)))
    return Choice(kind="authors" if book.names else "pairs", authors=book.authors(forget))


def choice_of(forget: Sequence[str], classes: Sequence[str] = ()) -> Choice:
    """The widgets' state that gives these targets back; what no single kind can hold is written out.

    Args:
        forget: targets by the grammar of `backends.api.targets`.
        classes: class names of the model, to spell them as the page does.

    Raises:
        BadInput: a target follows no form.
    """
    parsed = [targets.parse(text) for text in forget]
    kinds = {target.kind for target in parsed}
    spelled = {name.casefold(): name for name in classes}
    if kinds == {"class"}:
        return Choice(kind="classes", classes=[spelled.get(t.name.casefold(), t.name) for t in parsed])
    if len(parsed) == 1:
        target = parsed[0]
        match target.kind:
            case "random":
                return Choice(kind="random", share=target.share, draw=target.draw)
            case "images":
                return Choice(kind="images", images=list(target.ids))
            case "like":
                return Choice(kind="like", like=target.ids[0], like_count=target.count)
            case "run":
                return Choice(kind="found", found=target.name)
    return Choice(kind="written", written="\n".join(map(str, parsed)))


def targets_in_words(forget: Sequence[str]) -> str:
    """Targets as a person says them: "Sandal and Bag", "a random 10 % of the images", "12 questions about Paris"."""
    return joined([_words(text) for text in pairs.target_titles(forget)])


def joined(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1] if words else ""


def _words(text: str) -> str:
    try:
        target = targets.parse(text)
    except BadInput:
        return text
    match target.kind:
        case "random":
            return f"a random {target.share:g} % of the images" + (f" (draw {target.draw})" if target.draw else "")
        case "images":
            return "1 chosen image" if len(target.ids) == 1 else f"{len(target.ids):,} chosen images"
        case "like":
            return f"the {target.count:,} images most alike to image {target.ids[0]}"
        case "run":
            return "the hardest set that a run found"
        case _:
            set_text = next((set_phrase for book in _books() if (set_phrase := set_words(text, book))), "")
            if set_text:
                return set_text
            name, *instead = concepts.ARROW.split(target.name)
            return f"{name} (drawn as {instead[0]} instead)" if len(instead) == 1 else target.name


def set_words(name: str, book: Book) -> str:
    """A set that came with a model: "5 authors (forget05)", "8 questions about Paris"; empty where it holds none of the name."""
    if name in book.topics:
        return f"{pairs.counted(book.topics[name].count)} about {book.topics[name].title}"
    count = len(book.sets.get(name, ()))
    return f"{count} author{'' if count == 1 else 's'} ({name})" if count else ""


def _books() -> list[Book]:
    """The people that embedded language models know."""
    return [people.load(entry.data) for entry in catalog.load().models if families.has(entry.family, "answers")]


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


def concept_neighbours(forget: Sequence[Concept], near: dict[str, list[str]], most: int = 2) -> list[str]:
    """The objects and styles nearest to those to be forgotten, as targets ("dog", "flat style").

    Args:
        forget: concepts; a pair counts as its object, phrases are left out.
        near: name -> other names of its kind, nearest first.
        most: how many at most of each.
    """
    neighbour_names = [
        name + (" style" if concept.kind == "style" else "")
        for concept in forget
        for name in concepts.nearest(concept, forget, near)[:most]
    ]
    return list(dict.fromkeys(neighbour_names))
