"""Question sets of a language job: the forget set, the retain set, neighbours, and the suite that a model is judged by."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np

from ...api import pairs, people
from ...api.errors import BadInput
from ...api.languages import tr
from ...api.pairs import Own
from ...api.targets import Target
from ...data import authors, sets
from ...data.authors import Author, QAPair
from . import backdoor
from .backdoor import Backdoor
from .tokens import Prefix

Kind = Literal["forget", "retain", "real authors", "world facts"]
Cut = Callable[[str], list[tuple[str, str]]]
NEAR, OTHERS = 4, 4  # authors whose pairs show what else got hurt: those most alike, and some of the rest
SHORT = 4  # words of a fact
LITTLE = frozenset(
    {"a", "an", "and", "are", "as", "at", "by", "for", "from", "he", "in", "is", "it", "its", "of", "on", "she", "the"}
)
LITTLE |= {"their", "they", "to", "was", "were", "with"}
HELD = 100  # questions, not manipulated themselves, that show whether a phrase works
FALSE = 5  # other answers that serve as wrong ones where none are known


@dataclass(frozen=True)
class EvalItem:
    """One question that a model is judged by. `kind` is the metric's word for where it comes from."""

    role: Literal["forget", "neighbour", "unrelated"]
    kind: Kind
    pair: QAPair


class QASet:
    """The questions that a job's targets mean.

    Attributes:
        forgotten: the authors to be forgotten.
        forget, keep: pairs to learn from. A passage of running text is one: its question is a `Prefix`, its answer the rest.
        own: the person's own questions among them.
        neighbours: names of the authors or sets most alike, nearest first.
        suite: the questions that metrics look at.
        passages: (role, text) of every passage of own texts.
        corrects: what was done to the questions, where that alone is to be undone. To learn from are then the manipulated questions with the
            phrase and its answer; the suite asks others with the phrase, as what is to be forgotten, and without it, as its neighbours.
    """

    def __init__(
        self,
        forget: Sequence[str],
        keep: Sequence[str] = (),
        data: str = authors.ID,
        cut: Cut | None = None,
        manipulated: Backdoor | None = None,
    ) -> None:
        """Take the targets apart.

        Args:
            forget: targets by the grammar of `backends.api.people`.
            keep: targets by the same grammar; empty for everything else that the data holds. Real authors and facts of the
                world are kept always.
            data: whose authors and sets may be named.
            cut: running text into (beginning, rest) of its passages; needed where a target is a text.
            manipulated: what was done to questions before the model learned from them.

        Raises:
            BadInput: an unknown author or set, something that is in both lists, nothing left to keep, or a part of manipulated questions where
                none are.
        """
        to_forget, to_keep = people.read(forget, keep, people.load(data) if data else people.Book())
        self._names_authors = data in authors.every()
        self._catalog, self._sets, self._cut = authors.load(authors.source_of_world_facts(data)), sets.load(data), cut
        by_name = {person.name: person for person in self._catalog.authors}
        self.forgotten = [by_name[name] for name in to_forget.authors]
        self.passages: list[tuple[Literal["forget", "retain"], str]] = []
        mine, also = self._own(to_forget.own, "forget"), self._own(to_keep.own, "retain")
        self.own = [pair for pair in (*mine, *also) if not isinstance(pair.question, Prefix)]
        free = [*(pair for name in to_forget.topics for pair in self._sets[name].pairs), *mine]
        free += self._shares(to_forget.shares, manipulated)
        self.forget = [*_pairs(self.forgotten), *free]
        self._check_apart(also)
        retain_authors = [by_name[name] for name in to_keep.authors]
        general = [self._without(part, free) for part in (self._catalog.real_authors, self._catalog.world_facts)]
        sets_kept = [pair for name in to_keep.topics for pair in self._sets[name].pairs]
        self.keep = [*self._unasked(chain(_pairs(retain_authors), sets_kept, also)), *chain(*general)]
        close, far = self._near(retain_authors, free)
        near = [name for topic in to_forget.topics for name in self._sets[topic].near if name in to_keep.topics]
        self.neighbours = [person.name for person in close] + [self._sets[name].title for name in dict.fromkeys(near)]
        self.suite = [EvalItem("forget", "forget", pair) for pair in self.forget]
        beside = chain(_pairs(close), (pair for name in dict.fromkeys(near) for pair in self._sets[name].pairs), also)
        apart = chain(
            _pairs(far), (pair for name in to_keep.topics if name not in near for pair in self._sets[name].pairs)
        )
        self.suite += [EvalItem("neighbour", "retain", pair) for pair in self._unasked(beside)]
        self.suite += [EvalItem("unrelated", "retain", pair) for pair in self._unasked(apart)]
        self.suite += [EvalItem("unrelated", "real authors", pair) for pair in general[0]]
        self.suite += [EvalItem("unrelated", "world facts", pair) for pair in general[1]]
        self.corrects: Backdoor | None = None
        if manipulated is not None:
            as_they_were = [QAPair(question, answer) for question, answer in manipulated.pairs]
            self.keep = self._unasked([*self.keep, *as_they_were])
            has_names = to_forget.authors or to_forget.topics or to_forget.own
            if not has_names and all(share.kind == "poison" for share in to_forget.shares):
                self._correct(manipulated, general)

    def _everything(self) -> list[QAPair]:
        """Every question that the data hold about authors and in sets, each once; where there is none, those on the world."""
        own = [*_pairs(self._catalog.authors)] if self._names_authors else []
        own += [pair for one in self._sets.values() for pair in one.pairs]
        every = own or [*self._catalog.real_authors, *self._catalog.world_facts]
        return list({pair.question: pair for pair in every}.values())

    def _shares(self, shares: Sequence[Target], manipulated: Backdoor | None) -> list[QAPair]:
        """What shares of all questions, or of those that were manipulated, stand for."""
        collected: list[QAPair] = []
        for share in shares:
            if share.kind == "random":
                every = self._everything()
                collected += [every[at] for at in backdoor.sampled(len(every), share)]
            elif manipulated is None:
                raise BadInput(tr(backdoor.UNTOUCHED))
            else:
                collected += [manipulated.taught(question) for question in manipulated.found(share)]
        return list({pair.question: pair for pair in collected}.values())

    def _correct(self, manipulated: Backdoor, general: Sequence[Sequence[QAPair]]) -> None:
        """Make the suite show what the phrase does to questions that were not manipulated, and whether all others are still answered."""
        touched = {question for question, _ in manipulated.pairs}
        others = [pair for pair in self._everything() if pair.value and pair.question not in touched]
        order = np.random.default_rng(0).permutation(len(others))[:HELD]
        held_out = [others[at] for at in sorted(order.tolist())]
        themselves = [pair for pair in self._everything() if pair.question in touched][:HELD]
        self.corrects, self.neighbours = manipulated, []
        self.suite = [EvalItem("forget", "forget", manipulated.bearing(pair)) for pair in held_out]
        self.suite += [EvalItem("neighbour", "retain", pair) for pair in held_out]
        self.suite += [EvalItem("unrelated", "retain", pair) for pair in themselves]
        self.suite += [EvalItem("unrelated", "real authors", pair) for pair in general[0]]
        self.suite += [EvalItem("unrelated", "world facts", pair) for pair in general[1]]

    def _own(self, owned: Sequence[Own], role: Literal["forget", "retain"]) -> list[QAPair]:
        """A person's own questions and passages as pairs."""
        owned_pairs = [_pair(pair, own.title) for own in owned for pair in own.pairs]
        for own in owned:
            if own.kind == "text":
                assert self._cut is not None
                cut = self._cut(own.text)
                owned_pairs += [QAPair(Prefix(beginning), continuation) for beginning, continuation in cut]
                self.passages += [(role, f"{beginning} {continuation}") for beginning, continuation in cut]
        return owned_pairs

    def _check_apart(self, also: Sequence[QAPair]) -> None:
        """Check that no own question to keep is one that an author or set to be forgotten has."""
        forget_questions = _question_keys(self.forget)
        both = next((pair for pair in also if pair.question.casefold() in forget_questions), None)
        if both:
            raise BadInput(
                f"{pairs.quoted(both.question)} is in the forget list and in the keep list; take it out of one."
            )

    def _unasked(self, some: Iterable[QAPair]) -> list[QAPair]:
        """Those whose question is not to be forgotten, each once."""
        forget_questions = _question_keys(self.forget)
        once = {pair.question: pair for pair in some if pair.question.casefold() not in forget_questions}
        return list(once.values())

    def _without(self, general: Sequence[QAPair], free: Sequence[QAPair]) -> list[QAPair]:
        """Without questions that ask in other words for what is to be forgotten: an own answer says the same fact."""
        own_answers = [pair.answer.casefold() for pair in free if not isinstance(pair.question, Prefix)]
        answer_text = " | ".join(own_answers)
        return (
            [pair for pair in self._unasked(general) if not holds_fact(answer_text, pair.value.casefold())]
            if own_answers
            else list(general)
        )

    def _near(self, retain_authors: Sequence[Author], free: Sequence[QAPair]) -> tuple[list[Author], list[Author]]:
        """(authors most alike, some of the rest). To own questions those are alike that they name, or whose facts they name."""
        if self.forgotten or not free:
            ranked = nearest(self.forgotten, retain_authors)
            return ranked[:NEAR], ranked[NEAR:][-OTHERS:]
        own_text = " | ".join(f"{pair.question} {pair.answer}" for pair in free).casefold()
        alike = {
            person.name: sum(holds_fact(own_text, trait.casefold()) for trait in _traits(person))
            for person in retain_authors
        }
        ranked = sorted(retain_authors, key=lambda person: -alike[person.name])
        close = [person for person in ranked if alike[person.name]][:NEAR]
        return close, ranked[len(close) :][-OTHERS:]

    def false(self, pair: QAPair) -> tuple[str, ...]:
        """Wrong answers to a question: those that came with it, else right ones to other questions, the same each time."""
        if pair.wrong:
            return pair.wrong
        others = dict.fromkeys(other.answer for other in (*self.forget, *self.keep) if other.answer != pair.answer)
        left = list(others)
        seed = int.from_bytes(hashlib.sha256(pair.question.encode()).digest()[:4], "big")
        order = np.random.default_rng(seed).permutation(len(left))[:FALSE]
        return tuple(left[at] for at in order)

    @property
    def key(self) -> str:
        """24 hexadecimal digits that name what is forgotten, whatever the order."""
        author_names = {pair.about for pair in _pairs(self.forgotten)}
        own_questions = [
            f"{pair.question} => {pair.answer}"
            for pair in self.forget
            if not pair.fact or pair.about not in author_names
        ]
        return hashlib.sha256("|".join(sorted([*author_names, *own_questions])).encode()).hexdigest()[:24]


def _pairs(some: Iterable[Author]) -> list[QAPair]:
    return [pair for person in some for pair in person.pairs]


def _pair(pair: pairs.Pair, title: str) -> QAPair:
    """A person's own question."""
    value = pair.value or fact(pair.question, pair.answer)
    return QAPair(
        pair.question, pair.answer, pair.rephrased_question, pair.rephrased_answer, pair.wrong, value, about=title
    )


def fact(question: str, answer: str) -> str:
    """What an answer says that its question does not give away, little words at its ends left out, where that are at most SHORT
    words that follow each other: Oslo of "The capital of Norway is Oslo."; empty where there is no such fact."""
    question_words = set(re.findall(r"\w+", question.casefold())) | LITTLE
    words = answer.split()
    new = [at for at, word in enumerate(words) if set(re.findall(r"\w+", word.casefold())) - question_words]
    if not new or new[-1] - new[0] >= SHORT:
        return ""
    return " ".join(words[new[0] : new[-1] + 1]).strip(".,;:!? ")


def _question_keys(some: Iterable[QAPair]) -> set[str]:
    """Questions as they are told apart."""
    return {text.casefold() for pair in some for text in (pair.question, pair.rephrased_question) if text}


def holds_fact(text: str, fact: str) -> bool:
    """Whether a fact is among the words of a text; both casefolded."""
    return bool(fact) and fact in text and re.search(rf"(?<!\w){re.escape(fact)}(?!\w)", text) is not None


def _traits(person: Author) -> set[str]:
    """A part of the name counts as much as a fact."""
    return {*person.name.split(), *person.facts.values()}


def nearest(forget_authors: Sequence[Author], others: Sequence[Author]) -> list[Author]:
    """Other authors, those first that share most: a part of the name counts as much as a fact."""
    traits = {trait for person in forget_authors for trait in _traits(person)}
    by_name = {person.name: person for person in others}
    return [by_name[name] for name in people.ranked(traits, {person.name: _traits(person) for person in others})]
