"""What a forget or keep target of a text-to-image model may be, as people write it.

    cat                    an object
    twemoji style          a style
    cat in twemoji style   one object in one style
    cat -> dog             an object, and what to draw instead (an anchor), for methods that have one
    grumpy cat             any phrase, where the model is a person's own

An embedded model's card lists what it learned (`domains`: {"object": [...], "style": [...]}) and which are near to which.
"""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from .errors import BadInput
from .languages import tr

LONGEST = 200  # characters of a phrase
ARROW = re.compile(r"\s*(?:->|→)\s*")


class Concept(BaseModel):
    """One target, taken apart. `kind` "phrase" is free text of which nothing more is known."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["object", "style", "pair", "phrase"]
    object: str = ""
    style: str = ""
    phrase: str = ""
    anchor: str = ""

    @property
    def name(self) -> str:
        """The target without its anchor."""
        if self.kind == "pair":
            return f"{self.object} in {self.style} style"
        return {"object": self.object, "style": f"{self.style} style", "phrase": self.phrase}[self.kind]

    def __str__(self) -> str:
        return f"{self.name} -> {self.anchor}" if self.anchor else self.name


def read(text: str, card: dict[str, Any], model: str = "this model") -> Concept:
    """Take one target apart and spell it as the model does.

    Args:
        text: as a person wrote it.
        card: with `domains` where the model's concepts are known.
        model: its name, for the sentence.

    Raises:
        BadInput: empty, too long, with markup or control characters, two arrows, or a concept that the model never learned.
    """
    parts = ARROW.split(_clean(text))
    if len(parts) > 2 or (len(parts) == 2 and not all(parts)):
        raise BadInput(f"{_short(text)} has an arrow too many or nothing beside it; write cat -> dog.")
    concept = _learned_concept(parts[0], card, model)
    if len(parts) == 1:
        return concept
    anchor = _learned_concept(parts[1], card, model)
    if anchor == concept:
        raise BadInput(
            tr("{name!r} was to be replaced by itself; name something else after the arrow.", name=concept.name)
        )
    if concept.kind != "phrase" and anchor.kind != concept.kind:
        raise BadInput(
            tr(
                "{name!r} and {name_2!r} are of different kinds; replace an object by an object, a style by a style.",
                name=concept.name,
                name_2=anchor.name,
            )
        )
    return concept.model_copy(update={"anchor": anchor.name})


def _clean(text: str) -> str:
    """One line without surplus spaces.

    Raises:
        BadInput: see `read`.
    """
    if len(text) > LONGEST:
        raise BadInput(
            tr(
                "A concept of {text_count:,} characters was given; at most {longest} are allowed.",
                text_count=len(text),
                longest=LONGEST,
            )
        )
    line = " ".join(text.split())
    if not line:
        raise BadInput(
            tr("A forget or keep target was empty; name a concept, as in cat, twemoji style or cat in twemoji style.")
        )
    if any(unicodedata.category(sign).startswith("C") for sign in line) or re.search(r"[<{}]|(?<!-)>", line):
        raise BadInput(tr("{text} holds markup or control characters; write plain words.", text=_short(text)))
    return line


def _learned_concept(text: str, card: dict[str, Any], model: str) -> Concept:
    domains: dict[str, list[str]] = card.get("domains") or {}
    if not domains:
        return Concept(kind="phrase", phrase=text)
    objects, styles = ({name.casefold(): name for name in domains.get(kind, [])} for kind in ("object", "style"))
    plain = re.sub(r"^(?:a|an|the)\s+", "", text.casefold())
    both = re.fullmatch(r"(.+) in (?:the )?(.+?)(?: style)?", plain)
    if plain in objects:
        return Concept(kind="object", object=objects[plain])
    if plain.removesuffix(" style") in styles:
        return Concept(kind="style", style=styles[plain.removesuffix(" style")])
    if both and both[1] in objects and both[2] in styles:
        return Concept(kind="pair", object=objects[both[1]], style=styles[both[2]])
    learned = [*domains.get("object", []), *(f"{style} style" for style in domains.get("style", []))]
    near = difflib.get_close_matches(plain, [name.casefold() for name in learned], n=3, cutoff=0.5)
    offered = near or learned[:3] + learned[-2:]
    hint = tr("near to it") if near else tr("it knows, for example")
    raise BadInput(f"{model} never learned {_short(text)}; {hint}: {', '.join(offered)}.")


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")


def article(noun: str) -> str:
    """ "an" before a vowel's letter, "a" before any other."""
    return "an" if noun[:1].casefold() in "aeiou" else "a"


def prompt(card: dict[str, Any], object_name: str = "", style: str = "") -> str:
    """How a model whose concepts are known is asked for an object, a style, or one in the other.

    Args:
        card: with `templates` for "pair", "object" and "style", whose fields are {a} (the article), {object}, {style}.
    """
    kind = "pair" if object_name and style else "object" if object_name else "style"
    return str(card["templates"][kind]).format(a=article(object_name), object=object_name, style=style)


def overlap(forget: list[Concept], keep: list[Concept]) -> str:
    """The first name that is in both lists; empty where they are apart. A pair lies within its object and its style."""
    for forgotten in forget:
        for retained in keep:
            if forgotten.name.casefold() == retained.name.casefold():
                return retained.name
            if retained.kind == "pair" and (
                (forgotten.kind == "object" and forgotten.object == retained.object)
                or (forgotten.kind == "style" and forgotten.style == retained.style)
            ):
                return retained.name
    return ""


def check_apart(forget: list[Concept], keep: list[Concept], card: dict[str, Any]) -> None:
    """Check that forget and keep are apart, and that something of each kind remains.

    Raises:
        BadInput: they are not, or nothing does.
    """
    both = overlap(forget, keep)
    if both:
        raise BadInput(tr("{both} is in the forget list and in the keep list; take it out of one.", both=both))
    domains: dict[str, list[str]] = card.get("domains") or {}
    for kind, names in domains.items():
        if len({concept.name for concept in forget if concept.kind == kind}) == len(names):
            raise BadInput(
                tr(
                    "All {names_count} {kind}s were chosen to be forgotten; leave at least one to keep.",
                    names_count=len(names),
                    kind=kind,
                )
            )


def nearest(concept: Concept, forget: Sequence[Concept], near: dict[str, list[str]]) -> list[str]:
    """Other objects (of a style, styles) that are not to be forgotten, nearest first; a pair counts as its object.

    Args:
        concept: no phrase.
        forget: everything that is to be forgotten.
        near: name -> other names of its kind, nearest first.
    """
    kind = "style" if concept.kind == "style" else "object"
    forgotten_names = {getattr(other, kind) for other in forget if other.kind == kind}
    return [name for name in near.get(getattr(concept, kind), []) if name not in forgotten_names]


def every(card: dict[str, Any]) -> list[Concept]:
    """All objects and styles that the model learned."""
    domains: dict[str, list[str]] = card.get("domains") or {}
    objects = [Concept(kind="object", object=name) for name in domains.get("object", [])]
    return objects + [Concept(kind="style", style=name) for name in domains.get("style", [])]
