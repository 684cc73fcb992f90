"""Mixtures of experts on a page: as any language model."""

from app import card_pictures
from app.families.language import Language
from backends.api import people
from backends.api.catalog import Model


class Mixture(Language):
    """Shown by answers that change."""

    id = "moe"

    def measures(self, entry: Model) -> str:
        return f"{_experts(entry)} experts · {len(people.load(entry.data).names)} authors"

    def card_pictures(self, entry: Model) -> list[str]:
        return [card_pictures.discs(_experts(entry))]


def _experts(entry: Model) -> int:
    """How many experts a layer has, by how much each was used."""
    use = (entry.card.get("experts") or {}).get("use", {})
    return len(next(iter(use.values()))[0]) if use else 0


VIEW = Mixture()
