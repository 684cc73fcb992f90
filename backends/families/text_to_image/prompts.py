"""Prompts of a text-to-image job: every form of the concepts to forget, of their anchors and of the concepts to keep."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ...api import concepts
from ...api.concepts import Concept
from ...api.errors import BadInput

Role = Literal["forget", "neighbour", "unrelated", ""]  # none of a prompt that a person asks for
PHRASES = ("{0}", "a picture of {0}", "a photo of {0}")  # ways to ask for a phrase of which nothing is known
# what everybody draws: kept, where a person's own model comes without a keep list
COMMON = ("a dog", "a tree", "a house", "a bowl of fruit", "a bicycle", "a mountain lake", "a chair", "a city street")


@dataclass(frozen=True)
class EvalPrompt:
    """One picture to judge a model by. `object`, `style` or `phrase` is what was asked for, as far as it is known."""

    role: Role
    prompt: str
    seed: int
    object: str = ""
    style: str = ""
    phrase: str = ""


class PromptSet:
    """The prompts that a job's targets mean for one model.

    Attributes:
        forget: the concepts to be forgotten.
        keep: those a person named to keep; empty for everything else.
        forget_prompts, anchor_prompts: ways to ask for what is to be forgotten, and in the same order for what stands
            in for it (the anchor; "" where there is none).
        keep_prompts: ways to ask for what is kept.
        neighbours: names of the concepts nearest to what is to be forgotten.
        suite: the pictures that metrics look at.
    """

    def __init__(self, card: dict[str, Any], model_id: str, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        """Take the targets apart.

        Args:
            card: of the model; `domains`, `templates` and `near` where its concepts are known.
            model_id: its name, for sentences.
            forget: targets, as people write them.
            keep: as well; empty for everything else.

        Raises:
            BadInput: an unknown concept, one that is in both lists, or nothing left to keep.
        """
        self.card, self.id = card, model_id
        self.domains: dict[str, list[str]] = card.get("domains", {})
        self.forget = [concepts.read(text, card, model_id) for text in forget]
        self.keep = [concepts.read(text, card, model_id) for text in keep]
        concepts.check_apart(self.forget, self.keep, card)
        self.forget_prompts: list[str] = []
        self.anchor_prompts: list[str] = []
        for concept in self.forget:
            forms, anchor = self.forms(concept), self.anchor(concept)
            self.forget_prompts += forms
            self.anchor_prompts += self.forms(anchor) if anchor else [""] * len(forms)
        self.keep_prompts = self._keep_prompts()
        if not self.keep_prompts:
            raise BadInput(f"Forgetting {', '.join(map(str, forget))[:80]} leaves nothing to keep; choose less.")
        self.neighbours = self._neighbours()
        self.suite = self._suite()

    @property
    def key(self) -> str:
        """24 hexadecimal digits that name what is forgotten, whatever the order."""
        text = "|".join(sorted(concept.name for concept in self.forget))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def prompt(self, object_name: str = "", style: str = "") -> str:
        """ "a cat in twemoji style", "a cat", "twemoji style": how the model learned to be asked."""
        return concepts.prompt(self.card, object_name, style)

    def forms(self, concept: Concept) -> list[str]:
        """Every way in which a concept is asked for; as many, and in the same order, for all of a kind."""
        match concept.kind:
            case "object":
                return [concept.object, *(self.prompt(concept.object, style) for style in ("", *self.domains["style"]))]
            case "style":
                return [self.prompt(object_name, concept.style) for object_name in ("", *self.domains["object"])]
            case "pair":
                return [self.prompt(concept.object, concept.style), f"{concept.object} in {concept.style} style"]
            case _:
                return [form.format(concept.phrase) for form in PHRASES]

    def anchor(self, concept: Concept) -> Concept | None:
        """The anchor of a concept, drawn in its place: as the person said, else its nearest neighbour; None for the empty prompt.

        In place of one object in one style stands another object in that style.
        """
        if concept.anchor:
            return concepts.read(concept.anchor, self.card, self.id)
        if concept.kind == "phrase":
            return None
        if concept.kind == "style":
            return Concept(kind="style", style=self._nearest(concept)[0])
        near = self._nearest(concept)[0]
        return Concept(kind=concept.kind, object=near, style=concept.style)

    def asks(self, object_name: str, style: str) -> bool:
        """Whether a picture of this object in this style asks for something that is to be forgotten."""
        return any(
            (concept.kind == "object" and concept.object == object_name)
            or (concept.kind == "style" and concept.style == style)
            or (concept.kind == "pair" and (concept.object, concept.style) == (object_name, style))
            for concept in self.forget
        )

    def _nearest(self, concept: Concept) -> list[str]:
        """Other names of its kind that are not to be forgotten, nearest first; as the model lists them where its card
        does not say which are near."""
        near = {name: [other for other in names if other != name] for names in self.domains.values() for name in names}
        return concepts.nearest(concept, self.forget, near | self.card.get("near", {}))

    def _neighbours(self) -> list[str]:
        named_concepts = (concept for concept in self.forget if concept.kind != "phrase")
        return list(dict.fromkeys(name for concept in named_concepts for name in self._nearest(concept)[:2]))

    def _keep_prompts(self) -> list[str]:
        if not self.domains:
            return [form for concept in self.keep for form in self.forms(concept)] or list(COMMON)
        retain_concepts = self.keep or concepts.every(self.card)
        forget_prompts = {prompt for concept in self.forget for prompt in self.forms(concept)}
        return sorted({prompt for concept in retain_concepts for prompt in self.forms(concept)} - forget_prompts)

    def _suite(self) -> list[EvalPrompt]:
        if not self.domains:
            forget_shots = [
                EvalPrompt("forget", form, seed, phrase=concept.phrase)
                for concept in self.forget
                for seed, form in enumerate(self.forms(concept))
            ]
            near = [
                EvalPrompt("neighbour", f"a picture of {concept.phrase}", seed, phrase=concept.phrase)
                for concept in self.keep
                for seed in range(2)
            ]
            return [*forget_shots, *near, *(EvalPrompt("unrelated", text, 0, phrase=text) for text in COMMON)]
        shots = []
        for row, style in enumerate(self.domains["style"]):
            for column, object_name in enumerate(self.domains["object"]):
                alike = object_name in self.neighbours or style in self.neighbours
                role: Role = "forget" if self.asks(object_name, style) else "neighbour" if alike else "unrelated"
                shots.append(EvalPrompt(role, self.prompt(object_name, style), 1000 * row + column, object_name, style))
        return shots
