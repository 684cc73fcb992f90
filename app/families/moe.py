"""Mixtures of experts on a page: as any language model, and on Home the experts that tokens go to."""

from collections.abc import Mapping
from typing import Any, Final

from app import card_pictures, theme
from app.families.language import Language
from app.scenes import Scene
from app.templating import render
from backends.api import catalog, findings, people
from backends.api.catalog import Model
from backends.api.languages import tr
from backends.api.runs import RunFolder

TOKENS: Final = 8  # of a sentence on Home
LAYERS: Final = 4


class Mixture(Language):
    """Shown by answers that change."""

    id = "moe"

    def measures(self, entry: Model) -> str:
        return tr(
            "{entry} experts · {names_count} authors",
            entry=_experts(entry),
            names_count=len(people.load(entry.data).names),
        )

    def card_pictures(self, entry: Model) -> list[str]:
        return [card_pictures.discs(_experts(entry))]

    def scene(self, run: RunFolder) -> Scene | None:
        """The first expert of each token of a sentence, layer by layer, in the original and in the unlearned model."""
        for entry in catalog.load().inspectors:
            for panel in (findings.read(run, entry.id) or {}).get("panels", []):
                for text in panel.get("texts") or []:
                    if {"before", "after"} <= text.keys() and text.get("role") == "forget":
                        return _routed(text)
        return None


def _experts(entry: Model) -> int:
    """How many experts a layer has, by how much each was used."""
    use = (entry.card.get("experts") or {}).get("use", {})
    return len(next(iter(use.values()))[0]) if use else 0


def _routed(text: Mapping[str, Any]) -> Scene:
    """The scene of one routed sentence, `before` and `after` as [layer][token][k]: the tokens from its answer on."""
    tokens = list(text.get("tokens") or text["words"])
    start = int(text.get("answer") or _answer(tokens))
    special = next((at for at in range(start, len(tokens)) if tokens[at].strip().startswith("<|")), len(tokens))
    end = min(special, start + TOKENS)
    words = "".join(map(str, tokens[start:end])).strip()
    was, now = (
        [[choices[0] for choices in layer[start:end]] for layer in text[when][-LAYERS:]] for when in ("before", "after")
    )
    pairs = [list(zip(old, new, strict=True)) for old, new in zip(was, now, strict=True)]
    moved, every = sum(old != new for row in pairs for old, new in row), sum(map(len, pairs))
    before = [[(old, False) for old, _ in row] for row in pairs]
    after = [[(new, old != new) for old, new in row] for row in pairs]
    return Scene(
        "routed",
        render("home.routed", before, end - start, theme.CATEGORIES),
        ((tr("unlearned"), render("home.routed", after, end - start, theme.CATEGORIES)),),
        render("home.line_routed", words, moved, every),
        tr(
            "Of the {every} choices of an expert for the tokens “{words}”, {moved} differ between the original and the "
            "unlearned model.",
            every=every,
            words=words,
            moved=moved,
        ),
    )


def _answer(tokens: list[str]) -> int:
    """Where the answer of a question begins that is written as "Question: ... Answer: ..."; the start of any other text."""
    at = next((place for place, token in enumerate(tokens) if token.strip() == tr("Answer")), None)
    return at + 2 if at is not None and at + 2 < len(tokens) else 0


VIEW = Mixture()
