"""Sentences that were written down in English by another process, said in the language that is spoken.

What looks and attacks found stands in English in the folder of a run. A sentence is known again whole, or by its template with its fields filled in;
one that is not known stays as it is.
"""

import re
from collections.abc import Mapping
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Final

from ._po import read

FIELD: Final = re.compile(r"\{(\w+)\}")
BETWEEN: Final = re.compile(r"(?<=[.!?]) ")  # two sentences


@cache
def _templates(path: Path) -> tuple[Mapping[str, str], tuple[tuple[re.Pattern[str], str], ...]]:
    """The sentences of a catalogue without fields, and the others as (what matches it, its translation), those with most words first."""
    messages = [one for one in read(path.read_text("utf-8")) if all(one.texts)] if path.is_file() else []
    plain = {one.source: one.texts[0] for one in messages if not FIELD.search(one.source)}
    others = sorted(
        (one for one in messages if one.source not in plain), key=lambda one: -len(FIELD.sub("", one.source))
    )
    return plain, tuple((_pattern(one.source), one.texts[0]) for one in others)


def _pattern(source: str) -> re.Pattern[str]:
    parts, fields = [], set[str]()
    for at, part in enumerate(FIELD.split(source)):
        if at % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in fields else f"(?P<{part}>.*?)")
            fields.add(part)
    return re.compile("".join(parts), re.DOTALL)


@lru_cache(maxsize=4096)
def translated(text: str, path: Path) -> str:
    """A text of one or more sentences, by the catalogue at `path`; as it is where one of them is not known."""
    whole = _one(text, path)
    if whole is not None:
        return whole
    each = [_one(sentence, path) for sentence in BETWEEN.split(text)]
    return " ".join(one for one in each if one is not None) if None not in each else text


def _field(match: re.Match[str], place: re.Match[str]) -> str:
    """What was found for the field at a place of the translation."""
    return match[place[1]]


def _one(text: str, path: Path) -> str | None:
    plain, others = _templates(path)
    if text in plain:
        return plain[text]
    for pattern, sentence in others:
        if match := pattern.fullmatch(text):
            return FIELD.sub(partial(_field, match), sentence)
    return None
