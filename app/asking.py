"""What a person can ask of a model, as the tab Ask shows it: forms with a slot, pictures to choose from, who answers, and where "why?" leads."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from markupsafe import Markup
from PIL import Image

from app import markup, theme
from app.templating import render
from backends.api import catalog, families, runs, stage_words
from backends.api.languages import later
from backends.api.panels import Role
from backends.api.question_forms import QuestionForm
from backends.api.runs import RunFolder
from backends.api.stages import WORDS

WHENS: Final = ("before", "after", "reference")
NAMES: Final = (later("original model"), later("unlearned model"), later("retrained reference"))
ALONE: Final = (later("the model as it came"), "", "")
UPLOAD: Final = 20 * 2**20  # bytes of a picture that a person shows to a model


def names(run_or_model: str) -> tuple[str, str, str]:
    """What those who answer are called: of a run the original, what the job left, and the retrained reference; a model answers alone."""
    if families.of_model(run_or_model) is not None:
        return ALONE
    after = stage_words.of_run(runs.find(run_or_model)).after
    return (NAMES[0], NAMES[1] if after == WORDS["forget"].after else after, NAMES[2])


@dataclass(frozen=True)
class ShownItem:
    """A picture that can be chosen: its role, its id in the data, the name of its class, and itself as a data address."""

    role: Role
    id: str
    name: str
    uri: str


@dataclass(frozen=True)
class Pad:
    """Pictures to choose from, and the paper that a person draws on, which looks like them.

    Attributes:
        items: the pictures.
        side: pixels a side of what is drawn.
        ground: of the paper, 0 (black) to 255.
    """

    items: Sequence[ShownItem]
    side: int
    ground: int

    @property
    def ink(self) -> int:
        """Of the pen: the other end of the scale."""
        return 0 if self.ground > 127 else 255


def pad(items: Sequence[ShownItem]) -> Pad:
    """The paper for some pictures: as large as they are, and as bright as their edges."""
    arrays = [np.asarray(_image(item.uri).convert("L")) for item in items]
    edges = [np.concatenate((a[0], a[-1], a[:, 0], a[:, -1])) for a in arrays]
    ground = int(np.median(np.concatenate(edges))) if edges else 255
    return Pad(items, max((max(a.shape) for a in arrays), default=64), ground)


def _image(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def pad_html(paper: Pad) -> Markup:
    """The pictures to choose from by role, and the paper with its pen."""
    groups = [
        (role, _role_words(role), [item for item in paper.items if item.role == role]) for role in theme.ROLE_WORDS
    ]
    return render("ask.pad", [one for one in groups if one[2]], paper)


def forms_html(forms: Sequence[QuestionForm], roles: dict[str, Role], prompt: str) -> Markup:
    """Forms of questions, with a slot to fill; the first one shown is the prompt's. `roles`: of names that have one."""
    fills = list(dict.fromkeys(form.fills for form in forms))
    at, chosen = _place(forms, prompt)
    lists = [(number, _groups(names, roles), chosen) for number, names in enumerate(fills)]
    return render("ask.forms", [(form, fills.index(form.fills)) for form in forms], lists, at) if forms else Markup()


def _place(forms: Sequence[QuestionForm], prompt: str) -> tuple[int, str]:
    """Which form a prompt has, and what fills it; the first form where it has none."""
    for at, form in enumerate(forms):
        fill = prompt.removeprefix(form.before).removesuffix(form.after)
        if fill in form.fills and form.question(fill) == prompt:
            return at, fill
    return 0, ""


def _groups(names: Sequence[str], roles: dict[str, Role]) -> list[tuple[str, list[str]]]:
    """Names under the words of their roles, in the order of the roles; the others last, under no words where nobody has a role."""
    by_role: dict[str, list[str]] = {"forget": [], "neighbour": [], "": []}
    for name in names:
        by_role[roles.get(name, "")].append(name)
    mixed = len(by_role[""]) < len(names)
    return [(_role_words(role) if role else "others" if mixed else "", mine) for role, mine in by_role.items() if mine]


def _role_words(role: str) -> str:
    """Words short enough to stand beside pictures; none for those without a role."""
    return {"forget": "forget set", "amount": ""}.get(role, theme.ROLE_WORDS[role])


def next_html(run: RunFolder | None, parameter: str, text: str) -> Markup:
    """What to do after an answer: ask why, and copy the link to it.

    "Why?" is a look inside with what was asked, by the first inspector of the family that takes it as a parameter of that name. It
    is left out where none does, where it is longer than that takes, or of a model without a run.
    """
    return render("ask.next", *(_why(run, parameter, text) if run is not None else ("", "")))


def _why(run: RunFolder, parameter: str, text: str) -> tuple[str, str]:
    """The address of the look, and its title; empty where there is none."""
    family = families.of_run(run)
    for entry in catalog.load().looks:
        field: dict[str, Any] = entry.params.get("properties", {}).get(parameter, {})
        if entry.works_with.get(family) is True and field and 0 < len(text) <= field.get("maxLength", 0):
            return markup.run_address(run.id, "inside", inspector=entry.id, **{parameter: text}), entry.title
    return "", ""
