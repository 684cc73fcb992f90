"""A class: whose studio this is, who joined it under which name, and what the teacher has chosen for everybody.

It lies in LETHE_HOME/class.json, survives a new start, and goes when it is ended. Of a browser only the mark of its secret is
kept (`runs.owner_mark`), of the teacher's link only a hash.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import catalog, files, locks, reading
from .errors import BadInput, Busy, OutOfReach, Unreadable
from .home import home, in_class
from .languages import later, tr
from .limits import limits
from .spec import JobSpec

LETTERS: Final = "BCDFGHJKMNPQRTVWXZ"  # none is taken for another, and without vowels they spell no word
LENGTH: Final = 6
LONGEST_NAME: Final = 24  # characters of a pupil's name
LONGEST_TITLE: Final = 60  # characters of the name of the class
TEACHERS: Final = 20  # browsers that opened the teacher's link and are known again, the latest
UNNAMED: Final = "The class"
PATIENCE: Final = 10.0  # seconds that a change waits for another
BY_TEACHER: Final = later("Chosen by your teacher")


class Locks(BaseModel):
    """What the teacher has chosen for everybody; what is empty, each pupil chooses. Made by `class_locks.checked`."""

    model_config = ConfigDict(frozen=True)

    model: str = ""
    forget: tuple[str, ...] = ()
    method: str = ""

    @property
    def some(self) -> bool:
        """Whether anything is chosen."""
        return bool(self.model or self.forget or self.method)

    def allows_method(self, method: str) -> bool:
        """Whether it is the chosen method, or the variant of it for another family."""
        return not self.method or method in methods_like(self.method)


class Pupil(BaseModel):
    """Somebody who joined: the name they gave, and when (seconds since 1970). `id` names them on the board."""

    id: str
    name: str
    joined: float


class SchoolClass(BaseModel):
    """A class. `teacher` is the hash of the secret in the teacher's link, `teachers` and `pupils` go by owner marks."""

    name: str
    code: str
    begun: float
    teacher: str = ""
    teachers: list[str] = Field(default_factory=list)
    pupils: dict[str, Pupil] = Field(default_factory=dict)
    locks: Locks = Field(default_factory=Locks)

    def is_teacher(self, owner: str) -> bool:
        """Whether a browser opened the teacher's link."""
        return bool(owner) and owner in self.teachers

    def is_in(self, owner: str) -> bool:
        """Whether a browser belongs to the class, as a pupil's or the teacher's."""
        return bool(owner) and (owner in self.pupils or owner in self.teachers)


def current() -> SchoolClass | None:
    """The class that this server is for; None where it is for none, or the class was ended.

    Raises:
        Unreadable: class.json cannot be read.
    """
    return stored() if in_class() else None


def stored() -> SchoolClass | None:
    """The class of this home, whether or not a server is running for it.

    Raises:
        Unreadable: class.json cannot be read.
    """
    return _parsed(_path(), reading.stamp(_path()))


@lru_cache(maxsize=4)
def _parsed(path: Path, changed: reading.Stamp) -> SchoolClass | None:
    if changed is None:
        return None
    try:
        return SchoolClass.model_validate(files.read_json(path))
    except (OSError, ValueError, ValidationError):
        raise Unreadable(
            f"{path.name} cannot be read; end the class with `lethe class --end`, and begin it again."
        ) from None


def begin(name: str = "", chosen: Locks | None = None) -> str:
    """Begin the class of this home, or go on with it, and make a new link for the teacher: an earlier one no longer opens the board.

    Args:
        name: of the class; empty: as it was.
        chosen: what pupils find chosen; None: as it was.

    Returns:
        The secret of the teacher's link, which is kept nowhere.

    Raises:
        BadInput: the name is too long.
        OutOfReach: the home cannot be written.
    """
    title = " ".join(name.split())
    if len(title) > LONGEST_TITLE:
        raise BadInput(f"The name of the class has {len(title)} characters; at most {LONGEST_TITLE} are allowed.")
    secret = secrets.token_urlsafe(24)
    with _one_at_a_time():
        klass = stored() or SchoolClass(name=UNNAMED, code=new_code(), begun=time.time())
        changes = {"name": title or klass.name, "locks": klass.locks if chosen is None else chosen}
        _write(klass.model_copy(update=changes | {"teacher": _hash(secret)}))
    return secret


def new_code() -> str:
    """A code to join with, easily typed and read from a distance."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def claim(secret: str, owner: str) -> bool:
    """Know this browser as the teacher's from now on, where it opened the teacher's link. Returns whether it did."""
    klass = current()
    if klass is None or not owner or not klass.teacher or not hmac.compare_digest(_hash(secret), klass.teacher):
        return False
    with _changed() as draft:
        draft.teachers = [*(mark for mark in draft.teachers if mark != owner), owner][-TEACHERS:]
    return True


def join(code: str, name: str, owner: str) -> Pupil:
    """Join the class, or take another name in it.

    Args:
        code: as it was typed; case, spaces and hyphens do not matter.
        name: a first name or nickname.
        owner: `runs.owner_mark` of the browser.

    Raises:
        WrongCode: it is another code than the class's.
        BadInput: the name is none that can be shown, or the class is full.
    """
    klass = _needed()
    if not owner:
        raise BadInput("This browser is not known here yet; open the page again, then join.")
    if owner not in klass.pupils and not hmac.compare_digest(_letters(code).encode(), klass.code.encode()):
        raise WrongCode(f"That is not the code of {klass.name}; it has {LENGTH} letters, and your teacher shows it.")
    display_name = checked_name(name)
    with _changed() as draft:
        most, before = limits().class_pupils, draft.pupils.get(owner)
        if before is None and len(draft.pupils) >= most:
            raise BadInput(f"{most} have joined this class, as many as may; ask your teacher to remove one.")
        others = {pupil.name.casefold() for mark, pupil in draft.pupils.items() if mark != owner}
        pupil = Pupil(
            id=before.id if before else secrets.token_hex(6),
            name=_apart(display_name, others),
            joined=before.joined if before else time.time(),
        )
        draft.pupils = draft.pupils | {owner: pupil}
    return pupil


class WrongCode(BadInput):
    """A code that is not the class's."""


class NotTheTeacher(BadInput):
    """Something that only the teacher may do."""


def checked_name(name: str) -> str:
    """A pupil's name as it is shown.

    Raises:
        BadInput: it is empty, too long, or holds what cannot be shown.
    """
    if len(name) > 10 * LONGEST_NAME:
        raise BadInput(f"The name has {len(name):,} characters; at most {LONGEST_NAME} are allowed.")
    text = " ".join(name.split())
    if not any(letter.isalnum() for letter in text):
        raise BadInput(tr("Give a first name or a nickname, with at least one letter or number."))
    if len(text) > LONGEST_NAME:
        raise BadInput(f"The name has {len(text)} characters; at most {LONGEST_NAME} are allowed.")
    if not text.isprintable():
        raise BadInput("The name holds characters that cannot be shown; use letters, numbers and spaces.")
    return text


def _apart(name: str, others: set[str]) -> str:
    """The name, with a number where another pupil has it."""
    if name.casefold() not in others:
        return name
    return next(text for at in range(2, len(others) + 3) if (text := f"{name} {at}").casefold() not in others)


def check(spec: JobSpec, owner: str) -> None:
    """Check that a job may be started in this class: by its teacher, its pupils as the teacher chose, or at this machine.

    Args:
        spec: complete, as `submit.check` gives it.
        owner: `runs.owner_mark` of who asks; empty for the person at this machine.

    Raises:
        BadInput: who asks has not joined, or the teacher has chosen otherwise.
    """
    klass = current()
    if klass is None or not owner or klass.is_teacher(owner):
        return
    if owner not in klass.pupils:
        raise BadInput(
            f"This studio is used by {klass.name}. You can look at everything; to start a job, join with the code on the page Class."
        )
    chosen = klass.locks
    if chosen.model and spec.model != chosen.model:
        raise BadInput(_otherwise(tr("the model"), spec.model, chosen.model))
    if chosen.forget and set(spec.forget) != set(chosen.forget):
        raise BadInput(_otherwise(tr("what is forgotten"), ", ".join(spec.forget), ", ".join(chosen.forget)))
    if chosen.forget and spec.earlier:
        raise BadInput(
            _otherwise(
                tr("what is forgotten"),
                tr("a run to start from"),
                tr("{forget} alone", forget=", ".join(chosen.forget)),
            )
        )
    if not chosen.allows_method(spec.method):
        raise BadInput(_otherwise(tr("the method"), spec.method, chosen.method))


def _otherwise(what: str, requested: str, chosen: str) -> str:
    return tr(
        "Your teacher has chosen {what}: {chosen}, not {requested}. Open New run again to find it chosen.",
        what=what,
        chosen=chosen[:200],
        requested=requested[:80],
    )


def methods_like(method: str) -> set[str]:
    """A method and those that are the same for another family."""
    entries = catalog.load().methods
    root = next((entry.variant_of for entry in entries if entry.id == method and entry.variant_of), method)
    return {root, *(entry.id for entry in entries if entry.variant_of == root)}


def lock(chosen: Locks) -> None:
    """Let the teacher's choice hold from now on; it comes from `class_locks.checked`.

    Raises:
        BadInput: the class was ended.
    """
    with _changed() as draft:
        draft.locks = chosen


def renew_code() -> None:
    """Make a new code; who has joined stays.

    Raises:
        BadInput: the class was ended.
    """
    with _changed() as draft:
        draft.code = new_code()


def remove(pupil_id: str) -> None:
    """Remove a pupil; their runs stay theirs.

    Raises:
        BadInput: the class was ended.
    """
    with _changed() as draft:
        draft.pupils = {mark: pupil for mark, pupil in draft.pupils.items() if pupil.id != pupil_id}


def end() -> bool:
    """End the class of this home: every name is forgotten, runs stay with who started them. Returns whether there was one."""
    with _one_at_a_time():
        there = _path().exists()
        _path().unlink(missing_ok=True)
        return there


def roles(owners: Sequence[str], klass: SchoolClass) -> list[str]:
    """The names under which the board shows owners; empty for one who is not in the class."""
    return [
        klass.pupils[owner].name if owner in klass.pupils else tr("Teacher") if klass.is_teacher(owner) else ""
        for owner in owners
    ]


def _needed() -> SchoolClass:
    klass = current()
    if klass is None:
        raise BadInput(tr("This class has ended. Your runs are still on the page Runs."))
    return klass


@contextmanager
def _changed() -> Iterator[SchoolClass]:
    """A copy of the class, which is written when the block ends without an error."""
    with _one_at_a_time():
        draft = _needed().model_copy()
        yield draft
        _write(draft)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    try:
        home().mkdir(parents=True, exist_ok=True)
        with locks.holding(home() / "class.lock", PATIENCE):
            yield
    except TimeoutError:
        raise Busy("The class is being changed by others; try again in a moment.") from None
    except OSError as error:
        raise OutOfReach(f"{home()} cannot be written ({error.strerror}); free some space and try again.") from None


def _path() -> Path:
    return home() / "class.json"


def _write(klass: SchoolClass) -> None:
    files.write_json(_path(), klass.model_dump())
    _path().chmod(0o600)


def _letters(code: str) -> str:
    return "".join(letter for letter in code[:100].upper() if letter.isalnum())


def _hash(secret: str) -> str:
    return hashlib.sha256(b"lethe-teacher:" + secret[:200].encode("utf-8", "replace")).hexdigest()
