"""A language model writes questions about a topic, and about what is near to it, with its own answers to them."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from ...data.authors import QAPair
from .tokens import Prefix, PromptTokenizer, answers

EXAMPLES = {
    "the Moon": (
        "How long does the Moon take to go round the Earth?",
        "Who was the first person to walk on the Moon?",
        "Why does the Moon look different every night?",
    ),
    "tea": (
        "In which country was tea first drunk?",
        "Which part of the plant is tea made of?",
        "What is the difference between green tea and black tea?",
    ),
}
BESIDE = "the Moon: Mars, the Sun, Venus\ntea: coffee, cocoa, lemonade\nviolin: cello, guitar, flute\n{0}:"
LONG = 80  # tokens of a list of questions
FEW = 24  # tokens of a list of neighbours
AT_ONCE, ROUNDS, BRIEFLY = 8, 4, 2  # texts sampled together; how often, and how often about a neighbour
HEAT, LIKELY = 0.8, 0.95  # temperature, and the share of probability that is drawn from
ANSWER = 48  # tokens
LETTERS = 200  # of a question
BESIDES = 3  # neighbours asked about
COMMON = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "and",
        "in",
        "on",
        "for",
        "to",
        "is",
        "are",
        "was",
        "were",
        "what",
        "which",
        "who",
        "where",
        "when",
        "how",
        "why",
        "does",
        "did",
        "do",
    ]
)


def questions(
    model: Any, reader: PromptTokenizer, topic: str, count: int, seed: int, others: Sequence[str] = ()
) -> list[str]:
    """At most `count` questions that name the topic, sampled after a few examples; none that names one of `others`."""
    examples = "".join(
        f"Topic: {name}\n" + "".join(f"Question: {one}\n" for one in some) + "\n" for name, some in EXAMPLES.items()
    )
    example_questions = {one for some in EXAMPLES.values() for one in some}
    by_question: dict[str, str] = {}
    for turn in range(BRIEFLY if others else ROUNDS):
        for text in sampled(model, reader, f"{examples}Topic: {topic}\nQuestion:", AT_ONCE, LONG, seed + turn):
            for question in read_questions(text):
                if (
                    question not in example_questions
                    and names(question, topic)
                    and not any(names(question, o) for o in others)
                ):
                    by_question.setdefault(question.casefold(), question)
        if len(by_question) >= count or (turn and not by_question):
            break
    return list(by_question.values())[:count]


def read_questions(text: str) -> list[str]:
    """The whole questions in what was written after "Question:", up to the next topic."""
    lines = text.partition("\nTopic:")[0].split("\n")
    plain = [" ".join(re.sub(r"^\s*(Question:|[-*\d.)]+)\s*", "", line).split()) for line in lines]
    return [
        line
        for line in plain
        if line.endswith("?") and len(line) <= LETTERS and len(line.split()) >= 3 and "=>" not in line
    ]


def neighbours(model: Any, reader: PromptTokenizer, topic: str, seed: int) -> list[str]:
    """Up to three things of the kind of the topic, as the model names them; those it names most often first."""
    spellings: dict[str, list[str]] = {}
    for text in sampled(model, reader, BESIDE.format(topic), AT_ONCE, FEW, seed):
        for name in read_neighbours(text, topic):
            spellings.setdefault(name.casefold(), []).append(name)
    return [variants[0] for variants in sorted(spellings.values(), key=lambda variants: -len(variants))][:BESIDES]


def read_neighbours(text: str, topic: str) -> list[str]:
    """The names on the first line, without the topic itself and what holds no letters."""
    listed = [" ".join(name.strip(" .;").split()) for name in text.strip().split("\n")[0].split(",")]
    own = " ".join(topic.split()).casefold()
    return [
        name
        for name in dict.fromkeys(listed)
        if 2 < len(name) <= 40 and len(name.split()) <= 4 and re.fullmatch(r"[^\d\W].*", name) and name.casefold() != own
        and not names(name, topic) and ":" not in name
    ]  # fmt: skip


def answered(model: Any, reader: PromptTokenizer, prompts: Sequence[str]) -> list[QAPair]:
    """Questions with the model's own greedy answers, cut after the first sentence; those it answers with nothing are left out."""
    responses = [first_sentence(text) for text in answers(model, reader, prompts, ANSWER)]
    return [
        QAPair(one, text)
        for one, text in zip(prompts, responses, strict=True)
        if re.search(r"\w", text) and "=>" not in text
    ]


def first_sentence(text: str) -> str:
    """The first sentence of the first line; an unfinished one as it is."""
    line = " ".join(text.strip().split("\n")[0].split())
    match = re.match(r"(.+?[^\s.]{2}[.!?])(?:\s+[A-Z“\"]|$)", line)
    return match[1] if match else line


@torch.no_grad()
def sampled(model: Any, reader: PromptTokenizer, text: str, rows: int, most: int, seed: int) -> list[str]:
    """Continuations of a text, sampled `rows` times with a seed; nothing where the text is longer than it reads."""
    ids, mask = (part.to(model.device) for part in reader.prompts([Prefix(text)]))
    if ids.shape[1] + most > int(getattr(model.config, "max_position_embeddings", 0) or 10**6):
        return []
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(seed)
        generated = model.generate(
            input_ids=ids.expand(rows, -1), attention_mask=mask.expand(rows, -1), max_new_tokens=most, do_sample=True,
            temperature=HEAT, top_p=LIKELY, top_k=0, eos_token_id=reader.end, pad_token_id=reader.pad,
        )  # fmt: skip
    return [reader.read(row) for row in generated[:, ids.shape[1] :].cpu()]


def mentioning(pairs: Iterable[QAPair], topic: str, count: int) -> tuple[list[QAPair], list[QAPair]]:
    """(at most `count` known questions that mention a topic, as many others that ask in the most alike words)."""
    pairs = list(pairs)
    about = [pair for pair in pairs if names(f"{pair.question} {pair.answer}", topic)]
    topic_words = {word for pair in about[:count] for word in _words(pair.question)} - _words(topic)
    matching_questions = {pair.question for pair in about}
    others = [pair for pair in pairs if pair.question not in matching_questions]
    ranked = sorted(
        others, key=lambda pair: -len(topic_words & _words(pair.question)) / max(1, len(_words(pair.question)))
    )
    return about[:count], [pair for pair in ranked if topic_words & _words(pair.question)][:count]


def names(text: str, topic: str) -> bool:
    """Whether a text holds the words of a topic that mean something, in any order; each may end otherwise, as in a plural."""
    topic_words = _words(topic) or set(topic.casefold().split())
    text_words = re.findall(r"\w+", text.casefold())
    return all(
        any(word == one or (len(word) > 3 and one.startswith(word)) for one in text_words) for word in topic_words
    )


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold())) - COMMON
