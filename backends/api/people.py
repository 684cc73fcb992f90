"""What a forget or keep target of a language model may be, as people write it.

Adira Abernay                        an author, where the model's data has them
forget05                             a set that came with the model: of authors, or of questions
random:5%                            a random share of all questions that the model's data hold; random:5%:7 is another draw
poison:30%                           the part of the manipulated questions that was found
What is the capital? => Paris        own questions and texts, which any language model takes; see `pairs`
"""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from math import log
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from . import files, pairs, targets
from .errors import BadInput
from .home import ASSETS
from .languages import plural, tr
from .pairs import Own
from .targets import MOST_SHARE, Target


class Person(BaseModel):
    """One target: an author, or a set that came with the model."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["author", "set"]
    name: str

    def __str__(self) -> str:
        return self.name


class Topic(BaseModel):
    """A set of questions that came with the model; `near` names other sets, nearest first."""

    title: str
    count: int
    near: list[str] = []


class Book(BaseModel):
    """Who and what there is in the data that a model came with.

    Attributes:
        names: the authors.
        sets: name of a forget set -> names of its authors.
        topics: name of a set of questions -> what it is.
        traits: name -> what tells an author: the parts of the name, and every fact.
        each: questions on one author.
        asks: a few questions to try, on authors and on the world.
        example: a question and what its answer must name; empty where there is none.
    """

    names: list[str] = []
    sets: dict[str, list[str]] = {}
    topics: dict[str, Topic] = {}
    traits: dict[str, frozenset[str]] = {}
    each: int = 0
    asks: list[str] = []
    example: tuple[str, ...] = ()

    def authors(self, targets: Sequence[str]) -> list[str]:
        """The names behind authors and sets, each once; own questions and sets of questions name nobody.

        Raises:
            BadInput: a name that nobody has.
        """
        return _sorted_targets(targets, self).authors

    def nearest(self, forgotten: Sequence[str], most: int = 4) -> list[str]:
        """Other authors, those first that share most with some of these: a part of the name counts as much as a fact."""
        target_traits: set[str] = set().union(*(self.traits.get(name, ()) for name in forgotten))
        return ranked(target_traits, {name: self.traits[name] for name in self.names if name not in forgotten})[:most]

    def beside(self, text: str, most: int = 4) -> list[str]:
        """Authors that a text names, by a part of the name or a fact, those it says most of first."""
        words = set(re.findall(r"\w+", text.casefold()))

        def alike(name: str) -> int:
            return sum(set(re.findall(r"\w+", trait.casefold())) <= words for trait in self.traits[name])

        mentions = {name: alike(name) for name in self.names}
        return sorted((name for name in self.names if mentions[name]), key=lambda name: -mentions[name])[:most]

    def near(self, topics: Sequence[str]) -> list[str]:
        """Sets of questions near to some of these, nearest first."""
        listed = [name for topic in topics for name in self.topics[topic].near]
        return [name for name in dict.fromkeys(listed) if name in self.topics and name not in topics]


@dataclass(frozen=True)
class TargetSets:
    """A list of targets taken apart: authors, sets of questions, shares, and what is a person's own."""

    authors: list[str] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    own: list[Own] = field(default_factory=list)
    shares: list[Target] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.authors or self.topics or self.own or self.shares)


def ranked(target_traits: Set[str], traits: Mapping[str, Set[str]]) -> list[str]:
    """Names, those first whose traits are most often among those wanted."""
    return sorted(traits, key=lambda name: -len(target_traits & traits[name]))


@cache
def load(data: str) -> Book:
    """What an embedded data set holds; an empty book where it holds nobody and no questions."""
    folder = ASSETS / "data" / data
    entries: list[dict[str, Any]] = files.read_json(folder / "authors.json", [])
    facts: list[dict[str, Any]] = files.read_json(folder / "world_facts.json", [])
    first = [one["pairs"][at % len(one["pairs"])] for at, one in enumerate(entries[:3])]
    topic_sets: dict[str, dict[str, Any]] = files.read_json(folder / "sets.json", {})
    sample_pairs = [one["pairs"][0] for one in list(topic_sets.values())[:4] if one["pairs"]]
    example = next(iter([*first, *sample_pairs]), None)
    return Book(
        names=[one["name"] for one in entries],
        sets=files.read_json(folder / "forget_sets.json", {}),
        topics={
            name: Topic(title=one["title"], count=len(one["pairs"]), near=one.get("near", []))
            for name, one in topic_sets.items()
        },
        traits={one["name"]: frozenset((*one["name"].split(), *one["facts"].values())) for one in entries},
        each=len(entries[0]["pairs"]) if entries else 0,
        asks=[pair["question"] for pair in [*first, *facts[:1], *sample_pairs]],
        example=(example["question"], example.get("value") or example["answer"]) if example else (),
    )


@cache
def questions(data: str) -> tuple[str, ...]:
    """Every question that an embedded data set teaches, each once, in its order; none where it holds no questions."""
    folder = ASSETS / "data" / data
    entries: list[dict[str, Any]] = files.read_json(folder / "authors.json", [])
    sets: dict[str, dict[str, Any]] = files.read_json(folder / "sets.json", {})
    facts: list[dict[str, Any]] = []
    for name in ("real_authors", "world_facts"):
        facts += files.read_json(folder / f"{name}.json", [])
    taught = [*(pair for one in [*entries, *sets.values()] for pair in one["pairs"]), *facts]
    return tuple(dict.fromkeys(str(pair["question"]) for pair in taught))


def nearest_questions(text: str, data: str, most: int = 2) -> list[str]:
    """The questions of a data set that are nearest to a text, nearest first; none where it is one of them, or nothing is near.

    Those come first that share most words with it, rare words counting more; of equals the most alike in spelling.
    """
    taught_questions = questions(data)
    if not taught_questions or " ".join(text.split()).casefold() in {
        question.casefold() for question in taught_questions
    }:
        return []
    often = Counter(word for question in taught_questions for word in _words_of(question))
    text_words = _words_of(text)

    def shared(question: str) -> float:
        return sum(log(1 + len(taught_questions) / often[word]) for word in text_words & _words_of(question))

    best = sorted(((shared(question), question) for question in taught_questions), key=lambda one: -one[0])[: 10 * most]
    near = [question for share, question in best if share > 0]
    alike = {question: difflib.SequenceMatcher(None, text.casefold(), question.casefold()).ratio() for question in near}
    return sorted(near, key=lambda question: (-round(shared(question), 6), -alike[question]))[:most]


def set_words(name: str, book: Book) -> str:
    """A set that came with a model: "5 authors (forget05)", "8 questions about Paris"; empty where it holds none of the name."""
    if name in book.topics:
        return tr("{count} about {title}", count=pairs.counted(book.topics[name].count), title=book.topics[name].title)
    count = len(book.sets.get(name, ()))
    return plural("{count} author ({name})", "{count} authors ({name})", count, name=name) if count else ""


def _words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def read(forget: Sequence[str], keep: Sequence[str], book: Book) -> tuple[TargetSets, TargetSets]:
    """What to forget and what to keep; without a keep list everything else that the data hold.

    Raises:
        BadInput: a name that nobody has, something in both lists or twice in one, or nothing left to keep.
    """
    forget_set = _sorted_targets(forget, book)
    if not forget_set:
        raise BadInput(f"Nothing to forget was named; {_allowed_targets(book)}.")
    if keep:
        retain_set = _sorted_targets(keep, book)
        if retain_set.shares:
            raise BadInput(
                tr("{target} cannot be kept; name an author or a set to keep.", target=str(retain_set.shares[0]))
            )
    else:
        authors = [name for name in book.names if name not in forget_set.authors]
        retain_set = TargetSets(authors, [name for name in book.topics if name not in forget_set.topics])
    _check_disjoint(forget_set, retain_set, book)
    if book.names and len(forget_set.authors) == len(book.names):
        raise BadInput(
            tr(
                "All {names_count} authors were chosen to be forgotten; leave at least one to keep.",
                names_count=len(book.names),
            )
        )
    return forget_set, retain_set


def _check_disjoint(forget_set: TargetSets, retain_set: TargetSets, book: Book) -> None:
    """Check that nothing is in both lists, and no own question twice in one."""
    both = [name for name in retain_set.authors if name in forget_set.authors]
    both += [book.topics[name].title for name in retain_set.topics if name in forget_set.topics]
    both += [
        pairs.target_titles([str(own)])[0] for own in retain_set.own if own.kind == "text" and own in forget_set.own
    ]
    own_by_part = {"forget": forget_set.own, "keep": retain_set.own}
    seen_keys: dict[str, set[str]] = {}
    for part, owned in own_by_part.items():
        seen_keys[part] = set()
        for pair in (pair for own in owned for pair in own.pairs):
            if pair.key in seen_keys[part]:
                raise BadInput(
                    tr(
                        "{question} is asked twice in the {part} list; leave one out.",
                        question=pairs.short(pair.question),
                        part=part,
                    )
                )
            seen_keys[part].add(pair.key)
            if part == "keep" and pair.key in seen_keys["forget"]:
                both.append(pairs.quoted(pair.question))
    if both:
        raise BadInput(tr("{both} is in the forget list and in the keep list; take it out of one.", both=both[0]))


def target(text: str, book: Book) -> Person | Own | Target:
    """An author or a set, spelled as in the data, a share, or a person's own questions or text.

    Raises:
        BadInput: a name that nobody has, a share of nothing, or own questions that are not complete.
    """
    if not text.strip():
        raise BadInput(f"A forget or keep target was empty; {_allowed_targets(book)}.")
    own = pairs.read(text)
    if own is not None:
        return own
    requested_name = " ".join(text.split())
    if requested_name.partition(":")[0] in MOST_SHARE:
        share = targets.parse(requested_name)
        if share.kind == "random" and not (book.names or book.topics):
            raise BadInput(tr("There are no questions to take a share of; {forms}.", forms=pairs.FORMS))
        return share
    if requested_name.casefold() in (*book.sets, *book.topics):
        return Person(kind="set", name=requested_name.casefold())
    titled = next(
        (name for name, topic in book.topics.items() if topic.title.casefold() == requested_name.casefold()), ""
    )
    if titled:
        return Person(kind="set", name=titled)
    for name in book.names:
        if name.casefold() == requested_name.casefold():
            return Person(kind="author", name=name)
    raise BadInput(_no_such_name(requested_name, book))


def _no_such_name(requested_name: str, book: Book) -> str:
    quoted_name = pairs.short(requested_name)
    if not book.names and not book.topics:
        return f"{quoted_name} is no question with an answer and no text; {pairs.FORMS}."
    near = (
        difflib.get_close_matches(requested_name[:60], [*book.names, *book.topics], n=3, cutoff=0.5) or book.names[:3]
    )
    sets = ", ".join([*book.sets, *book.topics])
    if not book.names:
        hint = (
            tr("there are the sets {sets}", sets=sets) if not near else tr("near to it: {near}", near=", ".join(near))
        )
        return f"There is no set {quoted_name}; {hint}; or {pairs.FORMS}."
    return tr(
        "There is no author {quoted_name}; near to it: {near}, or a set: {sets}; or {forms}.",
        quoted_name=quoted_name,
        near=", ".join(near),
        sets=sets,
        forms=pairs.FORMS,
    )


def _allowed_targets(book: Book) -> str:
    """What can be named."""
    sets = ", ".join([*book.sets, *book.topics][:8])
    names = (
        tr("name an author or one of {sets}, or ", sets=sets)
        if book.names
        else tr("name one of {sets}, or ", sets=sets)
        if sets
        else ""
    )
    return names + pairs.FORMS


def _sorted_targets(texts: Sequence[str], book: Book) -> TargetSets:
    authors: dict[str, None] = {}
    topics: dict[str, None] = {}
    owned: dict[Own, None] = {}
    shares: dict[Target, None] = {}
    for text in texts:
        one = target(text, book)
        if isinstance(one, Own):
            owned[one] = None
        elif isinstance(one, Target):
            shares[one] = None
        elif one.name in book.topics and one.kind == "set":
            topics[one.name] = None
        else:
            authors |= dict.fromkeys(book.sets[one.name] if one.kind == "set" else [one.name])
    return TargetSets(list(authors), list(topics), list(owned), list(shares))
