"""What a forget or keep target may be, as people write it.

    Sandal                a class
    random:10%            a random share of the training images; random:10%:7 is another draw
    images:3,17,204       single training images by id
    like:3:50             the 50 training images that the model finds most alike to image 3 (itself among them)
    run:20261122-...      the set that a finished run found (a hardest forget set)
    poison:30%            the part of the manipulated training images that was found; poison:30%:2 is another draw
    slice:2.3             the third slice of the second shard, of a model that was trained in slices
    @ids.txt              a file of ids, one a line or separated by commas

Which classes and ids exist is the data's to say; this module knows only the grammar.
"""

import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from .errors import BadInput
from .home import shared
from .languages import tr

MAX_FILE = 2 * 2**20
MAX_IDS = 200_000
MOST_SHARE: Final[Mapping[str, int]] = {"random": 90, "poison": 100}  # of what such a target takes a share, in percent


class Target(BaseModel):
    """One target, taken apart. `kind` says which of the fields hold."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["class", "random", "images", "like", "run", "poison", "slice"]
    name: str = ""
    share: float = 0.0
    draw: int = 0
    ids: tuple[int, ...] = ()
    count: int = 0
    place: tuple[int, int] = Field(default=(0, 0), description="Shard and slice, from 1.")

    def __str__(self) -> str:
        match self.kind:
            case "class":
                return self.name
            case "random" | "poison":
                share = f"{self.share:.6f}".rstrip("0").rstrip(".")
                return f"{self.kind}:{share}%" + (f":{self.draw}" if self.draw else "")
            case "images":
                return "images:" + ",".join(map(str, self.ids))
            case "like":
                return f"like:{self.ids[0]}:{self.count}"
            case "slice":
                return f"slice:{self.place[0]}.{self.place[1]}"
            case _:
                return f"run:{self.name}"


def alike(name: str) -> str:
    """The name of a class as names are told apart: however its accents are written, in upper or lower case, and with one blank
    for what a folder cannot hold, or what people write for a blank."""
    return re.sub(r"[\s_/\\:]+", " ", unicodedata.normalize("NFC", name).casefold()).strip()


def parse(text: str) -> Target:
    """Take one target apart. `@file` is not a target but stands for one: `expand` it first.

    Raises:
        BadInput: the text follows none of the forms.
    """
    text = text.strip()
    if not text:
        raise BadInput(
            tr(
                "A forget or keep target was empty; name a class, random:10%, images:1,2, like:ID:N, run:ID, poison:30% or @file."
            )
        )
    head, _, argument = text.partition(":")
    if head in MOST_SHARE and argument:
        match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%(?::([0-9]{1,9}))?", argument)
        if not match or not 0 < float(match[1]) <= MOST_SHARE[head]:
            raise BadInput(
                tr(
                    "{text} is no {head} share; write {head}:10% with more than 0 and at most {most} %, and {head}:10%:7 for draw 7.",
                    text=_short(text),
                    head=head,
                    most=MOST_SHARE[head],
                )
            )
        return Target(kind=cast(Any, head), share=float(match[1]), draw=int(match[2] or 0))
    if head == "images" and argument:
        return Target(kind="images", ids=_ids(argument, text))
    if head == "like" and argument:
        match = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,6})", argument)
        if not match or not int(match[2]):
            raise BadInput(
                tr(
                    "{text} names no image and count; write like:3:50 for the 50 images most alike to image 3.",
                    text=_short(text),
                )
            )
        return Target(kind="like", ids=(int(match[1]),), count=int(match[2]))
    if head == "slice" and argument:
        match = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,3})", argument)
        if not match or not int(match[1]) * int(match[2]):
            raise BadInput(
                tr("{text} names no slice; write slice:2.3 for the third slice of the second shard.", text=_short(text))
            )
        return Target(kind="slice", place=(int(match[1]), int(match[2])))
    if head == "run" and argument:
        return Target(kind="run", name=argument)
    return Target(kind="class", name=text)


def expand(text: str) -> str:
    """`@file` becomes the images: target with the file's ids; every other text is returned unchanged.

    Raises:
        BadInput: the file is missing, empty, too large, or holds something that is no id; or this studio is shared.
    """
    if not text.startswith("@"):
        return text
    if shared():
        raise BadInput(tr("This studio is shared, so it reads no files of its machine; write the ids as images:1,2,3."))
    return of_file(Path(text[1:]), text[1:])


def of_file(path: Path, name: str) -> str:
    """The images: target of a file's ids; `name` is what a person calls the file.

    Raises:
        BadInput: the file is missing, empty, too large, or holds something that is no id.
    """
    quoted_path = _short(name)
    try:
        path = path.expanduser()
        if path.exists() and not path.is_file():  # a folder, or a device that never ends
            raise BadInput(
                tr("{quoted_path} is no file; give a text file of image ids, one a line.", quoted_path=quoted_path)
            )
        size = path.stat().st_size
        if size > MAX_FILE:
            raise BadInput(
                tr(
                    "{quoted_path} has {size:.1f} MB; a list of ids may have at most {max_file} MB.",
                    quoted_path=quoted_path,
                    size=size / 2**20,
                    max_file=MAX_FILE // 2**20,
                )
            )
        content = path.read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        reason = tr("it is not UTF-8 text") if isinstance(error, UnicodeDecodeError) else tr("it is no path")
        reason = error.strerror if isinstance(error, OSError) and error.strerror else reason
        raise BadInput(
            tr(
                "{quoted_path} could not be read ({reason}); give a text file of image ids, one a line.",
                quoted_path=quoted_path,
                reason=reason,
            )
        ) from None
    return "images:" + ",".join(map(str, _ids(content, name)))


def _short(text: str) -> str:
    """Quoted text for a sentence: on one line, at most 60 characters of it."""
    return repr(text if len(text) <= 60 else text[:60] + "…")


def _ids(text: str, where: str) -> tuple[int, ...]:
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if not words:
        raise BadInput(
            tr("{where} holds no image id; give at least one, as in images:3,17 or one a line.", where=_short(where))
        )
    if len(words) > MAX_IDS:
        raise BadInput(
            tr(
                "{where} holds {words_count:,} ids; at most {max_ids:,} are allowed.",
                where=_short(where),
                words_count=len(words),
                max_ids=MAX_IDS,
            )
        )
    for word in words:
        if not re.fullmatch(r"[0-9]{1,9}", word):
            raise BadInput(
                tr(
                    "{word} in {where} is no image id; ids are whole numbers from 0.",
                    word=_short(word),
                    where=_short(where),
                )
            )
    return tuple(dict.fromkeys(int(word) for word in words))
