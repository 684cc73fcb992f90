"""The languages that Lethe speaks: the one of the request or event under way, and each sentence in it.

Sentences stand in English in the code, `tr("{found} of {all} facts come back", found=..., all=...)`, and are their own keys. Their
translations stand in the catalogue, de/*.po, which `python -m backends.zoo languages --write` brings up to date with the code. English is
what is said where nobody asks for another language: by jobs, programs and the command line.
"""

import re
import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape

from . import _written
from ._po import Message, read_folder

ENGLISH: Final = "en"
NAMES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch"}  # each in itself
DECIMAL_COMMA: Final = frozenset({"de"})
SWAPPED: Final = str.maketrans(".,", ",.")
FOLDER: Final = Path(__file__).parent

_current: ContextVar[str] = ContextVar("language", default=ENGLISH)


def current() -> str:
    """The language that is spoken now: "en" or "de"."""
    return _current.get()


def supported(language: str | None) -> str:
    """The language of this name; English for any other, and for none."""
    return language if language is not None and language in NAMES else ENGLISH


def use(language: str | None) -> None:
    """Speak a language from now on in this request, event or thread; one that there is not is English."""
    _current.set(supported(language))


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Speak a language within a block."""
    before = _current.set(supported(language))
    try:
        yield
    finally:
        _current.reset(before)


def preferred(accepted: str) -> str:
    """The first of our languages that a browser asks for, by its header Accept-Language; English where it asks for none of them."""
    wishes = []
    for at, part in enumerate(accepted[:500].split(",")):
        name, _, more = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", more)
        wishes.append((-(float(quality[1]) if quality else 1.0), at, name.partition("-")[0].lower()))
    return next((name for quality, _, name in sorted(wishes) if name in NAMES and quality < 0), ENGLISH)


@cache
def messages(language: str) -> Mapping[str, Message]:
    """What the catalogue of a language has translated, by the English sentence."""
    return {one.source: one for one in read_folder(FOLDER / language) if all(one.texts)}


class _Formatter(string.Formatter):
    """As `str.format`, with the decimal sign of the language that is spoken."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        text = super().format_field(value, format_spec)
        return comma(text) if isinstance(value, int | float) else text


class _MarkupFormatter(_Formatter):
    def format_field(self, value: Any, format_spec: str) -> Any:
        return escape(super().format_field(value, format_spec)) if not isinstance(value, Markup) else value


_FORMATTER: Final = _Formatter()
_MARKUP: Final = _MarkupFormatter()


def comma(number: str) -> str:
    """A number written in English, such as "1,024.5", as the language that is spoken writes it."""
    return number.translate(SWAPPED) if current() in DECIMAL_COMMA else number


def tr(sentence: str, /, **fields: Any) -> str:
    """A sentence in the language that is spoken, its fields filled in; `Markup` where a field is. English where it is not translated."""
    message = messages(current()).get(sentence) if current() != ENGLISH else None
    return _filled(message.texts[0] if message else str.__str__(sentence), fields)


def plural(one: str, many: str, count: int, /, **fields: Any) -> str:
    """The sentence for a count of things, which is the field `count`: `one` for 1, `many` for any other."""
    message = messages(current()).get(one) if current() != ENGLISH else None
    texts = message.texts if message and len(message.texts) == 2 else (one, many)
    return _filled(texts[count != 1], {"count": count} | fields)


class Later(str):
    """A sentence that is said in the language spoken when it is shown: put into a template, an f-string, or a field of `tr`.

    Compared, looked up or written to a file it is the English sentence.
    """

    __slots__ = ()

    def __str__(self) -> str:
        return tr(self)

    def __format__(self, spec: str) -> str:
        return format(tr(self), spec)

    def __html__(self) -> str:
        return str(escape(tr(self)))


def later(sentence: str) -> str:
    """A constant sentence, which is made before it is known in which language it is shown; see `Later`. For a plot or a label: `tr(it)`."""
    return Later(sentence)


def as_written(text: str) -> str:
    """What another process wrote down in English, such as the title of a picture that a look found; see `_written`."""
    if current() == ENGLISH or not text:
        return text
    message = messages(current()).get(text)
    return message.texts[0] if message else _written.translated(text, FOLDER / current() / "looks.po")


def _filled(text: str, fields: Mapping[str, Any]) -> str:
    if not fields:
        return text
    if any(isinstance(value, Markup) for value in fields.values()):
        return Markup(_MARKUP.vformat(str(escape(text)), (), fields))
    return _FORMATTER.vformat(text, (), fields)
