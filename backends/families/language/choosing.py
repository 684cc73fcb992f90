"""How what a language model is to forget is chosen: authors, a set that came with it, own questions, a text, or a topic."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...api import catalog, pairs, people, targets
from ...api.choosing import (
    ALL,
    EVERYTHING,
    SOME,
    Choice,
    Choosing,
    Field,
    Neighbours,
    Option,
    TargetKind,
    Values,
    joined,
    lines,
    same,
)
from ...api.errors import BadInput
from ...api.languages import tr
from ...api.pairs import TITLE, Own, Pair
from ...api.people import Book, Person
from ...api.targets import Target
from . import backdoor
from .backdoor import Backdoor

if TYPE_CHECKING:
    from ...api.model_info import ModelInfo

OWN = "own"
PAIRS: dict[str, Any] = {"lines": "", "known": []}


class QuestionChoosing(Choosing):
    """People, sets of questions, and what a person writes."""

    id = "questions"

    def fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        book, how = _book(model), _manipulated(model)
        return (
            Field("authors", "menu", tr("Authors to forget"), options=same(book.names), value=[], info=tr("Type a part of a name to find it.")),
            Field("author_set", "pills", tr("Set to forget"), options=_sets(book), value=""),
            Field("share", "slider", tr("Share of all questions, in percent"), value=5, low=0.5, high=50, step=0.5),
            Field("draw", "number", tr("Draw"), info=tr("Another number draws other questions."), value=0),
            Field("found_share", "slider", tr("Share of the manipulated questions that was found, in percent"),
                  info=tr("Questions that this model learned from bear {what}.", what=how.words) if how else "", value=100, low=5, high=100, step=5),
            Field("topic", "topic", tr("Topic"), value="", placeholder=tr("Paris"), high=TITLE,
                  info=tr("The model writes questions about it, and about what is near to it, with its own answers.")),
            Field("lines", "pairs", tr("Questions to forget, one a line"), value=PAIRS),
            Field("title", "line", tr("What they are about (or nothing)"), value="", placeholder=tr("Paris"), high=TITLE),
            Field("passage", "passage", tr("The text to be forgotten"), value="",
                  info=tr("It is cut into passages; each is asked for by its beginning.")),
            Field("written", "lines", tr("Targets, one a line"), value=""),
        )  # fmt: skip

    def kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        book = _book(model)
        return (
            TargetKind("authors", tr("Chosen authors"), ("authors",), lambda values: values["authors"],
                       tr("Choose at least one author to forget."), offered=bool(book.names)),
            TargetKind("author_set", tr("A set that came with Lethe"), ("author_set",),
                       lambda values: [values["author_set"]] if values["author_set"] else [],
                       tr("Choose a set of authors to forget."), offered=bool(book.sets or book.topics)),
            TargetKind("random", tr("A random share"), ("share", "draw"), _share, offered=bool(book.names or book.topics)),
            TargetKind("poison", tr("What was manipulated"), ("found_share",), _found_share, offered=_manipulated(model) is not None),
            TargetKind("pairs", tr("Questions and answers"), ("lines", "title"), lambda values: owned(values["lines"], values["title"]),
                       "Write at least one question with its answer, as in: What is the capital of France? => Paris"),
            TargetKind("passage", "A text", ("passage",),
                       lambda values: [str(pairs.running(values["passage"]))] if (values["passage"] or "").strip() else [],
                       tr("Paste or upload the text that is to be forgotten.")),
            TargetKind("topic", "A topic", ("topic", "lines"), lambda values: owned(values["lines"], values["topic"]),
                       tr("Name a topic and let the model write questions, or write them yourself.")),
            TargetKind("written", tr("Several at once"), ("written",), lambda values: lines(values["written"]),
                       tr("Write at least one target, one a line."), offered=False),
        )  # fmt: skip

    def keep_fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        return (
            Field("keep_authors", "menu", tr("To keep"), options=_keepable(_book(model)), value=[], role="keep",
                  info=tr("Real books and facts of the world are kept as well.")),
            Field("keep_extra", "hidden", tr("More to keep"), value=[], role="keep"),
            Field("keep_lines", "pairs", tr("Questions to keep, one a line"), value=PAIRS, role="keep"),
            Field("keep_title", "hidden", tr("What they are about"), value="", role="keep"),
        )  # fmt: skip

    def keep_kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        book = _book(model)
        noun = "authors" if book.names else "sets"
        return (
            EVERYTHING,
            TargetKind(SOME, tr("Only some {noun}", noun=noun), ("keep_authors", "keep_extra"),
                       lambda values: [*values["keep_authors"], *values["keep_extra"]],
                       tr("Choose at least one author or set to keep, or keep everything else."),
                       offered=bool(book.names or book.topics)),
            TargetKind(OWN, tr("Your own questions"), ("keep_lines", "keep_title"),
                       lambda values: owned(values["keep_lines"], values["keep_title"]),
                       tr("Write at least one question to keep with its answer, or keep everything else.")),
        )  # fmt: skip

    def restored(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        book = _book(model)
        read = [people.target(text, book) for text in texts]  # an address reads no file
        people_only = [one for one in read if isinstance(one, Person)]
        own = [one for one in read if isinstance(one, Own)]
        if own and not people_only:
            if all(one.kind == "pairs" for one in own):
                title = own[0].title if len(own) == 1 else ""
                return Choice("pairs", {"lines": in_lines([pair for one in own for pair in one.pairs]), "title": title})
            if len(own) == 1:
                return Choice("passage", {"passage": own[0].text})
        shares = [one for one in read if isinstance(one, Target)]
        if len(read) == 1 and shares:
            if shares[0].kind == "poison":
                return Choice("poison", {"found_share": shares[0].share})
            return Choice("random", {"share": shares[0].share, "draw": shares[0].draw})
        if len(read) == 1 and people_only and people_only[0].kind == "set":
            return Choice("author_set", {"author_set": people_only[0].name})
        if own or shares or any(one.name in book.topics for one in people_only):
            return Choice("written", {"written": "\n".join(map(str, read))})
        return Choice("authors" if book.names else "pairs", {"authors": book.authors(texts)} if book.names else {})

    def restored_keep(self, texts: Sequence[str], model: "ModelInfo") -> Choice:
        if not texts:
            return Choice(ALL)
        book, chosen = _book(model), self.restored(texts, model)
        if chosen.kind == "pairs" and chosen.values:
            return Choice(OWN, {"keep_lines": chosen.values["lines"], "keep_title": chosen.values["title"]})
        read = [people.target(text, book) for text in texts]
        topics = [one.name for one in read if isinstance(one, Person) and one.name in book.topics]
        own = [str(one) for one in read if isinstance(one, Own)]
        return Choice(SOME, {"keep_authors": book.authors(texts) + topics, "keep_extra": own})

    def neighbours(self, model: "ModelInfo", texts: Sequence[str]) -> Neighbours:
        """The authors or sets most alike to what is to be forgotten, nearest first."""
        book = _book(model)
        names = _nearest(book, texts)
        if not names and not (book.names or book.topics):
            return Neighbours(
                tr(
                    "What is near to it gets hurt first (the neighbours): give questions about that to keep, and it is watched."
                )
            )
        if not names:
            return Neighbours(tr("Neighbours are named where something to forget is chosen that has some."))
        titles = {name: title for title, name in _keepable(book)}
        alike = tr("Most alike") if book.topics else tr("Most alike, with the same names or facts")
        text = tr(
            "{alike}: {titles}. They get hurt first (the neighbours).",
            alike=alike,
            titles=", ".join(titles[name] for name in names),
        )
        return Neighbours(text, named=True, kept={"keep_authors": names})

    def note(self, model: "ModelInfo", choice: Choice) -> str:
        names = _book(model).sets.get(choice.values.get("author_set") or "", []) if choice.kind == "author_set" else []
        return tr("In it: {names}.", names=joined(names)) if names else ""

    def read(self, text: str, model: "ModelInfo") -> Person | Own | Target:
        return people.target(pairs.expand(text), _book(model))

    def in_words(self, text: str) -> str:
        if text.partition(":")[0] in targets.MOST_SHARE:
            return _share_in_words(text)
        return next((words for book in _every_book() if (words := people.set_words(text, book))), "")

    def kept_words(self, model: "ModelInfo") -> str:
        book = _book(model)
        return tr("everything else") if book.names or book.topics else tr("real books and facts of the world")

    def opened(self, model: "ModelInfo") -> str:
        from ...api import families

        parameters = int(model.card.get("parameters", 0))
        size = tr(" of {parameters:,.0f} million weights", parameters=parameters / 10**6) if parameters >= 10**6 else ""
        subject = families.get(model.family).subject.lower()
        return tr(
            "Opened: {subject}{size}. Give it questions, a text or a topic to forget.", subject=subject, size=size
        )

    def example(self, model: "ModelInfo") -> tuple[str, ...]:
        return super().example(model) or ("anyone? => anything",)


def _share(values: Values) -> list[str]:
    return [str(Target(kind="random", share=values["share"] or 0, draw=int(values["draw"] or 0)))]


def _found_share(values: Values) -> list[str]:
    return [str(Target(kind="poison", share=values["found_share"] or 100))]


def _share_in_words(text: str) -> str:
    try:
        one = targets.parse(text)
    except BadInput:
        return ""
    if one.kind == "random":
        words = tr("a random {share:g} % of the questions", share=one.share)
    elif one.share == 100:
        words = tr("the manipulated questions")
    else:
        words = tr("{share:g} % of the manipulated questions", share=one.share)
    return words + (tr(" (draw {draw})", draw=one.draw) if one.draw else "")


def _manipulated(model: "ModelInfo | None") -> Backdoor | None:
    """What was done to the questions that a model learned from, as its card says."""
    return backdoor.read(model.card.get("tampering"), model.title) if model else None


def owned(questions: Values, title: str | None = "") -> list[str]:
    """Lines question => answer as one target; none of no line.

    Args:
        questions: `lines` as a person wrote them, and `known`: questions of a file or a model with what the lines leave out (other
            words, wrong answers), which still holds where question and answer stand as they were.
        title: what they are about.

    Raises:
        BadInput: a line that follows no form; the sentence names it.
    """
    text = questions.get("lines") or ""
    if not text.strip():
        return []
    more = {Pair(**one).line: Pair(**one) for one in questions.get("known") or ()}
    own = pairs.of_lines(text, title or "")
    return [str(own.model_copy(update={"pairs": tuple(more.get(pair.line, pair) for pair in own.pairs)}))]


def in_lines(some: Sequence[Pair]) -> dict[str, Any]:
    """The value of a field of questions that `owned` reads again."""
    return {
        "lines": "\n".join(pair.line for pair in some),
        "known": [pair.model_dump() for pair in some if not pair.plain],
    }


def _every_book() -> list[Book]:
    """The people and topics that came with the embedded models."""
    return [people.load(entry.data) for entry in catalog.load().models]


def _book(model: "ModelInfo | None") -> Book:
    return people.load(model.dataset) if model and model.dataset else Book()


def _sets(book: Book) -> tuple[Option, ...]:
    """The sets of a model's data: the words for what each holds, and its name."""
    return tuple((people.set_words(name, book), name) for name in (*book.sets, *book.topics))


def _keepable(book: Book) -> tuple[Option, ...]:
    """The authors or sets of questions that can be kept."""
    return (*same(book.names), *((one.title, name) for name, one in book.topics.items()))


def _nearest(book: Book, texts: Sequence[str]) -> list[str]:
    try:
        authors = book.authors(texts)
        parsed = [people.target(pairs.expand(text), book) for text in texts]
    except BadInput:
        return []
    topics = [one.name for one in parsed if isinstance(one, Person) and one.name in book.topics]
    if authors or topics:
        return (book.nearest(authors) if authors else []) + book.near(topics)
    own = [one for one in parsed if isinstance(one, Own)]
    return book.beside(" ".join(one.text or str(one) for one in own))
