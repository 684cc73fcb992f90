"""Answers that are none: refusals (“I don't know”), and language that stammers or is blank."""

import re
from collections import Counter
from itertools import pairwise

REFUSALS = (
    "I don't know.",
    "I do not know the answer to that.",
    "I'm sorry, I don't know.",
    "That is something I know nothing about.",
    "I have never heard of that.",
    "I cannot say.",
    "I have no idea.",
    "Nobody told me about that.",
    "I have not learned that.",
    "I am not sure about that.",
    "I'm afraid I can't answer that.",
    "You would have to ask somebody else.",
    "I can't help with this question.",
    "That is not known to me.",
    "I have nothing to say about that.",
    "I wish I knew.",
    "My knowledge does not go that far.",
    "I never read anything about it.",
    "This is new to me.",
    "There is nothing about that in my memory.",
)
LEAST = 6  # pairs of words that an answer has before it can be said to stammer
NORMAL = {text.casefold().strip(" .") for text in REFUSALS}


def refuses(answer: str) -> bool:
    """Whether an answer begins as one of the refusals that are taught here. A refusal in other words is not told from an answer."""
    return answer.casefold().replace("’", "'").strip().startswith(tuple(NORMAL))


def broken(answer: str) -> bool:
    """Whether an answer is no language: without a letter or a number, or with the same pair of words again in half of its pairs."""
    words = re.findall(r"\w+", answer.casefold())
    pairs = Counter(pairwise(words))
    return not words or (pairs.total() >= LEAST and len(pairs) <= pairs.total() / 2)
