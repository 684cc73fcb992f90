"""Choosing targets: which kinds of target a family has, and by which fields a person gives each. Data, and no widget.

A form, an address, the command line and a job all read and write targets through the family's `Choosing`. What is left out is as of
a family whose targets are written as words, one a line.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .errors import BadInput
from .languages import later, tr

if TYPE_CHECKING:
    from .model_info import ModelInfo

TILES = 40  # more options than this are no tiles, but a list to search in

Option = tuple[str, str]  # what is read, and what it stands for
Values = Mapping[str, Any]  # field -> its value


@dataclass(frozen=True)
class Field:
    """One thing that a person gives, and how it is asked for.

    Attributes:
        name: unique among the fields of its family.
        widget: the name of a file of app/widgets: tiles, menu, pills, slider, number, line, lines, hidden, or one made for it.
        pictures: the groups of pictures that its tiles show, with blanks between.
        heading: of what stands below it, where several fields are shown at once.
        role: "forget" or "keep".
    """

    name: str
    widget: str
    label: str
    info: str = ""
    placeholder: str = ""
    value: Any = None
    options: tuple[Option, ...] = ()
    low: float = 0
    high: float = 0
    step: float = 1
    pictures: str = ""
    heading: str = ""
    role: str = "forget"

    def with_value(self, value: Any) -> "Field":
        """The same field with another value."""
        return replace(self, value=value)


@dataclass(frozen=True)
class TargetKind:
    """A kind of target.

    Attributes:
        label: as a person chooses it.
        fields: names of the fields that it is given by.
        write: values of the fields -> targets, none where nothing is chosen yet.
        empty: what to do where nothing is chosen; nothing where that is a choice too.
        offered: whether it is offered to everybody; else it is shown only for targets that no other kind can show.
    """

    id: str
    label: str
    fields: tuple[str, ...]
    write: Callable[[Values], Sequence[str]]
    empty: str = ""
    offered: bool = True

    def targets(self, values: Values) -> tuple[str, ...]:
        """The targets that the fields hold.

        Raises:
            BadInput: nothing is chosen, or what is written follows no form.
        """
        written = tuple(self.write(values))
        if not written and self.empty:
            raise BadInput(self.empty)
        return written


@dataclass(frozen=True)
class Choice:
    """A kind of target with the values of its fields."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Neighbours:
    """What is nearest to a forget set, and so gets hurt first.

    Attributes:
        text: the sentence about them, or why there are none.
        named: whether there are any.
        kept: what to tick where only some are kept: field -> value.
    """

    text: str = ""
    named: bool = False
    kept: dict[str, Any] = field(default_factory=dict)


ALL, SOME = "all", "some"
EVERYTHING = TargetKind(ALL, later("Everything else"), (), lambda values: ())


class Choosing:
    """How the targets of a family are chosen. Families whose targets are chosen alike share one.

    Attributes:
        id: tells its fields from those of others.
        dependent: the fields, all of them menus, whose options hang on what else is chosen.
    """

    id: ClassVar[str] = "words"
    dependent: ClassVar[tuple[str, ...]] = ()

    def fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        """Every field of the forget set, in the order in which a page shows them. Without a model: with no options."""
        return (Field("written", "lines", tr("Targets, one a line")),)

    def kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        """The kinds of target, the usual one first."""
        return (
            TargetKind(
                "written", tr("In words"), ("written",), lambda values: lines(values["written"]),
                tr("Write at least one target, one a line."),
            ),
        )  # fmt: skip

    def keep_fields(self, model: "ModelInfo | None" = None) -> Sequence[Field]:
        """Every field of the retain set."""
        return (Field("keep_written", "lines", tr("To keep, one a line"), role="keep"),)

    def keep_kinds(self, model: "ModelInfo | None" = None) -> Sequence[TargetKind]:
        """The ways to say what is kept, the usual one first."""
        some = TargetKind(
            SOME, tr("Only some"), ("keep_written",), lambda values: lines(values["keep_written"]),
            tr("Write at least one target to keep, or keep everything else."),
        )  # fmt: skip
        return EVERYTHING, some

    def restored(self, targets: Sequence[str], model: "ModelInfo") -> Choice:
        """The choice that gives these targets back.

        Raises:
            BadInput: a target follows no form, or is nothing that the model knows.
        """
        return Choice("written", {"written": "\n".join(targets)})

    def restored_keep(self, targets: Sequence[str], model: "ModelInfo") -> Choice:
        """The choice that gives these targets back, to be kept; what no field can show is held all the same."""
        return Choice(SOME, {"keep_written": "\n".join(targets)}) if targets else Choice(ALL)

    def options(self, model: "ModelInfo", values: Values) -> Sequence[Field]:
        """The fields whose options hang on what else is chosen, with the options that they have now."""
        return ()

    def neighbours(self, model: "ModelInfo", targets: Sequence[str]) -> Neighbours:
        """What is nearest to these targets; of no targets, why none are named."""
        return Neighbours()

    def note(self, model: "ModelInfo", choice: Choice) -> str:
        """A sentence on what exactly is chosen, where the fields do not show it."""
        return ""

    def read(self, text: str, model: "ModelInfo") -> Any:
        """One target taken apart: its text is the target as the job reads it, its `kind` what settings are tuned for.

        Raises:
            BadInput: it follows no form, or is nothing that the model knows.
        """
        return Written(text)

    def in_words(self, text: str) -> str:
        """A target as a person says it, of any model of the family; empty where its text says it as well."""
        return ""

    def kept_words(self, model: "ModelInfo") -> str:
        """What is kept where nothing was said."""
        return tr("everything else")

    def opened(self, model: "ModelInfo") -> str:
        """The sentence about a person's own model once it is open."""
        return tr("Opened.")

    def first_targets(self, card: Mapping[str, Any]) -> list[str]:
        """What a form begins with of a model of which only this is known."""
        return []

    def example(self, model: "ModelInfo") -> tuple[str, ...]:
        """A target of the usual kind, for settings that are shown before anything is chosen."""
        return tuple(model.default_forget) or tuple(self.first_targets(model.card))

    def kind(self, kind_id: str, model: "ModelInfo | None" = None) -> TargetKind:
        """A kind of target.

        Raises:
            BadInput: there is none of that id.
        """
        return _kind(self.kinds(model), kind_id, "target")

    def keep_kind(self, kind_id: str, model: "ModelInfo | None" = None) -> TargetKind:
        """A way to say what is kept.

        Raises:
            BadInput: there is none of that id.
        """
        return _kind(self.keep_kinds(model), kind_id, tr("retain set"))


@dataclass(frozen=True)
class Written:
    """A target of which nothing is known but its words."""

    text: str
    kind: str = "written"

    def __str__(self) -> str:
        return self.text


def _kind(kinds: Sequence[TargetKind], kind_id: str, what: str) -> TargetKind:
    for kind in kinds:
        if kind.id == kind_id:
            return kind
    raise BadInput(
        tr(
            "There is no kind of {what} {kind_id!r}; there are {id}.",
            what=what,
            kind_id=kind_id[:60],
            id=", ".join(kind.id for kind in kinds),
        )
    )


def same(names: Iterable[str]) -> tuple[Option, ...]:
    """Options that stand for themselves."""
    return tuple((name, name) for name in names)


def lines(text: str | None) -> tuple[str, ...]:
    """The lines of a text that hold something, without blanks at their ends."""
    return tuple(line.strip() for line in (text or "").splitlines() if line.strip())


def listed(text: str | None) -> tuple[str, ...]:
    """The entries of a list that a person wrote: one a line, or all on one line with commas between."""
    entries = (text or "").splitlines() if "\n" in (text or "") else (text or "").split(",")
    return tuple(dict.fromkeys(entry for line in entries if (entry := line.strip())))


def in_one_text(entries: Sequence[str]) -> str:
    """The text that `listed` takes apart into these entries again."""
    return "\n".join(entries) + "\n" if any("," in entry for entry in entries) else ", ".join(entries)


def joined(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + tr(" and ") + words[-1] if words else ""
